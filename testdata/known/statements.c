/*
 * 4,000 prepared statements that are never finalized; SQLite holds them from the connection.
 *
 * usage: statements [abort|pause|signal]
 */
#include <sqlite3.h>

#include "../manifest.h"

enum { STATEMENTS = 4000 };

sqlite3 *library;

int main(int argc, char **argv)
{
	if (sqlite3_open(":memory:", &library) ||
	    sqlite3_exec(library, "CREATE TABLE books(isbn INTEGER PRIMARY KEY, title TEXT, shelf TEXT)", 0, 0, 0))
		return 1;
	for (int i = 0; i < STATEMENTS; i++) {
		sqlite3_stmt *statement;
		char query[160];

		snprintf(query, sizeof(query), "SELECT title, shelf FROM books WHERE isbn = %d AND title LIKE 'The %%'",
			 100000 + i);
		if (sqlite3_prepare_v2(library, query, -1, &statement, NULL))
			return 1;
		sqlite3_step(statement);
	}
	say("statements %d", STATEMENTS);
	stop_here(argc > 1 ? argv[1] : "pause");
	return 0;
}
