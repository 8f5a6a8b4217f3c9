/**
 * @file
 * What the chunks of a set have in common, without being asked: the tokens that repeat, the
 * template of their text, and, for chunks of one size, what each byte position holds.
 */
#ifndef HC_ANALYZERS_ALIKE_ALIKE_H
#define HC_ANALYZERS_ALIKE_ALIKE_H

#include "analyzers/alike/byte_profile.h"
#include "analyzers/alike/repeats.h"
#include "analyzers/alike/template.h"
#include "analyzers/count.h"

/** Addresses of a set that are kept; beyond, an even sample of at least half as many is. */
#define HC_COMMON_MAX_CHUNKS (1u << 20)

struct hc_common {
	struct hc_count all; /**< the set */
	uint64_t kept;       /**< of its chunks, the even sample that everything below is about */
	struct hc_repeats repeats;
	struct hc_template text_template;
	struct hc_byte_profile profile;
};

/** @param sample the set */
struct hc_error *hc_common_run(struct hc_target *target, const struct hc_chunk_sample *sample,
			       struct hc_common *ret);
void hc_common_deinit(struct hc_common *common);

#endif
