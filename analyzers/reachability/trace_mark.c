/**
 * @file
 * Following pointers: bounded stacks, prefetching, work sharing.
 *
 * Where the time goes. Following a pointer costs two cache misses: the block of the chunk's bits
 * and the chunk's own bytes. A plain depth-first search waits for each. So a candidate (a word that
 * lies in some span) is pushed on a stack at once, and what is popped from the stack first waits in
 * a small ring while both lines are fetched; only what leaves the ring is looked at (Cher, Hosking,
 * Vitek: "Software prefetching for mark-sweep garbage collection: hardware analysis and software
 * redesign", ASPLOS 2004). A dozen misses are then under way at any time.
 *
 * An entry is 8 bytes: a span and an offset into it, and one bit: clear for a *candidate* that
 * nobody has looked up yet, set for a *scan*, "search the words of this chunk from this offset on".
 * A large chunk is searched in pieces: before the words of a piece are pushed, the scan of the rest
 * is, so that a huge pointer table does not flood the stack. Pieces end at units, so that what is
 * left of a chunk can be a bit of a plane, and at windows of the frontier (trace_frontier.h): where
 * a window begins within the chunk, the frontier gets a bit when the chunk's first words are
 * searched.
 *
 * Where a chunk is that is to be searched decides what becomes of it: within the window that the
 * worker is in it is searched next, elsewhere its bit in the frontier is set, after that word has
 * been fetched, too. In a depth-first round the window is the whole heap.
 *
 * Bounded memory. The stack has a fixed size. When it is full, its candidates are looked up on the
 * spot: most are marked already (think of the `prev` of a list) and vanish, the others become
 * scans. If that does not make room, scans become bits of the frontier. Each word is still looked
 * at exactly once, so that the statistics don't depend on any of this.
 *
 * Parallel. In a depth-first round every worker has its own stack. One that has run dry takes
 * seeds; when there are none it waits at a pool, and the others, seeing that somebody is hungry,
 * put the older half of their stack there: old entries have the larger subgraphs below them. When
 * all wait, the round is done. Who marks a chunk first is decided by an atomic OR on its bit; it is
 * the only one who scans it.
 */
#include <string.h>

#include "analyzers/reachability/conventions.h"
#include "analyzers/reachability/offsets.h"
#include "analyzers/reachability/tagged.h"
#include "analyzers/reachability/trace_worker.h"

enum {
	SHARE_DEPTH = 32, /* a stack that is shorter is not worth sharing */
	LARGE_SHIFT = 16, /* chunks above 64 KiB are worth remembering */
};

#define ALWAYS_INLINE inline __attribute__((always_inline))

/** The unit of an offset whose block is looked at; all chunks start at or before the last one. */
static inline uint64_t span_unit(const struct hc_span *span, uint64_t offset)
{
	uint64_t unit = hc_span_unit(span, offset);

	return unit < span->num_units ? unit : span->num_units - 1;
}

/**
 * Find the chunk around an offset whose block does not tell. The start bits before and after a
 * large chunk are far away, and pools of many megabytes with pointers into them are common, so
 * large ones are remembered.
 *
 * @return false when no chunk starts at or before it
 */
static __attribute__((noinline)) bool find_chunk(struct hc_trace_worker *w, size_t span_index,
						 uint64_t offset, struct hc_place *ret)
{
	const struct hc_span *span = &w->heap->spans[span_index];
	struct hc_trace_large *large =
		&w->large[((offset >> LARGE_SHIFT) + span_index * 31) % HC_TRACE_LARGE_ENTRIES];

	if (large->span == span_index + 1 && offset >= large->place.start &&
	    offset < large->place.next) {
		*ret = large->place;
		return true;
	}
	if (!hc_span_find(span, offset, ret))
		return false;
	if (ret->next - ret->start > UINT64_C(1) << LARGE_SHIFT)
		*large = (struct hc_trace_large){span_index + 1, *ret};
	return true;
}

