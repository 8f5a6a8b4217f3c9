/**
 * @file
 * The search; see graph.h.
 *
 * Pointers are read once, in the order of memory and by all processors, and kept as edges between
 * numbers of chunks, four bytes each (kept_graph.h). That is by far the quickest. Where edges take
 * more than a quarter of what the heap does, or are too entangled for that, they are not kept:
 *
 * A depth-first search goes over memory (dominators.h). A chunk's words are looked at in order. The
 * first that leads to a chunk which was not entered is followed when a second such has been found
 * or the chunk ends: where there is a second, its address is put on a stack, and where there is
 * none, nothing has to be remembered. So a list that is linked by its only pointer needs no stack,
 * and a tree needs its height.
 *
 * Pointers to what was entered before are most of all in some heaps. The search only wants to know
 * that they are such, which a bit for each unit tells; and it notes, by another one, which chunks
 * have some. The words of these are looked at once more, in the order of memory and by all
 * processors, when all have names.
 *
 * Most of the time is spent waiting for memory. So words are looked at a few at a time, and what
 * they need is fetched at once.
 */
#include "analyzers/retained/graph.h"

#include <stdlib.h>

#include "analyzers/reachability/edges.h"
#include "analyzers/reachability/kept_graph.h"
#include "analyzers/retained/names.h"
#include "core/base/array.h"
#include "core/base/cleanup.h"
#include "core/base/parallel.h"
#include "core/heap/plane.h"

#define ALWAYS_INLINE inline __attribute__((always_inline))

enum {
	CHECK_EVERY = 1 << 14, /* chunks between two looks at whether to go on */
	AHEAD = 64,            /* words of a chunk that are fetched for at a time */
	FRESH = 4,             /* of these, what was not entered is looked up so many at a time */
	EDGE_SHARE = 4,        /* edges may take a quarter of what the heap does */
	MIN_EDGES = 1 << 13,   /* for each thread, edges are kept in a heap of any size */
	AWAITED = 256,         /* pointers whose chunks are fetched before one is looked at */
};

/** The span that a word pointed into last: the next one does so, too, more often than not. */
struct recent {
	const struct hc_heap *heap;
	const struct hc_span *span;
	uint64_t base, extent;
};

struct keeper;

struct graph {
	struct hc_retained *retained;
	struct hc_kept_graph kept;
	struct keeper *keepers;
	const struct hc_heap *heap;
	struct hc_dominators dominators;
	struct hc_plane_layout layout;
	struct hc_plane entered; /* chunks that have a vertex */
	struct hc_plane more;    /* chunks with pointers to what was entered before */
	struct recent recent;
	uint32_t first_unknown; /* vertex: from here on, memory of unknown use; 0: not yet */
	uint64_t *stack;        /* addresses of words at which chunks are gone on with */
	size_t depth, max_depth;
	uint64_t max_chunks;
	struct hc_error *err;
};

/** What is being looked at. */
struct place {
	uint64_t pos, end; /* words that are left, addresses */
	uint32_t vertex;
	bool possible; /* it is reached by interior pointers only */
	const struct hc_span *span;
	uint64_t unit;
};

/** A chunk that was not entered. */
struct child {
	const struct hc_span *span; /* NULL: none */
	uint64_t unit;
	uint32_t *vertex;
};

/** @name Edges */
/**@{*/

static inline uint64_t number_of(const struct graph *graph, const struct hc_span *span,
				 uint64_t unit)
{
	const struct hc_numbers *numbers = &graph->retained->numbers;
	uint64_t block = unit / HC_UNITS_PER_BLOCK, bit = unit % HC_UNITS_PER_BLOCK;
	uint64_t below = span->blocks[block].start & ((UINT64_C(1) << bit) - 1);

	return numbers->before[span - graph->heap->spans][block] +
	       (uint64_t)__builtin_popcountll(below);
}

static inline uint32_t *vertex_of(const struct graph *graph, const struct hc_span *span,
				  uint64_t unit)
{
	return &graph->retained->vertex[number_of(graph, span, unit)];
}

static inline bool is_possible(const struct hc_span *span, uint64_t unit)
{
	return span->blocks[unit / HC_UNITS_PER_BLOCK].a >> unit % HC_UNITS_PER_BLOCK & 1;
}

