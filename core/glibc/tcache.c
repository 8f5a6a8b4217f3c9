/**
 * @file
 * Per-thread caches (tcache, 2.26 and later).
 *
 * A tcache is a chunk like any other, so it is recognised by what it holds: one counter and one list head per bin,
 * a head being NULL exactly where the counter says empty, and otherwise the user address of a chunk of that bin's
 * size. An empty one looks like any block of zeroes; it is believed when a thread's TLS points to it, or when it is
 * the first chunk of a heap, where the release that allocates it early puts it. Blocks of threads that are gone
 * (fork) are found as well.
 *
 * Cached chunks look in use to the boundary tags. Their links may be mangled (safe-linking, 2.32 and later): stored
 * value = pointer XOR (address of the field >> 12). The end of a list tells: it holds 0 when it is not.
 */
#include "core/cleanup.h"
#include "core/glibc/glibc.h"

/** A tcache that was found. */
struct tcache {
	uint64_t mem;
	const struct glibc_tcache_layout *layout;
	struct hc_bytes bytes; /**< of the struct */
	uint64_t full;         /**< counter of an empty bin when counters go down */
};

static uint64_t counter(const struct tcache *tcache, unsigned bin)
{
	const uint8_t *p = tcache->bytes.data + (size_t)bin * tcache->layout->count_size;
	return tcache->layout->count_size == 1 ? *p : (uint64_t)p[0] | (uint64_t)p[1] << 8;
}

static uint64_t list_head(const struct tcache *tcache, unsigned bin)
{
	unsigned word = tcache->layout->word_size;
	return hc_load_word(tcache->bytes.data + tcache->layout->entries + (size_t)bin * word, word);
}

/** Entries in a bin's list, as its counter says. */
static uint64_t list_length(const struct tcache *tcache, unsigned bin)
{
	uint64_t n = counter(tcache, bin);
	if (!tcache->layout->counts_down)
		return n;
	return n < tcache->full ? tcache->full - n : 0;
}

/** A chunk that a list of @p bin may hold: one starts there, and (small bins) it has the bin's size. */
static bool fits_bin(const struct glibc *g, const struct glibc_tcache_layout *layout, unsigned bin,
		     uint64_t mem)
{
	struct hc_chunk chunk;
	if (!glibc_aligned(g, mem) || !hc_heap_chunk_at(g->heap, mem, &chunk) || chunk.address != mem)
		return false;
	return bin >= layout->num_small ||
	       chunk.size == g->params.min_chunk + (uint64_t)bin * g->params.alignment;
}

/** Whether the struct's counters and heads agree. */
static bool validate(const struct glibc *g, struct tcache *tcache, bool *empty_ret)
{
	const struct glibc_tcache_layout *layout = tcache->layout;
	tcache->full = 0;
	for (unsigned bin = 0; layout->counts_down && bin < layout->num_bins; bin++) {
		uint64_t n = counter(tcache, bin);
		tcache->full = n > tcache->full ? n : tcache->full;
	}
	if (layout->counts_down && g->par.tcache_count > tcache->full)
		tcache->full = g->par.tcache_count;
	*empty_ret = true;
	bool all_dangle = true;
	for (unsigned bin = 0; bin < layout->num_bins; bin++) {
		uint64_t head = list_head(tcache, bin);
		/* Bins above tcache_max have no slots, and count 0 whichever way counters go. */
		bool closed = layout->counts_down && bin >= layout->num_small && !counter(tcache, bin);
		if (!closed && (list_length(tcache, bin) == 0) != (head == 0))
			return false;
		if (!head)
			continue;
		*empty_ret = false;
		if (fits_bin(g, layout, bin, head))
			all_dangle = false;
		else if (!g->heap->partial || !glibc_aligned(g, head))
			return false; /* in a sound heap no list dangles */
	}
	return *empty_ret || !all_dangle;
}

static bool first_of_span(const struct hc_chunk *chunk)
{
	return chunk->unit == 0;
}

/** Whether some thread's TLS holds @p value. */
static bool in_tls(const struct glibc *g, uint64_t value)
{
	const struct hc_threads *threads = &g->process->threads;
	unsigned word = g->params.word_size;
	for (size_t i = 0; i < threads->num; i++) {
		const struct hc_thread *thread = &threads->items[i];
		struct hc_bytes view = hc_memory_view(g->memory, thread->block_start,
						      thread->block_end - thread->block_start);
		for (size_t at = 0; at + word <= view.size; at += word) {
			if (hc_load_word(view.data + at, word) == value)
				return true;
		}
	}
	return false;
}

struct tcache_list {
	struct tcache *items;
	size_t num;
};

