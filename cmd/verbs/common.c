/**
 * @file
 * heapcore common: what the chunks of a selection, or of each suspect, have in common.
 */
#include "cmd/verbs/common.h"

#include <inttypes.h>
#include <stdlib.h>

#include "analyzers/verdict/verdict.h"
#include "cmd/render/escape.h"
#include "cmd/render/table.h"
#include "cmd/render/text.h"
#include "cmd/render/units.h"
#include "cmd/show/mask.h"
#include "cmd/show/sample.h"
#include "cmd/verb.h"
#include "core/base/cleanup.h"

struct own {
	uint64_t top;
};

enum own_id { OWN_TOP };

static const struct hc_option own_options[] = {
	{OWN_TOP, 't', "top", "N", "show the first N texts that repeat (default 20; 0: all)"},
	{0},
};

static const struct own own_defaults = {.top = 20};

static struct hc_error *set(void *ctx, int id, const char *value)
{
	struct own *own = ctx;

	(void)id;
	return hc_parse_count("--top", value, &own->top);
}

/** @name JSON */
/**@{*/

static json_t *bytes_json(const struct hc_session *session, struct hc_bytes bytes)
{
	bool full = session->options->content == HC_CONTENT_FULL;
	hc_cleanup_free char *text =
		hc_session_escape(session, bytes, full ? 0 : HC_SAMPLE_DATA, 0);

	return hc_json_text(text);
}

static json_t *repeat_json(const struct hc_session *session, const struct hc_repeat *repeat,
			   uint64_t counted)
{
	bool key = repeat->token.key_size;
	json_t *alike = json_array();
	struct hc_bytes name = {repeat->token.text.data, repeat->token.key_size};

	for (size_t i = 0; i < repeat->num_alike; i++)
		json_array_append_new(alike, bytes_json(session, repeat->alike[i]));
	return json_pack("{so ss sb so so so so so so so}", "text",
			 bytes_json(session, repeat->token.text), "kind",
			 hc_token_kind_name(repeat->token.kind), "cut", repeat->token.cut, "key",
			 key ? bytes_json(session, name) : json_null(), "chunks",
			 hc_json_number(repeat->chunks), "share",
			 hc_json_share(hc_share(repeat->chunks, counted)), "key_tokens",
			 key ? hc_json_number(repeat->key_tokens) : json_null(), "values",
			 key ? hc_json_number(repeat->values) : json_null(), "bits",
			 key ? json_real(repeat->bits) : json_null(), "alike", alike);
}

static json_t *repeats_json(const struct hc_session *session, const struct hc_repeats *repeats)
{
	json_t *items = json_array();

	for (size_t i = 0; i < repeats->num; i++)
		json_array_append_new(items,
				      repeat_json(session, &repeats->items[i], repeats->counted));
	return json_pack("{so so so so}", "searched", hc_json_number(repeats->searched), "missed",
			 hc_json_number(repeats->missed), "counted",
			 hc_json_number(repeats->counted), "texts", items);
}

static json_t *slot_json(const struct hc_session *session, const struct hc_template_slot *slot)
{
	json_t *values = json_array();

	for (size_t i = 0; i < slot->num_values; i++) {
		const struct hc_text_count *value = &slot->values[i];
		struct hc_bytes text = {value->text, value->size};

		json_array_append_new(values,
				      json_pack("{so so so}", "text", bytes_json(session, text),
						"count", hc_json_number(value->matches), "error",
						hc_json_number(value->error)));
	}
	return json_pack("{so so sb so sb so so}", "offset", hc_json_number(slot->offset), "name",
			 slot->name.size ? bytes_json(session, slot->name) : json_null(),
			 "constant", slot->constant, "distinct", hc_json_number(slot->distinct),
			 "exact", slot->exact, "seen", hc_json_number(slot->seen), "values",
			 values);
}

