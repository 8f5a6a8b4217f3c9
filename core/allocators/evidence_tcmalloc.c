/**
 * @file
 * tcmalloc of gperftools, 2.7 to 2.18: spans of its page map.
 *
 * src/pagemap.h: a root in bss and leaves, by page; pages are 8 KiB unless it was built otherwise.
 * A span (src/span.h, 48 bytes): first page +0, pages +8, u32 at +40: objects that are not in its
 * own list (16 bits), size class (8), place (2; 0: in use). Entries go stale: one counts when its
 * span begins at that page and the entry of its last page is the same.
 */
#include <inttypes.h>

#include "core/allocators/evidence.h"

static bool span_covers(const struct hc_memory *memory, uint64_t span, uint64_t page)
{
	uint64_t start, pages;

	return !(span & 7) && hc_memory_word(memory, span, &start) &&
	       hc_memory_word(memory, span + 8, &pages) && pages && pages < UINT64_C(1) << 34 &&
	       page - start < pages;
}

#define DEFINE_FITS(shift)                                                                         \
	static bool fits_##shift(const struct hc_memory *memory, uint64_t word, uint64_t address)  \
	{                                                                                          \
		return span_covers(memory, word, address >> (shift));                              \
	}

DEFINE_FITS(12)
DEFINE_FITS(13)
DEFINE_FITS(15)
DEFINE_FITS(18)

/** Page sizes of the builds, the usual one first. */
static const struct hc_radix builds[] = {
	{17, 31, 18, 13, fits_13},
	{18, 30, 18, 12, fits_12},
	{16, 32, 17, 15, fits_15},
	{15, 33, 15, 18, fits_18},
};

struct totals {
	const struct hc_process *process;
	const struct hc_radix *radix;
	uint64_t root;
	struct hc_allocator_evidence *evidence;
	uint64_t spans, free_spans, large, objects;
};

static uint64_t entry(const struct totals *totals, uint64_t page)
{
	const struct hc_radix *radix = totals->radix;
	uint64_t address = page << radix->leaf_shift, leaf, word;

	if (address >> radix->root_shift >> radix->root_bits ||
	    !hc_memory_word(&totals->process->memory,
			    totals->root + 8 * (address >> radix->root_shift), &leaf) ||
	    !leaf ||
	    !hc_memory_word(&totals->process->memory,
			    leaf + 8 * (page & ((UINT64_C(1) << radix->leaf_bits) - 1)), &word))
		return 0;
	return word;
}

static struct hc_error *on_word(void *ctx, uint64_t address, uint64_t span)
{
	struct totals *totals = ctx;
	const struct hc_memory *memory = &totals->process->memory;
	unsigned shift = totals->radix->leaf_shift;
	uint64_t start, pages;
	uint32_t bits;

	if (!span_covers(memory, span, address >> shift) || !hc_memory_word(memory, span, &start) ||
	    start != address >> shift || !hc_memory_word(memory, span + 8, &pages) ||
	    entry(totals, start + pages - 1) != span || !hc_memory_u32(memory, span + 40, &bits))
		return NULL;
	totals->spans++;
	if (bits >> 24 & 3)
		totals->free_spans++;
	else if (bits >> 16 & 0xff)
		totals->objects += bits & 0xffff;
	else
		totals->large++;
	return hc_evidence_range(totals->evidence, start << shift, (start + pages) << shift);
}

struct hc_error *hc_evidence_tcmalloc(const struct hc_process *process,
				      struct hc_allocator_evidence *ret, bool *found)
{
	struct totals totals = {.process = process, .evidence = ret};

	for (size_t i = 0; i < sizeof(builds) / sizeof(builds[0]) && !totals.root; i++) {
		totals.radix = &builds[i];
		totals.root = hc_radix_find(process, &builds[i]);
	}
	if (!totals.root)
		return NULL;
	struct hc_error *err = hc_radix_each(process, totals.radix, totals.root, on_word, &totals);
	if (err || !totals.spans)
		return err;
	ret->name = "tcmalloc";
	ret->title = "tcmalloc's heap";
	hc_evidence_count(ret, "spans", totals.spans, false);
	hc_evidence_count(ret, "free spans", totals.free_spans, false);
	hc_evidence_count(ret, "large allocations", totals.large, false);
	hc_evidence_count(ret, "small ones, allocated or cached", totals.objects, false);
	*found = true;
	return hc_evidence_how(ret,
			       "a page map at 0x%" PRIx64 " of %" PRIu64
			       " spans, each of which covers its pages of %u KiB",
			       totals.root, totals.spans, 1u << (totals.radix->leaf_shift - 10));
}
