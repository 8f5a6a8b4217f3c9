/**
 * @file
 * Proving that chunks are reachable; see what_reach.h.
 */
#include "analyzers/inspect/what_reach.h"

#include <stdlib.h>

#include "core/base/cleanup.h"

/** Longer chains are lists: following these step by step takes longer than marking. */
#define MAX_LEVELS (UINT64_C(1) << 16)
/**
 * The search goes on until it has come by one chunk of so many: of a dozen words that point to a
 * chunk, one is then nearly always in one of these.
 */
#define SHARE 3
/** Words that point to a chunk, of which one that is held is looked for. */
#define MAX_REFERRERS 64

/** Chunks that are to be reachable. */
struct claims {
	const struct hc_chunk **items;
	size_t num;
};

static bool is_in_use(const struct hc_what *what)
{
	return what->in_chunk && what->chunk.state == HC_IN_USE;
}

/** The chunk that a chain is looked for to: the one asked about, or one that points there; or NULL.
 */
static const struct hc_chunk *find_anchor(const struct hc_what *what)
{
	if (is_in_use(what))
		return &what->chunk;
	for (size_t i = 0; i < what->referrers.num; i++) {
		if (what->referrers.items[i].in_chunk)
			return &what->referrers.items[i].chunk;
	}
	return NULL;
}

/** Whether a chain may settle it: the words that point there leave nothing to marking. */
static bool is_plain(const struct hc_what *what)
{
	return !what->referrers.doubtful && (!is_in_use(what) || what->referrers.total);
}

/** A chunk that is named, unless it is known to be reachable or can't be. */
static void claim(const struct hc_path_search *search, const struct hc_chunk *chunk,
		  struct claims *claims)
{
	if (chunk->state == HC_IN_USE && !hc_path_search_has(search, chunk))
		claims->items[claims->num++] = chunk;
}

/** Chunks that the search has not come by, and that the chunk itself does not hold. */
static struct hc_error *collect(const struct hc_path_search *search, const struct hc_what *what,
				struct claims *ret)
{
	ret->items = calloc(what->referrers.num + what->num_targets + 1, sizeof(*ret->items));
	if (!ret->items)
		return &hc_enomem;
	for (size_t i = 0; i < what->referrers.num; i++) {
		if (what->referrers.items[i].in_chunk)
			claim(search, &what->referrers.items[i].chunk, ret);
	}
	for (size_t i = 0; i < what->num_targets; i++) {
		if (what->targets[i].value != what->targets[i].chunk.address)
			claim(search, &what->targets[i].chunk, ret);
	}
	return NULL;
}

/** Whether one of the words that point to a chunk makes it reachable. */
static bool is_held(const struct hc_path_search *search, const struct hc_chunk *chunk,
		    const struct hc_referrers *referrers)
{
	for (size_t i = 0; i < referrers->num; i++) {
		const struct hc_referrer *referrer = &referrers->items[i];

		if (referrer->value == chunk->address &&
		    (!referrer->in_chunk || hc_path_search_has(search, &referrer->chunk)))
			return true;
	}
	return false;
}

/** Whether each chunk is pointed to by a root, or by one that the search has come by. */
static struct hc_error *look_for_holders(const struct hc_heap *heap,
					 const struct hc_path_search *search,
					 const struct claims *claims, bool *ret)
{
	hc_cleanup_free struct hc_referent *referents = calloc(claims->num, sizeof(*referents));
	hc_cleanup_free struct hc_referrers *referrers = calloc(claims->num, sizeof(*referrers));
	const struct hc_refer_query query = {
		.process = heap->process,
		.heap = heap,
		.referents = referents,
		.num = claims->num,
		.max = MAX_REFERRERS,
	};

	if (!referents || !referrers)
		return &hc_enomem;
	for (size_t i = 0; i < claims->num; i++) {
		hc_referent_of(heap, claims->items[i]->address, &referents[i]);
		/* Words that point behind the start prove nothing. */
		referents[i].size = 1;
	}
	struct hc_error *err = hc_referrers_find(&query, referrers);

	if (err)
		return err;
	*ret = true;
	for (size_t i = 0; i < claims->num; i++) {
		*ret &= is_held(search, claims->items[i], &referrers[i]);
		hc_referrers_deinit(&referrers[i]);
	}
	return NULL;
}

static struct hc_error *settle(const struct hc_heap *heap, const struct hc_path_search *search,
			       const struct hc_what *what, bool *ret)
{
	struct claims claims = {0};
	struct hc_error *err = collect(search, what, &claims);

	if (!err && claims.num)
		err = look_for_holders(heap, search, &claims, ret);
	else
		*ret = !err;
	free(claims.items);
	return err;
}

/** All chunks that are named are reachable. */
static void mark(struct hc_what *what)
{
	what->reach_known = true;
	what->chunk.reach = HC_REACHABLE;
	for (size_t i = 0; i < what->referrers.num; i++)
		what->referrers.items[i].chunk.reach = HC_REACHABLE;
	for (size_t i = 0; i < what->num_targets; i++)
		what->targets[i].chunk.reach = HC_REACHABLE;
}

static void search_destroyp(struct hc_path_search **search)
{
	hc_path_search_destroy(*search);
}

/** Look for a chain, and from what that has come by for holders of the others. */
static struct hc_error *prove(const struct hc_heap *heap, const struct hc_chunk *anchor,
			      const struct hc_what *what, struct hc_paths *paths, bool *ret)
{
	hc_cleanup(search_destroyp) struct hc_path_search *search = NULL;
	struct hc_error *err;

	if ((err = hc_path_search_create(heap, MAX_LEVELS, &search)) ||
	    (err = hc_path_search_run(search, anchor, paths)) || !paths->num ||
	    (err = hc_path_search_widen(search, hc_heap_num_chunks(heap) / SHARE)))
		return err;
	return settle(heap, search, what, ret);
}

struct hc_error *hc_what_prove(const struct hc_heap *heap, struct hc_what *what)
{
	hc_cleanup(hc_paths_deinit) struct hc_paths paths = {0};
	const struct hc_chunk *anchor = find_anchor(what);
	bool proven = !anchor;

	if (!is_plain(what))
		return NULL;
	struct hc_error *err = anchor ? prove(heap, anchor, what, &paths, &proven) : NULL;

	if (err || !proven)
		return err;
	mark(what);
	if (is_in_use(what)) {
		what->paths = paths;
		paths = (struct hc_paths){0};
	}
	return NULL;
}
