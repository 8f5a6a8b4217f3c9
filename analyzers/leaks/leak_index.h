/**
 * @file
 * Lost chunks, classified: what leaks.h and its parts work on.
 *
 * Classes are kept in planes, as many bits a unit as there are classes to tell apart, since there
 * may be hundreds of millions of lost chunks.
 */
#ifndef HC_ANALYZERS_LEAKS_LEAK_INDEX_H
#define HC_ANALYZERS_LEAKS_LEAK_INDEX_H

#include "analyzers/count.h"
#include "analyzers/counts/histogram.h"
#include "analyzers/leaks/leaks.h"
#include "analyzers/reachability/trace.h"
#include "analyzers/select/selection.h"

struct hc_suppressor;

#define HC_LEAK_CLASS_BITS 7

/** Instead of a class: none that is textual. */
#define HC_LEAK_STRUCTURAL HC_CLASS_NONE

struct hc_leak_index {
	const struct hc_heap *heap;
	const struct hc_classifier *classifier;
	const struct hc_types *types;         /**< of root objects; NULL: they have none */
	const struct hc_selection *selection; /**< of root objects; NULL: all */
	struct hc_suppressor *suppressor;     /**< of trees; NULL: none is suppressed */
	struct hc_tracer *tracer;             /**< for visits alone */
	struct hc_plane classes[HC_LEAK_CLASS_BITS];
	unsigned class_bits;       /**< planes in use: as many as the classes need */
	struct hc_histogram sizes; /**< of lost chunks */
	struct hc_plane roots;     /**< root objects: leak_kinds.h */
};

/**
 * Classify all lost chunks, with process->jobs threads. Parameters as those of hc_leaks_run().
 *
 * @param[out] possible_ret possible chunks of the selection, which have no class here
 * @param[out] ret          to be destroyed by the caller
 */
struct hc_error *hc_leak_index_create(struct hc_target *target,
				      const struct hc_selection *selection,
				      struct hc_count *possible_ret, struct hc_leak_index **ret);
/** NULL is fine. */
void hc_leak_index_destroy(struct hc_leak_index *index);

/** Class of a lost chunk. */
static inline hc_class_id hc_leak_index_class(const struct hc_leak_index *index, size_t span,
					      uint64_t unit)
{
	unsigned class_id = 0;

	for (unsigned i = 0; i < index->class_bits; i++)
		class_id |= (unsigned)hc_plane_has(&index->tracer->layout, &index->classes[i], span,
						   unit)
			    << i;
	return class_id;
}

/** @p class_id if it is textual, else HC_LEAK_STRUCTURAL. */
hc_class_id hc_leak_index_textual(const struct hc_leak_index *index, hc_class_id class_id);

/**
 * The chunk size that most objects like a root object of @p size have. A chunk that was cut from a
 * slightly larger one keeps the remainder when that is too small to be a chunk, so a few objects of
 * each kind are a step larger than the others.
 */
uint64_t hc_leak_index_kind_size(const struct hc_leak_index *index, uint64_t size);

/** A root object (leak_kinds.h), whether it is selected or not. An error ends the round. */
typedef struct hc_error *(*hc_leak_root_fn)(void *ctx, size_t span, uint64_t unit);

/** Call @p fn for each root object, in address order. */
struct hc_error *hc_leak_index_each_root(const struct hc_leak_index *index, hc_leak_root_fn fn,
					 void *ctx);

/** Begin a round of visits: a plane in which a chunk that is in some tree is marked. */
struct hc_error *hc_leak_index_begin(const struct hc_leak_index *index, struct hc_plane *ret);

/**
 * Visit the tree of a root object, other root objects and what earlier trees have left out.
 *
 * @param visitor has the plane of the round; it is called for the root object first
 */
void hc_leak_index_visit(const struct hc_leak_index *index, const struct hc_visitor *visitor,
			 size_t span, uint64_t unit);

#endif
