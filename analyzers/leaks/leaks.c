/**
 * @file
 * Leak groups.
 *
 * Two passes. The first classifies all lost chunks in parallel and keeps the answers in planes,
 * a few bits a unit (leak_index.h). The second goes through the root objects (leak_kinds.h) in
 * address order and visits what hangs below each and was not visited before (leak_trees.h); this is
 * what "counted with the one at the lowest address" means, and it is sequential for that reason.
 * The chunks of one tree are added up in a small table; at its end the tree's look is known and the
 * table is added to that of its group. So memory grows with groups and their rows, not with chunks.
 */
#include "analyzers/leaks/leaks.h"

#include <stdlib.h>

#include "analyzers/leaks/leak_trees.h"
#include "analyzers/leaks/suppress.h"
#include "core/base/array.h"
#include "core/base/hash.h"

/** A group while it is being added up. */
struct draft {
	struct hc_leak_look look;
	struct hc_leak_group group;
	struct hc_leak_classes classes;
	uint8_t *arenas; /* a bit each, mmap the last */
	size_t into;     /* number of the draft that it counts with, or its own */
};

static void draft_deinit(struct draft *draft)
{
	free(draft->classes.items);
	free(draft->arenas);
}

struct drafts {
	const struct hc_heap *heap;
	struct draft *items;
	size_t num;
	struct hc_hash table; /* by look */
	struct hc_leak_rows rows;
	struct hc_count definite, indirect;
};

static uint64_t hash_look(const struct hc_leak_look *look)
{
	return hc_hash_mix(look->root_size ^ (uint64_t)look->root_type << 24 ^
			   (uint64_t)look->root_class << 48 ^ (uint64_t)look->content << 56);
}

static struct hc_error *add_draft(struct drafts *drafts, const struct hc_leak_look *look)
{
	struct hc_error *err =
		hc_array_reserve(&drafts->items, drafts->num, sizeof(*drafts->items));

	if (err)
		return err;
	uint8_t *arenas = calloc(drafts->heap->num_arenas / 8 + 1, 1);

	if (!arenas)
		return &hc_enomem;
	drafts->items[drafts->num] =
		(struct draft){.look = *look, .arenas = arenas, .into = drafts->num};
	drafts->num++;
	return NULL;
}

static struct hc_error *find_draft(struct drafts *drafts, const struct hc_leak_look *look,
				   size_t *ret)
{
	struct hc_error *err =
		hc_hash_reserve(&drafts->table, drafts->num, i, hash_look(&drafts->items[i].look));

	if (err)
		return err;
	uint32_t *slot = hc_hash_find(&drafts->table, hash_look(look), i,
				      hc_leak_look_equal(&drafts->items[i].look, look));

	if (!*slot) {
		err = add_draft(drafts, look);
		if (err)
			return err;
		*slot = drafts->num;
	}
	*ret = *slot - 1;
	return NULL;
}

/** Add what a tree holds of each class. */
static struct hc_error *add_classes(struct hc_leak_classes *sums, const struct hc_leak_tree *tree)
{
	for (size_t i = 0; i < tree->classes.num; i++) {
		const struct hc_leak_class *more = &tree->classes.items[i];
		struct hc_leak_class *sum;
		struct hc_error *err = hc_leak_classes_find(sums, more->class_id, &sum);

		if (err)
			return err;
		sum->count.chunks += more->count.chunks;
		sum->count.bytes += more->count.bytes;
		sum->roots += more->class_id == tree->root_class;
		sum->roots_with++;
		if (!sum->sample)
			sum->sample = more->sample;
	}
	return NULL;
}

static void add_count(struct hc_count *to, const struct hc_count *more)
{
	to->chunks += more->chunks;
	to->bytes += more->bytes;
}

