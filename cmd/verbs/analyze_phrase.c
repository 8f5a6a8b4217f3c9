/**
 * @file
 * Findings of analyze in a sentence, and the commands that show them.
 */
#include "cmd/verbs/analyze_finding.h"

#include "cmd/show/owner.h"

/** What hangs below the root objects of a group: ", each with 3 chunks below it". */
static struct hc_cell below_phrase(const struct hc_leak_group *group, struct hc_document *doc)
{
	uint64_t roots = group->roots.chunks, below = group->below.chunks;
	bool even = roots && below % roots == 0;
	uint64_t shown = even ? below / roots : below;

	if (!below)
		return hc_cell_unknown();
	return HC_PHRASE(doc, ", {}with {} chunk{} below {}",
			 hc_cell_text(even && roots > 1 ? "each " : ""), hc_cell_count(shown),
			 hc_cell_plural(shown), hc_cell_text(even ? "it" : "them"));
}

/** "ItopRequest (544 bytes)"; what may show without --content is the size alone. */
static struct hc_cell object_phrase(const struct hc_analysis *analysis,
				    const struct hc_finding *finding, uint64_t count,
				    const char *noun)
{
	struct hc_cell type = hc_type_cell(analysis->session, finding->type);
	struct hc_cell size = hc_cell_count(finding->size);
	struct hc_document *doc = analysis->doc;
	bool all = finding->group || finding->type_chunks >= finding->count.chunks;

	if (type.kind != HC_CELL_UNKNOWN && all &&
	    analysis->session->options->content >= HC_CONTENT_CLASS)
		return HC_PHRASE(doc, "{} ({} bytes)", type, size);
	return HC_PHRASE(doc, "{}-byte {}{}", size, hc_cell_text(noun), hc_cell_plural(count));
}

struct hc_cell hc_finding_objects(const struct hc_analysis *analysis,
				  const struct hc_finding *finding)
{
	if (finding->type_objects <= finding->type_chunks)
		return hc_type_cell(analysis->session, finding->type);
	return HC_PHRASE(analysis->doc, "{} {} {}", hc_cell_count(finding->type_objects),
			 hc_cell_times(),
			 hc_type_cell(analysis->session, hc_type_of_object(finding->type)));
}

struct hc_leak_cycle hc_finding_cycle(const struct hc_analysis *analysis,
				      const struct hc_finding *finding)
{
	if (!finding->group)
		return (struct hc_leak_cycle){.num = 0};
	return hc_cycle_of(analysis->session, finding->group->sample_root);
}

static struct hc_cell lost_phrase(const struct hc_analysis *analysis,
				  const struct hc_finding *finding)
{
	const struct hc_leak_group *group = finding->group;
	const char *lost = !hc_verdict_upper_bound(&analysis->verdict) ? "lost"
			   : group->roots.chunks == 1                  ? "that looks lost"
								       : "that look lost";

	return HC_PHRASE(analysis->doc, "{} {} {} {}{}", hc_cell_count(group->roots.chunks),
			 hc_cell_times(),
			 object_phrase(analysis, finding, group->roots.chunks, "object"),
			 hc_cell_text(lost), below_phrase(group, analysis->doc));
}

/** Sizes of the bulk; how many chunks these are where some are of others. */
static struct hc_cell held_phrase(const struct hc_analysis *analysis,
				  const struct hc_finding *finding)
{
	struct hc_cell count = hc_cell_count(finding->count.chunks);
	bool strays = finding->growth->bulk < finding->count.chunks;
	struct hc_document *doc = analysis->doc;

	if (finding->max_size > finding->size)
		return HC_PHRASE(doc, "{} chunks{} of {} to {} bytes held", count,
				 hc_cell_text(strays ? ", nearly all" : ""),
				 hc_cell_count(finding->size), hc_cell_count(finding->max_size));
	if (strays)
		return HC_PHRASE(doc, "{} chunks, {} of them of {} bytes, held", count,
				 hc_cell_count(finding->growth->bulk),
				 hc_cell_count(finding->size));
	return HC_PHRASE(doc, "{} {} {} held", count, hc_cell_times(),
			 object_phrase(analysis, finding, finding->count.chunks, "chunk"));
}

static struct hc_cell stacks_phrase(const struct hc_analysis *analysis,
				    const struct hc_finding *finding)
{
	const struct hc_threads *threads = &analysis->session->target->process->threads;
	size_t num = threads->num + threads->num_cached;
	struct hc_cell bytes = hc_cell_bytes(finding->count.bytes);
	struct hc_document *doc = analysis->doc;

	if (threads->num_unjoined)
		return HC_PHRASE(doc,
				 "{} stacks, {} of them of threads that ended and were never "
				 "joined, {} of addresses",
				 hc_cell_count(num), hc_cell_count(threads->num_unjoined), bytes);
	return HC_PHRASE(doc, "{} stack{}, {} of addresses", hc_cell_count(num),
			 hc_cell_plural(num), bytes);
}

/** Owner, blocks, or neither. */
static struct hc_cell outside_phrase(const struct hc_analysis *analysis,
				     const struct hc_finding *finding)
{
	const struct hc_block_set *set = finding->blocks;

	if (finding->owner)
		return hc_cell_name(finding->owner->title);
	if (!set)
		return hc_cell_text("other memory outside of malloc");
	return HC_PHRASE(analysis->doc, "{} {} {} outside of malloc, in {} mapping{}",
			 hc_cell_count(set->num), hc_cell_times(), hc_cell_bytes(set->size),
			 hc_cell_count(set->mappings), hc_cell_plural(set->mappings));
}

