/**
 * @file
 * The address space: merging, precedence of what came first, reads across extents, and what is
 * missing.
 */
#include "tests/unit/unit.h"

#include "core/process/memory.h"

static uint8_t data[256];

static int setup(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = i;
	return 0;
}

static struct hc_bytes piece(size_t offset, size_t size)
{
	return (struct hc_bytes){.data = data + offset, .size = size};
}

static void test_merge(void **state)
{
	(void)state;
	struct hc_memory memory;

	hc_memory_init(&memory, 8);
	assert_ok(hc_memory_add(&memory, 0x1000, piece(0, 16), true));
	assert_ok(hc_memory_add(&memory, 0x1020, piece(32, 16), true));
	assert_int_equal(memory.num_extents, 2);
	assert_ok(hc_memory_add(&memory, 0x1010, piece(16, 16), true));
	assert_int_equal(memory.num_extents, 1);
	assert_int_equal(hc_memory_view(&memory, 0x1000, 4096).size, 48);
	/* next to it in memory, but not in the file */
	assert_ok(hc_memory_add(&memory, 0x1030, piece(100, 16), true));
	assert_int_equal(memory.num_extents, 2);
	/* next to it in both, but from another source */
	assert_ok(hc_memory_add(&memory, 0x1040, piece(116, 16), false));
	assert_int_equal(memory.num_extents, 3);
	/* below, joined upwards */
	assert_ok(hc_memory_add(&memory, 0x2000, piece(10, 10), true));
	assert_ok(hc_memory_add(&memory, 0x1ffa, piece(4, 6), true));
	assert_int_equal(memory.num_extents, 4);
	hc_memory_deinit(&memory);
}

static void test_first_wins(void **state)
{
	(void)state;
	struct hc_memory memory;
	uint8_t out[64];

	hc_memory_init(&memory, 8);
	assert_ok(hc_memory_add(&memory, 0x1010, piece(200, 16), true));
	assert_ok(hc_memory_add(&memory, 0x1030, piece(220, 8), true));
	assert_ok(hc_memory_add(&memory, 0x1000, piece(0, 64), false));
	assert_ok(hc_memory_read(&memory, 0x1000, out, sizeof(out)));
	for (unsigned i = 0; i < sizeof(out); i++) {
		unsigned expected = i >= 0x10 && i < 0x20   ? 200 + i - 0x10
				    : i >= 0x30 && i < 0x38 ? 220 + i - 0x30
							    : i;
		assert_int_equal(out[i], expected);
	}
	assert_true(hc_memory_find(&memory, 0x1010)->from_core);
	assert_false(hc_memory_find(&memory, 0x1020)->from_core);
	hc_memory_deinit(&memory);
}

static void test_missing(void **state)
{
	(void)state;
	struct hc_memory memory;
	uint8_t out[32] = {0xaa};
	uint64_t word = 77;

	hc_memory_init(&memory, 8);
	assert_null(hc_memory_find(&memory, 0));
	assert_null(hc_memory_find_next(&memory, 0));
	assert_ok(hc_memory_add(&memory, 0x1000, piece(0, 16), true));
	assert_ok(hc_memory_add(&memory, 0x1018, piece(24, 8), true));
	struct hc_error *err = hc_memory_read(&memory, 0x1008, out, 24);
	assert_non_null(err);
	assert_int_equal(err->code, HC_ERROR_MISSING);
	assert_true(err->has_address);
	assert_int_equal(err->address, 0x1010);
	assert_int_equal(out[0], 0xaa);
	hc_error_destroy(err);
	assert_false(hc_memory_word(&memory, 0x100c, &word));
	assert_int_equal(word, 77);
	assert_null(hc_memory_view(&memory, 0x1010, 1).data);
	assert_int_equal(hc_memory_find_next(&memory, 0x1010)->start, 0x1018);
	assert_int_equal(hc_memory_present(&memory, 0, UINT64_MAX), 24);
	assert_int_equal(hc_memory_present(&memory, 0x1008, 0x101c), 12);
	hc_memory_deinit(&memory);
}

