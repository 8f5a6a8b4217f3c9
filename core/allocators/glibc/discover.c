/**
 * @file
 * Find malloc's own structures without symbols, and choose their layouts.
 *
 * An empty bin is a list head that points to itself: two equal words at address a that hold a - 2W.
 * Bin 127 is never used by any release, so it is always such a pair, and it is the last one of its
 * arena. Every self-linked pair is therefore tried as "bin 127 of an arena": bins[0] lies 126 pairs
 * before it, and everything else is placed relative to bins[0]. The layout that is right is the one
 * under which the `next` pointers of the arenas form a closed ring that comes back to exactly the
 * struct that we started from; pairs that are something else (list heads of C++ programs) are named
 * by no ring.
 *
 * main_arena lies in libc's data, or in that of a static program, so these few pages are searched
 * first and all other writable memory only when they do not have it (cores without NT_FILE). Thread
 * arenas are reached through the ring; what tells them from main_arena is the heap_info in front of
 * them, which points back.
 *
 * Where the ring is broken, or libc's data is missing altogether, the headers of thread heaps still
 * name their arenas; and where there is no arena either, a mapping that begins with a chain of
 * chunks is the main heap (heaps.c). The main arena is then a row without an address.
 *
 * A release that is in no table has moved bins[] within the struct, or what lies behind it. Where
 * no known layout closes a ring, every distance from the struct's start to bins[] and from `next`
 * to system_mem is tried: the ring must come back to the start, each of its arenas must have bin
 * 127 at that distance, and sums must be possible.
 *
 * mp_ is a neighbour of main_arena: every word-aligned place within 16 KiB is weighed against each
 * known layout.
 */
#include <elf.h>

#include "core/base/array.h"
#include "core/base/cleanup.h"
#include "core/allocators/glibc/glibc.h"

#define NEIGHBOURHOOD 0x4000

/** Bytes of a self-linked pair's distance from bins[0] when the pair is bin 127. */
static uint64_t last_bin_offset(unsigned word)
{
	return (uint64_t)(GLIBC_NUM_BINS - 2) * 2 * word;
}

static bool read_u32(const struct glibc *g, uint64_t address, uint64_t *ret)
{
	uint32_t v;
	if (!hc_memory_u32(g->memory, address, &v))
		return false;
	*ret = v;
	return true;
}

/** heap_info in front of a thread arena: it starts a page and points back to the arena. */
static uint64_t first_heap(const struct glibc *g, uint64_t arena, unsigned *size_ret)
{
	const unsigned *size =
		g->params.word_size == 8 ? glibc_heap_info_sizes_64 : glibc_heap_info_sizes_32;
	for (; *size; size++) {
		uint64_t base = arena - *size, ar_ptr;
		if (base & (glibc_page_size(g) - 1) || !glibc_word(g, base, &ar_ptr))
			continue;
		if (ar_ptr == arena) {
			*size_ret = *size;
			return base;
		}
	}
	return 0;
}

/**
 * Read the arena at @p address under a layout; false when its fields can't be an arena's. A top
 * chunk in memory that the core lacks does not speak against it.
 */
static bool read_arena(const struct glibc *g, const struct glibc_state_layout *layout,
		       uint64_t address, struct glibc_arena *ret)
{
	struct glibc_arena arena = {.address = address, .attached = -1};
	uint64_t flags, mutex, top, system, max_system, attached = 0;
	if (!read_u32(g, address, &mutex) || !read_u32(g, address + 4, &flags) ||
	    !glibc_word(g, address + glibc_top_offset(layout), &top) ||
	    !glibc_word(g, address + glibc_system_offset(layout), &system) ||
	    !glibc_word(g, address + glibc_system_offset(layout) + layout->word_size, &max_system))
		return false;
	if (mutex > 2 || flags > 7 || max_system < system ||
	    system > g->process->core->machine->user_end)
		return false;
	if (layout->attached_threads) {
		if (!glibc_word(g, address + glibc_attached_offset(layout), &attached) ||
		    attached >= 65536)
			return false;
		arena.attached = attached;
	}
	arena.flags = flags;
	arena.system = system;
	arena.max_system = max_system;
	/* An arena that was never used has its own bin 1 as top. */
	if (top != address + layout->bins - g->params.header && top != 0) {
		uint64_t size;
		if (!glibc_aligned(g, top + g->params.header))
			return false;
		arena.top = top;
		if (glibc_word(g, top + layout->word_size, &size)) {
			if (!(size & GLIBC_PREV_INUSE) || size & GLIBC_IS_MMAPPED)
				size = 0;
			arena.top_size = size & ~(uint64_t)GLIBC_SIZE_BITS;
		}
		if (!system)
			return false;
	} else if (system) {
		return false;
	}
	*ret = arena;
	return true;
}

