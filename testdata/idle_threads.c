/*
 * Many threads that wait, in a process that is otherwise small: its stacks are most of its
 * mappings.
 *
 * usage: idle_threads [abort|pause|signal] [THREADS] [BLOCKS]
 *
 * Of THREADS (default 12) waiting threads the first has filled its arena and freed all of it, so
 * that malloc has trimmed the arena's heap. The main thread holds BLOCKS (default 4000) blocks of
 * 1,000 bytes in .bss.
 */
#include <pthread.h>

#include "manifest.h"

#define MAX_BLOCKS 4000
#define SIZE 1000

static void *held[MAX_BLOCKS];
static pthread_barrier_t begun;
static pthread_mutex_t never = PTHREAD_MUTEX_INITIALIZER;

static void fill_and_trim(void)
{
	static void *blocks[MAX_BLOCKS];

	for (unsigned i = 0; i < MAX_BLOCKS; i++)
		blocks[i] = memset(malloc(SIZE), 'f', SIZE);
	/* The first ones stay in the tcache; the last ones are next to top. */
	for (unsigned i = 0; i < MAX_BLOCKS; i++) {
		free(blocks[i]);
		blocks[i] = NULL;
	}
}

static void *work(void *first)
{
	if (first)
		fill_and_trim();
	pthread_barrier_wait(&begun);
	pthread_mutex_lock(&never);
	return NULL;
}

int main(int argc, char **argv)
{
	unsigned threads = argc > 2 ? atoi(argv[2]) : 12;
	unsigned blocks = argc > 3 ? atoi(argv[3]) : MAX_BLOCKS;
	pthread_t thread;

	for (unsigned i = 0; i < blocks && i < MAX_BLOCKS; i++)
		held[i] = memset(malloc(SIZE), 'h', SIZE);
	pthread_mutex_lock(&never);
	pthread_barrier_init(&begun, NULL, threads + 1);
	for (unsigned i = 0; i < threads; i++)
		if (pthread_create(&thread, NULL, work, i ? NULL : held))
			return 1;
	pthread_barrier_wait(&begun);
	stop_here(argc > 1 ? argv[1] : NULL);
}
