/**
 * @file
 * Holders: who retains the most, where it accumulates, and what it is made of.
 *
 * Of each holder, the *accumulation point* is the place where what it holds parts: from the holder
 * one goes down to the one that retains the most below it, while that is more than 70 % and of
 * another kind, since of the nodes of a list each retains nearly all that the one before it does.
 *
 * What it is made of is told by *groups*: chunks of one kind (hc_retained_kind) that are held by
 * chunks of one group. Chunks that are held by one of their own kind, as in lists and trees, are in
 * that one's group. So a hash table is one array, its nodes, and two strings of each.
 */
#ifndef HC_ANALYZERS_RETAINED_HOLDERS_H
#define HC_ANALYZERS_RETAINED_HOLDERS_H

#include "analyzers/retained/retained.h"

/** Most groups of one query; what would be another is put to the group that holds it. */
#define HC_MAX_HOLDER_GROUPS (UINT32_C(1) << 18)
/** Most steps from a holder down to a group. */
#define HC_MAX_HOLDER_DEPTH 12

struct hc_holder_group {
	uint32_t parent; /**< that holds it, an earlier one; of the group of a holder, itself */
	uint32_t first, next; /**< the largest below it, and the next one beside it; 0: none */
	uint32_t kind;
	unsigned depth;               /**< 0: of the holder itself */
	struct hc_count own;          /**< its chunks */
	struct hc_count all;          /**< with all that is below them */
	uint32_t sample;              /**< vertex of its first chunk */
	struct hc_chunk sample_chunk; /**< size 0: it is an anchor */
};

struct hc_holder {
	uint32_t vertex;
	uint64_t bytes;        /**< retained */
	uint64_t chunks;       /**< retained, with itself */
	uint64_t own;          /**< bytes of itself */
	uint32_t group;        /**< the first of its groups */
	uint32_t point;        /**< where it accumulates: a vertex, maybe itself */
	uint64_t point_bytes;  /**< that one retains */
	struct hc_chunk chunk; /**< size 0: an anchor */
	struct hc_chunk point_chunk;
};

struct hc_holders {
	struct hc_holder of;     /**< when it was asked for, it and … */
	struct hc_holder *items; /**< what it holds at once, the largest first */
	size_t num;
	uint64_t total;       /**< of those that were not kept, too */
	uint64_t total_bytes; /**< that they retain */
	struct hc_holder_group *groups;
	size_t num_groups;
};

/**
 * Find what one vertex holds at once.
 *
 * @param retained sums are used up: this can be asked once
 * @param of       0: the root, all that nothing else holds alone
 * @param max      holders that are kept
 */
struct hc_error *hc_holders_find(struct hc_retained *retained, uint32_t of, size_t max,
				 struct hc_holders *ret);
void hc_holders_deinit(struct hc_holders *holders);

#endif
