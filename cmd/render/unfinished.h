/**
 * @file
 * Names on disk that must not outlive the run, and the signals that end it.
 *
 * A file or directory that is still being written has a name that nobody asked for
 * ("heapcore-….part"), or better none at all. SIGHUP, SIGINT, SIGQUIT, SIGPIPE, SIGTERM and SIGXCPU
 * remove what has such a name and then end the run as they would have done without it, so that a
 * shell sees the signal. One that was ignored when the run began stays ignored.
 *
 * They do so at once, but for SIGHUP, SIGINT and SIGTERM while work is going on that can be asked
 * to end: the first of these asks, and the run ends when the work has given back its threads and
 * files; the next one does not wait. Who is about to wait for somebody else, such as for the reader
 * of a full pipe, says so, since nobody could ask him then.
 *
 * The list belongs to the main thread, and the handler runs there: a signal that arrives in another
 * thread is handed on. So the list needs no lock; hc_signals_hold() keeps the handler out of what
 * must not be seen half done.
 */
#ifndef HC_CMD_RENDER_UNFINISHED_H
#define HC_CMD_RENDER_UNFINISHED_H

#include <signal.h>
#include <stdbool.h>

/** "heapcore-", 16 digits, ".part". */
#define HC_UNFINISHED_NAME_SIZE 32

struct hc_unfinished {
	int dir; /**< descriptor of the directory that holds it; the caller's */
	char name[HC_UNFINISHED_NAME_SIZE]; /**< empty: not on disk */
	bool directory;                     /**< of files, without further directories */
	struct hc_unfinished *next;
};

/**
 * Handle the signals; by the main thread, before there are others: at the begin of a program, or
 * of a process that was forked from it, which begins without what the other one keeps and was asked
 * for.
 *
 * @param at_end called before the run ends, async-signal-safe; may be NULL
 */
void hc_signals_init(void (*at_end)(void));

/** Hold the signals back until hc_signals_release(). Pairs may be nested. */
void hc_signals_hold(sigset_t *old_ret);
void hc_signals_release(const sigset_t *old);

/**
 * From now on (@p on) signals ask for the end of some work, or no longer; then a run whose end was
 * asked for ends here. Main thread.
 */
void hc_signals_ask(bool on);

/**
 * From now on (@p on) SIGINT only asks, whatever goes on, and ends nothing: a prompt comes back.
 */
void hc_signals_keep(bool on);

/** What was asked for is done: nothing is, until the next signal. */
void hc_signals_forget(void);

/** Whether the work is to end. Safe from several threads, and cheap. */
bool hc_signals_asked(void);

/**
 * Around a call that may wait for somebody else; any thread. @return whether to make it: false when
 * the end was asked for already. hc_signals_waited() follows in any case.
 */
bool hc_signals_wait(void);
void hc_signals_waited(void);

/** Choose a name at random. */
void hc_unfinished_choose(struct hc_unfinished *unfinished);

/** It is on disk from now on. Call with signals held, together with what puts it there. */
void hc_unfinished_add(struct hc_unfinished *unfinished);

/** It is not on disk any more, or has another name. The same holds. Does nothing when not added. */
void hc_unfinished_drop(struct hc_unfinished *unfinished);

/** Remove it from disk, and drop it. Does nothing when not added. */
void hc_unfinished_remove(struct hc_unfinished *unfinished);

/** Remove everything that was added. Async-signal-safe. */
void hc_unfinished_remove_all(void);

#endif
