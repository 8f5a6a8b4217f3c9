/**
 * @file
 * Samples: the bytes of one chunk, as an excerpt that shows what kind they are.
 */
#ifndef HC_CMD_SHOW_SAMPLE_H
#define HC_CMD_SHOW_SAMPLE_H

#include "cmd/session.h"

/** Help of a column of samples. */
#define HC_SAMPLE_HELP                                                                             \
	"escaped as \\n, \\xNN and so on; of at most 256 characters unless --content full; null "  \
	"when --content forbids it"

struct hc_sampler {
	const struct hc_session *session;
	struct hc_classifier_scratch *scratch;
	struct hc_excerpt excerpt; /**< the last one */
};

struct hc_error *hc_sampler_init(struct hc_sampler *sampler, const struct hc_session *session);
void hc_sampler_deinit(struct hc_sampler *sampler);
#define hc_cleanup_sampler hc_cleanup(hc_sampler_deinit)

/**
 * A sample of the chunk at @p address: quoted text for a textual class, else words; unknown when
 * there is no such chunk, or its bytes are missing. Good until the next one is taken.
 *
 * @param max columns in text; 0: those of the screen
 */
struct hc_cell hc_sampler_cell(struct hc_sampler *sampler, uint64_t address, unsigned max);

/** A class: name for programs, title for people; unknown for HC_CLASS_NONE. */
struct hc_cell hc_class_cell(const struct hc_session *session, hc_class_id class_id);

/** The type of the object in a chunk; HC_TYPE_NONE: none is known, or types were not read. */
hc_type_id hc_session_type(const struct hc_session *session, const struct hc_chunk *chunk);

/** A type; unknown for HC_TYPE_NONE. */
struct hc_cell hc_type_cell(const struct hc_session *session, hc_type_id type);

/** Chunks of a kind: their type, or else, or where classes may not show, their size in bytes. */
struct hc_cell hc_kind_cell(const struct hc_session *session, hc_type_id type, uint64_t size,
			    struct hc_document *doc);

/** The bytes of the heap at the place of a column or a fact, with the usual bound in data. */
static inline struct hc_excerpt hc_excerpt_of(struct hc_bytes bytes, enum hc_excerpt_form form)
{
	return (struct hc_excerpt){.bytes = bytes, .form = form, .max_data = HC_EXCERPT_DATA};
}

#endif
