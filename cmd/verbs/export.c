/**
 * @file
 * heapcore export: what is known of the process as tables, for questions that no verb answers.
 *
 * A SQLite file; or a directory with a file a table, CSV or JSON Lines; or, on standard output, the
 * lines by which many cores of many hosts are compared. The tables are those of cmd/tables.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cmd/render/rows.h"
#include "cmd/select_options.h"
#include "cmd/tables/database.h"
#include "cmd/verb.h"
#include "core/base/cleanup.h"
#include "core/base/format.h"

struct own {
	bool edges, retained;
	struct hc_labels labels;
};

enum own_id { OWN_EDGES, OWN_RETAINED, OWN_HOST, OWN_SERVICE, OWN_TIME };

static const struct hc_option own_options[] = {
	{OWN_EDGES, 0, "edges", NULL, "and the pointers between chunks, which are many"},
	{OWN_RETAINED, 0, "retained", NULL,
	 "and what each chunk keeps alive, for the column retained"},
	{OWN_HOST, 0, "host", "NAME", "where the process ran, for the column host"},
	{OWN_SERVICE, 0, "service", "NAME", "what it was (default: the name of the program)"},
	{OWN_TIME, 0, "time", "TIME",
	 "when the core was made: 2026-11-29T03:15:00Z, or seconds since 1970 (default: when the "
	 "file was written)"},
	{0},
};

static struct hc_error *parse_time(const char *value, uint64_t *ret)
{
	struct tm tm = {0};
	char *end = strptime(value, "%Y-%m-%dT%H:%M:%SZ", &tm);
	time_t seconds = end && !*end ? timegm(&tm) : -1;

	if (seconds < 0) {
		hc_cleanup_error struct hc_error *err = hc_parse_count("--time", value, ret);
		return err ? hc_error_create(HC_ERROR_ARGUMENT,
					     "--time: '%s' is no time: give 2026-11-29T03:15:00Z "
					     "(UTC), or seconds since 1970",
					     value)
			   : NULL;
	}
	*ret = seconds;
	return NULL;
}

static struct hc_error *set(void *ctx, int id, const char *value)
{
	struct own *own = ctx;

	switch ((enum own_id)id) {
	case OWN_EDGES:
		own->edges = true;
		break;
	case OWN_RETAINED:
		own->retained = true;
		break;
	case OWN_HOST:
		own->labels.host = value;
		break;
	case OWN_SERVICE:
		own->labels.service = value;
		break;
	case OWN_TIME:
		return parse_time(value, &own->labels.time);
	}
	return NULL;
}

/** What run() works on. */
struct export
{
	struct hc_session *session;
	const struct own *own;
	struct hc_output out;                  /**< a file, a device or a pipe, or */
	struct hc_output_directory *directory; /**< a directory, or neither: standard output */
	struct hc_tables tables;
	uint64_t rows[HC_MAX_RELATIONS];
};

static void export_deinit(struct export *export)
{
	hc_tables_deinit(&export->tables);
	hc_output_discard(&export->out);
	hc_output_directory_destroy(export->directory);
}

static bool writes(const struct export *export, const struct hc_relation *relation)
{
	return export->own->edges || !relation->on_request;
}

/** @name SQLite */
/**@{*/

static struct hc_error *write_database(struct export *export, const char *path)
{
	hc_cleanup(hc_database_closep) struct hc_database *database = NULL;
	struct hc_error *err = hc_database_create(&export->tables, path,
						  export->session->options->output, &database);

	for (size_t i = 0; !err && hc_relations[i]; i++)
		if (writes(export, hc_relations[i]))
			err = hc_database_copy(database, hc_relations[i], &export->rows[i]);
	hc_session_phase(export->session, "making indexes");
	for (size_t i = 0; !err && hc_relations[i]; i++)
		if (writes(export, hc_relations[i]))
			err = hc_database_index(database, hc_relations[i]);
	return err ? err : hc_database_finish(database);
}

