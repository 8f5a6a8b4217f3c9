/**
 * @file
 * What of the heap's own bytes may show, decided in one place.
 *
 * Two promises are kept here. `--content` says how much of what a process held may be seen at all;
 * each column, fact and sentence says what it needs (cell.h), and what needs more than is allowed
 * is unknown to every renderer. Secrets never show below `full`, except in bytes that the user
 * named: the text that a pattern of grep matched.
 *
 * Bytes that lie in the core are looked at with what stands around them, up to a NUL: a value whose
 * name does not show is a secret all the same.
 */
#ifndef HC_CMD_RENDER_POLICY_H
#define HC_CMD_RENDER_POLICY_H

#include "analyzers/content/secrets.h"
#include "core/base/cleanup.h"

/** How much of the heap's own bytes may show in the output. */
enum hc_content {
	HC_CONTENT_NONE,   /**< nothing, not even what kind of bytes they are */
	HC_CONTENT_CLASS,  /**< content classes, types, and counts of them */
	HC_CONTENT_SAMPLE, /**< and short samples */
	HC_CONTENT_FULL,   /**< and whole chunks, secrets included */
};

/** "none", "class", …; NULL behind the last one. */
const char *hc_content_name(unsigned content);

struct hc_policy {
	enum hc_content content;
	struct hc_masker *masker; /**< NULL: nothing shows below HC_CONTENT_FULL */
	struct hc_bytes file;     /**< the core */
};

/** Bytes as they may show. */
struct hc_shown {
	struct hc_bytes bytes;
	uint8_t *owned; /**< what they are in, or NULL */
};

/** Never fails: without memory, there are no bytes. Of very many, the first 64 KiB. */
struct hc_shown hc_policy_show(const struct hc_policy *policy, struct hc_bytes bytes,
			       enum hc_mask how);

static inline void hc_shown_deinit(struct hc_shown *shown)
{
	free(shown->owned);
}

#define hc_cleanup_shown hc_cleanup(hc_shown_deinit)

/** hc_escape() of what may show of @p bytes. */
char *hc_policy_escape(const struct hc_policy *policy, struct hc_bytes bytes, size_t max,
		       unsigned flags);

#endif
