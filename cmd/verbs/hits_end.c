/**
 * @file
 * What the matches of a search add up to: counts, distinct texts, groups.
 */
#include <inttypes.h>

#include "cmd/render/escape.h"
#include "cmd/render/table.h"
#include "cmd/render/text.h"
#include "cmd/render/units.h"
#include "cmd/show/sample.h"
#include "cmd/verbs/hits.h"
#include "core/base/cleanup.h"

/** Columns of a distinct text: a match may be as long as a chunk. */
#define MAX_TEXT 1024

/* --- Distinct texts --- */

enum text_column { MATCHES, ERROR, SHARE, TEXT, TEXT_SHORT, NUM_TEXT_COLUMNS };

static const struct hc_column text_columns[NUM_TEXT_COLUMNS] = {
	[MATCHES] = {"matches", "MATCHES", HC_COLUMN_COUNT},
	[ERROR] = {"error", "", HC_COLUMN_COUNT, HC_COLUMN_DATA_ONLY},
	[SHARE] = {"share", "SHARE", HC_COLUMN_SHARE},
	[TEXT] = {"text", "", HC_COLUMN_TEXT, HC_COLUMN_DATA_ONLY},
	[TEXT_SHORT] = {"", "TEXT", HC_COLUMN_TEXT,
			HC_COLUMN_TEXT_ONLY | HC_COLUMN_SHRINK | HC_COLUMN_ESCAPED},
};

static void fill_texts(struct hc_hits *hits, struct hc_table *table,
		       const struct hc_search_result *result)
{
	bool full = hits->session->options->content == HC_CONTENT_FULL;

	for (size_t i = 0; i < result->num_texts; i++) {
		const struct hc_text_count *row = &result->texts[i];
		struct hc_bytes bytes = {row->text, row->size};
		hc_cleanup_free char *text = hc_hits_escape(hits, bytes, full ? 0 : MAX_TEXT, 0);
		hc_cleanup_free char *quoted =
			hc_hits_escape(hits, bytes, MAX_TEXT, hits->escape | HC_ESCAPE_QUOTE);

		hc_table_add_row(table);
		hc_table_number(table, MATCHES, row->matches);
		hc_table_number(table, ERROR, row->error);
		hc_table_share(table, SHARE, hc_share(row->matches, result->matches));
		if (hc_session_shows_bytes(hits->session)) {
			hc_table_text(table, TEXT, text);
			hc_table_text(table, TEXT_SHORT, quoted);
		}
	}
}

/* --- Groups --- */

enum group_column {
	GROUP_SIZE,
	GROUP_CLASS,
	GROUP_REACH,
	GROUP_ARENA,
	GROUP_TYPE,
	GROUP_MATCHES,
	GROUP_CHUNKS,
	GROUP_BYTES,
	GROUP_SHARE,
	NUM_GROUP_COLUMNS,
};

/** The first ones are in the order of hc_search_by; only one of them is shown. */
static const struct hc_column group_columns[NUM_GROUP_COLUMNS] = {
	[GROUP_SIZE] = {"chunk_size", "CHUNK SIZE", HC_COLUMN_COUNT},
	[GROUP_CLASS] = {"class", "CLASS", HC_COLUMN_TEXT},
	[GROUP_REACH] = {"reach", "REACH", HC_COLUMN_TEXT},
	[GROUP_ARENA] = {"arena", "ARENA", HC_COLUMN_ARENA},
	[GROUP_TYPE] = {"type", "TYPE", HC_COLUMN_TEXT, HC_COLUMN_SHRINK},
	[GROUP_MATCHES] = {"matches", "MATCHES", HC_COLUMN_COUNT},
	[GROUP_CHUNKS] = {"chunks", "CHUNKS", HC_COLUMN_COUNT},
	[GROUP_BYTES] = {"bytes", "BYTES", HC_COLUMN_BYTES},
	[GROUP_SHARE] = {"share", "SHARE", HC_COLUMN_SHARE},
};