struct ring {
	struct glibc_arena *arenas;
	size_t num;
	bool closed; /**< came back to the start; else it led into missing memory */
	bool used;   /**< some member has a top chunk */
};

/**
 * Steps along `next` that one search may make, beyond the first of each try of a known layout:
 * enough for every real process, and a bound for crafted rings that many places lead into and that
 * none closes.
 */
#define MAX_RING_STEPS (4u * GLIBC_MAX_ARENAS)

/** Whether all bins of the arena at @p address are empty, and its top is the initial one. */
static bool is_initial(const struct glibc *g, const struct glibc_state_layout *layout,
		       uint64_t address)
{
	uint64_t top, bins = address + layout->bins;
	if (!glibc_word(g, address + glibc_top_offset(layout), &top) ||
	    top != bins - g->params.header)
		return false;
	for (unsigned i = 0; i < GLIBC_NUM_BINS - 1; i++) {
		uint64_t pair = bins + (uint64_t)i * 2 * layout->word_size, fd, bk;
		if (!glibc_word(g, pair, &fd) || !glibc_word(g, pair + layout->word_size, &bk) ||
		    fd != pair - g->params.header || bk != fd)
			return false;
	}
	return true;
}

/** Follow `next` from @p start; false when some member can't be an arena. */
static bool follow_ring(struct glibc *g, const struct glibc_state_layout *layout, uint64_t start,
			struct ring *ret)
{
	hc_cleanup_free struct glibc_arena *arenas = NULL;
	struct ring ring = {0};
	uint64_t address = start;
	do {
		if (hc_array_reserve(&arenas, ring.num, sizeof(*arenas)))
			return false;
		uint64_t probe;
		if (ring.num && g->ring_steps++ >= MAX_RING_STEPS)
			return false;
		if (ring.num && !glibc_word(g, address, &probe))
			break; /* the core ends here: keep what was found */
		struct glibc_arena *arena = &arenas[ring.num];
		if (!read_arena(g, layout, address, arena))
			return false;
		ring.num++;
		ring.used |= arena->top != 0;
		if (!glibc_word(g, address + glibc_next_offset(layout), &address) || !address)
			return false;
		ring.closed = address == start;
	} while (!ring.closed && ring.num < GLIBC_MAX_ARENAS);
	/* Zeroes pass for an arena that was never used, so a ring of such proves nothing. */
	if (ring.num == GLIBC_MAX_ARENAS ||
	    !(ring.used || (g->accept_unused && ring.num == 1 && is_initial(g, layout, start))))
		return false;
	ring.arenas = hc_steal(arenas);
	*ret = ring;
	return true;
}

/**
 * Tell main from thread arenas; false unless exactly one member has no heap_info in front of it.
 */
static bool sort_ring(struct glibc *g, struct ring *ring)
{
	size_t mains = 0, main = 0;
	for (size_t i = 0; i < ring->num; i++) {
		struct glibc_arena *arena = &ring->arenas[i];
		unsigned size;
		arena->heap = first_heap(g, arena->address, &size);
		if (arena->heap) {
			g->heap_info_size = size;
		} else {
			arena->main = true;
			main = i;
			mains++;
		}
	}
	if (mains != 1)
		return false;
	/* Rotate so that main comes first; ring order stays. */
	struct glibc_arena *sorted = calloc(ring->num, sizeof(*sorted));
	if (!sorted)
		return false;
	for (size_t i = 0; i < ring->num; i++)
		sorted[i] = ring->arenas[(main + i) % ring->num];
	free(ring->arenas);
	ring->arenas = sorted;
	return true;
}

/**
 * Whether bins[] at @p bins belong to a thread arena under any layout: it would have a heap_info
 * in front.
 */
