/**
 * @file
 * A second allocator, for tests: that the contract (core/heap/allocator.h) holds one that is
 * nothing like glibc's.
 *
 * It has no headers. Small objects stand in slabs, of 48 bytes among others; which are in use says
 * a bitmap elsewhere. A slab may have something of the allocator's own in front. Large ones are
 * runs of pages. What the program gave back last stays in a magazine, a list through the first
 * words of the objects, of which the bitmaps know nothing. Some slabs, the pools, lie in chunks
 * that were allocated with the other allocator of the process, which is like glibc's as far as
 * spans can tell.
 *
 * The back end reads all of this from the fake memory, as a real one would, and the world that the
 * test has made is kept beside it as a plain list of blocks, which no code under test has seen.
 * Use: slab_world_init(), slab_add_…(), slab_open(), … slab_world_deinit().
 */
#ifndef HC_TESTS_SLAB_HEAP_H
#define HC_TESTS_SLAB_HEAP_H

#include "tests/unit/unit.h"

#include "tests/unit/fake_heap.h"

#include "core/heap/allocator.h"

#define SLAB_MAGIC UINT64_C(0x51ab)
#define SLAB_CONTROL UINT64_C(0x18000000) /* the slab allocator's own data … */
#define SLAB_OUTER UINT64_C(0x19000000)   /* … and that of the other one */
#define SLAB_PAGE UINT64_C(4096)
#define SLAB_MAX_REGIONS 8
#define SLAB_MAX_OBJECTS 128 /* of a region */
#define SLAB_MAX_BLOCKS 1024

/* --- The format in memory: words --- */

enum { SLAB_W_MAGIC, SLAB_W_NUM, SLAB_W_MAGAZINE, SLAB_W_OWN, SLAB_W_PINNED, SLAB_W_REGIONS = 8 };

/** A region: words from SLAB_W_REGIONS on, SLAB_R_WORDS for each. */
enum {
	SLAB_R_START, /* first object */
	SLAB_R_UNIT,  /* bytes */
	SLAB_R_COUNT, /* units */
	SLAB_R_IN_USE,
	SLAB_R_STARTS = SLAB_R_IN_USE + 2, /* where objects begin; a slab: everywhere */
	SLAB_R_FRONT = SLAB_R_STARTS + 2,  /* of its mapping; 0: of the chunk below */
	SLAB_R_BYTES,
	SLAB_R_CHUNK, /* user address of the other allocator's chunk that it lies in; 0: none */
	SLAB_R_TOP,   /* the last object was never handed out */
	SLAB_R_WORDS
};

/** The other allocator: start of its heap, number and sizes of chunks, start and size of a mapping.
 */
enum { SLAB_O_HEAP, SLAB_O_MAPPED, SLAB_O_MAPPED_SIZE, SLAB_O_NUM, SLAB_O_SIZES };

static inline uint64_t slab_word(const struct hc_process *process, uint64_t at, unsigned index)
{
	uint64_t value;

	assert_true(hc_memory_word(&process->memory, at + 8 * index, &value));
	return value;
}

/* --- The back end --- */

static const struct hc_list slab_lists[] = {
	{"magazine", "MAGAZINE", HC_CACHED, .code = 1},
	{"slot", "SLOTS", HC_FREE, .code = 2},
	{"run", "RUNS", HC_FREE, .code = 2, .large = true, .merged = true},
};

enum { SLAB_MAGAZINE, SLAB_SLOT, SLAB_RUN };

struct slab {
	const struct hc_zone *zones[SLAB_MAX_REGIONS];
	uint64_t num;
	uint32_t arena;
};

static inline uint64_t slab_region(const struct hc_process *process, uint64_t region, unsigned word)
{
	return slab_word(process, SLAB_CONTROL, SLAB_W_REGIONS + region * SLAB_R_WORDS + word);
}

static inline bool slab_bit(const struct hc_process *process, uint64_t region, unsigned word,
			    uint64_t bit)
{
	return slab_region(process, region, word + bit / 64) >> bit % 64 & 1;
}

