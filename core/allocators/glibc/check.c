/**
 * @file
 * Everything that malloc's structures say twice, compared.
 *
 * The walk has settled where chunks are, and mended what it had to. What is left to compare: the
 * size of a free chunk with its footer, the tags with the bins, fd with bk, a bin's members with
 * its sizes and order, the binmap with the bins, top and the arenas with what the system gave.
 * These are the conditions under which malloc itself would have ended the process (faults.c has its
 * messages), and some that it never looks at.
 *
 * The passes: every bin of every arena, noting in a bitmap which chunks are on one; then every
 * chunk in address order, against its neighbours and that bitmap. A chunk that was on a list before
 * ends a list, which bounds the time whatever the links are. A list is left at its first broken
 * link and entered again from its other end, so that one bad link is one report. Words that the
 * core lacks contradict nothing.
 */
#include "core/base/cleanup.h"
#include "core/allocators/glibc/glibc.h"

struct check {
	struct glibc *g;
	uint64_t **listed; /**< by span: one bit per unit, set when the chunk was met in a bin */
};

/** A bin. The head is a pseudo-chunk whose fd and bk are two words of bins[]. */
struct bin {
	uint32_t arena;
	unsigned index;
	uint64_t head;         /**< chunk */
	enum glibc_fault link; /**< what a broken link in this bin is */
	unsigned members;
	bool whole; /**< followed from the head to the head */
};

/** A chunk in a bin, as far as it was read. */
struct member {
	uint64_t chunk;
	struct hc_chunk found;
};

static uint64_t fd_of(const struct check *c, uint64_t chunk)
{
	return chunk + c->g->params.header;
}

static uint64_t bk_of(const struct check *c, uint64_t chunk)
{
	return chunk + c->g->params.header + c->g->params.word_size;
}

/** User address of the chunk with a field in a bin's list; 0 for the head. */
static uint64_t mem_of(const struct check *c, const struct bin *bin, uint64_t chunk)
{
	return chunk == bin->head ? 0 : chunk + c->g->params.header;
}

/** Note a chunk as a member of a bin; false when it was one already. */
static bool list_chunk(struct check *c, const struct hc_chunk *chunk)
{
	uint64_t *words = c->listed[chunk->span - c->g->heap->spans];
	uint64_t bit = UINT64_C(1) << chunk->unit % 64;
	if (words[chunk->unit / 64] & bit)
		return false;
	words[chunk->unit / 64] |= bit;
	return true;
}

static bool is_listed(const struct check *c, const struct hc_chunk *chunk)
{
	const uint64_t *words = c->listed[chunk->span - c->g->heap->spans];
	return words[chunk->unit / 64] >> chunk->unit % 64 & 1;
}

/** Whether the header of a chunk still says what the walk made of it. */
static bool header_sound(const struct check *c, const struct hc_chunk *chunk, uint64_t *field_ret)
{
	const struct glibc *g = c->g;
	return glibc_word(g, chunk->address - g->params.word_size, field_ret) &&
	       (*field_ret & ~(uint64_t)GLIBC_SIZE_BITS) == chunk->size;
}

/** @name Bins */
/**@{*/

static const char *bin_name(const struct bin *bin, char *buf, size_t size)
{
	if (bin->index == 1)
		snprintf(buf, size, "the unsorted list of arena %u", bin->arena);
	else
		snprintf(buf, size, "bin %u of arena %u", bin->index, bin->arena);
	return buf;
}

/** A link of a bin. */
struct link {
	uint64_t holder; /**< chunk that it is in */
	uint64_t field;  /**< address */
	uint64_t to;     /**< chunk that it leads to */
};

static struct hc_error *report_link(struct check *c, const struct bin *bin, enum glibc_fault fault,
				    const struct link *link, const char *what)
{
	char name[64];
	return hc_heap_add_inconsistency(
		c->g->heap, glibc_fault(fault, link->field, mem_of(c, bin, link->holder)),
		"%s leads from here to 0x%jx, %s", bin_name(bin, name, sizeof(name)),
		(uintmax_t)(link->to + c->g->params.header), what);
}

