/**
 * @file
 * glibc's struct pthread: stacks, static TLS, threads that have exited.
 *
 * It begins at the thread pointer on machines with TLS variant II and ends at the thread control
 * block on those with variant I, which some thread pointers stand far above (hc_machine::tp_bias).
 * Its fields (stackblock, stackblock_size, guardsize) stand next to each other in every release, at
 * an offset that differs; the values give them away, since the block must be page-aligned and hold
 * the thread pointer itself. The main thread's struct says nothing of the kind, since the kernel
 * made that stack.
 *
 * A stack that is kept for reuse still has its struct pthread, with the self-pointers (tcb and self
 * of tcbhead_t) that x86's libc needs. The struct lies at the same distance from the page-aligned
 * end of every block, because static TLS is the same for all. So one look per page is enough, once
 * one thread has shown the distance.
 */
#include "core/process/thread_library.h"

/** More than any release's struct pthread takes. */
#define MAX_STRUCT 0x1000

/**
 * Bytes at the front of struct pthread that every release has, in words: the part that can hold
 * pointers.
 */
#define STRUCT_WORDS 224

/** Alignment of struct pthread in all ports. */
#define STRUCT_ALIGN 64

/** Farthest that the static TLS of one thread reaches from the thread pointer. */
#define MAX_STATIC_TLS (16u << 20)

/** Rows of the table that one stack has at most. */
#define MAX_STACK_ROWS 64

/** Where struct pthread holds tid, at least: behind tcbhead_t and a list. */
#define MIN_TID_OFFSET 64

/** Words behind tid before which joinid can't come: robust list, 32 keys of two words. */
#define JOINID_WORDS 72

/** Modules in a dtv that are looked at. */
#define MAX_DTV 512

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
		if (row->path || i == MAX_STACK_ROWS)
			return false;
	}
	return true;
}

static bool is_stack_block(const struct hc_thread_memory *in, const struct hc_stack_block *block,
			   uint64_t tp)
{
	uint64_t end;

	if ((block->start | block->size | block->guard) & in->page_mask || !block->start ||
	    block->guard >= block->size || __builtin_add_overflow(block->start, block->size, &end))
		return false;
	return block->start + block->guard < tp && tp <= end &&
	       /* the struct is at the block's end; only static TLS can stand between */
	       end - tp < MAX_STATIC_TLS && range_is_anonymous(in->mappings, block->start, tp - 1);
}

/** The three words that describe the stack of the thread at @p tp. */
static bool find_stack(const struct hc_thread_memory *in, uint64_t tp, struct hc_stack_block *ret)
{
	unsigned word = in->memory->word_size;
	struct hc_stack_block block;

	tp -= in->core->machine->tp_bias;
	uint64_t start = in->core->machine->tls_above_tp ? tp - MAX_STRUCT : tp;
	if (!tp || tp & (word - 1) || start > tp)
		return false;
	for (uint64_t at = start; at < start + MAX_STRUCT; at += word) {
		if (!hc_memory_word(in->memory, at, &block.start) || block.start & in->page_mask ||
		    !block.start || block.start >= tp)
			continue;
		if (hc_memory_word(in->memory, at + word, &block.size) &&
		    hc_memory_word(in->memory, at + 2 * word, &block.guard) &&
		    is_stack_block(in, &block, tp)) {
			block.at = at;
			block.tp = tp;
			*ret = block;
			return true;
		}
	}
	return false;
}

/**
 * Extend a range by the static TLS blocks in @p limits that the thread's dtv names. The dtv is an
 * array of (pointer, to_free) pairs; entry -1 holds their number, entry 0 a generation.
 */
static void add_static_tls(const struct hc_thread_memory *in, uint64_t tp,
			   struct hc_thread_range limits, struct hc_thread_range *range)
{
	const struct hc_memory *memory = in->memory;
	const struct hc_machine *machine = in->core->machine;
	unsigned word = memory->word_size;
	bool above = machine->tls_above_tp;
	uint64_t dtv, num, value;

	if (!hc_memory_word(memory, tp + (int64_t)machine->dtv * word, &dtv) || dtv < 2 * word ||
	    !hc_memory_word(memory, dtv - 2 * word, &num))
		return;
	if (num > MAX_DTV)
		num = MAX_DTV;
	for (uint64_t i = 1; i <= num; i++) {
		if (!hc_memory_word(memory, dtv + 2 * word * i, &value))
			break;
		if (value < limits.start || value >= limits.end || (value < tp) == above)
			continue;
		if (value < range->start)
			range->start = value;
		if (value > range->end)
			range->end = value;
	}
}

/** Bytes of all static TLS, if every module had its own there; 0 when none is known. */
static uint64_t static_tls_size(const struct hc_thread_memory *in)
{
	uint64_t size = 0;

	for (size_t i = 0; i < in->modules->num; i++) {
		const struct hc_module *module = &in->modules->items[i];
		uint64_t align = module->tls_align;
		if (!module->tls_size || module->tls_size > MAX_STATIC_TLS)
			continue;
		if (align && align <= MAX_STATIC_TLS && !(align & (align - 1)))
			size = (size + align - 1) & -align;
		size += module->tls_size;
		if (size > MAX_STATIC_TLS)
			return MAX_STATIC_TLS;
	}
	return size;
}

/**
 * Variant I: where static TLS ends, of which the highest block that the dtv names begins at @p
 * last. That block's size is in no dtv.
 */
