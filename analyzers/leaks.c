/**
 * @file
 * Leak groups.
 *
 * Two passes. The first classifies all lost chunks in parallel and keeps the answers in planes,
 * a few bits a unit. The second goes through the definite chunks in address order and visits what
 * hangs below each and was not visited before; this is what "counted with the one at the lowest
 * address" means, and it is sequential for that reason. The chunks of one tree are added up in a
 * small table; at its end the tree's look is known and the table is added to that of its group. So
 * memory grows with groups and their rows, not with chunks.
 */
#include "analyzers/leaks.h"

#include <stdlib.h>
#include <string.h>

#include "analyzers/trace.h"
#include "core/cleanup.h"
#include "core/parallel.h"

#define MAX_CLASS_BITS 7
_Static_assert(HC_MAX_CLASSES <= 1 << MAX_CLASS_BITS, "a class must fit its planes");

/** In a look: no textual class. */
#define STRUCTURAL HC_CLASS_NONE

struct hc_leak_index {
	const struct hc_heap *heap;
	const struct hc_classifier *classifier;
	const struct hc_selection *selection;
	struct hc_tracer *tracer;
	struct hc_plane classes[MAX_CLASS_BITS];
	unsigned class_bits;       /* as many as the classes need */
	struct hc_histogram sizes; /* of root objects */
};

/** @name Tables of rows, by (group, size, class, indirect) */
/**@{*/

struct row {
	uint32_t group;
	uint32_t slot; /* where the table points to it */
	struct hc_leak_row row;
};

struct table {
	struct row *rows;
	size_t num, capacity;
	uint32_t *slots; /* index of a row plus one, or 0; a power of two, at most half full */
	size_t num_slots;
};

static void table_deinit(struct table *table)
{
	free(table->rows);
	free(table->slots);
}

static uint32_t hash_row(uint32_t group, const struct hc_leak_row *row)
{
	uint64_t key =
		row->size ^ (uint64_t)group << 40 ^ (uint64_t)row->class << 1 ^ row->indirect;

	return key * UINT64_C(0x9e3779b97f4a7c15) >> 32;
}

static struct hc_error *table_grow(struct table *table)
{
	size_t capacity = table->capacity ? table->capacity * 2 : 32;
	struct row *rows = reallocarray(table->rows, capacity, sizeof(*rows));

	if (!rows)
		return &hc_enomem;
	table->rows = rows;
	uint32_t *slots = calloc(capacity * 2, sizeof(*slots));

	if (!slots)
		return &hc_enomem;
	free(table->slots);
	table->slots = slots;
	table->num_slots = capacity * 2;
	table->capacity = capacity;
	for (size_t i = 0; i < table->num; i++) {
		size_t slot = hash_row(rows[i].group, &rows[i].row) & (table->num_slots - 1);

		while (slots[slot])
			slot = (slot + 1) & (table->num_slots - 1);
		slots[slot] = i + 1;
		rows[i].slot = slot;
	}
	return NULL;
}

/**
 * Add counts to the row of @p row's size, class and depth; its sample is used when the row is new.
 */
static struct hc_error *table_add(struct table *table, uint32_t group,
				  const struct hc_leak_row *row)
{
	if (table->num == table->capacity) {
		struct hc_error *err = table_grow(table);

		if (err)
			return err;
	}
	size_t slot = hash_row(group, row) & (table->num_slots - 1);

	for (; table->slots[slot]; slot = (slot + 1) & (table->num_slots - 1)) {
		struct row *found = &table->rows[table->slots[slot] - 1];

		if (found->group == group && found->row.size == row->size &&
		    found->row.class == row->class && found->row.indirect == row->indirect) {
			found->row.count.chunks += row->count.chunks;
			found->row.count.bytes += row->count.bytes;
			return NULL;
		}
	}
	table->rows[table->num] = (struct row){group, slot, *row};
	table->slots[slot] = ++table->num;
	return NULL;
}

/** Empty it at a cost that depends on what is in it only. */
static void table_clear(struct table *table)
{
	for (size_t i = 0; i < table->num; i++)
		table->slots[table->rows[i].slot] = 0;
	table->num = 0;
}
/**@}*/

