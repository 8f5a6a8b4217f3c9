/**
 * @file
 * The pipeline; see pipeline.h.
 */
#include "analyzers/counts/class_count.h"
#include "analyzers/counts/type_count.h"
#include "pipeline.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "analyzers/containers/containers.h"
#include "analyzers/inspect/damage.h"
#include "analyzers/blocks/contents.h"
#include "analyzers/blocks/held.h"
#include "analyzers/inspect/regions.h"
#include "analyzers/inspect/touched.h"
#include "analyzers/owners/owners.h"
#include "analyzers/inspect/what.h"
#include "analyzers/search/search.h"
#include "analyzers/verdict/verdict.h"
#include "core/base/cleanup.h"

/** One thread: what is found can be found again. A sysroot that is empty: a core's paths open no
 * files. */
static const struct hc_process_options process_options = {
	.modules = {.sysroot = "/proc/nonexistent"},
	.decompress = {.tmpdir = "/tmp"},
	.jobs = 1,
};

static void check(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "pipeline: %s\n", what);
	abort();
}

/** Errors may come from hostile input, but they have a message. */
static bool failed(struct hc_error *err)
{
	if (!err)
		return false;
	check(err->message && *err->message, "an error without a message");
	hc_error_destroy(err);
	return true;
}

/** Chunks lie in their spans, in order, and none overlaps the next. */
static void check_chunks(const struct hc_heap *heap)
{
	struct hc_chunk_iter iter;
	struct hc_chunk chunk;
	uint64_t end = 0;

	hc_chunk_iter_heap(&iter, heap);
	while (hc_chunk_iter_next(&iter, &chunk)) {
		check(chunk.address >= end, "chunks overlap");
		check(chunk.usable <= chunk.size, "more usable than there is");
		check(chunk.address + chunk.usable >= chunk.address, "a chunk wraps around");
		end = chunk.address + chunk.usable - (chunk.usable ? heap->word_size : 0);
	}
}

static void run_histogram(struct hc_target *target)
{
	struct hc_histogram histogram;
	struct hc_count sum = {0};

	if (failed(hc_histogram_run(target, NULL, false, &histogram)))
		return;
	for (size_t i = 0; i < histogram.num_rows; i++) {
		sum.chunks += histogram.rows[i].in_use.chunks;
		sum.bytes += histogram.rows[i].in_use.bytes;
	}
	check(sum.chunks == histogram.in_use.chunks && sum.bytes == histogram.in_use.bytes,
	      "the rows of the histogram don't add up");
	hc_histogram_deinit(&histogram);
}

static void run_accounting(struct hc_target *target)
{
	struct hc_arena_table arenas = {0};
	struct hc_accounting accounting;
	uint64_t sum = 0;

	if (target->heap && failed(hc_arenas_run(target, &arenas)))
		return;
	hc_accounting_run(target, target->heap ? &arenas : NULL, &accounting);
	hc_arenas_deinit(&arenas);
	for (unsigned i = 0; i < HC_NUM_PARTS; i++)
		sum += accounting.parts[i];
	check(sum == accounting.total, "the parts of the accounting don't add up");
}

static void run_blocks(struct hc_target *target, const struct hc_owners *owners)
{
	struct hc_block_contents contents;
	struct hc_blocks blocks;
	struct hc_held held;

	if (failed(hc_blocks_find(target->process, owners, &blocks)))
		return;
	if (!failed(hc_held_run(target->process, target->heap, owners, &blocks, &held))) {
		check(held.lost <= held.num, "more mappings are lost than there are");
		hc_held_deinit(&held);
	}
	for (size_t i = 0; i < blocks.num && i < 4; i++)
		if (!failed(hc_block_contents_run(target, &blocks.sets[i], &contents)))
			hc_block_contents_deinit(&contents);
	hc_blocks_deinit(&blocks);
}

static void run_regions(struct hc_target *target)
{
	struct hc_regions regions;
	struct hc_touched touched;
	struct hc_owners owners;

	if (failed(hc_owners_run(target->process, target->heap, &owners)))
		return;
	for (size_t i = 1; i < owners.num_ranges; i++)
		check(owners.ranges[i - 1].end <= owners.ranges[i].start,
		      "two owners have the same bytes");
	if (!failed(hc_regions_run(target, &owners, &regions)))
		hc_regions_deinit(&regions);
	if (!failed(hc_touched_run(target->process, &touched)))
		hc_touched_deinit(&touched);
	run_blocks(target, &owners);
	hc_owners_deinit(&owners);
}

