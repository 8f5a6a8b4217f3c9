/*
 * The walk over chunk headers: what it finds in heaps made up header by header, sound and damaged,
 * must be what was made, and must not depend on the number of threads.
 */
#include <elf.h>
#include <stdlib.h>

#include "tests/unit/unit.h"

#include "core/allocators/glibc/glibc.h"

#define START UINT64_C(0x555500000000)
#define MAX_CHUNKS 2000000

/** A stretch of heap in the making, and what should be found in it. */
struct stretch {
	uint8_t *bytes;
	uint64_t size;
	uint64_t end;     /* offset behind the last chunk made */
	uint64_t *chunks; /* offsets of headers, in order */
	size_t num_chunks;
	bool previous_free;
	uint64_t previous_size;
	uint64_t seed;
	bool small_only; /* no chunk above 400 bytes */
};

/* Xorshift: the same heaps in every run. */
static uint64_t next_random(struct stretch *s)
{
	s->seed ^= s->seed << 13;
	s->seed ^= s->seed >> 7;
	s->seed ^= s->seed << 17;
	return s->seed;
}

static void put(struct stretch *s, uint64_t offset, uint64_t value)
{
	value = htole64(value);
	memcpy(s->bytes + offset, &value, sizeof(value));
}

static void stretch_init(struct stretch *s, uint64_t size)
{
	*s = (struct stretch){.size = size, .seed = 88172645463325252};
	s->bytes = calloc(1, size);
	s->chunks = calloc(MAX_CHUNKS, sizeof(*s->chunks));
	assert_non_null(s->bytes);
	assert_non_null(s->chunks);
}

static void stretch_deinit(struct stretch *s)
{
	free(s->bytes);
	free(s->chunks);
}

/* The inside of a chunk: often words that look like size fields, to lead guesses astray. */
static void fill(struct stretch *s, uint64_t offset, uint64_t size)
{
	unsigned manner = next_random(s) % 4;
	for (uint64_t at = offset + 16; at + 8 <= offset + size; at += 8) {
		uint64_t value = manner == 0   ? 0
				 : manner == 1 ? 0x21 + 16 * (next_random(s) % 8)
				 : manner == 2 ? next_random(s)
					       : 0x4141414141414141;
		put(s, at, value);
	}
}

static void add_chunk(struct stretch *s, uint64_t size, bool is_free, uint64_t flags)
{
	uint64_t offset = s->end;
	assert_true(size <= s->size - offset && s->num_chunks < MAX_CHUNKS);
	fill(s, offset, size);
	if (s->previous_free)
		put(s, offset, s->previous_size);
	put(s, offset + 8, size | flags | !s->previous_free);
	s->chunks[s->num_chunks++] = offset;
	s->previous_free = is_free;
	s->previous_size = size;
	s->end = offset + size;
}

/* Chunks of many sizes up to exactly @p until; free ones are never neighbours. */
static void add_chunks(struct stretch *s, uint64_t until, uint64_t flags)
{
	while (s->end < until) {
		uint64_t pick = next_random(s) % (s->small_only ? 900 : 1000);
		uint64_t size = pick < 900   ? 0x20 + 16 * (pick % 20)
				: pick < 998 ? 0x400 + 16 * (next_random(s) % 500)
					     : 0x10000 + 16 * (next_random(s) % 40000);
		if (until - s->end < size + 0x20)
			size = until - s->end;
		add_chunk(s, size, !s->previous_free && next_random(s) % 5 == 0, flags);
	}
}

/** What the walk is given, and its heap. */
struct setup {
	struct hc_process process;
	struct hc_core core;
	struct hc_machine machine;
	struct hc_heap heap;
	struct glibc g;
};

static void setup_init(struct setup *setup, unsigned jobs)
{
	memset(setup, 0, sizeof(*setup));
	hc_memory_init(&setup->process.memory, 8);
	setup->machine = (struct hc_machine){.word_size = 8, .page_shift = 12};
	setup->core.machine = &setup->machine;
	setup->process.core = &setup->core;
	setup->process.jobs = jobs;
	setup->heap.process = &setup->process;
	setup->heap.word_size = 8;
	setup->g = (struct glibc){
		.process = &setup->process,
		.memory = &setup->process.memory,
		.heap = &setup->heap,
		.params = glibc_params(8, 16),
	};
	assert_ok(hc_heap_add_backend(&setup->heap, &hc_allocator_glibc, &setup->g.backend));
	assert_ok(glibc_add_zones(&setup->g));
}

