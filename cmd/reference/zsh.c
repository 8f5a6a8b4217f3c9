/**
 * @file
 * Completion for zsh; see reference.h. Each verb has a call of _arguments with all its options.
 */
#include "cmd/reference/reference.h"

#include <string.h>

#include "core/base/cleanup.h"

static const char head[] =
	"#compdef heapcore\n"
	"# zsh completion for heapcore, written from its own tables when it was built.\n"
	"\n"
	"_heapcore_classes()\n"
	"{\n"
	"\tlocal -a classes\n"
	"\tclasses=(${(f)\"$(${~heapcore}" HC_LIST_CLASSES ")\"})\n"
	"\t_describe -t classes 'content class' classes\n"
	"}\n"
	"\n";

static const char middle[] = "_heapcore()\n"
			     "{\n"
			     "\tlocal heapcore=$words[1] verb=$words[2]\n"
			     "\tif (( CURRENT == 2 )); then\n"
			     "\t\t_heapcore_verbs\n"
			     "\t\t_values 'option' --help --version\n"
			     "\t\treturn\n"
			     "\tfi\n"
			     "\tshift words\n"
			     "\t(( CURRENT-- ))\n"
			     "\tcase $verb in\n"
			     "\thelp) _heapcore_verbs ;;\n";

static const char tail[] = "\tesac\n"
			   "}\n"
			   "\n"
			   "_heapcore \"$@\"\n";

/** Text between single quotes, where it is part of a specification: some characters end parts. */
static void put_quoted(FILE *file, const char *text, const char *special)
{
	for (; *text; text++) {
		if (*text == '\'')
			fputs("'\\''", file);
		else if (strchr(special, *text))
			fprintf(file, "\\%c", *text);
		else
			fputc(*text, file);
	}
}

static void put_verbs(FILE *file)
{
	fputs("_heapcore_verbs()\n{\n\tlocal -a verbs=(\n", file);
	for (size_t i = 0; hc_verbs[i]; i++) {
		fprintf(file, "\t\t'%s:", hc_verbs[i]->name);
		put_quoted(file, hc_verbs[i]->summary, ":\\");
		fputs("'\n", file);
	}
	fputs("\t)\n\t_describe -t verbs 'verb' verbs\n}\n\n", file);
}

/** What completes a value. */
static void put_action(FILE *file, const struct hc_verb *verb, const struct hc_option *option)
{
	const char *word;

	switch (option->kind) {
	case HC_VALUE_ANY:
		fputc(' ', file);
		break;
	case HC_VALUE_FILE:
	case HC_VALUE_OUTPUT:
		fputs("_files", file);
		break;
	case HC_VALUE_DIR:
		fputs("_files -/", file);
		break;
	case HC_VALUE_CLASS:
		fputs("_heapcore_classes", file);
		break;
	case HC_VALUE_WORD:
	case HC_VALUE_LIST:
		fputs(option->kind == HC_VALUE_WORD ? "(" : "_sequence compadd -", file);
		for (unsigned i = 0; (word = hc_option_word(verb, option, i)); i++)
			fprintf(file, "%s%s", i || option->kind == HC_VALUE_LIST ? " " : "", word);
		fputs(option->kind == HC_VALUE_WORD ? ")" : "", file);
		break;
	}
}

/** What comes before two names of one option: it repeats, or one of them is enough. */
static void put_either(FILE *file, const struct hc_verb_option *item)
{
	if (item->option->repeats)
		fputs("'*'", file);
	else
		fprintf(file, "'(-%c --%s)'", item->letter, item->option->name);
}

/** "(-o --output)'{-o,--output=}'[write to ...]:FILE:_files", or without a letter less of it. */
static void put_option(FILE *file, const struct hc_verb *verb, const struct hc_verb_option *item)
{
	const struct hc_option *option = item->option;
	hc_cleanup_free char *help = hc_option_help(option);
	bool optional = hc_option_is_optional(option);

	fputs(" \\\n\t\t\t", file);
	if (item->letter) {
		put_either(file, item);
		fprintf(file, "{-%c%s,--%s%s}'", item->letter, option->value ? "+" : "",
			option->name, option->value ? "=" : "");
	} else {
		fprintf(file, "'%s--%s%s", option->repeats ? "*" : "", option->name,
			optional        ? "=-"
			: option->value ? "="
					: "");
	}
	fputc('[', file);
	put_quoted(file, help ? help : option->help, "[]\\");
	fputc(']', file);
	if (option->value) {
		fputs(optional ? "::" : ":", file);
		put_quoted(file, option->value, ":\\");
		fputc(':', file);
		put_action(file, verb, option);
	}
	fputc('\'', file);
}

static void put_verb(FILE *file, const struct hc_verb *verb)
{
	struct hc_verb_options list;

	fprintf(file, "\t%s)\n\t\t_arguments -s -S", verb->name);
	hc_options_list(verb, &list);
	for (unsigned i = 0; i < list.num; i++) {
		if (list.items[i].option->help)
			put_option(file, verb, &list.items[i]);
	}
	/* The first argument is a file for every verb, what follows is an address or a pattern. */
	fprintf(file, " \\\n\t\t\t'1:%s:_files'%s\n\t\t;;\n",
		verb->arguments[0] == '[' ? "file" : "core", verb->max_args > 1 ? " '*: : '" : "");
}

void hc_zsh_write(FILE *file)
{
	fputs(head, file);
	put_verbs(file);
	fputs(middle, file);
	for (size_t i = 0; hc_verbs[i]; i++)
		put_verb(file, hc_verbs[i]);
	fputs(tail, file);
}
