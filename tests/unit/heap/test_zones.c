/*
 * Two allocators in one process, one of them without headers, with units of 48 and of 24 bytes,
 * with bitmaps elsewhere, and with pools in chunks of the other: everything that reads the heap
 * model, against a plain list of what was allocated.
 */
#include "tests/unit/slab_heap.h"

#include "analyzers/counts/accounting.h"
#include "analyzers/counts/arenas.h"
#include "analyzers/counts/class_count.h"
#include "analyzers/counts/histogram.h"
#include "analyzers/inspect/what.h"
#include "analyzers/leaks/leaks.h"
#include "analyzers/pattern/pattern.h"
#include "analyzers/search/search.h"
#include "analyzers/select/tally.h"
#include "core/heap/number.h"
#include "core/heap/plane.h"
#include "tests/unit/fake_classes.h"

#define HEAP UINT64_C(0x20000000)
#define SLAB_A UINT64_C(0x30000000)
#define SLAB_B UINT64_C(0x30010000)
#define MAPPED UINT64_C(0x40000000)
#define RUNS UINT64_C(0x50000000)
#define NUM(a) (sizeof(a) / sizeof((a)[0]))

enum { FRONT = 80, NUM_A = 83, NUM_B = 128, NUM_POOL = 100 };

struct places {
	uint64_t outer[4], runs[4];
	uint64_t mapped, pool64;
};

static uint64_t a(unsigned i)
{
	return SLAB_A + FRONT + i * UINT64_C(48);
}

static uint64_t b(unsigned i)
{
	return SLAB_B + i * UINT64_C(32);
}

static uint64_t pool24(unsigned i)
{
	return MAPPED + SLAB_PAGE + i * UINT64_C(24);
}

static uint64_t pool64(const struct places *places, unsigned i)
{
	return places->pool64 + i * UINT64_C(64);
}

static void make(struct slab_world *world, unsigned jobs, struct places *places)
{
	static const uint64_t sizes[4] = {0x40, 0x2000, 0x60, 0x50};
	static const unsigned pages[4] = {2, 1, 5, 3};

	slab_world_init(world, jobs);
	slab_add_outer(world, HEAP, sizes, 4, places->outer);
	places->mapped = slab_add_mapped(world, MAPPED, 0x10000);
	places->pool64 = (places->outer[1] + 63) & -UINT64_C(64);
	unsigned slab_a = slab_add_pages(world, SLAB_A, FRONT, 48, NUM_A);
	unsigned slab_b = slab_add_pages(world, SLAB_B, 0, 32, NUM_B);
	unsigned runs = slab_add_runs(world, RUNS, pages, 4, places->runs);
	unsigned in_mapped = slab_add_pool(world, places->mapped, pool24(0), 24, NUM_POOL);
	slab_add_pool(world, places->outer[1], places->pool64, 64, NUM_POOL);

	slab_free(world, slab_a, 10);
	slab_free(world, slab_a, 11);
	slab_free(world, slab_b, 5);
	slab_free(world, in_mapped, 50);
	slab_free(world, runs, 2);
	slab_cache(world, a(20));
	slab_cache(world, b(6));
	slab_cache(world, pool24(51));
	slab_control(world, SLAB_W_OWN, b(0));
	slab_find(world, b(0))->state = "overhead";
	slab_control(world, SLAB_W_PINNED, a(30));
}

/** Blocks in this state; NULL: in any. @param arena UINT32_MAX - 1: of any */
#define ANY_ARENA (UINT32_MAX - 1)
static struct hc_count sum(const struct slab_world *world, const char *state, uint32_t arena)
{
	struct hc_count count = {0};

	for (size_t i = 0; i < world->num; i++) {
		const struct slab_block *block = &world->blocks[i];

		if ((state && strcmp(block->state, state) != 0) ||
		    (arena != ANY_ARENA && block->arena != arena))
			continue;
		count.chunks++;
		count.bytes += block->size;
	}
	return count;
}

static void assert_count(const struct hc_count *count, struct hc_count expected)
{
	assert_int_equal(count->chunks, expected.chunks);
	assert_int_equal(count->bytes, expected.bytes);
}

static void assert_block(const struct hc_chunk *chunk, const struct slab_block *block)
{
	assert_int_equal(chunk->address, block->address);
	assert_int_equal(chunk->size, block->size);
	assert_int_equal(chunk->usable, block->usable);
	assert_string_equal(hc_chunk_state_name(chunk), block->state);
	assert_int_equal(chunk->span->arena, block->arena);
}

