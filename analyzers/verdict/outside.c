/**
 * @file
 * Memory outside of malloc as findings: one an owner, one a set of equal blocks, one of what is
 * left.
 *
 * Owners and blocks are ranges; what of them the accounting calls "other" is measured mapping by
 * mapping, in one pass over both, since both are in the order of addresses. Sums never exceed the
 * part of the accounting, so that what is left is exact.
 */
#include "analyzers/verdict/findings.h"

#include <stdlib.h>

#include "analyzers/inspect/touched.h"
#include "analyzers/verdict/offer.h"
#include "analyzers/verdict/verdict.h"
#include "core/base/array.h"
#include "core/base/cleanup.h"

/** What nobody owns is looked at for blocks when it has this share of the touched bytes. */
#define MIN_SHARE 0.01
/** What is neither owned nor blocks is looked at for pointers into it from so many bytes on. */
#define MIN_OTHERS (UINT64_C(1) << 20)

/** Goes through mappings by address. */
struct cursor {
	const struct hc_process *process;
	size_t at;
};

/** Bytes of something outside of malloc. */
struct extent {
	uint64_t bytes, touched;
};

static uint64_t touched_of(const struct hc_process *process, const struct hc_mapping *mapping,
			   uint64_t start, uint64_t end)
{
	if (mapping->resident == 0)
		return 0;
	if (mapping->resident == mapping->end - mapping->start)
		return end - start;
	return hc_touched_range(process, start, end);
}

/** Add what of [start, end) is "other". Ranges come in the order of addresses. */
static void add_range(struct cursor *cursor, uint64_t start, uint64_t end, struct extent *extent)
{
	const struct hc_mappings *mappings = &cursor->process->mappings;

	while (cursor->at < mappings->num && mappings->items[cursor->at].end <= start)
		cursor->at++;
	for (size_t i = cursor->at; i < mappings->num && mappings->items[i].start < end; i++) {
		const struct hc_mapping *mapping = &mappings->items[i];
		uint64_t from = start > mapping->start ? start : mapping->start;
		uint64_t to = end < mapping->end ? end : mapping->end;

		if (!mapping->anonymous || hc_part_of_mapping(mapping->kind) != HC_PART_OTHER)
			continue;
		extent->bytes += to - from;
		extent->touched += touched_of(cursor->process, mapping, from, to);
	}
}

static void take_at_most(struct extent *left, struct extent *extent)
{
	extent->bytes = extent->bytes < left->bytes ? extent->bytes : left->bytes;
	extent->touched = extent->touched < left->touched ? extent->touched : left->touched;
	left->bytes -= extent->bytes;
	left->touched -= extent->touched;
}

static struct hc_finding outside_finding(const struct extent *extent)
{
	return (struct hc_finding){
		.kind = HC_FINDING_OUTSIDE,
		.count = {0, extent->bytes},
		.touched = extent->touched,
		.class_id = HC_CLASS_OTHER,
		.type = HC_TYPE_NONE,
	};
}

static struct hc_error *offer_owners(struct hc_candidates *all, const struct hc_process *process,
				     struct extent *left)
{
	const struct hc_owners *owners = &all->verdict->owners;
	hc_cleanup_free struct extent *extents = calloc(owners->num + 1, sizeof(*extents));
	struct cursor cursor = {process, 0};
	struct hc_error *err = NULL;

	if (!extents)
		return &hc_enomem;
	for (size_t i = 0; i < owners->num_ranges; i++) {
		const struct hc_owner_range *range = &owners->ranges[i];

		add_range(&cursor, range->start, range->end, &extents[range->owner]);
	}
	for (size_t i = 0; !err && i < owners->num; i++) {
		take_at_most(left, &extents[i]);
		struct hc_finding finding = outside_finding(&extents[i]);
		finding.owner = &owners->items[i];
		finding.order = i;
		err = hc_candidates_offer(all, &finding);
	}
	return err;
}

static struct hc_error *offer_blocks(struct hc_candidates *all, const struct hc_process *process,
				     struct extent *left)
{
	const struct hc_blocks *blocks = &all->verdict->blocks;
	struct hc_error *err = NULL;

