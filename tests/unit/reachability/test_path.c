/**
 * @file
 * Chains from roots, against a plain breadth-first search on random graphs; a list, wide levels,
 * more chains, chains through interior pointers, and none.
 */
#include "analyzers/reachability/path.h"

#include "tests/unit/fake_heap.h"

#define SPAN UINT64_C(0x20000000)
enum { CHUNKS = 300, ROOTS = 64, WORDS = 6, LIST = 20000 };

static uint64_t random_state;

static uint64_t next_random(void)
{
	random_state = random_state * UINT64_C(6364136223846793005) + 1442695040888963407;
	return random_state >> 33;
}

static void make(struct fake *fake, unsigned jobs, size_t num, uint64_t *chunks)
{
	uint64_t *sizes = calloc(num, sizeof(*sizes));

	assert_non_null(sizes);
	for (size_t i = 0; i < num; i++)
		sizes[i] = 64;
	fake_init(fake, 8, jobs, ROOTS * 8);
	fake_span(fake, SPAN, HC_SPAN_TILED, sizes, num, chunks);
	fake_seal(fake);
	free(sizes);
}

/** The length of a shortest chain of exact pointers to each chunk; 0: there is none. */
static void search(struct fake *fake, const uint64_t *chunks, size_t *length)
{
	size_t queue[CHUNKS], first = 0, last = 0;

	memset(length, 0, CHUNKS * sizeof(*length));
	for (size_t i = 0; i < CHUNKS; i++)
		for (size_t r = 0; r < ROOTS && !length[i]; r++)
			if (hc_load64(fake_at(fake, FAKE_ROOTS + 8 * r)) == chunks[i]) {
				length[i] = 1;
				queue[last++] = i;
			}
	while (first < last) {
		size_t from = queue[first++];

		for (size_t i = 0; i < CHUNKS; i++)
			for (size_t w = 0; w < WORDS && !length[i]; w++)
				if (hc_load64(fake_at(fake, chunks[from] + 8 * w)) == chunks[i]) {
					length[i] = length[from] + 1;
					queue[last++] = i;
				}
	}
}

static struct hc_chunk chunk_at(const struct fake *fake, uint64_t address)
{
	struct hc_chunk chunk;

	assert_true(hc_heap_chunk_at(fake->heap, address, &chunk));
	return chunk;
}

/** Each step is a word that is there, and leads into the chunk of the next one. */
static void check_chain(struct fake *fake, const struct hc_path *path, const struct hc_chunk *to)
{
	assert_true(path->num > 0);
	for (size_t i = 0; i < path->num; i++) {
		const struct hc_referrer *step = &path->steps[i];
		const struct hc_chunk *next = i + 1 < path->num ? &path->steps[i + 1].chunk : to;

		assert_int_equal(hc_load64(fake_at(fake, step->address)), step->value);
		assert_true(step->value - next->address < next->usable);
		assert_int_equal(step->in_chunk, i > 0);
		if (i)
			assert_true(step->address - step->chunk.address < step->chunk.usable);
	}
}

static void test_random(void **state)
{
	(void)state;
	for (unsigned round = 0; round < 60; round++) {
		struct fake fake;
		uint64_t chunks[CHUNKS];
		size_t length[CHUNKS];

		random_state = round;
		make(&fake, 1 + round % 3, CHUNKS, chunks);
		for (size_t i = 0; i < CHUNKS * (1 + round % 3); i++)
			fake_store(&fake,
				   chunks[next_random() % CHUNKS] + 8 * (next_random() % WORDS),
				   chunks[next_random() % CHUNKS]);
		for (size_t i = 0; i < 3; i++)
			fake_root(&fake, next_random() % ROOTS, chunks[next_random() % CHUNKS]);
		search(&fake, chunks, length);
		for (size_t i = 0; i < CHUNKS; i++) {
			struct hc_chunk chunk = chunk_at(&fake, chunks[i]);
			struct hc_paths paths;

			assert_ok(hc_paths_find(fake.heap, &chunk, (struct hc_path_limits){1, 0},
						&paths));
			assert_int_equal(paths.num, length[i] > 0);
			if (paths.num) {
				assert_int_equal(paths.items[0].num, length[i]);
				assert_true(paths.items[0].exact);
				check_chain(&fake, &paths.items[0], &chunk);
			}
			hc_paths_deinit(&paths);
		}
		fake_deinit(&fake);
	}
}