static void setup_deinit(struct setup *setup)
{
	struct hc_heap *heap = &setup->heap;
	for (size_t i = 0; i < heap->num_spans; i++)
		hc_blocks_destroy(heap->spans[i].blocks, heap->spans[i].num_blocks);
	for (size_t i = 0; i < heap->num_zones; i++)
		free(heap->zones[i]);
	free(heap->zones);
	free(heap->backends[0]);
	free(heap->backends);
	for (size_t i = 0; i < heap->num_inconsistencies; i++)
		free(heap->inconsistencies[i].what);
	free(heap->spans);
	free(heap->specials);
	free(heap->inconsistencies);
	free(heap->index.slots);
	hc_memory_deinit(&setup->process.memory);
}

static void add_memory(struct setup *setup, const struct stretch *s, uint64_t from, uint64_t to)
{
	assert_ok(hc_memory_add(&setup->process.memory, START + from,
				(struct hc_bytes){s->bytes + from, to - from}, true));
}

static void walk(struct setup *setup, enum glibc_tag tag, uint64_t end, uint64_t top)
{
	struct glibc_stretch stretch = {
		.tag = tag, .first = START, .end = START + end, .top = top ? START + top : 0};
	assert_ok(glibc_walk(&setup->g, &stretch));
	assert_ok(hc_heap_seal(&setup->heap));
}

/* Offsets of the headers that were found; to be freed. */
static uint64_t *found_chunks(const struct setup *setup, size_t *num)
{
	uint64_t *found = calloc(MAX_CHUNKS, sizeof(*found));
	struct hc_chunk_iter iter;
	struct hc_chunk chunk;
	*num = 0;
	hc_chunk_iter_heap(&iter, &setup->heap);
	while (hc_chunk_iter_next(&iter, &chunk))
		found[(*num)++] = chunk.address - 16 - START;
	return found;
}

static void assert_found(const struct setup *setup, const struct stretch *s)
{
	size_t num;
	uint64_t *found = found_chunks(setup, &num);
	assert_int_equal(num, s->num_chunks);
	assert_memory_equal(found, s->chunks, num * sizeof(*found));
	free(found);
}

/* Every free chunk is marked, and nothing else: told by the bytes that were made. */
static void assert_free_bits(const struct setup *setup, const struct stretch *s)
{
	struct hc_chunk chunk;
	for (size_t i = 0; i + 1 < s->num_chunks; i++) {
		bool is_free = !(hc_load64(s->bytes + s->chunks[i + 1] + 8) & 1);
		assert_true(hc_heap_chunk_at(&setup->heap, START + s->chunks[i] + 16, &chunk));
		assert_int_equal(chunk.size, s->chunks[i + 1] - s->chunks[i]);
		enum glibc_list binned = chunk.size < 0x400 ? GLIBC_SMALLBIN : GLIBC_LARGEBIN;
		assert_int_equal(chunk.state, is_free ? HC_FREE : HC_IN_USE);
		assert_ptr_equal(chunk.list, is_free ? &glibc_lists[binned] : NULL);
	}
}

static const unsigned job_counts[] = {1, 2, 5};
#define FOR_EACH_JOBS(jobs)                                                                        \
	for (unsigned j_ = 0, jobs = job_counts[0]; j_ < 3; jobs = job_counts[++j_ % 3])

static void test_sound(void **state)
{
	(void)state;
	struct stretch s;
	uint64_t size = UINT64_C(40) << 20; /* several pieces */
	stretch_init(&s, size);
	add_chunks(&s, size - 0x20000, 0);
	uint64_t top = s.end;
	add_chunk(&s, size - s.end, false, 0);
	FOR_EACH_JOBS(jobs)
	{
		struct setup setup;
		setup_init(&setup, jobs);
		add_memory(&setup, &s, 0, size);
		walk(&setup, GLIBC_IN_MAIN, size, top);
		assert_int_equal(setup.heap.num_spans, 1);
		assert_int_equal(setup.heap.inconsistencies_total, 0);
		assert_false(setup.heap.partial);
		assert_found(&setup, &s);
		assert_free_bits(&setup, &s);
		setup_deinit(&setup);
	}
	stretch_deinit(&s);
}