static bool in_thread_arena(const struct glibc *g, uint64_t bins)
{
	unsigned size;
	for (size_t i = 0; i < glibc_num_state_layouts; i++) {
		const struct glibc_state_layout *layout = &glibc_state_layouts[i];
		if (glibc_has_state(g, layout) && first_heap(g, bins - layout->bins, &size))
			return true;
	}
	return false;
}

/** What a search accepts: in this order, since each is easier to imitate than the one before. */
enum attempt {
	CLOSED_RING,
	UNKNOWN_LAYOUT,
	OPEN_RING,
	UNUSED_ARENA, /**< a single one that got nothing from the system */
};

static void keep_ring(struct glibc *g, const struct glibc_state_layout *layout,
		      const struct ring *ring)
{
	g->arenas = ring->arenas;
	g->num_arenas = ring->num;
	g->ring_closed = ring->closed;
	g->state = layout;
}

/**
 * Most bytes in front of bins[] and most words behind `next` that a layout in no table may have.
 */
#define MAX_FRONT 512
#define MAX_TAIL 12

/** A layout with bins[] at @p bins and system_mem @p tail words behind `next`. */
static struct glibc_state_layout make_layout(unsigned word, unsigned bins, unsigned tail)
{
	struct glibc_state_layout layout = {
		.releases = "unknown",
		.word_size = word,
		.bins = bins,
		.next_free = tail > 1,
		.attached_threads = tail > 2,
		.unknown = tail > 3 ? tail - 3 : 0,
	};
	layout.size = glibc_system_offset(&layout) + 2 * word;
	return layout;
}

/**
 * Whether every arena of a ring has its bin 127 in place, and got at least a page when it got
 * anything.
 */
static bool ring_agrees(const struct glibc *g, const struct glibc_state_layout *layout,
			const struct ring *ring)
{
	for (size_t i = 0; i < ring->num; i++) {
		const struct glibc_arena *arena = &ring->arenas[i];
		uint64_t pair = arena->address + layout->bins + last_bin_offset(layout->word_size),
			 fd, bk;
		if (!glibc_word(g, pair, &fd) || !glibc_word(g, pair + layout->word_size, &bk) ||
		    fd != pair - g->params.header || bk != fd)
			return false;
		if (arena->top &&
		    (arena->system < glibc_page_size(g) || arena->top_size > arena->system))
			return false;
	}
	return true;
}

/** Whether the first two members can be an arena's. */
static bool has_front(const struct glibc *g, uint64_t address)
{
	uint64_t mutex, flags;
	return read_u32(g, address, &mutex) && read_u32(g, address + 4, &flags) && mutex <= 2 &&
	       flags <= 7;
}

/** Whether bin 127 of an arena at @p address would be in place. */
static bool has_last_bin(const struct glibc *g, uint64_t address, unsigned front)
{
	uint64_t pair = address + front + last_bin_offset(g->params.word_size), fd;
	return glibc_word(g, pair, &fd) && fd == pair - g->params.header;
}

/** Try every layout that may be meant for bins[] at @p bins. */
static bool try_unknown(struct glibc *g, uint64_t bins)
{
	unsigned word = g->params.word_size;
	const struct glibc_state_layout from_bins = {.word_size = word};
	uint64_t next;
	if (!glibc_word(g, bins + glibc_next_offset(&from_bins), &next) || !next)
		return false;
	for (unsigned front = 2 * sizeof(uint32_t) + 2 * word; front <= MAX_FRONT; front += word) {
		/* Most tries end here. */
		if (!has_front(g, bins - front) || !has_last_bin(g, next, front))
			continue;
		for (unsigned tail = 1; tail <= MAX_TAIL; tail++) {
			struct ring ring;
			if (g->ring_steps++ >= MAX_RING_STEPS)
				return false;
			g->inferred = make_layout(word, front, tail);
			if (!follow_ring(g, &g->inferred, bins - front, &ring))
				continue;
			if (ring.closed && ring_agrees(g, &g->inferred, &ring) &&
			    sort_ring(g, &ring)) {
				keep_ring(g, &g->inferred, &ring);
				return true;
			}
			free(ring.arenas);
		}
	}
	return false;
}

