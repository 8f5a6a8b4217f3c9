/**
 * @file
 * What a search finds, for people and programs: behind grep and strings.
 *
 * Either matches are written one by one as they are found, in address order, or only what they add
 * up to: counts, distinct texts, groups. With --content none or class the matched bytes, which are
 * the heap's, don't show: only addresses and counts do.
 */
#ifndef HC_CMD_VERBS_HITS_H
#define HC_CMD_VERBS_HITS_H

#include "analyzers/search/elsewhere.h"
#include "analyzers/search/search.h"
#include "cmd/options.h"
#include "cmd/render/rows.h"
#include "cmd/session.h"
#include "cmd/show/sample.h"

/** How to search and what to show. Filled by the verb. */
struct hc_hits {
	struct hc_session *session;
	enum hc_search_scope scope;
	bool count;     /**< only numbers */
	bool bare;      /**< text: only the matched bytes, a line per match */
	bool masked;    /**< nobody asked for these matches by name: secrets in them don't show */
	bool narrow;    /**< matches are UTF-16 of ASCII alone: shown as that */
	bool addresses; /**< only where: the address of each chunk with a match, or of each match in
			   mappings */
	uint64_t top;   /**< distinct texts, this many; 0: no */
	enum hc_search_by by;
	const char
		*attribute; /**< search only this attribute of the chunk's class; NULL: the chunk */
	bool inverted;      /**< chunks without a match, and how they begin */
	const struct hc_pattern *anything; /**< with @ref inverted: matches once in any chunk */
	bool line_numbers;                 /**< of the lines of a chunk */
	bool has_context;
	uint64_t context;       /**< bytes on either side; without it the line around the match */
	uint64_t before, after; /**< lines around that one */

	/* Of hc_hits_run() alone. */
	struct hc_view view;
	struct hc_rows rows;
	struct hc_error *err; /**< of showing a match */
	uint64_t shown;
	bool limited;
	struct hc_classifier_scratch *classifier; /**< NULL: nobody asks for the class */
	uint64_t class_chunk;                     /**< the chunk whose class is @ref class_id */
	hc_class_id class_id;
	struct hc_sampler sampler;     /**< with @ref inverted */
	struct hc_elsewhere elsewhere; /**< when no chunk matched */
	bool has_elsewhere;
	struct hc_sieve sieve; /**< no parts: none */
	bool nowhere;          /**< the sieve rules out everything: chunks are not asked for */
};

/** Whether matches are written one by one. */
static inline bool hc_hits_stream(const struct hc_hits *hits)
{
	return !hits->count && !hits->top && !hits->by;
}

/** Whether only mappings are searched. */
static inline bool hc_hits_in_mappings(const struct hc_hits *hits)
{
	return hits->scope == HC_SEARCH_MAPPINGS || hits->scope == HC_SEARCH_STACKS;
}

/** Check the options that all searches have; before the core is opened. */
struct hc_error *hc_hits_check(const struct hc_hits *hits);

/** Open the session, search, write everything; sets session->status to 1 when there is no match. */
struct hc_error *hc_hits_run(struct hc_hits *hits, const struct hc_pattern *pattern);

/** Bytes that matched. */
struct hc_excerpt hc_hits_excerpt(const struct hc_hits *hits, struct hc_bytes bytes);

/** What --columns can be about: matches one by one, distinct texts, groups, and counts. */
extern const struct hc_shape hc_hits_shape, hc_hits_texts_shape, hc_hits_groups_shape,
	hc_hits_counts_shape;

/** What comes after the matches, or instead of them. */
struct hc_error *hc_hits_write_end(struct hc_hits *hits, const struct hc_search_result *result);

/**
 * Options of grep's and strings' that choose where to search; ids of them are free of others up to
 * here.
 */
enum hc_hits_option {
	HC_HITS_MAPS,
	HC_HITS_STACKS,
	HC_HITS_ALL,
	HC_HITS_COUNT,
	HC_HITS_ADDRESSES,
	HC_HITS_TOP,
	HC_HITS_BY,
	HC_HITS_NUM_OPTIONS,
};

/** What --by takes. */
hc_word_fn hc_hits_by_word;

/** Rows of an option table for these, without its end. */
#define HC_HITS_OPTIONS                                                                            \
	{HC_HITS_COUNT, 'c', "count", NULL,                                                        \
	 "only numbers: matches, and the chunks that hold them"},                                  \
		{HC_HITS_ADDRESSES, 'l', "addresses", NULL,                                        \
		 "only addresses: of chunks, of matches in mappings"},                             \
		{HC_HITS_TOP, 0, "top", "[N]",                                                     \
		 "the N most frequent matches, or what the first (group) matched; 0: all "         \
		 "(default: 10)"},                                                                 \
		{HC_HITS_BY,                                                                       \
		 0,                                                                                \
		 "by",                                                                             \
		 "WHAT",                                                                           \
		 "count by size, class, type, reach or arena",                                     \
		 HC_VALUE_WORD,                                                                    \
		 hc_hits_by_word},                                                                 \
		{HC_HITS_MAPS, 0, "maps", NULL, "search mappings instead of chunks"},              \
		{HC_HITS_STACKS, 0, "stacks", NULL, "search the live parts of thread stacks"},     \
	{                                                                                          \
		HC_HITS_ALL, 0, "all", NULL, "search all chunks, free or not, and all mappings"    \
	}

/** Set one of them. */
struct hc_error *hc_hits_set(struct hc_hits *hits, enum hc_hits_option id, const char *value);

#endif
