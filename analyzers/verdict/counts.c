/**
 * @file
 * Exact counts of held chunks: how many of a finding are of its type, and of its class.
 *
 * Growth knows both of a few hundred chunks of each size. Types are counted in all chunks: that
 * reads a word of each. A class reads all of a chunk, at about 300 MB/s, and more of small ones, so
 * that findings are counted in the order of the list while they fit MAX_CLASSIFIED: half a second
 * of one processor. What does not fit stays an estimate, with the size of its sample.
 */
#include <stdlib.h>

#include "analyzers/select/tally.h"
#include "analyzers/verdict/offer.h"
#include "analyzers/verdict/verdict.h"
#include "core/base/cleanup.h"

/** Bytes whose class is counted, of all findings together, and what a chunk costs beside its own.
 */
#define MAX_CLASSIFIED (UINT64_C(160) << 20)
#define CHUNK_COST 32
#define TASK_CHUNKS 1024

/** @name Classes */
/**@{*/

/** One finding, whose sample has all of its chunks. */
struct class_run {
	struct hc_target *target;
	const struct hc_classifier *classifier;
	const struct hc_chunk_sample *sample;
	hc_class_id class_id;
	struct class_worker {
		struct hc_classifier_scratch *scratch;
		struct hc_count count;
	} * workers;
};

static struct hc_error *classify_task(void *ctx, unsigned worker, size_t task)
{
	const struct class_run *run = ctx;
	const struct hc_heap *heap = run->target->heap;
	struct class_worker *own = &run->workers[worker];
	size_t from = task * TASK_CHUNKS, to = from + TASK_CHUNKS;
	struct hc_chunk chunk;

	for (size_t i = from; i < to && i < run->sample->num; i++) {
		if (i + HC_FETCH_AHEAD < run->sample->num)
			hc_heap_fetch(heap, run->sample->addresses[i + HC_FETCH_AHEAD],
				      HC_FETCH_BYTES);
		if (hc_heap_chunk_at(heap, run->sample->addresses[i], &chunk) &&
		    hc_classify(run->classifier, own->scratch, hc_chunk_bytes(heap, &chunk)) ==
			    run->class_id)
			hc_count_chunk(&own->count, &chunk);
	}
	return NULL;
}

static struct hc_error *classify_all(struct class_run *run, struct hc_finding *finding)
{
	size_t tasks = (run->sample->num + TASK_CHUNKS - 1) / TASK_CHUNKS;

	for (unsigned i = 0; i < run->target->process->jobs; i++)
		run->workers[i].count = (struct hc_count){0};
	struct hc_error *err = hc_process_parallel(run->target->process, tasks, classify_task, run);
	if (err)
		return err;
	finding->looked_at = run->sample->num;
	finding->class_count = (struct hc_count){0};
	for (unsigned i = 0; i < run->target->process->jobs; i++)
		hc_count_add(&finding->class_count, &run->workers[i].count);
	return NULL;
}

/** Whether a class is known of a part only, and a sample has all. */
static bool can_be_exact(const struct hc_finding *finding, const struct hc_chunk_sample *sample)
{
	return finding->growth && finding->looked_at < finding->count.chunks &&
	       sample->num == finding->count.chunks;
}

static struct hc_error *count_classes(struct class_run *run, const struct hc_chunk_sample *samples,
				      struct hc_findings *findings)
{
	struct hc_error *err = NULL;
	uint64_t cost = 0;

	for (size_t i = 0; !err && i < findings->num; i++) {
		struct hc_finding *finding = &findings->items[i];
		uint64_t own = finding->count.bytes + CHUNK_COST * finding->count.chunks;

		if (!can_be_exact(finding, &samples[i]) || cost + own > MAX_CLASSIFIED)
			continue;
		cost += own;
		run->sample = &samples[i];
		run->class_id = finding->class_id;
		err = classify_all(run, finding);
	}
	return err;
}

struct hc_error *hc_findings_count_classes(struct hc_target *target,
					   const struct hc_chunk_sample *samples,
					   struct hc_findings *findings)
{
	unsigned jobs = target->process->jobs;
	hc_cleanup_free struct class_worker *workers = calloc(jobs, sizeof(*workers));
	struct class_run run = {.target = target, .workers = workers};
	struct hc_error *err = workers ? hc_target_classifier(target, &run.classifier) : &hc_enomem;

	for (unsigned i = 0; !err && i < jobs; i++)
		err = hc_classifier_scratch_create(run.classifier, &workers[i].scratch);
	if (!err)
		err = count_classes(&run, samples, findings);
	for (unsigned i = 0; workers && i < jobs; i++)
		hc_classifier_scratch_destroy(workers[i].scratch);
	return err;
}
/**@}*/

/** @name Types */
/**@{*/

/** Chunks of each finding that are of its type, and objects that do not start them. */
struct type_counts {
	uint64_t chunks[HC_MAX_FINDINGS], objects[HC_MAX_FINDINGS];
};

struct type_count {
	const struct hc_verdict *verdict;
	struct hc_types *types;
	struct type_counts all;
};

static struct hc_error *count_type(void *ctx, void *own, const struct hc_chunk *chunk)
{
	const struct type_count *count = ctx;
	const struct hc_findings *findings = &count->verdict->findings;
	struct type_counts *counts = own;
	size_t i = hc_findings_of_size(count->verdict, chunk->size);
	struct hc_type_objects objects;

	if (i >= findings->num || findings->items[i].type == HC_TYPE_NONE ||
	    hc_type_of(count->types, chunk) != findings->items[i].type)
		return NULL;
	counts->chunks[i]++;
	if (hc_type_is_inside(findings->items[i].type) &&
	    hc_type_find_objects(count->types, chunk, &objects))
		counts->objects[i] += objects.count;
	return NULL;
}

static struct hc_error *add_type_counts(void *ctx, void *own)
{
	struct type_count *count = ctx;
	const struct type_counts *counts = own;

	for (size_t i = 0; i < HC_MAX_FINDINGS; i++) {
		count->all.chunks[i] += counts->chunks[i];
		count->all.objects[i] += counts->objects[i];
	}
	return NULL;
}

struct hc_error *hc_findings_count_types(struct hc_target *target, struct hc_verdict *verdict)
{
	static const struct hc_tally tally = {
		.phase = HC_PHASE_TYPE,
		.worker_size = sizeof(struct type_counts),
		.slice_bytes = UINT64_C(4) << 20,
		.chunk = count_type,
		.merge = add_type_counts,
	};
	struct hc_findings *findings = &verdict->findings;
	struct type_count count = {.verdict = verdict};
	hc_cleanup(hc_selection_deinit) struct hc_selection selection;
	bool any = false;

	for (size_t i = 0; i < findings->num; i++)
		any |= findings->items[i].growth && findings->items[i].type != HC_TYPE_NONE;
	hc_selection_init(&selection);
	selection.reaches = 1u << HC_REACHABLE | 1u << HC_POSSIBLE;
	struct hc_error *err = NULL;
	if (!any || (err = hc_target_types(target, HC_TYPES_QUICK, &count.types)) ||
	    (err = hc_selection_prepare(&selection, target)) ||
	    (err = hc_tally_run(target, &selection, &tally, &count)))
		return err;
	for (size_t i = 0; i < findings->num; i++) {
		struct hc_finding *finding = &findings->items[i];

		if (!finding->growth || finding->type == HC_TYPE_NONE)
			continue;
		finding->type_chunks = count.all.chunks[i];
		finding->type_objects = count.all.objects[i];
	}
	return NULL;
}
/**@}*/
