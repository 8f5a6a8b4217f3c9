/**
 * @file
 * The tables of core/allocators/glibc/layout.c, checked against the structures themselves: every
 * release's members are written down here in their order, and the compiler says where they lie. A
 * wrong number in a table is named with the member that it misplaces.
 *
 * Words are integers of the target's width, so that one build checks both widths; no structure here
 * has a member that is aligned to more than its word.
 */
#include "tests/unit/unit.h"

#include <stdlib.h>

#include "core/allocators/glibc/layout.h"

#define NUM(array) (sizeof(array) / sizeof((array)[0]))

/* --- malloc_state
 * -------------------------------------------------------------------------------------------- */

/* What has been the same since 2.10; the front and the tail are what releases differ in. */
#define STATE(name, word, front, tail)                                                             \
	struct name {                                                                              \
		int32_t mutex, flags;                                                              \
		front;                                                                             \
		word top, last_remainder;                                                          \
		word bins[254];                                                                    \
		uint32_t binmap[4];                                                                \
		word next;                                                                         \
		tail;                                                                              \
		word system_mem, max_system_mem;                                                   \
	}

#define NOTHING int32_t nothing[0]
#define FASTBINS_10(word) word fastbins[10]
#define FASTBINS_11(word) word fastbins[11]
#define COUNTED_FASTBINS(word, n)                                                                  \
	int32_t have_fastchunks;                                                                   \
	word fastbins[n]
#define NEXT_FREE(word) word next_free
#define NEXT_FREE_ATTACHED(word)                                                                   \
	word next_free;                                                                            \
	word attached_threads

typedef uint64_t u64;
typedef uint32_t u32;

STATE(state64_243, u64, NOTHING, NEXT_FREE_ATTACHED(u64));
STATE(state64_227, u64, COUNTED_FASTBINS(u64, 10), NEXT_FREE_ATTACHED(u64));
STATE(state64_223, u64, FASTBINS_10(u64), NEXT_FREE_ATTACHED(u64));
STATE(state64_210, u64, FASTBINS_10(u64), NEXT_FREE(u64));
STATE(state64_plain, u64, FASTBINS_10(u64), NOTHING);
STATE(state32_243, u32, NOTHING, NEXT_FREE_ATTACHED(u32));
STATE(state32_227, u32, COUNTED_FASTBINS(u32, 11), NEXT_FREE_ATTACHED(u32));
STATE(state32_226, u32, FASTBINS_11(u32), NEXT_FREE_ATTACHED(u32));
STATE(state32_223, u32, FASTBINS_10(u32), NEXT_FREE_ATTACHED(u32));
STATE(state32_227_narrow, u32, COUNTED_FASTBINS(u32, 10), NEXT_FREE_ATTACHED(u32));
STATE(state32_210, u32, FASTBINS_10(u32), NEXT_FREE(u32));
STATE(state32_plain, u32, FASTBINS_10(u32), NOTHING);

/** What the compiler says of one of the above. */
struct state_truth {
	const char *releases;
	unsigned word, fastbins, num_fastbins, top, bins, next, system, max_system, size;
	bool next_free, attached;
};

#define TAIL(type, word)                                                                           \
	((offsetof(struct type, system_mem) - offsetof(struct type, next)) / (word))
#define STATE_TRUTH(releases, type, word, fast, num_fast)                                          \
	{                                                                                          \
		releases, word, fast, num_fast, offsetof(struct type, top),                        \
			offsetof(struct type, bins), offsetof(struct type, next),                  \
			offsetof(struct type, system_mem), offsetof(struct type, max_system_mem),  \
			sizeof(struct type), TAIL(type, word) > 1, TAIL(type, word) > 2            \
	}
#define WITH_FASTBINS(releases, type, word)                                                        \
	STATE_TRUTH(releases, type, word, offsetof(struct type, fastbins),                         \
		    NUM(((struct type *)0)->fastbins))

