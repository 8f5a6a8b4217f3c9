/**
 * @file
 * Reachability on heaps that are made up, against the definition.
 */
#include "tests/unit/fake_heap.h"

#include "analyzers/reachability/conventions.h"
#include "analyzers/reachability/pools.h"
#include "analyzers/reachability/reachability.h"

#define HEAP UINT64_C(0x20000000)
#define MMAP UINT64_C(0x7f0000000000)
#define NUM(a) (sizeof(a) / sizeof((a)[0]))

static const unsigned jobs_tried[] = {1, 2, 5};

static struct hc_reach_stats run(struct fake *fake)
{
	struct hc_reach_stats stats;

	assert_null(hc_reachability_run(fake->heap, &stats));
	assert_true(fake->heap->reach_known);
	return stats;
}

/** A heap of equal chunks. */
static void make(struct fake *fake, unsigned jobs, size_t num, uint64_t size, uint64_t *chunks)
{
	uint64_t *sizes = calloc(num, sizeof(*sizes));

	assert_non_null(sizes);
	for (size_t i = 0; i < num; i++)
		sizes[i] = size;
	fake_init(fake, 8, jobs, 4096);
	fake_span(fake, HEAP, HC_SPAN_TILED, sizes, num, chunks);
	fake_seal(fake);
	free(sizes);
}

static void test_the_four_kinds(void **state)
{
	struct fake fake;
	uint64_t c[12];

	(void)state;
	make(&fake, 2, NUM(c), 64, c);
	fake_root(&fake, 0, c[0]);
	fake_store(&fake, c[0] + 8, c[1]);
	fake_store(&fake, c[1],
		   c[2] + 24); /* interior: 2 is possible, and so is what it points to */
	fake_store(&fake, c[2], c[3]);
	fake_root(&fake, 1, c[4] + 16); /* interior from a root … */
	fake_store(&fake, c[3], c[4] + 16);
	fake_root(&fake, 2, c[4]);          /* … but exact from another */
	fake_store(&fake, c[5], c[6]);      /* lost, and below it */
	fake_store(&fake, c[6], c[7] + 48); /* interior pointers hold lost chunks together, too */
	fake_store(&fake, c[8], c[8]);      /* its own pointer does not make it indirect */
	fake_store(&fake, c[8] + 8, c[8] + 16);
	fake_store(&fake, c[9], c[0]); /* lost, though it points to something reachable */
	assert_true(hc_heap_set_free(fake.heap, c[10], &glibc_lists[GLIBC_TCACHE]));
	fake_store(&fake, c[10], c[11]); /* what only a free chunk points to is lost */
	fake_root(&fake, 3, c[10]);
	struct hc_reach_stats stats = run(&fake);
	static const enum hc_reach expected[] = {
		HC_REACHABLE, HC_REACHABLE, HC_POSSIBLE, HC_POSSIBLE, HC_REACHABLE, HC_DEFINITE,
		HC_INDIRECT,  HC_INDIRECT,  HC_DEFINITE, HC_DEFINITE, HC_DEFINITE,  HC_DEFINITE,
	};
	for (size_t i = 0; i < NUM(c); i++)
		if (i != 10)
			assert_int_equal(fake_reach(&fake, c[i]), expected[i]);

	struct hc_chunk freed;

	assert_true(hc_heap_chunk_at(fake.heap, c[10], &freed));
	assert_int_equal(freed.state, HC_CACHED);
	assert_int_equal(stats.kinds[HC_REACHABLE].chunks, 3);
	assert_int_equal(stats.kinds[HC_REACHABLE].bytes, 3 * 64);
	assert_int_equal(stats.kinds[HC_POSSIBLE].chunks, 2);
	assert_int_equal(stats.kinds[HC_INDIRECT].chunks, 2);
	assert_int_equal(stats.kinds[HC_DEFINITE].chunks, 4);
	assert_int_equal(stats.cycles, 0);
	/* The root range, and seven usable words of each chunk in use, but the last has no slack
	 * behind it. */
	assert_int_equal(stats.words_seen, 4096 / 8 + 11 * 7 - 1);
	assert_int_equal(stats.pointers_seen, 12);
	assert_int_equal(stats.pointers_interior, 4);
	assert_int_equal(stats.heuristic[HC_HEURISTIC_POOL], 1); /* 8 knows its own address */
	assert_int_equal(stats.root_bytes, 4096);
	assert_int_equal(stats.root_bytes_missing, 0);
	fake_deinit(&fake);
}

static void test_ends_of_a_chunk(void **state)
{
	struct fake fake;
	uint64_t c[4];

	(void)state;
	make(&fake, 1, NUM(c), 64, c);
	fake_root(&fake, 0, c[0] - 1);  /* header */
	fake_root(&fake, 1, c[1] + 55); /* last usable byte */
	fake_root(&fake, 2, c[2] + 56); /* size field of the next chunk */
	fake_root(&fake, 3, HEAP);
	fake_root(&fake, 4, HEAP + 4 * 64);
	run(&fake);
	assert_int_equal(fake_reach(&fake, c[0]), HC_DEFINITE);
	assert_int_equal(fake_reach(&fake, c[1]), HC_POSSIBLE);
	assert_int_equal(fake_reach(&fake, c[2]), HC_DEFINITE);
	assert_int_equal(fake_reach(&fake, c[3]), HC_DEFINITE);
	fake_deinit(&fake);
}

