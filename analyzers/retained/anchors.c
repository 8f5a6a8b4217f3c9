/**
 * @file
 * Anchors; see anchors.h.
 */
#include "analyzers/retained/anchors.h"

#include <stdlib.h>

#include "analyzers/reachability/edges.h"
#include "core/base/array.h"
#include "core/base/cleanup.h"
#include "core/process/process.h"

/** A root that is looked through. */
struct search {
	const struct hc_heap *heap;
	struct hc_spots *spots;
	struct hc_anchors *anchors;
	const struct hc_root *root;
	uint64_t end; /* of the anchor that was found last */
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

/** @name Ranges */
/**@{*/

/** How far the thing reaches that a word is part of. */
static struct hc_error *find_end(const struct search *search, uint64_t address, uint64_t *ret)
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
	if (end < address + search->heap->word_size)
		end = address + search->heap->word_size;
	*ret = end < root->end ? end : root->end;
	return NULL;
}

static bool see_edge(void *ctx, const struct hc_edge *edge)
{
	struct search *search = ctx;
	const struct hc_root *root = search->root;
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
	search->err = find_end(search, edge->at, &anchor.end);
	if (!search->err)
		search->err = append(search->anchors, &anchor);
	search->end = anchor.end;
	return !search->err;
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
	if (!err)
		err = search_roots(&search, roots, num, true);
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
