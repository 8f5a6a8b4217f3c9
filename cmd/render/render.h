/**
 * @file
 * Renderers: one for each output format.
 *
 * A format is a struct of functions (hc_renderer), a file render_NAME.c that has it, and a row in
 * the table of formats (hc_formats). It gets whole documents, or long tables row by row, and
 * writes to the view's output. What every renderer has to keep to:
 *
 * - It asks hc_node_shows() of each node, and turns cells into text by the functions of cell.h
 *   alone: these are what keeps the promises of --content.
 * - A write that fails shows in the stream's error flag, and is reported when the output is closed.
 *   Errors that a renderer returns are its own.
 * - Nothing of it depends on the verb.
 */
#ifndef HC_CMD_RENDER_RENDER_H
#define HC_CMD_RENDER_RENDER_H

#include "cmd/render/document.h"
#include "cmd/render/output.h"

struct hc_rows;

struct hc_renderer;

/** Where output goes, in which format, and how it is to look. */
struct hc_view {
	const struct hc_renderer *renderer;
	struct hc_output *out;
	struct hc_look look;
	struct hc_choice choice;
};

struct hc_renderer {
	enum hc_medium medium; /**< which columns a table has by default */

	/** Write a document. Its main table is sorted already. */
	struct hc_error *(*document)(const struct hc_document *doc, const struct hc_view *view);

	/** Rows that are not kept: write what comes before them. @param head facts and sentences */
	struct hc_error *(*rows_begin)(struct hc_rows *rows, const struct hc_document *head);
	/** Write one row by the put functions of rows.h. @param cells one for each column of the
	 * shape */
	void (*row)(struct hc_rows *rows, const struct hc_cell *cells);
	/** Write what comes behind them. */
	struct hc_error *(*rows_end)(struct hc_rows *rows, const struct hc_document *foot);
};

extern const struct hc_renderer hc_text_renderer, hc_json_renderer, hc_csv_renderer,
	hc_markdown_renderer, hc_collapsed_renderer, hc_pprof_renderer, hc_html_renderer;

/** What --format may be. Those before hex are of every verb. */
enum hc_format {
	HC_FORMAT_TEXT,
	HC_FORMAT_JSON,
	HC_FORMAT_CSV,
	HC_FORMAT_MARKDOWN,
	HC_FORMAT_HEX,    /**< dumps of memory, with their remarks as text */
	HC_FORMAT_SQLITE, /**< files of export, with their remarks as text; JSON Lines, too */
	HC_FORMAT_JSONL,
	HC_FORMAT_COLLAPSED, /**< stacks (stacks.h), a line each */
	HC_FORMAT_PPROF,     /**< stacks, for pprof */
	HC_FORMAT_HTML,      /**< reports */
	HC_NUM_FORMATS
};

/** The table of formats: the word for --format, and who writes it. */
extern const struct hc_format_row {
	const char *name;
	const struct hc_renderer *renderer;
} hc_formats[HC_NUM_FORMATS];

/** Whether people read it, rather than programs. */
static inline bool hc_format_is_for_people(enum hc_format format)
{
	return hc_formats[format].renderer->medium == HC_MEDIUM_TEXT;
}

/** Whether stacks are all that it shows. */
static inline bool hc_format_is_of_stacks(enum hc_format format)
{
	return format == HC_FORMAT_COLLAPSED || format == HC_FORMAT_PPROF;
}

/**
 * Write a document; nothing is written when something of @ref hc_view.choice is wrong.
 */
struct hc_error *hc_render(struct hc_document *doc, const struct hc_view *view);

/** Whether a node may show, apart from its children. */
static inline bool hc_node_shows(const struct hc_node *node, const struct hc_view *view)
{
	enum hc_content content = view->look.policy.content;

	return content >= node->needs && (node->kind != HC_NODE_GROUP || content <= node->until);
}

/** The columns that a table of a document shows: the user's choice is about its main table. */
struct hc_error *hc_document_columns(const struct hc_document *doc, const struct hc_table *table,
				     const struct hc_view *view, enum hc_medium medium,
				     struct hc_column_list *ret);

/** @name Parts of renderers */
/**@{*/

/** A table as text. */
struct hc_error *hc_text_table(const struct hc_table *table, const struct hc_view *view,
			       const struct hc_column_list *columns);
/** Bytes with their addresses, as lines of text. */
void hc_text_hex(const struct hc_node *node, const struct hc_view *view, FILE *file);
/** A document as a JSON object. @param[out] ret new reference */
struct hc_error *hc_document_json(const struct hc_document *doc, const struct hc_view *view,
				  json_t **ret);
/** Each row of the main table as an object. @param[out] ret array, new reference */
struct hc_error *hc_table_json(const struct hc_table *table, const struct hc_view *view,
			       json_t **ret);
/**@}*/

#endif
