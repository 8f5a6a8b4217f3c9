/**
 * @file
 * What types says of structs that chunks of one size may hold: `types --size N`, `--request N`.
 */
#ifndef HC_CMD_VERBS_TYPES_STRUCTS_H
#define HC_CMD_VERBS_TYPES_STRUCTS_H

#include "analyzers/types/candidates.h"
#include "cmd/verb.h"

/**
 * Whether the options ask for structs: one size was named.
 *
 * @param[out] ret what is asked for
 */
bool hc_structs_wanted(const struct hc_options *options, struct hc_candidates_of *ret);

/**
 * Tell them: an object "structs" in data, and in text a list.
 *
 * @param candidates NULL: they are not asked for, which is null
 * @param shown      structs in text and data
 */
void hc_structs_describe(const struct hc_candidates *candidates, struct hc_candidates_of of,
			 size_t shown, struct hc_document *doc);

#endif
