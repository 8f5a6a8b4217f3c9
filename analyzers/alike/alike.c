/**
 * @file
 * What chunks have in common: each part in turn.
 */
#include "analyzers/alike/alike.h"

#include "analyzers/alike/count_lines.h"

struct hc_error *hc_common_run(struct hc_target *target, const struct hc_chunk_sample *sample,
			       struct hc_common *ret)
{
	struct hc_common common = {
		.all = {sample->offered, sample->bytes},
		.kept = sample->num,
	};
	const struct hc_heap *heap;
	struct hc_error *err = hc_target_heap(target, &heap);

	if (err)
		return err;
	hc_target_phase(target, HC_PHASE_COMPARE);
	err = hc_count_lines(target, sample, &common.repeats, &common.text_template);
	if (!err)
		err = hc_byte_profile_run(target, sample, &common.profile);
	if (err) {
		hc_common_deinit(&common);
		return err;
	}
	*ret = common;
	return NULL;
}

void hc_common_deinit(struct hc_common *common)
{
	hc_repeats_deinit(&common->repeats);
	hc_template_deinit(&common->text_template);
	hc_byte_profile_deinit(&common->profile);
	*common = (struct hc_common){0};
}
