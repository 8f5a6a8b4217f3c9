/**
 * @file
 * Tracing engine: bounded stacks, prefetching, work sharing.
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
 * is, so that a huge pointer table neither floods the stack nor occupies one worker only.
 *
 * Bounded memory. The stack has a fixed size. When it is full, its candidates are looked up on the
 * spot: most are marked already (think of the `prev` of a list) and vanish, the others become
 * scans. If that does not make room, scans become bits in the plane "pending", which is swept when
 * the stacks have run empty, as in Boehm's collector. Each word is still looked at exactly once, so
 * that the statistics don't depend on any of this.
 *
 * Parallel. Every worker has its own stack. One that has run dry takes seeds; when there are none
 * it waits at a pool, and the others, seeing that somebody is hungry, put the older half of their
 * stack there: old entries have the larger subgraphs below them. When all wait, the pass is done.
 * Who marks a chunk first is decided by an atomic OR on its bit; it is the only one who scans it.
 */
#include "analyzers/trace.h"

#include <endian.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "core/cleanup.h"
#include "core/parallel.h"

enum {
	STACK_ENTRIES = 1 << 16,
	POOL_ENTRIES = 1 << 16,
	RING_ENTRIES = 16,    /* a power of two: cache misses under way */
	PIECE_WORDS = 2048,   /* words that are searched before the stack is drained again */
	SHARE_DEPTH = 32,     /* a stack that is shorter is not worth sharing */
	STRETCH_WORDS = 4096, /* plane words of a sweep task: 4 MiB of a heap with 16-byte units */
	ROOT_TASK_BYTES = 1 << 20,
	LARGE_SHIFT = 16, /* chunks above 64 KiB are worth remembering */
	LARGE_ENTRIES = 256,
};

#define OFFSET_BITS 43
#define SPAN_BITS 20
#define SCAN (UINT64_C(1) << 63)
#define OFFSET_MASK ((UINT64_C(1) << OFFSET_BITS) - 1)

#define ALWAYS_INLINE inline __attribute__((always_inline))

/** A piece of a root range. */
struct root_task {
	uint64_t start, end;
};

/** A large chunk that was looked up lately. */
struct large {
	uint64_t span;        /* its index plus one; 0: empty */
	uint64_t start, next; /* offsets of its user address and of the next chunk's */
};

struct worker {
	struct hc_trace_shared *shared;
	const struct hc_heap *heap;
	uint64_t lowest, extent;         /* of all spans */
	uint64_t last_base, last_extent; /* of the span that the last candidate was in */
	uint64_t last_entry;             /* its index, shifted into place */
	uint64_t *stack;
	size_t depth;
	struct ring {
		uint64_t entries[RING_ENTRIES];
		unsigned head, length;
	} candidates, scans;         /* whose block, whose bytes are being fetched */
	size_t task;                 /* seeds: the current task … */
	uint64_t task_pos, task_end; /* … and what is left of it */
	struct large large[LARGE_ENTRIES];
	struct hc_trace_stats stats;
} __attribute__((aligned(64)));

struct hc_trace_shared {
	struct hc_tracer *tracer;
	unsigned jobs;
	struct worker *workers;

	/* The current pass. */
	enum hc_pass pass;
	enum hc_seed seed;
	bool pending_sweep;
	struct hc_plane *plane;
	size_t num_tasks;
	size_t next_task; /* atomic */
	hc_visit_fn visit;
	void *visit_ctx;

	/* Roots. */
	struct root_task *root_tasks;
	size_t num_root_tasks;
	const uint64_t *values;
	size_t num_values;

	/* What did not fit the stacks. */
	struct hc_plane pending;
	bool spilled; /* atomic */

	/* The pool. */
	pthread_mutex_t lock;
	pthread_cond_t wake;
	uint64_t *pool;
	size_t pooled;
	unsigned active, waiting;
	unsigned hungry; /* atomic copy of waiting */
	bool done;
};

static inline uint64_t make_entry(size_t span, uint64_t offset)
{
	return (uint64_t)span << OFFSET_BITS | offset;
}

static inline size_t entry_span(uint64_t entry)
{
	return (entry & ~SCAN) >> OFFSET_BITS;
}

static inline uint64_t span_unit(const struct hc_span *span, uint64_t offset)
{
	uint64_t unit = offset >> span->unit_shift;

	/* Only one unit of an mmapped chunk can be a start; all others are behind it. */
	return unit < span->num_units ? unit : span->num_units - 1;
}

