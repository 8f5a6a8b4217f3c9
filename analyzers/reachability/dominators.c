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

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "core/base/parallel.h"
#include "core/heap/build.h"

enum {
	BLOCK_EDGES = 511,     /* that a block keeps: with its head 4 KiB */
	MAX_BUCKETS = 1024,    /* a power of two */
	SORT_BESIDE = 1 << 10, /* vertices of buckets that are worth another thread */
	AHEAD = 32,            /* edges that are fetched for before they are looked at */
	CHECK_EVERY = 1 << 16, /* steps between two looks at whether to go on */
};

/** @name Edges that wait */
/**@{*/

struct pair {
	uint32_t from, to;
};

struct block {
	struct block *next;
	struct pair pairs[BLOCK_EDGES];
};

/** What a thread has of a bucket. */
struct kept {
	struct block *blocks;
	uint64_t num;   /* of the first block; the others are full */
	uint64_t total; /* edges, with those that were given up */
};

/** A thread's own. */
struct keeper {
	struct kept kept[MAX_BUCKETS];
	unsigned emptied; /* buckets below were given up and freed */
	bool failed;      /* memory ran out */
};

struct hc_dominator_buckets {
	struct keeper *keepers;
	unsigned jobs;
	unsigned shift;              /* vertex >> shift: its bucket */
	unsigned high;               /* those of [low, high) are kept */
	uint64_t limit;              /* blocks */
	pthread_mutex_t lock;        /* for: */
	unsigned low;                /* also read without it */
	uint64_t size;               /* blocks of the buckets from low on … */
	uint64_t sizes[MAX_BUCKETS]; /* … and of each */
};

static void free_blocks(struct block **blocks)
{
	while (*blocks) {
		struct block *next = (*blocks)->next;

		free(*blocks);
		*blocks = next;
	}
}

static unsigned lowest(const struct hc_dominator_buckets *buckets)
{
	return __atomic_load_n(&buckets->low, __ATOMIC_RELAXED);
}

/**
 * Count a block more. When there are too many, the buckets that are needed last are given up, but
 * never all: each thread frees what it has of them when it comes here.
 */
static void make_room(struct hc_dominator_buckets *buckets, unsigned index, unsigned last)
{
	pthread_mutex_lock(&buckets->lock);
	while (buckets->size >= buckets->limit && buckets->low < last) {
		buckets->size -= buckets->sizes[buckets->low];
		buckets->sizes[buckets->low] = 0;
		__atomic_store_n(&buckets->low, buckets->low + 1, __ATOMIC_RELAXED);
	}
	if (index >= buckets->low) {
		buckets->sizes[index]++;
		buckets->size++;
	}
	pthread_mutex_unlock(&buckets->lock);
}

static struct block *add_block(struct hc_dominators *dominators, struct keeper *keeper,
			       unsigned index)
{
	struct hc_dominator_buckets *buckets = dominators->buckets;
	/* The last time, what is kept was chosen to fit. */
	unsigned last = dominators->again ? 0 : (dominators->num - 1) >> buckets->shift;

	make_room(buckets, index, last);
	for (unsigned low = lowest(buckets); keeper->emptied < low; keeper->emptied++)
		free_blocks(&keeper->kept[keeper->emptied].blocks);
	if (index < keeper->emptied)
		return NULL;
	struct block *block = malloc(sizeof(*block));

	if (!block) {
		keeper->failed = true;
		return NULL;
	}
	block->next = keeper->kept[index].blocks;
	keeper->kept[index].blocks = block;
	keeper->kept[index].num = 0;
	return block;
}

