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
#include "core/allocators/glibc/tcache.h"
#include "core/base/parallel.h"

static uint64_t counter(const struct glibc_tcache *tcache, unsigned bin)
{
	const uint8_t *p = tcache->bytes.data + (size_t)bin * tcache->layout->count_size;
	return tcache->layout->count_size == 1 ? *p : hc_read16(p, tcache->big_endian);
}

static uint64_t list_head(const struct glibc_tcache *tcache, unsigned bin)
{
	unsigned word = tcache->layout->word_size;
	return hc_read_word(tcache->bytes.data + tcache->layout->entries + (size_t)bin * word, word,
			    tcache->big_endian);
}

/** Entries in a bin's list, as its counter says. */
static uint64_t list_length(const struct glibc_tcache *tcache, unsigned bin)
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
static uint64_t full_counter(const struct glibc *g, const struct glibc_tcache *tcache)
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
static bool contradicts(const struct glibc_tcache *tcache, unsigned bin)
{
	const struct glibc_tcache_layout *layout = tcache->layout;
	/* Bins above tcache_max have no slots, and count 0 whichever way counters go. */
	bool closed = layout->counts_down && bin >= layout->num_small && !counter(tcache, bin);
	return !closed && (list_length(tcache, bin) == 0) != (list_head(tcache, bin) == 0);
}

/** Whether a bin can't be one, without a look at the heap. */
static bool is_bad(const struct glibc *g, const struct glibc_tcache *tcache, unsigned bin)
{
	return contradicts(tcache, bin) ||
	       (!g->heap->partial && !glibc_aligned(g, list_head(tcache, bin)));
}

/**
 * Compare counters with heads, then heads with the heap. Most chunks are no tcache, and looking a
 * head up in the heap is what costs: it ends when no outcome could change the answer.
 *
 * @param alone one bad bin is enough
 */
