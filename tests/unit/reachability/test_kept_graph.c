/**
 * @file
 * Dominators of graphs whose edges are kept, against their definition, on thousands of small random
 * graphs with strong and weak anchors; on larger ones against each other, for several numbers of
 * threads; lists; what would take too long; no room; an end on request.
 */
#include "analyzers/reachability/kept_graph.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/heap/build.h"

enum { SMALL = 40, MAX_EDGES = SMALL * 6 };

static uint64_t random_state;

static uint32_t next_random(uint32_t below)
{
	random_state = random_state * UINT64_C(6364136223846793005) + 1442695040888963407;
	return (random_state >> 33) % below;
}

/** Edges in order of where they begin. */
struct edges {
	uint32_t (*items)[2];
	size_t num;
};

static int by_source(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return (x[0] > y[0]) - (x[0] < y[0]);
}

static uint32_t *find(const struct hc_kept_graph_size *size, struct edges *edges, unsigned jobs)
{
	struct hc_kept_graph graph;
	struct hc_kept_run run = {0};
	uint32_t *to = calloc(edges->num + 1, sizeof(*to)), *parents = NULL;

	assert_non_null(to);
	qsort(edges->items, edges->num, sizeof(*edges->items), by_source);
	assert_null(hc_kept_graph_init(size, &graph));
	for (size_t i = 0, num; i < edges->num; i += num) {
		for (num = 0;
		     i + num < edges->num && edges->items[i + num][0] == edges->items[i][0]; num++)
			to[num] = edges->items[i + num][1];
		hc_kept_graph_add(&graph, &run, edges->items[i][0], to, num);
	}
	assert_false(hc_kept_graph_full(&graph));
	assert_null(hc_kept_graph_dominators(&graph, jobs, NULL, &parents));
	hc_kept_graph_deinit(&graph);
	free(to);
	return parents;
}

/** What anchors [1, last] reach, but for one vertex; edges of @p weak ones end at strong ones. */
static void reach(const struct edges *edges, uint32_t last, uint32_t gone, const bool *strong,
		  bool *reached)
{
	bool more = true;

	memset(reached, 0, SMALL * sizeof(*reached));
	for (uint32_t v = 0; v <= last; v++)
		reached[v] = v != gone;
	while (more) {
		more = false;
		for (size_t i = 0; i < edges->num; i++) {
			uint32_t from = edges->items[i][0], to = edges->items[i][1];

			if (!reached[from] || reached[to] || to == gone ||
			    (strong && strong[to] && !strong[from]))
				continue;
			reached[to] = more = true;
		}
	}
}

/** The nearest dominator has all others of a vertex above itself. */
static void check(const struct hc_kept_graph_size *size, const struct edges *edges,
		  const uint32_t *parents)
{
	bool strong[SMALL], all[SMALL], without[SMALL][SMALL];

	reach(edges, size->strong, UINT32_MAX, NULL, strong);
	reach(edges, size->anchors, UINT32_MAX, NULL, all);
	for (uint32_t gone = 1; gone < size->vertices; gone++)
		reach(edges, size->anchors, gone, strong, without[gone]);
	for (uint32_t v = 1; v < size->vertices; v++) {
		uint32_t above = 0, dominators = 0;

		if (!all[v]) {
			assert_int_equal(parents[v], HC_KEPT_UNREACHED);
			continue;
		}
		for (uint32_t d = 1; d < size->vertices; d++)
			dominators += d != v && all[d] && !without[d][v];
		for (uint32_t p = parents[v]; p; p = parents[p], above++) {
			assert_true(p < size->vertices && all[p]);
			assert_false(without[p][v]);
			assert_true(above < size->vertices);
		}
		assert_int_equal(above, dominators);
	}
}

static void add(struct edges *edges, uint32_t from, uint32_t to)
{
	edges->items[edges->num][0] = from;
	edges->items[edges->num++][1] = to;
}

/** Of any shape: sparse or dense, with neighbours that point to each other, and edges twice. */
static void make_random(const struct hc_kept_graph_size *size, size_t num, struct edges *edges)
{
	const uint32_t first = size->anchors + 1, others = size->vertices - first;

	edges->num = 0;
	for (size_t i = 0; i < num; i++) {
		uint32_t from = next_random(4) ? first + next_random(others)
					       : 1 + next_random(size->anchors);
		uint32_t to = first + next_random(others);

		if (from >= first && !next_random(4) && from + 1 < size->vertices)
			to = from + 1;
		else if (from > first && !next_random(4))
			to = from - 1;
		add(edges, from, to);
	}
}

static void test_definition(void **state)
{
	(void)state;
	uint32_t items[MAX_EDGES][2];
	struct edges edges = {items, 0};
	size_t found = 0;

	random_state = 1;
	for (unsigned i = 0; i < 12000; i++) {
		struct hc_kept_graph_size size = {.vertices = 8 + next_random(SMALL - 8),
						  .anchors = 1 + next_random(5),
						  .max_edges = 1 << 16};
		size.strong = next_random(size.anchors + 1);
		make_random(&size, next_random(size.vertices * 5) + 1, &edges);
		uint32_t *parents = find(&size, &edges, 1 + (i % 16 == 0));

		/* Few are given up. */
		if (!parents)
			continue;
		found++;
		check(&size, &edges, parents);
		hc_zeroes_destroy(parents, size.vertices, sizeof(*parents));
	}
	assert_true(found > 11000);
}

