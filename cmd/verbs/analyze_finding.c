/**
 * @file
 * What analyze says of one finding to people.
 */
#include "cmd/verbs/analyze_finding.h"

#include <stdlib.h>

#include "cmd/render/units.h"
#include "cmd/show/blocks.h"
#include "cmd/show/common.h"
#include "cmd/show/lost.h"
#include "cmd/show/owner.h"
#include "core/base/cleanup.h"

/**
 * Texts that chunks share: lines for each finding, their least share, and the columns of a text.
 * Where no line of text has that share, several may make up most of the chunks, each of them with
 * the lesser share.
 */
#define MAX_SHARED 3
#define MIN_SHARED 0.5
#define MIN_SHARED_LINE 0.1
#define SHARED_WIDTH 54
/** Fields of binary chunks that are shown, and columns for them: two lines. */
#define MAX_FIELDS 4
#define FIELDS_WIDTH 130

/** Least share of the freed bytes for which a kind that pins them is named. */
#define MIN_PINNED 0.1

#define DETAIL_INDENT 12

/** Where a detail stands below a finding: "   label:  text". */
static struct hc_margin detail(char first[static 32], const char *label)
{
	snprintf(first, 32, "   %-*s", DETAIL_INDENT - 3, label);
	return hc_margin(first, DETAIL_INDENT, false);
}

static void say_detail(struct hc_analysis *analysis, const char *label, struct hc_cell text)
{
	char first[32];

	HC_SAY_AT(analysis->doc, detail(first, label), "{}", text);
}

/** Chunks of which a type or a class can be said. */
static uint64_t all_of(const struct hc_finding *finding)
{
	return finding->group ? finding->group->roots.chunks : finding->count.chunks;
}

/** How many of a finding are something. */
struct how_many {
	uint64_t with, all;
	uint64_t looked_at; /**< fewer than all: @ref with is an estimate */
};

/** "… in all of them" or "… in N of them"; of a sample, what it tells, and how large it is. */
static void say_how_many(struct hc_analysis *analysis, const char *label, struct hc_cell what,
			 const struct how_many *how)
{
	uint64_t with = how->with, all = how->all;
	struct hc_document *doc = analysis->doc;

	if (how->looked_at < all && with >= all)
		say_detail(analysis, label,
			   HC_PHRASE(doc, "{} in all of {} looked at", what,
				     hc_cell_count(how->looked_at)));
	else if (how->looked_at < all)
		say_detail(analysis, label,
			   HC_PHRASE(doc, "{} in about {} of them ({} looked at)", what,
				     hc_cell_count(with), hc_cell_count(how->looked_at)));
	else if (with >= all)
		say_detail(analysis, label,
			   HC_PHRASE(doc, "{}{}", what,
				     hc_cell_text(all > 1 ? " in all of them" : "")));
	else
		say_detail(analysis, label,
			   HC_PHRASE(doc, "{} in {} of them", what, hc_cell_count(with)));
}

/** Where all are of it, the first line says so, but for how many each chunk holds. */
static void say_type(struct hc_analysis *analysis, const struct hc_finding *finding)
{
	struct hc_cell type = hc_finding_objects(analysis, finding);
	bool said = finding->type_chunks >= finding->count.chunks &&
		    finding->max_size == finding->size &&
		    finding->type_objects <= finding->type_chunks;

	if (type.kind != HC_CELL_UNKNOWN && !finding->group && !said)
		say_how_many(
			analysis, "type:", type,
			&(struct how_many){finding->type_chunks, all_of(finding), all_of(finding)});
}

static void say_content(struct hc_analysis *analysis, const struct hc_finding *finding)
{
	struct hc_cell class = hc_class_cell(analysis->session, finding->class_id);
	const struct hc_leak_group *group = finding->group;

	if (class.kind != HC_CELL_UNKNOWN)
		say_how_many(analysis, "content:", class,
			     &(struct how_many){group ? group->roots_with_content
						      : finding->class_count.chunks,
						all_of(finding), finding->looked_at});
}

/** Texts that stand below a finding already, as they are shown. */
struct shared {
	char *texts[2 * MAX_SHARED];
	size_t num;
};

static void shared_deinit(struct shared *shared)
{
	for (size_t i = 0; i < shared->num; i++)
		free(shared->texts[i]);
}

/** Whether a text looks like one that stands there already; else it does from now on. */
static bool is_repeated(const struct hc_analysis *analysis, struct shared *shared,
			struct hc_cell text)
{
	char *shown = hc_cell_to_text(&analysis->view.look, &text, 0);

