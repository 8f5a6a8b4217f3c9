/**
 * @file
 * Tasks of a search: slices and windows, put in order.
 */
#include "analyzers/search/search_tasks.h"

#include "core/base/array.h"
#include "core/base/cleanup.h"

struct task_list {
	struct hc_search_task *items;
	size_t num;
};

static void task_list_deinit(struct task_list *list)
{
	free(list->items);
}

static struct hc_error *add_task(struct task_list *list, const struct hc_search_task *task)
{
	struct hc_error *err = hc_array_reserve(&list->items, list->num, sizeof(*list->items));

	if (!err)
		list->items[list->num++] = *task;
	return err;
}

/* --- Mappings --- */

/** Cut one contiguous piece [start, end) of a mapping. */
static struct hc_error *cut_piece(struct task_list *list, const struct hc_mapping *mapping,
				  const struct hc_extent *extent, uint64_t start, uint64_t end)
{
	struct hc_error *err = NULL;

	for (uint64_t from = start, to; from < end && !err; from = to) {
		to = end - from > HC_SEARCH_TASK_BYTES ? from + HC_SEARCH_TASK_BYTES : end;
		uint64_t first =
			from - start > HC_SEARCH_OVERLAP ? from - HC_SEARCH_OVERLAP : start;
		uint64_t last = end - to > HC_SEARCH_OVERLAP ? to + HC_SEARCH_OVERLAP : end;
		struct hc_search_task task = {
			.window =
				{
					.mapping = mapping,
					.address = first,
					.subject = {extent->data + (first - extent->start),
						    last - first},
					.start = from,
					.end = to,
					.continues = from > start,
				},
		};

		err = add_task(list, &task);
	}
	return err;
}

/** Cut what the core has of [from, to) of a mapping. */
static struct hc_error *cut_range(struct task_list *list, const struct hc_process *process,
				  const struct hc_mapping *mapping, uint64_t from, uint64_t to)
{
	struct hc_error *err = NULL;

	while (from < to && !err) {
		const struct hc_extent *extent = hc_memory_find_next(&process->memory, from);

		if (!extent || extent->start >= to)
			break;
		uint64_t start = extent->start > from ? extent->start : from;
		uint64_t end = extent->end < to ? extent->end : to;

		if (extent->from_core)
			err = cut_piece(list, mapping, extent, start, end);
		from = end;
	}
	return err;
}

/** Cut a mapping without the spans of a heap. @param heap NULL: all of it */
static struct hc_error *cut_mapping(struct task_list *list, const struct hc_process *process,
				    const struct hc_heap *heap, const struct hc_mapping *mapping)
{
	uint64_t from = mapping->start;
	struct hc_error *err = NULL;

	for (size_t i = 0; heap && i < heap->num_spans && !err; i++) {
		const struct hc_span *span = &heap->spans[i];

		if (span->end <= from)
			continue;
		if (span->start >= mapping->end)
			break;
		if (span->start > from)
			err = cut_range(list, process, mapping, from, span->start);
		from = span->end;
	}
	return err || from >= mapping->end ? err
					   : cut_range(list, process, mapping, from, mapping->end);
}

static struct hc_error *cut_mappings(struct task_list *list, const struct hc_process *process,
				     const struct hc_heap *heap)
{
	struct hc_error *err = NULL;

	for (size_t i = 0; i < process->mappings.num && !err; i++)
		err = cut_mapping(list, process, heap, &process->mappings.items[i]);
	return err;
}

static int compare_threads(const void *a, const void *b)
{
	const struct hc_thread *x = *(const struct hc_thread *const *)a;
	const struct hc_thread *y = *(const struct hc_thread *const *)b;

	return x->live_start < y->live_start ? -1 : x->live_start > y->live_start;
}

/** The live part of every stack, by address. Bytes that two threads claim are searched once. */
static struct hc_error *cut_stacks(struct task_list *list, const struct hc_process *process)
{
	size_t num = process->threads.num;
	hc_cleanup_free const struct hc_thread **threads = calloc(num ? num : 1, sizeof(*threads));
	struct hc_error *err = NULL;
	uint64_t done = 0;

	if (!threads)
		return &hc_enomem;
	for (size_t i = 0; i < num; i++)
		threads[i] = &process->threads.items[i];
	hc_sort(threads, num, compare_threads);
	for (size_t i = 0; i < num && !err; i++) {
		uint64_t start = threads[i]->live_start > done ? threads[i]->live_start : done;
		uint64_t end = threads[i]->stack_end;
		const struct hc_mapping *mapping = hc_mappings_find(&process->mappings, start);

		if (!mapping || start >= end)
			continue;
		done = end < mapping->end ? end : mapping->end;
		err = cut_range(list, process, mapping, start, done);
	}
	return err;
}

/* --- The heap --- */