static void test_cycles(void **state)
{
	struct fake fake;
	uint64_t c[13];
	struct hc_reach_stats stats;
	size_t definite = 0;

	(void)state;
	make(&fake, 2, NUM(c), 32, c);
	/* Two cycles, the one at the higher addresses leads to the one at the lower. */
	fake_store(&fake, c[0], c[1]);
	fake_store(&fake, c[1], c[2]);
	fake_store(&fake, c[2], c[0]);
	fake_store(&fake, c[3], c[4]);
	fake_store(&fake, c[4], c[3]);
	fake_store(&fake, c[4] + 8, c[1]);
	/* A cycle with a tail, whose tail lies before it. */
	fake_store(&fake, c[7], c[8]);
	fake_store(&fake, c[8], c[7]);
	fake_store(&fake, c[7] + 8, c[6]);
	fake_store(&fake, c[6], c[5]);
	/* A cycle below a definite chunk. */
	fake_store(&fake, c[11], c[9]);
	fake_store(&fake, c[9], c[10]);
	fake_store(&fake, c[10], c[9]);
	/* A cycle that a root reaches into. */
	fake_store(&fake, c[12], c[12]);
	fake_root(&fake, 0, c[12]);
	stats = run(&fake);
	assert_int_equal(stats.cycles, 2);
	for (size_t i = 0; i < NUM(c); i++)
		definite += fake_reach(&fake, c[i]) == HC_DEFINITE;
	assert_int_equal(definite, 3);
	assert_true((fake_reach(&fake, c[3]) == HC_DEFINITE) !=
		    (fake_reach(&fake, c[4]) == HC_DEFINITE));
	assert_true((fake_reach(&fake, c[7]) == HC_DEFINITE) !=
		    (fake_reach(&fake, c[8]) == HC_DEFINITE));
	assert_int_equal(fake_reach(&fake, c[11]), HC_DEFINITE);
	assert_int_equal(fake_reach(&fake, c[12]), HC_REACHABLE);
	fake_deinit(&fake);
}

static void test_roots(void **state)
{
	struct fake fake;
	uint64_t c[10], sizes[10];
	char *pin = strdup("dtv of thread 1");

	(void)state;
	for (size_t i = 0; i < NUM(c); i++)
		sizes[i] = 32;
	fake_init(&fake, 8, 1, 4096);
	fake_span(&fake, HEAP, HC_SPAN_TILED, sizes, NUM(c), c);
	fake_area(&fake, 0x30000000, 4096, HC_MAPPING_STACK, PF_R | PF_W);
	fake_area(&fake, 0x30001000, 4096, HC_MAPPING_TLS, PF_R | PF_W);
	fake_area(&fake, 0x30002000, 4096, HC_MAPPING_STACK_CACHED, PF_R | PF_W);
	fake_area(&fake, 0x30003000, 4096, HC_MAPPING_FILE, PF_R);
	fake_area(&fake, 0x30004000, 4096, HC_MAPPING_SHARED, PF_R | PF_W);
	fake_area(&fake, 0x30005000, 4096, HC_MAPPING_DATA, PF_R | PF_W);
	fake_area(&fake, 0x30006000, 4096, HC_MAPPING_THREAD_HEAP, PF_R | PF_W);
	fake.thread.stack_start = 0x30000000;
	fake.thread.stack_end = 0x30001000;
	fake.thread.live_start = 0x30000800;
	fake.thread.block_start = 0x30001000;
	fake.thread.block_end = 0x30002000;
	fake.thread.num_regs = 2;
	fake.thread.regs[1] = c[0];
	assert_null(hc_heap_add_pin(fake.heap, c[1], pin));
	fake_seal(&fake);
	fake_store(&fake, 0x30000000 + 0x7f8, c[2]); /* below the stack pointer */
	fake_store(&fake, 0x30000000 + 0x800, c[3]);
	fake_store(&fake, 0x30001ff8, c[4]);
	fake_store(&fake, 0x30002000, c[5]);
	fake_store(&fake, 0x30003000, c[6]);
	fake_store(&fake, 0x30004000, c[7]);
	fake_store(&fake, 0x30005000, c[8]);
	fake_store(&fake, 0x30006000, c[9]);
	struct hc_reach_stats stats = run(&fake);
	static const bool reachable[] = {true,  true,  false, true, true,
					 false, false, true,  true, false};
	for (size_t i = 0; i < NUM(c); i++)
		assert_int_equal(fake_reach(&fake, c[i]),
				 reachable[i] ? HC_REACHABLE : HC_DEFINITE);
	assert_int_equal(stats.root_bytes, 4096 * 4 + 0x800);
	fake_deinit(&fake);
}

/** The arena's own lists are no roots: they point into the chunk before a free one. */
static void test_arena_is_no_root(void **state)
{
	struct fake fake;
	uint64_t c[3];

	(void)state;
	make(&fake, 1, NUM(c), 64, c);
	assert_true(hc_heap_set_free(fake.heap, c[1], &glibc_lists[GLIBC_SMALLBIN]));
	assert_null(hc_heap_add_hole(fake.heap, FAKE_ROOTS + 512, FAKE_ROOTS + 512 + 2200));
	fake_store(&fake, FAKE_ROOTS + 600, c[1] - 16); /* a bin: the header of 1 is the end of 0 */
	fake_store(&fake, FAKE_ROOTS + 512 + 2200, c[2]);
	struct hc_reach_stats stats = run(&fake);
	assert_int_equal(fake_reach(&fake, c[0]), HC_DEFINITE);
	assert_int_equal(fake_reach(&fake, c[2]), HC_REACHABLE);
	assert_int_equal(stats.root_bytes, 4096 - 2200);
	fake_deinit(&fake);
}

