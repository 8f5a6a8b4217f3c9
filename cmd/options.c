/**
 * @file
 * Command lines; see options.h.
 */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

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
	COMMON_QUIET,
	COMMON_VERBOSE,
	COMMON_HELP,
};

static const struct hc_option common_options[] = {
	{COMMON_EXE, 0, "exe", "FILE", "the program's executable", true},
	{COMMON_SYSROOT, 0, "sysroot", "DIR", "look for executable and libraries below DIR"},
	{COMMON_DEBUG_DIR, 0, "debug-dir", "DIR", "look for separate debug files in DIR"},
	{COMMON_SMAPS, 0, "smaps", "FILE",
	 "saved /proc/PID/smaps of the same process: resident bytes, names", true},
	{COMMON_TMPDIR, 0, "tmpdir", "DIR",
	 "unpack compressed cores into DIR (default: $TMPDIR, or /var/tmp)"},
	{COMMON_FORMAT, 0, "format", "FORMAT",
	 "text, json or csv (default: text); dump also has hex"},
	{COMMON_OUTPUT, 'o', "output", "FILE", "write to a new file that only its owner can read"},
	{COMMON_FORCE, 0, "force", NULL, "replace FILE if it exists"},
	{COMMON_CONTENT, 0, "content", "HOW",
	 "how much of the heap's bytes to show: none, class, sample or full (default: sample)"},
	{COMMON_SIGNATURES, 0, "signatures", "FILE|DIR",
	 "more content classes, or others for those built in; may be repeated", true},
	/* For tests and for trouble with the library: without help. */
	{COMMON_PREFILTER, 0, "prefilter", "HOW", NULL},
	{COMMON_JOBS, 0, "jobs", "N", "work in parallel, N at a time (default: one per processor)"},
	{COMMON_COLOR, 0, "color", "WHEN", "auto, always or never (default: auto)"},
	{COMMON_COLUMNS, 0, "columns", "LIST",
	 "columns of the table, in this order; +NAME and -NAME change what is shown"},
	{COMMON_SORT, 0, "sort", "COLUMN[:asc|desc]", "order of its rows"},
	{COMMON_NO_HEADINGS, 0, "noheadings", NULL, "no line with the names of columns"},
	{COMMON_BYTES, 0, "bytes", NULL, "bytes as plain numbers in text"},
	{COMMON_QUIET, 'q', "quiet", NULL, "no remarks on stderr, only errors"},
	{COMMON_VERBOSE, 'v', "verbose", NULL, "own time per phase and peak memory, on stderr"},
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
	SELECT_ADDRESS,
	SELECT_CLASS,
	SELECT_TYPE,
	SELECT_MATCH,
	SELECT_LIMIT,
};

/** Stands for a text that the allocators' names are a part of. */
static const char states_help[] = "";

static const struct hc_option selection_options[] = {
	{SELECT_STATE, 0, "state", "LIST", states_help},
	{SELECT_REACH, 0, "reach", "LIST", "reachable, possible, indirect, definite"},
	{SELECT_LEAKED, 0, "leaked", NULL, "lost chunks: definite and indirect"},
	{SELECT_SIZE, 0, "size", "MIN[-MAX]", "usable bytes; with K, M, G"},
	{SELECT_REQUEST, 0, "request", "N", "chunks that malloc(N) would give"},
	{SELECT_ARENA, 0, "arena", "N", "arena number, 0 is the main arena; or mmap"},
	{SELECT_ADDRESS, 0, "address", "START[-END]",
	 "chunks that begin in a range, or hold START"},
	{SELECT_CLASS, 0, "class", "NAME", "content class, see classify; may be repeated"},
	{SELECT_TYPE, 0, "type", "NAME",
	 "class or struct, see types; with * and ?; may be repeated"},
	{SELECT_MATCH, 0, "match", "PATTERN", "chunks with a match of a regular expression"},
	{SELECT_LIMIT, 0, "limit", "N", "show at most N chunks"},
	{0},
};

static const char *const format_names[] = {"text", "json", "csv", "hex", NULL};
static const char *const content_names[] = {"none", "class", "sample", "full", NULL};
static const char *const prefilter_names[] = {"auto", "literals", "vectorscan", NULL};
static const char *const color_names[] = {"auto", "always", "never", NULL};