	for (size_t i = 0; !err && i < blocks->num && i < HC_FINDINGS_MAX_SETS; i++) {
		const struct hc_block_set *set = &blocks->sets[i];
		struct cursor cursor = {process, 0};
		struct extent extent = {0};

		for (size_t k = 0; k < set->num; k++)
			add_range(&cursor, set->addresses[k], set->addresses[k] + set->size,
				  &extent);
		take_at_most(left, &extent);
		struct hc_finding finding = outside_finding(&extent);
		finding.blocks = set;
		finding.order = all->verdict->owners.num + i;
		err = hc_candidates_offer(all, &finding);
	}
	return err;
}

struct hc_error *hc_findings_offer_outside(struct hc_candidates *all,
					   const struct hc_target *target)
{
	struct hc_verdict *verdict = all->verdict;
	struct extent left = {verdict->accounting.parts[HC_PART_OTHER],
			      verdict->ruler.parts[HC_PART_OTHER]};
	struct hc_error *err = hc_owners_run(target->process, verdict->heap, &verdict->owners);

	if (!err)
		err = offer_owners(all, target->process, &left);
	if (err)
		return err;
	if (left.touched && hc_part_share(left.touched, verdict->ruler.total) >= MIN_SHARE)
		err = hc_blocks_find(target->process, &verdict->owners, &verdict->blocks);
	if (!err)
		err = offer_blocks(all, target->process, &left);
	struct hc_finding rest = outside_finding(&left);
	rest.order = SIZE_MAX;
	return err ? err : hc_candidates_offer(all, &rest);
}

/** Whether blocks begin in a mapping: then it counts with them. */
static bool has_blocks(const struct hc_blocks *blocks, const struct hc_mapping *mapping)
{
	for (size_t i = 0; i < blocks->num && i < HC_FINDINGS_MAX_SETS; i++) {
		const struct hc_block_set *set = &blocks->sets[i];
		size_t low = hc_lower_bound(set->num, k, set->addresses[k] < mapping->start);

		if (low < set->num && set->addresses[low] < mapping->end)
			return true;
	}
	return false;
}

/** What nobody owns and has no pattern, when it is worth a look at every pointer. */
static struct hc_finding *find_others(struct hc_findings *findings)
{
	for (size_t i = 0; i < findings->num; i++) {
		struct hc_finding *finding = &findings->items[i];

		if (finding->kind == HC_FINDING_OUTSIDE && !finding->owner && !finding->blocks &&
		    finding->touched >= MIN_OTHERS)
			return finding;
	}
	return NULL;
}

static void count_others(const struct hc_held *held, const struct hc_blocks *blocks,
			 struct hc_finding *others)
{
	for (size_t i = 0; i < held->num; i++) {
		const struct hc_held_mapping *item = &held->items[i];

		if (has_blocks(blocks, item->mapping))
			continue;
		others->mappings++;
		others->lost_mappings += !item->held;
		if (!item->held)
			others->lost_bytes += item->mapping->end - item->mapping->start;
	}
}

struct hc_error *hc_findings_describe_outside(struct hc_target *target, struct hc_verdict *verdict)
{
	struct hc_findings *findings = &verdict->findings;
	struct hc_finding *others = find_others(findings);
	struct hc_held held;
	struct hc_error *err = NULL;
	bool blocks = false;

	for (size_t i = 0; !err && i < findings->num; i++) {
		struct hc_finding *finding = &findings->items[i];

		if (!finding->blocks)
			continue;
		blocks = true;
		err = hc_block_contents_run(target, finding->blocks, &finding->contents);
		finding->has_contents = !err;
	}
	if (err || (!blocks && !others))
		return err;
	err = hc_held_run(target->process, verdict->heap, &verdict->owners, &verdict->blocks,
			  &held);
	if (err)
		return err;
	findings->held_known = !held.missing;
	if (others && findings->held_known)
		count_others(&held, &verdict->blocks, others);
	hc_held_deinit(&held);
	return NULL;
}
