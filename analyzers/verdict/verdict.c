/**
 * @file
 * The verdict.
 *
 * Four things can make a process large: chunks that are lost, chunks that are free, chunks that are
 * in use and reachable (growth: nobody prunes what still is referenced), and memory that is not
 * malloc's. Each is measured in bytes; what is small (MIN_SHARE of its base) or tiny (MIN_BYTES) is
 * no cause. Of the causes that remain the largest is the verdict, except that lost chunks count
 * LEAK_WEIGHT times: they can only grow, and somebody must fix them even while a cache is larger.
 *
 * Stacks are address space first: eight MiB for each thread, of which a few pages are touched, and
 * a core does not tell which. They are left out of what a cause must have its share of, and are
 * named only where there is no other.
 */
#include "analyzers/verdict/verdict.h"
#include "core/base/cleanup.h"

#define MIN_BYTES (UINT64_C(64) << 10)
#define MIN_SHARE 0.10   /**< of the chunks in use, for lost ones */
#define MIN_FREE 0.50    /**< of the heap, for retention */
#define MIN_OUTSIDE 0.50 /**< of the occupied bytes, for memory that is not malloc's */
#define MIN_GROWTH 0.50  /**< of the occupied bytes, held by reachable chunks */
#define MIN_STACKS 0.50  /**< of the anonymous bytes */
/**
 * A small process whose chunks are in use is as it should be, and a heap keeps 128 KiB at its top;
 * growth, retention and stacks begin to matter here. Bytes.
 */
#define MIN_MATTER_BYTES (UINT64_C(1) << 20)
#define LEAK_WEIGHT 4
/**
 * Suspects below this share of the anonymous bytes are not worth a sentence, but the first always
 * is.
 */
#define MIN_SUSPECT 0.01
/** Kinds of reachable chunks that are named: beyond the first few they explain nothing. */
#define MAX_KINDS 5

const char *hc_verdict_name(enum hc_verdict_kind kind)
{
	static const char *const names[] = {
		[HC_VERDICT_LEAK] = "leak",           [HC_VERDICT_GROWTH] = "growth",
		[HC_VERDICT_RETENTION] = "retention", [HC_VERDICT_OUTSIDE] = "outside",
		[HC_VERDICT_NOTHING] = "nothing",     [HC_VERDICT_NO_HEAP] = "no-heap",
	};
	return names[kind];
}

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

static double share_of(uint64_t bytes, uint64_t total)
{
	return total ? (double)bytes / total : 0;
}

static struct hc_suspect *add_suspect(struct hc_verdict *verdict, uint64_t bytes)
{
	double share = share_of(bytes, verdict->accounting.total);
	if (verdict->num_suspects == HC_MAX_SUSPECTS ||
	    (verdict->num_suspects && share < MIN_SUSPECT))
		return NULL;
	struct hc_suspect *suspect = &verdict->suspects[verdict->num_suspects++];
	*suspect = (struct hc_suspect){.share = share, .class = HC_CLASS_OTHER};
	return suspect;
}

static void suspect_groups(struct hc_verdict *verdict)
{
	for (size_t i = 0; i < verdict->leaks.num_groups; i++) {
		const struct hc_leak_group *group = &verdict->leaks.groups[i];
		uint64_t bytes = group->roots.bytes + group->below.bytes;
		struct hc_suspect *suspect = add_suspect(verdict, bytes);
		if (!suspect)
			return;
		suspect->group = group;
		suspect->group_number = i + 1;
		suspect->size = suspect->max_size = group->root_size;
		suspect->count.chunks = group->roots.chunks + group->below.chunks;
		suspect->count.bytes = bytes;
		suspect->class = group->content;
		suspect->class_count = group->content_count;
		suspect->type = group->root_type;
		suspect->type_chunks = group->roots.chunks;
		suspect->sample =
			group->sample_content ? group->sample_content : group->sample_root;
	}
}

/** Kinds of reachable chunks that hold the most. */
static void suspect_growth(struct hc_verdict *verdict)
{
	const struct hc_growth *growth = &verdict->growth;
	for (size_t i = 0; i < growth->num_kinds && i < MAX_KINDS; i++) {
		const struct hc_growth_kind *kind = &growth->kinds[i];
		struct hc_suspect *suspect = add_suspect(verdict, kind->count.bytes);
		if (!suspect)
			break;
		suspect->kind = kind;
		suspect->size = kind->size;
		suspect->max_size = kind->max_size;
		suspect->count = kind->count;
		suspect->class = kind->class;
		suspect->class_count = kind->class_count;
		suspect->sample = kind->sample;
		suspect->type = kind->type;
		suspect->type_chunks = kind->type_chunks;
	}
}