/** Try a self-linked pair as bin 127 of some arena. */
static bool try_pair(struct glibc *g, uint64_t pair, enum attempt attempt)
{
	uint64_t bins = pair - last_bin_offset(g->params.word_size);
	if (attempt == UNKNOWN_LAYOUT)
		return try_unknown(g, bins);
	/*
	 * A ring that is not closed must start at the main arena: a thread arena's start can't be
	 * verified.
	 */
	if (attempt == OPEN_RING && in_thread_arena(g, bins))
		return false;
	for (size_t i = 0; i < glibc_num_state_layouts; i++) {
		const struct glibc_state_layout *layout = &glibc_state_layouts[i];
		struct ring ring;
		if (!glibc_has_state(g, layout) ||
		    !follow_ring(g, layout, bins - layout->bins, &ring))
			continue;
		if ((ring.closed || attempt == OPEN_RING) && sort_ring(g, &ring)) {
			keep_ring(g, layout, &ring);
			return true;
		}
		free(ring.arenas);
	}
	return false;
}

/** Search [start, end) for self-linked pairs and try each. */
static bool search_range(struct glibc *g, uint64_t start, uint64_t end, enum attempt attempt)
{
	const unsigned word = g->params.word_size;
	struct hc_piece piece;

	while (hc_memory_next_data(g->memory, &start, end, UINT64_MAX, &piece)) {
		const uint8_t *data = piece.bytes.data;
		for (size_t i = -piece.start & (word - 1); i + 2 * word <= piece.bytes.size;
		     i += word) {
			uint64_t self = piece.start + i - g->params.header;
			if (hc_read_word(data + i, word, g->memory->big_endian) == self &&
			    hc_read_word(data + i + word, word, g->memory->big_endian) == self &&
			    try_pair(g, piece.start + i, attempt))
				return true;
		}
	}
	return false;
}

static bool is_module_data(const struct hc_mapping *mapping)
{
	return mapping->kind == HC_MAPPING_DATA || mapping->kind == HC_MAPPING_BSS;
}

static int compare_sizes(const void *a, const void *b)
{
	const struct hc_mapping *x = *(const struct hc_mapping *const *)a,
				*y = *(const struct hc_mapping *const *)b;
	uint64_t p = x->end - x->start, q = y->end - y->start;
	return p != q ? (p > q) - (p < q) : (x->start > y->start) - (x->start < y->start);
}

/** Module data first, then every other writable mapping, the smallest first. */
static bool search_mappings(struct glibc *g, const struct hc_mapping *const *mappings, size_t num,
			    enum attempt attempt)
{
	g->ring_steps = 0;
	g->accept_unused = attempt == UNUSED_ARENA;
	for (size_t i = 0; i < num; i++) {
		if (search_range(g, mappings[i]->start, mappings[i]->end, attempt))
			return true;
	}
	return false;
}

/**
 * Closed rings are looked for everywhere first; only then may the layout be one that is in no
 * table, and then a ring lead into memory that the core lacks, since that is easily imitated. Last
 * comes an arena that is as it was made: all that was ever asked for may be mappings of their own.
 */
static struct hc_error *search_arenas(struct glibc *g, bool *found)
{
	const struct hc_mappings *mappings = &g->process->mappings;
	hc_cleanup_free const struct hc_mapping **rows =
		calloc(mappings->num ? mappings->num : 1, sizeof(*rows));
	if (!rows)
		return &hc_enomem;
	size_t num_data = 0, num = 0;
	for (size_t i = 0; i < mappings->num; i++) {
		if (mappings->items[i].flags & PF_W && is_module_data(&mappings->items[i]))
			rows[num_data++] = &mappings->items[i];
	}
	num = num_data;
	for (size_t i = 0; i < mappings->num; i++) {
		if (mappings->items[i].flags & PF_W && !is_module_data(&mappings->items[i]))
			rows[num++] = &mappings->items[i];
	}
	hc_sort(rows + num_data, num - num_data, compare_sizes);
	*found = search_mappings(g, rows, num_data, CLOSED_RING) ||
		 search_mappings(g, rows + num_data, num - num_data, CLOSED_RING) ||
		 search_mappings(g, rows, num, UNKNOWN_LAYOUT) ||
		 search_mappings(g, rows, num, OPEN_RING) ||
		 search_mappings(g, rows, num, UNUSED_ARENA);
	return NULL;
}

