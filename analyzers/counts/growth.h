/**
 * @file
 * Growth: which kinds of chunks that the program still points to hold the most.
 *
 * A *kind* is the chunks of one exact size, because objects of a type are of one size. Text is not:
 * sessions of 200 to 455 bytes of JSON are one cause and sixteen sizes. Sizes most of whose chunks
 * have the same textual class are therefore one kind. Structural classes (pointers, small
 * integers, "other"…) say too little to put sizes together.
 *
 * Sizes and counts are exact. Classes come from an even sample of the chunks of each of the sizes
 * that hold the most (HC_GROWTH_MAX_SIZES); other sizes are no kinds.
 *
 * Needs hc_reachability_run() first.
 */
#ifndef HC_ANALYZERS_COUNTS_GROWTH_H
#define HC_ANALYZERS_COUNTS_GROWTH_H

#include "analyzers/count.h"
#include "analyzers/select/census.h"
#include "analyzers/target.h"

/** Sizes that are looked at, and chunks of each. */
#define HC_GROWTH_MAX_SIZES 256
#define HC_GROWTH_SAMPLES 512

struct hc_growth_kind {
	/**
	 * Smallest and largest chunk size of the bulk. At either end, a hundredth of the chunks is
	 * left out where it is far off.
	 */
	uint64_t size, max_size;
	uint64_t bulk;               /**< chunks whose sizes are of the bulk */
	struct hc_count count;       /**< all chunks of its sizes, whatever they hold */
	hc_class_id class_id;        /**< of most chunks */
	struct hc_count class_count; /**< of these, as the sample tells */
	uint64_t looked_at;          /**< chunks in the sample; all of them: counts are exact */
	uint64_t sample;             /**< user address of a chunk of @ref class_id, of the size that
					most have, in the middle of them; 0: none */
	uint64_t first;              /**< that of the first such chunk */
	uint64_t sample_chunks;      /**< of that size */
	hc_type_id type;             /**< that most, or many, have; or HC_TYPE_NONE */
	uint64_t type_chunks;        /**< of it, as the sample tells */
	bool joined; /**< all sizes of @ref class_id are of it; else it has one size */
};

struct hc_growth {
	struct hc_growth_kind *kinds; /**< most bytes first */
	size_t num_kinds;
	/** Which kind a size is of, by size. */
	struct hc_growth_size {
		uint64_t size;
		size_t kind;
	} * sizes;
	size_t num_sizes;
	struct hc_census census; /**< of all chunks that may be of a kind */
};

/** Reachable and possibly reachable chunks, with process->jobs threads. */
struct hc_error *hc_growth_run(struct hc_target *target, struct hc_growth *ret);
void hc_growth_deinit(struct hc_growth *growth);

/** Index of the kind that chunks of @p size are of; num_kinds: of none. */
size_t hc_growth_kind_of(const struct hc_growth *growth, uint64_t size);

#endif
