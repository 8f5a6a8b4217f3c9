/**
 * @file
 * A census, and samples taken from it, against counting and offering each chunk.
 */
#include "tests/unit/fake_heap.h"

#include "analyzers/select/census.h"
#include "tests/unit/unit.h"

#define HEAP UINT64_C(0x20000000)
#define MMAP UINT64_C(0x7f0000000000)
#define CHUNKS 60000

static uint64_t next_random(uint64_t *seed)
{
	*seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return *seed >> 33;
}

/** Numbers that are added at once are kept as if each chunk had been offered. */
static void test_numbers(void **state)
{
	static const size_t maxima[] = {2, 3, 6, 16, 512};

	(void)state;
	for (size_t m = 0; m < sizeof(maxima) / sizeof(*maxima); m++) {
		for (uint64_t num = 0; num < 9000; num += num < 70 ? 1 : num / 3) {
			struct hc_chunk_sample one, all;

			hc_chunk_sample_init(&one, maxima[m]);
			hc_chunk_sample_init(&all, maxima[m]);
			for (uint64_t i = 0; i < num; i++) {
				const struct hc_chunk chunk = {.address = i, .size = 32};

				assert_ok(hc_chunk_sample_add(&one, &chunk));
			}
			const struct hc_count count = {num, num * 32};
			assert_ok(hc_chunk_sample_add_numbers(&all, &count));
			assert_int_equal(all.num, one.num);
			assert_int_equal(all.stride, one.stride);
			assert_int_equal(all.offered, one.offered);
			assert_int_equal(all.bytes, one.bytes);
			for (size_t i = 0; i < one.num; i++)
				assert_int_equal(all.addresses[i], one.addresses[i]);
			hc_chunk_sample_deinit(&one);
			hc_chunk_sample_deinit(&all);
		}
	}
}

/** Chunks of many sizes in two spans of many stretches, and large ones of their own. */
static void make(struct fake *fake, unsigned jobs)
{
	static uint64_t sizes[CHUNKS], chunks[CHUNKS];
	static const uint64_t large[] = {0x21000, 0x21000, 0x30000};
	uint64_t seed = 1;

	fake_init(fake, 8, jobs, 64);
	for (unsigned span = 0; span < 2; span++) {
		for (size_t i = 0; i < CHUNKS; i++)
			sizes[i] = 16 * (2 + next_random(&seed) % (i % 3 ? 4 : 40));
		sizes[CHUNKS / 2] = 0x20000;
		fake_span(fake, HEAP + span * UINT64_C(0x10000000), HC_SPAN_TILED, sizes, CHUNKS,
			  chunks);
	}
	for (size_t i = 0; i < sizeof(large) / sizeof(*large); i++)
		fake_span(fake, MMAP + i * 0x100000, HC_SPAN_SINGLE, &large[i], 1, chunks);
	fake_seal(fake);
	/* States and reach at random: what planes may say. */
	for (size_t s = 0; s < fake->heap->num_spans; s++) {
		struct hc_span *span = &fake->heap->spans[s];

		for (uint64_t i = 0; i < span->num_blocks; i++) {
			span->blocks[i].a = span->blocks[i].start &
					    (next_random(&seed) << 32 | next_random(&seed));
			span->blocks[i].b = span->blocks[i].start & next_random(&seed) << 31;
			if (span->kind == HC_SPAN_TILED)
				span->blocks[i].free = span->blocks[i].start & ~span->blocks[i].a &
						       ~span->blocks[i].b &
						       next_random(&seed) << 20;
		}
	}
}

static bool is_of(const struct hc_chunk *chunk, unsigned kinds)
{
	return chunk->state == HC_IN_USE ? kinds >> chunk->reach & 1
					 : (kinds & HC_KINDS_NOT_IN_USE) != 0;
}

