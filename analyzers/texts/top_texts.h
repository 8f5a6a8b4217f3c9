/**
 * @file
 * A bounded table of distinct texts and how often each was seen, behind `grep --top`.
 *
 * Counts are exact while the table fits its bound. The text that would not fit any more turns the
 * table into a Space-Saving summary (Metwally, Agrawal, El Abbadi: "Efficient Computation of
 * Frequent and Top-k Elements in Data Streams", ICDT 2005): a new text then takes the place of the
 * one with the lowest count and inherits that count as its possible error. With m places and n
 * texts seen, every text that was seen more than n/m times is in the table, and a count is too high
 * by at most its error, never too low.
 *
 * Texts are not copied unless the table is told to: they point into the mapped core, which outlives
 * the table. A match of a gigabyte costs a place, no more. The outcome depends on the order of
 * additions only, so that a caller who adds in a fixed order gets the same table however many
 * threads found the texts.
 */
#ifndef HC_ANALYZERS_TEXTS_TOP_TEXTS_H
#define HC_ANALYZERS_TEXTS_TOP_TEXTS_H

#include "core/base/bytes.h"
#include "core/base/error.h"
#include "core/base/hash.h"

/** A distinct text and how often it was seen. */
struct hc_text_count {
	const uint8_t *text; /**< in the core: valid as long as the process is open */
	size_t size;         /**< bytes; a match may be long, so cut it for people */
	uint64_t matches;
	uint64_t error; /**< the true count is in [matches - error, matches]; 0: exact */
};

struct hc_top_entry {
	const uint8_t *text; /**< owned only by a table that copies */
	size_t size;         /**< bytes */
	uint64_t count;      /**< times seen, error included */
	uint64_t error;      /**< the true count is in [count - error, count] */
	uint32_t hash;
	uint32_t heap; /**< place in @ref hc_top_texts::heap, once it exists */
};

struct hc_top_texts {
	struct hc_top_entry *entries;
	size_t num_entries, allocated;
	size_t max_entries;   /**< the bound */
	struct hc_hash table; /**< of entries */
	uint32_t *heap;       /**< once full: entries as a binary min-heap by count */
	bool exact;           /**< nothing was replaced yet */
	bool copies;          /**< texts are copied; set it while the table is empty */
	uint64_t seen;        /**< sum of what was added */
};

/** Bytes of table for each distinct text, the worst of its growth included. */
#define HC_TOP_TEXTS_PLACE_BYTES (sizeof(struct hc_top_entry) + 5 * sizeof(uint32_t))

/** @param max_bytes bound on the table's memory; holds at least 16 texts */
void hc_top_texts_init(struct hc_top_texts *table, size_t max_bytes);
void hc_top_texts_deinit(struct hc_top_texts *table);

/** Forget all texts, keep the memory. */
void hc_top_texts_clear(struct hc_top_texts *table);

/**
 * Count @p text @p count more times. @p error of these may be wrong already (0 for texts just
 * seen).
 */
struct hc_error *hc_top_texts_add(struct hc_top_texts *table, struct hc_bytes text, uint64_t count,
				  uint64_t error);

/**
 * Add everything that @p from has, in the order in which it was first seen. @p from must be exact.
 */
struct hc_error *hc_top_texts_merge(struct hc_top_texts *table, const struct hc_top_texts *from);

/** The entry of a text, or NULL. Valid until the next addition. */
const struct hc_top_entry *hc_top_texts_find(const struct hc_top_texts *table,
					     struct hc_bytes text);

/** Whether the next new text would have to replace another. */
static inline bool hc_top_texts_full(const struct hc_top_texts *table)
{
	return table->num_entries == table->max_entries;
}

/**
 * The most frequent texts: by count, the greatest first, then by text.
 *
 * @param top how many at most
 * @param[out] ret array, freed by the caller; the texts stay where they are
 */
struct hc_error *hc_top_texts_list(const struct hc_top_texts *table, uint64_t top,
				   struct hc_text_count **ret, size_t *num_ret);

#endif
