/**
 * @file
 * Names on disk that must not outlive the run; see unfinished.h.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdatomic.h>
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

/** Lock-free, since the handler uses them: whether signals ask, which one did, who waits. */
static atomic_bool asks;
static atomic_int asked;
static atomic_int num_waiting;
static atomic_bool keeps;

/** Ask for the end of the work. @return false: it has to end at once */
static bool ask(int signum)
{
	if (signum != SIGHUP && signum != SIGINT && signum != SIGTERM)
		return false;
	if (signum == SIGINT && atomic_load(&keeps)) {
		atomic_store(&asked, signum);
		return true;
	}
	if (!atomic_load(&asks) || atomic_exchange(&asked, signum))
		return false;
	/* Who waits was there before us, or sees that the end was asked for. */
	return !atomic_load(&num_waiting);
}

static void end_run(int signum)
{
	sigset_t set;

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

static void on_signal(int signum)
{
	int saved = errno;

	if (getpid() != syscall(SYS_gettid))
		syscall(SYS_tgkill, getpid(), getpid(), signum);
	else if (!ask(signum))
		end_run(signum);
	errno = saved;
}

void hc_signals_ask(bool on)
{
	sigset_t old;
	int signum;

	atomic_store(&asks, on);
	if (on || !(signum = atomic_load(&asked)) || (signum == SIGINT && atomic_load(&keeps)))
		return;
	hc_signals_hold(&old);
	end_run(signum);
}

void hc_signals_keep(bool on)
{
	atomic_store(&keeps, on);
}

void hc_signals_forget(void)
{
	atomic_store(&asked, 0);
}

bool hc_signals_asked(void)
{
	return atomic_load_explicit(&asked, memory_order_relaxed);
}

bool hc_signals_wait(void)
{
	atomic_fetch_add(&num_waiting, 1);
	return !atomic_load(&asked);
}

void hc_signals_waited(void)
{
	atomic_fetch_sub(&num_waiting, 1);
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
	hc_signals_keep(false);
	hc_signals_forget();
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
