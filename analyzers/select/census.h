/**
 * @file
 * Census: how many chunks of each size there are, in the whole heap and in each of its stretches.
 *
 * From it, samples of chunks by size are taken without looking at all of them again: which of N
 * chunks a sample keeps depends on N alone (chunk_sample.h), and the counts of a stretch tell
 * whether any of these are in it. What is sampled twice, first to tell what sizes hold and then to
 * compare what was found, so costs one pass over the heap and two visits to those who were chosen.
 *
 * Chunks are chosen by kind, that is by the planes. Their bytes are not read.
 */
#ifndef HC_ANALYZERS_SELECT_CENSUS_H
#define HC_ANALYZERS_SELECT_CENSUS_H

#include "analyzers/count.h"
#include "analyzers/select/chunk_sample.h"
#include "analyzers/target.h"

/** Chunks of one size. */
struct hc_size_count {
	uint64_t size;   /**< chunk size, bytes */
	uint64_t chunks; /**< more than none */
};

struct hc_census {
	const struct hc_heap *heap;  /**< not owned */
	unsigned kinds;              /**< of chunks that were counted: bits of enum hc_kinds */
	struct hc_size_count *sizes; /**< of the whole heap, by size */
	size_t num_sizes;
	struct hc_census_stretch {
		struct hc_slice slice;
		struct hc_size_count *sizes; /**< in no order */
		size_t num_sizes;
	} * stretches; /**< the whole heap, by address */
	size_t num_stretches;
};

/**
 * One pass over the planes, with process->jobs threads.
 *
 * @param kinds bits of enum hc_kinds. Those in use are told apart by reach, which is not asked for
 * here: hc_target_reach() comes first
 */
struct hc_error *hc_census_run(struct hc_target *target, unsigned kinds, struct hc_census *ret);
void hc_census_deinit(struct hc_census *census);

/** Which of several samples chunks of a size are for; their number or more: none. */
typedef size_t (*hc_census_sort_fn)(void *ctx, uint64_t size);

/** Several samples, and which size is for which. */
struct hc_census_sorting {
	struct hc_chunk_sample *samples; /**< to which nothing was offered yet */
	size_t num;
	hc_census_sort_fn fn;
	void *ctx;
};

/**
 * Offer each chunk of the census to the sample that its size is for, in address order.
 *
 * @return NULL, or an error after which the samples must not be read
 */
struct hc_error *hc_census_sample(const struct hc_census *census, struct hc_target *target,
				  const struct hc_census_sorting *sorting);

#endif
