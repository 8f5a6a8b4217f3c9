/**
 * @file
 * Lines, tokens and atoms of bytes.
 */
#include "tests/unit/unit.h"

#include <stdlib.h>

#include "analyzers/texts/tokens.h"

#define MAX_TOKENS 64

static struct hc_bytes bytes_of(const char *text)
{
	return (struct hc_bytes){(const uint8_t *)text, strlen(text)};
}

static void assert_bytes(struct hc_bytes bytes, const char *expected)
{
	char text[512];

	assert_uint_in_range(bytes.size, 0, sizeof(text) - 1);
	memcpy(text, bytes.data, bytes.size);
	text[bytes.size] = 0;
	assert_string_equal(text, expected);
}

/** The tokens of a line are these: "p:" pair, "h:" header, "/:" path, "w:" word, ended by NULL. */
static void assert_tokens(const char *line, const char *const *expected)
{
	static const char kinds[] = "ph/w";
	struct hc_token tokens[MAX_TOKENS];
	size_t num = hc_tokens_of_line(bytes_of(line), tokens, MAX_TOKENS), i = 0;

	for (; expected[i]; i++) {
		if (i == num)
			fail_msg("'%s': no '%s'", line, expected[i]);
		assert_int_equal(kinds[tokens[i].kind], expected[i][0]);
		assert_bytes(tokens[i].text, expected[i] + 2);
		/* The kind follows from the text alone. */
		struct hc_token again = hc_token_parse(tokens[i].text);
		assert_int_equal(again.kind, tokens[i].kind);
		assert_int_equal(again.key_size, tokens[i].key_size);
		assert_int_equal(again.text.size, tokens[i].text.size);
	}
	assert_int_equal(num, i);
}

#define TOKENS(line, ...)                                                                          \
	assert_tokens(line, (const char *const[]){__VA_ARGS__ __VA_OPT__(, ) NULL})

static void test_pairs(void **state)
{
	struct hc_token token = hc_token_parse(bytes_of("channelid=4099"));

	(void)state;
	assert_int_equal(token.key_size, strlen("channelid="));
	TOKENS("channelid=4099&uid=7&empty=&x=1", "p:channelid=4099", "p:uid=7",
	       "p:empty=", "p:x=1");
	TOKENS("fields=name,avatar,level", "p:fields=name,avatar,level");
	TOKENS("a=1,b=2, c=3", "p:a=1", "p:b=2", "p:c=3");
	TOKENS("<a href=\"x y\" id=z>", "p:href=\"x y\"", "p:id=z");
	TOKENS("if (a==b)");
	TOKENS("9lives=1", "w:9lives");
}

static void test_json(void **state)
{
	(void)state;
	TOKENS("{\"user\":\"a\\\"b\",\"id\": 12,\"ok\":true,\"sub\":{\"k\":null}}",
	       "p:\"user\":\"a\\\"b\"", "p:\"id\": 12", "p:\"ok\":true", "p:\"k\":null");
	TOKENS("\"just text\"", "w:just", "w:text");
	TOKENS("\"open\":\"never clo", "p:\"open\":\"never clo");
}

static void test_headers_and_paths(void **state)
{
	(void)state;
	TOKENS("Host: profile.example", "h:Host: profile.example", "w:profile.example");
	TOKENS("Cookie: a=1; b=2", "h:Cookie: a=1; b=2", "p:a=1", "p:b=2");
	TOKENS("GET /user/48213/cart?page=2 HTTP/1.1", "w:GET", "/:/user/48213/cart", "w:user",
	       "w:48213", "w:cart", "p:page=2", "w:HTTP/1.1");
	TOKENS("/one", "/:/one");
	TOKENS("/");
	TOKENS("profile:100:4099:query", "w:profile:100:4099:query");
}

/** Long tokens are cut, and too many are left out. */
static void test_bounds(void **state)
{
	struct hc_token tokens[MAX_TOKENS];
	char line[4096] = "key=";

	(void)state;
	memset(line + 4, 'v', 1000);
	assert_int_equal(hc_tokens_of_line(bytes_of(line), tokens, MAX_TOKENS), 1);
	assert_true(tokens[0].cut);
	assert_int_equal(tokens[0].text.size, HC_TOKEN_MAX_SIZE);
	memset(line, 'n', 1000);
	line[1000] = 0;
	strcat(line, "=1");
	assert_int_equal(hc_tokens_of_line(bytes_of(line), tokens, MAX_TOKENS), 1);
	assert_int_equal(tokens[0].kind, HC_TOKEN_WORD);
	for (size_t i = 0; i < sizeof(line) - 4; i += 4)
		memcpy(line + i, "abc ", 5);
	assert_int_equal(hc_tokens_of_line(bytes_of(line), tokens, 5), 5);
	assert_int_equal(hc_tokens_of_line(bytes_of(""), tokens, 5), 0);
	assert_int_equal(hc_tokens_of_line(bytes_of("x="), tokens, 5), 1);
	assert_int_equal(hc_tokens_of_line(bytes_of("\""), tokens, 5), 0);
	assert_int_equal(hc_tokens_of_line(bytes_of("a=\""), tokens, 5), 1);
}

/** No input reads outside of it: every prefix and suffix of some awkward bytes, in a buffer of
 * exactly that size. */
