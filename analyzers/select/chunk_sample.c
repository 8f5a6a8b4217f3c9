/**
 * @file
 * Sampling chunks. Slices are filtered in parallel, batch by batch, and offered in order.
 */
#include "analyzers/select/chunk_sample.h"

#include <stdlib.h>

#include "core/base/array.h"
#include "core/base/cleanup.h"
#include "core/base/parallel.h"
#include "core/base/pick.h"

/** Bytes of heap that a task filters: its buffer holds at most one chunk for each 16 of them. */
#define SLICE_BYTES (1u << 20)
#define TASKS_PER_JOB 8

void hc_chunk_sample_init(struct hc_chunk_sample *sample, size_t max)
{
	*sample = (struct hc_chunk_sample){.max = max < 2 ? 2 : max & ~(size_t)1, .stride = 1};
}

void hc_chunk_sample_deinit(struct hc_chunk_sample *sample)
{
	free(sample->addresses);
	*sample = (struct hc_chunk_sample){0};
}

/** Keep one of each two. */
static void thin_out(struct hc_chunk_sample *sample)
{
	for (size_t i = 0; i < sample->num / 2; i++)
		sample->addresses[i] = sample->addresses[2 * i + hc_pick_of_group(i, 2)];
	sample->num /= 2;
	sample->stride *= 2;
}

/**
 * A full sample has one of each group so far, and their number is even: where a new group begins,
 * it can be thinned out.
 */
static void make_room(struct hc_chunk_sample *sample)
{
	if (sample->num == sample->max && sample->offered % sample->stride == 0)
		thin_out(sample);
}

static struct hc_error *keep(struct hc_chunk_sample *sample, uint64_t address)
{
	struct hc_error *err =
		hc_array_reserve(&sample->addresses, sample->num, sizeof(*sample->addresses));

	if (!err)
		sample->addresses[sample->num++] = address;
	return err;
}

struct hc_error *hc_chunk_sample_add(struct hc_chunk_sample *sample, const struct hc_chunk *chunk)
{
	make_room(sample);
	uint64_t group = sample->offered / sample->stride;
	uint64_t place = sample->offered % sample->stride;

	sample->offered++;
	sample->bytes += chunk->size;
	if (place != hc_pick_of_group(group, sample->stride))
		return NULL;
	return keep(sample, chunk->address);
}

struct hc_error *hc_chunk_sample_add_numbers(struct hc_chunk_sample *sample,
					     const struct hc_count *count)
{
	struct hc_error *err = NULL;

	/* Group by group: of each, one is kept, unless the last one ends before it. */
	while (!err && sample->offered < count->chunks) {
		make_room(sample);
		uint64_t group = sample->offered / sample->stride;
		uint64_t number = sample->offered + hc_pick_of_group(group, sample->stride);
		uint64_t left = count->chunks - sample->offered;

		if (number < count->chunks)
			err = keep(sample, number);
		sample->offered += left < sample->stride ? left : sample->stride;
	}
	sample->bytes += count->bytes;
	return err;
}

/** @name Samples of a sample */
/**@{*/

void hc_chunk_subsample_init(struct hc_chunk_subsample *sub, const struct hc_chunk_sample *sample,
			     size_t max)
{
	size_t step = sample->num / max + (sample->num % max != 0);

	sub->sample = sample;
	sub->step = step ? step : 1;
	sub->num = sample->num / sub->step + (sample->num % sub->step != 0);
}

void hc_chunk_subsample_init_bytes(struct hc_chunk_subsample *sub,
				   const struct hc_chunk_sample *sample, uint64_t bytes,
				   uint64_t window)
{
	uint64_t each = sample->offered ? sample->bytes / sample->offered : 0;

	if (each > window)
		each = window;
	hc_chunk_subsample_init(sub, sample, bytes / (each ? each : 1));
}

uint64_t hc_chunk_subsample_at(const struct hc_chunk_subsample *sub, size_t i)
{
	size_t first = i * sub->step, left = sub->sample->num - first;

	return sub->sample
		->addresses[first + hc_pick_of_group(i, left < sub->step ? left : sub->step)];
}
/**@}*/

