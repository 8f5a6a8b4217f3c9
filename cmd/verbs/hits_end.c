/**
 * @file
 * What the matches of a search add up to: counts, distinct texts, groups.
 */
#include "cmd/render/units.h"
#include "cmd/show/sample.h"
#include "cmd/verbs/hits.h"
#include "core/base/cleanup.h"

/** Columns of a distinct text: a match may be as long as a chunk. */
#define MAX_TEXT 1024

/* --- Distinct texts --- */

enum text_column { MATCHES, ERROR, SHARE, TEXT, NUM_TEXT_COLUMNS };

static const struct hc_column text_columns[NUM_TEXT_COLUMNS] = {
	[MATCHES] = {"matches", "MATCHES", HC_CELL_COUNT, 0, "how often; at most error too high"},
	[ERROR] = {"error", "", HC_CELL_COUNT, HC_COLUMN_DATA_ONLY, "0: exact"},
	[SHARE] = {"share", "SHARE", HC_CELL_SHARE, 0, "of all matches"},
	[TEXT] = {"text", "TEXT", HC_CELL_CONTENT, HC_COLUMN_SHRINK,
		  "escaped; null when --content forbids it"},
};

const struct hc_shape hc_hits_texts_shape = {
	.key = "texts", .name = "distinct texts", HC_COLUMNS(text_columns)};