/** Pages that the linker wrote before it made them read-only are roots; constants are not. */
static void test_relro(void **state)
{
	struct fake fake;
	struct hc_module module = {
		.start = 0x30000000,
		.end = 0x30004000,
		.data_start = 0x30001800,
		.data_end = 0x30004000,
		.path = (char *)"libx.so",
	};
	uint64_t c[3], sizes[3] = {32, 32, 32};

	(void)state;
	fake_init(&fake, 8, 1, 4096);
	fake_span(&fake, HEAP, HC_SPAN_TILED, sizes, NUM(c), c);
	fake_area(&fake, 0x30000000, 4096, HC_MAPPING_RODATA, PF_R);
	fake_area(&fake, 0x30001000, 4096, HC_MAPPING_RODATA, PF_R);
	fake.process.modules.items = &module;
	fake.process.modules.num = 1;
	fake_seal(&fake);
	fake_store(&fake, 0x30000000, c[0]);
	fake_store(&fake, 0x300017f8, c[1]);
	fake_store(&fake, 0x30001800, c[2]);
	struct hc_reach_stats stats = run(&fake);

	assert_int_equal(fake_reach(&fake, c[0]), HC_DEFINITE);
	assert_int_equal(fake_reach(&fake, c[1]), HC_DEFINITE);
	assert_int_equal(fake_reach(&fake, c[2]), HC_REACHABLE);
	assert_int_equal(stats.root_bytes, 4096 + 0x800);
	fake_deinit(&fake);
}

/** Bytes that the core lacks, in roots and in the middle of a chunk. */
static void test_missing_bytes(void **state)
{
	enum { SIZE = 5 * 4096 };
	struct fake fake;
	static uint8_t heap[SIZE];
	uint64_t small[2], sizes[2] = {32, 32}, big = HEAP + 16;
	struct hc_span *span;

	(void)state;
	memset(heap, 0, sizeof(heap));
	fake_init(&fake, 8, 2, 4096);
	fake_span(&fake, HEAP + 0x4000000, HC_SPAN_TILED, sizes, 2, small);
	/* One chunk of five pages; the third is missing. */
	assert_null(
		hc_memory_add(&fake.process.memory, HEAP, (struct hc_bytes){heap, 2 * 4096}, true));
	assert_null(hc_memory_add(&fake.process.memory, HEAP + 3 * 4096,
				  (struct hc_bytes){heap + 3 * 4096, 2 * 4096}, true));
	const struct hc_span given = {
		.zone = fake.arenas,
		.start = HEAP,
		.end = HEAP + SIZE,
		.num_units = (SIZE - 16) / 16 + 1,
	};
	assert_null(hc_heap_add_span(fake.heap, &given, &span));
	hc_span_set_start(span, 0);
	fake_seal(&fake);
	fake.mappings[0].end += 8192; /* two pages of the root range are missing, too */
	fake_root(&fake, 0, big);
	memcpy(heap + 4096, &small[0], 8);
	memcpy(heap + 4 * 4096 + 8, &small[1], 8);
	struct hc_reach_stats stats = run(&fake);

	assert_int_equal(fake_reach(&fake, small[0]), HC_REACHABLE);
	assert_int_equal(fake_reach(&fake, small[1]), HC_REACHABLE);
	assert_int_equal(stats.root_bytes, 3 * 4096);
	assert_int_equal(stats.root_bytes_missing, 2 * 4096);
	assert_int_equal(stats.words_seen, 4096 / 8 + (4 * 4096 - 16) / 8 + 3 + 2);
	fake_deinit(&fake);
}

/** @name Against the definition, on random graphs */
/**@{*/

enum { NODES = 300, WORDS = 3, LINKS = NODES * 2, ROOT_LINKS = 12 };

struct graph {
	bool exact[NODES][NODES], any[NODES][NODES];
	bool root_exact[NODES], root_any[NODES], dead[NODES];
	bool pool[NODES];          /* has its own address in a word before all interior pointers */
	bool from[NODES][NODES];   /* lost ones: path */
	enum hc_reach kind[NODES]; /* definite: "in a source of lost chunks" */
};

static void close_marks(const struct graph *g, bool mark[NODES], const bool edge[NODES][NODES])
{
	for (bool more = true; more;) {
		more = false;
		for (size_t i = 0; i < NODES; i++)
			for (size_t j = 0; mark[i] && j < NODES; j++)
				if (edge[i][j] && !mark[j] && !g->dead[j])
					mark[j] = more = true;
	}
}

/** The kinds by definition; for lost chunks, paths among them. */
static void judge(struct graph *g)
{
	bool exact[NODES], any[NODES];

	for (size_t j = 0; j < NODES; j++) {
		g->root_exact[j] |= g->pool[j] && g->root_any[j];
		for (size_t i = 0; i < NODES; i++)
			g->exact[i][j] |= g->pool[j] && g->any[i][j];
	}
	memcpy(exact, g->root_exact, sizeof(exact));
	close_marks(g, exact, g->exact);
	memcpy(any, g->root_any, sizeof(any));
	close_marks(g, any, g->any);
	for (size_t i = 0; i < NODES; i++)
		g->kind[i] = exact[i] ? HC_REACHABLE : any[i] ? HC_POSSIBLE : HC_INDIRECT;
	for (size_t i = 0; i < NODES; i++)
		for (size_t j = 0; j < NODES; j++)
			g->from[i][j] = i != j && g->any[i][j] && !any[i] && !any[j] &&
					!g->dead[i] && !g->dead[j];
	for (size_t k = 0; k < NODES; k++)
		for (size_t i = 0; i < NODES; i++)
			for (size_t j = 0; g->from[i][k] && j < NODES; j++)
				g->from[i][j] |= g->from[k][j];
}

/** A lost chunk may be definite when all that lead to it are led to by it. Of each such set, one
 * is. */
static void check_lost(struct fake *fake, const struct graph *g, const uint64_t *c, size_t i)
{
	size_t definite = fake_reach(fake, c[i]) == HC_DEFINITE;
	bool source = true;

	for (size_t j = 0; j < NODES; j++)
		if (j != i && g->from[j][i] && !g->from[i][j])
			source = false;
	if (!source) {
		assert_int_equal(fake_reach(fake, c[i]), HC_INDIRECT);
		return;
	}
	for (size_t j = 0; j < NODES; j++)
		if (j != i && g->from[j][i])
			definite += fake_reach(fake, c[j]) == HC_DEFINITE;
	assert_int_equal(definite, 1);
}