/** Walking gives exactly the blocks, in order; slices of any size and planes and numbers agree. */
static void test_walk(void **state)
{
	static struct slab_world world;
	struct places places;
	struct hc_chunk_iter iter;
	struct hc_chunk chunk;
	size_t n = 0;

	(void)state;
	make(&world, 1, &places);
	slab_open(&world);
	assert_int_equal(world.fake.heap->inconsistencies_total, 0);
	assert_int_equal(world.fake.heap->num_backends, 2);
	assert_int_equal(world.fake.heap->granule, 8);
	hc_chunk_iter_heap(&iter, world.fake.heap);
	for (; hc_chunk_iter_next(&iter, &chunk); n++)
		assert_block(&chunk, &world.blocks[n]);
	assert_int_equal(n, world.num);

	for (uint64_t bytes = 1; bytes < 100000; bytes = bytes * 5 + 100) {
		struct hc_slice *slices;
		size_t num_slices;

		n = 0;
		assert_ok(hc_heap_slices(world.fake.heap, bytes, &slices, &num_slices));
		for (size_t i = 0; i < num_slices; i++) {
			hc_chunk_iter_slice(&iter, world.fake.heap, slices[i]);
			while (hc_chunk_iter_next(&iter, &chunk))
				assert_int_equal(chunk.address, world.blocks[n++].address);
		}
		assert_int_equal(n, world.num);
		free(slices);
	}
	slab_world_deinit(&world);
}

/** A number for each chunk, a bit for each unit, and no two alike. */
static void test_numbers(void **state)
{
	static struct slab_world world;
	struct places places;
	struct hc_chunk_iter iter;
	struct hc_chunk chunk;
	struct hc_numbers numbers;
	struct hc_plane_layout layout;
	struct hc_plane plane;
	uint64_t n = 0;

	(void)state;
	make(&world, 1, &places);
	slab_open(&world);
	struct hc_heap *heap = world.fake.heap;
	assert_ok(hc_numbers_init(heap, &numbers));
	assert_ok(hc_plane_layout_init(heap, &layout));
	assert_ok(hc_plane_init(&layout, &plane));
	assert_int_equal(numbers.num, world.num);
	hc_chunk_iter_heap(&iter, heap);
	while (hc_chunk_iter_next(&iter, &chunk)) {
		size_t span = chunk.span - heap->spans;

		assert_int_equal(hc_chunk_number(&numbers, &chunk), n++);
		assert_false(hc_plane_has(&layout, &plane, span, chunk.unit));
		hc_plane_set(&layout, &plane, span, chunk.unit);
	}
	n = 0;
	for (uint64_t i = 0; i < layout.num_words; i++)
		hc_for_each_bit (bit, plane.words[i])
			n += bit < 64;
	assert_int_equal(n, world.num);
	hc_plane_deinit(&plane);
	hc_plane_layout_deinit(&layout);
	hc_numbers_deinit(&numbers);
	slab_world_deinit(&world);
}

/** The block that an address belongs to, by the list. */
static const struct slab_block *owner(const struct slab_world *world, uint64_t address)
{
	for (size_t i = 0; i < world->num; i++) {
		const struct slab_block *block = &world->blocks[i];

		if (address - (block->address - block->own) < block->size)
			return block;
	}
	return NULL;
}

/** Every address around every span: whose it is, and what a pointer with this value points to. */
static void test_lookup(void **state)
{
	static struct slab_world world;
	struct places places;
	struct hc_chunk chunk;

	(void)state;
	make(&world, 1, &places);
	slab_open(&world);
	const struct hc_heap *heap = world.fake.heap;
	for (size_t i = 0; i < heap->num_spans; i++) {
		const struct hc_span *span = &heap->spans[i];
		uint64_t step = span->end - span->start > 16 * SLAB_PAGE ? 7 : 1;

		for (uint64_t at = span->start - 100; at < span->end + 100; at += step) {
			const struct slab_block *block = owner(&world, at);
			const struct hc_span *inside = hc_heap_span(heap, at);

			/* The first word of the outer allocator's heaps is nobody's but the
			 * first's. */
			if (inside && !block)
				block = slab_find(&world, inside->base);
			assert_int_equal(hc_heap_chunk_at(heap, at, &chunk), inside != NULL);
			if (inside)
				assert_block(&chunk, block);
			bool points = inside && at >= block->address &&
				      at - block->address < block->usable;
			assert_int_equal(hc_heap_pointee(heap, at, &chunk), points);
		}
	}
	/* The end of one block is the start of the next. */
	assert_true(hc_heap_pointee(heap, a(5) + 48, &chunk));
	assert_int_equal(chunk.address, a(6));
	assert_true(hc_heap_pointee(heap, a(6) - 1, &chunk));
	assert_int_equal(chunk.address, a(5));
	slab_world_deinit(&world);
}

