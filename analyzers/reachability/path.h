/**
 * @file
 * Paths: a shortest chain of pointers from a root to a chunk.
 *
 * Breadth-first search from the roots (Moore 1959), level by level, on every processor. Of a chunk
 * that was reached only its level modulo 3 is kept, in two bits a unit: what points to a chunk of
 * level n and has level n − 1 is on a shortest path. Of other levels that may point to it, those
 * that look the same are later ones, from which a chain doesn't lead back to the roots; where such
 * a one was taken, the search is made again with lists of all levels. A level is a list of chunks;
 * one that is too long for that is swept out of the planes instead, where a third bit tells it from
 * those that look like it and were expanded before. Lists are remembered, so that the way back
 * looks only at the few chunks that can be the step before, even along a list of millions; a level
 * that had no list costs one pass, up to where the step is found. There are few of these, since
 * each is longer than a fixed share of the heap.
 *
 * Memory: three bits a unit, a list of a 128th of the chunks, and what is remembered: 8 bytes for
 * each chunk of a short level. In a tree that is under one byte a chunk, in a single long list 8.
 *
 * Better chains come first: exact pointers from live frames, thread-local storage and data of
 * modules; then from any root, which adds memory of unknown use, registers, and the red zone below
 * a stack pointer, two places where calls that are over leave pointers; then through interior
 * pointers, too. Where one chain is asked for, and the shortest begins on a stack, a shortest one
 * of those that do not is taken in its place, if there is one: frames, too, have words of such
 * calls.
 */
#ifndef HC_ANALYZERS_REACHABILITY_PATH_H
#define HC_ANALYZERS_REACHABILITY_PATH_H

#include "analyzers/reachability/referrers.h"

/** A chain: the word of a root, then a word in each chunk on the way, of which the last points into
 * the chunk that was asked for. */
struct hc_path {
	struct hc_referrer *steps;
	size_t num;
	bool exact; /**< all pointers are */
	bool real;  /**< and the root is a variable, a frame's word, or the C library's */
};

struct hc_paths {
	struct hc_path *items; /**< the best first */
	size_t num;
	bool gave_up; /**< for @ref hc_path_limits::chunks: there may be more, or one where none is
		       */
};

/** How far a search goes. */
struct hc_path_limits {
	size_t paths; /**< 1: a shortest one; more: that differ in their last step, shortest first
		       */
	uint64_t chunks; /**< whose pointers are followed, over all levels; 0: all that there are */
	uint64_t levels; /**< chunks of a chain; 0: any number */
};

/**
 * Find chains to a chunk in use.
 *
 * @param[out] ret none when nothing reaches the chunk
 * @return also @ref HC_ERROR_CANCELLED
 */
struct hc_error *hc_paths_find(const struct hc_heap *heap, const struct hc_chunk *chunk,
			       struct hc_path_limits limits, struct hc_paths *ret);
void hc_paths_deinit(struct hc_paths *paths);

/**
 * A search that is kept, to be asked what else it has come by: whatever has, is reachable, since it
 * goes by exact pointers alone. For heaps of which reachability is not known.
 */
struct hc_path_search;

/**
 * @param heap   must outlive the search
 * @param levels chunks of a chain, at most; what longer ones lead to it does not come by
 */
struct hc_error *hc_path_search_create(const struct hc_heap *heap, uint64_t levels,
				       struct hc_path_search **ret);
/** NULL is fine. */
void hc_path_search_destroy(struct hc_path_search *search);

/**
 * Find a shortest chain to a chunk in use. Once for a search.
 *
 * @param[out] ret none when there is none of that kind
 */
struct hc_error *hc_path_search_run(struct hc_path_search *search, const struct hc_chunk *chunk,
				    struct hc_paths *ret);

/** Go on, level by level, until it has come by so many chunks or by all that it can. */
struct hc_error *hc_path_search_widen(struct hc_path_search *search, uint64_t num_chunks);

/** Whether it has come by a chunk. */
bool hc_path_search_has(const struct hc_path_search *search, const struct hc_chunk *chunk);

#endif
