/**
 * @file
 * Where the arenas' memory is: the main heap, and the heaps of thread arenas.
 *
 * The main arena grows by brk from mp_.sbrk_base to its top chunk. In a clean heap the chain of chunks leads from
 * one to the other; walk.c deals with what other users of sbrk left in between.
 *
 * A thread arena owns a list of heaps, each a mapping aligned to HEAP_MAX_SIZE that begins with a heap_info. The
 * newest holds the top chunk, `prev` leads to the older ones, and the first also holds the arena itself. All but
 * the newest end in a terminator: a header of size 0.
 */
#include "core/cleanup.h"
#include "core/glibc/glibc.h"

struct heap_info {
	uint64_t base;
	uint64_t arena, prev, size, mprotect_size;
};

static bool read_heap_info(const struct glibc *g, uint64_t base, struct heap_info *ret)
{
	unsigned word = g->params.word_size;
	struct heap_info info = {.base = base};
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

/** The heap of @p arena that holds @p address: HEAP_MAX_SIZE is a constant unless huge pages are asked for. */
static bool heap_for(const struct glibc *g, const struct glibc_arena *arena, uint64_t address,
		     struct heap_info *ret)
{
	uint64_t sizes[] = {g->params.heap_max, 4 * g->par.hp_pagesize};
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		if (!sizes[i])
			continue;
		if (read_heap_info(g, address & ~(sizes[i] - 1), ret) && ret->arena == arena->address &&
		    address - ret->base < ret->mprotect_size)
			return true;
	}
	return false;
}

static uint64_t round_up(uint64_t value, uint64_t alignment)
{
	return (value + alignment - 1) & ~(alignment - 1);
}

/** First chunk behind a header that ends at @p end: the first place whose user address is aligned. */
static uint64_t first_chunk(const struct glibc *g, uint64_t end)
{
	return round_up(end + g->params.header, g->params.alignment) - g->params.header;
}

static struct hc_error *walk_thread_heap(struct glibc *g, uint32_t index,
					 const struct heap_info *info)
{
	const struct glibc_arena *arena = &g->arenas[index];
	bool first = info->base == arena->heap;
	uint64_t start = first_chunk(g, first ? arena->address + g->state->size :
						info->base + g->heap_info_size);
	uint64_t end = info->base + info->size;
	if (start >= end)
		return NULL;
	struct hc_arena *row = &g->heap->arenas[index];
	row->num_heaps++;
	row->outside += start - info->base;
	struct glibc_stretch stretch = {
		.kind = HC_SPAN_THREAD_HEAP,
		.arena = index,
		.first = start,
		.end = end,
		.top = arena->top,
	};
	return glibc_walk(g, &stretch);
}

static struct hc_error *walk_thread_arena(struct glibc *g, uint32_t index)
{
	const struct glibc_arena *arena = &g->arenas[index];
	struct heap_info info;
	if (!arena->top || !heap_for(g, arena, arena->top, &info)) {
		/* The newest heap can't be told; the first one is in front of the arena. */
		g->heap->partial |= arena->top != 0;
		if (!read_heap_info(g, arena->heap, &info))
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
		if (!read_heap_info(g, info.prev, &info) || info.arena != arena->address) {
			g->heap->partial = true;
			return hc_heap_add_inconsistency(
				g->heap, info.prev,
				"the list of heaps of arena %u leads here, where no heap begins", index);
		}
	}
	if (walked != arena->system) {
		g->heap->partial = true;
		return hc_heap_add_inconsistency(
			g->heap, arena->address,
			"arena %u got %ju bytes from the system, but its heaps have %ju", index,
			(uintmax_t)arena->system, (uintmax_t)walked);
	}
	return NULL;
}

/** Start of the run of writable mappings without a hole that holds @p address. */
static uint64_t run_start(const struct glibc *g, uint64_t address)
{
	const struct hc_mappings *mappings = &g->process->mappings;
	const struct hc_mapping *row = hc_mappings_find(mappings, address);
	if (!row)
		return address;
	while (row > mappings->items && row[-1].end == row->start && row[-1].anonymous)
		row--;
	return row->start;
}

