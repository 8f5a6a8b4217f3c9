/**
 * @file
 * What to say of an error: below cmd an error has facts, and here it gets the option that it is
 * about and what to do.
 */
#ifndef HC_CMD_ADVICE_H
#define HC_CMD_ADVICE_H

#include "core/base/error.h"

/** Print "heapcore: CORE: message" on stderr; @p path may be NULL. */
void hc_print_message(const char *path, const char *message);

/**
 * Print an error as one line: the option that it is about, what is wrong, what to do. @p core is
 * left out where an argument is at fault and not the core.
 */
void hc_print_error(const char *core, const struct hc_error *err);

#endif
