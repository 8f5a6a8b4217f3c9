/**
 * @file
 * Ties: which findings of held chunks are parts of one thing.
 *
 * A statement of 1,024 bytes, its cursor of 576 and its text of 80 are three sizes and one cause.
 * Chunks of a kind A *account for* those of a kind B when nearly as many chunks of B are pointed to
 * by chunks of A as there are, each by one of them: what many share is no part of any of them.
 * Kinds of which one accounts for the other go together, and so does what several that go together
 * account for in sum.
 *
 * A few hundred chunks of each finding are looked at, which is enough to tell nine tenths from
 * half. Few chunks that hold many, as a table holds its nodes, are not tied to these: they are
 * their holder.
 */
#ifndef HC_ANALYZERS_VERDICT_TIES_H
#define HC_ANALYZERS_VERDICT_TIES_H

#include "analyzers/select/chunk_sample.h"
#include "analyzers/verdict/verdict.h"

/** Set @ref hc_finding::with and @ref hc_finding::together of all findings; samples are theirs. */
struct hc_error *hc_findings_tie(const struct hc_target *target,
				 const struct hc_chunk_sample *samples, struct hc_verdict *verdict);

#endif
