/**
 * @file
 * heapcore classify: what kinds of content the chunks hold.
 */
#include <stdlib.h>

#include "analyzers/counts/attributes.h"
#include "analyzers/counts/class_count.h"
#include "cmd/render/units.h"
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
	{OWN_TOP, 't', "top", "N",
	 "with --attributes: the N most frequent values; 0: all (default: 5)"},
	{0},
};

static const struct own own_defaults = {.top = HC_TOP_DEFAULT};

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
	SAMPLE,
	NUM_COLUMNS
};

static const struct hc_column columns[NUM_COLUMNS] = {
	[CLASS] = {"class", "", HC_CELL_NAME, HC_COLUMN_DATA_ONLY, "what --class takes"},
	[TITLE] = {"title", "CLASS", HC_CELL_NAME, HC_COLUMN_NO_CSV, "the class in words"},
	[CHUNKS] = {"chunks", "CHUNKS", HC_CELL_COUNT, 0, "chunks of the class"},
	[BYTES] = {"bytes", "BYTES", HC_CELL_BYTES, 0, "of these chunks"},
	[SHARE] = {"share", "SHARE", HC_CELL_SHARE, 0, "of the bytes of all classes"},
	[LEAKED_CHUNKS] = {"leaked_chunks", "LEAKED", HC_CELL_COUNT, 0,
			   "lost chunks: definite and indirect"},
	[LEAKED_BYTES] = {"leaked_bytes", "BYTES", HC_CELL_BYTES, 0, "of lost chunks"},
	[ADDRESS] = {"sample_address", "", HC_CELL_ADDRESS, HC_COLUMN_DATA_ONLY,
		     "one of the chunks"},
	[SAMPLE] = {"sample", "SAMPLE", HC_CELL_CONTENT, HC_COLUMN_SHRINK, HC_SAMPLE_HELP},
};

static const struct hc_shape classes_shape = {
	.key = "classes", .name = "classes", HC_COLUMNS(columns)};

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

static void add_row(const struct hc_session *session, struct hc_sampler *sampler,
		    struct hc_table *table, const struct hc_class_table *classes,
		    hc_class_id class_id)
{
	const struct hc_kind_count *count = &classes->classes[class_id];

	hc_table_add_row(table);
	hc_table_text(table, CLASS, hc_class_of(session->target->classifier, class_id)->name);
	hc_table_text(table, TITLE, hc_class_of(session->target->classifier, class_id)->title);
	hc_table_number(table, CHUNKS, count->all.chunks);
	hc_table_number(table, BYTES, count->all.bytes);
	hc_table_share(table, SHARE, hc_share(count->all.bytes, classes->total.bytes));
	hc_table_number(table, LEAKED_CHUNKS, count->leaked.chunks);
	hc_table_number(table, LEAKED_BYTES, count->leaked.bytes);
	if (count->sample)
		hc_table_number(table, ADDRESS, count->sample);
	hc_table_cell(table, SAMPLE, hc_sampler_cell(sampler, count->sample, 0));
}

static struct hc_error *fill_table(const struct hc_session *session, struct hc_table *table,
				   const struct hc_class_table *classes)
{
	hc_cleanup_sampler struct hc_sampler sampler;
	hc_class_id order[HC_MAX_CLASSES];
	size_t num = hc_signatures_num_classes(session->signatures);
	struct hc_error *err = hc_sampler_init(&sampler, session);

	if (err)
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
	A_NUM_COLUMNS
};

static const struct hc_column attribute_columns[A_NUM_COLUMNS] = {
	[A_CLASS] = {"class", "", HC_CELL_NAME, HC_COLUMN_DATA_ONLY, "content class"},
	[A_TITLE] = {"title", "CLASS", HC_CELL_NAME, HC_COLUMN_TEXT_ONLY, "the class in words"},
	[A_ATTRIBUTE] = {"attribute", "ATTRIBUTE", HC_CELL_NAME, 0, "what the value is"},
	[A_CHUNKS] = {"chunks", "CHUNKS", HC_CELL_COUNT, 0, "chunks with the value"},
	[A_SHARE] = {"share", "SHARE", HC_CELL_SHARE, 0, "of all chunks of the class"},
	[A_ERROR] = {"error", "", HC_CELL_COUNT, HC_COLUMN_DATA_ONLY,
		     "the true count is in chunks - error to chunks"},
	[A_VALUE] = {"value", "VALUE", HC_CELL_CONTENT, HC_COLUMN_SHRINK,
		     "normalised: N for digits, H for hexadecimal words, U for UUIDs"},
};

/** JSON has them in groups. */
static const struct hc_shape attributes_shape = {.name = "attributes",
						 HC_COLUMNS(attribute_columns)};

/** Columns of a value on a screen. */
#define VALUE_WIDTH 100

static struct hc_excerpt value_excerpt(const struct hc_text_count *value)
{
	return (struct hc_excerpt){
		.bytes = {value->text, value->size}, .max = VALUE_WIDTH, .empty = "(empty)"};
}

static void fill_attributes(const struct hc_session *session, const struct hc_class_table *classes,
			    const struct hc_attribute_row *row, struct hc_table *table)
{
	const struct hc_class *class = hc_class_of(session->target->classifier, row->class_id);
	uint64_t all = classes->classes[row->class_id].all.chunks;

	for (size_t i = 0; i < row->num_values; i++) {
		const struct hc_text_count *value = &row->values[i];
		struct hc_excerpt excerpt = value_excerpt(value);

		hc_table_add_row(table);
		hc_table_text(table, A_CLASS, class->name);
		hc_table_text(table, A_TITLE, class->title);
		hc_table_text(table, A_ATTRIBUTE, row->attribute->name);
		hc_table_number(table, A_CHUNKS, value->matches);
		hc_table_share(table, A_SHARE, hc_share(value->matches, all));
		hc_table_number(table, A_ERROR, value->error);
		hc_table_cell(table, A_VALUE, hc_cell_content(&excerpt));
	}
}