/**
 * Find the chunk around an offset whose block does not tell. The start bits before and after a
 * large chunk are far away, and pools of many megabytes with pointers into them are common, so
 * large ones are remembered.
 *
 * @return false when no chunk starts at or before it
 */
static __attribute__((noinline)) bool find_chunk(struct worker *w, size_t span_index,
						 uint64_t offset, uint64_t *start_ret,
						 uint64_t *next_ret)
{
	const struct hc_span *span = &w->heap->spans[span_index];
	struct large *large =
		&w->large[((offset >> LARGE_SHIFT) + span_index * 31) % LARGE_ENTRIES];

	if (large->span != span_index + 1 || offset < large->start || offset >= large->next) {
		uint64_t unit = hc_span_prev_start(span, span_unit(span, offset));

		if (unit == UINT64_MAX)
			return false;
		uint64_t next = hc_span_next_start(span, unit + 1);

		*start_ret = unit << span->unit_shift;
		*next_ret = next < span->num_units ? next << span->unit_shift
						   : span->end - span->base + span->header;
		if (*next_ret - *start_ret > UINT64_C(1) << LARGE_SHIFT)
			*large = (struct large){span_index + 1, *start_ret, *next_ret};
		return true;
	}
	*start_ret = large->start;
	*next_ret = large->next;
	return true;
}

/** Offset of the first byte behind the usable ones; not beyond the span. */
static inline uint64_t usable_end(const struct hc_span *span, uint64_t next)
{
	uint64_t end = next > span->trailer ? next - span->trailer : 0;
	uint64_t limit = span->end - span->base;

	return end < limit ? end : limit;
}

/** The same for the chunk that holds @p offset, which is known to be in one. */
static inline uint64_t search_end(struct worker *w, size_t span_index, const struct hc_span *span,
				  uint64_t offset)
{
	uint64_t unit = span_unit(span, offset), start, next;
	uint64_t later =
		span->blocks[unit / HC_UNITS_PER_BLOCK].start >> unit % HC_UNITS_PER_BLOCK >> 1;

	if (later)
		return usable_end(span, (unit + 1 + __builtin_ctzll(later)) << span->unit_shift);
	if (!find_chunk(w, span_index, offset, &start, &next))
		return 0;
	return usable_end(span, next);
}

/** @name Marking */
/**@{*/

static inline bool set_bit(uint64_t *word, uint64_t mask)
{
	return !(__atomic_fetch_or(word, mask, __ATOMIC_RELAXED) & mask);
}

static inline bool has_bit(const uint64_t *word, uint64_t mask)
{
	return __atomic_load_n(word, __ATOMIC_RELAXED) & mask;
}

/** Do to a chunk in use what the pass does. @return whether its words are to be searched now */
static ALWAYS_INLINE bool claim(struct worker *w, const enum hc_pass pass, size_t span_index,
				struct hc_block *block, uint64_t unit, bool interior)
{
	uint64_t mask = UINT64_C(1) << unit % HC_UNITS_PER_BLOCK;

	if (has_bit(&block->b, mask))
		return false;
	switch (pass) {
	case HC_PASS_EXACT:
		if (!interior)
			return set_bit(&block->b, mask);
		if (!has_bit(&block->a, mask))
			set_bit(&block->a, mask);
		return false;
	case HC_PASS_ANY:
		set_bit(&block->a, mask);
		return set_bit(&block->b, mask);
	case HC_PASS_POINTED:
		if (!has_bit(&block->a, mask))
			set_bit(&block->a, mask);
		return false;
	case HC_PASS_VISIT: {
		uint64_t *word =
			hc_plane_word(w->shared->tracer, w->shared->plane, span_index, unit);
		bool first = !has_bit(word, mask) && set_bit(word, mask);

		if (first && w->shared->visit)
			w->shared->visit(w->shared->visit_ctx, span_index, unit);
		return first;
	}
	}
	return false;
}

/**
 * Where a word that is no pointer to the start of a chunk leads: the chunk's start, if it is one in
 * use.
 */
static __attribute__((noinline)) bool look_inside(struct worker *w, size_t span_index,
						  uint64_t offset, uint64_t *start_ret,
						  bool *interior_ret)
{
	const struct hc_span *span = &w->heap->spans[span_index];
	enum hc_heuristic heuristic;
	uint64_t start, next;

	if (!find_chunk(w, span_index, offset, &start, &next) || offset >= usable_end(span, next))
		return false;
	uint64_t unit = start >> span->unit_shift;

	if (!(hc_block_in_use(&span->blocks[unit / HC_UNITS_PER_BLOCK]) >>
		      unit % HC_UNITS_PER_BLOCK &
	      1))
		return false;
	const struct hc_chunk chunk = {
		.address = span->base + start,
		.size = next - start,
		.usable = next - start > span->trailer ? next - start - span->trailer : 0,
		.span = span,
		.unit = unit,
		.state = HC_IN_USE,
	};

	heuristic = hc_heuristic_match(w->shared->tracer->process, w->heap, &chunk,
				       span->base + offset);
	if (heuristic == HC_HEURISTIC_NONE)
		w->stats.interior++;
	else
		w->stats.heuristic[heuristic]++;
	*interior_ret = heuristic == HC_HEURISTIC_NONE;
	*start_ret = start;
	return true;
}

