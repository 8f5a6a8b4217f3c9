/**
 * @file
 * Signature files as text: sections with a name, and in each the names and values in the order of
 * the file.
 *
 * The format is INI as inih reads it: "[section]", "name = value", comments after '#' or ';' at the
 * start of a line or after " ;". A name may occur several times. An indented line goes on with the
 * value before it; the two are joined with nothing between them. What the names mean is the
 * business of signatures.c.
 *
 * A file is foreign: its size, the number of sections and values and their lengths are bounded,
 * lines that inih would cut in two and bytes of 0 are errors. Every error names the file and the
 * line.
 */
#ifndef HC_ANALYZERS_CONTENT_SIGNATURE_FILE_H
#define HC_ANALYZERS_CONTENT_SIGNATURE_FILE_H

#include "core/base/bytes.h"
#include "core/base/error.h"

#define HC_SIGNATURE_FILE_MAX_BYTES (1u << 20)
#define HC_SIGNATURE_FILE_MAX_SECTIONS 256
#define HC_SIGNATURE_FILE_MAX_VALUES 256  /**< in one section */
#define HC_SIGNATURE_FILE_MAX_VALUE 16384 /**< bytes of one value */

struct hc_signature_value {
	char *name, *text;
	unsigned line; /**< where it begins, from 1 */
};

struct hc_signature_section {
	char *name;
	unsigned line; /**< of its first value */
	struct hc_signature_value *values;
	size_t num;
};

struct hc_signature_file {
	char *path; /**< as given, for messages */
	struct hc_signature_section *sections;
	size_t num;
};

/**
 * Parse the text of a file. Two sections of one name are one.
 *
 * @param path what messages call it
 */
struct hc_error *hc_signature_file_parse(const char *path, struct hc_bytes text,
					 struct hc_signature_file *ret);

/** Read a file and parse it. */
struct hc_error *hc_signature_file_read(const char *path, struct hc_signature_file *ret);

void hc_signature_file_deinit(struct hc_signature_file *file);

#endif
