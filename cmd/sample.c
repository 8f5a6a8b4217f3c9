/**
 * @file
 * Samples; see sample.h.
 */
#include <stdlib.h>

#include "cmd/render/escape.h"
#include "cmd/sample.h"

struct hc_error *hc_sampler_init(struct hc_sampler *sampler, const struct hc_session *session)
{
	*sampler = (struct hc_sampler){.session = session};
	struct hc_error *err =
		hc_classifier_create(session->process, session->heap, &sampler->classifier);
	if (err)
		return err;
	return hc_classifier_scratch_create(sampler->classifier, &sampler->scratch);
}

void hc_sampler_deinit(struct hc_sampler *sampler)
{
	hc_classifier_scratch_destroy(sampler->scratch);
	hc_classifier_destroy(sampler->classifier);
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
	enum hc_class_id class = hc_classify(sampler->classifier, sampler->scratch, bytes);
	if (!hc_classes[class].textual)
		return hc_escape_words(bytes, session->heap->word_size, max, flags);
	bytes = hc_class_sample(sampler->classifier, sampler->scratch, class, bytes);
	return hc_escape(bytes, max, flags | HC_ESCAPE_QUOTE);
}

const char *hc_class_title(const struct hc_session *session, enum hc_class_id class)
{
	if (!hc_session_shows_class(session) || class >= HC_NUM_CLASSES)
		return NULL;
	return hc_classes[class].title;
}

const char *hc_class_name(const struct hc_session *session, enum hc_class_id class)
{
	if (!hc_session_shows_class(session) || class >= HC_NUM_CLASSES)
		return NULL;
	return hc_classes[class].name;
}