static const struct state_truth states[] = {
	STATE_TRUTH("2.43 and later", state64_243, 8, 0, 0),
	WITH_FASTBINS("2.27-2.42", state64_227, 8),
	WITH_FASTBINS("2.23-2.26", state64_223, 8),
	WITH_FASTBINS("2.10-2.22", state64_210, 8),
	WITH_FASTBINS("2.10-2.14 without per-thread arenas", state64_plain, 8),
	STATE_TRUTH("2.43 and later", state32_243, 4, 0, 0),
	WITH_FASTBINS("2.27-2.42", state32_227, 4),
	WITH_FASTBINS("2.26", state32_226, 4),
	WITH_FASTBINS("2.23-2.25", state32_223, 4),
	WITH_FASTBINS("2.27-2.42", state32_227_narrow, 4),
	WITH_FASTBINS("2.23-2.26", state32_223, 4),
	WITH_FASTBINS("2.10-2.22", state32_210, 4),
	WITH_FASTBINS("2.10-2.14 without per-thread arenas", state32_plain, 4),
};

/** Complain about one number of one row. */
static void expect(const char *table, const char *releases, unsigned word, const char *what,
		   unsigned long found, unsigned long true_value)
{
	if (found != true_value)
		fail_msg("%s of glibc %s, %u bits: the table says %lu for %s, but the members in "
			 "front of it "
			 "make it %lu",
			 table, releases, 8 * word, found, what, true_value);
}

/** A row without a member list here, or the other way round, is a mistake as well. */
static void expect_rows(const char *table, size_t found, size_t listed)
{
	if (found != listed)
		fail_msg("the table of %s has %zu rows, but the members of %zu are listed in this "
			 "test: a new row "
			 "needs its member list here",
			 table, found, listed);
}

static void expect_same_row(const char *table, const char *found, unsigned found_word,
			    const char *listed, unsigned listed_word)
{
	if (strcmp(found, listed) != 0 || found_word != listed_word)
		fail_msg("the table of %s has \"%s\", %u bits, where this test lists \"%s\", %u "
			 "bits",
			 table, found, 8 * found_word, listed, 8 * listed_word);
}

static void test_states(void **state)
{
	(void)state;
	expect_rows("malloc_state", glibc_num_state_layouts, NUM(states));
	for (size_t i = 0; i < NUM(states); i++) {
		const struct glibc_state_layout *row = &glibc_state_layouts[i];
		const struct state_truth *truth = &states[i];
		const char *name = row->releases;
		unsigned word = row->word_size;

		expect_same_row("malloc_state", name, word, truth->releases, truth->word);
		expect("malloc_state", name, word, "fastbinsY", row->fastbins, truth->fastbins);
		expect("malloc_state", name, word, "the number of fastbins", row->num_fastbins,
		       truth->num_fastbins);
		expect("malloc_state", name, word, "bins", row->bins, truth->bins);
		expect("malloc_state", name, word, "next_free (there or not)", row->next_free,
		       truth->next_free);
		expect("malloc_state", name, word, "attached_threads (there or not)",
		       row->attached_threads, truth->attached);
		expect("malloc_state", name, word, "the whole", row->size, truth->size);
		/* What is derived from the rows. */
		expect("malloc_state", name, word, "top", glibc_top_offset(row), truth->top);
		expect("malloc_state", name, word, "next", glibc_next_offset(row), truth->next);
		expect("malloc_state", name, word, "system_mem", glibc_system_offset(row),
		       truth->system);
		expect("malloc_state", name, word, "max_system_mem",
		       glibc_system_offset(row) + word, truth->max_system);
		if (row->attached_threads)
			expect("malloc_state", name, word, "attached_threads",
			       glibc_attached_offset(row), truth->system - word);
	}
}

/** sizeof as compiled from each release's source, so that a member missing from the lists above
 * shows. */
static void test_state_sizes(void **state)
{
	(void)state;
	static const unsigned sizes[] = {2112, 2200, 2192, 2184, 2176, 1068, 1116,
					 1112, 1108, 1112, 1108, 1104, 1100};

	for (size_t i = 0; i < NUM(sizes) && i < NUM(states); i++)
		expect("malloc_state", states[i].releases, states[i].word, "the documented size",
		       states[i].size, sizes[i]);
}

