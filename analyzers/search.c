/**
 * @file
 * Parallel search with results in address order.
 *
 * The heap is cut into slices, mappings into windows; both are *tasks*, cut the same way whatever
 * the number of jobs. Tasks are run in batches by all threads. A task buffers what it finds: its
 * sums, its matches when the caller wants to see them, its table of texts when they are counted.
 * Then the calling thread *delivers* the tasks of the batch in order. What a task may buffer is
 * bounded; one that overflows is thrown away and run again at delivery, straight into the callback
 * and the final table. So memory is bounded, order is by address, and nothing depends on timing.
 *
 * Skipping chunks. A match lies in one chunk and holds one of the pattern's required literals
 * (literals.c), so a chunk matches only if a literal occurs whole in its usable bytes. A cursor
 * therefore runs over the contiguous bytes of a slice, not chunk by chunk, and says where the next
 * literal starts: chunks before that place are only counted. It may report literals in headers or
 * across a border; whether there is a match is decided by PCRE2 with the chunk as the subject.
 *
 * Windows. A window reports matches that *start* in it. Its subject reaches HC_SEARCH_OVERLAP bytes
 * further on both sides, so that a match may end, and a lookbehind look, beyond it. When the last
 * match of a window reaches into the next one, and that one found a match that starts before its
 * end, the next window is run again from there: the result is what one pass over the whole piece
 * would have found.
 */
#include "analyzers/search.h"

#include "core/cleanup.h"
#include "core/parallel.h"
#include "analyzers/top_texts.h"

#define TASK_BYTES (1u << 20)
#define TASKS_PER_JOB 16
/** What a task may buffer: matches, and bytes of its table of texts (one for every small chunk). */
#define TASK_MAX_HITS (64u << 10)
#define TASK_TEXT_BYTES (4u << 20)

/** A part of a mapping: matches that start in [start, end) are its own. */
struct window {
	size_t mapping;   /**< index */
	uint64_t address; /**< of the subject's first byte */
	struct hc_bytes subject;
	uint64_t start, end; /**< addresses */
	bool continues;      /**< the window before is of the same piece */
};

/** A chunk or a window with matches. */
struct subject {
	struct hc_chunk chunk;            /**< unless in a mapping */
	const struct hc_mapping *mapping; /**< NULL: a chunk */
	uint64_t address;                 /**< of the first byte */
	struct hc_bytes bytes;
	size_t num_hits;
};

/** What a task has found. */
struct finding {
	uint64_t matches, chunks, bytes;
	uint64_t searched_bytes, searched_chunks, limited;
	uint64_t first_start,
		last_end; /**< addresses: start of the first match, where the last one ends */
	bool overflow;
	struct subject *subjects;
	size_t num_subjects, max_subjects;
	struct hc_match *hits;
	size_t num_hits, max_hits;
	struct hc_top_texts texts;
};

/** What a thread needs. */
struct worker {
	struct hc_matcher *matcher;
	struct hc_selection_scratch *scratch;
};

struct search {
	const struct hc_process *process;
	const struct hc_heap *heap;
	const struct hc_pattern *pattern;
	const struct hc_search_options *options;
	struct hc_selection selection; /**< a view: what it owns is the caller's */
	hc_search_fn fn;
	void *ctx;

	struct hc_slice *slices;
	struct window *windows;
	size_t num_tasks;

	struct worker *workers;
	unsigned jobs;
	struct finding *findings; /**< of the current batch */
	size_t num_findings;
	size_t first_task; /**< of the current batch */

	/* Delivery */
	struct hc_search_result *result;
	struct hc_top_texts texts;
	bool stopped;
	struct hc_error *err;
	uint64_t resume;      /**< mappings: where the last match ended, if in this piece */
	size_t last_mapping;  /**< last mapping with a match, SIZE_MAX: none */
	size_t last_searched; /**< last mapping that was counted as searched */
};

/** Where matches go: the finding of a task, or, at delivery, straight out. */
struct sink {
	struct search *search;
	struct finding *finding;
	bool direct;
	struct subject *subject; /**< the current one */
	struct hc_error *err;
};

static struct hc_bytes part(struct hc_bytes bytes, size_t start, size_t end)
{
	return (struct hc_bytes){bytes.data + start, end - start};
}

/* --- Delivery of one match --- */

/** Hand a match to the caller; false: stop. */
static bool call_back(struct search *search, const struct subject *subject,
		      const struct hc_match *match)
{
	struct hc_search_hit hit = {
		.address = subject->address + match->start,
		.text = part(subject->bytes, match->start, match->end),
		.group = part(subject->bytes, match->group_start, match->group_end),
		.subject = subject->bytes,
		.chunk = subject->mapping ? NULL : &subject->chunk,
		.mapping = subject->mapping,
	};

	return search->fn(search->ctx, &hit);
}

