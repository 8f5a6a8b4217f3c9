/**
 * @file
 * The heap model, writing side: what allocator back ends call, and the life of a heap.
 */
#include <stdarg.h>
#include <sys/mman.h>

#include "core/base/format.h"
#include "core/heap/build.h"

#include "core/heap/allocator.h"
#include "core/base/array.h"
#include "core/base/cleanup.h"

/** Planes of at least this many bytes are mapped, in units of huge pages. */
#define MAPPED_PLANES (UINT64_C(4) << 20)
#define HUGE_PAGE (UINT64_C(2) << 20)
#define CACHE_LINE 64

static bool is_mapped(uint64_t bytes)
{
	return bytes >= MAPPED_PLANES;
}

static uint64_t mapped_bytes(uint64_t bytes)
{
	return (bytes + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1);
}

/** Map zeroes that begin at a huge page. */
static void *map_aligned(uint64_t bytes)
{
	uint64_t size = mapped_bytes(bytes);
	uint8_t *map = mmap(NULL, size + HUGE_PAGE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (map == MAP_FAILED)
		return NULL;
	uint64_t before = -(uintptr_t)map & (HUGE_PAGE - 1);
	if (before)
		munmap(map, before);
	if (HUGE_PAGE - before)
		munmap(map + before + size, HUGE_PAGE - before);
	madvise(map + before, size, MADV_HUGEPAGE); /* only a wish */
	return map + before;
}

void *hc_zeroes_create(uint64_t num, size_t size)
{
	uint64_t bytes;

	if (__builtin_mul_overflow(num ? num : 1, size, &bytes) ||
	    bytes > PTRDIFF_MAX - 2 * HUGE_PAGE)
		return NULL;
	if (is_mapped(bytes))
		return map_aligned(bytes);
	bytes = (bytes + CACHE_LINE - 1) & ~(uint64_t)(CACHE_LINE - 1);
	void *zeroes = aligned_alloc(CACHE_LINE, bytes);

	return zeroes ? memset(zeroes, 0, bytes) : NULL;
}

void hc_zeroes_destroy(void *zeroes, uint64_t num, size_t size)
{
	uint64_t bytes = num * size;

	if (zeroes && is_mapped(bytes))
		munmap(zeroes, mapped_bytes(bytes));
	else
		free(zeroes);
}

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
	uint64_t old_bytes = old_num * sizeof(*blocks), bytes = num * sizeof(*blocks);
	if (num == old_num)
		return blocks;
	if (is_mapped(bytes)) {
		uint64_t kept = mapped_bytes(bytes), rest = mapped_bytes(old_bytes) - kept;
		if (rest)
			munmap((uint8_t *)blocks + kept, rest);
		return blocks;
	}
	struct hc_block *smaller = hc_blocks_create(num);
	if (smaller)
		memcpy(smaller, blocks, bytes);
	hc_blocks_destroy(blocks, old_num);
	return smaller;
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

static void backend_destroy(struct hc_backend *backend)
{
	if (backend->allocator->destroy)
		backend->allocator->destroy(backend->state);
	free(backend->evidence.layout);
	free(backend->evidence.version);
	free(backend->evidence.version_source);
	free(backend->evidence.how);
	free(backend);
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

/** @name Carving */
/**@{*/

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

static struct hc_error *cut_all(struct hc_heap *heap)
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

/** What the spans of a sub-allocator leave of the memory that it carved is its overhead. */
static void count_carvings(struct hc_heap *heap)
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
/**@}*/

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
	struct hc_error *err = cut_all(heap);
	if (err)
		return err;
	hc_heap_sort_spans(heap);
	if ((err = sift_spans(heap)))
		return err;
	count_carvings(heap);
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

/** Back ends in the order in which they are asked; a sub-allocator behind those that it lives on.
 */
static const struct hc_allocator *const allocators[] = {
	&hc_allocator_glibc,
};

const struct hc_allocator *const *hc_allocators(size_t *num_ret)
{
	*num_ret = sizeof(allocators) / sizeof(allocators[0]);
	return allocators;
}

/** Give an error its details. */
static struct hc_error *absence(enum hc_absence why, struct hc_error *err)
{
	if (err != &hc_enomem)
		err->detail = why;
	return hc_error_about(err, HC_ABOUT_ALLOCATOR);
}

/** The program uses an allocator that can only be named. NULL: not to all that is known. */
static struct hc_error *other_allocator(const struct hc_process *process)
{
	const char *path, *name = hc_allocator_foreign(process, &path);
	hc_cleanup_free char *evident = NULL;
	struct hc_error *err = name ? NULL : hc_allocator_evident(process, &evident);

	if (err)
		return err;
	if (name)
		return absence(HC_ABSENT_OTHER,
			       hc_error_create(HC_ERROR_NO_ALLOCATOR,
					       "the program allocates with %s (%s), whose heap "
					       "this version can't read",
					       name, path));
	return evident ? absence(HC_ABSENT_OTHER,
				 hc_error_create(HC_ERROR_NO_ALLOCATOR,
						 "the program allocates with %s, whose heap this "
						 "version can't read",
						 evident))
		       : NULL;
}

static struct hc_error *no_allocator(const struct hc_process *process)
{
	enum hc_absence why = HC_ABSENT_UNKNOWN;
	hc_cleanup_free char *library = NULL;
	struct hc_error *err = other_allocator(process);

	for (size_t i = 0; !err && i < sizeof(allocators) / sizeof(allocators[0]) && !library; i++)
		err = allocators[i]->absent ? allocators[i]->absent(process, &why, &library) : NULL;
	if (err)
		return err;
	const char *name = library ? library : "the C library";
	if (why == HC_ABSENT_NEVER_CALLED)
		return absence(why, hc_error_create(HC_ERROR_NO_ALLOCATOR,
						    "malloc was never called: %s has its arena as "
						    "it was at the start",
						    name));
	if (why == HC_ABSENT_NOT_DUMPED)
		return absence(why, hc_error_create(HC_ERROR_NO_ALLOCATOR,
						    "the heap was not dumped: the core lacks the "
						    "data of %s",
						    name));
	return absence(
		why, hc_error_create(HC_ERROR_NO_ALLOCATOR,
				     "no allocator that is known left a heap in the core%s%s",
				     library ? "; its C library is " : "", library ? library : ""));
}

/** Ask one allocator, and when it is at work have it walk its heap. */
static struct hc_error *try_allocator(struct hc_heap *heap, const struct hc_allocator *allocator)
{
	struct hc_backend *backend;
	bool recognised = false;
	struct hc_error *err = hc_heap_add_backend(heap, allocator, &backend);
	if (err)
		return err;
	heap->calling = backend;
	err = allocator->recognise(backend, &recognised);
	if (!err && !recognised) {
		backend_destroy(backend);
		heap->num_backends--;
	}
	if (err || !recognised)
		return err;
	err = allocator->walk(backend);
	return err ? err : hc_heap_seal(heap);
}

static struct hc_error *call_all(struct hc_heap *heap,
				 struct hc_error *(*call)(struct hc_backend *backend))
{
	struct hc_error *err = NULL;
	for (size_t i = 0; i < heap->num_backends && !err; i++) {
		heap->calling = heap->backends[i];
		err = call(heap->backends[i]);
	}
	heap->calling = NULL;
	return err;
}

static struct hc_error *call_mark(struct hc_backend *backend)
{
	return backend->allocator->mark(backend);
}

static struct hc_error *call_assign(struct hc_backend *backend)
{
	return backend->allocator->assign ? backend->allocator->assign(backend) : NULL;
}

static struct hc_error *call_check(struct hc_backend *backend)
{
	return backend->allocator->check ? backend->allocator->check(backend) : NULL;
}

struct hc_error *hc_heap_fill(struct hc_heap *heap, const struct hc_allocator *const *table,
			      size_t num)
{
	struct hc_error *err = NULL;
	for (size_t i = 0; i < num && !err; i++)
		err = try_allocator(heap, table[i]);
	if (err)
		return err;
	if (!heap->num_backends)
		return no_allocator(heap->process);
	if ((err = call_all(heap, call_mark)))
		return err;
	finish_specials(heap);
	finish_inconsistencies(heap);
	return call_all(heap, call_assign);
}

struct hc_error *hc_heap_open(struct hc_process *process, struct hc_heap **ret)
{
	struct hc_heap *heap = calloc(1, sizeof(*heap));
	if (!heap)
		return &hc_enomem;
	heap->process = process;
	heap->word_size = process->memory.word_size;
	heap->big_endian = process->memory.big_endian;
	struct hc_error *err =
		hc_heap_fill(heap, allocators, sizeof(allocators) / sizeof(allocators[0]));
	if (err) {
		hc_heap_close(heap);
		return err;
	}
	*ret = heap;
	return NULL;
}

struct hc_error *hc_heap_check(struct hc_heap *heap)
{
	if (heap->checked)
		return NULL;
	struct hc_error *err = call_all(heap, call_check);
	finish_inconsistencies(heap);
	heap->checked = !err;
	return err;
}

void hc_heap_close(struct hc_heap *heap)
{
	if (!heap)
		return;
	for (size_t i = 0; i < heap->num_backends; i++)
		backend_destroy(heap->backends[i]);
	for (size_t i = 0; i < heap->num_zones; i++)
		free(heap->zones[i]);
	for (size_t i = 0; i < heap->num_spans; i++)
		hc_blocks_destroy(heap->spans[i].blocks, heap->spans[i].num_blocks);
	for (size_t i = 0; i < heap->num_pins; i++)
		free(heap->pins[i].what);
	for (size_t i = 0; i < heap->num_inconsistencies; i++)
		free(heap->inconsistencies[i].what);
	free(heap->spans);
	free(heap->index.slots);
	free(heap->arenas);
	free(heap->specials);
	free(heap->pins);
	free(heap->conventions);
	free(heap->pool_sizes);
	free(heap->hidden);
	free(heap->inconsistencies);
	free(heap->thread_arena);
	free(heap->thread_cache);
	free(heap->abort_message);
	free(heap->backends);
	free(heap->zones);
	free(heap->holes);
	free(heap->carvings);
	free(heap);
}
