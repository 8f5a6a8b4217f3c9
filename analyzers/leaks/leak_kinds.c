/**
 * @file
 * Kinds of lost chunks, and which of them are heads.
 *
 * 1. A sample of the lost chunks is sorted into kinds, and their pointers to other lost chunks
 *    become edges between kinds: how many words of kind A point to chunks of kind B. The sample is
 *    random by address (a fixed hash), so that it is the same in every run and no pattern of
 *    allocation can hide in it; large chunks, which may be the one table that holds everything, are
 *    all in it. Counts are scaled to the whole.
 * 2. An edge is *strong* when at least half of the chunks of the smaller kind take part in it, and
 *    when it is more than a stray word. Stale words make weak edges: they are where a freed pointer
 *    happened to survive. Without a type, chunks of one size may be different things, of which only
 *    one owns what is pointed to. So an edge is strong, too, when of the chunks that are *alike* at
 *    least half take part: those that have pointers in the same words, and in this one or not.
 *    Where a word is stale, others that are alike lack it.
 * 3. Strongly connected components of strong edges are kinds that point to each other as a matter
 *    of course (an object and its parts that know their owner). One that no other component has a
 *    strong edge to is a source, and its head is chosen by, in this order: it is not mostly pointed
 *    to from within; it has a type; it has the fewest chunks (one document, many nodes); it points
 *    to the most kinds; it is the largest.
 * 4. All chunks of a head are root objects. The exception are heads most of whose chunks are
 *    pointed to by their own kind, as in a list or a tree: that is one structure, and its definite
 *    chunks stand for it. And without a type, a size may be that of other things, too: a chunk that
 *    others point to must have its pointers about where the definite ones have theirs.
 * 5. Definite chunks of other kinds are root objects, too, unless a head leads to them: then they
 *    are the members of cycles that were chosen without knowing of kinds.
 *
 * Limits. Kinds beyond MAX_KINDS, which are small, keep their definite chunks. Two leaks whose
 * objects have neither type nor text and are of one size are one kind.
 */
#include "analyzers/leaks/leak_kinds.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analyzers/select/tally.h"
#include "core/base/array.h"
#include "core/base/bytes.h"
#include "core/base/cleanup.h"
#include "core/base/hash.h"

/** Lost chunks that are looked at, apart from large ones. */
#define SAMPLE_CHUNKS (UINT64_C(1) << 18)
/** Bytes from which a chunk is always in the sample, and how many bytes of each are searched. */
#define LARGE_BYTES 4096
#define MAX_SEARCHED_BYTES (UINT64_C(16) << 20)
/** Bytes that are searched altogether, a few per chunk. */
#define MAX_TOTAL_BYTES (UINT64_C(512) << 20)
#define MAX_KINDS 1024
#define MAX_EDGES (1u << 15)
#define MAX_SHAPES (1u << 12)
/** An edge of fewer words is a stray one, unless the kind that it leads to is small, too. */
#define MIN_WORDS 8
/** Weak edges that lead to less of a kind are stray words, too, or don't matter. */
#define MIN_SHARE 0.05
/** Share of a kind that must be pointed to by its own for it to be one structure. */
#define STRUCTURE_SHARE 0.75

#define NO_KIND UINT32_MAX

/** Words of a chunk whose pointers are compared. */
#define SHAPE_WORDS 64
/** Share of definite chunks with a pointer in a word, above which all should have one; or none. */
#define SHAPE_ALWAYS 0.95
#define SHAPE_NEVER 0.05

struct kind {
	uint64_t size; /* hc_leak_index_kind_size(); 0 with a type */
	hc_type_id type;
	hc_class_id class_id; /* textual, or HC_LEAK_STRUCTURAL */
	double chunks;        /* scaled */
	double own_words;     /* words that point to chunks of the same kind */
	bool indirect;        /* some chunk is pointed to */
	float definite; /* chunks that are not, scaled; and of these, with a pointer in each word */
	float pointers[SHAPE_WORDS];
	bool all; /* every chunk is a root object */

