/**
 * @file
 * Guards: what becomes of SIGBUS in a process that is not ours.
 *
 * Files are mapped, and reading what was cut off meanwhile raises SIGBUS in the thread that reads.
 * A jump out of the handler would leave locks and half-made structures of every library in between,
 * and worker threads would have nowhere to jump to. So the handler puts a private mapping of zeroes
 * in place of what is gone and returns (as libwayland does for shared buffers): the read goes on,
 * finds zeroes, and whoever made the call learns from hc_guard_is_hit() that the answer is void.
 * All bytes of a core are hostile for the code that reads them, so these are as good as others.
 *
 * Which faults are a guard's:
 *
 * - those at addresses of its ranges, in whatever thread: the core, and pages that files of modules
 *   lend it;
 * - those of a thread that has entered the guard, wherever they are: a core that is being opened,
 *   and files that libraries map for themselves, which they read in the calling thread.
 *
 * All others go to the action that was there before. The list of guards is file-scope state, since
 * a signal has one handler in a process. The handler reads it without a lock; whoever takes a guard
 * out of it waits until no handler is inside.
 */
#ifndef HC_LIB_GUARD_H
#define HC_LIB_GUARD_H

#include <signal.h>
#include <stdatomic.h>

#include "core/base/bytes.h"
#include "core/base/error.h"

struct hc_guard {
	struct hc_bytes *ranges;
	size_t num_ranges;
	atomic_bool hit; /**< something was cut off */
	bool handles;    /**< it is counted among those that need the handler */
	struct hc_guard *next;
};

/**
 * Begin to guard, without ranges.
 *
 * @param handle install the handler; else the host calls hc_guard_mend()
 */
struct hc_error *hc_guard_init(struct hc_guard *guard, bool handle);
/** Give the ranges, an array that is the guard's from now on. Once. */
void hc_guard_set_ranges(struct hc_guard *guard, struct hc_bytes *ranges, size_t num);
/** Forget them, before they are unmapped. */
void hc_guard_drop_ranges(struct hc_guard *guard);
void hc_guard_deinit(struct hc_guard *guard);

/** What a thread had before it entered a guard. */
struct hc_guard_frame {
	struct hc_guard *outer;
	sigset_t mask;
};

/**
 * From here on faults of this thread are the guard's; NULL: only those in ranges, as in callbacks.
 * SIGBUS is let through, since a fault that is blocked ends the process; threads that are started
 * inherit that.
 */
void hc_guard_enter(struct hc_guard *guard, struct hc_guard_frame *frame);
void hc_guard_leave(const struct hc_guard_frame *frame);

static inline bool hc_guard_is_hit(const struct hc_guard *guard)
{
	return atomic_load_explicit(&guard->hit, memory_order_relaxed);
}

/** Mend a fault, if it is some guard's. Safe in signal handlers. */
bool hc_guard_mend(void *address);

#endif
