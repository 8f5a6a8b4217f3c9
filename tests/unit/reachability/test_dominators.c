/**
 * @file
 * Dominators against their definition, on thousands of small random graphs; against the iterative
 * method on larger ones; with no room for edges; long lists; an end on request.
 */
#include "analyzers/reachability/dominators.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/base/cleanup.h"
#include "core/base/parallel.h"

enum { SMALL = 48, LARGE = 30000, PARTS = 4 };

static uint64_t random_state;

static uint32_t next_random(uint32_t below)
{
	random_state = random_state * UINT64_C(6364136223846793005) + 1442695040888963407;
	return (random_state >> 33) % below;
}

/** A graph, and what a depth-first search makes of it. */
struct graph {
	uint32_t num;
	uint32_t *first, *to; /**< edges of a vertex: to[first[v]] … */
	uint32_t *name;       /**< that the search gave; 0 of others than the root: not entered */
	struct hc_dominators dominators;
	unsigned times_told, jobs;
};

static void graph_init(struct graph *graph, uint32_t num, const uint32_t *edges, uint32_t num_edges)
{
	*graph = (struct graph){.num = num};
	graph->first = calloc(num + 2, sizeof(*graph->first));
	graph->to = calloc(num_edges + 1, sizeof(*graph->to));
	graph->name = calloc(num, sizeof(*graph->name));
	for (uint32_t i = 0; i < num_edges; i++)
		graph->first[edges[2 * i] + 1]++;
	for (uint32_t v = 0; v < num; v++)
		graph->first[v + 1] += graph->first[v];
	uint32_t *at = calloc(num + 1, sizeof(*at));

	memcpy(at, graph->first, num * sizeof(*at));
	for (uint32_t i = 0; i < num_edges; i++)
		graph->to[at[edges[2 * i]]++] = edges[2 * i + 1];
	free(at);
}

static void graph_deinit(struct graph *graph)
{
	hc_dominators_deinit(&graph->dominators);
	free(graph->first);
	free(graph->to);
	free(graph->name);
}

/** Depth first from vertex 0, with a stack of vertices and where in their edges the search is. */
static void search(struct graph *graph)
{
	uint32_t *stack = calloc(graph->num, sizeof(*stack)), *at = calloc(graph->num, sizeof(*at));
	uint32_t depth = 0;

	memcpy(at, graph->first, graph->num * sizeof(*at));
	for (;;) {
		uint32_t v = stack[depth], to;

		if (at[v] == graph->first[v + 1]) {
			if (!depth--)
				break;
			continue;
		}
		to = graph->to[at[v]++];
		if (to && !graph->name[to]) {
			graph->name[to] = hc_dominators_enter(&graph->dominators, graph->name[v]);
			stack[++depth] = to;
		}
	}
	free(stack);
	free(at);
}

static bool is_entered(const struct graph *graph, uint32_t v)
{
	return !v || graph->name[v];
}

/** Every fourth vertex's edges. */
static struct hc_error *tell_part(void *ctx, unsigned worker, size_t part)
{
	struct graph *graph = ctx;

	for (uint32_t v = part; v < graph->num; v += PARTS)
		for (uint32_t i = graph->first[v]; is_entered(graph, v) && i < graph->first[v + 1];
		     i++)
			hc_dominators_edge(&graph->dominators, worker, graph->name[v],
					   graph->name[graph->to[i]]);
	return NULL;
}

static struct hc_error *tell(void *ctx)
{
	struct graph *graph = ctx;

	graph->times_told++;
	return hc_parallel_for(graph->jobs, PARTS, tell_part, graph);
}

static void run(struct graph *graph, unsigned jobs, uint64_t budget)
{
	graph->jobs = jobs;
	assert_null(hc_dominators_init(graph->num, budget, jobs, &graph->dominators));
	search(graph);
	assert_null(hc_dominators_finish(&graph->dominators, tell, graph, NULL));
}

/** What the root reaches when one vertex is gone, by names. */
static void reach_without(const struct graph *graph, uint32_t gone, bool *reached)
{
	uint32_t stack[SMALL], depth = 1;

	memset(reached, 0, SMALL * sizeof(*reached));
	reached[0] = true;
	stack[0] = 0;
	while (depth) {
		uint32_t v = stack[--depth];

		for (uint32_t i = graph->first[v]; i < graph->first[v + 1]; i++) {
			uint32_t to = graph->to[i];

			if (reached[graph->name[to]] || graph->name[to] == gone)
				continue;
			reached[graph->name[to]] = true;
			stack[depth++] = to;
		}
	}
}

/** The nearest dominator is the one that was entered last: all of them are ancestors. */
static void check_definition(const struct graph *graph)
{
	uint32_t nearest[SMALL] = {0};
	bool reached[SMALL];

	for (uint32_t gone = 1; gone < graph->dominators.num; gone++) {
		reach_without(graph, gone, reached);
		for (uint32_t v = 1; v < graph->dominators.num; v++)
			if (!reached[v] && v != gone && gone > nearest[v])
				nearest[v] = gone;
	}
	for (uint32_t v = 1; v < graph->dominators.num; v++)
		assert_int_equal(graph->dominators.idom[v], nearest[v]);
}