static void test_requests(void **state)
{
	static struct slab_world world;
	struct places places;
	struct hc_chunk chunk;
	uint64_t min, max;

	(void)state;
	make(&world, 1, &places);
	slab_open(&world);
	const struct hc_heap *heap = world.fake.heap;
	assert_true(hc_heap_chunk_at(heap, a(1), &chunk));
	hc_chunk_request(heap, &chunk, &min, &max);
	assert_int_equal(min, 0);
	assert_int_equal(max, 48);
	assert_int_equal(hc_chunk_request_size(&chunk, 17), 48);
	assert_true(hc_heap_chunk_at(heap, places.runs[2], &chunk));
	hc_chunk_request(heap, &chunk, &min, &max);
	assert_int_equal(min, 4 * SLAB_PAGE + 1);
	assert_int_equal(max, 5 * SLAB_PAGE);
	assert_true(hc_heap_chunk_at(heap, places.outer[2], &chunk));
	hc_chunk_request(heap, &chunk, &min, &max);
	assert_int_equal(max, 0x58);
	assert_int_equal(hc_chunk_request_size(&chunk, 0x58), 0x60);
	slab_world_deinit(&world);
}

/** Spans are disjoint, although chunks of one allocator are the memory of another. */
static void test_carving(void **state)
{
	static struct slab_world world;
	struct places places;
	struct hc_chunk chunk;

	(void)state;
	make(&world, 1, &places);
	slab_open(&world);
	const struct hc_heap *heap = world.fake.heap;
	for (size_t i = 1; i < heap->num_spans; i++)
		assert_true(heap->spans[i - 1].end <= heap->spans[i].start);
	/* Before and behind the chunk that was carved nothing has changed. */
	assert_true(hc_heap_chunk_at(heap, places.outer[0], &chunk));
	assert_int_equal(chunk.size, 0x40);
	assert_true(hc_heap_chunk_at(heap, places.outer[2], &chunk));
	assert_int_equal(chunk.size, 0x60);
	assert_int_equal(chunk.span->start, places.outer[2] - 16);
	/* The chunks themselves are gone; what the pools leave of them is in no chunk. */
	assert_false(hc_heap_chunk_at(heap, places.outer[1], &chunk));
	assert_false(hc_heap_chunk_at(heap, places.mapped, &chunk));
	assert_false(hc_heap_chunk_at(heap, MAPPED + 0xf000, &chunk));
	assert_true(hc_heap_chunk_at(heap, pool64(&places, 99) + 63, &chunk));
	assert_ptr_equal(hc_span_allocator(chunk.span), &slab_allocator);
	slab_world_deinit(&world);
}

static void test_histogram(void **state)
{
	(void)state;
	for (unsigned jobs = 1; jobs <= 3; jobs += 2) {
		static struct slab_world world;
		struct places places;
		struct hc_histogram histogram;

		make(&world, jobs, &places);
		slab_open(&world);
		assert_ok(hc_histogram_run(fake_target(&world.fake), NULL, false, &histogram));
		for (size_t i = 0; i < histogram.num_rows; i++) {
			const struct hc_histogram_row *row = &histogram.rows[i];
			struct hc_count in_use = {0}, freed = {0};

			for (size_t k = 0; k < world.num; k++) {
				const struct slab_block *block = &world.blocks[k];
				bool own = !strcmp(block->state, "overhead");
				struct hc_count *to =
					strcmp(block->state, "in-use") ? &freed : &in_use;

				if (block->size != row->min_size || own)
					continue;
				to->chunks++;
				to->bytes += block->size;
			}
			assert_count(&row->in_use, in_use);
			assert_count(&row->free, freed);
		}
		assert_count(&histogram.in_use, sum(&world, "in-use", ANY_ARENA));
		assert_int_equal(histogram.in_use.chunks + histogram.free.chunks, world.num - 1);
		hc_histogram_deinit(&histogram);

		struct hc_selection selection;
		hc_selection_init(&selection);
		selection.states = 0;
		selection.lists[selection.num_lists++] = &slab_lists[SLAB_MAGAZINE];
		assert_ok(
			hc_histogram_run(fake_target(&world.fake), &selection, false, &histogram));
		assert_count(&histogram.free, sum(&world, "magazine", ANY_ARENA));
		hc_histogram_deinit(&histogram);
		slab_world_deinit(&world);
	}
}

