/**
 * @file
 * The search for referrers; see referrers.h.
 *
 * Memory is cut into places, which are handed out to workers. Each place keeps its own best, so
 * that the best of all are among them, whoever searched what.
 */
#include "analyzers/reachability/referrers.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/array.h"
#include "core/base/cleanup.h"
#include "core/base/parallel.h"

#define TASK_BYTES (UINT64_C(4) << 20)

/** A plane of blocks: one bit for each granule that some block touches, by a hash of its number. */
#define PLANE_BITS 18
#define GRANULE_SHIFT 6

/** A chunk is for the string at its start when that is as long as this, and fills half of it. */
#define MIN_STRING 24

enum {
	NUM_RANKS = 4,
	GROUP = 16, /* words that are compared before any of them is looked at */
};

/** A range of memory that one worker searches. */
struct place {
	uint64_t start, end;
	const struct hc_root *root; /* NULL: part of a span */
	bool stale;
};

struct hit {
	uint32_t referent; /* index of the query's */
	uint8_t rank;
	struct hc_referrer referrer;
};

struct found {
	struct hit *items;
	size_t num;
};

/** What a worker has counted. */
struct counts {
	uint32_t (*kept)[NUM_RANKS]; /* of each referent, in the current place */
	uint64_t *total;             /* of each referent, in all places */
	uint64_t *doubtful;          /* the same */
};

/** A block, by address. */
struct range {
	uint64_t start, size;
	uint32_t referent;
};

struct hunt {
	const struct hc_refer_query *query;
	const struct hc_process *process;
	const struct hc_heap *heap;
	struct range *ranges; /* sorted */
	size_t num_ranges;
	uint64_t low, extent; /* all ranges lie in [low, low + extent) */
	uint64_t plane[1 << (PLANE_BITS - 6)];
	struct hc_root *roots, *stale;
	size_t num_roots, num_stale;
	struct place *places;
	size_t num_places;
	struct found *found;   /* of each place; index num_places: registers and pins */
	struct counts *counts; /* of each worker */
};

void hc_referent_of(const struct hc_heap *heap, uint64_t address, struct hc_referent *ret)
{
	struct hc_referent referent = {.start = address, .size = 1};

	referent.in_chunk = heap && hc_heap_chunk_at(heap, address, &referent.chunk);
	if (referent.in_chunk) {
		referent.start = referent.chunk.address;
		referent.size = referent.chunk.usable ? referent.chunk.usable : 1;
	}
	*ret = referent;
}

/** @name Which block a word points into */
/**@{*/

static size_t plane_bit(uint64_t granule)
{
	return granule * UINT64_C(0x9e3779b97f4a7c15) >> (64 - PLANE_BITS);
}

static void add_to_plane(struct hunt *hunt, const struct range *range)
{
	uint64_t first = range->start >> GRANULE_SHIFT;
	uint64_t num = ((range->start + range->size - 1) >> GRANULE_SHIFT) - first;

	if (num >> PLANE_BITS) {
		memset(hunt->plane, 0xff, sizeof(hunt->plane));
		return;
	}
	for (uint64_t i = 0; i <= num; i++) {
		size_t bit = plane_bit(first + i);

		hunt->plane[bit / 64] |= UINT64_C(1) << bit % 64;
	}
}

static bool in_plane(const struct hunt *hunt, uint64_t value)
{
	size_t bit = plane_bit(value >> GRANULE_SHIFT);

	return hunt->plane[bit / 64] >> bit % 64 & 1;
}

static int compare_ranges(const void *a, const void *b)
{
	const struct range *x = a, *y = b;

	return (x->start > y->start) - (x->start < y->start);
}

static struct hc_error *lay_out(struct hunt *hunt)
{
	const struct hc_refer_query *query = hunt->query;

	if (query->num > HC_MAX_REFERENTS)
		return hc_error_create(HC_ERROR_LIMIT, "%zu blocks are more than %u at a time",
				       query->num, HC_MAX_REFERENTS);
	hunt->ranges = calloc(query->num + 1, sizeof(*hunt->ranges));
	if (!hunt->ranges)
		return &hc_enomem;
	hunt->num_ranges = query->num;
	for (size_t i = 0; i < query->num; i++) {
		const struct hc_referent *referent = &query->referents[i];
		uint64_t room = -referent->start;

		hunt->ranges[i] = (struct range){referent->start, referent->size, i};
		if (room && referent->size > room)
			hunt->ranges[i].size = room;
		add_to_plane(hunt, &hunt->ranges[i]);
	}
	hc_sort(hunt->ranges, hunt->num_ranges, compare_ranges);
	if (hunt->num_ranges) {
		const struct range *last = &hunt->ranges[hunt->num_ranges - 1];

		hunt->low = hunt->ranges[0].start;
		hunt->extent = last->start + last->size - hunt->low;
	}
	return NULL;
}

