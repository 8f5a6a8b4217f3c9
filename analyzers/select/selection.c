/**
 * @file
 * Evaluating selections. Filters run from the cheapest to the dearest: bits of the
 * chunk, numbers, then its bytes.
 */
#include "analyzers/select/selection.h"

#include <inttypes.h>

#include "analyzers/inspect/thread_names.h"
#include "analyzers/pattern/pattern.h"
#include "analyzers/target.h"
#include "core/base/array.h"
#include "core/base/cleanup.h"
#include "core/base/nearest.h"

void hc_selection_init(struct hc_selection *selection)
{
	*selection = (struct hc_selection){.states = 1u << HC_IN_USE};
}

void hc_selection_deinit(struct hc_selection *selection)
{
	hc_pattern_destroy(selection->match);
	free(selection->type_set);
	free(selection->arena_set);
	free(selection->sizes);
	free(selection->members);
	hc_selection_init(selection);
}

/** @ref HC_ERROR_ARGUMENT with the class that was meant. */
static struct hc_error *unknown_class(const struct hc_signatures *signatures, const char *text)
{
	struct hc_nearest nearest = hc_nearest_to(text);

	for (size_t i = 0; i < hc_signatures_num_classes(signatures); i++) {
		hc_nearest_offer(&nearest, hc_signatures_class(signatures, i)->name);
		hc_nearest_offer(&nearest, hc_signatures_class(signatures, i)->title);
	}
	return hc_error_about(
		hc_error_create(HC_ERROR_ARGUMENT, "there is no content class '%.100s'%s%s%s", text,
				nearest.word ? "; did you mean '" : "",
				nearest.word ? nearest.word : "", nearest.word ? "'?" : ""),
		HC_ABOUT_CLASS);
}

/** The same of a type. */
static struct hc_error *unknown_type(struct hc_types *types, const char *text)
{
	const char *meant;
	struct hc_error *err = hc_types_nearest(types, text, &meant);

	if (err)
		return err;
	return hc_error_about(
		hc_error_create(HC_ERROR_ARGUMENT,
				"'%.100s' is the name of no type that this process has%s%s%s", text,
				meant ? "; did you mean '" : "", meant ? meant : "",
				meant ? "'?" : ""),
		HC_ABOUT_TYPE);
}

struct hc_error *hc_selection_check_classes(const struct hc_selection *selection,
					    const struct hc_signatures *signatures)
{
	for (unsigned i = 0; i < selection->num_classes; i++) {
		const char *name = selection->class_names[i];

		if (hc_signatures_find(signatures, name) == HC_CLASS_NONE)
			return unknown_class(signatures, name);
	}
	return NULL;
}

_Static_assert(HC_MAX_CLASSES <= sizeof(((struct hc_selection *)NULL)->classes) * 8,
	       "a bit for each class");

static struct hc_error *prepare_classes(struct hc_selection *selection, struct hc_target *target)
{
	const struct hc_classifier *classifier;
	const struct hc_signatures *signatures;
	struct hc_error *err = hc_target_classifier(target, &classifier);

	if (err)
		return err;
	signatures = hc_classifier_signatures(classifier);
	err = hc_selection_check_classes(selection, signatures);
	if (err)
		return err;
	memset(selection->classes, 0, sizeof(selection->classes));
	for (unsigned i = 0; i < selection->num_classes; i++) {
		hc_class_id class_id = hc_signatures_find(signatures, selection->class_names[i]);

		selection->classes[class_id / 64] |= UINT64_C(1) << class_id % 64;
	}
	selection->classifier = classifier;
	return NULL;
}

static struct hc_error *prepare_types(struct hc_selection *selection, struct hc_target *target)
{
	struct hc_types *types;
	struct hc_error *err = hc_target_types(target, HC_TYPES_FULL, &types);

	if (err)
		return err;
	size_t num = hc_types_num(types) / 64 + 1;
	hc_cleanup_free uint64_t *set = calloc(num, sizeof(*set));

