/**
 * @file
 * Running a search and writing its matches one by one.
 */
#include "cmd/advice.h"
#include "cmd/verbs/hits.h"

#include <inttypes.h>
#include <stdlib.h>

#include "cmd/show/mask.h"
#include "cmd/render/csv.h"
#include "cmd/render/escape.h"
#include "cmd/render/text.h"
#include "cmd/render/units.h"
#include "cmd/show/sample.h"
#include "cmd/verb.h"
#include "core/base/cleanup.h"

/** Bytes of a line that are shown around a match: before it, and in all. */
#define CONTEXT_BEFORE 24
#define CONTEXT_WHOLE 160

/* --- One match --- */

static bool ends_line(uint8_t c)
{
	return c == '\n' || c == '\r' || c == '\0';
}

/** The part of the line around a match that is shown; --content full shows the line. */
static struct hc_bytes line_around(const struct hc_hits *hits, const struct hc_search_hit *hit)
{
	bool full = hits->session->options->content == HC_CONTENT_FULL;
	const uint8_t *start = hit->text.data, *end = hit->text.data + hit->text.size;
	const uint8_t *first = hit->subject.data, *last = hit->subject.data + hit->subject.size;

	while (start > first && !ends_line(start[-1]) &&
	       (full || hit->text.data - start < CONTEXT_BEFORE))
		start--;
	while (end < last && !ends_line(*end) && (full || end - start < CONTEXT_WHOLE))
		end++;
	return (struct hc_bytes){start, end - start};
}

/** What is shown around a match, the match included. */
static struct hc_bytes context(const struct hc_hits *hits, const struct hc_search_hit *hit)
{
	size_t before = hit->text.data - hit->subject.data;
	size_t after = hit->subject.size - before - hit->text.size;

	if (!hits->has_context)
		return line_around(hits, hit);
	if (before > hits->context)
		before = hits->context;
	if (after > hits->context)
		after = hits->context;
	return (struct hc_bytes){hit->text.data - before, before + hit->text.size + after};
}

/** The low bytes of UTF-16LE code units whose high bytes are 0. */
static struct hc_bytes narrow(struct hc_bytes bytes, uint8_t **owned)
{
	*owned = malloc(bytes.size / 2 + 1);
	if (!*owned)
		return (struct hc_bytes){};
	for (size_t i = 0; i < bytes.size / 2; i++)
		(*owned)[i] = bytes.data[2 * i];
	return (struct hc_bytes){*owned, bytes.size / 2};
}

char *hc_hits_escape(const struct hc_hits *hits, struct hc_bytes bytes, size_t max, unsigned flags)
{
	hc_cleanup_free uint8_t *owned = NULL;

	if (hits->narrow)
		bytes = narrow(bytes, &owned);
	/* A match is what was asked for; what is around it is not, and goes without secrets. */
	return hits->masked ? hc_session_escape(hits->session, bytes, max, flags)
			    : hc_escape(bytes, max, flags);
}

enum role { CONTEXT, MATCH, MATCH_ALONE };

/** Print bytes; a match in its context is emphasised when the output has colour. */
static void print_bytes(struct hc_hits *hits, const uint8_t *start, const uint8_t *end,
			enum role role)
{
	struct hc_output *out = &hits->session->out;
	struct hc_bytes bytes = {start, end - start};
	hc_cleanup_free char *text =
		role == CONTEXT ? hc_session_escape(hits->session, bytes, 0, hits->escape)
				: hc_hits_escape(hits, bytes, 0, hits->escape);

	bool emphasis = role == MATCH && out->color && start < end;
	fprintf(out->file, "%s%s%s", emphasis ? "\033[1;31m" : "", text ? text : "",
		emphasis ? "\033[0m" : "");
}

static void write_text(struct hc_hits *hits, const struct hc_search_hit *hit)
{
	struct hc_output *out = &hits->session->out;
	const uint8_t *match_end = hit->text.data + hit->text.size;

	if (hits->bare) {
		print_bytes(hits, hit->text.data, match_end, MATCH_ALONE);
		fputc('\n', out->file);
		return;
	}
	if (hits->addresses) {
		fprintf(out->file, "0x%" PRIx64 "\n",
			hit->chunk ? hit->chunk->address : hit->address);
		return;
	}
	fprintf(out->file, "0x%" PRIx64 ": ", hit->address);
	if (hit->chunk)
		fprintf(out->file, "%" PRIu64, hit->chunk->size);
	else
		fprintf(out->file, "%s", hc_mapping_kind_name(hit->mapping->kind));
	if (hc_session_shows_bytes(hits->session)) {
		struct hc_bytes around = context(hits, hit);
		fputs(": ", out->file);
		print_bytes(hits, around.data, hit->text.data, CONTEXT);
		print_bytes(hits, hit->text.data, match_end, MATCH);
		print_bytes(hits, match_end, around.data + around.size, CONTEXT);
	}
	fputc('\n', out->file);
}

