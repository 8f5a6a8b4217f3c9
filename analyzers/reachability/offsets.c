/**
 * @file
 * Looking for offset links; what counts as evidence is in offsets.h.
 *
 * 1. Of slices of the heap at even distances, SAMPLE_BYTES in all, the words of 32 bits are counted
 *    by size of chunk, place, and whether the chunk looks lost. A few words of each such *kind*
 * tell whether it may hold links: they are far from equal, agree in the low bits in which addresses
 *    of chunks do, and differ by no more than the heap is long. Of the few kinds that may, up to
 *    MAX_WORDS words are kept, in the order of addresses.
 * 2. Bases are collected: only such as put most words of a kind among the lost.
 * 3. Each is tried on a few words, and what passes on all. The base with most links wins, and tells
 *    what other kinds hold.
 *
 * A process that lost less than HC_TAGGED_MIN chunks costs nothing, and one without such kinds the
 * first step alone. Nothing depends on the number of workers: there is one.
 */
#include "analyzers/reachability/offsets.h"

#include <stdlib.h>

#include "analyzers/reachability/hidden.h"
#include "core/base/array.h"
#include "core/base/cleanup.h"

enum {
	HALF = 4,
	MAX_SIZE = 4096, /* of a chunk whose offsets are told apart; larger ones are tables */
	GRAIN = 16,      /* of chunk sizes */
	SIZES = MAX_SIZE / GRAIN + 1,
	HALVES = MAX_SIZE / HALF,
	SLICE_BYTES = 256 << 10,
	SAMPLE_BYTES = 4 << 20,
	ROOT_BYTES = 8 << 20,
	PAGE = 4096,
	TABLE_PLACES = 4, /* of a table's words: entries of up to 16 bytes are told apart */
	FEW = 16,         /* words of a kind that are looked at first */
	MAX_KINDS = 16,
	MAX_TABLES = 8,
	MAX_WORDS = 1024,
	MAX_BASES = 1 << 16,
	ONE_IN = 10, /* so many words of a kind may be no links */
	NEAR = 64,   /* chunks among which a neighbour is sought */
};

static const unsigned shifts[] = {0, 3};
#define NUM_SHIFTS (sizeof(shifts) / sizeof(shifts[0]))

/** What is seen first of the words at one place of chunks of one size. */
struct cell {
	uint32_t num; /* that are not null */
	uint32_t few[FEW];
};

struct kind {
	uint64_t size, offset; /* size 0: a table */
	bool lost;
	uint32_t total; /* words that are not null, in the sample */
	uint32_t seen, num;
	uint32_t words[MAX_WORDS];
	uint64_t own[MAX_WORDS]; /* the chunks that they stand in */
};

/** How well a base fits a kind. */
struct fit {
	uint64_t base;
	unsigned shift;
	uint32_t links, misses;
};

struct search {
	const struct hc_heap *heap;
	const struct hc_root *roots;
	size_t num_roots;
	struct hc_slice *slices;
	size_t num_slices, step;
	uint64_t first_lost, last_lost; /* addresses */
	struct cell *cells[2];          /* of chunks that are held, and lost ones; SIZES * HALVES */
	uint32_t *members[2];           /* SIZES */
	struct kind *kinds;             /* MAX_KINDS + MAX_TABLES */
	size_t num_kinds, num_tables;
	uint64_t *bases;
	size_t num_bases;
	uint64_t low, high; /* of all bases that may be worth a try */
};

/** @name Targets */
/**@{*/

static bool is_size(const struct hc_offset_form *form, uint64_t size)
{
	size_t i = hc_lower_bound(form->num_sizes, k, form->sizes[k] < size);

	return !form->num_sizes || (i < form->num_sizes && form->sizes[i] == size);
}

/** The chunk in use that starts at an address. */
static bool chunk_at(const struct hc_heap *heap, uint64_t address, struct hc_chunk *ret)
{
	const struct hc_span *span = hc_heap_span(heap, address);
	uint64_t unit;

	if (!span || address < span->base || !hc_span_starts_at(span, address - span->base, &unit))
		return false;
	hc_span_chunk(heap, span, unit, ret);
	return ret->state == HC_IN_USE;
}

static bool is_null(uint32_t word)
{
	return word == 0 || word == UINT32_MAX;
}

