/**
 * @file
 * Free lists of an arena: fastbins and the unsorted list.
 *
 * Small and large bins need no walk: their chunks are told by the boundary tags and their sizes. Fastbin chunks look
 * in use to the tags, and unsorted ones look binned, so these lists are followed. A chunk that is on a list already
 * ends the walk (a loop, or two lists that have grown together), which also bounds it; one whose own header was
 * smashed does not, since its link still leads on.
 */
#include "core/glibc/glibc.h"

static struct hc_error *broken_list(struct glibc *g, uint32_t arena, const char *list, uint64_t at,
				    const char *what)
{
	uint64_t word;
	if (g->heap->partial && !glibc_word(g, at, &word))
		return NULL; /* the list goes on in memory that the core lacks */
	return hc_heap_add_inconsistency(g->heap, at, "the %s of arena %u leads here, %s", list, arena,
					 what);
}

/** Broken links that a list is followed through before it is given up. */
#define MAX_BROKEN 64

static struct hc_error *mark_fastbin(struct glibc *g, uint32_t arena, uint64_t chunk)
{
	unsigned broken = 0;
	while (chunk) {
		uint64_t mem = chunk + g->params.header, stored;
		struct hc_chunk found;
		if (!glibc_aligned(g, mem) || !hc_heap_chunk_at(g->heap, mem, &found) ||
		    !glibc_word(g, mem, &stored))
			return broken_list(g, arena, "fastbin list", mem,
					   "where no chunk can be");
		if (found.address != mem) {
			struct hc_error *err = broken_list(g, arena, "fastbin list", mem,
							   "where no chunk starts");
			if (err || ++broken == MAX_BROKEN)
				return err;
		} else if (found.state != HC_IN_USE) {
			return broken_list(g, arena, "fastbin list", mem,
					   "to a chunk that is free already");
		} else {
			hc_heap_set_free(g->heap, mem, HC_LIST_FASTBIN_OR_SPECIAL);
		}
		chunk = glibc_link(g, mem, stored);
	}
	return NULL;
}

struct hc_error *glibc_mark_fastbins(struct glibc *g)
{
	for (size_t i = 0; i < g->num_arenas; i++) {
		for (unsigned bin = 0; bin < g->state->num_fastbins; bin++) {
			uint64_t head;
			if (!glibc_word(g, g->arenas[i].address + g->state->fastbins +
						   (uint64_t)bin * g->params.word_size, &head))
				continue;
			struct hc_error *err = mark_fastbin(g, i, head);
			if (err)
				return err;
		}
	}
	return NULL;
}

/** Bin 1: a doubly linked list whose head is a pseudo-chunk inside the arena. */
static struct hc_error *mark_unsorted(struct glibc *g, uint32_t arena)
{
	unsigned word = g->params.word_size;
	uint64_t head = g->arenas[arena].address + g->state->bins - g->params.header, chunk;
	if (!glibc_word(g, head + 2 * word, &chunk) || !chunk)
		return NULL; /* an arena that was never used is all zeroes up to 2.41 */
	while (chunk != head) {
		uint64_t mem = chunk + g->params.header;
		struct hc_chunk found;
		if (!hc_heap_chunk_at(g->heap, mem, &found) || found.address != mem ||
		    !glibc_word(g, mem, &chunk))
			return broken_list(g, arena, "unsorted list", mem, "where no chunk starts");
		if (found.state == HC_UNSORTED)
			return broken_list(g, arena, "unsorted list", mem,
					   "to a chunk that it has passed already");
		hc_heap_set_free(g->heap, mem, HC_LIST_UNSORTED);
	}
	return NULL;
}

struct hc_error *glibc_mark_unsorted(struct glibc *g)
{
	for (size_t i = 0; i < g->num_arenas; i++) {
		struct hc_error *err = mark_unsorted(g, i);
		if (err)
			return err;
	}
	return NULL;
}
