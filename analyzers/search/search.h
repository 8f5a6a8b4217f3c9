/**
 * @file
 * Search: a pattern over the bytes of chunks or mappings.
 *
 * Every match lies within one chunk's usable bytes, or within one contiguous piece of one mapping.
 * A pattern that hits PCRE2's match limit in some chunk loses a part of that chunk only
 * (pattern.h); the count of such chunks is in the result. Results are the same for any number of
 * jobs.
 *
 * Pieces of mappings are searched in windows of 1 MiB by several threads. A match may cross the
 * border of a window as long as it is at most HC_SEARCH_OVERLAP bytes long (and looks no further
 * behind its start); a longer one may be cut short there. Chunks are never cut: the largest are
 * searched by several threads, but with all of their bytes in sight.
 */
#ifndef HC_ANALYZERS_SEARCH_SEARCH_H
#define HC_ANALYZERS_SEARCH_SEARCH_H

#include "analyzers/pattern/pattern.h"
#include "analyzers/search/search_groups.h"
#include "analyzers/search/sieve.h"
#include "analyzers/select/selection.h"
#include "analyzers/target.h"
#include "analyzers/texts/top_texts.h"

/** What is searched. */
enum hc_search_scope {
	HC_SEARCH_CHUNKS,   /**< chunks of the selection */
	HC_SEARCH_MAPPINGS, /**< every readable byte of the core, mapping by mapping */
	HC_SEARCH_STACKS,   /**< the live part of every thread's stack */
	HC_SEARCH_ALL, /**< chunks of the selection, and every readable byte that is in no span */
};

/** What matches in chunks are grouped by. */
enum hc_search_by {
	HC_SEARCH_BY_NOTHING,
	HC_SEARCH_BY_SIZE,  /**< chunk size */
	HC_SEARCH_BY_CLASS, /**< content class */
	HC_SEARCH_BY_REACH, /**< reachability; chunks in use only, once it is known */
	HC_SEARCH_BY_ARENA,
	HC_SEARCH_BY_TYPE, /**< hc_type_id */
};

/** Longest match that is found whole wherever it lies in a mapping, bytes. */
#define HC_SEARCH_OVERLAP (64u << 10)

/** A match as handed to the caller. Valid during the callback only. */
struct hc_search_hit {
	uint64_t address;        /**< of the match */
	struct hc_bytes text;    /**< the match */
	struct hc_bytes group;   /**< first capture group, or the match */
	struct hc_bytes subject; /**< the chunk's bytes, or the attribute, or some of the mapping's
				    around the match */
	const struct hc_chunk *chunk;     /**< NULL in mappings */
	const struct hc_mapping *mapping; /**< NULL in chunks */
};

/**
 * Called in address order, from the thread that called hc_search_run().
 * @return false to stop the search
 */
typedef bool (*hc_search_fn)(void *ctx, const struct hc_search_hit *hit);

struct hc_search_options {
	enum hc_search_scope scope;
	const struct hc_selection *selection; /**< chunks, prepared; NULL: all in use */
	uint64_t top;    /**< count distinct texts and keep this many; 0: don't */
	bool first_only; /**< at most one match a subject */
	enum hc_search_by by;
	/**
	 * Search only what this attribute of the chunk's class holds, as a subject of its own;
	 * NULL: the chunk.
	 * @ref HC_ERROR_ARGUMENT when no class has it. HC_SEARCH_CHUNKS only.
	 */
	const char *attribute;
	uint64_t max_bytes;           /**< search about so many, by address, and no more; 0: all */
	const struct hc_sieve *sieve; /**< of the same pattern and target; NULL: none */
	hc_search_fn fn;              /**< called for each match; NULL: only count */
	void *ctx;                    /**< of @ref fn */
};

struct hc_search_result {
	uint64_t matches;
	uint64_t chunks, bytes; /**< chunks with a match and the sum of their chunk sizes */
	uint64_t mappings, mapping_bytes; /**< the same of mappings */
	uint64_t searched_bytes;    /**< bytes looked at; only the parts that were finished when fn
				       stopped it */
	uint64_t searched_chunks;   /**< likewise */
	uint64_t searched_mappings; /**< likewise; mappings with bytes in the core */
	bool bounded;               /**< hc_search_options::max_bytes left something out */
	uint64_t limited; /**< subjects (of long ones: windows) with bytes given up at PCRE2's match
			     limit */
	struct hc_text_count *texts; /**< most frequent first, then by text */
	size_t num_texts;
	uint64_t distinct; /**< distinct texts seen; a lower bound when texts_exact is false */
	bool texts_exact;
	struct hc_search_groups groups; /**< with hc_search_options::by: ranked */
};

/**
 * Search.
 *
 * Distinct texts are counted exactly in a hash table while it fits HC_SEARCH_TEXT_BYTES; beyond
 * that the table becomes a Space-Saving summary (Metwally, Agrawal, El Abbadi 2005), whose error
 * bounds are in the result.
 *
 * The heap is asked for where the scope has chunks; HC_SEARCH_ALL does without where there is none.
 */
struct hc_error *hc_search_run(struct hc_target *target, const struct hc_pattern *pattern,
			       const struct hc_search_options *options,
			       struct hc_search_result *ret);
void hc_search_result_deinit(struct hc_search_result *result);

/** Memory bound of the table of distinct texts, bytes. */
#define HC_SEARCH_TEXT_BYTES (64u << 20)

#endif