static struct hc_error *write_file(struct export *export)
{
	hc_cleanup_free char *path = hc_output_path(&export->out);
	struct hc_error *err = path ? write_database(export, path) : &hc_enomem;

	return err ? err : hc_output_finish(&export->out);
}
/**@}*/

/** @name Rows as text */
/**@{*/

static struct hc_error *begin_nothing(struct hc_rows *rows __attribute__((unused)),
				      const struct hc_document *head __attribute__((unused)))
{
	return NULL;
}

/** Rows alone: a file has nothing but lines of one table. */
static void make_renderer(enum hc_format format, struct hc_renderer *ret)
{
	*ret = format == HC_FORMAT_CSV ? hc_csv_renderer : hc_json_renderer;
	if (format == HC_FORMAT_CSV)
		return;
	ret->rows_begin = begin_nothing;
	ret->rows_end = begin_nothing;
}

/** Cells that stand before those of each row. */
struct prefix {
	const struct hc_column *columns;
	struct hc_cell *cells;
	unsigned num;
};

/** Most of them. */
#define MAX_PREFIX 5

static struct hc_error *write_relation(struct export *export, const struct hc_relation *relation,
				       const struct hc_view *view, const struct prefix *prefix,
				       uint64_t *rows_ret)
{
	struct hc_column columns[MAX_PREFIX + HC_RELATION_MAX_COLUMNS];
	struct hc_cell cells[MAX_PREFIX + HC_RELATION_MAX_COLUMNS];
	unsigned num = relation->shape->num_columns;
	const struct hc_shape shape = {.columns = columns, .num_columns = prefix->num + num};
	const struct hc_scan scan = {.columns = UINT64_MAX, .to = UINT64_MAX};
	hc_cleanup(hc_reader_close) struct hc_reader reader = {0};
	hc_cleanup_rows struct hc_rows rows = {0};
	bool found;

	if (prefix->num) {
		memcpy(columns, prefix->columns, prefix->num * sizeof(*columns));
		memcpy(cells, prefix->cells, prefix->num * sizeof(*cells));
	}
	memcpy(columns + prefix->num, relation->shape->columns, num * sizeof(*columns));
	struct hc_error *err = hc_reader_open(&reader, &export->tables, relation, &scan);
	if (!err)
		err = hc_rows_begin(&rows, view, &shape, 0, NULL);
	while (!err && !(err = hc_reader_next(&reader, &found)) && found) {
		memcpy(cells + prefix->num, reader.cells, num * sizeof(*cells));
		if (!hc_rows_add(&rows, cells))
			break;
		++*rows_ret;
	}
	return err ? err : hc_rows_end(&rows, NULL);
}

/** Of an earlier run's. */
static bool is_table_file(const char *name)
{
	for (size_t i = 0; hc_relations[i]; i++) {
		const char *key = hc_relations[i]->shape->key;
		size_t size = strlen(key);

		if (!strncmp(name, key, size) &&
		    (!strcmp(name + size, ".csv") || !strcmp(name + size, ".jsonl")))
			return true;
	}
	return false;
}

static struct hc_error *write_table_file(struct export *export, size_t i)
{
	const struct hc_relation *relation = hc_relations[i];
	hc_cleanup(hc_output_discard) struct hc_output out = {0};
	const struct prefix none = {0};
	struct hc_view view = export->tables.view;
	struct hc_renderer renderer;
	hc_cleanup_free char *name = hc_format("%s.%s", relation->shape->key,
					       hc_formats[export->session->options->format].name);
	struct hc_error *err =
		name ? hc_output_directory_open(export->directory, name, &out) : &hc_enomem;

	if (err)
		return err;
	make_renderer(export->session->options->format, &renderer);
	view.renderer = &renderer;
	view.out = &out;
	err = write_relation(export, relation, &view, &none, &export->rows[i]);
	return err ? err : hc_output_finish(&out);
}

static struct hc_error *write_directory(struct export *export)
{
	struct hc_error *err = NULL;

	for (size_t i = 0; !err && hc_relations[i]; i++)
		if (writes(export, hc_relations[i]))
			err = write_table_file(export, i);
	return err ? err : hc_output_directory_finish(export->directory);
}
/**@}*/

