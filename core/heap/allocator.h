/**
 * @file
 * The contract of an allocator back end. A new allocator is a new folder beside core/allocators/glibc/ and one
 * line in the table of allocator.c; no analyzer and no verb changes.
 *
 * hc_heap_open() asks the back ends in table order. For each it calls
 *
 *   recognise(process, heap, &state, &recognised)
 *     Decide, from memory alone and without symbols, whether this allocator made the heap. Fill the
 *     constants of the heap: word_size, alignment, min_chunk, first_large, evidence. Must not fail
 *     on foreign or damaged memory: what does not validate is "not recognised". May keep private
 *     state, which later calls get.
 *
 *   walk(process, heap, state)
 *     Called once, after a positive recognise(). Add the arenas and every span with its start bits;
 *     set the free bit (with HC_LIST_BIN) of chunks that boundary tags show to be free. Whatever is
 *     damaged is left out, reported with hc_heap_add_inconsistency() or process->diag, and
 *     heap->partial is set: an error is reserved for lack of memory. hc_heap_open() then seals the
 *     spans.
 *
 *   lists(process, heap, state)
 *     Called after the seal, when addresses can be looked up. Put free chunks on their lists with
 *     hc_heap_set_free(), name the specials (top, the allocator's own chunks) and the pins (chunks
 *     that the C library holds in ways that pointer search can't see, such as a dtv), find the
 *     arena of each thread.
 *
 *   assign(process, heap, state)
 *     Called last: name the heap's mappings with hc_mappings_assign(); fill heap->abort_message
 *     when the allocator left one.
 *
 *   check(process, heap, state)
 *     Called by hc_heap_check(), if at all, at any time after hc_heap_open(): compare whatever the
 *     allocator's structures say twice, and report with hc_heap_add_inconsistency() what disagrees.
 *     In a sound heap nothing may be reported, and missing bytes are no contradiction. Time linear
 *     in headers and list members; must change nothing else in the heap.
 *
 *   destroy(state)
 *     When the heap is closed.
 *
 * Guarantees to the back end: process is complete (memory, mappings, modules, threads); several
 * cores may be open at once, so no file-scope state; the calls come from one thread, but may use
 * hc_parallel_for() themselves.
 */
#ifndef HC_CORE_HEAP_ALLOCATOR_H
#define HC_CORE_HEAP_ALLOCATOR_H

#include "core/heap/heap.h"

struct hc_allocator {
	const char *name; /**< "glibc malloc" */
	struct hc_error *(*recognise)(struct hc_process *process, struct hc_heap *heap,
				      void **state_ret, bool *recognised);
	struct hc_error *(*walk)(struct hc_process *process, struct hc_heap *heap, void *state);
	struct hc_error *(*lists)(struct hc_process *process, struct hc_heap *heap, void *state);
	struct hc_error *(*assign)(struct hc_process *process, struct hc_heap *heap, void *state);
	struct hc_error *(*check)(struct hc_process *process, struct hc_heap *heap, void *state);
	void (*destroy)(void *state); /**< NULL state is fine */
};

extern const struct hc_allocator hc_allocator_glibc;

/**
 * Allocators that this release can't read but can name, by file name in NT_FILE: "jemalloc",
 * "tcmalloc", "mimalloc". @return the name and the path that showed it, or NULL
 */
const char *hc_allocator_foreign(const struct hc_process *process, const char **path_ret);

#endif