static void test_every_cut(void **state)
{
	static const char text[] =
		"A: b\t\"k\\\":\"v\\\",\"q\": tru,x=\"y,z=,/a//b/ \xc3\xa9\xe2\x82\xac \xf0\x9f";
	struct hc_token tokens[MAX_TOKENS];
	struct hc_bytes atoms[4], line;
	struct hc_lines lines;

	(void)state;
	for (size_t from = 0; from < sizeof(text); from++) {
		for (size_t size = 0; from + size < sizeof(text); size++) {
			uint8_t *copy = malloc(size ? size : 1);

			memcpy(copy, text + from, size);
			hc_lines_init(&lines, (struct hc_bytes){copy, size}, NULL, 8);
			while (hc_lines_next(&lines, &line)) {
				size_t num = hc_tokens_of_line(line, tokens, MAX_TOKENS);

				for (size_t i = 0; i < num; i++) {
					assert_true(tokens[i].text.data >= copy);
					assert_true(tokens[i].text.data + tokens[i].text.size <=
						    copy + size);
					assert_true(tokens[i].key_size <= tokens[i].text.size);
				}
				assert_uint_in_range(hc_atoms_of_line(line, atoms, 4), 1, 4);
			}
			free(copy);
		}
	}
}

static void test_lines(void **state)
{
	static const char text[] =
		"GET / HTTP/1.1\r\nab\r\nHost: x\0\0\1\2four\xff\xc3\xa9t\xc3\xa9 \xed\xa0\x80";
	struct hc_bytes line;
	struct hc_lines lines;

	(void)state;
	hc_lines_init(&lines, (struct hc_bytes){(const uint8_t *)text, sizeof(text) - 1}, NULL, 8);
	assert_true(hc_lines_next(&lines, &line));
	assert_bytes(line, "GET / HTTP/1.1");
	assert_true(hc_lines_next(&lines, &line));
	assert_bytes(line, "Host: x");
	assert_true(hc_lines_next(&lines, &line));
	assert_bytes(line, "four");
	assert_true(hc_lines_next(&lines, &line));
	assert_bytes(line, "\xc3\xa9t\xc3\xa9 "); /* the surrogate behind it is no character */
	assert_false(hc_lines_next(&lines, &line));
}

/** A line is found wherever it begins and ends, whatever surrounds it. */
static void test_lines_at_every_place(void **state)
{
	static const char *const texts[] = {"abcd", "key=value", "\xc3\xa9\xc3\xa9",
					    "a\xe2\x82\xac\t"};
	static const uint8_t around[] = {0, 1, 0x1f, 0x7f, 0x80, 0xff};
	uint8_t data[200];

	(void)state;
	for (size_t t = 0; t < sizeof(texts) / sizeof(*texts); t++) {
		size_t size = strlen(texts[t]);

		for (size_t i = 0; i < sizeof(around) * (sizeof(data) - size); i++) {
			size_t at = i / sizeof(around);
			struct hc_lines lines;
			struct hc_bytes line;

			memset(data, around[i % sizeof(around)], sizeof(data));
			memcpy(data + at, texts[t], size);
			hc_lines_init(&lines, (struct hc_bytes){data, sizeof(data)}, NULL, 8);
			assert_true(hc_lines_next(&lines, &line));
			assert_ptr_equal(line.data, data + at);
			assert_int_equal(line.size, size);
			assert_false(hc_lines_next(&lines, &line));
		}
	}
}

/** The printable bytes of a pointer are no text; the same bytes where nothing is mapped are. */
static void test_addresses(void **state)
{
	struct hc_mapping mapping = {.start = 0x555555756000, .end = 0x555555757000};
	struct hc_mappings mappings = {.items = &mapping, .num = 1};
	const char text[16] = "pfuUUU";
	struct hc_bytes line;
	struct hc_lines lines;

	(void)state;
	hc_lines_init(&lines, (struct hc_bytes){(const uint8_t *)text, sizeof(text)}, &mappings, 8);
	assert_false(hc_lines_next(&lines, &line));
	mapping.start = mapping.end;
	mapping.end++;
	hc_lines_init(&lines, (struct hc_bytes){(const uint8_t *)text, sizeof(text)}, &mappings, 8);
	assert_true(hc_lines_next(&lines, &line));
	assert_bytes(line, "pfuUUU");
}

/** The end of a pointer in front of a text is no part of it. */
static void test_behind_pointer(void **state)
{
	struct hc_mapping mapping = {.start = 0x400000, .end = 0x500000};
	struct hc_mappings mappings = {.items = &mapping, .num = 1};
	const uint8_t text[] = "\0\0\0\0\0\x40\xa3 id=1";
	struct hc_bytes line;
	struct hc_lines lines;

	(void)state;
	hc_lines_init(&lines, (struct hc_bytes){text, sizeof(text)}, &mappings, 8);
	lines.big_endian = true;
	assert_true(hc_lines_next(&lines, &line));
	assert_bytes(line, "id=1");
	mapping.start = mapping.end - 1;
	hc_lines_init(&lines, (struct hc_bytes){text, sizeof(text)}, &mappings, 8);
	lines.big_endian = true;
	assert_true(hc_lines_next(&lines, &line));
	assert_bytes(line, " id=1");
}

static void test_atoms(void **state)
{
	struct hc_bytes atoms[8];

	(void)state;
	assert_int_equal(hc_atoms_of_line(bytes_of("a=1&b=&c"), atoms, 8), 5);
	assert_bytes(atoms[0], "a");
	assert_bytes(atoms[1], "1");
	assert_bytes(atoms[3], "");
	assert_bytes(atoms[4], "c");
	assert_int_equal(hc_atoms_of_line(bytes_of("a b c d"), atoms, 3), 3);
	assert_bytes(atoms[2], "c d");
	assert_int_equal(hc_atoms_of_line(bytes_of(""), atoms, 3), 1);
	assert_int_equal(atoms[0].size, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pairs),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_headers_and_paths),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_every_cut),
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_lines_at_every_place),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_behind_pointer),
		cmocka_unit_test(test_atoms),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
