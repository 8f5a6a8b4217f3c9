/**
 * @file
 * The heap model, writing side: what allocator back ends call.
 */
#include "core/heap/build.h"

#include <stdarg.h>

#include "core/base/array.h"
#include "core/base/cleanup.h"
#include "core/base/format.h"
#include "core/heap/allocator.h"
#include "core/heap/carve.h"

struct hc_block *hc_blocks_create(uint64_t num)
{
	return hc_zeroes_create(num, sizeof(struct hc_block));
}

void hc_blocks_destroy(struct hc_block *blocks, uint64_t num)
{
	hc_zeroes_destroy(blocks, num, sizeof(*blocks));
}

struct hc_block *hc_blocks_shrink(struct hc_block *blocks, uint64_t old_num, uint64_t num)
{
	return hc_zeroes_shrink(blocks, old_num, num, sizeof(*blocks));
}

/** @name Zones */
/**@{*/

/** Remember the lists of an allocator, once. */
static struct hc_error *add_lists(struct hc_heap *heap, const struct hc_allocator *allocator)
{
	for (size_t i = 0; i < heap->num_lists; i++)
		if (allocator->num_lists && heap->lists[i] == &allocator->lists[0])
			return NULL;
	if (allocator->num_lists > HC_MAX_LISTS - heap->num_lists)
		return hc_error_create(HC_ERROR_LIMIT,
				       "the allocators have too many kinds of lists");
	for (size_t i = 0; i < allocator->num_lists; i++)
		heap->lists[heap->num_lists++] = &allocator->lists[i];
	return NULL;
}

static void index_lists(struct hc_zone *zone, const struct hc_allocator *allocator)
{
	memset(zone->lists, 0, sizeof(zone->lists));
	for (size_t i = 0; i < allocator->num_lists; i++) {
		const struct hc_list *list = &allocator->lists[i];
		const struct hc_list **of = zone->lists[list->code & 3];
		if (list->large || !of[1])
			of[1] = list;
		if (!list->large)
			of[0] = list;
	}
}

struct hc_error *hc_heap_add_zone(struct hc_backend *backend, const struct hc_zone *zone,
				  const struct hc_zone **ret)
{
	struct hc_heap *heap = backend->heap;
	if (!zone->unit || zone->shared > zone->header)
		return hc_error_create(HC_ERROR_LIMIT, "%s: a zone without units",
				       backend->allocator->name);
	struct hc_error *err = add_lists(heap, backend->allocator);
	if (!err)
		err = hc_array_reserve(&heap->zones, heap->num_zones, sizeof(*heap->zones));
	if (err)
		return err;
	struct hc_zone *own = malloc(sizeof(*own));
	if (!own)
		return &hc_enomem;
	*own = *zone;
	own->backend = backend;
	index_lists(own, backend->allocator);
	heap->zones[heap->num_zones++] = own;
	*ret = own;
	return NULL;
}

struct hc_error *hc_heap_add_backend(struct hc_heap *heap, const struct hc_allocator *allocator,
				     struct hc_backend **ret)
{
	struct hc_error *err =
		hc_array_reserve(&heap->backends, heap->num_backends, sizeof(*heap->backends));
	if (err)
		return err;
	struct hc_backend *backend = calloc(1, sizeof(*backend));
	if (!backend)
		return &hc_enomem;
	*backend = (struct hc_backend){
		.allocator = allocator,
		.process = (struct hc_process *)heap->process,
		.heap = heap,
	};
	heap->backends[heap->num_backends++] = backend;
	*ret = backend;
	return NULL;
}

/**@}*/

struct hc_error *hc_heap_add_arenas(struct hc_backend *backend, size_t num, uint32_t *ret)
{
	struct hc_heap *heap = backend->heap;
	size_t total;
	if (__builtin_add_overflow(heap->num_arenas, num, &total) || total >= HC_ARENA_MMAP)
		return hc_error_create(HC_ERROR_LIMIT, "the heap has too many arenas");
	struct hc_arena *arenas =
		reallocarray(heap->arenas, total ? total : 1, sizeof(*heap->arenas));
	if (!arenas)
		return &hc_enomem;
	heap->arenas = arenas;
	for (size_t i = heap->num_arenas; i < total; i++)
		arenas[i] = (struct hc_arena){.backend = backend};
	*ret = heap->num_arenas;
	heap->num_arenas = total;
	return NULL;
}