/** The same for the chunk that holds @p offset, which is known to be in one. */
static inline uint64_t search_end(struct hc_trace_worker *w, size_t span_index,
				  const struct hc_span *span, uint64_t offset)
{
	uint64_t unit = span_unit(span, offset);
	struct hc_place place;
	uint64_t later =
		span->blocks[unit / HC_UNITS_PER_BLOCK].start >> unit % HC_UNITS_PER_BLOCK >> 1;

	if (later)
		return hc_span_usable_end(span,
					  hc_span_offset(span, unit + 1 + __builtin_ctzll(later)));
	if (!find_chunk(w, span_index, offset, &place))
		return 0;
	return hc_span_usable_end(span, place.next);
}

/** @name Marking */
/**@{*/

static inline bool has_bit(const uint64_t *word, uint64_t mask)
{
	return __atomic_load_n(word, __ATOMIC_RELAXED) & mask;
}

/** What a candidate was found to point to. */
struct target {
	size_t span;
	struct hc_place place; /**< unit and start; next only where it was needed */
	bool interior;
};

/** Do to a chunk in use what the pass does. @return whether its words are to be searched now */
static ALWAYS_INLINE bool claim(struct hc_trace_worker *w, const enum hc_pass pass,
				const struct target *target)
{
	uint64_t unit = target->place.unit, mask = UINT64_C(1) << unit % HC_UNITS_PER_BLOCK;
	struct hc_block *block = &w->heap->spans[target->span].blocks[unit / HC_UNITS_PER_BLOCK];

	if (has_bit(&block->b, mask))
		return false;
	switch (pass) {
	case HC_PASS_EXACT:
		if (!target->interior)
			return hc_trace_set_bit(w, &block->b, mask);
		if (!has_bit(&block->a, mask))
			hc_trace_set_bit(w, &block->a, mask);
		return false;
	case HC_PASS_ANY:
	case HC_PASS_TAGGED:
		hc_trace_set_bit(w, &block->a, mask);
		return hc_trace_set_bit(w, &block->b, mask);
	case HC_PASS_POINTED:
		if (!has_bit(&block->a, mask))
			hc_trace_set_bit(w, &block->a, mask);
		return false;
	case HC_PASS_VISIT: {
		uint64_t *word = hc_plane_word(&w->shared->tracer->layout, w->shared->plane,
					       target->span, unit);
		bool first = !has_bit(word, mask) && hc_trace_set_bit(w, word, mask);

		if (first && w->shared->visit)
			w->shared->visit(w->shared->visit_ctx, target->span, unit);
		return first;
	}
	}
	return false;
}

/** Tell who wants to know of interior pointers. */
static void watch(struct hc_trace_worker *w, const struct hc_chunk *chunk, uint64_t offset)
{
	hc_interiors_see(w->shared->interiors, w - w->shared->workers,
			 hc_convention_of(w->heap, chunk->size, offset), chunk, offset);
}

/**
 * Where a word that is no pointer to the start of a chunk leads: the chunk's start, if it is one in
 * use.
 */
static __attribute__((noinline)) bool look_inside(struct hc_trace_worker *w, uint64_t offset,
						  struct target *target)
{
	const struct hc_span *span = &w->heap->spans[target->span];
	struct hc_place *place = &target->place;
	enum hc_heuristic heuristic;
	struct hc_chunk chunk;

	if (!find_chunk(w, target->span, offset, place) ||
	    offset >= hc_span_usable_end(span, place->next))
		return false;
	if (!(hc_block_in_use(&span->blocks[place->unit / HC_UNITS_PER_BLOCK]) >>
		      place->unit % HC_UNITS_PER_BLOCK &
	      1))
		return false;
	hc_span_place_chunk(w->heap, span, place, &chunk);

	heuristic = hc_heuristic_match(w->heap, &chunk, span->base + offset);
	if (heuristic == HC_HEURISTIC_NONE)
		w->stats.interior++;
	else
		w->stats.heuristic[heuristic]++;
	if (w->shared->interiors &&
	    (heuristic == HC_HEURISTIC_NONE || heuristic == HC_HEURISTIC_CONVENTION))
		watch(w, &chunk, offset - place->start);
	target->interior = heuristic == HC_HEURISTIC_NONE;
	return true;
}

