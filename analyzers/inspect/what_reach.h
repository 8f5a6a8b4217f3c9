/**
 * @file
 * Reachability of the few chunks that the answer about one address names, without marking the heap.
 *
 * Marking a heap of millions of chunks takes seconds, and most that are asked about are reachable.
 * To know that of one, a chain from a root is enough: the search for the shortest (path.h) stops
 * where it finds the chunk, and has come by many others then. A chunk that one of these points to
 * is reachable, too: so one look through memory settles the chunks that the search has not come by.
 *
 * Only "reachable" can be known so. What marking alone tells is left to it: that something is lost
 * or possible, and which words are pointers by a convention or a tag (conventions.h, tagged.h).
 * Links of 32 bits from a base (offsets.h) are not looked for: to a chunk that plain pointers hold,
 * such links are not told.
 */
#ifndef HC_ANALYZERS_INSPECT_WHAT_REACH_H
#define HC_ANALYZERS_INSPECT_WHAT_REACH_H

#include "analyzers/inspect/what.h"

/**
 * Try to know the reachability of all chunks of @p what, which hc_what_run() filled.
 *
 * @return NULL also when it can't be known so; hc_what::reach_known tells, and nothing changed then
 */
struct hc_error *hc_what_prove(const struct hc_heap *heap, struct hc_what *what);

#endif
