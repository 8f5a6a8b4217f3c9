/**
 * @file
 * The search for chains; see path.h.
 */
#include "analyzers/reachability/path.h"

#include <stdlib.h>
#include <string.h>

#include "analyzers/reachability/edges.h"
#include "core/base/array.h"
#include "core/base/cleanup.h"
#include "core/base/parallel.h"
#include "core/heap/plane.h"

enum {
	LIST_PART = 1024,     /* chunks of a list that one task expands */
	MIN_LIST = 1 << 16,   /* a list may have as many, however small the heap is */
	UNITS_PER_ITEM = 256, /* and one for so many units */
	AHEAD = 32,           /* chunks, and pointers, that are fetched for in advance; 2^n */
	MAX_LAST_STEPS = 4096 /* referrers whose chains are looked for */
};

/** How good a chain is that is looked for. */
struct quality {
	bool exact; /**< exact pointers only */
	bool real;  /**< from places that have a use: variables, frames, thread-local storage */
	/** No stacks: what threads work on, or left there. */
	bool lasting;
};

static const struct quality qualities[] = {
	{.exact = true, .real = true}, {.exact = true}, {.exact = false}};
enum { NUM_QUALITIES = sizeof(qualities) / sizeof(qualities[0]) };

/** A chunk that is looked for. */
struct wanted {
	uint64_t address;
	const struct hc_referrer *last; /**< its word that points to the target; NULL: it is that */
	bool reached;
};

/** A list of chunks, by address. */
struct list {
	uint64_t *items;
	size_t num;
};

/** What is being fetched: a chunk to expand, or a pointer to follow. */
struct awaited {
	const struct hc_span *span;
	uint64_t at; /**< its unit, or the word */
};

struct ring {
	struct awaited items[AHEAD];
	unsigned first, num;
};

struct worker {
	struct ring chunks, pointers;
	const struct hc_span *recent; /**< that the last pointer led into; or NULL */
	struct list next;             /**< chunks of the next level */
	struct list reached;          /**< of these, wanted ones */
	uint64_t num; /**< chunks of the next level, also those that no list holds */
	struct hc_error *err;
	const struct search *search;
};

struct search {
	const struct hc_heap *heap;
	const struct hc_process *process;
	struct hc_plane_layout layout;
	struct hc_plane low, high; /**< level modulo 3, plus 1, of a chunk that was reached */
	struct hc_plane expanded;  /**< chunks whose pointers were followed */
	bool used;                 /**< these planes: as they are made, they are empty */
	struct hc_root *roots;
	size_t num_roots;
	size_t max_list;
	struct hc_path_limits limits;
	uint64_t followed; /**< chunks, of all levels of all searches */
	bool gave_up;

	struct quality quality;
	uint64_t level;   /**< that is being filled; the roots point to level 1 */
	uint64_t reached; /**< chunks of all levels */
	uint64_t blocked; /**< address of a chunk that is on no chain; 0: none */
	struct list log;  /**< the lists of all levels */
	size_t *first;    /**< where in the log each level begins; it has no items when swept */
	size_t num_levels;
	struct worker *workers;

	struct wanted *wanted; /**< by address */
	size_t num_wanted;
};

static struct hc_error *append(struct list *list, uint64_t address)
{
	struct hc_error *err = hc_array_reserve(&list->items, list->num, sizeof(*list->items));

	if (!err)
		list->items[list->num++] = address;
	return err;
}

/** @name Levels */
/**@{*/

/** 1, 2 or 3. */
static unsigned code_of(uint64_t level)
{
	return level % 3 + 1;
}

/**
 * Give a chunk the level that is being filled, unless it has one. All that is marked at a time gets
 * the same level, so one atomic bit decides who was first.
 */
static bool mark(const struct search *search, size_t span, uint64_t unit)
{
	uint64_t mask = UINT64_C(1) << unit % HC_UNITS_PER_BLOCK;
	uint64_t *low = hc_plane_word(&search->layout, &search->low, span, unit);
	uint64_t *high = hc_plane_word(&search->layout, &search->high, span, unit);
	unsigned code = code_of(search->level);

	if ((__atomic_load_n(low, __ATOMIC_RELAXED) | __atomic_load_n(high, __ATOMIC_RELAXED)) &
	    mask)
		return false;
	if (!(code & 1))
		return !(__atomic_fetch_or(high, mask, __ATOMIC_RELAXED) & mask);
	if (__atomic_fetch_or(low, mask, __ATOMIC_RELAXED) & mask)
		return false;
	if (code & 2)
		__atomic_fetch_or(high, mask, __ATOMIC_RELAXED);
	return true;
}

static struct wanted *find_wanted(const struct search *search, uint64_t address)
{
	size_t i = hc_lower_bound(search->num_wanted, k, search->wanted[k].address < address);

