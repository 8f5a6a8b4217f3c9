/**
 * @file
 * Allocators by what they leave in memory: for those that no back end reads, also where no file
 * name gives them away (static programs), and beside an allocator that is read.
 *
 * Each is found by structures that refer back to each other, counted, and its memory listed. What
 * is here names and adds up; it does not tell one allocation from another.
 *
 *   jemalloc 5.0 to 5.3, 4 KiB pages: the radix tree from pages to extents.
 *   tcmalloc (gperftools 2.7 to 2.18): the radix tree from pages to spans.
 *   mimalloc 2.0 to 2.4: segments of 32 MiB.
 *   musl (mallocng, 1.2.1 on): areas of group descriptions.
 *
 * 64-bit little-endian processes only.
 */
#ifndef HC_CORE_ALLOCATORS_EVIDENCE_H
#define HC_CORE_ALLOCATORS_EVIDENCE_H

#include "core/process/process.h"

#define HC_ALLOCATOR_MAX_COUNTS 6

struct hc_allocator_count {
	const char *name; /**< "extents": static */
	uint64_t value;
	bool bytes;
};

struct hc_allocator_range {
	uint64_t start, end; /**< addresses */
};

struct hc_allocator_evidence {
	const char *name;  /**< "jemalloc": static */
	const char *title; /**< "jemalloc's heap": static */
	char *how;         /**< "a radix tree of 1,234 extents, each of which covers its pages" */
	struct hc_allocator_count counts[HC_ALLOCATOR_MAX_COUNTS];
	size_t num_counts;
	struct hc_allocator_range *ranges; /**< in no order; may overlap */
	size_t num_ranges;
};

/** Look for each. @param[out] ret array, freed with hc_allocator_evidence_free() */
struct hc_error *hc_allocator_evidence_find(const struct hc_process *process,
					    struct hc_allocator_evidence **ret, size_t *num_ret);
void hc_allocator_evidence_free(struct hc_allocator_evidence *items, size_t num);

/** @name For the allocators' own files */
/**@{*/
struct hc_error *hc_evidence_jemalloc(const struct hc_process *process,
				      struct hc_allocator_evidence *ret, bool *found);
struct hc_error *hc_evidence_tcmalloc(const struct hc_process *process,
				      struct hc_allocator_evidence *ret, bool *found);
struct hc_error *hc_evidence_mimalloc(const struct hc_process *process,
				      struct hc_allocator_evidence *ret, bool *found);
struct hc_error *hc_evidence_musl(const struct hc_process *process,
				  struct hc_allocator_evidence *ret, bool *found);

/** asprintf() into evidence->how. */
struct hc_error *hc_evidence_how(struct hc_allocator_evidence *evidence, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void hc_evidence_count(struct hc_allocator_evidence *evidence, const char *name, uint64_t value,
		       bool bytes);
struct hc_error *hc_evidence_range(struct hc_allocator_evidence *evidence, uint64_t start,
				   uint64_t end);

/** Whether an allocator may have its heap in a mapping: anonymous, writable, nobody's. */
bool hc_evidence_may_hold(const struct hc_mapping *mapping);

/**
 * A root of a radix tree in the bss of a module: an array of pointers to leaves, by the top bits of
 * an address.
 */
struct hc_radix {
	unsigned root_bits;  /**< entries of the root, log2 */
	unsigned root_shift; /**< index of address a: a >> root_shift */
	unsigned leaf_bits;  /**< words of a leaf, log2 */
	unsigned leaf_shift; /**< index of a in its leaf: a >> leaf_shift, low leaf_bits */
	/** Whether a leaf's word fits the page that its index is of. */
	bool (*fits)(const struct hc_memory *memory, uint64_t word, uint64_t page);
};

/**
 * Find it: some module's bss holds it, each entry is 0 or leads to a leaf, and words of leaves fit.
 *
 * @return address of the root; 0: none
 */
uint64_t hc_radix_find(const struct hc_process *process, const struct hc_radix *radix);

/** One word of a leaf, in the order of pages. */
typedef struct hc_error *(*hc_radix_fn)(void *ctx, uint64_t page, uint64_t word);

/** Call @p fn for every word that is not 0 in leaves of addresses that the process has. */
struct hc_error *hc_radix_each(const struct hc_process *process, const struct hc_radix *radix,
			       uint64_t root, hc_radix_fn fn, void *ctx);
/**@}*/

#endif
