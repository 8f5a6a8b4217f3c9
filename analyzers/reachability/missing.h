/**
 * @file
 * What reachability did not see, and whether that could hold what looks lost.
 *
 * A chunk looks lost when no root leads to it. In a core that lacks roots, or chunks that roots
 * lead to, the pointer may be in what is missing; every lost figure is then an upper bound. This
 * unit counts what is missing, by kind, and decides. It says nothing of chunks that the core lacks
 * whole: where the heap could not be walked, more may be lost than is seen.
 */
#ifndef HC_ANALYZERS_REACHABILITY_MISSING_H
#define HC_ANALYZERS_REACHABILITY_MISSING_H

#include "analyzers/reachability/roots.h"

struct hc_share_missing {
	uint64_t expected, missing; /**< bytes; of HC_ROOT_REGISTER: threads */
};

/** What the answer "lost" is worth. The order is that of severity. */
enum hc_lost_known {
	HC_LOST_KNOWN, /**< nothing that is missing could hold a chunk, or nothing looks lost */
	/**
	 * The roots are there, but parts of chunks that they lead to, or of the heap, are not: what
	 * looks lost may hang below those.
	 */
	HC_LOST_HEAP_MISSING,
	HC_LOST_ROOTS_MISSING, /**< registers, stacks, TLS, data of modules or other memory */
};

/** "known", "heap-missing", "roots-missing": the names in JSON. */
const char *hc_lost_known_name(enum hc_lost_known known);

struct hc_missing {
	/** By kind of root. A byte that only a file lends is there, see missing.c. */
	struct hc_share_missing roots[HC_NUM_ROOT_KINDS];
	/**
	 * Bytes of other writable memory that were left out of the core by choice: shared with
	 * files or other processes, or never meant to be dumped (MADV_DONTDUMP). Expected, but not
	 * counted as missing: they decide nothing.
	 */
	uint64_t left_out;
	/**
	 * Bytes of mapped files that the core lacks, and that may have been written: those that are
	 * shared, and those of which it has no more than the name. What points from there is not
	 * seen. Files below the system's own directories are not of them.
	 */
	uint64_t files;
	const char *file; /**< the largest one's path, or NULL; as the core has it */
	/** Usable bytes of chunks in use; missing: of those that a root leads to. */
	struct hc_share_missing chunks;
	uint64_t unwalked; /**< bytes of heaps that the core lacks, so that no chunk is known there
			    */
	enum hc_lost_known known;
};

/** Whether lost figures are no more than upper bounds. */
static inline bool hc_missing_upper_bound(const struct hc_missing *missing)
{
	return missing->known != HC_LOST_KNOWN;
}

/** All ranges of roots together. */
struct hc_share_missing hc_missing_ranges(const struct hc_missing *missing);

/**
 * Count and decide, once the heap is marked.
 *
 * @param lost chunks that look lost
 */
void hc_missing_find(const struct hc_heap *heap, const struct hc_root *roots, size_t num_roots,
		     uint64_t lost, struct hc_missing *ret);

#endif
