/**
 * @file
 * Completion for bash; see reference.h.
 *
 * A value is looked up by "verb:option": rows of a verb's own come first, then those that all verbs
 * share.
 */
#include "cmd/reference/reference.h"

#include <string.h>

static const char head[] =
	"# shellcheck shell=bash\n"
	"# bash completion for heapcore, written from its own tables when it was built.\n"
	"\n"
	"# Replies with those of the words after the first argument that begin with it.\n"
	"_heapcore_reply()\n"
	"{\n"
	"\tlocal cur=$1\n"
	"\tshift\n"
	"\tmapfile -t COMPREPLY < <(compgen -W \"$*\" -- \"$cur\")\n"
	"}\n"
	"\n";

static const char tail[] =
	"# What comes after an option: $1 is the verb, $2 the option, $3 what has been typed of "
	"its\n"
	"# value. Fails when it takes none.\n"
	"_heapcore_complete_value()\n"
	"{\n"
	"\tlocal kind words=() before heapcore=${COMP_WORDS[0]}\n"
	"\t_heapcore_value \"$1\" \"$2\" || return\n"
	"\tcase $kind in\n"
	"\tfile | directory)\n"
	"\t\tcompopt -o filenames 2>/dev/null\n"
	"\t\tmapfile -t COMPREPLY < <(compgen -A \"$kind\" -- \"$3\")\n"
	"\t\t;;\n"
	"\tword) _heapcore_reply \"$3\" \"${words[@]}\" ;;\n"
	"\tlist)\n"
	"\t\tbefore=${3%\"${3##*,}\"}\n"
	"\t\t_heapcore_reply \"$3\" \"${words[@]/#/$before}\"\n"
	"\t\t;;\n"
	"\tclass)\n"
	"\t\t[[ $heapcore != '~'/* ]] || heapcore=$HOME${heapcore#'~'}\n"
	"\t\t_heapcore_reply \"$3\" \"$(\"$heapcore\"" HC_LIST_CLASSES ")\"\n"
	"\t\t;;\n"
	"\t*) compopt +o default 2>/dev/null ;;\n"
	"\tesac\n"
	"\treturn 0\n"
	"}\n"
	"\n"
	"_heapcore()\n"
	"{\n"
	"\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} "
	"verb=${COMP_WORDS[1]}\n"
	"\tCOMPREPLY=()\n"
	"\tif ((COMP_CWORD == 1)); then\n"
	"\t\t_heapcore_reply \"$cur\" \"$_heapcore_verbs\" help --help --version\n"
	"\t\treturn\n"
	"\tfi\n"
	"\tif [[ $verb == help ]]; then\n"
	"\t\t_heapcore_reply \"$cur\" \"$_heapcore_verbs\"\n"
	"\t\treturn\n"
	"\tfi\n"
	"\t# --option=value is three words where COMP_WORDBREAKS has \"=\", else one.\n"
	"\tif [[ $cur == = && $prev == --* ]]; then\n"
	"\t\t_heapcore_complete_value \"$verb\" \"$prev\" ''\n"
	"\telif [[ $prev == = ]]; then\n"
	"\t\t_heapcore_complete_value \"$verb\" \"${COMP_WORDS[COMP_CWORD - 2]}\" \"$cur\"\n"
	"\telif [[ $cur == --*=* ]]; then\n"
	"\t\t_heapcore_complete_value \"$verb\" \"${cur%%=*}\" \"${cur#*=}\"\n"
	"\t\tCOMPREPLY=(\"${COMPREPLY[@]/#/${cur%%=*}=}\")\n"
	"\telif ((COMP_CWORD > 2)) && [[ $prev == -* ]] && _heapcore_complete_value \"$verb\" "
	"\"$prev\" \"$cur\"; then\n"
	"\t\t:\n"
	"\telif [[ $cur == -* ]]; then\n"
	"\t\tlocal options=\n"
	"\t\t_heapcore_options \"$verb\"\n"
	"\t\t_heapcore_reply \"$cur\" \"$options\"\n"
	"\tfi\n"
	"\t# Everything else is a file.\n"
	"}\n"
	"\n"
	"complete -o default -F _heapcore heapcore\n";

