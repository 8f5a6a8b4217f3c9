/**
 * @file
 * Pools of the Apache Portable Runtime: 2,000 of requests, never destroyed, each with a table.
 */
#include <apr_pools.h>
#include <apr_strings.h>
#include <apr_tables.h>
#include <stdio.h>
#include <unistd.h>

apr_pool_t *connection;

int main(void)
{
	apr_initialize();
	apr_pool_create(&connection, NULL);
	for (int i = 0; i < 2000; i++) {
		apr_pool_t *request;
		apr_pool_create(&request, connection);
		apr_pool_tag(request, "request");
		apr_table_t *table = apr_table_make(request, 10);
		for (int k = 0; k < 10; k++)
			apr_table_set(table, apr_psprintf(request, "X-Header-%d", k),
				      apr_psprintf(request, "header %d of request %d", k, i));
	}
	puts("end");
	fflush(stdout);
	pause();
}
