/**
 * @file
 * The heap model, reading side.
 */
#include "core/heap/heap.h"
#include "core/heap/allocator.h"
#include "core/base/array.h"
#include "core/base/cleanup.h"

const char *hc_fault_name(enum hc_fault fault)
{
	static const char *const names[HC_NUM_FAULTS] = {"header", "boundary", "top",
							 "list",   "arena",    "mmapped"};
	return fault < HC_NUM_FAULTS ? names[fault] : "unknown";
}

const char *hc_absence_name(enum hc_absence absence)
{
	static const char *const names[HC_NUM_ABSENCES] = {
		[HC_ABSENT_UNKNOWN] = "unknown",
		[HC_ABSENT_NOT_DUMPED] = "not-dumped",
		[HC_ABSENT_NEVER_CALLED] = "never-called",
		[HC_ABSENT_OTHER] = "other-allocator",
	};
	return names[absence];
}

const char *hc_state_name(enum hc_state state)
{
	static const char *const names[HC_NUM_STATES] = {
		[HC_IN_USE] = "in-use", [HC_CACHED] = "cached",     [HC_FREE] = "free",
		[HC_TOP] = "top",       [HC_OVERHEAD] = "overhead",
	};
	return names[state];
}

const char *hc_reach_name(enum hc_reach reach)
{
	static const char *const names[HC_NUM_REACH] = {
		[HC_DEFINITE] = "definite",
		[HC_INDIRECT] = "indirect",
		[HC_REACHABLE] = "reachable",
		[HC_POSSIBLE] = "possible",
	};
	return names[reach];
}

uint64_t hc_span_next_start(const struct hc_span *span, uint64_t unit)
{
	if (unit >= span->num_units)
		return span->num_units;
	uint64_t i = unit / HC_UNITS_PER_BLOCK;
	uint64_t bits = span->blocks[i].start & UINT64_MAX << unit % HC_UNITS_PER_BLOCK;
	while (!bits) {
		if (++i == span->num_blocks)
			return span->num_units;
		bits = span->blocks[i].start;
	}
	return i * HC_UNITS_PER_BLOCK + __builtin_ctzll(bits);
}

uint64_t hc_span_prev_start(const struct hc_span *span, uint64_t unit)
{
	if (!span->num_units)
		return UINT64_MAX;
	if (unit >= span->num_units)
		unit = span->num_units - 1;
	uint64_t i = unit / HC_UNITS_PER_BLOCK;
	uint64_t bits = span->blocks[i].start &
			UINT64_MAX >> (HC_UNITS_PER_BLOCK - 1 - unit % HC_UNITS_PER_BLOCK);
	while (!bits) {
		if (i-- == 0)
			return UINT64_MAX;
		bits = span->blocks[i].start;
	}
	return i * HC_UNITS_PER_BLOCK + (HC_UNITS_PER_BLOCK - 1 - __builtin_clzll(bits));
}

/** What a free chunk is, when its planes say @p code. */
static void set_free_state(const struct hc_heap *heap, unsigned code, struct hc_chunk *chunk)
{
	const struct hc_zone *zone = chunk->span->zone;
	const struct hc_special *special = code ? NULL : hc_heap_special(heap, chunk->address);
	if (special) {
		chunk->state = special->state;
		return;
	}
	chunk->list = zone->lists[code][chunk->size >= zone->first_large];
	chunk->state = chunk->list ? chunk->list->state : HC_FREE;
}

/** The chunk at @p unit, when the next one has its user address at @p next. */
static inline void make_chunk(const struct hc_heap *heap, const struct hc_span *span, uint64_t unit,
			      uint64_t next, struct hc_chunk *ret)
{
	uint64_t start = hc_span_offset(span, unit), size = next - start;
	const struct hc_block *block = &span->blocks[unit / HC_UNITS_PER_BLOCK];
	unsigned shift = unit % HC_UNITS_PER_BLOCK;
	unsigned code = (block->a >> shift & 1) | (block->b >> shift & 1) << 1;

	ret->address = span->base + start;
	ret->size = size;
	ret->usable = size > span->overhead ? size - span->overhead : 0;
	ret->span = span;
	ret->unit = unit;
	ret->state = HC_IN_USE;
	ret->reach = code;
	ret->list = NULL;
	if (block->free >> shift & 1) {
		ret->reach = HC_DEFINITE;
		set_free_state(heap, code, ret);
	}
}

