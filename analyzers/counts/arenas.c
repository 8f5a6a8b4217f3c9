/**
 * @file
 * One row per arena. One pass over the heap, in parallel; each worker fills a table of its own.
 */
#include "analyzers/counts/arenas.h"
#include "core/base/cleanup.h"
#include "core/base/parallel.h"

#define SLICE_BYTES (UINT64_C(16) << 20)

struct job {
	const struct hc_heap *heap;
	const struct hc_slice *slices;
	struct hc_arena_row *rows; /**< [jobs][num_rows] */
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

static void add_chunk(const struct job *job, struct hc_arena_row *row, const struct hc_chunk *chunk)
{
	row->states[chunk->state].chunks++;
	row->states[chunk->state].bytes += chunk->size;
	if (chunk->state == HC_IN_USE) {
		if (job->heap->reach_known &&
		    (chunk->reach == HC_DEFINITE || chunk->reach == HC_INDIRECT)) {
			row->leaked.chunks++;
			row->leaked.bytes += chunk->size;
		}
		return;
	}
	if (chunk->state == HC_TOP)
		row->trimmable += whole_pages(chunk, job->page);
	if (!chunk->list)
		return;
	struct hc_count *list = &row->lists[hc_heap_list_index(job->heap, chunk->list)];
	list->chunks++;
	list->bytes += chunk->size;
	if (!chunk->list->merged)
		return;
	row->trimmable += whole_pages(chunk, job->page);
	if (chunk->size > row->largest_free)
		row->largest_free = chunk->size;
}

static struct hc_error *count_slice(void *ctx, unsigned worker, size_t task)
{
	struct job *job = ctx;
	struct hc_arena_row *rows = job->rows + worker * job->num_rows;
	struct hc_chunk_iter iter;
	struct hc_chunk chunk;
	hc_chunk_iter_slice(&iter, job->heap, job->slices[task]);
	while (hc_chunk_iter_next(&iter, &chunk)) {
		uint32_t arena = chunk.span->arena;
		size_t index = arena == HC_ARENA_MMAP ? job->num_rows - 1 : arena;
		add_chunk(job, &rows[index], &chunk);
	}
	return NULL;
}

static void merge_row(struct hc_arena_row *row, const struct hc_arena_row *other)
{
	for (int i = 0; i < HC_NUM_STATES; i++) {
		row->states[i].chunks += other->states[i].chunks;
		row->states[i].bytes += other->states[i].bytes;
	}
	for (size_t i = 0; i < HC_MAX_LISTS; i++) {
		row->lists[i].chunks += other->lists[i].chunks;
		row->lists[i].bytes += other->lists[i].bytes;
	}
	row->leaked.chunks += other->leaked.chunks;
	row->leaked.bytes += other->leaked.bytes;
	row->trimmable += other->trimmable;
	if (other->largest_free > row->largest_free)
		row->largest_free = other->largest_free;
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
	hc_cleanup_free struct hc_slice *slices = NULL;
	const struct hc_process *process = target->process;
	const struct hc_heap *heap;
	size_t num_slices;
	struct hc_error *err = hc_target_heap(target, &heap);
	if (!err)
		err = hc_heap_slices(heap, SLICE_BYTES, &slices, &num_slices);
	if (err)
		return err;
	hc_target_phase(target, HC_PHASE_COUNT);
	unsigned jobs = process->jobs;
	size_t num_rows = heap->num_arenas + 1;
	hc_cleanup_free struct hc_arena_row *rows = calloc(jobs * num_rows, sizeof(*rows));
	if (!rows)
		return &hc_enomem;
	struct job job = {
		.heap = heap,
		.slices = slices,
		.rows = rows,
		.num_rows = num_rows,
		.page = UINT64_C(1) << process->core->machine->page_shift,
	};
	if ((err = hc_process_parallel(process, num_slices, count_slice, &job)))
		return err;
	for (size_t i = 0; i < num_rows; i++) {
		for (unsigned w = 1; w < jobs; w++)
			merge_row(&rows[i], &rows[w * num_rows + i]);
		finish_row(process, heap, i, &rows[i]);
	}
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
