/**
 * @file
 * SQLite over the tables; see database.h.
 */
#include "cmd/tables/database.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/render/escape.h"
#include "core/base/cleanup.h"
#include "core/base/format.h"

/** Of hc_database_create()'s files, as "PRAGMA application_id" has it: "hcex". */
#define APPLICATION_ID 0x68636578
/** "PRAGMA user_version": of the tables' names and columns. */
#define SCHEMA_VERSION 1

/**
 * Bytes of a page. What is written page by page, of millions of rows, takes a third less processor
 * time in the largest that SQLite has; a small file has a page a table at least.
 */
enum { PAGE_SIZE = 4096, LARGE_PAGE_SIZE = 65536 };
#define MANY_ROWS (UINT64_C(1) << 18)

/** Bytes of the file that SQLite keeps while rows are written, which it only appends to. */
enum { WRITE_BYTES = 16 << 20 };

/**
 * Bytes of an index that are sorted at a time, at least, before such runs are merged. SQLite sorts
 * lists: as long as one lies in the processor's cache, millions of rows take less than half the
 * time. Of each run it reads ahead while it merges: there are not to be more than so many.
 */
enum { SORT_BYTES = 1 << 20, SORT_RUNS = 256, SORT_ROW_BYTES = 32 };

/** What a module of SQLite's is made with. */
struct module {
	struct hc_database *database;
	const struct hc_relation *relation;
	uint64_t rows; /**< that were copied */
};

struct hc_database {
	sqlite3 *db;
	struct hc_tables *tables;
	struct hc_error *err; /**< of heapcore's own, from within SQLite */
	char *path;           /**< of a file, for messages; NULL: in memory */
	char *file;           /**< the same, while it is written */
	uint64_t rows;        /**< that were read of all tables */
	struct module modules[HC_MAX_RELATIONS];
};

/** @name Errors */
/**@{*/

/** Why nothing more can be written to a file, which is given up; 0: it can. */
static int ask_system(const char *path)
{
	static const char page[4096];
	int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
	int errnum = fd < 0 || write(fd, page, sizeof(page)) < 0 ? errno : 0;

	if (fd >= 0)
		close(fd);
	return errnum;
}

/** Errors of the file that is written. SQLite doesn't always keep what the system said. */
static struct hc_error *file_error(const struct hc_database *database, int code)
{
	int errnum = code == SQLITE_FULL ? ENOSPC : ask_system(database->file);

	return hc_error_create(HC_ERROR_ARGUMENT, "cannot write to %s: %s", database->path,
			       errnum ? strerror(errnum) : sqlite3_errmsg(database->db));
}

/** What SQLite says of the last call, unless something of heapcore's own was behind it. */
static struct hc_error *take_error(struct hc_database *database)
{
	int code = sqlite3_errcode(database->db) & 0xff;

	if (database->err)
		return hc_steal(database->err);
	if (code == SQLITE_NOMEM)
		return &hc_enomem;
	if (database->path)
		return file_error(database, code);
	hc_cleanup_free char *message = hc_escape_string(sqlite3_errmsg(database->db), 0);
	return message ? hc_error_create(HC_ERROR_ARGUMENT, "SQL: %s", message) : &hc_enomem;
}

static struct hc_error *run(struct hc_database *database, const char *sql)
{
	if (!sql)
		return &hc_enomem;
	return sqlite3_exec(database->db, sql, NULL, NULL, NULL) ? take_error(database) : NULL;
}

/** The same of text that is given back. */
static struct hc_error *run_own(struct hc_database *database, char *sql)
{
	hc_cleanup_free char *owned = sql;

	return run(database, owned);
}
/**@}*/

/** @name Columns */
/**@{*/

/**
 * Words for a column's type. SQLite looks for INT, REAL and TEXT in them; what else they say is how
 * hc_database_column_kind() knows what a column of a query is.
 */
