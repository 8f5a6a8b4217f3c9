/**
 * @file
 * Documents as text, for people.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "cmd/render/hex.h"
#include "cmd/render/render.h"
#include "cmd/render/rows.h"
#include "cmd/render/text.h"
#include "cmd/render/units.h"

static struct hc_error *write_children(const struct hc_document *doc, const struct hc_node *node,
				       const struct hc_view *view);

static void write_fact(const struct hc_node *node, const struct hc_view *view)
{
	if (!node->label || !hc_cell_shows(&view->look, &node->cell))
		return;
	hc_cleanup_free char *text = hc_cell_to_words(&view->look, &node->cell);
	/* What comes from the heap keeps its blanks, and fits the line already. */
	if (node->cell.kind == HC_CELL_CONTENT)
		fprintf(view->out->file, "%-*s%s\n", HC_FIELD_INDENT, node->label,
			text ? text : "");
	else
		hc_text_field(view->out, node->label, "%s", text ? text : "(no memory)");
}

static struct hc_error *write_table(const struct hc_document *doc, const struct hc_node *node,
				    const struct hc_view *view)
{
	struct hc_column_list columns;

	if (!node->label)
		return NULL;
	struct hc_error *err =
		hc_document_columns(doc, node->table, view, HC_MEDIUM_TEXT, &columns);
	return err ? err : hc_text_table(node->table, view, &columns);
}

void hc_text_hex(const struct hc_node *node, const struct hc_view *view, FILE *file)
{
	const struct hc_hex *hex = &node->hex;
	struct hc_bytes bytes = hex->bytes;

	if (hex->text) {
		fputs(hex->text, file);
		return;
	}
	if (hex->max && view->look.policy.content != HC_CONTENT_FULL && bytes.size > hex->max)
		bytes.size = hex->max;
	hc_cleanup_shown struct hc_shown shown =
		hc_policy_show(&view->look.policy, bytes, HC_MASK_SAME_SIZE);
	hc_hex_view_print(file, hex->address, shown.bytes,
			  (struct hc_hex_look){view->out->width, hex->mark, hex->mark_size});
	if (hex->more && shown.bytes.size < hex->bytes.size)
		fprintf(file, "%s %s\n", hc_unit_count(hex->bytes.size - shown.bytes.size).text,
			hex->more);
}

/** The command that a line ends with, behind blanks or a label; NULL: it has none. */
static const char *command_in(const char *line)
{
	const char *command = strstr(line, "  heapcore ");

	return command ? command + 2 : NULL;
}

/**
 * A line that is too long for the screen goes on below; where there is none it stays whole, for
 * other programs. A command does not: it is there to be copied, and stands
 * on a line of its own if that has room for it.
 */
static void write_line(struct hc_output *out, const char *text)
{
	const char *command = command_in(text);
	unsigned blanks = strspn(text, " "), columns = hc_text_columns(text);

	if (columns <= out->width || !out->is_screen) {
		fprintf(out->file, "%s\n", text);
	} else if (!command) {
		const struct hc_margin margin = {.indent = blanks + 2};
		hc_text_paragraph(out, &margin, text);
	} else if (hc_text_columns(command) > out->width) {
		fprintf(out->file, "%s\n", text);
	} else {
		size_t label = command - text;

		while (label && text[label - 1] == ' ')
			label--;
		if (label)
			fprintf(out->file, "%.*s\n", (int)label, text);
		fprintf(out->file, "%s\n", command);
	}
}

static void write_words(const struct hc_node *node, const struct hc_view *view)
{
	hc_cleanup_free char *text = hc_cell_to_words(&view->look, &node->cell);
	const char *shown = text ? text : "(no memory)";

	if (node->kind == HC_NODE_HEADING)
		hc_text_heading(view->out, shown);
	else if (node->kind == HC_NODE_LINE)
		write_line(view->out, shown);
	else
		hc_text_paragraph(view->out, &node->margin, shown);
}

static struct hc_error *write_node(const struct hc_document *doc, const struct hc_node *node,
				   const struct hc_view *view)
{
	if (!hc_node_shows(node, view))
		return NULL;
	switch (node->kind) {
	case HC_NODE_OBJECT:
	case HC_NODE_ARRAY:
	case HC_NODE_GROUP:
		return write_children(doc, node, view);
	case HC_NODE_FACT:
		write_fact(node, view);
		return NULL;
	case HC_NODE_TABLE:
		return write_table(doc, node, view);
	case HC_NODE_HEX:
		hc_text_hex(node, view, view->out->file);
		return NULL;
	case HC_NODE_HEADING:
	case HC_NODE_PARAGRAPH:
	case HC_NODE_LINE:
		write_words(node, view);
		return NULL;
	case HC_NODE_BREAK:
		return NULL;
	}
	return NULL;
}