void hc_dominators_keep(struct hc_dominators *dominators, unsigned worker, uint32_t from,
			uint32_t to)
{
	struct hc_dominator_buckets *buckets = dominators->buckets;
	struct keeper *keeper = &buckets->keepers[worker];
	unsigned index = to >> buckets->shift;
	struct kept *kept = &keeper->kept[index];

	if (!dominators->again) {
		kept->total++;
		if (dominators->links[from].ancestor == to) {
			__atomic_fetch_or(&dominators->to_parent[from / 64],
					  UINT64_C(1) << from % 64, __ATOMIC_RELAXED);
			return;
		}
	}
	if (index < lowest(buckets) || index >= buckets->high)
		return;
	struct block *block = kept->blocks;

	if (!block || kept->num == BLOCK_EDGES)
		block = add_block(dominators, keeper, index);
	if (block)
		block->pairs[kept->num++] = (struct pair){from, to};
}

/** Before edges are told for [low, high). */
static void begin_keeping(struct hc_dominator_buckets *buckets)
{
	buckets->size = 0;
	memset(buckets->sizes, 0, sizeof(buckets->sizes));
	for (unsigned i = 0; i < buckets->jobs; i++)
		buckets->keepers[i].emptied = buckets->low;
}

/** When they were: what was given up is freed. @return whether there was memory for all */
static bool end_keeping(struct hc_dominator_buckets *buckets)
{
	bool failed = false;

	for (unsigned i = 0; i < buckets->jobs; i++) {
		for (unsigned k = 0; k < buckets->low; k++)
			free_blocks(&buckets->keepers[i].kept[k].blocks);
		failed |= buckets->keepers[i].failed;
	}
	return !failed;
}
/**@}*/

/** @name Set-up and search */
/**@{*/

static struct hc_dominator_buckets *create_buckets(unsigned jobs)
{
	struct hc_dominator_buckets *buckets = calloc(1, sizeof(*buckets));
	struct keeper *keepers = calloc(jobs, sizeof(*keepers));

	if (!buckets || !keepers) {
		free(buckets);
		free(keepers);
		return NULL;
	}
	buckets->keepers = keepers;
	buckets->jobs = jobs;
	buckets->high = MAX_BUCKETS;
	pthread_mutex_init(&buckets->lock, NULL);
	return buckets;
}

static void destroy_buckets(struct hc_dominator_buckets *buckets)
{
	if (!buckets)
		return;
	for (unsigned i = 0; i < buckets->jobs; i++)
		for (unsigned k = 0; k < MAX_BUCKETS; k++)
			free_blocks(&buckets->keepers[i].kept[k].blocks);
	pthread_mutex_destroy(&buckets->lock);
	free(buckets->keepers);
	free(buckets);
}

struct hc_error *hc_dominators_init(uint64_t max, uint64_t budget, unsigned jobs,
				    struct hc_dominators *ret)
{
	struct hc_dominators dominators = {.num = 1, .max = max};

	if (max >= UINT32_MAX)
		return hc_error_create(HC_ERROR_LIMIT,
				       "dominators of more than four billion chunks");
	dominators.links = hc_zeroes_create(max + 1, sizeof(*dominators.links));
	dominators.semi = hc_zeroes_create(max + 1, sizeof(*dominators.semi));
	/* Each vertex is entered once and left at most once. */
	dominators.shape = calloc(max / 32 + 1, sizeof(*dominators.shape));
	dominators.to_parent = calloc(max / 64 + 1, sizeof(*dominators.to_parent));
	dominators.buckets = create_buckets(jobs);
	if (!dominators.links || !dominators.semi || !dominators.shape || !dominators.to_parent ||
	    !dominators.buckets) {
		hc_dominators_deinit(&dominators);
		return &hc_enomem;
	}
	while (max >> dominators.buckets->shift >= MAX_BUCKETS)
		dominators.buckets->shift++;
	dominators.buckets->limit = budget / sizeof(struct block) + 1;
	*ret = dominators;
	return NULL;
}

