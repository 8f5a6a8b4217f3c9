/**
 * @file
 * How many chunks, and how many bytes they are: what every analyzer counts.
 */
#ifndef HC_ANALYZERS_COUNT_H
#define HC_ANALYZERS_COUNT_H

#include <stdint.h>

struct hc_count {
	uint64_t chunks, bytes; /**< bytes: chunk sizes */
};

static inline void hc_count_add(struct hc_count *to, const struct hc_count *more)
{
	to->chunks += more->chunks;
	to->bytes += more->bytes;
}

#endif