/** Look a candidate up and claim its chunk. @return whether the chunk is to be searched */
static ALWAYS_INLINE bool follow(struct hc_trace_worker *w, const enum hc_pass pass, uint64_t entry,
				 struct target *target)
{
	uint64_t offset = entry & HC_TRACE_OFFSET_MASK;

	target->span = hc_trace_entry_span(entry);
	target->interior = false;
	const struct hc_span *span = &w->heap->spans[target->span];

	if (hc_span_starts_at(span, offset, &target->place.unit)) {
		uint64_t unit = target->place.unit;

		if (span->blocks[unit / HC_UNITS_PER_BLOCK].free >> unit % HC_UNITS_PER_BLOCK & 1)
			return false;
		target->place.start = offset;
	} else if (!look_inside(w, offset, target)) {
		return false;
	}
	w->stats.pointers++;
	return claim(w, pass, target);
}
/**@}*/

/** @name Candidates */
/**@{*/

static __attribute__((noinline)) bool switch_span(struct hc_trace_worker *w, uint64_t value)
{
	const struct hc_span *span = hc_heap_span(w->heap, value);

	if (!span || value < span->base)
		return false;
	w->last_base = span->base;
	w->last_extent = span->end - span->base;
	w->last_entry = hc_trace_entry(span - w->heap->spans, 0);
	return true;
}

/** Whether a word lies in a span; if so, its entry. */
static ALWAYS_INLINE bool is_candidate(struct hc_trace_worker *w, uint64_t value,
				       uint64_t *entry_ret)
{
	if (value - w->lowest >= w->extent)
		return false;
	if (value - w->last_base >= w->last_extent && !switch_span(w, value))
		return false;
	*entry_ret = w->last_entry | (value - w->last_base);
	return true;
}

/** Push the candidates among some words. There must be room for all. */
static ALWAYS_INLINE void push_words(struct hc_trace_worker *w, const uint8_t *data,
				     size_t num_words, const unsigned word_size, const bool big)
{
	size_t depth = w->depth;

	for (size_t i = 0; i < num_words; i++) {
		uint64_t value = hc_read_word(data + i * word_size, word_size, big);
		uint64_t entry;

		if (is_candidate(w, value, &entry))
			w->stack[depth++] = entry;
	}
	w->depth = depth;
	w->stats.words += num_words;
}

/** One copy of the loop for each kind of word: little-endian ones are the hot path. */
static ALWAYS_INLINE void push_any_words(struct hc_trace_worker *w, const uint8_t *data,
					 size_t num_words)
{
	bool wide = w->heap->word_size == 8;

	if (w->heap->big_endian)
		push_words(w, data, num_words, wide ? 8 : 4, true);
	else if (wide)
		push_words(w, data, num_words, 8, false);
	else
		push_words(w, data, num_words, 4, false);
}

/** The same for HC_PASS_TAGGED: plain pointers, and those that are hidden in some way. */
static void push_hidden(struct hc_trace_worker *w, uint64_t value)
{
	uint64_t target = w->heap->tagged ? hc_tagged_target(w->heap, w->heap->tagged, value) : 0;
	uint64_t entry;

	if (is_candidate(w, target ? target : value, &entry)) {
		w->stack[w->depth++] = entry;
		return;
	}
	if (!w->heap->offset_form.found || hc_offset_excluded(w->heap, value))
		return;
	for (unsigned half = 0; half < 2; half++)
		if ((target = hc_offset_target(w->heap, value >> 32 * half)) &&
		    is_candidate(w, target, &entry))
			w->stack[w->depth++] = entry;
}

static __attribute__((noinline)) void push_hidden_words(struct hc_trace_worker *w,
							const uint8_t *data, size_t num_words)
{
	for (size_t i = 0; i < num_words; i++)
		push_hidden(w, hc_read64(data + i * 8, w->heap->big_endian));
	w->stats.words += num_words;
}

