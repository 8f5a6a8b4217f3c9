/**
 * @file
 * Heap map; see heap_map.h.
 */
#include "analyzers/counts/heap_map.h"

#include <stdlib.h>
#include <string.h>

#include "analyzers/select/tally.h"
#include "core/base/array.h"
#include "core/base/cleanup.h"

#define SLICE_BYTES (UINT64_C(16) << 20)

/** Where a span's chunks are drawn; NOWHERE: its arena has no strip. */
struct place {
	uint32_t strip;
	uint64_t shift; /**< offset in the strip, minus address */
};
#define NOWHERE UINT32_MAX

struct job {
	const struct hc_heap *heap;
	uint64_t page;        /**< bytes of one */
	struct place *places; /**< of each span */
	struct hc_heap_map *map;
};

/** Whole pages around a span. */
static struct hc_map_run run_of(const struct job *job, const struct hc_span *span)
{
	uint64_t start = span->start & ~(job->page - 1);
	uint64_t bytes = (span->end - start + job->page - 1) & ~(job->page - 1);

	return (struct hc_map_run){start, bytes};
}

/** @name Strips */
/**@{*/

static int largest_first(const void *a, const void *b)
{
	const struct hc_map_strip *x = a, *y = b;

	if (x->bytes != y->bytes)
		return x->bytes < y->bytes ? 1 : -1;
	return x->arena < y->arena ? -1 : x->arena > y->arena;
}

/** Arenas, and behind them mmapped chunks. */
static size_t strip_number(const struct hc_heap *heap, uint32_t arena)
{
	return arena < heap->num_arenas ? arena : heap->num_arenas;
}

/** One strip for each arena that has spans, the largest first, and no more than may be. */
static struct hc_error *make_strips(struct job *job)
{
	const struct hc_heap *heap = job->heap;
	struct hc_heap_map *map = job->map;
	size_t num = heap->num_arenas + 1, used = 0;

	map->strips = calloc(num, sizeof(*map->strips));
	if (!map->strips)
		return &hc_enomem;
	for (size_t i = 0; i < num; i++)
		map->strips[i].arena = i < heap->num_arenas ? i : HC_ARENA_MMAP;
	for (size_t i = 0; i < heap->num_spans; i++)
		map->strips[strip_number(heap, heap->spans[i].arena)].bytes +=
			run_of(job, &heap->spans[i]).bytes;
	hc_sort(map->strips, num, largest_first);
	while (used < num && map->strips[used].bytes)
		used++;
	for (; used > HC_MAP_MAX_STRIPS; used--) {
		map->left_out++;
		map->left_out_bytes += map->strips[used - 1].bytes;
	}
	map->num_strips = used;
	return NULL;
}

static uint32_t find_strip(const struct job *job, uint32_t arena)
{
	for (uint32_t i = 0; i < job->map->num_strips; i++)
		if (strip_number(job->heap, job->map->strips[i].arena) ==
		    strip_number(job->heap, arena))
			return i;
	return NOWHERE;
}

/** Put the spans of a strip one behind the other. */
static void place_spans(struct job *job, uint32_t number)
{
	struct hc_heap_map *map = job->map;
	struct hc_map_strip *strip = &map->strips[number];
	uint64_t offset = 0;

	strip->first_run = map->num_runs;
	for (size_t i = 0; i < job->heap->num_spans; i++) {
		if (job->places[i].strip != number)
			continue;
		const struct hc_map_run run = run_of(job, &job->heap->spans[i]);
		struct hc_map_run *last = strip->num_runs ? &map->runs[map->num_runs - 1] : NULL;
		job->places[i].shift = offset - run.start;
		offset += run.bytes;
		if (last && last->start + last->bytes == run.start) {
			last->bytes += run.bytes;
			continue;
		}
		map->runs[map->num_runs++] = run;
		strip->num_runs++;
	}
}

static struct hc_error *place_all(struct job *job)
{
	size_t num = job->heap->num_spans;

	job->places = calloc(num ? num : 1, sizeof(*job->places));
	job->map->runs = calloc(num ? num : 1, sizeof(*job->map->runs));
	if (!job->places || !job->map->runs)
		return &hc_enomem;
	for (size_t i = 0; i < num; i++)
		job->places[i].strip = find_strip(job, job->heap->spans[i].arena);
	for (uint32_t i = 0; i < job->map->num_strips; i++)
		place_spans(job, i);
	return NULL;
}

/** Columns as small as their number allows. */
static struct hc_error *make_columns(const struct job *job, size_t columns)
{
	struct hc_heap_map *map = job->map;
	uint64_t all = 0;

	for (size_t i = 0; i < map->num_strips; i++)
		all += map->strips[i].bytes;
	map->column_bytes = job->page;
	while (all / map->column_bytes > columns)
		map->column_bytes *= 2;
	for (size_t i = 0; i < map->num_strips; i++) {
		struct hc_map_strip *strip = &map->strips[i];

		strip->first_column = map->num_columns;
		strip->num_columns = (strip->bytes + map->column_bytes - 1) / map->column_bytes;
		map->num_columns += strip->num_columns;
	}
	map->columns = calloc(map->num_columns ? map->num_columns : 1, sizeof(*map->columns));
	return map->columns ? NULL : &hc_enomem;
}
/**@}*/

