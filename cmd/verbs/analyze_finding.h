/**
 * @file
 * One finding of `analyze`: its phrases (analyze_phrase.c), what is said of it to people
 * (analyze_finding.c), and what programs get (analyze_data.c).
 */
#ifndef HC_CMD_VERBS_ANALYZE_FINDING_H
#define HC_CMD_VERBS_ANALYZE_FINDING_H

#include "cmd/show/cycle.h"
#include "cmd/verbs/analyze.h"

/** What a finding is, without its bytes: "3,001 × 4,112-byte chunks held". */
struct hc_cell hc_finding_phrase(const struct hc_analysis *analysis,
				 const struct hc_finding *finding);

/** The type of its chunks, or "4,000 × Type" where each holds several; unknown: none is. */
struct hc_cell hc_finding_objects(const struct hc_analysis *analysis,
				  const struct hc_finding *finding);

/** The cycle that the first object of a lost group is in; no steps where there is none. */
struct hc_leak_cycle hc_finding_cycle(const struct hc_analysis *analysis,
				      const struct hc_finding *finding);

/** The command that shows finding @p i. */
struct hc_cell hc_finding_more(const struct hc_analysis *analysis, size_t i);

/** "71,429 × AuditRecord (256 bytes)": the chunks that keep pages which are free otherwise. */
struct hc_cell hc_pinning_phrase(const struct hc_analysis *analysis);
/** The command that lists the kind that pins most; unknown: none does exactly. */
struct hc_cell hc_pinning_command(const struct hc_analysis *analysis);

/** A text of a finding, to be shown as content. */
struct hc_excerpt hc_text_excerpt(struct hc_bytes bytes);

/** For people: finding @p i in full or in a line, @p text being its phrase and @p more its command.
 */
void hc_finding_say(struct hc_analysis *analysis, size_t i, struct hc_cell text,
		    struct hc_cell more);
/** For people: what the list leaves out. */
void hc_findings_say_rest(struct hc_analysis *analysis);

#endif
