/**
 * @file
 * Documents as they are for people, as JSON; see saved.h.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/render/escape.h"
#include "cmd/render/html.h"
#include "cmd/render/json.h"
#include "cmd/render/saved.h"
#include "core/heap/heap.h"

/** Kinds of cells that are kept; the others are text by the time they are. */
static const char *const kinds[] = {
	[HC_CELL_TEXT] = "text",
	[HC_CELL_NAME] = "name",
	[HC_CELL_COUNT] = "count",
	[HC_CELL_NUMBER] = "number",
	[HC_CELL_BYTES] = "bytes",
	[HC_CELL_CHANGE] = "change",
	[HC_CELL_CHANGE_BYTES] = "change_bytes",
	[HC_CELL_ADDRESS] = "address",
	[HC_CELL_ARENA] = "arena",
	[HC_CELL_BOOL] = "bool",
	[HC_CELL_SHARE] = "share",
	[HC_CELL_REAL] = "real",
	[HC_CELL_BAR] = "bar",
};

#define NUM_KINDS (sizeof(kinds) / sizeof(kinds[0]))

/** @name Writing */
/**@{*/

json_t *hc_saved_json(const char *text)
{
	if (hc_escape_is_needless(text, true))
		return json_string(text);
	hc_cleanup_free char *escaped = hc_escape_string(text, HC_ESCAPE_PLAIN | HC_ESCAPE_UTF8);
	return escaped ? json_string(escaped) : NULL;
}

/** What is kept of a document. */
struct writer {
	const struct hc_document *doc;
	const struct hc_view *view;
	struct hc_look look;
	size_t max_rows;
	json_t *nodes;
};

static enum hc_cell_kind kept_kind(enum hc_cell_kind kind)
{
	switch (kind) {
	case HC_CELL_LIST:
	case HC_CELL_CONTENT:
		return HC_CELL_NAME;
	case HC_CELL_PHRASE:
	case HC_CELL_PLURAL:
	case HC_CELL_TIMES:
	case HC_CELL_UNKNOWN:
		return HC_CELL_TEXT;
	default:
		return kind;
	}
}

/** Integers above 2^63 - 1 as text: every one comes back as it was. */
static json_t *number_json(uint64_t number)
{
	char text[24];

	if (number <= INT64_MAX)
		return json_integer((json_int_t)number);
	snprintf(text, sizeof(text), "%" PRIu64, number);
	return json_string(text);
}

static json_t *value_json(const struct hc_look *look, const struct hc_cell *cell)
{
	switch (kept_kind(cell->kind)) {
	case HC_CELL_COUNT:
	case HC_CELL_NUMBER:
	case HC_CELL_BYTES:
		return number_json(cell->number);
	case HC_CELL_CHANGE:
	case HC_CELL_CHANGE_BYTES:
	case HC_CELL_ADDRESS:
	case HC_CELL_ARENA:
	case HC_CELL_BOOL:
		return hc_cell_to_json(look, cell);
	/* Not rounded, as in other documents: figures are drawn of it. */
	case HC_CELL_SHARE:
	case HC_CELL_REAL:
	case HC_CELL_BAR:
		return json_real(cell->real);
	default:
		break;
	}
	hc_cleanup_free char *text = hc_cell_to_text(look, cell, HC_HTML_EXCERPT);
	return text ? hc_saved_json(text) : NULL;
}

/** @param kind of its column */
static json_t *cell_json(const struct hc_look *look, enum hc_cell_kind kind,
			 const struct hc_cell *cell)
{
	enum hc_cell_kind own = kept_kind(cell->kind);

	if (!hc_cell_shows(look, cell))
		return json_null();
	if (look->policy.content < cell->needs)
		return json_pack("{s:s}", kinds[HC_CELL_TEXT], cell->instead);
	return own == kept_kind(kind) ? value_json(look, cell)
				      : json_pack("{s:o}", kinds[own], value_json(look, cell));
}

/** Columns of a table, those that people see first: @p shown of them. */
struct kept_columns {
	struct hc_column_list list;
	unsigned shown;
};

static bool has(const struct hc_column_list *list, unsigned column)
{
	unsigned i = 0;

	while (i < list->num && list->items[i] != column)
		i++;
	return i < list->num;
}

static struct hc_error *choose(const struct writer *writer, const struct hc_table *table,
			       struct kept_columns *ret)
{
	const struct hc_shape *shape = table->shape;
	enum hc_content content = writer->look.policy.content;
	struct hc_column_list all = {0}, shown;
	struct hc_error *err =
		hc_document_columns(writer->doc, table, writer->view, HC_MEDIUM_TEXT, &shown);

