/**
 * @file
 * Tracing engine: set-up and runs. What is done in which order is told at the top of
 * trace_frontier.h, how pointers are followed at the top of trace_mark.c.
 */
#include <stdlib.h>
#include <string.h>

#include "analyzers/reachability/trace_worker.h"
#include "core/base/parallel.h"

enum {
	ROOT_TASK_BYTES = 1 << 20,
	SWEEP_BITS = 1 << 15,   /* a frontier of so many is worth sweeping: a millisecond of work */
	FIRST_BUDGET = 1 << 14, /* chunks of the first depth-first round */
};

/** @name Set-up */
/**@{*/

struct hc_error *hc_tracer_set_roots(struct hc_tracer *tracer, const struct hc_root *roots,
				     size_t num_roots, const uint64_t *values, size_t num_values)
{
	struct hc_trace_shared *shared = tracer->shared;
	const struct hc_memory *memory = &tracer->process->memory;
	struct hc_piece piece;
	size_t num = 0;

	/* A root may be terabytes, all of them missing. */
	for (size_t i = 0; i < num_roots; i++)
		for (uint64_t pos = roots[i].start;
		     hc_memory_next_data(memory, &pos, roots[i].end, ROOT_TASK_BYTES, &piece);)
			num++;
	struct hc_trace_root_task *tasks = calloc(num ? num : 1, sizeof(*tasks));

	if (!tasks)
		return &hc_enomem;
	free(shared->root_tasks);
	shared->root_tasks = tasks;
	shared->num_root_tasks = 0;
	for (size_t i = 0; i < num_roots; i++)
		for (uint64_t pos = roots[i].start;
		     hc_memory_next_data(memory, &pos, roots[i].end, ROOT_TASK_BYTES, &piece);)
			tasks[shared->num_root_tasks++] =
				(struct hc_trace_root_task){piece.start, piece.end};
	shared->values = values;
	shared->num_values = num_values;
	return NULL;
}

static struct hc_error *create_workers(struct hc_trace_shared *shared)
{
	const struct hc_heap *heap = shared->tracer->heap;

	if (posix_memalign((void **)&shared->workers, __alignof__(struct hc_trace_worker),
			   shared->jobs * sizeof(*shared->workers))) {
		shared->workers = NULL;
		return &hc_enomem;
	}
	memset(shared->workers, 0, shared->jobs * sizeof(*shared->workers));
	for (unsigned i = 0; i < shared->jobs; i++) {
		struct hc_trace_worker *w = &shared->workers[i];

		w->shared = shared;
		w->heap = heap;
		w->first_word = shared->tracer->layout.first_word;
		w->alone = shared->jobs == 1;
		w->scans_left = HC_TRACE_LOOK_SCANS;
		w->lowest = heap->lowest;
		w->extent = heap->highest - heap->lowest;
		w->stack = malloc(HC_TRACE_STACK_ENTRIES * sizeof(*w->stack));
		if (!w->stack)
			return &hc_enomem;
	}
	return NULL;
}

/** Entries hold spans and offsets in fewer bits than a hostile core could ask for. */
static struct hc_error *check_limits(const struct hc_heap *heap)
{
	if (heap->num_spans > UINT64_C(1) << HC_TRACE_SPAN_BITS)
		return hc_error_create(
			HC_ERROR_LIMIT,
			"the heap has %zu separate parts; reachability can handle %llu",
			heap->num_spans, 1ULL << HC_TRACE_SPAN_BITS);
	for (size_t i = 0; i < heap->num_spans; i++)
		if (heap->spans[i].end - heap->spans[i].base > HC_TRACE_OFFSET_MASK)
			return hc_error_at(
				HC_ERROR_LIMIT, heap->spans[i].start,
				"a part of the heap is larger than reachability can handle");
	return NULL;
}

struct hc_error *hc_tracer_create(struct hc_heap *heap, unsigned jobs, struct hc_tracer **ret)
{
	struct hc_error *err = check_limits(heap);

	if (err)
		return err;
	struct hc_tracer *tracer = calloc(1, sizeof(*tracer));
	struct hc_trace_shared *shared = calloc(1, sizeof(*shared));

