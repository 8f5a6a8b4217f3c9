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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_merge),   cmocka_unit_test(test_first_wins),
		cmocka_unit_test(test_missing), cmocka_unit_test(test_words),
		cmocka_unit_test(test_wrap),    cmocka_unit_test(test_order),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
