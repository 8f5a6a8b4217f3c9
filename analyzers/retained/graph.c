/**
 * @file
 * The search; see graph.h.
 *
 * A chunk's words are looked at in order. The first that leads to a chunk which was not entered is
 * followed when a second such has been found or the chunk ends: where there is a second, its
 * address is put on a stack, and where there is none, nothing has to be remembered. So a list that
 * is linked by its only pointer needs no stack, and a tree needs its height.
 *
 * Most of the time is spent waiting for memory: of a chunk, its bytes, its block of the planes, and
 * its vertex. So the words of a chunk are first looked at all, a few at a time, and what they need
 * is fetched at once.
 */
#include "analyzers/retained/graph.h"

#include <stdlib.h>

#include "analyzers/reachability/edges.h"
#include "core/base/array.h"

enum {
	CHECK_EVERY = 1 << 14, /* chunks between two looks at whether to go on */
	AHEAD = 16,            /* words of a chunk that are fetched for at a time */
	EDGE_SHARE = 4,        /* edges that wait may take a quarter of what the heap does */
};

struct graph {
	struct hc_retained *retained;
	const struct hc_heap *heap;
	struct hc_dominators dominators;
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
};

/** A chunk that was not entered. */
struct child {
	const struct hc_span *span; /* NULL: none */
	uint64_t unit;
	uint32_t *vertex;
	uint64_t at; /* where the pointer stands */
};

/** @name Edges */
/**@{*/

static inline uint32_t *vertex_of(const struct graph *graph, const struct hc_span *span,
				  uint64_t unit)
{
	const struct hc_numbers *numbers = &graph->retained->numbers;
	uint64_t block = unit / HC_UNITS_PER_BLOCK, bit = unit % HC_UNITS_PER_BLOCK;
	uint64_t below = span->blocks[block].start & ((UINT64_C(1) << bit) - 1);

	return &graph->retained->vertex[numbers->before[span - graph->heap->spans][block] +
					(uint64_t)__builtin_popcountll(below)];
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

/** An edge to a chunk that was entered. */
static inline void connect(struct graph *graph, uint32_t from, uint32_t to)
{
	if (from < graph->first_unknown || to >= graph->first_unknown)
		hc_dominators_edge(&graph->dominators, from, to);
}
/**@}*/

/** @name Looking at words */
/**@{*/

/** Where words are, as far as they lie in one piece. */
static inline struct hc_bytes words_at(const struct graph *graph, const struct place *place)
{
	const struct hc_span *span = hc_heap_span(graph->heap, place->pos);

	if (span && span->data && place->end <= span->end)
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
		if (pos >= place->end ||
		    !hc_memory_next_piece(&graph->heap->process->memory, &pos, place->end,
					  UINT64_MAX, &piece))
			break;
		place->pos = (piece.start + word - 1) & ~(uint64_t)(word - 1);
	}
	return false;
}

/** Edges among a few words, all that they need having been asked for. */
static inline size_t find_edges(const struct graph *graph, struct hc_bytes bytes, uint64_t address,
				struct hc_edge *edges)
{
	const struct hc_heap *heap = graph->heap;
	const unsigned word = heap->word_size;
	uint64_t values[AHEAD], at[AHEAD];
	size_t num = 0, num_edges = 0;

	for (size_t i = 0; i < AHEAD && (i + 1) * word <= bytes.size; i++) {
		uint64_t value = hc_read_word(bytes.data + i * word, word, heap->big_endian);

		if (value - heap->lowest >= heap->highest - heap->lowest && !heap->tagged)
			continue;
		const struct hc_span *span = hc_heap_span(heap, value);

		values[num] = value;
		at[num++] = address + i * word;
		if (span && value >= span->base) {
			uint64_t block = hc_span_unit(span, value - span->base) / HC_UNITS_PER_BLOCK;

			if (block < span->num_blocks) {
				__builtin_prefetch(&span->blocks[block]);
				__builtin_prefetch(&graph->retained->numbers.before[span - heap->spans][block]);
			}
			if (span->data)
				__builtin_prefetch(span->data + (value - span->start));
		}
	}
	for (size_t i = 0; i < num; i++) {
		struct hc_edge *edge = &edges[num_edges];

		edge->value = values[i];
		edge->at = at[i];
		if (!hc_edge_of(heap, values[i], edge))
			continue;
		__builtin_prefetch(vertex_of(graph, edge->span, edge->unit));
		num_edges++;
	}
	return num_edges;
}

/**
 * Look at an edge.
 *
 * @return whether it leads to a second chunk that was not entered
 */
static inline bool see_edge(struct graph *graph, const struct place *place,
			    const struct hc_edge *edge, struct child *child)
{
	uint32_t *vertex;

	if (!counts(edge, place->possible))
		return false;
	vertex = vertex_of(graph, edge->span, edge->unit);
	if (*vertex) {
		connect(graph, place->vertex, *vertex);
		return false;
	}
	if (!child->span)
		*child = (struct child){edge->span, edge->unit, vertex, edge->at};
	return child->vertex != vertex;
}

