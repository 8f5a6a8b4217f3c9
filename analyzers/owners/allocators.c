/**
 * @file
 * Other allocators than the one whose heap was read, by what they leave in memory
 * (core/allocators/evidence.h).
 */
#include <stdlib.h>

#include "analyzers/owners/survey.h"
#include "core/allocators/evidence.h"

static struct hc_error *add(struct hc_survey *survey, struct hc_allocator_evidence *evidence)
{
	struct hc_owner *owner;
	struct hc_error *err = hc_survey_add(survey, evidence->name, evidence->title,
					     strdup(evidence->how), &owner);

	if (err)
		return err;
	owner->heap = true;
	for (size_t i = 0; i < evidence->num_counts; i++) {
		const struct hc_allocator_count *count = &evidence->counts[i];
		if (count->bytes)
			hc_owner_count_bytes(owner, count->name, count->value);
		else
			hc_owner_count(owner, count->name, count->value);
	}
	for (size_t i = 0; !err && i < evidence->num_ranges; i++)
		err = hc_survey_claim(survey, evidence->ranges[i].start, evidence->ranges[i].end);
	return err;
}

struct hc_error *hc_probe_allocators(struct hc_survey *survey)
{
	struct hc_allocator_evidence *items;
	size_t num;
	struct hc_error *err = hc_allocator_evidence_find(survey->process, &items, &num);

	if (err)
		return err;
	for (size_t i = 0; !err && i < num; i++)
		err = add(survey, &items[i]);
	hc_allocator_evidence_free(items, num);
	return err;
}
