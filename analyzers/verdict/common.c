/**
 * @file
 * What the content of each finding has in common, and which of it tells the lost from the living.
 * Their chunks are sampled however many findings there are: in one pass over the lost trees, and
 * from the census of reachable chunks.
 */
#include <ctype.h>
#include <string.h>

#include "analyzers/verdict/offer.h"
#include "analyzers/verdict/ties.h"
#include "analyzers/verdict/verdict.h"
#include "core/base/cleanup.h"

struct gather {
	const struct hc_verdict *verdict;
	const struct hc_classifier *classifier;
	struct hc_chunk_sample samples[HC_MAX_FINDINGS];
	/** Of groups whose content is below the root objects, these: they may tell more. */
	struct hc_chunk_sample roots[HC_MAX_FINDINGS];
};

/** Root objects that are looked at for clues. */
#define MAX_ROOTS (1u << 14)

/** Index of the finding that is a group, or of none. */
static size_t find_group(const struct hc_verdict *verdict, size_t number)
{
	size_t i = 0;

	while (i < verdict->findings.num && verdict->findings.items[i].group_number != number)
		i++;
	return i;
}

static struct hc_error *gather_lost(void *ctx, size_t number, const struct hc_chunk *chunk,
				    hc_class_id class_id, bool indirect)
{
	struct gather *gather = ctx;
	const struct hc_leak_group *group = &gather->verdict->leaks.groups[number - 1];
	const struct hc_leak_row *most = &group->rows[0];
	size_t finding = find_group(gather->verdict, number);
	bool content = hc_class_of(gather->classifier, group->content)->textual
			       ? class_id == group->content
			       : chunk->size == most->size && indirect == most->indirect;

	if (finding == gather->verdict->findings.num || (!content && indirect))
		return NULL;
	if (!content)
		return hc_chunk_sample_add(&gather->roots[finding], chunk);
	return hc_chunk_sample_add(&gather->samples[finding], chunk);
}

size_t hc_findings_of_size(const struct hc_verdict *verdict, uint64_t size)
{
	const struct hc_growth *growth = &verdict->growth;
	const struct hc_finding *findings = verdict->findings.items;
	size_t kind = hc_growth_kind_of(growth, size), i = 0;

	if (kind == growth->num_kinds)
		return verdict->findings.num;
	while (i < verdict->findings.num && findings[i].growth != &growth->kinds[kind])
		i++;
	return i;
}

static size_t sort_reachable(void *ctx, uint64_t size)
{
	const struct gather *gather = ctx;

	return hc_findings_of_size(gather->verdict, size);
}

static struct hc_error *gather_reachable(struct hc_target *target, struct gather *gather)
{
	const struct hc_census_sorting sorting = {gather->samples, gather->verdict->findings.num,
						  sort_reachable, gather};

	return hc_census_sample(&gather->verdict->growth.census, target, &sorting);
}

static struct hc_error *gather_all(struct hc_target *target, struct gather *gather)
{
	const struct hc_verdict *verdict = gather->verdict;
	struct hc_error *err = NULL;
	size_t groups = 0;
	bool reachable = false;

	_Static_assert(HC_MAX_FINDINGS <= HC_LEAKS_MAX_WALK, "every finding can be walked");
	for (size_t i = 0; i < verdict->findings.num; i++) {
		const struct hc_finding *finding = &verdict->findings.items[i];

		groups = finding->group_number > groups ? finding->group_number : groups;
		reachable |= finding->kind == HC_FINDING_HELD;
	}
	if (groups)
		err = hc_leaks_walk(&verdict->leaks, groups, gather_lost, gather);
	if (!err && reachable)
		err = gather_reachable(target, gather);
	return err;
}

/** @name Clues */
/**@{*/

/** Of the texts that repeat, so many of each finding are counted among others, too. */
#define MAX_COUNTED 8
/** Less does not distinguish. */
#define MIN_TELLS 0.5
/** A text must be in this share of the lost. */
#define MIN_LOST 0.5

/** Smallest and largest chunk size of a sample. */
static void find_sizes(const struct hc_heap *heap, const struct hc_chunk_sample *sample,
		       struct hc_clue *clue)
{
	struct hc_chunk chunk;

	clue->min_size = UINT64_MAX;
	clue->max_size = 0;
	for (size_t i = 0; i < sample->num; i++) {
		if (!hc_heap_chunk_at(heap, sample->addresses[i], &chunk))
			continue;
		clue->min_size = chunk.size < clue->min_size ? chunk.size : clue->min_size;
		clue->max_size = chunk.size > clue->max_size ? chunk.size : clue->max_size;
	}
}

