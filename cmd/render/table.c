/**
 * @file
 * One table model for text, CSV and JSON; see table.h.
 */
#include <inttypes.h>
#include <libsmartcols.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "core/heap/heap.h"
#include "cmd/render/csv.h"
#include "cmd/render/escape.h"
#include "cmd/render/table.h"
#include "cmd/render/units.h"
#include "core/base/cleanup.h"

/** A bar narrower than this says nothing; one wider says no more. */
#define MIN_BAR 6
#define MAX_BAR 24

/** More columns than any table has. */
#define MAX_LINE 4096

void hc_table_init(struct hc_table *table, const struct hc_column *columns, size_t num_columns)
{
	*table = (struct hc_table){.columns = columns, .num_columns = num_columns};
}

void hc_table_deinit(struct hc_table *table)
{
	for (size_t i = 0; i < table->num_rows * table->num_columns; i++)
		free(table->cells[i].text);
	free(table->cells);
}

void hc_table_hide(struct hc_table *table, unsigned column)
{
	table->hidden |= 1u << column;
}

void hc_table_add_row(struct hc_table *table)
{
	if (table->no_memory)
		return;
	if (table->num_rows == table->capacity) {
		size_t capacity = table->capacity ? table->capacity * 2 : 16;
		struct hc_cell *cells =
			reallocarray(table->cells, capacity * table->num_columns, sizeof(*cells));
		if (!cells) {
			table->no_memory = true;
			return;
		}
		table->cells = cells;
		table->capacity = capacity;
	}
	memset(table->cells + table->num_rows * table->num_columns, 0,
	       table->num_columns * sizeof(*table->cells));
	table->num_rows++;
}

/** A cell of the last row, or NULL after a failure. */
static struct hc_cell *last(struct hc_table *table, unsigned column)
{
	if (table->no_memory)
		return NULL;
	struct hc_cell *cell = &table->cells[(table->num_rows - 1) * table->num_columns + column];
	cell->known = true;
	return cell;
}

void hc_table_number(struct hc_table *table, unsigned column, uint64_t number)
{
	struct hc_cell *cell = last(table, column);

	if (cell)
		cell->number = number;
}

void hc_table_share(struct hc_table *table, unsigned column, double share)
{
	struct hc_cell *cell = last(table, column);

	if (cell)
		cell->share = share;
}

void hc_table_text(struct hc_table *table, unsigned column, const char *text)
{
	if (!text)
		return;
	struct hc_cell *cell = last(table, column);
	if (!cell)
		return;
	free(cell->text);
	cell->text = strdup(text);
	table->no_memory |= !cell->text;
}

void hc_table_format(struct hc_table *table, unsigned column, const char *format, ...)
{
	hc_cleanup_free char *text = NULL;
	va_list args;

	va_start(args, format);
	if (vasprintf(&text, format, args) < 0) {
		text = NULL;
		table->no_memory = true;
	}
	va_end(args);
	hc_table_text(table, column, text);
}

static const struct hc_cell *cell_at(const struct hc_table *table, size_t row, size_t column)
{
	return &table->cells[row * table->num_columns + column];
}

static bool is_right(const struct hc_column *column)
{
	return column->kind != HC_COLUMN_TEXT && column->kind != HC_COLUMN_LIST &&
	       column->kind != HC_COLUMN_BAR && column->kind != HC_COLUMN_BOOL &&
	       !(column->flags & HC_COLUMN_LEFT);
}

/** What a cell looks like in text, bars aside. To be freed by the caller. */
static char *cell_text(const struct hc_column *column, const struct hc_cell *cell, bool utf8)
{
	if (!cell->known)
		return strdup("-");
	switch (column->kind) {
	case HC_COLUMN_TEXT:
	case HC_COLUMN_LIST:
		if (column->flags & HC_COLUMN_ESCAPED)
			return strdup(cell->text);
		return hc_escape_string(cell->text, HC_ESCAPE_PLAIN | (utf8 ? HC_ESCAPE_UTF8 : 0));
	case HC_COLUMN_COUNT:
		return strdup(hc_unit_count(cell->number).text);
	case HC_COLUMN_BYTES:
		return strdup(hc_unit_bytes(cell->number).text);
	case HC_COLUMN_ADDRESS:
		return strdup(hc_unit_address(cell->number).text);
	case HC_COLUMN_ARENA:
		if (cell->number == HC_ARENA_MMAP)
			return strdup("mmap");
		return strdup(hc_unit_count(cell->number).text);
	case HC_COLUMN_BOOL:
		return strdup(cell->number ? "yes" : "no");
	case HC_COLUMN_SHARE:
		return strdup(hc_unit_share(cell->share).text);
	case HC_COLUMN_BAR:
		break;
	}
	return strdup("");
}

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

