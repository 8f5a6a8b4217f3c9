/**
 * @file
 * What the content of each suspect has in common. Their chunks are sampled in at most two passes,
 * however many suspects there are: one over the lost trees, one over the reachable chunks.
 */
#include "analyzers/verdict/verdict.h"

struct gather {
	const struct hc_verdict *verdict;
	const struct hc_classifier *classifier;
	struct hc_chunk_sample samples[HC_MAX_SUSPECTS];
};

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

	if (!content || suspect == gather->verdict->num_suspects)
		return NULL;
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

static struct hc_error *gather_reachable(struct hc_target *target, struct gather *gather)
{
	struct hc_selection selection;

	hc_selection_init(&selection);
	selection.reaches = 1u << HC_REACHABLE | 1u << HC_POSSIBLE;
	const struct hc_chunk_sorting sorting = {gather->samples, gather->verdict->num_suspects,
						 sort_reachable, gather};

	return hc_chunk_sample_sort(&sorting, target, &selection);
}

static struct hc_error *gather_all(struct hc_target *target, struct gather *gather)
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
		err = gather_reachable(target, gather);
	return err;
}

struct hc_error *hc_verdict_find_common(struct hc_target *target, struct hc_verdict *verdict)
{
	struct gather gather = {.verdict = verdict};
	struct hc_error *err = hc_target_classifier(target, &gather.classifier);

	if (err)
		return err;
	hc_target_phase(target, HC_PHASE_COMPARE);
	/* Looking for the chunks takes long where they are many, comparing their samples does not.
	 */
	hc_watch_part(&target->watch, 0, 0.5);
	for (size_t i = 0; i < HC_MAX_SUSPECTS; i++)
		hc_chunk_sample_init(&gather.samples[i], HC_COMMON_MAX_CHUNKS);
	err = gather_all(target, &gather);
	for (size_t i = 0; !err && i < verdict->num_suspects; i++) {
		hc_watch_part(&target->watch, 0.5 + 0.5 * i / verdict->num_suspects,
			      0.5 + 0.5 * (i + 1) / verdict->num_suspects);
		err = hc_common_run(target, &gather.samples[i], &verdict->suspects[i].common);
	}
	for (size_t i = 0; i < HC_MAX_SUSPECTS; i++)
		hc_chunk_sample_deinit(&gather.samples[i]);
	return err;
}
