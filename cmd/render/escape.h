/**
 * @file
 * Foreign bytes made safe to show.
 *
 * What lies in a heap may hold terminal control sequences, and a path in a core may be anything.
 * Nothing of either reaches a terminal or a JSON string without passing through here. Printable
 * ASCII stays; backslash, newline, carriage return and tab become \\, \n, \r and \t; every other
 * byte becomes \xNN. The form is reversible. With
 * @ref HC_ESCAPE_UTF8, well-formed UTF-8 characters that take room on the screen stay too: this
 * leaves out controls, and the invisible characters that change the direction of text.
 */
#ifndef HC_CMD_RENDER_ESCAPE_H
#define HC_CMD_RENDER_ESCAPE_H

#include <stdbool.h>
#include <stdio.h>

#include "core/base/bytes.h"

enum {
	HC_ESCAPE_UTF8 = 1,  /**< keep UTF-8; only where the reader's locale has it */
	HC_ESCAPE_QUOTE = 2, /**< put in double quotes, and escape those inside */
	HC_ESCAPE_PLAIN = 4, /**< leave backslashes alone: for names and messages, not for bytes */
};

/**
 * Escape bytes.
 *
 * @param max columns that the result may take, marks included; what does not fit is replaced by "…"
 * ("..." without @ref HC_ESCAPE_UTF8). 0: no bound.
 * @return text to be freed by the caller, NULL without memory
 */
char *hc_escape(struct hc_bytes bytes, size_t max, unsigned flags);

/** Escape a C string, unbounded. */
char *hc_escape_string(const char *text, unsigned flags);

/**
 * Whether a text can be written as data as it is: well-formed UTF-8, without controls above ASCII's
 * and without the invisible characters that change the direction of text.
 *
 * @param controls ASCII's own, too, are looked for; the writer of JSON escapes these itself
 */
bool hc_escape_is_needless(const char *text, bool controls);

/** Print a C string, escaped. */
void hc_escape_print(FILE *file, const char *text, unsigned flags);

/**
 * Hexadecimal words of a chunk with no text in it: "0x55d0c2a0 0x0 0x2a …"; at most @p max
 * columns.
 */
char *hc_escape_words(struct hc_bytes bytes, unsigned word_size, bool big_endian, size_t max,
		      unsigned flags);

/**
 * A word that a POSIX shell reads back as @p text: as it is when harmless, else in single quotes.
 * For commands that the reader is told to type.
 */
char *hc_shell_quote(const char *text);

#endif
