/**
 * @file
 * jemalloc 5.0 to 5.3, 48-bit addresses, 4 KiB pages: extents of its radix tree.
 *
 * include/jemalloc/internal/rtree.h: root of 2^18 entries in bss, leaves of 2^18 words. A word:
 * size class in bits 48 to 55, the extent's address in bits 7 to 47 (6 to 47 up to 5.2), slab in
 * bit 0. An extent (extent_t, edata_t): bits +0, address +8, size +16 (low 12 bits: other). In its
 * bits: slab 12, and by release state, size class and free regions, see the layouts; the right one
 * is that which agrees with the words of the leaves. An extent in use (state 0) that is a slab
 * holds size / class regions; else it is one allocation.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "core/allocators/evidence.h"

#define PAGE 4096u
#define NO_CLASS 232

static const struct layout {
	unsigned state, state_bits, class_id, free;
} layouts[] = {
	{17, 3, 20, 28}, /* 5.3 */
	{16, 2, 18, 26}, /* 5.1, 5.2 */
	{15, 2, 17, 25}, /* 5.0 */
};

#define NUM_LAYOUTS (sizeof(layouts) / sizeof(layouts[0]))

static uint64_t extent_of(uint64_t word)
{
	return word & UINT64_C(0xffffffffffc0);
}

struct extent {
	uint64_t address;     /**< of the description */
	uint64_t start, size; /**< of what it describes */
};

/** jemalloc 5.3 aligns extents to 128 bytes and has other bits below. */
static bool read_extent(const struct hc_memory *memory, uint64_t word, uint64_t page,
			struct extent *ret)
{
	for (unsigned i = 0; i < 2; i++) {
		uint64_t extent = extent_of(word) & ~(uint64_t)(i * 64), address, size;
		if (!extent || !hc_memory_word(memory, extent + 8, &address) ||
		    !hc_memory_word(memory, extent + 16, &size))
			continue;
		uint64_t start = address & ~(uint64_t)(PAGE - 1);
		size &= ~(uint64_t)(PAGE - 1);
		if (page - start < size && size <= UINT64_C(1) << 46) {
			*ret = (struct extent){extent, start, size};
			return true;
		}
	}
	return false;
}

static bool fits(const struct hc_memory *memory, uint64_t word, uint64_t page)
{
	struct extent extent;

	/* What was cleared keeps a class of its own. */
	return (!extent_of(word) && word >> 48 == NO_CLASS) ||
	       read_extent(memory, word, page, &extent);
}

static uint64_t class_size(unsigned class_id)
{
	if (class_id == 0)
		return 8;
	if (class_id <= 8)
		return class_id * 16;
	/* Four classes a doubling. */
	unsigned group = (class_id - 9) / 4, step = (class_id - 9) % 4 + 1;
	if (group > 40)
		return 0;
	uint64_t base = UINT64_C(128) << group;
	return base + base / 4 * step;
}

struct totals {
	const struct hc_memory *memory;
	struct hc_allocator_evidence *evidence;
	uint64_t last, base; /**< extent and base block that were counted last */
	uint64_t extents;
	uint64_t votes[NUM_LAYOUTS], in_use[NUM_LAYOUTS], slabs[NUM_LAYOUTS];
	uint64_t bytes[NUM_LAYOUTS];
};

static void count_as(struct totals *totals, size_t i, uint64_t bits, uint64_t word, uint64_t size)
{
	const struct layout *layout = &layouts[i];
	unsigned class_id = bits >> layout->class_id & 0xff;
	uint64_t region = class_size(class_id);

	totals->votes[i] += class_id == (word >> 48 & 0xff);
	if (bits >> layout->state & ((1u << layout->state_bits) - 1) || class_id == NO_CLASS)
		return;
	if (!(bits >> 12 & 1)) {
		totals->in_use[i]++;
		totals->bytes[i] += size;
		return;
	}
	uint64_t regions = region ? size / region : 0, free = bits >> layout->free & 0x3ff;
	totals->slabs[i]++;
	totals->in_use[i] += regions > free ? regions - free : 0;
	totals->bytes[i] += regions > free ? (regions - free) * region : 0;
}

/** Extents lie in blocks of jemalloc's own, which say how large they are and how far they are used.
 */
static struct hc_error *claim_base(struct totals *totals, uint64_t extent)
{
	uint64_t base = extent & ~((UINT64_C(2) << 20) - 1), size, next, left;

	if (base == totals->base)
		return NULL;
	totals->base = base;
	if (!hc_memory_word(totals->memory, base, &size) ||
	    !hc_memory_word(totals->memory, base + 24, &next) ||
	    !hc_memory_word(totals->memory, base + 32, &left) || size > UINT64_C(1) << 40 ||
	    next + left != base + size)
		return NULL;
	return hc_evidence_range(totals->evidence, base, base + size);
}

static struct hc_error *on_word(void *ctx, uint64_t page, uint64_t word)
{
	struct totals *totals = ctx;
	struct extent extent;
	uint64_t bits;

	/* An extent that is no slab has its first and its last page in the tree. */
	if (!read_extent(totals->memory, word, page, &extent) || page != extent.start ||
	    extent.address == totals->last ||
	    !hc_memory_word(totals->memory, extent.address, &bits))
		return NULL;
	totals->last = extent.address;
	totals->extents++;
	for (size_t i = 0; i < NUM_LAYOUTS; i++)
		count_as(totals, i, bits, word, extent.size);
	struct hc_error *err =
		hc_evidence_range(totals->evidence, extent.start, extent.start + extent.size);
	return err ? err : claim_base(totals, extent.address);
}

struct hc_error *hc_evidence_jemalloc(const struct hc_process *process,
				      struct hc_allocator_evidence *ret, bool *found)
{
	static const struct hc_radix radix = {18, 30, 18, 12, fits};
	struct totals totals = {.memory = &process->memory, .evidence = ret};
	uint64_t root = hc_radix_find(process, &radix);
	size_t best = 0;

	if (!root)
		return NULL;
	struct hc_error *err = hc_radix_each(process, &radix, root, on_word, &totals);
	if (err || !totals.extents)
		return err;
	for (size_t i = 1; i < NUM_LAYOUTS; i++)
		if (totals.votes[i] > totals.votes[best])
			best = i;
	ret->name = "jemalloc";
	ret->title = "jemalloc's heap";
	hc_evidence_count(ret, "extents", totals.extents, false);
	hc_evidence_count(ret, "slabs", totals.slabs[best], false);
	hc_evidence_count(ret, "allocated or cached", totals.in_use[best], false);
	hc_evidence_count(ret, "bytes of these", totals.bytes[best], true);
	*found = true;
	return hc_evidence_how(ret,
			       "a radix tree at 0x%" PRIx64 " of %" PRIu64
			       " extents, each of which covers its pages",
			       root, totals.extents);
}
