/*
 * A worker thread that never frees its result.
 *
 * usage: worker_calloc [abort|pause|signal] [ROUNDS]
 *
 * The thread calls calloc(1024, 8) ROUNDS times (default 500) and keeps the last result only, in a
 * global. So the thread's arena holds ROUNDS chunks of 8,208 bytes: one reachable, the others lost,
 * none pointing to any other. Prints "worker LWP", "live 0xADDRESS 8192" for the last, "lost
 * 0xADDRESS 8192" for the others, "end". Addresses pass through registers and stack of the worker,
 * whose stack is overwritten before the end.
 */
#include <pthread.h>
#include <stdint.h>

#include "manifest.h"

static void *volatile latest; /* volatile: the last store must stay */
static unsigned rounds;
static pthread_barrier_t done;

__attribute__((noinline)) static void work(void)
{
	for (unsigned i = 0; i < rounds; i++) {
		latest = calloc(1024, 8);
		for (unsigned j = 0; j < 1024; j++)
			((uint64_t *)latest)[j] = i * 1024 + j;
		say("%s %p 8192", i + 1 < rounds ? "lost" : "live", latest);
	}
}

static void *worker(void *arg)
{
	say("worker %d", gettid());
	work();
	scrub();
	pthread_barrier_wait(&done);
	for (;;)
		pause();
	return arg;
}

int main(int argc, char **argv)
{
	pthread_t thread;

	rounds = argc > 2 ? atoi(argv[2]) : 500;
	pthread_barrier_init(&done, NULL, 2);
	pthread_create(&thread, NULL, worker, NULL);
	pthread_barrier_wait(&done);
	usleep(20000); /* the worker reaches its pause */
	stop_here(argc > 1 ? argv[1] : "pause");
}