/**
 * Look a candidate up and claim its chunk.
 *
 * @return whether the chunk is to be searched, from *offset_ret on
 */
static ALWAYS_INLINE bool follow(struct worker *w, const enum hc_pass pass, uint64_t entry,
				 uint64_t *offset_ret)
{
	size_t span_index = entry_span(entry);
	const struct hc_span *span = &w->heap->spans[span_index];
	uint64_t offset = entry & OFFSET_MASK;
	uint64_t unit = offset >> span->unit_shift;
	bool interior = false;
	struct hc_block *block;

	if (unit < span->num_units && unit << span->unit_shift == offset) {
		block = &span->blocks[unit / HC_UNITS_PER_BLOCK];
		uint64_t mask = UINT64_C(1) << unit % HC_UNITS_PER_BLOCK;

		if (block->start & mask) {
			if (block->free & mask)
				return false;
			w->stats.pointers++;
			*offset_ret = offset;
			return claim(w, pass, span_index, block, unit, false);
		}
	}
	if (!look_inside(w, span_index, offset, offset_ret, &interior))
		return false;
	w->stats.pointers++;
	unit = *offset_ret >> span->unit_shift;
	block = &span->blocks[unit / HC_UNITS_PER_BLOCK];
	return claim(w, pass, span_index, block, unit, interior);
}
/**@}*/

/** @name Candidates */
/**@{*/

static __attribute__((noinline)) bool switch_span(struct worker *w, uint64_t value)
{
	const struct hc_span *span = hc_heap_span(w->heap, value);

	if (!span || value < span->base)
		return false;
	w->last_base = span->base;
	w->last_extent = span->end - span->base;
	w->last_entry = make_entry(span - w->heap->spans, 0);
	return true;
}

/** Whether a word lies in a span; if so, its entry. */
static ALWAYS_INLINE bool is_candidate(struct worker *w, uint64_t value, uint64_t *entry_ret)
{
	if (value - w->lowest >= w->extent)
		return false;
	if (value - w->last_base >= w->last_extent && !switch_span(w, value))
		return false;
	*entry_ret = w->last_entry | (value - w->last_base);
	return true;
}

/** Push the candidates among some words. There must be room for all. */
static ALWAYS_INLINE void push_words(struct worker *w, const uint8_t *data, size_t num_words,
				     const unsigned word_size)
{
	size_t depth = w->depth;

	for (size_t i = 0; i < num_words; i++) {
		uint64_t value = word_size == 8 ? hc_load64(data + i * 8) : hc_load32(data + i * 4);
		uint64_t entry;

		if (is_candidate(w, value, &entry))
			w->stack[depth++] = entry;
	}
	w->depth = depth;
	w->stats.words += num_words;
}

/** The same for a chunk of HC_PASS_POINTED, whose pointers to itself count but do nothing. */
static void push_others(struct worker *w, const uint8_t *data, size_t num_words, unsigned word_size,
			uint64_t self, uint64_t self_size)
{
	for (size_t i = 0; i < num_words; i++) {
		uint64_t value = hc_load_word(data + i * word_size, word_size);
		uint64_t entry, start;
		bool interior;

		if (!is_candidate(w, value, &entry))
			continue;
		if (value - self >= self_size) {
			w->stack[w->depth++] = entry;
			continue;
		}
		if (value == self ||
		    look_inside(w, entry_span(entry), entry & OFFSET_MASK, &start, &interior))
			w->stats.pointers++;
	}
	w->stats.words += num_words;
}

/** Bytes from @p address on, at most @p size: the span's own if it has them in one piece. */
static inline struct hc_bytes bytes_at(const struct worker *w, const struct hc_span *span,
				       uint64_t address, uint64_t size)
{
	if (span->data)
		return (struct hc_bytes){span->data + (address - span->start), size};
	return hc_memory_view(&w->shared->tracer->process->memory, address, size);
}

