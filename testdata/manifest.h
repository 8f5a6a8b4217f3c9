/*
 * What the programs in this folder share: telling what their heap holds, and stopping for the core.
 *
 * A manifest line is written with write(2) from a buffer on the stack: stdio would allocate.
 * Addresses are text, so that the line itself is no pointer.
 */
#ifndef TESTDATA_MANIFEST_H
#define TESTDATA_MANIFEST_H

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

/* Write one line. */
__attribute__((format(printf, 1, 2), unused)) static void say(const char *format, ...)
{
	char line[512];
	va_list args;

	va_start(args, format);
	int n = vsnprintf(line, sizeof(line) - 1, format, args);
	va_end(args);
	line[n++] = '\n';
	if (write(1, line, n) != n)
		_exit(3);
}

/* Leave nothing of calls that ended below the stack: what they did there differs between
 * processors. */
__attribute__((noinline, unused)) static void scrub(void)
{
	volatile char stack[65536];

	for (unsigned i = 0; i < sizeof(stack); i++)
		stack[i] = 0;
}

/*
 * Write "end" and stop, for a core of exactly this moment:
 *   abort   die of SIGABRT: a core from the kernel
 *   pause   wait to be dumped by gcore and killed
 *   signal  send the signal on which tests/truth/preload.c takes its snapshot and stops the process
 */
__attribute__((unused)) static void stop_here(const char *how)
{
	prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY); /* so that gcore may, whatever Yama says */
	say("end");
	if (how && strcmp(how, "abort") == 0) {
		signal(SIGABRT, SIG_DFL);
		kill(getpid(), SIGABRT);
	} else if (how && strcmp(how, "signal") == 0) {
		kill(getpid(), SIGRTMIN + 7);
	}
	for (;;)
		pause();
}

#endif