static void test_words(void **state)
{
	(void)state;
	struct hc_memory memory;
	uint64_t word;
	uint32_t u32;

	hc_memory_init(&memory, 8);
	assert_ok(hc_memory_add(&memory, 0x1000, piece(0, 12), true));
	assert_ok(hc_memory_add(&memory, 0x100c, piece(100, 12), true));
	assert_true(hc_memory_word(&memory, 0x1001, &word));
	assert_int_equal(word, 0x0807060504030201);
	assert_true(hc_memory_word(&memory, 0x1008, &word)); /* straddles */
	assert_int_equal(word, 0x676665640b0a0908);
	assert_true(hc_memory_u32(&memory, 0x100a, &u32));
	assert_int_equal(u32, 0x65640b0a);
	memory.word_size = 4;
	assert_true(hc_memory_word(&memory, 0x1004, &word));
	assert_int_equal(word, 0x07060504);
	hc_memory_deinit(&memory);
}

static void test_wrap(void **state)
{
	(void)state;
	struct hc_memory memory;
	uint64_t word;
	uint8_t out[32];

	hc_memory_init(&memory, 8);
	assert_fails(hc_memory_add(&memory, UINT64_MAX - 4, piece(0, 16), true), HC_ERROR_FORMAT,
		     "end of the address space");
	assert_ok(hc_memory_add(&memory, UINT64_MAX - 15, piece(0, 15), true));
	assert_false(hc_memory_word(&memory, UINT64_MAX - 7, &word));
	assert_fails(hc_memory_read(&memory, UINT64_MAX - 15, out, 32), HC_ERROR_MISSING, "");
	hc_memory_deinit(&memory);
}

/** Adding in any order gives the same table as adding in order. */
static void test_order(void **state)
{
	(void)state;
	struct hc_memory memory;
	uint8_t out[256];

	hc_memory_init(&memory, 8);
	for (unsigned i = 0; i < 256; i += 2)
		assert_ok(hc_memory_add(&memory, 0x1000 + (i * 37 % 256), piece(i * 37 % 256, 1),
					true));
	assert_int_equal(memory.num_extents, 128);
	for (unsigned i = 1; i < 256; i += 2)
		assert_ok(hc_memory_add(&memory, 0x1000 + (i * 37 % 256), piece(i * 37 % 256, 1),
					true));
	assert_int_equal(memory.num_extents, 1);
	assert_ok(hc_memory_read(&memory, 0x1000, out, sizeof(out)));
	assert_memory_equal(out, data, sizeof(out));
	hc_memory_deinit(&memory);
}

/** All data in pieces of at most @p most bytes is what is expected. */
static void check_data(const struct hc_memory *memory, uint64_t most, const uint64_t (*expected)[2],
		       size_t num)
{
	uint64_t pos = 0;
	struct hc_piece found;
	size_t i = 0;

	for (; hc_memory_next_data(memory, &pos, UINT64_MAX, most, &found); i++) {
		assert_in_range(i, 0, num - 1);
		assert_int_equal(found.start, expected[i][0]);
		assert_int_equal(found.end, expected[i][1]);
		assert_int_equal(found.bytes.size, found.end - found.start);
		assert_ptr_equal(found.bytes.data, hc_memory_view(memory, found.start, 1).data);
		assert_int_equal(pos, found.end);
	}
	assert_int_equal(i, num);
}