	/* Tarjan's algorithm. */
	uint32_t number, low, component;
	bool stacked;
};

struct edge {
	uint32_t from, to;
	double words;
	double alike; /* chunks that have these words, or would but for them; large if not known */
	bool strong;
};

/** Chunks of a kind that have pointers in the same words. */
struct shape {
	uint32_t kind;
	uint64_t words; /* a bit each, of the first SHAPE_WORDS */
	double chunks;
};

struct graph {
	const struct hc_leak_index *index;
	unsigned shift; /* one chunk in 2^shift is in the sample */
	uint64_t bytes_left;
	struct kind kinds[MAX_KINDS];
	uint32_t num_kinds;
	uint32_t kind_slots[MAX_KINDS * 2]; /* number plus one */
	struct edge *edges;
	uint32_t num_edges;
	uint32_t edge_slots[MAX_EDGES * 2];
	struct shape shapes[MAX_SHAPES];
	uint32_t num_shapes;
	uint32_t shape_slots[MAX_SHAPES * 2];
	bool cycles; /* some head is of several kinds that point to each other */
};

/** @name Kinds */
/**@{*/

/**
 * The type of a chunk, or HC_TYPE_NONE. That objects point to one constant says what they have in
 * common, not what they are: all nodes of libxml2 that are texts have the name "text".
 */
static hc_type_id type_of(const struct hc_leak_index *index, const struct hc_chunk *chunk)
{
	hc_type_id type = index->types ? hc_type_of(index->types, chunk) : HC_TYPE_NONE;

	if (type != HC_TYPE_NONE && hc_type_source(index->types, type) == HC_TYPE_CONSTANT)
		return HC_TYPE_NONE;
	return type;
}

/** What a lost chunk is by its own bytes. */
static struct kind look_at(const struct hc_leak_index *index, const struct hc_chunk *chunk)
{
	size_t span = chunk->span - index->heap->spans;
	hc_type_id type = type_of(index, chunk);

	if (type != HC_TYPE_NONE)
		return (struct kind){.type = type, .class_id = HC_LEAK_STRUCTURAL};
	return (struct kind){
		.size = hc_leak_index_kind_size(index, chunk->size),
		.type = HC_TYPE_NONE,
		.class_id =
			hc_leak_index_textual(index, hc_leak_index_class(index, span, chunk->unit)),
	};
}

static bool same_kind(const struct kind *a, const struct kind *b)
{
	return a->size == b->size && a->type == b->type && a->class_id == b->class_id;
}

static uint32_t find_kind(struct graph *graph, const struct hc_chunk *chunk, bool add)
{
	const struct kind look = look_at(graph->index, chunk);
	struct hc_hash table = {graph->kind_slots, MAX_KINDS * 2};
	uint64_t hash =
		hc_hash_mix(look.size ^ (uint64_t)look.type << 24 ^ (uint64_t)look.class_id << 52);
	uint32_t *slot = hc_hash_find(&table, hash, i, same_kind(&graph->kinds[i], &look));

	if (!*slot) {
		if (!add || graph->num_kinds == MAX_KINDS)
			return NO_KIND;
		graph->kinds[graph->num_kinds] = look;
		*slot = ++graph->num_kinds;
	}
	return *slot - 1;
}
/**@}*/

/** @name Edges */
/**@{*/

/** NULL: there are too many; or it isn't there, and is not to be added. */
static struct edge *find_edge(struct graph *graph, uint32_t from, uint32_t to, bool add)
{
	struct hc_hash table = {graph->edge_slots, MAX_EDGES * 2};
	uint32_t *slot = hc_hash_find(&table, hc_hash_mix((uint64_t)from << 32 | to), i,
				      graph->edges[i].from == from && graph->edges[i].to == to);

