/**
 * @file
 * Marking on random graphs of several shapes, large enough that the order of the work matters,
 * against a marker that looks at one word after the other.
 */
#include "tests/unit/fake_heap.h"

#include "analyzers/reachability/reachability.h"

#define HEAP UINT64_C(0x20000000)
#define TABLE UINT64_C(0x7f0000000000)
#define ROOT_WORDS 65536

/** A graph, and where its chunks are. */
struct graph {
	struct fake fake;
	size_t num; /* chunks; the last one may be a large one in a span of its own */
	uint64_t *start, *usable;
	uint64_t random;
};

static uint64_t next_random(struct graph *graph)
{
	graph->random ^= graph->random << 13;
	graph->random ^= graph->random >> 7;
	graph->random ^= graph->random << 17;
	return graph->random;
}

/** @name Shapes */
/**@{*/

/** Chunks of up to @p most bytes, and a last one of @p table bytes alone; 0: none. */
static void make(struct graph *graph, size_t num, uint64_t most, uint64_t table)
{
	uint64_t *sizes = calloc(num, sizeof(*sizes));

	memset(graph, 0, sizeof(*graph));
	graph->random = 0x9e3779b97f4a7c15;
	graph->num = num + (table > 0);
	graph->start = calloc(graph->num, sizeof(*graph->start));
	graph->usable = calloc(graph->num, sizeof(*graph->usable));
	assert_true(sizes && graph->start && graph->usable);
	for (size_t i = 0; i < num; i++)
		sizes[i] = 32 + next_random(graph) % ((most - 32) / 16 + 1) * 16;
	fake_init(&graph->fake, 8, 1, ROOT_WORDS * 8);
	fake_span(&graph->fake, HEAP, HC_SPAN_TILED, sizes, num, graph->start);
	if (table)
		fake_span(&graph->fake, TABLE, HC_SPAN_SINGLE, &table, 1, &graph->start[num]);
	fake_seal(&graph->fake);
	for (size_t i = 0; i < graph->num; i++) {
		struct hc_chunk chunk;

		assert_true(hc_heap_chunk_at(graph->fake.heap, graph->start[i], &chunk));
		graph->usable[i] = hc_chunk_bytes(graph->fake.heap, &chunk).size;
	}
	free(sizes);
}

static void destroy(struct graph *graph)
{
	fake_deinit(&graph->fake);
	free(graph->start);
	free(graph->usable);
}

static void set_word(struct graph *graph, size_t from, size_t word, uint64_t value)
{
	fake_store(&graph->fake, graph->start[from] + word * 8, value);
}

static size_t *make_order(struct graph *graph, size_t num, bool random)
{
	size_t *order = calloc(num, sizeof(*order));

	assert_non_null(order);
	for (size_t i = 0; i < num; i++)
		order[i] = i;
	for (size_t i = num; random && i-- > 1;) {
		size_t j = next_random(graph) % (i + 1), other = order[i];

		order[i] = order[j];
		order[j] = other;
	}
	return order;
}

static void make_tree(struct graph *graph)
{
	make(graph, 200000, 64, 0);
	size_t *order = make_order(graph, graph->num, true);

	/* A tenth is cut off: trees that nobody holds. */
	for (size_t i = 1; i < graph->num; i++)
		if (i % 10)
			set_word(graph, order[(i - 1) / 2], (i - 1) % 2, graph->start[order[i]]);
	fake_root(&graph->fake, 7, graph->start[order[0]]);
	free(order);
}

static void make_lists(struct graph *graph, bool down, bool random)
{
	make(graph, 150000, 48, 0);
	size_t *order = make_order(graph, graph->num, random);
	const size_t lists = 3;

	for (size_t i = 0; i + lists < graph->num; i++) {
		size_t from = order[down ? graph->num - 1 - i : i];
		size_t to = order[down ? graph->num - 1 - i - lists : i + lists];

		set_word(graph, from, 0, graph->start[to]);
		set_word(graph, to, 1, graph->start[from]);
	}
	/* Two of the three lists are held. */
	for (size_t i = 0; i + 1 < lists; i++)
		fake_root(&graph->fake, i, graph->start[order[down ? graph->num - 1 - i : i]]);
	free(order);
}

static void make_list_up(struct graph *graph)
{
	make_lists(graph, false, false);
}

static void make_list_down(struct graph *graph)
{
	make_lists(graph, true, false);
}

static void make_list_random(struct graph *graph)
{
	make_lists(graph, false, true);
}