/** What spans have in their own cache line of what their zone says. */
static void take_over_zone(struct hc_span *span)
{
	const struct hc_zone *zone = span->zone;
	bool power = !(zone->unit & (zone->unit - 1));
	span->base = span->start + zone->header;
	span->unit = zone->unit;
	span->unit_shift = power ? __builtin_ctz(zone->unit) : HC_NO_SHIFT;
	span->header = zone->header;
	span->own = zone->header - zone->shared;
	span->overhead = span->own + zone->trailer;
}

struct hc_error *hc_heap_add_span(struct hc_heap *heap, const struct hc_span *given,
				  struct hc_span **ret)
{
	struct hc_span span = *given;
	span.num_blocks = hc_num_blocks(span.num_units);
	if (!span.blocks)
		span.blocks = hc_blocks_create(span.num_blocks);
	if (!span.blocks)
		return &hc_enomem;
	struct hc_error *err =
		hc_array_reserve(&heap->spans, heap->num_spans, sizeof(*heap->spans));
	if (err) {
		hc_blocks_destroy(span.blocks, span.num_blocks);
		return err;
	}
	struct hc_bytes view =
		hc_memory_view(&heap->process->memory, span.start, span.end - span.start);
	span.data = view.size == span.end - span.start ? view.data : NULL;
	take_over_zone(&span);
	heap->spans[heap->num_spans] = span;
	*ret = &heap->spans[heap->num_spans++];
	return NULL;
}

void hc_span_set_start(struct hc_span *span, uint64_t unit)
{
	span->blocks[unit / HC_UNITS_PER_BLOCK].start |= UINT64_C(1) << unit % HC_UNITS_PER_BLOCK;
}

struct hc_error *hc_heap_add_special(struct hc_heap *heap, uint64_t address, enum hc_state state,
				     const char *what)
{
	struct hc_error *err =
		hc_array_reserve(&heap->specials, heap->num_specials, sizeof(*heap->specials));
	if (err)
		return err;
	heap->specials[heap->num_specials++] = (struct hc_special){address, state, what};
	return NULL;
}

struct hc_error *hc_heap_add_pin(struct hc_heap *heap, uint64_t address, char *what)
{
	hc_cleanup_free char *owned = what;
	struct hc_error *err = hc_array_reserve(&heap->pins, heap->num_pins, sizeof(*heap->pins));
	if (err)
		return err;
	heap->pins[heap->num_pins++] = (struct hc_pin){address, hc_steal(owned)};
	return NULL;
}

struct hc_error *hc_heap_add_hole(struct hc_heap *heap, uint64_t start, uint64_t end)
{
	if (start >= end)
		return NULL;
	struct hc_error *err =
		hc_array_reserve(&heap->holes, heap->num_holes, sizeof(*heap->holes));
	if (!err)
		heap->holes[heap->num_holes++] = (struct hc_hole){start, end};
	return err;
}

struct hc_error *hc_heap_add_inconsistency(struct hc_heap *heap, struct hc_inconsistency fault,
					   const char *format, ...)
{
	if (heap->inconsistencies_total >= HC_MAX_INCONSISTENCIES) {
		heap->inconsistencies_total++;
		return NULL;
	}
	struct hc_error *err = hc_array_reserve(&heap->inconsistencies, heap->num_inconsistencies,
						sizeof(*heap->inconsistencies));
	if (err)
		return err;
	va_list ap;
	va_start(ap, format);
	fault.what = hc_vformat(format, ap);
	va_end(ap);
	if (!fault.what)
		return &hc_enomem;
	fault.backend = heap->calling;
	heap->inconsistencies_total++;
	heap->inconsistencies[heap->num_inconsistencies++] = fault;
	return NULL;
}

static int compare_spans(const void *a, const void *b)
{
	uint64_t x = ((const struct hc_span *)a)->start, y = ((const struct hc_span *)b)->start;
	return (x > y) - (x < y);
}

void hc_heap_sort_spans(struct hc_heap *heap)
{
	hc_sort(heap->spans, heap->num_spans, compare_spans);
}

static void count_chunks(struct hc_span *span)
{
	span->num_chunks = 0;
	for (uint64_t i = 0; i < span->num_blocks; i++)
		span->num_chunks += __builtin_popcountll(span->blocks[i].start);
}

/**
 * Why a span must be left out, or NULL. @param missing bytes that the spans so far lack; kept up
 * to date
 */