static void add_root(struct draft *draft, const struct hc_heap *heap,
		     const struct hc_leak_tree *tree)
{
	size_t arena = tree->root.span->arena < heap->num_arenas ? tree->root.span->arena
								 : heap->num_arenas;

	if (!draft->group.roots.chunks)
		draft->group.sample_root = tree->root.address;
	draft->group.roots.chunks++;
	draft->group.roots.bytes += tree->root.size;
	if (!(draft->arenas[arena / 8] >> arena % 8 & 1)) {
		draft->arenas[arena / 8] |= 1 << arena % 8;
		draft->group.num_arenas++;
	}
}

static struct hc_error *add_tree(void *ctx, const struct hc_leak_tree *tree)
{
	struct drafts *drafts = ctx;
	struct hc_leak_look look = hc_leak_tree_look(tree);
	struct hc_error *err;
	size_t number;

	err = find_draft(drafts, &look, &number);
	if (err)
		return err;
	struct draft *draft = &drafts->items[number];

	err = add_classes(&draft->classes, tree);
	if (err)
		return err;
	add_root(draft, drafts->heap, tree);
	add_count(&drafts->definite, &tree->definite);
	add_count(&drafts->indirect, &tree->indirect);
	for (size_t i = 0; !err && i < tree->rows.num; i++) {
		const struct hc_leak_row *row = &tree->rows.items[i].row;

		if (row->indirect) {
			draft->group.below.chunks += row->count.chunks;
			draft->group.below.bytes += row->count.bytes;
		}
		err = hc_leak_rows_add(&drafts->rows, number, row);
	}
	return err;
}

static uint64_t group_bytes(const struct hc_leak_group *group)
{
	return group->roots.bytes + group->below.bytes;
}

static int compare_groups(const void *a, const void *b)
{
	const struct hc_leak_group *x = a, *y = b;

	if (group_bytes(x) != group_bytes(y))
		return group_bytes(x) < group_bytes(y) ? 1 : -1;
	return (x->sample_root > y->sample_root) - (x->sample_root < y->sample_root);
}

/** By group, then in the order of hc_leak_group::rows. */
static int compare_rows(const void *a, const void *b)
{
	const struct hc_leak_rows_item *x = a, *y = b;

	if (x->group != y->group)
		return x->group < y->group ? -1 : 1;
	if (x->row.count.bytes != y->row.count.bytes)
		return x->row.count.bytes < y->row.count.bytes ? 1 : -1;
	if (x->row.size != y->row.size)
		return x->row.size < y->row.size ? 1 : -1;
	if (x->row.class_id != y->row.class_id)
		return x->row.class_id < y->row.class_id ? -1 : 1;
	return x->row.indirect - y->row.indirect;
}

static void choose_classes(const struct hc_leak_index *index, struct draft *draft)
{
	struct hc_leak_group *group = &draft->group;
	const struct hc_leak_class *root = &draft->classes.items[0];
	const struct hc_leak_class *best = hc_leak_classes_best(index, &draft->classes);

	for (size_t i = 1; i < draft->classes.num; i++) {
		const struct hc_leak_class *sum = &draft->classes.items[i];

		if (sum->roots > root->roots ||
		    (sum->roots == root->roots && hc_class_precedes(sum->class_id, root->class_id)))
			root = sum;
	}
	group->root_size = draft->look.root_size;
	group->root_class = root->class_id;
	group->root_type = draft->look.root_type;
	group->content = best->class_id;
	group->content_count = best->count;
	group->roots_with_content = best->roots_with;
	group->sample_content = best->sample;
}

/** @name Strays */
/**@{*/

/** A group has so many root objects for each one of a stray look; a single one needs fewer. */
#define STRAY_OF 100
#define STRAY_OF_ONE 16
/** Looks that can be strays. */
#define MAX_FOLDS 256

/** Whether a class is that of a group, or what bytes without one may look like by chance. */
static bool may_be(hc_class_id stray, hc_class_id group)
{
	return stray == group || group == HC_LEAK_STRUCTURAL;
}