static struct hc_error *walk_main_arena(struct glibc *g)
{
	const struct glibc_arena *arena = &g->arenas[0];
	if (!arena->top)
		return NULL;
	uint64_t base = g->par.sbrk_base ? g->par.sbrk_base : run_start(g, arena->top);
	uint64_t end = arena->top + arena->top_size;
	if (arena->flags & GLIBC_NONCONTIGUOUS)
		base = run_start(g, arena->top);
	if (base > arena->top)
		return hc_heap_add_inconsistency(g->heap, arena->address,
						 "the top chunk of the main arena lies below its heap");
	const struct hc_mapping *row = hc_mappings_find(&g->process->mappings, arena->top);
	if (!arena->top_size && row)
		end = row->end;
	g->heap->arenas[0].num_heaps = 1;
	struct glibc_stretch stretch = {
		.kind = HC_SPAN_MAIN,
		.arena = 0,
		.first = first_chunk(g, base),
		.end = end,
		.top = arena->top,
	};
	return glibc_walk(g, &stretch);
}

struct hc_error *glibc_walk_arenas(struct glibc *g)
{
	struct hc_heap *heap = g->heap;
	heap->arenas = calloc(g->num_arenas, sizeof(*heap->arenas));
	if (!heap->arenas)
		return &hc_enomem;
	heap->num_arenas = g->num_arenas;
	for (size_t i = 0; i < g->num_arenas; i++) {
		const struct glibc_arena *arena = &g->arenas[i];
		heap->arenas[i] = (struct hc_arena){
			.address = arena->address,
			.struct_size = g->state->size,
			.main = arena->main,
			.noncontiguous = arena->flags & GLIBC_NONCONTIGUOUS,
			.system = arena->system,
			.max_system = arena->max_system,
			.top = arena->top ? arena->top + g->params.header : 0,
			.attached_threads = arena->attached,
		};
		struct hc_error *err =
			arena->main ? walk_main_arena(g) : walk_thread_arena(g, i);
		if (err)
			return err;
	}
	return NULL;
}

static struct hc_error *assign_thread_heap(struct glibc *g, uint64_t base, const char *note)
{
	struct heap_info info;
	if (!read_heap_info(g, base, &info))
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
	return hc_mappings_assign(mappings, base + info.mprotect_size, end,
				  HC_MAPPING_HEAP_RESERVE, note);
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
	int length = users == 0 ? asprintf(ret, "arena %u", index) :
		     users == 1 ? asprintf(ret, "arena %u (thread %d)", index, lwp) :
				  asprintf(ret, "arena %u (%zu threads)", index, users);
	if (length < 0) {
		*ret = NULL;
		return &hc_enomem;
	}
	return NULL;
}

/** Heaps of a thread arena: from the newest along prev, as the walk did. */
static struct hc_error *assign_thread_arena(struct glibc *g, uint32_t index)
{
	const struct glibc_arena *arena = &g->arenas[index];
	hc_cleanup_free char *note = NULL;
	struct hc_error *err = arena_note(g, index, &note);
	struct heap_info info;
	if (err)
		return err;
	if (!arena->top || !heap_for(g, arena, arena->top, &info))
		return assign_thread_heap(g, arena->heap, note);
	for (uint64_t seen = 0; seen <= arena->system; seen += info.size ? info.size : 1) {
		if ((err = assign_thread_heap(g, info.base, note)))
			return err;
		if (!info.prev || !read_heap_info(g, info.prev, &info))
			break;
	}
	return NULL;
}

struct hc_error *glibc_assign_arenas(struct glibc *g)
{
	struct hc_mappings *mappings = &g->process->mappings;
	struct hc_error *err;
	/* One row for the whole main heap, with what interrupts it: from the first stretch to the last. */
	uint64_t start = UINT64_MAX, end = 0;
	for (size_t i = 0; i < g->heap->num_spans; i++) {
		const struct hc_span *span = &g->heap->spans[i];
		if (span->kind != HC_SPAN_MAIN)
			continue;
		start = span->start < start ? span->start : start;
		end = span->end > end ? span->end : end;
	}
	if (end) {
		uint64_t top_end = g->arenas[0].top + g->arenas[0].top_size;
		if (g->par.sbrk_base && g->par.sbrk_base < start)
			start = g->par.sbrk_base;
		if (top_end > end)
			end = top_end;
		if ((err = hc_mappings_assign(mappings, start, end, HC_MAPPING_MAIN_HEAP,
					      "main arena")))
			return err;
	}
	for (size_t i = 1; i < g->num_arenas; i++) {
		if ((err = assign_thread_arena(g, i)))
			return err;
	}
	return NULL;
}
