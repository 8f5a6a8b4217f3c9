/**
 * @file
 * Looking for pools; what is one is in pools.h.
 */
#include "analyzers/reachability/pools.h"

#include <stdlib.h>

#include "core/base/array.h"
#include "core/base/bytes.h"

enum {
	MAX_SEARCHED = 64 << 10, /* bytes of a block */
	NEAR_WORDS = 2,
	PLACES = 64, /* that are told apart: a bit each */
};

static bool is_elsewhere(uint64_t to, uint64_t from, unsigned word)
{
	return (to > from ? to - from : from - to) > NEAR_WORDS * word;
}

bool hc_pool_is_linked(const struct hc_heap *heap, const struct hc_chunk *chunk)
{
	struct hc_bytes bytes = hc_chunk_bytes(heap, chunk);
	unsigned word = heap->word_size, links = 0;
	size_t size = bytes.size < MAX_SEARCHED ? bytes.size : MAX_SEARCHED;
	uint64_t seen = 0;

	for (size_t at = 0; at + word <= size; at += word) {
		uint64_t to =
			hc_read_word(bytes.data + at, word, heap->big_endian) - chunk->address;

		/* The start is what an owner's pointer is to. */
		if (!to || to >= chunk->usable || to % word || !is_elsewhere(to, at, word))
			continue;
		seen |= UINT64_C(1) << to * PLACES / chunk->usable;
		if (++links >= HC_POOL_LINKS && __builtin_popcountll(seen) >= HC_POOL_PLACES)
			return true;
	}
	return false;
}

bool hc_pool_is_aligned(const struct hc_heap *heap, const struct hc_chunk *chunk)
{
	uint64_t min, max, power;

	hc_chunk_request(heap, chunk, &min, &max);
	if (max < HC_POOL_MIN_SIZE / 2)
		return false;
	/* Slabs leave room for malloc's header, so that the next one is aligned as cheaply. */
	power = UINT64_C(1) << (63 - __builtin_clzll(chunk->size));
	return chunk->size - power <= 2 * heap->word_size && chunk->address % power == 0;
}

static const struct hc_pool_size *find(const struct hc_heap *heap, uint64_t size)
{
	size_t i = hc_lower_bound(heap->num_pool_sizes, p, heap->pool_sizes[p].size < size);

	return i < heap->num_pool_sizes && heap->pool_sizes[i].size == size ? &heap->pool_sizes[i]
									    : NULL;
}

bool hc_pool_holds(const struct hc_heap *heap, const struct hc_chunk *chunk)
{
	const struct hc_pool_size *pool;

	if (!heap->num_pool_sizes || chunk->size < HC_POOL_MIN_SIZE ||
	    !(pool = find(heap, chunk->size)))
		return false;
	return (pool->aligned && hc_pool_is_aligned(heap, chunk)) || hc_pool_is_linked(heap, chunk);
}

void hc_pools_forget(struct hc_heap *heap)
{
	free(heap->pool_sizes);
	heap->pool_sizes = NULL;
	heap->num_pool_sizes = 0;
}

struct hc_error *hc_pools_add(struct hc_heap *heap, uint64_t size, bool aligned)
{
	struct hc_error *err = hc_array_reserve(&heap->pool_sizes, heap->num_pool_sizes,
						sizeof(*heap->pool_sizes));

	if (!err)
		heap->pool_sizes[heap->num_pool_sizes++] =
			(struct hc_pool_size){.size = size, .aligned = aligned};
	return err;
}