/** Whether the chunk's own bin is this one. */
static struct hc_error *check_size(struct check *c, const struct bin *bin,
				   const struct member *member)
{
	const struct glibc *g = c->g;
	uint64_t field, mem = member->found.address;
	char name[64];
	if (bin->index == 1 || !header_sound(c, &member->found, &field) ||
	    glibc_bin_index(&g->params, member->found.size) == bin->index)
		return NULL;
	return hc_heap_add_inconsistency(
		g->heap, glibc_fault(GLIBC_BIN_SIZE, mem - g->params.word_size, mem),
		"%s holds this chunk of %ju bytes, which belongs into bin %u",
		bin_name(bin, name, sizeof(name)), (uintmax_t)member->found.size,
		glibc_bin_index(&g->params, member->found.size));
}

/** Whether the next chunk's header agrees that the one before it is free. */
static struct hc_error *check_tag(struct check *c, const struct bin *bin,
				  const struct member *member)
{
	const struct glibc *g = c->g;
	uint64_t field, own, next = member->found.address + member->found.size;
	struct hc_chunk after;
	char name[64];
	if (!header_sound(c, &member->found, &own) ||
	    !glibc_word(g, next - g->params.word_size, &field) || !(field & GLIBC_PREV_INUSE))
		return NULL;
	/* Where that header is broken altogether, the walk has said so. */
	if (hc_heap_chunk_at(g->heap, next, &after) && after.address == next &&
	    !header_sound(c, &after, &own))
		return NULL;
	return hc_heap_add_inconsistency(
		g->heap,
		glibc_fault(bin->index == 1 ? GLIBC_UNSORTED_INUSE : GLIBC_BIN_INUSE,
			    next - g->params.word_size, next),
		"%s holds the chunk at 0x%jx, but the header after it says that it is in use",
		bin_name(bin, name, sizeof(name)), (uintmax_t)member->found.address);
}

static struct hc_error *check_member(struct check *c, const struct bin *bin,
				     const struct member *member)
{
	char name[64];
	struct hc_error *err = NULL;
	if (member->found.span->arena != bin->arena)
		err = hc_heap_add_inconsistency(
			c->g->heap,
			glibc_fault(GLIBC_BIN_ARENA, fd_of(c, member->chunk),
				    member->found.address),
			"%s holds this chunk, which is in arena %u",
			bin_name(bin, name, sizeof(name)), member->found.span->arena);
	if (!err)
		err = check_size(c, bin, member);
	return err ? err : check_tag(c, bin, member);
}

/** The chunk of a free list at @p chunk; false when none starts there. */
static bool find_member(const struct check *c, uint64_t chunk, struct member *ret)
{
	uint64_t mem = chunk + c->g->params.header;
	ret->chunk = chunk;
	return glibc_aligned(c->g, mem) && hc_heap_chunk_at(c->g->heap, mem, &ret->found) &&
	       ret->found.address == mem && ret->found.span->zone == c->g->arena_zone;
}

/** Whether what a link leads to is simply not in the core. */
static bool is_missing(const struct check *c, uint64_t chunk)
{
	uint64_t word;
	return c->g->heap->partial && !glibc_word(c->g, fd_of(c, chunk), &word);
}

/** Where fd leads, bk must lead back. Nothing is said when the first is broken anyway. */
static struct hc_error *check_back(struct check *c, const struct bin *bin, uint64_t from,
				   uint64_t to)
{
	struct link back = {to, bk_of(c, to), 0};
	if (!glibc_word(c->g, back.field, &back.to) || back.to == from)
		return NULL;
	return report_link(c, bin, bin->link, &back,
			   "but the chunk whose fd leads here is another");
}

/** Follow fd from the head. */
static struct hc_error *follow_forward(struct check *c, struct bin *bin)
{
	struct link fd = {bin->head, fd_of(c, bin->head), 0};
	while (glibc_word(c->g, fd.field, &fd.to)) {
		struct member member;
		struct hc_error *err = NULL;
		if (fd.to == bin->head) {
			bin->whole = true;
			return check_back(c, bin, fd.holder, fd.to);
		}
		if (!find_member(c, fd.to, &member))
			return is_missing(c, fd.to) ? NULL
						    : report_link(c, bin, bin->link, &fd,
								  "where no chunk starts");
		if (!list_chunk(c, &member.found))
			return report_link(c, bin, GLIBC_BIN_TWICE, &fd,
					   "a chunk that is in a bin already");
		bin->members++;
		if ((err = check_back(c, bin, fd.holder, fd.to)) ||
		    (err = check_member(c, bin, &member)))
			return err;
		fd = (struct link){fd.to, fd_of(c, fd.to), 0};
	}
	return NULL;
}