/** Parents above which no edge leads past; and the same for any number of threads. */
static void test_large(void **state)
{
	(void)state;
	enum { NUM = 120000 };
	struct edges edges = {calloc(NUM * 8, sizeof(*edges.items)), 0};

	assert_non_null(edges.items);
	random_state = 2;
	for (unsigned degree = 1; degree < 8; degree += 2) {
		const struct hc_kept_graph_size size = {
			.vertices = NUM, .anchors = 300, .strong = 200, .max_edges = NUM * 16};

		make_random(&size, (size_t)NUM * degree, &edges);
		/* What is far from the anchors, too. */
		for (uint32_t v = size.anchors + 1; v + 1 < NUM && degree == 1; v++)
			edges.items[v - size.anchors - 1][0] = v,
						       edges.items[v - size.anchors - 1][1] = v + 1;
		uint32_t *one = find(&size, &edges, 1);

		for (unsigned jobs = 2; jobs < 6; jobs += 2) {
			uint32_t *more = find(&size, &edges, jobs);

			assert_int_equal(one != NULL, more != NULL);
			if (one)
				assert_memory_equal(one, more, NUM * sizeof(*one));
			hc_zeroes_destroy(more, NUM, sizeof(*more));
		}
		assert_true(one || degree == 1);
		hc_zeroes_destroy(one, NUM, sizeof(*one));
	}
	free(edges.items);
}

/** Anchor 1 points to the first node of a list, whose nodes know the one before. */
static void make_list(uint32_t num, struct edges *edges)
{
	edges->num = 0;
	add(edges, 1, 3);
	for (uint32_t v = 4; v < num; v++) {
		add(edges, v - 1, v);
		add(edges, v, v - 1);
	}
}

/** And what if the other anchor points to its end, or all nodes to the first one. */
static void test_list(void **state)
{
	(void)state;
	enum { LONG = 50000, SHORT = 200 };
	struct hc_kept_graph_size size = {.anchors = 2, .strong = 2, .max_edges = LONG * 8};
	struct edges edges = {calloc(LONG * 4, sizeof(*edges.items)), 0};

	assert_non_null(edges.items);
	for (unsigned i = 0; i < 2; i++) {
		uint32_t num = i ? SHORT : LONG, *parents;

		size.vertices = num;
		make_list(num, &edges);
		parents = find(&size, &edges, 2);
		assert_non_null(parents);
		for (uint32_t v = 3; v < num; v++)
			assert_int_equal(parents[v], v == 3 ? 1 : v - 1);
		hc_zeroes_destroy(parents, num, sizeof(*parents));

		make_list(num, &edges);
		add(&edges, 2, num - 1);
		parents = find(&size, &edges, 2);
		/* Each asks for its ancestors up to the root: too much in a long one. */
		assert_int_equal(parents != NULL, i);
		for (uint32_t v = 3; v < num && parents; v++)
			assert_int_equal(parents[v], 0);
		hc_zeroes_destroy(parents, num, sizeof(*parents));

		make_list(num, &edges);
		for (uint32_t v = 4; v < num; v++)
			add(&edges, v, 3);
		parents = find(&size, &edges, 2);
		assert_int_equal(parents != NULL, i);
		for (uint32_t v = 3; v < num && parents; v++)
			assert_int_equal(parents[v], v == 3 ? 1 : v - 1);
		hc_zeroes_destroy(parents, num, sizeof(*parents));
	}
	free(edges.items);
}

static void test_no_room(void **state)
{
	(void)state;
	const struct hc_kept_graph_size size = {.vertices = 100, .anchors = 1, .max_edges = 20};
	struct hc_kept_graph graph;
	struct hc_kept_run run = {0};
	const uint32_t to[9] = {50, 51, 52, 53, 54, 55, 56, 57, 58};

	assert_null(hc_kept_graph_init(&size, &graph));
	hc_kept_graph_add(&graph, &run, 1, to, 9);
	hc_kept_graph_add(&graph, &run, 50, to, 9);
	assert_false(hc_kept_graph_full(&graph));
	hc_kept_graph_add(&graph, &run, 51, to, 9);
	assert_true(hc_kept_graph_full(&graph));
	hc_kept_graph_deinit(&graph);
}

static bool yes(void *ctx)
{
	(void)ctx;
	return true;
}

static void test_cancelled(void **state)
{
	(void)state;
	enum { NUM = 200000 };
	const struct hc_kept_graph_size size = {
		.vertices = NUM, .anchors = 1, .strong = 1, .max_edges = NUM * 2};
	struct hc_watch watch;
	struct hc_observer observer = {.cancelled = yes};
	struct hc_kept_graph graph;
	struct hc_kept_run run = {0};
	uint32_t *parents = NULL;

	hc_watch_init(&watch, &observer);
	assert_null(hc_kept_graph_init(&size, &graph));
	for (uint32_t v = 1; v + 1 < NUM; v++)
		hc_kept_graph_add(&graph, &run, v, &(uint32_t){v + 1}, 1);
	struct hc_error *err = hc_kept_graph_dominators(&graph, 1, &watch, &parents);

	assert_non_null(err);
	assert_int_equal(err->code, HC_ERROR_CANCELLED);
	assert_null(parents);
	hc_error_destroy(err);
	hc_kept_graph_deinit(&graph);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_definition), cmocka_unit_test(test_large),
		cmocka_unit_test(test_list),       cmocka_unit_test(test_no_room),
		cmocka_unit_test(test_cancelled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
