/**
 * @file
 * Documents as CSV: their main table, a header line and rows. Facts and sentences have no place.
 */
#include "cmd/render/csv.h"
#include "cmd/render/render.h"
#include "cmd/render/rows.h"

static void write_header(FILE *file, const struct hc_shape *shape,
			 const struct hc_column_list *columns)
{
	for (unsigned i = 0; i < columns->num; i++) {
		if (i)
			fputc(',', file);
		hc_csv_field(file, shape->columns[columns->items[i]].name);
	}
	fputc('\n', file);
}

static struct hc_error *write_document(const struct hc_document *doc, const struct hc_view *view)
{
	const struct hc_table *table = doc->main;
	FILE *file = view->out->file;
	struct hc_column_list columns;

	if (!table)
		return NULL;
	struct hc_error *err = hc_document_columns(doc, table, view, HC_MEDIUM_CSV, &columns);
	if (err)
		return err;
	if (!view->choice.no_headings)
		write_header(file, table->shape, &columns);
	for (size_t r = 0; r < hc_table_shown(table, &view->look); r++) {
		for (unsigned i = 0; i < columns.num; i++) {
			hc_cleanup_free char *text = hc_cell_to_data(
				&view->look, hc_table_at(table, r, columns.items[i]));
			if (!text)
				return &hc_enomem;
			if (i)
				fputc(',', file);
			hc_csv_field(file, text);
		}
		fputc('\n', file);
	}
	return NULL;
}

/** @name Rows */
/**@{*/

static struct hc_error *begin_rows(struct hc_rows *rows, const struct hc_document *head)
{
	(void)head;
	if (!rows->view->choice.no_headings)
		write_header(rows->view->out->file, rows->shape, &rows->columns);
	return NULL;
}

static void put_field(struct hc_rows *rows, const struct hc_cell *cell)
{
	hc_cleanup_free char *text = hc_cell_to_data(&rows->view->look, cell);

	hc_rows_flush(rows);
	hc_csv_field(rows->view->out->file, text ? text : "");
}

static void put_cell(struct hc_rows *rows, const struct hc_cell *cell)
{
	switch (cell->kind) {
	case HC_CELL_COUNT:
	case HC_CELL_NUMBER:
	case HC_CELL_BYTES:
		hc_put_number(rows, cell->number, 0);
		break;
	case HC_CELL_ADDRESS:
		hc_put_address(rows, cell->number, 0);
		break;
	case HC_CELL_ARENA:
		if (cell->number == HC_ARENA_MMAP)
			hc_put_text(rows, "mmap");
		else
			hc_put_number(rows, cell->number, 0);
		break;
	case HC_CELL_TEXT:
		/* Heapcore's own words need no quotes. */
		hc_put_text(rows, cell->text);
		break;
	default:
		put_field(rows, cell);
	}
}

static void write_row(struct hc_rows *rows, const struct hc_cell *cells)
{
	for (unsigned i = 0; i < rows->columns.num; i++) {
		unsigned c = rows->columns.items[i];
		if (i)
			hc_put_text(rows, ",");
		if (hc_rows_show(rows, c, cells))
			put_cell(rows, &cells[c]);
	}
	hc_put_text(rows, "\n");
}

static struct hc_error *end_rows(struct hc_rows *rows, const struct hc_document *foot)
{
	(void)foot;
	hc_rows_flush(rows);
	return NULL;
}
/**@}*/

const struct hc_renderer hc_csv_renderer = {
	.medium = HC_MEDIUM_CSV,
	.document = write_document,
	.rows_begin = begin_rows,
	.row = write_row,
	.rows_end = end_rows,
};
