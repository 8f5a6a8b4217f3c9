/**
 * @file
 * The heap model, writing side: for allocator back ends only (allocator.h says when to call what).
 */
#ifndef HC_CORE_HEAP_BUILD_H
#define HC_CORE_HEAP_BUILD_H

#include "core/base/zeroes.h"
#include "core/heap/heap.h"

/**
 * Clear planes, at least one block; NULL without memory. No block straddles a cache line, and large
 * planes lie in huge pages where the system has them, since markers visit blocks at random.
 */
struct hc_block *hc_blocks_create(uint64_t num);
/** NULL is fine. @param num as it was given to the call that made them */
void hc_blocks_destroy(struct hc_block *blocks, uint64_t num);
/**
 * Keep the first @p num of @p old_num blocks. Returns them, maybe elsewhere; NULL, all freed,
 * without memory.
 */
struct hc_block *hc_blocks_shrink(struct hc_block *blocks, uint64_t old_num, uint64_t num);

/**
 * Add a zone, whose fields of the first kind (heap.h) are set and whose name is static.
 *
 * @param[out] ret the heap's own, valid as long as the heap
 * @return NULL; @ref HC_ERROR_LIMIT for a unit of 0 bytes, or more than HC_MAX_LISTS lists
 */
struct hc_error *hc_heap_add_zone(struct hc_backend *backend, const struct hc_zone *zone,
				  const struct hc_zone **ret);

/** Add @p num arenas, all zeroes but hc_arena::backend. @param[out] ret index of the first */
struct hc_error *hc_heap_add_arenas(struct hc_backend *backend, size_t num, uint32_t *ret);

/**
 * Add a span. Spans may come in any order; hc_heap_seal() sorts them.
 *
 * @param span zone, kind, arena, tag, start, end and num_units are set; the first chunk starts at
 * start, so that its user address is zone->header behind it. blocks: its planes, from
 * hc_blocks_create() for as many blocks as num_units needs, owned by the heap from here on, also on
 * failure; NULL: clear ones
 * @param[out] ret valid until the next call
 */
struct hc_error *hc_heap_add_span(struct hc_heap *heap, const struct hc_span *span,
				  struct hc_span **ret);

/**
 * Take the memory of a chunk away from its allocator, because another one has cut it up: a pool
 * that gets its memory by malloc. From the next seal on that chunk is in no span. The span it was
 * in ends before and goes on behind it, so that spans stay disjoint, and the memory is the other's,
 * to be covered by spans of its own; what those leave is bookkeeping (no root) and counts as
 * overhead of @p arena.
 *
 * To be called by walk(), for chunks of allocators that come earlier in the table, on whose lists
 * they may turn out to be later; the caller sees to it that its structures lie there.
 *
 * @param chunk from hc_heap_chunk_at()
 * @param arena index of one of the caller's
 */
struct hc_error *hc_heap_carve(struct hc_heap *heap, const struct hc_chunk *chunk, uint32_t arena);

/** Memory that was carved out, and, once sealed, is in no span of the allocator that it was of. */
struct hc_carving {
	uint64_t start, end; /**< all bytes that were the chunk's */
	uint32_t arena;
	const struct hc_zone *from; /**< zone of the chunk */
	enum hc_span_kind kind;     /**< of the span that the chunk was in */
	bool done, counted;         /**< it was cut out of its span; what is left was counted */
};

/**
 * Remember a chunk as HC_TOP or HC_OVERHEAD. One whose start bit is not set is ignored by readers.
 */
struct hc_error *hc_heap_add_special(struct hc_heap *heap, uint64_t address, enum hc_state state,
				     const char *what);
/**
 * Remember a chunk in use as a root. @param what owned by the heap from here on, also on failure
 */
struct hc_error *hc_heap_add_pin(struct hc_heap *heap, uint64_t address, char *what);
/**
 * Remember [start, end) as bookkeeping: the words there are no roots. Spans need no hole, nor does
 * what was carved. Holes may overlap.
 */
struct hc_error *hc_heap_add_hole(struct hc_heap *heap, uint64_t start, uint64_t end);

/**
 * Note a contradiction. Of those with one address and one code only the first is kept.
 *
 * @param fault  all but what, last_good and backend, which are ignored
 * @param format what is wrong, in words
 */
struct hc_error *hc_heap_add_inconsistency(struct hc_heap *heap, struct hc_inconsistency fault,
					   const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/**
 * Set or clear the start bit of the chunk with this user address, which must be a unit of @p span.
 */
void hc_span_set_start(struct hc_span *span, uint64_t unit);

/** Sort the spans so far by address, for a back end that searches what lies between them. */
void hc_heap_sort_spans(struct hc_heap *heap);

/**
 * Cut out what was carved, sort spans, drop those that overlap an earlier one or exceed
 * HC_MAX_MISSING (with an inconsistency), build the index. hc_heap_open() calls it after each
 * walk(), so that addresses of what was walked so far can be looked up.
 */
struct hc_error *hc_heap_seal(struct hc_heap *heap);

/**
 * After the seal: mark a chunk free, on a list of its own allocator. false when no chunk starts at
 * @p address.
 */
bool hc_heap_set_free(struct hc_heap *heap, uint64_t address, const struct hc_list *list);

/** Fill a new heap, of which process and word_size are set, by the allocators of a table. */
struct hc_error *hc_heap_fill(struct hc_heap *heap, const struct hc_allocator *const *table,
			      size_t num);

/**
 * Once all lists are walked, and again after a check: sort specials, pins and inconsistencies, drop
 * what no chunk starts at and what was noted twice.
 */
void hc_heap_finish(struct hc_heap *heap);

/** Add a back end to a heap that is filled by hand. */
struct hc_error *hc_heap_add_backend(struct hc_heap *heap, const struct hc_allocator *allocator,
				     struct hc_backend **ret);

#endif