static uint64_t next_random(uint64_t *seed)
{
	*seed = *seed * UINT64_C(6364136223846793005) + 1442695040888963407;
	return *seed >> 33;
}

/** Where interior pointers point to: no heuristic's place, and too many for a convention. */
enum { INSIDE = 17 };

static uint64_t inside(uint64_t *seed)
{
	return INSIDE + next_random(seed) % 7;
}

/** Make a graph; node n-1 is an mmapped chunk of many pages, whose pointers are far apart. */
static void make_random(struct fake *fake, struct graph *g, uint64_t *c, uint64_t seed,
			unsigned word_size, unsigned jobs, size_t links)
{
	uint64_t sizes[NODES], big = 40 * 4096;

	memset(g, 0, sizeof(*g));
	fake_init(fake, word_size, jobs, 4096);
	for (size_t i = 0; i < NODES; i++)
		sizes[i] = 16 * (2 + next_random(&seed) % 5 + (i == NODES / 2 ? 5000 : 0));
	fake_span(fake, HEAP, HC_SPAN_TILED, sizes, NODES / 2, c);
	fake_span(fake, HEAP + 0x4000000, HC_SPAN_TILED, sizes + NODES / 2, NODES / 2 - 1,
		  c + NODES / 2);
	fake_span(fake, word_size == 8 ? MMAP : 0x70000000, HC_SPAN_SINGLE, &big, 1, c + NODES - 1);
	fake_seal(fake);
	sizes[NODES - 1] = big;
	for (size_t i = 0; i < NODES / 10; i++) {
		size_t victim = next_random(&seed) % (NODES - 1);

		g->dead[victim] = true;
		assert_true(hc_heap_set_free(fake->heap, c[victim],
					     &glibc_lists[next_random(&seed) % 4]));
	}
	for (size_t i = 0; i < links; i++) {
		size_t from = next_random(&seed) % NODES, to = next_random(&seed) % NODES;
		uint64_t word = next_random(&seed) % ((sizes[from] - 16) / word_size);
		bool exact = next_random(&seed) % 4;
		uint64_t value = c[to] + (exact ? 0 : inside(&seed));

		/* One word, one pointer: a second one in the same place replaces it. */
		uint64_t place = c[from] + word * word_size, old;

		assert_true(hc_memory_word(&fake->process.memory, place, &old));
		if (old || g->dead[from])
			continue;
		fake_store(fake, place, value);
		g->any[from][to] = true;
		g->exact[from][to] |= exact;
		g->pool[from] |= exact && from == to && (word + 1) * word_size <= INSIDE;
	}
	for (size_t i = 0; i < ROOT_LINKS; i++) {
		size_t to = next_random(&seed) % NODES;
		bool exact = next_random(&seed) % 2;

		fake_root(fake, i, c[to] + (exact ? 0 : inside(&seed)));
		g->root_any[to] |= !g->dead[to];
		g->root_exact[to] |= exact && !g->dead[to];
	}
}

static void check_random(uint64_t seed, unsigned word_size, size_t links)
{
	static struct graph g;
	struct hc_reach_stats first;

	for (size_t j = 0; j < NUM(jobs_tried); j++) {
		struct fake fake;
		uint64_t c[NODES];

		make_random(&fake, &g, c, seed, word_size, jobs_tried[j], links);
		judge(&g);
		struct hc_reach_stats stats = run(&fake);

		for (size_t i = 0; i < NODES; i++) {
			if (g.dead[i])
				continue;
			if (g.kind[i] == HC_INDIRECT)
				check_lost(&fake, &g, c, i);
			else
				assert_int_equal(fake_reach(&fake, c[i]), g.kind[i]);
		}
		if (j == 0)
			first = stats;
		assert_memory_equal(&first, &stats, sizeof(stats));
		/* A second run changes nothing. */
		stats = run(&fake);
		assert_memory_equal(&first, &stats, sizeof(stats));
		fake_deinit(&fake);
	}
}

static void test_random_graphs(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= 12; seed++) {
		check_random(seed, 8, LINKS / 4);
		check_random(seed, 8, LINKS / 2);
		check_random(seed, 8, LINKS);
		check_random(seed, 4, LINKS / 2);
	}
}
/**@}*/

/** @name Conventions and tags */
/**@{*/

/**
 * An intrusive list: pointers to a member, root to last; a leaf below each by a pointer to its
 * start. @p odd of the nodes are pointed to elsewhere, from a table of roots.
 */
static void make_intrusive(struct fake *fake, unsigned jobs, size_t num, size_t odd, uint64_t *c)
{
	uint64_t *sizes = calloc(2 * num, sizeof(*sizes));

	assert_non_null(sizes);
	for (size_t i = 0; i < num; i++) {
		sizes[2 * i] = 96;
		sizes[2 * i + 1] = 48;
	}
	fake_init(fake, 8, jobs, 4096);
	fake_span(fake, HEAP, HC_SPAN_TILED, sizes, 2 * num, c);
	fake_seal(fake);
	free(sizes);
	for (size_t i = 0; i < num; i++) {
		uint64_t node = c[2 * i];

		fake_store(fake, node, c[2 * i + 1]);
		if (i < odd)
			fake_root(fake, 1 + i, node + 24 + i % 7 * 8);
		else if (i + 1 < num)
			fake_store(fake, node + 16, c[2 * i + 2] + 16);
	}
	if (odd < num)
		fake_root(fake, 0, c[2 * odd] + 16);
}