static json_t *template_json(const struct hc_session *session, const struct hc_template *template)
{
	json_t *lines = json_array();

	for (size_t i = 0; i < template->num_lines; i++) {
		const struct hc_template_line *line = &template->lines[i];
		json_t *slots = json_array();

		for (size_t k = 0; k < line->num_slots; k++)
			json_array_append_new(slots, slot_json(session, &line->slots[k]));
		hc_cleanup_free char *text = hc_session_escape(
			session, (struct hc_bytes){(const uint8_t *)line->text, line->size}, 0, 0);
		json_array_append_new(
			lines, json_pack("{so so so so}", "text", hc_json_text(text), "chunks",
					 hc_json_number(line->chunks), "share",
					 hc_json_share(hc_share(line->chunks, template->counted)),
					 "slots", slots));
	}
	return json_pack("{so so so}", "learned", hc_json_number(template->learned), "counted",
			 hc_json_number(template->counted), "lines", lines);
}

static bool is_number(const struct hc_byte_field *field)
{
	return field->kind == HC_FIELD_COUNTER || field->kind == HC_FIELD_SMALL_INT;
}

static json_t *field_json(const struct hc_session *session, const struct hc_byte_field *field)
{
	bool bytes = hc_session_shows_bytes(session);
	bool number = is_number(field) && bytes, pointer = field->kind == HC_FIELD_POINTER;
	hc_cleanup_free char *text = hc_field_text(session, field);

	return json_pack("{si si ss so so so so so so so so}", "offset", (int)field->offset, "size",
			 (int)field->size, "kind", hc_field_kind_name(field->kind), "text",
			 hc_json_text(text), "share", hc_json_share(field->share), "value",
			 field->kind == HC_FIELD_CONSTANT && bytes ? hc_json_address(field->value)
								   : json_null(),
			 "min", number ? hc_json_number(field->min) : json_null(), "max",
			 number ? hc_json_number(field->max) : json_null(), "distinct",
			 hc_json_number(field->distinct), "target",
			 pointer && field->target
				 ? json_string(hc_mapping_kind_name(field->target->kind))
				 : json_null(),
			 "null_share", pointer ? hc_json_share(field->null_share) : json_null());
}

static json_t *columns_json(const struct hc_session *session, const struct hc_byte_profile *profile)
{
	bool bytes = hc_session_shows_bytes(session);
	json_t *ret = json_array();

	for (unsigned i = 0; i < profile->num_columns; i++) {
		const struct hc_byte_column *column = &profile->columns[i];

		json_array_append_new(ret,
				      json_pack("{so si so}", "value",
						bytes ? json_integer(column->value) : json_null(),
						"distinct", (int)column->distinct, "share",
						hc_json_share(column->share)));
	}
	return ret;
}

static json_t *profile_json(const struct hc_session *session, const struct hc_byte_profile *profile,
			    bool columns)
{
	if (!profile->usable)
		return json_null();
	json_t *fields = json_array();
	for (size_t i = 0; i < profile->num_fields; i++)
		json_array_append_new(fields, field_json(session, &profile->fields[i]));
	json_t *ret = json_pack("{so so so so}", "usable_size", hc_json_number(profile->usable),
				"chunks", hc_json_number(profile->chunks), "looked_at",
				hc_json_number(profile->looked), "fields", fields);
	if (columns)
		json_object_set_new(ret, "columns", columns_json(session, profile));
	return ret;
}

json_t *hc_common_json(const struct hc_session *session, const struct hc_common *common,
		       bool columns)
{
	bool bytes = hc_session_shows_bytes(session);

	return json_pack(
		"{so so so so so so}", "chunks", hc_json_number(common->all.chunks), "bytes",
		hc_json_number(common->all.bytes), "kept", hc_json_number(common->kept), "repeats",
		bytes ? repeats_json(session, &common->repeats) : json_null(), "template",
		bytes ? template_json(session, &common->template) : json_null(), "byte_profile",
		hc_session_shows_class(session) ? profile_json(session, &common->profile, columns)
						: json_null());
}
/**@}*/

