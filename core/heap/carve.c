/**
 * @file
 * Chunks of one allocator that another cut up: they leave the spans that they were in.
 */
#include "core/heap/carve.h"

#include "core/base/array.h"

struct hc_error *hc_heap_carve(struct hc_heap *heap, const struct hc_chunk *chunk, uint32_t arena)
{
	struct hc_error *err =
		hc_array_reserve(&heap->carvings, heap->num_carvings, sizeof(*heap->carvings));
	if (err)
		return err;
	const struct hc_span *span = chunk->span;
	uint64_t start = chunk->address - span->header, end = start + chunk->size;
	heap->carvings[heap->num_carvings++] = (struct hc_carving){
		.start = start,
		.end = end < span->end ? end : span->end,
		.arena = arena,
		.from = span->zone,
		.kind = span->kind,
	};
	/* What the chunk before may use of the header is not the allocator's. */
	return hc_heap_add_hole(heap, start + span->zone->shared, end);
}

static int compare_carvings(const void *a, const void *b)
{
	const struct hc_carving *x = a, *y = b;
	return (x->start > y->start) - (x->start < y->start);
}

/** Sixty-four bits of a plane, from @p unit on. */
static uint64_t bits_from(const struct hc_span *span, size_t plane, uint64_t unit)
{
	uint64_t block = unit / HC_UNITS_PER_BLOCK, shift = unit % HC_UNITS_PER_BLOCK;
	const uint64_t *low = (const uint64_t *)&span->blocks[block] + plane;
	uint64_t bits = *low >> shift;
	if (shift && block + 1 < span->num_blocks)
		bits |= *(low + sizeof(struct hc_block) / sizeof(*low)) << (64 - shift);
	return bits;
}

/** Add the chunks of @p span that start in [from, to) units as a span, whose end is @p end. */
static struct hc_error *add_piece(struct hc_heap *heap, const struct hc_span *span, uint64_t from,
				  uint64_t to, uint64_t end)
{
	struct hc_span piece = *span, *added;
	piece.start = hc_span_address(span, from) - span->header;
	piece.end = end;
	piece.num_units = to - from;
	if (from >= to || piece.start >= end)
		return NULL;
	uint64_t num = hc_num_blocks(piece.num_units);
	piece.blocks = hc_blocks_create(num);
	if (!piece.blocks)
		return &hc_enomem;
	for (uint64_t i = 0; i < num; i++) {
		uint64_t left = piece.num_units - i * HC_UNITS_PER_BLOCK;
		uint64_t mask = left < 64 ? (UINT64_C(1) << left) - 1 : UINT64_MAX;
		uint64_t unit = from + i * HC_UNITS_PER_BLOCK;
		piece.blocks[i] = (struct hc_block){
			.start = bits_from(span, 0, unit) & mask,
			.free = bits_from(span, 1, unit) & mask,
			.a = bits_from(span, 2, unit) & mask,
			.b = bits_from(span, 3, unit) & mask,
		};
	}
	return hc_heap_add_span(heap, &piece, &added);
}

/** Replace a span by what the carvings [first, last), which lie in it, leave of it. */
static struct hc_error *cut_span(struct hc_heap *heap, size_t index, size_t first, size_t last)
{
	struct hc_span span = heap->spans[index];
	struct hc_error *err = NULL;
	uint64_t from = 0;
	heap->spans[index] = heap->spans[--heap->num_spans];
	for (size_t i = first; i < last && !err; i++) {
		struct hc_carving *carving = &heap->carvings[i];
		uint64_t unit = hc_span_unit(&span, carving->start - span.start);
		carving->done = true;
		err = add_piece(heap, &span, from, unit, carving->start);
		from = hc_span_next_start(&span, unit + 1);
	}
	if (!err)
		err = add_piece(heap, &span, from, span.num_units, span.end);
	hc_blocks_destroy(span.blocks, span.num_blocks);
	return err;
}

/** Drop carvings of one chunk but the first. */
static void sort_carvings(struct hc_heap *heap)
{
	size_t kept = 0;
	hc_sort(heap->carvings, heap->num_carvings, compare_carvings);
	for (size_t i = 0; i < heap->num_carvings; i++)
		if (!kept || heap->carvings[kept - 1].start != heap->carvings[i].start)
			heap->carvings[kept++] = heap->carvings[i];
	heap->num_carvings = kept;
}

struct hc_error *hc_carvings_cut(struct hc_heap *heap)
{
	struct hc_error *err = NULL;
	sort_carvings(heap);
	/* From the last on, since a span that is cut is replaced by the last, and pieces follow. */
	for (size_t i = heap->num_spans; i-- > 0 && !err;) {
		const struct hc_span *span = &heap->spans[i];
		size_t first = hc_lower_bound(heap->num_carvings, k,
					      heap->carvings[k].start < span->start);
		size_t last = first;
		while (last < heap->num_carvings && heap->carvings[last].start < span->end &&
		       heap->carvings[last].from == span->zone && !heap->carvings[last].done)
			last++;
		if (last > first)
			err = cut_span(heap, i, first, last);
	}
	return err;
}

void hc_carvings_count(struct hc_heap *heap)
{
	for (size_t i = 0; i < heap->num_carvings; i++) {
		struct hc_carving *carving = &heap->carvings[i];
		if (!carving->done || carving->counted)
			continue;
		uint64_t left = carving->end - carving->start;
		size_t k =
			hc_lower_bound(heap->num_spans, s, heap->spans[s].start < carving->start);
		for (; k < heap->num_spans && heap->spans[k].end <= carving->end; k++)
			left -= heap->spans[k].end - heap->spans[k].start;
		if (carving->arena < heap->num_arenas)
			heap->arenas[carving->arena].outside += left;
		carving->counted = true;
	}
}
