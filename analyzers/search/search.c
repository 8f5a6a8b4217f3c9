/**
 * @file
 * Parallel search with results in address order.
 *
 * The heap is cut into slices, mappings and large chunks into windows; both are *tasks*
 * (search_tasks.h), the same whatever
 * the number of jobs. Tasks are run in batches by all threads. A task buffers what it finds: its
 * sums, its matches when the caller wants to see them, its table of texts when they are counted.
 * Then the calling thread *delivers* the tasks of the batch in order. What a task may buffer is
 * bounded; one that overflows is thrown away and run again at delivery, straight into the callback
 * and the final table. So memory is bounded, order is by address, and nothing depends on timing.
 *
 * Skipping chunks. A match lies in one chunk and holds one of the pattern's required literals, or
 * begins with one of its first bytes (pattern.h), so a chunk matches only if one of these is in its
 * usable bytes. The prefilter therefore runs over the contiguous bytes of a slice, not chunk by
 * chunk, and says where the next one is: chunks before that place are only counted. It may stop in
 * headers or at a border; whether there is a match is decided by PCRE2 with the chunk as the
 * subject. Where every chunk in use is selected, those before it are counted by the planes alone.
 * A sieve (sieve.h) has looked already: blocks that it rules out are not read again.
 *
 * Windows. A window reports matches that are *tried* in it. Its subject reaches further on both
 * sides, so that a match may end, and a lookbehind look, beyond it. When the last match of a window
 * reaches into the next one, and that one found a match that was tried before its end, the next
 * window is run again from there: the result is what one pass over the whole piece would have
 * found. That is why PCRE2 gets an offset limit: it must not search on behind the window.
 */
#include "analyzers/search/search.h"

#include "analyzers/target.h"
#include "core/base/array.h"
#include "core/base/cleanup.h"
#include "core/base/parallel.h"
#include "analyzers/search/search_tasks.h"
#include "analyzers/texts/top_texts.h"

#define TASKS_PER_JOB 16
/** The same where a task keeps only sums: fewer batches, at whose end threads wait. */
#define SUMS_PER_JOB 512
/** What a task may buffer: matches, and bytes of its table of texts (one for every small chunk). */
#define TASK_MAX_HITS (64u << 10)
#define TASK_TEXT_BYTES (4u << 20)

/** A chunk or a window with matches. */
struct subject {
	struct hc_chunk chunk;            /**< unless in a mapping */
	const struct hc_mapping *mapping; /**< NULL: a chunk */
	bool large;                       /**< there are other windows of this chunk */
	uint64_t address;                 /**< of the first byte */
	struct hc_bytes bytes;
	size_t num_hits;
};

/** What a task has found. */
struct finding {
	uint64_t matches, chunks, bytes;
	uint64_t searched_bytes, searched_chunks, limited;
	uint64_t first_tried,
		last_end; /**< addresses: where the first match was tried, the last one ends */
	bool overflow;
	struct subject *subjects;
	size_t num_subjects, max_subjects;
	struct hc_match *hits;
	size_t num_hits, max_hits;
	struct hc_top_texts texts;
	struct hc_search_groups groups;
};

/** What a thread needs. */
struct worker {
	struct hc_matcher *matcher;
	struct hc_selection_scratch *scratch;
	struct hc_classifier_scratch *classifier;
};

struct search {
	const struct hc_process *process;
	const struct hc_heap *heap;
	const struct hc_pattern *pattern;
	const struct hc_search_options *options;
	/**
	 * By class: index of the attribute that is searched, plus 1; 0: it has none of that name.
	 */
	uint8_t attribute_of[HC_MAX_CLASSES];
	struct hc_selection selection; /**< a view: what it owns is the caller's */
	bool by_planes;                /**< chunks in use are selected, and nothing else decides */
	const struct hc_classifier *classifier; /**< for attributes and HC_SEARCH_BY_CLASS */
	struct hc_types *types;                 /**< for HC_SEARCH_BY_TYPE */

