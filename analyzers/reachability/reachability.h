/**
 * @file
 * Reachability: which chunks in use can still be reached by the program.
 *
 * Roots are registers of all threads, the live part of all stacks, TLS, writable data of all
 * modules, and every other writable byte that is not a chunk. Free chunks, the allocator's
 * bookkeeping and stacks of exited threads are neither roots nor leaks. The result is written into
 * the heap model (planes a and b, hc_heap::reach_known); see the top of reachability.c for the
 * algorithm.
 *
 * The four kinds are those of Memcheck (definitely, indirectly, possibly lost, still reachable),
 * with one deliberate choice in each set of lost chunks that point to each other in a cycle that
 * nothing else points to: exactly one of them is definite.
 */
#ifndef HC_ANALYZERS_REACHABILITY_REACHABILITY_H
#define HC_ANALYZERS_REACHABILITY_REACHABILITY_H

#include "analyzers/reachability/inflight.h"
#include "analyzers/reachability/missing.h"
#include "analyzers/reachability/roots.h"
#include "analyzers/reachability/offsets.h"
#include "analyzers/reachability/tagged.h"
#include "core/heap/heap.h"

/**
 * Interior pointers that compilers and libraries make on purpose and that count as pointers to the
 * start.
 */
enum hc_heuristic {
	HC_HEURISTIC_NONE,
	HC_HEURISTIC_NEWARRAY, /**< new T[n] of a class with a destructor: a count, then the array
				*/
	HC_HEURISTIC_MULTIPLE_INHERITANCE, /**< a base class at an offset: vtable pointers at both
					    */
	HC_HEURISTIC_STDSTRING, /**< pre-C++11 std::string: length, capacity, refcount, then
				   characters */
	HC_HEURISTIC_LENGTH64,  /**< a 64-bit size of the block before the data (SQLite's allocator)
				 */
	HC_HEURISTIC_HASHTABLE, /**< a table of buckets, then a control byte for each; or of an
				     index, then entries */
	HC_HEURISTIC_POOL, /**< a block that knows its own address (pools of nginx and APR), or is a
				pool by what is in it (pools.h) */
	HC_HEURISTIC_LIST, /**< to a link of a doubly linked list, whose neighbour points back */
	HC_HEURISTIC_CONVENTION, /**< as nearly all of its kind, see conventions.h */
	HC_HEURISTIC_TAGGED,     /**< to the start, but with a tag: the chunk is possible */
	HC_HEURISTIC_OFFSET,     /**< to the start, as 32 bits from a base: possible, too */
	HC_NUM_HEURISTICS
};

const char *hc_heuristic_name(enum hc_heuristic heuristic);

/** Whether the word is no plain pointer, so that its chunk is only possible. */
static inline bool hc_heuristic_is_hidden(enum hc_heuristic heuristic)
{
	return heuristic == HC_HEURISTIC_TAGGED || heuristic == HC_HEURISTIC_OFFSET;
}

/** Why an interior pointer to @p chunk at @p address counts as one to its start, or NONE. */
enum hc_heuristic hc_heuristic_match(const struct hc_heap *heap, const struct hc_chunk *chunk,
				     uint64_t address);

/**
 * The convention by which a pointer holds a chunk, or NULL.
 *
 * @param size   of the chunk
 * @param offset of the pointer from its start, bytes
 */
const struct hc_convention *hc_convention_of(const struct hc_heap *heap, uint64_t size,
					     uint64_t offset);

struct hc_reach_stats {
	struct {
		uint64_t chunks, bytes; /**< bytes: chunk sizes */
	} kinds[HC_NUM_REACH];
	uint64_t words_seen;                   /**< words looked at in roots and chunks */
	uint64_t pointers_seen;                /**< of these, pointers into a chunk in use */
	uint64_t pointers_interior;            /**< of these, not to a start and in no heuristic */
	uint64_t heuristic[HC_NUM_HEURISTICS]; /**< interior pointers that counted as exact */
	uint64_t root_bytes;                   /**< bytes of roots searched */
	uint64_t root_bytes_missing;           /**< of these, bytes that the core lacks */
	uint64_t cycles;                       /**< lost cycles in which one chunk was chosen */
	uint64_t inflight_threads;             /**< caught inside the allocator, see inflight.h */
	uint64_t inflight_chunks;              /**< that such threads hold by their headers */
	struct hc_tagged tagged;               /**< what tagged pointers hold */
	struct hc_offsets offsets;             /**< what offset links hold */
	struct hc_missing missing;             /**< whether "lost" is known, or an upper bound */
};

/**
 * Mark the heap with process->jobs threads. A second call does the work again, with the same
 * result.
 */
struct hc_error *hc_reachability_run(struct hc_heap *heap, struct hc_reach_stats *ret);

#endif
