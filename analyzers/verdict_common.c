/**
 * @file
 * What the content of each suspect has in common.
 */
#include "analyzers/verdict.h"

/** The chunks of all suspects that are groups, sampled in one walk over the lost trees. */
struct gather {
	const struct hc_leaks *leaks;
	const struct hc_classifier *classifier;
	struct hc_chunk_sample samples[HC_LEAKS_MAX_WALK]; /* of group i + 1 */
};

static struct hc_error *gather_chunk(void *ctx, size_t number, const struct hc_chunk *chunk,
				     hc_class_id class, bool indirect)
{
	struct gather *gather = ctx;
	const struct hc_leak_group *group = &gather->leaks->groups[number - 1];
	const struct hc_leak_row *most = &group->rows[0];
	bool content = hc_class_of(gather->classifier, group->content)->textual
			       ? class == group->content
			       : chunk->size == most->size && indirect == most->indirect;

	return content ? hc_chunk_sample_add(&gather->samples[number - 1], chunk) : NULL;
}

/** The chunks of a suspect that are in use and reachable. */
static struct hc_error *sample_size(const struct hc_process *process, const struct hc_heap *heap,
				    const struct hc_suspect *suspect,
				    struct hc_chunk_sample *sample)
{
	struct hc_selection selection;
	struct hc_chunk chunk;

	if (!suspect->sample || !hc_heap_chunk_at(heap, suspect->sample, &chunk))
		return NULL;
	hc_selection_init(&selection);
	selection.reaches = 1u << HC_REACHABLE | 1u << HC_POSSIBLE;
	selection.has_size = true;
	selection.min_usable = selection.max_usable = chunk.usable;
	return hc_chunk_sample_select(sample, process, heap, &selection);
}

static struct hc_error *find_common(const struct hc_process *process, const struct hc_heap *heap,
				    struct gather *gather, struct hc_suspect *suspect)
{
	struct hc_chunk_sample sample;
	struct hc_error *err;

	if (suspect->group)
		return hc_common_run(process, heap, &gather->samples[suspect->group_number - 1],
				     &suspect->common);
	hc_chunk_sample_init(&sample, HC_COMMON_MAX_CHUNKS);
	err = sample_size(process, heap, suspect, &sample);
	if (!err)
		err = hc_common_run(process, heap, &sample, &suspect->common);
	hc_chunk_sample_deinit(&sample);
	return err;
}

struct hc_error *hc_verdict_find_common(const struct hc_process *process,
					const struct hc_heap *heap,
					const struct hc_classifier *classifier,
					struct hc_verdict *verdict)
{
	_Static_assert(HC_MAX_SUSPECTS <= HC_LEAKS_MAX_WALK, "every suspect can be walked");
	struct gather gather = {.leaks = &verdict->leaks, .classifier = classifier};
	struct hc_error *err = NULL;
	size_t groups = 0;

	for (size_t i = 0; i < HC_LEAKS_MAX_WALK; i++)
		hc_chunk_sample_init(&gather.samples[i], HC_COMMON_MAX_CHUNKS);
	for (size_t i = 0; i < verdict->num_suspects; i++)
		if (verdict->suspects[i].group_number > groups)
			groups = verdict->suspects[i].group_number;
	if (groups)
		err = hc_leaks_walk(heap, &verdict->leaks, groups, gather_chunk, &gather);
	for (size_t i = 0; !err && i < verdict->num_suspects; i++)
		err = find_common(process, heap, &gather, &verdict->suspects[i]);
	for (size_t i = 0; i < HC_LEAKS_MAX_WALK; i++)
		hc_chunk_sample_deinit(&gather.samples[i]);
	return err;
}
