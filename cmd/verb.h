/**
 * @file
 * What a verb is: a row that main.c dispatches on, written beside the verb's code.
 *
 * run() reads top to bottom: open, analyze, render. It prints results to session->out only, returns
 * errors instead of printing them, and sets session->status to 1 when the answer is "no".
 */
#ifndef HC_CMD_VERB_H
#define HC_CMD_VERB_H

#include "cmd/session.h"
#include "cmd/options.h"

struct hc_verb {
	const char *name;
	const char *arguments;   /**< "CORE ADDRESS" */
	const char *summary;     /**< one line, for the list of verbs */
	const char *description; /**< one or two sentences, for its own help */
	const char *status_1;    /**< when the exit status is 1, for its manual; NULL: never */
	const char *examples;    /**< lines, each with two blanks before it */
	int min_args, max_args;  /**< positional arguments, CORE included */
	int num_inputs;          /**< the first of these that are files to read; 0: CORE alone */
	unsigned formats;        /**< bit per hc_format */
	enum hc_format format;   /**< unless --format says otherwise; 0: text */
	unsigned json_version;   /**< of what it writes as JSON; 0: the first */
	bool selection;          /**< takes the selection options */
	bool counts;             /**< of those not --limit: it counts chunks and lists none */
	bool suppresses;         /**< nor --suppress: it has one of its own */
	bool own_output;         /**< opens --output itself */
	bool for_others;         /**< what it writes is passed on: --content is class by default */
	const struct hc_shape *const *tables; /**< what --columns can be about, up to NULL */
	const struct hc_option *options;      /**< its own; NULL: none */
	/** Set one of its own options. @param value NULL for one without a value */
	struct hc_error *(*set)(void *own, int id, const char *value);
	size_t own_size;          /**< bytes of the struct that set() fills */
	const void *own_defaults; /**< its initial contents; NULL: all zero */
	struct hc_error *(*run)(struct hc_session *session);
};

/** The members that describe a verb's own options: all four, or none. */
#define HC_VERB_OWN(table, set_fn, type, defaults)                                                 \
	.options = (table), .set = (set_fn), .own_size = sizeof(type), .own_defaults = (defaults)

/** The tables of a verb. */
#define HC_VERB_TABLES(...)                                                                        \
	.tables = (const struct hc_shape *const[])                                                 \
	{                                                                                          \
		__VA_ARGS__, NULL                                                                  \
	}

/** The number behind "heapcore.VERB/" of the verb's schema. */
static inline unsigned hc_verb_json_version(const struct hc_verb *verb)
{
	return verb->json_version ? verb->json_version : 1;
}

/** Of verbs that build stacks, too. */
#define HC_FORMATS_STACKS (1u << HC_FORMAT_COLLAPSED | 1u << HC_FORMAT_PPROF)

/** All that documents can be written in. */
#define HC_FORMATS_ALL ((1u << HC_FORMAT_HEX) - 1)

extern const struct hc_verb hc_verb_analyze, hc_verb_info, hc_verb_maps, hc_verb_arenas,
	hc_verb_histogram, hc_verb_chunks, hc_verb_leaks, hc_verb_what, hc_verb_classify,
	hc_verb_common, hc_verb_grep, hc_verb_strings, hc_verb_dump, hc_verb_check,
	hc_verb_signatures, hc_verb_types, hc_verb_refs, hc_verb_diff, hc_verb_threads,
	hc_verb_retained, hc_verb_containers, hc_verb_export, hc_verb_sql, hc_verb_report,
	hc_verb_shell;

/** Every verb, in the order of the help; NULL ends the list. */
extern const struct hc_verb *const hc_verbs[];

/** @return NULL: there is none of that name */
const struct hc_verb *hc_verb_find(const char *name);

#endif
