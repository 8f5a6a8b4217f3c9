/**
 * @file
 * Documents as Markdown, for tickets: GitHub's flavour, which has tables.
 *
 * What comes from a core must not become markup there: words are escaped, and what is foreign
 * (content, names, samples) stands in code spans, where a ticket system also finds no users to
 * notify and no issues to link.
 */
#include <stdlib.h>
#include <string.h>

#include "cmd/render/hex.h"
#include "cmd/render/render.h"
#include "cmd/render/rows.h"

/** @name Words and code */
/**@{*/

/** All that CommonMark takes for markup anywhere in a line, and "|", which ends a cell. */
static const char markup[] = "\\`*_{}[]()<>#+!|~&$@";

static void put_words(FILE *file, const char *text)
{
	for (; *text; text++) {
		if (strchr(markup, *text))
			fputc('\\', file);
		fputc(*text, file);
	}
}

/** The longest run of backticks: a code span needs more of them around it. */
static size_t longest_run(const char *text)
{
	size_t longest = 0, run = 0;

	for (; *text; text++) {
		run = *text == '`' ? run + 1 : 0;
		longest = run > longest ? run : longest;
	}
	return longest;
}

static void put_fence(FILE *file, size_t num)
{
	while (num--)
		fputc('`', file);
}

/** A "|" ends a cell of a table even in a code span; only there a backslash is none of the text. */
static void put_code(FILE *file, const char *text, bool in_table)
{
	size_t fence = longest_run(text) + 1;
	const char *pad = text[0] == '`' || (text[0] && text[strlen(text) - 1] == '`') ? " " : "";

	if (!*text)
		return;
	put_fence(file, fence);
	fputs(pad, file);
	for (; *text; text++) {
		if (*text == '|' && in_table)
			fputc('\\', file);
		fputc(*text, file);
	}
	fputs(pad, file);
	put_fence(file, fence);
}

static bool is_foreign(const struct hc_cell *cell)
{
	return cell->kind == HC_CELL_CONTENT || cell->kind == HC_CELL_NAME ||
	       cell->kind == HC_CELL_LIST;
}

/** Colours are a terminal's, also where they are asked for. */
static struct hc_look without_color(const struct hc_view *view)
{
	struct hc_look look = view->look;

	look.color = false;
	return look;
}

static void put_cell(const struct hc_view *view, const struct hc_cell *cell, bool in_table)
{
	const struct hc_look look = without_color(view);
	hc_cleanup_free char *text = hc_cell_to_text(&look, cell, 0);

	if (!text)
		fputs("(no memory)", view->out->file);
	else if (is_foreign(cell) && hc_cell_shows(&view->look, cell))
		put_code(view->out->file, text, in_table);
	else
		put_words(view->out->file, text);
}
/**@}*/

/** @name Tables */
/**@{*/

static void put_header(const struct hc_view *view, const struct hc_shape *shape,
		       const struct hc_column_list *columns)
{
	FILE *file = view->out->file;
	char buf[64];

	fputs("\n|", file);
	for (unsigned i = 0; i < columns->num; i++) {
		const struct hc_column *column = &shape->columns[columns->items[i]];
		if (column->kind == HC_CELL_BAR)
			continue;
		fputc(' ', file);
		if (!view->choice.no_headings)
			put_words(file, hc_column_title(column, buf));
		fputs(" |", file);
	}
	fputs("\n|", file);
	for (unsigned i = 0; i < columns->num; i++) {
		const struct hc_column *column = &shape->columns[columns->items[i]];
		if (column->kind != HC_CELL_BAR)
			fputs(hc_column_is_left(column) ? "---|" : "--:|", file);
	}
	fputc('\n', file);
}

static void put_table_row(const struct hc_view *view, const struct hc_shape *shape,
			  const struct hc_column_list *columns, const struct hc_cell *cells)
{
	fputc('|', view->out->file);
	for (unsigned i = 0; i < columns->num; i++) {
		unsigned c = columns->items[i];
		if (shape->columns[c].kind == HC_CELL_BAR)
			continue;
		fputc(' ', view->out->file);
		put_cell(view, &cells[c], true);
		fputs(" |", view->out->file);
	}
	fputc('\n', view->out->file);
}

static struct hc_error *write_table(const struct hc_document *doc, const struct hc_node *node,
				    const struct hc_view *view)
{
	const struct hc_table *table = node->table;
	size_t num = hc_table_shown(table, &view->look);
	struct hc_column_list columns;
	struct hc_error *err;

	if (!node->label || !num)
		return NULL;
	err = hc_document_columns(doc, table, view, HC_MEDIUM_TEXT, &columns);
	if (err)
		return err;
	put_header(view, table->shape, &columns);
	for (size_t r = 0; r < num; r++)
		put_table_row(view, table->shape, &columns, hc_table_at(table, r, 0));
	fputc('\n', view->out->file);
	return NULL;
}
/**@}*/

/** @name Everything else */
/**@{*/

/** "**label:** value", each on a line of its own. */
static void write_fact(const struct hc_node *node, const struct hc_view *view)
{
	FILE *file = view->out->file;

	if (!node->label || !hc_cell_shows(&view->look, &node->cell))
		return;
	fputs("**", file);
	put_words(file, node->label);
	fputs(":** ", file);
	put_cell(view, &node->cell, false);
	fputs("  \n", file);
}

