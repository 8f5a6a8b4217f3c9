/**
 * @file
 * The chunks of leak groups.
 *
 * Groups don't keep their chunks, and the group of a tree is known at the tree's end only. So there
 * are two rounds over the trees: the first writes the number of its group, in binary in a few
 * planes, at each root object; the second visits the trees again and knows the group from the
 * start.
 */
#include "analyzers/leaks/leaks.h"

#include "analyzers/leaks/leak_trees.h"

#define NUMBER_BITS 4
_Static_assert(HC_LEAKS_MAX_WALK < 1 << NUMBER_BITS, "a group number must fit its planes");

/** A chunk of a tree whose group is wanted. */
typedef struct hc_error *(*member_fn)(void *ctx, size_t number, size_t span, uint64_t unit,
				      bool indirect);

/** The trees of some groups. Numbers count from 1; 0 is none of them. */
struct members {
	const struct hc_leaks *leaks;
	const struct hc_leak_index *index;
	const struct hc_leak_group *groups;
	size_t num_groups;
	struct hc_plane numbers[NUMBER_BITS];
	unsigned num_planes; /* as many as the numbers need */

	/* The second round. */
	struct hc_plane visited;
	struct {
		size_t span;
		uint64_t unit;
		size_t number;
	} root; /* of the tree that is being visited */
	member_fn fn;
	void *ctx;
	struct hc_error *err;
};

/** @name First round */
/**@{*/

static struct hc_leak_look look_of_group(const struct hc_leak_index *index,
					 const struct hc_leak_group *group)
{
	return (struct hc_leak_look){
		.root_size = group->root_size,
		.root_type = group->root_type,
		.root_class = hc_leak_index_textual(index, group->root_class),
		.content = hc_leak_index_textual(index, group->content),
	};
}

/** The look of the trees that a tree counts with. */
static struct hc_leak_look look_of_tree(const struct hc_leaks *leaks,
					const struct hc_leak_tree *tree)
{
	struct hc_leak_look ret = hc_leak_tree_look(tree);

	for (size_t i = 0; i < leaks->num_folds; i++)
		if (hc_leak_look_equal(&leaks->folds[i].look, &ret))
			return leaks->folds[i].into;
	return ret;
}

static struct hc_error *number_root(void *ctx, const struct hc_leak_tree *tree)
{
	struct members *members = ctx;
	const struct hc_leak_index *index = members->index;
	struct hc_leak_look look = look_of_tree(members->leaks, tree);
	size_t span = tree->root.span - index->heap->spans;

	for (size_t number = 1; number <= members->num_groups; number++) {
		struct hc_leak_look wanted = look_of_group(index, &members->groups[number - 1]);

		if (!hc_leak_look_equal(&look, &wanted))
			continue;
		for (unsigned i = 0; i < members->num_planes; i++)
			if (number >> i & 1)
				hc_plane_set(&index->tracer->layout, &members->numbers[i], span,
					     tree->root.unit);
		break;
	}
	return NULL;
}

static void members_deinit(struct members *members)
{
	for (unsigned i = 0; i < members->num_planes; i++)
		hc_plane_deinit(&members->numbers[i]);
	hc_plane_deinit(&members->visited);
}

/** Find the trees of @p num groups. @param ret to be deinitialized, after an error, too */
static struct hc_error *members_init(const struct hc_leaks *leaks,
				     const struct hc_leak_group *groups, size_t num,
				     struct members *ret)
{
	const struct hc_leak_index *index = leaks->index;
	struct hc_error *err;

	*ret = (struct members){
		.leaks = leaks, .index = index, .groups = groups, .num_groups = num};
	err = hc_leak_index_begin(index, &ret->visited);
	while (!err && num >> ret->num_planes)
		err = hc_plane_init(&index->tracer->layout, &ret->numbers[ret->num_planes++]);
	return err ? err : hc_leak_trees_run(index, number_root, ret);
}
/**@}*/

/** @name Second round */
/**@{*/

static void visit_member(void *ctx, size_t span, uint64_t unit)
{
	struct members *members = ctx;
	bool indirect = span != members->root.span || unit != members->root.unit;

	if (!members->err)
		members->err =
			members->fn(members->ctx, members->root.number, span, unit, indirect);
}

static struct hc_error *visit_tree(void *ctx, size_t span, uint64_t unit)
{
	struct members *members = ctx;
	struct hc_tracer *tracer = members->index->tracer;
	size_t number = 0;

