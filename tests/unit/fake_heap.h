/**
 * @file
 * A process with a heap that a test makes up: fake memory, one root range, spans whose chunks the
 * test chooses.
 *
 * Built with the calls of core/heap/build.h, as an allocator back end would, by the rules of glibc.
 * Use: fake_init(), fake_span() for each span, fake_seal(), fake_store() for words, then analyzers
 * on fake_target(), then fake_deinit().
 */
#ifndef HC_TESTS_FAKE_HEAP_H
#define HC_TESTS_FAKE_HEAP_H

#include "tests/unit/unit.h"

#include <stdlib.h>
#include <elf.h>

#include "analyzers/target.h"
#include "core/allocators/glibc/glibc.h"
#include "core/heap/build.h"

#define FAKE_ROOTS UINT64_C(0x10000000)
#define FAKE_MAX_SPANS 16
#define FAKE_MAX_MAPPINGS 16

struct fake {
	struct hc_process process;
	struct hc_core core;
	struct hc_machine machine;
	struct hc_heap *heap;
	struct hc_target *target; /**< of both, once fake_target() was called */
	struct hc_backend *backend;
	const struct hc_zone *arenas, *mmapped;
	struct hc_mapping mappings[FAKE_MAX_MAPPINGS];
	struct hc_thread thread;
	struct {
		uint64_t start, end;
		uint8_t *bytes;
	} areas[FAKE_MAX_MAPPINGS];
	size_t num_areas;
	uint64_t root_size;
};

/** An area of memory with a mapping of some kind. */
static inline void fake_area(struct fake *fake, uint64_t start, uint64_t size,
			     enum hc_mapping_kind kind, uint32_t flags)
{
	uint8_t *bytes = calloc(1, size);

	assert_non_null(bytes);
	assert_null(
		hc_memory_add(&fake->process.memory, start, (struct hc_bytes){bytes, size}, true));
	fake->areas[fake->num_areas].start = start;
	fake->areas[fake->num_areas].end = start + size;
	fake->areas[fake->num_areas].bytes = bytes;
	fake->mappings[fake->num_areas] = (struct hc_mapping){
		.start = start,
		.end = start + size,
		.flags = flags,
		.anonymous = true,
		.kind = kind,
		.present = size,
		.resident = HC_UNKNOWN_BYTES,
		.resident_anonymous = HC_UNKNOWN_BYTES,
	};
	fake->num_areas++;
	fake->process.mappings.items = fake->mappings;
	fake->process.mappings.num = fake->num_areas;
}

/** The zones of a glibc whose chunks are aligned to 16 bytes. */
static inline void fake_zones(struct fake *fake)
{
	static const struct hc_allocator glibc = {.name = "fake",
						  .library = "fake",
						  .lists = glibc_lists,
						  .num_lists = GLIBC_NUM_LISTS};
	unsigned word = fake->heap->word_size;
	const struct glibc_params params = {
		.word_size = word,
		.header = 2 * word,
		.alignment = 16,
		.min_chunk = word == 8 ? 32 : 16,
		.first_large = 0x400,
	};
	const struct hc_zone arenas = glibc_arena_zone(&params),
			     mmapped = glibc_mmapped_zone(&params, false);

	assert_null(hc_heap_add_backend(fake->heap, &glibc, &fake->backend));
	assert_null(hc_heap_add_zone(fake->backend, &arenas, &fake->arenas));
	assert_null(hc_heap_add_zone(fake->backend, &mmapped, &fake->mmapped));
}

/**
 * The process alone, without a heap.
 *
 * @param root_size bytes of writable memory at FAKE_ROOTS
 */
