/**
 * @file
 * A dead process: everything that was read from a core before anybody thinks about heaps.
 *
 * Opens the core, builds the address space, names the mappings, loads modules and threads, in the
 * order in which each needs the one before. All verbs start here.
 */
#ifndef HC_CORE_PROCESS_PROCESS_H
#define HC_CORE_PROCESS_PROCESS_H

#include "core/base/parallel.h"
#include "core/elf/core.h"
#include "core/process/input.h"
#include "core/process/mapping.h"
#include "core/process/memory.h"
#include "core/process/module.h"
#include "core/process/snapshot.h"
#include "core/process/thread.h"

struct hc_process_options {
	struct hc_module_options modules;
	struct hc_decompress_options decompress;
	/** What the path leads to, when it is open already; stays the caller's. NULL: it is opened
	 */
	const struct hc_input_file *input;
	const char *smaps;      /**< snapshot of the same process, or NULL */
	unsigned jobs;          /**< threads to work with; 0: as many as there are processors */
	struct hc_watch *watch; /**< of all work on the process; must outlive it. NULL: none */
};

struct hc_process {
	struct hc_core *core;
	struct hc_memory memory;
	struct hc_mappings mappings;
	struct hc_modules modules;
	struct hc_threads threads;
	struct hc_snapshot smaps; /**< empty without --smaps */
	struct hc_diagnostics diag;
	unsigned jobs;          /**< at least 1 */
	struct hc_watch *watch; /**< as in the options; not owned */
};

/** @return NULL, or one line that says why nothing can be analyzed (exit status 2) */
struct hc_error *hc_process_open(const char *path, const struct hc_process_options *options,
				 struct hc_process **ret);
void hc_process_close(struct hc_process *process);

/** Run tasks with as many threads as the process may use, under its watch. */
static inline struct hc_error *hc_process_parallel(const struct hc_process *process,
						   size_t num_tasks, hc_task_fn fn, void *ctx)
{
	return hc_parallel_watched(process->jobs, process->watch, num_tasks, fn, ctx);
}

#endif
