/**
 * @file
 * The graph of types: which struct or class each chunk holds, by debug information.
 *
 * Variables have types, and the types say where they hold pointers to what; so does every chunk
 * that such a pointer leads to. This is the idea of mdb's ::typegraph and of core_analyzer. The
 * algorithm and its limits are the essay at the top of typegraph.c.
 */
#ifndef HC_ANALYZERS_TYPES_TYPEGRAPH_H
#define HC_ANALYZERS_TYPES_TYPEGRAPH_H

#include "core/process/debuginfo.h"
#include "core/heap/heap.h"

/** How an object fits its chunk. The better is the higher. */
enum hc_fit {
	HC_FIT_NONE,   /**< it is larger than the chunk */
	HC_FIT_PREFIX, /**< the chunk goes on behind it */
	HC_FIT_ARRAY,  /**< malloc gives this chunk for a number of them, and they look like it */
	HC_FIT_SLACK, /**< malloc may give this chunk for one of them, if nothing smaller is left */
	HC_FIT_EXACT, /**< malloc gives this chunk for one of them, or its end is open */
};

/** Most different types that chunks can have. */
#define HC_MAX_GRAPH_TYPES ((1 << 14) - 1)

struct hc_typegraph;

/** A chunk whose layout is known from elsewhere: by its vtable. */
typedef hc_layout_id (*hc_known_layout_fn)(void *ctx, const struct hc_chunk *chunk);

/**
 * Follow the variables' pointers, and those of chunks whose layout is known from elsewhere.
 *
 * @param info must outlive the graph
 * @param known called for every chunk in use; NULL: there are none
 */
struct hc_error *hc_typegraph_build(const struct hc_heap *heap, struct hc_debuginfo *info,
				    hc_known_layout_fn known, void *ctx, struct hc_typegraph **ret);
/** NULL is fine. */
void hc_typegraph_destroy(struct hc_typegraph *graph);

/** Types that chunks were found to have: numbers from 0 to this, exclusive. */
size_t hc_typegraph_num(const struct hc_typegraph *graph);

/** Name of a type. */
const char *hc_typegraph_name(const struct hc_typegraph *graph, uint32_t type);

/**
 * The type of a chunk. Safe from several threads.
 *
 * @param[out] fit_ret how such an object fits the chunk, which may be an array of them
 * @return false when it is not known
 */
bool hc_typegraph_find(const struct hc_typegraph *graph, const struct hc_chunk *chunk,
		       uint32_t *type_ret, enum hc_fit *fit_ret);

#endif