/** A request gets a whole number of units: one in a slab, pages of a run. */
static inline uint64_t slab_request_size(const struct hc_zone *zone, uint64_t request)
{
	uint64_t units = (request + zone->unit - 1) / zone->unit;

	return (units ? units : 1) * zone->unit;
}

static inline void slab_request_range(const struct hc_zone *zone, const struct hc_chunk *chunk,
				      uint64_t *min_ret, uint64_t *max_ret)
{
	*max_ret = chunk->usable;
	*min_ret = chunk->usable > zone->unit ? chunk->usable - zone->unit + 1 : 0;
}

static inline struct hc_error *slab_recognise(struct hc_backend *self, bool *recognised)
{
	uint64_t magic;

	if (!hc_memory_word(&self->process->memory, SLAB_CONTROL, &magic) || magic != SLAB_MAGIC)
		return NULL;
	struct slab *slab = calloc(1, sizeof(*slab));

	assert_non_null(slab);
	self->state = slab;
	slab->num = slab_word(self->process, SLAB_CONTROL, SLAB_W_NUM);
	assert_in_range(slab->num, 1, SLAB_MAX_REGIONS);
	for (uint64_t i = 0; i < slab->num; i++) {
		const struct hc_zone zone = {
			.name = "slabs",
			.unit = slab_region(self->process, i, SLAB_R_UNIT),
			.first_large = SLAB_PAGE,
			.request_size = slab_request_size,
			.request_range = slab_request_range,
		};

		assert_ok(hc_heap_add_zone(self, &zone, &slab->zones[i]));
	}
	*recognised = true;
	return NULL;
}

static inline void slab_walk_region(struct hc_backend *self, uint64_t region)
{
	struct slab *slab = self->state;
	const struct hc_process *process = self->process;
	uint64_t start = slab_region(process, region, SLAB_R_START);
	uint64_t count = slab_region(process, region, SLAB_R_COUNT);
	uint64_t pool = slab_region(process, region, SLAB_R_CHUNK);
	const struct hc_span given = {
		.zone = slab->zones[region],
		.arena = slab->arena,
		.start = start,
		.end = start + count * slab->zones[region]->unit,
		.num_units = count,
	};
	struct hc_span *span;
	struct hc_chunk chunk;

	if (pool) {
		assert_true(hc_heap_chunk_at(self->heap, pool, &chunk));
		assert_int_equal(chunk.address, pool);
		assert_ok(hc_heap_carve(self->heap, &chunk, slab->arena));
	} else {
		self->heap->arenas[slab->arena].outside +=
			slab_region(process, region, SLAB_R_BYTES) - (given.end - given.start);
	}
	assert_ok(hc_heap_add_span(self->heap, &given, &span));
	for (uint64_t i = 0; i < count; i++) {
		if (!slab_bit(process, region, SLAB_R_STARTS, i))
			continue;
		hc_span_set_start(span, i);
		if (!slab_bit(process, region, SLAB_R_IN_USE, i)) {
			span->blocks[i / 64].free |= UINT64_C(1) << i % 64;
			span->blocks[i / 64].b |= UINT64_C(1) << i % 64; /* code 2 */
		}
	}
}

static inline struct hc_error *slab_walk(struct hc_backend *self)
{
	struct slab *slab = self->state;
	struct hc_heap *heap = self->heap;

	assert_ok(hc_heap_add_arenas(self, 1, &slab->arena));
	heap->arenas[slab->arena].main = true;
	heap->arenas[slab->arena].system = 1 << 20;
	for (uint64_t i = 0; i < slab->num; i++)
		slab_walk_region(self, i);
	return NULL;
}

