/**
 * @file
 * The verdict: in a word, what holds the memory of a process; and the findings, largest first.
 *
 * A core is one moment: it can't show growth, two can. Causes are measured in touched bytes
 * (ruler.h) and compete: lost chunks, chunks that the program still reaches, freed memory, stacks,
 * memory outside of malloc. A cause below a tenth of the total, or of few bytes, does not stand
 * out. See the top of verdict.c.
 */
#ifndef HC_ANALYZERS_VERDICT_VERDICT_H
#define HC_ANALYZERS_VERDICT_VERDICT_H

#include "analyzers/counts/accounting.h"
#include "analyzers/counts/arenas.h"
#include "analyzers/counts/growth.h"
#include "analyzers/leaks/leaks.h"
#include "analyzers/target.h"
#include "analyzers/verdict/findings.h"
#include "analyzers/verdict/ruler.h"

enum hc_verdict_kind {
	HC_VERDICT_LEAK,      /**< lost chunks hold the most */
	HC_VERDICT_HELD,      /**< chunks that are reachable, or possibly so */
	HC_VERDICT_RETENTION, /**< freed memory that the allocator keeps */
	HC_VERDICT_STACKS,    /**< stacks, or the addresses that they reserve where those are few */
	HC_VERDICT_OUTSIDE,   /**< memory that is not malloc's */
	HC_VERDICT_MIXED,     /**< several of these, the largest less than twice the next */
	HC_VERDICT_NOTHING,   /**< no cause above a tenth */
	HC_VERDICT_UNKNOWN,   /**< what is lost can't be known, and would be a cause */
	HC_NUM_VERDICTS
};

/** "leak", "held", "retention", "stacks", "outside malloc", "mixed", "nothing stands out", "can't
 * tell". */
const char *hc_verdict_name(enum hc_verdict_kind kind);

/** What may hold the memory of a process. */
enum hc_cause {
	HC_CAUSE_LOST,
	HC_CAUSE_HELD,
	HC_CAUSE_FREED,
	HC_CAUSE_STACKS,
	HC_CAUSE_OUTSIDE,
	HC_NUM_CAUSES
};

struct hc_verdict {
	enum hc_verdict_kind kind;
	struct {
		uint64_t touched; /**< bytes */
		double share;     /**< of the touched total */
		bool stands_out;
	} causes[HC_NUM_CAUSES];
	enum hc_cause order[HC_NUM_CAUSES]; /**< most bytes first */
	/** Of a 32-bit process: stacks reserve most of the addresses that it can have at all. */
	bool addresses_in_stacks;

	const struct hc_heap *heap; /**< the target's; NULL: none */
	struct hc_accounting accounting;
	struct hc_ruler ruler;
	struct hc_arena_table arenas;
	struct hc_leaks leaks;
	struct hc_growth growth;
	struct hc_reach_stats reach;
	struct hc_owners owners;
	struct hc_blocks blocks; /**< empty where little is nobody's */
	struct hc_findings findings;
	uint64_t trimmable;         /**< bytes that malloc_trim could give back: whole pages */
	uint64_t trimmable_touched; /**< of these, touched: the others cost no memory now */
	uint64_t free_bytes;        /**< all free chunks, cached ones and top included */
	uint64_t reachable_bytes, possible_bytes,
		lost_bytes; /**< chunk sizes, mmapped ones included */
	uint64_t reachable_chunks, possible_chunks;
};

struct hc_error *hc_verdict_run(struct hc_target *target, struct hc_verdict *ret);
/** The same without hc_findings_describe(): for who wants to know which chunks a finding has. */
struct hc_error *hc_verdict_measure(struct hc_target *target, struct hc_verdict *ret);
/**
 * The same without the lost chunks that a file of suppressions (leaks/suppress.h) names: findings
 * have the numbers that they have where the target has these.
 */
struct hc_error *hc_verdict_measure_without(struct hc_target *target, const char *suppressions,
					    struct hc_diagnostics *diag, struct hc_verdict *ret);
void hc_verdict_deinit(struct hc_verdict *verdict);

/** Whether lost figures are upper bounds, because the core lacks what could hold the chunks. */
static inline bool hc_verdict_upper_bound(const struct hc_verdict *verdict)
{
	return verdict->heap && hc_missing_upper_bound(&verdict->reach.missing);
}

static inline uint64_t hc_verdict_lost_touched(const struct hc_verdict *verdict)
{
	return verdict->ruler.reach[HC_DEFINITE] + verdict->ruler.reach[HC_INDIRECT];
}

/** @p bytes of @p total, 0 to 1. */
static inline double hc_part_share(uint64_t bytes, uint64_t total)
{
	return total ? (double)bytes / total : 0;
}

#endif