/** By kinds, slices of any size give what the whole gives without the others. */
static void test_kinds(void **state)
{
	struct fake fake;

	(void)state;
	make(&fake, 1);
	for (unsigned kinds = 0; kinds <= HC_KINDS_ALL; kinds++) {
		struct hc_chunk_iter all, some;
		struct hc_slice *slices;
		struct hc_chunk chunk, found;
		size_t num;

		hc_chunk_iter_heap(&all, fake.heap);
		assert_ok(hc_heap_slices(fake.heap, 5000 + kinds * 1000, &slices, &num));
		for (size_t i = 0; i < num; i++) {
			hc_chunk_iter_kinds(&some, fake.heap, slices[i], kinds);
			while (hc_chunk_iter_next(&some, &found)) {
				do
					assert_true(hc_chunk_iter_next(&all, &chunk));
				while (!is_of(&chunk, kinds));
				assert_int_equal(found.address, chunk.address);
				assert_int_equal(found.size, chunk.size);
				assert_int_equal(found.state, chunk.state);
				assert_int_equal(found.reach, chunk.reach);
			}
		}
		while (hc_chunk_iter_next(&all, &chunk))
			assert_false(is_of(&chunk, kinds));
		free(slices);
	}
	fake_deinit(&fake);
}

#define SAMPLES 5

/** Small sizes each, large ones together, some not at all. */
static size_t sample_of(void *ctx, uint64_t size)
{
	(void)ctx;
	if (size >= 0x20000)
		return 4;
	return size < 64 ? size / 16 - 2 : size < 128 ? SAMPLES : size < 256 ? 2 : 3;
}

static void init_samples(struct hc_chunk_sample *samples)
{
	static const size_t maxima[SAMPLES] = {1 << 20, 512, 2, 6, 16};

	for (size_t i = 0; i < SAMPLES; i++)
		hc_chunk_sample_init(&samples[i], maxima[i]);
}

static void assert_same(const struct hc_chunk_sample *a, const struct hc_chunk_sample *b)
{
	assert_int_equal(a->num, b->num);
	assert_int_equal(a->stride, b->stride);
	assert_int_equal(a->offered, b->offered);
	assert_int_equal(a->bytes, b->bytes);
	for (size_t i = 0; i < a->num; i++)
		assert_int_equal(a->addresses[i], b->addresses[i]);
}

static void test_samples(void **state)
{
	const unsigned kinds = 1u << HC_REACHABLE | 1u << HC_POSSIBLE;

	(void)state;
	for (unsigned jobs = 1; jobs <= 3; jobs++) {
		struct hc_chunk_sample expected[SAMPLES], found[SAMPLES];
		struct hc_count all = {0}, counted = {0};
		struct hc_census census;
		struct hc_chunk_iter iter;
		struct hc_chunk chunk;
		struct fake fake;

		make(&fake, jobs);
		init_samples(expected);
		init_samples(found);
		hc_chunk_iter_heap(&iter, fake.heap);
		while (hc_chunk_iter_next(&iter, &chunk)) {
			if (!is_of(&chunk, kinds))
				continue;
			all.chunks++;
			all.bytes += chunk.size;
			if (sample_of(NULL, chunk.size) < SAMPLES)
				assert_ok(hc_chunk_sample_add(
					&expected[sample_of(NULL, chunk.size)], &chunk));
		}
		assert_ok(hc_census_run(fake_target(&fake), kinds, &census));
		assert_true(census.num_stretches > 10);
		for (size_t i = 0; i < census.num_sizes; i++) {
			assert_true(!i || census.sizes[i - 1].size < census.sizes[i].size);
			counted.chunks += census.sizes[i].chunks;
			counted.bytes += census.sizes[i].chunks * census.sizes[i].size;
		}
		assert_int_equal(counted.chunks, all.chunks);
		assert_int_equal(counted.bytes, all.bytes);
		const struct hc_census_sorting sorting = {found, SAMPLES, sample_of, NULL};
		assert_ok(hc_census_sample(&census, fake_target(&fake), &sorting));
		for (size_t i = 0; i < SAMPLES; i++) {
			assert_same(&found[i], &expected[i]);
			hc_chunk_sample_deinit(&found[i]);
			hc_chunk_sample_deinit(&expected[i]);
		}
		hc_census_deinit(&census);
		fake_deinit(&fake);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_samples),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
