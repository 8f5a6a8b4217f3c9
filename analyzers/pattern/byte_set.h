/**
 * @file
 * Sets of byte values, and finding the first byte of one at the speed of memory.
 *
 * The prefilter of patterns without a required literal: PCRE2 knows which bytes a match can begin
 * with.
 */
#ifndef HC_ANALYZERS_PATTERN_BYTE_SET_H
#define HC_ANALYZERS_PATTERN_BYTE_SET_H

#include "core/base/bytes.h"

/** A set that is at most this many ranges of values is searched in vectors. \w is four. */
#define HC_BYTE_SET_RANGES 4

struct hc_byte_set {
	bool has[256];
	unsigned num;        /**< members */
	unsigned num_ranges; /**< 0: more than HC_BYTE_SET_RANGES, or none */
	struct hc_byte_range {
		uint8_t low, width; /**< low … low + width */
	} ranges[HC_BYTE_SET_RANGES];
};

/** Fill in the rest from @ref hc_byte_set::has. */
void hc_byte_set_finish(struct hc_byte_set *set);

/** Offset of the first member at or after @p from, or SIZE_MAX. */
size_t hc_byte_set_find(const struct hc_byte_set *set, struct hc_bytes bytes, size_t from);

#endif
