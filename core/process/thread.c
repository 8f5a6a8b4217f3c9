/**
 * @file
 * Threads and their stacks.
 *
 * glibc's struct pthread begins at the thread pointer on machines with TLS variant II and ends at
 * the thread control block on those with variant I, which some thread pointers stand far above
 * (hc_machine::tp_bias). Its fields (stackblock, stackblock_size, guardsize) stand next to each
 * other in every release, at an offset that differs; the values give them away, since the block
 * must be page-aligned and hold the thread pointer itself. The main thread's struct says nothing of
 * the kind, since the kernel made that stack.
 *
 * A stack that is kept for reuse still has its struct pthread, with the self-pointers (tcb and self
 * of tcbhead_t) that x86's libc needs. The struct lies at the same distance from the page-aligned
 * end of every block, because static TLS is the same for all. So one look per page is enough, once
 * one thread has shown the distance; without such a thread only the last page of a mapping is
 * searched. All pages of a row are looked at only where it stands directly above a guard, and at
 * most HC_MAX_CACHED_SEARCH bytes of it.
 */
#include "core/process/thread.h"
#include "core/base/array.h"

#include <elf.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/cleanup.h"

/** More than any release's struct pthread takes. */
#define HC_PTHREAD_SEARCH 0x1000

/**
 * Bytes at the front of struct pthread that every release has, in words: the part that can hold
 * pointers.
 */
#define HC_PTHREAD_WORDS 224

/** Farthest that the static TLS of one thread reaches from the thread pointer. */
#define HC_MAX_STATIC_TLS (16u << 20)

/** Rows of the table that one stack has at most. */
#define HC_MAX_STACK_ROWS 64

/** Modules in a dtv that are looked at. */
#define HC_MAX_DTV 512

/** Bytes of one row that are searched for stacks of exited threads. */
#define HC_MAX_CACHED_SEARCH (1ull << 30)

/** Alignment of struct pthread in all ports. */
#define HC_PTHREAD_ALIGN 64

struct stack_block {
	uint64_t start, size, guard;
};

struct searcher {
	const struct hc_core *core;
	const struct hc_memory *memory;
	const struct hc_modules *modules;
	struct hc_mappings *mappings;
	uint64_t page_mask;
};

/* struct pthread */

/**
 * No stack has a file in it. It may have rows of several permissions: Java makes guards of its
 * own.
 */
static bool range_is_anonymous(const struct hc_mappings *mappings, uint64_t start, uint64_t last)
{
	const struct hc_mapping *row = hc_mappings_find(mappings, last);

	if (!row)
		return false;
	for (unsigned i = 0; row >= mappings->items && row->end > start; row--, i++) {
		if (row->path || i == HC_MAX_STACK_ROWS)
			return false;
	}
	return true;
}

static bool stack_block_valid(const struct searcher *searcher, const struct stack_block *block,
			      uint64_t tp)
{
	uint64_t end;

	if ((block->start | block->size | block->guard) & searcher->page_mask || !block->start ||
	    block->guard >= block->size || __builtin_add_overflow(block->start, block->size, &end))
		return false;
	return block->start + block->guard < tp && tp <= end &&
	       /* the struct is at the block's end; only static TLS can stand between */
	       end - tp < HC_MAX_STATIC_TLS &&
	       range_is_anonymous(searcher->mappings, block->start, tp - 1);
}

/** The three words that describe the stack of the thread at @p tp. */
static bool find_stack_block(const struct searcher *searcher, uint64_t tp, struct stack_block *ret)
{
	unsigned word = searcher->memory->word_size;
	struct stack_block block;

	tp -= searcher->core->machine->tp_bias;
	uint64_t start = searcher->core->machine->tls_above_tp ? tp - HC_PTHREAD_SEARCH : tp;
	if (!tp || tp & (word - 1) || start > tp)
		return false;
	for (uint64_t at = start; at < start + HC_PTHREAD_SEARCH; at += word) {
		if (!hc_memory_word(searcher->memory, at, &block.start) ||
		    block.start & searcher->page_mask || !block.start || block.start >= tp)
			continue;
		if (hc_memory_word(searcher->memory, at + word, &block.size) &&
		    hc_memory_word(searcher->memory, at + 2 * word, &block.guard) &&
		    stack_block_valid(searcher, &block, tp)) {
			*ret = block;
			return true;
		}
	}
	return false;
}

/**
 * Lowest and highest static TLS block that the thread's dtv names, in [low, high). The dtv is an
 * array of (pointer, to_free) pairs; entry -1 holds their number, entry 0 a generation.
 */