	if (!*slot) {
		if (!add || graph->num_edges == MAX_EDGES)
			return NULL;
		graph->edges[graph->num_edges] = (struct edge){.from = from, .to = to};
		*slot = ++graph->num_edges;
	}
	return &graph->edges[*slot - 1];
}

static void add_edge(struct graph *graph, uint32_t from, uint32_t to, double words)
{
	struct edge *edge = from == to ? NULL : find_edge(graph, from, to, true);

	if (from == to)
		graph->kinds[from].own_words += words;
	else if (edge)
		edge->words += words;
}

/** Where the number of a shape is, plus one, or belongs. */
static uint32_t *shape_slot(struct graph *graph, uint32_t kind, uint64_t words)
{
	struct hc_hash table = {graph->shape_slots, MAX_SHAPES * 2};

	return hc_hash_find(&table, hc_hash_mix(words ^ (uint64_t)kind << 48), i,
			    graph->shapes[i].kind == kind && graph->shapes[i].words == words);
}

static void add_shape(struct graph *graph, uint32_t kind, uint64_t words, double chunks)
{
	uint32_t *slot = shape_slot(graph, kind, words);

	if (!*slot) {
		if (graph->num_shapes == MAX_SHAPES)
			return;
		graph->shapes[graph->num_shapes] = (struct shape){.kind = kind, .words = words};
		*slot = ++graph->num_shapes;
	}
	graph->shapes[*slot - 1].chunks += chunks;
}

/** Chunks of a kind with pointers in just these words. 0: none, or there were too many shapes. */
static double of_shape(struct graph *graph, uint32_t kind, uint64_t words)
{
	uint32_t slot = *shape_slot(graph, kind, words);

	return slot ? graph->shapes[slot - 1].chunks : 0;
}

/** Whether a word of a chunk is a pointer into another lost chunk. */
static bool find_lost(const struct hc_heap *heap, const struct hc_chunk *chunk, uint64_t value,
		      struct hc_chunk *ret)
{
	return hc_heap_span(heap, value) && hc_heap_chunk_at(heap, value, ret) &&
	       hc_chunk_is_lost(heap, ret) && ret->address != chunk->address &&
	       value - ret->address < ret->usable;
}

/** A chunk of the sample that is looked at. */
struct look {
	struct graph *graph;
	struct hc_chunk chunk;
	uint32_t kind;
	double weight;  /**< chunks that it stands for */
	uint64_t words; /**< that have a pointer, of the first SHAPE_WORDS, a bit each */
};

/** @param target the lost chunk that word number @p word points to */
typedef void (*pointer_fn)(struct look *look, size_t word, const struct hc_chunk *target);

/** The pointers of a chunk to other lost chunks. One target in a row counts once. */
static void each_pointer(struct look *look, pointer_fn fn)
{
	struct graph *graph = look->graph;
	const struct hc_heap *heap = graph->index->heap;
	struct hc_bytes bytes = hc_chunk_bytes(heap, &look->chunk);
	uint64_t last = 0;

	if (bytes.size > MAX_SEARCHED_BYTES)
		bytes.size = MAX_SEARCHED_BYTES;
	if (bytes.size > graph->bytes_left)
		bytes.size = graph->bytes_left;
	graph->bytes_left -= bytes.size;
	for (size_t i = 0; i + heap->word_size <= bytes.size; i += heap->word_size) {
		uint64_t value = hc_read_word(bytes.data + i, heap->word_size, heap->big_endian);
		struct hc_chunk target;

		if (!find_lost(heap, &look->chunk, value, &target) || target.address == last)
			continue;
		last = target.address;
		fn(look, i / heap->word_size, &target);
	}
}

static void add_pointer(struct look *look, size_t word, const struct hc_chunk *target)
{
	uint32_t to = find_kind(look->graph, target, true);

	if (word < SHAPE_WORDS)
		look->words |= UINT64_C(1) << word;
	if (word < SHAPE_WORDS && look->chunk.reach == HC_DEFINITE)
		look->graph->kinds[look->kind].pointers[word] += look->weight;
	if (to != NO_KIND)
		add_edge(look->graph, look->kind, to, look->weight);
}