/** Add a chunk to what a histogram should say. */
static void expect_chunk(const struct hc_heap *heap, const struct hc_chunk *chunk,
			 struct hc_count expected[3])
{
	struct hc_count *count = &expected[chunk->state != HC_IN_USE];

	count->chunks++;
	count->bytes += chunk->size;
	if (hc_chunk_is_lost(heap, chunk)) {
		expected[2].chunks++;
		expected[2].bytes += chunk->size;
	}
}

/* The planes alone tell state and reach: the same as chunk by chunk. */
static void test_histogram_selected(void **state)
{
	(void)state;
	static struct slab_world world;
	struct places places;
	struct hc_histogram histogram;

	make(&world, 2, &places);
	slab_open(&world);
	for (uint32_t states = 0; states < 1u << HC_NUM_STATES; states++) {
		for (uint32_t reaches = 0; reaches < 1u << HC_NUM_REACH; reaches++) {
			const struct hc_heap *heap = world.fake.heap;
			struct hc_count expected[3] = {0};
			struct hc_selection selection;
			struct hc_chunk_iter iter;
			struct hc_chunk chunk;

			hc_selection_init(&selection);
			selection.states = states;
			selection.reaches = reaches;
			assert_ok(hc_selection_prepare(&selection, fake_target(&world.fake)));
			hc_chunk_iter_heap(&iter, heap);
			while (hc_chunk_iter_next(&iter, &chunk))
				if (chunk.state != HC_OVERHEAD &&
				    hc_selection_has(&selection, heap, &chunk, NULL))
					expect_chunk(heap, &chunk, expected);
			assert_ok(hc_histogram_run(fake_target(&world.fake), &selection, false,
						   &histogram));
			assert_count(&histogram.in_use, expected[0]);
			assert_count(&histogram.free, expected[1]);
			assert_count(&histogram.leaked, expected[2]);
			hc_histogram_deinit(&histogram);
		}
	}
	slab_world_deinit(&world);
}

static const struct hc_count *list_of(const struct hc_heap *heap, const struct hc_arena_row *row,
				      unsigned list)
{
	return &row->lists[hc_heap_list_index(heap, &slab_lists[list])];
}

/** Per arena, and then all bytes of the process; the pages of the pools are the slab allocator's.
 */
