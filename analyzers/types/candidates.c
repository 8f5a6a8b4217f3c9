/**
 * @file
 * What a chunk may hold by its size alone.
 */
#include "analyzers/types/candidates.h"

/**
 * The least request that malloc rounds up to a chunk's size. There are smaller ones that get it
 * where what is left would be too small for a chunk: few, and not what makes a million of a size.
 */
static uint64_t least_request(const struct hc_chunk *chunk, uint64_t min, uint64_t max)
{
	while (min < max) {
		uint64_t middle = min + (max - min) / 2;

		if (hc_chunk_request_size(chunk, middle) < chunk->size)
			min = middle + 1;
		else
			max = middle;
	}
	return min;
}

/** The requests that give chunks with so many usable bytes, of all allocators that have some. */
static bool find_requests(const struct hc_heap *heap, uint64_t usable, struct hc_candidates *ret)
{
	struct hc_chunk_iter iter;
	const struct hc_zone *zone = NULL;
	uint64_t size = 0;
	struct hc_chunk chunk;
	bool found = false;

	hc_chunk_iter_heap(&iter, heap);
	while (hc_chunk_iter_next(&iter, &chunk)) {
		uint64_t min, max;

		if (chunk.usable != usable || chunk.state != HC_IN_USE ||
		    (chunk.span->zone == zone && chunk.size == size))
			continue;
		/* Millions may be alike. */
		zone = chunk.span->zone;
		size = chunk.size;
		hc_chunk_request(heap, &chunk, &min, &max);
		min = least_request(&chunk, min, max);
		ret->min = found && ret->min < min ? ret->min : min;
		ret->max = found && ret->max > max ? ret->max : max;
		found = true;
	}
	return found;
}

struct hc_error *hc_candidates_find(struct hc_process *process, const struct hc_heap *heap,
				    struct hc_candidates_of of, struct hc_candidates *ret)
{
	struct hc_candidates candidates = {.has_chunks = true, .min = of.bytes, .max = of.bytes};

	if (!of.by_request)
		candidates.has_chunks = find_requests(heap, of.bytes, &candidates);
	/* Whoever asks for no bytes has no struct in mind. */
	candidates.min = candidates.min ? candidates.min : 1;
	if (candidates.has_chunks) {
		struct hc_error *err = hc_structs_find(&process->modules, candidates.min,
						       candidates.max, &candidates.structs);

		if (err)
			return err;
	}
	*ret = candidates;
	return NULL;
}

void hc_candidates_deinit(struct hc_candidates *candidates)
{
	hc_structs_deinit(&candidates->structs);
}