static void run_verdict(struct hc_target *target)
{
	struct hc_verdict verdict;

	if (!failed(hc_verdict_run(target, &verdict)))
		hc_verdict_deinit(&verdict);
}

/** Names of all types are made, since names are what a core can be hostile with. */
static void run_types(struct hc_target *target, struct hc_types *types)
{
	struct hc_type_table table;
	struct hc_count sum = {0};

	if (failed(hc_types_count(target, NULL, &table)))
		return;
	for (size_t i = 0; i < table.num_rows; i++) {
		const char *name = hc_type_name(types, table.rows[i].type);
		check(name && *name, "a type without a name");
		sum.chunks += table.rows[i].count.all.chunks;
	}
	check(sum.chunks == table.typed.chunks && sum.chunks <= table.total.chunks,
	      "the types don't add up");
	hc_type_table_deinit(&table);
}

static bool count_chunk(void *ctx, const struct hc_chunk *chunk, bool indirect)
{
	struct hc_count *counts = ctx;

	counts[indirect].chunks++;
	counts[indirect].bytes += chunk->size;
	return true;
}

static void run_leaks(struct hc_target *target)
{
	struct hc_leaks leaks;

	if (failed(hc_leaks_run(target, NULL, &leaks)))
		return;
	for (size_t i = 0; i < leaks.num_groups && i < 20; i++) {
		struct hc_count counts[2] = {0};
		if (failed(hc_leaks_each(&leaks, i + 1, count_chunk, counts)))
			continue;
		check(counts[0].chunks == leaks.groups[i].roots.chunks &&
			      counts[1].chunks == leaks.groups[i].below.chunks &&
			      counts[1].bytes == leaks.groups[i].below.bytes,
		      "a group of leaks has other chunks than it says");
	}
	hc_leaks_deinit(&leaks);
}

static void run_classify(struct hc_target *target)
{
	struct hc_class_table table;
	struct hc_count sum = {0};

	if (failed(hc_classify_run(target, NULL, &table)))
		return;
	for (unsigned i = 0; i < HC_MAX_CLASSES; i++) {
		sum.chunks += table.classes[i].all.chunks;
		sum.bytes += table.classes[i].all.bytes;
	}
	check(sum.chunks == table.total.chunks && sum.bytes == table.total.bytes,
	      "the classes don't add up");
}

static bool look_at(void *ctx, const struct hc_search_hit *hit)
{
	uint64_t *sum = ctx;

	/* Reads what it was given. */
	for (size_t i = 0; i < hit->text.size; i++)
		*sum += hit->text.data[i];
	return true;
}

static void run_search(struct hc_target *target, const char *text, enum hc_search_scope scope,
		       uint64_t top)
{
	const struct hc_pattern_options pattern_options = {};
	uint64_t sum = 0;
	const struct hc_search_options options = {
		.scope = scope, .top = top, .fn = top ? NULL : look_at, .ctx = &sum};
	struct hc_pattern *pattern;
	struct hc_search_result result;

	if (failed(hc_pattern_compile(text, &pattern_options, &pattern)))
		return;
	if (!failed(hc_search_run(target, pattern, &options, &result)))
		hc_search_result_deinit(&result);
	hc_pattern_destroy(pattern);
}

static void run_what(struct hc_target *target, uint64_t address)
{
	struct hc_containment part;
	struct hc_what what;

	if (failed(hc_what_run(target, address, 10, &what)))
		return;
	bool in_use = what.in_chunk && what.chunk.state == HC_IN_USE;

	failed(hc_containers_of(target, address, in_use ? &what.chunk : NULL, &what.referrers,
				&part));
	if (in_use)
		failed(hc_containers_counted(target, &what.chunk, &part));
	hc_what_deinit(&what);
}

