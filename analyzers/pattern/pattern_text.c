/**
 * @file
 * Translating patterns: one reader a syntax, each writing PCRE2's into a stream.
 */
#include "analyzers/pattern/pattern_text.h"

#include <stdio.h>
#include <stdlib.h>

#include "core/base/cleanup.h"
#include "core/base/utf8.h"

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_alnum(char c)
{
	return is_digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
}

/** A byte that stands for itself, whatever it is and whatever follows. */
static void put_byte(FILE *out, uint8_t byte)
{
	if (is_alnum(byte))
		fputc(byte, out);
	else
		fprintf(out, "\\x%02x", byte);
}

/* --- Hexadecimal --- */

static struct hc_error *translate_hex(const char *text, FILE *out)
{
	const char *pos = text;

	while (*pos) {
		unsigned high = hc_hex_digit(pos[0]);
		unsigned low = high < 16 ? hc_hex_digit(pos[1]) : 16;

		if (*pos == ' ' || *pos == ':') {
			pos++;
			continue;
		}
		if (pos[0] == '?' && pos[1] == '?')
			fputs("[\\s\\S]", out);
		else if (low < 16)
			put_byte(out, high << 4 | low);
		else
			return hc_error_about(
				hc_error_create(HC_ERROR_ARGUMENT,
						"'%.100s' is no bytes; it takes pairs of "
						"hexadecimal digits, or ?? for any byte",
						text),
				HC_ABOUT_HEX);
		pos += 2;
	}
	return NULL;
}

/* --- UTF-16 --- */

/** What a repeat count or one of *+? repeats must be one item. */
static bool is_quantifier(const char *pos)
{
	return *pos == '*' || *pos == '+' || *pos == '?' ||
	       (*pos == '{' && (is_digit(pos[1]) || pos[1] == ','));
}

/** A code unit below 256 whose low byte @p text of @p size matches. @p next is what follows it. */
static void put_unit(FILE *out, const char *text, size_t size, const char *next)
{
	bool group = is_quantifier(next);

	fprintf(out, "%s%.*s\\x00%s", group ? "(?:" : "", (int)size, text, group ? ")" : "");
}

/** What a negated set matches: it, or any unit above 255. */
static void put_negated(FILE *out, const char *text, size_t size)
{
	fprintf(out, "(?:%.*s\\x00|[\\s\\S][^\\x00])", (int)size, text);
}

/** The character that a text begins with; 0 bytes: it is none. */
static size_t decode_utf8(const char *text, uint32_t *ret)
{
	const uint8_t *pos = (const uint8_t *)text;

	return hc_utf8_decode(pos, pos + strnlen(text, 4), ret);
}

/** A character that stands for itself: one unit, or two. */
static struct hc_error *put_character(FILE *out, const char *text, const char **end_ret)
{
	uint32_t value, second = 0;
	size_t size = decode_utf8(text, &value);

	if (!size)
		return hc_error_about(
			hc_error_create(HC_ERROR_ARGUMENT, "the pattern is not UTF-8"),
			HC_ABOUT_WIDE);
	if (value >= 0x10000) {
		second = 0xdc00 | (value & 0x3ff);
		value = 0xd800 | (value - 0x10000) >> 10;
	}
	bool group = is_quantifier(text + size);
	fputs(group ? "(?:" : "", out);
	put_byte(out, value);
	put_byte(out, value >> 8);
	if (second) {
		put_byte(out, second);
		put_byte(out, second >> 8);
	}
	fputs(group ? ")" : "", out);
	*end_ret = text + size;
	return NULL;
}

static struct hc_error *put_plain(FILE *out, const char *text)
{
	struct hc_error *err = NULL;

	while (*text && !err) {
		/* Nothing that follows is a quantifier here. */
		char character[5] = "";
		const char *end;
		uint32_t value;
		size_t size = decode_utf8(text, &value);

		memcpy(character, text, size);
		err = put_character(out, size ? character : text, &end);
		text += size;
	}
	return err;
}

static struct hc_error *not_wide(const char *what, size_t size)
{
	return hc_error_about(hc_error_create(HC_ERROR_ARGUMENT, "can't say '%.*s' in UTF-16",
					      (int)(size < 40 ? size : 40), what),
			      HC_ABOUT_WIDE);
}

