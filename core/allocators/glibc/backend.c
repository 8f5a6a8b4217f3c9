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

static struct hc_error *recognise(struct hc_backend *self, bool *recognised)
{
	struct glibc *g = calloc(1, sizeof(*g));
	if (!g)
		return &hc_enomem;
	g->backend = self;
	g->process = self->process;
	g->memory = &self->process->memory;
	g->heap = self->heap;
	bool found;
	struct hc_error *err = glibc_discover(g, &found);
	if (!err && found)
		err = glibc_add_zones(g);
	if (err || !found) {
		destroy(g);
		return err;
	}
	self->state = g;
	*recognised = true;
	return NULL;
}

static struct hc_error *walk(struct hc_backend *self)
{
	struct hc_error *err = glibc_walk_arenas(self->state);
	return err ? err : glibc_find_mmapped(self->state);
}

/** Tops are where the arenas say; arena structs are bookkeeping, wherever they are. */
static struct hc_error *mark_tops(struct glibc *g)
{
	struct hc_heap *heap = g->heap;
	for (size_t i = 0; i < g->num_arenas; i++) {
		const struct hc_arena *arena = &heap->arenas[i];
		struct hc_error *err = NULL;
		if (arena->top)
			err = hc_heap_add_special(heap, arena->top, HC_TOP, "top");
		if (!err && arena->address)
			err = hc_heap_add_hole(heap, arena->address,
					       arena->address + arena->struct_size);
		if (err)
			return err;
	}
	return NULL;
}

static struct hc_error *mark(struct hc_backend *self)
{
	struct glibc *g = self->state;
	struct hc_error *err;
	if ((err = glibc_mark_tcaches(g)) || (err = glibc_mark_fastbins(g)) ||
	    (err = glibc_mark_unsorted(g)) || (err = mark_tops(g)) ||
	    (err = glibc_assign_threads(g)))
		return err;
	err = glibc_describe(g);
	glibc_name_faults(g);
	return err;
}

static struct hc_error *assign(struct hc_backend *self)
{
	struct hc_error *err;
	if ((err = glibc_assign_arenas(self->state)) || (err = glibc_assign_mmapped(self->state)))
		return err;
	return glibc_find_abort_message(self->state);
}

static struct hc_error *check(struct hc_backend *self)
{
	struct hc_error *err = glibc_check(self->state);
	glibc_name_faults(self->state);
	return err;
}

/**
 * malloc_consolidate() takes a whole fastbin at once and works through it; its chunks look in use.
 */
static uint64_t next(const struct hc_backend *self, uint64_t address)
{
	const struct glibc *g = self->state;
	struct hc_chunk chunk;
	uint64_t stored, header;

	if (!glibc_word(g, address, &stored))
		return 0;
	header = glibc_link(g, address, stored);
	if (!header || !hc_heap_chunk_at(g->heap, header + 2 * g->heap->word_size, &chunk) ||
	    chunk.address != header + 2 * g->heap->word_size || chunk.state != HC_IN_USE)
		return 0;
	return chunk.address;
}

const struct hc_allocator hc_allocator_glibc = {
	.name = "glibc malloc",
	.library = "glibc",
	.own = "malloc's own",
	.lists = glibc_lists,
	.num_lists = GLIBC_NUM_LISTS,
	.advice =
		{
			.give_back = "malloc_trim",
			.call = "malloc_trim(0)",
			.many_arenas = "MALLOC_ARENA_MAX=2 in the environment, or "
				       "mallopt(M_ARENA_MAX), limits them.",
			.large_top = "a lower M_TRIM_THRESHOLD gives it back by itself.",
		},
	.recognise = recognise,
	.walk = walk,
	.mark = mark,
	.assign = assign,
	.check = check,
	.next = next,
	.absent = glibc_absent,
	.destroy = destroy,
};
