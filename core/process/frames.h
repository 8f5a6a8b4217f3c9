/**
 * @file
 * Call frames of a thread: which function owns which part of a stack.
 *
 * Unwound by call frame information (.eh_frame or .debug_frame of modules whose file was found),
 * and where there is none, by frame pointers. The rules of a frame are evaluated here, on registers
 * and memory of the core, so that nothing is asked of a live process. Machines that are known:
 * x86-64, i386, AArch64; on others there are no frames.
 *
 * What a frame says is as hostile as the rest of a core: a frame lies in the thread's stack and
 * above the one that it called, there are at most @ref HC_MAX_FRAMES, and a rule that is no simple
 * expression ends the walk.
 *
 * Not safe from several threads: libdw reads files when it is first asked.
 */
#ifndef HC_CORE_PROCESS_FRAMES_H
#define HC_CORE_PROCESS_FRAMES_H

#include "core/process/process.h"

#define HC_MAX_FRAMES 512

/** Registers by their DWARF number. */
#define HC_FRAME_REGS 33

struct hc_frame {
	uint64_t pc;  /**< in the function; of a caller, in its call instruction */
	uint64_t sp;  /**< the frame begins here … */
	uint64_t end; /**< … and ends here */
	bool has_cfa; /**< @ref end is the canonical frame address */
	uint64_t regs[HC_FRAME_REGS];
	uint64_t known; /**< bit of each register whose value is known */
};

struct hc_frames {
	struct hc_frame *items; /**< the innermost first */
	size_t num;
};

/** No frames where nothing tells: that is no error. */
struct hc_error *hc_frames_unwind(struct hc_process *process, const struct hc_thread *thread,
				  struct hc_frames *ret);
void hc_frames_deinit(struct hc_frames *frames);

/** The frame that an address of the stack is in, or NULL. */
const struct hc_frame *hc_frames_find(const struct hc_frames *frames, uint64_t address);

/**
 * The variable or parameter of a frame that an address is in, as debug information tells.
 *
 * @param[out] name_ret lives as long as the process
 * @param[out] offset_ret into the variable, bytes
 */
bool hc_frame_variable(struct hc_process *process, const struct hc_frame *frame, uint64_t address,
		       const char **name_ret, uint64_t *offset_ret);

#endif
