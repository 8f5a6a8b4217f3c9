/**
 * @file
 * Arguments: the command line of a process, whole.
 *
 * NT_PRPSINFO has 79 characters of it, and gdb's gcore writes no more than the program's name there
 * when it was attached to the process. The arguments themselves lie at the top of the main stack:
 * argc, the pointers of argv, those of the environment, and the auxiliary vector, of which the core
 * has a copy, so that it can be found there. What a program has written over its arguments
 * (setproctitle) is what ps would show, too.
 */
#ifndef HC_CORE_PROCESS_ARGUMENTS_H
#define HC_CORE_PROCESS_ARGUMENTS_H

#include "core/process/process.h"

/** Bytes of a command line that are read; "..." stands for the rest. */
#define HC_MAX_COMMAND_LINE 32768

/**
 * The arguments with blanks between them. Untrusted text.
 *
 * @param[out] ret to be freed; what NT_PRPSINFO says when the stack doesn't tell, NULL without that
 */
struct hc_error *hc_command_line(const struct hc_process *process, char **ret);

#endif