static void write_heading(const struct hc_view *view, const char *text)
{
	fputs("\n### ", view->out->file);
	put_words(view->out->file, text);
	fputs("\n\n", view->out->file);
}

/** Lines keep their blanks: code by four of them, which nothing in a line can end. */
static void write_line(const struct hc_view *view, const char *text)
{
	if (*text)
		fprintf(view->out->file, "    %s\n", text);
	else
		fputc('\n', view->out->file);
}

/** A paragraph; the number or the label before it stands out. */
static void write_paragraph(const struct hc_node *node, const struct hc_view *view,
			    const char *text)
{
	FILE *file = view->out->file;
	const char *first = node->margin.first ? node->margin.first : "";
	size_t size;

	first += strspn(first, " ");
	size = strlen(first);
	while (size && first[size - 1] == ' ')
		size--;
	fputc('\n', file);
	if (size) {
		hc_cleanup_free char *label = strndup(first, size);
		fputs("**", file);
		put_words(file, label ? label : "");
		fputs("** ", file);
	}
	if (node->margin.strong)
		fputs("**", file);
	put_words(file, text);
	fputs(node->margin.strong ? "**\n\n" : "\n\n", file);
}

static void write_words(const struct hc_node *node, const struct hc_view *view)
{
	const struct hc_look look = without_color(view);
	hc_cleanup_free char *text = hc_cell_to_words(&look, &node->cell);
	const char *shown = text ? text : "(no memory)";

	if (node->kind == HC_NODE_HEADING)
		write_heading(view, shown);
	else if (node->kind == HC_NODE_LINE)
		write_line(view, shown);
	else
		write_paragraph(node, view, shown);
}

static void write_hex(const struct hc_node *node, const struct hc_view *view)
{
	char *text = NULL, *rest, *line;
	size_t size;
	FILE *lines = open_memstream(&text, &size);

	if (!lines)
		return;
	hc_text_hex(node, view, lines);
	if (!fclose(lines)) {
		fputc('\n', view->out->file);
		for (rest = text; (line = strsep(&rest, "\n"));)
			write_line(view, line);
	}
	free(text);
}

static struct hc_error *write_children(const struct hc_document *doc, const struct hc_node *node,
				       const struct hc_view *view)
{
	struct hc_error *err = NULL;

	for (const struct hc_node *child = node->first; child && !err; child = child->next) {
		if (!hc_node_shows(child, view))
			continue;
		switch (child->kind) {
		case HC_NODE_OBJECT:
		case HC_NODE_ARRAY:
		case HC_NODE_GROUP:
			err = write_children(doc, child, view);
			break;
		case HC_NODE_FACT:
			write_fact(child, view);
			break;
		case HC_NODE_TABLE:
			err = write_table(doc, child, view);
			break;
		case HC_NODE_HEX:
			write_hex(child, view);
			break;
		case HC_NODE_HEADING:
		case HC_NODE_PARAGRAPH:
		case HC_NODE_LINE:
			write_words(child, view);
			break;
		case HC_NODE_BREAK:
			break;
		}
	}
	return err;
}

/** What is written asks for blank lines before and behind itself; one is enough. */
static void squeeze(FILE *file, const char *text)
{
	unsigned newlines = 2; /* none at the start */

	for (; *text; text++) {
		newlines = *text == '\n' ? newlines + 1 : 0;
		if (newlines <= 2)
			fputc(*text, file);
	}
}

static struct hc_error *write_document(const struct hc_document *doc, const struct hc_view *view)
{
	hc_cleanup_free char *text = NULL;
	struct hc_view part = *view;
	struct hc_output out = *view->out;
	size_t size;
	struct hc_error *err;

	out.file = open_memstream(&text, &size);
	if (!out.file)
		return &hc_enomem;
	part.out = &out;
	err = write_children(doc, &doc->root, &part);
	if (fclose(out.file) && !err)
		err = &hc_enomem;
	if (!err)
		squeeze(view->out->file, text);
	return err;
}
/**@}*/

/** @name Rows */
/**@{*/

static struct hc_error *begin_rows(struct hc_rows *rows, const struct hc_document *head)
{
	struct hc_error *err = write_document(head, rows->view);

	if (!err)
		put_header(rows->view, rows->shape, &rows->columns);
	return err;
}

static void write_row(struct hc_rows *rows, const struct hc_cell *cells)
{
	struct hc_cell shown[HC_MAX_COLUMNS];

	for (unsigned i = 0; i < rows->columns.num; i++) {
		unsigned c = rows->columns.items[i];
		shown[c] = hc_rows_show(rows, c, cells) ? cells[c] : hc_cell_unknown();
	}
	put_table_row(rows->view, rows->shape, &rows->columns, shown);
}

static struct hc_error *end_rows(struct hc_rows *rows, const struct hc_document *foot)
{
	fputc('\n', rows->view->out->file);
	return write_document(foot, rows->view);
}
/**@}*/

const struct hc_renderer hc_markdown_renderer = {
	.medium = HC_MEDIUM_TEXT,
	.document = write_document,
	.rows_begin = begin_rows,
	.row = write_row,
	.rows_end = end_rows,
};