/** A pair of key and value may be a clue. @return clues so far */
static size_t propose_token(const struct hc_token *token, const struct hc_clue *sizes,
			    struct hc_clue *ret, size_t num)
{
	bool pair = token->kind == HC_TOKEN_PAIR || token->kind == HC_TOKEN_HEADER;

	if (num == MAX_COUNTED || !pair || token->cut || token->key_size >= token->text.size)
		return num;
	ret[num] = *sizes;
	ret[num].text = token->text;
	ret[num].key_size = token->key_size;
	return num + 1;
}

/** Pairs that most lost chunks hold, and those that stand beside them in all of these. */
static size_t propose(const struct hc_repeats *repeats, const struct hc_clue *sizes,
		      struct hc_clue *ret)
{
	size_t num = 0;

	for (size_t i = 0; i < repeats->num && num < MAX_COUNTED; i++) {
		const struct hc_repeat *repeat = &repeats->items[i];

		if (repeat->chunks < MIN_LOST * repeats->counted)
			continue;
		num = propose_token(&repeat->token, sizes, ret, num);
		for (size_t k = 0; k < repeat->num_alike; k++) {
			struct hc_token token = hc_token_parse(repeat->alike[k]);

			num = propose_token(&token, sizes, ret, num);
		}
	}
	return num;
}

/** @name Clues of lines: how far the lines of the lost begin alike, and the others don't */
/**@{*/

/** Beginnings of a line that are proposed, and the least size of one that others share. */
#define MAX_BEGINNINGS 4
#define MIN_BEGINNING 4
/** Others that must share a beginning, to tell anything. */
#define MIN_OTHERS 8
/** Chunks in which a line is looked for. */
#define MAX_SEARCHED 64

/** What the line that most of the lost hold begins with, up to what varies; empty: nothing. */
static struct hc_bytes line_beginning(const struct hc_template *text_template)
{
	for (size_t i = 0; i < text_template->num_lines; i++) {
		const struct hc_template_line *line = &text_template->lines[i];
		size_t slot = 0;

		if (line->chunks < MIN_LOST * text_template->counted)
			continue;
		while (slot < line->num_slots && line->slots[slot].constant)
			slot++;
		return (struct hc_bytes){(const uint8_t *)line->text,
					 slot < line->num_slots ? line->slots[slot].offset
								: line->size};
	}
	return (struct hc_bytes){0};
}

/** Where a text stands in one of the first chunks of a sample; empty: nowhere. */
static struct hc_bytes find_in_core(const struct hc_heap *heap,
				    const struct hc_chunk_sample *sample, struct hc_bytes text)
{
	struct hc_chunk chunk;

	for (size_t i = 0; text.size && i < sample->num && i < MAX_SEARCHED; i++) {
		if (!hc_heap_chunk_at(heap, sample->addresses[i], &chunk))
			continue;
		struct hc_bytes bytes = hc_chunk_bytes(heap, &chunk);
		const uint8_t *at = memmem(bytes.data, bytes.size, text.data, text.size);
		if (at)
			return (struct hc_bytes){at, text.size};
	}
	return (struct hc_bytes){0};
}

/** Whether a word ends in front of @p at: "/shop/" and "admin". */
static bool is_boundary(struct hc_bytes text, size_t at)
{
	return !isalnum(text.data[at - 1]) && (at == text.size || isalnum(text.data[at]));
}

/** The last beginnings, each a word longer than its key. @return clues so far */
static size_t propose_beginnings(struct hc_bytes text, const struct hc_clue *sizes,
				 struct hc_clue *ret, size_t num)
{
	size_t ends[MAX_BEGINNINGS + 1], num_ends = 0;

	for (size_t at = text.size; at >= MIN_BEGINNING && num_ends <= MAX_BEGINNINGS; at--)
		if (is_boundary(text, at))
			ends[num_ends++] = at;
	for (size_t i = 0; i + 1 < num_ends; i++) {
		ret[num] = *sizes;
		ret[num].text = (struct hc_bytes){text.data, ends[i]};
		ret[num].key_size = ends[i + 1];
		ret[num++].min_others = MIN_OTHERS;
	}
	return num;
}
/**@}*/

static bool tells_less(const struct hc_clue *a, const struct hc_clue *b)
{
	return hc_clue_discriminates(a) < hc_clue_discriminates(b);
}

/** Keep those that distinguish, most telling first; equal ones in the order of the repeats. */
static void keep_clues(struct hc_clue *clues, size_t num, struct hc_finding *finding)
{
	for (size_t i = 1; i < num; i++) {
		for (size_t at = i; at && tells_less(&clues[at - 1], &clues[at]); at--) {
			struct hc_clue swap = clues[at];

			clues[at] = clues[at - 1];
			clues[at - 1] = swap;
		}
	}
	for (size_t i = 0; i < num && finding->num_clues < HC_FINDING_MAX_CLUES; i++)
		if (hc_clue_discriminates(&clues[i]) >= MIN_TELLS)
			finding->clues[finding->num_clues++] = clues[i];
}

