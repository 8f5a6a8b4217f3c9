/**
 * @file
 * Command lines; see options.h.
 */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/meant.h"
#include "cmd/select_options.h"
#include "cmd/verb.h"
#include "core/base/cleanup.h"
#include "core/base/parallel.h"

enum common_id {
	COMMON_EXE,
	COMMON_SYSROOT,
	COMMON_DEBUG_DIR,
	COMMON_SMAPS,
	COMMON_TMPDIR,
	COMMON_FORMAT,
	COMMON_OUTPUT,
	COMMON_FORCE,
	COMMON_CONTENT,
	COMMON_SIGNATURES,
	COMMON_PREFILTER,
	COMMON_JOBS,
	COMMON_COLOR,
	COMMON_COLUMNS,
	COMMON_SORT,
	COMMON_NO_HEADINGS,
	COMMON_BYTES,
	COMMON_FULL_NAMES,
	COMMON_QUIET,
	COMMON_VERBOSE,
	COMMON_HELP,
};

static const char *format_word(unsigned i)
{
	return i < HC_NUM_FORMATS ? hc_formats[i].name : NULL;
}
/** In the order of enum hc_literal_engine. */
HC_WORDS(prefilter_word, "auto", "literals", "vectorscan")
/** In the order of enum hc_color_mode. */
HC_WORDS(color_word, "auto", "always", "never")

static const struct hc_option common_options[] = {
	{COMMON_EXE, 0, "exe", "FILE", "the program's executable", HC_VALUE_FILE,
	 .more = "It must be the build that the core is of."},
	{COMMON_SYSROOT, 0, "sysroot", "DIR", "look for executable and libraries below DIR",
	 HC_VALUE_DIR, .more = "That is where the files of the machine that crashed are."},
	{COMMON_DEBUG_DIR, 0, "debug-dir", "DIR", "look for separate debug files in DIR",
	 HC_VALUE_DIR},
	{COMMON_SMAPS, 0, "smaps", "FILE",
	 "saved /proc/PID/smaps of the same process: resident bytes, names", HC_VALUE_FILE},
	{COMMON_TMPDIR, 0, "tmpdir", "DIR",
	 "unpack compressed cores into DIR (default: $TMPDIR, or /var/tmp)", HC_VALUE_DIR,
	 .more = "The file there has no name, mode 0600, holes for zero pages, and is gone when "
		 "heapcore ends."},
	{COMMON_FORMAT, 0, "format", "FORMAT",
	 "how it is written: {words} (default: text; export: sqlite)", HC_VALUE_WORD, format_word,
	 "JSON is one object; for chunks, grep and strings it is JSON Lines: a head, a line per "
	 "chunk, match or string, a summary."},
	{COMMON_OUTPUT, 'o', "output", "FILE", "write to a new file that only its owner can read",
	 HC_VALUE_OUTPUT,
	 .more = "A file that exists is left alone, unless --force is given: then it is replaced "
		 "when the new one is complete. OUTPUT in heapcore(1) has more about it. In grep "
		 "the letter o has the meaning of grep(1); use the long form."},
	{COMMON_FORCE, 0, "force", NULL, "replace FILE if it exists"},
	{COMMON_CONTENT, 0, "content", "HOW",
	 "how much of the heap's bytes to show: none, class, sample or full (default: sample)",
	 HC_VALUE_WORD, hc_content_name,
	 "None shows not even what kind of bytes they are, class shows content classes, sample "
	 "also short samples, full also whole chunks. Below full, passwords, keys and tokens that "
	 "signatures knows are shown as ***, except in what was asked for by itself: the text that "
	 "a pattern of grep matched, and what dump writes."},
	{COMMON_SIGNATURES, 0, "signatures", "FILE|DIR",
	 "more content classes, or others for those built in; may be repeated", HC_VALUE_FILE,
	 .more = "A DIR stands for its *.ini files in the order of their names. A class of the "
		 "same name replaces the one that is built in.",
	 .repeats = true},
	/* For tests and for trouble with the library. */
	{COMMON_PREFILTER, 0, "prefilter", "HOW", NULL, HC_VALUE_WORD, prefilter_word,
	 "How the literals that signatures need are looked for: literals, one after the other; "
	 "vectorscan, all in one pass; or auto (the default), whichever is faster for the bytes at "
	 "hand, if Vectorscan is built in and the processor has what it needs (heapcore --version "
	 "-v tells). What is found is the same; this is for tests, and for trouble with the "
	 "library."},
	{COMMON_JOBS, 0, "jobs", "N", "work in parallel, N at a time (default: one per processor)"},
	{COMMON_COLOR, 0, "color", "WHEN", "auto, always or never (default: auto)", HC_VALUE_WORD,
	 color_word},
	{COMMON_COLUMNS, 0, "columns", "LIST",
	 "columns of the table, in this order; +NAME and -NAME change what is shown"},
	{COMMON_SORT, 0, "sort", "COLUMN[:asc|desc]", "order of its rows"},
	{COMMON_NO_HEADINGS, 0, "noheadings", NULL, "no line with the names of columns"},
	{COMMON_BYTES, 0, "bytes", NULL, "bytes as plain numbers in text"},
	{COMMON_FULL_NAMES, 0, "full-names", NULL, "names of types and files as long as they are",
	 .more = "Without it text leaves out what is default in a C++ type, as in std::string, and "
		 "cuts what is wider than the screen. JSON and CSV have full names always."},
	{COMMON_QUIET, 'q', "quiet", NULL, "no remarks on stderr, only errors"},
	{COMMON_VERBOSE, 'v', "verbose", NULL, "own time per phase and peak memory, on stderr",
	 .more = "And how many pointers were seen and followed."},
	{COMMON_HELP, 'h', "help", NULL, "show this help"},
	{0},
};

