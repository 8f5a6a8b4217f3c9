/**
 * @file
 * Arrays: growing one by one, where no capacity is kept but is the next power of two, or where one
 * is, for arrays that are emptied and filled again; sorting, and finding a place in a sorted one.
 */
#ifndef HC_CORE_BASE_ARRAY_H
#define HC_CORE_BASE_ARRAY_H

#include <stdint.h>
#include <stdlib.h>

#include "core/base/error.h"

/**
 * Make room for one more item behind the @p num that an array holds. Doubling keeps appends linear.
 *
 * @param array address of the pointer to the items; NULL items with num 0 are fine. Untouched on
 * failure
 */
static inline struct hc_error *hc_array_reserve(void *array, size_t num, size_t item_size)
{
	if (num & (num - 1))
		return NULL;
	size_t bytes;
	if (__builtin_mul_overflow(num ? num * 2 : 1, item_size, &bytes))
		return &hc_enomem;
	void *grown = realloc(*(void **)array, bytes);
	if (!grown)
		return &hc_enomem;
	*(void **)array = grown;
	return NULL;
}

/**
 * The same for an array that is emptied and filled again: it never shrinks.
 *
 * @param capacity items that there is room for; 0 with NULL items
 */
static inline struct hc_error *hc_array_regrow(void *array, size_t num, size_t *capacity,
					       size_t item_size)
{
	if (num < *capacity)
		return NULL;
	struct hc_error *err = hc_array_reserve(array, *capacity, item_size);
	if (!err)
		*capacity = *capacity ? *capacity * 2 : 1;
	return err;
}

/** qsort() of @p num items, which may be none and NULL: that qsort() does not take. */
#define hc_sort(items, num, compare)                                                               \
	({                                                                                         \
		size_t num_ = (num);                                                               \
		if (num_)                                                                          \
			qsort((items), num_, sizeof(*(items)), (compare));                         \
	})

/** For hc_sort() and bsearch(): uint64_t, the least first. */
static inline int hc_compare_u64(const void *a, const void *b)
{
	const uint64_t *x = (const uint64_t *)a, *y = (const uint64_t *)b;

	return (*x > *y) - (*x < *y);
}

/**
 * Index of an item that more than half of @p num equal; @p num: there is none. Items are numbers.
 *
 * Boyer, Moore ("A Fast Majority Vote Algorithm", 1981): of each two that differ both are struck
 * out; only one that more than half have can be left, and is then counted.
 */
#define hc_majority(items, num)                                                                    \
	({                                                                                         \
		const __typeof__(*(items)) *items_ = (items);                                      \
		size_t num_ = (num), at_ = 0, votes_ = 0, count_ = 0;                              \
		for (size_t i_ = 0; i_ < num_; i_++) {                                             \
			at_ = votes_ ? at_ : i_;                                                   \
			votes_ += items_[i_] == items_[at_] ? 1 : -1;                              \
		}                                                                                  \
		for (size_t i_ = 0; i_ < num_; i_++)                                               \
			count_ += items_[i_] == items_[at_];                                       \
		count_ > num_ / 2 ? at_ : num_;                                                    \
	})

/**
 * Index of the first of @p num sorted items that is not @p before what is sought; @p num when all
 * are.
 *
 * @param i      names the index in @p before
 * @param before expression, true of the first items and false of the others
 */
#define hc_lower_bound(num, i, before)                                                             \
	({                                                                                         \
		size_t low_ = 0, high_ = (num);                                                    \
		while (low_ < high_) {                                                             \
			size_t i = low_ + (high_ - low_) / 2;                                      \
			if (before)                                                                \
				low_ = i + 1;                                                      \
			else                                                                       \
				high_ = i;                                                         \
		}                                                                                  \
		low_;                                                                              \
	})

#endif