	return i < search->num_wanted && search->wanted[i].address == address ? &search->wanted[i]
									      : NULL;
}

/** An edge from the level before. */
static bool visit(void *ctx, const struct hc_edge *edge)
{
	struct worker *worker = ctx;
	const struct search *search = worker->search;
	uint64_t address = hc_span_address(edge->span, edge->unit);

	if ((search->quality.exact && !edge->exact) || address == search->blocked ||
	    !mark(search, edge->span - search->heap->spans, edge->unit))
		return true;
	if (++worker->num <= search->max_list)
		worker->err = append(&worker->next, address);
	if (!worker->err && find_wanted(search, address))
		worker->err = append(&worker->reached, address);
	return !worker->err;
}

/** Take what waits longest. */
static inline struct awaited take(struct ring *ring)
{
	struct awaited item = ring->items[ring->first];

	ring->first = (ring->first + 1) % AHEAD;
	ring->num--;
	return item;
}

static inline void put(struct ring *ring, struct awaited item)
{
	ring->items[(ring->first + ring->num++) % AHEAD] = item;
}

static void follow_pointer(struct worker *worker)
{
	const struct awaited pointer = take(&worker->pointers);
	struct hc_edge edge;

	if (hc_edge_into(worker->search->heap, pointer.span, pointer.at, &edge))
		visit(worker, &edge);
}

/** Fetch what a word needs that is a pointer, and follow the one that has waited longest. */
static inline void see_word(struct worker *worker, uint64_t value)
{
	const struct search *search = worker->search;
	const struct hc_span *span = worker->recent;

	if (!span || value - span->base >= span->end - span->base) {
		span = hc_heap_span(search->heap, value);
		if (!span || value < span->base)
			return;
		worker->recent = span;
	}
	uint64_t block = hc_span_unit(span, value - span->base) / HC_UNITS_PER_BLOCK;
	uint64_t word = search->layout.first_word[span - search->heap->spans] + block;

	__builtin_prefetch(&span->blocks[block]);
	__builtin_prefetch(&search->low.words[word], 1);
	__builtin_prefetch(&search->high.words[word], 1);
	if (worker->pointers.num == AHEAD)
		follow_pointer(worker);
	put(&worker->pointers, (struct awaited){span, value});
}

/** Whether every edge of the heap is the plain value of a whole word. */
static bool has_plain_words(const struct hc_heap *heap)
{
	return !heap->tagged && !heap->offset_form.found;
}

/** The words of the chunk that has waited longest. */
static void expand_chunk(struct worker *worker)
{
	const struct search *search = worker->search;
	const struct hc_heap *heap = search->heap;
	const struct awaited chunk = take(&worker->chunks);
	const struct hc_span *span = chunk.span;
	uint64_t start = hc_span_offset(span, chunk.at), end = hc_edge_usable_end(span, chunk.at);

	if (!span->data || !has_plain_words(heap)) {
		hc_edges_of_chunk(heap, span, chunk.at, visit, worker);
		return;
	}
	const uint8_t *data = span->data + (span->base - span->start);

	for (; !worker->err && start + heap->word_size <= end; start += heap->word_size) {
		uint64_t value = hc_read_word(data + start, heap->word_size, heap->big_endian);

		if (value - heap->lowest < heap->highest - heap->lowest)
			see_word(worker, value);
	}
}

/** Fetch the first words of a chunk, and expand the one that has waited longest. */
static inline void see_chunk(struct worker *worker, const struct hc_span *span, uint64_t unit)
{
	if (span->data)
		__builtin_prefetch(span->data + (span->base - span->start) +
				   hc_span_offset(span, unit));
	if (worker->chunks.num == AHEAD)
		expand_chunk(worker);
	put(&worker->chunks, (struct awaited){span, unit});
}

/** Nothing waits any more. */
static struct hc_error *drain(struct worker *worker)
{
	while (!worker->err && worker->chunks.num)
		expand_chunk(worker);
	while (!worker->err && worker->pointers.num)
		follow_pointer(worker);
	return worker->err;
}

static void see_item(const struct search *search, struct worker *worker, uint64_t address)
{
	const struct hc_span *span = hc_heap_span(search->heap, address);
	uint64_t unit = hc_span_unit(span, address - span->base);
	uint64_t *expanded =
		hc_plane_word(&search->layout, &search->expanded, span - search->heap->spans, unit);

	__builtin_prefetch(&span->blocks[unit / HC_UNITS_PER_BLOCK]);
	__atomic_fetch_or(expanded, UINT64_C(1) << unit % HC_UNITS_PER_BLOCK, __ATOMIC_RELAXED);
	see_chunk(worker, span, unit);
}

