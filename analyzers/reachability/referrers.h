/**
 * @file
 * Referrers: every word that points into a block, and where it stands.
 *
 * One pass over everything that may hold a pointer (roots and spans) finds the referrers of any
 * number of blocks. A word is asked first whether it lies between the lowest and the highest of
 * them, then whether their plane has a bit for it; only what is left is looked up.
 *
 * Some words are *stale*: the program no longer uses them, and what they hold is left over from an
 * earlier use of the place. These are words of stacks below the stack pointer and of stacks whose
 * thread has exited, and words of a chunk behind the end of the string that the chunk is for. The
 * first two are no roots, and are searched only when they are asked for.
 *
 * Safe from several threads, like everything that only reads a process and its heap.
 */
#ifndef HC_ANALYZERS_REACHABILITY_REFERRERS_H
#define HC_ANALYZERS_REACHABILITY_REFERRERS_H

#include "analyzers/reachability/reachability.h"

/** Somebody who holds a pointer. */
struct hc_referrer {
	uint64_t address; /**< where the pointer is stored; 0 for a register or a pin */
	uint64_t value;   /**< the pointer itself */
	bool in_chunk;
	bool stale;
	bool interior;          /**< it is not to the start, and nothing says that it means it */
	struct hc_chunk chunk;  /**< the chunk that holds it, when in_chunk */
	enum hc_root_kind root; /**< else the kind of root */
	const struct hc_thread *thread;         /**< of a register, stack or TLS */
	const struct hc_mapping *mapping;       /**< of a root range */
	const char *detail;                     /**< register name, or what a pin says; or NULL */
	enum hc_heuristic heuristic;            /**< why an interior pointer counts as exact */
	const struct hc_convention *convention; /**< of HC_HEURISTIC_CONVENTION */
};

/** What is looked for: pointers into [start, start + size). */
struct hc_referent {
	uint64_t start, size; /**< bytes, not 0 */
	bool in_chunk;
	struct hc_chunk chunk; /**< when in_chunk; its own words don't count */
};

/** The chunk that an address is in, or the address alone. @param heap NULL: the latter */
void hc_referent_of(const struct hc_heap *heap, uint64_t address, struct hc_referent *ret);

/** Most blocks of one query. */
#define HC_MAX_REFERENTS 65536

struct hc_refer_query {
	const struct hc_process *process;
	const struct hc_heap *heap; /**< NULL: mappings are searched, whatever they are for */
	const struct hc_referent *referents; /**< disjoint, in any order */
	size_t num;                          /**< at most HC_MAX_REFERENTS */
	size_t max;                          /**< referrers of each that are kept */
	bool stale;                          /**< search stale stacks, too */
	bool doubts; /**< count hc_referrers::doubtful, before reachability is known */
};

/**
 * Those of one block: live ones before stale ones, exact before interior; among equals registers
 * and pins, then by address. Free chunks hold nothing.
 */
struct hc_referrers {
	struct hc_referrer *items;
	size_t num;        /**< that were kept: the first in this order */
	uint64_t total;    /**< of all */
	uint64_t doubtful; /**< words whose part marking decides: interior pointers, and what is one
			      if the process has tagged pointers */
};

/**
 * Look for them.
 *
 * @param[out] ret one for each referent, in the order of these; each to be deinitialised
 */
struct hc_error *hc_referrers_find(const struct hc_refer_query *query, struct hc_referrers *ret);
void hc_referrers_deinit(struct hc_referrers *referrers);

#endif