/** @name Lines of a fleet */
/**@{*/

static const struct hc_column label_columns[MAX_PREFIX] = {
	{"table", "TABLE", HC_CELL_TEXT, 0, "that the line is a row of"},
	{"host", "HOST", HC_CELL_NAME, 0, "as --host says"},
	{"service", "SERVICE", HC_CELL_NAME, 0, "as --service says, or the program"},
	{"build_id", "BUILD-ID", HC_CELL_TEXT, 0, "of the program, in hexadecimal"},
	{"time", "TIME", HC_CELL_NUMBER, 0, "of the core, seconds since 1970"},
};

/** The cells of the one row of process that have the names of labels. */
static struct hc_error *find_labels(struct export *export, struct hc_cell cells[MAX_PREFIX])
{
	const struct hc_shape *shape = hc_process_relation.shape;
	const struct hc_table *process;
	struct hc_error *err = hc_tables_get(&export->tables, &hc_process_relation, &process);

	for (unsigned i = 1; !err && i < MAX_PREFIX; i++)
		for (unsigned k = 0; k < shape->num_columns; k++)
			if (!strcmp(shape->columns[k].name, label_columns[i].name))
				cells[i] = *hc_table_at(process, 0, k);
	return err;
}

static struct hc_error *write_lines(struct export *export, struct hc_output *out)
{
	struct hc_cell cells[MAX_PREFIX] = {0};
	const struct prefix labels = {label_columns, cells, MAX_PREFIX};
	struct hc_view view = export->tables.view;
	struct hc_renderer renderer;
	struct hc_error *err = find_labels(export, cells);

	make_renderer(HC_FORMAT_JSONL, &renderer);
	view.renderer = &renderer;
	view.out = out;
	for (size_t i = 0; !err && hc_relations[i]; i++) {
		cells[0] = hc_cell_text(hc_relations[i]->shape->key);
		if (hc_relations[i]->fleet)
			err = write_relation(export, hc_relations[i], &view, &labels,
					     &export->rows[i]);
	}
	return err;
}
/**@}*/

/** @name What was written, for people */
/**@{*/

enum summary_column { TABLE, ROWS, WHAT, NUM_SUMMARY_COLUMNS };

static const struct hc_column summary_columns[NUM_SUMMARY_COLUMNS] = {
	[TABLE] = {"table", "TABLE", HC_CELL_TEXT, 0, "its name"},
	[ROWS] = {"rows", "ROWS", HC_CELL_COUNT, 0, "that were written"},
	[WHAT] = {"what", "WHAT IT IS", HC_CELL_TEXT, HC_COLUMN_SHRINK, "what a row is"},
};

static const struct hc_shape summary_shape = {HC_COLUMNS(summary_columns)};

static struct hc_error *write_summary(const struct export *export)
{
	struct hc_session *session = export->session;
	hc_cleanup_document struct hc_document doc;
	struct hc_view view;
	uint64_t rows = 0, tables = 0;

	hc_document_init(&doc);
	hc_session_view(session, &view);
	view.renderer = &hc_text_renderer;
	hc_session_begin(session, &doc);
	struct hc_table *table = hc_add_text_table(&doc, &summary_shape);
	for (size_t i = 0; hc_relations[i]; i++) {
		if (!writes(export, hc_relations[i]))
			continue;
		hc_table_add_row(table);
		hc_table_text(table, TABLE, hc_relations[i]->shape->key);
		hc_table_number(table, ROWS, export->rows[i]);
		hc_table_text(table, WHAT, hc_relations[i]->help);
		rows += export->rows[i];
		tables++;
	}
	hc_blank(&doc);
	HC_LINE(&doc, "{} row{} of {} tables written to {}", hc_cell_count(rows),
		hc_cell_plural(rows), hc_cell_count(tables),
		hc_cell_name(session->options->output));
	return hc_render(&doc, &view);
}
/**@}*/

