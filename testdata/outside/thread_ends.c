/**
 * @file
 * Threads that ended: 40 that nobody joins, 3 that are joined, 2 that were detached; one lives.
 */
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void *work(void *arg)
{
	char buffer[16384];

	memset(buffer, 1, sizeof(buffer));
	__asm__ volatile("" ::"r"(buffer) : "memory");
	return arg;
}

static void *stay(void *arg)
{
	pause();
	return arg;
}

int main(void)
{
	pthread_attr_t small, detached;
	pthread_t joined[3], other;

	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, 1 << 18);
	pthread_attr_init(&detached);
	pthread_attr_setstacksize(&detached, 1 << 18);
	pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
	pthread_create(&other, &small, stay, NULL);
	for (int i = 0; i < 3; i++)
		pthread_create(&joined[i], &small, work, NULL);
	for (int i = 0; i < 40; i++)
		pthread_create(&other, &small, work, NULL);
	for (int i = 0; i < 3; i++)
		pthread_join(joined[i], NULL);
	for (int i = 0; i < 2; i++)
		pthread_create(&other, &detached, work, NULL);
	usleep(500000);
	puts("end");
	fflush(stdout);
	pause();
}
