/**
 * @file
 * Free lists of an arena: fastbins and the unsorted list.
 *
 * Small and large bins need no walk: their chunks are told by the boundary tags and their sizes.
 * Fastbin chunks look in use to the tags, and unsorted ones look binned, so these lists are
 * followed. A chunk that is on a list already ends the walk (a loop, or two lists that have grown
 * together), which also bounds it; one whose own header was smashed does not, since its link still
 * leads on.
 */
#include <stdio.h>

#include "core/allocators/glibc/glibc.h"

/** A link of a singly linked list: where it is stored, and where it leads. */
struct link {
	uint64_t field; /**< address */
	uint64_t
		holder; /**< user address of the chunk that the field lies in; 0: the list's head */
	uint64_t chunk; /**< where it leads */
};

/** A list of an arena. */
struct list {
	const char *name;
	uint32_t arena;
	uint64_t size; /**< of its chunks; 0: many */
};

static struct hc_error *broken_link(struct glibc *g, const struct list *list,
				    const struct link *link, enum glibc_fault fault,
				    const char *what)
{
	return hc_heap_add_inconsistency(g->heap, glibc_fault(fault, link->field, link->holder),
					 "the %s of arena %u leads from here to 0x%jx, %s",
					 list->name, list->arena,
					 (uintmax_t)(link->chunk + g->params.header), what);
}

/** Broken links that a list is followed through before it is given up. */
#define MAX_BROKEN 64

/** The same for a link that ends a fastbin early: what it has cut off is looked for. */
static struct hc_error *cut_off(struct glibc *g, const struct list *list, const struct link *link,
				enum glibc_fault fault, const char *what)
{
	char words[160];
	uint64_t found;
	struct hc_error *err = glibc_recover_fastbin(g, list->arena, list->size, &found);
	if (err || !found)
		return err ? err : broken_link(g, list, link, fault, what);
	snprintf(
		words, sizeof(words),
		"%s; %ju chunk%s behind, told by the links from one to the next up to the last, %s "
		"taken for free",
		what, (uintmax_t)found, found == 1 ? "" : "s", found == 1 ? "is" : "are");
	return broken_link(g, list, link, fault, words);
}

/** Take the chunk that a fastbin leads to; false when the list can't be followed through it. */
static struct hc_error *mark_fastbin_chunk(struct glibc *g, const struct list *list,
					   const struct link *link, bool *goes_on)
{
	uint64_t mem = link->chunk + g->params.header;
	struct hc_chunk found;
	*goes_on = false;
	if (!glibc_aligned(g, mem))
		return cut_off(g, list, link, GLIBC_FASTBIN_UNALIGNED, "where no chunk can be");
	if (!hc_heap_chunk_at(g->heap, mem, &found)) {
		uint64_t word;
		if (g->heap->partial && !glibc_word(g, mem, &word))
			return NULL; /* the list goes on in memory that the core lacks */
		return cut_off(g, list, link, GLIBC_FASTBIN_LINK, "where no chunk can be");
	}
	if (found.address == mem && found.state != HC_IN_USE)
		return cut_off(g, list, link, GLIBC_FASTBIN_TWICE,
			       "a chunk that is on a list already");
	*goes_on = true;
	if (found.address != mem)
		return broken_link(g, list, link, GLIBC_FASTBIN_LINK, "where no chunk starts");
	hc_heap_set_free(g->heap, mem, &glibc_lists[GLIBC_FASTBIN]);
	return NULL;
}

static struct hc_error *mark_fastbin(struct glibc *g, uint32_t arena, unsigned bin)
{
	uint64_t head =
		g->arenas[arena].address + g->state->fastbins + (uint64_t)bin * g->params.word_size;
	/* fastbin_index() counts in steps of two words, whatever the alignment. */
	const struct list list = {"fastbin", arena, (bin + UINT64_C(2)) * 2 * g->params.word_size};
	struct link link = {.field = head};
	unsigned broken = 0;
	bool goes_on = glibc_word(g, head, &link.chunk);
	while (goes_on && link.chunk && broken < MAX_BROKEN) {
		size_t before = g->heap->inconsistencies_total;
		struct hc_error *err = mark_fastbin_chunk(g, &list, &link, &goes_on);
		if (err)
			return err;
		broken += g->heap->inconsistencies_total > before;
		uint64_t mem = link.chunk + g->params.header, stored = 0;
		goes_on = goes_on && glibc_word(g, mem, &stored);
		link = (struct link){mem, mem, glibc_link(g, mem, stored)};
	}
	return NULL;
}

struct hc_error *glibc_mark_fastbins(struct glibc *g)
{
	for (size_t i = 0; i < g->num_arenas; i++) {
		for (unsigned bin = 0; bin < g->state->num_fastbins; bin++) {
			struct hc_error *err = mark_fastbin(g, i, bin);
			if (err)
				return err;
		}
	}
	return NULL;
}

/**
 * Follow bin 1, a doubly linked list whose head is a pseudo-chunk inside the arena, in one
 * direction.
 *
 * @param[out] whole_ret whether it came back to the head
 */
static struct hc_error *mark_unsorted(struct glibc *g, uint32_t arena, unsigned link_offset,
				      bool report, bool *whole_ret)
{
	uint64_t head = g->arenas[arena].address + g->state->bins - g->params.header;
	const struct list list = {"unsorted list", arena, 0};
	struct link link = {.field = head + g->params.header + link_offset};
	*whole_ret = true;
	if (!glibc_word(g, link.field, &link.chunk) || !link.chunk)
		return NULL; /* an arena that was never used is all zeroes up to 2.41 */
	while (link.chunk != head) {
		uint64_t mem = link.chunk + g->params.header, next;
		struct hc_chunk found = {0};
		bool there = glibc_aligned(g, mem) && hc_heap_chunk_at(g->heap, mem, &found) &&
			     found.address == mem;
		*whole_ret = there && !glibc_is_on(&found, GLIBC_UNSORTED) &&
			     glibc_word(g, mem + link_offset, &next);
		if (!*whole_ret) {
			if (!report || (g->heap->partial && !glibc_word(g, mem, &next)))
				return NULL;
			return broken_link(g, &list, &link,
					   there ? GLIBC_BIN_TWICE : GLIBC_UNSORTED_LINK,
					   there ? "a chunk that it has passed already"
						 : "where no chunk starts");
		}
		hc_heap_set_free(g->heap, mem, &glibc_lists[GLIBC_UNSORTED]);
		link = (struct link){mem + link_offset, mem, next};
	}
	return NULL;
}

struct hc_error *glibc_mark_unsorted(struct glibc *g)
{
	for (size_t i = 0; i < g->num_arenas; i++) {
		bool whole;
		struct hc_error *err = mark_unsorted(g, i, 0, true, &whole);
		/* What lies behind a broken link is found from the other end. */
		if (!err && !whole)
			err = mark_unsorted(g, i, g->params.word_size, false, &whole);
		if (err)
			return err;
	}
	return NULL;
}
