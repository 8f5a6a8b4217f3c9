/**
 * @file
 * Edges that are told; see told.h.
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
 */
#include "analyzers/retained/told.h"

#include <stdlib.h>

#include "analyzers/reachability/dominators.h"
#include "analyzers/retained/words.h"
#include "core/base/array.h"
#include "core/base/cleanup.h"
#include "core/base/parallel.h"

#define ALWAYS_INLINE inline __attribute__((always_inline))

enum {
	CHECK_EVERY = 1 << 14, /* chunks between two looks at whether to go on */
	FRESH = 4,             /* words that are looked up at a time */
	EDGE_SHARE = 4,        /* edges may take a quarter of what the heap does */
};

struct graph {
	struct hc_retained *retained;
	const struct hc_heap *heap;
	struct hc_dominators dominators;
	const struct hc_plane_layout *layout;
	struct hc_plane entered; /* chunks that have a vertex */
	struct hc_plane more;    /* chunks with pointers to what was entered before */
	struct hc_recent_span recent;
	uint32_t first_unknown; /* vertex: from here on, memory of unknown use; 0: not yet */
	uint64_t *stack;        /* addresses of words at which chunks are gone on with */
	size_t depth, max_depth;
	uint64_t max_chunks;
	struct hc_error *err;
};

/** A chunk that was not entered. */
struct child {
	const struct hc_span *span; /* NULL: none */
	uint64_t unit;
	uint32_t *vertex;
};

/** @name What was entered */
/**@{*/

