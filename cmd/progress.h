/**
 * @file
 * One line on a terminal that says what is going on, from one second after the start of long work.
 */
#ifndef HC_CMD_PROGRESS_H
#define HC_CMD_PROGRESS_H

#include <stdio.h>

struct hc_progress;

/** NULL when stderr is no terminal, or when it can't be done: progress is never worth an error. */
struct hc_progress *hc_progress_create(void);

/** What there is to say. */
struct hc_progress_state {
	const char *phase;
	double share;         /**< done of the phase, 0 to 1; negative: unknown */
	double seconds;       /**< since the program began */
	double phase_seconds; /**< since the phase began */
};

/** Write the line: "searching [####....] 12 %, 8 s, about 1 min 2 s left". */
void hc_progress_write(FILE *file, const struct hc_progress_state *state);

/** Take the line off the screen; NULL is fine. */
void hc_progress_destroy(struct hc_progress *progress);

/**
 * Say what is going on. NULL: nothing is, and the screen belongs to the output. @param phase
 * static text
 */
void hc_progress_set(struct hc_progress *progress, const char *phase);

/** End the line, if it is on the screen: a signal ends the run. Async-signal-safe. */
void hc_progress_abandon(void);

/** How much of the current phase is done, 0 to 1: shown as a bar until the next phase begins. */
void hc_progress_set_share(struct hc_progress *progress, double share);

#endif