/** Index of a word in a list that NULL ends. */
static struct hc_error *parse_word(const char *option, const char *text, const char *const *words,
				   unsigned *ret)
{
	hc_cleanup_free char *list = NULL;
	size_t size;

	for (unsigned i = 0; words[i]; i++) {
		if (!strcmp(text, words[i])) {
			*ret = i;
			return NULL;
		}
	}
	FILE *out = open_memstream(&list, &size);
	if (!out)
		return &hc_enomem;
	for (unsigned i = 0; words[i]; i++)
		fprintf(out, "%s%s", !i ? "" : words[i + 1] ? ", " : " or ", words[i]);
	if (fclose(out))
		return &hc_enomem;
	return hc_error_create(HC_ERROR_ARGUMENT, "%s takes %s, not '%s'", option, list, text);
}

struct hc_error *hc_parse_count(const char *option, const char *text, uint64_t *ret)
{
	char *end;

	errno = 0;
	unsigned long long value = strtoull(text, &end, 10);
	if (errno || *end || *text < '0' || *text > '9')
		return hc_error_create(HC_ERROR_ARGUMENT, "%s takes a number, not '%s'", option,
				       text);
	*ret = value;
	return NULL;
}

size_t hc_top_rows(uint64_t top, enum hc_format format, size_t num)
{
	if (top == HC_TOP_DEFAULT)
		top = format == HC_FORMAT_TEXT ? 20 : 0;
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
	struct hc_error *err = parse_word("--prefilter", text, prefilter_names, ret);

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

static struct hc_error *set_common(struct hc_options *options, int id, const char *value)
{
	switch ((enum common_id)id) {
	case COMMON_EXE:
		options->process.modules.exe = value;
		return NULL;
	case COMMON_SYSROOT:
		options->process.modules.sysroot = value;
		return NULL;
	case COMMON_DEBUG_DIR:
		options->process.modules.debug_dir = value;
		return NULL;
	case COMMON_SMAPS:
		options->process.smaps = value;
		return NULL;
	case COMMON_TMPDIR:
		options->process.decompress.tmpdir = value;
		return NULL;
	case COMMON_FORMAT:
		return parse_word("--format", value, format_names, &options->format);
	case COMMON_OUTPUT:
		options->output = value;
		return NULL;
	case COMMON_FORCE:
		options->force = true;
		return NULL;
	case COMMON_CONTENT:
		return parse_word("--content", value, content_names, &options->content);
	case COMMON_SIGNATURES:
		return hc_options_add_signatures(options, value);
	case COMMON_PREFILTER:
		return parse_prefilter(value, &options->prefilter);
	case COMMON_JOBS:
		return parse_jobs(value, &options->process.jobs);
	case COMMON_COLOR:
		return parse_word("--color", value, color_names, &options->color);
	case COMMON_COLUMNS:
		options->choice.columns = value;
		return NULL;
	case COMMON_SORT:
		options->choice.sort = value;
		return NULL;
	case COMMON_NO_HEADINGS:
		options->choice.no_headings = true;
		return NULL;
	case COMMON_BYTES:
		options->plain_bytes = true;
		return NULL;
	case COMMON_QUIET:
		options->quiet = true;
		return NULL;
	case COMMON_VERBOSE:
		options->verbose = true;
		return NULL;
	case COMMON_HELP:
		options->help = true;
		return NULL;
	}
	return NULL;
}

static struct hc_error *set_selection(struct hc_options *options, int id, const char *value)
{
	struct hc_selection *selection = &options->selection;

	/* --limit chooses how much to show, not which chunks. */
	options->selection_given |= id != SELECT_LIMIT;
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
	case SELECT_ADDRESS:
		return hc_select_address(selection, value);
	case SELECT_CLASS:
		return hc_select_class(selection, value);
	case SELECT_TYPE:
		return hc_select_type(selection, value);
	case SELECT_MATCH:
		return hc_select_match(selection, value);
	case SELECT_LIMIT:
		return hc_parse_count("--limit", value, &selection->limit);
	}
	return NULL;
}

/** Most options that one verb can have. */
#define MAX_OPTIONS 64

enum owner { OWNER_VERB, OWNER_SELECTION, OWNER_COMMON };

