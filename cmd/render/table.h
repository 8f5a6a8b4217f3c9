/**
 * @file
 * Tables: rows of cells under columns that say what they are.
 *
 * A verb describes its columns once, in a shape: name for programs, title for people, kind, help,
 * and what --content has to allow. It fills rows with plain values; how those look is the
 * renderers' business. A table holds its rows in memory; where they may be as many as the chunks of
 * a heap, they are written as they come (rows.h), from the same shapes.
 *
 * Filling never fails: when memory runs out, the pool remembers, and rendering reports it.
 */
#ifndef HC_CMD_RENDER_TABLE_H
#define HC_CMD_RENDER_TABLE_H

#include "cmd/render/cell.h"
#include "core/base/error.h"

enum {
	HC_COLUMN_TEXT_ONLY = 1,  /**< not in JSON or CSV, because another column says the same */
	HC_COLUMN_DATA_ONLY = 2,  /**< not in text, unless it is asked for */
	HC_COLUMN_SHRINK = 4,     /**< shorten this one when a line is too long; at most one */
	HC_COLUMN_LEFT = 8,       /**< align a number to the left */
	HC_COLUMN_NO_CSV = 16,    /**< not in CSV, unless it is asked for */
	HC_COLUMN_EXTRA = 32,     /**< only where it is asked for: to show, or to sort by */
	HC_COLUMN_ASCENDING = 64, /**< a number whose small values come first */
	HC_COLUMN_CLASS = 128,    /**< tells what kind of content there is: --content class */
};

struct hc_column {
	const char *name;  /**< JSON key, CSV header, and word for --columns and --sort */
	const char *title; /**< heading in text; "": the name in capitals, where it is asked for */
	enum hc_cell_kind kind;
	unsigned flags;
	const char *help; /**< what it says, without a full stop */
	unsigned width;   /**< of a column in rows that are not kept; 0: as they come */
};

/** The least --content that shows a column. */
static inline enum hc_content hc_column_needs(const struct hc_column *column)
{
	return column->kind == HC_CELL_CONTENT   ? HC_CONTENT_SAMPLE
	       : column->flags & HC_COLUMN_CLASS ? HC_CONTENT_CLASS
						 : HC_CONTENT_NONE;
}

/** What a table is, apart from its rows. */
struct hc_shape {
	const char *key;  /**< of the array in JSON; NULL: JSON has it in another form */
	const char *name; /**< for help, where a verb has several: "groups" */
	const struct hc_column *columns;
	unsigned num_columns;  /**< at most HC_MAX_COLUMNS */
	const char *more;      /**< what other columns a run may add, for help; NULL: none */
	const char *separator; /**< in text, of rows that are not kept and have no headings */
};

#define HC_MAX_COLUMNS 128

/** The members of a shape that tell its columns. */
#define HC_COLUMNS(table) .columns = (table), .num_columns = sizeof(table) / sizeof((table)[0])

/** What the user wants to see of a table. */
struct hc_choice {
	const char *columns; /**< "a,b", or changes of what is shown: "+c,-a"; NULL: as it is */
	const char *sort;    /**< "COLUMN[:asc|desc]"; NULL: as it is */
	bool no_headings;
};

struct hc_table {
	const struct hc_shape *shape;
	struct hc_pool *pool;
	struct hc_cell *cells; /**< row by row */
	size_t num_rows, capacity;
	size_t limit;          /**< rows that are shown */
	uint64_t more;         /**< rows that there are besides, and that are not at hand */
	enum hc_content needs; /**< no rows below that */
	unsigned indent;       /**< in text */
	uint64_t hidden; /**< bit per column, of the first 64: unknown in this run, and nowhere */
};

/** @param pool keeps the cells; @param shape outlives the table */
void hc_table_init(struct hc_table *table, const struct hc_shape *shape, struct hc_pool *pool);
void hc_table_deinit(struct hc_table *table);

/** Leave a column out of every format. */
void hc_table_hide(struct hc_table *table, unsigned column);

/**
 * Begin a row; its cells are unknown ("-" in text, empty in CSV, null in JSON) until they are set.
 */
void hc_table_add_row(struct hc_table *table);

/** Set a cell of the last row. All copy. */
void hc_table_cell(struct hc_table *table, unsigned column, struct hc_cell cell);
void hc_table_number(struct hc_table *table, unsigned column, uint64_t number);
void hc_table_share(struct hc_table *table, unsigned column, double share);
/** @param text NULL leaves the cell unknown */
void hc_table_text(struct hc_table *table, unsigned column, const char *text);
/** A phrase. @param ... HC_CELLS() */
void hc_table_phrase(struct hc_table *table, unsigned column, const char *format,
		     const struct hc_cell *cells, size_t num_cells);

/** Rows that are shown. */
static inline size_t hc_table_shown(const struct hc_table *table, const struct hc_look *look)
{
	if (look->policy.content < table->needs)
		return 0;
	return table->limit < table->num_rows ? table->limit : table->num_rows;
}

static inline const struct hc_cell *hc_table_at(const struct hc_table *table, size_t row,
						unsigned column)
{
	return &table->cells[row * table->shape->num_columns + column];
}

/**
 * Put rows in another order; equal ones stay as they were, unknown values come last.
 *
 * @param content what may show: by what may not nothing is sorted
 * @return @ref HC_ERROR_ARGUMENT when there is no such column
 */
struct hc_error *hc_table_sort(struct hc_table *table, const char *sort, enum hc_content content);

/** Whether people read a column from the left: words, rather than numbers. */
bool hc_column_is_left(const struct hc_column *column);

/** Where columns are shown. */
enum hc_medium { HC_MEDIUM_TEXT, HC_MEDIUM_CSV, HC_MEDIUM_JSON };

/** Columns to show, in order. */
struct hc_column_list {
	unsigned items[HC_MAX_COLUMNS];
	unsigned num;
};

/**
 * Find out which columns are to be shown. JSON has the same ones always.
 *
 * @param columns as in hc_choice
 * @return @ref HC_ERROR_ARGUMENT that names the columns there are, when one is unknown
 */
struct hc_error *hc_choose_columns(const struct hc_shape *shape, uint64_t hidden,
				   const char *columns, enum hc_medium medium,
				   struct hc_column_list *ret);

/** Whether a table has the columns that are asked for. @return as hc_choose_columns() */
struct hc_error *hc_shape_check(const struct hc_shape *shape, const struct hc_choice *choice);

/** Heading of a column in text. */
const char *hc_column_title(const struct hc_column *column, char buf[static 64]);

#endif
