/**
 * @file
 * The one-pass half of a literal set (literal_set.h): a thin layer over Vectorscan, or nothing.
 *
 * There are two bodies, of which the build takes one: vectorscan.c, and no_vectorscan.c for a
 * build without the library, in which no scanner is ever made.
 */
#ifndef HC_ANALYZERS_PATTERN_LITERAL_SCANNER_H
#define HC_ANALYZERS_PATTERN_LITERAL_SCANNER_H

#include "analyzers/pattern/pattern.h"
#include "core/base/error.h"

/** A literal among many. */
struct hc_scanned_literal {
	const struct hc_literal *literal;
	bool ignore_case;
};

/** Read-only once made, so that threads can share it. */
struct hc_literal_scanner;
/**
 * @param literals at least two bytes each, the first of them not 0
 * @param[out] ret NULL when there can be none: not built in, not for this processor, refused
 */
struct hc_error *hc_literal_scanner_create(const struct hc_scanned_literal *literals, size_t num,
					   struct hc_literal_scanner **ret);
void hc_literal_scanner_destroy(struct hc_literal_scanner *scanner);

/** What one thread needs for scanning. */
struct hc_scanner_scratch;
struct hc_error *hc_scanner_scratch_create(const struct hc_literal_scanner *scanner,
					   struct hc_scanner_scratch **ret);
void hc_scanner_scratch_destroy(struct hc_scanner_scratch *scratch);

/**
 * Find all literals in some bytes.
 *
 * @param[out] found bit per literal, set when it is there; others are left as they are
 * @return false when the scan was given up, and nothing is known of what was not found
 */
bool hc_literal_scanner_run(const struct hc_literal_scanner *scanner,
			    struct hc_scanner_scratch *scratch, struct hc_bytes bytes,
			    uint64_t *found);

#endif
