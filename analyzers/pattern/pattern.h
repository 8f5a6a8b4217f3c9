/**
 * @file
 * Patterns: PCRE2 over bytes.
 *
 * Patterns are compiled once, with the JIT, and match bytes: no UTF mode, '.' matches any byte but
 * newline, as in grep -a -P. Unlike there, '^' and '$' are the start and end of the subject; (?m)
 * makes them those of lines.
 *
 * Most chunks hold nothing of interest and are small, and a call of PCRE2 costs more than a look at
 * 24 bytes. So a pattern also knows its *required literals*: byte strings one of which occurs in
 * every match, found by hc_literals_extract(); of a pattern without them PCRE2 tells which bytes a
 * match can begin with. A subject without any is turned down before PCRE2 sees it, and whole
 * stretches of chunks can be skipped at the speed of memory. PCRE2 alone decides what matches.
 */
#ifndef HC_ANALYZERS_PATTERN_PATTERN_H
#define HC_ANALYZERS_PATTERN_PATTERN_H

#include "core/base/bytes.h"

struct hc_pattern_options {
	bool ignore_case;
	bool literal; /**< no metacharacters */
	bool hex;     /**< pairs of hexadecimal digits; ?? is any byte. Instead of @ref literal */
	bool wide;    /**< match UTF-16LE text; pattern_text.h says how. Not with @ref hex */
	bool word;    /**< a match has no word character before it or behind it */
};

struct hc_pattern;
/** @ref HC_ERROR_ARGUMENT with PCRE2's message and the offset for a bad pattern. */
struct hc_error *hc_pattern_compile(const char *text, const struct hc_pattern_options *options,
				    struct hc_pattern **ret);
/** A pattern that matches where any of @p num others does; where several do, the first of them. */
struct hc_error *hc_pattern_compile_any(const char *const *texts, size_t num,
					const struct hc_pattern_options *options,
					struct hc_pattern **ret);
/**
 * Runs of at least @p min printable characters (ASCII, and the tab), each as long as it goes. No
 * PCRE2 in it.
 */
struct hc_error *hc_pattern_compile_runs(size_t min, struct hc_pattern **ret);
void hc_pattern_destroy(struct hc_pattern *pattern);

/** Per-thread match data. */
struct hc_matcher;
struct hc_error *hc_matcher_create(const struct hc_pattern *pattern, struct hc_matcher **ret);
void hc_matcher_destroy(struct hc_matcher *matcher);

/**
 * Bound on the work for one starting position, in PCRE2's own unit (pcre2_set_match_limit(3)). What
 * counts as a unit differs between releases of PCRE2: 10.42 steps back through [\s\S]* for free,
 * 10.46 counts each byte.
 */
#define HC_MATCH_LIMIT 1000000
/**
 * The same, for each byte of a long subject: a few passes through all of it are cheap and must not
 * be what decides. The place is looked for, and tried once more.
 */
#define HC_MATCH_PASSES 8
/**
 * Sum of these for each byte at which a match is tried, so that the work for a subject, or for all
 * windows of one, grows with its size and no faster.
 */
#define HC_MATCH_BUDGET 64

/**
 * Bytes that are given up when the limit is hit. After so many times in one subject each time
 * twice as many.
 */
#define HC_MATCH_SKIP 4096
#define HC_MATCH_SKIPS 32

/** One match, offsets in bytes into the subject. */
struct hc_match {
	size_t start, end;
	size_t tried; /**< where it was tried; before @ref start when the pattern has \K */
	size_t group_start, group_end; /**< first capture group; equal to the match without one */
};

/**
 * Find the next match at or after @p from; go on at hc_match_next().
 *
 * Where PCRE2 gives up although a long subject was passed through a few times, some bytes are
 * skipped, and the search goes on behind them: so places that cost too much are left a few dozen
 * times in a subject of any length.
 *
 * @param[out] limit_ret set when some of this subject was skipped
 * @return whether there is a match
 */
bool hc_matcher_next(struct hc_matcher *matcher, struct hc_bytes subject, size_t from,
		     struct hc_match *ret, bool *limit_ret);

/** A part of a subject: where matches are tried. They may end, and look, anywhere. */
struct hc_match_window {
	size_t from, to;
};

/**
 * The same for a part of a subject. No prefilter is asked. hc_matcher_restart() comes before the
 * first call for a part.
 */
bool hc_matcher_next_within(struct hc_matcher *matcher, struct hc_bytes subject,
			    struct hc_match_window window, struct hc_match *ret, bool *limit_ret);
void hc_matcher_restart(struct hc_matcher *matcher);

/**
 * Whether a match may be tried with success at a NUL. When not, memory that is all zero holds the
 * beginning of none.
 */
bool hc_pattern_may_begin_with_nul(const struct hc_pattern *pattern);

/**
 * Where to look for the match after this one: an empty match steps on by one byte, so that a loop
 * ends.
 */
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
	uint8_t probes[2]; /**< offsets of bytes that are rare in heaps, to look for first; both 0:
			      not chosen */
};

/** Choose the probes of a literal. */
void hc_literal_choose_probes(struct hc_literal *literal);

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

/** @name Prefilter */
/**@{*/

/**
 * Whether a prefilter can tell anything: there are required literals, or bytes that every match
 * begins with.
 */
bool hc_pattern_has_prefilter(const struct hc_pattern *pattern);

/** Whether one subject may match: it has a required literal, or there is none. */
bool hc_pattern_may_match(const struct hc_pattern *pattern, struct hc_bytes subject);

/**
 * Steps through the places at which some match may have its required literal, or its first byte.
 */
struct hc_prefilter {
	const struct hc_pattern *pattern;
	struct hc_bytes bytes;
	struct hc_literal_cursor literals;
	size_t next; /**< first bytes: next known place */
};

/** @param bytes of many subjects, one after the other */
void hc_prefilter_init(struct hc_prefilter *prefilter, const struct hc_pattern *pattern,
		       struct hc_bytes bytes);

/**
 * First place at or after @p from, or SIZE_MAX: a subject that ends before it has no match. @p from
 * must not go back from call to call.
 */
size_t hc_prefilter_next(struct hc_prefilter *prefilter, size_t from);
/**@}*/

#endif