/** Past a character class; NULL: it has no end, or is no plain one. */
static const char *class_end(const char *pos)
{
	pos++;
	pos += *pos == '^';
	pos += *pos == ']';
	for (; *pos != ']'; pos++) {
		if (!*pos || (uint8_t)*pos >= 0x80)
			return NULL;
		if (*pos == '\\') {
			pos++;
			if (!*pos || strchr("QEpP", *pos))
				return NULL;
		} else if (*pos == '[' && pos[1] == ':') {
			const char *end = strstr(pos + 2, ":]");
			if (!end)
				return NULL;
			pos = end + 1;
		}
	}
	return pos + 1;
}

static struct hc_error *wide_class(FILE *out, const char **pos)
{
	const char *start = *pos, *end = class_end(start);

	if (!end)
		return not_wide(start, strlen(start));
	if (start[1] == '^')
		put_negated(out, start, end - start);
	else
		put_unit(out, start, end - start, end);
	*pos = end;
	return NULL;
}

/** Past a group's opening; NULL: not one that stays as it is. */
static const char *opening_end(const char *pos)
{
	if (pos[1] == '*')
		return NULL;
	if (pos[1] != '?')
		return pos + 1;
	pos += 2;
	if (*pos == 'P' && pos[1] == '<')
		pos++;
	if (*pos == '<' && (pos[1] == '=' || pos[1] == '!'))
		return pos + 2;
	if (*pos == '<' || *pos == '\'') {
		const char *end = strchr(pos + 1, *pos == '<' ? '>' : '\'');
		return end ? end + 1 : NULL;
	}
	if (*pos && strchr("=!>|", *pos))
		return pos + 1;
	pos += strspn(pos, "imsnJ^-");
	return *pos == ':' || *pos == ')' ? pos + 1 : NULL;
}

/** Past a back-reference, "\1", "\g{-1}", "\k<name>"; NULL: it is none. */
static const char *reference_end(const char *pos)
{
	if (pos[1] >= '1' && pos[1] <= '9')
		return pos + 1 + strspn(pos + 1, "0123456789");
	if (pos[1] == 'g' && (is_digit(pos[2]) || pos[2] == '-'))
		return pos + 3 + strspn(pos + 3, "0123456789");
	if ((pos[1] == 'g' && pos[2] == '{') ||
	    (pos[1] == 'k' && pos[2] && strchr("{<'", pos[2]))) {
		const char *end = strchr(pos + 3, pos[2] == '{' ? '}' : pos[2] == '<' ? '>' : '\'');
		return end ? end + 1 : NULL;
	}
	return NULL;
}

#define WIDE_WORD_BEFORE "(?<=\\w\\x00)"
#define WIDE_NO_WORD_BEFORE "(?<!\\w\\x00)"
#define WIDE_WORD_AFTER "(?=\\w\\x00)"
#define WIDE_NO_WORD_AFTER "(?!\\w\\x00)"

static struct hc_error *wide_escape(FILE *out, const char **pos)
{
	const char *start = *pos, *end = start + 2;

	if (!start[1])
		return not_wide(start, 1);
	if (start[1] == 'x' && hc_hex_digit(start[2]) < 16 && hc_hex_digit(start[3]) < 16) {
		end += 2;
		put_unit(out, start, 4, end);
	} else if (strchr("dwshvnrtfea", start[1]) ||
		   (!is_alnum(start[1]) && (uint8_t)start[1] < 0x80)) {
		put_unit(out, start, 2, end);
	} else if (strchr("DWSHVN", start[1])) {
		put_negated(out, start, 2);
	} else if (start[1] == 'b') {
		fputs("(?:" WIDE_WORD_BEFORE WIDE_NO_WORD_AFTER
		      "|" WIDE_NO_WORD_BEFORE WIDE_WORD_AFTER ")",
		      out);
	} else if (start[1] == 'B') {
		fputs("(?:" WIDE_WORD_BEFORE WIDE_WORD_AFTER
		      "|" WIDE_NO_WORD_BEFORE WIDE_NO_WORD_AFTER ")",
		      out);
	} else {
		if (!strchr("AzGK", start[1]))
			end = reference_end(start);
		if (!end)
			return not_wide(start, 2);
		fprintf(out, "%.*s", (int)(end - start), start);
	}
	*pos = end;
	return NULL;
}

