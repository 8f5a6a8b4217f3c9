/**
 * @file
 * The readers; see syntax.h.
 */
#include "syntax.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void check(bool holds, struct hc_bytes text, size_t at, const char *what)
{
	size_t from = at > 100 ? at - 100 : 0;

	if (holds)
		return;
	fprintf(stderr, "syntax: %s at %zu, behind: ", what, at);
	fwrite(text.data + from, 1, (at < text.size ? at : text.size) - from, stderr);
	fputc('\n', stderr);
	abort();
}

/** @name Characters */
/**@{*/

/** The character at @p at, which must be well-formed. @param[out] size_ret its bytes */
static uint32_t decode(struct hc_bytes text, size_t at, size_t *size_ret)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	uint8_t first = text.data[at];
	size_t size = first < 0x80 ? 1 : first >> 5 == 6 ? 2 : first >> 4 == 14 ? 3 : 4;
	uint32_t ret = first;

	if (size > 1) {
		check(first >= 0xc0 && first < 0xf8 && size <= text.size - at, text, at,
		      "no UTF-8");
		ret = first & (0x7f >> size);
		for (size_t i = 1; i < size; i++) {
			check(text.data[at + i] >> 6 == 2, text, at, "no UTF-8");
			ret = ret << 6 | (text.data[at + i] & 0x3f);
		}
		check(ret >= least[size] && ret <= 0x10ffff && ret >> 11 != 0x1b, text, at,
		      "no UTF-8");
	}
	*size_ret = size;
	return ret;
}

static bool is_control(uint32_t c)
{
	return (c < 0x20 && c != '\n') || (c >= 0x7f && c < 0xa0);
}

static bool changes_direction(uint32_t c)
{
	return c == 0x61c || c == 0x200e || c == 0x200f || (c >= 0x202a && c <= 0x202e) ||
	       (c >= 0x2066 && c <= 0x2069);
}

void syntax_check_text(struct hc_bytes text)
{
	for (size_t at = 0, size; at < text.size; at += size) {
		uint32_t c = decode(text, at, &size);
		check(!is_control(c), text, at, "a control character");
		check(!changes_direction(c), text, at, "a character that changes direction");
	}
}

size_t syntax_strip_colors(uint8_t *text, size_t size)
{
	size_t kept = 0;

	for (size_t at = 0; at < size; at++) {
		size_t end = at + 2;
		if (text[at] == 033 && end < size && text[at + 1] == '[') {
			while (end < size &&
			       (text[end] == ';' || (text[end] >= '0' && text[end] <= '9')))
				end++;
			if (end < size && text[end] == 'm') {
				at = end;
				continue;
			}
		}
		text[kept++] = text[at];
	}
	return kept;
}

/** Where a word is, as it is or in digits; or NULL. */
static const uint8_t *find(struct hc_bytes text, const char *word)
{
	char hex[128];
	size_t size = strlen(word);

	for (size_t i = 0; i < size; i++)
		snprintf(hex + 2 * i, sizeof(hex) - 2 * i, "%02x", (uint8_t)word[i]);
	const uint8_t *found = memmem(text.data, text.size, word, size);
	return found ? found : memmem(text.data, text.size, hex, 2 * size);
}

bool syntax_has(struct hc_bytes text, const char *word)
{
	return find(text, word) != NULL;
}

void syntax_check_absent(struct hc_bytes text, const char *word)
{
	const uint8_t *found = find(text, word);

	check(!found, text, found ? found - text.data : 0, "what must not show");
}
/**@}*/

/** @name Lines */
/**@{*/

static void check_line(struct hc_bytes text, size_t start, size_t end, unsigned width)
{
	unsigned columns = 0;

	for (size_t i = start; i < end; i++)
		columns += text.data[i] >> 6 != 2;
	if (columns <= width)
		return;
	while (start < end && text.data[start] == ' ')
		start++;
	for (size_t i = start; i < end; i++) {
		uint8_t before = i > start ? text.data[i - 1] : '0';
		check(text.data[i] != ' ' || (before >= '0' && before <= '9'), text, i,
		      "a line that is too wide");
	}
}

void syntax_check_width(struct hc_bytes text, unsigned width)
{
	for (size_t start = 0, end; start < text.size; start = end + 1) {
		const uint8_t *newline = memchr(text.data + start, '\n', text.size - start);
		end = newline ? (size_t)(newline - text.data) : text.size;
		check_line(text, start, end, width);
	}
}
/**@}*/

/** @name JSON */
/**@{*/

/** Values in values; heapcore's own documents have a handful. */
#define MAX_NESTING 64

struct reader {
	struct hc_bytes text;
	size_t at;
};

static int peek(const struct reader *reader)
{
	return reader->at < reader->text.size ? reader->text.data[reader->at] : -1;
}

