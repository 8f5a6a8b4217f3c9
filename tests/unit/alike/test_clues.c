/**
 * @file
 * Clues: keys and texts over lost, held and freed chunks, counted to the chunk.
 */
#include <stdio.h>

#include "tests/unit/fake_heap.h"

#include "core/allocators/glibc/glibc.h"
#include "analyzers/alike/clues.h"
#include "analyzers/reachability/reachability.h"

#define HEAP UINT64_C(0x20000000)

enum { CHUNKS = 120 };

struct fixture {
	struct fake fake;
	uint64_t c[CHUNKS];
};

static void make(struct fixture *f, unsigned jobs)
{
	uint64_t sizes[CHUNKS];

	for (size_t i = 0; i < CHUNKS; i++)
		sizes[i] = i % 4 == 3 ? 64 : 112;
	fake_init(&f->fake, 8, jobs, 4096);
	fake_span(&f->fake, HEAP, HC_SPAN_TILED, sizes, CHUNKS, f->c);
	fake_seal(&f->fake);
}

static void put(struct fixture *f, size_t i, const char *text)
{
	memcpy(fake_at(&f->fake, f->c[i]), text, strlen(text));
}

static struct hc_clue clue(const char *text)
{
	return (struct hc_clue){
		.text = {(const uint8_t *)text, strlen(text)},
		.key_size = strcspn(text, "=:") + 1,
		.min_size = 100,
		.max_size = 200,
	};
}

static void count(struct fixture *f, struct hc_clue *clues, size_t num)
{
	struct hc_reach_stats stats;

	assert_null(hc_reachability_run(f->fake.heap, &stats));
	assert_null(hc_clues_count(fake_target(&f->fake), clues, num));
}

static void assert_counts(const struct hc_clue_count *count, uint64_t key, uint64_t text)
{
	assert_int_equal(count->key, key);
	assert_int_equal(count->text, text);
}

static void test_counts(void **state)
{
	(void)state;
	for (unsigned jobs = 1; jobs <= 3; jobs++) {
		struct fixture f;
		struct hc_clue clues[] = {clue("channelid=4099"), clue("method=POST"), clue("x=1")};

		make(&f, jobs);
		for (size_t i = 0; i < CHUNKS; i++) {
			bool held = i % 3 == 0, lost = i % 3 == 1;

			put(&f, i,
			    lost ? "a=1&channelid=4099&method=POST" : "channelid=17&method=POST");
			if (held)
				fake_root(&f.fake, i, f.c[i]);
			if (i % 3 == 2)
				assert_true(hc_heap_set_free(f.fake.heap, f.c[i],
							     &glibc_lists[GLIBC_UNSORTED]));
		}
		count(&f, clues, 3);
		/* One in four chunks is of another size. */
		assert_counts(&clues[0].lost, 30, 30);
		assert_counts(&clues[0].held, 30, 0);
		assert_counts(&clues[0].freed, 30, 0);
		assert_counts(&clues[1].lost, 30, 30);
		assert_counts(&clues[1].held, 30, 30);
		assert_counts(&clues[2].lost, 0, 0);
		assert_true(hc_clue_discriminates(&clues[0]) == 1);
		assert_true(hc_clue_discriminates(&clues[1]) == 0);
		assert_true(hc_clue_discriminates(&clues[2]) == 0);
		fake_deinit(&f.fake);
	}
}

/** What only looks like the key or the value is neither. */
static void test_borders(void **state)
{
	struct fixture f;
	struct hc_clue one = clue("id=40");

	(void)state;
	make(&f, 1);
	put(&f, 0, "id=40");
	put(&f, 1, "id=401");
	put(&f, 2, "xid=40");
	put(&f, 4, "x id=4 id=40&");
	put(&f, 5, "id=");
	put(&f, 6, "xid=40 id=41 id=40,");
	count(&f, &one, 1);
	assert_counts(&one.lost, 5, 3);
	fake_deinit(&f.fake);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counts),
		cmocka_unit_test(test_borders),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
