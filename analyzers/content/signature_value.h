/**
 * @file
 * Values of a signature file: words, numbers and bytes, and the message about one that is none.
 *
 * A section is read into a draft, one value after the other; every message says file, line, section
 * and name.
 */
#ifndef HC_ANALYZERS_CONTENT_SIGNATURE_VALUE_H
#define HC_ANALYZERS_CONTENT_SIGNATURE_VALUE_H

#include "analyzers/content/signature_file.h"
#include "analyzers/content/signature_set.h"

/** A section while it becomes a signature. */
struct hc_signature_draft {
	const struct hc_signature_file *file;       /**< not owned */
	const struct hc_signature_section *section; /**< not owned */
	struct hc_signature signature;              /**< what its values have made so far; owned */
	bool disabled;                              /**< "enabled = no" */
};

/** @ref HC_ERROR_ARGUMENT: what is wrong with a value, or, without one, with the section. */
struct hc_error *hc_signature_bad(const struct hc_signature_draft *draft,
				  const struct hc_signature_value *value, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/** Index of the word that the first @p size bytes of @p text are, or @p num. */
size_t hc_signature_find_word(const char *const *words, size_t num, const char *text, size_t size);

/** One of some words, as its index. */
struct hc_error *hc_signature_value_word(const struct hc_signature_draft *draft,
					 const struct hc_signature_value *value,
					 const char *const *words, size_t num, unsigned *ret);

/** A decimal number up to @p max. */
struct hc_error *hc_signature_value_number(const struct hc_signature_draft *draft,
					   const struct hc_signature_value *value,
					   unsigned long max, unsigned long *ret);

/**
 * Bytes, written as text with the escapes \\n \\r \\t \\0 \\\\ \\xNN.
 *
 * @param buf at least as long as the text of the value
 */
struct hc_error *hc_signature_value_bytes(const struct hc_signature_draft *draft,
					  const struct hc_signature_value *value, uint8_t *buf,
					  size_t *size_ret);

#endif
