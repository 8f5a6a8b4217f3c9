/**
 * @file
 * One row per thread: where it is, what its stack costs, and what it has of the heap.
 *
 * A stack reserves address space and costs memory only where it was touched, so that both are told.
 * Which function a thread runs in tells more than its number: the *calls* are its frames with
 * names, and the *entry* is what the C library called when the thread began (main(), or what was
 * given to pthread_create()).
 */
#ifndef HC_ANALYZERS_INSPECT_THREAD_TABLE_H
#define HC_ANALYZERS_INSPECT_THREAD_TABLE_H

#include "analyzers/target.h"

/** Most calls that are kept of one thread: the innermost, and the entry where it is beyond. */
#define HC_THREAD_MAX_CALLS 64

/** A frame with its name. */
struct hc_thread_call {
	uint64_t pc;
	const struct hc_module *module; /**< NULL: none that is known */
	/** Symbol as the linker knows it; NULL: none. Lives as long as the process. Untrusted. */
	const char *function;
	uint64_t offset; /**< of pc in the function; without one, in the module */
	unsigned frame;  /**< 0: the innermost */
};

struct hc_thread_row {
	const struct hc_thread *thread;
	uint64_t reserved; /**< bytes mapped for the stack, guard included; 0: unknown */
	uint64_t guard;    /**< of these, bytes that can't be used */
	uint64_t present;  /**< bytes of the stack that are in the core */
	uint64_t touched;  /**< of these, bytes in pages that are not all zero */
	uint64_t live;  /**< bytes from the stack pointer to the stack's end; 0: it is elsewhere */
	uint32_t arena; /**< index; HC_ARENA_MMAP: unknown */
	const struct hc_thread_cache *cache; /**< NULL: unknown, or there is none */
	struct hc_thread_call *calls;        /**< the innermost first */
	size_t num_calls;
	size_t entry; /**< index into calls; num_calls: unknown */
	/** The first row that is in the same functions, called from the same places. */
	size_t place;
};

/** Stacks of threads that have ended. */
struct hc_thread_ended {
	size_t num;
	uint64_t reserved, touched; /**< bytes */
};

struct hc_thread_table {
	struct hc_thread_row *rows; /**< as in the core: the first is the one that died */
	size_t num;
	uint64_t reserved, touched; /**< bytes; sums over the rows */
	struct hc_thread_ended ended[HC_NUM_THREAD_ENDS];
};

/**
 * Look at every thread. Reads symbols and call frame information of the modules' files, where these
 * are there. The heap, which may be missing, tells arenas and caches. Not safe from several
 * threads.
 */
struct hc_error *hc_thread_table_run(struct hc_target *target, struct hc_thread_table *ret);
void hc_thread_table_deinit(struct hc_thread_table *table);

#endif