/** @return whether the chunk is in the sample, and of a kind */
static bool look_at_sample(struct graph *graph, size_t span, uint64_t unit, struct look *ret)
{
	const struct hc_heap *heap = graph->index->heap;

	*ret = (struct look){.graph = graph, .weight = 1};
	hc_span_chunk(heap, &heap->spans[span], unit, &ret->chunk);
	if (ret->chunk.size < LARGE_BYTES && graph->shift) {
		if (hc_hash_mix(ret->chunk.address) >> (64 - graph->shift))
			return false;
		ret->weight = (double)(UINT64_C(1) << graph->shift);
	}
	ret->kind = find_kind(graph, &ret->chunk, true);
	return ret->kind != NO_KIND;
}

/** A lost chunk. */
typedef void (*lost_fn)(void *ctx, size_t span, uint64_t unit);

/** @param indirect only those that another one points to */
static void each_lost(const struct hc_heap *heap, bool indirect, lost_fn fn, void *ctx)
{
	for (size_t s = 0; s < heap->num_spans; s++) {
		const struct hc_span *span = &heap->spans[s];

		for (uint64_t i = 0; i < span->num_blocks; i++) {
			uint64_t bits = hc_block_lost(&span->blocks[i]);

			for (bits &= indirect ? span->blocks[i].a : UINT64_MAX; bits;
			     bits &= bits - 1)
				fn(ctx, s, i * HC_UNITS_PER_BLOCK + __builtin_ctzll(bits));
		}
	}
}

static void sample_lost(void *ctx, size_t span, uint64_t unit)
{
	struct graph *graph = ctx;
	struct look look;

	if (!look_at_sample(graph, span, unit, &look))
		return;
	struct kind *kind = &graph->kinds[look.kind];

	kind->chunks += look.weight;
	kind->indirect |= look.chunk.reach == HC_INDIRECT;
	kind->definite += look.chunk.reach == HC_DEFINITE ? look.weight : 0;
	each_pointer(&look, add_pointer);
	add_shape(graph, look.kind, look.words, look.weight);
}
/**@}*/

/** @name Chunks that are alike */
/**@{*/

static void note_word(struct look *look, size_t word, const struct hc_chunk *target)
{
	(void)target;
	if (word < SHAPE_WORDS)
		look->words |= UINT64_C(1) << word;
}

/** The chunk counts for those that have this word, and its share of those that are alike but for
 * it. */
static void add_alike(struct look *look, size_t word, const struct hc_chunk *target)
{
	struct graph *graph = look->graph;
	uint32_t to = find_kind(graph, target, false);
	struct edge *edge = to == NO_KIND ? NULL : find_edge(graph, look->kind, to, false);
	double with = of_shape(graph, look->kind, look->words);

	if (!edge)
		return;
	if (word >= SHAPE_WORDS || !with)
		edge->alike = HUGE_VAL;
	else
		edge->alike += look->weight * (1 + of_shape(graph, look->kind,
							    look->words & ~(UINT64_C(1) << word)) /
							   with);
}

static void add_lost_alike(void *ctx, size_t span, uint64_t unit)
{
	struct look look;

	if (!look_at_sample(ctx, span, unit, &look))
		return;
	each_pointer(&look, note_word);
	each_pointer(&look, add_alike);
}

static void find_alike(struct graph *graph)
{
	graph->bytes_left = MAX_TOTAL_BYTES;
	each_lost(graph->index->heap, false, add_lost_alike, graph);
}
/**@}*/

/** @name Heads */
/**@{*/

/** Whether an edge leads to enough of a kind to be worth another look. */
static bool is_large(const struct graph *graph, const struct edge *edge)
{
	return edge->words >= MIN_WORDS && edge->words >= MIN_SHARE * graph->kinds[edge->to].chunks;
}

