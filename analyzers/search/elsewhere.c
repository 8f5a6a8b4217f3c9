/**
 * @file
 * The same search, over everything.
 */
#include "analyzers/search/elsewhere.h"

struct hc_error *hc_elsewhere_run(const struct hc_process *process, const struct hc_heap *heap,
				  const struct hc_pattern *pattern, struct hc_elsewhere *ret)
{
	struct hc_selection selection;
	struct hc_search_result result;

	hc_selection_init(&selection);
	selection.states = (1u << HC_NUM_STATES) - 1;
	struct hc_search_options options = {
		.scope = HC_SEARCH_ALL,
		.selection = &selection,
		.max_bytes = HC_ELSEWHERE_BYTES,
	};
	struct hc_error *err = hc_search_run(process, heap, pattern, &options, NULL, NULL, &result);
	if (!err) {
		*ret = (struct hc_elsewhere){
			.matches = result.matches,
			.chunks = result.chunks,
			.mappings = result.mappings,
			.bounded = result.bounded,
		};
		hc_search_result_deinit(&result);
	}
	hc_selection_deinit(&selection);
	return err;
}