	for (size_t i = 0; shown && i < shared->num; i++) {
		if (strcmp(shared->texts[i], shown) == 0) {
			free(shown);
			return true;
		}
	}
	if (shown)
		shared->texts[shared->num++] = shown;
	return !shown;
}

/**
 * One text that most chunks of a finding's content share. Long texts may differ where they are cut
 * off; the first stands for all that look the same.
 */
static void say_shared(struct hc_analysis *analysis, struct shared *shared,
		       struct hc_excerpt excerpt, uint64_t chunks, uint64_t counted)
{
	excerpt.max = SHARED_WIDTH;
	const char *label = shared->num ? "" : "repeats:";
	struct hc_cell text = hc_cell_content(&excerpt);

	if (is_repeated(analysis, shared, text))
		return;
	/* In all that there are; else in so many of those that were looked at. */
	if (!counted)
		say_detail(analysis, label,
			   HC_PHRASE(analysis->doc, "{} in {}", text, hc_cell_count(chunks)));
	else
		say_detail(analysis, label,
			   HC_PHRASE(analysis->doc, "{} in {} of {} looked at", text,
				     hc_cell_count(chunks), hc_cell_count(counted)));
}

/** The same of a line of which chunks hold many: "100,048 times in 38, 304 bytes apart". */
static void say_matches(struct hc_analysis *analysis, struct shared *shared,
			const struct hc_template_line *line, const struct hc_common *common)
{
	struct hc_excerpt excerpt = {.bytes = {(const uint8_t *)line->text, line->size},
				     .place = line->place,
				     .max = SHARED_WIDTH};
	const char *label = shared->num ? "" : "repeats:";
	struct hc_cell text = hc_cell_content(&excerpt), gap = hc_cell_unknown(), looked = gap;
	uint64_t searched = common->text_template.searched;
	struct hc_document *doc = analysis->doc;

	if (is_repeated(analysis, shared, text))
		return;
	if (line->gap)
		gap = HC_PHRASE(doc, ", {} bytes apart", hc_cell_count(line->gap));
	if (searched < common->all.chunks)
		looked = HC_PHRASE(doc, " of {} looked at", hc_cell_count(searched));
	say_detail(analysis, label,
		   HC_PHRASE(doc, "{} {} times in {}{}{}", text, hc_cell_count(line->matches),
			     hc_cell_count(line->matched_chunks), looked, gap));
}

/** What lines of text are shown. */
struct shared_lines {
	const struct hc_template_line *lines[MAX_SHARED];
	size_t num;
};

/**
 * The line with which the text of most chunks begins, and what those may hold that lack it; where
 * there is none, the commonest ones.
 */
static void choose_lines(const struct hc_template *text_template, struct shared_lines *ret)
{
	double first = 0, sum = 0;
	size_t from = 0;

	for (size_t i = 0; !first && i < text_template->num_lines; i++) {
		double share = hc_share(text_template->lines[i].chunks, text_template->counted);

		first = share >= MIN_SHARED ? share : 0;
		from = first ? i : 0;
	}
	*ret = (struct shared_lines){0};
	for (size_t i = from; i < text_template->num_lines && ret->num < MAX_SHARED; i++) {
		double share = hc_share(text_template->lines[i].chunks, text_template->counted);

		if (share < MIN_SHARED_LINE || (first && sum + share > 1))
			continue;
		sum += share;
		ret->lines[ret->num++] = &text_template->lines[i];
	}
}

/** Whether a text stands there as a clue already. */
static bool is_clue(const struct hc_finding *finding, struct hc_bytes text)
{
	for (size_t i = 0; i < finding->num_clues; i++) {
		struct hc_bytes clue = finding->clues[i].text;

		if (clue.size == text.size && memcmp(clue.data, text.data, text.size) == 0)
			return true;
	}
	return false;
}

/** What is the same in all chunks tells less, and counts where there is nothing better. */
static bool tells(const struct hc_repeat *repeat, const struct hc_repeats *repeats, bool better)
{
	return hc_share(repeat->chunks, repeats->counted) >= MIN_SHARED &&
	       (repeat->bits >= HC_REPEATS_MIN_BITS || !better);
}

/**
 * What most chunks share: texts that tell them from others of their kind, and their first line.
 * What is the same in all of them tells less, and is shown where there is nothing better.
 *
 * @return whether there was anything to say
 */
