/**
 * @file
 * Memory outside of malloc that nobody owns: equal blocks in it, what they hold, and whether
 * anything points to it. For people and for programs.
 */
#ifndef HC_CMD_SHOW_BLOCKS_H
#define HC_CMD_SHOW_BLOCKS_H

#include "analyzers/blocks/contents.h"
#include "analyzers/blocks/held.h"
#include "cmd/session.h"

/** Sets of blocks that are described. */
#define HC_OUTSIDE_MAX_SETS 16

struct hc_outside {
	struct hc_blocks blocks;
	struct hc_held held;
	struct hc_block_contents contents[HC_OUTSIDE_MAX_SETS]; /**< of the first sets */
};

/** @param owners must outlive it */
struct hc_error *hc_outside_run(struct hc_session *session, const struct hc_owners *owners,
				struct hc_outside *ret);
void hc_outside_deinit(struct hc_outside *outside);

/** For people: a paragraph a set, and one on mappings that nothing points to. */
void hc_outside_say(const struct hc_session *session, const struct hc_outside *outside,
		    struct hc_document *doc);

/** The line that blocks share; without bytes where there is none. */
struct hc_excerpt hc_block_line_excerpt(const struct hc_block_contents *contents);
/** "Nothing points to 12 of them." */
struct hc_cell hc_block_pointers_phrase(const struct hc_block_set *set, struct hc_document *doc);

/** For programs: "blocks", the sets, and "outside", mappings and how many nothing points to. */
void hc_outside_describe(const struct hc_session *session, const struct hc_outside *outside,
			 struct hc_document *doc);

#endif
