/**
 * @file
 * The selection of a finding: by reach and sizes where it is a kind of held chunks, by state where
 * it is what was freed, one by one where it is a group of lost ones. Those that have no chunks are
 * ranges.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "analyzers/verdict/offer.h"
#include "analyzers/verdict/verdict.h"
#include "core/base/array.h"
#include "core/base/cleanup.h"

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
	hc_sort(selection->members, selection->num_members, hc_compare_u64);
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

static struct hc_error *check_number(const struct hc_findings *findings, uint64_t number)
{
	if (number && number <= findings->num)
		return NULL;
	return hc_error_create(HC_ERROR_ARGUMENT, "there is no finding %" PRIu64 "; there are %zu",
			       number, findings->num);
}

struct hc_error *hc_findings_select(const struct hc_verdict *verdict, uint64_t number,
				    struct hc_selection *selection)
{
	const struct hc_findings *findings = &verdict->findings;

	struct hc_error *err = check_number(findings, number);

	if (err)
		return err;
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
		return hc_error_about(
			hc_error_create(HC_ERROR_ARGUMENT,
					"finding %" PRIu64
					" is no set of chunks, but memory outside of the heap",
					number),
			HC_ABOUT_NO_CHUNKS);
	}
}

/** @name Ranges */
/**@{*/

/** What a finding outside of the heap is made of. */
struct pieces {
	const struct hc_process *process;
	enum hc_part part; /* that its mappings are of */
	struct hc_finding_range *items;
	size_t num;
};

/** Add what of [start, end) is of the part; ranges come in the order of addresses. */
static struct hc_error *add_pieces(struct pieces *pieces, uint64_t start, uint64_t end)
{
	const struct hc_mappings *mappings = &pieces->process->mappings;

	for (size_t i = hc_lower_bound(mappings->num, k, mappings->items[k].end <= start);
	     i < mappings->num && mappings->items[i].start < end; i++) {
		const struct hc_mapping *mapping = &mappings->items[i];
		struct hc_finding_range *last =
			pieces->num ? &pieces->items[pieces->num - 1] : NULL;
		uint64_t from = start > mapping->start ? start : mapping->start;
		uint64_t to = end < mapping->end ? end : mapping->end;

		if (!mapping->anonymous || hc_part_of_mapping(mapping->kind) != pieces->part)
			continue;
		if (last && last->mapping == i && last->end == from) {
			last->end = to;
			continue;
		}
		struct hc_error *err =
			hc_array_reserve(&pieces->items, pieces->num, sizeof(*pieces->items));
		if (err)
			return err;
		pieces->items[pieces->num++] = (struct hc_finding_range){from, to, i};
	}
	return NULL;
}

static struct hc_error *add_owned(struct pieces *pieces, const struct hc_owners *owners,
				  const struct hc_owner *owner)
{
	struct hc_error *err = NULL;

	for (size_t i = 0; !err && i < owners->num_ranges; i++) {
		const struct hc_owner_range *range = &owners->ranges[i];

		if (!owner || &owners->items[range->owner] == owner)
			err = add_pieces(pieces, range->start, range->end);
	}
	return err;
}

static struct hc_error *add_blocks(struct pieces *pieces, const struct hc_block_set *set)
{
	struct hc_error *err = NULL;

	for (size_t i = 0; !err && i < set->num; i++)
		err = add_pieces(pieces, set->addresses[i], set->addresses[i] + set->size);
	return err;
}

static int compare_ranges(const void *a, const void *b)
{
	const struct hc_finding_range *x = a, *y = b;

	return (x->start > y->start) - (x->start < y->start);
}

/** What no owner and no set of blocks has. */
static struct hc_error *add_others(struct pieces *pieces, const struct hc_verdict *verdict)
{
	struct pieces others = {.process = pieces->process, .part = pieces->part};
	const struct hc_blocks *blocks = &verdict->blocks;
	struct hc_error *err = add_owned(&others, &verdict->owners, NULL);
	uint64_t at = 0;

	for (size_t i = 0; !err && i < blocks->num && i < HC_FINDINGS_MAX_SETS; i++)
		err = add_blocks(&others, &blocks->sets[i]);
	if (!err)
		hc_sort(others.items, others.num, compare_ranges);
	for (size_t i = 0; !err && i < others.num; i++) {
		if (others.items[i].start > at)
			err = add_pieces(pieces, at, others.items[i].start);
		at = others.items[i].end > at ? others.items[i].end : at;
	}
	if (!err)
		err = add_pieces(pieces, at, UINT64_MAX);
	free(others.items);
	return err;
}

struct hc_error *hc_findings_ranges(const struct hc_process *process,
				    const struct hc_verdict *verdict, uint64_t number,
				    struct hc_finding_range **ret, size_t *num_ret)
{
	struct hc_error *err = check_number(&verdict->findings, number);
	struct pieces pieces = {.process = process, .part = HC_PART_OTHER};

	if (err)
		return err;
	const struct hc_finding *finding = &verdict->findings.items[number - 1];
	if (finding->kind == HC_FINDING_STACKS) {
		pieces.part = HC_PART_STACK;
		err = add_pieces(&pieces, 0, UINT64_MAX);
	} else if (finding->kind != HC_FINDING_OUTSIDE) {
		err = hc_error_about(hc_error_create(HC_ERROR_ARGUMENT,
						     "finding %" PRIu64 " is a set of chunks",
						     number),
				     HC_ABOUT_NO_RANGES);
	} else if (finding->owner) {
		err = add_owned(&pieces, &verdict->owners, finding->owner);
	} else if (finding->blocks) {
		err = add_blocks(&pieces, finding->blocks);
	} else {
		err = add_others(&pieces, verdict);
	}
	if (err) {
		free(pieces.items);
		return err;
	}
	*ret = pieces.items;
	*num_ret = pieces.num;
	return NULL;
}
/**@}*/
