/**
 * @file
 * Per-thread caches (tcache, 2.26 and later).
 *
 * A tcache is a chunk like any other, so it is recognised by what it holds: one counter and one
 * list head per bin, a head being NULL exactly where the counter says empty, and otherwise the user
 * address of a chunk of that bin's size. An empty one looks like any block of zeroes; it is
 * believed when a thread's TLS points to it, or when it is the first chunk of a heap, where the
 * release that allocates it early puts it. Blocks of threads that are gone (fork) are found as
 * well. One that was written over is still one where both speak for it, or the first does and no
 * TLS is known.
 *
 * Cached chunks look in use to the boundary tags. Their links may be mangled (safe-linking, 2.32
 * and later): stored value = pointer XOR (address of the field >> 12). The end of a list tells: it
 * holds 0 when it is not.
 */
#include "core/base/array.h"
#include "core/allocators/glibc/glibc.h"
#include "core/base/parallel.h"

/** A tcache that was found. */
struct tcache {
	uint64_t mem;
	const struct glibc_tcache_layout *layout;
	struct hc_bytes bytes; /**< of the struct */
	bool big_endian;
	uint64_t full; /**< counter of an empty bin when counters go down */
	uint64_t key;  /**< second word of most of its entries; 0: none, or none seen */
	uint64_t lost; /**< entries that its counters promise and no list leads to */
	bool wrecked;  /**< written over: neither counters nor heads say anything */
	struct hc_thread_cache held; /**< chunks that its lists lead to */
};

static uint64_t counter(const struct tcache *tcache, unsigned bin)
{
	const uint8_t *p = tcache->bytes.data + (size_t)bin * tcache->layout->count_size;
	return tcache->layout->count_size == 1 ? *p : hc_read16(p, tcache->big_endian);
}

static uint64_t list_head(const struct tcache *tcache, unsigned bin)
{
	unsigned word = tcache->layout->word_size;
	return hc_read_word(tcache->bytes.data + tcache->layout->entries + (size_t)bin * word, word,
			    tcache->big_endian);
}

/** Entries in a bin's list, as its counter says. */
static uint64_t list_length(const struct tcache *tcache, unsigned bin)
{
	uint64_t n = counter(tcache, bin);
	if (!tcache->layout->counts_down)
		return n;
	return n < tcache->full ? tcache->full - n : 0;
}

/**
 * A chunk that a list of @p bin may hold: one starts there, and (small bins) it has the bin's
 * size.
 */
static bool fits_bin(const struct glibc *g, const struct glibc_tcache_layout *layout, unsigned bin,
		     uint64_t mem)
{
	struct hc_chunk chunk;
	if (!glibc_aligned(g, mem) || !hc_heap_chunk_at(g->heap, mem, &chunk) ||
	    chunk.address != mem)
		return false;
	return bin >= layout->num_small ||
	       chunk.size == g->params.min_chunk + (uint64_t)bin * g->params.alignment;
}

/** The counter of an empty bin. */
static uint64_t full_counter(const struct glibc *g, const struct tcache *tcache)
{
	uint64_t full = g->par.tcache_count;
	if (!tcache->layout->counts_down)
		return 0;
	if (full)
		return full;
	for (unsigned bin = 0; bin < tcache->layout->num_bins; bin++) {
		uint64_t n = counter(tcache, bin);
		full = n > full ? n : full;
	}
	return full;
}

/** How well counters and heads agree: numbers of bins. */
struct agreement {
	unsigned good; /**< with a chunk where the head leads */
	unsigned bad;
	unsigned dangling; /**< lead nowhere that is known, but memory is missing */
};

/**
 * Bins of a struct that may be damaged before it is not recognised any more, unless as many are in
 * order.
 */
#define MAX_BAD_BINS 8

/** Whether a bin's counter says empty and its head doesn't, or the other way round. */
static bool contradicts(const struct tcache *tcache, unsigned bin)
{
	const struct glibc_tcache_layout *layout = tcache->layout;
	/* Bins above tcache_max have no slots, and count 0 whichever way counters go. */
	bool closed = layout->counts_down && bin >= layout->num_small && !counter(tcache, bin);
	return !closed && (list_length(tcache, bin) == 0) != (list_head(tcache, bin) == 0);
}

/**
 * Compare counters with heads, then heads with the heap. Most chunks are no tcache, and looking a
 * head up in the heap is what costs: it ends when no outcome could change the answer.
 */
