/**
 * @file
 * Retained sizes: kinds and sums over the tree of dominators; see retained.h.
 */
#include "analyzers/retained/retained.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "analyzers/retained/graph.h"
#include "analyzers/select/tally.h"
#include "core/base/array.h"
#include "core/base/cleanup.h"
#include "core/base/hash.h"
#include "core/heap/build.h"

enum {
	SLICE_BYTES = 16 << 20,
	AHEAD = 16,            /* vertices whose holders are fetched in advance */
	RECENT = 256,          /* kinds that a worker remembers: a power of two */
	CHECK_EVERY = 1 << 20, /* vertices between two looks at whether to go on */
};

/** @name Kinds */
/**@{*/

struct recent {
	struct hc_retained_kind kind;
	uint32_t id; /* 0: nothing */
};

/** A worker's own. */
struct kinds_seen {
	struct recent items[RECENT];
	struct hc_count held;
};

/** What workers that look for kinds share. */
struct sort {
	struct hc_retained *retained;
	const struct hc_types *types;
	pthread_mutex_t lock; /* for the kinds, and: */
	struct hc_hash hash;
};

static uint64_t hash_kind(const struct hc_retained_kind *kind)
{
	return hc_hash_mix(kind->size + ((uint64_t)kind->type << 40));
}

static bool same_kind(const struct hc_retained_kind *a, const struct hc_retained_kind *b)
{
	return a->size == b->size && a->type == b->type;
}

/** With the lock held. */
static struct hc_error *find_kind(struct sort *sort, const struct hc_retained_kind *kind,
				  uint32_t *ret)
{
	struct hc_retained *retained = sort->retained;
	struct hc_error *err = hc_hash_reserve(&sort->hash, retained->num_kinds, i,
					       hash_kind(&retained->kinds[i]));

	if (err)
		return err;
	uint32_t *slot =
		hc_hash_find(&sort->hash, hash_kind(kind), i, same_kind(&retained->kinds[i], kind));

	if (!*slot) {
		err = hc_array_reserve(&retained->kinds, retained->num_kinds,
				       sizeof(*retained->kinds));
		if (err)
			return err;
		retained->kinds[retained->num_kinds++] = *kind;
		*slot = retained->num_kinds;
	}
	*ret = *slot - 1;
	return NULL;
}

static struct hc_error *sort_chunk(void *ctx, void *worker, const struct hc_chunk *chunk)
{
	struct sort *sort = ctx;
	struct kinds_seen *seen = worker;
	uint32_t vertex = hc_retained_vertex(sort->retained, chunk);

	if (!vertex)
		return NULL;
	const struct hc_retained_kind kind = {
		chunk->size, sort->types ? hc_type_of(sort->types, chunk) : HC_TYPE_NONE};
	struct recent *recent = &seen->items[hash_kind(&kind) % RECENT];
	struct hc_error *err = NULL;

	if (!recent->id || !same_kind(&recent->kind, &kind)) {
		pthread_mutex_lock(&sort->lock);
		err = find_kind(sort, &kind, &recent->id);
		pthread_mutex_unlock(&sort->lock);
		recent->kind = kind;
	}
	sort->retained->kind[vertex] = recent->id;
	hc_count_chunk(&seen->held, chunk);
	return err;
}

static struct hc_error *merge_seen(void *ctx, void *worker)
{
	struct sort *sort = ctx;
	const struct kinds_seen *seen = worker;

	hc_count_add(&sort->retained->held, &seen->held);
	return NULL;
}

static struct hc_error *sort_chunks(struct hc_retained *retained, const struct hc_types *types)
{
	static const struct hc_tally tally = {
		.phase = HC_PHASE_RETAIN,
		.worker_size = sizeof(struct kinds_seen),
		.slice_bytes = SLICE_BYTES,
		.chunk = sort_chunk,
		.merge = merge_seen,
	};
	const struct hc_retained_kind anchor = {0};
	struct sort sort = {retained, types, PTHREAD_MUTEX_INITIALIZER, {0}};
	uint32_t id;
	struct hc_error *err;

	retained->kind = hc_zeroes_create(retained->num, sizeof(*retained->kind));
	if (!retained->kind)
		return &hc_enomem;
	err = find_kind(&sort, &anchor, &id);
	if (!err)
		err = hc_tally_run(retained->target, NULL, &tally, &sort);
	pthread_mutex_destroy(&sort.lock);
	hc_hash_deinit(&sort.hash);
	return err;
}
/**@}*/

/** Whoever is held comes after who holds it: from the last vertex, all that is below is summed. */
static struct hc_error *sum_up(struct hc_retained *retained)
{
	struct hc_watch *watch = retained->heap->process->watch;

	retained->low = hc_zeroes_create(retained->num, sizeof(*retained->low));
	retained->high = hc_zeroes_create(retained->num, sizeof(*retained->high));
	if (!retained->low || !retained->high)
		return &hc_enomem;
	for (uint32_t v = retained->num; v-- > 0;) {
		uint32_t holder = retained->idom[v];

		if (v >= AHEAD)
			__builtin_prefetch(&retained->low[retained->idom[v - AHEAD]], 1);
		uint64_t bytes =
			hc_retained_bytes(retained, v) + retained->kinds[retained->kind[v]].size;
		uint64_t sum = bytes + (v ? hc_retained_bytes(retained, holder) : 0);

		retained->low[v] = bytes;
		retained->low[holder] = sum;
		/* Pages that nobody writes to cost nothing: few retain as much as 4 GiB. */
		if (bytes >> 32)
			retained->high[v] = bytes >> 32;
		if (sum >> 32)
			retained->high[holder] = sum >> 32;
		if (v % CHECK_EVERY == 0 && hc_watch_cancelled(watch))
			break;
	}
	return hc_watch_check(watch);
}

