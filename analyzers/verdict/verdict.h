/**
 * @file
 * The verdict: leak, growth that is still referenced, memory that malloc keeps after a peak, or
 * none of these; and the suspects, largest first.
 */
#ifndef HC_ANALYZERS_VERDICT_VERDICT_H
#define HC_ANALYZERS_VERDICT_VERDICT_H

#include "analyzers/alike/alike.h"
#include "analyzers/count.h"
#include "analyzers/counts/accounting.h"
#include "analyzers/counts/arenas.h"
#include "analyzers/counts/growth.h"
#include "analyzers/leaks/leaks.h"
#include "analyzers/target.h"

enum hc_verdict_kind {
	HC_VERDICT_LEAK,      /**< lost chunks are a large share, or many */
	HC_VERDICT_GROWTH,    /**< most is in use and reachable, and few kinds of chunk hold it */
	HC_VERDICT_RETENTION, /**< most of the heap is free */
	HC_VERDICT_OUTSIDE,   /**< most anonymous memory is not malloc's */
	HC_VERDICT_NOTHING,   /**< no single cause stands out */
	HC_VERDICT_NO_HEAP,   /**< no heap that can be read */
};

const char *hc_verdict_name(enum hc_verdict_kind kind);

/** One suspect: a group of lost chunks, or a kind of reachable chunks. */
struct hc_suspect {
	const struct hc_leak_group *group; /**< NULL for reachable chunks */
	size_t group_number;               /**< from 1, for `leaks --group` */
	const struct hc_growth_kind *kind; /**< NULL for lost chunks */
	/** Chunk sizes of the root objects, or of the chunks: smallest and largest. */
	uint64_t size, max_size;
	struct hc_count count; /**< everything that the suspect holds */
	double share;          /**< of the anonymous bytes, 0 to 1 */
	hc_class_id class;
	struct hc_count class_count;
	/**
	 * Type of the root objects of a group, or of most chunks; HC_TYPE_NONE where they, or most
	 * of them, have none.
	 */
	hc_type_id type;
	uint64_t type_chunks; /**< root objects, or chunks, of that type */
	uint64_t sample;      /**< user address of the chunk whose bytes are shown; 0: none */
	/**
	 * What its content has in common: of a group, the chunks of a textual @ref class, else
	 * those of the size and depth (root objects, or below) that hold most bytes.
	 */
	struct hc_common common;
};

#define HC_MAX_SUSPECTS 10

struct hc_verdict {
	enum hc_verdict_kind kind;
	struct hc_accounting accounting;
	struct hc_arena_table arenas;
	struct hc_leaks leaks;
	struct hc_growth growth; /**< empty when much is lost */
	struct hc_reach_stats reach;
	struct hc_suspect suspects[HC_MAX_SUSPECTS];
	size_t num_suspects;
	uint64_t trimmable;  /**< bytes that malloc_trim could give back */
	uint64_t free_bytes; /**< all free chunks, cached ones and top included */
	uint64_t reachable_bytes, possible_bytes,
		lost_bytes; /**< chunk sizes, mmapped ones included */
	uint64_t reachable_chunks, possible_chunks;
};

/**
 * @param heap NULL: only the accounting of mappings. Runs reachability on it.
 * @param classifier NULL without a heap; must outlive the verdict
 * @param types NULL: suspects have no types
 */
struct hc_error *hc_verdict_run(struct hc_target *target, struct hc_verdict *ret);
void hc_verdict_deinit(struct hc_verdict *verdict);

/** Fill hc_suspect::common of every suspect. hc_verdict_run() does. */
struct hc_error *hc_verdict_find_common(struct hc_target *target, struct hc_verdict *verdict);

#endif
