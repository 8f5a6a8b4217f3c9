/**
 * @file
 * What every unit test includes: cmocka, in the order that it wants, and asserts about errors.
 */
#ifndef HC_TESTS_UNIT_H
#define HC_TESTS_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/error.h"

/* cmocka 2 deprecates the older of two names that do the same, cmocka 1 has no other. */
#ifndef assert_uint_in_range
#define assert_uint_in_range(value, min, max) assert_in_range(value, min, max)
#endif

/** The call succeeds; when not, its message is shown. */
#define assert_ok(call)                                                                            \
	do {                                                                                       \
		struct hc_error *assert_err_ = (call);                                             \
		if (assert_err_)                                                                   \
			fail_msg("%s", assert_err_->message);                                      \
	} while (0)

/** The call fails with this code, and the message holds this text. */
#define assert_fails(call, expected_code, text)                                                    \
	do {                                                                                       \
		struct hc_error *assert_err_ = (call);                                             \
		assert_non_null(assert_err_);                                                      \
		assert_int_equal(assert_err_->code, expected_code);                                \
		if (!strstr(assert_err_->message, text))                                           \
			fail_msg("\"%s\" lacks \"%s\"", assert_err_->message, text);               \
		hc_error_destroy(assert_err_);                                                     \
	} while (0)

#endif
