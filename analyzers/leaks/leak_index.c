/**
 * @file
 * Classifying lost chunks, in parallel.
 */
#include "analyzers/leaks/leak_index.h"

#include <stdlib.h>

#include "analyzers/leaks/leak_kinds.h"
#include "analyzers/leaks/suppress.h"
#include "core/base/array.h"
#include "core/base/cleanup.h"
#include "core/base/parallel.h"

_Static_assert(HC_MAX_CLASSES <= 1 << HC_LEAK_CLASS_BITS, "a class must fit its planes");

hc_class_id hc_leak_index_textual(const struct hc_leak_index *index, hc_class_id class_id)
{
	return hc_class_of(index->classifier, class_id)->textual ? class_id : HC_LEAK_STRUCTURAL;
}

/** Lost chunks of exactly this size. */
static uint64_t lost_of_size(const struct hc_leak_index *index, uint64_t size)
{
	size_t low = hc_lower_bound(index->sizes.num_rows, i, index->sizes.rows[i].min_size < size);
	return low < index->sizes.num_rows && index->sizes.rows[low].min_size == size
		       ? index->sizes.rows[low].in_use.chunks
		       : 0;
}

/** How much rarer a size must be than the next smaller one to count as that with slack. */
#define SLACK_RARITY 16

/** The most that a chunk of any zone may be larger than asked for. */
static uint64_t most_slack(const struct hc_heap *heap)
{
	uint64_t most = 0;

	for (size_t i = 0; i < heap->num_zones; i++)
		if (heap->zones[i]->slack > most)
			most = heap->zones[i]->slack;
	return most;
}

uint64_t hc_leak_index_kind_size(const struct hc_leak_index *index, uint64_t size)
{
	uint64_t slack = most_slack(index->heap);

	if (slack && size > slack &&
	    lost_of_size(index, size) * SLACK_RARITY <= lost_of_size(index, size - slack))
		return size - slack;
	return size;
}

/** @name Classes */
/**@{*/

struct classify_job {
	struct hc_leak_index *index;
	struct classify_worker {
		struct hc_classifier_scratch *scratch;
		struct hc_selection_scratch *selection_scratch;
		struct hc_count possible;
	} * workers;
};

static void classify_chunk(struct classify_job *job, struct classify_worker *worker, size_t span,
			   uint64_t unit)
{
	struct hc_leak_index *index = job->index;
	struct hc_chunk chunk;

	hc_span_chunk(index->heap, &index->heap->spans[span], unit, &chunk);
	if (chunk.reach == HC_POSSIBLE) {
		if (!index->selection || hc_selection_has(index->selection, index->heap, &chunk,
							  worker->selection_scratch)) {
			worker->possible.chunks++;
			worker->possible.bytes += chunk.size;
		}
		return;
	}
	hc_class_id class_id = hc_classify(index->classifier, worker->scratch,
					   hc_chunk_bytes(index->heap, &chunk));

	for (unsigned i = 0; i < index->class_bits; i++)
		if (class_id >> i & 1)
			hc_plane_set(&index->tracer->layout, &index->classes[i], span, unit);
}

static struct hc_error *classify_stretch(void *ctx, unsigned worker, size_t task)
{
	struct classify_job *job = ctx;
	const struct hc_stretch *stretch = &job->index->tracer->layout.stretches[task];
	const struct hc_span *span = &job->index->heap->spans[stretch->span];

	for (uint64_t i = stretch->from; i < stretch->to && i < span->num_blocks; i++) {
		const struct hc_block *block = &span->blocks[i];
		uint64_t possible = hc_block_in_use(block) & block->a & block->b;

		for (uint64_t bits = hc_block_lost(block) | possible; bits; bits &= bits - 1)
			classify_chunk(job, &job->workers[worker], stretch->span,
				       i * HC_UNITS_PER_BLOCK + __builtin_ctzll(bits));
	}
	return NULL;
}

static struct hc_error *create_scratch(struct classify_job *job, unsigned jobs)
{
	struct hc_error *err = NULL;

	for (unsigned i = 0; !err && i < jobs; i++) {
		err = hc_classifier_scratch_create(job->index->classifier,
						   &job->workers[i].scratch);
		if (!err && job->index->selection)
			err = hc_selection_scratch_create(job->index->selection,
							  &job->workers[i].selection_scratch);
	}
	return err;
}

static struct hc_error *classify_lost(struct hc_leak_index *index, struct hc_count *possible_ret)
{
	const struct hc_process *process = index->heap->process;
	struct hc_count possible = {0};
	hc_cleanup_free struct classify_worker *workers = calloc(process->jobs, sizeof(*workers));
	struct hc_error *err;

