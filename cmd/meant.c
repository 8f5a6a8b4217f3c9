/**
 * @file
 * What was meant; see meant.h.
 */
#include "cmd/meant.h"

#include <stdio.h>
#include <string.h>

#include "cmd/verb.h"
#include "core/base/nearest.h"

/** A word of other tools, and ours for it. */
struct meaning {
	const char *word, *meant;
};

/** Of several rows with one word, the first counts whose verb there is. */
static const struct meaning verbs[] = {
	{"summary", "analyze"},
	{"summarize", "analyze"},
	{"overview", "analyze"},
	{"diagnose", "analyze"},
	{"verdict", "analyze"},
	{"triage", "analyze"},
	{"report", "analyze"},
	{"usage", "analyze"},
	{"findings", "analyze"},
	{"about", "info"},
	{"headers", "info"},
	{"notes", "info"},
	{"modules", "info"},
	{"libraries", "info"},
	{"sharedlibs", "info"},
	{"mappings", "maps"},
	{"pmap", "maps"},
	{"smaps", "maps"},
	{"vmmap", "maps"},
	{"regions", "maps"},
	{"segments", "maps"},
	{"bins", "arenas"},
	{"mallinfo", "arenas"},
	{"malloc-info", "arenas"},
	{"malloc-stats", "arenas"},
	{"fragmentation", "arenas"},
	{"tcache", "arenas"},
	{"lost", "leaks"},
	{"leaked", "leaks"},
	{"memcheck", "leaks"},
	{"valgrind", "leaks"},
	{"findleaks", "leaks"},
	{"allocations", "chunks"},
	{"allocs", "chunks"},
	{"blocks", "chunks"},
	{"ls", "chunks"},
	{"list", "chunks"},
	{"hist", "histogram"},
	{"sizes", "histogram"},
	{"content", "classify"},
	{"contents", "classify"},
	{"classes", "classify"},
	{"objects", "types"},
	{"structs", "types"},
	{"vtables", "types"},
	{"rtti", "types"},
	{"duplicates", "common"},
	{"dups", "common"},
	{"repeats", "common"},
	{"similar", "common"},
	{"alike", "common"},
	{"search", "grep"},
	{"find", "grep"},
	{"rg", "grep"},
	{"egrep", "grep"},
	{"fgrep", "grep"},
	{"text", "strings"},
	{"texts", "strings"},
	{"words", "strings"},
	{"address", "what"},
	{"addr", "what"},
	{"explain", "what"},
	{"inspect", "what"},
	{"whatis", "what"},
	{"examine", "what"},
	{"xref", "refs"},
	{"xref", "what"},
	{"referrers", "refs"},
	{"referrers", "what"},
	{"pointers", "refs"},
	{"pointers", "what"},
	{"holders", "refs"},
	{"holders", "what"},
	{"refs", "what"},
	{"dominators", "retained"},
	{"dominators", "what"},
	{"retained", "what"},
	{"save", "dump"},
	{"extract", "dump"},
	{"hexdump", "dump"},
	{"xxd", "dump"},
	{"hd", "dump"},
	{"x", "dump"},
	{"verify", "check"},
	{"validate", "check"},
	{"corruption", "check"},
	{"damage", "check"},
	{"fsck", "check"},
	{"sanity", "check"},
	{"rules", "signatures"},
};

#define BACKTRACES                                                                                 \
	"gdb shows backtraces (thread apply all bt); 'maps' shows stacks, 'grep --stacks' "        \
	"searches them"

static const struct meaning elsewhere[] = {
	{"bt", BACKTRACES},
	{"backtrace", BACKTRACES},
	{"backtraces", BACKTRACES},
	{"where", BACKTRACES},
	{"frames", BACKTRACES},
	{"stack", BACKTRACES},
	{"stacks", BACKTRACES},
	{"thread", BACKTRACES},
	{"threads", BACKTRACES},
	{"version", "'heapcore --version' says it"},
	{"gcore", "gdb's gcore takes a core: gcore PID"},
};

