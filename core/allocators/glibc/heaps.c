/**
 * @file
 * Where the arenas' memory is: the main heap, and the heaps of thread arenas.
 *
 * The main arena grows by brk from mp_.sbrk_base to its top chunk. In a clean heap the chain of
 * chunks leads from one to the other; walk.c deals with what other users of sbrk left in between.
 *
 * When brk fails, or huge pages are asked for, the main arena grows by mmap instead and becomes
 * non-contiguous. No list of its stretches exists. Each begins a page, and its chain leads either
 * to a pair of fenceposts or to the end of the top chunk; their lengths add up to system_mem.
 *
 * A thread arena owns a list of heaps, each a mapping aligned to HEAP_MAX_SIZE that begins with a
 * heap_info. The newest holds the top chunk, `prev` leads to the older ones, and the first also
 * holds the arena itself. All but the newest end in a terminator: a header of size 0.
 *
 * Where libc's data is missing or destroyed, no main arena can be found; its heap still can, since
 * its chain of chunks begins a mapping.
 */
#include <elf.h>

#include "core/base/array.h"
#include "core/base/cleanup.h"
#include "core/allocators/glibc/glibc.h"
#include "core/base/format.h"

bool glibc_read_heap_info(const struct glibc *g, uint64_t base, struct glibc_heap_info *ret)
{
	unsigned word = g->params.word_size;
	struct glibc_heap_info info = {.base = base};
	if (!glibc_word(g, base, &info.arena) || !glibc_word(g, base + word, &info.prev) ||
	    !glibc_word(g, base + 2 * word, &info.size) ||
	    !glibc_word(g, base + 3 * word, &info.mprotect_size))
		return false;
	if (info.size > info.mprotect_size || info.size & (glibc_page_size(g) - 1) ||
	    info.size > UINT64_C(1) << 32)
		return false;
	*ret = info;
	return true;
}

/**
 * The heap of @p arena that holds @p address: HEAP_MAX_SIZE is a constant unless huge pages are
 * asked for.
 */
static bool heap_for(const struct glibc *g, const struct glibc_arena *arena, uint64_t address,
		     struct glibc_heap_info *ret)
{
	uint64_t sizes[] = {g->params.heap_max, 4 * g->par.hp_pagesize};
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		if (!sizes[i])
			continue;
		if (glibc_read_heap_info(g, address & ~(sizes[i] - 1), ret) &&
		    ret->arena == arena->address && address - ret->base < ret->mprotect_size)
			return true;
	}
	return false;
}

static uint64_t round_up(uint64_t value, uint64_t alignment)
{
	return (value + alignment - 1) & ~(alignment - 1);
}

/**
 * First chunk behind a header that ends at @p end: the first place whose user address is aligned.
 */
static uint64_t first_chunk(const struct glibc *g, uint64_t end)
{
	return round_up(end + g->params.header, g->params.alignment) - g->params.header;
}

static struct hc_error *walk_thread_heap(struct glibc *g, uint32_t index,
					 const struct glibc_heap_info *info)
{
	const struct glibc_arena *arena = &g->arenas[index];
	struct hc_arena *row = &g->heap->arenas[index];
	bool first = info->base == arena->heap;
	uint64_t start = first_chunk(g, first ? arena->address + g->state->size
					      : info->base + g->heap_info_size);
	uint64_t end = info->base + info->size;
	/* heap_trim() gives pages back with MADV_DONTNEED, and leaves them accessible. */
	row->given_back += info->mprotect_size - info->size;
	if (start >= end)
		return NULL;
	row->num_heaps++;
	row->outside += start - info->base;
	struct glibc_stretch stretch = {
		.tag = GLIBC_IN_THREAD_HEAP,
		.arena = index,
		.first = start,
		.end = end,
		.top = arena->top,
	};
	return glibc_walk(g, &stretch);
}

static struct hc_inconsistency system_fault(const struct glibc *g, const struct glibc_arena *arena)
{
	return glibc_fault(GLIBC_ARENA_SYSTEM, arena->address + glibc_system_offset(g->state), 0);
}

