/**
 * @file
 * Ties: how many different chunks of each finding a sample of every other one points to.
 */
#include "analyzers/verdict/ties.h"

#include <stdlib.h>

#include "analyzers/verdict/offer.h"
#include "core/base/array.h"
#include "core/base/cleanup.h"

/** Bytes of a finding that are looked at, and bytes of one chunk. */
#define MAX_LOOKED (UINT64_C(8) << 20)
#define MAX_WINDOW 4096
/** Bytes that are looked at first, and the share below which nobody needs to look at more. */
#define FIRST_LOOKED (UINT64_C(2) << 20)
#define FIRST_SHARE 0.6
/** Fewer chunks make no kind that another one could be a part of. */
#define MIN_CHUNKS 100
/** Chunks of one kind that belong to one of another, at most. */
#define MAX_EACH 64
/** Least share of a kind that must be accounted for, and the most that can be without sharing. */
#define MIN_SHARE 0.9
#define MAX_SHARE 1.1
/** Chunks met twice in a sample that say something, and their share of what chance would meet. */
#define MIN_TWICE 8
#define MAX_TWICE 0.25

struct ties {
	const struct hc_target *target;
	struct hc_verdict *verdict;
	const struct hc_chunk_sample *samples; /* of each finding */
	uint64_t looked;                       /* bytes of each, at most */
	bool may_join[HC_MAX_FINDINGS];        /* by one of its shares */
	/** Share of the chunks of the second finding that those of the first one point to. */
	double share[HC_MAX_FINDINGS][HC_MAX_FINDINGS];
	size_t head[HC_MAX_FINDINGS]; /* finding that each one is with; itself: none */
};

/** Chunks of one other finding that a sample points to: each as often as different chunks do. */
struct pointees {
	uint64_t *items; /* user addresses */
	size_t num;
	size_t own; /* where those of the chunk begin that is looked at */
};

static size_t count_different(struct pointees *pointees)
{
	size_t ret = 0;

	hc_sort(pointees->items, pointees->num, hc_compare_u64);
	for (size_t i = 0; i < pointees->num; i++)
		ret += !i || pointees->items[i] != pointees->items[i - 1];
	return ret;
}

/** What there is no room for is left out. */
static void add_pointee(struct pointees *pointees, uint64_t address)
{
	for (size_t i = pointees->own; i < pointees->num; i++)
		if (pointees->items[i] == address)
			return;
	if (!hc_array_reserve(&pointees->items, pointees->num, sizeof(*pointees->items)))
		pointees->items[pointees->num++] = address;
}

static bool is_kind(const struct hc_finding *finding)
{
	return finding->growth && finding->count.chunks >= MIN_CHUNKS;
}

/**
 * Fetch the planes of what some words may point to: they lie anywhere, and each would be waited
 * for. Always inlined: to gcc, a function that does nothing but prefetch is one that does nothing.
 */
static inline __attribute__((always_inline)) void fetch_planes(const struct hc_heap *heap,
							       struct hc_bytes words)
{
	for (size_t at = 0; at + heap->word_size <= words.size; at += heap->word_size) {
		uint64_t value = hc_read_word(words.data + at, heap->word_size, heap->big_endian);
		const struct hc_span *span = value ? hc_heap_span(heap, value) : NULL;

		if (span && value >= span->base)
			__builtin_prefetch(&span->blocks[hc_span_unit(span, value - span->base) /
							 HC_UNITS_PER_BLOCK]);
	}
}

/** The bytes of a chunk that are looked at. */
static struct hc_bytes window_of(const struct hc_heap *heap, const struct hc_chunk *chunk)
{
	struct hc_bytes bytes = hc_chunk_bytes(heap, chunk);

	if (bytes.size > MAX_WINDOW)
		bytes.size = MAX_WINDOW;
	return bytes;
}

/** Note what one chunk points to: chunks of other findings. */
static void look_at(const struct ties *ties, size_t own, const struct hc_chunk *chunk,
		    struct pointees *pointees)
{
	const struct hc_heap *heap = ties->target->heap;
	const struct hc_findings *findings = &ties->verdict->findings;
	struct hc_bytes bytes = window_of(heap, chunk);
	unsigned word = heap->word_size;
	struct hc_chunk other;

	for (size_t i = 0; i < findings->num; i++)
		pointees[i].own = pointees[i].num;
	for (size_t at = 0; at + word <= bytes.size; at += word) {
		uint64_t value = hc_read_word(bytes.data + at, word, heap->big_endian);

		if (!value || !hc_heap_pointee(heap, value, &other) || !hc_chunk_is_held(&other))
			continue;
		size_t i = hc_findings_of_size(ties->verdict, other.size);
		if (i != own && i < findings->num && is_kind(&findings->items[i]))
			add_pointee(&pointees[i], other.address);
	}
}

/**
 * The share of a finding's chunks that pointees of @p looked_at of @p all chunks stand for.
 *
 * @param may_join set where it is so large that it would count, or could if more were looked at
 */
