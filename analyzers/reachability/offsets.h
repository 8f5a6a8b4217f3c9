/**
 * @file
 * Offset links: words of 32 bits that are a distance from one base, in bytes or in units of eight.
 *
 * Pools, shared memory and compressed pointers link their blocks so, to halve the size of links.
 * The search for pointers doesn't see them, so that all that hangs below looks lost. When the
 * process shows that it has such links, chunks that they hold are *possible*, with this reason.
 *
 * Numbers of 32 bits are everywhere, and most are small, so the evidence must be more than chance
 * and more than arithmetic can give:
 *
 *   - a link is base + (word << shift), exactly the start of a chunk that looks lost; zero, and all
 *     bits set, are the end of a list. Halves of plain or tagged pointers are no links;
 *   - links come in kinds: at one offset of chunks of one size, lost or held, or in tables (one
 *     page of a chunk above 4 KiB, or of roots). Of a kind's words nine in ten are links, to
 *     HC_TAGGED_MIN chunks and more. Chunks start at half of the places that they could start at,
 *     or fewer: random words are not that;
 *   - the base is something that the program has at hand: where a mapping or a span begins, 4 GiB
 *     of address space, or a pointer to it that stands in a register, in roots, or in a chunk that
 *     is held. Any other base can be made to fit numbers at the stride of chunks;
 *   - numbers that rise or fall with the addresses that they stand at may be a counter, whose steps
 *     happen to be the stride of chunks. They count only where each leads to the next chunk of its
 *     target's size, or, in a table, where all of them are links.
 *
 * Then every word of 32 bits that leads to a chunk of a size that such links lead to holds it,
 * wherever the word is: the head of a list is the only one of its kind.
 */
#ifndef HC_ANALYZERS_REACHABILITY_OFFSETS_H
#define HC_ANALYZERS_REACHABILITY_OFFSETS_H

#include "analyzers/reachability/roots.h"

/** What was found; all 0 when the process shows no such links, or nothing looked lost. */
struct hc_offsets {
	bool found;
	uint64_t base;
	unsigned shift;         /**< words count 1 << shift bytes */
	uint64_t size, offset;  /**< where most links were seen: chunk size, 0 for tables; offset */
	uint64_t links;         /**< seen of that kind, in a sample of the memory */
	uint64_t chunks, bytes; /**< held by such links only: now possible, not lost */
};

/** The start of the chunk in use that a word of 32 bits leads to; 0: none, or not of such a size.
 */
uint64_t hc_offset_target(const struct hc_heap *heap, uint32_t word);

/** Whether a word of 64 bits is a pointer into the heap, plain or tagged: then it is no two links.
 */
static inline bool hc_offset_excluded(const struct hc_heap *heap, uint64_t value)
{
	return hc_heap_span(heap, value & ((UINT64_C(1) << 48) - 1));
}

struct hc_tracer;

/**
 * Look for evidence, once everything that pointers hold is marked, and mark what offset links hold.
 * Sets heap->offset_form.
 */
struct hc_error *hc_offsets_run(struct hc_tracer *tracer, const struct hc_root *roots,
				size_t num_roots, struct hc_offsets *ret);

#endif
