/**
 * @file
 * The verdict.
 *
 * Five things can make a process large; each is measured in touched bytes. One that holds less than
 * a tenth of the total (MIN_SHARE) is no cause, nor is one of a few bytes: a small process whose
 * chunks are in use is as it should be, a heap keeps 128 KiB at its top, and every runtime maps
 * something of its own. Lost chunks matter earlier, since nobody will ever free them.
 *
 * The largest cause is the verdict, unless the next one is more than half as large. Where the core
 * lacks what could hold the chunks that look lost, and these would be a cause, there is no verdict.
 */
#include "analyzers/verdict/verdict.h"

#include <stdlib.h>

#include "core/base/cleanup.h"

#define MIN_SHARE 0.10
#define MIN_LOST_BYTES (UINT64_C(64) << 10)
#define MIN_BYTES (UINT64_C(1) << 20)
/** Addresses of a 32-bit process, at most: a kernel of 32 bits leaves 3 GiB of them. */
#define ADDRESSES_32_BIT (UINT64_C(4) << 30)
/** How many times the next cause the largest must be to be the verdict alone. */
#define CLEAR 2

const char *hc_verdict_name(enum hc_verdict_kind kind)
{
	static const char *const names[] = {
		[HC_VERDICT_LEAK] = "leak",
		[HC_VERDICT_HELD] = "held",
		[HC_VERDICT_RETENTION] = "retention",
		[HC_VERDICT_STACKS] = "stacks",
		[HC_VERDICT_OUTSIDE] = "outside malloc",
		[HC_VERDICT_MIXED] = "mixed",
		[HC_VERDICT_NOTHING] = "nothing stands out",
		[HC_VERDICT_UNKNOWN] = "can't tell",
	};
	return names[kind];
}

/** @name Measuring */
/**@{*/

static void sum_up(struct hc_verdict *verdict)
{
	for (size_t i = 0; i < verdict->arenas.num_rows; i++) {
		const struct hc_arena_row *row = &verdict->arenas.rows[i];
		verdict->trimmable += row->trimmable;
		for (int state = HC_CACHED; state <= HC_TOP; state++)
			verdict->free_bytes += row->states[state].bytes;
	}
	verdict->reachable_bytes = verdict->reach.kinds[HC_REACHABLE].bytes;
	verdict->reachable_chunks = verdict->reach.kinds[HC_REACHABLE].chunks;
	verdict->possible_bytes = verdict->reach.kinds[HC_POSSIBLE].bytes;
	verdict->possible_chunks = verdict->reach.kinds[HC_POSSIBLE].chunks;
	verdict->lost_bytes =
		verdict->reach.kinds[HC_DEFINITE].bytes + verdict->reach.kinds[HC_INDIRECT].bytes;
}

static struct hc_error *measure_heap(struct hc_target *target, struct hc_verdict *verdict)
{
	const struct hc_reach_stats *reach;
	struct hc_error *err;

	if ((err = hc_target_reach(target, &reach)) ||
	    (err = hc_arenas_run(target, &verdict->arenas)) ||
	    (err = hc_leaks_run(target, NULL, &verdict->leaks)) ||
	    (err = hc_growth_run(target, &verdict->growth)))
		return err;
	verdict->reach = *reach;
	sum_up(verdict);
	return NULL;
}

static struct hc_error *measure(struct hc_target *target, struct hc_verdict *verdict)
{
	struct hc_error *err = hc_target_heap_if_any(target, &verdict->heap);

	if (!err && verdict->heap)
		err = measure_heap(target, verdict);
	if (err)
		return err;
	hc_accounting_run(target, verdict->heap ? &verdict->arenas : NULL, &verdict->accounting);
	err = hc_ruler_run(target, &verdict->accounting, verdict->heap ? &verdict->reach : NULL,
			   &verdict->ruler);
	if (!err && verdict->trimmable > verdict->ruler.untouched_free)
		verdict->trimmable_touched = verdict->trimmable - verdict->ruler.untouched_free;
	verdict->addresses_in_stacks =
		target->process->memory.word_size == 4 &&
		verdict->accounting.parts[HC_PART_STACK] >= ADDRESSES_32_BIT / 2;
	return err;
}
/**@}*/

/** @name Judging */
/**@{*/

