/*
 * A heap with chunks in every state, damaged by one mistake that programs make.
 *
 * usage: damage abort|pause [KIND]
 *
 * Prints "live 0xADDRESS REQUESTED" and "dead 0xADDRESS REQUESTED", then for the damage done "field
 * 0xADDRESS" (the word written over) and "suspect 0xADDRESS" (the chunk in front of it). KIND is:
 *   none        no damage: tests patch the core themselves
 *   overflow    strcpy() of a text that is too long for its chunk
 *   underflow   writing in front of a chunk
 *   doubled     a size field that is possible, but twice what it was
 *   tcache      a chunk freed twice, which its first bytes hide from glibc: a list with a loop
 *   fastbin     the same for a fastbin: freed twice, with another one in between
 *   top         a write over the end of the last chunk
 *   foreign     no damage: somebody else calls sbrk() in between
 * And those that make glibc end the process, so that the core is the kernel's ("end" comes before):
 *   die-next, die-out, die-tcache, die-unlink, die-top
 */
#include <malloc.h>
#include <stdint.h>

#include "manifest.h"

#define NUM 12000
#define LARGE 1500 /* bytes: beyond tcache and fastbins */

static char *volatile chunks[NUM]; /* volatile: stores that nobody reads must stay */
static size_t sizes[NUM];
static char *volatile early[14];
static uint32_t seed = 1;

/* A pointer of which the compiler knows nothing: what is done with it here is undefined, and must
 * be done. */
static void *hidden(void *p)
{
	__asm__ volatile("" : "+r"(p) : : "memory");
	return p;
}

/* The word in front of a chunk: its size field. */
static size_t *size_field(void *p)
{
	return (size_t *)hidden(p) - 1;
}

static uint32_t next_random(void)
{
	return seed = seed * 1664525 + 1013904223, seed >> 8;
}

/* Mostly small; one in sixteen is large, of a few sizes only, so that large bins hold several of
 * one size. */
static size_t any_size(void)
{
	uint32_t r = next_random();
	return r % 16 ? 1 + r / 16 % 900 : 1100 + r / 16 % 40 * 64;
}

/* Every other one is text. */
static void fill(unsigned i)
{
	for (size_t k = 0; k < sizes[i]; k++)
		chunks[i][k] = i % 2 ? "record of the table, number "[k % 28]
				     : (char)((i >> k % 4 * 8) & 7);
	if (i % 2)
		chunks[i][sizes[i] - 1] = 0;
}

static void release(unsigned i)
{
	say("dead %p %zu", chunks[i], sizes[i]);
	free(chunks[i]);
	chunks[i] = NULL;
}

static void build(int foreign)
{
	for (unsigned i = 0; i < NUM; i++) {
		sizes[i] = any_size();
		chunks[i] = malloc(sizes[i]);
		fill(i);
		if (foreign && i % 3000 == 2999 && sbrk(12345) == (void *)-1)
			_exit(4);
	}
	for (unsigned i = 0; i < NUM; i += 3)
		release(i);
	/* Larger than any free chunk: sorts the unsorted list into bins. */
	say("live %p 120000", malloc(120000));
	for (unsigned i = 1; i < NUM; i += 60)
		release(i);
	for (unsigned i = 0; i < NUM; i++) {
		if (chunks[i])
			say("live %p %zu", chunks[i], sizes[i]);
	}
}

/* Two neighbours at the end of the heap. */
static void neighbours(size_t size, char **a, char **b)
{
	/* Empty what is free of this size first: then both come from top, the second behind the
	 * first. */
	char *last = NULL, *p;
	unsigned tries = 0;

	for (p = malloc(size); tries < 4000; tries++, last = p, p = malloc(size)) {
		say("live %p %zu", p, size);
		if (last && p == last + malloc_usable_size(last) + sizeof(size_t))
			break;
	}
	*a = last;
	*b = p;
	say("live %p 24", malloc(24)); /* not the last one */
}

