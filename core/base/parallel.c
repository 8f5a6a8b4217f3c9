/**
 * @file
 * The hand-out: one atomic counter, and the first error wins.
 */
#include "core/base/parallel.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <unistd.h>

/** What the workers share. */
struct team {
	hc_task_fn fn;
	void *ctx;
	size_t num_tasks;
	struct hc_watch *watch;
	atomic_size_t next;
	_Atomic(struct hc_error *) err;
};

struct worker {
	struct team *team;
	unsigned index;
	pthread_t thread;
};

static void team_fail(struct team *team, struct hc_error *err)
{
	struct hc_error *none = NULL;
	if (!atomic_compare_exchange_strong(&team->err, &none, err))
		hc_error_destroy(err);
}

static void team_work(struct team *team, unsigned index)
{
	while (!atomic_load_explicit(&team->err, memory_order_relaxed)) {
		size_t task = atomic_fetch_add_explicit(&team->next, 1, memory_order_relaxed);
		if (task >= team->num_tasks)
			return;
		struct hc_error *err = hc_watch_check(team->watch);
		if (!err)
			err = team->fn(team->ctx, index, task);
		if (err)
			team_fail(team, err);
		else if (index == 0) /* the calling thread */
			hc_watch_done(team->watch, atomic_load(&team->next), team->num_tasks);
	}
}

static void *worker_main(void *arg)
{
	struct worker *worker = arg;
	team_work(worker->team, worker->index);
	return NULL;
}

struct hc_error *hc_parallel_for(unsigned jobs, size_t num_tasks, hc_task_fn fn, void *ctx)
{
	return hc_parallel_watched(jobs, NULL, num_tasks, fn, ctx);
}

struct hc_error *hc_parallel_watched(unsigned jobs, struct hc_watch *watch, size_t num_tasks,
				     hc_task_fn fn, void *ctx)
{
	struct team team = {.fn = fn, .ctx = ctx, .num_tasks = num_tasks, .watch = watch};
	struct worker workers[HC_MAX_JOBS];
	unsigned started = 1;

	if (jobs > HC_MAX_JOBS)
		jobs = HC_MAX_JOBS;
	if (jobs > num_tasks)
		jobs = num_tasks;
	for (; started < jobs; started++) {
		workers[started] = (struct worker){.team = &team, .index = started};
		if (pthread_create(&workers[started].thread, NULL, worker_main, &workers[started]))
			break;
	}
	team_work(&team, 0);
	for (unsigned i = 1; i < started; i++)
		pthread_join(workers[i].thread, NULL);
	return atomic_load(&team.err);
}

unsigned hc_parallel_default_jobs(void)
{
	cpu_set_t set;
	long n;

	if (!sched_getaffinity(0, sizeof(set), &set))
		n = CPU_COUNT(&set);
	else /* more processors than a cpu_set_t can name */
		n = sysconf(_SC_NPROCESSORS_ONLN);
	if (n < 1)
		return 1;
	return n < HC_MAX_JOBS ? n : HC_MAX_JOBS;
}
