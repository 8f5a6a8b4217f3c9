/**
 * @file
 * Chains: by which pointers a root leads to a chunk, in one line.
 *
 *     g_cache (app) > struct cache > struct entry*[] > struct entry
 *
 * Chunks of one kind in a row are one step with a number: "g_list (app) > 20 × struct node"; those
 * of one container of a standard library are one, too: "g_cache (app) > std::map or set of 1,000
 * elements".
 */
#ifndef HC_CMD_SHOW_CHAIN_H
#define HC_CMD_SHOW_CHAIN_H

#include "cmd/show/holder.h"
#include "core/heap/heap.h"

/**
 * A shortest chain (path.h) to a chunk, up to what points to it.
 *
 * @param max_chunks that are looked through for it; 0: all that there are
 * @param[out] ret a phrase of @p doc; unknown where no chain leads to it, or only a longer search
 *                 would tell
 */
struct hc_error *hc_chain_phrase(const struct hc_namer *namer, const struct hc_chunk *chunk,
				 uint64_t max_chunks, struct hc_document *doc, struct hc_cell *ret);

#endif
