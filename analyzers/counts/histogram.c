/**
 * @file
 * Histogram of chunk sizes: one pass over the start bits, on all processors.
 *
 * Each worker tallies small sizes (size_index.h) in a table, and appends the few larger chunks to a
 * list. Both are merged and sorted at the end, so the result does not depend on the number of
 * workers.
 */
#include "analyzers/counts/histogram.h"
#include "analyzers/select/size_index.h"
#include "core/base/array.h"
#include "core/base/cleanup.h"
#include "core/base/parallel.h"

#define SLICE_BYTES (UINT64_C(16) << 20)

enum column { IN_USE, FREE, LEAKED, NUM_COLUMNS };

/** Chunks of one size. */
struct tally {
	uint64_t size; /**< chunk size, bytes */
	uint64_t chunks[NUM_COLUMNS];
};

struct worker {
	struct tally small[HC_SMALL_SIZES];
	struct tally *large;
	size_t num_large;
	struct hc_selection_scratch *scratch;
};

struct job {
	const struct hc_heap *heap;
	const struct hc_selection *selection;
	const struct hc_slice *slices;
	struct worker *workers;
	unsigned kinds; /**< that are selected */
	bool by_kind;   /**< all of them, and the planes tell which these are */
};

/** A chunk's bits decide its columns; the chunk's own bytes are not touched. */
static void count(struct tally *tally, const struct hc_heap *heap, bool is_free, bool marked)
{
	tally->chunks[is_free ? FREE : IN_USE]++;
	tally->chunks[LEAKED] += heap->reach_known && !is_free && !marked;
}

static struct hc_error *tally(struct worker *worker, const struct hc_heap *heap, uint64_t size,
			      bool is_free, bool marked)
{
	size_t small = hc_size_index(heap, size);

	if (small < HC_SMALL_SIZES) {
		count(&worker->small[small], heap, is_free, marked);
		return NULL;
	}
	struct tally *last = worker->num_large ? &worker->large[worker->num_large - 1] : NULL;
	if (!last || last->size != size) {
		struct hc_error *err =
			hc_array_reserve(&worker->large, worker->num_large, sizeof(*worker->large));
		if (err)
			return err;
		last = &worker->large[worker->num_large++];
		*last = (struct tally){.size = size};
	}
	count(last, heap, is_free, marked);
	return NULL;
}

/**
 * Chunks of a slice that the planes tell. The allocator's own are counted as free here, and taken
 * out in the end.
 */
static struct hc_error *tally_planes(const struct job *job, struct worker *worker,
				     const struct hc_slice *slice)
{
	const struct hc_span *span = slice->span;
	const uint64_t granules = span->unit / job->heap->granule;
	const bool small = granules * job->heap->granule == span->unit &&
			   granules * HC_UNITS_PER_BLOCK <= HC_SMALL_SIZES;

	/* Slices are of whole blocks. */
	for (uint64_t i = slice->from / HC_UNITS_PER_BLOCK; i * HC_UNITS_PER_BLOCK < slice->to;
	     i++) {
		const struct hc_block *block = &span->blocks[i];

		for (uint64_t bits = hc_block_of_kinds(block, job->kinds); bits; bits &= bits - 1) {
			unsigned bit = __builtin_ctzll(bits);
			uint64_t later = block->start >> bit >> 1;
			bool is_free = block->free >> bit & 1;
			/* Plane b of a chunk in use is set when it is reachable or possibly so. */
			bool marked = block->b >> bit & 1;
			struct hc_chunk chunk;

			if (later && small) {
				count(&worker->small[(__builtin_ctzll(later) + 1) * granules],
				      job->heap, is_free, marked);
				continue;
			}
			/* Its end is in a later block. */
			hc_span_chunk(job->heap, span, i * HC_UNITS_PER_BLOCK + bit, &chunk);
			struct hc_error *err =
				tally(worker, job->heap, chunk.size, is_free, marked);
			if (err)
				return err;
		}
	}
	return NULL;
}

static struct hc_error *tally_selected(const struct job *job, struct worker *worker,
				       const struct hc_slice *slice)
{
	const struct hc_heap *heap = job->heap;
	struct hc_selected_iter iter;
	struct hc_chunk chunk;

	hc_selected_iter_slice(&iter, heap, *slice, job->selection, worker->scratch);
	while (hc_selected_iter_next(&iter, &chunk)) {
		if (chunk.state == HC_OVERHEAD)
			continue;
		bool lost = chunk.reach == HC_DEFINITE || chunk.reach == HC_INDIRECT;
		struct hc_error *err =
			tally(worker, heap, chunk.size, chunk.state != HC_IN_USE, !lost);
		if (err)
			return err;
	}
	return NULL;
}

static struct hc_error *tally_slice(void *ctx, unsigned worker, size_t task)
{
	struct job *job = ctx;

	if (job->selection &&
	    !hc_selection_has_arena(job->selection, job->slices[task].span->arena))
		return NULL;
	return job->by_kind ? tally_planes(job, &job->workers[worker], &job->slices[task])
			    : tally_selected(job, &job->workers[worker], &job->slices[task]);
}

static int compare_tallies(const void *a, const void *b)
{
	uint64_t x = ((const struct tally *)a)->size, y = ((const struct tally *)b)->size;
	return (x > y) - (x < y);
}