	if (!tracer || !shared) {
		free(tracer);
		free(shared);
		return &hc_enomem;
	}
	tracer->process = heap->process;
	tracer->heap = heap;
	tracer->shared = shared;
	shared->tracer = tracer;
	for (size_t i = 0; i < heap->num_spans; i++)
		tracer->heap_words += (heap->spans[i].end - heap->spans[i].start) / heap->word_size;
	shared->jobs = jobs ? jobs : 1;
	pthread_mutex_init(&shared->lock, NULL);
	pthread_cond_init(&shared->wake, NULL);
	err = hc_plane_layout_init(heap, &tracer->layout);
	if (!err)
		err = create_workers(shared);
	if (!err)
		err = hc_frontier_init(&tracer->layout, &shared->frontier);
	if (!err) {
		shared->pool = malloc(HC_TRACE_POOL_ENTRIES * sizeof(*shared->pool));
		shared->parts = calloc(shared->jobs + 1, sizeof(*shared->parts));
		if (!shared->pool || !shared->parts)
			err = &hc_enomem;
	}
	if (err) {
		hc_tracer_destroy(tracer);
		return err;
	}
	*ret = tracer;
	return NULL;
}

void hc_tracer_destroy(struct hc_tracer *tracer)
{
	if (!tracer)
		return;
	struct hc_trace_shared *shared = tracer->shared;

	for (unsigned i = 0; shared->workers && i < shared->jobs; i++)
		free(shared->workers[i].stack);
	free(shared->workers);
	free(shared->root_tasks);
	free(shared->pool);
	free(shared->parts);
	hc_frontier_deinit(&shared->frontier);
	pthread_mutex_destroy(&shared->lock);
	pthread_cond_destroy(&shared->wake);
	free(shared);
	hc_plane_layout_deinit(&tracer->layout);
	free(tracer);
}
/**@}*/

/** @name Runs */
/**@{*/

static struct hc_error *work(void *ctx, unsigned worker __attribute__((unused)), size_t task)
{
	struct hc_trace_shared *shared = ctx;
	struct hc_trace_worker *w = &shared->workers[task];

	if (shared->round == HC_TRACE_SWEEP) {
		hc_trace_sweep(w, task);
		return NULL;
	}
	pthread_mutex_lock(&shared->lock);
	shared->active++;
	pthread_mutex_unlock(&shared->lock);
	do {
		while (!hc_trace_cancelled(shared) && !hc_trace_paused(shared) && hc_trace_seed(w))
			hc_trace_drain(w);
	} while (hc_trace_take(w) && (hc_trace_drain(w), true));
	pthread_mutex_lock(&shared->lock);
	shared->active--;
	pthread_mutex_unlock(&shared->lock);
	return NULL;
}

static void begin_round(struct hc_trace_shared *shared, enum hc_trace_round round, size_t num_tasks)
{
	shared->round = round;
	shared->num_tasks = num_tasks;
	shared->next_task = 0;
	shared->done = false;
	shared->paused = false;
	shared->hungry = 0;
	for (unsigned i = 0; i < shared->jobs; i++) {
		struct hc_trace_worker *w = &shared->workers[i];

		w->task_pos = w->task_end = 0;
		w->scans_done = 0;
		w->window = 0;
		w->window_size = round == HC_TRACE_DEPTH ? UINT64_MAX : 0;
	}
}

static struct hc_error *run_workers(struct hc_trace_shared *shared)
{
	struct hc_error *err = hc_parallel_for(shared->jobs, shared->jobs, work, shared);

	return err ? err : hc_watch_check(shared->tracer->heap->process->watch);
}

static uint64_t frontier_size(const struct hc_trace_shared *shared)
{
	uint64_t size = 0;

	for (unsigned i = 0; i < shared->jobs; i++)
		size += shared->workers[i].added - shared->workers[i].taken;
	return size;
}

/** One round after another, sweeping while that finds much, until the frontier is empty. */
static struct hc_error *run_rounds(struct hc_trace_shared *shared)
{
	uint64_t size, last_size = UINT64_MAX, budget = FIRST_BUDGET;
	struct hc_error *err = NULL;

