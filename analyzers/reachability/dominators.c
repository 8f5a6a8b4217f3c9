/**
 * @file
 * Dominators: semi-NCA.
 *
 * The depth-first search gives every vertex a parent and numbers such that an edge to a later
 * vertex comes from an ancestor. The *semidominator* of v is the least u from which a path leads to
 * v whose vertices between are all later than v. Vertices are done from the last to the first.
 * Edges u → v with u < v bound it by u itself. One with u > v bounds it by the least semidominator
 * on the way from u up to, and without, the first ancestor that is not later than v: these vertices
 * are done, and form trees that are linked by ancestors. Finding that least one shortens the way
 * for later ones (path compression): each vertex on it gets what was found above it as its label.
 *
 * Then, from the first vertex to the last, the immediate dominator of v is the nearest common
 * ancestor, in the tree of dominators, of its parent and its semidominator: since that is an
 * ancestor of the parent, it is found by going up from the parent.
 *
 * The first half overwrites parents, the second needs them. The shape of the tree, at two bits a
 * vertex, gives them back in order.
 *
 * The second half may take a time that is quadratic in graphs that are made for it; it is never
 * more than linear in what is seen in heaps, and can be ended.
 */
#include "analyzers/reachability/dominators.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/cleanup.h"

enum {
	BLOCK_EDGES = 510,     /* that a block keeps: with its head 4 KiB */
	MAX_BUCKETS = 1024,    /* a power of two */
	CHECK_EVERY = 1 << 16, /* steps between two looks at whether to go on */
};

/** @name Edges that wait */
/**@{*/

struct pair {
	uint32_t from, to;
};

struct block {
	struct block *next;
	uint64_t num;
	struct pair pairs[BLOCK_EDGES];
};

struct bucket {
	struct block *blocks; /* the first has room, or is full */
	uint64_t total;       /* edges, with those that were given up */
};

struct hc_dominator_buckets {
	struct bucket items[MAX_BUCKETS];
	unsigned shift;       /* vertex >> shift: its bucket */
	unsigned low, high;   /* those of [low, high) are kept */
	uint64_t size, limit; /* blocks */
	bool failed;          /* memory ran out */
};

static void empty_bucket(struct hc_dominator_buckets *buckets, struct bucket *bucket)
{
	while (bucket->blocks) {
		struct block *next = bucket->blocks->next;

		free(bucket->blocks);
		bucket->blocks = next;
		buckets->size--;
	}
}

/** Give up the buckets that are needed last, but never all. */
static void make_room(struct hc_dominator_buckets *buckets, unsigned last)
{
	while (buckets->size >= buckets->limit && buckets->low < last)
		empty_bucket(buckets, &buckets->items[buckets->low++]);
}

void hc_dominators_keep(struct hc_dominators *dominators, uint32_t from, uint32_t to)
{
	struct hc_dominator_buckets *buckets = dominators->buckets;
	unsigned index = to >> buckets->shift;
	struct bucket *bucket = &buckets->items[index];

	if (!dominators->again) {
		bucket->total++;
		if (dominators->parent[from] == to) {
			dominators->to_parent[from / 64] |= UINT64_C(1) << from % 64;
			return;
		}
	}
	if (index < buckets->low || index >= buckets->high)
		return;
	if (!bucket->blocks || bucket->blocks->num == BLOCK_EDGES) {
		if (!dominators->again)
			make_room(buckets, (dominators->num - 1) >> buckets->shift);
		if (index < buckets->low)
			return;
		struct block *block = malloc(sizeof(*block));

		if (!block) {
			buckets->failed = true;
			return;
		}
		block->next = bucket->blocks;
		block->num = 0;
		bucket->blocks = block;
		buckets->size++;
	}
	bucket->blocks->pairs[bucket->blocks->num++] = (struct pair){from, to};
}
/**@}*/

/** @name Set-up and search */
/**@{*/

struct hc_error *hc_dominators_init(uint64_t max, uint64_t budget, struct hc_dominators *ret)
{
	struct hc_dominators dominators = {.num = 1, .max = max};

	if (max >= UINT32_MAX)
		return hc_error_create(HC_ERROR_LIMIT,
				       "dominators of more than four billion chunks");
	dominators.parent = calloc(max + 1, sizeof(*dominators.parent));
	dominators.semi = calloc(max + 1, sizeof(*dominators.semi));
	/* Each vertex is entered once and left at most once. */
	dominators.shape = calloc(max / 32 + 1, sizeof(*dominators.shape));
	dominators.to_parent = calloc(max / 64 + 1, sizeof(*dominators.to_parent));
	dominators.buckets = calloc(1, sizeof(*dominators.buckets));
	if (!dominators.parent || !dominators.semi || !dominators.shape || !dominators.to_parent ||
	    !dominators.buckets) {
		hc_dominators_deinit(&dominators);
		return &hc_enomem;
	}
	while (max >> dominators.buckets->shift >= MAX_BUCKETS)
		dominators.buckets->shift++;
	dominators.buckets->high = MAX_BUCKETS;
	dominators.buckets->limit = budget / sizeof(struct block) + 1;
	*ret = dominators;
	return NULL;
}

