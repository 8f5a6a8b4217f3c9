/**
 * @file
 * The graph of types.
 *
 * The problem. malloc forgets what a chunk is for, and so does the compiler: a stripped program has
 * no trace of its structs, and one with debug information says what its variables are, not what its
 * chunks are. But a variable "struct node *head" whose value is the address of a chunk says it for
 * that chunk, and struct node says what its members "next" and "payload" point to, and so on.
 * Chunks that hold C++ objects with a vtable say it by themselves, and are starting points, too.
 *
 * The pass. A stack holds chunks whose type was found and whose pointers were not followed yet. The
 * variables fill it first, then the chunks that are known otherwise. Taking a chunk from it, each
 * slot of its layout is read; where that leads to the *start* of a chunk in use which the target's
 * layout fits, the chunk gets the type and goes onto the stack. When two pointers disagree about a
 * chunk, the better fit wins (hc_fit), and of equal ones the first. A chunk can improve three times
 * and is followed each time, so that the work is bounded by four visits of each chunk, and the
 * stack by as many entries. What an earlier, worse guess led to keeps its type unless something
 * better comes.
 *
 * The order of variables and slots is that of the debug information, so the result is always the
 * same. It depends on that order only where the debug information contradicts itself.
 *
 * An array is one only if there are pointers in its other elements, too, where they should be, and
 * nothing else in these places. Else a struct that others begin with, as base classes do, would
 * make arrays of them.
 *
 * Storage. Two bytes for each chunk, by its number (core/heap/number.h).
 *
 * What it can't do.
 *
 * - What nothing points to is not reached: lost chunks have no type unless they have a vtable, or
 *   hang below one that has. No type is guessed from equal sizes.
 * - void *, char * and unions say nothing, so what they lead to stays unknown. The same is true of
 *   pointers on stacks, in registers, and in thread-local storage.
 * - Pointers into the interior are not followed: a list whose links point to the links in the
 *   middle of its elements (container_of) is followed only as far as other pointers lead.
 * - A struct that is the first member of a larger one hides it where pointers are to the member:
 *   the chunk then counts as the smaller one, with something behind it. So do the nodes of the
 *   C++ library's lists and trees, and arrays of structs that hold no pointers.
 * - A pointer that is not initialised, or stale, leads to a wrong type if it happens to hit a chunk
 *   that fits. With an exact fit, it may even win, when it comes first.
 */
#include "analyzers/types/typegraph.h"

#include "core/base/array.h"
#include "core/base/cleanup.h"
#include "core/heap/number.h"

#define FIT_BITS 2

/** Index into graph->layouts plus 1; 0: unknown. */
static uint16_t index_at(uint16_t place)
{
	return place >> FIT_BITS;
}

static enum hc_fit fit_at(uint16_t place)
{
	return place ? HC_FIT_PREFIX + (place & ((1 << FIT_BITS) - 1)) : HC_FIT_NONE;
}

/** Elements of an array that are looked at to see whether it is one. */
#define MAX_CHECKED 64

struct hc_typegraph {
	const struct hc_heap *heap;
	struct hc_debuginfo *info;
	struct hc_numbers numbers;
	uint16_t *places; /* by number of the chunk: see index_at() and fit_at(); 0: unknown */
	/* Layouts that chunks have. */
	struct hc_layout *layouts;
	hc_layout_id *ids;
	size_t num;
	/* While it is built. */
	uint16_t *index_of; /* layout id → index into layouts plus 1 */
	size_t num_index_of;
	uint64_t *stack; /* user addresses */
	size_t num_stack;
};

/* --- Storage --- */

static uint16_t *place_of(const struct hc_typegraph *graph, const struct hc_chunk *chunk)
{
	return &graph->places[hc_chunk_number(&graph->numbers, chunk)];
}

void hc_typegraph_destroy(struct hc_typegraph *graph)
{
	if (!graph)
		return;
	hc_numbers_deinit(&graph->numbers);
	free(graph->places);
	free(graph->layouts);
	free(graph->ids);
	free(graph->index_of);
	free(graph->stack);
	free(graph);
}

/** Make room in the table of layouts by id. */
static struct hc_error *reserve_index(struct hc_typegraph *graph, hc_layout_id id)
{
	size_t num = graph->num_index_of ? graph->num_index_of : 1024;

