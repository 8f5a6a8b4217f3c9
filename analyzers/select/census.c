/**
 * @file
 * Counting, and choosing by numbers.
 */
#include "analyzers/select/census.h"

#include <stdlib.h>

#include "analyzers/select/size_index.h"
#include "core/base/array.h"
#include "core/base/cleanup.h"

/**
 * Bytes of a stretch. Short ones let a sample skip more, but each has its own list of sizes; there
 * are no more than MAX_STRETCHES and one for each span.
 */
#define MIN_STRETCH (UINT64_C(512) << 10)
#define MAX_STRETCHES 4096
/** Stretches that are prepared for sampling at once. */
#define STRETCHES_PER_JOB 32

/** @name Counting */
/**@{*/

/** What a worker has of the stretch that it is at. */
struct worker {
	uint64_t counts[HC_SMALL_SIZES];
	uint16_t seen[HC_SMALL_SIZES]; /* indexes that have a count */
	size_t num_seen;
	struct hc_size_count *large; /* neighbours of one size are one */
	size_t num_large;
};

struct run {
	struct hc_census *census;
	struct worker *workers;
};

static struct hc_error *count_large(struct worker *worker, uint64_t size)
{
	struct hc_size_count *last =
		worker->num_large ? &worker->large[worker->num_large - 1] : NULL;

	if (!last || last->size != size) {
		struct hc_error *err =
			hc_array_reserve(&worker->large, worker->num_large, sizeof(*worker->large));
		if (err)
			return err;
		last = &worker->large[worker->num_large++];
		*last = (struct hc_size_count){.size = size};
	}
	last->chunks++;
	return NULL;
}

static inline struct hc_error *count_size(const struct hc_heap *heap, struct worker *worker,
					  uint64_t size)
{
	size_t small = hc_size_index(heap, size);

	if (small == HC_SMALL_SIZES)
		return count_large(worker, size);
	if (!worker->counts[small]++)
		worker->seen[worker->num_seen++] = small;
	return NULL;
}

/** Write down what a worker has counted, and leave it nothing. */
static struct hc_error *finish_stretch(const struct hc_heap *heap, struct worker *worker,
				       struct hc_census_stretch *stretch)
{
	size_t num = worker->num_seen + worker->num_large;

	if (!num)
		return NULL;
	stretch->sizes = calloc(num, sizeof(*stretch->sizes));
	if (!stretch->sizes)
		return &hc_enomem;
	for (size_t i = 0; i < worker->num_seen; i++) {
		uint16_t small = worker->seen[i];

		stretch->sizes[stretch->num_sizes++] =
			(struct hc_size_count){small * heap->granule, worker->counts[small]};
		worker->counts[small] = 0;
	}
	for (size_t i = 0; i < worker->num_large; i++)
		stretch->sizes[stretch->num_sizes++] = worker->large[i];
	worker->num_seen = worker->num_large = 0;
	return NULL;
}

static struct hc_error *count_stretch(void *ctx, unsigned index, size_t task)
{
	struct run *run = ctx;
	const struct hc_heap *heap = run->census->heap;
	struct hc_census_stretch *stretch = &run->census->stretches[task];
	struct worker *worker = &run->workers[index];
	struct hc_error *err = NULL;
	struct hc_chunk_iter iter;
	struct hc_chunk chunk;

	hc_chunk_iter_kinds(&iter, heap, stretch->slice, run->census->kinds);
	while (!err && hc_chunk_iter_next(&iter, &chunk))
		err = count_size(heap, worker, chunk.size);
	return err ? err : finish_stretch(heap, worker, stretch);
}

static int by_size(const void *a, const void *b)
{
	const struct hc_size_count *x = a, *y = b;

	return (x->size > y->size) - (x->size < y->size);
}

/** The sizes of the whole heap: those of all stretches, once each. */
static struct hc_error *add_up(struct hc_census *census, struct worker *sum)
{
	struct hc_census_stretch whole = {0};
	struct hc_error *err = NULL;

