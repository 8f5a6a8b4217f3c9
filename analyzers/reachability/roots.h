/**
 * @file
 * Roots: the memory that a program can reach without following a pointer. See roots.c for what is
 * one and what is not.
 */
#ifndef HC_ANALYZERS_REACHABILITY_ROOTS_H
#define HC_ANALYZERS_REACHABILITY_ROOTS_H

#include "core/heap/heap.h"

enum hc_root_kind {
	HC_ROOT_REGISTER,
	HC_ROOT_STACK,
	HC_ROOT_TLS,
	HC_ROOT_DATA,  /**< writable data and bss of a module */
	HC_ROOT_OTHER, /**< every other writable byte that is no chunk */
	HC_ROOT_PIN,   /**< held by the C library, see hc_pin */
	HC_NUM_ROOT_KINDS
};

const char *hc_root_kind_name(enum hc_root_kind kind);

/** A range of memory whose words are roots. Registers and pins are not ranges. */
struct hc_root {
	uint64_t start, end; /**< addresses */
	enum hc_root_kind kind;
	const struct hc_thread *thread; /**< of a stack or TLS; else NULL */
	const struct hc_mapping *mapping;
};

/** The root ranges, by address, disjoint. @param[out] ret array, freed by the caller */
struct hc_error *hc_roots_collect(const struct hc_heap *heap, struct hc_root **ret,
				  size_t *num_ret);

#endif
