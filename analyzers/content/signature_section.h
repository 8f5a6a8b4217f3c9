/**
 * @file
 * From a section of a signature file to a signature: what the names in it mean.
 */
#ifndef HC_ANALYZERS_CONTENT_SIGNATURE_SECTION_H
#define HC_ANALYZERS_CONTENT_SIGNATURE_SECTION_H

#include "analyzers/content/signature_value.h"

/**
 * Give all values of the draft's section to its signature, and check that this has what it must.
 * Of a section that is disabled, only the values that say so are read.
 *
 * @param draft file, section, and a signature whose defaults are set; its signature is the
 *              caller's to give up, also of an error
 */
struct hc_error *hc_signature_draft_fill(struct hc_signature_draft *draft);

#endif