/** @param alike compare with chunks that are alike, not with all of a kind */
static bool is_strong(const struct graph *graph, const struct edge *edge, bool alike)
{
	double from = alike ? edge->alike : graph->kinds[edge->from].chunks;
	double to = graph->kinds[edge->to].chunks;

	return edge->words >= 0.5 * (from < to ? from : to) &&
	       (edge->words >= MIN_WORDS || edge->words * 16 >= to);
}

static void find_strong(struct graph *graph)
{
	bool weak = false;

	for (uint32_t i = 0; i < graph->num_edges; i++) {
		struct edge *edge = &graph->edges[i];

		edge->strong = is_strong(graph, edge, false);
		weak |= !edge->strong && is_large(graph, edge);
	}
	if (!weak)
		return;
	find_alike(graph);
	for (uint32_t i = 0; i < graph->num_edges; i++)
		graph->edges[i].strong |= is_large(graph, &graph->edges[i]) &&
					  is_strong(graph, &graph->edges[i], true);
}

static int compare_edges(const void *a, const void *b)
{
	const struct edge *x = a, *y = b;

	if (x->from != y->from)
		return x->from < y->from ? -1 : 1;
	return (x->to > y->to) - (x->to < y->to);
}

/** A frame of the depth-first search: a kind, and the edge that comes next. */
struct frame {
	uint32_t kind, edge;
};

struct tarjan {
	struct graph *graph;
	uint32_t first[MAX_KINDS + 1]; /* edges of a kind: [first[k], first[k + 1]) */
	struct frame frames[MAX_KINDS];
	uint32_t stack[MAX_KINDS];
	uint32_t depth, stacked, numbers, components;
};

static void enter(struct tarjan *t, uint32_t k)
{
	struct kind *kind = &t->graph->kinds[k];

	kind->number = kind->low = ++t->numbers;
	kind->stacked = true;
	t->stack[t->stacked++] = k;
	t->frames[t->depth++] = (struct frame){k, t->first[k]};
}

static void leave(struct tarjan *t)
{
	struct kind *kinds = t->graph->kinds;
	uint32_t k = t->frames[--t->depth].kind, member;

	if (t->depth && kinds[k].low < kinds[t->frames[t->depth - 1].kind].low)
		kinds[t->frames[t->depth - 1].kind].low = kinds[k].low;
	if (kinds[k].low != kinds[k].number)
		return;
	do {
		member = t->stack[--t->stacked];
		kinds[member].stacked = false;
		kinds[member].component = t->components;
	} while (member != k);
	t->components++;
}

/** Tarjan, "Depth-first search and linear graph algorithms", 1972; without recursion. */
static void find_components(struct tarjan *t)
{
	struct graph *graph = t->graph;

	for (uint32_t k = 0, e = 0; k <= graph->num_kinds; k++) {
		while (e < graph->num_edges && graph->edges[e].from < k)
			e++;
		t->first[k] = e;
	}
	for (uint32_t root = 0; root < graph->num_kinds; root++) {
		if (!graph->kinds[root].number)
			enter(t, root);
		while (t->depth) {
			struct frame *frame = &t->frames[t->depth - 1];
			struct kind *kind = &graph->kinds[frame->kind];

			if (frame->edge == t->first[frame->kind + 1]) {
				leave(t);
				continue;
			}
			const struct edge *edge = &graph->edges[frame->edge++];
			const struct kind *to = &graph->kinds[edge->to];

			if (edge->strong && !to->number)
				enter(t, edge->to);
			else if (edge->strong && to->stacked && to->number < kind->low)
				kind->low = to->number;
		}
	}
}

/** What is known of a kind within its component. */
struct candidate {
	uint32_t kind;
	bool covered;     /* most chunks are pointed to from within the component */
	uint32_t targets; /* kinds that it points to by strong edges */
};