static uint64_t touched_by(const struct hc_verdict *verdict, enum hc_cause cause)
{
	const uint64_t *parts = verdict->ruler.parts, *reach = verdict->ruler.reach;

	switch (cause) {
	case HC_CAUSE_LOST:
		return hc_verdict_lost_touched(verdict);
	case HC_CAUSE_HELD:
		return reach[HC_REACHABLE] + reach[HC_POSSIBLE];
	case HC_CAUSE_FREED:
		return parts[HC_PART_CACHED] + parts[HC_PART_FREE] + parts[HC_PART_TOP];
	case HC_CAUSE_STACKS:
		return parts[HC_PART_STACK];
	default:
		return parts[HC_PART_OTHER];
	}
}

/** By bytes; there are few. */
static void sort_causes(struct hc_verdict *verdict)
{
	for (enum hc_cause i = 0; i < HC_NUM_CAUSES; i++) {
		size_t at = i;

		for (; at &&
		       verdict->causes[verdict->order[at - 1]].touched < verdict->causes[i].touched;
		     at--)
			verdict->order[at] = verdict->order[at - 1];
		verdict->order[at] = i;
	}
}

static enum hc_verdict_kind decide(struct hc_verdict *verdict)
{
	static const enum hc_verdict_kind kinds[HC_NUM_CAUSES] = {
		[HC_CAUSE_LOST] = HC_VERDICT_LEAK,       [HC_CAUSE_HELD] = HC_VERDICT_HELD,
		[HC_CAUSE_FREED] = HC_VERDICT_RETENTION, [HC_CAUSE_STACKS] = HC_VERDICT_STACKS,
		[HC_CAUSE_OUTSIDE] = HC_VERDICT_OUTSIDE,
	};
	enum hc_cause standing[HC_NUM_CAUSES];
	size_t num = 0;

	for (enum hc_cause i = 0; i < HC_NUM_CAUSES; i++) {
		uint64_t touched = touched_by(verdict, i);
		uint64_t least = i == HC_CAUSE_LOST ? MIN_LOST_BYTES : MIN_BYTES;

		verdict->causes[i].touched = touched;
		verdict->causes[i].share = hc_part_share(touched, verdict->ruler.total);
		verdict->causes[i].stands_out =
			touched >= least && verdict->causes[i].share >= MIN_SHARE;
	}
	sort_causes(verdict);
	for (size_t i = 0; i < HC_NUM_CAUSES; i++)
		if (verdict->causes[verdict->order[i]].stands_out)
			standing[num++] = verdict->order[i];
	if (hc_verdict_upper_bound(verdict) && verdict->causes[HC_CAUSE_LOST].stands_out)
		return HC_VERDICT_UNKNOWN;
	/* Touched bytes are what other processes lack; for itself it has run out of addresses. */
	if (verdict->addresses_in_stacks)
		return HC_VERDICT_STACKS;
	if (!num)
		return HC_VERDICT_NOTHING;
	if (num > 1 &&
	    verdict->causes[standing[0]].touched < CLEAR * verdict->causes[standing[1]].touched)
		return HC_VERDICT_MIXED;
	return kinds[standing[0]];
}
/**@}*/

struct hc_error *hc_verdict_measure(struct hc_target *target, struct hc_verdict *ret)
{
	struct hc_verdict verdict = {0};
	struct hc_error *err = measure(target, &verdict);

	if (!err)
		err = hc_findings_list(target, &verdict);
	if (err) {
		hc_verdict_deinit(&verdict);
		return err;
	}
	verdict.kind = decide(&verdict);
	*ret = verdict;
	return NULL;
}

struct hc_error *hc_verdict_run(struct hc_target *target, struct hc_verdict *ret)
{
	struct hc_verdict verdict;
	struct hc_error *err = hc_verdict_measure(target, &verdict);

	if (err)
		return err;
	err = hc_findings_describe(target, &verdict);
	if (err) {
		hc_verdict_deinit(&verdict);
		return err;
	}
	*ret = verdict;
	return NULL;
}

void hc_verdict_deinit(struct hc_verdict *verdict)
{
	hc_findings_deinit(&verdict->findings);
	hc_blocks_deinit(&verdict->blocks);
	hc_owners_deinit(&verdict->owners);
	hc_ruler_deinit(&verdict->ruler);
	hc_arenas_deinit(&verdict->arenas);
	hc_leaks_deinit(&verdict->leaks);
	hc_growth_deinit(&verdict->growth);
	*verdict = (struct hc_verdict){0};
}