/** Chunks of the list of the level before. */
static struct hc_error *expand_part(void *ctx, unsigned index, size_t task)
{
	struct search *search = ctx;
	struct worker *worker = &search->workers[index];
	const uint64_t *items = search->log.items + search->first[search->level - 1];
	size_t num = search->log.num - search->first[search->level - 1];
	size_t end = (task + 1) * LIST_PART < num ? (task + 1) * LIST_PART : num;

	for (size_t i = task * LIST_PART; !worker->err && i < end; i++)
		see_item(search, worker, items[i]);
	return drain(worker);
}

/** Chunks of a level among those of a word: all that look like it, on the way back. */
static inline uint64_t of_level(const struct search *search, uint64_t word, uint64_t level)
{
	uint64_t low = __atomic_load_n(&search->low.words[word], __ATOMIC_RELAXED);
	uint64_t high = __atomic_load_n(&search->high.words[word], __ATOMIC_RELAXED);
	unsigned code = code_of(level);

	return (code & 1 ? low : ~low) & (code & 2 ? high : ~high);
}

/** Chunks of the level before in a stretch of the planes; those that look like it were expanded. */
static struct hc_error *expand_stretch(void *ctx, unsigned index, size_t task)
{
	struct search *search = ctx;
	const struct hc_stretch *stretch = &search->layout.stretches[task];
	const struct hc_span *span = &search->heap->spans[stretch->span];
	struct worker *worker = &search->workers[index];

	for (uint64_t i = stretch->from; !worker->err && i < stretch->to; i++) {
		uint64_t word = search->layout.first_word[stretch->span] + i;
		uint64_t found =
			of_level(search, word, search->level - 1) & ~search->expanded.words[word];

		if (!found)
			continue;
		search->expanded.words[word] |= found;
		hc_for_each_bit (bit, found)
			see_chunk(worker, span, i * HC_UNITS_PER_BLOCK + bit);
	}
	return drain(worker);
}

/** Put what the workers found together: the list of the level. @return chunks of the level */
static struct hc_error *end_level(struct search *search, uint64_t *num_ret)
{
	uint64_t num = 0;
	struct hc_error *err =
		hc_array_reserve(&search->first, search->num_levels, sizeof(*search->first));

	for (unsigned i = 0; i < search->process->jobs; i++)
		num += search->workers[i].num;
	if (!err)
		search->first[search->num_levels++] = search->log.num;
	for (unsigned i = 0; i < search->process->jobs; i++) {
		struct worker *worker = &search->workers[i];

		for (size_t k = 0; !err && num <= search->max_list && k < worker->next.num; k++)
			err = append(&search->log, worker->next.items[k]);
		worker->next.num = worker->num = 0;
	}
	search->reached += num;
	*num_ret = num;
	return err;
}

/**
 * Where the words of a root begin that are followed; its end: nowhere. Below a stack pointer is
 * what calls that are over have left, unless the function is a leaf that uses its red zone.
 */
static uint64_t root_start(const struct search *search, const struct hc_root *root)
{
	const struct hc_thread *thread = root->thread;

	if (!search->quality.real)
		return root->start;
	if (root->kind == HC_ROOT_OTHER || (search->quality.lasting && root->kind == HC_ROOT_STACK))
		return root->end;
	if (root->kind == HC_ROOT_STACK && thread && thread->sp > root->start &&
	    thread->sp <= root->end)
		return thread->sp;
	return root->start;
}

/** Level 1. */
static struct hc_error *start_at_roots(struct search *search)
{
	const struct hc_process *process = search->process;
	struct worker *worker = &search->workers[0];
	struct hc_edge edge;

	for (size_t i = 0; !worker->err && i < search->num_roots; i++)
		hc_edges_of_range(search->heap, root_start(search, &search->roots[i]),
				  search->roots[i].end, visit, worker);
	for (size_t i = 0; !search->quality.real && i < process->threads.num; i++)
		for (unsigned r = 0; !worker->err && r < process->threads.items[i].num_regs; r++)
			if (hc_edge_of(search->heap, process->threads.items[i].regs[r], &edge))
				visit(worker, &edge);
	for (size_t i = 0; !worker->err && i < search->heap->num_pins; i++)
		if (hc_edge_of(search->heap, search->heap->pins[i].address, &edge))
			visit(worker, &edge);
	return worker->err;
}

/** Fill a level from the one before. */
static struct hc_error *expand(struct search *search)
{
	size_t num = search->log.num - search->first[search->level - 1];

	if (!num)
		return hc_process_parallel(search->process, search->layout.num_stretches,
					   expand_stretch, search);
	if (num <= LIST_PART) {
		struct hc_error *err = hc_watch_check(search->process->watch);

		return err ? err : expand_part(search, 0, 0);
	}
	return hc_parallel_for(search->process->jobs, (num + LIST_PART - 1) / LIST_PART,
			       expand_part, search);
}