static struct hc_error *find(struct hc_retained *retained, struct hc_spots *spots,
			     const struct hc_types *types)
{
	const struct hc_reach_stats *stats = &retained->target->reach;
	struct hc_error *err = hc_anchors_find(retained->heap, spots, &retained->anchors);

	if (!err)
		err = hc_numbers_init(retained->heap, &retained->numbers);
	if (err)
		return err;
	retained->vertex = hc_zeroes_create(retained->numbers.num + 1, sizeof(*retained->vertex));
	if (!retained->vertex)
		return &hc_enomem;
	err = hc_retained_search(retained, stats->kinds[HC_REACHABLE].chunks +
						   stats->kinds[HC_POSSIBLE].chunks);
	hc_watch_part(retained->heap->process->watch, 0.9, 1);
	if (!err)
		err = sort_chunks(retained, types);
	return err ? err : sum_up(retained);
}

struct hc_error *hc_retained_find(struct hc_target *target, struct hc_spots *spots,
				  const struct hc_types *types, struct hc_retained *ret)
{
	struct hc_error *err = hc_target_reach(target, NULL);
	struct hc_retained retained = {.target = target, .heap = target->heap};

	if (err)
		return err;
	hc_target_phase(target, HC_PHASE_RETAIN);
	err = find(&retained, spots, types);
	if (err) {
		hc_retained_deinit(&retained);
		return err;
	}
	*ret = retained;
	return NULL;
}

void hc_retained_deinit(struct hc_retained *retained)
{
	hc_anchors_deinit(&retained->anchors);
	hc_zeroes_destroy(retained->vertex, retained->numbers.num + 1, sizeof(*retained->vertex));
	hc_zeroes_destroy(retained->idom, (uint64_t)retained->max + 1, sizeof(*retained->idom));
	hc_numbers_deinit(&retained->numbers);
	hc_zeroes_destroy(retained->kind, retained->num, sizeof(*retained->kind));
	free(retained->kinds);
	hc_zeroes_destroy(retained->low, retained->num, sizeof(*retained->low));
	hc_zeroes_destroy(retained->high, retained->num, sizeof(*retained->high));
	*retained = (struct hc_retained){0};
}

/** @name Looking up */
/**@{*/

const struct hc_anchor *hc_retained_anchor(const struct hc_retained *retained, uint32_t vertex)
{
	const struct hc_anchors *anchors = &retained->anchors;
	size_t i = hc_lower_bound(anchors->num, k, anchors->items[k].vertex < vertex);

	return i < anchors->num && anchors->items[i].vertex == vertex ? &anchors->items[i] : NULL;
}

const struct hc_anchor *hc_retained_anchor_at(const struct hc_retained *retained, uint64_t start,
					      uint64_t end)
{
	for (size_t i = 0; i < retained->anchors.num; i++) {
		const struct hc_anchor *anchor = &retained->anchors.items[i];

		if (anchor->start < end && start < anchor->end)
			return anchor;
	}
	return NULL;
}

/** The chunk that has a number. */
static void chunk_of(const struct hc_retained *retained, uint64_t number, struct hc_chunk *ret)
{
	const struct hc_heap *heap = retained->heap;
	uint64_t *const *before = retained->numbers.before;
	size_t index = hc_lower_bound(heap->num_spans, k,
				      (heap->spans[k].num_blocks ? before[k][0] : 0) <= number) -
		       1;

	/* Spans without a chunk have the number of the next one. */
	while (!heap->spans[index].num_chunks)
		index--;
	const struct hc_span *span = &heap->spans[index];
	size_t block = hc_lower_bound(span->num_blocks, k, before[index][k] <= number) - 1;
	uint64_t starts = span->blocks[block].start;

	for (uint64_t skip = number - before[index][block]; skip && starts; skip--)
		starts &= starts - 1;
	hc_span_chunk(heap, span, block * HC_UNITS_PER_BLOCK + (uint64_t)__builtin_ctzll(starts),
		      ret);
}

struct hc_error *hc_retained_chunks(const struct hc_retained *retained, const uint32_t *vertices,
				    size_t num, struct hc_chunk *chunks)
{
	hc_cleanup_free uint64_t *wanted = calloc(retained->num / 64 + 1, sizeof(*wanted));
	hc_cleanup(hc_hash_deinit) struct hc_hash hash = {0};
	struct hc_error *err = NULL;

	if (!wanted)
		return &hc_enomem;
	memset(chunks, 0, num * sizeof(*chunks));
	/* A vertex may be asked for twice: it has two slots. */
	for (size_t i = 0; !err && i < num; i++) {
		err = hc_hash_reserve(&hash, i, k, hc_hash_mix(vertices[k]));
		if (!err)
			*hc_hash_find(&hash, hc_hash_mix(vertices[i]), k, k == i) = i + 1;
		wanted[vertices[i] / 64] |= UINT64_C(1) << vertices[i] % 64;
	}
	for (uint64_t number = 0; !err && number < retained->numbers.num; number++) {
		uint32_t vertex = retained->vertex[number];

		if (!vertex || !(wanted[vertex / 64] >> vertex % 64 & 1))
			continue;
		size_t mask = hash.num - 1;

		for (size_t slot = hc_hash_mix(vertex) & mask; hash.slots[slot];
		     slot = (slot + 1) & mask)
			if (vertices[hash.slots[slot] - 1] == vertex)
				chunk_of(retained, number, &chunks[hash.slots[slot] - 1]);
	}
	return err;
}
/**@}*/
