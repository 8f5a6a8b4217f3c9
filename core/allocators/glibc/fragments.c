/**
 * @file
 * What lies behind a broken link of a fastbin.
 *
 * Its chunks look in use to the boundary tags, and no list leads to them any more. But they still
 * lead to each other: each holds the address of another one's header, which no program ever sees,
 * and the last one holds NULL, which safe-linking (2.32) mangles with the chunk's own address. One
 * broken link cuts off one such chain. A chunk that was handed out again and not written to keeps
 * its old link; so of several chains the longest counts, and of several of that length what they
 * share.
 */
#include "core/allocators/glibc/glibc.h"
#include "core/base/array.h"

/** A chunk that may be cut off, by address. */
struct fragment {
	uint64_t mem;
	uint64_t next;   /**< user address; 0: the last one */
	uint32_t length; /**< chunks to the last one, itself included; 0: not known, or none */
	uint32_t passed; /**< chains of the longest that it is on */
	bool settled;    /**< length is final */
};

struct fragments {
	struct fragment *items;
	size_t num;
};

/** The chunk at @p mem, as one of a fastbin's that look in use. */
static bool is_candidate(const struct glibc *g, uint32_t arena, uint64_t size, uint64_t mem)
{
	struct hc_chunk chunk;
	return glibc_aligned(g, mem) && hc_heap_chunk_at(g->heap, mem, &chunk) &&
	       chunk.address == mem && chunk.size == size && chunk.state == HC_IN_USE &&
	       chunk.span->zone == g->arena_zone && chunk.span->arena == arena;
}

static struct hc_error *collect_from(const struct glibc *g, const struct hc_span *span,
				     uint64_t size, struct fragments *ret)
{
	struct hc_chunk_iter iter;
	struct hc_chunk chunk;
	hc_chunk_iter_slice(&iter, g->heap, (struct hc_slice){span, 0, span->num_units});
	while (hc_chunk_iter_next(&iter, &chunk)) {
		uint64_t stored, link;
		if (chunk.size != size || chunk.state != HC_IN_USE ||
		    !glibc_word(g, chunk.address, &stored))
			continue;
		link = glibc_link(g, chunk.address, stored);
		if (link && !is_candidate(g, span->arena, size, link + g->params.header))
			continue;
		struct hc_error *err = hc_array_reserve(&ret->items, ret->num, sizeof(*ret->items));
		if (err)
			return err;
		ret->items[ret->num++] = (struct fragment){
			.mem = chunk.address, .next = link ? link + g->params.header : 0};
	}
	return NULL;
}

static int compare_fragments(const void *a, const void *b)
{
	const struct fragment *x = a, *y = b;
	return (x->mem > y->mem) - (x->mem < y->mem);
}

/** The one that @p from leads to; NULL at the last one, and where it leads to none. */
static struct fragment *next_of(const struct fragments *all, const struct fragment *from)
{
	struct fragment key = {.mem = from->next};
	return from->next ? bsearch(&key, all->items, all->num, sizeof(key), compare_fragments)
			  : NULL;
}

/**
 * Find how long the chain from @p first is. What leads to nothing, or in a circle, has no length.
 */
static void settle(const struct fragments *all, struct fragment *first)
{
	struct fragment *at = first, *last = NULL;
	uint32_t steps = 0;
	while (at && !at->settled) {
		at->settled = true;
		last = at;
		steps++;
		at = next_of(all, at);
	}
	uint32_t behind = at ? at->length : 0;
	if (!last || (at ? !behind : last->next != 0))
		return;
	for (at = first; steps; steps--) {
		at->length = behind + steps;
		at = next_of(all, at);
	}
}

/** Chains of the same length that are compared. */
#define MAX_ALIKE 8

/** Least chunks of a chain that are believed. */
static uint32_t least_length(const struct glibc *g, const struct fragment *only)
{
	uint64_t word;
	/* NULL tells only where it is mangled. A tcache does the same, but clears the word behind.
	 */
	return g->mangled && glibc_word(g, only->mem + g->params.word_size, &word) && word ? 1 : 2;
}

/** Mark what all of the longest chains have in common. @param[out] found how many chunks */
static void mark_longest(struct glibc *g, const struct fragments *all, uint64_t *found)
{
	uint32_t longest = 0, alike = 0;
	for (size_t i = 0; i < all->num; i++) {
		uint32_t length = all->items[i].length;
		if (!length || length < longest || length < least_length(g, &all->items[i]))
			continue;
		alike = length > longest ? 1 : alike + 1;
		longest = length;
	}
	for (size_t i = 0; longest && alike <= MAX_ALIKE && i < all->num; i++) {
		if (all->items[i].length != longest || longest < least_length(g, &all->items[i]))
			continue;
		for (struct fragment *at = &all->items[i]; at; at = next_of(all, at)) {
			if (++at->passed < alike)
				continue;
			hc_heap_set_free(g->heap, at->mem, &glibc_lists[GLIBC_FASTBIN]);
			++*found;
		}
	}
}

/** Broken lists behind which is looked; each costs a pass over an arena. */
#define MAX_RECOVERED 64

struct hc_error *glibc_recover_fastbin(struct glibc *g, uint32_t arena, uint64_t size,
				       uint64_t *found)
{
	struct fragments all = {0};
	struct hc_error *err = NULL;
	*found = 0;
	if (g->recovered++ >= MAX_RECOVERED)
		return NULL;
	for (size_t i = 0; i < g->heap->num_spans && !err; i++) {
		const struct hc_span *span = &g->heap->spans[i];
		if (span->zone == g->arena_zone && span->arena == arena)
			err = collect_from(g, span, size, &all);
	}
	hc_sort(all.items, all.num, compare_fragments);
	for (size_t i = 0; i < all.num && !err; i++)
		settle(&all, &all.items[i]);
	if (!err)
		mark_longest(g, &all, found);
	free(all.items);
	return err;
}