/** Whether @p a is rather the head than @p b. */
static bool is_rather(const struct graph *graph, const struct candidate *a,
		      const struct candidate *b)
{
	const struct kind *x = &graph->kinds[a->kind], *y = &graph->kinds[b->kind];

	if (a->covered != b->covered)
		return !a->covered;
	if ((x->type != HC_TYPE_NONE) != (y->type != HC_TYPE_NONE))
		return x->type != HC_TYPE_NONE;
	if (x->chunks < 0.9 * y->chunks || y->chunks < 0.9 * x->chunks)
		return x->chunks < y->chunks;
	if (a->targets != b->targets)
		return a->targets > b->targets;
	return x->size > y->size;
}

struct component {
	bool has_parent; /* another component has a strong edge to it */
	uint32_t num_kinds;
	struct candidate head;
};

static struct candidate examine(const struct graph *graph, uint32_t k)
{
	struct candidate ret = {.kind = k};
	double words = graph->kinds[k].own_words;

	for (uint32_t i = 0; i < graph->num_edges; i++) {
		const struct edge *edge = &graph->edges[i];

		if (edge->to == k &&
		    graph->kinds[edge->from].component == graph->kinds[k].component)
			words += edge->words;
		ret.targets += edge->from == k && edge->strong;
	}
	ret.covered = words >= 0.5 * graph->kinds[k].chunks;
	return ret;
}

static void choose_heads(struct graph *graph, struct component *components, uint32_t num)
{
	for (uint32_t i = 0; i < graph->num_edges; i++) {
		const struct edge *edge = &graph->edges[i];
		uint32_t to = graph->kinds[edge->to].component;

		components[to].has_parent |=
			edge->strong && graph->kinds[edge->from].component != to;
	}
	for (uint32_t k = 0; k < graph->num_kinds; k++) {
		struct component *component = &components[graph->kinds[k].component];
		struct candidate candidate;

		if (component->has_parent)
			continue;
		candidate = examine(graph, k);
		if (!component->num_kinds++ || is_rather(graph, &candidate, &component->head))
			component->head = candidate;
	}
	for (uint32_t i = 0; i < num; i++) {
		struct kind *head = &graph->kinds[components[i].head.kind];

		if (components[i].has_parent || !components[i].num_kinds || !head->indirect ||
		    head->own_words >= STRUCTURE_SHARE * head->chunks)
			continue;
		head->all = true;
		graph->cycles |= components[i].num_kinds > 1;
	}
}

static struct hc_error *find_heads(struct graph *graph)
{
	hc_cleanup_free struct tarjan *tarjan = calloc(1, sizeof(*tarjan));
	hc_cleanup_free struct component *components = calloc(MAX_KINDS, sizeof(*components));

	if (!tarjan || !components)
		return &hc_enomem;
	tarjan->graph = graph;
	find_strong(graph);
	hc_sort(graph->edges, graph->num_edges, compare_edges);
	find_components(tarjan);
	choose_heads(graph, components, tarjan->components);
	return NULL;
}
/**@}*/

/** @name Root objects */
/**@{*/

struct roots {
	struct graph *graph;
	struct hc_plane *plane;
	struct hc_plane reached; /* by heads; with cycles only */
};

static bool any_head(const struct graph *graph)
{
	for (uint32_t k = 0; k < graph->num_kinds; k++)
		if (graph->kinds[k].all)
			return true;
	return false;
}

