/**
 * @file
 * What may become a finding. Private to verdict/.
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

/** What is in the blocks of findings, and what points to them. */
struct hc_error *hc_findings_describe_outside(struct hc_target *target, struct hc_verdict *verdict);

#endif
