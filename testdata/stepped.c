/*
 * A process to be stopped at chosen instructions of malloc, free and realloc: one thread makes
 * calls, the same ones in every run, and nobody else does anything.
 *
 * usage: stepped main|thread CALLS
 *
 * Prints the thread's number and "end", and waits for a byte on stdin, so that a tracer may come;
 * it sends itself SIGUSR1 before the first call and SIGUSR2 behind the last one. Every chunk is
 * always held by a slot, or is on its way between the slot and the allocator, so that nothing is
 * ever lost.
 */
#include <malloc.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/syscall.h>

#include "manifest.h"

enum { SLOTS = 256 };

static void *volatile slots[SLOTS];
static unsigned long calls;

/* Of each kind that malloc treats differently: by tcache, fastbin, small and large bin, top, and
 * mapping. */
static size_t pick(uint64_t seed)
{
	static const size_t limits[] = {100,  100,  400,   1000,  3000,
					3000, 3000, 20000, 70000, 200000};
	unsigned kind = (seed >> 20) % 97 ? (seed >> 20) % 97 % 7 : 7 + (seed >> 40) % 3;

	return 16 + (seed >> 45) % limits[kind];
}

static void call(uint64_t seed, void *volatile *slot)
{
	size_t size = pick(seed);

	if (!*slot && (seed >> 58) % 16 == 0) {
		*slot = memalign(64 << (seed >> 62), size);
	} else if (!*slot) {
		*slot = seed >> 62 ? malloc(size) : calloc(1, size);
	} else if (seed >> 61) {
		void *p = *slot;

		*slot = NULL;
		free(p);
	} else {
		*slot = realloc(*slot, size);
	}
}

static void *work(void *arg)
{
	uint64_t seed = 1;
	char byte;

	(void)arg;
	say("tid %ld", (long)syscall(SYS_gettid));
	say("end");
	if (read(0, &byte, 1) != 1)
		_exit(2);
	raise(SIGUSR1);
	for (unsigned long i = 0; i < calls; i++) {
		seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
		call(seed, &slots[seed >> 33 & (SLOTS - 1)]);
	}
	raise(SIGUSR2);
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_attr_t attr;
	pthread_t thread;

	if (argc < 3)
		return 2;
	prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY);
	calls = strtoul(argv[2], NULL, 0);
	slots[0] = malloc(100); /* so that there is a heap */
	if (!strcmp(argv[1], "main")) {
		work(NULL);
		return 0;
	}
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 256 << 10);
	pthread_create(&thread, &attr, work, NULL);
	pthread_join(thread, NULL);
	return 0;
}
