/**
 * @file
 * JSON with Jansson: what every document of heapcore has in common.
 *
 * Bytes and counts are integers, addresses are strings "0x…", unknown values are null. Text from a
 * core is escaped as escape.h says where it has to be, so that it is valid UTF-8 without anything
 * that a terminal acts on, whatever the core holds.
 */
#ifndef HC_CMD_RENDER_JSON_H
#define HC_CMD_RENDER_JSON_H

#include <jansson.h>

#include "cmd/render/output.h"
#include "core/base/cleanup.h"

static inline void hc_json_decref(json_t **json)
{
	json_decref(*json);
}

#define hc_cleanup_json hc_cleanup(hc_json_decref)

/** Integer; JSON has no integers above 2^63 - 1 that programs agree on, so larger ones are that. */
json_t *hc_json_number(uint64_t number);
json_t *hc_json_address(uint64_t address);
/** NULL gives null. */
json_t *hc_json_text(const char *text);
/** A share of 0 to 1, to six digits. */
json_t *hc_json_share(double share);
/** Integer, or "mmap". */
json_t *hc_json_arena(uint32_t arena);

/** Write a document, indented, with a newline. */
struct hc_error *hc_json_write(struct hc_output *out, const json_t *document);
/** The same where numbers with a fraction are read again: with all their digits. */
struct hc_error *hc_json_write_exactly(struct hc_output *out, const json_t *document);
/** Write one line of a JSON Lines stream. */
struct hc_error *hc_json_write_line(struct hc_output *out, const json_t *object);

#endif
