/**
 * @file
 * Documents as HTML; see html.h.
 */
#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/render/escape.h"
#include "cmd/render/html.h"
#include "cmd/render/html_page.h"
#include "cmd/render/rows.h"
#include "cmd/render/units.h"
#include "core/base/cleanup.h"
#include "core/base/format.h"
#include "core/base/utf8.h"

/** @name Text */
/**@{*/

/** What HTML has for a character that would be markup; NULL: it is none. */
static const char *reference(uint8_t c)
{
	switch (c) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '"':
		return "&quot;";
	case '\'':
		return "&#39;";
	default:
		return NULL;
	}
}

/** Whether a character beyond ASCII may stand: no control, no change of direction, a character. */
static bool may_stand(const uint8_t *pos, size_t size)
{
	char text[5] = {0};

	memcpy(text, pos, size);
	if (!hc_escape_is_needless(text, true))
		return false;
	/* The last two of each plane, and U+FDD0 to U+FDEF, are none. */
	uint32_t c;
	hc_utf8_decode(pos, pos + size, &c);
	return (c & 0xfffe) != 0xfffe && (c < 0xfdd0 || c > 0xfdef);
}

void hc_html_put(FILE *file, const char *text)
{
	const uint8_t *pos = (const uint8_t *)text, *end = pos + strlen(text);

	while (pos < end) {
		size_t size = *pos < 0x80 ? 1 : hc_utf8_size(pos, end);
		bool plain = size == 1 ? (*pos >= ' ' && *pos < 0x7f) || *pos == '\n'
				       : size && may_stand(pos, size);

		if (size == 1 && reference(*pos))
			fputs(reference(*pos), file);
		else if (plain)
			fwrite(pos, 1, size, file);
		else
			fprintf(file, "\\x%02x", *pos);
		pos += plain ? size : 1;
	}
}

void hc_html_print(FILE *file, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	hc_cleanup_free char *text = hc_vformat(format, ap);
	va_end(ap);
	hc_html_put(file, text ? text : "(no memory)");
}

struct hc_look hc_html_look(const struct hc_look *look)
{
	struct hc_look ret = *look;

	ret.color = false;
	ret.utf8 = true;
	return ret;
}
/**@}*/

/** @name Pages */
/**@{*/

void hc_html_begin_page(FILE *file, const char *title)
{
	fprintf(file,
		"<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
		"<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
		"script-src '%s'; style-src '%s'; base-uri 'none'; form-action 'none'\">\n"
		"<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
		"<meta name=\"referrer\" content=\"no-referrer\">\n"
		"<meta name=\"color-scheme\" content=\"light dark\">\n<title>",
		hc_html_script_hash, hc_html_style_hash);
	hc_html_put(file, title);
	fprintf(file, "</title>\n<style>%.*s</style>\n</head>\n<body>\n", (int)hc_html_style_size,
		(const char *)hc_html_style);
}

void hc_html_end_page(FILE *file)
{
	fprintf(file, "<script>%.*s</script>\n</body>\n</html>\n", (int)hc_html_script_size,
		(const char *)hc_html_script);
}
/**@}*/

/** @name Tables */
/**@{*/

/** What is being written, and what is open: facts that follow each other are one list. */
struct state {
	const struct hc_html *html;
	const struct hc_document *doc;
	FILE *file;
	struct hc_look look;
	const char *heading; /**< the last one, which names the table behind it; or NULL */
	char *heading_owned;
	const char *open; /**< end tag of what lines or facts are in; NULL: nothing is open */
};

static struct state state_of(const struct hc_html *html, const struct hc_document *doc)
{
	return (struct state){.html = html,
			      .doc = doc,
			      .file = html->view->out->file,
			      .look = hc_html_look(&html->view->look)};
}

static void close_open(struct state *state)
{
	if (state->open)
		fprintf(state->file, "%s\n", state->open);
	state->open = NULL;
}

