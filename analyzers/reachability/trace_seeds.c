/**
 * @file
 * Where a pass starts: words of the roots, or chunks whose bits say so; and where depth-first
 * rounds go on: chunks of the frontier. Tasks are handed out in order to whoever has nothing else
 * to do.
 */
#include "analyzers/reachability/trace_worker.h"

/** Push candidates among the words of a root range and step on. */
static void seed_range(struct hc_trace_worker *w)
{
	const struct hc_memory *memory = &w->shared->tracer->process->memory;
	const unsigned word_size = w->heap->word_size;
	struct hc_bytes bytes;
	uint64_t size = w->task_end - w->task_pos;

	if (size > HC_TRACE_PIECE_WORDS * word_size)
		size = HC_TRACE_PIECE_WORDS * word_size;
	bytes = hc_memory_view(memory, w->task_pos, size);
	if (!bytes.data) {
		const struct hc_extent *extent = hc_memory_find_next(memory, w->task_pos);

		w->task_pos = extent && extent->start < w->task_end ? extent->start : w->task_end;
		return;
	}
	if (bytes.size < word_size) {
		w->task_pos += bytes.size;
		return;
	}
	hc_trace_push_words(w, bytes.data, bytes.size / word_size);
	w->task_pos += bytes.size / word_size * word_size;
}

static void seed_values(struct hc_trace_worker *w)
{
	for (; w->task_pos < w->task_end; w->task_pos++)
		hc_trace_push_value(w, w->shared->values[w->task_pos]);
}

/** The chunks of one block that the pass starts from; each is handed out once. */
static uint64_t seed_bits(struct hc_trace_worker *w, size_t span_index, uint64_t index)
{
	struct hc_trace_shared *shared = w->shared;
	const struct hc_span *span = &w->heap->spans[span_index];
	uint64_t *plane_word, bits, mine = 0;
	struct hc_block *block;

	if (index >= span->num_blocks)
		return 0;
	block = &span->blocks[index];
	if (shared->seed == HC_SEED_REACHED)
		return hc_block_in_use(block) & __atomic_load_n(&block->b, __ATOMIC_RELAXED);
	bits = hc_block_in_use(block) & ~__atomic_load_n(&block->b, __ATOMIC_RELAXED);
	switch (shared->seed) {
	case HC_SEED_INTERIOR:
		for (bits &= __atomic_load_n(&block->a, __ATOMIC_RELAXED); bits; bits &= bits - 1)
			if (hc_trace_set_bit(w, &block->b, bits & -bits))
				mine |= bits & -bits;
		return mine;
	case HC_SEED_UNREFERENCED:
		plane_word =
			&shared->plane
				 ->words[shared->tracer->layout.first_word[span_index] + index];
		bits &= ~block->a;
		__atomic_fetch_or(plane_word, bits, __ATOMIC_RELAXED);
		return bits;
	default:
		return bits;
	}
}

/** Push seeds of a stretch and step on. */
static void seed_stretch(struct hc_trace_worker *w)
{
	size_t span_index = w->shared->tracer->layout.stretches[w->task].span;
	const struct hc_span *span = &w->heap->spans[span_index];

	while (w->task_pos < w->task_end && w->depth < HC_TRACE_PIECE_WORDS) {
		uint64_t index = w->task_pos++;

		for (uint64_t bits = seed_bits(w, span_index, index); bits; bits &= bits - 1) {
			uint64_t unit = index * HC_UNITS_PER_BLOCK + __builtin_ctzll(bits);

			w->stack[w->depth++] =
				hc_trace_entry(span_index, hc_span_offset(span, unit)) |
				HC_TRACE_SCAN;
		}
	}
}

/** Push chunks of the frontier and step on. */
static void seed_window(struct hc_trace_worker *w)
{
	const uint64_t *groups = &w->shared->frontier.groups[w->task];

	for (; w->task_pos < w->task_end && w->depth < HC_TRACE_PIECE_WORDS; w->task_pos++)
		if (__atomic_load_n(groups, __ATOMIC_RELAXED) >> w->task_pos & 1)
			hc_trace_take_group(w, w->task, w->task_pos);
}

/** Go to the next task. @return false when there is none */
static bool next_task(struct hc_trace_worker *w)
{
	struct hc_trace_shared *shared = w->shared;
	size_t task = __atomic_fetch_add(&shared->next_task, 1, __ATOMIC_RELAXED);

	if (task >= shared->num_tasks)
		return false;
	w->task = task;
	if (shared->round == HC_TRACE_DEPTH) {
		w->task_pos = 0;
		w->task_end = HC_FRONTIER_GROUPS;
	} else if (shared->seed != HC_SEED_ROOTS) {
		const struct hc_stretch *stretch = &shared->tracer->layout.stretches[task];

		w->task_pos = stretch->from;
		w->task_end = stretch->to;
		w->window = (w->first_word[stretch->span] + stretch->from) * HC_UNITS_PER_BLOCK;
		w->window_size = (stretch->to - stretch->from) * HC_UNITS_PER_BLOCK;
	} else if (task < shared->num_root_tasks) {
		w->task_pos = shared->root_tasks[task].start;
		w->task_end = shared->root_tasks[task].end;
	} else {
		w->task_pos = (task - shared->num_root_tasks) * HC_TRACE_PIECE_WORDS;
		w->task_end = w->task_pos + HC_TRACE_PIECE_WORDS;
		if (w->task_end > shared->num_values)
			w->task_end = shared->num_values;
	}
	return true;
}

bool hc_trace_seed(struct hc_trace_worker *w)
{
	struct hc_trace_shared *shared = w->shared;

	while (!w->depth) {
		if (w->task_pos == w->task_end && !next_task(w))
			return false;
		if (shared->round == HC_TRACE_DEPTH)
			seed_window(w);
		else if (shared->seed != HC_SEED_ROOTS)
			seed_stretch(w);
		else if (w->task < shared->num_root_tasks)
			seed_range(w);
		else
			seed_values(w);
	}
	return true;
}
