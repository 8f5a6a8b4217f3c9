/**
 * @file
 * Masking secrets.
 */
#include "analyzers/content/secrets.h"

#include <stdlib.h>

#include "analyzers/content/signature_set.h"
#include "core/base/cleanup.h"

static const char stars[] = "***";

struct hc_masker {
	const struct hc_signatures *signatures;
	struct hc_signature_match match;
};

void hc_masker_destroy(struct hc_masker *masker)
{
	if (!masker)
		return;
	hc_signature_match_deinit(&masker->match);
	free(masker);
}

struct hc_error *hc_masker_create(const struct hc_signatures *signatures, struct hc_masker **ret)
{
	struct hc_masker *masker = calloc(1, sizeof(*masker));

	if (!masker)
		return &hc_enomem;
	masker->signatures = signatures;
	struct hc_error *err = hc_signature_match_init(&masker->match);

	if (err) {
		hc_masker_destroy(masker);
		return err;
	}
	*ret = masker;
	return NULL;
}

static bool holds_any(const struct hc_literals *literals, struct hc_bytes bytes)
{
	for (size_t i = 0; i < literals->num; i++) {
		if (hc_literal_find(&literals->items[i], literals->ignore_case, bytes, 0) !=
		    SIZE_MAX)
			return true;
	}
	return !literals->num;
}

/** Set the flags of what the groups called "secret" have in the match that was found last. */
static void flag_groups(const struct hc_signature *signature,
			const struct hc_signature_pattern *pattern, const PCRE2_SIZE *offsets,
			struct hc_bytes bytes, uint8_t *flags)
{
	for (size_t i = 0; i < pattern->num_groups; i++) {
		const struct hc_group *group = &pattern->groups[i];
		PCRE2_SIZE start = offsets[2 * group->number], end = offsets[2 * group->number + 1];

		if (start == PCRE2_UNSET || start >= end || end > bytes.size ||
		    strcmp(signature->attributes[group->attribute].name, HC_SECRET_GROUP) != 0)
			continue;
		if (signature->check)
			signature->check->secret((struct hc_bytes){bytes.data + start, end - start},
						 flags + start);
		else
			memset(flags + start, 1, end - start);
	}
}

/** @param flags a byte for each of @p bytes: whether it is part of a secret */
static void flag_secrets(struct hc_masker *masker, const struct hc_signature *signature,
			 const struct hc_signature_pattern *pattern, struct hc_bytes bytes,
			 uint8_t *flags)
{
	const PCRE2_SIZE *offsets = pcre2_get_ovector_pointer(masker->match.data);

	for (size_t from = 0; from < bytes.size;) {
		int found = pcre2_match(pattern->code, bytes.data, bytes.size, from, 0,
					masker->match.data, masker->match.context);

		if (found == PCRE2_ERROR_NOMATCH)
			return;
		if (found < 0) {
			memset(flags + from, 1, bytes.size - from);
			return;
		}
		flag_groups(signature, pattern, offsets, bytes, flags);
		from = offsets[1] > from ? offsets[1] : from + 1;
	}
}

/** Write what is shown. @param ret its bytes have room for three each, and one more */
static void write_masked(struct hc_bytes bytes, const uint8_t *flags, enum hc_mask how,
			 struct hc_masked *ret)
{
	uint8_t *out = ret->bytes;
	size_t size = 0;

	for (size_t i = 0; i < bytes.size; i++) {
		bool first = flags[i] && (!i || !flags[i - 1]);

		ret->num += first;
		if (!flags[i]) {
			out[size++] = bytes.data[i];
		} else if (how == HC_MASK_SAME_SIZE) {
			out[size++] = '*';
		} else if (first) {
			memcpy(out + size, stars, sizeof(stars) - 1);
			size += sizeof(stars) - 1;
		}
	}
	out[size] = '\0';
	ret->size = size;
}

struct hc_error *hc_masker_mask(struct hc_masker *masker, struct hc_bytes context,
				struct hc_bytes part, enum hc_mask how, struct hc_masked *ret)
{
	const struct hc_signatures *signatures = masker->signatures;
	hc_cleanup_free uint8_t *flags = calloc(context.size + 1, 1);
	hc_cleanup_free uint8_t *out = calloc(part.size + 1, sizeof(stars) - 1);

	if (!flags || !out)
		return &hc_enomem;
	for (size_t i = 0; i < signatures->num_secrets; i++) {
		const struct hc_signature *signature = &signatures->secrets[i];

		if (!holds_any(&signature->needed, context))
			continue;
		for (size_t k = 0; k < signature->num_patterns; k++) {
			if (holds_any(&signature->patterns[k].literals, context))
				flag_secrets(masker, signature, &signature->patterns[k], context,
					     flags);
		}
	}
	*ret = (struct hc_masked){.bytes = hc_steal(out)};
	write_masked(part, flags + (part.data - context.data), how, ret);
	return NULL;
}
