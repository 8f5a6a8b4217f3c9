/**
 * @file
 * Comparing mappings; see mapping_diff.h.
 */
#include "analyzers/diff/mapping_diff.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/array.h"
#include "core/process/module.h"

const char *hc_mapping_change_name(enum hc_mapping_change change)
{
	static const char *const names[HC_NUM_MAPPING_CHANGES] = {
		[HC_MAPPING_SAME] = "same",     [HC_MAPPING_GROWN] = "grown",
		[HC_MAPPING_SHRUNK] = "shrunk", [HC_MAPPING_MOVED] = "moved",
		[HC_MAPPING_SPLIT] = "split",   [HC_MAPPING_MERGED] = "merged",
		[HC_MAPPING_NEW] = "new",       [HC_MAPPING_GONE] = "gone",
	};
	return names[change];
}

/** A row of either moment. */
struct row {
	const struct hc_mapping *mapping;
	bool after;
};

struct run {
	bool same_process;
	bool base_names;  /**< one side has no folders: they don't count */
	struct row *rows; /**< by identity, then address */
	size_t num_rows;
	struct hc_mapping_diff diff;
};

/** @name What is the same */
/**@{*/

static int compare_texts(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "");
}

/** Whether files are named without their folders, as pmap does. */
static bool has_base_names(const struct hc_mappings *mappings)
{
	for (size_t i = 0; i < mappings->num; i++)
		if (mappings->items[i].path && !strchr(mappings->items[i].path, '/'))
			return true;
	return false;
}

/** Kinds are guesses that a second look may have made otherwise: of one process they don't count.
 */
static int compare_identity(const struct run *run, const struct row *x, const struct row *y)
{
	const struct hc_mapping *a = x->mapping, *b = y->mapping;
	int order = run->base_names ? compare_texts(hc_base_name(a->path), hc_base_name(b->path))
				    : compare_texts(a->path, b->path);

	if (order)
		return order;
	if (a->flags != b->flags)
		return a->flags < b->flags ? -1 : 1;
	if (a->anonymous != b->anonymous)
		return a->anonymous < b->anonymous ? -1 : 1;
	if (run->same_process || a->kind == b->kind)
		return 0;
	return a->kind < b->kind ? -1 : 1;
}

static int compare_rows(const void *a, const void *b, void *ctx)
{
	const struct row *x = a, *y = b;
	int order = compare_identity(ctx, x, y);

	if (order)
		return order;
	if (x->mapping->start != y->mapping->start)
		return x->mapping->start < y->mapping->start ? -1 : 1;
	return x->after - y->after;
}
/**@}*/

/** @name Pairs */
/**@{*/

static void add_row(struct hc_mapping_side *side, const struct hc_mapping *mapping)
{
	if (!side->first)
		side->first = mapping;
	side->num++;
	side->size += mapping->end - mapping->start;
	if (mapping->resident == HC_UNKNOWN_BYTES)
		side->resident = HC_UNKNOWN_BYTES;
	else if (side->resident != HC_UNKNOWN_BYTES)
		side->resident += mapping->resident;
}

static enum hc_mapping_change change_of(const struct run *run, const struct hc_mapping_pair *pair)
{
	const struct hc_mapping_side *before = &pair->before, *after = &pair->after;

	if (!before->num)
		return HC_MAPPING_NEW;
	if (!after->num)
		return HC_MAPPING_GONE;
	/* Of two processes, how many rows it is in says nothing. */
	if (run->same_process && before->num == 1 && after->num > 1)
		return HC_MAPPING_SPLIT;
	if (run->same_process && before->num > 1)
		return HC_MAPPING_MERGED;
	if (pair->growth)
		return pair->growth > 0 ? HC_MAPPING_GROWN : HC_MAPPING_SHRUNK;
	if (before->size != after->size)
		return before->size < after->size ? HC_MAPPING_GROWN : HC_MAPPING_SHRUNK;
	return HC_MAPPING_SAME;
}