static struct hc_error *begin(struct search *search, struct quality quality)
{
	struct hc_error *err = hc_array_reserve(&search->first, 0, sizeof(*search->first));

	if (err)
		return err;
	if (search->used) {
		hc_plane_clear(&search->layout, &search->low);
		hc_plane_clear(&search->layout, &search->high);
		hc_plane_clear(&search->layout, &search->expanded);
	}
	search->used = true;
	search->quality = quality;
	search->log.num = 0;
	search->first[0] = 0;
	search->num_levels = 1;
	search->level = 1;
	search->reached = 0;
	return NULL;
}
/**@}*/

/** @name The way back */
/**@{*/

/** The best word that points to a chunk, among those that are looked at. */
struct step_back {
	const struct search *search;
	const struct hc_span *span; /**< of the chunk */
	uint64_t unit;
	struct hc_referrer best;
	bool found;
};

/** Which root is shown where several point to a chunk. */
static unsigned preference(const struct hc_referrer *referrer)
{
	static const unsigned order[HC_NUM_ROOT_KINDS] = {
		[HC_ROOT_DATA] = 0,     [HC_ROOT_TLS] = 1, [HC_ROOT_STACK] = 2,
		[HC_ROOT_REGISTER] = 3, [HC_ROOT_PIN] = 4, [HC_ROOT_OTHER] = 5,
	};

	return referrer->in_chunk ? 0 : order[referrer->root];
}

static bool is_better(const struct hc_referrer *a, const struct hc_referrer *b)
{
	if (a->interior != b->interior)
		return b->interior;
	if (preference(a) != preference(b))
		return preference(a) < preference(b);
	return a->address < b->address;
}

static bool consider(struct step_back *back, const struct hc_edge *edge,
		     struct hc_referrer *referrer)
{
	if (edge->span != back->span || edge->unit != back->unit ||
	    (back->search->quality.exact && !edge->exact))
		return true;
	referrer->value = edge->value;
	referrer->address = edge->at;
	referrer->interior = !edge->exact;
	if (!back->found || is_better(referrer, &back->best)) {
		back->best = *referrer;
		back->found = true;
	}
	return true;
}

static bool consider_chunk(void *ctx, const struct hc_edge *edge)
{
	struct hc_referrer referrer = {.in_chunk = true};

	return consider(ctx, edge, &referrer);
}

/** A root that is looked at. */
struct root_back {
	struct step_back *back;
	const struct hc_root *root;
};

static bool consider_root(void *ctx, const struct hc_edge *edge)
{
	struct root_back *in = ctx;
	struct hc_referrer referrer = {
		.root = in->root->kind,
		.thread = in->root->thread,
		.mapping = in->root->mapping,
	};

	return consider(in->back, edge, &referrer);
}

/** A register or a pin. */
static void consider_value(struct step_back *back, uint64_t value, struct hc_referrer referrer)
{
	struct hc_edge edge = {0};

	if (!hc_edge_of(back->search->heap, value, &edge))
		return;
	edge.at = 0;
	edge.value = value;
	consider(back, &edge, &referrer);
}

static void look_at_roots(struct step_back *back)
{
	const struct search *search = back->search;
	const struct hc_process *process = search->process;
	const char *const *names = process->core->machine->reg_names;

	for (size_t i = 0; i < search->num_roots; i++) {
		struct root_back in = {back, &search->roots[i]};

		hc_edges_of_range(search->heap, root_start(search, in.root), in.root->end,
				  consider_root, &in);
	}
	for (size_t i = 0; !search->quality.real && i < process->threads.num; i++)
		for (unsigned r = 0; r < process->threads.items[i].num_regs; r++)
			consider_value(back, process->threads.items[i].regs[r],
				       (struct hc_referrer){.root = HC_ROOT_REGISTER,
							    .thread = &process->threads.items[i],
							    .detail = names ? names[r] : NULL});
	for (size_t i = 0; i < search->heap->num_pins; i++)
		consider_value(back, search->heap->pins[i].address,
			       (struct hc_referrer){.root = HC_ROOT_PIN,
						    .detail = search->heap->pins[i].what});
}

/** A sweep for the step before, where the level had no list. */
struct sweep {
	const struct search *search;
	struct step_back *backs; /**< of each worker */
	uint64_t level;
	uint64_t best; /**< atomic: the lowest address of an exact pointer that was found */
};

/**
 * Consider the words of a chunk of the level. Most lead elsewhere, which a comparison tells without
 * looking them up.
 */
