/**
 * @file
 * Dominators by breadth-first search and iteration; see kept_graph.h.
 *
 * A vertex's parent and its level in the first tree are one word of 64 bits, since both are asked
 * for at once and a vertex must have both or none. The level stays what it was when the vertex
 * moves: a parent is always of a lower one, which is all that finding a common ancestor needs.
 *
 * While others move vertices, an ancestor that is found may have been one a moment ago. That does
 * no harm: whatever dominates both vertices lies above each parent that either ever had. It only
 * may be too low, and the vertex moves further in a later round. The last round moves nothing, so
 * what it sees is one tree, in which no edge leads past a parent.
 *
 * What a round need not look at are edges whose source has the ancestors that it had when they were
 * looked at last. In heaps where everything points to anything, these are nearly all: vertices
 * find their place before their level is expanded.
 */
#include "analyzers/reachability/kept_graph.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "core/base/parallel.h"
#include "core/heap/build.h"

enum {
	RUN_EDGES = 1 << 12,    /* that a thread reserves at a time */
	AHEAD = 16,             /* edges that are fetched for in advance */
	VERTICES_PER_ITEM = 32, /* a list may have one for so many */
	VERTICES_AHEAD = 8,     /* of a list */
	CHAIN = 8,              /* ancestors that are looked at to know whether one was moved */
	LAST_TIME = UINT8_MAX,
	PART = 1 << 12,        /* vertices of a list that are a task */
	SLICE = 1 << 16,       /* vertices of a round that are one */
	FOUND = 1 << 10,       /* vertices that a thread finds before it puts them to the level */
	STEPS_AN_EDGE = 8,     /* up the tree, more are too many */
	CHECK_EVERY = 1 << 16, /* vertices of small levels between two looks at whether to go on */
};

#define LAST_EDGE (UINT32_C(1) << 31) /* in edges */
#define WEAK_LEVEL (UINT32_C(1) << 31)

/** @name Edges */
/**@{*/

struct hc_error *hc_kept_graph_init(const struct hc_kept_graph_size *size,
				    struct hc_kept_graph *ret)
{
	struct hc_kept_graph graph = {
		.num = size->vertices, .anchors = size->anchors, .strong = size->strong, .used = 1};

	graph.room = size->max_edges < UINT32_MAX ? size->max_edges : UINT32_MAX;
	/* One in front, since 0 is none, and some to fetch for behind. */
	graph.room += 1 + AHEAD;
	graph.first = hc_zeroes_create(graph.num, sizeof(*graph.first));
	if (!graph.first)
		return &hc_enomem;
	graph.edges = hc_zeroes_create(graph.room, sizeof(*graph.edges));
	graph.full = !graph.edges;
	*ret = graph;
	return NULL;
}

static void drop_edges(struct hc_kept_graph *graph)
{
	hc_zeroes_destroy(graph->first, graph->num, sizeof(*graph->first));
	hc_zeroes_destroy(graph->edges, graph->room, sizeof(*graph->edges));
	graph->first = graph->edges = NULL;
}

void hc_kept_graph_deinit(struct hc_kept_graph *graph)
{
	drop_edges(graph);
	*graph = (struct hc_kept_graph){0};
}

/** Room for so many edges in a row. */
static bool reserve(struct hc_kept_graph *graph, struct hc_kept_run *run, uint64_t num)
{
	const uint64_t room = graph->room - AHEAD;
	uint64_t size = num > RUN_EDGES ? num : RUN_EDGES;

	if (num <= run->end - run->pos)
		return true;
	if (hc_kept_graph_full(graph))
		return false;
	uint64_t start = __atomic_fetch_add(&graph->used, size, __ATOMIC_RELAXED);

	if (start > room || num > room - start || start + num > UINT32_MAX) {
		__atomic_store_n(&graph->full, true, __ATOMIC_RELAXED);
		return false;
	}
	run->pos = start;
	run->end = start + size < room ? start + size : room;
	return true;
}

