/**
 * @file
 * Secrets: passwords, keys and tokens in text that is about to be shown.
 *
 * What a secret is, the signatures of kind "secret" say. The text around a secret stays, so that a
 * reader sees what it was: "Authorization: Basic ***". Where PCRE2 gives up on a text, everything
 * from there on counts as secret.
 */
#ifndef HC_ANALYZERS_CONTENT_SECRETS_H
#define HC_ANALYZERS_CONTENT_SECRETS_H

#include "analyzers/content/signatures.h"

/** For one thread. */
struct hc_masker;
/** @param signatures must outlive it */
struct hc_error *hc_masker_create(const struct hc_signatures *signatures, struct hc_masker **ret);
void hc_masker_destroy(struct hc_masker *masker);

enum hc_mask {
	HC_MASK_SHORT,     /**< "***" for each secret */
	HC_MASK_SAME_SIZE, /**< '*' for each byte, so that offsets stay */
};

struct hc_masked {
	uint8_t *bytes; /**< freed by the caller; one byte more than @ref size is there, which is 0
			 */
	size_t size;
	size_t num; /**< secrets that were masked */
};

/**
 * Copy a part of some bytes without the secrets in it. What stands around the part decides too: a
 * part may begin in the middle of a secret, or behind the name that makes it one.
 *
 * @param part lies in @p context
 */
struct hc_error *hc_masker_mask(struct hc_masker *masker, struct hc_bytes context,
				struct hc_bytes part, enum hc_mask how, struct hc_masked *ret);

#endif
