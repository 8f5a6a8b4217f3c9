/**
 * @file
 * What chunks have in common: each part in turn.
 */
#include "analyzers/alike/alike.h"

struct hc_error *hc_common_run(const struct hc_process *process, const struct hc_heap *heap,
			       const struct hc_chunk_sample *sample, struct hc_common *ret)
{
	struct hc_common common = {
		.all = {sample->offered, sample->bytes},
		.kept = sample->num,
	};
	struct hc_error *err = hc_repeats_run(process, heap, sample, &common.repeats);

	if (!err)
		err = hc_template_run(process, heap, sample, &common.template);
	if (!err)
		err = hc_byte_profile_run(process, heap, sample, &common.profile);
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
	hc_template_deinit(&common->template);
	hc_byte_profile_deinit(&common->profile);
	*common = (struct hc_common){0};
}
