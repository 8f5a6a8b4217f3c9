/**
 * @file
 * Findings of analyze as data: all that is known of each.
 */
#include "cmd/verbs/analyze_finding.h"

#include "cmd/show/blocks.h"
#include "cmd/show/chain.h"
#include "cmd/show/common.h"
#include "core/base/cleanup.h"

/** Findings of less have none. */
#define HOLDER_MIN_SHARE 0.1

/** What only a group of lost objects has. */
static void describe_group(const struct hc_finding *finding, struct hc_document *doc)
{
	const struct hc_leak_group *group = finding->group;

	if (!group) {
		hc_fact(doc, "group", NULL, hc_cell_unknown());
		hc_fact(doc, "roots", NULL, hc_cell_unknown());
		hc_fact(doc, "below", NULL, hc_cell_unknown());
		hc_fact(doc, "roots_with_content", NULL, hc_cell_unknown());
		return;
	}
	hc_fact(doc, "group", NULL, hc_cell_count(finding->group_number));
	hc_count_fact(doc, "roots", HC_CONTENT_NONE, group->roots.chunks, group->roots.bytes);
	hc_count_fact(doc, "below", HC_CONTENT_NONE, group->below.chunks, group->below.bytes);
	hc_fact(doc, "roots_with_content", NULL,
		hc_cell_needs(HC_CONTENT_CLASS, hc_cell_count(group->roots_with_content)));
}

static void describe_clue_count(struct hc_document *doc, const char *key,
				const struct hc_clue_count *count)
{
	hc_begin_object(doc, key, HC_CONTENT_NONE);
	hc_fact(doc, "chunks", NULL, hc_cell_count(count->text));
	hc_fact(doc, "of", NULL, hc_cell_count(count->key));
	hc_end(doc);
}

static void describe_clues(const struct hc_finding *finding, struct hc_document *doc)
{
	hc_begin_array(doc, "clues", HC_CONTENT_SAMPLE);
	for (size_t i = 0; i < finding->num_clues; i++) {
		const struct hc_clue *clue = &finding->clues[i];
		struct hc_excerpt text = hc_text_excerpt(clue->text);

		hc_begin_object(doc, NULL, HC_CONTENT_SAMPLE);
		hc_fact(doc, "text", NULL, hc_cell_content(&text));
		describe_clue_count(doc, "lost", &clue->lost);
		describe_clue_count(doc, "held", &clue->held);
		describe_clue_count(doc, "freed", &clue->freed);
		hc_end(doc);
	}
	hc_end(doc);
}

/** What only lost and held chunks have. */
static void describe_chunks(struct hc_analysis *analysis, const struct hc_finding *finding)
{
	struct hc_cell type = hc_type_cell(analysis->session, finding->type);
	struct hc_leak_cycle cycle = hc_finding_cycle(analysis, finding);
	struct hc_document *doc = analysis->doc;
	bool typed = type.kind != HC_CELL_UNKNOWN;

	hc_fact(doc, "size", NULL, hc_cell_count(finding->size));
	hc_fact(doc, "max_size", NULL, hc_cell_count(finding->max_size));
	describe_group(finding, doc);
	hc_cycle_describe(analysis->session, &cycle, doc);
	hc_begin_object(doc, "hidden_links", HC_CONTENT_NONE);
	hc_fact(doc, "tagged", NULL, hc_cell_count(finding->hidden[HC_HIDING_TAGGED]));
	hc_fact(doc, "offsets", NULL, hc_cell_count(finding->hidden[HC_HIDING_OFFSET]));
	hc_end(doc);
	hc_fact(doc, "type", NULL, type);
	hc_fact(doc, "type_chunks", NULL,
		typed ? hc_cell_needs(HC_CONTENT_CLASS, hc_cell_count(finding->type_chunks))
		      : hc_cell_unknown());
	hc_fact(doc, "type_objects", NULL,
		typed && finding->type_objects
			? hc_cell_needs(HC_CONTENT_CLASS, hc_cell_count(finding->type_objects))
			: hc_cell_unknown());
	hc_fact(doc, "class", NULL, hc_class_cell(analysis->session, finding->class_id));
	hc_count_fact(doc, "class_count", HC_CONTENT_CLASS, finding->class_count.chunks,
		      finding->class_count.bytes);
	hc_fact(doc, "looked_at", NULL,
		hc_cell_needs(HC_CONTENT_CLASS, hc_cell_count(finding->looked_at)));
	hc_begin_object(doc, "common", HC_CONTENT_NONE);
	hc_common_describe(&finding->common, false, doc);
	hc_end(doc);
	describe_clues(finding, doc);
	hc_fact(doc, "sample_address", NULL,
		finding->sample ? hc_cell_address(finding->sample) : hc_cell_unknown());
	hc_fact(doc, "sample", NULL, hc_sampler_cell(&analysis->sampler, finding->sample, 0));
}

