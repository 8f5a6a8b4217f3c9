/**
 * @file
 * Large arrays of zeroes: mapped, and aligned for huge pages.
 */
#include "core/base/zeroes.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/** Arrays of at least this many bytes are mapped, in units of huge pages. */
#define MIN_MAPPED (UINT64_C(4) << 20)
#define HUGE_PAGE (UINT64_C(2) << 20)
#define CACHE_LINE 64

static bool is_mapped(uint64_t bytes)
{
	return bytes >= MIN_MAPPED;
}

static uint64_t mapped_bytes(uint64_t bytes)
{
	return (bytes + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1);
}

/** Map zeroes that begin at a huge page. */
static void *map_aligned(uint64_t bytes)
{
	uint64_t size = mapped_bytes(bytes);
	uint8_t *map = mmap(NULL, size + HUGE_PAGE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (map == MAP_FAILED)
		return NULL;
	uint64_t before = -(uintptr_t)map & (HUGE_PAGE - 1);
	if (before)
		munmap(map, before);
	if (HUGE_PAGE - before)
		munmap(map + before + size, HUGE_PAGE - before);
	madvise(map + before, size, MADV_HUGEPAGE); /* only a wish */
	return map + before;
}

void *hc_zeroes_create(uint64_t num, size_t size)
{
	uint64_t bytes;

	if (__builtin_mul_overflow(num ? num : 1, size, &bytes) ||
	    bytes > PTRDIFF_MAX - 2 * HUGE_PAGE)
		return NULL;
	if (is_mapped(bytes))
		return map_aligned(bytes);
	bytes = (bytes + CACHE_LINE - 1) & ~(uint64_t)(CACHE_LINE - 1);
	void *zeroes = aligned_alloc(CACHE_LINE, bytes);

	return zeroes ? memset(zeroes, 0, bytes) : NULL;
}

void hc_zeroes_destroy(void *zeroes, uint64_t num, size_t size)
{
	uint64_t bytes = num * size;

	if (zeroes && is_mapped(bytes))
		munmap(zeroes, mapped_bytes(bytes));
	else
		free(zeroes);
}

void *hc_zeroes_shrink(void *zeroes, uint64_t old_num, uint64_t num, size_t size)
{
	uint64_t old_bytes = old_num * size, bytes = num * size;

	if (num == old_num)
		return zeroes;
	if (is_mapped(bytes)) {
		uint64_t kept = mapped_bytes(bytes), rest = mapped_bytes(old_bytes) - kept;

		if (rest)
			munmap((uint8_t *)zeroes + kept, rest);
		return zeroes;
	}
	void *smaller = hc_zeroes_create(num, size);

	if (smaller)
		memcpy(smaller, zeroes, bytes);
	hc_zeroes_destroy(zeroes, old_num, size);
	return smaller;
}