/** @name Repeats in text */
/**@{*/

enum repeat_column { R_CHUNKS, R_SHARE, R_KIND, R_VALUES, R_TEXT, R_NUM };

static const struct hc_column repeat_columns[R_NUM] = {
	[R_CHUNKS] = {"chunks", "CHUNKS", HC_COLUMN_COUNT},
	[R_SHARE] = {"share", "SHARE", HC_COLUMN_SHARE},
	[R_KIND] = {"kind", "KIND", HC_COLUMN_TEXT},
	[R_VALUES] = {"values", "VALUES", HC_COLUMN_TEXT},
	[R_TEXT] = {"text", "TEXT", HC_COLUMN_TEXT, HC_COLUMN_SHRINK | HC_COLUMN_ESCAPED},
};

/** Set the last column to bytes, with text before and after them. */
static void set_bytes(struct hc_session *session, struct hc_table *table, unsigned column,
		      const char *before, struct hc_bytes bytes, const char *after)
{
	hc_cleanup_free char *text =
		hc_session_escape(session, bytes, 0, session->out.utf8 ? HC_ESCAPE_UTF8 : 0);

	hc_table_format(table, column, "%s%s%s", before, text ? text : "", after);
}

static void add_repeat(struct hc_session *session, struct hc_table *table,
		       const struct hc_repeat *repeat, uint64_t counted)
{
	hc_table_add_row(table);
	hc_table_number(table, R_CHUNKS, repeat->chunks);
	hc_table_share(table, R_SHARE, hc_share(repeat->chunks, counted));
	hc_table_text(table, R_KIND, hc_token_kind_name(repeat->token.kind));
	if (repeat->token.key_size)
		hc_table_format(table, R_VALUES, "%u%s", repeat->values,
				repeat->values == HC_REPEATS_MAX_VALUES ? "+" : "");
	set_bytes(session, table, R_TEXT, "", repeat->token.text, repeat->token.cut ? "..." : "");
	for (size_t i = 0; i < repeat->num_alike; i++) {
		hc_table_add_row(table);
		hc_table_text(table, R_KIND, "and");
		set_bytes(session, table, R_TEXT, "", repeat->alike[i], "");
	}
}

static struct hc_error *write_repeats(struct hc_session *session, const struct hc_repeats *repeats)
{
	const struct own *own = session->options->own;
	size_t num = own->top && own->top < repeats->num ? own->top : repeats->num;
	hc_cleanup_table struct hc_table table;

	hc_table_init(&table, repeat_columns, R_NUM);
	if (!num) {
		fputs("\nNo text repeats.\n", session->out.file);
		return NULL;
	}
	hc_text_heading(&session->out, "Texts that repeat");
	hc_cleanup_free char *sought = NULL;
	if ((repeats->searched < repeats->counted || repeats->missed) &&
	    asprintf(&sought,
		     " Sought in %s of them; what is in more than %s of these can't be missed.",
		     hc_unit_count(repeats->searched).text,
		     hc_unit_count(repeats->missed).text) < 0)
		sought = NULL;
	hc_text_paragraph(
		&session->out, "  ", 2, false,
		"Counted in %s chunks, once in each. \"and\": in exactly the same chunks.%s",
		hc_unit_count(repeats->counted).text, sought ? sought : "");
	for (size_t i = 0; i < num; i++)
		add_repeat(session, &table, &repeats->items[i], repeats->counted);
	struct hc_error *err = hc_table_write_text(&table, &session->out, 2);
	if (!err && num < repeats->num)
		fprintf(session->out.file, "  and %zu more; --top 0 shows all\n",
			repeats->num - num);
	return err;
}
/**@}*/

/** @name The template in text */
/**@{*/

enum line_column { L_CHUNKS, L_SHARE, L_TEXT, L_NUM };

