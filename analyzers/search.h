/**
 * @file
 * Search: PCRE2 over the bytes of chunks or mappings.
 *
 * Patterns are compiled once, with the JIT, and match bytes (no UTF mode; '.' matches any byte but newline, as in
 * grep -a -P). Every match lies within one chunk's usable bytes, or within one contiguous piece of one mapping. A pattern that hits
 * PCRE2's match limit in some chunk loses that chunk only; the count of such chunks is in the result.
 */
#ifndef HC_ANALYZERS_SEARCH_H
#define HC_ANALYZERS_SEARCH_H

#include "analyzers/selection.h"

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

/** One match, offsets in bytes into the subject. */
struct hc_match {
	size_t start, end;
	size_t group_start, group_end; /**< first capture group; equal to the match without one */
};

/**
 * Find the next match at or after @p from. An empty match steps on by one byte, so that a loop ends.
 *
 * @param[out] limit_ret set when PCRE2 gave up on this subject
 * @return whether there is a match
 */
bool hc_matcher_next(struct hc_matcher *matcher, struct hc_bytes subject, size_t from,
		     struct hc_match *ret, bool *limit_ret);

/** What is searched. */
enum hc_search_scope {
	HC_SEARCH_CHUNKS,   /**< chunks of the selection */
	HC_SEARCH_MAPPINGS, /**< every readable byte of the core, mapping by mapping */
};

/** A match as handed to the caller. Valid during the callback only. */
struct hc_search_hit {
	uint64_t address;            /**< of the match */
	struct hc_bytes text;        /**< the match */
	struct hc_bytes group;       /**< first capture group, or the match */
	struct hc_bytes subject;     /**< the chunk's or mapping's bytes around it */
	const struct hc_chunk *chunk;/**< NULL in mappings */
	const struct hc_mapping *mapping; /**< NULL in chunks */
};

/**
 * Called in address order, from one thread at a time.
 * @return false to stop the search
 */
typedef bool (*hc_search_fn)(void *ctx, const struct hc_search_hit *hit);

struct hc_search_options {
	enum hc_search_scope scope;
	const struct hc_selection *selection; /**< chunks; NULL: all in use */
	uint64_t top;       /**< count distinct texts and keep this many; 0: don't */
	bool first_only;    /**< at most one match a subject */
};

/** A distinct text and how often it was seen. */
struct hc_search_text {
	uint8_t *text;
	size_t size;
	uint64_t matches;
	uint64_t error;     /**< the true count is in [matches - error, matches]; 0: exact */
};

struct hc_search_result {
	uint64_t matches;
	uint64_t chunks, bytes;  /**< chunks with a match and the sum of their chunk sizes (or mappings) */
	uint64_t searched_bytes; /**< bytes looked at */
	uint64_t searched_chunks;
	uint64_t limited;        /**< subjects given up at PCRE2's match limit */
	struct hc_search_text *texts; /**< most frequent first, then by text */
	size_t num_texts;
	uint64_t distinct;       /**< distinct texts seen; a lower bound when texts_exact is false */
	bool texts_exact;
};

/**
 * Search.
 *
 * Distinct texts are counted exactly in a hash table while it fits HC_SEARCH_TEXT_BYTES; beyond that the
 * table becomes a Space-Saving summary (Metwally, Agrawal, El Abbadi 2005), whose error bounds are in the result.
 *
 * @param fn  called for each match; NULL: only count
 */
struct hc_error *hc_search_run(const struct hc_process *process, const struct hc_heap *heap,
			       const struct hc_pattern *pattern,
			       const struct hc_search_options *options, hc_search_fn fn, void *ctx,
			       struct hc_search_result *ret);
void hc_search_result_deinit(struct hc_search_result *result);

/** Memory bound of the table of distinct texts, bytes. */
#define HC_SEARCH_TEXT_BYTES (64u << 20)

#endif
