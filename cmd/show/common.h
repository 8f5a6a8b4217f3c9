/**
 * @file
 * What chunks have in common: for `common` and for the findings of `analyze`.
 *
 * What is the heap's own shows only where --content allows it: kinds of bytes from `class` on,
 * texts and values from `sample` on.
 */
#ifndef HC_CMD_SHOW_COMMON_H
#define HC_CMD_SHOW_COMMON_H

#include "analyzers/alike/alike.h"
#include "cmd/render/document.h"

/**
 * Add facts to the object that is open: "chunks", "bytes", "kept", "repeats", "template",
 * "byte_profile"; null where nothing may show.
 *
 * @param columns with a row for each byte position
 */
void hc_common_describe(const struct hc_common *common, bool columns, struct hc_document *doc);

/** What a field of a byte profile holds: "pointer into [heap], 3 % NULL", "counter, 17 to 9,023".
 */
struct hc_cell hc_field_phrase(const struct hc_byte_field *field, struct hc_document *doc);

/** A line of a template with its placeholders. Borrowed. */
struct hc_excerpt hc_template_line_excerpt(const struct hc_template_line *line);

#endif