static const struct hc_column line_columns[L_NUM] = {
	[L_CHUNKS] = {"chunks", "CHUNKS", HC_COLUMN_COUNT},
	[L_SHARE] = {"share", "SHARE", HC_COLUMN_SHARE},
	[L_TEXT] = {"text", "LINE", HC_COLUMN_TEXT, HC_COLUMN_SHRINK | HC_COLUMN_ESCAPED},
};

/** Columns that one value of a slot may take. */
#define VALUE_WIDTH 24
/** Share from which a value is worth its share. */
#define FREQUENT_VALUE 0.05

/**
 * "4099 >99 %, (empty) <1 %", or "1,400 values, such as 1000, 1001, 1002" when none of them is
 * frequent.
 */
static char *slot_text(const struct hc_session *session, const struct hc_template_slot *slot)
{
	bool frequent = hc_share(slot->values[0].matches, slot->seen) >= FREQUENT_VALUE;
	unsigned flags = session->out.utf8 ? HC_ESCAPE_UTF8 : 0;
	char *list = NULL;
	size_t size;
	FILE *file = open_memstream(&list, &size);

	if (!file)
		return NULL;
	if (!frequent)
		fprintf(file, "%s%s values, such as ", slot->exact ? "" : "more than ",
			hc_unit_count(slot->distinct).text);
	for (size_t i = 0; i < slot->num_values; i++) {
		const struct hc_text_count *value = &slot->values[i];
		hc_cleanup_free char *text = hc_session_escape(
			session, (struct hc_bytes){value->text, value->size}, VALUE_WIDTH, flags);

		fprintf(file, "%s%s", i ? ", " : "", value->size ? text : "(empty)");
		if (frequent)
			fprintf(file, " %s",
				hc_unit_share(hc_share(value->matches, slot->seen)).text);
	}
	if (frequent && slot->num_values < slot->distinct)
		fprintf(file, "; %s%s values", slot->exact ? "" : "more than ",
			hc_unit_count(slot->distinct).text);
	if (fclose(file)) {
		free(list);
		return NULL;
	}
	return list;
}

static void add_slot(struct hc_session *session, struct hc_table *table,
		     const struct hc_template_slot *slot)
{
	hc_cleanup_free char *values = slot_text(session, slot);
	hc_cleanup_free char *name =
		hc_escape(slot->name, VALUE_WIDTH, session->out.utf8 ? HC_ESCAPE_UTF8 : 0);

	hc_table_add_row(table);
	hc_table_format(table, L_TEXT, "    %s%s%s", name ? name : "", slot->name.size ? ": " : "",
			values ? values : "");
}

static struct hc_error *write_template(struct hc_session *session,
				       const struct hc_template *template)
{
	hc_cleanup_table struct hc_table table;

	hc_table_init(&table, line_columns, L_NUM);
	if (!template->num_lines)
		return NULL;
	hc_text_heading(&session->out, "Lines of text that they share");
	hc_text_paragraph(&session->out, "  ", 2, false,
			  "Counted in %s chunks. What varies is N (digits), H (hexadecimal), "
			  "U (a UUID) or *; its values are from %s chunks.",
			  hc_unit_count(template->counted).text,
			  hc_unit_count(template->learned).text);
	for (size_t i = 0; i < template->num_lines; i++) {
		const struct hc_template_line *line = &template->lines[i];
		struct hc_bytes text = {(const uint8_t *)line->text, line->size};

		hc_table_add_row(&table);
		hc_table_number(&table, L_CHUNKS, line->chunks);
		hc_table_share(&table, L_SHARE, hc_share(line->chunks, template->counted));
		set_bytes(session, &table, L_TEXT, "", text, "");
		for (size_t k = 0; k < line->num_slots; k++)
			add_slot(session, &table, &line->slots[k]);
	}
	return hc_table_write_text(&table, &session->out, 2);
}
/**@}*/

