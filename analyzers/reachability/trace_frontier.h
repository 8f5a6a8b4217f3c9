/**
 * @file
 * The frontier: chunks that a pass has reached and whose words nobody has searched yet.
 *
 * In which order a closure is computed changes nothing about it, but everything about how long it
 * takes. There are two good orders, and each is the worst for what the other one is good at.
 *
 * Depth first, a pointer leads to a chunk anywhere in the heap: a cache miss for its bits, one for
 * its bytes, and as the file is mapped in small pages one more for the page table. Prefetching
 * keeps a dozen of these under way (trace_mark.c), and that is all that can be done. It costs the
 * same whether a chunk is the only one that is left or one of millions.
 *
 * Sweeping, chunks that were reached only get their bit in the frontier, and the frontier is gone
 * over in the order of addresses. So the bytes of chunks are read in order, at the speed of memory,
 * and what is touched at random are bits: 1/32 of the heap, in huge pages. That is breadth-first
 * search from the side of the bitmap, and right while there is much to do. A list in random order
 * has one chunk in its frontier, and would need as many sweeps as it has chunks.
 *
 * That is the observation behind direction-optimizing search: expand from a queue while the
 * frontier is small, go over the whole set while it is large (Beamer, Asanović, Patterson:
 * "Direction-Optimizing Breadth-First Search", SC 2012). So a run goes in rounds, and between two
 * of them it is known how many bits the frontier has:
 *
 *   - many, or half as many again as before the last sweep: sweep. A random tree doubles its
 *     frontier with each sweep, and is done after about as many as it has levels.
 *   - few, and not growing: depth first, for a number of chunks that doubles each time, since no
 *     other order would be better for what does not widen. What is then on the stacks returns to
 *     the frontier, and one sweep tells whether that has changed. So the sweeps of a long list are
 *     as many as the logarithm of its length.
 *
 * What breaks plain sweeping, and what is done about it:
 *
 *   - Chunks that are close to each other point to each other: a list that was allocated in order,
 *     a node and its key. In a sweep against the direction of the list each sweep would find one
 *     chunk of it. So a sweep goes in *windows* of 4 MiB, with 16-byte units. Chunks that are
 *     reached in the window that is being swept are searched at once, depth first; their bytes and
 *     their entries in the page table are in the caches. And sweeps go up and down in turn, so that
 *     either direction is that of every other sweep.
 *   - A bit that waits in a ring for its word is not seen. All rings are empty before a window is
 *     left.
 *   - Threads that take windows in turns would run past the frontier of one another. Each has one
 *     contiguous part, with as much to do in it as in those of the others as far as can be told.
 *   - A thin frontier in a large heap: to read all bits of a heap of a terabyte takes seconds. A
 * bit for each *group* of 64 words (64 KiB with 16-byte units) says whether any is set.
 *   - Large chunks: each window has a bit for the part of the chunk that lies in it, so that one
 * table of pointers is searched by all threads.
 */
#ifndef HC_ANALYZERS_REACHABILITY_TRACE_FRONTIER_H
#define HC_ANALYZERS_REACHABILITY_TRACE_FRONTIER_H

#include "core/heap/plane.h"

enum {
	HC_FRONTIER_GROUP_WORDS = 64, /**< words of the plane */
	HC_FRONTIER_GROUPS = 64,      /**< of a window */
	HC_FRONTIER_WINDOW_WORDS = HC_FRONTIER_GROUP_WORDS * HC_FRONTIER_GROUPS,
	HC_FRONTIER_WINDOW_BITS = HC_FRONTIER_WINDOW_WORDS * HC_UNITS_PER_BLOCK,
};

/**
 * A plane, and a bit for each group of its words: set while one of them may have a bit. Bits of the
 * plane are numbered through all spans, from @ref hc_plane_layout::first_word on.
 */
struct hc_frontier {
	struct hc_plane plane;
	uint64_t *groups; /**< one word for each window */
	size_t num_windows;
};

/** An empty frontier. */
struct hc_error *hc_frontier_init(const struct hc_plane_layout *layout, struct hc_frontier *ret);
void hc_frontier_deinit(struct hc_frontier *frontier);

/**
 * Set a bit.
 *
 * @param alone no other thread uses the frontier
 * @return whether it was clear
 */
static inline bool hc_frontier_add(struct hc_frontier *frontier, uint64_t bit, bool alone)
{
	uint64_t *word = &frontier->plane.words[bit / HC_UNITS_PER_BLOCK];
	uint64_t *groups = &frontier->groups[bit / HC_FRONTIER_WINDOW_BITS];
	uint64_t mask = UINT64_C(1) << bit % HC_UNITS_PER_BLOCK;
	uint64_t group = UINT64_C(1) << bit / (HC_UNITS_PER_BLOCK * HC_FRONTIER_GROUP_WORDS) %
						HC_FRONTIER_GROUPS;
	uint64_t old;

	if (alone) {
		old = *word;
		*word = old | mask;
		*groups |= group;
		return !(old & mask);
	}
	/*
	 * Who takes a group clears its bit before it takes the words. In this order, and with no
	 * reordering, either the bit is taken or its group is set again.
	 */
	old = __atomic_fetch_or(word, mask, __ATOMIC_SEQ_CST);
	if (!(__atomic_load_n(groups, __ATOMIC_SEQ_CST) & group))
		__atomic_fetch_or(groups, group, __ATOMIC_SEQ_CST);
	return !(old & mask);
}

/** Begin to take a group: what is set from now on sets its bit again. */
static inline void hc_frontier_open_group(struct hc_frontier *frontier, size_t window,
					  unsigned group)
{
	__atomic_fetch_and(&frontier->groups[window], ~(UINT64_C(1) << group), __ATOMIC_SEQ_CST);
}

/** Take all bits of a word. */
static inline uint64_t hc_frontier_take(struct hc_frontier *frontier, uint64_t word)
{
	uint64_t *bits = &frontier->plane.words[word];

	if (!__atomic_load_n(bits, __ATOMIC_SEQ_CST))
		return 0;
	return __atomic_exchange_n(bits, 0, __ATOMIC_SEQ_CST);
}

#endif