/** Search a chunk from @p offset on. There must be room for PIECE_WORDS + 1 entries. */
static ALWAYS_INLINE void scan(struct worker *w, const enum hc_pass pass, size_t span_index,
			       uint64_t offset)
{
	const struct hc_span *span = &w->heap->spans[span_index];
	const unsigned word_size = w->heap->word_size;
	uint64_t end = search_end(w, span_index, span, offset);
	uint64_t address = span->base + offset;

	if (offset >= end)
		return;
	if (end - offset > PIECE_WORDS * word_size) {
		end = offset + PIECE_WORDS * word_size;
		w->stack[w->depth++] = make_entry(span_index, end) | SCAN;
	}
	for (uint64_t left = end - offset; left >= word_size;) {
		struct hc_bytes bytes = bytes_at(w, span, address, left);
		uint64_t step = bytes.size;

		if (!bytes.data) {
			/* Missing: go on where the core has bytes again. */
			const struct hc_extent *extent =
				hc_memory_find_next(&w->shared->tracer->process->memory, address);

			if (!extent || extent->start - address >= left)
				return;
			step = extent->start - address;
		} else if (pass == HC_PASS_POINTED) {
			uint64_t start = offset, next = end;

			find_chunk(w, span_index, offset, &start, &next);
			push_others(w, bytes.data, bytes.size / word_size, word_size,
				    span->base + start, usable_end(span, next) - start);
		} else if (word_size == 8) {
			push_words(w, bytes.data, bytes.size / 8, 8);
		} else {
			push_words(w, bytes.data, bytes.size / 4, 4);
		}
		address += step;
		left -= step;
	}
}
/**@}*/

/** @name Stack */
/**@{*/

static inline void prefetch_block(const struct worker *w, uint64_t entry)
{
	const struct hc_span *span = &w->heap->spans[entry_span(entry)];

	__builtin_prefetch(
		&span->blocks[span_unit(span, entry & OFFSET_MASK) / HC_UNITS_PER_BLOCK]);
}

static inline void prefetch_bytes(const struct worker *w, uint64_t entry)
{
	const struct hc_span *span = &w->heap->spans[entry_span(entry)];

	if (span->data)
		__builtin_prefetch(span->data + (span->base - span->start) + (entry & OFFSET_MASK));
}

static inline void ring_put(struct ring *ring, uint64_t entry)
{
	ring->entries[(ring->head + ring->length++) % RING_ENTRIES] = entry;
}

static inline uint64_t ring_take(struct ring *ring)
{
	uint64_t entry = ring->entries[ring->head];

	ring->head = (ring->head + 1) % RING_ENTRIES;
	ring->length--;
	return entry;
}

/** Turn candidates into scans, or nothing. */
static ALWAYS_INLINE void settle(struct worker *w, const enum hc_pass pass)
{
	size_t kept = 0;

	for (size_t i = 0; i < w->depth; i++) {
		uint64_t entry = w->stack[i];
		uint64_t offset;

		if (i + RING_ENTRIES < w->depth)
			prefetch_block(w, w->stack[i + RING_ENTRIES]);
		if (entry & SCAN)
			w->stack[kept++] = entry;
		else if (follow(w, pass, entry, &offset))
			w->stack[kept++] = make_entry(entry_span(entry), offset) | SCAN;
	}
	w->depth = kept;
}

/** Put the older half of a stack of scans into the pending plane. */
static void spill(struct worker *w)
{
	struct hc_trace_shared *shared = w->shared;
	size_t half = w->depth / 2;

	for (size_t i = 0; i < half; i++) {
		size_t span = entry_span(w->stack[i]);
		uint64_t unit = (w->stack[i] & OFFSET_MASK) >> w->heap->spans[span].unit_shift;

		set_bit(hc_plane_word(shared->tracer, &shared->pending, span, unit),
			UINT64_C(1) << unit % HC_UNITS_PER_BLOCK);
	}
	memmove(w->stack, w->stack + half, (w->depth - half) * sizeof(*w->stack));
	w->depth -= half;
	__atomic_store_n(&shared->spilled, true, __ATOMIC_RELAXED);
}

static __attribute__((noinline)) void make_room(struct worker *w, const enum hc_pass pass)
{
	settle(w, pass);
	if (w->depth > STACK_ENTRIES / 2)
		spill(w);
}

