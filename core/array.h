/**
 * @file
 * Growing an array by one: no capacity is kept, it is the next power of two.
 */
#ifndef HC_CORE_ARRAY_H
#define HC_CORE_ARRAY_H

#include <stdlib.h>

#include "core/error.h"

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

#endif
