/**
 * @file
 * heapcore strings: runs of printable characters in chunks or mappings, one by one or counted.
 *
 * A search for runs; hits.h does the work. Unlike those of grep, its matches are bytes that nobody
 * asked for by themselves, so secrets in them are masked.
 */
#include "analyzers/search/search.h"
#include "cmd/verbs/hits.h"
#include "cmd/verb.h"
#include "core/base/cleanup.h"

/**
 * A pointer of a 64-bit process has at most six bytes that are not zero: what is shorter than seven
 * is often one. As strings(1) has no such neighbours to fear, its bound is 4.
 */
#define DEFAULT_MIN 7

struct own {
	struct hc_hits hits;
	uint64_t min;
	bool wide;
};

static const struct own own_defaults = {.min = DEFAULT_MIN};

enum own_id { OWN_MIN = HC_HITS_NUM_OPTIONS, OWN_WIDE, OWN_ONLY };

static const struct hc_option own_options[] = {
	{OWN_MIN, 'n', "min", "N", "characters that a string has at least (default: 7)"},
	{OWN_WIDE, 0, "wide", NULL, "strings of UTF-16LE"},
	{OWN_ONLY, 0, "only-strings", NULL, "no addresses and sizes: a string per line"},
	HC_HITS_OPTIONS,
	{0},
};

static struct hc_error *set(void *ctx, int id, const char *value)
{
	struct own *own = ctx;

	switch ((enum own_id)id) {
	case OWN_MIN:
		return hc_parse_count("--min", value, &own->min);
	case OWN_WIDE:
		own->wide = own->hits.narrow = true;
		return NULL;
	case OWN_ONLY:
		own->hits.bare = true;
		return NULL;
	}
	return hc_hits_set(&own->hits, id, value);
}

/** Largest --min: PCRE2's bound on repeat counts, which wide strings go by. */
#define MAX_MIN 65535

static struct hc_error *compile(const struct own *own, struct hc_pattern **ret)
{
	static const struct hc_pattern_options options;
	char text[64];

	if (!own->min || own->min > MAX_MIN)
		return hc_error_create(HC_ERROR_ARGUMENT, "--min takes 1 to %d", MAX_MIN);
	if (!own->wide)
		return hc_pattern_compile_runs(own->min, ret);
	snprintf(text, sizeof(text), "(?:[\\t -~]\\x00){%u,}+", (unsigned)own->min);
	return hc_pattern_compile(text, &options, ret);
}

static inline void destroy_pattern(struct hc_pattern **pattern)
{
	hc_pattern_destroy(*pattern);
}

static struct hc_error *run(struct hc_session *session)
{
	struct own *own = session->options->own;
	hc_cleanup(destroy_pattern) struct hc_pattern *pattern = NULL;

	own->hits.session = session;
	own->hits.masked = true;
	/*
	 * A string is all that shows of a line: what is around it is not printable, or too short.
	 */
	own->hits.has_context = true;
	struct hc_error *err = hc_hits_check(&own->hits);
	if (!err)
		err = compile(own, &pattern);
	return err ? err : hc_hits_run(&own->hits, pattern);
}

const struct hc_verb hc_verb_strings = {
	.name = "strings",
	.arguments = "CORE",
	.summary = "printable text in chunks or mappings, counted with --top",
	.description =
		"Lists runs of printable ASCII characters and tabs, as strings(1) does, but within "
		"chunks: address, chunk size, text. --top counts how often each is there.",
	.status_1 = "There is no such string",
	.examples = "  heapcore strings core.1234 --leaked --top 20\n"
		    "  heapcore strings core.1234 --address 0x55d0c2a0 --min 4\n"
		    "  heapcore strings core.1234 --class other --by size\n"
		    "  heapcore strings core.1234 --stacks --only-strings\n",
	.min_args = 1,
	.max_args = 1,
	.formats = HC_FORMATS_ALL,
	HC_VERB_TABLES(&hc_hits_shape, &hc_hits_texts_shape, &hc_hits_groups_shape,
		       &hc_hits_counts_shape),
	.selection = true,
	HC_VERB_OWN(own_options, set, struct own, &own_defaults),
	.run = run,
};