static void fill_groups(struct hc_hits *hits, struct hc_table *table,
			const struct hc_search_result *result)
{
	for (unsigned i = GROUP_SIZE; i <= GROUP_TYPE; i++) {
		if (i + 1 != hits->by)
			hc_table_hide(table, i);
	}
	for (size_t i = 0; i < result->groups.num; i++) {
		const struct hc_search_group *group = &result->groups.items[i];

		hc_table_add_row(table);
		if (hits->by == HC_SEARCH_BY_CLASS)
			hc_table_text(table, GROUP_CLASS, hc_class_name(hits->session, group->key));
		else if (hits->by == HC_SEARCH_BY_TYPE)
			hc_table_text(table, GROUP_TYPE,
				      hc_type_name(hits->session->target->types, group->key));
		else if (hits->by == HC_SEARCH_BY_REACH)
			hc_table_text(table, GROUP_REACH, hc_reach_name(group->key));
		else
			hc_table_number(table, hits->by - 1, group->key);
		hc_table_number(table, GROUP_MATCHES, group->matches);
		hc_table_number(table, GROUP_CHUNKS, group->chunks);
		hc_table_number(table, GROUP_BYTES, group->bytes);
		hc_table_share(table, GROUP_SHARE, hc_share(group->matches, result->matches));
	}
}

/* --- Numbers --- */

static json_t *summary_json(const struct hc_hits *hits, const struct hc_search_result *result)
{
	bool in_mappings = hc_hits_in_mappings(hits);
	json_t *ret = json_pack(
		"{so so so so so so sb}", "matches",
		hc_json_number(hits->limited ? hits->shown : result->matches),
		in_mappings ? "mappings" : "chunks",
		hc_json_number(in_mappings ? result->mappings : result->chunks), "bytes",
		hc_json_number(in_mappings ? result->mapping_bytes : result->bytes),
		"searched_bytes", hc_json_number(result->searched_bytes), "searched",
		hc_json_number(in_mappings ? result->searched_mappings : result->searched_chunks),
		"given_up", hc_json_number(result->limited), "limited", hits->limited);

	if (hits->scope == HC_SEARCH_ALL) {
		json_object_set_new(ret, "mappings", hc_json_number(result->mappings));
		json_object_set_new(ret, "mapping_bytes", hc_json_number(result->mapping_bytes));
		json_object_set_new(ret, "searched_mappings",
				    hc_json_number(result->searched_mappings));
	}
	if (hits->has_elsewhere)
		json_object_set_new(
			ret, "elsewhere",
			json_pack("{so so so sb}", "matches",
				  hc_json_number(hits->elsewhere.matches), "chunks",
				  hc_json_number(hits->elsewhere.chunks), "mappings",
				  hc_json_number(hits->elsewhere.mappings), "at_least",
				  hits->elsewhere.bounded));
	if (hits->top) {
		json_object_set_new(ret, "distinct", hc_json_number(result->distinct));
		json_object_set_new(ret, "exact", json_boolean(result->texts_exact));
	}
	return ret;
}

/** The end of the stream: the rows that were asked for, if any, and the summary. */
static struct hc_error *write_json_end(struct hc_hits *hits, const struct hc_table *table,
				       const struct hc_search_result *result)
{
	json_t *array;
	struct hc_error *err = hc_table_json(table, &array);

	if (err)
		return err;
	hc_cleanup_json json_t *rows = array;
	for (size_t i = 0; !err && i < json_array_size(rows); i++)
		err = hc_json_write_line(&hits->session->out, json_array_get(rows, i));
	hc_cleanup_json json_t *end = json_pack("{so}", "summary", summary_json(hits, result));
	return err ? err : hc_json_write_line(&hits->session->out, end);
}

/** "12 chunks (3.1 MiB)", "2 mappings (1.0 GiB)", or both. */
static void print_places(FILE *file, const struct hc_hits *hits,
			 const struct hc_search_result *result)
{
	bool chunks = !hc_hits_in_mappings(hits), mappings = hits->scope != HC_SEARCH_CHUNKS;

	if (chunks)
		fprintf(file, "%s chunk%s (%s)", hc_unit_count(result->chunks).text,
			hc_plural(result->chunks), hc_unit_bytes(result->bytes).text);
	if (mappings)
		fprintf(file, "%s%s mapping%s (%s)", chunks ? " and " : "",
			hc_unit_count(result->mappings).text, hc_plural(result->mappings),
			hc_unit_bytes(result->mapping_bytes).text);
}