void hc_trace_push_words(struct hc_trace_worker *w, const uint8_t *data, size_t num_words)
{
	if (w->shared->pass == HC_PASS_TAGGED)
		push_hidden_words(w, data, num_words);
	else
		push_any_words(w, data, num_words);
}

void hc_trace_push_value(struct hc_trace_worker *w, uint64_t value)
{
	uint64_t entry;

	w->stats.words++;
	if (w->shared->pass == HC_PASS_TAGGED)
		push_hidden(w, value);
	else if (is_candidate(w, value, &entry))
		w->stack[w->depth++] = entry;
}

/** Usable bytes of a chunk: addresses. */
struct usable {
	uint64_t start, end;
};

/** The same for a chunk of HC_PASS_POINTED, whose pointers to itself count but do nothing. */
static void push_others(struct hc_trace_worker *w, const uint8_t *data, size_t num_words,
			const struct usable *self)
{
	const unsigned word_size = w->heap->word_size;

	for (size_t i = 0; i < num_words; i++) {
		uint64_t value = hc_read_word(data + i * word_size, word_size, w->heap->big_endian);
		struct target target;
		uint64_t entry;

		if (!is_candidate(w, value, &entry))
			continue;
		if (value < self->start || value >= self->end) {
			w->stack[w->depth++] = entry;
			continue;
		}
		target.span = hc_trace_entry_span(entry);
		if (value == self->start || look_inside(w, entry & HC_TRACE_OFFSET_MASK, &target))
			w->stats.pointers++;
	}
	w->stats.words += num_words;
}

/** Bytes from @p address on, at most @p size: the span's own if it has them in one piece. */
static inline struct hc_bytes bytes_at(const struct hc_trace_worker *w, const struct hc_span *span,
				       uint64_t address, uint64_t size)
{
	if (span->data)
		return (struct hc_bytes){span->data + (address - span->start), size};
	return hc_memory_view(&w->shared->tracer->process->memory, address, size);
}

/**@}*/

/** @name Making room */
/**@{*/

/* Not only inline: to gcc a function that does nothing but prefetch is one that does nothing. */
static ALWAYS_INLINE void prefetch_block(const struct hc_trace_worker *w, uint64_t entry)
{
	const struct hc_span *span = &w->heap->spans[hc_trace_entry_span(entry)];

	__builtin_prefetch(
		&span->blocks[span_unit(span, entry & HC_TRACE_OFFSET_MASK) / HC_UNITS_PER_BLOCK]);
}

/** The bit that a unit has in the frontier. */
static inline uint64_t frontier_bit(const struct hc_trace_worker *w, size_t span, uint64_t unit)
{
	return w->first_word[span] * HC_UNITS_PER_BLOCK + unit;
}

static inline void add_to_frontier(struct hc_trace_worker *w, uint64_t bit)
{
	w->added += hc_frontier_add(&w->shared->frontier, bit, w->alone);
}

/** Turn candidates into scans, or nothing. */
static ALWAYS_INLINE void settle(struct hc_trace_worker *w, const enum hc_pass pass)
{
	size_t kept = 0;

	for (size_t i = 0; i < w->depth; i++) {
		uint64_t entry = w->stack[i];
		struct target target;

		if (i + HC_TRACE_CANDIDATES < w->depth)
			prefetch_block(w, w->stack[i + HC_TRACE_CANDIDATES]);
		if (entry & HC_TRACE_SCAN)
			w->stack[kept++] = entry;
		else if (follow(w, pass, entry, &target))
			w->stack[kept++] =
				hc_trace_entry(target.span, target.place.start) | HC_TRACE_SCAN;
	}
	w->depth = kept;
}

/** Put the oldest entries of a stack of scans into the frontier. */
static void spill(struct hc_trace_worker *w, size_t num)
{
	for (size_t i = 0; i < num; i++) {
		size_t span = hc_trace_entry_span(w->stack[i]);

		add_to_frontier(w, frontier_bit(w, span,
						hc_span_unit(&w->heap->spans[span],
							     w->stack[i] & HC_TRACE_OFFSET_MASK)));
	}
	memmove(w->stack, w->stack + num, (w->depth - num) * sizeof(*w->stack));
	w->depth -= num;
}