static struct agreement compare(const struct glibc *g, const struct tcache *tcache)
{
	const struct glibc_tcache_layout *layout = tcache->layout;
	struct agreement ret = {0};
	unsigned left = 0;
	for (unsigned bin = 0; bin < layout->num_bins; bin++) {
		bool bad = contradicts(tcache, bin);
		ret.bad += bad;
		left += !bad && list_head(tcache, bin);
	}
	for (unsigned bin = 0; left; bin++) {
		uint64_t head = list_head(tcache, bin);
		if (ret.bad > MAX_BAD_BINS && ret.bad > ret.good + left)
			break;
		if (!head || contradicts(tcache, bin))
			continue;
		left--;
		if (fits_bin(g, layout, bin, head))
			ret.good++;
		else if (g->heap->partial && glibc_aligned(g, head))
			ret.dangling++;
		else
			ret.bad++; /* in a sound heap no list dangles */
	}
	return ret;
}

static bool first_of_span(const struct hc_chunk *chunk)
{
	return chunk->unit == 0;
}

/** The thread whose TLS holds @p value: its index; threads->num: none. */
static size_t tls_holder(const struct glibc *g, uint64_t value)
{
	const struct hc_threads *threads = &g->process->threads;
	unsigned word = g->params.word_size;
	for (size_t i = 0; i < threads->num; i++) {
		const struct hc_thread *thread = &threads->items[i];
		struct hc_bytes view = hc_memory_view(g->memory, thread->block_start,
						      thread->block_end - thread->block_start);
		for (size_t at = 0; at + word <= view.size; at += word) {
			if (hc_read_word(view.data + at, word, g->memory->big_endian) == value)
				return i;
		}
	}
	return threads->num;
}

static bool in_tls(const struct glibc *g, uint64_t value)
{
	return tls_holder(g, value) < g->process->threads.num;
}

/** Cores of i386 don't tell where the TLS is. */
static bool tls_is_known(const struct glibc *g)
{
	const struct hc_threads *threads = &g->process->threads;
	for (size_t i = 0; i < threads->num; i++) {
		if (threads->items[i].block_end > threads->items[i].block_start)
			return true;
	}
	return false;
}

/**
 * Whether the chunk is what malloc allocates first for the main thread, up to 2.41, and never
 * frees.
 */
static bool first_of_all(const struct glibc *g, const struct hc_chunk *chunk)
{
	return g->par.tcache_count && first_of_span(chunk) && chunk->span->zone == g->arena_zone &&
	       chunk->span->tag == GLIBC_IN_MAIN && g->par.sbrk_base &&
	       chunk->address - g->par.sbrk_base <= 2 * g->params.alignment;
}

/**
 * Whether the chunk can only be a tcache: the first one of a heap, for which a thread's TLS speaks.
 * Where the TLS is unknown, only that of the main thread is certain: other threads end, and their
 * first chunk is used again.
 */
static bool must_be_tcache(const struct glibc *g, const struct hc_chunk *chunk)
{
	if (!g->par.tcache_count || !first_of_span(chunk))
		return false;
	if (tls_is_known(g))
		return in_tls(g, chunk->address);
	return first_of_all(g, chunk);
}

struct tcache_list {
	struct tcache *items;
	size_t num;
};

/**
 * Whether the chunk is a tcache. Contents that agree prove it. Where nothing, or not everything,
 * agrees, the place must speak for it: a thread's TLS points there, or it is the first chunk of a
 * heap.
 */
static bool is_tcache(const struct glibc *g, const struct hc_chunk *chunk, struct tcache *tcache)
{
	tcache->full = full_counter(g, tcache);
	struct agreement found = compare(g, tcache);
	if (found.good && !found.bad)
		return true;
	if (found.dangling && !found.good)
		return false;
	if (!found.bad)
		return first_of_span(chunk) || in_tls(g, chunk->address);
	if (found.bad > MAX_BAD_BINS && found.bad > found.good) {
		tcache->wrecked = must_be_tcache(g, chunk);
		return tcache->wrecked;
	}
	/* Searching the TLS of all threads is dear: only when the other question leaves it open. */
	return found.good ? first_of_span(chunk) || in_tls(g, chunk->address)
			  : (!tcache->layout->counts_down && first_of_all(g, chunk)) ||
				    (first_of_span(chunk) && in_tls(g, chunk->address));
}

