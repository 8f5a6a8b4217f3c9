/**
 * @file
 * The heap model's own: chunks that one allocator cut up for another (hc_heap_carve()).
 */
#ifndef HC_CORE_HEAP_CARVE_H
#define HC_CORE_HEAP_CARVE_H

#include "core/heap/build.h"

/** Cut what was carved since the last seal out of its spans. These are out of order then. */
struct hc_error *hc_carvings_cut(struct hc_heap *heap);

/** What the spans of a sub-allocator leave of the memory that it carved is its overhead. */
void hc_carvings_count(struct hc_heap *heap);

#endif