/** Many levels of one chunk each, in an order that is not that of addresses. */
static void test_list(void **state)
{
	uint64_t *chunks = calloc(LIST, sizeof(*chunks));
	struct hc_paths paths;
	struct fake fake;

	(void)state;
	assert_non_null(chunks);
	make(&fake, 2, LIST, chunks);
	/* 7919 is prime: all are met. Each points back, too, and to the first. */
	for (size_t i = 0; i < LIST; i++) {
		uint64_t at = chunks[i * 7919 % LIST];

		if (i + 1 < LIST)
			fake_store(&fake, at, chunks[(i + 1) * 7919 % LIST]);
		if (i)
			fake_store(&fake, at + 8, chunks[(i - 1) * 7919 % LIST]);
		fake_store(&fake, at + 16, chunks[0]);
	}
	fake_root(&fake, 1, chunks[0]);
	struct hc_chunk chunk = chunk_at(&fake, chunks[(LIST - 1) * UINT64_C(7919) % LIST]);
	assert_ok(hc_paths_find(fake.heap, &chunk, (struct hc_path_limits){1, 0}, &paths));
	assert_int_equal(paths.num, 1);
	assert_int_equal(paths.items[0].num, LIST);
	check_chain(&fake, &paths.items[0], &chunk);
	hc_paths_deinit(&paths);

	/* The pointers of all but the last one are followed. */
	assert_ok(hc_paths_find(fake.heap, &chunk, (struct hc_path_limits){1, LIST - 1}, &paths));
	assert_int_equal(paths.num, 1);
	assert_false(paths.gave_up);
	hc_paths_deinit(&paths);
	assert_ok(hc_paths_find(fake.heap, &chunk, (struct hc_path_limits){1, LIST - 2}, &paths));
	assert_int_equal(paths.num, 0);
	assert_true(paths.gave_up);
	hc_paths_deinit(&paths);
	fake_deinit(&fake);
	free(chunks);
}

/** The chunk of the level before that points to one: the lower of two. */
static size_t pointer_to(size_t index, size_t width)
{
	size_t i = 0;

	while ((i * 7919 + 13) % width != index)
		i++;
	return i & ~(size_t)1;
}

/** Levels that are too wide to be remembered, more than three, so that some look the same. */
static void test_wide(void **state)
{
	enum { WIDE = 66000, LEVELS = 5, NUM = 1 + WIDE * LEVELS };
	uint64_t *sizes = calloc(NUM, sizeof(*sizes)), *chunks = calloc(NUM, sizeof(*chunks));

	(void)state;
	assert_true(sizes && chunks);
	random_state = 1;
	sizes[0] = 8 * WIDE + 16;
	for (size_t i = 1; i < NUM; i++)
		sizes[i] = 32;
	/* Its last word has no chunk behind. */
	sizes[NUM - 1] = 48;
	for (unsigned jobs = 1; jobs < 4; jobs += 2) {
		struct fake fake;

		fake_init(&fake, 8, jobs, ROOTS * 8);
		fake_span(&fake, SPAN, HC_SPAN_TILED, sizes, NUM, chunks);
		fake_seal(&fake);
		fake_root(&fake, 0, chunks[0]);
		for (size_t i = 0; i < WIDE; i++)
			fake_store(&fake, chunks[0] + 8 * i, chunks[1 + i]);
		/* To the next level, every other one twice, and to one that is no lower. */
		for (size_t i = 0; i < NUM - 1; i++) {
			size_t level = i / WIDE, at = i % WIDE;
			const uint64_t *next = &chunks[1 + (level + 1) * WIDE];

			fake_store(&fake, chunks[1 + i] + 16,
				   chunks[next_random() % (1 + (level + 1) * WIDE)]);
			if (level + 1 == LEVELS)
				continue;
			fake_store(&fake, chunks[1 + i], next[(at * 7919 + 13) % WIDE]);
			if (at % 2 == 0)
				fake_store(&fake, chunks[1 + i] + 8,
					   next[((at + 1) * 7919 + 13) % WIDE]);
		}
		for (size_t i = 1; i < NUM; i += NUM / 7) {
			size_t level = (i - 1) / WIDE, at = (i - 1) % WIDE;
			struct hc_chunk chunk = chunk_at(&fake, chunks[i]);
			struct hc_paths paths;

			assert_ok(hc_paths_find(fake.heap, &chunk, (struct hc_path_limits){1, 0},
						&paths));
			assert_int_equal(paths.num, 1);
			assert_int_equal(paths.items[0].num, level + 2);
			check_chain(&fake, &paths.items[0], &chunk);
			for (; level > 0; level--) {
				at = pointer_to(at, WIDE);
				assert_int_equal(paths.items[0].steps[level + 1].chunk.address,
						 chunks[1 + (level - 1) * WIDE + at]);
			}
			hc_paths_deinit(&paths);
		}
		fake_deinit(&fake);
	}
	free(sizes);
	free(chunks);
}

