/**
 * @file
 * What is written about heapcore from its own tables when it is built: manual pages, completions of
 * shells, and the tables themselves for the tests.
 *
 * Nothing here knows a verb or an option by name; generate.c calls it, the program does not hold
 * it.
 */
#ifndef HC_CMD_REFERENCE_REFERENCE_H
#define HC_CMD_REFERENCE_REFERENCE_H

#include <stdio.h>

#include "cmd/verb.h"

/** What a manual page is written from, beside the tables. */
struct hc_manual {
	const struct hc_verb *verb; /**< NULL: heapcore(1), of which @ref prose is the frame */
	FILE *prose;                /**< what no table has, in man(7) macros */
	const char *date;           /**< of the release, YYYY-MM-DD */
	const char *datadir;        /**< where schemas and signatures are installed */
};

/**
 * Write a manual page in man(7) macros.
 *
 * "@DATADIR@" in the prose stands for @ref hc_manual.datadir. In heapcore(1) lines that consist of
 * "@VERBS@", "@SELECTION@" or "@COMMON@" stand for what the tables have. In the page of a verb the
 * prose follows the description.
 */
void hc_manual_write(const struct hc_manual *manual, FILE *file);

/** @name Completions: verbs, options, words that options take, content classes, files */
/**@{*/
void hc_bash_write(FILE *file);
void hc_zsh_write(FILE *file);
void hc_fish_write(FILE *file);
/**@}*/

/** A shell command that prints the content classes, behind the word for the program. */
#define HC_LIST_CLASSES                                                                            \
	" signatures --format csv 2>/dev/null | sed '1d; /^[^,]*,[^,]*,secret,/d; s/,.*//'"

/** All verbs and options as JSON. */
void hc_tables_write(FILE *file);

#endif
