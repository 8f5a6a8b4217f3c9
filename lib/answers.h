/**
 * @file
 * Answers about a whole core, computed when they are first asked for and kept: kinds, leaks, the
 * verdict.
 */
#ifndef HC_LIB_ANSWERS_H
#define HC_LIB_ANSWERS_H

#include "analyzers/counts/kinds.h"
#include "analyzers/verdict/verdict.h"
#include "lib/library.h"

/** The kinds of chunks. */
struct hc_error *hc_answer_kinds(struct heapcore *core, const struct hc_chunk_kinds **ret);

/** The verdict, with its findings. */
struct hc_error *hc_answer_verdict(struct heapcore *core, const struct hc_verdict **ret);

/** NULL is fine. */
void hc_answers_destroy(struct hc_answers *answers);

#endif
