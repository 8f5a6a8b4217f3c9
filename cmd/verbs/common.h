/**
 * @file
 * What chunks have in common, in words and as JSON: for `common` and for the suspects of `analyze`.
 *
 * What is the heap's own shows only where --content allows it: kinds of bytes from `class` on,
 * texts and values from `sample` on.
 */
#ifndef HC_CMD_VERBS_COMMON_H
#define HC_CMD_VERBS_COMMON_H

#include "analyzers/alike/alike.h"
#include "cmd/session.h"

/**
 * Everything: {"chunks", "bytes", "kept", "repeats", "template", "byte_profile"}; null where
 * nothing may show.
 *
 * @param columns with a row for each byte position
 */
json_t *hc_common_json(const struct hc_session *session, const struct hc_common *common,
		       bool columns);

/**
 * What a field of a byte profile holds: "pointer into [heap], 3 % NULL", "counter, 17 to 9,023".
 *
 * @return to be freed by the caller; NULL without memory
 */
char *hc_field_text(const struct hc_session *session, const struct hc_byte_field *field);

#endif