static __attribute__((noinline)) void make_room(struct hc_trace_worker *w, const enum hc_pass pass)
{
	settle(w, pass);
	if (w->depth > HC_TRACE_STACK_ENTRIES / 2)
		spill(w, w->depth / 2);
}

static inline bool has_room(const struct hc_trace_worker *w)
{
	/* A word may be two links. */
	return w->depth + 2 * HC_TRACE_PIECE_WORDS + 1 <= HC_TRACE_STACK_ENTRIES;
}
/**@}*/

/** @name Searching a chunk */
/**@{*/

/** Bits of the frontier for what later windows have of a chunk. @return offset of the first */
static uint64_t cut_at_windows(struct hc_trace_worker *w, size_t span_index, uint64_t offset,
			       uint64_t end)
{
	const struct hc_span *span = &w->heap->spans[span_index];
	uint64_t first = w->first_word[span_index] * HC_UNITS_PER_BLOCK, unit, cut = end;
	uint64_t bit = first + hc_span_unit(span, offset);
	bool is_start = hc_span_starts_at(span, offset, &unit);

	for (;;) {
		bit = (bit / HC_FRONTIER_WINDOW_BITS + 1) * HC_FRONTIER_WINDOW_BITS;
		uint64_t next = hc_span_offset(span, bit - first);

		if (next >= end)
			return cut;
		if (cut == end)
			cut = next;
		if (!is_start)
			return cut;
		add_to_frontier(w, bit);
	}
}

/**
 * Where to stop searching a chunk that is large, or whose start was searched before; what is behind
 * is pushed, or in the frontier.
 */
static __attribute__((noinline)) uint64_t cut_scan(struct hc_trace_worker *w, size_t span_index,
						   uint64_t offset, uint64_t end)
{
	const uint64_t unit = w->heap->spans[span_index].unit;
	uint64_t step = HC_TRACE_PIECE_WORDS * w->heap->word_size;

	end = cut_at_windows(w, span_index, offset, end);
	/* A unit that is larger than a piece is searched to its end. */
	step = unit < step ? step / unit * unit : unit;
	if (end - offset > step) {
		end = offset + step;
		w->stack[w->depth++] = hc_trace_entry(span_index, end) | HC_TRACE_SCAN;
	}
	return end;
}

/** Push what are pointers among some words of the chunk around @p offset. */
static ALWAYS_INLINE void push_chunk_words(struct hc_trace_worker *w, const enum hc_pass pass,
					   uint64_t entry, struct hc_bytes bytes)
{
	const size_t num_words = bytes.size / w->heap->word_size;

	if (pass == HC_PASS_POINTED) {
		size_t span_index = hc_trace_entry_span(entry);
		const struct hc_span *span = &w->heap->spans[span_index];
		struct hc_place place;

		if (find_chunk(w, span_index, entry & HC_TRACE_OFFSET_MASK, &place)) {
			const struct usable self = {span->base + place.start,
						    span->base +
							    hc_span_usable_end(span, place.next)};

			push_others(w, bytes.data, num_words, &self);
		}
	} else if (pass == HC_PASS_TAGGED) {
		push_hidden_words(w, bytes.data, num_words);
	} else {
		push_any_words(w, bytes.data, num_words);
	}
}

/** Whether bytes of a large chunk need not be read. Only files with holes are asked about. */
static __attribute__((noinline)) bool is_idle(const struct hc_memory *memory, uint64_t address,
					      uint64_t size)
{
	return memory->data && memory->data->known &&
	       hc_memory_is_hole(memory, address, address + size);
}

