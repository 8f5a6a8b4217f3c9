/**
 * @file
 * What is known of an address without marking, against what marking tells: on random graphs, with
 * words of all kinds.
 */
#include "analyzers/inspect/what.h"
#include "analyzers/reachability/reachability.h"

#include "tests/unit/fake_heap.h"

#define SPAN UINT64_C(0x20000000)
enum { CHUNKS = 200, ROOTS = 64, WORDS = 6, MAX = 5, ASKED = 24 };

static uint64_t random_state;

static uint64_t next_random(void)
{
	random_state = random_state * UINT64_C(6364136223846793005) + 1442695040888963407;
	return random_state >> 33;
}

static void make(struct fake *fake, unsigned jobs, uint64_t *chunks)
{
	uint64_t sizes[CHUNKS];

	for (size_t i = 0; i < CHUNKS; i++)
		sizes[i] = 64;
	fake_init(fake, 8, jobs, ROOTS * 8);
	fake_span(fake, SPAN, HC_SPAN_TILED, sizes, CHUNKS, chunks);
	fake_seal(fake);
}

static void ask(struct fake *fake, uint64_t address, uint64_t many, struct hc_what *ret)
{
	assert_ok(hc_what_run_reached(fake_target(fake), address, MAX, many, ret));
	assert_true(ret->reach_known);
}

static void check_chunk(const struct hc_chunk *proven, const struct hc_chunk *marked)
{
	assert_int_equal(proven->address, marked->address);
	assert_int_equal(proven->state, marked->state);
	if (marked->state == HC_IN_USE)
		assert_int_equal(proven->reach, marked->reach);
}

static void compare(const struct hc_what *proven, const struct hc_what *marked)
{
	check_chunk(&proven->chunk, &marked->chunk);
	assert_int_equal(proven->referrers.total, marked->referrers.total);
	assert_int_equal(proven->referrers.num, marked->referrers.num);
	for (size_t i = 0; i < marked->referrers.num; i++) {
		const struct hc_referrer *a = &proven->referrers.items[i];
		const struct hc_referrer *b = &marked->referrers.items[i];

		assert_int_equal(a->address, b->address);
		assert_int_equal(a->value, b->value);
		assert_int_equal(a->heuristic, b->heuristic);
		assert_int_equal(a->in_chunk, b->in_chunk);
		if (b->in_chunk)
			check_chunk(&a->chunk, &b->chunk);
	}
	assert_int_equal(proven->num_targets, marked->num_targets);
	for (size_t i = 0; i < marked->num_targets; i++)
		check_chunk(&proven->targets[i].chunk, &marked->targets[i].chunk);
}

/** @return whether it was known without marking */
static bool check(struct fake *fake, uint64_t address)
{
	struct hc_what proven, marked;

	fake->heap->reach_known = false;
	ask(fake, address, 0, &proven);
	bool ret = !fake->heap->reach_known;
	ask(fake, address, UINT64_MAX, &marked);
	assert_true(fake->heap->reach_known);
	assert_int_equal(marked.paths.num, 0);
	compare(&proven, &marked);
	/* A chain is handed over where that is how it is known. */
	assert_int_equal(proven.paths.num, ret);
	if (ret) {
		const struct hc_path *path = &proven.paths.items[0];

		assert_int_equal(proven.chunk.reach, HC_REACHABLE);
		assert_true(path->exact);
		assert_int_equal(path->steps[path->num - 1].value, proven.chunk.address);
	}
	hc_what_deinit(&proven);
	hc_what_deinit(&marked);
	return ret;
}

/** A word that points to a chunk: to its start, inside, or there once its tag is taken off. */
static uint64_t random_pointer(const uint64_t *chunks, unsigned kinds)
{
	uint64_t address = chunks[next_random() % CHUNKS];
	unsigned kind = next_random() % 16;

	if (kinds > 1 && kind == 0)
		return address + 8;
	return kinds > 2 && kind == 1 ? address | UINT64_C(0x1234) << 48 : address;
}