/** Of any shape: sparse or dense, many edges from the root, many backwards, some of them twice. */
static void make_random(struct graph *graph, uint32_t num, unsigned degree)
{
	uint32_t num_edges = num * degree / 2 + 1, roots = next_random(num) + 1;
	uint32_t *edges = calloc(2 * num_edges, sizeof(*edges));

	for (uint32_t i = 0; i < num_edges; i++) {
		uint32_t from = next_random(4) ? next_random(num) : 0, to = next_random(num);

		if (!from)
			to = next_random(roots);
		if (next_random(8) == 0)
			to = from + 1 < num ? from + 1 : from;
		if (next_random(8) == 0)
			to = from ? from - 1 : 0;
		edges[2 * i] = from;
		edges[2 * i + 1] = to;
	}
	edges[0] = 0;
	graph_init(graph, num, edges, num_edges);
	free(edges);
}

static void test_definition(void **state)
{
	(void)state;
	unsigned times_told = 0;

	random_state = 1;
	for (unsigned i = 0; i < 20000; i++) {
		struct graph graph;

		make_random(&graph, 2 + next_random(SMALL - 2), 1 + next_random(10));
		run(&graph, 1, i % 2 ? 0 : 1 << 20);
		check_definition(&graph);
		assert_true(i % 2 || graph.times_told == 1);
		times_told += graph.times_told;
		graph_deinit(&graph);
	}
	assert_true(times_told > 21000);
}

/**
 * The method of Cooper, Harvey and Kennedy (2001), in the order of the search backwards: here, in
 * the order of names, until nothing changes.
 */
static uint32_t common(const uint32_t *idom, uint32_t a, uint32_t b)
{
	while (a != b) {
		if (a > b)
			a = idom[a];
		else
			b = idom[b];
	}
	return a;
}

static void iterate(const struct graph *graph, uint32_t *idom)
{
	bool changed = true;

	memset(idom, 0xff, graph->num * sizeof(*idom));
	idom[0] = 0;
	while (changed) {
		changed = false;
		for (uint32_t v = 0; v < graph->num; v++)
			for (uint32_t i = graph->first[v];
			     is_entered(graph, v) && i < graph->first[v + 1]; i++) {
				uint32_t from = graph->name[v], to = graph->name[graph->to[i]];

				if (!to || idom[from] == UINT32_MAX)
					continue;
				uint32_t best = idom[to] == UINT32_MAX
							? from
							: common(idom, idom[to], from);
				changed |= best != idom[to];
				idom[to] = best;
			}
	}
}

static void test_large(void **state)
{
	(void)state;
	uint32_t *idom = calloc(LARGE, sizeof(*idom));

	random_state = 2;
	for (unsigned degree = 2; degree < 8; degree++)
		for (unsigned tight = 0; tight < 2; tight++) {
			struct graph graph;

			make_random(&graph, LARGE, degree);
			run(&graph, 1 + degree % 3, tight ? 64 << 10 : 64 << 20);
			iterate(&graph, idom);
			assert_memory_equal(graph.dominators.idom, idom,
					    graph.dominators.num * sizeof(*idom));
			graph_deinit(&graph);
		}
	free(idom);
}

/** A list whose nodes know the one before and the first; its last one is pointed to from outside.
 */
static void test_list(void **state)
{
	(void)state;
	enum { NUM = 1000000 };
	uint32_t num_edges = 0, *edges = calloc(2 * 4 * NUM, sizeof(*edges));
	struct graph graph;

	for (uint32_t v = 0; v + 1 < NUM; v++) {
		edges[2 * num_edges] = v;
		edges[2 * num_edges++ + 1] = v + 1;
		edges[2 * num_edges] = v + 1;
		edges[2 * num_edges++ + 1] = v;
		edges[2 * num_edges] = v + 1;
		edges[2 * num_edges++ + 1] = 1;
	}
	graph_init(&graph, NUM, edges, num_edges);
	run(&graph, 2, 1 << 20);
	assert_true(graph.times_told > 1);
	for (uint32_t v = 1; v < NUM; v++)
		assert_int_equal(graph.dominators.idom[v], v - 1);
	graph_deinit(&graph);

	edges[2 * num_edges] = 0;
	edges[2 * num_edges++ + 1] = NUM - 1;
	graph_init(&graph, NUM, edges, num_edges);
	run(&graph, 2, 64 << 20);
	/* Backwards from the end: everything can be reached from both sides. */
	for (uint32_t v = 1; v < NUM; v++)
		assert_int_equal(graph.dominators.idom[v], 0);
	graph_deinit(&graph);
	free(edges);
}

static bool yes(void *ctx)
{
	(void)ctx;
	return true;
}

static void test_cancelled(void **state)
{
	(void)state;
	struct hc_watch watch;
	struct hc_observer observer = {.cancelled = yes};
	struct graph graph;

	hc_watch_init(&watch, &observer);
	random_state = 3;
	make_random(&graph, 1000, 6);
	graph.jobs = 1;
	assert_null(hc_dominators_init(graph.num, 0, 1, &graph.dominators));
	search(&graph);
	struct hc_error *err = hc_dominators_finish(&graph.dominators, tell, &graph, &watch);

	assert_non_null(err);
	assert_int_equal(err->code, HC_ERROR_CANCELLED);
	hc_error_destroy(err);
	graph_deinit(&graph);
}

static void test_limit(void **state)
{
	(void)state;
	struct hc_dominators dominators;
	struct hc_error *err = hc_dominators_init(UINT64_C(1) << 32, 0, 1, &dominators);

	assert_non_null(err);
	assert_int_equal(err->code, HC_ERROR_LIMIT);
	hc_error_destroy(err);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_definition), cmocka_unit_test(test_large),
		cmocka_unit_test(test_list),       cmocka_unit_test(test_cancelled),
		cmocka_unit_test(test_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
