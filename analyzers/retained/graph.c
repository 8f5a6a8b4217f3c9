/**
 * @file
 * The search; see graph.h.
 *
 * Keeping edges is by far the quickest. Where they take too much memory, or are too entangled, they
 * are told.
 */
#include "analyzers/retained/graph.h"

#include "analyzers/retained/kept.h"
#include "analyzers/retained/told.h"
#include "core/base/cleanup.h"

struct hc_error *hc_retained_search(struct hc_retained *retained, uint64_t max_chunks)
{
	struct hc_named_tree tree = {0};
	hc_cleanup(hc_plane_layout_deinit) struct hc_plane_layout layout = {0};
	struct hc_error *err = hc_plane_layout_init(retained->heap, &layout);
	uint64_t num = 0;

	if (!err)
		err = hc_retained_by_kept_edges(retained, &layout, &tree);
	if (!err && !tree.parents)
		err = hc_retained_by_told_edges(retained, &layout, max_chunks, &tree, &num);
	if (err)
		return err;
	/* So many come from told edges alone, and have names as good as any. */
	if (num >= HC_MAX_NAMES) {
		retained->idom = tree.parents;
		retained->num = num;
		retained->max = tree.max - 1;
		return NULL;
	}
	hc_watch_part(retained->heap->process->watch, 0.85, 0.9);
	return hc_retained_name(retained, &tree);
}