static inline void fake_init_process(struct fake *fake, unsigned word_size, unsigned jobs,
				     uint64_t root_size)
{
	memset(fake, 0, sizeof(*fake));
	hc_memory_init(&fake->process.memory, word_size);
	fake->machine.word_size = word_size;
	fake->machine.page_shift = 12;
	fake->core.machine = &fake->machine;
	fake->process.core = &fake->core;
	fake->process.jobs = jobs;
	fake->process.threads.items = &fake->thread;
	fake->process.threads.num = 1;
	fake->root_size = root_size;
	fake_area(fake, FAKE_ROOTS, root_size, HC_MAPPING_ANON, PF_R | PF_W);
}

/** The same with an empty heap, to be filled by hand. */
static inline void fake_init(struct fake *fake, unsigned word_size, unsigned jobs,
			     uint64_t root_size)
{
	fake_init_process(fake, word_size, jobs, root_size);
	fake->heap = calloc(1, sizeof(*fake->heap));
	assert_non_null(fake->heap);
	fake->heap->process = &fake->process;
	fake->heap->word_size = word_size;
	fake_zones(fake);
}

static inline void fake_deinit(struct fake *fake)
{
	hc_target_close(fake->target);
	hc_heap_close(fake->heap);
	hc_memory_deinit(&fake->process.memory);
	for (size_t i = 0; i < fake->num_areas; i++)
		free(fake->areas[i].bytes);
}

/**
 * A span of chunks.
 *
 * @param sizes chunk sizes
 * @param[out] chunks_ret their user addresses
 */
static inline void fake_span(struct fake *fake, uint64_t start, enum hc_span_kind kind,
			     const uint64_t *sizes, size_t num, uint64_t *chunks_ret)
{
	unsigned header = 2 * fake->heap->word_size;
	uint64_t size = 0;
	struct hc_span *span;

	for (size_t i = 0; i < num; i++)
		size += sizes[i];
	fake_area(fake, start, size,
		  kind == HC_SPAN_SINGLE ? HC_MAPPING_MMAP_CHUNK : HC_MAPPING_MAIN_HEAP,
		  PF_R | PF_W);
	const struct hc_span given = {
		.zone = kind == HC_SPAN_SINGLE ? fake->mmapped : fake->arenas,
		.kind = kind,
		.arena = kind == HC_SPAN_SINGLE ? HC_ARENA_MMAP : 0,
		.start = start,
		.end = start + size,
		.num_units = kind == HC_SPAN_SINGLE ? 1 : (size - header) / 16 + 1,
	};
	assert_null(hc_heap_add_span(fake->heap, &given, &span));
	uint64_t offset = 0;

	for (size_t i = 0; i < num; i++) {
		hc_span_set_start(span, offset / 16);
		chunks_ret[i] = start + header + offset;
		offset += sizes[i];
	}
}

static inline void fake_seal(struct fake *fake)
{
	assert_null(hc_heap_seal(fake->heap));
}

static inline uint8_t *fake_at(struct fake *fake, uint64_t address)
{
	for (size_t i = 0; i < fake->num_areas; i++)
		if (address >= fake->areas[i].start && address < fake->areas[i].end)
			return fake->areas[i].bytes + (address - fake->areas[i].start);
	fail_msg("no memory at %#llx", (unsigned long long)address);
	return NULL;
}

static inline void fake_store(struct fake *fake, uint64_t address, uint64_t value)
{
	uint64_t little = htole64(value);

	memcpy(fake_at(fake, address), &little, fake->machine.word_size);
}

/** What analyzers get; call it when the heap is sealed. */
static inline struct hc_target *fake_target(struct fake *fake)
{
	if (!fake->target)
		assert_null(hc_target_of(&fake->process, fake->heap, NULL, &fake->target));
	return fake->target;
}

/** Store root word number @p index. */
static inline void fake_root(struct fake *fake, size_t index, uint64_t value)
{
	fake_store(fake, FAKE_ROOTS + index * fake->machine.word_size, value);
}

static inline enum hc_reach fake_reach(struct fake *fake, uint64_t address)
{
	struct hc_chunk chunk;

	assert_true(hc_heap_chunk_at(fake->heap, address, &chunk));
	assert_int_equal(chunk.address, address);
	return chunk.reach;
}

#endif