static void free_search(struct hc_dominators *dominators)
{
	destroy_buckets(dominators->buckets);
	hc_zeroes_destroy(dominators->links, (uint64_t)dominators->max + 1,
			  sizeof(*dominators->links));
	free(dominators->shape);
	free(dominators->to_parent);
	dominators->buckets = NULL;
	dominators->links = NULL;
	dominators->shape = NULL;
	dominators->to_parent = NULL;
}

void hc_dominators_deinit(struct hc_dominators *dominators)
{
	free_search(dominators);
	hc_zeroes_destroy(dominators->semi, (uint64_t)dominators->max + 1,
			  sizeof(*dominators->semi));
	hc_zeroes_destroy(dominators->idom, (uint64_t)dominators->max + 1,
			  sizeof(*dominators->idom));
	*dominators = (struct hc_dominators){0};
}

uint32_t hc_dominators_enter(struct hc_dominators *dominators, uint32_t parent)
{
	uint32_t name = dominators->num++;

	for (uint32_t v = name - 1; v != parent; v = dominators->links[v].ancestor)
		dominators->num_bits++;
	dominators->shape[dominators->num_bits / 64] |= UINT64_C(1) << dominators->num_bits % 64;
	dominators->num_bits++;
	dominators->links[name].ancestor = parent;
	dominators->semi[name] = parent;
	return name;
}
/**@}*/

/** @name Semidominators */
/**@{*/

/** The edges of a bucket. */
struct sorted {
	uint32_t *first; /* for each of its vertices where its edges begin */
	uint32_t *from;
	uint64_t max_from;
};

struct run {
	struct hc_dominators *dominators;
	struct sorted sorted[2]; /* of buckets with even and with odd index */
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
static inline uint32_t least_above(struct hc_dominator_link *links, uint32_t u, uint32_t v)
{
	uint32_t below = 0, x = u;

	while (links[x].ancestor > v) {
		uint32_t next = links[x].ancestor;

		links[x].ancestor = below;
		below = x;
		x = next;
	}
	const struct hc_dominator_link top = links[x];
	uint32_t least = top.label;

	while (below) {
		struct hc_dominator_link *link = &links[below];

		if (link->label < least)
			least = link->label;
		else
			link->label = least;
		below = link->ancestor;
		link->ancestor = top.ancestor;
	}
	return least;
}

static uint64_t edges_of_bucket(const struct hc_dominator_buckets *buckets, unsigned index)
{
	uint64_t num = 0;

	for (unsigned k = 0; k < buckets->jobs; k++) {
		const struct kept *kept = &buckets->keepers[k].kept[index];

		for (const struct block *block = kept->blocks; block; block = block->next)
			num += block == kept->blocks ? kept->num : BLOCK_EDGES;
	}
	return num;
}

static struct hc_error *reserve_edges(struct sorted *sorted, uint64_t num)
{
	if (num > UINT32_MAX)
		return hc_error_create(HC_ERROR_LIMIT, "more than four billion pointers in a part "
						       "of the heap");
	if (num < sorted->max_from)
		return NULL;
	free(sorted->from);
	sorted->from = malloc((num + 1) * sizeof(*sorted->from));
	sorted->max_from = sorted->from ? num + 1 : 0;
	return sorted->from ? NULL : &hc_enomem;
}

/** Sort the edges of a bucket by where they lead to; its blocks are freed. */
static struct hc_error *sort_bucket(struct run *run, unsigned index)
{
	const struct hc_dominator_buckets *buckets = run->dominators->buckets;
	struct sorted *sorted = &run->sorted[index % 2];
	const uint32_t mask = (UINT32_C(1) << buckets->shift) - 1;
	struct hc_error *err = reserve_edges(sorted, edges_of_bucket(buckets, index));

