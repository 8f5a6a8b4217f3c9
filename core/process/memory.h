/**
 * @file
 * The address space of the process: address → bytes.
 *
 * Built from extents. An extent is a run of addresses whose bytes lie back to back in one mapped
 * file: the core, or an executable or library that stands in for pages that the kernel did not dump
 * (file-backed and unmodified, build-id checked by module.h). A byte that is in no extent is
 * *missing*; it is never read as zero.
 *
 * Neighbouring extents whose bytes also neighbour in the file are merged, so that a view over a
 * heap that the kernel wrote as several segments is one pointer.
 *
 * Reading is safe from several threads once the last extent was added.
 */
#ifndef HC_CORE_PROCESS_MEMORY_H
#define HC_CORE_PROCESS_MEMORY_H

#include "core/base/bytes.h"
#include "core/elf/data_map.h"

/** @ref hc_memory::hole_block where the size of pages is unknown: Linux has no larger ones. */
#define HC_HOLE_BLOCK (UINT64_C(64) << 10)

struct hc_extent {
	uint64_t start, end; /**< addresses, end exclusive */
	const uint8_t *data; /**< byte at @ref start */
	bool from_core;      /**< false: from a file that stands in */
};

struct hc_memory {
	struct hc_extent *extents; /**< sorted, disjoint */
	size_t num_extents;
	unsigned word_size; /**< 4 or 8 */
	bool big_endian;    /**< of words; set after hc_memory_init() */
	/** The core's file and where it has holes; set after hc_memory_init(). None: nothing is
	 * known */
	struct hc_bytes file;
	const struct hc_data_map *data;
	/**
	 * Addresses in which holes are told: one that does not cover a block of these, at a
	 * multiple of its size, is no hole to hc_memory_next_data(). So no page and no word is cut
	 * in two, wherever in the file it lies. Bytes, a power of two: those of a page of the
	 * process, or @ref HC_HOLE_BLOCK, as hc_memory_init() sets it.
	 */
	uint64_t hole_block;
};

void hc_memory_init(struct hc_memory *memory, unsigned word_size);
void hc_memory_deinit(struct hc_memory *memory);

/**
 * Add bytes. Addresses that some earlier extent already covers keep their bytes: the core is added
 * first and wins over files.
 */
struct hc_error *hc_memory_add(struct hc_memory *memory, uint64_t start, struct hc_bytes bytes,
			       bool from_core);

/** The extent that holds @p address, or NULL. */
const struct hc_extent *hc_memory_find(const struct hc_memory *memory, uint64_t address);

/** The first extent that ends above @p address (it may start above it), or NULL. */
const struct hc_extent *hc_memory_find_next(const struct hc_memory *memory, uint64_t address);

/**
 * As many bytes from @p address as lie in one piece, at most @p size. An empty view (data NULL)
 * means that the byte at @p address is missing.
 */
struct hc_bytes hc_memory_view(const struct hc_memory *memory, uint64_t address, uint64_t size);

/** Copy across extents; @ref HC_ERROR_MISSING with the first missing address. */
struct hc_error *hc_memory_read(const struct hc_memory *memory, uint64_t address, void *buf,
				size_t size);

/** One word, or one 32-bit value; false when any of its bytes is missing. */
bool hc_memory_word(const struct hc_memory *memory, uint64_t address, uint64_t *ret);
bool hc_memory_u32(const struct hc_memory *memory, uint64_t address, uint32_t *ret);

/** Bytes that are present and lie back to back: those of the addresses [start, end). */
struct hc_piece {
	uint64_t start, end;
	struct hc_bytes bytes;
};

/**
 * The next bytes of [*pos, end) that are present, in one piece and at most @p most of them. For
 * work on ranges that may be terabytes of nothing.
 *
 * @param[in,out] pos address to begin at; the end of the piece afterwards
 * @return false when there are none
 */
bool hc_memory_next_piece(const struct hc_memory *memory, uint64_t *pos, uint64_t end,
			  uint64_t most, struct hc_piece *ret);

/**
 * The same for work to which zeroes say nothing: what are holes in the core's file is left out.
 * Other bytes may be zero, too.
 */
bool hc_memory_next_data(const struct hc_memory *memory, uint64_t *pos, uint64_t end, uint64_t most,
			 struct hc_piece *ret);

/**
 * The first address of [*pos, end) that is a multiple of @p step, a power of two, and whose byte is
 * present: for structures that lie at such places, in ranges that may be terabytes of nothing.
 *
 * @param[in,out] pos address to begin at; what was found
 * @return false when there is none
 */
bool hc_memory_next_aligned(const struct hc_memory *memory, uint64_t *pos, uint64_t end,
			    uint64_t step);

/** Whether there is nothing in [start, end) but missing bytes and holes, as of
 * hc_memory_next_data(). */
bool hc_memory_is_hole(const struct hc_memory *memory, uint64_t start, uint64_t end);

/** How many of the bytes in [start, end) are present. */
uint64_t hc_memory_present(const struct hc_memory *memory, uint64_t start, uint64_t end);

#endif
