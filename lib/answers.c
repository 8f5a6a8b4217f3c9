/**
 * @file
 * Answers about a whole core.
 */
#include "lib/answers.h"

#include <stdlib.h>

#include "core/base/cleanup.h"

struct kinds {
	struct heapcore_kinds head;
	struct heapcore_kind *items;
};

struct groups {
	struct heapcore_leaks head;
	struct heapcore_leak_group *items;
};

struct findings {
	struct heapcore_verdict head;
	struct heapcore_finding items[HC_MAX_FINDINGS];
};

struct hc_answers {
	bool has_chunk_kinds, has_lost, has_measured;
	struct hc_chunk_kinds chunk_kinds;
	struct hc_leaks lost;
	struct hc_verdict measured;
	struct kinds *kinds;
	struct groups *groups;
	struct findings *findings;
};

static struct hc_error *get_answers(struct heapcore *core, struct hc_answers **ret)
{
	if (!core->answers)
		core->answers = calloc(1, sizeof(*core->answers));
	*ret = core->answers;
	return *ret ? NULL : &hc_enomem;
}

void hc_answers_destroy(struct hc_answers *answers)
{
	if (!answers)
		return;
	if (answers->kinds)
		free(answers->kinds->items);
	if (answers->groups)
		free(answers->groups->items);
	free(answers->kinds);
	free(answers->groups);
	free(answers->findings);
	if (answers->has_chunk_kinds)
		hc_chunk_kinds_deinit(&answers->chunk_kinds);
	if (answers->has_lost)
		hc_leaks_deinit(&answers->lost);
	if (answers->has_measured)
		hc_verdict_deinit(&answers->measured);
	free(answers);
}

/** @name Kinds */
/**@{*/

struct hc_error *hc_answer_kinds(struct heapcore *core, const struct hc_chunk_kinds **ret)
{
	struct hc_answers *answers;
	struct hc_error *err = get_answers(core, &answers);

	if (!err)
		err = hc_target_reach(core->target, NULL);
	if (err)
		return err;
	if (!answers->has_chunk_kinds) {
		err = hc_chunk_kinds_run(core->target, true, &answers->chunk_kinds);
		if (err)
			return err;
		answers->has_chunk_kinds = true;
	}
	*ret = &answers->chunk_kinds;
	return NULL;
}

static void fill_kind(const struct heapcore *core, const struct hc_chunk_kind *kind,
		      struct heapcore_kind *ret)
{
	ret->size = kind->size;
	ret->type = hc_core_type_name(core->target->types, kind->type);
	ret->content_class = hc_core_class_name(core, kind->class_id);
	ret->all = hc_public_count(kind->count.all);
	ret->leaked = hc_public_count(kind->count.leaked);
	ret->sample = kind->count.sample;
}

static struct hc_error *make_kinds(struct heapcore *core, struct kinds **ret)
{
	const struct hc_chunk_kinds *kinds;
	struct hc_types *types;
	struct hc_error *err = hc_answer_kinds(core, &kinds);

	if (!err)
		err = hc_target_types(core->target, HC_TYPES_FULL, &types);
	if (err)
		return err;
	hc_cleanup_free struct kinds *made = calloc(1, sizeof(*made));
	if (!made || !(made->items = calloc(kinds->num + 1, sizeof(*made->items))))
		return &hc_enomem;
	made->head.num = kinds->num;
	for (size_t i = 0; i < kinds->num; i++) {
		made->items[i].number = i + 1;
		fill_kind(core, &kinds->kinds[i], &made->items[i]);
	}
	*ret = hc_steal(made);
	return NULL;
}

static struct hc_error *give_kinds(struct heapcore *core, const struct heapcore_kinds **ret)
{
	struct hc_answers *answers;
	struct hc_error *err = get_answers(core, &answers);

	if (!err && !answers->kinds)
		err = make_kinds(core, &answers->kinds);
	if (!err)
		*ret = &answers->kinds->head;
	return err;
}

struct heapcore_error *heapcore_kinds(struct heapcore *core, const struct heapcore_kinds **ret)
{
	struct hc_call call;
	struct heapcore_error *failed = hc_call_begin(&call, core);