static void put_verbs(FILE *file)
{
	fputs("_heapcore_verbs='", file);
	for (size_t i = 0; hc_verbs[i]; i++)
		fprintf(file, "%s%s", i ? " " : "", hc_verbs[i]->name);
	fputs("'\n\n", file);
}

static void put_verb_options(FILE *file, const struct hc_verb *verb)
{
	struct hc_verb_options list;

	hc_options_list(verb, &list);
	fprintf(file, "\t%s) options='", verb->name);
	for (unsigned i = 0; i < list.num; i++) {
		const struct hc_verb_option *item = &list.items[i];

		if (!item->option->help)
			continue;
		if (item->letter)
			fprintf(file, "-%c ", item->letter);
		fprintf(file, "--%s ", item->option->name);
	}
	fputs("' ;;\n", file);
}

static void put_options(FILE *file)
{
	fputs("# The options of a verb.\n_heapcore_options()\n{\n\tcase $1 in\n", file);
	for (size_t i = 0; hc_verbs[i]; i++)
		put_verb_options(file, hc_verbs[i]);
	fputs("\tesac\n}\n\n", file);
}

/** "verb:-o|verb:--output)": how a row begins; @p name is "*" where any verb is meant. */
static void put_label(FILE *file, const char *name, const struct hc_verb_option *item)
{
	fputc('\t', file);
	if (item->letter)
		fprintf(file, "%s:-%c|", name, item->letter);
	fprintf(file, "%s:--%s) ", name, item->option->name);
}

static void put_value(FILE *file, const struct hc_verb *verb, const struct hc_verb_option *item)
{
	static const char *const kinds[] = {
		[HC_VALUE_ANY] = "any",       [HC_VALUE_FILE] = "file", [HC_VALUE_OUTPUT] = "file",
		[HC_VALUE_DIR] = "directory", [HC_VALUE_WORD] = "word", [HC_VALUE_LIST] = "list",
		[HC_VALUE_CLASS] = "class",
	};
	const struct hc_option *option = item->option;
	const char *word;

	put_label(file, verb ? verb->name : "*", item);
	/* What may be left out is not the next word. */
	if (!option->value || hc_option_is_optional(option)) {
		fputs("return 1 ;;\n", file);
		return;
	}
	fprintf(file, "kind='%s'", kinds[option->kind]);
	if (option->words) {
		fputs(" words=(", file);
		for (unsigned i = 0; (word = hc_option_word(verb, option, i)); i++)
			fprintf(file, "%s%s", i ? " " : "", word);
		fputc(')', file);
	}
	fputs(" ;;\n", file);
}

/** Whether a verb takes other words than all of them together. */
static bool has_fewer_words(const struct hc_verb *verb, const struct hc_option *option)
{
	unsigned i = 0;

	while (hc_option_word(NULL, option, i))
		i++;
	return i && !hc_option_word(verb, option, i - 1);
}

static void put_verb_values(FILE *file, const struct hc_verb *verb)
{
	struct hc_verb_options list;

	hc_options_list(verb, &list);
	for (unsigned i = 0; i < list.num; i++) {
		const struct hc_verb_option *item = &list.items[i];

		if (item->owner == HC_OWNER_VERB || has_fewer_words(verb, item->option))
			put_value(file, verb, item);
	}
}

static void put_values(FILE *file)
{
	struct hc_verb_options list;

	fputs("# The value of an option: sets kind and words, or fails where there is none.\n"
	      "_heapcore_value()\n{\n\tcase $1:$2 in\n",
	      file);
	for (size_t i = 0; hc_verbs[i]; i++)
		put_verb_values(file, hc_verbs[i]);
	hc_options_list(NULL, &list);
	for (unsigned i = 0; i < list.num; i++) {
		if (list.items[i].option->value)
			put_value(file, NULL, &list.items[i]);
	}
	fputs("\t*) return 1 ;;\n\tesac\n}\n\n", file);
}

void hc_bash_write(FILE *file)
{
	fputs(head, file);
	put_verbs(file);
	put_options(file);
	put_values(file);
	fputs(tail, file);
}
