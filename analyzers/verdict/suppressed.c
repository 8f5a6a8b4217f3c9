/**
 * @file
 * Findings that a suppression names by their holder; see findings.h.
 */
#include "analyzers/leaks/suppress.h"
#include "analyzers/reachability/path.h"
#include "analyzers/verdict/verdict.h"
#include "core/base/cleanup.h"

uint64_t hc_findings_holder_chunks(const struct hc_target *target)
{
	const struct hc_reach_stats *reach = &target->reach;
	uint64_t held = reach->kinds[HC_REACHABLE].chunks + reach->kinds[HC_POSSIBLE].chunks;

	return held / HC_HOLDER_PART > HC_HOLDER_CHUNKS ? held / HC_HOLDER_PART : HC_HOLDER_CHUNKS;
}

/** Whether it is held from where a suppression says. */
static struct hc_error *is_suppressed(struct hc_target *target, struct hc_spots *spots,
				      const struct hc_finding *finding, bool *ret)
{
	const struct hc_path_limits limits = {.paths = 1,
					      .chunks = hc_findings_holder_chunks(target)};
	hc_cleanup(hc_paths_deinit) struct hc_paths paths = {0};
	const struct hc_referrer *root;
	struct hc_chunk chunk;
	struct hc_spot spot;
	struct hc_error *err;

	*ret = false;
	if (!finding->growth || !hc_heap_chunk_at(target->heap, finding->sample, &chunk))
		return NULL;
	err = hc_paths_find(target->heap, &chunk, limits, &paths);
	if (err || !paths.num || !paths.items[0].steps[0].address)
		return err;
	root = &paths.items[0].steps[0];
	err = hc_spots_find(spots, root->address, root->thread, &spot);
	return err ? err : hc_suppressions_match_holder(target->suppressions, &spot, ret);
}

/** Larger ones come first, so that what one is with was judged before it. */
static void take_off(struct hc_findings *findings, const bool *suppressed)
{
	struct hc_finding *sum = &findings->suppressed;
	size_t num = 0;

	for (size_t i = 0; i < findings->num; i++) {
		struct hc_finding *finding = &findings->items[i];

		if (!suppressed[i]) {
			findings->items[num++] = *finding;
			continue;
		}
		hc_count_add(&sum->count, &finding->count);
		sum->touched += finding->touched;
		sum->share += finding->share;
		hc_finding_deinit(finding);
	}
	findings->num = num;
}

struct hc_error *hc_findings_suppress(struct hc_target *target, struct hc_verdict *verdict)
{
	struct hc_findings *findings = &verdict->findings;
	hc_cleanup(hc_spots_destroyp) struct hc_spots *spots = NULL;
	bool suppressed[HC_MAX_FINDINGS] = {0};
	struct hc_error *err = NULL;

	if (!verdict->heap || !target->suppressions || !target->suppressions->holders.num)
		return NULL;
	err = hc_spots_create(target->process, &spots);
	for (size_t i = 0; !err && i < findings->num; i++) {
		const struct hc_finding *finding = &findings->items[i];

		if (finding->with && suppressed[finding->with - 1])
			suppressed[i] = true;
		else
			err = is_suppressed(target, spots, finding, &suppressed[i]);
	}
	if (!err)
		take_off(findings, suppressed);
	return err;
}

struct hc_error *hc_verdict_measure_without(struct hc_target *target, const char *suppressions,
					    struct hc_diagnostics *diag, struct hc_verdict *ret)
{
	hc_cleanup(hc_suppressions_deinit) struct hc_suppressions read = {0};
	struct hc_error *err = hc_suppressions_read(suppressions, diag, &read);

	if (err)
		return err;
	target->suppressions = &read;
	err = hc_verdict_measure(target, ret);
	target->suppressions = NULL;
	return err;
}
