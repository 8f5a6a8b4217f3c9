/**
 * @file
 * What each byte position of many chunks of one size holds: for structs that nobody has a type for.
 *
 * Words are looked at first, then their halves, down to two bytes: zero, constant, a pointer (into
 * the heap, a module, a stack…), the same with a tag, a double, a counter, a small number, text,
 * noise, or something that none of these explains. A kind is given when nearly all chunks agree
 * (HC_PROFILE_SHARE). A word that is a pointer in some chunks and something else in others is
 * mixed, and stays in one piece: the upper half of an address would look like a small number.
 * Beside it stand, for every byte, how many values it has and the most frequent one.
 *
 * The last field may be slack: what malloc gave beyond what was asked for is never cleared.
 */
#ifndef HC_ANALYZERS_ALIKE_BYTE_PROFILE_H
#define HC_ANALYZERS_ALIKE_BYTE_PROFILE_H

#include "analyzers/select/chunk_sample.h"

/** Bytes of a chunk that are looked at. */
#define HC_PROFILE_MAX_BYTES 256
/** Chunks that are looked at. */
#define HC_PROFILE_MAX_CHUNKS 8192
/** Fewer chunks of one size than this, or a smaller share of all, have no profile. */
#define HC_PROFILE_MIN_CHUNKS 16
#define HC_PROFILE_MIN_SHARE 0.5
/** Share of the chunks that must agree on a kind. */
#define HC_PROFILE_SHARE 0.95
/** Share of the chunks in which a word must be a pointer to stay in one piece. */
#define HC_PROFILE_MIN_POINTERS 0.05
/**
 * Noise: each byte has at least so many bits of entropy (Shannon). Full would be 8, of which a
 * sample of n shows about 255 / (2 n ln 2) less (Miller 1955): 7.3 at HC_PROFILE_MIN_NOISE chunks,
 * which are needed.
 */
#define HC_PROFILE_NOISE_BITS 7.0
#define HC_PROFILE_MIN_NOISE 256

enum hc_field_kind {
	HC_FIELD_ZERO,
	HC_FIELD_CONSTANT,
	HC_FIELD_POINTER, /**< or NULL */
	HC_FIELD_TAGGED,  /**< pointers with something else in their top 16 bits, or NULL */
	HC_FIELD_DOUBLE,  /**< IEEE 754 numbers of 8 bytes, of a size that things have */
	HC_FIELD_TEXT,
	HC_FIELD_COUNTER,   /**< distinct numbers close together, or numbers that rise with the
			       address */
	HC_FIELD_SMALL_INT, /**< below 2^16; of two bytes, below 2^8 */
	HC_FIELD_NOISE,     /**< random, encrypted, a hash */
	HC_FIELD_MIXED,
	HC_NUM_FIELD_KINDS
};

/** "zero", "constant", "pointer", …: for programs. */
const char *hc_field_kind_name(enum hc_field_kind kind);

struct hc_byte_field {
	unsigned offset, size; /**< bytes */
	enum hc_field_kind kind;
	double share;      /**< of the chunks that agree */
	uint64_t value;    /**< of a constant, or the most frequent one; little-endian */
	uint64_t min, max; /**< of numbers, in those that agree */
	uint64_t distinct; /**< values */
	/** Of pointers: a mapping of the kind (and file) that most of them lead to. */
	const struct hc_mapping *target;
	double target_share;  /**< of the pointers that are not NULL */
	double null_share;    /**< of all, NULL pointers */
	double pointer_share; /**< of all, pointers that are not NULL; in mixed words, too */
};

struct hc_byte_column {
	uint8_t value;     /**< the most frequent one */
	double share;      /**< of the chunks that have it */
	unsigned distinct; /**< values */
};

struct hc_byte_profile {
	uint64_t usable; /**< bytes of the chunks; 0: no size is frequent enough, and nothing below
			    is set */
	uint64_t chunks; /**< of this size, looked at */
	uint64_t looked; /**< of any size, looked at */
	unsigned num_columns; /**< bytes that are described, from the start of the chunk */
	struct hc_byte_column columns[HC_PROFILE_MAX_BYTES];
	struct hc_byte_field *fields; /**< by offset, without gaps */
	size_t num_fields;
};

struct hc_error *hc_byte_profile_run(struct hc_target *target, const struct hc_chunk_sample *sample,
				     struct hc_byte_profile *ret);
void hc_byte_profile_deinit(struct hc_byte_profile *profile);

#endif
