/**
 * @file
 * Counting repeats and lines of templates: both look at the lines (tokens.h) of the same chunks, so
 * each line is found once and told to both.
 *
 * A pass (struct hc_repeats_pass, struct hc_template_pass) first learns what to count. Then each
 * worker tells it the chunks that it comes by, and their lines; a worker's counts are its own. What
 * all have counted is brought together at the end. Each function belongs to the module of its name.
 */
#ifndef HC_ANALYZERS_ALIKE_COUNT_LINES_H
#define HC_ANALYZERS_ALIKE_COUNT_LINES_H

#include "analyzers/alike/repeats.h"
#include "analyzers/alike/template.h"

struct hc_repeats_pass;
struct hc_template_pass;

/** @name Learning: @p ret is freed by the caller, by hc_repeats_pass_freep() and the like */
/**@{*/
struct hc_error *hc_repeats_find(struct hc_target *target, const struct hc_chunk_sample *sample,
				 struct hc_repeats_pass **ret);
/** @param sample must outlive the pass */
struct hc_error *hc_template_learn(struct hc_target *target, const struct hc_chunk_sample *sample,
				   struct hc_template_pass **ret);
/**@}*/

/** @name A chunk and its lines, in order. @return whether another line of it could count */
/**@{*/
bool hc_repeats_begin_chunk(struct hc_repeats_pass *pass, unsigned worker, uint64_t address);
bool hc_repeats_add_line(struct hc_repeats_pass *pass, unsigned worker, struct hc_bytes line);
bool hc_template_begin_chunk(struct hc_template_pass *pass, unsigned worker);
bool hc_template_add_line(struct hc_template_pass *pass, unsigned worker, struct hc_bytes line);
/**@}*/

/**
 * @name The end
 *
 * @param jobs    workers there were
 * @param counted chunks
 */
/**@{*/
struct hc_error *hc_repeats_end(struct hc_repeats_pass *pass, unsigned jobs, uint64_t counted,
				struct hc_repeats *ret);
struct hc_error *hc_template_end(struct hc_template_pass *pass, unsigned jobs, uint64_t counted,
				 struct hc_template *ret);
/**@}*/

void hc_repeats_pass_freep(struct hc_repeats_pass **pass);
void hc_template_pass_freep(struct hc_template_pass **pass);

/**
 * All of it.
 *
 * @param[out] repeats       NULL: not wanted
 * @param[out] text_template the same
 */
struct hc_error *hc_count_lines(struct hc_target *target, const struct hc_chunk_sample *sample,
				struct hc_repeats *repeats, struct hc_template *text_template);

#endif