/** Count a subject in the result when its first match is delivered. */
static void count_subject(struct search *search, const struct subject *subject)
{
	struct hc_search_result *result = search->result;

	if (!subject->mapping) {
		result->chunks++;
		result->bytes += subject->chunk.size;
		return;
	}

	size_t index = subject->mapping - search->process->mappings.items;
	if (index != search->last_mapping) {
		search->last_mapping = index;
		result->chunks++;
		result->bytes += subject->mapping->end - subject->mapping->start;
	}
}

static struct hc_error *count_text(struct hc_top_texts *texts, const struct subject *subject,
				   const struct hc_match *match)
{
	return hc_top_texts_add(texts, part(subject->bytes, match->group_start, match->group_end),
				1, 0);
}

/** Deliver a match; false: stop, maybe with an error. */
static bool deliver_match(struct search *search, const struct subject *subject,
			  const struct hc_match *match, bool first)
{
	if (first)
		count_subject(search, subject);
	search->result->matches++;
	if (search->options->top) {
		search->err = count_text(&search->texts, subject, match);
		if (search->err)
			return false;
	}
	if (search->fn && !call_back(search, subject, match)) {
		search->stopped = true;
		return false;
	}
	return true;
}

/* --- What a task does with a match --- */

static struct hc_error *buffer_subject(struct finding *finding, const struct subject *subject)
{
	if (finding->num_subjects == finding->max_subjects) {
		size_t max = finding->max_subjects ? finding->max_subjects * 2 : 64;
		struct subject *subjects = reallocarray(finding->subjects, max, sizeof(*subjects));

		if (!subjects)
			return &hc_enomem;
		finding->subjects = subjects;
		finding->max_subjects = max;
	}
	finding->subjects[finding->num_subjects++] = *subject;
	return NULL;
}

static struct hc_error *buffer_hit(struct finding *finding, const struct hc_match *match)
{
	if (finding->num_hits == TASK_MAX_HITS) {
		finding->overflow = true;
		return NULL;
	}
	if (finding->num_hits == finding->max_hits) {
		size_t max = finding->max_hits ? finding->max_hits * 2 : 64;
		struct hc_match *hits = reallocarray(finding->hits, max, sizeof(*hits));

		if (!hits)
			return &hc_enomem;
		finding->hits = hits;
		finding->max_hits = max;
	}
	finding->hits[finding->num_hits++] = *match;
	return NULL;
}

/** Count a match of a task that nobody wants to see. */
static struct hc_error *sum_match(struct sink *sink, const struct hc_match *match, bool first)
{
	struct finding *finding = sink->finding;
	struct hc_error *err;

	finding->matches++;
	if (first && !sink->subject->mapping) {
		finding->chunks++;
		finding->bytes += sink->subject->chunk.size;
	} else if (first) {
		/* Which mappings match is only known in order. */
		err = buffer_subject(finding, sink->subject);
		if (err)
			return err;
	}
	if (!sink->search->options->top)
		return NULL;
	err = count_text(&finding->texts, sink->subject, match);
	if (!finding->texts.exact)
		finding->overflow = true;
	return err;
}

/** Remember a match of a task for delivery. */
static struct hc_error *keep_match(struct sink *sink, const struct hc_match *match, bool first)
{
	struct finding *finding = sink->finding;

	if (first) {
		struct hc_error *err = buffer_subject(finding, sink->subject);
		if (err)
			return err;
	}
	finding->subjects[finding->num_subjects - 1].num_hits++;
	return buffer_hit(finding, match);
}

/** A match was found. @return whether to go on */
static bool take_match(struct sink *sink, const struct hc_match *match, bool first)
{
	struct finding *finding = sink->finding;
	uint64_t base = sink->subject->address;

	if (finding->first_start == UINT64_MAX)
		finding->first_start = base + match->start;
	finding->last_end = base + hc_match_next(match);
	if (sink->direct)
		return deliver_match(sink->search, sink->subject, match, first);
	sink->err =
		sink->search->fn ? keep_match(sink, match, first) : sum_match(sink, match, first);
	return !sink->err && !finding->overflow;
}

/**
 * Find all matches of a subject that start in [from, end).
 * @return whether the task goes on
 */
