/**
 * @file
 * Names of the vertices of the tree of dominators.
 *
 * Whatever way the tree was found, its vertices get the same names: 0 is the root, anchors follow
 * in their order, then chunks: whoever holds another before that one, those with much below them
 * before those with little, and the many that hold nothing by address, last. So a loop over
 * vertices from the first to the last meets holders first, and sums are taken the other way.
 */
#ifndef HC_ANALYZERS_RETAINED_NAMES_H
#define HC_ANALYZERS_RETAINED_NAMES_H

#include "analyzers/retained/retained.h"

/** Most vertices that are named. */
#define HC_MAX_NAMES (UINT32_C(1) << 31)

/** Immediate dominators, by other names; of the root, itself. */
struct hc_named_tree {
	uint32_t *parents; /**< from hc_zeroes_create(), … */
	uint64_t max;      /**< … of so many items, at most HC_MAX_NAMES */
};

/**
 * Fill in hc_retained::idom and num, and put names in place of those in hc_retained::vertex and of
 * the anchors.
 *
 * @param tree used up, also on failure
 */
struct hc_error *hc_retained_name(struct hc_retained *retained, struct hc_named_tree *tree);

#endif