static uint64_t measure(const struct hc_mapping_diff *diff, const struct hc_mapping_side *side)
{
	return diff->has_resident ? side->resident : side->size;
}

static void judge(const struct run *run, struct hc_mapping_pair *pair)
{
	pair->growth = measure(&run->diff, &pair->after) - measure(&run->diff, &pair->before);
	pair->change = change_of(run, pair);
}

static struct hc_error *add_pair(struct run *run, const struct hc_mapping_pair *pair)
{
	struct hc_mapping_diff *diff = &run->diff;
	struct hc_error *err =
		hc_array_reserve(&diff->pairs, diff->num_pairs, sizeof(*diff->pairs));

	if (err)
		return err;
	diff->pairs[diff->num_pairs] = *pair;
	judge(run, &diff->pairs[diff->num_pairs++]);
	return NULL;
}

/** Rows of one identity from @p first on that belong together. @return index behind the last */
static size_t gather(const struct run *run, size_t first, struct hc_mapping_pair *pair)
{
	uint64_t end = run->rows[first].mapping->end;
	size_t i = first;

	for (; i < run->num_rows; i++) {
		const struct row *row = &run->rows[i];

		if (compare_identity(run, &run->rows[first], row) ||
		    (run->same_process && i > first && row->mapping->start >= end))
			break;
		add_row(row->after ? &pair->after : &pair->before, row->mapping);
		if (row->mapping->end > end)
			end = row->mapping->end;
	}
	return i;
}

static struct hc_error *make_pairs(struct run *run)
{
	struct hc_error *err = NULL;

	for (size_t i = 0; !err && i < run->num_rows;) {
		struct hc_mapping_pair pair = {0};

		i = gather(run, i, &pair);
		err = add_pair(run, &pair);
	}
	return err;
}
/**@}*/

/** @name What has moved */
/**@{*/

/** By identity and size; what is gone before what is new. */
static int compare_moves(const void *a, const void *b, void *ctx)
{
	const struct hc_mapping_pair *x = a, *y = b;
	const struct hc_mapping_side *u = x->before.num ? &x->before : &x->after;
	const struct hc_mapping_side *v = y->before.num ? &y->before : &y->after;
	const struct row r = {u->first, false}, s = {v->first, false};
	int order = compare_identity(ctx, &r, &s);

	if (order)
		return order;
	if (u->size != v->size)
		return u->size < v->size ? -1 : 1;
	if (!x->before.num != !y->before.num)
		return x->before.num ? -1 : 1;
	return u->first->start < v->first->start ? -1 : u->first->start > v->first->start;
}

/** Whether two pairs have one identity and size. */
static bool same_shape(const struct run *run, const struct hc_mapping_pair *x,
		       const struct hc_mapping_pair *y)
{
	const struct hc_mapping_side *u = x->before.num ? &x->before : &x->after;
	const struct hc_mapping_side *v = y->before.num ? &y->before : &y->after;
	const struct row r = {u->first, false}, s = {v->first, false};

	return u->size == v->size && !compare_identity(run, &r, &s);
}

/** Those that are gone or new, to the front. @return how many */
static size_t collect_lonely(struct hc_mapping_diff *diff)
{
	size_t num = 0;

	for (size_t i = 0; i < diff->num_pairs; i++) {
		struct hc_mapping_pair pair = diff->pairs[i];

		if (pair.change != HC_MAPPING_GONE && pair.change != HC_MAPPING_NEW)
			continue;
		diff->pairs[i] = diff->pairs[num];
		diff->pairs[num++] = pair;
	}
	return num;
}

/**
 * Of a group of one shape, in which the gone come before the new, the first of either have moved,
 * as many as there are of both.
 */
static void pair_moves(struct run *run, struct hc_mapping_pair *gone, size_t num)
{
	size_t num_gone = hc_lower_bound(num, i, gone[i].change == HC_MAPPING_GONE);
	struct hc_mapping_pair *new = gone + num_gone;

	for (size_t i = 0; i < num_gone && i < num - num_gone; i++) {
		gone[i].after = new[i].after;
		judge(run, &gone[i]);
		gone[i].change = HC_MAPPING_MOVED;
		new[i].after.num = 0; /* nothing is left of it */
	}
}

