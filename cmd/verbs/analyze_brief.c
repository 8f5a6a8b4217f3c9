/**
 * @file
 * The smaller findings of analyze: a line of each, so that the first screen has room for the large
 * ones.
 */
#include <stdlib.h>
#include <string.h>

#include "cmd/render/units.h"
#include "cmd/show/sample.h"
#include "cmd/verbs/analyze_finding.h"

/** Least share of what is said in full. */
#define MIN_IN_FULL 0.1
/** Columns of the number before a finding. */
#define INDENT 3

/** The first lost group, where lost memory stands out. */
static size_t largest_loss(const struct hc_verdict *verdict)
{
	size_t i = 0;

	if (!verdict->causes[HC_CAUSE_LOST].stands_out)
		return HC_MAX_FINDINGS;
	while (i < verdict->findings.num && verdict->findings.items[i].kind != HC_FINDING_LOST)
		i++;
	return i;
}

bool hc_analysis_in_full(const struct hc_analysis *analysis, size_t i)
{
	const struct hc_verdict *verdict = &analysis->verdict;
	const struct hc_finding *finding = &verdict->findings.items[i];
	bool large = i < HC_ANALYSIS_MAX_IN_FULL && finding->share >= MIN_IN_FULL && !finding->with;

	/* Where nothing stands out, one shows what there is to see. */
	large &= verdict->kind != HC_VERDICT_NOTHING;
	return !i || large || i == largest_loss(verdict) || analysis->session->options->verbose;
}

size_t hc_analysis_columns(const struct hc_analysis *analysis, struct hc_cell cell)
{
	char *text = hc_cell_to_text(&analysis->view.look, &cell, 0);
	size_t columns = 0;

	for (const char *at = text; at && *at; at++)
		columns += (*at & 0xc0) != 0x80;
	free(text);
	return columns;
}

/** A type that the first words do not say, since not all are of it; unknown: there is none. */
static struct hc_cell type_phrase(const struct hc_analysis *analysis,
				  const struct hc_finding *finding)
{
	struct hc_cell type = hc_finding_objects(analysis, finding);
	bool said = finding->group || (finding->type_chunks >= finding->count.chunks &&
				       finding->type_objects <= finding->type_chunks);

	if (type.kind == HC_CELL_UNKNOWN || said)
		return hc_cell_unknown();
	return HC_PHRASE(analysis->doc, "{} in {}", type, hc_cell_count(finding->type_chunks));
}

/** What tells most: a text, a type, or else a class; unknown: nothing does. */
static struct hc_cell best_phrase(const struct hc_analysis *analysis,
				  const struct hc_finding *finding)
{
	enum hc_content content = analysis->session->options->content;
	struct hc_document *doc = analysis->doc;
	struct hc_cell times = hc_cell_unknown(), type = type_phrase(analysis, finding);
	struct hc_finding_text text;

	if (!finding->group && !finding->growth)
		return hc_cell_unknown();
	if (content >= HC_CONTENT_SAMPLE && hc_finding_best_text(finding, &text)) {
		if (text.matches)
			times = HC_PHRASE(doc, "{} times ", hc_cell_count(text.matches));
		return HC_PHRASE(doc, "{} {}in {}", hc_cell_content(&text.excerpt), times,
				 hc_cell_count(text.chunks));
	}
	if (content < HC_CONTENT_CLASS)
		return hc_cell_unknown();
	if (type.kind != HC_CELL_UNKNOWN)
		return type;
	if (finding->class_id == HC_CLASS_OTHER)
		return hc_cell_unknown();
	return hc_class_cell(analysis->session, finding->class_id);
}

/** The commands that show the findings of [from, to), which were told in a line each. */
static void say_more(const struct hc_analysis *analysis, size_t from, size_t to)
{
	const struct hc_finding *findings = analysis->verdict.findings.items;
	size_t chunks = 0, maps = 0, last_chunks = 0, last_maps = 0;
	struct hc_document *doc = analysis->doc;

	for (size_t i = from; i < to; i++) {
		bool mapped = findings[i].kind == HC_FINDING_STACKS ||
			      findings[i].kind == HC_FINDING_OUTSIDE;

		*(mapped ? &maps : &chunks) += 1;
		*(mapped ? &last_maps : &last_chunks) = findings[i].number;
	}
	if (chunks)
		HC_LINE(doc, "   more:    {} --finding {}", hc_numbers_command(analysis, "chunks"),
			chunks == 1 ? hc_cell_number(last_chunks) : hc_cell_text("N"));
	if (maps)
		HC_LINE(doc, "   {}{} --finding {}",
			hc_cell_text(chunks ? "         " : "more:    "),
			hc_numbers_command(analysis, "maps"),
			maps == 1 ? hc_cell_number(last_maps) : hc_cell_text("N"));
}

void hc_analysis_say_briefly(struct hc_analysis *analysis, size_t i)
{
	const struct hc_finding *finding = &analysis->verdict.findings.items[i];
	struct hc_document *doc = analysis->doc;
	struct hc_cell text = hc_finding_full_phrase(analysis, finding);
	struct hc_cell best = best_phrase(analysis, finding);
	struct hc_cell both = HC_PHRASE(doc, "{}; {}", text, best);
	bool known = best.kind != HC_CELL_UNKNOWN;
	bool fits = INDENT + hc_analysis_columns(analysis, both) <= analysis->session->out.width;
	char first[32];

	snprintf(first, sizeof(first), "%-*zu", INDENT, finding->number);
	if (hc_analysis_in_full(analysis, i - 1))
		hc_blank(doc);
	HC_SAY_AT(doc, hc_margin(first, INDENT, false), "{}", known && fits ? both : text);
	if (known && !fits)
		HC_SAY_AT(doc, hc_margin("   ", INDENT, false), "{}", best);

	size_t from = i;
	if (i + 1 < analysis->verdict.findings.num && !hc_analysis_in_full(analysis, i + 1))
		return;
	while (!hc_analysis_in_full(analysis, from - 1))
		from--;
	say_more(analysis, from, i + 1);
}
