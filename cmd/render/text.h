/**
 * @file
 * Running text for people: emphasis, wrapped sentences, labelled lines.
 */
#ifndef HC_CMD_RENDER_TEXT_H
#define HC_CMD_RENDER_TEXT_H

#include "cmd/render/output.h"

struct hc_margin;

/** Print a paragraph, broken between words to the width of the output. */
void hc_text_paragraph(struct hc_output *out, const struct hc_margin *margin, const char *text);

/** Columns of the screen that a UTF-8 text takes, every character counted as one. */
unsigned hc_text_columns(const char *text);

/** Columns of a label. */
#define HC_FIELD_INDENT 16

/** Print "  label   value": the label padded to a common width, the value wrapped below itself. */
void hc_text_field(struct hc_output *out, const char *label, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/** Print a heading, with a blank line before it. */
void hc_text_heading(struct hc_output *out, const char *title);

/** "×" where the locale has it, else "x". */
const char *hc_text_times(const struct hc_output *out);

/** "" for 1, else "s". */
const char *hc_plural(uint64_t count);

#endif
