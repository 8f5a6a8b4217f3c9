/**
 * @file
 * Manual pages in man(7) macros; see reference.h.
 */
#include "cmd/reference/reference.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/cleanup.h"

/** @name Text */
/**@{*/

static void put_char(FILE *file, char c)
{
	switch (c) {
	case '\\':
		fputs("\\e", file);
		break;
	case '-':
		fputs("\\-", file);
		break;
	case '^':
		fputs("\\(ha", file);
		break;
	case '~':
		fputs("\\(ti", file);
		break;
	case '`':
		fputs("\\(ga", file);
		break;
	default:
		fputc(c, file);
	}
}

/** Bytes of an option that @p text begins with: "--name" or "-x"; 0: of none. */
static size_t option_size(const char *text)
{
	if (!strncmp(text, "--", 2) && islower((unsigned char)text[2]))
		return 2 + strspn(text + 2, "abcdefghijklmnopqrstuvwxyz0123456789-");
	if (text[0] == '-' && isalpha((unsigned char)text[1]) && !isalnum((unsigned char)text[2]))
		return 2;
	return 0;
}

/** Prose, a line for each sentence: options are bold. No line is taken for a request. */
static void put_text(FILE *file, const char *text)
{
	bool word_start = true, line_start = true;

	while (*text) {
		size_t size = word_start ? option_size(text) : 0;

		if (line_start && strchr(".'", *text))
			fputs("\\&", file);
		word_start = !isalnum((unsigned char)*text) && *text != '-';
		line_start = !strncmp(text, ". ", 2);
		if (line_start) {
			fputs(".\n", file);
			text += 2;
			continue;
		}
		if (!size) {
			put_char(file, *text++);
			continue;
		}
		fputs("\\fB", file);
		for (; size; size--)
			put_char(file, *text++);
		fputs("\\fP", file);
	}
}

/** Placeholders, in capitals, are italic: "START[-END]", "FILE|DIR". */
static void put_placeholders(FILE *file, const char *text)
{
	while (*text) {
		size_t size = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZ");

		if (size)
			fprintf(file, "\\fI%.*s\\fP", (int)size, text);
		else
			put_char(file, text[size++]);
		text += size;
	}
}

static void put_upper(FILE *file, const char *text)
{
	for (; *text; text++)
		put_char(file, toupper((unsigned char)*text));
}

/** Text as it is to be typed: quotes stay straight. */
static void put_code(FILE *file, const char *text)
{
	for (; *text; text++) {
		if (*text == '\'')
			fputs("\\(aq", file);
		else
			put_char(file, *text);
	}
}
/**@}*/

/** @name Options */
/**@{*/

/** Whether what an option does begins with a word that it takes, which must stay as it is. */
static bool begins_with_word(const struct hc_option *option, const char *help)
{
	const char *word;

	for (unsigned i = 0; (word = hc_option_word(NULL, option, i)); i++) {
		if (!strncmp(help, word, strlen(word)))
			return true;
	}
	return false;
}

/** "what it does" as a sentence. */
static void put_help(FILE *file, const struct hc_option *option)
{
	hc_cleanup_free char *help = hc_option_help(option);

	if (!help)
		return;
	if (!begins_with_word(option, help))
		help[0] = toupper((unsigned char)help[0]);
	put_text(file, help);
	fputs(".\n", file);
}

static void put_option(FILE *file, const struct hc_verb_option *item, bool more)
{
	const struct hc_option *option = item->option;
	bool optional = hc_option_is_optional(option);

	fputs(".TP\n", file);
	if (item->letter)
		fprintf(file, "\\fB\\-%c\\fP, ", item->letter);
	fputs("\\fB\\-\\-", file);
	put_code(file, option->name);
	fputs("\\fP", file);
	if (option->value) {
		fputs(optional ? "[=" : " ", file);
		put_placeholders(file, option->value + optional);
	}
	fputc('\n', file);
	if (option->help)
		put_help(file, option);
	if (option->more && (more || !option->help)) {
		put_text(file, option->more);
		fputc('\n', file);
	}
}

