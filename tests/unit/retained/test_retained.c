/**
 * @file
 * Retained sizes against their definition: what is no longer reached when a chunk is gone, on
 * random heaps; groups and accumulation points of a table; and the same for any number of jobs.
 */
#include "analyzers/retained/holders.h"

#include "tests/unit/fake_heap.h"

#define SPAN UINT64_C(0x20000000)
enum { CHUNKS = 120, ROOTS = 8, WORDS = 6, SIZE = 64, HEAPS = 60 };

static uint64_t random_state;

static uint64_t next_random(void)
{
	random_state = random_state * UINT64_C(6364136223846793005) + 1442695040888963407;
	return random_state >> 33;
}

static void make(struct fake *fake, unsigned jobs, const uint64_t *sizes, size_t num,
		 uint64_t *chunks)
{
	fake_init(fake, 8, jobs, ROOTS * 8);
	fake_span(fake, SPAN, HC_SPAN_TILED, sizes, num, chunks);
	fake_seal(fake);
}

static void find(struct fake *fake, struct hc_retained *ret)
{
	hc_cleanup(hc_spots_destroyp) struct hc_spots *spots = NULL;

	assert_null(hc_spots_create(&fake->process, &spots));
	assert_null(hc_retained_find(fake_target(fake), spots, NULL, ret));
}

/** What the roots lead to when one chunk is gone. */
static void reach_without(struct fake *fake, const uint64_t *chunks, size_t gone, bool *reached)
{
	size_t stack[CHUNKS], depth = 0;

	memset(reached, 0, CHUNKS * sizeof(*reached));
	for (size_t i = 0; i < CHUNKS; i++)
		for (size_t r = 0; r < ROOTS; r++)
			if (i != gone && !reached[i] &&
			    hc_load64(fake_at(fake, FAKE_ROOTS + 8 * r)) == chunks[i]) {
				reached[i] = true;
				stack[depth++] = i;
			}
	while (depth) {
		size_t from = stack[--depth];

		for (size_t i = 0; i < CHUNKS; i++)
			for (size_t w = 0; w < WORDS; w++)
				if (i != gone && !reached[i] &&
				    hc_load64(fake_at(fake, chunks[from] + 8 * w)) == chunks[i]) {
					reached[i] = true;
					stack[depth++] = i;
				}
	}
}

static void check_heap(struct fake *fake, const uint64_t *chunks)
{
	bool all[CHUNKS], without[CHUNKS];
	struct hc_retained retained;

	find(fake, &retained);
	reach_without(fake, chunks, CHUNKS, all);
	for (size_t i = 0; i < CHUNKS; i++) {
		struct hc_chunk chunk;
		uint64_t bytes = 0;

		assert_true(hc_heap_chunk_at(fake->heap, chunks[i], &chunk));
		uint32_t vertex = hc_retained_vertex(&retained, &chunk);

		assert_int_equal(vertex != 0, all[i]);
		if (!vertex)
			continue;
		reach_without(fake, chunks, i, without);
		for (size_t k = 0; k < CHUNKS; k++)
			bytes += all[k] && !without[k] ? SIZE : 0;
		assert_int_equal(hc_retained_bytes(&retained, vertex), bytes);
	}
	hc_retained_deinit(&retained);
}

static void test_definition(void **state)
{
	(void)state;
	uint64_t sizes[CHUNKS], chunks[CHUNKS];

	random_state = 1;
	for (size_t i = 0; i < CHUNKS; i++)
		sizes[i] = SIZE;
	for (size_t n = 0; n < HEAPS; n++) {
		struct fake fake;
		/* From lists and trees to what everything points to. */
		size_t density = 1 + n % 8;

		make(&fake, 1 + n % 3, sizes, CHUNKS, chunks);
		for (size_t r = 0; r < 1 + n % ROOTS; r++)
			fake_store(&fake, FAKE_ROOTS + 8 * r, chunks[next_random() % CHUNKS]);
		for (size_t i = 0; i < CHUNKS; i++)
			for (size_t w = 0; w < WORDS; w++)
				if (next_random() % 16 < density)
					fake_store(&fake, chunks[i] + 8 * w,
						   chunks[next_random() % CHUNKS]);
		check_heap(&fake, chunks);
		fake_deinit(&fake);
	}
}