/** @name Looks */
/**@{*/

/** What makes trees alike. */
struct look {
	uint64_t root_size;
	hc_class_id root_class, content; /* a textual class, or STRUCTURAL */
};

static hc_class_id textual(const struct hc_leak_index *index, hc_class_id class)
{
	return hc_class_of(index->classifier, class)->textual ? class : STRUCTURAL;
}

/** Root objects of exactly this chunk size. */
static uint64_t roots_of_size(const struct hc_leak_index *index, uint64_t size)
{
	size_t low = 0, high = index->sizes.num_rows;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (index->sizes.rows[middle].min_size < size)
			low = middle + 1;
		else
			high = middle;
	}
	return low < index->sizes.num_rows && index->sizes.rows[low].min_size == size
		       ? index->sizes.rows[low].in_use.chunks
		       : 0;
}

/** How much rarer a size must be than the next smaller one to count as that with slack. */
#define SLACK_RARITY 16

/**
 * The size that most objects like this have. A chunk that was cut from a slightly larger one keeps
 * the remainder when that is too small to be a chunk, so a few objects of each kind are a step
 * larger than the others.
 */
static uint64_t size_without_slack(const struct hc_leak_index *index, uint64_t size)
{
	uint64_t slack = index->heap->min_chunk - index->heap->alignment;

	if (slack && size > slack &&
	    roots_of_size(index, size) * SLACK_RARITY <= roots_of_size(index, size - slack))
		return size - slack;
	return size;
}

/** What some chunks hold of one class. */
struct class_sum {
	hc_class_id class;
	struct hc_count count;
	uint64_t sample;     /* the first address */
	uint64_t roots;      /* root objects that are of the class */
	uint64_t roots_with; /* root objects whose trees have such a chunk */
};

/** The same of all classes that occur, which are few. */
struct class_sums {
	struct class_sum *items;
	size_t num, capacity;
};

static struct hc_error *find_sum(struct class_sums *sums, hc_class_id class, struct class_sum **ret)
{
	for (size_t i = 0; i < sums->num; i++) {
		*ret = &sums->items[i];
		if ((*ret)->class == class)
			return NULL;
	}
	if (sums->num == sums->capacity) {
		size_t capacity = sums->capacity ? sums->capacity * 2 : 4;
		struct class_sum *items = reallocarray(sums->items, capacity, sizeof(*items));

		if (!items)
			return &hc_enomem;
		sums->items = items;
		sums->capacity = capacity;
	}
	*ret = &sums->items[sums->num++];
	**ret = (struct class_sum){.class = class};
	return NULL;
}

/**
 * Whether a class says more about some chunks than another. Text does; of two kinds of text the one
 * that is harder to mistake, which classes are in the order of: who asked, in a small chunk, says
 * more than what was answered in a large one, and unlike sizes it is the same from tree to tree.
 */
static bool says_more(const struct hc_leak_index *index, const struct class_sum *a,
		      const struct class_sum *b)
{
	bool a_textual = hc_class_of(index->classifier, a->class)->textual;
	bool b_textual = hc_class_of(index->classifier, b->class)->textual;

	if (a_textual != b_textual)
		return a_textual;
	if (!a_textual && a->count.bytes != b->count.bytes)
		return a->count.bytes > b->count.bytes;
	return hc_class_precedes(a->class, b->class);
}

/** The class that says most; there must be one. */
static const struct class_sum *best_class(const struct hc_leak_index *index,
					  const struct class_sums *sums)
{
	const struct class_sum *best = &sums->items[0];

	for (size_t i = 1; i < sums->num; i++) {
		if (says_more(index, &sums->items[i], best))
			best = &sums->items[i];
	}
	return best;
}

/** The tree that is being visited. */
struct tree {
	const struct hc_leak_index *index;
	struct hc_chunk root;
	hc_class_id root_class;
	bool selected;
	struct table rows;
	struct class_sums classes;
	struct hc_error *err;
};

static struct look look_of(const struct tree *tree)
{
	return (struct look){
		.root_size = size_without_slack(tree->index, tree->root.size),
		.root_class = textual(tree->index, tree->root_class),
		.content = textual(tree->index, best_class(tree->index, &tree->classes)->class),
	};
}
/**@}*/

