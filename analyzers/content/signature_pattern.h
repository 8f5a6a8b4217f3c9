/**
 * @file
 * The patterns of a signature while it is read: translated, compiled, and asked what a prefilter
 * needs to know. Matching one is declared in signature_set.h.
 */
#ifndef HC_ANALYZERS_CONTENT_SIGNATURE_PATTERN_H
#define HC_ANALYZERS_CONTENT_SIGNATURE_PATTERN_H

#include "analyzers/content/signature_value.h"

/**
 * Compile the pattern of a value ("pattern", "literal" or "hex") and add it to the @p num of
 * @p patterns. Its named groups become attributes of the draft's signature.
 *
 * @param anchored it must match where matching begins
 * @return of an error, too, what was compiled is in @p patterns, to be given up with them
 */
struct hc_error *hc_signature_pattern_add(struct hc_signature_draft *draft,
					  const struct hc_signature_value *value,
					  struct hc_signature_pattern **patterns, size_t *num,
					  bool anchored);

void hc_signature_pattern_deinit(struct hc_signature_pattern *pattern);

/** The bits of hc_text_marks() that all literals have, so that every match has them; none: 0. */
unsigned hc_literals_marks(const struct hc_literals *literals);

#endif
