/**
 * @file
 * Dense numbers of chunks: 0, 1, … in address order over the whole heap.
 *
 * For tables with an entry a chunk, which are smaller than planes where chunks are large. A count
 * of chunks before each 64 units is kept, so that a chunk's number is one addition and one
 * popcount.
 */
#ifndef HC_CORE_HEAP_NUMBER_H
#define HC_CORE_HEAP_NUMBER_H

#include "core/heap/heap.h"

struct hc_numbers {
	const struct hc_heap *heap; /**< not owned */
	uint64_t **before;          /**< by span and block: chunks that start before it */
	uint64_t num;               /**< chunks of the heap */
};

struct hc_error *hc_numbers_init(const struct hc_heap *heap, struct hc_numbers *ret);
void hc_numbers_deinit(struct hc_numbers *numbers);

/** The number of a chunk of the same heap. */
static inline uint64_t hc_chunk_number(const struct hc_numbers *numbers,
				       const struct hc_chunk *chunk)
{
	uint64_t block = chunk->unit / HC_UNITS_PER_BLOCK, bit = chunk->unit % HC_UNITS_PER_BLOCK;
	uint64_t below = chunk->span->blocks[block].start & ((UINT64_C(1) << bit) - 1);

	return numbers->before[chunk->span - numbers->heap->spans][block] +
	       (uint64_t)__builtin_popcountll(below);
}

#endif