static bool match_subject(struct sink *sink, struct worker *worker, size_t from, size_t end)
{
	struct hc_bytes bytes = sink->subject->bytes;
	struct hc_match match;
	bool limited = false, first = true;

	while (hc_matcher_next(worker->matcher, bytes, from, &match, &limited)) {
		if (match.start >= end)
			break;
		if (!take_match(sink, &match, first))
			return false;
		if (sink->search->options->first_only)
			break;
		first = false;
		from = hc_match_next(&match);
	}
	sink->finding->limited += limited;
	return true;
}

/* --- Tasks --- */

/** The bytes of a slice; empty when they are not all there, in one piece. */
static struct hc_bytes slice_bytes(const struct hc_slice *slice, uint64_t *address_ret)
{
	const struct hc_span *span = slice->span;
	uint64_t start = span->base + (slice->from << span->unit_shift);
	uint64_t end = span->base + (slice->to << span->unit_shift);

	*address_ret = start;
	if (end > span->end)
		end = span->end;
	if (!span->data || start < span->start || start >= end)
		return (struct hc_bytes){};
	return (struct hc_bytes){span->data + (start - span->start), end - start};
}

/** Whether the cursor over a slice can tell that a chunk has no literal. */
static bool cursor_rules_out(struct hc_literal_cursor *cursor, uint64_t start,
			     const struct subject *subject)
{
	uint64_t offset = subject->address - start;
	uint64_t end;

	/* Only chunks that lie in the slice as a whole; the last one may not. */
	if (subject->address < start || offset > cursor->bytes.size ||
	    __builtin_add_overflow(offset, subject->bytes.size, &end) || end > cursor->bytes.size)
		return false;
	return hc_literal_cursor_next(cursor, offset) >= end;
}

static struct hc_error *run_slice(struct sink *sink, struct worker *worker, size_t task)
{
	struct search *search = sink->search;
	const struct hc_slice *slice = &search->slices[task];
	const struct hc_literals *literals = hc_pattern_literals(search->pattern);
	struct finding *finding = sink->finding;
	struct hc_literal_cursor cursor = {};
	struct hc_chunk_iter iter;
	struct subject subject = {};
	uint64_t start;
	struct hc_bytes all = slice_bytes(slice, &start);
	bool use_cursor = literals->num && all.size;

	if (use_cursor)
		hc_literal_cursor_init(&cursor, literals, all);
	sink->subject = &subject;
	hc_chunk_iter_slice(&iter, search->heap, *slice);
	while (hc_chunk_iter_next(&iter, &subject.chunk)) {
		if (!hc_selection_has(&search->selection, search->heap, &subject.chunk,
				      worker->scratch))
			continue;
		subject.address = subject.chunk.address;
		subject.bytes = hc_chunk_bytes(search->heap, &subject.chunk);
		finding->searched_chunks++;
		finding->searched_bytes += subject.bytes.size;
		if (use_cursor && cursor_rules_out(&cursor, start, &subject))
			continue;
		if (!match_subject(sink, worker, 0, SIZE_MAX))
			break;
	}
	return sink->err;
}

/** @param from address where the first match may start */
static struct hc_error *run_window(struct sink *sink, struct worker *worker, size_t task,
				   uint64_t from)
{
	struct search *search = sink->search;
	const struct window *window = &search->windows[task];
	struct subject subject = {
		.mapping = &search->process->mappings.items[window->mapping],
		.address = window->address,
		.bytes = window->subject,
	};

	sink->subject = &subject;
	sink->finding->searched_bytes += window->end - window->start;
	if (from < window->start)
		from = window->start;
	if (from < window->end)
		match_subject(sink, worker, from - window->address, window->end - window->address);
	return sink->err;
}

static void finding_clear(struct finding *finding)
{
	struct finding kept = *finding;

	*finding = (struct finding){
		.first_start = UINT64_MAX,
		.subjects = kept.subjects,
		.max_subjects = kept.max_subjects,
		.hits = kept.hits,
		.max_hits = kept.max_hits,
		.texts = kept.texts,
	};
	if (finding->texts.num_entries)
		hc_top_texts_clear(&finding->texts);
}

static struct hc_error *run_task(void *ctx, unsigned worker, size_t task)
{
	struct search *search = ctx;
	struct finding *finding = &search->findings[task];
	struct sink sink = {.search = search, .finding = finding};

	finding_clear(finding);
	task += search->first_task;
	if (search->windows)
		return run_window(&sink, &search->workers[worker], task, 0);
	return run_slice(&sink, &search->workers[worker], task);
}

/* --- Delivery of tasks --- */

/** Run a task again with its matches going straight out. */
static struct hc_error *rerun_task(struct search *search, struct finding *finding, size_t task,
				   uint64_t from)
{
	struct sink sink = {.search = search, .finding = finding, .direct = true};

	finding_clear(finding);
	if (search->windows)
		return run_window(&sink, &search->workers[0], task, from);
	return run_slice(&sink, &search->workers[0], task);
}

