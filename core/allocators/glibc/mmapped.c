/**
 * @file
 * Chunks that are mappings of their own.
 *
 * No list of them exists. What gives one away is its header: the size field has exactly the bit
 * IS_MMAPPED, the prev_size field holds the distance to the start of the mapping, and the two add
 * up to whole pages (up to 2.42 without, from 2.43 on with one more header; a chunk satisfies only
 * one of the two). The kernel merges neighbouring anonymous mappings, so every page of anonymous
 * memory that is nothing else may be the start of one.
 *
 * memalign moves the chunk up inside its mapping and leaves the first header in place; both
 * describe the same mapping then, and the one further up is the chunk. Since its user address is
 * aligned to a power of two, there are only as many places to look at as there are powers.
 */
#include "core/base/array.h"
#include "core/base/cleanup.h"
#include "core/allocators/glibc/glibc.h"

struct mmapped {
	uint64_t chunk;
	uint64_t map_start, map_end;
	uint64_t size; /**< of the chunk */
	bool newer;    /**< as 2.43 makes them */
};

struct mmapped_list {
	struct mmapped *items;
	size_t num;
	uint64_t bytes; /**< of the mappings */
};

/** Whether the chunk at @p chunk, whose mapping must start at @p start, is one. */
static bool read_mmapped(const struct glibc *g, uint64_t chunk, uint64_t start, uint64_t limit,
			 struct mmapped *ret)
{
	uint64_t offset, field, page_mask = glibc_page_size(g) - 1;
	if (!glibc_word(g, chunk, &offset) || !glibc_word(g, chunk + g->params.word_size, &field) ||
	    (field & GLIBC_SIZE_BITS) != GLIBC_IS_MMAPPED)
		return false;
	uint64_t size = field & ~(uint64_t)GLIBC_SIZE_BITS;
	bool newer = ((chunk - start + size) & page_mask) != 0;
	uint64_t extra = newer ? g->params.header : 0, end;
	/* From 2.43 on, bit 0 of prev_size marks a mapping of huge pages. */
	if ((newer ? offset & ~UINT64_C(1) : offset) != chunk - start ||
	    size < g->params.min_chunk || __builtin_add_overflow(chunk, size + extra, &end) ||
	    end < chunk || end > limit || end & page_mask)
		return false;
	*ret = (struct mmapped){chunk, start, end, size, newer};
	return true;
}

/**
 * The chunk whose mapping starts at the page @p start; the one furthest up when there are several
 * headers.
 */
static bool find_in_page(const struct glibc *g, uint64_t start, uint64_t limit, struct mmapped *ret)
{
	uint64_t first = start + g->params.alignment - g->params.header, field;
	if (!glibc_word(g, first + g->params.word_size, &field) ||
	    (field & GLIBC_SIZE_BITS) != GLIBC_IS_MMAPPED)
		return false;
	bool found = read_mmapped(g, first, start, limit, ret);
	uint64_t seen = first;
	for (uint64_t power = 2 * g->params.alignment; power && power < limit - start; power *= 2) {
		uint64_t mem = (first + g->params.header + power - 1) & ~(power - 1);
		uint64_t chunk = mem - g->params.header;
		if (mem >= limit)
			break;
		if (chunk == seen || chunk <= first)
			continue;
		seen = chunk;
		found |= read_mmapped(g, chunk, start, limit, ret);
	}
	return found;
}

static struct hc_error *append(struct mmapped_list *list, const struct mmapped *item)
{
	struct hc_error *err = hc_array_reserve(&list->items, list->num, sizeof(*list->items));
	if (err)
		return err;
	list->items[list->num++] = *item;
	list->bytes += item->map_end - item->map_start;
	return NULL;
}

/** Look at every page of [start, end), jumping over what was found. */
static struct hc_error *scan(const struct glibc *g, uint64_t start, uint64_t end,
			     struct mmapped_list *list)
{
	uint64_t page = glibc_page_size(g);
	for (uint64_t at = (start + page - 1) & ~(page - 1); at < end;) {
		uint64_t pos = at;
		struct hc_piece next;
		if (!hc_memory_next_data(g->memory, &pos, end, 1, &next))
			return NULL;
		if (next.start > at) {
			at = (next.start + page - 1) & ~(page - 1);
			continue;
		}
		struct mmapped found;
		if (find_in_page(g, at, end, &found)) {
			struct hc_error *err = append(list, &found);
			if (err)
				return err;
			at = found.map_end;
		} else {
			at += page;
		}
	}
	return NULL;
}