void hc_kept_graph_add(struct hc_kept_graph *graph, struct hc_kept_run *run, uint32_t from,
		       const uint32_t *to, size_t num)
{
	if (!num || !reserve(graph, run, num))
		return;
	graph->first[from] = run->pos;
	memcpy(graph->edges + run->pos, to, num * sizeof(*to));
	run->pos += num;
	graph->edges[run->pos - 1] |= LAST_EDGE;
}
/**@}*/

/** @name The tree */
/**@{*/

/** A thread's own. */
struct worker {
	uint32_t found[FOUND]; /**< of the next level */
	size_t num;
	uint64_t steps;
	bool moved; /**< some vertex */
};

struct search {
	struct hc_kept_graph *graph;
	struct hc_watch *watch;
	unsigned jobs;
	uint64_t *links;        /**< of each vertex: its level << 32 | its parent; 0: not reached */
	uint32_t *level, *next; /**< vertices that have edges, of this level and of the next one */
	uint32_t num_level;
	uint32_t max_list; /**< of more, there is no list */
	uint32_t depth;    /**< what links say of this level */
	uint32_t num_next; /**< atomic */
	struct worker *workers;
	uint64_t steps, max_steps; /**< up the tree; atomic */
	bool first_round;
	bool backwards;       /**< the next round */
	uint64_t num_reached; /**< of levels that are done */
	/** Of each vertex, when it was moved last; 0: never. Times are those of levels and of
	 * rounds, counted from 1; the last one stands for all that come later. */
	uint8_t *moved;
	unsigned time, last_time; /**< of this level or round, and of the one before */
};

static inline uint32_t parent_of(uint64_t link)
{
	return link;
}

static inline uint32_t level_of(uint64_t link)
{
	return link >> 32;
}

static inline uint64_t link_to(uint32_t parent, uint32_t level)
{
	return (uint64_t)level << 32 | parent;
}

static inline uint64_t load(const struct search *search, uint32_t vertex)
{
	return __atomic_load_n(&search->links[vertex], __ATOMIC_RELAXED);
}

static bool takes_too_long(const struct search *search)
{
	return __atomic_load_n(&search->steps, __ATOMIC_RELAXED) > search->max_steps;
}

static void count_steps(struct search *search, struct worker *worker)
{
	__atomic_fetch_add(&search->steps, worker->steps, __ATOMIC_RELAXED);
	worker->steps = 0;
}

/** The nearest common ancestor. */
static uint32_t common_ancestor(const struct search *search, struct worker *worker, uint32_t a,
				uint32_t b)
{
	while (a != b) {
		uint64_t x = load(search, a), y = load(search, b);

		if (level_of(x) >= level_of(y))
			a = parent_of(x);
		if (level_of(y) >= level_of(x))
			b = parent_of(y);
		worker->steps++;
	}
	return a;
}

/** An edge to a vertex that has a parent. */
static inline void move_up(struct search *search, struct worker *worker, uint32_t from, uint32_t to)
{
	uint64_t source = load(search, from), link = load(search, to);

	if (level_of(source) & ~level_of(link) & WEAK_LEVEL)
		return;
	for (;;) {
		uint32_t parent = parent_of(link);

		if (!parent || parent == from || parent == parent_of(source))
			return;
		uint32_t common = common_ancestor(search, worker, from, parent);

		if (common == parent)
			return;
		worker->moved = true;
		__atomic_store_n(&search->moved[to], search->time, __ATOMIC_RELAXED);
		if (__atomic_compare_exchange_n(&search->links[to], &link,
						link_to(common, level_of(link)), false,
						__ATOMIC_RELAXED, __ATOMIC_RELAXED))
			return;
	}
}

static void begin_time(struct search *search)
{
	search->last_time = search->time;
	if (search->time < LAST_TIME)
		search->time++;
}
/**@}*/

/** @name Breadth first */
/**@{*/

static void flush(struct search *search, struct worker *worker)
{
	uint32_t at = __atomic_fetch_add(&search->num_next, worker->num, __ATOMIC_RELAXED);

	if (at + worker->num <= search->max_list)
		memcpy(search->next + at, worker->found, worker->num * sizeof(*worker->found));
	worker->num = 0;
}

