/**
 * @file
 * Cycles of references in words.
 */
#include "cmd/show/cycle.h"

#include "cmd/show/sample.h"

struct hc_leak_cycle hc_cycle_of(const struct hc_session *session, uint64_t address)
{
	struct hc_types *types = session->target->types;
	struct hc_leak_cycle cycle;

	if (!types || !hc_leak_cycle_find(session->target->heap, address, &cycle))
		return (struct hc_leak_cycle){.num = 0};
	for (size_t i = 0; i < cycle.num; i++) {
		if (hc_type_is_counted(types, hc_type_of(types, &cycle.steps[i].from)))
			return cycle;
	}
	return (struct hc_leak_cycle){.num = 0};
}

static struct hc_cell kind_of(const struct hc_session *session, const struct hc_chunk *chunk,
			      struct hc_document *doc)
{
	return hc_kind_cell(session, hc_session_type(session, chunk), chunk->size, doc);
}

struct hc_cell hc_cycle_phrase(const struct hc_session *session, const struct hc_leak_cycle *cycle,
			       struct hc_document *doc)
{
	struct hc_cell way = HC_PHRASE(doc, "+{} > ", hc_cell_number(cycle->steps[0].offset));

	for (size_t i = 1; i < cycle->num; i++)
		way = HC_PHRASE(doc, "{}{} +{} > ", way,
				kind_of(session, &cycle->steps[i].from, doc),
				hc_cell_number(cycle->steps[i].offset));
	return HC_PHRASE(doc, "{}back to it", way);
}

void hc_cycle_describe(const struct hc_session *session, const struct hc_leak_cycle *cycle,
		       struct hc_document *doc)
{
	if (!cycle->num) {
		hc_fact(doc, "cycle", NULL, hc_cell_unknown());
		return;
	}
	hc_begin_array(doc, "cycle", HC_CONTENT_NONE);
	for (size_t i = 0; i < cycle->num; i++) {
		const struct hc_leak_step *step = &cycle->steps[i];

		hc_begin_object(doc, NULL, HC_CONTENT_NONE);
		hc_fact(doc, "address", NULL, hc_cell_address(step->from.address));
		hc_fact(doc, "size", NULL, hc_cell_count(step->from.size));
		hc_fact(doc, "type", NULL,
			hc_type_cell(session, hc_session_type(session, &step->from)));
		hc_fact(doc, "offset", NULL, hc_cell_count(step->offset));
		hc_end(doc);
	}
	hc_end(doc);
}
