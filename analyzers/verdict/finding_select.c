/**
 * @file
 * The selection of a finding: by reach and sizes where it is a kind of held chunks, by state where
 * it is what was freed, one by one where it is a group of lost ones.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "analyzers/verdict/verdict.h"
#include "core/base/array.h"
#include "core/base/cleanup.h"

static int compare_numbers(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

struct gather {
	struct hc_selection *selection;
	struct hc_error *err;
};

static bool add_member(void *ctx, const struct hc_chunk *chunk,
		       bool indirect __attribute__((unused)))
{
	struct gather *gather = ctx;
	struct hc_selection *selection = gather->selection;

	gather->err = hc_array_reserve(&selection->members, selection->num_members,
				       sizeof(*selection->members));
	if (gather->err)
		return false;
	selection->members[selection->num_members++] = chunk->address;
	return true;
}

static struct hc_error *select_group(const struct hc_leaks *leaks, size_t number,
				     struct hc_selection *selection)
{
	struct gather gather = {selection, NULL};
	struct hc_error *err = hc_leaks_each(leaks, number, add_member, &gather);

	if (err || gather.err)
		return err ? err : gather.err;
	selection->by_member = true;
	if (selection->num_members)
		qsort(selection->members, selection->num_members, sizeof(*selection->members),
		      compare_numbers);
	return NULL;
}

/** hc_growth::sizes are in order. */
static struct hc_error *select_held(const struct hc_growth *growth, size_t kind,
				    struct hc_selection *selection)
{
	for (size_t i = 0; i < growth->num_sizes; i++) {
		if (growth->sizes[i].kind != kind)
			continue;
		struct hc_error *err = hc_array_reserve(&selection->sizes, selection->num_sizes,
							sizeof(*selection->sizes));
		if (err)
			return err;
		selection->sizes[selection->num_sizes++] = growth->sizes[i].size;
	}
	selection->reaches = 1u << HC_REACHABLE | 1u << HC_POSSIBLE;
	return NULL;
}

struct hc_error *hc_findings_select(const struct hc_verdict *verdict, uint64_t number,
				    struct hc_selection *selection)
{
	const struct hc_findings *findings = &verdict->findings;

	if (!number || number > findings->num)
		return hc_error_create(HC_ERROR_ARGUMENT,
				       "there is no finding %" PRIu64 "; there are %zu", number,
				       findings->num);
	const struct hc_finding *finding = &findings->items[number - 1];
	switch (finding->kind) {
	case HC_FINDING_LOST:
		return select_group(&verdict->leaks, finding->group_number, selection);
	case HC_FINDING_HELD:
		return select_held(&verdict->growth, finding->growth_number, selection);
	case HC_FINDING_FREED:
		selection->states = 1u << HC_CACHED | 1u << HC_FREE | 1u << HC_TOP;
		return NULL;
	default:
		return hc_error_create(HC_ERROR_ARGUMENT,
				       "finding %" PRIu64
				       " is no set of chunks, but memory outside "
				       "of the heap",
				       number);
	}
}