/** Whether a pointer counts: see retained.h. What is lost is not in the graph. */
static inline bool counts(const struct hc_edge *edge, bool from_possible)
{
	const struct hc_block *block = &edge->span->blocks[edge->unit / HC_UNITS_PER_BLOCK];

	if (!(block->b >> edge->unit % HC_UNITS_PER_BLOCK & 1))
		return false;
	return is_possible(edge->span, edge->unit) || (edge->exact && !from_possible);
}

static inline uint64_t *word_of(const struct graph *graph, const struct hc_plane *plane,
				const struct hc_span *span, uint64_t unit)
{
	return hc_plane_word(&graph->layout, plane, span - graph->heap->spans, unit);
}

static inline bool has(const struct graph *graph, const struct hc_plane *plane,
		       const struct hc_span *span, uint64_t unit)
{
	return *word_of(graph, plane, span, unit) >> unit % HC_UNITS_PER_BLOCK & 1;
}

static inline void put(const struct graph *graph, const struct hc_plane *plane,
		       const struct hc_span *span, uint64_t unit)
{
	*word_of(graph, plane, span, unit) |= UINT64_C(1) << unit % HC_UNITS_PER_BLOCK;
}
/**@}*/

/** @name Looking at words */
/**@{*/

/** Where words are, as far as they lie in one piece. */
static inline struct hc_bytes words_at(const struct graph *graph, const struct place *place)
{
	const struct hc_span *span = place->span;

	if (span->data)
		return (struct hc_bytes){span->data + (place->pos - span->start),
					 place->end - place->pos};
	uint64_t pos = place->pos;
	struct hc_piece piece;

	if (!hc_memory_next_piece(&graph->heap->process->memory, &pos, place->end, UINT64_MAX,
				  &piece) ||
	    piece.start != place->pos)
		return (struct hc_bytes){0};
	return piece.bytes;
}

/** Step over what the core lacks, to a whole word. @return false at the end */
static bool next_words(const struct graph *graph, struct place *place, struct hc_bytes *ret)
{
	const unsigned word = graph->heap->word_size;
	uint64_t pos;
	struct hc_piece piece;

	while (place->pos < place->end) {
		*ret = words_at(graph, place);
		if (ret->size >= word)
			return true;
		pos = place->pos + (ret->size ? word : 0);
		if (pos >= place->end || !hc_memory_next_piece(&graph->heap->process->memory, &pos,
							       place->end, UINT64_MAX, &piece))
			break;
		place->pos = (piece.start + word - 1) & ~(uint64_t)(word - 1);
	}
	return false;
}

static ALWAYS_INLINE void fetch_block(const struct graph *graph, const struct hc_span *span,
				      uint64_t unit)
{
	uint64_t block = unit / HC_UNITS_PER_BLOCK;

	__builtin_prefetch(&span->blocks[block]);
	__builtin_prefetch(&graph->retained->numbers.before[span - graph->heap->spans][block]);
}

/** A word that may be a pointer. */
struct word {
	uint64_t value, at;
	const struct hc_span *span; /* that it points into; NULL: none, it may have a tag */
	uint64_t unit;
};

static __attribute__((noinline)) bool find_span(struct recent *recent, uint64_t value)
{
	const struct hc_span *span = hc_heap_span(recent->heap, value);

	if (!span || value < span->base)
		return false;
	recent->span = span;
	recent->base = span->base;
	recent->extent = span->end - span->base;
	return true;
}

/** Where in the heap a word points to, or that it may have a tag. */
static ALWAYS_INLINE bool find_word(struct recent *recent, struct word *word)
{
	uint64_t value = word->value;

	if (value - recent->base >= recent->extent && !find_span(recent, value)) {
		word->span = NULL;
		return recent->heap->tagged && !hc_heap_span(recent->heap, value);
	}
	uint64_t unit = hc_span_unit(recent->span, value - recent->base);

	word->span = recent->span;
	word->unit = unit < recent->span->num_units ? unit : recent->span->num_units - 1;
	return true;
}

/** How words are stored. */
struct form {
	unsigned size; /* bytes */
	bool big;      /* big-endian */
};

