/**
 * @file
 * One finding of analyze: in a sentence, and as text.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>

#include "cmd/verbs/analyze.h"
#include "cmd/verbs/common.h"
#include "cmd/show/blocks.h"
#include "cmd/show/owner.h"
#include "cmd/show/mask.h"
#include "cmd/render/escape.h"
#include "cmd/render/text.h"
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
/** Fields of binary chunks that are shown. */
#define MAX_FIELDS 6

/** A line below a finding: "   label:  text", as much of it as fits. */
static void write_detail(struct hc_analysis *analysis, const char *label, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#define DETAIL_INDENT 12

static void write_detail(struct hc_analysis *analysis, const char *label, const char *format, ...)
{
	hc_cleanup_free char *text = NULL;
	char first[32];
	va_list args;

	va_start(args, format);
	if (vasprintf(&text, format, args) < 0)
		text = NULL;
	va_end(args);
	snprintf(first, sizeof(first), "   %-*s", DETAIL_INDENT - 3, label);
	hc_text_paragraph(analysis->out, first, DETAIL_INDENT, false, "%s", text ? text : "");
}

/** What hangs below the root objects of a group: ", each with 3 chunks below". */
static char *describe_below(const struct hc_leak_group *group)
{
	uint64_t roots = group->roots.chunks, below = group->below.chunks;
	bool even = roots && below % roots == 0;
	uint64_t shown = even ? below / roots : below;
	char *ret;

	if (!below)
		return strdup("");
	if (asprintf(&ret, ", %swith %s chunk%s below%s", even && roots > 1 ? "each " : "",
		     hc_unit_count(shown).text, hc_plural(shown), even ? " it" : " them") < 0)
		return NULL;
	return ret;
}

static char *describe_lost(const struct hc_analysis *analysis, const struct hc_finding *finding)
{
	const struct hc_leak_group *group = finding->group;
	hc_cleanup_free char *below = describe_below(group);
	hc_cleanup_free char *type = hc_analysis_type(analysis, finding);
	const char *lost = !hc_verdict_upper_bound(&analysis->verdict) ? "lost"
			   : group->roots.chunks == 1                ? "that looks lost"
								     : "that look lost";
	char *ret;
	int length;

	if (type)
		length = asprintf(&ret, "%s %s %s (%s bytes) %s%s",
				  hc_unit_count(group->roots.chunks).text,
				  hc_text_times(analysis->out), type,
				  hc_unit_count(finding->size).text, lost, below ? below : "");
	else
		length = asprintf(&ret, "%s %s %s-byte object%s %s%s",
				  hc_unit_count(group->roots.chunks).text,
				  hc_text_times(analysis->out), hc_unit_count(finding->size).text,
				  hc_plural(group->roots.chunks), lost, below ? below : "");
	return length < 0 ? NULL : ret;
}

/** Sizes of the bulk; how many chunks these are where some are of others. */
static char *describe_held(const struct hc_analysis *analysis, const struct hc_finding *finding)
{
	struct hc_unit count = hc_unit_count(finding->count.chunks);
	bool strays = finding->growth->bulk < finding->count.chunks;
	struct hc_unit size = hc_unit_count(finding->size), max = hc_unit_count(finding->max_size);
	hc_cleanup_free char *type = hc_analysis_type(analysis, finding);
	char *ret;
	int length;

	if (finding->max_size > finding->size)
		length = asprintf(&ret, "%s chunks%s of %s to %s bytes held", count.text,
				  strays ? ", nearly all" : "", size.text, max.text);
	else if (strays)
		length = asprintf(&ret, "%s chunks, %s of them of %s bytes, held", count.text,
				  hc_unit_count(finding->growth->bulk).text, size.text);
	else if (type && finding->type_chunks >= finding->count.chunks)
		length = asprintf(&ret, "%s %s %s (%s bytes) held", count.text,
				  hc_text_times(analysis->out), type, size.text);
	else
		length = asprintf(&ret, "%s %s %s-byte chunk%s held", count.text,
				  hc_text_times(analysis->out), size.text,
				  hc_plural(finding->count.chunks));
	return length < 0 ? NULL : ret;
}

static char *describe_stacks(const struct hc_analysis *analysis, const struct hc_finding *finding)
{
	const struct hc_threads *threads = &analysis->session->target->process->threads;
	size_t num = threads->num + threads->num_cached;
	struct hc_unit bytes = hc_unit_bytes(finding->count.bytes);
	char *ret;
	int length;

	if (threads->num_unjoined)
		length = asprintf(&ret,
				  "%zu stacks, %s of them of threads that ended and were never "
				  "joined, %s of addresses",
				  num, hc_unit_count(threads->num_unjoined).text, bytes.text);
	else
		length = asprintf(&ret, "%zu stack%s, %s of addresses", num, hc_plural(num),
				  bytes.text);
	return length < 0 ? NULL : ret;
}

/** Owner, blocks, or neither. */
static char *describe_outside(const struct hc_analysis *analysis, const struct hc_finding *finding)
{
	char *ret;

	if (finding->owner)
		return strdup(finding->owner->title);
	if (!finding->blocks)
		return strdup("other memory outside of malloc");
	return asprintf(&ret, "%s %s %s outside of malloc, in %s mapping%s",
			hc_unit_count(finding->blocks->num).text, hc_text_times(analysis->out),
			hc_unit_bytes(finding->blocks->size).text,
			hc_unit_count(finding->blocks->mappings).text,
			hc_plural(finding->blocks->mappings)) < 0
		       ? NULL
		       : ret;
}

char *hc_analysis_what(const struct hc_analysis *analysis, const struct hc_finding *finding)
{
	char *ret;

	switch (finding->kind) {
	case HC_FINDING_LOST:
		return describe_lost(analysis, finding);
	case HC_FINDING_HELD:
		return describe_held(analysis, finding);
	case HC_FINDING_FREED:
		return asprintf(&ret, "%s free chunk%s that malloc keeps",
				hc_unit_count(finding->count.chunks).text,
				hc_plural(finding->count.chunks)) < 0
			       ? NULL
			       : ret;
	case HC_FINDING_STACKS:
		return describe_stacks(analysis, finding);
	default:
		return describe_outside(analysis, finding);
	}
}

/** Where less was touched than there is, both. */
static char *describe_bytes(const struct hc_finding *finding)
{
	char *ret;
	int length;

	if (finding->touched == finding->count.bytes || finding->kind == HC_FINDING_STACKS)
		length = asprintf(&ret, "%s, %s", hc_unit_bytes(finding->touched).text,
				  hc_unit_share(finding->share).text);
	else if (!finding->touched)
		length = asprintf(&ret, "%s, never touched",
				  hc_unit_bytes(finding->count.bytes).text);
	else
		length = asprintf(&ret, "%s touched of %s, %s",
				  hc_unit_bytes(finding->touched).text,
				  hc_unit_bytes(finding->count.bytes).text,
				  hc_unit_share(finding->share).text);
	return length < 0 ? NULL : ret;
}

char *hc_analysis_describe(const struct hc_analysis *analysis, const struct hc_finding *finding)
{
	hc_cleanup_free char *what = hc_analysis_what(analysis, finding);
	hc_cleanup_free char *bytes = describe_bytes(finding);
	char *ret;

	return !what || !bytes || asprintf(&ret, "%s: %s", what, bytes) < 0 ? NULL : ret;
}

char *hc_analysis_more(const struct hc_analysis *analysis, const struct hc_finding *finding)
{
	size_t number = finding - analysis->verdict.findings.items + 1;
	char *ret;
	int length;

	switch (finding->kind) {
	case HC_FINDING_LOST:
		length = asprintf(&ret, "heapcore leaks %s --group %zu", analysis->quoted,
				  finding->group_number);
		break;
	case HC_FINDING_HELD:
	case HC_FINDING_FREED:
		length = asprintf(&ret, "heapcore chunks %s --finding %zu", analysis->quoted,
				  number);
		break;
	default:
		length = asprintf(&ret, "heapcore maps %s", analysis->quoted);
	}
	return length < 0 ? NULL : ret;
}

void hc_analysis_write_rest(struct hc_analysis *analysis)
{
	const struct hc_findings *findings = &analysis->verdict.findings;
	const struct hc_finding *rest = &findings->rest;
	hc_cleanup_free char *next =
		findings->next.touched ? hc_analysis_what(analysis, &findings->next) : NULL;

	if (!findings->num || !rest->touched)
		return;
	fputc('\n', analysis->out->file);
	if (next)
		hc_text_paragraph(analysis->out, "   ", 3, false,
				  "the rest: %s chunk%s, %s, %s; the largest kind has %s",
				  hc_unit_count(rest->count.chunks).text,
				  hc_plural(rest->count.chunks), hc_unit_bytes(rest->touched).text,
				  hc_unit_share(rest->share).text,
				  hc_unit_bytes(findings->next.touched).text);
	else
		hc_text_paragraph(analysis->out, "   ", 3, false, "the rest: %s chunk%s, %s, %s",
				  hc_unit_count(rest->count.chunks).text,
				  hc_plural(rest->count.chunks), hc_unit_bytes(rest->touched).text,
				  hc_unit_share(rest->share).text);
}

char *hc_analysis_type(const struct hc_analysis *analysis, const struct hc_finding *finding)
{
	const char *name;

	if (finding->type == HC_TYPE_NONE || !hc_session_shows_class(analysis->session))
		return NULL;
	name = hc_type_name(analysis->session->target->types, finding->type);
	return name ? hc_escape_string(name,
				       HC_ESCAPE_PLAIN | (analysis->out->utf8 ? HC_ESCAPE_UTF8 : 0))
		    : NULL;
}

static void write_type(struct hc_analysis *analysis, const struct hc_finding *finding)
{
	const struct hc_leak_group *group = finding->group;
	uint64_t all = group ? group->roots.chunks : finding->count.chunks;
	hc_cleanup_free char *name = hc_analysis_type(analysis, finding);

	/* Where all are of it, the first line says so. */
	if (!name || group || (finding->type_chunks >= all && finding->max_size == finding->size))
		return;
	if (finding->type_chunks >= all)
		write_detail(analysis, "type:", "%s (C++ class)%s", name,
			     all > 1 ? " in all of them" : "");
	else
		write_detail(analysis, "type:", "%s (C++ class) in %s of them", name,
			     hc_unit_count(finding->type_chunks).text);
}

static void write_content(struct hc_analysis *analysis, const struct hc_finding *finding)
{
	const char *title = hc_class_title(analysis->session, finding->class);

	if (!title)
		return;
	const struct hc_leak_group *group = finding->group;
	uint64_t with = group ? group->roots_with_content : finding->class_count.chunks;
	uint64_t all = group ? group->roots.chunks : finding->count.chunks;
	if (with >= all)
		write_detail(analysis, "content:", "%s%s", title, all > 1 ? " in all of them" : "");
	else
		write_detail(analysis, "content:", "%s in %s of them", title,
			     hc_unit_count(with).text);
}

/** Texts that stand below a finding already, as they are shown. */
struct shared {
	char *texts[2 * MAX_SHARED];
	size_t num;
};

/**
 * One text that most chunks of a finding's content share. Long texts may differ where they are cut
 * off; the first stands for all that look the same.
 */
static void write_shared(struct hc_analysis *analysis, struct shared *shared, struct hc_bytes text,
			 uint64_t chunks, uint64_t counted, bool all)
{
	const char *label = shared->num ? "" : "repeats:";
	char *shown = hc_session_escape(analysis->session, text, SHARED_WIDTH,
					analysis->out->utf8 ? HC_ESCAPE_UTF8 : 0);

	for (size_t i = 0; shown && i < shared->num; i++) {
		if (strcmp(shared->texts[i], shown) == 0) {
			free(shown);
			return;
		}
	}
	if (!shown)
		return;
	shared->texts[shared->num++] = shown;
	if (all)
		write_detail(analysis, label, "%s in %s", shown, hc_unit_count(chunks).text);
	else
		write_detail(analysis, label, "%s in %s of %s looked at", shown,
			     hc_unit_count(chunks).text, hc_unit_count(counted).text);
}

/** What lines of text are shown. */
struct shared_lines {
	const struct hc_template_line *lines[MAX_SHARED];
	size_t num;
};

/** The line with which the text of most chunks begins; where there is none, the commonest ones. */
static void choose_lines(const struct hc_template *template, struct shared_lines *ret)
{
	ret->num = 0;
	for (size_t i = 0; i < template->num_lines; i++) {
		if (hc_share(template->lines[i].chunks, template->counted) >= MIN_SHARED) {
			*ret = (struct shared_lines){{&template->lines[i]}, 1};
			return;
		}
	}
	for (size_t i = 0; i < template->num_lines && ret->num < MAX_SHARED; i++) {
		if (hc_share(template->lines[i].chunks, template->counted) >= MIN_SHARED_LINE)
			ret->lines[ret->num++] = &template->lines[i];
	}
}

/**
 * What most chunks share: texts that tell them from others of their kind, and their first line.
 * What is the same in all of them tells less, and is shown where there is nothing better.
 */
static void write_repeats(struct hc_analysis *analysis, const struct hc_common *common)
{
	const struct hc_repeats *repeats = &common->repeats;
	struct shared shared = {0};
	struct shared_lines lines;

	choose_lines(&common->template, &lines);
	for (size_t i = 0; i < repeats->num && shared.num < MAX_SHARED; i++) {
		const struct hc_repeat *repeat = &repeats->items[i];

		if (hc_share(repeat->chunks, repeats->counted) < MIN_SHARED ||
		    (repeat->bits < HC_REPEATS_MIN_BITS && (lines.num || shared.num)))
			continue;
		write_shared(analysis, &shared, repeat->token.text, repeat->chunks,
			     repeats->counted, repeats->counted == common->all.chunks);
	}
	for (size_t i = 0; i < lines.num; i++) {
		const struct hc_template_line *line = lines.lines[i];

		write_shared(analysis, &shared,
			     (struct hc_bytes){(const uint8_t *)line->text, line->size},
			     line->chunks, common->template.counted,
			     common->template.counted == common->all.chunks);
	}
	for (size_t i = 0; i < shared.num; i++)
		free(shared.texts[i]);
}

/** What the first fields of binary chunks of one size hold. */
static void write_fields(struct hc_analysis *analysis, const struct hc_byte_profile *profile)
{
	hc_cleanup_free char *list = NULL;
	size_t size;
	FILE *file = open_memstream(&list, &size);

	if (!file)
		return;
	for (size_t i = 0; i < profile->num_fields && i < MAX_FIELDS; i++) {
		hc_cleanup_free char *text = hc_field_text(analysis->session, &profile->fields[i]);

		fprintf(file, "%s+%u %s", i ? "; " : "", profile->fields[i].offset,
			text ? text : "");
	}
	if (profile->num_fields > MAX_FIELDS)
		fputs("; ...", file);
	if (!fclose(file))
		write_detail(analysis, "bytes:", "%s", list);
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

/** "channelid=4099 in all 59,880 lost, in none of 120 others". */
static void write_clue(struct hc_analysis *analysis, const struct hc_clue *clue, const char *label)
{
	hc_cleanup_free char *text =
		hc_session_escape(analysis->session, clue->text, SHARED_WIDTH,
				  analysis->out->utf8 ? HC_ESCAPE_UTF8 : 0);
	uint64_t others = clue->held.key + clue->freed.key;
	uint64_t with = clue->held.text + clue->freed.text;
	struct hc_unit lost = hc_unit_count(clue->lost.text), all = hc_unit_count(clue->lost.key);
	bool every = clue->lost.text == clue->lost.key;

	if (!text)
		return;
	write_detail(analysis, label, "%s in %s%s%s lost; in %s of %s others", text,
		     every ? "all " : lost.text, every ? "" : " of ", all.text,
		     with ? hc_unit_count(with).text : "none", hc_unit_count(others).text);
}

static void write_clues(struct hc_analysis *analysis, const struct hc_finding *finding)
{
	for (size_t i = 0; i < finding->num_clues; i++)
		write_clue(analysis, &finding->clues[i], i ? "" : "clue:");
}

static void write_common(struct hc_analysis *analysis, const struct hc_finding *finding)
{
	const struct hc_byte_profile *profile = &finding->common.profile;
	bool textual = hc_class_of(analysis->session->target->classifier, finding->class)->textual;

	if (hc_session_shows_bytes(analysis->session)) {
		write_clues(analysis, finding);
		write_repeats(analysis, &finding->common);
	}
	if (hc_session_shows_class(analysis->session) && !textual && has_structure(profile))
		write_fields(analysis, profile);
}

static void write_blocks(struct hc_analysis *analysis, const struct hc_finding *finding)
{
	const struct hc_block_set *set = finding->blocks;
	hc_cleanup_free char *line = hc_block_line_text(analysis->session, &finding->contents);
	hc_cleanup_free char *pointers = hc_block_pointers_text(set);

	if (line && finding->contents.counted < set->num)
		write_detail(analysis, "repeats:", "%s in %s of %s looked at", line,
			     hc_unit_count(finding->contents.line_blocks).text,
			     hc_unit_count(finding->contents.counted).text);
	else if (line)
		write_detail(analysis, "repeats:", "%s in %s", line,
			     hc_unit_count(finding->contents.line_blocks).text);
	if (analysis->verdict.findings.held_known && pointers)
		write_detail(analysis, "holder:", "%s", pointers);
	write_detail(analysis, "sample:", "%s", hc_unit_address(set->addresses[0]).text);
}

static void write_owner(struct hc_analysis *analysis, const struct hc_owner *owner)
{
	hc_cleanup_free char *numbers = hc_owner_numbers(owner, analysis->out);

	if (numbers && *numbers)
		write_detail(analysis, "holds:", "%s", numbers);
	if (owner->evidence)
		write_detail(analysis, "why:", "%s", owner->evidence);
}

static void write_sample(struct hc_analysis *analysis, const struct hc_finding *finding)
{
	struct hc_unit address = hc_unit_address(finding->sample);
	unsigned used = DETAIL_INDENT + strlen(address.text) + 2, width = analysis->out->width;
	hc_cleanup_free char *sample = hc_sampler_text(&analysis->sampler, finding->sample,
						       width > used + 8 ? width - used : 8);

	/* Not a paragraph: a sample keeps its blanks and fits the line. */
	if (sample)
		fprintf(analysis->out->file, "   %-*s%s  %s\n", DETAIL_INDENT - 3,
			"sample:", address.text, sample);
}

void hc_analysis_write_finding(struct hc_analysis *analysis, size_t i)
{
	const struct hc_finding *finding = &analysis->verdict.findings.items[i];
	hc_cleanup_free char *text = hc_analysis_describe(analysis, finding);
	hc_cleanup_free char *more = hc_analysis_more(analysis, finding);
	char first[24];

	snprintf(first, sizeof(first), "%-3zu", i + 1);
	fputc('\n', analysis->out->file);
	hc_text_paragraph(analysis->out, first, 3, false, "%s", text ? text : "");
	if (finding->group || finding->growth) {
		write_type(analysis, finding);
		write_content(analysis, finding);
		write_common(analysis, finding);
		write_sample(analysis, finding);
	}
	if (finding->blocks)
		write_blocks(analysis, finding);
	if (finding->owner)
		write_owner(analysis, finding->owner);
	if (more)
		fprintf(analysis->out->file, "   %-*s%s\n", DETAIL_INDENT - 3, "more:", more);
}
