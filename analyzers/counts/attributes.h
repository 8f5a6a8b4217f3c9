/**
 * @file
 * Attributes: what the content of a class names, such as the host and the path of an HTTP request,
 * counted by value.
 *
 * Values are normalised as the signature says, so that /user/48213/cart and /user/9/cart count as
 * one /user/N/cart. Counts are exact as long as the distinct values of an attribute fit
 * HC_ATTRIBUTE_BYTES; beyond, they are a Space-Saving summary (top_texts.h). Either way they are
 * the same for any number of jobs.
 */
#ifndef HC_ANALYZERS_COUNTS_ATTRIBUTES_H
#define HC_ANALYZERS_COUNTS_ATTRIBUTES_H

#include "analyzers/select/selection.h"
#include "analyzers/target.h"
#include "analyzers/texts/top_texts.h"

/** Memory for the distinct values of one attribute, and for all normalised texts, bytes. */
#define HC_ATTRIBUTE_BYTES (16u << 20)
#define HC_ATTRIBUTE_TEXT_BYTES (64u << 20)
/** Longer values are cut. */
#define HC_ATTRIBUTE_MAX_SIZE 512

struct hc_attribute_row {
	hc_class_id class_id;
	const struct hc_attribute *attribute;
	uint64_t chunks;   /**< that have a value */
	uint64_t distinct; /**< values; a lower bound when @ref exact is false */
	bool exact;
	struct hc_text_count *values; /**< most frequent first, then by text */
	size_t num_values;
};

struct hc_attributes {
	struct hc_attribute_row
		*rows; /**< those with a value: by class, then as in its signature */
	size_t num;
	void *texts; /**< private: what normalised values are in */
};

/**
 * Count the values of a selection's chunks (prepared; NULL: all in use), with process->jobs
 * threads.
 *
 * @param top values of each attribute that are kept
 */
struct hc_error *hc_attributes_run(struct hc_target *target, const struct hc_selection *selection,
				   uint64_t top, struct hc_attributes *ret);
void hc_attributes_deinit(struct hc_attributes *attributes);

/**
 * Normalise a value.
 *
 * @param flags bits of hc_normalise
 * @param[out] buf room for @p value: the result is never longer
 * @return its size
 */
size_t hc_normalise(struct hc_bytes value, unsigned flags, uint8_t *buf);

#endif
