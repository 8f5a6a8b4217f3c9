/**
 * @file
 * Owners in text and JSON, and the commands that lead on from each.
 */
#include "cmd/show/owner.h"

#include <stdio.h>
#include <stdlib.h>

#include "cmd/render/escape.h"
#include "cmd/render/text.h"
#include "cmd/render/units.h"
#include "core/base/cleanup.h"

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

static void print_counts(FILE *file, const struct hc_owner *owner)
{
	for (size_t i = 0; i < owner->num_counts; i++) {
		const struct hc_owner_count *count = &owner->counts[i];
		fprintf(file, "%s%s: %s", i ? ", " : "", count->name,
			count->bytes ? hc_unit_bytes(count->value).text
				     : hc_unit_count(count->value).text);
	}
	fputs(".", file);
}

static void print_types(FILE *file, const struct hc_output *out, const struct hc_owner *owner)
{
	for (size_t i = 0; i < owner->num_types && i < SHOWN_TYPES; i++) {
		const struct hc_owner_type *type = &owner->types[i];
		hc_cleanup_free char *name = hc_escape_string(type->name, 0);
		fprintf(file, "%s%s %s %s (%s)",
			i ? ", " : " Most of it: ", hc_unit_count(type->objects).text,
			hc_text_times(out), name ? name : "", hc_unit_bytes(type->bytes).text);
	}
	if (owner->all_types > SHOWN_TYPES)
		fprintf(file, "; %s types in all", hc_unit_count(owner->all_types).text);
	if (owner->num_types)
		fputs(".", file);
}

static void write_owner(struct hc_session *session, const struct hc_owner *owner)
{
	struct hc_output *out = &session->out;
	hc_cleanup_free char *evidence = hc_escape_string(owner->evidence, 0);
	hc_cleanup_free char *numbers = NULL;
	size_t size;
	FILE *file = open_memstream(&numbers, &size);

	if (!file)
		return;
	print_counts(file, owner);
	print_types(file, out, owner);
	if (fclose(file) || !numbers)
		return;
	hc_text_paragraph(out, "  ", 4, false, "%s: %s. Known by: %s.", owner->title,
			  hc_unit_bytes(owner->bytes).text, evidence ? evidence : "");
	if (owner->num_counts)
		hc_text_paragraph(out, "    ", 4, false, "%s", numbers);
}

static bool any_leads_on(const struct hc_owners *owners)
{
	for (size_t i = 0; i < owners->num; i++)
		if (leads_on(&owners->items[i]))
			return true;
	return false;
}

void hc_owners_write(struct hc_session *session, const struct hc_owners *owners)
{
	struct hc_output *out = &session->out;

	if (!any_stands_out(owners))
		return;
	hc_text_heading(out, "Owners outside of malloc");
	for (size_t i = 0; i < owners->num; i++)
		if (hc_owner_stands_out(&owners->items[i]))
			write_owner(session, &owners->items[i]);
	if (any_leads_on(owners)) {
		hc_text_heading(out, "Next");
		hc_text_paragraph(out, "  ", 4, false,
				  "heapcore strings %s --maps --top: the texts that repeat there",
				  session->options->core);
		hc_text_paragraph(out, "  ", 4, false,
				  "heapcore grep %s --maps PATTERN: text or bytes anywhere",
				  session->options->core);
	}
}

static json_t *counts_json(const struct hc_owner *owner)
{
	json_t *ret = json_array();

	for (size_t i = 0; i < owner->num_counts; i++)
		json_array_append_new(ret,
				      json_pack("{ss so sb}", "name", owner->counts[i].name,
						"value", hc_json_number(owner->counts[i].value),
						"bytes", owner->counts[i].bytes));
	return ret;
}

static json_t *types_json(const struct hc_owner *owner)
{
	json_t *ret = json_array();

	for (size_t i = 0; i < owner->num_types; i++) {
		hc_cleanup_free char *name = hc_escape_string(owner->types[i].name, 0);
		json_array_append_new(ret,
				      json_pack("{so so so}", "name", hc_json_text(name), "objects",
						hc_json_number(owner->types[i].objects), "bytes",
						hc_json_number(owner->types[i].bytes)));
	}
	return ret;
}

json_t *hc_owners_json(const struct hc_session *session, const struct hc_owners *owners)
{
	json_t *ret = json_array();

	(void)session;
	for (size_t i = 0; i < owners->num; i++) {
		const struct hc_owner *owner = &owners->items[i];
		hc_cleanup_free char *version =
			owner->version ? hc_escape_string(owner->version, 0) : NULL;
		hc_cleanup_free char *evidence = hc_escape_string(owner->evidence, 0);
		if (!owner->bytes)
			continue;
		json_array_append_new(
			ret,
			json_pack("{ss ss so so so so so so so so}", "name", owner->name, "title",
				  owner->title, "version", hc_json_text(version), "evidence",
				  hc_json_text(evidence), "bytes", hc_json_number(owner->bytes),
				  "reserved", hc_json_number(owner->reserved), "anonymous",
				  hc_json_number(owner->anonymous), "counts", counts_json(owner),
				  "types", types_json(owner), "all_types",
				  hc_json_number(owner->all_types)));
	}
	return ret;
}

char *hc_owners_line(const struct hc_owners *owners)
{
	char *text = NULL;
	bool any = false;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	if (!file)
		return NULL;
	for (size_t i = 0; i < owners->num; i++) {
		if (!hc_owner_stands_out(&owners->items[i]))
			continue;
		fprintf(file, "%s%s %s", any ? ", " : "", owners->items[i].title,
			hc_unit_bytes(owners->items[i].bytes).text);
		any = true;
	}
	if (fclose(file) || !any) {
		free(text);
		return NULL;
	}
	return text;
}
