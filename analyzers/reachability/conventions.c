/**
 * @file
 * Finding conventions; what counts as evidence is in conventions.h.
 *
 * The passes that mark the heap look at every pointer once, and that is when interior ones can be
 * counted; where they come from is never stored. So it takes marking twice:
 *
 * 1. Every worker counts the interior pointers that it sees in a sketch: an array of counters that
 *    size and offset select through two hash functions. It is small, and what it says does not
 *    depend on who counted what, nor on how much there was; a count may be too high, never too low.
 * 2. Possible chunks are counted by size. Where they matter (MATTERS of all), the offsets that the
 *    sketch has most of become proposals for each size, with a plane for each.
 * 3. The heap is marked again with them. A pointer to a chunk that was possible sets its bit in the
 *    plane of its offset, or in the plane of all other places. That counts chunks rather than
 *    pointers, exactly, and does not depend on which conventions there are: marking follows the
 * same pointers either way.
 * 4. Proposals that don't hold are dropped. If there were some, the heap is marked a last time.
 *
 * In step 2 possible chunks are also looked into, which tells the sizes that have pools (pools.h).
 * From step 3 on, links of doubly linked lists whose neighbours point back hold their block, too;
 * where nearly all blocks of a size are in lists, it has been said as a convention.
 *
 * A heap whose possible chunks don't matter costs the counting alone.
 */
#include "analyzers/reachability/conventions.h"

#include <stdlib.h>
#include <string.h>

#include "analyzers/reachability/pools.h"
#include "core/base/array.h"
#include "core/base/cleanup.h"
#include "core/base/hash.h"
#include "core/base/parallel.h"

enum {
	ROWS = 2,
	ROW_COUNTERS = 1 << 15,
	MATTERS = 256,        /* one of so many chunks, or bytes of them, must be possible */
	MAX_SIZES = 256,      /* with proposals of their own */
	OWN_SLOTS = 3,        /* offsets of one size */
	ANY_SLOT = OWN_SLOTS, /* of the convention of any size */
	SLOTS,
	NEAR = 512,     /* bytes from the start at which any offset is tried … */
	FAR = 64 << 10, /* … and those of words */
	PLACES_PER_OFFSET = 8,
};

/** Chunks by size. */
struct sizes {
	struct size_count {
		uint64_t size;
		uint64_t possible, held, other;
		uint64_t linked, aligned; /* of the possible ones: pools */
	} * items;
	size_t num;
	struct hc_hash table;
};

struct hc_interiors {
	struct hc_tracer *tracer;
	unsigned jobs;
	uint32_t (**sketches)[ROW_COUNTERS]; /* of each worker: ROWS of them; or NULL */
	bool verifying;
	struct hc_plane possible;      /* before there were conventions */
	struct hc_plane planes[SLOTS]; /* pointed to at the offset with this rank */
	struct hc_plane other;         /* pointed to elsewhere */
	uint64_t *chunks;              /* of each convention; atomic */
	struct sizes *per_worker;
	uint64_t in_use; /* atomic: chunks */
};

/** @name Conventions of a heap */
/**@{*/

static int compare_conventions(const void *a, const void *b)
{
	const struct hc_convention *x = a, *y = b;

	if (x->size != y->size)
		return x->size < y->size ? -1 : 1;
	return (x->offset > y->offset) - (x->offset < y->offset);
}

static const struct hc_convention *find(const struct hc_heap *heap, uint64_t size, uint64_t offset)
{
	const struct hc_convention key = {.size = size, .offset = offset};

	return bsearch(&key, heap->conventions, heap->num_conventions, sizeof(key),
		       compare_conventions);
}

const struct hc_convention *hc_convention_of(const struct hc_heap *heap, uint64_t size,
					     uint64_t offset)
{
	const struct hc_convention *own;

	if (!heap->num_conventions)
		return NULL;
	own = find(heap, size, offset);
	return own ? own : find(heap, 0, offset);
}