/** Those among the first AHEAD words of a place. One copy of the loop for each kind of word. */
static ALWAYS_INLINE size_t find_words_of(struct recent *recent, const struct place *place,
					  struct hc_bytes bytes, const struct form form,
					  struct word *words)
{
	const struct hc_heap *heap = recent->heap;
	const uint64_t lowest = heap->lowest, extent = heap->highest - heap->lowest;
	const bool tagged = heap->tagged;
	size_t num = 0;

	for (size_t i = 0; i < AHEAD && (i + 1) * form.size <= bytes.size; i++) {
		struct word *word = &words[num];

		word->value = hc_read_word(bytes.data + i * form.size, form.size, form.big);
		if (word->value - lowest >= extent && !tagged)
			continue;
		word->at = place->pos + i * form.size;
		num += find_word(recent, word);
	}
	return num;
}

static inline size_t find_words(struct recent *recent, const struct place *place,
				struct hc_bytes bytes, struct word *words)
{
	const struct hc_heap *heap = recent->heap;

	if (heap->big_endian)
		return find_words_of(recent, place, bytes, (struct form){heap->word_size, true},
				     words);
	if (heap->word_size == 8)
		return find_words_of(recent, place, bytes, (struct form){8, false}, words);
	return find_words_of(recent, place, bytes, (struct form){4, false}, words);
}

static ALWAYS_INLINE bool edge_of_word(const struct graph *graph, const struct word *word,
				       struct hc_edge *edge)
{
	return word->span ? hc_edge_into(graph->heap, word->span, word->value, edge)
			  : hc_edge_of(graph->heap, word->value, edge);
}

/** Whether a word leads to the start of a chunk that was entered. */
static ALWAYS_INLINE bool leads_back(const struct graph *graph, const struct word *word)
{
	return word->span && has(graph, &graph->entered, word->span, word->unit) &&
	       hc_span_offset(word->span, word->unit) == word->value - word->span->base;
}

/** What is seen of the words of a chunk. */
enum sight { SEEN_NOTHING, SEEN_ENTERED, SEEN_CHILD };

/** What a word leads to: nothing that counts, a chunk that was entered, or another one. */
static ALWAYS_INLINE enum sight look_at(const struct graph *graph, const struct place *place,
					const struct word *word, struct hc_edge *edge)
{
	if (!edge_of_word(graph, word, edge) || !counts(edge, place->possible))
		return SEEN_NOTHING;
	return has(graph, &graph->entered, edge->span, edge->unit) ? SEEN_ENTERED : SEEN_CHILD;
}

static ALWAYS_INLINE void fetch_bytes(const struct hc_span *span, uint64_t address)
{
	if (span->data)
		__builtin_prefetch(span->data + (address - span->start));
}

/** Words of a chunk that are being looked at, those from @p next on not yet. */
struct look {
	struct word words[AHEAD];
	size_t num, next;
	bool more; /* some lead to chunks that were entered */
};

/** Take the next few words that may lead to chunks which were not entered. */
static ALWAYS_INLINE size_t next_fresh(const struct graph *graph, struct look *look,
				       const struct word **fresh)
{
	size_t num = 0;

	for (; look->next < look->num && num < FRESH; look->next++) {
		const struct word *word = &look->words[look->next];

		if (leads_back(graph, word)) {
			look->more = true;
			continue;
		}
		if (word->span)
			fetch_block(graph, word->span, word->unit);
		fresh[num++] = word;
	}
	return num;
}

/** @return whether it leads to a second chunk that was not entered */
static ALWAYS_INLINE bool look_at_word(const struct graph *graph, const struct place *place,
				       struct look *look, const struct word *word,
				       struct child *child)
{
	struct hc_edge edge;
	enum sight sight = look_at(graph, place, word, &edge);

	look->more |= sight == SEEN_ENTERED;
	if (sight != SEEN_CHILD || (child->span == edge.span && child->unit == edge.unit))
		return false;
	fetch_bytes(edge.span, hc_span_address(edge.span, edge.unit));
	if (child->span)
		return true;
	*child = (struct child){edge.span, edge.unit, vertex_of(graph, edge.span, edge.unit)};
	__builtin_prefetch(child->vertex, 1);
	return false;
}