	if (err)
		return err;
	memset(sorted->first, 0, ((uint64_t)mask + 2) * sizeof(*sorted->first));
	for (unsigned k = 0; k < buckets->jobs; k++) {
		const struct kept *kept = &buckets->keepers[k].kept[index];
		uint64_t num = kept->num;

		for (const struct block *block = kept->blocks; block;
		     block = block->next, num = BLOCK_EDGES)
			for (uint64_t i = 0; i < num; i++)
				sorted->first[block->pairs[i].to & mask]++;
	}
	/* Ends first, then each edge moves one forward. */
	for (uint64_t i = 1; i <= (uint64_t)mask + 1; i++)
		sorted->first[i] += sorted->first[i - 1];
	for (unsigned k = 0; k < buckets->jobs; k++) {
		struct kept *kept = &buckets->keepers[k].kept[index];
		uint64_t num = kept->num;

		for (const struct block *block = kept->blocks; block;
		     block = block->next, num = BLOCK_EDGES)
			for (uint64_t i = 0; i < num; i++)
				sorted->from[--sorted->first[block->pairs[i].to & mask]] =
					block->pairs[i].from;
		free_blocks(&kept->blocks);
	}
	return NULL;
}

/** The semidominator of a vertex, all later ones being done. */
static void finish_vertex(struct hc_dominators *dominators, uint32_t v, const uint32_t *from,
			  uint32_t num)
{
	struct hc_dominator_link *links = dominators->links;
	uint32_t semi = dominators->semi[v], parent = links[v].ancestor;

	for (uint32_t i = 0; i < num; i++) {
		uint32_t least = least_above(links, from[i], v);

		if (least < semi)
			semi = least;
	}
	dominators->semi[v] = semi;
	links[v].label = semi;
	if (dominators->to_parent[v / 64] >> v % 64 & 1 && semi < dominators->semi[parent])
		dominators->semi[parent] = semi;
}

/** What the edges need that come AHEAD before those of [from, to): they are done backwards. */
static inline __attribute__((always_inline)) void
fetch_ahead(const struct hc_dominators *dominators, const struct sorted *sorted, uint32_t from,
	    uint32_t to)
{
	for (uint32_t i = from < AHEAD ? AHEAD : from; i < to; i++)
		__builtin_prefetch(&dominators->links[sorted->from[i - AHEAD]]);
}

/** The vertices of a bucket whose edges were sorted. */
static struct hc_error *finish_bucket(struct run *run, unsigned index)
{
	struct hc_dominators *dominators = run->dominators;
	const struct sorted *sorted = &run->sorted[index % 2];
	const unsigned shift = dominators->buckets->shift;
	uint64_t start = (uint64_t)index << shift, end = start + (UINT64_C(1) << shift);

	if (end > dominators->num)
		end = dominators->num;
	for (uint64_t v = end; v-- > start && v;) {
		uint32_t at = sorted->first[v - start], to = sorted->first[v - start + 1];

		fetch_ahead(dominators, sorted, at, to);
		finish_vertex(dominators, v, sorted->from + at, to - at);
		if (is_cancelled(run))
			break;
	}
	return hc_watch_check(run->watch);
}

/** While the vertices of one bucket are finished, the edges of the next one are sorted. */
static struct hc_error *finish_and_sort(void *ctx, unsigned worker, size_t task)
{
	struct run *run = ctx;
	const struct hc_dominator_buckets *buckets = run->dominators->buckets;

	(void)worker;
	if (!task)
		return finish_bucket(run, buckets->high);
	return buckets->high > buckets->low ? sort_bucket(run, buckets->high - 1) : NULL;
}

/** Those buckets, the last first, whose edges are there. */
static struct hc_error *finish_buckets(struct run *run)
{
	struct hc_dominator_buckets *buckets = run->dominators->buckets;
	struct hc_error *err = NULL;

	const unsigned jobs = buckets->jobs > 1 && 1 << buckets->shift >= SORT_BESIDE ? 2 : 1;