/** @name Selections */
/**@{*/

/** Chunks of one slice that were selected. */
struct catch
{
	struct caught {
		uint64_t address, size;
	} * chunks;
	size_t num, capacity;
};

struct filter {
	const struct hc_heap *heap;
	const struct hc_selection *selection;
	struct hc_chunk_sample *sample;
	struct hc_selection_scratch **scratch; /* of each worker */
	struct hc_slice *slices;
	size_t num_slices;
	size_t first; /* slice of the batch's first task */
	struct catch *catches;
};

static struct hc_error *filter_slice(void *ctx, unsigned worker, size_t task)
{
	struct filter *filter = ctx;
	struct catch *catch = &filter->catches[task];
	struct hc_error *err = NULL;
	struct hc_selected_iter iter;
	struct hc_chunk chunk;

	catch->num = 0;
	hc_selected_iter_slice(&iter, filter->heap, filter->slices[filter->first + task],
			       filter->selection, filter->scratch[worker]);
	while (!err && hc_selected_iter_next(&iter, &chunk)) {
		err = hc_array_regrow(&catch->chunks, catch->num, &catch->capacity,
				      sizeof(*catch->chunks));
		if (!err)
			catch->chunks[catch->num++] = (struct caught){chunk.address, chunk.size};
	}
	return err;
}

static struct hc_error *offer_batch(const struct filter *filter, size_t num)
{
	struct hc_error *err = NULL;

	for (size_t i = 0; i < num; i++) {
		for (size_t k = 0; !err && k < filter->catches[i].num; k++) {
			const struct caught *caught = &filter->catches[i].chunks[k];
			const struct hc_chunk chunk = {.address = caught->address,
						       .size = caught->size};

			err = hc_chunk_sample_add(filter->sample, &chunk);
		}
	}
	return err;
}

static struct hc_error *run_filter(struct filter *filter, const struct hc_process *process,
				   size_t batch)
{
	struct hc_error *err = NULL;

	for (unsigned i = 0; !err && i < process->jobs; i++)
		err = hc_selection_scratch_create(filter->selection, &filter->scratch[i]);
	for (filter->first = 0; !err && filter->first < filter->num_slices;
	     filter->first += batch) {
		size_t left = filter->num_slices - filter->first;
		size_t num = left < batch ? left : batch;

		hc_watch_part(process->watch, (double)filter->first / filter->num_slices,
			      (double)(filter->first + num) / filter->num_slices);
		err = hc_process_parallel(process, num, filter_slice, filter);
		if (!err)
			err = offer_batch(filter, num);
	}
	return err;
}

struct hc_error *hc_chunk_sample_select(struct hc_chunk_sample *sample, struct hc_target *target,
					const struct hc_selection *selection)
{
	struct hc_selection all;
	unsigned jobs = target->process->jobs;
	hc_cleanup_free struct hc_slice *slices = NULL;
	size_t batch = (size_t)jobs * TASKS_PER_JOB;
	struct filter filter = {.sample = sample, .selection = selection ? selection : &all};
	struct hc_error *err = hc_target_heap(target, &filter.heap);

	if (!err)
		err = hc_heap_slices(filter.heap, SLICE_BYTES, &slices, &filter.num_slices);
	if (err)
		return err;
	hc_target_phase(target, HC_PHASE_SELECT);
	hc_cleanup_free struct hc_selection_scratch **scratch =
		calloc(jobs, sizeof(struct hc_selection_scratch *));
	hc_cleanup_free struct catch *catches = calloc(batch, sizeof(*catches));
	if (!scratch || !catches)
		return &hc_enomem;
	hc_selection_init(&all);
	filter.scratch = scratch;
	filter.slices = slices;
	filter.catches = catches;
	err = run_filter(&filter, target->process, batch);
	for (unsigned i = 0; i < jobs; i++)
		hc_selection_scratch_destroy(scratch[i]);
	for (size_t i = 0; i < batch; i++)
		free(catches[i].chunks);
	return err;
}
/**@}*/