/** What the root objects of a group say, where its content is below them. */
static struct hc_error *propose_roots(struct hc_target *target,
				      const struct hc_chunk_sample *sample, struct hc_clue *ret,
				      size_t *num)
{
	struct hc_clue sizes = {0};
	struct hc_repeats repeats;

	if (!sample->num)
		return NULL;
	struct hc_error *err = hc_repeats_run(target, sample, &repeats);
	if (err)
		return err;
	find_sizes(target->heap, sample, &sizes);
	*num += propose(&repeats, &sizes, ret);
	hc_repeats_deinit(&repeats);
	return NULL;
}

/** Of one finding: pairs of its content and of its root objects, beginnings of lines. */
#define MAX_PROPOSED (2 * MAX_COUNTED + MAX_BEGINNINGS)

static struct hc_error *find_clues(struct hc_target *target, const struct gather *gather,
				   struct hc_findings *findings)
{
	struct hc_clue clues[HC_MAX_CLUES];
	size_t firsts[HC_MAX_FINDINGS + 1] = {0}, num = 0;
	struct hc_error *err = NULL;

	for (size_t i = 0; !err && i < findings->num; i++) {
		const struct hc_finding *finding = &findings->items[i];
		struct hc_clue sizes = {0};

		firsts[i] = num;
		if (finding->kind == HC_FINDING_LOST && num + MAX_PROPOSED <= HC_MAX_CLUES) {
			find_sizes(target->heap, &gather->samples[i], &sizes);
			num += propose(&finding->common.repeats, &sizes, &clues[num]);
			num = propose_beginnings(
				find_in_core(target->heap, &gather->samples[i],
					     line_beginning(&finding->common.text_template)),
				&sizes, clues, num);
			err = propose_roots(target, &gather->roots[i], &clues[num], &num);
		}
		firsts[i + 1] = num;
	}
	if (!err && num)
		err = hc_clues_count(target, clues, num);
	for (size_t i = 0; !err && i < findings->num; i++)
		keep_clues(&clues[firsts[i]], firsts[i + 1] - firsts[i], &findings->items[i]);
	return err;
}
/**@}*/

static struct hc_error *describe(struct hc_target *target, const struct gather *gather,
				 struct hc_findings *findings)
{
	struct hc_error *err = NULL;

	for (size_t i = 0; !err && i < findings->num; i++) {
		hc_watch_part(&target->watch, 0.5 + 0.4 * i / findings->num,
			      0.5 + 0.4 * (i + 1) / findings->num);
		err = hc_common_run(target, &gather->samples[i], &findings->items[i].common);
	}
	hc_watch_part(&target->watch, 0.9, 1);
	return err ? err : find_clues(target, gather, findings);
}

static struct hc_error *describe_chunks(struct hc_target *target, struct hc_verdict *verdict)
{
	struct gather gather = {.verdict = verdict};
	struct hc_error *err = hc_target_classifier(target, &gather.classifier);

	if (err)
		return err;
	hc_target_phase(target, HC_PHASE_COMPARE);
	/* Looking for the chunks takes long where they are many, comparing their samples does not.
	 */
	hc_watch_part(&target->watch, 0, 0.5);
	for (size_t i = 0; i < HC_MAX_FINDINGS; i++) {
		hc_chunk_sample_init(&gather.samples[i], HC_COMMON_MAX_CHUNKS);
		hc_chunk_sample_init(&gather.roots[i], MAX_ROOTS);
	}
	err = gather_all(target, &gather);
	if (!err)
		err = describe(target, &gather, &verdict->findings);
	if (!err)
		err = hc_findings_count_classes(target, gather.samples, &verdict->findings);
	if (!err)
		err = hc_findings_count_types(target, verdict);
	if (!err)
		err = hc_findings_tie(target, gather.samples, verdict);
	for (size_t i = 0; i < HC_MAX_FINDINGS; i++) {
		hc_chunk_sample_deinit(&gather.samples[i]);
		hc_chunk_sample_deinit(&gather.roots[i]);
	}
	return err;
}

struct hc_error *hc_findings_describe(struct hc_target *target, struct hc_verdict *verdict)
{
	struct hc_error *err = verdict->heap ? describe_chunks(target, verdict) : NULL;

	if (!err && verdict->heap && verdict->causes[HC_CAUSE_FREED].stands_out)
		err = hc_pins_run(target, &verdict->growth, &verdict->findings.pins);
	return err ? err : hc_findings_describe_outside(target, verdict);
}