	for (unsigned i = 0; i < members->num_planes; i++)
		number |= (size_t)hc_plane_has(&tracer->layout, &members->numbers[i], span, unit)
			  << i;
	members->root.span = span;
	members->root.unit = unit;
	members->root.number = number;
	/* What other trees reach is not below ours. */
	const struct hc_visitor visitor = {&members->visited, number ? visit_member : NULL,
					   members};
	hc_leak_index_visit(members->index, &visitor, span, unit);
	return members->err;
}

/** Call @p fn for all chunks of the groups, tree by tree. Once only. */
static struct hc_error *members_visit(struct members *members, member_fn fn, void *ctx)
{
	members->fn = fn;
	members->ctx = ctx;
	return hc_leak_index_each_root(members->index, visit_tree, members);
}
/**@}*/

/** @name All chunks of one group, by address */
/**@{*/

struct below {
	const struct hc_leak_index *index;
	struct hc_plane plane;
};

static struct hc_error *mark_below(void *ctx, size_t number __attribute__((unused)), size_t span,
				   uint64_t unit, bool indirect)
{
	struct below *below = ctx;

	if (indirect)
		hc_plane_set(&below->index->tracer->layout, &below->plane, span, unit);
	return NULL;
}

/** @return false when @p fn wants no more */
static bool hand_out(const struct hc_leak_index *index, const struct hc_plane *plane, bool indirect,
		     hc_leak_chunk_fn fn, void *ctx)
{
	const struct hc_heap *heap = index->heap;

	for (size_t s = 0; s < heap->num_spans; s++) {
		const struct hc_span *span = &heap->spans[s];

		for (uint64_t i = 0; i < span->num_blocks; i++) {
			uint64_t first = i * HC_UNITS_PER_BLOCK;
			uint64_t bits = *hc_plane_word(&index->tracer->layout, plane, s, first);

			for (; bits; bits &= bits - 1) {
				struct hc_chunk chunk;

				hc_span_chunk(heap, span, first + __builtin_ctzll(bits), &chunk);
				if (!fn(ctx, &chunk, indirect))
					return false;
			}
		}
	}
	return true;
}

struct hc_error *hc_leaks_each(const struct hc_leaks *leaks, size_t number, hc_leak_chunk_fn fn,
			       void *ctx)
{
	if (number < 1 || number > leaks->num_groups)
		return hc_error_create(HC_ERROR_ARGUMENT, "there is no group %zu; the last is %zu",
				       number, leaks->num_groups);
	struct below below = {.index = leaks->index};
	struct members members;
	struct hc_error *err = members_init(leaks, &leaks->groups[number - 1], 1, &members);

	if (!err)
		err = hc_plane_init(&leaks->index->tracer->layout, &below.plane);
	if (!err)
		err = members_visit(&members, mark_below, &below);
	/* Of one group, whose number is 1, the plane of numbers is that of its root objects. */
	if (!err && hand_out(leaks->index, &members.numbers[0], false, fn, ctx))
		hand_out(leaks->index, &below.plane, true, fn, ctx);
	hc_plane_deinit(&below.plane);
	members_deinit(&members);
	return err;
}
/**@}*/

/** @name All chunks of the first groups, tree by tree */
/**@{*/

struct walk {
	const struct hc_leak_index *index;
	hc_leak_walk_fn fn;
	void *ctx;
};

static struct hc_error *walk_chunk(void *ctx, size_t number, size_t span, uint64_t unit,
				   bool indirect)
{
	const struct walk *walk = ctx;
	const struct hc_heap *heap = walk->index->heap;
	struct hc_chunk chunk;

	hc_span_chunk(heap, &heap->spans[span], unit, &chunk);
	return walk->fn(walk->ctx, number, &chunk, hc_leak_index_class(walk->index, span, unit),
			indirect);
}

struct hc_error *hc_leaks_walk(const struct hc_leaks *leaks, size_t num, hc_leak_walk_fn fn,
			       void *ctx)
{
	struct walk walk = {leaks->index, fn, ctx};
	struct members members;

	if (num > leaks->num_groups)
		num = leaks->num_groups;
	if (num > HC_LEAKS_MAX_WALK)
		num = HC_LEAKS_MAX_WALK;
	struct hc_error *err = members_init(leaks, leaks->groups, num, &members);

	if (!err)
		err = members_visit(&members, walk_chunk, &walk);
	members_deinit(&members);
	return err;
}
/**@}*/
