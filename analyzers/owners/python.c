/**
 * @file
 * CPython's pools (pymalloc), 3.7 to 3.14, default build.
 *
 * Objects/obmalloc.c: requests of at most 512 bytes come from pools of blocks of one size; pools of
 * 4 KiB lie in arenas of 256 KiB up to 3.9, pools of 16 KiB in arenas of 1 MiB from 3.10 on. A pool
 * header (48 bytes): used blocks u32 +0, free list +8, next and previous pool +16 and +24, arena
 * index u32 +32, size class u32 +36, offset of what was never carved u32 +40, greatest such offset
 * u32 +44. A pool is accepted when used + listed + not carved blocks are its capacity. The table of
 * arenas (struct arena_object, 48 bytes: base +0, free pools u32 +16, pools u32 +20) is one chunk
 * of malloc; it is the one in which every pool lies in the arena that its header names. Without it
 * pools are claimed one by one.
 *
 * An object in a block begins at +0, or behind the collector's 16 bytes (tp_flags bit 14), or those
 * and a pre-header of 16 (bits 3, 4, from 3.11 on). ob_type is at +8 of it. What a type is shows in
 * its own type: nearly all have `type`, which is its own. Offsets in PyTypeObject, the same in 3.9
 * to 3.14: tp_name 24, tp_basicsize 32, tp_flags 168.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "analyzers/owners/survey.h"
#include "core/base/cleanup.h"
#include "core/base/format.h"

#define POOL_HEADER 48
#define ARENA_RECORD 48
/** Fewer pools are no interpreter: it needs hundreds before its first line. */
#define MIN_POOLS 8
#define FLAG_GC (UINT64_C(1) << 14)
#define FLAGS_PRE_HEADER (UINT64_C(3) << 3)
#define BLOCK_MAX (16384 / 16)

struct pools {
	struct hc_survey *survey;
	const struct hc_memory *memory;
	const struct hc_page_list *list;
	uint64_t pool_size, arena_size;
	uint64_t num, used, used_bytes, free_blocks; /**< of pools that agree */
	uint64_t *sound;                             /**< these pools */
	uint64_t meta;                               /**< address of `type`; 0: unknown */
	struct hc_type_tally tally;
};

/** What is in use of one pool. */
struct pool {
	uint64_t address, block;
	uint32_t carved, used;
	uint64_t free[BLOCK_MAX / 64]; /**< blocks on the free list */
};

static bool read_pool(const struct pools *pools, uint64_t address, struct pool *ret)
{
	struct hc_bytes bytes = hc_memory_view(pools->memory, address, pools->pool_size);
	bool big = pools->memory->big_endian;

	if (bytes.size < pools->pool_size)
		return false;
	*ret = (struct pool){.address = address, .used = hc_read32(bytes.data, big)};
	ret->block = (hc_read32(bytes.data + 36, big) + 1) * 16;
	ret->carved = (hc_read32(bytes.data + 40, big) - POOL_HEADER) / ret->block;
	if (ret->carved > BLOCK_MAX)
		return false;
	uint32_t listed = 0;
	for (uint64_t block = hc_read64(bytes.data + 8, big); block; listed++) {
		uint64_t offset = block - address - POOL_HEADER, i = offset / ret->block;
		if (block < address + POOL_HEADER || offset % ret->block || i >= ret->carved ||
		    ret->free[i / 64] >> i % 64 & 1)
			return false;
		ret->free[i / 64] |= UINT64_C(1) << i % 64;
		block = hc_read64(bytes.data + (block - address), big);
	}
	return ret->used + listed == ret->carved;
}

/** Vote for `type`: the type of types, which is its own type (Boyer, Moore 1981). */
static void vote(struct pools *pools, uint64_t type, int64_t *votes)
{
	uint64_t meta, own;

	if (type & 7 || type < 4096 || !hc_memory_word(pools->memory, type + 8, &meta) ||
	    meta & 7 || meta < 4096 || !hc_memory_word(pools->memory, meta + 8, &own) ||
	    own != meta)
		return;
	if (!*votes)
		pools->meta = meta;
	*votes += meta == pools->meta ? 1 : -1;
}

