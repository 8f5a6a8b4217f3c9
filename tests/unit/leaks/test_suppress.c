/**
 * @file
 * Suppressions: the file, line by line, and its patterns.
 */
#include "tests/unit/unit.h"

#include <stdlib.h>

#include "analyzers/leaks/suppress.h"

static bool found(const char *pattern, const char *name)
{
	char *text = strdup(pattern);
	char *file = malloc(strlen(pattern) + 8);
	struct hc_diagnostics diag = {0};
	struct hc_suppressions s = {0};

	assert_non_null(text);
	assert_non_null(file);
	strcpy(file, "leak:");
	strcat(file, text);
	free(text);
	assert_ok(hc_suppressions_parse(file, "f", &diag, &s));
	assert_int_equal(s.leaks.num, 1);
	assert_int_equal(diag.num, 0);
	bool ret = hc_suppressions_match(&s.leaks, name);
	hc_suppressions_deinit(&s);
	return ret;
}

static void test_patterns(void **state)
{
	(void)state;
	static const struct {
		const char *pattern, *name;
		bool found;
	} cases[] = {
		{"Session", "app::Session", true},
		{"Session", "app::Sessio", false},
		{"^Session", "app::Session", false},
		{"^app", "app::Session", true},
		{"app$", "app::Session", false},
		{"Session$", "app::Session", true},
		{"Session$", "app::Session::Part", false},
		{"^app::Session$", "app::Session", true},
		{"^app::Session$", "app::Sessions", false},
		{"^app$", "app app", false},
		{"a*n", "app::Session", true},
		{"n*a", "app::Session", false},
		{"^app*Se*n$", "app::Session", true},
		{"^app*x*n$", "app::Session", false},
		{"Ses*Ses", "app::Session", false},
		{"Ses*$", "app::Session", true},
		{"*", "", true},
		{"^$", "", true},
		{"^$", "x", false},
		{"a$b", "a$b", true},
		{"a^b", "a^b", true},
		{"aab$", "aaab", true},
		{"x*ab$", "xab", true},
		{"xa*ab$", "xab", false},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (found(cases[i].pattern, cases[i].name) != cases[i].found)
			fail_msg("%s in %s", cases[i].pattern, cases[i].name);
	struct hc_suppression_patterns none = {0};
	assert_false(hc_suppressions_match(&none, "a"));
}

static void test_lines(void **state)
{
	(void)state;
	struct hc_diagnostics diag = {0};
	struct hc_suppressions s;
	char *text = strdup("# known\r\n\n  leak:one two \t\r\nrace:x\nleak:\n#leak:no\nleak:last\n"
			    "holder:^g_cache$\nholder:\n");

	assert_non_null(text);
	assert_ok(hc_suppressions_parse(text, "known.supp", &diag, &s));
	assert_int_equal(s.leaks.num, 2);
	assert_string_equal(s.leaks.items[0], "one two");
	assert_string_equal(s.leaks.items[1], "last");
	assert_int_equal(s.holders.num, 1);
	assert_string_equal(s.holders.items[0], "^g_cache$");
	assert_int_equal(diag.num, 3);
	assert_false(diag.partial);
	assert_string_equal(diag.items[0].message,
			    "known.supp: line 4 is neither 'leak:PATTERN' nor "
			    "'holder:PATTERN', but 'race:x'; left it out");
	assert_non_null(strstr(diag.items[1].message, "line 5"));
	assert_non_null(strstr(diag.items[2].message, "line 9"));
	hc_suppressions_deinit(&s);
	assert_fails(hc_suppressions_read("/proc/nonexistent", &diag, &s), HC_ERROR_OS,
		     "/proc/nonexistent can't be opened");
	assert_fails(hc_suppressions_read("/", &diag, &s), HC_ERROR_FORMAT, "not a regular file");
	assert_fails(hc_suppressions_read("/proc/self/exe", &diag, &s), HC_ERROR_FORMAT,
		     "no file of suppressions");
	hc_diagnostics_deinit(&diag);
}

static void test_holders(void **state)
{
	(void)state;
	char path[] = "/usr/lib/libapp.so.1";
	const struct hc_module module = {.path = path};
	const struct hc_symbol symbol = {.name = "_ZN3app5cacheE"};
	const struct hc_spot variable = {.module = &module, .symbol = &symbol};
	const struct hc_spot frame = {.function = "_ZN3app4workEv", .variable = "table"};
	static const struct {
		const char *line;
		bool variable, frame;
	} cases[] = {
		{"holder:^app::cache$", true, false}, {"holder:libapp.so", true, false},
		{"holder:^table$", false, true},      {"holder:^app::work", false, true},
		{"holder:app", true, true},           {"holder:_ZN", false, false},
		{"leak:app", false, false},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct hc_diagnostics diag = {0};
		struct hc_suppressions s;
		const struct hc_spot nothing = {0};
		bool found;

		assert_ok(hc_suppressions_parse(strdup(cases[i].line), "f", &diag, &s));
		assert_ok(hc_suppressions_match_holder(&s, &variable, &found));
		assert_int_equal(found, cases[i].variable);
		assert_ok(hc_suppressions_match_holder(&s, &frame, &found));
		assert_int_equal(found, cases[i].frame);
		assert_ok(hc_suppressions_match_holder(&s, &nothing, &found));
		assert_false(found);
		hc_suppressions_deinit(&s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_patterns),
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_holders),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
