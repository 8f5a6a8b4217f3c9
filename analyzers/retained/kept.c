/**
 * @file
 * Edges that are kept; see kept.h.
 */
#include "analyzers/retained/kept.h"

#include <stdlib.h>

#include "analyzers/reachability/kept_graph.h"
#include "analyzers/retained/words.h"
#include "core/base/array.h"
#include "core/base/parallel.h"

enum {
	EDGE_SHARE = 4,      /* edges may take a quarter of what the heap does */
	MIN_EDGES = 1 << 13, /* for each thread, edges are kept in a heap of any size */
	AWAITED = 256,       /* pointers whose chunks are fetched before one is looked at */
};

struct keeper;

struct graph {
	struct hc_retained *retained;
	const struct hc_heap *heap;
	const struct hc_plane_layout *layout;
	struct hc_kept_graph kept;
	struct keeper *keepers;
};

/** A pointer whose chunk is being fetched. */
struct awaited {
	struct hc_word word;
	uint32_t from;
	bool possible; /* what it stands in is */
};

/** A thread's own. */
struct keeper {
	struct graph *graph;
	struct hc_kept_run run;
	struct hc_recent_span recent;
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
	return 1 + graph->retained->anchors.num + hc_number_of(graph->retained, span, unit);
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
		if (hc_edge_of_word(keeper->graph->retained, &awaited->word, &edge) &&
		    hc_pointer_counts(&edge, awaited->possible))
			keep_edge(keeper, &edge);
	}
	keeper->num_awaited = 0;
}

static void keep_chunk(struct keeper *keeper, struct hc_chunk_words place)
{
	const struct graph *graph = keeper->graph;
	const unsigned size = graph->heap->word_size;
	struct hc_word words[HC_WORDS_AHEAD];
	struct hc_bytes bytes;

	while (hc_next_words(graph->retained, &place, &bytes)) {
		size_t whole = bytes.size / size, num;

		if (keeper->num_awaited + HC_WORDS_AHEAD > AWAITED)
			follow(keeper);
		num = hc_find_words(&keeper->recent, &place, bytes, words);
		for (size_t i = 0; i < num; i++) {
			if (words[i].span)
				hc_fetch_block(graph->retained, words[i].span, words[i].unit);
			keeper->awaited[keeper->num_awaited++] =
				(struct awaited){words[i], place.vertex, place.possible};
		}
		place.pos += (whole < HC_WORDS_AHEAD ? whole : HC_WORDS_AHEAD) * size;
	}
}

static struct hc_error *keep_stretch(void *ctx, unsigned worker, size_t task)
{
	struct graph *graph = ctx;
	const struct hc_stretch *stretch = &graph->layout->stretches[task];
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
				   hc_words_of_chunk(span, unit, kept_vertex(graph, span, unit)));
		}
	}
	follow(keeper);
	end_vertex(keeper);
	return keeper->err;
}

static bool keep_pointer(void *ctx, const struct hc_edge *edge)
{
	struct keeper *keeper = ctx;

	if (hc_pointer_counts(edge, false))
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
		hc_edges_of_anchor(graph->heap, anchor, keep_pointer, keeper);
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
		err = hc_process_parallel(graph->heap->process, graph->layout->num_stretches,
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

struct hc_error *hc_retained_by_kept_edges(struct hc_retained *retained,
					   const struct hc_plane_layout *layout,
					   struct hc_named_tree *ret)
{
	struct graph graph = {.retained = retained, .heap = retained->heap, .layout = layout};
	const struct hc_process *process = retained->heap->process;
	const struct hc_kept_graph_size size = {
		.vertices = 1 + retained->anchors.num + retained->numbers.num,
		.anchors = retained->anchors.num,
		.strong = retained->anchors.num_known,
		.max_edges = hc_heap_bytes(retained->heap) / EDGE_SHARE / sizeof(uint32_t) +
			     MIN_EDGES * (uint64_t)process->jobs,
	};
	struct hc_error *err = NULL;

	if (size.vertices >= HC_KEPT_GRAPH_MAX)
		return NULL;
	ret->max = size.vertices;
	if ((err = hc_kept_graph_init(&size, &graph.kept)))
		return err;
	hc_watch_part(process->watch, 0, 0.3);
	err = keep_edges(&graph);
	hc_watch_part(process->watch, 0.3, 0.6);
	if (!err && !hc_kept_graph_full(&graph.kept))
		err = hc_kept_graph_dominators(&graph.kept, process->jobs, process->watch,
					       &ret->parents);
	hc_kept_graph_deinit(&graph.kept);
	if (ret->parents)
		name_as_kept(&graph, ret->parents);
	return err;
}
