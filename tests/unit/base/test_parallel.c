/**
 * @file
 * Every task runs once, whatever the number of threads, and an error stops the hand-out.
 */
#include "tests/unit/unit.h"

#include <stdatomic.h>

#include "core/base/parallel.h"

#define NUM_TASKS 1000

struct run {
	atomic_int seen[NUM_TASKS];
	atomic_int total;
	unsigned jobs;
	size_t fail_at;
	atomic_bool bad_worker;
};

static struct hc_error *task(void *ctx, unsigned worker, size_t index)
{
	struct run *run = ctx;

	if (worker >= run->jobs)
		atomic_store(&run->bad_worker, true);
	atomic_fetch_add(&run->seen[index], 1);
	atomic_fetch_add(&run->total, 1);
	return index == run->fail_at ? hc_error_create(HC_ERROR_LIMIT, "task %zu", index) : NULL;
}

static void test_all_tasks(void **state)
{
	(void)state;
	static const unsigned jobs[] = {0, 1, 2, 7};

	for (size_t i = 0; i < sizeof(jobs) / sizeof(jobs[0]); i++) {
		struct run run = {.jobs = jobs[i] ? jobs[i] : 1, .fail_at = SIZE_MAX};
		assert_ok(hc_parallel_for(jobs[i], NUM_TASKS, task, &run));
		for (size_t t = 0; t < NUM_TASKS; t++)
			assert_int_equal(run.seen[t], 1);
		assert_false(run.bad_worker);
	}
}

static void test_no_task(void **state)
{
	(void)state;
	struct run run = {.jobs = 4, .fail_at = SIZE_MAX};

	assert_ok(hc_parallel_for(4, 0, task, &run));
	assert_int_equal(run.total, 0);
}

static void test_error(void **state)
{
	(void)state;
	struct run one = {.jobs = 1, .fail_at = 10}, many = {.jobs = 4, .fail_at = 0};

	assert_fails(hc_parallel_for(1, NUM_TASKS, task, &one), HC_ERROR_LIMIT, "task 10");
	assert_int_equal(one.total, 11);
	assert_fails(hc_parallel_for(4, NUM_TASKS, task, &many), HC_ERROR_LIMIT, "task 0");
}

static void test_default_jobs(void **state)
{
	(void)state;
	assert_uint_in_range(hc_parallel_default_jobs(), 1, HC_MAX_JOBS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_tasks),
		cmocka_unit_test(test_no_task),
		cmocka_unit_test(test_error),
		cmocka_unit_test(test_default_jobs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