/** @name Chunks */
/**@{*/

/** Count bytes [from, to) of a strip. */
static void add(const struct job *job, struct hc_map_column *columns,
		const struct hc_map_strip *strip, struct hc_map_run range, enum hc_map_layer layer)
{
	const uint64_t width = job->map->column_bytes;
	uint64_t from = range.start, to = range.start + range.bytes;

	while (from < to) {
		uint64_t column = from / width, end = (column + 1) * width;

		if (column >= strip->num_columns)
			return;
		end = end < to ? end : to;
		columns[strip->first_column + column].bytes[layer] += end - from;
		from = end;
	}
}

/** Of what is not in use, whole pages and the rest. Runs begin with a page, and so do strips. */
static void add_free(const struct job *job, struct hc_map_column *columns,
		     const struct hc_map_strip *strip, struct hc_map_run range)
{
	uint64_t end = range.start + range.bytes;
	uint64_t from = (range.start + job->page - 1) & ~(job->page - 1);
	uint64_t to = end & ~(job->page - 1);

	if (from >= to) {
		add(job, columns, strip, range, HC_MAP_PINNED);
		return;
	}
	add(job, columns, strip, (struct hc_map_run){range.start, from - range.start},
	    HC_MAP_PINNED);
	add(job, columns, strip, (struct hc_map_run){from, to - from}, HC_MAP_FREE);
	add(job, columns, strip, (struct hc_map_run){to, end - to}, HC_MAP_PINNED);
}

static struct hc_error *count(void *ctx, void *worker, const struct hc_chunk *chunk)
{
	const struct job *job = ctx;
	const struct place *place = &job->places[chunk->span - job->heap->spans];

	if (place->strip == NOWHERE)
		return NULL;
	const struct hc_map_strip *strip = &job->map->strips[place->strip];
	/* From header to header: so chunks tile their span. */
	const struct hc_map_run range = {chunk->address - chunk->span->header + place->shift,
					 chunk->size};
	if (chunk->state == HC_OVERHEAD)
		add(job, worker, strip, range, HC_MAP_OWN);
	else if (chunk->state != HC_IN_USE)
		add_free(job, worker, strip, range);
	else
		add(job, worker, strip, range,
		    hc_chunk_is_lost(job->heap, chunk) ? HC_MAP_LOST : HC_MAP_IN_USE);
	return NULL;
}

static struct hc_error *merge(void *ctx, void *worker)
{
	struct hc_heap_map *map = ((struct job *)ctx)->map;
	const struct hc_map_column *columns = worker;

	for (size_t i = 0; i < map->num_columns; i++)
		for (unsigned layer = 0; layer < HC_NUM_MAP_LAYERS; layer++)
			map->columns[i].bytes[layer] += columns[i].bytes[layer];
	return NULL;
}

static void sum_up(struct hc_heap_map *map)
{
	for (size_t i = 0; i < map->num_strips; i++) {
		struct hc_map_strip *strip = &map->strips[i];

		for (size_t c = 0; c < strip->num_columns; c++)
			for (unsigned layer = 0; layer < HC_NUM_MAP_LAYERS; layer++)
				strip->layers[layer] +=
					map->columns[strip->first_column + c].bytes[layer];
	}
}
/**@}*/

static struct hc_error *make(struct hc_target *target, size_t columns, struct job *job)
{
	struct hc_error *err = make_strips(job);

	if (!err)
		err = place_all(job);
	if (!err)
		err = make_columns(job, columns);
	if (err || !job->map->num_columns)
		return err;
	const struct hc_tally tally = {
		.phase = HC_PHASE_COUNT,
		.worker_size = job->map->num_columns * sizeof(struct hc_map_column),
		.slice_bytes = SLICE_BYTES,
		.chunk = count,
		.merge = merge,
	};
	err = hc_tally_run(target, NULL, &tally, job);
	if (!err)
		sum_up(job->map);
	return err;
}

struct hc_error *hc_heap_map_run(struct hc_target *target, size_t columns, struct hc_heap_map *ret)
{
	struct hc_heap_map map = {0};
	struct job job = {.map = &map, .page = hc_core_page_size(target->process->core)};
	struct hc_error *err = hc_target_reach(target, NULL);

	if (!err)
		err = hc_target_heap(target, &job.heap);
	if (!err)
		err = make(target, columns, &job);
	free(job.places);
	if (err)
		hc_heap_map_deinit(&map);
	else
		*ret = map;
	return err;
}

void hc_heap_map_deinit(struct hc_heap_map *map)
{
	free(map->strips);
	free(map->columns);
	free(map->runs);
	*map = (struct hc_heap_map){0};
}