/** The block that a word points into, or NULL. */
static const struct range *find_range(const struct hunt *hunt, uint64_t value)
{
	if (value - hunt->low >= hunt->extent || !in_plane(hunt, value))
		return NULL;
	size_t i = hc_lower_bound(hunt->num_ranges, k, hunt->ranges[k].start <= value);

	return i && value - hunt->ranges[i - 1].start < hunt->ranges[i - 1].size
		       ? &hunt->ranges[i - 1]
		       : NULL;
}

/** The chunk whose start a word is a tagged pointer to, in a process that has such pointers. */
static const struct range *find_tagged(const struct hunt *hunt, uint64_t value)
{
	const bool known = hunt->heap && hunt->heap->tagged;
	uint64_t start = hc_tagged_address(known ? hunt->heap->tagged : HC_TAG_TOP, value);
	const struct range *range = start ? find_range(hunt, start) : NULL;

	return range && range->start == start && hunt->query->referents[range->referent].in_chunk
		       ? range
		       : NULL;
}

/** The chunk that a word of 32 bits leads to, in a process that has such links. */
static const struct range *find_offset(const struct hunt *hunt, uint32_t half)
{
	uint64_t start = hc_offset_target(hunt->heap, half);
	const struct range *range = start ? find_range(hunt, start) : NULL;

	return range && range->start == start && hunt->query->referents[range->referent].in_chunk
		       ? range
		       : NULL;
}

static inline const struct range *find_pointee(const struct hunt *hunt, uint64_t value)
{
	const struct range *range = find_range(hunt, value);

	return range || !hunt->heap || !hunt->heap->tagged ? range : find_tagged(hunt, value);
}
/**@}*/

/** @name Words that match */
/**@{*/

/** Why a pointer that is not the start's address holds the chunk all the same. */
static void explain(const struct hunt *hunt, const struct hc_referent *referent,
		    struct hc_referrer *referrer)
{
	const struct hc_chunk *chunk = &referent->chunk;

	if (referrer->value == referent->start)
		return;
	if (referrer->value - referent->start >= referent->size) {
		referrer->heuristic =
			referrer->value >> 32 ? HC_HEURISTIC_TAGGED : HC_HEURISTIC_OFFSET;
		return;
	}
	if (referent->in_chunk)
		referrer->heuristic = hc_heuristic_match(hunt->heap, chunk, referrer->value);
	referrer->interior = referrer->heuristic == HC_HEURISTIC_NONE;
	if (referrer->heuristic == HC_HEURISTIC_CONVENTION)
		referrer->convention =
			hc_convention_of(hunt->heap, chunk->size, referrer->value - chunk->address);
}

/** Whether a byte is one of text: ASCII, or of UTF-8 beyond. */
static bool is_text(uint8_t byte)
{
	return (byte >= ' ' && byte != 0x7f) || byte == '\t' || byte == '\n' || byte == '\r';
}

/** Whether a word of a chunk is behind the end of the string that the chunk is for. */
static bool is_behind_string(const struct hc_heap *heap, const struct hc_chunk *chunk,
			     uint64_t address)
{
	struct hc_bytes bytes = hc_chunk_bytes(heap, chunk);
	uint64_t offset = address - chunk->address, end = 0;

	if (offset < MIN_STRING)
		return false;
	while (end < bytes.size && end < offset && is_text(bytes.data[end]))
		end++;
	return end >= MIN_STRING && end >= chunk->usable / 2 && end < offset && !bytes.data[end];
}

/** Keep a referrer, unless there are enough of its rank. */
static struct hc_error *keep(const struct hunt *hunt, size_t place, struct counts *counts,
			     const struct hit *hit)
{
	struct found *found = &hunt->found[place];
	struct hit kept = *hit;

	counts->total[hit->referent]++;
	explain(hunt, &hunt->query->referents[hit->referent], &kept.referrer);
	if (kept.referrer.value != hunt->query->referents[hit->referent].start)
		counts->doubtful[hit->referent]++;
	kept.rank = 2 * kept.referrer.stale + kept.referrer.interior;
	if (counts->kept[hit->referent][kept.rank] >= hunt->query->max)
		return NULL;
	struct hc_error *err = hc_array_reserve(&found->items, found->num, sizeof(*found->items));

	if (err)
		return err;
	counts->kept[hit->referent][kept.rank]++;
	found->items[found->num++] = kept;
	return NULL;
}

