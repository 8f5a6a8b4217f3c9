/**
 * @file
 * What a C library's own struct tells of a thread: the contract.
 *
 * The kernel knows of a thread its registers. Which memory was mapped for its stack, and where its
 * static TLS is, only the C library has written down. thread.c asks these calls; each is to trust
 * nothing that it reads, and to answer "no" where its struct is not there. A library that can't be
 * asked costs accuracy, nothing else: the mapping that the stack pointer lies in is taken then.
 */
#ifndef HC_CORE_PROCESS_THREAD_LIBRARY_H
#define HC_CORE_PROCESS_THREAD_LIBRARY_H

#include "core/elf/core.h"
#include "core/process/mapping.h"
#include "core/process/memory.h"
#include "core/process/module.h"
#include "core/process/thread.h"

/** Where the answers are looked up. */
struct hc_thread_memory {
	const struct hc_core *core;
	const struct hc_memory *memory;
	const struct hc_modules *modules;
	struct hc_mappings *mappings;
	uint64_t page_mask;
};

/** What was mapped for one stack: guard bytes at its start, static TLS and the struct at its end.
 */
struct hc_stack_block {
	uint64_t start, size, guard;
	uint64_t at; /**< where the library's struct says so */
	uint64_t tp; /**< thread pointer of that struct */
};

/** Addresses; start == end: unknown. */
struct hc_thread_range {
	uint64_t start, end;
};

struct hc_thread_library {
	/** The block of the thread with this thread pointer, which lies in it. */
	bool (*find_stack)(const struct hc_thread_memory *in, uint64_t tp,
			   struct hc_stack_block *ret);
	/**
	 * Static TLS and the library's struct of a thread, inside of @p limits.
	 *
	 * @param ends_block the limits end where the thread's block does
	 */
	struct hc_thread_range (*find_block)(const struct hc_thread_memory *in, uint64_t tp,
					     struct hc_thread_range limits, bool ends_block);
	/**
	 * The highest block in a range that belonged to a thread which has exited.
	 *
	 * @param distance of its thread pointer from the end of a block, which is the same for all
	 * threads; 0: not known yet, look everywhere
	 */
	bool (*find_exited)(const struct hc_thread_memory *in, uint64_t distance,
			    struct hc_thread_range range, struct hc_stack_block *ret);
	/** Where the struct keeps a thread's number, as all these living ones show; 0: unknown. */
	uint64_t (*find_number)(const struct hc_thread_memory *in, const struct hc_thread *threads,
				size_t num);
	/** How the thread of a block has ended. @param number from find_number() */
	enum hc_thread_end (*how_ended)(const struct hc_thread_memory *in,
					const struct hc_stack_block *block, uint64_t number);
	uint64_t max_struct; /**< most bytes that the struct takes */
};

extern const struct hc_thread_library hc_thread_library_glibc;

#endif
