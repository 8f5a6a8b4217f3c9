/**
 * @file
 * Following hidden links: what they make possible, chunks that nothing else holds, by size.
 */
#ifndef HC_ANALYZERS_REACHABILITY_HIDDEN_H
#define HC_ANALYZERS_REACHABILITY_HIDDEN_H

#include "analyzers/reachability/trace.h"

/**
 * Mark what the links lead to that the heap says it has (heap->tagged, heap->offset_form), and add
 * what looked lost before to heap->hidden.
 *
 * @param[out] ret chunks and bytes of all sizes
 */
struct hc_error *hc_hidden_follow(struct hc_tracer *tracer, enum hc_hiding how,
				  struct hc_hidden_count *ret);

/** Before the heap is marked from scratch. */
void hc_hidden_forget(struct hc_heap *heap);

#endif