/** A word that matches: is it in a root or in the usable bytes of another chunk in use? */
static bool is_held(const struct hunt *hunt, const struct place *place, struct hit *hit)
{
	const struct hc_referent *referent = &hunt->query->referents[hit->referent];
	struct hc_referrer *referrer = &hit->referrer;

	if (place->root) {
		referrer->root = place->root->kind;
		referrer->thread = place->root->thread;
		referrer->mapping = place->root->mapping;
		referrer->stale = place->stale;
		return true;
	}
	if (!hc_heap_pointee(hunt->heap, referrer->address, &referrer->chunk) ||
	    referrer->chunk.state != HC_IN_USE ||
	    (referent->in_chunk && referrer->chunk.address == referent->chunk.address))
		return false;
	referrer->in_chunk = true;
	referrer->stale = is_behind_string(hunt->heap, &referrer->chunk, referrer->address);
	return true;
}

static struct hc_error *see(const struct hunt *hunt, size_t task, struct counts *counts,
			    struct hit *hit)
{
	return is_held(hunt, &hunt->places[task], hit) ? keep(hunt, task, counts, hit) : NULL;
}

/** A word that is a pointer if the process turns out to have tagged ones. */
static void doubt(const struct hunt *hunt, struct counts *counts, uint64_t value)
{
	const struct range *range = find_tagged(hunt, value);

	if (range)
		counts->doubtful[range->referent]++;
}

/** The two links that a word may be. */
static struct hc_error *search_halves(const struct hunt *hunt, size_t task, struct counts *counts,
				      uint64_t pos, const uint8_t *word)
{
	const bool big_endian = hunt->process->memory.big_endian;

	if (hc_offset_excluded(hunt->heap, hc_read64(word, big_endian)))
		return NULL;
	for (unsigned at = 0; at < 8; at += 4) {
		uint32_t half = hc_read32(word + at, big_endian);
		const struct range *range = find_offset(hunt, half);

		if (!range)
			continue;
		struct hit hit = {range->referent, 0, {.address = pos + at, .value = half}};
		struct hc_error *err = see(hunt, task, counts, &hit);

		if (err)
			return err;
	}
	return NULL;
}

/**
 * Whether any of GROUP words may lead to a block; no word is a branch.
 *
 * @param mask of the bits that are a pointer in a word with a tag; all: nobody asks for tags
 */
static inline bool any_near(const struct hunt *hunt, const uint8_t *words, uint64_t mask,
			    bool big_endian)
{
	const uint64_t low = hunt->low, extent = hunt->extent;
	uint64_t any = 0;

	for (size_t i = 0; i < GROUP; i++) {
		uint64_t value = hc_read64(words + i * sizeof(uint64_t), big_endian);

		any |= (value & mask) - low < extent;
	}
	return any;
}

/** The same where blocks are far from each other: by their plane, too. */
static inline bool any_in_plane(const struct hunt *hunt, const uint8_t *words, bool big_endian)
{
	const uint64_t low = hunt->low, extent = hunt->extent;
	uint64_t any = 0;

	for (size_t i = 0; i < GROUP; i++) {
		uint64_t value = hc_read64(words + i * sizeof(uint64_t), big_endian);

		any |= (uint64_t)(value - low < extent) & in_plane(hunt, value);
	}
	return any;
}

/** Bytes from @p from on, in whole groups, that hold nothing that may lead to a block. */
static size_t skip_groups(const struct hunt *hunt, struct hc_bytes bytes, size_t from)
{
	const size_t size = GROUP * sizeof(uint64_t);
	/* No block that lies higher is where a pointer with a tag leads. */
	const bool tags = hunt->query->doubts && hunt->low < HC_TAGGED_POINTER &&
			  hunt->extent < HC_TAGGED_POINTER - hunt->low;
	const uint64_t mask = tags ? HC_TAGGED_POINTER : UINT64_MAX;
	const bool big_endian = hunt->process->memory.big_endian;
	size_t i = from;

	while (bytes.size - i >= size && !any_near(hunt, bytes.data + i, mask, big_endian))
		i += size;
	if (hunt->num_ranges == 1 || hunt->query->doubts)
		return i - from;
	while (bytes.size - i >= size && !any_in_plane(hunt, bytes.data + i, big_endian))
		i += size;
	return i - from;
}