static void describe_outside(const struct hc_finding *finding, struct hc_document *doc)
{
	const struct hc_block_set *set = finding->blocks;

	bool looked = finding->mappings;

	hc_fact(doc, "owner", NULL, hc_cell_name(finding->owner ? finding->owner->name : NULL));
	hc_fact(doc, "mappings", NULL,
		looked ? hc_cell_count(finding->mappings) : hc_cell_unknown());
	hc_fact(doc, "lost_mappings", NULL,
		looked ? hc_cell_count(finding->lost_mappings) : hc_cell_unknown());
	hc_fact(doc, "lost_bytes", NULL,
		looked ? hc_cell_bytes(finding->lost_bytes) : hc_cell_unknown());
	if (!set) {
		hc_fact(doc, "blocks", NULL, hc_cell_unknown());
		return;
	}
	struct hc_excerpt line = hc_block_line_excerpt(&finding->contents);

	hc_begin_object(doc, "blocks", HC_CONTENT_NONE);
	hc_fact(doc, "first", NULL, hc_cell_address(set->addresses[0]));
	hc_fact(doc, "size", NULL, hc_cell_bytes(set->size));
	hc_fact(doc, "num", NULL, hc_cell_count(set->num));
	hc_fact(doc, "mappings", NULL, hc_cell_count(set->mappings));
	hc_fact(doc, "pointed", NULL, hc_cell_count(set->pointed));
	hc_fact(doc, "linked", NULL, hc_cell_count(set->linked));
	hc_fact(doc, "parts", NULL, hc_cell_count(set->parts));
	hc_fact(doc, "line", NULL, hc_cell_content(&line));
	hc_fact(doc, "line_blocks", NULL, hc_cell_count(finding->contents.line_blocks));
	hc_fact(doc, "line_matches", NULL, hc_cell_count(finding->contents.line_matches));
	hc_fact(doc, "line_gap", NULL,
		finding->contents.line_gap ? hc_cell_count(finding->contents.line_gap)
					   : hc_cell_unknown());
	hc_fact(doc, "counted", NULL, hc_cell_count(finding->contents.counted));
	hc_end(doc);
}

/** What keeps free memory from being given back. */
static void describe_pins(const struct hc_analysis *analysis)
{
	const struct hc_pins *pins = &analysis->verdict.findings.pins;
	struct hc_document *doc = analysis->doc;
	bool any = pins->bytes;

	hc_begin_object(doc, "pinned", HC_CONTENT_NONE);
	hc_fact(doc, "free_bytes", NULL, hc_cell_bytes(pins->free));
	hc_fact(doc, "bytes", NULL, hc_cell_bytes(pins->bytes));
	hc_fact(doc, "by", NULL, any ? hc_pinning_phrase(analysis) : hc_cell_unknown());
	hc_fact(doc, "chunks", NULL, hc_cell_count(pins->chunks));
	hc_fact(doc, "of", NULL, hc_cell_count(pins->all_chunks));
	hc_fact(doc, "more", NULL, any ? hc_pinning_command(analysis) : hc_cell_unknown());
	hc_end(doc);
}

/**
 * The chain to the sample. One that is too far from the roots, in the midst of a long list, gives
 * way to the first chunk of its kind, which stands nearer to its head in most lists.
 */
static struct hc_error *find_holder(struct hc_analysis *analysis, const struct hc_namer *namer,
				    uint64_t max_chunks, struct hc_finding *finding,
				    struct hc_cell *ret)
{
	const struct hc_heap *heap = analysis->session->target->heap;
	struct hc_chunk chunk;
	struct hc_error *err = NULL;

