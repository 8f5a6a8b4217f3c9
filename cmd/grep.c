/**
 * @file
 * heapcore grep: text and bytes in chunks or mappings.
 *
 * Matches are written as they are found, in address order. With --content none or class the matched
 * bytes, which are the heap's, don't show: only addresses and counts do.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "analyzers/search.h"
#include "cmd/mask.h"
#include "cmd/render/escape.h"
#include "cmd/render/table.h"
#include "cmd/render/text.h"
#include "cmd/render/units.h"
#include "cmd/verb.h"
#include "core/cleanup.h"

struct own {
	bool count, only_match, mappings;
	struct hc_pattern_options pattern;
	uint64_t top; /**< 0: no */
};

enum own_id { OWN_COUNT, OWN_ONLY, OWN_IGNORE_CASE, OWN_FIXED, OWN_TOP, OWN_MAPS };

static const struct hc_option own_options[] = {
	{OWN_COUNT, 'c', "count", NULL, "count matches, and the chunks and bytes that hold them"},
	{OWN_ONLY, 'o', "only-matching", NULL, "only the matched bytes, a line per match"},
	{OWN_IGNORE_CASE, 'i', "ignore-case", NULL, "upper and lower case are the same"},
	{OWN_FIXED, 'F', "fixed-strings", NULL, "PATTERN is plain text"},
	{OWN_TOP, 0, "top", "[N]",
	 "count distinct matches, or what the first (group) matched; the N most frequent (default: "
	 "10)"},
	{OWN_MAPS, 0, "maps", NULL, "search every readable mapping instead of chunks"},
	{0},
};

#define DEFAULT_TOP 10

/** As everywhere, 0 is all. */
static struct hc_error *parse_top(const char *value, uint64_t *ret)
{
	struct hc_error *err = hc_parse_count("--top", value, ret);

	if (!err && !*ret)
		*ret = UINT64_MAX;
	return err;
}

static struct hc_error *set(void *ctx, int id, const char *value)
{
	struct own *own = ctx;

	switch ((enum own_id)id) {
	case OWN_COUNT:
		own->count = true;
		return NULL;
	case OWN_ONLY:
		own->only_match = true;
		return NULL;
	case OWN_IGNORE_CASE:
		own->pattern.ignore_case = true;
		return NULL;
	case OWN_FIXED:
		own->pattern.literal = true;
		return NULL;
	case OWN_TOP:
		own->top = DEFAULT_TOP;
		return value ? parse_top(value, &own->top) : NULL;
	case OWN_MAPS:
		own->mappings = true;
		return NULL;
	}
	return NULL;
}

/** Bytes of a line that are shown around a match: before it, and in all. */
#define CONTEXT_BEFORE 24
#define CONTEXT_WHOLE 160

/** Columns of a distinct text: a match may be as long as a chunk. */
#define MAX_TEXT 1024

/** What the callback needs. */
struct grep {
	struct hc_session *session;
	const struct own *own;
	unsigned escape;
	uint64_t shown;
	bool limited;
};

static bool ends_line(uint8_t c)
{
	return c == '\n' || c == '\r' || c == '\0';
}

/** The part of the line around a match that is shown; --content full shows the line. */
static struct hc_bytes context(const struct grep *grep, const struct hc_search_hit *hit)
{
	bool full = grep->session->options->content == HC_CONTENT_FULL;
	const uint8_t *start = hit->text.data, *end = hit->text.data + hit->text.size;
	const uint8_t *first = hit->subject.data, *last = hit->subject.data + hit->subject.size;

	while (start > first && !ends_line(start[-1]) &&
	       (full || hit->text.data - start < CONTEXT_BEFORE))
		start--;
	while (end < last && !ends_line(*end) && (full || end - start < CONTEXT_WHOLE))
		end++;
	return (struct hc_bytes){start, end - start};
}

enum role { CONTEXT, MATCH, MATCH_ALONE };

/** Print bytes; a match in its context is emphasised when the output has colour. */
static void print_bytes(struct grep *grep, const uint8_t *start, const uint8_t *end, enum role role)
{
	struct hc_output *out = &grep->session->out;
	struct hc_bytes bytes = {start, end - start};
	/* The match is what was asked for; what is around it is not. */
	hc_cleanup_free char *text =
		role == CONTEXT ? hc_session_escape(grep->session, bytes, 0, grep->escape)
				: hc_escape(bytes, 0, grep->escape);

	bool emphasis = role == MATCH && out->color && start < end;
	fprintf(out->file, "%s%s%s", emphasis ? "\033[1;31m" : "", text ? text : "",
		emphasis ? "\033[0m" : "");
}