/** @name Classes of lost chunks */
/**@{*/

struct classify_job {
	struct hc_leak_index *index;
	struct classify_worker {
		struct hc_classifier_scratch *scratch;
		struct hc_selection_scratch *selection_scratch;
		struct hc_count possible;
	} *workers;
};

static hc_class_id class_of(const struct hc_leak_index *index, size_t span, uint64_t unit)
{
	unsigned class = 0;

	for (unsigned i = 0; i < index->class_bits; i++)
		class |= (unsigned)hc_plane_has(index->tracer, &index->classes[i], span, unit) << i;
	return class;
}

static void classify_chunk(struct classify_job *job, struct classify_worker *worker, size_t span,
			   uint64_t unit)
{
	struct hc_leak_index *index = job->index;
	struct hc_chunk chunk;

	hc_span_chunk(index->heap, &index->heap->spans[span], unit, &chunk);
	if (chunk.reach == HC_POSSIBLE) {
		if (!index->selection || hc_selection_has(index->selection, index->heap, &chunk,
							  worker->selection_scratch)) {
			worker->possible.chunks++;
			worker->possible.bytes += chunk.size;
		}
		return;
	}
	hc_class_id class = hc_classify(index->classifier, worker->scratch,
					hc_chunk_bytes(index->heap, &chunk));

	for (unsigned i = 0; i < index->class_bits; i++)
		if (class >> i & 1)
			hc_plane_set(index->tracer, &index->classes[i], span, unit);
}

static struct hc_error *classify_stretch(void *ctx, unsigned worker, size_t task)
{
	struct classify_job *job = ctx;
	const struct hc_stretch *stretch = &job->index->tracer->stretches[task];
	const struct hc_span *span = &job->index->heap->spans[stretch->span];

	for (uint64_t i = stretch->from; i < stretch->to && i < span->num_blocks; i++) {
		const struct hc_block *block = &span->blocks[i];
		uint64_t possible = hc_block_in_use(block) & block->a & block->b;

		for (uint64_t bits = hc_block_lost(block) | possible; bits; bits &= bits - 1)
			classify_chunk(job, &job->workers[worker], stretch->span,
				       i * HC_UNITS_PER_BLOCK + __builtin_ctzll(bits));
	}
	return NULL;
}

static struct hc_error *create_scratch(struct classify_job *job, unsigned jobs)
{
	struct hc_error *err = NULL;

	for (unsigned i = 0; !err && i < jobs; i++) {
		err = hc_classifier_scratch_create(job->index->classifier,
						   &job->workers[i].scratch);
		if (!err && job->index->selection)
			err = hc_selection_scratch_create(job->index->selection,
							  &job->workers[i].selection_scratch);
	}
	return err;
}

static struct hc_error *classify_lost(const struct hc_process *process, struct hc_leak_index *index,
				      struct hc_count *possible_ret)
{
	struct hc_count possible = {0};
	hc_cleanup_free struct classify_worker *workers = calloc(process->jobs, sizeof(*workers));
	struct hc_error *err;

	if (!workers)
		return &hc_enomem;
	struct classify_job job = {index, workers};

	err = create_scratch(&job, process->jobs);
	if (!err)
		err = hc_parallel_for(process->jobs, index->tracer->num_stretches, classify_stretch,
				      &job);
	for (unsigned i = 0; i < process->jobs; i++) {
		possible.chunks += workers[i].possible.chunks;
		possible.bytes += workers[i].possible.bytes;
		hc_classifier_scratch_destroy(workers[i].scratch);
		hc_selection_scratch_destroy(workers[i].selection_scratch);
	}
	*possible_ret = possible;
	return err;
}
/**@}*/

/** @name Trees */
/**@{*/

/** Called at the end of each tree. */
typedef struct hc_error *(*tree_fn)(void *ctx, const struct tree *tree);