/** Chunks of later levels that point back look like those of the level before, and come first in
 * memory. */
static void test_wide_and_back(void **state)
{
	enum { WIDE = 66000, LEVELS = 6, NUM = 1 + WIDE * LEVELS, AT = 4711 };
	uint64_t *sizes = calloc(NUM, sizeof(*sizes)), *chunks = calloc(NUM, sizeof(*chunks));
	struct hc_paths paths;
	struct fake fake;

	(void)state;
	assert_true(sizes && chunks);
	sizes[0] = 8 * WIDE + 16;
	for (size_t i = 1; i < NUM; i++)
		sizes[i] = 32;
	fake_init(&fake, 8, 2, ROOTS * 8);
	fake_span(&fake, SPAN, HC_SPAN_TILED, sizes, NUM, chunks);
	fake_seal(&fake);
	fake_root(&fake, 0, chunks[0]);
	/* Later levels lie lower. */
	for (size_t at = 0; at < WIDE; at++) {
		fake_store(&fake, chunks[0] + 8 * at, chunks[1 + (LEVELS - 1) * WIDE + at]);
		for (size_t level = 0; level < LEVELS; level++) {
			const uint64_t *chunk = &chunks[1 + (LEVELS - 1 - level) * WIDE + at];

			if (level + 1 < LEVELS)
				fake_store(&fake, chunk[0], chunk[-WIDE]);
			if (level >= 2)
				fake_store(&fake, chunk[0] + 8, chunk[2 * WIDE]);
		}
	}
	struct hc_chunk chunk = chunk_at(&fake, chunks[1 + AT]);

	assert_ok(hc_paths_find(fake.heap, &chunk, (struct hc_path_limits){1, 0}, &paths));
	assert_int_equal(paths.num, 1);
	assert_int_equal(paths.items[0].num, LEVELS + 1);
	check_chain(&fake, &paths.items[0], &chunk);
	for (size_t level = 1; level < LEVELS; level++)
		assert_int_equal(paths.items[0].steps[level + 1].chunk.address,
				 chunks[1 + (LEVELS - level) * WIDE + AT]);
	hc_paths_deinit(&paths);
	fake_deinit(&fake);
	free(sizes);
	free(chunks);
}

/** Chains with another last step each: the shortest first, and none through the chunk itself. */
static void test_more(void **state)
{
	uint64_t chunks[CHUNKS];
	struct hc_paths paths;
	struct fake fake;

	(void)state;
	make(&fake, 2, CHUNKS, chunks);
	fake_root(&fake, 0, chunks[0]);
	fake_root(&fake, 1, chunks[10]);
	fake_store(&fake, chunks[0], chunks[1]);
	fake_store(&fake, chunks[1], chunks[9]);
	fake_store(&fake, chunks[10], chunks[9]);
	/* Only the chunk leads here; and nothing leads there. */
	fake_store(&fake, chunks[9], chunks[20]);
	fake_store(&fake, chunks[20], chunks[9]);
	fake_store(&fake, chunks[30], chunks[9]);
	struct hc_chunk chunk = chunk_at(&fake, chunks[9]);
	assert_ok(hc_paths_find(fake.heap, &chunk, (struct hc_path_limits){10, 0}, &paths));
	assert_int_equal(paths.num, 2);
	assert_int_equal(paths.items[0].num, 2);
	assert_int_equal(paths.items[0].steps[1].chunk.address, chunks[10]);
	assert_int_equal(paths.items[1].num, 3);
	assert_int_equal(paths.items[1].steps[2].chunk.address, chunks[1]);
	for (size_t i = 0; i < paths.num; i++)
		check_chain(&fake, &paths.items[i], &chunk);
	hc_paths_deinit(&paths);
	assert_ok(hc_paths_find(fake.heap, &chunk, (struct hc_path_limits){1, 0}, &paths));
	assert_int_equal(paths.items[0].num, 2);
	hc_paths_deinit(&paths);
	fake_deinit(&fake);
}

