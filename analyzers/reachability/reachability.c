/**
 * @file
 * Reachability: mark what the program can still reach, then sort what is left.
 *
 * The question is Memcheck's, asked of a dead process: which chunks can no code get at any more?
 * Pointers are found conservatively, as in Boehm's collector: every aligned word whose value lies
 * in a chunk is one. That errs towards "reachable", as it must, since nothing distinguishes an
 * integer from a pointer in a core.
 *
 * The heap model has two bits for each chunk in use, and the four answers are their four values.
 * They are computed in place, in this order; b says "a root leads to it", a says "only through an
 * interior pointer" or, for a lost one, "another lost chunk points to it":
 *
 *       b a                after 1             after 2, 3   after 4
 *       0 0  definite      not seen            lost         lost, nothing points to it
 *       0 1  indirect      interior pointer    -            lost, pointed to
 *       1 0  reachable     reachable           reachable    reachable
 *       1 1  possible      both                possible     possible
 *
 * 1. Exact marking. From the words of all roots (roots.c), from registers and pins, every chunk
 * that is pointed to exactly gets b, and its own words are searched in turn. An interior pointer
 * only sets a: whether the chunk is reachable by a better way is known at the end only.
 * 2. Possible marking. Chunks with both bits are reachable: a is cleared. Chunks with a alone are
 * held by an interior pointer at best; from them, any pointer to a chunk without b sets both bits.
 *    Where many chunks are possible, conventions (conventions.h) are looked for, and 1 and 2 done
 *    again with them.
 * 3. Where many chunks are lost, tagged pointers (tagged.h) are looked for, and links of 32 bits
 *    from a base (offsets.h); what they hold becomes possible.
 * 4. What has neither bit is lost. One sweep over the words of the lost chunks finds those that are
 *    pointed to, and lost.c chooses one of each cycle.
 *
 * In the end every word of every root and of every chunk in use has been looked at, and counted
 * exactly once (step 4 apart from lost.c's visits, and from what only hidden links hold, which
 * is not counted), whatever the number of workers: the statistics are exact and reproducible. So
 * are the answers: each step computes a closure, which does not depend on the order of the work.
 * Planes of free chunks hold list codes and are never touched. No edge is stored: see trace_mark.c
 * for how the heap is walked and what bounds the memory.
 *
 * Limits. A pointer that is hidden in other ways (XOR lists, unaligned) is not seen, so
 * that its chunk counts as lost; tagged in the low bits makes it interior, hence "possible" unless
 * that is a convention. A stale word makes a lost chunk look reachable. What the core lacks can
 * make live chunks lost: missing.h.
 */
#include "analyzers/reachability/reachability.h"

#include <stdlib.h>

#include "analyzers/reachability/conventions.h"
#include "analyzers/reachability/hidden.h"
#include "analyzers/reachability/inflight.h"
#include "analyzers/reachability/trace.h"
#include "core/base/cleanup.h"
#include "core/base/parallel.h"

/** @name Sweeps over the planes */
/**@{*/

struct sweep {
	struct hc_tracer *tracer;
	bool interior; /* atomic: some chunk has a without b */
	struct hc_reach_stats *per_worker;
};

/** The blocks of a stretch; mmapped chunks have fewer blocks than plane words. */
static struct hc_block *stretch_blocks(const struct sweep *sweep, size_t task, size_t *num_ret)
{
	const struct hc_stretch *stretch = &sweep->tracer->layout.stretches[task];
	const struct hc_span *span = &sweep->tracer->heap->spans[stretch->span];
	uint64_t to = stretch->to < span->num_blocks ? stretch->to : span->num_blocks;

	*num_ret = to > stretch->from ? to - stretch->from : 0;
	return &span->blocks[stretch->from];
}

static struct hc_error *clear_marks(void *ctx, unsigned worker __attribute__((unused)), size_t task)
{
	size_t num;
	struct hc_block *blocks = stretch_blocks(ctx, task, &num);

	for (size_t i = 0; i < num; i++) {
		uint64_t keep = ~hc_block_in_use(&blocks[i]);

		if ((blocks[i].a | blocks[i].b) & ~keep) {
			blocks[i].a &= keep;
			blocks[i].b &= keep;
		}
	}
	return NULL;
}

/** Step 2, before the marking: a says "interior only" from here on. */
static struct hc_error *settle_interior(void *ctx, unsigned worker __attribute__((unused)),
					size_t task)
{
	struct sweep *sweep = ctx;
	size_t num;
	struct hc_block *blocks = stretch_blocks(sweep, task, &num);

	for (size_t i = 0; i < num; i++) {
		uint64_t in_use = hc_block_in_use(&blocks[i]);

		if (blocks[i].a & blocks[i].b & in_use)
			blocks[i].a &= ~(blocks[i].b & in_use);
		if (blocks[i].a & in_use)
			__atomic_store_n(&sweep->interior, true, __ATOMIC_RELAXED);
	}
	return NULL;
}