	struct hc_search_task *tasks;
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
	uint64_t resume; /**< windows: where the last match ended, if in this piece or chunk */
	const struct hc_mapping *last_mapping;  /**< last one with a match, or NULL */
	const struct hc_mapping *last_searched; /**< last one that was counted as searched */
	uint64_t last_large;                    /**< last large chunk with a match, or 0 */
	uint64_t key;                           /**< of the group of the current subject */
};

/** Where matches go: the finding of a task, or, at delivery, straight out. */
struct sink {
	struct search *search;
	struct finding *finding;
	bool direct;
	struct worker *worker;
	struct subject subject; /**< the current one */
	uint64_t key;           /**< of its group */
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

	return search->options->fn(search->options->ctx, &hit);
}

/** Count a subject in the result when its first match is delivered. @return whether it is new */
static bool count_subject(struct search *search, const struct subject *subject)
{
	struct hc_search_result *result = search->result;

	if (subject->mapping) {
		if (subject->mapping == search->last_mapping)
			return false;
		search->last_mapping = subject->mapping;
		result->mappings++;
		result->mapping_bytes += subject->mapping->end - subject->mapping->start;
		return true;
	}
	if (subject->large && subject->address == search->last_large)
		return false;
	if (subject->large)
		search->last_large = subject->address;
	result->chunks++;
	result->bytes += subject->chunk.size;
	return true;
}

/** The key of the group that a subject's matches are counted in. */
static uint64_t group_key(const struct search *search, const struct worker *worker,
			  const struct subject *subject)
{
	switch (search->options->by) {
	case HC_SEARCH_BY_NOTHING:
		break;
	case HC_SEARCH_BY_SIZE:
		return subject->chunk.size;
	case HC_SEARCH_BY_CLASS:
		return hc_classify(search->classifier, worker->classifier,
				   hc_chunk_bytes(search->heap, &subject->chunk));
	case HC_SEARCH_BY_REACH:
		return subject->chunk.reach;
	case HC_SEARCH_BY_ARENA:
		return subject->chunk.span->arena;
	case HC_SEARCH_BY_TYPE:
		return hc_type_of(search->types, &subject->chunk);
	}
	return 0;
}

/** Count matches of one chunk in its group. @param new_chunk not counted there before */
static struct hc_error *count_group(struct hc_search_groups *groups, uint64_t key,
				    const struct subject *subject, uint64_t matches, bool new_chunk)
{
	struct hc_search_group more = {
		.key = key,
		.matches = matches,
		.chunks = new_chunk,
		.bytes = new_chunk ? subject->chunk.size : 0,
	};

	return hc_search_groups_add(groups, &more);
}

/** Whether the matches of a subject belong to a group. */
static bool is_grouped(const struct search *search, const struct subject *subject)
{
	return search->options->by && !subject->mapping;
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
	bool new_subject = first && count_subject(search, subject);

	search->result->matches++;
	if (is_grouped(search, subject)) {
		if (first)
			search->key = group_key(search, &search->workers[0], subject);
		search->err =
			count_group(&search->result->groups, search->key, subject, 1, new_subject);
		if (search->err)
			return false;
	}
	if (search->options->top) {
		search->err = count_text(&search->texts, subject, match);
		if (search->err)
			return false;
	}
	if (search->options->fn && !call_back(search, subject, match)) {
		search->stopped = true;
		return false;
	}
	return true;
}

/* --- What a task does with a match --- */

static struct hc_error *buffer_subject(struct finding *finding, const struct subject *subject)
{
	struct hc_error *err = hc_array_regrow(&finding->subjects, finding->num_subjects,
					       &finding->max_subjects, sizeof(*subject));

	if (!err)
		finding->subjects[finding->num_subjects++] = *subject;
	return err;
}