static bool say_repeats(struct hc_analysis *analysis, const struct hc_finding *finding, size_t max)
{
	const struct hc_common *common = &finding->common;
	const struct hc_template *text_template = &common->text_template;
	const struct hc_repeats *repeats = &common->repeats;
	hc_cleanup(shared_deinit) struct shared shared = {0};
	uint64_t all = common->all.chunks;
	struct shared_lines lines;

	choose_lines(text_template, &lines);
	for (size_t i = 0; i < repeats->num && shared.num < max; i++) {
		const struct hc_repeat *repeat = &repeats->items[i];

		if (is_clue(finding, repeat->token.text) ||
		    !tells(repeat, repeats, lines.num || shared.num))
			continue;
		say_shared(analysis, &shared, (struct hc_excerpt){.bytes = repeat->token.text},
			   repeat->chunks, repeats->counted == all ? 0 : repeats->counted);
	}
	for (size_t i = 0; i < lines.num && shared.num < 2 * max; i++) {
		const struct hc_template_line *line = lines.lines[i];

		if (is_clue(finding, (struct hc_bytes){(const uint8_t *)line->text, line->size}))
			continue;
		if (line->matches > line->matched_chunks) {
			say_matches(analysis, &shared, line, common);
			continue;
		}
		say_shared(analysis, &shared,
			   (struct hc_excerpt){.bytes = {(const uint8_t *)line->text, line->size},
					       .place = line->place},
			   line->chunks,
			   text_template->counted == all ? 0 : text_template->counted);
	}
	return shared.num > 0;
}

/** A text of the heap in a line. */
struct hc_excerpt hc_text_excerpt(struct hc_bytes bytes)
{
	struct hc_excerpt ret = hc_excerpt_of(bytes, HC_EXCERPT_TEXT);

	ret.max = SHARED_WIDTH;
	return ret;
}

bool hc_finding_best_text(const struct hc_finding *finding, struct hc_finding_text *ret)
{
	const struct hc_repeats *repeats = &finding->common.repeats;
	struct shared_lines lines;

	choose_lines(&finding->common.text_template, &lines);
	if (finding->num_clues) {
		*ret = (struct hc_finding_text){hc_text_excerpt(finding->clues[0].text),
						finding->clues[0].lost.text, 0};
	} else if (repeats->num && tells(&repeats->items[0], repeats, lines.num)) {
		*ret = (struct hc_finding_text){
			{.bytes = repeats->items[0].token.text}, repeats->items[0].chunks, 0};
	} else if (lines.num) {
		const struct hc_template_line *line = lines.lines[0];
		bool many = line->matches > line->matched_chunks;

		*ret = (struct hc_finding_text){
			{.bytes = {(const uint8_t *)line->text, line->size}, .place = line->place},
			many ? line->matched_chunks : line->chunks,
			many ? line->matches : 0};
	} else {
		return false;
	}
	ret->excerpt.max = SHARED_WIDTH;
	return true;
}

/** What the first fields of binary chunks of one size hold. */
static void say_fields(struct hc_analysis *analysis, const struct hc_byte_profile *profile)
{
	struct hc_document *doc = analysis->doc;
	struct hc_cell list = hc_cell_unknown();

	size_t i = 0;

	for (; i < profile->num_fields && i < MAX_FIELDS; i++) {
		struct hc_cell more = hc_phrase_join(
			doc, list, "; ",
			HC_PHRASE(doc, "+{} {}", hc_cell_number(profile->fields[i].offset),
				  hc_field_phrase(&profile->fields[i], doc)));

		if (i && hc_analysis_columns(analysis, more) + strlen("; ...") > FIELDS_WIDTH)
			break;
		list = more;
	}
	if (profile->num_fields > i)
		list = HC_PHRASE(doc, "{}; ...", list);
	say_detail(analysis, "bytes:", list);
}

/** Whether the positions of bytes tell anything: not of all zeros, nor of noise. */
static bool has_structure(const struct hc_byte_profile *profile)
{
	for (size_t i = 0; i < profile->num_fields; i++) {
		enum hc_field_kind kind = profile->fields[i].kind;

		if (kind != HC_FIELD_ZERO && kind != HC_FIELD_NOISE && kind != HC_FIELD_MIXED)
			return true;
	}
	return false;
}