	if (id < graph->num_index_of)
		return NULL;
	while (num <= id)
		num *= 2;
	uint16_t *grown = reallocarray(graph->index_of, num, sizeof(*grown));
	if (!grown)
		return &hc_enomem;
	memset(grown + graph->num_index_of, 0, (num - graph->num_index_of) * sizeof(*grown));
	graph->index_of = grown;
	graph->num_index_of = num;
	return NULL;
}

/**
 * The index of a layout, which may be new.
 *
 * @param[out] ret index plus 1; 0: there are too many, or it has no size
 */
static struct hc_error *find_index(struct hc_typegraph *graph, hc_layout_id id, uint16_t *ret)
{
	struct hc_layout layout;
	struct hc_error *err = reserve_index(graph, id);

	if (err)
		return err;
	*ret = graph->index_of[id];
	if (*ret || graph->num == HC_MAX_GRAPH_TYPES)
		return NULL;
	if ((err = hc_debuginfo_layout(graph->info, id, &layout)) || !layout.size)
		return err;
	if ((err = hc_array_reserve(&graph->layouts, graph->num, sizeof(layout))) ||
	    (err = hc_array_reserve(&graph->ids, graph->num, sizeof(id))))
		return err;
	graph->layouts[graph->num] = layout;
	graph->ids[graph->num] = id;
	*ret = graph->index_of[id] = ++graph->num;
	return NULL;
}

/* --- The pass --- */

/** Whether a pointer of a struct can have this value. */
static bool is_plausible(const struct hc_heap *heap, uint64_t value)
{
	struct hc_chunk chunk;

	if (!value)
		return true;
	if (hc_heap_chunk_at(heap, value, &chunk))
		return chunk.state == HC_IN_USE && value >= chunk.address;
	return hc_mappings_find(&heap->process->mappings, value);
}

/**
 * Whether there is another object behind the first one, and so on: where they have pointers there
 * must be some, and nothing else. Of structs without pointers nobody can tell.
 */
static bool is_array(const struct hc_heap *heap, const struct hc_chunk *chunk,
		     const struct hc_layout *layout, uint64_t count)
{
	const struct hc_memory *memory = &heap->process->memory;
	bool some = layout->is_pointer;

	for (uint64_t i = 0; i < count && i < MAX_CHECKED; i++) {
		for (size_t k = 0; k < layout->num_slots; k++) {
			uint64_t at = chunk->address + i * layout->size + layout->slots[k].offset;
			uint64_t value;

			if (!hc_memory_word(memory, at, &value) || !is_plausible(heap, value))
				return false;
			some |= i && value;
		}
	}
	return some;
}

/** How objects of a layout fit a chunk. */
static enum hc_fit find_fit(const struct hc_heap *heap, const struct hc_chunk *chunk,
			    const struct hc_layout *layout)
{
	uint64_t min, max, count;

	hc_chunk_request(heap, chunk, &min, &max);
	if (layout->size > max)
		return HC_FIT_NONE;
	if (layout->open_ended || hc_chunk_request_size(chunk, layout->size) == chunk->size)
		return HC_FIT_EXACT;
	if (layout->size >= min)
		return HC_FIT_SLACK;
	count = max / layout->size;
	return count * layout->size >= min && is_array(heap, chunk, layout, count) ? HC_FIT_ARRAY
										   : HC_FIT_PREFIX;
}

/** A pointer to a layout has this value: the chunk that starts there may be one. */
static struct hc_error *offer(struct hc_typegraph *graph, uint64_t value, hc_layout_id id)
{
	struct hc_chunk chunk;
	uint16_t index;

	if (!hc_heap_chunk_at(graph->heap, value, &chunk) || chunk.address != value ||
	    chunk.state != HC_IN_USE)
		return NULL;
	struct hc_error *err = find_index(graph, id, &index);
	if (err || !index)
		return err;
	uint16_t *place = place_of(graph, &chunk);
	if (index_at(*place) == index || fit_at(*place) == HC_FIT_EXACT)
		return NULL;
	enum hc_fit fit = find_fit(graph->heap, &chunk, &graph->layouts[index - 1]);
	if (fit <= fit_at(*place))
		return NULL;
	*place = index << FIT_BITS | (fit - 1);
	err = hc_array_reserve(&graph->stack, graph->num_stack, sizeof(*graph->stack));
	if (!err)
		graph->stack[graph->num_stack++] = value;
	return err;
}

