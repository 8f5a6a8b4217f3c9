/**
 * @file
 * Links of 32 bits from a base, and numbers that look like them, on heaps that are made up.
 */
#include "tests/unit/fake_heap.h"

#include "analyzers/reachability/edges.h"

#define HEAP UINT64_C(0x20000000)
#define MAX_CHUNKS 2048
#define NUM(a) (sizeof(a) / sizeof((a)[0]))

enum { HEAD = 5, BASE = 9 }; /* words of the roots */

struct blocks {
	struct fake fake;
	uint64_t at[MAX_CHUNKS];
	size_t num;
};

/** Equal blocks, of which nothing is held, behind one of another size, as glibc's tcache is. */
static void make(struct blocks *blocks, unsigned jobs, size_t num, uint64_t size)
{
	uint64_t sizes[MAX_CHUNKS + 1] = {0x290}, at[MAX_CHUNKS + 1];

	for (size_t i = 0; i < num; i++)
		sizes[i + 1] = size;
	fake_init(&blocks->fake, 8, jobs, 16384);
	fake_span(&blocks->fake, HEAP, HC_SPAN_TILED, sizes, num + 1, at);
	fake_seal(&blocks->fake);
	memcpy(blocks->at, at + 1, num * sizeof(*at));
	blocks->num = num;
}

static struct hc_reach_stats run(struct blocks *blocks)
{
	struct hc_reach_stats stats;

	assert_null(hc_reachability_run(blocks->fake.heap, &stats));
	return stats;
}

/** Two words of 32 bits as one. */
static uint64_t pair(uint32_t low, uint32_t high)
{
	return (uint64_t)high << 32 | low;
}

/** A fixed order without order: a shuffle. */
static size_t other(size_t i, size_t num)
{
	static size_t order[MAX_CHUNKS], shuffled;
	uint64_t random = 88172645463325252;

	if (shuffled != num) {
		for (size_t k = 0; k < num; k++)
			order[k] = k;
		for (size_t k = num - 1; k; k--) {
			random ^= random << 13;
			random ^= random >> 7;
			random ^= random << 17;
			size_t from = random % (k + 1), kept = order[k];

			order[k] = order[from];
			order[from] = kept;
		}
		shuffled = num;
	}
	return order[i];
}

static uint32_t link_to(const struct blocks *blocks, size_t i, uint64_t base, unsigned shift)
{
	return (blocks->at[i] - base) >> shift;
}

/** A list whose links count from a base, in the order of @p order. */
static void make_list(struct blocks *blocks, uint64_t base, unsigned shift,
		      size_t (*order)(size_t, size_t))
{
	for (size_t i = 0; i < blocks->num; i++) {
		uint32_t next = i + 1 < blocks->num
					? link_to(blocks, order(i + 1, blocks->num), base, shift)
					: 0;

		fake_store(&blocks->fake, blocks->at[order(i, blocks->num)] + 8,
			   pair(i * 2654435761u, next));
	}
	fake_root(&blocks->fake, HEAD,
		  pair(link_to(blocks, order(0, blocks->num), base, shift), 1));
}

static size_t backwards(size_t i, size_t num)
{
	return num - 1 - i;
}

static void check_held(struct blocks *blocks, const struct hc_reach_stats *stats, size_t offset)
{
	const struct hc_heap *heap = blocks->fake.heap;

	assert_true(stats->offsets.found);
	assert_int_equal(stats->offsets.size, 64);
	assert_int_equal(stats->offsets.offset, offset);
	assert_int_equal(stats->offsets.chunks, blocks->num);
	assert_int_equal(stats->offsets.bytes, blocks->num * 64);
	assert_int_equal(heap->num_hidden, 1);
	assert_int_equal(heap->hidden[0].size, 64);
	assert_int_equal(heap->hidden[0].by[HC_HIDING_OFFSET].chunks, blocks->num);
	assert_int_equal(heap->hidden[0].by[HC_HIDING_TAGGED].chunks, 0);
	for (size_t i = 0; i < blocks->num; i++)
		assert_int_equal(fake_reach(&blocks->fake, blocks->at[i]), HC_POSSIBLE);
}

static void test_lists(void **state)
{
	static const unsigned jobs[] = {1, 2, 5};
	static size_t (*const orders[])(size_t, size_t) = {other, backwards};
	/* The heap's mapping, a block that a root points to, a window of 4 GiB. */
	static const uint64_t bases[] = {HEAP, HEAP + 16, UINT64_C(0)};
	struct blocks blocks;

	(void)state;
	for (size_t b = 0; b < NUM(bases); b++)
		for (size_t o = 0; o < NUM(orders); o++)
			for (size_t j = 0; j < NUM(jobs); j++) {
				make(&blocks, jobs[j], 500, 64);
				fake_root(&blocks.fake, BASE, bases[b]);
				make_list(&blocks, bases[b], 0, orders[o]);
				struct hc_reach_stats stats = run(&blocks);

				check_held(&blocks, &stats, 12);
				assert_int_equal(stats.offsets.base, bases[b]);
				assert_int_equal(stats.offsets.shift, 0);
				fake_deinit(&blocks.fake);
			}
}

static void test_compressed(void **state)
{
	struct blocks blocks;

	(void)state;
	make(&blocks, 2, 500, 64);
	make_list(&blocks, HEAP, 3, other);
	struct hc_reach_stats stats = run(&blocks);

	check_held(&blocks, &stats, 12);
	assert_int_equal(stats.offsets.shift, 3);
	fake_deinit(&blocks.fake);
}

