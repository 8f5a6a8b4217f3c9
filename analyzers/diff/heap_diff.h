/**
 * @file
 * Chunks in use of two or three cores of one program, side by side, by kind.
 *
 * One core shows what is held; only a second one shows what grows. Chunks are put into kinds that
 * mean the same in every core, whatever its addresses:
 *
 *   - of one C++ class, when their vtable tells it: its name, and all their sizes;
 *   - of one class of content that a signature tells (text, formats): content comes in many sizes;
 *   - of one exact size otherwise. What a look at their words makes of these (all zero, pointers)
 * is no kind, since it changes as the program writes.
 *
 * Or they are put together by place instead (places.h): the arena, thread, mapping or holder whose
 * they are, or the finding (finding_places.h), which may also be free chunks, or no chunks at all.
 *
 * Every chunk in use is counted, exactly. Where the cores are of one process, a chunk of a later
 * core is told from its earlier self: it is *unchanged* when it was in use at the same address and
 * size, with the same first HC_DIFF_COMPARED bytes. What is not is new, or was written to. With
 * three cores, what *stayed* came between the first and the second and was unchanged in the third:
 * a request that is still being worked on has gone by then, a leak has not.
 *
 * Kinds are looked up in hash tables whose size is that of the answer; there may be as many as
 * there are chunk sizes.
 */
#ifndef HC_ANALYZERS_DIFF_HEAP_DIFF_H
#define HC_ANALYZERS_DIFF_HEAP_DIFF_H

#include "analyzers/count.h"
#include "analyzers/diff/finding_places.h"
#include "analyzers/diff/places.h"

/** Bytes of a chunk by which it is recognised: what follows is rarely all that differs. */
#define HC_DIFF_COMPARED 4096

/** One kind in one core. */
struct hc_diff_side {
	struct hc_count held;      /**< reachable, or possibly so */
	struct hc_count lost;      /**< definite and indirect */
	struct hc_count unchanged; /**< of both, since the core before; 0 in the first */
	struct hc_count free;      /**< not in use, top included; where hc_diff_has_free() */
	uint64_t other; /**< by finding: touched bytes of stacks and what is outside of malloc */
};

static inline uint64_t hc_diff_chunks(const struct hc_diff_side *side)
{
	return side->held.chunks + side->lost.chunks;
}

static inline uint64_t hc_diff_bytes(const struct hc_diff_side *side)
{
	return side->held.bytes + side->lost.bytes;
}

struct hc_diff_kind {
	const char *type; /**< owned by a target's types; NULL: none is known. By place: its name,
			       owned by the diff */
	hc_class_id class_id;        /**< HC_CLASS_NONE: told by its type, or its size */
	uint64_t min_size, max_size; /**< chunk sizes, in all cores */
	struct hc_diff_side sides[HC_DIFF_MAX_CORES];
	struct hc_count stayed; /**< with three cores; see above */
	/** User address, in the last core that has any: of a lost chunk, or of a new one, or any.
	 */
	uint64_t sample;
	unsigned sample_core;                  /**< index of that core */
	const struct hc_finding_name *finding; /**< by finding: what it is; else NULL */
};

struct hc_heap_diff {
	unsigned num_cores;
	enum hc_diff_by by;
	struct hc_diff_kind
		*kinds; /**< by growth of a row's bytes from the first core to the last */
	size_t num_kinds;
	struct hc_diff_side total[HC_DIFF_MAX_CORES];
	struct hc_count stayed;
	struct hc_count free[HC_DIFF_MAX_CORES];    /**< what is not in use, top included */
	bool same_process;                          /**< unchanged and stayed are known */
	struct hc_places places[HC_DIFF_MAX_CORES]; /**< private: owns names */
	struct hc_finding_names *findings;          /**< by finding; else NULL */
};

/** Whether what is free is told apart: it has an arena, but no type, and nobody holds it. */
static inline bool hc_diff_has_free(enum hc_diff_by by)
{
	return by != HC_DIFF_BY_KIND && by != HC_DIFF_BY_HOLDER;
}

/** @name What a row is measured by: chunks in use; everything that a finding has. */
/**@{*/
static inline uint64_t hc_diff_row_chunks(enum hc_diff_by by, const struct hc_diff_side *side)
{
	return hc_diff_chunks(side) + (by == HC_DIFF_BY_FINDING ? side->free.chunks : 0);
}

static inline uint64_t hc_diff_row_bytes(enum hc_diff_by by, const struct hc_diff_side *side)
{
	return hc_diff_bytes(side) +
	       (by == HC_DIFF_BY_FINDING ? side->free.bytes + side->other : 0);
}
/**@}*/

/**
 * Whether two targets are of one process: one pid, one program, and its mappings where they were.
 */
bool hc_diff_same_process(const struct hc_target *a, const struct hc_target *b);

/**
 * Compare, oldest first. Computes reachability of each.
 *
 * @param num 2 to HC_DIFF_MAX_CORES; all targets have the same signatures
 */
struct hc_error *hc_heap_diff_run(struct hc_target *const *targets, unsigned num,
				  enum hc_diff_by by, struct hc_heap_diff *ret);
void hc_heap_diff_deinit(struct hc_heap_diff *diff);

#endif
