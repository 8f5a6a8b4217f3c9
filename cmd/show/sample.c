/**
 * @file
 * Samples; see sample.h.
 */
#include <stdlib.h>

#include "cmd/show/mask.h"
#include "cmd/render/escape.h"
#include "cmd/show/sample.h"

struct hc_error *hc_sampler_init(struct hc_sampler *sampler, const struct hc_session *session)
{
	*sampler = (struct hc_sampler){.session = session};
	return hc_classifier_scratch_create(session->classifier, &sampler->scratch);
}

void hc_sampler_deinit(struct hc_sampler *sampler)
{
	hc_classifier_scratch_destroy(sampler->scratch);
}

char *hc_sampler_text(const struct hc_sampler *sampler, uint64_t address, size_t max)
{
	const struct hc_session *session = sampler->session;
	unsigned flags = 0;
	struct hc_chunk chunk;

	if (!hc_session_shows_bytes(session) || !address ||
	    !hc_heap_chunk_at(session->heap, address, &chunk))
		return NULL;
	struct hc_bytes bytes = hc_chunk_bytes(session->heap, &chunk);
	if (!bytes.size)
		return NULL;
	if (max)
		flags = session->out.utf8 ? HC_ESCAPE_UTF8 : 0;
	else if (session->options->content != HC_CONTENT_FULL)
		max = HC_SAMPLE_DATA;
	hc_class_id class = hc_classify(session->classifier, sampler->scratch, bytes);
	if (!hc_class_of(session->classifier, class)->textual) {
		if (max && bytes.size > max * session->heap->word_size)
			bytes.size =
				max * session->heap->word_size; /* a word takes three columns */
		hc_cleanup_shown struct hc_shown shown =
			hc_session_show(session, bytes, HC_MASK_SAME_SIZE);
		return hc_escape_words(shown.bytes, session->heap->word_size,
				       session->heap->big_endian, max, flags);
	}
	bytes = hc_class_sample(session->classifier, sampler->scratch, class, bytes);
	return hc_session_escape(session, bytes, max, flags | HC_ESCAPE_QUOTE);
}

const char *hc_class_title(const struct hc_session *session, hc_class_id class)
{
	if (!hc_session_shows_class(session) || class == HC_CLASS_NONE)
		return NULL;
	return hc_class_of(session->classifier, class)->title;
}

const char *hc_class_name(const struct hc_session *session, hc_class_id class)
{
	if (!hc_session_shows_class(session) || class == HC_CLASS_NONE)
		return NULL;
	return hc_class_of(session->classifier, class)->name;
}
