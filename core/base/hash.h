/**
 * @file
 * Hash tables over an array: open addressing with linear probing.
 *
 * The caller keeps the items in an array of its own, in the order in which they came up; a table
 * has nothing but their indices. What equals what, and what an item's hash is, the caller says in
 * expressions, as for hc_lower_bound().
 *
 * Bounds: a table has at most half of its slots in use, so that every search ends, and at most 2^30
 * items; beyond that hc_hash_reserve() returns @ref hc_enomem. Hashes aren't keyed: a core that was
 * made to collide makes a table as slow as a list, and who takes foreign keys bounds their number.
 */
#ifndef HC_CORE_BASE_HASH_H
#define HC_CORE_BASE_HASH_H

#include <stdint.h>
#include <stdlib.h>

#include "core/base/error.h"

#define HC_HASH_MAX_ITEMS (UINT32_C(1) << 30)

/** All zero is an empty table that has to be reserved before it is searched. */
struct hc_hash {
	uint32_t *slots; /**< index of an item plus one, or 0 */
	size_t num;      /**< slots: a power of two, or 0 */
};

/** Spread what differs in a key over the low bits, which choose the slot. */
static inline uint64_t hc_hash_mix(uint64_t key)
{
	key = (key ^ key >> 31) * UINT64_C(0x9e3779b97f4a7c15);
	return key ^ key >> 29;
}

/** Of a string, mixed: FNV-1a (Fowler, Noll, Vo). */
static inline uint64_t hc_hash_string(const char *text)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (; *text; text++)
		hash = (hash ^ (uint8_t)*text) * UINT64_C(0x100000001b3);
	return hash;
}

static inline void hc_hash_deinit(struct hc_hash *table)
{
	free(table->slots);
}

/** Replace the slots by twice as many empty ones. Untouched on failure. */
static inline struct hc_error *hc_hash_double(struct hc_hash *table)
{
	size_t num = table->num ? table->num * 2 : 16;
	void *slots = num / 2 > HC_HASH_MAX_ITEMS ? NULL : calloc(num, sizeof(*table->slots));

	if (!slots)
		return &hc_enomem;
	free(table->slots);
	table->slots = (uint32_t *)slots;
	table->num = num;
	return NULL;
}

/**
 * The slot of an item: where its index plus one is, or the 0 where that belongs.
 *
 * @param hash of what is sought, mixed
 * @param i    names the index of an item in @p same
 * @param same expression: is this item what is sought?
 */
#define hc_hash_find(table, hash, i, same)                                                         \
	({                                                                                         \
		const struct hc_hash *table_ = (table);                                            \
		size_t slot_ = (hash) & (table_->num - 1);                                         \
		for (; table_->slots[slot_]; slot_ = (slot_ + 1) & (table_->num - 1)) {            \
			size_t i = table_->slots[slot_] - 1;                                       \
			if (same)                                                                  \
				break;                                                             \
		}                                                                                  \
		&table_->slots[slot_];                                                             \
	})

/**
 * Make room for one more item than @p num_items; slots that were found before are no longer valid.
 *
 * @param i    names the index of an item in @p hash
 * @param hash expression: the hash of this item, mixed
 * @return NULL, or hc_enomem and the table as it was
 */
#define hc_hash_reserve(table, num_items, i, hash)                                                 \
	({                                                                                         \
		struct hc_hash *grown_ = (table);                                                  \
		size_t items_ = (num_items);                                                       \
		struct hc_error *err_ = NULL;                                                      \
		if ((items_ + 1) * 2 > grown_->num && !(err_ = hc_hash_double(grown_)))            \
			for (size_t i = 0; i < items_; i++)                                        \
				*hc_hash_find(grown_, hash, other_, other_ == i) = i + 1;          \
		err_;                                                                              \
	})

/**
 * Forget one item, and move up those that were pushed past it.
 *
 * @param slot where it is, from hc_hash_find()
 * @param i    names the index of an item in @p hash
 */
#define hc_hash_remove(table, slot, i, hash)                                                       \
	({                                                                                         \
		const struct hc_hash *removed_ = (table);                                          \
		size_t mask_ = removed_->num - 1, hole_ = (slot)-removed_->slots;                  \
		for (size_t at_ = (hole_ + 1) & mask_; removed_->slots[at_];                       \
		     at_ = (at_ + 1) & mask_) {                                                    \
			size_t i = removed_->slots[at_] - 1;                                       \
			if (((at_ - (hash)) & mask_) >= ((at_ - hole_) & mask_)) {                 \
				removed_->slots[hole_] = removed_->slots[at_];                     \
				hole_ = at_;                                                       \
			}                                                                          \
		}                                                                                  \
		removed_->slots[hole_] = 0;                                                        \
	})

/** Forget all of @p num_items items, at a cost that depends on their number only. */
#define hc_hash_clear(table, num_items, i, hash)                                                   \
	({                                                                                         \
		const struct hc_hash *cleared_ = (table);                                          \
		size_t items_ = (num_items);                                                       \
		for (size_t i = 0; i < items_; i++) {                                              \
			size_t slot_ = (hash) & (cleared_->num - 1);                               \
			/* Past slots that are empty by now. */                                    \
			while (cleared_->slots[slot_] != i + 1)                                    \
				slot_ = (slot_ + 1) & (cleared_->num - 1);                         \
			cleared_->slots[slot_] = 0;                                                \
		}                                                                                  \
	})

#endif
