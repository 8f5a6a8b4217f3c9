/**
 * @file
 * Retained sizes: how much would be free if one thing were gone.
 *
 * Chunks that can be reached, and the anchors (anchors.h) that they can be reached from, are a
 * graph whose root points to all anchors. What a chunk or an anchor *retains* is what it dominates
 * in that graph (dominators.h): the chunks to which every chain of pointers leads through it, with
 * itself. What several anchors hold, none of which would do alone, is dominated by the root only;
 * where that is a tree below one chunk, the chunk stands beside the anchors.
 *
 * Pointers count as they do for reachability.h, better ones before others: a chunk that is
 * reachable is held by exact pointers of reachable chunks, one that is possible by any; and what
 * anchors of known use lead to is not held by memory whose use is not known. So a stale word
 * somewhere does not take from a table what the table holds.
 *
 * Edges are kept while they take no more than a quarter of what the heap does, and otherwise read
 * again from memory (graph.h). Memory: 12 to 19 bytes a chunk where chunks have 32 bytes; two more
 * for every 100 bytes that they are larger, and what the pointers take, a quarter of the heap at
 * most.
 *
 * Reading is safe from several threads.
 */
#ifndef HC_ANALYZERS_RETAINED_RETAINED_H
#define HC_ANALYZERS_RETAINED_RETAINED_H

#include "analyzers/count.h"
#include "analyzers/retained/anchors.h"
#include "analyzers/target.h"
#include "core/heap/number.h"

/** A kind of chunks. */
struct hc_retained_kind {
	uint64_t size; /**< chunk size; 0: an anchor */
	hc_type_id type;
};

/** Vertices are named as in names.h; 0 is the root, and so is "none". */
struct hc_retained {
	struct hc_target *target;
	const struct hc_heap *heap;
	struct hc_anchors anchors; /**< their vertices ascend */
	struct hc_numbers numbers;
	uint32_t *vertex; /**< of each chunk by its number; 0: nothing leads to it */
	uint32_t *idom;   /**< of each vertex: who holds it, an earlier one */
	uint32_t *kind;   /**< of each vertex: index into kinds */
	struct hc_retained_kind *kinds;
	size_t num_kinds;
	uint32_t num;         /**< vertices */
	uint32_t max;         /**< private: that there is room for in idom */
	struct hc_count held; /**< all chunks of the graph */
	/** @name Private: retained bytes, low and high part */
	/**@{*/
	uint32_t *low;
	uint16_t *high;
	/**@}*/
};

/** Follows pointers first, when that was not done. @param types NULL: kinds are sizes alone */
struct hc_error *hc_retained_find(struct hc_target *target, struct hc_spots *spots,
				  const struct hc_types *types, struct hc_retained *ret);
void hc_retained_deinit(struct hc_retained *retained);

/** Bytes of chunks, with headers, that a vertex retains. */
static inline uint64_t hc_retained_bytes(const struct hc_retained *retained, uint32_t vertex)
{
	return retained->low[vertex] | (uint64_t)retained->high[vertex] << 32;
}

/** The anchor that a vertex is, or NULL. */
const struct hc_anchor *hc_retained_anchor(const struct hc_retained *retained, uint32_t vertex);

/** The first anchor of which [start, end) has a part, or NULL. */
const struct hc_anchor *hc_retained_anchor_at(const struct hc_retained *retained, uint64_t start,
					      uint64_t end);

/** The vertex of a chunk; 0: nothing leads to it. */
static inline uint32_t hc_retained_vertex(const struct hc_retained *retained,
					  const struct hc_chunk *chunk)
{
	return retained->vertex[hc_chunk_number(&retained->numbers, chunk)];
}

/** The chunks that some vertices are. @param[out] chunks of size 0 where it is an anchor */
struct hc_error *hc_retained_chunks(const struct hc_retained *retained, const uint32_t *vertices,
				    size_t num, struct hc_chunk *chunks);

#endif
