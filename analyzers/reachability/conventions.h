/**
 * @file
 * Conventions: interior pointers that are how this program holds its blocks.
 *
 * Intrusive lists, pools, allocators with a header of their own, and slabs keep pointers to some
 * member of a block and never one to its start. One such pointer is a possible leak; where (nearly)
 * all blocks of a kind are held by a pointer to the same place, it is a convention, and the pointer
 * counts as one to the start: the blocks are *reachable*, and what hangs below them is, too.
 *
 * A convention is a chunk size (or any size) and an offset. Evidence, all of it counted over
 * different chunks that roots lead to:
 *
 *   - at least HC_CONVENTION_MIN chunks of the size are pointed to at the offset;
 *   - of the chunks of that size that only interior pointers hold, at most one in
 *     HC_CONVENTION_ODD is not pointed to there;
 *   - where one size has several offsets (several types of one size), there are fewer than an
 * eighth of the places that a pointer could point to, and three at most; each covers a tenth. Stale
 * words point anywhere.
 *
 * A convention of any size (a wrapper around malloc that puts a header before each block) needs
 * HC_CONVENTION_MIN_ANY chunks of HC_CONVENTION_SIZES sizes, and the same share of all chunks that
 * only interior pointers hold and that have no convention of their own size.
 */
#ifndef HC_ANALYZERS_REACHABILITY_CONVENTIONS_H
#define HC_ANALYZERS_REACHABILITY_CONVENTIONS_H

#include "analyzers/reachability/trace.h"

#define HC_CONVENTION_MIN 16
#define HC_CONVENTION_ODD 10
#define HC_CONVENTION_MIN_ANY 64
#define HC_CONVENTION_SIZES 8

/** Before the heap is marked from scratch. */
void hc_conventions_forget(struct hc_heap *heap);

/** What the marking passes see of interior pointers, for all workers. */
struct hc_interiors;

struct hc_error *hc_interiors_create(struct hc_tracer *tracer, struct hc_interiors **ret);
void hc_interiors_destroy(struct hc_interiors *interiors);

static inline void hc_interiors_destroyp(struct hc_interiors **interiors)
{
	hc_interiors_destroy(*interiors);
}

/**
 * A worker has seen an interior pointer that no other heuristic explains.
 *
 * @param convention the one that it follows; NULL: none
 */
void hc_interiors_see(struct hc_interiors *interiors, unsigned worker,
		      const struct hc_convention *convention, const struct hc_chunk *chunk,
		      uint64_t offset);

/**
 * Choose conventions from what the marking passes have seen, and get ready to see whether they
 * hold. Sets heap->conventions.
 *
 * @param[out] any whether there are some, so that the heap must be marked again
 */
struct hc_error *hc_conventions_propose(struct hc_interiors *interiors, bool *any);

/**
 * After marking with the proposed ones: drop those that did not hold.
 *
 * @param[out] dropped whether some did not, so that the heap must be marked once more
 */
struct hc_error *hc_conventions_verify(struct hc_interiors *interiors, bool *dropped);

#endif
