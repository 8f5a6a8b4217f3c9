/**
 * @file
 * Threads: registers, stack and thread block of each.
 *
 * The stack of a thread that the C library started is found exactly, without symbols, by what the
 * library has written down (thread_library.h). The main thread's stack is the VMA that its stack
 * pointer, or AT_EXECFN, lies in.
 *
 * Its thread block lies in a mapping with other things (the heap of a static program, what ld.so
 * allocates). It ends where the static TLS of the modules ends; where no module says, with the page
 * of the last TLS block that the library names. A heap that is found there has precedence.
 *
 * Stacks of threads that have exited may be kept mapped. They are found, too, and named, since
 * their bytes are neither live nor leaked. How each ended the library may have written down, too: a
 * thread that nobody joined or detached keeps its stack until somebody does.
 */
#ifndef HC_CORE_PROCESS_THREAD_H
#define HC_CORE_PROCESS_THREAD_H

#include "core/elf/core.h"
#include "core/process/mapping.h"
#include "core/process/memory.h"
#include "core/process/module.h"

struct hc_thread {
	int32_t lwp;
	int32_t signal;
	bool main; /**< lwp == pid, or the only thread */
	unsigned num_regs;
	uint64_t regs[HC_MAX_REGS];
	uint64_t pc, sp;
	uint64_t tp;          /**< thread pointer; 0 when unknown */
	bool exact;           /**< stack and block come from the C library, not from the VMA */
	uint64_t guard_start; /**< == stack_start when there is no guard */
	uint64_t stack_start, stack_end; /**< usable stack, without guard; equal when unknown */
	uint64_t live_start; /**< sp minus the red zone: [live_start, stack_end) is live */
	/** Static TLS and the library's struct; equal when unknown. */
	uint64_t block_start, block_end;
};

/** How a thread ended. */
enum hc_thread_end {
	HC_THREAD_END_UNKNOWN,
	HC_THREAD_JOINED,
	HC_THREAD_DETACHED,
	HC_THREAD_UNJOINED, /**< joinable, and never joined */
	HC_THREAD_FORKED,   /**< it didn't: it is the parent's, and fork() copied its stack alone */
	HC_NUM_THREAD_ENDS
};

struct hc_threads {
	struct hc_thread *items; /**< as in the core: the first is the one that died */
	size_t num;
	/** Stacks of exited threads, by address: [start, end) without guard. */
	struct hc_stack_range {
		uint64_t start, end;
		enum hc_thread_end how;
	} * cached;
	size_t num_cached;
	size_t num_unjoined; /**< of these */
	size_t num_forked;   /**< of these */
};

/** Build the table and assign stacks, guards and TLS in @p mappings. */
struct hc_error *hc_threads_load(const struct hc_core *core, const struct hc_memory *memory,
				 const struct hc_modules *modules, struct hc_mappings *mappings,
				 struct hc_threads *ret);
void hc_threads_deinit(struct hc_threads *threads);

/** @name Whose it is: the first thread that has something in [start, end), or NULL */
/**@{*/

/** In its stack, without the guard. */
const struct hc_thread *hc_threads_stack_in(const struct hc_threads *threads, uint64_t start,
					    uint64_t end);
/** In its thread block; the thread pointer counts, also where the block's bounds are unknown. */
const struct hc_thread *hc_threads_block_in(const struct hc_threads *threads, uint64_t start,
					    uint64_t end);
/** The thread whose stack, guard or block an address is in. */
const struct hc_thread *hc_threads_at(const struct hc_threads *threads, uint64_t address);
/**@}*/

#endif