static void free_search(struct hc_dominators *dominators)
{
	for (size_t i = 0; dominators->buckets && i < MAX_BUCKETS; i++)
		empty_bucket(dominators->buckets, &dominators->buckets->items[i]);
	free(dominators->buckets);
	free(dominators->semi);
	free(dominators->shape);
	free(dominators->to_parent);
	dominators->buckets = NULL;
	dominators->semi = NULL;
	dominators->shape = NULL;
	dominators->to_parent = NULL;
}

void hc_dominators_deinit(struct hc_dominators *dominators)
{
	free_search(dominators);
	free(dominators->parent);
	*dominators = (struct hc_dominators){0};
}

uint32_t hc_dominators_enter(struct hc_dominators *dominators, uint32_t parent)
{
	uint32_t name = dominators->num++;

	for (uint32_t v = name - 1; v != parent; v = dominators->parent[v])
		dominators->num_bits++;
	dominators->shape[dominators->num_bits / 64] |= UINT64_C(1) << dominators->num_bits % 64;
	dominators->num_bits++;
	dominators->parent[name] = parent;
	dominators->semi[name] = parent;
	return name;
}
/**@}*/

/** @name Semidominators */
/**@{*/

/** A run: the graph, and the least semidominator from each vertex that is done up to its ancestor. */
struct run {
	struct hc_dominators *dominators;
	uint32_t *label;
	uint32_t *first, *from; /* of a bucket: for each of its vertices where its edges begin */
	uint64_t max_from;
	struct hc_watch *watch;
	uint64_t steps;
};

/** Whether to end. */
static bool is_cancelled(struct run *run)
{
	return ++run->steps % CHECK_EVERY == 0 && hc_watch_cancelled(run->watch);
}

/**
 * The least semidominator from @p u up to the first ancestor that is not later than @p v. On the
 * way up each vertex remembers where it was come from, in place of its ancestor.
 */
static inline uint32_t least_above(struct run *run, uint32_t u, uint32_t v)
{
	uint32_t *ancestor = run->dominators->parent, *label = run->label;
	uint32_t below = 0, x = u;

	while (ancestor[x] > v) {
		uint32_t next = ancestor[x];

		ancestor[x] = below;
		below = x;
		x = next;
	}
	uint32_t top = ancestor[x], least = label[x];

	while (below) {
		uint32_t next = ancestor[below];

		if (label[below] < least)
			least = label[below];
		else
			label[below] = least;
		ancestor[below] = top;
		below = next;
	}
	return label[u];
}

/** Sort the edges of a bucket by where they lead to. */
static struct hc_error *sort_bucket(struct run *run, unsigned index)
{
	const struct hc_dominator_buckets *buckets = run->dominators->buckets;
	const uint32_t mask = (UINT32_C(1) << buckets->shift) - 1;
	const struct block *blocks = buckets->items[index].blocks;
	uint64_t num = 0;

	memset(run->first, 0, ((uint64_t)mask + 2) * sizeof(*run->first));
	for (const struct block *block = blocks; block; block = block->next) {
		for (uint64_t i = 0; i < block->num; i++)
			run->first[block->pairs[i].to & mask]++;
		num += block->num;
	}
	if (num > UINT32_MAX)
		return hc_error_create(HC_ERROR_LIMIT, "more than four billion pointers in a part "
						       "of the heap");
	if (num >= run->max_from) {
		free(run->from);
		run->from = malloc((num + 1) * sizeof(*run->from));
		run->max_from = run->from ? num + 1 : 0;
		if (!run->from)
			return &hc_enomem;
	}
	/* Ends first, then each edge moves one forward. */
	for (uint64_t i = 1; i <= (uint64_t)mask + 1; i++)
		run->first[i] += run->first[i - 1];
	for (const struct block *block = blocks; block; block = block->next)
		for (uint64_t i = 0; i < block->num; i++)
			run->from[--run->first[block->pairs[i].to & mask]] = block->pairs[i].from;
	return NULL;
}

/** The semidominator of a vertex, all later ones being done. */
static void finish_vertex(struct run *run, uint32_t v, const uint32_t *from, uint32_t num)
{
	struct hc_dominators *dominators = run->dominators;
	uint32_t semi = dominators->semi[v];

	for (uint32_t i = 0; i < num; i++) {
		uint32_t least = least_above(run, from[i], v);

		if (least < semi)
			semi = least;
	}
	dominators->semi[v] = semi;
	run->label[v] = semi;
	uint32_t parent = dominators->parent[v];

	if (dominators->to_parent[v / 64] >> v % 64 & 1 && semi < dominators->semi[parent])
		dominators->semi[parent] = semi;
}

