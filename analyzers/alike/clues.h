/**
 * @file
 * Clues: what distinguishes the lost from the living.
 *
 * That all lost requests have "channelid=4099" leads to the branch that forgets them only if the
 * requests that were not lost have other values. So the same texts are counted over lost, held, and
 * freed chunks: freed ones still hold most of what they held. Chunks count that hold the *key* of a
 * text ("channelid="), whatever comes after it, and of these, those that hold the text itself.
 *
 * Counts are exact: one pass over all chunks in use or free whose sizes are those of the chunks in
 * which the text was found. Of each, the first HC_CLUES_WINDOW bytes are looked at, as by
 * repeats.h.
 */
#ifndef HC_ANALYZERS_ALIKE_CLUES_H
#define HC_ANALYZERS_ALIKE_CLUES_H

#include "analyzers/target.h"

/** Bytes of a chunk that are looked at. */
#define HC_CLUES_WINDOW 4096

/** Texts that are counted in one pass. */
#define HC_MAX_CLUES 64

/** Chunks that hold something. */
struct hc_clue_count {
	uint64_t key;  /**< the key, with any value */
	uint64_t text; /**< of these, with the value of the clue */
};

struct hc_clue {
	struct hc_bytes text;        /**< key and value, "channelid=4099"; not owned */
	size_t key_size;             /**< bytes of the key, its = or : included; at least 1 */
	uint64_t min_size, max_size; /**< chunk sizes to look at */
	uint64_t min_others;         /**< with the key: fewer tell nothing; 0: one does */
	struct hc_clue_count lost, held, freed; /**< filled in by hc_clues_count() */
};

/**
 * Count clues. In use and definite or indirect is lost, any
 * other chunk in use is held.
 *
 * @param clues at most HC_MAX_CLUES; with key_size at most the size of the text
 */
struct hc_error *hc_clues_count(struct hc_target *target, struct hc_clue *clues, size_t num);

/**
 * How much a clue tells, 0 to 1: the share of the lost that have the text, less that of the others
 * that have it, or 0 where that is nothing. Others are held and freed chunks with the key; where
 * there are none, or fewer than min_others, nothing is known of them, and the clue discriminates
 * nothing.
 */
double hc_clue_discriminates(const struct hc_clue *clue);

#endif
