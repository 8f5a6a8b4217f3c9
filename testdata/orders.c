/*
 * A service that keeps statements, documents and log lines about orders.
 *
 * usage: orders pause|abort [ORDERS]     links with SQLite and Jansson
 *
 * For each of ORDERS orders (default 400) a row goes into a database in memory and comes back out.
 * What the heap then holds, said as "held KIND 0xADDRESS SIZE WORDS...": the address is that of the
 * text, which is alone in its chunk but for what a library puts in front of it. All are reachable.
 *   sql        statements: the text of prepared ones, which SQLite keeps, and texts with their
 * values put in, as its trace would write them. WORDS: the statement and its table json       the
 * row as a document, alternately compact, indented, and in an array log        a line about it, in
 * one of four manners "count KIND NUMBER", "end".
 */
#include <jansson.h>
#include <sqlite3.h>

#include "manifest.h"

enum kind { STATEMENT, DOCUMENT, LINE, NUM_KINDS };

static const char *const kind_names[] = {"sql", "json", "log"};

struct held {
	struct held *next;
	void *what; /* a text, or the prepared statement that has it */
};

static struct held *held;
static unsigned counts[NUM_KINDS];
static sqlite3 *db;

static void hold(enum kind kind, const char *text, void *what, const char *words)
{
	struct held *h = malloc(sizeof(*h));

	*h = (struct held){held, what};
	held = h;
	counts[kind]++;
	say("held %s %p %zu %s", kind_names[kind], (const void *)text, strlen(text) + 1, words);
}

static sqlite3_stmt *prepare(const char *text)
{
	sqlite3_stmt *statement;

	if (sqlite3_prepare_v2(db, text, -1, &statement, NULL) != SQLITE_OK) {
		say("%s: %s", text, sqlite3_errmsg(db));
		_exit(4);
	}
	return statement;
}

static void open_database(void)
{
	static const char *const tables[] = {
		"CREATE TABLE orders (id INTEGER PRIMARY KEY, customer TEXT, total REAL, state "
		"TEXT)",
		"CREATE TABLE audit (at INTEGER, what TEXT)",
		"CREATE INDEX by_customer ON orders (customer)",
	};

	/* Without slots for small things ("lookaside"), in which several texts would share a chunk.
	 */
	if (sqlite3_open(":memory:", &db) != SQLITE_OK ||
	    sqlite3_db_config(db, SQLITE_DBCONFIG_LOOKASIDE, NULL, 0, 0) != SQLITE_OK)
		_exit(4);
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		if (sqlite3_exec(db, tables[i], NULL, NULL, NULL) != SQLITE_OK)
			_exit(4);
	}
}

/* Run a statement with the order's values and hold its text with them put in. */
static void run(const char *text, unsigned id, const char *words)
{
	sqlite3_stmt *statement = prepare(text);
	char customer[32];
	int n = sqlite3_bind_parameter_count(statement);

	snprintf(customer, sizeof(customer), "customer %u", id % 17);
	if (n >= 1)
		sqlite3_bind_int(statement, 1, 70000 + id);
	if (n >= 2)
		sqlite3_bind_text(statement, 2, customer, -1, SQLITE_TRANSIENT);
	if (n >= 3)
		sqlite3_bind_double(statement, 3, id * 1.25);
	if (sqlite3_step(statement) == SQLITE_ERROR)
		_exit(4);
	char *expanded = sqlite3_expanded_sql(statement);
	hold(STATEMENT, expanded, expanded, words);
	sqlite3_finalize(statement);
}

static void write_order(unsigned id)
{
	run("INSERT INTO orders (id, customer, total, state) VALUES (?, ?, ?, 'new')", id,
	    "insert orders");
	if (id % 2)
		run("update orders set state = 'paid' where id = ?", id, "update orders");
	else
		run("INSERT INTO audit (at, what) VALUES (?, ?)", id, "insert audit");
	if (id % 10 == 0)
		run("DELETE FROM audit WHERE at < ? AND what <> ?", id, "delete audit");
}

/* A statement that stays prepared, as in a cache of statements that someone fills with values. */
static sqlite3_stmt *hold_select(unsigned id)
{
	char text[128];

	snprintf(text, sizeof(text),
		 id % 2 ? "SELECT id, customer, total FROM orders WHERE id = %u"
			: "select id, customer, total from orders where id = %u",
		 70000 + id);
	sqlite3_stmt *statement = prepare(text);
	hold(STATEMENT, sqlite3_sql(statement), statement, "select orders");
	return statement;
}

static void hold_row(unsigned id)
{
	sqlite3_stmt *statement = hold_select(id);

	if (sqlite3_step(statement) != SQLITE_ROW)
		_exit(4);
	json_t *row = json_pack("{sisssfs[ssi]}", "id", sqlite3_column_int(statement, 0),
				"customer", sqlite3_column_text(statement, 1), "total",
				sqlite3_column_double(statement, 2), "tags", "new", "web", (int)id);
	sqlite3_reset(statement);
	if (id % 3 == 2)
		row = json_pack("[o{si}]", row, "page", (int)id);
	char *text = json_dumps(row, id % 3 == 1 ? JSON_INDENT(2) : JSON_COMPACT);
	hold(DOCUMENT, text, text, "");
	json_decref(row);
}

static void hold_line(unsigned id)
{
	static const char *const formats[] = {
		"2026-11-20T08:15:%02u.123Z INFO orders: order %u is stored",
		"2026-11-20 08:15:%02u,042 WARN order %u took 38 ms",
		"Nov 20 08:15:%02u shop orders[4711]: order %u is paid",
		"127.0.0.1 - - [20/Nov/2026:08:15:%02u +0000] \"GET /orders/%u HTTP/1.1\" 200 512",
	};
	char line[160];

	snprintf(line, sizeof(line), formats[id % 4], id % 60, 70000 + id);
	char *copy = strdup(line);
	hold(LINE, copy, copy, "");
}

int main(int argc, char **argv)
{
	unsigned orders = argc > 2 ? strtoul(argv[2], NULL, 10) : 400;

	open_database();
	for (unsigned id = 0; id < orders; id++) {
		write_order(id);
		hold_row(id);
		hold_line(id);
	}
	for (unsigned i = 0; i < NUM_KINDS; i++)
		say("count %s %u", kind_names[i], counts[i]);
	stop_here(argc > 1 ? argv[1] : "pause");
}
