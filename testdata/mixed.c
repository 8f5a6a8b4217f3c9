/*
 * Every allocating function, small and mmapped, all chunks reachable from .bss.
 *
 * usage: mixed [abort|pause|signal]
 *
 * Prints "live 0xADDRESS REQUESTED LABEL" and "dead 0xADDRESS LABEL". The mmapped ones (labels that
 * begin with "mmapped") include aligned ones, one that realloc moved with mremap, one that shrank,
 * and one that was freed.
 */
#include <malloc.h>
#include <stdint.h>

#include "manifest.h"

static void *volatile live[512]; /* volatile: stores that nobody reads must stay */
static unsigned num;

static void *keep(void *p, size_t size, const char *label)
{
	memset(p, num & 0xff, size);
	say("live %p %zu %s", p, size, label);
	return live[num++] = p;
}

static void mmapped(void)
{
	void *p;

	mallopt(M_MMAP_THRESHOLD, 256 * 1024); /* a fixed threshold: frees must not move it */
	for (size_t size = 260000 + 2208; size < 1000000; size += 123457)
		keep(malloc(size), size, "mmapped");
	for (size_t alignment = 32; alignment <= 65536; alignment *= 8)
		keep(memalign(alignment, 300001), 300001, "mmapped-aligned");
	if (posix_memalign(&p, 2 << 20, 400000) == 0)
		keep(p, 400000, "mmapped-aligned-2M");
	keep(valloc(280000), 280000, "mmapped-valloc");
	keep(realloc(malloc(300000), 3000000), 3000000, "mmapped-grown");
	keep(realloc(malloc(3000000), 300000), 300000, "mmapped-shrunk");
	keep(calloc(1, 500000), 500000, "mmapped-calloc");
	p = malloc(800000);
	say("dead %p mmapped-freed", p);
	free(p);
}

static void small(void)
{
	for (size_t size = 0; size < 2100; size += 13)
		keep(malloc(size), size, "malloc");
	for (size_t size = 3000; size < 200000; size = size * 5 / 3)
		keep(malloc(size), size, "malloc-large");
	for (size_t alignment = 16; alignment <= 8192; alignment *= 2) {
		keep(memalign(alignment, 100), 100, "memalign");
		keep(aligned_alloc(alignment, 8192), 8192, "aligned_alloc");
	}
	keep(calloc(1024, 8), 8192, "calloc-8192");
	keep(pvalloc(100), 4096, "pvalloc");
	keep(reallocarray(NULL, 30, 30), 900, "reallocarray");
	keep(realloc(malloc(100), 5000), 5000, "realloc-grown");
	keep(realloc(malloc(5000), 100), 100, "realloc-shrunk");
	keep(realloc(malloc(100), 100000), 100000, "realloc-moved");
	keep(strdup("a copy made by libc"), 20, "strdup");
}

int main(int argc, char **argv)
{
	void *dead[40];

	for (unsigned i = 0; i < 40; i++)
		dead[i] = malloc(3 * i * i);
	small();
	mmapped();
	for (unsigned i = 0; i < 40; i++) {
		say("dead %p freed", dead[i]);
		free(dead[i]);
	}
	stop_here(argc > 1 ? argv[1] : "pause");
}
