/**
 * @file
 * Running text for people; see text.h.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/render/document.h"
#include "cmd/render/text.h"
#include "core/base/cleanup.h"
#include "core/base/format.h"

/** Columns of a UTF-8 text, every character counted as one. */
static unsigned columns_of(const char *text, size_t len)
{
	unsigned columns = 0;

	for (size_t i = 0; i < len; i++)
		columns += (text[i] & 0xc0) != 0x80;
	return columns;
}

/** Bytes of the next word; a unit stays with its number. */
static size_t word_size(const char *text)
{
	static const char *const units[] = {"%", "B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	size_t len = strcspn(text, " ");

	if (!len || text[len - 1] < '0' || text[len - 1] > '9' || !text[len])
		return len;
	const char *next = text + len + 1;
	size_t next_len = strcspn(next, " ,;.:)");

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (strlen(units[i]) == next_len && strncmp(units[i], next, next_len) == 0)
			return len + 1 + strcspn(next, " ");
	return len;
}

/** Columns before what has no room beside a label. */
#define NARROW_INDENT 2

void hc_text_paragraph(struct hc_output *out, const struct hc_margin *margin, const char *text)
{
	const char *first = margin->first ? margin->first : "";
	unsigned indent = margin->indent;
	unsigned column = columns_of(first, strlen(first));
	bool line_start = true;

	fputs(first, out->file);
	if (margin->strong && out->color)
		fputs("\033[1m", out->file);
	while (*text) {
		size_t len = word_size(text);
		unsigned width = columns_of(text, len);
		if (line_start && column > NARROW_INDENT && column + width > out->width) {
			/* Beside a label it would not fit, on a line of its own it may. */
			indent = NARROW_INDENT;
			fprintf(out->file, "\n%*s", indent, "");
			column = indent;
		}
		if (!line_start && column + 1 + width > out->width) {
			fprintf(out->file, "\n%*s", indent, "");
			column = indent;
			line_start = true;
		}
		if (!line_start) {
			fputc(' ', out->file);
			column++;
		}
		fwrite(text, 1, len, out->file);
		column += width;
		line_start = false;
		text += len + (text[len] == ' ');
	}
	if (margin->strong && out->color)
		fputs("\033[0m", out->file);
	fputc('\n', out->file);
}

unsigned hc_text_columns(const char *text)
{
	return columns_of(text, strlen(text));
}

void hc_text_field(struct hc_output *out, const char *label, const char *format, ...)
{
	hc_cleanup_free char *text = NULL;
	char first[64];
	va_list args;

	va_start(args, format);
	text = hc_vformat(format, args);
	va_end(args);
	snprintf(first, sizeof(first), "%-*s", HC_FIELD_INDENT, label);
	hc_text_paragraph(out, &(struct hc_margin){first, HC_FIELD_INDENT, false},
			  text ? text : "(no memory)");
}

void hc_text_heading(struct hc_output *out, const char *title)
{
	fprintf(out->file, "\n%s%s%s\n", out->color ? "\033[1m" : "", title,
		out->color ? "\033[0m" : "");
}

const char *hc_text_times(const struct hc_output *out)
{
	return out->utf8 ? "×" : "x";
}

const char *hc_plural(uint64_t count)
{
	return count == 1 ? "" : "s";
}
