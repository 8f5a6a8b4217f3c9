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

void hc_help(FILE *file)
{
	fputs("usage: heapcore VERB [OPTION]... CORE [ARGUMENT]...\n\n"
	      "Finds out, from a core dump alone, where a process's memory went: what leaked,\n"
	      "what grew, what malloc keeps, and what is in it.\n\n"
	      "Verbs:\n",
	      file);
	for (size_t i = 0; hc_verbs[i]; i++)
		fprintf(file, "  %-10s %s\n", hc_verbs[i]->name, hc_verbs[i]->summary);
	fputs("\n'heapcore VERB --help' shows the options of a verb.\n\n"
	      "Exit status: 0 done; 1 the answer is no (grep without a match, more leaked than\n"
	      "--fail-if-leaked allows); 2 bad usage, nothing could be analyzed, or the core\n"
	      "lacks what would tell (--fail-if-leaked).\n\n"
	      "Begin with:\n"
	      "  gcore PID                    take a core of a live process\n"
	      "  heapcore analyze core.PID    where the memory is, and what to look at next\n",
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

static void help_options(FILE *file, const char *title, const struct hc_verb_options *list,
			 enum hc_option_owner owner)
{
	bool titled = false;

	for (unsigned i = 0; i < list->num; i++) {
		if (list->items[i].owner != owner || !list->items[i].option->help)
			continue;
		if (!titled)
			fprintf(file, "\n%s:\n", title);
		titled = true;
		help_option(file, &list->items[i]);
	}
}

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
	for (size_t i = 0; verb->tables && verb->tables[i]; i++)
		help_shape(file, verb->tables[i]);
}

void hc_help_verb(const struct hc_verb *verb, FILE *file)
{
	struct hc_verb_options list;

	hc_options_list(verb, &list);
	fprintf(file, "usage: heapcore %s [OPTION]... %s\n\n", verb->name, verb->arguments);
	help_text(file, verb->description, 0, 0);
	help_options(file, "Options", &list, HC_OWNER_VERB);
	help_options(file, "Which chunks", &list, HC_OWNER_SELECTION);
	help_options(file, "Common options", &list, HC_OWNER_COMMON);
	help_columns(file, verb);
	fprintf(file, "\nExamples:\n%s", verb->examples);
}
