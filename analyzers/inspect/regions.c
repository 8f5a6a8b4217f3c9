/**
 * @file
 * Mappings that deserve a look.
 */
#include "analyzers/inspect/regions.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/array.h"
#include "core/base/cleanup.h"
#include "core/base/format.h"

#define LARGE_BYTES (UINT64_C(64) << 20)
#define LARGE_PERCENT 5
#define LEAST_BYTES (UINT64_C(1) << 20)
#define MOST_PERCENT 50

enum { SAMPLES = 4096 };

struct survey {
	const struct hc_process *process;
	const struct hc_heap *heap;
	const struct hc_classifier *classifier;
	const struct hc_owners *owners;
	struct hc_classifier_scratch *scratch;
	uint64_t anonymous; /* bytes of the whole process */
	struct hc_regions regions;
};

/** What holds a heap, in samples of SAMPLES. */
struct holding {
	uint64_t size; /* the chunk size that holds most, if it holds half */
	unsigned size_hits;
	hc_class_id class_id;
	unsigned class_hits;
};

static unsigned percent(unsigned hits)
{
	return (hits * 100 + SAMPLES / 2) / SAMPLES;
}

static bool is_large(const struct survey *survey, uint64_t bytes)
{
	return bytes >= LARGE_BYTES ||
	       (bytes >= LEAST_BYTES && bytes / LARGE_PERCENT >= survey->anonymous / 100);
}

static struct hc_error *add_mark(struct survey *survey, const struct hc_region_mark *mark)
{
	struct hc_regions *regions = &survey->regions;

	if (!mark->reason)
		return &hc_enomem;
	struct hc_error *err =
		hc_array_reserve(&regions->marks, regions->num_marks, sizeof(*regions->marks));
	if (err)
		free(mark->reason);
	else
		regions->marks[regions->num_marks++] = *mark;
	return err;
}

/** Anonymous memory that is not malloc's: of the owner of most of it, or of nobody. */
static struct hc_error *mark_outside(struct survey *survey, const struct hc_mapping *mapping)
{
	uint64_t size = mapping->end - mapping->start, bytes = 0;
	const struct hc_owner *owner =
		survey->owners
			? hc_owners_main(survey->owners, mapping->start, mapping->end, &bytes)
			: NULL;
	bool is_owned = owner && bytes > size / 2;
	struct hc_region_mark mark = {
		.mapping = mapping,
		.class_id = HC_CLASS_NONE,
		.reason = is_owned
				  ? hc_format("%.1f MiB of it: %s", bytes / 1048576.0, owner->title)
				  : hc_format("%.1f MiB of anonymous memory that no known owner "
					      "explains",
					      size / 1048576.0),
	};

	return add_mark(survey, &mark);
}

/**
 * The chunk in use at one of SAMPLES addresses: one in each of as many equal parts of the mapping,
 * and in each part at another place, so that chunks that repeat at the same distance as the parts
 * don't all look alike.
 */
static bool sample_chunk(const struct survey *survey, const struct hc_mapping *mapping, unsigned i,
			 struct hc_chunk *ret)
{
	uint64_t part = (mapping->end - mapping->start) / SAMPLES;
	uint64_t scatter = (i + 1) * UINT64_C(0x9e3779b97f4a7c15) >> 32;
	uint64_t address = mapping->start + part * i + scatter % part;

	return hc_heap_chunk_at(survey->heap, address, ret) && ret->state == HC_IN_USE;
}

/**
 * Sizes are many: a majority vote (Boyer, Moore 1981) finds the only one that may hold half; then
 * it is counted.
 */
static void survey_sizes(const struct survey *survey, const struct hc_mapping *mapping,
			 struct holding *holding)
{
	unsigned votes = 0;
	struct hc_chunk chunk;

	for (unsigned i = 0; i < SAMPLES; i++) {
		uint64_t size = sample_chunk(survey, mapping, i, &chunk) ? chunk.size : 0;

		if (!votes)
			holding->size = size;
		votes += size == holding->size ? 1 : -1;
	}
	for (unsigned i = 0; holding->size && i < SAMPLES; i++)
		if (sample_chunk(survey, mapping, i, &chunk))
			holding->size_hits += chunk.size == holding->size;
}

static void survey_classes(const struct survey *survey, const struct hc_mapping *mapping,
			   struct holding *holding)
{
	unsigned hits[HC_MAX_CLASSES] = {0};
	hc_class_id class_id = HC_CLASS_OTHER;
	uint64_t last = 0;
	struct hc_chunk chunk;

