/**
 * @file
 * What the names in a section of a signature file mean.
 */
#include "analyzers/content/signature_section.h"

#include <stdlib.h>

#include "analyzers/content/signature_pattern.h"
#include "analyzers/content/structure.h"
#include "core/base/array.h"
#include "core/base/cleanup.h"

/** What a file may ask for; what is built in is set by code. */
#define MAX_PRIORITY 10000

static const char *const kind_names[] = {
	[HC_SIGNATURE_TEXT] = "text",
	[HC_SIGNATURE_BYTES] = "bytes",
	[HC_SIGNATURE_CODE] = "code",
	[HC_SIGNATURE_SECRET] = "secret",
};

static const char *const evidence_names[] = {
	[HC_EVIDENCE_ANY] = "any",
	[HC_EVIDENCE_FIELD] = "field",
	[HC_EVIDENCE_WHOLE] = "whole",
};

const char *hc_signature_kind_name(enum hc_signature_kind kind)
{
	return kind_names[kind];
}

static struct hc_error *set_string(const char **ret, const char *text)
{
	char *copy = strdup(text);

	if (!copy)
		return &hc_enomem;
	free((char *)*ret);
	*ret = copy;
	return NULL;
}

static struct hc_error *add_example(struct hc_signature_draft *draft,
				    const struct hc_signature_value *value)
{
	struct hc_signature *signature = &draft->signature;
	size_t num = signature->about.num_examples;
	hc_cleanup_free uint8_t *bytes = malloc(strlen(value->text) + 1);
	struct hc_error *err =
		bytes ? hc_array_reserve(&signature->examples, num, sizeof(*signature->examples))
		      : &hc_enomem;
	size_t size;

	signature->about.examples = signature->examples;
	if (err || (err = hc_signature_value_bytes(draft, value, bytes, &size)))
		return err;
	signature->examples[num] = (struct hc_example){
		.bytes = {bytes, size},
		.positive = !strcmp(value->name, "example"),
		.line = value->line,
	};
	bytes = NULL;
	signature->about.num_examples++;
	return NULL;
}

static struct hc_error *set_check(struct hc_signature_draft *draft,
				  const struct hc_signature_value *value)
{
	draft->signature.check = hc_check_find(value->text);
	if (!draft->signature.check)
		return hc_signature_bad(draft, value, "there is no check '%.50s'", value->text);
	return NULL;
}

static struct hc_error *set_needed(struct hc_signature_draft *draft,
				   const struct hc_signature_value *value)
{
	struct hc_literals *needed = &draft->signature.needed;
	uint8_t buf[HC_SIGNATURE_FILE_MAX_VALUE + 1];
	size_t size;
	struct hc_error *err = hc_signature_value_bytes(draft, value, buf, &size);

	if (err)
		return err;
	if (!size || size > HC_MAX_LITERAL_SIZE)
		return hc_signature_bad(draft, value, "takes 1 to %d bytes", HC_MAX_LITERAL_SIZE);
	if (needed->num == HC_MAX_LITERALS)
		return hc_signature_bad(draft, value, "more than %d of them", HC_MAX_LITERALS);
	memcpy(needed->items[needed->num].bytes, buf, size);
	needed->items[needed->num++].size = size;
	return NULL;
}

static struct hc_error *set_normalise(struct hc_signature_draft *draft,
				      const struct hc_signature_value *value, const char *attribute)
{
	static const char *const words[] = {"digits", "hex", "uuid", "lower"};
	struct hc_signature *signature = &draft->signature;
	const char *text = value->text;
	size_t i = 0;

	while (i < signature->about.num_attributes &&
	       strcmp(signature->attributes[i].name, attribute))
		i++;
	if (i == signature->about.num_attributes)
		return hc_signature_bad(draft, value, "no pattern has a group of this name");
	while (*text) {
		size_t size = strcspn(text, " ,");
		size_t word = hc_signature_find_word(words, 4, text, size);

		if (word == 4)
			return hc_signature_bad(
				draft, value, "'%.50s' is none of: digits, hex, uuid, lower", text);
		signature->attributes[i].normalise |= 1u << word;
		text += size;
		text += strspn(text, " ,");
	}
	return NULL;
}

static struct hc_error *set_kind(struct hc_signature_draft *draft,
				 const struct hc_signature_value *value)
{
	unsigned kind;
	struct hc_error *err = hc_signature_value_word(draft, value, kind_names, 4, &kind);

	if (!err)
		draft->signature.about.kind = kind;
	return err;
}

static struct hc_error *set_anchor(struct hc_signature_draft *draft,
				   const struct hc_signature_value *value)
{
	static const char *const words[] = {"start", "header", "anywhere"};
	unsigned anchor;
	struct hc_error *err = hc_signature_value_word(draft, value, words, 3, &anchor);

	if (!err)
		draft->signature.anchor = anchor;
	return err;
}

