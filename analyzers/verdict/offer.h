/**
 * @file
 * What may become a finding, and how findings are described. Private to verdict/.
 */
#ifndef HC_ANALYZERS_VERDICT_OFFER_H
#define HC_ANALYZERS_VERDICT_OFFER_H

#include "analyzers/verdict/findings.h"

/** Sets of blocks that compete: the largest. */
#define HC_FINDINGS_MAX_SETS 16

struct hc_candidates {
	struct hc_verdict *verdict;
	struct hc_finding *items;
	size_t num;
};

/** Add one; what has no bytes is none. */
struct hc_error *hc_candidates_offer(struct hc_candidates *all, const struct hc_finding *finding);

/** Find owners and blocks, and add what is outside of malloc. */
struct hc_error *hc_findings_offer_outside(struct hc_candidates *all,
					   const struct hc_target *target);

/** Index of the finding that reachable chunks of a size are of; num: of none. */
size_t hc_findings_of_size(const struct hc_verdict *verdict, uint64_t size);

/** Count the class of held findings in all their chunks, where these are few enough. */
struct hc_error *hc_findings_count_classes(struct hc_target *target,
					   const struct hc_chunk_sample *samples,
					   struct hc_findings *findings);

/** Count the types of held findings, which samples tell, in all their chunks. */
struct hc_error *hc_findings_count_types(struct hc_target *target, struct hc_verdict *verdict);

/** What is in the blocks of findings, and what points to them. */
struct hc_error *hc_findings_describe_outside(struct hc_target *target, struct hc_verdict *verdict);

#endif