	for (size_t i = 0; !err && i < census->num_stretches; i++) {
		const struct hc_census_stretch *stretch = &census->stretches[i];

		for (size_t k = 0; !err && k < stretch->num_sizes; k++) {
			/* The first one may put it on a list; the rest is added to it there. */
			err = count_size(census->heap, sum, stretch->sizes[k].size);
			size_t small = hc_size_index(census->heap, stretch->sizes[k].size);
			uint64_t more = stretch->sizes[k].chunks - 1;

			if (!err && small < HC_SMALL_SIZES)
				sum->counts[small] += more;
			else if (!err)
				sum->large[sum->num_large - 1].chunks += more;
		}
	}
	if (!err)
		err = finish_stretch(census->heap, sum, &whole);
	if (err)
		return err;
	hc_sort(whole.sizes, whole.num_sizes, by_size);
	for (size_t i = 0; i < whole.num_sizes; i++) {
		if (census->num_sizes &&
		    whole.sizes[census->num_sizes - 1].size == whole.sizes[i].size)
			whole.sizes[census->num_sizes - 1].chunks += whole.sizes[i].chunks;
		else
			whole.sizes[census->num_sizes++] = whole.sizes[i];
	}
	census->sizes = whole.sizes;
	return NULL;
}

static struct hc_error *cut(struct hc_census *census)
{
	hc_cleanup_free struct hc_slice *slices = NULL;
	uint64_t bytes = hc_heap_bytes(census->heap) / MAX_STRETCHES;
	struct hc_error *err =
		hc_heap_slices(census->heap, bytes < MIN_STRETCH ? MIN_STRETCH : bytes, &slices,
			       &census->num_stretches);
	if (err)
		return err;
	census->stretches = calloc(census->num_stretches + 1, sizeof(*census->stretches));
	if (!census->stretches) {
		census->num_stretches = 0;
		return &hc_enomem;
	}
	for (size_t i = 0; i < census->num_stretches; i++)
		census->stretches[i].slice = slices[i];
	return NULL;
}

static struct hc_error *count(struct hc_target *target, struct hc_census *census)
{
	unsigned jobs = target->process->jobs;
	hc_cleanup_free struct worker *workers = calloc(jobs, sizeof(*workers));
	struct run run = {census, workers};

	if (!workers)
		return &hc_enomem;
	struct hc_error *err =
		hc_process_parallel(target->process, census->num_stretches, count_stretch, &run);
	if (!err)
		err = add_up(census, &workers[0]);
	for (unsigned i = 0; i < jobs; i++)
		free(workers[i].large);
	return err;
}

struct hc_error *hc_census_run(struct hc_target *target, unsigned kinds, struct hc_census *ret)
{
	struct hc_census census = {.kinds = kinds};
	struct hc_error *err = hc_target_heap(target, &census.heap);

	if (err)
		return err;
	err = cut(&census);
	if (!err)
		err = count(target, &census);
	if (err) {
		hc_census_deinit(&census);
		return err;
	}
	*ret = census;
	return NULL;
}

void hc_census_deinit(struct hc_census *census)
{
	for (size_t i = 0; i < census->num_stretches; i++)
		free(census->stretches[i].sizes);
	free(census->stretches);
	free(census->sizes);
	*census = (struct hc_census){0};
}
/**@}*/

/** @name Sampling */
/**@{*/

/** Where a sample is: at the chunk with number @ref number of those that are for it. */
struct cursor {
	uint64_t number;
	uint64_t wanted; /* number of the next one that is kept; UINT64_MAX: none */
	size_t next;     /* where its address goes */
	size_t end;      /* where others write */
};

struct sampling {
	const struct hc_census *census;
	const struct hc_census_sorting *sorting;
	size_t small[HC_SMALL_SIZES]; /* sample of each small size */
	size_t first;                 /* stretch of the batch's first task */
	struct cursor *cursors;       /* of each task and sample, at the start of the stretch */
	size_t *wanted;               /* of each task: chunks that are kept */
};

static size_t sample_of(const struct sampling *sampling, uint64_t size)
{
	size_t small = hc_size_index(sampling->census->heap, size);

	return small < HC_SMALL_SIZES ? sampling->small[small]
				      : sampling->sorting->fn(sampling->sorting->ctx, size);
}

/** Offer everything; what samples keep then are numbers in place of addresses. */
static struct hc_error *offer(const struct sampling *sampling)
{
	const struct hc_census *census = sampling->census;
	const struct hc_census_sorting *sorting = sampling->sorting;
	hc_cleanup_free struct hc_count *counts = calloc(sorting->num + 1, sizeof(*counts));
	struct hc_error *err = NULL;

	if (!counts)
		return &hc_enomem;
	for (size_t i = 0; i < census->num_sizes; i++) {
		size_t sample = sample_of(sampling, census->sizes[i].size);

		if (sample >= sorting->num)
			continue;
		counts[sample].chunks += census->sizes[i].chunks;
		counts[sample].bytes += census->sizes[i].chunks * census->sizes[i].size;
	}
	for (size_t i = 0; !err && i < sorting->num; i++)
		err = hc_chunk_sample_add_numbers(&sorting->samples[i], &counts[i]);
	return err;
}

