/**
 * @file
 * Documents as they are for people, as JSON, and read again: what a report saves.
 *
 * What verbs write as JSON is for programs: it has other facts than text, in another order, and no
 * sentences. Here a document is kept as a person would have read it, so that it can be shown again
 * without the core: an array of nodes, each an object with one of
 *
 *     {"heading": TEXT}  {"line": TEXT}  {"hex": TEXT}  {"fact": LABEL, "value": TEXT}
 *     {"paragraph": TEXT, "first": TEXT, "indent": NUMBER, "strong": true}
 *     {"table": {"key", "name", "columns": [{"name", "title", "help", "kind", "left", "shown"}],
 *                "rows": [[CELL]], "more": ROWS THAT ARE NOT HERE}}
 *     {"frame": NAME, "caller": NUMBER, "chunks": NUMBER, "bytes": NUMBER}
 *
 * A cell is null, a plain value of its column's kind, or {KIND: VALUE}. What --content did not
 * allow is not there. A document that is read looks in HTML and Markdown as the one that was
 * written.
 *
 * Whoever has the file may have changed it. Nothing of it is trusted: every text is escaped as
 * foreign text is (escape.h), kinds and numbers are checked, and what does not fit is an error that
 * says where.
 */
#ifndef HC_CMD_RENDER_SAVED_H
#define HC_CMD_RENDER_SAVED_H

#include <jansson.h>

#include "cmd/render/render.h"

/** @param max_rows of each table; how many are left out is kept @param[out] ret new reference */
struct hc_error *hc_saved_write(const struct hc_document *doc, const struct hc_view *view,
				size_t max_rows, json_t **ret);

/**
 * Add what was written to a document.
 *
 * @param nodes anything, NULL included
 * @return @ref HC_ERROR_FORMAT when it isn't what hc_saved_write() made
 */
struct hc_error *hc_saved_read(const json_t *nodes, struct hc_document *doc);

/** A text as it is kept: as hc_saved_text() will show it. */
json_t *hc_saved_json(const char *text);

/** @name Values that are read: whether @p value is one; else *ret may be anything */
/**@{*/
/** An integer that is not negative. */
bool hc_saved_integer(const json_t *value, uint64_t *ret);
/** As hc_json_address() writes it. */
bool hc_saved_address(const json_t *value, uint64_t *ret);
/** As hc_json_arena() does. */
bool hc_saved_arena(const json_t *value, uint64_t *ret);
/**@}*/

/** What was saved is not what heapcore writes: @p what is wrong. @ref HC_ERROR_FORMAT */
struct hc_error *hc_saved_damaged(const char *what);

/** A foreign text that may stand in a document, in its pool. */
const char *hc_saved_text(struct hc_document *doc, const char *text);

#endif