enum selection_id {
	SELECT_STATE,
	SELECT_REACH,
	SELECT_LEAKED,
	SELECT_SIZE,
	SELECT_REQUEST,
	SELECT_ARENA,
	SELECT_THREAD,
	SELECT_ADDRESS,
	SELECT_CLASS,
	SELECT_TYPE,
	SELECT_MATCH,
	SELECT_FINDING,
	SELECT_SUPPRESS,
	SELECT_LIMIT,
};

HC_WORDS(arena_word, "mmap")

static const struct hc_option selection_options[] = {
	{SELECT_STATE, 0, "state", "LIST", "{words} (default: in-use)", HC_VALUE_LIST,
	 hc_select_state_word, "For histogram the default is all of them."},
	{SELECT_REACH, 0, "reach", "LIST", "reachable, possible, indirect, definite", HC_VALUE_LIST,
	 hc_select_reach_word,
	 "Reachable: a chain of pointers to starts of chunks leads to it. Possible: every chain "
	 "has a pointer into an interior. Indirect: only lost chunks point to it. Definite: "
	 "nothing points to it."},
	{SELECT_LEAKED, 0, "leaked", NULL, "lost chunks: definite and indirect",
	 .more = "The same as --reach definite,indirect."},
	{SELECT_SIZE, 0, "size", "MIN[-MAX]", "usable bytes; with K, M, G or KiB"},
	{SELECT_REQUEST, 0, "request", "N", "chunks that malloc(N) would give"},
	{SELECT_ARENA, 0, "arena", "N", "arena number, 0 is the main arena; or mmap", HC_VALUE_WORD,
	 arena_word},
	{SELECT_THREAD, 0, "thread", "TID|NAME", "chunks in the arena of a thread, see threads",
	 .more = "NAME is the function that threads began in. Chunks are those of the arena that "
		 "the thread allocates from, whoever allocated them; freed ones that it keeps in "
		 "its cache are among them (--state tcache). Mmapped chunks are of no thread."},
	{SELECT_ADDRESS, 0, "address", "START[-END]", "chunks that begin in a range, or hold START",
	 .more = "Addresses are hexadecimal."},
	{SELECT_CLASS, 0, "class", "NAME", "content class, see classify; may be repeated",
	 HC_VALUE_CLASS, .repeats = true},
	{SELECT_TYPE, 0, "type", "NAME",
	 "class or struct, see types; with * and ?; may be repeated",
	 .more = "A * stands for any text and ? for any character, and (none) for chunks without a "
		 "type.",
	 .repeats = true},
	{SELECT_MATCH, 0, "match", "PATTERN", "chunks with a match of a regular expression"},
	{SELECT_FINDING, 0, "finding", "N", "the chunks of a finding of analyze",
	 .more = "Other options narrow it, but for --state and --reach, which the finding "
		 "decides."},
	{SELECT_SUPPRESS, 0, "suppress", "FILE",
	 "findings have the numbers that analyze gives them with the same --suppress",
	 HC_VALUE_FILE},
	{SELECT_LIMIT, 0, "limit", "N", "show at most N chunks"},
	{0},
};

