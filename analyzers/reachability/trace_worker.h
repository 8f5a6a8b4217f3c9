/**
 * @file
 * What the parts of the tracing engine share: a worker, and what all workers work on.
 *
 * For trace.c (set-up, runs), trace_seeds.c (where a pass starts), trace_sweep.c (sweeping the
 * frontier) and trace_mark.c (following pointers, the hot part) alone; trace.h is the engine's
 * face. In which order the work is done is told at the top of trace_frontier.h.
 */
#ifndef HC_ANALYZERS_REACHABILITY_TRACE_WORKER_H
#define HC_ANALYZERS_REACHABILITY_TRACE_WORKER_H

#include <pthread.h>

#include "analyzers/reachability/trace.h"
#include "analyzers/reachability/trace_frontier.h"

enum {
	HC_TRACE_STACK_ENTRIES = 1 << 16,
	HC_TRACE_POOL_ENTRIES = 1 << 16,
	HC_TRACE_RING_ENTRIES = 64,   /**< room of a ring, a power of two */
	HC_TRACE_CANDIDATES = 32,     /**< cache misses under way: blocks of candidates, … */
	HC_TRACE_SCANS = 16,          /**< … bytes of chunks to search, … */
	HC_TRACE_PUT_OFF = 16,        /**< … words of the frontier */
	HC_TRACE_SWEEP_AHEAD = 24,    /**< chunks whose bytes a sweep fetches in advance */
	HC_TRACE_PIECE_WORDS = 2048,  /**< searched before the stack is drained again */
	HC_TRACE_LARGE_ENTRIES = 256, /**< large chunks that a worker remembers */
	HC_TRACE_LOOK_SCANS = 4096, /**< scans after which a worker looks up: below a millisecond */
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
	const uint64_t *first_word;      /**< of each span in a plane */
	uint64_t lowest, extent;         /**< of all spans */
	uint64_t last_base, last_extent; /**< of the span that the last candidate was in */
	uint64_t last_entry;             /**< its index, shifted into place */
	uint64_t *stack;
	size_t depth;
	struct hc_trace_ring {
		uint64_t entries[HC_TRACE_RING_ENTRIES];
		unsigned head, length;
	} candidates, scans, put_off; /**< whose block, whose bytes, whose place in the frontier is
					 being fetched; the last one has bits of the frontier */
	uint64_t window,
		window_size;         /**< bits of the frontier: chunks there are searched at once */
	size_t task;                 /**< seeds: the current task … */
	uint64_t task_pos, task_end; /**< … and what is left of it */
	size_t frontier_span;        /**< the span that the last word of the frontier was of */
	uint64_t added, taken;       /**< bits of the frontier, in this run */
	unsigned scans_left;         /**< until it looks up */
	uint64_t scans_done;         /**< in this round */
	bool alone;                  /**< no other thread touches planes and frontier */
	struct hc_trace_large large[HC_TRACE_LARGE_ENTRIES];
	struct hc_trace_stats stats;
} __attribute__((aligned(64)));

/** Set a bit that others may set, too. @return whether it was clear */
static inline bool hc_trace_set_bit(const struct hc_trace_worker *w, uint64_t *word, uint64_t mask)
{
	uint64_t old;

	if (!w->alone)
		return !(__atomic_fetch_or(word, mask, __ATOMIC_RELAXED) & mask);
	old = *word;
	*word = old | mask;
	return !(old & mask);
}

/** What a round of a run does. */
enum hc_trace_round {
	HC_TRACE_SEED,  /**< start at the seeds; what is found elsewhere waits in the frontier */
	HC_TRACE_SWEEP, /**< go over the frontier in the order of addresses, once */
	HC_TRACE_DEPTH, /**< follow what is in the frontier wherever it leads, for a while */
};

/** What all workers of a tracer share. */
struct hc_trace_shared {
	struct hc_tracer *tracer;
	unsigned jobs;
	struct hc_trace_worker *workers;
	struct hc_interiors *interiors; /**< told of interior pointers while marking; or NULL */

	/* The current pass. */
	enum hc_pass pass;
	enum hc_seed seed;
	struct hc_plane *plane;
	hc_visit_fn visit;
	void *visit_ctx;

	/* The current round. */
	enum hc_trace_round round;
	size_t num_tasks;
	size_t next_task; /**< atomic */
	uint64_t budget;  /**< of HC_TRACE_DEPTH: scans of a worker after which the round ends */
	bool paused;      /**< atomic; it has ended, and what is on stacks goes to the frontier */
	bool descending;  /**< of HC_TRACE_SWEEP */

	/* Roots. */
	struct hc_trace_root_task *root_tasks;
	size_t num_root_tasks;
	const uint64_t *values;
	size_t num_values;

	struct hc_frontier frontier;
	size_t *parts; /**< of a sweep: windows at which each worker's part begins, and the end */

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

static inline bool hc_trace_cancelled(const struct hc_trace_shared *shared)
{
	return __atomic_load_n(&shared->cancelled, __ATOMIC_RELAXED);
}

static inline bool hc_trace_paused(const struct hc_trace_shared *shared)
{
	return __atomic_load_n(&shared->paused, __ATOMIC_RELAXED);
}

/* trace_mark.c */

/** Do the current pass to all that is on the worker's stack and below it, until it is empty. */
void hc_trace_drain(struct hc_trace_worker *w);

/**
 * The same in a sweep: the stack has scans alone, in the order of addresses.
 */
void hc_trace_sweep_stack(struct hc_trace_worker *w);

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

/* trace_sweep.c */

/**
 * Push the chunks of one group of the frontier that is not empty, as scans; the stack must have
 * room for a bit each.
 */
void hc_trace_take_group(struct hc_trace_worker *w, size_t window, unsigned group);

/** Cut the frontier into a part for each worker, with about as many groups that are not empty. */
void hc_trace_cut_parts(struct hc_trace_shared *shared);

/** Sweep one part. */
void hc_trace_sweep(struct hc_trace_worker *w, size_t part);

#endif