	return failed ? failed : hc_call_end(&call, give_kinds(core, ret));
}

const struct heapcore_kind *heapcore_kind(const struct heapcore_kinds *kinds, size_t index)
{
	return index < kinds->num ? &((const struct kinds *)kinds)->items[index] : NULL;
}
/**@}*/

/** @name Leaks */
/**@{*/

static struct hc_error *get_lost(struct heapcore *core, struct hc_answers **ret)
{
	struct hc_error *err = get_answers(core, ret);

	if (!err)
		err = hc_target_reach(core->target, NULL);
	if (err || (*ret)->has_lost)
		return err;
	err = hc_leaks_run(core->target, NULL, &(*ret)->lost);
	(*ret)->has_lost = !err;
	return err;
}

static void fill_group(const struct heapcore *core, const struct hc_leak_group *group,
		       struct heapcore_leak_group *ret)
{
	ret->size = group->root_size;
	ret->content_class = hc_core_class_name(core, group->root_class);
	ret->type = hc_core_type_name(core->target->types, group->root_type);
	ret->roots = hc_public_count(group->roots);
	ret->below = hc_public_count(group->below);
	ret->content = hc_core_class_name(core, group->content);
	ret->content_count = hc_public_count(group->content_count);
	ret->sample = group->sample_root;
	ret->sample_content = group->sample_content;
}

static void fill_totals(const struct heapcore *core, const struct hc_leaks *lost,
			struct heapcore_leaks *ret)
{
	ret->definite = hc_public_count(lost->definite);
	ret->indirect = hc_public_count(lost->indirect);
	ret->possible = hc_public_count(lost->possible);
	ret->upper_bound = hc_missing_upper_bound(&core->target->reach.missing);
	ret->num = lost->num_groups;
}

static struct hc_error *make_groups(struct heapcore *core, const struct hc_leaks *lost,
				    struct groups **ret)
{
	struct hc_types *types;
	struct hc_error *err = hc_target_types(core->target, HC_TYPES_QUICK, &types);

	if (err)
		return err;
	hc_cleanup_free struct groups *made = calloc(1, sizeof(*made));
	if (!made || !(made->items = calloc(lost->num_groups + 1, sizeof(*made->items))))
		return &hc_enomem;
	fill_totals(core, lost, &made->head);
	for (size_t i = 0; i < lost->num_groups; i++) {
		made->items[i].number = i + 1;
		fill_group(core, &lost->groups[i], &made->items[i]);
	}
	*ret = hc_steal(made);
	return NULL;
}

static struct hc_error *give_leaks(struct heapcore *core, const struct heapcore_leaks **ret)
{
	struct hc_answers *answers;
	struct hc_error *err = get_lost(core, &answers);

	if (!err && !answers->groups)
		err = make_groups(core, &answers->lost, &answers->groups);
	if (!err)
		*ret = &answers->groups->head;
	return err;
}

struct heapcore_error *heapcore_leaks(struct heapcore *core, const struct heapcore_leaks **ret)
{
	struct hc_call call;
	struct heapcore_error *failed = hc_call_begin(&call, core);

	return failed ? failed : hc_call_end(&call, give_leaks(core, ret));
}

const struct heapcore_leak_group *heapcore_leak_group(const struct heapcore_leaks *leaks,
						      size_t index)
{
	return index < leaks->num ? &((const struct groups *)leaks)->items[index] : NULL;
}

/** Chunks of a group on their way into a batch. */
struct filling {
	const struct heapcore *core;
	struct heapcore_batch *batch;
	uint64_t passed; /**< chunks of the group so far */
};

static bool fill_chunk(void *ctx, const struct hc_chunk *chunk,
		       bool indirect __attribute__((unused)))
{
	struct filling *filling = ctx;
	struct heapcore_batch *batch = filling->batch;

	if (filling->passed++ >= batch->next)
		hc_fill_chunk(filling->core, chunk, &batch->chunks[batch->num++]);
	return batch->num < batch->max;
}