static inline struct hc_error *slab_mark(struct hc_backend *self)
{
	const struct hc_process *process = self->process;
	const struct slab *slab = self->state;
	uint64_t at = slab_word(process, SLAB_CONTROL, SLAB_W_MAGAZINE);

	for (unsigned i = 0; at && i < SLAB_MAX_BLOCKS; i++) {
		if (!hc_heap_set_free(self->heap, at, &slab_lists[SLAB_MAGAZINE]))
			break;
		at = slab_word(process, at, 0);
	}
	for (uint64_t i = 0; i < slab->num; i++) {
		uint64_t top = slab_region(process, i, SLAB_R_TOP);

		if (top)
			assert_ok(hc_heap_add_special(self->heap, top, HC_TOP, "untouched"));
	}
	assert_ok(hc_heap_add_special(self->heap, slab_word(process, SLAB_CONTROL, SLAB_W_OWN),
				      HC_OVERHEAD, "directory"));
	assert_ok(hc_heap_add_pin(self->heap, slab_word(process, SLAB_CONTROL, SLAB_W_PINNED),
				  strdup("held by the slab allocator")));
	assert_ok(hc_heap_add_hole(self->heap, SLAB_CONTROL, SLAB_CONTROL + SLAB_PAGE));
	self->evidence.layout = strdup("slabs");
	self->evidence.version = strdup("7");
	self->evidence.how = strdup("magic");
	self->evidence.confidence = 100;
	return NULL;
}

static inline struct hc_error *slab_assign(struct hc_backend *self)
{
	const struct slab *slab = self->state;

	for (uint64_t i = 0; i < slab->num; i++) {
		uint64_t front = slab_region(self->process, i, SLAB_R_FRONT);

		assert_ok(hc_mappings_assign(&self->process->mappings, front,
					     front + slab_region(self->process, i, SLAB_R_BYTES),
					     HC_MAPPING_HEAP, "slabs"));
	}
	return NULL;
}

/** The magazine holds what the bitmaps believe to be in use. */
static inline struct hc_error *slab_check(struct hc_backend *self)
{
	uint64_t at = slab_word(self->process, SLAB_CONTROL, SLAB_W_MAGAZINE);

	for (unsigned i = 0; at && i < SLAB_MAX_BLOCKS; i++) {
		struct hc_chunk chunk;

		if (!hc_heap_chunk_at(self->heap, at, &chunk) || chunk.address != at) {
			const struct hc_inconsistency fault = {
				.fault = HC_FAULT_LIST, .code = 1, .address = at, .chunk = at};

			return hc_heap_add_inconsistency(self->heap, fault,
							 "the magazine leads astray");
		}
		at = slab_word(self->process, at, 0);
	}
	return NULL;
}

static const struct hc_allocator slab_allocator = {
	.name = "slab malloc",
	.library = "slab",
	.own = "slab's own",
	.lists = slab_lists,
	.num_lists = 3,
	.advice = {.give_back = "slab_reap", .call = "slab_reap()"},
	.recognise = slab_recognise,
	.walk = slab_walk,
	.mark = slab_mark,
	.assign = slab_assign,
	.check = slab_check,
	.destroy = free,
};

/* --- The other allocator: chunks with glibc's headers, told by a table --- */

struct slab_outer {
	const struct hc_zone *heap, *mapped;
};

static inline struct hc_error *slab_outer_recognise(struct hc_backend *self, bool *recognised)
{
	const struct glibc_params params = glibc_params(8, 16);
	const struct hc_zone heap = glibc_arena_zone(&params),
			     mapped = glibc_mmapped_zone(&params, false);
	struct slab_outer *outer = calloc(1, sizeof(*outer));

	assert_non_null(outer);
	self->state = outer;
	assert_ok(hc_heap_add_zone(self, &heap, &outer->heap));
	assert_ok(hc_heap_add_zone(self, &mapped, &outer->mapped));
	*recognised = true;
	return NULL;
}

static inline struct hc_error *slab_outer_walk(struct hc_backend *self)
{
	const struct slab_outer *outer = self->state;
	const struct hc_process *process = self->process;
	uint64_t start = slab_word(process, SLAB_OUTER, SLAB_O_HEAP);
	uint64_t mapped = slab_word(process, SLAB_OUTER, SLAB_O_MAPPED);
	uint64_t num = slab_word(process, SLAB_OUTER, SLAB_O_NUM), size = 0;
	struct hc_span *span;

	assert_in_range(num, 1, SLAB_MAX_OBJECTS);
	for (uint64_t i = 0; i < num; i++)
		size += slab_word(process, SLAB_OUTER, SLAB_O_SIZES + i);
	const struct hc_span heap = {
		.zone = outer->heap, .start = start, .end = start + size, .num_units = size / 16};
	assert_ok(hc_heap_add_span(self->heap, &heap, &span));
	for (uint64_t i = 0, unit = 0; i < num; i++) {
		hc_span_set_start(span, unit);
		unit += slab_word(process, SLAB_OUTER, SLAB_O_SIZES + i) / 16;
	}
	const struct hc_span single = {
		.zone = outer->mapped,
		.kind = HC_SPAN_SINGLE,
		.arena = HC_ARENA_MMAP,
		.start = mapped,
		.end = mapped + slab_word(process, SLAB_OUTER, SLAB_O_MAPPED_SIZE),
		.num_units = 1,
	};
	assert_ok(hc_heap_add_span(self->heap, &single, &span));
	hc_span_set_start(span, 0);
	uint32_t arena;

	assert_ok(hc_heap_add_arenas(self, 1, &arena));
	assert_int_equal(arena, 0);
	self->heap->arenas[0].main = true;
	self->heap->arenas[0].system = size;
	return NULL;
}