struct hc_error *hc_parse_word(const char *option, const char *text, hc_word_fn *words,
			       unsigned *ret)
{
	hc_cleanup_free char *list = NULL;
	size_t size;

	for (unsigned i = 0; words(i); i++) {
		if (!strcmp(text, words(i))) {
			*ret = i;
			return NULL;
		}
	}
	FILE *out = open_memstream(&list, &size);
	if (!out)
		return &hc_enomem;
	for (unsigned i = 0; words(i); i++)
		fprintf(out, "%s%s", !i ? "" : words(i + 1) ? ", " : " or ", words(i));
	if (fclose(out))
		return &hc_enomem;
	const char *meant = hc_meant_word(words, text);
	return hc_error_create(HC_ERROR_ARGUMENT, "%s takes %s, not '%.100s'%s%s%s", option, list,
			       text, meant ? "; did you mean '" : "", meant ? meant : "",
			       meant ? "'?" : "");
}

struct hc_error *hc_parse_count(const char *option, const char *text, uint64_t *ret)
{
	uint64_t value = 0;

	if (*text < '0' || *text > '9' || hc_scan_number(text, &value) != text + strlen(text))
		return hc_error_create(HC_ERROR_ARGUMENT, "%s takes a number, not '%.100s'", option,
				       text);
	*ret = value;
	return NULL;
}

size_t hc_top_rows(uint64_t top, enum hc_format format, size_t num)
{
	if (top == HC_TOP_DEFAULT)
		top = hc_format_is_for_people(format) ? 20 : 0;
	return top && top < num ? top : num;
}

static struct hc_error *parse_jobs(const char *text, unsigned *ret)
{
	uint64_t jobs;
	struct hc_error *err = hc_parse_count("--jobs", text, &jobs);

	if (err)
		return err;
	if (jobs < 1 || jobs > HC_MAX_JOBS)
		return hc_error_create(HC_ERROR_ARGUMENT, "--jobs takes 1 to %d, not '%s'",
				       HC_MAX_JOBS, text);
	*ret = jobs;
	return NULL;
}

static struct hc_error *parse_prefilter(const char *text, enum hc_literal_engine *ret)
{
	struct hc_error *err = hc_parse_word("--prefilter", text, prefilter_word, ret);

	if (!err && *ret == HC_LITERALS_ONE_PASS && !hc_literal_scanner_version())
		return hc_error_create(HC_ERROR_ARGUMENT, "--prefilter vectorscan: it is not built "
							  "in, or not for this processor");
	return err;
}

struct hc_error *hc_options_add_signatures(struct hc_options *options, const char *path)
{
	if (options->num_signatures == HC_MAX_SIGNATURE_FILES)
		return hc_error_create(HC_ERROR_ARGUMENT, "--signatures: more than %d of them",
				       HC_MAX_SIGNATURE_FILES);
	options->signatures[options->num_signatures++] = path;
	return NULL;
}

