/**
 * @file
 * What the line of progress says.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "cmd/progress.h"

static void assert_line(const struct hc_progress_state *state, const char *wanted)
{
	char *line = NULL;
	size_t size;
	FILE *file = open_memstream(&line, &size);

	assert_non_null(file);
	hc_progress_write(file, state);
	assert_int_equal(fclose(file), 0);
	assert_string_equal(line, wanted);
	free(line);
}

static void test_line(void **state)
{
	(void)state;
	assert_line(&(struct hc_progress_state){"searching", -1, 3, 3}, "searching, 3 s");
	assert_line(&(struct hc_progress_state){"searching", 0.5, 70, 60},
		    "searching [############............] 50 %, 1 min 10 s, about 1 min 0 s left");
	assert_line(&(struct hc_progress_state){"searching", 0.1, 20, 10},
		    "searching [##......................] 10 %, 20 s, about 1 min 30 s left");
	assert_line(&(struct hc_progress_state){"writing", 0.25, 7200, 3600},
		    "writing [######..................] 25 %, 2 h 0 min, about 3 h 0 min left");
}

/** What is left is not told from next to nothing. */
static void test_too_early(void **state)
{
	(void)state;
	assert_line(&(struct hc_progress_state){"searching", 0.5, 9, 1},
		    "searching [############............] 50 %, 9 s");
	assert_line(&(struct hc_progress_state){"searching", 0.01, 9, 9},
		    "searching [........................] 1 %, 9 s");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_line),
		cmocka_unit_test(test_too_early),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