static const char *span_problem(const struct hc_heap *heap, const struct hc_span *span,
				const struct hc_span *before, uint64_t *missing)
{
	if (before && span->start < before->end)
		return "a stretch of chunks overlaps the one before it and was left out";
	uint64_t more = span->end - span->start;
	more -= hc_memory_present(&heap->process->memory, span->start, span->end);
	if (more > HC_MAX_MISSING - *missing)
		return "a chunk reaches further into missing memory than is plausible and was left "
		       "out";
	*missing += more;
	return NULL;
}

/** Drop sorted spans that can't be: where two overlap, the later one is wrong. */
static struct hc_error *sift_spans(struct hc_heap *heap)
{
	size_t kept = 0;
	uint64_t missing = 0;
	for (size_t i = 0; i < heap->num_spans; i++) {
		struct hc_span *span = &heap->spans[i];
		const char *problem =
			span_problem(heap, span, kept ? &heap->spans[kept - 1] : NULL, &missing);
		if (problem) {
			hc_blocks_destroy(span->blocks, span->num_blocks);
			heap->partial = true;
			struct hc_inconsistency fault = {.fault = HC_FAULT_ARENA,
							 .address = span->start};
			struct hc_error *err =
				hc_heap_add_inconsistency(heap, fault, "%s", problem);
			if (err) {
				memmove(&heap->spans[kept], span + 1,
					(heap->num_spans - i - 1) * sizeof(*span));
				heap->num_spans -= i + 1 - kept;
				return err;
			}
			continue;
		}
		count_chunks(span);
		heap->spans[kept++] = *span;
	}
	heap->num_spans = kept;
	return NULL;
}

static void index_add(struct hc_span_index *index, uint64_t granule, uint32_t span)
{
	uint32_t slot = hc_span_slot_of(index, granule);
	while (index->slots[slot].first != index->slots[slot].last &&
	       index->slots[slot].granule != granule)
		slot = (slot + 1) & index->mask;
	struct hc_span_slot *found = &index->slots[slot];
	if (found->first == found->last) {
		found->granule = granule;
		found->first = span;
	}
	found->last = span + 1;
}

static struct hc_error *build_index(struct hc_heap *heap)
{
	uint64_t granules = 0;
	for (size_t i = 0; i < heap->num_spans; i++)
		granules += ((heap->spans[i].end - 1) >> HC_GRANULE_SHIFT) -
			    (heap->spans[i].start >> HC_GRANULE_SHIFT) + 1;
	uint64_t slots = 2;
	while (slots < 2 * granules)
		slots *= 2;
	if (slots > UINT32_MAX || heap->num_spans > UINT32_MAX)
		return hc_error_create(HC_ERROR_LIMIT, "the heap has too many spans to index");
	free(heap->index.slots);
	heap->index.slots = calloc(slots, sizeof(*heap->index.slots));
	if (!heap->index.slots)
		return &hc_enomem;
	heap->index.mask = slots - 1;
	/* No real granule has this number, so that an empty slot never matches. */
	for (uint64_t i = 0; i < slots; i++)
		heap->index.slots[i].granule = UINT64_MAX;
	for (size_t i = 0; i < heap->num_spans; i++) {
		const struct hc_span *span = &heap->spans[i];
		for (uint64_t g = span->start >> HC_GRANULE_SHIFT;
		     g <= (span->end - 1) >> HC_GRANULE_SHIFT; g++)
			index_add(&heap->index, g, i);
	}
	return NULL;
}

static uint64_t greatest_divisor(uint64_t a, uint64_t b)
{
	while (b) {
		uint64_t rest = a % b;
		a = b;
		b = rest;
	}
	return a;
}

struct hc_error *hc_heap_seal(struct hc_heap *heap)
{
	struct hc_error *err = hc_carvings_cut(heap);
	if (err)
		return err;
	hc_heap_sort_spans(heap);
	if ((err = sift_spans(heap)))
		return err;
	hc_carvings_count(heap);
	heap->granule = 0; /* 0 and a number: that number */
	for (size_t i = 0; i < heap->num_spans; i++)
		heap->granule = greatest_divisor(heap->spans[i].unit, heap->granule);
	heap->granule += !heap->granule;
	heap->lowest = heap->num_spans ? heap->spans[0].start : 0;
	heap->highest = heap->num_spans ? heap->spans[heap->num_spans - 1].end : 0;
	return build_index(heap);
}