static struct hc_error *set_evidence(struct hc_signature_draft *draft,
				     const struct hc_signature_value *value)
{
	unsigned evidence;
	struct hc_error *err = hc_signature_value_word(draft, value, evidence_names, 3, &evidence);

	if (!err)
		draft->signature.evidence = evidence;
	return err;
}

static struct hc_error *set_bool(struct hc_signature_draft *draft,
				 const struct hc_signature_value *value, bool *ret)
{
	static const char *const words[] = {"no", "yes"};
	unsigned word;
	struct hc_error *err = hc_signature_value_word(draft, value, words, 2, &word);

	if (!err)
		*ret = word;
	return err;
}

static struct hc_error *set_enabled(struct hc_signature_draft *draft,
				    const struct hc_signature_value *value)
{
	bool enabled = true;
	struct hc_error *err = set_bool(draft, value, &enabled);

	draft->disabled = !enabled;
	return err;
}

static struct hc_error *set_title(struct hc_signature_draft *draft,
				  const struct hc_signature_value *value)
{
	return set_string(&draft->signature.about.title, value->text);
}

static struct hc_error *set_description(struct hc_signature_draft *draft,
					const struct hc_signature_value *value)
{
	return set_string(&draft->signature.about.description, value->text);
}

static struct hc_error *set_priority(struct hc_signature_draft *draft,
				     const struct hc_signature_value *value)
{
	unsigned long number;
	struct hc_error *err = hc_signature_value_number(draft, value, MAX_PRIORITY, &number);

	if (!err)
		draft->signature.about.priority = number;
	return err;
}

static struct hc_error *set_max_size(struct hc_signature_draft *draft,
				     const struct hc_signature_value *value)
{
	unsigned long number;
	struct hc_error *err = hc_signature_value_number(draft, value, UINT32_MAX, &number);

	if (!err)
		draft->signature.max_size = number;
	return err;
}

static struct hc_error *take_pattern(struct hc_signature_draft *draft,
				     const struct hc_signature_value *value)
{
	struct hc_signature *signature = &draft->signature;
	const char *suffix = strchr(value->name, '.');
	size_t evidence = signature->evidence;
	struct hc_error *err;

	if (signature->about.kind == HC_SIGNATURE_CODE)
		return hc_signature_bad(draft, value,
					"a signature of kind code has a check instead");
	if (suffix) {
		evidence =
			hc_signature_find_word(evidence_names, 3, suffix + 1, strlen(suffix + 1));
		if (evidence == 3)
			return hc_signature_bad(
				draft, value, "'%.50s' is none of: any, field, whole", suffix + 1);
	}
	err = hc_signature_pattern_add(draft, value, &signature->patterns, &signature->num_patterns,
				       signature->anchor != HC_ANCHOR_ANYWHERE &&
					       signature->about.kind != HC_SIGNATURE_SECRET);
	if (!err)
		signature->patterns[signature->num_patterns - 1].evidence = evidence;
	return err;
}

static struct hc_error *take_extra(struct hc_signature_draft *draft,
				   const struct hc_signature_value *value)
{
	return hc_signature_pattern_add(draft, value, &draft->signature.extra,
					&draft->signature.num_extra, false);
}

/**
 * What a value does. Patterns need to know kind and anchor, normalising needs to know the
 * patterns.
 */
static const struct meaning {
	const char *name;
	unsigned round;
	struct hc_error *(*take)(struct hc_signature_draft *draft,
				 const struct hc_signature_value *value);
} meanings[] = {
	{"title", 0, set_title},       {"description", 0, set_description},
	{"priority", 0, set_priority}, {"kind", 0, set_kind},
	{"check", 0, set_check},       {"anchor", 0, set_anchor},
	{"evidence", 0, set_evidence}, {"needs", 0, set_needed},
	{"max-size", 0, set_max_size}, {"enabled", 0, set_enabled},
	{"example", 0, add_example},   {"counterexample", 0, add_example},
	{"pattern", 1, take_pattern},  {"literal", 1, take_pattern},
	{"hex", 1, take_pattern},      {"attributes", 1, take_extra},
};

#define NUM_MEANINGS (sizeof(meanings) / sizeof(meanings[0]))
#define NORMALISE "normalise."

static struct hc_error *take_value(struct hc_signature_draft *draft,
				   const struct hc_signature_value *value, unsigned round)
{
	size_t prefix = strlen(NORMALISE);

	if (!strncmp(value->name, NORMALISE, prefix))
		return round == 2 ? set_normalise(draft, value, value->name + prefix) : NULL;
	for (size_t i = 0; i < NUM_MEANINGS; i++) {
		size_t size = meanings[i].take == take_pattern ? strcspn(value->name, ".")
							       : strlen(value->name);

		if (strlen(meanings[i].name) == size &&
		    !memcmp(value->name, meanings[i].name, size))
			return meanings[i].round == round ? meanings[i].take(draft, value) : NULL;
	}
	return hc_signature_bad(draft, value, "there is no such name in a signature");
}