/** A head, a table of 20 slots, a node in each, and two texts of each node. */
static void test_groups(void **state)
{
	(void)state;
	enum { NODES = 20, NUM = 2 + 3 * NODES };
	uint64_t sizes[NUM], chunks[NUM];
	struct fake fake;
	struct hc_retained retained;
	struct hc_holders holders;

	sizes[0] = 48;
	sizes[1] = 8 * NODES + 16;
	for (size_t i = 0; i < NODES; i++) {
		sizes[2 + 3 * i] = 32;
		sizes[3 + 3 * i] = sizes[4 + 3 * i] = 96;
	}
	make(&fake, 2, sizes, NUM, chunks);
	fake_store(&fake, FAKE_ROOTS + 8, chunks[0]);
	fake_store(&fake, chunks[0] + 8, chunks[1]);
	for (size_t i = 0; i < NODES; i++) {
		fake_store(&fake, chunks[1] + 8 * i, chunks[2 + 3 * i]);
		fake_store(&fake, chunks[2 + 3 * i], chunks[3 + 3 * i]);
		fake_store(&fake, chunks[2 + 3 * i] + 8, chunks[4 + 3 * i]);
	}
	find(&fake, &retained);
	assert_null(hc_holders_find(&retained, 0, 10, &holders));
	assert_int_equal(holders.num, 1);
	assert_int_equal(holders.items[0].chunks, NUM);
	assert_int_equal(holders.items[0].own, 0);
	assert_int_equal(holders.items[0].point_chunk.address, chunks[1]);
	assert_int_equal(holders.num_groups, 5);
	static const uint64_t counts[] = {0, 1, 1, NODES, 2 * NODES};

	uint32_t at = holders.items[0].group;
	for (size_t i = 0; i < 5; i++, at = holders.groups[at].first) {
		assert_int_equal(holders.groups[at].own.chunks, counts[i]);
		assert_int_equal(holders.groups[at].depth, i);
		assert_int_equal(holders.groups[at].next, 0);
	}
	hc_holders_deinit(&holders);
	hc_retained_deinit(&retained);

	/* What one of the nodes holds: its texts. */
	struct hc_chunk node;

	find(&fake, &retained);
	assert_true(hc_heap_chunk_at(fake.heap, chunks[2], &node));
	assert_null(hc_holders_find(&retained, hc_retained_vertex(&retained, &node), 1, &holders));
	assert_int_equal(holders.of.chunks, 3);
	assert_int_equal(holders.total, 2);
	assert_int_equal(holders.num, 1);
	assert_int_equal(holders.total_bytes, 192);
	hc_holders_deinit(&holders);
	hc_retained_deinit(&retained);
	fake_deinit(&fake);
}

/** A large chunk that is alone in its span: a table of the others. */
static void test_single(void **state)
{
	(void)state;
	enum { LARGE = 1 << 20 };
	uint64_t sizes[CHUNKS], chunks[CHUNKS], large, size = LARGE;
	struct fake fake;
	struct hc_retained retained;
	struct hc_chunk chunk;

	for (size_t i = 0; i < CHUNKS; i++)
		sizes[i] = SIZE;
	fake_init(&fake, 8, 2, ROOTS * 8);
	fake_span(&fake, SPAN, HC_SPAN_TILED, sizes, CHUNKS, chunks);
	fake_span(&fake, SPAN * 2, HC_SPAN_SINGLE, &size, 1, &large);
	fake_seal(&fake);
	fake_store(&fake, FAKE_ROOTS, large);
	for (size_t i = 0; i < CHUNKS; i++)
		fake_store(&fake, large + 8192 * i, chunks[i]);
	find(&fake, &retained);
	assert_true(hc_heap_chunk_at(fake.heap, large, &chunk));
	assert_int_equal(hc_retained_bytes(&retained, hc_retained_vertex(&retained, &chunk)),
			 chunk.size + CHUNKS * SIZE);
	hc_retained_deinit(&retained);
	fake_deinit(&fake);
}

/**
 * Nodes that all know the first one: too much for edges that are kept. And edges that are too many
 * for that. Names do not tell.
 */
static void test_told(void **state)
{
	(void)state;
	enum { NODES = 3000, LINKS = 30 };
	uint64_t *sizes = calloc(NODES, sizeof(*sizes)), *chunks = calloc(NODES, sizeof(*chunks));

	assert_true(sizes && chunks);
	for (size_t dense = 0; dense < 2; dense++) {
		struct fake fake;
		struct hc_retained retained;

		for (size_t i = 0; i < NODES; i++)
			sizes[i] = dense ? 16 + 8 * LINKS : SIZE;
		make(&fake, 2, sizes, NODES, chunks);
		fake_store(&fake, FAKE_ROOTS, chunks[0]);
		for (size_t i = 0; i < NODES; i++) {
			if (i + 1 < NODES)
				fake_store(&fake, chunks[i], chunks[i + 1]);
			for (size_t w = 1; w < (dense ? LINKS : 2); w++)
				fake_store(&fake, chunks[i] + 8 * w, chunks[dense ? i - i % w : 0]);
		}
		find(&fake, &retained);
		assert_int_equal(retained.num, 1 + retained.anchors.num + NODES);
		for (size_t i = 0; i < NODES; i++) {
			struct hc_chunk chunk;

			assert_true(hc_heap_chunk_at(fake.heap, chunks[i], &chunk));
			uint32_t vertex = hc_retained_vertex(&retained, &chunk);

			/* The further up, the earlier; each holds all that come later. */
			assert_int_equal(vertex, 1 + retained.anchors.num + i);
			assert_int_equal(retained.idom[vertex], i ? vertex - 1 : 1);
			assert_int_equal(hc_retained_bytes(&retained, vertex),
					 (NODES - i) * chunk.size);
		}
		hc_retained_deinit(&retained);
		fake_deinit(&fake);
	}
	free(sizes);
	free(chunks);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_definition),
		cmocka_unit_test(test_groups),
		cmocka_unit_test(test_single),
		cmocka_unit_test(test_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
