/**
 * @file
 * Where chunks are, or who holds them, by names that mean the same in every core.
 *
 * A place is an arena, the threads of an arena (arena_split.h), a mapping, or the holder: what
 * alone keeps a chunk alive (retained.h), a variable by its symbol, or module and offset, a frame
 * by its function. What no single one keeps alive is one place, and so is what nothing leads to.
 *
 * Of one process arenas and threads have their numbers and mappings their addresses. Of several,
 * a thread is known by the function that it began in, and a mapping by what it is for.
 */
#ifndef HC_ANALYZERS_DIFF_PLACES_H
#define HC_ANALYZERS_DIFF_PLACES_H

#include "analyzers/retained/retained.h"

enum hc_diff_by {
	HC_DIFF_BY_KIND, /**< type, class, size: no places */
	HC_DIFF_BY_ARENA,
	HC_DIFF_BY_THREAD,
	HC_DIFF_BY_MAPPING,
	HC_DIFF_BY_HOLDER, /**< takes what hc_retained_find() does */
	HC_NUM_DIFF_BYS
};

/** "kind", "arena", … */
const char *hc_diff_by_name(enum hc_diff_by by);

/** The places of one core. */
struct hc_places {
	char **labels; /**< untrusted; two places may have one */
	size_t num;
	uint32_t *of_span;           /**< place of each span; NULL: of each vertex */
	struct hc_retained retained; /**< by holder */
	uint32_t *of_vertex;         /**< the same */
	const struct hc_heap *heap;
};

/**
 * Name all places.
 *
 * @param by  not @ref HC_DIFF_BY_KIND
 * @param one whether the cores are of one process
 */
struct hc_error *hc_places_run(struct hc_target *target, enum hc_diff_by by, bool one,
			       struct hc_places *ret);
/** Give back all but the names; nothing can be looked up afterwards. */
void hc_places_keep_names(struct hc_places *places);
void hc_places_deinit(struct hc_places *places);

/** Index of the place of a chunk in use. Safe from several threads. */
uint32_t hc_places_of(const struct hc_places *places, const struct hc_chunk *chunk);

#endif