	if (err)
		return err;
	for (unsigned i = 0; i < shown.num; i++)
		if (hc_column_needs(&shape->columns[shown.items[i]]) <= content)
			all.items[all.num++] = shown.items[i];
	ret->shown = all.num;
	/* What charts are made of. */
	for (unsigned c = 0; c < shape->num_columns; c++)
		if (!has(&shown, c) && *shape->columns[c].name &&
		    hc_column_needs(&shape->columns[c]) <= content &&
		    !(c < 64 && table->hidden & UINT64_C(1) << c))
			all.items[all.num++] = c;
	ret->list = all;
	return NULL;
}

static json_t *columns_json(const struct hc_shape *shape, const struct kept_columns *columns)
{
	json_t *ret = json_array();
	char buf[64];

	for (unsigned i = 0; i < columns->list.num; i++) {
		const struct hc_column *column = &shape->columns[columns->list.items[i]];

		json_array_append_new(
			ret, json_pack("{s:s, s:s, s:s, s:s, s:b, s:b}", "name", column->name,
				       "title", column->title ? hc_column_title(column, buf) : "",
				       "help", column->help ? column->help : "", "kind",
				       kinds[kept_kind(column->kind)], "left",
				       hc_column_is_left(column), "shown", i < columns->shown));
	}
	return ret;
}

static json_t *rows_json(const struct writer *writer, const struct hc_table *table,
			 const struct hc_column_list *columns, size_t num)
{
	json_t *ret = json_array();

	for (size_t r = 0; r < num; r++) {
		json_t *row = json_array();

		for (unsigned i = 0; i < columns->num; i++) {
			unsigned c = columns->items[i];
			json_array_append_new(row, cell_json(&writer->look,
							     table->shape->columns[c].kind,
							     hc_table_at(table, r, c)));
		}
		json_array_append_new(ret, row);
	}
	return ret;
}

static struct hc_error *append(struct writer *writer, json_t *node)
{
	return json_array_append_new(writer->nodes, node) ? &hc_enomem : NULL;
}

static struct hc_error *save_table(struct writer *writer, const struct hc_node *node)
{
	const struct hc_table *table = node->table;
	const struct hc_shape *shape = table->shape;
	size_t all = hc_table_shown(table, &writer->look);
	size_t num = all < writer->max_rows ? all : writer->max_rows;
	struct kept_columns columns;

	if (!node->label || !all)
		return NULL;
	struct hc_error *err = choose(writer, table, &columns);
	return err ? err
		   : append(writer, json_pack("{s:{s:s, s:s, s:o, s:o, s:I}}", "table", "key",
					      shape->key ? shape->key : "", "name",
					      shape->name ? shape->name : "", "columns",
					      columns_json(shape, &columns), "rows",
					      rows_json(writer, table, &columns.list, num), "more",
					      (json_int_t)(all - num + table->more)));
}

static struct hc_error *save_hex(struct writer *writer, const struct hc_node *node)
{
	hc_cleanup_free char *text = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	if (!file)
		return &hc_enomem;
	hc_text_hex(node, writer->view, file);
	return fclose(file) ? &hc_enomem
			    : append(writer, json_pack("{s:o}", "hex", hc_json_text(text)));
}

static struct hc_error *save_words(struct writer *writer, const struct hc_node *node)
{
	hc_cleanup_free char *text = hc_cell_to_words(&writer->look, &node->cell);

	if (!text)
		return &hc_enomem;
	if (node->kind == HC_NODE_HEADING)
		return append(writer, json_pack("{s:o}", "heading", hc_saved_json(text)));
	if (node->kind == HC_NODE_LINE)
		return append(writer, json_pack("{s:o}", "line", hc_saved_json(text)));
	return append(writer,
		      json_pack("{s:o, s:s, s:i, s:b}", "paragraph", hc_saved_json(text), "first",
				node->margin.first ? node->margin.first : "", "indent",
				(int)node->margin.indent, "strong", node->margin.strong));
}

static struct hc_error *save_fact(struct writer *writer, const struct hc_node *node)
{
	if (!node->label || !hc_cell_shows(&writer->look, &node->cell))
		return NULL;
	hc_cleanup_free char *text = hc_cell_to_words(&writer->look, &node->cell);
	return text ? append(writer, json_pack("{s:s, s:o}", "fact", node->label, "value",
					       hc_saved_json(text)))
		    : &hc_enomem;
}

