/**
 * @file
 * Looking for pins: the chunks of a span in order, a page at a time. Of a chunk that is longer than
 * a page only the first and the last page matter: no other chunk is on those between.
 */
#include "analyzers/verdict/pins.h"

#include <stdlib.h>

#include "core/base/cleanup.h"

/** Who keeps a page: the index of a kind, or one of these. */
#define NOBODY SIZE_MAX
#define SEVERAL (SIZE_MAX - 1)

struct pin {
	uint64_t bytes, chunks, usable;
};

/** What one processor counts. */
struct worker {
	uint64_t free;
	struct pin *pins; /* of each kind */
};

struct run {
	const struct hc_heap *heap;
	const struct hc_growth *growth;
	uint64_t page;
	struct worker *workers;
};

struct page {
	uint64_t number;
	uint64_t free; /* bytes */
	size_t keeper;
	uint64_t chunks; /* in use */
	bool continued;  /* the first of these has been counted on the page before */
};

/** Whose a chunk in use is: what is lost, or of a rare size, is of no kind. */
static size_t keeper_of(const struct run *run, const struct hc_chunk *chunk)
{
	size_t kind = hc_chunk_is_held(chunk) ? hc_growth_kind_of(run->growth, chunk->size)
					      : run->growth->num_kinds;

	return kind < run->growth->num_kinds ? kind : SEVERAL;
}

static bool is_free(const struct hc_chunk *chunk)
{
	return chunk->state == HC_FREE || chunk->state == HC_CACHED || chunk->state == HC_TOP;
}

/** @return whether a kind alone keeps the page */
static bool finish_page(struct worker *worker, const struct page *page)
{
	if (!page->free || page->keeper == NOBODY)
		return false;
	worker->free += page->free;
	if (page->keeper == SEVERAL)
		return false;
	worker->pins[page->keeper].bytes += page->free;
	worker->pins[page->keeper].chunks += page->chunks - page->continued;
	return true;
}

/** Go to another page; @p chunk is the first on it. */
static void turn_page(struct worker *worker, struct page *page, uint64_t number,
		      const struct hc_chunk *chunk, bool continues)
{
	bool pinned = finish_page(worker, page);

	*page = (struct page){.number = number, .keeper = NOBODY};
	page->continued = continues && pinned && chunk->state == HC_IN_USE;
}

static void add_to_page(const struct run *run, struct page *page, const struct hc_chunk *chunk,
			uint64_t bytes)
{
	if (is_free(chunk)) {
		page->free += bytes;
		return;
	}
	size_t keeper = keeper_of(run, chunk);

	page->keeper = page->keeper == NOBODY || page->keeper == keeper ? keeper : SEVERAL;
	page->chunks++;
}

static void add_chunk(const struct run *run, struct worker *worker, struct page *page,
		      const struct hc_chunk *chunk)
{
	uint64_t start = chunk->address - chunk->span->own, end = start + chunk->size;
	uint64_t first = start / run->page, last = (end - 1) / run->page;
	uint64_t on_first = (first + 1) * run->page - start;

	if (first != page->number)
		turn_page(worker, page, first, chunk, false);
	add_to_page(run, page, chunk, first == last ? chunk->size : on_first);
	if (first == last)
		return;
	turn_page(worker, page, last, chunk, true);
	add_to_page(run, page, chunk, end - last * run->page);
}

static struct hc_error *walk_span(void *ctx, unsigned index, size_t task)
{
	const struct run *run = ctx;
	const struct hc_span *span = &run->heap->spans[task];
	struct hc_slice slice = {span, 0, span->num_units};
	struct worker *worker = &run->workers[index];
	struct page page = {.number = UINT64_MAX, .keeper = NOBODY};
	struct hc_chunk_iter iter;
	struct hc_chunk chunk;

	if (span->arena == HC_ARENA_MMAP)
		return NULL;
	hc_chunk_iter_slice(&iter, run->heap, slice);
	while (hc_chunk_iter_next(&iter, &chunk)) {
		if (chunk.size)
			add_chunk(run, worker, &page, &chunk);
		size_t keeper = chunk.state == HC_IN_USE ? keeper_of(run, &chunk) : SEVERAL;
		if (keeper != SEVERAL)
			worker->pins[keeper].usable = chunk.usable;
	}
	finish_page(worker, &page);
	return NULL;
}

/** The kind that keeps most. */
static void choose(const struct run *run, unsigned jobs, struct hc_pins *pins)
{
	const struct hc_growth *growth = run->growth;

	for (unsigned i = 0; i < jobs; i++)
		pins->free += run->workers[i].free;
	for (size_t kind = 0; kind < growth->num_kinds; kind++) {
		struct pin sum = {0};

		for (unsigned i = 0; i < jobs; i++) {
			const struct pin *pin = &run->workers[i].pins[kind];

			sum.bytes += pin->bytes;
			sum.chunks += pin->chunks;
			sum.usable = pin->usable ? pin->usable : sum.usable;
		}
		if (sum.bytes <= pins->bytes)
			continue;
		const struct hc_growth_kind *found = &growth->kinds[kind];
		bool same = found->size == found->max_size && found->bulk == found->count.chunks;

		pins->growth = kind;
		pins->bytes = sum.bytes;
		pins->chunks = sum.chunks;
		pins->all_chunks = found->count.chunks;
		pins->usable = same ? sum.usable : 0;
	}
}

struct hc_error *hc_pins_run(struct hc_target *target, const struct hc_growth *growth,
			     struct hc_pins *ret)
{
	const struct hc_process *process = target->process;
	unsigned jobs = process->jobs;
	hc_cleanup_free struct worker *workers = calloc(jobs, sizeof(*workers));
	hc_cleanup_free struct pin *pins = calloc(jobs * (growth->num_kinds + 1), sizeof(*pins));
	struct run run = {.growth = growth, .workers = workers};
	struct hc_pins found = {0};
	struct hc_error *err;

	if (!workers || !pins)
		return &hc_enomem;
	for (unsigned i = 0; i < jobs; i++)
		workers[i].pins = &pins[i * (growth->num_kinds + 1)];
	if ((err = hc_target_heap(target, &run.heap)))
		return err;
	run.page = hc_core_page_size(process->core);
	err = hc_process_parallel(process, run.heap->num_spans, walk_span, &run);
	if (err)
		return err;
	choose(&run, jobs, &found);
	*ret = found;
	return NULL;
}