/**
 * Look at a few words.
 *
 * @return whether one leads to a second chunk that was not entered: there the place is, then
 */
static inline bool look_at_words(struct graph *graph, struct place *place, struct hc_bytes bytes,
				 struct child *child)
{
	const struct word *fresh[FRESH];
	struct look look;
	bool second = false;
	size_t num;

	look.num = find_words(&graph->recent, place, bytes, look.words);
	look.next = 0;
	look.more = false;
	for (size_t i = 0; i < look.num; i++)
		if (look.words[i].span)
			__builtin_prefetch(word_of(graph, &graph->entered, look.words[i].span,
						   look.words[i].unit));
	while (!second && (num = next_fresh(graph, &look, fresh)))
		for (size_t i = 0; i < num && !second; i++) {
			second = look_at_word(graph, place, &look, fresh[i], child);
			if (second)
				place->pos = fresh[i]->at;
		}
	if (look.more)
		put(graph, &graph->more, place->span, place->unit);
	return second;
}

/** Look at words until two of them lead to chunks that were not entered: the first is returned. */
static bool next_child(struct graph *graph, struct place *place, struct child *child)
{
	const unsigned word = graph->heap->word_size;
	struct hc_bytes bytes;

	*child = (struct child){0};
	while (next_words(graph, place, &bytes)) {
		if (look_at_words(graph, place, bytes, child))
			return true;
		size_t whole = bytes.size / word;

		place->pos += (whole < AHEAD ? whole : AHEAD) * word;
	}
	place->pos = place->end;
	return child->span != NULL;
}
/**@}*/

/** @name Depth first */
/**@{*/

static struct place place_of_chunk(const struct hc_span *span, uint64_t unit, uint32_t vertex)
{
	return (struct place){
		.pos = span->base + hc_span_offset(span, unit),
		.end = span->base + hc_edge_usable_end(span, unit),
		.vertex = vertex,
		.possible = is_possible(span, unit),
		.span = span,
		.unit = unit,
	};
}

static void push(struct graph *graph, uint64_t address)
{
	if (!graph->err)
		graph->err = hc_array_regrow(&graph->stack, graph->depth, &graph->max_depth,
					     sizeof(*graph->stack));
	if (!graph->err)
		graph->stack[graph->depth++] = address;
}

/** Fetch what is needed when an address is popped. */
static inline void fetch_place(struct graph *graph, uint64_t address)
{
	struct word word = {.value = address};

	if (!find_word(&graph->recent, &word) || !word.span)
		return;
	fetch_block(graph, word.span, word.unit);
	fetch_bytes(word.span, address);
}

/** The chunk that was gone away from last. */
static struct place pop(struct graph *graph)
{
	uint64_t address = graph->stack[--graph->depth];
	const struct hc_span *span = hc_heap_span(graph->heap, address);
	uint64_t unit = hc_span_prev_start(span, hc_span_unit(span, address - span->base));
	struct place place = place_of_chunk(span, unit, *vertex_of(graph, span, unit));

	place.pos = address;
	if (graph->depth)
		fetch_place(graph, graph->stack[graph->depth - 1]);
	return place;
}

static uint32_t enter(struct graph *graph, const struct child *child, uint32_t parent)
{
	if (graph->dominators.num >= graph->dominators.max) {
		if (!graph->err)
			graph->err = hc_error_create(
				HC_ERROR_FORMAT, "more chunks can be reached than were counted");
		return 0;
	}
	uint32_t vertex = hc_dominators_enter(&graph->dominators, parent);

	*child->vertex = vertex;
	put(graph, &graph->entered, child->span, child->unit);
	return vertex;
}

static bool is_cancelled(struct graph *graph)
{
	struct hc_watch *watch = graph->heap->process->watch;

	if (graph->dominators.num % CHECK_EVERY)
		return false;
	if (!graph->err)
		graph->err = hc_watch_check(watch);
	hc_watch_done(watch, graph->dominators.num, graph->max_chunks);
	return graph->err;
}