static struct hc_error *buffer_hit(struct finding *finding, const struct hc_match *match)
{
	if (finding->num_hits == TASK_MAX_HITS) {
		finding->overflow = true;
		return NULL;
	}
	struct hc_error *err = hc_array_regrow(&finding->hits, finding->num_hits,
					       &finding->max_hits, sizeof(*match));

	if (!err)
		finding->hits[finding->num_hits++] = *match;
	return err;
}

/** Count a match of a slice's chunk in the sums and the groups of the slice. */
static struct hc_error *sum_chunk(struct sink *sink, bool first)
{
	struct finding *finding = sink->finding;

	if (first) {
		finding->chunks++;
		finding->bytes += sink->subject.chunk.size;
	}
	if (!is_grouped(sink->search, &sink->subject))
		return NULL;
	if (first)
		sink->key = group_key(sink->search, sink->worker, &sink->subject);
	return count_group(&finding->groups, sink->key, &sink->subject, 1, first);
}

/** Count a match of a task that nobody wants to see. */
static struct hc_error *sum_match(struct sink *sink, const struct hc_match *match, bool first)
{
	const struct subject *subject = &sink->subject;
	struct finding *finding = sink->finding;
	struct hc_error *err = NULL;

	finding->matches++;
	/* Whether a mapping or a large chunk is a new one is only known in order. */
	if (!subject->mapping && !subject->large)
		err = sum_chunk(sink, first);
	else if (first)
		err = buffer_subject(finding, subject);
	if (err || !sink->search->options->top)
		return err;
	err = count_text(&finding->texts, subject, match);
	if (!finding->texts.exact)
		finding->overflow = true;
	return err;
}

/** Remember a match of a task for delivery. */
static struct hc_error *keep_match(struct sink *sink, const struct hc_match *match, bool first)
{
	struct finding *finding = sink->finding;

	if (first) {
		struct hc_error *err = buffer_subject(finding, &sink->subject);
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
	uint64_t base = sink->subject.address;

	if (finding->first_tried == UINT64_MAX)
		finding->first_tried = base + match->tried;
	finding->last_end = base + hc_match_next(match);
	if (sink->direct)
		return deliver_match(sink->search, &sink->subject, match, first);
	sink->err = sink->search->options->fn ? keep_match(sink, match, first)
					      : sum_match(sink, match, first);
	return !sink->err && !finding->overflow;
}

static bool next_match(struct sink *sink, size_t from, size_t to, struct hc_match *match,
		       bool *limited)
{
	struct hc_matcher *matcher = sink->worker->matcher;
	struct hc_bytes bytes = sink->subject.bytes;

	if (to == SIZE_MAX)
		return hc_matcher_next(matcher, bytes, from, match, limited);
	return from < to &&
	       hc_matcher_next_within(matcher, bytes, (struct hc_match_window){from, to}, match,
				      limited);
}

/**
 * Find all matches of the current subject that are tried in [from, to).
 * @return whether the task goes on
 */
static bool match_subject(struct sink *sink, size_t from, size_t to)
{
	struct hc_match match;
	bool limited = false, first = true, go_on = true;

	hc_matcher_restart(sink->worker->matcher);
	while (go_on && next_match(sink, from, to, &match, &limited)) {
		go_on = take_match(sink, &match, first);
		if (go_on && sink->search->options->first_only)
			break;
		first = false;
		from = hc_match_next(&match);
	}
	sink->finding->limited += limited;
	return go_on;
}

/* --- Tasks --- */

/** The bytes of a slice; empty when they are not all there, in one piece. */
static struct hc_bytes slice_bytes(const struct hc_slice *slice, uint64_t *address_ret)
{
	const struct hc_span *span = slice->span;
	uint64_t start = hc_span_address(span, slice->from);
	uint64_t end = hc_span_address(span, slice->to);

