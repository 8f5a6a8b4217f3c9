/**
 * @file
 * One pass over the words of the process. Each worker has counters and bitmaps of its own, which
 * are added up in the end; mappings of interest are few, so that a word is looked up in them by
 * bisection only when it lies between the lowest and the highest.
 */
#include "analyzers/blocks/held.h"

#include <stdlib.h>

#include "analyzers/reachability/reachability.h"
#include "core/base/array.h"
#include "core/base/cleanup.h"
#include "core/base/parallel.h"

/** Bytes of one task. */
#define TASK_BYTES (UINT64_C(4) << 20)
/** Mappings between which links are followed; the rest counts as a root. */
#define MAX_LINKED 2048

/** Most words that look like addresses are of other mappings: one look in a small table tells. */
#define FILTER_BITS 16
#define GRANULE_SHIFT 21

/** Where mappings begin and end. */
#define PAGE 4096

enum source { FROM_ROOT, FROM_CHUNK, FROM_OTHER, NUM_SOURCES };

/** Where a word stands. */
struct origin {
	enum source source;
	uint32_t mapping; /**< of FROM_OTHER: index of the mapping */
	bool passing;     /**< in a stack or register: may be stale */
};

/** A part of memory whose words are looked at. */
struct part {
	uint64_t start, end;
	struct origin origin;
};

/** A block of a set, in the order of addresses. */
struct block {
	uint64_t start, end;
	uint32_t set;
};

struct worker {
	uint64_t (*counts)[NUM_SOURCES]; /**< of each mapping */
	uint8_t *links;                  /**< bit from * MAX_LINKED + to */
	uint8_t *pointed, *linked;       /**< bit of each block */
	uint8_t *started;                /**< the same: its address is kept somewhere */
	uint8_t *begun;                  /**< bit of each mapping: the same of its address */
};

struct run {
	const struct hc_process *process;
	const struct hc_heap *heap;
	const struct hc_owners *owners;
	struct hc_held held;
	struct block *blocks;
	size_t num_blocks;
	struct part *parts;
	size_t num_parts;
	struct hc_slice *slices;
	size_t num_slices;
	struct worker *workers;
	uint64_t low, high;                     /**< all mappings lie in [low, high) */
	uint8_t filter[1 << (FILTER_BITS - 3)]; /**< bit of each granule that they touch */
};

const struct hc_held_mapping *hc_held_find(const struct hc_held *held, uint64_t address)
{
	size_t i = hc_lower_bound(held->num, k, held->items[k].mapping->end <= address);

	return i < held->num && held->items[i].mapping->start <= address ? &held->items[i] : NULL;
}

void hc_held_deinit(struct hc_held *held)
{
	free(held->items);
	*held = (struct hc_held){0};
}

static void set_bit(uint8_t *bits, size_t i)
{
	bits[i / 8] |= 1u << i % 8;
}

static bool has_bit(const uint8_t *bits, size_t i)
{
	return bits[i / 8] >> i % 8 & 1;
}

static size_t filter_bit(uint64_t address)
{
	return (address >> GRANULE_SHIFT) * UINT64_C(0x9e3779b97f4a7c15) >> (64 - FILTER_BITS);
}

/* What is pointed to. */

static void add_to_filter(struct run *run, const struct hc_mapping *mapping)
{
	uint64_t num = ((mapping->end - 1) >> GRANULE_SHIFT) - (mapping->start >> GRANULE_SHIFT);

	/* Each bit is set in the end; a mapping may be terabytes. */
	if (num >> FILTER_BITS) {
		memset(run->filter, 0xff, sizeof(run->filter));
		return;
	}
	for (uint64_t i = 0; i <= num; i++)
		set_bit(run->filter, filter_bit(mapping->start + (i << GRANULE_SHIFT)));
}

static struct hc_error *collect_mappings(struct run *run)
{
	const struct hc_mappings *mappings = &run->process->mappings;
	struct hc_held *held = &run->held;

	held->items = calloc(mappings->num + 1, sizeof(*held->items));
	if (!held->items)
		return &hc_enomem;
	for (size_t i = 0; i < mappings->num; i++)
		if (hc_blocks_outside(&mappings->items[i], run->owners)) {
			held->items[held->num++].mapping = &mappings->items[i];
			add_to_filter(run, &mappings->items[i]);
		}
	if (held->num) {
		run->low = held->items[0].mapping->start;
		run->high = held->items[held->num - 1].mapping->end;
	}
	return NULL;
}

