/**
 * @file
 * One of a group: what an even sample takes of each so many things.
 */
#ifndef HC_CORE_BASE_PICK_H
#define HC_CORE_BASE_PICK_H

#include <stdint.h>

/**
 * Which of @p size things stands for group number @p group: 0 to size - 1. Pseudo-random, because
 * programs allocate in turns: every third chunk may always be of the same kind. It depends on the
 * number of the group alone, so that a sample is the same in every run and for any number of
 * threads.
 */
static inline uint64_t hc_pick_of_group(uint64_t group, uint64_t size)
{
	/* The finalizer of splitmix64 (Steele, Lea, Flood 2014). */
	uint64_t x = group + UINT64_C(0x9e3779b97f4a7c15);

	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return (x ^ x >> 31) % size;
}

#endif
