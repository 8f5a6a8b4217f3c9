/*
 * Heaps to measure by, up to tens of millions of chunks.
 *
 * usage: bench_heap [abort|pause] LAYOUT CHUNKS [LARGE]
 *
 *   linked  chunks of 32 bytes; each points to the next in address order
 *   lists-down   the same chunks in 1,024 lists, each from higher addresses to lower ones; the lists
 *                lie among one another
 *   list-down    the same in one list
 *   list-random  one list in random order
 *   tree    chunks of 32 bytes; a binary tree whose nodes lie in random order: node i's children,
 * 2i+1 and 2i+2, are anywhere in memory mixed   chunks of 32 to 1,040 bytes, small ones being more
 * frequent. Each points to the two that a random tree puts below it and is otherwise filled with
 * pointers to random chunks, with numbers and with text text    the same chunks, filled with
 * requests, replies and log lines behind the two pointers; one line in a hundred thousand says
 * "needle in the heap", one in a thousand has the same word twice. With a second number, one more
 * chunk of so many bytes with the same text
 *
 * All chunks are reachable from globals. Prints "chunks N", "end". The order is pseudo-random
 * with a fixed seed: the same heap every time. The scratch table of addresses is mmapped and given
 * back before the end.
 */
#include <malloc.h>
#include <stdint.h>
#include <sys/mman.h>

#include "manifest.h"

static void **volatile root;
static char *volatile large_chunk;

static uint64_t next_random(void)
{
	static uint64_t state = 0x9e3779b97f4a7c15ul;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

static void shuffle(void ***order, size_t n)
{
	for (size_t i = n - 1; i > 0; i--) {
		size_t j = next_random() % (i + 1);
		void **p = order[i];
		order[i] = order[j];
		order[j] = p;
	}
}

static void link_list(void ***order, size_t n)
{
	for (size_t i = 0; i < n; i++)
		order[i][0] = i + 1 < n ? order[i + 1] : NULL;
}

#define NUM_LISTS 1024

static void **volatile heads[NUM_LISTS];

/* Each points to the one that is so many chunks below it. */
static void link_down(void ***order, size_t n, size_t lists)
{
	for (size_t i = 0; i < n; i++)
		order[i][0] = i >= lists ? order[i - lists] : NULL;
	for (size_t i = 0; i < lists && i < n; i++)
		heads[i] = order[n - 1 - i];
}

static void link_tree(void ***order, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		order[i][0] = 2 * i + 1 < n ? order[2 * i + 1] : NULL;
		order[i][1] = 2 * i + 2 < n ? order[2 * i + 2] : NULL;
	}
}

/* A third pointers, a third small numbers, a third text. */
static void fill(void ***order, size_t n, void **p, size_t words)
{
	for (size_t i = 2; i < words; i++) {
		uint64_t r = next_random();
		if (r % 3 == 0)
			p[i] = order[r / 3 % n];
		else if (r % 3 == 1)
			p[i] = (void *)(r % 1000);
		else
			memcpy(&p[i], "user:42;", 8);
	}
}

/* One line of text, at most size bytes. */
static size_t put_line(char *p, size_t size)
{
	uint64_t r = next_random();
	unsigned user = r % 200000, item = r / 200000 % 1000;
	int n;

	if (r % 100003 == 0)
		n = snprintf(p, size, "needle in the heap %u\n", user);
	else if (r % 1009 == 0)
		n = snprintf(p, size, "retry=w%ux;again=w%ux\n", item, item);
	else if (r % 3 == 0)
		n = snprintf(p, size, "POST /user/%u/cart?channelid=%u HTTP/1.1\r\n", user,
			     item % 37);
	else if (r % 3 == 1)
		n = snprintf(p, size, "user:%u:item:%u total=%u.%02u EUR\n", user, item, user % 500,
			     item % 100);
	else
		n = snprintf(p, size, "2026-11-20T12:%02u:%02u worker[%u] INFO cache hit\n",
			     user % 60, item % 60, item);
	return (size_t)n < size ? (size_t)n : size;
}

static void fill_text(char *p, size_t size)
{
	for (size_t pos = 0; pos < size; pos += put_line(p + pos, size - pos))
		;
}

static size_t mixed_size(void)
{
	uint64_t r = next_random();

	return r % 8 < 5 ? 16 + r / 8 % 10 * 16 : 200 + r / 8 % 824;
}

int main(int argc, char **argv)
{
	const char *layout = argc > 2 ? argv[2] : "tree";
	size_t n = argc > 3 ? strtoull(argv[3], NULL, 10) : 1000000;
	size_t large = argc > 4 ? strtoull(argv[4], NULL, 10) : 0;
	int text = strcmp(layout, "text") == 0, mixed = text || strcmp(layout, "mixed") == 0;
	void ***order = mmap(NULL, n * sizeof(*order), PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (order == MAP_FAILED)
		return 1;
	for (size_t i = 0; i < n; i++) {
		size_t size = mixed ? mixed_size() : 24;
		order[i] = memset(malloc(size), 0, size);
	}
	if (strcmp(layout, "linked") == 0) {
		link_list(order, n);
	} else if (strcmp(layout, "lists-down") == 0) {
		link_down(order, n, NUM_LISTS);
	} else if (strcmp(layout, "list-down") == 0) {
		link_down(order, n, 1);
	} else if (strcmp(layout, "list-random") == 0) {
		shuffle(order, n);
		link_list(order, n);
	} else {
		shuffle(order, n);
		link_tree(order, n);
	}
	for (size_t i = 0; text && i < n; i++)
		fill_text((char *)(order[i] + 2),
			  malloc_usable_size(order[i]) - 2 * sizeof(void *));
	for (size_t i = 0; mixed && !text && i < n; i++)
		fill(order, n, order[i], malloc_usable_size(order[i]) / sizeof(void *));
	root = order[0];
	if (large) {
		large_chunk = malloc(large);
		fill_text(large_chunk, large);
	}
	munmap(order, n * sizeof(*order));
	say("chunks %zu", n);
	stop_here(argc > 1 ? argv[1] : "pause");
}