static void visit_chunk(void *ctx, size_t span, uint64_t unit)
{
	struct tree *tree = ctx;
	const struct hc_leak_index *index = tree->index;
	struct hc_chunk chunk;

	hc_span_chunk(index->heap, &index->heap->spans[span], unit, &chunk);
	hc_class_id class = class_of(index, span, unit);
	struct hc_leak_row row = {
		.size = chunk.size,
		.class = class,
		.indirect = chunk.address != tree->root.address,
		.count = {1, chunk.size},
		.sample = chunk.address,
	};

	struct class_sum *sum;

	if (!tree->err)
		tree->err = find_sum(&tree->classes, class, &sum);
	if (!tree->err)
		tree->err = table_add(&tree->rows, 0, &row);
	if (tree->err)
		return;
	sum->count.chunks++;
	sum->count.bytes += chunk.size;
	if (!sum->sample || chunk.address < sum->sample)
		sum->sample = chunk.address;
}

static struct hc_error *visit_tree(struct tree *tree, size_t span, uint64_t unit,
				   struct hc_plane *visited, struct hc_selection_scratch *scratch,
				   tree_fn fn, void *ctx)
{
	const struct hc_leak_index *index = tree->index;

	hc_span_chunk(index->heap, &index->heap->spans[span], unit, &tree->root);
	if (index->selection &&
	    !hc_selection_has(index->selection, index->heap, &tree->root, scratch)) {
		/* Not asked for, but what it reaches is not somebody else's. */
		hc_tracer_visit(index->tracer, span, unit, visited, NULL, NULL);
		return NULL;
	}
	table_clear(&tree->rows);
	tree->classes.num = 0;
	tree->root_class = class_of(index, span, unit);
	hc_tracer_visit(index->tracer, span, unit, visited, visit_chunk, tree);
	return tree->err ? tree->err : fn(ctx, tree);
}

/** Visit the trees of all selected root objects, in address order. */
static struct hc_error *visit_trees(const struct hc_leak_index *index, struct hc_plane *visited,
				    struct hc_selection_scratch *scratch, tree_fn fn, void *ctx)
{
	const struct hc_tracer *tracer = index->tracer;
	struct tree tree = {.index = index};
	struct hc_error *err = NULL;

	for (size_t s = 0; !err && s < tracer->num_stretches; s++) {
		const struct hc_stretch *stretch = &tracer->stretches[s];
		const struct hc_span *span = &index->heap->spans[stretch->span];

		for (uint64_t i = stretch->from; i < stretch->to && i < span->num_blocks; i++) {
			uint64_t bits = hc_block_lost(&span->blocks[i]) & ~span->blocks[i].a;

			for (; !err && bits; bits &= bits - 1)
				err = visit_tree(&tree, stretch->span,
						 i * HC_UNITS_PER_BLOCK + __builtin_ctzll(bits),
						 visited, scratch, fn, ctx);
		}
	}
	table_deinit(&tree.rows);
	free(tree.classes.items);
	return err;
}

static struct hc_error *run_trees(const struct hc_leak_index *index, tree_fn fn, void *ctx)
{
	struct hc_selection_scratch *scratch = NULL;
	struct hc_plane visited = {0};
	struct hc_error *err = hc_plane_init(index->tracer, &visited);

	if (!err && index->selection)
		err = hc_selection_scratch_create(index->selection, &scratch);
	if (!err)
		err = visit_trees(index, &visited, scratch, fn, ctx);
	hc_selection_scratch_destroy(scratch);
	hc_plane_deinit(&visited);
	return err;
}
/**@}*/

/** @name Groups */
/**@{*/

/** A group while it is being added up. */
struct draft {
	struct look look;
	struct hc_leak_group group;
	struct class_sums classes;
	uint8_t *arenas; /* a bit each, mmap the last */
};

static void draft_deinit(struct draft *draft)
{
	free(draft->classes.items);
	free(draft->arenas);
}

struct drafts {
	const struct hc_heap *heap;
	struct draft *items;
	size_t num, capacity;
	uint32_t *slots; /* index plus one, by look; twice the capacity */
	struct table rows;
};