static void tell(char *field, char *suspect)
{
	say("field %p", field);
	say("suspect %p", suspect);
}

static void write_over_neighbour(const char *kind)
{
	static const char text[] =
		"a name that is longer than whoever wrote this program had thought";
	char *a, *b;
	unsigned word = sizeof(size_t);

	neighbours(24, &a, &b);
	tell(b - word, a);
	if (strcmp(kind, "overflow") == 0)
		memcpy(hidden(a), text, 32 + word + 2);
	else if (strcmp(kind, "underflow") == 0)
		memset(hidden(b - 2 * word), 'U', 2 * word);
	else
		*size_field(b) += *size_field(b) & ~(size_t)7;
}

/* The second word of a cached chunk is what tells glibc that it is free: overwrite it, and it can
 * be freed again. */
static void free_twice_tcache(void)
{
	char *p, *q, *again;

	/* More than are free of this size: the cache is empty then, too. */
	for (unsigned i = 0; i < 1000; i++)
		say("live %p 40", malloc(40));
	p = malloc(40);
	q = malloc(40);
	say("dead %p 40", q);
	say("dead %p 40", p);
	again = hidden(p);
	free(q);
	free(p);
	((size_t *)again)[1] = 0;
	tell(again, again);
	free(again);
}

static void free_twice_fastbin(void)
{
	char *p, *q;

	for (unsigned i = 0; i < 14; i++)
		early[i] = malloc(40);
	p = early[12];
	q = early[13];
	for (unsigned i = 0; i < 14; i++)
		say("dead %p 40", early[i]);
	for (unsigned i = 0; i < 14; i++)
		free(early[i]);
	tell(hidden(q), hidden(q));
	free(hidden(p));
}

static void write_over_top(void)
{
	char *p, *next;

	/* The last chunk is in front of top, which ends where the heap does. */
	do {
		p = malloc(24);
		say("live %p 24", p);
		next = p + 24 + sizeof(size_t);
	} while (next - 2 * sizeof(size_t) + (*size_field(next) & ~(size_t)7) != (char *)sbrk(0));
	tell(p + 24, p);
	memset(hidden(p), 'A', 24 + sizeof(size_t));
}

static void die(const char *kind)
{
	char *a, *b, *p;

	neighbours(LARGE, &a, &b);
	if (strcmp(kind, "die-next") == 0 || strcmp(kind, "die-out") == 0) {
		tell(b - sizeof(size_t), a);
		memset(hidden(a), 'A', malloc_usable_size(a) + sizeof(size_t));
		say("end");
		free(strcmp(kind, "die-next") ? b : a);
	} else if (strcmp(kind, "die-tcache") == 0) {
		p = malloc(40);
		say("dead %p 40", p);
		a = hidden(p);
		free(p);
		say("end");
		free(a);
	} else if (strcmp(kind, "die-unlink") == 0) {
		free(b);
		tell(b, a);
		*(size_t *)hidden(b) = (size_t)a; /* written to after it was freed */
		say("end");
		free(a);
	} else {
		write_over_top();
		say("end");
		a = malloc(900000);
		say("not reached: %p", a);
	}
}

int main(int argc, char **argv)
{
	const char *kind = argc > 2 ? argv[2] : "none";

	mallopt(M_MMAP_THRESHOLD, 1 << 20);
	build(strcmp(kind, "foreign") == 0);
	if (strncmp(kind, "die-", 4) == 0)
		die(kind);
	else if (strcmp(kind, "tcache") == 0)
		free_twice_tcache();
	else if (strcmp(kind, "fastbin") == 0)
		free_twice_fastbin();
	else if (strcmp(kind, "top") == 0)
		write_over_top();
	else if (strcmp(kind, "none") != 0 && strcmp(kind, "foreign") != 0)
		write_over_neighbour(kind);
	stop_here(argc > 1 ? argv[1] : "pause");
}
