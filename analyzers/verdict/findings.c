/**
 * @file
 * One list: what could be a finding is measured, sorted, and cut.
 *
 * Growth counts chunks by size, exactly, and the ruler knows the few chunks with untouched pages,
 * so that the touched bytes of a kind need no other pass. Those of lost groups are taken from one
 * walk over their trees, and only where a lost chunk has such pages at all.
 */
#include "analyzers/verdict/findings.h"

#include <stdlib.h>

#include "analyzers/verdict/offer.h"
#include "analyzers/verdict/verdict.h"
#include "core/base/array.h"
#include "core/base/cleanup.h"

/** Findings below this share of the touched bytes are not worth a line, but the first always is. */
#define MIN_SHARE 0.01

const char *hc_finding_kind_name(enum hc_finding_kind kind)
{
	static const char *const names[] = {
		[HC_FINDING_LOST] = "lost",       [HC_FINDING_HELD] = "held",
		[HC_FINDING_FREED] = "freed",     [HC_FINDING_STACKS] = "stacks",
		[HC_FINDING_OUTSIDE] = "outside",
	};
	return names[kind];
}

struct hc_error *hc_candidates_offer(struct hc_candidates *all, const struct hc_finding *finding)
{
	struct hc_error *err;

	if (!finding->count.bytes)
		return NULL;
	err = hc_array_reserve(&all->items, all->num, sizeof(*all->items));
	if (!err)
		all->items[all->num++] = *finding;
	return err;
}

/** @name Lost */
/**@{*/

struct lost_walk {
	const struct hc_ruler *ruler;
	uint64_t untouched[HC_LEAKS_MAX_WALK];
};

static struct hc_error *measure_lost(void *ctx, size_t number, const struct hc_chunk *chunk,
				     hc_class_id class_id __attribute__((unused)),
				     bool indirect __attribute__((unused)))
{
	struct lost_walk *walk = ctx;

	walk->untouched[number - 1] += hc_ruler_untouched(walk->ruler, chunk);
	return NULL;
}

static struct hc_finding lost_finding(const struct hc_leaks *leaks, size_t index)
{
	const struct hc_leak_group *group = &leaks->groups[index];

	return (struct hc_finding){
		.kind = HC_FINDING_LOST,
		.group = group,
		.group_number = index + 1,
		.order = index,
		.size = group->root_size,
		.max_size = group->root_size,
		.count = {group->roots.chunks + group->below.chunks,
			  group->roots.bytes + group->below.bytes},
		.class_id = group->content,
		.class_count = group->content_count,
		.type = group->root_type,
		.type_chunks = group->roots.chunks,
		.looked_at = group->roots.chunks + group->below.chunks,
		.sample = group->sample_content ? group->sample_content : group->sample_root,
	};
}

static struct hc_error *offer_lost(struct hc_candidates *all)
{
	const struct hc_verdict *verdict = all->verdict;
	const struct hc_leaks *leaks = &verdict->leaks;
	size_t num = leaks->num_groups < HC_LEAKS_MAX_WALK ? leaks->num_groups : HC_LEAKS_MAX_WALK;
	struct lost_walk walk = {.ruler = &verdict->ruler};
	uint64_t lost = verdict->lost_bytes, touched = hc_verdict_lost_touched(verdict);
	struct hc_error *err = NULL;

	if (num && touched < lost)
		err = hc_leaks_walk(leaks, num, measure_lost, &walk);
	for (size_t i = 0; !err && i < num; i++) {
		struct hc_finding finding = lost_finding(leaks, i);

		finding.touched = finding.count.bytes - walk.untouched[i];
		err = hc_candidates_offer(all, &finding);
	}
	return err;
}
/**@}*/

/** @name Held */
/**@{*/

/** Untouched bytes of each kind, of those chunks that have any. */
static void measure_held(const struct hc_verdict *verdict, const struct hc_heap *heap,
			 uint64_t *untouched)
{
	for (size_t i = 0; i < verdict->ruler.num; i++) {
		const struct hc_untouched *item = &verdict->ruler.items[i];
		struct hc_chunk chunk;

		if (!hc_heap_chunk_at(heap, item->address, &chunk) || !hc_chunk_is_held(&chunk))
			continue;
		size_t kind = hc_growth_kind_of(&verdict->growth, chunk.size);
		if (kind < verdict->growth.num_kinds)
			untouched[kind] += item->bytes;
	}
}

/** Chunks of a kind that only hidden links hold. */
static void count_hidden(const struct hc_verdict *verdict, struct hc_finding *finding)
{
	for (size_t i = 0; i < verdict->heap->num_hidden; i++) {
		const struct hc_hidden_size *row = &verdict->heap->hidden[i];

		if (hc_growth_kind_of(&verdict->growth, row->size) != finding->growth_number)
			continue;
		for (int how = 0; how < HC_NUM_HIDINGS; how++)
			finding->hidden[how] += row->by[how].chunks;
	}
}

static struct hc_error *offer_held(struct hc_candidates *all)
{
	const struct hc_verdict *verdict = all->verdict;
	const struct hc_growth *growth = &verdict->growth;
	hc_cleanup_free uint64_t *untouched = calloc(growth->num_kinds + 1, sizeof(*untouched));
	struct hc_error *err = NULL;

