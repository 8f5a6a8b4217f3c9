/**
 * @file
 * Anchors; see anchors.h.
 */
#include "analyzers/retained/anchors.h"

#include <stdlib.h>

#include "core/base/array.h"
#include "core/base/cleanup.h"
#include "core/process/process.h"

enum {
	MAX_GAP = 4096,    /* bytes of zeroes between two pointers of a table */
	SAME_POINTERS = 8, /* so many in a row, to chunks of one size, are a table */
	ANY_POINTERS = 64, /* so many are one, whatever they point to */
};

/** The last anchors, each of one word, that may be the entries of a table. */
struct row {
	size_t first, num;
	uint64_t sizes[ANY_POINTERS]; /* of the chunks that they point to */
	bool is_table;                /* there are more than that: one anchor */
};

/** A root that is looked through. */
struct search {
	const struct hc_heap *heap;
	struct hc_spots *spots;
	struct hc_anchors *anchors;
	const struct hc_root *root;
	uint64_t end; /* of the anchor that was found last */
	struct row row;
	struct hc_error *err;
};

static struct hc_error *append(struct hc_anchors *anchors, const struct hc_anchor *anchor)
{
	struct hc_error *err =
		hc_array_reserve(&anchors->items, anchors->num, sizeof(*anchors->items));

	if (!err)
		anchors->items[anchors->num++] = *anchor;
	return err;
}

/** @name Tables that no symbol tells of */
/**@{*/

/** Whether nothing but zeroes lie between two words of a table. */
static bool is_gap(const struct hc_heap *heap, uint64_t start, uint64_t end)
{
	uint8_t bytes[MAX_GAP];

	if (end - start > MAX_GAP)
		return false;
	if (start == end)
		return true;
	struct hc_error *err = hc_memory_read(&heap->process->memory, start, bytes, end - start);
	bool missing = err;

	hc_error_destroy(err);
	return !missing && hc_is_zero((struct hc_bytes){bytes, end - start});
}

/** What points to chunks of one size becomes one anchor. */
static void end_row(struct search *search)
{
	struct row *row = &search->row;
	struct hc_anchor *items = search->anchors->items;
	size_t to = row->first, num;

	for (size_t i = 0; i < row->num; i += num) {
		const struct hc_anchor *entries = &items[row->first + i];

		for (num = 1; i + num < row->num && row->sizes[i + num] == row->sizes[i];)
			num++;
		if (num < SAME_POINTERS)
			num = 1;
		uint64_t end = entries[num - 1].end;

		items[to] = *entries;
		items[to++].end = end;
	}
	if (row->num)
		search->anchors->num = to;
	row->num = 0;
	row->is_table = false;
}

/** Everything in the row becomes one anchor. */
static void make_table(struct search *search, uint64_t end)
{
	search->anchors->items[search->row.first].end = end;
	search->anchors->num = search->row.first + 1;
	search->row.num = 0;
	search->row.is_table = true;
}

/** A word of which no symbol tells what it is part of. */
static struct hc_error *append_entry(struct search *search, const struct hc_edge *edge,
				     const struct hc_anchor *anchor)
{
	struct hc_anchors *anchors = search->anchors;
	struct row *row = &search->row;
	struct hc_chunk chunk;

	if ((!row->num && !row->is_table) || !is_gap(search->heap, search->end, edge->at)) {
		end_row(search);
		row->first = anchors->num;
	}
	if (row->is_table) {
		anchors->items[row->first].end = anchor->end;
		return NULL;
	}
	struct hc_error *err = append(anchors, anchor);

	hc_span_chunk(search->heap, edge->span, edge->unit, &chunk);
	row->sizes[row->num++] = chunk.size;
	if (!err && row->num == ANY_POINTERS)
		make_table(search, anchor->end);
	return err;
}
/**@}*/

/** @name Ranges */
/**@{*/

/** How far the thing reaches that a word is part of. @param[out] alone_ret set if nothing tells */
static struct hc_error *find_end(const struct search *search, uint64_t address, uint64_t *ret,
				 bool *alone_ret)
{
	const struct hc_root *root = search->root;
	struct hc_spot spot = {0};
	uint64_t end = address + search->heap->word_size;

	if (root->kind == HC_ROOT_OTHER || search->anchors->num >= HC_MAX_ANCHORS) {
		*ret = root->end;
		return NULL;
	}
	struct hc_error *err = hc_spots_find(search->spots, address, root->thread, &spot);

	if (err)
		return err;
	if (root->kind == HC_ROOT_STACK)
		end = spot.frame ? spot.frame->end : root->end;
	else if (spot.symbol)
		end = address - spot.offset + spot.symbol->size;
	else
		*alone_ret = true;
	if (end < address + search->heap->word_size)
		end = address + search->heap->word_size;
	*ret = end < root->end ? end : root->end;
	return NULL;
}

