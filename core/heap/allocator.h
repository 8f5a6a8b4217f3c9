/**
 * @file
 * The contract of an allocator back end.
 *
 * A new allocator is a new folder beside the others in core/allocators/, one `struct hc_allocator`,
 * and one line in the table of build.c; no analyzer and no verb changes. What follows, heap.h (the
 * model) and build.h (the calls that fill it) are all that its writer needs to know.
 *
 * What there is to decide first
 *
 *   Zones (hc_zone). One for each set of spans that have the same rules: which bytes of a chunk
 *   are not the program's, at which distance chunks may start (the unit), which size a request
 *   gets. An allocator with boundary tags has one for its heaps and one for chunks that are
 *   mappings of their own; one with size classes has a zone a class, whose unit is the size of the
 *   class, and one for runs of pages.
 *   Spans. Chunks stand back to back in them: what a slab has between its header and its first
 *   object, or behind its last one, is outside of the span. Everything that may be handed out is a
 *   chunk, handed out or not.
 *   Lists (hc_list). The kinds of places where chunks are that are not in use, at most four codes,
 *   in the words of those who know this allocator. HC_CACHED is for lists of which the rest of the
 *   allocator does not know (a thread's cache), HC_FREE for what it could use for something else.
 *   A bitmap of a slab is a list in this sense.
 *   Holes and pins. Which memory outside of spans is bookkeeping, whose pointers hold nothing
 *   alive; which chunks are in use although no pointer that can be found leads to them.
 *
 * The order of calls
 *
 *   hc_heap_open() goes through the table. For each allocator it calls recognise(), and when the
 *   answer is yes, walk() at once. Then, with all spans known, mark() of each that was recognised,
 *   then assign() of each. hc_heap_check() calls check(). The heap's end is destroy().
 *
 *   recognise(self, &recognised)
 *     Decide, from memory alone and without symbols, whether this allocator is at work in the
 *     process. Others may be, too; those earlier in the table have been walked already, and
 *     hc_heap_chunk_at() finds their chunks. Add the zones with hc_heap_add_zone(); those that
 *     depend on what walk() sees may be added there. Must not fail on foreign or damaged memory:
 *     what does not validate is "not recognised", and then nothing may have been added. self->state
 *     is for private state; when the answer is no it must be NULL again.
 *
 *   walk(self)
 *     Called once, after a positive recognise(). Add the arenas with hc_heap_add_arenas(), and
 *     every span with its start bits; the free bit may be set, with a code of hc_list in planes a
 * and b, of chunks whose state is plain to see. Memory that is a chunk of another allocator is
 * claimed with hc_heap_carve() before spans are laid over it. Whatever is damaged is left out,
 * reported with hc_heap_add_inconsistency() or process->diag, and heap->partial is set: an error is
 * reserved for lack of memory. The caller then seals the spans.
 *
 *   mark(self)
 *     Called after the last seal; addresses can be looked up, and spans don't move any more. Put
 *     chunks that are not in use on their lists with hc_heap_set_free(), name the specials (top,
 *     the allocator's own chunks), the pins, and the holes; say in heap->thread_arena which arena
 *     a thread uses (an array that the first who knows one makes; HC_ARENA_MMAP: unknown), and in
 *     heap->thread_cache what it keeps for itself (the same). Fill
 *     self->evidence.
 *
 *   assign(self)
 *     Called last: name the heap's mappings with hc_mappings_assign(). What spans leave of a
 *     mapping of a heap is no root; of other mappings it is, without the holes. Fill
 *     heap->abort_message when the allocator left one. NULL: nothing to do.
 *
 *   check(self)
 *     Called by hc_heap_check(), if at all, at any time after hc_heap_open(): compare whatever the
 *     allocator's structures say twice, and report with hc_heap_add_inconsistency() what
 *     disagrees. In a sound heap nothing may be reported, and missing bytes are no contradiction.
 *     Time linear in headers and list members; must change nothing else in the heap. NULL: there is
 *     nothing that is said twice.
 *
 *   next(self, address)
 *     Of a chunk that looks in use but may be on a list that a thread was taking apart when the
 *     core was made: the user address of the chunk that its link names, or 0. What is no link must
 *     not look like one. NULL: there are no such lists.
 *
 *   absent(process, &why, &library)
 *     When no allocator was recognised: whether the library of this one is there, and which release
 *     ("glibc 2.36 (…)", to be freed by the caller), and whether it was never called, or can't be
 *     told. Both are left alone where the library is not there. NULL: nothing is known.
 *
 *   destroy(state)
 *     When the heap is closed; also when recognise() failed.
 *
 * What the model promises: process is complete (memory, mappings, modules, threads); calls come
 * from one thread, but may use hc_parallel_for() themselves; specials, pins and inconsistencies
 * may be added in any order and more than once. Several cores may be open at once, so there must be
 * no file-scope state.
 *
 * What a back end must see to: bounds. Everything that it reads is hostile (docs/security.md):
 * sizes, counts and pointers are checked before use, and every loop over a linked structure is
 * bounded. A span that is larger than the memory of the core is one that the model may drop.
 */
#ifndef HC_CORE_HEAP_ALLOCATOR_H
#define HC_CORE_HEAP_ALLOCATOR_H

#include "core/heap/build.h"

/**
 * What can be done about memory that this allocator keeps, as parts of sentences; NULL where there
 * is nothing to say.
 */
struct hc_advice {
	const char *give_back;   /**< what returns free pages to the system: "malloc_trim" */
	const char *call;        /**< the same as one writes it in a program: "malloc_trim(0)" */
	const char *many_arenas; /**< how to have fewer arenas: "X=2 … limits them." */
	const char *large_top;   /**< how to keep less at the top: "a lower X gives it back …" */
};

struct hc_allocator {
	const char *name;            /**< "glibc malloc" */
	const char *library;         /**< whose version hc_heap_evidence::version is: "glibc" */
	const char *own;             /**< heading of what it needs for itself: "malloc's own" */
	const struct hc_list *lists; /**< in the order of reports */
	size_t num_lists;
	struct hc_advice advice;
	struct hc_error *(*recognise)(struct hc_backend *self, bool *recognised);
	struct hc_error *(*walk)(struct hc_backend *self);
	struct hc_error *(*mark)(struct hc_backend *self);
	struct hc_error *(*assign)(struct hc_backend *self);
	struct hc_error *(*check)(struct hc_backend *self);
	uint64_t (*next)(const struct hc_backend *self, uint64_t address);
	struct hc_error *(*absent)(const struct hc_process *process, enum hc_absence *why_ret,
				   char **library_ret);
	void (*destroy)(void *state); /**< NULL state is fine */
};

/** Those that this release can read, in the order in which they are asked. */
const struct hc_allocator *const *hc_allocators(size_t *num_ret);

extern const struct hc_allocator hc_allocator_glibc;

/**
 * Allocators that this release can't read but can name, by file name in NT_FILE: "jemalloc",
 * "tcmalloc", "mimalloc". @return the name and the path that showed it, or NULL
 */
const char *hc_allocator_foreign(const struct hc_process *process, const char **path_ret);

/**
 * An allocator that no file gives away, by what it leaves in memory: "musl (33 areas with one
 * secret…)". @param[out] ret to be freed by the caller; NULL when there is none
 */
struct hc_error *hc_allocator_evident(const struct hc_process *process, char **ret);

#endif
