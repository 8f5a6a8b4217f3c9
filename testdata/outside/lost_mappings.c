/*
 * Mappings of many sizes, each with other bytes: LOST whose addresses are forgotten, HELD that a
 * table has.
 *
 * usage: lost_mappings; ends with a line "end" and waits.
 */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { LOST = 60, HELD = 20, PAGE = 4096 };

static unsigned char *volatile held[HELD];

static unsigned char *map(unsigned i)
{
	static unsigned long long state;
	size_t size = PAGE * (10u + i * 7 % 50);
	unsigned char *ret =
		mmap(NULL, size + PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (ret == MAP_FAILED)
		return NULL;
	for (size_t k = 0; k < size; k++)
		ret[k] = (state = state * 6364136223846793005u + 1442695040888963407u) >> 56;
	/* Neighbours would become one mapping. */
	mprotect(ret + size, PAGE, PROT_NONE);
	return ret;
}

/** Overwrites what calls have left on the stack. */
static void forget(void)
{
	volatile char bytes[65536];

	memset((char *)bytes, 0, sizeof(bytes));
}

int main(void)
{
	for (unsigned i = 0; i < LOST; i++)
		map(i);
	for (unsigned i = 0; i < HELD; i++)
		held[i] = map(LOST + i);
	forget();
	puts("end");
	fflush(stdout);
	for (;;)
		pause();
}
