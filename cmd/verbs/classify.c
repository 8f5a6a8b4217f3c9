/**
 * @file
 * heapcore classify: what kinds of content the chunks hold.
 */
#include <stdlib.h>

#include "analyzers/counts/attributes.h"
#include "analyzers/counts/class_count.h"
#include "cmd/render/escape.h"
#include "cmd/render/table.h"
#include "cmd/render/text.h"
#include "cmd/render/units.h"
#include "cmd/show/mask.h"
#include "cmd/show/sample.h"
#include "cmd/verb.h"
#include "core/base/cleanup.h"

struct own {
	bool with_leaks;
	bool attributes;
	uint64_t top;
};

enum own_id { OWN_WITH_LEAKS, OWN_ATTRIBUTES, OWN_TOP };

static const struct hc_option own_options[] = {
	{OWN_WITH_LEAKS, 0, "with-leaks", NULL, "follow pointers, and add what is lost"},
	{OWN_ATTRIBUTES, 0, "attributes", NULL,
	 "count what the contents name: methods, paths, keys, tables and more"},
	{OWN_TOP, 't', "top", "N", "with --attributes: the N most frequent values (default: 5)"},
	{0},
};

static const struct own own_defaults = {.top = 5};

static struct hc_error *set(void *ctx, int id, const char *value)
{
	struct own *own = ctx;

	own->with_leaks |= id == OWN_WITH_LEAKS;
	own->attributes |= id == OWN_ATTRIBUTES;
	return id == OWN_TOP ? hc_parse_count("--top", value, &own->top) : NULL;
}

enum column {
	CLASS,
	TITLE,
	CHUNKS,
	BYTES,
	SHARE,
	LEAKED_CHUNKS,
	LEAKED_BYTES,
	ADDRESS,
	SAMPLE_TEXT,
	SAMPLE,
	NUM_COLUMNS
};

static const struct hc_column columns[NUM_COLUMNS] = {
	[CLASS] = {"class", "", HC_COLUMN_TEXT, HC_COLUMN_DATA_ONLY},
	[TITLE] = {"title", "CLASS", HC_COLUMN_TEXT, HC_COLUMN_NO_CSV},
	[CHUNKS] = {"chunks", "CHUNKS", HC_COLUMN_COUNT},
	[BYTES] = {"bytes", "BYTES", HC_COLUMN_BYTES},
	[SHARE] = {"share", "SHARE", HC_COLUMN_SHARE},
	[LEAKED_CHUNKS] = {"leaked_chunks", "LEAKED", HC_COLUMN_COUNT},
	[LEAKED_BYTES] = {"leaked_bytes", "BYTES", HC_COLUMN_BYTES},
	[ADDRESS] = {"sample_address", "", HC_COLUMN_ADDRESS, HC_COLUMN_DATA_ONLY},
	[SAMPLE_TEXT] = {"", "SAMPLE", HC_COLUMN_TEXT,
			 HC_COLUMN_TEXT_ONLY | HC_COLUMN_SHRINK | HC_COLUMN_ESCAPED},
	[SAMPLE] = {"sample", "", HC_COLUMN_TEXT, HC_COLUMN_DATA_ONLY},
};

/** Class indices, most bytes first. */
static void order_classes(const struct hc_class_table *classes, size_t num, hc_class_id order[])
{
	for (size_t i = 0; i < num; i++) {
		size_t at = i;
		while (at &&
		       classes->classes[order[at - 1]].all.bytes < classes->classes[i].all.bytes) {
			order[at] = order[at - 1];
			at--;
		}
		order[at] = i;
	}
}

static void add_row(struct hc_session *session, const struct hc_sampler *sampler,
		    struct hc_table *table, const struct hc_class_table *classes, hc_class_id class)
{
	const struct hc_class_count *count = &classes->classes[class];
	hc_cleanup_free char *text = hc_sampler_text(sampler, count->sample, session->out.width);
	hc_cleanup_free char *sample = hc_sampler_text(sampler, count->sample, 0);

	hc_table_add_row(table);
	hc_table_text(table, CLASS, hc_class_of(session->target->classifier, class)->name);
	hc_table_text(table, TITLE, hc_class_of(session->target->classifier, class)->title);
	hc_table_number(table, CHUNKS, count->all.chunks);
	hc_table_number(table, BYTES, count->all.bytes);
	hc_table_share(table, SHARE, hc_share(count->all.bytes, classes->total.bytes));
	hc_table_number(table, LEAKED_CHUNKS, count->leaked.chunks);
	hc_table_number(table, LEAKED_BYTES, count->leaked.bytes);
	if (count->sample)
		hc_table_number(table, ADDRESS, count->sample);
	hc_table_text(table, SAMPLE_TEXT, text);
	hc_table_text(table, SAMPLE, sample);
}

