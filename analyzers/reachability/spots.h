/**
 * @file
 * Spots: what a word outside of chunks is part of. A variable of a module, a thread-local variable,
 * a frame of a stack and the variable there; as far as symbols, call frame information and debug
 * information tell.
 */
#ifndef HC_ANALYZERS_REACHABILITY_SPOTS_H
#define HC_ANALYZERS_REACHABILITY_SPOTS_H

#include "core/process/frames.h"
#include "core/process/symbols.h"

/** What is known of a word. What isn't is NULL. Names are untrusted, and as the linker has them. */
struct hc_spot {
	const struct hc_module *module;
	const struct hc_symbol *symbol; /**< the variable, or the thread-local one */
	uint64_t offset;                /**< into that, or else from module->start, bytes */
	const struct hc_thread *thread; /**< whose stack or thread-local storage it is */
	const struct hc_frame *frame;   /**< of that stack */
	size_t frame_number;            /**< 0: the innermost */
	const char *function;           /**< of the frame */
	const char *variable;           /**< of the function */
	uint64_t variable_offset;       /**< into it, bytes */
};

/** Symbols and frames of a process: read once, when they are first asked for. */
struct hc_spots {
	struct hc_process *process;
	struct hc_symbols symbols;
	struct hc_frames *frames; /**< of each thread of the process … */
	bool *unwound;            /**< … that was asked for */
};

/** Reads all symbol tables. @param process must outlive the spots */
struct hc_error *hc_spots_create(struct hc_process *process, struct hc_spots **ret);
/** NULL is fine. */
void hc_spots_destroy(struct hc_spots *spots);

/**
 * What is known of an address. Not safe from several threads.
 *
 * @param thread whose stack or thread-local storage it is in; NULL: it is found
 */
struct hc_error *hc_spots_find(struct hc_spots *spots, uint64_t address,
			       const struct hc_thread *thread, struct hc_spot *ret);

static inline void hc_spots_destroyp(struct hc_spots **spots)
{
	hc_spots_destroy(*spots);
}

#endif