static void static_tls_bounds(const struct searcher *searcher, uint64_t tp, uint64_t low,
			      uint64_t high, uint64_t *start_ret, uint64_t *end_ret)
{
	const struct hc_memory *memory = searcher->memory;
	const struct hc_machine *machine = searcher->core->machine;
	unsigned word = memory->word_size;
	bool above = machine->tls_above_tp;
	uint64_t dtv, num, value;

	if (!hc_memory_word(memory, tp + (int64_t)machine->dtv * word, &dtv) || dtv < 2 * word ||
	    !hc_memory_word(memory, dtv - 2 * word, &num))
		return;
	if (num > HC_MAX_DTV)
		num = HC_MAX_DTV;
	for (uint64_t i = 1; i <= num; i++) {
		if (!hc_memory_word(memory, dtv + 2 * word * i, &value))
			break;
		if (value < low || value >= high || (value < tp) == above)
			continue;
		if (value < *start_ret)
			*start_ret = value;
		if (value > *end_ret)
			*end_ret = value;
	}
}

/** Bytes of all static TLS, if every module had its own there; 0 when none is known. */
static uint64_t static_tls_size(const struct searcher *searcher)
{
	uint64_t size = 0;

	for (size_t i = 0; i < searcher->modules->num; i++) {
		const struct hc_module *module = &searcher->modules->items[i];
		uint64_t align = module->tls_align;
		if (!module->tls_size || module->tls_size > HC_MAX_STATIC_TLS)
			continue;
		if (align && align <= HC_MAX_STATIC_TLS && !(align & (align - 1)))
			size = (size + align - 1) & -align;
		size += module->tls_size;
		if (size > HC_MAX_STATIC_TLS)
			return HC_MAX_STATIC_TLS;
	}
	return size;
}

/**
 * Variant I: where static TLS ends, of which the highest block that the dtv names begins at @p
 * last. That block's size is in no dtv.
 */
static uint64_t static_tls_end(const struct searcher *searcher, uint64_t tp, uint64_t last)
{
	uint64_t size = static_tls_size(searcher);
	uint64_t end = tp + searcher->core->machine->tcb_words * searcher->memory->word_size + size;

	if (size && end > last)
		return end;
	return (last | searcher->page_mask) + 1;
}