static void expect(struct reader *reader, int c)
{
	check(peek(reader) == c, reader->text, reader->at, "another character in JSON");
	reader->at++;
}

static void skip_blanks(struct reader *reader)
{
	while (peek(reader) == ' ' || peek(reader) == '\n')
		reader->at++;
}

static bool is_hex(int c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static void read_string(struct reader *reader)
{
	for (expect(reader, '"'); peek(reader) != '"'; reader->at++) {
		check(peek(reader) >= 0x20, reader->text, reader->at, "a string without an end");
		if (peek(reader) != '\\')
			continue;
		reader->at++;
		int c = peek(reader);
		check(c > 0 && strchr("\"\\/bfnrtu", c), reader->text, reader->at,
		      "another escape in JSON");
		for (unsigned i = 0; c == 'u' && i < 4; i++) {
			reader->at++;
			check(is_hex(peek(reader)), reader->text, reader->at, "no \\uXXXX");
		}
	}
	expect(reader, '"');
}

static void read_digits(struct reader *reader)
{
	size_t start = reader->at;

	while (peek(reader) >= '0' && peek(reader) <= '9')
		reader->at++;
	check(reader->at > start, reader->text, start, "no digits");
}

static void read_number(struct reader *reader)
{
	if (peek(reader) == '-')
		reader->at++;
	size_t start = reader->at;
	read_digits(reader);
	check(reader->text.data[start] != '0' || reader->at == start + 1, reader->text, start,
	      "a number with a 0 before it");
	if (peek(reader) == '.') {
		reader->at++;
		read_digits(reader);
	}
	if (peek(reader) == 'e' || peek(reader) == 'E') {
		reader->at++;
		if (peek(reader) == '+' || peek(reader) == '-')
			reader->at++;
		read_digits(reader);
	}
}

static void read_word(struct reader *reader, const char *word)
{
	for (; *word; word++)
		expect(reader, *word);
}

static void read_value(struct reader *reader, unsigned depth);

/** What is between brackets. */
static void read_items(struct reader *reader, unsigned depth, bool keys)
{
	int end = keys ? '}' : ']';

	reader->at++;
	skip_blanks(reader);
	for (bool first = true; peek(reader) != end; first = false) {
		if (!first)
			expect(reader, ',');
		skip_blanks(reader);
		if (keys) {
			read_string(reader);
			skip_blanks(reader);
			expect(reader, ':');
		}
		read_value(reader, depth + 1);
	}
	reader->at++;
}

static void read_value(struct reader *reader, unsigned depth)
{
	check(depth < MAX_NESTING, reader->text, reader->at, "values nested too deeply");
	skip_blanks(reader);
	switch (peek(reader)) {
	case '{':
	case '[':
		read_items(reader, depth, peek(reader) == '{');
		break;
	case '"':
		read_string(reader);
		break;
	case 't':
		read_word(reader, "true");
		break;
	case 'f':
		read_word(reader, "false");
		break;
	case 'n':
		read_word(reader, "null");
		break;
	default:
		read_number(reader);
	}
	skip_blanks(reader);
}

void syntax_check_json(struct hc_bytes text, bool lines)
{
	while (lines && text.size) {
		const uint8_t *end = memchr(text.data, '\n', text.size);
		check(end, text, text.size, "a line without an end");
		syntax_check_json((struct hc_bytes){text.data, end - text.data}, false);
		text.size -= end + 1 - text.data;
		text.data = end + 1;
	}
	if (lines)
		return;
	struct reader reader = {.text = text};
	read_value(&reader, 0);
	check(reader.at == text.size, text, reader.at, "something behind the JSON");
}
/**@}*/

/** @name CSV */
/**@{*/

static void read_field(struct reader *reader)
{
	if (peek(reader) != '"') {
		while (peek(reader) >= 0 && !strchr(",\n", peek(reader))) {
			check(peek(reader) != '"', reader->text, reader->at, "a quote in a field");
			reader->at++;
		}
		return;
	}
	for (;;) {
		reader->at++;
		check(peek(reader) >= 0, reader->text, reader->at, "a field without an end");
		if (peek(reader) != '"')
			continue;
		reader->at++;
		if (peek(reader) != '"')
			return;
	}
}

void syntax_check_csv(struct hc_bytes text)
{
	struct reader reader = {.text = text};
	unsigned expected = 0;

	while (reader.at < text.size) {
		unsigned fields = 1;
		for (read_field(&reader); peek(&reader) == ','; fields++) {
			reader.at++;
			read_field(&reader);
		}
		expect(&reader, '\n');
		check(!expected || fields == expected, text, reader.at, "another number of fields");
		expected = fields;
	}
}
/**@}*/
