/**
 * @file
 * The heap model, writing side: for allocator back ends only (allocator.h says when to call what).
 */
#ifndef HC_CORE_HEAP_BUILD_H
#define HC_CORE_HEAP_BUILD_H

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
 * Add a span. Spans may come in any order; hc_heap_seal() sorts them. The pointer is valid until
 * the next call.
 *
 * @param base      user address of the first chunk
 * @param num_units units from base up to which a chunk may start
 * @param blocks    its planes, from hc_blocks_create() for as many blocks as @p num_units needs,
 * owned by the heap from here on, also on failure; NULL: clear ones
 */
struct hc_error *hc_heap_add_span(struct hc_heap *heap, enum hc_span_kind kind, uint32_t arena,
				  uint64_t start, uint64_t end, uint64_t base, uint64_t num_units,
				  uint8_t trailer, struct hc_block *blocks, struct hc_span **ret);

/**
 * Remember a chunk as HC_TOP or HC_OVERHEAD. One whose start bit is not set is ignored by readers.
 */
struct hc_error *hc_heap_add_special(struct hc_heap *heap, uint64_t address, enum hc_state state,
				     const char *what);
/** @param what owned by the heap from here on, also on failure */
struct hc_error *hc_heap_add_pin(struct hc_heap *heap, uint64_t address, char *what);
/**
 * Note a contradiction. Of those with one address and one code only the first is kept.
 *
 * @param fault  all but what and last_good, which are ignored
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
 * Sort spans, drop those that overlap an earlier one or exceed HC_MAX_MISSING (with an
 * inconsistency), build the index. Called by hc_heap_open() between a back end's walk() and
 * lists().
 */
struct hc_error *hc_heap_seal(struct hc_heap *heap);

/** After the seal: mark a chunk free, on this list. false when no chunk starts at @p address. */
bool hc_heap_set_free(struct hc_heap *heap, uint64_t address, enum hc_free_list list);

#endif
