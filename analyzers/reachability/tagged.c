/**
 * @file
 * Looking for tagged pointers; what counts as evidence is in tagged.h.
 *
 * A sample of the memory is enough to find a kind that matters: slices of the heap at even
 * distances, SAMPLE_BYTES in all, and as much of the roots. Counters stand in one array, by size
 * and word, so that the result is the same for any number of workers.
 */
#include "analyzers/reachability/tagged.h"

#include <stdlib.h>

#include "analyzers/reachability/hidden.h"
#include "core/base/cleanup.h"
#include "core/base/parallel.h"

enum {
	MAX_SIZE = 4096, /* of a chunk whose offsets are told apart; larger ones are tables */
	WORD = 8,
	WORDS = MAX_SIZE / WORD,
	GRAIN = 16, /* of chunk sizes */
	SIZES = MAX_SIZE / GRAIN + 1,
	SLICE_BYTES = 256 << 10,
	SAMPLE_BYTES = 8 << 20,
	TABLE_BYTES = 64 << 10, /* of one table that are looked at */
	TABLES = 0,             /* the counter of all tables: no chunk has size 0 */
};

struct evidence {
	struct hc_tracer *tracer;
	enum hc_tag_place place; /* that is looked at */
	struct hc_slice *slices;
	size_t num_slices, step;
	struct hc_plane targets;
	uint32_t **links;  /* of each worker: SIZES * WORDS counters, or NULL */
	uint64_t distinct; /* atomic: different chunks that links lead to */
	uint64_t num_lost; /* atomic */
};

uint64_t hc_tagged_target(const struct hc_heap *heap, enum hc_tag_place place, uint64_t value)
{
	uint64_t address = hc_tagged_address(place, value);

	if (heap->word_size != WORD || !address)
		return 0;
	const struct hc_span *span = hc_heap_span(heap, address);

	if (!span || address < span->base)
		return 0;
	uint64_t unit;

	if (!hc_span_starts_at(span, address - span->base, &unit))
		return 0;
	return span->blocks[unit / HC_UNITS_PER_BLOCK].free >> unit % HC_UNITS_PER_BLOCK & 1
		       ? 0
		       : address;
}

/** @name Evidence */
/**@{*/

/** Count a word if it is a link to a chunk that looks lost. */
static void count_word(struct evidence *evidence, uint32_t *counter, uint64_t value)
{
	const struct hc_heap *heap = evidence->tracer->heap;
	uint64_t address = hc_tagged_target(heap, evidence->place, value);

	if (!address)
		return;
	const struct hc_span *span = hc_heap_span(heap, address);
	uint64_t unit = hc_span_unit(span, address - span->base);
	uint64_t mask = UINT64_C(1) << unit % HC_UNITS_PER_BLOCK;

	if (!(hc_block_lost(&span->blocks[unit / HC_UNITS_PER_BLOCK]) & mask))
		return;
	++*counter;
	uint64_t *word = hc_plane_word(&evidence->tracer->layout, &evidence->targets,
				       span - heap->spans, unit);

	if (!(__atomic_fetch_or(word, mask, __ATOMIC_RELAXED) & mask))
		__atomic_fetch_add(&evidence->distinct, 1, __ATOMIC_RELAXED);
}

static inline void count_bytes(struct evidence *evidence, uint32_t *counters, bool table,
			       struct hc_bytes bytes)
{
	const struct hc_heap *heap = evidence->tracer->heap;
	const uint64_t lowest = heap->lowest, extent = heap->highest - lowest;

	for (size_t i = 0; (i + 1) * WORD <= bytes.size; i++) {
		uint64_t value = hc_read64(bytes.data + i * WORD, heap->big_endian);

		if (hc_tagged_address(evidence->place, value) - lowest < extent)
			count_word(evidence, &counters[table ? 0 : i], value);
	}
}

static struct hc_error *worker_counters(struct evidence *evidence, unsigned worker, uint32_t **ret)
{
	if (!evidence->links[worker])
		evidence->links[worker] = calloc(SIZES * WORDS, sizeof(uint32_t));
	*ret = evidence->links[worker];
	return *ret ? NULL : &hc_enomem;
}

static struct hc_error *count_slice(void *ctx, unsigned worker, size_t task)
{
	struct evidence *evidence = ctx;
	const struct hc_heap *heap = evidence->tracer->heap;
	struct hc_chunk_iter iter;
	struct hc_chunk chunk;
	uint32_t *links;
	struct hc_error *err = worker_counters(evidence, worker, &links);

	if (err)
		return err;
	hc_chunk_iter_slice(&iter, heap, evidence->slices[task * evidence->step]);
	while (hc_chunk_iter_next(&iter, &chunk)) {
		bool table = chunk.size > MAX_SIZE;
		struct hc_bytes bytes;

		if (chunk.state != HC_IN_USE)
			continue;
		bytes = hc_chunk_bytes(heap, &chunk);
		if (table && bytes.size > TABLE_BYTES)
			bytes.size = TABLE_BYTES;
		count_bytes(evidence, &links[table ? TABLES : chunk.size / GRAIN * WORDS], table,
			    bytes);
	}
	return NULL;
}