	if (!untouched)
		return &hc_enomem;
	measure_held(verdict, verdict->heap, untouched);
	for (size_t i = 0; !err && i < growth->num_kinds; i++) {
		const struct hc_growth_kind *kind = &growth->kinds[i];
		struct hc_finding finding = {
			.kind = HC_FINDING_HELD,
			.growth = kind,
			.growth_number = i,
			.order = i,
			.size = kind->size,
			.max_size = kind->max_size,
			.count = kind->count,
			.touched = kind->count.bytes - untouched[i],
			.class_id = kind->class_id,
			.class_count = kind->class_count,
			.sample = kind->sample,
			.type = kind->type,
			.type_chunks = kind->type_chunks,
			.looked_at = kind->looked_at,
		};
		count_hidden(verdict, &finding);
		err = hc_candidates_offer(all, &finding);
	}
	return err;
}
/**@}*/

/** @name The rest of the accounting */
/**@{*/

/** Parts of the accounting as one. */
static struct hc_error *offer_parts(struct hc_candidates *all, enum hc_finding_kind kind,
				    enum hc_part first, enum hc_part last)
{
	const struct hc_accounting *accounting = &all->verdict->accounting;
	struct hc_finding finding = {
		.kind = kind, .class_id = HC_CLASS_OTHER, .type = HC_TYPE_NONE};

	for (enum hc_part part = first; part <= last; part++) {
		finding.count.chunks += accounting->chunks[part];
		finding.count.bytes += accounting->parts[part];
		finding.touched += all->verdict->ruler.parts[part];
	}
	return hc_candidates_offer(all, &finding);
}

static uint64_t all_chunks(const struct hc_accounting *accounting)
{
	uint64_t ret = 0;

	for (enum hc_part part = 0; part < HC_NUM_PARTS; part++)
		if (part != HC_PART_OVERHEAD)
			ret += accounting->chunks[part];
	return ret;
}

/** What the list leaves of the total. */
static void find_rest(const struct hc_candidates *all, struct hc_findings *findings)
{
	const struct hc_verdict *verdict = all->verdict;
	struct hc_finding *rest = &findings->rest;

	*rest = (struct hc_finding){
		.count = {all_chunks(&verdict->accounting), verdict->accounting.total},
		.touched = verdict->ruler.total,
	};
	for (size_t i = 0; i < findings->num; i++) {
		rest->count.chunks -= findings->items[i].count.chunks;
		rest->count.bytes -= findings->items[i].count.bytes;
		rest->touched -= findings->items[i].touched;
	}
	rest->share = hc_part_share(rest->touched, verdict->ruler.total);
}
/**@}*/

static int compare(const void *a, const void *b)
{
	const struct hc_finding *x = a, *y = b;

	if (x->touched != y->touched)
		return x->touched < y->touched ? 1 : -1;
	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	return (x->order > y->order) - (x->order < y->order);
}

/** Every loss is worth a line; of the rest, what is large. */
static bool is_listed(const struct hc_findings *findings, const struct hc_finding *finding)
{
	if (findings->num == HC_MAX_FINDINGS)
		return false;
	return !findings->num || finding->kind == HC_FINDING_LOST || finding->share >= MIN_SHARE;
}

static void cut(const struct hc_candidates *all, struct hc_findings *findings)
{
	for (size_t i = 0; i < all->num; i++) {
		struct hc_finding *finding = &all->items[i];

		finding->share = hc_part_share(finding->touched, all->verdict->ruler.total);
		if (is_listed(findings, finding)) {
			finding->number = findings->num + 1;
			findings->items[findings->num++] = *finding;
		} else if (!findings->next.count.bytes) {
			findings->next = *finding;
		}
	}
	find_rest(all, findings);
}

struct hc_error *hc_findings_list(struct hc_target *target, struct hc_verdict *verdict)
{
	struct hc_candidates all = {.verdict = verdict};
	struct hc_error *err = NULL;

	if (verdict->heap)
		err = offer_lost(&all);
	if (!err && verdict->heap)
		err = offer_held(&all);
	if (!err)
		err = offer_parts(&all, HC_FINDING_FREED, HC_PART_CACHED, HC_PART_TOP);
	if (!err)
		err = offer_parts(&all, HC_FINDING_STACKS, HC_PART_STACK, HC_PART_STACK);
	if (!err)
		err = hc_findings_offer_outside(&all, target);
	if (!err)
		hc_sort(all.items, all.num, compare);
	if (err) {
		free(all.items);
		return err;
	}
	cut(&all, &verdict->findings);
	verdict->findings.candidates = all.items;
	verdict->findings.num_candidates = all.num;
	return NULL;
}

void hc_finding_deinit(struct hc_finding *finding)
{
	hc_common_deinit(&finding->common);
	if (finding->has_contents)
		hc_block_contents_deinit(&finding->contents);
}

void hc_findings_deinit(struct hc_findings *findings)
{
	for (size_t i = 0; i < findings->num; i++)
		hc_finding_deinit(&findings->items[i]);
	free(findings->candidates);
	*findings = (struct hc_findings){0};
}
