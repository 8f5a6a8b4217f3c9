/**
 * @file
 * Owners as parts of a document, and the commands that lead on from each.
 */
#include "cmd/show/owner.h"

/** Types of an owner that are shown in text. */
#define SHOWN_TYPES 6

bool hc_owner_stands_out(const struct hc_owner *owner)
{
	return owner->bytes && (owner->heap || owner->bytes >= 1 << 20);
}

static bool any_stands_out(const struct hc_owners *owners)
{
	for (size_t i = 0; i < owners->num; i++)
		if (hc_owner_stands_out(&owners->items[i]))
			return true;
	return false;
}

/** A row that only holds what it needs itself is not worth a command. */
static bool leads_on(const struct hc_owner *owner)
{
	return owner->heap && owner->bytes >= 1 << 20;
}

static struct hc_cell counts_phrase(const struct hc_owner *owner, struct hc_document *doc)
{
	struct hc_cell list = hc_cell_unknown();

	for (size_t i = 0; i < owner->num_counts; i++) {
		const struct hc_owner_count *count = &owner->counts[i];
		list = hc_phrase_join(doc, list, ", ",
				      HC_PHRASE(doc, "{}: {}", hc_cell_text(count->name),
						count->bytes ? hc_cell_bytes(count->value)
							     : hc_cell_count(count->value)));
	}
	return list;
}

static struct hc_cell types_phrase(const struct hc_owner *owner, struct hc_document *doc)
{
	struct hc_cell list = hc_cell_unknown(), all = hc_cell_unknown();

	for (size_t i = 0; i < owner->num_types && i < SHOWN_TYPES; i++) {
		const struct hc_owner_type *type = &owner->types[i];
		list = hc_phrase_join(doc, list, ", ",
				      HC_PHRASE(doc, "{} {} {} ({})", hc_cell_count(type->objects),
						hc_cell_times(), hc_cell_name(type->name),
						hc_cell_bytes(type->bytes)));
	}
	if (list.kind == HC_CELL_UNKNOWN)
		return list;
	if (owner->all_types > SHOWN_TYPES)
		all = HC_PHRASE(doc, "; {} types in all", hc_cell_count(owner->all_types));
	return HC_PHRASE(doc, " Most of it: {}{}.", list, all);
}

struct hc_cell hc_owner_numbers_phrase(const struct hc_owner *owner, struct hc_document *doc)
{
	return owner->num_counts ? HC_PHRASE(doc, "{}.{}", counts_phrase(owner, doc),
					     types_phrase(owner, doc))
				 : hc_cell_unknown();
}

static void say_owner(const struct hc_owner *owner, struct hc_document *doc)
{
	HC_SAY_AT(doc, hc_margin("  ", 4, false), "{}: {}. Known by: {}.",
		  hc_cell_name(owner->title), hc_cell_bytes(owner->bytes),
		  hc_cell_name(owner->evidence));
	if (owner->num_counts)
		HC_SAY_AT(doc, hc_margin("    ", 4, false), "{}",
			  hc_owner_numbers_phrase(owner, doc));
}

static bool any_leads_on(const struct hc_owners *owners)
{
	for (size_t i = 0; i < owners->num; i++)
		if (leads_on(&owners->items[i]))
			return true;
	return false;
}

void hc_owners_say(const struct hc_session *session, const struct hc_owners *owners,
		   struct hc_document *doc)
{
	struct hc_cell core = hc_cell_name(session->options->core);

	if (!any_stands_out(owners))
		return;
	HC_HEADING(doc, "Owners outside of malloc");
	for (size_t i = 0; i < owners->num; i++)
		if (hc_owner_stands_out(&owners->items[i]))
			say_owner(&owners->items[i], doc);
	if (!any_leads_on(owners))
		return;
	HC_HEADING(doc, "Next");
	HC_SAY_AT(doc, hc_margin("  ", 4, false),
		  "heapcore strings {} --maps --top: the texts that repeat there", core);
	HC_SAY_AT(doc, hc_margin("  ", 4, false),
		  "heapcore grep {} --maps PATTERN: text or bytes anywhere", core);
}

static void describe_counts(const struct hc_owner *owner, struct hc_document *doc)
{
	hc_begin_array(doc, "counts", HC_CONTENT_NONE);
	for (size_t i = 0; i < owner->num_counts; i++) {
		hc_begin_object(doc, NULL, HC_CONTENT_NONE);
		hc_fact(doc, "name", NULL, hc_cell_text(owner->counts[i].name));
		hc_fact(doc, "value", NULL, hc_cell_count(owner->counts[i].value));
		hc_fact(doc, "bytes", NULL, hc_cell_bool(owner->counts[i].bytes));
		hc_end(doc);
	}
	hc_end(doc);
}

static void describe_types(const struct hc_owner *owner, struct hc_document *doc)
{
	hc_begin_array(doc, "types", HC_CONTENT_NONE);
	for (size_t i = 0; i < owner->num_types; i++) {
		hc_begin_object(doc, NULL, HC_CONTENT_NONE);
		hc_fact(doc, "name", NULL, hc_cell_name(owner->types[i].name));
		hc_fact(doc, "objects", NULL, hc_cell_count(owner->types[i].objects));
		hc_fact(doc, "bytes", NULL, hc_cell_bytes(owner->types[i].bytes));
		hc_end(doc);
	}
	hc_end(doc);
	hc_fact(doc, "all_types", NULL, hc_cell_count(owner->all_types));
}

void hc_owners_describe(const struct hc_owners *owners, struct hc_document *doc)
{
	hc_begin_array(doc, "owners", HC_CONTENT_NONE);
	for (size_t i = 0; i < owners->num; i++) {
		const struct hc_owner *owner = &owners->items[i];

		if (!owner->bytes)
			continue;
		hc_begin_object(doc, NULL, HC_CONTENT_NONE);
		hc_fact(doc, "name", NULL, hc_cell_text(owner->name));
		hc_fact(doc, "title", NULL, hc_cell_name(owner->title));
		hc_fact(doc, "version", NULL, hc_cell_name(owner->version));
		hc_fact(doc, "evidence", NULL, hc_cell_name(owner->evidence));
		hc_fact(doc, "bytes", NULL, hc_cell_bytes(owner->bytes));
		hc_fact(doc, "reserved", NULL, hc_cell_bytes(owner->reserved));
		hc_fact(doc, "anonymous", NULL, hc_cell_bytes(owner->anonymous));
		describe_counts(owner, doc);
		describe_types(owner, doc);
		hc_end(doc);
	}
	hc_end(doc);
}

struct hc_cell hc_owners_phrase(const struct hc_owners *owners, struct hc_document *doc)
{
	struct hc_cell list = hc_cell_unknown();

	for (size_t i = 0; i < owners->num; i++) {
		if (hc_owner_stands_out(&owners->items[i]))
			list = hc_phrase_join(doc, list, ", ",
					      HC_PHRASE(doc, "{} {}",
							hc_cell_name(owners->items[i].title),
							hc_cell_bytes(owners->items[i].bytes)));
	}
	return list;
}
