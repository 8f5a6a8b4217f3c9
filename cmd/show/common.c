/**
 * @file
 * What chunks have in common, as data, and a field of their bytes in words.
 */
#include "cmd/show/common.h"

#include "cmd/render/units.h"
#include "cmd/show/sample.h"

static bool is_number(const struct hc_byte_field *field)
{
	return field->kind == HC_FIELD_COUNTER || field->kind == HC_FIELD_SMALL_INT;
}

static struct hc_cell pointer_phrase(const struct hc_byte_field *field, struct hc_document *doc)
{
	const struct hc_mapping *target = field->target;
	struct hc_cell null = hc_cell_unknown();

	if (field->null_share > 0)
		null = HC_PHRASE(doc, ", {} NULL", hc_cell_share(field->null_share));
	if (!target)
		return HC_PHRASE(doc, "pointer{}", null);
	return HC_PHRASE(doc, "pointer, {} into {}{}{}{}", hc_cell_share(field->target_share),
			 hc_cell_text(hc_mapping_kind_title(target->kind)),
			 hc_cell_text(target->path ? " of " : ""), hc_cell_name(target->path),
			 null);
}

struct hc_cell hc_field_phrase(const struct hc_byte_field *field, struct hc_document *doc)
{
	const char *name = field->kind == HC_FIELD_SMALL_INT ? "small number"
			   : field->kind == HC_FIELD_TAGGED
				   ? "pointer with a tag in its top 16 bits"
				   : hc_field_kind_name(field->kind);
	struct hc_cell detail = hc_cell_unknown();

	if (field->kind == HC_FIELD_POINTER)
		return pointer_phrase(field, doc);
	if (field->kind == HC_FIELD_MIXED && field->pointer_share > 0)
		return HC_PHRASE(doc, "mixed, {} pointers", hc_cell_share(field->pointer_share));
	if (field->kind == HC_FIELD_CONSTANT)
		detail = HC_PHRASE(doc, " {}", hc_cell_address(field->value));
	else if (is_number(field))
		detail = HC_PHRASE(doc, ", {} to {}", hc_cell_count(field->min),
				   hc_cell_count(field->max));
	return HC_PHRASE(doc, "{}{}", hc_cell_text(name), hc_cell_needs(HC_CONTENT_SAMPLE, detail));
}

static void add_bytes(struct hc_document *doc, const char *key, struct hc_bytes bytes)
{
	struct hc_excerpt excerpt = hc_excerpt_of(bytes, HC_EXCERPT_TEXT);

	hc_fact(doc, key, NULL, hc_cell_content(&excerpt));
}

static void add_repeat(const struct hc_repeat *repeat, uint64_t counted, struct hc_document *doc)
{
	const struct hc_token *token = &repeat->token;
	bool key = token->key_size;
	struct hc_cell unknown = hc_cell_unknown();

	hc_begin_object(doc, NULL, HC_CONTENT_NONE);
	add_bytes(doc, "text", token->text);
	hc_fact(doc, "kind", NULL, hc_cell_text(hc_token_kind_name(token->kind)));
	hc_fact(doc, "cut", NULL, hc_cell_bool(token->cut));
	add_bytes(doc, "key", (struct hc_bytes){key ? token->text.data : NULL, token->key_size});
	hc_fact(doc, "chunks", NULL, hc_cell_count(repeat->chunks));
	hc_fact(doc, "share", NULL, hc_cell_share(hc_share(repeat->chunks, counted)));
	hc_fact(doc, "key_tokens", NULL, key ? hc_cell_count(repeat->key_tokens) : unknown);
	hc_fact(doc, "values", NULL, key ? hc_cell_count(repeat->values) : unknown);
	hc_fact(doc, "bits", NULL, key ? hc_cell_real(repeat->bits) : unknown);
	hc_begin_array(doc, "alike", HC_CONTENT_NONE);
	for (size_t i = 0; i < repeat->num_alike; i++)
		add_bytes(doc, "", repeat->alike[i]);
	hc_end(doc);
	hc_end(doc);
}

static void add_repeats(const struct hc_repeats *repeats, struct hc_document *doc)
{
	hc_begin_object(doc, "repeats", HC_CONTENT_SAMPLE);
	hc_fact(doc, "searched", NULL, hc_cell_count(repeats->searched));
	hc_fact(doc, "missed", NULL, hc_cell_count(repeats->missed));
	hc_fact(doc, "counted", NULL, hc_cell_count(repeats->counted));
	hc_begin_array(doc, "texts", HC_CONTENT_SAMPLE);
	for (size_t i = 0; i < repeats->num; i++)
		add_repeat(&repeats->items[i], repeats->counted, doc);
	hc_end(doc);
	hc_end(doc);
}

static void add_slot(const struct hc_template_slot *slot, struct hc_document *doc)
{
	hc_begin_object(doc, NULL, HC_CONTENT_NONE);
	hc_fact(doc, "offset", NULL, hc_cell_count(slot->offset));
	add_bytes(doc, "name",
		  (struct hc_bytes){slot->name.size ? slot->name.data : NULL, slot->name.size});
	hc_fact(doc, "constant", NULL, hc_cell_bool(slot->constant));
	hc_fact(doc, "distinct", NULL, hc_cell_count(slot->distinct));
	hc_fact(doc, "exact", NULL, hc_cell_bool(slot->exact));
	hc_fact(doc, "seen", NULL, hc_cell_count(slot->seen));
	hc_begin_array(doc, "values", HC_CONTENT_NONE);
	for (size_t i = 0; i < slot->num_values; i++) {
		const struct hc_text_count *value = &slot->values[i];

		hc_begin_object(doc, NULL, HC_CONTENT_NONE);
		add_bytes(doc, "text", (struct hc_bytes){value->text, value->size});
		hc_fact(doc, "count", NULL, hc_cell_count(value->matches));
		hc_fact(doc, "error", NULL, hc_cell_count(value->error));
		hc_end(doc);
	}
	hc_end(doc);
	hc_end(doc);
}

