/**
 * @file
 * Tracing: follow pointers from chunk to chunk over the whole heap, on every processor, in bounded
 * memory.
 *
 * This is the engine below reachability.h and leaks.h; analyzers outside of those don't need it. A
 * *pass* says what a pointer does to the chunk that it points to; a *seed* says where the pass
 * starts. Nothing is remembered of an edge once it was followed.
 *
 * A word is a pointer when its value lies in the usable bytes of a chunk in use. It is *exact* when
 * that is the chunk's start, or when a heuristic (reachability.h) says that it means the start;
 * else it is *interior*.
 */
#ifndef HC_ANALYZERS_REACHABILITY_TRACE_H
#define HC_ANALYZERS_REACHABILITY_TRACE_H

#include "analyzers/reachability/reachability.h"
#include "core/heap/plane.h"

enum hc_pass {
	HC_PASS_EXACT,   /**< exact: set b of the chunk and go on below it; interior: set a */
	HC_PASS_ANY,     /**< chunks without b: set a and b and go on below them */
	HC_PASS_TAGGED,  /**< the same for plain pointers, and hidden ones: tagged.h, offsets.h */
	HC_PASS_POINTED, /**< chunks without b: set a, unless the pointer is their own. Goes no
			    further */
	HC_PASS_VISIT,   /**< chunks without b: set the bit in a plane and go on below them */
};

enum hc_seed {
	HC_SEED_ROOTS,        /**< words of the roots, registers, pins */
	HC_SEED_INTERIOR,     /**< chunks with a and without b; b is set */
	HC_SEED_REACHED,      /**< chunks with b, whose words are searched again */
	HC_SEED_LOST,         /**< chunks without b */
	HC_SEED_UNREFERENCED, /**< chunks without a and b; their bit in the plane is set */
};

struct hc_trace_stats {
	uint64_t words, pointers, interior;
	uint64_t heuristic[HC_NUM_HEURISTICS];
};

struct hc_tracer {
	const struct hc_process *process;
	struct hc_heap *heap;
	struct hc_plane_layout layout;  /**< of all planes of this heap */
	uint64_t heap_words;            /**< of memory, in all spans */
	struct hc_trace_shared *shared; /**< private: workers and what they share */
};

/** @param jobs workers; 1 gives a tracer for hc_tracer_visit() */
struct hc_error *hc_tracer_create(struct hc_heap *heap, unsigned jobs, struct hc_tracer **ret);
void hc_tracer_destroy(struct hc_tracer *tracer);

static inline void hc_tracer_destroyp(struct hc_tracer **tracer)
{
	hc_tracer_destroy(*tracer);
}

/**
 * The roots of @ref HC_SEED_ROOTS; @p roots and @p values (registers, pins) must outlive the run.
 */
struct hc_error *hc_tracer_set_roots(struct hc_tracer *tracer, const struct hc_root *roots,
				     size_t num_roots, const uint64_t *values, size_t num_values);

/**
 * Run one pass from one kind of seed to its end, with all workers. @param plane of HC_PASS_VISIT
 */
struct hc_error *hc_tracer_run(struct hc_tracer *tracer, enum hc_pass pass, enum hc_seed seed,
			       struct hc_plane *plane);

/** A chunk that a visit came to. */
typedef void (*hc_visit_fn)(void *ctx, size_t span, uint64_t unit);

struct hc_visitor {
	struct hc_plane *seen; /**< chunks that it has been to; it goes to none twice */
	hc_visit_fn fn;        /**< called once for each, the first included; NULL: not called */
	void *ctx;
};

/** HC_PASS_VISIT from one chunk in use that was not seen yet, in the calling thread. */
void hc_tracer_visit(struct hc_tracer *tracer, const struct hc_visitor *visitor, size_t span,
		     uint64_t unit);

struct hc_interiors;

/** Tell @p interiors (conventions.h) what the marking passes see; NULL: nobody. */
void hc_tracer_watch(struct hc_tracer *tracer, struct hc_interiors *interiors);

/** What the workers have seen, to forget later what they see from now on. Freed by the caller. */
struct hc_error *hc_tracer_save_stats(const struct hc_tracer *tracer, struct hc_trace_stats **ret);
/** @param saved NULL: forget everything */
void hc_tracer_restore_stats(struct hc_tracer *tracer, const struct hc_trace_stats *saved);

/** What all passes so far have seen. */
struct hc_trace_stats hc_tracer_stats(const struct hc_tracer *tracer);

/**
 * After HC_PASS_POINTED: in cycles of lost chunks that nothing else points to, make one chunk
 * definite. See the top of lost.c.
 *
 * @param[out] cycles_ret number of chunks that were chosen
 */
struct hc_error *hc_lost_sort(struct hc_tracer *tracer, uint64_t *cycles_ret);

#endif
