/**
 * @file
 * Pins: which chunks keep memory from being given back that is free otherwise.
 *
 * A page goes back to the kernel as a whole. Where a page has free bytes and chunks in use, these
 * chunks keep it; where they are all of one kind (growth.h), this kind alone does: without it, the
 * page would be free. Mmapped chunks have pages of their own.
 */
#ifndef HC_ANALYZERS_VERDICT_PINS_H
#define HC_ANALYZERS_VERDICT_PINS_H

#include "analyzers/counts/growth.h"
#include "analyzers/target.h"

struct hc_pins {
	uint64_t free;       /**< free bytes, cached ones and top, of pages with chunks in use */
	size_t growth;       /**< index of the kind that keeps most of them alone */
	uint64_t bytes;      /**< free bytes of the pages that it alone keeps; 0: no kind does */
	uint64_t chunks;     /**< of the kind that lie, or begin or end, on these pages */
	uint64_t all_chunks; /**< of the kind, wherever they are */
	uint64_t usable;     /**< usable bytes of each, when they are all of one size; else 0 */
};

/** A pass over all chunks, with a thread for each span. */
struct hc_error *hc_pins_run(struct hc_target *target, const struct hc_growth *growth,
			     struct hc_pins *ret);

#endif
