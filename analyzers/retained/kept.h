/**
 * @file
 * The graph of anchors and chunks, its edges kept (kept_graph.h).
 *
 * Pointers are read once, in the order of memory and by all processors, and kept as edges between
 * numbers of chunks, four bytes each, while they take no more than a quarter of what the heap does.
 */
#ifndef HC_ANALYZERS_RETAINED_KEPT_H
#define HC_ANALYZERS_RETAINED_KEPT_H

#include "analyzers/retained/names.h"
#include "core/heap/plane.h"

/**
 * Find the dominators. Fills in hc_retained::vertex and the vertices of the anchors: anchors come
 * first, then chunks by number.
 *
 * @param[out] ret its parents are NULL: edges are too many, or too entangled, and nothing was
 * filled in
 */
struct hc_error *hc_retained_by_kept_edges(struct hc_retained *retained,
					   const struct hc_plane_layout *layout,
					   struct hc_named_tree *ret);

#endif