/** "channelid=4099 in all 59,880 lost; in none of 120 others". */
static void say_clue(struct hc_analysis *analysis, const struct hc_clue *clue, const char *label)
{
	struct hc_excerpt text = hc_text_excerpt(clue->text);
	uint64_t others = clue->held.key + clue->freed.key;
	uint64_t with = clue->held.text + clue->freed.text;
	struct hc_document *doc = analysis->doc;
	struct hc_cell all = hc_cell_count(clue->lost.key), lost;

	if (clue->lost.text == clue->lost.key)
		lost = HC_PHRASE(doc, "all {}", all);
	else
		lost = HC_PHRASE(doc, "{} of {}", hc_cell_count(clue->lost.text), all);
	say_detail(analysis, label,
		   HC_PHRASE(doc, "{} in {} lost; in {} of {} others", hc_cell_content(&text), lost,
			     with ? hc_cell_count(with) : hc_cell_text("none"),
			     hc_cell_count(others)));
}

static void say_cycle(struct hc_analysis *analysis, const struct hc_finding *finding)
{
	struct hc_leak_cycle cycle = hc_finding_cycle(analysis, finding);

	if (cycle.num)
		say_detail(analysis, "cycle:",
			   HC_PHRASE(analysis->doc,
				     "{}, the first one; counting references frees no cycle",
				     hc_cycle_phrase(analysis->session, &cycle, analysis->doc)));
}

/** What tells something about the content: each part from its level of --content on. */
static void say_common(struct hc_analysis *analysis, const struct hc_finding *finding)
{
	const struct hc_byte_profile *profile = &finding->common.profile;
	bool textual =
		hc_class_of(analysis->session->target->classifier, finding->class_id)->textual;
	bool fields = !textual && has_structure(profile), said = finding->num_clues > 0;
	struct hc_document *doc = analysis->doc;

	hc_begin_group(doc, HC_CONTENT_CLASS, HC_CONTENT_FULL);
	say_type(analysis, finding);
	say_cycle(analysis, finding);
	/* "Other" says nothing that its texts and fields don't. */
	if (finding->class_id != HC_CLASS_OTHER || !fields)
		say_content(analysis, finding);
	hc_begin_group(doc, HC_CONTENT_SAMPLE, HC_CONTENT_FULL);
	for (size_t i = 0; i < finding->num_clues; i++)
		say_clue(analysis, &finding->clues[i], i ? "" : "clue:");
	said |= say_repeats(analysis, finding, MAX_SHARED);
	hc_end(doc);
	/* Where texts are shown, the fields before them tell less. */
	if (said && !analysis->session->options->verbose)
		hc_begin_group(doc, HC_CONTENT_CLASS, HC_CONTENT_CLASS);
	if (fields)
		say_fields(analysis, profile);
	if (said && !analysis->session->options->verbose)
		hc_end(doc);
	hc_end(doc);
}

/** Not a paragraph: a sample keeps its blanks and fits the line. */
static void say_sample(struct hc_analysis *analysis, const struct hc_finding *finding)
{
	struct hc_cell address = hc_cell_address(finding->sample);
	unsigned width = analysis->session->out.width;
	unsigned used = DETAIL_INDENT + strlen(hc_unit_address(finding->sample).text) + 2;
	struct hc_cell sample = hc_sampler_cell(&analysis->sampler, finding->sample,
						width > used + 8 ? width - used : 8);
	char first[32];

	if (sample.kind == HC_CELL_UNKNOWN)
		return;
	hc_begin_group(analysis->doc, HC_CONTENT_SAMPLE, HC_CONTENT_FULL);
	HC_LINE(analysis->doc, "{}{}  {}", hc_cell_text(detail(first, "sample:").first), address,
		sample);
	hc_end(analysis->doc);
}

