/**
 * @file
 * Heap map: each byte of a chunk is in one column and one layer.
 */
#include "tests/unit/fake_heap.h"

#include "analyzers/counts/heap_map.h"

enum { PAGE = 4096, HEAP = 0x100000, MAPPED = 0x900000, NUM = 6 };

/* A page and more of each, so that whole pages and the rest differ. */
static const uint64_t sizes[NUM] = {0x1000, 0x2800, 0x800, 0x3000, 0x20, 0xfe0};

static uint64_t sum(const struct hc_heap_map *map, enum hc_map_layer layer)
{
	uint64_t ret = 0;

	for (size_t i = 0; i < map->num_columns; i++)
		ret += map->columns[i].bytes[layer];
	return ret;
}

static void run(size_t columns, unsigned jobs)
{
	static const uint64_t mapped[] = {0x4000};
	uint64_t chunks[NUM], single;
	struct hc_heap_map map;
	struct fake fake;

	fake_init(&fake, 8, jobs, 0x100);
	fake_span(&fake, HEAP, HC_SPAN_TILED, sizes, NUM, chunks);
	fake_span(&fake, MAPPED, HC_SPAN_SINGLE, mapped, 1, &single);
	fake_seal(&fake);
	assert_true(hc_heap_set_free(fake.heap, chunks[1], &glibc_lists[GLIBC_UNSORTED]));
	assert_true(hc_heap_set_free(fake.heap, chunks[4], &glibc_lists[GLIBC_TCACHE]));
	fake_root(&fake, 0, chunks[0]);
	fake_root(&fake, 1, single);
	assert_ok(hc_heap_map_run(fake_target(&fake), columns, &map));

	assert_int_equal(sum(&map, HC_MAP_IN_USE), sizes[0] + mapped[0]);
	assert_int_equal(sum(&map, HC_MAP_LOST), sizes[2] + sizes[3] + sizes[5]);
	/* The free chunk at 0x1000 has two whole pages and half of one; the other is small. */
	assert_int_equal(sum(&map, HC_MAP_FREE), 2 * PAGE);
	assert_int_equal(sum(&map, HC_MAP_PINNED), 0x800 + 0x20);
	uint64_t in_strips = 0;
	for (size_t i = 0; i < map.num_strips; i++) {
		const struct hc_map_strip *strip = &map.strips[i];

		assert_int_equal(strip->num_columns,
				 (strip->bytes + map.column_bytes - 1) / map.column_bytes);
		for (unsigned layer = 0; layer < HC_NUM_MAP_LAYERS; layer++)
			in_strips += strip->layers[layer];
	}
	assert_int_equal(in_strips, 0x8000 + mapped[0]);
	/* No column holds more than it is wide. */
	for (size_t i = 0; i < map.num_columns; i++) {
		uint64_t all = 0;

		for (unsigned layer = 0; layer < HC_NUM_MAP_LAYERS; layer++)
			all += map.columns[i].bytes[layer];
		assert_true(all <= map.column_bytes);
	}
	if (columns >= 100) {
		assert_int_equal(map.column_bytes, PAGE);
		assert_int_equal(map.num_columns, 12);
	} else {
		assert_true(map.num_columns <= columns + map.num_strips);
	}
	hc_heap_map_deinit(&map);
	fake_deinit(&fake);
}

/** Pages of 64 KiB, of which the free chunk has no whole one. */
static void test_large_pages(void **state)
{
	uint64_t chunks[NUM];
	struct hc_heap_map map;
	struct fake fake;

	(void)state;
	fake_init(&fake, 8, 1, 0x100);
	fake.core.page_size = 0x10000;
	fake_span(&fake, HEAP, HC_SPAN_TILED, sizes, NUM, chunks);
	fake_seal(&fake);
	assert_true(hc_heap_set_free(fake.heap, chunks[1], &glibc_lists[GLIBC_UNSORTED]));
	assert_ok(hc_heap_map_run(fake_target(&fake), 100, &map));
	assert_int_equal(map.column_bytes, 0x10000);
	assert_int_equal(map.num_columns, 1);
	assert_int_equal(sum(&map, HC_MAP_FREE), 0);
	assert_int_equal(sum(&map, HC_MAP_PINNED), sizes[1]);
	hc_heap_map_deinit(&map);
	fake_deinit(&fake);
}

static void test_adds_up(void **state)
{
	(void)state;
	run(100, 1);
	run(100, 3);
	run(4, 1);
	run(1, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_adds_up),
		cmocka_unit_test(test_large_pages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
