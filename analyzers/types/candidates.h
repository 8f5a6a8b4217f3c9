/**
 * @file
 * What a chunk may hold by its size alone: the structs of debug information (structs.h) that fit.
 *
 * malloc rounds sizes up, so that a chunk of one size comes from a range of requests; what the
 * range is, the chunk's allocator knows. Every struct whose size is in it may be what such chunks
 * hold: no more than that. Arrays, and structs that somebody puts a header in front of, have other
 * sizes.
 */
#ifndef HC_ANALYZERS_TYPES_CANDIDATES_H
#define HC_ANALYZERS_TYPES_CANDIDATES_H

#include "core/heap/heap.h"
#include "core/process/structs.h"

/** What is asked for. */
struct hc_candidates_of {
	bool by_request; /**< bytes that a caller asked for; else usable bytes of chunks */
	uint64_t bytes;
};

struct hc_candidates {
	bool has_chunks;   /**< false: no chunk has that size, so nothing was looked for */
	uint64_t min, max; /**< bytes of structs: requests that give chunks of that size */
	struct hc_structs structs;
};

/** Takes seconds for large programs. */
struct hc_error *hc_candidates_find(struct hc_process *process, const struct hc_heap *heap,
				    struct hc_candidates_of of, struct hc_candidates *ret);
void hc_candidates_deinit(struct hc_candidates *candidates);

#endif
