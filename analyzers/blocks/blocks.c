/**
 * @file
 * Finding the stride of blocks.
 *
 * A word that begins every block recurs at one distance. For each mapping the words at the front of
 * its pages are gathered in a table by value and place in the page; of each the distances between
 * neighbours are voted on (Boyer, Moore 1981), and then counted. Filler recurs, too, from page to
 * page, but not evenly: it stops at each block's end. So of the words that cover the mapping, those
 * come first whose distances are all the same, and of these the one with the shortest: a field that
 * takes eight values in turn recurs every eight blocks.
 *
 * Blocks that are no multiple of a page are sought in the same way among all words of the first
 * DENSE_WINDOW bytes. In the end the word is looked for in the whole mapping; what stands at a
 * multiple of the stride behind another one is a block.
 */
#include "analyzers/blocks/blocks.h"

#include <elf.h>
#include <stdlib.h>

#include "core/base/array.h"
#include "core/heap/allocator.h"
#include "core/heap/build.h"
#include "core/base/cleanup.h"

#define PAGE 4096u
/** Bytes at the front of each page that may hold the header. */
#define FRONT 64
#define DENSE_WINDOW (1u << 20)
/** Words that are told apart in one mapping; a power of two. */
#define MAX_WORDS (1u << 16)
/** Of the distances, so many may differ in what is called even: one in so many. */
#define EVEN_OF 1000

/**
 * A word at one place in a page; or anywhere, in the dense search. A table of these is of one size,
 * forgets all with the mapping and gives up when half of it is used, so that it is not a hc_hash.
 */
struct word {
	uint64_t value, first, last; /**< addresses */
	uint64_t gap;                /**< the distance with most votes */
	uint64_t votes, num, same;   /**< same: distances equal to gap since it has been leading */
	uint32_t place;
};

struct finder {
	const struct hc_process *process;
	const struct hc_memory *memory;
	const struct hc_mapping *mapping;
	struct word *words;
	uint32_t num_words;
};

bool hc_blocks_outside(const struct hc_mapping *mapping, const struct hc_owners *owners)
{
	uint64_t size = mapping->end - mapping->start;

	return mapping->kind == HC_MAPPING_ANON && mapping->anonymous && mapping->flags & PF_W &&
	       mapping->present &&
	       (!owners || hc_owners_claimed(owners, mapping->start, mapping->end) <= size / 2);
}

/* Words. */

static struct word *slot_of(struct finder *finder, uint64_t value, uint32_t place)
{
	uint32_t i = (uint32_t)((value + place) * UINT64_C(0x9e3779b97f4a7c15) >> 40);

	for (unsigned tries = 0; tries < 64; tries++, i++) {
		struct word *word = &finder->words[i & (MAX_WORDS - 1)];
		if (!word->num) {
			if (finder->num_words == MAX_WORDS / 2)
				return NULL;
			finder->num_words++;
			*word = (struct word){.value = value, .place = place};
			return word;
		}
		if (word->value == value && word->place == place)
			return word;
	}
	return NULL;
}

static void see(struct finder *finder, uint64_t value, uint32_t place, uint64_t address)
{
	struct word *word = slot_of(finder, value, place);

	if (!word)
		return;
	if (word->num) {
		uint64_t gap = address - word->last;
		if (!word->votes) {
			word->gap = gap;
			word->same = 0;
		}
		word->votes += gap == word->gap ? 1 : -1;
		word->same += gap == word->gap;
	} else {
		word->first = address;
	}
	word->num++;
	word->last = address;
}

/** A word of few values says nothing: zero, small numbers, all bits set. */
static bool may_be_header(uint64_t value)
{
	return value > 0xffff && value != UINT64_MAX;
}

static void see_pages(struct finder *finder)
{
	uint64_t pos = finder->mapping->start;
	struct hc_piece piece;

	while (hc_memory_next_data(finder->memory, &pos, finder->mapping->end, UINT64_MAX, &piece))
		for (size_t page = -piece.start & (PAGE - 1); page + FRONT <= piece.bytes.size;
		     page += PAGE)
			for (uint32_t at = 0; at < FRONT; at += 8) {
				uint64_t value = hc_read64(piece.bytes.data + page + at,
							   finder->memory->big_endian);
				if (may_be_header(value))
					see(finder, value, at + 1, piece.start + page + at);
			}
}