static struct hc_error *walk_thread_arena(struct glibc *g, uint32_t index)
{
	const struct glibc_arena *arena = &g->arenas[index];
	struct glibc_heap_info info;
	if (!arena->top || !heap_for(g, arena, arena->top, &info)) {
		/* The newest heap can't be told; the first one is in front of the arena. */
		g->heap->partial |= arena->top != 0;
		if (!glibc_read_heap_info(g, arena->heap, &info))
			return NULL;
		info.prev = 0;
	}
	uint64_t walked = 0;
	while (walked < arena->system || !walked) {
		struct hc_error *err = walk_thread_heap(g, index, &info);
		if (err)
			return err;
		walked += info.size ? info.size : 1;
		if (!info.prev)
			break;
		uint64_t from = info.base + g->params.word_size, prev = info.prev;
		if (!glibc_read_heap_info(g, prev, &info) || info.arena != arena->address) {
			g->heap->partial = true;
			return hc_heap_add_inconsistency(g->heap,
							 glibc_fault(GLIBC_ARENA_HEAPS, from, 0),
							 "the list of heaps of arena %u leads from "
							 "here to 0x%jx, where no heap "
							 "of it begins",
							 index, (uintmax_t)prev);
		}
	}
	if (walked != arena->system) {
		g->heap->partial = true;
		return hc_heap_add_inconsistency(
			g->heap, system_fault(g, arena),
			"arena %u got %ju bytes from the system, but its heaps have %ju", index,
			(uintmax_t)arena->system, (uintmax_t)walked);
	}
	return NULL;
}

/**
 * Whether a mapping is called a thread's stack only because a stack pointer leads there (cores
 * without thread pointers). Since 2.43 guards are no mappings of their own, so that stacks and what
 * malloc maps can be one mapping.
 */
static bool guessed_stack(const struct glibc *g, const struct hc_mapping *mapping)
{
	const struct hc_threads *threads = &g->process->threads;
	if (mapping->kind != HC_MAPPING_STACK)
		return false;
	for (size_t i = 0; i < threads->num; i++) {
		const struct hc_thread *thread = &threads->items[i];
		if (!thread->exact && thread->stack_start >= mapping->start &&
		    thread->stack_start < mapping->end)
			return true;
	}
	return false;
}

/** Whether a mapping is called a thread's block only because nobody knows where that ends. */
static bool guessed_block(const struct glibc *g, const struct hc_mapping *mapping)
{
	const struct hc_threads *threads = &g->process->threads;
	if (mapping->kind != HC_MAPPING_TLS)
		return false;
	for (size_t i = 0; i < threads->num; i++) {
		const struct hc_thread *thread = &threads->items[i];
		if (!thread->exact && thread->block_start < mapping->end &&
		    thread->block_end > mapping->start)
			return true;
	}
	return false;
}

/** Whether a mapping may be malloc's, as far as others have said what it is. */
static bool unexplained(const struct glibc *g, const struct hc_mapping *mapping)
{
	/* A snapshot names the heap; that says no more than that nobody else has claimed it. */
	return (mapping->kind == HC_MAPPING_ANON || mapping->kind == HC_MAPPING_MAIN_HEAP ||
		guessed_stack(g, mapping) || guessed_block(g, mapping)) &&
	       mapping->anonymous && !mapping->shared &&
	       (mapping->flags & (PF_R | PF_W)) == (PF_R | PF_W);
}

bool glibc_next_run(const struct glibc *g, size_t *i, uint64_t *start, uint64_t *end)
{
	const struct hc_mappings *mappings = &g->process->mappings;
	while (*i < mappings->num && !unexplained(g, &mappings->items[*i]))
		++*i;
	if (*i == mappings->num)
		return false;
	*start = mappings->items[*i].start;
	do
		*end = mappings->items[(*i)++].end;
	while (*i < mappings->num && mappings->items[*i].start == *end &&
	       unexplained(g, &mappings->items[*i]));
	return true;
}

/** The run that holds @p address; false when it is no unexplained memory. */
static bool find_run(const struct glibc *g, uint64_t address, uint64_t *start, uint64_t *end)
{
	for (size_t i = 0; glibc_next_run(g, &i, start, end);) {
		if (address >= *start && address < *end)
			return true;
	}
	return false;
}

/** Walk the part of the main arena that was got from the system at @p start. */
static struct hc_error *walk_main_stretch(struct glibc *g, uint64_t start, uint64_t end)
{
	uint64_t first = first_chunk(g, start);
	g->heap->arenas[0].num_heaps++;
	g->heap->arenas[0].outside += first - start;
	struct glibc_stretch stretch = {
		.tag = GLIBC_IN_MAIN,
		.arena = 0,
		.first = first,
		.end = end,
		.top = g->arenas[0].top,
	};
	return glibc_walk(g, &stretch);
}

