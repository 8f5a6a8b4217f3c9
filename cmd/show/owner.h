/**
 * @file
 * Owners of memory outside of malloc, for people and for programs.
 */
#ifndef HC_CMD_SHOW_OWNER_H
#define HC_CMD_SHOW_OWNER_H

#include "analyzers/owners/owners.h"
#include "cmd/session.h"

/** Whether an owner is worth a line: what libraries keep for themselves is mostly a few pages. */
bool hc_owner_stands_out(const struct hc_owner *owner);

/** "V8's heap (JavaScript): 74.2 MiB", with numbers, types and what to do next, a paragraph each.
 */
void hc_owners_write(struct hc_session *session, const struct hc_owners *owners);

/** Array of owners. */
json_t *hc_owners_json(const struct hc_session *session, const struct hc_owners *owners);

/** In one line: "Python's own arenas 10.0 MiB, the dynamic linker 8.0 KiB"; NULL: there are none.
 */
char *hc_owners_line(const struct hc_owners *owners);

#endif