/** Search the chunk that an entry is of, from the entry's offset on. The stack must have room. */
static ALWAYS_INLINE void scan(struct hc_trace_worker *w, const enum hc_pass pass, uint64_t entry)
{
	const size_t span_index = hc_trace_entry_span(entry);
	const struct hc_span *span = &w->heap->spans[span_index];
	const uint64_t offset = entry & HC_TRACE_OFFSET_MASK;
	const uint64_t piece = HC_TRACE_PIECE_WORDS * w->heap->word_size;
	uint64_t end = search_end(w, span_index, span, offset);
	uint64_t address = span->base + offset, unit;

	if (offset >= end)
		return;
	if (end - offset > piece || !hc_span_starts_at(span, offset, &unit))
		end = cut_scan(w, span_index, offset, end);
	for (uint64_t left = end - offset; left >= w->heap->word_size;) {
		struct hc_bytes bytes = bytes_at(w, span, address, left < piece ? left : piece);
		uint64_t step = bytes.size;

		if (bytes.size == piece &&
		    is_idle(&w->shared->tracer->process->memory, address, piece)) {
			step = piece;
		} else if (bytes.data) {
			if (!has_room(w))
				make_room(w, pass);
			push_chunk_words(w, pass, entry, bytes);
		} else {
			/* Missing: go on where the core has bytes again. */
			const struct hc_extent *extent =
				hc_memory_find_next(&w->shared->tracer->process->memory, address);

			if (!extent || extent->start - address >= left)
				return;
			step = extent->start - address;
		}
		address += step;
		left -= step;
	}
}
/**@}*/

/** @name Stack */
/**@{*/

static ALWAYS_INLINE void prefetch_bytes(const struct hc_trace_worker *w, uint64_t entry)
{
	const struct hc_span *span = &w->heap->spans[hc_trace_entry_span(entry)];

	if (span->data)
		__builtin_prefetch(span->data + (span->base - span->start) +
				   (entry & HC_TRACE_OFFSET_MASK));
}

static inline void ring_put(struct hc_trace_ring *ring, uint64_t entry)
{
	ring->entries[(ring->head + ring->length++) % HC_TRACE_RING_ENTRIES] = entry;
}

static inline uint64_t ring_take(struct hc_trace_ring *ring)
{
	uint64_t entry = ring->entries[ring->head];

	ring->head = (ring->head + 1) % HC_TRACE_RING_ENTRIES;
	ring->length--;
	return entry;
}

static __attribute__((noinline)) void share(struct hc_trace_worker *w)
{
	struct hc_trace_shared *shared = w->shared;
	size_t half = w->depth / 2;

	pthread_mutex_lock(&shared->lock);
	if (half > HC_TRACE_POOL_ENTRIES - shared->pooled)
		half = HC_TRACE_POOL_ENTRIES - shared->pooled;
	memcpy(shared->pool + shared->pooled, w->stack, half * sizeof(*w->stack));
	shared->pooled += half;
	/* Those who wait are on their way now; nobody else needs to share for them. */
	__atomic_store_n(&shared->hungry, 0, __ATOMIC_RELAXED);
	pthread_cond_broadcast(&shared->wake);
	pthread_mutex_unlock(&shared->lock);
	memmove(w->stack, w->stack + half, (w->depth - half) * sizeof(*w->stack));
	w->depth -= half;
}

bool hc_trace_take(struct hc_trace_worker *w)
{
	struct hc_trace_shared *shared = w->shared;
	size_t num;

	pthread_mutex_lock(&shared->lock);
	shared->waiting++;
	while (!shared->pooled && !shared->done) {
		if (shared->waiting == shared->active) {
			shared->done = true;
			pthread_cond_broadcast(&shared->wake);
			break;
		}
		__atomic_store_n(&shared->hungry, shared->waiting, __ATOMIC_RELAXED);
		pthread_cond_wait(&shared->wake, &shared->lock);
	}
	num = (shared->pooled + shared->waiting - 1) / shared->waiting;
	if (num > HC_TRACE_STACK_ENTRIES / 2)
		num = HC_TRACE_STACK_ENTRIES / 2;
	shared->pooled -= num;
	memcpy(w->stack, shared->pool + shared->pooled, num * sizeof(*w->stack));
	w->depth = num;
	shared->waiting--;
	pthread_mutex_unlock(&shared->lock);
	return num > 0;
}

