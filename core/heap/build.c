/**
 * @file
 * The heap model, writing side: what allocator back ends call, and the life of a heap.
 */
#include <stdarg.h>
#include <sys/mman.h>

#include "core/allocators/evidence.h"
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

struct hc_block *hc_blocks_create(uint64_t num)
{
	uint64_t bytes;
	if (__builtin_mul_overflow(num ? num : 1, sizeof(struct hc_block), &bytes) ||
	    bytes > PTRDIFF_MAX - 2 * HUGE_PAGE)
		return NULL;
	if (is_mapped(bytes))
		return map_aligned(bytes);
	bytes = (bytes + CACHE_LINE - 1) & ~(uint64_t)(CACHE_LINE - 1);
	void *blocks = aligned_alloc(CACHE_LINE, bytes);
	return blocks ? memset(blocks, 0, bytes) : NULL;
}

void hc_blocks_destroy(struct hc_block *blocks, uint64_t num)
{
	uint64_t bytes = num * sizeof(*blocks);
	if (blocks && is_mapped(bytes))
		munmap(blocks, mapped_bytes(bytes));
	else
		free(blocks);
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

struct hc_error *hc_heap_add_span(struct hc_heap *heap, enum hc_span_kind kind, uint32_t arena,
				  uint64_t start, uint64_t end, uint64_t base, uint64_t num_units,
				  uint8_t trailer, struct hc_block *blocks, struct hc_span **ret)
{
	uint64_t num_blocks = hc_num_blocks(num_units);
	if (!blocks)
		blocks = hc_blocks_create(num_blocks);
	if (!blocks)
		return &hc_enomem;
	struct hc_error *err =
		hc_array_reserve(&heap->spans, heap->num_spans, sizeof(*heap->spans));
	if (err) {
		hc_blocks_destroy(blocks, num_blocks);
		return err;
	}
	struct hc_bytes view = hc_memory_view(&heap->process->memory, start, end - start);
	struct hc_span *span = &heap->spans[heap->num_spans++];
	*span = (struct hc_span){
		.start = start,
		.end = end,
		.base = base,
		.num_units = num_units,
		.blocks = blocks,
		.num_blocks = num_blocks,
		.kind = kind,
		.arena = arena,
		.unit_shift = __builtin_ctz(heap->alignment),
		.header = base - start,
		.trailer = trailer,
		.data = view.size == end - start ? view.data : NULL,
	};
	*ret = span;
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
	int length = vasprintf(&fault.what, format, ap);
	va_end(ap);
	if (length < 0)
		return &hc_enomem;
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
	if (heap->num_spans)
		qsort(heap->spans, heap->num_spans, sizeof(*heap->spans), compare_spans);
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

struct hc_error *hc_heap_seal(struct hc_heap *heap)
{
	hc_heap_sort_spans(heap);
	struct hc_error *err = sift_spans(heap);
	if (err)
		return err;
	heap->lowest = heap->num_spans ? heap->spans[0].start : 0;
	heap->highest = heap->num_spans ? heap->spans[heap->num_spans - 1].end : 0;
	return build_index(heap);
}

bool hc_heap_set_free(struct hc_heap *heap, uint64_t address, enum hc_free_list list)
{
	const struct hc_span *span = hc_heap_span(heap, address);
	if (!span || address < span->base)
		return false;
	uint64_t offset = address - span->base, unit = offset >> span->unit_shift;
	if (offset & ((UINT64_C(1) << span->unit_shift) - 1) || unit >= span->num_units)
		return false;
	struct hc_block *block = &span->blocks[unit / HC_UNITS_PER_BLOCK];
	uint64_t bit = UINT64_C(1) << unit % HC_UNITS_PER_BLOCK;
	if (!(block->start & bit))
		return false;
	block->free |= bit;
	block->a = list & 1 ? block->a | bit : block->a & ~bit;
	block->b = list & 2 ? block->b | bit : block->b & ~bit;
	return true;
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
		if (hc_heap_set_free(heap, heap->specials[i].address, HC_LIST_FASTBIN_OR_SPECIAL))
			heap->specials[kept++] = heap->specials[i];
	}
	heap->num_specials = kept;
	if (kept)
		qsort(heap->specials, kept, sizeof(*heap->specials), compare_specials);
	if (heap->num_pins)
		qsort(heap->pins, heap->num_pins, sizeof(*heap->pins), compare_pins);
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

/**
 * Whether the header of the chunk at @p address is in doubt itself. Faults are sorted by address.
 */
static bool in_doubt(const struct hc_heap *heap, uint64_t address)
{
	/* The field at fault lies in the header, in front of the user address. */
	uint64_t from = address - 2 * heap->word_size;
	size_t low = hc_lower_bound(heap->num_inconsistencies, i,
				    heap->inconsistencies[i].address < from);
	for (; low < heap->num_inconsistencies && heap->inconsistencies[low].address < address;
	     low++) {
		if (heap->inconsistencies[low].fault == HC_FAULT_HEADER)
			return true;
	}
	return false;
}

/** The last chunk before @p address in its span whose header is in order, or 0. */
static uint64_t last_good(const struct hc_heap *heap, uint64_t address)
{
	struct hc_chunk chunk;
	/*
	 * A chunk in front of memory that was left out ends its span: look at its last byte, not at
	 * what follows.
	 */
	uint64_t before = address - 2 * heap->word_size - 1;
	while (address > 2 * heap->word_size && hc_heap_chunk_at(heap, before, &chunk)) {
		if (!in_doubt(heap, chunk.address))
			return chunk.address;
		if (chunk.unit == 0)
			return 0;
		before = chunk.address - 2 * heap->word_size - 1;
	}
	return 0;
}

/** Sort, drop what was noted twice, look for what stands before each. */
static void finish_inconsistencies(struct hc_heap *heap)
{
	struct hc_inconsistency *items = heap->inconsistencies;
	size_t kept = 0;
	if (heap->num_inconsistencies)
		qsort(items, heap->num_inconsistencies, sizeof(*items), compare_faults);
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
		items[i].last_good = items[i].chunk ? last_good(heap, items[i].chunk) : 0;
}

/** Back ends in the order in which they are asked. */
static const struct hc_allocator *const allocators[] = {
	&hc_allocator_glibc,
};

/** Where no file gives it away, what is in memory may: static programs, private copies. */
static struct hc_error *unnamed_allocator(const struct hc_process *process)
{
	struct hc_allocator_evidence *evidence;
	size_t num;
	struct hc_error *err = hc_allocator_evidence_find(process, &evidence, &num);

	if (err)
		return err;
	err = num ? hc_error_create(HC_ERROR_NO_ALLOCATOR,
				    "the program allocates with %s (%s), whose heap this version "
				    "can't read",
				    evidence[0].name, evidence[0].how)
		  : hc_error_create(HC_ERROR_NO_ALLOCATOR,
				    "no glibc malloc heap found in the core");
	hc_allocator_evidence_free(evidence, num);
	return hc_error_about(err, HC_ABOUT_ALLOCATOR);
}

static struct hc_error *no_allocator(const struct hc_process *process)
{
	const char *path, *name = hc_allocator_foreign(process, &path);
	if (name)
		return hc_error_about(hc_error_create(HC_ERROR_NO_ALLOCATOR,
						      "the program allocates with %s (%s), whose "
						      "heap this version can't read",
						      name, path),
				      HC_ABOUT_ALLOCATOR);
	return unnamed_allocator(process);
}

static struct hc_error *fill(struct hc_process *process, struct hc_heap *heap)
{
	bool recognised = false;
	struct hc_error *err;
	for (size_t i = 0; i < sizeof(allocators) / sizeof(allocators[0]) && !recognised; i++) {
		if ((err = allocators[i]->recognise(process, heap, &heap->state, &recognised)))
			return err;
		if (recognised)
			heap->allocator = allocators[i];
	}
	if (!recognised)
		return no_allocator(process);
	const struct hc_allocator *allocator = heap->allocator;
	if ((err = allocator->walk(process, heap, heap->state)) || (err = hc_heap_seal(heap)) ||
	    (err = allocator->lists(process, heap, heap->state)))
		return err;
	finish_specials(heap);
	finish_inconsistencies(heap);
	return allocator->assign(process, heap, heap->state);
}

struct hc_error *hc_heap_open(struct hc_process *process, struct hc_heap **ret)
{
	struct hc_heap *heap = calloc(1, sizeof(*heap));
	if (!heap)
		return &hc_enomem;
	heap->process = process;
	struct hc_error *err = fill(process, heap);
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
	struct hc_error *err =
		heap->allocator->check((struct hc_process *)heap->process, heap, heap->state);
	finish_inconsistencies(heap);
	heap->checked = !err;
	return err;
}

void hc_heap_close(struct hc_heap *heap)
{
	if (!heap)
		return;
	if (heap->allocator)
		heap->allocator->destroy(heap->state);
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
	free(heap->inconsistencies);
	free(heap->thread_arena);
	free(heap->abort_message);
	free(heap->evidence.layout);
	free(heap->evidence.version);
	free(heap->evidence.version_source);
	free(heap->evidence.how);
	free(heap);
}