/** Name of the class of a chunk; NULL when it does not show. */
static const char *class_name(struct hc_hits *hits, const struct hc_chunk *chunk)
{
	const struct hc_session *session = hits->session;

	if (!hits->classifier)
		return NULL;
	if (hits->class_chunk != chunk->address) {
		hits->class_chunk = chunk->address;
		hits->class = hc_classify(session->target->classifier, hits->classifier,
					  hc_chunk_bytes(session->target->heap, chunk));
	}
	return hc_class_name(session, hits->class);
}

/** Name of the type of a chunk; NULL when it has none, or it does not show. */
static const char *type_name(const struct hc_hits *hits, const struct hc_chunk *chunk)
{
	struct hc_types *types = hits->session->target->types;
	hc_type_id type = hits->classifier && types ? hc_type_of(types, chunk) : HC_TYPE_NONE;

	return type != HC_TYPE_NONE ? hc_type_name(types, type) : NULL;
}

static const char *reach_name(const struct hc_hits *hits, const struct hc_chunk *chunk)
{
	bool known = hits->session->target->heap->reach_known && chunk->state == HC_IN_USE;

	return known ? hc_reach_name(chunk->reach) : NULL;
}

static json_t *match_json(const struct hc_hits *hits, struct hc_bytes bytes)
{
	hc_cleanup_free char *text = hc_hits_escape(hits, bytes, 0, 0);

	return text ? json_string(text) : NULL;
}

/** A match with what is around it, escaped. */
static char *context_text(const struct hc_hits *hits, const struct hc_search_hit *hit)
{
	const struct hc_session *session = hits->session;
	struct hc_bytes line = context(hits, hit);
	const uint8_t *match_end = hit->text.data + hit->text.size;
	struct hc_bytes left = {line.data, hit->text.data - line.data};
	struct hc_bytes right = {match_end, line.data + line.size - match_end};
	hc_cleanup_free char *before = hc_session_escape(session, left, 0, 0);
	hc_cleanup_free char *match = hc_hits_escape(hits, hit->text, 0, 0);
	hc_cleanup_free char *after = hc_session_escape(session, right, 0, 0);
	char *ret;

	if (!before || !match || !after || asprintf(&ret, "%s%s%s", before, match, after) < 0)
		return NULL;
	return ret;
}

static bool has_group(const struct hc_search_hit *hit)
{
	return hit->group.data != hit->text.data || hit->group.size != hit->text.size;
}

static void set_chunk_json(struct hc_hits *hits, json_t *row, const struct hc_chunk *chunk)
{
	const char *reach = reach_name(hits, chunk), *class = class_name(hits, chunk);
	const char *type = type_name(hits, chunk);

	json_object_set_new(row, "chunk", hc_json_address(chunk->address));
	json_object_set_new(row, "chunk_size", hc_json_number(chunk->size));
	json_object_set_new(row, "state", hc_json_text(hc_chunk_state_name(chunk)));
	json_object_set_new(row, "arena", hc_json_arena(chunk->span->arena));
	if (reach)
		json_object_set_new(row, "reach", hc_json_text(reach));
	if (class)
		json_object_set_new(row, "class", hc_json_text(class));
	if (type)
		json_object_set_new(row, "type", hc_json_text(type));
}

static void write_json(struct hc_hits *hits, const struct hc_search_hit *hit)
{
	hc_cleanup_json json_t *row = json_pack("{so}", "address", hc_json_address(hit->address));

	if (hit->chunk) {
		set_chunk_json(hits, row, hit->chunk);
	} else {
		json_object_set_new(row, "mapping", hc_json_address(hit->mapping->start));
		json_object_set_new(row, "kind",
				    hc_json_text(hc_mapping_kind_name(hit->mapping->kind)));
	}
	if (hc_session_shows_bytes(hits->session) && !hits->addresses) {
		bool nothing_around = hits->has_context && !hits->context;
		hc_cleanup_free char *around = nothing_around ? NULL : context_text(hits, hit);
		json_object_set_new(row, "match", match_json(hits, hit->text));
		if (has_group(hit))
			json_object_set_new(row, "group", match_json(hits, hit->group));
		if (around)
			json_object_set_new(row, "context", hc_json_text(around));
	}
	hc_json_write_line(&hits->session->out, row);
}