static const struct {
	enum hc_cell_kind kind;
	const char *in_file, *in_place;
} types[] = {
	{HC_CELL_ADDRESS, "INTEGER", "INTEGER ADDRESS"},
	{HC_CELL_ARENA, "INTEGER", "INTEGER ARENA"},
	{HC_CELL_COUNT, "INTEGER", "INTEGER COUNT"},
	{HC_CELL_NUMBER, "INTEGER", "INTEGER NUMBER"},
	{HC_CELL_BYTES, "INTEGER", "INTEGER BYTES"},
	{HC_CELL_BOOL, "INTEGER", "INTEGER BOOLEAN"},
	{HC_CELL_SHARE, "REAL", "REAL SHARE"},
	{HC_CELL_NAME, "TEXT", "TEXT"},
};

#define NUM_TYPES (sizeof(types) / sizeof(types[0]))

static size_t type_of(enum hc_cell_kind kind)
{
	size_t i = 0;

	while (i + 1 < NUM_TYPES && types[i].kind != kind)
		i++;
	return i;
}

enum hc_cell_kind hc_database_column_kind(sqlite3_stmt *statement, int column)
{
	const char *declared = sqlite3_column_decltype(statement, column);

	for (size_t i = 0; declared && i < NUM_TYPES; i++)
		if (!strcmp(types[i].in_place, declared))
			return types[i].kind;
	return HC_CELL_UNKNOWN;
}

/** @param in_place of a virtual table, whose types say what a column is; its name is not read */
static char *create_table(const struct hc_relation *relation, bool in_place)
{
	const struct hc_shape *shape = relation->shape;
	size_t size;
	char *ret = NULL;
	FILE *file = open_memstream(&ret, &size);

	if (!file)
		return NULL;
	fprintf(file, "CREATE TABLE %s ( -- %s\n", shape->key, relation->help);
	for (unsigned i = 0; i < shape->num_columns; i++) {
		const struct hc_column *column = &shape->columns[i];
		size_t type = type_of(column->kind);

		fprintf(file, "  %s %s%s%s -- %s\n", column->name,
			in_place ? types[type].in_place : types[type].in_file,
			!i && relation->has_key && !in_place ? " PRIMARY KEY" : "",
			i + 1 < shape->num_columns ? "," : "", column->help);
	}
	fputs(")", file);
	if (!fclose(file))
		return ret;
	free(ret);
	return NULL;
}

char *hc_relation_sql(const struct hc_relation *relation)
{
	return create_table(relation, false);
}
/**@}*/

/** @name Virtual tables */
/**@{*/

/** SQLite's part stands first in each, and is what SQLite gives back. */
struct table {
	sqlite3_vtab base;
	const struct module *module;
};

struct vtab_cursor {
	sqlite3_vtab_cursor base;
	struct hc_reader reader;
	bool found;
};

static const struct module *module_of(sqlite3_vtab_cursor *base)
{
	return ((struct table *)base->pVtab)->module;
}

/** Keep an error of heapcore's own for who asked SQLite. */
static int fail(const struct module *module, struct hc_error *err)
{
	if (!err)
		return SQLITE_OK;
	hc_error_destroy(module->database->err);
	module->database->err = err;
	return SQLITE_ERROR;
}

static int connect_table(sqlite3 *db, void *aux, int argc __attribute__((unused)),
			 const char *const *argv __attribute__((unused)), sqlite3_vtab **ret,
			 char **message_ret __attribute__((unused)))
{
	const struct module *module = aux;
	hc_cleanup_free char *sql = create_table(module->relation, true);
	struct table *table = sqlite3_malloc64(sizeof(*table));
	int code = sql && table ? sqlite3_declare_vtab(db, sql) : SQLITE_NOMEM;

	if (code) {
		sqlite3_free(table);
		return code;
	}
	*table = (struct table){.module = module};
	*ret = &table->base;
	return SQLITE_OK;
}

static int disconnect(sqlite3_vtab *base)
{
	sqlite3_free(base);
	return SQLITE_OK;
}