/**
 * The options of one verb, in the form that getopt_long() takes. val is the index, plus LONG_BASE.
 */
struct parser {
	struct option longs[MAX_OPTIONS + 1];
	const struct hc_option *options[MAX_OPTIONS];
	enum owner owners[MAX_OPTIONS];
	unsigned num;
	char letters[2 * MAX_OPTIONS + 2];
};

#define LONG_BASE 256

static bool is_optional(const struct hc_option *option)
{
	return option->value && option->value[0] == '[';
}

static void add_options(struct parser *parser, const struct hc_option *options, enum owner owner)
{
	for (; options && options->name && parser->num < MAX_OPTIONS; options++) {
		unsigned i = parser->num++;
		parser->options[i] = options;
		parser->owners[i] = owner;
		parser->longs[i] = (struct option){
			.name = options->name,
			.has_arg = !options->value        ? no_argument
				   : is_optional(options) ? optional_argument
							  : required_argument,
			.val = LONG_BASE + i,
		};
		char letter[] = {options->letter, options->value ? ':' : '\0', '\0'};
		if (options->letter && !strchr(parser->letters, options->letter))
			strcat(parser->letters, letter);
	}
}

static void build_parser(const struct hc_verb *verb, struct parser *parser)
{
	*parser = (struct parser){.letters = ":"};
	add_options(parser, verb->options, OWNER_VERB);
	if (verb->selection)
		add_options(parser, selection_options, OWNER_SELECTION);
	add_options(parser, common_options, OWNER_COMMON);
}

/**
 * Index of the option that getopt_long() returned: by its number, or the first with that letter.
 */
static unsigned option_index(const struct parser *parser, int c)
{
	if (c >= LONG_BASE)
		return c - LONG_BASE;
	for (unsigned i = 0; i < parser->num; i++) {
		if (parser->options[i]->letter == c)
			return i;
	}
	return parser->num;
}

static struct hc_error *bad_option(int c, char *const *argv)
{
	char letter[] = {'-', optopt, '\0'};
	bool is_letter = optopt > 0 && optopt < LONG_BASE;
	const char *text = is_letter ? letter : argv[optind - 1];

	if (c == ':')
		return hc_error_create(HC_ERROR_ARGUMENT, "option %s needs a value", text);
	if (optopt >= LONG_BASE)
		return hc_error_create(HC_ERROR_ARGUMENT, "option %s takes no value", text);
	return hc_error_create(HC_ERROR_ARGUMENT, "unknown option %s", text);
}

/** The value of an option whose value may be left out: a number in the next argument is it. */
static const char *optional_value(int argc, char **argv)
{
	if (optarg || optind >= argc || !argv[optind][0] ||
	    strspn(argv[optind], "0123456789") != strlen(argv[optind]))
		return optarg;
	return argv[optind++];
}

static struct hc_error *set_option(struct hc_options *options, const struct parser *parser,
				   unsigned i, const char *value)
{
	int id = parser->options[i]->id;

	if (parser->options[i]->input)
		hc_inputs_add(&options->inputs, value);
	switch (parser->owners[i]) {
	case OWNER_VERB:
		return options->verb->set(options->own, id, value);
	case OWNER_SELECTION:
		return set_selection(options, id, value);
	case OWNER_COMMON:
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
				       format_names[options->format]);
	if (options->choice.columns && options->format == HC_FORMAT_JSON)
		return hc_error_create(HC_ERROR_ARGUMENT,
				       "--columns goes with text and csv; JSON has them all");
	struct hc_error *err = check_choice(verb, &options->choice);
	if (err)
		return err;
	options->core = argv[optind];
	if (options->core)
		hc_inputs_add(&options->inputs, options->core);
	options->args = argv + optind + 1;
	options->num_args = num ? num - 1 : 0;
	return NULL;
}

static struct hc_error *init_options(const struct hc_verb *verb, struct hc_options *ret)
{
	*ret = (struct hc_options){.verb = verb, .content = HC_CONTENT_SAMPLE};
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

struct hc_error *hc_options_parse(const struct hc_verb *verb, int argc, char **argv,
				  struct hc_options *ret)
{
	struct parser parser;
	struct hc_error *err = init_options(verb, ret);