static void vote_pool(struct pools *pools, const struct pool *pool, int64_t *votes)
{
	uint64_t word;

	for (uint32_t i = 0; i < pool->carved; i += 7) {
		uint64_t block = pool->address + POOL_HEADER + i * pool->block;
		if (pool->free[i / 64] >> i % 64 & 1)
			continue;
		for (unsigned offset = 0; offset <= 32 && offset + 16 <= pool->block; offset += 16)
			if (hc_memory_word(pools->memory, block + offset + 8, &word))
				vote(pools, word, votes);
	}
}

/** Offset of an object of this type in its block, plus 1; 0 when it is no type. */
static uint64_t object_offset(const struct pools *pools, uint64_t type)
{
	uint64_t meta, metameta, flags, metaflags;

	if (type & 7 || !hc_memory_word(pools->memory, type + 8, &meta) ||
	    !hc_memory_word(pools->memory, type + 168, &flags))
		return 0;
	if (meta != pools->meta &&
	    (!hc_memory_word(pools->memory, meta + 8, &metameta) || metameta != pools->meta ||
	     !hc_memory_word(pools->memory, meta + 168, &metaflags) || !(metaflags >> 31 & 1)))
		return 0;
	return 1 + (flags & FLAG_GC ? 16 : 0) + (flags & FLAGS_PRE_HEADER ? 16 : 0);
}

/** The object in a block in use, if it is one. */
static void count_block(struct pools *pools, uint64_t block, uint64_t size)
{
	uint64_t type, refs;
	bool is_new;

	for (unsigned offset = 0; offset <= 32 && offset + 16 <= size; offset += 16) {
		if (!hc_memory_word(pools->memory, block + offset, &refs) ||
		    !hc_memory_word(pools->memory, block + offset + 8, &type) || !refs ||
		    type < 4096 || type & 7)
			continue;
		struct hc_type_tally_slot *slot = hc_type_tally_slot(&pools->tally, type, &is_new);
		if (!slot)
			return;
		if (is_new)
			slot->known = object_offset(pools, type);
		if (slot->known == offset + UINT64_C(1)) {
			slot->objects++;
			slot->bytes += size;
			return;
		}
	}
}

static void count_pool(struct pools *pools, const struct pool *pool)
{
	for (uint32_t i = 0; i < pool->carved; i++)
		if (!(pool->free[i / 64] >> i % 64 & 1))
			count_block(pools, pool->address + POOL_HEADER + i * pool->block,
				    pool->block);
}

static struct hc_error *count_pools(struct pools *pools)
{
	int64_t votes = 0;
	struct pool pool;

	pools->sound = calloc(pools->list->num + 1, sizeof(*pools->sound));
	if (!pools->sound)
		return &hc_enomem;
	for (size_t i = 0; i < pools->list->num; i++) {
		if (!read_pool(pools, pools->list->items[i], &pool))
			continue;
		pools->sound[pools->num++] = pool.address;
		pools->used += pool.used;
		pools->used_bytes += pool.used * pool.block;
		pools->free_blocks += (pools->pool_size - POOL_HEADER) / pool.block - pool.used;
		vote_pool(pools, &pool, &votes);
	}
	if (votes <= 0)
		pools->meta = 0;
	return NULL;
}

static struct hc_error *count_types(struct pools *pools)
{
	struct pool pool;
	struct hc_error *err = hc_type_tally_init(&pools->tally);

	for (size_t i = 0; !err && i < pools->num; i++)
		if (read_pool(pools, pools->sound[i], &pool))
			count_pool(pools, &pool);
	return err;
}

static char *type_name(const struct hc_memory *memory, uint64_t type)
{
	uint64_t name;

	return hc_memory_word(memory, type + 24, &name) ? hc_survey_text(memory, name, 128) : NULL;
}

/* Arenas. */

