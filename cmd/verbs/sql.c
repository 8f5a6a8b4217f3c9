/**
 * @file
 * heapcore sql: a query over the tables of export, without a file.
 *
 * Few rows are kept, so that text has columns as wide as what is in them; many are written as they
 * come, in columns as wide as the first ones need. JSON and CSV never keep any.
 */
#include <stdlib.h>
#include <string.h>

#include "cmd/render/hex.h"
#include "cmd/render/rows.h"
#include "cmd/tables/database.h"
#include "cmd/verb.h"
#include "core/base/cleanup.h"

/** Rows that are kept for people; more are written as they come. */
#define MAX_KEPT 1000

/** What run() works on. */
struct query {
	struct hc_session *session;
	struct hc_tables tables;
	struct hc_database *database;
	sqlite3_stmt *statement;
	struct hc_pool pool; /**< of names */
	unsigned num_columns;
	struct hc_column columns[HC_DATABASE_MAX_COLUMNS];
	struct hc_shape shape;
	struct hc_cell cells[HC_DATABASE_MAX_COLUMNS];
	char *made[HC_DATABASE_MAX_COLUMNS]; /**< texts of cells that are nobody else's */
	uint64_t rows;
};

static void query_deinit(struct query *query)
{
	for (unsigned i = 0; i < HC_DATABASE_MAX_COLUMNS; i++)
		free(query->made[i]);
	sqlite3_finalize(query->statement);
	hc_database_close(query->database);
	hc_tables_deinit(&query->tables);
	hc_pool_deinit(&query->pool);
}

/** @name Columns */
/**@{*/

/** What a column without a type of its own seems to be, by its first value. */
static enum hc_cell_kind kind_of(sqlite3_stmt *statement, int i, bool has_row)
{
	enum hc_cell_kind kind = hc_database_column_kind(statement, i);

	if (kind != HC_CELL_UNKNOWN)
		return kind;
	switch (has_row ? sqlite3_column_type(statement, i) : SQLITE_NULL) {
	case SQLITE_INTEGER:
		return HC_CELL_COUNT;
	case SQLITE_FLOAT:
		return HC_CELL_REAL;
	default:
		return HC_CELL_NAME;
	}
}

static bool is_taken(const struct query *query, const char *name)
{
	for (unsigned i = 0; i < query->num_columns; i++)
		if (!strcmp(query->columns[i].name, name))
			return true;
	return false;
}

/** A name that JSON can have as it is, and that no other column has: "max_size_", "size_2". */
static const char *make_name(struct query *query, const char *given)
{
	char name[64], unique[80];

	snprintf(name, sizeof(name), "%s", given && *given ? given : "column");
	for (char *c = name; *c; c++)
		if ((unsigned char)*c < ' ' || (unsigned char)*c > '~' || *c == '"' || *c == '\\')
			*c = '_';
	snprintf(unique, sizeof(unique), "%s", name);
	for (unsigned i = 2; is_taken(query, unique); i++)
		snprintf(unique, sizeof(unique), "%s_%u", name, i);
	return hc_pool_copy(&query->pool, unique, strlen(unique));
}

static struct hc_error *name_columns(struct query *query, bool has_row)
{
	sqlite3_stmt *statement = query->statement;
	int num = sqlite3_column_count(statement);

	for (int i = 0; i < num; i++) {
		const char *name = make_name(query, sqlite3_column_name(statement, i));

		if (!name)
			return &hc_enomem;
		query->columns[query->num_columns++] = (struct hc_column){
			.name = name,
			.title = name,
			.kind = kind_of(statement, i, has_row),
			.help = "as the query has it",
		};
	}
	query->shape =
		(struct hc_shape){.key = "rows", .columns = query->columns, .num_columns = num};
	return NULL;
}
/**@}*/

/** @name Cells */
/**@{*/

static struct hc_cell integer_cell(enum hc_cell_kind kind, int64_t number)
{
	switch (kind) {
	case HC_CELL_ADDRESS:
	case HC_CELL_ARENA:
		return (struct hc_cell){.kind = kind, .number = number};
	case HC_CELL_NUMBER:
	case HC_CELL_BYTES:
	case HC_CELL_BOOL:
		if (number >= 0)
			return (struct hc_cell){.kind = kind, .number = number};
		/* fallthrough */
	default:
		return number < 0 ? hc_cell_change(number) : hc_cell_count(number);
	}
}

static struct hc_cell text_cell(const struct query *query, int i)
{
	const char *text = (const char *)sqlite3_column_text(query->statement, i);

	return hc_cell_name(text);
}

/** Nobody can say what the bytes of a blob are. */
static struct hc_cell blob_cell(struct query *query, int i)
{
	const void *data = sqlite3_column_blob(query->statement, i);
	size_t size = sqlite3_column_bytes(query->statement, i);

	free(query->made[i]);
	query->made[i] = hc_hex_digits((struct hc_bytes){data, size});
	return hc_cell_name(query->made[i]);
}

static void make_cells(struct query *query)
{
	sqlite3_stmt *statement = query->statement;

	for (unsigned i = 0; i < query->num_columns; i++) {
		switch (sqlite3_column_type(statement, i)) {
		case SQLITE_INTEGER:
			query->cells[i] = integer_cell(query->columns[i].kind,
						       sqlite3_column_int64(statement, i));
			break;
		case SQLITE_FLOAT:
			query->cells[i] = hc_cell_of_real(query->columns[i].kind == HC_CELL_SHARE
								  ? HC_CELL_SHARE
								  : HC_CELL_REAL,
							  sqlite3_column_double(statement, i));
			break;
		case SQLITE_TEXT:
			query->cells[i] = text_cell(query, i);
			break;
		case SQLITE_BLOB:
			query->cells[i] = blob_cell(query, i);
			break;
		default:
			query->cells[i] = hc_cell_unknown();
		}
	}
}
/**@}*/