	if (!set)
		return &hc_enomem;
	for (unsigned i = 0; i < selection->num_types; i++) {
		bool found = false;
		err = hc_types_find(types, selection->type_names[i], set, &found);
		if (err)
			return err;
		if (!found)
			return unknown_type(types, selection->type_names[i]);
	}
	free(selection->type_set);
	selection->type_set = hc_steal(set);
	selection->types = types;
	return NULL;
}

static bool has_mmapped(const struct hc_heap *heap)
{
	for (size_t i = 0; i < heap->num_spans; i++)
		if (heap->spans[i].arena == HC_ARENA_MMAP)
			return true;
	return false;
}

/** An arena that is not there is a mistake, not an empty answer. */
static struct hc_error *check_arena(const struct hc_selection *selection, struct hc_target *target)
{
	const struct hc_heap *heap;
	struct hc_error *err = hc_target_heap(target, &heap);

	if (err || !selection->arena)
		return err;
	if (selection->arena == HC_ARENA_MMAP)
		return has_mmapped(heap) ? NULL
					 : hc_error_create(HC_ERROR_ARGUMENT,
							   "there is no arena mmap; this process "
							   "has no mmapped chunks");
	if (selection->arena < heap->num_arenas)
		return NULL;
	return hc_error_create(HC_ERROR_ARGUMENT,
			       "there is no arena %" PRIu32
			       "; this process has %zu, numbered from 0",
			       selection->arena, heap->num_arenas);
}

/** The thread that was meant, among those that there are. */
static struct hc_error *unknown_thread(const struct hc_thread_names *names, const char *text)
{
	struct hc_nearest nearest = hc_nearest_to(text);

	for (size_t i = 0; i < names->num; i++)
		if (names->items[i])
			hc_nearest_offer(&nearest, names->items[i]);
	return hc_error_about(
		hc_error_create(HC_ERROR_ARGUMENT,
				"there is no thread '%.100s', by number or by the function that it "
				"began in%s%s%s",
				text, nearest.word ? "; did you mean '" : "",
				nearest.word ? nearest.word : "", nearest.word ? "'?" : ""),
		HC_ABOUT_THREAD);
}

static struct hc_error *find_arenas(struct hc_selection *selection, const struct hc_heap *heap,
				    const struct hc_threads *threads,
				    const struct hc_thread_names *names)
{
	bool found = false, known = false;

	for (size_t i = 0; i < threads->num; i++) {
		uint32_t arena = heap->thread_arena ? heap->thread_arena[i] : HC_ARENA_MMAP;

		if (!hc_thread_names_match(names, threads, i, selection->thread))
			continue;
		found = true;
		if (arena >= heap->num_arenas)
			continue;
		known = true;
		selection->arena_set[arena / 64] |= UINT64_C(1) << arena % 64;
	}
	if (!found)
		return unknown_thread(names, selection->thread);
	return known ? NULL
		     : hc_error_about(hc_error_create(HC_ERROR_ARGUMENT,
						      "nothing tells from which arena thread "
						      "'%.100s' allocates",
						      selection->thread),
				      HC_ABOUT_THREAD);
}

/** Which arenas the threads of that name or number allocate from. */
static struct hc_error *prepare_thread(struct hc_selection *selection, struct hc_target *target)
{
	hc_cleanup(hc_thread_names_deinit) struct hc_thread_names names = {0};
	const struct hc_heap *heap;
	struct hc_error *err = hc_target_heap(target, &heap);

	if (!err)
		err = hc_thread_names_run(target, &names);
	if (err)
		return err;
	free(selection->arena_set);
	selection->arena_set = calloc(heap->num_arenas / 64 + 1, sizeof(*selection->arena_set));
	if (!selection->arena_set)
		return &hc_enomem;
	return find_arenas(selection, heap, &target->process->threads, &names);
}

struct hc_error *hc_selection_prepare(struct hc_selection *selection, struct hc_target *target)
{
	struct hc_error *err = selection->has_arena ? check_arena(selection, target) : NULL;

