/**
 * @file
 * Root objects by kind: stale words and cycles don't take one leak apart, and structures stay one.
 */
#include "tests/unit/fake_classes.h"

#include "analyzers/leaks/leaks.h"

#define HEAP UINT64_C(0x20000000)

enum { OBJECTS = 100, PARTS = 4 };

struct fixture {
	struct fake fake;
	struct fake_classes classes;
	uint64_t c[OBJECTS][PARTS]; /* chunks of each object, by address */
	struct hc_leaks leaks;
};

/** OBJECTS times the chunks of these sizes, back to back. */
static void make(struct fixture *f, const uint64_t part_sizes[PARTS])
{
	uint64_t sizes[OBJECTS * PARTS];

	for (size_t i = 0; i < OBJECTS * PARTS; i++)
		sizes[i] = part_sizes[i % PARTS];
	memset(f, 0, sizeof(*f));
	fake_init(&f->fake, 8, 2, 4096);
	fake_span(&f->fake, HEAP, HC_SPAN_TILED, sizes, OBJECTS * PARTS, &f->c[0][0]);
	fake_seal(&f->fake);
	fake_classes_init(&f->classes, &f->fake);
}

static void run(struct fixture *f)
{
	struct hc_reach_stats stats;

	assert_null(hc_reachability_run(f->fake.heap, &stats));
	assert_null(hc_leaks_run(fake_target(&f->fake), NULL, &f->leaks));
}

static void finish(struct fixture *f)
{
	hc_leaks_deinit(&f->leaks);
	fake_deinit(&f->fake);
}

static void assert_group(const struct fixture *f, size_t number, uint64_t size, uint64_t roots,
			 uint64_t below)
{
	const struct hc_leak_group *group = &f->leaks.groups[number - 1];

	assert_true(number <= f->leaks.num_groups);
	assert_int_equal(group->root_size, size);
	assert_int_equal(group->roots.chunks, roots);
	assert_int_equal(group->below.chunks, below);
}

/** 528 → 112, 48, 32; and 60 of 100 texts have a stale word that leads to another object. */
static void test_stale_words(void **state)
{
	static const uint64_t sizes[PARTS] = {528, 112, 48, 32};
	struct fixture f;

	(void)state;
	make(&f, sizes);
	for (size_t i = 0; i < OBJECTS; i++) {
		for (size_t k = 1; k < PARTS; k++)
			fake_store(&f.fake, f.c[i][0] + 16 * k, f.c[i][k]);
		if (i % 5 < 3)
			fake_store(&f.fake, f.c[i][1] + 96, f.c[(i + 7) % OBJECTS][0]);
	}
	run(&f);
	assert_int_equal(f.leaks.num_groups, 1);
	assert_group(&f, 1, 528, OBJECTS, 3 * OBJECTS);
	finish(&f);
}

/**
 * 400 → 64 → 160 in half of the objects, as a certificate owns its key; in the other half the 160
 * is lost alone. Other chunks of 64, which outnumber the owners, point elsewhere or nowhere.
 */
static void test_owners_among_chunks_of_a_size(void **state)
{
	static const uint64_t sizes[PARTS] = {400, 64, 160, 64};
	struct fixture f;

	(void)state;
	make(&f, sizes);
	for (size_t i = 0; i < OBJECTS; i++) {
		if (i % 4) { /* and is held here */
			fake_root(&f.fake, 2 * i, f.c[i][0]);
			fake_root(&f.fake, 2 * i + 1, f.c[i][1]);
			continue;
		}
		fake_store(&f.fake, f.c[i][0] + 16, f.c[i][1]);
		fake_store(&f.fake, f.c[i][1], f.c[i][3]);
		fake_store(&f.fake, f.c[i][1] + 16, f.c[i][2]);
	}
	for (size_t i = 0; i < OBJECTS; i++)
		fake_store(&f.fake, f.c[i][2] + 32, f.c[i][3]);
	run(&f);
	assert_int_equal(f.leaks.num_groups, 2);
	assert_group(&f, 1, 400, OBJECTS / 4, OBJECTS * 3 / 4);
	assert_group(&f, 2, 160, OBJECTS * 3 / 4, OBJECTS * 3 / 4);
	finish(&f);
}