static bool is_stray(const struct draft *stray, const struct draft *of)
{
	const struct hc_leak_look *a = &stray->look, *b = &of->look;
	uint64_t few = stray->group.roots.chunks, many = of->group.roots.chunks;

	return a->root_size == b->root_size && a->root_type == b->root_type &&
	       may_be(a->root_class, b->root_class) && may_be(a->content, b->content) &&
	       (many >= few * STRAY_OF || (few == 1 && many >= STRAY_OF_ONE));
}

static void add_arenas(struct draft *to, const struct draft *from, size_t num_arenas)
{
	for (size_t i = 0; i <= num_arenas; i++) {
		unsigned bit = 1u << i % 8;

		if (!(from->arenas[i / 8] & bit) || to->arenas[i / 8] & bit)
			continue;
		to->arenas[i / 8] |= bit;
		to->group.num_arenas++;
	}
}

/** Add what a stray has to the group that it is of, whose classes are chosen already. */
static struct hc_error *fold(struct drafts *drafts, struct draft *stray, struct draft *to)
{
	struct hc_leak_group *group = &to->group;

	for (size_t i = 0; i < stray->classes.num; i++) {
		const struct hc_leak_class *more = &stray->classes.items[i];
		struct hc_leak_class *sum;
		struct hc_error *err = hc_leak_classes_find(&to->classes, more->class_id, &sum);

		if (err)
			return err;
		add_count(&sum->count, &more->count);
		sum->roots += more->roots;
		sum->roots_with += more->roots_with;
		sum->sample = sum->sample ? sum->sample : more->sample;
	}
	for (size_t i = 0; i < to->classes.num; i++) {
		if (to->classes.items[i].class_id != group->content)
			continue;
		group->content_count = to->classes.items[i].count;
		group->roots_with_content = to->classes.items[i].roots_with;
	}
	add_count(&group->roots, &stray->group.roots);
	add_count(&group->below, &stray->group.below);
	if (stray->group.sample_root < group->sample_root)
		group->sample_root = stray->group.sample_root;
	add_arenas(to, stray, drafts->heap->num_arenas);
	stray->into = to - drafts->items;
	return NULL;
}

/** The largest group that a draft may be a stray of; itself if there is none. */
static size_t find_owner(const struct drafts *drafts, size_t number)
{
	size_t ret = number;

	for (size_t i = 0; i < drafts->num; i++)
		if (i != number && drafts->items[i].into == i &&
		    is_stray(&drafts->items[number], &drafts->items[i]) &&
		    (ret == number ||
		     drafts->items[i].group.roots.chunks > drafts->items[ret].group.roots.chunks))
			ret = i;
	return ret;
}

/** Rows of strays become rows of their groups. */
static struct hc_error *fold_rows(struct drafts *drafts)
{
	struct hc_leak_rows rows = {0};
	struct hc_error *err = NULL;

	for (size_t i = 0; !err && i < drafts->rows.num; i++) {
		const struct hc_leak_rows_item *item = &drafts->rows.items[i];

		err = hc_leak_rows_add(&rows, drafts->items[item->group].into, &item->row);
	}
	if (err) {
		hc_leak_rows_deinit(&rows);
		return err;
	}
	hc_leak_rows_deinit(&drafts->rows);
	drafts->rows = rows;
	return NULL;
}

static struct hc_error *fold_strays(struct drafts *drafts, struct hc_leaks *leaks)
{
	struct hc_error *err = NULL;

	leaks->folds = calloc(MAX_FOLDS, sizeof(*leaks->folds));
	if (!leaks->folds)
		return &hc_enomem;
	for (size_t i = 0; !err && i < drafts->num && leaks->num_folds < MAX_FOLDS; i++) {
		struct draft *stray = &drafts->items[i];
		size_t owner = find_owner(drafts, i);

		if (owner == i)
			continue;
		leaks->folds[leaks->num_folds++] =
			(struct hc_leak_fold){stray->look, drafts->items[owner].look};
		err = fold(drafts, stray, &drafts->items[owner]);
	}
	return err || !leaks->num_folds ? err : fold_rows(drafts);
}
/**@}*/

