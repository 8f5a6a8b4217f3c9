/**
 * @file
 * A bounded, even sample of chunks: their addresses, in the order in which they were offered.
 *
 * All chunks are kept while they fit. When they no longer do, one of each two neighbours is dropped
 * and from there on one of two is taken, and so on: what is kept is always one of each group of
 * stride chunks that were offered; which one, core/base/pick.h says.
 */
#ifndef HC_ANALYZERS_SELECT_CHUNK_SAMPLE_H
#define HC_ANALYZERS_SELECT_CHUNK_SAMPLE_H

#include "analyzers/count.h"
#include "analyzers/select/selection.h"
#include "analyzers/target.h"

struct hc_chunk_sample {
	uint64_t *addresses; /**< user addresses */
	size_t num;
	size_t max;       /**< the bound; even */
	uint64_t stride;  /**< one of so many is kept; 1: all */
	uint64_t offered; /**< chunks */
	uint64_t bytes;   /**< sum of their chunk sizes */
};

/** @param max chunks to keep at most, at least 2 */
void hc_chunk_sample_init(struct hc_chunk_sample *sample, size_t max);
void hc_chunk_sample_deinit(struct hc_chunk_sample *sample);

/** A smaller sample of a sample: one of each @p step addresses. */
struct hc_chunk_subsample {
	const struct hc_chunk_sample *sample;
	size_t step;
	size_t num; /**< chunks in it */
};

/** @param max chunks in it at most */
void hc_chunk_subsample_init(struct hc_chunk_subsample *sub, const struct hc_chunk_sample *sample,
			     size_t max);

/** As many chunks as have about @p bytes when of each no more than @p window is looked at. */
void hc_chunk_subsample_init_bytes(struct hc_chunk_subsample *sub,
				   const struct hc_chunk_sample *sample, uint64_t bytes,
				   uint64_t window);

/** User address of chunk @p i of @ref hc_chunk_subsample::num. */
uint64_t hc_chunk_subsample_at(const struct hc_chunk_subsample *sub, size_t i);

/** Fetch the chunk that is looked at soon after chunk @p i; always inlined, as hc_heap_fetch() is.
 */
static inline __attribute__((always_inline)) void
hc_chunk_subsample_fetch(const struct hc_chunk_subsample *sub, const struct hc_heap *heap, size_t i)
{
	if (i + HC_FETCH_AHEAD < sub->num)
		hc_heap_fetch(heap, hc_chunk_subsample_at(sub, i + HC_FETCH_AHEAD), HC_FETCH_BYTES);
}

/** Offer a chunk. */
struct hc_error *hc_chunk_sample_add(struct hc_chunk_sample *sample, const struct hc_chunk *chunk);

/**
 * The first that is offered to a sample: @p count chunks at once. What is kept then are their
 * numbers, from 0; the caller, who knows their order, replaces them by addresses.
 */
struct hc_error *hc_chunk_sample_add_numbers(struct hc_chunk_sample *sample,
					     const struct hc_count *count);

/**
 * Offer every chunk of a selection (prepared; NULL: all in use) in address order, with
 * process->jobs threads.
 */
struct hc_error *hc_chunk_sample_select(struct hc_chunk_sample *sample, struct hc_target *target,
					const struct hc_selection *selection);

#endif