/* --- malloc_par
 * ---------------------------------------------------------------------------------------------- */

#define THRESHOLDS(word) word trim_threshold, top_pad, mmap_threshold, arena_test, arena_max
#define COUNTERS int32_t n_mmaps, n_mmaps_max, max_n_mmaps, no_dyn_threshold
#define MMAPPED(word) word mmapped_mem, max_mmapped_mem
#define TCACHE(word) word tcache_bins, tcache_max_bytes, tcache_count
#define HUGE(word)                                                                                 \
	word thp_pagesize, hp_pagesize;                                                            \
	int32_t hp_flags

/*
 * Each is named for the release that it came with. 2.43 has one member more than 2.44 at the end.
 * "debug" are those of libc_malloc_debug.so.0, whose release is built without tcache.
 */
#define PARS(word)                                                                                 \
	struct par##word##_244 {                                                                   \
		THRESHOLDS(word);                                                                  \
		int32_t thp_mode;                                                                  \
		HUGE(word);                                                                        \
		COUNTERS;                                                                          \
		MMAPPED(word);                                                                     \
		word sbrk_base;                                                                    \
		TCACHE(word);                                                                      \
	};                                                                                         \
	struct par##word##_235 {                                                                   \
		THRESHOLDS(word);                                                                  \
		HUGE(word);                                                                        \
		COUNTERS;                                                                          \
		MMAPPED(word);                                                                     \
		word sbrk_base;                                                                    \
		TCACHE(word);                                                                      \
		word tcache_unsorted_limit;                                                        \
	};                                                                                         \
	struct par##word##_debug_244 {                                                             \
		THRESHOLDS(word);                                                                  \
		int32_t thp_mode;                                                                  \
		HUGE(word);                                                                        \
		COUNTERS;                                                                          \
		MMAPPED(word);                                                                     \
		word sbrk_base;                                                                    \
	};                                                                                         \
	struct par##word##_debug_235 {                                                             \
		THRESHOLDS(word);                                                                  \
		HUGE(word);                                                                        \
		COUNTERS;                                                                          \
		MMAPPED(word);                                                                     \
		word sbrk_base;                                                                    \
	};                                                                                         \
	struct par##word##_226 {                                                                   \
		THRESHOLDS(word);                                                                  \
		COUNTERS;                                                                          \
		MMAPPED(word);                                                                     \
		word sbrk_base;                                                                    \
		TCACHE(word);                                                                      \
		word tcache_unsorted_limit;                                                        \
	};                                                                                         \
	struct par##word##_224 {                                                                   \
		THRESHOLDS(word);                                                                  \
		COUNTERS;                                                                          \
		MMAPPED(word);                                                                     \
		word sbrk_base;                                                                    \
	};                                                                                         \
	struct par##word##_215 {                                                                   \
		THRESHOLDS(word);                                                                  \
		COUNTERS;                                                                          \
		MMAPPED(word);                                                                     \
		word max_total_mem, sbrk_base;                                                     \
	};                                                                                         \
	struct par##word##_210 {                                                                   \
		THRESHOLDS(word);                                                                  \
		COUNTERS;                                                                          \
		uint32_t pagesize;                                                                 \
		MMAPPED(word);                                                                     \
		word max_total_mem, sbrk_base;                                                     \
	};                                                                                         \
	struct par##word##_plain {                                                                 \
		word trim_threshold, top_pad, mmap_threshold;                                      \
		COUNTERS;                                                                          \
		uint32_t pagesize;                                                                 \
		MMAPPED(word);                                                                     \
		word max_total_mem, sbrk_base;                                                     \
	}

PARS(u64);
PARS(u32);

#define AT(type, member) offsetof(struct type, member)
#define PAR_TUNABLE(releases, type, word, test, hp, bins, count)                                   \
	{                                                                                          \
		releases, word, test, hp, AT(type, n_mmaps), AT(type, n_mmaps_max),                \
			AT(type, max_n_mmaps), AT(type, no_dyn_threshold), AT(type, mmapped_mem),  \
			AT(type, max_mmapped_mem), AT(type, sbrk_base), bins, count,               \
			sizeof(struct type)                                                        \
	}
