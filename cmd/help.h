/**
 * @file
 * --help, in 80 columns: written from the tables of verbs and options.
 */
#ifndef HC_CMD_HELP_H
#define HC_CMD_HELP_H

#include <stdio.h>

#include "cmd/verb.h"

/** The verbs, and where to begin. */
void hc_help(FILE *file);

/** What a verb does, and its options. */
void hc_help_verb(const struct hc_verb *verb, FILE *file);

#endif