	build_parser(verb, &parser);
	optind = 0; /* glibc: start anew */
	opterr = 0;
	while (!err) {
		int c = getopt_long(argc, argv, parser.letters, parser.longs, NULL);
		if (c == -1)
			return check(ret, argc, argv);
		unsigned i = option_index(&parser, c);
		if (c == '?' || c == ':' || i == parser.num)
			return bad_option(c, argv);
		const char *value =
			is_optional(parser.options[i]) ? optional_value(argc, argv) : optarg;
		err = set_option(ret, &parser, i, value);
	}
	return err;
}

void hc_options_deinit(struct hc_options *options)
{
	hc_selection_deinit(&options->selection);
	hc_inputs_deinit(&options->inputs);
	free(options->own);
}

#define HELP_WIDTH 80
#define HELP_INDENT 26

/** Print text from @p column on, broken between words, indented by HELP_INDENT. */
static void help_text(FILE *file, const char *text, unsigned column, unsigned indent)
{
	bool line_start = true;

	while (*text) {
		size_t len = strcspn(text, " ");
		if (!line_start && column + 1 + len > HELP_WIDTH) {
			fprintf(file, "\n%*s", indent, "");
			column = indent;
			line_start = true;
		}
		fprintf(file, "%s%.*s", line_start ? "" : " ", (int)len, text);
		column += len + !line_start;
		line_start = false;
		text += len + (text[len] == ' ');
	}
	fputc('\n', file);
}

static void help_options(FILE *file, const char *title, const struct hc_option *options,
			 const struct parser *parser)
{
	fprintf(file, "\n%s:\n", title);
	for (; options->name; options++) {
		char left[64], states[256], help[sizeof(states) + 32];

		if (!options->help)
			continue;
		/* A letter that the verb uses for something else doesn't show here. */
		bool letter = options->letter &&
			      parser->options[option_index(parser, options->letter)] == options;
		bool optional = is_optional(options);
		int len = snprintf(left, sizeof(left), "  %c%c%s--%s%s%s", letter ? '-' : ' ',
				   letter ? options->letter : ' ', letter ? ", " : "  ",
				   options->name,
				   !options->value ? ""
				   : optional      ? "[="
						   : " ",
				   options->value ? options->value + optional : "");
		if (len >= HELP_INDENT)
			fprintf(file, "%s\n%*s", left, HELP_INDENT, "");
		else
			fprintf(file, "%-*s", HELP_INDENT, left);
		hc_select_state_names(states, sizeof(states));
		snprintf(help, sizeof(help), "%s (default: in-use)", states);
		help_text(file, options->help == states_help ? help : options->help, HELP_INDENT,
			  HELP_INDENT);
	}
}

/** The columns of each table, for --columns and --sort. */
static void help_columns(FILE *file, const struct hc_verb *verb)
{
	for (const struct hc_shape *const *shape = verb->tables; shape && *shape; shape++) {
		fprintf(file, "\nColumns%s%s:\n", (*shape)->name ? " of " : "",
			(*shape)->name ? (*shape)->name : "");
		for (unsigned i = 0; i < (*shape)->num_columns; i++) {
			const struct hc_column *column = &(*shape)->columns[i];
			if (!*column->name || !column->help)
				continue;
			fprintf(file, "  %-*s", HELP_INDENT - 2, column->name);
			if (strlen(column->name) > HELP_INDENT - 3)
				fprintf(file, "\n%*s", HELP_INDENT, "");
			help_text(file, column->help, HELP_INDENT, HELP_INDENT);
		}
		if ((*shape)->more) {
			fputs("  and ", file);
			help_text(file, (*shape)->more, 6, 2);
		}
	}
}

void hc_options_help(const struct hc_verb *verb, FILE *file)
{
	struct parser parser;

	build_parser(verb, &parser);
	fprintf(file, "usage: heapcore %s [OPTION]... %s\n\n", verb->name, verb->arguments);
	help_text(file, verb->description, 0, 0);
	if (verb->options)
		help_options(file, "Options", verb->options, &parser);
	if (verb->selection)
		help_options(file, "Which chunks", selection_options, &parser);
	help_options(file, "Common options", common_options, &parser);
	help_columns(file, verb);
	fprintf(file, "\nExamples:\n%s", verb->examples);
}