	*address_ret = start;
	if (end > span->end)
		end = span->end;
	if (!span->data || start < span->start || start >= end)
		return (struct hc_bytes){};
	return (struct hc_bytes){span->data + (start - span->start), end - start};
}

/** What is known of a slice's bytes before its chunks are looked at. */
struct outlook {
	uint64_t start; /**< address of the first byte */
	uint64_t size;  /**< of the slice; 0: nothing is known */
	bool ruled_out; /**< by the sieve */
	bool has_prefilter;
	uint64_t skipped; /**< bytes that the sieve rules out, before those of @ref prefilter */
	struct hc_prefilter prefilter;
};

static void outlook_init(struct outlook *outlook, const struct search *search,
			 const struct hc_slice *slice)
{
	struct hc_bytes all = slice_bytes(slice, &outlook->start);
	uint64_t from = outlook->start, to = from + all.size;

	outlook->size = all.size;
	outlook->ruled_out = all.size && !hc_sieve_narrow(search->options->sieve, &from, &to);
	outlook->has_prefilter =
		all.size && !outlook->ruled_out && hc_pattern_has_prefilter(search->pattern);
	if (!outlook->has_prefilter)
		return;
	outlook->skipped = from - outlook->start;
	/* The last literal may end behind the place up to which one may begin. */
	to = outlook->start + all.size - to > HC_MAX_LITERAL_SIZE ? to + HC_MAX_LITERAL_SIZE
								  : outlook->start + all.size;
	hc_prefilter_init(&outlook->prefilter, search->pattern,
			  part(all, outlook->skipped, to - outlook->start));
}

/** Whether there is anything that can rule chunks out. */
static bool outlook_knows(const struct outlook *outlook)
{
	return outlook->ruled_out || outlook->has_prefilter;
}

/** Where a match may begin, or hold a literal: at or after @p offset, or SIZE_MAX. */
static size_t outlook_next(struct outlook *outlook, uint64_t offset)
{
	uint64_t skipped = outlook->skipped;

	if (outlook->ruled_out)
		return SIZE_MAX;
	size_t next =
		hc_prefilter_next(&outlook->prefilter, offset > skipped ? offset - skipped : 0);
	return next == SIZE_MAX ? SIZE_MAX : next + skipped;
}

/** Whether a chunk can't have a match. */
static bool is_ruled_out(struct outlook *outlook, const struct subject *subject)
{
	uint64_t offset = subject->address - outlook->start;
	uint64_t end;

	/* Only chunks that lie in the slice as a whole; the last one may not. */
	if (!outlook_knows(outlook) || subject->address < outlook->start ||
	    offset > outlook->size || __builtin_add_overflow(offset, subject->bytes.size, &end) ||
	    end > outlook->size)
		return false;
	return outlook_next(outlook, offset) >= end;
}

/** Make the attribute the subject instead of its chunk; false: the chunk has none. */
static bool narrow_to_attribute(const struct search *search, const struct worker *worker,
				struct subject *subject)
{
	struct hc_bytes values[HC_MAX_ATTRIBUTES];
	hc_class_id class_id =
		hc_class_values(search->classifier, worker->classifier, subject->bytes, values);
	unsigned index = search->attribute_of[class_id];