	if (buckets->high > buckets->low)
		err = sort_bucket(run, buckets->high - 1);
	while (!err && buckets->high > buckets->low) {
		buckets->high--;
		err = hc_parallel_for(jobs, 2, finish_and_sort, run);
		hc_watch_done(run->watch,
			      run->dominators->num - ((uint64_t)buckets->high << buckets->shift),
			      run->dominators->num);
	}
	return err;
}

/** Blocks that a bucket needs, in as many threads. */
static uint64_t blocks_of(const struct hc_dominator_buckets *buckets, unsigned index)
{
	uint64_t total = 0;

	for (unsigned i = 0; i < buckets->jobs; i++)
		total += buckets->keepers[i].kept[index].total;
	return total / BLOCK_EDGES + (total ? buckets->jobs : 0);
}

/** As many of the buckets that were given up as fit, at least one. */
static void choose_buckets(struct hc_dominator_buckets *buckets)
{
	uint64_t size = 0;

	buckets->high = buckets->low;
	do
		size += blocks_of(buckets, --buckets->low);
	while (buckets->low && size + blocks_of(buckets, buckets->low - 1) <= buckets->limit);
}

static struct hc_error *find_semidominators(struct run *run, hc_tell_edges_fn tell, void *ctx)
{
	struct hc_dominators *dominators = run->dominators;
	struct hc_dominator_buckets *buckets = dominators->buckets;
	struct hc_error *err = NULL;

	buckets->high = ((dominators->num - 1) >> buckets->shift) + 1;
	for (;;) {
		begin_keeping(buckets);
		if ((err = tell(ctx)))
			return err;
		if (!end_keeping(buckets))
			return &hc_enomem;
		err = finish_buckets(run);
		if (err || !buckets->low)
			return err;
		choose_buckets(buckets);
		dominators->again = true;
	}
}
/**@}*/

/**
 * Immediate dominators from semidominators, in their place. The parent of a vertex stands on a
 * stack of its ancestors, which the links make room for.
 */
static struct hc_error *find_dominators(struct run *run)
{
	struct hc_dominators *dominators = run->dominators;
	struct hc_dominator_link *stack = dominators->links;
	uint32_t *idom = dominators->semi;
	uint32_t depth = 0, last_parent = 0, last_semi = UINT32_MAX;
	uint64_t bit = 0;

	stack[0].ancestor = 0;
	idom[0] = 0;
	for (uint32_t v = 1; v < dominators->num; v++) {
		for (; !(dominators->shape[bit / 64] >> bit % 64 & 1); bit++)
			depth--;
		bit++;
		uint32_t parent = stack[depth].ancestor, semi = idom[v], j = parent;

		/* Children of one table in a row often have it in common, however far it is. */
		if (parent == last_parent && semi == last_semi) {
			idom[v] = idom[v - 1];
		} else {
			while (j > semi && !is_cancelled(run))
				j = idom[j];
			idom[v] = j;
		}
		last_parent = parent;
		last_semi = semi;
		stack[++depth].ancestor = v;
		if (is_cancelled(run))
			break;
	}
	return hc_watch_check(run->watch);
}

static void run_deinit(struct run *run)
{
	for (size_t i = 0; i < 2; i++) {
		free(run->sorted[i].first);
		free(run->sorted[i].from);
	}
}

struct hc_error *hc_dominators_finish(struct hc_dominators *dominators, hc_tell_edges_fn tell,
				      void *ctx, struct hc_watch *watch)
{
	hc_cleanup(run_deinit) struct run run = {.dominators = dominators, .watch = watch};
	uint64_t width = (UINT64_C(1) << dominators->buckets->shift) + 1;
	struct hc_error *err = NULL;

	for (size_t i = 0; i < 2; i++)
		if (!(run.sorted[i].first = malloc(width * sizeof(*run.sorted[i].first))))
			err = &hc_enomem;
	if (!err)
		err = find_semidominators(&run, tell, ctx);
	if (!err)
		err = find_dominators(&run);
	free_search(dominators);
	if (!err) {
		dominators->idom = dominators->semi;
		dominators->semi = NULL;
	}
	return err;
}
