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

/** A paragraph a set, and one on mappings that nothing points to. */
void hc_outside_write(struct hc_session *session, const struct hc_outside *outside);

/** Array of sets of blocks. */
json_t *hc_outside_blocks_json(const struct hc_session *session, const struct hc_outside *outside);
/** Object: mappings that nobody owns, and how many of them nothing points to. */
json_t *hc_outside_json(const struct hc_outside *outside);

#endif
