/**
 * @file
 * Threads that a core has caught inside the allocator.
 *
 * A busy process has its core taken in the middle of malloc() or free(). Then a chunk may have been
 * cut from a list and not yet returned, or given back and not yet on a list: no pointer to its
 * usable bytes exists, only one to its header, in a register or in the innermost frames. Such
 * chunks are neither lost nor damage; they count as roots' words do. And an arena may be half
 * written: top moved before the new sizes stand, links set one way only.
 *
 * Chunks are looked for in every thread whose pc lies in the module that holds the allocator's own
 * data (libc, or the program itself when it is static), unless it waits in a system call that no
 * allocator makes. A thread is *inside* the allocator when, in addition, a register (or, where it
 * waits in a call that allocators make, the innermost frames) points into the allocator's own
 * structures: an arena, or a chunk that it keeps for itself. That needs no symbols.
 */
#ifndef HC_ANALYZERS_REACHABILITY_INFLIGHT_H
#define HC_ANALYZERS_REACHABILITY_INFLIGHT_H

#include "core/heap/heap.h"

/** Bytes above the stack pointer that are searched: the frames of the allocator's functions. */
#define HC_INFLIGHT_FRAMES 1024

/** One thread inside the allocator. */
struct hc_inside {
	const struct hc_thread *thread;
	uint32_t arena; /**< that it works on, an index; HC_ARENA_MMAP: it does not show */
	/** The thread itself holds the arena's address; otherwise @ref arena is the one it belongs
	 * to. */
	bool names_arena;
	/**
	 * It was stopped between two instructions that write: neither waiting for a lock, nor dead
	 * of what it found.
	 */
	bool writes;
};

/** A chunk in use whose header a thread in the allocator's module holds. */
struct hc_inflight_chunk {
	uint64_t address; /**< user address */
	const struct hc_thread *thread;
};

struct hc_inflight {
	struct hc_inside *inside; /**< in the order of the threads */
	size_t num_inside;
	struct hc_inflight_chunk *chunks; /**< by address; each once */
	size_t num_chunks;
};

struct hc_error *hc_inflight_find(const struct hc_heap *heap, struct hc_inflight *ret);
void hc_inflight_deinit(struct hc_inflight *inflight);

/**
 * Whether a thread inside the allocator explains a contradiction: it names the arena whose data
 * this is about, or holds either end: the place itself with its chunk, what a link leads to, the
 * neighbour that says otherwise. A sound heap
 * may look like that for some instructions. Only threads that hc_inside::writes explain: one that
 * died of a fault inside the allocator found damage there.
 *
 * @return the thread, or NULL
 */
const struct hc_thread *hc_inflight_explains(const struct hc_inflight *inflight,
					     const struct hc_heap *heap,
					     const struct hc_inconsistency *fault);

/** Whether there are contradictions, and threads inside the allocator explain every one. */
bool hc_inflight_explains_all(const struct hc_inflight *inflight, const struct hc_heap *heap);

#endif