static void csv_text(struct hc_hits *hits, const char *text)
{
	fputc(',', hits->session->out.file);
	hc_csv_field(hits->session->out.file, text ? text : "");
}

static void csv_chunk(struct hc_hits *hits, const struct hc_chunk *chunk)
{
	FILE *file = hits->session->out.file;

	fprintf(file, ",0x%" PRIx64 ",%" PRIu64 ",%s,", chunk->address, chunk->size,
		hc_chunk_state_name(chunk));
	if (chunk->span->arena == HC_ARENA_MMAP)
		fputs("mmap", file);
	else
		fprintf(file, "%" PRIu32, chunk->span->arena);
	csv_text(hits, reach_name(hits, chunk));
	csv_text(hits, class_name(hits, chunk));
	fputs(",,", file);
}

/** The header line of CSV. */
static void write_header(struct hc_hits *hits)
{
	fputs("address,chunk,chunk_size,state,arena,reach,class,mapping,kind,match,group,context,"
	      "type\n",
	      hits->session->out.file);
}

static void write_csv(struct hc_hits *hits, const struct hc_search_hit *hit)
{
	FILE *file = hits->session->out.file;
	bool shown = hc_session_shows_bytes(hits->session) && !hits->addresses;
	hc_cleanup_free char *match = shown ? hc_hits_escape(hits, hit->text, 0, 0) : NULL;
	hc_cleanup_free char *group =
		shown && has_group(hit) ? hc_hits_escape(hits, hit->group, 0, 0) : NULL;
	hc_cleanup_free char *around = shown ? context_text(hits, hit) : NULL;

	fprintf(file, "0x%" PRIx64, hit->address);
	if (hit->chunk)
		csv_chunk(hits, hit->chunk);
	else
		fprintf(file, ",,,,,,,0x%" PRIx64 ",%s", hit->mapping->start,
			hc_mapping_kind_name(hit->mapping->kind));
	csv_text(hits, match);
	csv_text(hits, group);
	csv_text(hits, around);
	csv_text(hits, hit->chunk ? type_name(hits, hit->chunk) : NULL);
	fputc('\n', file);
}

/** One match, in the session's format. */
static void write_hit(struct hc_hits *hits, const struct hc_search_hit *hit)
{
	switch (hits->session->options->format) {
	case HC_FORMAT_JSON:
		write_json(hits, hit);
		break;
	case HC_FORMAT_CSV:
		write_csv(hits, hit);
		break;
	default:
		write_text(hits, hit);
	}
}

/* --- The whole --- */

/** The terminal is the output's from now on. */
static void begin_output(struct hc_hits *hits)
{
	hc_session_phase(hits->session, NULL);
	/* What -o and -l print is for other programs, and is nothing but matches. */
	if (hits->session->options->format == HC_FORMAT_TEXT && !hits->bare && !hits->addresses)
		hc_session_write_partial(hits->session);
}

static bool show_hit(void *ctx, const struct hc_search_hit *hit)
{
	struct hc_hits *hits = ctx;
	const struct hc_session *session = hits->session;
	uint64_t limit = session->options->selection.limit;

	if (limit && hits->shown == limit) {
		hits->limited = true;
		return false;
	}
	if (!hits->shown++)
		begin_output(hits);
	write_hit(hits, hit);
	return !ferror(session->out.file);
}

static void report_given_up(const struct hc_session *session, const struct hc_search_result *result)
{
	hc_cleanup_free char *message = NULL;

	if (!result->limited || session->options->quiet)
		return;
	if (asprintf(&message, "the pattern took too long in %" PRIu64 " place%s; skipped",
		     result->limited, hc_plural(result->limited)) < 0)
		message = NULL;
	hc_print_message(session->options->core, message ? message : "no memory");
}

/** What no chosen chunk has may be somewhere else. */
static struct hc_error *look_elsewhere(struct hc_hits *hits, const struct hc_pattern *pattern)
{
	struct hc_session *session = hits->session;

	if (hits->scope != HC_SEARCH_CHUNKS || hits->attribute)
		return NULL;
	hc_session_phase(session, "searching elsewhere");
	struct hc_error *err = hc_elsewhere_run(session->target, pattern, &hits->elsewhere);
	hc_session_phase(session, NULL);
	hits->has_elsewhere = !err;
	return err;
}

