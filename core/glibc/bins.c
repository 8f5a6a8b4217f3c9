/**
 * @file
 * Free lists of an arena: fastbins and the unsorted list.
 *
 * Small and large bins need no walk: their chunks are told by the boundary tags and their sizes. Fastbin chunks look
 * in use to the tags, and unsorted ones look binned, so these lists are followed. No list is longer than the arena
 * has chunks, which bounds every walk.
 */
#include "core/glibc/glibc.h"

static uint64_t chunks_in_heap(const struct glibc *g)
{
	uint64_t num = 0;
	for (size_t i = 0; i < g->heap->num_spans; i++)
		num += g->heap->spans[i].num_chunks;
	return num;
}

static struct hc_error *broken_list(struct glibc *g, uint32_t arena, const char *list, uint64_t at)
{
	return hc_heap_add_inconsistency(
		g->heap, at, "the %s of arena %u leads here, where no chunk starts that could be on it",
		list, arena);
}

static struct hc_error *mark_fastbin(struct glibc *g, uint32_t arena, uint64_t chunk, uint64_t limit)
{
	for (uint64_t i = 0; chunk; i++) {
		uint64_t mem = chunk + g->params.header, stored;
		if (i == limit || !glibc_aligned(g, mem) || !glibc_word(g, mem, &stored) ||
		    !hc_heap_set_free(g->heap, mem, HC_LIST_FASTBIN_OR_SPECIAL))
			return broken_list(g, arena, "fastbin list", mem);
		chunk = glibc_link(g, mem, stored);
	}
	return NULL;
}

struct hc_error *glibc_mark_fastbins(struct glibc *g)
{
	uint64_t limit = chunks_in_heap(g);
	for (size_t i = 0; i < g->num_arenas; i++) {
		for (unsigned bin = 0; bin < g->state->num_fastbins; bin++) {
			uint64_t head;
			if (!glibc_word(g, g->arenas[i].address + g->state->fastbins +
						   (uint64_t)bin * g->params.word_size, &head))
				continue;
			struct hc_error *err = mark_fastbin(g, i, head, limit);
			if (err)
				return err;
		}
	}
	return NULL;
}

/** Bin 1: a doubly linked list whose head is a pseudo-chunk inside the arena. */
static struct hc_error *mark_unsorted(struct glibc *g, uint32_t arena, uint64_t limit)
{
	unsigned word = g->params.word_size;
	uint64_t head = g->arenas[arena].address + g->state->bins - g->params.header, chunk;
	if (!glibc_word(g, head + 2 * word, &chunk) || !chunk)
		return NULL; /* an arena that was never used is all zeroes up to 2.41 */
	for (uint64_t i = 0; chunk != head; i++) {
		uint64_t mem = chunk + g->params.header;
		if (i == limit || !glibc_word(g, chunk + 2 * word, &chunk) ||
		    !hc_heap_set_free(g->heap, mem, HC_LIST_UNSORTED))
			return broken_list(g, arena, "unsorted list", mem);
	}
	return NULL;
}

struct hc_error *glibc_mark_unsorted(struct glibc *g)
{
	uint64_t limit = chunks_in_heap(g);
	for (size_t i = 0; i < g->num_arenas; i++) {
		struct hc_error *err = mark_unsorted(g, i, limit);
		if (err)
			return err;
	}
	return NULL;
}