static struct hc_error *consider(const struct glibc *g, const struct hc_chunk *chunk,
				 struct tcache_list *list)
{
	for (size_t i = 0; i < glibc_num_tcache_layouts; i++) {
		const struct glibc_tcache_layout *layout = &glibc_tcache_layouts[i];
		struct tcache tcache = {.mem = chunk->address, .layout = layout};
		if (layout->word_size != g->params.word_size || chunk->usable < layout->size ||
		    chunk->usable - layout->size > 2 * g->params.alignment)
			continue;
		tcache.bytes = hc_memory_view(g->memory, chunk->address, layout->size);
		tcache.big_endian = g->memory->big_endian;
		if (tcache.bytes.size < layout->size || !is_tcache(g, chunk, &tcache))
			continue;
		struct hc_error *err =
			hc_array_reserve(&list->items, list->num, sizeof(*list->items));
		if (err)
			return err;
		list->items[list->num++] = tcache;
		return NULL;
	}
	return NULL;
}

/** Smallest chunk that can be a tcache, in units; every release's is larger. */
static uint64_t least_units(const struct glibc *g)
{
	uint64_t least = UINT64_MAX;
	for (size_t i = 0; i < glibc_num_tcache_layouts; i++) {
		const struct glibc_tcache_layout *layout = &glibc_tcache_layouts[i];
		if (layout->word_size == g->params.word_size && layout->size < least)
			least = layout->size;
	}
	return least / g->params.alignment;
}

/** Bytes of heap that one task searches. */
#define SEARCH_SLICE (UINT64_C(16) << 20)
/** Chunks that are fetched together. */
#define SEARCH_BATCH 32

/** The search for tcaches: what each task found, in the order of the heap. */
struct search {
	const struct glibc *g;
	uint64_t least; /**< least_units() */
	struct hc_slice *slices;
	struct tcache_list *found; /**< by slice */
};

/**
 * The last start of the block of @p unit when @p unit is its first and so many follow that no chunk
 * between them is long enough: heaps are mostly small chunks. Else @p unit.
 */
static uint64_t skip_crowd(const struct hc_span *span, uint64_t unit, uint64_t least)
{
	uint64_t bits = span->blocks[unit / HC_UNITS_PER_BLOCK].start;
	unsigned at = unit % HC_UNITS_PER_BLOCK, count = __builtin_popcountll(bits);
	if ((unsigned)__builtin_ctzll(bits) != at || HC_UNITS_PER_BLOCK - count - at >= least)
		return unit;
	return unit - at + (HC_UNITS_PER_BLOCK - 1 - __builtin_clzll(bits));
}

/** Consider the chunks of a slice that are long enough; they come into the cache in batches. */
static struct hc_error *search_slice(void *ctx, unsigned worker, size_t task)
{
	const struct search *search = ctx;
	const struct hc_slice *slice = &search->slices[task];
	const struct hc_span *span = slice->span;
	struct hc_chunk batch[SEARCH_BATCH];
	size_t num = 0;
	(void)worker;
	if (span->zone != search->g->arena_zone)
		return NULL;
	uint64_t unit = hc_span_next_start(span, slice->from);
	while (unit < slice->to) {
		unit = skip_crowd(span, unit, search->least);
		uint64_t next = hc_span_next_start(span, unit + 1);
		if (next - unit >= search->least) {
			struct hc_chunk *chunk = &batch[num++];
			hc_span_chunk(search->g->heap, span, unit, chunk);
			if (span->data)
				__builtin_prefetch(span->data + (chunk->address - span->start));
		}
		unit = next;
		if (num < SEARCH_BATCH && unit < slice->to)
			continue;
		for (size_t i = 0; i < num; i++) {
			struct hc_error *err = consider(search->g, &batch[i], &search->found[task]);
			if (err)
				return err;
		}
		num = 0;
	}
	return NULL;
}

/** All tcaches of the heap, by address. */
static struct hc_error *find_tcaches(const struct glibc *g, struct tcache_list *ret)
{
	struct search search = {.g = g, .least = least_units(g)};
	size_t num;
	struct hc_error *err = hc_heap_slices(g->heap, SEARCH_SLICE, &search.slices, &num);
	if (err)
		return err;
	search.found = calloc(num ? num : 1, sizeof(*search.found));
	err = search.found ? hc_parallel_for(g->process->jobs, num, search_slice, &search)
			   : &hc_enomem;
	for (size_t i = 0; search.found && i < num; i++) {
		for (size_t k = 0; k < search.found[i].num && !err; k++) {
			err = hc_array_reserve(&ret->items, ret->num, sizeof(*ret->items));
			if (!err)
				ret->items[ret->num++] = search.found[i].items[k];
		}
		free(search.found[i].items);
	}
	free(search.found);
	free(search.slices);
	return err;
}

