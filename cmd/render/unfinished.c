/**
 * @file
 * Names on disk that must not outlive the run; see unfinished.h.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "cmd/render/unfinished.h"

/** What a signal handler has to find has to be in a place that it knows. */
static struct hc_unfinished *first;

static void (*at_end_fn)(void);

static const int signals[] = {SIGHUP, SIGINT, SIGQUIT, SIGPIPE, SIGTERM, SIGXCPU};

#define NUM_SIGNALS (sizeof(signals) / sizeof(signals[0]))

/** One pass over a directory. @return whether anything was removed */
static bool remove_entries(int fd)
{
	char buffer[4096] __attribute__((aligned(_Alignof(struct dirent64))));
	bool removed = false;
	long size;

	/* readdir(3) may allocate, which a signal handler must not. */
	while ((size = syscall(SYS_getdents64, fd, buffer, sizeof(buffer))) > 0) {
		for (long at = 0; at < size;) {
			const struct dirent64 *entry = (const void *)(buffer + at);
			at += entry->d_reclen;
			if (strcmp(entry->d_name, ".") && strcmp(entry->d_name, ".."))
				removed |= unlinkat(fd, entry->d_name, 0) == 0;
		}
	}
	return removed;
}

static void remove_directory(int dir, const char *name)
{
	int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return;
	/* Not every file system shows all that is left to a reader that removes what it sees. */
	while (remove_entries(fd))
		lseek(fd, 0, SEEK_SET);
	close(fd);
	unlinkat(dir, name, AT_REMOVEDIR);
}

static void remove_one(const struct hc_unfinished *unfinished)
{
	if (unfinished->directory)
		remove_directory(unfinished->dir, unfinished->name);
	else
		unlinkat(unfinished->dir, unfinished->name, 0);
}

void hc_unfinished_remove_all(void)
{
	for (const struct hc_unfinished *u = first; u; u = u->next)
		remove_one(u);
}

static void on_signal(int signum)
{
	int saved = errno;
	sigset_t set;

	if (getpid() != syscall(SYS_gettid)) {
		syscall(SYS_tgkill, getpid(), getpid(), signum);
		errno = saved;
		return;
	}
	hc_unfinished_remove_all();
	if (at_end_fn)
		at_end_fn();
	signal(signum, SIG_DFL);
	sigemptyset(&set);
	sigaddset(&set, signum);
	raise(signum);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	_exit(128 + signum);
}

static void fill(sigset_t *set)
{
	sigemptyset(set);
	for (size_t i = 0; i < NUM_SIGNALS; i++)
		sigaddset(set, signals[i]);
}

void hc_signals_init(void (*at_end)(void))
{
	struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART}, old;

	at_end_fn = at_end;
	fill(&action.sa_mask);
	for (size_t i = 0; i < NUM_SIGNALS; i++) {
		if (!sigaction(signals[i], NULL, &old) && old.sa_handler != SIG_IGN)
			sigaction(signals[i], &action, NULL);
	}
}

void hc_signals_hold(sigset_t *old_ret)
{
	sigset_t set;

	fill(&set);
	pthread_sigmask(SIG_BLOCK, &set, old_ret);
}

void hc_signals_release(const sigset_t *old)
{
	pthread_sigmask(SIG_SETMASK, old, NULL);
}

void hc_unfinished_choose(struct hc_unfinished *unfinished)
{
	uint64_t number;

	/* It only has to be free: what makes the file insists on that. */
	if (getrandom(&number, sizeof(number), GRND_NONBLOCK) != sizeof(number)) {
		struct timespec now;
		clock_gettime(CLOCK_MONOTONIC, &now);
		number = now.tv_nsec ^ (uint64_t)now.tv_sec << 30 ^ (uint64_t)getpid() << 40;
	}
	snprintf(unfinished->name, sizeof(unfinished->name), "heapcore-%016" PRIx64 ".part",
		 number);
}

void hc_unfinished_add(struct hc_unfinished *unfinished)
{
	unfinished->next = first;
	first = unfinished;
}

void hc_unfinished_drop(struct hc_unfinished *unfinished)
{
	for (struct hc_unfinished **link = &first; *link; link = &(*link)->next) {
		if (*link == unfinished) {
			*link = unfinished->next;
			return;
		}
	}
}

void hc_unfinished_remove(struct hc_unfinished *unfinished)
{
	sigset_t old;

	hc_signals_hold(&old);
	for (const struct hc_unfinished *u = first; u; u = u->next) {
		if (u == unfinished) {
			remove_one(u);
			break;
		}
	}
	hc_unfinished_drop(unfinished);
	hc_signals_release(&old);
}