static void check_intrusive(size_t num, size_t odd, bool expected)
{
	uint64_t c[2 * 400];
	struct hc_reach_stats first, stats;

	for (size_t j = 0; j < NUM(jobs_tried); j++) {
		struct fake fake;

		make_intrusive(&fake, jobs_tried[j], num, odd, c);
		stats = run(&fake);
		if (j == 0)
			first = stats;
		assert_memory_equal(&first, &stats, sizeof(stats));
		for (size_t i = 0; i < 2 * num; i++)
			assert_int_equal(fake_reach(&fake, c[i]),
					 expected && i / 2 >= odd ? HC_REACHABLE : HC_POSSIBLE);
		assert_int_equal(fake.heap->num_conventions, expected);
		if (expected) {
			const struct hc_convention *convention = fake.heap->conventions;

			assert_int_equal(convention->size, 96);
			assert_int_equal(convention->offset, 16);
			assert_int_equal(convention->chunks, num - odd);
			assert_int_equal(convention->others, odd);
			assert_ptr_equal(hc_convention_of(fake.heap, 96, 16), convention);
			assert_null(hc_convention_of(fake.heap, 96, 24));
			assert_null(hc_convention_of(fake.heap, 48, 16));
		}
		/* Every word counts once, however often the heap was marked. */
		assert_int_equal(stats.words_seen, 4096 / 8 + num * (11 + 5) - 1);
		assert_int_equal(stats.pointers_seen, num + num);
		fake_deinit(&fake);
	}
}

static void test_conventions(void **state)
{
	(void)state;
	check_intrusive(300, 0, true);
	check_intrusive(300, 30, true);  /* one in ten is held in another way */
	check_intrusive(300, 31, false); /* more are */
	check_intrusive(HC_CONVENTION_MIN, 0, true);
	check_intrusive(HC_CONVENTION_MIN - 1, 0, false);
}

/** Pointers to all places of many chunks are no convention, even though some offset has most. */
static void test_stale_words_are_no_convention(void **state)
{
	struct fake fake;
	uint64_t c[300];

	(void)state;
	make(&fake, 2, NUM(c), 128, c);
	for (size_t i = 0; i < NUM(c); i++)
		fake_root(&fake, i, c[i] + (i % 2 ? 8 : 8 + i % 14 * 8));
	run(&fake);
	assert_int_equal(fake.heap->num_conventions, 0);
	for (size_t i = 0; i < NUM(c); i++)
		assert_int_equal(fake_reach(&fake, c[i]), HC_POSSIBLE);
	fake_deinit(&fake);
}

/** A wrapper of malloc: a header before each block, whatever its size. */
static void test_convention_of_any_size(void **state)
{
	struct fake fake;
	uint64_t c[200], sizes[200];

	(void)state;
	for (size_t i = 0; i < NUM(c); i++)
		sizes[i] = 64 + i % 20 * 16;
	fake_init(&fake, 8, 2, 4096);
	fake_span(&fake, HEAP, HC_SPAN_TILED, sizes, NUM(c), c);
	fake_seal(&fake);
	for (size_t i = 0; i < NUM(c); i++)
		fake_root(&fake, i, c[i] + 32);
	run(&fake);
	assert_int_equal(fake.heap->num_conventions, 1);
	assert_int_equal(fake.heap->conventions[0].size, 0);
	assert_int_equal(fake.heap->conventions[0].offset, 32);
	assert_int_equal(fake.heap->conventions[0].chunks, NUM(c));
	for (size_t i = 0; i < NUM(c); i++)
		assert_int_equal(fake_reach(&fake, c[i]), HC_REACHABLE);
	fake_deinit(&fake);
}

static uint64_t with_tag(enum hc_tag_place place, uint64_t pointer, uint64_t tag)
{
	return place == HC_TAG_TOP ? pointer | tag << 48 : pointer << 16 | tag;
}

/** A queue whose links have a counter beside the pointer, from a root. @param head_tag 0: a plain
 * one */
static void check_tagged(enum hc_tag_place place, size_t num, uint64_t head_tag, bool expected)
{
	uint64_t c[2 * 400];
	struct hc_reach_stats first, stats;

	for (size_t j = 0; j < NUM(jobs_tried); j++) {
		struct fake fake;

		make(&fake, jobs_tried[j], 2 * num, 64, c);
		fake_root(&fake, 5, head_tag ? with_tag(place, c[0], head_tag) : c[0]);
		for (size_t i = 0; i < num; i++) {
			if (i + 1 < num)
				fake_store(&fake, c[2 * i] + 8,
					   with_tag(place, c[2 * i + 2], i + 1));
			fake_store(&fake, c[2 * i] + 16, c[2 * i + 1]);
		}
		stats = run(&fake);
		if (j == 0)
			first = stats;
		assert_memory_equal(&first, &stats, sizeof(stats));
		assert_int_equal(stats.tagged.found, expected);
		assert_int_equal(fake.heap->tagged, expected ? place : HC_TAG_NONE);
		if (expected) {
			assert_int_equal(stats.tagged.size, 64);
			assert_int_equal(stats.tagged.offset, 8);
			assert_int_equal(stats.tagged.chunks, head_tag ? 2 * num : 2 * num - 2);
			assert_int_equal(stats.tagged.bytes, stats.tagged.chunks * 64);
		}
		for (size_t i = 0; i < 2 * num; i++) {
			enum hc_reach lost = i % 2 ? HC_INDIRECT : HC_DEFINITE;
			enum hc_reach held = expected ? HC_POSSIBLE : lost;

			assert_int_equal(fake_reach(&fake, c[i]),
					 i < 2 && !head_tag ? HC_REACHABLE : held);
		}
		fake_deinit(&fake);
	}
}

static void test_tagged_pointers(void **state)
{
	(void)state;
	for (int place = HC_TAG_TOP; place <= HC_TAG_LOW; place++) {
		check_tagged(place, 300, 7, true);
		check_tagged(place, 300, 0, true); /* the head has no tag yet */
		check_tagged(place, HC_TAGGED_MIN - 1, 7, false);
	}
}