/** Fill chunks with pointers to anywhere, to the inside of one in @p interior. */
static void fill(struct graph *graph, unsigned sparse, unsigned interior)
{
	for (size_t i = 0; i < graph->num; i++) {
		for (size_t word = 0; word < graph->usable[i] / 8; word++) {
			uint64_t r = next_random(graph);
			size_t to = r / 64 % graph->num;
			uint64_t offset = 0;

			/* A chunk that knows its own address would be taken for a pool. */
			if (r % sparse || to == i || to + 1 == i)
				continue;
			if (next_random(graph) % interior == 0)
				offset = next_random(graph) % (graph->usable[to] + 24);
			set_word(graph, i, word, graph->start[to] + offset);
		}
	}
}

static void make_dense(struct graph *graph)
{
	make(graph, 20000, 1040, 9 << 20);
	fill(graph, 3, 1000000);
	fake_root(&graph->fake, 0, graph->start[graph->num - 1]);
}

static void make_many_roots(struct graph *graph)
{
	make(graph, 200000, 64, 0);
	fill(graph, 9, 1000000);
	for (size_t i = 0; i < ROOT_WORDS; i++)
		fake_root(&graph->fake, i, graph->start[next_random(graph) % graph->num]);
}

static void make_interior(struct graph *graph)
{
	make(graph, 60000, 160, 5 << 20);
	fill(graph, 16, 2);
	for (size_t i = 0; i < 200; i++)
		fake_root(&graph->fake, i,
			  graph->start[next_random(graph) % graph->num] + next_random(graph) % 40);
}

/** Tags in the low bits lead inside, and tags in the high bits nowhere, as they are too few. */
static void make_tagged(struct graph *graph)
{
	make(graph, 100000, 64, 0);
	for (size_t i = 0; i < graph->num; i++) {
		uint64_t r = next_random(graph);
		uint64_t to = graph->start[next_random(graph) % graph->num];

		if (r % 5000 == 0)
			to |= UINT64_C(0xab) << 56 | r << 48;
		else if (r % 3 == 0)
			to |= 1 + r / 3 % 7;
		set_word(graph, i, r % 2, to);
	}
	for (size_t i = 0; i < 1000; i++)
		fake_root(&graph->fake, i, graph->start[next_random(graph) % graph->num]);
}
/**@}*/

/** @name Brute force */
/**@{*/

enum mark { LOST, POSSIBLE, REACHABLE };

struct marker {
	struct graph *graph;
	uint8_t *marks;
	bool *interior,
		*pointed; /* an interior pointer was followed to it; a lost one points to it */
	size_t *stack, depth;
	uint64_t words, pointers, interiors;
};

/** The chunk that a word points to; num: none. */
static size_t find(const struct graph *graph, uint64_t value)
{
	size_t low = 0, high = graph->num;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (graph->start[middle] <= value)
			low = middle + 1;
		else
			high = middle;
	}
	return low && value - graph->start[low - 1] < graph->usable[low - 1] ? low - 1 : graph->num;
}

/** What a chunk happens to have in it may make a pointer inside one to its start. */
static bool is_interior(const struct graph *graph, size_t to, uint64_t value)
{
	struct hc_chunk chunk;

	if (value == graph->start[to])
		return false;
	assert_true(hc_heap_chunk_at(graph->fake.heap, graph->start[to], &chunk));
	return hc_heuristic_match(graph->fake.heap, &chunk, value) == HC_HEURISTIC_NONE;
}

static uint64_t load(const uint8_t *at)
{
	uint64_t little;

	memcpy(&little, at, sizeof(little));
	return le64toh(little);
}

static void mark_words(struct marker *marker, const uint8_t *at, size_t num, enum mark mark)
{
	const struct graph *graph = marker->graph;

	for (size_t i = 0; i < num; i++) {
		uint64_t value = load(at + i * 8);
		size_t to = find(graph, value);

		if (to == graph->num || marker->marks[to])
			continue;
		if (mark == REACHABLE && is_interior(graph, to, value)) {
			marker->interior[to] = true;
			continue;
		}
		marker->marks[to] = mark;
		marker->stack[marker->depth++] = to;
	}
}

static void mark_below(struct marker *marker, enum mark mark)
{
	while (marker->depth) {
		size_t i = marker->stack[--marker->depth];

		mark_words(marker, fake_at(&marker->graph->fake, marker->graph->start[i]),
			   marker->graph->usable[i] / 8, mark);
	}
}

