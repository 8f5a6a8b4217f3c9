/**
 * @file
 * The options of a selection; see select_options.h.
 */
#include "cmd/select_options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analyzers/pattern/pattern.h"
#include "cmd/meant.h"
#include "core/base/cleanup.h"
#include "core/base/nearest.h"
#include "core/heap/allocator.h"

static bool same_name(const char *name, const char *text, size_t size)
{
	return strlen(name) == size && memcmp(name, text, size) == 0;
}

/** The list with this number among those of all allocators, NULL: there are less. */
static const struct hc_list *list_number(unsigned number)
{
	size_t num;
	const struct hc_allocator *const *allocators = hc_allocators(&num);

	for (size_t i = 0; i < num; i++) {
		if (number < allocators[i]->num_lists)
			return &allocators[i]->lists[number];
		number -= allocators[i]->num_lists;
	}
	return NULL;
}

static unsigned num_lists(void)
{
	unsigned num = 0;

	while (list_number(num))
		num++;
	return num;
}

/** States as users know them: in use, what is on each kind of list, top, overhead. */
static const char *state_name(unsigned i)
{
	const struct hc_list *list = i ? list_number(i - 1) : NULL;

	if (list)
		return list->name;
	return hc_state_name(!i ? HC_IN_USE : HC_TOP + (i - 1 - num_lists()));
}

static unsigned num_states(void)
{
	return 1 + num_lists() + 2;
}

const char *hc_select_state_word(unsigned i)
{
	return i < num_states() ? state_name(i) : NULL;
}

/** "tcache,fastbin,…,top": the states of chunks that the program does not use. */
static char *unused_states(void)
{
	char *ret = NULL;
	size_t size;
	FILE *out = open_memstream(&ret, &size);

	/* The first is in use, and the last the allocator's own. */
	for (unsigned i = 1; out && i + 1 < num_states(); i++)
		fprintf(out, "%s%s", i > 1 ? "," : "", state_name(i));
	if (out && !fclose(out))
		return ret;
	free(ret);
	return NULL;
}

/** "a, b, c": all words. */
static char *join_words(hc_word_fn *words)
{
	char *ret = NULL;
	size_t size;
	FILE *out = open_memstream(&ret, &size);

	if (out)
		hc_print_words(out, words);
	if (out && !fclose(out))
		return ret;
	free(ret);
	return NULL;
}

static struct hc_error *unknown_name(const char *option, const char *item, size_t size,
				     hc_word_fn *words)
{
	hc_cleanup_free char *name = strndup(item, size < 100 ? size : 100);
	hc_cleanup_free char *all = join_words(words);

	if (!name || !all)
		return &hc_enomem;
	const char *meant = hc_meant_word(words, name);
	if (words == hc_select_state_word && hc_same_word(name, "free")) {
		hc_cleanup_free char *unused = unused_states();

		return unused ? hc_error_create(HC_ERROR_ARGUMENT, "%s: 'free' is several: %s",
						option, unused)
			      : &hc_enomem;
	}
	return hc_error_create(HC_ERROR_ARGUMENT, "%s: '%s' is none of %s%s%s%s", option, name, all,
			       meant ? "; did you mean '" : " (several: with commas)",
			       meant ? meant : "", meant ? "'?" : "");
}

const char *hc_mapping_kind_word(unsigned i)
{
	return i < HC_NUM_MAPPING_KINDS ? hc_mapping_kind_name(i) : NULL;
}

struct hc_error *hc_parse_names(const char *option, const char *text, hc_word_fn *words,
				uint64_t *ret)
{
	uint64_t set = 0;
	const char *item = text;

	for (;;) {
		size_t size = strcspn(item, ",");
		unsigned i = 0;

		while (words(i) && !same_name(words(i), item, size))
			i++;
		if (!words(i))
			return unknown_name(option, item, size, words);
		set |= UINT64_C(1) << i;
		if (!item[size])
			break;
		item += size + 1;
	}
	*ret = set;
	return NULL;
}

const char *hc_select_reach_word(unsigned i)
{
	return i < HC_NUM_REACH ? hc_reach_name(i) : NULL;
}

struct hc_error *hc_select_states(struct hc_selection *selection, const char *text)
{
	uint64_t set = 0;
	unsigned lists = num_lists();
	struct hc_error *err = hc_parse_names("--state", text, hc_select_state_word, &set);

	if (err)
		return err;
	selection->states = (set & 1 ? 1u << HC_IN_USE : 0) |
			    (set >> (lists + 1) & 1 ? 1u << HC_TOP : 0) |
			    (set >> (lists + 2) & 1 ? 1u << HC_OVERHEAD : 0);
	selection->num_lists = 0;
	for (unsigned i = 0; i < lists && selection->num_lists < HC_MAX_LISTS; i++)
		if (set >> (i + 1) & 1)
			selection->lists[selection->num_lists++] = list_number(i);
	return NULL;
}

