/**
 * @file
 * Kinds of chunks, and which each chunk is of, against a look at every chunk.
 */
#include "tests/unit/fake_heap.h"

#include "analyzers/counts/kinds.h"
#include "tests/unit/unit.h"

#define HEAP UINT64_C(0x20000000)
#define MMAP UINT64_C(0x7f0000000000)
/** More than a slice has. */
#define CHUNKS 60000

static uint64_t next_random(uint64_t *seed)
{
	*seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return *seed >> 33;
}

/** Two spans of many sizes, some chunks free, and one chunk alone. */
static void make(struct fake *fake, unsigned jobs)
{
	static uint64_t sizes[CHUNKS], chunks[CHUNKS];
	static const uint64_t large = 0x21000;
	uint64_t seed = 1;

	fake_init(fake, 8, jobs, 64);
	for (unsigned span = 0; span < 2; span++) {
		for (size_t i = 0; i < CHUNKS; i++)
			sizes[i] = 16 * (2 + next_random(&seed) % 16);
		fake_span(fake, HEAP + span * UINT64_C(0x10000000), HC_SPAN_TILED, sizes, CHUNKS,
			  chunks);
	}
	fake_span(fake, MMAP, HC_SPAN_SINGLE, &large, 1, chunks);
	fake_seal(fake);
	for (size_t s = 0; s < 2; s++) {
		struct hc_span *span = &fake->heap->spans[s];

		for (uint64_t i = 0; i < span->num_blocks; i++)
			span->blocks[i].free = span->blocks[i].start & next_random(&seed) << 20;
	}
}

static void check_slice(const struct fake *fake, const struct hc_chunk_kinds *kinds,
			const struct hc_kind_slice *slice, struct hc_count *seen)
{
	struct hc_chunk_iter iter;
	struct hc_chunk chunk;
	size_t rank = 0;

	hc_chunk_iter_slice(&iter, fake->heap, slice->slice);
	while (hc_chunk_iter_next(&iter, &chunk)) {
		/* From where a slice begins: at each of them it would take long. */
		if (rank % 89 == 0)
			assert_int_equal(hc_kind_slice_rank(slice, chunk.unit), rank);
		if (chunk.state != HC_IN_USE)
			continue;
		uint32_t number = hc_chunk_kinds_at(kinds, slice, rank++);
		assert_in_range(number, 1, kinds->num);
		assert_int_equal(kinds->kinds[number - 1].size, chunk.size);
		seen[number - 1].chunks++;
		seen[number - 1].bytes += chunk.size;
	}
	assert_int_equal(slice->num, rank);
	assert_int_equal(hc_kind_slice_rank(slice, slice->slice.to), rank);
	assert_int_equal(hc_chunk_kinds_at(kinds, slice, rank), 0);
}

static void check(unsigned jobs, bool by_content)
{
	struct fake fake;
	struct hc_chunk_kinds kinds;
	struct hc_count seen[64] = {0};

	make(&fake, jobs);
	assert_ok(hc_chunk_kinds_run(fake_target(&fake), by_content, &kinds));
	assert_in_range(kinds.num, 17, 64);
	assert_true(kinds.num_slices > 3);
	for (size_t i = 0; i < kinds.num_slices; i++)
		check_slice(&fake, &kinds, &kinds.slices[i], seen);
	for (size_t i = 0; i < kinds.num; i++) {
		assert_int_equal(kinds.kinds[i].count.all.chunks, seen[i].chunks);
		assert_int_equal(kinds.kinds[i].count.all.bytes, seen[i].bytes);
		assert_int_equal(kinds.kinds[i].class_id == HC_CLASS_NONE, !by_content);
		if (i)
			assert_true(seen[i - 1].bytes >= seen[i].bytes);
	}
	hc_chunk_kinds_deinit(&kinds);
	fake_deinit(&fake);
}

static void test_kinds(void **state)
{
	(void)state;
	check(1, false);
	check(1, true);
	check(3, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kinds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
