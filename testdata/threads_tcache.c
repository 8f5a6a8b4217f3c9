/*
 * Many threads, and chunks in every state that glibc knows.
 *
 * usage: threads_tcache [abort|pause|signal] [THREADS]
 *
 * Each of THREADS (default 8) threads, and the main thread, allocates blocks of many sizes and
 * frees a part of them, so that its tcache, its arena's fastbins, unsorted list, small and large
 * bins are all filled. Two further threads have exited by then; what they leaked stays.
 *
 * Prints, for each block, "live 0xADDRESS REQUESTED" or "dead 0xADDRESS", and for each thread that
 * lives "thread LWP 0xSTACK-ADDRESS". Live blocks hang in .bss; those of the exited threads are
 * lost ("lost ..." lines). Frees come last: nothing reuses a dead block.
 */
#include <pthread.h>
#include <stdint.h>

#include "manifest.h"

#define MAX_THREADS 64
#define BLOCKS 1200

static void *blocks[MAX_THREADS + 1][BLOCKS];
static pthread_barrier_t allocated, told, done;

static size_t size_of(unsigned i)
{
	static const unsigned sizes[] = {1,   24,   25,   60,   120,  121,
					 500, 1000, 1040, 1500, 4000, 9000};

	return sizes[i % 12] + i / 300;
}

/* Runs of freed blocks between live ones, so that some merge and some can't. */
static int stays(unsigned i)
{
	return i % 12 == 0 || i / 12 % 3 == 1;
}

static void allocate(void **mine)
{
	for (unsigned i = 0; i < BLOCKS; i++)
		mine[i] = memset(malloc(size_of(i)), 't', size_of(i));
}

static void tell(void **mine)
{
	for (unsigned i = 0; i < BLOCKS; i++) {
		if (stays(i))
			say("live %p %zu", mine[i], size_of(i));
		else
			say("dead %p", mine[i]);
	}
}

static void release(void **mine)
{
	for (unsigned i = 0; i < BLOCKS; i++)
		if (!stays(i)) {
			free(mine[i]);
			mine[i] = NULL;
		}
	/* A large block that no list satisfies sorts the unsorted list into the bins; what is freed
	 * after it is unsorted again. It is freed into top. */
	void *volatile sorter = malloc(100000);
	for (unsigned i = 0; i < BLOCKS; i++)
		if (stays(i) && i >= BLOCKS - 100 && size_of(i) > 1100) {
			say("dead %p", mine[i]);
			free(mine[i]);
			mine[i] = NULL;
		}
	free(sorter);
}

static void *worker(void *arg)
{
	allocate(arg);
	pthread_barrier_wait(&allocated);
	tell(arg);
	say("thread %d %p", gettid(), __builtin_frame_address(0));
	pthread_barrier_wait(&told);
	release(arg);
	pthread_barrier_wait(&done);
	for (;;)
		pause();
	return NULL;
}

static void *leaver(void *arg)
{
	for (unsigned i = 0; i < 20; i++) {
		void *volatile p = memset(malloc(700 + 16 * i), 'l', 700);
		say("lost %p %u", p, 700 + 16 * i);
		p = NULL;
	}
	return arg;
}

int main(int argc, char **argv)
{
	unsigned threads = argc > 2 ? atoi(argv[2]) : 8;
	pthread_t thread;

	if (threads > MAX_THREADS)
		return 2;
	pthread_barrier_init(&allocated, NULL, threads + 1);
	pthread_barrier_init(&told, NULL, threads + 1);
	pthread_barrier_init(&done, NULL, threads + 1);
	for (unsigned i = 0; i < threads; i++)
		pthread_create(&thread, NULL, worker, blocks[i]);
	allocate(blocks[threads]);
	pthread_barrier_wait(&allocated);
	for (unsigned i = 0; i < 2; i++) {
		pthread_create(&thread, NULL, leaver, NULL);
		pthread_join(thread, NULL);
	}
	tell(blocks[threads]);
	pthread_barrier_wait(&told);
	release(blocks[threads]);
	pthread_barrier_wait(&done);
	usleep(20000); /* the others reach their pause */
	stop_here(argc > 1 ? argv[1] : "pause");
}