static struct hc_error *save_children(struct writer *writer, const struct hc_node *node)
{
	struct hc_error *err = NULL;

	for (const struct hc_node *child = node->first; child && !err; child = child->next) {
		if (!hc_node_shows(child, writer->view))
			continue;
		switch (child->kind) {
		case HC_NODE_OBJECT:
		case HC_NODE_ARRAY:
		case HC_NODE_GROUP:
			err = save_children(writer, child);
			break;
		case HC_NODE_FACT:
			err = save_fact(writer, child);
			break;
		case HC_NODE_TABLE:
			err = save_table(writer, child);
			break;
		case HC_NODE_HEX:
			err = save_hex(writer, child);
			break;
		case HC_NODE_HEADING:
		case HC_NODE_PARAGRAPH:
		case HC_NODE_LINE:
			err = save_words(writer, child);
			break;
		case HC_NODE_BREAK:
			break;
		}
	}
	return err;
}

static struct hc_error *save_frames(struct writer *writer)
{
	const struct hc_stacks *stacks = &writer->doc->stacks;
	struct hc_error *err = NULL;

	for (size_t i = 0; i < stacks->num && !err; i++) {
		const struct hc_stack_frame *frame = &stacks->items[i];
		hc_cleanup_free char *name = hc_stack_name(stacks, i, &writer->look);

		err = append(writer, json_pack("{s:o, s:I, s:o, s:o}", "frame",
					       hc_saved_json(name ? name : ""), "caller",
					       (json_int_t)frame->caller, "chunks",
					       number_json(frame->own.chunks), "bytes",
					       number_json(frame->own.bytes)));
	}
	return err;
}

struct hc_error *hc_saved_write(const struct hc_document *doc, const struct hc_view *view,
				size_t max_rows, json_t **ret)
{
	hc_cleanup_json json_t *nodes = json_array();
	struct writer writer = {doc, view, hc_html_look(&view->look), max_rows, nodes};

	if (!nodes || doc->pool.no_memory)
		return &hc_enomem;
	struct hc_error *err = save_children(&writer, &doc->root);
	if (!err)
		err = save_frames(&writer);
	if (!err)
		*ret = hc_steal(nodes);
	return err;
}
/**@}*/

/** @name Reading */
/**@{*/

/** Frames of a document, at most: as many as holders have groups. */
#define MAX_FRAMES (1u << 20)
/** No share of anything, and no number with a fraction, is larger. */
#define MAX_REAL 1e15

struct hc_error *hc_saved_damaged(const char *what)
{
	return hc_error_create(HC_ERROR_FORMAT,
			       "is no report as heapcore saves it: %s; save it again from the core",
			       what);
}

const char *hc_saved_text(struct hc_document *doc, const char *text)
{
	hc_cleanup_free char *escaped = hc_escape_string(text, HC_ESCAPE_PLAIN | HC_ESCAPE_UTF8);

	if (escaped)
		return hc_pool_copy(&doc->pool, escaped, strlen(escaped));
	doc->pool.no_memory = true;
	return "";
}

/** A text of an object; NULL: there is none. */
static const char *text_of(struct hc_document *doc, const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? hc_saved_text(doc, text) : NULL;
}

bool hc_saved_integer(const json_t *value, uint64_t *ret)
{
	if (!json_is_integer(value) || json_integer_value(value) < 0)
		return false;
	*ret = (uint64_t)json_integer_value(value);
	return true;
}

/** As number_json() writes it. */
static bool read_number(const json_t *value, uint64_t *ret)
{
	const char *text = json_string_value(value);
	char *end;

	if (hc_saved_integer(value, ret))
		return true;
	if (!text || *text < '0' || *text > '9')
		return false;
	errno = 0;
	*ret = strtoull(text, &end, 10);
	return !errno && !*end;
}

bool hc_saved_address(const json_t *value, uint64_t *ret)
{
	const char *text = json_string_value(value);
	char *end;

	if (!text || strncmp(text, "0x", 2) || !text[2] || text[2] == '-' || text[2] == '+')
		return false;
	errno = 0;
	*ret = strtoull(text + 2, &end, 16);
	return !errno && !*end;
}

bool hc_saved_arena(const json_t *value, uint64_t *ret)
{
	const char *text = json_string_value(value);

	if (text && !strcmp(text, "mmap")) {
		*ret = HC_ARENA_MMAP;
		return true;
	}
	return hc_saved_integer(value, ret) && *ret <= UINT32_MAX;
}

