/**
 * @file
 * Which word was meant.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/nearest.h"

static const char *nearest(const char *typed)
{
	static const char *const words[] = {"analyze", "leaks", "grep", "strings",
					    "common",  "maps",  "dump", "what"};
	struct hc_nearest ret = hc_nearest_to(typed);

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		hc_nearest_offer(&ret, words[i]);
	return ret.word;
}

static void test_near(void **state)
{
	(void)state;
	assert_string_equal(nearest("analyse"), "analyze");
	assert_string_equal(nearest("leak"), "leaks");
	assert_string_equal(nearest("gerp"), "grep");
	assert_string_equal(nearest("stirngs"), "strings");
	assert_string_equal(nearest("ANALYZE"), "analyze");
	assert_string_equal(nearest("str"), "strings");
	assert_string_equal(nearest("mpas"), "maps");
}

static void test_far(void **state)
{
	static const char *const words[] = {"tree", "stat", "x", "", "heap", "threads", "core.123"};
	char long_word[200];

	(void)state;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		assert_null(nearest(words[i]));
	memset(long_word, 'a', sizeof(long_word) - 1);
	long_word[sizeof(long_word) - 1] = '\0';
	assert_null(nearest(long_word));
}

static void test_same(void **state)
{
	(void)state;
	assert_true(hc_same_word("HTTP request", "http-request"));
	assert_true(hc_same_word("a_b", "A B"));
	assert_false(hc_same_word("a", "ab"));
	assert_false(hc_same_word("ab", "a"));
	assert_true(hc_same_word("", ""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_near),
		cmocka_unit_test(test_far),
		cmocka_unit_test(test_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