/**
 * Where a contiguous main heap ends: at the end of top, or, when top's size is smashed, where brk
 * must have been.
 */
static uint64_t main_end(const struct glibc *g, uint64_t base, uint64_t run_end)
{
	const struct glibc_arena *arena = &g->arenas[0];
	uint64_t top_end = arena->top + arena->top_size, brk = base + arena->system;
	if (arena->top_size && arena->top >= base && top_end > arena->top && top_end <= run_end)
		return top_end;
	return brk > base && brk <= run_end ? brk : run_end;
}

static struct hc_error *walk_contiguous(struct glibc *g)
{
	uint64_t base = g->par.sbrk_base, start, end;
	if (!find_run(g, base ? base : g->arenas[0].top, &start, &end)) {
		g->heap->partial = true;
		return NULL;
	}
	if (!base)
		base = start;
	return walk_main_stretch(g, base, main_end(g, base, end));
}

/** Whether a stretch of the main arena begins at the page @p at; where it ends. */
static bool stretch_at(const struct glibc *g, uint64_t at, uint64_t run_end, uint64_t *end_ret)
{
	const struct glibc_arena *arena = &g->arenas[0];
	uint64_t first = first_chunk(g, at), end, top_end = arena->top + arena->top_size;
	bool has_top = arena->top >= first && top_end > arena->top && top_end <= run_end;
	uint64_t limit = has_top ? top_end : run_end;
	uint64_t num = glibc_probe(g, first, limit, UINT64_MAX, &end);
	if (!num)
		return false;
	*end_ret = end;
	if (has_top && end == limit)
		return true;
	uint64_t fence = end - 2 * g->params.header, field, second;
	return glibc_word(g, fence + g->params.word_size, &field) &&
	       glibc_word(g, fence + g->params.header + g->params.word_size, &second) &&
	       (field & ~UINT64_C(1)) == g->params.header &&
	       second == (g->params.header | GLIBC_PREV_INUSE);
}

/** Bytes that a stretch took from the system: whole pages from where it began. */
static uint64_t stretch_bytes(const struct glibc *g, uint64_t start, uint64_t end)
{
	uint64_t page = glibc_page_size(g);
	return round_up(end, page) - start;
}

/**
 * First place at or above @p from where a stretch may begin: a page, or sbrk_base, in front of
 * which static programs put their TLS. That is the first stretch; without brk the others lie below
 * it as a rule.
 */
static uint64_t next_candidate(const struct glibc *g, uint64_t from)
{
	uint64_t base = g->par.sbrk_base, page = round_up(from, glibc_page_size(g));
	return base >= from && base < page ? base : page;
}

static struct hc_error *walk_stretches_of_run(struct glibc *g, uint64_t start, uint64_t run_end,
					      uint64_t *sum)
{
	uint64_t end, base = g->par.sbrk_base;
	uint64_t at = next_candidate(g, start);
	while (at < run_end && *sum < g->arenas[0].system) {
		/* Where one stretch begins, another one has ended. */
		uint64_t limit = at < base && base < run_end ? base : run_end;
		if (!stretch_at(g, at, limit, &end)) {
			at = next_candidate(g, at + 1);
			continue;
		}
		struct hc_error *err = walk_main_stretch(g, at, end);
		if (err)
			return err;
		/* On i386 the fenceposts end less than a unit before the page does. */
		g->heap->arenas[0].outside += round_up(end, g->params.alignment) - end;
		*sum += stretch_bytes(g, at, end);
		at = next_candidate(g, end);
	}
	return NULL;
}

static struct hc_error *walk_noncontiguous(struct glibc *g)
{
	uint64_t start, end, sum = 0;
	for (size_t i = 0; glibc_next_run(g, &i, &start, &end);) {
		struct hc_error *err = walk_stretches_of_run(g, start, end, &sum);
		if (err)
			return err;
	}
	if (sum == g->arenas[0].system)
		return NULL;
	g->heap->partial = true;
	return hc_heap_add_inconsistency(g->heap, system_fault(g, &g->arenas[0]),
					 "the main arena got %ju bytes from the system in several "
					 "places, of which %ju were found",
					 (uintmax_t)g->arenas[0].system, (uintmax_t)sum);
}

