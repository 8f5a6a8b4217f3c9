/**
 * @file
 * Kinds: chunks in use that have size, type and content class in common; and which kind each of
 * them is of.
 *
 * The kind of a chunk is kept, four bytes for each chunk in use, since finding out takes a look at
 * its bytes: who lists millions of chunks, in any order, would otherwise look at all of them again
 * with one processor. The numbers lie in slices of the heap, in the order of addresses, without the
 * chunks that are not in use; where one begins, the start bits tell.
 *
 * The order of kinds, and so their numbers, is the same for any number of jobs.
 */
#ifndef HC_ANALYZERS_COUNTS_KINDS_H
#define HC_ANALYZERS_COUNTS_KINDS_H

#include "analyzers/count.h"
#include "analyzers/target.h"

/** Of one slice, about. */
#define HC_KIND_SLICE_BYTES (UINT64_C(4) << 20)

struct hc_chunk_kind {
	uint64_t size;        /**< chunk size */
	hc_type_id type;      /**< HC_TYPE_NONE: none, or nobody looked */
	hc_class_id class_id; /**< HC_CLASS_NONE: nobody looked */
	struct hc_kind_count count;
};

/** A part of the heap, and the kinds of the chunks in use that start there. */
struct hc_kind_slice {
	struct hc_slice slice;
	uint32_t *numbers; /**< before they were ordered: see hc_chunk_kinds_at() */
	size_t num;
};

struct hc_chunk_kinds {
	struct hc_chunk_kind *kinds; /**< most bytes first; kind 1 is kinds[0] */
	size_t num;
	struct hc_kind_slice *slices; /**< by address; together they are the heap */
	size_t num_slices;
	uint32_t *order; /**< private: number of a kind, by what slices have */
};

/**
 * Find the kinds, with process->jobs threads.
 *
 * @param by_content false: by size alone, without a look at what the chunks hold
 */
struct hc_error *hc_chunk_kinds_run(struct hc_target *target, bool by_content,
				    struct hc_chunk_kinds *ret);
void hc_chunk_kinds_deinit(struct hc_chunk_kinds *kinds);

/** Number, from 1, of the kind of the chunk in use that is the @p rank th of a slice, from 0. */
static inline uint32_t hc_chunk_kinds_at(const struct hc_chunk_kinds *kinds,
					 const struct hc_kind_slice *slice, size_t rank)
{
	return rank < slice->num ? kinds->order[slice->numbers[rank]] : 0;
}

/** How many chunks in use start in a slice before @p unit. */
size_t hc_kind_slice_rank(const struct hc_kind_slice *slice, uint64_t unit);

#endif
