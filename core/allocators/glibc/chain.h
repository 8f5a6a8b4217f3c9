/**
 * @file
 * A chain of chunk headers that lies in one piece of memory.
 *
 * A chunk's size field leads to the next header. This is what a chain looks like to those who walk
 * it (walk.c), what a header says, and the bits that a walk sets for it. Offsets are bytes from the
 * first header; units are those of the heap model (heap.h): unit u is the chunk whose header is at
 * offset u << unit_shift.
 */
#ifndef HC_CORE_ALLOCATORS_GLIBC_CHAIN_H
#define HC_CORE_ALLOCATORS_GLIBC_CHAIN_H

#include "core/allocators/glibc/glibc.h"

#define GLIBC_NO_OFFSET UINT64_MAX
#define GLIBC_NO_UNIT UINT64_MAX

/** Bytes that are walked. */
struct glibc_chain {
	const uint8_t *data;     /**< the first header */
	uint64_t size;           /**< bytes; a chunk may end here, but not beyond */
	uint64_t reach;          /**< bytes to the end of the stretch; some may be missing */
	struct hc_block *blocks; /**< not owned; room for the units of @ref size */
	unsigned word, header;   /**< bytes of a size field, of a chunk's header */
	bool big_endian;
	unsigned unit_shift; /**< log2 of bytes in a unit */
	uint64_t min_chunk;  /**< bytes */
	uint64_t bad_bits;   /**< bits that no size field of this stretch has */
	/** Offset of the top chunk, whose end need not be aligned; or GLIBC_NO_OFFSET. */
	uint64_t top;
	unsigned jobs;          /**< threads to walk with */
	struct hc_watch *watch; /**< of the walk */
};

/**
 * Size of the chunk at @p offset, or 0 when the header can't be one.
 *
 * @param[out] field_ret the size field with its flags; untouched when not even that fits
 */
static inline uint64_t glibc_chain_size(const struct glibc_chain *chain, uint64_t offset,
					uint64_t *field_ret)
{
	uint64_t left = chain->size - offset;
	if (left < chain->min_chunk)
		return 0;
	uint64_t field =
		hc_read_word(chain->data + offset + chain->word, chain->word, chain->big_endian);
	uint64_t size = field & ~(uint64_t)GLIBC_SIZE_BITS;
	*field_ret = field;
	if (size < chain->min_chunk || size > left)
		return 0;
	return !(field & chain->bad_bits) || offset == chain->top ? size : 0;
}

/** Size field of a header that need not be sane; 0 where it does not fit. */
static inline uint64_t glibc_chain_field(const struct glibc_chain *chain, uint64_t offset)
{
	return offset + 2 * chain->word <= chain->size
		       ? hc_read_word(chain->data + offset + chain->word, chain->word,
				      chain->big_endian)
		       : 0;
}

/** A chunk begins here. */
static inline void glibc_chain_set_start(const struct glibc_chain *chain, uint64_t unit)
{
	chain->blocks[unit / HC_UNITS_PER_BLOCK].start |= UINT64_C(1) << unit % HC_UNITS_PER_BLOCK;
}

/** Boundary tag says free: on some bin, until a list says which. */
static inline void glibc_chain_set_free(const struct glibc_chain *chain, uint64_t unit)
{
	struct hc_block *block = &chain->blocks[unit / HC_UNITS_PER_BLOCK];
	uint64_t bit = UINT64_C(1) << unit % HC_UNITS_PER_BLOCK;
	block->free |= bit;
	block->a |= bit;
	block->b |= bit;
}

struct glibc_damages;

/**
 * Walk the whole chain, mending what breaks, with several threads when it is long.
 *
 * @param one_piece     in this thread, nothing is walked ahead
 * @param[out] end_ret  offset of the first header that was not accepted and could not be mended
 * @param[out] last_ret unit of the last chunk, or GLIBC_NO_UNIT
 * @param damages       what was found broken is added, in the order of offsets
 */
struct hc_error *glibc_chain_walk(const struct glibc_chain *chain, bool one_piece,
				  uint64_t *end_ret, uint64_t *last_ret,
				  struct glibc_damages *damages);

#endif
