/**
 * @file
 * Completion for fish; see reference.h. One "complete" for each option of each verb.
 */
#include "cmd/reference/reference.h"

#include <string.h>

#include "core/base/cleanup.h"

static const char head[] =
	"# fish completion for heapcore, written from its own tables when it was built.\n"
	"\n"
	"# Whether the verb is one of the arguments.\n"
	"function __heapcore_verb\n"
	"\tset -l words (commandline -opc)\n"
	"\ttest (count $words) -gt 1; and contains -- $words[2] $argv\n"
	"end\n"
	"\n"
	"# Whether no verb was typed yet.\n"
	"function __heapcore_no_verb\n"
	"\ttest (count (commandline -opc)) -eq 1\n"
	"end\n"
	"\n"
	"# The arguments, behind those that were typed already and end in commas.\n"
	"function __heapcore_list\n"
	"\tset -l before (commandline -ct | string replace -r '^-[^=]*=' '' | string replace -r "
	"'[^,]*$' '')\n"
	"\tprintf '%s\\n' $before$argv\n"
	"end\n"
	"\n"
	"function __heapcore_classes\n"
	"\tset -l words (commandline -opc)\n"
	"\teval $words[1]" HC_LIST_CLASSES "\n"
	"end\n"
	"\n"
	"complete -c heapcore -n __heapcore_no_verb -f\n"
	"complete -c heapcore -n __heapcore_no_verb -l help -s h -d 'show the verbs'\n"
	"complete -c heapcore -n __heapcore_no_verb -l version -s V -d 'show the version'\n"
	"complete -c heapcore -n __heapcore_no_verb -a help -d 'show the options of a verb'\n";

static void put_quoted(FILE *file, const char *text)
{
	fputc('\'', file);
	for (; *text; text++) {
		if (*text == '\'' || *text == '\\')
			fputc('\\', file);
		fputc(*text, file);
	}
	fputc('\'', file);
}

static void put_words(FILE *file, const struct hc_verb *verb, const struct hc_option *option)
{
	const char *word;

	for (unsigned i = 0; (word = hc_option_word(verb, option, i)); i++)
		fprintf(file, "%s%s", i ? " " : "", word);
}

/** How the value completes: -r needs one and offers files, -x needs one and does not. */
static void put_value(FILE *file, const struct hc_verb *verb, const struct hc_option *option)
{
	switch (option->kind) {
	case HC_VALUE_ANY:
		fputs(" -x", file);
		break;
	case HC_VALUE_FILE:
	case HC_VALUE_OUTPUT:
		fputs(" -rF", file);
		break;
	case HC_VALUE_DIR:
		fputs(" -x -a '(__fish_complete_directories)'", file);
		break;
	case HC_VALUE_CLASS:
		fputs(" -x -a '(__heapcore_classes)'", file);
		break;
	case HC_VALUE_WORD:
	case HC_VALUE_LIST:
		fputs(option->kind == HC_VALUE_WORD ? " -x -a '" : " -x -a '(__heapcore_list ",
		      file);
		put_words(file, verb, option);
		fputs(option->kind == HC_VALUE_WORD ? "'" : ")'", file);
		break;
	}
}

static void put_option(FILE *file, const struct hc_verb *verb, const struct hc_verb_option *item)
{
	const struct hc_option *option = item->option;
	hc_cleanup_free char *help = hc_option_help(option);

	fprintf(file, "complete -c heapcore -n '__heapcore_verb %s' -l %s", verb->name,
		option->name);
	if (item->letter)
		fprintf(file, " -s %c", item->letter);
	if (option->value && !hc_option_is_optional(option))
		put_value(file, verb, option);
	fputs(" -d ", file);
	put_quoted(file, help ? help : option->help);
	fputc('\n', file);
}

static void put_verb(FILE *file, const struct hc_verb *verb)
{
	struct hc_verb_options list;

	fprintf(file,
		"\ncomplete -c heapcore -n '__heapcore_no_verb; or __heapcore_verb help' -f -a %s "
		"-d ",
		verb->name);
	put_quoted(file, verb->summary);
	fputc('\n', file);
	hc_options_list(verb, &list);
	for (unsigned i = 0; i < list.num; i++) {
		if (list.items[i].option->help)
			put_option(file, verb, &list.items[i]);
	}
}

void hc_fish_write(FILE *file)
{
	fputs(head, file);
	for (size_t i = 0; hc_verbs[i]; i++)
		put_verb(file, hc_verbs[i]);
}
