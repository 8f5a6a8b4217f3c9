/*
 * A busy process: threads that do nothing but allocate, reallocate and free.
 *
 * usage: busy [pause] [SECONDS]
 *
 * Prints "end" when all of them are at it. Every chunk is always held by a slot, or is on its way between the
 * slot and the allocator, so that nothing is ever lost.
 */
#include <pthread.h>
#include <stdint.h>
#include <unistd.h>

#include "manifest.h"

enum { THREADS = 4, SLOTS = 512 };

static void *volatile slots[THREADS][SLOTS];

static void *work(void *arg)
{
	void *volatile *own = slots[(uintptr_t)arg];
	uint64_t seed = (uintptr_t)arg + 1;

	for (;;) {
		seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
		unsigned slot = seed >> 33 & (SLOTS - 1);
		size_t size = 16 + (seed >> 45) % (seed >> 60 ? 400 : 3000);

		if (!own[slot]) {
			own[slot] = seed >> 62 ? malloc(size) : calloc(1, size);
		} else if (seed >> 61) {
			void *p = own[slot];

			own[slot] = NULL;
			free(p);
		} else {
			own[slot] = realloc(own[slot], size);
		}
	}
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t thread;

	for (uintptr_t i = 0; i < THREADS; i++)
		pthread_create(&thread, NULL, work, (void *)i);
	usleep(200000);
	say("end");
	alarm(argc > 2 ? atoi(argv[2]) : 60);
	pause();
	return 0;
}