static bool see_edge(void *ctx, const struct hc_edge *edge)
{
	struct search *search = ctx;
	const struct hc_root *root = search->root;
	bool alone = false;
	struct hc_anchor anchor = {
		.start = edge->at,
		.first = {.address = edge->at,
			  .value = edge->value,
			  .interior = !edge->exact,
			  .root = root->kind,
			  .thread = root->thread,
			  .mapping = root->mapping},
	};

	if (edge->at < search->end)
		return true;
	search->err = find_end(search, edge->at, &anchor.end, &alone);
	if (!search->err && alone) {
		search->err = append_entry(search, edge, &anchor);
	} else if (!search->err) {
		end_row(search);
		search->err = append(search->anchors, &anchor);
	}
	search->end = anchor.end;
	return !search->err;
}

/** A module's data and its bss become one: a variable may lie in both. */
static size_t join_roots(struct hc_root *roots, size_t num)
{
	size_t joined = 0;

	for (size_t i = 0; i < num; i++) {
		struct hc_root *last = joined ? &roots[joined - 1] : NULL;

		if (last && last->kind == HC_ROOT_DATA && roots[i].kind == HC_ROOT_DATA &&
		    last->end == roots[i].start)
			last->end = roots[i].end;
		else
			roots[joined++] = roots[i];
	}
	return joined;
}

static struct hc_error *search_roots(struct search *search, const struct hc_root *roots, size_t num,
				     bool known)
{
	for (size_t i = 0; !search->err && i < num; i++) {
		if ((roots[i].kind != HC_ROOT_OTHER) != known)
			continue;
		search->root = &roots[i];
		search->end = roots[i].start;
		hc_edges_of_range(search->heap, roots[i].start, roots[i].end, see_edge, search);
		end_row(search);
		if (!search->err)
			search->err = hc_watch_check(search->heap->process->watch);
	}
	return search->err;
}
/**@}*/

/** @name Values */
/**@{*/

static struct hc_error *add_values(const struct search *search, const uint64_t *values, size_t num,
				   struct hc_referrer first)
{
	struct hc_anchor anchor = {.values = values, .num_values = num, .first = first};
	struct hc_edge edge = {0};

	for (size_t i = 0; i < num; i++) {
		if (!hc_edge_of(search->heap, values[i], &edge))
			continue;
		anchor.first.value = values[i];
		anchor.first.interior = !edge.exact;
		return append(search->anchors, &anchor);
	}
	return NULL;
}

static struct hc_error *search_values(const struct search *search)
{
	const struct hc_heap *heap = search->heap;
	const struct hc_threads *threads = &heap->process->threads;
	const struct hc_inflight *inflight = &search->anchors->inflight;
	struct hc_error *err = NULL;

	for (size_t i = 0; !err && i < threads->num; i++)
		err = add_values(search, threads->items[i].regs, threads->items[i].num_regs,
				 (struct hc_referrer){.root = HC_ROOT_REGISTER,
						      .thread = &threads->items[i],
						      .detail = "registers"});
	for (size_t i = 0; !err && i < inflight->num_chunks; i++)
		err = add_values(search, &inflight->chunks[i].address, 1,
				 (struct hc_referrer){.root = HC_ROOT_REGISTER,
						      .thread = inflight->chunks[i].thread,
						      .detail = "call of the allocator"});
	for (size_t i = 0; !err && i < heap->num_pins; i++)
		err = add_values(
			search, &heap->pins[i].address, 1,
			(struct hc_referrer){.root = HC_ROOT_PIN, .detail = heap->pins[i].what});
	return err;
}
/**@}*/

struct hc_error *hc_anchors_find(const struct hc_heap *heap, struct hc_spots *spots,
				 struct hc_anchors *ret)
{
	hc_cleanup_free struct hc_root *roots = NULL;
	struct hc_anchors anchors = {0};
	struct search search = {.heap = heap, .spots = spots, .anchors = &anchors};
	size_t num;
	struct hc_error *err = hc_roots_collect(heap, &roots, &num);

	if (!err)
		err = hc_inflight_find(heap, &anchors.inflight);
	if (!err) {
		num = join_roots(roots, num);
		err = search_roots(&search, roots, num, true);
	}
	if (!err)
		err = search_values(&search);
	anchors.num_known = anchors.num;
	if (!err)
		err = search_roots(&search, roots, num, false);
	if (err) {
		hc_anchors_deinit(&anchors);
		return err;
	}
	*ret = anchors;
	return NULL;
}

void hc_anchors_deinit(struct hc_anchors *anchors)
{
	hc_inflight_deinit(&anchors->inflight);
	free(anchors->items);
	*anchors = (struct hc_anchors){0};
}

void hc_edges_of_anchor(const struct hc_heap *heap, const struct hc_anchor *anchor, hc_edge_fn fn,
			void *ctx)
{
	for (size_t i = 0; i < anchor->num_values; i++) {
		struct hc_edge edge = {.value = anchor->values[i]};

		if (hc_edge_of(heap, anchor->values[i], &edge) && !fn(ctx, &edge))
			return;
	}
	hc_edges_of_range(heap, anchor->start, anchor->end, fn, ctx);
}
