/**
 * @file
 * Touched bytes of chunks and of parts.
 *
 * A chunk of a page and more leaves whole words of start bits empty, so that a look at these words
 * finds all large chunks without visiting the small ones.
 */
#include "analyzers/verdict/ruler.h"

#include <stdlib.h>

#include "analyzers/inspect/touched.h"
#include "core/base/array.h"
#include "core/base/cleanup.h"

#define SLICE_BYTES (UINT64_C(64) << 20)

/** What one task found. */
struct catch
{
	struct hc_untouched *items;
	size_t num;
};

struct run {
	struct hc_target *target;
	const struct hc_heap *heap;
	const struct hc_slice *slices;
	struct catch *catches; /* of each slice */
	uint64_t page;
};

/** @name Chunks */
/**@{*/

/** Whether smaps says that all of a mapping was: then zeroes don't tell. */
static bool is_resident(const struct hc_process *process, uint64_t address)
{
	const struct hc_mapping *mapping = hc_mappings_find(&process->mappings, address);

	return mapping && mapping->resident == mapping->end - mapping->start;
}

/** Whole pages between a chunk's user address and its end that were not touched, bytes. */
static struct hc_error *look_at(const struct run *run, struct catch *catch,
				const struct hc_chunk *chunk)
{
	const struct hc_process *process = run->target->process;
	uint64_t end = chunk->address + chunk->usable, page = run->page;
	uint64_t first = (chunk->address + page - 1) & ~(page - 1), last = end & ~(page - 1);

	if (chunk->usable < page || first >= last || is_resident(process, first))
		return NULL;
	uint64_t untouched = last - first - hc_touched_range(process, first, last);
	if (!untouched)
		return NULL;
	struct hc_error *err = hc_array_reserve(&catch->items, catch->num, sizeof(*catch->items));
	if (!err)
		catch->items[catch->num++] = (struct hc_untouched){chunk->address, untouched};
	return err;
}

/** The last chunk that starts in each block of a slice: only it can reach beyond the next block. */
static struct hc_error *look_at_slice(void *ctx, unsigned worker __attribute__((unused)),
				      size_t task)
{
	const struct run *run = ctx;
	const struct hc_slice *slice = &run->slices[task];
	const struct hc_span *span = slice->span;
	uint64_t first = slice->from / HC_UNITS_PER_BLOCK, last = span->num_blocks;
	struct hc_error *err = NULL;

	for (uint64_t i = first; !err && i < last && i * HC_UNITS_PER_BLOCK < slice->to; i++) {
		uint64_t bits = span->blocks[i].start;
		bool alone = i + 1 == last || !span->blocks[i + 1].start;
		struct hc_chunk chunk;

		/* Where blocks are small for a page, a chunk that begins here may end in the next.
		 */
		if (!bits || (!alone && 2 * HC_UNITS_PER_BLOCK * span->unit <= run->page))
			continue;
		uint64_t unit = i * HC_UNITS_PER_BLOCK + 63 - __builtin_clzll(bits);
		if (unit < slice->from || unit >= slice->to)
			continue;
		hc_span_chunk(run->heap, span, unit, &chunk);
		err = look_at(run, &run->catches[task], &chunk);
	}
	return err;
}

static struct hc_error *gather(const struct catch *catches, size_t num, struct hc_ruler *ruler)
{
	for (size_t i = 0; i < num; i++)
		ruler->num += catches[i].num;
	ruler->items = calloc(ruler->num + 1, sizeof(*ruler->items));
	if (!ruler->items)
		return &hc_enomem;
	size_t at = 0;
	for (size_t i = 0; i < num; i++) {
		if (catches[i].num)
			memcpy(&ruler->items[at], catches[i].items,
			       catches[i].num * sizeof(*ruler->items));
		at += catches[i].num;
	}
	return NULL;
}

static struct hc_error *measure_chunks(struct run *run, struct hc_ruler *ruler)
{
	hc_cleanup_free struct hc_slice *slices = NULL;
	size_t num;
	struct hc_error *err = hc_heap_slices(run->heap, SLICE_BYTES, &slices, &num);

	if (err)
		return err;
	run->slices = slices;
	run->catches = calloc(num + 1, sizeof(*run->catches));
	if (!run->catches)
		return &hc_enomem;
	err = hc_process_parallel(run->target->process, num, look_at_slice, run);
	if (!err)
		err = gather(run->catches, num, ruler);
	for (size_t i = 0; i < num; i++)
		free(run->catches[i].items);
	free(run->catches);
	return err;
}

uint64_t hc_ruler_untouched(const struct hc_ruler *ruler, const struct hc_chunk *chunk)
{
	size_t low = hc_lower_bound(ruler->num, i, ruler->items[i].address < chunk->address);

	return low < ruler->num && ruler->items[low].address == chunk->address
		       ? ruler->items[low].bytes
		       : 0;
}
/**@}*/

/** @name Parts */
/**@{*/

