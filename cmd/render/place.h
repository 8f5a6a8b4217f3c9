/**
 * @file
 * The place that an output will have: a directory, and the name in it. output.h says what may be
 * replaced; here is how.
 *
 * The directory is held open, so that its being renamed meanwhile misleads nobody.
 */
#ifndef HC_CMD_RENDER_PLACE_H
#define HC_CMD_RENDER_PLACE_H

#include "cmd/render/inputs.h"
#include "cmd/render/unfinished.h"

struct hc_place {
	char *path;     /**< as the user gave it */
	char *name;     /**< last component */
	int dir;        /**< O_PATH */
	bool named;     /**< do without O_TMPFILE */
	bool force;     /**< something that is there may be replaced */
	bool replaces;  /**< something was there when hc_place_look() looked */
	bool taken;     /**< what is made has the name */
	bool exchanged; /**< and what was there has @ref unfinished's */
	struct hc_unfinished unfinished;
	const struct hc_inputs *inputs; /**< or NULL */
};

/** An address that doesn't move until hc_place_deinit(). */
struct hc_error *hc_place_init(struct hc_place *place, const char *path, bool force, bool named,
			       const struct hc_inputs *inputs);

/** Removes what has no final name. */
void hc_place_deinit(struct hc_place *place);

/** Whether a file may get the name now: see output.h. Sets @ref hc_place::replaces. */
struct hc_error *hc_place_look(struct hc_place *place);

/** Make a file, without a name if that can be done. @param[out] fd_ret for writing, mode 0600 */
struct hc_error *hc_place_create(struct hc_place *place, int *fd_ret);

/** Make a directory, mode 0700. @param[out] fd_ret of it */
struct hc_error *hc_place_create_directory(struct hc_place *place, int *fd_ret);

/**
 * Give what was made its name. Call with signals held.
 *
 * @param fd    of the file or directory
 * @param undo  what is replaced stays under another name, until hc_place_settle()
 */
struct hc_error *hc_place_take(struct hc_place *place, int fd, bool undo);

/** Put back what hc_place_take() replaced, where @p undo was given. Signals held. */
void hc_place_undo(struct hc_place *place);

/** What was replaced is not needed any more; sees to it that the name outlasts a crash. */
void hc_place_settle(struct hc_place *place);

#endif
