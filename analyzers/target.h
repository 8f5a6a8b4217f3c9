/**
 * @file
 * A target: one dead process and all that is known of it.
 *
 * What every analyzer gets. Opening one reads the core (process.h); everything else is computed
 * when it is first asked for, once, and kept:
 *
 * | call | gives | needs |
 * |---|---|---|
 * | hc_target_heap() | the heap model, walked | |
 * | hc_target_check() | its contradictions | heap |
 * | hc_target_reach() | which chunks are reachable | heap |
 * | hc_target_signatures() | the content classes | |
 * | hc_target_classifier() | the same at work on this process | heap, signatures |
 * | hc_target_types() | types of chunks, with little or much effort | heap |
 *
 * A call computes what it needs first. What it gave belongs to the target and lives as long. The
 * members of the struct show what is there already, for those who only want to tell about it.
 *
 * **Errors.** That there is no heap is an answer: it is kept, and every call that needs a heap
 * gives it again, with the same words. So is every other failure to read the heap. After @ref
 * HC_ERROR_CANCELLED or @ref HC_ERROR_NO_MEMORY the same call may be made again; what it computes
 * then is as if it had been the first.
 *
 * **Threads.** A call on a target is made by one thread at a time; it may use process->jobs
 * threads inside. What the calls gave, and everything that headers call safe from several threads,
 * may be read by many meanwhile, but hc_target_reach() and hc_target_check() change the heap, so
 * that nobody may read it during the first call of these. Targets share nothing that changes:
 * any number may be open in one program, used in turns or each by a thread of its own.
 *
 * **Watching.** The observer (watch.h) hears which phase has begun and which share of it is done,
 * of what the target computes and of what analyzers do with it, and can end the work.
 */
#ifndef HC_ANALYZERS_TARGET_H
#define HC_ANALYZERS_TARGET_H

#include "analyzers/content/classifier.h"
#include "analyzers/reachability/reachability.h"
#include "analyzers/types/types.h"
#include "core/base/cleanup.h"
#include "core/base/watch.h"
#include "core/heap/heap.h"

struct hc_suppressions;

/** What a target computes when it is first asked for it. */
enum hc_target_part {
	HC_TARGET_HEAP,
	HC_TARGET_CHECK,
	HC_TARGET_REACH,
	HC_TARGET_CLASSIFIER,
	HC_TARGET_TYPES_QUICK,
	HC_TARGET_TYPES_FULL,
	HC_NUM_TARGET_PARTS
};

/**
 * Told before a part is computed. Need not return: a process that was forked from the one which
 * keeps the target can end here, and have the part computed there.
 */
typedef void hc_target_part_fn(void *ctx, enum hc_target_part part);

struct hc_target_options {
	struct hc_process_options process; /**< its watch is the target's, whatever it says */
	/** Content classes; must outlive the target. NULL: the built-in ones */
	const struct hc_signatures *signatures;
	enum hc_literal_engine prefilter; /**< of the classifier */
};

/** Everything is for reading only. */
struct hc_target {
	struct hc_process *process; /**< always there */

	/** @name NULL until it is asked for. */
	/**@{*/
	const struct hc_heap *heap; /**< reach_known and checked say what else is there */
	const struct hc_signatures *signatures;
	const struct hc_classifier *classifier;
	/** Of the last hc_target_types(); names are made on demand, hence not const. */
	struct hc_types *types;
	const char *no_heap;     /**< why there is no heap, a sentence without full stop */
	enum hc_absence absence; /**< the same in a word; with @ref no_heap */
	/**@}*/

	struct hc_reach_stats reach; /**< once heap->reach_known */
	/** Leaks that are not to be told: leaks/suppress.h; the caller's. NULL: none */
	const struct hc_suppressions *suppressions;
	struct hc_watch watch;       /**< for loops */
	hc_target_part_fn *computes; /**< for its owner to set; NULL: nobody wants to know */
	void *computes_ctx;

	/** @name Private */
	/**@{*/
	struct hc_target_options options;
	bool borrowed;                  /**< process and heap are the caller's */
	struct hc_heap *owned_heap;     /**< the heap, to change it */
	struct hc_error *heap_error;    /**< what hc_target_heap() answers */
	struct hc_signatures *built_in; /**< when the options name none */
	struct hc_classifier *own_classifier;
	struct hc_types *efforts[HC_TYPES_FULL + 1];
	/**@}*/
};

/**
 * Open a core.
 *
 * @param options  its strings must outlive the target
 * @param observer NULL: nobody looks; copied
 * @return as hc_process_open()
 */
struct hc_error *hc_target_open(const char *path, const struct hc_target_options *options,
				const struct hc_observer *observer, struct hc_target **ret);

/**
 * A target of a process, and maybe a heap, that were opened otherwise and stay the caller's. Where
 * heap->reach_known is set, it stands.
 *
 * @param heap    NULL: it is opened when it is asked for, and is the target's
 * @param options NULL: the default ones
 */
struct hc_error *hc_target_of(struct hc_process *process, struct hc_heap *heap,
			      const struct hc_target_options *options, struct hc_target **ret);

/** NULL is fine. */
void hc_target_close(struct hc_target *target);

/** @return as hc_heap_open(), see above */
struct hc_error *hc_target_heap(struct hc_target *target, const struct hc_heap **ret);

/** The same where none is fine: then NULL, and hc_target::no_heap says why. */
struct hc_error *hc_target_heap_if_any(struct hc_target *target, const struct hc_heap **ret);

/** hc_heap_check() of the heap. */
struct hc_error *hc_target_check(struct hc_target *target);

/** Marks the heap: chunks in use have a reach from here on. @param[out] ret NULL is fine */
struct hc_error *hc_target_reach(struct hc_target *target, const struct hc_reach_stats **ret);

struct hc_error *hc_target_signatures(struct hc_target *target, const struct hc_signatures **ret);

/** @return also @ref HC_ERROR_ARGUMENT for a prefilter that is not there */
struct hc_error *hc_target_classifier(struct hc_target *target, const struct hc_classifier **ret);

/**
 * The types, with at least this effort: once @ref HC_TYPES_FULL was asked for, who asks for less
 * gets these.
 */
struct hc_error *hc_target_types(struct hc_target *target, enum hc_types_effort effort,
				 struct hc_types **ret);

/** Compute a part, unless it is there. */
struct hc_error *hc_target_compute(struct hc_target *target, enum hc_target_part part);

/** @name For analyzers */
/**@{*/

static inline struct hc_target *hc_target_enter(struct hc_target *target, enum hc_phase phase)
{
	hc_watch_enter(&target->watch, phase);
	return target;
}

static inline void hc_target_leavep(struct hc_target **target)
{
	hc_watch_leave(&(*target)->watch);
}

/**
 * A phase that lasts to the end of the scope. Ask for what the analyzer needs first: the phases of
 * these would not be heard.
 */
#define hc_target_phase(target, phase)                                                             \
	__attribute__((unused)) hc_cleanup(hc_target_leavep) struct hc_target *hc_phase_ =         \
		hc_target_enter(target, phase)
/**@}*/

static inline void hc_target_closep(struct hc_target **target)
{
	hc_target_close(*target);
}

#endif