/* Chunks longer than a piece, whose insides look like chunks. */
static void test_long_chunks(void **state)
{
	(void)state;
	struct stretch s;
	uint64_t size = UINT64_C(64) << 20;
	stretch_init(&s, size);
	add_chunks(&s, 0x1000, 0);
	add_chunk(&s, UINT64_C(25) << 20, false, 0);
	add_chunks(&s, UINT64_C(40) << 20, 0);
	add_chunk(&s, UINT64_C(12) << 20, true, 0);
	add_chunk(&s, size - s.end, false, 0);
	for (uint64_t at = 0x1010; at < UINT64_C(20) << 20; at += 32)
		put(&s, s.chunks[0] + 0x2000 + at + 8, 0x21);
	FOR_EACH_JOBS(jobs)
	{
		struct setup setup;
		setup_init(&setup, jobs);
		add_memory(&setup, &s, 0, size);
		walk(&setup, GLIBC_IN_MAIN, size, 0);
		assert_found(&setup, &s);
		setup_deinit(&setup);
	}
	stretch_deinit(&s);
}

/* Size fields overwritten with text: only what they describe may change, the same for any number of
 * threads. */
static void test_smashed_sizes(void **state)
{
	(void)state;
	struct stretch s;
	uint64_t size = UINT64_C(32) << 20;
	stretch_init(&s, size);
	add_chunks(&s, size - 0x20000, 0);
	uint64_t top = s.end;
	add_chunk(&s, size - s.end, false, 0);
	unsigned smashed = 200;
	for (unsigned i = 1; i <= smashed; i++)
		put(&s, s.chunks[s.num_chunks / (smashed + 2) * i] + 8, 0x4141414141414141);
	uint64_t *first = NULL;
	size_t num_first = 0;
	FOR_EACH_JOBS(jobs)
	{
		struct setup setup;
		size_t num, kept = 0;
		setup_init(&setup, jobs);
		add_memory(&setup, &s, 0, size);
		walk(&setup, GLIBC_IN_MAIN, size, top);
		uint64_t *found = found_chunks(&setup, &num);
		for (size_t i = 0, k = 0; i < num; i++) {
			while (k < s.num_chunks && s.chunks[k] < found[i])
				k++;
			kept += k < s.num_chunks && s.chunks[k] == found[i];
		}
		/* A chunk or two near a smashed header may be lost to a lookalike, not more. */
		assert_uint_in_range(kept, s.num_chunks - 2 * smashed, s.num_chunks);
		/* Two neighbours smashed are one report; a lookalike that was believed makes
		 * another. */
		assert_uint_in_range(setup.heap.inconsistencies_total, smashed / 2, 2 * smashed);
		assert_false(setup.heap.partial);
		if (first) {
			assert_int_equal(num, num_first);
			assert_memory_equal(found, first, num * sizeof(*found));
			free(found);
		} else {
			first = found;
			num_first = num;
		}
		setup_deinit(&setup);
	}
	free(first);
	stretch_deinit(&s);
}

/* A size that is sane but false jumps over chunks; where it lands there is no header. */
static void test_false_size(void **state)
{
	(void)state;
	struct stretch s;
	uint64_t size = 1 << 20;
	stretch_init(&s, size);
	add_chunks(&s, size - 0x1000, 0);
	add_chunk(&s, size - s.end, false, 0);
	size_t victim = s.num_chunks / 3;
	uint64_t landing = s.chunks[s.num_chunks / 2] + 16;
	put(&s, s.chunks[victim] + 8, (landing - s.chunks[victim]) | 1);
	put(&s, landing + 8, 0);
	struct setup setup;
	setup_init(&setup, 1);
	add_memory(&setup, &s, 0, size);
	walk(&setup, GLIBC_IN_MAIN, size, 0);
	assert_found(&setup, &s);
	assert_int_equal(setup.heap.inconsistencies_total, 1);
	assert_int_equal(setup.heap.inconsistencies[0].address, START + s.chunks[victim] + 8);
	setup_deinit(&setup);
	stretch_deinit(&s);
}

/* Blocks of one size, as a program's records are; one in four is free where @p frees. */
static void add_records(struct stretch *s, unsigned num, bool frees)
{
	for (unsigned i = 0; i < num; i++) {
		add_chunk(s, 1520, frees && i % 4 == 3, 0);
		memset(s->bytes + s->end - 1504, "record"[i % 6], 1504);
	}
}

