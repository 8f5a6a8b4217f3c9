/**
 * @file
 * Large arrays of zeroes, of which only what is touched costs memory.
 */
#ifndef HC_CORE_BASE_ZEROES_H
#define HC_CORE_BASE_ZEROES_H

#include <stddef.h>
#include <stdint.h>

/**
 * Zeroes, at least one item: on cache lines, and in huge pages where the system has them when they
 * are large, since markers visit them at random. NULL without memory.
 */
void *hc_zeroes_create(uint64_t num, size_t size);

/** NULL is fine. @param num @param size as they were given to the call that made them */
void hc_zeroes_destroy(void *zeroes, uint64_t num, size_t size);

/**
 * Keep the first @p num of @p old_num items. Returns them, maybe elsewhere; NULL, all freed,
 * without memory.
 */
void *hc_zeroes_shrink(void *zeroes, uint64_t old_num, uint64_t num, size_t size);

#endif