/** Everything below a chunk that was just entered. */
static void descend(struct graph *graph, struct place place)
{
	struct child child;

	for (;;) {
		if (next_child(graph, &place, &child)) {
			if (place.pos < place.end)
				push(graph, place.pos);
			uint32_t vertex = enter(graph, &child, place.vertex);

			if (!vertex || graph->err || is_cancelled(graph))
				return;
			place = place_of_chunk(child.span, child.unit, vertex);
		} else if (graph->depth) {
			place = pop(graph);
		} else {
			return;
		}
	}
}

/** A pointer of an anchor. */
static void see_pointer(struct graph *graph, const struct hc_anchor *anchor,
			const struct hc_edge *edge)
{
	const struct child child = {edge->span, edge->unit,
				    vertex_of(graph, edge->span, edge->unit)};

	if (!counts(edge, false) || has(graph, &graph->entered, edge->span, edge->unit))
		return;
	uint32_t vertex = enter(graph, &child, anchor->vertex);

	if (vertex)
		descend(graph, place_of_chunk(child.span, child.unit, vertex));
}

struct pointers {
	struct graph *graph;
	const struct hc_anchor *anchor;
};

static bool see_word(void *ctx, const struct hc_edge *edge)
{
	const struct pointers *pointers = ctx;

	see_pointer(pointers->graph, pointers->anchor, edge);
	return !pointers->graph->err;
}

static void see_values(const struct hc_heap *heap, const struct hc_anchor *anchor, hc_edge_fn fn,
		       void *ctx)
{
	for (size_t i = 0; i < anchor->num_values; i++) {
		struct hc_edge edge = {.value = anchor->values[i]};

		if (hc_edge_of(heap, anchor->values[i], &edge) && !fn(ctx, &edge))
			return;
	}
}

static struct hc_error *search_anchors(struct graph *graph)
{
	struct hc_anchors *anchors = &graph->retained->anchors;

	graph->first_unknown = UINT32_MAX;
	for (size_t i = 0; !graph->err && i < anchors->num; i++) {
		struct hc_anchor *anchor = &anchors->items[i];
		struct pointers pointers = {graph, anchor};

		if (i == anchors->num_known)
			graph->first_unknown = graph->dominators.num;
		anchor->vertex = hc_dominators_enter(&graph->dominators, 0);
		see_values(graph->heap, anchor, see_word, &pointers);
		hc_edges_of_range(graph->heap, anchor->start, anchor->end, see_word, &pointers);
		if (!graph->err)
			graph->err = hc_watch_check(graph->heap->process->watch);
	}
	return graph->err;
}
/**@}*/

/** @name Edges */
/**@{*/

struct source {
	struct graph *graph;
	unsigned worker;
	uint32_t vertex;
	struct recent recent;
};

/** An edge to a chunk, unless memory of unknown use points to what has a better holder. */
static inline void tell_edge(const struct source *source, uint32_t to)
{
	uint32_t from = source->vertex, unknown = source->graph->first_unknown;

	if (to && (from < unknown || to >= unknown))
		hc_dominators_edge(&source->graph->dominators, source->worker, from, to);
}

static bool tell_pointer(void *ctx, const struct hc_edge *edge)
{
	const struct source *source = ctx;

	if (counts(edge, false))
		tell_edge(source, *vertex_of(source->graph, edge->span, edge->unit));
	return true;
}

/** The edges of a chunk, a few at a time: blocks, then vertices, then what is known of these. */
static void tell_words(struct source *source, const struct place *place, struct hc_bytes bytes)
{
	const struct graph *graph = source->graph;
	const uint32_t *vertices[AHEAD];
	uint32_t to[AHEAD];
	struct word words[AHEAD];
	size_t num = find_words(&source->recent, place, bytes, words), n = 0;

	for (size_t i = 0; i < num; i++)
		if (words[i].span)
			fetch_block(graph, words[i].span, words[i].unit);
	for (size_t i = 0; i < num; i++) {
		struct hc_edge edge;

		if (!edge_of_word(graph, &words[i], &edge) || !counts(&edge, place->possible))
			continue;
		vertices[n] = vertex_of(graph, edge.span, edge.unit);
		__builtin_prefetch(vertices[n++]);
	}
	for (size_t i = 0; i < n; i++) {
		to[i] = *vertices[i];
		hc_dominators_fetch(&graph->dominators, source->vertex, to[i]);
	}
	for (size_t i = 0; i < n; i++)
		tell_edge(source, to[i]);
}