/** Links among chunks that nothing holds: they stay lost. */
static void test_tagged_pointers_of_the_lost(void **state)
{
	struct fake fake;
	uint64_t c[300];

	(void)state;
	make(&fake, 2, NUM(c), 64, c);
	for (size_t i = 0; i + 1 < NUM(c); i++)
		fake_store(&fake, c[i] + 8, c[i + 1] | (uint64_t)9 << 48);
	struct hc_reach_stats stats = run(&fake);

	assert_true(stats.tagged.found);
	assert_int_equal(stats.tagged.chunks, 0);
	assert_int_equal(stats.kinds[HC_DEFINITE].chunks, NUM(c));
	fake_deinit(&fake);
}
/**@}*/

/** @name More than the stacks hold */
/**@{*/

enum { MANY = 200000 };

/** A list whose every chunk holds pointers to many earlier ones keeps the stack full of stale
 * entries. */
static void test_long_list_with_back_pointers(void **state)
{
	uint64_t *c = calloc(MANY, sizeof(*c));

	(void)state;
	assert_non_null(c);
	for (size_t j = 0; j < NUM(jobs_tried); j++) {
		struct fake fake;

		make(&fake, jobs_tried[j], MANY, 48, c);
		fake_root(&fake, 0, c[0]);
		for (size_t i = 0; i < MANY; i++) {
			fake_store(&fake, c[i], i ? c[i - 1] : 0);
			fake_store(&fake, c[i] + 8, i ? c[i / 2] : 0);
			fake_store(&fake, c[i] + 16, i ? c[i / 3] : 0);
			if (i + 1 < MANY)
				fake_store(&fake, c[i] + 24, c[i + 1]);
		}
		struct hc_reach_stats stats = run(&fake);

		assert_int_equal(stats.kinds[HC_REACHABLE].chunks, MANY);
		assert_int_equal(stats.pointers_seen, 1 + 3 * (MANY - 1) + MANY - 1);
		fake_deinit(&fake);
	}
	free(c);
}

/** Tables of pointers to tables: more scans than a stack holds. */
static void test_wide_tables(void **state)
{
	enum { TABLE = 120000, TABLES = 3 };
	uint64_t sizes[TABLES], tables[TABLES];
	uint64_t *leaves = calloc(TABLE * TABLES, sizeof(*leaves));
	uint64_t *leaf_sizes = calloc(TABLE * TABLES, sizeof(*leaf_sizes));

	(void)state;
	assert_non_null(leaves);
	assert_non_null(leaf_sizes);
	for (size_t i = 0; i < TABLE * TABLES; i++)
		leaf_sizes[i] = 32;
	for (size_t i = 0; i < TABLES; i++)
		sizes[i] = TABLE * 8 + 64;
	for (size_t j = 0; j < NUM(jobs_tried); j++) {
		struct fake fake;

		fake_init(&fake, 8, jobs_tried[j], 4096);
		fake_span(&fake, HEAP, HC_SPAN_TILED, sizes, TABLES, tables);
		fake_span(&fake, HEAP + 0x4000000, HC_SPAN_TILED, leaf_sizes, TABLE * TABLES,
			  leaves);
		fake_seal(&fake);
		for (size_t t = 0; t < TABLES; t++)
			for (size_t i = 0; i < TABLE; i++) {
				uint64_t leaf = leaves[(i * 7919 % TABLE) * TABLES + t];

				fake_store(&fake, tables[t] + 8 + i * 8, leaf);
				/* Each leaf of the first two leads on, so that scans pile up. */
				if (t + 1 < TABLES)
					fake_store(&fake, leaf,
						   leaves[(i * 7919 % TABLE) * TABLES + t + 1]);
			}
		fake_root(&fake, 0, tables[0]);
		struct hc_reach_stats stats = run(&fake);

		/* All leaves hang on the first table; the other tables are lost. */
		assert_int_equal(stats.kinds[HC_REACHABLE].chunks, 1 + TABLE * TABLES);
		assert_int_equal(stats.kinds[HC_DEFINITE].chunks, TABLES - 1);
		assert_int_equal(stats.pointers_seen, 1 + TABLE * TABLES + TABLE * (TABLES - 1));
		fake_deinit(&fake);
	}
	free(leaves);
	free(leaf_sizes);
}
/**
 * A chain of tables, each with one pointer to the next and many to leaves, all of which are pushed
 * before the first is looked at: more than a stack holds, for whichever worker follows the chain.
 */
static void make_chain(struct fake *fake, unsigned jobs, bool same_leaves, bool closed)
{
	enum { TABLES = 80, FAN = 2047 };
	static uint64_t sizes[TABLES], tables[TABLES], leaf_sizes[TABLES * FAN],
		leaves[TABLES * FAN];

	for (size_t i = 0; i < TABLES; i++)
		sizes[i] = FAN * 8 + 24;
	for (size_t i = 0; i < TABLES * FAN; i++)
		leaf_sizes[i] = 32;
	fake_init(fake, 8, jobs, 4096);
	fake_span(fake, HEAP, HC_SPAN_TILED, sizes, TABLES, tables);
	fake_span(fake, HEAP + 0x4000000, HC_SPAN_TILED, leaf_sizes, TABLES * FAN, leaves);
	fake_seal(fake);
	for (size_t t = 0; t < TABLES; t++) {
		for (size_t i = 0; i < FAN; i++)
			fake_store(fake, tables[t] + i * 8,
				   leaves[(same_leaves ? 0 : t * FAN) + i]);
		if (closed || t + 1 < TABLES)
			fake_store(fake, tables[t] + FAN * 8, tables[(t + 1) % TABLES]);
	}
	/* Leaves that lead on, far from each other. */
	for (size_t i = 0; i < TABLES * FAN / 2; i++)
		fake_store(fake, leaves[i] + 8, leaves[TABLES * FAN - 1 - i]);
	if (!closed)
		fake_root(fake, 0, tables[0]);
}