/** Where an option that takes any text stores it; NULL: it is none of these. */
static const char **text_of(struct hc_options *options, enum common_id id)
{
	switch (id) {
	case COMMON_EXE:
		return &options->process.modules.exe;
	case COMMON_SYSROOT:
		return &options->process.modules.sysroot;
	case COMMON_DEBUG_DIR:
		return &options->process.modules.debug_dir;
	case COMMON_SMAPS:
		return &options->process.smaps;
	case COMMON_TMPDIR:
		return &options->process.decompress.tmpdir;
	case COMMON_OUTPUT:
		return &options->output;
	case COMMON_COLUMNS:
		return &options->choice.columns;
	case COMMON_SORT:
		return &options->choice.sort;
	default:
		return NULL;
	}
}

/** What an option without a value switches on; NULL: it is none of these. */
static bool *switch_of(struct hc_options *options, enum common_id id)
{
	switch (id) {
	case COMMON_FORCE:
		return &options->force;
	case COMMON_NO_HEADINGS:
		return &options->choice.no_headings;
	case COMMON_BYTES:
		return &options->plain_bytes;
	case COMMON_FULL_NAMES:
		return &options->full_names;
	case COMMON_QUIET:
		return &options->quiet;
	case COMMON_VERBOSE:
		return &options->verbose;
	case COMMON_HELP:
		return &options->help;
	default:
		return NULL;
	}
}

static struct hc_error *set_common(struct hc_options *options, int id, const char *value)
{
	const char **text = text_of(options, id);
	bool *on = switch_of(options, id);

	if (text)
		*text = value;
	if (on)
		*on = true;
	switch ((enum common_id)id) {
	case COMMON_FORMAT:
		return hc_parse_word("--format", value, format_word, &options->format);
	case COMMON_CONTENT:
		return hc_parse_word("--content", value, hc_content_name, &options->content);
	case COMMON_SIGNATURES:
		return hc_options_add_signatures(options, value);
	case COMMON_PREFILTER:
		return parse_prefilter(value, &options->prefilter);
	case COMMON_JOBS:
		return parse_jobs(value, &options->process.jobs);
	case COMMON_COLOR:
		return hc_parse_word("--color", value, color_word, &options->color);
	default:
		return NULL;
	}
}

struct hc_error *hc_parse_finding(const char *text, uint64_t *ret)
{
	struct hc_error *err = hc_parse_count("--finding", text, ret);

	if (!err && !*ret)
		return hc_error_create(HC_ERROR_ARGUMENT,
				       "--finding takes a number from 1 on, as analyze shows it");
	return err;
}

static struct hc_error *set_selection(struct hc_options *options, int id, const char *value)
{
	struct hc_selection *selection = &options->selection;

	/* --limit chooses how much to show, not which chunks. */
	options->selection_given |= id != SELECT_LIMIT && id != SELECT_SUPPRESS;
	switch ((enum selection_id)id) {
	case SELECT_STATE:
		options->states_given = true;
		return hc_select_states(selection, value);
	case SELECT_REACH:
		return hc_select_reach(selection, value);
	case SELECT_LEAKED:
		selection->reaches = HC_REACH_LEAKED;
		return NULL;
	case SELECT_SIZE:
		return hc_select_size(selection, value);
	case SELECT_REQUEST:
		return hc_select_request(selection, value);
	case SELECT_ARENA:
		return hc_select_arena(selection, value);
	case SELECT_THREAD:
		selection->thread = value;
		return NULL;
	case SELECT_ADDRESS:
		return hc_select_address(selection, value);
	case SELECT_CLASS:
		return hc_select_class(selection, value);
	case SELECT_TYPE:
		return hc_select_type(selection, value);
	case SELECT_MATCH:
		return hc_select_match(selection, value);
	case SELECT_FINDING:
		return hc_parse_finding(value, &options->finding);
	case SELECT_SUPPRESS:
		options->suppress = value;
		return NULL;
	case SELECT_LIMIT:
		return hc_parse_count("--limit", value, &selection->limit);
	}
	return NULL;
}

static bool has_letter(const struct hc_verb_options *list, char letter)
{
	for (unsigned i = 0; i < list->num; i++) {
		if (list->items[i].letter == letter)
			return true;
	}
	return false;
}