/** @name Bytes in text */
/**@{*/

static char *pointer_text(const struct hc_byte_field *field)
{
	const struct hc_mapping *target = field->target;
	hc_cleanup_free char *null = NULL;
	char *ret;

	if (field->null_share > 0 &&
	    asprintf(&null, ", %s NULL", hc_unit_share(field->null_share).text) < 0)
		return NULL;
	if (!target)
		ret = strdup("pointer");
	else if (asprintf(&ret, "pointer, %s into %s%s%s", hc_unit_share(field->target_share).text,
			  hc_mapping_kind_title(target->kind), target->path ? " of " : "",
			  target->path ? target->path : "") < 0)
		ret = NULL;
	if (ret && null) {
		char *both;
		int size = asprintf(&both, "%s%s", ret, null);
		free(ret);
		return size < 0 ? NULL : both;
	}
	return ret;
}

char *hc_field_text(const struct hc_session *session, const struct hc_byte_field *field)
{
	bool bytes = hc_session_shows_bytes(session);
	const char *name = field->kind == HC_FIELD_SMALL_INT ? "small number"
							     : hc_field_kind_name(field->kind);
	char *ret;
	int size;

	if (field->kind == HC_FIELD_POINTER)
		return pointer_text(field);
	if (field->kind == HC_FIELD_MIXED && field->pointer_share > 0)
		size = asprintf(&ret, "mixed, %s pointers",
				hc_unit_share(field->pointer_share).text);
	else if (field->kind == HC_FIELD_CONSTANT && bytes)
		size = asprintf(&ret, "constant 0x%" PRIx64, field->value);
	else if (is_number(field) && bytes)
		size = asprintf(&ret, "%s, %s to %s", name, hc_unit_count(field->min).text,
				hc_unit_count(field->max).text);
	else
		return strdup(name);
	return size < 0 ? NULL : ret;
}

enum field_column { F_OFFSET, F_SIZE, F_VALUES, F_HOLDS, F_NUM };

static const struct hc_column field_columns[F_NUM] = {
	[F_OFFSET] = {"offset", "OFFSET", HC_COLUMN_COUNT},
	[F_SIZE] = {"size", "SIZE", HC_COLUMN_COUNT},
	[F_VALUES] = {"distinct", "VALUES", HC_COLUMN_COUNT},
	[F_HOLDS] = {"text", "HOLDS", HC_COLUMN_TEXT, HC_COLUMN_SHRINK},
};

/** The bytes as one pattern: hexadecimal where nearly all chunks agree, ".." elsewhere. */
static void write_pattern(struct hc_session *session, const struct hc_byte_profile *profile)
{
	FILE *file = session->out.file;

	for (unsigned i = 0; i < profile->num_columns; i++) {
		const struct hc_byte_column *column = &profile->columns[i];

		if (i % 16 == 0)
			fprintf(file, "%s  %4u ", i ? "\n" : "", i);
		if (column->share >= HC_PROFILE_SHARE)
			fprintf(file, " %02x", column->value);
		else
			fputs(" ..", file);
	}
	fputs("\n\n", file);
}

/** Whether text is more than half of what is not zero. */
static bool is_mostly_text(const struct hc_byte_profile *profile)
{
	unsigned text = 0, used = 0;

	for (size_t i = 0; i < profile->num_fields; i++) {
		const struct hc_byte_field *field = &profile->fields[i];

		text += field->kind == HC_FIELD_TEXT ? field->size : 0;
		used += field->kind != HC_FIELD_ZERO ? field->size : 0;
	}
	return text > used / 2;
}

