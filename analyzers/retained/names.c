/**
 * @file
 * Names; see names.h.
 *
 * Vertices are taken away from the tree once nothing is below them, as Kahn (1962) sorts
 * topologically: the first to go gets the last name.
 */
#include "analyzers/retained/names.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "core/base/parallel.h"
#include "core/heap/build.h"

enum {
	SLICE = 1 << 18, /* numbers of chunks that are a task */
	AHEAD = 16,      /* vertices that are fetched for in advance */
	CHECK_EVERY = 1 << 20,
};

#define NAMED (UINT32_C(1) << 31)

struct naming {
	struct hc_retained *retained;
	struct hc_named_tree *tree;
	/** Of each vertex: how many are right below it; when it has a name, NAMED and that. */
	uint32_t *state;
	uint32_t *order; /**< chunks, those first that go first */
	uint32_t num;    /**< chunks; atomic */
};

static struct hc_error *for_all_numbers(struct naming *naming, hc_task_fn fn)
{
	const struct hc_process *process = naming->retained->heap->process;

	return hc_process_parallel(process, naming->retained->numbers.num / SLICE + 1, fn, naming);
}

static uint64_t end_of_slice(const struct naming *naming, size_t task)
{
	uint64_t end = ((uint64_t)task + 1) * SLICE;

	return end < naming->retained->numbers.num ? end : naming->retained->numbers.num;
}

static struct hc_error *count_slice(void *ctx, unsigned worker, size_t task)
{
	struct naming *naming = ctx;
	const uint32_t *vertex = naming->retained->vertex, *parents = naming->tree->parents;
	const uint64_t end = end_of_slice(naming, task);
	uint32_t num = 0;

	(void)worker;
	for (uint64_t i = (uint64_t)task * SLICE; i < end; i++) {
		if (i + 2 * AHEAD < end)
			__builtin_prefetch(&parents[vertex[i + 2 * AHEAD]]);
		if (i + AHEAD < end)
			__builtin_prefetch(&naming->state[parents[vertex[i + AHEAD]]], 1);
		if (!vertex[i])
			continue;
		__atomic_fetch_add(&naming->state[parents[vertex[i]]], 1, __ATOMIC_RELAXED);
		num++;
	}
	__atomic_fetch_add(&naming->num, num, __ATOMIC_RELAXED);
	return NULL;
}

static void name_anchors(struct naming *naming)
{
	struct hc_anchors *anchors = &naming->retained->anchors;

	naming->state[0] = NAMED;
	for (size_t i = 0; i < anchors->num; i++) {
		naming->state[anchors->items[i].vertex] = NAMED | (i + 1);
		anchors->items[i].vertex = i + 1;
	}
}

static struct hc_error *name_chunks(struct naming *naming)
{
	struct hc_retained *retained = naming->retained;
	const uint32_t *parents = naming->tree->parents;
	uint32_t *state = naming->state, *order = naming->order;
	const uint32_t last = retained->anchors.num + naming->num;
	uint64_t num = 0;

	for (uint64_t i = retained->numbers.num; i-- > 0;) {
		uint32_t v = retained->vertex[i];

		if (v && !state[v])
			order[num++] = v;
	}
	for (uint64_t i = 0; i < num; i++) {
		uint32_t v = order[i], parent = parents[v];

		if (i + 2 * AHEAD < num)
			__builtin_prefetch(&parents[order[i + 2 * AHEAD]]);
		if (i + AHEAD < num)
			__builtin_prefetch(&state[parents[order[i + AHEAD]]], 1);
		state[v] = NAMED | (last - i);
		if (!(state[parent] & NAMED) && !--state[parent])
			order[num++] = parent;
		if (i % CHECK_EVERY == 0 && hc_watch_cancelled(retained->heap->process->watch))
			break;
	}
	struct hc_error *err = hc_watch_check(retained->heap->process->watch);

	if (!err && num != naming->num)
		err = hc_error_create(HC_ERROR_FORMAT, "chunks that hold each other, and nothing "
						       "holds them");
	return err;
}

static struct hc_error *put_slice(void *ctx, unsigned worker, size_t task)
{
	struct naming *naming = ctx;
	const uint32_t *state = naming->state, *parents = naming->tree->parents;
	uint32_t *vertex = naming->retained->vertex;
	const uint64_t end = end_of_slice(naming, task);

	(void)worker;
	for (uint64_t i = (uint64_t)task * SLICE; i < end; i++) {
		uint32_t v = vertex[i];

		if (i + 2 * AHEAD < end)
			__builtin_prefetch(&parents[vertex[i + 2 * AHEAD]]);
		if (i + AHEAD < end)
			__builtin_prefetch(&state[parents[vertex[i + AHEAD]]]);
		if (!v)
			continue;
		vertex[i] = state[v] & ~NAMED;
		naming->retained->idom[vertex[i]] = state[parents[v]] & ~NAMED;
	}
	return NULL;
}

static void naming_deinit(struct naming *naming)
{
	hc_zeroes_destroy(naming->tree->parents, naming->tree->max, sizeof(uint32_t));
	naming->tree->parents = NULL;
	hc_zeroes_destroy(naming->state, naming->tree->max, sizeof(*naming->state));
	hc_zeroes_destroy(naming->order, naming->tree->max, sizeof(*naming->order));
}

struct hc_error *hc_retained_name(struct hc_retained *retained, struct hc_named_tree *tree)
{
	hc_cleanup(naming_deinit) struct naming naming = {.retained = retained, .tree = tree};
	struct hc_error *err = NULL;

	naming.state = hc_zeroes_create(tree->max, sizeof(*naming.state));
	naming.order = hc_zeroes_create(tree->max, sizeof(*naming.order));
	if (!naming.state || !naming.order)
		return &hc_enomem;
	err = for_all_numbers(&naming, count_slice);
	if (err)
		return err;
	name_anchors(&naming);
	if ((err = name_chunks(&naming)))
		return err;
	retained->num = 1 + retained->anchors.num + naming.num;
	retained->max = tree->max - 1;
	/* No new pages: chunks' are all written, and what was there for the others is not theirs.
	 */
	retained->idom = naming.order;
	naming.order = NULL;
	memset(retained->idom, 0, (1 + retained->anchors.num) * sizeof(*retained->idom));
	return for_all_numbers(&naming, put_slice);
}