static void assert_mended(const struct stretch *s, uint64_t broken)
{
	FOR_EACH_JOBS(jobs)
	{
		struct setup setup;
		setup_init(&setup, jobs);
		add_memory(&setup, s, 0, s->size);
		walk(&setup, GLIBC_IN_MAIN, s->size, 0);
		assert_found(&setup, s);
		assert_int_equal(setup.heap.inconsistencies_total, 1);
		assert_int_equal(setup.heap.inconsistencies[0].address, START + broken + 8);
		setup_deinit(&setup);
	}
}

/* Two letters make a size that jumps over a few chunks, into one or to the end of a free one. */
static void test_plausible_size(void **state)
{
	(void)state;
	static const struct {
		unsigned records;
		int more;
		bool frees;
	} sizes[] = {
		{11, -16, false}, {11, 32, false}, {3, -16, false}, {6, 752, false},
		{20, -32, true},  {4, 0, true},    {8, 0, true},    {16, 0, true},
	};
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct stretch s;
		stretch_init(&s, 100 * 1520 + 0x1000);
		add_records(&s, 100, sizes[i].frees);
		add_chunk(&s, 0x1000, false, 0);
		/* With frees, what follows the free one of four. */
		uint64_t victim = s.chunks[40], size = 1520 * sizes[i].records + sizes[i].more;
		put(&s, victim + 8, size | !sizes[i].frees);
		assert_mended(&s, victim);
		stretch_deinit(&s);
	}
}

/* A block that holds the image of a heap ends in front of a smashed header: it is not taken apart.
 */
static void test_image_in_block(void **state)
{
	(void)state;
	for (unsigned records = 3; records < 40; records += 12) {
		struct stretch s;
		stretch_init(&s, 60 * 1520 + 0x10000 + 0x1000);
		add_records(&s, 40, true);
		uint64_t block = s.end;
		add_chunk(&s, 0xf010, false, 0);
		memset(s.bytes + block + 16, 0, 0xf000);
		memcpy(s.bytes + block + 16 + 0xf000 - 1520 * records, s.bytes, 1520 * records);
		uint64_t broken = s.end;
		add_records(&s, 20, true);
		add_chunk(&s, s.size - s.end, false, 0);
		put(&s, broken + 8, 0x4242424242424242);
		assert_mended(&s, broken);
		stretch_deinit(&s);
	}
}

static void test_smashed_top(void **state)
{
	(void)state;
	struct stretch s;
	stretch_init(&s, 1 << 20);
	add_chunks(&s, 0x80000, 0);
	uint64_t top = s.end;
	add_chunk(&s, s.size - s.end, false, 0);
	put(&s, top + 8, 0x4242424242424242);
	struct setup setup;
	setup_init(&setup, 1);
	add_memory(&setup, &s, 0, s.size);
	walk(&setup, GLIBC_IN_MAIN, s.size, top);
	assert_found(&setup, &s);
	assert_int_equal(setup.heap.inconsistencies_total, 1);
	assert_int_equal(setup.heap.inconsistencies[0].address, START + top + 8);
	setup_deinit(&setup);
	stretch_deinit(&s);
}

/* Somebody else's sbrk: fenceposts, foreign bytes, and the heap goes on. */
static void test_foreign_memory(void **state)
{
	(void)state;
	struct stretch s;
	uint64_t size = UINT64_C(20) << 20, gap = 12352;
	stretch_init(&s, size);
	add_chunks(&s, UINT64_C(9) << 20, 0);
	uint64_t fence = s.end;
	put(&s, fence + 8, 0x10 | !s.previous_free);
	put(&s, fence + 24, 0x11);
	s.chunks[s.num_chunks++] = fence;
	s.end = fence + 32 + gap;
	s.previous_free = false;
	memset(s.bytes + fence + 32, 'f', gap);
	add_chunks(&s, size - 0x1000, 0);
	add_chunk(&s, size - s.end, false, 0);
	FOR_EACH_JOBS(jobs)
	{
		struct setup setup;
		setup_init(&setup, jobs);
		add_memory(&setup, &s, 0, size);
		walk(&setup, GLIBC_IN_MAIN, size, 0);
		assert_int_equal(setup.heap.num_spans, 2);
		assert_int_equal(setup.heap.spans[0].end, START + fence + 32);
		assert_int_equal(setup.heap.spans[1].start, START + fence + 32 + gap);
		assert_int_equal(setup.heap.num_specials, 1);
		assert_string_equal(setup.heap.specials[0].what, "fencepost");
		assert_int_equal(setup.heap.inconsistencies_total, 0);
		assert_found(&setup, &s);
		setup_deinit(&setup);
	}
	stretch_deinit(&s);
}