/** Begin what is to end with @p end, unless it is open already. */
static void open_with(struct state *state, const char *begin, const char *end)
{
	if (state->open == end)
		return;
	close_open(state);
	fputs(begin, state->file);
	state->open = end;
}

static bool is_foreign(const struct hc_cell *cell)
{
	return cell->kind == HC_CELL_CONTENT || cell->kind == HC_CELL_NAME ||
	       cell->kind == HC_CELL_LIST || cell->kind == HC_CELL_ADDRESS;
}

/** A value for the script to sort by, where people read it in another form. */
static void put_value(const struct state *state, const struct hc_cell *cell)
{
	if (!hc_cell_shows(&state->look, cell) || state->look.policy.content < cell->needs)
		return;
	switch (cell->kind) {
	case HC_CELL_COUNT:
	case HC_CELL_NUMBER:
	case HC_CELL_BYTES:
	case HC_CELL_ADDRESS:
		fprintf(state->file, " data-v=\"%" PRIu64 "\"", cell->number);
		break;
	case HC_CELL_CHANGE:
	case HC_CELL_CHANGE_BYTES:
		fprintf(state->file, " data-v=\"%" PRId64 "\"", (int64_t)cell->number);
		break;
	case HC_CELL_SHARE:
	case HC_CELL_REAL:
	case HC_CELL_BAR:
		fprintf(state->file, " data-v=\"%.6g\"", cell->real);
		break;
	default:
		break;
	}
}

/** A bar as long as its share of the longest. */
static void put_bar(const struct state *state, double share, double longest)
{
	double width = longest > 0 && share > 0 ? 100 * share / longest : 0;

	fprintf(state->file,
		"<svg class=\"bar\" viewBox=\"0 0 100 10\" preserveAspectRatio=\"none\" "
		"aria-hidden=\"true\"><rect class=\"k0\" width=\"%.1f\" height=\"10\"/></svg>",
		width < 100 ? width : 100);
}

static void put_cell(const struct state *state, const struct hc_cell *cell)
{
	hc_cleanup_free char *text = hc_cell_to_text(&state->look, cell, HC_HTML_EXCERPT);
	bool code = is_foreign(cell) && hc_cell_shows(&state->look, cell) && text && *text;

	fputs(code ? "<code>" : "", state->file);
	hc_html_put(state->file, text ? text : "(no memory)");
	fputs(code ? "</code>" : "", state->file);
}

/** Of the rows that are written; 0 where a column has none. */
static double longest_bar(const struct hc_table *table, unsigned column, size_t rows)
{
	bool has = table->shape->columns[column].kind == HC_CELL_BAR;
	double ret = 0;

	for (size_t r = 0; has && r < rows; r++) {
		double real = hc_table_at(table, r, column)->real;
		ret = real > ret ? real : ret;
	}
	return ret;
}

/** @param longest of the bars in the column */
static void put_table_cell(const struct state *state, const struct hc_column *shape,
			   const struct hc_cell *cell, double longest)
{
	fputs(shape->kind == HC_CELL_BAR ? "<td class=\"b\""
	      : hc_column_is_left(shape) ? "<td"
					 : "<td class=\"n\"",
	      state->file);
	put_value(state, cell);
	fputc('>', state->file);
	if (shape->kind == HC_CELL_BAR && cell->kind == HC_CELL_BAR)
		put_bar(state, cell->real, longest);
	else if (shape->kind != HC_CELL_BAR)
		put_cell(state, cell);
	fputs("</td>", state->file);
}

/** The name of a column that text gives no heading. */
static void put_capitals(FILE *file, const char *name)
{
	hc_cleanup_free char *text = strdup(name);

	for (char *c = text; c && *c; c++)
		*c = *c == '_' ? ' ' : toupper((unsigned char)*c);
	hc_html_put(file, text ? text : "");
}

