/*
 * Threads that work in arenas of their own, and a program that does what it is told.
 *
 * usage: handlers [NUMBER]
 *
 * NUMBER (default 6) threads begin in handler(), one more in keeper(); each has its own arena.
 * Prints "thread LWP FUNCTION" for each, "end", and then reads commands, a line each, which it
 * answers with "done" when all threads have obeyed:
 *   keep N   every handler allocates N blocks of 1000 bytes, and keeps them
 *   lose N   every handler allocates N blocks of 300 bytes, and forgets them
 *   store N  the keeper allocates N blocks of 500 bytes, and keeps them
 */
#include <malloc.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/mman.h>

#include "manifest.h"

#define MAX_HANDLERS 32
#define MAX_BLOCKS 200000

static pthread_barrier_t begin, end;
static char command;
static unsigned long number;
static void **kept[MAX_HANDLERS + 1];
static unsigned long num_kept[MAX_HANDLERS + 1];

static void keep(unsigned who, size_t size)
{
	for (unsigned long i = 0; i < number && num_kept[who] < MAX_BLOCKS; i++)
		kept[who][num_kept[who]++] = memset(malloc(size), 'k', size);
}

static void __attribute__((noinline)) lose(void)
{
	for (unsigned long i = 0; i < number; i++) {
		void *volatile block = memset(malloc(300), 'l', 300);

		block = NULL;
		(void)block;
	}
}

static void __attribute__((noinline)) start(const char *name)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

	pthread_mutex_lock(&lock);
	say("thread %d %s", (int)gettid(), name);
	pthread_mutex_unlock(&lock);
}

/* Both are seen by the linker, so that a stripped program has their names, too. */
void *handler(void *own);
void *keeper(void *own);

void *__attribute__((noinline)) handler(void *own)
{
	unsigned who = (uintptr_t)own;

	start("handler");
	for (;;) {
		pthread_barrier_wait(&begin);
		if (command == 'k')
			keep(who, 1000);
		else if (command == 'l')
			lose();
		pthread_barrier_wait(&end);
	}
	return own;
}

void *__attribute__((noinline)) keeper(void *own)
{
	start("keeper");
	for (;;) {
		pthread_barrier_wait(&begin);
		if (command == 's')
			keep((uintptr_t)own, 500);
		pthread_barrier_wait(&end);
	}
	return own;
}

static void obey(void)
{
	pthread_barrier_wait(&begin);
	pthread_barrier_wait(&end);
}

int main(int argc, char **argv)
{
	unsigned num = argc > 1 ? atoi(argv[1]) : 6;
	pthread_t thread;
	char line[64];

	if (num > MAX_HANDLERS)
		num = MAX_HANDLERS;
	mallopt(M_ARENA_MAX, num + 2);
	pthread_barrier_init(&begin, NULL, num + 2);
	pthread_barrier_init(&end, NULL, num + 2);
	for (unsigned i = 0; i <= num; i++) {
		/* Not of malloc, so that arenas have nothing but the blocks. */
		kept[i] = mmap(NULL, MAX_BLOCKS * sizeof(void *), PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		pthread_create(&thread, NULL, i < num ? handler : keeper, (void *)(uintptr_t)i);
	}
	/* One block each: that is when threads get their arenas. */
	number = 1;
	command = 'k';
	obey();
	command = 's';
	obey();
	say("end");
	while (fgets(line, sizeof(line), stdin)) {
		command = line[0];
		number = strtoul(strchr(line, ' ') ? strchr(line, ' ') : "0", NULL, 10);
		obey();
		say("done");
	}
	return 0;
}
