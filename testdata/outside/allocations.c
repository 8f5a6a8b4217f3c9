/**
 * @file
 * 50,000 blocks of 300 bytes lost and 20,000 of 100 bytes kept, for whatever allocator it is linked
 * with; "free" also gives 1,000 back.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

char *kept[20000];

__attribute__((noinline)) static void work(void)
{
	for (int i = 0; i < 50000; i++) {
		char *event = malloc(300);
		snprintf(event, 300, "{\"tenant\":%d,\"event\":\"login\",\"seq\":%d}", i % 10, i);
	}
	for (int i = 0; i < 20000; i++) {
		kept[i] = malloc(100);
		snprintf(kept[i], 100, "metric.cpu.host%d.value", i);
	}
#ifdef FREES
	for (int i = 0; i < 1000; i++) {
		free(kept[i]);
		kept[i] = NULL;
	}
#endif
}

int main(void)
{
	work();
	puts("end");
	fflush(stdout);
	pause();
}
