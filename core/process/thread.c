/**
 * @file
 * Threads and their stacks.
 *
 * What the C library has written down of a thread is asked of it (thread_library.h). Where it says
 * nothing, as for the main thread, whose stack the kernel made, a stack is the VMA that the stack
 * pointer lies in.
 *
 * Stacks of threads that have exited are searched for where a mapping may end with one; all pages
 * of a row are looked at only where it stands directly above a guard, and at most
 * HC_MAX_CACHED_SEARCH bytes of it.
 */
#include "core/process/thread.h"
#include "core/base/array.h"

#include <elf.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/cleanup.h"
#include "core/process/thread_library.h"

/** Bytes of one row that are searched for stacks of exited threads. */
#define HC_MAX_CACHED_SEARCH (1ull << 30)

/** The C library that is asked; the only one that is known so far. */
static const struct hc_thread_library *const library = &hc_thread_library_glibc;

/** Static TLS, and the library's struct, of a thread whose block lies in [low, high). */
static void thread_set_block(const struct hc_thread_memory *in, struct hc_thread *thread,
			     uint64_t low, uint64_t high, bool ends_block)
{
	struct hc_thread_range block = library->find_block(
		in, thread->tp, (struct hc_thread_range){low, high}, ends_block);

	thread->block_start = block.start;
	thread->block_end = block.end;
}

/* Stacks. */

/**
 * [live_start, stack_end) from sp. A stack pointer that is elsewhere (alternate signal stack,
 * coroutine) says nothing about this stack, so that all of it counts.
 */
static void thread_set_live(const struct hc_machine *machine, struct hc_thread *thread)
{
	uint64_t sp = thread->sp;

	thread->live_start = thread->stack_start;
	if (sp < thread->stack_start || sp > thread->stack_end)
		return;
	if (sp - thread->stack_start > machine->red_zone)
		thread->live_start = sp - machine->red_zone;
}

static bool thread_find_library_stack(const struct hc_thread_memory *in, struct hc_thread *thread)
{
	struct hc_stack_block block;

	if (!library->find_stack(in, thread->tp, &block))
		return false;
	thread->exact = true;
	thread->guard_start = block.start;
	thread->stack_start = block.start + block.guard;
	thread_set_block(in, thread, thread->stack_start, block.start + block.size, true);
	thread->stack_end = thread->block_start;
	return true;
}

/** The VMA, which rows may have been cut from, around @p address. */
static bool vma_bounds(const struct hc_mappings *mappings, uint64_t address, uint64_t *start,
		       uint64_t *end)
{
	const struct hc_mapping *row = hc_mappings_find(mappings, address);

	if (!row)
		return false;
	const struct hc_mapping *first = mappings->items, *last = first + mappings->num - 1;
	const struct hc_mapping *low = row, *high = row;
	while (low > first && low[-1].vma == row->vma)
		low--;
	while (high < last && high[1].vma == row->vma)
		high++;
	*start = low->start;
	*end = high->end;
	return true;
}

/** Where the kernel put the program's strings: the top of the stack that it made. */
static bool main_stack(const struct hc_thread_memory *in, uint64_t *start, uint64_t *end)
{
	uint64_t address;

	return (hc_core_auxv(in->core, AT_EXECFN, &address) ||
		hc_core_auxv(in->core, AT_RANDOM, &address)) &&
	       vma_bounds(in->mappings, address, start, end);
}

/** Where the library says nothing: the VMA of the main stack, or the one that sp lies in. */
static void thread_find_vma_stack(const struct hc_thread_memory *in, struct hc_thread *thread)
{
	uint64_t start = 0, end = 0;

	if (!(thread->main && main_stack(in, &start, &end)))
		vma_bounds(in->mappings, thread->sp, &start, &end);
	thread->guard_start = thread->stack_start = start;
	thread->stack_end = end;

	uint64_t tp = thread->tp ? thread->tp - in->core->machine->tp_bias : 0;
	const struct hc_mapping *row = tp ? hc_mappings_find(in->mappings, tp) : NULL;
	if (row && row->flags & PF_W)
		thread_set_block(in, thread, row->start, row->end, false);
}

