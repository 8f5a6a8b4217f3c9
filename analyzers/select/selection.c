/**
 * @file
 * Parsing and evaluating selections. Filters run from the cheapest to the dearest: bits of the
 * chunk, numbers, then its bytes.
 */
#include "analyzers/select/selection.h"

#include <stdio.h>

#include "analyzers/content/classifier.h"
#include "analyzers/search/search.h"
#include "analyzers/types/types.h"
#include "core/base/cleanup.h"

void hc_selection_init(struct hc_selection *selection)
{
	*selection = (struct hc_selection){.states = 1u << HC_IN_USE};
}

void hc_selection_deinit(struct hc_selection *selection)
{
	hc_pattern_destroy(selection->match);
	free(selection->type_set);
	hc_selection_init(selection);
}

static bool same_name(const char *name, const char *text, size_t size)
{
	return strlen(name) == size && memcmp(name, text, size) == 0;
}

/**
 * Parse a comma-separated list of names to a set of bits.
 *
 * @param name_of name of bit i, for i < @p num
 */
static struct hc_error *parse_names(const char *option, const char *text, unsigned num,
				    const char *(*name_of)(unsigned), uint32_t *ret)
{
	uint32_t set = 0;
	const char *item = text;

	for (;;) {
		size_t size = strcspn(item, ",");
		unsigned i = 0;

		while (i < num && !same_name(name_of(i), item, size))
			i++;
		if (i == num) {
			char all[256] = "";

			for (i = 0; i < num; i++) {
				size_t used = strlen(all);
				snprintf(all + used, sizeof(all) - used, "%s%s", i ? ", " : "",
					 name_of(i));
			}
			return hc_error_create(
				HC_ERROR_ARGUMENT,
				"%s: '%.*s' is none of: %s (separate several by commas)", option,
				(int)(size < 100 ? size : 100), item, all);
		}
		set |= 1u << i;
		if (!item[size])
			break;
		item += size + 1;
	}
	*ret = set;
	return NULL;
}

static const char *state_name(unsigned i)
{
	return hc_state_name(i);
}

static const char *reach_name(unsigned i)
{
	return hc_reach_name(i);
}

struct hc_error *hc_selection_parse_states(struct hc_selection *selection, const char *text)
{
	return parse_names("--state", text, HC_NUM_STATES, state_name, &selection->states);
}

struct hc_error *hc_selection_parse_reach(struct hc_selection *selection, const char *text)
{
	return parse_names("--reach", text, HC_NUM_REACH, reach_name, &selection->reaches);
}

/** log2 of what a suffix multiplies by, or -1. */
static int suffix_shift(char suffix)
{
	switch (suffix) {
	case 'K':
	case 'k':
		return 10;
	case 'M':
	case 'm':
		return 20;
	case 'G':
	case 'g':
		return 30;
	case 'T':
	case 't':
		return 40;
	default:
		return -1;
	}
}

/** Read a number with optional suffix; NULL when there is none or it does not fit 64 bits. */
static const char *scan_bytes(const char *text, uint64_t *ret)
{
	uint64_t value = 0;
	const char *pos = text;

	for (; *pos >= '0' && *pos <= '9'; pos++) {
		if (__builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, *pos - '0', &value))
			return NULL;
	}
	if (pos == text)
		return NULL;

	int shift = suffix_shift(*pos);
	if (shift >= 0) {
		if (__builtin_mul_overflow(value, UINT64_C(1) << shift, &value))
			return NULL;
		pos++;
	}
	*ret = value;
	return pos;
}

struct hc_error *hc_parse_bytes(const char *option, const char *text, uint64_t *ret)
{
	uint64_t value;
	const char *end = scan_bytes(text, &value);

	if (!end || *end) {
		return hc_error_create(
			HC_ERROR_ARGUMENT,
			"%s: '%.100s' is no number of bytes; it takes digits and, if "
			"need be, K, M, G or T (1024)",
			option, text);
	}
	*ret = value;
	return NULL;
}