	if (!index || !values[index - 1].data)
		return false;
	subject->address += values[index - 1].data - subject->bytes.data;
	subject->bytes = values[index - 1];
	return true;
}

/** Search the sink's chunk, if it is selected. @return whether the task goes on */
static bool search_chunk(struct sink *sink, struct outlook *outlook)
{
	struct search *search = sink->search;
	struct subject *subject = &sink->subject;

	if (!hc_selection_has(&search->selection, search->heap, &subject->chunk,
			      sink->worker->scratch))
		return true;
	subject->address = subject->chunk.address;
	subject->bytes = hc_chunk_bytes(search->heap, &subject->chunk);
	sink->finding->searched_chunks++;
	sink->finding->searched_bytes += subject->bytes.size;
	if (is_ruled_out(outlook, subject))
		return true;
	if (search->options->attribute && !narrow_to_attribute(search, sink->worker, subject))
		return true;
	return match_subject(sink, 0, SIZE_MAX);
}

/** Count the chunks in use between two that start at these units, the first one included. */
static void count_chunks(struct finding *finding, const struct hc_span *span, uint64_t from,
			 uint64_t to)
{
	uint64_t bytes = hc_span_offset(span, to) - hc_span_offset(span, from), chunks = 0;

	for (uint64_t i = from / HC_UNITS_PER_BLOCK; i * HC_UNITS_PER_BLOCK < to; i++) {
		uint64_t first = i * HC_UNITS_PER_BLOCK, here = hc_block_units(i, from, to);
		const struct hc_block *block = &span->blocks[i];

		chunks += __builtin_popcountll(hc_block_in_use(block) & here);
		hc_for_each_bit (bit, block->start & block->free & here) {
			uint64_t next = hc_span_next_start(span, first + bit + 1);

			bytes -= hc_span_offset(span, next) - hc_span_offset(span, first + bit);
		}
	}
	finding->searched_chunks += chunks;
	finding->searched_bytes += bytes - chunks * span->overhead;
}

/** Chunk after chunk. */
static void run_by_chunk(struct sink *sink, const struct hc_slice *slice, struct outlook *outlook)
{
	struct hc_chunk_iter iter;

	hc_chunk_iter_slice(&iter, sink->search->heap, *slice);
	while (hc_chunk_iter_next(&iter, &sink->subject.chunk)) {
		if (!search_chunk(sink, outlook))
			return;
	}
}

/** From one place where a match may be to the next; the slice's last chunk may reach over it. */
static void run_by_place(struct sink *sink, const struct hc_slice *slice, struct outlook *outlook)
{
	const struct hc_span *span = slice->span;
	uint64_t unit = hc_span_next_start(span, slice->from), last = slice->to - 1;

	while (unit < slice->to) {
		size_t place = outlook_next(outlook, hc_span_address(span, unit) - outlook->start);
		uint64_t at = place == SIZE_MAX
				      ? last
				      : hc_span_unit(span, outlook->start + place - span->base);
		uint64_t stop = hc_span_prev_start(span, at < last ? at : last);

		count_chunks(sink->finding, span, unit, stop);
		hc_span_chunk(sink->search->heap, span, stop, &sink->subject.chunk);
		if (!search_chunk(sink, outlook))
			return;
		unit = hc_span_next_start(span, stop + 1);
	}
}

static struct hc_error *run_slice(struct sink *sink, const struct hc_slice *slice)
{
	struct outlook outlook;

	outlook_init(&outlook, sink->search, slice);
	sink->subject = (struct subject){};
	if (sink->search->by_planes && outlook_knows(&outlook))
		run_by_place(sink, slice, &outlook);
	else
		run_by_chunk(sink, slice, &outlook);
	return sink->err;
}

/** Whether a window lies in holes of the core's file, where no match can begin. */
static bool is_idle(const struct search *search, const struct hc_search_window *window)
{
	return !hc_pattern_may_begin_with_nul(search->pattern) &&
	       hc_memory_is_hole(&search->process->memory, window->start, window->end);
}

/** Whether no match can be tried in a window. */
static bool window_is_ruled_out(const struct search *search, const struct hc_search_window *window)
{
	uint64_t from = window->address, to = from + window->subject.size;

	if (is_idle(search, window) ||
	    (from < to && !hc_sieve_narrow(search->options->sieve, &from, &to)))
		return true;
	/*
	 * All of a large chunk would be looked through for each window: PCRE2's own scan is better.
	 */
	return window->mapping && !hc_pattern_may_match(search->pattern, window->subject);
}

/** @param from address where the first match may be tried */
static struct hc_error *run_window(struct sink *sink, const struct hc_search_window *window,
				   uint64_t from)
{
	sink->subject = (struct subject){
		.chunk = window->chunk,
		.mapping = window->mapping,
		.large = !window->mapping,
		.address = window->address,
		.bytes = window->subject,
	};
	size_t to = window->last ? SIZE_MAX : window->end - window->address;

	sink->finding->searched_bytes += window->end - window->start;
	if (from < window->start)
		from = window->start;
	if (window_is_ruled_out(sink->search, window))
		return NULL;
	if (from < window->end || window->last)
		match_subject(sink, from - window->address, to);
	return sink->err;
}

/** @param from windows: address where the first match may be tried */
static struct hc_error *run_one(struct sink *sink, size_t index, uint64_t from)
{
	const struct hc_search_task *task = &sink->search->tasks[index];

