/**
 * @file
 * One line on a terminal that says what is going on, from one second after the start of long work.
 */
#ifndef HC_CMD_PROGRESS_H
#define HC_CMD_PROGRESS_H

struct hc_progress;

/** NULL when stderr is no terminal, or when it can't be done: progress is never worth an error. */
struct hc_progress *hc_progress_create(void);

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
