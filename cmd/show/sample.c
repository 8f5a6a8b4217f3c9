/**
 * @file
 * Samples; see sample.h.
 */
#include "cmd/show/sample.h"

struct hc_error *hc_sampler_init(struct hc_sampler *sampler, const struct hc_session *session)
{
	*sampler = (struct hc_sampler){.session = session};
	return hc_classifier_scratch_create(session->target->classifier, &sampler->scratch);
}

void hc_sampler_deinit(struct hc_sampler *sampler)
{
	hc_classifier_scratch_destroy(sampler->scratch);
}

struct hc_cell hc_sampler_cell(struct hc_sampler *sampler, uint64_t address, unsigned max)
{
	const struct hc_session *session = sampler->session;
	struct hc_chunk chunk;

	if (!session->target || !session->target->heap || !address ||
	    !hc_heap_chunk_at(session->target->heap, address, &chunk))
		return hc_cell_unknown();
	struct hc_bytes bytes = hc_chunk_bytes(session->target->heap, &chunk);
	if (!bytes.size)
		return hc_cell_unknown();
	hc_class_id class_id = hc_classify(session->target->classifier, sampler->scratch, bytes);
	bool textual = hc_class_of(session->target->classifier, class_id)->textual;

	if (textual)
		bytes = hc_class_sample(session->target->classifier, sampler->scratch, class_id,
					bytes);
	sampler->excerpt = (struct hc_excerpt){
		.bytes = bytes,
		.form = textual ? HC_EXCERPT_QUOTED : HC_EXCERPT_WORDS,
		.data_form = textual ? HC_EXCERPT_TEXT : HC_EXCERPT_WORDS,
		.max = max,
		.max_data = HC_EXCERPT_DATA,
		.word_size = session->target->heap->word_size,
		.big_endian = session->target->heap->big_endian,
	};
	return hc_cell_content(&sampler->excerpt);
}

struct hc_cell hc_class_cell(const struct hc_session *session, hc_class_id class_id)
{
	if (class_id == HC_CLASS_NONE)
		return hc_cell_unknown();
	const struct hc_class *known = hc_class_of(session->target->classifier, class_id);
	return hc_cell_needs(HC_CONTENT_CLASS, hc_cell_term(known->name, known->title));
}

hc_type_id hc_session_type(const struct hc_session *session, const struct hc_chunk *chunk)
{
	struct hc_types *types = session->target->types;

	return types ? hc_type_of(types, chunk) : HC_TYPE_NONE;
}

struct hc_cell hc_type_cell(const struct hc_session *session, hc_type_id type)
{
	if (type == HC_TYPE_NONE)
		return hc_cell_unknown();
	struct hc_types *types = session->target->types;
	const char *title = session->options->full_names ? NULL : hc_type_short_name(types, type);

	return hc_cell_needs(HC_CONTENT_CLASS, hc_cell_term(hc_type_name(types, type), title));
}

struct hc_cell hc_kind_cell(const struct hc_session *session, hc_type_id type, uint64_t size,
			    struct hc_document *doc)
{
	if (type == HC_TYPE_NONE || !hc_session_shows_class(session))
		return HC_PHRASE(doc, "{} bytes", hc_cell_count(size));
	return hc_type_cell(session, type);
}