static void test_accounting(void **state)
{
	static const uint64_t outside = 112 + (0x10000 - NUM_POOL * 24) + (0x2000 - NUM_POOL * 64);
	static struct slab_world world;
	struct places places;
	struct hc_arena_table arenas;
	struct hc_accounting accounting;
	uint64_t total = 0, parts = 0;

	(void)state;
	make(&world, 2, &places);
	slab_open(&world);
	const struct hc_heap *heap = world.fake.heap;
	assert_ok(hc_arenas_run(fake_target(&world.fake), &arenas));
	assert_int_equal(arenas.num_rows, 3);
	assert_count(&arenas.rows[0].states[HC_IN_USE], sum(&world, "in-use", 0));
	const struct hc_arena_row *row = &arenas.rows[1];
	assert_string_equal(row->arena->backend->allocator->name, "slab malloc");
	assert_count(&row->states[HC_IN_USE], sum(&world, "in-use", 1));
	assert_count(list_of(heap, row, SLAB_MAGAZINE), sum(&world, "magazine", 1));
	assert_count(list_of(heap, row, SLAB_SLOT), sum(&world, "slot", 1));
	assert_count(list_of(heap, row, SLAB_RUN), sum(&world, "run", 1));
	assert_count(&row->states[HC_TOP], sum(&world, "top", 1));
	assert_count(&row->states[HC_OVERHEAD], sum(&world, "overhead", 1));
	assert_int_equal(row->arena->outside, outside);
	assert_int_equal(row->largest_free, SLAB_PAGE);
	assert_int_equal(row->trimmable, 4 * SLAB_PAGE);
	assert_int_equal(row->free_bytes, sum(&world, "slot", 1).bytes + 4 * SLAB_PAGE);
	assert_int_equal(arenas.rows[2].states[HC_IN_USE].chunks, 0);

	hc_accounting_run(fake_target(&world.fake), &arenas, &accounting);
	for (size_t i = 0; i < world.fake.num_areas; i++)
		total += world.fake.areas[i].end - world.fake.areas[i].start;
	for (unsigned i = 0; i < HC_NUM_PARTS; i++)
		parts += accounting.parts[i];
	assert_int_equal(accounting.total, total);
	assert_int_equal(parts, total);
	assert_int_equal(accounting.parts[HC_PART_UNWALKED], 0);
	assert_int_equal(accounting.parts[HC_PART_MMAPPED], 0);
	assert_int_equal(accounting.parts[HC_PART_IN_USE], sum(&world, "in-use", ANY_ARENA).bytes);
	assert_int_equal(accounting.parts[HC_PART_OVERHEAD], outside + 32);
	assert_int_equal(accounting.parts[HC_PART_CACHED], 48 + 32 + 24);
	assert_int_equal(accounting.parts[HC_PART_FREE], 2 * 48 + 32 + 24 + SLAB_PAGE);
	assert_int_equal(accounting.parts[HC_PART_TOP], 3 * SLAB_PAGE);
	assert_int_equal(accounting.parts[HC_PART_OTHER], 3 * SLAB_PAGE);
	hc_arenas_deinit(&arenas);
	slab_world_deinit(&world);
}

/** Pointers of all kinds. See expected_reach(). */
static void link_up(struct slab_world *world, const struct places *places)
{
	struct fake *fake = &world->fake;

	fake_root(fake, 0, a(3));
	fake_root(fake, 1, a(5) + 20);
	fake_root(fake, 2, places->runs[0] + 5000);
	fake_root(fake, 3, places->outer[0]);
	fake_store(fake, a(3) + 8, pool24(7));
	fake_store(fake, pool24(7), b(9));
	fake_store(fake, pool24(7) + 16, a(5) + 48); /* which is a(6) */
	fake_store(fake, places->outer[0], pool64(places, 3));
	fake_store(fake, pool64(places, 3) + 56, places->outer[2]);
	fake_store(fake, a(30) + 40, a(31)); /* a(30) is pinned */
	/* What is free holds nothing. */
	fake_store(fake, a(10) + 8, b(11));
	fake_store(fake, a(20) + 8, b(12));
	fake_store(fake, places->runs[1] + 8, b(13));
	/* Nor does what is the allocators' own, wherever that is. */
	fake_store(fake, SLAB_CONTROL + 4000, a(22));
	fake_store(fake, SLAB_A + 16, a(23));
	fake_store(fake, MAPPED + 0xf000, a(24));
	fake_store(fake, HEAP + 0x1f00, a(25));
	/* Lost: a tree, a cycle, the last word of the last object. */
	fake_store(fake, a(40), a(41));
	fake_store(fake, a(42), a(43));
	fake_store(fake, a(43) + 40, a(42));
	fake_store(fake, a(NUM_A - 1) + 40, b(NUM_B - 1));
	fake_store(fake, places->runs[2] + 5 * SLAB_PAGE - 8, pool24(NUM_POOL - 1));
}

static enum hc_reach expected_reach(const struct places *places, uint64_t address)
{
	const uint64_t reachable[] = {
		a(3),  pool24(7), b(9), a(6), places->outer[0], pool64(places, 3), places->outer[2],
		a(30), a(31)};
	const uint64_t possible[] = {a(5), places->runs[0]};
	const uint64_t indirect[] = {a(41), a(43), b(NUM_B - 1), pool24(NUM_POOL - 1)};

	for (size_t i = 0; i < NUM(reachable); i++)
		if (reachable[i] == address)
			return HC_REACHABLE;
	for (size_t i = 0; i < NUM(possible); i++)
		if (possible[i] == address)
			return HC_POSSIBLE;
	for (size_t i = 0; i < NUM(indirect); i++)
		if (indirect[i] == address)
			return HC_INDIRECT;
	return HC_DEFINITE;
}

