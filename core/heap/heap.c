/**
 * @file
 * The heap model, reading side.
 */
#include "core/heap/heap.h"
#include "core/base/array.h"
#include "core/base/cleanup.h"

const char *hc_fault_name(enum hc_fault fault)
{
	static const char *const names[HC_NUM_FAULTS] = {"header", "boundary", "top",
							 "list",   "arena",    "mmapped"};
	return fault < HC_NUM_FAULTS ? names[fault] : "unknown";
}

const char *hc_state_name(enum hc_state state)
{
	static const char *const names[HC_NUM_STATES] = {
		[HC_IN_USE] = "in-use",     [HC_TCACHE] = "tcache",     [HC_FASTBIN] = "fastbin",
		[HC_UNSORTED] = "unsorted", [HC_SMALLBIN] = "smallbin", [HC_LARGEBIN] = "largebin",
		[HC_TOP] = "top",           [HC_OVERHEAD] = "overhead",
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

static enum hc_state free_state(const struct hc_heap *heap, uint64_t address, uint64_t size,
				enum hc_free_list list)
{
	switch (list) {
	case HC_LIST_TCACHE:
		return HC_TCACHE;
	case HC_LIST_UNSORTED:
		return HC_UNSORTED;
	case HC_LIST_BIN:
		return size < heap->first_large ? HC_SMALLBIN : HC_LARGEBIN;
	case HC_LIST_FASTBIN_OR_SPECIAL:
		break;
	}
	const struct hc_special *special = hc_heap_special(heap, address);
	return special ? special->state : HC_FASTBIN;
}

/** The chunk at @p unit, when the next one (or the end) is at @p next. */
static inline void make_chunk(const struct hc_heap *heap, const struct hc_span *span, uint64_t unit,
			      uint64_t next, struct hc_chunk *ret)
{
	uint64_t address = span->base + (unit << span->unit_shift);
	uint64_t size = next < span->num_units ? (next - unit) << span->unit_shift
					       : span->end - (address - span->header);
	const struct hc_block *block = &span->blocks[unit / HC_UNITS_PER_BLOCK];
	unsigned shift = unit % HC_UNITS_PER_BLOCK;
	unsigned code = (block->a >> shift & 1) | (block->b >> shift & 1) << 1;
	bool is_free = block->free >> shift & 1;

	ret->address = address;
	ret->size = size;
	ret->usable = size > span->trailer ? size - span->trailer : 0;
	ret->span = span;
	ret->unit = unit;
	ret->state = is_free ? free_state(heap, address, size, code) : HC_IN_USE;
	ret->reach = is_free ? HC_DEFINITE : (enum hc_reach)code;
}

void hc_span_chunk(const struct hc_heap *heap, const struct hc_span *span, uint64_t unit,
		   struct hc_chunk *ret)
{
	make_chunk(heap, span, unit, hc_span_next_start(span, unit + 1), ret);
}

bool hc_heap_chunk_at(const struct hc_heap *heap, uint64_t address, struct hc_chunk *ret)
{
	const struct hc_span *span = hc_heap_span(heap, address);
	if (!span)
		return false;
	/*
	 * The first word of a header is the last usable word of the chunk before, so a chunk owns
	 * the bytes from its size field to the size field of the next.
	 */
	uint64_t offset = address - span->start;
	offset = offset > heap->word_size ? offset - heap->word_size : 0;
	uint64_t unit = hc_span_prev_start(span, offset >> span->unit_shift);
	if (unit == UINT64_MAX)
		return false;
	struct hc_chunk chunk;
	hc_span_chunk(heap, span, unit, &chunk);
	*ret = chunk;
	return true;
}

void hc_chunk_iter_slice(struct hc_chunk_iter *iter, const struct hc_heap *heap,
			 struct hc_slice slice)
{
	*iter = (struct hc_chunk_iter){
		.heap = heap,
		.slice = slice,
		.next = hc_span_next_start(slice.span, slice.from),
	};
}

static struct hc_slice whole_span(const struct hc_span *span)
{
	return (struct hc_slice){span, 0, span->num_units};
}

void hc_chunk_iter_heap(struct hc_chunk_iter *iter, const struct hc_heap *heap)
{
	*iter = (struct hc_chunk_iter){.heap = heap};
	if (heap->num_spans)
		hc_chunk_iter_slice(iter, heap, whole_span(&heap->spans[0]));
	iter->whole = true;
}

bool hc_chunk_iter_next(struct hc_chunk_iter *iter, struct hc_chunk *ret)
{
	while (iter->next >= iter->slice.to) {
		if (!iter->whole || iter->span + 1 >= iter->heap->num_spans)
			return false;
		iter->slice = whole_span(&iter->heap->spans[++iter->span]);
		iter->next = hc_span_next_start(iter->slice.span, 0);
	}
	uint64_t unit = iter->next;
	iter->next = hc_span_next_start(iter->slice.span, unit + 1);
	make_chunk(iter->heap, iter->slice.span, unit, iter->next, ret);
	return true;
}

struct hc_error *hc_heap_slices(const struct hc_heap *heap, uint64_t bytes, struct hc_slice **ret,
				size_t *num_ret)
{
	/* Whole blocks, so that two workers never write to the same word of a plane. */
	uint64_t blocks = bytes / (HC_UNITS_PER_BLOCK * (uint64_t)heap->alignment);
	uint64_t units = (blocks ? blocks : 1) * HC_UNITS_PER_BLOCK;
	size_t num = 0;
	for (size_t i = 0; i < heap->num_spans; i++)
		num += (heap->spans[i].num_units + units - 1) / units;
	struct hc_slice *slices = calloc(num ? num : 1, sizeof(*slices));
	if (!slices)
		return &hc_enomem;
	size_t n = 0;
	for (size_t i = 0; i < heap->num_spans; i++) {
		const struct hc_span *span = &heap->spans[i];
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

void hc_chunk_request(const struct hc_heap *heap, const struct hc_chunk *chunk, uint64_t *min_ret,
		      uint64_t *max_ret)
{
	*max_ret = chunk->usable;
	uint64_t slack;
	if (chunk->span->kind == HC_SPAN_MMAP) {
		/* Rounded up to whole pages. */
		slack = (UINT64_C(1) << heap->process->core->machine->page_shift) +
			heap->alignment - 1;
	} else {
		/* A remainder that is too small to be a chunk is handed out, too. */
		uint64_t remainder = heap->min_chunk - heap->alignment;
		slack = remainder + heap->alignment - 1;
		if (chunk->size <= heap->min_chunk + remainder)
			slack = chunk->usable; /* every small request gets the smallest chunk */
	}
	*min_ret = chunk->usable > slack ? chunk->usable - slack : 0;
}

uint64_t hc_heap_request_size(const struct hc_heap *heap, uint64_t request)
{
	uint64_t size;
	if (__builtin_add_overflow(request, heap->word_size + heap->alignment - 1, &size))
		return UINT64_MAX;
	size &= ~(uint64_t)(heap->alignment - 1);
	return size < heap->min_chunk ? heap->min_chunk : size;
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