static void add_value(const struct hc_text_count *value, uint64_t chunks, struct hc_document *doc)
{
	struct hc_excerpt excerpt = value_excerpt(value);

	hc_begin_object(doc, NULL, HC_CONTENT_NONE);
	hc_fact(doc, "value", NULL, hc_cell_content(&excerpt));
	hc_fact(doc, "chunks", NULL, hc_cell_count(value->matches));
	hc_fact(doc, "share", NULL, hc_cell_share(hc_share(value->matches, chunks)));
	hc_fact(doc, "error", NULL, hc_cell_count(value->error));
	hc_end(doc);
}

static void add_attribute(const struct hc_session *session, const struct hc_class_table *classes,
			  const struct hc_attribute_row *row, struct hc_document *doc)
{
	hc_begin_object(doc, NULL, HC_CONTENT_NONE);
	hc_fact(doc, "class", NULL,
		hc_cell_name(hc_class_of(session->target->classifier, row->class_id)->name));
	hc_fact(doc, "attribute", NULL, hc_cell_name(row->attribute->name));
	hc_fact(doc, "chunks", NULL, hc_cell_count(row->chunks));
	hc_fact(doc, "distinct", NULL, hc_cell_count(row->distinct));
	hc_fact(doc, "exact", NULL, hc_cell_bool(row->exact));
	hc_begin_array(doc, "values", HC_CONTENT_NONE);
	for (size_t i = 0; i < row->num_values; i++)
		add_value(&row->values[i], classes->classes[row->class_id].all.chunks, doc);
	hc_end(doc);
	hc_end(doc);
}

static void describe_attributes(const struct hc_session *session,
				const struct hc_class_table *classes,
				const struct hc_attributes *attributes, struct hc_document *doc)
{
	hc_begin_array(doc, "attributes", HC_CONTENT_CLASS);
	for (size_t i = 0; i < attributes->num; i++)
		add_attribute(session, classes, &attributes->rows[i], doc);
	hc_end(doc);
	hc_begin_group(doc, HC_CONTENT_CLASS, HC_CONTENT_FULL);
	if (attributes->num)
		HC_HEADING(doc, "What they name");
	struct hc_table *table = hc_add_text_table(doc, &attributes_shape);
	for (size_t i = 0; i < attributes->num; i++)
		fill_attributes(session, classes, &attributes->rows[i], table);
	hc_end(doc);
	hc_document_main(doc, table);
}
/**@}*/

static struct hc_error *describe(const struct hc_session *session,
				 const struct hc_class_table *classes, struct hc_document *doc)
{
	const struct hc_count *total = &classes->total;

	hc_count_fact(doc, "total", HC_CONTENT_NONE, total->chunks, total->bytes);
	HC_SAY_STRONG(doc, "{} chunk{}, {}, by content.", hc_cell_count(total->chunks),
		      hc_cell_plural(total->chunks), hc_cell_bytes(total->bytes));
	hc_begin_group(doc, HC_CONTENT_NONE, HC_CONTENT_NONE);
	HC_LINE(doc, "--content none hides what they hold.");
	hc_end(doc);
	hc_begin_group(doc, HC_CONTENT_CLASS, HC_CONTENT_FULL);
	hc_blank(doc);
	struct hc_error *err = fill_table(session, hc_add_table(doc, &classes_shape), classes);
	hc_end(doc);
	return err;
}

static struct hc_error *check_options(const struct own *own)
{
	if (own->top != HC_TOP_DEFAULT && !own->attributes)
		return hc_error_create(HC_ERROR_ARGUMENT,
				       "--top is about the values that --attributes counts");
	return NULL;
}

/** Values of an attribute that are shown unless --top says otherwise. */
#define DEFAULT_VALUES 5

static uint64_t values_shown(const struct own *own)
{
	return own->top == HC_TOP_DEFAULT ? DEFAULT_VALUES : own->top ? own->top : UINT64_MAX;
}

static struct hc_error *run(struct hc_session *session)
{
	const struct own *own = session->options->own;
	struct hc_class_table classes = {0};
	hc_cleanup(hc_attributes_deinit) struct hc_attributes attributes = {0};
	hc_cleanup_document struct hc_document doc;

	hc_document_init(&doc);
	struct hc_error *err = check_options(own);
	if (!err)
		err = hc_session_open(session, own->with_leaks ? HC_NEED_REACH : HC_NEED_HEAP);
	if (err)
		return err;
	err = hc_classify_run(session->target, &session->options->selection, &classes);
	if (!err && own->attributes)
		err = hc_attributes_run(session->target, &session->options->selection,
					values_shown(own), &attributes);
	if (err)
		return err;
	hc_session_begin(session, &doc);
	err = describe(session, &classes, &doc);
	if (!err && own->attributes)
		describe_attributes(session, &classes, &attributes, &doc);
	return err ? err : hc_session_write(session, &doc);
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
	HC_VERB_TABLES(&classes_shape, &attributes_shape),
	.selection = true,
	.counts = true,
	HC_VERB_OWN(own_options, set, struct own, &own_defaults),
	.run = run,
};
