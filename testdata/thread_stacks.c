/*
 * A server that starts threads until no address is left for another stack, and does not look
 * whether it has one.
 *
 * usage: thread_stacks
 *
 * For a process of 32 bits that is started with a stack limit of 32 MiB: each thread reserves as
 * much. Of addresses there are 3 GiB, as a kernel of 32 bits leaves to programs, whatever the one
 * that it runs on would give. Prints "threads N", "end"; then it detaches the thread that could
 * not be created, and dies of that.
 */
#include <pthread.h>
#include <sys/resource.h>

#include "manifest.h"

#define ADDRESSES (3UL << 30)
/* What lies in a variable that nobody set. */
#define LEFT_OVER 0x5eed

static pthread_mutex_t never = PTHREAD_MUTEX_INITIALIZER;
static pthread_barrier_t begun;

static void *serve(void *unused)
{
	(void)unused;
	pthread_barrier_wait(&begun);
	pthread_mutex_lock(&never);
	return NULL;
}

int main(void)
{
	const struct rlimit limit = {ADDRESSES, ADDRESSES};
	pthread_t thread;
	unsigned threads = 0;

	pthread_mutex_lock(&never);
	pthread_barrier_init(&begun, NULL, 2);
	if (setrlimit(RLIMIT_AS, &limit))
		return 1;
	for (;; threads++) {
		thread = LEFT_OVER;
		if (pthread_create(&thread, NULL, serve, NULL))
			break;
		/* Each waits where it will be found. */
		pthread_barrier_wait(&begun);
		pthread_detach(thread);
	}
	say("threads %u", threads);
	say("end");
	pthread_detach(thread);
	return 1;
}
