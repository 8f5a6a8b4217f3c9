/**
 * @file
 * Ways from a lost object back to itself, on a heap that is made up.
 */
#include "tests/unit/fake_heap.h"

#include "analyzers/leaks/leak_cycle.h"

#define HEAP UINT64_C(0x20000000)

enum { NUM = 12 };

/** Chunks of 64 bytes, all of them lost unless a test makes a root. */
static void make(struct fake *fake, uint64_t c[NUM])
{
	uint64_t sizes[NUM];

	for (size_t i = 0; i < NUM; i++)
		sizes[i] = 64;
	fake_init(fake, 8, 1, 4096);
	fake_span(fake, HEAP, HC_SPAN_TILED, sizes, NUM, c);
	fake_seal(fake);
}

static bool find(struct fake *fake, uint64_t address, struct hc_leak_cycle *ret)
{
	struct hc_reach_stats stats;

	assert_null(hc_reachability_run(fake->heap, &stats));
	return hc_leak_cycle_find(fake->heap, address, ret);
}

static void test_the_shortest_way(void **state)
{
	struct hc_leak_cycle cycle;
	struct fake fake;
	uint64_t c[NUM];

	(void)state;
	make(&fake, c);
	/* 0 > 1 > 2 > 3 > 0, and shorter 0 > 4 > 0. */
	fake_store(&fake, c[0] + 8, c[1]);
	fake_store(&fake, c[1], c[2]);
	fake_store(&fake, c[2], c[3]);
	fake_store(&fake, c[3], c[0]);
	fake_store(&fake, c[0] + 24, c[4]);
	fake_store(&fake, c[4] + 16, c[0]);
	assert_true(find(&fake, c[0], &cycle));
	assert_int_equal(cycle.num, 2);
	assert_int_equal(cycle.steps[0].from.address, c[0]);
	assert_int_equal(cycle.steps[0].offset, 24);
	assert_int_equal(cycle.steps[1].from.address, c[4]);
	assert_int_equal(cycle.steps[1].offset, 16);
	assert_true(find(&fake, c[2], &cycle));
	assert_int_equal(cycle.num, 4);
	assert_int_equal(cycle.steps[2].from.address, c[0]);
	fake_deinit(&fake);
}

static void test_what_is_no_way_back(void **state)
{
	struct hc_leak_cycle cycle;
	struct fake fake;
	uint64_t c[NUM];

	(void)state;
	make(&fake, c);
	fake_store(&fake, c[0], c[0]); /* to itself at once */
	fake_store(&fake, c[1], c[2]); /* into the middle, as from a node to a list's head */
	fake_store(&fake, c[2] + 8, c[1] + 24); /* in its owner */
	fake_store(&fake, c[3], c[4]); /* a way that does not come back to where it began */
	fake_store(&fake, c[4], c[5]);
	fake_store(&fake, c[5], c[4]);
	fake_root(&fake, 0, c[6]); /* through what is held */
	fake_store(&fake, c[6], c[7]);
	for (size_t i = 0; i < 4; i += i ? 2 : 1)
		assert_false(find(&fake, c[i], &cycle));
	assert_false(find(&fake, HEAP - 4096, &cycle));
	fake_deinit(&fake);
}

static void test_ways_are_bounded(void **state)
{
	struct hc_leak_cycle cycle;
	struct fake fake;
	uint64_t c[NUM];

	(void)state;
	make(&fake, c);
	for (size_t i = 0; i < HC_LEAK_MAX_STEPS; i++)
		fake_store(&fake, c[i], c[(i + 1) % HC_LEAK_MAX_STEPS]);
	assert_true(find(&fake, c[0], &cycle));
	assert_int_equal(cycle.num, HC_LEAK_MAX_STEPS);
	fake_store(&fake, c[HC_LEAK_MAX_STEPS - 1], c[HC_LEAK_MAX_STEPS]);
	fake_store(&fake, c[HC_LEAK_MAX_STEPS], c[0]);
	assert_false(find(&fake, c[0], &cycle));
	fake_deinit(&fake);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_shortest_way),
		cmocka_unit_test(test_what_is_no_way_back),
		cmocka_unit_test(test_ways_are_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