/** Note what lies behind a broken link, from the other end. */
static void follow_backward(struct check *c, struct bin *bin)
{
	uint64_t chunk = bin->head;
	struct member member;
	while (glibc_word(c->g, bk_of(c, chunk), &chunk) && chunk != bin->head &&
	       find_member(c, chunk, &member) && list_chunk(c, &member.found))
		bin->members++;
}

/** Bins that are not empty have their bit set; of empty ones it may be stale. */
static struct hc_error *check_binmap(struct check *c, const struct bin *bin, uint64_t arena)
{
	const struct glibc *g = c->g;
	uint64_t at = arena + g->state->bins + 2 * (GLIBC_NUM_BINS - 1) * g->params.word_size;
	uint32_t word;
	at += bin->index / 32 * sizeof(word);
	if (bin->index < 2 || !bin->members || !hc_memory_u32(g->memory, at, &word) ||
	    word >> bin->index % 32 & 1)
		return NULL;
	return hc_heap_add_inconsistency(
		g->heap, glibc_fault(GLIBC_BINMAP, at & -(uint64_t)g->params.word_size, 0),
		"the binmap of arena %u says that bin %u is empty, but it holds chunks", bin->arena,
		bin->index);
}

/** First chunk of each size in a large bin: members of the ring of fd_nextsize. */
struct ring {
	uint64_t first, last; /**< chunks; 0: none yet */
};

static struct hc_error *check_nextsize(struct check *c, const struct bin *bin, uint64_t from,
				       uint64_t to)
{
	const struct glibc *g = c->g;
	unsigned word = g->params.word_size;
	struct link next = {from, fd_of(c, from) + 2 * word, 0};
	struct link back = {to, fd_of(c, to) + 3 * word, 0};
	if (!glibc_word(g, next.field, &next.to) || !glibc_word(g, back.field, &back.to))
		return NULL;
	if (next.to != to)
		return report_link(c, bin, GLIBC_NEXTSIZE, &next,
				   "by fd_nextsize, which is not the first chunk of the next size");
	if (back.to != from)
		return report_link(
			c, bin, GLIBC_NEXTSIZE, &back,
			"by bk_nextsize, which is not the first chunk of the size before");
	return NULL;
}

/** A large bin is sorted, the largest first, and the first of each size is on a ring of its own. */
static struct hc_error *check_large(struct check *c, const struct bin *bin)
{
	const struct glibc *g = c->g;
	struct ring ring = {0};
	uint64_t chunk = bin->head, size = UINT64_MAX, field;
	for (unsigned i = 0; i < bin->members; i++) {
		struct member member;
		struct hc_error *err = NULL;
		if (!glibc_word(g, fd_of(c, chunk), &chunk) || !find_member(c, chunk, &member) ||
		    !header_sound(c, &member.found, &field))
			return NULL;
		if (member.found.size > size)
			return report_link(
				c, bin, GLIBC_BIN_ORDER,
				&(struct link){chunk, chunk + g->params.word_size, chunk},
				"a chunk that is larger than the one before it");
		if (member.found.size == size)
			continue;
		if (ring.last)
			err = check_nextsize(c, bin, ring.last, chunk);
		else
			ring.first = chunk;
		if (err)
			return err;
		ring.last = chunk;
		size = member.found.size;
	}
	return ring.first ? check_nextsize(c, bin, ring.last, ring.first) : NULL;
}

