/**
 * @file
 * Counting chunks by class.
 */
#include "analyzers/counts/class_count.h"

#include "analyzers/select/tally.h"
#include "core/base/cleanup.h"

struct worker {
	struct hc_classifier_scratch *scratch;
	struct hc_class_table table;
};

struct run {
	const struct hc_heap *heap;
	const struct hc_classifier *classifier;
	struct hc_class_table table;
};

static struct hc_error *init(void *ctx, void *own)
{
	struct run *run = ctx;
	struct worker *worker = own;

	return hc_classifier_scratch_create(run->classifier, &worker->scratch);
}

static void deinit(void *ctx __attribute__((unused)), void *own)
{
	struct worker *worker = own;

	hc_classifier_scratch_destroy(worker->scratch);
}

static struct hc_error *count(void *ctx, void *own, const struct hc_chunk *chunk)
{
	struct run *run = ctx;
	struct worker *worker = own;
	hc_class_id class_id =
		hc_classify(run->classifier, worker->scratch, hc_chunk_bytes(run->heap, chunk));

	hc_kind_count_chunk(&worker->table.classes[class_id], run->heap, chunk);
	return NULL;
}

static struct hc_error *merge(void *ctx, void *own)
{
	struct run *run = ctx;
	const struct worker *worker = own;

	for (unsigned i = 0; i < HC_MAX_CLASSES; i++) {
		hc_kind_count_add(&run->table.classes[i], &worker->table.classes[i]);
		hc_count_add(&run->table.total, &worker->table.classes[i].all);
	}
	return NULL;
}

struct hc_error *hc_classify_run(struct hc_target *target, const struct hc_selection *selection,
				 struct hc_class_table *ret)
{
	static const struct hc_tally tally = {
		.phase = HC_PHASE_CLASSIFY,
		.worker_size = sizeof(struct worker),
		.slice_bytes = UINT64_C(4) << 20,
		.init = init,
		.chunk = count,
		.merge = merge,
		.deinit = deinit,
	};
	struct hc_selection in_use;
	struct run run = {0};
	struct hc_error *err = hc_target_heap(target, &run.heap);

	hc_selection_init(&in_use);
	if (!err)
		err = hc_target_classifier(target, &run.classifier);
	if (!err)
		err = hc_tally_run(target, selection ? selection : &in_use, &tally, &run);
	if (err)
		return err;
	run.table.has_leaked = run.heap->reach_known;
	*ret = run.table;
	return NULL;
}
