/*
 * A heap that is mostly free after a peak, and that glibc can't give back.
 *
 * usage: retention [abort|pause|signal]
 *
 * 40,000 buffers of 300 to 5,899 bytes are allocated (about 124 MB) and all freed but every
 * 4,000th: ten chunks stay in use, reachable from .bss, and the last of them lies just below the
 * top, so that nothing below it goes back to the system. The peak itself was legitimate; nothing is
 * lost.
 *
 * Prints "live 0xADDRESS REQUESTED" for the ten, then glibc's own count:
 * "mallinfo arena N fordblks N uordblks N keepcost N", then "end".
 */
#include <malloc.h>

#include "manifest.h"

#define NUM 40000
#define EVERY 4000

static void *volatile survivors[NUM / EVERY];

static size_t size_of(unsigned i)
{
	return 300 + i * 7919u % 5600;
}

int main(int argc, char **argv)
{
	void **all = calloc(NUM, sizeof(*all));

	for (unsigned i = 0; i < NUM; i++)
		all[i] = memset(malloc(size_of(i)), 'r', size_of(i));
	for (unsigned i = 0; i < NUM; i++)
		if (i % EVERY != EVERY - 1)
			free(all[i]);
	for (unsigned i = 0; i < NUM / EVERY; i++) {
		unsigned at = i * EVERY + EVERY - 1;
		survivors[i] = all[at];
		say("live %p %zu", survivors[i], size_of(at));
	}
	free(all);

	struct mallinfo2 m = mallinfo2();
	say("mallinfo arena %zu fordblks %zu uordblks %zu keepcost %zu", m.arena, m.fordblks,
	    m.uordblks, m.keepcost);
	stop_here(argc > 1 ? argv[1] : "pause");
}
