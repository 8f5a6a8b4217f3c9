/**
 * @file
 * From what the user typed to a text that PCRE2 compiles: plain text, hexadecimal bytes, UTF-16,
 * several patterns.
 *
 * A pattern is first translated by itself, so that its required literals can be read (literals.c)
 * and an error names it; then all of them are joined into one. Nothing here decides whether a
 * pattern is sound: PCRE2 does.
 *
 * UTF-16. With @ref hc_pattern_options::wide, what matches one byte becomes what matches one
 * UTF-16LE code unit: "a" becomes a, NUL, and "." any unit but a newline. Groups, alternatives,
 * quantifiers, look-around and back-references stay as they are. What can't be said in units
 * (classes with characters beyond ASCII, properties, conditions, recursion, verbs, extended mode)
 * is refused. "$" is the end of the subject, not the place before a last newline.
 */
#ifndef HC_ANALYZERS_PATTERN_PATTERN_TEXT_H
#define HC_ANALYZERS_PATTERN_PATTERN_TEXT_H

#include "analyzers/pattern/pattern.h"

/**
 * Translate one pattern.
 *
 * @param[out] ret freed by the caller
 * @return NULL; @ref HC_ERROR_ARGUMENT with one line for the user
 */
struct hc_error *hc_pattern_translate(const char *text, const struct hc_pattern_options *options,
				      char **ret);

/**
 * Join translated patterns to one that matches where any of them does, the first of them where
 * several do, each with its own groups, and with boundaries around it when @ref
 * hc_pattern_options::word says so. Patterns that call others by number or name can't be joined:
 * their numbers would change.
 *
 * @param num at least 1
 * @param[out] ret freed by the caller
 */
struct hc_error *hc_pattern_join(char *const *texts, size_t num,
				 const struct hc_pattern_options *options, char **ret);

#endif
