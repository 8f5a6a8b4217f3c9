/**
 * @file
 * Memory that a program maps itself: 1,000 frame buffers of 64 KiB whose addresses are dropped, and
 * 50 of 128 KiB, each a mapping of its own, in a table; and one of 1 MiB whose address is dropped.
 * argv: "none" makes none of them.
 */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

char *table[50];

static char *map(size_t size)
{
	return mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

/**
 * Fill the holes between libraries that are large enough for a frame, as the one that the loader's
 * cache leaves on a machine with many libraries: a frame there would be part of the C library's
 * data. Libraries lie above what is mapped later.
 */
static void fill_holes(void)
{
	char *filler;

	do
		filler = mmap(NULL, 65536, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	while (filler != MAP_FAILED && filler > (char *)puts);
}

__attribute__((noinline)) static void work(void)
{
	fill_holes();
	for (int i = 0; i < 1000; i++) {
		char *frame = map(65536);
		snprintf(frame, 100, "FRAMEBUF seq=%d camera=%d", i, i % 8);
		memset(frame + 4096, i, 60000);
	}
	for (int i = 0; i < 50; i++) {
		/* A guard between them keeps the kernel from merging them. */
		table[i] = map(131072 + 4096);
		mprotect(table[i] + 131072, 4096, PROT_NONE);
		snprintf(table[i], 100, "texture %d", i * 7);
	}
	char *lost = map((1 << 20) + 4096);
	mprotect(lost + (1 << 20), 4096, PROT_NONE);
	strcpy(lost, "a mapping that nothing points to");
}

/** What is left of addresses on the stack and in registers. */
__attribute__((noinline)) static void wipe(void)
{
	volatile char stack[16384];

	memset((void *)stack, 0, sizeof(stack));
}

int main(int argc, char **argv)
{
	if (argc < 2 || strcmp(argv[1], "none"))
		work();
	wipe();
	puts("end");
	fflush(stdout);
	pause();
}