/** Count one block: a chunk's size is the distance to the next start bit. */
static void count_block(struct hc_reach_stats *stats, const struct hc_span *span,
			const struct hc_block *block, uint64_t first_unit)
{
	for (uint64_t bits = hc_block_in_use(block); bits; bits &= bits - 1) {
		unsigned bit = __builtin_ctzll(bits);
		uint64_t unit = first_unit + bit, later = block->start >> bit >> 1;
		uint64_t next = later ? unit + 1 + __builtin_ctzll(later)
				      : hc_span_next_start(span, unit + 1);
		uint64_t end =
			next < span->num_units ? hc_span_offset(span, next) : hc_span_limit(span);
		unsigned kind = (block->b >> bit & 1) << 1 | (block->a >> bit & 1);

		stats->kinds[kind].chunks++;
		stats->kinds[kind].bytes += end - hc_span_offset(span, unit);
	}
}

static struct hc_error *count_kinds(void *ctx, unsigned worker, size_t task)
{
	struct sweep *sweep = ctx;
	const struct hc_stretch *stretch = &sweep->tracer->layout.stretches[task];
	const struct hc_span *span = &sweep->tracer->heap->spans[stretch->span];
	size_t num;
	const struct hc_block *blocks = stretch_blocks(sweep, task, &num);

	for (size_t i = 0; i < num; i++)
		count_block(&sweep->per_worker[worker], span, &blocks[i],
			    (stretch->from + i) * HC_UNITS_PER_BLOCK);
	return NULL;
}

static struct hc_error *run_sweep(struct sweep *sweep, hc_task_fn fn)
{
	return hc_process_parallel(sweep->tracer->process, sweep->tracer->layout.num_stretches, fn,
				   sweep);
}
/**@}*/

/**
 * Registers, pins, and chunks that threads inside the allocator hold: roots that are no ranges.
 *
 * @param[out] ret array, freed by the caller
 */
static struct hc_error *collect_values(const struct hc_heap *heap, struct hc_reach_stats *stats,
				       uint64_t **ret, size_t *num_ret)
{
	const struct hc_process *process = heap->process;
	hc_cleanup(hc_inflight_deinit) struct hc_inflight inflight = {0};
	struct hc_error *err = hc_inflight_find(heap, &inflight);
	size_t num = heap->num_pins + inflight.num_chunks, n = 0;

	if (err)
		return err;
	for (size_t i = 0; i < process->threads.num; i++)
		num += process->threads.items[i].num_regs;
	uint64_t *values = calloc(num ? num : 1, sizeof(*values));

	if (!values)
		return &hc_enomem;
	for (size_t i = 0; i < process->threads.num; i++)
		for (unsigned r = 0; r < process->threads.items[i].num_regs; r++)
			values[n++] = process->threads.items[i].regs[r];
	for (size_t i = 0; i < heap->num_pins; i++)
		values[n++] = heap->pins[i].address;
	for (size_t i = 0; i < inflight.num_chunks; i++)
		values[n++] = inflight.chunks[i].address;
	stats->inflight_threads = inflight.num_inside;
	stats->inflight_chunks = inflight.num_chunks;
	*ret = values;
	*num_ret = n;
	return NULL;
}

/** Steps 1 and 2, which take from @p from to @p to of the time. */
static struct hc_error *mark(struct sweep *sweep, double from, double to)
{
	struct hc_watch *watch = sweep->tracer->heap->process->watch;
	struct hc_error *err;

	/* The first pass does nearly all of the work. */
	hc_watch_part(watch, from, from + (to - from) * 0.02);
	if ((err = run_sweep(sweep, clear_marks)))
		return err;
	hc_watch_part(watch, from + (to - from) * 0.02, from + (to - from) * 0.95);
	if ((err = hc_tracer_run(sweep->tracer, HC_PASS_EXACT, HC_SEED_ROOTS, NULL)))
		return err;
	hc_watch_part(watch, from + (to - from) * 0.95, to);
	__atomic_store_n(&sweep->interior, false, __ATOMIC_RELAXED);
	err = run_sweep(sweep, settle_interior);
	if (!err && sweep->interior)
		err = hc_tracer_run(sweep->tracer, HC_PASS_ANY, HC_SEED_INTERIOR, NULL);
	return err;
}

/** Steps 1 and 2, again with the conventions that the program turns out to have. */
static struct hc_error *mark_with_conventions(struct sweep *sweep)
{
	hc_cleanup(hc_interiors_destroyp) struct hc_interiors *interiors = NULL;
	struct hc_tracer *tracer = sweep->tracer;
	bool again = false;
	struct hc_error *err;