void hc_conventions_forget(struct hc_heap *heap)
{
	free(heap->conventions);
	heap->conventions = NULL;
	heap->num_conventions = 0;
	hc_pools_forget(heap);
	heap->links = false;
}

/** The plane of a convention: its rank among those of one size. */
static unsigned slot_of(const struct hc_heap *heap, const struct hc_convention *convention)
{
	unsigned slot = 0;

	if (!convention->size)
		return ANY_SLOT;
	while (convention > heap->conventions && convention[-1].size == convention->size) {
		convention--;
		slot++;
	}
	return slot;
}

static bool has_own(const struct hc_heap *heap, uint64_t size)
{
	size_t i = hc_lower_bound(heap->num_conventions, c, heap->conventions[c].size < size);

	return i < heap->num_conventions && heap->conventions[i].size == size;
}
/**@}*/

/** @name Seeing */
/**@{*/

struct hc_error *hc_interiors_create(struct hc_tracer *tracer, struct hc_interiors **ret)
{
	struct hc_interiors *interiors = calloc(1, sizeof(*interiors));

	if (!interiors)
		return &hc_enomem;
	interiors->tracer = tracer;
	interiors->jobs = tracer->heap->process->jobs;
	interiors->sketches = calloc(interiors->jobs, sizeof(*interiors->sketches));
	interiors->per_worker = calloc(interiors->jobs, sizeof(*interiors->per_worker));
	if (!interiors->sketches || !interiors->per_worker) {
		hc_interiors_destroy(interiors);
		return &hc_enomem;
	}
	for (unsigned i = 0; i < interiors->jobs; i++) {
		interiors->sketches[i] = calloc(ROWS, sizeof(*interiors->sketches[i]));
		if (!interiors->sketches[i]) {
			hc_interiors_destroy(interiors);
			return &hc_enomem;
		}
	}
	*ret = interiors;
	return NULL;
}

static void sizes_deinit(struct sizes *sizes)
{
	free(sizes->items);
	hc_hash_deinit(&sizes->table);
	*sizes = (struct sizes){0};
}

static void forget_sizes(struct hc_interiors *interiors)
{
	for (unsigned i = 0; i < interiors->jobs; i++)
		sizes_deinit(&interiors->per_worker[i]);
}

void hc_interiors_destroy(struct hc_interiors *interiors)
{
	if (!interiors)
		return;
	for (unsigned i = 0; interiors->sketches && i < interiors->jobs; i++)
		free(interiors->sketches[i]);
	free(interiors->sketches);
	if (interiors->per_worker)
		forget_sizes(interiors);
	free(interiors->per_worker);
	hc_plane_deinit(&interiors->possible);
	for (unsigned i = 0; i < SLOTS; i++)
		hc_plane_deinit(&interiors->planes[i]);
	hc_plane_deinit(&interiors->other);
	free(interiors->chunks);
	free(interiors);
}

static inline uint32_t hash(unsigned row, uint64_t size, uint64_t offset)
{
	static const uint64_t factors[ROWS] = {UINT64_C(0x9e3779b97f4a7c15),
					       UINT64_C(0xc2b2ae3d27d4eb4f)};
	uint64_t key = (size + 1) * UINT64_C(0xff51afd7ed558ccd) ^ offset * factors[row];

	key ^= key >> 29;
	return key * factors[1 - row] >> 49;
}

static void count(struct hc_interiors *interiors, unsigned worker, uint64_t size, uint64_t offset)
{
	for (unsigned row = 0; row < ROWS; row++) {
		uint32_t *counter = &interiors->sketches[worker][row][hash(row, size, offset)];

		*counter += *counter != UINT32_MAX;
	}
}

