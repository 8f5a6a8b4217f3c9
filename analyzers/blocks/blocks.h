/**
 * @file
 * Equal blocks: memory that a program mapped itself, and uses as many pieces of one size.
 *
 * Frame buffers, slabs, rings, stacks of coroutines: each begins with a header of its own, the same
 * word at the same place, at one distance (*stride*) from the next. The kernel merges neighbouring
 * mappings, so that such blocks are found in mappings of any size, and across several. Mappings of
 * one size that are not merged are blocks, too.
 *
 * Looked at is private anonymous memory without an owner (owners.h) that is not malloc's. What is
 * found is counted exactly: every block that is listed begins with the word.
 */
#ifndef HC_ANALYZERS_BLOCKS_BLOCKS_H
#define HC_ANALYZERS_BLOCKS_BLOCKS_H

#include "analyzers/owners/owners.h"
#include "core/heap/heap.h"

/** Fewer are no pattern. */
#define HC_BLOCKS_MIN 8
/** Blocks of one set that are listed at most. */
#define HC_BLOCKS_MAX (1u << 22)
/** Share of a mapping that blocks must make up. */
#define HC_BLOCKS_MIN_SHARE 0.5
/** A smaller mapping is not looked at. */
#define HC_BLOCKS_MIN_BYTES (64u << 10)

/** Blocks of one size. */
struct hc_block_set {
	uint64_t size;       /**< bytes: the stride, or the size of each mapping */
	uint64_t header;     /**< the word that all begin with; 0: they are mappings of one size */
	uint64_t *addresses; /**< of their first bytes, ascending; they do not overlap */
	size_t num;
	uint64_t bytes;    /**< num * size, less what reaches beyond a mapping's end */
	uint64_t mappings; /**< that they lie in */
	uint64_t pointed;  /**< of the blocks, those that something live points into: held.h */
	uint64_t linked;   /**< of the others, those that other such memory points into */
	uint64_t parts;    /**< of the others, those of a slab that is held: held.h */
};

struct hc_blocks {
	struct hc_block_set *sets; /**< most bytes first */
	size_t num;
};

/** @param owners what is owned is not looked at; NULL: nothing is */
struct hc_error *hc_blocks_find(const struct hc_process *process, const struct hc_owners *owners,
				struct hc_blocks *ret);
void hc_blocks_deinit(struct hc_blocks *blocks);

/**
 * A heap whose chunks in use are the blocks of a set, so that what describes chunks (common,
 * classes, search) serves blocks. It has no allocator, and must not be checked or traced.
 */
struct hc_error *hc_blocks_heap(struct hc_process *process, const struct hc_block_set *set,
				struct hc_heap **ret);

/** Whether a mapping is private anonymous memory that neither malloc nor anybody else owns. */
bool hc_blocks_outside(const struct hc_mapping *mapping, const struct hc_owners *owners);

#endif