static void replay_hits(struct search *search, const struct finding *finding)
{
	const struct hc_match *hit = finding->hits;

	for (size_t i = 0; i < finding->num_subjects; i++) {
		const struct subject *subject = &finding->subjects[i];

		if (!search->fn)
			count_subject(search, subject);
		for (size_t k = 0; k < subject->num_hits; k++, hit++) {
			if (!deliver_match(search, subject, hit, k == 0))
				return;
		}
	}
}

/** Whether the last match of the window before reaches into this one, past one of its own. */
static bool window_collides(const struct search *search, const struct finding *finding, size_t task)
{
	return search->windows && search->windows[task].continues &&
	       finding->first_start < search->resume;
}

static void add_sums(struct search *search, const struct finding *finding, size_t task)
{
	struct hc_search_result *result = search->result;

	result->matches += finding->matches;
	result->chunks += finding->chunks;
	result->bytes += finding->bytes;
	result->searched_bytes += finding->searched_bytes;
	result->limited += finding->limited;
	result->searched_chunks += finding->searched_chunks;
	if (search->windows && search->windows[task].mapping != search->last_searched) {
		search->last_searched = search->windows[task].mapping;
		result->searched_chunks++;
	}
}

static struct hc_error *deliver_task(struct search *search, struct finding *finding, size_t task)
{
	bool rerun = finding->overflow || window_collides(search, finding, task);
	uint64_t from = 0;

	if (search->windows) {
		const struct window *window = &search->windows[task];

		if (window->continues)
			from = search->resume;
		else
			search->resume = 0;
		/* One match a mapping is enough: what its other windows found does not count. */
		if (search->options->first_only && search->last_mapping == window->mapping)
			return NULL;
	}
	if (rerun) {
		struct hc_error *err = rerun_task(search, finding, task, from);
		if (err)
			return err;
	} else {
		struct hc_error *err = hc_top_texts_merge(&search->texts, &finding->texts);
		if (err)
			return err;
		replay_hits(search, finding);
	}
	if (finding->first_start != UINT64_MAX && finding->last_end > search->resume)
		search->resume = finding->last_end;
	if (!search->stopped)
		add_sums(search, finding, task);
	return NULL;
}

/* --- Cutting into tasks --- */

struct window_list {
	struct window *items;
	size_t num, max;
};

static struct hc_error *add_window(struct window_list *list, const struct window *window)
{
	if (list->num == list->max) {
		size_t max = list->max ? list->max * 2 : 256;
		struct window *items = reallocarray(list->items, max, sizeof(*items));

		if (!items)
			return &hc_enomem;
		list->items = items;
		list->max = max;
	}
	list->items[list->num++] = *window;
	return NULL;
}

/** Cut one contiguous piece [start, end) of a mapping. */
static struct hc_error *cut_piece(struct window_list *list, size_t mapping,
				  const struct hc_extent *extent, uint64_t start, uint64_t end)
{
	for (uint64_t from = start; from < end;) {
		uint64_t to = end - from > TASK_BYTES ? from + TASK_BYTES : end;
		uint64_t first =
			from - start > HC_SEARCH_OVERLAP ? from - HC_SEARCH_OVERLAP : start;
		uint64_t last = end - to > HC_SEARCH_OVERLAP ? to + HC_SEARCH_OVERLAP : end;
		struct window window = {
			.mapping = mapping,
			.address = first,
			.subject = {extent->data + (first - extent->start), last - first},
			.start = from,
			.end = to,
			.continues = from > start,
		};
		struct hc_error *err = add_window(list, &window);

		if (err)
			return err;
		from = to;
	}
	return NULL;
}

static struct hc_error *cut_mapping(struct window_list *list, const struct hc_process *process,
				    size_t index)
{
	const struct hc_mapping *mapping = &process->mappings.items[index];
	uint64_t pos = mapping->start;

	while (pos < mapping->end) {
		const struct hc_extent *extent = hc_memory_find_next(&process->memory, pos);
		struct hc_error *err = NULL;

		if (!extent || extent->start >= mapping->end)
			break;
		uint64_t start = extent->start > pos ? extent->start : pos;
		uint64_t end = extent->end < mapping->end ? extent->end : mapping->end;

		if (extent->from_core)
			err = cut_piece(list, index, extent, start, end);
		if (err)
			return err;
		pos = end;
	}
	return NULL;
}

static struct hc_error *cut_mappings(struct search *search)
{
	struct window_list list = {};

