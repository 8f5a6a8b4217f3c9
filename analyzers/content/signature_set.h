/**
 * @file
 * The inside of a set of signatures, for the classifier, attributes and secrets.
 *
 * Every pattern is compiled with PCRE2's JIT. What it may begin with is asked from PCRE2 itself
 * (its table of first bytes), so that a prefilter can't disagree with the pattern.
 */
#ifndef HC_ANALYZERS_CONTENT_SIGNATURE_SET_H
#define HC_ANALYZERS_CONTENT_SIGNATURE_SET_H

#ifndef PCRE2_CODE_UNIT_WIDTH
#define PCRE2_CODE_UNIT_WIDTH 8
#endif
#include <pcre2.h>

#include "analyzers/content/checks.h"
#include "analyzers/pattern/pattern.h"
#include "analyzers/content/signatures.h"

/** The group of a secret's pattern that is masked. */
#define HC_SECRET_GROUP "secret"

/** Where in the run or chunk a pattern must begin. */
enum hc_anchor {
	HC_ANCHOR_START,
	HC_ANCHOR_HEADER, /**< of a chunk: at the start or at one of hc_header_offsets */
	HC_ANCHOR_ANYWHERE,
};

/** What a run of text must be to its chunk, from the least. */
enum hc_evidence {
	HC_EVIDENCE_ANY,   /**< it only is there: what it says must be proof enough */
	HC_EVIDENCE_FIELD, /**< a string in a struct (hc_run_is_field()) */
	HC_EVIDENCE_WHOLE, /**< what the chunk holds (hc_run_is_text()) */
};

/**
 * Where content begins behind a small header: lengths before a string (sds), and aligned structs.
 */
extern const uint8_t hc_header_offsets[];
extern const size_t hc_num_header_offsets;

/** Places of captured groups in a match, by attribute. */
struct hc_group {
	uint32_t number;   /**< PCRE2's */
	uint8_t attribute; /**< index into hc_class::attributes */
};

struct hc_signature_pattern {
	pcre2_code *code;
	bool jit;
	uint64_t first[4];           /**< bit per byte that a match may begin with */
	enum hc_evidence evidence;   /**< of kind text */
	size_t min_size;             /**< bytes that a match has at least */
	struct hc_literals literals; /**< one of which every match holds; none: not known */
	unsigned marks;              /**< bits of hc_text_marks() that every match has */
	struct hc_group *groups;
	size_t num_groups;
};

struct hc_signature {
	struct hc_class about;
	enum hc_anchor anchor;
	enum hc_evidence evidence;    /**< of patterns that don't say, and of a check */
	size_t max_size;              /**< of a run; longer ones don't match; 0: no bound */
	struct hc_literals needed;    /**< one of which must be there besides; none: nothing */
	const struct hc_check *check; /**< of kind code, or secret */
	struct hc_signature_pattern *patterns;
	size_t num_patterns;
	struct hc_signature_pattern
		*extra; /**< of attributes only, found anywhere in the content */
	size_t num_extra;
	struct hc_attribute attributes[HC_MAX_ATTRIBUTES]; /**< names owned */
	struct hc_example *examples;
	unsigned order; /**< in which they were read */
};

struct hc_signatures {
	struct hc_signature *classes; /**< "other", then by precedence */
	size_t num_classes;
	struct hc_signature *secrets;
	size_t num_secrets;
};

/** Match data that fits every pattern, and limits that no honest one needs. NULL without memory. */
struct hc_signature_match {
	pcre2_match_data *data;
	pcre2_match_context *context;
};

struct hc_error *hc_signature_match_init(struct hc_signature_match *match);
void hc_signature_match_deinit(struct hc_signature_match *match);

/**
 * Match one pattern, from offset @p from of the subject on; the groups are in match->data. A
 * pattern that hits PCRE2's limits does not match.
 */
bool hc_signature_pattern_match(const struct hc_signature_pattern *pattern,
				struct hc_signature_match *match, struct hc_bytes subject,
				size_t from);

#endif
