/**
 * @file
 * What can be wrong in malloc's structures, and what malloc says when it notices.
 *
 * Each message is one that malloc.c or arena.c of the releases given prints when it meets the
 * condition; which of them a process printed depends on what it called next. Stable branches carry
 * checks of later releases, so the release that is known here may be one too old for a message that
 * was printed.
 */
#include <stdlib.h>

#include "core/allocators/glibc/glibc.h"

/** Which part of the heap each condition is about. */
static const enum hc_fault parts[GLIBC_NUM_FAULTS] = {
	[GLIBC_SIZE_SMALL] = HC_FAULT_HEADER,
	[GLIBC_SIZE_LARGE] = HC_FAULT_HEADER,
	[GLIBC_SIZE_MMAPPED] = HC_FAULT_HEADER,
	[GLIBC_SIZE_FOREIGN] = HC_FAULT_HEADER,
	[GLIBC_SIZE_FALSE] = HC_FAULT_HEADER,
	[GLIBC_TOP_SIZE] = HC_FAULT_TOP,
	[GLIBC_TOP_END] = HC_FAULT_TOP,
	[GLIBC_PREV_SIZE] = HC_FAULT_BOUNDARY,
	[GLIBC_UNMERGED] = HC_FAULT_BOUNDARY,
	[GLIBC_NO_BIN] = HC_FAULT_LIST,
	[GLIBC_BIN_LINK] = HC_FAULT_LIST,
	[GLIBC_SMALL_LINK] = HC_FAULT_LIST,
	[GLIBC_LARGE_LINK] = HC_FAULT_LIST,
	[GLIBC_UNSORTED_LINK] = HC_FAULT_LIST,
	[GLIBC_NEXTSIZE] = HC_FAULT_LIST,
	[GLIBC_BIN_SIZE] = HC_FAULT_LIST,
	[GLIBC_BIN_ORDER] = HC_FAULT_LIST,
	[GLIBC_BIN_INUSE] = HC_FAULT_BOUNDARY,
	[GLIBC_UNSORTED_INUSE] = HC_FAULT_BOUNDARY,
	[GLIBC_BIN_ARENA] = HC_FAULT_LIST,
	[GLIBC_BIN_TWICE] = HC_FAULT_LIST,
	[GLIBC_BINMAP] = HC_FAULT_LIST,
	[GLIBC_FASTBIN_LINK] = HC_FAULT_LIST,
	[GLIBC_FASTBIN_UNALIGNED] = HC_FAULT_LIST,
	[GLIBC_FASTBIN_SIZE] = HC_FAULT_LIST,
	[GLIBC_FASTBIN_TWICE] = HC_FAULT_LIST,
	[GLIBC_TCACHE_LINK] = HC_FAULT_LIST,
	[GLIBC_TCACHE_UNALIGNED] = HC_FAULT_LIST,
	[GLIBC_TCACHE_COUNT] = HC_FAULT_LIST,
	[GLIBC_TCACHE_FULL] = HC_FAULT_LIST,
	[GLIBC_TCACHE_TWICE] = HC_FAULT_LIST,
	[GLIBC_ARENA_SYSTEM] = HC_FAULT_ARENA,
	[GLIBC_ARENA_HEAPS] = HC_FAULT_ARENA,
	[GLIBC_ARENA_FLAGS] = HC_FAULT_ARENA,
	[GLIBC_ARENA_FREE_LIST] = HC_FAULT_ARENA,
	[GLIBC_MMAPPED_COUNT] = HC_FAULT_MMAPPED,
};

#define ANY 0
#define NOW 999

