/**
 * @file
 * Some chunks in use of every size: what rules about all chunks of a size are found with.
 *
 * One walk over the planes, which reads no chunk. Of the first few of a size all are taken, of more
 * one of every two, four and so on, so that a sample is spread evenly over the heap and always the
 * same (core/base/pick.h).
 */
#ifndef HC_ANALYZERS_TYPES_SIZE_SAMPLE_H
#define HC_ANALYZERS_TYPES_SIZE_SAMPLE_H

#include "core/heap/heap.h"

/** Most chunks of one size, and most sizes, that are taken; what comes up later is left out. */
#define HC_MAX_SAMPLED 256
#define HC_MAX_SAMPLED_SIZES 16384

struct hc_sampled_size {
	uint64_t size;  /**< chunk size, bytes */
	uint64_t total; /**< chunks in use of that size */
	uint64_t step;  /**< every how many of them one is taken: a power of two */
	uint64_t next;  /**< the one of them that is taken in this step, from 0 on */
	uint64_t *addresses;
	size_t num;
};

struct hc_size_sample {
	struct hc_sampled_size *sizes; /**< in the order of their first chunk */
	size_t num;
};

struct hc_error *hc_size_sample_take(const struct hc_heap *heap, struct hc_size_sample *ret);
void hc_size_sample_deinit(struct hc_size_sample *sample);

#endif