static struct hc_error *check_bin(struct check *c, uint32_t arena, unsigned index)
{
	const struct glibc *g = c->g;
	uint64_t address = g->arenas[arena].address, first;
	unsigned first_large = glibc_bin_index(&g->params, g->params.first_large);
	struct bin bin = {
		.arena = arena,
		.index = index,
		.head = address + g->state->bins + (uint64_t)2 * (index - 1) * g->params.word_size -
			g->params.header,
		.link = index == 1            ? GLIBC_UNSORTED_LINK
			: index < first_large ? GLIBC_SMALL_LINK
					      : GLIBC_LARGE_LINK,
	};
	if (!glibc_word(g, fd_of(c, bin.head), &first) || !first)
		return NULL; /* never used: up to 2.41 bins are zero then */
	struct hc_error *err = follow_forward(c, &bin);
	if (err)
		return err;
	if (!bin.whole)
		follow_backward(c, &bin);
	if (bin.whole && index >= first_large && (err = check_large(c, &bin)))
		return err;
	return check_binmap(c, &bin, address);
}
/** Members were found by lists(); here only whether each is in the bin of its size. */
static struct hc_error *check_fastbin(struct check *c, uint32_t arena, unsigned bin)
{
	const struct glibc *g = c->g;
	unsigned shift = g->params.word_size == 8 ? 4 : 3;
	uint64_t chunk, field, left = UINT16_MAX; /* a loop was reported already */
	struct member member;
	if (!glibc_word(g,
			g->arenas[arena].address + g->state->fastbins +
				(uint64_t)bin * g->params.word_size,
			&chunk))
		return NULL;
	while (chunk && left-- && find_member(c, chunk, &member) &&
	       glibc_is_on(&member.found, GLIBC_FASTBIN)) {
		uint64_t mem = member.found.address;
		struct hc_error *err = NULL;
		if (header_sound(c, &member.found, &field) &&
		    (member.found.size >> shift) - 2 != bin)
			err = hc_heap_add_inconsistency(
				g->heap,
				glibc_fault(GLIBC_FASTBIN_SIZE, mem - g->params.word_size, mem),
				"fastbin %u of arena %u holds this chunk of %ju bytes, which "
				"belongs "
				"into another",
				bin, arena, (uintmax_t)member.found.size);
		if (err || !glibc_word(g, mem, &chunk))
			return err;
		chunk = glibc_link(g, mem, chunk);
	}
	return NULL;
}
/**@}*/

/** @name Chunks and their neighbours */
/**@{*/

/** A run over one span. */
struct pass {
	const struct hc_span *span;
	bool have_previous, previous_free; /**< by the tags: binned */
	struct hc_chunk previous;
	uint64_t unlisted, first_unlisted; /**< free by the tags, in no bin */
};

/** @p chunk's header says that @p previous is free: its footer must say the same size. */
static struct hc_error *check_footer(struct check *c, const struct hc_chunk *previous,
				     const struct hc_chunk *chunk, bool *agrees)
{
	const struct glibc *g = c->g;
	uint64_t at = chunk->address - g->params.header, footer;
	*agrees = !glibc_word(g, at, &footer) || footer == previous->size;
	if (*agrees)
		return NULL;
	return hc_heap_add_inconsistency(g->heap, glibc_fault(GLIBC_PREV_SIZE, at, chunk->address),
					 "this header says that the chunk before it is free and "
					 "has %ju bytes, but that has %ju",
					 (uintmax_t)footer, (uintmax_t)previous->size);
}

static struct hc_error *check_unmerged(struct check *c, const struct hc_chunk *previous,
				       const struct hc_chunk *chunk)
{
	const struct glibc *g = c->g;
	return hc_heap_add_inconsistency(
		g->heap,
		glibc_fault(GLIBC_UNMERGED, chunk->address - g->params.word_size, chunk->address),
		"this chunk and the one before it, 0x%jx, are both free, but were not merged",
		(uintmax_t)previous->address);
}

/** What @p chunk, whose header is sound, says of the one before it. */
static struct hc_error *check_previous(struct check *c, struct pass *pass,
				       const struct hc_chunk *chunk, bool free)
{
	bool agrees = true;
	struct hc_error *err = NULL;
	if (free) {
		if ((err = check_footer(c, &pass->previous, chunk, &agrees)))
			return err;
		if (agrees && !is_listed(c, &pass->previous)) {
			if (!pass->unlisted++)
				pass->first_unlisted = pass->previous.address;
		} else if (agrees && pass->previous_free) {
			struct hc_chunk before;
			if (hc_heap_chunk_at(c->g->heap,
					     pass->previous.address - c->g->params.header - 1,
					     &before))
				err = check_unmerged(c, &before, &pass->previous);
		}
	}
	pass->previous_free = free && agrees;
	return err;
}

