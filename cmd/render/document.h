/**
 * @file
 * Documents: what a verb has to say, apart from how that looks.
 *
 * A document is a tree. Its leaves are facts (a key for programs, a label for people, a cell),
 * tables, and what only people read: sentences, headings, lines. Objects and arrays give data its
 * shape and leave no mark in text; groups show or leave out what is in them by what --content
 * allows, and leave no mark anywhere. Data and text are often told apart: a fact without a label is
 * not in text, one without a key is not in data, and the order of each is that of the tree.
 *
 * A verb builds the tree and gives it to a renderer (render.h). Verbs don't know formats, and
 * renderers don't know verbs. Whether something of the heap's content may show is said by what
 * holds it: by its cell, its column, or its group; no verb asks what --content is.
 *
 * Building never fails: when memory runs out the document remembers, and rendering reports it. All
 * texts are copied; bytes of excerpts are borrowed, and live as long as the core.
 */
#ifndef HC_CMD_RENDER_DOCUMENT_H
#define HC_CMD_RENDER_DOCUMENT_H

#include "cmd/render/stacks.h"
#include "cmd/render/table.h"

enum hc_node_kind {
	HC_NODE_OBJECT,    /**< children under a key */
	HC_NODE_ARRAY,     /**< the same; their keys don't count */
	HC_NODE_GROUP,     /**< children of the node above */
	HC_NODE_FACT,      /**< @ref hc_node.cell */
	HC_NODE_TABLE,     /**< @ref hc_node.table */
	HC_NODE_HEADING,   /**< @ref hc_node.cell: text, with a blank line before it */
	HC_NODE_PARAGRAPH, /**< @ref hc_node.cell: text that is broken between words */
	HC_NODE_LINE,      /**< @ref hc_node.cell: text that is never broken */
	HC_NODE_HEX,       /**< @ref hc_node.hex */
	HC_NODE_BREAK,     /**< in JSON Lines: the end of a line */
};

/** How a paragraph stands. */
struct hc_margin {
	const char *first; /**< text before the first line: the number of a suspect, a label */
	unsigned indent;   /**< columns before every other line */
	bool strong;       /**< emphasised */
};

static inline struct hc_margin hc_margin(const char *first, unsigned indent, bool strong)
{
	return (struct hc_margin){first, indent, strong};
}

/** Bytes with their addresses, for people. */
struct hc_hex {
	uint64_t address;
	struct hc_bytes bytes;
	size_t max;         /**< bytes, unless --content full; 0: no bound */
	const char *more;   /**< "more bytes; …" behind the number of those that are left out */
	uint64_t mark;      /**< address of a field that is at fault and stands in brackets */
	unsigned mark_size; /**< 0: none, and no brackets */
	const char
		*text; /**< lines as they were once shown, of bytes that are not at hand; or NULL */
};

struct hc_node {
	enum hc_node_kind kind;
	const char *key;       /**< NULL: not in data */
	const char *label;     /**< of a fact; NULL: not in text */
	enum hc_content needs; /**< does not show below that */
	enum hc_content until; /**< of a group: and not above that */
	bool optional;         /**< of a fact: not there, instead of null, when it is unknown */
	struct hc_cell cell;
	struct hc_table *table;
	struct hc_hex hex;
	struct hc_margin margin;
	struct hc_node *first, *last, *next, *parent;
};

struct hc_document {
	struct hc_pool pool;
	struct hc_node root;   /**< an object */
	struct hc_node *at;    /**< the node that gets children */
	struct hc_table *main; /**< what CSV has, and what --columns and --sort are about there */
	struct hc_table *text_main; /**< what they are about in text */
	struct hc_stacks stacks;    /**< what those formats write that show stacks */
	bool lines; /**< as JSON, it is JSON Lines: facts up to a break, each row of a table */
	struct hc_table nowhere; /**< stands for a table when there is no memory; has no rows */
};

void hc_document_init(struct hc_document *doc);
void hc_document_deinit(struct hc_document *doc);
#define hc_cleanup_document hc_cleanup(hc_document_deinit)