/** Chunks in a row that make a mapping the main heap when nothing else tells. */
#define MIN_CHAIN 16

bool glibc_main_heap_at(const struct glibc *g, uint64_t start, uint64_t end)
{
	uint64_t stop, num = glibc_probe(g, first_chunk(g, start), end, MIN_CHAIN, &stop);
	return num == MIN_CHAIN || (num >= 2 && stop == end);
}

/** Where the chain leads to the very end of a mapping, its last chunk is the top. */
static void guess_top(struct glibc *g, uint64_t run_end)
{
	const struct hc_heap *heap = g->heap;
	const struct hc_span *span = heap->num_spans ? &heap->spans[heap->num_spans - 1] : NULL;
	if (!span || span->end != run_end || g->heap->arenas[0].top)
		return;
	uint64_t unit = hc_span_prev_start(span, span->num_units);
	if (unit != UINT64_MAX)
		g->heap->arenas[0].top = hc_span_address(span, unit);
}

/**
 * Without main_arena: the mappings that begin with a chain of chunks. The first is the brk heap;
 * more, with longer chains, may be what a non-contiguous arena got by mmap.
 */
static struct hc_error *walk_without_arena(struct glibc *g)
{
	uint64_t start, end, stop;
	for (size_t i = 0; glibc_next_run(g, &i, &start, &end);) {
		uint64_t first = first_chunk(g, start);
		if (g->heap->arenas[0].num_heaps
			    ? glibc_probe(g, first, end, 4 * MIN_CHAIN, &stop) < 4 * MIN_CHAIN
			    : !glibc_main_heap_at(g, start, end))
			continue;
		struct hc_error *err = walk_main_stretch(g, start, end);
		if (err)
			return err;
		guess_top(g, end);
	}
	return NULL;
}

static struct hc_error *walk_main_arena(struct glibc *g)
{
	const struct glibc_arena *arena = &g->arenas[0];
	if (!arena->address)
		return walk_without_arena(g);
	if (!arena->top)
		return NULL;
	return arena->flags & GLIBC_NONCONTIGUOUS ? walk_noncontiguous(g) : walk_contiguous(g);
}

struct hc_error *glibc_walk_arenas(struct glibc *g)
{
	struct hc_heap *heap = g->heap;
	/* Numbers of arenas are the same here and in the model: this allocator comes first. */
	uint32_t first;
	struct hc_error *err = hc_heap_add_arenas(g->backend, g->num_arenas, &first);
	if (err)
		return err;
	for (size_t i = 0; i < g->num_arenas; i++) {
		const struct glibc_arena *arena = &g->arenas[i];
		heap->arenas[i] = (struct hc_arena){
			.backend = g->backend,
			.address = arena->address,
			.struct_size = g->state->size,
			.main = arena->main,
			.noncontiguous = arena->flags & GLIBC_NONCONTIGUOUS,
			.system = arena->system,
			.max_system = arena->max_system,
			.top = arena->top ? arena->top + g->params.header : 0,
			.attached_threads = arena->attached,
		};
		if ((err = arena->main ? walk_main_arena(g) : walk_thread_arena(g, i)))
			return err;
	}
	return NULL;
}

static struct hc_error *assign_thread_heap(struct glibc *g, uint64_t base, const char *note)
{
	struct glibc_heap_info info;
	if (!glibc_read_heap_info(g, base, &info))
		return NULL;
	struct hc_mappings *mappings = &g->process->mappings;
	struct hc_error *err = hc_mappings_assign(mappings, base, base + info.mprotect_size,
						  HC_MAPPING_THREAD_HEAP, note);
	if (err)
		return err;
	const struct hc_mapping *rest = hc_mappings_find(mappings, base + info.mprotect_size);
	if (!rest || rest->kind != HC_MAPPING_RESERVED)
		return NULL;
	uint64_t heap_max = g->params.heap_max, end = rest->end;
	if (end > base + heap_max)
		end = base + heap_max;
	return hc_mappings_assign(mappings, base + info.mprotect_size, end, HC_MAPPING_HEAP_RESERVE,
				  note);
}

