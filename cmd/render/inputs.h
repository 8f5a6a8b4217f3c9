/**
 * @file
 * The files that a run reads, by device and inode, so that none of them becomes its output.
 *
 * Names prove nothing: hard links, symbolic links and /dev/fd lead to the same file. Files come
 * into the list when the command line names them, and again as they are opened on the way
 * (libraries, debug files). Pipes and character devices are none: reading and writing the same
 * terminal destroys nothing.
 */
#ifndef HC_CMD_RENDER_INPUTS_H
#define HC_CMD_RENDER_INPUTS_H

#include <sys/stat.h>

#include "core/base/error.h"

struct hc_inputs {
	struct hc_input {
		dev_t device;
		ino_t inode;
		char *name; /**< as the user knows it; NULL without memory */
	} * items;
	size_t num;
	bool incomplete; /**< there was no memory for one: nothing may be written any more */
};

void hc_inputs_deinit(struct hc_inputs *inputs);

/**
 * Add a file; of a directory the files in it that end in ".ini", which is what is read of one. "-"
 * is also stdin. What can't be examined is left out: opening it will say why.
 */
void hc_inputs_add(struct hc_inputs *inputs, const char *path);

/** Add a file that was opened. @param path for messages */
void hc_inputs_add_open(struct hc_inputs *inputs, const char *path, int fd);

/** Add all that another list has. */
void hc_inputs_add_all(struct hc_inputs *inputs, const struct hc_inputs *others);

/** @return NULL, or @ref HC_ERROR_ARGUMENT when @p st, the file that @p output names, is an input
 */
struct hc_error *hc_inputs_refuse(const struct hc_inputs *inputs, const struct stat *st,
				  const char *output);

/**
 * The same for stdout and stderr, which the shell has opened. Where stderr is an input nothing is
 * printed any more: that, too, would go into the file.
 */
struct hc_error *hc_inputs_refuse_standard(const struct hc_inputs *inputs);

#endif