/** First of the sorted spans that ends above @p address. */
static size_t first_span(const struct hc_heap *heap, uint64_t address)
{
	return hc_lower_bound(heap->num_spans, i, heap->spans[i].end <= address);
}

/**
 * Cut the spans and thread heaps that were found so far out of [start, end) and scan what is left.
 */
static struct hc_error *scan_around_heaps(const struct glibc *g, uint64_t start, uint64_t end,
					  struct mmapped_list *list)
{
	const struct hc_heap *heap = g->heap;
	uint64_t page_mask = glibc_page_size(g) - 1;
	struct hc_error *err;
	for (size_t i = first_span(heap, start); i < heap->num_spans && start < end; i++) {
		const struct hc_span *span = &heap->spans[i];
		uint64_t from = span->start & ~page_mask, to = (span->end + page_mask) & ~page_mask;
		if (from >= end)
			break;
		if (to <= start)
			continue;
		if (from > start && (err = scan(g, start, from, list)))
			return err;
		start = to;
	}
	return start < end ? scan(g, start, end, list) : NULL;
}

static struct hc_error *add_chunks(struct glibc *g, const struct mmapped_list *list)
{
	for (size_t i = 0; i < list->num; i++) {
		const struct mmapped *found = &list->items[i];
		const struct hc_span chunk = {
			.zone = found->newer ? g->newer_mmapped_zone : g->mmapped_zone,
			.kind = HC_SPAN_SINGLE,
			.arena = HC_ARENA_MMAP,
			.start = found->chunk,
			.end = found->chunk + found->size,
			.num_units = 1,
		};
		struct hc_span *span;
		struct hc_error *err = hc_heap_add_span(g->heap, &chunk, &span);
		if (err)
			return err;
		hc_span_set_start(span, 0);
	}
	return NULL;
}

/**
 * malloc counts too; its sum drifts by a header for each mremap in 2.43 and 2.44, so less than a
 * page is no news.
 */
static void reconcile(struct glibc *g, const struct mmapped_list *list)
{
	uint64_t counted = g->par.mmapped_mem;
	uint64_t drift = counted > list->bytes ? counted - list->bytes : list->bytes - counted;
	if (list->num == g->par.n_mmaps && drift < glibc_page_size(g))
		return;
	hc_diagnostics_add(
		&g->process->diag, list->num < g->par.n_mmaps,
		"malloc counts %ju mmapped chunks with %ju bytes, but %zu with %ju bytes "
		"were found; those are shown",
		(uintmax_t)g->par.n_mmaps, (uintmax_t)counted, list->num, (uintmax_t)list->bytes);
}

struct hc_error *glibc_find_mmapped(struct glibc *g)
{
	struct hc_heap *heap = g->heap;
	struct mmapped_list list = {0};
	hc_heap_sort_spans(heap);
	struct hc_error *err = NULL;
	uint64_t start, end;
	for (size_t i = 0; !err && glibc_next_run(g, &i, &start, &end);)
		err = scan_around_heaps(g, start, end, &list);
	if (!err)
		err = add_chunks(g, &list);
	if (!err && g->par.layout) {
		heap->mmapped_known = true;
		heap->mmapped_count = g->par.n_mmaps;
		heap->mmapped_bytes = g->par.mmapped_mem;
		reconcile(g, &list);
	}
	free(list.items);
	return err;
}

struct hc_error *glibc_assign_mmapped(struct glibc *g)
{
	uint64_t page_mask = glibc_page_size(g) - 1;
	for (size_t i = 0; i < g->heap->num_spans; i++) {
		const struct hc_span *span = &g->heap->spans[i];
		uint64_t offset = 0;
		if (span->zone != g->mmapped_zone && span->zone != g->newer_mmapped_zone)
			continue;
		glibc_word(g, span->start, &offset);
		struct hc_error *err = hc_mappings_assign(
			&g->process->mappings, (span->start - offset) & ~page_mask,
			(span->end + page_mask) & ~page_mask, HC_MAPPING_MMAP_CHUNK, NULL);
		if (err)
			return err;
	}
	return NULL;
}
