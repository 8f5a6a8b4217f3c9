/**
 * @file
 * The shell: verbs on cores that stay open. See shell.c for how.
 */
#ifndef HC_CMD_VERBS_SHELL_H
#define HC_CMD_VERBS_SHELL_H

#include "cmd/verb.h"

/** A core that is open. */
struct hc_shell_core {
	char *path;
	struct hc_options options;
	struct hc_session session; /**< of the shell's own work on it */
	size_t remarks_shown;      /**< by commands */
};

struct hc_shell {
	struct hc_session *session;   /**< of the verb */
	struct hc_shell_core **cores; /**< in the order in which they were opened */
	size_t num_cores;
	size_t current;
	bool interactive; /**< somebody types: ^C ends a command, errors end nothing */
	bool done;
	int status; /**< of the last command */
};

/** Run a line: a command, or nothing. Sets hc_shell::status. */
void hc_shell_run(struct hc_shell *shell, const char *line);

/** Open a core and make it the current one. */
struct hc_error *hc_shell_open(struct hc_shell *shell, const char *path);

/** The current core; NULL: none is open. */
static inline struct hc_shell_core *hc_shell_current(const struct hc_shell *shell)
{
	return shell->num_cores ? shell->cores[shell->current] : NULL;
}

/** @name The words of a line */
/**@{*/

/** The most that a line can have. */
#define HC_SHELL_MAX_WORDS 256

struct hc_shell_words {
	char *text;                      /**< owned; the words are in it */
	char *items[HC_SHELL_MAX_WORDS]; /**< the last one is NULL */
	int num;
	const char *pipe; /**< what stands behind the first |, for sh(1); NULL: there is none */
};

/**
 * Split a line as sh(1) would: blanks, quotes of both kinds, backslashes, and # for a remark. There
 * are no variables, no patterns of file names and no redirections.
 */
struct hc_error *hc_shell_split(const char *line, struct hc_shell_words *ret);
void hc_shell_words_deinit(struct hc_shell_words *words);
/**@}*/

/** @name Commands in a process of their own */
/**@{*/

/** What a command does, in its own process. @return exit status */
typedef int hc_shell_fn(struct hc_shell *shell, struct hc_shell_words *words);

/**
 * Run a command in a process that is forked from this one, which keeps the cores and computes what
 * the command needs of them. Its output goes to words->pipe, or to a pager when somebody looks and
 * it is long.
 *
 * @return exit status; 128 and the number of the signal that ended it
 */
int hc_shell_fork(struct hc_shell *shell, hc_shell_fn *fn, struct hc_shell_words *words);

/** Run words[0] as a verb in the process of hc_shell_fork(). */
int hc_shell_verb(struct hc_shell *shell, struct hc_shell_words *words);
/**@}*/

/** @name The prompt */
/**@{*/

/** Words that are no verbs. @return NULL behind the last one */
const char *hc_shell_word(unsigned i);

/** Ask for lines and run them until the end. */
struct hc_error *hc_shell_prompt(struct hc_shell *shell);
/**@}*/

#endif
