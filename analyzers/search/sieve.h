/**
 * @file
 * Sieve: where in the core a pattern can match at all, from its bytes alone.
 *
 * A match holds one of the pattern's required literals (pattern.h). One pass over the bytes of the
 * core, which asks for no heap, says in which parts one of them begins. When it does nowhere,
 * nothing matches in any chunk, and the heap need not be walked to know that; else the parts
 * without one need not be read again.
 */
#ifndef HC_ANALYZERS_SEARCH_SIEVE_H
#define HC_ANALYZERS_SEARCH_SIEVE_H

#include "analyzers/pattern/pattern.h"
#include "analyzers/target.h"

/** Bytes of a part, and of its sixteen blocks. */
#define HC_SIEVE_PART_BYTES (1u << 20)
#define HC_SIEVE_BLOCK_BYTES (HC_SIEVE_PART_BYTES / 16)

/** Bytes of the core that lie in one piece. */
struct hc_sieve_part {
	uint64_t start, end; /**< addresses */
	uint16_t blocks; /**< bit per block, from @ref start on: a literal begins there, which may
			    end behind it */
};

struct hc_sieve {
	struct hc_sieve_part *parts; /**< by address, disjoint */
	size_t num_parts;
	bool may_match; /**< any of them */
	uint64_t bytes; /**< of all parts */
};

/** Whether a sieve can tell anything about a pattern: it has required literals. */
bool hc_sieve_is_for(const struct hc_pattern *pattern);

/** Look through the core. Needs a pattern that hc_sieve_is_for() accepts. */
struct hc_error *hc_sieve_run(struct hc_target *target, const struct hc_pattern *pattern,
			      struct hc_sieve *ret);
void hc_sieve_deinit(struct hc_sieve *sieve);

/**
 * Where in [start, end) a literal may begin: up to the end of the block that is the last one.
 *
 * @param sieve NULL: nothing is known, and it may be anywhere
 * @param[in,out] start, end of the bytes; narrowed
 * @return false when no literal begins there
 */
bool hc_sieve_narrow(const struct hc_sieve *sieve, uint64_t *start, uint64_t *end);

#endif