static void thread_init(const struct hc_thread_memory *in, const struct hc_prstatus *prstatus,
			struct hc_thread *thread)
{
	const struct hc_core *core = in->core;

	*thread = (struct hc_thread){
		.lwp = prstatus->lwp,
		.signal = prstatus->signal,
		.main = core->num_threads == 1 ||
			(core->has_prpsinfo && prstatus->lwp == core->prpsinfo.pid),
		.num_regs = prstatus->num_regs,
		.pc = prstatus->regs[core->machine->pc],
		.sp = prstatus->regs[core->machine->sp],
		.tp = prstatus->tp,
	};
	memcpy(thread->regs, prstatus->regs, sizeof(thread->regs));
	if (!thread_find_library_stack(in, thread))
		thread_find_vma_stack(in, thread);
	thread_set_live(core->machine, thread);
}

/* Kinds. */

static struct hc_error *thread_assign(struct hc_mappings *mappings, const struct hc_thread *thread)
{
	enum hc_mapping_kind kind =
		thread->main && !thread->exact ? HC_MAPPING_MAIN_STACK : HC_MAPPING_STACK;
	struct hc_error *err;
	char note[64];

	snprintf(note, sizeof(note), "thread %d", thread->lwp);
	if (kind == HC_MAPPING_MAIN_STACK) {
		err = hc_mappings_assign(mappings, thread->stack_start, thread->stack_end, kind,
					 NULL);
	} else if (!(err = hc_mappings_assign(mappings, thread->guard_start, thread->stack_start,
					      HC_MAPPING_STACK_GUARD, note))) {
		err = hc_mappings_assign(mappings, thread->stack_start, thread->stack_end, kind,
					 note);
	}
	if (err)
		return err;
	return hc_mappings_assign(mappings, thread->block_start, thread->block_end, HC_MAPPING_TLS,
				  note);
}

/* Stacks of exited threads. */

static const char *thread_end_note(enum hc_thread_end how)
{
	static const char *const notes[HC_NUM_THREAD_ENDS] = {
		[HC_THREAD_JOINED] = "joined, kept for reuse",
		[HC_THREAD_DETACHED] = "detached, kept for reuse",
		[HC_THREAD_UNJOINED] = "never joined",
		[HC_THREAD_FORKED] = "of the parent, copied by fork",
	};

	return notes[how];
}

static struct hc_error *threads_add_cached(struct hc_threads *threads,
					   const struct hc_thread_memory *in,
					   const struct hc_stack_block *block,
					   enum hc_thread_end how)
{
	uint64_t start = block->start + block->guard, end = block->start + block->size;
	struct hc_error *err =
		hc_array_reserve(&threads->cached, threads->num_cached, sizeof(*threads->cached));

	if (err)
		return err;
	threads->cached[threads->num_cached++] = (struct hc_stack_range){start, end, how};
	threads->num_unjoined += how == HC_THREAD_UNJOINED;
	threads->num_forked += how == HC_THREAD_FORKED;
	err = hc_mappings_assign(in->mappings, block->start, start, HC_MAPPING_STACK_GUARD,
				 "exited thread");
	if (err)
		return err;
	return hc_mappings_assign(in->mappings, start, end, HC_MAPPING_STACK_CACHED,
				  thread_end_note(how));
}

/**
 * Distance of the thread pointer from the page-aligned end of its block, by a thread that has one;
 * 0: unknown.
 */
static uint64_t pointer_distance(const struct hc_thread_memory *in,
				 const struct hc_threads *threads)
{
	for (size_t i = 0; i < threads->num; i++) {
		const struct hc_thread *thread = &threads->items[i];
		if (thread->exact && thread->block_end > thread->tp &&
		    !(thread->block_end & in->page_mask))
			return thread->block_end - thread->tp;
	}
	return 0;
}

static bool may_hold_stack(const struct hc_mapping *row)
{
	return row->kind == HC_MAPPING_ANON && row->flags & PF_W && row->present;
}

/**
 * Where to search from: the front of a row that begins with a stack, else the end of the row's
 * last block.
 */
