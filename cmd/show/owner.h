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

/**
 * For people: "V8's heap (JavaScript): 74.2 MiB", with numbers, types and what to do next, a
 * paragraph each.
 */
void hc_owners_say(const struct hc_session *session, const struct hc_owners *owners,
		   struct hc_document *doc);

/** What an owner's structures count, and its largest types; unknown: nothing. */
struct hc_cell hc_owner_numbers_phrase(const struct hc_owner *owner, struct hc_document *doc);

/** For programs: the array "owners". */
void hc_owners_describe(const struct hc_owners *owners, struct hc_document *doc);

/** "Python's own arenas 10.0 MiB, the dynamic linker 8.0 KiB"; unknown: there are none. */
struct hc_cell hc_owners_phrase(const struct hc_owners *owners, struct hc_document *doc);

#endif
