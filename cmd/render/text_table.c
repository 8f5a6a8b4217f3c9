/**
 * @file
 * Tables as text: libsmartcols aligns, what is too wide is cut here.
 */
#include <libsmartcols.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/render/render.h"

/** A bar narrower than this says nothing; one wider says no more. */
#define MIN_BAR 6
#define MAX_BAR 24

/** More columns than any table has. */
#define MAX_LINE 4096

/** What the parts of this file work on. */
struct layout {
	const struct hc_table *table;
	const struct hc_view *view;
	const struct hc_column_list *columns;
	unsigned room;  /**< columns of the screen for the one that shrinks, or for a bar */
	double longest; /**< value of the longest bar */
};

/** A bar of @p width columns, drawn to an eighth where the locale can. */
static char *bar_text(double share, unsigned width, bool utf8)
{
	static const char *const eighths[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
	unsigned units = share * width * 8 + 0.5;
	hc_cleanup_free char *ret = calloc(width + 2, 4);

	if (!ret)
		return NULL;
	char *out = ret;
	for (unsigned i = 0; i < units / 8; i++)
		out = stpcpy(out, utf8 ? "█" : "#");
	if (utf8)
		stpcpy(out, eighths[units % 8]);
	else if (!units && share > 0)
		stpcpy(out, "|");
	return hc_steal(ret);
}

static const struct hc_column *column_at(const struct layout *layout, unsigned i)
{
	return &layout->table->shape->columns[layout->columns->items[i]];
}

static char *cell_text(const struct layout *layout, size_t row, unsigned i)
{
	return hc_cell_to_text(&layout->view->look,
			       hc_table_at(layout->table, row, layout->columns->items[i]),
			       layout->view->out->width);
}

/** Columns of the screen that a UTF-8 text takes, every character counted as one. */
static size_t columns_of(const char *text)
{
	size_t columns = 0;

	for (; *text; text++)
		columns += (*text & 0xc0) != 0x80;
	return columns;
}

/** Columns of the screen that a column takes that does not shrink. */
static size_t column_width(const struct layout *layout, unsigned i)
{
	char buf[64];
	const char *title = hc_column_title(column_at(layout, i), buf);
	/* libsmartcols gives an empty column one blank. */
	size_t width = *title ? strlen(title) : 1;

	for (size_t r = 0; r < hc_table_shown(layout->table, &layout->view->look); r++) {
		hc_cleanup_free char *text = cell_text(layout, r, i);
		if (text && columns_of(text) > width)
			width = columns_of(text);
	}
	return width;
}

/** Columns of the screen that are left by every column but bars and those that shrink. */
static unsigned spare_room(const struct layout *layout)
{
	size_t used = layout->table->indent;

	for (unsigned i = 0; i < layout->columns->num; i++) {
		const struct hc_column *column = column_at(layout, i);
		if (column->kind != HC_CELL_BAR && !(column->flags & HC_COLUMN_SHRINK))
			used += column_width(layout, i) + 1;
	}
	return used < layout->view->out->width ? layout->view->out->width - used : 0;
}

/**
 * The length in bytes of a character, or of an escape sequence of escape.h, which must not be cut
 * in two.
 */
static size_t piece_size(const char *text)
{
	size_t size = 1;

	if (text[0] == '\\' && text[1])
		return text[1] == 'x' && text[2] && text[3] ? 4 : 2;
	while ((text[size] & 0xc0) == 0x80)
		size++;
	return size;
}

/** Room behind a text for the mark of a cut: it may be longer than what it replaces. */
#define MARK_ROOM 8

/** Cut a text that is wider than @p room, and mark the cut; a closing quote is kept. */
static void shorten(char *text, size_t room, bool utf8)
{
	const char *mark = utf8 ? "…" : "...";
	const char *quote = text[0] == '"' ? "\"" : "";
	size_t mark_columns = (utf8 ? 1 : 3) + strlen(quote);
	size_t columns = 0;
	char *end = text;

	if (columns_of(text) <= room)
		return;
	while (*end) {
		size_t size = piece_size(end);
		size_t wide = *end == '\\' ? size : 1;
		if (columns + wide + mark_columns > room)
			break;
		columns += wide;
		end += size;
	}
	strcpy(stpcpy(end, mark), quote);
}

static inline void unref_table(struct libscols_table **table)
{
	scols_unref_table(*table);
}

/** Columns for a bar in so much room; 0: none. */
static unsigned bar_width(unsigned room)
{
	return room < MIN_BAR ? 0 : room > MAX_BAR ? MAX_BAR : room;
}

/** A text column is not made narrower than this: the line is too long then. */
#define MIN_SHRUNK 10

/** The text of a cell that shrinks. To be freed by the caller. */
static char *short_text(const struct layout *layout, size_t row, unsigned i)
{
	hc_cleanup_free char *text = cell_text(layout, row, i);
	size_t room = layout->room > MIN_SHRUNK ? layout->room : MIN_SHRUNK;

	if (!text)
		return NULL;
	char *ret = realloc(text, strlen(text) + MARK_ROOM);
	if (!ret)
		return NULL;
	(void)hc_steal(text);
	shorten(ret, room, layout->view->look.utf8);
	return ret;
}

static bool add_columns(struct libscols_table *scols, const struct layout *layout)
{
	char buf[64];

	for (unsigned i = 0; i < layout->columns->num; i++) {
		const struct hc_column *column = column_at(layout, i);
		if (column->kind == HC_CELL_BAR && !bar_width(layout->room))
			continue;
		if (!scols_table_new_column(scols, hc_column_title(column, buf), 0,
					    hc_column_is_left(column) ? 0 : SCOLS_FL_RIGHT))
			return false;
	}
	return true;
}

/** What the longest bar stands for. */
static double longest_bar(const struct layout *layout, unsigned i)
{
	double ret = 0;

	for (size_t r = 0; r < hc_table_shown(layout->table, &layout->view->look); r++) {
		double real = hc_table_at(layout->table, r, layout->columns->items[i])->real;
		ret = real > ret ? real : ret;
	}
	return ret;
}

static char *make_bar(const struct layout *layout, size_t row, unsigned i)
{
	double real = hc_table_at(layout->table, row, layout->columns->items[i])->real;

	return bar_text(layout->longest > 0 ? real / layout->longest : 0, bar_width(layout->room),
			layout->view->look.utf8);
}

static char *make_cell(const struct layout *layout, size_t row, unsigned i)
{
	const struct hc_column *column = column_at(layout, i);

	if (column->kind == HC_CELL_BAR)
		return make_bar(layout, row, i);
	return column->flags & HC_COLUMN_SHRINK ? short_text(layout, row, i)
						: cell_text(layout, row, i);
}

static bool add_line(struct libscols_table *scols, const struct layout *layout, size_t row)
{
	struct libscols_line *line = scols_table_new_line(scols, NULL);
	unsigned to = 0;

	if (!line)
		return false;
	for (unsigned i = 0; i < layout->columns->num; i++) {
		if (column_at(layout, i)->kind == HC_CELL_BAR && !bar_width(layout->room))
			continue;
		char *text = make_cell(layout, row, i);
		if (!text || scols_line_refer_data(line, to++, text)) {
			free(text);
			return false;
		}
	}
	return true;
}

/** Print lines one by one, indented, without the blanks that pad the last column. */
static void write_lines(const struct layout *layout, char *text)
{
	struct hc_output *out = layout->view->out;
	bool heading = !layout->view->choice.no_headings;
	char *rest = text;

	for (char *line; (line = strsep(&rest, "\n")) && (rest || *line);) {
		size_t len = strlen(line);
		while (len && line[len - 1] == ' ')
			line[--len] = '\0';
		fprintf(out->file, "%*s%s%s%s\n", layout->table->indent, "",
			heading && out->color ? "\033[4m" : "", line,
			heading && out->color ? "\033[0m" : "");
		heading = false;
	}
}

struct hc_error *hc_text_table(const struct hc_table *table, const struct hc_view *view,
			       const struct hc_column_list *columns)
{
	struct layout layout = {table, view, columns};
	hc_cleanup(unref_table) struct libscols_table *scols = scols_new_table();
	hc_cleanup_free char *text = NULL;

	if (!scols)
		return &hc_enomem;
	if (!hc_table_shown(table, &view->look))
		return NULL;
	scols_table_set_termforce(scols, SCOLS_TERMFORCE_ALWAYS);
	/* Every text is escaped already. */
	scols_table_enable_noencoding(scols, 1);
	scols_table_enable_noheadings(scols, view->choice.no_headings);
	/* Wide enough for every column: what had to be shortened is short already. */
	scols_table_set_termwidth(scols, MAX_LINE);
	layout.room = spare_room(&layout);
	for (unsigned i = 0; i < columns->num; i++) {
		if (column_at(&layout, i)->kind == HC_CELL_BAR)
			layout.longest = longest_bar(&layout, i);
	}
	if (!add_columns(scols, &layout))
		return &hc_enomem;
	for (size_t r = 0; r < hc_table_shown(table, &view->look); r++) {
		if (!add_line(scols, &layout, r))
			return &hc_enomem;
	}
	if (scols_print_table_to_string(scols, &text))
		return &hc_enomem;
	write_lines(&layout, text);
	return NULL;
}
