/**
 * @file
 * Samples: the bytes of one chunk, as far as --content lets them show.
 */
#ifndef HC_CMD_SHOW_SAMPLE_H
#define HC_CMD_SHOW_SAMPLE_H

#include "analyzers/content/classifier.h"
#include "cmd/session.h"

struct hc_sampler {
	const struct hc_session *session;
	struct hc_classifier_scratch *scratch;
};

/** Columns of a sample in JSON, where no screen limits it. */
#define HC_SAMPLE_DATA 256

struct hc_error *hc_sampler_init(struct hc_sampler *sampler, const struct hc_session *session);
void hc_sampler_deinit(struct hc_sampler *sampler);
#define hc_cleanup_sampler hc_cleanup(hc_sampler_deinit)

/**
 * A sample of the chunk at @p address: quoted text for a textual class, else words.
 *
 * @param max columns; 0: HC_SAMPLE_DATA. --content full lifts the bound of JSON
 * @return to be freed by the caller; NULL when it may not show, is missing, or without memory
 */
char *hc_sampler_text(const struct hc_sampler *sampler, uint64_t address, size_t max);

/** Title of a class for people; NULL when --content hides it or there is none. */
const char *hc_class_title(const struct hc_session *session, hc_class_id class);

/** Name of a class for programs; NULL as above. */
const char *hc_class_name(const struct hc_session *session, hc_class_id class);

#endif
