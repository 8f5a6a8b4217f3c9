/**
 * @file
 * What the heap model is to know of glibc's chunks: headers, sizes, lists.
 *
 * A chunk begins with two words, of which the first, prev_size, is the last usable word of the
 * chunk before as long as that is in use. Chunks that are mappings of their own have nobody before
 * them; up to 2.42 they don't use the word behind their end either.
 */
#include "core/allocators/glibc/glibc.h"

const struct hc_list glibc_lists[GLIBC_NUM_LISTS] = {
	[GLIBC_TCACHE] = {"tcache", "TCACHE", HC_CACHED, .code = 1},
	[GLIBC_FASTBIN] = {"fastbin", "FASTBIN", HC_FREE, .code = 0},
	[GLIBC_UNSORTED] = {"unsorted", "BINS", HC_FREE, .code = 2, .merged = true},
	[GLIBC_SMALLBIN] = {"smallbin", "BINS", HC_FREE, .code = 3, .merged = true},
	[GLIBC_LARGEBIN] = {"largebin", "BINS", HC_FREE, .code = 3, .large = true, .merged = true},
};

static uint64_t request_size(const struct hc_zone *zone, uint64_t request)
{
	uint64_t size;
	if (__builtin_add_overflow(request, zone->header - zone->shared + zone->unit - 1, &size))
		return UINT64_MAX;
	size &= ~(uint64_t)(zone->unit - 1);
	return size < zone->min_size ? zone->min_size : size;
}

static void arena_request(const struct hc_zone *zone, const struct hc_chunk *chunk,
			  uint64_t *min_ret, uint64_t *max_ret)
{
	/* A remainder that is too small to be a chunk is handed out, too. */
	uint64_t remainder = zone->slack, slack = remainder + zone->unit - 1;
	if (chunk->size <= zone->min_size + remainder)
		slack = chunk->usable; /* every small request gets the smallest chunk */
	*max_ret = chunk->usable;
	*min_ret = chunk->usable > slack ? chunk->usable - slack : 0;
}

/** Rounded up to whole pages. */
static void mmapped_request(const struct hc_zone *zone, const struct hc_chunk *chunk,
			    uint64_t *min_ret, uint64_t *max_ret)
{
	const struct hc_core *core = zone->backend->process->core;
	uint64_t slack = hc_core_page_size(core) + zone->unit - 1;
	*max_ret = chunk->usable;
	*min_ret = chunk->usable > slack ? chunk->usable - slack : 0;
}

struct hc_zone glibc_arena_zone(const struct glibc_params *params)
{
	return (struct hc_zone){
		.name = "arenas",
		.unit = params->alignment,
		.header = params->header,
		.shared = params->word_size,
		.links = 2 * params->header,
		.min_size = params->min_chunk,
		.first_large = params->first_large,
		.slack = params->min_chunk - params->alignment,
		.request_size = request_size,
		.request_range = arena_request,
	};
}

struct hc_zone glibc_mmapped_zone(const struct glibc_params *params, bool newer)
{
	struct hc_zone zone = glibc_arena_zone(params);
	zone.name = "mmapped chunks";
	zone.shared = newer ? params->word_size : 0;
	zone.slack = 0;
	zone.request_range = mmapped_request;
	return zone;
}

struct hc_error *glibc_add_zones(struct glibc *g)
{
	const struct hc_zone arenas = glibc_arena_zone(&g->params),
			     mmapped = glibc_mmapped_zone(&g->params, false),
			     newer = glibc_mmapped_zone(&g->params, true);
	struct hc_error *err = hc_heap_add_zone(g->backend, &arenas, &g->arena_zone);
	if (!err)
		err = hc_heap_add_zone(g->backend, &mmapped, &g->mmapped_zone);
	return err ? err : hc_heap_add_zone(g->backend, &newer, &g->newer_mmapped_zone);
}