static __attribute__((noinline)) void share(struct worker *w)
{
	struct hc_trace_shared *shared = w->shared;
	size_t half = w->depth / 2;

	pthread_mutex_lock(&shared->lock);
	if (half > POOL_ENTRIES - shared->pooled)
		half = POOL_ENTRIES - shared->pooled;
	memcpy(shared->pool + shared->pooled, w->stack, half * sizeof(*w->stack));
	shared->pooled += half;
	/* Those who wait are on their way now; nobody else needs to share for them. */
	__atomic_store_n(&shared->hungry, 0, __ATOMIC_RELAXED);
	pthread_cond_broadcast(&shared->wake);
	pthread_mutex_unlock(&shared->lock);
	memmove(w->stack, w->stack + half, (w->depth - half) * sizeof(*w->stack));
	w->depth -= half;
}

/** Take entries from the pool; wait while there are none. @return false when the pass is over */
static bool take(struct worker *w)
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
	if (num > STACK_ENTRIES / 2)
		num = STACK_ENTRIES / 2;
	shared->pooled -= num;
	memcpy(w->stack, shared->pool + shared->pooled, num * sizeof(*w->stack));
	w->depth = num;
	shared->waiting--;
	pthread_mutex_unlock(&shared->lock);
	return num > 0;
}

/**
 * Move entries from the stack through the first ring until the second is full, or nothing is left.
 */
static ALWAYS_INLINE void fetch(struct worker *w, const enum hc_pass pass)
{
	while (w->scans.length < RING_ENTRIES) {
		while (w->candidates.length < RING_ENTRIES && w->depth) {
			uint64_t entry = w->stack[--w->depth];

			prefetch_block(w, entry);
			ring_put(&w->candidates, entry);
		}
		if (!w->candidates.length)
			return;
		uint64_t entry = ring_take(&w->candidates);
		uint64_t offset = entry & OFFSET_MASK;

		if (entry & SCAN || follow(w, pass, entry, &offset)) {
			entry = make_entry(entry_span(entry), offset);
			prefetch_bytes(w, entry);
			ring_put(&w->scans, entry);
		}
	}
}

/** Work until rings and stack are empty. */
static ALWAYS_INLINE void drain(struct worker *w, const enum hc_pass pass)
{
	const bool alone = w->shared->jobs == 1;

	for (;;) {
		fetch(w, pass);
		if (!w->scans.length)
			return;
		uint64_t entry = ring_take(&w->scans);

		if (w->depth + PIECE_WORDS + 1 > STACK_ENTRIES)
			make_room(w, pass);
		scan(w, pass, entry_span(entry), entry & OFFSET_MASK);
		if (!alone && w->depth >= SHARE_DEPTH &&
		    __atomic_load_n(&w->shared->hungry, __ATOMIC_RELAXED))
			share(w);
	}
}

static void drain_pass(struct worker *w)
{
	switch (w->shared->pass) {
	case HC_PASS_EXACT:
		return drain(w, HC_PASS_EXACT);
	case HC_PASS_ANY:
		return drain(w, HC_PASS_ANY);
	case HC_PASS_POINTED:
		return drain(w, HC_PASS_POINTED);
	case HC_PASS_VISIT:
		return drain(w, HC_PASS_VISIT);
	}
}
/**@}*/

/** @name Seeds */
/**@{*/

/** Push candidates among the words of a root range and step on. */
static void seed_range(struct worker *w)
{
	const struct hc_memory *memory = &w->shared->tracer->process->memory;
	const unsigned word_size = w->heap->word_size;
	struct hc_bytes bytes;
	uint64_t size = w->task_end - w->task_pos;

	if (size > PIECE_WORDS * word_size)
		size = PIECE_WORDS * word_size;
	bytes = hc_memory_view(memory, w->task_pos, size);
	if (!bytes.data) {
		const struct hc_extent *extent = hc_memory_find_next(memory, w->task_pos);

		w->task_pos = extent && extent->start < w->task_end ? extent->start : w->task_end;
		return;
	}
	if (bytes.size < word_size) {
		w->task_pos += bytes.size;
		return;
	}
	if (word_size == 8)
		push_words(w, bytes.data, bytes.size / 8, 8);
	else
		push_words(w, bytes.data, bytes.size / 4, 4);
	w->task_pos += bytes.size / word_size * word_size;
}

static void seed_values(struct worker *w)
{
	uint64_t entry;

	for (; w->task_pos < w->task_end; w->task_pos++) {
		w->stats.words++;
		if (is_candidate(w, w->shared->values[w->task_pos], &entry))
			w->stack[w->depth++] = entry;
	}
}

