/*
 * The heap model: looking up, stepping, slicing, states, requests. And the histogram, which reads
 * nothing else.
 */
#include "tests/unit/unit.h"

#include "tests/unit/fake_heap.h"

#include "analyzers/counts/histogram.h"

#define BASE UINT64_C(0x20000000)

static const uint64_t sizes[] = {0x20, 0x30, 0x410, 0x20, 0x2000, 0x40, 0x20, 0x10000, 0x20, 0x800};
#define NUM (sizeof(sizes) / sizeof(sizes[0]))

/* Two heaps of the sizes above, one mmapped chunk, one chunk in each state. */
static void make(struct fake *fake, uint64_t chunks[2 * NUM], uint64_t *mmapped)
{
	const uint64_t size = 0x21000;
	fake_init(fake, 8, 1, 0x1000);
	fake_span(fake, BASE, HC_SPAN_TILED, sizes, NUM, chunks);
	fake_span(fake, BASE + 0x4000000, HC_SPAN_TILED, sizes, NUM, chunks + NUM);
	fake_span(fake, BASE + 0x100000, HC_SPAN_SINGLE, &size, 1, mmapped);
	fake_seal(fake);
	assert_true(hc_heap_set_free(fake->heap, chunks[1], &glibc_lists[GLIBC_TCACHE]));
	assert_true(hc_heap_set_free(fake->heap, chunks[2], &glibc_lists[GLIBC_UNSORTED]));
	assert_true(hc_heap_set_free(fake->heap, chunks[4], &glibc_lists[GLIBC_SMALLBIN]));
	assert_true(hc_heap_set_free(fake->heap, chunks[5], &glibc_lists[GLIBC_SMALLBIN]));
	assert_true(hc_heap_set_free(fake->heap, chunks[6], &glibc_lists[GLIBC_FASTBIN]));
	assert_true(hc_heap_set_free(fake->heap, chunks[NUM - 1], &glibc_lists[GLIBC_FASTBIN]));
	assert_true(hc_heap_set_free(fake->heap, chunks[8], &glibc_lists[GLIBC_FASTBIN]));
	assert_ok(hc_heap_add_special(fake->heap, chunks[8], HC_OVERHEAD, "tcache"));
	assert_ok(hc_heap_add_special(fake->heap, chunks[NUM - 1], HC_TOP, "top"));
}

static void test_states(void **state)
{
	(void)state;
	struct fake fake;
	uint64_t chunks[2 * NUM], mmapped;
	make(&fake, chunks, &mmapped);
	const enum hc_state expected[NUM] = {HC_IN_USE, HC_CACHED, HC_FREE,   HC_IN_USE,   HC_FREE,
					     HC_FREE,   HC_FREE,   HC_IN_USE, HC_OVERHEAD, HC_TOP};
	static const char *const names[NUM] = {"in-use",   "tcache",   "unsorted", "in-use",
					       "largebin", "smallbin", "fastbin",  "in-use",
					       "overhead", "top"};
	struct hc_chunk chunk;
	for (size_t i = 0; i < NUM; i++) {
		assert_true(hc_heap_chunk_at(fake.heap, chunks[i], &chunk));
		assert_int_equal(chunk.address, chunks[i]);
		assert_int_equal(chunk.size, sizes[i]);
		assert_int_equal(chunk.usable, sizes[i] - 8);
		assert_int_equal(chunk.state, expected[i]);
		assert_string_equal(hc_chunk_state_name(&chunk), names[i]);
	}
	assert_true(hc_heap_chunk_at(fake.heap, mmapped + 0x20000, &chunk));
	assert_int_equal(chunk.address, mmapped);
	assert_int_equal(chunk.usable, 0x21000 - 16);
	assert_false(hc_heap_set_free(fake.heap, chunks[0] + 8, &glibc_lists[GLIBC_SMALLBIN]));
	assert_false(hc_heap_set_free(fake.heap, chunks[2] + 0x10, &glibc_lists[GLIBC_SMALLBIN]));
	assert_false(hc_heap_set_free(fake.heap, 0x1000, &glibc_lists[GLIBC_SMALLBIN]));
	fake_deinit(&fake);
}

/* A chunk owns the bytes from its size field up to the next one's. */
static void test_borders(void **state)
{
	(void)state;
	struct fake fake;
	uint64_t chunks[2 * NUM], mmapped;
	make(&fake, chunks, &mmapped);
	struct hc_chunk chunk;
	assert_true(hc_heap_chunk_at(fake.heap, chunks[3] - 9, &chunk));
	assert_int_equal(chunk.address, chunks[2]); /* its last word is the next one's prev_size */
	assert_true(hc_heap_chunk_at(fake.heap, chunks[3] - 8, &chunk));
	assert_int_equal(chunk.address, chunks[3]);
	assert_true(hc_heap_chunk_at(fake.heap, BASE, &chunk));
	assert_int_equal(chunk.address, chunks[0]);
	uint64_t end = chunks[NUM - 1] - 16 + sizes[NUM - 1];
	assert_true(hc_heap_chunk_at(fake.heap, end - 1, &chunk));
	assert_int_equal(chunk.address, chunks[NUM - 1]);
	assert_false(hc_heap_chunk_at(fake.heap, end, &chunk));
	assert_false(hc_heap_chunk_at(fake.heap, BASE - 1, &chunk));
	assert_false(hc_heap_chunk_at(fake.heap, UINT64_MAX, &chunk));
	assert_false(hc_heap_chunk_at(fake.heap, 0, &chunk));
	fake_deinit(&fake);
}

