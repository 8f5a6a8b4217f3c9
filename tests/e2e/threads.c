/*
 * A preloaded library that lets a signal arrive at the N-th moment at which a program starts a
 * thread, and counts those that run.
 *
 * MOMENT=N SIGNAL=S: before the N-th thread is started, signal S arrives; with AGAIN=1 a second
 * time at once. RUNNING names a file of 8 bytes: threads that were started, in native order, and
 * of these not joined.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

static uint32_t none[2], *counts = none;

static long number(const char *name)
{
	const char *text = getenv(name);

	return text ? atol(text) : 0;
}

__attribute__((constructor)) static void begin(void)
{
	int fd = open(getenv("RUNNING"), O_RDWR);
	void *map = mmap(NULL, sizeof(none), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (map != MAP_FAILED)
		counts = map;
}

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

int pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*start)(void *), void *arg)
{
	if (counts[0] + 1 == number("MOMENT")) {
		kill(getpid(), number("SIGNAL"));
		if (number("AGAIN"))
			kill(getpid(), number("SIGNAL"));
	}
	int error = NEXT(pthread_create)(thread, attr, start, arg);

	counts[0] += !error;
	counts[1] += !error;
	return error;
}

int pthread_join(pthread_t thread, void **ret)
{
	int error = NEXT(pthread_join)(thread, ret);

	counts[1] -= !error;
	return error;
}