uint64_t hc_offset_target(const struct hc_heap *heap, uint32_t word)
{
	const struct hc_offset_form *form = &heap->offset_form;
	uint64_t address = form->base + ((uint64_t)word << form->shift);
	struct hc_chunk chunk;

	return !is_null(word) && chunk_at(heap, address, &chunk) && is_size(form, chunk.size)
		       ? address
		       : 0;
}

static bool is_lost(const struct hc_chunk *chunk)
{
	return hc_block_lost(&chunk->span->blocks[chunk->unit / HC_UNITS_PER_BLOCK]) >>
		       chunk->unit % HC_UNITS_PER_BLOCK &
	       1;
}
/**@}*/

/** @name Words of 32 bits */
/**@{*/

typedef void (*half_fn)(struct search *search, void *ctx, size_t at, uint32_t word);

/** Visit the words of 32 bits that are not null, and no part of a pointer. @p at counts halves. */
static inline __attribute__((always_inline)) void
each_half(struct search *search, struct hc_bytes bytes, half_fn fn, void *ctx)
{
	const struct hc_heap *heap = search->heap;

	for (size_t i = 0; (i + 1) * 8 <= bytes.size; i++) {
		const uint8_t *at = bytes.data + i * 8;
		uint64_t value = hc_read64(at, heap->big_endian);

		if (!value || hc_offset_excluded(heap, value))
			continue;
		for (unsigned half = 0; half < 2; half++) {
			uint32_t word = hc_read32(at + half * HALF, heap->big_endian);

			if (!is_null(word))
				fn(search, ctx, 2 * i + half, word);
		}
	}
}

static void count_half(struct search *search, void *ctx, size_t at, uint32_t word)
{
	struct cell *cell = (struct cell *)ctx + at;
	uint64_t slot = cell->num;

	(void)search;
	/* The first ones, and then one here and there, by a fixed rule. */
	if (slot >= FEW)
		slot = (slot * UINT64_C(0x9e3779b97f4a7c15) >> 32) % (slot + 1);
	if (slot < FEW)
		cell->few[slot] = word;
	cell->num++;
}

/** Whether words agree in the bits below the alignment of chunks, nearly all. */
static bool agree(const uint32_t *words, size_t num, unsigned shift)
{
	uint32_t mask = (GRAIN - 1) >> shift;
	uint32_t counts[GRAIN] = {0};

	for (size_t i = 0; i < num; i++)
		if (++counts[words[i] & mask] * 8 >= num * 7)
			return true;
	return false;
}

/** Whether a few words may be links: far from equal, and not farther apart than the heap is long.
 */
static bool may_be_links(const struct search *search, const uint32_t *words, size_t num)
{
	uint64_t extent = search->last_lost - search->first_lost;
	size_t equal = 0, near = 0;

	for (size_t i = 0; i < num; i++) {
		uint32_t a = words[i], b = words[(i + 1) % num];

		equal += a == b;
		near += (a > b ? a - b : b - a) <= extent;
	}
	if (equal * 2 > num || near * 8 < num * 7)
		return false;
	for (size_t i = 0; i < NUM_SHIFTS; i++)
		if (agree(words, num, shifts[i]))
			return true;
	return false;
}
/**@}*/

/** @name Kinds */
/**@{*/

struct page {
	size_t num[TABLE_PLACES];
	uint32_t words[TABLE_PLACES][PAGE / HALF / TABLE_PLACES];
};

static void add_to_page(struct search *search, void *ctx, size_t at, uint32_t word)
{
	struct page *page = ctx;
	size_t place = at % TABLE_PLACES;

	(void)search;
	page->words[place][page->num[place]++] = word;
}

/** What of a page may be a table of links becomes a kind of its own. */
static void see_page(struct search *search, struct hc_bytes bytes)
{
	struct page page = {0};

	each_half(search, bytes, add_to_page, &page);
	for (size_t i = 0; i < TABLE_PLACES; i++) {
		if (page.num[i] < HC_TAGGED_MIN || search->num_tables == MAX_TABLES ||
		    !may_be_links(search, page.words[i], page.num[i]))
			continue;
		struct kind *kind = &search->kinds[MAX_KINDS + search->num_tables++];

		kind->total = kind->num = page.num[i];
		kind->offset = i * HALF;
		memcpy(kind->words, page.words[i], page.num[i] * sizeof(uint32_t));
	}
}

static void see_table(struct search *search, struct hc_bytes bytes)
{
	for (size_t at = 0; at < bytes.size && search->num_tables < MAX_TABLES; at += PAGE)
		see_page(search,
			 (struct hc_bytes){bytes.data + at,
					   bytes.size - at < PAGE ? bytes.size - at : PAGE});
}