static uint64_t search_start(const struct hc_thread_memory *in, size_t index, uint64_t distance)
{
	const struct hc_mapping *row = &in->mappings->items[index];
	uint64_t size = row->end - row->start, last = library->max_struct;
	bool follows = index && row[-1].end == row->start &&
		       (row[-1].kind == HC_MAPPING_RESERVED ||
			/* glibc 2.42 makes guards without a mapping of their own */
			row[-1].kind == HC_MAPPING_TLS);

	if (distance && follows)
		last = HC_MAX_CACHED_SEARCH;
	return size > last ? row->end - last : row->start;
}

static struct hc_error *threads_find_cached(const struct hc_thread_memory *in,
					    struct hc_threads *threads)
{
	uint64_t distance = pointer_distance(in, threads);
	uint64_t number = library->find_number(in, threads->items, threads->num);

	for (size_t i = 0; i < in->mappings->num; i++) {
		if (!may_hold_stack(&in->mappings->items[i]))
			continue;
		uint64_t start = search_start(in, i, distance);
		uint64_t end = in->mappings->items[i].end;
		struct hc_stack_block block;
		while (start < end &&
		       library->find_exited(in, distance, (struct hc_thread_range){start, end},
					    &block)) {
			struct hc_error *err = threads_add_cached(
				threads, in, &block, library->how_ended(in, &block, number));
			if (err)
				return err;
			end = block.start;
		}
	}
	return NULL;
}

static int compare_ranges(const void *a, const void *b)
{
	const struct hc_stack_range *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

struct hc_error *hc_threads_load(const struct hc_core *core, const struct hc_memory *memory,
				 const struct hc_modules *modules, struct hc_mappings *mappings,
				 struct hc_threads *ret)
{
	const struct hc_thread_memory in = {
		.core = core,
		.memory = memory,
		.modules = modules,
		.mappings = mappings,
		.page_mask = hc_core_page_size(core) - 1,
	};
	hc_cleanup(hc_threads_deinit) struct hc_threads threads = {};
	uint64_t start, end;
	struct hc_error *err;

	threads.items = calloc(core->num_threads + 1, sizeof(*threads.items));
	if (!threads.items)
		return &hc_enomem;
	/* Also when the main thread is gone; a thread that lives on it overrules. */
	if (main_stack(&in, &start, &end) &&
	    (err = hc_mappings_assign(mappings, start, end, HC_MAPPING_MAIN_STACK, NULL)))
		return err;
	for (; threads.num < core->num_threads; threads.num++)
		thread_init(&in, &core->threads[threads.num], &threads.items[threads.num]);
	for (size_t i = 0; i < threads.num; i++) {
		if ((err = thread_assign(mappings, &threads.items[i])))
			return err;
	}
	if ((err = threads_find_cached(&in, &threads)))
		return err;
	hc_sort(threads.cached, threads.num_cached, compare_ranges);
	*ret = threads;
	threads = (struct hc_threads){};
	return NULL;
}

void hc_threads_deinit(struct hc_threads *threads)
{
	free(threads->items);
	free(threads->cached);
	*threads = (struct hc_threads){};
}

static bool overlap(uint64_t start, uint64_t end, uint64_t other_start, uint64_t other_end)
{
	return start < other_end && other_start < end;
}

const struct hc_thread *hc_threads_stack_in(const struct hc_threads *threads, uint64_t start,
					    uint64_t end)
{
	for (size_t i = 0; i < threads->num; i++) {
		const struct hc_thread *thread = &threads->items[i];

		if (overlap(thread->stack_start, thread->stack_end, start, end))
			return thread;
	}
	return NULL;
}

const struct hc_thread *hc_threads_block_in(const struct hc_threads *threads, uint64_t start,
					    uint64_t end)
{
	for (size_t i = 0; i < threads->num; i++) {
		const struct hc_thread *thread = &threads->items[i];

		if (overlap(thread->block_start, thread->block_end, start, end) ||
		    (thread->tp >= start && thread->tp < end))
			return thread;
	}
	return NULL;
}

const struct hc_thread *hc_threads_at(const struct hc_threads *threads, uint64_t address)
{
	for (size_t i = 0; i < threads->num; i++) {
		const struct hc_thread *thread = &threads->items[i];

		if ((address >= thread->guard_start && address < thread->stack_end) ||
		    (address >= thread->block_start && address < thread->block_end))
			return thread;
	}
	return NULL;
}