static bool is_direct(const char *path)
{
	struct stat st;

	return hc_output_is_stdout(path) ||
	       (!stat(path, &st) && (S_ISCHR(st.st_mode) || S_ISFIFO(st.st_mode)));
}

static struct hc_error *check_options(const struct hc_options *options)
{
	const char *format = hc_formats[options->format].name;

	if (options->choice.columns || options->choice.sort)
		return hc_error_create(HC_ERROR_ARGUMENT,
				       "export writes all columns as they are; a query chooses "
				       "and sorts (heapcore sql)");
	if (options->format == HC_FORMAT_SQLITE && is_direct(options->output))
		return hc_error_create(HC_ERROR_ARGUMENT,
				       "export makes a SQLite file, which no stream can be: give "
				       "-o FILE");
	if (options->format == HC_FORMAT_CSV && is_direct(options->output))
		return hc_error_create(HC_ERROR_ARGUMENT,
				       "--format %s makes a file for each table: give -o DIR",
				       format);
	return NULL;
}

/**
 * Open what is written to, before anything takes long. A file has a name of its own while SQLite
 * writes to it, and loses it when anything fails.
 */
static struct hc_error *open_output(struct export *export)
{
	const struct hc_options *options = export->session->options;
	struct hc_output_options output = hc_session_output_options(export->session);

	if (hc_output_is_stdout(options->output))
		return NULL;
	output.named = options->format == HC_FORMAT_SQLITE;
	if (output.named || is_direct(options->output))
		return hc_output_open(options->output, &output, &export->out);
	return hc_output_directory_create(options->output, &output, is_table_file,
					  &export->directory);
}

static struct hc_error *write_all(struct export *export)
{
	struct hc_error *err;

	hc_session_phase(export->session, "writing");
	if (export->session->options->format == HC_FORMAT_SQLITE)
		return write_file(export);
	if (export->directory)
		return write_directory(export);
	if (!export->out.file)
		return write_lines(export, &export->session->out);
	err = write_lines(export, &export->out);
	return err ? err : hc_output_finish(&export->out);
}

static struct hc_error *run(struct hc_session *session)
{
	hc_cleanup(export_deinit) struct export export = {session, session->options->own};
	struct hc_error *err = check_options(session->options);

	if (!err)
		err = open_output(&export);
	if (!err)
		err = hc_session_open(session, HC_NEED_HEAP_IF_ANY);
	if (!err)
		err = hc_tables_init(&export.tables, session, &export.own->labels);
	export.tables.with_retained = export.own->retained;
	if (!err)
		err = hc_tables_prepare(&export.tables);
	if (!err)
		err = write_all(&export);
	hc_session_phase(session, NULL);
	if (err || session->options->quiet || is_direct(session->options->output))
		return err;
	return write_summary(&export);
}

const struct hc_verb hc_verb_export = {
	.name = "export",
	.arguments = "CORE",
	.summary = "tables for SQLite and others: chunks, kinds, findings, ...",
	.description =
		"Writes what is known of the process as tables: to a SQLite file, or to a "
		"directory with a file for each table, CSV or JSON Lines. --format jsonl without "
		"-o writes the rows by which many cores are compared: verdict, findings, kinds, "
		"attributes, each with host, service, build-id, and time.",
	.examples = "  heapcore export core.1234 -o core.1234.sqlite\n"
		    "  heapcore export core.1234 --edges -o core.1234.sqlite --force\n"
		    "  heapcore export core.1234 --format csv -o core.1234.tables\n"
		    "  heapcore export core.1234 --format jsonl --host web-17 >> fleet.jsonl\n",
	.min_args = 1,
	.max_args = 1,
	.formats = 1u << HC_FORMAT_SQLITE | 1u << HC_FORMAT_CSV | 1u << HC_FORMAT_JSONL,
	.format = HC_FORMAT_SQLITE,
	HC_VERB_TABLES(HC_RELATION_SHAPES),
	.own_output = true,
	HC_VERB_OWN(own_options, set, struct own, NULL),
	.run = run,
};