	if (hc_heap_chunk_at(heap, finding->sample, &chunk))
		err = hc_chain_phrase(namer, &chunk, max_chunks, analysis->doc, ret);
	if (err || ret->kind != HC_CELL_UNKNOWN || finding->growth->first == finding->sample ||
	    !hc_heap_chunk_at(heap, finding->growth->first, &chunk))
		return err;
	err = hc_chain_phrase(namer, &chunk, max_chunks, analysis->doc, ret);
	if (ret->kind != HC_CELL_UNKNOWN)
		finding->sample = chunk.address;
	return err;
}

struct hc_error *hc_analysis_find_holders(struct hc_analysis *analysis)
{
	struct hc_findings *findings = &analysis->verdict.findings;
	struct hc_target *target = analysis->session->target;
	const uint64_t max_chunks = hc_findings_holder_chunks(target);
	hc_cleanup(hc_spots_destroyp) struct hc_spots *spots = NULL;
	struct hc_error *err = NULL;

	for (size_t i = 0; i < HC_MAX_FINDINGS; i++)
		analysis->holders[i] = hc_cell_unknown();
	for (size_t i = 0; !err && i < findings->num && i < HC_ANALYSIS_MAX_IN_FULL; i++) {
		struct hc_finding *finding = &findings->items[i];

		if (!finding->growth || finding->share < HOLDER_MIN_SHARE)
			continue;
		if (!spots)
			err = hc_spots_create(target->process, &spots);
		const struct hc_namer namer = {analysis->session, spots,
					       analysis->session->options->full_names,
					       &analysis->verdict.owners};

		if (!err)
			err = find_holder(analysis, &namer, max_chunks, finding,
					  &analysis->holders[i]);
	}
	return err;
}

void hc_analysis_describe_finding(struct hc_analysis *analysis, size_t i)
{
	const struct hc_finding *finding = &analysis->verdict.findings.items[i];
	struct hc_document *doc = analysis->doc;
	struct hc_cell text = hc_finding_full_phrase(analysis, finding);
	struct hc_cell more = hc_finding_more(analysis, i);

	hc_begin_object(doc, NULL, HC_CONTENT_NONE);
	hc_fact(doc, "finding", NULL, hc_cell_count(finding->number));
	hc_fact(doc, "kind", NULL, hc_cell_text(hc_finding_kind_name(finding->kind)));
	hc_fact(doc, "text", NULL, text);
	hc_fact(doc, "chunks", NULL, hc_cell_count(finding->count.chunks));
	hc_fact(doc, "bytes", NULL, hc_cell_bytes(finding->count.bytes));
	hc_fact(doc, "touched", NULL, hc_cell_bytes(finding->touched));
	hc_fact(doc, "share", NULL, hc_cell_share(finding->share));
	if (finding->group || finding->growth)
		describe_chunks(analysis, finding);
	if (finding->growth) {
		hc_fact(doc, "holder", NULL, analysis->holders[i]);
		hc_fact(doc, "with", NULL,
			finding->with ? hc_cell_number(finding->with) : hc_cell_unknown());
		hc_fact(doc, "together", NULL,
			finding->together ? hc_cell_bytes(finding->together) : hc_cell_unknown());
	}
	if (finding->kind == HC_FINDING_FREED)
		describe_pins(analysis);
	if (finding->kind == HC_FINDING_OUTSIDE)
		describe_outside(finding, doc);
	hc_fact(doc, "more", NULL, more);
	hc_finding_say(analysis, i, text, more);
	hc_end(doc);
}

void hc_analysis_describe_rest(struct hc_analysis *analysis)
{
	const struct hc_findings *findings = &analysis->verdict.findings;
	const struct hc_finding *rest = &findings->rest, *next = &findings->next;
	struct hc_document *doc = analysis->doc;

	hc_begin_object(doc, "rest", HC_CONTENT_NONE);
	hc_fact(doc, "chunks", NULL, hc_cell_count(rest->count.chunks));
	hc_fact(doc, "bytes", NULL, hc_cell_bytes(rest->count.bytes));
	hc_fact(doc, "touched", NULL, hc_cell_bytes(rest->touched));
	hc_fact(doc, "share", NULL, hc_cell_share(rest->share));
	hc_fact(doc, "largest", NULL,
		next->count.bytes ? hc_finding_phrase(analysis, next) : hc_cell_unknown());
	hc_fact(doc, "largest_touched", NULL, hc_cell_bytes(next->touched));
	hc_end(doc);
	hc_findings_say_rest(analysis);
}