/** Whether a verb goes without an option that others have. */
static bool is_refused(const struct hc_verb *verb, const struct hc_option *option)
{
	return verb && ((verb->counts && option == &selection_options[SELECT_LIMIT]) ||
			(verb->suppresses && option == &selection_options[SELECT_SUPPRESS]));
}

static void add_options(struct hc_verb_options *list, const struct hc_option *options,
			enum hc_option_owner owner)
{
	for (; options && options->name && list->num < HC_MAX_OPTIONS; options++) {
		bool taken = has_letter(list, options->letter);

		if (is_refused(list->verb, options))
			continue;
		list->items[list->num++] =
			(struct hc_verb_option){options, owner, taken ? '\0' : options->letter};
	}
}

void hc_options_list(const struct hc_verb *verb, struct hc_verb_options *ret)
{
	ret->num = 0;
	ret->verb = verb;
	if (verb)
		add_options(ret, verb->options, HC_OWNER_VERB);
	if (!verb || verb->selection)
		add_options(ret, selection_options, HC_OWNER_SELECTION);
	add_options(ret, common_options, HC_OWNER_COMMON);
}

bool hc_option_is_optional(const struct hc_option *option)
{
	return option->value && option->value[0] == '[';
}

const char *hc_option_word(const struct hc_verb *verb, const struct hc_option *option, unsigned i)
{
	if (!option->words || option->words != format_word || !verb)
		return option->words ? option->words(i) : NULL;
	for (unsigned format = 0; format < HC_NUM_FORMATS; format++) {
		if (verb->formats & 1u << format && !i--)
			return format_word(format);
	}
	return NULL;
}

void hc_print_words(FILE *file, hc_word_fn *words)
{
	for (unsigned i = 0; words(i); i++)
		fprintf(file, "%s%s", i ? ", " : "", words(i));
}

char *hc_option_help(const struct hc_option *option)
{
	static const char mark[] = "{words}";
	const char *found = strstr(option->help, mark);
	char *ret = NULL;
	size_t size;

	if (!found)
		return strdup(option->help);
	FILE *out = open_memstream(&ret, &size);
	if (!out)
		return NULL;
	fprintf(out, "%.*s", (int)(found - option->help), option->help);
	hc_print_words(out, option->words);
	fputs(found + strlen(mark), out);
	if (fclose(out)) {
		free(ret);
		return NULL;
	}
	return ret;
}

/**
 * The options of one verb, in the form that getopt_long() takes. val is the index, plus LONG_BASE.
 */
struct parser {
	struct hc_verb_options list;
	struct option longs[HC_MAX_OPTIONS + 1];
	char letters[2 * HC_MAX_OPTIONS + 2];
};

#define LONG_BASE 256

static void build_parser(const struct hc_verb *verb, struct parser *parser)
{
	char *letters = parser->letters;

	*parser = (struct parser){0};
	hc_options_list(verb, &parser->list);
	*letters++ = ':';
	for (unsigned i = 0; i < parser->list.num; i++) {
		const struct hc_option *option = parser->list.items[i].option;

		parser->longs[i] = (struct option){
			.name = option->name,
			.has_arg = !option->value                  ? no_argument
				   : hc_option_is_optional(option) ? optional_argument
								   : required_argument,
			.val = LONG_BASE + i,
		};
		if (!parser->list.items[i].letter)
			continue;
		*letters++ = option->letter;
		if (option->value)
			*letters++ = ':';
	}
}

/** The option that getopt_long() returned, by its number or by its letter; NULL: it is none. */
static const struct hc_verb_option *found_option(const struct parser *parser, int c)
{
	if (c >= LONG_BASE)
		return &parser->list.items[c - LONG_BASE];
	for (unsigned i = 0; i < parser->list.num; i++) {
		if (parser->list.items[i].letter == c)
			return &parser->list.items[i];
	}
	return NULL;
}

/** Whether a verb's options have one of this name. */
static bool takes(const struct hc_verb *verb, const char *name)
{
	struct hc_verb_options list;

	hc_options_list(verb, &list);
	for (unsigned i = 0; i < list.num; i++) {
		if (!strcmp(list.items[i].option->name, name))
			return true;
	}
	return false;
}

