/**
 * @file
 * Small sizes as an index into a table.
 *
 * Sizes below HC_SMALL_SIZES granules (hc_heap::granule) are looked up in tables; the few larger
 * chunks go another way (a heap has at most one of them per HC_SMALL_SIZES granules).
 */
#ifndef HC_ANALYZERS_SELECT_SIZE_INDEX_H
#define HC_ANALYZERS_SELECT_SIZE_INDEX_H

#include "core/heap/heap.h"

#define HC_SMALL_SIZES 4096

/** The index of a chunk size, in granules; HC_SMALL_SIZES: it has none. */
static inline size_t hc_size_index(const struct hc_heap *heap, uint64_t size)
{
	uint64_t granules = size / heap->granule;

	return granules < HC_SMALL_SIZES && granules * heap->granule == size ? granules
									     : HC_SMALL_SIZES;
}

#endif