static void look_through(const struct sweep *sweep, struct step_back *back,
			 const struct hc_span *span, uint64_t unit)
{
	const struct hc_heap *heap = sweep->search->heap;
	const uint64_t address = hc_span_address(back->span, back->unit);
	const uint64_t usable =
		hc_edge_usable_end(back->span, back->unit) - hc_span_offset(back->span, back->unit);
	uint64_t start = hc_span_offset(span, unit), end = hc_edge_usable_end(span, unit);

	if (!span->data || !has_plain_words(heap)) {
		hc_edges_of_chunk(heap, span, unit, consider_chunk, back);
		return;
	}
	const uint8_t *data = span->data + (span->base - span->start);

	for (; start + heap->word_size <= end; start += heap->word_size) {
		struct hc_edge edge = {
			.at = span->base + start,
			.value = hc_read_word(data + start, heap->word_size, heap->big_endian)};

		if (edge.value - address < usable &&
		    hc_edge_into(heap, back->span, edge.value, &edge))
			consider_chunk(back, &edge);
	}
}

/** Others need not look behind it. */
static void tell_best(struct sweep *sweep, const struct step_back *back)
{
	uint64_t best = __atomic_load_n(&sweep->best, __ATOMIC_RELAXED);

	if (!back->found || !back->best.in_chunk || back->best.interior)
		return;
	while (back->best.address < best &&
	       !__atomic_compare_exchange_n(&sweep->best, &best, back->best.address, true,
					    __ATOMIC_RELAXED, __ATOMIC_RELAXED))
		;
}

static struct hc_error *sweep_stretch(void *ctx, unsigned index, size_t task)
{
	struct sweep *sweep = ctx;
	const struct search *search = sweep->search;
	const struct hc_stretch *stretch = &search->layout.stretches[task];
	const struct hc_span *span = &search->heap->spans[stretch->span];

	if (span->base > __atomic_load_n(&sweep->best, __ATOMIC_RELAXED) ||
	    hc_span_address(span, stretch->from * HC_UNITS_PER_BLOCK) >
		    __atomic_load_n(&sweep->best, __ATOMIC_RELAXED))
		return NULL;
	for (uint64_t i = stretch->from; i < stretch->to; i++)
		hc_for_each_bit (bit, of_level(search, search->layout.first_word[stretch->span] + i,
					       sweep->level))
			look_through(sweep, &sweep->backs[index], span,
				     i * HC_UNITS_PER_BLOCK + bit);
	tell_best(sweep, &sweep->backs[index]);
	return NULL;
}

static struct hc_error *look_everywhere(struct step_back *back, uint64_t level)
{
	const struct search *search = back->search;
	unsigned jobs = search->process->jobs;
	hc_cleanup_free struct step_back *backs = calloc(jobs, sizeof(*backs));
	struct sweep sweep = {search, backs, level, UINT64_MAX};

	if (!backs)
		return &hc_enomem;
	for (unsigned i = 0; i < jobs; i++)
		backs[i] = *back;
	struct hc_error *err =
		hc_parallel_for(jobs, search->layout.num_stretches, sweep_stretch, &sweep);
	for (unsigned i = 0; !err && i < jobs; i++)
		if (backs[i].found && (!back->found || is_better(&backs[i].best, &back->best)))
			*back = backs[i];
	return err ? err : hc_watch_check(search->process->watch);
}

/** The word of a chunk of a level, or of a root for level 0, that points to a chunk. */
static struct hc_error *find_step(const struct search *search, uint64_t address, uint64_t level,
				  struct hc_referrer *ret)
{
	const struct hc_span *span = hc_heap_span(search->heap, address);
	struct step_back back = {.search = search, .span = span};
	struct hc_error *err = NULL;
	uint64_t unit;

	hc_span_starts_at(span, address - span->base, &back.unit);
	if (!level) {
		look_at_roots(&back);
	} else {
		size_t from = search->first[level];
		size_t to =
			level + 1 < search->num_levels ? search->first[level + 1] : search->log.num;
		for (size_t i = from; i < to; i++) {
			span = hc_heap_span(search->heap, search->log.items[i]);
			if (hc_span_starts_at(span, search->log.items[i] - span->base, &unit))
				hc_edges_of_chunk(search->heap, span, unit, consider_chunk, &back);
		}
		if (from == to)
			err = look_everywhere(&back, level);
	}
	if (!err && !back.found)
		err = hc_error_at(HC_ERROR_FORMAT, address,
				  "nothing points to a chunk that was reached");
	if (!err && back.best.in_chunk)
		hc_heap_pointee(search->heap, back.best.address, &back.best.chunk);
	if (!err)
		*ret = back.best;
	return err;
}

