/**
 * @file
 * One suspect of analyze: in a sentence, and as text.
 */
#include <stdlib.h>

#include "cmd/verbs/analyze.h"
#include "cmd/verbs/common.h"
#include "cmd/render/units.h"
#include "core/base/cleanup.h"

/**
 * Texts that chunks share: lines for each suspect, their least share, and the columns of a text.
 * Where no line of text has that share, several may make up most of the chunks, each of them with
 * the lesser share.
 */
#define MAX_SHARED 3
#define MIN_SHARED 0.5
#define MIN_SHARED_LINE 0.1
#define SHARED_WIDTH 54
/** Fields of binary chunks that are shown. */
#define MAX_FIELDS 6

#define DETAIL_INDENT 12

/** Where a detail stands below a suspect: "   label:  text". */
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

/** The sentence that names a suspect. */
static struct hc_cell suspect_phrase(const struct hc_suspect *suspect, struct hc_document *doc)
{
	const struct hc_leak_group *group = suspect->group;
	uint64_t count = group ? group->roots.chunks : suspect->count.chunks;
	struct hc_cell bytes = hc_cell_bytes(suspect->count.bytes);
	struct hc_cell share = hc_cell_share(suspect->share);

	if (suspect->max_size > suspect->size)
		return HC_PHRASE(doc,
				 "{} chunks of {} to {} bytes in use and still referenced: {}, {}",
				 hc_cell_count(count), hc_cell_count(suspect->size),
				 hc_cell_count(suspect->max_size), bytes, share);
	return HC_PHRASE(doc, "{} {} {}-byte {}{} {}{}: {}, {}", hc_cell_count(count),
			 hc_cell_times(), hc_cell_count(suspect->size),
			 hc_cell_text(group ? "object" : "chunk"), hc_cell_plural(count),
			 hc_cell_text(group ? "lost" : "in use and still referenced"),
			 group ? below_phrase(group, doc) : hc_cell_unknown(), bytes, share);
}

/** The command that shows more of a suspect, or unknown. */
static struct hc_cell more_phrase(const struct hc_analysis *analysis,
				  const struct hc_suspect *suspect)
{
	struct hc_document *doc = analysis->doc;
	struct hc_cell core = hc_cell_name(analysis->quoted);
	struct hc_cell to = hc_cell_unknown();
	struct hc_chunk chunk;

	if (suspect->group)
		return HC_PHRASE(doc, "heapcore leaks {} --group {}", core,
				 hc_cell_number(suspect->group_number));
	/*
	 * --size takes usable bytes, which differ from the chunk size by what the allocator keeps
	 * of it.
	 */
	if (!suspect->sample ||
	    !hc_heap_chunk_at(analysis->session->target->heap, suspect->sample, &chunk))
		return hc_cell_unknown();
	uint64_t kept = chunk.size - chunk.usable;
	if (suspect->max_size > suspect->size)
		to = HC_PHRASE(doc, "-{}", hc_cell_number(suspect->max_size - kept));
	struct hc_cell class = hc_class_cell(analysis->session, suspect->class);
	if (class.kind != HC_CELL_UNKNOWN)
		class = hc_cell_needs(HC_CONTENT_CLASS,
				      HC_PHRASE(doc, " --class {}", hc_cell_name(class.text)));
	return HC_PHRASE(doc, "heapcore chunks {} --size {}{}{}", core,
			 hc_cell_number(suspect->size - kept), to, class);
}

/** Chunks of which a type or a class can be said. */
static uint64_t all_of(const struct hc_suspect *suspect)
{
	return suspect->group ? suspect->group->roots.chunks : suspect->count.chunks;
}

/** "… in all of them" or "… in N of them". */
static void say_how_many(struct hc_analysis *analysis, const char *label, struct hc_cell what,
			 uint64_t with, uint64_t all)
{
	struct hc_document *doc = analysis->doc;

	if (with >= all)
		say_detail(analysis, label,
			   HC_PHRASE(doc, "{}{}", what,
				     hc_cell_text(all > 1 ? " in all of them" : "")));
	else
		say_detail(analysis, label,
			   HC_PHRASE(doc, "{} in {} of them", what, hc_cell_count(with)));
}