/** Look at words until two of them lead to chunks that were not entered: the first is returned. */
static bool next_child(struct graph *graph, struct place *place, struct child *child)
{
	const unsigned word = graph->heap->word_size;
	struct hc_edge edges[AHEAD];
	struct hc_bytes bytes;

	child->span = NULL;
	while (next_words(graph, place, &bytes)) {
		size_t num = find_edges(graph, bytes, place->pos, edges);

		for (size_t i = 0; i < num; i++)
			if (see_edge(graph, place, &edges[i], child)) {
				place->pos = edges[i].at;
				return true;
			}
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

/** The chunk that was gone away from last. */
static struct place pop(struct graph *graph)
{
	uint64_t address = graph->stack[--graph->depth];
	const struct hc_span *span = hc_heap_span(graph->heap, address);
	uint64_t unit = hc_span_prev_start(span, hc_span_unit(span, address - span->base));
	struct place place = place_of_chunk(span, unit, *vertex_of(graph, span, unit));

	place.pos = address;
	return place;
}

static uint32_t enter(struct graph *graph, const struct child *child, uint32_t parent)
{
	if (graph->dominators.num >= graph->dominators.max) {
		if (!graph->err)
			graph->err = hc_error_create(HC_ERROR_FORMAT,
						     "more chunks can be reached than were counted");
		return 0;
	}
	*child->vertex = hc_dominators_enter(&graph->dominators, parent);
	return *child->vertex;
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
	const struct place place = {.vertex = anchor->vertex};
	struct child child = {0};

	see_edge(graph, &place, edge, &child);
	if (!child.span)
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

/** @name Edges again */
/**@{*/

struct source {
	struct graph *graph;
	uint32_t vertex;
	bool possible;
};

static bool tell_again(void *ctx, const struct hc_edge *edge)
{
	const struct source *source = ctx;
	uint32_t to;

	if (!counts(edge, source->possible))
		return true;
	to = *vertex_of(source->graph, edge->span, edge->unit);
	if (to)
		connect(source->graph, source->vertex, to);
	return true;
}

static void tell_chunks_again(struct graph *graph, const struct hc_span *span)
{
	for (uint64_t unit = hc_span_next_start(span, 0); unit < span->num_units;
	     unit = hc_span_next_start(span, unit + 1)) {
		struct source source = {graph, *vertex_of(graph, span, unit),
					is_possible(span, unit)};

		if (source.vertex)
			hc_edges_of_chunk(graph->heap, span, unit, tell_again, &source);
		if (unit % CHECK_EVERY == 0 && hc_watch_cancelled(graph->heap->process->watch))
			break;
	}
}

static struct hc_error *tell_edges_again(void *ctx)
{
	struct graph *graph = ctx;
	const struct hc_heap *heap = graph->heap;
	const struct hc_anchors *anchors = &graph->retained->anchors;
	struct hc_error *err = NULL;

	for (size_t i = 0; i < anchors->num; i++) {
		const struct hc_anchor *anchor = &anchors->items[i];
		struct source source = {graph, anchor->vertex, false};

		see_values(heap, anchor, tell_again, &source);
		hc_edges_of_range(heap, anchor->start, anchor->end, tell_again, &source);
	}
	for (size_t i = 0; !err && i < heap->num_spans; i++) {
		tell_chunks_again(graph, &heap->spans[i]);
		err = hc_watch_check(heap->process->watch);
	}
	return err;
}
/**@}*/

static uint64_t heap_bytes(const struct hc_heap *heap)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < heap->num_spans; i++)
		bytes += heap->spans[i].end - heap->spans[i].start;
	return bytes;
}

struct hc_error *hc_retained_search(struct hc_retained *retained, uint64_t max_chunks)
{
	struct hc_watch *watch = retained->heap->process->watch;
	struct graph graph = {
		.retained = retained, .heap = retained->heap, .max_chunks = max_chunks};
	struct hc_error *err = hc_dominators_init(max_chunks + retained->anchors.num + 1,
						  heap_bytes(retained->heap) / EDGE_SHARE,
						  &graph.dominators);

	if (err)
		return err;
	hc_watch_part(watch, 0, 0.7);
	err = search_anchors(&graph);
	free(graph.stack);
	hc_watch_part(watch, 0.7, 0.9);
	if (!err)
		err = hc_dominators_finish(&graph.dominators, tell_edges_again, &graph, watch);
	if (err) {
		hc_dominators_deinit(&graph.dominators);
		return err;
	}
	retained->num = graph.dominators.num;
	retained->idom = graph.dominators.idom;
	return NULL;
}
