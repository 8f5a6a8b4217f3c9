/**
 * @file
 * Sixty-four units of a span: what is known of the chunks that start there, at four bits a unit.
 *
 * All four planes of 64 units stand in one 32-byte block, so that one cache line answers every
 * question about a chunk. heap.h says what the bits mean.
 */
#ifndef HC_CORE_HEAP_BLOCK_H
#define HC_CORE_HEAP_BLOCK_H

#include <stdint.h>

#define HC_UNITS_PER_BLOCK 64

/** Sixty-four units. Bit i of each plane is unit i. a is the low and b the high bit of a code. */
struct hc_block {
	uint64_t start, free, a, b;
};

/** Blocks that @p num_units need. */
static inline uint64_t hc_num_blocks(uint64_t num_units)
{
	return num_units / HC_UNITS_PER_BLOCK + (num_units % HC_UNITS_PER_BLOCK != 0);
}

/** The units of [from, to) that are in a block, by its number: bit i is unit i. */
static inline uint64_t hc_block_units(uint64_t number, uint64_t from, uint64_t to)
{
	uint64_t first = number * HC_UNITS_PER_BLOCK, end = first + HC_UNITS_PER_BLOCK;
	uint64_t bits = UINT64_MAX;

	if (from >= end || to <= first)
		return 0;
	if (from > first)
		bits &= UINT64_MAX << (from - first);
	if (to < end)
		bits &= ~(UINT64_MAX << (to - first));
	return bits;
}

/** Chunks in use: bit i is unit i. */
static inline uint64_t hc_block_in_use(const struct hc_block *block)
{
	return block->start & ~block->free;
}

/** Chunks in use that no root leads to, once reachability is known. */
static inline uint64_t hc_block_lost(const struct hc_block *block)
{
	return hc_block_in_use(block) & ~block->b;
}

/** Go through the set bits of @p word, the lowest first; @p bit is declared here. */
#define hc_for_each_bit(bit, word)                                                                 \
	for (uint64_t bit##_left = (word), bit;                                                    \
	     bit##_left && (bit = (uint64_t)__builtin_ctzll(bit##_left), 1);                       \
	     bit##_left &= bit##_left - 1)

#endif