static bool in_text(const struct hc_table *table, size_t column)
{
	return !(table->columns[column].flags & HC_COLUMN_DATA_ONLY) &&
	       !(table->hidden & 1u << column);
}

/** Columns of the screen that a UTF-8 text takes, every character counted as one. */
static size_t columns_of(const char *text)
{
	size_t columns = 0;

	for (; *text; text++)
		columns += (*text & 0xc0) != 0x80;
	return columns;
}

/** Columns of the screen that are left by every column but bars and those that shrink. */
static unsigned spare_room(const struct hc_table *table, const struct hc_output *out,
			   unsigned indent)
{
	size_t used = indent;

	for (size_t c = 0; c < table->num_columns; c++) {
		if (!in_text(table, c) || table->columns[c].kind == HC_COLUMN_BAR ||
		    (table->columns[c].flags & HC_COLUMN_SHRINK))
			continue;
		/* libsmartcols gives an empty column one blank. */
		size_t width = *table->columns[c].title ? strlen(table->columns[c].title) : 1;
		for (size_t r = 0; r < table->num_rows; r++) {
			hc_cleanup_free char *text =
				cell_text(&table->columns[c], cell_at(table, r, c), out->utf8);
			if (text && columns_of(text) > width)
				width = columns_of(text);
		}
		used += width + 1;
	}
	return used < out->width ? out->width - used : 0;
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

/** The text of a cell that shrinks. To be freed by the caller. */
static char *short_text(const struct hc_column *column, const struct hc_cell *cell, size_t room,
			bool utf8)
{
	hc_cleanup_free char *text = cell_text(column, cell, utf8);

	if (!text)
		return NULL;
	char *ret = realloc(text, strlen(text) + MARK_ROOM);
	if (!ret)
		return NULL;
	(void)hc_steal(text);
	shorten(ret, room, utf8);
	return ret;
}

/** Columns for a bar in so much room; 0: none. */
static unsigned bar_width(unsigned room)
{
	return room < MIN_BAR ? 0 : room > MAX_BAR ? MAX_BAR : room;
}

/** A text column is not made narrower than this: the line is too long then. */
#define MIN_SHRUNK 10

static bool add_columns(struct libscols_table *scols, const struct hc_table *table, unsigned bar)
{
	for (size_t c = 0; c < table->num_columns; c++) {
		const struct hc_column *column = &table->columns[c];
		if (!in_text(table, c) || (column->kind == HC_COLUMN_BAR && !bar))
			continue;
		if (!scols_table_new_column(scols, column->title, 0,
					    is_right(column) ? SCOLS_FL_RIGHT : 0))
			return false;
	}
	return true;
}

static bool add_line(struct libscols_table *scols, const struct hc_table *table, size_t row,
		     unsigned room, bool utf8)
{
	struct libscols_line *line = scols_table_new_line(scols, NULL);
	unsigned to = 0, bar = bar_width(room);

	if (!line)
		return false;
	for (size_t c = 0; c < table->num_columns; c++) {
		const struct hc_column *column = &table->columns[c];
		const struct hc_cell *cell = cell_at(table, row, c);
		if (!in_text(table, c) || (column->kind == HC_COLUMN_BAR && !bar))
			continue;
		char *text = column->kind == HC_COLUMN_BAR ? bar_text(cell->share, bar, utf8)
			     : column->flags & HC_COLUMN_SHRINK
				     ? short_text(column, cell,
						  room > MIN_SHRUNK ? room : MIN_SHRUNK, utf8)
				     : cell_text(column, cell, utf8);
		if (!text || scols_line_refer_data(line, to++, text)) {
			free(text);
			return false;
		}
	}
	return true;
}

/** Print lines one by one, indented, without the blanks that pad the last column. */
static void write_lines(FILE *file, char *text, unsigned indent, const struct hc_output *out)
{
	char *rest = text;
	bool heading = true;

	for (char *line; (line = strsep(&rest, "\n")) && (rest || *line);) {
		size_t len = strlen(line);
		while (len && line[len - 1] == ' ')
			line[--len] = '\0';
		fprintf(file, "%*s%s%s%s\n", indent, "", heading && out->color ? "\033[4m" : "",
			line, heading && out->color ? "\033[0m" : "");
		heading = false;
	}
}

struct hc_error *hc_table_write_text(const struct hc_table *table, struct hc_output *out,
				     unsigned indent)
{
	hc_cleanup(unref_table) struct libscols_table *scols = scols_new_table();
	hc_cleanup_free char *text = NULL;

	if (!scols || table->no_memory)
		return &hc_enomem;
	if (!table->num_rows)
		return NULL;
	scols_table_set_termforce(scols, SCOLS_TERMFORCE_ALWAYS);
	/* Every text is escaped already. */
	scols_table_enable_noencoding(scols, 1);
	/* Wide enough for every column: what had to be shortened is short already. */
	scols_table_set_termwidth(scols, MAX_LINE);
	unsigned room = spare_room(table, out, indent);
	if (!add_columns(scols, table, bar_width(room)))
		return &hc_enomem;
	for (size_t r = 0; r < table->num_rows; r++) {
		if (!add_line(scols, table, r, room, out->utf8))
			return &hc_enomem;
	}
	if (scols_print_table_to_string(scols, &text))
		return &hc_enomem;
	write_lines(out->file, text, indent, out);
	return NULL;
}

static bool in_data(const struct hc_table *table, size_t column)
{
	return !(table->columns[column].flags & HC_COLUMN_TEXT_ONLY) &&
	       table->columns[column].kind != HC_COLUMN_BAR && !(table->hidden & 1u << column);
}

static void write_csv_cell(FILE *file, const struct hc_column *column, const struct hc_cell *cell)
{
	if (!cell->known)
		return;
	switch (column->kind) {
	case HC_COLUMN_TEXT:
	case HC_COLUMN_LIST:
		hc_csv_field(file, cell->text);
		break;
	case HC_COLUMN_COUNT:
	case HC_COLUMN_BYTES:
		fprintf(file, "%" PRIu64, cell->number);
		break;
	case HC_COLUMN_ADDRESS:
		fprintf(file, "0x%" PRIx64, cell->number);
		break;
	case HC_COLUMN_ARENA:
		if (cell->number == HC_ARENA_MMAP)
			fputs("mmap", file);
		else
			fprintf(file, "%" PRIu64, cell->number);
		break;
	case HC_COLUMN_BOOL:
		fputs(cell->number ? "true" : "false", file);
		break;
	case HC_COLUMN_SHARE:
		fprintf(file, "%.6f", cell->share);
		break;
	case HC_COLUMN_BAR:
		break;
	}
}

struct hc_error *hc_table_write_csv(const struct hc_table *table, struct hc_output *out)
{
	if (table->no_memory)
		return &hc_enomem;
	/* Line 0 is the header. */
	for (size_t line = 0; line <= table->num_rows; line++) {
		const char *comma = "";
		for (size_t c = 0; c < table->num_columns; c++) {
			if (!in_data(table, c) || (table->columns[c].flags & HC_COLUMN_NO_CSV))
				continue;
			fputs(comma, out->file);
			comma = ",";
			if (line == 0)
				hc_csv_field(out->file, table->columns[c].name);
			else
				write_csv_cell(out->file, &table->columns[c],
					       cell_at(table, line - 1, c));
		}
		fputc('\n', out->file);
	}
	return NULL;
}

static json_t *list_json(const char *text)
{
	hc_cleanup_free char *copy = strdup(text);
	json_t *ret = json_array();

	for (char *rest = copy, *item; rest && (item = strsep(&rest, ","));) {
		if (*item)
			json_array_append_new(ret, hc_json_text(item));
	}
	return ret;
}

static json_t *cell_json(const struct hc_column *column, const struct hc_cell *cell)
{
	if (!cell->known)
		return json_null();
	switch (column->kind) {
	case HC_COLUMN_TEXT:
		return hc_json_text(cell->text);
	case HC_COLUMN_LIST:
		return list_json(cell->text);
	case HC_COLUMN_COUNT:
	case HC_COLUMN_BYTES:
		return hc_json_number(cell->number);
	case HC_COLUMN_ADDRESS:
		return hc_json_address(cell->number);
	case HC_COLUMN_ARENA:
		return hc_json_arena(cell->number);
	case HC_COLUMN_BOOL:
		return json_boolean(cell->number);
	case HC_COLUMN_SHARE:
		return hc_json_share(cell->share);
	case HC_COLUMN_BAR:
		break;
	}
	return json_null();
}

struct hc_error *hc_table_json(const struct hc_table *table, json_t **ret)
{
	hc_cleanup_json json_t *rows = json_array();

	if (!rows || table->no_memory)
		return &hc_enomem;
	for (size_t r = 0; r < table->num_rows; r++) {
		json_t *row = json_object();
		/* Jansson takes the reference, also when it fails. */
		if (json_array_append_new(rows, row))
			return &hc_enomem;
		for (size_t c = 0; c < table->num_columns; c++) {
			if (!in_data(table, c))
				continue;
			if (json_object_set_new(
				    row, table->columns[c].name,
				    cell_json(&table->columns[c], cell_at(table, r, c))))
				return &hc_enomem;
		}
	}
	*ret = hc_steal(rows);
	return NULL;
}
