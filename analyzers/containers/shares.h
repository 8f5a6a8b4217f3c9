/**
 * @file
 * Objects whose owners are counted, known by their owners: what Rc and Arc of Rust count, and the
 * blocks of std::shared_ptr that no typeinfo tells (counted.h).
 *
 * A count in memory is a small number like any other. What makes it one is that there are as many
 * pointers. So memory is looked through for pointers to all that may be such a block, and those are
 * believed of which there are as many as it counts:
 *
 *     Rc, Arc      strong, weak, which is 1 more while there is a strong one; then the object
 *     libstdc++    vtable, shared_ptrs, weak_ptrs and 1 while there is a shared_ptr: 32 bits each
 *     libc++       vtable, shared_ptrs - 1, the other - 1: words
 *
 * Pointers in chunks, variables and thread-local storage count; those on stacks and in memory whose
 * use is not known may be stale, so that they may make up for what is missing, no more.
 *
 * Of Rust there must be at least two of the former: a Vec or Box whose first words look like counts
 * has one owner. A shared_ptr is a pair, the object and the block; the object is in the block, or
 * the block has the same pointer behind its counts, and one pair at least must show that.
 *
 * Not recognised: an Rc with one owner and nobody who watches, or owned from stacks alone; one that
 * pointers to the object itself keep alive (Rc::into_raw); one of which a chunk still has a copy
 * that was moved elsewhere.
 */
#ifndef HC_ANALYZERS_CONTAINERS_SHARES_H
#define HC_ANALYZERS_CONTAINERS_SHARES_H

#include "analyzers/containers/pass.h"

/** What may be a block of counts. */
struct hc_share {
	uint64_t address; /**< of its chunk */
	uint64_t uses, weak;
	enum hc_container_library library;
	bool paired;          /**< some owner has the object beside */
	uint64_t sure, maybe; /**< owners in places that are in use, and in others */
};

struct hc_shares {
	struct hc_share *items; /**< by address */
	size_t num;
};

/** What there is to look for, and where. */
struct hc_share_scope {
	const struct hc_heap *heap;
	const struct hc_types *types;
	bool rust, cxx; /**< which of them there can be */
};

/** @param forms that there can be: hc_forms_of() */
struct hc_error *hc_share_scope_init(struct hc_target *target, uint32_t forms,
				     struct hc_share_scope *ret);

/** Find all; in several threads, under the watch of the process. */
struct hc_error *hc_shares_find(const struct hc_share_scope *scope,
				const struct hc_head_pieces *pieces, struct hc_shares *ret);
void hc_shares_deinit(struct hc_shares *shares);

/** Whether a chunk is one. Looks through memory if it may be. */
struct hc_error *hc_share_prove(const struct hc_share_scope *scope, const struct hc_chunk *chunk,
				bool *found, struct hc_container *ret);

/** As a container. */
struct hc_container hc_share_container(const struct hc_heap *heap, const struct hc_share *share);

#endif
