/**
 * @file
 * What `analyze` says, for people and programs: behind the verb's file.
 */
#ifndef HC_CMD_VERBS_ANALYZE_H
#define HC_CMD_VERBS_ANALYZE_H

#include "analyzers/leaks/suppress.h"
#include "analyzers/reachability/inflight.h"
#include "analyzers/verdict/verdict.h"
#include "cmd/show/sample.h"

/** Inconsistencies that are listed; heapcore check has them all. */
#define HC_ANALYSIS_DAMAGE_SHOWN 3

/** A verdict, and what is needed to show it. */
struct hc_analysis {
	struct hc_session *session;
	struct hc_document *doc;
	struct hc_view view;                 /**< to see which texts look the same */
	struct hc_suppressions suppressions; /**< of --suppress */
	struct hc_verdict verdict;
	struct hc_sampler sampler;   /**< when there is a heap */
	char *quoted;                /**< the core's path, for a shell */
	char *suppress;              /**< the file that names leaks, for a shell; NULL: none */
	char *last_words;            /**< hc_heap::abort_message without secrets; NULL: none */
	struct hc_inflight inflight; /**< threads that were inside the allocator */
	/** Of each finding: by which pointers a root leads to its sample; unknown: not looked for.
	 */
	struct hc_cell holders[HC_MAX_FINDINGS];
};

/** Name of the program, or NULL. */
static inline const char *hc_analysis_process_name(const struct hc_analysis *analysis)
{
	const struct hc_core *core = analysis->session->target->process->core;

	return core->has_prpsinfo ? core->prpsinfo.name : NULL;
}

/** Whether the heap contradicts itself where no thread was just changing it. */
static inline bool hc_analysis_damaged(const struct hc_analysis *analysis)
{
	const struct hc_heap *heap = analysis->session->target->heap;

	return heap && heap->inconsistencies_total &&
	       !hc_inflight_explains_all(&analysis->inflight, heap);
}

/** Inconsistencies to list: the first ones of the heap. */
static inline size_t hc_analysis_damage_shown(const struct hc_heap *heap)
{
	size_t num = heap ? heap->num_inconsistencies : 0;

	return num < HC_ANALYSIS_DAMAGE_SHOWN ? num : HC_ANALYSIS_DAMAGE_SHOWN;
}

/* analyze_phrase.c */

/** "heapcore VERB CORE", with --suppress: without it, groups and findings would have other numbers.
 * @param verb static */
struct hc_cell hc_numbers_command(const struct hc_analysis *analysis, const char *verb);

/* analyze_text.c */

/** The accounting for people. */
extern const struct hc_shape hc_analysis_lines_shape;

/** For people: whose core, damage, the verdict, where the bytes are. */
void hc_analysis_say(struct hc_analysis *analysis);
/** For people: what to do next. */
void hc_analysis_say_next(struct hc_analysis *analysis);

/* analyze_phrase.c */

/**
 * What a finding is, with its bytes and their share: "59,880 × ItopRequest (544 bytes) lost: 31.1
 * MiB, 98 %"; where less was touched than there is, both.
 */
struct hc_cell hc_finding_full_phrase(const struct hc_analysis *analysis,
				      const struct hc_finding *finding);

/* analyze_finding.c */

/** A text that many chunks of a finding hold. */
struct hc_finding_text {
	struct hc_excerpt excerpt;
	uint64_t chunks;  /**< that hold it */
	uint64_t matches; /**< in these, where one holds many; else 0 */
};

/** The one text that tells most: a clue, a text that repeats, a line. @return whether there is one
 */
bool hc_finding_best_text(const struct hc_finding *finding, struct hc_finding_text *ret);

/* analyze_data.c */

/** Find who holds the largest kinds of chunks that are held, where that takes little time. */
struct hc_error *hc_analysis_find_holders(struct hc_analysis *analysis);

/**
 * Add finding @p i: all that is known of it, and for people what it is, what it holds, a sample and
 * the command that shows it.
 */
void hc_analysis_describe_finding(struct hc_analysis *analysis, size_t i);

/** Add what the list of findings leaves out. */
void hc_analysis_describe_rest(struct hc_analysis *analysis);

/* analyze_brief.c */

/** Findings of which everything is said, at most; with -v all are. */
#define HC_ANALYSIS_MAX_IN_FULL 3

/** Whether everything is said of finding @p i: of the large ones, and of the largest loss. */
bool hc_analysis_in_full(const struct hc_analysis *analysis, size_t i);

/** Columns that a cell takes. */
size_t hc_analysis_columns(const struct hc_analysis *analysis, struct hc_cell cell);

/**
 * For people: a finding in one line, with what tells most about it. Behind the last one in a row,
 * which commands show them.
 */
void hc_analysis_say_briefly(struct hc_analysis *analysis, size_t i);

#endif
