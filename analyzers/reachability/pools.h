/**
 * @file
 * Pools: blocks that a program keeps many objects in, and holds by pointers to those objects.
 *
 * Obstacks, arenas, slabs of an allocator on top of malloc and compilers' memory hand out pieces of
 * a block. Nothing need point to its start; whoever has a piece holds the block. Two things tell
 * such a block from one whose interior something happens to point to:
 *
 *   - it is *linked inside*: its pieces point to each other, from at least HC_POOL_LINKS of its
 *     words to at least HC_POOL_PLACES places in it that are not next to the word itself (heads of
 *     empty lists point to themselves);
 *   - it is *aligned to its size*, a power of two, as no malloc aligns a block by itself: so are
 *     slabs whose owner finds them by clearing the low bits of any pointer into them. A block may
 * be aligned by chance, so that HC_POOL_ALIGNED of its size must be, and nearly all.
 *
 * Looking inside costs time, so that it is done only where the possible chunks matter, and sizes of
 * which no possible chunk is a pool have none.
 */
#ifndef HC_ANALYZERS_REACHABILITY_POOLS_H
#define HC_ANALYZERS_REACHABILITY_POOLS_H

#include "core/heap/heap.h"

/** Bytes of a chunk, at least. */
#define HC_POOL_MIN_SIZE 512
#define HC_POOL_LINKS 16
#define HC_POOL_PLACES 8
#define HC_POOL_ALIGNED 4

bool hc_pool_is_linked(const struct hc_heap *heap, const struct hc_chunk *chunk);

bool hc_pool_is_aligned(const struct hc_heap *heap, const struct hc_chunk *chunk);

/** Whether a pointer anywhere into a chunk counts as one to its start. */
bool hc_pool_holds(const struct hc_heap *heap, const struct hc_chunk *chunk);

/** Forget which sizes have pools. */
void hc_pools_forget(struct hc_heap *heap);

/** Look for pools of a size, too; sizes must be told in ascending order. */
struct hc_error *hc_pools_add(struct hc_heap *heap, uint64_t size, bool aligned);

#endif
