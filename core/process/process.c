/**
 * @file
 * Opening a process: the units in the order in which each needs the one before.
 */
#include "core/process/process.h"

#include <stdlib.h>

#include "core/base/cleanup.h"
#include "core/base/parallel.h"

static struct hc_error *process_load_memory(struct hc_process *process)
{
	const struct hc_core *core = process->core;

	hc_memory_init(&process->memory, core->machine->word_size);
	process->memory.big_endian = core->machine->big_endian;
	for (size_t i = 0; i < core->num_segments; i++) {
		const struct hc_segment *segment = &core->segments[i];
		if (!segment->available)
			continue;
		struct hc_error *err =
			hc_memory_add(&process->memory, segment->start,
				      (struct hc_bytes){
					      .data = core->file.data + segment->offset,
					      .size = segment->available,
				      },
				      true);
		if (err)
			return err;
	}
	return NULL;
}

static struct hc_error *process_load_smaps(struct hc_process *process, const char *path)
{
	struct hc_error *err = hc_snapshot_open(path, &process->smaps);

	if (err && err != &hc_enomem) {
		struct hc_error *named = hc_error_about(
			hc_error_create(err->code, "%s: %s", path, err->message), HC_ABOUT_SMAPS);
		hc_error_destroy(err);
		return named;
	}
	if (err)
		return err;
	if (process->smaps.truncated) {
		hc_diagnostics_add(&process->diag, false,
				   "snapshot %s: the last line is cut short; left it out", path);
	}
	return hc_mappings_annotate(&process->mappings, &process->smaps);
}

/** All that is made of an open core. */
static struct hc_error *process_load_core(struct hc_process *process,
					  const struct hc_process_options *options)
{
	const struct hc_address_space space = {&process->memory, &process->mappings};
	struct hc_error *err;

	if ((err = hc_watch_check(process->watch)) || (err = process_load_memory(process)) ||
	    (err = hc_mappings_from_core(process->core, &process->memory, &process->mappings)) ||
	    (options->smaps && (err = process_load_smaps(process, options->smaps))) ||
	    (err = hc_modules_load(process->core, &options->modules, &space, &process->diag,
				   &process->modules)) ||
	    (err = hc_threads_load(process->core, &process->memory, &process->modules,
				   &process->mappings, &process->threads)))
		return err;
	return NULL;
}

static struct hc_error *open_core(struct hc_process *process, const char *path,
				  const struct hc_process_options *options)
{
	struct hc_core_options core = {.decompress = options->decompress,
				       .refuse = hc_input_refuse};
	hc_cleanup(hc_input_close) struct hc_input_file own = {.fd = -1};
	const struct hc_input_file *input = options->input ? options->input : &own;
	struct hc_error *err = NULL;

	core.decompress.watch = options->watch;
	if (!options->input)
		err = hc_input_open(path, &core.decompress, &own);
	if (!err)
		err = hc_input_expect_core(input);
	if (!err)
		err = hc_core_open(path, input->fd, &core, &process->diag, &process->core);
	return err;
}

static struct hc_error *process_load(struct hc_process *process, const char *path,
				     const struct hc_process_options *options)
{
	process->jobs = options->jobs ? options->jobs : hc_parallel_default_jobs();
	if (process->jobs > HC_MAX_JOBS)
		process->jobs = HC_MAX_JOBS;
	process->watch = options->watch;
	struct hc_error *err = open_core(process, path, options);
	if (err)
		return err;
	/* Unpacking is a phase of its own. */
	hc_watch_enter(process->watch, HC_PHASE_READ);
	err = process_load_core(process, options);
	hc_watch_leave(process->watch);
	return err;
}

static void process_closep(struct hc_process **process)
{
	hc_process_close(*process);
}

struct hc_error *hc_process_open(const char *path, const struct hc_process_options *options,
				 struct hc_process **ret)
{
	hc_cleanup(process_closep) struct hc_process *process = calloc(1, sizeof(*process));
	if (!process)
		return &hc_enomem;

	struct hc_error *err = process_load(process, path, options);
	if (err)
		return err;
	*ret = hc_steal(process);
	return NULL;
}

void hc_process_close(struct hc_process *process)
{
	if (!process)
		return;
	hc_threads_deinit(&process->threads);
	hc_modules_deinit(&process->modules);
	hc_mappings_deinit(&process->mappings);
	hc_memory_deinit(&process->memory);
	hc_snapshot_deinit(&process->smaps);
	hc_diagnostics_deinit(&process->diag);
	hc_core_close(process->core);
	free(process);
}