struct hc_error *hc_select_reach(struct hc_selection *selection, const char *text)
{
	uint64_t set = 0;
	struct hc_error *err = hc_parse_names("--reach", text, hc_select_reach_word, &set);

	if (!err)
		selection->reaches = set;
	return err;
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

/** Whether a comma stands where output puts one: before three digits, and no fourth. */
static bool is_separator(const char *pos)
{
	return *pos == ',' && strspn(pos + 1, "0123456789") == 3;
}

const char *hc_scan_number(const char *text, uint64_t *ret)
{
	bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
	const char *digits = text + 2 * hex, *pos = digits;
	uint64_t value = 0;

	for (; hc_hex_digit(*pos) < (hex ? 16 : 10) || (!hex && pos > digits && is_separator(pos));
	     pos++) {
		if (*pos != ',' && (__builtin_mul_overflow(value, hex ? 16 : 10, &value) ||
				    __builtin_add_overflow(value, hc_hex_digit(*pos), &value)))
			return NULL;
	}
	if (pos == digits)
		return NULL;
	*ret = value;
	return pos;
}

/** What follows a unit of bytes: "K", "KiB", "B", also behind the blank that output has there. */
static const char *scan_unit(const char *pos, int *shift_ret)
{
	const char *unit = *pos == ' ' ? pos + 1 : pos;
	int shift = suffix_shift(*unit);

	*shift_ret = 0;
	if (shift >= 0) {
		*shift_ret = shift;
		unit++;
		/* KiB; and KB, which everybody types for it. */
		unit += (unit[0] | 0x20) == 'i' && (unit[1] | 0x20) == 'b';
		return (*unit | 0x20) == 'b' ? unit + 1 : unit;
	}
	return (*unit | 0x20) == 'b' ? unit + 1 : pos;
}

/** Read a number with optional unit; NULL when there is none or it does not fit 64 bits. */
static const char *scan_bytes(const char *text, uint64_t *ret)
{
	uint64_t value;
	const char *pos = hc_scan_number(text, &value);
	int shift;

	if (!pos)
		return NULL;
	pos = scan_unit(pos, &shift);
	if (__builtin_mul_overflow(value, UINT64_C(1) << shift, &value))
		return NULL;
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
			"%s: '%.100s' is no number of bytes; it takes 1024, 0x400, 1K or 1KiB, up "
			"to T",
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
	for (; hc_hex_digit(*pos) < 16; pos++) {
		if (value >> 60)
			return NULL;
		value = value << 4 | hc_hex_digit(*pos);
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

struct hc_error *hc_select_size(struct hc_selection *selection, const char *text)
{
	if (!scan_size_range(text, &selection->min_usable, &selection->max_usable)) {
		return hc_error_create(
			HC_ERROR_ARGUMENT,
			"--size: '%.100s' is no range of usable sizes; it takes MIN, "
			"MIN-, -MAX or MIN-MAX, each as 1024, 0x400, 1K or 1KiB, up to T",
			text);
	}
	selection->has_size = true;
	return NULL;
}

struct hc_error *hc_select_request(struct hc_selection *selection, const char *text)
{
	struct hc_error *err = hc_parse_bytes("--request", text, &selection->request);

	if (!err)
		selection->has_request = true;
	return err;
}

struct hc_error *hc_select_arena(struct hc_selection *selection, const char *text)
{
	uint32_t arena = HC_ARENA_MMAP;

	if (strcmp(text, "mmap") != 0) {
		uint64_t value;
		const char *end = hc_scan_number(text, &value);

		if (!end || *end || value >= HC_ARENA_MMAP) {
			return hc_error_create(
				HC_ERROR_ARGUMENT,
				"--arena: '%.100s' is no arena; it takes a number (0 is "
				"the main arena) or mmap; heapcore arenas lists them",
				text);
		}
		arena = value;
	}
	selection->arena = arena;
	selection->has_arena = true;
	return NULL;
}

struct hc_error *hc_select_address(struct hc_selection *selection, const char *text)
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

struct hc_error *hc_select_class(struct hc_selection *selection, const char *text)
{
	if (selection->num_classes == HC_MAX_SELECTED_CLASSES) {
		return hc_error_create(HC_ERROR_ARGUMENT, "--class: more than %d of them",
				       HC_MAX_SELECTED_CLASSES);
	}
	selection->class_names[selection->num_classes++] = text;
	return NULL;
}

struct hc_error *hc_select_type(struct hc_selection *selection, const char *text)
{
	if (selection->num_types == HC_MAX_SELECTED_TYPES) {
		return hc_error_create(HC_ERROR_ARGUMENT, "--type: more than %d of them",
				       HC_MAX_SELECTED_TYPES);
	}
	selection->type_names[selection->num_types++] = text;
	return NULL;
}

struct hc_error *hc_select_match(struct hc_selection *selection, const char *text)
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