static void see_chunk(struct search *search, void *ctx, const struct hc_chunk *chunk)
{
	bool lost = is_lost(chunk);
	struct hc_bytes bytes = hc_chunk_bytes(search->heap, chunk);

	(void)ctx;
	if (chunk->size > MAX_SIZE) {
		if (bytes.size > SLICE_BYTES)
			bytes.size = SLICE_BYTES;
		see_table(search, bytes);
		return;
	}
	search->members[lost][chunk->size / GRAIN]++;
	each_half(search, bytes, count_half, search->cells[lost] + chunk->size / GRAIN * HALVES);
}

/** Visit the chunks in use of the sample. */
static void each_chunk(struct search *search,
		       void (*fn)(struct search *, void *, const struct hc_chunk *), void *ctx)
{
	for (size_t i = 0; i < search->num_slices; i += search->step) {
		struct hc_chunk_iter iter;
		struct hc_chunk chunk;

		hc_chunk_iter_slice(&iter, search->heap, search->slices[i]);
		while (hc_chunk_iter_next(&iter, &chunk))
			if (chunk.state == HC_IN_USE)
				fn(search, ctx, &chunk);
	}
}

/** Visit a sample of the roots. */
static void each_root(struct search *search, void (*fn)(struct search *, struct hc_bytes))
{
	const struct hc_memory *memory = &search->heap->process->memory;
	uint64_t left = ROOT_BYTES;
	struct hc_piece piece;

	for (size_t i = 0; i < search->num_roots; i++) {
		uint64_t pos = search->roots[i].start;

		while (left &&
		       hc_memory_next_piece(memory, &pos, search->roots[i].end, left, &piece)) {
			left -= piece.bytes.size;
			fn(search, piece.bytes);
		}
	}
}

/** Keep the kinds with most words. */
static void add_kind(struct search *search, const struct kind *kind)
{
	size_t i = search->num_kinds;

	if (i == MAX_KINDS && search->kinds[i - 1].total >= kind->total)
		return;
	if (i < MAX_KINDS)
		search->num_kinds++;
	else
		i--;
	for (; i && search->kinds[i - 1].total < kind->total; i--)
		search->kinds[i] = search->kinds[i - 1];
	search->kinds[i] = *kind;
}

static void choose_kinds(struct search *search)
{
	for (unsigned lost = 0; lost < 2; lost++)
		for (size_t size = 0; size < SIZES; size++) {
			if (search->members[lost][size] < HC_TAGGED_MIN)
				continue;
			for (size_t at = 0; at < HALVES; at++) {
				const struct cell *cell = &search->cells[lost][size * HALVES + at];

				if (cell->num < HC_TAGGED_MIN ||
				    cell->num < search->members[lost][size] / 8 ||
				    !may_be_links(search, cell->few, FEW))
					continue;
				const struct kind kind = {.size = size * GRAIN,
							  .offset = at * HALF,
							  .lost = lost,
							  .total = cell->num};

				add_kind(search, &kind);
			}
		}
}

/** Words of the kinds: every so many of them. */
static void collect_words(struct search *search, void *ctx, const struct hc_chunk *chunk)
{
	struct hc_bytes bytes = hc_chunk_bytes(search->heap, chunk);
	bool lost = is_lost(chunk), big = search->heap->big_endian;

	(void)ctx;
	for (size_t i = 0; i < search->num_kinds; i++) {
		struct kind *kind = &search->kinds[i];
		uint64_t whole = kind->offset & ~UINT64_C(7);

		if (kind->size != chunk->size || kind->lost != lost || whole + 8 > bytes.size ||
		    hc_offset_excluded(search->heap, hc_read64(bytes.data + whole, big)))
			continue;
		uint32_t word = hc_read32(bytes.data + kind->offset, big);

		if (is_null(word) || kind->seen++ % (kind->total / MAX_WORDS + 1) ||
		    kind->num == MAX_WORDS)
			continue;
		kind->words[kind->num] = word;
		kind->own[kind->num++] = chunk->address;
	}
}