	while (!err && (size = frontier_size(shared))) {
		if (size >= SWEEP_BITS || size / 3 * 2 > last_size) {
			hc_trace_cut_parts(shared);
			begin_round(shared, HC_TRACE_SWEEP, 0);
			shared->descending = !shared->descending;
			last_size = size;
		} else {
			begin_round(shared, HC_TRACE_DEPTH, shared->frontier.num_windows);
			shared->budget = budget;
			budget *= 2;
			last_size = 0; /* sweep next */
		}
		err = run_workers(shared);
	}
	return err;
}

struct hc_error *hc_tracer_run(struct hc_tracer *tracer, enum hc_pass pass, enum hc_seed seed,
			       struct hc_plane *plane)
{
	struct hc_trace_shared *shared = tracer->shared;
	size_t values = (shared->num_values + HC_TRACE_PIECE_WORDS - 1) / HC_TRACE_PIECE_WORDS;
	struct hc_error *err;

	shared->pass = pass;
	shared->seed = seed;
	shared->plane = plane;
	shared->visit = NULL;
	shared->descending = true; /* the first sweep goes up */
	begin_round(shared, HC_TRACE_SEED,
		    seed == HC_SEED_ROOTS ? shared->num_root_tasks + values
					  : tracer->layout.num_stretches);
	err = run_workers(shared);
	return err ? err : run_rounds(shared);
}

void hc_tracer_visit(struct hc_tracer *tracer, const struct hc_visitor *visitor, size_t span,
		     uint64_t unit)
{
	struct hc_trace_shared *shared = tracer->shared;
	struct hc_trace_worker *w = &shared->workers[0];

	shared->pass = HC_PASS_VISIT;
	shared->plane = visitor->seen;
	shared->visit = visitor->fn;
	shared->visit_ctx = visitor->ctx;
	shared->budget = UINT64_MAX;
	begin_round(shared, HC_TRACE_DEPTH, shared->frontier.num_windows);
	hc_plane_set(&tracer->layout, visitor->seen, span, unit);
	if (visitor->fn)
		visitor->fn(visitor->ctx, span, unit);
	w->stack[w->depth++] =
		hc_trace_entry(span, hc_span_offset(&tracer->heap->spans[span], unit)) |
		HC_TRACE_SCAN;
	hc_trace_drain(w);
	while (frontier_size(shared) && !hc_trace_cancelled(shared)) {
		begin_round(shared, HC_TRACE_DEPTH, shared->frontier.num_windows);
		while (hc_trace_seed(w))
			hc_trace_drain(w);
	}
}

void hc_tracer_watch(struct hc_tracer *tracer, struct hc_interiors *interiors)
{
	tracer->shared->interiors = interiors;
}

struct hc_error *hc_tracer_save_stats(const struct hc_tracer *tracer, struct hc_trace_stats **ret)
{
	struct hc_trace_stats *stats = calloc(tracer->shared->jobs, sizeof(*stats));

	if (!stats)
		return &hc_enomem;
	for (unsigned i = 0; i < tracer->shared->jobs; i++)
		stats[i] = tracer->shared->workers[i].stats;
	*ret = stats;
	return NULL;
}

void hc_tracer_restore_stats(struct hc_tracer *tracer, const struct hc_trace_stats *saved)
{
	for (unsigned i = 0; i < tracer->shared->jobs; i++)
		tracer->shared->workers[i].stats = saved ? saved[i] : (struct hc_trace_stats){0};
}

struct hc_trace_stats hc_tracer_stats(const struct hc_tracer *tracer)
{
	struct hc_trace_stats sum = {0};

	for (unsigned i = 0; i < tracer->shared->jobs; i++) {
		const struct hc_trace_stats *stats = &tracer->shared->workers[i].stats;

		sum.words += stats->words;
		sum.pointers += stats->pointers;
		sum.interior += stats->interior;
		for (size_t h = 0; h < HC_NUM_HEURISTICS; h++)
			sum.heuristic[h] += stats->heuristic[h];
	}
	return sum;
}
/**@}*/