static struct hc_error *finish_bucket(struct run *run, unsigned index)
{
	struct hc_dominator_buckets *buckets = run->dominators->buckets;
	const uint32_t mask = (UINT32_C(1) << buckets->shift) - 1;
	uint64_t start = (uint64_t)index << buckets->shift, end = start + mask + 1;
	struct hc_error *err = sort_bucket(run, index);

	if (err)
		return err;
	empty_bucket(buckets, &buckets->items[index]);
	if (end > run->dominators->num)
		end = run->dominators->num;
	for (uint64_t v = end; v-- > start && v;) {
		uint32_t at = run->first[v - start];

		finish_vertex(run, v, run->from + at, run->first[v - start + 1] - at);
		if (is_cancelled(run))
			break;
	}
	return hc_watch_check(run->watch);
}

/** Those buckets, the last first, whose edges are there. */
static struct hc_error *finish_buckets(struct run *run)
{
	struct hc_dominator_buckets *buckets = run->dominators->buckets;
	struct hc_error *err = NULL;

	while (!err && buckets->high > buckets->low) {
		err = finish_bucket(run, --buckets->high);
		hc_watch_done(run->watch, run->dominators->num - ((uint64_t)buckets->high << buckets->shift),
			      run->dominators->num);
	}
	return err;
}

/** As many of the buckets that were given up as fit, at least one. */
static void choose_buckets(struct hc_dominator_buckets *buckets)
{
	uint64_t room = buckets->limit;

	buckets->high = buckets->low;
	do {
		uint64_t size = buckets->items[--buckets->low].total / BLOCK_EDGES + 1;

		room -= size < room ? size : room;
	} while (buckets->low && buckets->items[buckets->low - 1].total / BLOCK_EDGES + 1 <= room);
}

static struct hc_error *find_semidominators(struct run *run, hc_edges_again_fn again, void *ctx)
{
	struct hc_dominator_buckets *buckets = run->dominators->buckets;
	struct hc_error *err = NULL;

	buckets->high = ((run->dominators->num - 1) >> buckets->shift) + 1;
	for (;;) {
		if (buckets->failed)
			return &hc_enomem;
		err = finish_buckets(run);
		if (err || !buckets->low)
			return err;
		choose_buckets(buckets);
		run->dominators->again = true;
		if ((err = again(ctx)))
			return err;
	}
}
/**@}*/

/**
 * Immediate dominators from semidominators. The parent of a vertex stands on a stack of its
 * ancestors, which the labels make room for.
 */
static struct hc_error *find_dominators(struct run *run)
{
	struct hc_dominators *dominators = run->dominators;
	uint32_t *idom = dominators->parent, *stack = run->label;
	const uint32_t *semi = dominators->semi;
	uint32_t depth = 0, last_parent = 0, last_semi = UINT32_MAX;
	uint64_t bit = 0;

	stack[0] = 0;
	idom[0] = 0;
	for (uint32_t v = 1; v < dominators->num; v++) {
		for (; !(dominators->shape[bit / 64] >> bit % 64 & 1); bit++)
			depth--;
		bit++;
		uint32_t parent = stack[depth], j = parent;

		/* Children of one table in a row often have it in common, however far it is. */
		if (parent == last_parent && semi[v] == last_semi) {
			idom[v] = idom[v - 1];
		} else {
			while (j > semi[v] && !is_cancelled(run))
				j = idom[j];
			idom[v] = j;
		}
		last_parent = parent;
		last_semi = semi[v];
		stack[++depth] = v;
		if (is_cancelled(run))
			break;
	}
	return hc_watch_check(run->watch);
}

struct hc_error *hc_dominators_finish(struct hc_dominators *dominators, hc_edges_again_fn again,
				      void *ctx, struct hc_watch *watch)
{
	struct run run = {.dominators = dominators, .watch = watch};
	uint64_t width = (UINT64_C(1) << dominators->buckets->shift) + 1;
	struct hc_error *err = NULL;

	run.label = malloc(((uint64_t)dominators->num + 1) * sizeof(*run.label));
	run.first = malloc(width * sizeof(*run.first));
	if (!run.label || !run.first)
		err = &hc_enomem;
	if (!err)
		err = find_semidominators(&run, again, ctx);
	if (!err)
		err = find_dominators(&run);
	free(run.label);
	free(run.first);
	free(run.from);
	free_search(dominators);
	if (!err)
		dominators->idom = dominators->parent;
	return err;
}
