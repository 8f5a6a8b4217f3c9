/**
 * @file
 * Heap map: where in its addresses each arena has chunks in use, lost ones, and free memory.
 *
 * The spans of an arena, one behind the other, are its strip. A strip is divided into columns of
 * equal numbers of whole pages; a column says how many of its bytes are what. The same number of
 * bytes makes a column in every strip, so that strips can be compared.
 *
 * Of a free chunk, whole pages could go back to the system; what it has of pages that it shares
 * with its neighbours could not, and is *pinned*. The two are told apart chunk by chunk: where two
 * free chunks lie side by side, as those in caches may, the page between them counts as pinned.
 */
#ifndef HC_ANALYZERS_COUNTS_HEAP_MAP_H
#define HC_ANALYZERS_COUNTS_HEAP_MAP_H

#include "analyzers/target.h"

enum hc_map_layer {
	HC_MAP_IN_USE, /**< and reached, or not known to be lost */
	HC_MAP_LOST,   /**< in use, definitely or indirectly lost */
	HC_MAP_PINNED, /**< free, on pages that other chunks are on too */
	HC_MAP_FREE,   /**< free, whole pages */
	HC_MAP_OWN,    /**< the allocator's */
	HC_NUM_MAP_LAYERS
};

/** Strips of a map, at most: the largest. */
#define HC_MAP_MAX_STRIPS 64

struct hc_map_column {
	uint64_t bytes[HC_NUM_MAP_LAYERS];
};

/** Addresses that follow each other, whole pages. */
struct hc_map_run {
	uint64_t start, bytes;
};

struct hc_map_strip {
	uint32_t arena;                     /**< index into hc_heap::arenas, or HC_ARENA_MMAP */
	uint64_t bytes;                     /**< of its runs */
	uint64_t layers[HC_NUM_MAP_LAYERS]; /**< bytes of all its columns */
	size_t first_column, num_columns;
	size_t first_run, num_runs;
};

struct hc_heap_map {
	struct hc_map_strip *strips; /**< the largest first */
	size_t num_strips;
	struct hc_map_column *columns;
	size_t num_columns;
	struct hc_map_run *runs; /**< of a strip by address; all of them together are the strip */
	size_t num_runs;
	uint64_t column_bytes;
	size_t left_out;         /**< arenas that have no strip */
	uint64_t left_out_bytes; /**< of their runs */
};

/**
 * Make the map. Reachability is followed first, unless it is known.
 *
 * @param columns about so many in all; each strip has one at least
 */
struct hc_error *hc_heap_map_run(struct hc_target *target, size_t columns, struct hc_heap_map *ret);
void hc_heap_map_deinit(struct hc_heap_map *map);

#endif