/** Read hexadecimal digits, with or without 0x; NULL when there are none or too many. */
static const char *scan_address(const char *text, uint64_t *ret)
{
	uint64_t value = 0;
	const char *digits = text;

	if (digits[0] == '0' && (digits[1] == 'x' || digits[1] == 'X'))
		digits += 2;

	const char *pos = digits;
	for (;; pos++) {
		unsigned digit;

		if (*pos >= '0' && *pos <= '9')
			digit = *pos - '0';
		else if ((*pos | 0x20) >= 'a' && (*pos | 0x20) <= 'f')
			digit = (*pos | 0x20) - 'a' + 10;
		else
			break;
		if (value >> 60)
			return NULL;
		value = value << 4 | digit;
	}
	if (pos == digits)
		return NULL;
	*ret = value;
	return pos;
}

struct hc_error *hc_parse_address(const char *option, const char *text, uint64_t *ret)
{
	uint64_t value;
	const char *end = scan_address(text, &value);

	if (!end || *end) {
		return hc_error_create(HC_ERROR_ARGUMENT,
				       "%s: '%.100s' is no address; it takes hexadecimal digits, "
				       "with or without 0x",
				       option, text);
	}
	*ret = value;
	return NULL;
}

/** Read "MIN", "MIN-", "MIN-MAX" or "-MAX"; false for anything else. */
static bool scan_size_range(const char *text, uint64_t *min_ret, uint64_t *max_ret)
{
	uint64_t min = 0, max = UINT64_MAX;
	const char *pos = text;

	if (*pos != '-') {
		pos = scan_bytes(pos, &min);
		if (!pos)
			return false;
		if (!*pos)
			max = min;
	}
	if (*pos == '-') {
		pos++;
		if (*pos || pos == text + 1) {
			pos = scan_bytes(pos, &max);
			if (!pos)
				return false;
		}
	}
	if (*pos || min > max)
		return false;
	*min_ret = min;
	*max_ret = max;
	return true;
}

struct hc_error *hc_selection_parse_size(struct hc_selection *selection, const char *text)
{
	if (!scan_size_range(text, &selection->min_usable, &selection->max_usable)) {
		return hc_error_create(
			HC_ERROR_ARGUMENT,
			"--size: '%.100s' is no range of usable sizes; it takes MIN, "
			"MIN-, -MAX or MIN-MAX in bytes, with K, M, G or T (1024)",
			text);
	}
	selection->has_size = true;
	return NULL;
}

struct hc_error *hc_selection_parse_request(struct hc_selection *selection, const char *text)
{
	struct hc_error *err = hc_parse_bytes("--request", text, &selection->request);

	if (!err)
		selection->has_request = true;
	return err;
}

struct hc_error *hc_selection_parse_arena(struct hc_selection *selection, const char *text)
{
	uint32_t arena = HC_ARENA_MMAP;

	if (strcmp(text, "mmap") != 0) {
		uint64_t value;
		const char *end = scan_bytes(text, &value);

		if (!end || *end || end[-1] > '9' || value >= HC_ARENA_MMAP) {
			return hc_error_create(
				HC_ERROR_ARGUMENT,
				"--arena: '%.100s' is no arena; it takes a number (0 is "
				"the main arena) or mmap",
				text);
		}
		arena = value;
	}
	selection->arena = arena;
	selection->has_arena = true;
	return NULL;
}

struct hc_error *hc_selection_parse_address(struct hc_selection *selection, const char *text)
{
	uint64_t start, end;
	const char *pos = scan_address(text, &start);

	if (pos && !*pos) {
		selection->has_holder = true;
		selection->holder = start;
		return NULL;
	}
	if (pos && *pos == '-') {
		pos = scan_address(pos + 1, &end);
		if (pos && !*pos && start < end) {
			selection->has_range = true;
			selection->start = start;
			selection->end = end;
			return NULL;
		}
	}
	return hc_error_create(
		HC_ERROR_ARGUMENT,
		"--address: '%.100s' is no address or range; it takes START (the chunk "
		"that holds it) or START-END, hexadecimal",
		text);
}