/**
 * Follow a list with a given idea of mangling; whether it ends in NULL after exactly its length.
 */
static bool list_ends(const struct glibc *g, const struct tcache *tcache, unsigned bin,
		      bool mangled)
{
	uint64_t mem = list_head(tcache, bin), length = list_length(tcache, bin);
	for (uint64_t i = 0; i < length; i++) {
		uint64_t stored;
		if (!fits_bin(g, tcache->layout, bin, mem) || !glibc_word(g, mem, &stored))
			return false;
		mem = mangled ? stored ^ mem >> 12 : stored;
	}
	return mem == 0;
}

/** Whether a fastbin's chain ends in NULL soon. */
static bool fastbin_ends(const struct glibc *g, uint64_t chunk, bool mangled)
{
	for (unsigned i = 0; chunk && i < 1000; i++) {
		uint64_t field = chunk + g->params.header, stored;
		if (!glibc_aligned(g, field) || !glibc_word(g, field, &stored))
			return false;
		chunk = mangled ? stored ^ field >> 12 : stored;
	}
	return chunk == 0;
}

/** Let the lists vote on whether links are mangled. */
static bool detect_mangling(struct glibc *g, const struct tcache_list *list)
{
	size_t votes[2] = {0, 0};
	for (size_t i = 0; i < list->num; i++) {
		const struct tcache *tcache = &list->items[i];
		for (unsigned bin = 0; !tcache->wrecked && bin < tcache->layout->num_bins; bin++) {
			if (!list_head(tcache, bin))
				continue;
			votes[0] += list_ends(g, tcache, bin, false);
			votes[1] += list_ends(g, tcache, bin, true);
		}
	}
	for (size_t i = 0; i < g->num_arenas; i++) {
		for (unsigned bin = 0; bin < g->state->num_fastbins; bin++) {
			uint64_t head;
			if (!glibc_word(g,
					g->arenas[i].address + g->state->fastbins +
						bin * g->params.word_size,
					&head) ||
			    !head)
				continue;
			votes[0] += fastbin_ends(g, head, false);
			votes[1] += fastbin_ends(g, head, true);
		}
	}
	g->links_seen = votes[0] != votes[1];
	return votes[1] >= votes[0];
}

/** Take a list's word for its length no further than this. */
#define MAX_ENTRIES UINT16_MAX

/** A list as it is being followed. */
struct follow {
	struct tcache *tcache;
	unsigned bin;
	uint64_t field;   /**< where the link is stored */
	uint64_t mem;     /**< where it leads; 0: the end */
	uint64_t entries; /**< passed so far */
};

static struct hc_error *broken_link(struct glibc *g, const struct follow *at,
				    enum glibc_fault fault, const char *what)
{
	uint64_t holder = at->entries ? at->field : at->tcache->mem;
	return hc_heap_add_inconsistency(g->heap, glibc_fault(fault, at->field, holder),
					 "bin %u of the tcache at 0x%jx leads from here to 0x%jx, "
					 "%s; %ju of its %ju entries come "
					 "before",
					 at->bin, (uintmax_t)at->tcache->mem, (uintmax_t)at->mem,
					 what, (uintmax_t)at->entries,
					 (uintmax_t)list_length(at->tcache, at->bin));
}

/** Majority vote (Boyer and Moore): the key that more than half of the entries have stays. */
static void vote_key(const struct glibc *g, struct tcache *tcache, uint64_t mem, uint64_t *lead)
{
	uint64_t key;
	if (!glibc_word(g, mem + g->params.word_size, &key))
		return;
	if (!*lead)
		tcache->key = key;
	*lead += tcache->key == key ? 1 : -1;
}

/**
 * Mark the chunk that a list leads to. @param[out] goes_on whether the list can be followed
 * through it
 */