/** Whether a word leads to a block only if it lies between the lowest and the highest. */
static bool are_plain(const struct hunt *hunt)
{
	const struct hc_heap *heap = hunt->heap;

	return hunt->process->memory.word_size == sizeof(uint64_t) &&
	       (!heap || (!heap->tagged && !heap->offset_form.found));
}

static struct hc_error *search_bytes(const struct hunt *hunt, size_t task, struct counts *counts,
				     uint64_t pos, struct hc_bytes bytes)
{
	const struct hc_memory *memory = &hunt->process->memory;
	const bool halves = hunt->heap && hunt->heap->offset_form.found, plain = are_plain(hunt);
	const unsigned word = memory->word_size;
	size_t next_group = 0;
	struct hc_error *err = NULL;

	for (size_t i = 0; !err && i + word <= bytes.size; i += word) {
		if (plain && i == next_group) {
			i += skip_groups(hunt, bytes, i);
			next_group = i + GROUP * word;
			if (i + word > bytes.size)
				break;
		}
		uint64_t value = hc_read_word(bytes.data + i, word, memory->big_endian);
		const struct range *range = find_pointee(hunt, value);

		if (range) {
			struct hit hit = {range->referent, 0, {.address = pos + i, .value = value}};

			err = see(hunt, task, counts, &hit);
		} else if (hunt->query->doubts) {
			doubt(hunt, counts, value);
		} else if (halves) {
			err = search_halves(hunt, task, counts, pos + i, bytes.data + i);
		}
	}
	return err;
}

/** Those of the next place don't count those of this one. */
static void forget(const struct found *found, struct counts *counts)
{
	for (size_t i = 0; i < found->num; i++)
		memset(counts->kept[found->items[i].referent], 0, sizeof(*counts->kept));
}

static struct hc_error *search_place(void *ctx, unsigned worker, size_t task)
{
	const struct hunt *hunt = ctx;
	const struct place *place = &hunt->places[task];
	const struct hc_memory *memory = &hunt->process->memory;
	const unsigned word = memory->word_size;
	uint64_t pos = place->start;

	while (pos < place->end) {
		struct hc_bytes bytes = hc_memory_view(memory, pos, place->end - pos);

		if (bytes.size < word) {
			const struct hc_extent *extent =
				hc_memory_find_next(memory, pos + bytes.size);

			if (!extent || extent->start >= place->end)
				break;
			pos = extent->start > pos ? extent->start : pos + word;
			continue;
		}
		struct hc_error *err = search_bytes(hunt, task, &hunt->counts[worker], pos, bytes);

		if (err)
			return err;
		pos += bytes.size / word * word;
	}
	forget(&hunt->found[task], &hunt->counts[worker]);
	return NULL;
}

static struct hc_error *search_value(struct hunt *hunt, const struct hc_referrer *referrer)
{
	const struct range *range = find_pointee(hunt, referrer->value);

	if (!range && hunt->query->doubts)
		doubt(hunt, &hunt->counts[0], referrer->value);
	struct hit hit = {range ? range->referent : 0, 0, *referrer};

	return range ? keep(hunt, hunt->num_places, &hunt->counts[0], &hit) : NULL;
}

static struct hc_error *search_values(struct hunt *hunt)
{
	const struct hc_process *process = hunt->process;
	const char *const *names = process->core->machine->reg_names;
	struct hc_error *err = NULL;

	for (size_t i = 0; !err && i < process->threads.num; i++) {
		const struct hc_thread *thread = &process->threads.items[i];

		for (unsigned r = 0; !err && r < thread->num_regs; r++) {
			const struct hc_referrer referrer = {
				.value = thread->regs[r],
				.root = HC_ROOT_REGISTER,
				.thread = thread,
				.detail = names ? names[r] : NULL,
			};

			err = search_value(hunt, &referrer);
		}
	}
	for (size_t i = 0; !err && hunt->heap && i < hunt->heap->num_pins; i++) {
		const struct hc_referrer referrer = {
			.value = hunt->heap->pins[i].address,
			.root = HC_ROOT_PIN,
			.detail = hunt->heap->pins[i].what,
		};

		err = search_value(hunt, &referrer);
	}
	return err;
}
/**@}*/