/** Mark the chunk that starts at @p address as free, with a code in its planes. */
static bool set_free(struct hc_heap *heap, uint64_t address, unsigned code)
{
	const struct hc_span *span = hc_heap_span(heap, address);
	uint64_t unit;
	if (!span || address < span->base || !hc_span_starts_at(span, address - span->base, &unit))
		return false;
	struct hc_block *block = &span->blocks[unit / HC_UNITS_PER_BLOCK];
	uint64_t bit = UINT64_C(1) << unit % HC_UNITS_PER_BLOCK;
	block->free |= bit;
	block->a = code & 1 ? block->a | bit : block->a & ~bit;
	block->b = code & 2 ? block->b | bit : block->b & ~bit;
	return true;
}

bool hc_heap_set_free(struct hc_heap *heap, uint64_t address, const struct hc_list *list)
{
	return set_free(heap, address, list->code);
}

static int compare_specials(const void *a, const void *b)
{
	uint64_t x = ((const struct hc_special *)a)->address,
		 y = ((const struct hc_special *)b)->address;
	return (x > y) - (x < y);
}

static int compare_pins(const void *a, const void *b)
{
	uint64_t x = ((const struct hc_pin *)a)->address, y = ((const struct hc_pin *)b)->address;
	return (x > y) - (x < y);
}

/** Specials are free chunks without a list; keep only those that a chunk starts at. */
static void finish_specials(struct hc_heap *heap)
{
	size_t kept = 0;
	for (size_t i = 0; i < heap->num_specials; i++) {
		if (set_free(heap, heap->specials[i].address, 0))
			heap->specials[kept++] = heap->specials[i];
	}
	heap->num_specials = kept;
	hc_sort(heap->specials, kept, compare_specials);
	hc_sort(heap->pins, heap->num_pins, compare_pins);
}

static int compare_faults(const void *a, const void *b)
{
	const struct hc_inconsistency *x = a, *y = b;
	if (x->address != y->address)
		return (x->address > y->address) - (x->address < y->address);
	if (x->fault != y->fault)
		return (x->fault > y->fault) - (x->fault < y->fault);
	return (x->code > y->code) - (x->code < y->code);
}

/** Bytes in front of a user address in which a fault of that chunk's header lies. */
static uint64_t header_of(const struct hc_heap *heap, const struct hc_inconsistency *fault)
{
	for (size_t i = 0; i < heap->num_zones; i++)
		if (!fault->backend || heap->zones[i]->backend == fault->backend)
			return heap->zones[i]->header;
	return 0;
}

/**
 * Whether the header of the chunk at @p address is in doubt itself. Faults are sorted by address.
 */
static bool in_doubt(const struct hc_heap *heap, uint64_t address, uint64_t header)
{
	/* The field at fault lies in the header, in front of the user address. */
	uint64_t from = address - header;
	size_t low = hc_lower_bound(heap->num_inconsistencies, i,
				    heap->inconsistencies[i].address < from);
	for (; low < heap->num_inconsistencies && heap->inconsistencies[low].address < address;
	     low++) {
		if (heap->inconsistencies[low].fault == HC_FAULT_HEADER)
			return true;
	}
	return false;
}

/** The last chunk before the one at fault in its span whose header is in order, or 0. */
static uint64_t last_good(const struct hc_heap *heap, const struct hc_inconsistency *fault)
{
	uint64_t header = header_of(heap, fault), address = fault->chunk;
	struct hc_chunk chunk;
	/*
	 * A chunk in front of memory that was left out ends its span: look at its last byte, not at
	 * what follows.
	 */
	uint64_t before = address - header - 1;
	while (address > header && hc_heap_chunk_at(heap, before, &chunk)) {
		if (!in_doubt(heap, chunk.address, header))
			return chunk.address;
		if (chunk.unit == 0)
			return 0;
		before = chunk.address - header - 1;
	}
	return 0;
}

/** Sort, drop what was noted twice, look for what stands before each. */
static void finish_inconsistencies(struct hc_heap *heap)
{
	struct hc_inconsistency *items = heap->inconsistencies;
	size_t kept = 0;
	hc_sort(items, heap->num_inconsistencies, compare_faults);
	for (size_t i = 0; i < heap->num_inconsistencies; i++) {
		if (kept && !compare_faults(&items[kept - 1], &items[i])) {
			free(items[i].what);
			heap->inconsistencies_total--;
			continue;
		}
		items[kept++] = items[i];
	}
	heap->num_inconsistencies = kept;
	for (size_t i = 0; i < kept; i++)
		items[i].last_good = items[i].chunk ? last_good(heap, &items[i]) : 0;
}

void hc_heap_finish(struct hc_heap *heap)
{
	finish_specials(heap);
	finish_inconsistencies(heap);
}
