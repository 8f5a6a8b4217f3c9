/**
 * @file
 * Dominators: what would be unreachable if one vertex of a graph were gone.
 *
 * A vertex dominates another when every path from the root leads through it. The nearest one, the
 * *immediate* dominator, makes a tree of all vertices. It is computed by the semi-NCA method
 * (Georgiadis, *Linear-Time Algorithms for Dominators and Related Problems*, 2005; semidominators
 * and path compression are those of Lengauer and Tarjan, *A Fast Algorithm for Finding Dominators
 * in a Flowgraph*, 1979), for graphs of a billion vertices whose edges are too many to keep.
 *
 * The caller searches the graph depth first, in whatever way it finds its edges, and tells of each
 * vertex that it enters. Vertices are called by the order in which they were entered; 0 is the
 * root, which is there from the beginning. Then it tells of all edges, in any order and from
 * several threads. What an edge is good for is known at once:
 *
 *   - forward, to a vertex that was entered later: a bound of that one's semidominator, noted
 * there;
 *   - back to the parent, as in doubly linked lists and trees with links up: one bit;
 *   - every other, which leads to a vertex that was entered before: must wait until all vertices
 *     behind that one are done, 8 bytes.
 *
 * Those that wait lie in *buckets*, by the vertex that they lead to. When they are more than the
 * budget, the buckets that are needed last are given up, and the caller goes through all of its
 * edges again for these, as often as it takes.
 *
 * Memory, for each vertex: 12 bytes and ⅜, 4 in the end.
 */
#ifndef HC_ANALYZERS_REACHABILITY_DOMINATORS_H
#define HC_ANALYZERS_REACHABILITY_DOMINATORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/base/error.h"
#include "core/base/watch.h"

struct hc_dominator_buckets;

/** Private: what is known of the way up from a vertex, side by side since both are asked for. */
struct hc_dominator_link {
	uint32_t ancestor; /**< the parent at first, then one further up */
	uint32_t label;    /**< of a vertex that is done: the least semidominator up to there */
};

struct hc_dominators {
	uint32_t num; /**< vertices that were entered, with the root */
	uint32_t max; /**< of them */
	/** The immediate dominator of each, always one that was entered before; of the root itself.
	 * Known after hc_dominators_finish(). From hc_zeroes_create(), of max + 1 items; the caller
	 * may take it away. */
	uint32_t *idom;

	/** @name Private */
	/**@{*/
	struct hc_dominator_link *links;
	uint32_t *semi;  /**< the least vertex from which one is known to be reached past its
			      ancestors; becomes idom */
	uint64_t *shape; /**< of the tree of the search: for each vertex as many zeroes as the
			      search went up, and a one */
	uint64_t num_bits;
	uint64_t *to_parent; /**< bit: it has an edge to its parent */
	struct hc_dominator_buckets *buckets;
	bool again; /**< edges are told for another time */
		    /**@}*/
};

/**
 * @param max    vertices, with the root
 * @param budget bytes for edges that wait; a part of the graph that needs more gets it all the same
 * @param jobs   threads that tell of edges
 * @return @ref HC_ERROR_LIMIT for more than four billion vertices
 */
struct hc_error *hc_dominators_init(uint64_t max, uint64_t budget, unsigned jobs,
				    struct hc_dominators *ret);
void hc_dominators_deinit(struct hc_dominators *dominators);

/**
 * Enter a vertex that was not entered yet, through an edge of @p parent, which is the one that was
 * entered last, or an ancestor of that one: the search is depth first.
 *
 * @return its name; there must be room for it
 */
uint32_t hc_dominators_enter(struct hc_dominators *dominators, uint32_t parent);

/** @name Edges, while hc_dominators_finish() asks for them */
/**@{*/

/** Fetch what the edges of a vertex need. */
static inline __attribute__((always_inline)) void
hc_dominators_fetch_from(const struct hc_dominators *dominators, uint32_t from)
{
	__builtin_prefetch(&dominators->links[from]);
}

/** Fetch what an edge needs. */
static inline __attribute__((always_inline)) void
hc_dominators_fetch(const struct hc_dominators *dominators, uint32_t from, uint32_t to)
{
	if (to > from)
		__builtin_prefetch(&dominators->semi[to]);
}

/** Private: an edge that waits. */
void hc_dominators_keep(struct hc_dominators *dominators, unsigned worker, uint32_t from,
			uint32_t to);

/**
 * An edge between two vertices that were entered. The one by which a vertex was entered may be left
 * out.
 *
 * @param worker 0 … jobs - 1: the thread
 */
static inline void hc_dominators_edge(struct hc_dominators *dominators, unsigned worker,
				      uint32_t from, uint32_t to)
{
	if (to < from) {
		if (to)
			hc_dominators_keep(dominators, worker, from, to);
		return;
	}
	uint32_t *semi = &dominators->semi[to], least = __atomic_load_n(semi, __ATOMIC_RELAXED);

	if (!dominators->again && to != from)
		while (least > from &&
		       !__atomic_compare_exchange_n(semi, &least, from, true, __ATOMIC_RELAXED,
						    __ATOMIC_RELAXED))
			;
}

/** Tell every edge of the graph by hc_dominators_edge(), in any order. */
typedef struct hc_error *(*hc_tell_edges_fn)(void *ctx);
/**@}*/

/**
 * Find the immediate dominators.
 *
 * @param tell  called once, and again when edges did not fit the budget
 * @param watch hears how much is done, but not while edges are told; may end the work
 */
struct hc_error *hc_dominators_finish(struct hc_dominators *dominators, hc_tell_edges_fn tell,
				      void *ctx, struct hc_watch *watch);

#endif
