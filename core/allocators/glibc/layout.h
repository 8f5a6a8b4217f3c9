/**
 * @file
 * Layouts of glibc malloc's structures: every number that comes from a glibc release is here and
 * nowhere else.
 *
 * The rows were taken from the structure definitions of each release (malloc/malloc.c,
 * malloc/arena.c) compiled for the machine, and agree with the DWARF of the libc packages of Debian
 * 11 to 14. "W" is the word size. A new release, or a distribution's backport, is a new row; which
 * row a core uses is decided by the structure of its memory (discover.c), because stable branches
 * and distributions have changed layouts within one version.
 */
#ifndef HC_CORE_ALLOCATORS_GLIBC_LAYOUT_H
#define HC_CORE_ALLOCATORS_GLIBC_LAYOUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GLIBC_NUM_BINS 128 /**< NBINS; bins 1 … 127 have a list head, 127 is never used */

/** Flag bits of a chunk's size field. */
enum {
	GLIBC_PREV_INUSE = 1,
	GLIBC_IS_MMAPPED = 2,
	GLIBC_NON_MAIN_ARENA = 4,
	GLIBC_SIZE_BITS = 7,
};

/** arena flags: the arena's memory is not one contiguous stretch (always set in thread arenas). */
#define GLIBC_NONCONTIGUOUS 2

/**
 * Constants of the allocator that depend on the word size and, where that is 4, on the alignment.
 */
struct glibc_params {
	unsigned word_size;
	unsigned header;      /**< bytes from a chunk to its user address: 2W */
	unsigned alignment;   /**< MALLOC_ALIGNMENT */
	unsigned min_chunk;   /**< MINSIZE */
	unsigned first_large; /**< smallest chunk size of a large bin */
	uint64_t heap_max;    /**< HEAP_MAX_SIZE without huge pages */
};

/** @param alignment 16, or what glibc_alignment() says */
struct glibc_params glibc_params(unsigned word_size, unsigned alignment);

/**
 * Number of the bin that free chunks of @p size (at least the smallest) are kept in:
 * smallbin_index, largebin_index.
 */
unsigned glibc_bin_index(const struct glibc_params *params, uint64_t size);

/**
 * struct malloc_state, the arena. Everything is placed relative to bins[], whose neighbourhood has
 * been the same since 2.10: …, top, last_remainder, bins[254], binmap[4], next, next_free?,
 * attached_threads?, system_mem, max_system_mem.
 */
struct glibc_state_layout {
	const char *releases;
	unsigned word_size;
	unsigned machine_align; /**< hc_machine::max_align of the machines that have it; 0: all */
	unsigned bins;          /**< offset of bins[0] */
	unsigned fastbins;      /**< offset of fastbinsY[0] */
	unsigned num_fastbins;  /**< 0: this release has none */
	bool next_free;         /**< has that field */
	bool attached_threads;  /**< has that field */
	unsigned size;          /**< sizeof(struct malloc_state) */
	unsigned unknown; /**< words in front of system_mem that no row of the table has; 0 in the
			     table */
};

extern const struct glibc_state_layout glibc_state_layouts[];
extern const size_t glibc_num_state_layouts;

/**
 * MALLOC_ALIGNMENT: two words, or what long double needs. i386 changed from 8 to 16 in 2.26, with
 * the number of fastbins (or with their removal); 32-bit arm and mips have 8 in every release.
 *
 * @param machine_align hc_machine::max_align
 */
unsigned glibc_alignment(const struct glibc_state_layout *layout, unsigned machine_align);

/** No struct malloc_state is larger. Bytes. */
#define GLIBC_MAX_STATE 4096

static inline unsigned glibc_top_offset(const struct glibc_state_layout *layout)
{
	return layout->bins - 2 * layout->word_size;
}

static inline unsigned glibc_next_offset(const struct glibc_state_layout *layout)
{
	return layout->bins + 2 * (GLIBC_NUM_BINS - 1) * layout->word_size + 4 * sizeof(uint32_t);
}

static inline unsigned glibc_attached_offset(const struct glibc_state_layout *layout)
{
	return glibc_next_offset(layout) + (1 + layout->next_free) * layout->word_size;
}

static inline unsigned glibc_system_offset(const struct glibc_state_layout *layout)
{
	return glibc_attached_offset(layout) +
	       (layout->attached_threads + layout->unknown) * layout->word_size;
}

/** Sizes that struct heap_info, the header of a thread heap, has had; 0 ends the list. */
extern const unsigned glibc_heap_info_sizes_64[];
extern const unsigned glibc_heap_info_sizes_32[];

/** struct malloc_par, the one object mp_. Offsets; 0: the release lacks the member. */
struct glibc_par_layout {
	const char *releases;
	unsigned word_size;
	unsigned arena_test;
	unsigned hp_pagesize;
	unsigned n_mmaps, n_mmaps_max, max_n_mmaps, no_dyn_threshold; /**< ints */
	unsigned mmapped_mem, max_mmapped_mem;
	unsigned sbrk_base;
	unsigned tcache_bins, tcache_count;
	unsigned size;
};

extern const struct glibc_par_layout glibc_par_layouts[];
extern const size_t glibc_num_par_layouts;

/** struct tcache_perthread_struct. */
struct glibc_tcache_layout {
	const char *releases;
	unsigned word_size;
	unsigned count_size; /**< bytes of one counter */
	unsigned num_bins;
	unsigned num_small; /**< bins of one chunk size each; the others hold ranges */
	bool counts_down;   /**< counters hold free slots, not entries */
	unsigned entries;   /**< offset of entries[0] */
	unsigned size;      /**< sizeof */
};

extern const struct glibc_tcache_layout glibc_tcache_layouts[];
extern const size_t glibc_num_tcache_layouts;

#endif