/** @name Places */
/**@{*/

static struct hc_error *add_stale(struct hunt *hunt, uint64_t start, uint64_t end,
				  const struct hc_thread *thread)
{
	struct hc_error *err =
		hc_array_reserve(&hunt->stale, hunt->num_stale, sizeof(*hunt->stale));

	if (!err)
		hunt->stale[hunt->num_stale++] = (struct hc_root){
			.start = start,
			.end = end,
			.kind = HC_ROOT_STACK,
			.thread = thread,
			.mapping = hc_mappings_find(&hunt->process->mappings, start),
		};
	return err;
}

/** What of stacks is no root. */
static struct hc_error *collect_stale(struct hunt *hunt)
{
	const struct hc_threads *threads = &hunt->process->threads;
	const uint64_t mask = hunt->process->memory.word_size - 1;
	struct hc_error *err = NULL;

	for (size_t i = 0; !err && i < threads->num; i++) {
		const struct hc_thread *thread = &threads->items[i];

		if (thread->live_start > thread->stack_start &&
		    thread->live_start < thread->stack_end)
			err = add_stale(hunt, thread->stack_start, thread->live_start & ~mask,
					thread);
	}
	for (size_t i = 0; !err && i < threads->num_cached; i++)
		err = add_stale(hunt, threads->cached[i].start, threads->cached[i].end, NULL);
	return err;
}

/**
 * Cut what the core has of [start, end) into tasks.
 *
 * @return how many; with @p places NULL they are only counted
 */
static size_t cut(const struct hunt *hunt, uint64_t start, uint64_t end, struct place place,
		  struct place *places)
{
	struct hc_piece piece;
	size_t num = 0;

	while (hc_memory_next_data(&hunt->process->memory, &start, end, TASK_BYTES, &piece)) {
		place.start = piece.start;
		place.end = piece.end;
		if (places)
			places[num] = place;
		num++;
	}
	return num;
}

static size_t cut_roots(const struct hunt *hunt, const struct hc_root *roots, size_t num_roots,
			bool stale, struct place *places)
{
	size_t num = 0;

	for (size_t i = 0; i < num_roots; i++)
		num += cut(hunt, roots[i].start, roots[i].end,
			   (struct place){.root = &roots[i], .stale = stale},
			   places ? places + num : NULL);
	return num;
}

static size_t cut_all(const struct hunt *hunt, struct place *places)
{
	const struct hc_heap *heap = hunt->heap;
	size_t num = cut_roots(hunt, hunt->roots, hunt->num_roots, false, places);

	num += cut_roots(hunt, hunt->stale, hunt->num_stale, true, places ? places + num : NULL);
	for (size_t i = 0; heap && i < heap->num_spans; i++)
		num += cut(hunt, heap->spans[i].start, heap->spans[i].end, (struct place){0},
			   places ? places + num : NULL);
	return num;
}

/** Cut roots and spans into tasks. */
static struct hc_error *find_places(struct hunt *hunt)
{
	/*
	 * Without a heap, every mapping that may hold a pointer is a root; with one, spans are
	 * searched too.
	 */
	const struct hc_heap no_heap = {.process = hunt->process};
	struct hc_error *err = hc_roots_collect(hunt->heap ? hunt->heap : &no_heap, &hunt->roots,
						&hunt->num_roots);

	if (!err && hunt->query->stale)
		err = collect_stale(hunt);
	if (err)
		return err;
	size_t num = cut_all(hunt, NULL);

	hunt->places = calloc(num + 1, sizeof(*hunt->places));
	hunt->found = calloc(num + 1, sizeof(*hunt->found));
	if (!hunt->places || !hunt->found)
		return &hc_enomem;
	hunt->num_places = cut_all(hunt, hunt->places);
	return NULL;
}

static struct hc_error *create_counts(struct hunt *hunt)
{
	size_t num = hunt->query->num;

	hunt->counts = calloc(hunt->process->jobs, sizeof(*hunt->counts));
	for (unsigned i = 0; hunt->counts && i < hunt->process->jobs; i++) {
		hunt->counts[i].kept = calloc(num + 1, sizeof(*hunt->counts[i].kept));
		hunt->counts[i].total = calloc(num + 1, sizeof(*hunt->counts[i].total));
		hunt->counts[i].doubtful = calloc(num + 1, sizeof(*hunt->counts[i].doubtful));
		if (!hunt->counts[i].kept || !hunt->counts[i].total || !hunt->counts[i].doubtful)
			return &hc_enomem;
	}
	return hunt->counts ? NULL : &hc_enomem;
}
/**@}*/

