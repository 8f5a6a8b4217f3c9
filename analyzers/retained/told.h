/**
 * @file
 * The graph of anchors and chunks, searched depth first, its edges told to dominators.h and not
 * kept: for heaps whose edges are too many or too entangled for kept.h.
 */
#ifndef HC_ANALYZERS_RETAINED_TOLD_H
#define HC_ANALYZERS_RETAINED_TOLD_H

#include "analyzers/retained/names.h"
#include "core/heap/plane.h"

/**
 * Find the dominators. Fills in hc_retained::vertex and the vertices of the anchors by the order in
 * which they were entered.
 *
 * @param max_chunks that can be reached
 * @param[out] num_ret vertices, with the root
 */
struct hc_error *hc_retained_by_told_edges(struct hc_retained *retained,
					   const struct hc_plane_layout *layout,
					   uint64_t max_chunks, struct hc_named_tree *ret,
					   uint64_t *num_ret);

#endif