static struct hc_error *write_profile(struct hc_session *session,
				      const struct hc_byte_profile *profile)
{
	hc_cleanup_table struct hc_table table;

	hc_table_init(&table, field_columns, F_NUM);
	/* Where it is text, its lines tell more. */
	if (!profile->usable || is_mostly_text(profile))
		return NULL;
	hc_text_heading(&session->out, "Bytes by position");
	hc_text_paragraph(&session->out, "  ", 2, false,
			  "Of %s chunks with %s usable bytes, among %s looked at.",
			  hc_unit_count(profile->chunks).text, hc_unit_count(profile->usable).text,
			  hc_unit_count(profile->looked).text);
	if (hc_session_shows_bytes(session))
		write_pattern(session, profile);
	for (size_t i = 0; i < profile->num_fields; i++) {
		const struct hc_byte_field *field = &profile->fields[i];
		hc_cleanup_free char *text = hc_field_text(session, field);

		hc_table_add_row(&table);
		hc_table_number(&table, F_OFFSET, field->offset);
		hc_table_number(&table, F_SIZE, field->size);
		hc_table_number(&table, F_VALUES, field->distinct);
		hc_table_text(&table, F_HOLDS, text);
	}
	return hc_table_write_text(&table, &session->out, 2);
}
/**@}*/

/** @name One set of chunks */
/**@{*/

/** Which chunks, and what they have in common. Borrowed. */
struct set {
	const struct hc_suspect *suspect; /**< NULL: the selection */
	const struct hc_common *common;
};

/** "chunks of the selection", "HTTP request chunks of lost group 1". To be freed by the caller. */
static char *set_title(const struct hc_session *session, const struct set *one)
{
	const struct hc_suspect *suspect = one->suspect;
	const char *class = suspect ? hc_class_title(session, suspect->class) : NULL;
	const char *plural = hc_plural(one->common->all.chunks);
	char *ret;
	int size;

	if (!suspect)
		size = asprintf(&ret, "chunk%s of the selection", plural);
	else if (suspect->group)
		size = asprintf(&ret, "chunk%s (%s) of lost group %zu, %s-byte objects", plural,
				class ? class : "content hidden", suspect->group_number,
				hc_unit_count(suspect->size).text);
	else if (suspect->max_size > suspect->size)
		size = asprintf(&ret,
				"chunk%s (mostly %s) of %s to %s bytes, in use and still "
				"referenced",
				plural, class ? class : "content hidden",
				hc_unit_count(suspect->size).text,
				hc_unit_count(suspect->max_size).text);
	else
		size = asprintf(&ret,
				"chunk%s (mostly %s) of %s bytes, in use and still referenced",
				plural, class ? class : "content hidden",
				hc_unit_count(suspect->size).text);
	return size < 0 ? NULL : ret;
}

static struct hc_error *write_set(struct hc_session *session, const struct set *one)
{
	const struct hc_common *common = one->common;
	hc_cleanup_free char *title = set_title(session, one);
	hc_cleanup_free char *sample = NULL;
	struct hc_error *err = NULL;

	if (common->kept < common->all.chunks &&
	    asprintf(&sample, " What follows is about an even sample of %s.",
		     hc_unit_count(common->kept).text) < 0)
		sample = NULL;
	hc_text_paragraph(&session->out, "", 0, true, "%s %s: %s.%s",
			  hc_unit_count(common->all.chunks).text, title ? title : "",
			  hc_unit_bytes(common->all.bytes).text, sample ? sample : "");
	if (!common->all.chunks)
		return NULL;
	if (hc_session_shows_bytes(session)) {
		err = write_repeats(session, &common->repeats);
		if (!err)
			err = write_template(session, &common->template);
	} else {
		fputs("--content hides the texts that they share.\n", session->out.file);
	}
	if (!err && hc_session_shows_class(session))
		err = write_profile(session, &common->profile);
	return err;
}