/** Without its bytes. */
struct hc_cell hc_finding_phrase(const struct hc_analysis *analysis,
				 const struct hc_finding *finding)
{
	switch (finding->kind) {
	case HC_FINDING_LOST:
		return lost_phrase(analysis, finding);
	case HC_FINDING_HELD:
		return held_phrase(analysis, finding);
	case HC_FINDING_FREED:
		return HC_PHRASE(analysis->doc, "{} free chunk{} that malloc keeps",
				 hc_cell_count(finding->count.chunks),
				 hc_cell_plural(finding->count.chunks));
	case HC_FINDING_STACKS:
		return stacks_phrase(analysis, finding);
	default:
		return outside_phrase(analysis, finding);
	}
}

/** "12.0 MiB, 3 %" */
static struct hc_cell bytes_phrase(const struct hc_finding *finding, struct hc_document *doc)
{
	struct hc_cell touched = hc_cell_bytes(finding->touched);
	struct hc_cell share = hc_cell_share(finding->share);
	struct hc_cell bytes = hc_cell_bytes(finding->count.bytes);

	if (finding->touched == finding->count.bytes || finding->kind == HC_FINDING_STACKS)
		return HC_PHRASE(doc, "{}, {}", touched, share);
	if (!finding->touched)
		return HC_PHRASE(doc, "{}, never touched", bytes);
	return HC_PHRASE(doc, "{} touched of {}, {}", touched, bytes, share);
}

struct hc_cell hc_finding_full_phrase(const struct hc_analysis *analysis,
				      const struct hc_finding *finding)
{
	return HC_PHRASE(analysis->doc, "{}: {}", hc_finding_phrase(analysis, finding),
			 bytes_phrase(finding, analysis->doc));
}

struct hc_cell hc_numbers_command(const struct hc_analysis *analysis, const char *verb)
{
	struct hc_cell core = hc_cell_name(analysis->quoted), name = hc_cell_text(verb);

	if (!analysis->suppress)
		return HC_PHRASE(analysis->doc, "heapcore {} {}", name, core);
	return HC_PHRASE(analysis->doc, "heapcore {} {} --suppress {}", name, core,
			 hc_cell_name(analysis->suppress));
}

/** The command that shows the finding. */
struct hc_cell hc_finding_more(const struct hc_analysis *analysis, size_t i)
{
	const struct hc_finding *finding = &analysis->verdict.findings.items[i];
	struct hc_document *doc = analysis->doc;

	switch (finding->kind) {
	case HC_FINDING_LOST:
		return HC_PHRASE(doc, "{} --group {}", hc_numbers_command(analysis, "leaks"),
				 hc_cell_number(finding->group_number));
	case HC_FINDING_HELD:
	case HC_FINDING_FREED:
		return HC_PHRASE(doc, "{} --finding {}", hc_numbers_command(analysis, "chunks"),
				 hc_cell_number(finding->number));
	default:
		return HC_PHRASE(doc, "{} --finding {}", hc_numbers_command(analysis, "maps"),
				 hc_cell_number(finding->number));
	}
}

/** The finding of the kind that pins most, or NULL. */
static const struct hc_finding *pinning_finding(const struct hc_findings *findings)
{
	for (size_t i = 0; i < findings->num; i++)
		if (findings->items[i].growth &&
		    findings->items[i].growth_number == findings->pins.growth)
			return &findings->items[i];
	return NULL;
}

/** "71,429 × AuditRecord (256 bytes)": the chunks that keep pages which are free otherwise. */
struct hc_cell hc_pinning_phrase(const struct hc_analysis *analysis)
{
	const struct hc_verdict *verdict = &analysis->verdict;
	const struct hc_pins *pins = &verdict->findings.pins;
	const struct hc_growth_kind *kind = &verdict->growth.kinds[pins->growth];
	const struct hc_finding *finding = pinning_finding(&verdict->findings);
	struct hc_document *doc = analysis->doc;
	struct hc_cell of = hc_cell_unknown();

	if (pins->chunks < pins->all_chunks)
		of = HC_PHRASE(doc, " of {}", hc_cell_count(pins->all_chunks));
	if (kind->max_size > kind->size)
		return HC_PHRASE(doc, "{}{} chunks of {} to {} bytes", hc_cell_count(pins->chunks),
				 of, hc_cell_count(kind->size), hc_cell_count(kind->max_size));
	if (finding)
		return HC_PHRASE(doc, "{}{} {} {}", hc_cell_count(pins->chunks), of,
				 hc_cell_times(),
				 object_phrase(analysis, finding, pins->all_chunks, "chunk"));
	return HC_PHRASE(doc, "{}{} {} {}-byte chunk{}", hc_cell_count(pins->chunks), of,
			 hc_cell_times(), hc_cell_count(kind->size),
			 hc_cell_plural(pins->all_chunks));
}

/** The command that lists the kind that pins most; unknown: none does exactly. */
struct hc_cell hc_pinning_command(const struct hc_analysis *analysis)
{
	const struct hc_findings *findings = &analysis->verdict.findings;
	const struct hc_finding *finding = pinning_finding(findings);
	struct hc_cell core = hc_cell_name(analysis->quoted);
	struct hc_document *doc = analysis->doc;

	if (finding)
		return HC_PHRASE(doc, "{} --finding {}", hc_numbers_command(analysis, "chunks"),
				 hc_cell_number(finding->number));
	if (!findings->pins.usable)
		return hc_cell_unknown();
	return HC_PHRASE(doc, "heapcore chunks {} --reach reachable,possible --size {}", core,
			 hc_cell_number(findings->pins.usable));
}
