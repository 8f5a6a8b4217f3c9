/**
 * @file
 * Repeats: the tokens (tokens.h) that many chunks of a set share, found without a pattern.
 *
 * A chunk counts once for a token, however often it holds it. Of each chunk the first
 * HC_REPEATS_WINDOW bytes are looked at.
 *
 * Two passes. The first *finds* candidates: an even sample of HC_REPEATS_FIND_CHUNKS chunks goes
 * through a Space-Saving summary (top_texts.h), which can't miss a token that is in more than @ref
 * hc_repeats::missed of them. The second *counts* the best candidates exactly, in all chunks, or in
 * as many as HC_REPEATS_COUNT_BYTES allow.
 *
 * What comes first is what tells most. A key that always has the same value says little: nothing
 * shows that it could differ. A key that has several values, one of which outweighs the others,
 * says what the chunks have in common although they need not. This is measured as the divergence
 * (Kullback, Leibler: "On Information and Sufficiency", 1951), in bits, of the value's observed
 * share among all values of the key from an even choice between the values that were seen. The
 * order is: pairs and paths by bits times share; then header fields that only describe a message's
 * form (Content-Length and the like), when they vary; then what has one value only: pairs, paths,
 * such header fields; then words. Within a rank, the larger share goes first.
 *
 * Tokens that occur in exactly the same chunks are one repeat; the others are listed under the
 * first.
 */
#ifndef HC_ANALYZERS_ALIKE_REPEATS_H
#define HC_ANALYZERS_ALIKE_REPEATS_H

#include "analyzers/select/chunk_sample.h"
#include "analyzers/texts/tokens.h"

/** Bytes of a chunk that are looked at. */
#define HC_REPEATS_WINDOW 4096
/** Chunks in which candidates are sought. */
#define HC_REPEATS_FIND_CHUNKS 16384
/** Memory of the summary of candidates, bytes. */
#define HC_REPEATS_TABLE_BYTES (8u << 20)
/** Candidates that are counted. */
#define HC_REPEATS_MAX_CANDIDATES 128
/** Bytes in which they are counted. */
#define HC_REPEATS_COUNT_BYTES (UINT64_C(512) << 20)
/** A repeat is in at least so many chunks, and in this share of them. */
#define HC_REPEATS_MIN_CHUNKS 3
#define HC_REPEATS_MIN_SHARE 0.05
/** Distinct values of a key are told apart up to so many. */
#define HC_REPEATS_MAX_VALUES 64
/** Divergence below which a value is no choice, bits. */
#define HC_REPEATS_MIN_BITS 0.1
/** Tokens in the same chunks that are listed. */
#define HC_REPEATS_MAX_ALIKE 8

struct hc_repeat {
	struct hc_token token; /**< in the core */
	uint64_t chunks;       /**< counted chunks that hold it */
	uint64_t key_tokens; /**< tokens with the same key, a distinct one counted once a chunk; 0:
				no key */
	unsigned values;     /**< distinct values of the key; at HC_REPEATS_MAX_VALUES: or more */
	double bits;         /**< divergence, see above; 0 without a key */
	struct hc_bytes alike[HC_REPEATS_MAX_ALIKE]; /**< other tokens in exactly these chunks */
	size_t num_alike;                            /**< of these, listed */
};

struct hc_repeats {
	struct hc_repeat *items; /**< see above for the order */
	size_t num;
	uint64_t searched; /**< chunks in which candidates were sought */
	uint64_t missed;   /**< a token in at most so many of these may have been missed */
	uint64_t counted;  /**< chunks in which candidates were counted */
};

/** @param sample chunks; those whose bytes are missing hold no token */
struct hc_error *hc_repeats_run(struct hc_target *target, const struct hc_chunk_sample *sample,
				struct hc_repeats *ret);
void hc_repeats_deinit(struct hc_repeats *repeats);

#endif