/**
 * How well the bytes at @p address read as mp_ under a layout; 0: not at all. Most of its fields
 * are counters with relations between them; the start-up values that almost nobody tunes decide
 * between layouts that share them.
 */
static unsigned weigh_par(const struct glibc *g, const struct glibc_par_layout *layout,
			  uint64_t address, struct glibc_par *ret)
{
	uint64_t n, n_max, max_n, no_dyn, mem, max_mem, base;
	uint64_t arena_test = 0, bins = 0, count = 0, hp = 0;
	if ((layout->arena_test && !glibc_word(g, address + layout->arena_test, &arena_test)) ||
	    !read_u32(g, address + layout->n_mmaps, &n) ||
	    !read_u32(g, address + layout->n_mmaps_max, &n_max) ||
	    !read_u32(g, address + layout->max_n_mmaps, &max_n) ||
	    !read_u32(g, address + layout->no_dyn_threshold, &no_dyn) ||
	    !glibc_word(g, address + layout->mmapped_mem, &mem) ||
	    !glibc_word(g, address + layout->max_mmapped_mem, &max_mem) ||
	    !glibc_word(g, address + layout->sbrk_base, &base))
		return 0;
	uint64_t page_mask = glibc_page_size(g) - 1;
	/* Whole pages, except that mremap in 2.43 and 2.44 counts a header too many each time. */
	uint64_t sum_mask = g->params.header - 1;
	if (n > max_n || n_max > 1 << 30 || no_dyn > 1 || mem > max_mem || mem & sum_mask ||
	    max_mem & sum_mask || (n == 0) != (mem == 0) || arena_test > GLIBC_MAX_ARENAS)
		return 0;
	if (layout->tcache_bins && (!glibc_word(g, address + layout->tcache_bins, &bins) ||
				    !glibc_word(g, address + layout->tcache_count, &count)))
		return 0;
	if (layout->hp_pagesize && !glibc_word(g, address + layout->hp_pagesize, &hp))
		return 0;
	/* Where there are tcaches there is at least one bin, whatever is tuned. */
	if (bins > 64 || (layout->tcache_bins && !bins) || count > UINT16_MAX || hp & (hp - 1) ||
	    (hp && hp < page_mask))
		return 0;

	const struct glibc_arena *main = &g->arenas[0];
	unsigned weight = 0;
	if (base && base + main->system == main->top + main->top_size)
		weight += 8;
	else if (base && hc_memory_find(g->memory, base))
		weight += 2;
	weight += arena_test == (g->params.word_size == 8 ? 8 : 2) ? 2 : 0;
	weight += n_max == 65536 ? 3 : 0;
	weight += bins == 64 ? 3 : 0;
	weight += count == 7 || count == 16 ? 1 : 0;
	*ret = (struct glibc_par){layout, address, n, max_n, mem, base, hp, count};
	return weight;
}

/**
 * Least weight at which mp_ is believed: the brk relation alone, or the untuned start-up values.
 */
#define MIN_PAR_WEIGHT 5

static void find_par(struct glibc *g)
{
	unsigned word = g->params.word_size, best = MIN_PAR_WEIGHT - 1;
	uint64_t main = g->arenas[0].address;
	uint64_t from = main > NEIGHBOURHOOD ? main - NEIGHBOURHOOD : 0;
	for (uint64_t at = from & ~(uint64_t)(word - 1); at < main + NEIGHBOURHOOD; at += word) {
		for (size_t i = 0; i < glibc_num_par_layouts; i++) {
			struct glibc_par par;
			if (glibc_par_layouts[i].word_size != word)
				continue;
			unsigned weight = weigh_par(g, &glibc_par_layouts[i], at, &par);
			if (weight > best) {
				best = weight;
				g->par = par;
			}
		}
	}
}

/** The layout under which the arena at @p address has its bin 127 in the right place, or NULL. */
static const struct glibc_state_layout *layout_of(const struct glibc *g, uint64_t address,
						  struct glibc_arena *ret)
{
	unsigned word = g->params.word_size;
	for (size_t i = 0; i < glibc_num_state_layouts; i++) {
		const struct glibc_state_layout *layout = &glibc_state_layouts[i];
		uint64_t pair = address + layout->bins + last_bin_offset(word), fd, bk;
		if (glibc_has_state(g, layout) && glibc_word(g, pair, &fd) &&
		    glibc_word(g, pair + word, &bk) && fd == pair - g->params.header && bk == fd &&
		    read_arena(g, layout, address, ret))
			return layout;
	}
	return NULL;
}

