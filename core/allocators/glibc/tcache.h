/**
 * @file
 * Per-thread caches as they were found, and what damaged ones held.
 *
 * tcache.c finds caches and follows their lists; tcache_lost.c looks for entries that no list leads
 * to, by what they carry themselves.
 */
#ifndef HC_CORE_ALLOCATORS_GLIBC_TCACHE_H
#define HC_CORE_ALLOCATORS_GLIBC_TCACHE_H

#include "core/allocators/glibc/glibc.h"

/** A tcache that was found. */
struct glibc_tcache {
	uint64_t mem;
	const struct glibc_tcache_layout *layout;
	struct hc_bytes bytes; /**< of the struct */
	bool big_endian;
	uint64_t full; /**< counter of an empty bin when counters go down */
	uint64_t key;  /**< second word of most of its entries; 0: none, or none seen */
	uint64_t lost; /**< entries that its counters promise and no list leads to */
	bool wrecked;  /**< written over: neither counters nor heads say anything */
	struct hc_thread_cache held; /**< chunks that its lists lead to */
};

struct glibc_tcache_list {
	struct glibc_tcache *items;
	size_t num;
};

/**
 * Put entries that no list leads to on the list of cached chunks: those behind broken links, and
 * those of caches that were written over. Caches that lack a key get one.
 */
struct hc_error *glibc_recover_tcaches(struct glibc *g, struct glibc_tcache_list *list);

#endif
