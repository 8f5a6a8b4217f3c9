/**
 * @file
 * Counting pages that are not zero. Pages that a row begins or ends in the middle of count with the
 * part that is the row's.
 */
#include "analyzers/inspect/touched.h"

#include <stdlib.h>

#include "core/base/array.h"
#include "core/base/cleanup.h"
#include "core/base/parallel.h"

/** Bytes of one task. */
#define TASK_BYTES (UINT64_C(16) << 20)

struct task {
	uint64_t start, end, touched;
	size_t mapping;
};

struct run {
	const struct hc_process *process;
	struct task *tasks;
	size_t num_tasks;
};

uint64_t hc_touched_range(const struct hc_process *process, uint64_t start, uint64_t end)
{
	uint64_t page = hc_core_page_size(process->core);
	uint64_t pos = start, touched = 0;
	struct hc_piece piece;

	while (hc_memory_next_data(&process->memory, &pos, end, UINT64_MAX, &piece)) {
		for (size_t at = 0; at < piece.bytes.size;) {
			uint64_t left = page - ((piece.start + at) & (page - 1));
			size_t size = piece.bytes.size - at < left ? piece.bytes.size - at : left;
			if (!hc_is_zero((struct hc_bytes){piece.bytes.data + at, size}))
				touched += size;
			at += size;
		}
	}
	return touched;
}

static struct hc_error *run_task(void *ctx, unsigned worker, size_t index)
{
	struct run *run = ctx;
	struct task *task = &run->tasks[index];

	(void)worker;
	task->touched = hc_touched_range(run->process, task->start, task->end);
	return NULL;
}

/** Only what is in the core costs a task: mappings may be terabytes of nothing. */
static struct hc_error *cut(struct run *run, const struct hc_mapping *mapping, size_t index)
{
	uint64_t pos = mapping->start;
	struct hc_piece piece;

	while (hc_memory_next_data(&run->process->memory, &pos, mapping->end, TASK_BYTES, &piece)) {
		struct hc_error *err =
			hc_array_reserve(&run->tasks, run->num_tasks, sizeof(*run->tasks));
		if (err)
			return err;
		run->tasks[run->num_tasks++] = (struct task){piece.start, piece.end, 0, index};
	}
	return NULL;
}

static struct hc_error *count(struct run *run, struct hc_touched *touched)
{
	const struct hc_mappings *mappings = &run->process->mappings;
	struct hc_error *err = NULL;

	for (size_t i = 0; !err && i < mappings->num; i++) {
		const struct hc_mapping *mapping = &mappings->items[i];
		if (hc_mapping_resident(mapping) != HC_UNKNOWN_BYTES) {
			touched->bytes[i] = hc_mapping_resident(mapping);
			touched->resident = true;
		} else if (mapping->flags) {
			err = cut(run, mapping, i);
		}
	}
	if (!err)
		err = hc_parallel_for(run->process->jobs, run->num_tasks, run_task, run);
	for (size_t i = 0; !err && i < run->num_tasks; i++)
		touched->bytes[run->tasks[i].mapping] += run->tasks[i].touched;
	for (size_t i = 0; !err && i < mappings->num; i++)
		if (mappings->items[i].anonymous)
			touched->anonymous += touched->bytes[i];
	return err;
}

struct hc_error *hc_touched_run(const struct hc_process *process, struct hc_touched *ret)
{
	struct hc_touched touched = {.num = process->mappings.num};
	struct run run = {.process = process};

	touched.bytes = calloc(touched.num + 1, sizeof(*touched.bytes));
	if (!touched.bytes)
		return &hc_enomem;
	struct hc_error *err = count(&run, &touched);
	free(run.tasks);
	if (err) {
		hc_touched_deinit(&touched);
		return err;
	}
	*ret = touched;
	return NULL;
}

void hc_touched_deinit(struct hc_touched *touched)
{
	free(touched->bytes);
	*touched = (struct hc_touched){0};
}