static struct hc_error *mark_entry(struct glibc *g, const struct follow *at, bool *goes_on)
{
	struct hc_chunk chunk;
	uint64_t field, next;
	*goes_on = false;
	if (g->heap->partial && glibc_aligned(g, at->mem) && !glibc_word(g, at->mem, &next))
		return NULL; /* the list goes on in memory that the core lacks */
	if (!glibc_aligned(g, at->mem))
		return broken_link(g, at, GLIBC_TCACHE_UNALIGNED, "where no chunk can be");
	if (!hc_heap_chunk_at(g->heap, at->mem, &chunk) || chunk.address != at->mem ||
	    !glibc_word(g, at->mem - g->params.word_size, &field))
		return broken_link(g, at, GLIBC_TCACHE_LINK, "where no chunk starts");
	if (glibc_is_on(&chunk, GLIBC_TCACHE))
		return broken_link(g, at, GLIBC_TCACHE_TWICE, "a chunk that is cached already");
	*goes_on = true;
	at->tcache->held.chunks++;
	at->tcache->held.bytes += chunk.size;
	hc_heap_set_free(g->heap, at->mem, &glibc_lists[GLIBC_TCACHE]);
	/* Where the header is damaged, the walk has said so. */
	if (fits_bin(g, at->tcache->layout, at->bin, at->mem) ||
	    (field & ~(uint64_t)GLIBC_SIZE_BITS) != chunk.size)
		return NULL;
	return broken_link(g, at, GLIBC_TCACHE_LINK, "a chunk of another size");
}

static struct hc_error *mark_list(struct glibc *g, struct tcache *tcache, unsigned bin,
				  uint64_t *lead)
{
	uint64_t length = list_length(tcache, bin);
	struct follow at = {
		.tcache = tcache,
		.bin = bin,
		.field =
			tcache->mem + tcache->layout->entries + (uint64_t)bin * g->params.word_size,
		.mem = list_head(tcache, bin),
	};
	while (at.mem && at.entries < MAX_ENTRIES) {
		bool goes_on;
		uint64_t stored;
		struct hc_error *err = mark_entry(g, &at, &goes_on);
		if (err)
			return err;
		if (!goes_on || !glibc_word(g, at.mem, &stored)) {
			tcache->lost += length > at.entries ? length - at.entries : 0;
			return NULL;
		}
		vote_key(g, tcache, at.mem, lead);
		at.field = at.mem;
		at.mem = glibc_link(g, at.mem, stored);
		at.entries++;
	}
	if (at.entries == length)
		return NULL;
	tcache->lost += length > at.entries ? length - at.entries : 0;
	uint64_t counter_at = tcache->mem + (uint64_t)bin * tcache->layout->count_size;
	return hc_heap_add_inconsistency(g->heap,
					 glibc_fault(GLIBC_TCACHE_COUNT, counter_at, tcache->mem),
					 "bin %u of the tcache holds %ju chunks, but counts %ju",
					 bin, (uintmax_t)at.entries, (uintmax_t)length);
}

/** Say so once, at the first word that can't be right. Any list may have been full. */
static struct hc_error *report_wreck(struct glibc *g, struct tcache *tcache)
{
	const struct glibc_tcache_layout *layout = tcache->layout;
	unsigned bin = 0, bad = 0;
	for (unsigned i = layout->num_bins; i-- > 0;) {
		uint64_t head = list_head(tcache, i);
		if (contradicts(tcache, i) || (head && !fits_bin(g, layout, i, head))) {
			bin = i;
			bad++;
		}
	}
	tcache->lost = (uint64_t)layout->num_bins * g->par.tcache_count;
	uint64_t field = tcache->mem + layout->entries + (uint64_t)bin * layout->word_size;
	return hc_heap_add_inconsistency(
		g->heap, glibc_fault(GLIBC_TCACHE_UNALIGNED, field, tcache->mem),
		"the tcache at 0x%jx was written over: %u of its %u bins can't be right",
		(uintmax_t)tcache->mem, bad, layout->num_bins);
}

/** Say what the thread keeps whose tcache this is. That of a thread that has ended is nobody's. */
static struct hc_error *note_holder(struct glibc *g, const struct tcache *tcache)
{
	const struct hc_threads *threads = &g->process->threads;
	size_t i = tls_holder(g, tcache->mem);

	if (i == threads->num)
		return NULL;
	if (!g->heap->thread_cache)
		g->heap->thread_cache = calloc(threads->num, sizeof(*g->heap->thread_cache));
	if (!g->heap->thread_cache)
		return &hc_enomem;
	g->heap->thread_cache[i] = tcache->held;
	g->heap->thread_cache[i].known = true;
	return NULL;
}

static struct hc_error *mark_tcache(struct glibc *g, struct tcache *tcache)
{
	struct hc_error *err = NULL;
	uint64_t lead = 0;

	g->tcache = tcache->layout;
	if (tcache->wrecked && (err = report_wreck(g, tcache)))
		return err;
	for (unsigned bin = 0; !tcache->wrecked && bin < tcache->layout->num_bins; bin++) {
		if ((err = mark_list(g, tcache, bin, &lead)))
			return err;
	}
	if (!tcache->wrecked && (err = note_holder(g, tcache)))
		return err;
	return hc_heap_add_special(g->heap, tcache->mem, HC_OVERHEAD, "tcache");
}

