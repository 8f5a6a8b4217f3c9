/**
 * @file
 * Stacks: who holds what, step by step, as viewers of profiles read it.
 *
 * A tree of frames, the outermost first. Each has what is its own, without what stands below it, so
 * that the sum over all frames is the sum of everything. A verb that can be shown so builds them
 * beside its document (@ref hc_document.stacks); two formats write them, and nothing else:
 * collapsed, one value a stack, for flamegraph.pl and speedscope, and pprof.
 */
#ifndef HC_CMD_RENDER_STACKS_H
#define HC_CMD_RENDER_STACKS_H

#include "cmd/render/cell.h"
#include "core/base/error.h"

/** Bytes in chunks; what is said of a frame. */
struct hc_stack_value {
	uint64_t chunks, bytes;
};

struct hc_stack_frame {
	uint32_t caller; /**< counted from 1, an earlier one; 0: none */
	struct hc_cell name;
	struct hc_stack_value own;
};

struct hc_rows;
struct hc_document;

struct hc_stacks {
	struct hc_stack_frame *items;
	size_t num;
};

void hc_stacks_deinit(struct hc_stacks *stacks);

/** Frames of the stack of a frame, itself last. @param[out] ret as many; NULL: only count them */
size_t hc_stack_of(const struct hc_stacks *stacks, size_t frame, uint32_t *ret);

/** The name of a frame as a line of text, as people read it. To be freed; NULL without memory. */
char *hc_stack_name(const struct hc_stacks *stacks, size_t frame, const struct hc_look *look);

/** @name Of the renderers: rows that are not kept have no stacks, and nothing is written of them */
/**@{*/
struct hc_error *hc_stacks_rows_begin(struct hc_rows *rows, const struct hc_document *head);
void hc_stacks_row(struct hc_rows *rows, const struct hc_cell *cells);
struct hc_error *hc_stacks_rows_end(struct hc_rows *rows, const struct hc_document *foot);
/**@}*/

#endif