static inline struct hc_error *slab_outer_mark(struct hc_backend *self)
{
	assert_ok(hc_heap_add_hole(self->heap, SLAB_OUTER, SLAB_OUTER + SLAB_PAGE));
	return NULL;
}

static inline struct hc_error *slab_outer_assign(struct hc_backend *self)
{
	const struct slab_outer *outer = self->state;

	for (size_t i = 0; i < self->heap->num_spans; i++) {
		const struct hc_span *span = &self->heap->spans[i];

		if (span->zone == outer->heap || span->zone == outer->mapped)
			assert_ok(hc_mappings_assign(
				&self->process->mappings, span->start, span->end,
				span->zone == outer->heap ? HC_MAPPING_MAIN_HEAP
							  : HC_MAPPING_MMAP_CHUNK,
				NULL));
	}
	return NULL;
}

static const struct hc_allocator slab_outer_allocator = {
	.name = "outer malloc",
	.library = "outer",
	.own = "outer's own",
	.lists = glibc_lists,
	.num_lists = GLIBC_NUM_LISTS,
	.recognise = slab_outer_recognise,
	.walk = slab_outer_walk,
	.mark = slab_outer_mark,
	.assign = slab_outer_assign,
	.destroy = free,
};

/* --- The world --- */

/** What the test knows of a block. */
struct slab_block {
	uint64_t address, size, usable;
	const char *state; /* as users see it */
	uint32_t arena;
	uint64_t lead, own; /* bytes in front: to the block's start; that are its own */
};

struct slab_world {
	struct fake fake;
	struct slab_block blocks[SLAB_MAX_BLOCKS]; /* by address once slab_open() is done */
	size_t num;
	unsigned num_regions;
	uint64_t magazine;
};

static inline void slab_control(struct slab_world *world, unsigned word, uint64_t value)
{
	fake_store(&world->fake, SLAB_CONTROL + 8 * word, value);
}

/** Memory of roots, and the allocators' own; nothing allocated. */
static inline void slab_world_init(struct slab_world *world, unsigned jobs)
{
	memset(world, 0, sizeof(*world));
	fake_init_process(&world->fake, 8, jobs, SLAB_PAGE);
	fake_area(&world->fake, SLAB_CONTROL, SLAB_PAGE, HC_MAPPING_ANON, PF_R | PF_W);
	fake_area(&world->fake, SLAB_OUTER, SLAB_PAGE, HC_MAPPING_ANON, PF_R | PF_W);
	slab_control(world, SLAB_W_MAGIC, SLAB_MAGIC);
}

static inline struct slab_block *slab_find(struct slab_world *world, uint64_t address)
{
	for (size_t i = 0; i < world->num; i++)
		if (world->blocks[i].address == address)
			return &world->blocks[i];
	fail_msg("no block at %#jx", (uintmax_t)address);
	return NULL;
}

static inline void slab_note(struct slab_world *world, uint64_t address, uint64_t size,
			     const char *state)
{
	assert_true(world->num < SLAB_MAX_BLOCKS);
	world->blocks[world->num++] = (struct slab_block){
		.address = address, .size = size, .usable = size, .state = state, .arena = 1};
}

