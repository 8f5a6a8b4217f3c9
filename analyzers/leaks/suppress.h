/**
 * @file
 * Suppressions: leaks that are known, and not to be told again.
 *
 * The file is LeakSanitizer's: a line "leak:PATTERN" each, and # begins a comment. A pattern is
 * found anywhere in a name, unless ^ stands before it or $ behind it; * is any text. It is
 * compared with what a core tells of a lost tree: the type of its root object, the content classes
 * of that and of the tree, by name and by title, and the file of the module that the first word of
 * the root object points into (its vtable, or a constant). Functions that allocated it, of which
 * the sanitizer would know, nothing in a core tells.
 *
 * What is lost has no holder, but what is held does: a line "holder:PATTERN", which the sanitizer
 * does not have, is compared with the place outside of chunks from which a finding is held
 * (findings.h): the variable, global, static or thread-local, the function of a frame and its
 * variable, and the file of their module.
 *
 * Kinds of lines that are other sanitizers' ("race:") are left out with a remark.
 */
#ifndef HC_ANALYZERS_LEAKS_SUPPRESS_H
#define HC_ANALYZERS_LEAKS_SUPPRESS_H

#include "analyzers/leaks/leak_trees.h"
#include "analyzers/reachability/spots.h"

/** Most bytes of a file. */
#define HC_MAX_SUPPRESSION_BYTES (1u << 20)

struct hc_suppression_patterns {
	char **items; /**< into the text of the file */
	size_t num;
};

struct hc_suppressions {
	char *text;                             /**< of the file; patterns end with NUL in it */
	struct hc_suppression_patterns leaks;   /**< of lost trees */
	struct hc_suppression_patterns holders; /**< of what holds the others */
};

/**
 * Read a file.
 *
 * @param diag a remark for each line that is none of ours, with its number
 * @return @ref HC_ERROR_OS, or @ref HC_ERROR_FORMAT for what is no text, with the file's name
 */
struct hc_error *hc_suppressions_read(const char *path, struct hc_diagnostics *diag,
				      struct hc_suppressions *ret);
/** The same of what was read. @param text taken over, with a NUL at its end. @param name in remarks
 */
struct hc_error *hc_suppressions_parse(char *text, const char *name, struct hc_diagnostics *diag,
				       struct hc_suppressions *ret);
void hc_suppressions_deinit(struct hc_suppressions *suppressions);

/** Whether a name is meant by any pattern. @param name NULL: it is not */
bool hc_suppressions_match(const struct hc_suppression_patterns *patterns, const char *name);

/** Whether a holder is meant: any of its names by any pattern. Names are compared as they show. */
struct hc_error *hc_suppressions_match_holder(const struct hc_suppressions *suppressions,
					      const struct hc_spot *spot, bool *ret);

/** Suppressions at work on a target; names are compared once each. */
struct hc_suppressor;

/** @param suppressions must outlive it, as must the target */
struct hc_error *hc_suppressor_create(struct hc_target *target,
				      const struct hc_suppressions *suppressions,
				      struct hc_suppressor **ret);
/** NULL is fine. */
void hc_suppressor_destroy(struct hc_suppressor *suppressor);

/** Whether a tree is suppressed; if so it counts in the sum. NULL: it is not. */
struct hc_error *hc_suppressor_has(struct hc_suppressor *suppressor,
				   const struct hc_leak_tree *tree, bool *ret);

/** Begin the sum anew, and what it is. NULL is fine: nothing. */
void hc_suppressor_begin(struct hc_suppressor *suppressor);
struct hc_count hc_suppressor_sum(const struct hc_suppressor *suppressor);

#endif