static void print_searched(FILE *file, const struct hc_hits *hits,
			   const struct hc_search_result *result)
{
	bool chunks = !hc_hits_in_mappings(hits), mappings = hits->scope != HC_SEARCH_CHUNKS;

	if (chunks)
		fprintf(file, "%s chunk%s", hc_unit_count(result->searched_chunks).text,
			hc_plural(result->searched_chunks));
	if (mappings)
		fprintf(file, "%s%s mapping%s", chunks ? " and " : "",
			hc_unit_count(result->searched_mappings).text,
			hc_plural(result->searched_mappings));
}

static struct hc_error *write_counts(struct hc_hits *hits, const struct hc_search_result *result)
{
	struct hc_output *out = &hits->session->out;
	hc_cleanup_free char *places = NULL, *searched = NULL;
	size_t size;
	FILE *file = open_memstream(&places, &size);

	if (!file)
		return &hc_enomem;
	print_places(file, hits, result);
	if (fclose(file))
		return &hc_enomem;
	file = open_memstream(&searched, &size);
	if (!file)
		return &hc_enomem;
	print_searched(file, hits, result);
	if (fclose(file))
		return &hc_enomem;

	hc_session_write_partial(hits->session);
	hc_text_paragraph(out, "", 0, true, "%s match%s in %s.",
			  hc_unit_count(result->matches).text, result->matches == 1 ? "" : "es",
			  places);
	hc_text_paragraph(out, "", 0, false, "Searched %s in %s.",
			  hc_unit_bytes(result->searched_bytes).text, searched);
	return NULL;
}

static struct hc_error *write_text_end(struct hc_hits *hits, const struct hc_table *table,
				       const struct hc_search_result *result)
{
	struct hc_output *out = &hits->session->out;

	/* Like grep(1), a search without a match prints nothing, and -c prints its zero. */
	if (hc_hits_stream(hits) || (!hits->count && !result->matches))
		return NULL;
	struct hc_error *err = write_counts(hits, result);
	if (err || !(hits->top || hits->by))
		return err;
	if (hits->top)
		fprintf(out->file, "%s%s distinct text%s%s.\n",
			result->texts_exact ? "" : "At least ",
			hc_unit_count(result->distinct).text, hc_plural(result->distinct),
			result->texts_exact ? "" : "; counts may be too high, see the JSON output");
	fputc('\n', out->file);
	return hc_table_write_text(table, out, 0);
}

static void write_csv_counts(struct hc_hits *hits, const struct hc_search_result *result)
{
	fprintf(hits->session->out.file,
		"matches,chunks,bytes,mappings,mapping_bytes,searched_bytes,given_up\n"
		"%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64
		"\n",
		result->matches, result->chunks, result->bytes, result->mappings,
		result->mapping_bytes, result->searched_bytes, result->limited);
}

struct hc_error *hc_hits_write_end(struct hc_hits *hits, const struct hc_search_result *result)
{
	hc_cleanup_table struct hc_table table;

	if (hits->by) {
		hc_table_init(&table, group_columns, NUM_GROUP_COLUMNS);
		fill_groups(hits, &table, result);
	} else {
		hc_table_init(&table, text_columns, NUM_TEXT_COLUMNS);
		fill_texts(hits, &table, result);
	}
	if (hits->session->options->format == HC_FORMAT_JSON)
		return write_json_end(hits, &table, result);
	if (hits->session->options->format == HC_FORMAT_TEXT)
		return write_text_end(hits, &table, result);
	if (hits->top || hits->by)
		return hc_table_write_csv(&table, &hits->session->out);
	if (hits->count)
		write_csv_counts(hits, result);
	return NULL;
}