/** Headings of columns. What a column is about is said where a pointer rests on it. */
static void put_headings(const struct state *state, const struct hc_shape *shape,
			 const struct hc_column_list *columns)
{
	char buf[64];

	fputs("<thead><tr>", state->file);
	for (unsigned i = 0; i < columns->num; i++) {
		const struct hc_column *column = &shape->columns[columns->items[i]];
		const char *title = hc_column_title(column, buf);
		/* What is drawn is in the column before it, too: its heading has no words. */
		bool drawn = column->kind == HC_CELL_BAR && !*title;

		fprintf(state->file, "<%s%s title=\"", drawn ? "td" : "th scope=\"col\"",
			hc_column_is_left(column) ? "" : " class=\"n\"");
		hc_html_put(state->file, column->help ? column->help : "");
		fprintf(state->file, "\" data-c=\"");
		hc_html_put(state->file, column->name);
		fputs("\">", state->file);
		if (*title)
			hc_html_put(state->file, title);
		else
			put_capitals(state->file, drawn ? "" : column->name);
		fputs(drawn ? "</td>" : "</th>", state->file);
	}
	fputs("</tr></thead>\n<tbody>\n", state->file);
}

static void put_rows(const struct state *state, const struct hc_table *table,
		     const struct hc_column_list *columns, size_t rows)
{
	double longest[HC_MAX_COLUMNS];

	for (unsigned i = 0; i < columns->num; i++)
		longest[i] = longest_bar(table, columns->items[i], rows);
	for (size_t r = 0; r < rows; r++) {
		fputs("<tr>", state->file);
		for (unsigned i = 0; i < columns->num; i++)
			put_table_cell(state, &table->shape->columns[columns->items[i]],
				       hc_table_at(table, r, columns->items[i]), longest[i]);
		fputs("</tr>\n", state->file);
	}
}

/** Columns that --content does not allow would be empty. */
static void leave_out_withheld(const struct hc_shape *shape, const struct state *state,
			       struct hc_column_list *columns)
{
	unsigned num = 0;

	for (unsigned i = 0; i < columns->num; i++)
		if (hc_column_needs(&shape->columns[columns->items[i]]) <=
		    state->look.policy.content)
			columns->items[num++] = columns->items[i];
	columns->num = num;
}

static struct hc_error *write_table(struct state *state, const struct hc_node *node)
{
	const struct hc_table *table = node->table;
	const struct hc_html *html = state->html;
	size_t all = hc_table_shown(table, &state->look);
	size_t rows = all < html->max_rows ? all : html->max_rows;
	const char *name = table->shape->name ? table->shape->name : table->shape->key;
	struct hc_column_list columns;