void hc_interiors_see(struct hc_interiors *interiors, unsigned worker,
		      const struct hc_convention *convention, const struct hc_chunk *chunk,
		      uint64_t offset)
{
	const struct hc_heap *heap = interiors->tracer->heap;
	size_t span = chunk->span - heap->spans;
	uint64_t mask = UINT64_C(1) << chunk->unit % HC_UNITS_PER_BLOCK;

	if (!interiors->verifying) {
		count(interiors, worker, chunk->size, offset);
		count(interiors, worker, 0, offset);
		return;
	}
	if (!hc_plane_has(&interiors->tracer->layout, &interiors->possible, span, chunk->unit))
		return;
	struct hc_plane *plane =
		convention ? &interiors->planes[slot_of(heap, convention)] : &interiors->other;
	uint64_t *word = hc_plane_word(&interiors->tracer->layout, plane, span, chunk->unit);

	if (!(__atomic_fetch_or(word, mask, __ATOMIC_RELAXED) & mask) && convention)
		__atomic_fetch_add(&interiors->chunks[convention - heap->conventions], 1,
				   __ATOMIC_RELAXED);
}
/**@}*/

/** @name Chunks by size */
/**@{*/

static struct hc_error *size_at(struct sizes *sizes, uint64_t size, struct size_count **ret)
{
	struct hc_error *err =
		hc_hash_reserve(&sizes->table, sizes->num, i, hc_hash_mix(sizes->items[i].size));

	if (err)
		return err;
	uint32_t *slot =
		hc_hash_find(&sizes->table, hc_hash_mix(size), i, sizes->items[i].size == size);
	if (!*slot) {
		err = hc_array_reserve(&sizes->items, sizes->num, sizeof(*sizes->items));
		if (err)
			return err;
		sizes->items[sizes->num] = (struct size_count){.size = size};
		*slot = ++sizes->num;
	}
	*ret = &sizes->items[*slot - 1];
	return NULL;
}

static int compare_sizes(const void *a, const void *b)
{
	const struct size_count *x = a, *y = b;
	uint64_t more = x->possible * x->size, other = y->possible * y->size;

	if (more != other)
		return more > other ? -1 : 1;
	return (x->size > y->size) - (x->size < y->size);
}

/** What the workers have counted, most bytes of possible chunks first. */
static struct hc_error *merge(struct hc_interiors *interiors, struct sizes *ret)
{
	struct sizes sum = {0};
	struct size_count *to;
	struct hc_error *err = NULL;

	for (unsigned j = 0; !err && j < interiors->jobs; j++) {
		const struct sizes *from = &interiors->per_worker[j];

		for (size_t i = 0; !err && i < from->num; i++) {
			const struct size_count *more = &from->items[i];

			if ((err = size_at(&sum, more->size, &to)))
				break;
			to->possible += more->possible;
			to->held += more->held;
			to->other += more->other;
			to->linked += more->linked;
			to->aligned += more->aligned;
		}
	}
	forget_sizes(interiors);
	if (err) {
		sizes_deinit(&sum);
		return err;
	}
	hc_sort(sum.items, sum.num, compare_sizes);
	*ret = sum;
	return NULL;
}

static uint64_t plane_word(const struct hc_interiors *interiors, const struct hc_plane *plane,
			   const struct hc_stretch *stretch, uint64_t index)
{
	return plane->words
		       ? plane->words[interiors->tracer->layout.first_word[stretch->span] + index]
		       : 0;
}

/** Remember and count possible chunks. */
static struct hc_error *count_possible(void *ctx, unsigned worker, size_t task)
{
	struct hc_interiors *interiors = ctx;
	const struct hc_heap *heap = interiors->tracer->heap;
	const struct hc_stretch *stretch = &interiors->tracer->layout.stretches[task];
	const struct hc_span *span = &heap->spans[stretch->span];
	uint64_t in_use = 0;
	struct size_count *slot;
	struct hc_chunk chunk;

