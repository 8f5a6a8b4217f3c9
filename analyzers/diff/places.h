/**
 * @file
 * Where chunks are, or who holds them, by names that mean the same in every core.
 *
 * A place is an arena, the threads of an arena (arena_split.h), a mapping, or the holder: what
 * alone keeps a chunk alive (retained.h), a variable by its symbol, or module and offset, a frame
 * by its function. What no single one keeps alive is one place, and so is what nothing leads to.
 * Findings are places as well (finding_places.h).
 *
 * Of one process arenas and threads have their numbers and mappings their addresses. Of several,
 * a thread is known by the function that it began in, and a mapping by what it is for.
 */
#ifndef HC_ANALYZERS_DIFF_PLACES_H
#define HC_ANALYZERS_DIFF_PLACES_H

#include "analyzers/retained/retained.h"

/** Most cores that are compared. */
#define HC_DIFF_MAX_CORES 3

enum hc_diff_by {
	HC_DIFF_BY_KIND, /**< type, class, size: no places */
	HC_DIFF_BY_ARENA,
	HC_DIFF_BY_THREAD,
	HC_DIFF_BY_MAPPING,
	HC_DIFF_BY_HOLDER,  /**< takes what hc_retained_find() does */
	HC_DIFF_BY_FINDING, /**< by hc_finding_places_run() */
	HC_NUM_DIFF_BYS
};

/** "kind", "arena", … */
const char *hc_diff_by_name(enum hc_diff_by by);

struct hc_finding_map;

/** The places of one core. */
struct hc_places {
	char **labels; /**< untrusted; two places may have one */
	size_t num;
	uint32_t *of_span;               /**< place of each span; NULL: of each vertex */
	struct hc_retained retained;     /**< by holder */
	uint32_t *of_vertex;             /**< the same */
	struct hc_finding_map *findings; /**< by finding */
	const struct hc_heap *heap;
};

/**
 * Name all places.
 *
 * @param by  neither @ref HC_DIFF_BY_KIND nor @ref HC_DIFF_BY_FINDING
 * @param one whether the cores are of one process
 */
struct hc_error *hc_places_run(struct hc_target *target, enum hc_diff_by by, bool one,
			       struct hc_places *ret);
/** Give back all but the names; nothing can be looked up afterwards. */
void hc_places_keep_names(struct hc_places *places);
void hc_places_deinit(struct hc_places *places);

/** Whether free chunks have a place, too. */
static inline bool hc_places_of_all(const struct hc_places *places)
{
	return places->of_span || places->findings;
}

/** Add one more place. @param label taken over; NULL: there was no memory */
struct hc_error *hc_places_add(struct hc_places *places, char *label, uint32_t *ret);

/**
 * Index of the place of a chunk: of one in use, or of any where hc_places_of_all(). Safe from
 * several threads.
 */
uint32_t hc_places_of(const struct hc_places *places, const struct hc_chunk *chunk);

#endif