static void say_blocks(struct hc_analysis *analysis, const struct hc_finding *finding)
{
	const struct hc_block_set *set = finding->blocks;
	const struct hc_block_contents *contents = &finding->contents;
	struct hc_excerpt line = hc_block_line_excerpt(contents);
	struct hc_document *doc = analysis->doc;

	struct hc_cell gap = hc_cell_unknown();

	if (contents->line_gap)
		gap = HC_PHRASE(doc, ", {} bytes apart", hc_cell_count(contents->line_gap));
	hc_begin_group(doc, HC_CONTENT_SAMPLE, HC_CONTENT_FULL);
	if (contents->line && contents->line_matches > contents->line_blocks)
		say_detail(analysis, "repeats:",
			   HC_PHRASE(doc, "{} {} times in {}{}", hc_cell_content(&line),
				     hc_cell_count(contents->line_matches),
				     hc_cell_count(contents->line_blocks), gap));
	else if (contents->line && contents->counted < set->num)
		say_detail(analysis, "repeats:",
			   HC_PHRASE(doc, "{} in {} of {} looked at", hc_cell_content(&line),
				     hc_cell_count(contents->line_blocks),
				     hc_cell_count(contents->counted)));
	else if (contents->line)
		say_detail(analysis, "repeats:",
			   HC_PHRASE(doc, "{} in {}", hc_cell_content(&line),
				     hc_cell_count(contents->line_blocks)));
	hc_end(doc);
	if (analysis->verdict.findings.held_known)
		say_detail(analysis, "holder:", hc_block_pointers_phrase(set, doc));
	say_detail(analysis, "first:", hc_cell_address(set->addresses[0]));
}

/** Mappings that nothing points into can't be given back any more. */
static void say_others(struct hc_analysis *analysis, const struct hc_finding *finding)
{
	struct hc_document *doc = analysis->doc;

	if (!finding->lost_mappings)
		say_detail(analysis, "holder:",
			   HC_PHRASE(doc, "something points into {} mapping{}.",
				     hc_cell_text(finding->mappings == 1 ? "its" : "all its"),
				     hc_cell_plural(finding->mappings)));
	else
		say_detail(analysis, "holder:",
			   HC_PHRASE(doc, "nothing points into {} of its {} mapping{}: {} is lost.",
				     hc_cell_count(finding->lost_mappings),
				     hc_cell_count(finding->mappings),
				     hc_cell_plural(finding->mappings),
				     hc_cell_bytes(finding->lost_bytes)));
}

static void say_owner(struct hc_analysis *analysis, const struct hc_owner *owner)
{
	struct hc_cell numbers = hc_owner_numbers_phrase(owner, analysis->doc);

	if (numbers.kind != HC_CELL_UNKNOWN)
		say_detail(analysis, "holds:", numbers);
	if (owner->evidence)
		say_detail(analysis, "why:", hc_cell_name(owner->evidence));
}

/** Why chunks are held that a search for plain pointers would call lost. */
static void say_hidden(struct hc_analysis *analysis, const struct hc_finding *finding)
{
	const char *const links[] = {
		[HC_HIDING_TAGGED] = hc_lost_tagged(analysis->verdict.reach.tagged.place),
		[HC_HIDING_OFFSET] = "32-bit offsets from a base",
	};
	struct hc_document *doc = analysis->doc;

	for (int how = 0; how < HC_NUM_HIDINGS; how++)
		if (finding->hidden[how])
			say_detail(analysis, "held by:",
				   HC_PHRASE(doc, "{} alone, or by what these hold, {} of them",
					     hc_cell_text(links[how]),
					     finding->hidden[how] >= finding->count.chunks
						     ? hc_cell_text("all")
						     : hc_cell_count(finding->hidden[how])));
}

static void say_pins(struct hc_analysis *analysis, const struct hc_finding *finding)
{
	const struct hc_pins *pins = &analysis->verdict.findings.pins;
	struct hc_document *doc = analysis->doc;

	if (hc_share(pins->bytes, finding->count.bytes) < MIN_PINNED)
		return;
	say_detail(analysis, "pinned:",
		   HC_PHRASE(doc, "{} of it is on pages that {} alone keep{}",
			     hc_cell_bytes(pins->bytes), hc_pinning_phrase(analysis),
			     hc_cell_text(pins->chunks == 1 ? "s" : "")));
	struct hc_cell command = hc_pinning_command(analysis);
	if (command.kind != HC_CELL_UNKNOWN)
		HC_LINE(doc, "            {}", command);
}

/** The findings that are with a finding: "2 to 7", or "2, 3 and 5". */
static struct hc_cell ties_phrase(const struct hc_findings *findings, size_t i,
				  struct hc_document *doc)
{
	struct hc_cell list = hc_cell_unknown();
	size_t members[HC_MAX_FINDINGS], num = 0;

	for (size_t k = 0; k < findings->num; k++)
		if (findings->items[k].with == findings->items[i].number)
			members[num++] = findings->items[k].number;
	if (num > 2 && members[num - 1] - members[0] == num - 1)
		return HC_PHRASE(doc, "{} to {}", hc_cell_number(members[0]),
				 hc_cell_number(members[num - 1]));
	for (size_t k = 0; k < num; k++)
		list = HC_PHRASE(doc, "{}{}{}", list,
				 hc_cell_text(!k             ? ""
					      : k + 1 == num ? " and "
							     : ", "),
				 hc_cell_number(members[k]));
	return list;
}

