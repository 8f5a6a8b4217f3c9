/**
 * @file
 * --help, in 80 columns: written from the tables of verbs and options.
 *
 * The help of a verb fits a screen: it has the verb's own options, and names the others. Those that
 * all verbs share, those that choose chunks, and the columns of tables have pages of their own.
 */
#ifndef HC_CMD_HELP_H
#define HC_CMD_HELP_H

#include <stdio.h>

#include "cmd/verb.h"

/** Words that `heapcore help` takes beside verbs. @return NULL behind the last one */
const char *hc_help_topic(unsigned i);

/** What to show. */
struct hc_help {
	enum hc_help_page {
		HC_HELP_VERBS,     /**< the verbs, and where to begin; or @ref verb's own page */
		HC_HELP_OPTIONS,   /**< common options */
		HC_HELP_SELECTION, /**< options that choose chunks */
		HC_HELP_COLUMNS,   /**< of @ref verb, or of all verbs */
	} page;
	const struct hc_verb *verb; /**< NULL: none */
};

/**
 * Find the page that words name: a verb, a topic, or both in any order.
 *
 * @return the word that is neither; NULL: there is none
 */
const char *hc_help_find(int num, char **words, struct hc_help *ret);

/** @param help struct hc_help */
void hc_help_write(FILE *file, const void *help);

#endif