static size_t draft_slot(const struct drafts *drafts, const struct look *look)
{
	size_t mask = drafts->capacity * 2 - 1;
	uint64_t key =
		look->root_size ^ (uint64_t)look->root_class << 48 ^ (uint64_t)look->content << 56;
	size_t slot = (key * UINT64_C(0x9e3779b97f4a7c15) >> 32) & mask;

	for (; drafts->slots[slot]; slot = (slot + 1) & mask) {
		const struct look *other = &drafts->items[drafts->slots[slot] - 1].look;

		if (other->root_size == look->root_size && other->root_class == look->root_class &&
		    other->content == look->content)
			break;
	}
	return slot;
}

static struct hc_error *grow_drafts(struct drafts *drafts)
{
	size_t capacity = drafts->capacity ? drafts->capacity * 2 : 32;
	struct draft *items = reallocarray(drafts->items, capacity, sizeof(*items));

	if (!items)
		return &hc_enomem;
	drafts->items = items;
	uint32_t *slots = calloc(capacity * 2, sizeof(*slots));

	if (!slots)
		return &hc_enomem;
	free(drafts->slots);
	drafts->slots = slots;
	drafts->capacity = capacity;
	for (size_t i = 0; i < drafts->num; i++)
		slots[draft_slot(drafts, &items[i].look)] = i + 1;
	return NULL;
}

static struct hc_error *find_draft(struct drafts *drafts, const struct look *look, size_t *ret)
{
	if (drafts->num == drafts->capacity) {
		struct hc_error *err = grow_drafts(drafts);

		if (err)
			return err;
	}
	size_t slot = draft_slot(drafts, look);

	if (!drafts->slots[slot]) {
		uint8_t *arenas = calloc(drafts->heap->num_arenas / 8 + 1, 1);

		if (!arenas)
			return &hc_enomem;
		drafts->items[drafts->num] = (struct draft){.look = *look, .arenas = arenas};
		drafts->slots[slot] = ++drafts->num;
	}
	*ret = drafts->slots[slot] - 1;
	return NULL;
}

/** Add what a tree holds of each class. */
static struct hc_error *add_classes(struct class_sums *sums, const struct tree *tree)
{
	for (size_t i = 0; i < tree->classes.num; i++) {
		const struct class_sum *more = &tree->classes.items[i];
		struct class_sum *sum;
		struct hc_error *err = find_sum(sums, more->class, &sum);

		if (err)
			return err;
		sum->count.chunks += more->count.chunks;
		sum->count.bytes += more->count.bytes;
		sum->roots += more->class == tree->root_class;
		sum->roots_with++;
		if (!sum->sample)
			sum->sample = more->sample;
	}
	return NULL;
}

static void add_root(struct draft *draft, const struct hc_heap *heap, const struct tree *tree)
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

static struct hc_error *add_tree(void *ctx, const struct tree *tree)
{
	struct drafts *drafts = ctx;
	struct look look = look_of(tree);
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
	for (size_t i = 0; !err && i < tree->rows.num; i++) {
		const struct hc_leak_row *row = &tree->rows.rows[i].row;

		if (row->indirect) {
			draft->group.below.chunks += row->count.chunks;
			draft->group.below.bytes += row->count.bytes;
		}
		err = table_add(&drafts->rows, number, row);
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
	const struct row *x = a, *y = b;

	if (x->group != y->group)
		return x->group < y->group ? -1 : 1;
	if (x->row.count.bytes != y->row.count.bytes)
		return x->row.count.bytes < y->row.count.bytes ? 1 : -1;
	if (x->row.size != y->row.size)
		return x->row.size < y->row.size ? 1 : -1;
	if (x->row.class != y->row.class)
		return x->row.class < y->row.class ? -1 : 1;
	return x->row.indirect - y->row.indirect;
}

static void choose_classes(const struct hc_leak_index *index, struct draft *draft)
{
	struct hc_leak_group *group = &draft->group;
	const struct class_sum *root = &draft->classes.items[0];
	const struct class_sum *best = best_class(index, &draft->classes);

	for (size_t i = 1; i < draft->classes.num; i++) {
		const struct class_sum *sum = &draft->classes.items[i];

		if (sum->roots > root->roots ||
		    (sum->roots == root->roots && hc_class_precedes(sum->class, root->class)))
			root = sum;
	}
	group->root_size = draft->look.root_size;
	group->root_class = root->class;
	group->content = best->class;
	group->content_count = best->count;
	group->roots_with_content = best->roots_with;
	group->sample_content = best->sample;
}

/** Hand the sorted rows of a group over. @param next first row that may belong to it; steps on */
static struct hc_error *take_rows(const struct table *table, size_t number, size_t *next,
				  struct hc_leak_group *group)
{
	size_t from = *next;

