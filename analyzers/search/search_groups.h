/**
 * @file
 * Matches grouped by something that their chunk has, behind `grep --by`.
 *
 * A sorted array: there are few groups. Chunks of n different sizes take at least n * n times half
 * the alignment in bytes, so even by size a heap of a terabyte has a few hundred thousand at most.
 */
#ifndef HC_ANALYZERS_SEARCH_SEARCH_GROUPS_H
#define HC_ANALYZERS_SEARCH_SEARCH_GROUPS_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/error.h"

struct hc_search_group {
	uint64_t key; /**< chunk size, hc_class_id, hc_reach, arena (HC_ARENA_MMAP included) or
			 hc_type_id */
	uint64_t matches;
	uint64_t chunks, bytes; /**< chunks with a match and the sum of their chunk sizes */
};

struct hc_search_groups {
	struct hc_search_group *items; /**< by key */
	size_t num;
};

void hc_search_groups_deinit(struct hc_search_groups *groups);

/** Add the sums of @p more to the group of its key. */
struct hc_error *hc_search_groups_add(struct hc_search_groups *groups,
				      const struct hc_search_group *more);
struct hc_error *hc_search_groups_merge(struct hc_search_groups *groups,
					const struct hc_search_groups *from);

/** Order by matches, the most first, then by key. No more additions. */
void hc_search_groups_rank(struct hc_search_groups *groups);

#endif
