/**
 * @file
 * Objects that std::shared_ptr counts: the block that has the counts, and often the object itself.
 *
 * A block is an object of a class of the library with virtual functions, one for each way to make a
 * shared_ptr, so its vtable names it (types.h), in a stripped program too. libstdc++ has two counts
 * of 32 bits behind that word, libc++ two words that are one less:
 *
 *     libstdc++   shared_ptrs, weak_ptrs and 1 while there is a shared_ptr
 *     libc++      shared_ptrs - 1, the other - 1
 *
 * Where only weak_ptrs are left the object is destroyed, but a block from make_shared keeps its
 * memory. Blocks in programs without their file, or without typeinfo (-fno-rtti), are known by
 * their owners, if at all (shares.h).
 */
#ifndef HC_ANALYZERS_CONTAINERS_COUNTED_H
#define HC_ANALYZERS_CONTAINERS_COUNTED_H

#include "analyzers/containers/containers.h"

/** Which types are such blocks. */
struct hc_counted {
	const struct hc_heap *heap;
	const struct hc_types *types;
	enum hc_container_library *libraries; /**< of each type; HC_LIBRARY_EITHER: it is none */
	bool any;
};

struct hc_error *hc_counted_init(struct hc_target *target, struct hc_counted *ret);
void hc_counted_deinit(struct hc_counted *counted);

/** Whether a chunk is one, with counts that can be. Safe from several threads. */
bool hc_counted_prove(const struct hc_counted *counted, const struct hc_chunk *chunk,
		      struct hc_container *ret);

#endif