/** What a plan knows of the first column: in its number; the columns it reads: in its string. */
enum { PLAN_FROM = 1, PLAN_TO = 2, PLAN_AT = 4 };

/** @return bit of the plan that a constraint is for; 0: none */
static int plan_bit(unsigned char op)
{
	switch (op) {
	case SQLITE_INDEX_CONSTRAINT_EQ:
		return PLAN_AT;
	case SQLITE_INDEX_CONSTRAINT_GE:
	case SQLITE_INDEX_CONSTRAINT_GT:
		return PLAN_FROM;
	case SQLITE_INDEX_CONSTRAINT_LE:
	case SQLITE_INDEX_CONSTRAINT_LT:
		return PLAN_TO;
	default:
		return 0;
	}
}

/** Bounds that are gone to: the first of each kind. SQLite looks at them all again. */
static void plan_bounds(sqlite3_index_info *info)
{
	int arguments[PLAN_AT + 1] = {0};

	for (int i = 0; i < info->nConstraint; i++) {
		int bit = plan_bit(info->aConstraint[i].op);

		if (bit && info->aConstraint[i].usable && !info->aConstraint[i].iColumn &&
		    !(info->idxNum & bit)) {
			info->idxNum |= bit;
			arguments[bit] = i + 1;
		}
	}
	int next = 1;
	for (int bit = PLAN_FROM; bit <= PLAN_AT; bit *= 2)
		if (info->idxNum & bit)
			info->aConstraintUsage[arguments[bit] - 1].argvIndex = next++;
}

static void plan_costs(const struct module *module, sqlite3_index_info *info)
{
	uint64_t rows = hc_tables_rows(module->database->tables, module->relation);

	info->estimatedRows = rows ? rows : 100;
	if (info->idxNum & PLAN_AT && module->relation->has_key) {
		info->estimatedRows = 1;
		info->idxFlags = SQLITE_INDEX_SCAN_UNIQUE;
	} else if (info->idxNum & PLAN_AT) {
		info->estimatedRows = 10;
	} else if (info->idxNum) {
		info->estimatedRows = info->estimatedRows / 4 + 1;
	}
	/* To go to a row costs as much as to read some. */
	info->estimatedCost = 20.0 + info->estimatedRows;
	if (module->relation->by_address && info->nOrderBy == 1 && !info->aOrderBy[0].iColumn &&
	    !info->aOrderBy[0].desc)
		info->orderByConsumed = 1;
}

static int best_index(sqlite3_vtab *base, sqlite3_index_info *info)
{
	const struct module *module = ((struct table *)base)->module;

	if (module->relation->by_address)
		plan_bounds(info);
	plan_costs(module, info);
	info->idxStr = sqlite3_mprintf("%llu", (unsigned long long)info->colUsed);
	info->needToFreeIdxStr = 1;
	return info->idxStr ? SQLITE_OK : SQLITE_NOMEM;
}

static int open_reader(sqlite3_vtab *base __attribute__((unused)), sqlite3_vtab_cursor **ret)
{
	struct vtab_cursor *at = sqlite3_malloc64(sizeof(*at));

	if (!at)
		return SQLITE_NOMEM;
	*at = (struct vtab_cursor){0};
	*ret = &at->base;
	return SQLITE_OK;
}

static int close_reader(sqlite3_vtab_cursor *base)
{
	struct vtab_cursor *at = (struct vtab_cursor *)base;

	hc_reader_close(&at->reader);
	sqlite3_free(at);
	return SQLITE_OK;
}

static int next_row(sqlite3_vtab_cursor *base)
{
	struct vtab_cursor *at = (struct vtab_cursor *)base;

	struct hc_error *err = hc_reader_next(&at->reader, &at->found);

	module_of(base)->database->rows += at->found;
	return fail(module_of(base), err);
}

/** The rows that a plan's bounds leave. A bound that is no whole number leaves all. */
static struct hc_scan scan_of(int plan, sqlite3_value **values)
{
	struct hc_scan scan = {.to = UINT64_MAX};