static void fill_texts(const struct hc_hits *hits, struct hc_table *table,
		       const struct hc_search_result *result)
{
	for (size_t i = 0; i < result->num_texts; i++) {
		const struct hc_text_count *row = &result->texts[i];
		struct hc_excerpt excerpt =
			hc_hits_excerpt(hits, (struct hc_bytes){row->text, row->size});

		excerpt.form = HC_EXCERPT_QUOTED;
		excerpt.max = excerpt.max_data = MAX_TEXT;
		hc_table_add_row(table);
		hc_table_number(table, MATCHES, row->matches);
		hc_table_number(table, ERROR, row->error);
		hc_table_share(table, SHARE, hc_share(row->matches, result->matches));
		hc_table_cell(table, TEXT, hc_cell_content(&excerpt));
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
	[GROUP_SIZE] = {"chunk_size", "CHUNK SIZE", HC_CELL_COUNT, HC_COLUMN_ASCENDING,
			"with header"},
	[GROUP_CLASS] = {"class", "CLASS", HC_CELL_NAME, HC_COLUMN_CLASS, "content class"},
	[GROUP_REACH] = {"reach", "REACH", HC_CELL_TEXT, 0, "reachability"},
	[GROUP_ARENA] = {"arena", "ARENA", HC_CELL_ARENA, 0, "arena of the chunks"},
	[GROUP_TYPE] = {"type", "TYPE", HC_CELL_NAME, HC_COLUMN_SHRINK | HC_COLUMN_CLASS,
			"\"(none)\" for chunks without one"},
	[GROUP_MATCHES] = {"matches", "MATCHES", HC_CELL_COUNT, 0, "how many"},
	[GROUP_CHUNKS] = {"chunks", "CHUNKS", HC_CELL_COUNT, 0, "with a match"},
	[GROUP_BYTES] = {"bytes", "BYTES", HC_CELL_BYTES, 0, "of these chunks"},
	[GROUP_SHARE] = {"share", "SHARE", HC_CELL_SHARE, 0, "of all matches"},
};

const struct hc_shape hc_hits_groups_shape = {
	.key = "groups", .name = "groups", HC_COLUMNS(group_columns)};

static void fill_groups(const struct hc_hits *hits, struct hc_table *table,
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
			hc_table_cell(table, GROUP_CLASS, hc_class_cell(hits->session, group->key));
		else if (hits->by == HC_SEARCH_BY_TYPE)
			hc_table_cell(table, GROUP_TYPE,
				      group->key == HC_TYPE_NONE
					      ? hc_cell_text("(none)")
					      : hc_type_cell(hits->session, group->key));
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

static const struct hc_column count_columns[] = {
	{"matches", "MATCHES", HC_CELL_COUNT, 0, "how many"},
	{"chunks", "CHUNKS", HC_CELL_COUNT, 0, "with a match"},
	{"bytes", "BYTES", HC_CELL_BYTES, 0, "of these chunks"},
	{"mappings", "MAPPINGS", HC_CELL_COUNT, 0, "with a match"},
	{"mapping_bytes", "BYTES", HC_CELL_BYTES, 0, "of these mappings"},
	{"searched_bytes", "SEARCHED", HC_CELL_BYTES, 0, "bytes that were searched"},
	{"given_up", "GIVEN UP", HC_CELL_COUNT, 0, "places where the pattern took too long"},
};

/** For CSV; text has sentences, and JSON the summary. */
const struct hc_shape hc_hits_counts_shape = {.name = "counts", HC_COLUMNS(count_columns)};

static void add_counts(struct hc_document *doc, const struct hc_search_result *result)
{
	uint64_t numbers[] = {result->matches,  result->chunks,        result->bytes,
			      result->mappings, result->mapping_bytes, result->searched_bytes,
			      result->limited};
	struct hc_table *table = hc_add_data_table(doc, &hc_hits_counts_shape);

	hc_table_add_row(table);
	for (unsigned i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		hc_table_number(table, i, numbers[i]);
}

static void add_summary(const struct hc_hits *hits, const struct hc_search_result *result,
			struct hc_document *doc)
{
	bool in_mappings = hc_hits_in_mappings(hits);

	hc_begin_object(doc, "summary", HC_CONTENT_NONE);
	hc_fact(doc, "matches", NULL, hc_cell_count(hits->limited ? hits->shown : result->matches));
	hc_fact(doc, in_mappings ? "mappings" : "chunks", NULL,
		hc_cell_count(in_mappings ? result->mappings : result->chunks));
	hc_fact(doc, "bytes", NULL,
		hc_cell_bytes(in_mappings ? result->mapping_bytes : result->bytes));
	hc_fact(doc, "searched_bytes", NULL, hc_cell_bytes(result->searched_bytes));
	hc_fact(doc, "searched", NULL,
		hits->nowhere ? hc_cell_unknown()
			      : hc_cell_count(in_mappings ? result->searched_mappings
							  : result->searched_chunks));
	hc_fact(doc, "given_up", NULL, hc_cell_count(result->limited));
	hc_fact(doc, "limited", NULL, hc_cell_bool(hits->limited));
	if (hits->scope == HC_SEARCH_ALL) {
		hc_fact(doc, "mappings", NULL, hc_cell_count(result->mappings));
		hc_fact(doc, "mapping_bytes", NULL, hc_cell_bytes(result->mapping_bytes));
		hc_fact(doc, "searched_mappings", NULL, hc_cell_count(result->searched_mappings));
	}
	if (hits->has_elsewhere) {
		hc_begin_object(doc, "elsewhere", HC_CONTENT_NONE);
		hc_fact(doc, "matches", NULL, hc_cell_count(hits->elsewhere.matches));
		hc_fact(doc, "chunks", NULL, hc_cell_count(hits->elsewhere.chunks));
		hc_fact(doc, "mappings", NULL, hc_cell_count(hits->elsewhere.mappings));
		hc_fact(doc, "at_least", NULL, hc_cell_bool(hits->elsewhere.bounded));
		hc_end(doc);
	}
	if (hits->top) {
		hc_fact(doc, "distinct", NULL, hc_cell_count(result->distinct));
		hc_fact(doc, "exact", NULL, hc_cell_bool(result->texts_exact));
	}
	hc_end(doc);
}

/** "12 chunks (3.1 MiB)", "2 mappings (1.0 GiB)", or both. */
static struct hc_cell places(const struct hc_hits *hits, const struct hc_search_result *result,
			     struct hc_document *doc)
{
	struct hc_cell chunks =
		HC_PHRASE(doc, "{} chunk{} ({})", hc_cell_count(result->chunks),
			  hc_cell_plural(result->chunks), hc_cell_bytes(result->bytes));
	struct hc_cell mappings =
		HC_PHRASE(doc, "{} mapping{} ({})", hc_cell_count(result->mappings),
			  hc_cell_plural(result->mappings), hc_cell_bytes(result->mapping_bytes));

	if (hits->scope == HC_SEARCH_ALL)
		return HC_PHRASE(doc, "{} and {}", chunks, mappings);
	return hc_hits_in_mappings(hits) ? mappings : chunks;
}

/** What was searched, as above. */
static struct hc_cell searched(const struct hc_hits *hits, const struct hc_search_result *result,
			       struct hc_document *doc)
{
	struct hc_cell chunks = HC_PHRASE(doc, "{} chunk{}", hc_cell_count(result->searched_chunks),
					  hc_cell_plural(result->searched_chunks));
	struct hc_cell mappings =
		HC_PHRASE(doc, "{} mapping{}", hc_cell_count(result->searched_mappings),
			  hc_cell_plural(result->searched_mappings));

	if (hits->scope == HC_SEARCH_ALL)
		return HC_PHRASE(doc, "{} and {}", chunks, mappings);
	return hc_hits_in_mappings(hits) ? mappings : chunks;
}

static void say_counts(const struct hc_hits *hits, const struct hc_search_result *result,
		       struct hc_document *doc)
{
	hc_session_say_partial(hits->session, doc);
	if (hits->inverted)
		HC_SAY_STRONG(doc, "{} without a match.", places(hits, result, doc));
	else
		HC_SAY_STRONG(doc, "{} match{} in {}.", hc_cell_count(result->matches),
			      hc_cell_text(result->matches == 1 ? "" : "es"),
			      places(hits, result, doc));
	if (hits->nowhere)
		HC_SAY(doc,
		       "Searched {}, all that the core has: nothing there can match, in a "
		       "chunk or elsewhere.",
		       hc_cell_bytes(result->searched_bytes));
	else
		HC_SAY(doc, "Searched {} in {}.", hc_cell_bytes(result->searched_bytes),
		       searched(hits, result, doc));
	if (hits->top)
		HC_LINE(doc, "{}{} distinct text{}{}.",
			hc_cell_text(result->texts_exact ? "" : "At least "),
			hc_cell_count(result->distinct), hc_cell_plural(result->distinct),
			hc_cell_text(result->texts_exact
					     ? ""
					     : "; counts may be too high, see the JSON output"));
	if (hits->top || hits->by)
		hc_blank(doc);
}

/** What matches add up to, when they are not written one by one. */
static struct hc_error *write_sums(struct hc_hits *hits, const struct hc_search_result *result)
{
	hc_cleanup_document struct hc_document doc;

	hc_document_init(&doc);
	hc_session_begin_data(hits->session, &doc);
	hc_break(&doc);
	/* Like grep(1), a search without a match prints nothing, and -c prints its zero. */
	if (hits->count || result->matches)
		say_counts(hits, result, &doc);
	if (hits->by)
		fill_groups(hits, hc_add_table(&doc, &hc_hits_groups_shape), result);
	else if (hits->top)
		fill_texts(hits, hc_add_table(&doc, &hc_hits_texts_shape), result);
	else
		add_counts(&doc, result);
	add_summary(hits, result, &doc);
	return hc_session_write(hits->session, &doc);
}

struct hc_error *hc_hits_write_end(struct hc_hits *hits, const struct hc_search_result *result)
{
	hc_cleanup_document struct hc_document foot;

	hc_document_init(&foot);
	if (!hc_hits_stream(hits))
		return write_sums(hits, result);
	/* In text they were not begun without a match. */
	if (!hits->rows.buffer)
		return NULL;
	add_summary(hits, result, &foot);
	return hc_rows_end(&hits->rows, &foot);
}
