/**
 * @file
 * The table of threads; see thread_table.h.
 */
#include "analyzers/inspect/thread_table.h"

#include <stdlib.h>
#include <string.h>

#include "analyzers/inspect/touched.h"
#include "core/base/cleanup.h"
#include "core/process/frames.h"

/** @name Calls */
/**@{*/

static struct hc_thread_call name_call(struct hc_process *process, uint64_t pc, unsigned frame)
{
	struct hc_thread_call call = {
		.pc = pc,
		.module = hc_modules_find(&process->modules, pc),
		.frame = frame,
	};

	if (!call.module)
		return call;
	if (!hc_modules_symbol(&process->modules, pc, &call.function, &call.offset)) {
		call.function = NULL;
		call.offset = pc - call.module->start;
	}
	return call;
}

/**
 * The frame that the C library called when the thread began: the first inside of the outermost run
 * of frames in libc, behind what started libc itself (_start of the program, or nothing).
 */
static size_t find_entry(const struct hc_process *process, const struct hc_frames *frames)
{
	const struct hc_module *libc = hc_modules_libc(&process->modules);
	size_t i = frames->num;

	if (!libc)
		return frames->num;
	while (i > 0 && hc_modules_find(&process->modules, frames->items[i - 1].pc) != libc)
		i--;
	if (frames->num - i > 1)
		return frames->num; /* only _start comes before libc: the walk ended early */
	while (i > 0 && hc_modules_find(&process->modules, frames->items[i - 1].pc) == libc)
		i--;
	return i > 0 ? i - 1 : frames->num;
}

static struct hc_error *name_calls(struct hc_process *process, struct hc_thread_row *row)
{
	hc_cleanup(hc_frames_deinit) struct hc_frames frames = {0};
	struct hc_error *err = hc_frames_unwind(process, row->thread, &frames);

	if (err)
		return err;
	/* Without a frame the program counter is known all the same. */
	size_t num = frames.num ? frames.num : 1, entry = find_entry(process, &frames);

	if (num > HC_THREAD_MAX_CALLS)
		num = HC_THREAD_MAX_CALLS;
	row->calls = calloc(num + 1, sizeof(*row->calls));
	if (!row->calls)
		return &hc_enomem;
	for (size_t i = 0; i < num; i++)
		row->calls[i] =
			name_call(process, frames.num ? frames.items[i].pc : row->thread->pc, i);
	row->num_calls = num;
	row->entry = num;
	if (entry < num)
		row->entry = entry;
	else if (entry < frames.num) {
		row->calls[num] = name_call(process, frames.items[entry].pc, entry);
		row->entry = row->num_calls++;
	}
	return NULL;
}

static bool same_calls(const struct hc_thread_row *a, const struct hc_thread_row *b)
{
	if (a->num_calls != b->num_calls || a->entry != b->entry)
		return false;
	for (size_t i = 0; i < a->num_calls; i++)
		if (a->calls[i].pc != b->calls[i].pc || a->calls[i].frame != b->calls[i].frame)
			return false;
	return true;
}

static size_t find_place(const struct hc_thread_table *table, const struct hc_thread_row *row)
{
	size_t i = 0;

	while (&table->rows[i] != row && !same_calls(&table->rows[i], row))
		i++;
	return i;
}
/**@}*/

/** @name Stacks */
/**@{*/

static void measure_stack(const struct hc_process *process, struct hc_thread_row *row)
{
	const struct hc_thread *thread = row->thread;

	if (thread->stack_end <= thread->stack_start)
		return;
	row->guard = thread->stack_start - thread->guard_start;
	row->reserved = thread->stack_end - thread->guard_start;
	row->present = hc_memory_present(&process->memory, thread->stack_start, thread->stack_end);
	row->touched = hc_touched_range(process, thread->stack_start, thread->stack_end);
	if (thread->live_start >= thread->stack_start && thread->live_start < thread->stack_end)
		row->live = thread->stack_end - thread->live_start;
}

static void measure_ended(const struct hc_process *process, struct hc_thread_table *table)
{
	const struct hc_threads *threads = &process->threads;

	for (size_t i = 0; i < threads->num_cached; i++) {
		const struct hc_stack_range *stack = &threads->cached[i];
		struct hc_thread_ended *ended = &table->ended[stack->how];

		ended->num++;
		ended->reserved += stack->end - stack->start;
		ended->touched += hc_touched_range(process, stack->start, stack->end);
	}
}
/**@}*/

static struct hc_error *add_thread(struct hc_process *process, const struct hc_heap *heap, size_t i,
				   struct hc_thread_row *row)
{
	*row = (struct hc_thread_row){
		.thread = &process->threads.items[i],
		.arena = heap && heap->thread_arena ? heap->thread_arena[i] : HC_ARENA_MMAP,
	};
	if (heap && heap->thread_cache && heap->thread_cache[i].known)
		row->cache = &heap->thread_cache[i];
	measure_stack(process, row);
	return name_calls(process, row);
}

struct hc_error *hc_thread_table_run(struct hc_target *target, struct hc_thread_table *ret)
{
	hc_cleanup(hc_thread_table_deinit) struct hc_thread_table table = {0};
	struct hc_process *process = target->process;
	const struct hc_heap *heap;
	struct hc_error *err = hc_target_heap_if_any(target, &heap);

	if (err)
		return err;
	table.rows = calloc(process->threads.num + 1, sizeof(*table.rows));
	if (!table.rows)
		return &hc_enomem;
	while (table.num < process->threads.num) {
		size_t i = table.num++;

		if ((err = add_thread(process, heap, i, &table.rows[i])))
			return err;
		table.rows[i].place = find_place(&table, &table.rows[i]);
		table.reserved += table.rows[i].reserved;
		table.touched += table.rows[i].touched;
	}
	measure_ended(process, &table);
	*ret = table;
	table = (struct hc_thread_table){0};
	return NULL;
}

void hc_thread_table_deinit(struct hc_thread_table *table)
{
	for (size_t i = 0; i < table->num; i++)
		free(table->rows[i].calls);
	free(table->rows);
	*table = (struct hc_thread_table){0};
}
