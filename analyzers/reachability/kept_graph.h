/**
 * @file
 * Dominators of a graph whose edges are kept: what dominators.h finds, where there is memory for
 * four bytes an edge, and much sooner.
 *
 * Breadth-first search from the root, on every processor, gives each vertex a parent of the level
 * before. Then all edges are looked at: a vertex moves below the nearest common ancestor of its
 * parent and of the vertex that points to it. When nothing moves any more, parents are immediate
 * dominators (Cooper, Harvey, Kennedy, *A Simple, Fast Dominance Algorithm*, 2001). In which order
 * that is done doesn't matter: a dominator of a vertex is always an ancestor of it, and ancestors
 * only become fewer. So threads need no lock, and the answer is one.
 *
 * That is fast where the tree of dominators is shallow, or edges lead to next of kin: in trees and
 * lists, also with links back, and in what is linked at random, where most vertices end up below
 * one. It would take a quadratic time where many vertices far down point far up, as in a list whose
 * nodes know their owner. The work is counted, and given up when it is too much.
 *
 * The vertices are 0, the root; then what it points to, the *anchors*; then all others. Some
 * anchors may be *weak*, the last ones: what the others lead to is not held by these, nor by what
 * only they lead to.
 *
 * A level is a list of vertices; one of more than a 32nd of them is looked for among all instead.
 *
 * Memory, for each vertex: 12 bytes and a quarter, and one of those that move; 4 for each edge.
 */
#ifndef HC_ANALYZERS_REACHABILITY_KEPT_GRAPH_H
#define HC_ANALYZERS_REACHABILITY_KEPT_GRAPH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/error.h"
#include "core/base/watch.h"

/** Most vertices. */
#define HC_KEPT_GRAPH_MAX (UINT32_C(1) << 31)

/** What a graph is to have room for. */
struct hc_kept_graph_size {
	uint64_t vertices; /**< with the root, below HC_KEPT_GRAPH_MAX */
	uint32_t anchors;
	uint32_t strong;    /**< of these, the first ones */
	uint64_t max_edges; /**< that are kept */
};

struct hc_kept_graph {
	uint32_t num; /**< vertices */
	uint32_t anchors, strong;
	/** @name Private */
	/**@{*/
	uint32_t *first; /**< of each vertex: where its edges begin; 0: it has none */
	uint32_t *edges; /**< where they lead; the last one of a vertex is marked */
	uint64_t room;   /**< items of edges */
	uint64_t used;   /**< atomic: of these */
	bool full;       /**< atomic: there were more */
			 /**@}*/
};

/** @return NULL; also when there is no memory for the edges: then it is full */
struct hc_error *hc_kept_graph_init(const struct hc_kept_graph_size *size,
				    struct hc_kept_graph *ret);
void hc_kept_graph_deinit(struct hc_kept_graph *graph);

/** A thread's own: where it puts edges. Begins as zeroes. */
struct hc_kept_run {
	uint64_t pos, end;
};

/** The edges of a vertex, all at once; none may be left out, but for those to the root. */
void hc_kept_graph_add(struct hc_kept_graph *graph, struct hc_kept_run *run, uint32_t from,
		       const uint32_t *to, size_t num);

/** Whether edges were left out: the graph is of no use. */
static inline bool hc_kept_graph_full(const struct hc_kept_graph *graph)
{
	return __atomic_load_n(&graph->full, __ATOMIC_RELAXED);
}

/** In place of a parent: the root does not lead there. */
#define HC_KEPT_UNREACHED UINT32_MAX

/**
 * Find the immediate dominators.
 *
 * @param graph its edges are gone afterwards
 * @param watch hears how much is done; may end the work
 * @param[out] ret of each vertex, or @ref HC_KEPT_UNREACHED; from hc_zeroes_create(), of
 * hc_kept_graph::num items. NULL: it would take too long
 */
struct hc_error *hc_kept_graph_dominators(struct hc_kept_graph *graph, unsigned jobs,
					  struct hc_watch *watch, uint32_t **ret);

#endif
