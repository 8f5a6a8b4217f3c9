/**
 * @file
 * The tables of layout.h.
 */
#include "core/allocators/glibc/layout.h"

#define NUM(array) (sizeof(array) / sizeof((array)[0]))

struct glibc_params glibc_params(unsigned word_size, unsigned alignment)
{
	if (word_size == 8)
		return (struct glibc_params){8, 16, 16, 0x20, 0x400, UINT64_C(64) << 20};
	return (struct glibc_params){
		4, 8, alignment, 0x10, alignment == 16 ? 0x3f0 : 0x200, UINT64_C(1) << 20};
}

unsigned glibc_bin_index(const struct glibc_params *params, uint64_t size)
{
	bool narrow = params->word_size == 4, wide_aligned = narrow && params->alignment == 16;
	if (size < params->first_large)
		return narrow ? wide_aligned ? (size >> 4) + 1 : size >> 3 : size >> 4;
	/*
	 * Each group of large bins is eight times wider than the one before; the first differs by
	 * machine.
	 */
	uint64_t first = size >> 6, limit = narrow ? wide_aligned ? 45 : 38 : 48;
	unsigned base = narrow ? wide_aligned ? 49 : 56 : 48;
	if (first <= limit)
		return base + first;
	if (size >> 9 <= 20)
		return 91 + (size >> 9);
	if (size >> 12 <= 10)
		return 110 + (size >> 12);
	if (size >> 15 <= 4)
		return 119 + (size >> 15);
	return size >> 18 <= 2 ? 124 + (size >> 18) : 126;
}

unsigned glibc_alignment(const struct glibc_state_layout *layout, unsigned machine_align)
{
	if (layout->word_size == 8)
		return 16;
	return machine_align == 8 || layout->num_fastbins == 10 ? 8 : 16;
}

/*
 * Rows with equal bins[] are told apart by what follows next_free: a small attached_threads, or the
 * size that the system gave.
 */
const struct glibc_state_layout glibc_state_layouts[] = {
	/* releases, word, machine_align, bins, fastbins, number, next_free, attached_threads, size
	 */
	{"2.43 and later", 8, 0, 24, 0, 0, true, true, 2112},
	{"2.27-2.42", 8, 0, 112, 16, 10, true, true, 2200},
	{"2.23-2.26", 8, 0, 104, 8, 10, true, true, 2192},
	{"2.10-2.22", 8, 0, 104, 8, 10, true, false, 2184},
	{"2.10-2.14 without per-thread arenas", 8, 0, 104, 8, 10, false, false, 2176},
	{"2.43 and later", 4, 0, 16, 0, 0, true, true, 1068},
	{"2.27-2.42", 4, 16, 64, 12, 11, true, true, 1116},
	{"2.26", 4, 16, 60, 8, 11, true, true, 1112},
	{"2.23-2.25", 4, 16, 56, 8, 10, true, true, 1108},
	{"2.27-2.42", 4, 8, 60, 12, 10, true, true, 1112},
	{"2.23-2.26", 4, 8, 56, 8, 10, true, true, 1108},
	{"2.10-2.22", 4, 0, 56, 8, 10, true, false, 1104},
	{"2.10-2.14 without per-thread arenas", 4, 0, 56, 8, 10, false, false, 1100},
};
const size_t glibc_num_state_layouts = NUM(glibc_state_layouts);

/*
 * The second size came with the pagesize member (2.35); on i386 with the 16-byte alignment (2.26).
 */
const unsigned glibc_heap_info_sizes_64[] = {48, 32, 0};
const unsigned glibc_heap_info_sizes_32[] = {24, 16, 0};

/*
 * libc_malloc_debug.so.0, which MALLOC_CHECK_ needs since 2.34, has an mp_ of its own that ends
 * with sbrk_base.
 */
const struct glibc_par_layout glibc_par_layouts[] = {
	/* releases, word, arena_test, hp_pagesize, n_mmaps, n_mmaps_max, max_n_mmaps,
	   no_dyn_threshold, mmapped_mem, max_mmapped_mem, sbrk_base, tcache_bins, tcache_count,
	   size (of the smallest) */
	{"2.43 and later", 8, 24, 56, 68, 72, 76, 80, 88, 96, 104, 112, 128, 136},
	{"2.35-2.42", 8, 24, 48, 60, 64, 68, 72, 80, 88, 96, 104, 120, 136},
	{"2.43 and later, libc_malloc_debug", 8, 24, 56, 68, 72, 76, 80, 88, 96, 104, 0, 0, 112},
	{"2.35-2.42, libc_malloc_debug", 8, 24, 48, 60, 64, 68, 72, 80, 88, 96, 0, 0, 104},
	{"2.26-2.34", 8, 24, 0, 40, 44, 48, 52, 56, 64, 72, 80, 96, 112},
	{"2.24-2.25", 8, 24, 0, 40, 44, 48, 52, 56, 64, 72, 0, 0, 80},
	{"2.15-2.23", 8, 24, 0, 40, 44, 48, 52, 56, 64, 80, 0, 0, 88},
	{"2.10-2.14", 8, 24, 0, 40, 44, 48, 52, 64, 72, 88, 0, 0, 96},
	{"2.10-2.14 without per-thread arenas", 8, 0, 0, 24, 28, 32, 36, 48, 56, 72, 0, 0, 80},
	{"2.43 and later", 4, 12, 28, 36, 40, 44, 48, 52, 56, 60, 64, 72, 76},
	{"2.35-2.42", 4, 12, 24, 32, 36, 40, 44, 48, 52, 56, 60, 68, 76},
	{"2.43 and later, libc_malloc_debug", 4, 12, 28, 36, 40, 44, 48, 52, 56, 60, 0, 0, 64},
	{"2.35-2.42, libc_malloc_debug", 4, 12, 24, 32, 36, 40, 44, 48, 52, 56, 0, 0, 60},
	{"2.26-2.34", 4, 12, 0, 20, 24, 28, 32, 36, 40, 44, 48, 56, 64},
	{"2.24-2.25", 4, 12, 0, 20, 24, 28, 32, 36, 40, 44, 0, 0, 48},
	{"2.15-2.23", 4, 12, 0, 20, 24, 28, 32, 36, 40, 48, 0, 0, 52},
	{"2.10-2.14", 4, 12, 0, 20, 24, 28, 32, 40, 44, 52, 0, 0, 56},
	{"2.10-2.14 without per-thread arenas", 4, 0, 0, 12, 16, 20, 24, 32, 36, 44, 0, 0, 48},
};
const size_t glibc_num_par_layouts = NUM(glibc_par_layouts);

const struct glibc_tcache_layout glibc_tcache_layouts[] = {
	/* releases, word, count_size, bins, small bins, counts_down, entries, size */
	{"2.42 and later", 8, 2, 76, 64, true, 152, 760},
	{"2.30-2.41", 8, 2, 64, 64, false, 128, 640},
	{"2.26-2.29", 8, 1, 64, 64, false, 64, 576},
	{"2.42 and later", 4, 2, 76, 64, true, 152, 456},
	{"2.30-2.41", 4, 2, 64, 64, false, 128, 384},
	{"2.26-2.29", 4, 1, 64, 64, false, 64, 320},
};
const size_t glibc_num_tcache_layouts = NUM(glibc_tcache_layouts);