static const struct meaning options[] = {
	{"n", "--top"},
	{"n", "--limit"},
	{"m", "--limit"},
	{"j", "--jobs"},
	{"f", "--force"},
	{"json", "--format json"},
	{"csv", "--format csv"},
	{"text", "--format text"},
	{"out", "--output"},
	{"outfile", "--output"},
	{"file", "--output"},
	{"overwrite", "--force"},
	{"binary", "--exe"},
	{"executable", "--exe"},
	{"program", "--exe"},
	{"root", "--sysroot"},
	{"symfs", "--sysroot"},
	{"debug", "--debug-dir"},
	{"debuginfo", "--debug-dir"},
	{"symbols", "--debug-dir"},
	{"threads", "--jobs"},
	{"parallel", "--jobs"},
	{"silent", "--quiet"},
	{"no-color", "--color never"},
	{"colour", "--color"},
	{"order", "--sort"},
	{"order-by", "--sort"},
	{"fields", "--columns"},
	{"cols", "--columns"},
	{"no-headers", "--noheadings"},
	{"no-headings", "--noheadings"},
	{"no-header", "--noheadings"},
	{"raw", "--bytes"},
	{"wide", "--full-names"},
	{"long", "--full-names"},
	{"secrets", "--content full"},
	{"show-secrets", "--content full"},
	{"lost", "--leaked"},
	{"leaks", "--leaked"},
	{"leak", "--leaked"},
	{"addr", "--address"},
	{"range", "--address"},
	{"min-size", "--size MIN-"},
	{"max-size", "--size -MAX"},
	{"grep", "--match"},
	{"regex", "--match"},
	{"pattern", "--match"},
	{"contains", "--match"},
	{"free", "--state"},
	{"max-count", "--limit"},
	{"count", "--limit"},
	{"number", "--limit"},
	{"max", "--top"},
	{"max", "--limit"},
	{"head", "--top"},
	{"head", "--limit"},
	{"limit", "--top"},
	{"top", "--limit"},
	{"all", "--top 0"},
	{"fail", "--fail-if-leaked"},
	{"strings", "--only-strings"},
	{"fixed", "--fixed-strings"},
	{"literal", "--fixed-strings"},
	{"not", "--invert-match"},
	{"stack", "--stacks"},
	{"mappings", "--maps"},
};

static const struct meaning words[] = {
	{"used", "in-use"},
	{"inuse", "in-use"},
	{"allocated", "in-use"},
	{"live", "in-use"},
	{"busy", "in-use"},
	{"small", "smallbin"},
	{"large", "largebin"},
	{"fast", "fastbin"},
	{"lost", "definite"},
	{"leaked", "definite"},
	{"unreachable", "definite"},
	{"definitely", "definite"},
	{"indirectly", "indirect"},
	{"possibly", "possible"},
	{"still", "reachable"},
	{"held", "reachable"},
	{"mapped", "mmap"},
	{"jsonl", "json"},
	{"ndjson", "json"},
	{"plain", "text"},
	{"txt", "text"},
	{"table", "text"},
	{"xxd", "hex"},
	{"hexdump", "hex"},
	{"all", "full"},
	{"everything", "full"},
	{"nothing", "none"},
	{"yes", "always"},
	{"on", "always"},
	{"true", "always"},
	{"no", "never"},
	{"off", "never"},
	{"false", "never"},
	{"classes", "class"},
	{"content", "class"},
	{"reachability", "reach"},
};

#define ROWS(table) (table), sizeof(table) / sizeof((table)[0])

/** The next meaning of a word behind @p last, which is NULL at first; NULL: there is no other. */
static const struct meaning *next_meaning(const struct meaning *table, size_t num, const char *word,
					  const struct meaning *last)
{
	for (size_t i = last ? (size_t)(last - table) + 1 : 0; i < num; i++) {
		if (hc_same_word(table[i].word, word))
			return &table[i];
	}
	return NULL;
}

const char *hc_meant_verb(const char *word)
{
	struct hc_nearest nearest = hc_nearest_to(word);

	for (const struct meaning *row = NULL; (row = next_meaning(ROWS(verbs), word, row));) {
		if (hc_verb_find(row->meant))
			return row->meant;
	}
	for (size_t i = 0; hc_verbs[i]; i++)
		hc_nearest_offer(&nearest, hc_verbs[i]->name);
	return nearest.word;
}

const char *hc_meant_elsewhere(const char *word)
{
	const struct meaning *row = next_meaning(ROWS(elsewhere), word, NULL);

	return row ? row->meant : NULL;
}

/** Whether a list has the option that a meaning names: "--format json" is "format". */
static bool has_option(const struct hc_verb_options *list, const char *meant)
{
	size_t len = strcspn(meant + 2, " ");

	for (unsigned i = 0; i < list->num; i++) {
		const char *name = list->items[i].option->name;

		if (strlen(name) == len && !strncmp(name, meant + 2, len))
			return true;
	}
	return false;
}

char *hc_meant_option(const struct hc_verb *verb, const char *name)
{
	struct hc_nearest nearest = hc_nearest_to(name);
	struct hc_verb_options list;
	char *ret;

	hc_options_list(verb, &list);
	for (const struct meaning *row = NULL; (row = next_meaning(ROWS(options), name, row));) {
		if (has_option(&list, row->meant))
			return strdup(row->meant);
	}
	for (unsigned i = 0; i < list.num; i++) {
		if (list.items[i].option->help)
			hc_nearest_offer(&nearest, list.items[i].option->name);
	}
	return nearest.word && asprintf(&ret, "--%s", nearest.word) >= 0 ? ret : NULL;
}

const char *hc_meant_word(hc_word_fn *list, const char *word)
{
	struct hc_nearest nearest = hc_nearest_to(word);

	for (const struct meaning *row = NULL; (row = next_meaning(ROWS(words), word, row));) {
		for (unsigned i = 0; list(i); i++) {
			if (!strcmp(list(i), row->meant))
				return row->meant;
		}
	}
	for (unsigned i = 0; list(i); i++)
		hc_nearest_offer(&nearest, list(i));
	return nearest.word;
}