static void tell_chunk(struct source *source, struct place place)
{
	const unsigned word = source->graph->heap->word_size;
	struct hc_bytes bytes;

	source->vertex = place.vertex;
	hc_dominators_fetch_from(&source->graph->dominators, place.vertex);
	while (next_words(source->graph, &place, &bytes)) {
		size_t whole = bytes.size / word;

		tell_words(source, &place, bytes);
		place.pos += (whole < AHEAD ? whole : AHEAD) * word;
	}
}

static struct hc_error *tell_stretch(void *ctx, unsigned worker, size_t task)
{
	struct graph *graph = ctx;
	const struct hc_stretch *stretch = &graph->layout.stretches[task];
	const struct hc_span *span = &graph->heap->spans[stretch->span];
	struct source source = {.graph = graph, .worker = worker, .recent.heap = graph->heap};

	for (uint64_t i = stretch->from; i < stretch->to; i++)
		hc_for_each_bit (bit,
				 graph->more.words[graph->layout.first_word[stretch->span] + i]) {
			uint64_t unit = i * HC_UNITS_PER_BLOCK + bit;

			tell_chunk(&source,
				   place_of_chunk(span, unit, *vertex_of(graph, span, unit)));
		}
	return NULL;
}

static struct hc_error *tell_edges(void *ctx)
{
	struct graph *graph = ctx;
	const struct hc_anchors *anchors = &graph->retained->anchors;

	for (size_t i = 0; i < anchors->num; i++) {
		const struct hc_anchor *anchor = &anchors->items[i];
		struct source source = {.graph = graph, .vertex = anchor->vertex};

		see_values(graph->heap, anchor, tell_pointer, &source);
		hc_edges_of_range(graph->heap, anchor->start, anchor->end, tell_pointer, &source);
	}
	return hc_parallel_watched(graph->heap->process->jobs, graph->heap->process->watch,
				   graph->layout.num_stretches, tell_stretch, graph);
}
/**@}*/

/** @name Edges that are kept */
/**@{*/

/** A pointer whose chunk is being fetched. */
struct awaited {
	struct word word;
	uint32_t from;
	bool possible; /* what it stands in is */
};

/** A thread's own. */
struct keeper {
	struct graph *graph;
	struct hc_kept_run run;
	struct recent recent;
	struct awaited awaited[AWAITED];
	size_t num_awaited;
	uint32_t from; /* whose edges these are: */
	uint32_t *to;
	size_t num, max;
	struct hc_error *err;
};

/** Vertices of the graph that is kept: the root, anchors, chunks by number. */
static inline uint32_t kept_vertex(const struct graph *graph, const struct hc_span *span,
				   uint64_t unit)
{
	return 1 + graph->retained->anchors.num + number_of(graph, span, unit);
}

/** All edges of a vertex were seen. */
static void end_vertex(struct keeper *keeper)
{
	hc_kept_graph_add(&keeper->graph->kept, &keeper->run, keeper->from, keeper->to,
			  keeper->num);
	keeper->num = 0;
}

static void keep_edge(struct keeper *keeper, const struct hc_edge *edge)
{
	if (!keeper->err)
		keeper->err = hc_array_regrow(&keeper->to, keeper->num, &keeper->max,
					      sizeof(*keeper->to));
	if (!keeper->err)
		keeper->to[keeper->num++] = kept_vertex(keeper->graph, edge->span, edge->unit);
}

/** Look at what was fetched. */
static void follow(struct keeper *keeper)
{
	for (size_t i = 0; i < keeper->num_awaited; i++) {
		const struct awaited *awaited = &keeper->awaited[i];
		struct hc_edge edge;

		if (awaited->from != keeper->from)
			end_vertex(keeper);
		keeper->from = awaited->from;
		if (edge_of_word(keeper->graph, &awaited->word, &edge) &&
		    counts(&edge, awaited->possible))
			keep_edge(keeper, &edge);
	}
	keeper->num_awaited = 0;
}