static void find_moves(struct run *run)
{
	struct hc_mapping_diff *diff = &run->diff;
	size_t num = collect_lonely(diff), kept = 0;

	if (num)
		qsort_r(diff->pairs, num, sizeof(*diff->pairs), compare_moves, run);
	for (size_t i = 0, end; i < num; i = end) {
		for (end = i + 1; end < num && same_shape(run, &diff->pairs[i], &diff->pairs[end]);)
			end++;
		pair_moves(run, &diff->pairs[i], end - i);
	}
	for (size_t i = 0; i < diff->num_pairs; i++)
		if (diff->pairs[i].before.num || diff->pairs[i].after.num)
			diff->pairs[kept++] = diff->pairs[i];
	diff->num_pairs = kept;
}
/**@}*/

static int by_growth(const void *a, const void *b)
{
	const struct hc_mapping_pair *x = a, *y = b;
	const struct hc_mapping *m = x->after.num ? x->after.first : x->before.first;
	const struct hc_mapping *n = y->after.num ? y->after.first : y->before.first;

	if (x->growth != y->growth)
		return x->growth < y->growth ? 1 : -1;
	return m->start < n->start ? -1 : m->start > n->start;
}

static struct hc_error *add_rows(struct run *run, const struct hc_mappings *mappings, bool after)
{
	for (size_t i = 0; i < mappings->num; i++) {
		struct hc_error *err =
			hc_array_reserve(&run->rows, run->num_rows, sizeof(*run->rows));

		if (err)
			return err;
		run->rows[run->num_rows++] = (struct row){&mappings->items[i], after};
		add_row(after ? &run->diff.after : &run->diff.before, &mappings->items[i]);
	}
	return NULL;
}

static struct hc_error *compare(struct run *run, const struct hc_mappings *before,
				const struct hc_mappings *after)
{
	struct hc_mapping_diff *diff = &run->diff;
	struct hc_error *err = add_rows(run, before, false);

	if (!err)
		err = add_rows(run, after, true);
	if (err)
		return err;
	diff->before.first = diff->after.first = NULL;
	diff->has_resident = diff->before.resident != HC_UNKNOWN_BYTES &&
			     diff->after.resident != HC_UNKNOWN_BYTES;
	if (run->num_rows)
		qsort_r(run->rows, run->num_rows, sizeof(*run->rows), compare_rows, run);
	err = make_pairs(run);
	if (!err && run->same_process)
		find_moves(run);
	if (!err)
		hc_sort(diff->pairs, diff->num_pairs, by_growth);
	return err;
}

struct hc_error *hc_mapping_diff_run(const struct hc_mappings *before,
				     const struct hc_mappings *after, bool same_process,
				     struct hc_mapping_diff *ret)
{
	struct run run = {
		.same_process = same_process,
		.base_names = has_base_names(before) || has_base_names(after),
	};
	struct hc_error *err = compare(&run, before, after);

	free(run.rows);
	if (err) {
		hc_mapping_diff_deinit(&run.diff);
		return err;
	}
	*ret = run.diff;
	return NULL;
}

void hc_mapping_diff_deinit(struct hc_mapping_diff *diff)
{
	free(diff->pairs);
	*diff = (struct hc_mapping_diff){0};
}

bool hc_mappings_same_process(const struct hc_mappings *a, const struct hc_mappings *b)
{
	bool base = has_base_names(a) || has_base_names(b), found = false;

	for (size_t i = 0; i < a->num; i++) {
		const struct hc_mapping *mine = &a->items[i];
		const struct hc_mapping *other =
			mine->path ? hc_mappings_find(b, mine->start) : NULL;

		if (!other || !other->path || other->start != mine->start)
			continue;
		if (strcmp(base ? hc_base_name(other->path) : other->path,
			   base ? hc_base_name(mine->path) : mine->path) != 0)
			return false;
		found = true;
	}
	return found;
}