static inline uint64_t *word_of(const struct graph *graph, const struct hc_plane *plane,
				const struct hc_span *span, uint64_t unit)
{
	return hc_plane_word(graph->layout, plane, span - graph->heap->spans, unit);
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

/** Whether a word leads to the start of a chunk that was entered. */
static ALWAYS_INLINE bool leads_back(const struct graph *graph, const struct hc_word *word)
{
	return word->span && has(graph, &graph->entered, word->span, word->unit) &&
	       hc_span_offset(word->span, word->unit) == word->value - word->span->base;
}

/** What is seen of the words of a chunk. */
enum sight { SEEN_NOTHING, SEEN_ENTERED, SEEN_CHILD };

/** What a word leads to: nothing that counts, a chunk that was entered, or another one. */
static ALWAYS_INLINE enum sight look_at(const struct graph *graph,
					const struct hc_chunk_words *place,
					const struct hc_word *word, struct hc_edge *edge)
{
	if (!hc_edge_of_word(graph->retained, word, edge) ||
	    !hc_pointer_counts(edge, place->possible))
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
	struct hc_word words[HC_WORDS_AHEAD];
	size_t num, next;
	bool more; /* some lead to chunks that were entered */
};

/** Take the next few words that may lead to chunks which were not entered. */
static ALWAYS_INLINE size_t next_fresh(const struct graph *graph, struct look *look,
				       const struct hc_word **fresh)
{
	size_t num = 0;

	for (; look->next < look->num && num < FRESH; look->next++) {
		const struct hc_word *word = &look->words[look->next];

		if (leads_back(graph, word)) {
			look->more = true;
			continue;
		}
		if (word->span)
			hc_fetch_block(graph->retained, word->span, word->unit);
		fresh[num++] = word;
	}
	return num;
}

/** @return whether it leads to a second chunk that was not entered */
static ALWAYS_INLINE bool look_at_word(const struct graph *graph,
				       const struct hc_chunk_words *place, struct look *look,
				       const struct hc_word *word, struct child *child)
{
	struct hc_edge edge;
	enum sight sight = look_at(graph, place, word, &edge);

	look->more |= sight == SEEN_ENTERED;
	if (sight != SEEN_CHILD || (child->span == edge.span && child->unit == edge.unit))
		return false;
	fetch_bytes(edge.span, hc_span_address(edge.span, edge.unit));
	if (child->span)
		return true;
	*child = (struct child){edge.span, edge.unit,
				hc_vertex_of(graph->retained, edge.span, edge.unit)};
	__builtin_prefetch(child->vertex, 1);
	return false;
}

/**
 * Look at a few words.
 *
 * @return whether one leads to a second chunk that was not entered: there the place is, then
 */
static inline bool look_at_words(struct graph *graph, struct hc_chunk_words *place,
				 struct hc_bytes bytes, struct child *child)
{
	const struct hc_word *fresh[FRESH];
	struct look look;
	bool second = false;
	size_t num;

	look.num = hc_find_words(&graph->recent, place, bytes, look.words);
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
static bool next_child(struct graph *graph, struct hc_chunk_words *place, struct child *child)
{
	const unsigned word = graph->heap->word_size;
	struct hc_bytes bytes;

	*child = (struct child){0};
	while (hc_next_words(graph->retained, place, &bytes)) {
		if (look_at_words(graph, place, bytes, child))
			return true;
		size_t whole = bytes.size / word;

		place->pos += (whole < HC_WORDS_AHEAD ? whole : HC_WORDS_AHEAD) * word;
	}
	place->pos = place->end;
	return child->span != NULL;
}
/**@}*/

/** @name Depth first */
/**@{*/

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
	struct hc_word word = {.value = address};

	if (!hc_find_word(&graph->recent, &word) || !word.span)
		return;
	hc_fetch_block(graph->retained, word.span, word.unit);
	fetch_bytes(word.span, address);
}

/** The chunk that was gone away from last. */
static struct hc_chunk_words pop(struct graph *graph)
{
	uint64_t address = graph->stack[--graph->depth];
	const struct hc_span *span = hc_heap_span(graph->heap, address);
	uint64_t unit = hc_span_prev_start(span, hc_span_unit(span, address - span->base));
	struct hc_chunk_words place =
		hc_words_of_chunk(span, unit, *hc_vertex_of(graph->retained, span, unit));

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
static void descend(struct graph *graph, struct hc_chunk_words place)
{
	struct child child;

	for (;;) {
		if (next_child(graph, &place, &child)) {
			if (place.pos < place.end)
				push(graph, place.pos);
			uint32_t vertex = enter(graph, &child, place.vertex);

			if (!vertex || graph->err || is_cancelled(graph))
				return;
			place = hc_words_of_chunk(child.span, child.unit, vertex);
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
				    hc_vertex_of(graph->retained, edge->span, edge->unit)};

	if (!hc_pointer_counts(edge, false) || has(graph, &graph->entered, edge->span, edge->unit))
		return;
	uint32_t vertex = enter(graph, &child, anchor->vertex);

	if (vertex)
		descend(graph, hc_words_of_chunk(child.span, child.unit, vertex));
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
		hc_edges_of_anchor(graph->heap, anchor, see_word, &pointers);
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
	struct hc_recent_span recent;
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

	if (hc_pointer_counts(edge, false))
		tell_edge(source, *hc_vertex_of(source->graph->retained, edge->span, edge->unit));
	return true;
}

/** The edges of a chunk, a few at a time: blocks, then vertices, then what is known of these. */
static void tell_words(struct source *source, const struct hc_chunk_words *place,
		       struct hc_bytes bytes)
{
	const struct graph *graph = source->graph;
	const uint32_t *vertices[HC_WORDS_AHEAD];
	uint32_t to[HC_WORDS_AHEAD];
	struct hc_word words[HC_WORDS_AHEAD];
	size_t num = hc_find_words(&source->recent, place, bytes, words), n = 0;

	for (size_t i = 0; i < num; i++)
		if (words[i].span)
			hc_fetch_block(graph->retained, words[i].span, words[i].unit);
	for (size_t i = 0; i < num; i++) {
		struct hc_edge edge;

		if (!hc_edge_of_word(graph->retained, &words[i], &edge) ||
		    !hc_pointer_counts(&edge, place->possible))
			continue;
		vertices[n] = hc_vertex_of(graph->retained, edge.span, edge.unit);
		__builtin_prefetch(vertices[n++]);
	}
	for (size_t i = 0; i < n; i++) {
		to[i] = *vertices[i];
		hc_dominators_fetch(&graph->dominators, source->vertex, to[i]);
	}
	for (size_t i = 0; i < n; i++)
		tell_edge(source, to[i]);
}

static void tell_chunk(struct source *source, struct hc_chunk_words place)
{
	const unsigned word = source->graph->heap->word_size;
	struct hc_bytes bytes;

	source->vertex = place.vertex;
	hc_dominators_fetch_from(&source->graph->dominators, place.vertex);
	while (hc_next_words(source->graph->retained, &place, &bytes)) {
		size_t whole = bytes.size / word;

		tell_words(source, &place, bytes);
		place.pos += (whole < HC_WORDS_AHEAD ? whole : HC_WORDS_AHEAD) * word;
	}
}

static struct hc_error *tell_stretch(void *ctx, unsigned worker, size_t task)
{
	struct graph *graph = ctx;
	const struct hc_stretch *stretch = &graph->layout->stretches[task];
	const struct hc_span *span = &graph->heap->spans[stretch->span];
	struct source source = {.graph = graph, .worker = worker, .recent.heap = graph->heap};

	for (uint64_t i = stretch->from; i < stretch->to; i++)
		hc_for_each_bit (bit,
				 graph->more.words[graph->layout->first_word[stretch->span] + i]) {
			uint64_t unit = i * HC_UNITS_PER_BLOCK + bit;

			tell_chunk(&source,
				   hc_words_of_chunk(span, unit,
						     *hc_vertex_of(graph->retained, span, unit)));
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

		hc_edges_of_anchor(graph->heap, anchor, tell_pointer, &source);
	}
	return hc_parallel_watched(graph->heap->process->jobs, graph->heap->process->watch,
				   graph->layout->num_stretches, tell_stretch, graph);
}
/**@}*/

static struct hc_error *graph_init(struct graph *graph)
{
	const struct hc_heap *heap = graph->heap;
	struct hc_error *err = hc_plane_init(graph->layout, &graph->entered);

	if (!err)
		err = hc_plane_init(graph->layout, &graph->more);
	if (!err)
		err = hc_dominators_init(graph->max_chunks + graph->retained->anchors.num + 1,
					 hc_heap_bytes(heap) / EDGE_SHARE, heap->process->jobs,
					 &graph->dominators);
	return err;
}

static void graph_deinit(struct graph *graph)
{
	free(graph->stack);
	hc_plane_deinit(&graph->entered);
	hc_plane_deinit(&graph->more);
	hc_dominators_deinit(&graph->dominators);
}

struct hc_error *hc_retained_by_told_edges(struct hc_retained *retained,
					   const struct hc_plane_layout *layout,
					   uint64_t max_chunks, struct hc_named_tree *ret,
					   uint64_t *num_ret)
{
	struct hc_watch *watch = retained->heap->process->watch;
	hc_cleanup(graph_deinit) struct graph graph = {.retained = retained,
						       .heap = retained->heap,
						       .layout = layout,
						       .recent.heap = retained->heap,
						       .max_chunks = max_chunks};
	struct hc_dominators *dominators = &graph.dominators;
	struct hc_error *err = graph_init(&graph);

	if (err)
		return err;
	hc_watch_part(watch, 0, 0.6);
	if ((err = search_anchors(&graph)))
		return err;
	free(graph.stack);
	graph.stack = NULL;
	hc_watch_part(watch, 0.6, 0.85);
	err = hc_dominators_finish(dominators, tell_edges, &graph, watch);
	if (err)
		return err;
	ret->parents = dominators->idom;
	ret->max = (uint64_t)dominators->max + 1;
	dominators->idom = NULL;
	*num_ret = dominators->num;
	return NULL;
}