static struct hc_error *count_roots(struct evidence *evidence, const struct hc_root *roots,
				    size_t num_roots)
{
	const struct hc_memory *memory = &evidence->tracer->heap->process->memory;
	uint64_t left = SAMPLE_BYTES;
	struct hc_piece piece;
	uint32_t *links;
	struct hc_error *err = worker_counters(evidence, 0, &links);

	for (size_t i = 0; !err && i < num_roots; i++) {
		uint64_t pos = roots[i].start;

		while (left && hc_memory_next_piece(memory, &pos, roots[i].end, left, &piece)) {
			left -= piece.bytes.size;
			count_bytes(evidence, &links[TABLES], true, piece.bytes);
		}
	}
	return err;
}

static struct hc_error *count_lost(void *ctx, unsigned worker __attribute__((unused)), size_t task)
{
	struct evidence *evidence = ctx;
	const struct hc_stretch *stretch = &evidence->tracer->layout.stretches[task];
	const struct hc_span *span = &evidence->tracer->heap->spans[stretch->span];
	uint64_t num = 0;

	for (uint64_t i = stretch->from; i < stretch->to && i < span->num_blocks; i++)
		num += __builtin_popcountll(hc_block_lost(&span->blocks[i]));
	__atomic_fetch_add(&evidence->num_lost, num, __ATOMIC_RELAXED);
	return NULL;
}

/** The kind with the most links. */
static void find_kind(const struct evidence *evidence, unsigned jobs, struct hc_tagged *ret)
{
	for (size_t i = 0; i < SIZES * WORDS; i++) {
		uint64_t sum = 0;

		for (unsigned j = 0; j < jobs; j++)
			sum += evidence->links[j] ? evidence->links[j][i] : 0;
		if (sum <= ret->links)
			continue;
		ret->links = sum;
		ret->size = i / WORDS * GRAIN;
		ret->offset = i % WORDS * WORD;
	}
	ret->found = ret->links >= HC_TAGGED_MIN && evidence->distinct >= HC_TAGGED_MIN;
}

static struct hc_error *sample(struct evidence *evidence, const struct hc_root *roots,
			       size_t num_roots)
{
	const struct hc_tracer *tracer = evidence->tracer;
	struct hc_error *err =
		hc_heap_slices(tracer->heap, SLICE_BYTES, &evidence->slices, &evidence->num_slices);

	if (err)
		return err;
	evidence->step = evidence->num_slices / (SAMPLE_BYTES / SLICE_BYTES) + 1;
	if ((err = hc_plane_init(&tracer->layout, &evidence->targets)) ||
	    (err = count_roots(evidence, roots, num_roots)))
		return err;
	return hc_parallel_for(tracer->heap->process->jobs,
			       (evidence->num_slices + evidence->step - 1) / evidence->step,
			       count_slice, evidence);
}

static void evidence_deinit(struct evidence *evidence)
{
	for (unsigned i = 0; evidence->links && i < evidence->tracer->heap->process->jobs; i++)
		free(evidence->links[i]);
	free(evidence->links);
	free(evidence->slices);
	hc_plane_deinit(&evidence->targets);
}

/** Look for tags in one place. */
static struct hc_error *find(struct hc_tracer *tracer, enum hc_tag_place place,
			     const struct hc_root *roots, size_t num_roots, struct hc_tagged *ret)
{
	hc_cleanup(evidence_deinit) struct evidence evidence = {.tracer = tracer, .place = place};
	unsigned jobs = tracer->heap->process->jobs;
	struct hc_error *err =
		hc_parallel_for(jobs, tracer->layout.num_stretches, count_lost, &evidence);

	if (err || evidence.num_lost < HC_TAGGED_MIN || tracer->heap->word_size != WORD)
		return err;
	evidence.links = calloc(jobs, sizeof(*evidence.links));
	if (!evidence.links)
		return &hc_enomem;
	err = sample(&evidence, roots, num_roots);
	if (!err)
		find_kind(&evidence, jobs, ret);
	return err;
}
/**@}*/

struct hc_error *hc_tagged_run(struct hc_tracer *tracer, const struct hc_root *roots,
			       size_t num_roots, struct hc_tagged *ret)
{
	struct hc_hidden_count added = {0};
	struct hc_tagged tagged = {0};
	struct hc_error *err = NULL;

	for (int place = HC_TAG_TOP; !err && !tagged.found && place <= HC_TAG_LOW; place++) {
		tagged = (struct hc_tagged){.place = place};
		err = find(tracer, place, roots, num_roots, &tagged);
	}
	if (err || !tagged.found)
		tagged = (struct hc_tagged){0};
	tracer->heap->tagged = tagged.place;
	if (!err && tagged.found)
		err = hc_hidden_follow(tracer, HC_HIDING_TAGGED, &added);
	tagged.chunks = added.chunks;
	tagged.bytes = added.bytes;
	if (!err)
		*ret = tagged;
	return err;
}