	for (int bit = PLAN_FROM; bit <= PLAN_AT; bit *= 2) {
		if (!(plan & bit))
			continue;
		sqlite3_value *value = *values++;
		if (sqlite3_value_type(value) != SQLITE_INTEGER)
			continue;
		int64_t number = sqlite3_value_int64(value);
		/* Addresses from 2^63 on are negative there, and come after all others here. */
		if (number < 0)
			continue;
		if (bit & (PLAN_FROM | PLAN_AT) && (uint64_t)number > scan.from)
			scan.from = number;
		if (bit & (PLAN_TO | PLAN_AT) && (uint64_t)number < scan.to)
			scan.to = number;
	}
	return scan;
}

static int filter(sqlite3_vtab_cursor *base, int plan, const char *columns,
		  int argc __attribute__((unused)), sqlite3_value **argv)
{
	struct vtab_cursor *at = (struct vtab_cursor *)base;
	const struct module *module = module_of(base);
	struct hc_scan scan = scan_of(plan, argv);

	scan.columns = strtoull(columns, NULL, 10);
	hc_reader_close(&at->reader);
	int code = fail(module, hc_reader_open(&at->reader, module->database->tables,
					       module->relation, &scan));
	return code ? code : next_row(base);
}

static int at_end(sqlite3_vtab_cursor *base)
{
	return !((struct vtab_cursor *)base)->found;
}

/** A text that has to be made. */
static void give_text(sqlite3_context *context, const struct hc_tables *tables,
		      const struct hc_cell *cell)
{
	char *text = hc_cell_to_data(&tables->view.look, cell);

	if (text)
		sqlite3_result_text(context, text, -1, free);
	else
		sqlite3_result_error_nomem(context);
}

/** Texts of cells live as long as the tables. */
static void give(sqlite3_context *context, const struct hc_tables *tables,
		 const struct hc_cell *cell)
{
	switch (cell->kind) {
	case HC_CELL_COUNT:
	case HC_CELL_NUMBER:
	case HC_CELL_BYTES:
	case HC_CELL_ADDRESS:
	case HC_CELL_BOOL:
		sqlite3_result_int64(context, (int64_t)cell->number);
		break;
	case HC_CELL_ARENA:
		if (cell->number == HC_ARENA_MMAP)
			sqlite3_result_text(context, "mmap", 4, SQLITE_STATIC);
		else
			sqlite3_result_int64(context, (int64_t)cell->number);
		break;
	case HC_CELL_SHARE:
		sqlite3_result_double(context, cell->real);
		break;
	case HC_CELL_TEXT:
		sqlite3_result_text(context, cell->text, -1, SQLITE_STATIC);
		break;
	case HC_CELL_NAME:
		if (!hc_escape_is_needless(cell->text, true))
			give_text(context, tables, cell);
		else
			sqlite3_result_text(context, cell->text, -1, SQLITE_STATIC);
		break;
	default:
		give_text(context, tables, cell);
	}
}

static int give_column(sqlite3_vtab_cursor *base, sqlite3_context *context, int column)
{
	const struct hc_reader *reader = &((struct vtab_cursor *)base)->reader;
	const struct hc_cell *cell = &reader->cells[column];

	if (hc_relation_shows(reader->tables, &reader->relation->shape->columns[column], cell))
		give(context, reader->tables, cell);
	return SQLITE_OK;
}

static int give_rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *ret)
{
	*ret = ((struct vtab_cursor *)base)->reader.row;
	return SQLITE_OK;
}

/** The same function makes and connects: so each table is there without being made. */
static const sqlite3_module virtual_table = {
	.xCreate = connect_table,
	.xConnect = connect_table,
	.xBestIndex = best_index,
	.xDisconnect = disconnect,
	.xDestroy = disconnect,
	.xOpen = open_reader,
	.xClose = close_reader,
	.xFilter = filter,
	.xNext = next_row,
	.xEof = at_end,
	.xColumn = give_column,
	.xRowid = give_rowid,
};
/**@}*/

