/**
 * @file
 * Running a verb: its command line, its session, what it writes, and the exit status. Errors become
 * messages here: 0 done, 1 the answer is no, 2 nothing could be analyzed.
 */
#ifndef HC_CMD_RUN_H
#define HC_CMD_RUN_H

#include "cmd/verb.h"

#define HC_EXIT_TROUBLE 2

/** What a verb runs in, when it is not the only one of its process. */
struct hc_run_context {
	const struct hc_options *options; /**< hc_options_parse_within() */
	const struct hc_loan *loans;      /**< cores that are open */
	size_t num_loans;
	/** Told when the session is there, before the verb. */
	void (*begins)(void *ctx, struct hc_session *session);
	void *ctx;
};

/** Run a verb. @param argv argv[0] is the verb; reordered @return exit status */
int hc_run_verb(const struct hc_verb *verb, int argc, char **argv);

/** The same in a context; NULL: none. */
int hc_run_within(const struct hc_verb *verb, int argc, char **argv,
		  const struct hc_run_context *context);

/** The same with a parsed command line. */
int hc_run_options(struct hc_options *options, const struct hc_run_context *context);

/** `heapcore help [TOPIC|VERB]...`, and the options that stand in place of a verb. */
int hc_run_help(int num, char **words);

/**
 * Say that a word is no verb, and what to do.
 *
 * @param next the argument behind it; NULL: none
 */
int hc_run_unknown(const char *word, const char *next);

/** Print to stdout what @p write writes, and see whether everything arrived. */
int hc_run_print(void (*write)(FILE *file, const void *ctx), const void *ctx);

/** Print an error and give it up. @param path NULL: of no core */
int hc_run_report(const char *path, struct hc_error *err);

#endif