static struct hc_error *consider(const struct glibc *g, const struct hc_chunk *chunk,
				 struct tcache_list *list)
{
	for (size_t i = 0; i < glibc_num_tcache_layouts; i++) {
		const struct glibc_tcache_layout *layout = &glibc_tcache_layouts[i];
		struct tcache tcache = {.mem = chunk->address, .layout = layout};
		bool empty;
		if (layout->word_size != g->params.word_size || chunk->usable < layout->size ||
		    chunk->usable - layout->size > 2 * g->params.alignment)
			continue;
		tcache.bytes = hc_memory_view(g->memory, chunk->address, layout->size);
		if (tcache.bytes.size < layout->size || !validate(g, &tcache, &empty))
			continue;
		if (empty && !first_of_span(chunk) && !in_tls(g, chunk->address))
			continue;
		if ((list->num & (list->num - 1)) == 0) {
			size_t capacity = list->num ? list->num * 2 : 1;
			void *grown = realloc(list->items, capacity * sizeof(*list->items));
			if (!grown)
				return &hc_enomem;
			list->items = grown;
		}
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

/**
 * Consider the chunks of a span that are long enough. Heaps are mostly small chunks, so blocks are passed over
 * whole when their start bits lie too close together to leave such a gap.
 */
static struct hc_error *search_span(const struct glibc *g, const struct hc_span *span,
				    struct tcache_list *list)
{
	uint64_t least = least_units(g), last = 0;
	bool have_last = false;
	for (uint64_t i = 0; i < span->num_blocks; i++) {
		uint64_t bits = span->blocks[i].start;
		if (!bits)
			continue;
		unsigned lead = __builtin_ctzll(bits), count = __builtin_popcountll(bits);
		uint64_t first = i * HC_UNITS_PER_BLOCK + lead;
		bool gap_before = have_last && first - last >= least;
		bool gap_inside = HC_UNITS_PER_BLOCK - count - lead >= least;
		if (gap_before || gap_inside) {
			uint64_t unit = gap_before ? last : first;
			uint64_t end = (i + 1) * HC_UNITS_PER_BLOCK;
			while (unit < end && unit < span->num_units) {
				uint64_t next = hc_span_next_start(span, unit + 1);
				if (next < end && next - unit >= least) {
					struct hc_chunk chunk;
					hc_span_chunk(g->heap, span, unit, &chunk);
					struct hc_error *err = consider(g, &chunk, list);
					if (err)
						return err;
				}
				unit = next;
			}
		}
		last = i * HC_UNITS_PER_BLOCK + (HC_UNITS_PER_BLOCK - 1 - __builtin_clzll(bits));
		have_last = true;
	}
	return NULL;
}

/** Follow a list with a given idea of mangling; whether it ends in NULL after exactly its length. */
static bool list_ends(const struct glibc *g, const struct tcache *tcache, unsigned bin, bool mangled)
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
static bool detect_mangling(const struct glibc *g, const struct tcache_list *list)
{
	size_t votes[2] = {0, 0};
	for (size_t i = 0; i < list->num; i++) {
		const struct tcache *tcache = &list->items[i];
		for (unsigned bin = 0; bin < tcache->layout->num_bins; bin++) {
			if (!list_head(tcache, bin))
				continue;
			votes[0] += list_ends(g, tcache, bin, false);
			votes[1] += list_ends(g, tcache, bin, true);
		}
	}
	for (size_t i = 0; i < g->num_arenas; i++) {
		for (unsigned bin = 0; bin < g->state->num_fastbins; bin++) {
			uint64_t head;
			if (!glibc_word(g, g->arenas[i].address + g->state->fastbins +
						   bin * g->params.word_size, &head) || !head)
				continue;
			votes[0] += fastbin_ends(g, head, false);
			votes[1] += fastbin_ends(g, head, true);
		}
	}
	return votes[1] >= votes[0];
}

static struct hc_error *mark_list(struct glibc *g, const struct tcache *tcache, unsigned bin)
{
	uint64_t mem = list_head(tcache, bin), length = list_length(tcache, bin);
	for (uint64_t i = 0; i < length; i++) {
		uint64_t stored;
		if (g->heap->partial && !glibc_word(g, mem, &stored))
			return NULL; /* the list goes on in memory that the core lacks */
		if (!fits_bin(g, tcache->layout, bin, mem) ||
		    !hc_heap_set_free(g->heap, mem, HC_LIST_TCACHE) || !glibc_word(g, mem, &stored))
			return hc_heap_add_inconsistency(
				g->heap, mem,
				"bin %u of the tcache at 0x%jx leads here after %ju of %ju entries, where "
				"no chunk of its size starts",
				bin, (uintmax_t)tcache->mem, (uintmax_t)i, (uintmax_t)length);
		mem = glibc_link(g, mem, stored);
	}
	if (!mem)
		return NULL;
	return hc_heap_add_inconsistency(
		g->heap, tcache->mem, "bin %u of the tcache holds more chunks than the %ju it counts",
		bin, (uintmax_t)length);
}

struct hc_error *glibc_mark_tcaches(struct glibc *g)
{
	struct tcache_list list = {0};
	struct hc_error *err = NULL;
	for (size_t i = 0; i < g->heap->num_spans && !err; i++) {
		if (g->heap->spans[i].kind != HC_SPAN_MMAP)
			err = search_span(g, &g->heap->spans[i], &list);
	}
	g->mangled = detect_mangling(g, &list);
	for (size_t i = 0; i < list.num && !err; i++) {
		const struct tcache *tcache = &list.items[i];
		g->tcache = tcache->layout;
		for (unsigned bin = 0; bin < tcache->layout->num_bins && !err; bin++)
			err = mark_list(g, tcache, bin);
		if (!err)
			err = hc_heap_add_special(g->heap, tcache->mem, HC_OVERHEAD, "tcache");
	}
	free(list.items);
	return err;
}