/** Chunks that look in use, but carry a key: count them, or, with @p mark, put them on the list. */
static uint64_t find_keyed(struct glibc *g, uint64_t key, bool mark)
{
	uint64_t found = 0, word;
	struct hc_chunk_iter iter;
	struct hc_chunk chunk;
	hc_chunk_iter_heap(&iter, g->heap);
	while (hc_chunk_iter_next(&iter, &chunk)) {
		if (chunk.state != HC_IN_USE ||
		    !glibc_word(g, chunk.address + g->params.word_size, &word) || word != key)
			continue;
		found++;
		if (mark)
			hc_heap_set_free(g->heap, chunk.address, &glibc_lists[GLIBC_TCACHE]);
	}
	return found;
}

/** @name The key of a cache that has no entry left to tell it */
/**@{*/

/** Bytes around main_arena in which libc keeps tcache_key, and random words looked at there. */
#define KEY_DISTANCE (UINT64_C(64) << 10)
#define MAX_KEYS 4096

struct keys {
	const struct glibc *g;
	uint64_t words[MAX_KEYS];
	uint32_t found[MAX_KEYS]; /**< chunks in use that carry it */
	size_t num;
};

/**
 * Neither a small number nor an address. Stale links, which chunks in use carry where the key is,
 * are addresses.
 */
static bool looks_random(const struct glibc *g, uint64_t word)
{
	uint64_t top = word >> (g->params.word_size * 8 - 16);
	return top && top != 0xffff && !hc_mappings_find(&g->process->mappings, word);
}

static bool is_variable(const struct glibc *g, uint64_t address)
{
	const struct hc_mapping *mapping = hc_mappings_find(&g->process->mappings, address);
	return mapping && (mapping->kind == HC_MAPPING_DATA || mapping->kind == HC_MAPPING_BSS);
}

static int compare_words(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;
	return (*x > *y) - (*x < *y);
}

/** Random words among libc's variables. */
static void collect_keys(struct keys *keys)
{
	const struct glibc *g = keys->g;
	uint64_t arena = g->num_arenas ? g->arenas[0].address : 0, word;
	unsigned size = g->params.word_size;
	if (arena < KEY_DISTANCE)
		return;
	for (uint64_t at = arena - KEY_DISTANCE; at < arena + KEY_DISTANCE; at += size) {
		if (keys->num == MAX_KEYS)
			break;
		if (is_variable(g, at) && glibc_word(g, at, &word) && looks_random(g, word))
			keys->words[keys->num++] = word;
	}
	hc_sort(keys->words, keys->num, compare_words);
}

/** Count the chunks that carry each. */
static void count_keys(struct keys *keys)
{
	uint64_t word;
	struct hc_chunk_iter iter;
	struct hc_chunk chunk;
	hc_chunk_iter_heap(&iter, keys->g->heap);
	while (keys->num && hc_chunk_iter_next(&iter, &chunk)) {
		if (chunk.state != HC_IN_USE ||
		    !glibc_word(keys->g, chunk.address + keys->g->params.word_size, &word))
			continue;
		const uint64_t *key = bsearch(&word, keys->words, keys->num, sizeof(keys->words[0]),
					      compare_words);
		if (key)
			keys->found[key - keys->words]++;
	}
}

/**
 * Since 2.34 the key is a random word in libc's variables, the same for all threads: the one that
 * most chunks carry, but no more than there can be entries. 0 when no two do.
 */
static uint64_t guess_key(const struct glibc *g, uint64_t entries)
{
	struct keys *keys = calloc(1, sizeof(*keys));
	uint64_t ret = 0;
	uint32_t most = 1;
	if (!keys)
		return 0; /* what is only guessed may be left out */
	keys->g = g;
	collect_keys(keys);
	count_keys(keys);
	for (size_t i = 0; i < keys->num; i++) {
		if (keys->found[i] > most && keys->found[i] <= entries) {
			most = keys->found[i];
			ret = keys->words[i];
		}
	}
	free(keys);
	return ret;
}

/** Broken caches whose entries are looked for; each costs a pass over the heap. */
#define MAX_RECOVERED 8

/** Whether entries are lost of a cache that has none left to tell the key. */
static bool lacks_key(const struct tcache *tcache)
{
	return tcache->wrecked || (tcache->lost && !tcache->key);
}

