/**
 * @file
 * Whether anything points into memory outside of malloc: a mapping that nothing points into can't
 * be given back any more, and is lost like a chunk.
 *
 * One pass over all words that the program can use: registers, live stacks, TLS, data of modules,
 * chunks in use, and memory outside of malloc itself. A word is a pointer when its value lies in a
 * mapping of interest. Counts are exact for the words of the core; a number that happens to look
 * like an address counts as one, so "nothing points to it" is certain and "something does" is not.
 *
 * A program that cuts a mapping into blocks holds the mapping, and comes to a block by counting. So
 * a block that nothing points to is a *part* of a slab, and not lost,
 *
 *   - where no mapping could begin or end as it does, which only pages do, and its mapping is held;
 *   - where a variable, a chunk, or other memory that may be held has the address of the first of
 *     the neighbours of its kind in one mapping, or of the mapping right before it. What a stack or
 *     a register has may be a stale word. The kernel merges mappings, so that some of such blocks
 *     may be lost mappings of their own after all: nothing in memory tells the two apart.
 *
 * A mapping is *held* when a pointer into it stands in a register, stack, TLS, data, a chunk,
 * memory with an owner, or in a mapping that is held. When reachability is known, words of lost
 * chunks hold nothing.
 */
#ifndef HC_ANALYZERS_BLOCKS_HELD_H
#define HC_ANALYZERS_BLOCKS_HELD_H

#include "analyzers/blocks/blocks.h"

/** Memory outside of malloc without an owner: one mapping. */
struct hc_held_mapping {
	const struct hc_mapping *mapping;
	uint64_t from_roots;  /**< words in registers, stacks, TLS, data, owned memory */
	uint64_t from_chunks; /**< words in chunks in use */
	uint64_t from_others; /**< words in other such mappings */
	bool held;
};

struct hc_held {
	struct hc_held_mapping *items; /**< by address */
	size_t num;
	uint64_t lost;       /**< mappings that nothing holds */
	uint64_t lost_bytes; /**< theirs */
	uint64_t missing;    /**< bytes of roots that the core lacks: what looks lost may be held */
};

/**
 * Run; also counts hc_block_set::pointed, linked, and parts.
 *
 * @param heap NULL: there are no chunks
 */
struct hc_error *hc_held_run(const struct hc_process *process, const struct hc_heap *heap,
			     const struct hc_owners *owners, struct hc_blocks *blocks,
			     struct hc_held *ret);
void hc_held_deinit(struct hc_held *held);

/** The row of a mapping, or NULL. */
const struct hc_held_mapping *hc_held_find(const struct hc_held *held, uint64_t address);

#endif