static struct hc_error *next_row(struct query *query, bool *found_ret)
{
	struct hc_error *err = hc_database_step(query->database, query->statement, found_ret);

	if (!err && *found_ret && query->num_columns)
		make_cells(query);
	return err;
}

/** What comes behind the rows. */
static void say_rows(const struct query *query, struct hc_document *doc)
{
	hc_begin_object(doc, "summary", HC_CONTENT_NONE);
	hc_fact(doc, "rows", NULL, hc_cell_count(query->rows));
	hc_end(doc);
	HC_LINE(doc, "{} row{}", hc_cell_count(query->rows), hc_cell_plural(query->rows));
}

/** @name Rows as they come */
/**@{*/

/** Make columns as wide as kept rows need. */
static struct hc_error *measure(struct query *query, const struct hc_table *kept,
				const struct hc_look *look)
{
	for (unsigned i = 0; i < query->num_columns; i++) {
		size_t width = strlen(query->columns[i].name);

		for (size_t row = 0; row < kept->num_rows; row++) {
			hc_cleanup_free char *text =
				hc_cell_to_text(look, hc_table_at(kept, row, i), 0);
			if (!text)
				return &hc_enomem;
			width = strlen(text) > width ? strlen(text) : width;
		}
		query->columns[i].width = width;
	}
	return NULL;
}

/** Write the current row and all that follow, behind those that were kept. */
static struct hc_error *stream(struct query *query, const struct hc_table *kept, bool found)
{
	hc_cleanup_document struct hc_document head, foot;
	hc_cleanup_rows struct hc_rows rows = {0};
	struct hc_error *err;
	struct hc_view view;
	bool going = true;

	hc_document_init(&head);
	hc_document_init(&foot);
	hc_session_begin(query->session, &head);
	hc_session_view(query->session, &view);
	hc_session_begin_rows(query->session);
	err = hc_rows_begin(&rows, &view, &query->shape, 0, &head);
	for (size_t i = 0; !err && going && kept && i < kept->num_rows; i++)
		going = hc_rows_add(&rows, hc_table_at(kept, i, 0));
	while (!err && found && going) {
		going = hc_rows_add(&rows, query->cells);
		query->rows++;
		err = going ? next_row(query, &found) : NULL;
	}
	if (err)
		return err;
	say_rows(query, &foot);
	return hc_rows_end(&rows, &foot);
}
/**@}*/

/** Few rows as a table; more as they come. */
static struct hc_error *show(struct query *query, bool found)
{
	hc_cleanup_document struct hc_document doc;
	struct hc_error *err = NULL;
	struct hc_view view;

	hc_document_init(&doc);
	hc_session_begin(query->session, &doc);
	hc_session_view(query->session, &view);
	struct hc_table *table = hc_add_table(&doc, &query->shape);
	while (!err && found && query->rows < MAX_KEPT) {
		hc_table_add_row(table);
		for (unsigned i = 0; i < query->num_columns; i++)
			hc_table_cell(table, i, query->cells[i]);
		query->rows++;
		err = next_row(query, &found);
	}
	if (!err && found) {
		err = measure(query, table, &view.look);
		return err ? err : stream(query, table, true);
	}
	if (err)
		return err;
	say_rows(query, &doc);
	return hc_render(&doc, &view);
}

static struct hc_error *run(struct hc_session *session)
{
	const struct hc_options *options = session->options;
	hc_cleanup(query_deinit) struct query query = {.session = session};
	const struct hc_labels labels = {0};
	bool found = false;

	if (options->choice.sort)
		return hc_error_create(HC_ERROR_ARGUMENT, "--sort: ORDER BY sorts");
	struct hc_error *err = hc_session_open(session, HC_NEED_HEAP_IF_ANY);
	if (!err)
		err = hc_tables_init(&query.tables, session, &labels);
	query.tables.with_retained = true;
	if (!err)
		err = hc_database_open(&query.tables, &query.database);
	if (!err)
		err = hc_database_prepare(query.database, options->args[0], &query.statement);
	if (!err)
		err = next_row(&query, &found);
	if (!err)
		err = name_columns(&query, found);
	if (err)
		return err;
	if (found)
		make_cells(&query);
	return hc_format_is_for_people(options->format) ? show(&query, found)
							: stream(&query, NULL, found);
}

const struct hc_verb hc_verb_sql = {
	.name = "sql",
	.arguments = "CORE QUERY",
	.summary = "ask the tables of export in SQL, without a file",
	.description = "Answers a SELECT over the tables process, verdict, findings, kinds, "
		       "classes, attributes, arenas, threads, modules, mappings, chunks, and "
		       "edges, as export writes them (heapcore help export has their columns). "
		       "What a query does not need is not computed. JSON is JSON Lines: a head, a "
		       "line per row, a summary.",
	.examples = "  heapcore sql core.1234 'SELECT * FROM findings'\n"
		    "  heapcore sql core.1234 'SELECT type, sum(size) FROM chunks GROUP BY 1'\n"
		    "  heapcore sql core.1234 'SELECT * FROM edges WHERE target = 0x55d0c2a0'\n",
	.min_args = 2,
	.max_args = 2,
	.formats = HC_FORMATS_ALL,
	.tables = (const struct hc_shape *const[]){NULL},
	.run = run,
};
