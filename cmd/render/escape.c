/**
 * @file
 * Foreign bytes made safe to show; see escape.h.
 */
#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <wchar.h>
#include <wctype.h>

#include "cmd/render/escape.h"
#include "core/base/cleanup.h"
#include "core/base/utf8.h"

/** Longest escaped form of one byte or character: a UTF-8 character, or \xNN. */
#define MAX_PIECE 8

/**
 * Length in bytes of a displayable multibyte character at @p p, and its columns; 0 when there is
 * none.
 */
static size_t displayable(const uint8_t *p, size_t left, unsigned *columns_ret)
{
	mbstate_t state = {0};
	wchar_t c;
	size_t len = mbrtowc(&c, (const char *)p, left, &state);

	if (len == 0 || len > left || len > 4 || !iswprint(c))
		return 0;
	int columns = wcwidth(c);
	if (columns <= 0)
		return 0;
	*columns_ret = columns;
	return len;
}

/** One byte or character, escaped. */
struct piece {
	char text[MAX_PIECE];
	size_t taken; /**< bytes that it stands for */
	size_t size;
	unsigned columns;
};

/** Escape what @p bytes, of which there is at least one, begin with. */
static void escape_one(struct hc_bytes bytes, unsigned flags, struct piece *ret)
{
	static const char hex[] = "0123456789abcdef";
	char *text = ret->text;
	uint8_t c = *bytes.data;

	ret->taken = 1;
	if (c >= 0x80 && (flags & HC_ESCAPE_UTF8)) {
		size_t len = displayable(bytes.data, bytes.size, &ret->columns);
		if (len) {
			memcpy(text, bytes.data, len);
			ret->taken = ret->size = len;
			return;
		}
	}
	char simple = c == '\n'                                 ? 'n'
		      : c == '\r'                               ? 'r'
		      : c == '\t'                               ? 't'
		      : c == '\\' && !(flags & HC_ESCAPE_PLAIN) ? '\\'
		      : c == '"' && (flags & HC_ESCAPE_QUOTE)   ? '"'
								: '\0';
	if (simple) {
		text[0] = '\\';
		text[1] = simple;
		ret->size = ret->columns = 2;
	} else if (c >= 0x20 && c < 0x7f) {
		text[0] = c;
		ret->size = ret->columns = 1;
	} else {
		text[0] = '\\';
		text[1] = 'x';
		text[2] = hex[c >> 4];
		text[3] = hex[c & 15];
		ret->size = ret->columns = 4;
	}
}

char *hc_escape(struct hc_bytes bytes, size_t max, unsigned flags)
{
	const char *mark = flags & HC_ESCAPE_UTF8 ? "…" : "...";
	size_t mark_columns = flags & HC_ESCAPE_UTF8 ? 1 : 3;
	size_t quotes = flags & HC_ESCAPE_QUOTE ? 2 : 0;
	size_t room = max ? (max > quotes ? max - quotes : 0) : SIZE_MAX;
	hc_cleanup_free char *ret = NULL;
	size_t size = 0;
	hc_cleanup_fclose FILE *out = open_memstream(&ret, &size);

	if (!out)
		return NULL;
	if (quotes)
		fputc('"', out);
	size_t columns = 0, pos = 0;
	/* Where to cut, should the rest not fit: the last place that leaves room for the mark. */
	long cut = quotes / 2;
	bool whole = true;
	while (pos < bytes.size) {
		struct piece piece;

		escape_one((struct hc_bytes){bytes.data + pos, bytes.size - pos}, flags, &piece);
		if (columns + piece.columns > room) {
			whole = false;
			break;
		}
		fwrite(piece.text, 1, piece.size, out);
		columns += piece.columns;
		pos += piece.taken;
		if (room != SIZE_MAX && columns + mark_columns <= room)
			cut = ftell(out);
	}
	if (!whole) {
		fseek(out, cut, SEEK_SET);
		fputs(mark, out);
	}
	if (quotes)
		fputc('"', out);
	/* After a seek back the stream ends at the position: what lies behind must not show. */
	fputc('\0', out);
	if (fclose(hc_steal(out)))
		return NULL;
	return hc_steal(ret);
}

char *hc_escape_string(const char *text, unsigned flags)
{
	return hc_escape((struct hc_bytes){(const uint8_t *)text, strlen(text)}, 0, flags);
}

/** U+061C, U+200E, U+200F, U+202A to U+202E, U+2066 to U+2069. */
static bool changes_direction(uint32_t c)
{
	return c == 0x61c || c >> 1 == 0x2007 || (c >= 0x202a && c <= 0x202e) ||
	       (c >= 0x2066 && c <= 0x2069);
}

bool hc_escape_is_needless(const char *text, bool controls)
{
	const uint8_t *p = (const uint8_t *)text, *end = p + strlen(text);
	uint32_t c;

	for (size_t size; p < end; p += size) {
		size = hc_utf8_decode(p, end, &c);
		if (!size || (c < 0x20 && controls) || (c >= 0x7f && c < 0xa0) ||
		    changes_direction(c))
			return false;
	}
	return true;
}

void hc_escape_print(FILE *file, const char *text, unsigned flags)
{
	hc_cleanup_free char *escaped = hc_escape_string(text, flags);

	fputs(escaped ? escaped : "(no memory)", file);
}

char *hc_escape_words(struct hc_bytes bytes, unsigned word_size, bool big_endian, size_t max,
		      unsigned flags)
{
	const char *mark = flags & HC_ESCAPE_UTF8 ? "…" : "...";
	hc_cleanup_free char *ret = NULL;
	size_t size = 0, columns = 0;
	hc_cleanup_fclose FILE *out = open_memstream(&ret, &size);

	if (!out)
		return NULL;
	for (size_t pos = 0; bytes.size - pos >= word_size; pos += word_size) {
		char word[24];
		size_t len = snprintf(word, sizeof(word), "%s0x%" PRIx64, pos ? " " : "",
				      hc_read_word(bytes.data + pos, word_size, big_endian));
		if (max && columns + len + 4 > max) {
			fprintf(out, " %s", mark);
			break;
		}
		fputs(word, out);
		columns += len;
	}
	if (fclose(hc_steal(out)))
		return NULL;
	return hc_steal(ret);
}

char *hc_shell_quote(const char *text)
{
	bool harmless = *text && *text != '-';
	size_t quotes = 0;

	for (const char *p = text; *p; p++) {
		if (!isalnum((unsigned char)*p) && !strchr("/._-+,:=@%", *p))
			harmless = false;
		quotes += *p == '\'';
	}
	if (harmless)
		return strdup(text);

	char *ret = malloc(strlen(text) + 3 * quotes + 3);
	if (!ret)
		return NULL;
	char *out = ret;
	*out++ = '\'';
	for (const char *p = text; *p; p++) {
		if (*p == '\'')
			out = stpcpy(out, "'\\''");
		else
			*out++ = *p;
	}
	strcpy(out, "'");
	return ret;
}
