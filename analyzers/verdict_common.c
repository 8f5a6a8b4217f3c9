/**
 * @file
 * What the content of each suspect has in common, and which type its root objects have. Their
 * chunks are sampled in at most two passes,
 * however many suspects there are: one over the lost trees, one over the reachable chunks.
 */
#include "analyzers/verdict.h"

#include "core/array.h"

struct gather {
	const struct hc_verdict *verdict;
	const struct hc_classifier *classifier;
	struct hc_chunk_sample samples[HC_MAX_SUSPECTS];
	const struct hc_types *types;            /**< or NULL */
	hc_type_id *root_types[HC_MAX_SUSPECTS]; /**< of the first MAX_ROOT_TYPES root objects */
	size_t num_root_types[HC_MAX_SUSPECTS];
};

/** Root objects of one group whose type is looked at. */
#define MAX_ROOT_TYPES 4096

static struct hc_error *note_type(struct gather *gather, size_t suspect,
				  const struct hc_chunk *chunk)
{
	size_t *num = &gather->num_root_types[suspect];

	if (!gather->types || *num == MAX_ROOT_TYPES)
		return NULL;
	struct hc_error *err = hc_array_reserve(&gather->root_types[suspect], *num,
						sizeof(*gather->root_types[suspect]));
	if (!err)
		gather->root_types[suspect][(*num)++] = hc_type_of(gather->types, chunk);
	return err;
}

/** What most of the root objects are that were looked at, put in proportion to all of them. */
static void judge_types(const struct gather *gather, struct hc_verdict *verdict)
{
	for (size_t i = 0; i < verdict->num_suspects; i++) {
		struct hc_suspect *suspect = &verdict->suspects[i];
		size_t num = gather->num_root_types[i];

		if (!num)
			continue;
		uint64_t of_type = hc_types_majority(gather->root_types[i], num, &suspect->type);
		suspect->type_chunks = (double)of_type / num * suspect->group->roots.chunks + 0.5;
	}
}

/** Index of the suspect that is a group, or of none. */
static size_t find_group(const struct hc_verdict *verdict, size_t number)
{
	size_t i = 0;

	while (i < verdict->num_suspects && verdict->suspects[i].group_number != number)
		i++;
	return i;
}

static struct hc_error *gather_lost(void *ctx, size_t number, const struct hc_chunk *chunk,
				    hc_class_id class, bool indirect)
{
	struct gather *gather = ctx;
	const struct hc_leak_group *group = &gather->verdict->leaks.groups[number - 1];
	const struct hc_leak_row *most = &group->rows[0];
	size_t suspect = find_group(gather->verdict, number);
	bool content = hc_class_of(gather->classifier, group->content)->textual
			       ? class == group->content
			       : chunk->size == most->size && indirect == most->indirect;

	if (suspect == gather->verdict->num_suspects)
		return NULL;
	struct hc_error *err = indirect ? NULL : note_type(gather, suspect, chunk);
	if (err || !content)
		return err;
	return hc_chunk_sample_add(&gather->samples[suspect], chunk);
}

/** The suspect that a reachable chunk is of. */
static size_t sort_reachable(void *ctx, const struct hc_chunk *chunk)
{
	const struct gather *gather = ctx;
	const struct hc_growth *growth = &gather->verdict->growth;
	const struct hc_suspect *suspects = gather->verdict->suspects;
	size_t kind = hc_growth_kind_of(growth, chunk->size), i = 0;

	if (kind == growth->num_kinds)
		return gather->verdict->num_suspects;
	while (i < gather->verdict->num_suspects && suspects[i].kind != &growth->kinds[kind])
		i++;
	return i;
}

static struct hc_error *gather_reachable(const struct hc_process *process,
					 const struct hc_heap *heap, struct gather *gather)
{
	struct hc_selection selection;

	hc_selection_init(&selection);
	selection.reaches = 1u << HC_REACHABLE | 1u << HC_POSSIBLE;
	return hc_chunk_sample_sort(gather->samples, gather->verdict->num_suspects, process, heap,
				    &selection, sort_reachable, gather);
}

static struct hc_error *gather_all(const struct hc_process *process, const struct hc_heap *heap,
				   struct gather *gather)
{
	const struct hc_verdict *verdict = gather->verdict;
	struct hc_error *err = NULL;
	size_t groups = 0;
	bool reachable = false;

	_Static_assert(HC_MAX_SUSPECTS <= HC_LEAKS_MAX_WALK, "every suspect can be walked");
	for (size_t i = 0; i < verdict->num_suspects; i++) {
		const struct hc_suspect *suspect = &verdict->suspects[i];

		groups = suspect->group_number > groups ? suspect->group_number : groups;
		reachable |= !suspect->group;
	}
	if (groups)
		err = hc_leaks_walk(&verdict->leaks, groups, gather_lost, gather);
	if (!err && reachable)
		err = gather_reachable(process, heap, gather);
	return err;
}

struct hc_error *hc_verdict_find_common(const struct hc_process *process,
					const struct hc_heap *heap,
					const struct hc_classifier *classifier,
					const struct hc_types *types, struct hc_verdict *verdict)
{
	struct gather gather = {.verdict = verdict, .classifier = classifier, .types = types};

	for (size_t i = 0; i < HC_MAX_SUSPECTS; i++)
		hc_chunk_sample_init(&gather.samples[i], HC_COMMON_MAX_CHUNKS);
	struct hc_error *err = gather_all(process, heap, &gather);
	if (!err)
		judge_types(&gather, verdict);
	for (size_t i = 0; !err && i < verdict->num_suspects; i++)
		err = hc_common_run(process, heap, &gather.samples[i],
				    &verdict->suspects[i].common);
	for (size_t i = 0; i < HC_MAX_SUSPECTS; i++)
		hc_chunk_sample_deinit(&gather.samples[i]);
	for (size_t i = 0; i < HC_MAX_SUSPECTS; i++)
		free(gather.root_types[i]);
	return err;
}
