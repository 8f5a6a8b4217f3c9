/**
 * @file
 * Computing what is known of a process when it is asked for; see target.h.
 */
#include "analyzers/target.h"

#include <stdlib.h>

/** @name Opening */
/**@{*/

static struct hc_target *create(const struct hc_target_options *options,
				const struct hc_observer *observer)
{
	struct hc_target *target = calloc(1, sizeof(*target));

	if (!target)
		return NULL;
	if (options)
		target->options = *options;
	hc_watch_init(&target->watch, observer);
	target->options.process.watch = &target->watch;
	return target;
}

struct hc_error *hc_target_open(const char *path, const struct hc_target_options *options,
				const struct hc_observer *observer, struct hc_target **ret)
{
	hc_cleanup(hc_target_closep) struct hc_target *target = create(options, observer);

	if (!target)
		return &hc_enomem;
	struct hc_error *err = hc_process_open(path, &target->options.process, &target->process);
	if (err)
		return err;
	*ret = hc_steal(target);
	return NULL;
}

struct hc_error *hc_target_of(struct hc_process *process, struct hc_heap *heap,
			      const struct hc_target_options *options, struct hc_target **ret)
{
	struct hc_target *target = create(options, NULL);

	if (!target)
		return &hc_enomem;
	target->borrowed = true;
	target->process = process;
	target->heap = target->owned_heap = heap;
	*ret = target;
	return NULL;
}

void hc_target_close(struct hc_target *target)
{
	if (!target)
		return;
	for (size_t i = 0; i <= HC_TYPES_FULL; i++)
		hc_types_destroy(target->efforts[i]);
	hc_classifier_destroy(target->own_classifier);
	hc_signatures_destroy(target->built_in);
	hc_error_destroy(target->heap_error);
	if (!target->borrowed) {
		hc_heap_close(target->owned_heap);
		hc_process_close(target->process);
	}
	free(target);
}
/**@}*/

/** A part is about to be computed. */
static void begin(struct hc_target *target, enum hc_target_part part)
{
	if (target->computes)
		target->computes(target->computes_ctx, part);
}

/** @name The heap */
/**@{*/

/** Whether asking again can't change the answer. */
static bool is_final(const struct hc_error *err)
{
	return err->code != HC_ERROR_CANCELLED && err->code != HC_ERROR_NO_MEMORY;
}

/** Keep a failure. */
static struct hc_error *keep_error(struct hc_target *target, struct hc_error *err)
{
	if (!is_final(err))
		return err;
	if (err->code == HC_ERROR_NO_ALLOCATOR) {
		target->no_heap = err->message;
		target->absence = err->detail;
	}
	target->heap_error = err;
	return hc_error_copy(err);
}

struct hc_error *hc_target_heap(struct hc_target *target, const struct hc_heap **ret)
{
	if (target->heap_error)
		return hc_error_copy(target->heap_error);
	if (!target->heap) {
		begin(target, HC_TARGET_HEAP);
		hc_target_phase(target, HC_PHASE_WALK);
		struct hc_error *err = hc_heap_open(target->process, &target->owned_heap);
		if (err)
			return keep_error(target, err);
		target->heap = target->owned_heap;
	}
	*ret = target->heap;
	return NULL;
}

struct hc_error *hc_target_heap_if_any(struct hc_target *target, const struct hc_heap **ret)
{
	struct hc_error *err = hc_target_heap(target, ret);

	if (!err || err->code != HC_ERROR_NO_ALLOCATOR)
		return err;
	hc_error_destroy(err);
	*ret = NULL;
	return NULL;
}

struct hc_error *hc_target_check(struct hc_target *target)
{
	const struct hc_heap *heap;
	struct hc_error *err = hc_target_heap(target, &heap);

	if (err)
		return err;
	if (!heap->checked)
		begin(target, HC_TARGET_CHECK);
	hc_target_phase(target, HC_PHASE_CHECK);
	return hc_heap_check(target->owned_heap);
}

struct hc_error *hc_target_reach(struct hc_target *target, const struct hc_reach_stats **ret)
{
	const struct hc_heap *heap;
	struct hc_error *err = hc_target_heap(target, &heap);

	if (!err && !heap->reach_known) {
		begin(target, HC_TARGET_REACH);
		hc_target_phase(target, HC_PHASE_FOLLOW);
		err = hc_reachability_run(target->owned_heap, &target->reach);
	}
	if (!err && ret)
		*ret = &target->reach;
	return err;
}
/**@}*/

/** @name What is in chunks */
/**@{*/

struct hc_error *hc_target_signatures(struct hc_target *target, const struct hc_signatures **ret)
{
	if (!target->signatures && !target->options.signatures) {
		struct hc_error *err = hc_signatures_create(NULL, 0, &target->built_in);
		if (err)
			return err;
	}
	target->signatures = target->built_in ? target->built_in : target->options.signatures;
	*ret = target->signatures;
	return NULL;
}

struct hc_error *hc_target_classifier(struct hc_target *target, const struct hc_classifier **ret)
{
	if (!target->classifier) {
		const struct hc_heap *heap;
		const struct hc_signatures *signatures;
		struct hc_error *err = hc_target_heap(target, &heap);

		if (!err)
			err = hc_target_signatures(target, &signatures);
		if (!err)
			begin(target, HC_TARGET_CLASSIFIER);
		if (!err)
			err = hc_classifier_create(target->process, heap, signatures,
						   target->options.prefilter,
						   &target->own_classifier);
		if (err)
			return err;
		target->classifier = target->own_classifier;
	}
	*ret = target->classifier;
	return NULL;
}

struct hc_error *hc_target_types(struct hc_target *target, enum hc_types_effort effort,
				 struct hc_types **ret)
{
	struct hc_types **most = &target->efforts[HC_TYPES_FULL];
	struct hc_types **types = *most ? most : &target->efforts[effort];

	if (!*types) {
		const struct hc_heap *heap;
		struct hc_error *err = hc_target_heap(target, &heap);

		if (err)
			return err;
		begin(target,
		      effort == HC_TYPES_FULL ? HC_TARGET_TYPES_FULL : HC_TARGET_TYPES_QUICK);
		hc_target_phase(target, HC_PHASE_TYPES);
		if ((err = hc_types_create(target->process, heap, effort, types)))
			return err;
	}
	target->types = *types;
	*ret = *types;
	return NULL;
}
/**@}*/

struct hc_error *hc_target_compute(struct hc_target *target, enum hc_target_part part)
{
	const struct hc_classifier *classifier;
	const struct hc_heap *heap;
	struct hc_types *types;

	switch (part) {
	case HC_TARGET_HEAP:
		return hc_target_heap(target, &heap);
	case HC_TARGET_CHECK:
		return hc_target_check(target);
	case HC_TARGET_REACH:
		return hc_target_reach(target, NULL);
	case HC_TARGET_CLASSIFIER:
		return hc_target_classifier(target, &classifier);
	case HC_TARGET_TYPES_QUICK:
		return hc_target_types(target, HC_TYPES_QUICK, &types);
	case HC_TARGET_TYPES_FULL:
		return hc_target_types(target, HC_TYPES_FULL, &types);
	case HC_NUM_TARGET_PARTS:
		break;
	}
	return NULL;
}