static struct hc_error *fill_table(struct hc_session *session, struct hc_table *table,
				   const struct hc_class_table *classes)
{
	hc_cleanup_sampler struct hc_sampler sampler;
	hc_class_id order[HC_MAX_CLASSES];
	size_t num = hc_signatures_num_classes(session->signatures);
	struct hc_error *err = hc_sampler_init(&sampler, session);

	/* --content none leaves the total. */
	if (err || !hc_session_shows_class(session))
		return err;
	order_classes(classes, num, order);
	for (size_t i = 0; i < num; i++) {
		if (classes->classes[order[i]].all.chunks)
			add_row(session, &sampler, table, classes, order[i]);
	}
	if (!classes->has_leaked) {
		hc_table_hide(table, LEAKED_CHUNKS);
		hc_table_hide(table, LEAKED_BYTES);
	}
	return NULL;
}

/** @name Attributes */
/**@{*/

enum attribute_column {
	A_CLASS,
	A_TITLE,
	A_ATTRIBUTE,
	A_CHUNKS,
	A_SHARE,
	A_ERROR,
	A_VALUE,
	A_VALUE_TEXT,
	A_NUM_COLUMNS
};

static const struct hc_column attribute_columns[A_NUM_COLUMNS] = {
	[A_CLASS] = {"class", "", HC_COLUMN_TEXT, HC_COLUMN_DATA_ONLY},
	[A_TITLE] = {"", "CLASS", HC_COLUMN_TEXT, HC_COLUMN_TEXT_ONLY},
	[A_ATTRIBUTE] = {"attribute", "ATTRIBUTE", HC_COLUMN_TEXT},
	[A_CHUNKS] = {"chunks", "CHUNKS", HC_COLUMN_COUNT},
	[A_SHARE] = {"share", "SHARE", HC_COLUMN_SHARE},
	[A_ERROR] = {"error", "", HC_COLUMN_COUNT, HC_COLUMN_DATA_ONLY},
	[A_VALUE] = {"value", "", HC_COLUMN_TEXT, HC_COLUMN_DATA_ONLY},
	[A_VALUE_TEXT] = {"", "VALUE", HC_COLUMN_TEXT,
			  HC_COLUMN_TEXT_ONLY | HC_COLUMN_SHRINK | HC_COLUMN_ESCAPED},
};

/** Columns of a value on a screen. */
#define VALUE_WIDTH 100

static void fill_attributes(const struct hc_session *session, const struct hc_class_table *classes,
			    const struct hc_attribute_row *row, struct hc_table *table)
{
	const struct hc_class *class = hc_class_of(session->target->classifier, row->class);
	unsigned flags = session->out.utf8 ? HC_ESCAPE_UTF8 : 0;

	for (size_t i = 0; i < row->num_values; i++) {
		struct hc_bytes bytes = {row->values[i].text, row->values[i].size};
		hc_cleanup_free char *data = hc_session_escape(session, bytes, 0, 0);
		hc_cleanup_free char *text = hc_session_escape(session, bytes, VALUE_WIDTH, flags);

		hc_table_add_row(table);
		hc_table_text(table, A_CLASS, class->name);
		hc_table_text(table, A_TITLE, class->title);
		hc_table_text(table, A_ATTRIBUTE, row->attribute->name);
		hc_table_number(table, A_CHUNKS, row->values[i].matches);
		hc_table_share(
			table, A_SHARE,
			hc_share(row->values[i].matches, classes->classes[row->class].all.chunks));
		hc_table_number(table, A_ERROR, row->values[i].error);
		if (!hc_session_shows_bytes(session))
			continue;
		hc_table_text(table, A_VALUE, data);
		hc_table_text(table, A_VALUE_TEXT, bytes.size ? text : "(empty)");
	}
}

static json_t *value_json(const struct hc_session *session, const struct hc_text_count *value,
			  uint64_t chunks)
{
	struct hc_bytes bytes = {value->text, value->size};
	bool shown = hc_session_shows_bytes(session);
	hc_cleanup_free char *text = shown ? hc_session_escape(session, bytes, 0, 0) : NULL;

	return json_pack("{so so so so}", "value", hc_json_text(text), "chunks",
			 hc_json_number(value->matches), "share",
			 hc_json_share(hc_share(value->matches, chunks)), "error",
			 hc_json_number(value->error));
}