static double share_pointed_to(struct pointees *pointees, size_t looked_at, uint64_t all,
			       const struct hc_finding *finding, bool *may_join)
{
	double others = finding->count.chunks, num = pointees->num;
	size_t different = count_different(pointees);
	double each = looked_at ? (double)different / looked_at : 0, twice = num - different;

	if (each * all / others >= FIRST_SHARE)
		*may_join = true;
	if (each > MAX_EACH ||
	    (looked_at < all && twice >= MIN_TWICE && twice > MAX_TWICE * num * num / (2 * others)))
		return 0;
	return each * all / others;
}

/** Gather what the chunks of a sample point to. */
static void look_at_all(const struct ties *ties, size_t own, const struct hc_chunk_subsample *sub,
			struct pointees *pointees)
{
	const struct hc_heap *heap = ties->target->heap;
	struct hc_chunk chunk, before = {0};
	bool waits = false;

	for (size_t i = 0; i < sub->num; i++) {
		hc_chunk_subsample_fetch(sub, heap, i);
		if (!hc_heap_chunk_at(heap, hc_chunk_subsample_at(sub, i), &chunk))
			continue;
		fetch_planes(heap, window_of(heap, &chunk));
		/* What was asked for last time has come meanwhile. */
		if (waits)
			look_at(ties, own, &before, pointees);
		before = chunk;
		waits = true;
	}
	if (waits)
		look_at(ties, own, &before, pointees);
}

/** What the chunks of one finding account for, in proportion to its sample. */
static struct hc_error *measure(void *ctx, unsigned worker, size_t own)
{
	struct ties *ties = ctx;
	const struct hc_findings *findings = &ties->verdict->findings;
	const struct hc_finding *finding = &findings->items[own];
	struct pointees pointees[HC_MAX_FINDINGS] = {0};
	struct hc_chunk_subsample sub;

	(void)worker;
	if (!is_kind(finding))
		return NULL;
	hc_chunk_subsample_init_bytes(&sub, &ties->samples[own], ties->looked, MAX_WINDOW);
	look_at_all(ties, own, &sub, pointees);
	for (size_t i = 0; i < findings->num; i++) {
		ties->share[own][i] =
			pointees[i].num
				? share_pointed_to(&pointees[i], sub.num, finding->count.chunks,
						   &findings->items[i], &ties->may_join[own])
				: 0;
		free(pointees[i].items);
	}
	return NULL;
}

/**
 * Measure a part of the sample first: where all shares in it are far from what joins kinds, so they
 * are in the whole one, since what is met twice only makes them smaller there.
 */
static struct hc_error *measure_all(struct ties *ties)
{
	const struct hc_process *process = ties->target->process;
	size_t num = ties->verdict->findings.num;
	bool may_join = false;

	ties->looked = FIRST_LOOKED;
	struct hc_error *err = hc_process_parallel(process, num, measure, ties);
	for (size_t i = 0; i < num; i++)
		may_join |= ties->may_join[i];
	if (err || !may_join)
		return err;
	ties->looked = MAX_LOOKED;
	return hc_process_parallel(process, num, measure, ties);
}

/** What all that is with @p head accounts for of a finding. */
static double share_of(const struct ties *ties, size_t head, size_t of)
{
	double sum = 0;

	for (size_t i = 0; i < ties->verdict->findings.num; i++)
		if (ties->head[i] == head && ties->share[i][of] <= MAX_SHARE)
			sum += ties->share[i][of];
	return sum;
}

/** The larger one is the head of both. @return whether that is new */
static bool join(struct ties *ties, size_t a, size_t b)
{
	size_t head = a < b ? a : b, other = a < b ? b : a;

	for (size_t i = 0; a != b && i < ties->verdict->findings.num; i++)
		if (ties->head[i] == other)
			ties->head[i] = head;
	return a != b;
}

/** Until nothing more joins: each time one head less. */
static void join_all(struct ties *ties)
{
	size_t num = ties->verdict->findings.num;
	bool again = true;

	while (again) {
		again = false;
		for (size_t head = 0; head < num; head++)
			for (size_t i = 0; ties->head[head] == head && i < num; i++)
				if (ties->head[i] != head && share_of(ties, head, i) >= MIN_SHARE)
					again |= join(ties, head, ties->head[i]);
	}
}

static void tell(const struct ties *ties, struct hc_findings *findings)
{
	for (size_t i = 0; i < findings->num; i++) {
		struct hc_finding *head = &findings->items[ties->head[i]];

		findings->items[i].with = ties->head[i] == i ? 0 : ties->head[i] + 1;
		if (ties->head[i] == i)
			continue;
		if (!head->together)
			head->together = head->touched;
		head->together += findings->items[i].touched;
	}
}

struct hc_error *hc_findings_tie(const struct hc_target *target,
				 const struct hc_chunk_sample *samples, struct hc_verdict *verdict)
{
	struct ties ties = {.target = target, .verdict = verdict, .samples = samples};

	for (size_t i = 0; i < verdict->findings.num; i++)
		ties.head[i] = i;
	struct hc_error *err = measure_all(&ties);
	if (err)
		return err;
	join_all(&ties);
	tell(&ties, &verdict->findings);
	return NULL;
}
