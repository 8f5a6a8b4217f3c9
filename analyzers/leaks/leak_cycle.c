/**
 * @file
 * Ways from a lost chunk back to itself, breadth first.
 */
#include "analyzers/leaks/leak_cycle.h"

#include "analyzers/reachability/edges.h"
#include "analyzers/select/tally.h"

/** Chunks that are looked at, and bytes of each: what an object and its members have. */
#define MAX_CHUNKS 64
#define MAX_BYTES 4096

/** A chunk that was come to: by the pointer at an offset of an earlier one. */
struct visit {
	struct hc_chunk chunk;
	size_t before;
	uint64_t offset;
	unsigned steps; /* from the first chunk */
};

struct search {
	const struct hc_heap *heap;
	struct visit visits[MAX_CHUNKS];
	size_t num;
	size_t at;   /* the one whose pointers are followed */
	bool found;  /* one leads to the first chunk: */
	uint64_t by; /* at this offset */
};

/** Remember where a pointer leads to. @return whether to go on */
static bool follow(void *ctx, const struct hc_edge *edge)
{
	struct search *search = ctx;
	const struct visit *from = &search->visits[search->at];
	uint64_t offset = edge->at - from->chunk.address;
	uint64_t address = hc_span_address(edge->span, edge->unit);

	if (!edge->exact)
		return true;
	for (size_t i = 0; i < search->num; i++) {
		if (search->visits[i].chunk.address != address)
			continue;
		search->found = !i && search->at;
		search->by = offset;
		return !search->found;
	}
	if (search->num == MAX_CHUNKS || from->steps + 2 > HC_LEAK_MAX_STEPS)
		return true;
	struct visit *visit = &search->visits[search->num];

	*visit = (struct visit){.before = search->at, .offset = offset, .steps = from->steps + 1};
	search->num += hc_heap_chunk_at(search->heap, address, &visit->chunk) &&
		       hc_chunk_is_lost(search->heap, &visit->chunk);
	return true;
}

/** The steps that led to the pointer that was found. */
static void retrace(const struct search *search, struct hc_leak_cycle *ret)
{
	size_t at = search->at;
	uint64_t offset = search->by;

	ret->num = search->visits[at].steps + 1;
	for (size_t i = ret->num; i-- > 0;) {
		ret->steps[i] = (struct hc_leak_step){search->visits[at].chunk, offset};
		offset = search->visits[at].offset;
		at = search->visits[at].before;
	}
}

bool hc_leak_cycle_find(const struct hc_heap *heap, uint64_t address, struct hc_leak_cycle *ret)
{
	struct search search = {.heap = heap};

	search.num = hc_heap_chunk_at(heap, address, &search.visits[0].chunk);
	for (; search.at < search.num; search.at++) {
		const struct hc_chunk *chunk = &search.visits[search.at].chunk;
		uint64_t size = chunk->usable < MAX_BYTES ? chunk->usable : MAX_BYTES;

		hc_edges_of_range(heap, chunk->address, chunk->address + size, follow, &search);
		if (search.found) {
			retrace(&search, ret);
			return true;
		}
	}
	return false;
}
