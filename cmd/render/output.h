/**
 * @file
 * Where results go: stdout, or a new private file; and what the reader's screen can show.
 *
 * Heaps hold secrets, so a file is created with mode 0600 and never replaces another one unless the
 * user says so. With @p force the new content is written beside the old file and takes its place
 * only when it is complete.
 */
#ifndef HC_CMD_RENDER_OUTPUT_H
#define HC_CMD_RENDER_OUTPUT_H

#include <stdio.h>

#include "core/base/error.h"

struct hc_output {
	FILE *file;
	char *path;      /**< of the file to come; NULL: stdout */
	char *temporary; /**< where it is being written, when that is not @ref path */
	bool terminal;
	bool color;
	bool utf8;      /**< the locale's encoding */
	unsigned width; /**< columns */
};

enum hc_color_mode { HC_COLOR_AUTO, HC_COLOR_ALWAYS, HC_COLOR_NEVER };

/**
 * Open.
 *
 * @param path  NULL: stdout
 * @param force replace a regular file that is there; anything else that is there is refused all the
 * same
 */
struct hc_error *hc_output_open(const char *path, bool force, enum hc_color_mode color,
				struct hc_output *ret);

/**
 * Flush, close, and put the file in its place. Everything that went wrong with writing, at any
 * time, is reported here.
 */
struct hc_error *hc_output_finish(struct hc_output *out);

/** Close and remove what was begun. Does nothing after hc_output_finish(). */
void hc_output_discard(struct hc_output *out);

#endif
