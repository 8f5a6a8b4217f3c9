/**
 * @file
 * One row per arena, from one pass over the heap.
 */
#include "analyzers/counts/arenas.h"
#include "analyzers/select/tally.h"
#include "core/base/cleanup.h"

struct run {
	const struct hc_heap *heap;
	struct hc_arena_row *rows; /**< one an arena, the last for mmapped chunks */
	size_t num_rows;
	uint64_t page;
};

/**
 * Whole pages inside a free chunk, not counting the words that its list needs: what MADV_DONTNEED
 * may take.
 */
static uint64_t whole_pages(const struct hc_chunk *chunk, uint64_t page)
{
	const struct hc_zone *zone = chunk->span->zone;
	uint64_t start = (chunk->address + zone->links + page - 1) & ~(page - 1);
	uint64_t end = (chunk->address - zone->header + chunk->size) & ~(page - 1);
	return end > start ? end - start : 0;
}

static void add_chunk(const struct run *run, struct hc_arena_row *row, const struct hc_chunk *chunk)
{
	hc_count_chunk(&row->states[chunk->state], chunk);
	if (hc_chunk_is_lost(run->heap, chunk))
		hc_count_chunk(&row->leaked, chunk);
	if (chunk->state == HC_IN_USE)
		return;
	if (chunk->state == HC_TOP)
		row->trimmable += whole_pages(chunk, run->page);
	if (!chunk->list)
		return;
	hc_count_chunk(&row->lists[hc_heap_list_index(run->heap, chunk->list)], chunk);
	if (!chunk->list->merged)
		return;
	row->trimmable += whole_pages(chunk, run->page);
	if (chunk->size > row->largest_free)
		row->largest_free = chunk->size;
}

static struct hc_error *init(void *ctx, void *own)
{
	const struct run *run = ctx;
	struct hc_arena_row **rows = own;

	*rows = calloc(run->num_rows, sizeof(**rows));
	return *rows ? NULL : &hc_enomem;
}

static void deinit(void *ctx __attribute__((unused)), void *own)
{
	struct hc_arena_row **rows = own;

	free(*rows);
}

static struct hc_error *count(void *ctx, void *own, const struct hc_chunk *chunk)
{
	const struct run *run = ctx;
	struct hc_arena_row **rows = own;
	uint32_t arena = chunk->span->arena;

	add_chunk(run, &(*rows)[arena == HC_ARENA_MMAP ? run->num_rows - 1 : arena], chunk);
	return NULL;
}

static struct hc_error *merge(void *ctx, void *own)
{
	const struct run *run = ctx;
	struct hc_arena_row *const *rows = own;

	for (size_t i = 0; i < run->num_rows; i++) {
		struct hc_arena_row *row = &run->rows[i];
		const struct hc_arena_row *more = &(*rows)[i];

		for (int k = 0; k < HC_NUM_STATES; k++)
			hc_count_add(&row->states[k], &more->states[k]);
		for (size_t k = 0; k < HC_MAX_LISTS; k++)
			hc_count_add(&row->lists[k], &more->lists[k]);
		hc_count_add(&row->leaked, &more->leaked);
		row->trimmable += more->trimmable;
		if (more->largest_free > row->largest_free)
			row->largest_free = more->largest_free;
	}
	return NULL;
}

static void finish_row(const struct hc_process *process, const struct hc_heap *heap, size_t index,
		       struct hc_arena_row *row)
{
	uint64_t merged = 0;
	for (size_t i = 0; i < heap->num_lists; i++)
		merged += heap->lists[i]->merged ? row->lists[i].bytes : 0;
	row->free_bytes = row->states[HC_FREE].bytes + row->states[HC_TOP].bytes;
	row->fragmentation = merged ? 1 - (double)row->largest_free / merged : 0;
	row->index = index < heap->num_arenas ? index : HC_ARENA_MMAP;
	if (index == heap->num_arenas) {
		row->system = heap->mmapped_bytes;
		return;
	}
	row->arena = &heap->arenas[index];
	row->system = row->arena->system;
	for (size_t i = 0; i < process->threads.num; i++)
		row->num_threads += heap->thread_arena && heap->thread_arena[i] == index;
}

struct hc_error *hc_arenas_run(struct hc_target *target, struct hc_arena_table *ret)
{
	static const struct hc_tally tally = {
		.phase = HC_PHASE_COUNT,
		.worker_size = sizeof(struct hc_arena_row *),
		.slice_bytes = UINT64_C(16) << 20,
		.init = init,
		.chunk = count,
		.merge = merge,
		.deinit = deinit,
	};
	const struct hc_process *process = target->process;
	const struct hc_heap *heap;
	struct hc_error *err = hc_target_heap(target, &heap);
	if (err)
		return err;
	size_t num_rows = heap->num_arenas + 1;
	hc_cleanup_free struct hc_arena_row *rows = calloc(num_rows, sizeof(*rows));
	if (!rows)
		return &hc_enomem;
	struct run run = {
		.heap = heap,
		.rows = rows,
		.num_rows = num_rows,
		.page = hc_core_page_size(process->core),
	};
	if ((err = hc_tally_run(target, NULL, &tally, &run)))
		return err;
	for (size_t i = 0; i < num_rows; i++)
		finish_row(process, heap, i, &rows[i]);
	for (size_t i = 0; i < heap->num_spans; i++) {
		const struct hc_span *span = &heap->spans[i];
		size_t index = span->arena == HC_ARENA_MMAP ? heap->num_arenas : span->arena;
		rows[index].walked += span->end - span->start;
	}
	*ret = (struct hc_arena_table){hc_steal(rows), num_rows};
	return NULL;
}

void hc_arenas_deinit(struct hc_arena_table *table)
{
	free(table->rows);
	*table = (struct hc_arena_table){0};
}