	return task->is_slice ? run_slice(sink, &task->slice)
			      : run_window(sink, &task->window, from);
}

static void finding_clear(struct finding *finding)
{
	struct finding kept = *finding;

	*finding = (struct finding){
		.first_tried = UINT64_MAX,
		.subjects = kept.subjects,
		.max_subjects = kept.max_subjects,
		.hits = kept.hits,
		.max_hits = kept.max_hits,
		.texts = kept.texts,
		.groups = {.items = kept.groups.items},
	};
	if (finding->texts.num_entries)
		hc_top_texts_clear(&finding->texts);
}

static struct hc_error *run_task(void *ctx, unsigned worker, size_t task)
{
	struct search *search = ctx;
	struct sink sink = {
		.search = search,
		.finding = &search->findings[task],
		.worker = &search->workers[worker],
	};

	finding_clear(sink.finding);
	return run_one(&sink, search->first_task + task, 0);
}

/* --- Delivery of tasks --- */

/** Run a task again with its matches going straight out. */
static struct hc_error *rerun_task(struct search *search, struct finding *finding, size_t task,
				   uint64_t from)
{
	struct sink sink = {
		.search = search,
		.finding = finding,
		.worker = &search->workers[0],
		.direct = true,
	};

	finding_clear(finding);
	return run_one(&sink, task, from);
}

/** Count the subject of a window whose matches nobody wants to see; they are in its sums. */
static bool count_window(struct search *search, const struct finding *finding,
			 const struct subject *subject)
{
	bool new_subject = count_subject(search, subject);

	if (is_grouped(search, subject)) {
		uint64_t key = group_key(search, &search->workers[0], subject);
		search->err = count_group(&search->result->groups, key, subject, finding->matches,
					  new_subject);
	}
	return !search->err;
}

static void replay_hits(struct search *search, const struct finding *finding)
{
	const struct hc_match *hit = finding->hits;

	for (size_t i = 0; i < finding->num_subjects; i++) {
		const struct subject *subject = &finding->subjects[i];

		if (!search->options->fn && !count_window(search, finding, subject))
			return;
		for (size_t k = 0; k < subject->num_hits; k++, hit++) {
			if (!deliver_match(search, subject, hit, k == 0))
				return;
		}
	}
}

static void add_sums(struct search *search, const struct finding *finding,
		     const struct hc_search_task *task)
{
	struct hc_search_result *result = search->result;

	result->matches += finding->matches;
	result->chunks += finding->chunks;
	result->bytes += finding->bytes;
	result->searched_bytes += finding->searched_bytes;
	result->limited += finding->limited;
	result->searched_chunks += finding->searched_chunks;
	if (task->is_slice)
		return;
	if (!task->window.mapping) {
		result->searched_chunks += !task->window.continues;
	} else if (task->window.mapping != search->last_searched) {
		search->last_searched = task->window.mapping;
		result->searched_mappings++;
	}
}

/** What a task found by itself goes into the result. */
static struct hc_error *take_finding(struct search *search, const struct finding *finding)
{
	struct hc_error *err = hc_top_texts_merge(&search->texts, &finding->texts);

