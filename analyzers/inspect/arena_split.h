/**
 * @file
 * Parts of a heap by arena, or by the threads that allocate from them.
 *
 * A chunk does not tell who allocated it; the arena that it is in does, as far as each thread has
 * one of its own. By thread, arenas of no thread that is left are one part together, and what
 * threads share can't be told apart. Mmapped chunks are in no arena, and so of no thread.
 */
#ifndef HC_ANALYZERS_INSPECT_ARENA_SPLIT_H
#define HC_ANALYZERS_INSPECT_ARENA_SPLIT_H

#include "analyzers/inspect/thread_names.h"

enum hc_split_by { HC_SPLIT_ARENA, HC_SPLIT_THREAD, HC_NUM_SPLITS };

struct hc_split_part {
	char *label;         /**< "arena 3", "thread 4711 (handler)"; untrusted */
	uint32_t arena;      /**< index, or HC_ARENA_MMAP; of several, the first */
	uint32_t num_arenas; /**< 0: mmapped chunks */
	unsigned num_threads;
	int32_t lwp;      /**< the first thread's; 0: there is none */
	const char *name; /**< what all of them are called; NULL: not known, or they differ */
};

struct hc_arena_split {
	struct hc_split_part *parts; /**< mmapped chunks last */
	size_t num_parts;
	uint32_t *part_of; /**< by arena, mmapped chunks last: index of its part */
	size_t num_arenas;
	struct hc_thread_names names;
};

/** "arena", "thread"; NULL behind the last one. @param by enum hc_split_by */
const char *hc_split_name(unsigned by);

struct hc_error *hc_arena_split_run(struct hc_target *target, enum hc_split_by by,
				    struct hc_arena_split *ret);
void hc_arena_split_deinit(struct hc_arena_split *split);

/** Index of the part that chunks of an arena, or HC_ARENA_MMAP, are in. */
static inline uint32_t hc_arena_split_find(const struct hc_arena_split *split, uint32_t arena)
{
	return split->part_of[arena < split->num_arenas ? arena : split->num_arenas];
}

#endif