/** Thread arenas mark what they hand out; what lies in their bins, and top, is not marked. */
static struct hc_error *check_arena_bit(struct check *c, const struct hc_chunk *chunk,
					uint64_t field)
{
	const struct glibc *g = c->g;
	if (chunk->span->tag != GLIBC_IN_THREAD_HEAP || chunk->state != HC_IN_USE ||
	    field & GLIBC_NON_MAIN_ARENA)
		return NULL;
	return hc_heap_add_inconsistency(
		g->heap,
		glibc_fault(GLIBC_SIZE_FOREIGN, chunk->address - g->params.word_size,
			    chunk->address),
		"the size field 0x%jx of this chunk in use lacks the bit of thread arenas",
		(uintmax_t)field);
}

static struct hc_error *check_span(struct check *c, const struct hc_span *span)
{
	struct pass pass = {.span = span};
	struct hc_chunk_iter iter;
	struct hc_chunk chunk;
	hc_chunk_iter_slice(&iter, c->g->heap, (struct hc_slice){span, 0, span->num_units});
	while (hc_chunk_iter_next(&iter, &chunk)) {
		uint64_t field;
		struct hc_error *err = NULL;
		bool sound = header_sound(c, &chunk, &field);
		bool free = sound && pass.have_previous && !(field & GLIBC_PREV_INUSE);
		if (sound && !(err = check_previous(c, &pass, &chunk, free)))
			err = check_arena_bit(c, &chunk, field);
		if (err)
			return err;
		pass.previous_free &= sound;
		pass.previous = chunk;
		pass.have_previous = sound;
	}
	if (!pass.unlisted)
		return NULL;
	return hc_heap_add_inconsistency(
		c->g->heap, glibc_fault(GLIBC_NO_BIN, pass.first_unlisted, pass.first_unlisted),
		"%ju chunk%s of arena %u, this one first, %s free by the header that follows, but "
		"in no bin",
		(uintmax_t)pass.unlisted, pass.unlisted == 1 ? "" : "s", span->arena,
		pass.unlisted == 1 ? "is" : "are");
}
/**@}*/

/** @name Arenas */
/**@{*/

/** Where the heap must end that holds top; 0 when nothing tells. */
static uint64_t expected_end(const struct glibc *g, uint32_t index)
{
	const struct glibc_arena *arena = &g->arenas[index];
	struct glibc_heap_info info;
	if (!arena->main) {
		if (!glibc_read_heap_info(g, arena->top & -g->params.heap_max, &info) ||
		    info.arena != arena->address)
			return 0;
		return info.base + info.size;
	}
	if (arena->flags & GLIBC_NONCONTIGUOUS || !g->par.sbrk_base)
		return 0;
	return g->par.sbrk_base + arena->system;
}

static struct hc_error *check_top(struct check *c, uint32_t index)
{
	const struct glibc *g = c->g;
	const struct glibc_arena *arena = &g->arenas[index];
	uint64_t end = expected_end(g, index), field;
	uint64_t at = arena->top + g->params.word_size;
	if (!arena->top || !end || !glibc_word(g, at, &field) ||
	    (arena->top + arena->top_size == end && arena->top_size))
		return NULL;
	return hc_heap_add_inconsistency(
		g->heap,
		glibc_fault(arena->top_size > arena->system ? GLIBC_TOP_SIZE : GLIBC_TOP_END, at,
			    arena->top + g->params.header),
		"the top chunk of arena %u, with the size field 0x%jx, should end at 0x%jx, where "
		"the heap "
		"does",
		index, (uintmax_t)field, (uintmax_t)end);
}

static struct hc_error *check_flags(struct check *c, uint32_t index)
{
	const struct glibc *g = c->g;
	const struct glibc_arena *arena = &g->arenas[index];
	struct hc_inconsistency fault =
		glibc_fault(GLIBC_ARENA_FLAGS, arena->address & -(uint64_t)g->params.word_size, 0);
	/* Bit 2 was "arena corrupt" from 2.22 to 2.26. */
	if (arena->flags & 4)
		return hc_heap_add_inconsistency(
			g->heap, fault, "arena %u was marked corrupt by malloc itself", index);
	if (!arena->main && !(arena->flags & GLIBC_NONCONTIGUOUS))
		return hc_heap_add_inconsistency(
			g->heap, fault,
			"the flags of arena %u say that its memory is contiguous, as only "
			"the main arena's can be",
			index);
	return NULL;
}