/** The other allocator's chunks. Call it first. @param[out] ret user addresses */
static inline void slab_add_outer(struct slab_world *world, uint64_t start, const uint64_t *sizes,
				  size_t num, uint64_t *ret)
{
	uint64_t at = start;

	fake_store(&world->fake, SLAB_OUTER + 8 * SLAB_O_HEAP, start);
	fake_store(&world->fake, SLAB_OUTER + 8 * SLAB_O_NUM, num);
	for (size_t i = 0; i < num; at += sizes[i++]) {
		fake_store(&world->fake, SLAB_OUTER + 8 * (SLAB_O_SIZES + i), sizes[i]);
		ret[i] = at + 16;
		world->blocks[world->num++] =
			(struct slab_block){ret[i], sizes[i], sizes[i] - 8, "in-use", 0, 16, 8};
	}
	fake_area(&world->fake, start, at - start, HC_MAPPING_ANON, PF_R | PF_W);
}

/** The one that is a mapping of its own. @return its user address */
static inline uint64_t slab_add_mapped(struct slab_world *world, uint64_t start, uint64_t size)
{
	fake_store(&world->fake, SLAB_OUTER + 8 * SLAB_O_MAPPED, start);
	fake_store(&world->fake, SLAB_OUTER + 8 * SLAB_O_MAPPED_SIZE, size);
	fake_area(&world->fake, start, size, HC_MAPPING_ANON, PF_R | PF_W);
	world->blocks[world->num++] =
		(struct slab_block){start + 16, size, size - 16, "in-use", HC_ARENA_MMAP, 16, 16};
	return start + 16;
}

static inline void slab_region_word(struct slab_world *world, unsigned region, unsigned word,
				    uint64_t value)
{
	slab_control(world, SLAB_W_REGIONS + region * SLAB_R_WORDS + word, value);
}

/** A slab of @p count objects at @p start, all in use. @return the region's number */
static inline unsigned slab_add_slab(struct slab_world *world, uint64_t start, uint64_t unit,
				     uint64_t count)
{
	unsigned region = world->num_regions++;

	assert_true(region < SLAB_MAX_REGIONS && count <= SLAB_MAX_OBJECTS);
	slab_region_word(world, region, SLAB_R_START, start);
	slab_region_word(world, region, SLAB_R_UNIT, unit);
	slab_region_word(world, region, SLAB_R_COUNT, count);
	for (unsigned i = 0; i < 2; i++) {
		uint64_t left = count > 64 * i ? count - 64 * i : 0;
		uint64_t bits = left >= 64 ? UINT64_MAX : (UINT64_C(1) << left) - 1;

		slab_region_word(world, region, SLAB_R_IN_USE + i, bits);
		slab_region_word(world, region, SLAB_R_STARTS + i, bits);
	}
	for (uint64_t i = 0; i < count; i++)
		slab_note(world, start + i * unit, unit, "in-use");
	return region;
}

/** One with pages of its own, of which the first @p front bytes are the allocator's. */
static inline unsigned slab_add_pages(struct slab_world *world, uint64_t page, uint64_t front,
				      uint64_t unit, uint64_t count)
{
	uint64_t bytes = (front + unit * count + SLAB_PAGE - 1) & -SLAB_PAGE;

	fake_area(&world->fake, page, bytes, HC_MAPPING_ANON, PF_R | PF_W);
	unsigned region = slab_add_slab(world, page + front, unit, count);
	slab_region_word(world, region, SLAB_R_FRONT, page);
	slab_region_word(world, region, SLAB_R_BYTES, bytes);
	return region;
}

/** One inside of a chunk of the other allocator, which is no block of its own any more. */
static inline unsigned slab_add_pool(struct slab_world *world, uint64_t chunk, uint64_t start,
				     uint64_t unit, uint64_t count)
{
	struct slab_block *outer = slab_find(world, chunk);
	uint64_t front = chunk - outer->lead, bytes = outer->size;

	*outer = world->blocks[--world->num];
	unsigned region = slab_add_slab(world, start, unit, count);
	slab_region_word(world, region, SLAB_R_FRONT, front);
	slab_region_word(world, region, SLAB_R_BYTES, bytes);
	slab_region_word(world, region, SLAB_R_CHUNK, chunk);
	return region;
}