/** A base that nothing has is none: any can be made to fit. */
static void test_base_is_at_hand(void **state)
{
	struct blocks blocks;

	(void)state;
	make(&blocks, 2, 500, 64);
	make_list(&blocks, HEAP - 0x12340, 0, backwards);
	struct hc_reach_stats stats = run(&blocks);

	assert_false(stats.offsets.found);
	assert_int_equal(stats.kinds[HC_DEFINITE].chunks, 501);
	fake_deinit(&blocks.fake);
}

/** Entries of a table, of which each second word is a link; blocks have no links of their own. */
static void test_table(void **state)
{
	struct blocks blocks;

	(void)state;
	make(&blocks, 2, 500, 64);
	for (size_t i = 0; i < blocks.num; i++)
		fake_root(&blocks.fake, 512 + i,
			  pair(i * 2654435761u, link_to(&blocks, other(i, blocks.num), HEAP, 0)));
	struct hc_reach_stats stats = run(&blocks);

	assert_true(stats.offsets.found);
	assert_int_equal(stats.offsets.size, 0);
	assert_int_equal(stats.offsets.chunks, 500);
	fake_deinit(&blocks.fake);
}

/** The head is lost, so that all below it is. */
static void test_head_is_needed(void **state)
{
	struct blocks blocks;

	(void)state;
	make(&blocks, 2, 500, 64);
	make_list(&blocks, HEAP, 0, other);
	fake_root(&blocks.fake, HEAD, 0);
	struct hc_reach_stats stats = run(&blocks);

	assert_int_equal(stats.offsets.chunks, 0);
	assert_int_equal(stats.kinds[HC_DEFINITE].chunks, 501);
	fake_deinit(&blocks.fake);
}

/** Other blocks of another size stay lost, whatever numbers lead to them. */
static void test_other_sizes_stay_lost(void **state)
{
	uint64_t sizes[MAX_CHUNKS], at[MAX_CHUNKS];
	struct blocks blocks;

	(void)state;
	for (size_t i = 0; i < 1000; i++)
		sizes[i] = i % 2 ? 96 : 64;
	fake_init(&blocks.fake, 8, 2, 16384);
	fake_span(&blocks.fake, HEAP, HC_SPAN_TILED, sizes, 1000, at);
	fake_seal(&blocks.fake);
	blocks.num = 500;
	for (size_t i = 0; i < 500; i++)
		blocks.at[i] = at[2 * i];
	make_list(&blocks, HEAP, 0, other);
	for (size_t i = 0; i < 40; i++)
		fake_root(&blocks.fake, 600 + i, at[2 * i + 1] - HEAP);
	struct hc_reach_stats stats = run(&blocks);

	assert_int_equal(stats.offsets.chunks, 500);
	assert_int_equal(blocks.fake.heap->num_hidden, 1);
	assert_int_equal(stats.kinds[HC_DEFINITE].chunks, 500);
	fake_deinit(&blocks.fake);
}

/** Numbers in what is lost: whatever their steps, they are no links. */
static void test_counters(void **state)
{
	static const struct {
		uint32_t first, step;
	} counters[] = {
		{0, 1},   {1, 1},    {0, 8},     {16, 16},    {0, 32},    {0, 64},
		{64, 64}, {0, 128},  {0x80, 64}, {0x10, 64},  {0x50, 64}, {0x40, 8},
		{7, 7},   {0, 4096}, {100, 100}, {0x2a0, 64}, {6, 8},     {10, 8},
	};
	struct blocks blocks;

	(void)state;
	for (size_t c = 0; c < NUM(counters); c++) {
		make(&blocks, 2, 1000, 64);
		for (size_t i = 0; i < blocks.num; i++)
			fake_store(&blocks.fake, blocks.at[i] + 8,
				   pair(counters[c].first + i * counters[c].step, 3));
		/* The next one, and what is left of a pointer to the first. */
		fake_root(&blocks.fake, HEAD,
			  counters[c].first + (uint32_t)blocks.num * counters[c].step);
		fake_root(&blocks.fake, BASE, blocks.at[0] - 8);
		struct hc_reach_stats stats = run(&blocks);

		assert_int_equal(stats.offsets.chunks, 0);
		assert_int_equal(stats.kinds[HC_DEFINITE].chunks, 1001);
		fake_deinit(&blocks.fake);
	}
}

/** Links of 64 bits are no pairs of links, though their lower halves count from 4 GiB. */
static void test_halves_of_pointers(void **state)
{
	struct blocks blocks;

	(void)state;
	make(&blocks, 2, 500, 64);
	for (size_t i = 0; i + 1 < blocks.num; i++)
		fake_store(&blocks.fake, blocks.at[other(i, 500)] + 8,
			   blocks.at[other(i + 1, 500)]);
	struct hc_reach_stats stats = run(&blocks);

	assert_false(stats.offsets.found);
	fake_deinit(&blocks.fake);
}

static bool count_edge(void *ctx, const struct hc_edge *edge)
{
	uint64_t *at = ctx;

	assert_false(edge->exact);
	at[0]++;
	at[1] = edge->at;
	return true;
}

/** Who reads edges sees the link where it stands. */
static void test_edges(void **state)
{
	struct blocks blocks;
	uint64_t seen[2] = {0};

	(void)state;
	make(&blocks, 2, 500, 64);
	make_list(&blocks, HEAP, 0, other);
	run(&blocks);
	assert_true(hc_edges_of_range(blocks.fake.heap, blocks.at[0], blocks.at[0] + 56, count_edge,
				      seen));
	assert_int_equal(seen[0], 1);
	assert_int_equal(seen[1], blocks.at[0] + 12);
	fake_deinit(&blocks.fake);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_compressed),
		cmocka_unit_test(test_base_is_at_hand),
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_head_is_needed),
		cmocka_unit_test(test_other_sizes_stay_lost),
		cmocka_unit_test(test_counters),
		cmocka_unit_test(test_halves_of_pointers),
		cmocka_unit_test(test_edges),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
