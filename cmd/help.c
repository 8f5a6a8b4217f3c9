/**
 * @file
 * --help; see help.h.
 */
#include "cmd/help.h"

#include <string.h>

#include "core/base/cleanup.h"

#define HELP_WIDTH 80
/** Column at which what an option does begins. */
#define HELP_INDENT 26

/**
 * Print text from @p column on, broken between words, with @p indent blanks before the
 * lines that follow.
 */
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

static void help_verbs(FILE *file)
{
	fputs("usage: heapcore VERB [OPTION]... CORE [ARGUMENT]...\n\n"
	      "Finds out, from a core dump alone, where a process's memory went.\n\n"
	      "Verbs:\n",
	      file);
	for (size_t i = 0; hc_verbs[i]; i++)
		fprintf(file, "  %-10s %s\n", hc_verbs[i]->name, hc_verbs[i]->summary);
	fputs("\nMore:\n"
	      "  heapcore VERB --help           a verb and its own options\n"
	      "  heapcore help options          options that all verbs take\n"
	      "  heapcore help selection        options that choose chunks\n"
	      "  heapcore help columns [VERB]   what --columns and --sort take\n\n"
	      "Exit status: 0 done; 1 the answer is no (no match, too much leaked); 2 error\n"
	      "Begin with: gcore PID; heapcore analyze core.PID\n",
	      file);
}

static void help_option(FILE *file, const struct hc_verb_option *item)
{
	const struct hc_option *option = item->option;
	hc_cleanup_free char *help = hc_option_help(option);
	bool optional = hc_option_is_optional(option);
	char left[64];
	int len = snprintf(left, sizeof(left), "  %c%c%s--%s%s%s", item->letter ? '-' : ' ',
			   item->letter ? item->letter : ' ', item->letter ? ", " : "  ",
			   option->name,
			   !option->value ? ""
			   : optional     ? "[="
					  : " ",
			   option->value ? option->value + optional : "");

	if (len >= HELP_INDENT)
		fprintf(file, "%s\n%*s", left, HELP_INDENT, "");
	else
		fprintf(file, "%-*s", HELP_INDENT, left);
	help_text(file, help ? help : option->help, HELP_INDENT, HELP_INDENT);
}

/** The options of one owner, with what they do. */
static void help_options(FILE *file, const struct hc_verb_options *list, enum hc_option_owner owner)
{
	for (unsigned i = 0; i < list->num; i++) {
		if (list->items[i].owner == owner && list->items[i].option->help)
			help_option(file, &list->items[i]);
	}
}

/** @name The page of a verb */
/**@{*/

static void help_verb(FILE *file, const struct hc_verb *verb)
{
	struct hc_verb_options list;

	hc_options_list(verb, &list);
	fprintf(file, "usage: heapcore %s [OPTION]... %s\n\n", verb->name, verb->arguments);
	help_text(file, verb->description, 0, 0);
	fputc('\n', file);
	if (verb->options) {
		fputs("Options:\n", file);
		help_options(file, &list, HC_OWNER_VERB);
	}
	if (verb->selection)
		fputs("Which chunks: --size, --class, --type, --leaked, ...: heapcore help "
		      "selection\n",
		      file);
	fputs("Common options: --format, --output, --content, --exe, ...: heapcore help options\n",
	      file);
	if (verb->tables)
		fprintf(file, "Columns (--columns, --sort): heapcore help columns %s\n",
			verb->name);
	fprintf(file, "\nExamples:\n%s", verb->examples);
}
/**@}*/

/** @name Columns */
/**@{*/

static void help_shape(FILE *file, const struct hc_shape *shape)
{
	fprintf(file, "\nColumns%s%s:\n", shape->name ? " of " : "",
		shape->name ? shape->name : "");
	for (unsigned i = 0; i < shape->num_columns; i++) {
		const struct hc_column *column = &shape->columns[i];

		fprintf(file, "  %-*s", HELP_INDENT - 2, column->name);
		help_text(file, column->help, HELP_INDENT, HELP_INDENT);
	}
	if (!shape->more)
		return;
	fputs("  and ", file);
	help_text(file, shape->more, 6, 2);
}

/** The columns of each table, for --columns and --sort. */
static void help_columns(FILE *file, const struct hc_verb *verb)
{
	fprintf(file, "heapcore %s: %s\n", verb->name,
		verb->tables ? "what --columns and --sort take" : "has no table");
	for (size_t i = 0; verb->tables && verb->tables[i]; i++)
		help_shape(file, verb->tables[i]);
}

static void help_all_columns(FILE *file)
{
	bool later = false;

	for (size_t i = 0; hc_verbs[i]; i++) {
		if (!hc_verbs[i]->tables)
			continue;
		if (later)
			fputc('\n', file);
		later = true;
		help_columns(file, hc_verbs[i]);
	}
}
/**@}*/

/** A page of options that verbs share. */
static void help_shared(FILE *file, const char *title, enum hc_option_owner owner)
{
	struct hc_verb_options list;

	hc_options_list(NULL, &list);
	help_text(file, title, 0, 0);
	fputc('\n', file);
	help_options(file, &list, owner);
}

const char *hc_help_topic(unsigned i)
{
	static const char *const topics[] = {"options", "selection", "columns"};

	return i < sizeof(topics) / sizeof(topics[0]) ? topics[i] : NULL;
}

const char *hc_help_find(int num, char **words, struct hc_help *ret)
{
	*ret = (struct hc_help){0};
	for (int i = 0; i < num; i++) {
		const struct hc_verb *verb = hc_verb_find(words[i]);
		unsigned topic = 0;

		while (hc_help_topic(topic) && strcmp(hc_help_topic(topic), words[i]))
			topic++;
		if (hc_help_topic(topic))
			ret->page = HC_HELP_OPTIONS + topic;
		else if (verb)
			ret->verb = verb;
		else
			return words[i];
	}
	return NULL;
}

void hc_help_write(FILE *file, const void *ctx)
{
	const struct hc_help *help = ctx;

	switch (help->page) {
	case HC_HELP_VERBS:
		if (help->verb)
			help_verb(file, help->verb);
		else
			help_verbs(file);
		break;
	case HC_HELP_OPTIONS:
		help_shared(file,
			    "Common options: every verb takes them, before the verb or behind it.",
			    HC_OWNER_COMMON);
		break;
	case HC_HELP_SELECTION:
		help_shared(file,
			    "Which chunks: a chunk must satisfy all that are given. Sizes may be "
			    "given as 1024, 0x400, 1K or 1KiB.",
			    HC_OWNER_SELECTION);
		break;
	case HC_HELP_COLUMNS:
		if (help->verb)
			help_columns(file, help->verb);
		else
			help_all_columns(file);
		break;
	}
}