static void print_line(struct grep *grep, const struct hc_search_hit *hit)
{
	struct hc_output *out = &grep->session->out;
	const uint8_t *match_end = hit->text.data + hit->text.size;

	if (grep->own->only_match) {
		print_bytes(grep, hit->text.data, match_end, MATCH_ALONE);
		fputc('\n', out->file);
		return;
	}
	fprintf(out->file, "0x%" PRIx64 ": ", hit->address);
	if (hit->chunk)
		fprintf(out->file, "%" PRIu64, hit->chunk->size);
	else
		fprintf(out->file, "%s", hc_mapping_kind_name(hit->mapping->kind));
	if (hc_session_shows_bytes(grep->session)) {
		struct hc_bytes line = context(grep, hit);
		fputs(": ", out->file);
		print_bytes(grep, line.data, hit->text.data, CONTEXT);
		print_bytes(grep, hit->text.data, match_end, MATCH);
		print_bytes(grep, match_end, line.data + line.size, CONTEXT);
	}
	fputc('\n', out->file);
}

static json_t *bytes_json(struct hc_bytes bytes)
{
	hc_cleanup_free char *text = hc_escape(bytes, 0, 0);

	return text ? json_string(text) : NULL;
}

/** The line around a match, without the secrets around it. */
static json_t *context_json(const struct grep *grep, const struct hc_search_hit *hit)
{
	const struct hc_session *session = grep->session;
	struct hc_bytes line = context(grep, hit);
	const uint8_t *match_end = hit->text.data + hit->text.size;
	struct hc_bytes left = {line.data, hit->text.data - line.data};
	struct hc_bytes right = {match_end, line.data + line.size - match_end};
	hc_cleanup_free char *before = hc_session_escape(session, left, 0, 0);
	hc_cleanup_free char *match = hc_escape(hit->text, 0, 0);
	hc_cleanup_free char *after = hc_session_escape(session, right, 0, 0);

	return before && match && after ? json_sprintf("%s%s%s", before, match, after) : NULL;
}

static void print_json(struct grep *grep, const struct hc_search_hit *hit)
{
	hc_cleanup_json json_t *row = json_pack("{so}", "address", hc_json_address(hit->address));

	if (hit->chunk) {
		json_object_set_new(row, "chunk", hc_json_address(hit->chunk->address));
		json_object_set_new(row, "chunk_size", hc_json_number(hit->chunk->size));
		json_object_set_new(row, "arena", hc_json_arena(hit->chunk->span->arena));
	} else {
		json_object_set_new(row, "mapping", hc_json_address(hit->mapping->start));
		json_object_set_new(row, "kind",
				    hc_json_text(hc_mapping_kind_name(hit->mapping->kind)));
	}
	if (hc_session_shows_bytes(grep->session)) {
		json_object_set_new(row, "match", bytes_json(hit->text));
		if (hit->group.data != hit->text.data || hit->group.size != hit->text.size)
			json_object_set_new(row, "group", bytes_json(hit->group));
		json_object_set_new(row, "context", context_json(grep, hit));
	}
	hc_json_write_line(&grep->session->out, row);
}

/** The terminal is the output's from now on. */
static void begin_output(struct grep *grep)
{
	hc_session_phase(grep->session, NULL);
	/* What -o prints is for other programs, and is nothing but matches. */
	if (grep->session->options->format == HC_FORMAT_TEXT && !grep->own->only_match)
		hc_session_write_partial(grep->session);
}

static bool show_hit(void *ctx, const struct hc_search_hit *hit)
{
	struct grep *grep = ctx;
	const struct hc_session *session = grep->session;
	uint64_t limit = session->options->selection.limit;

	if (limit && grep->shown == limit) {
		grep->limited = true;
		return false;
	}
	if (!grep->shown++)
		begin_output(grep);
	if (session->options->format == HC_FORMAT_JSON)
		print_json(grep, hit);
	else
		print_line(grep, hit);
	return !ferror(session->out.file);
}

enum column { MATCHES, ERROR, SHARE, TEXT, TEXT_SHORT, NUM_COLUMNS };