/** The chunks of one block that the pass starts from; each is handed out once. */
static uint64_t seed_bits(struct worker *w, size_t span_index, uint64_t index)
{
	struct hc_trace_shared *shared = w->shared;
	const struct hc_span *span = &w->heap->spans[span_index];
	uint64_t *plane_word, bits, mine = 0;
	struct hc_block *block;

	if (shared->pending_sweep) {
		plane_word = &shared->pending.words[shared->tracer->first_word[span_index] + index];
		if (!__atomic_load_n(plane_word, __ATOMIC_RELAXED))
			return 0;
		return __atomic_exchange_n(plane_word, 0, __ATOMIC_RELAXED);
	}
	if (index >= span->num_blocks)
		return 0;
	block = &span->blocks[index];
	bits = hc_block_in_use(block) & ~__atomic_load_n(&block->b, __ATOMIC_RELAXED);
	switch (shared->seed) {
	case HC_SEED_INTERIOR:
		for (bits &= __atomic_load_n(&block->a, __ATOMIC_RELAXED); bits; bits &= bits - 1)
			if (set_bit(&block->b, bits & -bits))
				mine |= bits & -bits;
		return mine;
	case HC_SEED_UNREFERENCED:
		plane_word = &shared->plane->words[shared->tracer->first_word[span_index] + index];
		bits &= ~block->a;
		__atomic_fetch_or(plane_word, bits, __ATOMIC_RELAXED);
		return bits;
	default:
		return bits;
	}
}

/** Push seeds of a stretch and step on. */
static void seed_stretch(struct worker *w)
{
	size_t span_index = w->shared->tracer->stretches[w->task].span;
	const struct hc_span *span = &w->heap->spans[span_index];

	while (w->task_pos < w->task_end && w->depth < PIECE_WORDS) {
		uint64_t index = w->task_pos++;

		for (uint64_t bits = seed_bits(w, span_index, index); bits; bits &= bits - 1) {
			uint64_t unit = index * HC_UNITS_PER_BLOCK + __builtin_ctzll(bits);

			w->stack[w->depth++] =
				make_entry(span_index, unit << span->unit_shift) | SCAN;
		}
	}
}

/** Go to the next task. @return false when there is none */
static bool next_task(struct worker *w)
{
	struct hc_trace_shared *shared = w->shared;
	size_t task = __atomic_fetch_add(&shared->next_task, 1, __ATOMIC_RELAXED);

	if (task >= shared->num_tasks)
		return false;
	w->task = task;
	if (shared->seed != HC_SEED_ROOTS || shared->pending_sweep) {
		w->task_pos = shared->tracer->stretches[task].from;
		w->task_end = shared->tracer->stretches[task].to;
	} else if (task < shared->num_root_tasks) {
		w->task_pos = shared->root_tasks[task].start;
		w->task_end = shared->root_tasks[task].end;
	} else {
		w->task_pos = (task - shared->num_root_tasks) * PIECE_WORDS;
		w->task_end = w->task_pos + PIECE_WORDS;
		if (w->task_end > shared->num_values)
			w->task_end = shared->num_values;
	}
	return true;
}

/** Push some seeds onto the empty stack. @return false when there are none left */
static bool seed_more(struct worker *w)
{
	struct hc_trace_shared *shared = w->shared;

	while (!w->depth) {
		if (w->task_pos == w->task_end && !next_task(w))
			return false;
		if (shared->seed != HC_SEED_ROOTS || shared->pending_sweep)
			seed_stretch(w);
		else if (w->task < shared->num_root_tasks)
			seed_range(w);
		else
			seed_values(w);
	}
	return true;
}
/**@}*/

/** @name Runs */
/**@{*/

static struct hc_error *work(void *ctx, unsigned worker __attribute__((unused)), size_t task)
{
	struct hc_trace_shared *shared = ctx;
	struct worker *w = &shared->workers[task];

	pthread_mutex_lock(&shared->lock);
	shared->active++;
	pthread_mutex_unlock(&shared->lock);
	do {
		while (seed_more(w))
			drain_pass(w);
	} while (take(w) && (drain_pass(w), true));
	pthread_mutex_lock(&shared->lock);
	shared->active--;
	pthread_mutex_unlock(&shared->lock);
	return NULL;
}

static struct hc_error *run_workers(struct hc_trace_shared *shared, size_t num_tasks)
{
	shared->num_tasks = num_tasks;
	shared->next_task = 0;
	shared->done = false;
	shared->hungry = 0;
	for (unsigned i = 0; i < shared->jobs; i++)
		shared->workers[i].task_pos = shared->workers[i].task_end = 0;
	return hc_parallel_for(shared->jobs, shared->jobs, work, shared);
}

