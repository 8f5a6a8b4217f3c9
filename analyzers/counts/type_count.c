/**
 * @file
 * Counting chunks by type: each thread has a table of all types, and the tables are added up.
 */
#include "analyzers/counts/type_count.h"
#include "core/base/array.h"
#include "core/base/cleanup.h"
#include "core/base/parallel.h"

/** Heap bytes of one task. */
#define SLICE_BYTES (UINT64_C(16) << 20)

struct worker {
	struct hc_type_count *counts; /**< by id */
	struct hc_selection_scratch *scratch;
};

struct job {
	const struct hc_types *types;
	const struct hc_heap *heap;
	const struct hc_selection *selection;
	struct hc_slice *slices;
	size_t num_slices;
	struct worker *workers;
	unsigned jobs;
};

static void job_deinit(struct job *job)
{
	for (unsigned i = 0; job->workers && i < job->jobs; i++) {
		free(job->workers[i].counts);
		hc_selection_scratch_destroy(job->workers[i].scratch);
	}
	free(job->workers);
	free(job->slices);
}

static void count_chunk(struct hc_count *count, const struct hc_chunk *chunk)
{
	count->chunks++;
	count->bytes += chunk->size;
}

static struct hc_error *count_slice(void *ctx, unsigned index, size_t task)
{
	struct job *job = ctx;
	struct worker *worker = &job->workers[index];
	bool reach = job->heap->reach_known;
	struct hc_chunk_iter iter;
	struct hc_chunk chunk;

	hc_chunk_iter_slice(&iter, job->heap, job->slices[task]);
	while (hc_chunk_iter_next(&iter, &chunk)) {
		if (!hc_selection_has(job->selection, job->heap, &chunk, worker->scratch))
			continue;
		struct hc_type_count *count = &worker->counts[hc_type_of(job->types, &chunk)];

		count_chunk(&count->all, &chunk);
		if (reach && chunk.state == HC_IN_USE && HC_REACH_LEAKED >> chunk.reach & 1)
			count_chunk(&count->leaked, &chunk);
		if (!count->sample || chunk.address < count->sample)
			count->sample = chunk.address;
	}
	return NULL;
}

static struct hc_error *create_workers(struct job *job)
{
	job->workers = calloc(job->jobs, sizeof(*job->workers));
	if (!job->workers)
		return &hc_enomem;
	for (unsigned i = 0; i < job->jobs; i++) {
		struct worker *worker = &job->workers[i];

		worker->counts = calloc(hc_types_num(job->types), sizeof(*worker->counts));
		if (!worker->counts)
			return &hc_enomem;
		struct hc_error *err =
			hc_selection_scratch_create(job->selection, &worker->scratch);
		if (err)
			return err;
	}
	return NULL;
}

static void add_count(struct hc_count *to, const struct hc_count *from)
{
	to->chunks += from->chunks;
	to->bytes += from->bytes;
}

/** The sums of all threads for one type. */
static struct hc_type_count sum_type(const struct job *job, hc_type_id type)
{
	struct hc_type_count sum = {.type = type};

	for (unsigned i = 0; i < job->jobs; i++) {
		const struct hc_type_count *more = &job->workers[i].counts[type];

		add_count(&sum.all, &more->all);
		add_count(&sum.leaked, &more->leaked);
		if (more->sample && (!sum.sample || more->sample < sum.sample))
			sum.sample = more->sample;
	}
	return sum;
}

/** Ids are in the order in which vtables lie in memory, which is that of no reader. */
static int compare_rows(const void *a, const void *b, void *ctx)
{
	const struct hc_type_count *x = a, *y = b;

	if (x->all.bytes != y->all.bytes)
		return x->all.bytes < y->all.bytes ? 1 : -1;
	const char *x_name = hc_type_name(ctx, x->type), *y_name = hc_type_name(ctx, y->type);
	int order = x_name && y_name ? strcmp(x_name, y_name) : 0;
	return order ? order : x->type < y->type ? -1 : x->type > y->type;
}

static struct hc_error *gather(const struct job *job, struct hc_types *types,
			       struct hc_type_table *table)
{
	size_t num = hc_types_num(types);

	for (hc_type_id type = 0; type < num; type++) {
		struct hc_type_count sum = sum_type(job, type);

		add_count(&table->total, &sum.all);
		if (type == HC_TYPE_NONE || !sum.all.chunks)
			continue;
		struct hc_error *err =
			hc_array_reserve(&table->rows, table->num_rows, sizeof(*table->rows));
		if (err)
			return err;
		table->rows[table->num_rows++] = sum;
		add_count(&table->typed, &sum.all);
		add_count(&table->typed_leaked, &sum.leaked);
	}
	if (table->num_rows)
		qsort_r(table->rows, table->num_rows, sizeof(*table->rows), compare_rows, types);
	return NULL;
}

struct hc_error *hc_types_count(struct hc_target *target, const struct hc_selection *selection,
				struct hc_type_table *ret)
{
	struct hc_selection all;
	hc_cleanup(job_deinit) struct job job = {
		.selection = selection ? selection : &all,
		.jobs = target->process->jobs,
	};
	hc_cleanup(hc_type_table_deinit) struct hc_type_table table = {0};
	struct hc_types *types;

	hc_selection_init(&all);
	struct hc_error *err = hc_target_heap(target, &job.heap);
	if (!err)
		err = hc_target_types(target, HC_TYPES_FULL, &types);
	if (err)
		return err;
	hc_target_phase(target, HC_PHASE_TYPE);
	job.types = types;
	table.has_leaked = job.heap->reach_known;
	err = create_workers(&job);
	if (!err)
		err = hc_heap_slices(job.heap, SLICE_BYTES, &job.slices, &job.num_slices);
	if (!err)
		err = hc_process_parallel(target->process, job.num_slices, count_slice, &job);
	if (!err)
		err = gather(&job, types, &table);
	if (err)
		return err;
	*ret = table;
	table = (struct hc_type_table){};
	return NULL;
}

void hc_type_table_deinit(struct hc_type_table *table)
{
	free(table->rows);
	*table = (struct hc_type_table){};
}