/** No chunk is a part of two. */
static void run_containers(struct hc_target *target)
{
	struct hc_containers containers;
	uint64_t bytes = 0;

	if (failed(hc_containers_find(target, UINT_MAX, 100, &containers)))
		return;
	for (size_t i = 0; i < HC_NUM_CONTAINER_KINDS; i++)
		bytes += containers.kinds[i].chunks.bytes;
	check(bytes <= hc_heap_bytes(target->heap), "containers have more than the heap");
	hc_containers_deinit(&containers);
}

/** Addresses that are likely to be special: of arenas, the first chunks of spans, inconsistencies.
 */
static void run_whats(struct hc_target *target)
{
	const struct hc_process *process = target->process;
	const struct hc_heap *heap = target->heap;

	if (heap->num_arenas)
		run_what(target, heap->arenas[0].address);
	if (heap->num_spans)
		run_what(target, heap->spans[0].start + 2 * heap->word_size);
	if (heap->num_inconsistencies)
		run_what(target, heap->inconsistencies[0].address);
	if (process->threads.num)
		run_what(target, process->threads.items[0].sp);
	run_what(target, 0);
}

/** What `check` shows of each inconsistency. */
static void run_damage(struct hc_target *target, const struct hc_classifier *classifier)
{
	const struct hc_heap *heap = target->heap;
	struct hc_classifier_scratch *scratch;

	if (failed(hc_target_check(target)) ||
	    failed(hc_classifier_scratch_create(classifier, &scratch)))
		return;
	for (size_t i = 0; i < heap->num_inconsistencies; i++) {
		const struct hc_inconsistency *fault = &heap->inconsistencies[i];
		struct hc_damage damage;
		hc_damage_look(target, fault, scratch, &damage);
		hc_damage_explains_abort(heap, fault);
		check(fault->what && *fault->what, "an inconsistency without words");
	}
	hc_classifier_scratch_destroy(scratch);
}

static void analyze(struct hc_target *target)
{
	const struct hc_classifier *classifier;
	struct hc_types *types;

	if (failed(hc_target_types(target, HC_TYPES_FULL, &types)) ||
	    failed(hc_target_classifier(target, &classifier)))
		return;
	check_chunks(target->heap);
	run_damage(target, classifier);
	run_histogram(target);
	run_verdict(target);
	run_types(target, types);
	run_accounting(target);
	run_leaks(target);
	run_classify(target);
	run_regions(target);
	run_search(target, "[a-z]+:[0-9]+", HC_SEARCH_CHUNKS, 10);
	run_search(target, "(?i)session", HC_SEARCH_CHUNKS, 0);
	run_whats(target);
	run_containers(target);
}

/** The same for all cores, and dear to make. */
static const struct hc_signatures *signatures(void)
{
	static struct hc_signatures *set;

	if (!set && failed(hc_signatures_create(NULL, 0, &set)))
		check(false, "no signatures");
	return set;
}

static bool opened(const char *path, struct hc_target **ret)
{
	const struct hc_target_options options = {.process = process_options,
						  .signatures = signatures()};

	return !failed(hc_target_open(path, &options, NULL, ret));
}

enum pipeline_outcome pipeline_run(const char *path)
{
	hc_cleanup(hc_target_closep) struct hc_target *target = NULL;
	const struct hc_heap *heap;

	if (!opened(path, &target))
		return PIPELINE_REFUSED;
	if (failed(hc_target_heap(target, &heap))) {
		run_accounting(target);
		run_regions(target);
		run_verdict(target);
		return PIPELINE_NO_HEAP;
	}
	analyze(target);
	return target->process->diag.partial || heap->partial ? PIPELINE_PARTIAL : PIPELINE_WHOLE;
}

enum pipeline_outcome pipeline_open(const char *path)
{
	hc_cleanup(hc_target_closep) struct hc_target *target = NULL;
	uint64_t previous = 0;

	if (!opened(path, &target))
		return PIPELINE_REFUSED;
	const struct hc_process *process = target->process;
	for (size_t i = 0; i < process->mappings.num; i++) {
		const struct hc_mapping *mapping = &process->mappings.items[i];
		check(mapping->start >= previous && mapping->end > mapping->start,
		      "mappings overlap or are out of order");
		previous = mapping->end;
	}
	run_accounting(target);
	return process->diag.partial ? PIPELINE_PARTIAL : PIPELINE_WHOLE;
}