/** Arenas without a thread form a list, on which there are no others. */
static struct hc_error *check_free_list(struct check *c, uint32_t index)
{
	const struct glibc *g = c->g;
	const struct glibc_arena *arena = &g->arenas[index];
	uint64_t at = arena->address + glibc_next_offset(g->state) + g->params.word_size, next,
		 attached;
	if (!g->state->next_free || !g->state->attached_threads || arena->attached != 0 ||
	    !glibc_word(g, at, &next) || !next ||
	    !glibc_word(g, next + glibc_attached_offset(g->state), &attached) || !attached)
		return NULL;
	return hc_heap_add_inconsistency(g->heap, glibc_fault(GLIBC_ARENA_FREE_LIST, at, 0),
					 "the list of arenas without a thread leads from arena %u "
					 "to 0x%jx, which is none of them",
					 index, (uintmax_t)next);
}

static struct hc_error *check_arena(struct check *c, uint32_t index)
{
	struct hc_error *err = NULL;
	if (!c->g->arenas[index].address)
		return NULL;
	for (unsigned bin = 1; bin < GLIBC_NUM_BINS && !err; bin++)
		err = check_bin(c, index, bin);
	for (unsigned bin = 0; bin < c->g->state->num_fastbins && !err; bin++)
		err = check_fastbin(c, index, bin);
	if (err || (err = check_top(c, index)) || (err = check_flags(c, index)))
		return err;
	return check_free_list(c, index);
}
/**@}*/

static bool is_mmapped(const struct glibc *g, const struct hc_zone *zone)
{
	return zone == g->mmapped_zone || zone == g->newer_mmapped_zone;
}

/** Chunks that another allocator has cut up are still there. */
static struct hc_error *check_mmapped(struct check *c)
{
	const struct glibc *g = c->g;
	uint64_t found = 0;
	for (size_t i = 0; i < g->heap->num_spans; i++)
		found += is_mmapped(g, g->heap->spans[i].zone);
	for (size_t i = 0; i < g->heap->num_carvings; i++)
		found += is_mmapped(g, g->heap->carvings[i].from);
	if (!g->par.layout || found >= g->par.n_mmaps || g->heap->partial)
		return NULL;
	uint64_t at = (g->par.address + g->par.layout->n_mmaps) & -(uint64_t)g->params.word_size;
	return hc_heap_add_inconsistency(g->heap, glibc_fault(GLIBC_MMAPPED_COUNT, at, 0),
					 "malloc counts %ju mmapped chunks, but only %ju are "
					 "there: the headers of the others are "
					 "damaged",
					 (uintmax_t)g->par.n_mmaps, (uintmax_t)found);
}

static void free_listed(struct check *c)
{
	for (size_t i = 0; c->listed && i < c->g->heap->num_spans; i++)
		free(c->listed[i]);
	free(c->listed);
}

static struct hc_error *make_listed(struct check *c)
{
	const struct hc_heap *heap = c->g->heap;
	c->listed = calloc(heap->num_spans + 1, sizeof(*c->listed));
	if (!c->listed)
		return &hc_enomem;
	for (size_t i = 0; i < heap->num_spans; i++) {
		c->listed[i] = calloc(heap->spans[i].num_units / 64 + 1, sizeof(uint64_t));
		if (!c->listed[i])
			return &hc_enomem;
	}
	return NULL;
}

struct hc_error *glibc_check(struct glibc *g)
{
	hc_cleanup(free_listed) struct check check = {.g = g};
	struct hc_error *err = make_listed(&check);
	for (size_t i = 0; i < g->num_arenas && !err; i++)
		err = check_arena(&check, i);
	for (size_t i = 0; i < g->heap->num_spans && !err; i++) {
		const struct hc_span *span = &g->heap->spans[i];
		if (span->zone == g->arena_zone && g->arenas[span->arena].address)
			err = check_span(&check, span);
	}
	return err ? err : check_mmapped(&check);
}