static bool read_real(const json_t *value, double *ret)
{
	*ret = json_number_value(value);
	return json_is_number(value) && *ret<MAX_REAL && * ret> - MAX_REAL;
}

/** @return whether @p value is one of a kind */
static bool read_value(struct hc_document *doc, const json_t *value, struct hc_cell *cell)
{
	switch (cell->kind) {
	case HC_CELL_TEXT:
	case HC_CELL_NAME:
		cell->text =
			json_is_string(value) ? hc_saved_text(doc, json_string_value(value)) : NULL;
		return cell->text;
	case HC_CELL_COUNT:
	case HC_CELL_NUMBER:
	case HC_CELL_BYTES:
		return read_number(value, &cell->number);
	case HC_CELL_CHANGE:
	case HC_CELL_CHANGE_BYTES:
		cell->number = (uint64_t)json_integer_value(value);
		return json_is_integer(value);
	case HC_CELL_ADDRESS:
		return hc_saved_address(value, &cell->number);
	case HC_CELL_ARENA:
		return hc_saved_arena(value, &cell->number);
	case HC_CELL_BOOL:
		cell->number = json_is_true(value);
		return json_is_boolean(value);
	case HC_CELL_SHARE:
	case HC_CELL_REAL:
	case HC_CELL_BAR:
		return read_real(value, &cell->real);
	default:
		return false;
	}
}

/** @return HC_CELL_UNKNOWN: there is no such kind */
static enum hc_cell_kind kind_of(const char *name)
{
	unsigned i = 0;

	while (name && i < NUM_KINDS && (!kinds[i] || strcmp(kinds[i], name)))
		i++;
	return name && i < NUM_KINDS ? i : HC_CELL_UNKNOWN;
}

/** @param kind of its column @return whether it is a cell */
static bool read_cell(struct hc_document *doc, const json_t *value, enum hc_cell_kind kind,
		      struct hc_cell *ret)
{
	*ret = hc_cell_unknown();
	if (json_is_null(value))
		return true;
	if (json_is_object(value)) {
		void *first = json_object_iter((json_t *)value);

		if (json_object_size(value) != 1)
			return false;
		kind = kind_of(json_object_iter_key(first));
		value = json_object_iter_value(first);
	}
	ret->kind = kind;
	return read_value(doc, value, ret);
}

/** @return whether it is a column */
static bool read_column(struct hc_document *doc, const json_t *object, struct hc_column *ret)
{
	const char *kind = json_string_value(json_object_get(object, "kind"));

	/* A title is kept as it was shown, also when it was none. */
	*ret = (struct hc_column){.name = text_of(doc, object, "name"),
				  .title = text_of(doc, object, "title"),
				  .kind = kind_of(kind),
				  .flags = HC_COLUMN_TEXT_ONLY,
				  .help = text_of(doc, object, "help")};
	if (json_is_true(json_object_get(object, "left")))
		ret->flags |= HC_COLUMN_LEFT;
	if (!json_is_true(json_object_get(object, "shown")))
		ret->flags |= HC_COLUMN_DATA_ONLY;
	return ret->name && ret->title && ret->help && ret->kind != HC_CELL_UNKNOWN;
}

static struct hc_error *read_shape(struct hc_document *doc, const json_t *object,
				   const struct hc_shape **ret)
{
	const json_t *saved = json_object_get(object, "columns");
	size_t num = json_array_size(saved);
	const char *key = text_of(doc, object, "key"), *name = text_of(doc, object, "name");

	if (!num || num > HC_MAX_COLUMNS || !key || !name)
		return hc_saved_damaged("a table has no columns");
	struct hc_column *columns = hc_pool_alloc(&doc->pool, num * sizeof(*columns));
	struct hc_shape *shape = hc_pool_alloc(&doc->pool, sizeof(*shape));
	if (!columns || !shape)
		return &hc_enomem;
	for (size_t i = 0; i < num; i++)
		if (!read_column(doc, json_array_get(saved, i), &columns[i]))
			return hc_saved_damaged("a column of a table");
	*shape = (struct hc_shape){.key = *key ? key : NULL,
				   .name = *name ? name : NULL,
				   .columns = columns,
				   .num_columns = num};
	*ret = shape;
	return NULL;
}

static struct hc_error *read_row(struct hc_document *doc, const json_t *row, struct hc_table *table)
{
	struct hc_cell cell;