/** @name Databases */
/**@{*/

static struct hc_error *add_modules(struct hc_database *database)
{
	for (unsigned i = 0; hc_relations[i]; i++) {
		struct module *module = &database->modules[i];

		*module = (struct module){.database = database, .relation = hc_relations[i]};
		if (sqlite3_create_module_v2(database->db, hc_relations[i]->shape->key,
					     &virtual_table, module, NULL))
			return take_error(database);
	}
	return NULL;
}

static struct hc_error *open_path(struct hc_tables *tables, const char *path, const char *shown,
				  struct hc_database **ret)
{
	hc_cleanup(hc_database_closep) struct hc_database *database = calloc(1, sizeof(*database));

	if (!database)
		return &hc_enomem;
	database->tables = tables;
	database->path = shown ? strdup(shown) : NULL;
	database->file = strdup(path);
	if ((shown && !database->path) || !database->file)
		return &hc_enomem;
	/* Refused once SQLite is at work, and then it has been said before. */
	sqlite3_config(SQLITE_CONFIG_PMASZ, SORT_BYTES / LARGE_PAGE_SIZE);
	if (sqlite3_open_v2(path, &database->db,
			    SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL))
		return database->db ? take_error(database) : &hc_enomem;
	struct hc_error *err = add_modules(database);
	if (!err)
		*ret = hc_steal(database);
	return err;
}

/** A query reads; it makes, attaches, and sets nothing. */
static int allow_reading(void *ctx __attribute__((unused)), int action,
			 const char *a __attribute__((unused)),
			 const char *b __attribute__((unused)),
			 const char *c __attribute__((unused)),
			 const char *d __attribute__((unused)))
{
	switch (action) {
	case SQLITE_SELECT:
	case SQLITE_READ:
	case SQLITE_FUNCTION:
	case SQLITE_RECURSIVE:
		return SQLITE_OK;
	default:
		return SQLITE_DENY;
	}
}

/** Connecting declares a table, which SQLite asks about, too; later nothing has to. */
static struct hc_error *connect_all(struct hc_database *database)
{
	struct hc_error *err = NULL;

	for (unsigned i = 0; !err && hc_relations[i]; i++)
		err = run_own(database,
			      hc_format("SELECT 1 FROM %s LIMIT 0", hc_relations[i]->shape->key));
	return err;
}

struct hc_error *hc_database_open(struct hc_tables *tables, struct hc_database **ret)
{
	hc_cleanup(hc_database_closep) struct hc_database *database = NULL;
	struct hc_error *err = open_path(tables, ":memory:", NULL, &database);

	if (!err)
		err = connect_all(database);
	if (err)
		return err;
	sqlite3_set_authorizer(database->db, allow_reading, NULL);
	/* As many as a table that is shown can have. */
	sqlite3_limit(database->db, SQLITE_LIMIT_COLUMN, HC_DATABASE_MAX_COLUMNS);
	*ret = hc_steal(database);
	return NULL;
}

struct hc_error *hc_database_create(struct hc_tables *tables, const char *path, const char *shown,
				    struct hc_database **ret)
{
	hc_cleanup(hc_database_closep) struct hc_database *database = NULL;
	struct hc_error *err = open_path(tables, path, shown, &database);

	bool many = hc_tables_rows(tables, &hc_chunks_relation) >= MANY_ROWS;
	/*
	 * The file has no name that anybody asked for until all of it is there. Threads that help
	 * to sort what an index is made of make it longer (docs/performance.md).
	 */
	if (!err)
		err = run_own(database,
			      hc_format("PRAGMA page_size = %d; "
					"PRAGMA journal_mode = OFF; "
					"PRAGMA synchronous = OFF; "
					"PRAGMA locking_mode = EXCLUSIVE; "
					"PRAGMA cache_size = -%d; "
					"PRAGMA threads = 0;",
					many ? LARGE_PAGE_SIZE : PAGE_SIZE, WRITE_BYTES >> 10));
	if (!err)
		err = run_own(database, hc_format("PRAGMA application_id = %d; "
						  "PRAGMA user_version = %d; BEGIN",
						  APPLICATION_ID, SCHEMA_VERSION));
	if (!err)
		*ret = hc_steal(database);
	return err;
}

