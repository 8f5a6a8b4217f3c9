/*
 * 3,000 prepared statements, held by one connection, and what SQLite says of its memory. Nothing
 * else is allocated.
 *
 * usage: counted_statements [abort|pause|signal]
 */
#include <sqlite3.h>

#include "manifest.h"

enum { STATEMENTS = 3000 };

sqlite3 *library;

/* A function of its own: no variable of main points to the last statement. */
static __attribute__((noinline)) int fill(void)
{
	if (sqlite3_open(":memory:", &library) ||
	    sqlite3_exec(library, "CREATE TABLE books(isbn INTEGER PRIMARY KEY, title TEXT)", 0, 0,
			 0))
		return 1;
	for (int i = 0; i < STATEMENTS; i++) {
		sqlite3_stmt *statement;
		char query[80];

		snprintf(query, sizeof(query), "SELECT title FROM books WHERE isbn = %d",
			 100000 + i);
		if (sqlite3_prepare_v2(library, query, -1, &statement, NULL))
			return 1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	sqlite3_int64 blocks, highest;

	if (fill() || sqlite3_status64(SQLITE_STATUS_MALLOC_COUNT, &blocks, &highest, 0))
		return 1;
	say("used %lld", (long long)sqlite3_memory_used());
	say("blocks %lld", (long long)blocks);
	scrub();
	stop_here(argc > 1 ? argv[1] : "pause");
	return 0;
}