static bool have_arena(const struct glibc *g, uint64_t address)
{
	for (size_t i = 0; i < g->num_arenas; i++) {
		if (g->arenas[i].address == address)
			return true;
	}
	return false;
}

static struct hc_error *add_arena(struct glibc *g, const struct glibc_arena *arena)
{
	struct hc_error *err = hc_array_reserve(&g->arenas, g->num_arenas, sizeof(*g->arenas));
	if (!err)
		g->arenas[g->num_arenas++] = *arena;
	return err;
}

/** The arena whose first heap begins at @p base, when the headers there say that one does. */
static struct hc_error *consider_heap(struct glibc *g, uint64_t base)
{
	struct glibc_heap_info info;
	struct glibc_arena arena;
	unsigned size = 0;
	if (!glibc_read_heap_info(g, base, &info) || first_heap(g, info.arena, &size) != base ||
	    have_arena(g, info.arena) || g->num_arenas == GLIBC_MAX_ARENAS)
		return NULL;
	const struct glibc_state_layout *layout = layout_of(g, info.arena, &arena);
	if (!layout || (g->state && g->state != layout))
		return NULL;
	g->state = layout;
	g->heap_info_size = size;
	arena.heap = base;
	return add_arena(g, &arena);
}

/** Thread arenas that no ring leads to, by the headers of their heaps. */
static struct hc_error *add_arenas_of_heaps(struct glibc *g)
{
	uint64_t start, end, heap_max = g->params.heap_max;
	for (size_t i = 0; glibc_next_run(g, &i, &start, &end);) {
		for (uint64_t at = start; hc_memory_next_aligned(g->memory, &at, end, heap_max);
		     at++) {
			struct hc_error *err = consider_heap(g, at);
			if (err)
				return err;
		}
	}
	return NULL;
}

/** For a core without any arena: chains of chunks need a word size, nothing else. */
static const struct glibc_state_layout unknown_layouts[] = {
	{.releases = "unknown", .word_size = 4, .num_fastbins = 0},
	{.releases = "unknown", .word_size = 8, .num_fastbins = 0},
};

/** The constants that go with the layout that was found. */
static void set_params(struct glibc *g)
{
	unsigned machine_align = g->process->core->machine->max_align;
	g->params = glibc_params(g->memory->word_size, glibc_alignment(g->state, machine_align));
}

/** libc's data is missing: whatever the heaps themselves tell. */
static struct hc_error *discover_without_main(struct glibc *g, bool *found)
{
	const struct glibc_arena missing = {.main = true, .attached = -1};
	struct hc_error *err = add_arena(g, &missing);
	if (!err)
		err = add_arenas_of_heaps(g);
	if (err)
		return err;
	uint64_t start, end;
	*found = g->num_arenas > 1;
	if (!g->state)
		g->state = &unknown_layouts[g->params.word_size == 8];
	set_params(g);
	for (size_t i = 0; !*found && glibc_next_run(g, &i, &start, &end);)
		*found = glibc_main_heap_at(g, start, end);
	if (*found) {
		g->heap->partial = true;
		hc_diagnostics_add(
			&g->process->diag, true,
			"malloc's main arena is not in the core or destroyed; chunks are found "
			"by their headers alone, and free ones on tcache and fastbin lists of "
			"unknown arenas may count as in use");
	}
	return NULL;
}

struct hc_error *glibc_discover(struct glibc *g, bool *found)
{
	g->params = glibc_params(g->memory->word_size, 8);
	struct hc_error *err = search_arenas(g, found);
	if (err)
		return err;
	if (!*found)
		return discover_without_main(g, found);
	set_params(g);
	find_par(g);
	/* An arena that nothing was got from is made by malloc's start, whoever allocates. */
	if (g->accept_unused && !g->par.max_n_mmaps) {
		*found = false;
		g->unused = true;
		return NULL;
	}
	return g->ring_closed ? NULL : add_arenas_of_heaps(g);
}
