/**
 * @file
 * What may show; see policy.h.
 */
#include <stdlib.h>

#include "cmd/render/escape.h"
#include "cmd/render/policy.h"

/** Bytes around a part that are looked at. */
#define CONTEXT 1024
/** Bytes that are masked at once; below --content full nothing shows more. */
#define MAX_SHOWN (64u << 10)

/** What stands around @p part in the core, and the part itself. */
static struct hc_bytes context_of(const struct hc_policy *policy, struct hc_bytes part)
{
	struct hc_bytes file = policy->file;
	const uint8_t *start = part.data, *end = part.data + part.size;

	if (!file.size || start < file.data || end > file.data + file.size)
		return part;
	while (start > file.data && start[-1] && part.data - start < CONTEXT)
		start--;
	while (end < file.data + file.size && *end && end - (part.data + part.size) < CONTEXT)
		end++;
	return (struct hc_bytes){start, end - start};
}

const char *hc_content_name(unsigned content)
{
	static const char *const names[] = {
		[HC_CONTENT_NONE] = "none",
		[HC_CONTENT_CLASS] = "class",
		[HC_CONTENT_SAMPLE] = "sample",
		[HC_CONTENT_FULL] = "full",
	};

	return content < sizeof(names) / sizeof(names[0]) ? names[content] : NULL;
}

struct hc_shown hc_policy_show(const struct hc_policy *policy, struct hc_bytes bytes,
			       enum hc_mask how)
{
	struct hc_shown ret = {0};
	struct hc_masked masked;

	if (policy->content == HC_CONTENT_FULL || !bytes.size)
		return (struct hc_shown){.bytes = bytes};
	if (!policy->masker || policy->content < HC_CONTENT_SAMPLE)
		return ret;
	if (bytes.size > MAX_SHOWN)
		bytes.size = MAX_SHOWN;
	struct hc_bytes context = context_of(policy, bytes);
	hc_cleanup_error struct hc_error *err =
		hc_masker_mask(policy->masker, context, bytes, how, &masked);

	if (!err)
		ret = (struct hc_shown){.owned = masked.bytes,
					.bytes = {masked.bytes, masked.size}};
	return ret;
}

char *hc_policy_escape(const struct hc_policy *policy, struct hc_bytes bytes, size_t max,
		       unsigned flags)
{
	hc_cleanup_shown struct hc_shown shown = {0};
	struct hc_bytes part = bytes;

	/*
	 * One column takes at most four bytes; masked text takes fewer columns, so that more of it
	 * shows.
	 */
	if (max && part.size > 4 * max)
		part.size = 4 * max;
	for (;; part.size = part.size * 4 < bytes.size ? part.size * 4 : bytes.size) {
		hc_shown_deinit(&shown);
		shown = hc_policy_show(policy, part, HC_MASK_SHORT);
		if (part.size == bytes.size || part.size >= MAX_SHOWN || shown.bytes.size > max)
			break;
	}
	return hc_escape(shown.bytes, max, flags);
}