	for (size_t i = 0; i < search->process->mappings.num; i++) {
		struct hc_error *err = cut_mapping(&list, search->process, i);

		if (err) {
			free(list.items);
			return err;
		}
	}
	search->windows = list.items;
	search->num_tasks = list.num;
	return NULL;
}

/* --- The whole --- */

static void search_deinit(struct search *search)
{
	for (unsigned i = 0; search->workers && i < search->jobs; i++) {
		hc_matcher_destroy(search->workers[i].matcher);
		hc_selection_scratch_destroy(search->workers[i].scratch);
	}
	for (size_t i = 0; search->findings && i < search->num_findings; i++) {
		free(search->findings[i].subjects);
		free(search->findings[i].hits);
		hc_top_texts_deinit(&search->findings[i].texts);
	}
	free(search->workers);
	free(search->findings);
	free(search->slices);
	free(search->windows);
	hc_top_texts_deinit(&search->texts);
}

static struct hc_error *search_init(struct search *search)
{
	struct hc_error *err;

	if (search->options->scope == HC_SEARCH_MAPPINGS) {
		err = cut_mappings(search);
	} else {
		if (!search->heap)
			return hc_error_create(HC_ERROR_NO_ALLOCATOR, "there is no heap to search");
		err = hc_heap_slices(search->heap, TASK_BYTES, &search->slices, &search->num_tasks);
	}
	if (err)
		return err;

	search->workers = calloc(search->jobs, sizeof(*search->workers));
	search->findings = calloc(search->num_findings, sizeof(*search->findings));
	if (!search->workers || !search->findings)
		return &hc_enomem;
	for (unsigned i = 0; i < search->jobs; i++) {
		err = hc_matcher_create(search->pattern, &search->workers[i].matcher);
		if (!err && search->options->scope == HC_SEARCH_CHUNKS)
			err = hc_selection_scratch_create(&search->selection,
							  &search->workers[i].scratch);
		if (err)
			return err;
	}
	hc_top_texts_init(&search->texts, HC_SEARCH_TEXT_BYTES);
	for (size_t i = 0; i < search->num_findings; i++)
		hc_top_texts_init(&search->findings[i].texts, TASK_TEXT_BYTES);
	return NULL;
}

/** Run one batch of tasks and deliver it. */
static struct hc_error *run_batch(struct search *search, size_t num)
{
	struct hc_error *err = hc_parallel_for(search->jobs, num, run_task, search);

	for (size_t i = 0; !err && !search->stopped && i < num; i++) {
		err = deliver_task(search, &search->findings[i], search->first_task + i);
		if (!err)
			err = search->err;
	}
	return err;
}

static struct hc_error *run_batches(struct search *search)
{
	/* Small at first: a caller who wants ten matches should not wait for a gigabyte. */
	size_t batch = search->jobs;

	while (search->first_task < search->num_tasks && !search->stopped) {
		size_t left = search->num_tasks - search->first_task;
		size_t num = left < batch ? left : batch;
		struct hc_error *err = run_batch(search, num);

		if (err)
			return err;
		search->first_task += num;
		batch = batch * 2 < search->num_findings ? batch * 2 : search->num_findings;
	}
	return NULL;
}

static struct hc_error *finish_texts(struct search *search)
{
	struct hc_search_result *result = search->result;

	result->texts_exact = search->texts.exact;
	result->distinct = search->texts.num_entries;
	if (!search->options->top)
		return NULL;
	return hc_top_texts_list(&search->texts, search->options->top, &result->texts,
				 &result->num_texts);
}

struct hc_error *hc_search_run(const struct hc_process *process, const struct hc_heap *heap,
			       const struct hc_pattern *pattern,
			       const struct hc_search_options *options, hc_search_fn fn, void *ctx,
			       struct hc_search_result *ret)
{
	struct hc_search_result result = {};
	hc_cleanup(search_deinit) struct search search = {
		.process = process,
		.heap = heap,
		.pattern = pattern,
		.options = options,
		.fn = fn,
		.ctx = ctx,
		.jobs = process->jobs,
		.num_findings = (size_t)process->jobs * TASKS_PER_JOB,
		.result = &result,
		.last_mapping = SIZE_MAX,
		.last_searched = SIZE_MAX,
	};

	hc_selection_init(&search.selection);
	if (options->selection)
		search.selection = *options->selection;

	struct hc_error *err = search_init(&search);
	if (!err)
		err = run_batches(&search);
	if (!err)
		err = finish_texts(&search);
	if (err)
		return err;
	*ret = result;
	return NULL;
}

void hc_search_result_deinit(struct hc_search_result *result)
{
	free(result->texts);
	*result = (struct hc_search_result){};
}
