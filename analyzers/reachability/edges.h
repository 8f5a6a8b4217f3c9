/**
 * @file
 * Edges: the pointers of a range of memory, read again whenever they are needed and never stored.
 *
 * For searches that go from chunk to chunk in an order of their own (path.h, dominators.h); trace.h
 * is for those that only mark. A word is an edge when its value lies in the usable bytes of a chunk
 * in use; exact or not, as in trace.h. Everything is inline, so that a visitor costs no call.
 */
#ifndef HC_ANALYZERS_REACHABILITY_EDGES_H
#define HC_ANALYZERS_REACHABILITY_EDGES_H

#include "analyzers/reachability/reachability.h"

/** A pointer. */
struct hc_edge {
	uint64_t at;                /**< where it stands; 0: in a register, or a pin */
	uint64_t value;             /**< the word */
	const struct hc_span *span; /**< of the chunk that it points into */
	uint64_t unit;              /**< where that chunk starts */
	bool exact;                 /**< to its start, or by a heuristic as good as that */
};

/** @return whether to go on */
typedef bool (*hc_edge_fn)(void *ctx, const struct hc_edge *edge);

static inline bool hc_edge_in_use(const struct hc_span *span, uint64_t unit)
{
	return hc_block_in_use(&span->blocks[unit / HC_UNITS_PER_BLOCK]) >>
		       unit % HC_UNITS_PER_BLOCK &
	       1;
}

/** The chunk in use that an interior pointer points into. */
static inline bool hc_edge_look_inside(const struct hc_heap *heap, const struct hc_span *span,
				       uint64_t value, struct hc_edge *ret)
{
	uint64_t offset = value - span->base;
	struct hc_place place;
	struct hc_chunk chunk;

	if (!hc_span_find(span, offset, &place) || offset >= hc_span_usable_end(span, place.next) ||
	    !hc_edge_in_use(span, place.unit))
		return false;
	hc_span_place_chunk(heap, span, &place, &chunk);
	ret->unit = place.unit;
	ret->exact = hc_heuristic_match(heap, &chunk, value) != HC_HEURISTIC_NONE;
	return true;
}

/** What a word points into that lies in a span, at its base or behind. */
static inline bool hc_edge_into(const struct hc_heap *heap, const struct hc_span *span,
				uint64_t value, struct hc_edge *ret)
{
	ret->span = span;
	ret->exact = true;
	if (hc_span_starts_at(span, value - span->base, &ret->unit))
		return hc_edge_in_use(span, ret->unit);
	return hc_edge_look_inside(heap, span, value, ret);
}

/** What a word points into, if it is a pointer. */
static inline bool hc_edge_of(const struct hc_heap *heap, uint64_t value, struct hc_edge *ret)
{
	const struct hc_span *span = hc_heap_span(heap, value);

	if (!span && heap->tagged) {
		uint64_t target = hc_tagged_target(heap, heap->tagged, value);

		span = target ? hc_heap_span(heap, target) : NULL;
		ret->span = span;
		ret->exact = false;
		return span && hc_span_starts_at(span, target - span->base, &ret->unit) &&
		       hc_edge_in_use(span, ret->unit);
	}
	return span && value >= span->base && hc_edge_into(heap, span, value, ret);
}

/** The chunk that half a word leads to, in a process that has links of 32 bits. */
static inline bool hc_edge_of_half(const struct hc_heap *heap, uint32_t half, struct hc_edge *ret)
{
	uint64_t target = hc_offset_target(heap, half);
	const struct hc_span *span = target ? hc_heap_span(heap, target) : NULL;

	ret->span = span;
	ret->value = half;
	ret->exact = false;
	return span && hc_span_starts_at(span, target - span->base, &ret->unit);
}

/** Visit the links of 32 bits that a word at an address may be. @return whether to go on */
static inline bool hc_edges_of_halves(const struct hc_heap *heap, uint64_t address,
				      struct hc_bytes word, hc_edge_fn fn, void *ctx)
{
	if (hc_offset_excluded(heap, hc_read64(word.data, heap->big_endian)))
		return true;
	for (unsigned at = 0; at < word.size; at += 4) {
		struct hc_edge edge;

		if (!hc_edge_of_half(heap, hc_read32(word.data + at, heap->big_endian), &edge))
			continue;
		edge.at = address + at;
		if (!fn(ctx, &edge))
			return false;
	}
	return true;
}

/** Visit the edges among some words. */
static inline __attribute__((always_inline)) bool hc_edges_of_bytes(const struct hc_heap *heap,
								    uint64_t address,
								    struct hc_bytes bytes,
								    hc_edge_fn fn, void *ctx)
{
	const unsigned word = heap->word_size;

	for (size_t i = 0; i + word <= bytes.size; i += word) {
		struct hc_edge edge;

		edge.value = hc_read_word(bytes.data + i, word, heap->big_endian);
		if (__builtin_expect(heap->offset_form.found, 0) &&
		    !hc_edges_of_halves(heap, address + i, (struct hc_bytes){bytes.data + i, word},
					fn, ctx))
			return false;
		if (edge.value - heap->lowest >= heap->highest - heap->lowest && !heap->tagged)
			continue;
		if (!hc_edge_of(heap, edge.value, &edge))
			continue;
		edge.at = address + i;
		if (!fn(ctx, &edge))
			return false;
	}
	return true;
}

/** Visit the edges of [start, end), as far as the core has it. @return whether all were visited */
static inline __attribute__((always_inline)) bool hc_edges_of_range(const struct hc_heap *heap,
								    uint64_t start, uint64_t end,
								    hc_edge_fn fn, void *ctx)
{
	const struct hc_memory *memory = &heap->process->memory;
	const uint64_t mask = heap->word_size - 1;
	uint64_t pos = (start + mask) & ~mask;
	struct hc_piece piece;

	while (pos < end && hc_memory_next_data(memory, &pos, end, UINT64_MAX, &piece)) {
		uint64_t skip = -piece.start & mask;

		if (skip < piece.bytes.size &&
		    !hc_edges_of_bytes(
			    heap, piece.start + skip,
			    (struct hc_bytes){piece.bytes.data + skip, piece.bytes.size - skip}, fn,
			    ctx))
			return false;
	}
	return true;
}

/** Usable bytes of the chunk that starts at a unit: offset behind the last one. */
static inline uint64_t hc_edge_usable_end(const struct hc_span *span, uint64_t unit)
{
	uint64_t later =
		span->blocks[unit / HC_UNITS_PER_BLOCK].start >> unit % HC_UNITS_PER_BLOCK >> 1;
	uint64_t next = later ? unit + 1 + (uint64_t)__builtin_ctzll(later)
			      : hc_span_next_start(span, unit + 1);

	return hc_span_usable_end(span, next < span->num_units ? hc_span_offset(span, next)
							       : hc_span_limit(span));
}

/** Visit the edges of a chunk. @return whether all were visited */
static inline __attribute__((always_inline)) bool hc_edges_of_chunk(const struct hc_heap *heap,
								    const struct hc_span *span,
								    uint64_t unit, hc_edge_fn fn,
								    void *ctx)
{
	uint64_t start = hc_span_offset(span, unit), end = hc_edge_usable_end(span, unit);

	if (start >= end)
		return true;
	if (span->data)
		return hc_edges_of_bytes(
			heap, span->base + start,
			(struct hc_bytes){span->data + (span->base - span->start) + start,
					  end - start},
			fn, ctx);
	return hc_edges_of_range(heap, span->base + start, span->base + end, fn, ctx);
}

#endif