/** Follow the slots of objects that lie one after the other, as far as their bytes are there. */
static struct hc_error *follow(struct hc_typegraph *graph, uint64_t address,
			       const struct hc_layout *layout, uint64_t count)
{
	const struct hc_memory *memory = &graph->heap->process->memory;
	struct hc_error *err = NULL;

	for (uint64_t i = 0; i < count && layout->num_slots && !err; i++) {
		uint64_t start = address + i * layout->size;

		if (!hc_memory_view(memory, start, 1).size)
			break;
		for (size_t k = 0; k < layout->num_slots && !err; k++) {
			uint64_t value;

			if (hc_memory_word(memory, start + layout->slots[k].offset, &value) &&
			    value)
				err = offer(graph, value, layout->slots[k].target);
		}
	}
	return err;
}

/** Follow the pointers of all chunks on the stack, and of those that they lead to. */
static struct hc_error *run_stack(struct hc_typegraph *graph)
{
	struct hc_error *err = NULL;

	while (graph->num_stack && !err) {
		struct hc_chunk chunk;

		if (!hc_heap_chunk_at(graph->heap, graph->stack[--graph->num_stack], &chunk))
			continue;
		uint16_t place = *place_of(graph, &chunk);
		/* A copy: the table may move while it is followed. Its slots do not. */
		struct hc_layout layout = graph->layouts[index_at(place) - 1];
		uint64_t count = fit_at(place) == HC_FIT_ARRAY ? chunk.usable / layout.size : 1;
		err = follow(graph, chunk.address, &layout, count);
	}
	return err;
}

static struct hc_error *follow_variables(struct hc_typegraph *graph)
{
	struct hc_error *err = NULL;
	size_t num;
	const struct hc_variable *variables = hc_debuginfo_variables(graph->info, &num);

	for (size_t i = 0; i < num && !err; i++) {
		struct hc_layout layout;

		err = hc_debuginfo_layout(graph->info, variables[i].layout, &layout);
		if (!err && layout.size)
			err = follow(graph, variables[i].address, &layout, variables[i].count);
		if (!err)
			err = run_stack(graph);
	}
	return err;
}

/** Chunks whose layout is known otherwise are followed, but need no type from here. */
static struct hc_error *follow_known(struct hc_typegraph *graph, hc_known_layout_fn known,
				     void *ctx)
{
	struct hc_chunk_iter iter;
	struct hc_chunk chunk;
	struct hc_error *err = NULL;

	hc_chunk_iter_heap(&iter, graph->heap);
	while (!err && hc_chunk_iter_next(&iter, &chunk)) {
		struct hc_layout layout;
		hc_layout_id id = chunk.state == HC_IN_USE ? known(ctx, &chunk) : HC_NO_LAYOUT;

		if (id == HC_NO_LAYOUT)
			continue;
		err = hc_debuginfo_layout(graph->info, id, &layout);
		if (!err && layout.size && layout.size <= chunk.usable)
			err = follow(graph, chunk.address, &layout, 1);
		if (!err)
			err = run_stack(graph);
	}
	return err;
}

static void graph_destroyp(struct hc_typegraph **graph)
{
	hc_typegraph_destroy(*graph);
}

struct hc_error *hc_typegraph_build(const struct hc_heap *heap, struct hc_debuginfo *info,
				    hc_known_layout_fn known, void *ctx, struct hc_typegraph **ret)
{
	hc_cleanup(graph_destroyp) struct hc_typegraph *graph = calloc(1, sizeof(*graph));
	struct hc_error *err;

	if (!graph)
		return &hc_enomem;
	graph->heap = heap;
	graph->info = info;
	if ((err = hc_numbers_init(heap, &graph->numbers)))
		return err;
	graph->places = calloc(graph->numbers.num + 1, sizeof(*graph->places));
	if (!graph->places)
		return &hc_enomem;
	err = follow_variables(graph);
	if (!err && known)
		err = follow_known(graph, known, ctx);
	if (err)
		return err;
	*ret = hc_steal(graph);
	return NULL;
}

size_t hc_typegraph_num(const struct hc_typegraph *graph)
{
	return graph->num;
}

const char *hc_typegraph_name(const struct hc_typegraph *graph, uint32_t type)
{
	return graph->layouts[type].name;
}

bool hc_typegraph_find(const struct hc_typegraph *graph, const struct hc_chunk *chunk,
		       uint32_t *type_ret, enum hc_fit *fit_ret)
{
	uint16_t place = *place_of(graph, chunk);

	if (!place)
		return false;
	*type_ret = index_at(place) - 1;
	*fit_ret = fit_at(place);
	return true;
}