	if (!err)
		err = hc_search_groups_merge(&search->result->groups, &finding->groups);
	if (!err)
		replay_hits(search, finding);
	return err;
}

/** One match is enough, and a window before had it: what this one found does not count. */
static bool has_enough(const struct search *search, const struct hc_search_task *task)
{
	const struct hc_search_window *window = &task->window;

	if (!search->options->first_only || task->is_slice)
		return false;
	return window->mapping ? window->mapping == search->last_mapping
			       : window->address == search->last_large;
}

static struct hc_error *deliver_task(struct search *search, struct finding *finding, size_t index)
{
	const struct hc_search_task *task = &search->tasks[index];

	if (task->is_slice || !task->window.continues)
		search->resume = 0;
	if (has_enough(search, task))
		return NULL;

	/* The last match of the window before may reach into this one, past one of its own. */
	bool collides = finding->first_tried < search->resume;
	struct hc_error *err = finding->overflow || collides
				       ? rerun_task(search, finding, index, search->resume)
				       : take_finding(search, finding);
	if (err)
		return err;
	if (finding->first_tried != UINT64_MAX && finding->last_end > search->resume)
		search->resume = finding->last_end;
	if (!search->stopped)
		add_sums(search, finding, task);
	return NULL;
}

/* --- The whole --- */

static void search_deinit(struct search *search)
{
	for (unsigned i = 0; search->workers && i < search->jobs; i++) {
		hc_matcher_destroy(search->workers[i].matcher);
		hc_selection_scratch_destroy(search->workers[i].scratch);
		hc_classifier_scratch_destroy(search->workers[i].classifier);
	}
	for (size_t i = 0; search->findings && i < search->num_findings; i++) {
		free(search->findings[i].subjects);
		free(search->findings[i].hits);
		hc_top_texts_deinit(&search->findings[i].texts);
		hc_search_groups_deinit(&search->findings[i].groups);
	}
	free(search->workers);
	free(search->findings);
	free(search->tasks);
	hc_top_texts_deinit(&search->texts);
}

static struct hc_error *init_worker(const struct search *search, struct worker *worker)
{
	struct hc_error *err = hc_matcher_create(search->pattern, &worker->matcher);

	if (!err && search->heap)
		err = hc_selection_scratch_create(&search->selection, &worker->scratch);
	if (!err && (search->options->by == HC_SEARCH_BY_CLASS || search->options->attribute))
		err = hc_classifier_scratch_create(search->classifier, &worker->classifier);
	return err;
}

/** Which attribute of each class it is. */
static struct hc_error *find_attribute(struct search *search)
{
	const char *name = search->options->attribute;
	bool found = false;

	if (!name)
		return NULL;
	const struct hc_signatures *signatures = hc_classifier_signatures(search->classifier);
	for (size_t i = 0; i < hc_signatures_num_classes(signatures); i++) {
		const struct hc_class *class = hc_signatures_class(signatures, i);

		for (size_t k = 0; k < class->num_attributes; k++) {
			if (strcmp(class->attributes[k].name, name) != 0)
				continue;
			search->attribute_of[i] = k + 1;
			found = true;
		}
	}
	return found ? NULL
		     : hc_error_about(hc_error_create(HC_ERROR_ARGUMENT,
						      "no class has an attribute '%.100s'", name),
				      HC_ABOUT_ATTRIBUTE);
}

/** Leave out what is beyond the bound. */
static void bound_tasks(struct search *search)
{
	uint64_t max = search->options->max_bytes / HC_SEARCH_TASK_BYTES;

	if (!search->options->max_bytes || search->num_tasks <= max)
		return;
	search->num_tasks = max;
	search->result->bounded = true;
}

static struct hc_error *cut(struct search *search)
{
	const struct hc_search_cutting cutting = {search->process, search->heap, search->options,
						  &search->selection};

