/**
 * @file
 * The tables of verbs and options as JSON: what tests compare with everything that is written
 * about them.
 */
#include "cmd/reference/reference.h"

#include <jansson.h>

#include "core/base/cleanup.h"

static json_t *words(const struct hc_verb *verb, const struct hc_option *option)
{
	json_t *ret = json_array();
	const char *word;

	for (unsigned i = 0; (word = hc_option_word(verb, option, i)); i++)
		json_array_append_new(ret, json_string(word));
	return ret;
}

static json_t *option_json(const struct hc_verb *verb, const struct hc_verb_option *item)
{
	static const char *const owners[] = {
		[HC_OWNER_VERB] = "verb",
		[HC_OWNER_SELECTION] = "selection",
		[HC_OWNER_COMMON] = "common",
	};
	static const char *const kinds[] = {
		[HC_VALUE_ANY] = "any",     [HC_VALUE_FILE] = "file", [HC_VALUE_OUTPUT] = "file",
		[HC_VALUE_DIR] = "dir",     [HC_VALUE_WORD] = "word", [HC_VALUE_LIST] = "list",
		[HC_VALUE_CLASS] = "class",
	};
	const struct hc_option *option = item->option;
	hc_cleanup_free char *help = option->help ? hc_option_help(option) : NULL;
	char letter[] = {item->letter, '\0'};

	return json_pack("{ss ss ss ss? sb ss? ss? ss so}", "name", option->name, "owner",
			 owners[item->owner], "letter", letter, "value", option->value, "optional",
			 hc_option_is_optional(option), "help", help, "more", option->more, "kind",
			 kinds[option->kind], "words", words(verb, option));
}

static json_t *verb_json(const struct hc_verb *verb)
{
	struct hc_verb_options list;
	json_t *options = json_array();

	hc_options_list(verb, &list);
	for (unsigned i = 0; i < list.num; i++)
		json_array_append_new(options, option_json(verb, &list.items[i]));
	return json_pack("{ss ss ss so}", "name", verb->name, "arguments", verb->arguments,
			 "summary", verb->summary, "options", options);
}

void hc_tables_write(FILE *file)
{
	json_t *verbs = json_array();

	for (size_t i = 0; hc_verbs[i]; i++)
		json_array_append_new(verbs, verb_json(hc_verbs[i]));
	json_t *document = json_pack("{ss so}", "version", HC_VERSION, "verbs", verbs);
	if (!document || json_dumpf(document, file, JSON_INDENT(1)) < 0)
		fputs("null", file);
	fputc('\n', file);
	json_decref(document);
}