/** The chain to a chunk of the level that was just filled. */
static struct hc_error *walk_back(const struct search *search, const struct wanted *wanted,
				  struct hc_path *ret)
{
	struct hc_path path = {.exact = search->quality.exact, .real = search->quality.real};
	size_t num = search->level + (wanted->last != NULL);
	uint64_t address = wanted->address;
	struct hc_error *err = NULL;

	path.steps = calloc(num, sizeof(*path.steps));
	if (!path.steps)
		return &hc_enomem;
	path.num = num;
	if (wanted->last)
		path.steps[num - 1] = *wanted->last;
	for (uint64_t level = search->level; !err && level-- > 0;) {
		err = find_step(search, address, level, &path.steps[level]);
		if (!err && level)
			address = path.steps[level].chunk.address;
	}
	if (err) {
		free(path.steps);
		return err;
	}
	*ret = path;
	return NULL;
}
/**@}*/

/** @name Chains */
/**@{*/

static struct hc_error *append_path(struct hc_paths *paths, const struct hc_path *path)
{
	struct hc_error *err = hc_array_reserve(&paths->items, paths->num, sizeof(*paths->items));

	if (err)
		free(path->steps);
	else
		paths->items[paths->num++] = *path;
	return err;
}

/** Chains to what this level has of the wanted chunks. */
static struct hc_error *take_reached(struct search *search, struct hc_paths *paths)
{
	size_t max = search->limits.paths;
	struct list all = {0};
	struct hc_error *err = NULL;

	for (unsigned i = 0; i < search->process->jobs; i++) {
		struct list *reached = &search->workers[i].reached;

		for (size_t k = 0; !err && k < reached->num; k++)
			err = append(&all, reached->items[k]);
		reached->num = 0;
	}
	hc_sort(all.items, all.num, hc_compare_u64);
	for (size_t i = 0; !err && i < all.num && paths->num < max; i++) {
		struct wanted *wanted = find_wanted(search, all.items[i]);
		struct hc_path path;

		if (wanted->reached ||
		    (search->quality.exact && wanted->last && wanted->last->interior))
			continue;
		err = walk_back(search, wanted, &path);
		if (!err)
			err = append_path(paths, &path);
		wanted->reached = !err;
	}
	free(all.items);
	return err;
}

static bool has_enough(const struct search *search, const struct hc_paths *paths)
{
	return paths->num >= search->limits.paths;
}

/** Whether the next level, of so many chunks, is more than may be followed, or one too many. */
static bool gives_up(struct search *search, uint64_t num)
{
	const struct hc_path_limits *limits = &search->limits;

	search->gave_up = (limits->chunks && num > limits->chunks - search->followed) ||
			  (limits->levels && search->level >= limits->levels);
	if (!search->gave_up)
		search->followed += num;
	return search->gave_up;
}

/** One breadth-first search, until there are enough chains. */
static struct hc_error *run_once(struct search *search, struct quality quality,
				 struct hc_paths *paths)
{
	uint64_t num = 0;
	struct hc_error *err = begin(search, quality);

	if (!err)
		err = start_at_roots(search);
	while (!err) {
		err = end_level(search, &num);
		if (!err)
			err = take_reached(search, paths);
		if (err || !num || has_enough(search, paths) || gives_up(search, num))
			break;
		search->level++;
		err = expand(search);
	}
	return err;
}

/**
 * The same. Of a level without a list, the way back may take a chunk that only looks like one,
 * since it is of a later level and points back: then it leads nowhere, and a search that remembers
 * all of its levels is sure.
 */
static struct hc_error *run(struct search *search, struct quality quality, struct hc_paths *paths)
{
	uint64_t followed = search->followed;
	struct hc_error *err = run_once(search, quality, paths);

	if (!err || err->code != HC_ERROR_FORMAT || search->max_list == SIZE_MAX)
		return err;
	hc_error_destroy(err);
	search->max_list = SIZE_MAX;
	search->followed = followed;
	return run_once(search, quality, paths);
}

/** @param exact only the qualities that are */
static struct hc_error *run_all(struct search *search, bool exact, struct hc_paths *paths)
{
	struct hc_error *err = NULL;

	/* What a search that gave up would have found is better than what the next one finds. */
	for (unsigned i = 0; !err && i < NUM_QUALITIES; i++) {
		if (has_enough(search, paths) || search->gave_up)
			break;
		if (qualities[i].exact || !exact)
			err = run(search, qualities[i], paths);
	}
	paths->gave_up = search->gave_up;
	return err;
}

static void search_deinit(struct search *search)
{
	for (unsigned i = 0; search->workers && i < search->process->jobs; i++) {
		free(search->workers[i].next.items);
		free(search->workers[i].reached.items);
	}
	free(search->workers);
	free(search->log.items);
	free(search->first);
	free(search->roots);
	free(search->wanted);
	hc_plane_deinit(&search->low);
	hc_plane_deinit(&search->high);
	hc_plane_deinit(&search->expanded);
	hc_plane_layout_deinit(&search->layout);
}

