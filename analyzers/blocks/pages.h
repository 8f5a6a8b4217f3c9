/**
 * @file
 * Pages of mappings as blocks, so that what describes chunks describes memory that no allocator
 * known here has cut: of foreign heaps, stacks, shared memory, data of modules, on any machine.
 *
 * A page is taken when all of it is in the core and it is not all zero (touched.h).
 */
#ifndef HC_ANALYZERS_BLOCKS_PAGES_H
#define HC_ANALYZERS_BLOCKS_PAGES_H

#include "analyzers/blocks/blocks.h"

struct hc_pages {
	struct hc_block_set set; /**< size: a page; addresses: those that are kept */
	uint64_t touched;        /**< pages of the mappings that were chosen */
	uint64_t mappings;       /**< that have any */
};

/**
 * Take the touched pages of mappings; beyond HC_BLOCKS_MAX, one of two, of four, and so on.
 *
 * @param kinds a bit for each enum hc_mapping_kind; 0: all mappings that are writable
 */
struct hc_error *hc_pages_find(const struct hc_process *process, uint64_t kinds,
			       struct hc_pages *ret);
void hc_pages_deinit(struct hc_pages *pages);

#endif
