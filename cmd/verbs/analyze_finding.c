/**
 * @file
 * One finding of analyze: in a sentence, and as text.
 */
#include <stdlib.h>

#include "cmd/verbs/analyze.h"
#include "cmd/show/blocks.h"
#include "cmd/show/chain.h"
#include "cmd/show/owner.h"
#include "cmd/verbs/common.h"
#include "cmd/render/units.h"
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

/** Holders are looked for in heaps of so many chunks in use, which takes milliseconds … */
#define HOLDER_MAX_CHUNKS (UINT64_C(1) << 20)
/** … and of findings of at least this share. */
#define HOLDER_MIN_SHARE 0.1

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
static struct hc_cell finding_phrase(const struct hc_analysis *analysis,
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
	return HC_PHRASE(analysis->doc, "{}: {}", finding_phrase(analysis, finding),
			 bytes_phrase(finding, analysis->doc));
}

/** The command that shows the finding. */
static struct hc_cell more_phrase(const struct hc_analysis *analysis, size_t i)
{
	const struct hc_finding *finding = &analysis->verdict.findings.items[i];
	struct hc_cell core = hc_cell_name(analysis->quoted);
	struct hc_document *doc = analysis->doc;

	switch (finding->kind) {
	case HC_FINDING_LOST:
		return HC_PHRASE(doc, "heapcore leaks {} --group {}", core,
				 hc_cell_number(finding->group_number));
	case HC_FINDING_HELD:
	case HC_FINDING_FREED:
		return HC_PHRASE(doc, "heapcore chunks {} --finding {}", core,
				 hc_cell_number(i + 1));
	default:
		return HC_PHRASE(doc, "heapcore maps {} --finding {}", core, hc_cell_number(i + 1));
	}
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

/** Where all are of it, the first line says so. */
static void say_type(struct hc_analysis *analysis, const struct hc_finding *finding)
{
	struct hc_cell type = hc_type_cell(analysis->session, finding->type);
	bool said =
		finding->type_chunks >= finding->count.chunks && finding->max_size == finding->size;

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
static struct hc_excerpt text_excerpt(struct hc_bytes bytes)
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
		*ret = (struct hc_finding_text){text_excerpt(finding->clues[0].text),
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
	struct hc_excerpt text = text_excerpt(clue->text);
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
	static const char *const links[] = {
		[HC_HIDING_TAGGED] = "pointers with a tag in their top 16 bits",
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
static struct hc_cell pinning_phrase(const struct hc_analysis *analysis)
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
static struct hc_cell pinning_command(const struct hc_analysis *analysis)
{
	const struct hc_findings *findings = &analysis->verdict.findings;
	const struct hc_finding *finding = pinning_finding(findings);
	struct hc_cell core = hc_cell_name(analysis->quoted);
	struct hc_document *doc = analysis->doc;

	if (finding)
		return HC_PHRASE(doc, "heapcore chunks {} --finding {}", core,
				 hc_cell_number(finding - findings->items + 1));
	if (!findings->pins.usable)
		return hc_cell_unknown();
	return HC_PHRASE(doc, "heapcore chunks {} --reach reachable,possible --size {}", core,
			 hc_cell_number(findings->pins.usable));
}

static void say_pins(struct hc_analysis *analysis, const struct hc_finding *finding)
{
	const struct hc_pins *pins = &analysis->verdict.findings.pins;
	struct hc_document *doc = analysis->doc;

	if (hc_share(pins->bytes, finding->count.bytes) < MIN_PINNED)
		return;
	say_detail(analysis, "pinned:",
		   HC_PHRASE(doc, "{} of it is on pages that {} alone keep{}",
			     hc_cell_bytes(pins->bytes), pinning_phrase(analysis),
			     hc_cell_text(pins->chunks == 1 ? "s" : "")));
	struct hc_cell command = pinning_command(analysis);
	if (command.kind != HC_CELL_UNKNOWN)
		HC_LINE(doc, "            {}", command);
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
	hc_fact(doc, "by", NULL, any ? pinning_phrase(analysis) : hc_cell_unknown());
	hc_fact(doc, "chunks", NULL, hc_cell_count(pins->chunks));
	hc_fact(doc, "of", NULL, hc_cell_count(pins->all_chunks));
	hc_fact(doc, "more", NULL, any ? pinning_command(analysis) : hc_cell_unknown());
	hc_end(doc);
}

/** The findings that are with a finding: "2 to 7", or "2, 3 and 5". */
static struct hc_cell ties_phrase(const struct hc_findings *findings, size_t i,
				  struct hc_document *doc)
{
	struct hc_cell list = hc_cell_unknown();
	size_t members[HC_MAX_FINDINGS], num = 0;

	for (size_t k = 0; k < findings->num; k++)
		if (findings->items[k].with == i + 1)
			members[num++] = k + 1;
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
		if (findings->items[k].with != i + 1 ||
		    !hc_finding_best_text(&findings->items[k], &text) ||
		    text.excerpt.bytes.size <= best.excerpt.bytes.size)
			continue;
		best = text;
		of = k + 1;
	}
	if (!of)
		return;
	hc_begin_group(doc, HC_CONTENT_SAMPLE, HC_CONTENT_FULL);
	say_detail(analysis, "repeats:",
		   HC_PHRASE(doc, "{} in {} ({})", hc_cell_content(&best.excerpt),
			     hc_cell_count(best.chunks), hc_cell_number(of)));
	hc_end(doc);
}

static void say_finding(struct hc_analysis *analysis, size_t i, struct hc_cell text,
			struct hc_cell more)
{
	const struct hc_finding *finding = &analysis->verdict.findings.items[i];
	char first[32];

	if (!hc_analysis_in_full(analysis, i)) {
		hc_analysis_say_briefly(analysis, i);
		return;
	}
	snprintf(first, sizeof(first), "%-3zu", i + 1);
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
		struct hc_excerpt text = text_excerpt(clue->text);

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
	struct hc_document *doc = analysis->doc;
	bool typed = type.kind != HC_CELL_UNKNOWN;

	hc_fact(doc, "size", NULL, hc_cell_count(finding->size));
	hc_fact(doc, "max_size", NULL, hc_cell_count(finding->max_size));
	describe_group(finding, doc);
	hc_begin_object(doc, "hidden_links", HC_CONTENT_NONE);
	hc_fact(doc, "tagged", NULL, hc_cell_count(finding->hidden[HC_HIDING_TAGGED]));
	hc_fact(doc, "offsets", NULL, hc_cell_count(finding->hidden[HC_HIDING_OFFSET]));
	hc_end(doc);
	hc_fact(doc, "type", NULL, type);
	hc_fact(doc, "type_chunks", NULL,
		typed ? hc_cell_needs(HC_CONTENT_CLASS, hc_cell_count(finding->type_chunks))
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

struct hc_error *hc_analysis_find_holders(struct hc_analysis *analysis)
{
	const struct hc_findings *findings = &analysis->verdict.findings;
	struct hc_target *target = analysis->session->target;
	const uint64_t held =
		target->reach.kinds[HC_REACHABLE].chunks + target->reach.kinds[HC_POSSIBLE].chunks;
	hc_cleanup(hc_spots_destroyp) struct hc_spots *spots = NULL;
	struct hc_error *err = NULL;

	for (size_t i = 0; i < HC_MAX_FINDINGS; i++)
		analysis->holders[i] = hc_cell_unknown();
	if (held > HOLDER_MAX_CHUNKS)
		return NULL;
	for (size_t i = 0; !err && i < findings->num && i < HC_ANALYSIS_MAX_IN_FULL; i++) {
		const struct hc_finding *finding = &findings->items[i];
		struct hc_chunk chunk;

		if (!finding->growth || finding->share < HOLDER_MIN_SHARE ||
		    !hc_heap_chunk_at(target->heap, finding->sample, &chunk))
			continue;
		if (!spots)
			err = hc_spots_create(target->process, &spots);
		const struct hc_namer namer = {analysis->session, spots,
					       analysis->session->options->full_names};

		if (!err)
			err = hc_chain_phrase(&namer, &chunk, analysis->doc, &analysis->holders[i]);
	}
	return err;
}

void hc_analysis_describe_finding(struct hc_analysis *analysis, size_t i)
{
	const struct hc_finding *finding = &analysis->verdict.findings.items[i];
	struct hc_document *doc = analysis->doc;
	struct hc_cell text = hc_finding_full_phrase(analysis, finding);
	struct hc_cell more = more_phrase(analysis, i);

	hc_begin_object(doc, NULL, HC_CONTENT_NONE);
	hc_fact(doc, "finding", NULL, hc_cell_count(i + 1));
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
	say_finding(analysis, i, text, more);
	hc_end(doc);
}

static void say_rest(struct hc_analysis *analysis)
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
		next->count.bytes ? finding_phrase(analysis, next) : hc_cell_unknown());
	hc_fact(doc, "largest_touched", NULL, hc_cell_bytes(next->touched));
	hc_end(doc);
	say_rest(analysis);
}
