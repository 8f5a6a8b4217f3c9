/*
 * Between: a main arena in two places, and memory of somebody else's between them.
 *
 * usage: between pause|abort
 *
 * The end of the brk heap is taken, so that malloc goes on with mmap; below that lies a mapping of 8 MiB, between two
 * pages that nobody can touch. Prints "between 0xADDRESS SIZE", "chunk 0xADDRESS" of each side, "end".
 */
#include <stdint.h>
#include <sys/mman.h>

#include "manifest.h"

enum { SIZE = 8 << 20, PAGE = 4096 };

static void *volatile chunks[4000];

int main(int argc, char **argv)
{
	char *memory;
	void *end;

	chunks[0] = malloc(1000);
	end = sbrk(0);
	if (mmap(end, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) != end)
		return 2;
	for (unsigned i = 1; i < 4000; i++)
		chunks[i] = malloc(1000);
	memory = mmap(NULL, SIZE + 2 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED || mprotect(memory + PAGE, SIZE, PROT_READ | PROT_WRITE))
		return 2;
	memset(memory + PAGE, 'b', SIZE);
	say("between %p %d", memory + PAGE, SIZE);
	say("chunk %p", chunks[0]);
	say("chunk %p", chunks[3999]);
	stop_here(argc > 1 ? argv[1] : NULL);
}