	for (uint64_t i = stretch->from; i < stretch->to && i < span->num_blocks; i++) {
		const struct hc_block *block = &span->blocks[i];
		uint64_t bits = hc_block_in_use(block) & block->a & block->b;

		in_use += __builtin_popcountll(hc_block_in_use(block));
		if (bits)
			interiors->possible
				.words[interiors->tracer->layout.first_word[stretch->span] + i] =
				bits;
		for (; bits; bits &= bits - 1) {
			hc_span_chunk(heap, span, i * HC_UNITS_PER_BLOCK + __builtin_ctzll(bits),
				      &chunk);
			struct hc_error *err =
				size_at(&interiors->per_worker[worker], chunk.size, &slot);

			if (err)
				return err;
			slot->possible++;
			if (chunk.size < HC_POOL_MIN_SIZE)
				continue;
			if (hc_pool_is_aligned(heap, &chunk))
				slot->aligned++;
			else if (hc_pool_is_linked(heap, &chunk))
				slot->linked++;
		}
	}
	__atomic_fetch_add(&interiors->in_use, in_use, __ATOMIC_RELAXED);
	return NULL;
}

/** Count what the planes say, by size. */
static struct hc_error *count_seen(void *ctx, unsigned worker, size_t task)
{
	struct hc_interiors *interiors = ctx;
	const struct hc_heap *heap = interiors->tracer->heap;
	const struct hc_stretch *stretch = &interiors->tracer->layout.stretches[task];
	const struct hc_span *span = &heap->spans[stretch->span];
	struct size_count *slot;
	struct hc_chunk chunk;

	for (uint64_t i = stretch->from; i < stretch->to && i < span->num_blocks; i++) {
		uint64_t held = 0, other = plane_word(interiors, &interiors->other, stretch, i);

		for (unsigned p = 0; p < SLOTS; p++)
			held |= plane_word(interiors, &interiors->planes[p], stretch, i);
		for (uint64_t bits = held | other; bits; bits &= bits - 1) {
			hc_span_chunk(heap, span, i * HC_UNITS_PER_BLOCK + __builtin_ctzll(bits),
				      &chunk);
			struct hc_error *err =
				size_at(&interiors->per_worker[worker], chunk.size, &slot);

			if (err)
				return err;
			if (held & bits & -bits)
				slot->held++;
			else
				slot->other++;
		}
	}
	return NULL;
}
/**@}*/

/** @name Proposals */
/**@{*/

/** Pointers to an offset of chunks of a size (0: any), or a few more. */
static uint64_t estimate(const struct hc_interiors *interiors, uint64_t size, uint64_t offset)
{
	uint64_t least = UINT64_MAX;

	for (unsigned row = 0; row < ROWS; row++) {
		uint64_t sum = 0;

		for (unsigned j = 0; j < interiors->jobs; j++)
			sum += interiors->sketches[j][row][hash(row, size, offset)];
		if (sum < least)
			least = sum;
	}
	return least;
}

struct proposals {
	struct proposal {
		uint64_t offset, pointers;
	} items[OWN_SLOTS + 1]; /* best first */
	size_t num, max;
};

/** Keep the best ones. */
static void keep(struct proposals *best, struct proposal proposal)
{
	size_t at = best->num;

	while (at && best->items[at - 1].pointers < proposal.pointers)
		at--;
	if (at == best->max)
		return;
	if (best->num < best->max)
		best->num++;
	memmove(&best->items[at + 1], &best->items[at],
		(best->num - at - 1) * sizeof(best->items[0]));
	best->items[at] = proposal;
}

/** Propose the offsets below @p end that most interior pointers go to, @p least at least. */
static struct hc_error *propose(const struct hc_interiors *interiors, uint64_t size, uint64_t end,
				uint64_t least, size_t max)
{
	struct hc_heap *heap = interiors->tracer->heap;
	struct proposals best = {.max = max};

	for (uint64_t offset = 1; offset < end; offset += offset < NEAR ? 1 : heap->word_size) {
		uint64_t pointers = estimate(interiors, size, offset);

		if (pointers >= least)
			keep(&best, (struct proposal){offset, pointers});
	}
	for (size_t i = 0; i < best.num; i++) {
		struct hc_error *err = hc_array_reserve(&heap->conventions, heap->num_conventions,
							sizeof(*heap->conventions));

		if (err)
			return err;
		heap->conventions[heap->num_conventions++] =
			(struct hc_convention){.size = size, .offset = best.items[i].offset};
	}
	return NULL;
}