	while (*next < table->num && table->rows[*next].group == number)
		++*next;
	group->rows = calloc(*next - from + 1, sizeof(*group->rows));
	if (!group->rows)
		return &hc_enomem;
	for (size_t i = from; i < *next; i++)
		group->rows[group->num_rows++] = table->rows[i].row;
	return NULL;
}

static struct hc_error *finish_groups(struct drafts *drafts, struct hc_leaks *leaks)
{
	struct hc_error *err = NULL;
	size_t next = 0;

	leaks->groups = calloc(drafts->num + 1, sizeof(*leaks->groups));
	if (!leaks->groups)
		return &hc_enomem;
	if (drafts->rows.num)
		qsort(drafts->rows.rows, drafts->rows.num, sizeof(*drafts->rows.rows),
		      compare_rows);
	for (size_t i = 0; !err && i < drafts->num; i++) {
		struct hc_leak_group *group = &leaks->groups[leaks->num_groups++];

		choose_classes(leaks->index, &drafts->items[i]);
		*group = drafts->items[i].group;
		leaks->definite.chunks += group->roots.chunks;
		leaks->definite.bytes += group->roots.bytes;
		leaks->indirect.chunks += group->below.chunks;
		leaks->indirect.bytes += group->below.bytes;
		err = take_rows(&drafts->rows, i, &next, group);
	}
	qsort(leaks->groups, leaks->num_groups, sizeof(*leaks->groups), compare_groups);
	return err;
}

static struct hc_error *find_groups(struct hc_leaks *leaks)
{
	struct drafts drafts = {.heap = leaks->index->heap};
	struct hc_error *err = run_trees(leaks->index, add_tree, &drafts);

	if (!err)
		err = finish_groups(&drafts, leaks);
	for (size_t i = 0; i < drafts.num; i++)
		draft_deinit(&drafts.items[i]);
	free(drafts.items);
	free(drafts.slots);
	table_deinit(&drafts.rows);
	return err;
}
/**@}*/

static struct hc_error *count_root_sizes(struct hc_leak_index *index)
{
	struct hc_selection roots;

	hc_selection_init(&roots);
	roots.reaches = 1u << HC_DEFINITE;
	struct hc_error *err = hc_histogram_run(index->heap, &roots, false, &index->sizes);

	hc_selection_deinit(&roots);
	return err;
}

static struct hc_error *create_index(const struct hc_process *process, const struct hc_heap *heap,
				     const struct hc_classifier *classifier,
				     const struct hc_selection *selection,
				     struct hc_leak_index **ret)
{
	struct hc_leak_index *index = calloc(1, sizeof(*index));
	struct hc_error *err;

	if (!index)
		return &hc_enomem;
	*ret = index;
	index->heap = heap;
	index->classifier = classifier;
	while (1u << index->class_bits <
	       hc_signatures_num_classes(hc_classifier_signatures(classifier)))
		index->class_bits++;
	index->selection = selection;
	/* HC_PASS_VISIT does not write to the heap. */
	err = hc_tracer_create(process, (struct hc_heap *)heap, 1, &index->tracer);
	for (unsigned i = 0; !err && i < index->class_bits; i++)
		err = hc_plane_init(index->tracer, &index->classes[i]);
	return err ? err : count_root_sizes(index);
}

struct hc_error *hc_leaks_run(const struct hc_process *process, const struct hc_heap *heap,
			      const struct hc_classifier *classifier,
			      const struct hc_selection *selection, struct hc_leaks *ret)
{
	struct hc_leaks leaks = {0};
	struct hc_error *err = create_index(process, heap, classifier, selection, &leaks.index);

	if (!err)
		err = classify_lost(process, leaks.index, &leaks.possible);
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
	if (leaks->index) {
		for (unsigned i = 0; i < leaks->index->class_bits; i++)
			hc_plane_deinit(&leaks->index->classes[i]);
		hc_tracer_destroy(leaks->index->tracer);
		hc_histogram_deinit(&leaks->index->sizes);
		free(leaks->index);
	}
	*leaks = (struct hc_leaks){0};
}

/** @name The chunks of one group */
/**@{*/

/**
 * A first round over the trees finds the roots of the group, since a tree's look is known at its
 * end only. A second one marks what is below them.
 */
struct members {
	const struct hc_leak_index *index;
	struct look look;
	struct hc_plane roots, below;
	struct hc_plane visited;
};

static struct hc_error *mark_root(void *ctx, const struct tree *tree)
{
	struct members *members = ctx;
	struct look look = look_of(tree);