static bool is_arena_table(const struct pools *pools, uint64_t table, uint64_t records)
{
	for (size_t i = 0; i < pools->num; i++) {
		uint64_t base;
		uint32_t index;
		if (!hc_memory_u32(pools->memory, pools->sound[i] + 32, &index) ||
		    index >= records ||
		    !hc_memory_word(pools->memory, table + index * ARENA_RECORD, &base) ||
		    pools->sound[i] - base >= pools->arena_size)
			return false;
	}
	return true;
}

/** The chunk that is the table; 0: none. */
static uint64_t find_arena_table(const struct pools *pools, uint64_t *records_ret)
{
	const struct hc_heap *heap = pools->survey->heap;
	struct hc_chunk_iter iter;
	struct hc_chunk chunk;

	if (!heap)
		return 0;
	hc_chunk_iter_heap(&iter, heap);
	while (hc_chunk_iter_next(&iter, &chunk)) {
		/* 16 records at first, then twice as many. */
		if (chunk.state != HC_IN_USE || chunk.usable < 16 * ARENA_RECORD ||
		    chunk.usable % (16 * ARENA_RECORD) > 32)
			continue;
		if (is_arena_table(pools, chunk.address, chunk.usable / ARENA_RECORD)) {
			*records_ret = chunk.usable / ARENA_RECORD;
			return chunk.address;
		}
	}
	return 0;
}

static struct hc_error *claim_arenas(struct pools *pools, struct hc_owner *owner)
{
	uint64_t records = 0, arenas = 0, empty = 0, base;
	uint64_t table = find_arena_table(pools, &records);
	struct hc_error *err = NULL;
	uint32_t free_pools;

	for (uint64_t i = 0; !err && table && i < records; i++) {
		if (!hc_memory_word(pools->memory, table + i * ARENA_RECORD, &base) || !base)
			continue;
		if (hc_memory_u32(pools->memory, table + i * ARENA_RECORD + 16, &free_pools))
			empty += free_pools;
		arenas++;
		err = hc_survey_claim(pools->survey, base, base + pools->arena_size);
	}
	for (size_t i = 0; !err && !table && i < pools->num; i++)
		err = hc_survey_claim(pools->survey, pools->sound[i],
				      pools->sound[i] + pools->pool_size);
	if (table) {
		hc_owner_count(owner, "arenas", arenas);
		hc_owner_count(owner, "unused pools", empty);
	}
	return err;
}

static struct hc_error *report(struct pools *pools)
{
	struct hc_owner *owner;
	struct hc_error *err =
		hc_survey_add(pools->survey, "python", "Python's own arenas",
			      hc_format("%" PRIu64 " pools of %" PRIu64
					" KiB (pymalloc) in which used, free and new blocks add up",
					pools->num, pools->pool_size >> 10),
			      &owner);

	if (err)
		return err;
	owner->heap = true;
	hc_owner_count(owner, "pools", pools->num);
	hc_owner_count(owner, "blocks in use", pools->used);
	hc_owner_count_bytes(owner, "bytes in use", pools->used_bytes);
	hc_owner_count(owner, "free blocks", pools->free_blocks);
	err = claim_arenas(pools, owner);
	if (!err && pools->meta)
		err = count_types(pools);
	if (!err && pools->meta)
		err = hc_type_tally_finish(pools->survey, &pools->tally, type_name, owner);
	return err;
}

static struct hc_error *probe(struct hc_survey *survey, enum hc_page_kind kind, uint64_t pool_size,
			      uint64_t arena_size)
{
	struct pools pools = {
		.survey = survey,
		.memory = survey->memory,
		.list = &survey->pages[kind],
		.pool_size = pool_size,
		.arena_size = arena_size,
	};
	struct hc_error *err = count_pools(&pools);

	if (!err && pools.num >= MIN_POOLS)
		err = report(&pools);
	free(pools.sound);
	hc_type_tally_deinit(&pools.tally);
	return err;
}

struct hc_error *hc_probe_python(struct hc_survey *survey)
{
	struct hc_error *err = probe(survey, HC_PAGE_PYTHON_16K, 16 << 10, 1 << 20);

	return err ? err : probe(survey, HC_PAGE_PYTHON_4K, 4 << 10, 256 << 10);
}