/** Let a chunk that is far away wait for the place that it gets in the frontier. */
static ALWAYS_INLINE void put_off(struct hc_trace_worker *w, uint64_t bit)
{
	__builtin_prefetch(&w->shared->frontier.plane.words[bit / HC_UNITS_PER_BLOCK], 1);
	if (w->put_off.length == HC_TRACE_PUT_OFF)
		add_to_frontier(w, ring_take(&w->put_off));
	ring_put(&w->put_off, bit);
}

/** Follow a candidate. @return whether its chunk is to be searched next, from *entry on */
static ALWAYS_INLINE bool follow_here(struct hc_trace_worker *w, const enum hc_pass pass,
				      uint64_t *entry)
{
	struct target target;

	if (!follow(w, pass, *entry, &target))
		return false;
	uint64_t bit = frontier_bit(w, target.span, target.place.unit);

	if (bit - w->window >= w->window_size) {
		put_off(w, bit);
		return false;
	}
	*entry = hc_trace_entry(target.span, target.place.start);
	return true;
}

/**
 * Move entries from the stack through the first ring until the second is full, or nothing is left.
 */
static ALWAYS_INLINE void fetch(struct hc_trace_worker *w, const enum hc_pass pass)
{
	while (w->scans.length < HC_TRACE_SCANS) {
		while (w->candidates.length < HC_TRACE_CANDIDATES && w->depth) {
			uint64_t entry = w->stack[--w->depth];

			prefetch_block(w, entry);
			ring_put(&w->candidates, entry);
		}
		if (!w->candidates.length)
			return;
		uint64_t entry = ring_take(&w->candidates);

		if (entry & HC_TRACE_SCAN || follow_here(w, pass, &entry)) {
			entry &= ~HC_TRACE_SCAN;
			prefetch_bytes(w, entry);
			ring_put(&w->scans, entry);
		}
	}
}

/** Drop all work, the others' too. */
static void give_up(struct hc_trace_worker *w)
{
	w->depth = w->candidates.length = w->scans.length = w->put_off.length = 0;
	w->task_pos = w->task_end;
}

/** Return all work to the frontier. */
static __attribute__((noinline)) void pause_work(struct hc_trace_worker *w, const enum hc_pass pass)
{
	if (w->depth + 2 * HC_TRACE_RING_ENTRIES > HC_TRACE_STACK_ENTRIES)
		make_room(w, pass);
	while (w->candidates.length)
		w->stack[w->depth++] = ring_take(&w->candidates);
	while (w->scans.length)
		w->stack[w->depth++] = ring_take(&w->scans) | HC_TRACE_SCAN;
	settle(w, pass);
	spill(w, w->depth);
}

/** Once in a while: tell how much is done, and ask whether to go on. */
static __attribute__((noinline)) bool goes_on(struct hc_trace_worker *w)
{
	struct hc_trace_shared *shared = w->shared;
	struct hc_watch *watch = shared->tracer->heap->process->watch;

	w->scans_left = HC_TRACE_LOOK_SCANS;
	w->scans_done += HC_TRACE_LOOK_SCANS;
	if (w == &shared->workers[0] && shared->pass == HC_PASS_EXACT)
		hc_watch_done(watch, w->stats.words * shared->jobs, shared->tracer->heap_words);
	if (hc_watch_cancelled(watch))
		__atomic_store_n(&shared->cancelled, true, __ATOMIC_RELAXED);
	if (shared->round == HC_TRACE_DEPTH && w->scans_done >= shared->budget)
		__atomic_store_n(&shared->paused, true, __ATOMIC_RELAXED);
	return !hc_trace_cancelled(shared) && !hc_trace_paused(shared);
}

/** Work until rings and stack are empty. */
static ALWAYS_INLINE void drain(struct hc_trace_worker *w, const enum hc_pass pass)
{
	for (;;) {
		fetch(w, pass);
		if (!w->scans.length)
			break;
		uint64_t entry = ring_take(&w->scans);

		if (!has_room(w))
			make_room(w, pass);
		scan(w, pass, entry);
		if (!--w->scans_left && !goes_on(w)) {
			if (hc_trace_cancelled(w->shared))
				return give_up(w);
			return pause_work(w, pass);
		}
		if (w->depth >= SHARE_DEPTH &&
		    __atomic_load_n(&w->shared->hungry, __ATOMIC_RELAXED))
			share(w);
	}
	while (w->put_off.length)
		add_to_frontier(w, ring_take(&w->put_off));
}

