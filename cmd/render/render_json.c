/**
 * @file
 * Documents as JSON: one object, or JSON Lines for rows that are not kept.
 */
#include "cmd/render/json.h"
#include "cmd/render/render.h"
#include "cmd/render/rows.h"

struct hc_error *hc_table_json(const struct hc_table *table, const struct hc_view *view,
			       json_t **ret)
{
	hc_cleanup_json json_t *rows = json_array();
	struct hc_column_list columns;
	struct hc_error *err =
		hc_choose_columns(table->shape, table->hidden, NULL, HC_MEDIUM_JSON, &columns);

	if (err || !rows)
		return err ? err : &hc_enomem;
	for (size_t r = 0; r < hc_table_shown(table, &view->look); r++) {
		json_t *row = json_object();
		/* Jansson takes the reference, also when it fails. */
		if (json_array_append_new(rows, row))
			return &hc_enomem;
		for (unsigned i = 0; i < columns.num; i++) {
			unsigned c = columns.items[i];
			if (json_object_set_new(
				    row, table->shape->columns[c].name,
				    hc_cell_to_json(&view->look, hc_table_at(table, r, c))))
				return &hc_enomem;
		}
	}
	*ret = hc_steal(rows);
	return NULL;
}

static struct hc_error *set_children(const struct hc_node *node, const struct hc_view *view,
				     json_t *to);

/** Put a value in an object or an array. */
static struct hc_error *put(json_t *to, const char *key, json_t *value)
{
	int failed = json_is_array(to) ? json_array_append_new(to, value)
				       : json_object_set_new(to, key, value);

	return failed ? &hc_enomem : NULL;
}

static struct hc_error *set_inner(const struct hc_node *node, const struct hc_view *view,
				  json_t *to)
{
	bool array = node->kind == HC_NODE_ARRAY;
	bool shows = hc_node_shows(node, view);

	if (!shows && !array)
		return put(to, node->key, json_null());
	json_t *value = array ? json_array() : json_object();
	struct hc_error *err = put(to, node->key, value);
	return err || !shows ? err : set_children(node, view, value);
}

static struct hc_error *set_fact(const struct hc_node *node, const struct hc_view *view, json_t *to)
{
	if (!node->key || (node->optional && !hc_cell_shows(&view->look, &node->cell)))
		return NULL;
	return put(to, node->key, hc_cell_to_json(&view->look, &node->cell));
}

static struct hc_error *set_table(const struct hc_node *node, const struct hc_view *view,
				  json_t *to)
{
	json_t *rows;

	if (!node->key)
		return NULL;
	struct hc_error *err = hc_table_json(node->table, view, &rows);
	return err ? err : put(to, node->key, rows);
}

static struct hc_error *set_node(const struct hc_node *node, const struct hc_view *view, json_t *to)
{
	switch (node->kind) {
	case HC_NODE_OBJECT:
	case HC_NODE_ARRAY:
		return set_inner(node, view, to);
	case HC_NODE_GROUP:
		/* What is in it knows that it may not show. */
		return set_children(node, view, to);
	case HC_NODE_FACT:
		return set_fact(node, view, to);
	case HC_NODE_TABLE:
		return set_table(node, view, to);
	case HC_NODE_HEADING:
	case HC_NODE_PARAGRAPH:
	case HC_NODE_LINE:
	case HC_NODE_HEX:
	case HC_NODE_BREAK:
		break;
	}
	return NULL;
}

static struct hc_error *set_children(const struct hc_node *node, const struct hc_view *view,
				     json_t *to)
{
	struct hc_error *err = NULL;

	for (const struct hc_node *child = node->first; child && !err; child = child->next)
		err = set_node(child, view, to);
	return err;
}

struct hc_error *hc_document_json(const struct hc_document *doc, const struct hc_view *view,
				  json_t **ret)
{
	hc_cleanup_json json_t *object = json_object();

	if (!object || doc->pool.no_memory)
		return &hc_enomem;
	struct hc_error *err = set_children(&doc->root, view, object);
	if (!err)
		*ret = hc_steal(object);
	return err;
}

/** @name JSON Lines */
/**@{*/

static struct hc_error *write_table_lines(const struct hc_table *table, const struct hc_view *view)
{
	hc_cleanup_json json_t *rows = NULL;
	struct hc_error *err = hc_table_json(table, view, &rows);

