/**
 * @file
 * Literal sets: which of many byte strings some bytes hold.
 *
 * This is the prefilter of the classifier. Every signature has literals that what it accepts must
 * hold (pattern.h), and of each run of text it is asked whether it holds those of one signature,
 * those of the next, and so on until one accepts it. As long as few are asked for, searching for
 * one after the other is the fastest (hc_literal_find()), and what was found once is remembered. Of
 * hundreds of signatures all literals are found in one pass instead, by Vectorscan, when it is
 * built in and the processor has what it needs. Which of the two is used is seen in the time, not
 * in the answers: a literal is bytes, about which the two can't disagree.
 *
 * Vectorscan is never given an expression. Its semantics are not PCRE2's, it takes seconds and
 * hundreds of megabytes to compile some harmless ones, and nothing bounds that; literals it
 * compiles in milliseconds. What is not known of a pattern's literals, PCRE2 decides.
 */
#ifndef HC_ANALYZERS_PATTERN_LITERAL_SET_H
#define HC_ANALYZERS_PATTERN_LITERAL_SET_H

#include "analyzers/pattern/pattern.h"
#include "core/base/error.h"

/** How literals are looked for. */
enum hc_literal_engine {
	HC_LITERALS_AUTO, /**< one by one, and what remains in one pass, if that is possible */
	HC_LITERALS_ONE_BY_ONE, /**< never in one pass */
	HC_LITERALS_ONE_PASS,   /**< always in one pass */
};

/**
 * "libhs 5.4.9", as Vectorscan and Hyperscan call their library; NULL when it is not built in or
 * not for this processor.
 */
const char *hc_literal_scanner_version(void);

/**
 * Most literals that are looked for in one pass; of larger sets, the shorter ones one by one. They
 * compile in 20 ms; in a second, and with 32 MiB, when they were chosen to be hard.
 */
#define HC_LITERAL_SET_MAX_SCANNED 1024

struct hc_literal_set;
/**
 * @param lists each is one question: whether bytes hold any of its literals. Copied
 * @return @ref HC_ERROR_ARGUMENT for HC_LITERALS_ONE_PASS where that is not possible
 */
struct hc_error *hc_literal_set_create(const struct hc_literals *const *lists, size_t num,
				       enum hc_literal_engine engine, struct hc_literal_set **ret);
void hc_literal_set_destroy(struct hc_literal_set *set);

/** Whether the set can be looked for in one pass. */
bool hc_literal_set_has_scanner(const struct hc_literal_set *set);

/** The questions about some bytes. One for each thread. */
struct hc_literal_scan;
struct hc_error *hc_literal_scan_create(const struct hc_literal_set *set,
					struct hc_literal_scan **ret);
void hc_literal_scan_destroy(struct hc_literal_scan *scan);

/**
 * Ask about other bytes from now on, which must stay until the next call. Costs nothing.
 *
 * @param most literals that the questions can be about, of which the answer "no" to all is likely:
 *             when they are many, there is no use in beginning one by one
 */
void hc_literal_scan_begin(struct hc_literal_scan *scan, struct hc_bytes bytes, size_t most);

/**
 * Whether the bytes hold one of the literals of a list, or the list is empty.
 *
 * @param list index into @p lists of hc_literal_set_create()
 */
bool hc_literal_scan_holds(struct hc_literal_scan *scan, size_t list);

#endif
