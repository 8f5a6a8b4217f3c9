/**
 * @file
 * The graph of anchors and chunks, searched by edges that are kept (kept.h) or told (told.h).
 */
#ifndef HC_ANALYZERS_RETAINED_GRAPH_H
#define HC_ANALYZERS_RETAINED_GRAPH_H

#include "analyzers/reachability/dominators.h"
#include "analyzers/retained/retained.h"

/**
 * Enter all anchors and what they lead to, and find the dominators. Fills in hc_retained::vertex,
 * idom, num and the vertices of the anchors.
 *
 * @param max_chunks that can be reached
 */
struct hc_error *hc_retained_search(struct hc_retained *retained, uint64_t max_chunks);

#endif
