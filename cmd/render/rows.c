/**
 * @file
 * Rows that are written as they come; see rows.h.
 */
#include <stdlib.h>

#include "cmd/render/rows.h"

/** More than a number and what it is padded to take. */
#define MAX_NUMBER 128

struct hc_error *hc_rows_check(const struct hc_choice *choice)
{
	if (!choice->sort)
		return NULL;
	return hc_error_create(HC_ERROR_ARGUMENT,
			       "--sort: these rows are written by address, as they are found; "
			       "sort(1) sorts them");
}

struct hc_error *hc_rows_begin(struct hc_rows *rows, const struct hc_view *view,
			       const struct hc_shape *shape, uint64_t hidden,
			       const struct hc_document *head)
{
	*rows = (struct hc_rows){.view = view, .shape = shape};
	struct hc_error *err = hc_rows_check(&view->choice);
	if (!err)
		err = hc_choose_columns(shape, hidden, view->choice.columns, view->renderer->medium,
					&rows->columns);
	if (err)
		return err;
	for (unsigned i = 0; i < shape->num_columns; i++) {
		if (hc_column_needs(&shape->columns[i]) > view->look.policy.content)
			rows->withheld |= UINT64_C(1) << i;
	}
	rows->buffer = malloc(HC_ROWS_BUFFER);
	if (!rows->buffer)
		return &hc_enomem;
	return view->renderer->rows_begin(rows, head);
}

bool hc_rows_add(struct hc_rows *rows, const struct hc_cell *cells)
{
	rows->view->renderer->row(rows, cells);
	/* Somebody watches, and may have to wait long for the next one. */
	if (rows->view->out->terminal)
		hc_rows_flush(rows);
	return !ferror_unlocked(rows->view->out->file);
}

struct hc_error *hc_rows_end(struct hc_rows *rows, const struct hc_document *foot)
{
	struct hc_error *err;

	hc_rows_flush(rows);
	err = rows->view->renderer->rows_end(rows, foot);
	hc_rows_deinit(rows);
	return err;
}

void hc_rows_deinit(struct hc_rows *rows)
{
	free(rows->buffer);
	rows->buffer = NULL;
}

void hc_rows_flush(struct hc_rows *rows)
{
	fwrite_unlocked(rows->buffer, 1, rows->used, rows->view->out->file);
	rows->used = 0;
}

void hc_put_long(struct hc_rows *rows, const char *data, size_t size)
{
	hc_rows_flush(rows);
	fwrite_unlocked(data, 1, size, rows->view->out->file);
}

static char *room(struct hc_rows *rows)
{
	if (rows->used > HC_ROWS_BUFFER - MAX_NUMBER)
		hc_rows_flush(rows);
	return rows->buffer + rows->used;
}

/** Put digits, with blanks before them. */
static void put_digits(struct hc_rows *rows, const char *digits, unsigned size, unsigned width)
{
	char *out = room(rows);

	while (width > size) {
		*out++ = ' ';
		width--;
	}
	memcpy(out, digits, size);
	rows->used = out + size - rows->buffer;
}

void hc_put_number(struct hc_rows *rows, uint64_t number, unsigned width)
{
	char digits[24];
	unsigned pos = sizeof(digits);

	do {
		digits[--pos] = '0' + number % 10;
		number /= 10;
	} while (number);
	put_digits(rows, digits + pos, sizeof(digits) - pos, width);
}

void hc_put_address(struct hc_rows *rows, uint64_t address, unsigned width)
{
	char digits[24];
	unsigned pos = sizeof(digits);

	do {
		digits[--pos] = "0123456789abcdef"[address % 16];
		address /= 16;
	} while (address);
	digits[--pos] = 'x';
	digits[--pos] = '0';
	put_digits(rows, digits + pos, sizeof(digits) - pos, width);
}

void hc_put_blanks(struct hc_rows *rows, unsigned num)
{
	while (num--)
		hc_put_text(rows, " ");
}