struct hc_excerpt hc_template_line_excerpt(const struct hc_template_line *line)
{
	return (struct hc_excerpt){.bytes = {(const uint8_t *)line->text, line->size},
				   .place = line->place};
}

static void add_template(const struct hc_template *text_template, struct hc_document *doc)
{
	hc_begin_object(doc, "template", HC_CONTENT_SAMPLE);
	hc_fact(doc, "learned", NULL, hc_cell_count(text_template->learned));
	hc_fact(doc, "counted", NULL, hc_cell_count(text_template->counted));
	hc_fact(doc, "searched", NULL, hc_cell_count(text_template->searched));
	hc_begin_array(doc, "lines", HC_CONTENT_SAMPLE);
	for (size_t i = 0; i < text_template->num_lines; i++) {
		const struct hc_template_line *line = &text_template->lines[i];
		struct hc_excerpt text = hc_template_line_excerpt(line);

		hc_begin_object(doc, NULL, HC_CONTENT_NONE);
		hc_fact(doc, "text", NULL, hc_cell_content(&text));
		hc_fact(doc, "chunks", NULL, hc_cell_count(line->chunks));
		hc_fact(doc, "share", NULL,
			hc_cell_share(hc_share(line->chunks, text_template->counted)));
		hc_fact(doc, "matches", NULL, hc_cell_count(line->matches));
		hc_fact(doc, "matched_chunks", NULL, hc_cell_count(line->matched_chunks));
		hc_fact(doc, "gap", NULL, line->gap ? hc_cell_count(line->gap) : hc_cell_unknown());
		hc_begin_array(doc, "slots", HC_CONTENT_NONE);
		for (size_t k = 0; k < line->num_slots; k++)
			add_slot(&line->slots[k], doc);
		hc_end(doc);
		hc_end(doc);
	}
	hc_end(doc);
	hc_end(doc);
}

/** A value that stands in the heap. */
static void add_value(struct hc_document *doc, const char *key, bool known, struct hc_cell cell)
{
	hc_fact(doc, key, NULL, known ? hc_cell_needs(HC_CONTENT_SAMPLE, cell) : hc_cell_unknown());
}

static void add_field(const struct hc_byte_field *field, struct hc_document *doc)
{
	bool number = is_number(field), pointer = field->kind == HC_FIELD_POINTER;
	const char *target =
		pointer && field->target ? hc_mapping_kind_name(field->target->kind) : NULL;

	hc_begin_object(doc, NULL, HC_CONTENT_NONE);
	hc_fact(doc, "offset", NULL, hc_cell_number(field->offset));
	hc_fact(doc, "size", NULL, hc_cell_number(field->size));
	hc_fact(doc, "kind", NULL, hc_cell_text(hc_field_kind_name(field->kind)));
	hc_fact(doc, "text", NULL, hc_field_phrase(field, doc));
	hc_fact(doc, "share", NULL, hc_cell_share(field->share));
	add_value(doc, "value", field->kind == HC_FIELD_CONSTANT, hc_cell_address(field->value));
	add_value(doc, "min", number, hc_cell_count(field->min));
	add_value(doc, "max", number, hc_cell_count(field->max));
	hc_fact(doc, "distinct", NULL, hc_cell_count(field->distinct));
	hc_fact(doc, "target", NULL, hc_cell_text(target));
	hc_fact(doc, "null_share", NULL,
		pointer ? hc_cell_share(field->null_share) : hc_cell_unknown());
	hc_end(doc);
}

static void add_columns(const struct hc_byte_profile *profile, struct hc_document *doc)
{
	hc_begin_array(doc, "columns", HC_CONTENT_NONE);
	for (unsigned i = 0; i < profile->num_columns; i++) {
		const struct hc_byte_column *column = &profile->columns[i];

		hc_begin_object(doc, NULL, HC_CONTENT_NONE);
		add_value(doc, "value", true, hc_cell_number(column->value));
		hc_fact(doc, "distinct", NULL, hc_cell_number(column->distinct));
		hc_fact(doc, "share", NULL, hc_cell_share(column->share));
		hc_end(doc);
	}
	hc_end(doc);
}

static void add_profile(const struct hc_byte_profile *profile, bool columns,
			struct hc_document *doc)
{
	if (!profile->usable) {
		hc_fact(doc, "byte_profile", NULL, hc_cell_unknown());
		return;
	}
	hc_begin_object(doc, "byte_profile", HC_CONTENT_CLASS);
	hc_fact(doc, "usable_size", NULL, hc_cell_count(profile->usable));
	hc_fact(doc, "chunks", NULL, hc_cell_count(profile->chunks));
	hc_fact(doc, "looked_at", NULL, hc_cell_count(profile->looked));
	hc_begin_array(doc, "fields", HC_CONTENT_NONE);
	for (size_t i = 0; i < profile->num_fields; i++)
		add_field(&profile->fields[i], doc);
	hc_end(doc);
	if (columns)
		add_columns(profile, doc);
	hc_end(doc);
}

void hc_common_describe(const struct hc_common *common, bool columns, struct hc_document *doc)
{
	hc_fact(doc, "chunks", NULL, hc_cell_count(common->all.chunks));
	hc_fact(doc, "bytes", NULL, hc_cell_bytes(common->all.bytes));
	hc_fact(doc, "kept", NULL, hc_cell_count(common->kept));
	add_repeats(&common->repeats, doc);
	add_template(&common->text_template, doc);
	add_profile(&common->profile, columns, doc);
}