/** @name Inner nodes: what comes next is in them, up to hc_end() */
/**@{*/

/** Null in data below @p needs. @param key NULL in an array */
void hc_begin_object(struct hc_document *doc, const char *key, enum hc_content needs);
/** Empty in data below @p needs. */
void hc_begin_array(struct hc_document *doc, const char *key, enum hc_content needs);
/**
 * Shows from @p needs on, up to @p until. Below @p needs what is in it is null or empty in data.
 */
void hc_begin_group(struct hc_document *doc, enum hc_content needs, enum hc_content until);
void hc_end(struct hc_document *doc);
/**@}*/

/** @name Leaves */
/**@{*/

/** A fact. @param key NULL: not in data @param label NULL: not in text */
void hc_fact(struct hc_document *doc, const char *key, const char *label, struct hc_cell cell);
/** A fact of data that is left out when it is unknown or may not show. */
void hc_optional(struct hc_document *doc, const char *key, struct hc_cell cell);
/** {"chunks": …, "bytes": …}, in data. */
void hc_count_fact(struct hc_document *doc, const char *key, enum hc_content needs, uint64_t chunks,
		   uint64_t bytes);

/** A phrase, to be put in something of the document. @param ... HC_CELLS() */
struct hc_cell hc_phrase(struct hc_document *doc, const char *format, const struct hc_cell *cells,
			 size_t num_cells);

/** A list that grows: @p list, which may be unknown, and @p item behind it. */
struct hc_cell hc_phrase_join(struct hc_document *doc, struct hc_cell list, const char *separator,
			      struct hc_cell item);

/** A paragraph, for people. @param ... HC_CELLS() */
void hc_say(struct hc_document *doc, struct hc_margin margin, const char *format,
	    const struct hc_cell *cells, size_t num_cells);
/** A line as it is: blanks stay. @param ... HC_CELLS() */
void hc_line(struct hc_document *doc, const char *format, const struct hc_cell *cells,
	     size_t num_cells);
void hc_blank(struct hc_document *doc);
void hc_heading(struct hc_document *doc, const char *format, const struct hc_cell *cells,
		size_t num_cells);
/** End a line of JSON Lines. */
void hc_break(struct hc_document *doc);
void hc_hex_view(struct hc_document *doc, const struct hc_hex *hex);

/**
 * A table. The first one is what CSV has, and the first one of text is what the user's choice is
 * about there, unless hc_document_main() says otherwise.
 */
struct hc_table *hc_add_table(struct hc_document *doc, const struct hc_shape *shape);
/** The same, which is in data alone, or in text alone. */
struct hc_table *hc_add_data_table(struct hc_document *doc, const struct hc_shape *shape);
struct hc_table *hc_add_text_table(struct hc_document *doc, const struct hc_shape *shape);
void hc_document_main(struct hc_document *doc, struct hc_table *table);
/**
 * A frame of a stack.
 *
 * @param caller what this returned for the frame above it; 0: none
 * @param own    without what is in frames below it
 * @return its number, from 1 on
 */
uint32_t hc_add_frame(struct hc_document *doc, uint32_t caller, struct hc_cell name,
		      struct hc_stack_value own);
/**@}*/

/** The same with their cells as arguments. */
#define HC_PHRASE(doc, format, ...) hc_phrase(doc, format, HC_CELLS(__VA_ARGS__))
#define HC_SAY(doc, format, ...) hc_say(doc, (struct hc_margin){0}, format, HC_CELLS(__VA_ARGS__))
#define HC_SAY_STRONG(doc, format, ...)                                                            \
	hc_say(doc, (struct hc_margin){.strong = true}, format, HC_CELLS(__VA_ARGS__))
#define HC_SAY_AT(doc, place, format, ...) hc_say(doc, place, format, HC_CELLS(__VA_ARGS__))
#define HC_LINE(doc, format, ...) hc_line(doc, format, HC_CELLS(__VA_ARGS__))
#define HC_HEADING(doc, format, ...) hc_heading(doc, format, HC_CELLS(__VA_ARGS__))

#endif
