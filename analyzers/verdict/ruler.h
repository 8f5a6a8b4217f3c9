/**
 * @file
 * The ruler: what everything in a verdict is measured with, bytes that were touched.
 *
 * A byte of address space costs memory only where its page was touched (inspect/touched.h). Of a
 * mapping that is no heap, touched bytes are counted as a whole. Of a heap they are those of its
 * chunks, less the whole pages inside of a chunk that were not: only chunks of a page and more have
 * any, so that a table of these few says it for all.
 *
 * With smaps, mappings count with what was resident. Pages of heaps that were swapped out count as
 * touched, and pages of zeroes that were resident go to what no chunk holds, as far as there is
 * such memory.
 */
#ifndef HC_ANALYZERS_VERDICT_RULER_H
#define HC_ANALYZERS_VERDICT_RULER_H

#include "analyzers/counts/accounting.h"
#include "analyzers/target.h"

/** A chunk with pages that were never touched. */
struct hc_untouched {
	uint64_t address; /**< user address */
	uint64_t bytes;   /**< in whole pages that were not */
};

struct hc_ruler {
	uint64_t parts[HC_NUM_PARTS]; /**< touched bytes of each part of the accounting */
	uint64_t total;               /**< their sum */
	uint64_t shared;              /**< touched bytes of shared memory: in no part */
	uint64_t reach[HC_NUM_REACH]; /**< touched bytes of chunks in use, when reach is known */
	uint64_t untouched_free;      /**< bytes in untouched pages of free chunks and of tops */
	struct hc_untouched *items;   /**< by address */
	size_t num;
	bool resident; /**< from smaps, for those mappings that it knows */
};

/**
 * Needs hc_accounting_run().
 *
 * @param reach of the target's heap; NULL: not known
 */
struct hc_error *hc_ruler_run(struct hc_target *target, const struct hc_accounting *accounting,
			      const struct hc_reach_stats *reach, struct hc_ruler *ret);
void hc_ruler_deinit(struct hc_ruler *ruler);

/** Bytes of a chunk that were not touched. */
uint64_t hc_ruler_untouched(const struct hc_ruler *ruler, const struct hc_chunk *chunk);

#endif