/** Give caches that lack one the key that others have, or else one that is guessed. */
static void find_keys(struct glibc *g, struct tcache_list *list)
{
	uint64_t shared = 0, entries = 0;
	bool guessed = false;
	unsigned tried = 0;
	for (size_t i = 0; i < list->num; i++) {
		entries += lacks_key(&list->items[i]) ? list->items[i].lost : 0;
		/* From 2.29 to 2.33 the key is the address of the cache, and no other has it. */
		if (list->items[i].key != list->items[i].mem)
			shared = list->items[i].key ? list->items[i].key : shared;
	}
	for (size_t i = 0; i < list->num; i++) {
		struct tcache *tcache = &list->items[i];
		if (!lacks_key(tcache))
			continue;
		if (tried++ < MAX_RECOVERED && find_keyed(g, tcache->mem, false)) {
			tcache->key = tcache->mem;
			continue;
		}
		if (!shared && !guessed) {
			shared = guess_key(g, entries);
			guessed = true;
		}
		tcache->key = shared;
	}
}
/**@}*/

/**
 * Behind a broken link lie entries that no list leads to any more. Since 2.29 each carries a key in
 * its second word (the address of its tcache, since 2.34 a random number), which is cleared when
 * the chunk is handed out. Chunks that have it are those entries, unless there are more of them
 * than the counters promise: a thread that ended leaves its key in chunks that have long been used
 * again.
 */
static void recover_lost(struct glibc *g, const struct tcache_list *list)
{
	uint64_t keys[MAX_RECOVERED];
	unsigned tried = 0;
	for (size_t i = 0; i < list->num && tried < MAX_RECOVERED; i++) {
		const struct tcache *tcache = &list->items[i];
		uint64_t lost = 0, key = tcache->lost ? tcache->key : 0;
		bool done = !key;
		if (tcache->layout->count_size == 1 && key != tcache->mem)
			continue; /* up to 2.28 that word is the program's */
		for (unsigned k = 0; k < tried; k++)
			done |= keys[k] == key;
		if (done)
			continue;
		keys[tried++] = key;
		for (size_t k = i; k < list->num; k++)
			lost += list->items[k].key == key ? list->items[k].lost : 0;
		if (find_keyed(g, key, false) <= lost)
			find_keyed(g, key, true);
	}
}

/** @name Caches that were written over with zeroes */
/**@{*/

/** Chunks near such a cache that are looked at before it is believed, and entries asked for. */
#define MAX_LOOKED_AT 16384
#define LEAST_ENTRIES 3

static bool all_zero(const struct hc_bytes *bytes)
{
	return !bytes->data[0] && !memcmp(bytes->data, bytes->data + 1, bytes->size - 1);
}

/** An entry by its own words: a chunk that looks in use, the key that it carries, its link. */
struct entry {
	uint64_t key;
	uint64_t next; /**< 0: the last one of its list */
};

/** Whether a chunk may be an entry; then its link leads to one of the same size and key, or is
 * NULL. */
static bool read_entry(const struct glibc *g, const struct hc_chunk *chunk, struct entry *ret)
{
	struct hc_chunk next;
	uint64_t stored, key;
	if (chunk->state != HC_IN_USE || !glibc_word(g, chunk->address, &stored) ||
	    !glibc_word(g, chunk->address + g->params.word_size, &ret->key) || !ret->key)
		return false;
	ret->next = glibc_link(g, chunk->address, stored);
	return !ret->next ||
	       (glibc_aligned(g, ret->next) && hc_heap_chunk_at(g->heap, ret->next, &next) &&
		next.address == ret->next && next.size == chunk->size &&
		(next.state == HC_IN_USE || glibc_is_on(&next, GLIBC_TCACHE)) &&
		glibc_word(g, ret->next + g->params.word_size, &key) && key == ret->key);
}

/** The address of the cache up to 2.33; since 2.34, which mangles links, a random word. */
static bool can_be_key(const struct glibc *g, const struct tcache *tcache, uint64_t key)
{
	return key == tcache->mem || (g->mangled && looks_random(g, key));
}

/** The key that most entries near an empty cache carry (Boyer and Moore); 0 without any. */
static uint64_t elect_key(const struct glibc *g, const struct tcache *tcache,
			  const struct hc_span *span)
{
	struct hc_chunk_iter iter;
	struct hc_chunk chunk;
	struct entry entry;
	uint64_t key = 0, lead = 0, looked = 0;
	hc_chunk_iter_slice(&iter, g->heap, (struct hc_slice){span, 0, span->num_units});
	while (looked++ < MAX_LOOKED_AT && hc_chunk_iter_next(&iter, &chunk)) {
		if (!read_entry(g, &chunk, &entry) || !can_be_key(g, tcache, entry.key))
			continue;
		key = lead ? key : entry.key;
		lead += key == entry.key ? 1 : -1;
	}
	return key;
}

