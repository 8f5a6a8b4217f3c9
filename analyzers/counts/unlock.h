/**
 * @file
 * Which type would tell most: of the chunks without a type, those of the size whose pointers lead
 * to the most bytes of other chunks without one.
 *
 * Types spread along pointers (analyzers/types/typegraph.c), and stop where nobody knows the type
 * of a chunk. Whoever knows one more struct (from its source, or from debug information that is at
 * hand elsewhere) makes the pass go on from there. Kinds are sizes of chunks, which need not be one
 * struct each. Counted are chunks to whose start a chunk of the kind points, not what lies behind
 * them.
 *
 * Some chunks of every size are looked at, as size_sample.h takes them; of the most promising
 * sizes, all chunks are read. So the counts are exact, and the kind is the best of those.
 */
#ifndef HC_ANALYZERS_COUNTS_UNLOCK_H
#define HC_ANALYZERS_COUNTS_UNLOCK_H

#include "analyzers/count.h"
#include "analyzers/target.h"

struct hc_unlock {
	uint64_t size;           /**< chunk size; 0: no chunk without a type leads to another */
	uint64_t usable;         /**< bytes of these chunks, of the first one */
	struct hc_count kind;    /**< chunks of that size without a type */
	struct hc_count reached; /**< other chunks without a type that these point to */
};

/** Of all chunks in use. */
struct hc_error *hc_unlock_find(struct hc_target *target, struct hc_unlock *ret);

#endif