/** Anonymous bytes without those that may be addresses and no memory. */
static uint64_t occupied(const struct hc_accounting *accounting)
{
	return accounting->total - accounting->parts[HC_PART_STACK] -
	       accounting->parts[HC_PART_GIVEN_BACK];
}

static enum hc_verdict_kind decide(const struct hc_verdict *verdict)
{
	const struct hc_accounting *accounting = &verdict->accounting;
	uint64_t memory = occupied(accounting), stacks = accounting->parts[HC_PART_STACK];
	uint64_t in_use = verdict->lost_bytes + verdict->reachable_bytes + verdict->possible_bytes;
	uint64_t outside = accounting->parts[HC_PART_OTHER];
	uint64_t reachable = verdict->reachable_bytes + verdict->possible_bytes;
	struct {
		enum hc_verdict_kind kind;
		bool applies;
		uint64_t bytes;
	} causes[] = {
		{HC_VERDICT_LEAK, share_of(verdict->lost_bytes, in_use) >= MIN_SHARE,
		 verdict->lost_bytes * LEAK_WEIGHT},
		{HC_VERDICT_RETENTION,
		 share_of(verdict->free_bytes, in_use + verdict->free_bytes) >= MIN_FREE &&
			 verdict->free_bytes >= MIN_MATTER_BYTES,
		 verdict->free_bytes},
		{HC_VERDICT_GROWTH,
		 share_of(reachable, memory) >= MIN_GROWTH && reachable >= MIN_MATTER_BYTES,
		 reachable},
		{HC_VERDICT_OUTSIDE, share_of(outside, memory) >= MIN_OUTSIDE, outside},
	};
	enum hc_verdict_kind kind = HC_VERDICT_NOTHING;
	uint64_t most = 0;
	for (size_t i = 0; i < sizeof(causes) / sizeof(causes[0]); i++) {
		uint64_t least =
			causes[i].kind == HC_VERDICT_LEAK ? MIN_BYTES * LEAK_WEIGHT : MIN_BYTES;
		if (causes[i].applies && causes[i].bytes >= least && causes[i].bytes > most) {
			kind = causes[i].kind;
			most = causes[i].bytes;
		}
	}
	if (kind == HC_VERDICT_NOTHING && stacks >= MIN_MATTER_BYTES &&
	    share_of(stacks, accounting->total) >= MIN_STACKS)
		return HC_VERDICT_OUTSIDE;
	return kind;
}

static int compare_suspects(const void *a, const void *b)
{
	const struct hc_suspect *x = a, *y = b;
	if (x->count.bytes != y->count.bytes)
		return x->count.bytes < y->count.bytes ? 1 : -1;
	return (x->size > y->size) - (x->size < y->size);
}

static struct hc_error *judge(struct hc_target *target, struct hc_verdict *verdict)
{
	const struct hc_reach_stats *reach;
	struct hc_error *err;
	if ((err = hc_target_reach(target, &reach)) ||
	    (err = hc_arenas_run(target, &verdict->arenas)) ||
	    (err = hc_leaks_run(target, NULL, &verdict->leaks)))
		return err;
	verdict->reach = *reach;
	hc_accounting_run(target, &verdict->arenas, &verdict->accounting);
	sum_up(verdict);
	bool leak = share_of(verdict->lost_bytes, verdict->lost_bytes + verdict->reachable_bytes +
							  verdict->possible_bytes) >= MIN_SHARE;
	/* Where much is lost, what is in use on purpose need not be suspected. */
	if (!leak && (err = hc_growth_run(target, &verdict->growth)))
		return err;
	suspect_growth(verdict);
	suspect_groups(verdict);
	qsort(verdict->suspects, verdict->num_suspects, sizeof(verdict->suspects[0]),
	      compare_suspects);
	verdict->kind = decide(verdict);
	return hc_verdict_find_common(target, verdict);
}

struct hc_error *hc_verdict_run(struct hc_target *target, struct hc_verdict *ret)
{
	struct hc_verdict verdict = {.kind = HC_VERDICT_NO_HEAP};
	const struct hc_heap *heap;
	struct hc_error *err = hc_target_heap_if_any(target, &heap);
	if (!err && heap)
		err = judge(target, &verdict);
	else if (!err)
		hc_accounting_run(target, NULL, &verdict.accounting);
	if (err) {
		hc_verdict_deinit(&verdict);
		return err;
	}
	*ret = verdict;
	return NULL;
}

void hc_verdict_deinit(struct hc_verdict *verdict)
{
	for (size_t i = 0; i < verdict->num_suspects; i++)
		hc_common_deinit(&verdict->suspects[i].common);
	hc_arenas_deinit(&verdict->arenas);
	hc_leaks_deinit(&verdict->leaks);
	hc_growth_deinit(&verdict->growth);
	*verdict = (struct hc_verdict){0};
}
