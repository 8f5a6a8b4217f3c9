/**
 * @file
 * Anchors: the places outside of the heap that hold it up. Words of the roots (roots.h), put
 * together as a program has them: a variable, a frame of a stack, the registers of a thread.
 *
 * A variable is known by its symbol. Where there is none, in stripped programs and in thread-local
 * storage, pointers that stand in a row, with nothing but zeroes between them, are a table and one
 * anchor: eight or more that lead to chunks of one size, or 64 and more to any. Others are anchors
 * of their own. A stack is divided into its frames, as
 * far as they can be unwound; the rest of it is one anchor. So is each range of memory whose use
 * is not known, however large, and what is left of a range when there are @ref HC_MAX_ANCHORS.
 */
#ifndef HC_ANALYZERS_RETAINED_ANCHORS_H
#define HC_ANALYZERS_RETAINED_ANCHORS_H

#include "analyzers/reachability/edges.h"
#include "analyzers/reachability/inflight.h"
#include "analyzers/reachability/referrers.h"
#include "analyzers/reachability/spots.h"

/** Most anchors that are told apart. */
#define HC_MAX_ANCHORS (UINT32_C(1) << 20)

struct hc_anchor {
	uint64_t start, end;    /**< its words; or none, and then: */
	const uint64_t *values; /**< what it holds: registers, a pin */
	size_t num_values;
	struct hc_referrer first; /**< its first pointer */
	uint32_t vertex;          /**< in the graph of retained.h; 0: it holds nothing of its own */
};

struct hc_anchors {
	struct hc_anchor *items; /**< those of known use first */
	size_t num;
	size_t num_known;
	struct hc_inflight inflight; /**< what some of the values are of */
};

/** Find those that hold a chunk. @param spots not needed afterwards */
struct hc_error *hc_anchors_find(const struct hc_heap *heap, struct hc_spots *spots,
				 struct hc_anchors *ret);
void hc_anchors_deinit(struct hc_anchors *anchors);

/** Everything in the heap that an anchor points to, until @p fn returns false. */
void hc_edges_of_anchor(const struct hc_heap *heap, const struct hc_anchor *anchor, hc_edge_fn fn,
			void *ctx);

#endif