/** Minor release numbers, inclusive. Rows of one condition: the likeliest message first. */
static const struct {
	enum glibc_fault fault;
	unsigned first, last;
	const char *text;
} messages[] = {
	{GLIBC_SIZE_SMALL, ANY, NOW, "free(): invalid size"},
	{GLIBC_SIZE_SMALL, ANY, NOW, "free(): invalid next size (normal)"},
	{GLIBC_SIZE_SMALL, ANY, NOW, "double free or corruption (!prev)"},
	{GLIBC_SIZE_SMALL, ANY, 42, "free(): invalid next size (fast)"},
	{GLIBC_SIZE_SMALL, ANY, NOW, "realloc(): invalid next size"},
	{GLIBC_SIZE_LARGE, ANY, NOW, "double free or corruption (out)"},
	{GLIBC_SIZE_LARGE, ANY, NOW, "free(): invalid pointer"},
	{GLIBC_SIZE_LARGE, ANY, NOW, "free(): invalid next size (normal)"},
	{GLIBC_SIZE_LARGE, ANY, NOW, "double free or corruption (!prev)"},
	{GLIBC_SIZE_LARGE, ANY, 42, "free(): invalid next size (fast)"},
	{GLIBC_SIZE_MMAPPED, ANY, NOW, "munmap_chunk(): invalid pointer"},
	{GLIBC_SIZE_MMAPPED, ANY, NOW, "free(): invalid next size (normal)"},
	{GLIBC_SIZE_MMAPPED, ANY, NOW, "double free or corruption (!prev)"},
	{GLIBC_SIZE_MMAPPED, 29, NOW, "mremap_chunk(): invalid pointer"},
	{GLIBC_SIZE_FOREIGN, ANY, NOW, "free(): invalid next size (normal)"},
	{GLIBC_SIZE_FOREIGN, ANY, NOW, "double free or corruption (!prev)"},
	{GLIBC_SIZE_FOREIGN, ANY, 42, "free(): invalid next size (fast)"},
	{GLIBC_SIZE_FALSE, ANY, NOW, "double free or corruption (!prev)"},
	{GLIBC_SIZE_FALSE, ANY, NOW, "free(): invalid next size (normal)"},
	{GLIBC_SIZE_FALSE, 26, NOW, "corrupted size vs. prev_size"},
	{GLIBC_TOP_SIZE, 29, NOW, "malloc(): corrupted top size"},
	{GLIBC_TOP_SIZE, ANY, NOW, "sysmalloc: Assertion"},
	{GLIBC_TOP_END, 29, NOW, "malloc(): corrupted top size"},
	{GLIBC_TOP_END, ANY, NOW, "sysmalloc: Assertion"},
	{GLIBC_TOP_END, ANY, NOW, "break adjusted to free malloc space"},
	{GLIBC_PREV_SIZE, 26, NOW, "corrupted size vs. prev_size"},
	{GLIBC_PREV_SIZE, 29, NOW, "corrupted size vs. prev_size while consolidating"},
	{GLIBC_PREV_SIZE, 29, NOW, "malloc(): mismatching next->prev_size (unsorted)"},
	{GLIBC_PREV_SIZE, 29, 42, "corrupted size vs. prev_size in fastbins"},
	{GLIBC_NO_BIN, ANY, NOW, "corrupted double-linked list"},
	{GLIBC_NO_BIN, ANY, NOW, "double free or corruption (!prev)"},
	{GLIBC_BIN_LINK, ANY, NOW, "corrupted double-linked list"},
	{GLIBC_SMALL_LINK, 11, NOW, "malloc(): smallbin double linked list corrupted"},
	{GLIBC_SMALL_LINK, ANY, NOW, "corrupted double-linked list"},
	{GLIBC_SMALL_LINK, 41, NOW, "free(): chunks in smallbin corrupted"},
	{GLIBC_LARGE_LINK, ANY, NOW, "corrupted double-linked list"},
	{GLIBC_LARGE_LINK, 30, NOW, "malloc(): largebin double linked list corrupted (bk)"},
	{GLIBC_UNSORTED_LINK, 29, NOW, "malloc(): unsorted double linked list corrupted"},
	{GLIBC_UNSORTED_LINK, ANY, NOW, "corrupted double-linked list"},
	{GLIBC_UNSORTED_LINK, 11, NOW, "malloc(): corrupted unsorted chunks"},
	{GLIBC_UNSORTED_LINK, ANY, NOW, "free(): corrupted unsorted chunks"},
	{GLIBC_NEXTSIZE, 21, NOW, "corrupted double-linked list (not small)"},
	{GLIBC_NEXTSIZE, 30, NOW, "malloc(): largebin double linked list corrupted (nextsize)"},
	{GLIBC_UNSORTED_INUSE, 29, NOW, "malloc(): invalid next->prev_inuse (unsorted)"},
	{GLIBC_BIN_TWICE, ANY, NOW, "corrupted double-linked list"},
	{GLIBC_BIN_TWICE, ANY, NOW, "double free or corruption (!prev)"},
	{GLIBC_FASTBIN_LINK, ANY, 42, "malloc(): memory corruption (fast)"},
	{GLIBC_FASTBIN_LINK, 27, 42, "malloc_consolidate(): invalid chunk size"},
	{GLIBC_FASTBIN_UNALIGNED, 32, 42, "malloc(): unaligned fastbin chunk detected"},
	{GLIBC_FASTBIN_UNALIGNED, 32, 42, "malloc_consolidate(): unaligned fastbin chunk detected"},
	{GLIBC_FASTBIN_UNALIGNED, ANY, 31, "malloc(): memory corruption (fast)"},
	{GLIBC_FASTBIN_SIZE, ANY, 42, "malloc(): memory corruption (fast)"},
	{GLIBC_FASTBIN_SIZE, ANY, 42, "invalid fastbin entry (free)"},
	{GLIBC_FASTBIN_SIZE, 27, 42, "malloc_consolidate(): invalid chunk size"},
	{GLIBC_FASTBIN_SIZE, 42, 42, "malloc(): chunk size mismatch in fastbin"},
	{GLIBC_FASTBIN_TWICE, ANY, 42, "double free or corruption (fasttop)"},
	{GLIBC_TCACHE_UNALIGNED, 32, NOW, "malloc(): unaligned tcache chunk detected"},
	{GLIBC_TCACHE_UNALIGNED, 32, NOW, "free(): unaligned chunk detected in tcache 2"},
	{GLIBC_TCACHE_UNALIGNED, 32, NOW,
	 "tcache_thread_shutdown(): unaligned tcache chunk detected"},
	{GLIBC_TCACHE_FULL, 33, 41, "free(): too many chunks detected in tcache"},
	{GLIBC_TCACHE_COUNT, 33, NOW, "free(): too many chunks detected in tcache"},
	{GLIBC_TCACHE_TWICE, 29, NOW, "free(): double free detected in tcache 2"},
	{GLIBC_ARENA_FREE_LIST, 23, NOW, "get_free_list: Assertion"},
	{GLIBC_MMAPPED_COUNT, ANY, NOW, "munmap_chunk(): invalid pointer"},
	{GLIBC_MMAPPED_COUNT, 29, NOW, "mremap_chunk(): invalid pointer"},
};

