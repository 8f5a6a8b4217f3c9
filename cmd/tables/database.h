/**
 * @file
 * The tables of a process in SQLite: as virtual tables that are asked in place, and as copies in a
 * file.
 *
 * A database knows each table by its name, as a virtual table (sqlite.org/vtab.html) whose rows are
 * those of a reader (tables.h). What a query says of the address of a table by address, = < <= > >=
 * and BETWEEN, is not looked for but gone to; and what none of its columns need is not computed. An
 * error of heapcore's own within a query is that query's error.
 *
 * SQLite's integers are signed: an address from 2^63 on is negative.
 */
#ifndef HC_CMD_TABLES_DATABASE_H
#define HC_CMD_TABLES_DATABASE_H

#include <sqlite3.h>

#include "cmd/tables/tables.h"

/** Most columns of a query. */
#define HC_DATABASE_MAX_COLUMNS 64

struct hc_database;

/**
 * Open a database in memory, which nothing but the tables is in and nothing can be written to.
 *
 * @param tables outlives it
 */
struct hc_error *hc_database_open(struct hc_tables *tables, struct hc_database **ret);

/**
 * Open a database in an empty file, for hc_database_copy(); it is one transaction without a journal
 * until hc_database_finish().
 *
 * @param shown name of the file in messages
 */
struct hc_error *hc_database_create(struct hc_tables *tables, const char *path, const char *shown,
				    struct hc_database **ret);

/** Write a table with all its rows. @param[out] rows_ret how many */
struct hc_error *hc_database_copy(struct hc_database *database, const struct hc_relation *relation,
				  uint64_t *rows_ret);

/** Make the indexes of a table that was written. */
struct hc_error *hc_database_index(struct hc_database *database,
				   const struct hc_relation *relation);

/** End the transaction. */
struct hc_error *hc_database_finish(struct hc_database *database);

/** NULL is fine. */
void hc_database_close(struct hc_database *database);

/** For hc_cleanup(). */
static inline void hc_database_closep(struct hc_database **database)
{
	hc_database_close(*database);
}

/** @name Asking */
/**@{*/

/** What a query is asked with; to be finalized by sqlite3_finalize(). */
struct hc_error *hc_database_prepare(struct hc_database *database, const char *sql,
				     sqlite3_stmt **ret);

/** Go to the next row. @param[out] found_ret false at the end */
struct hc_error *hc_database_step(struct hc_database *database, sqlite3_stmt *statement,
				  bool *found_ret);

/** The kind of cells of a column of a query: that of a table's column, or HC_CELL_UNKNOWN. */
enum hc_cell_kind hc_database_column_kind(sqlite3_stmt *statement, int column);
/**@}*/

/**
 * The CREATE TABLE of a relation, with what its columns are as comments. To be freed; NULL without
 * memory.
 */
char *hc_relation_sql(const struct hc_relation *relation);

#endif
