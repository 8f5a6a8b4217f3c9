/**
 * @file
 * Adding up trees by part; see leak_split.h.
 */
#include "analyzers/leaks/leak_split.h"

#include <stdlib.h>

#include "analyzers/leaks/leak_trees.h"
#include "core/base/cleanup.h"

struct run {
	const struct hc_arena_split *split;
	struct hc_leak_part *parts;
};

static struct hc_error *add_tree(void *ctx, const struct hc_leak_tree *tree)
{
	struct run *run = ctx;
	uint32_t index = hc_arena_split_find(run->split, tree->root.span->arena);
	struct hc_leak_part *part = &run->parts[index];

	hc_count_add(&part->definite, &tree->definite);
	hc_count_add(&part->indirect, &tree->indirect);
	part->roots++;
	return NULL;
}

struct hc_error *hc_leak_split_run(const struct hc_leaks *leaks, const struct hc_arena_split *split,
				   struct hc_leak_part **ret)
{
	hc_cleanup_free struct hc_leak_part *parts = calloc(split->num_parts, sizeof(*parts));
	struct run run = {split, parts};

	if (!parts)
		return &hc_enomem;
	struct hc_error *err = hc_leak_trees_run(leaks->index, add_tree, &run);
	if (!err)
		*ret = hc_steal(parts);
	return err;
}