/** Most verbs that are named for an option that another one lacks. */
#define MAX_NAMED 4

/** "leaks, chunks and others": the verbs that take an option; NULL: none does, or no memory. */
static char *who_takes(const char *name)
{
	char *ret = NULL;
	unsigned num = 0;
	size_t size;
	FILE *out = open_memstream(&ret, &size);

	if (!out)
		return NULL;
	for (size_t i = 0; hc_verbs[i]; i++) {
		if (!takes(hc_verbs[i], name))
			continue;
		if (num < MAX_NAMED)
			fprintf(out, "%s%s", num ? ", " : "", hc_verbs[i]->name);
		num++;
	}
	if (num > MAX_NAMED)
		fputs(" and others", out);
	if (!fclose(out) && num)
		return ret;
	free(ret);
	return NULL;
}

/** "--content, --color": the options that a name is an abbreviation of; NULL: of one at most. */
static char *what_begins(const struct hc_verb *verb, const char *name)
{
	struct hc_verb_options list;
	char *ret = NULL;
	unsigned num = 0;
	size_t size;
	FILE *out = open_memstream(&ret, &size);

	if (!out)
		return NULL;
	hc_options_list(verb, &list);
	for (unsigned i = 0; i < list.num; i++) {
		const char *full = list.items[i].option->name;

		if (!*name || strncmp(full, name, strlen(name)))
			continue;
		fprintf(out, "%s--%s", num++ ? ", " : "", full);
	}
	if (!fclose(out) && num > 1)
		return ret;
	free(ret);
	return NULL;
}

/** @param text "--name" or "--name=value" */
static struct hc_error *unknown_option(const struct hc_verb *verb, const char *text)
{
	hc_cleanup_free char *name = strndup(text + 2, strcspn(text + 2, "="));
	hc_cleanup_free char *begun = name ? what_begins(verb, name) : NULL;
	hc_cleanup_free char *others = name ? who_takes(name) : NULL;
	hc_cleanup_free char *meant = name ? hc_meant_option(verb, name) : NULL;

	if (!name)
		return &hc_enomem;
	if (begun)
		return hc_error_create(HC_ERROR_ARGUMENT, "--%s is the beginning of %s", name,
				       begun);
	if (meant)
		return hc_error_create(HC_ERROR_ARGUMENT,
				       "unknown option --%.100s%s%s; did you mean %s?", name,
				       others ? " of " : "", others ? verb->name : "", meant);
	if (others)
		return hc_error_create(HC_ERROR_ARGUMENT, "%s has no --%s; it goes with %s",
				       verb->name, name, others);
	return hc_error_create(HC_ERROR_ARGUMENT, "unknown option --%.100s", name);
}

static struct hc_error *bad_option(const struct hc_verb *verb, int c, char *const *argv)
{
	char letter[] = {'-', optopt, '\0'};
	bool is_letter = optopt > 0 && optopt < LONG_BASE;
	const char *text = is_letter ? letter : argv[optind - 1];

	if (c == ':')
		return hc_error_create(HC_ERROR_ARGUMENT, "option %s needs a value", text);
	if (optopt >= LONG_BASE)
		return hc_error_create(HC_ERROR_ARGUMENT, "option %s takes no value", text);
	if (is_letter) {
		hc_cleanup_free char *meant = hc_meant_option(verb, letter + 1);

		return hc_error_create(HC_ERROR_ARGUMENT, "unknown option %s%s%s%s", text,
				       meant ? "; did you mean " : "", meant ? meant : "",
				       meant ? "?" : "");
	}
	return unknown_option(verb, text);
}

/** The value of an option whose value may be left out: a number in the next argument is it. */
static const char *optional_value(int argc, char **argv)
{
	if (optarg || optind >= argc || !argv[optind][0] ||
	    strspn(argv[optind], "0123456789") != strlen(argv[optind]))
		return optarg;
	return argv[optind++];
}

