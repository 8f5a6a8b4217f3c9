/**
 * @file
 * The loop of all counters.
 */
#include "analyzers/select/tally.h"

#include "core/base/cleanup.h"
#include "core/base/parallel.h"

struct run {
	const struct hc_tally *tally;
	void *ctx;
	const struct hc_heap *heap;
	const struct hc_selection *selection; /* NULL: all */
	struct hc_slice *slices;
	uint8_t *tables; /* worker_size each */
	struct hc_selection_scratch **scratch;
	unsigned jobs, prepared;
};

static void *table_of(const struct run *run, unsigned worker)
{
	return run->tables + worker * run->tally->worker_size;
}

static void run_deinit(struct run *run)
{
	for (unsigned i = 0; i < run->prepared; i++) {
		if (run->tally->deinit)
			run->tally->deinit(run->ctx, table_of(run, i));
		hc_selection_scratch_destroy(run->scratch[i]);
	}
	free(run->scratch);
	free(run->tables);
	free(run->slices);
}

static struct hc_error *prepare(struct run *run)
{
	run->tables = calloc(run->jobs, run->tally->worker_size);
	run->scratch = calloc(run->jobs, sizeof(*run->scratch));
	if (!run->tables || !run->scratch)
		return &hc_enomem;
	while (run->prepared < run->jobs) {
		unsigned i = run->prepared++;
		struct hc_error *err =
			hc_selection_scratch_create(run->selection, &run->scratch[i]);

		if (!err && run->tally->init)
			err = run->tally->init(run->ctx, table_of(run, i));
		if (err)
			return err;
	}
	return NULL;
}

static struct hc_error *count_slice(void *ctx, unsigned worker, size_t task)
{
	const struct run *run = ctx;
	void *table = table_of(run, worker);
	struct hc_error *err = NULL;
	struct hc_selected_iter iter;
	struct hc_chunk chunk;

	hc_selected_iter_slice(&iter, run->heap, run->slices[task], run->selection,
			       run->scratch[worker]);
	while (!err && hc_selected_iter_next(&iter, &chunk))
		err = run->tally->chunk(run->ctx, table, &chunk);
	if (run->tally->slice) {
		/* Whoever waits for its turn must not wait for one that failed. */
		struct hc_error *late = run->tally->slice(run->ctx, table, task);

		if (!err)
			return late;
		hc_error_destroy(late);
	}
	return err;
}

struct hc_error *hc_tally_run(struct hc_target *target, const struct hc_selection *selection,
			      const struct hc_tally *tally, void *ctx)
{
	hc_cleanup(run_deinit) struct run run = {
		.tally = tally,
		.ctx = ctx,
		.selection = selection,
		.jobs = target->process->jobs,
	};
	size_t num;
	struct hc_error *err = hc_target_heap(target, &run.heap);

	if (err)
		return err;
	hc_target_phase(target, tally->phase);
	err = prepare(&run);
	if (!err)
		err = hc_heap_slices(run.heap, tally->slice_bytes, &run.slices, &num);
	if (!err)
		err = hc_process_parallel(target->process, num, count_slice, &run);
	for (unsigned i = 0; !err && i < run.jobs; i++)
		err = tally->merge(ctx, table_of(&run, i));
	return err;
}
