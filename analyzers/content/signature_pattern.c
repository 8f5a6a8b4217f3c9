/**
 * @file
 * Patterns of signatures: PCRE2's, made from what a section says.
 */
#include "analyzers/content/signature_pattern.h"

#include <stdio.h>
#include <stdlib.h>

#include "analyzers/content/structure.h"
#include "core/base/array.h"
#include "core/base/cleanup.h"

/** Most patterns of one signature. */
#define MAX_PATTERNS 64
/** No pattern of the built-in set needs more; hostile text can't make one slow. */
#define MATCH_LIMIT 100000
/**
 * Numbers of groups that can be told from a match: those that attributes may have, and then some.
 */
#define MAX_GROUPS 64

struct hc_error *hc_signature_match_init(struct hc_signature_match *match)
{
	match->data = pcre2_match_data_create(MAX_GROUPS, NULL);
	match->context = pcre2_match_context_create(NULL);
	if (!match->data || !match->context)
		return &hc_enomem;
	pcre2_set_match_limit(match->context, MATCH_LIMIT);
	return NULL;
}

void hc_signature_match_deinit(struct hc_signature_match *match)
{
	pcre2_match_data_free(match->data);
	pcre2_match_context_free(match->context);
	*match = (struct hc_signature_match){0};
}

bool hc_signature_pattern_match(const struct hc_signature_pattern *pattern,
				struct hc_signature_match *match, struct hc_bytes subject,
				size_t from)
{
	if (from > subject.size || subject.size - from < pattern->min_size)
		return false;
	if (pattern->jit)
		return pcre2_jit_match(pattern->code, subject.data, subject.size, from, 0,
				       match->data, match->context) >= 0;
	return pcre2_match(pattern->code, subject.data, subject.size, from, 0, match->data,
			   match->context) >= 0;
}

void hc_signature_pattern_deinit(struct hc_signature_pattern *pattern)
{
	pcre2_code_free(pattern->code);
	free(pattern->groups);
}

/** Byte patterns, as "1f 8b ?? [00-1f]" or "1f8b", become PCRE2 ones. */
static struct hc_error *hex_to_pattern(const struct hc_signature_draft *draft,
				       const struct hc_signature_value *value, char **ret)
{
	hc_cleanup_free char *text = malloc(strlen(value->text) * 4 + 16);
	char *out = text;

	if (!text)
		return &hc_enomem;
	*out = '\0';
	for (const char *pos = value->text; *pos;) {
		if (*pos == ' ') {
			pos++;
		} else if (pos[0] == '?' && pos[1] == '?') {
			out = stpcpy(out, "(?s:.)");
			pos += 2;
		} else if (hc_hex_digit(pos[0]) < 16 && hc_hex_digit(pos[1]) < 16) {
			out += sprintf(out, "\\x%.2s", pos);
			pos += 2;
		} else {
			return hc_signature_bad(draft, value,
						"'%.8s' is neither two hexadecimal digits nor ??",
						pos);
		}
	}
	if (out == text)
		return hc_signature_bad(draft, value, "is empty");
	*ret = hc_steal(text);
	return NULL;
}

static void set_bit(uint64_t bits[4], uint8_t byte)
{
	bits[byte / 64] |= UINT64_C(1) << byte % 64;
}

/** What a match may begin with, as PCRE2 knows it; everything, when it doesn't. */
static void find_first(const pcre2_code *code, uint64_t first[4])
{
	const uint8_t *bitmap = NULL;
	uint32_t type = 0, unit = 0;

	pcre2_pattern_info(code, PCRE2_INFO_FIRSTCODETYPE, &type);
	pcre2_pattern_info(code, PCRE2_INFO_FIRSTBITMAP, &bitmap);
	memset(first, 0, 4 * sizeof(*first));
	if (type == 1) {
		pcre2_pattern_info(code, PCRE2_INFO_FIRSTCODEUNIT, &unit);
		set_bit(first, unit);
		/* Whether the case matters it does not tell. */
		if ((unit | 0x20) >= 'a' && (unit | 0x20) <= 'z')
			set_bit(first, unit ^ 0x20);
	} else if (type == 0 && bitmap) {
		for (unsigned byte = 0; byte < 256; byte++) {
			if (bitmap[byte / 8] >> byte % 8 & 1)
				set_bit(first, byte);
		}
	} else {
		memset(first, 0xff, 4 * sizeof(*first));
	}
}

static void compile_context_freep(pcre2_compile_context **context)
{
	pcre2_compile_context_free(*context);
}

static void code_freep(pcre2_code **code)
{
	pcre2_code_free(*code);
}

