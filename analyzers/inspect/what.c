/**
 * @file
 * What is known about one address.
 */
#include "analyzers/inspect/what.h"

#include <stdlib.h>

#include "analyzers/inspect/what_reach.h"
#include "core/base/cleanup.h"

/** Bytes shown of an address that is in no chunk. */
#define PLAIN_BYTES 256

/** @name The address itself */
/**@{*/

static void describe_place(struct hc_process *process, struct hc_what *what)
{
	what->mapping = hc_mappings_find(&process->mappings, what->address);
	what->thread = hc_threads_at(&process->threads, what->address);
	what->module = hc_modules_find(&process->modules, what->address);
	if (what->module && !hc_modules_symbol(&process->modules, what->address, &what->symbol,
					       &what->symbol_offset))
		what->symbol = NULL;
}

static struct hc_error *describe_content(const struct hc_classifier *classifier,
					 struct hc_what *what)
{
	struct hc_classifier_scratch *scratch = NULL;
	struct hc_error *err = hc_classifier_scratch_create(classifier, &scratch);

	if (!err) {
		what->class_id = hc_classify(classifier, scratch, what->bytes);
		what->sample = hc_class_sample(classifier, scratch, what->class_id, what->bytes);
	}
	hc_classifier_scratch_destroy(scratch);
	return err;
}

static struct hc_error *find_targets(const struct hc_heap *heap, struct hc_what *what)
{
	unsigned word = heap->word_size;

	what->targets = calloc(HC_WHAT_MAX_TARGETS, sizeof(*what->targets));
	if (!what->targets)
		return &hc_enomem;
	for (size_t i = 0; i + word <= what->bytes.size && what->num_targets < HC_WHAT_MAX_TARGETS;
	     i += word) {
		struct hc_what_target target = {
			.offset = i,
			.value = hc_read_word(what->bytes.data + i, word, heap->big_endian),
		};

		if (hc_heap_pointee(heap, target.value, &target.chunk))
			what->targets[what->num_targets++] = target;
	}
	return NULL;
}

static struct hc_error *describe_chunk(const struct hc_heap *heap,
				       const struct hc_classifier *classifier, struct hc_what *what)
{
	const struct hc_special *special = hc_heap_special(heap, what->chunk.address);
	const struct hc_pin *pin = hc_heap_pin(heap, what->chunk.address);
	struct hc_error *err;

	what->special = special ? special->what : pin ? pin->what : NULL;
	hc_chunk_request(heap, &what->chunk, &what->request_min, &what->request_max);
	what->bytes = hc_chunk_bytes(heap, &what->chunk);
	err = describe_content(classifier, what);
	if (!err && what->chunk.state == HC_IN_USE)
		err = find_targets(heap, what);
	return err;
}
/**@}*/

struct hc_error *hc_what_run(struct hc_target *target, uint64_t address, size_t max_referrers,
			     struct hc_what *ret)
{
	struct hc_what what = {.address = address, .class_id = HC_CLASS_NONE};
	const struct hc_classifier *classifier = NULL;
	const struct hc_heap *heap;
	struct hc_error *err = hc_target_heap_if_any(target, &heap);

	if (!err && heap)
		err = hc_target_classifier(target, &classifier);
	if (err)
		return err;
	hc_target_phase(target, HC_PHASE_REFER);
	describe_place(target->process, &what);
	what.in_chunk = heap && hc_heap_chunk_at(heap, address, &what.chunk);
	if (what.in_chunk)
		err = describe_chunk(heap, classifier, &what);
	else
		what.bytes = hc_memory_view(&target->process->memory, address, PLAIN_BYTES);
	const struct hc_refer_query query = {
		.process = target->process,
		.heap = heap,
		.referents = &what.referent,
		.num = 1,
		.max = max_referrers,
		.doubts = heap && !heap->reach_known,
	};
	what.reach_known = heap && heap->reach_known;
	hc_referent_of(heap, address, &what.referent);
	if (!err)
		err = hc_referrers_find(&query, &what.referrers);
	if (err) {
		hc_what_deinit(&what);
		return err;
	}
	*ret = what;
	return NULL;
}

/** Try without marking; hc_what::reach_known tells whether that did. */
static struct hc_error *run_unmarked(struct hc_target *target, uint64_t address,
				     size_t max_referrers, struct hc_what *ret)
{
	hc_cleanup(hc_what_deinit) struct hc_what what = {0};
	struct hc_error *err = hc_what_run(target, address, max_referrers, &what);

	if (!err)
		err = hc_what_prove(target->heap, &what);
	if (err || !what.reach_known)
		return err;
	*ret = what;
	what = (struct hc_what){0};
	return NULL;
}

struct hc_error *hc_what_run_reached(struct hc_target *target, uint64_t address,
				     size_t max_referrers, uint64_t many, struct hc_what *ret)
{
	const struct hc_heap *heap;
	struct hc_error *err = hc_target_heap_if_any(target, &heap);

	*ret = (struct hc_what){0};
	if (!err && heap && !heap->reach_known && hc_heap_num_chunks(heap) >= many)
		err = run_unmarked(target, address, max_referrers, ret);
	if (err || ret->reach_known)
		return err;
	if (heap)
		err = hc_target_reach(target, NULL);
	return err ? err : hc_what_run(target, address, max_referrers, ret);
}

void hc_what_deinit(struct hc_what *what)
{
	hc_paths_deinit(&what->paths);
	hc_referrers_deinit(&what->referrers);
	free(what->targets);
	*what = (struct hc_what){0};
}