/** Bring all workers' tallies together, sorted by size, sizes once each. */
static struct hc_error *merge(const struct worker *workers, unsigned num, uint64_t granule,
			      struct tally **ret, size_t *num_ret)
{
	size_t total = HC_SMALL_SIZES;
	for (unsigned i = 0; i < num; i++)
		total += workers[i].num_large;
	struct tally *all = calloc(total, sizeof(*all));
	if (!all)
		return &hc_enomem;
	size_t n = HC_SMALL_SIZES;
	for (unsigned i = 0; i < num; i++) {
		for (size_t k = 0; k < HC_SMALL_SIZES; k++) {
			all[k].size = k * granule;
			for (int c = 0; c < NUM_COLUMNS; c++)
				all[k].chunks[c] += workers[i].small[k].chunks[c];
		}
		if (workers[i].num_large)
			memcpy(&all[n], workers[i].large, workers[i].num_large * sizeof(*all));
		n += workers[i].num_large;
	}
	hc_sort(all, n, compare_tallies);
	size_t kept = 0;
	for (size_t i = 0; i < n; i++) {
		if (kept && all[kept - 1].size == all[i].size) {
			for (int c = 0; c < NUM_COLUMNS; c++)
				all[kept - 1].chunks[c] += all[i].chunks[c];
		} else {
			all[kept++] = all[i];
		}
	}
	*ret = all;
	*num_ret = kept;
	return NULL;
}

/** tally_planes() took the allocator's own chunks for free ones. */
static void take_out_overhead(const struct hc_heap *heap, struct tally *tallies, size_t num)
{
	for (size_t i = 0; i < heap->num_specials; i++) {
		const struct hc_special *special = &heap->specials[i];
		struct hc_chunk chunk;
		if (special->state != HC_OVERHEAD ||
		    !hc_heap_chunk_at(heap, special->address, &chunk))
			continue;
		struct tally key = {.size = chunk.size};
		struct tally *found = bsearch(&key, tallies, num, sizeof(key), compare_tallies);
		if (found && found->chunks[FREE])
			found->chunks[FREE]--;
	}
}

static void add_count(struct hc_count *count, struct hc_count *total, uint64_t chunks,
		      uint64_t size)
{
	count->chunks += chunks;
	count->bytes += chunks * size;
	total->chunks += chunks;
	total->bytes += chunks * size;
}

static struct hc_error *make_rows(const struct tally *tallies, size_t num, bool log2,
				  struct hc_histogram *histogram)
{
	histogram->rows = calloc(num ? num : 1, sizeof(*histogram->rows));
	if (!histogram->rows)
		return &hc_enomem;
	for (size_t i = 0; i < num; i++) {
		const struct tally *t = &tallies[i];
		if (!t->chunks[IN_USE] && !t->chunks[FREE])
			continue;
		uint64_t size = t->size, low = size, high = size;
		if (log2 && size) {
			low = UINT64_C(1) << (63 - __builtin_clzll(size));
			high = 2 * low - 1;
		}
		struct hc_histogram_row *row =
			histogram->num_rows ? &histogram->rows[histogram->num_rows - 1] : NULL;
		if (!row || row->min_size != low) {
			row = &histogram->rows[histogram->num_rows++];
			row->min_size = low;
			row->max_size = high;
		}
		add_count(&row->in_use, &histogram->in_use, t->chunks[IN_USE], size);
		add_count(&row->free, &histogram->free, t->chunks[FREE], size);
		add_count(&row->leaked, &histogram->leaked, t->chunks[LEAKED], size);
	}
	return NULL;
}

static struct hc_error *run_workers(struct job *job, unsigned jobs, size_t num_slices)
{
	for (unsigned i = 0; i < jobs && job->selection; i++) {
		struct hc_error *err =
			hc_selection_scratch_create(job->selection, &job->workers[i].scratch);
		if (err)
			return err;
	}
	return hc_process_parallel(job->heap->process, num_slices, tally_slice, job);
}

struct hc_error *hc_histogram_run(struct hc_target *target, const struct hc_selection *selection,
				  bool log2, struct hc_histogram *ret)
{
	unsigned jobs = target->process->jobs;
	const struct hc_heap *heap;
	hc_cleanup_free struct hc_slice *slices = NULL;
	hc_cleanup_free struct tally *tallies = NULL;
	size_t num_slices, num_tallies = 0;
	struct hc_error *err = hc_target_heap(target, &heap);
	if (!err)
		err = hc_heap_slices(heap, SLICE_BYTES, &slices, &num_slices);
	if (err)
		return err;
	hc_target_phase(target, HC_PHASE_COUNT);
	hc_cleanup_free struct worker *workers = calloc(jobs, sizeof(*workers));
	if (!workers)
		return &hc_enomem;
	struct job job = {heap, selection, slices, workers};
	job.kinds = hc_selection_kinds(selection, heap);
	job.by_kind = hc_selection_is_by_kind(selection, job.kinds);
	err = run_workers(&job, jobs, num_slices);
	if (!err)
		err = merge(workers, jobs, heap->granule, &tallies, &num_tallies);
	for (unsigned i = 0; i < jobs; i++) {
		free(workers[i].large);
		hc_selection_scratch_destroy(workers[i].scratch);
	}
	if (err)
		return err;
	if (job.by_kind && job.kinds & HC_KINDS_NOT_IN_USE)
		take_out_overhead(heap, tallies, num_tallies);
	struct hc_histogram histogram = {.has_leaked = heap->reach_known};
	err = make_rows(tallies, num_tallies, log2, &histogram);
	if (err)
		return err;
	*ret = histogram;
	return NULL;
}

void hc_histogram_deinit(struct hc_histogram *histogram)
{
	free(histogram->rows);
	*histogram = (struct hc_histogram){0};
}