	if (look.root_size == members->look.root_size &&
	    look.root_class == members->look.root_class && look.content == members->look.content)
		hc_plane_set(members->index->tracer, &members->roots,
			     tree->root.span - members->index->heap->spans, tree->root.unit);
	return NULL;
}

static void mark_below(void *ctx, size_t span, uint64_t unit)
{
	struct members *members = ctx;

	if (!hc_plane_has(members->index->tracer, &members->roots, span, unit))
		hc_plane_set(members->index->tracer, &members->below, span, unit);
}

static void mark_trees(struct members *members)
{
	const struct hc_heap *heap = members->index->heap;
	struct hc_tracer *tracer = members->index->tracer;

	for (size_t s = 0; s < heap->num_spans; s++) {
		const struct hc_span *span = &heap->spans[s];

		for (uint64_t i = 0; i < span->num_blocks; i++) {
			uint64_t bits = hc_block_lost(&span->blocks[i]) & ~span->blocks[i].a;

			for (; bits; bits &= bits - 1) {
				uint64_t unit = i * HC_UNITS_PER_BLOCK + __builtin_ctzll(bits);
				bool member = hc_plane_has(tracer, &members->roots, s, unit);

				hc_tracer_visit(tracer, s, unit, &members->visited,
						member ? mark_below : NULL, members);
			}
		}
	}
}

/** @return false when @p fn wants no more */
static bool hand_out(const struct members *members, const struct hc_plane *plane, bool indirect,
		     hc_leak_chunk_fn fn, void *ctx)
{
	const struct hc_heap *heap = members->index->heap;

	for (size_t s = 0; s < heap->num_spans; s++) {
		const struct hc_span *span = &heap->spans[s];

		for (uint64_t i = 0; i < span->num_blocks; i++) {
			uint64_t first = i * HC_UNITS_PER_BLOCK;
			uint64_t bits = *hc_plane_word(members->index->tracer, plane, s, first);

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

struct hc_error *hc_leaks_each(const struct hc_process *process __attribute__((unused)),
			       const struct hc_heap *heap __attribute__((unused)),
			       const struct hc_leaks *leaks, size_t number, hc_leak_chunk_fn fn,
			       void *ctx)
{
	if (number < 1 || number > leaks->num_groups)
		return hc_error_create(HC_ERROR_ARGUMENT, "there is no group %zu; the last is %zu",
				       number, leaks->num_groups);
	const struct hc_leak_group *group = &leaks->groups[number - 1];
	struct hc_tracer *tracer = leaks->index->tracer;
	struct members members = {
		.index = leaks->index,
		.look = {group->root_size, textual(leaks->index, group->root_class),
			 textual(leaks->index, group->content)},
	};
	struct hc_error *err;

	if (!(err = hc_plane_init(tracer, &members.roots)) &&
	    !(err = hc_plane_init(tracer, &members.below)) &&
	    !(err = hc_plane_init(tracer, &members.visited)) &&
	    !(err = run_trees(leaks->index, mark_root, &members))) {
		mark_trees(&members);
		if (hand_out(&members, &members.roots, false, fn, ctx))
			hand_out(&members, &members.below, true, fn, ctx);
	}
	hc_plane_deinit(&members.roots);
	hc_plane_deinit(&members.below);
	hc_plane_deinit(&members.visited);
	return err;
}
/**@}*/

/** @name The chunks of the first groups */
/**@{*/

/**
 * As above in two rounds, for several groups at once: the first writes the number of its group, as
 * a binary number in planes, at each root object; the second visits the trees again and knows the
 * group from the start.
 */
#define NUMBER_BITS 4
_Static_assert(HC_LEAKS_MAX_WALK < 1 << NUMBER_BITS, "a group number must fit its planes");

struct walk {
	const struct hc_heap *heap;
	const struct hc_leaks *leaks;
	size_t num;
	struct hc_plane numbers[NUMBER_BITS];
	struct hc_plane visited;
	struct {
		size_t span;
		uint64_t unit;
		size_t number;
	} root; /* of the tree that is being visited */
	hc_leak_walk_fn fn;
	void *ctx;
	struct hc_error *err;
};

static struct hc_error *number_root(void *ctx, const struct tree *tree)
{
	struct walk *walk = ctx;
	struct look look = look_of(tree);
	size_t number = 0;

	while (number < walk->num) {
		const struct hc_leak_group *group = &walk->leaks->groups[number++];

		if (look.root_size != group->root_size ||
		    look.root_class != textual(tree->index, group->root_class) ||
		    look.content != textual(tree->index, group->content))
			continue;
		for (unsigned i = 0; i < NUMBER_BITS; i++)
			if (number >> i & 1)
				hc_plane_set(walk->leaks->index->tracer, &walk->numbers[i],
					     tree->root.span - walk->heap->spans, tree->root.unit);
		break;
	}
	return NULL;
}

static void walk_chunk(void *ctx, size_t span, uint64_t unit)
{
	struct walk *walk = ctx;
	struct hc_chunk chunk;

	if (walk->err)
		return;
	hc_span_chunk(walk->heap, &walk->heap->spans[span], unit, &chunk);
	walk->err = walk->fn(walk->ctx, walk->root.number, &chunk,
			     class_of(walk->leaks->index, span, unit),
			     span != walk->root.span || unit != walk->root.unit);
}

static void walk_tree(struct walk *walk, size_t span, uint64_t unit)
{
	struct hc_tracer *tracer = walk->leaks->index->tracer;
	size_t number = 0;

	for (unsigned i = 0; i < NUMBER_BITS; i++)
		number |= (size_t)hc_plane_has(tracer, &walk->numbers[i], span, unit) << i;
	walk->root.span = span;
	walk->root.unit = unit;
	walk->root.number = number;
	hc_tracer_visit(tracer, span, unit, &walk->visited, number ? walk_chunk : NULL, walk);
}

static void walk_trees(struct walk *walk)
{
	for (size_t s = 0; s < walk->heap->num_spans; s++) {
		const struct hc_span *span = &walk->heap->spans[s];

		for (uint64_t i = 0; !walk->err && i < span->num_blocks; i++) {
			uint64_t bits = hc_block_lost(&span->blocks[i]) & ~span->blocks[i].a;

			for (; bits; bits &= bits - 1)
				walk_tree(walk, s, i * HC_UNITS_PER_BLOCK + __builtin_ctzll(bits));
		}
	}
}

struct hc_error *hc_leaks_walk(const struct hc_heap *heap, const struct hc_leaks *leaks, size_t num,
			       hc_leak_walk_fn fn, void *ctx)
{
	struct walk walk = {.heap = heap, .leaks = leaks, .num = num, .fn = fn, .ctx = ctx};
	struct hc_tracer *tracer = leaks->index->tracer;

	if (walk.num > leaks->num_groups)
		walk.num = leaks->num_groups;
	if (walk.num > HC_LEAKS_MAX_WALK)
		walk.num = HC_LEAKS_MAX_WALK;
	struct hc_error *err = hc_plane_init(tracer, &walk.visited);
	for (unsigned i = 0; !err && i < NUMBER_BITS; i++)
		err = hc_plane_init(tracer, &walk.numbers[i]);
	if (!err)
		err = run_trees(leaks->index, number_root, &walk);
	if (!err) {
		walk_trees(&walk);
		err = walk.err;
	}
	for (unsigned i = 0; i < NUMBER_BITS; i++)
		hc_plane_deinit(&walk.numbers[i]);
	hc_plane_deinit(&walk.visited);
	return err;
}
/**@}*/