static struct hc_error *propose_size(const struct hc_interiors *interiors,
				     const struct size_count *count)
{
	uint64_t end = count->size < FAR ? count->size : FAR;
	uint64_t least = count->possible / HC_CONVENTION_ODD;
	uint64_t max = count->size / interiors->tracer->heap->word_size / PLACES_PER_OFFSET;

	if (least < HC_CONVENTION_MIN)
		least = HC_CONVENTION_MIN;
	if (max > OWN_SLOTS)
		max = OWN_SLOTS;
	return propose(interiors, count->size, end, least, max ? max : 1);
}

static bool nearly_all(uint64_t held, uint64_t other)
{
	return other <= (held + other) / HC_CONVENTION_ODD;
}

/** Aligned to their size, in numbers that are no chance. */
static bool has_aligned(const struct size_count *count)
{
	return count->aligned >= HC_POOL_ALIGNED &&
	       nearly_all(count->aligned, count->possible - count->aligned);
}

static bool has_pools(const struct size_count *count)
{
	return count->linked || has_aligned(count);
}

static bool are_pools(const struct size_count *count)
{
	uint64_t pools = count->linked + (has_aligned(count) ? count->aligned : 0);

	return nearly_all(pools, count->possible - pools);
}

static int compare_pools(const void *a, const void *b)
{
	const struct hc_pool_size *x = a, *y = b;

	return (x->size > y->size) - (x->size < y->size);
}

static struct hc_error *add_pools(struct hc_heap *heap, const struct sizes *sizes)
{
	struct hc_error *err = NULL;

	for (size_t i = 0; !err && i < sizes->num; i++)
		if (has_pools(&sizes->items[i]))
			err = hc_pools_add(heap, sizes->items[i].size,
					   has_aligned(&sizes->items[i]));
	if (!err)
		hc_sort(heap->pool_sizes, heap->num_pool_sizes, compare_pools);
	return err;
}

static struct hc_error *propose_all(struct hc_interiors *interiors, const struct sizes *sizes,
				    uint64_t possible)
{
	struct hc_heap *heap = interiors->tracer->heap;
	struct hc_error *err = add_pools(heap, sizes);

	for (size_t i = 0; !err && i < sizes->num && i < MAX_SIZES; i++)
		if (sizes->items[i].possible >= HC_CONVENTION_MIN && !are_pools(&sizes->items[i]))
			err = propose_size(interiors, &sizes->items[i]);
	if (!err && possible >= HC_CONVENTION_MIN_ANY)
		err = propose(interiors, 0, NEAR, possible / HC_CONVENTION_ODD, 1);
	if (!err)
		hc_sort(heap->conventions, heap->num_conventions, compare_conventions);
	return err;
}

static struct hc_error *prepare_planes(struct hc_interiors *interiors)
{
	const struct hc_tracer *tracer = interiors->tracer;
	struct hc_error *err = hc_plane_init(&tracer->layout, &interiors->other);

	for (unsigned i = 0; !err && i < SLOTS; i++)
		err = hc_plane_init(&tracer->layout, &interiors->planes[i]);
	if (err)
		return err;
	interiors->chunks = calloc(tracer->heap->num_conventions + 1, sizeof(*interiors->chunks));
	if (!interiors->chunks)
		return &hc_enomem;
	interiors->verifying = true;
	return NULL;
}

static bool matters(const struct hc_interiors *interiors, uint64_t chunks, uint64_t bytes)
{
	const struct hc_heap *heap = interiors->tracer->heap;

	return chunks >= HC_CONVENTION_MIN &&
	       (chunks >= interiors->in_use / MATTERS || bytes >= hc_heap_bytes(heap) / MATTERS);
}

