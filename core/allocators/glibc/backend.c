/**
 * @file
 * The glibc malloc back end: the calls of allocator.h in terms of the parts in this folder.
 */
#include "core/base/cleanup.h"
#include "core/allocators/glibc/glibc.h"

static void destroy(void *state)
{
	struct glibc *g = state;
	if (!g)
		return;
	free(g->arenas);
	free(g);
}

static struct hc_error *recognise(struct hc_process *process, struct hc_heap *heap,
				  void **state_ret, bool *recognised)
{
	struct glibc *g = calloc(1, sizeof(*g));
	if (!g)
		return &hc_enomem;
	g->process = process;
	g->memory = &process->memory;
	g->heap = heap;
	bool found;
	struct hc_error *err = glibc_discover(g, &found);
	if (err || !found) {
		destroy(g);
		return err;
	}
	heap->word_size = g->params.word_size;
	heap->alignment = g->params.alignment;
	heap->min_chunk = g->params.min_chunk;
	heap->first_large = g->params.first_large;
	*state_ret = g;
	*recognised = true;
	return NULL;
}

static struct hc_error *walk(struct hc_process *process, struct hc_heap *heap, void *state)
{
	(void)process, (void)heap;
	struct hc_error *err = glibc_walk_arenas(state);
	return err ? err : glibc_find_mmapped(state);
}

static struct hc_error *mark_tops(struct hc_heap *heap)
{
	for (size_t i = 0; i < heap->num_arenas; i++) {
		struct hc_error *err = NULL;
		if (heap->arenas[i].top)
			err = hc_heap_add_special(heap, heap->arenas[i].top, HC_TOP, "top");
		if (err)
			return err;
	}
	return NULL;
}

static struct hc_error *lists(struct hc_process *process, struct hc_heap *heap, void *state)
{
	(void)process;
	struct hc_error *err;
	if ((err = glibc_mark_tcaches(state)) || (err = glibc_mark_fastbins(state)) ||
	    (err = glibc_mark_unsorted(state)) || (err = mark_tops(heap)) ||
	    (err = glibc_assign_threads(state)))
		return err;
	err = glibc_describe(state);
	glibc_name_faults(state);
	return err;
}

static struct hc_error *assign(struct hc_process *process, struct hc_heap *heap, void *state)
{
	(void)process, (void)heap;
	struct hc_error *err;
	if ((err = glibc_assign_arenas(state)) || (err = glibc_assign_mmapped(state)))
		return err;
	return glibc_find_abort_message(state);
}

static struct hc_error *check(struct hc_process *process, struct hc_heap *heap, void *state)
{
	(void)process, (void)heap;
	struct hc_error *err = glibc_check(state);
	glibc_name_faults(state);
	return err;
}

const struct hc_allocator hc_allocator_glibc = {
	.name = "glibc malloc",
	.recognise = recognise,
	.walk = walk,
	.lists = lists,
	.assign = assign,
	.check = check,
	.destroy = destroy,
};
