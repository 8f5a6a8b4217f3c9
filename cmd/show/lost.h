/**
 * @file
 * What lost figures are worth, where the core lacks something: data, one sentence, the exit status.
 */
#ifndef HC_CMD_SHOW_LOST_H
#define HC_CMD_SHOW_LOST_H

#include "analyzers/leaks/suppress.h"
#include "cmd/session.h"

/**
 * Add to a document: upper_bound, lost_known, and roots, what reachability should have seen and
 * what of it the core lacks, by kind; conventions, tagged, offset_links and in_flight, how the
 * program holds chunks other than by pointers to their start.
 *
 * @param heap NULL: there is none
 */
void hc_lost_describe(struct hc_document *doc, const struct hc_heap *heap,
		      const struct hc_reach_stats *reach);

/** @param key NULL in an array */
void hc_lost_describe_convention(struct hc_document *doc, const char *key,
				 const struct hc_convention *convention);

/** "pointers with a tag in their top 16 bits": those of a process whose tags are there. */
const char *hc_lost_tagged(enum hc_tag_place place);

/**
 * "all of 3 threads' registers, 68 of 132 KiB of stacks": what is missing and could hold what looks
 * lost; unknown when nothing is.
 */
struct hc_cell hc_lost_missing_phrase(struct hc_document *doc, const struct hc_missing *missing);

/**
 * --suppress: read a file, say what is odd about it, and let it work on the session's target.
 *
 * @param path NULL: there is none
 * @param[out] ret to be given back with hc_lost_unsuppress()
 */
struct hc_error *hc_lost_suppress(struct hc_session *session, const char *path,
				  struct hc_suppressions *ret);
/** The target may outlive the verb: end it. */
void hc_lost_unsuppress(struct hc_session *session, struct hc_suppressions *suppressions);

/** What was suppressed, in a line and as a fact; nothing without suppressions. */
void hc_lost_say_suppressed(const struct hc_session *session, const struct hc_count *suppressed,
			    struct hc_document *doc);

/**
 * Answer --fail-if-leaked: set session->status to 1 when @p lost is more than @p limit bytes, and
 * to 2, with one line on stderr, when that can't be known: more look lost, but what the core lacks
 * could hold them; or no more do, but heaps that the core lacks may have more.
 */
void hc_lost_judge(struct hc_session *session, const struct hc_reach_stats *reach, uint64_t lost,
		   uint64_t limit);

#endif
