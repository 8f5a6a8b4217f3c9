/**
 * @file
 * Lost chunks by the parts of a heap (arena_split.h).
 */
#ifndef HC_ANALYZERS_LEAKS_LEAK_SPLIT_H
#define HC_ANALYZERS_LEAKS_LEAK_SPLIT_H

#include "analyzers/inspect/arena_split.h"
#include "analyzers/leaks/leaks.h"

/** What is lost in one part. A tree is where its root object is. */
struct hc_leak_part {
	struct hc_count definite, indirect;
	uint64_t roots; /**< root objects */
};

/** Add up the trees of all groups. @param[out] ret as many as the split has parts; to be freed */
struct hc_error *hc_leak_split_run(const struct hc_leaks *leaks, const struct hc_arena_split *split,
				   struct hc_leak_part **ret);

#endif
