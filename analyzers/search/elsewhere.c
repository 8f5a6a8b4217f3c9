/**
 * @file
 * The same search, over everything.
 */
#include "analyzers/search/elsewhere.h"

struct hc_error *hc_elsewhere_run(struct hc_target *target, const struct hc_pattern *pattern,
				  const struct hc_sieve *sieve, struct hc_elsewhere *ret)
{
	struct hc_selection selection;
	struct hc_search_result result;

	hc_selection_init(&selection);
	selection.states = (1u << HC_NUM_STATES) - 1;
	struct hc_search_options options = {
		.scope = HC_SEARCH_ALL,
		.selection = &selection,
		.max_bytes = HC_ELSEWHERE_BYTES,
		.sieve = sieve,
	};
	struct hc_error *err = hc_search_run(target, pattern, &options, &result);
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