	for (unsigned i = 0; i < SAMPLES; i++) {
		if (!sample_chunk(survey, mapping, i, &chunk))
			continue;
		/* A large chunk is hit many times in a row. */
		if (chunk.address != last)
			class_id = hc_classify(survey->classifier, survey->scratch,
					       hc_chunk_bytes(survey->heap, &chunk));
		last = chunk.address;
		hits[class_id]++;
	}
	holding->class_id = HC_CLASS_NONE;
	for (hc_class_id i = 0; i < HC_MAX_CLASSES; i++) {
		if (i != HC_CLASS_OTHER && hits[i] > holding->class_hits) {
			holding->class_id = i;
			holding->class_hits = hits[i];
		}
	}
}

static char *describe(const struct survey *survey, const struct holding *holding, bool by_size,
		      bool by_class, bool one_chunk)
{
	hc_class_id class_id = by_class ? holding->class_id : HC_CLASS_OTHER;
	const char *title = hc_class_of(survey->classifier, class_id)->title;

	if (one_chunk)
		return hc_format("one chunk of %" PRIu64 " bytes: %s", holding->size, title);
	if (by_size && by_class)
		return hc_format("about %u %% of it is chunks of %" PRIu64
				 " bytes, about %u %% is %s",
				 percent(holding->size_hits), holding->size,
				 percent(holding->class_hits), title);
	if (by_size)
		return hc_format("about %u %% of it is chunks of %" PRIu64 " bytes",
				 percent(holding->size_hits), holding->size);
	return hc_format("about %u %% of it is %s", percent(holding->class_hits), title);
}

static struct hc_error *mark_heap(struct survey *survey, const struct hc_mapping *mapping)
{
	struct holding holding = {0};

	survey_sizes(survey, mapping, &holding);
	survey_classes(survey, mapping, &holding);
	bool by_size = percent(holding.size_hits) >= MOST_PERCENT;
	bool by_class = percent(holding.class_hits) >= MOST_PERCENT;

	if (!by_size && !by_class)
		return NULL;
	struct hc_region_mark mark = {
		.mapping = mapping,
		.chunk_size = by_size ? holding.size : 0,
		.class_id = by_class ? holding.class_id : HC_CLASS_NONE,
		.reason = describe(survey, &holding, by_size, by_class,
				   by_size && mapping->kind == HC_MAPPING_MMAP_CHUNK),
	};

	return add_mark(survey, &mark);
}

static struct hc_error *mark_mapping(struct survey *survey, const struct hc_mapping *mapping)
{
	if (!mapping->anonymous || !is_large(survey, mapping->end - mapping->start))
		return NULL;
	switch (mapping->kind) {
	case HC_MAPPING_ANON:
		return mark_outside(survey, mapping);
	case HC_MAPPING_HEAP:
	case HC_MAPPING_MAIN_HEAP:
	case HC_MAPPING_THREAD_HEAP:
	case HC_MAPPING_MMAP_CHUNK:
		return survey->heap ? mark_heap(survey, mapping) : NULL;
	default:
		return NULL;
	}
}

static struct hc_error *mark_all(struct survey *survey)
{
	const struct hc_mappings *mappings = &survey->process->mappings;
	struct hc_error *err = NULL;

	for (size_t i = 0; i < mappings->num; i++)
		if (mappings->items[i].anonymous)
			survey->anonymous += mappings->items[i].end - mappings->items[i].start;
	if (survey->heap) {
		err = hc_classifier_scratch_create(survey->classifier, &survey->scratch);
	}
	for (size_t i = 0; !err && i < mappings->num; i++)
		err = mark_mapping(survey, &mappings->items[i]);
	hc_classifier_scratch_destroy(survey->scratch);
	return err;
}

struct hc_error *hc_regions_run(struct hc_target *target, const struct hc_owners *owners,
				struct hc_regions *ret)
{
	struct survey survey = {.process = target->process, .owners = owners};
	struct hc_error *err = hc_target_heap_if_any(target, &survey.heap);

	if (!err && survey.heap)
		err = hc_target_classifier(target, &survey.classifier);
	if (err)
		return err;
	hc_target_phase(target, HC_PHASE_REGIONS);
	err = mark_all(&survey);

	if (err) {
		hc_regions_deinit(&survey.regions);
		return err;
	}
	*ret = survey.regions;
	return NULL;
}

void hc_regions_deinit(struct hc_regions *regions)
{
	for (size_t i = 0; i < regions->num_marks; i++)
		free(regions->marks[i].reason);
	free(regions->marks);
	*regions = (struct hc_regions){0};
}