/** "arena 3 (thread 4711)", with the first thread that uses it. */
static struct hc_error *arena_note(const struct glibc *g, uint32_t index, char **ret)
{
	const struct hc_threads *threads = &g->process->threads;
	size_t users = 0;
	int32_t lwp = 0;
	for (size_t i = 0; i < threads->num; i++) {
		if (g->heap->thread_arena && g->heap->thread_arena[i] == index && !users++)
			lwp = threads->items[i].lwp;
	}
	*ret = users == 0   ? hc_format("arena %u", index)
	       : users == 1 ? hc_format("arena %u (thread %d)", index, lwp)
			    : hc_format("arena %u (%zu threads)", index, users);
	return *ret ? NULL : &hc_enomem;
}

/** Heaps of a thread arena: from the newest along prev, as the walk did. */
static struct hc_error *assign_thread_arena(struct glibc *g, uint32_t index)
{
	const struct glibc_arena *arena = &g->arenas[index];
	hc_cleanup_free char *note = NULL;
	struct hc_error *err = arena_note(g, index, &note);
	struct glibc_heap_info info;
	if (err)
		return err;
	if (!arena->top || !heap_for(g, arena, arena->top, &info))
		return assign_thread_heap(g, arena->heap, note);
	for (uint64_t seen = 0; seen <= arena->system; seen += info.size ? info.size : 1) {
		if ((err = assign_thread_heap(g, info.base, note)))
			return err;
		if (!info.prev || !glibc_read_heap_info(g, info.prev, &info))
			break;
	}
	return NULL;
}

static bool in_main_arena(const struct glibc *g, const struct hc_span *span)
{
	return span->zone == g->arena_zone && span->tag == GLIBC_IN_MAIN;
}

/** A part of the main heap: stretches with what interrupts them, which is damage. */
struct main_part {
	uint64_t start, end;
};

/**
 * The parts of the main heap. A contiguous one has one part. Another one has as many as runs of
 * mappings, since what lies between these is somebody else's.
 *
 * @param[out] ret owned by the caller, also on failure
 */
static struct hc_error *main_parts(const struct glibc *g, struct main_part **ret, size_t *num_ret)
{
	const struct hc_heap *heap = g->heap;
	uint64_t run_start = 0, run_end = heap->arenas[0].noncontiguous ? 0 : UINT64_MAX;
	uint64_t limit = 0; /* of the last part */
	size_t run = 0;

	for (size_t i = 0; i < heap->num_spans; i++) {
		const struct hc_span *span = &heap->spans[i];
		struct hc_error *err;

		if (!in_main_arena(g, span))
			continue;
		if (span->start >= limit) {
			err = hc_array_reserve(ret, *num_ret, sizeof(**ret));
			if (err)
				return err;
			(*ret)[(*num_ret)++].start = span->start;
			while (run_end <= span->start &&
			       glibc_next_run(g, &run, &run_start, &run_end))
				;
			limit = run_start <= span->start ? run_end : span->end;
		}
		(*ret)[*num_ret - 1].end = span->end;
	}
	return NULL;
}

/** The top chunk up to its end; a smashed size must not claim what follows the heap. */
static void add_top(const struct glibc *g, struct main_part *parts, size_t num)
{
	uint64_t top = g->arenas[0].top, top_end = top + g->arenas[0].top_size, run, run_end;

	if (!find_run(g, top, &run, &run_end) || top_end > run_end)
		return;
	for (size_t i = 0; i < num; i++)
		if (parts[i].start <= top && top_end > parts[i].end &&
		    (i + 1 == num || top < parts[i + 1].start))
			parts[i].end = top_end;
}

static struct hc_error *assign_main_arena(struct glibc *g)
{
	hc_cleanup_free struct main_part *parts = NULL;
	size_t num = 0;
	struct hc_error *err = main_parts(g, &parts, &num);

	if (!err && num)
		add_top(g, parts, num);
	if (num && !g->heap->arenas[0].noncontiguous && g->par.sbrk_base &&
	    g->par.sbrk_base < parts[0].start)
		parts[0].start = g->par.sbrk_base;
	for (size_t i = 0; !err && i < num; i++)
		err = hc_mappings_assign(&g->process->mappings, parts[i].start, parts[i].end,
					 HC_MAPPING_MAIN_HEAP, "main arena");
	return err;
}

struct hc_error *glibc_assign_arenas(struct glibc *g)
{
	struct hc_error *err = assign_main_arena(g);

	if (err)
		return err;
	for (size_t i = 1; i < g->num_arenas; i++) {
		if ((err = assign_thread_arena(g, i)))
			return err;
	}
	return NULL;
}