static const struct hc_column columns[NUM_COLUMNS] = {
	[MATCHES] = {"matches", "MATCHES", HC_COLUMN_COUNT},
	[ERROR] = {"error", "", HC_COLUMN_COUNT, HC_COLUMN_DATA_ONLY},
	[SHARE] = {"share", "SHARE", HC_COLUMN_SHARE},
	[TEXT] = {"text", "", HC_COLUMN_TEXT, HC_COLUMN_DATA_ONLY},
	[TEXT_SHORT] = {"", "TEXT", HC_COLUMN_TEXT,
			HC_COLUMN_TEXT_ONLY | HC_COLUMN_SHRINK | HC_COLUMN_ESCAPED},
};

static void fill_texts(struct grep *grep, struct hc_table *table,
		       const struct hc_search_result *result)
{
	for (size_t i = 0; i < result->num_texts; i++) {
		const struct hc_search_text *row = &result->texts[i];
		struct hc_bytes bytes = {row->text, row->size};
		bool full = grep->session->options->content == HC_CONTENT_FULL;
		hc_cleanup_free char *text = hc_escape(bytes, full ? 0 : MAX_TEXT, 0);
		hc_cleanup_free char *quoted =
			hc_escape(bytes, MAX_TEXT, grep->escape | HC_ESCAPE_QUOTE);

		hc_table_add_row(table);
		hc_table_number(table, MATCHES, row->matches);
		hc_table_number(table, ERROR, row->error);
		hc_table_share(table, SHARE, hc_share(row->matches, result->matches));
		if (hc_session_shows_bytes(grep->session)) {
			hc_table_text(table, TEXT, text);
			hc_table_text(table, TEXT_SHORT, quoted);
		}
	}
}

static json_t *summary_json(const struct grep *grep, const struct hc_search_result *result)
{
	json_t *ret =
		json_pack("{so so so so so so sb}", "matches",
			  hc_json_number(grep->limited ? grep->shown : result->matches),
			  grep->own->mappings ? "mappings" : "chunks",
			  hc_json_number(result->chunks), "bytes", hc_json_number(result->bytes),
			  "searched_bytes", hc_json_number(result->searched_bytes), "searched",
			  hc_json_number(result->searched_chunks), "given_up",
			  hc_json_number(result->limited), "limited", grep->limited);

	if (grep->own->top) {
		json_object_set_new(ret, "distinct", hc_json_number(result->distinct));
		json_object_set_new(ret, "exact", json_boolean(result->texts_exact));
	}
	return ret;
}

/** The end of the stream: distinct texts, if they were asked for, and the summary. */
static struct hc_error *write_json_end(struct grep *grep, const struct hc_table *texts,
				       const struct hc_search_result *result)
{
	json_t *array;
	struct hc_error *err = hc_table_json(texts, &array);

	if (err)
		return err;
	hc_cleanup_json json_t *rows = array;
	for (size_t i = 0; !err && i < json_array_size(rows); i++)
		err = hc_json_write_line(&grep->session->out, json_array_get(rows, i));
	hc_cleanup_json json_t *end = json_pack("{so}", "summary", summary_json(grep, result));
	return err ? err : hc_json_write_line(&grep->session->out, end);
}

static void write_counts(struct grep *grep, const struct hc_search_result *result)
{
	const char *what = grep->own->mappings ? "mapping" : "chunk";

	hc_session_write_partial(grep->session);
	hc_text_paragraph(&grep->session->out, "", 0, true, "%s match%s in %s %s%s (%s).",
			  hc_unit_count(result->matches).text, result->matches == 1 ? "" : "es",
			  hc_unit_count(result->chunks).text, what, hc_plural(result->chunks),
			  hc_unit_bytes(result->bytes).text);
	hc_text_paragraph(&grep->session->out, "", 0, false, "Searched %s in %s %s%s.",
			  hc_unit_bytes(result->searched_bytes).text,
			  hc_unit_count(result->searched_chunks).text, what,
			  hc_plural(result->searched_chunks));
}

static struct hc_error *write_texts(struct grep *grep, const struct hc_table *texts,
				    const struct hc_search_result *result)
{
	struct hc_output *out = &grep->session->out;

	write_counts(grep, result);
	fprintf(out->file, "%s%s distinct texts%s.\n\n", result->texts_exact ? "" : "At least ",
		hc_unit_count(result->distinct).text,
		result->texts_exact ? "" : "; counts may be too high, see the JSON output");
	return hc_table_write_text(texts, out, 0);
}