#define PAR(releases, type, word, hp, bins, count)                                                 \
	PAR_TUNABLE(releases, type, word, AT(type, arena_test), hp, bins, count)
#define PAR_TCACHE(releases, type, word, hp)                                                       \
	PAR(releases, type, word, hp, AT(type, tcache_bins), AT(type, tcache_count))

static const struct glibc_par_layout pars[] = {
	PAR_TCACHE("2.43 and later", paru64_244, 8, AT(paru64_244, hp_pagesize)),
	PAR_TCACHE("2.35-2.42", paru64_235, 8, AT(paru64_235, hp_pagesize)),
	PAR("2.43 and later, libc_malloc_debug", paru64_debug_244, 8,
	    AT(paru64_debug_244, hp_pagesize), 0, 0),
	PAR("2.35-2.42, libc_malloc_debug", paru64_debug_235, 8, AT(paru64_debug_235, hp_pagesize),
	    0, 0),
	PAR_TCACHE("2.26-2.34", paru64_226, 8, 0),
	PAR("2.24-2.25", paru64_224, 8, 0, 0, 0),
	PAR("2.15-2.23", paru64_215, 8, 0, 0, 0),
	PAR("2.10-2.14", paru64_210, 8, 0, 0, 0),
	PAR_TUNABLE("2.10-2.14 without per-thread arenas", paru64_plain, 8, 0, 0, 0, 0),
	PAR_TCACHE("2.43 and later", paru32_244, 4, AT(paru32_244, hp_pagesize)),
	PAR_TCACHE("2.35-2.42", paru32_235, 4, AT(paru32_235, hp_pagesize)),
	PAR("2.43 and later, libc_malloc_debug", paru32_debug_244, 4,
	    AT(paru32_debug_244, hp_pagesize), 0, 0),
	PAR("2.35-2.42, libc_malloc_debug", paru32_debug_235, 4, AT(paru32_debug_235, hp_pagesize),
	    0, 0),
	PAR_TCACHE("2.26-2.34", paru32_226, 4, 0),
	PAR("2.24-2.25", paru32_224, 4, 0, 0, 0),
	PAR("2.15-2.23", paru32_215, 4, 0, 0, 0),
	PAR("2.10-2.14", paru32_210, 4, 0, 0, 0),
	PAR_TUNABLE("2.10-2.14 without per-thread arenas", paru32_plain, 4, 0, 0, 0, 0),
};

static void test_pars(void **state)
{
	(void)state;
	expect_rows("malloc_par", glibc_num_par_layouts, NUM(pars));
	for (size_t i = 0; i < NUM(pars); i++) {
		const struct glibc_par_layout *row = &glibc_par_layouts[i], *truth = &pars[i];

		expect_same_row("malloc_par", row->releases, row->word_size, truth->releases,
				truth->word_size);
#define EXPECT(member)                                                                             \
	expect("malloc_par", row->releases, row->word_size, #member, row->member, truth->member)
		EXPECT(arena_test);
		EXPECT(hp_pagesize);
		EXPECT(n_mmaps);
		EXPECT(n_mmaps_max);
		EXPECT(max_n_mmaps);
		EXPECT(no_dyn_threshold);
		EXPECT(mmapped_mem);
		EXPECT(max_mmapped_mem);
		EXPECT(sbrk_base);
		EXPECT(tcache_bins);
		EXPECT(tcache_count);
		EXPECT(size);
#undef EXPECT
	}
}

static void test_par_sizes(void **state)
{
	(void)state;
	static const unsigned sizes[] = {136, 136, 112, 104, 112, 80, 88, 96, 80,
					 76,  76,  64,  60,  64,  48, 52, 56, 48};

	for (size_t i = 0; i < NUM(sizes) && i < NUM(pars); i++)
		expect("malloc_par", pars[i].releases, pars[i].word_size, "the documented size",
		       pars[i].size, sizes[i]);
}

/* --- tcache, heap_info, constants
 * ---------------------------------------------------------------------------- */

#define TCACHES(word)                                                                              \
	struct tcache##word##_242 {                                                                \
		uint16_t num_slots[64 + 12];                                                       \
		word entries[64 + 12];                                                             \
	};                                                                                         \
	struct tcache##word##_230 {                                                                \
		uint16_t counts[64];                                                               \
		word entries[64];                                                                  \
	};                                                                                         \
	struct tcache##word##_226 {                                                                \
		uint8_t counts[64];                                                                \
		word entries[64];                                                                  \
	}