	if (!node->label || !all)
		return NULL;
	struct hc_error *err =
		hc_document_columns(state->doc, table, html->view, HC_MEDIUM_TEXT, &columns);
	if (err)
		return err;
	leave_out_withheld(table->shape, state, &columns);
	close_open(state);
	if (html->figure)
		html->figure(html->ctx, table, state->file);
	/* What scrolls can be reached by the keyboard, and has a name. */
	const char *label = state->heading ? state->heading : name ? name : "table";
	fputs("<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"", state->file);
	hc_html_put(state->file, label);
	fputs(", table\">\n<table data-t=\"", state->file);
	hc_html_put(state->file, name ? name : "");
	fputs("\"><caption>", state->file);
	hc_html_put(state->file, label);
	fputs("</caption>", state->file);
	put_headings(state, table->shape, &columns);
	put_rows(state, table, &columns, rows);
	fputs("</tbody></table>\n</div>\n", state->file);
	uint64_t left_out = all - rows + table->more;
	if (left_out)
		fprintf(state->file, "<p class=\"note\">%s more row%s not in this file.</p>\n",
			hc_unit_count(left_out).text, left_out == 1 ? " is" : "s are");
	return NULL;
}
/**@}*/

/** @name Everything else */
/**@{*/

static void write_fact(struct state *state, const struct hc_node *node)
{
	if (!node->label || !hc_cell_shows(&state->look, &node->cell))
		return;
	hc_cleanup_free char *text = hc_cell_to_words(&state->look, &node->cell);
	open_with(state, "<dl>\n", "</dl>");
	fputs("<div><dt>", state->file);
	hc_html_put(state->file, node->label);
	fputs("</dt><dd>", state->file);
	hc_html_put(state->file, text ? text : "(no memory)");
	fputs("</dd></div>\n", state->file);
}

static void write_heading(struct state *state, char *text)
{
	close_open(state);
	free(state->heading_owned);
	state->heading = state->heading_owned = text;
	fprintf(state->file, "<h%u>", state->html->level);
	hc_html_put(state->file, text);
	fprintf(state->file, "</h%u>\n", state->html->level);
}

/** Columns of a label in front of a line, with its colon: "   more:  "; 0: there is none. */
static size_t label_size(const char *line)
{
	size_t blanks = strspn(line, " "), size = 0;

	while (line[blanks + size] >= 'a' && line[blanks + size] <= 'z')
		size++;
	return blanks && size && !strncmp(line + blanks + size, ":  ", 3) ? blanks + size + 1 : 0;
}

static void write_label(struct state *state, const char *label, size_t size)
{
	fputs("<b>", state->file);
	hc_cleanup_free char *text = strndup(label, size);
	hc_html_put(state->file, text ? text : "");
	fputs("</b> ", state->file);
}

/** A detail of a finding, a command to type, or else text whose blanks stay. */
static void write_line(struct state *state, const char *text)
{
	static const char command[] = "heapcore ";
	size_t blanks = strspn(text, " "), label = label_size(text);
	const char *rest = text + label + strspn(text + label, " ");

	if (!text[blanks]) {
		close_open(state);
	} else if (label) {
		close_open(state);
		fputs("<p class=\"detail\">", state->file);
		write_label(state, text + blanks, label - blanks);
		fputs("<code>", state->file);
		hc_html_put(state->file, rest);
		fputs("</code></p>\n", state->file);
	} else if (!strncmp(text + blanks, command, strlen(command))) {
		close_open(state);
		fputs("<p class=\"detail\"><code>", state->file);
		hc_html_put(state->file, text + blanks);
		fputs("</code></p>\n", state->file);
	} else if (!blanks && !strstr(text, "  ")) {
		close_open(state);
		fputs("<p class=\"note\">", state->file);
		hc_html_put(state->file, text);
		fputs("</p>\n", state->file);
	} else {
		open_with(state, "<pre tabindex=\"0\">", "</pre>");
		hc_html_put(state->file, text);
		fputc('\n', state->file);
	}
}

/** What stands before a paragraph tells what it is: the number of a finding, a detail's label. */
static void write_paragraph(struct state *state, const struct hc_node *node, const char *text)
{
	const char *first = node->margin.first ? node->margin.first : "";
	size_t blanks = strspn(first, " "), size = strlen(first);

	while (size > blanks && first[size - 1] == ' ')
		size--;
	close_open(state);
	bool warns = !strncmp(first, "PARTIAL", 7);
	fprintf(state->file, "<p class=\"%s\">",
		node->margin.strong ? "strong"
		: warns             ? "warn"
		: blanks            ? "detail"
		: size              ? "item"
				    : "text");
	if (size > blanks)
		write_label(state, first + blanks, size - blanks);
	hc_html_put(state->file, text);
	fputs("</p>\n", state->file);
}

static void write_words(struct state *state, const struct hc_node *node)
{
	hc_cleanup_free char *text = hc_cell_to_words(&state->look, &node->cell);
	const char *shown = text ? text : "(no memory)";

	if (node->kind == HC_NODE_HEADING && text)
		write_heading(state, hc_steal(text));
	else if (node->kind == HC_NODE_LINE)
		write_line(state, shown);
	else
		write_paragraph(state, node, shown);
}

static void write_hex(struct state *state, const struct hc_node *node)
{
	hc_cleanup_free char *text = NULL;
	size_t size;
	FILE *lines = open_memstream(&text, &size);

	if (!lines)
		return;
	hc_text_hex(node, state->html->view, lines);
	if (fclose(lines))
		return;
	close_open(state);
	fputs("<pre tabindex=\"0\">", state->file);
	hc_html_put(state->file, text);
	fputs("</pre>\n", state->file);
}

static struct hc_error *write_children(struct state *state, const struct hc_node *node)
{
	struct hc_error *err = NULL;