static uint64_t see_all(struct finder *finder)
{
	uint64_t size = finder->mapping->end - finder->mapping->start;
	struct hc_bytes bytes = hc_memory_view(finder->memory, finder->mapping->start,
					       size < DENSE_WINDOW ? size : DENSE_WINDOW);

	for (size_t at = 0; at + 8 <= bytes.size; at += 8) {
		uint64_t value = hc_read64(bytes.data + at, finder->memory->big_endian);
		if (may_be_header(value))
			see(finder, value, 0, finder->mapping->start + at);
	}
	return bytes.size;
}

/* The best word. */

static uint64_t coverage(const struct word *word)
{
	uint64_t bytes;

	if (word->same + 1 < HC_BLOCKS_MIN ||
	    __builtin_mul_overflow(word->same + 1, word->gap, &bytes))
		return 0;
	return bytes;
}

static bool is_even(const struct word *word)
{
	return (word->num - 1 - word->same) * EVEN_OF <= word->num;
}

/** Whether @p a tells more of the blocks than @p b. */
static bool is_better(const struct word *a, const struct word *b)
{
	if (is_even(a) != is_even(b))
		return is_even(a);
	if (a->gap != b->gap)
		return is_even(a) ? a->gap < b->gap : coverage(a) > coverage(b);
	return a->first < b->first;
}

/** @param bytes that were looked at */
static const struct word *best_word(const struct finder *finder, uint64_t bytes, uint64_t min_gap)
{
	const struct word *best = NULL;

	for (uint32_t i = 0; i < MAX_WORDS; i++) {
		const struct word *word = &finder->words[i];
		if (!word->num || word->gap < min_gap ||
		    coverage(word) < (uint64_t)(bytes * HC_BLOCKS_MIN_SHARE))
			continue;
		if (!best || is_better(word, best))
			best = word;
	}
	return best;
}

/* Sets. */

static void set_deinit(struct hc_block_set *set)
{
	free(set->addresses);
}

void hc_blocks_deinit(struct hc_blocks *blocks)
{
	for (size_t i = 0; i < blocks->num; i++)
		set_deinit(&blocks->sets[i]);
	free(blocks->sets);
	*blocks = (struct hc_blocks){0};
}

/** The set that blocks of this kind belong to; a new one where there is none. */
static struct hc_error *find_set(struct hc_blocks *blocks, uint64_t size, uint64_t header,
				 struct hc_block_set **ret)
{
	for (size_t i = 0; i < blocks->num; i++) {
		if (blocks->sets[i].size == size && blocks->sets[i].header == header) {
			*ret = &blocks->sets[i];
			return NULL;
		}
	}
	struct hc_error *err = hc_array_reserve(&blocks->sets, blocks->num, sizeof(*blocks->sets));
	if (err)
		return err;
	*ret = &blocks->sets[blocks->num++];
	**ret = (struct hc_block_set){.size = size, .header = header};
	return NULL;
}

static struct hc_error *add_block(struct hc_block_set *set, uint64_t address, uint64_t end)
{
	if (set->num == HC_BLOCKS_MAX)
		return NULL;
	struct hc_error *err = hc_array_reserve(&set->addresses, set->num, sizeof(*set->addresses));
	if (err)
		return err;
	set->addresses[set->num++] = address;
	set->bytes += end - address < set->size ? end - address : set->size;
	return NULL;
}

/** Every place in the mapping at which the word begins a block. */
static struct hc_error *collect(const struct finder *finder, const struct word *word,
				struct hc_block_set *set)
{
	const struct hc_mapping *mapping = finder->mapping;
	uint64_t step = word->place ? PAGE : 8, offset = word->place ? word->place - 1 : 0;
	uint64_t pos = mapping->start, next = 0;
	struct hc_error *err = NULL;
	struct hc_piece piece;