static void say_type(struct hc_analysis *analysis, const struct hc_suspect *suspect)
{
	struct hc_cell type = hc_type_cell(analysis->session, suspect->type);

	if (type.kind != HC_CELL_UNKNOWN)
		say_how_many(analysis, "type:", HC_PHRASE(analysis->doc, "{} (C++ class)", type),
			     suspect->type_chunks, all_of(suspect));
}

static void say_content(struct hc_analysis *analysis, const struct hc_suspect *suspect)
{
	struct hc_cell class = hc_class_cell(analysis->session, suspect->class);
	const struct hc_leak_group *group = suspect->group;

	if (class.kind != HC_CELL_UNKNOWN)
		say_how_many(analysis, "content:", class,
			     group ? group->roots_with_content : suspect->class_count.chunks,
			     all_of(suspect));
}

/** Texts that stand below a suspect already, as they are shown. */
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
 * One text that most chunks of a suspect's content share. Long texts may differ where they are cut
 * off; the first stands for all that look the same.
 */
static void say_shared(struct hc_analysis *analysis, struct shared *shared, struct hc_bytes bytes,
		       uint64_t chunks, uint64_t counted)
{
	struct hc_excerpt excerpt = {.bytes = bytes, .max = SHARED_WIDTH};
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
static void say_repeats(struct hc_analysis *analysis, const struct hc_common *common)
{
	const struct hc_template *template = &common->template;
	const struct hc_repeats *repeats = &common->repeats;
	hc_cleanup(shared_deinit) struct shared shared = {0};
	uint64_t all = common->all.chunks;
	struct shared_lines lines;

	choose_lines(template, &lines);
	for (size_t i = 0; i < repeats->num && shared.num < MAX_SHARED; i++) {
		const struct hc_repeat *repeat = &repeats->items[i];

		if (hc_share(repeat->chunks, repeats->counted) < MIN_SHARED ||
		    (repeat->bits < HC_REPEATS_MIN_BITS && (lines.num || shared.num)))
			continue;
		say_shared(analysis, &shared, repeat->token.text, repeat->chunks,
			   repeats->counted == all ? 0 : repeats->counted);
	}
	for (size_t i = 0; i < lines.num; i++) {
		const struct hc_template_line *line = lines.lines[i];

		say_shared(analysis, &shared,
			   (struct hc_bytes){(const uint8_t *)line->text, line->size}, line->chunks,
			   template->counted == all ? 0 : template->counted);
	}
}

/** What the first fields of binary chunks of one size hold. */
static void say_fields(struct hc_analysis *analysis, const struct hc_byte_profile *profile)
{
	struct hc_document *doc = analysis->doc;
	struct hc_cell list = hc_cell_unknown();

	for (size_t i = 0; i < profile->num_fields && i < MAX_FIELDS; i++)
		list = hc_phrase_join(doc, list, "; ",
				      HC_PHRASE(doc, "+{} {}",
						hc_cell_number(profile->fields[i].offset),
						hc_field_phrase(&profile->fields[i], doc)));
	if (profile->num_fields > MAX_FIELDS)
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

/** What tells something about the content: each part from its level of --content on. */
static void say_common(struct hc_analysis *analysis, const struct hc_suspect *suspect)
{
	const struct hc_byte_profile *profile = &suspect->common.profile;
	bool textual = hc_class_of(analysis->session->target->classifier, suspect->class)->textual;
	struct hc_document *doc = analysis->doc;

	hc_begin_group(doc, HC_CONTENT_CLASS, HC_CONTENT_FULL);
	say_type(analysis, suspect);
	say_content(analysis, suspect);
	hc_begin_group(doc, HC_CONTENT_SAMPLE, HC_CONTENT_FULL);
	say_repeats(analysis, &suspect->common);
	hc_end(doc);
	if (!textual && has_structure(profile))
		say_fields(analysis, profile);
	hc_end(doc);
}

/** Not a paragraph: a sample keeps its blanks and fits the line. */
static void say_sample(struct hc_analysis *analysis, const struct hc_suspect *suspect)
{
	struct hc_cell address = hc_cell_address(suspect->sample);
	unsigned width = analysis->session->out.width;
	unsigned used = DETAIL_INDENT + strlen(hc_unit_address(suspect->sample).text) + 2;
	struct hc_cell sample = hc_sampler_cell(&analysis->sampler, suspect->sample,
						width > used + 8 ? width - used : 8);
	char first[32];

	if (sample.kind == HC_CELL_UNKNOWN)
		return;
	hc_begin_group(analysis->doc, HC_CONTENT_SAMPLE, HC_CONTENT_FULL);
	HC_LINE(analysis->doc, "{}{}  {}", hc_cell_text(detail(first, "sample:").first), address,
		sample);
	hc_end(analysis->doc);
}

static void say_suspect(struct hc_analysis *analysis, size_t i, struct hc_cell text,
			struct hc_cell more)
{
	const struct hc_suspect *suspect = &analysis->verdict.suspects[i];
	char first[32];

	snprintf(first, sizeof(first), "%-3zu", i + 1);
	hc_blank(analysis->doc);
	HC_SAY_AT(analysis->doc, hc_margin(first, 3, false), "{}", text);
	say_common(analysis, suspect);
	say_sample(analysis, suspect);
	if (more.kind != HC_CELL_UNKNOWN)
		HC_LINE(analysis->doc, "{}{}", hc_cell_text(detail(first, "more:").first), more);
}

/** What only a group of lost objects has. */
static void describe_group(const struct hc_suspect *suspect, struct hc_document *doc)
{
	const struct hc_leak_group *group = suspect->group;

	if (!group) {
		hc_fact(doc, "group", NULL, hc_cell_unknown());
		hc_fact(doc, "roots", NULL, hc_cell_unknown());
		hc_fact(doc, "below", NULL, hc_cell_unknown());
		hc_fact(doc, "roots_with_content", NULL, hc_cell_unknown());
		return;
	}
	hc_fact(doc, "group", NULL, hc_cell_count(suspect->group_number));
	hc_count_fact(doc, "roots", HC_CONTENT_NONE, group->roots.chunks, group->roots.bytes);
	hc_count_fact(doc, "below", HC_CONTENT_NONE, group->below.chunks, group->below.bytes);
	hc_fact(doc, "roots_with_content", NULL,
		hc_cell_needs(HC_CONTENT_CLASS, hc_cell_count(group->roots_with_content)));
}

static void describe_content(struct hc_analysis *analysis, const struct hc_suspect *suspect)
{
	struct hc_cell type = hc_type_cell(analysis->session, suspect->type);
	struct hc_document *doc = analysis->doc;
	bool typed = type.kind != HC_CELL_UNKNOWN;

	hc_fact(doc, "type", NULL, type);
	hc_fact(doc, "type_chunks", NULL,
		typed ? hc_cell_needs(HC_CONTENT_CLASS, hc_cell_count(suspect->type_chunks))
		      : hc_cell_unknown());
	hc_fact(doc, "class", NULL, hc_class_cell(analysis->session, suspect->class));
	hc_count_fact(doc, "class_count", HC_CONTENT_CLASS, suspect->class_count.chunks,
		      suspect->class_count.bytes);
	hc_begin_object(doc, "common", HC_CONTENT_NONE);
	hc_common_describe(&suspect->common, false, doc);
	hc_end(doc);
	hc_fact(doc, "sample_address", NULL,
		suspect->sample ? hc_cell_address(suspect->sample) : hc_cell_unknown());
	hc_fact(doc, "sample", NULL, hc_sampler_cell(&analysis->sampler, suspect->sample, 0));
}

void hc_analysis_describe_suspect(struct hc_analysis *analysis, size_t i, bool shown)
{
	const struct hc_suspect *suspect = &analysis->verdict.suspects[i];
	struct hc_document *doc = analysis->doc;
	struct hc_cell text = suspect_phrase(suspect, doc);
	struct hc_cell more = more_phrase(analysis, suspect);

	hc_begin_object(doc, NULL, HC_CONTENT_NONE);
	hc_fact(doc, "text", NULL, text);
	hc_fact(doc, "leaked", NULL, hc_cell_bool(suspect->group != NULL));
	hc_fact(doc, "size", NULL, hc_cell_count(suspect->size));
	hc_fact(doc, "max_size", NULL, hc_cell_count(suspect->max_size));
	hc_fact(doc, "chunks", NULL, hc_cell_count(suspect->count.chunks));
	hc_fact(doc, "bytes", NULL, hc_cell_bytes(suspect->count.bytes));
	hc_fact(doc, "share", NULL, hc_cell_share(suspect->share));
	describe_group(suspect, doc);
	describe_content(analysis, suspect);
	hc_fact(doc, "more", NULL, more);
	if (shown)
		say_suspect(analysis, i, text, more);
	hc_end(doc);
}