/** Hand the sorted rows of a group over. @param next first row that may belong to it; steps on */
static struct hc_error *take_rows(const struct hc_leak_rows *table, size_t number, size_t *next,
				  struct hc_leak_group *group)
{
	size_t from = *next;

	while (*next < table->num && table->items[*next].group == number)
		++*next;
	group->rows = calloc(*next - from + 1, sizeof(*group->rows));
	if (!group->rows)
		return &hc_enomem;
	for (size_t i = from; i < *next; i++)
		group->rows[group->num_rows++] = table->items[i].row;
	return NULL;
}

static struct hc_error *finish_groups(struct drafts *drafts, struct hc_leaks *leaks)
{
	size_t next = 0;

	for (size_t i = 0; i < drafts->num; i++)
		choose_classes(leaks->index, &drafts->items[i]);
	struct hc_error *err = fold_strays(drafts, leaks);
	if (err)
		return err;
	leaks->definite = drafts->definite;
	leaks->indirect = drafts->indirect;
	leaks->groups = calloc(drafts->num + 1, sizeof(*leaks->groups));
	if (!leaks->groups)
		return &hc_enomem;
	hc_sort(drafts->rows.items, drafts->rows.num, compare_rows);
	for (size_t i = 0; !err && i < drafts->num; i++) {
		struct hc_leak_group *group = &leaks->groups[leaks->num_groups];

		if (drafts->items[i].into != i)
			continue;
		leaks->num_groups++;
		*group = drafts->items[i].group;
		err = take_rows(&drafts->rows, i, &next, group);
	}
	hc_sort(leaks->groups, leaks->num_groups, compare_groups);
	return err;
}

static struct hc_error *find_groups(struct hc_leaks *leaks)
{
	struct drafts drafts = {.heap = leaks->index->heap};
	struct hc_error *err = hc_leak_trees_run(leaks->index, add_tree, &drafts);

	if (!err)
		err = finish_groups(&drafts, leaks);
	for (size_t i = 0; i < drafts.num; i++)
		draft_deinit(&drafts.items[i]);
	free(drafts.items);
	hc_hash_deinit(&drafts.table);
	hc_leak_rows_deinit(&drafts.rows);
	leaks->suppressed = hc_suppressor_sum(leaks->index->suppressor);
	return err;
}

struct hc_error *hc_leaks_run(struct hc_target *target, const struct hc_selection *selection,
			      struct hc_leaks *ret)
{
	struct hc_leaks leaks = {0};
	struct hc_error *err = hc_target_reach(target, NULL);
	struct hc_types *types;

	if (!err)
		err = hc_target_types(target, HC_TYPES_QUICK, &types);
	if (err)
		return err;
	hc_target_phase(target, HC_PHASE_GROUP);
	hc_watch_part(&target->watch, 0, 0.5);
	err = hc_leak_index_create(target, selection, &leaks.possible, &leaks.index);
	if (!err)
		err = find_groups(&leaks);
	if (err) {
		hc_leaks_deinit(&leaks);
		return err;
	}
	*ret = leaks;
	return NULL;
}

void hc_leaks_deinit(struct hc_leaks *leaks)
{
	for (size_t i = 0; i < leaks->num_groups; i++)
		free(leaks->groups[i].rows);
	free(leaks->groups);
	free(leaks->folds);
	hc_leak_index_destroy(leaks->index);
	*leaks = (struct hc_leaks){0};
}

uint64_t hc_leaks_num_roots(const struct hc_leaks *leaks)
{
	uint64_t ret = 0;

	for (size_t i = 0; i < leaks->num_groups; i++)
		ret += leaks->groups[i].roots.chunks;
	return ret;
}