static struct hc_error *set_option(struct hc_options *options, const struct hc_verb_option *found,
				   const char *value)
{
	int id = found->option->id;

	if (found->option->kind == HC_VALUE_FILE)
		hc_inputs_add(&options->inputs, value);
	switch (found->owner) {
	case HC_OWNER_VERB:
		return options->verb->set(options->own, id, value);
	case HC_OWNER_SELECTION:
		return set_selection(options, id, value);
	case HC_OWNER_COMMON:
		return set_common(options, id, value);
	}
	return NULL;
}

/** Whether one of the verb's tables has the columns that are asked for; before the core is read. */
static struct hc_error *check_choice(const struct hc_verb *verb, const struct hc_choice *choice)
{
	struct hc_error *err = NULL;

	if ((choice->columns || choice->sort) && !verb->tables)
		return hc_error_create(HC_ERROR_ARGUMENT, "%s has no table", verb->name);
	for (const struct hc_shape *const *shape = verb->tables; shape && *shape; shape++) {
		hc_error_destroy(err);
		err = hc_shape_check(*shape, choice);
		if (!err)
			return NULL;
	}
	return err;
}

/** Count the positional arguments and check what options can't check one by one. */
static struct hc_error *check(struct hc_options *options, int argc, char **argv)
{
	const struct hc_verb *verb = options->verb;
	int num = argc - optind;

	if (options->help)
		return NULL;
	if (num < verb->min_args)
		return hc_error_create(HC_ERROR_ARGUMENT, "%s needs %s", verb->name,
				       verb->arguments);
	if (num > verb->max_args)
		return hc_error_create(HC_ERROR_ARGUMENT, "%s: unexpected argument '%s'",
				       verb->name, argv[optind + verb->max_args]);
	if (!(verb->formats & 1u << options->format))
		return hc_error_create(HC_ERROR_ARGUMENT, "%s has no %s output", verb->name,
				       format_word(options->format));
	if (options->choice.columns && options->format == HC_FORMAT_JSON)
		return hc_error_create(HC_ERROR_ARGUMENT,
				       "--columns goes with text and csv; JSON has them all");
	if (hc_format_is_of_stacks(options->format) &&
	    (options->choice.columns || options->choice.sort || options->choice.no_headings))
		return hc_error_create(HC_ERROR_ARGUMENT,
				       "--columns, --sort and --noheadings are about tables; %s "
				       "output has none",
				       format_word(options->format));
	if (options->suppress && !options->finding)
		return hc_error_create(HC_ERROR_ARGUMENT,
				       "--suppress is about the numbers of findings; it goes with "
				       "--finding N");
	struct hc_error *err = check_choice(verb, &options->choice);
	if (err)
		return err;
	options->core = argv[optind];
	for (int i = 0; i < num && (!i || i < verb->num_inputs); i++)
		hc_inputs_add(&options->inputs, argv[optind + i]);
	options->args = argv + optind + 1;
	options->num_args = num ? num - 1 : 0;
	return NULL;
}

static struct hc_error *init_options(const struct hc_verb *verb, struct hc_options *ret)
{
	*ret = (struct hc_options){
		.verb = verb,
		.format = verb->format,
		.content = verb->for_others ? HC_CONTENT_CLASS : HC_CONTENT_SAMPLE,
	};
	hc_selection_init(&ret->selection);
	if (!verb->own_size)
		return NULL;
	ret->own = calloc(1, verb->own_size);
	if (!ret->own)
		return &hc_enomem;
	if (verb->own_defaults)
		memcpy(ret->own, verb->own_defaults, verb->own_size);
	return NULL;
}

static struct hc_error *parse(const struct hc_verb *verb, int argc, char **argv,
			      struct hc_options *ret)
{
	struct parser parser;
	struct hc_error *err = NULL;

	build_parser(verb, &parser);
	optind = 0; /* glibc: start anew */
	opterr = 0;
	while (!err) {
		int c = getopt_long(argc, argv, parser.letters, parser.longs, NULL);
		if (c == -1)
			return check(ret, argc, argv);
		const struct hc_verb_option *found = found_option(&parser, c);
		if (c == '?' || c == ':' || !found)
			return bad_option(verb, c, argv);
		const char *value =
			hc_option_is_optional(found->option) ? optional_value(argc, argv) : optarg;
		err = set_option(ret, found, value);
	}
	return err;
}