static void say_ties(struct hc_analysis *analysis, size_t i)
{
	const struct hc_finding *finding = &analysis->verdict.findings.items[i];
	double share = hc_part_share(finding->together, analysis->verdict.ruler.total);
	struct hc_document *doc = analysis->doc;

	if (finding->together)
		say_detail(analysis, "with:",
			   HC_PHRASE(doc, "{}, parts of the same thing: {}, {} together",
				     ties_phrase(&analysis->verdict.findings, i, doc),
				     hc_cell_bytes(finding->together), hc_cell_share(share)));
}

/** Where a finding has no text of its own: the longest one of what is with it. */
static void say_text_of_parts(struct hc_analysis *analysis, size_t i)
{
	const struct hc_findings *findings = &analysis->verdict.findings;
	struct hc_document *doc = analysis->doc;
	struct hc_finding_text text, best = {0};
	size_t of = 0;

	if (!findings->items[i].together || hc_finding_best_text(&findings->items[i], &text))
		return;
	for (size_t k = 0; k < findings->num; k++) {
		if (findings->items[k].with != findings->items[i].number ||
		    !hc_finding_best_text(&findings->items[k], &text) ||
		    text.excerpt.bytes.size <= best.excerpt.bytes.size)
			continue;
		best = text;
		of = findings->items[k].number;
	}
	if (!of)
		return;
	hc_begin_group(doc, HC_CONTENT_SAMPLE, HC_CONTENT_FULL);
	say_detail(analysis, "repeats:",
		   HC_PHRASE(doc, "{} in {} ({})", hc_cell_content(&best.excerpt),
			     hc_cell_count(best.chunks), hc_cell_number(of)));
	hc_end(doc);
}

void hc_finding_say(struct hc_analysis *analysis, size_t i, struct hc_cell text,
		    struct hc_cell more)
{
	const struct hc_finding *finding = &analysis->verdict.findings.items[i];
	char first[32];

	if (!hc_analysis_in_full(analysis, i)) {
		hc_analysis_say_briefly(analysis, i);
		return;
	}
	snprintf(first, sizeof(first), "%-3zu", finding->number);
	hc_blank(analysis->doc);
	HC_SAY_AT(analysis->doc, hc_margin(first, 3, false), "{}", text);
	say_ties(analysis, i);
	if (finding->group || finding->growth) {
		say_hidden(analysis, finding);
		say_common(analysis, finding);
		say_text_of_parts(analysis, i);
		say_sample(analysis, finding);
	}
	if (analysis->holders[i].kind != HC_CELL_UNKNOWN)
		say_detail(analysis, "holder:",
			   HC_PHRASE(analysis->doc, "{}, of the sample", analysis->holders[i]));
	if (finding->kind == HC_FINDING_FREED)
		say_pins(analysis, finding);
	if (finding->blocks)
		say_blocks(analysis, finding);
	if (finding->owner)
		say_owner(analysis, finding->owner);
	if (finding->mappings)
		say_others(analysis, finding);
	HC_LINE(analysis->doc, "{}{}", hc_cell_text(detail(first, "more:").first), more);
}

void hc_findings_say_rest(struct hc_analysis *analysis)
{
	const struct hc_findings *findings = &analysis->verdict.findings;
	const struct hc_finding *rest = &findings->rest;
	struct hc_document *doc = analysis->doc;
	struct hc_cell chunks = hc_cell_unknown(), largest = hc_cell_unknown();

	if (!findings->num || !rest->touched)
		return;
	if (rest->count.chunks)
		chunks = HC_PHRASE(doc, "{} chunk{}, ", hc_cell_count(rest->count.chunks),
				   hc_cell_plural(rest->count.chunks));
	if (findings->next.touched)
		largest = HC_PHRASE(doc, "; the largest kind has {}",
				    hc_cell_bytes(findings->next.touched));
	if (hc_analysis_in_full(analysis, findings->num - 1))
		hc_blank(doc);
	HC_SAY_AT(doc, hc_margin("   ", 3, false), "the rest: {}{}, {}{}", chunks,
		  hc_cell_bytes(rest->touched), hc_cell_share(rest->share), largest);
}