TCACHES(u64);
TCACHES(u32);

#define TCACHE_TRUTH(releases, type, word, counts, down)                                           \
	{                                                                                          \
		releases, word, sizeof(((struct type *)0)->counts[0]),                             \
			NUM(((struct type *)0)->entries), 64, down, AT(type, entries),             \
			sizeof(struct type)                                                        \
	}

static const struct glibc_tcache_layout tcaches[] = {
	TCACHE_TRUTH("2.42 and later", tcacheu64_242, 8, num_slots, true),
	TCACHE_TRUTH("2.30-2.41", tcacheu64_230, 8, counts, false),
	TCACHE_TRUTH("2.26-2.29", tcacheu64_226, 8, counts, false),
	TCACHE_TRUTH("2.42 and later", tcacheu32_242, 4, num_slots, true),
	TCACHE_TRUTH("2.30-2.41", tcacheu32_230, 4, counts, false),
	TCACHE_TRUTH("2.26-2.29", tcacheu32_226, 4, counts, false),
};

static void test_tcaches(void **state)
{
	(void)state;
	expect_rows("tcache_perthread_struct", glibc_num_tcache_layouts, NUM(tcaches));
	for (size_t i = 0; i < NUM(tcaches); i++) {
		const struct glibc_tcache_layout *row = &glibc_tcache_layouts[i],
						 *truth = &tcaches[i];

		expect_same_row("tcache_perthread_struct", row->releases, row->word_size,
				truth->releases, truth->word_size);
#define EXPECT(member)                                                                             \
	expect("tcache_perthread_struct", row->releases, row->word_size, #member, row->member,     \
	       truth->member)
		EXPECT(count_size);
		EXPECT(num_bins);
		EXPECT(num_small);
		EXPECT(counts_down);
		EXPECT(entries);
		EXPECT(size);
#undef EXPECT
	}
}

/** Chunk that malloc(size) gives. */
static unsigned chunk_for(const struct glibc_params *params, unsigned size)
{
	unsigned mask = params->alignment - 1;
	return (size + params->word_size + mask) & ~mask;
}

/** A tcache is told by its chunk's size first, and the sizes that cores have shown are these. */
static void test_tcache_chunks(void **state)
{
	(void)state;
	static const unsigned chunks[] = {0x300, 0x290, 0x250, 0x1d0, 0x190, 0x150};

	for (size_t i = 0; i < NUM(chunks) && i < glibc_num_tcache_layouts; i++) {
		const struct glibc_tcache_layout *row = &glibc_tcache_layouts[i];
		struct glibc_params params = glibc_params(row->word_size, 16);
		if (chunk_for(&params, row->size) != chunks[i])
			fail_msg("a tcache of glibc %s, %u bits, sits in a chunk of 0x%x bytes, "
				 "but the table's "
				 "%u bytes give one of 0x%x",
				 row->releases, 8 * row->word_size, chunks[i], row->size,
				 chunk_for(&params, row->size));
	}
}

/** Four words; pagesize since 2.35; on i386 padded so that what follows it is aligned to 16
 * since 2.26. */