/** What can be reached, what is lost, and in which groups. */
static void test_reach(void **state)
{
	(void)state;
	for (unsigned jobs = 1; jobs <= 3; jobs += 2) {
		static struct slab_world world;
		struct places places;
		struct fake_classes classes;
		struct hc_reach_stats stats;
		struct hc_leaks leaks;
		struct hc_count kinds[HC_NUM_REACH] = {0}, found[HC_NUM_REACH] = {0};

		make(&world, jobs, &places);
		link_up(&world, &places);
		slab_open(&world);
		struct hc_heap *heap = world.fake.heap;
		assert_ok(hc_reachability_run(heap, &stats));
		for (size_t i = 0; i < world.num; i++) {
			const struct slab_block *block = &world.blocks[i];
			enum hc_reach reach = expected_reach(&places, block->address);
			struct hc_chunk chunk;

			if (strcmp(block->state, "in-use") != 0)
				continue;
			assert_true(hc_heap_chunk_at(heap, block->address, &chunk));
			if (chunk.reach != reach)
				fail_msg("%#jx is %s", (uintmax_t)block->address,
					 hc_reach_name(chunk.reach));
			kinds[reach].chunks++;
			kinds[reach].bytes += block->size;
		}
		for (unsigned i = 0; i < HC_NUM_REACH; i++) {
			found[i] = (struct hc_count){stats.kinds[i].chunks, stats.kinds[i].bytes};
			assert_count(&found[i], kinds[i]);
		}
		assert_int_equal(stats.cycles, 1);
		/* The root page alone: the words of holes are not looked at. */
		assert_int_equal(stats.root_bytes, SLAB_PAGE);

		fake_classes_init(&classes, &world.fake);
		assert_ok(hc_leaks_run(fake_target(&world.fake), NULL, &leaks));
		assert_count(&leaks.definite, kinds[HC_DEFINITE]);
		assert_count(&leaks.indirect, kinds[HC_INDIRECT]);
		assert_count(&leaks.possible, kinds[HC_POSSIBLE]);
		hc_leaks_deinit(&leaks);
		slab_world_deinit(&world);
	}
}

struct hits {
	uint64_t addresses[8], chunks[8];
	size_t num;
};

static bool collect(void *ctx, const struct hc_search_hit *hit)
{
	struct hits *hits = ctx;

	assert_true(hits->num < NUM(hits->addresses));
	hits->addresses[hits->num] = hit->address;
	hits->chunks[hits->num++] = hit->chunk->address;
	return true;
}

static void put(struct slab_world *world, uint64_t address, const char *text)
{
	for (size_t i = 0; text[i]; i++)
		*fake_at(&world->fake, address + i) = text[i];
}

/** A subject is a block: no match reaches into the next, which begins where it ends. */
static void test_search(void **state)
{
	static struct slab_world world;
	struct places places;
	struct hc_pattern *pattern;
	struct hc_search_result result;
	struct hits hits = {.num = 0};
	static const struct hc_pattern_options plain;
	const char *text = "needle-in-slab";

	(void)state;
	make(&world, 2, &places);
	const uint64_t at[] = {a(7) + 5, b(NUM_B - 1) + 10, pool24(9) + 1,
			       places.runs[2] + 3 * SLAB_PAGE + 100};
	const uint64_t chunks[] = {a(7), b(NUM_B - 1), pool24(9), places.runs[2]};
	for (size_t i = 0; i < NUM(at); i++)
		put(&world, at[i], text);
	put(&world, a(10) + 20, text);      /* free */
	put(&world, a(51) - 6, text);       /* half in one, half in the next */
	put(&world, MAPPED + 0xf100, text); /* in no block */
	slab_open(&world);
	assert_ok(hc_pattern_compile(text, &plain, &pattern));
	const struct hc_search_options options = {
		.scope = HC_SEARCH_CHUNKS, .fn = collect, .ctx = &hits};
	assert_ok(hc_search_run(fake_target(&world.fake), pattern, &options, &result));
	assert_int_equal(hits.num, NUM(at));
	for (size_t i = 0; i < NUM(at); i++) {
		assert_int_equal(hits.addresses[i], at[i]);
		assert_int_equal(hits.chunks[i], chunks[i]);
	}
	assert_int_equal(result.chunks, 4);
	assert_int_equal(result.bytes, 48 + 32 + 24 + 5 * SLAB_PAGE);
	assert_int_equal(result.searched_chunks, sum(&world, "in-use", ANY_ARENA).chunks);
	hc_search_result_deinit(&result);
	hc_pattern_destroy(pattern);
	slab_world_deinit(&world);
}

