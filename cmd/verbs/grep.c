/**
 * @file
 * heapcore grep: text and bytes in chunks or mappings. Options and patterns; hits.h does the rest.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "analyzers/search/search.h"
#include "cmd/select_options.h"
#include "cmd/verb.h"
#include "cmd/verbs/hits.h"
#include "core/base/array.h"
#include "core/base/cleanup.h"

/** Patterns that -e can give; a file may hold more. */
#define MAX_PATTERNS 64

struct own {
	struct hc_hits hits;
	struct hc_pattern_options pattern;
	const char *patterns[MAX_PATTERNS];
	size_t num_patterns;
	const char *file;
};

enum own_id {
	OWN_ONLY = HC_HITS_NUM_OPTIONS,
	OWN_IGNORE_CASE,
	OWN_FIXED,
	OWN_WORD,
	OWN_PATTERN,
	OWN_FILE,
	OWN_INVERT,
	OWN_LINE,
	OWN_CONTEXT,
	OWN_AFTER,
	OWN_BEFORE,
	OWN_HEX,
	OWN_WIDE,
	OWN_ATTRIBUTE,
};

static const struct hc_option own_options[] = {
	{OWN_PATTERN, 'e', "regexp", "PATTERN", "a pattern; may be repeated: any of them matches",
	 .repeats = true},
	{OWN_FILE, 'f', "file", "FILE", "patterns from a file, a line each; - is stdin",
	 HC_VALUE_FILE},
	{OWN_FIXED, 'F', "fixed-strings", NULL, "PATTERN is plain text"},
	{OWN_HEX, 0, "hex", NULL, "PATTERN is bytes in hexadecimal; ?? is any byte"},
	{OWN_WIDE, 0, "wide", NULL, "search UTF-16LE text"},
	{OWN_IGNORE_CASE, 'i', "ignore-case", NULL, "upper and lower case are the same"},
	{OWN_WORD, 'w', "word-regexp", NULL, "no letter, digit or _ on either side"},
	{OWN_ONLY, 'o', "only-matching", NULL, "only the matched bytes, a line per match"},
	{OWN_INVERT, 'v', "invert-match", NULL, "chunks without a match"},
	{OWN_LINE, 'n', "line-number", NULL, "which line of its chunk a match is in"},
	{OWN_CONTEXT, 'C', "context", "NUM", "NUM lines on either side; 16B: bytes instead",
	 .more = "Bytes stand instead of the line that the match is in."},
	{OWN_AFTER, 'A', "after-context", "NUM", "NUM lines behind its line"},
	{OWN_BEFORE, 'B', "before-context", "NUM", "NUM lines before its line"},
	{OWN_ATTRIBUTE, 0, "attribute", "NAME",
	 "search only this attribute of a class; see signatures"},
	HC_HITS_OPTIONS,
	{0},
};

static struct hc_error *add_pattern(struct own *own, const char *value)
{
	if (own->num_patterns == MAX_PATTERNS)
		return hc_error_create(HC_ERROR_ARGUMENT,
				       "-e: more than %d patterns; put them in a file, for -f",
				       MAX_PATTERNS);
	own->patterns[own->num_patterns++] = value;
	return NULL;
}

/** Lines, as of grep(1), or bytes where their unit says so. */
static struct hc_error *set_context(struct hc_hits *hits, const char *value)
{
	size_t len = strlen(value);

	hits->has_context = len && strpbrk(value, "bBkK") != NULL && strncmp(value, "0x", 2) != 0;
	if (hits->has_context)
		return hc_parse_bytes("--context", value, &hits->context);
	struct hc_error *err = hc_parse_count("--context", value, &hits->before);
	hits->after = hits->before;
	return err;
}

static struct hc_error *set(void *ctx, int id, const char *value)
{
	struct own *own = ctx;

	switch ((enum own_id)id) {
	case OWN_ONLY:
		own->hits.bare = true;
		return NULL;
	case OWN_IGNORE_CASE:
		own->pattern.ignore_case = true;
		return NULL;
	case OWN_FIXED:
		own->pattern.literal = true;
		return NULL;
	case OWN_WORD:
		own->pattern.word = true;
		return NULL;
	case OWN_PATTERN:
		return add_pattern(own, value);
	case OWN_FILE:
		own->file = value;
		return NULL;
	case OWN_INVERT:
		own->hits.inverted = true;
		return NULL;
	case OWN_LINE:
		own->hits.line_numbers = true;
		return NULL;
	case OWN_CONTEXT:
		return set_context(&own->hits, value);
	case OWN_AFTER:
		return hc_parse_count("--after-context", value, &own->hits.after);
	case OWN_BEFORE:
		return hc_parse_count("--before-context", value, &own->hits.before);
	case OWN_HEX:
		own->pattern.hex = true;
		return NULL;
	case OWN_WIDE:
		own->pattern.wide = true;
		return NULL;
	case OWN_ATTRIBUTE:
		own->hits.attribute = value;
		return NULL;
	}
	return hc_hits_set(&own->hits, id, value);
}

static struct hc_error *check_options(const struct hc_options *options, const struct own *own)
{
	bool elsewhere = own->num_patterns || own->file;

