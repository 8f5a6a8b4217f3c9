/**
 * @file
 * Visiting trees of lost chunks.
 */
#include "analyzers/leaks/leak_trees.h"

#include "analyzers/leaks/suppress.h"
#include "core/base/array.h"

#include <stdlib.h>
#include <string.h>

struct hc_error *hc_leak_classes_find(struct hc_leak_classes *classes, hc_class_id class_id,
				      struct hc_leak_class **ret)
{
	for (size_t i = 0; i < classes->num; i++) {
		if (classes->items[i].class_id == class_id) {
			*ret = &classes->items[i];
			return NULL;
		}
	}
	struct hc_error *err = hc_array_regrow(&classes->items, classes->num, &classes->capacity,
					       sizeof(*classes->items));
	if (err)
		return err;
	*ret = &classes->items[classes->num++];
	**ret = (struct hc_leak_class){.class_id = class_id};
	return NULL;
}

/**
 * Whether a class says more about some chunks than another. Text does; of two kinds of text the one
 * that is harder to mistake, which classes are in the order of: who asked, in a small chunk, says
 * more than what was answered in a large one, and unlike sizes it is the same from tree to tree.
 */
static bool says_more(const struct hc_leak_index *index, const struct hc_leak_class *a,
		      const struct hc_leak_class *b)
{
	bool a_textual = hc_class_of(index->classifier, a->class_id)->textual;
	bool b_textual = hc_class_of(index->classifier, b->class_id)->textual;

	if (a_textual != b_textual)
		return a_textual;
	if (!a_textual && a->count.bytes != b->count.bytes)
		return a->count.bytes > b->count.bytes;
	return hc_class_precedes(a->class_id, b->class_id);
}

const struct hc_leak_class *hc_leak_classes_best(const struct hc_leak_index *index,
						 const struct hc_leak_classes *classes)
{
	const struct hc_leak_class *best = &classes->items[0];

	for (size_t i = 1; i < classes->num; i++) {
		if (says_more(index, &classes->items[i], best))
			best = &classes->items[i];
	}
	return best;
}

struct hc_leak_look hc_leak_tree_look(const struct hc_leak_tree *tree)
{
	return (struct hc_leak_look){
		.root_size = hc_leak_index_kind_size(tree->index, tree->root.size),
		.root_type = tree->index->types ? hc_type_of(tree->index->types, &tree->root)
						: HC_TYPE_NONE,
		.root_class = hc_leak_index_textual(tree->index, tree->root_class),
		.content = hc_leak_index_textual(
			tree->index, hc_leak_classes_best(tree->index, &tree->classes)->class_id),
	};
}

/** A round over all trees. */
struct round {
	struct hc_leak_tree tree; /**< the current one */
	struct hc_plane visited;
	struct hc_selection roots,
		contents; /**< views of the selection, which owns what they have */
	struct hc_selection_scratch *scratch; /**< of @ref contents; NULL: it asks for nothing */
	hc_leak_tree_fn fn;
	void *ctx;
};

/** Tell what a selection asks of root objects from what it asks of any chunk. */
static void split_selection(const struct hc_selection *selection, struct round *round)
{
	hc_selection_init(&round->roots);
	hc_selection_init(&round->contents);
	if (!selection)
		return;
	round->roots = *selection;
	round->roots.num_classes = round->roots.num_types = 0;
	round->roots.match = NULL;
	round->roots.unmatch = NULL;
	round->contents.num_classes = selection->num_classes;
	memcpy(round->contents.classes, selection->classes, sizeof(selection->classes));
	round->contents.classifier = selection->classifier;
	round->contents.num_types = selection->num_types;
	round->contents.type_set = selection->type_set;
	round->contents.types = selection->types;
	round->contents.match = selection->match;
	round->contents.unmatch = selection->unmatch;
}

static bool asks_content(const struct hc_selection *selection)
{
	return selection->num_types || hc_selection_needs_content(selection);
}

static void visit_chunk(void *ctx, size_t span, uint64_t unit)
{
	struct round *round = ctx;
	struct hc_leak_tree *tree = &round->tree;
	const struct hc_leak_index *index = tree->index;
	struct hc_chunk chunk;

	hc_span_chunk(index->heap, &index->heap->spans[span], unit, &chunk);
	if (!tree->wanted)
		tree->wanted =
			hc_selection_has(&round->contents, index->heap, &chunk, round->scratch);
	hc_class_id class_id = hc_leak_index_class(index, span, unit);
	struct hc_leak_row row = {
		.size = chunk.size,
		.class_id = class_id,
		.indirect = chunk.address != tree->root.address,
		.count = {1, chunk.size},
		.sample = chunk.address,
	};
	struct hc_leak_class *sum;

	if (!tree->err)
		tree->err = hc_leak_classes_find(&tree->classes, class_id, &sum);
	if (!tree->err)
		tree->err = hc_leak_rows_add(&tree->rows, 0, &row);
	if (tree->err)
		return;
	struct hc_count *reach = chunk.reach == HC_DEFINITE ? &tree->definite : &tree->indirect;

	reach->chunks++;
	reach->bytes += chunk.size;
	sum->count.chunks++;
	sum->count.bytes += chunk.size;
	if (!sum->sample || chunk.address < sum->sample)
		sum->sample = chunk.address;
}

static struct hc_error *visit_tree(void *ctx, size_t span, uint64_t unit)
{
	struct round *round = ctx;
	struct hc_leak_tree *tree = &round->tree;
	const struct hc_leak_index *index = tree->index;
	struct hc_visitor visitor = {.seen = &round->visited};

	hc_span_chunk(index->heap, &index->heap->spans[span], unit, &tree->root);
	if (!hc_selection_has(&round->roots, index->heap, &tree->root, NULL)) {
		/* Not asked for, but what it reaches is not somebody else's. */
		hc_leak_index_visit(index, &visitor, span, unit);
		return NULL;
	}
	hc_leak_rows_clear(&tree->rows);
	tree->classes.num = 0;
	tree->definite = tree->indirect = (struct hc_count){0};
	tree->root_class = hc_leak_index_class(index, span, unit);
	tree->wanted = !asks_content(&round->contents);
	visitor.fn = visit_chunk;
	visitor.ctx = round;
	hc_leak_index_visit(index, &visitor, span, unit);
	if (tree->err || !tree->wanted)
		return tree->err;
	bool suppressed;
	struct hc_error *err = hc_suppressor_has(index->suppressor, tree, &suppressed);
	return err || suppressed ? err : round->fn(round->ctx, tree);
}

struct hc_error *hc_leak_trees_run(const struct hc_leak_index *index, hc_leak_tree_fn fn, void *ctx)
{
	struct round round = {.tree = {.index = index}, .fn = fn, .ctx = ctx};
	struct hc_error *err = hc_leak_index_begin(index, &round.visited);

	split_selection(index->selection, &round);
	hc_suppressor_begin(index->suppressor);
	if (!err)
		err = hc_selection_scratch_create(&round.contents, &round.scratch);
	if (!err)
		err = hc_leak_index_each_root(index, visit_tree, &round);
	hc_selection_scratch_destroy(round.scratch);
	hc_plane_deinit(&round.visited);
	hc_leak_rows_deinit(&round.tree.rows);
	free(round.tree.classes.items);
	return err;
}
