/**
 * @file
 * From signature files to a set of signatures: what the names in a section mean, and compiling.
 */
#include "analyzers/content/signatures.h"

#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "analyzers/content/signature_file.h"
#include "analyzers/content/signature_set.h"
#include "core/base/array.h"
#include "core/base/cleanup.h"
#include "core/base/format.h"
#include "core/base/nearest.h"

/** Made from builtin.ini when building. */
extern const uint8_t hc_builtin_signatures[];
extern const size_t hc_builtin_signatures_size;

const uint8_t hc_header_offsets[] = {0, 1, 3, 4, 5, 8, 9, 12, 16, 20, 24, 32, 40, 48, 56, 64};
const size_t hc_num_header_offsets = sizeof(hc_header_offsets);

#define MAX_PATTERNS 64
/** What a file may ask for; what is built in is set by code. */
#define MAX_PRIORITY 10000
#define DEFAULT_PRIORITY 500

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

/** @name Matching one pattern */
/**@{*/

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
/**@}*/

/** @name Giving up memory */
/**@{*/

static void pattern_deinit(struct hc_signature_pattern *pattern)
{
	pcre2_code_free(pattern->code);
	free(pattern->groups);
}

static void signature_deinit(struct hc_signature *signature)
{
	for (size_t i = 0; i < signature->num_patterns; i++)
		pattern_deinit(&signature->patterns[i]);
	for (size_t i = 0; i < signature->num_extra; i++)
		pattern_deinit(&signature->extra[i]);
	for (size_t i = 0; i < signature->about.num_attributes; i++)
		free((char *)signature->attributes[i].name);
	for (size_t i = 0; i < signature->about.num_examples; i++)
		free((uint8_t *)signature->examples[i].bytes.data);
	free(signature->patterns);
	free(signature->extra);
	free(signature->examples);
	free((char *)signature->about.name);
	free((char *)signature->about.title);
	free((char *)signature->about.description);
	free((char *)signature->about.path);
}

void hc_signatures_destroy(struct hc_signatures *signatures)
{
	if (!signatures)
		return;
	for (size_t i = 0; i < signatures->num_classes; i++)
		signature_deinit(&signatures->classes[i]);
	for (size_t i = 0; i < signatures->num_secrets; i++)
		signature_deinit(&signatures->secrets[i]);
	free(signatures->classes);
	free(signatures->secrets);
	free(signatures);
}

static void signatures_destroyp(struct hc_signatures **signatures)
{
	hc_signatures_destroy(*signatures);
}
/**@}*/

/** @name Values */
/**@{*/

/** A section while it becomes a signature. */
struct draft {
	const struct hc_signature_file *file;
	const struct hc_signature_section *section;
	struct hc_signature signature;
	bool disabled;
	bool has_kind;
};

static struct hc_error *bad(const struct draft *draft, const struct hc_signature_value *value,
			    const char *format, ...) __attribute__((format(printf, 3, 4)));