	if (!elsewhere && !options->num_args)
		return hc_error_create(HC_ERROR_ARGUMENT, "grep needs a PATTERN, -e or -f");
	if (elsewhere && options->num_args)
		return hc_error_create(HC_ERROR_ARGUMENT,
				       "'%.100s': the pattern is given by -e or -f already",
				       options->args[0]);
	if (own->pattern.hex + own->pattern.literal > 1)
		return hc_error_create(HC_ERROR_ARGUMENT, "give -F or --hex, not both");
	if (own->pattern.hex && own->pattern.wide)
		return hc_error_create(HC_ERROR_ARGUMENT,
				       "--hex gives bytes as they are; --wide does not go with it");
	return hc_hits_check(&own->hits);
}

/** All patterns; those of a file are owned. */
struct pattern_list {
	const char **items;
	size_t num;
	char *text; /**< the file */
};

static void pattern_list_deinit(struct pattern_list *list)
{
	free(list->items);
	free(list->text);
}

static struct hc_error *append(struct pattern_list *list, const char *text)
{
	struct hc_error *err = hc_array_reserve(&list->items, list->num, sizeof(*list->items));

	if (!err)
		list->items[list->num++] = text;
	return err;
}

/** Lines that are not empty: an empty pattern would match everywhere. */
static struct hc_error *append_lines(struct pattern_list *list, size_t size)
{
	struct hc_error *err = NULL;

	if (memchr(list->text, '\0', size))
		return hc_error_create(HC_ERROR_ARGUMENT, "-f: a pattern holds a NUL byte; write "
							  "\\x00");
	for (char *line = list->text, *end; *line && !err; line = end) {
		end = line + strcspn(line, "\n");
		if (*end)
			*end++ = '\0';
		if (*line)
			err = append(list, line);
	}
	return err;
}

static struct hc_error *read_file(struct pattern_list *list, const char *path)
{
	bool is_stdin = !strcmp(path, "-");
	hc_cleanup_fclose FILE *opened = is_stdin ? NULL : fopen(path, "re");
	FILE *file = is_stdin ? stdin : opened;
	size_t allocated = 0;

	if (!file)
		return hc_error_os(errno, "cannot open %s", path);
	/* Up to a NUL that is not there: the whole file. */
	errno = 0;
	ssize_t size = getdelim(&list->text, &allocated, '\0', file);
	if (ferror(file))
		return hc_error_os(errno, "cannot read %s", path);
	return size > 0 ? append_lines(list, size) : NULL;
}

static struct hc_error *compile(const struct hc_options *options, const struct own *own,
				struct hc_pattern **ret)
{
	hc_cleanup(pattern_list_deinit) struct pattern_list list = {0};
	struct hc_error *err = NULL;

	for (int i = 0; i < options->num_args && !err; i++)
		err = append(&list, options->args[i]);
	for (size_t i = 0; i < own->num_patterns && !err; i++)
		err = append(&list, own->patterns[i]);
	if (!err && own->file)
		err = read_file(&list, own->file);
	if (!err && !list.num)
		err = hc_error_create(HC_ERROR_ARGUMENT, "%s holds no pattern", own->file);
	return err ? err : hc_pattern_compile_any(list.items, list.num, &own->pattern, ret);
}

static inline void destroy_pattern(struct hc_pattern **pattern)
{
	hc_pattern_destroy(*pattern);
}

static struct hc_error *run(struct hc_session *session)
{
	struct own *own = session->options->own;
	hc_cleanup(destroy_pattern) struct hc_pattern *pattern = NULL, *anything = NULL;

	own->hits.session = session;
	struct hc_error *err = check_options(session->options, own);
	if (!err)
		err = compile(session->options, own, &pattern);
	if (!err && own->hits.inverted)
		err = hc_pattern_compile("\\A", &(struct hc_pattern_options){0}, &anything);
	own->hits.anything = anything;
	return err ? err : hc_hits_run(&own->hits, pattern);
}

const struct hc_verb hc_verb_grep = {
	.name = "grep",
	.arguments = "CORE [PATTERN]",
	.summary = "text and bytes in chunks or mappings",
	.description = "Searches chunks for a Perl-compatible regular expression. "
		       "Prints address, chunk size and the line of each match. -o and -v are "
		       "grep's; beside them are --output and --verbose.",
	.status_1 = "Nothing matches",
	.examples = "  heapcore grep core.1234 'HTTP/1\\.[01]' --limit 5\n"
		    "  heapcore grep core.1234 -c 'application/x-www-form-urlencoded'\n"
		    "  heapcore grep core.1234 --top 'channelid=\\d*'\n"
		    "  heapcore grep core.1234 --stacks --hex 'de ad ?? ef'\n",
	.min_args = 1,
	.max_args = 2,
	.formats = HC_FORMATS_ALL,
	HC_VERB_TABLES(&hc_hits_shape, &hc_hits_texts_shape, &hc_hits_groups_shape,
		       &hc_hits_counts_shape),
	.selection = true,
	HC_VERB_OWN(own_options, set, struct own, NULL),
	.run = run,
};
