/**
 * @file
 * Telling an observer; see watch.h.
 */
#include "core/base/watch.h"

void hc_watch_init(struct hc_watch *watch, const struct hc_observer *observer)
{
	*watch = (struct hc_watch){.to = 1};
	if (observer)
		watch->observer = *observer;
}

static void tell(struct hc_watch *watch, enum hc_phase phase)
{
	if (watch->observer.phase)
		watch->observer.phase(watch->observer.ctx, phase);
	watch->from = watch->share = 0;
	watch->to = 1;
}

void hc_watch_enter(struct hc_watch *watch, enum hc_phase phase)
{
	if (watch && !watch->depth++)
		tell(watch, phase);
}

void hc_watch_leave(struct hc_watch *watch)
{
	if (watch && !--watch->depth)
		tell(watch, HC_PHASE_NONE);
}

void hc_watch_part(struct hc_watch *watch, double from, double to)
{
	if (!watch || watch->depth > 1)
		return;
	watch->from = from;
	watch->to = to;
}

void hc_watch_done(struct hc_watch *watch, uint64_t done, uint64_t total)
{
	if (!watch || !watch->observer.share || !total)
		return;
	double share = done < total ? (double)done / total : 1;

	share = watch->from + share * (watch->to - watch->from);
	/* A loop may be run more often than was thought: what is done stays done. */
	if (share <= watch->share)
		return;
	watch->share = share;
	watch->observer.share(watch->observer.ctx, share);
}

struct hc_error *hc_watch_check(const struct hc_watch *watch)
{
	return hc_watch_cancelled(watch) ? hc_error_create(HC_ERROR_CANCELLED, "interrupted")
					 : NULL;
}
