/**
 * @file
 * Patterns: PCRE2 over bytes.
 *
 * Patterns are compiled once, with the JIT, and match bytes: no UTF mode, '.' matches any byte but newline, as in
 * grep -a -P. Unlike there, '^' and '$' are the start and end of the subject; (?m) makes them those of lines.
 *
 * Most chunks hold nothing of interest and are small, and a call of PCRE2 costs more than a look at 24 bytes.
 * So a pattern also knows its *required literals*: byte strings one of which occurs in every match, found by
 * hc_literals_extract(). A subject without any is turned down before PCRE2 sees it, and whole stretches of chunks
 * can be skipped at the speed of memory. PCRE2 alone decides what matches.
 */
#ifndef HC_ANALYZERS_PATTERN_H
#define HC_ANALYZERS_PATTERN_H

#include "core/bytes.h"

struct hc_pattern_options {
	bool ignore_case;
	bool literal; /**< no metacharacters */
};

struct hc_pattern;
/** @ref HC_ERROR_ARGUMENT with PCRE2's message and the offset for a bad pattern. */
struct hc_error *hc_pattern_compile(const char *text, const struct hc_pattern_options *options,
				    struct hc_pattern **ret);
void hc_pattern_destroy(struct hc_pattern *pattern);

/** Per-thread match data. */
struct hc_matcher;
struct hc_error *hc_matcher_create(const struct hc_pattern *pattern, struct hc_matcher **ret);
void hc_matcher_destroy(struct hc_matcher *matcher);

/** Bound on the work for one starting position, in PCRE2's own unit (pcre2_set_match_limit(3)). */
#define HC_MATCH_LIMIT 1000000

/** One match, offsets in bytes into the subject. */
struct hc_match {
	size_t start, end;
	size_t group_start, group_end; /**< first capture group; equal to the match without one */
};

/**
 * Find the next match at or after @p from; go on at hc_match_next().
 *
 * @param[out] limit_ret set when PCRE2 gave up on this subject
 * @return whether there is a match
 */
bool hc_matcher_next(struct hc_matcher *matcher, struct hc_bytes subject, size_t from,
		     struct hc_match *ret, bool *limit_ret);

/** Where to look for the match after this one: an empty match steps on by one byte, so that a loop ends. */
static inline size_t hc_match_next(const struct hc_match *match)
{
	return match->end > match->start ? match->end : match->end + 1;
}

/** @name Required literals */
/**@{*/

#define HC_MAX_LITERALS 16
#define HC_MAX_LITERAL_SIZE 128

struct hc_literal {
	uint8_t bytes[HC_MAX_LITERAL_SIZE]; /**< letters in lower case when ignoring case */
	size_t size;                        /**< at least 1 */
};

/** Every match holds one of these, whole. None: nothing is known. */
struct hc_literals {
	struct hc_literal items[HC_MAX_LITERALS];
	size_t num;
	bool ignore_case; /**< of ASCII letters */
};

/** Derive the required literals of a pattern that PCRE2 has accepted. */
void hc_literals_extract(const char *text, const struct hc_pattern_options *options,
			 struct hc_literals *ret);

/** Offset of the first occurrence that starts at or after @p from, or SIZE_MAX. */
size_t hc_literal_find(const struct hc_literal *literal, bool ignore_case, struct hc_bytes bytes,
		       size_t from);

/** Steps through the places where any of the literals starts. */
struct hc_literal_cursor {
	const struct hc_literals *literals;
	struct hc_bytes bytes;
	size_t next[HC_MAX_LITERALS]; /**< next known place of each */
};

void hc_literal_cursor_init(struct hc_literal_cursor *cursor, const struct hc_literals *literals,
			    struct hc_bytes bytes);

/** First place at or after @p from, or SIZE_MAX. @p from must not go back from call to call. */
size_t hc_literal_cursor_next(struct hc_literal_cursor *cursor, size_t from);

/** The required literals of a compiled pattern. */
const struct hc_literals *hc_pattern_literals(const struct hc_pattern *pattern);
/**@}*/

#endif
