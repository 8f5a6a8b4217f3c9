/**
 * @file
 * Normalising values, and masking secrets.
 */
#include "tests/unit/unit.h"

#include <stdlib.h>

#include "analyzers/counts/attributes.h"
#include "analyzers/content/secrets.h"

static void assert_normal(const char *value, unsigned flags, const char *expected)
{
	struct hc_bytes bytes = {(const uint8_t *)value, strlen(value)};
	uint8_t *buf = malloc(bytes.size + 1);

	assert_non_null(buf);
	buf[hc_normalise(bytes, flags, buf)] = '\0';
	assert_string_equal((const char *)buf, expected);
	free(buf);
}

static void test_normalise(void **state)
{
	unsigned all = HC_NORMALISE_UUID | HC_NORMALISE_HEX | HC_NORMALISE_DIGITS;

	(void)state;
	assert_normal("", all, "");
	assert_normal("/user/48213/cart", all, "/user/N/cart");
	assert_normal("/user/9/cart", all, "/user/N/cart");
	assert_normal("/user/9/cart", 0, "/user/9/cart");
	assert_normal("a12b3", HC_NORMALISE_DIGITS, "aNbN");
	assert_normal("/o/123e4567-e89b-12d3-a456-426614174000/x", all, "/o/U/x");
	assert_normal("123E4567-E89B-12D3-A456-426614174000", all, "U");
	/* One digit more or less is none. */
	assert_normal("123e4567-e89b-12d3-a456-4266141740001", all, "H-eNb-NdN-aN-N");
	assert_normal("/c/d41d8cd98f00b204", all, "/c/H");
	assert_normal("/c/deadbeef", all, "/c/deadbeef"); /* a word, as far as can be told */
	assert_normal("/c/12345678", all, "/c/N");        /* a number */
	assert_normal("/c/12ab", all, "/c/Nab");
	assert_normal("xd41d8cd98f00b204", HC_NORMALISE_HEX, "xd41d8cd98f00b204");
	assert_normal("WWW.Example.ORG", HC_NORMALISE_LOWER, "www.example.org");
}

static void assert_masked(struct hc_masker *masker, const char *text, size_t from, size_t size,
			  enum hc_mask how, const char *expected)
{
	struct hc_bytes context = {(const uint8_t *)text, strlen(text)};
	struct hc_bytes part = {context.data + from, size};
	struct hc_masked masked;

	assert_ok(hc_masker_mask(masker, context, part, how, &masked));
	assert_int_equal(masked.size, strlen(expected));
	assert_string_equal((const char *)masked.bytes, expected);
	free(masked.bytes);
}

static void test_mask(void **state)
{
	static const char text[] = "a=1&password=hunter2&b=2";
	struct hc_signatures *signatures;
	struct hc_masker *masker;

	(void)state;
	assert_ok(hc_signatures_create(NULL, 0, &signatures));
	assert_ok(hc_masker_create(signatures, &masker));
	assert_masked(masker, text, 0, 24, HC_MASK_SHORT, "a=1&password=***&b=2");
	assert_masked(masker, text, 0, 24, HC_MASK_SAME_SIZE, "a=1&password=*******&b=2");
	/* A part knows what stands before it. */
	assert_masked(masker, text, 15, 9, HC_MASK_SHORT, "***&b=2");
	assert_masked(masker, text, 13, 3, HC_MASK_SAME_SIZE, "***");
	assert_masked(masker, text, 0, 0, HC_MASK_SHORT, "");
	assert_masked(masker, "PASSWORD: 'a b' c", 0, 17, HC_MASK_SHORT, "PASSWORD: '***' c");
	assert_masked(masker, "nothing here", 0, 12, HC_MASK_SHORT, "nothing here");
	hc_masker_destroy(masker);
	hc_signatures_destroy(signatures);
}

/** A text on which PCRE2 gives up hides what it can't judge, however long it is. */
static void test_long(void **state)
{
	size_t size = 1 << 20;
	struct hc_signatures *signatures;
	struct hc_masker *masker;
	uint8_t *text = malloc(size);
	struct hc_bytes bytes = {text, size};
	struct hc_masked masked;

	(void)state;
	assert_non_null(text);
	memset(text, 'a', size);
	memcpy(text, "-----BEGIN PRIVATE KEY-----", 27);
	assert_ok(hc_signatures_create(NULL, 0, &signatures));
	assert_ok(hc_masker_create(signatures, &masker));
	assert_ok(hc_masker_mask(masker, bytes, bytes, HC_MASK_SAME_SIZE, &masked));
	assert_int_equal(masked.size, size);
	assert_true(masked.num >= 1);
	assert_null(memchr(masked.bytes + 27, 'a', size - 27));
	free(masked.bytes);
	free(text);
	hc_masker_destroy(masker);
	hc_signatures_destroy(signatures);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_normalise),
		cmocka_unit_test(test_mask),
		cmocka_unit_test(test_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
