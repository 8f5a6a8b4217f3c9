/**
 * @file
 * Counting classes: every slice of the heap is counted by one thread into a table of its own.
 */
#include "analyzers/counts/class_count.h"

#include "core/base/cleanup.h"
#include "core/base/parallel.h"

/** Heap bytes of one task. */
#define SLICE_BYTES (4u << 20)

struct classify_worker {
	struct hc_classifier_scratch *classifier;
	struct hc_selection_scratch *selection;
	struct hc_class_table table;
};

struct classify_run {
	const struct hc_heap *heap;
	const struct hc_selection *selection;
	const struct hc_classifier *classifier;
	struct hc_slice *slices;
	struct classify_worker *workers;
	unsigned jobs;
};

static void classify_run_deinit(struct classify_run *run)
{
	for (unsigned i = 0; run->workers && i < run->jobs; i++) {
		hc_classifier_scratch_destroy(run->workers[i].classifier);
		hc_selection_scratch_destroy(run->workers[i].selection);
	}
	free(run->workers);
	free(run->slices);
}

static bool is_leaked(const struct hc_heap *heap, const struct hc_chunk *chunk)
{
	return heap->reach_known && chunk->state == HC_IN_USE &&
	       (HC_REACH_LEAKED >> chunk->reach & 1);
}

static void count_chunk(struct hc_class_count *count, const struct hc_chunk *chunk, bool leaked)
{
	count->all.chunks++;
	count->all.bytes += chunk->size;
	if (leaked) {
		count->leaked.chunks++;
		count->leaked.bytes += chunk->size;
	}
	if (!count->sample || chunk->address < count->sample)
		count->sample = chunk->address;
}

static struct hc_error *classify_slice(void *ctx, unsigned index, size_t task)
{
	struct classify_run *run = ctx;
	struct classify_worker *worker = &run->workers[index];
	struct hc_chunk_iter iter;
	struct hc_chunk chunk;

	hc_chunk_iter_slice(&iter, run->heap, run->slices[task]);
	while (hc_chunk_iter_next(&iter, &chunk)) {
		if (!hc_selection_has(run->selection, run->heap, &chunk, worker->selection))
			continue;

		hc_class_id class = hc_classify(run->classifier, worker->classifier,
						hc_chunk_bytes(run->heap, &chunk));
		count_chunk(&worker->table.classes[class], &chunk, is_leaked(run->heap, &chunk));
	}
	return NULL;
}

static void add_count(struct hc_count *to, const struct hc_count *from)
{
	to->chunks += from->chunks;
	to->bytes += from->bytes;
}

/** Sums and the lowest address: the same in whatever order threads worked. */
static void merge_table(struct hc_class_table *to, const struct hc_class_table *from)
{
	for (unsigned i = 0; i < HC_MAX_CLASSES; i++) {
		struct hc_class_count *count = &to->classes[i];
		const struct hc_class_count *more = &from->classes[i];

		add_count(&count->all, &more->all);
		add_count(&count->leaked, &more->leaked);
		add_count(&to->total, &more->all);
		if (more->sample && (!count->sample || more->sample < count->sample))
			count->sample = more->sample;
	}
}

static struct hc_error *create_workers(struct classify_run *run)
{
	run->workers = calloc(run->jobs, sizeof(*run->workers));
	if (!run->workers)
		return &hc_enomem;
	for (unsigned i = 0; i < run->jobs; i++) {
		struct classify_worker *worker = &run->workers[i];
		struct hc_error *err =
			hc_classifier_scratch_create(run->classifier, &worker->classifier);

		if (!err)
			err = hc_selection_scratch_create(run->selection, &worker->selection);
		if (err)
			return err;
	}
	return NULL;
}

struct hc_error *hc_classify_run(struct hc_target *target, const struct hc_selection *selection,
				 struct hc_class_table *ret)
{
	struct hc_selection all;
	hc_cleanup(classify_run_deinit) struct classify_run run = {
		.selection = selection ? selection : &all,
		.jobs = target->process->jobs,
	};
	size_t num;

	hc_selection_init(&all);

	struct hc_error *err = hc_target_heap(target, &run.heap);
	if (!err)
		err = hc_target_classifier(target, &run.classifier);
	if (err)
		return err;
	hc_target_phase(target, HC_PHASE_CLASSIFY);
	err = create_workers(&run);
	if (!err)
		err = hc_heap_slices(run.heap, SLICE_BYTES, &run.slices, &num);
	if (!err)
		err = hc_process_parallel(target->process, num, classify_slice, &run);
	if (err)
		return err;

	struct hc_class_table table = {.has_leaked = run.heap->reach_known};
	for (unsigned i = 0; i < run.jobs; i++)
		merge_table(&table, &run.workers[i].table);
	*ret = table;
	return NULL;
}
