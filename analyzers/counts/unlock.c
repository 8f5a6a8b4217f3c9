/**
 * @file
 * Which type would tell most.
 */
#include "analyzers/counts/unlock.h"

#include "analyzers/select/tally.h"
#include "analyzers/types/size_sample.h"
#include "core/base/array.h"
#include "core/base/cleanup.h"
#include "core/heap/number.h"

/** Sizes all of whose chunks are read: one bit of a byte each. */
#define NUM_CANDIDATES 8
/** Of a size, chunks that are looked at first, and bytes of each. */
#define NUM_LOOKS 64
#define MAX_LOOK 4096

struct candidate {
	uint64_t size;
	uint64_t estimate; /* bytes */
	struct hc_unlock found;
};

struct search {
	const struct hc_heap *heap;
	struct hc_types *types;
	struct hc_numbers numbers;
	struct candidate candidates[NUM_CANDIDATES]; /* the most promising first */
	unsigned num;
	uint8_t *reached; /* by number of a chunk: bit per candidate that points to it */
};

static void search_deinit(struct search *search)
{
	hc_numbers_deinit(&search->numbers);
	free(search->reached);
}

/** The chunk in use that a word points to the start of, unless it is that one itself. */
static bool points_to(const struct hc_heap *heap, const struct hc_chunk *from, uint64_t word,
		      struct hc_chunk *ret)
{
	return word && word != from->address && hc_heap_chunk_at(heap, word, ret) &&
	       ret->address == word && ret->state == HC_IN_USE;
}

static uint64_t word_at(const struct hc_heap *heap, struct hc_bytes bytes, uint64_t offset)
{
	return hc_read_word(bytes.data + offset, heap->word_size, heap->big_endian);
}

static bool is_untyped(const struct search *search, const struct hc_chunk *chunk)
{
	return hc_type_of(search->types, chunk) == HC_TYPE_NONE;
}

/** Bytes of chunks without a type that a chunk points to, those that it does twice twice. */
static uint64_t look_at(const struct search *search, const struct hc_chunk *chunk)
{
	struct hc_bytes bytes = hc_chunk_bytes(search->heap, chunk);
	unsigned word = search->heap->word_size;
	uint64_t sum = 0;

	for (uint64_t at = 0; at + word <= bytes.size && at < MAX_LOOK; at += word) {
		struct hc_chunk target;

		if (points_to(search->heap, chunk, word_at(search->heap, bytes, at), &target) &&
		    is_untyped(search, &target))
			sum += target.size;
	}
	return sum;
}

/** Keep a size if it is better than one of those that are kept. */
static void offer(struct search *search, struct candidate candidate)
{
	struct candidate *all = search->candidates;
	unsigned at = search->num;

	if (!candidate.estimate)
		return;
	while (at && all[at - 1].estimate < candidate.estimate)
		at--;
	if (at == NUM_CANDIDATES)
		return;
	search->num += search->num < NUM_CANDIDATES;
	memmove(&all[at + 1], &all[at], (search->num - 1 - at) * sizeof(*all));
	all[at] = candidate;
}

/** Estimate what chunks of each size lead to. */
static struct hc_error *find_candidates(struct search *search)
{
	hc_cleanup(hc_size_sample_deinit) struct hc_size_sample sample = {0};
	struct hc_error *err = hc_size_sample_take(search->heap, &sample);

	for (size_t i = 0; !err && i < sample.num; i++) {
		const struct hc_sampled_size *size = &sample.sizes[i];
		size_t step = size->num > NUM_LOOKS ? size->num / NUM_LOOKS : 1, looks = 0;
		uint64_t bytes = 0;

		for (size_t k = 0; k < size->num; k += step, looks++) {
			struct hc_chunk chunk;

			if (hc_heap_chunk_at(search->heap, size->addresses[k], &chunk) &&
			    is_untyped(search, &chunk))
				bytes += look_at(search, &chunk);
		}
		if (looks)
			offer(search, (struct candidate){size->size,
							 (double)bytes / looks * size->total,
							 {0}});
	}
	return err;
}