static void keep_chunk(struct keeper *keeper, struct place place)
{
	const struct graph *graph = keeper->graph;
	const unsigned size = graph->heap->word_size;
	struct word words[AHEAD];
	struct hc_bytes bytes;

	while (next_words(graph, &place, &bytes)) {
		size_t whole = bytes.size / size, num;

		if (keeper->num_awaited + AHEAD > AWAITED)
			follow(keeper);
		num = find_words(&keeper->recent, &place, bytes, words);
		for (size_t i = 0; i < num; i++) {
			if (words[i].span)
				fetch_block(graph, words[i].span, words[i].unit);
			keeper->awaited[keeper->num_awaited++] =
				(struct awaited){words[i], place.vertex, place.possible};
		}
		place.pos += (whole < AHEAD ? whole : AHEAD) * size;
	}
}

static struct hc_error *keep_stretch(void *ctx, unsigned worker, size_t task)
{
	struct graph *graph = ctx;
	const struct hc_stretch *stretch = &graph->layout.stretches[task];
	const struct hc_span *span = &graph->heap->spans[stretch->span];
	struct keeper *keeper = &graph->keepers[worker];

	/* A large chunk that is alone has one block, and planes for all of its bytes. */
	uint64_t to = stretch->to < span->num_blocks ? stretch->to : span->num_blocks;

	for (uint64_t i = stretch->from; i < to && !keeper->err; i++) {
		const struct hc_block *block = &span->blocks[i];

		if (hc_kept_graph_full(&graph->kept))
			break;
		hc_for_each_bit (bit, hc_block_in_use(block) & block->b) {
			uint64_t unit = i * HC_UNITS_PER_BLOCK + bit;

			keep_chunk(keeper,
				   place_of_chunk(span, unit, kept_vertex(graph, span, unit)));
		}
	}
	follow(keeper);
	end_vertex(keeper);
	return keeper->err;
}

static bool keep_pointer(void *ctx, const struct hc_edge *edge)
{
	struct keeper *keeper = ctx;

	if (counts(edge, false))
		keep_edge(keeper, edge);
	return !keeper->err;
}

static struct hc_error *keep_anchors(struct graph *graph)
{
	const struct hc_anchors *anchors = &graph->retained->anchors;
	struct keeper *keeper = &graph->keepers[0];

	for (size_t i = 0; i < anchors->num && !keeper->err; i++) {
		const struct hc_anchor *anchor = &anchors->items[i];

		keeper->from = i + 1;
		see_values(graph->heap, anchor, keep_pointer, keeper);
		hc_edges_of_range(graph->heap, anchor->start, anchor->end, keep_pointer, keeper);
		end_vertex(keeper);
		if (!keeper->err)
			keeper->err = hc_watch_check(graph->heap->process->watch);
	}
	return keeper->err;
}

static struct hc_error *keep_edges(struct graph *graph)
{
	const unsigned jobs = graph->heap->process->jobs;
	struct hc_error *err;

	graph->keepers = calloc(jobs, sizeof(*graph->keepers));
	if (!graph->keepers)
		return &hc_enomem;
	for (unsigned i = 0; i < jobs; i++) {
		graph->keepers[i].graph = graph;
		graph->keepers[i].recent.heap = graph->heap;
	}
	err = keep_anchors(graph);
	if (!err)
		err = hc_process_parallel(graph->heap->process, graph->layout.num_stretches,
					  keep_stretch, graph);
	for (unsigned i = 0; i < jobs; i++)
		free(graph->keepers[i].to);
	free(graph->keepers);
	graph->keepers = NULL;
	return err;
}

/** In hc_retained::vertex, which is not looked at before. */
static void name_as_kept(struct graph *graph, const uint32_t *parents)
{
	struct hc_retained *retained = graph->retained;
	const uint32_t first = 1 + retained->anchors.num;

	for (size_t i = 0; i < retained->anchors.num; i++)
		retained->anchors.items[i].vertex = i + 1;
	for (uint64_t i = 0; i < retained->numbers.num; i++)
		if (parents[first + i] != HC_KEPT_UNREACHED)
			retained->vertex[i] = first + i;
}