	for (const struct hc_node *child = node->first; child && !err; child = child->next) {
		if (!hc_node_shows(child, state->html->view))
			continue;
		switch (child->kind) {
		case HC_NODE_OBJECT:
		case HC_NODE_ARRAY:
		case HC_NODE_GROUP:
			err = write_children(state, child);
			break;
		case HC_NODE_FACT:
			write_fact(state, child);
			break;
		case HC_NODE_TABLE:
			err = write_table(state, child);
			break;
		case HC_NODE_HEX:
			write_hex(state, child);
			break;
		case HC_NODE_HEADING:
		case HC_NODE_PARAGRAPH:
		case HC_NODE_LINE:
			write_words(state, child);
			break;
		case HC_NODE_BREAK:
			break;
		}
	}
	return err;
}

struct hc_error *hc_html_document(const struct hc_html *html, const struct hc_document *doc)
{
	struct state state = state_of(html, doc);
	struct hc_error *err =
		doc->pool.no_memory ? &hc_enomem : write_children(&state, &doc->root);

	close_open(&state);
	free(state.heading_owned);
	return err;
}
/**@}*/

static struct hc_error *write_page(const struct hc_document *doc, const struct hc_view *view)
{
	const struct hc_html html = {.view = view, .max_rows = SIZE_MAX, .level = 2};

	hc_html_begin_page(view->out->file, "heapcore");
	fputs("<main>\n", view->out->file);
	struct hc_error *err = hc_html_document(&html, doc);
	fputs("</main>\n", view->out->file);
	hc_html_end_page(view->out->file);
	return err;
}

/** @name Rows */
/**@{*/

static struct hc_error *begin_rows(struct hc_rows *rows, const struct hc_document *head)
{
	const struct hc_html html = {.view = rows->view, .max_rows = SIZE_MAX, .level = 2};
	struct state state = state_of(&html, head);

	hc_html_begin_page(state.file, "heapcore");
	fputs("<main>\n", state.file);
	struct hc_error *err = hc_html_document(&html, head);
	fputs("<table>", state.file);
	put_headings(&state, rows->shape, &rows->columns);
	return err;
}

static void write_row(struct hc_rows *rows, const struct hc_cell *cells)
{
	const struct hc_html html = {.view = rows->view};
	const struct state state = state_of(&html, NULL);
	const struct hc_cell unknown = hc_cell_unknown();

	fputs("<tr>", state.file);
	for (unsigned i = 0; i < rows->columns.num; i++) {
		unsigned c = rows->columns.items[i];
		const struct hc_cell *cell = hc_rows_show(rows, c, cells) ? &cells[c] : &unknown;

		fputs(hc_column_is_left(&rows->shape->columns[c]) ? "<td" : "<td class=\"n\"",
		      state.file);
		put_value(&state, cell);
		fputc('>', state.file);
		put_cell(&state, cell);
		fputs("</td>", state.file);
	}
	fputs("</tr>\n", state.file);
}

static struct hc_error *end_rows(struct hc_rows *rows, const struct hc_document *foot)
{
	const struct hc_html html = {.view = rows->view, .max_rows = SIZE_MAX, .level = 2};
	FILE *file = rows->view->out->file;

	fputs("</tbody></table>\n", file);
	struct hc_error *err = hc_html_document(&html, foot);
	fputs("</main>\n", file);
	hc_html_end_page(file);
	return err;
}
/**@}*/

const struct hc_renderer hc_html_renderer = {
	.medium = HC_MEDIUM_TEXT,
	.document = write_page,
	.rows_begin = begin_rows,
	.row = write_row,
	.rows_end = end_rows,
};