static struct hc_error *search_init(struct search *search, const struct hc_heap *heap,
				    struct hc_path_limits limits)
{
	struct hc_error *err;

	*search = (struct search){.heap = heap, .process = heap->process, .limits = limits};
	if ((err = hc_plane_layout_init(heap, &search->layout)) ||
	    (err = hc_plane_init(&search->layout, &search->low)) ||
	    (err = hc_plane_init(&search->layout, &search->high)) ||
	    (err = hc_plane_init(&search->layout, &search->expanded)) ||
	    (err = hc_roots_collect(heap, &search->roots, &search->num_roots)))
		return err;
	search->workers = calloc(search->process->jobs, sizeof(*search->workers));
	if (!search->workers)
		return &hc_enomem;
	for (unsigned i = 0; i < search->process->jobs; i++)
		search->workers[i].search = search;
	search->max_list = search->layout.num_words * HC_UNITS_PER_BLOCK / UNITS_PER_ITEM;
	if (search->max_list < MIN_LIST)
		search->max_list = MIN_LIST;
	return NULL;
}

static int compare_wanted(const void *a, const void *b)
{
	const struct wanted *x = a, *y = b;

	if (x->address != y->address)
		return x->address < y->address ? -1 : 1;
	return (x->last > y->last) - (x->last < y->last);
}

/** Whether a root is a place that has a use. */
static bool is_real(const struct hc_referrer *root)
{
	if (root->root == HC_ROOT_STACK && root->thread)
		return root->address >= root->thread->sp;
	return root->root != HC_ROOT_OTHER && root->root != HC_ROOT_REGISTER;
}

/** A chain of one step. */
static struct hc_error *append_root(struct hc_paths *paths, const struct hc_referrer *referrer)
{
	struct hc_path path = {
		.steps = calloc(1, sizeof(*path.steps)),
		.num = 1,
		.exact = !referrer->interior,
		.real = !referrer->interior && is_real(referrer),
	};

	if (!path.steps)
		return &hc_enomem;
	path.steps[0] = *referrer;
	return append_path(paths, &path);
}

/** What chains with another last step lead through: the chunks that point to the target. */
static struct hc_error *want_referrers(struct search *search, const struct hc_referrers *referrers,
				       struct hc_paths *paths)
{
	struct hc_error *err = NULL;

	search->wanted = calloc(referrers->num + 1, sizeof(*search->wanted));
	if (!search->wanted)
		return &hc_enomem;
	for (size_t i = 0; !err && i < referrers->num; i++) {
		const struct hc_referrer *referrer = &referrers->items[i];

		if (referrer->stale)
			continue;
		if (referrer->in_chunk)
			search->wanted[search->num_wanted++] =
				(struct wanted){referrer->chunk.address, referrer, false};
		else if (!has_enough(search, paths))
			err = append_root(paths, referrer);
	}
	/* Of several words of a chunk the best one is shown. */
	size_t kept = 0;
	hc_sort(search->wanted, search->num_wanted, compare_wanted);
	for (size_t i = 0; i < search->num_wanted; i++)
		if (!kept || search->wanted[kept - 1].address != search->wanted[i].address)
			search->wanted[kept++] = search->wanted[i];
	search->num_wanted = kept;
	return err;
}

static int compare_paths(const void *a, const void *b)
{
	const struct hc_path *x = a, *y = b;

	if (x->real != y->real)
		return x->real ? -1 : 1;
	if (x->exact != y->exact)
		return x->exact ? -1 : 1;
	if (x->num != y->num)
		return x->num < y->num ? -1 : 1;
	return (x > y) - (x < y);
}

static struct hc_error *find_many(struct search *search, const struct hc_chunk *chunk,
				  struct hc_paths *paths)
{
	struct hc_referrers referrers = {0};
	struct hc_referent referent;
	const struct hc_refer_query query = {
		.process = search->process,
		.heap = search->heap,
		.referents = &referent,
		.num = 1,
		.max = MAX_LAST_STEPS,
	};

	hc_referent_of(search->heap, chunk->address, &referent);
	struct hc_error *err = hc_referrers_find(&query, &referrers);
	if (!err)
		err = want_referrers(search, &referrers, paths);
	search->blocked = chunk->address;
	if (!err && search->num_wanted)
		err = run_all(search, false, paths);
	hc_referrers_deinit(&referrers);
	if (!err)
		hc_sort(paths->items, paths->num, compare_paths);
	return err;
}