/** Holes are told in whole blocks of addresses, wherever the bytes lie in the file. */
static void test_holes(void **state)
{
	(void)state;
	enum { BLOCK = HC_HOLE_BLOCK, SHIFT = 0x2a8 };
	static uint8_t file[8 * BLOCK + SHIFT];
	struct hc_data_range ranges[] = {
		{0, SHIFT},                                     /* before the memory */
		{SHIFT + 2 * BLOCK + 5, SHIFT + 2 * BLOCK + 6}, /* within a block */
		{SHIFT + 5 * BLOCK - 1, SHIFT + 5 * BLOCK + 1}, /* across a border */
		{SHIFT + 6 * BLOCK, SHIFT + 6 * BLOCK + 1},     /* in the next one */
	};
	struct hc_data_map map = {ranges, 4, true};
	struct hc_memory memory;

	hc_memory_init(&memory, 8);
	assert_ok(hc_memory_add(&memory, 16 * BLOCK, (struct hc_bytes){file + SHIFT, 8 * BLOCK},
				true));
	const uint64_t all[][2] = {{16 * BLOCK, 24 * BLOCK}};
	check_data(&memory, UINT64_MAX, all, 1);
	memory.file = (struct hc_bytes){file, sizeof(file)};
	memory.data = &map;
	const uint64_t blocks[][2] = {{18 * BLOCK, 19 * BLOCK}, {20 * BLOCK, 23 * BLOCK}};
	check_data(&memory, UINT64_MAX, blocks, 2);
	const uint64_t pieces[][2] = {
		{18 * BLOCK, 19 * BLOCK}, {20 * BLOCK, 22 * BLOCK}, {22 * BLOCK, 23 * BLOCK}};
	check_data(&memory, 2 * BLOCK, pieces, 3);
	assert_true(hc_memory_is_hole(&memory, 16 * BLOCK, 18 * BLOCK));
	/* What is asked about may end within a block, before its data. */
	assert_true(hc_memory_is_hole(&memory, 16 * BLOCK, 18 * BLOCK + 5));
	assert_false(hc_memory_is_hole(&memory, 16 * BLOCK, 18 * BLOCK + 6));
	assert_true(hc_memory_is_hole(&memory, 23 * BLOCK, 40 * BLOCK));
	/* A page of 4 KiB is told from its neighbours. */
	memory.hole_block = 4096;
	const uint64_t pages[][2] = {{18 * BLOCK, 18 * BLOCK + 4096},
				     {21 * BLOCK - 4096, 21 * BLOCK + 4096},
				     {22 * BLOCK, 22 * BLOCK + 4096}};
	check_data(&memory, UINT64_MAX, pages, 3);
	assert_true(hc_memory_is_hole(&memory, 18 * BLOCK + 4096, 21 * BLOCK - 4096));
	map.known = false;
	check_data(&memory, UINT64_MAX, all, 1);
	map = (struct hc_data_map){.known = true};
	check_data(&memory, UINT64_MAX, NULL, 0);
	hc_memory_deinit(&memory);
}

/* Places at multiples of a size, in memory of which most is missing, to the end of the address
 * space. */
static void test_next_aligned(void **state)
{
	static const uint8_t bytes[64];
	const struct hc_bytes view = {bytes, sizeof(bytes)};
	struct hc_memory memory = {.word_size = 8};
	uint64_t at = 0;

	(void)state;
	assert_null(hc_memory_add(&memory, 0x1010, view, true));
	assert_null(hc_memory_add(&memory, 0x7fffff000, view, true));
	assert_null(hc_memory_add(&memory, UINT64_MAX - 100, view, true));
	assert_true(hc_memory_next_aligned(&memory, &at, UINT64_MAX, 0x20));
	assert_int_equal(at, 0x1020);
	at++;
	assert_true(hc_memory_next_aligned(&memory, &at, UINT64_MAX, 0x20));
	assert_int_equal(at, 0x1040);
	at++;
	assert_true(hc_memory_next_aligned(&memory, &at, UINT64_MAX, 0x1000));
	assert_int_equal(at, 0x7fffff000);
	at++;
	assert_false(hc_memory_next_aligned(&memory, &at, UINT64_MAX, 0x1000));
	at = 0;
	assert_false(hc_memory_next_aligned(&memory, &at, 0x1040, 0x40));
	hc_memory_deinit(&memory);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_merge),   cmocka_unit_test(test_first_wins),
		cmocka_unit_test(test_missing), cmocka_unit_test(test_words),
		cmocka_unit_test(test_wrap),    cmocka_unit_test(test_order),
		cmocka_unit_test(test_holes),   cmocka_unit_test(test_next_aligned),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