	while (!err &&
	       hc_memory_next_data(finder->memory, &pos, mapping->end, UINT64_MAX, &piece)) {
		struct hc_bytes bytes = piece.bytes;
		for (size_t at = (-piece.start & (step - 1)) + offset; !err && at + 8 <= bytes.size;
		     at += step) {
			if (hc_read64(bytes.data + at, finder->memory->big_endian) != word->value ||
			    piece.start + at - offset < next)
				continue;
			/* The header's word need not be the block's first. */
			uint64_t first = piece.start + at - offset;
			next = first + set->size;
			err = add_block(set, first, mapping->end);
		}
	}
	return err;
}

static void forget(struct finder *finder)
{
	memset(finder->words, 0, MAX_WORDS * sizeof(*finder->words));
	finder->num_words = 0;
}

/**
 * The word that begins blocks. One that recurs at one place in a page may do so because its stride
 * and the page have a common multiple: then all words show it at the shorter distance.
 */
static bool find_word(struct finder *finder, struct word *ret)
{
	uint64_t size = finder->mapping->end - finder->mapping->start;

	forget(finder);
	see_pages(finder);
	const struct word *best = best_word(finder, size, PAGE);
	bool found = best;
	if (found)
		*ret = *best;
	forget(finder);
	uint64_t dense = see_all(finder);
	if (!found) {
		best = best_word(finder, dense, 16);
	} else {
		best = slot_of(finder, ret->value, 0);
		if (!best || !best->num || !is_even(best) || best->gap >= ret->gap ||
		    best->gap < 16 || coverage(best) < (uint64_t)(dense * HC_BLOCKS_MIN_SHARE))
			return true;
	}
	if (best)
		*ret = *best;
	return best;
}

static struct hc_error *look_at(struct finder *finder, struct hc_blocks *blocks, bool *found)
{
	struct hc_block_set *set;
	struct word word;

	*found = find_word(finder, &word);
	if (!*found)
		return NULL;
	struct hc_error *err = find_set(blocks, word.gap, word.value, &set);
	if (err)
		return err;
	set->mappings++;
	return collect(finder, &word, set);
}

/* Mappings of one size. */

struct single {
	uint64_t start, size;
};

static int compare_singles(const void *a, const void *b)
{
	const struct single *x = a, *y = b;

	if (x->size != y->size)
		return x->size < y->size ? -1 : 1;
	return x->start < y->start ? -1 : x->start > y->start;
}

static struct hc_error *group_singles(struct single *singles, size_t num, struct hc_blocks *blocks)
{
	struct hc_error *err = NULL;

	hc_sort(singles, num, compare_singles);
	for (size_t i = 0, end; !err && i < num; i = end) {
		struct hc_block_set *set;
		for (end = i; end < num && singles[end].size == singles[i].size;)
			end++;
		if (end - i < HC_BLOCKS_MIN)
			continue;
		err = find_set(blocks, singles[i].size, 0, &set);
		for (size_t k = i; !err && k < end; k++) {
			set->mappings++;
			err = add_block(set, singles[k].start, singles[k].start + singles[k].size);
		}
	}
	return err;
}

/* All. */

static int by_bytes(const void *a, const void *b)
{
	const struct hc_block_set *x = a, *y = b;

	if (x->bytes != y->bytes)
		return x->bytes < y->bytes ? 1 : -1;
	return x->addresses[0] < y->addresses[0] ? -1 : 1;
}

static struct hc_error *look_at_all(struct finder *finder, const struct hc_owners *owners,
				    struct hc_blocks *blocks)
{
	const struct hc_mappings *mappings = &finder->process->mappings;
	hc_cleanup_free struct single *singles = calloc(mappings->num + 1, sizeof(*singles));
	struct hc_error *err = NULL;
	size_t num_singles = 0;

	if (!singles)
		return &hc_enomem;
	for (size_t i = 0; !err && i < mappings->num; i++) {
		const struct hc_mapping *mapping = &mappings->items[i];
		bool found = false;
		if (!hc_blocks_outside(mapping, owners))
			continue;
		finder->mapping = mapping;
		if (mapping->end - mapping->start >= HC_BLOCKS_MIN_BYTES)
			err = look_at(finder, blocks, &found);
		if (!found)
			singles[num_singles++] =
				(struct single){mapping->start, mapping->end - mapping->start};
	}
	return err ? err : group_singles(singles, num_singles, blocks);
}

