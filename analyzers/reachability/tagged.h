/**
 * @file
 * Tagged pointers: words of which 48 bits are a pointer and 16 bits, the top or the low ones, are
 * something else.
 *
 * Lock-free structures keep a counter there against ABA (above it: boost::lockfree; below it, the
 * pointer shifted: the stacks of Go's runtime), others keep a type or flags. The search for
 * pointers doesn't see such a word, so that all that hangs below looks lost. When the process shows
 * that it has such pointers, chunks that they hold are *possible*, with this reason. Tags in the
 * low bits of a pointer that is not shifted are no business of this unit: they are interior
 * pointers.
 *
 * Evidence, since any word may look like anything:
 *
 *   - a link is a word whose low 48 bits, where the top 16 bits are neither all clear nor all set,
 *     or whose top 48 bits are exactly the start of a chunk that looks lost. One of 2^48 / chunks
 * words is that by chance: of random words in a heap of five million chunks, one in 60 million;
 *   - links come in kinds: at one offset of chunks of one size, or in tables (chunks above 4 KiB,
 *     and roots). HC_TAGGED_MIN of one kind are needed;
 *   - they lead to HC_TAGGED_MIN different chunks.
 *
 * Then every link counts, wherever it is: the head of a queue is the only one of its kind. The tags
 * of a process are in one place, above or below; where both are seen, above.
 */
#ifndef HC_ANALYZERS_REACHABILITY_TAGGED_H
#define HC_ANALYZERS_REACHABILITY_TAGGED_H

#include "analyzers/reachability/roots.h"

#define HC_TAGGED_MIN 64

/** The bits of a tagged pointer that are the pointer. */
#define HC_TAGGED_POINTER ((UINT64_C(1) << 48) - 1)

/** What was found; all 0 when the process shows no tagged pointers, or nothing looked lost. */
struct hc_tagged {
	bool found;
	enum hc_tag_place place;
	/** Where most links were seen: chunk size, 0 for tables; and the offset into it. */
	uint64_t size, offset;
	uint64_t links;         /**< seen of that kind, in a sample of the memory */
	uint64_t chunks, bytes; /**< held by tagged pointers only: now possible, not lost */
};

/** Whether a word may be a tagged pointer, by its top bits. */
static inline bool hc_tagged_form(uint64_t value)
{
	return value >> 48 && value >> 47 != (1 << 17) - 1;
}

/** The address in a word with its tag in such a place; 0: it can't be one. */
static inline uint64_t hc_tagged_address(enum hc_tag_place place, uint64_t value)
{
	if (place == HC_TAG_LOW)
		return value >> 16;
	return hc_tagged_form(value) ? value & HC_TAGGED_POINTER : 0;
}

/** The start of the chunk in use that a tagged pointer holds; 0: the word is none. */
uint64_t hc_tagged_target(const struct hc_heap *heap, enum hc_tag_place place, uint64_t value);

struct hc_tracer;

/**
 * Look for evidence, once everything that plain pointers hold is marked, and mark what tagged ones
 * hold. Sets heap->tagged.
 */
struct hc_error *hc_tagged_run(struct hc_tracer *tracer, const struct hc_root *roots,
			       size_t num_roots, struct hc_tagged *ret);

#endif
