/**
 * @file
 * Checks: what a signature of kind "code" calls, or one of kind "secret" besides its patterns,
 * because no pattern can say it.
 *
 * A check is known by the name that signature files give after "check =". Checks of formats that go
 * over a wire are in wire.h, those of structure in structure.h,
 * those of secrets in secret_checks.h; this is the table of them. Like
 * those they never allocate and are linear in the window.
 */
#ifndef HC_ANALYZERS_CONTENT_CHECKS_H
#define HC_ANALYZERS_CONTENT_CHECKS_H

#include "analyzers/content/structure.h"

/** What a check of bytes may look at. */
struct hc_check_subject {
	struct hc_bytes window;         /**< the chunk, or its first bytes */
	uint64_t size;                  /**< bytes of the whole chunk */
	const struct hc_ranges *mapped; /**< what pointers may point to */
	unsigned word_size;
	bool big_endian; /**< of words */
};

/** The checks that the classifier itself makes, before or after all others. */
enum hc_check_role {
	HC_CHECK_RUN,    /**< of one run of text */
	HC_CHECK_BYTES,  /**< of the chunk */
	HC_CHECK_ZERO,   /**< the whole chunk is zero */
	HC_CHECK_TEXT,   /**< a run of text is what the chunk holds, and is ASCII */
	HC_CHECK_UTF8,   /**< the same, and is not */
	HC_CHECK_OTHER,  /**< nothing else */
	HC_CHECK_SECRET, /**< of what a pattern of a secret found: which of it to hide */
};

struct hc_check {
	const char *name;
	enum hc_check_role role;
	const char *first; /**< of HC_CHECK_RUN: what the run may begin with */
	bool (*run)(struct hc_bytes run);
	bool (*bytes)(const struct hc_check_subject *subject);
	/** Set the flags of bytes to hide; secret_checks.h. */
	void (*secret)(struct hc_bytes text, uint8_t *flags);
};

/** The check of a name, or NULL. */
const struct hc_check *hc_check_find(const char *name);

#endif