static void test_random(void **state)
{
	size_t proven = 0, marked = 0;

	(void)state;
	for (unsigned round = 0; round < 9; round++) {
		struct fake fake;
		uint64_t chunks[CHUNKS];
		unsigned words = CHUNKS * (1 + round % 4);

		random_state = round;
		make(&fake, 1 + round % 3, chunks);
		for (size_t i = 0; i < words; i++)
			fake_store(&fake,
				   chunks[next_random() % CHUNKS] + 8 * (next_random() % WORDS),
				   random_pointer(chunks, 1 + round % 3));
		for (size_t i = 0; i < 3; i++)
			fake_root(&fake, next_random() % ROOTS, chunks[next_random() % CHUNKS]);
		for (size_t i = 0; i < ASKED; i++)
			if (check(&fake, chunks[i]))
				proven++;
			else
				marked++;
		fake_deinit(&fake);
	}
	assert_true(proven > ASKED);
	assert_true(marked > ASKED);
}

/** What only marking can tell is not told without. */
static void test_doubts(void **state)
{
	struct fake fake;
	uint64_t chunks[CHUNKS];
	struct hc_what what;

	(void)state;
	make(&fake, 1, chunks);
	fake_root(&fake, 1, chunks[0]);
	fake_store(&fake, chunks[0], chunks[1]);
	fake_store(&fake, chunks[0] + 8, chunks[2]);
	assert_true(check(&fake, chunks[1]));
	/* In the middle of it. */
	assert_true(check(&fake, chunks[1] + 5));
	/* By an interior pointer; by what is a pointer if there are tags; in a lost chunk. */
	fake_store(&fake, chunks[0] + 16, chunks[1] + 16);
	assert_false(check(&fake, chunks[1]));
	assert_true(check(&fake, chunks[2]));
	fake_store(&fake, chunks[0] + 16, chunks[2] | UINT64_C(0x1234) << 48);
	assert_true(check(&fake, chunks[1]));
	assert_false(check(&fake, chunks[2]));
	fake_store(&fake, chunks[0] + 16, 0);
	fake_store(&fake, chunks[9], chunks[2]);
	assert_false(check(&fake, chunks[2]));
	assert_false(check(&fake, chunks[9]));
	/* A register with a tag. */
	fake.thread.num_regs = 1;
	fake.thread.regs[0] = chunks[1] | UINT64_C(0x1234) << 48;
	assert_false(check(&fake, chunks[1]));
	fake.thread.num_regs = 0;
	/* A heap that is small is marked. */
	fake.heap->reach_known = false;
	ask(&fake, chunks[1], CHUNKS + 1, &what);
	assert_true(fake.heap->reach_known);
	hc_what_deinit(&what);
	/* Outside of chunks: nothing points there; a chunk that is held does; a lost one does. */
	fake_store(&fake, chunks[9], 0);
	fake.heap->reach_known = false;
	ask(&fake, FAKE_ROOTS, 0, &what);
	assert_false(what.in_chunk);
	assert_false(fake.heap->reach_known);
	hc_what_deinit(&what);
	fake_store(&fake, chunks[1], FAKE_ROOTS);
	ask(&fake, FAKE_ROOTS, 0, &what);
	assert_false(fake.heap->reach_known);
	assert_int_equal(what.referrers.num, 1);
	assert_int_equal(what.referrers.items[0].chunk.reach, HC_REACHABLE);
	assert_int_equal(what.paths.num, 0);
	hc_what_deinit(&what);
	fake_store(&fake, chunks[9], FAKE_ROOTS);
	ask(&fake, FAKE_ROOTS, 0, &what);
	assert_true(fake.heap->reach_known);
	assert_int_equal(what.referrers.items[1].chunk.reach, HC_DEFINITE);
	hc_what_deinit(&what);
	fake_deinit(&fake);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_doubts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
