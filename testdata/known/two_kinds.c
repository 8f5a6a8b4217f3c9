/*
 * 8,000 blocks of 700 bytes that are lost, and 24,000 JSON texts of 900 bytes in a table.
 *
 * usage: two_kinds [abort|pause|signal]
 */
#include "../manifest.h"

enum { LOST = 8000, KEPT = 24000 };

char *table[KEPT];

__attribute__((noinline)) static void work(void)
{
	for (int i = 0; i < KEPT; i++) {
		if (i % 3 == 0) {
			char *lost = calloc(1, 700);

			snprintf(lost, 700, "ticket=%d&queue=billing&agent=%d", i / 3, i % 11);
		}
		table[i] = calloc(1, 900);
		snprintf(table[i], 900, "{\"route\":%d,\"stops\":[%d,%d],\"text\":\"%0780d\"}", i, i + 1, i + 2, i);
	}
}

__attribute__((noinline)) static void wipe(void)
{
	volatile char stack[16384];

	memset((char *)stack, 0, sizeof(stack));
}

int main(int argc, char **argv)
{
	work();
	wipe();
	say("lost %d", LOST);
	say("kept %d", KEPT);
	stop_here(argc > 1 ? argv[1] : "pause");
	return 0;
}
