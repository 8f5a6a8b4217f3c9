/**
 * @file
 * Where results go: stdout, a device or pipe, or a new private file; and what the reader's screen
 * can show.
 *
 * Heaps hold secrets, so a file has mode 0600 and never replaces another one unless the user says
 * so. It has no name while it is written (O_TMPFILE; where the file system has none, a name that
 * unfinished.h removes), and gets the one it was asked for when all of it is on the disk. So what
 * has that name is whole, whatever ends the run, and with @p force an old file stays until then.
 *
 * What is there already:
 * - a file that this run reads is refused, whatever leads to it, with @p force or without;
 * - a regular file is refused unless @p force replaces it;
 * - a symbolic link is refused: whoever made it would choose what is written to;
 * - but one that leads to what stdout is (/dev/stdout) is stdout;
 * - and a character device or a pipe, also behind a link, is written to directly; somebody else's
 *   pipe is refused, unless it is root's: its other end reads secrets;
 * - anything else is refused.
 * The same is looked at again at the end, since that may be hours later.
 *
 * A directory of files (`dump --split`) is one result: it is made under a name of unfinished.h and
 * renamed. One that is there is replaced when it is empty, or with @p force when it holds nothing
 * but what an earlier run wrote there.
 */
#ifndef HC_CMD_RENDER_OUTPUT_H
#define HC_CMD_RENDER_OUTPUT_H

#include <stdio.h>

#include "cmd/render/inputs.h"

struct hc_output {
	FILE *file;
	struct hc_output_target *target; /**< where it leads; private */
	bool direct;                     /**< stdout, a device or a pipe */
	bool terminal;
	bool color;
	bool utf8;      /**< the locale's encoding */
	unsigned width; /**< columns */
	bool is_file;   /**< a regular file: nobody reads it while it is written */
	bool is_screen; /**< somebody looks at it: a terminal, or COLUMNS was given */
};

enum hc_color_mode { HC_COLOR_AUTO, HC_COLOR_ALWAYS, HC_COLOR_NEVER };

struct hc_output_options {
	bool force; /**< replace what an earlier run wrote */
	enum hc_color_mode color;
	const struct hc_inputs *inputs; /**< never written to; NULL: none. Lives as long as the
					   output, and may grow meanwhile */
	bool named; /**< do without O_TMPFILE, as on file systems that lack it: who else writes to
			 the file needs a name (hc_output_path()) */
};

/** Whether this path leads to stdout: NULL, "-", /dev/stdout and the like. */
bool hc_output_is_stdout(const char *path);

/** Open. @param path NULL: stdout */
struct hc_error *hc_output_open(const char *path, const struct hc_output_options *options,
				struct hc_output *ret);

/**
 * By which path another library can write to the file, which is empty and not written to otherwise.
 * Only of a file that was opened with hc_output_options::named. To be freed; NULL without memory.
 */
char *hc_output_path(const struct hc_output *out);

/** Whether the inputs that are known now still allow it. */
struct hc_error *hc_output_check(const struct hc_output *out);

/**
 * Flush, close, and give the file its name. Everything that went wrong with writing, at any time,
 * is reported here; the file is then gone.
 */
struct hc_error *hc_output_finish(struct hc_output *out);

/**
 * The same for two files that belong together: both get their names, @p first first, or neither
 * does.
 */
struct hc_error *hc_output_finish_both(struct hc_output *first, struct hc_output *second);

/** Close and remove what was begun. Does nothing after hc_output_finish(). */
void hc_output_discard(struct hc_output *out);

/** A directory of files. */
struct hc_output_directory;

/** @param is_ours whether an earlier run may have made a file of this name */
struct hc_error *hc_output_directory_create(const char *path,
					    const struct hc_output_options *options,
					    bool (*is_ours)(const char *name),
					    struct hc_output_directory **ret);

/** A new file in it. hc_output_finish() ends it. */
struct hc_error *hc_output_directory_open(struct hc_output_directory *directory, const char *name,
					  struct hc_output *ret);

/** Give the directory its name. It is still to be destroyed. */
struct hc_error *hc_output_directory_finish(struct hc_output_directory *directory);

/** Removes what was not finished; NULL is fine. */
void hc_output_directory_destroy(struct hc_output_directory *directory);

#endif