static void put_options(FILE *file, const struct hc_verb *verb, enum hc_option_owner owner,
			bool more)
{
	struct hc_verb_options list;

	hc_options_list(verb, &list);
	for (unsigned i = 0; i < list.num; i++) {
		const struct hc_verb_option *item = &list.items[i];

		/* What --help is silent about is in heapcore(1) alone. */
		if (item->owner == owner && (item->option->help || more))
			put_option(file, item, more);
	}
}
/**@}*/

/** @name The page of a verb, section by section */
/**@{*/

static void put_title(const struct hc_manual *manual, FILE *file)
{
	fputs(".TH HEAPCORE", file);
	if (manual->verb) {
		fputs("\\-", file);
		put_upper(file, manual->verb->name);
	}
	fprintf(file, " 1 %s \"heapcore %s\" \"User Commands\"\n", manual->date, HC_VERSION);
}

static void put_name(const struct hc_manual *manual, FILE *file)
{
	fprintf(file, ".SH NAME\nheapcore\\-%s \\- ", manual->verb->name);
	put_code(file, manual->verb->summary);
	fputc('\n', file);
}

static void put_synopsis(const struct hc_manual *manual, FILE *file)
{
	fprintf(file, ".SH SYNOPSIS\n\\fBheapcore %s\\fP [\\fIOPTION\\fP]...\\& ",
		manual->verb->name);
	put_placeholders(file, manual->verb->arguments);
	fputc('\n', file);
}

static void put_prose_line(const struct hc_manual *manual, FILE *file, const char *line)
{
	static const char name[] = "@DATADIR@";
	const char *found;

	while ((found = strstr(line, name))) {
		fwrite(line, 1, found - line, file);
		put_code(file, manual->datadir);
		line = found + strlen(name);
	}
	fputs(line, file);
}

static void put_description(const struct hc_manual *manual, FILE *file)
{
	hc_cleanup_free char *line = NULL;
	size_t capacity = 0;

	fputs(".SH DESCRIPTION\n", file);
	put_text(file, manual->verb->description);
	fputc('\n', file);
	while (getline(&line, &capacity, manual->prose) >= 0)
		put_prose_line(manual, file, line);
}

static void put_own_options(const struct hc_manual *manual, FILE *file)
{
	if (!manual->verb->options)
		return;
	fputs(".SH OPTIONS\n", file);
	put_options(file, manual->verb, HC_OWNER_VERB, true);
}

static void put_selection_options(const struct hc_manual *manual, FILE *file)
{
	if (!manual->verb->selection)
		return;
	fputs(".SH WHICH CHUNKS\nA chunk must satisfy all that are given; numbers of bytes may end "
	      "in K, M, G or T.\n"
	      ".BR heapcore (1)\nhas more about each.\n",
	      file);
	put_options(file, manual->verb, HC_OWNER_SELECTION, false);
}

static void put_common_options(const struct hc_manual *manual, FILE *file)
{
	fputs(".SH COMMON OPTIONS\n.BR heapcore (1)\nhas more about each.\n", file);
	put_options(file, manual->verb, HC_OWNER_COMMON, false);
}

static void put_shape(const struct hc_shape *shape, FILE *file)
{
	fprintf(file, ".SS Columns%s%s\n", shape->name ? " of " : "",
		shape->name ? shape->name : "");
	for (unsigned i = 0; i < shape->num_columns; i++) {
		fputs(".TP\n\\fB", file);
		put_code(file, shape->columns[i].name);
		fputs("\\fP\n", file);
		put_text(file, shape->columns[i].help);
		fputc('\n', file);
	}
	if (!shape->more)
		return;
	fputs(".PP\nAnd ", file);
	put_text(file, shape->more);
	fputs(".\n", file);
}

static void put_columns(const struct hc_manual *manual, FILE *file)
{
	if (!manual->verb->tables || !manual->verb->tables[0])
		return;
	fputs(".SH COLUMNS\nWhat\n.BR \\-\\-columns\nand\n.B \\-\\-sort\ntake. CSV has the first "
	      "table, unless options choose another.\n",
	      file);
	for (size_t i = 0; manual->verb->tables[i]; i++)
		put_shape(manual->verb->tables[i], file);
}

