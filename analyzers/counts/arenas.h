/**
 * @file
 * One row per arena: what it got from the system and what it did with it.
 */
#ifndef HC_ANALYZERS_COUNTS_ARENAS_H
#define HC_ANALYZERS_COUNTS_ARENAS_H

#include "analyzers/counts/histogram.h"
#include "analyzers/target.h"

struct hc_arena_row {
	const struct hc_arena *arena; /**< NULL for the row of mmapped chunks */
	uint32_t index;               /**< HC_ARENA_MMAP for that row */
	struct hc_count states[HC_NUM_STATES];
	struct hc_count lists[HC_MAX_LISTS]; /**< of the cached and free chunks: by heap->lists */
	struct hc_count leaked;              /**< when reach is known */
	uint64_t system;                     /**< bytes the allocator says it got */
	uint64_t walked;                     /**< bytes of its spans */
	uint64_t free_bytes;   /**< free and top; cached chunks are not the arena's to give */
	uint64_t largest_free; /**< chunk size of the largest on a list that merges (hc_list) */
	/** 1 - largest_free / all bytes on such lists: 0 is one block, near 1 is confetti. */
	double fragmentation;
	uint64_t trimmable;   /**< bytes of whole free pages that the allocator could give back */
	uint32_t num_threads; /**< threads of the core that use it */
};

struct hc_arena_table {
	struct hc_arena_row *rows;
	size_t num_rows;
};

struct hc_error *hc_arenas_run(struct hc_target *target, struct hc_arena_table *ret);
void hc_arenas_deinit(struct hc_arena_table *table);

#endif
