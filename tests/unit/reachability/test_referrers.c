/**
 * @file
 * Referrers of many blocks in one pass, against a plain search; their order; stale words.
 */
#include "analyzers/reachability/referrers.h"

#include "tests/unit/fake_heap.h"

#define SPAN UINT64_C(0x20000000)
enum { CHUNKS = 512, ROOTS = 256 };

struct world {
	struct fake fake;
	uint64_t chunks[CHUNKS];
	uint64_t sizes[CHUNKS];
};

static uint64_t random_state;

static uint64_t next_random(void)
{
	random_state = random_state * UINT64_C(6364136223846793005) + 1442695040888963407;
	return random_state >> 33;
}

/** A heap whose words are zero. */
static void make(struct world *world, unsigned jobs)
{
	fake_init(&world->fake, 8, jobs, ROOTS * 8);
	for (size_t i = 0; i < CHUNKS; i++)
		world->sizes[i] = 32 + 16 * (next_random() % 20);
	fake_span(&world->fake, SPAN, HC_SPAN_TILED, world->sizes, CHUNKS, world->chunks);
	fake_seal(&world->fake);
}

static struct hc_refer_query query_of(struct world *world, const struct hc_referent *referents,
				      size_t num)
{
	return (struct hc_refer_query){
		.process = &world->fake.process,
		.heap = world->fake.heap,
		.referents = referents,
		.num = num,
		.max = SIZE_MAX,
		.stale = true,
	};
}

/** Words that point into a chunk, by looking at every word of every chunk and root. */
static uint64_t count(struct world *world, size_t target)
{
	struct hc_chunk chunk;
	uint64_t num = 0;

	assert_true(hc_heap_chunk_at(world->fake.heap, world->chunks[target], &chunk));
	for (size_t i = 0; i < ROOTS; i++)
		num += hc_load64(fake_at(&world->fake, FAKE_ROOTS + 8 * i)) - chunk.address <
		       chunk.usable;
	for (size_t i = 0; i < CHUNKS; i++) {
		struct hc_chunk other;

		assert_true(hc_heap_chunk_at(world->fake.heap, world->chunks[i], &other));
		for (uint64_t k = 0;
		     i != target && other.state == HC_IN_USE && k + 8 <= other.usable &&
		     other.address + k + 8 <= SPAN + other.span->end - other.span->start;
		     k += 8)
			num += hc_load64(fake_at(&world->fake, other.address + k)) - chunk.address <
			       chunk.usable;
	}
	return num;
}

static void check_order(const struct hc_referrers *referrers, const struct hc_referent *referent)
{
	for (size_t i = 0; i < referrers->num; i++) {
		const struct hc_referrer *item = &referrers->items[i];
		const struct hc_referrer *before = item - 1;

		assert_true(item->value - referent->start < referent->size);
		if (!i)
			continue;
		assert_true(before->stale <= item->stale);
		if (before->stale != item->stale)
			continue;
		assert_true(before->interior <= item->interior);
		if (before->interior == item->interior)
			assert_true(before->address <= item->address);
	}
}

/** All chunks are targets. */
static void test_random(void **state)
{
	(void)state;
	for (unsigned round = 0; round < 20; round++) {
		struct world world;
		struct hc_referent referents[CHUNKS];
		struct hc_referrers referrers[CHUNKS];

		random_state = round;
		make(&world, 1 + round % 3);
		for (size_t i = 0; i < CHUNKS; i++)
			for (size_t k = 0; k < next_random() % 4; k++) {
				size_t to = next_random() % CHUNKS;
				uint64_t value =
					world.chunks[to] +
					next_random() % 3 * (next_random() % world.sizes[to]);

				if (next_random() % 4)
					fake_store(&world.fake,
						   world.chunks[i] + 8 * (next_random() % 3),
						   value);
				else
					fake_root(&world.fake, next_random() % ROOTS, value);
			}
		/* Backwards: they need not be sorted. */
		for (size_t i = 0; i < CHUNKS; i++)
			hc_referent_of(world.fake.heap, world.chunks[CHUNKS - 1 - i],
				       &referents[i]);
		const struct hc_refer_query query = query_of(&world, referents, CHUNKS);
		assert_ok(hc_referrers_find(&query, referrers));
		for (size_t i = 0; i < CHUNKS; i++) {
			assert_int_equal(referrers[i].total, count(&world, CHUNKS - 1 - i));
			assert_int_equal(referrers[i].num, referrers[i].total);
			check_order(&referrers[i], &referents[i]);
			hc_referrers_deinit(&referrers[i]);
		}
		fake_deinit(&world.fake);
	}
}

/** The best are kept, wherever they stand. */
static void test_limit(void **state)
{
	struct hc_referrers referrers;
	struct hc_referent referent;
	struct world world;

	(void)state;
	random_state = 7;
	make(&world, 2);
	hc_referent_of(world.fake.heap, world.chunks[100], &referent);
	for (size_t i = 0; i < 50; i++)
		fake_root(&world.fake, i, world.chunks[100] + 8);
	fake_store(&world.fake, world.chunks[3], world.chunks[100]);
	fake_root(&world.fake, 200, world.chunks[100]);
	struct hc_refer_query query = query_of(&world, &referent, 1);
	query.max = 3;
	assert_ok(hc_referrers_find(&query, &referrers));
	assert_int_equal(referrers.total, 52);
	assert_int_equal(referrers.num, 3);
	assert_int_equal(referrers.items[0].address, FAKE_ROOTS + 200 * 8);
	assert_int_equal(referrers.items[1].address, world.chunks[3]);
	assert_true(referrers.items[1].in_chunk);
	assert_int_equal(referrers.items[2].address, FAKE_ROOTS);
	assert_true(referrers.items[2].interior);
	hc_referrers_deinit(&referrers);
	fake_deinit(&world.fake);
}

/** What is left behind the end of a string counts last. */
static void test_behind_a_string(void **state)
{
	const uint64_t sizes[] = {112, 48, 112};
	struct hc_referrers referrers;
	struct hc_referent referent;
	uint64_t chunks[3];
	struct fake fake;

	(void)state;
	fake_init(&fake, 8, 1, 64);
	fake_span(&fake, SPAN, HC_SPAN_TILED, sizes, 3, chunks);
	fake_seal(&fake);
	memset(fake_at(&fake, chunks[0]), 'x', 70);
	fake_store(&fake, chunks[0] + 80, chunks[1]);
	/* A name, and then what the struct is for. */
	memset(fake_at(&fake, chunks[2]), 'x', 10);
	fake_store(&fake, chunks[2] + 80, chunks[1] + 8);
	hc_referent_of(fake.heap, chunks[1], &referent);
	const struct hc_refer_query query = {
		.process = &fake.process,
		.heap = fake.heap,
		.referents = &referent,
		.num = 1,
		.max = 10,
	};
	assert_ok(hc_referrers_find(&query, &referrers));
	assert_int_equal(referrers.num, 2);
	assert_int_equal(referrers.items[0].address, chunks[2] + 80);
	assert_false(referrers.items[0].stale);
	assert_int_equal(referrers.items[1].address, chunks[0] + 80);
	assert_true(referrers.items[1].stale);
	hc_referrers_deinit(&referrers);
	fake_deinit(&fake);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_behind_a_string),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