struct hc_error *hc_tracer_run(struct hc_tracer *tracer, enum hc_pass pass, enum hc_seed seed,
			       struct hc_plane *plane)
{
	struct hc_trace_shared *shared = tracer->shared;
	size_t values = (shared->num_values + PIECE_WORDS - 1) / PIECE_WORDS;
	struct hc_error *err;

	shared->pass = pass;
	shared->seed = seed;
	shared->plane = plane;
	shared->visit = NULL;
	shared->spilled = false;
	err = run_workers(shared, seed == HC_SEED_ROOTS ? shared->num_root_tasks + values
							: tracer->num_stretches);
	shared->pending_sweep = true;
	while (!err && shared->spilled) {
		shared->spilled = false;
		err = run_workers(shared, tracer->num_stretches);
	}
	shared->pending_sweep = false;
	return err;
}

void hc_tracer_visit(struct hc_tracer *tracer, size_t span, uint64_t unit, struct hc_plane *plane,
		     hc_visit_fn fn, void *ctx)
{
	struct hc_trace_shared *shared = tracer->shared;
	struct worker *w = &shared->workers[0];

	shared->pass = HC_PASS_VISIT;
	shared->plane = plane;
	shared->visit = fn;
	shared->visit_ctx = ctx;
	shared->spilled = false;
	shared->hungry = 0;
	hc_plane_set(tracer, plane, span, unit);
	if (fn)
		fn(ctx, span, unit);
	w->stack[w->depth++] =
		make_entry(span, unit << tracer->heap->spans[span].unit_shift) | SCAN;
	drain_pass(w);
	shared->pending_sweep = true;
	while (shared->spilled) {
		shared->spilled = false;
		shared->num_tasks = tracer->num_stretches;
		shared->next_task = 0;
		w->task_pos = w->task_end = 0;
		while (seed_more(w))
			drain_pass(w);
	}
	shared->pending_sweep = false;
}

struct hc_trace_stats hc_tracer_stats(const struct hc_tracer *tracer)
{
	struct hc_trace_stats sum = {0};

	for (unsigned i = 0; i < tracer->shared->jobs; i++) {
		const struct hc_trace_stats *stats = &tracer->shared->workers[i].stats;

		sum.words += stats->words;
		sum.pointers += stats->pointers;
		sum.interior += stats->interior;
		for (size_t h = 0; h < HC_NUM_HEURISTICS; h++)
			sum.heuristic[h] += stats->heuristic[h];
	}
	return sum;
}
/**@}*/

/** @name Set-up */
/**@{*/

struct hc_error *hc_plane_init(const struct hc_tracer *tracer, struct hc_plane *ret)
{
	uint64_t *words = calloc(tracer->num_words ? tracer->num_words : 1, sizeof(*words));

	if (!words)
		return &hc_enomem;
	ret->words = words;
	return NULL;
}

void hc_plane_deinit(struct hc_plane *plane)
{
	free(plane->words);
	plane->words = NULL;
}

void hc_plane_clear(const struct hc_tracer *tracer, struct hc_plane *plane)
{
	memset(plane->words, 0, tracer->num_words * sizeof(*plane->words));
}

struct hc_error *hc_tracer_set_roots(struct hc_tracer *tracer, const struct hc_root *roots,
				     size_t num_roots, const uint64_t *values, size_t num_values)
{
	struct hc_trace_shared *shared = tracer->shared;
	const struct hc_memory *memory = &tracer->process->memory;
	struct root_task task;
	size_t num = 0;

	/* A root may be terabytes, all of them missing. */
	for (size_t i = 0; i < num_roots; i++)
		for (uint64_t pos = roots[i].start; hc_memory_next_piece(
			     memory, &pos, roots[i].end, ROOT_TASK_BYTES, &task.start, &task.end);)
			num++;
	struct root_task *tasks = calloc(num ? num : 1, sizeof(*tasks));

	if (!tasks)
		return &hc_enomem;
	free(shared->root_tasks);
	shared->root_tasks = tasks;
	shared->num_root_tasks = 0;
	for (size_t i = 0; i < num_roots; i++)
		for (uint64_t pos = roots[i].start; hc_memory_next_piece(
			     memory, &pos, roots[i].end, ROOT_TASK_BYTES, &task.start, &task.end);)
			tasks[shared->num_root_tasks++] = task;
	shared->values = values;
	shared->num_values = num_values;
	return NULL;
}

/** Lay out the planes and cut them into stretches. */
static struct hc_error *lay_out(struct hc_tracer *tracer)
{
	const struct hc_heap *heap = tracer->heap;
	size_t num = 0;

