/**
 * @file
 * One suspect of analyze: in a sentence, and as text.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>

#include "cmd/verbs/analyze.h"
#include "cmd/verbs/common.h"
#include "cmd/show/mask.h"
#include "cmd/render/escape.h"
#include "cmd/render/text.h"
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

/** A line below a suspect: "   label:  text", as much of it as fits. */
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

/** What hangs below the root objects of a group: ", each with 3 chunks below it". */
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

char *hc_analysis_describe(const struct hc_analysis *analysis, const struct hc_suspect *suspect)
{
	const struct hc_leak_group *group = suspect->group;
	hc_cleanup_free char *below = group ? describe_below(group) : NULL;
	uint64_t count = group ? group->roots.chunks : suspect->count.chunks;
	char *ret;

	if (suspect->max_size > suspect->size)
		return asprintf(&ret,
				"%s chunks of %s to %s bytes in use and still referenced: %s, %s",
				hc_unit_count(count).text, hc_unit_count(suspect->size).text,
				hc_unit_count(suspect->max_size).text,
				hc_unit_bytes(suspect->count.bytes).text,
				hc_unit_share(suspect->share).text) < 0
			       ? NULL
			       : ret;
	if (asprintf(&ret, "%s %s %s-byte %s%s %s%s: %s, %s", hc_unit_count(count).text,
		     hc_text_times(analysis->out), hc_unit_count(suspect->size).text,
		     group ? "object" : "chunk", hc_plural(count),
		     group ? "lost" : "in use and still referenced", below ? below : "",
		     hc_unit_bytes(suspect->count.bytes).text,
		     hc_unit_share(suspect->share).text) < 0)
		return NULL;
	return ret;
}

char *hc_analysis_more(const struct hc_analysis *analysis, const struct hc_suspect *suspect)
{
	struct hc_chunk chunk;
	char *ret;

	if (suspect->group)
		return asprintf(&ret, "heapcore leaks %s --group %zu", analysis->quoted,
				suspect->group_number) < 0
			       ? NULL
			       : ret;
	/*
	 * --size takes usable bytes, which differ from the chunk size by what the allocator keeps
	 * of it.
	 */
	if (!suspect->sample ||
	    !hc_heap_chunk_at(analysis->session->target->heap, suspect->sample, &chunk))
		return NULL;
	const char *class = hc_class_name(analysis->session, suspect->class);
	uint64_t kept = chunk.size - chunk.usable;
	hc_cleanup_free char *to = NULL;
	if (suspect->max_size > suspect->size &&
	    asprintf(&to, "-%" PRIu64, suspect->max_size - kept) < 0)
		return NULL;
	return asprintf(&ret, "heapcore chunks %s --size %" PRIu64 "%s%s%s", analysis->quoted,
			suspect->size - kept, to ? to : "", class ? " --class " : "",
			class ? class : "") < 0
		       ? NULL
		       : ret;
}

char *hc_analysis_type(const struct hc_analysis *analysis, const struct hc_suspect *suspect)
{
	const char *name;

	if (suspect->type == HC_TYPE_NONE || !hc_session_shows_class(analysis->session))
		return NULL;
	name = hc_type_name(analysis->session->target->types, suspect->type);
	return name ? hc_escape_string(name,
				       HC_ESCAPE_PLAIN | (analysis->out->utf8 ? HC_ESCAPE_UTF8 : 0))
		    : NULL;
}

static void write_type(struct hc_analysis *analysis, const struct hc_suspect *suspect)
{
	const struct hc_leak_group *group = suspect->group;
	uint64_t all = group ? group->roots.chunks : suspect->count.chunks;
	hc_cleanup_free char *name = hc_analysis_type(analysis, suspect);

	if (!name)
		return;
	if (suspect->type_chunks >= all)
		write_detail(analysis, "type:", "%s (C++ class)%s", name,
			     all > 1 ? " in all of them" : "");
	else
		write_detail(analysis, "type:", "%s (C++ class) in %s of them", name,
			     hc_unit_count(suspect->type_chunks).text);
}

static void write_content(struct hc_analysis *analysis, const struct hc_suspect *suspect)
{
	const char *title = hc_class_title(analysis->session, suspect->class);

	if (!title)
		return;
	const struct hc_leak_group *group = suspect->group;
	uint64_t with = group ? group->roots_with_content : suspect->class_count.chunks;
	uint64_t all = group ? group->roots.chunks : suspect->count.chunks;
	if (with >= all)
		write_detail(analysis, "content:", "%s%s", title, all > 1 ? " in all of them" : "");
	else
		write_detail(analysis, "content:", "%s in %s of them", title,
			     hc_unit_count(with).text);
}

/** Texts that stand below a suspect already, as they are shown. */
struct shared {
	char *texts[2 * MAX_SHARED];
	size_t num;
};

/**
 * One text that most chunks of a suspect's content share. Long texts may differ where they are cut
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

static void write_common(struct hc_analysis *analysis, const struct hc_suspect *suspect)
{
	const struct hc_byte_profile *profile = &suspect->common.profile;
	bool textual = hc_class_of(analysis->session->target->classifier, suspect->class)->textual;

	if (hc_session_shows_bytes(analysis->session))
		write_repeats(analysis, &suspect->common);
	if (hc_session_shows_class(analysis->session) && !textual && has_structure(profile))
		write_fields(analysis, profile);
}

void hc_analysis_write_suspect(struct hc_analysis *analysis, size_t i)
{
	const struct hc_suspect *suspect = &analysis->verdict.suspects[i];
	unsigned width = analysis->out->width;
	char first[24];

	snprintf(first, sizeof(first), "%-3zu", i + 1);
	hc_cleanup_free char *text = hc_analysis_describe(analysis, suspect);
	fputc('\n', analysis->out->file);
	hc_text_paragraph(analysis->out, first, 3, false, "%s", text ? text : "");
	write_type(analysis, suspect);
	write_content(analysis, suspect);
	write_common(analysis, suspect);
	struct hc_unit address = hc_unit_address(suspect->sample);
	unsigned used = DETAIL_INDENT + strlen(address.text) + 2;
	hc_cleanup_free char *sample = hc_sampler_text(&analysis->sampler, suspect->sample,
						       width > used + 8 ? width - used : 8);
	if (sample)
		/* Not a paragraph: a sample keeps its blanks and fits the line. */
		fprintf(analysis->out->file, "   %-*s%s  %s\n", DETAIL_INDENT - 3,
			"sample:", address.text, sample);
	hc_cleanup_free char *more = hc_analysis_more(analysis, suspect);
	if (more)
		fprintf(analysis->out->file, "   %-*s%s\n", DETAIL_INDENT - 3, "more:", more);
}