static uint64_t static_tls_end(const struct hc_thread_memory *in, uint64_t tp, uint64_t last)
{
	uint64_t size = static_tls_size(in);
	uint64_t end = tp + in->core->machine->tcb_words * in->memory->word_size + size;

	if (size && end > last)
		return end;
	return (last | in->page_mask) + 1;
}

static struct hc_thread_range find_block(const struct hc_thread_memory *in, uint64_t tp,
					 struct hc_thread_range limits, bool ends_block)
{
	uint64_t size = STRUCT_WORDS * in->memory->word_size;
	bool above = in->core->machine->tls_above_tp;

	tp -= in->core->machine->tp_bias;
	if (tp < limits.start || tp > limits.end)
		return (struct hc_thread_range){};
	struct hc_thread_range range = {above ? tp - size : tp, above ? tp : tp + size};
	if (tp - limits.start > MAX_STATIC_TLS)
		limits.start = tp - MAX_STATIC_TLS;
	if (limits.end - tp > MAX_STATIC_TLS)
		limits.end = tp + MAX_STATIC_TLS;
	add_static_tls(in, tp, limits, &range);
	if (ends_block)
		range.end = limits.end;
	else if (above)
		range.end = static_tls_end(in, tp, range.end);
	if (range.start <= limits.start || range.start > tp)
		range.start = limits.start;
	if (range.end > limits.end)
		range.end = limits.end;
	return range;
}

static bool is_exited(const struct hc_thread_memory *in, uint64_t tp, struct hc_stack_block *ret)
{
	unsigned word = in->memory->word_size;
	uint64_t tcb, self;

	return hc_memory_word(in->memory, tp, &tcb) && tcb == tp &&
	       hc_memory_word(in->memory, tp + 2 * word, &self) && self == tp &&
	       find_stack(in, tp, ret);
}

static bool find_exited(const struct hc_thread_memory *in, uint64_t distance,
			struct hc_thread_range range, struct hc_stack_block *ret)
{
	uint64_t step = distance ? in->page_mask + 1 : STRUCT_ALIGN;
	uint64_t first = distance ? distance : step;

	/* Only x86 keeps self-pointers in the block. */
	if (in->core->machine->tls_above_tp || range.end - range.start < first)
		return false;
	for (uint64_t tp = range.end - first; tp >= range.start; tp -= step) {
		if (is_exited(in, tp, ret) && ret->start + ret->size <= range.end)
			return true;
		if (tp - range.start < step)
			break;
	}
	return false;
}

/** The only place where all living threads hold their tid. */
static uint64_t find_number(const struct hc_thread_memory *in, const struct hc_thread *threads,
			    size_t num)
{
	uint64_t ret = 0;

	for (uint64_t at = MIN_TID_OFFSET; num && at < MAX_STRUCT; at += sizeof(uint32_t)) {
		size_t i = 0;
		uint32_t tid;

		while (i < num && threads[i].tp &&
		       hc_memory_u32(in->memory, threads[i].tp + at, &tid) &&
		       tid == (uint32_t)threads[i].lwp)
			i++;
		if (i < num)
			continue;
		if (ret)
			return 0;
		ret = at;
	}
	return ret;
}

/** Stacks that are looked at for the head of the list that they are in. */
#define MAX_LISTED 1024

/**
 * Whether a stack is kept for reuse. The links of its list stand before tid. Behind the list's
 * head, which is the loader's, are the bytes that the list has where it is that of stacks to be
 * reused, and the head of another list where it is that of stacks in use: ldsodefs.h, glibc 2.34
 * to 2.42.
 */
static bool is_kept(const struct hc_thread_memory *in, const struct hc_stack_block *block,
		    uint64_t tid)
{
	unsigned word = in->memory->word_size;
	uint64_t node = (block->tp + tid - 2 * word) & -(uint64_t)word, bytes;

	for (size_t i = 0; i < MAX_LISTED && hc_memory_word(in->memory, node, &node); i++)
		if (hc_modules_find(in->modules, node))
			return hc_memory_word(in->memory, node + 2 * word, &bytes) &&
			       !(bytes & in->page_mask) && bytes >= block->size &&
			       !hc_mappings_find(in->mappings, bytes);
	return false;
}

/**
 * pthread_join() leaves -1 in tid, and of the others (0) a detached thread has itself as joinid,
 * which follows behind tid and the keys of pthread_key_create(): nptl/descr.h, glibc 2.4 to 2.42.
 * What is neither, and yet is kept for reuse, was another thread of the parent when the process was
 * forked.
 */
static enum hc_thread_end how_ended(const struct hc_thread_memory *in,
				    const struct hc_stack_block *block, uint64_t tid)
{
	unsigned word = in->memory->word_size;
	uint64_t tp = block->tp, value, joinid = (tid + JOINID_WORDS * word) & -(uint64_t)word;
	uint32_t number;

	if (!tid || !hc_memory_u32(in->memory, tp + tid, &number))
		return HC_THREAD_END_UNKNOWN;
	if (number == UINT32_MAX)
		return HC_THREAD_JOINED;
	/* One that is about to end is still there, or about to be. */
	if (number)
		return HC_THREAD_END_UNKNOWN;
	for (uint64_t at = tp + joinid; at < block->at; at += word)
		if (hc_memory_word(in->memory, at, &value) && value == tp)
			return HC_THREAD_DETACHED;
	return is_kept(in, block, tid) ? HC_THREAD_FORKED : HC_THREAD_UNJOINED;
}

const struct hc_thread_library hc_thread_library_glibc = {
	.find_stack = find_stack,
	.find_block = find_block,
	.find_exited = find_exited,
	.find_number = find_number,
	.how_ended = how_ended,
	.max_struct = MAX_STRUCT,
};