static struct agreement compare(const struct glibc *g, const struct glibc_tcache *tcache,
				bool alone)
{
	const struct glibc_tcache_layout *layout = tcache->layout;
	struct agreement ret = {0};
	unsigned left = 0;
	for (unsigned bin = 0; bin < layout->num_bins; bin++) {
		bool bad = is_bad(g, tcache, bin);
		ret.bad += bad;
		if (alone && bad)
			return ret;
		left += !bad && list_head(tcache, bin);
		/* Where memory is missing, a head that dangles has a say. */
		if (!g->heap->partial && ret.bad > MAX_BAD_BINS &&
		    ret.bad > left + layout->num_bins - bin)
			return ret;
	}
	for (unsigned bin = 0; left; bin++) {
		uint64_t head = list_head(tcache, bin);
		if ((alone && ret.bad) || (ret.bad > MAX_BAD_BINS && ret.bad > ret.good + left))
			break;
		if (!head || is_bad(g, tcache, bin))
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

/** Words that are in some thread's TLS and lead into the heap: what a thread speaks for. */
struct spoken {
	uint64_t *words; /**< sorted */
	size_t num, max;
	bool all; /**< there are too many to be kept: any word may be one */
};

/** More words than that are not kept. */
#define MAX_SPOKEN (UINT32_C(1) << 18)

static struct hc_error *add_spoken(const struct glibc *g, struct hc_bytes view,
				   struct spoken *spoken)
{
	unsigned word = g->params.word_size;
	for (size_t at = 0; at + word <= view.size && !spoken->all; at += word) {
		uint64_t value = hc_read_word(view.data + at, word, g->memory->big_endian);
		if (!hc_heap_span(g->heap, value))
			continue;
		struct hc_error *err = hc_array_regrow(&spoken->words, spoken->num, &spoken->max,
						       sizeof(*spoken->words));
		if (err)
			return err;
		spoken->words[spoken->num++] = value;
		spoken->all = spoken->num > MAX_SPOKEN;
	}
	return NULL;
}

static struct hc_error *gather_spoken(const struct glibc *g, struct spoken *spoken)
{
	const struct hc_threads *threads = &g->process->threads;
	struct hc_error *err = NULL;
	for (size_t i = 0; i < threads->num && !err && !spoken->all; i++) {
		const struct hc_thread *thread = &threads->items[i];
		err = add_spoken(g,
				 hc_memory_view(g->memory, thread->block_start,
						thread->block_end - thread->block_start),
				 spoken);
	}
	hc_sort(spoken->words, spoken->num, hc_compare_u64);
	return err;
}

/**
 * Whether nothing but its contents can say that a chunk is a tcache, so that they must agree in
 * all.
 */
static bool is_alone(const struct glibc *g, const struct spoken *spoken,
		     const struct hc_chunk *chunk)
{
	if (g->heap->partial || first_of_span(chunk) || spoken->all)
		return false;
	size_t i = hc_lower_bound(spoken->num, k, spoken->words[k] < chunk->address);
	return i == spoken->num || spoken->words[i] != chunk->address;
}

/**
 * Whether the chunk is a tcache. Contents that agree prove it. Where nothing, or not everything,
 * agrees, the place must speak for it: a thread's TLS points there, or it is the first chunk of a
 * heap.
 */
static bool is_tcache(const struct glibc *g, const struct spoken *spoken,
		      const struct hc_chunk *chunk, struct glibc_tcache *tcache)
{
	bool alone = is_alone(g, spoken, chunk);
	tcache->full = full_counter(g, tcache);
	struct agreement found = compare(g, tcache, alone);
	if (found.good && !found.bad)
		return true;
	if (alone)
		return false;
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

/** Usable bytes of a chunk beyond those of the struct that is in it, at most: in alignments. */
#define MAX_SLACK 2

static bool has_size_of(const struct glibc *g, const struct hc_chunk *chunk,
			const struct glibc_tcache_layout *layout)
{
	return layout->word_size == g->params.word_size && chunk->usable >= layout->size &&
	       chunk->usable - layout->size <= MAX_SLACK * g->params.alignment;
}

/** The layout that a chunk has the size of: no two have the same. NULL: none. */
static const struct glibc_tcache_layout *layout_of(const struct glibc *g,
						   const struct hc_chunk *chunk)
{
	for (size_t i = 0; i < glibc_num_tcache_layouts; i++)
		if (has_size_of(g, chunk, &glibc_tcache_layouts[i]))
			return &glibc_tcache_layouts[i];
	return NULL;
}

static struct hc_error *consider(const struct glibc *g, const struct spoken *spoken,
				 const struct hc_chunk *chunk, struct glibc_tcache_list *list)
{
	const struct glibc_tcache_layout *layout = layout_of(g, chunk);
	struct glibc_tcache tcache = {.mem = chunk->address, .layout = layout};
	tcache.bytes = hc_memory_view(g->memory, chunk->address, layout->size);
	tcache.big_endian = g->memory->big_endian;
	if (tcache.bytes.size < layout->size || !is_tcache(g, spoken, chunk, &tcache))
		return NULL;
	struct hc_error *err = hc_array_reserve(&list->items, list->num, sizeof(*list->items));
	if (!err)
		list->items[list->num++] = tcache;
	return err;
}

/**
 * Sizes of chunks that can be a tcache, in units, with room for what the header takes: what is
 * neither shorter than the least nor longer than the most is worth a look.
 */
static void find_units(const struct glibc *g, uint64_t *least_ret, uint64_t *most_ret)
{
	uint64_t least = UINT64_MAX, most = 0;
	for (size_t i = 0; i < glibc_num_tcache_layouts; i++) {
		const struct glibc_tcache_layout *layout = &glibc_tcache_layouts[i];
		if (layout->word_size != g->params.word_size)
			continue;
		least = layout->size < least ? layout->size : least;
		most = layout->size > most ? layout->size : most;
	}
	*least_ret = least / g->params.alignment;
	*most_ret = most / g->params.alignment + MAX_SLACK + 2;
}

/** Bytes of heap that one task searches. */
#define SEARCH_SLICE (UINT64_C(16) << 20)
/** Chunks that are fetched together. */
#define SEARCH_BATCH 32

/** The search for tcaches: what each task found, in the order of the heap. */
struct search {
	const struct glibc *g;
	struct spoken spoken;
	uint64_t least, most; /**< find_units() */
	struct hc_slice *slices;
	struct glibc_tcache_list *found; /**< by slice */
};

/** Two blocks' worth of bits. */
struct two_words {
	uint64_t low, high;
};

/** @param by less than 64 */
static struct two_words shift_down(struct two_words bits, unsigned by)
{
	if (!by)
		return bits;
	return (struct two_words){bits.low >> by | bits.high << (64 - by), bits.high >> by};
}

/** Bit per place that has a bit of @p bits at one of the distances [@p from, @p to]. */
static uint64_t has_at(struct two_words bits, unsigned from, unsigned to)
{
	unsigned num = to - from + 1;
	bits = shift_down(bits, from);
	for (unsigned done = 1, step; done < num; done += step) {
		step = done < num - done ? done : num - done;
		struct two_words more = shift_down(bits, step);
		bits.low |= more.low;
		bits.high |= more.high;
	}
	return bits.low;
}

/**
 * Starts of a block whose chunks have a size between the least and the most, without a look at each
 * chunk: those with another start as far behind them, and none in between.
 */
static uint64_t starts_of_size(const struct search *search, const struct hc_span *span,
			       uint64_t block)
{
	uint64_t starts = span->blocks[block].start, left;
	if (!starts || search->most >= HC_UNITS_PER_BLOCK)
		return starts;
	struct two_words bits = {starts,
				 block + 1 < span->num_blocks ? span->blocks[block + 1].start : 0};
	/* Where the span ends, its last chunk does. */
	left = span->num_units - block * HC_UNITS_PER_BLOCK;
	if (left < HC_UNITS_PER_BLOCK)
		bits.low |= UINT64_C(1) << left;
	else if (left < 2 * HC_UNITS_PER_BLOCK)
		bits.high |= UINT64_C(1) << (left - HC_UNITS_PER_BLOCK);
	return starts & has_at(bits, search->least, search->most) &
	       ~has_at(bits, 1, search->least - 1);
}

/** Chunks that have the size of a tcache, fetched and not looked at yet. */
struct batch {
	struct hc_chunk chunks[SEARCH_BATCH];
	size_t num;
};

static struct hc_error *consider_all(const struct search *search, struct batch *batch,
				     struct glibc_tcache_list *list)
{
	struct hc_error *err = NULL;
	for (size_t i = 0; i < batch->num && !err; i++)
		err = consider(search->g, &search->spoken, &batch->chunks[i], list);
	batch->num = 0;
	return err;
}

/**
 * Fetch the first counters and heads, which tell most of what is no tcache. Always inlined: to gcc,
 * a function that does nothing but prefetch is one that does nothing.
 */
static inline __attribute__((always_inline)) void fetch(const struct hc_chunk *chunk,
							const struct glibc_tcache_layout *layout)
{
	const uint8_t *bytes = chunk->span->data + (chunk->address - chunk->span->start);
	__builtin_prefetch(bytes);
	__builtin_prefetch(bytes + layout->entries);
}

/** Add what starts at a unit, when it has the size. */
static void add_to_batch(const struct search *search, const struct hc_span *span, uint64_t unit,
			 struct batch *batch)
{
	struct hc_chunk *chunk = &batch->chunks[batch->num];
	hc_span_chunk(search->g->heap, span, unit, chunk);
	const struct glibc_tcache_layout *layout = layout_of(search->g, chunk);
	if (!layout)
		return;
	batch->num++;
	if (span->data)
		fetch(chunk, layout);
}

/** Consider the chunks of a slice that are long enough; they come into the cache in batches. */
static struct hc_error *search_slice(void *ctx, unsigned worker, size_t task)
{
	const struct search *search = ctx;
	const struct hc_slice *slice = &search->slices[task];
	const struct hc_span *span = slice->span;
	struct hc_error *err = NULL;
	struct batch batch;
	(void)worker;
	if (span->zone != search->g->arena_zone)
		return NULL;
	batch.num = 0;
	for (uint64_t block = slice->from / HC_UNITS_PER_BLOCK;
	     !err && block < hc_num_blocks(slice->to); block++) {
		uint64_t starts = starts_of_size(search, span, block);
		for (; starts && !err; starts &= starts - 1) {
			add_to_batch(search, span,
				     block * HC_UNITS_PER_BLOCK + __builtin_ctzll(starts), &batch);
			if (batch.num == SEARCH_BATCH)
				err = consider_all(search, &batch, &search->found[task]);
		}
	}
	return err ? err : consider_all(search, &batch, &search->found[task]);
}

/** All tcaches of the heap, by address. */
static struct hc_error *find_tcaches(const struct glibc *g, struct glibc_tcache_list *ret)
{
	struct search search = {.g = g};
	size_t num;
	find_units(g, &search.least, &search.most);
	struct hc_error *err = hc_heap_slices(g->heap, SEARCH_SLICE, &search.slices, &num);
	if (err)
		return err;
	err = gather_spoken(g, &search.spoken);
	search.found = calloc(num ? num : 1, sizeof(*search.found));
	if (!err)
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
	free(search.spoken.words);
	return err;
}

/**
 * Follow a list with a given idea of mangling; whether it ends in NULL after exactly its length.
 */
static bool list_ends(const struct glibc *g, const struct glibc_tcache *tcache, unsigned bin,
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
static bool detect_mangling(struct glibc *g, const struct glibc_tcache_list *list)
{
	size_t votes[2] = {0, 0};
	for (size_t i = 0; i < list->num; i++) {
		const struct glibc_tcache *tcache = &list->items[i];
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
	struct glibc_tcache *tcache;
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
static void vote_key(const struct glibc *g, struct glibc_tcache *tcache, uint64_t mem,
		     uint64_t *lead)
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

static struct hc_error *mark_list(struct glibc *g, struct glibc_tcache *tcache, unsigned bin,
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
static struct hc_error *report_wreck(struct glibc *g, struct glibc_tcache *tcache)
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
static struct hc_error *note_holder(struct glibc *g, const struct glibc_tcache *tcache)
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

static struct hc_error *mark_tcache(struct glibc *g, struct glibc_tcache *tcache)
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

struct hc_error *glibc_mark_tcaches(struct glibc *g)
{
	struct glibc_tcache_list list = {0};
	struct hc_error *err = find_tcaches(g, &list);
	g->mangled = detect_mangling(g, &list);
	for (size_t i = 0; i < list.num && !err; i++)
		err = mark_tcache(g, &list.items[i]);
	if (!err)
		err = glibc_recover_tcaches(g, &list);
	free(list.items);
	return err;
}
