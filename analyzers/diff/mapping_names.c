/**
 * @file
 * Naming the mappings of a snapshot; see mapping_names.h.
 */
#include "analyzers/diff/mapping_names.h"

#include <elf.h>
#include <stdlib.h>

#include "core/base/array.h"
#include "core/base/cleanup.h"
#include "core/base/format.h"

struct run {
	const struct hc_process *process;
	const struct hc_heap *heap; /**< NULL: none */
	struct hc_mapping_names names;
};

void hc_mapping_names_deinit(struct hc_mapping_names *names)
{
	free(names->items);
	hc_thread_names_deinit(&names->threads);
	*names = (struct hc_mapping_names){0};
}

/** The core's row that a snapshot's is most of; NULL: there is none. */
static const struct hc_mapping *find_most(const struct hc_mappings *mappings,
					  const struct hc_mapping *row)
{
	const struct hc_mapping *best = NULL;
	uint64_t most = 0;

	for (size_t i = hc_lower_bound(mappings->num, k, mappings->items[k].end <= row->start);
	     i < mappings->num && mappings->items[i].start < row->end; i++) {
		const struct hc_mapping *other = &mappings->items[i];
		uint64_t start = other->start > row->start ? other->start : row->start;
		uint64_t end = other->end < row->end ? other->end : row->end;

		if (end - start > most) {
			most = end - start;
			best = other;
		}
	}
	return best;
}

/** What the threads that a row belongs to are called; NULL: not known. */
static const char *name_of(const struct run *run, const struct hc_mapping *row)
{
	const struct hc_threads *threads = &run->process->threads;
	const struct hc_thread *thread = hc_threads_stack_in(threads, row->start, row->end);
	const struct hc_heap *heap = run->heap;

	if (thread)
		return run->names.threads.items[thread - threads->items];
	size_t i = heap ? hc_lower_bound(heap->num_spans, k, heap->spans[k].end <= row->start) : 0;
	if (!heap || i == heap->num_spans || heap->spans[i].start >= row->end)
		return NULL;
	return hc_thread_names_of_arena(&run->names.threads, heap, heap->spans[i].arena);
}

/** What was reserved in the core may be in use in the snapshot, and the other way round. */
static enum hc_mapping_kind kind_now(enum hc_mapping_kind kind, const struct hc_mapping *row)
{
	if (kind == HC_MAPPING_HEAP_RESERVE && row->flags & PF_W)
		return HC_MAPPING_THREAD_HEAP;
	if (kind == HC_MAPPING_THREAD_HEAP && !row->flags)
		return HC_MAPPING_HEAP_RESERVE;
	return kind;
}

static struct hc_error *name_row(const struct run *run, struct hc_mapping *row,
				 const char **name_ret)
{
	const struct hc_mapping *known = find_most(&run->process->mappings, row);
	char *note;

	if (!known || row->path || known->path || row->shared)
		return NULL;
	row->kind = kind_now(known->kind, row);
	if (!known->note)
		return NULL;
	*name_ret = name_of(run, row);
	note = *name_ret ? hc_format("%s: %s", known->note, *name_ret) : strdup(known->note);
	if (!note)
		return &hc_enomem;
	free(row->note);
	row->note = note;
	return NULL;
}

static struct hc_error *name_rows(struct run *run, struct hc_mappings *mappings)
{
	struct hc_error *err = NULL;

	run->names.items = calloc(mappings->num + 1, sizeof(*run->names.items));
	if (!run->names.items)
		return &hc_enomem;
	for (size_t i = 0; !err && i < mappings->num; i++)
		err = name_row(run, &mappings->items[i], &run->names.items[i]);
	return err;
}

struct hc_error *hc_mapping_names_run(struct hc_target *target, struct hc_mappings *mappings,
				      struct hc_mapping_names *ret)
{
	struct run run = {.process = target->process};
	struct hc_error *err = hc_target_heap_if_any(target, &run.heap);

	if (!err)
		err = hc_thread_names_run(target, &run.names.threads);
	if (!err)
		err = name_rows(&run, mappings);
	if (err) {
		hc_mapping_names_deinit(&run.names);
		return err;
	}
	*ret = run.names;
	return NULL;
}