/** Chunks of a candidate: count them, and mark what they point to. */
static struct hc_error *mark(void *ctx, void *worker, const struct hc_chunk *chunk)
{
	struct search *search = ctx;
	struct hc_unlock *unlocks = worker;
	unsigned word = search->heap->word_size, i = 0;

	while (i < search->num && search->candidates[i].size != chunk->size)
		i++;
	if (i == search->num || !is_untyped(search, chunk))
		return NULL;
	hc_count_chunk(&unlocks[i].kind, chunk);
	unlocks[i].usable = chunk->usable;
	struct hc_bytes bytes = hc_chunk_bytes(search->heap, chunk);
	for (uint64_t at = 0; at + word <= bytes.size; at += word) {
		struct hc_chunk target;

		if (points_to(search->heap, chunk, word_at(search->heap, bytes, at), &target))
			__atomic_fetch_or(
				&search->reached[hc_chunk_number(&search->numbers, &target)],
				1u << i, __ATOMIC_RELAXED);
	}
	return NULL;
}

/** Chunks that were marked: count them for each who points to them. */
static struct hc_error *count(void *ctx, void *worker, const struct hc_chunk *chunk)
{
	const struct search *search = ctx;
	struct hc_unlock *unlocks = worker;
	uint8_t reached = search->reached[hc_chunk_number(&search->numbers, chunk)];

	if (!reached || !is_untyped(search, chunk))
		return NULL;
	for (unsigned i = 0; i < search->num; i++)
		if (reached >> i & 1)
			hc_count_chunk(&unlocks[i].reached, chunk);
	return NULL;
}

static struct hc_error *merge(void *ctx, void *worker)
{
	struct search *search = ctx;
	const struct hc_unlock *unlocks = worker;

	for (unsigned i = 0; i < search->num; i++) {
		struct hc_unlock *found = &search->candidates[i].found;

		hc_count_add(&found->kind, &unlocks[i].kind);
		hc_count_add(&found->reached, &unlocks[i].reached);
		found->usable =
			unlocks[i].usable > found->usable ? unlocks[i].usable : found->usable;
	}
	return NULL;
}

static struct hc_error *read_candidates(struct search *search, struct hc_target *target)
{
	static const struct hc_tally marking = {
		.phase = HC_PHASE_TYPE,
		.worker_size = NUM_CANDIDATES * sizeof(struct hc_unlock),
		.slice_bytes = UINT64_C(4) << 20,
		.chunk = mark,
		.merge = merge,
	};
	static const struct hc_tally counting = {
		.phase = HC_PHASE_TYPE,
		.worker_size = NUM_CANDIDATES * sizeof(struct hc_unlock),
		.slice_bytes = UINT64_C(16) << 20,
		.chunk = count,
		.merge = merge,
	};
	struct hc_selection in_use;
	struct hc_error *err = hc_numbers_init(search->heap, &search->numbers);

	if (err)
		return err;
	search->reached = calloc(search->numbers.num + 1, 1);
	if (!search->reached)
		return &hc_enomem;
	hc_selection_init(&in_use);
	err = hc_tally_run(target, &in_use, &marking, search);
	return err ? err : hc_tally_run(target, &in_use, &counting, search);
}

struct hc_error *hc_unlock_find(struct hc_target *target, struct hc_unlock *ret)
{
	hc_cleanup(search_deinit) struct search search = {0};
	struct hc_unlock best = {0};
	struct hc_error *err = hc_target_heap(target, &search.heap);

	if (!err)
		err = hc_target_types(target, HC_TYPES_FULL, &search.types);
	if (!err)
		err = find_candidates(&search);
	if (!err && search.num)
		err = read_candidates(&search, target);
	if (err)
		return err;
	for (unsigned i = 0; i < search.num; i++) {
		const struct candidate *candidate = &search.candidates[i];

		if (candidate->found.reached.bytes <= best.reached.bytes)
			continue;
		best = candidate->found;
		best.size = candidate->size;
	}
	*ret = best;
	return NULL;
}