static void test_stacks_that_overflow(void **state)
{
	(void)state;
	for (size_t j = 0; j < NUM(jobs_tried); j++) {
		struct fake fake;
		struct hc_reach_stats stats;

		make_chain(&fake, jobs_tried[j], false, false);
		stats = run(&fake);
		assert_int_equal(stats.kinds[HC_REACHABLE].chunks, 80 + 80 * 2047);
		assert_int_equal(stats.pointers_seen, 80 + 80 * 2047 + 40 * 2047);
		fake_deinit(&fake);

		make_chain(&fake, jobs_tried[j], true, false);
		stats = run(&fake);
		/* The leaves of the first table, and those that they lead to. */
		assert_int_equal(stats.kinds[HC_REACHABLE].chunks, 80 + 2 * 2047);
		assert_int_equal(stats.kinds[HC_DEFINITE].chunks, 80 * 2047 / 2 - 2047);
		assert_int_equal(stats.kinds[HC_INDIRECT].chunks, 80 * 2047 / 2 - 2047);
		assert_int_equal(stats.pointers_seen, 80 + 80 * 2047 + 40 * 2047);
		fake_deinit(&fake);

		/* All lost, in one cycle. */
		make_chain(&fake, jobs_tried[j], false, true);
		stats = run(&fake);
		assert_int_equal(stats.cycles, 1);
		assert_int_equal(stats.kinds[HC_DEFINITE].chunks, 1);
		assert_int_equal(stats.kinds[HC_INDIRECT].chunks, 80 + 80 * 2047 - 1);
		fake_deinit(&fake);
	}
}
/**@}*/

static void test_heuristics(void **state)
{
	struct fake fake;
	uint64_t c[6];

	(void)state;
	make(&fake, 1, NUM(c), 112, c); /* 104 bytes usable: requests of 73 to 104 */
	/* A string of capacity 70: 24 + 70 + 1 = 95. */
	fake_store(&fake, c[0], 60);
	fake_store(&fake, c[0] + 8, 70);
	fake_root(&fake, 0, c[0] + 24);
	/* Longer than its capacity: no string. */
	fake_store(&fake, c[1], 71);
	fake_store(&fake, c[1] + 8, 70);
	fake_root(&fake, 1, c[1] + 24);
	/* SQLite: 92 bytes follow. */
	fake_store(&fake, c[2], 92);
	fake_root(&fake, 2, c[2] + 8);
	/* new T[40]: no element size makes a request of 73 to 104 bytes but 2 (88). */
	fake_store(&fake, c[3], 40);
	fake_root(&fake, 3, c[3] + 8);
	/* 97 elements: more than there are bytes. */
	fake_store(&fake, c[4], 97);
	fake_root(&fake, 4, c[4] + 8);
	struct hc_reach_stats stats = run(&fake);

	assert_int_equal(fake_reach(&fake, c[0]), HC_REACHABLE);
	assert_int_equal(fake_reach(&fake, c[1]), HC_POSSIBLE);
	assert_int_equal(fake_reach(&fake, c[2]), HC_REACHABLE);
	assert_int_equal(fake_reach(&fake, c[3]), HC_REACHABLE);
	assert_int_equal(fake_reach(&fake, c[4]), HC_POSSIBLE);
	assert_int_equal(stats.heuristic[HC_HEURISTIC_STDSTRING], 1);
	assert_int_equal(stats.heuristic[HC_HEURISTIC_LENGTH64], 1);
	assert_int_equal(stats.heuristic[HC_HEURISTIC_NEWARRAY], 1);
	assert_int_equal(stats.pointers_interior, 2);
	fake_deinit(&fake);
}

/** A header with the block's size, an index with its entries, an address kept by hand. */
static void test_headers(void **state)
{
	struct fake fake;
	uint64_t c[7];

	(void)state;
	make(&fake, 1, NUM(c), 400, c);       /* 392 bytes usable: requests of 361 to 392 */
	fake_store(&fake, c[0] + 8, 376 | 2); /* what follows the header, and flags */
	fake_root(&fake, 0, c[0] + 16);
	fake_store(&fake, c[1] + 8, 392); /* the header's bytes are counted */
	fake_root(&fake, 1, c[1] + 24);
	fake_store(&fake, c[2] + 8, 330); /* neither */
	fake_root(&fake, 2, c[2] + 24);
	/* An index of 16 numbers, and 8 entries of 40 bytes. */
	for (unsigned i = 0; i < 16; i += 2)
		fake_store(&fake, c[3] + i * 4,
			   i < 6 ? UINT64_C(0xffffffff00000000) + i : UINT64_MAX);
	fake_root(&fake, 3, c[3] + 64);
	/* One number that is no entry's. */
	for (unsigned i = 0; i < 16; i += 2)
		fake_store(&fake, c[4] + i * 4, i < 6 ? UINT64_C(0xffffffff00000008) : UINT64_MAX);
	fake_root(&fake, 4, c[4] + 64);
	/* Aligned by hand to +64: the header there says what to free. */
	fake_store(&fake, c[5] + 72, c[5]);
	fake_root(&fake, 5, c[5] + 64);
	fake_store(&fake, c[6] + 72, c[6]); /* further on it says nothing */
	fake_root(&fake, 6, c[6] + 32);
	struct hc_reach_stats stats = run(&fake);
	static const enum hc_reach expected[] = {HC_REACHABLE, HC_REACHABLE, HC_POSSIBLE,
						 HC_REACHABLE, HC_POSSIBLE,  HC_REACHABLE,
						 HC_POSSIBLE};

	for (size_t i = 0; i < NUM(c); i++)
		assert_int_equal(fake_reach(&fake, c[i]), expected[i]);
	assert_int_equal(stats.heuristic[HC_HEURISTIC_LENGTH64], 2);
	assert_int_equal(stats.heuristic[HC_HEURISTIC_HASHTABLE], 1);
	fake_deinit(&fake);
}