/* Slices of any size together give what the whole gives, in the same order. */
static void test_slices(void **state)
{
	(void)state;
	struct fake fake;
	uint64_t chunks[2 * NUM], mmapped, all[2 * NUM + 1];
	make(&fake, chunks, &mmapped);
	struct hc_chunk_iter iter;
	struct hc_chunk chunk;
	size_t num = 0;
	hc_chunk_iter_heap(&iter, fake.heap);
	while (hc_chunk_iter_next(&iter, &chunk))
		all[num++] = chunk.address;
	assert_int_equal(num, 2 * NUM + 1);
	for (uint64_t bytes = 1; bytes < 0x40000; bytes = bytes * 3 + 100) {
		struct hc_slice *slices;
		size_t num_slices, n = 0;
		assert_ok(hc_heap_slices(fake.heap, bytes, &slices, &num_slices));
		for (size_t i = 0; i < num_slices; i++) {
			hc_chunk_iter_slice(&iter, fake.heap, slices[i]);
			while (hc_chunk_iter_next(&iter, &chunk))
				assert_int_equal(chunk.address, all[n++]);
		}
		assert_int_equal(n, num);
		free(slices);
	}
	fake_deinit(&fake);
}

static void add_single(struct fake *fake, uint64_t start, uint64_t size, struct hc_span **ret)
{
	const struct hc_span given = {
		.zone = fake->mmapped,
		.kind = HC_SPAN_SINGLE,
		.arena = HC_ARENA_MMAP,
		.start = start,
		.end = start + size,
		.num_units = 1,
	};
	assert_ok(hc_heap_add_span(fake->heap, &given, ret));
}

/* Many spans in one granule of the index, and one that overlaps. */
static void test_index(void **state)
{
	(void)state;
	struct fake fake;
	fake_init(&fake, 8, 1, 0x1000);
	const uint64_t step = 0x23000;
	struct hc_span *span;
	for (unsigned i = 0; i < 3000; i++) {
		uint64_t start = BASE + (i * 1789 % 3000) * step;
		add_single(&fake, start, 0x22000, &span);
		hc_span_set_start(span, 0);
	}
	add_single(&fake, BASE + 0x1000, 0x2000, &span);
	fake_seal(&fake);
	assert_int_equal(fake.heap->num_spans, 3000);
	assert_int_equal(fake.heap->inconsistencies_total, 1);
	assert_true(fake.heap->partial);
	for (unsigned i = 0; i < 3000; i++) {
		const struct hc_span *found = hc_heap_span(fake.heap, BASE + i * step + 0x21fff);
		assert_non_null(found);
		assert_int_equal(found->start, BASE + i * step);
		assert_null(hc_heap_span(fake.heap, BASE + i * step + 0x22000));
	}
	fake_deinit(&fake);
}

/* malloc(n) for every n up to a few hundred: the chunk that it gives, and the range that is told of
 * that chunk. */
static void test_requests(void **state)
{
	(void)state;
	struct fake fake;
	uint64_t chunks[2 * NUM], mmapped, min, max;
	make(&fake, chunks, &mmapped);
	struct hc_chunk chunk;
	assert_true(hc_heap_chunk_at(fake.heap, chunks[0], &chunk));
	for (uint64_t request = 0; request < 500; request++) {
		uint64_t size = request + 8 <= 32 ? 32 : (request + 8 + 15) & ~UINT64_C(15);
		assert_int_equal(hc_chunk_request_size(&chunk, request), size);
		/* malloc may give one step more when the rest would be too small to be a chunk. */
		for (unsigned slack = 0; slack <= 16; slack += 16) {
			chunk.size = size + slack;
			chunk.usable = chunk.size - 8;
			hc_chunk_request(fake.heap, &chunk, &min, &max);
			assert_uint_in_range(request, min, max);
		}
	}
	assert_int_equal(hc_chunk_request_size(&chunk, UINT64_MAX - 3), UINT64_MAX);
	fake_deinit(&fake);
}

static const struct hc_histogram_row *row_of(const struct hc_histogram *histogram, uint64_t size)
{
	for (size_t i = 0; i < histogram->num_rows; i++) {
		if (histogram->rows[i].min_size <= size && size <= histogram->rows[i].max_size)
			return &histogram->rows[i];
	}
	fail_msg("no row for %ju", (uintmax_t)size);
	return NULL;
}

static void test_histogram(void **state)
{
	(void)state;
	for (unsigned jobs = 1; jobs <= 3; jobs += 2) {
		struct fake fake;
		uint64_t chunks[2 * NUM], mmapped;
		struct hc_histogram histogram;
		make(&fake, chunks, &mmapped);
		fake.process.jobs = jobs;
		assert_ok(hc_histogram_run(fake_target(&fake), NULL, false, &histogram));
		/* 0x20: in use twice here and four times there, one fastbin chunk, one of malloc's
		 * own. */
		assert_int_equal(row_of(&histogram, 0x20)->in_use.chunks, 6);
		assert_int_equal(row_of(&histogram, 0x20)->free.chunks, 1);
		assert_int_equal(row_of(&histogram, 0x10000)->in_use.bytes, 2 * 0x10000);
		assert_int_equal(row_of(&histogram, 0x21000)->in_use.chunks, 1);
		assert_int_equal(histogram.in_use.chunks + histogram.free.chunks, 2 * NUM);
		hc_histogram_deinit(&histogram);
		assert_ok(hc_histogram_run(fake_target(&fake), NULL, true, &histogram));
		assert_int_equal(row_of(&histogram, 0x21000)->min_size, 0x20000);
		assert_int_equal(row_of(&histogram, 0x30)->in_use.chunks, 7);
		hc_histogram_deinit(&histogram);
		fake_deinit(&fake);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_states),   cmocka_unit_test(test_borders),
		cmocka_unit_test(test_slices),   cmocka_unit_test(test_index),
		cmocka_unit_test(test_requests), cmocka_unit_test(test_histogram),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