static void put_formats(const struct hc_manual *manual, FILE *file)
{
	struct hc_verb_options list;

	fputs(".SH OUTPUT\nFormats:", file);
	hc_options_list(manual->verb, &list);
	for (unsigned i = 0; i < list.num; i++) {
		const struct hc_option *option = list.items[i].option;
		const char *word;

		if (strcmp(option->name, "format"))
			continue;
		for (unsigned k = 0; (word = hc_option_word(manual->verb, option, k)); k++)
			fprintf(file, "%s \\fB%s\\fP", k ? "," : "", word);
	}
	fputs(".\n", file);
	if (!(manual->verb->formats & 1u << HC_FORMAT_JSON))
		return;
	fputs("That of JSON is described in\n.IR ", file);
	put_code(file, manual->datadir);
	fprintf(file, "/heapcore/schema/heapcore.%s.json .\n", manual->verb->name);
}

static void put_exit_status(const struct hc_manual *manual, FILE *file)
{
	fputs(".SH EXIT STATUS\n.TP\n.B 0\nDone.\n", file);
	if (manual->verb->status_1) {
		fputs(".TP\n.B 1\n", file);
		put_text(file, manual->verb->status_1);
		fputs(".\n", file);
	}
	fputs(".TP\n.B 2\nBad usage, unreadable input, nothing could be "
	      "analyzed, or the output could not be written.\n",
	      file);
}

static void put_examples(const struct hc_manual *manual, FILE *file)
{
	const char *line = manual->verb->examples;

	fputs(".SH EXAMPLES\n.EX\n", file);
	while (*line) {
		size_t size = strcspn(line, "\n");
		hc_cleanup_free char *example = strndup(line, size);

		if (example)
			put_code(file, example + strspn(example, " "));
		fputc('\n', file);
		line += size + (line[size] == '\n');
	}
	fputs(".EE\n", file);
}

static void put_see_also(const struct hc_manual *manual, FILE *file)
{
	(void)manual;
	fputs(".SH SEE ALSO\n.BR heapcore (1)\n", file);
}

typedef void section_fn(const struct hc_manual *manual, FILE *file);

/** In the order of the page. */
static section_fn *const sections[] = {
	put_title,          put_name,        put_synopsis,
	put_description,    put_own_options, put_selection_options,
	put_common_options, put_columns,     put_formats,
	put_exit_status,    put_examples,    put_see_also,
};

static void put_verb_page(const struct hc_manual *manual, FILE *file)
{
	for (size_t i = 0; i < sizeof(sections) / sizeof(sections[0]); i++)
		sections[i](manual, file);
}
/**@}*/

/** @name heapcore(1) */
/**@{*/

static void put_verbs(FILE *file)
{
	for (size_t i = 0; hc_verbs[i]; i++) {
		fprintf(file, ".TP\n\\fB%s\\fP ", hc_verbs[i]->name);
		put_placeholders(file, hc_verbs[i]->arguments);
		fputc('\n', file);
		put_text(file, hc_verbs[i]->description);
		fprintf(file, "\nSee\n.BR heapcore\\-%s (1).\n", hc_verbs[i]->name);
	}
}

static void put_main_line(const struct hc_manual *manual, FILE *file, const char *line)
{
	if (!strcmp(line, "@VERBS@\n"))
		put_verbs(file);
	else if (!strcmp(line, "@SELECTION@\n"))
		put_options(file, NULL, HC_OWNER_SELECTION, true);
	else if (!strcmp(line, "@COMMON@\n"))
		put_options(file, NULL, HC_OWNER_COMMON, true);
	else
		put_prose_line(manual, file, line);
}

static void put_main_page(const struct hc_manual *manual, FILE *file)
{
	hc_cleanup_free char *line = NULL;
	size_t capacity = 0;

	put_title(manual, file);
	while (getline(&line, &capacity, manual->prose) >= 0)
		put_main_line(manual, file, line);
}
/**@}*/

void hc_manual_write(const struct hc_manual *manual, FILE *file)
{
	if (manual->verb)
		put_verb_page(manual, file);
	else
		put_main_page(manual, file);
}
