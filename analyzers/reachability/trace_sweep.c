/**
 * @file
 * Going over the frontier in the order of addresses. Why is told in trace_frontier.h.
 */
#include <stdlib.h>

#include "analyzers/reachability/trace_worker.h"

struct hc_error *hc_frontier_init(const struct hc_plane_layout *layout, struct hc_frontier *ret)
{
	struct hc_frontier frontier = {0};
	struct hc_error *err = hc_plane_init(layout, &frontier.plane);

	if (err)
		return err;
	frontier.num_windows = layout->num_words / HC_FRONTIER_WINDOW_WORDS + 1;
	frontier.groups = calloc(frontier.num_windows, sizeof(*frontier.groups));
	if (!frontier.groups) {
		hc_plane_deinit(&frontier.plane);
		return &hc_enomem;
	}
	*ret = frontier;
	return NULL;
}

void hc_frontier_deinit(struct hc_frontier *frontier)
{
	hc_plane_deinit(&frontier->plane);
	free(frontier->groups);
	frontier->groups = NULL;
}

/** The span that a word of a plane is of. */
static size_t span_of_word(struct hc_trace_worker *w, uint64_t word)
{
	size_t low = 0, high = w->heap->num_spans;

	if (word >= w->first_word[w->frontier_span] && word < w->first_word[w->frontier_span + 1])
		return w->frontier_span;
	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;

		if (w->first_word[middle] <= word)
			low = middle;
		else
			high = middle;
	}
	w->frontier_span = low;
	return low;
}

static void push_word(struct hc_trace_worker *w, uint64_t word, uint64_t bits)
{
	size_t span_index = span_of_word(w, word);
	const struct hc_span *span = &w->heap->spans[span_index];
	uint64_t first = (word - w->first_word[span_index]) * HC_UNITS_PER_BLOCK;

	w->taken += __builtin_popcountll(bits);
	hc_for_each_bit (bit, bits) {
		w->stack[w->depth++] =
			hc_trace_entry(span_index, hc_span_offset(span, first + bit)) |
			HC_TRACE_SCAN;
	}
}

void hc_trace_take_group(struct hc_trace_worker *w, size_t window, unsigned group)
{
	struct hc_frontier *frontier = &w->shared->frontier;
	uint64_t word = window * HC_FRONTIER_WINDOW_WORDS + group * HC_FRONTIER_GROUP_WORDS;
	uint64_t end = w->first_word[w->heap->num_spans];

	if (end > word + HC_FRONTIER_GROUP_WORDS)
		end = word + HC_FRONTIER_GROUP_WORDS;
	hc_frontier_open_group(frontier, window, group);
	for (; word < end; word++) {
		uint64_t bits = hc_frontier_take(frontier, word);

		if (bits)
			push_word(w, word, bits);
	}
}

void hc_trace_cut_parts(struct hc_trace_shared *shared)
{
	const struct hc_frontier *frontier = &shared->frontier;
	uint64_t total = 0, seen = 0;
	unsigned part = 0;

	for (size_t i = 0; i < frontier->num_windows; i++)
		total += __builtin_popcountll(frontier->groups[i]);
	for (size_t i = 0; i < frontier->num_windows; i++) {
		while (part < shared->jobs && seen * shared->jobs >= total * part)
			shared->parts[part++] = i;
		seen += __builtin_popcountll(frontier->groups[i]);
	}
	while (part <= shared->jobs)
		shared->parts[part++] = frontier->num_windows;
}

static void sweep_window(struct hc_trace_worker *w, size_t window)
{
	const uint64_t *groups = &w->shared->frontier.groups[window];
	uint64_t left = __atomic_load_n(groups, __ATOMIC_RELAXED);

	w->window = window * HC_FRONTIER_WINDOW_BITS;
	w->window_size = HC_FRONTIER_WINDOW_BITS;
	hc_for_each_bit (group, left) {
		hc_trace_take_group(w, window, group);
		if (w->depth >= HC_TRACE_PIECE_WORDS)
			hc_trace_sweep_stack(w);
	}
	hc_trace_sweep_stack(w);
}

void hc_trace_sweep(struct hc_trace_worker *w, size_t part)
{
	const struct hc_trace_shared *shared = w->shared;
	size_t from = shared->parts[part], to = shared->parts[part + 1];

	for (size_t i = 0; i < to - from && !hc_trace_cancelled(shared); i++) {
		size_t window = shared->descending ? to - 1 - i : from + i;

		if (__atomic_load_n(&shared->frontier.groups[window], __ATOMIC_RELAXED))
			sweep_window(w, window);
	}
}
