/**
 * @file
 * What a pass for hidden links has made possible: chunks that nothing else holds, by size.
 */
#ifndef HC_ANALYZERS_REACHABILITY_HIDDEN_H
#define HC_ANALYZERS_REACHABILITY_HIDDEN_H

#include "analyzers/reachability/trace.h"

/** Remember in a plane what looks lost. */
struct hc_error *hc_hidden_note(const struct hc_tracer *tracer, struct hc_plane *ret);

/**
 * Count what looked lost before and doesn't now, and add it to heap->hidden.
 *
 * @param[out] ret chunks and bytes of all sizes
 */
struct hc_error *hc_hidden_count(const struct hc_tracer *tracer, const struct hc_plane *before,
				 enum hc_hiding how, struct hc_hidden_count *ret);

/** Before the heap is marked from scratch. */
void hc_hidden_forget(struct hc_heap *heap);

#endif