/* An old heap of a thread arena ends in a filler and a header of size 0, in two forms. */
static void test_terminator(void **state)
{
	(void)state;
	for (unsigned filler = 0x10; filler <= 0x20; filler += 0x10) {
		struct stretch s;
		stretch_init(&s, 1 << 20);
		add_chunks(&s, s.size - 0x10 - filler, GLIBC_NON_MAIN_ARENA);
		assert_int_equal(s.end, s.size - 0x10 - filler);
		put(&s, s.end + 8, filler | !s.previous_free);
		put(&s, s.size - 8, 1);
		s.chunks[s.num_chunks++] = s.end;
		struct setup setup;
		setup_init(&setup, 1);
		add_memory(&setup, &s, 0, s.size);
		walk(&setup, GLIBC_IN_THREAD_HEAP, s.size, 0);
		assert_found(&setup, &s);
		assert_int_equal(setup.heap.inconsistencies_total, 0);
		assert_int_equal(setup.heap.num_specials, 1);
		assert_int_equal(setup.heap.specials[0].address, START + s.size - filler);
		setup_deinit(&setup);
		stretch_deinit(&s);
	}
}

/* Bytes that the core lacks: chunks before and behind are found, the one that reaches in keeps its
 * size. */
static void test_missing_bytes(void **state)
{
	(void)state;
	struct stretch s;
	uint64_t size = 1 << 20;
	stretch_init(&s, size);
	s.small_only = true;
	add_chunks(&s, size - 0x1000, 0);
	add_chunk(&s, size - s.end, false, 0);
	uint64_t hole = 0x40000, hole_end = 0x60000;
	size_t before = 0, behind = s.num_chunks;
	while (s.chunks[before + 1] < hole)
		before++;
	while (behind && s.chunks[behind - 1] >= hole_end)
		behind--;
	struct setup setup;
	setup_init(&setup, 1);
	add_memory(&setup, &s, 0, hole);
	add_memory(&setup, &s, hole_end, size);
	walk(&setup, GLIBC_IN_MAIN, size, 0);
	assert_true(setup.heap.partial);
	struct hc_chunk chunk;
	for (size_t i = 0; i < s.num_chunks; i++) {
		if (i > before && i < behind)
			continue;
		/* The first headers behind the hole may be passed over until a chain is certain. */
		if (i >= behind && i < behind + 2)
			continue;
		assert_true(hc_heap_chunk_at(&setup.heap, START + s.chunks[i] + 16, &chunk));
		assert_int_equal(chunk.address, START + s.chunks[i] + 16);
	}
	assert_true(hc_heap_chunk_at(&setup.heap, START + s.chunks[before] + 16, &chunk));
	assert_int_equal(chunk.size, s.chunks[before + 1] - s.chunks[before]);
	setup_deinit(&setup);
	stretch_deinit(&s);
}

/* No header anywhere: an error in words, no chunks, no loop. */
static void test_noise(void **state)
{
	(void)state;
	struct stretch s;
	stretch_init(&s, 1 << 20);
	memset(s.bytes, 'A', s.size);
	struct setup setup;
	setup_init(&setup, 2);
	add_memory(&setup, &s, 0, s.size);
	walk(&setup, GLIBC_IN_MAIN, s.size, 0);
	assert_int_equal(setup.heap.num_spans, 0);
	assert_true(setup.heap.partial);
	assert_int_equal(setup.heap.inconsistencies_total, 1);
	setup_deinit(&setup);
	stretch_deinit(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sound),          cmocka_unit_test(test_long_chunks),
		cmocka_unit_test(test_smashed_sizes),  cmocka_unit_test(test_false_size),
		cmocka_unit_test(test_smashed_top),    cmocka_unit_test(test_foreign_memory),
		cmocka_unit_test(test_terminator),     cmocka_unit_test(test_missing_bytes),
		cmocka_unit_test(test_noise),          cmocka_unit_test(test_plausible_size),
		cmocka_unit_test(test_image_in_block),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
