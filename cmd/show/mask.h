/**
 * @file
 * What of the heap's bytes may show: not the secrets, unless --content full.
 *
 * Every verb that shows bytes of a core which the user has not asked for by themselves goes through
 * here: samples, hex dumps, what chunks share, the context of a match. What a user has named shows
 * as it is: the text that a pattern of grep matched, and what dump writes.
 *
 * Bytes that lie in the core are looked at with what stands around them, up to a NUL: a value whose
 * name does not show is a secret all the same.
 */
#ifndef HC_CMD_SHOW_MASK_H
#define HC_CMD_SHOW_MASK_H

#include "analyzers/content/secrets.h"
#include "cmd/session.h"
#include "core/base/cleanup.h"

/** Bytes as they may show. */
struct hc_shown {
	struct hc_bytes bytes;
	uint8_t *owned; /**< what they are in, or NULL */
};

/** Never fails: without memory, there are no bytes. Of very many, the first 64 KiB. */
struct hc_shown hc_session_show(const struct hc_session *session, struct hc_bytes bytes,
				enum hc_mask how);

static inline void hc_shown_deinit(struct hc_shown *shown)
{
	free(shown->owned);
}

#define hc_cleanup_shown hc_cleanup(hc_shown_deinit)

/** hc_escape() of what may show of @p bytes. */
char *hc_session_escape(const struct hc_session *session, struct hc_bytes bytes, size_t max,
			unsigned flags);

#endif