/** @param[out] ret NULL: edges are too many, or too entangled */
static struct hc_error *find_by_kept_edges(struct graph *graph, struct hc_named_tree *ret)
{
	const struct hc_retained *retained = graph->retained;
	const struct hc_process *process = graph->heap->process;
	const struct hc_kept_graph_size size = {
		.vertices = 1 + retained->anchors.num + retained->numbers.num,
		.anchors = retained->anchors.num,
		.strong = retained->anchors.num_known,
		.max_edges = hc_heap_bytes(graph->heap) / EDGE_SHARE / sizeof(uint32_t) +
			     MIN_EDGES * (uint64_t)process->jobs,
	};
	struct hc_error *err = NULL;

	if (size.vertices >= HC_KEPT_GRAPH_MAX)
		return NULL;
	ret->max = size.vertices;
	if ((err = hc_kept_graph_init(&size, &graph->kept)))
		return err;
	hc_watch_part(process->watch, 0, 0.3);
	err = keep_edges(graph);
	hc_watch_part(process->watch, 0.3, 0.6);
	if (!err && !hc_kept_graph_full(&graph->kept))
		err = hc_kept_graph_dominators(&graph->kept, process->jobs, process->watch,
					       &ret->parents);
	hc_kept_graph_deinit(&graph->kept);
	if (ret->parents)
		name_as_kept(graph, ret->parents);
	return err;
}
/**@}*/

/** @name Edges that are told */
/**@{*/

static struct hc_error *graph_init(struct graph *graph)
{
	const struct hc_heap *heap = graph->heap;
	struct hc_error *err = hc_plane_init(&graph->layout, &graph->entered);

	if (!err)
		err = hc_plane_init(&graph->layout, &graph->more);
	if (!err)
		err = hc_dominators_init(graph->max_chunks + graph->retained->anchors.num + 1,
					 hc_heap_bytes(heap) / EDGE_SHARE, heap->process->jobs,
					 &graph->dominators);
	return err;
}

static void graph_deinit(struct graph *graph)
{
	free(graph->stack);
	graph->stack = NULL;
	hc_plane_deinit(&graph->entered);
	hc_plane_deinit(&graph->more);
	hc_plane_layout_deinit(&graph->layout);
	hc_dominators_deinit(&graph->dominators);
}

static struct hc_error *find_by_told_edges(struct graph *graph, struct hc_named_tree *ret)
{
	struct hc_watch *watch = graph->heap->process->watch;
	struct hc_dominators *dominators = &graph->dominators;
	struct hc_error *err = graph_init(graph);

	if (err)
		return err;
	hc_watch_part(watch, 0, 0.6);
	if ((err = search_anchors(graph)))
		return err;
	free(graph->stack);
	graph->stack = NULL;
	hc_watch_part(watch, 0.6, 0.85);
	err = hc_dominators_finish(dominators, tell_edges, graph, watch);
	if (err)
		return err;
	ret->parents = dominators->idom;
	ret->max = (uint64_t)dominators->max + 1;
	dominators->idom = NULL;
	return NULL;
}
/**@}*/

struct hc_error *hc_retained_search(struct hc_retained *retained, uint64_t max_chunks)
{
	struct hc_named_tree tree = {0};
	hc_cleanup(graph_deinit) struct graph graph = {.retained = retained,
						       .heap = retained->heap,
						       .recent.heap = retained->heap,
						       .max_chunks = max_chunks};
	struct hc_error *err = hc_plane_layout_init(retained->heap, &graph.layout);

	if (!err)
		err = find_by_kept_edges(&graph, &tree);
	if (!err && !tree.parents)
		err = find_by_told_edges(&graph, &tree);
	if (err)
		return err;
	uint64_t num = graph.dominators.num;

	graph_deinit(&graph);
	graph = (struct graph){0};
	/* So many come from told edges alone, and have names as good as any. */
	if (num >= HC_MAX_NAMES) {
		retained->idom = tree.parents;
		retained->num = num;
		retained->max = tree.max - 1;
		return NULL;
	}
	hc_watch_part(retained->heap->process->watch, 0.85, 0.9);
	return hc_retained_name(retained, &tree);
}
