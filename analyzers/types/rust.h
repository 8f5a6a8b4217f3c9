/**
 * @file
 * Whether a program is Rust's, and how its compiler laid out Vec.
 *
 * Nothing in a stripped program says so but the places in the standard library that panics tell:
 * ".../library/alloc/src/raw_vec.rs" stands in the read-only data of every program that may run out
 * of memory, since the source's path is not a symbol. The program itself must have such texts: in a
 * C program that only uses a library in Rust, what has the form of a Vec is mostly none.
 *
 * A Vec is three words in an order that the compiler chooses: the body, the elements that it has
 * room for, and those that are there. Up to 1.66 the body is first, later in the middle; other
 * orders are allowed. One compiler made all of a program, so the order is learned from it: where in
 * some chunks of every size, and in variables and stacks, a pointer to a chunk stands beside two
 * numbers that fit its size, each order that they fit gets a vote.
 */
#ifndef HC_ANALYZERS_TYPES_RUST_H
#define HC_ANALYZERS_TYPES_RUST_H

#include "analyzers/types/size_sample.h"
#include "core/process/process.h"

/** Orders of a Vec's words: body, capacity, length. */
enum hc_vec_order {
	HC_VEC_CBL, /**< capacity, body, length: since 1.67 */
	HC_VEC_BCL, /**< up to 1.66 */
	HC_VEC_BLC,
	HC_VEC_LBC,
	HC_VEC_CLB,
	HC_VEC_LCB,
	HC_NUM_VEC_ORDERS
};

/** Index of each word in the three. */
struct hc_vec_form {
	uint8_t body, capacity, length;
};

extern const struct hc_vec_form hc_vec_forms[HC_NUM_VEC_ORDERS];

/** All zero: not Rust's. */
struct hc_rust {
	bool program;            /**< it is Rust's */
	bool has_order;          /**< some Vec was found */
	enum hc_vec_order order; /**< of their words */
};

/** Whether the program is Rust's; needs its read-only data. */
bool hc_rust_is_program(const struct hc_process *process);

/** Learn the order. @param sample of @p heap */
void hc_rust_learn(const struct hc_process *process, const struct hc_heap *heap,
		   const struct hc_size_sample *sample, struct hc_rust *ret);

/**
 * Most bytes that an element has, if a chunk may be for so many of them: up to 8, or a multiple of
 * 4, as nearly all are.
 *
 * @param min, max bytes that may have been asked for
 * @return 0: it can't be
 */
static inline uint64_t hc_vec_stride(uint64_t capacity, uint64_t min, uint64_t max)
{
	uint64_t stride = capacity ? max / capacity : 0;

	if (stride > 8)
		stride -= stride % 4;
	return stride && stride * capacity >= min ? stride : 0;
}

#endif