struct hc_error *hc_selection_parse_class(struct hc_selection *selection, const char *text)
{
	if (selection->num_classes == HC_MAX_SELECTED_CLASSES) {
		return hc_error_create(HC_ERROR_ARGUMENT, "--class: more than %d of them",
				       HC_MAX_SELECTED_CLASSES);
	}
	selection->class_names[selection->num_classes++] = text;
	return NULL;
}

struct hc_error *hc_selection_parse_type(struct hc_selection *selection, const char *text)
{
	if (selection->num_types == HC_MAX_SELECTED_TYPES) {
		return hc_error_create(HC_ERROR_ARGUMENT, "--type: more than %d of them",
				       HC_MAX_SELECTED_TYPES);
	}
	selection->type_names[selection->num_types++] = text;
	return NULL;
}

/** @ref HC_ERROR_ARGUMENT with the names that there are. */
static struct hc_error *unknown_class(const struct hc_signatures *signatures, const char *text)
{
	size_t num = hc_signatures_num_classes(signatures), size;
	hc_cleanup_free char *all = NULL;
	FILE *out = open_memstream(&all, &size);

	if (!out)
		return &hc_enomem;
	for (size_t i = 1; i <= num; i++)
		fprintf(out, "%s%s", i > 1 ? ", " : "",
			hc_signatures_class(signatures, i % num)->name);
	if (fclose(out))
		return &hc_enomem;
	return hc_error_create(HC_ERROR_ARGUMENT, "--class: '%.100s' is none of: %s", text, all);
}

struct hc_error *hc_selection_check_classes(const struct hc_selection *selection,
					    const struct hc_signatures *signatures)
{
	for (unsigned i = 0; i < selection->num_classes; i++) {
		const char *name = selection->class_names[i];

		if (hc_signatures_find(signatures, name) == HC_CLASS_NONE)
			return unknown_class(signatures, name);
	}
	return NULL;
}

struct hc_error *hc_selection_parse_match(struct hc_selection *selection, const char *text)
{
	static const struct hc_pattern_options options;
	struct hc_pattern *pattern;
	hc_cleanup_error struct hc_error *err = hc_pattern_compile(text, &options, &pattern);

	if (err) {
		if (err->code != HC_ERROR_ARGUMENT)
			return hc_steal(err);
		return hc_error_create(HC_ERROR_ARGUMENT, "--match: %s", err->message);
	}
	hc_pattern_destroy(selection->match);
	selection->match = pattern;
	return NULL;
}

_Static_assert(HC_MAX_CLASSES <= sizeof(((struct hc_selection *)NULL)->classes) * 8,
	       "a bit for each class");

struct hc_error *hc_selection_prepare(struct hc_selection *selection,
				      const struct hc_classifier *classifier)
{
	const struct hc_signatures *signatures;
	struct hc_error *err;

	if (!selection->num_classes)
		return NULL;
	signatures = hc_classifier_signatures(classifier);
	err = hc_selection_check_classes(selection, signatures);
	if (err)
		return err;
	memset(selection->classes, 0, sizeof(selection->classes));
	for (unsigned i = 0; i < selection->num_classes; i++) {
		hc_class_id class = hc_signatures_find(signatures, selection->class_names[i]);

		selection->classes[class / 64] |= UINT64_C(1) << class % 64;
	}
	selection->classifier = classifier;
	return NULL;
}

struct hc_error *hc_selection_prepare_types(struct hc_selection *selection, struct hc_types *types)
{
	size_t num = hc_types_num(types) / 64 + 1;
	hc_cleanup_free uint64_t *set = calloc(num, sizeof(*set));

	if (!set)
		return &hc_enomem;
	for (unsigned i = 0; i < selection->num_types; i++) {
		bool found = false;
		struct hc_error *err = hc_types_find(types, selection->type_names[i], set, &found);

		if (err)
			return err;
		if (!found) {
			return hc_error_create(HC_ERROR_ARGUMENT,
					       "--type: '%.100s' is the name of no type that this "
					       "process has; see heapcore types",
					       selection->type_names[i]);
		}
	}
	free(selection->type_set);
	selection->type_set = hc_steal(set);
	selection->types = types;
	return NULL;
}

