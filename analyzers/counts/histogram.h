/**
 * @file
 * Histogram of chunk sizes.
 *
 * Works on the start bits alone and never touches the heap's own bytes. Rows are exact chunk sizes,
 * or powers of two. Three columns of counts and bytes: in use, free (every list and top; the
 * allocator's own chunks are left out), leaked (definite and indirect, when reach is known).
 */
#ifndef HC_ANALYZERS_COUNTS_HISTOGRAM_H
#define HC_ANALYZERS_COUNTS_HISTOGRAM_H

#include "analyzers/count.h"
#include "analyzers/select/selection.h"
#include "analyzers/target.h"

struct hc_histogram_row {
	uint64_t min_size, max_size; /**< chunk sizes, inclusive; equal in an exact histogram */
	struct hc_count in_use, free, leaked;
};

struct hc_histogram {
	struct hc_histogram_row *rows; /**< by size, empty rows left out */
	size_t num_rows;
	struct hc_count in_use, free, leaked; /**< totals */
	bool has_leaked;
};

/**
 * @param selection only chunks in it; NULL: all states
 * @param log2      rows are [2^k, 2^(k+1)-1] instead of exact sizes
 */
struct hc_error *hc_histogram_run(struct hc_target *target, const struct hc_selection *selection,
				  bool log2, struct hc_histogram *ret);
void hc_histogram_deinit(struct hc_histogram *histogram);

#endif