/** Offset of the user address of the chunk that starts at @p unit, or of what is behind the last.
 */
static inline uint64_t next_offset(const struct hc_span *span, uint64_t unit)
{
	return unit < span->num_units ? hc_span_offset(span, unit) : hc_span_limit(span);
}

void hc_span_chunk(const struct hc_heap *heap, const struct hc_span *span, uint64_t unit,
		   struct hc_chunk *ret)
{
	make_chunk(heap, span, unit, next_offset(span, hc_span_next_start(span, unit + 1)), ret);
}

bool hc_span_find(const struct hc_span *span, uint64_t offset, struct hc_place *ret)
{
	uint64_t unit = hc_span_prev_start(span, hc_span_unit(span, offset));
	if (unit == UINT64_MAX)
		return false;
	ret->unit = unit;
	ret->start = hc_span_offset(span, unit);
	ret->next = next_offset(span, hc_span_next_start(span, unit + 1));
	return true;
}

void hc_span_place_chunk(const struct hc_heap *heap, const struct hc_span *span,
			 const struct hc_place *place, struct hc_chunk *ret)
{
	make_chunk(heap, span, place->unit, place->next, ret);
}

bool hc_heap_chunk_at(const struct hc_heap *heap, uint64_t address, struct hc_chunk *ret)
{
	const struct hc_span *span = hc_heap_span(heap, address);
	struct hc_place place;
	if (!span)
		return false;
	/*
	 * What a chunk has of its header belongs to it, the rest to the one before. Nobody is
	 * before the first.
	 */
	uint64_t offset = address + span->own;
	offset = offset > span->base ? offset - span->base : 0;
	if (!hc_span_find(span, offset, &place))
		return false;
	make_chunk(heap, span, place.unit, place.next, ret);
	return true;
}

bool hc_heap_pointee(const struct hc_heap *heap, uint64_t address, struct hc_chunk *ret)
{
	struct hc_chunk chunk;
	if (!hc_heap_chunk_at(heap, address, &chunk) || address < chunk.address ||
	    address - chunk.address >= chunk.usable)
		return false;
	*ret = chunk;
	return true;
}

/** Start bits of the iterator's block, as far as it is in the slice. */
static inline uint64_t bits_of_block(const struct hc_chunk_iter *iter)
{
	const struct hc_slice *slice = &iter->slice;

	return hc_block_of_kinds(&slice->span->blocks[iter->block], iter->kinds) &
	       hc_block_units(iter->block, slice->from, slice->to);
}

static void enter_slice(struct hc_chunk_iter *iter, struct hc_slice slice)
{
	iter->slice = slice;
	iter->block = slice.from / HC_UNITS_PER_BLOCK;
	iter->bits = slice.from < slice.to ? bits_of_block(iter) : 0;
}

void hc_chunk_iter_kinds(struct hc_chunk_iter *iter, const struct hc_heap *heap,
			 struct hc_slice slice, unsigned kinds)
{
	*iter = (struct hc_chunk_iter){.heap = heap, .kinds = kinds};
	enter_slice(iter, slice);
}

void hc_chunk_iter_slice(struct hc_chunk_iter *iter, const struct hc_heap *heap,
			 struct hc_slice slice)
{
	hc_chunk_iter_kinds(iter, heap, slice, HC_KINDS_ALL);
}

static struct hc_slice whole_span(const struct hc_span *span)
{
	return (struct hc_slice){span, 0, span->num_units};
}

void hc_chunk_iter_heap(struct hc_chunk_iter *iter, const struct hc_heap *heap)
{
	*iter = (struct hc_chunk_iter){.heap = heap, .kinds = HC_KINDS_ALL};
	if (heap->num_spans)
		enter_slice(iter, whole_span(&heap->spans[0]));
	iter->whole = true;
}