struct hc_error *hc_database_copy(struct hc_database *database, const struct hc_relation *relation,
				  uint64_t *rows_ret)
{
	const char *name = relation->shape->key;
	uint64_t before = database->rows;
	struct hc_error *err = run_own(database, hc_relation_sql(relation));

	/* By then the name is the copy's; the source gets another one. */
	if (!err)
		err = run_own(database, hc_format("CREATE VIRTUAL TABLE temp.source USING %s; "
						  "INSERT INTO main.%s SELECT * FROM temp.source",
						  name, name));
	if (err)
		return err;
	*rows_ret = database->rows - before;
	database->modules[hc_relation_index(relation)].rows = *rows_ret;
	return run(database, "DROP TABLE temp.source");
}

/** What SQLite may keep is what it sorts at a time. */
static struct hc_error *limit_sorting(struct hc_database *database, uint64_t rows)
{
	uint64_t size = rows * SORT_ROW_BYTES / SORT_RUNS;

	return run_own(database, hc_format("PRAGMA cache_size = -%" PRIu64,
					   (size > SORT_BYTES ? size : SORT_BYTES) >> 10));
}

struct hc_error *hc_database_index(struct hc_database *database, const struct hc_relation *relation)
{
	const char *name = relation->shape->key;
	uint64_t rows = database->modules[hc_relation_index(relation)].rows;
	struct hc_error *err = limit_sorting(database, rows);

	/* Most chunks are of no kind or finding: what is NULL is looked for by nobody. */
	for (const char *const *column = relation->indexes; !err && column && *column; column++)
		err = run_own(database, hc_format("CREATE INDEX %s_%s ON %s (%s) "
						  "WHERE %s IS NOT NULL",
						  name, *column, name, *column, *column));
	return err;
}

struct hc_error *hc_database_finish(struct hc_database *database)
{
	return run(database, "COMMIT");
}

void hc_database_close(struct hc_database *database)
{
	if (!database)
		return;
	sqlite3_close(database->db);
	hc_error_destroy(database->err);
	free(database->path);
	free(database->file);
	free(database);
}
/**@}*/

/** @name Asking */
/**@{*/

struct hc_error *hc_database_prepare(struct hc_database *database, const char *sql,
				     sqlite3_stmt **ret)
{
	sqlite3_stmt *statement = NULL;
	const char *rest;

	if (sqlite3_prepare_v2(database->db, sql, -1, &statement, &rest)) {
		bool denied = (sqlite3_errcode(database->db) & 0xff) == SQLITE_AUTH;

		return denied ? hc_error_create(HC_ERROR_ARGUMENT,
						"SQL: the tables can be read only: give a SELECT")
			      : take_error(database);
	}
	struct hc_error *err = NULL;
	if (!statement)
		err = hc_error_create(HC_ERROR_ARGUMENT, "SQL: there is no statement");
	else if (rest[strspn(rest, " \t\r\n;")])
		err = hc_error_create(HC_ERROR_ARGUMENT, "SQL: give one statement, not several");
	else if (!sqlite3_column_count(statement))
		err = hc_error_create(HC_ERROR_ARGUMENT,
				      "SQL: the statement has no columns: give a SELECT");
	if (err) {
		sqlite3_finalize(statement);
		return err;
	}
	*ret = statement;
	return NULL;
}

struct hc_error *hc_database_step(struct hc_database *database, sqlite3_stmt *statement,
				  bool *found_ret)
{
	int code = sqlite3_step(statement);

	*found_ret = code == SQLITE_ROW;
	return code == SQLITE_ROW || code == SQLITE_DONE ? NULL : take_error(database);
}
/**@}*/