static void report_elsewhere(const struct hc_hits *hits)
{
	const struct hc_elsewhere *elsewhere = &hits->elsewhere;
	const struct hc_session *session = hits->session;
	hc_cleanup_free char *chunks = NULL, *mappings = NULL, *message = NULL;

	if (!hits->has_elsewhere || !elsewhere->matches || session->options->quiet)
		return;
	if (asprintf(&chunks, "%s other chunk%s", hc_unit_count(elsewhere->chunks).text,
		     hc_plural(elsewhere->chunks)) < 0 ||
	    asprintf(&mappings, "%s mapping%s outside of chunks",
		     hc_unit_count(elsewhere->mappings).text, hc_plural(elsewhere->mappings)) < 0 ||
	    asprintf(&message,
		     "none of the chosen chunks matches, but %s%s match%s in %s%s%s; %s shows them",
		     elsewhere->bounded ? "at least " : "", hc_unit_count(elsewhere->matches).text,
		     elsewhere->matches == 1 ? " is" : "es are",
		     elsewhere->chunks ? chunks : "",
		     elsewhere->chunks && elsewhere->mappings ? " and " : "",
		     elsewhere->mappings ? mappings : "",
		     elsewhere->chunks ? "--all" : "--maps") < 0)
		message = NULL;
	hc_print_message(session->options->core, message ? message : "no memory");
}

static enum hc_need need(const struct hc_hits *hits)
{
	if (hits->by == HC_SEARCH_BY_REACH)
		return HC_NEED_REACH;
	if (hits->scope == HC_SEARCH_CHUNKS)
		return HC_NEED_HEAP;
	/* Only a heap tells what a mapping is for; and without a match to show nobody asks. */
	return hc_hits_in_mappings(hits) && !hc_hits_stream(hits) ? HC_NEED_PROCESS
								  : HC_NEED_HEAP_IF_ANY;
}

static void write_head(struct hc_hits *hits)
{
	struct hc_session *session = hits->session;

	if (session->options->format == HC_FORMAT_JSON) {
		hc_cleanup_json json_t *head = hc_session_json(session);
		hc_json_write_line(&session->out, head);
	} else if (session->options->format == HC_FORMAT_CSV && hc_hits_stream(hits)) {
		write_header(hits);
	}
}

/** Rows of data name the class of each chunk, if it may show. */
static struct hc_error *prepare_class(struct hc_hits *hits)
{
	const struct hc_session *session = hits->session;

	if (!session->target->classifier || session->options->format == HC_FORMAT_TEXT ||
	    !hc_hits_stream(hits) || !hc_session_shows_class(session))
		return NULL;
	return hc_classifier_scratch_create(session->target->classifier, &hits->classifier);
}

/** Rows of data also name the type, as far as that is known without long reading. */
static struct hc_error *prepare_types(struct hc_hits *hits)
{
	struct hc_session *session = hits->session;

	if (hits->by == HC_SEARCH_BY_TYPE)
		return hc_session_types(session, HC_TYPES_FULL);
	return hits->classifier ? hc_session_types(session, HC_TYPES_QUICK) : NULL;
}

static struct hc_error *search(struct hc_hits *hits, const struct hc_pattern *pattern,
			       struct hc_search_result *result)
{
	struct hc_session *session = hits->session;
	/* A view: what it owns stays the session's. */
	struct hc_selection selection = session->options->selection;
	struct hc_search_options options = {
		.scope = hits->scope,
		.selection = &selection,
		.top = hits->top,
		.by = hits->by,
		.attribute = hits->attribute,
		.fn = hc_hits_stream(hits) ? show_hit : NULL,
		.ctx = hits,
		.first_only = hits->addresses && !hc_hits_in_mappings(hits),
	};

	if (hits->scope == HC_SEARCH_ALL)
		selection.states = (1u << HC_NUM_STATES) - 1;
	write_head(hits);
	return hc_search_run(session->target, pattern, &options, result);
}

struct hc_error *hc_hits_run(struct hc_hits *hits, const struct hc_pattern *pattern)
{
	hc_cleanup(hc_search_result_deinit) struct hc_search_result result = {0};
	struct hc_session *session = hits->session;
	struct hc_error *err = hc_session_open(session, need(hits));

	if (err)
		return err;
	hits->escape = session->out.utf8 ? HC_ESCAPE_UTF8 : 0;
	err = prepare_class(hits);
	if (!err)
		err = prepare_types(hits);
	if (!err)
		err = search(hits, pattern, &result);
	hc_classifier_scratch_destroy(hits->classifier);
	hits->classifier = NULL;
	if (err)
		return err;
	report_given_up(session, &result);
	if (!result.matches && (err = look_elsewhere(hits, pattern)))
		return err;
	report_elsewhere(hits);
	session->status = result.matches ? 0 : 1;
	return hc_hits_write_end(hits, &result);
}