static int compare_blocks(const void *a, const void *b)
{
	const struct block *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

static struct hc_error *collect_blocks(struct run *run, const struct hc_blocks *blocks)
{
	size_t num = 0;

	for (size_t i = 0; blocks && i < blocks->num; i++)
		num += blocks->sets[i].num;
	run->blocks = calloc(num + 1, sizeof(*run->blocks));
	if (!run->blocks)
		return &hc_enomem;
	for (size_t i = 0; blocks && i < blocks->num; i++) {
		const struct hc_block_set *set = &blocks->sets[i];
		for (size_t k = 0; k < set->num; k++)
			run->blocks[run->num_blocks++] = (struct block){
				set->addresses[k], set->addresses[k] + set->size, (uint32_t)i};
	}
	hc_sort(run->blocks, num, compare_blocks);
	return NULL;
}

/* What points. */

/** What is present of a range, cut into tasks: it may be terabytes of nothing. */
static struct hc_error *add_parts(struct run *run, struct part part)
{
	uint64_t pos = part.start, end = part.end;
	struct hc_piece piece;

	while (hc_memory_next_data(&run->process->memory, &pos, end, TASK_BYTES, &piece)) {
		struct hc_error *err =
			hc_array_reserve(&run->parts, run->num_parts, sizeof(*run->parts));
		if (err)
			return err;
		part.start = piece.start;
		part.end = piece.end;
		run->parts[run->num_parts++] = part;
	}
	return NULL;
}

static struct hc_error *collect_parts(struct run *run)
{
	const struct hc_heap no_heap = {.process = run->process};
	hc_cleanup_free struct hc_root *roots = NULL;
	size_t num = 0;
	struct hc_error *err = hc_roots_collect(run->heap ? run->heap : &no_heap, &roots, &num);

	for (size_t i = 0; !err && i < num; i++) {
		struct part part = {
			.start = roots[i].start,
			.end = roots[i].end,
			.origin = {.source = FROM_ROOT, .passing = roots[i].kind == HC_ROOT_STACK}};
		const struct hc_held_mapping *row = hc_held_find(&run->held, roots[i].start);
		if (row) {
			part.origin.source = FROM_OTHER;
			part.origin.mapping = row - run->held.items;
		} else {
			run->held.missing +=
				part.end - part.start -
				hc_memory_present(&run->process->memory, part.start, part.end);
		}
		err = add_parts(run, part);
	}
	if (!err && run->heap)
		err = hc_heap_slices(run->heap, TASK_BYTES, &run->slices, &run->num_slices);
	return err;
}

/* Words. */

static void see_word(struct run *run, struct worker *worker, uint64_t word, struct origin origin,
		     uint64_t at)
{
	enum source source = origin.source;
	uint32_t from = origin.mapping;
	const struct hc_held_mapping *row = hc_held_find(&run->held, word);

	if (!row)
		return;
	size_t to = row - run->held.items;
	size_t i = hc_lower_bound(run->num_blocks, k, run->blocks[k].end <= word);
	/* A block's pointers to itself hold nothing. */
	if (i < run->num_blocks && run->blocks[i].start <= word &&
	    !(at >= run->blocks[i].start && at < run->blocks[i].end)) {
		set_bit(source == FROM_OTHER ? worker->linked : worker->pointed, i);
		if (word == run->blocks[i].start && !origin.passing)
			set_bit(worker->started, i);
	}
	if (word == row->mapping->start && !origin.passing && !(source == FROM_OTHER && from == to))
		set_bit(worker->begun, to);
	if (source == FROM_OTHER && from == to)
		return;
	if (source == FROM_OTHER && from < MAX_LINKED && to < MAX_LINKED) {
		worker->counts[to][FROM_OTHER]++;
		set_bit(worker->links, from * MAX_LINKED + to);
		return;
	}
	worker->counts[to][source == FROM_CHUNK ? FROM_CHUNK : FROM_ROOT]++;
}

static void see_bytes(struct run *run, struct worker *worker, struct hc_bytes bytes,
		      uint64_t address, struct origin origin)
{
	unsigned size = run->process->memory.word_size;
	uint64_t span = run->high - run->low;

	for (size_t at = -address & (size - 1); at + size <= bytes.size; at += size) {
		uint64_t word =
			hc_read_word(bytes.data + at, size, run->process->memory.big_endian);
		if (word - run->low < span && has_bit(run->filter, filter_bit(word)))
			see_word(run, worker, word, origin, address + at);
	}
}

static void see_range(struct run *run, struct worker *worker, uint64_t start, uint64_t end,
		      struct origin origin)
{
	struct hc_piece piece;

	while (hc_memory_next_data(&run->process->memory, &start, end, UINT64_MAX, &piece))
		see_bytes(run, worker, piece.bytes, piece.start, origin);
}

static struct hc_error *run_part(struct run *run, struct worker *worker, const struct part *part)
{
	see_range(run, worker, part->start, part->end, part->origin);
	return NULL;
}

/** Only large chunks have holes. */
static void see_chunk(struct run *run, struct worker *worker, const struct hc_chunk *chunk)
{
	const struct origin origin = {.source = FROM_CHUNK};
	struct hc_bytes bytes = hc_chunk_bytes(run->heap, chunk);

	if (bytes.size < run->process->memory.hole_block)
		see_bytes(run, worker, bytes, chunk->address, origin);
	else
		see_range(run, worker, chunk->address, chunk->address + bytes.size, origin);
}

static bool is_live(const struct hc_heap *heap, const struct hc_chunk *chunk)
{
	return heap->reach_known ? hc_chunk_is_held(chunk) : chunk->state == HC_IN_USE;
}

static void run_slice(struct run *run, struct worker *worker, struct hc_slice slice)
{
	struct hc_chunk_iter iter;
	struct hc_chunk chunk;

	hc_chunk_iter_slice(&iter, run->heap, slice);
	while (hc_chunk_iter_next(&iter, &chunk))
		if (is_live(run->heap, &chunk))
			see_chunk(run, worker, &chunk);
}

static struct hc_error *run_task(void *ctx, unsigned index, size_t task)
{
	struct run *run = ctx;
	struct worker *worker = &run->workers[index];

	if (task < run->num_parts)
		return run_part(run, worker, &run->parts[task]);
	run_slice(run, worker, run->slices[task - run->num_parts]);
	return NULL;
}

static void see_registers(struct run *run)
{
	const struct hc_threads *threads = &run->process->threads;

	for (size_t i = 0; i < threads->num; i++)
		for (unsigned r = 0; r < threads->items[i].num_regs; r++)
			see_word(run, &run->workers[0], threads->items[i].regs[r],
				 (struct origin){.source = FROM_ROOT, .passing = true}, 0);
}

/* The end. */

static struct hc_error *create_workers(struct run *run)
{
	run->workers = calloc(run->process->jobs, sizeof(*run->workers));
	for (unsigned i = 0; run->workers && i < run->process->jobs; i++) {
		struct worker *worker = &run->workers[i];
		worker->counts = calloc(run->held.num + 1, sizeof(*worker->counts));
		worker->links = calloc(MAX_LINKED / 8, MAX_LINKED);
		worker->pointed = calloc(run->num_blocks / 8 + 1, 1);
		worker->linked = calloc(run->num_blocks / 8 + 1, 1);
		worker->started = calloc(run->num_blocks / 8 + 1, 1);
		worker->begun = calloc(run->held.num / 8 + 1, 1);
		if (!worker->counts || !worker->links || !worker->pointed || !worker->linked ||
		    !worker->started || !worker->begun)
			return &hc_enomem;
	}
	return run->workers ? NULL : &hc_enomem;
}

static void destroy_workers(struct run *run)
{
	for (unsigned i = 0; run->workers && i < run->process->jobs; i++) {
		free(run->workers[i].counts);
		free(run->workers[i].links);
		free(run->workers[i].pointed);
		free(run->workers[i].linked);
		free(run->workers[i].started);
		free(run->workers[i].begun);
	}
	free(run->workers);
}

/** All workers' into the first one's. */
static void add_up(struct run *run)
{
	struct worker *all = &run->workers[0];

	for (unsigned i = 1; i < run->process->jobs; i++) {
		const struct worker *worker = &run->workers[i];
		for (size_t k = 0; k < run->held.num; k++)
			for (unsigned source = 0; source < NUM_SOURCES; source++)
				all->counts[k][source] += worker->counts[k][source];
		for (size_t k = 0; k < MAX_LINKED / 8 * MAX_LINKED; k++)
			all->links[k] |= worker->links[k];
		for (size_t k = 0; k < run->num_blocks / 8 + 1; k++) {
			all->pointed[k] |= worker->pointed[k];
			all->linked[k] |= worker->linked[k];
			all->started[k] |= worker->started[k];
		}
		for (size_t k = 0; k < run->held.num / 8 + 1; k++)
			all->begun[k] |= worker->begun[k];
	}
	for (size_t k = 0; k < run->held.num; k++) {
		run->held.items[k].from_roots = all->counts[k][FROM_ROOT];
		run->held.items[k].from_chunks = all->counts[k][FROM_CHUNK];
		run->held.items[k].from_others = all->counts[k][FROM_OTHER];
	}
}

/** Follow links from mappings that something live points into. */
static struct hc_error *follow(struct run *run)
{
	struct hc_held *held = &run->held;
	hc_cleanup_free uint32_t *queue = calloc(held->num + 1, sizeof(*queue));
	size_t first = 0, last = 0;

	if (!queue)
		return &hc_enomem;
	for (size_t i = 0; i < held->num; i++) {
		held->items[i].held = held->items[i].from_roots || held->items[i].from_chunks;
		if (held->items[i].held)
			queue[last++] = i;
	}
	while (first < last) {
		uint32_t from = queue[first++];
		for (uint32_t to = 0; from < MAX_LINKED && to < held->num && to < MAX_LINKED;
		     to++) {
			if (held->items[to].held ||
			    !has_bit(run->workers[0].links, from * (size_t)MAX_LINKED + to))
				continue;
			held->items[to].held = true;
			queue[last++] = to;
		}
	}
	for (size_t i = 0; i < held->num; i++) {
		if (held->items[i].held)
			continue;
		held->lost++;
		held->lost_bytes += held->items[i].mapping->end - held->items[i].mapping->start;
	}
	return NULL;
}

/** Whether blocks of one set and one mapping, from @p first on, are parts of what is held. */
static bool are_parts(const struct run *run, const struct hc_held_mapping *row, size_t first)
{
	const struct block *block = &run->blocks[first];
	uint64_t size = block->end - block->start;

	if ((block->start | size) % PAGE)
		return row->held;
	return has_bit(run->workers[0].started, first) ||
	       (block->start - row->mapping->start < size &&
		has_bit(run->workers[0].begun, row - run->held.items));
}

static void count_blocks(const struct run *run, struct hc_blocks *blocks)
{
	const struct hc_held_mapping *row = NULL;
	bool parts = false;

	for (size_t i = 0; blocks && i < blocks->num; i++)
		blocks->sets[i].pointed = blocks->sets[i].linked = blocks->sets[i].parts = 0;
	for (size_t i = 0; i < run->num_blocks; i++) {
		const struct block *block = &run->blocks[i];
		struct hc_block_set *set = &blocks->sets[block->set];

		if (!row || block->start >= row->mapping->end || block[-1].set != block->set) {
			row = hc_held_find(&run->held, block->start);
			parts = row && are_parts(run, row, i);
		}
		if (has_bit(run->workers[0].pointed, i))
			set->pointed++;
		else if (has_bit(run->workers[0].linked, i))
			set->linked++;
		else
			set->parts += parts;
	}
}

static struct hc_error *run_all(struct run *run, struct hc_blocks *blocks)
{
	struct hc_error *err;

	if ((err = collect_mappings(run)) || !run->held.num ||
	    (err = collect_blocks(run, blocks)) || (err = collect_parts(run)) ||
	    (err = create_workers(run)))
		return err;
	see_registers(run);
	if ((err = hc_parallel_for(run->process->jobs, run->num_parts + run->num_slices, run_task,
				   run)))
		return err;
	add_up(run);
	if ((err = follow(run)))
		return err;
	count_blocks(run, blocks);
	return NULL;
}

struct hc_error *hc_held_run(const struct hc_process *process, const struct hc_heap *heap,
			     const struct hc_owners *owners, struct hc_blocks *blocks,
			     struct hc_held *ret)
{
	struct run run = {.process = process, .heap = heap, .owners = owners};
	struct hc_error *err = run_all(&run, blocks);

	destroy_workers(&run);
	free(run.blocks);
	free(run.parts);
	free(run.slices);
	if (err) {
		hc_held_deinit(&run.held);
		return err;
	}
	*ret = run.held;
	return NULL;
}