struct hc_error *hc_options_parse(const struct hc_verb *verb, int argc, char **argv,
				  struct hc_options *ret)
{
	struct hc_error *err = init_options(verb, ret);

	return err ? err : parse(verb, argc, argv, ret);
}

struct hc_error *hc_options_parse_within(const struct hc_options *base, const struct hc_verb *verb,
					 int argc, char **argv, struct hc_options *ret)
{
	struct hc_error *err = init_options(verb, ret);

	ret->process = base->process;
	ret->content = base->content;
	memcpy(ret->signatures, base->signatures, sizeof(ret->signatures));
	ret->num_signatures = base->num_signatures;
	ret->prefilter = base->prefilter;
	ret->color = base->color;
	ret->choice.no_headings = base->choice.no_headings;
	ret->plain_bytes = base->plain_bytes;
	ret->full_names = base->full_names;
	ret->quiet = base->quiet;
	ret->verbose = base->verbose;
	hc_inputs_add_all(&ret->inputs, &base->inputs);
	return err ? err : parse(verb, argc, argv, ret);
}

static bool is_same(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

bool hc_options_read_alike(const struct hc_options *a, const struct hc_options *b)
{
	const struct hc_process_options *x = &a->process, *y = &b->process;

	if (a->num_signatures != b->num_signatures || a->prefilter != b->prefilter)
		return false;
	for (unsigned i = 0; i < a->num_signatures; i++) {
		if (!is_same(a->signatures[i], b->signatures[i]))
			return false;
	}
	return is_same(x->modules.exe, y->modules.exe) &&
	       is_same(x->modules.sysroot, y->modules.sysroot) &&
	       is_same(x->modules.debug_dir, y->modules.debug_dir) &&
	       is_same(x->decompress.tmpdir, y->decompress.tmpdir) && is_same(x->smaps, y->smaps) &&
	       x->jobs == y->jobs;
}

/** The common option that stands before a verb; NULL: it is none. */
static const struct hc_option *find_common(const char *text)
{
	const struct hc_option *option = common_options;
	size_t len = strcspn(text, "=");

	for (; option->name; option++) {
		if (option->letter && text[1] == option->letter && !text[2])
			return option;
		if (!strncmp(text, "--", 2) && strlen(option->name) == len - 2 &&
		    !strncmp(option->name, text + 2, len - 2))
			return option;
	}
	return NULL;
}

/** Common options with a letter, spelled out. */
static char *spelled_out(const struct hc_option *option, char *text)
{
	static char output[] = "--output", quiet[] = "--quiet", verbose[] = "--verbose";

	if (text[1] == '-')
		return text;
	return option->id == COMMON_OUTPUT    ? output
	       : option->id == COMMON_QUIET   ? quiet
	       : option->id == COMMON_VERBOSE ? verbose
					      : text;
}

struct hc_error *hc_options_verb_first(int argc, char **argv)
{
	int at = 0;

	while (at < argc && argv[at][0] == '-' && argv[at][1]) {
		const struct hc_option *option = find_common(argv[at]);

		if (!option)
			return hc_error_create(HC_ERROR_ARGUMENT,
					       "%.100s: only common options may stand before the "
					       "verb; try 'heapcore --help'",
					       argv[at]);
		argv[at] = spelled_out(option, argv[at]);
		at += option->value && !strchr(argv[at], '=') ? 2 : 1;
	}
	if (at >= argc)
		return hc_error_create(HC_ERROR_ARGUMENT,
				       "no verb behind the options; try 'heapcore --help'");
	char *verb = argv[at];
	memmove(argv + 1, argv, at * sizeof(*argv));
	argv[0] = verb;
	return NULL;
}

void hc_options_deinit(struct hc_options *options)
{
	hc_selection_deinit(&options->selection);
	hc_inputs_deinit(&options->inputs);
	free(options->own);
}