static struct hc_error *compile_code(const struct hc_signature_draft *draft,
				     const struct hc_signature_value *value, const char *text,
				     uint32_t flags, pcre2_code **ret)
{
	hc_cleanup(compile_context_freep) pcre2_compile_context *context =
		pcre2_compile_context_create(NULL);
	PCRE2_UCHAR message[256] = "";
	PCRE2_SIZE offset;
	int code;

	if (!context)
		return &hc_enomem;
	pcre2_set_newline(context, PCRE2_NEWLINE_LF);
	*ret = pcre2_compile((PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED, flags, &code, &offset,
			     context);
	if (*ret)
		return NULL;
	if (code == PCRE2_ERROR_HEAP_FAILED)
		return &hc_enomem;
	pcre2_get_error_message(code, message, sizeof(message));
	return hc_signature_bad(draft, value, "at offset %zu: %s", (size_t)offset,
				(const char *)message);
}

/** The attribute of a name, made if need be. */
static struct hc_error *find_attribute(struct hc_signature_draft *draft,
				       const struct hc_signature_value *value, const char *name,
				       size_t size, uint8_t *ret)
{
	struct hc_signature *signature = &draft->signature;
	struct hc_attribute *attributes = signature->attributes;
	size_t num = signature->about.num_attributes;

	for (size_t i = 0; i < num; i++) {
		if (strlen(attributes[i].name) == size && !memcmp(attributes[i].name, name, size)) {
			*ret = i;
			return NULL;
		}
	}
	if (num == HC_MAX_ATTRIBUTES)
		return hc_signature_bad(draft, value, "more than %d attributes", HC_MAX_ATTRIBUTES);
	attributes[num].name = strndup(name, size);
	if (!attributes[num].name)
		return &hc_enomem;
	*ret = num;
	signature->about.num_attributes++;
	return NULL;
}

/** Named groups are attributes; of a secret, the group "secret" is what it hides. */
static struct hc_error *find_groups(struct hc_signature_draft *draft,
				    const struct hc_signature_value *value,
				    struct hc_signature_pattern *pattern)
{
	uint32_t num = 0, entry_size = 0;
	PCRE2_SPTR table = NULL;

	pcre2_pattern_info(pattern->code, PCRE2_INFO_NAMECOUNT, &num);
	pcre2_pattern_info(pattern->code, PCRE2_INFO_NAMEENTRYSIZE, &entry_size);
	pcre2_pattern_info(pattern->code, PCRE2_INFO_NAMETABLE, &table);
	if (!num)
		return NULL;
	pattern->groups = calloc(num, sizeof(*pattern->groups));
	if (!pattern->groups)
		return &hc_enomem;
	for (uint32_t i = 0; i < num; i++, table += entry_size) {
		struct hc_group *group = &pattern->groups[i];
		const char *name = (const char *)table + 2;

		group->number = table[0] << 8 | table[1];
		if (group->number >= MAX_GROUPS)
			return hc_signature_bad(draft, value, "more than %d groups",
						MAX_GROUPS - 1);
		struct hc_error *err =
			find_attribute(draft, value, name, strlen(name), &group->attribute);

		if (err)
			return err;
		pattern->num_groups++;
	}
	return NULL;
}

unsigned hc_literals_marks(const struct hc_literals *literals)
{
	unsigned marks = literals->num ? ~0u : 0;

	for (size_t i = 0; i < literals->num; i++) {
		const struct hc_literal *literal = &literals->items[i];

		marks &= hc_text_marks((struct hc_bytes){literal->bytes, literal->size});
	}
	return marks;
}

/** @param text of @p value, or what was made of it */
static struct hc_error *compile_pattern(struct hc_signature_draft *draft,
					const struct hc_signature_value *value, const char *text,
					bool anchored, struct hc_signature_pattern *ret)
{
	bool literal = !strncmp(value->name, "literal", 7);
	struct hc_pattern_options options = {.literal = literal};
	uint32_t flags = literal ? PCRE2_LITERAL : PCRE2_NEVER_UTF | PCRE2_NEVER_UCP;
	hc_cleanup(code_freep) pcre2_code *probe = NULL;
	uint32_t min = 0;

	/* An anchored pattern has no table of first bytes. */
	struct hc_error *err = compile_code(draft, value, text, flags, &probe);

	if (!err)
		err = compile_code(draft, value, text, flags | (anchored ? PCRE2_ANCHORED : 0),
				   &ret->code);
	if (err)
		return err;
	ret->jit = pcre2_jit_compile(ret->code, PCRE2_JIT_COMPLETE) == 0;
	pcre2_pattern_info(ret->code, PCRE2_INFO_MINLENGTH, &min);
	ret->min_size = min;
	find_first(probe, ret->first);
	hc_literals_extract(text, &options, &ret->literals);
	ret->marks = hc_literals_marks(&ret->literals);
	return find_groups(draft, value, ret);
}

struct hc_error *hc_signature_pattern_add(struct hc_signature_draft *draft,
					  const struct hc_signature_value *value,
					  struct hc_signature_pattern **patterns, size_t *num,
					  bool anchored)
{
	struct hc_signature_pattern *more;
	hc_cleanup_free char *text = NULL;
	struct hc_error *err = NULL;

	if (*num == MAX_PATTERNS)
		return hc_signature_bad(draft, value, "more than %d patterns", MAX_PATTERNS);
	err = hc_array_reserve(patterns, *num, sizeof(**patterns));
	if (err)
		return err;
	more = *patterns;
	more[*num] = (struct hc_signature_pattern){0};
	if (!strncmp(value->name, "hex", 3))
		err = hex_to_pattern(draft, value, &text);
	if (!err)
		err = compile_pattern(draft, value, text ? text : value->text, anchored,
				      &more[*num]);
	/* What was compiled before an error is given up with the rest. */
	++*num;
	return err;
}
