/**
 * @file
 * The list of verbs; see verb.h.
 */
#include "cmd/verb.h"

#include <string.h>

const struct hc_verb *const hc_verbs[] = {
	&hc_verb_analyze,   &hc_verb_info,
	&hc_verb_maps,      &hc_verb_arenas,
	&hc_verb_threads,   &hc_verb_leaks,
	&hc_verb_diff,      &hc_verb_chunks,
	&hc_verb_histogram, &hc_verb_classify,
	&hc_verb_types,     &hc_verb_containers,
	&hc_verb_common,    &hc_verb_grep,
	&hc_verb_strings,   &hc_verb_what,
	&hc_verb_refs,      &hc_verb_retained,
	&hc_verb_dump,      &hc_verb_export,
	&hc_verb_sql,       &hc_verb_report,
	&hc_verb_check,     &hc_verb_signatures,
	&hc_verb_shell,     NULL,
};

const struct hc_verb *hc_verb_find(const char *name)
{
	for (size_t i = 0; hc_verbs[i]; i++) {
		if (!strcmp(hc_verbs[i]->name, name))
			return hc_verbs[i];
	}
	return NULL;
}
