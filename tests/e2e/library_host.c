/**
 * @file
 * A host of libheapcore that has plans of its own for SIGBUS.
 *
 * usage: library_host CORE CUT KEPT
 *
 * CUT and KEPT are copies of CORE that are cut short while they are open. Prints what came of each
 * step, for test_library.py.
 */
#include <inttypes.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/heapcore.h"

static sigjmp_buf back;
static volatile sig_atomic_t faults, asks;

/** @param context unused */
static void on_bus(int signum, siginfo_t *info, void *context)
{
	(void)signum;
	(void)context;
	if (asks && info->si_code == BUS_ADRERR && heapcore_on_sigbus(info->si_addr))
		return;
	faults++;
	siglongjmp(back, 1);
}

static void install(void)
{
	struct sigaction action = {.sa_sigaction = on_bus, .sa_flags = SA_SIGINFO};

	sigaction(SIGBUS, &action, NULL);
}

static bool is_installed(void)
{
	struct sigaction now;

	sigaction(SIGBUS, NULL, &now);
	return now.sa_flags & SA_SIGINFO && now.sa_sigaction == on_bus;
}

static void need(struct heapcore_error *err)
{
	if (!err)
		return;
	fprintf(stderr, "library_host: %s\n", heapcore_error_message(err));
	exit(2);
}

/** @return the code of an error, which is freed */
static unsigned code_of(struct heapcore_error *err)
{
	unsigned code = heapcore_error_code(err);

	heapcore_error_free(err);
	return code;
}

static struct heapcore *open_core(const char *path, uint32_t flags)
{
	struct heapcore_options options = {sizeof(options)};
	struct heapcore *core;

	options.jobs = 4;
	options.flags = flags;
	need(heapcore_open(path, &options, &core));
	return core;
}

static void cut(const char *path)
{
	if (truncate(path, 4096)) {
		perror(path);
		exit(2);
	}
}

/** A fault that has nothing to do with the library. */
static void fault(void)
{
	char name[] = "/tmp/library-host-XXXXXX";
	int fd = mkstemp(name);
	long page = sysconf(_SC_PAGESIZE);

	if (fd < 0 || unlink(name) || ftruncate(fd, page))
		exit(2);
	volatile char *bytes = mmap(NULL, page, PROT_READ, MAP_SHARED, fd, 0);
	if (bytes == MAP_FAILED || ftruncate(fd, 0))
		exit(2);
	faults = 0;
	if (!sigsetjmp(back, 1))
		(void)bytes[0];
	printf("own faults: %d\n", (int)faults);
	munmap((void *)bytes, page);
	close(fd);
}

static void ask_cut(struct heapcore *core)
{
	const struct heapcore_leaks *leaks;
	struct heapcore_count count;
	char byte;

	faults = 0;
	printf("leaks: %u\n", code_of(heapcore_leaks(core, &leaks)));
	printf("count: %u\n", code_of(heapcore_count(core, NULL, &count)));
	printf("read: %u\n", code_of(heapcore_read(core, 0, &byte, 1)));
	printf("faults of the host: %d\n", (int)faults);
}

/** SIGBUS may be blocked in the thread that calls. */
static void *ask_blocked(void *arg)
{
	sigset_t all, after;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, NULL);
	ask_cut(arg);
	pthread_sigmask(SIG_SETMASK, NULL, &after);
	printf("blocked: %d\n", sigismember(&after, SIGBUS));
	return NULL;
}

static void handled(const char *path, const char *copy)
{
	struct heapcore *core = open_core(path, 0), *victim = open_core(copy, 0);
	struct heapcore_count before, after;
	pthread_t thread;

	need(heapcore_count(core, NULL, &before));
	need(heapcore_count(victim, NULL, &after));
	printf("same: %d\n", !memcmp(&before, &after, sizeof(after)));
	fault();
	cut(copy);
	if (pthread_create(&thread, NULL, ask_blocked, victim) || pthread_join(thread, NULL))
		exit(2);
	need(heapcore_count(core, NULL, &after));
	printf("same: %d\n", !memcmp(&before, &after, sizeof(after)));
	heapcore_close(victim);
	printf("handler: %s\n", is_installed() ? "the host's" : "the library's");
	heapcore_close(core);
	printf("handler: %s\n", is_installed() ? "the host's" : "the library's");
}

static void kept(const char *copy)
{
	struct heapcore *victim = open_core(copy, HEAPCORE_KEEP_SIGBUS);

	printf("handler: %s\n", is_installed() ? "the host's" : "the library's");
	asks = 1;
	fault();
	cut(copy);
	ask_cut(victim);
	heapcore_close(victim);
}

int main(int argc, char **argv)
{
	if (argc != 4)
		return 2;
	install();
	handled(argv[1], argv[2]);
	kept(argv[3]);
	return 0;
}