static void count_words(struct marker *marker, const uint8_t *at, size_t num, size_t lost)
{
	const struct graph *graph = marker->graph;

	marker->words += num;
	for (size_t i = 0; i < num; i++) {
		uint64_t value = load(at + i * 8);
		size_t to = find(graph, value);

		if (to == graph->num)
			continue;
		marker->pointers++;
		marker->interiors += is_interior(graph, to, value);
		if (lost < graph->num && to != lost)
			marker->pointed[to] = true;
	}
}

static void mark(struct marker *marker)
{
	struct graph *graph = marker->graph;
	const uint8_t *roots = fake_at(&graph->fake, FAKE_ROOTS);

	mark_words(marker, roots, ROOT_WORDS, REACHABLE);
	mark_below(marker, REACHABLE);
	for (size_t i = 0; i < graph->num; i++) {
		if (!marker->interior[i] || marker->marks[i])
			continue;
		marker->marks[i] = POSSIBLE;
		marker->stack[marker->depth++] = i;
		mark_below(marker, POSSIBLE);
	}
	count_words(marker, roots, ROOT_WORDS, graph->num);
	for (size_t i = 0; i < graph->num; i++)
		count_words(marker, fake_at(&graph->fake, graph->start[i]), graph->usable[i] / 8,
			    marker->marks[i] ? graph->num : i);
}
/**@}*/

static void compare(const struct marker *marker, unsigned jobs)
{
	struct graph *graph = marker->graph;
	struct hc_reach_stats stats;
	uint64_t leaders = 0, lost = 0;

	graph->fake.process.jobs = jobs;
	assert_null(hc_reachability_run(graph->fake.heap, &stats));
	for (size_t i = 0; i < graph->num; i++) {
		enum hc_reach reach = fake_reach(&graph->fake, graph->start[i]);

		if (marker->marks[i] == REACHABLE) {
			assert_int_equal(reach, HC_REACHABLE);
		} else if (marker->marks[i] == POSSIBLE) {
			assert_int_equal(reach, HC_POSSIBLE);
		} else if (!marker->pointed[i]) {
			assert_int_equal(reach, HC_DEFINITE);
		} else {
			assert_true(reach == HC_INDIRECT || reach == HC_DEFINITE);
			leaders += reach == HC_DEFINITE;
		}
		lost += !marker->marks[i];
	}
	assert_int_equal(stats.kinds[HC_DEFINITE].chunks + stats.kinds[HC_INDIRECT].chunks, lost);
	assert_int_equal(stats.cycles, leaders);
	assert_int_equal(stats.words_seen, marker->words);
	assert_int_equal(stats.pointers_seen, marker->pointers);
	assert_int_equal(stats.pointers_interior, marker->interiors);
}

static void try_shape(void (*make_shape)(struct graph *graph))
{
	static const unsigned jobs_tried[] = {1, 2, 5};
	struct graph graph;

	make_shape(&graph);
	struct marker marker = {
		.graph = &graph,
		.marks = calloc(graph.num, sizeof(*marker.marks)),
		.interior = calloc(graph.num, sizeof(*marker.interior)),
		.pointed = calloc(graph.num, sizeof(*marker.pointed)),
		.stack = calloc(graph.num, sizeof(*marker.stack)),
	};

	assert_true(marker.marks && marker.interior && marker.pointed && marker.stack);
	mark(&marker);
	for (size_t i = 0; i < sizeof(jobs_tried) / sizeof(jobs_tried[0]); i++)
		compare(&marker, jobs_tried[i]);
	free(marker.marks);
	free(marker.interior);
	free(marker.pointed);
	free(marker.stack);
	destroy(&graph);
}

#define SHAPE(name)                                                                                \
	static void test_##name(void **state)                                                      \
	{                                                                                          \
		(void)state;                                                                       \
		try_shape(make_##name);                                                            \
	}

SHAPE(tree)
SHAPE(list_up)
SHAPE(list_down)
SHAPE(list_random)
SHAPE(dense)
SHAPE(many_roots)
SHAPE(interior)
SHAPE(tagged)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tree),      cmocka_unit_test(test_list_up),
		cmocka_unit_test(test_list_down), cmocka_unit_test(test_list_random),
		cmocka_unit_test(test_dense),     cmocka_unit_test(test_many_roots),
		cmocka_unit_test(test_interior),  cmocka_unit_test(test_tagged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
