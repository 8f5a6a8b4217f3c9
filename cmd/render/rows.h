/**
 * @file
 * Rows that are written as they come: tables as long as a heap has chunks.
 *
 * They have the shape of a table (table.h) and cells like its, but are kept nowhere: 33 million of
 * them cost no memory. Lines are put together in a buffer without printf(), which would take most
 * of the time. In text, columns have the widths that the shape gives; in JSON the rows are JSON
 * Lines between a head and a foot, and what is unknown is left out of a row.
 */
#ifndef HC_CMD_RENDER_ROWS_H
#define HC_CMD_RENDER_ROWS_H

#include <string.h>

#include "cmd/render/render.h"
#include "core/heap/heap.h"

/** As large as that of a stream: a reader that goes away is noticed as soon. */
#define HC_ROWS_BUFFER (4u << 10)

struct hc_rows {
	const struct hc_view *view;
	const struct hc_shape *shape;
	struct hc_column_list columns;
	uint64_t withheld; /**< bit per column that --content does not allow */
	uint64_t folds;    /**< in text, bit per column shown: it begins a line of its own */
	size_t used;
	char *buffer;
};

/** Whether the user's choice can be had: rows of this kind can't be sorted. */
struct hc_error *hc_rows_check(const struct hc_choice *choice);

/**
 * Begin.
 *
 * @param hidden bit per column that this run does not have
 * @param head   facts and sentences before the rows
 */
struct hc_error *hc_rows_begin(struct hc_rows *rows, const struct hc_view *view,
			       const struct hc_shape *shape, uint64_t hidden,
			       const struct hc_document *head);

/**
 * Write a row.
 *
 * @param cells one for each column of the shape
 * @return false when nobody reads any more, or nothing more fits
 */
bool hc_rows_add(struct hc_rows *rows, const struct hc_cell *cells);

/** End. @param foot facts and sentences behind the rows */
struct hc_error *hc_rows_end(struct hc_rows *rows, const struct hc_document *foot);

/** Give up what was not written. Does nothing after hc_rows_end(). */
void hc_rows_deinit(struct hc_rows *rows);
#define hc_cleanup_rows hc_cleanup(hc_rows_deinit)

/** @name For renderers: putting a line together */
/**@{*/

/** Whether a cell may show and is known. Words that stand in for it (hc_cell_or()) are for tables.
 */
static inline bool hc_rows_show(const struct hc_rows *rows, unsigned column,
				const struct hc_cell *cells)
{
	return !(rows->withheld & UINT64_C(1) << column) &&
	       rows->view->look.policy.content >= cells[column].needs &&
	       cells[column].kind != HC_CELL_UNKNOWN;
}

void hc_rows_flush(struct hc_rows *rows);

/** Bytes of any length. */
void hc_put_long(struct hc_rows *rows, const char *data, size_t size);

static inline void hc_put_text(struct hc_rows *rows, const char *text)
{
	size_t size = strlen(text);

	if (size > HC_ROWS_BUFFER - rows->used) {
		hc_put_long(rows, text, size);
		return;
	}
	memcpy(rows->buffer + rows->used, text, size);
	rows->used += size;
}

/** Right-aligned in @p width columns. */
void hc_put_number(struct hc_rows *rows, uint64_t number, unsigned width);
void hc_put_address(struct hc_rows *rows, uint64_t address, unsigned width);
void hc_put_blanks(struct hc_rows *rows, unsigned num);
/**@}*/

#endif