static struct hc_error *wide_group(FILE *out, const char **pos)
{
	const char *end = opening_end(*pos);

	if (!end)
		return not_wide(*pos, strlen(*pos));
	fprintf(out, "%.*s", (int)(end - *pos), *pos);
	*pos = end;
	return NULL;
}

static struct hc_error *translate_wide(const char *text, FILE *out)
{
	struct hc_error *err = NULL;

	while (*text && !err) {
		if (*text == '\\') {
			err = wide_escape(out, &text);
		} else if (*text == '[') {
			err = wide_class(out, &text);
		} else if (*text == '(') {
			err = wide_group(out, &text);
		} else if (*text == '.') {
			put_negated(out, ".", 1);
			text++;
		} else if (*text == '{' && is_quantifier(text)) {
			size_t size = strcspn(text, "}");
			fprintf(out, "%.*s", (int)size, text);
			text += size;
		} else if (strchr("*+?|)^}", *text)) {
			fputc(*text++, out);
		} else if (*text == '$') {
			fputs("\\z", out);
			text++;
		} else {
			err = put_character(out, text, &text);
		}
	}
	return err;
}

/* --- All --- */

static struct hc_error *translate(const char *text, const struct hc_pattern_options *options,
				  FILE *out)
{
	if (options->hex)
		return translate_hex(text, out);
	if (options->wide && options->literal)
		return put_plain(out, text);
	if (options->wide)
		return translate_wide(text, out);
	for (; *text; text++) {
		if (options->literal)
			put_byte(out, *text);
		else
			fputc(*text, out);
	}
	return NULL;
}

struct hc_error *hc_pattern_translate(const char *text, const struct hc_pattern_options *options,
				      char **ret)
{
	hc_cleanup_free char *translated = NULL;
	size_t size;
	FILE *out = open_memstream(&translated, &size);

	if (!out)
		return &hc_enomem;
	struct hc_error *err = translate(text, options, out);
	if (fclose(out) && !err)
		err = &hc_enomem;
	if (err)
		return err;
	*ret = hc_steal(translated);
	return NULL;
}

/** Whether a pattern may call a group, or itself, as a subroutine. Says yes when in doubt. */
static bool may_call(const char *text)
{
	static const char *const calls[] = {"(?R", "(?&", "(?P>", "(?+", "(?-", "\\g<", "\\g'"};

	for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++) {
		if (strstr(text, calls[i]))
			return true;
	}
	for (const char *pos = strstr(text, "(?"); pos; pos = strstr(pos + 2, "(?")) {
		if (is_digit(pos[2]))
			return true;
	}
	return false;
}

static void join(char *const *texts, size_t num, const struct hc_pattern_options *options,
		 FILE *out)
{
	if (options->word)
		fputs(options->wide ? WIDE_NO_WORD_BEFORE : "(?<!\\w)", out);
	/*
	 * (?| starts the numbers of groups anew in each alternative. \E ends a quotation that a
	 * pattern left open.
	 */
	fputs("(?|", out);
	for (size_t i = 0; i < num; i++)
		fprintf(out, "%s(?:%s\\E)", i ? "|" : "", texts[i]);
	fputc(')', out);
	if (options->word)
		fputs(options->wide ? WIDE_NO_WORD_AFTER : "(?!\\w)", out);
}

struct hc_error *hc_pattern_join(char *const *texts, size_t num,
				 const struct hc_pattern_options *options, char **ret)
{
	hc_cleanup_free char *joined = NULL;
	size_t size;

	for (size_t i = 0; i < num && (num > 1 || options->word); i++) {
		if (may_call(texts[i]))
			return hc_error_create(
				HC_ERROR_ARGUMENT,
				"pattern '%.100s' calls its groups; that does not go "
				"with other patterns, or with -w",
				texts[i]);
	}
	FILE *out = open_memstream(&joined, &size);
	if (!out)
		return &hc_enomem;
	if (num == 1 && !options->word)
		fputs(texts[0], out);
	else
		join(texts, num, options, out);
	if (fclose(out))
		return &hc_enomem;
	*ret = hc_steal(joined);
	return NULL;
}