/**
 * Chunks that only interior pointers hold, twice as many as it takes for them to matter.
 *
 * @param linked words of each that point elsewhere into it, at different places
 */
static void check_pool(unsigned linked, bool selves, enum hc_reach expected)
{
	struct fake fake;
	uint64_t c[2 * HC_CONVENTION_MIN];

	make(&fake, 2, NUM(c), 16448, c); /* not a power of two */
	for (size_t i = 0; i < NUM(c); i++) {
		/* Each has places of its own: there is no convention. */
		uint64_t words = c[i] + 32 + i * 512;

		fake_root(&fake, i, words + 3);
		for (unsigned l = 0; l < linked; l++)
			fake_store(&fake, words + l * 8,
				   selves ? words + l * 8 : c[i] + 8 + l * 1000 + i * 8);
	}
	run(&fake);
	for (size_t i = 0; i < NUM(c); i++)
		assert_int_equal(fake_reach(&fake, c[i]), expected);
	fake_deinit(&fake);
}

static void test_pools(void **state)
{
	(void)state;
	check_pool(HC_POOL_LINKS, false, HC_REACHABLE);
	check_pool(HC_POOL_LINKS - 1, false, HC_POSSIBLE);
	/* Heads of empty lists are no objects that point to each other. */
	check_pool(3 * HC_POOL_LINKS, true, HC_POSSIBLE);
}

/** Slabs that are aligned to their size; between them lie others that are not. */
static void check_aligned(uint64_t first, enum hc_reach expected)
{
	struct fake fake;
	enum { SLABS = 20 };
	uint64_t sizes[2 * SLABS], c[2 * SLABS];

	for (size_t i = 0; i < 2 * SLABS; i++)
		sizes[i] = 1024;
	sizes[0] = first;
	fake_init(&fake, 8, 2, 4096);
	fake_span(&fake, HEAP, HC_SPAN_TILED, sizes, NUM(c), c);
	fake_seal(&fake);
	for (size_t i = 1; i < NUM(c); i++)
		fake_root(&fake, i, c[i] + 33 + i * 21);
	run(&fake);
	for (size_t i = 1; i < NUM(c); i++)
		assert_int_equal(fake_reach(&fake, c[i]), expected);
	fake_deinit(&fake);
}

static void test_aligned_pools(void **state)
{
	(void)state;
	check_aligned(1024 - 16, HC_REACHABLE); /* a block begins 16 bytes into its chunk */
	check_aligned(1024, HC_POSSIBLE);
}

/** Links of lists, where their neighbours point back or don't, each at another offset. */
static void check_links(bool back, enum hc_reach expected)
{
	struct fake fake;
	uint64_t c[2 * HC_CONVENTION_MIN];
	size_t num = NUM(c);

	make(&fake, 1, num, 1056, c);
	for (size_t i = 0; i < num; i++) {
		uint64_t link = c[i] + 40 + i * 24,
			 next = c[(i + 1) % num] + 40 + (i + 1) % num * 24;

		fake_root(&fake, i, link);
		fake_store(&fake, link, next);
		if (back)
			fake_store(&fake, next + 8, link);
	}
	run(&fake);
	for (size_t i = 0; i < num; i++)
		assert_int_equal(fake_reach(&fake, c[i]), expected);
	fake_deinit(&fake);
}

static void test_links(void **state)
{
	(void)state;
	check_links(true, HC_REACHABLE);
	check_links(false, HC_POSSIBLE);
}

static void test_base_class(void **state)
{
	struct fake fake;
	uint64_t c[2];

	(void)state;
	make(&fake, 1, NUM(c), 64, c);
	fake_area(&fake, 0x40000000, 4096, HC_MAPPING_TEXT, PF_R | PF_X);
	fake_area(&fake, 0x40001000, 4096, HC_MAPPING_RODATA, PF_R);
	fake_store(&fake, 0x40001010, 0x40000020); /* two vtables with a function each */
	fake_store(&fake, 0x40001030, 0x40000040);
	fake_store(&fake, c[0], 0x40001010);
	fake_store(&fake, c[0] + 16, 0x40001030);
	fake_root(&fake, 0, c[0] + 16);
	fake_store(&fake, c[1], 0x40001010);
	fake_store(&fake, c[1] + 16, 0x40001050); /* no function there */
	fake_root(&fake, 1, c[1] + 16);
	struct hc_reach_stats stats = run(&fake);

	assert_int_equal(fake_reach(&fake, c[0]), HC_REACHABLE);
	assert_int_equal(fake_reach(&fake, c[1]), HC_POSSIBLE);
	assert_int_equal(stats.heuristic[HC_HEURISTIC_MULTIPLE_INHERITANCE], 1);
	fake_deinit(&fake);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_four_kinds),
		cmocka_unit_test(test_ends_of_a_chunk),
		cmocka_unit_test(test_cycles),
		cmocka_unit_test(test_roots),
		cmocka_unit_test(test_arena_is_no_root),
		cmocka_unit_test(test_relro),
		cmocka_unit_test(test_missing_bytes),
		cmocka_unit_test(test_random_graphs),
		cmocka_unit_test(test_conventions),
		cmocka_unit_test(test_stale_words_are_no_convention),
		cmocka_unit_test(test_convention_of_any_size),
		cmocka_unit_test(test_tagged_pointers),
		cmocka_unit_test(test_tagged_pointers_of_the_lost),
		cmocka_unit_test(test_long_list_with_back_pointers),
		cmocka_unit_test(test_wide_tables),
		cmocka_unit_test(test_stacks_that_overflow),
		cmocka_unit_test(test_heuristics),
		cmocka_unit_test(test_headers),
		cmocka_unit_test(test_pools),
		cmocka_unit_test(test_aligned_pools),
		cmocka_unit_test(test_links),
		cmocka_unit_test(test_base_class),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