/** Runs of pages: a region whose objects have these numbers of pages. The last one is untouched. */
static inline unsigned slab_add_runs(struct slab_world *world, uint64_t start,
				     const unsigned *pages, size_t num, uint64_t *ret)
{
	unsigned region = world->num_regions++;
	uint64_t starts = 0, total = 0;

	for (size_t i = 0; i < num; i++) {
		ret[i] = start + total * SLAB_PAGE;
		starts |= UINT64_C(1) << total;
		total += pages[i];
		slab_note(world, ret[i], pages[i] * SLAB_PAGE, i + 1 < num ? "in-use" : "top");
	}
	assert_true(total <= 64);
	fake_area(&world->fake, start, total * SLAB_PAGE, HC_MAPPING_ANON, PF_R | PF_W);
	slab_region_word(world, region, SLAB_R_START, start);
	slab_region_word(world, region, SLAB_R_UNIT, SLAB_PAGE);
	slab_region_word(world, region, SLAB_R_COUNT, total);
	slab_region_word(world, region, SLAB_R_IN_USE, starts);
	slab_region_word(world, region, SLAB_R_STARTS, starts);
	slab_region_word(world, region, SLAB_R_FRONT, start);
	slab_region_word(world, region, SLAB_R_BYTES, total * SLAB_PAGE);
	slab_region_word(world, region, SLAB_R_TOP, ret[num - 1]);
	return region;
}

/** Clear the bit of the object at @p unit of a region. */
static inline void slab_free(struct slab_world *world, unsigned region, uint64_t unit)
{
	const struct hc_process *process = &world->fake.process;
	uint64_t address = slab_region(process, region, SLAB_R_START) +
			   unit * slab_region(process, region, SLAB_R_UNIT);
	struct slab_block *block = slab_find(world, address);
	unsigned word = SLAB_R_IN_USE + unit / 64;

	slab_region_word(world, region, word,
			 slab_region(process, region, word) & ~(UINT64_C(1) << unit % 64));
	block->state = block->size < SLAB_PAGE ? "slot" : "run";
}

/** Put an object into the magazine. */
static inline void slab_cache(struct slab_world *world, uint64_t address)
{
	fake_store(&world->fake, address, world->magazine);
	world->magazine = address;
	slab_control(world, SLAB_W_MAGAZINE, address);
	slab_find(world, address)->state = "magazine";
}

static inline int slab_compare_blocks(const void *a, const void *b)
{
	const struct slab_block *x = a, *y = b;

	return (x->address > y->address) - (x->address < y->address);
}

static inline int slab_compare_mappings(const void *a, const void *b)
{
	const struct hc_mapping *x = a, *y = b;

	return (x->start > y->start) - (x->start < y->start);
}

/** Have the two back ends fill the heap. */
static inline void slab_open(struct slab_world *world)
{
	static const struct hc_allocator *const table[] = {&slab_outer_allocator, &slab_allocator};
	struct fake *fake = &world->fake;
	struct hc_mappings *mappings = &fake->process.mappings;

	slab_control(world, SLAB_W_NUM, world->num_regions);
	qsort(world->blocks, world->num, sizeof(*world->blocks), slab_compare_blocks);
	mappings->items = calloc(FAKE_MAX_MAPPINGS * 4, sizeof(*mappings->items));
	assert_non_null(mappings->items);
	memcpy(mappings->items, fake->mappings, fake->num_areas * sizeof(*mappings->items));
	qsort(mappings->items, fake->num_areas, sizeof(*mappings->items), slab_compare_mappings);
	for (size_t i = 0; i < fake->num_areas; i++)
		mappings->items[i].vma = i;
	mappings->num = mappings->num_vmas = fake->num_areas;
	mappings->memory = &fake->process.memory;
	fake->heap = calloc(1, sizeof(*fake->heap));
	assert_non_null(fake->heap);
	fake->heap->process = &fake->process;
	fake->heap->word_size = 8;
	assert_ok(hc_heap_fill(fake->heap, table, 2));
}

static inline void slab_world_deinit(struct slab_world *world)
{
	hc_mappings_deinit(&world->fake.process.mappings);
	fake_deinit(&world->fake);
}

#endif