	if (!workers)
		return &hc_enomem;
	struct classify_job job = {index, workers};

	err = create_scratch(&job, process->jobs);
	if (!err)
		err = hc_process_parallel(process, index->tracer->layout.num_stretches,
					  classify_stretch, &job);
	for (unsigned i = 0; i < process->jobs; i++) {
		possible.chunks += workers[i].possible.chunks;
		possible.bytes += workers[i].possible.bytes;
		hc_classifier_scratch_destroy(workers[i].scratch);
		hc_selection_scratch_destroy(workers[i].selection_scratch);
	}
	*possible_ret = possible;
	return err;
}
/**@}*/

static struct hc_error *count_sizes(struct hc_target *target, struct hc_leak_index *index)
{
	struct hc_selection lost;

	hc_selection_init(&lost);
	lost.reaches = HC_REACH_LEAKED;
	struct hc_error *err = hc_histogram_run(target, &lost, false, &index->sizes);

	hc_selection_deinit(&lost);
	return err;
}

struct hc_error *hc_leak_index_create(struct hc_target *target,
				      const struct hc_selection *selection,
				      struct hc_count *possible_ret, struct hc_leak_index **ret)
{
	struct hc_leak_index *index = calloc(1, sizeof(*index));
	struct hc_types *types = NULL;

	if (!index)
		return &hc_enomem;
	struct hc_error *err = hc_target_classifier(target, &index->classifier);
	if (!err)
		err = hc_target_types(target, HC_TYPES_QUICK, &types);
	if (err) {
		free(index);
		return err;
	}
	index->heap = target->heap;
	index->types = types;
	index->selection = selection;
	while (1u << index->class_bits < hc_signatures_num_classes(target->signatures))
		index->class_bits++;
	/* HC_PASS_VISIT does not write to the heap. */
	err = hc_tracer_create((struct hc_heap *)index->heap, 1, &index->tracer);
	for (unsigned i = 0; !err && i < index->class_bits; i++)
		err = hc_plane_init(&index->tracer->layout, &index->classes[i]);
	if (!err && target->suppressions)
		err = hc_suppressor_create(target, target->suppressions, &index->suppressor);
	if (!err)
		err = count_sizes(target, index);
	if (!err)
		err = classify_lost(index, possible_ret);
	if (!err)
		err = hc_leak_kinds_find_roots(index, index->sizes.in_use.chunks, &index->roots);
	if (err) {
		hc_leak_index_destroy(index);
		return err;
	}
	*ret = index;
	return NULL;
}

void hc_leak_index_destroy(struct hc_leak_index *index)
{
	if (!index)
		return;
	for (unsigned i = 0; i < index->class_bits; i++)
		hc_plane_deinit(&index->classes[i]);
	hc_plane_deinit(&index->roots);
	hc_suppressor_destroy(index->suppressor);
	hc_tracer_destroy(index->tracer);
	hc_histogram_deinit(&index->sizes);
	free(index);
}

struct hc_error *hc_leak_index_each_root(const struct hc_leak_index *index, hc_leak_root_fn fn,
					 void *ctx)
{
	struct hc_watch *watch = index->heap->process->watch;
	struct hc_error *err = hc_watch_check(watch);

	for (size_t s = 0; s < index->heap->num_spans && !err; s++) {
		const struct hc_span *span = &index->heap->spans[s];

		for (uint64_t i = 0; i < span->num_blocks; i++) {
			uint64_t first = i * HC_UNITS_PER_BLOCK;
			uint64_t bits =
				*hc_plane_word(&index->tracer->layout, &index->roots, s, first);

			if (bits && hc_watch_cancelled(watch))
				err = hc_watch_check(watch);

			for (; !err && bits; bits &= bits - 1)
				err = fn(ctx, s, first + __builtin_ctzll(bits));
			if (err)
				return err;
		}
	}
	return NULL;
}

struct hc_error *hc_leak_index_begin(const struct hc_leak_index *index, struct hc_plane *ret)
{
	struct hc_error *err = hc_plane_init(&index->tracer->layout, ret);

	/* Trees end where others begin. */
	if (!err)
		hc_plane_copy(&index->tracer->layout, ret, &index->roots);
	return err;
}

void hc_leak_index_visit(const struct hc_leak_index *index, const struct hc_visitor *visitor,
			 size_t span, uint64_t unit)
{
	*hc_plane_word(&index->tracer->layout, visitor->seen, span, unit) &=
		~(UINT64_C(1) << unit % HC_UNITS_PER_BLOCK);
	hc_tracer_visit(index->tracer, visitor, span, unit);
}
