/**
 * @file
 * Touched bytes: how much of each mapping the program has ever written or read, as far as a core
 * tells. A mapping costs memory only where it was touched.
 *
 * With smaps of the same process it is what was resident. Without, a page counts as untouched when
 * the core lacks it or when all of its bytes are zero: memory that was only cleared, or never used,
 * looks the same. Pages of swapped memory count, those that were given back (MADV_DONTNEED) don't.
 *
 * Costs one pass over the zero pages of the core, at the speed of memory, with process->jobs
 * threads; of other pages only the first bytes are read.
 */
#ifndef HC_ANALYZERS_INSPECT_TOUCHED_H
#define HC_ANALYZERS_INSPECT_TOUCHED_H

#include "core/process/process.h"

struct hc_touched {
	uint64_t *bytes; /**< of each of process->mappings, in its order */
	size_t num;
	uint64_t anonymous; /**< sum over mappings that the accounting counts */
	bool resident;      /**< from smaps, for those mappings that it knows */
};

struct hc_error *hc_touched_run(const struct hc_process *process, struct hc_touched *ret);
void hc_touched_deinit(struct hc_touched *touched);

/** Bytes in pages of [start, end) that are in the core and not all zero, in the calling thread. */
uint64_t hc_touched_range(const struct hc_process *process, uint64_t start, uint64_t end);

#endif