static struct hc_error *write_end(struct grep *grep, const struct hc_search_result *result)
{
	hc_cleanup_table struct hc_table texts;

	hc_table_init(&texts, columns, NUM_COLUMNS);
	fill_texts(grep, &texts, result);
	if (grep->session->options->format == HC_FORMAT_JSON)
		return write_json_end(grep, &texts, result);
	if (grep->session->options->format == HC_FORMAT_CSV)
		return hc_table_write_csv(&texts, &grep->session->out);
	/* Like grep(1), a search without a match prints nothing, and -c prints its zero. */
	if (grep->own->count)
		write_counts(grep, result);
	else if (grep->own->top && result->matches)
		return write_texts(grep, &texts, result);
	return NULL;
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

static struct hc_error *check_options(const struct hc_session *session, const struct own *own)
{
	if (session->options->format == HC_FORMAT_CSV && !own->top)
		return hc_error_create(HC_ERROR_ARGUMENT, "grep has CSV output only with --top");
	if (own->only_match && !hc_session_shows_bytes(session))
		return hc_error_create(HC_ERROR_ARGUMENT,
				       "-o shows the heap's bytes, which --content forbids");
	if (own->mappings && session->options->selection_given)
		return hc_error_create(HC_ERROR_ARGUMENT, "--maps searches mappings; options that "
							  "choose chunks don't go with it");
	return NULL;
}

static struct hc_error *search(struct grep *grep, const struct hc_pattern *pattern,
			       struct hc_search_result *result)
{
	struct hc_session *session = grep->session;
	struct hc_search_options options = {
		.scope = grep->own->mappings ? HC_SEARCH_MAPPINGS : HC_SEARCH_CHUNKS,
		.selection = &session->options->selection,
		.top = grep->own->top,
	};
	bool lines = !grep->own->count && !grep->own->top;

	if (session->options->format == HC_FORMAT_JSON) {
		hc_cleanup_json json_t *head = hc_session_json(session);
		hc_json_write_line(&session->out, head);
	}
	hc_session_phase(session, "searching");
	struct hc_error *err = hc_search_run(session->process, session->heap, pattern, &options,
					     lines ? show_hit : NULL, grep, result);
	hc_session_phase(session, NULL);
	return err;
}

static inline void destroy_pattern(struct hc_pattern **pattern)
{
	hc_pattern_destroy(*pattern);
}

static struct hc_error *run(struct hc_session *session)
{
	const struct own *own = session->options->own;
	hc_cleanup(destroy_pattern) struct hc_pattern *pattern = NULL;
	hc_cleanup(hc_search_result_deinit) struct hc_search_result result = {0};
	struct grep grep = {session, own};

	struct hc_error *err = check_options(session, own);
	if (!err)
		err = hc_pattern_compile(session->options->args[0], &own->pattern, &pattern);
	if (!err)
		err = hc_session_open(session, own->mappings ? HC_NEED_HEAP_IF_ANY : HC_NEED_HEAP);
	if (err)
		return err;
	grep.escape = session->out.utf8 ? HC_ESCAPE_UTF8 : 0;
	err = search(&grep, pattern, &result);
	if (err)
		return err;

	report_given_up(session, &result);
	session->status = result.matches ? 0 : 1;
	return write_end(&grep, &result);
}

const struct hc_verb hc_verb_grep = {
	.name = "grep",
	.arguments = "CORE PATTERN",
	.summary = "text and bytes in chunks or mappings",
	.description = "Searches the selected chunks for a Perl-compatible regular expression. "
		       "Prints address, "
		       "chunk size and the line around each match. Bytes that are not printable "
		       "show as \\xNN. "
		       "-o is grep's -o here; the output file is --output.",
	.examples = "  heapcore grep core.1234 'HTTP/1\\.[01]' --limit 5\n"
		    "  heapcore grep core.1234 -c 'application/x-www-form-urlencoded'\n"
		    "  heapcore grep core.1234 --top 'channelid=\\d*'\n"
		    "  heapcore grep core.1234 -F --maps secret\n",
	.min_args = 2,
	.max_args = 2,
	.formats = HC_FORMATS_ALL,
	.selection = true,
	.options = own_options,
	.set = set,
	.own_size = sizeof(struct own),
	.run = run,
};