	for (size_t i = 0; !err && i < json_array_size(rows); i++)
		err = hc_json_write_line(view->out, json_array_get(rows, i));
	return err;
}

static struct hc_error *write_lines(const struct hc_document *doc, const struct hc_view *view)
{
	hc_cleanup_json json_t *line = json_object();
	struct hc_error *err = line ? NULL : &hc_enomem;

	for (const struct hc_node *node = doc->root.first; node && !err; node = node->next) {
		if (node->kind == HC_NODE_BREAK) {
			err = hc_json_write_line(view->out, line);
			json_object_clear(line);
		} else if (node->kind == HC_NODE_TABLE && node->key) {
			err = write_table_lines(node->table, view);
		} else {
			err = set_node(node, view, line);
		}
	}
	return err ? err : hc_json_write_line(view->out, line);
}
/**@}*/

static struct hc_error *write_document(const struct hc_document *doc, const struct hc_view *view)
{
	hc_cleanup_json json_t *object = NULL;

	if (doc->lines)
		return write_lines(doc, view);
	struct hc_error *err = hc_document_json(doc, view, &object);
	return err ? err : hc_json_write(view->out, object);
}

/** @name Rows */
/**@{*/

static struct hc_error *write_line(struct hc_rows *rows, const struct hc_document *doc)
{
	hc_cleanup_json json_t *object = NULL;
	struct hc_error *err = hc_document_json(doc, rows->view, &object);

	hc_rows_flush(rows);
	return err ? err : hc_json_write_line(rows->view->out, object);
}

/** Strings as Jansson writes them. */
static void put_string(struct hc_rows *rows, const char *text)
{
	hc_cleanup_json json_t *json = hc_json_text(text);
	hc_cleanup_free char *quoted = json ? json_dumps(json, JSON_ENCODE_ANY) : NULL;

	hc_put_text(rows, quoted ? quoted : "null");
}

static void put_cell(struct hc_rows *rows, const struct hc_cell *cell)
{
	hc_cleanup_free char *text = NULL;

	switch (cell->kind) {
	case HC_CELL_COUNT:
	case HC_CELL_NUMBER:
	case HC_CELL_BYTES:
		/* As hc_json_number() does. */
		hc_put_number(rows, cell->number > INT64_MAX ? INT64_MAX : cell->number, 0);
		return;
	case HC_CELL_ADDRESS:
		hc_put_text(rows, "\"");
		hc_put_address(rows, cell->number, 0);
		hc_put_text(rows, "\"");
		return;
	case HC_CELL_ARENA:
		if (cell->number == HC_ARENA_MMAP)
			hc_put_text(rows, "\"mmap\"");
		else
			hc_put_number(rows, cell->number, 0);
		return;
	case HC_CELL_BOOL:
		hc_put_text(rows, cell->number ? "true" : "false");
		return;
	case HC_CELL_TEXT:
		/* Heapcore's own words need no escaping. */
		hc_put_text(rows, "\"");
		hc_put_text(rows, cell->text);
		hc_put_text(rows, "\"");
		return;
	case HC_CELL_NAME:
		put_string(rows, cell->text);
		return;
	case HC_CELL_CHANGE:
	case HC_CELL_CHANGE_BYTES:
	case HC_CELL_SHARE:
	case HC_CELL_REAL:
		text = hc_cell_to_data(&rows->view->look, cell);
		hc_put_text(rows, text ? text : "null");
		return;
	default:
		text = hc_cell_to_data(&rows->view->look, cell);
		put_string(rows, text ? text : "");
	}
}

/** What is unknown is left out. */
static void write_row(struct hc_rows *rows, const struct hc_cell *cells)
{
	const char *before = "\"";

	hc_put_text(rows, "{");
	for (unsigned i = 0; i < rows->columns.num; i++) {
		unsigned c = rows->columns.items[i];
		if (!hc_rows_show(rows, c, cells))
			continue;
		hc_put_text(rows, before);
		hc_put_text(rows, rows->shape->columns[c].name);
		hc_put_text(rows, "\":");
		put_cell(rows, &cells[c]);
		before = ",\"";
	}
	hc_put_text(rows, "}\n");
}
/**@}*/

const struct hc_renderer hc_json_renderer = {
	.medium = HC_MEDIUM_JSON,
	.document = write_document,
	.rows_begin = write_line,
	.row = write_row,
	.rows_end = write_line,
};
