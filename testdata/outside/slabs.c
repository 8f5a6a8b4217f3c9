/**
 * @file
 * A pool that counts to its blocks: SLABS mappings of BLOCKS blocks, whose addresses a table has.
 * Every third block is in use, and pointed to; the others wait on a list of indices.
 * argv: the size of a block, bytes. Ends with a line "end" and waits.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { SLABS = 4, BLOCKS = 240 };

static char *volatile slabs[SLABS];
static char *volatile used[SLABS * BLOCKS / 3];

static char *block_at(size_t i, size_t size)
{
	return slabs[i / BLOCKS] + i % BLOCKS * size;
}

__attribute__((noinline)) static void fill(size_t size)
{
	for (int i = 0; i < SLABS; i++)
		slabs[i] = mmap(NULL, BLOCKS * size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	for (size_t i = 0; i < SLABS * BLOCKS; i++) {
		snprintf(block_at(i, size), 100, "TILE zoom=%zu column=%zu", i % 9, i);
		if (i % 3 == 1)
			used[i / 3] = block_at(i, size);
	}
}

/** What is left of addresses on the stack and in registers. */
__attribute__((noinline)) static void wipe(void)
{
	volatile char stack[16384];

	memset((void *)stack, 0, sizeof(stack));
}

int main(int argc, char **argv)
{
	fill(argc > 1 ? strtoul(argv[1], NULL, 10) : 8192);
	wipe();
	puts("end");
	fflush(stdout);
	pause();
}