/** Whether a chunk has its pointers about where the definite ones of its kind have theirs. */
static bool has_shape(const struct hc_heap *heap, const struct kind *kind,
		      const struct hc_chunk *chunk)
{
	struct hc_bytes bytes = hc_chunk_bytes(heap, chunk);
	size_t words = bytes.size / heap->word_size;

	if (kind->type != HC_TYPE_NONE || chunk->reach == HC_DEFINITE ||
	    kind->definite < SHAPE_NEVER * kind->chunks)
		return true;
	unsigned always = 0, others = 0;
	struct hc_chunk target;

	for (size_t i = 0; i < words && i < SHAPE_WORDS; i++) {
		float share = kind->pointers[i] / kind->definite;

		if (share > SHAPE_NEVER && share < SHAPE_ALWAYS)
			continue;
		uint64_t value = hc_read_word(bytes.data + i * heap->word_size, heap->word_size,
					      heap->big_endian);

		always += share >= SHAPE_ALWAYS;
		others += find_lost(heap, chunk, value, &target) != (share >= SHAPE_ALWAYS);
	}
	/* Some may be unset, or stale. */
	return 2 * others <= always;
}

static void mark_head(void *ctx, size_t span, uint64_t unit)
{
	struct roots *roots = ctx;
	const struct hc_leak_index *index = roots->graph->index;
	struct hc_chunk chunk;

	hc_span_chunk(index->heap, &index->heap->spans[span], unit, &chunk);
	uint32_t kind = find_kind(roots->graph, &chunk, false);

	if (kind == NO_KIND || !roots->graph->kinds[kind].all ||
	    !has_shape(index->heap, &roots->graph->kinds[kind], &chunk))
		return;
	hc_plane_set(&index->tracer->layout, roots->plane, span, unit);
	if (roots->reached.words &&
	    !hc_plane_has(&index->tracer->layout, &roots->reached, span, unit))
		hc_tracer_visit(index->tracer, &(struct hc_visitor){.seen = &roots->reached}, span,
				unit);
}

/** Definite chunks that no head leads to. */
static void mark_rest(struct roots *roots)
{
	const struct hc_leak_index *index = roots->graph->index;
	const struct hc_heap *heap = index->heap;

	for (size_t s = 0; s < heap->num_spans; s++) {
		const struct hc_span *span = &heap->spans[s];

		for (uint64_t i = 0; i < span->num_blocks; i++) {
			uint64_t bits = hc_block_lost(&span->blocks[i]) & ~span->blocks[i].a;
			uint64_t first = i * HC_UNITS_PER_BLOCK;

			if (roots->reached.words)
				bits &= ~*hc_plane_word(&index->tracer->layout, &roots->reached, s,
							first);
			if (bits)
				*hc_plane_word(&index->tracer->layout, roots->plane, s, first) |=
					bits;
		}
	}
}

static struct hc_error *mark_roots(struct graph *graph, struct hc_plane *plane)
{
	const struct hc_leak_index *index = graph->index;
	struct roots roots = {.graph = graph, .plane = plane};
	struct hc_error *err = NULL;

	if (graph->cycles)
		err = hc_plane_init(&index->tracer->layout, &roots.reached);
	if (!err && any_head(graph))
		each_lost(index->heap, !graph->cycles, mark_head, &roots);
	if (!err)
		mark_rest(&roots);
	hc_plane_deinit(&roots.reached);
	return err;
}
/**@}*/

struct hc_error *hc_leak_kinds_find_roots(const struct hc_leak_index *index, uint64_t num_lost,
					  struct hc_plane *ret)
{
	hc_cleanup_free struct graph *graph = calloc(1, sizeof(*graph));
	hc_cleanup_free struct edge *edges = calloc(MAX_EDGES, sizeof(*edges));
	hc_cleanup(hc_plane_deinit) struct hc_plane plane = {0};
	struct hc_error *err;

	if (!graph || !edges)
		return &hc_enomem;
	graph->index = index;
	graph->edges = edges;
	graph->bytes_left = MAX_TOTAL_BYTES;
	while (num_lost >> graph->shift > SAMPLE_CHUNKS)
		graph->shift++;
	if ((err = hc_plane_init(&index->tracer->layout, &plane)))
		return err;
	each_lost(index->heap, false, sample_lost, graph);
	if ((err = find_heads(graph)) || (err = mark_roots(graph, &plane)))
		return err;
	*ret = plane;
	plane.words = NULL;
	return NULL;
}