/** Count the entries with a key, and how many of them have a link. */
static uint64_t count_entries(const struct glibc *g, uint64_t key, uint64_t *linked)
{
	struct hc_chunk_iter iter;
	struct hc_chunk chunk;
	struct entry entry;
	uint64_t found = 0;
	*linked = 0;
	hc_chunk_iter_heap(&iter, g->heap);
	while (hc_chunk_iter_next(&iter, &chunk)) {
		if (!read_entry(g, &chunk, &entry) || entry.key != key)
			continue;
		found++;
		*linked += entry.next != 0;
	}
	return found;
}

static void mark_entries(struct glibc *g, uint64_t key)
{
	struct hc_chunk_iter iter;
	struct hc_chunk chunk;
	struct entry entry;
	hc_chunk_iter_heap(&iter, g->heap);
	while (hc_chunk_iter_next(&iter, &chunk))
		if (read_entry(g, &chunk, &entry) && entry.key == key)
			hc_heap_set_free(g->heap, chunk.address, &glibc_lists[GLIBC_TCACHE]);
}

static struct hc_error *report_emptied(struct glibc *g, const struct tcache *tcache, uint64_t num)
{
	return hc_heap_add_inconsistency(
		g->heap,
		glibc_fault(GLIBC_TCACHE_LINK, tcache->mem + tcache->layout->entries, tcache->mem),
		"the tcache at 0x%jx holds nothing but zeroes; %ju chunks with a key and links to "
		"each other are taken for what it held",
		(uintmax_t)tcache->mem, (uintmax_t)num);
}

/** The key of an empty cache that was not always empty; 0: nothing contradicts it. */
static uint64_t key_of_emptied(struct glibc *g, const struct tcache *tcache)
{
	struct hc_chunk chunk;
	uint64_t key, linked;
	if (!hc_heap_chunk_at(g->heap, tcache->mem, &chunk) || chunk.span->zone != g->arena_zone)
		return 0;
	key = elect_key(g, tcache, chunk.span);
	if (!key || count_entries(g, key, &linked) < LEAST_ENTRIES || !linked)
		return 0;
	/* A key that a thread left behind when it ended is in chunks whose links are long gone. */
	return find_keyed(g, key, false) / 2 <= count_entries(g, key, &linked) ? key : 0;
}

/**
 * Where neither tcache nor fastbin has a link left, nothing has told whether links are mangled: the
 * entries do.
 */
static uint64_t try_both(struct glibc *g, const struct tcache *tcache)
{
	uint64_t key = key_of_emptied(g, tcache);
	if (key || g->links_seen)
		return key;
	g->mangled = !g->mangled;
	key = key_of_emptied(g, tcache);
	if (!key)
		g->mangled = !g->mangled;
	return key;
}

/**
 * A cache of nothing but zeroes is what a thread has that freed nothing yet. When chunks say that
 * they are cached, and no cache holds them, it was written over.
 */
static struct hc_error *recover_emptied(struct glibc *g, const struct tcache_list *list)
{
	unsigned tried = 0;
	struct hc_error *err = NULL;
	for (size_t i = 0; i < list->num && !err && !g->heap->partial; i++) {
		const struct tcache *tcache = &list->items[i];
		uint64_t linked, key;
		if (tcache->wrecked || tcache->layout->counts_down || !all_zero(&tcache->bytes) ||
		    tried++ >= MAX_RECOVERED || !(key = try_both(g, tcache)))
			continue;
		err = report_emptied(g, tcache, count_entries(g, key, &linked));
		if (!err)
			mark_entries(g, key);
	}
	return err;
}
/**@}*/

struct hc_error *glibc_mark_tcaches(struct glibc *g)
{
	struct tcache_list list = {0};
	struct hc_error *err = find_tcaches(g, &list);
	g->mangled = detect_mangling(g, &list);
	for (size_t i = 0; i < list.num && !err; i++)
		err = mark_tcache(g, &list.items[i]);
	if (!err) {
		find_keys(g, &list);
		recover_lost(g, &list);
		err = recover_emptied(g, &list);
	}
	free(list.items);
	return err;
}
