/**
 * @file
 * What the parts of the tracing engine share: a worker, and what all workers work on.
 *
 * For trace.c (set-up, runs), trace_seeds.c (where a pass starts) and trace_mark.c (following
 * pointers, the hot part) alone; trace.h is the engine's face.
 */
#ifndef HC_ANALYZERS_REACHABILITY_TRACE_WORKER_H
#define HC_ANALYZERS_REACHABILITY_TRACE_WORKER_H

#include <pthread.h>

#include "analyzers/reachability/trace.h"

enum {
	HC_TRACE_STACK_ENTRIES = 1 << 16,
	HC_TRACE_POOL_ENTRIES = 1 << 16,
	HC_TRACE_RING_ENTRIES = 16,   /**< a power of two: cache misses under way */
	HC_TRACE_PIECE_WORDS = 2048,  /**< searched before the stack is drained again */
	HC_TRACE_LARGE_ENTRIES = 256, /**< large chunks that a worker remembers */
};

/**
 * An entry of a stack: a span's index above HC_TRACE_OFFSET_BITS bits of an offset into it, and
 * HC_TRACE_SCAN: clear for a candidate that nobody has looked up yet, set for a chunk whose words
 * are to be searched from the offset on.
 */
#define HC_TRACE_OFFSET_BITS 43
#define HC_TRACE_SPAN_BITS 20
#define HC_TRACE_SCAN (UINT64_C(1) << 63)
#define HC_TRACE_OFFSET_MASK ((UINT64_C(1) << HC_TRACE_OFFSET_BITS) - 1)

static inline uint64_t hc_trace_entry(size_t span, uint64_t offset)
{
	return (uint64_t)span << HC_TRACE_OFFSET_BITS | offset;
}

static inline size_t hc_trace_entry_span(uint64_t entry)
{
	return (entry & ~HC_TRACE_SCAN) >> HC_TRACE_OFFSET_BITS;
}

/** A piece of a root range. */
struct hc_trace_root_task {
	uint64_t start, end;
};

/** A large chunk that was looked up lately. */
struct hc_trace_large {
	uint64_t span; /**< its index plus one; 0: empty */
	struct hc_place place;
};

/** One thread's part of a run. */
struct hc_trace_worker {
	struct hc_trace_shared *shared;
	const struct hc_heap *heap;
	uint64_t lowest, extent;         /**< of all spans */
	uint64_t last_base, last_extent; /**< of the span that the last candidate was in */
	uint64_t last_entry;             /**< its index, shifted into place */
	uint64_t *stack;
	size_t depth;
	struct hc_trace_ring {
		uint64_t entries[HC_TRACE_RING_ENTRIES];
		unsigned head, length;
	} candidates, scans;         /**< whose block, whose bytes are being fetched */
	size_t task;                 /**< seeds: the current task … */
	uint64_t task_pos, task_end; /**< … and what is left of it */
	struct hc_trace_large large[HC_TRACE_LARGE_ENTRIES];
	struct hc_trace_stats stats;
	unsigned scans_done; /**< modulo HC_TRACE_SCANS_PER_LOOK: until the watch is looked at */
} __attribute__((aligned(64)));

/** Ranges scanned after which a worker asks whether to go on: about a millisecond. */
#define HC_TRACE_SCANS_PER_LOOK 16384

/** What all workers of a tracer share. */
struct hc_trace_shared {
	struct hc_tracer *tracer;
	unsigned jobs;
	struct hc_trace_worker *workers;
	struct hc_interiors *interiors; /**< told of interior pointers while marking; or NULL */

	/* The current pass. */
	enum hc_pass pass;
	enum hc_seed seed;
	bool pending_sweep;
	struct hc_plane *plane;
	size_t num_tasks;
	size_t next_task; /**< atomic */
	hc_visit_fn visit;
	void *visit_ctx;

	/* Roots. */
	struct hc_trace_root_task *root_tasks;
	size_t num_root_tasks;
	const uint64_t *values;
	size_t num_values;

	/* What did not fit the stacks. */
	struct hc_plane pending;
	bool spilled; /**< atomic */

	/* The pool. */
	pthread_mutex_t lock;
	pthread_cond_t wake;
	uint64_t *pool;
	size_t pooled;
	unsigned active, waiting;
	unsigned hungry; /**< atomic copy of waiting */
	bool done;
	bool cancelled; /**< atomic; the run is given up, and what is on stacks is dropped */
};

/** Set a bit that others set, too. @return whether it was clear */
static inline bool hc_trace_set_bit(uint64_t *word, uint64_t mask)
{
	return !(__atomic_fetch_or(word, mask, __ATOMIC_RELAXED) & mask);
}

/* trace_mark.c */

/** Do the current pass to all that is on the worker's stack and below it, until it is empty. */
void hc_trace_drain(struct hc_trace_worker *w);

/**
 * Take entries that others have shared onto the empty stack; wait while there are none.
 *
 * @return false when the pass is over
 */
bool hc_trace_take(struct hc_trace_worker *w);

/** Push what are pointers among words of the core. The stack must have room for all. */
void hc_trace_push_words(struct hc_trace_worker *w, const uint8_t *data, size_t num_words);
/** The same for one value of this machine. */
void hc_trace_push_value(struct hc_trace_worker *w, uint64_t value);

/* trace_seeds.c */

/** Push some seeds of the current run onto the empty stack. @return false when none are left */
bool hc_trace_seed(struct hc_trace_worker *w);

#endif
