/**
 * @file
 * What somebody meant who typed a word that is none: by how it is spelled, and by what it says in
 * other tools.
 */
#ifndef HC_CMD_MEANT_H
#define HC_CMD_MEANT_H

#include "cmd/options.h"

struct hc_verb;

/** The verb; NULL: none comes to mind. */
const char *hc_meant_verb(const char *word);

/** What to say of something that no verb does: "gdb shows backtraces"; NULL: nothing. */
const char *hc_meant_elsewhere(const char *word);

/**
 * The option of a verb.
 *
 * @param name without "--" and value
 * @return as it is to be typed, with a value where the meaning has one, to be freed; NULL: none
 * comes to mind
 */
char *hc_meant_option(const struct hc_verb *verb, const char *name);

/** One of an option's words. @return NULL: none comes to mind */
const char *hc_meant_word(hc_word_fn *words, const char *word);

#endif