static json_t *attributes_json(const struct hc_session *session,
			       const struct hc_class_table *classes,
			       const struct hc_attributes *attributes)
{
	json_t *rows = json_array();

	for (size_t i = 0; hc_session_shows_class(session) && i < attributes->num; i++) {
		const struct hc_attribute_row *row = &attributes->rows[i];
		uint64_t chunks = classes->classes[row->class].all.chunks;
		json_t *values = json_array();

		for (size_t k = 0; k < row->num_values; k++)
			json_array_append_new(values, value_json(session, &row->values[k], chunks));
		json_array_append_new(
			rows, json_pack("{ss ss so so so so}", "class",
					hc_class_of(session->target->classifier, row->class)->name,
					"attribute", row->attribute->name, "chunks",
					hc_json_number(row->chunks), "distinct",
					hc_json_number(row->distinct), "exact",
					json_boolean(row->exact), "values", values));
	}
	return rows;
}

static struct hc_error *write_attributes(struct hc_session *session,
					 const struct hc_class_table *classes,
					 const struct hc_attributes *attributes)
{
	hc_cleanup_table struct hc_table table;

	hc_table_init(&table, attribute_columns, A_NUM_COLUMNS);
	for (size_t i = 0; hc_session_shows_class(session) && i < attributes->num; i++)
		fill_attributes(session, classes, &attributes->rows[i], &table);
	if (session->options->format == HC_FORMAT_CSV)
		return hc_table_write_csv(&table, &session->out);
	hc_text_heading(&session->out, "What they name");
	return hc_table_write_text(&table, &session->out, 0);
}
/**@}*/

static struct hc_error *write_text(struct hc_session *session, const struct hc_class_table *classes,
				   const struct hc_table *table)
{
	hc_session_write_partial(session);
	hc_text_paragraph(&session->out, "", 0, true, "%s chunk%s, %s, by content.",
			  hc_unit_count(classes->total.chunks).text,
			  hc_plural(classes->total.chunks),
			  hc_unit_bytes(classes->total.bytes).text);
	fputs(hc_session_shows_class(session) ? "\n" : "--content none hides what they hold.\n",
	      session->out.file);
	return hc_table_write_text(table, &session->out, 0);
}

static struct hc_error *write_json(struct hc_session *session, const struct hc_class_table *classes,
				   const struct hc_table *table,
				   const struct hc_attributes *attributes)
{
	const struct own *own = session->options->own;
	hc_cleanup_json json_t *document = hc_session_json(session);
	json_t *rows;
	struct hc_error *err = hc_table_json(table, &rows);

	if (err)
		return err;
	json_object_set_new(document, "total", hc_json_count(&classes->total));
	json_object_set_new(document, "classes", rows);
	if (own->attributes)
		json_object_set_new(document, "attributes",
				    attributes_json(session, classes, attributes));
	return hc_json_write(&session->out, document);
}

static struct hc_error *run(struct hc_session *session)
{
	const struct own *own = session->options->own;
	struct hc_class_table classes = {0};
	hc_cleanup(hc_attributes_deinit) struct hc_attributes attributes = {0};
	hc_cleanup_table struct hc_table table;

	hc_table_init(&table, columns, NUM_COLUMNS);
	struct hc_error *err =
		hc_session_open(session, own->with_leaks ? HC_NEED_REACH : HC_NEED_HEAP);
	if (err)
		return err;
	err = hc_classify_run(session->target, &session->options->selection, &classes);
	if (!err && own->attributes)
		err = hc_attributes_run(session->target, &session->options->selection,
					own->top ? own->top : UINT64_MAX, &attributes);
	if (!err)
		err = fill_table(session, &table, &classes);
	if (err)
		return err;

	switch (session->options->format) {
	case HC_FORMAT_JSON:
		return write_json(session, &classes, &table, &attributes);
	case HC_FORMAT_CSV:
		return own->attributes ? write_attributes(session, &classes, &attributes)
				       : hc_table_write_csv(&table, &session->out);
	default:
		err = write_text(session, &classes, &table);
		if (!err && attributes.num)
			err = write_attributes(session, &classes, &attributes);
		return err;
	}
}

const struct hc_verb hc_verb_classify = {
	.name = "classify",
	.arguments = "CORE",
	.summary = "what kinds of content the chunks hold",
	.description =
		"Counts chunks by what their bytes look like: HTTP requests, JSON, SQL, Redis "
		"commands, text, pointers, zeros and more. A chunk has one class.",
	.examples = "  heapcore classify core.1234\n"
		    "  heapcore classify core.1234 --leaked --attributes\n"
		    "  heapcore classify core.1234 --request 20\n",
	.min_args = 1,
	.max_args = 1,
	.formats = HC_FORMATS_ALL,
	.selection = true,
	HC_VERB_OWN(own_options, set, struct own, &own_defaults),
	.run = run,
};