static struct hc_error *find_kinds(struct search *search)
{
	for (unsigned lost = 0; lost < 2; lost++) {
		search->cells[lost] = calloc(SIZES * HALVES, sizeof(struct cell));
		search->members[lost] = calloc(SIZES, sizeof(uint32_t));
		if (!search->cells[lost] || !search->members[lost])
			return &hc_enomem;
	}
	search->kinds = calloc(MAX_KINDS + MAX_TABLES, sizeof(*search->kinds));
	if (!search->kinds)
		return &hc_enomem;
	each_root(search, see_table);
	each_chunk(search, see_chunk, NULL);
	choose_kinds(search);
	if (search->num_kinds)
		each_chunk(search, collect_words, NULL);
	memmove(search->kinds + search->num_kinds, search->kinds + MAX_KINDS,
		search->num_tables * sizeof(*search->kinds));
	search->num_kinds += search->num_tables;
	return NULL;
}
/**@}*/

/** @name Bases */
/**@{*/

static int compare_words(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static int compare_bases(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/** The bases that put nine in ten of a kind's words among the lost. @return whether there are any
 */
static bool window_of(const struct search *search, const struct kind *kind, unsigned shift,
		      uint64_t *low_ret, uint64_t *high_ret)
{
	uint32_t words[MAX_WORDS];
	uint64_t low, high;

	memcpy(words, kind->words, kind->num * sizeof(*words));
	hc_sort(words, kind->num, compare_words);
	low = (uint64_t)words[kind->num / 20] << shift;
	high = (uint64_t)words[kind->num - 1 - kind->num / 20] << shift;
	if (high > search->last_lost || high - low > search->last_lost - search->first_lost ||
	    kind->num < HC_TAGGED_MIN || !agree(words, kind->num, shift))
		return false;
	*low_ret = search->first_lost > low ? search->first_lost - low : 0;
	*high_ret = search->last_lost - high;
	return true;
}

/** The bases that are worth a try for any kind. */
static bool find_window(struct search *search)
{
	bool found = false;

	search->low = UINT64_MAX;
	for (size_t i = 0; i < search->num_kinds; i++)
		for (size_t k = 0; k < NUM_SHIFTS; k++) {
			uint64_t low, high;

			if (!window_of(search, &search->kinds[i], shifts[k], &low, &high))
				continue;
			search->low = low < search->low ? low : search->low;
			search->high = high > search->high ? high : search->high;
			found = true;
		}
	return found;
}

static void add_base(struct search *search, uint64_t base)
{
	if (base < search->low || base > search->high || search->num_bases == MAX_BASES ||
	    (search->num_bases && search->bases[search->num_bases - 1] == base))
		return;
	search->bases[search->num_bases++] = base;
}

static void add_bases(struct search *search, struct hc_bytes bytes)
{
	for (size_t i = 0; (i + 1) * 8 <= bytes.size; i++)
		add_base(search, hc_read64(bytes.data + i * 8, search->heap->big_endian));
}

static void add_bases_of_chunk(struct search *search, void *ctx, const struct hc_chunk *chunk)
{
	(void)ctx;
	if (!is_lost(chunk))
		add_bases(search, hc_chunk_bytes(search->heap, chunk));
}

static void add_starts(struct search *search)
{
	const struct hc_process *process = search->heap->process;

	for (size_t i = 0; i < process->mappings.num; i++) {
		add_base(search, process->mappings.items[i].start);
		add_base(search, process->mappings.items[i].start & ~(uint64_t)UINT32_MAX);
	}
	for (size_t i = 0; i < search->heap->num_spans; i++) {
		add_base(search, search->heap->spans[i].start);
		add_base(search, search->heap->spans[i].base);
	}
	for (size_t i = 0; i < process->threads.num; i++)
		for (unsigned r = 0; r < process->threads.items[i].num_regs; r++)
			add_base(search, process->threads.items[i].regs[r]);
}

/** What the program has at hand, in the order of addresses, each once. */
static struct hc_error *find_bases(struct search *search)
{
	size_t num = 0;

	search->bases = calloc(MAX_BASES, sizeof(*search->bases));
	if (!search->bases)
		return &hc_enomem;
	add_starts(search);
	each_root(search, add_bases);
	each_chunk(search, add_bases_of_chunk, NULL);
	hc_sort(search->bases, search->num_bases, compare_bases);
	for (size_t i = 0; i < search->num_bases; i++)
		if (!num || search->bases[num - 1] != search->bases[i])
			search->bases[num++] = search->bases[i];
	search->num_bases = num;
	return NULL;
}
/**@}*/

/** @name Trying */
/**@{*/

/** Whether no other lost chunk of the target's size lies between two chunks. */
static bool are_neighbours(const struct hc_heap *heap, uint64_t own, const struct hc_chunk *target)
{
	uint64_t from = own < target->address ? own : target->address;
	uint64_t to = own < target->address ? target->address : own;
	struct hc_chunk chunk;

	if (!chunk_at(heap, from, &chunk))
		return false;
	for (unsigned i = 0; i < NEAR; i++) {
		uint64_t unit = hc_span_next_start(chunk.span, chunk.unit + 1);

		if (unit >= chunk.span->num_units)
			return false;
		hc_span_chunk(heap, chunk.span, unit, &chunk);
		if (chunk.address >= to)
			return chunk.address == to;
		if (chunk.state == HC_IN_USE && chunk.size == target->size && is_lost(&chunk))
			return false;
	}
	return false;
}

/** Whether words rise or fall with the addresses that they stand at. */
static bool is_sequence(const struct kind *kind)
{
	uint32_t up = 0, down = 0;

	for (uint32_t i = 1; i < kind->num; i++) {
		up += kind->words[i] > kind->words[i - 1];
		down += kind->words[i] < kind->words[i - 1];
	}
	uint32_t most = up > down ? up : down;

	return most * ONE_IN >= (kind->num - 1) * (ONE_IN - 1);
}

enum verdict { NO_LINK, NEUTRAL, LINK };

static enum verdict try_word(const struct search *search, const struct kind *kind,
			     const struct fit *fit, uint32_t i, struct hc_chunk *chunk)
{
	uint64_t address = fit->base + ((uint64_t)kind->words[i] << fit->shift);

	if (address == kind->own[i] || !chunk_at(search->heap, address, chunk))
		return NO_LINK;
	/* A block that a pointer holds, too. */
	return is_lost(chunk) ? LINK : NEUTRAL;
}

/** A few words first: most bases fail on these. */
static bool may_fit(const struct search *search, const struct kind *kind, const struct fit *fit)
{
	uint32_t step = kind->num / HC_TAGGED_MIN, misses = 0;
	struct hc_chunk chunk;

	for (uint32_t i = 0; i < kind->num; i += step)
		if (try_word(search, kind, fit, i, &chunk) == NO_LINK &&
		    ++misses > HC_TAGGED_MIN / ONE_IN)
			return false;
	return true;
}

static size_t count_distinct(uint64_t *targets, size_t num)
{
	size_t distinct = 0;

	hc_sort(targets, num, compare_bases);
	for (size_t i = 0; i < num; i++)
		distinct += !i || targets[i] != targets[i - 1];
	return distinct;
}

/** Whether a base fits a kind, by all of its words. */
static bool fits(const struct search *search, const struct kind *kind, struct fit *fit)
{
	bool sequence = is_sequence(kind);
	uint64_t targets[MAX_WORDS];
	uint32_t near = 0, neutral = 0;
	struct hc_chunk chunk;

	if (!may_fit(search, kind, fit))
		return false;
	fit->links = fit->misses = 0;
	for (uint32_t i = 0; i < kind->num; i++) {
		enum verdict verdict = try_word(search, kind, fit, i, &chunk);

		neutral += verdict == NEUTRAL;
		fit->misses += verdict == NO_LINK;
		if (verdict != LINK)
			continue;
		targets[fit->links++] = chunk.address;
		if (sequence && kind->size)
			near += are_neighbours(search->heap, kind->own[i], &chunk);
	}
	if (fit->misses * ONE_IN > fit->links + fit->misses || neutral > fit->links)
		return false;
	size_t distinct = count_distinct(targets, fit->links);

	if (distinct < HC_TAGGED_MIN || distinct < fit->links / 4)
		return false;
	if (!sequence)
		return true;
	return kind->size ? near * ONE_IN >= fit->links * (ONE_IN - 1) : !fit->misses;
}

/** The base that fits a kind best. */
static bool find_base(const struct search *search, const struct kind *kind, struct fit *ret)
{
	struct fit best = {0};

	for (size_t k = 0; k < NUM_SHIFTS; k++) {
		uint64_t low, high;

		if (!window_of(search, kind, shifts[k], &low, &high))
			continue;
		size_t i = hc_lower_bound(search->num_bases, b, search->bases[b] < low);

		for (; i < search->num_bases && search->bases[i] <= high; i++) {
			struct fit fit = {.base = search->bases[i], .shift = shifts[k]};

			if (fits(search, kind, &fit) && fit.links > best.links)
				best = fit;
		}
	}
	*ret = best;
	return best.links;
}

/** Sizes that the links of a kind lead to. @return false when they are too many */
static bool add_sizes(const struct search *search, const struct kind *kind, const struct fit *fit,
		      struct hc_offset_form *form)
{
	struct hc_chunk chunk;

	for (uint32_t i = 0; i < kind->num; i++) {
		if (try_word(search, kind, fit, i, &chunk) != LINK)
			continue;
		size_t at = hc_lower_bound(form->num_sizes, k, form->sizes[k] < chunk.size);

		if (at < form->num_sizes && form->sizes[at] == chunk.size)
			continue;
		if (form->num_sizes == HC_MAX_OFFSET_SIZES)
			return false;
		memmove(&form->sizes[at + 1], &form->sizes[at],
			(form->num_sizes++ - at) * sizeof(form->sizes[0]));
		form->sizes[at] = chunk.size;
	}
	return true;
}

/** Of the kinds that the form fits, where the links lead to. */
static void fill_form(const struct search *search, const struct fit *fit,
		      struct hc_offset_form *ret)
{
	struct hc_offset_form form = {.found = true, .base = fit->base, .shift = fit->shift};

	for (size_t i = 0; i < search->num_kinds; i++) {
		struct fit other = {.base = fit->base, .shift = fit->shift};

		if (search->kinds[i].num < HC_TAGGED_MIN ||
		    !fits(search, &search->kinds[i], &other) ||
		    add_sizes(search, &search->kinds[i], &other, &form))
			continue;
		form.num_sizes = 0;
		break;
	}
	*ret = form;
}
/**@}*/

/** Where lost chunks lie. @return how many there are */
static uint64_t find_lost(struct search *search)
{
	const struct hc_heap *heap = search->heap;
	uint64_t num = 0;

	for (size_t s = 0; s < heap->num_spans; s++) {
		const struct hc_span *span = &heap->spans[s];

		for (uint64_t i = 0; i < span->num_blocks; i++) {
			uint64_t bits = hc_block_lost(&span->blocks[i]);

			if (!bits)
				continue;
			uint64_t first = i * HC_UNITS_PER_BLOCK;

			if (!num)
				search->first_lost =
					hc_span_address(span, first + __builtin_ctzll(bits));
			search->last_lost =
				hc_span_address(span, first + 63 - __builtin_clzll(bits));
			num += __builtin_popcountll(bits);
		}
	}
	return num;
}

static void search_deinit(struct search *search)
{
	for (unsigned lost = 0; lost < 2; lost++) {
		free(search->cells[lost]);
		free(search->members[lost]);
	}
	free(search->kinds);
	free(search->bases);
	free(search->slices);
}

/** The form that the process shows. */
static struct hc_error *find(struct search *search, struct hc_offset_form *form_ret,
			     struct hc_offsets *ret)
{
	struct fit fit;
	struct hc_error *err;

	if (search->heap->word_size != 8 || find_lost(search) < HC_TAGGED_MIN)
		return NULL;
	err = hc_heap_slices(search->heap, SLICE_BYTES, &search->slices, &search->num_slices);
	search->step = search->num_slices / (SAMPLE_BYTES / SLICE_BYTES) + 1;
	if (err || (err = find_kinds(search)) || !find_window(search) || (err = find_bases(search)))
		return err;
	for (size_t i = 0; i < search->num_kinds; i++) {
		const struct kind *kind = &search->kinds[i];

		if (!find_base(search, kind, &fit))
			continue;
		*ret = (struct hc_offsets){
			.found = true,
			.base = fit.base,
			.shift = fit.shift,
			.size = kind->size,
			.offset = kind->offset,
			.links = fit.links,
		};
		fill_form(search, &fit, form_ret);
		return NULL;
	}
	return NULL;
}

struct hc_error *hc_offsets_run(struct hc_tracer *tracer, const struct hc_root *roots,
				size_t num_roots, struct hc_offsets *ret)
{
	hc_cleanup(search_deinit) struct search search = {
		.heap = tracer->heap, .roots = roots, .num_roots = num_roots};
	struct hc_hidden_count added = {0};
	struct hc_offsets offsets = {0};
	struct hc_error *err = find(&search, &tracer->heap->offset_form, &offsets);

	if (!err && offsets.found)
		err = hc_hidden_follow(tracer, HC_HIDING_OFFSET, &added);
	offsets.chunks = added.chunks;
	offsets.bytes = added.bytes;
	if (!err)
		*ret = offsets;
	return err;
}