static struct hc_error *bad(const struct draft *draft, const struct hc_signature_value *value,
			    const char *format, ...)
{
	char what[512];
	va_list ap;

	va_start(ap, format);
	vsnprintf(what, sizeof(what), format, ap);
	va_end(ap);
	return hc_error_create(HC_ERROR_ARGUMENT, "%.200s:%u: [%.50s]%s%.50s: %s",
			       draft->file->path, value ? value->line : draft->section->line,
			       draft->section->name, value ? " " : "", value ? value->name : "",
			       what);
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

/** Index of a word in a list, or @p num. */
static size_t find_word(const char *const *words, size_t num, const char *text, size_t size)
{
	size_t i = 0;

	while (i < num && (strlen(words[i]) != size || memcmp(words[i], text, size)))
		i++;
	return i;
}

static struct hc_error *set_word(const struct draft *draft, const struct hc_signature_value *value,
				 const char *const *words, size_t num, unsigned *ret)
{
	char all[256] = "";
	size_t i = find_word(words, num, value->text, strlen(value->text));

	if (i < num) {
		*ret = i;
		return NULL;
	}
	for (i = 0; i < num; i++) {
		size_t used = strlen(all);
		snprintf(all + used, sizeof(all) - used, "%s%s", i ? ", " : "", words[i]);
	}
	return bad(draft, value, "'%.50s' is none of: %s", value->text, all);
}

static struct hc_error *set_number(const struct draft *draft,
				   const struct hc_signature_value *value, unsigned long max,
				   unsigned long *ret)
{
	char *end;

	errno = 0;
	*ret = strtoul(value->text, &end, 10);
	if (errno || *end || *value->text < '0' || *value->text > '9' || *ret > max)
		return bad(draft, value, "'%.50s' is no number up to %lu", value->text, max);
	return NULL;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/** Read one character or escape of an example; -1: there is no such escape. */
static int next_byte(const char **pos)
{
	static const char names[] = "nrt0\\", bytes[] = "\n\r\t\0\\";
	const char *text = *pos;
	const char *name;

	if (*text != '\\') {
		++*pos;
		return (uint8_t)*text;
	}
	if (text[1] == 'x' && hex_digit(text[2]) >= 0 && hex_digit(text[3]) >= 0) {
		*pos += 4;
		return hex_digit(text[2]) << 4 | hex_digit(text[3]);
	}
	name = text[1] ? strchr(names, text[1]) : NULL;
	if (!name)
		return -1;
	*pos += 2;
	return (uint8_t)bytes[name - names];
}

/** @param buf at least as long as the text of the value */
static struct hc_error *unescape(const struct draft *draft, const struct hc_signature_value *value,
				 uint8_t *buf, size_t *size_ret)
{
	size_t size = 0;

	for (const char *pos = value->text; *pos;) {
		int byte = next_byte(&pos);

		if (byte < 0)
			return bad(draft, value, "'%.4s' is none of \\n \\r \\t \\0 \\\\ \\xNN",
				   pos);
		buf[size++] = byte;
	}
	*size_ret = size;
	return NULL;
}

static struct hc_error *add_example(struct draft *draft, const struct hc_signature_value *value)
{
	struct hc_signature *signature = &draft->signature;
	size_t num = signature->about.num_examples;
	hc_cleanup_free uint8_t *bytes = malloc(strlen(value->text) + 1);
	struct hc_error *err =
		bytes ? hc_array_reserve(&signature->examples, num, sizeof(*signature->examples))
		      : &hc_enomem;
	size_t size;

	signature->about.examples = signature->examples;
	if (err || (err = unescape(draft, value, bytes, &size)))
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

static struct hc_error *set_check(struct draft *draft, const struct hc_signature_value *value)
{
	draft->signature.check = hc_check_find(value->text);
	if (!draft->signature.check)
		return bad(draft, value, "there is no check '%.50s'", value->text);
	return NULL;
}

static struct hc_error *set_needed(struct draft *draft, const struct hc_signature_value *value)
{
	struct hc_literals *needed = &draft->signature.needed;
	uint8_t buf[HC_SIGNATURE_FILE_MAX_VALUE + 1];
	size_t size;
	struct hc_error *err = unescape(draft, value, buf, &size);

	if (err)
		return err;
	if (!size || size > HC_MAX_LITERAL_SIZE)
		return bad(draft, value, "takes 1 to %d bytes", HC_MAX_LITERAL_SIZE);
	if (needed->num == HC_MAX_LITERALS)
		return bad(draft, value, "more than %d of them", HC_MAX_LITERALS);
	memcpy(needed->items[needed->num].bytes, buf, size);
	needed->items[needed->num++].size = size;
	return NULL;
}
/**@}*/

/** @name Patterns */
/**@{*/

/** Byte patterns, as "1f 8b ?? [00-1f]" or "1f8b", become PCRE2 ones. */
static struct hc_error *hex_to_pattern(const struct draft *draft,
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
		} else if (hex_digit(pos[0]) >= 0 && hex_digit(pos[1]) >= 0) {
			out += sprintf(out, "\\x%.2s", pos);
			pos += 2;
		} else {
			return bad(draft, value, "'%.8s' is neither two hexadecimal digits nor ??",
				   pos);
		}
	}
	if (out == text)
		return bad(draft, value, "is empty");
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

static struct hc_error *compile_code(const struct draft *draft,
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
	return bad(draft, value, "at offset %zu: %s", (size_t)offset, (const char *)message);
}

/** The attribute of a name, made if need be. */
static struct hc_error *find_attribute(struct draft *draft, const struct hc_signature_value *value,
				       const char *name, size_t size, uint8_t *ret)
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
		return bad(draft, value, "more than %d attributes", HC_MAX_ATTRIBUTES);
	attributes[num].name = strndup(name, size);
	if (!attributes[num].name)
		return &hc_enomem;
	*ret = num;
	signature->about.num_attributes++;
	return NULL;
}

/** Named groups are attributes; of a secret, the group "secret" is what it hides. */
static struct hc_error *find_groups(struct draft *draft, const struct hc_signature_value *value,
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
			return bad(draft, value, "more than %d groups", MAX_GROUPS - 1);
		struct hc_error *err =
			find_attribute(draft, value, name, strlen(name), &group->attribute);

		if (err)
			return err;
		pattern->num_groups++;
	}
	return NULL;
}

