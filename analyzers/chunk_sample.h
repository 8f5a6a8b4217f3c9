/**
 * @file
 * A bounded, even sample of chunks: their addresses, in the order in which they were offered.
 *
 * All chunks are kept while they fit. When they no longer do, every second one is dropped and from there on only
 * every second one is taken, and so on: what is kept is always each stride-th of what was offered, the first
 * included. So the sample depends on the order of offers only, never on chance or on the number of threads.
 */
#ifndef HC_ANALYZERS_CHUNK_SAMPLE_H
#define HC_ANALYZERS_CHUNK_SAMPLE_H

#include "analyzers/selection.h"

struct hc_chunk_sample {
	uint64_t *addresses; /**< user addresses */
	size_t num, allocated;
	size_t max;          /**< the bound; even */
	uint64_t stride;     /**< one of so many is kept; 1: all */
	uint64_t offered;    /**< chunks */
	uint64_t bytes;      /**< sum of their chunk sizes */
};

/** @param max chunks to keep at most, at least 2 */
void hc_chunk_sample_init(struct hc_chunk_sample *sample, size_t max);
void hc_chunk_sample_deinit(struct hc_chunk_sample *sample);

/** Offer a chunk. */
struct hc_error *hc_chunk_sample_add(struct hc_chunk_sample *sample, const struct hc_chunk *chunk);

/** Offer every chunk of a selection (prepared; NULL: all in use) in address order, with process->jobs threads. */
struct hc_error *hc_chunk_sample_select(struct hc_chunk_sample *sample,
					const struct hc_process *process,
					const struct hc_heap *heap,
					const struct hc_selection *selection);

#endif