static void test_classes(void **state)
{
	static struct slab_world world;
	struct places places;
	struct fake_classes classes;
	struct hc_class_table table;

	(void)state;
	make(&world, 2, &places);
	put(&world, a(60), "{\"user\": 4711, \"name\": \"somebody\", \"a\": [1]}");
	put(&world, a(61), "{\"user\": 4712, \"name\": \"somebody\", \"a\": [2]}");
	put(&world, places.runs[2], "GET /index.html HTTP/1.1\r\nHost: example.org\r\n\r\n");
	slab_open(&world);
	fake_classes_init(&classes, &world.fake);
	assert_ok(hc_classify_run(fake_target(&world.fake), NULL, &table));
	assert_count(&table.total, sum(&world, "in-use", ANY_ARENA));
	assert_count(&table.classes[fake_class(&classes, "json")].all, (struct hc_count){2, 96});
	assert_int_equal(table.classes[fake_class(&classes, "json")].sample, a(60));
	assert_count(&table.classes[fake_class(&classes, "http-request")].all,
		     (struct hc_count){1, 5 * SLAB_PAGE});
	slab_world_deinit(&world);
}

static void test_what(void **state)
{
	static struct slab_world world;
	struct places places;
	struct hc_what what;

	(void)state;
	make(&world, 1, &places);
	link_up(&world, &places);
	slab_open(&world);
	fake_target(&world.fake);
	assert_ok(hc_what_run(world.fake.target, a(5) + 47, 10, &what));
	assert_true(what.in_chunk);
	assert_int_equal(what.chunk.address, a(5));
	assert_int_equal(what.request_max, 48);
	/* Not the pointer to its end, which is one to the next. */
	assert_int_equal(what.referrers.num, 1);
	assert_int_equal(what.referrers.items[0].value, a(5) + 20);
	hc_what_deinit(&what);

	assert_ok(hc_what_run(world.fake.target, a(6), 10, &what));
	assert_int_equal(what.referrers.num, 1);
	assert_int_equal(what.referrers.items[0].address, pool24(7) + 16);
	assert_int_equal(what.referrers.items[0].chunk.address, pool24(7));
	hc_what_deinit(&what);

	assert_ok(hc_what_run(world.fake.target, pool24(7), 10, &what));
	assert_int_equal(what.num_targets, 2);
	assert_int_equal(what.targets[0].chunk.address, b(9));
	assert_int_equal(what.targets[1].chunk.address, a(6));
	assert_int_equal(what.mapping->kind, HC_MAPPING_HEAP);
	hc_what_deinit(&what);

	assert_ok(hc_what_run(world.fake.target, b(0), 10, &what));
	assert_string_equal(what.special, "directory");
	hc_what_deinit(&what);
	slab_world_deinit(&world);
}

/** A back end's own contradictions are told from another's, and have no header to look in. */
static void test_check(void **state)
{
	static struct slab_world world;
	struct places places;

	(void)state;
	make(&world, 1, &places);
	slab_open(&world);
	assert_ok(hc_heap_check(world.fake.heap));
	assert_int_equal(world.fake.heap->inconsistencies_total, 0);
	slab_world_deinit(&world);

	make(&world, 1, &places);
	fake_store(&world.fake, a(20), a(70) + 4); /* behind the first that was put there */
	slab_open(&world);
	struct hc_heap *heap = world.fake.heap;
	assert_ok(hc_heap_check(heap));
	assert_int_equal(heap->inconsistencies_total, 1);
	assert_int_equal(heap->inconsistencies[0].address, a(70) + 4);
	assert_string_equal(heap->inconsistencies[0].backend->allocator->name, "slab malloc");
	assert_int_equal(heap->inconsistencies[0].last_good, a(70));
	slab_world_deinit(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_walk),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_lookup),
		cmocka_unit_test(test_requests),
		cmocka_unit_test(test_carving),
		cmocka_unit_test(test_histogram),
		cmocka_unit_test(test_histogram_selected),
		cmocka_unit_test(test_accounting),
		cmocka_unit_test(test_reach),
		cmocka_unit_test(test_search),
		cmocka_unit_test(test_classes),
		cmocka_unit_test(test_what),
		cmocka_unit_test(test_check),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