struct hc_error *hc_blocks_find(const struct hc_process *process, const struct hc_owners *owners,
				struct hc_blocks *ret)
{
	hc_cleanup_free struct word *words = calloc(MAX_WORDS, sizeof(*words));
	struct finder finder = {.process = process, .memory = &process->memory, .words = words};
	struct hc_blocks blocks = {0};
	size_t kept = 0;

	if (!words)
		return &hc_enomem;
	struct hc_error *err = look_at_all(&finder, owners, &blocks);
	if (err) {
		hc_blocks_deinit(&blocks);
		return err;
	}
	for (size_t i = 0; i < blocks.num; i++) {
		if (blocks.sets[i].num < HC_BLOCKS_MIN)
			set_deinit(&blocks.sets[i]);
		else
			blocks.sets[kept++] = blocks.sets[i];
	}
	blocks.num = kept;
	hc_sort(blocks.sets, kept, by_bytes);
	*ret = blocks;
	return NULL;
}

/* Blocks as chunks. */

/** The allocator of a heap that no allocator made. */
static const struct hc_allocator no_allocator = {
	.name = "equal blocks",
	.library = "",
	.own = "",
};

static uint64_t block_request_size(const struct hc_zone *zone, uint64_t request)
{
	(void)zone;
	return request;
}

static void block_request_range(const struct hc_zone *zone, const struct hc_chunk *chunk,
				uint64_t *min_ret, uint64_t *max_ret)
{
	(void)zone;
	*min_ret = *max_ret = chunk->size;
}

/** Blocks that follow each other at one distance are one span, whose units are blocks. */
static struct hc_error *add_spans(const struct hc_process *process, const struct hc_block_set *set,
				  const struct hc_zone *zone, struct hc_heap *heap)
{
	bool tiled = zone->unit == set->size;

	for (size_t i = 0, end; i < set->num; i = end) {
		const struct hc_mapping *mapping =
			hc_mappings_find(&process->mappings, set->addresses[i]);
		uint64_t stop = set->addresses[i];
		struct hc_span *added;
		for (end = i; end < set->num && set->addresses[end] == stop &&
			      (end == i || (tiled && mapping && stop < mapping->end));
		     end++)
			stop += set->size;
		if (!mapping)
			continue;
		const struct hc_span span = {
			.zone = zone,
			.kind = end - i == 1 ? HC_SPAN_SINGLE : HC_SPAN_TILED,
			.arena = HC_ARENA_MMAP,
			.start = set->addresses[i],
			.end = stop < mapping->end ? stop : mapping->end,
			.num_units = end - i,
		};
		struct hc_error *err = hc_heap_add_span(heap, &span, &added);
		if (err)
			return err;
		for (size_t k = 0; k < end - i; k++)
			hc_span_set_start(added, k);
	}
	return NULL;
}

static struct hc_error *fill_heap(const struct hc_process *process, const struct hc_block_set *set,
				  struct hc_heap *heap)
{
	const struct hc_zone blocks = {
		.name = "blocks",
		.unit = set->size <= UINT32_MAX ? set->size : PAGE,
		.first_large = UINT64_MAX,
		.request_size = block_request_size,
		.request_range = block_request_range,
	};
	struct hc_backend *backend;
	const struct hc_zone *zone;
	struct hc_error *err = hc_heap_add_backend(heap, &no_allocator, &backend);

	if (!err)
		err = hc_heap_add_zone(backend, &blocks, &zone);
	if (!err)
		err = add_spans(process, set, zone, heap);
	return err ? err : hc_heap_seal(heap);
}

struct hc_error *hc_blocks_heap(struct hc_process *process, const struct hc_block_set *set,
				struct hc_heap **ret)
{
	struct hc_heap *heap = calloc(1, sizeof(*heap));

	if (!heap)
		return &hc_enomem;
	heap->process = process;
	heap->word_size = process->memory.word_size;
	struct hc_error *err = fill_heap(process, set, heap);
	if (err) {
		hc_heap_close(heap);
		return err;
	}
	*ret = heap;
	return NULL;
}