static inline void see_edge(struct search *search, struct worker *worker, uint32_t from,
			    uint32_t to)
{
	uint64_t link = load(search, to);

	if (to == from || !to)
		return;
	if (!link) {
		uint64_t mine = link_to(from, level_of(load(search, from)) + 1);

		if (__atomic_compare_exchange_n(&search->links[to], &link, mine, false,
						__ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
			if (!search->graph->first[to])
				return;
			worker->found[worker->num++] = to;
			if (worker->num == FOUND)
				flush(search, worker);
			return;
		}
	}
	move_up(search, worker, from, to);
}

/** Fetch what the edges of a vertex that comes soon lead to. */
static inline __attribute__((always_inline)) void fetch_links(const struct search *search,
							      const uint32_t *edges)
{
	for (size_t i = 0; i < AHEAD; i++) {
		uint32_t to = edges[i] & ~LAST_EDGE;

		__builtin_prefetch(&search->links[to]);
		if (i < 2)
			__builtin_prefetch(&search->graph->first[to]);
		if (edges[i] & LAST_EDGE)
			break;
	}
}

/** The same; of one that comes later, its edges, and of one even later, where these are. */
static inline __attribute__((always_inline)) void fetch_vertex(const struct search *search,
							       const uint32_t *items, size_t left)
{
	const struct hc_kept_graph *graph = search->graph;

	if (left > 6 * VERTICES_AHEAD)
		__builtin_prefetch(&graph->first[items[6 * VERTICES_AHEAD]]);
	if (left > 3 * VERTICES_AHEAD)
		__builtin_prefetch(&graph->edges[graph->first[items[3 * VERTICES_AHEAD]]]);
	if (left > VERTICES_AHEAD)
		fetch_links(search, &graph->edges[graph->first[items[VERTICES_AHEAD]]]);
}

static void expand_items(struct search *search, struct worker *worker, const uint32_t *items,
			 size_t num)
{
	const struct hc_kept_graph *graph = search->graph;

	for (size_t i = 0; i < num; i++) {
		const uint32_t vertex = items[i];
		const uint32_t *edge = &graph->edges[graph->first[vertex]];

		fetch_vertex(search, &items[i], num - i);
		for (;; edge++) {
			/* Of a long row, those behind the first ones. */
			if (!(*edge & LAST_EDGE))
				__builtin_prefetch(&search->links[edge[AHEAD] & ~LAST_EDGE]);
			see_edge(search, worker, vertex, *edge & ~LAST_EDGE);
			if (*edge & LAST_EDGE)
				break;
		}
	}
}

static void end_task(struct search *search, struct worker *worker)
{
	flush(search, worker);
	count_steps(search, worker);
}

static struct hc_error *expand_part(void *ctx, unsigned index, size_t task)
{
	struct search *search = ctx;
	struct worker *worker = &search->workers[index];
	size_t from = task * PART, left = search->num_level - from;

	if (takes_too_long(search))
		return NULL;
	expand_items(search, worker, search->level + from, left < PART ? left : PART);
	end_task(search, worker);
	return NULL;
}

/** Of a level that has no list. */
static struct hc_error *expand_slice(void *ctx, unsigned index, size_t task)
{
	struct search *search = ctx;
	struct worker *worker = &search->workers[index];
	const uint64_t num = search->graph->num;
	uint64_t from = (uint64_t)task * SLICE, to = from + SLICE < num ? from + SLICE : num;
	uint32_t items[PART];
	size_t n = 0;

	for (uint64_t v = from; v < to && !takes_too_long(search); v++) {
		if (level_of(load(search, v)) != search->depth || !search->graph->first[v])
			continue;
		items[n++] = v;
		if (n == PART) {
			expand_items(search, worker, items, n);
			n = 0;
		}
	}
	expand_items(search, worker, items, n);
	end_task(search, worker);
	return NULL;
}

/** The next level from this one: in the calling thread when it is small. */
static struct hc_error *expand_level(struct search *search)
{
	struct hc_error *err = NULL;
	uint64_t before = search->num_reached;

	search->num_next = 0;
	begin_time(search);
	if (search->num_level > search->max_list)
		err = hc_parallel_for(search->jobs, (search->graph->num - 1) / SLICE + 1,
				      expand_slice, search);
	else if (search->num_level <= PART)
		err = expand_part(search, 0, 0);
	else
		err = hc_parallel_for(search->jobs, (search->num_level + PART - 1) / PART,
				      expand_part, search);
	search->num_reached += search->num_level;
	if (!err && before / CHECK_EVERY != search->num_reached / CHECK_EVERY) {
		hc_watch_done(search->watch, search->num_reached, search->graph->num);
		err = hc_watch_check(search->watch);
	}
	uint32_t *level = search->level;

	search->level = search->next;
	search->next = level;
	search->num_level = search->num_next;
	search->depth++;
	return err;
}

/** All that some anchors lead to and that was not reached. */
static struct hc_error *search_from(struct search *search, uint32_t from, uint32_t to,
				    uint32_t level)
{
	struct hc_error *err = NULL;

	search->num_level = 0;
	for (uint32_t i = from; i < to; i++) {
		search->links[i] = link_to(0, level);
		if (!search->graph->first[i])
			continue;
		if (search->num_level < search->max_list)
			search->level[search->num_level] = i;
		search->num_level++;
	}
	search->depth = level;
	while (!err && search->num_level && !takes_too_long(search))
		err = expand_level(search);
	return err;
}

static struct hc_error *build_tree(struct search *search)
{
	const struct hc_kept_graph *graph = search->graph;

	search->links[0] = link_to(0, 1);
	struct hc_error *err = search_from(search, 1, graph->strong + 1, 2);

	if (!err)
		err = search_from(search, graph->strong + 1, graph->anchors + 1, 2 | WEAK_LEVEL);
	return err;
}
/**@}*/

/** @name Rounds */
/**@{*/

/** Whether some vertex was moved since it was asked last. */
static bool has_moved(struct search *search)
{
	bool moved = false;

	for (unsigned i = 0; i < search->jobs; i++) {
		moved |= search->workers[i].moved;
		search->workers[i].moved = false;
	}
	return moved;
}

/**
 * Whether a vertex or an ancestor was moved since the edges of the vertex were looked at: only then
 * one may lead past a parent. That was when its level was expanded, at the earliest, or in the
 * last round.
 */
static inline bool was_moved(const struct search *search, uint32_t vertex)
{
	uint64_t link = load(search, vertex);
	unsigned since = search->last_time;

	/* Anchors are of level 2. */
	if (search->first_round && (level_of(link) & ~WEAK_LEVEL) - 1 < since)
		since = (level_of(link) & ~WEAK_LEVEL) - 1;
	for (unsigned i = 0; i < CHAIN; i++) {
		if (__atomic_load_n(&search->moved[vertex], __ATOMIC_RELAXED) >= since)
			return true;
		vertex = parent_of(load(search, vertex));
		if (!vertex)
			return false;
	}
	return true;
}

static void look_at_vertex(struct search *search, struct worker *worker, uint32_t vertex)
{
	const uint32_t *edge = &search->graph->edges[search->graph->first[vertex]];

	for (;; edge++) {
		uint32_t to = *edge & ~LAST_EDGE;

		/* Neighbours' edges lie side by side. */
		__builtin_prefetch(&search->links[edge[AHEAD] & ~LAST_EDGE]);
		if (to != vertex && to)
			move_up(search, worker, vertex, to);
		if (*edge & LAST_EDGE)
			break;
	}
}

static struct hc_error *look_at_slice(void *ctx, unsigned index, size_t task)
{
	struct search *search = ctx;
	struct worker *worker = &search->workers[index];
	const uint32_t *first = search->graph->first;
	const uint64_t num = search->graph->num;
	uint64_t slice = search->backwards ? (num - 1) / SLICE - task : task;
	uint64_t from = slice * SLICE, to = from + SLICE < num ? from + SLICE : num;

	for (uint64_t i = from; i < to && !takes_too_long(search); i++) {
		uint32_t v = search->backwards ? to - 1 - (i - from) : i;

		if (load(search, v) && first[v] && was_moved(search, v))
			look_at_vertex(search, worker, v);
	}
	count_steps(search, worker);
	return NULL;
}

/** Rounds go up and down in turn, since what moves one vertex may move its neighbours. */
static struct hc_error *settle(struct search *search)
{
	struct hc_error *err = NULL;

	search->first_round = true;
	while (!err && !takes_too_long(search) && has_moved(search)) {
		begin_time(search);
		/* A round is work, too, however little it moves. */
		search->steps += search->graph->used;
		err = hc_parallel_watched(search->jobs, search->watch,
					  (search->graph->num - 1) / SLICE + 1, look_at_slice,
					  search);
		search->backwards = !search->backwards;
		search->first_round = false;
	}
	return err;
}
/**@}*/

static void search_deinit(struct search *search)
{
	const uint64_t num = search->graph->num;

	hc_zeroes_destroy(search->links, num, sizeof(*search->links));
	hc_zeroes_destroy(search->moved, num, sizeof(*search->moved));
	hc_zeroes_destroy(search->level, search->max_list, sizeof(*search->level));
	hc_zeroes_destroy(search->next, search->max_list, sizeof(*search->next));
	free(search->workers);
}

static struct hc_error *search_init(struct search *search)
{
	const uint64_t num = search->graph->num;

	search->links = hc_zeroes_create(num, sizeof(*search->links));
	search->moved = hc_zeroes_create(num, sizeof(*search->moved));
	search->max_list = num / VERTICES_PER_ITEM + 1;
	search->level = hc_zeroes_create(search->max_list, sizeof(*search->level));
	search->next = hc_zeroes_create(search->max_list, sizeof(*search->next));
	search->workers = calloc(search->jobs, sizeof(*search->workers));
	search->max_steps = STEPS_AN_EDGE * (num + search->graph->used);
	if (!search->links || !search->moved || !search->level || !search->next || !search->workers)
		return &hc_enomem;
	return NULL;
}

struct taking {
	const struct search *search;
	uint32_t *parents;
};

static struct hc_error *take_slice(void *ctx, unsigned worker, size_t task)
{
	const struct taking *taking = ctx;
	const uint64_t *links = taking->search->links, num = taking->search->graph->num;
	uint64_t from = (uint64_t)task * SLICE, to = from + SLICE < num ? from + SLICE : num;

	(void)worker;
	for (uint64_t v = from; v < to; v++)
		taking->parents[v] = links[v] ? parent_of(links[v]) : HC_KEPT_UNREACHED;
	return NULL;
}

/** What only the search needs is given up before parents get memory of their own. */
static struct hc_error *take_parents(struct search *search, uint32_t **ret)
{
	const uint64_t num = search->graph->num;
	struct taking taking = {.search = search};

	hc_zeroes_destroy(search->level, search->max_list, sizeof(*search->level));
	hc_zeroes_destroy(search->next, search->max_list, sizeof(*search->next));
	search->level = search->next = NULL;
	drop_edges(search->graph);
	taking.parents = hc_zeroes_create(num, sizeof(*taking.parents));
	if (!taking.parents)
		return &hc_enomem;
	struct hc_error *err =
		hc_parallel_for(search->jobs, (num - 1) / SLICE + 1, take_slice, &taking);
	if (err)
		hc_zeroes_destroy(taking.parents, num, sizeof(*taking.parents));
	else
		*ret = taking.parents;
	return err;
}

struct hc_error *hc_kept_graph_dominators(struct hc_kept_graph *graph, unsigned jobs,
					  struct hc_watch *watch, uint32_t **ret)
{
	hc_cleanup(search_deinit) struct search search = {
		.graph = graph, .watch = watch, .jobs = jobs};
	struct hc_error *err = search_init(&search);
	uint32_t *parents = NULL;

	if (!err)
		err = build_tree(&search);
	if (!err)
		err = settle(&search);
	if (!err && !takes_too_long(&search))
		err = take_parents(&search, &parents);
	if (!err)
		*ret = parents;
	return err;
}