/** The same word, but others that look as these chunks do lack it: it is stale. */
static void test_stale_words_among_chunks_of_a_size(void **state)
{
	static const uint64_t sizes[PARTS] = {400, 64, 160, 64};
	struct fixture f;

	(void)state;
	make(&f, sizes);
	for (size_t i = 0; i < OBJECTS; i++) {
		fake_store(&f.fake, f.c[i][0] + 16, f.c[i][1]);
		fake_store(&f.fake, f.c[i][2] + 32, f.c[i][3]);
		if (i % 4 == 0)
			fake_store(&f.fake, f.c[i][1] + 16, f.c[i][2]);
	}
	run(&f);
	assert_int_equal(f.leaks.num_groups, 2);
	assert_group(&f, 1, 400, OBJECTS, OBJECTS);
	assert_group(&f, 2, 160, OBJECTS, OBJECTS);
	finish(&f);
}

/** A document leads to its nodes, and each node to the next and to its document. */
static void test_cycles(void **state)
{
	static const uint64_t sizes[PARTS] = {64, 64, 176, 64};
	struct fixture f;

	(void)state;
	make(&f, sizes);
	for (size_t i = 0; i < OBJECTS; i++) {
		fake_store(&f.fake, f.c[i][2], f.c[i][0]);
		fake_store(&f.fake, f.c[i][0], f.c[i][1]);
		fake_store(&f.fake, f.c[i][1], f.c[i][3]);
		for (size_t k = 0; k < PARTS; k++) {
			if (k != 2)
				fake_store(&f.fake, f.c[i][k] + 8, f.c[i][2]);
		}
	}
	run(&f);
	assert_int_equal(f.leaks.num_groups, 1);
	assert_group(&f, 1, 176, OBJECTS, 3 * OBJECTS);
	finish(&f);
}

/** All chunks of one size in a list, which is lost as one thing; and so is one in a ring. */
static void test_structures(void **state)
{
	static const uint64_t sizes[PARTS] = {64, 64, 64, 64};

	(void)state;
	for (int ring = 0; ring < 2; ring++) {
		struct fixture f;
		uint64_t *c;

		make(&f, sizes);
		c = &f.c[0][0];
		for (size_t i = 0; i + 1 < OBJECTS * PARTS; i++)
			fake_store(&f.fake, c[i], c[i + 1]);
		if (ring)
			fake_store(&f.fake, c[OBJECTS * PARTS - 1], c[0]);
		run(&f);
		assert_int_equal(f.leaks.num_groups, 1);
		assert_group(&f, 1, 64, 1, OBJECTS * PARTS - 1);
		finish(&f);
	}
}

/** One table that holds all objects is what was lost. */
static void test_table(void **state)
{
	static const uint64_t sizes[PARTS] = {1040, 112, 48, 32};
	struct fixture f;

	(void)state;
	make(&f, sizes);
	for (size_t i = 1; i < OBJECTS; i++) {
		fake_root(&f.fake, i, f.c[i][0]); /* the other large chunks are held */
		fake_store(&f.fake, f.c[0][0] + 8 * i, f.c[i][1]);
		fake_store(&f.fake, f.c[i][1], f.c[i][2]);
		fake_store(&f.fake, f.c[i][2], f.c[i][3]);
	}
	for (size_t k = 1; k < PARTS; k++)
		fake_root(&f.fake, OBJECTS + k, f.c[0][k]);
	run(&f);
	assert_int_equal(f.leaks.num_groups, 1);
	assert_group(&f, 1, 1040, 1, 3 * (OBJECTS - 1));
	finish(&f);
}

/** Every lost chunk is in exactly one group, whatever points where. */
static void test_sums(void **state)
{
	static const uint64_t sizes[PARTS] = {528, 112, 48, 112};

	(void)state;
	for (unsigned seed = 1; seed <= 50; seed++) {
		struct fixture f;
		struct hc_count sum = {0};
		uint64_t *c;

		make(&f, sizes);
		c = &f.c[0][0];
		srandom(seed);
		for (size_t i = 0; i < OBJECTS * PARTS * (seed % 5); i++)
			fake_store(&f.fake, c[random() % (OBJECTS * PARTS)] + 8 * (random() % 4),
				   c[random() % (OBJECTS * PARTS)]);
		run(&f);
		for (size_t i = 0; i < f.leaks.num_groups; i++) {
			sum.chunks += f.leaks.groups[i].roots.chunks;
			sum.chunks += f.leaks.groups[i].below.chunks;
		}
		assert_int_equal(sum.chunks, OBJECTS * PARTS);
		finish(&f);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stale_words),
		cmocka_unit_test(test_owners_among_chunks_of_a_size),
		cmocka_unit_test(test_stale_words_among_chunks_of_a_size),
		cmocka_unit_test(test_cycles),
		cmocka_unit_test(test_structures),
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_sums),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
