/**
 * @file
 * Findings of two or three cores as places: which finding a chunk is of, by a name that means the
 * same in every core.
 *
 * `analyze` lists what is large in one core. What is listed of any of the cores is looked up in all
 * of them, whether it is listed there or not, so that what was small before is not called new. Two
 * findings are the same when they are of one kind (findings.h), and
 *
 *   - *lost*: their root objects have one chunk size, and one type if they have any, and what their
 *     trees are about (hc_leak_group::content) is of one textual class, or of none;
 *   - *held*: their chunks are of one textual class, where that has put sizes together (growth.h),
 *     and else of one size. The type that most of them have is named, but does not decide: it
 *     changes as others come;
 *   - *freed* and *stacks*: always;
 *   - *outside*: they have one owner, or are blocks of one size, or are what is left.
 *
 * None of that depends on where things are, so that cores of several processes are compared as
 * those of one.
 *
 * Chunks are told exactly: a lost one by the group that it hangs in, a held one by its size. All
 * that is in no finding, chunks or not, is one place, the first. Bytes of chunks are those that
 * they have; of stacks and what is outside of malloc, those that were touched: the rest is
 * addresses.
 */
#ifndef HC_ANALYZERS_DIFF_FINDING_PLACES_H
#define HC_ANALYZERS_DIFF_FINDING_PLACES_H

#include "analyzers/diff/places.h"
#include "analyzers/verdict/verdict.h"

/** What is in none, and what is listed of each core. */
#define HC_DIFF_MAX_FINDINGS (1 + HC_DIFF_MAX_CORES * HC_MAX_FINDINGS)

/** A finding of any of the cores. */
struct hc_finding_name {
	char *key;   /**< what makes it the same; "": all that is in no finding */
	char *title; /**< for people, as it is in the last core that lists it. Untrusted */
	char *plain; /**< the same without what is in chunks */
	enum hc_finding_kind kind;          /**< of what has a key */
	uint64_t size;                      /**< of held ones that are of one size; else 0 */
	uint64_t others[HC_DIFF_MAX_CORES]; /**< touched bytes that are no chunks */
};

struct hc_finding_names {
	struct hc_finding_name items[HC_DIFF_MAX_FINDINGS]; /**< the first is all in no finding */
	unsigned num;
	struct hc_target *targets[HC_DIFF_MAX_CORES];
	struct hc_verdict verdicts[HC_DIFF_MAX_CORES]; /**< of each core, not described */
	unsigned num_cores;
};

/** Measure each core, and name what is listed of it. Asks for types with full effort. */
struct hc_error *hc_finding_names_create(struct hc_target *const *targets, unsigned num,
					 struct hc_finding_names **ret);
/** NULL is fine. */
void hc_finding_names_destroy(struct hc_finding_names *names);

/** The places of one core: place i is item i. @param core index of it */
struct hc_error *hc_finding_places_run(const struct hc_finding_names *names, unsigned core,
				       struct hc_places *ret);

/** Which place chunks are of: hc_places::findings. */
struct hc_finding_map;
/** Index of the place of any chunk. Safe from several threads. */
uint32_t hc_finding_map_find(const struct hc_finding_map *map, const struct hc_chunk *chunk);
/** NULL is fine. */
void hc_finding_map_destroy(struct hc_finding_map *map);

#endif