static void test_heap_info(void **state)
{
	(void)state;
	struct heap64 {
		u64 ar_ptr, prev, size, mprotect_size;
	};
	struct heap64_235 {
		u64 ar_ptr, prev, size, mprotect_size, pagesize, pad;
	};
	struct heap32 {
		u32 ar_ptr, prev, size, mprotect_size;
	};
	struct heap32_226 {
		u32 ar_ptr, prev, size, mprotect_size, pagesize_or_pad, pad;
	};

	expect("heap_info", "2.35 and later", 8, "the whole", glibc_heap_info_sizes_64[0],
	       sizeof(struct heap64_235));
	expect("heap_info", "up to 2.34", 8, "the whole", glibc_heap_info_sizes_64[1],
	       sizeof(struct heap64));
	expect("heap_info", "all", 8, "the end of the list", glibc_heap_info_sizes_64[2], 0);
	expect("heap_info", "2.26 and later", 4, "the whole", glibc_heap_info_sizes_32[0],
	       sizeof(struct heap32_226));
	expect("heap_info", "up to 2.25", 4, "the whole", glibc_heap_info_sizes_32[1],
	       sizeof(struct heap32));
	expect("heap_info", "all", 4, "the end of the list", glibc_heap_info_sizes_32[2], 0);
}

static void expect_constant(unsigned word, unsigned alignment, const char *name,
			    unsigned long long found, unsigned long long true_value)
{
	if (found != true_value)
		fail_msg("%u bits, MALLOC_ALIGNMENT %u: %s is 0x%llx, but its definition gives "
			 "0x%llx",
			 8 * word, alignment, name, found, true_value);
}

static void check_params(unsigned word, unsigned alignment)
{
	struct glibc_params params = glibc_params(word, alignment);
	/* Header, fd and bk: the least that a binned chunk needs. */
	unsigned min = (4 * word + alignment - 1) & ~(alignment - 1);
	/* 64 small bins, one alignment step each; one less where the user address is shifted
	 * against the chunk. */
	unsigned first_large = (64 - (alignment > 2 * word)) * alignment;

	expect_constant(word, alignment, "the word size", params.word_size, word);
	expect_constant(word, alignment, "the header", params.header, 2 * word);
	expect_constant(word, alignment, "the alignment", params.alignment, alignment);
	expect_constant(word, alignment, "MINSIZE", params.min_chunk, min);
	expect_constant(word, alignment, "the first large size", params.first_large, first_large);
	/* 2 * DEFAULT_MMAP_THRESHOLD_MAX, which is 4 MiB times the size of long, or 512 KiB. */
	expect_constant(word, alignment, "HEAP_MAX_SIZE", params.heap_max,
			word == 8 ? 2ULL * 4 * 1024 * 1024 * 8 : 2ULL * 512 * 1024);
}

static void test_params(void **state)
{
	(void)state;
	check_params(8, 16);
	check_params(4, 16);
	check_params(4, 8);
	for (size_t i = 0; i < glibc_num_state_layouts; i++) {
		const struct glibc_state_layout *row = &glibc_state_layouts[i];
		/* i386 has one fastbin more where it aligns to 16, or none any more. */
		unsigned i386 = row->word_size == 8 || row->num_fastbins != 10 ? 16 : 8;
		if (row->machine_align != 8)
			expect_constant(row->word_size, i386, "the alignment on i386",
					glibc_alignment(row, 16), i386);
		if (row->word_size == 4 && row->machine_align != 16)
			expect_constant(4, 8, "the alignment on arm", glibc_alignment(row, 8), 8);
	}
	assert_int_equal(GLIBC_NUM_BINS, 128);
	assert_int_equal(GLIBC_PREV_INUSE | GLIBC_IS_MMAPPED | GLIBC_NON_MAIN_ARENA,
			 GLIBC_SIZE_BITS);
	assert_int_equal(GLIBC_PREV_INUSE, 1);
	assert_int_equal(GLIBC_IS_MMAPPED, 2);
	assert_int_equal(GLIBC_NON_MAIN_ARENA, 4);
	assert_int_equal(GLIBC_NONCONTIGUOUS, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_states),    cmocka_unit_test(test_state_sizes),
		cmocka_unit_test(test_pars),      cmocka_unit_test(test_par_sizes),
		cmocka_unit_test(test_tcaches),   cmocka_unit_test(test_tcache_chunks),
		cmocka_unit_test(test_heap_info), cmocka_unit_test(test_params),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
