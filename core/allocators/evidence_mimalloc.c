/**
 * @file
 * mimalloc 2.0 to 2.4: segments.
 *
 * include/mimalloc/types.h: segments are aligned to 32 MiB. Where the header's fields lie differs
 * between releases, and so does the length of a slice's record; cookie XOR address is the same in
 * all segments of a process, and of the pages described used + free = capacity holds with the right
 * lengths only.
 */
#include <inttypes.h>

#include "core/allocators/evidence.h"

#define SEGMENT (UINT64_C(32) << 20)
#define SLICE (UINT64_C(64) << 10)
#define MAX_ENTRIES 512
#define MAX_LIST 65536
/** Blocks of all lists together: lists of a crafted core may share theirs. */
#define MAX_STEPS (UINT64_C(1) << 28)

static const struct layout {
	unsigned cookie, segment_slices, info_slices, kind, entries, slices;
	unsigned stride, used, block_size;
	bool used_short, block_size_word;
	unsigned local_free;
} layouts[] = {
	{216, 224, 232, 240, 248, 264, 80, 24, 28, false, false, 32}, /* 2.0 */
	{216, 224, 232, 240, 248, 264, 96, 32, 40, true, true, 24},   /* 2.1 */
	{224, 248, 256, 264, 272, 288, 96, 32, 40, true, true, 24},   /* 2.2, 2.4 */
};

#define NUM_LAYOUTS (sizeof(layouts) / sizeof(layouts[0]))

struct segment {
	uint64_t address, slices, info, entries, cookie;
};

struct totals {
	uint64_t segments, pages, used, bytes, wrong, secret;
	uint64_t steps; /**< over all lists */
};

static bool read_segment(const struct hc_memory *memory, const struct layout *layout,
			 uint64_t address, struct segment *ret)
{
	uint32_t kind, count, offset;

	*ret = (struct segment){.address = address};
	return hc_memory_word(memory, address + layout->cookie, &ret->cookie) && ret->cookie &&
	       hc_memory_word(memory, address + layout->segment_slices, &ret->slices) &&
	       hc_memory_word(memory, address + layout->info_slices, &ret->info) &&
	       hc_memory_word(memory, address + layout->entries, &ret->entries) &&
	       hc_memory_u32(memory, address + layout->kind, &kind) && kind <= 1 && ret->entries &&
	       ret->entries <= MAX_ENTRIES && ret->slices >= ret->entries &&
	       ret->slices <= UINT64_C(1) << 30 && ret->info && ret->info <= ret->entries &&
	       hc_memory_u32(memory, address + layout->slices, &count) && count == ret->info &&
	       hc_memory_u32(memory, address + layout->slices + 4, &offset) && !offset;
}

static uint64_t list_length(const struct hc_memory *memory, uint64_t head, uint64_t *steps)
{
	uint64_t num = 0;

	while (head && num < MAX_LIST && *steps < MAX_STEPS) {
		num++;
		++*steps;
		if (!hc_memory_word(memory, head, &head))
			break;
	}
	return num;
}

/** A page: whether used and free blocks add up. */
static void count_page(const struct hc_memory *memory, const struct layout *layout, uint64_t record,
		       struct totals *totals)
{
	uint64_t block = 0, used = 0, free = 0, local = 0;
	uint32_t value, sizes;

	if (layout->block_size_word) {
		hc_memory_word(memory, record + layout->block_size, &block);
	} else if (hc_memory_u32(memory, record + layout->block_size, &value)) {
		block = value;
	}
	if (!hc_memory_u32(memory, record + 8, &sizes) || !block)
		return;
	if (!hc_memory_u32(memory, record + 12, &value) || !(value & 0xffff))
		return;
	uint64_t capacity = sizes >> 16;
	if (hc_memory_u32(memory, record + layout->used, &value))
		used = layout->used_short ? value & 0xffff : value;
	hc_memory_word(memory, record + 16, &free);
	hc_memory_word(memory, record + layout->local_free, &local);
	totals->pages++;
	totals->used += used;
	totals->bytes += used * block;
	totals->wrong += used + list_length(memory, free, &totals->steps) +
				 list_length(memory, local, &totals->steps) !=
			 capacity;
}

static void count_segment(const struct hc_memory *memory, const struct layout *layout,
			  const struct segment *segment, struct totals *totals)
{
	uint64_t i = segment->info;
	uint32_t count, offset;

	totals->segments++;
	while (i < segment->entries) {
		uint64_t record = segment->address + layout->slices + i * layout->stride;
		if (!hc_memory_u32(memory, record, &count) || !count ||
		    !hc_memory_u32(memory, record + 4, &offset) || offset) {
			totals->wrong++;
			return;
		}
		count_page(memory, layout, record, totals);
		i += count;
	}
}

/** All segments have one secret; the first one found sets it. */
static struct hc_error *consider_segment(const struct hc_memory *memory,
					 const struct layout *layout, uint64_t at,
					 struct totals *totals, struct hc_allocator_evidence *claim)
{
	struct segment segment;

	if (!read_segment(memory, layout, at, &segment))
		return NULL;
	if (!totals->secret)
		totals->secret = segment.cookie ^ at;
	if ((segment.cookie ^ at) != totals->secret)
		return NULL;
	if (claim)
		return hc_evidence_range(claim, at, at + segment.slices * SLICE);
	count_segment(memory, layout, &segment, totals);
	return NULL;
}

/** Count all segments, or claim their memory. */
static struct hc_error *each_segment(const struct hc_process *process, const struct layout *layout,
				     struct totals *totals, struct hc_allocator_evidence *claim)
{
	struct hc_error *err = NULL;

	for (size_t i = 0; !err && i < process->mappings.num; i++) {
		const struct hc_mapping *mapping = &process->mappings.items[i];
		uint64_t at = mapping->start;

		if (!hc_evidence_may_hold(mapping))
			continue;
		/* Found at a multiple of SEGMENT: behind its first byte comes the next one. */
		for (; !err && hc_memory_next_aligned(&process->memory, &at, mapping->end, SEGMENT);
		     at++)
			err = consider_segment(&process->memory, layout, at, totals, claim);
	}
	return err;
}

struct hc_error *hc_evidence_mimalloc(const struct hc_process *process,
				      struct hc_allocator_evidence *ret, bool *found)
{
	for (size_t i = 0; i < NUM_LAYOUTS; i++) {
		struct totals totals = {0};
		struct hc_error *err = each_segment(process, &layouts[i], &totals, NULL);
		/* A page in the middle of a change may be off. */
		if (err || !totals.pages || totals.wrong * 10 > totals.pages) {
			if (err)
				return err;
			continue;
		}
		if ((err = each_segment(process, &layouts[i], &totals, ret)))
			return err;
		ret->name = "mimalloc";
		ret->title = "mimalloc's heap";
		hc_evidence_count(ret, "segments", totals.segments, false);
		hc_evidence_count(ret, "pages", totals.pages, false);
		hc_evidence_count(ret, "blocks in use", totals.used, false);
		hc_evidence_count(ret, "bytes of these", totals.bytes, true);
		*found = true;
		return hc_evidence_how(ret,
				       "%" PRIu64 " segment%s whose cookies agree, %" PRIu64
				       " pages in which used and free blocks add up",
				       totals.segments, totals.segments == 1 ? "" : "s",
				       totals.pages - totals.wrong);
	}
	return NULL;
}
