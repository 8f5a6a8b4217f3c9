/**
 * @file
 * One table model that prints as text, CSV and JSON, so that no verb formats by hand.
 *
 * A verb describes its columns once and fills rows with plain values; how a byte count looks in
 * each format is decided here. Text goes through libsmartcols, which aligns and shortens. A table
 * holds its rows in memory: verbs whose rows are as many as the chunks of a heap stream instead
 * (chunks.c, grep.c).
 *
 * Filling never fails: when memory runs out the table remembers, and printing reports it.
 */
#ifndef HC_CMD_RENDER_TABLE_H
#define HC_CMD_RENDER_TABLE_H

#include "cmd/render/json.h"
#include "cmd/render/output.h"

enum hc_column_kind {
	HC_COLUMN_TEXT,
	HC_COLUMN_LIST,    /**< text with commas between items; an array in JSON */
	HC_COLUMN_COUNT,   /**< 1,019,571 */
	HC_COLUMN_BYTES,   /**< 1.01 GiB */
	HC_COLUMN_ADDRESS, /**< 0x55d0c2a0 */
	HC_COLUMN_ARENA,   /**< 0, 1, … or mmap */
	HC_COLUMN_BOOL,    /**< yes or no; true or false in JSON and CSV */
	HC_COLUMN_SHARE,   /**< 0 to 1; 95 % */
	HC_COLUMN_BAR,     /**< 0 to 1, drawn; text only, and only where there is room */
};

enum {
	HC_COLUMN_TEXT_ONLY = 1, /**< not in JSON or CSV, because another column says the same */
	HC_COLUMN_DATA_ONLY = 2, /**< not in text */
	HC_COLUMN_SHRINK =
		4, /**< shorten this one when a line is too long; at most one, without a bar */
	HC_COLUMN_LEFT = 8, /**< align a number to the left */
	HC_COLUMN_NO_CSV = 16,
	HC_COLUMN_ESCAPED = 32, /**< its text went through escape.h already */
};

struct hc_column {
	const char *name;  /**< JSON key and CSV header */
	const char *title; /**< heading in text */
	enum hc_column_kind kind;
	unsigned flags;
};

struct hc_cell {
	bool known;
	uint64_t number;
	double share;
	char *text;
};

struct hc_table {
	const struct hc_column *columns;
	size_t num_columns;
	struct hc_cell *cells; /**< row by row */
	size_t num_rows, capacity;
	unsigned hidden; /**< bit per column: left out everywhere */
	bool no_memory;
};

/** @param columns outlives the table */
void hc_table_init(struct hc_table *table, const struct hc_column *columns, size_t num_columns);
void hc_table_deinit(struct hc_table *table);
#define hc_cleanup_table hc_cleanup(hc_table_deinit)

/** Leave a column out of every format. */
void hc_table_hide(struct hc_table *table, unsigned column);

/**
 * Begin a row; its cells are unknown ("-" in text, empty in CSV, null in JSON) until they are set.
 */
void hc_table_add_row(struct hc_table *table);

/** Set a cell of the last row. */
void hc_table_number(struct hc_table *table, unsigned column, uint64_t number);
void hc_table_share(struct hc_table *table, unsigned column, double share);
/** @param text copied; NULL leaves the cell unknown */
void hc_table_text(struct hc_table *table, unsigned column, const char *text);
void hc_table_format(struct hc_table *table, unsigned column, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

struct hc_error *hc_table_write_text(const struct hc_table *table, struct hc_output *out,
				     unsigned indent);
struct hc_error *hc_table_write_csv(const struct hc_table *table, struct hc_output *out);
/** @param[out] ret array of one object a row; new reference */
struct hc_error *hc_table_json(const struct hc_table *table, json_t **ret);

#endif