	return hc_search_cut(&cutting, &search->tasks, &search->num_tasks);
}

/** Whether the planes tell which chunks are selected: those in use, all of them. */
static bool selects_by_planes(const struct search *search)
{
	unsigned kinds = hc_selection_kinds(&search->selection, search->heap);

	return kinds == HC_KINDS_IN_USE && hc_selection_is_by_kind(&search->selection, kinds);
}

static struct hc_error *search_init(struct search *search)
{
	struct hc_error *err = find_attribute(search);
	if (!err)
		err = cut(search);
	if (err)
		return err;
	bound_tasks(search);
	search->by_planes = search->heap && selects_by_planes(search);

	search->workers = calloc(search->jobs, sizeof(*search->workers));
	search->findings = calloc(search->num_findings, sizeof(*search->findings));
	if (!search->workers || !search->findings)
		return &hc_enomem;
	for (unsigned i = 0; i < search->jobs && !err; i++)
		err = init_worker(search, &search->workers[i]);
	hc_top_texts_init(&search->texts, HC_SEARCH_TEXT_BYTES);
	for (size_t i = 0; i < search->num_findings; i++)
		hc_top_texts_init(&search->findings[i].texts, TASK_TEXT_BYTES);
	return err;
}

/** Run one batch of tasks and deliver it. */
static struct hc_error *run_batch(struct search *search, size_t num)
{
	hc_watch_part(search->process->watch, (double)search->first_task / search->num_tasks,
		      (double)(search->first_task + num) / search->num_tasks);
	struct hc_error *err = hc_process_parallel(search->process, num, run_task, search);

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
	size_t batch = search->options->fn ? search->jobs : search->num_findings;

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
	hc_search_groups_rank(&result->groups);
	if (!search->options->top)
		return NULL;
	return hc_top_texts_list(&search->texts, search->options->top, &result->texts,
				 &result->num_texts);
}

/** What the options need of the target. */
static struct hc_error *ask_target(struct search *search, struct hc_target *target)
{
	const struct hc_search_options *options = search->options;
	struct hc_error *err = NULL;

	if (options->scope == HC_SEARCH_CHUNKS)
		err = hc_target_heap(target, &search->heap);
	else if (options->scope == HC_SEARCH_ALL)
		err = hc_target_heap_if_any(target, &search->heap);
	if (!err && (options->by == HC_SEARCH_BY_CLASS || options->attribute))
		err = hc_target_classifier(target, &search->classifier);
	if (!err && options->by == HC_SEARCH_BY_TYPE)
		err = hc_target_types(target, HC_TYPES_FULL, &search->types);
	return err;
}

struct hc_error *hc_search_run(struct hc_target *target, const struct hc_pattern *pattern,
			       const struct hc_search_options *options,
			       struct hc_search_result *ret)
{
	const struct hc_process *process = target->process;
	size_t tasks = options->fn || options->top ? TASKS_PER_JOB : SUMS_PER_JOB;
	hc_cleanup(hc_search_result_deinit) struct hc_search_result result = {};
	hc_cleanup(search_deinit) struct search search = {
		.process = process,
		.pattern = pattern,
		.options = options,
		.jobs = process->jobs,
		.num_findings = process->jobs * tasks,
		.result = &result,
	};

	hc_selection_init(&search.selection);
	if (options->selection)
		search.selection = *options->selection;

	struct hc_error *err = ask_target(&search, target);
	if (err)
		return err;
	hc_target_phase(target, HC_PHASE_SEARCH);
	err = search_init(&search);
	if (!err)
		err = run_batches(&search);
	if (!err)
		err = finish_texts(&search);
	if (err)
		return err;
	*ret = result;
	result = (struct hc_search_result){};
	return NULL;
}

void hc_search_result_deinit(struct hc_search_result *result)
{
	free(result->texts);
	hc_search_groups_deinit(&result->groups);
	*result = (struct hc_search_result){};
}