/** Go on to the next block that has a chunk. @return false when there is none */
static bool next_block(struct hc_chunk_iter *iter)
{
	while (!iter->bits) {
		if ((iter->block + 1) * HC_UNITS_PER_BLOCK < iter->slice.to) {
			iter->block++;
			iter->bits = bits_of_block(iter);
			continue;
		}
		if (!iter->whole || iter->span + 1 >= iter->heap->num_spans)
			return false;
		enter_slice(iter, whole_span(&iter->heap->spans[++iter->span]));
	}
	return true;
}

bool hc_chunk_iter_next(struct hc_chunk_iter *iter, struct hc_chunk *ret)
{
	if (!iter->bits && !next_block(iter))
		return false;
	const struct hc_span *span = iter->slice.span;
	unsigned bit = __builtin_ctzll(iter->bits);
	uint64_t first = iter->block * HC_UNITS_PER_BLOCK;
	uint64_t behind = span->blocks[iter->block].start & UINT64_MAX << bit << 1;
	uint64_t next = behind ? first + __builtin_ctzll(behind)
			       : hc_span_next_start(span, first + HC_UNITS_PER_BLOCK);

	iter->bits &= iter->bits - 1;
	make_chunk(iter->heap, span, first + bit, next_offset(span, next), ret);
	return true;
}

/** Units of a slice: whole blocks, so that two workers never write to the same word of a plane. */
static uint64_t slice_units(const struct hc_span *span, uint64_t bytes)
{
	uint64_t blocks = bytes / (HC_UNITS_PER_BLOCK * (uint64_t)span->unit);
	return (blocks ? blocks : 1) * HC_UNITS_PER_BLOCK;
}

struct hc_error *hc_heap_slices(const struct hc_heap *heap, uint64_t bytes, struct hc_slice **ret,
				size_t *num_ret)
{
	size_t num = 0;
	for (size_t i = 0; i < heap->num_spans; i++) {
		uint64_t units = slice_units(&heap->spans[i], bytes);
		num += (heap->spans[i].num_units + units - 1) / units;
	}
	struct hc_slice *slices = calloc(num ? num : 1, sizeof(*slices));
	if (!slices)
		return &hc_enomem;
	size_t n = 0;
	for (size_t i = 0; i < heap->num_spans; i++) {
		const struct hc_span *span = &heap->spans[i];
		uint64_t units = slice_units(span, bytes);
		for (uint64_t from = 0; from < span->num_units; from += units) {
			uint64_t left = span->num_units - from;
			slices[n++] =
				(struct hc_slice){span, from, from + (left < units ? left : units)};
		}
	}
	*ret = slices;
	*num_ret = num;
	return NULL;
}

struct hc_bytes hc_chunk_bytes(const struct hc_heap *heap, const struct hc_chunk *chunk)
{
	if (chunk->span->data)
		return (struct hc_bytes){chunk->span->data + (chunk->address - chunk->span->start),
					 chunk->span->end - chunk->address < chunk->usable
						 ? chunk->span->end - chunk->address
						 : chunk->usable};
	return hc_memory_view(&heap->process->memory, chunk->address, chunk->usable);
}

uint64_t hc_heap_next_listed(const struct hc_heap *heap, uint64_t address)
{
	const struct hc_span *span = hc_heap_span(heap, address);
	const struct hc_backend *backend = span ? span->zone->backend : NULL;

	return backend && backend->allocator->next ? backend->allocator->next(backend, address) : 0;
}

const struct hc_special *hc_heap_special(const struct hc_heap *heap, uint64_t address)
{
	size_t low = hc_lower_bound(heap->num_specials, i, heap->specials[i].address < address);
	return low < heap->num_specials && heap->specials[low].address == address
		       ? &heap->specials[low]
		       : NULL;
}

const struct hc_pin *hc_heap_pin(const struct hc_heap *heap, uint64_t address)
{
	size_t low = hc_lower_bound(heap->num_pins, i, heap->pins[i].address < address);
	return low < heap->num_pins && heap->pins[low].address == address ? &heap->pins[low] : NULL;
}
