/**
 * @file
 * The cursor: every reader at and beyond the end.
 */
#include "tests/unit/unit.h"

#include "core/base/bytes.h"

static const uint8_t data[] = {1, 2, 3, 4, 5, 6, 7, 8, 'h', 'i', 0, 'x'};

static void test_values(void **state)
{
	(void)state;
	struct hc_cursor cursor;
	uint32_t u32;
	uint64_t u64;

	hc_cursor_init(&cursor, (struct hc_bytes){data, sizeof(data)}, 0x100, "test");
	assert_ok(hc_cursor_u32(&cursor, &u32));
	assert_int_equal(u32, 0x04030201);
	assert_ok(hc_cursor_word(&cursor, 4, &u64));
	assert_int_equal(u64, 0x08070605);
	assert_int_equal(hc_cursor_left(&cursor), 4);
	u64 = 99;
	assert_fails(hc_cursor_u64(&cursor, &u64), HC_ERROR_FORMAT, "0x108");
	assert_int_equal(u64, 99);
	assert_int_equal(hc_cursor_left(&cursor), 4);
}

static void test_strings(void **state)
{
	(void)state;
	struct hc_cursor cursor;
	const char *text = NULL;

	hc_cursor_init(&cursor, (struct hc_bytes){data, sizeof(data)}, 0, "test");
	assert_ok(hc_cursor_skip(&cursor, 8));
	assert_ok(hc_cursor_string(&cursor, &text));
	assert_string_equal(text, "hi");
	assert_fails(hc_cursor_string(&cursor, &text), HC_ERROR_FORMAT, "has no end");
	assert_ok(hc_cursor_skip(&cursor, 1));
	assert_fails(hc_cursor_string(&cursor, &text), HC_ERROR_FORMAT, "0xc");
	assert_fails(hc_cursor_skip(&cursor, SIZE_MAX), HC_ERROR_FORMAT, "only 0 are left");
}

static void test_empty(void **state)
{
	(void)state;
	struct hc_cursor cursor;
	struct hc_bytes bytes;
	uint32_t value;

	hc_cursor_init(&cursor, (struct hc_bytes){}, 0, "nothing");
	assert_int_equal(hc_cursor_left(&cursor), 0);
	assert_ok(hc_cursor_bytes(&cursor, 0, &bytes));
	assert_fails(hc_cursor_u32(&cursor, &value), HC_ERROR_FORMAT, "nothing");
}

static void test_amount(void **state)
{
	(void)state;
	assert_string_equal(hc_amount(0).text, "0 bytes");
	assert_string_equal(hc_amount(1023).text, "1023 bytes");
	assert_string_equal(hc_amount(1024).text, "1.0 KiB");
	assert_string_equal(hc_amount(UINT64_C(3) << 19).text, "1.5 MiB");
	assert_string_equal(hc_amount(UINT64_C(5) << 30).text, "5.0 GiB");
	assert_string_equal(hc_amount(UINT64_C(7) << 49).text, "3.5 PiB");
	assert_string_equal(hc_amount(UINT64_MAX).text, "16.0 EiB");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_amount),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_strings),
		cmocka_unit_test(test_empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
