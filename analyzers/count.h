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

/** What is counted of the chunks of one kind: a class, a type. */
struct hc_kind_count {
	struct hc_count all;
	struct hc_count leaked; /**< of these, definite or indirect */
	uint64_t sample;        /**< user address of the chunk with the lowest address; 0: none */
};

static inline void hc_kind_count_add(struct hc_kind_count *to, const struct hc_kind_count *more)
{
	hc_count_add(&to->all, &more->all);
	hc_count_add(&to->leaked, &more->leaked);
	if (more->sample && (!to->sample || more->sample < to->sample))
		to->sample = more->sample;
}

#endif