/** The marks that all required literals hold, so that every match does. */
static unsigned marks_of(const struct hc_literals *literals)
{
	unsigned marks = literals->num ? ~0u : 0;

	for (size_t i = 0; i < literals->num; i++) {
		const struct hc_literal *literal = &literals->items[i];

		marks &= hc_text_marks((struct hc_bytes){literal->bytes, literal->size});
	}
	return marks;
}

/** @param text of @p value, or what was made of it */
static struct hc_error *compile_pattern(struct draft *draft, const struct hc_signature_value *value,
					const char *text, bool anchored,
					struct hc_signature_pattern *ret)
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
	ret->marks = marks_of(&ret->literals);
	return find_groups(draft, value, ret);
}

static struct hc_error *add_pattern(struct draft *draft, const struct hc_signature_value *value,
				    struct hc_signature_pattern **patterns, size_t *num,
				    bool anchored)
{
	struct hc_signature_pattern *more;
	hc_cleanup_free char *text = NULL;
	struct hc_error *err = NULL;

	if (*num == MAX_PATTERNS)
		return bad(draft, value, "more than %d patterns", MAX_PATTERNS);
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

static struct hc_error *set_normalise(struct draft *draft, const struct hc_signature_value *value,
				      const char *attribute)
{
	static const char *const words[] = {"digits", "hex", "uuid", "lower"};
	struct hc_signature *signature = &draft->signature;
	const char *text = value->text;
	size_t i = 0;

	while (i < signature->about.num_attributes &&
	       strcmp(signature->attributes[i].name, attribute))
		i++;
	if (i == signature->about.num_attributes)
		return bad(draft, value, "no pattern has a group of this name");
	while (*text) {
		size_t size = strcspn(text, " ,");
		size_t word = find_word(words, 4, text, size);

		if (word == 4)
			return bad(draft, value, "'%.50s' is none of: digits, hex, uuid, lower",
				   text);
		signature->attributes[i].normalise |= 1u << word;
		text += size;
		text += strspn(text, " ,");
	}
	return NULL;
}
/**@}*/

/** @name Sections */
/**@{*/

static struct hc_error *set_kind(struct draft *draft, const struct hc_signature_value *value)
{
	unsigned kind;
	struct hc_error *err = set_word(draft, value, kind_names, 4, &kind);

	if (!err)
		draft->signature.about.kind = kind;
	draft->has_kind = true;
	return err;
}

static struct hc_error *set_anchor(struct draft *draft, const struct hc_signature_value *value)
{
	static const char *const words[] = {"start", "header", "anywhere"};
	unsigned anchor;
	struct hc_error *err = set_word(draft, value, words, 3, &anchor);

	if (!err)
		draft->signature.anchor = anchor;
	return err;
}

static struct hc_error *set_evidence(struct draft *draft, const struct hc_signature_value *value)
{
	unsigned evidence;
	struct hc_error *err = set_word(draft, value, evidence_names, 3, &evidence);

	if (!err)
		draft->signature.evidence = evidence;
	return err;
}

static struct hc_error *set_bool(struct draft *draft, const struct hc_signature_value *value,
				 bool *ret)
{
	static const char *const words[] = {"no", "yes"};
	unsigned word;
	struct hc_error *err = set_word(draft, value, words, 2, &word);

	if (!err)
		*ret = word;
	return err;
}

static struct hc_error *set_enabled(struct draft *draft, const struct hc_signature_value *value)
{
	bool enabled = true;
	struct hc_error *err = set_bool(draft, value, &enabled);

	draft->disabled = !enabled;
	return err;
}

static struct hc_error *set_title(struct draft *draft, const struct hc_signature_value *value)
{
	return set_string(&draft->signature.about.title, value->text);
}

static struct hc_error *set_description(struct draft *draft, const struct hc_signature_value *value)
{
	return set_string(&draft->signature.about.description, value->text);
}

static struct hc_error *set_priority(struct draft *draft, const struct hc_signature_value *value)
{
	unsigned long number;
	struct hc_error *err = set_number(draft, value, MAX_PRIORITY, &number);

	if (!err)
		draft->signature.about.priority = number;
	return err;
}

static struct hc_error *set_max_size(struct draft *draft, const struct hc_signature_value *value)
{
	unsigned long number;
	struct hc_error *err = set_number(draft, value, UINT32_MAX, &number);

	if (!err)
		draft->signature.max_size = number;
	return err;
}

static struct hc_error *take_pattern(struct draft *draft, const struct hc_signature_value *value)
{
	struct hc_signature *signature = &draft->signature;
	const char *suffix = strchr(value->name, '.');
	size_t evidence = signature->evidence;
	struct hc_error *err;

	if (signature->about.kind == HC_SIGNATURE_CODE)
		return bad(draft, value, "a signature of kind code has a check instead");
	if (suffix) {
		evidence = find_word(evidence_names, 3, suffix + 1, strlen(suffix + 1));
		if (evidence == 3)
			return bad(draft, value, "'%.50s' is none of: any, field, whole",
				   suffix + 1);
	}
	err = add_pattern(draft, value, &signature->patterns, &signature->num_patterns,
			  signature->anchor != HC_ANCHOR_ANYWHERE &&
				  signature->about.kind != HC_SIGNATURE_SECRET);
	if (!err)
		signature->patterns[signature->num_patterns - 1].evidence = evidence;
	return err;
}

static struct hc_error *take_extra(struct draft *draft, const struct hc_signature_value *value)
{
	return add_pattern(draft, value, &draft->signature.extra, &draft->signature.num_extra,
			   false);
}

/**
 * What a value does. Patterns need to know kind and anchor, normalising needs to know the
 * patterns.
 */
static const struct meaning {
	const char *name;
	unsigned round;
	struct hc_error *(*take)(struct draft *draft, const struct hc_signature_value *value);
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

static struct hc_error *take_value(struct draft *draft, const struct hc_signature_value *value,
				   unsigned round)
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
	return bad(draft, value, "there is no such name in a signature");
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
	return literals->num == 1 && literals->items[0].size == 1 && marks_of(literals);
}

/** The marks of a run are known at once: what they tell need not be looked for again. */
static void use_marks(struct hc_signature *signature)
{
	for (size_t i = 0; i < signature->num_patterns; i++) {
		struct hc_signature_pattern *pattern = &signature->patterns[i];

		if (is_one_mark(&pattern->literals))
			pattern->literals.num = 0;
		pattern->marks |= marks_of(&signature->needed);
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
static struct hc_error *check_draft(struct draft *draft)
{
	struct hc_signature *signature = &draft->signature;

	if (!is_name(draft->section->name))
		return bad(draft, NULL, "a name has small letters, digits and hyphens");
	if (!signature->about.description)
		return bad(draft, NULL, "no description");
	if (signature->about.kind == HC_SIGNATURE_CODE && !signature->check)
		return bad(draft, NULL, "no check");
	if (signature->check && !check_fits(signature))
		return bad(draft, NULL, "a check of this name is not for this kind");
	if (signature->about.kind != HC_SIGNATURE_CODE && !signature->num_patterns)
		return bad(draft, NULL, "no pattern");
	for (size_t i = 0; i < signature->num_patterns; i++) {
		if (signature->about.kind == HC_SIGNATURE_SECRET &&
		    !has_secret(signature, &signature->patterns[i]))
			return bad(draft, NULL, "no group (?<secret>…) that says what to hide");
		if (signature->about.kind != HC_SIGNATURE_SECRET &&
		    !signature->patterns[i].min_size)
			return bad(draft, NULL, "a pattern that matches nothing at all");
	}
	return NULL;
}

static struct hc_error *fill_draft(struct draft *draft)
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
/**@}*/

/** @name Sets */
/**@{*/

/** Signatures that are in force so far, of both sorts. */
struct build {
	struct hc_signature *items;
	size_t num;
	unsigned read;
};

static void build_deinit(struct build *build)
{
	for (size_t i = 0; i < build->num; i++)
		signature_deinit(&build->items[i]);
	free(build->items);
}

static void remove_signature(struct build *build, const char *name)
{
	for (size_t i = 0; i < build->num; i++) {
		if (strcmp(build->items[i].about.name, name))
			continue;
		signature_deinit(&build->items[i]);
		build->items[i] = build->items[--build->num];
		return;
	}
}

static struct hc_error *add_section(struct build *build, const struct hc_signature_file *file,
				    const struct hc_signature_section *section)
{
	struct draft draft = {
		.file = file,
		.section = section,
		.signature = {.about.priority = DEFAULT_PRIORITY,
			      .evidence = HC_EVIDENCE_WHOLE,
			      .order = build->read++},
	};
	struct hc_error *err = fill_draft(&draft);

	if (err || draft.disabled) {
		signature_deinit(&draft.signature);
		if (!err)
			remove_signature(build, section->name);
		return err;
	}
	remove_signature(build, section->name);
	err = hc_array_reserve(&build->items, build->num, sizeof(*build->items));
	if (err)
		signature_deinit(&draft.signature);
	else
		build->items[build->num++] = draft.signature;
	return err;
}

static struct hc_error *add_file(struct build *build, const struct hc_signature_file *file)
{
	struct hc_error *err = NULL;

	for (size_t i = 0; !err && i < file->num; i++)
		err = add_section(build, file, &file->sections[i]);
	return err;
}

/** "other" must be there, whatever files say. */
static struct hc_error *add_other(struct build *build)
{
	static const char text[] =
		"[other]\nkind = code\ncheck = other\npriority = 0\n"
		"title = other binary\ndescription = None of the other classes.\n";
	hc_cleanup(hc_signature_file_deinit) struct hc_signature_file file = {0};

	for (size_t i = 0; i < build->num; i++) {
		if (build->items[i].check && build->items[i].check->role == HC_CHECK_OTHER)
			return NULL;
	}
	remove_signature(build, "other");
	struct hc_error *err = hc_signature_file_parse(
		"built-in", (struct hc_bytes){(const uint8_t *)text, strlen(text)}, &file);

	return err ? err : add_file(build, &file);
}

/** Secrets behind all classes; "other" first, then by priority, then as they were read. */
static int compare_signatures(const void *a, const void *b)
{
	const struct hc_signature *x = a, *y = b;
	bool x_other = x->check && x->check->role == HC_CHECK_OTHER;
	bool y_other = y->check && y->check->role == HC_CHECK_OTHER;
	bool x_secret = x->about.kind == HC_SIGNATURE_SECRET;
	bool y_secret = y->about.kind == HC_SIGNATURE_SECRET;

	if (x_secret != y_secret)
		return x_secret - y_secret;
	if (x_other != y_other)
		return y_other - x_other;
	if (x->about.priority != y->about.priority)
		return x->about.priority < y->about.priority ? 1 : -1;
	return (x->order > y->order) - (x->order < y->order);
}

static struct hc_error *finish(struct build *build, struct hc_signatures **ret)
{
	hc_cleanup(signatures_destroyp) struct hc_signatures *signatures = NULL;
	struct hc_error *err = add_other(build);
	size_t num = 0;

	if (err)
		return err;
	hc_sort(build->items, build->num, compare_signatures);
	while (num < build->num && build->items[num].about.kind != HC_SIGNATURE_SECRET)
		num++;
	if (num > HC_MAX_CLASSES)
		return hc_error_create(HC_ERROR_ARGUMENT, "%zu content classes; at most %d can be",
				       num, HC_MAX_CLASSES);
	signatures = calloc(1, sizeof(*signatures));
	if (!signatures)
		return &hc_enomem;
	signatures->classes = calloc(num, sizeof(*signatures->classes));
	signatures->secrets = calloc(build->num - num + 1, sizeof(*signatures->secrets));
	if (!signatures->classes || !signatures->secrets)
		return &hc_enomem;
	signatures->num_classes = num;
	signatures->num_secrets = build->num - num;
	memcpy(signatures->classes, build->items, num * sizeof(*build->items));
	memcpy(signatures->secrets, build->items + num,
	       signatures->num_secrets * sizeof(*build->items));
	build->num = 0;
	/* They are where they stay now. */
	for (size_t i = 0; i < num; i++)
		signatures->classes[i].about.attributes = signatures->classes[i].attributes;
	*ret = hc_steal(signatures);
	return NULL;
}

static struct hc_error *add_text(struct build *build, const char *path, struct hc_bytes text)
{
	hc_cleanup(hc_signature_file_deinit) struct hc_signature_file file = {0};
	struct hc_error *err = hc_signature_file_parse(path, text, &file);

	return err ? err : add_file(build, &file);
}

static struct hc_error *add_path(struct build *build, const char *path)
{
	hc_cleanup(hc_signature_file_deinit) struct hc_signature_file file = {0};
	struct hc_error *err = hc_signature_file_read(path, &file);

	return err ? err : add_file(build, &file);
}

static int is_ini(const struct dirent *entry)
{
	size_t size = strlen(entry->d_name);

	return *entry->d_name != '.' && size > 4 && !strcmp(entry->d_name + size - 4, ".ini");
}

static int compare_entries(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name); /* the same in every locale */
}

static struct hc_error *add_directory(struct build *build, const char *path)
{
	struct dirent **entries;
	int num = scandir(path, &entries, is_ini, compare_entries);
	struct hc_error *err = NULL;

	if (num < 0)
		return hc_error_create(HC_ERROR_ARGUMENT, "can't read signatures: %.200s: %s", path,
				       strerror(errno));
	if (!num)
		err = hc_error_create(HC_ERROR_ARGUMENT, "%.200s: no *.ini in it", path);
	for (int i = 0; i < num; i++) {
		hc_cleanup_free char *name = hc_format("%s/%s", path, entries[i]->d_name);

		if (!err)
			err = name ? add_path(build, name) : &hc_enomem;
		free(entries[i]);
	}
	free(entries);
	return err;
}

struct hc_bytes hc_signatures_builtin(void)
{
	return (struct hc_bytes){hc_builtin_signatures, hc_builtin_signatures_size};
}

struct hc_error *hc_signatures_create(const char *const *paths, size_t num,
				      struct hc_signatures **ret)
{
	hc_cleanup(build_deinit) struct build build = {0};
	struct hc_error *err = add_text(&build, "built-in", hc_signatures_builtin());

	for (size_t i = 0; !err && i < num; i++) {
		struct stat st;

		if (!stat(paths[i], &st) && S_ISDIR(st.st_mode))
			err = add_directory(&build, paths[i]);
		else
			err = add_path(&build, paths[i]);
	}
	return err ? err : finish(&build, ret);
}

struct hc_error *hc_signatures_parse(const char *path, struct hc_bytes text,
				     struct hc_signatures **ret)
{
	hc_cleanup(build_deinit) struct build build = {0};
	struct hc_error *err = add_text(&build, path, text);

	return err ? err : finish(&build, ret);
}
/**@}*/

size_t hc_signatures_num_classes(const struct hc_signatures *signatures)
{
	return signatures->num_classes;
}

const struct hc_class *hc_signatures_class(const struct hc_signatures *signatures, hc_class_id id)
{
	return &signatures->classes[id].about;
}

hc_class_id hc_signatures_find(const struct hc_signatures *signatures, const char *name)
{
	for (size_t i = 0; i < signatures->num_classes; i++) {
		if (!strcmp(signatures->classes[i].about.name, name))
			return i;
	}
	/* As people read it, and as they type that. */
	for (size_t i = 0; i < signatures->num_classes; i++) {
		if (hc_same_word(signatures->classes[i].about.title, name) ||
		    hc_same_word(signatures->classes[i].about.name, name))
			return i;
	}
	return HC_CLASS_NONE;
}

size_t hc_signatures_num_secrets(const struct hc_signatures *signatures)
{
	return signatures->num_secrets;
}

const struct hc_class *hc_signatures_secret(const struct hc_signatures *signatures, size_t i)
{
	return &signatures->secrets[i].about;
}