	if (json_array_size(row) != table->shape->num_columns)
		return hc_saved_damaged("a row of a table is not as long as its columns");
	hc_table_add_row(table);
	for (unsigned i = 0; i < table->shape->num_columns; i++) {
		if (!read_cell(doc, json_array_get(row, i), table->shape->columns[i].kind, &cell))
			return hc_saved_damaged("a cell of a table");
		hc_table_cell(table, i, cell);
	}
	return doc->pool.no_memory ? &hc_enomem : NULL;
}

static struct hc_error *read_table(struct hc_document *doc, const json_t *object)
{
	const json_t *rows = json_object_get(object, "rows");
	const struct hc_shape *shape = NULL;
	struct hc_error *err = read_shape(doc, object, &shape);

	if (err)
		return err;
	struct hc_table *table = hc_add_text_table(doc, shape);
	if (!read_number(json_object_get(object, "more"), &table->more))
		return hc_saved_damaged("how many rows a table leaves out");
	for (size_t i = 0; !err && i < json_array_size(rows); i++)
		err = read_row(doc, json_array_get(rows, i), table);
	return err;
}

static struct hc_error *read_frame(struct hc_document *doc, const json_t *object)
{
	const char *name = text_of(doc, object, "frame");
	struct hc_stack_value own;
	uint64_t caller;

	if (!name || !read_number(json_object_get(object, "caller"), &caller) ||
	    caller > doc->stacks.num || doc->stacks.num >= MAX_FRAMES ||
	    !read_number(json_object_get(object, "chunks"), &own.chunks) ||
	    !read_number(json_object_get(object, "bytes"), &own.bytes))
		return hc_saved_damaged("a frame of who holds what");
	hc_add_frame(doc, caller, hc_cell_name(name), own);
	return NULL;
}

static struct hc_error *read_paragraph(struct hc_document *doc, const json_t *object)
{
	const char *text = text_of(doc, object, "paragraph"),
		   *first = text_of(doc, object, "first");
	uint64_t indent;

	if (!text || !first || !read_number(json_object_get(object, "indent"), &indent) ||
	    indent > 64)
		return hc_saved_damaged("a paragraph");
	HC_SAY_AT(doc, hc_margin(first, indent, json_is_true(json_object_get(object, "strong"))),
		  "{}", hc_cell_name(text));
	return NULL;
}

/** Lines of a dump; they stay lines. */
static struct hc_error *read_hex(struct hc_document *doc, const char *saved)
{
	hc_cleanup_free char *lines = strdup(saved), *text = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	if (!lines || !file) {
		if (file)
			fclose(file);
		return &hc_enomem;
	}
	for (char *rest = lines, *line; (line = strsep(&rest, "\n"));)
		if (rest || *line)
			fprintf(file, "%s\n", hc_saved_text(doc, line));
	if (fclose(file))
		return &hc_enomem;
	hc_hex_view(doc, &(struct hc_hex){.text = hc_pool_copy(&doc->pool, text, strlen(text))});
	return NULL;
}

static struct hc_error *read_node(struct hc_document *doc, const json_t *object)
{
	const char *text;

	if ((text = text_of(doc, object, "heading")))
		HC_HEADING(doc, "{}", hc_cell_name(text));
	else if ((text = text_of(doc, object, "line")))
		HC_LINE(doc, "{}", hc_cell_name(text));
	else if ((text = text_of(doc, object, "fact")) && text_of(doc, object, "value"))
		hc_fact(doc, NULL, text, hc_cell_name(text_of(doc, object, "value")));
	else if (json_object_get(object, "paragraph"))
		return read_paragraph(doc, object);
	else if (json_object_get(object, "table"))
		return read_table(doc, json_object_get(object, "table"));
	else if (json_object_get(object, "frame"))
		return read_frame(doc, object);
	else if ((text = json_string_value(json_object_get(object, "hex"))))
		return read_hex(doc, text);
	else
		return hc_saved_damaged("a part of a section is of no kind");
	return NULL;
}

struct hc_error *hc_saved_read(const json_t *nodes, struct hc_document *doc)
{
	struct hc_error *err =
		json_is_array(nodes) ? NULL : hc_saved_damaged("a section without parts");

	for (size_t i = 0; !err && i < json_array_size(nodes); i++)
		err = read_node(doc, json_array_get(nodes, i));
	return err ? err : doc->pool.no_memory ? &hc_enomem : NULL;
}
/**@}*/