static json_t *set_json(const struct hc_session *session, const struct set *one)
{
	const struct hc_suspect *suspect = one->suspect;
	hc_cleanup_free char *title = set_title(session, one);
	json_t *ret = hc_common_json(session, one->common, true);
	bool group = suspect && suspect->group;

	json_object_set_new(ret, "title", hc_json_text(title));
	json_object_set_new(ret, "group",
			    group ? hc_json_number(suspect->group_number) : json_null());
	json_object_set_new(ret, "size", suspect ? hc_json_number(suspect->size) : json_null());
	json_object_set_new(ret, "max_size",
			    suspect ? hc_json_number(suspect->max_size) : json_null());
	json_object_set_new(ret, "class",
			    hc_json_text(suspect ? hc_class_name(session, suspect->class) : NULL));
	return ret;
}

static struct hc_error *write_text(struct hc_session *session, const struct set *sets, size_t num)
{
	struct hc_error *err = NULL;

	hc_session_write_partial(session);
	if (!num)
		fputs("Nothing is suspicious. To look at other chunks, choose them: --size, "
		      "--class…\n",
		      session->out.file);
	for (size_t i = 0; !err && i < num; i++) {
		if (i)
			fputc('\n', session->out.file);
		err = write_set(session, &sets[i]);
	}
	return err;
}

static struct hc_error *write_sets(struct hc_session *session, const struct set *sets, size_t num)
{
	if (session->options->format == HC_FORMAT_TEXT)
		return write_text(session, sets, num);
	hc_cleanup_json json_t *document = hc_session_json(session);
	json_t *array = json_array();

	for (size_t i = 0; i < num; i++)
		json_array_append_new(array, set_json(session, &sets[i]));
	json_object_set_new(document, "sets", array);
	return hc_json_write(&session->out, document);
}
/**@}*/

static struct hc_error *run_selection(struct hc_session *session)
{
	hc_cleanup(hc_common_deinit) struct hc_common common = {0};
	struct hc_chunk_sample sample;

	struct hc_error *err = hc_session_open(session, HC_NEED_HEAP);
	if (err)
		return err;
	hc_chunk_sample_init(&sample, HC_COMMON_MAX_CHUNKS);
	err = hc_chunk_sample_select(&sample, session->target, &session->options->selection);
	if (!err)
		err = hc_common_run(session->target, &sample, &common);
	hc_chunk_sample_deinit(&sample);
	struct set one = {.common = &common};
	return err ? err : write_sets(session, &one, 1);
}

static struct hc_error *run_suspects(struct hc_session *session)
{
	hc_cleanup(hc_verdict_deinit) struct hc_verdict verdict = {0};
	struct set sets[HC_MAX_SUSPECTS];

	struct hc_error *err = hc_session_open(session, HC_NEED_HEAP);
	if (err)
		return err;
	/* Groups of lost objects are numbered as those of analyze. */
	err = hc_session_types(session, HC_TYPES_QUICK);
	if (err)
		return err;
	err = hc_verdict_run(session->target, &verdict);
	if (err)
		return err;
	for (size_t i = 0; i < verdict.num_suspects; i++)
		sets[i] = (struct set){.suspect = &verdict.suspects[i],
				       .common = &verdict.suspects[i].common};
	return write_sets(session, sets, verdict.num_suspects);
}

static struct hc_error *run(struct hc_session *session)
{
	return session->options->selection_given ? run_selection(session) : run_suspects(session);
}

const struct hc_verb hc_verb_common = {
	.name = "common",
	.arguments = "CORE",
	.summary = "what the chunks of each suspect share: texts, lines, bytes",
	.description = "Finds, without a pattern, the key=value pairs and words that most chunks "
		       "share, the template of their lines, and what each byte position holds: of "
		       "each suspect of analyze, or of the chunks that are chosen.",
	.examples = "  heapcore common core.1234\n"
		    "  heapcore common core.1234 --leaked --class http-request\n"
		    "  heapcore common core.1234 --request 20\n",
	.min_args = 1,
	.max_args = 1,
	.formats = HC_FORMATS_TREE,
	.selection = true,
	HC_VERB_OWN(own_options, set, struct own, &own_defaults),
	.run = run,
};