/** Point a cursor at what is kept next. */
static inline void look_ahead(const struct hc_chunk_sample *sample, struct cursor *cursor)
{
	cursor->wanted = cursor->next < cursor->end ? sample->addresses[cursor->next] : UINT64_MAX;
}

/** How many of a stretch are kept, and where the cursors are behind it. */
static size_t step_over(const struct sampling *sampling, const struct hc_census_stretch *stretch,
			struct cursor *cursors)
{
	size_t kept = 0;

	for (size_t i = 0; i < stretch->num_sizes; i++) {
		size_t index = sample_of(sampling, stretch->sizes[i].size);

		if (index >= sampling->sorting->num)
			continue;
		struct cursor *cursor = &cursors[index];
		cursor->number += stretch->sizes[i].chunks;
		while (cursor->wanted < cursor->number) {
			kept++;
			cursor->next++;
			look_ahead(&sampling->sorting->samples[index], cursor);
		}
	}
	return kept;
}

static struct hc_error *sample_stretch(void *ctx, unsigned worker, size_t task)
{
	const struct sampling *sampling = ctx;
	const struct hc_census *census = sampling->census;
	size_t num = sampling->sorting->num, wanted = sampling->wanted[task];
	struct cursor *cursors = &sampling->cursors[task * num];
	struct hc_chunk_iter iter;
	struct hc_chunk chunk;

	(void)worker;
	hc_chunk_iter_kinds(&iter, census->heap, census->stretches[sampling->first + task].slice,
			    census->kinds);
	while (wanted && hc_chunk_iter_next(&iter, &chunk)) {
		size_t index = sample_of(sampling, chunk.size);

		if (index >= num)
			continue;
		struct cursor *cursor = &cursors[index];
		if (cursor->number++ != cursor->wanted)
			continue;
		sampling->sorting->samples[index].addresses[cursor->next++] = chunk.address;
		look_ahead(&sampling->sorting->samples[index], cursor);
		wanted--;
	}
	return NULL;
}

/** Stretches batch by batch: put the cursors of each where it starts, then visit them. */
static struct hc_error *visit(struct sampling *sampling, const struct hc_process *process,
			      size_t batch, struct cursor *at)
{
	const struct hc_census *census = sampling->census;
	size_t samples = sampling->sorting->num;
	struct hc_error *err = NULL;

	for (size_t first = 0; !err && first < census->num_stretches; first += batch) {
		size_t left = census->num_stretches - first, num = left < batch ? left : batch;

		for (size_t i = 0; i < num; i++) {
			struct cursor *cursors = &sampling->cursors[i * samples];

			memcpy(cursors, at, samples * sizeof(*at));
			sampling->wanted[i] =
				step_over(sampling, &census->stretches[first + i], at);
			for (size_t k = 0; k < samples; k++)
				cursors[k].end = at[k].next;
		}
		sampling->first = first;
		hc_watch_part(process->watch, (double)first / census->num_stretches,
			      (double)(first + num) / census->num_stretches);
		err = hc_process_parallel(process, num, sample_stretch, sampling);
	}
	return err;
}

struct hc_error *hc_census_sample(const struct hc_census *census, struct hc_target *target,
				  const struct hc_census_sorting *sorting)
{
	size_t batch = (size_t)target->process->jobs * STRETCHES_PER_JOB;
	hc_cleanup_free struct sampling *sampling = calloc(1, sizeof(*sampling));
	hc_cleanup_free struct cursor *at = calloc(sorting->num + 1, sizeof(*at));
	hc_cleanup_free struct cursor *cursors = calloc(batch * sorting->num + 1, sizeof(*cursors));
	hc_cleanup_free size_t *wanted = calloc(batch, sizeof(*wanted));

	if (!sampling || !at || !cursors || !wanted)
		return &hc_enomem;
	sampling->census = census;
	sampling->sorting = sorting;
	sampling->cursors = cursors;
	sampling->wanted = wanted;
	for (size_t i = 0; i < HC_SMALL_SIZES; i++)
		sampling->small[i] = sorting->fn(sorting->ctx, i * census->heap->granule);
	struct hc_error *err = offer(sampling);
	if (err)
		return err;
	for (size_t i = 0; i < sorting->num; i++) {
		at[i].end = sorting->samples[i].num;
		look_ahead(&sorting->samples[i], &at[i]);
	}
	return visit(sampling, target->process, batch, at);
}
/**@}*/