/** An exact chain comes before a shorter one that is not. */
static void test_quality(void **state)
{
	uint64_t chunks[CHUNKS];
	struct hc_paths paths;
	struct fake fake;

	(void)state;
	make(&fake, 1, CHUNKS, chunks);
	fake_root(&fake, 0, chunks[9] + 8);
	fake_root(&fake, 1, chunks[1]);
	fake_store(&fake, chunks[1], chunks[9]);
	fake_root(&fake, 2, chunks[5] + 40);
	struct hc_chunk chunk = chunk_at(&fake, chunks[9]), inner = chunk_at(&fake, chunks[5]);
	assert_ok(hc_paths_find(fake.heap, &chunk, (struct hc_path_limits){1, 0}, &paths));
	assert_int_equal(paths.items[0].num, 2);
	assert_true(paths.items[0].exact);
	/* The root is anonymous memory: nobody knows what it is for. */
	assert_false(paths.items[0].real);
	hc_paths_deinit(&paths);
	assert_ok(hc_paths_find(fake.heap, &inner, (struct hc_path_limits){1, 0}, &paths));
	assert_int_equal(paths.num, 1);
	assert_false(paths.items[0].exact);
	assert_true(paths.items[0].steps[0].interior);
	hc_paths_deinit(&paths);
	fake_deinit(&fake);
}

/** What calls have left in a register or below the stack pointer comes after longer chains. */
static void test_what_calls_left(void **state)
{
	const uint64_t variables = FAKE_ROOTS + 0x100000, stack = FAKE_ROOTS + 0x200000;
	uint64_t chunks[CHUNKS];
	struct hc_paths paths;
	struct fake fake;

	(void)state;
	make(&fake, 1, CHUNKS, chunks);
	fake_area(&fake, variables, 4096, HC_MAPPING_DATA, PF_R | PF_W);
	fake_area(&fake, stack, 4096, HC_MAPPING_STACK, PF_R | PF_W);
	fake.thread.stack_start = stack;
	fake.thread.stack_end = stack + 4096;
	fake.thread.sp = stack + 1024;
	fake.thread.live_start = stack + 1024 - 128;
	fake.thread.num_regs = 1;
	fake.thread.regs[0] = chunks[9];
	fake_store(&fake, stack + 1024 - 8, chunks[9]);
	struct hc_chunk chunk = chunk_at(&fake, chunks[9]);

	assert_ok(hc_paths_find(fake.heap, &chunk, (struct hc_path_limits){1, 0}, &paths));
	assert_int_equal(paths.num, 1);
	assert_int_equal(paths.items[0].num, 1);
	assert_true(paths.items[0].exact);
	assert_false(paths.items[0].real);
	hc_paths_deinit(&paths);
	fake_store(&fake, variables, chunks[1]);
	fake_store(&fake, chunks[1], chunks[9]);
	assert_ok(hc_paths_find(fake.heap, &chunk, (struct hc_path_limits){1, 0}, &paths));
	assert_int_equal(paths.items[0].num, 2);
	assert_true(paths.items[0].real);
	assert_int_equal(paths.items[0].steps[0].address, variables);
	hc_paths_deinit(&paths);
	/* A frame has it, too, but the variable does longer. */
	fake_store(&fake, stack + 1024, chunks[9]);
	assert_ok(hc_paths_find(fake.heap, &chunk, (struct hc_path_limits){1, 0}, &paths));
	assert_int_equal(paths.items[0].num, 2);
	assert_int_equal(paths.items[0].steps[0].address, variables);
	hc_paths_deinit(&paths);
	/* The frame alone, or that and a variable that leads into the middle. */
	fake_store(&fake, chunks[1], chunks[9] + 8);
	assert_ok(hc_paths_find(fake.heap, &chunk, (struct hc_path_limits){1, 0}, &paths));
	assert_int_equal(paths.items[0].num, 1);
	assert_true(paths.items[0].real);
	assert_int_equal(paths.items[0].steps[0].address, stack + 1024);
	hc_paths_deinit(&paths);
	fake_deinit(&fake);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_list),
		cmocka_unit_test(test_wide),
		cmocka_unit_test(test_wide_and_back),
		cmocka_unit_test(test_more),
		cmocka_unit_test(test_quality),
		cmocka_unit_test(test_what_calls_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
