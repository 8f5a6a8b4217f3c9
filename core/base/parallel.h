/**
 * @file
 * Run one function over numbered tasks on several threads.
 *
 * Tasks are handed out in order through an atomic counter, so cheap and expensive ones balance. The
 * calling thread works too. With one job no thread is started.
 */
#ifndef HC_CORE_BASE_PARALLEL_H
#define HC_CORE_BASE_PARALLEL_H

#include <stddef.h>

#include "core/base/error.h"
#include "core/base/watch.h"

/** Largest @p jobs that hc_parallel_for() accepts. */
#define HC_MAX_JOBS 256

/**
 * One task.
 *
 * @param ctx    shared by all tasks
 * @param worker 0 … jobs-1: index of the calling thread, for per-thread scratch
 * @param task   0 … num_tasks-1
 * @return NULL; the first error stops the hand-out and is returned by hc_parallel_for()
 */
typedef struct hc_error *(*hc_task_fn)(void *ctx, unsigned worker, size_t task);

/** Run all tasks; returns when the last is done. If a thread can't be started, fewer are used. */
struct hc_error *hc_parallel_for(unsigned jobs, size_t num_tasks, hc_task_fn fn, void *ctx);

/**
 * The same under a watch: after each task the calling thread tells how many are handed out, and
 * every thread asks before each task whether to go on.
 *
 * @return also @ref HC_ERROR_CANCELLED, after the tasks that were begun
 */
struct hc_error *hc_parallel_watched(unsigned jobs, struct hc_watch *watch, size_t num_tasks,
				     hc_task_fn fn, void *ctx);

/** Processors that this process may run on, at least 1 and at most @ref HC_MAX_JOBS. */
unsigned hc_parallel_default_jobs(void);

#endif
