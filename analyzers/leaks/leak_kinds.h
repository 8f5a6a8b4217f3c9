/**
 * @file
 * Which lost chunks are root objects: those that a person would call "what was lost".
 *
 * By pointers alone these are the definite chunks, to which nothing points. But pointers are found
 * conservatively. A stale word behind the end of a string makes one lost object hang below another,
 * and objects that point back to their owner form cycles, of which some member is definite. So one
 * leak of 60,000 requests looks like 46,000 of them and 14,000 trees of something else.
 *
 * Leaks have kinds, though. A *kind* is the lost chunks of one type; without a type, those of one
 * size and textual class. The kinds that other kinds hang from are the *heads*, and each chunk of
 * such a kind is a root object, whoever else points to it. See the top of leak_kinds.c.
 */
#ifndef HC_ANALYZERS_LEAKS_LEAK_KINDS_H
#define HC_ANALYZERS_LEAKS_LEAK_KINDS_H

#include "analyzers/leaks/leak_index.h"

/**
 * Find the root objects. Every lost chunk is one, or below one.
 *
 * @param index     with classes and sizes
 * @param num_lost  lost chunks
 * @param[out] ret  one bit a unit; to be deinitialized by the caller
 */
struct hc_error *hc_leak_kinds_find_roots(const struct hc_leak_index *index, uint64_t num_lost,
					  struct hc_plane *ret);

#endif
