/**
 * @file
 * Where a pattern matches when no chunk of a selection does: in chunks that were not chosen (free
 * ones among them), or in memory that is no chunk.
 */
#ifndef HC_ANALYZERS_SEARCH_ELSEWHERE_H
#define HC_ANALYZERS_SEARCH_ELSEWHERE_H

#include "analyzers/search/search.h"

/** Bytes that are searched at most. */
#define HC_ELSEWHERE_BYTES (UINT64_C(4) << 30)

struct hc_elsewhere {
	uint64_t matches;  /**< exact, unless @ref bounded: then at least so many */
	uint64_t chunks;   /**< with a match, of any state */
	uint64_t mappings; /**< likewise, outside of chunks */
	bool bounded;      /**< there is more memory than was searched */
};

/** One more pass, after a search without a match. @param sieve as of that one */
struct hc_error *hc_elsewhere_run(struct hc_target *target, const struct hc_pattern *pattern,
				  const struct hc_sieve *sieve, struct hc_elsewhere *ret);

#endif