static bool is_textual(const struct hc_signature *signature)
{
	if (signature->about.kind != HC_SIGNATURE_CODE)
		return signature->about.kind != HC_SIGNATURE_BYTES;
	return signature->check->role == HC_CHECK_RUN || signature->check->role == HC_CHECK_TEXT ||
	       signature->check->role == HC_CHECK_UTF8;
}

static bool is_name(const char *text)
{
	size_t size = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-");

	return size && !text[size] && *text != '-';
}

/** The names around a secret are written in any case. */
static void lower_needed(struct hc_literals *needed)
{
	needed->ignore_case = true;
	for (size_t i = 0; i < needed->num; i++) {
		for (size_t k = 0; k < needed->items[i].size; k++) {
			uint8_t *byte = &needed->items[i].bytes[k];

			if (*byte >= 'A' && *byte <= 'Z')
				*byte |= 0x20;
		}
	}
}

/** Whether marks say all that the literals do. */
static bool is_one_mark(const struct hc_literals *literals)
{
	return literals->num == 1 && literals->items[0].size == 1 && hc_literals_marks(literals);
}

/** The marks of a run are known at once: what they tell need not be looked for again. */
static void use_marks(struct hc_signature *signature)
{
	for (size_t i = 0; i < signature->num_patterns; i++) {
		struct hc_signature_pattern *pattern = &signature->patterns[i];

		if (is_one_mark(&pattern->literals))
			pattern->literals.num = 0;
		pattern->marks |= hc_literals_marks(&signature->needed);
	}
	if (is_one_mark(&signature->needed))
		signature->needed.num = 0;
}

static bool has_secret(const struct hc_signature *signature,
		       const struct hc_signature_pattern *pattern)
{
	for (size_t i = 0; i < pattern->num_groups; i++) {
		if (!strcmp(signature->attributes[pattern->groups[i].attribute].name,
			    HC_SECRET_GROUP))
			return true;
	}
	return false;
}

/** Whether a check answers what the kind of a signature asks. */
static bool check_fits(const struct hc_signature *signature)
{
	bool of_secrets = signature->check->role == HC_CHECK_SECRET;

	return signature->about.kind == (of_secrets ? HC_SIGNATURE_SECRET : HC_SIGNATURE_CODE);
}

/** What a section as a whole must have. */
static struct hc_error *check_draft(struct hc_signature_draft *draft)
{
	struct hc_signature *signature = &draft->signature;

	if (!is_name(draft->section->name))
		return hc_signature_bad(draft, NULL,
					"a name has small letters, digits and hyphens");
	if (!signature->about.description)
		return hc_signature_bad(draft, NULL, "no description");
	if (signature->about.kind == HC_SIGNATURE_CODE && !signature->check)
		return hc_signature_bad(draft, NULL, "no check");
	if (signature->check && !check_fits(signature))
		return hc_signature_bad(draft, NULL, "a check of this name is not for this kind");
	if (signature->about.kind != HC_SIGNATURE_CODE && !signature->num_patterns)
		return hc_signature_bad(draft, NULL, "no pattern");
	for (size_t i = 0; i < signature->num_patterns; i++) {
		if (signature->about.kind == HC_SIGNATURE_SECRET &&
		    !has_secret(signature, &signature->patterns[i]))
			return hc_signature_bad(draft, NULL,
						"no group (?<secret>…) that says what to hide");
		if (signature->about.kind != HC_SIGNATURE_SECRET &&
		    !signature->patterns[i].min_size)
			return hc_signature_bad(draft, NULL,
						"a pattern that matches nothing at all");
	}
	return NULL;
}

struct hc_error *hc_signature_draft_fill(struct hc_signature_draft *draft)
{
	struct hc_class *class = &draft->signature.about;
	struct hc_error *err = set_string(&class->name, draft->section->name);

	if (!err)
		err = set_string(&class->title, draft->section->name);
	if (!err)
		err = set_string(&class->path, draft->file->path);
	for (unsigned round = 0; round < 3; round++) {
		for (size_t i = 0; !err && i < draft->section->num; i++)
			err = take_value(draft, &draft->section->values[i], round);
		if (!err && !round && draft->disabled)
			return NULL;
	}
	if (!err)
		err = check_draft(draft);
	if (err)
		return err;
	class->textual = is_textual(&draft->signature);
	if (class->kind == HC_SIGNATURE_TEXT)
		use_marks(&draft->signature);
	if (class->kind == HC_SIGNATURE_SECRET)
		lower_needed(&draft->signature.needed);
	return NULL;
}