static bool is_heap(enum hc_part part)
{
	return part == HC_PART_UNWALKED || part == HC_PART_MMAPPED;
}

static void take(uint64_t *from, uint64_t bytes)
{
	*from -= bytes < *from ? bytes : *from;
}

/** Take from the parts, and from what is reachable, the pages of chunks that were not touched. */
static void take_chunks(const struct hc_heap *heap, struct hc_ruler *ruler)
{
	for (size_t i = 0; i < ruler->num; i++) {
		struct hc_chunk chunk;

		if (!hc_heap_chunk_at(heap, ruler->items[i].address, &chunk))
			continue;
		enum hc_part part = hc_part_of_state(chunk.state);
		if (part == HC_PART_IN_USE && chunk.span->arena == HC_ARENA_MMAP)
			part = HC_PART_MMAPPED;
		take(&ruler->parts[part], ruler->items[i].bytes);
		if (chunk.state == HC_FREE || chunk.state == HC_TOP)
			ruler->untouched_free += ruler->items[i].bytes;
		if (chunk.state == HC_IN_USE && heap->reach_known)
			take(&ruler->reach[chunk.reach], ruler->items[i].bytes);
	}
}

/** What of the heaps' touched bytes no chunk explains, in the order of where it may be. */
static void spread(const struct hc_accounting *accounting, uint64_t heap, struct hc_ruler *ruler)
{
	static const enum hc_part order[] = {
		HC_PART_UNWALKED, HC_PART_GIVEN_BACK, HC_PART_OVERHEAD,
		HC_PART_TOP,      HC_PART_FREE,       HC_PART_CACHED,
	};
	uint64_t known = ruler->parts[HC_PART_IN_USE] + ruler->parts[HC_PART_MMAPPED] +
			 ruler->parts[HC_PART_CACHED] + ruler->parts[HC_PART_FREE] +
			 ruler->parts[HC_PART_TOP] + ruler->parts[HC_PART_OVERHEAD];
	uint64_t left = heap > known ? heap - known : 0;

	for (size_t i = 0; i < sizeof(order) / sizeof(*order); i++) {
		uint64_t room = accounting->parts[order[i]] - ruler->parts[order[i]];
		uint64_t bytes = left < room ? left : room;

		ruler->parts[order[i]] += bytes;
		left -= bytes;
	}
}

static void measure_parts(const struct hc_target *target, const struct hc_accounting *accounting,
			  const struct hc_touched *touched, struct hc_ruler *ruler)
{
	const struct hc_mappings *mappings = &target->process->mappings;
	uint64_t heap = 0, mmapped = 0;

	for (enum hc_part part = HC_PART_IN_USE; part <= HC_PART_OVERHEAD; part++)
		ruler->parts[part] = accounting->parts[part];
	for (size_t i = 0; i < mappings->num; i++) {
		enum hc_part part = hc_part_of_mapping(mappings->items[i].kind);

		if (mappings->items[i].kind == HC_MAPPING_SHARED)
			ruler->shared += touched->bytes[i];
		if (!mappings->items[i].anonymous)
			continue;
		*(is_heap(part) ? &heap : &ruler->parts[part]) += touched->bytes[i];
		mmapped += part == HC_PART_MMAPPED ? touched->bytes[i] : 0;
	}
	if (target->heap)
		take_chunks(target->heap, ruler);
	/* What alignment leaves in front of a mmapped chunk is part of its mapping. */
	if (ruler->parts[HC_PART_MMAPPED] > mmapped)
		ruler->parts[HC_PART_MMAPPED] = mmapped;
	spread(accounting, heap, ruler);
	for (enum hc_part part = 0; part < HC_NUM_PARTS; part++)
		ruler->total += ruler->parts[part];
}
/**@}*/

struct hc_error *hc_ruler_run(struct hc_target *target, const struct hc_accounting *accounting,
			      const struct hc_reach_stats *reach, struct hc_ruler *ret)
{
	struct hc_ruler ruler = {0};
	struct hc_touched touched = {0};
	struct run run = {.target = target, .heap = target->heap};
	struct hc_error *err = NULL;

	hc_target_phase(target, HC_PHASE_COUNT);
	run.page = hc_core_page_size(target->process->core);
	for (enum hc_reach i = 0; reach && i < HC_NUM_REACH; i++)
		ruler.reach[i] = reach->kinds[i].bytes;
	if (run.heap)
		err = measure_chunks(&run, &ruler);
	if (!err)
		err = hc_touched_run(target->process, &touched);
	if (err) {
		hc_ruler_deinit(&ruler);
		return err;
	}
	ruler.resident = touched.resident;
	measure_parts(target, accounting, &touched, &ruler);
	hc_touched_deinit(&touched);
	*ret = ruler;
	return NULL;
}

void hc_ruler_deinit(struct hc_ruler *ruler)
{
	free(ruler->items);
	*ruler = (struct hc_ruler){0};
}
