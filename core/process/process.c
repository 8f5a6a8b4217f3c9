/**
 * @file
 * Opening a process: the units in the order in which each needs the one before.
 */
#include "core/process/process.h"

#include <elf.h>
#include <inttypes.h>
#include <stdlib.h>

#include "core/base/array.h"
#include "core/base/cleanup.h"
#include "core/base/parallel.h"

static struct hc_error *process_load_memory(struct hc_process *process)
{
	const struct hc_core *core = process->core;

	hc_memory_init(&process->memory, core->machine->word_size);
	process->memory.big_endian = core->machine->big_endian;
	process->memory.file = core->file;
	process->memory.data = &core->data;
	if (core->page_size)
		process->memory.hole_block = core->page_size;
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

/** @name A snapshot beside the core */
/**@{*/

/** What stands at an address from the process's start to its end. */
static const struct {
	uint64_t auxv;
	const char *what;
} fixtures[] = {
	{AT_PHDR, "its program"},
	{AT_BASE, "its dynamic linker"},
	{AT_SYSINFO_EHDR, "its vdso"},
	{AT_RANDOM, "its main stack"},
};

static bool snapshot_maps(const struct hc_snapshot *snapshot, uint64_t address)
{
	size_t i = hc_lower_bound(snapshot->num_vmas, v, snapshot->vmas[v].end <= address);

	return i < snapshot->num_vmas && snapshot->vmas[i].start <= address;
}

/** Whether any byte of the process is in the snapshot, too. */
static bool snapshot_meets(const struct hc_snapshot *snapshot, const struct hc_mappings *mappings)
{
	for (size_t i = 0, v = 0; i < mappings->num && v < snapshot->num_vmas;) {
		if (mappings->items[i].end <= snapshot->vmas[v].start)
			i++;
		else if (snapshot->vmas[v].end <= mappings->items[i].start)
			v++;
		else
			return true;
	}
	return false;
}

/**
 * Addresses are drawn for each process, so that another one has something else, or nothing, where
 * this one has what never moves. What a cut file lacks at its end proves nothing.
 */
static struct hc_error *refuse_other_process(const struct hc_process *process,
					     const struct hc_snapshot *snapshot)
{
	uint64_t end =
		snapshot->truncated ? snapshot->vmas[snapshot->num_vmas - 1].end : UINT64_MAX;

	for (size_t i = 0; i < sizeof(fixtures) / sizeof(fixtures[0]); i++) {
		uint64_t address;
		if (hc_core_auxv(process->core, fixtures[i].auxv, &address) && address &&
		    address < end && hc_mappings_find(&process->mappings, address) &&
		    !snapshot_maps(snapshot, address))
			return hc_error_create(
				HC_ERROR_FORMAT,
				"is of another process: nothing is mapped at 0x%" PRIx64
				", where this one has %s",
				address, fixtures[i].what);
	}
	if (process->mappings.num && !snapshot_meets(snapshot, &process->mappings))
		return hc_error_create(
			HC_ERROR_FORMAT,
			"is of another process: none of its addresses is in this one");
	return NULL;
}

static struct hc_error *refuse_smaps(const struct hc_process *process,
				     const struct hc_snapshot *snapshot)
{
	if (snapshot->rollup)
		return hc_error_create(HC_ERROR_FORMAT,
				       "is a smaps_rollup, which has only sums of all mappings; "
				       "give a copy of /proc/PID/smaps");
	if (!snapshot->has_usage)
		return hc_error_create(HC_ERROR_FORMAT,
				       "says nothing of resident memory, as a maps file doesn't; "
				       "give a copy of /proc/PID/smaps");
	return refuse_other_process(process, snapshot);
}

/** @p err with the name of the snapshot before it. */
static struct hc_error *name_smaps(struct hc_error *err, const char *path)
{
	if (!err || err == &hc_enomem)
		return err;
	struct hc_error *named = hc_error_about(
		hc_error_create(err->code, "%s: %s", path, err->message), HC_ABOUT_SMAPS);
	hc_error_destroy(err);
	return named;
}

static struct hc_error *process_load_smaps(struct hc_process *process, const char *path)
{
	struct hc_error *err = hc_snapshot_open(path, &process->smaps);

	if (!err)
		err = refuse_smaps(process, &process->smaps);
	if (err)
		return name_smaps(err, path);
	hc_snapshot_remark(&process->smaps, path, &process->diag);
	return hc_mappings_annotate(&process->mappings, &process->smaps);
}

/**@}*/

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
