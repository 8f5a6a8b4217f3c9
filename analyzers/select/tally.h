/**
 * @file
 * Tally: one pass over the chunks of a selection, in which every processor counts into a table of
 * its own. What all counters share stands here once: slices, the selection and its scratch, the
 * workers' tables, and bringing these together.
 *
 * A counter is a @ref hc_tally, usually static, and a context. What is a sum, a set, or a lowest
 * address comes out the same for any number of workers. What depends on order uses
 * hc_tally::slice.
 */
#ifndef HC_ANALYZERS_SELECT_TALLY_H
#define HC_ANALYZERS_SELECT_TALLY_H

#include "analyzers/count.h"
#include "analyzers/select/selection.h"
#include "analyzers/target.h"

/** What to do, in the order of the calls. @p ctx is shared by all workers, @p worker is one's own.
 */
struct hc_tally {
	enum hc_phase phase;
	size_t worker_size; /**< bytes of a worker's table, which begins as all zero */
	uint64_t
		slice_bytes; /**< of heap, about: 4 MiB where bytes are read, more where bits are */
	/** Prepare a worker's table. NULL: all zero is fine. */
	struct hc_error *(*init)(void *ctx, void *worker);
	/** Count a chunk of the selection. Slices go to workers; within one, chunks are in order.
	 */
	struct hc_error *(*chunk)(void *ctx, void *worker, const struct hc_chunk *chunk);
	/** After the chunks of a slice: @p slice is its place in the order of the heap. NULL:
	 * nothing */
	struct hc_error *(*slice)(void *ctx, void *worker, size_t slice);
	/** At the end, in the calling thread: add a worker's table to the result in @p ctx. */
	struct hc_error *(*merge)(void *ctx, void *worker);
	/** Give back what a table holds; also of a worker whose init() failed. NULL: nothing */
	void (*deinit)(void *ctx, void *worker);
};

/**
 * Count.
 *
 * @param selection prepared; NULL: every chunk, whatever its state
 */
struct hc_error *hc_tally_run(struct hc_target *target, const struct hc_selection *selection,
			      const struct hc_tally *tally, void *ctx);

/** Whether a chunk is definitely or indirectly lost; false while reachability is not known. */
static inline bool hc_chunk_is_lost(const struct hc_heap *heap, const struct hc_chunk *chunk)
{
	return heap->reach_known && chunk->state == HC_IN_USE &&
	       (HC_REACH_LEAKED >> chunk->reach & 1);
}

static inline void hc_count_chunk(struct hc_count *count, const struct hc_chunk *chunk)
{
	count->chunks++;
	count->bytes += chunk->size;
}

static inline void hc_kind_count_chunk(struct hc_kind_count *count, const struct hc_heap *heap,
				       const struct hc_chunk *chunk)
{
	hc_count_chunk(&count->all, chunk);
	if (hc_chunk_is_lost(heap, chunk))
		hc_count_chunk(&count->leaked, chunk);
	if (!count->sample || chunk->address < count->sample)
		count->sample = chunk->address;
}

#endif
