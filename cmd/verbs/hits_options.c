/**
 * @file
 * Options that all searches have: where to search, what to count.
 */
#include <string.h>

#include "cmd/verbs/hits.h"

#define DEFAULT_TOP 10

/** As everywhere, 0 is all. */
static struct hc_error *parse_top(const char *value, uint64_t *ret)
{
	struct hc_error *err = hc_parse_count("--top", value, ret);

	if (!err && !*ret)
		*ret = UINT64_MAX;
	return err;
}

const char *hc_hits_by_word(unsigned i)
{
	static const char *const words[] = {
		[HC_SEARCH_BY_SIZE] = "size",   [HC_SEARCH_BY_CLASS] = "class",
		[HC_SEARCH_BY_REACH] = "reach", [HC_SEARCH_BY_ARENA] = "arena",
		[HC_SEARCH_BY_TYPE] = "type",
	};

	i += HC_SEARCH_BY_SIZE;
	return i < sizeof(words) / sizeof(words[0]) ? words[i] : NULL;
}

static struct hc_error *parse_by(const char *value, enum hc_search_by *ret)
{
	unsigned word;
	struct hc_error *err = hc_parse_word("--by", value, hc_hits_by_word, &word);

	if (!err)
		*ret = HC_SEARCH_BY_SIZE + word;
	return err;
}

static struct hc_error *set_scope(struct hc_hits *hits, enum hc_search_scope scope)
{
	if (hits->scope != HC_SEARCH_CHUNKS && hits->scope != scope)
		return hc_error_create(HC_ERROR_ARGUMENT,
				       "give only one of --maps, --stacks and --all");
	hits->scope = scope;
	return NULL;
}

struct hc_error *hc_hits_set(struct hc_hits *hits, enum hc_hits_option id, const char *value)
{
	switch (id) {
	case HC_HITS_COUNT:
		hits->count = true;
		return NULL;
	case HC_HITS_ADDRESSES:
		hits->addresses = true;
		return NULL;
	case HC_HITS_TOP:
		hits->top = DEFAULT_TOP;
		return value ? parse_top(value, &hits->top) : NULL;
	case HC_HITS_BY:
		return parse_by(value, &hits->by);
	case HC_HITS_MAPS:
		return set_scope(hits, HC_SEARCH_MAPPINGS);
	case HC_HITS_STACKS:
		return set_scope(hits, HC_SEARCH_STACKS);
	case HC_HITS_ALL:
		return set_scope(hits, HC_SEARCH_ALL);
	case HC_HITS_NUM_OPTIONS:
		break;
	}
	return NULL;
}

struct hc_error *hc_hits_check(const struct hc_hits *hits)
{
	if (hits->bare && !hc_session_shows_bytes(hits->session))
		return hc_error_create(HC_ERROR_ARGUMENT,
				       "%s shows the heap's bytes, which --content forbids",
				       hits->masked ? "--only-strings" : "-o");
	if (hits->scope != HC_SEARCH_CHUNKS && hits->session->options->selection_given)
		return hc_error_create(
			HC_ERROR_ARGUMENT, "%s; options that choose chunks don't go with it",
			hits->scope == HC_SEARCH_MAPPINGS ? "--maps searches mappings"
			: hits->scope == HC_SEARCH_STACKS ? "--stacks searches stacks"
							  : "--all searches everything");
	if (hits->by && hits->scope != HC_SEARCH_CHUNKS)
		return hc_error_create(HC_ERROR_ARGUMENT,
				       "--by groups chunks; it does not go with --maps, --stacks "
				       "or --all");
	if (hits->attribute && hits->scope != HC_SEARCH_CHUNKS)
		return hc_error_create(HC_ERROR_ARGUMENT,
				       "--attribute searches chunks; it does not go with --maps, "
				       "--stacks or --all");
	if (hits->by == HC_SEARCH_BY_CLASS && !hc_session_shows_class(hits->session))
		return hc_error_create(HC_ERROR_ARGUMENT,
				       "--by class shows content classes, which --content forbids");
	if (hits->by == HC_SEARCH_BY_TYPE && !hc_session_shows_class(hits->session))
		return hc_error_create(HC_ERROR_ARGUMENT,
				       "--by type shows what chunks hold, which --content forbids");
	if (hits->addresses + hits->bare + hits->count + (hits->by != HC_SEARCH_BY_NOTHING) > 1)
		return hc_error_create(HC_ERROR_ARGUMENT, "give only one of -c, -l, %s and --by",
				       hits->masked ? "--only-strings" : "-o");
	if (hits->inverted &&
	    (hits->bare || hits->top || hits->attribute || hits->scope != HC_SEARCH_CHUNKS))
		return hc_error_create(HC_ERROR_ARGUMENT,
				       "-v finds chunks without a match; it does not go with -o, "
				       "--top, --attribute, --maps, --stacks or --all");
	if (hits->by && hits->top)
		return hc_error_create(HC_ERROR_ARGUMENT, "give --by or --top, not both");
	return NULL;
}