struct hc_error *hc_conventions_propose(struct hc_interiors *interiors, bool *any)
{
	struct hc_tracer *tracer = interiors->tracer;
	struct sizes sizes;
	uint64_t chunks = 0, bytes = 0;
	struct hc_error *err = hc_plane_init(&tracer->layout, &interiors->possible);

	*any = false;
	if (err ||
	    (err = hc_parallel_for(interiors->jobs, tracer->layout.num_stretches, count_possible,
				   interiors)) ||
	    (err = merge(interiors, &sizes)))
		return err;
	for (size_t i = 0; i < sizes.num; i++) {
		chunks += sizes.items[i].possible;
		bytes += sizes.items[i].possible * sizes.items[i].size;
	}
	if (matters(interiors, chunks, bytes)) {
		err = propose_all(interiors, &sizes, chunks);
		*any = tracer->heap->links = !err;
	}
	sizes_deinit(&sizes);
	return *any ? prepare_planes(interiors) : err;
}
/**@}*/

/** @name Verification */
/**@{*/

static const struct size_count *find_size(const struct sizes *sizes, uint64_t size)
{
	for (size_t i = 0; i < sizes->num; i++)
		if (sizes->items[i].size == size)
			return &sizes->items[i];
	return NULL;
}

/** Whether the convention of any size holds, for sizes that have none of their own. */
static bool any_holds(const struct hc_heap *heap, const struct sizes *sizes, uint64_t chunks,
		      uint64_t *others_ret)
{
	uint64_t held = 0, other = 0, num = 0;

	for (size_t i = 0; i < sizes->num; i++) {
		if (has_own(heap, sizes->items[i].size))
			continue;
		held += sizes->items[i].held;
		other += sizes->items[i].other;
		num += sizes->items[i].held > 0;
	}
	*others_ret = other;
	return chunks >= HC_CONVENTION_MIN_ANY && num >= HC_CONVENTION_SIZES &&
	       nearly_all(held, other);
}

static bool own_holds(const struct sizes *sizes, const struct hc_convention *convention,
		      uint64_t chunks, uint64_t *others_ret)
{
	const struct size_count *count = find_size(sizes, convention->size);

	if (!count)
		return false;
	*others_ret = count->other;
	return chunks >= HC_CONVENTION_MIN && chunks >= count->held / HC_CONVENTION_ODD &&
	       nearly_all(count->held, count->other);
}

struct hc_error *hc_conventions_verify(struct hc_interiors *interiors, bool *dropped)
{
	struct hc_heap *heap = interiors->tracer->heap;
	struct sizes sizes;
	size_t kept = 0, first_own = 0;
	struct hc_error *err;

	*dropped = false;
	if (!heap->num_conventions)
		return NULL;
	err = hc_parallel_for(interiors->jobs, interiors->tracer->layout.num_stretches, count_seen,
			      interiors);
	if (err || (err = merge(interiors, &sizes)))
		return err;
	struct hc_convention any = heap->conventions[0];
	uint64_t any_chunks = interiors->chunks[0], num = heap->num_conventions, others = 0;

	/* That of any size comes first, and is about what the others have left. */
	if (!any.size)
		first_own = kept = 1;
	for (size_t i = first_own; i < num; i++) {
		struct hc_convention convention = heap->conventions[i];

		if (!own_holds(&sizes, &convention, interiors->chunks[i], &others))
			continue;
		convention.chunks = interiors->chunks[i];
		convention.others = others;
		heap->conventions[kept++] = convention;
	}
	heap->num_conventions = kept;
	if (!any.size) {
		if (any_holds(heap, &sizes, any_chunks, &others)) {
			heap->conventions[0].chunks = any_chunks;
			heap->conventions[0].others = others;
		} else {
			memmove(heap->conventions, heap->conventions + 1,
				--heap->num_conventions * sizeof(*heap->conventions));
		}
	}
	sizes_deinit(&sizes);
	*dropped = heap->num_conventions < num;
	return NULL;
}
/**@}*/
