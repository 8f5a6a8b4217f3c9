/**
 * @file
 * Lost chunks: which are definite, which indirect.
 *
 * 1. One sweep over the words of all lost chunks (HC_PASS_POINTED) has set plane a of each that
 * another one points to. Those that stayed without are definite: the tops of what was dropped.
 * 2. Everything that the definite ones lead to is visited. Usually that is all, and the work is
 * done.
 * 3. What is left is pointed to, but by no chunk that hangs below a definite one: cycles, and what
 * hangs below cycles. In each strongly connected component that no other component points to,
 * exactly one chunk must be made definite. Finding components would need an index per chunk; two
 * rounds of visiting do not:
 *
 *    - Forward: go through the chunks in address order; one that is not visited yet becomes a
 *      leader, and all that it leads to is visited. A source component can only be entered from
 *      within, so it has exactly one leader. But others have one too, if they come before the
 *      source that leads to them.
 *    - Backward: forget the visits, go through the leaders from last to first, and drop those that
 *      a later one has visited. A leader that is not in a source component is led to by the leader
 *      of one, which came later (or the first one would have been visited already) and is kept,
 *      since nothing but its own component leads to it.
 *
 *    This is the argument that finds a "mother vertex", once per source. It is exact and stores no
 *    edge: two planes of one bit a unit are all that it needs.
 */
#include "analyzers/reachability/trace.h"

#include "core/base/cleanup.h"
#include "core/base/parallel.h"

struct search {
	struct hc_tracer *tracer;
	struct hc_plane visited, leaders;
	bool found; /* atomic: some chunk is left for step 3 */
};

static struct hc_block *block_of(const struct search *search, const struct hc_stretch *stretch,
				 uint64_t index)
{
	const struct hc_span *span = &search->tracer->heap->spans[stretch->span];

	return index < span->num_blocks ? &span->blocks[index] : NULL;
}

static uint64_t *visited_word(const struct search *search, const struct hc_stretch *stretch,
			      uint64_t index)
{
	return &search->visited.words[search->tracer->layout.first_word[stretch->span] + index];
}

/** Lost chunks of a block that are pointed to, and were not visited. */
static uint64_t left_over(const struct search *search, const struct hc_stretch *stretch,
			  uint64_t index)
{
	const struct hc_block *block = block_of(search, stretch, index);

	return block ? hc_block_lost(block) & block->a & ~*visited_word(search, stretch, index) : 0;
}

static struct hc_error *look_for_pointed(void *ctx, unsigned worker __attribute__((unused)),
					 size_t task)
{
	struct search *search = ctx;
	const struct hc_stretch *stretch = &search->tracer->layout.stretches[task];

	for (uint64_t i = stretch->from; i < stretch->to; i++) {
		const struct hc_block *block = block_of(search, stretch, i);

		if (!block)
			break;
		if (hc_block_lost(block) & block->a) {
			__atomic_store_n(&search->found, true, __ATOMIC_RELAXED);
			break;
		}
	}
	return NULL;
}

static struct hc_error *look_for_left_over(void *ctx, unsigned worker __attribute__((unused)),
					   size_t task)
{
	struct search *search = ctx;
	const struct hc_stretch *stretch = &search->tracer->layout.stretches[task];

	for (uint64_t i = stretch->from; i < stretch->to; i++) {
		if (left_over(search, stretch, i)) {
			__atomic_store_n(&search->found, true, __ATOMIC_RELAXED);
			break;
		}
	}
	return NULL;
}

static struct hc_error *look(struct search *search, hc_task_fn fn)
{
	search->found = false;
	return hc_process_parallel(search->tracer->process, search->tracer->layout.num_stretches,
				   fn, search);
}

static void choose_forward(struct search *search)
{
	const struct hc_visitor visitor = {.seen = &search->visited};
	struct hc_tracer *tracer = search->tracer;

	for (size_t s = 0; s < tracer->layout.num_stretches; s++) {
		const struct hc_stretch *stretch = &tracer->layout.stretches[s];

		for (uint64_t i = stretch->from; i < stretch->to; i++) {
			uint64_t bits;

			while ((bits = left_over(search, stretch, i))) {
				uint64_t unit = i * HC_UNITS_PER_BLOCK + __builtin_ctzll(bits);

				hc_plane_set(&tracer->layout, &search->leaders, stretch->span,
					     unit);
				hc_tracer_visit(tracer, &visitor, stretch->span, unit);
			}
		}
	}
}

/** @return number of leaders kept; each is made definite */
static uint64_t choose_backward(struct search *search)
{
	const struct hc_visitor visitor = {.seen = &search->visited};
	struct hc_tracer *tracer = search->tracer;
	uint64_t kept = 0;

	for (size_t s = tracer->layout.num_stretches; s-- > 0;) {
		const struct hc_stretch *stretch = &tracer->layout.stretches[s];

		for (uint64_t i = stretch->to; i-- > stretch->from;) {
			uint64_t bits =
				search->leaders.words[tracer->layout.first_word[stretch->span] + i];

			for (; bits; bits &= ~(UINT64_C(1) << (63 - __builtin_clzll(bits)))) {
				uint64_t bit = UINT64_C(1) << (63 - __builtin_clzll(bits));

				if (*visited_word(search, stretch, i) & bit)
					continue;
				block_of(search, stretch, i)->a &= ~bit;
				hc_tracer_visit(tracer, &visitor, stretch->span,
						i * HC_UNITS_PER_BLOCK + __builtin_ctzll(bit));
				kept++;
			}
		}
	}
	return kept;
}

static struct hc_error *choose(struct search *search, uint64_t *cycles_ret)
{
	struct hc_tracer *tracer = search->tracer;
	struct hc_error *err;

	err = look(search, look_for_pointed);
	if (err || !search->found)
		return err;
	err = hc_plane_init(&tracer->layout, &search->visited);
	if (!err)
		err = hc_tracer_run(tracer, HC_PASS_VISIT, HC_SEED_UNREFERENCED, &search->visited);
	if (!err)
		err = look(search, look_for_left_over);
	if (err || !search->found)
		return err;
	err = hc_plane_init(&tracer->layout, &search->leaders);
	if (err)
		return err;
	choose_forward(search);
	hc_plane_clear(&tracer->layout, &search->visited);
	*cycles_ret = choose_backward(search);
	return NULL;
}

struct hc_error *hc_lost_sort(struct hc_tracer *tracer, uint64_t *cycles_ret)
{
	struct search search = {.tracer = tracer};
	struct hc_error *err;

	*cycles_ret = 0;
	err = choose(&search, cycles_ret);
	hc_plane_deinit(&search.visited);
	hc_plane_deinit(&search.leaders);
	return err;
}
