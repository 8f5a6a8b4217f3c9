/**
 * @file
 * What goes through all of the memory for one question: who points to an address, and search.
 */
#include <stdlib.h>

#include "analyzers/reachability/referrers.h"
#include "analyzers/search/search.h"
#include "core/base/cleanup.h"
#include "lib/library.h"

/** @name Referrers */
/**@{*/

struct referrers {
	struct heapcore_referrers head;
	struct heapcore_referrer items[];
};

static void fill_referrer(const struct heapcore *core, const struct hc_referrer *referrer,
			  struct heapcore_referrer *ret)
{
	*ret = (struct heapcore_referrer){
		.from = referrer->in_chunk ? "chunk" : hc_root_kind_name(referrer->root),
		.detail = referrer->in_chunk ? NULL : referrer->detail,
		.address = referrer->address,
		.value = referrer->value,
		.interior = referrer->interior,
		.stale = referrer->stale,
		.thread = referrer->thread && !referrer->in_chunk ? referrer->thread->lwp : 0,
	};
	if (referrer->in_chunk)
		hc_fill_chunk(core, &referrer->chunk, &ret->chunk);
}

static struct hc_error *give_found(const struct heapcore *core, const struct hc_referrers *found,
				   const struct heapcore_referrers **ret)
{
	struct referrers *made = calloc(1, sizeof(*made) + found->num * sizeof(made->items[0]));

	if (!made)
		return &hc_enomem;
	made->head = (struct heapcore_referrers){.total = found->total, .num = found->num};
	for (size_t i = 0; i < found->num; i++)
		fill_referrer(core, &found->items[i], &made->items[i]);
	*ret = &made->head;
	return NULL;
}

static struct hc_error *refer(struct heapcore *core, uint64_t address, size_t max,
			      const struct heapcore_referrers **ret)
{
	struct hc_target *target = core->target;
	struct hc_referent referent;
	struct hc_referrers found;
	const struct hc_heap *heap;
	struct hc_error *err = hc_target_heap_if_any(target, &heap);

	/* It finds out which interior pointers the program means. */
	if (!err && heap)
		err = hc_target_reach(target, NULL);
	if (err)
		return err;
	hc_target_phase(target, HC_PHASE_REFER);
	hc_referent_of(heap, address, &referent);
	const struct hc_refer_query query = {
		.process = target->process,
		.heap = heap,
		.referents = &referent,
		.num = 1,
		.max = max,
	};
	err = hc_referrers_find(&query, &found);
	if (err)
		return err;
	err = give_found(core, &found, ret);
	hc_referrers_deinit(&found);
	return err;
}

struct heapcore_error *heapcore_referrers(struct heapcore *core, uint64_t address, size_t max,
					  const struct heapcore_referrers **ret)
{
	struct hc_call call;
	struct heapcore_error *failed = hc_call_begin(&call, core);

	return failed ? failed : hc_call_end(&call, refer(core, address, max, ret));
}

const struct heapcore_referrer *heapcore_referrer(const struct heapcore_referrers *referrers,
						  size_t index)
{
	return index < referrers->num ? &((const struct referrers *)referrers)->items[index] : NULL;
}

void heapcore_referrers_free(const struct heapcore_referrers *referrers)
{
	free((void *)referrers);
}
/**@}*/

/** @name Search */
/**@{*/

struct delivery {
	struct heapcore *core;
	const struct heapcore_search *search;
};

/** A match for the host, whose code runs as if there were no call: faults in it are its own. */
static bool deliver(void *ctx, const struct hc_search_hit *hit)
{
	const struct delivery *delivery = ctx;
	struct heapcore_chunk chunk;
	struct hc_guard_frame frame;
	const struct heapcore_match match = {
		.address = hit->address,
		.bytes = hit->text.data,
		.size = hit->text.size,
		.group = hit->group.data,
		.group_size = hit->group.size,
		.chunk = hit->chunk ? &chunk : NULL,
	};

	if (hit->chunk)
		hc_fill_chunk(delivery->core, hit->chunk, &chunk);
	hc_guard_enter(NULL, &frame);
	bool stop = delivery->search->fn(delivery->search->ctx, &match);
	hc_guard_leave(&frame);
	return !stop && !hc_guard_is_hit(&delivery->core->guard);
}

static struct hc_error *compile(const struct heapcore_search *search, struct hc_pattern **ret)
{
	const struct hc_pattern_options options = {
		.literal = search->flags & HEAPCORE_LITERAL,
		.hex = search->flags & HEAPCORE_HEX,
		.ignore_case = search->flags & HEAPCORE_IGNORE_CASE,
		.wide = search->flags & HEAPCORE_WIDE,
		.word = search->flags & HEAPCORE_WORD,
	};

	if (!search->pattern || search->scope > HEAPCORE_SEARCH_ALL)
		return hc_error_create(HC_ERROR_ARGUMENT, "there is no %s",
				       search->pattern ? "such scope" : "pattern");
	return hc_pattern_compile(search->pattern, &options, ret);
}

static void pattern_destroyp(struct hc_pattern **pattern)
{
	hc_pattern_destroy(*pattern);
}

static struct hc_error *give_result(const struct hc_search_result *result,
				    struct heapcore_found *ret)
{
	const struct heapcore_found found = {
		.matches = result->matches,
		.chunks = {result->chunks, result->bytes},
		.limited = result->limited,
	};

	return ret ? hc_give_struct(&found, ret, sizeof(found)) : NULL;
}

static struct hc_error *run_search(struct delivery *delivery, const struct hc_selection *selection,
				   struct heapcore_found *ret)
{
	const struct heapcore_search *search = delivery->search;
	hc_cleanup(pattern_destroyp) struct hc_pattern *pattern = NULL;
	const struct hc_search_options options = {
		.scope = (enum hc_search_scope)search->scope,
		.selection = selection,
		.first_only = search->flags & HEAPCORE_FIRST_ONLY,
		.fn = search->fn ? deliver : NULL,
		.ctx = delivery,
	};
	struct hc_search_result result;
	struct hc_error *err = compile(search, &pattern);

	if (!err)
		err = hc_search_run(delivery->core->target, pattern, &options, &result);
	if (err)
		return err;
	err = give_result(&result, ret);
	hc_search_result_deinit(&result);
	return err;
}

static struct hc_error *prepare_search(struct heapcore *core, const struct heapcore_search *given,
				       struct heapcore_found *ret)
{
	struct hc_selection selection;
	struct heapcore_search search;
	struct delivery delivery = {.core = core, .search = &search};
	const struct hc_heap *heap;
	struct hc_error *err = hc_take_struct(given, &search, sizeof(search));

	if (!err)
		err = hc_target_heap_if_any(core->target, &heap);
	/* Marking must not begin in a callback, while threads read the heap. */
	if (!err && heap && search.fn)
		err = hc_target_reach(core->target, NULL);
	if (err)
		return err;
	hc_selection_init(&selection);
	if (search.select)
		err = hc_core_select(core, search.select, &selection);
	if (!err)
		err = run_search(&delivery, &selection, ret);
	hc_selection_deinit(&selection);
	return err;
}

struct heapcore_error *heapcore_search(struct heapcore *core, const struct heapcore_search *search,
				       struct heapcore_found *ret)
{
	struct hc_call call;
	struct heapcore_error *failed = hc_call_begin(&call, core);

	return failed ? failed : hc_call_end(&call, prepare_search(core, search, ret));
}
/**@}*/