struct hc_selection_scratch {
	struct hc_classifier_scratch *classifier;
	struct hc_matcher *matcher;
};

void hc_selection_scratch_destroy(struct hc_selection_scratch *scratch)
{
	if (!scratch)
		return;
	hc_classifier_scratch_destroy(scratch->classifier);
	hc_matcher_destroy(scratch->matcher);
	free(scratch);
}

static void scratch_destroyp(struct hc_selection_scratch **scratch)
{
	hc_selection_scratch_destroy(*scratch);
}

struct hc_error *hc_selection_scratch_create(const struct hc_selection *selection,
					     struct hc_selection_scratch **ret)
{
	if (!selection || !hc_selection_needs_content(selection)) {
		*ret = NULL;
		return NULL;
	}
	hc_cleanup(scratch_destroyp) struct hc_selection_scratch *scratch =
		calloc(1, sizeof(*scratch));

	if (!scratch)
		return &hc_enomem;
	if (selection->num_classes) {
		if (!selection->classifier) {
			return hc_error_create(HC_ERROR_ARGUMENT,
					       "--class: the selection was not prepared");
		}
		struct hc_error *err =
			hc_classifier_scratch_create(selection->classifier, &scratch->classifier);
		if (err)
			return err;
	}
	if (selection->match) {
		struct hc_error *err = hc_matcher_create(selection->match, &scratch->matcher);
		if (err)
			return err;
	}
	*ret = hc_steal(scratch);
	return NULL;
}

/**
 * Whether an address lies in a chunk: in its size field, or in its usable bytes. The tail that
 * usable bytes share with the next header counts as usable, so that an address is in one chunk
 * only.
 */
static bool chunk_holds(const struct hc_chunk *chunk, uint64_t address)
{
	uint64_t first = chunk->address - (chunk->size - chunk->usable);

	return address >= first && address - first < chunk->size;
}

static bool has_numbers(const struct hc_selection *selection, const struct hc_heap *heap,
			const struct hc_chunk *chunk)
{
	if (selection->has_size &&
	    (chunk->usable < selection->min_usable || chunk->usable > selection->max_usable))
		return false;
	if (selection->has_arena && chunk->span->arena != selection->arena)
		return false;
	if (selection->has_range &&
	    (chunk->address < selection->start || chunk->address >= selection->end))
		return false;
	if (selection->has_holder && !chunk_holds(chunk, selection->holder))
		return false;
	if (selection->has_request) {
		uint64_t min, max;

		hc_chunk_request(heap, chunk, &min, &max);
		if (selection->request < min || selection->request > max)
			return false;
	}
	return true;
}

static bool has_type(const struct hc_selection *selection, const struct hc_chunk *chunk)
{
	if (!selection->num_types)
		return true;
	if (!selection->types)
		return false;
	hc_type_id type = hc_type_of(selection->types, chunk);
	return selection->type_set[type / 64] >> type % 64 & 1;
}

static bool has_content(const struct hc_selection *selection, struct hc_bytes bytes,
			struct hc_selection_scratch *scratch)
{
	if (selection->num_classes) {
		hc_class_id class = hc_classify(selection->classifier, scratch->classifier, bytes);

		if (!(selection->classes[class / 64] >> class % 64 & 1))
			return false;
	}
	if (selection->match) {
		struct hc_match match;
		bool limited = false;

		return hc_matcher_next(scratch->matcher, bytes, 0, &match, &limited);
	}
	return true;
}

bool hc_selection_has(const struct hc_selection *selection, const struct hc_heap *heap,
		      const struct hc_chunk *chunk, struct hc_selection_scratch *scratch)
{
	if (!(selection->states >> chunk->state & 1))
		return false;
	if (selection->reaches && (chunk->state != HC_IN_USE || !heap->reach_known ||
				   !(selection->reaches >> chunk->reach & 1)))
		return false;
	if (!has_numbers(selection, heap, chunk) || !has_type(selection, chunk))
		return false;
	if (!hc_selection_needs_content(selection))
		return true;
	return scratch && has_content(selection, hc_chunk_bytes(heap, chunk), scratch);
}