static struct hc_error *want_one(struct search *search, const struct hc_chunk *chunk)
{
	search->wanted = calloc(1, sizeof(*search->wanted));
	if (!search->wanted)
		return &hc_enomem;
	search->wanted[0].address = chunk->address;
	search->num_wanted = 1;
	return NULL;
}

/** Whether a chain begins on a stack, and could be told from others by that. */
static bool begins_on_stack(const struct hc_path *path)
{
	return path->exact && path->real && path->steps[0].root == HC_ROOT_STACK;
}

/**
 * A stack has words of calls that are over between those that are in use, and no unwinder knows all
 * frames; what a thread only works on is held by something else. So where a chain begins there, one
 * that does not is better, however long it is.
 */
static struct hc_error *find_lasting(struct search *search, struct hc_paths *paths)
{
	const struct quality quality = {.exact = true, .real = true, .lasting = true};
	hc_cleanup(hc_paths_deinit) struct hc_paths other = *paths;

	*paths = (struct hc_paths){0};
	search->followed = 0;
	search->wanted[0].reached = false;
	struct hc_error *err = run(search, quality, paths);
	if (!err && !paths->num) {
		*paths = other;
		other = (struct hc_paths){0};
	}
	return err;
}

static struct hc_error *find_one(struct search *search, const struct hc_chunk *chunk,
				 struct hc_paths *paths)
{
	struct hc_error *err = want_one(search, chunk);

	if (!err)
		err = run_all(search, false, paths);
	if (!err && paths->num && begins_on_stack(&paths->items[0]))
		err = find_lasting(search, paths);
	return err;
}

struct hc_error *hc_paths_find(const struct hc_heap *heap, const struct hc_chunk *chunk,
			       struct hc_path_limits limits, struct hc_paths *ret)
{
	hc_cleanup(search_deinit) struct search search = {.heap = heap, .process = heap->process};
	struct hc_paths paths = {0};
	struct hc_error *err = NULL;

	*ret = paths;
	if (chunk->state != HC_IN_USE || !limits.paths)
		return NULL;
	if (heap->reach_known && !hc_chunk_is_held(chunk))
		return NULL;
	err = search_init(&search, heap, limits);
	if (!err)
		err = limits.paths == 1 ? find_one(&search, chunk, &paths)
					: find_many(&search, chunk, &paths);
	if (err) {
		hc_paths_deinit(&paths);
		return err;
	}
	*ret = paths;
	return NULL;
}

void hc_paths_deinit(struct hc_paths *paths)
{
	for (size_t i = 0; i < paths->num; i++)
		free(paths->items[i].steps);
	free(paths->items);
	*paths = (struct hc_paths){0};
}
/**@}*/

/** @name A search that is kept */
/**@{*/

struct hc_path_search {
	struct search search;
};

struct hc_error *hc_path_search_create(const struct hc_heap *heap, uint64_t levels,
				       struct hc_path_search **ret)
{
	const struct hc_path_limits limits = {.paths = 1, .levels = levels};
	struct hc_path_search *kept = calloc(1, sizeof(*kept));
	struct hc_error *err = kept ? search_init(&kept->search, heap, limits) : &hc_enomem;

	if (err) {
		hc_path_search_destroy(kept);
		return err;
	}
	*ret = kept;
	return NULL;
}

void hc_path_search_destroy(struct hc_path_search *kept)
{
	if (!kept)
		return;
	search_deinit(&kept->search);
	free(kept);
}

struct hc_error *hc_path_search_run(struct hc_path_search *kept, const struct hc_chunk *chunk,
				    struct hc_paths *ret)
{
	struct search *search = &kept->search;
	hc_cleanup(hc_paths_deinit) struct hc_paths paths = {0};
	struct hc_error *err = want_one(search, chunk);

	if (!err)
		err = run_all(search, true, &paths);
	if (err)
		return err;
	*ret = paths;
	paths = (struct hc_paths){0};
	return NULL;
}

struct hc_error *hc_path_search_widen(struct hc_path_search *kept, uint64_t num_chunks)
{
	struct search *search = &kept->search;
	struct hc_error *err = NULL;
	uint64_t num = 1;

	while (!err && num && search->reached < num_chunks &&
	       search->level < search->limits.levels) {
		search->level++;
		err = expand(search);
		if (!err)
			err = end_level(search, &num);
	}
	return err;
}

bool hc_path_search_has(const struct hc_path_search *kept, const struct hc_chunk *chunk)
{
	const struct search *search = &kept->search;
	uint64_t word = search->layout.first_word[chunk->span - search->heap->spans] +
			chunk->unit / HC_UNITS_PER_BLOCK;

	return (search->low.words[word] | search->high.words[word]) >>
		       chunk->unit % HC_UNITS_PER_BLOCK &
	       1;
}
/**@}*/