static struct hc_error *write_children(const struct hc_document *doc, const struct hc_node *node,
				       const struct hc_view *view)
{
	struct hc_error *err = NULL;

	for (const struct hc_node *child = node->first; child && !err; child = child->next)
		err = write_node(doc, child, view);
	return err;
}

static struct hc_error *write_document(const struct hc_document *doc, const struct hc_view *view)
{
	return write_children(doc, &doc->root, view);
}

/** @name Rows */
/**@{*/

/** Where rows are wider than the screen, what does not fit goes on below. */
static void fold(struct hc_rows *rows)
{
	unsigned used = 0;

	for (unsigned i = 0; i < rows->columns.num && !rows->shape->separator; i++) {
		const struct hc_column *column = &rows->shape->columns[rows->columns.items[i]];
		char buf[64];
		unsigned title = strlen(hc_column_title(column, buf));
		unsigned width = column->width > title ? column->width : title;

		if (used && used + 2 + width > rows->view->out->width) {
			rows->folds |= UINT64_C(1) << i;
			used = 0;
		}
		used += width + 2;
	}
}

/** What stands before column @p i: two blanks before words. */
static void put_separator(struct hc_rows *rows, unsigned i, const struct hc_column *column)
{
	if (!i)
		return;
	if (rows->folds & UINT64_C(1) << i)
		hc_put_text(rows, "\n  ");
	else if (rows->shape->separator)
		hc_put_text(rows, rows->shape->separator);
	else
		hc_put_text(rows, hc_column_is_left(column) ? "  " : " ");
}

/** Whether blanks have to follow a column for the next one to stand where it should. */
static bool is_padded(const struct hc_rows *rows, unsigned i)
{
	return i + 1 < rows->columns.num;
}

static void put_words(struct hc_rows *rows, unsigned i, const struct hc_column *column,
		      const char *text)
{
	unsigned len = strlen(text), blanks = len < column->width ? column->width - len : 0;

	if (!hc_column_is_left(column))
		hc_put_blanks(rows, blanks);
	hc_put_text(rows, text);
	if (hc_column_is_left(column) && is_padded(rows, i))
		hc_put_blanks(rows, blanks);
}

/** Numbers are as they are: other programs read these lines, too. */
static void put_cell(struct hc_rows *rows, unsigned i, const struct hc_column *column,
		     const struct hc_cell *cell)
{
	hc_cleanup_free char *text = NULL;

	switch (cell->kind) {
	case HC_CELL_COUNT:
	case HC_CELL_NUMBER:
	case HC_CELL_BYTES:
		hc_put_number(rows, cell->number, column->width);
		return;
	case HC_CELL_ADDRESS:
		hc_put_address(rows, cell->number, column->width);
		return;
	case HC_CELL_ARENA:
		if (cell->number == HC_ARENA_MMAP)
			put_words(rows, i, column, "mmap");
		else
			hc_put_number(rows, cell->number, column->width);
		return;
	case HC_CELL_TEXT:
		put_words(rows, i, column, cell->title ? cell->title : cell->text);
		return;
	default:
		text = hc_cell_to_text(&rows->view->look, cell, 0);
		put_words(rows, i, column, text ? text : "(no memory)");
	}
}

/** Where lines have no columns, what does not show is left out. */
static void write_row(struct hc_rows *rows, const struct hc_cell *cells)
{
	unsigned put = 0;

	for (unsigned i = 0; i < rows->columns.num; i++) {
		unsigned c = rows->columns.items[i];
		const struct hc_column *column = &rows->shape->columns[c];
		bool shows = hc_rows_show(rows, c, cells);
		if (rows->shape->separator && !shows)
			continue;
		put_separator(rows, put++, column);
		if (shows)
			put_cell(rows, i, column, &cells[c]);
		else
			put_words(rows, i, column, "-");
	}
	hc_put_text(rows, "\n");
}

static struct hc_error *begin_rows(struct hc_rows *rows, const struct hc_document *head)
{
	char buf[64];
	struct hc_error *err = write_document(head, rows->view);

	fold(rows);
	if (err || rows->shape->separator || rows->view->choice.no_headings)
		return err;
	for (unsigned i = 0; i < rows->columns.num; i++) {
		const struct hc_column *column = &rows->shape->columns[rows->columns.items[i]];
		put_separator(rows, i, column);
		put_words(rows, i, column, hc_column_title(column, buf));
	}
	hc_put_text(rows, "\n");
	return NULL;
}

static struct hc_error *end_rows(struct hc_rows *rows, const struct hc_document *foot)
{
	return write_document(foot, rows->view);
}
/**@}*/

const struct hc_renderer hc_text_renderer = {
	.medium = HC_MEDIUM_TEXT,
	.document = write_document,
	.rows_begin = begin_rows,
	.row = write_row,
	.rows_end = end_rows,
};