/** @name The end */
/**@{*/

static int compare_hits(const void *a, const void *b)
{
	const struct hit *x = a, *y = b;

	if (x->referent != y->referent)
		return x->referent < y->referent ? -1 : 1;
	if (x->rank != y->rank)
		return x->rank < y->rank ? -1 : 1;
	if (x->referrer.address != y->referrer.address)
		return x->referrer.address < y->referrer.address ? -1 : 1;
	/* Registers and pins: in the order in which they were found. */
	return (x > y) - (x < y);
}

/** The first of all hits of one block. */
static struct hc_error *take(const struct hunt *hunt, const struct hit *hits, size_t num,
			     struct hc_referrers *ret)
{
	size_t kept = num < hunt->query->max ? num : hunt->query->max;

	ret->items = calloc(kept + 1, sizeof(*ret->items));
	if (!ret->items)
		return &hc_enomem;
	for (size_t i = 0; i < kept; i++)
		ret->items[ret->num++] = hits[i].referrer;
	return NULL;
}

/** All hits, block by block. */
static struct hc_error *gather(const struct hunt *hunt, struct hit **ret, size_t *num_ret)
{
	size_t num = 0;

	for (size_t i = 0; i <= hunt->num_places; i++)
		num += hunt->found[i].num;
	struct hit *hits = calloc(num + 1, sizeof(*hits));

	if (!hits)
		return &hc_enomem;
	num = 0;
	for (size_t i = hunt->num_places + 1; i-- > 0;) {
		const struct found *found = &hunt->found[i];

		if (found->num)
			memcpy(hits + num, found->items, found->num * sizeof(*hits));
		num += found->num;
	}
	hc_sort(hits, num, compare_hits);
	*ret = hits;
	*num_ret = num;
	return NULL;
}

static struct hc_error *hand_over(const struct hunt *hunt, struct hc_referrers *ret)
{
	hc_cleanup_free struct hit *hits = NULL;
	size_t num, next = 0;
	struct hc_error *err = gather(hunt, &hits, &num);

	for (uint32_t i = 0; !err && i < hunt->query->num; i++) {
		size_t first = next;

		while (next < num && hits[next].referent == i)
			next++;
		err = take(hunt, hits + first, next - first, &ret[i]);
		for (unsigned w = 0; w < hunt->process->jobs; w++) {
			ret[i].total += hunt->counts[w].total[i];
			ret[i].doubtful += hunt->counts[w].doubtful[i];
		}
	}
	return err;
}

static void deinit(struct hunt *hunt)
{
	for (size_t i = 0; hunt->found && i <= hunt->num_places; i++)
		free(hunt->found[i].items);
	for (unsigned i = 0; hunt->counts && i < hunt->process->jobs; i++) {
		free(hunt->counts[i].kept);
		free(hunt->counts[i].total);
		free(hunt->counts[i].doubtful);
	}
	free(hunt->counts);
	free(hunt->found);
	free(hunt->places);
	free(hunt->roots);
	free(hunt->stale);
	free(hunt->ranges);
	free(hunt);
}

struct hc_error *hc_referrers_find(const struct hc_refer_query *query, struct hc_referrers *ret)
{
	struct hunt *hunt = calloc(1, sizeof(*hunt));
	struct hc_error *err;

	memset(ret, 0, query->num * sizeof(*ret));
	if (!hunt)
		return &hc_enomem;
	hunt->query = query;
	hunt->process = query->process;
	hunt->heap = query->heap;
	if (!(err = lay_out(hunt)) && !(err = find_places(hunt)) && !(err = create_counts(hunt)) &&
	    !(err = hc_process_parallel(query->process, hunt->num_places, search_place, hunt)) &&
	    !(err = search_values(hunt)))
		err = hand_over(hunt, ret);
	deinit(hunt);
	for (size_t i = 0; err && i < query->num; i++)
		hc_referrers_deinit(&ret[i]);
	return err;
}

void hc_referrers_deinit(struct hc_referrers *referrers)
{
	free(referrers->items);
	*referrers = (struct hc_referrers){0};
}
/**@}*/