	if (!err && selection->thread)
		err = prepare_thread(selection, target);
	if (err)
		return err;
	if (selection->num_classes)
		err = prepare_classes(selection, target);
	if (!err && selection->num_types)
		err = prepare_types(selection, target);
	if (!err && selection->reaches)
		err = hc_target_reach(target, NULL);
	return err;
}

struct hc_selection_scratch {
	struct hc_classifier_scratch *classifier;
	struct hc_matcher *matcher;
	struct hc_matcher *unmatcher;
};

void hc_selection_scratch_destroy(struct hc_selection_scratch *scratch)
{
	if (!scratch)
		return;
	hc_classifier_scratch_destroy(scratch->classifier);
	hc_matcher_destroy(scratch->matcher);
	hc_matcher_destroy(scratch->unmatcher);
	free(scratch);
}

static void scratch_destroyp(struct hc_selection_scratch **scratch)
{
	hc_selection_scratch_destroy(*scratch);
}

struct hc_error *hc_selection_scratch_create(const struct hc_selection *selection,
					     struct hc_selection_scratch **ret)
{
	if (!selection || !hc_selection_needs_content(selection)) {
		*ret = NULL;
		return NULL;
	}
	hc_cleanup(scratch_destroyp) struct hc_selection_scratch *scratch =
		calloc(1, sizeof(*scratch));

	if (!scratch)
		return &hc_enomem;
	if (selection->num_classes) {
		if (!selection->classifier) {
			return hc_error_about(hc_error_create(HC_ERROR_ARGUMENT,
							      "the selection was not prepared"),
					      HC_ABOUT_CLASS);
		}
		struct hc_error *err =
			hc_classifier_scratch_create(selection->classifier, &scratch->classifier);
		if (err)
			return err;
	}
	if (selection->match) {
		struct hc_error *err = hc_matcher_create(selection->match, &scratch->matcher);
		if (err)
			return err;
	}
	if (selection->unmatch) {
		struct hc_error *err = hc_matcher_create(selection->unmatch, &scratch->unmatcher);
		if (err)
			return err;
	}
	*ret = hc_steal(scratch);
	return NULL;
}

/**
 * Whether an address lies in a chunk: in its size field, or in its usable bytes. The tail that
 * usable bytes share with the next header counts as usable, so that an address is in one chunk
 * only.
 */
static bool chunk_holds(const struct hc_chunk *chunk, uint64_t address)
{
	uint64_t first = chunk->address - (chunk->size - chunk->usable);

	return address >= first && address - first < chunk->size;
}

static bool has_numbers(const struct hc_selection *selection, const struct hc_heap *heap,
			const struct hc_chunk *chunk)
{
	if (selection->has_size &&
	    (chunk->usable < selection->min_usable || chunk->usable > selection->max_usable))
		return false;
	if (!hc_selection_has_arena(selection, chunk->span->arena))
		return false;
	if (selection->has_range &&
	    (chunk->address < selection->start || chunk->address >= selection->end))
		return false;
	if (selection->has_holder && !chunk_holds(chunk, selection->holder))
		return false;
	if (selection->has_request) {
		uint64_t min, max;

		hc_chunk_request(heap, chunk, &min, &max);
		if (selection->request < min || selection->request > max)
			return false;
	}
	return true;
}

static bool has_number(const uint64_t *numbers, size_t num, uint64_t number)
{
	size_t low = hc_lower_bound(num, i, numbers[i] < number);

	return low < num && numbers[low] == number;
}

/** Whether a chunk is one of those that were listed. */
static bool is_listed(const struct hc_selection *selection, const struct hc_chunk *chunk)
{
	if (selection->num_sizes &&
	    !has_number(selection->sizes, selection->num_sizes, chunk->size))
		return false;
	return !selection->by_member ||
	       has_number(selection->members, selection->num_members, chunk->address);
}