/** Static TLS and struct pthread of a thread whose block lies in [low, high). */
static void thread_set_block(const struct searcher *searcher, struct hc_thread *thread,
			     uint64_t low, uint64_t high, bool ends_block)
{
	const struct hc_machine *machine = searcher->core->machine;
	uint64_t tp = thread->tp - machine->tp_bias;
	uint64_t size = HC_PTHREAD_WORDS * searcher->memory->word_size;
	bool above = machine->tls_above_tp;

	if (tp < low || tp > high)
		return;
	uint64_t start = above ? tp - size : tp, end = above ? tp : tp + size;
	if (tp - low > HC_MAX_STATIC_TLS)
		low = tp - HC_MAX_STATIC_TLS;
	if (high - tp > HC_MAX_STATIC_TLS)
		high = tp + HC_MAX_STATIC_TLS;
	static_tls_bounds(searcher, tp, low, high, &start, &end);
	if (ends_block)
		end = high;
	else if (above)
		end = static_tls_end(searcher, tp, end);
	thread->block_start = start > low && start <= tp ? start : low;
	thread->block_end = end < high ? end : high;
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

static bool thread_find_pthread_stack(const struct searcher *searcher, struct hc_thread *thread)
{
	struct stack_block block;

	if (!find_stack_block(searcher, thread->tp, &block))
		return false;
	thread->exact = true;
	thread->guard_start = block.start;
	thread->stack_start = block.start + block.guard;
	thread_set_block(searcher, thread, thread->stack_start, block.start + block.size, true);
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
static bool main_stack(const struct searcher *searcher, uint64_t *start, uint64_t *end)
{
	uint64_t address;

	return (hc_core_auxv(searcher->core, AT_EXECFN, &address) ||
		hc_core_auxv(searcher->core, AT_RANDOM, &address)) &&
	       vma_bounds(searcher->mappings, address, start, end);
}

/** Without a struct pthread that tells: the VMA of the main stack, or the one that sp lies in. */
static void thread_find_vma_stack(const struct searcher *searcher, struct hc_thread *thread)
{
	uint64_t start = 0, end = 0;

	if (!(thread->main && main_stack(searcher, &start, &end)))
		vma_bounds(searcher->mappings, thread->sp, &start, &end);
	thread->guard_start = thread->stack_start = start;
	thread->stack_end = end;

	uint64_t tp = thread->tp ? thread->tp - searcher->core->machine->tp_bias : 0;
	const struct hc_mapping *row = tp ? hc_mappings_find(searcher->mappings, tp) : NULL;
	if (row && row->flags & PF_W)
		thread_set_block(searcher, thread, row->start, row->end, false);
}

static void thread_init(const struct searcher *searcher, const struct hc_prstatus *prstatus,
			struct hc_thread *thread)
{
	const struct hc_core *core = searcher->core;

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
	if (!thread_find_pthread_stack(searcher, thread))
		thread_find_vma_stack(searcher, thread);
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

static struct hc_error *threads_add_cached(struct hc_threads *threads,
					   const struct searcher *searcher,
					   const struct stack_block *block)
{
	uint64_t start = block->start + block->guard, end = block->start + block->size;
	struct hc_error *err =
		hc_array_reserve(&threads->cached, threads->num_cached, sizeof(*threads->cached));

	if (err)
		return err;
	threads->cached[threads->num_cached++] = (struct hc_stack_range){start, end};
	err = hc_mappings_assign(searcher->mappings, block->start, start, HC_MAPPING_STACK_GUARD,
				 "exited thread");
	if (err)
		return err;
	return hc_mappings_assign(searcher->mappings, start, end, HC_MAPPING_STACK_CACHED, NULL);
}

static bool is_thread_block(const struct searcher *searcher, uint64_t tp, struct stack_block *ret)
{
	unsigned word = searcher->memory->word_size;
	uint64_t tcb, self;

	return hc_memory_word(searcher->memory, tp, &tcb) && tcb == tp &&
	       hc_memory_word(searcher->memory, tp + 2 * word, &self) && self == tp &&
	       find_stack_block(searcher, tp, ret);
}

/**
 * Distance of struct pthread from the page-aligned end of its block, by a thread that has one; 0:
 * unknown.
 */
static uint64_t pthread_distance(const struct searcher *searcher, const struct hc_threads *threads)
{
	for (size_t i = 0; i < threads->num; i++) {
		const struct hc_thread *thread = &threads->items[i];
		if (thread->exact && thread->block_end > thread->tp &&
		    !(thread->block_end & searcher->page_mask))
			return thread->block_end - thread->tp;
	}
	return 0;
}

/**
 * The highest block in [start, end).
 *
 * @param distance look at this distance from the end of each page; 0: everywhere
 */
static bool find_cached(const struct searcher *searcher, uint64_t distance, uint64_t start,
			uint64_t end, struct stack_block *ret)
{
	uint64_t step = distance ? searcher->page_mask + 1 : HC_PTHREAD_ALIGN;
	uint64_t first = distance ? distance : step;

	if (end - start < first)
		return false;
	for (uint64_t tp = end - first; tp >= start; tp -= step) {
		if (is_thread_block(searcher, tp, ret) && ret->start + ret->size <= end)
			return true;
		if (tp - start < step)
			break;
	}
	return false;
}

static bool may_hold_stack(const struct hc_mapping *row)
{
	return row->kind == HC_MAPPING_ANON && row->flags & PF_W && row->present;
}

/**
 * Where to search from: the front of a row that begins with a stack, else the end of the row's
 * last block.
 */
static uint64_t search_start(const struct searcher *searcher, size_t index, uint64_t distance)
{
	const struct hc_mapping *row = &searcher->mappings->items[index];
	uint64_t size = row->end - row->start, last = HC_PTHREAD_SEARCH;
	bool follows = index && row[-1].end == row->start &&
		       (row[-1].kind == HC_MAPPING_RESERVED ||
			/* glibc 2.42 makes guards without a mapping of their own */
			row[-1].kind == HC_MAPPING_TLS);

	if (distance && follows)
		last = HC_MAX_CACHED_SEARCH;
	return size > last ? row->end - last : row->start;
}

static struct hc_error *threads_find_cached(const struct searcher *searcher,
					    struct hc_threads *threads)
{
	uint64_t distance = pthread_distance(searcher, threads);

	/* Only x86 keeps self-pointers in the block. */
	if (searcher->core->machine->tls_above_tp)
		return NULL;
	for (size_t i = 0; i < searcher->mappings->num; i++) {
		if (!may_hold_stack(&searcher->mappings->items[i]))
			continue;
		uint64_t start = search_start(searcher, i, distance);
		uint64_t end = searcher->mappings->items[i].end;
		struct stack_block block;
		while (start < end && find_cached(searcher, distance, start, end, &block)) {
			struct hc_error *err = threads_add_cached(threads, searcher, &block);
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
	const struct searcher searcher = {
		.core = core,
		.memory = memory,
		.modules = modules,
		.mappings = mappings,
		.page_mask = (1ULL << core->machine->page_shift) - 1,
	};
	hc_cleanup(hc_threads_deinit) struct hc_threads threads = {};
	uint64_t start, end;
	struct hc_error *err;

	threads.items = calloc(core->num_threads + 1, sizeof(*threads.items));
	if (!threads.items)
		return &hc_enomem;
	/* Also when the main thread is gone; a thread that lives on it overrules. */
	if (main_stack(&searcher, &start, &end) &&
	    (err = hc_mappings_assign(mappings, start, end, HC_MAPPING_MAIN_STACK, NULL)))
		return err;
	for (; threads.num < core->num_threads; threads.num++)
		thread_init(&searcher, &core->threads[threads.num], &threads.items[threads.num]);
	for (size_t i = 0; i < threads.num; i++) {
		if ((err = thread_assign(mappings, &threads.items[i])))
			return err;
	}
	if ((err = threads_find_cached(&searcher, &threads)))
		return err;
	if (threads.num_cached)
		qsort(threads.cached, threads.num_cached, sizeof(*threads.cached), compare_ranges);
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
