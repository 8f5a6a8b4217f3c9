/**
 * @file
 * Why reference counting did not free a lost object: the way on which it holds itself.
 */
#ifndef HC_ANALYZERS_LEAKS_LEAK_CYCLE_H
#define HC_ANALYZERS_LEAKS_LEAK_CYCLE_H

#include "core/heap/heap.h"

/** Most steps of a way. */
#define HC_LEAK_MAX_STEPS 6

/** The pointers from an object back to itself, in order. */
struct hc_leak_cycle {
	struct hc_leak_step {
		struct hc_chunk from; /**< the first one is the object's */
		uint64_t offset;      /**< of the pointer in it, bytes */
	} steps[HC_LEAK_MAX_STEPS];
	size_t num;
};

/**
 * A shortest way from a lost chunk through others back to its start, among the chunks that are
 * fewest steps away. A pointer from a chunk to itself is none.
 *
 * @param address user address of a lost chunk, once reachability is known
 * @return false: there is none, or it is longer or farther away than is looked at
 */
bool hc_leak_cycle_find(const struct hc_heap *heap, uint64_t address, struct hc_leak_cycle *ret);

#endif
