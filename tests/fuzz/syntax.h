/**
 * @file
 * Small readers of what heapcore writes, for fuzzing: they share nothing with what wrote it.
 *
 * Each check aborts with one line when the output isn't what it has to be.
 */
#ifndef HC_TESTS_FUZZ_SYNTAX_H
#define HC_TESTS_FUZZ_SYNTAX_H

#include <stdbool.h>

#include "core/base/bytes.h"

/** UTF-8, without controls other than newlines, and without what changes the direction of text. */
void syntax_check_text(struct hc_bytes text);

/** One JSON value (RFC 8259), or with @p lines one in each line. */
void syntax_check_json(struct hc_bytes text, bool lines);

/** CSV (RFC 4180, with plain newlines) whose records all have as many fields as the first one. */
void syntax_check_csv(struct hc_bytes text);

/** Lines are no wider than @p width, unless they are one word, or a number and its unit. */
void syntax_check_width(struct hc_bytes text, unsigned width);

/** Whether a word is somewhere, as it is or in hexadecimal digits. */
bool syntax_has(struct hc_bytes text, const char *word);

/** A word is nowhere. */
void syntax_check_absent(struct hc_bytes text, const char *word);

/** Remove sequences that select colours; others stay. @return the size that is left */
size_t syntax_strip_colors(uint8_t *text, size_t size);

#endif