static struct hc_error *read_group(struct heapcore *core, size_t number,
				   struct heapcore_batch *given)
{
	struct hc_answers *answers;
	struct heapcore_batch batch;
	struct filling filling = {.core = core, .batch = &batch};
	struct hc_error *err = hc_take_struct(given, &batch, sizeof(batch));

	if (err)
		return err;
	if (!batch.chunks || !batch.max)
		return hc_error_create(HC_ERROR_ARGUMENT, "the batch has no room for chunks");
	batch.num = 0;
	if ((err = get_lost(core, &answers)) ||
	    (err = hc_leaks_each(&answers->lost, number, fill_chunk, &filling)))
		return err;
	batch.next += batch.num;
	return hc_give_struct(&batch, given, sizeof(batch));
}

struct heapcore_error *heapcore_leak_chunks(struct heapcore *core, size_t number,
					    struct heapcore_batch *batch)
{
	struct hc_call call;
	struct heapcore_error *failed = hc_call_begin(&call, core);

	return failed ? failed : hc_call_end(&call, read_group(core, number, batch));
}
/**@}*/

/** @name The verdict */
/**@{*/

struct hc_error *hc_answer_verdict(struct heapcore *core, const struct hc_verdict **ret)
{
	struct hc_answers *answers;
	const struct hc_heap *heap;
	struct hc_error *err = get_answers(core, &answers);

	if (!err)
		err = hc_target_heap_if_any(core->target, &heap);
	if (err)
		return err;
	if (!answers->has_measured) {
		err = hc_verdict_run(core->target, &answers->measured);
		if (err)
			return err;
		answers->has_measured = true;
	}
	*ret = &answers->measured;
	return NULL;
}

static void fill_finding(const struct heapcore *core, const struct hc_finding *finding,
			 struct heapcore_finding *ret)
{
	bool chunks = finding->group || finding->growth;

	ret->kind = hc_finding_kind_name(finding->kind);
	ret->count = hc_public_count(finding->count);
	ret->touched = finding->touched;
	ret->share = finding->share;
	ret->group = finding->group ? finding->group_number : 0;
	if (chunks) {
		ret->size = finding->size;
		ret->max_size = finding->max_size;
		ret->content_class = hc_core_class_name(core, finding->class_id);
		ret->type = hc_core_type_name(core->target->types, finding->type);
		ret->sample = finding->sample;
		ret->part_of = finding->with;
	}
	ret->owner = finding->owner ? finding->owner->name : NULL;
}

static struct hc_error *make_findings(struct heapcore *core, struct findings **ret)
{
	const struct hc_verdict *verdict;
	struct hc_error *err = hc_answer_verdict(core, &verdict);

	if (err)
		return err;
	struct findings *made = calloc(1, sizeof(*made));
	if (!made)
		return &hc_enomem;
	made->head = (struct heapcore_verdict){
		.verdict = hc_verdict_name(verdict->kind),
		.touched = verdict->ruler.total,
		.total = verdict->accounting.total,
		.num = verdict->findings.num,
	};
	for (size_t i = 0; i < verdict->findings.num; i++) {
		made->items[i].number = i + 1;
		fill_finding(core, &verdict->findings.items[i], &made->items[i]);
	}
	*ret = made;
	return NULL;
}

static struct hc_error *give_verdict(struct heapcore *core, const struct heapcore_verdict **ret)
{
	struct hc_answers *answers;
	struct hc_error *err = get_answers(core, &answers);

	if (!err && !answers->findings)
		err = make_findings(core, &answers->findings);
	if (!err)
		*ret = &answers->findings->head;
	return err;
}

struct heapcore_error *heapcore_verdict(struct heapcore *core, const struct heapcore_verdict **ret)
{
	struct hc_call call;
	struct heapcore_error *failed = hc_call_begin(&call, core);

	return failed ? failed : hc_call_end(&call, give_verdict(core, ret));
}

const struct heapcore_finding *heapcore_finding(const struct heapcore_verdict *verdict,
						size_t index)
{
	return index < verdict->num ? &((const struct findings *)verdict)->items[index] : NULL;
}
/**@}*/
