/**
 * @file
 * Trees of lost chunks: a root object and everything below it, added up.
 *
 * Trees are visited in the address order of their root objects. A chunk that several root objects
 * lead to is in the tree of the first one. Trees are alike when their *looks* are equal.
 */
#ifndef HC_ANALYZERS_LEAKS_LEAK_TREES_H
#define HC_ANALYZERS_LEAKS_LEAK_TREES_H

#include "analyzers/count.h"
#include "analyzers/leaks/leak_index.h"
#include "analyzers/leaks/leak_rows.h"

/** What makes trees alike. */
struct hc_leak_look {
	uint64_t root_size; /**< hc_leak_index_kind_size() */
	hc_type_id root_type;
	hc_class_id root_class, content; /**< a textual class, or HC_LEAK_STRUCTURAL */
};

static inline bool hc_leak_look_equal(const struct hc_leak_look *a, const struct hc_leak_look *b)
{
	return a->root_size == b->root_size && a->root_type == b->root_type &&
	       a->root_class == b->root_class && a->content == b->content;
}

/** Trees of one look that count with those of another. */
struct hc_leak_fold {
	struct hc_leak_look look, into;
};

/** What some chunks hold of one class. */
struct hc_leak_class {
	hc_class_id class_id;
	struct hc_count count;
	uint64_t sample;     /**< of a tree: the lowest address; of trees: that of the first one */
	uint64_t roots;      /**< of trees: root objects that are of the class */
	uint64_t roots_with; /**< of trees: root objects whose trees have such a chunk */
};

/** The same of all classes that occur, which are few. */
struct hc_leak_classes {
	struct hc_leak_class *items;
	size_t num, capacity;
};

/** Find a class, or add it with counts of zero. */
struct hc_error *hc_leak_classes_find(struct hc_leak_classes *classes, hc_class_id class_id,
				      struct hc_leak_class **ret);
/** The class that says most; there must be one. */
const struct hc_leak_class *hc_leak_classes_best(const struct hc_leak_index *index,
						 const struct hc_leak_classes *classes);

struct hc_leak_tree {
	const struct hc_leak_index *index;
	struct hc_chunk root;
	hc_class_id root_class;
	struct hc_leak_rows rows;
	struct hc_leak_classes classes;
	struct hc_count definite, indirect; /**< its chunks by what points to them */
	bool wanted;          /**< one of its chunks holds what the selection asks for */
	struct hc_error *err; /**< private: of the visit */
};

struct hc_leak_look hc_leak_tree_look(const struct hc_leak_tree *tree);

/** Called at the end of each tree, whose contents it may not keep. */
typedef struct hc_error *(*hc_leak_tree_fn)(void *ctx, const struct hc_leak_tree *tree);

/**
 * Visit the trees of all selected root objects, until @p fn returns an error. What the selection
 * says about a chunk's place and size is of the root object; what it says about content (class,
 * type, match), some chunk of the tree has to fulfil, for root objects are seldom what tells.
 */
struct hc_error *hc_leak_trees_run(const struct hc_leak_index *index, hc_leak_tree_fn fn,
				   void *ctx);

#endif
