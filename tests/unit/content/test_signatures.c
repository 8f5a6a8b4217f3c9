/**
 * @file
 * Signature files and sets: values that go on, bounds, hostile texts, precedence, and every
 * built-in example.
 */
#include "tests/unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analyzers/content/signature_file.h"
#include "analyzers/content/signature_examples.h"
#include "analyzers/content/signatures.h"

static struct hc_bytes bytes_of(const char *text)
{
	return (struct hc_bytes){(const uint8_t *)text, strlen(text)};
}

static void assert_refused(struct hc_bytes text, const char *what)
{
	struct hc_signatures *signatures;
	struct hc_error *err = hc_signatures_parse("test.ini", text, &signatures);

	assert_non_null(err);
	assert_int_equal(err->code, HC_ERROR_ARGUMENT);
	if (!strstr(err->message, what) || !strstr(err->message, "test.ini"))
		fail_msg("'%s' lacks '%s'", err->message, what);
	hc_error_destroy(err);
}

static void test_file(void **state)
{
	static const char text[] =
		"\xef\xbb\xbf# head\n[one]\na = 1\na = 2 ; comment\n\tand more\n  still\n"
		"b =\n[two]\nc: x = y\n[one]\nd = 4";
	struct hc_signature_file file;

	(void)state;
	assert_null(hc_signature_file_parse("test.ini", bytes_of(text), &file));
	assert_int_equal(file.num, 2);
	assert_string_equal(file.sections[0].name, "one");
	assert_int_equal(file.sections[0].num, 4);
	assert_string_equal(file.sections[0].values[0].text, "1");
	assert_string_equal(file.sections[0].values[1].text, "2and morestill");
	assert_int_equal(file.sections[0].values[1].line, 4);
	assert_string_equal(file.sections[0].values[2].text, "");
	assert_string_equal(file.sections[0].values[3].name, "d");
	assert_string_equal(file.sections[1].values[0].text, "x = y");
	hc_signature_file_deinit(&file);
}

static void test_bounds(void **state)
{
	size_t size = HC_SIGNATURE_FILE_MAX_BYTES + 1;
	char *text = malloc(size + 1);

	(void)state;
	assert_non_null(text);
	memset(text, '\n', size);
	assert_refused((struct hc_bytes){(uint8_t *)text, size}, "larger");

	text[0] = '\0';
	for (unsigned i = 0; i <= HC_SIGNATURE_FILE_MAX_SECTIONS; i++)
		sprintf(text + strlen(text), "[s%u]\na=1\n", i);
	assert_refused(bytes_of(text), "too many sections");

	strcpy(text, "[a]\n");
	for (unsigned i = 0; i <= HC_SIGNATURE_FILE_MAX_VALUES; i++)
		strcat(text, "a=1\n");
	assert_refused(bytes_of(text), "too many values");

	strcpy(text, "[a]\nliteral=x\n");
	for (unsigned i = 0; i < HC_SIGNATURE_FILE_MAX_VALUE / 100 + 1; i++)
		sprintf(text + strlen(text), " %0100d\n", 0);
	assert_refused(bytes_of(text), "too long");

	memcpy(text, "[a]\nb=\0\n", 8);
	assert_refused((struct hc_bytes){(uint8_t *)text, 8}, "byte of 0");

	text[0] = '\0';
	for (unsigned i = 0; i < HC_MAX_CLASSES; i++)
		sprintf(text + strlen(text), "[s%u]\ndescription=d\nliteral=x\n", i);
	struct hc_signatures *signatures;
	struct hc_error *err = hc_signatures_parse("test.ini", bytes_of(text), &signatures);

	assert_non_null(err);
	assert_non_null(strstr(err->message, "at most 128"));
	hc_error_destroy(err);
	free(text);
}

static void test_order(void **state)
{
	static const char text[] = "[low]\npriority=1\ndescription=d\nliteral=x\n"
				   "[high]\npriority=9\ndescription=d\nliteral=x\n"
				   "[also-high]\npriority=9\ndescription=d\nliteral=x\n"
				   "[hidden]\nkind=secret\ndescription=d\npattern=(?<secret>x)\n";
	struct hc_signatures *signatures;

	(void)state;
	assert_null(hc_signatures_parse("test.ini", bytes_of(text), &signatures));
	assert_int_equal(hc_signatures_num_classes(signatures), 4);
	assert_int_equal(hc_signatures_find(signatures, "other"), HC_CLASS_OTHER);
	assert_int_equal(hc_signatures_find(signatures, "high"), 1);
	assert_int_equal(hc_signatures_find(signatures, "also-high"), 2);
	assert_int_equal(hc_signatures_find(signatures, "low"), 3);
	assert_int_equal(hc_signatures_find(signatures, "hidden"), HC_CLASS_NONE);
	assert_int_equal(hc_signatures_num_secrets(signatures), 1);
	assert_true(hc_class_precedes(1, 2));
	assert_true(hc_class_precedes(3, HC_CLASS_OTHER));
	assert_false(hc_class_precedes(HC_CLASS_OTHER, 3));
	hc_signatures_destroy(signatures);
}

static void on_example(void *ctx, const struct hc_class *signature,
		       const struct hc_example *example, bool passed, const struct hc_class *got)
{
	if (!passed)
		fail_msg("line %u: %s is %s", example->line, signature->name,
			 got ? got->name : "?");
	++*(unsigned *)ctx;
}

static void test_builtin(void **state)
{
	struct hc_signatures *signatures;
	unsigned num = 0;

	(void)state;
	assert_null(hc_signatures_create(NULL, 0, &signatures));
	assert_null(hc_signatures_test(signatures, NULL, on_example, &num));
	assert_true(num > 150);
	hc_signatures_destroy(signatures);
}

/** The built-in file with bytes changed, cut and doubled is accepted or refused, nothing else. */
static void test_hostile(void **state)
{
	struct hc_bytes builtin = hc_signatures_builtin();
	uint8_t *text = malloc(builtin.size);
	uint64_t seed = 88172645463325252;

	(void)state;
	assert_non_null(text);
	for (unsigned round = 0; round < 60; round++) {
		struct hc_signatures *signatures = NULL;
		size_t size = builtin.size;

		memcpy(text, builtin.data, size);
		for (unsigned i = 0; i < 1 + round % 8; i++) {
			seed ^= seed << 13;
			seed ^= seed >> 7;
			seed ^= seed << 17;
			text[seed % size] = "[]()=\n\\{*?<0\xff"[seed >> 32 & 7];
		}
		if (round % 3 == 0)
			size = seed % size;
		struct hc_error *err =
			hc_signatures_parse("test.ini", (struct hc_bytes){text, size}, &signatures);

		assert_true(!err == (signatures != NULL));
		hc_error_destroy(err);
		hc_signatures_destroy(signatures);
	}
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_file),    cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_order),   cmocka_unit_test(test_builtin),
		cmocka_unit_test(test_hostile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