struct hc_inconsistency glibc_fault(enum glibc_fault fault, uint64_t address, uint64_t mem)
{
	return (struct hc_inconsistency){
		.fault = parts[fault], .code = fault, .address = address, .chunk = mem};
}

/** "2.36" → 36; 0 when unknown. */
static unsigned minor_of(const char *version)
{
	const char *dot = version ? strchr(version, '.') : NULL;
	return dot ? strtoul(dot + 1, NULL, 10) : 0;
}

/**
 * The releases that this heap may be of, as minor numbers: one when libc tells, else those of its
 * layouts.
 */
static void releases_of(const struct glibc *g, unsigned *first, unsigned *last)
{
	*first = *last = minor_of(g->backend->evidence.version);
	if (*first)
		return;
	*last = NOW;
	if (!g->state->size)
		return;
	const char *range = g->state->releases, *dash = strchr(range, '-');
	*first = minor_of(range);
	if (dash)
		*last = minor_of(dash + 1);
	if (g->tcache && minor_of(g->tcache->releases) > *first)
		*first = minor_of(g->tcache->releases);
}

void glibc_name_faults(struct glibc *g)
{
	struct hc_heap *heap = g->heap;
	unsigned first, last;
	releases_of(g, &first, &last);
	for (size_t i = 0; i < heap->num_inconsistencies; i++) {
		struct hc_inconsistency *fault = &heap->inconsistencies[i];
		unsigned num = 0;
		if (fault->backend != g->backend)
			continue;
		for (size_t k = 0; k < sizeof(messages) / sizeof(messages[0]); k++) {
			if (messages[k].fault == fault->code && messages[k].first <= last &&
			    messages[k].last >= first && num < HC_MAX_MESSAGES)
				fault->messages[num++] = messages[k].text;
		}
	}
}