	tracer->first_word = calloc(heap->num_spans + 1, sizeof(*tracer->first_word));
	if (!tracer->first_word)
		return &hc_enomem;
	for (size_t i = 0; i < heap->num_spans; i++) {
		const struct hc_span *span = &heap->spans[i];
		uint64_t words = (span->end - span->base) / HC_UNITS_PER_BLOCK;

		words = (words >> span->unit_shift) + 1;
		tracer->first_word[i + 1] = tracer->first_word[i] + words;
		num += (words + STRETCH_WORDS - 1) / STRETCH_WORDS;
	}
	tracer->num_words = tracer->first_word[heap->num_spans];
	tracer->stretches = calloc(num ? num : 1, sizeof(*tracer->stretches));
	if (!tracer->stretches)
		return &hc_enomem;
	for (size_t i = 0; i < heap->num_spans; i++) {
		uint64_t words = tracer->first_word[i + 1] - tracer->first_word[i];

		for (uint64_t from = 0; from < words; from += STRETCH_WORDS) {
			uint64_t to = from + STRETCH_WORDS < words ? from + STRETCH_WORDS : words;

			tracer->stretches[tracer->num_stretches++] =
				(struct hc_stretch){i, from, to};
		}
	}
	return NULL;
}

static struct hc_error *create_workers(struct hc_trace_shared *shared)
{
	const struct hc_heap *heap = shared->tracer->heap;

	if (posix_memalign((void **)&shared->workers, __alignof__(struct worker),
			   shared->jobs * sizeof(*shared->workers))) {
		shared->workers = NULL;
		return &hc_enomem;
	}
	memset(shared->workers, 0, shared->jobs * sizeof(*shared->workers));
	for (unsigned i = 0; i < shared->jobs; i++) {
		struct worker *w = &shared->workers[i];

		w->shared = shared;
		w->heap = heap;
		w->lowest = heap->lowest;
		w->extent = heap->highest - heap->lowest;
		w->stack = malloc(STACK_ENTRIES * sizeof(*w->stack));
		if (!w->stack)
			return &hc_enomem;
	}
	return NULL;
}

/** Entries hold spans and offsets in fewer bits than a hostile core could ask for. */
static struct hc_error *check_limits(const struct hc_heap *heap)
{
	if (heap->num_spans > UINT64_C(1) << SPAN_BITS)
		return hc_error_create(
			HC_ERROR_LIMIT,
			"the heap has %zu separate parts; reachability can handle %llu",
			heap->num_spans, 1ULL << SPAN_BITS);
	for (size_t i = 0; i < heap->num_spans; i++)
		if (heap->spans[i].end - heap->spans[i].base > OFFSET_MASK)
			return hc_error_at(
				HC_ERROR_LIMIT, heap->spans[i].start,
				"a part of the heap is larger than reachability can handle");
	return NULL;
}

struct hc_error *hc_tracer_create(const struct hc_process *process, struct hc_heap *heap,
				  unsigned jobs, struct hc_tracer **ret)
{
	struct hc_error *err = check_limits(heap);

	if (err)
		return err;
	struct hc_tracer *tracer = calloc(1, sizeof(*tracer));
	struct hc_trace_shared *shared = calloc(1, sizeof(*shared));

	if (!tracer || !shared) {
		free(tracer);
		free(shared);
		return &hc_enomem;
	}
	tracer->process = process;
	tracer->heap = heap;
	tracer->shared = shared;
	shared->tracer = tracer;
	shared->jobs = jobs ? jobs : 1;
	pthread_mutex_init(&shared->lock, NULL);
	pthread_cond_init(&shared->wake, NULL);
	err = lay_out(tracer);
	if (!err)
		err = create_workers(shared);
	if (!err)
		err = hc_plane_init(tracer, &shared->pending);
	if (!err) {
		shared->pool = malloc(POOL_ENTRIES * sizeof(*shared->pool));
		if (!shared->pool)
			err = &hc_enomem;
	}
	if (err) {
		hc_tracer_destroy(tracer);
		return err;
	}
	*ret = tracer;
	return NULL;
}

void hc_tracer_destroy(struct hc_tracer *tracer)
{
	if (!tracer)
		return;
	struct hc_trace_shared *shared = tracer->shared;

	for (unsigned i = 0; shared->workers && i < shared->jobs; i++)
		free(shared->workers[i].stack);
	free(shared->workers);
	free(shared->root_tasks);
	free(shared->pool);
	hc_plane_deinit(&shared->pending);
	pthread_mutex_destroy(&shared->lock);
	pthread_cond_destroy(&shared->wake);
	free(shared);
	free(tracer->first_word);
	free(tracer->stretches);
	free(tracer);
}
/**@}*/
