/**
 * @file
 * Words of chunks, and which of them are pointers that count.
 *
 * Both ways to find the graph (kept.h, told.h) read chunks through this, a few words at a time:
 * most of the time is spent waiting for memory, so what several words need is fetched at once. A
 * *place* is what is left to be looked at of a chunk. Nothing is known here of vertices that were
 * entered, or of edges.
 */
#ifndef HC_ANALYZERS_RETAINED_WORDS_H
#define HC_ANALYZERS_RETAINED_WORDS_H

#include "analyzers/reachability/edges.h"
#include "analyzers/retained/retained.h"

enum {
	HC_WORDS_AHEAD = 64, /* words of a chunk that are looked at together */
};

/** The span that a word pointed into last: the next one does so, too, more often than not. */
struct hc_recent_span {
	const struct hc_heap *heap; /**< set by the caller; the rest begins as zeroes */
	const struct hc_span *span;
	uint64_t base, extent;
};

/** What is being looked at. */
struct hc_chunk_words {
	uint64_t pos, end; /**< words that are left, addresses */
	uint32_t vertex;
	bool possible; /**< it is reached by interior pointers only */
	const struct hc_span *span;
	uint64_t unit;
};

/** A word that may be a pointer. */
struct hc_word {
	uint64_t value, at;
	const struct hc_span *span; /**< that it points into; NULL: none, it may have a tag */
	uint64_t unit;
};

/** @name Chunks by span and unit */
/**@{*/

/** The number of the chunk that starts at a unit. */
static inline uint64_t hc_number_of(const struct hc_retained *retained, const struct hc_span *span,
				    uint64_t unit)
{
	const struct hc_numbers *numbers = &retained->numbers;
	uint64_t block = unit / HC_UNITS_PER_BLOCK, bit = unit % HC_UNITS_PER_BLOCK;
	uint64_t below = span->blocks[block].start & ((UINT64_C(1) << bit) - 1);

	return numbers->before[span - retained->heap->spans][block] +
	       (uint64_t)__builtin_popcountll(below);
}

/** Where its vertex is noted. */
static inline uint32_t *hc_vertex_of(const struct hc_retained *retained, const struct hc_span *span,
				     uint64_t unit)
{
	return &retained->vertex[hc_number_of(retained, span, unit)];
}

/** Whether only chains with interior pointers lead to it. */
static inline bool hc_is_possible(const struct hc_span *span, uint64_t unit)
{
	return span->blocks[unit / HC_UNITS_PER_BLOCK].a >> unit % HC_UNITS_PER_BLOCK & 1;
}

/** Fetch what tells whether a pointer counts, and the number of what it points to. */
static inline __attribute__((always_inline)) void
hc_fetch_block(const struct hc_retained *retained, const struct hc_span *span, uint64_t unit)
{
	uint64_t block = unit / HC_UNITS_PER_BLOCK;

	__builtin_prefetch(&span->blocks[block]);
	__builtin_prefetch(&retained->numbers.before[span - retained->heap->spans][block]);
}

/** All words of a chunk. */
static inline struct hc_chunk_words hc_words_of_chunk(const struct hc_span *span, uint64_t unit,
						      uint32_t vertex)
{
	return (struct hc_chunk_words){
		.pos = span->base + hc_span_offset(span, unit),
		.end = span->base + hc_edge_usable_end(span, unit),
		.vertex = vertex,
		.possible = hc_is_possible(span, unit),
		.span = span,
		.unit = unit,
	};
}
/**@}*/

/** @name Words */
/**@{*/

/**
 * Step over what the core lacks, to a whole word.
 *
 * @param[out] ret from the place on, as far as they lie in one piece; points into the core
 * @return false at the end
 */
bool hc_next_words(const struct hc_retained *retained, struct hc_chunk_words *place,
		   struct hc_bytes *ret);

/** Where in the heap hc_word::value points to. @return false: nowhere, and it can have no tag */
bool hc_find_word(struct hc_recent_span *recent, struct hc_word *word);

/**
 * Those that may be pointers among the first @ref HC_WORDS_AHEAD of a place.
 *
 * @param bytes from hc_next_words()
 * @param words room for @ref HC_WORDS_AHEAD
 * @return how many
 */
size_t hc_find_words(struct hc_recent_span *recent, const struct hc_chunk_words *place,
		     struct hc_bytes bytes, struct hc_word *words);

/** What a word points to. @return false: nothing */
static inline __attribute__((always_inline)) bool
hc_edge_of_word(const struct hc_retained *retained, const struct hc_word *word,
		struct hc_edge *edge)
{
	return word->span ? hc_edge_into(retained->heap, word->span, word->value, edge)
			  : hc_edge_of(retained->heap, word->value, edge);
}

/** Whether a pointer counts: see retained.h. What is lost is not in the graph. */
static inline bool hc_pointer_counts(const struct hc_edge *edge, bool from_possible)
{
	const struct hc_block *block = &edge->span->blocks[edge->unit / HC_UNITS_PER_BLOCK];

	if (!(block->b >> edge->unit % HC_UNITS_PER_BLOCK & 1))
		return false;
	return hc_is_possible(edge->span, edge->unit) || (edge->exact && !from_possible);
}
/**@}*/

#endif
