/**
 * @file
 * Watching long work: what is going on, how much of it is done, and whether to go on.
 *
 * Whoever starts the work fills in an observer, whose callbacks may all be NULL. Loops tell it of
 * what they do through a @ref hc_watch, which also knows which part of a phase a loop is: a phase
 * of two loops goes from 0 to ½ in the first and from ½ to 1 in the second.
 *
 * What may call what: @ref hc_observer::phase and @ref hc_observer::share are called in the thread
 * that began the work. @ref hc_observer::cancelled is asked by every thread that works, often, so
 * it must be cheap and safe: a look at an atomic flag. Once it has said yes it must not say no
 * again. The work ends with @ref HC_ERROR_CANCELLED soon after, its threads joined and its memory
 * given back.
 *
 * A NULL watch is fine everywhere: nobody looks.
 */
#ifndef HC_CORE_BASE_WATCH_H
#define HC_CORE_BASE_WATCH_H

#include "core/base/error.h"

/** Kinds of long work. Their names for people belong to whoever shows them. */
enum hc_phase {
	HC_PHASE_NONE,       /**< nothing long is going on */
	HC_PHASE_READ,       /**< opening the core: notes, mappings, modules, threads */
	HC_PHASE_UNPACK,     /**< unpacking a compressed core, before it is read */
	HC_PHASE_WALK,       /**< walking the heap */
	HC_PHASE_CHECK,      /**< looking for contradictions in it */
	HC_PHASE_FOLLOW,     /**< following pointers from the roots */
	HC_PHASE_TYPES,      /**< reading types */
	HC_PHASE_SELECT,     /**< selecting chunks */
	HC_PHASE_COUNT,      /**< counting chunks by size, state or arena */
	HC_PHASE_TYPE,       /**< counting chunks by type */
	HC_PHASE_CLASSIFY,   /**< recognising what is in chunks */
	HC_PHASE_GROUP,      /**< grouping what is lost */
	HC_PHASE_GROWTH,     /**< grouping what is held */
	HC_PHASE_COMPARE,    /**< finding what chunks have in common */
	HC_PHASE_SEARCH,     /**< searching a pattern */
	HC_PHASE_REFER,      /**< looking for pointers to one address */
	HC_PHASE_RETAIN,     /**< finding what holds how much */
	HC_PHASE_CONTAINERS, /**< finding containers */
	HC_PHASE_REGIONS,    /**< looking at mappings */
	HC_NUM_PHASES
};

struct hc_observer {
	/** A phase begins, which ends the one before; @ref HC_PHASE_NONE: it has ended. */
	void (*phase)(void *ctx, enum hc_phase phase);
	/** So much of the phase is done, 0 to 1; never less than before. Not for every phase. */
	void (*share)(void *ctx, double share);
	/** Whether to end the work. */
	bool (*cancelled)(void *ctx);
	void *ctx;
};

/** One observer and where the work is. */
struct hc_watch {
	struct hc_observer observer;
	unsigned depth;  /**< phases that were entered and not left; the outermost one counts */
	double from, to; /**< part of the phase that the next loop is */
	double share;    /**< told last */
};

void hc_watch_init(struct hc_watch *watch, const struct hc_observer *observer);

/**
 * Enter a phase; every call needs one of hc_watch_leave(). Within another phase this says nothing,
 * so that a step looks the same whether it is asked for alone or as a part of something larger.
 */
void hc_watch_enter(struct hc_watch *watch, enum hc_phase phase);
void hc_watch_leave(struct hc_watch *watch);

/**
 * What follows goes from @p from to @p to, shares of the phase. Only the outermost phase can be
 * divided: within another one this does nothing.
 */
void hc_watch_part(struct hc_watch *watch, double from, double to);

/** @p done of @p total steps of the loop are done. */
void hc_watch_done(struct hc_watch *watch, uint64_t done, uint64_t total);

/** Whether to end the work. Safe from several threads. */
static inline bool hc_watch_cancelled(const struct hc_watch *watch)
{
	return watch && watch->observer.cancelled && watch->observer.cancelled(watch->observer.ctx);
}

/** @ref HC_ERROR_CANCELLED when the work is to end, else NULL. */
struct hc_error *hc_watch_check(const struct hc_watch *watch);

#endif
