/**
 * @file
 * Tables as text: libsmartcols aligns, what is too wide is cut here.
 *
 * Where even the least that the columns need is more than the screen is wide, a row takes several
 * lines: the columns that don't fit stand below the others, indented, and so do their headings.
 */
#include <libsmartcols.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/render/render.h"
#include "cmd/render/text.h"

/** A bar narrower than this says nothing; one wider says no more. */
#define MIN_BAR 6
#define MAX_BAR 24

/** More columns than any table has. */
#define MAX_LINE 4096

/** Columns of the screen before the second line of a row. */
#define FOLD_INDENT 2

/** Columns that stand on one line: those of a table that is too wide go on below. */
struct band {
	unsigned first, num;
	unsigned indent;
	unsigned room; /**< columns of the screen for the one that shrinks, or for a bar */
	char *text;    /**< its lines, headings first */
	char *rest;    /**< those that are not written yet */
};

/** What the parts of this file work on. */
struct layout {
	const struct hc_table *table;
	const struct hc_view *view;
	const struct hc_column_list *columns;
	size_t widths[HC_MAX_COLUMNS]; /**< columns of the screen, nothing shortened */
	struct band bands[HC_MAX_COLUMNS];
	unsigned num_bands;
	double longest; /**< value of the longest bar */
};