/** @name Sweeping */
/**@{*/

/** Let a candidate wait for its block, and follow the one that has waited longest. */
static ALWAYS_INLINE void feed(struct hc_trace_worker *w, const enum hc_pass pass, uint64_t entry)
{
	if (w->candidates.length == HC_TRACE_CANDIDATES) {
		uint64_t oldest = ring_take(&w->candidates);

		if (follow_here(w, pass, &oldest))
			w->stack[w->depth++] = oldest | HC_TRACE_SCAN;
	}
	prefetch_block(w, entry);
	ring_put(&w->candidates, entry);
}

/**
 * Search one chunk: the same as scan(), without a detour through the stack for what nearly all
 * chunks are. Others are pushed.
 */
static ALWAYS_INLINE void sweep_chunk(struct hc_trace_worker *w, const enum hc_pass pass,
				      uint64_t entry)
{
	const size_t span_index = hc_trace_entry_span(entry);
	const struct hc_span *span = &w->heap->spans[span_index];
	uint64_t offset = entry & HC_TRACE_OFFSET_MASK, unit;
	const uint64_t end = search_end(w, span_index, span, offset);

	if (end <= offset)
		return;
	if (!span->data || end - offset > HC_TRACE_PIECE_WORDS * 8 ||
	    !hc_span_starts_at(span, offset, &unit)) {
		w->stack[w->depth++] = entry;
		return;
	}
	const uint8_t *data = span->data + (span->base - span->start) + offset;
	const size_t num_words = (end - offset) / 8;

	for (size_t i = 0; i < num_words; i++) {
		uint64_t candidate;

		if (is_candidate(w, hc_read_word(data + i * 8, 8, false), &candidate))
			feed(w, pass, candidate);
	}
	w->stats.words += num_words;
}

/** Search the chunks on the stack, the first one first, and then what they lead to nearby. */
static ALWAYS_INLINE void sweep(struct hc_trace_worker *w, const enum hc_pass pass)
{
	const size_t num = w->depth;
	size_t i = 0;

	for (; i < num && has_room(w); i++) {
		if (i + HC_TRACE_SWEEP_AHEAD < num)
			prefetch_bytes(w, w->stack[i + HC_TRACE_SWEEP_AHEAD]);
		sweep_chunk(w, pass, w->stack[i]);
	}
	memmove(w->stack, w->stack + i, (w->depth - i) * sizeof(*w->stack));
	w->depth -= i;
	if (w->scans_left > i)
		w->scans_left -= i;
	else if (!goes_on(w))
		return give_up(w);
	drain(w, pass);
}

void hc_trace_sweep_stack(struct hc_trace_worker *w)
{
	if (w->heap->word_size != 8 || w->heap->big_endian)
		return hc_trace_drain(w);
	switch (w->shared->pass) {
	case HC_PASS_EXACT:
		return sweep(w, HC_PASS_EXACT);
	case HC_PASS_ANY:
		return sweep(w, HC_PASS_ANY);
	case HC_PASS_VISIT:
		return sweep(w, HC_PASS_VISIT);
	case HC_PASS_TAGGED:
	case HC_PASS_POINTED:
		return hc_trace_drain(w);
	}
}
/**@}*/

void hc_trace_drain(struct hc_trace_worker *w)
{
	switch (w->shared->pass) {
	case HC_PASS_EXACT:
		return drain(w, HC_PASS_EXACT);
	case HC_PASS_ANY:
		return drain(w, HC_PASS_ANY);
	case HC_PASS_TAGGED:
		return drain(w, HC_PASS_TAGGED);
	case HC_PASS_POINTED:
		return drain(w, HC_PASS_POINTED);
	case HC_PASS_VISIT:
		return drain(w, HC_PASS_VISIT);
	}
}
/**@}*/