	hc_conventions_forget(tracer->heap);
	hc_hidden_forget(tracer->heap);
	if ((err = hc_interiors_create(tracer, &interiors)))
		return err;
	hc_tracer_watch(tracer, interiors);
	if (!(err = mark(sweep, 0, 0.9)) && sweep->interior)
		err = hc_conventions_propose(interiors, &again);
	if (!err && again) {
		hc_tracer_restore_stats(tracer, NULL);
		if (!(err = mark(sweep, 0.9, 0.93)))
			err = hc_conventions_verify(interiors, &again);
	}
	hc_tracer_watch(tracer, NULL);
	if (err || !again)
		return err;
	hc_tracer_restore_stats(tracer, NULL);
	return mark(sweep, 0.93, 0.95);
}

/** Step 3. Words that are looked at once more don't count again. */
static struct hc_error *mark_hidden(struct sweep *sweep, const struct hc_root *roots,
				    size_t num_roots, struct hc_reach_stats *stats)
{
	hc_cleanup_free struct hc_trace_stats *saved = NULL;
	struct hc_error *err = hc_tracer_save_stats(sweep->tracer, &saved);

	if (!err)
		err = hc_tagged_run(sweep->tracer, roots, num_roots, &stats->tagged);
	if (!err)
		err = hc_offsets_run(sweep->tracer, roots, num_roots, &stats->offsets);
	if (!err)
		hc_tracer_restore_stats(sweep->tracer, saved);
	return err;
}

static void fill_pointer_stats(const struct hc_tracer *tracer, struct hc_reach_stats *stats)
{
	struct hc_trace_stats seen = hc_tracer_stats(tracer);

	stats->words_seen = seen.words;
	stats->pointers_seen = seen.pointers;
	stats->pointers_interior = seen.interior;
	for (size_t i = 0; i < HC_NUM_HEURISTICS; i++)
		stats->heuristic[i] = seen.heuristic[i];
}

static void fill_root_stats(const struct hc_memory *memory, const struct hc_root *roots,
			    size_t num_roots, struct hc_reach_stats *stats)
{
	for (size_t i = 0; i < num_roots; i++) {
		uint64_t size = roots[i].end - roots[i].start;

		stats->root_bytes += size;
		stats->root_bytes_missing +=
			size - hc_memory_present(memory, roots[i].start, roots[i].end);
	}
}

static struct hc_error *fill_kind_stats(struct sweep *sweep, struct hc_reach_stats *stats)
{
	unsigned jobs = sweep->tracer->process->jobs;
	hc_cleanup_free struct hc_reach_stats *per_worker = calloc(jobs, sizeof(*per_worker));
	struct hc_error *err;

	if (!per_worker)
		return &hc_enomem;
	sweep->per_worker = per_worker;
	err = run_sweep(sweep, count_kinds);
	for (unsigned i = 0; i < jobs; i++) {
		for (size_t k = 0; k < HC_NUM_REACH; k++) {
			stats->kinds[k].chunks += per_worker[i].kinds[k].chunks;
			stats->kinds[k].bytes += per_worker[i].kinds[k].bytes;
		}
	}
	return err;
}

struct hc_error *hc_reachability_run(struct hc_heap *heap, struct hc_reach_stats *ret)
{
	hc_cleanup_free struct hc_root *roots = NULL;
	hc_cleanup_free uint64_t *values = NULL;
	hc_cleanup(hc_tracer_destroyp) struct hc_tracer *tracer = NULL;
	struct hc_reach_stats stats = {0};
	size_t num_roots, num_values;
	struct hc_error *err;

	if ((err = hc_roots_collect(heap, &roots, &num_roots)) ||
	    (err = collect_values(heap, &stats, &values, &num_values)) ||
	    (err = hc_tracer_create(heap, heap->process->jobs, &tracer)))
		return err;
	struct sweep sweep = {.tracer = tracer};

	if ((err = hc_tracer_set_roots(tracer, roots, num_roots, values, num_values)) ||
	    (err = mark_with_conventions(&sweep)))
		return err;
	hc_watch_part(heap->process->watch, 0.95, 1);
	if ((err = mark_hidden(&sweep, roots, num_roots, &stats)) ||
	    (err = hc_tracer_run(tracer, HC_PASS_POINTED, HC_SEED_LOST, NULL)))
		return err;
	fill_pointer_stats(tracer, &stats);
	fill_root_stats(&heap->process->memory, roots, num_roots, &stats);
	if ((err = hc_lost_sort(tracer, &stats.cycles)) || (err = fill_kind_stats(&sweep, &stats)))
		return err;
	hc_missing_find(heap, roots, num_roots,
			stats.kinds[HC_DEFINITE].chunks + stats.kinds[HC_INDIRECT].chunks,
			&stats.missing);
	heap->reach_known = true;
	*ret = stats;
	return NULL;
}