static bool has_type(const struct hc_selection *selection, const struct hc_chunk *chunk)
{
	if (!selection->num_types)
		return true;
	if (!selection->types)
		return false;
	hc_type_id type = hc_type_of(selection->types, chunk);
	return selection->type_set[type / 64] >> type % 64 & 1;
}

static bool has_content(const struct hc_selection *selection, struct hc_bytes bytes,
			struct hc_selection_scratch *scratch)
{
	if (selection->num_classes) {
		hc_class_id class_id =
			hc_classify(selection->classifier, scratch->classifier, bytes);

		if (!(selection->classes[class_id / 64] >> class_id % 64 & 1))
			return false;
	}
	struct hc_match match;
	bool limited = false;

	if (selection->match && !hc_matcher_next(scratch->matcher, bytes, 0, &match, &limited))
		return false;
	return !selection->unmatch ||
	       (!hc_matcher_next(scratch->unmatcher, bytes, 0, &match, &limited) && !limited);
}

static bool has_list(const struct hc_selection *selection, const struct hc_list *list)
{
	for (unsigned i = 0; list && i < selection->num_lists; i++)
		if (selection->lists[i] == list)
			return true;
	return false;
}

bool hc_selection_has(const struct hc_selection *selection, const struct hc_heap *heap,
		      const struct hc_chunk *chunk, struct hc_selection_scratch *scratch)
{
	if (!(selection->states >> chunk->state & 1) && !has_list(selection, chunk->list))
		return false;
	if (selection->reaches && (chunk->state != HC_IN_USE || !heap->reach_known ||
				   !(selection->reaches >> chunk->reach & 1)))
		return false;
	if (!has_numbers(selection, heap, chunk) || !is_listed(selection, chunk) ||
	    !has_type(selection, chunk))
		return false;
	if (!hc_selection_needs_content(selection))
		return true;
	return scratch && has_content(selection, hc_chunk_bytes(heap, chunk), scratch);
}

unsigned hc_selection_kinds(const struct hc_selection *selection, const struct hc_heap *heap)
{
	unsigned kinds = 0;

	if (!selection)
		return HC_KINDS_ALL;
	if (selection->states >> HC_IN_USE & 1)
		kinds |= HC_KINDS_IN_USE;
	if (selection->states & ~(UINT32_C(1) << HC_IN_USE) || selection->num_lists)
		kinds |= HC_KINDS_NOT_IN_USE;
	if (selection->reaches)
		kinds &= heap->reach_known ? selection->reaches : 0;
	return kinds;
}

bool hc_selection_is_by_kind(const struct hc_selection *selection, unsigned kinds)
{
	const uint32_t not_in_use = 1u << HC_CACHED | 1u << HC_FREE | 1u << HC_TOP;

	if (!selection)
		return true;
	if (kinds & HC_KINDS_NOT_IN_USE && (selection->states & not_in_use) != not_in_use)
		return false;
	return !selection->has_size && !selection->has_request && !selection->has_arena &&
	       !selection->thread && !selection->has_range && !selection->has_holder &&
	       !selection->num_types && !selection->num_sizes && !selection->by_member &&
	       !hc_selection_needs_content(selection);
}

void hc_selected_iter_slice(struct hc_selected_iter *iter, const struct hc_heap *heap,
			    struct hc_slice slice, const struct hc_selection *selection,
			    struct hc_selection_scratch *scratch)
{
	unsigned kinds = hc_selection_kinds(selection, heap);
	/* The allocator's own chunks may have to be told from free ones. */
	bool decided = !(kinds & HC_KINDS_NOT_IN_USE) && hc_selection_is_by_kind(selection, kinds);

	hc_chunk_iter_kinds(&iter->chunks, heap, slice, kinds);
	iter->selection = decided ? NULL : selection;
	iter->scratch = scratch;
}

bool hc_selected_iter_next(struct hc_selected_iter *iter, struct hc_chunk *ret)
{
	while (hc_chunk_iter_next(&iter->chunks, ret))
		if (!iter->selection ||
		    hc_selection_has(iter->selection, iter->chunks.heap, ret, iter->scratch))
			return true;
	return false;
}