static struct hc_error *cut_chunk(struct task_list *list, const struct hc_heap *heap,
				  const struct hc_chunk *chunk)
{
	struct hc_bytes bytes = hc_chunk_bytes(heap, chunk);
	struct hc_error *err = NULL;

	for (uint64_t from = 0; from < bytes.size && !err; from += HC_SEARCH_TASK_BYTES) {
		bool last = bytes.size - from <= HC_SEARCH_TASK_BYTES;
		struct hc_search_task task = {
			.window =
				{
					.chunk = *chunk,
					.address = chunk->address,
					.subject = bytes,
					.start = chunk->address + from,
					.end = chunk->address +
					       (last ? bytes.size : from + HC_SEARCH_TASK_BYTES),
					.continues = from > 0,
					.last = last,
				},
		};

		err = add_task(list, &task);
	}
	return err;
}

/** The last chunk that starts in a slice, which is of whole blocks: its unit, or UINT64_MAX. */
static uint64_t last_start(const struct hc_slice *slice)
{
	uint64_t first = slice->from / HC_UNITS_PER_BLOCK;

	for (uint64_t i = hc_num_blocks(slice->to); i-- > first;) {
		uint64_t starts = slice->span->blocks[i].start;

		if (starts)
			return i * HC_UNITS_PER_BLOCK + 63 - __builtin_clzll(starts);
	}
	return UINT64_MAX;
}

/** Cut a slice: itself, without its last chunk when that is to be searched in windows. */
static struct hc_error *cut_slice(struct task_list *list, const struct hc_search_cutting *cutting,
				  struct hc_selection_scratch *scratch, struct hc_slice slice)
{
	const struct hc_heap *heap = cutting->heap;
	uint64_t unit = last_start(&slice);
	struct hc_chunk chunk;

	/* Nothing stands between the windows of a chunk that reaches over whole slices. */
	if (unit == UINT64_MAX)
		return NULL;
	hc_span_chunk(heap, slice.span, unit, &chunk);
	bool large = hc_chunk_bytes(heap, &chunk).size >= HC_SEARCH_LARGE_CHUNK;
	if (large)
		slice.to = unit;

	struct hc_search_task task = {.is_slice = true, .slice = slice};
	struct hc_error *err = slice.from < slice.to ? add_task(list, &task) : NULL;
	if (!err && large && hc_selection_has(cutting->selection, heap, &chunk, scratch))
		err = cut_chunk(list, heap, &chunk);
	return err;
}

static struct hc_error *cut_heap(struct task_list *list, const struct hc_search_cutting *cutting,
				 struct hc_selection_scratch *scratch)
{
	const struct hc_heap *heap = cutting->heap;
	hc_cleanup_free struct hc_slice *slices = NULL;
	size_t num = 0;
	struct hc_error *err = hc_heap_slices(heap, HC_SEARCH_TASK_BYTES, &slices, &num);

	for (size_t i = 0; i < num && !err; i++) {
		struct hc_search_task whole = {.is_slice = true, .slice = slices[i]};

		err = cutting->options->attribute ? add_task(list, &whole)
						  : cut_slice(list, cutting, scratch, slices[i]);
	}
	return err;
}

/* --- The whole --- */

static uint64_t task_address(const struct hc_search_task *task)
{
	const struct hc_slice *slice = &task->slice;

	if (!task->is_slice)
		return task->window.start;
	return hc_span_address(slice->span, slice->from);
}

static int compare_tasks(const void *a, const void *b)
{
	uint64_t x = task_address(a), y = task_address(b);

	return x < y ? -1 : x > y;
}

static void scratch_destroyp(struct hc_selection_scratch **scratch)
{
	hc_selection_scratch_destroy(*scratch);
}

static struct hc_error *cut_all(struct task_list *list, const struct hc_search_cutting *cutting)
{
	const struct hc_process *process = cutting->process;
	const struct hc_heap *heap = cutting->heap;
	enum hc_search_scope scope = cutting->options->scope;
	hc_cleanup(scratch_destroyp) struct hc_selection_scratch *scratch = NULL;
	struct hc_error *err = NULL;

	if (scope == HC_SEARCH_MAPPINGS)
		return cut_mappings(list, process, NULL);
	if (scope == HC_SEARCH_STACKS)
		return cut_stacks(list, process);
	if (heap)
		err = hc_selection_scratch_create(cutting->selection, &scratch);
	if (!err && heap)
		err = cut_heap(list, cutting, scratch);
	if (!err && scope == HC_SEARCH_ALL)
		err = cut_mappings(list, process, heap);
	return err;
}

struct hc_error *hc_search_cut(const struct hc_search_cutting *cutting, struct hc_search_task **ret,
			       size_t *num_ret)
{
	hc_cleanup(task_list_deinit) struct task_list list = {};
	struct hc_error *err = cut_all(&list, cutting);

	if (err)
		return err;
	hc_sort(list.items, list.num, compare_tasks);
	*num_ret = list.num;
	*ret = hc_steal(list.items);
	return NULL;
}
