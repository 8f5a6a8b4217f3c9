/**
 * @file
 * Errors as values, and the bounds of the list of remarks.
 */
#include "tests/unit/unit.h"

#include <errno.h>

static void test_create(void **state)
{
	(void)state;
	struct hc_error *err = hc_error_create(HC_ERROR_FORMAT, "line %d", 7);
	assert_int_equal(err->code, HC_ERROR_FORMAT);
	assert_string_equal(err->message, "line 7");
	assert_false(err->has_address);
	hc_error_destroy(err);

	err = hc_error_at(HC_ERROR_MISSING, 0x1234, "missing");
	assert_true(err->has_address);
	assert_int_equal(err->address, 0x1234);
	hc_error_destroy(err);

	err = hc_error_os(ENOENT, "open %s", "x");
	assert_int_equal(err->code, HC_ERROR_OS);
	assert_string_equal(err->message, "open x: No such file or directory");
	hc_error_destroy(err);
}

static void test_destroy_static(void **state)
{
	(void)state;
	hc_error_destroy(NULL);
	hc_error_destroy(&hc_enomem);
	assert_string_equal(hc_enomem.message, "out of memory");
}

static void test_diagnostics(void **state)
{
	(void)state;
	struct hc_diagnostics diag = {};

	hc_diagnostics_add(&diag, false, "one");
	hc_diagnostics_add(&diag, false, "one");
	assert_int_equal(diag.num, 1);
	assert_false(diag.partial);
	for (int i = 0; i < 200; i++)
		hc_diagnostics_add(&diag, false, "remark %d", i);
	assert_int_equal(diag.num, 100);
	assert_false(diag.partial);
	hc_diagnostics_add(&diag, true, "the one too many");
	assert_int_equal(diag.num, 100);
	assert_true(diag.partial);
	hc_diagnostics_deinit(&diag);
	assert_int_equal(diag.num, 0);
}

static void test_diagnostics_repeated_partial(void **state)
{
	(void)state;
	struct hc_diagnostics diag = {};

	hc_diagnostics_add(&diag, false, "same");
	hc_diagnostics_add(&diag, true, "same");
	assert_int_equal(diag.num, 1);
	assert_true(diag.partial);
	hc_diagnostics_deinit(&diag);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_create),
		cmocka_unit_test(test_destroy_static),
		cmocka_unit_test(test_diagnostics),
		cmocka_unit_test(test_diagnostics_repeated_partial),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