/** A bar of @p width columns, drawn to an eighth where the locale can; none of less than 0. */
static char *bar_text(double share, unsigned width, bool utf8)
{
	static const char *const eighths[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
	unsigned units = share > 0 ? (share < 1 ? share : 1) * width * 8 + 0.5 : 0;
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

/** Columns of the screen that a column takes that does not shrink. */
static size_t column_width(const struct layout *layout, unsigned i)
{
	char buf[64];
	const char *title = hc_column_title(column_at(layout, i), buf);
	/* libsmartcols gives an empty column one blank. */
	size_t width = *title ? strlen(title) : 1;

	for (size_t r = 0; r < hc_table_shown(layout->table, &layout->view->look); r++) {
		hc_cleanup_free char *text = cell_text(layout, r, i);
		if (text && hc_text_columns(text) > width)
			width = hc_text_columns(text);
	}
	return width;
}

static bool shrinks(const struct layout *layout, unsigned i)
{
	return column_at(layout, i)->flags & HC_COLUMN_SHRINK;
}

static bool is_bar(const struct layout *layout, unsigned i)
{
	return column_at(layout, i)->kind == HC_CELL_BAR;
}

/** A text column is not made narrower than this. */
#define MIN_SHRUNK 10

/** The least that a column takes. Bars do without. */
static size_t least_width(const struct layout *layout, unsigned i)
{
	if (is_bar(layout, i))
		return 0;
	return shrinks(layout, i) && layout->widths[i] > MIN_SHRUNK ? MIN_SHRUNK
								    : layout->widths[i];
}

/** Put columns on lines. */
static void fold(struct layout *layout)
{
	size_t used = layout->table->indent, width = layout->view->out->width;
	struct band *band = NULL;

	for (unsigned i = 0; i < layout->columns->num; i++) {
		size_t least = least_width(layout, i);

		if (!band || (least && band->num && used + least > width)) {
			band = &layout->bands[layout->num_bands++];
			used = layout->table->indent + (i ? FOLD_INDENT : 0);
			*band = (struct band){.first = i, .indent = used};
		}
		band->num++;
		used += least ? least + 1 : 0;
	}
}

/** Columns of the screen that are left by every column but bars and those that shrink. */
static unsigned spare_room(const struct layout *layout, const struct band *band)
{
	size_t used = band->indent;

	for (unsigned i = band->first; i < band->first + band->num; i++) {
		if (!is_bar(layout, i) && !shrinks(layout, i))
			used += layout->widths[i] + 1;
	}
	return used < layout->view->out->width ? layout->view->out->width - used : 0;
}

static void plan(struct layout *layout)
{
	for (unsigned i = 0; i < layout->columns->num; i++)
		layout->widths[i] = is_bar(layout, i) ? 0 : column_width(layout, i);
	fold(layout);
	for (unsigned i = 0; i < layout->num_bands; i++)
		layout->bands[i].room = spare_room(layout, &layout->bands[i]);
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

/** Take out colors, which are the only escape sequences of a cell: nothing may cut one in two. */
static void drop_colors(char *text)
{
	char *to = text;

	for (const char *at = text; *at; at++) {
		if (*at != '\033') {
			*to++ = *at;
			continue;
		}
		while (at[1] && *at != 'm')
			at++;
	}
	*to = '\0';
}

/** Cut a text that is wider than @p room, and mark the cut; a closing quote is kept. */
static void shorten(char *text, size_t room, bool utf8)
{
	const char *mark = utf8 ? "…" : "...";
	size_t columns = 0;
	char *end = text;

	if (hc_text_columns(text) <= room)
		return;
	drop_colors(text);
	if (hc_text_columns(text) <= room)
		return;
	const char *quote = text[0] == '"' ? "\"" : "";
	size_t mark_columns = (utf8 ? 1 : 3) + strlen(quote);
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

/** Columns for a bar; 0: none. */
static unsigned bar_width(const struct layout *layout, const struct band *band)
{
	if (layout->num_bands > 1 || band->room < MIN_BAR)
		return 0;
	return band->room > MAX_BAR ? MAX_BAR : band->room;
}

/** A text that has at most so much room. To be freed by the caller. */
static char *short_text(const struct layout *layout, size_t row, unsigned i, size_t room)
{
	hc_cleanup_free char *text = cell_text(layout, row, i);
	bool whole = layout->view->look.full_names && column_at(layout, i)->kind == HC_CELL_NAME;

	if (!text || whole || hc_text_columns(text) <= room)
		return hc_steal(text);
	char *ret = realloc(text, strlen(text) + MARK_ROOM);
	if (!ret)
		return NULL;
	(void)hc_steal(text);
	shorten(ret, room, layout->view->look.utf8);
	return ret;
}

/** Whether a column is not drawn: there is no room for a bar. */
static bool is_left_out(const struct layout *layout, const struct band *band, unsigned i)
{
	return is_bar(layout, i) && !bar_width(layout, band);
}

static bool add_columns(struct libscols_table *scols, const struct layout *layout,
			const struct band *band)
{
	char buf[64];

	for (unsigned i = band->first; i < band->first + band->num; i++) {
		const struct hc_column *column = column_at(layout, i);
		if (is_left_out(layout, band, i))
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

static char *make_bar(const struct layout *layout, const struct band *band, size_t row, unsigned i)
{
	double real = hc_table_at(layout->table, row, layout->columns->items[i])->real;

	return bar_text(layout->longest > 0 ? real / layout->longest : 0, bar_width(layout, band),
			layout->view->look.utf8);
}

static char *make_cell(const struct layout *layout, const struct band *band, size_t row, unsigned i)
{
	size_t room = layout->view->out->width - band->indent;

	if (is_bar(layout, i))
		return make_bar(layout, band, row, i);
	if (shrinks(layout, i) && band->room < room)
		room = band->room > MIN_SHRUNK ? band->room : MIN_SHRUNK;
	return short_text(layout, row, i, room);
}

static bool add_line(struct libscols_table *scols, const struct layout *layout,
		     const struct band *band, size_t row)
{
	struct libscols_line *line = scols_table_new_line(scols, NULL);
	unsigned to = 0;

	if (!line)
		return false;
	for (unsigned i = band->first; i < band->first + band->num; i++) {
		if (is_left_out(layout, band, i))
			continue;
		char *text = make_cell(layout, band, row, i);
		if (!text || scols_line_refer_data(line, to++, text)) {
			free(text);
			return false;
		}
	}
	return true;
}

static struct hc_error *align(const struct layout *layout, struct band *band)
{
	hc_cleanup(unref_table) struct libscols_table *scols = scols_new_table();

	if (!scols)
		return &hc_enomem;
	scols_table_set_termforce(scols, SCOLS_TERMFORCE_ALWAYS);
	/* Every text is escaped already. */
	scols_table_enable_noencoding(scols, 1);
	scols_table_enable_noheadings(scols, layout->view->choice.no_headings);
	/* Wide enough for every column: what had to be shortened is short already. */
	scols_table_set_termwidth(scols, MAX_LINE);
	if (!add_columns(scols, layout, band))
		return &hc_enomem;
	for (size_t r = 0; r < hc_table_shown(layout->table, &layout->view->look); r++) {
		if (!add_line(scols, layout, band, r))
			return &hc_enomem;
	}
	if (scols_print_table_to_string(scols, &band->text))
		return &hc_enomem;
	band->rest = band->text;
	return NULL;
}

/** Print the next line of a band, indented, without the blanks that pad the last column. */
static bool write_line(const struct layout *layout, struct band *band, bool heading)
{
	struct hc_output *out = layout->view->out;
	char *line = strsep(&band->rest, "\n");

	if (!line || (!band->rest && !*line))
		return false;
	size_t len = strlen(line);
	while (len && line[len - 1] == ' ')
		line[--len] = '\0';
	/* What goes on below may be nothing. */
	if (!len && band != layout->bands)
		return true;
	fprintf(out->file, "%*s%s%s%s\n", band->indent, "", heading && out->color ? "\033[4m" : "",
		line, heading && out->color ? "\033[0m" : "");
	return true;
}

static void write_lines(struct layout *layout)
{
	bool heading = !layout->view->choice.no_headings, more = true;

	while (more) {
		for (unsigned i = 0; more && i < layout->num_bands; i++)
			more = write_line(layout, &layout->bands[i], heading);
		heading = false;
	}
}

static void layout_deinit(struct layout *layout)
{
	for (unsigned i = 0; i < layout->num_bands; i++)
		free(layout->bands[i].text);
}

struct hc_error *hc_text_table(const struct hc_table *table, const struct hc_view *view,
			       const struct hc_column_list *columns)
{
	hc_cleanup(layout_deinit) struct layout layout = {table, view, columns};
	struct hc_error *err = NULL;

	if (!hc_table_shown(table, &view->look))
		return NULL;
	plan(&layout);
	for (unsigned i = 0; i < columns->num; i++) {
		if (is_bar(&layout, i))
			layout.longest = longest_bar(&layout, i);
	}
	for (unsigned i = 0; i < layout.num_bands && !err; i++)
		err = align(&layout, &layout.bands[i]);
	if (!err)
		write_lines(&layout);
	return err;
}
