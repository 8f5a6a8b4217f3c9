/**
 * @file
 * What is known of a process as tables with columns and rows, for those who ask in SQL or load it
 * elsewhere: `export` writes them, `sql` asks them.
 *
 * Each table stands here once: names, types, and what a column says are a @ref hc_shape, from which
 * come the CREATE TABLE of a file, the virtual tables, CSV, JSON Lines, manuals, and
 * docs/export.md. Small tables are made when they are first asked for, and kept. Chunks and edges,
 * of which there may be hundreds of millions, are read as they lie in the heap, from any address
 * on; what such a reader costs beyond that depends on the columns that it wants:
 *
 * | columns of chunks | need |
 * |---|---|
 * | address, size, usable, state, arena | nothing |
 * | reach | reachability |
 * | type, class, kind | a look at all chunks in use, with every processor (kinds.h) |
 * | finding | the verdict |
 * | retained | who holds whom, of all chunks (retained.h); where it is asked for |
 *
 * What --content does not allow is NULL in every table; values are masked as everywhere.
 */
#ifndef HC_CMD_TABLES_TABLES_H
#define HC_CMD_TABLES_TABLES_H

#include "analyzers/counts/attributes.h"
#include "analyzers/counts/kinds.h"
#include "analyzers/retained/retained.h"
#include "analyzers/verdict/verdict.h"
#include "cmd/session.h"

struct hc_reader;
struct hc_tables;

/** What a reader wants of a table. */
struct hc_scan {
	uint64_t columns;  /**< bit per column; the cells of others are left alone */
	uint64_t from, to; /**< of a table by address, the rows of these; inclusive */
};

/** One table. */
struct hc_relation {
	const struct hc_shape *shape; /**< its key is the table's name */
	const char *help;             /**< what its rows are, without a full stop */
	bool has_key;    /**< the first column is a number of its own for each row, ascending */
	bool by_address; /**< rows come in the order of the first column, an address */
	bool on_request; /**< only written where it is asked for: it is large */
	bool needs_heap; /**< without one it has no rows */
	bool fleet;      /**< what many hosts are compared by */
	const char *const *indexes; /**< columns, up to NULL; or NULL */
	/** Make the rows; NULL: it is read row by row. */
	struct hc_error *(*fill)(struct hc_tables *tables, struct hc_table *table);
	/** Of a table that is read: compute what the columns need, and go to the first row. */
	struct hc_error *(*start)(struct hc_reader *reader);
	/** The next row into hc_reader::own. @return false at the end */
	struct hc_error *(*next)(struct hc_reader *reader, bool *found_ret);
};

/** What is not in a core, but tells many of them apart. */
struct hc_labels {
	const char *host;    /**< or NULL */
	const char *service; /**< or NULL: the name of the program */
	uint64_t time;       /**< seconds since 1970; 0: when the file was last written */
};

/** Every table, in the order of their documentation; NULL ends the list. */
extern const struct hc_relation *const hc_relations[];
#define HC_MAX_RELATIONS 16
/** Their shapes, for HC_VERB_TABLES(). */
extern const struct hc_shape hc_process_shape, hc_verdict_shape, hc_findings_shape, hc_kinds_shape,
	hc_classes_shape, hc_attributes_shape, hc_arenas_shape, hc_threads_shape, hc_modules_shape,
	hc_mappings_shape, hc_chunks_shape, hc_edges_shape;
#define HC_RELATION_SHAPES                                                                         \
	&hc_process_shape, &hc_verdict_shape, &hc_findings_shape, &hc_kinds_shape,                 \
		&hc_classes_shape, &hc_attributes_shape, &hc_arenas_shape, &hc_threads_shape,      \
		&hc_modules_shape, &hc_mappings_shape, &hc_chunks_shape, &hc_edges_shape

extern const struct hc_relation hc_process_relation, hc_verdict_relation, hc_mappings_relation,
	hc_modules_relation, hc_threads_relation, hc_arenas_relation, hc_chunks_relation,
	hc_edges_relation, hc_kinds_relation, hc_classes_relation, hc_attributes_relation,
	hc_findings_relation;

/** Which finding a chunk is of. */
struct hc_finding_chunks {
	uint64_t *members; /**< of a group of lost chunks: their addresses, ascending; or NULL */
	size_t num;
	size_t at; /**< the first one not below what was last asked for */
};

struct hc_tables {
	struct hc_session *session; /**< open */
	struct hc_labels labels;
	struct hc_view view; /**< what may show; its renderer is nobody's business here */
	bool with_retained;  /**< the caller's: fill the column, which costs more than all others */

	/** @name Private */
	/**@{*/
	struct hc_pool pool;
	struct hc_table tables[HC_MAX_RELATIONS];
	bool filled[HC_MAX_RELATIONS];
	struct hc_slice *slices; /**< of the heap, as hc_chunk_kinds has them */
	size_t num_slices;
	bool has_kinds, has_verdict, has_attributes, has_retained;
	struct hc_chunk_kinds kinds;
	struct hc_verdict verdict;
	struct hc_finding_chunks findings[HC_MAX_FINDINGS];
	struct hc_attributes attributes;
	struct hc_retained retained;
	struct hc_sampler *sampler;
	/**@}*/
};

/** @param session open, with or without a heap; outlives the tables */
struct hc_error *hc_tables_init(struct hc_tables *tables, struct hc_session *session,
				const struct hc_labels *labels);
void hc_tables_deinit(struct hc_tables *tables);

/** Compute all that the tables need, but for the rows of the large ones. */
struct hc_error *hc_tables_prepare(struct hc_tables *tables);

/** The rows of a small table. */
struct hc_error *hc_tables_get(struct hc_tables *tables, const struct hc_relation *relation,
			       const struct hc_table **ret);

/** Index of a relation in the list. */
unsigned hc_relation_index(const struct hc_relation *relation);

/** About how many rows a table has; 0: nobody knows yet. */
uint64_t hc_tables_rows(const struct hc_tables *tables, const struct hc_relation *relation);

/** @name Rows */
/**@{*/

#define HC_RELATION_MAX_COLUMNS 20

/** A pointer in a chunk. */
struct hc_edge_row {
	uint64_t at, target, value;
	bool exact;
};

struct hc_reader {
	struct hc_tables *tables;
	const struct hc_relation *relation;
	struct hc_scan scan;
	const struct hc_cell *cells; /**< of the row; those that may not show are there, too */
	uint64_t row;                /**< its number, from 1 */

	/** @name Private */
	/**@{*/
	const struct hc_table *table; /**< of a small one */
	struct hc_cell own[HC_RELATION_MAX_COLUMNS];
	size_t slice; /**< the one that is read */
	bool in_slice;
	struct hc_chunk_iter iter;
	size_t rank; /**< among the chunks in use of the slice, of the next one */
	struct hc_chunk chunk;
	uint64_t done; /**< of edges: up to here the chunk was read; 0: no chunk */
	struct hc_edge_row *edges;
	size_t num_edges, max_edges, next_edge;
	struct hc_error *failed;
	/**@}*/
};

/** Begin. To be closed, also after an error. */
struct hc_error *hc_reader_open(struct hc_reader *reader, struct hc_tables *tables,
				const struct hc_relation *relation, const struct hc_scan *scan);
/** Go to the next row; the first call goes to the first one. */
struct hc_error *hc_reader_next(struct hc_reader *reader, bool *found_ret);
void hc_reader_close(struct hc_reader *reader);

/** Whether a cell of a relation may show. */
static inline bool hc_relation_shows(const struct hc_tables *tables, const struct hc_column *column,
				     const struct hc_cell *cell)
{
	return hc_column_needs(column) <= tables->view.look.policy.content &&
	       cell->kind != HC_CELL_UNKNOWN && cell->needs <= tables->view.look.policy.content;
}
/**@}*/

/** @name For the tables themselves */
/**@{*/
struct hc_error *hc_tables_kinds(struct hc_tables *tables);
struct hc_error *hc_tables_verdict(struct hc_tables *tables);
struct hc_error *hc_tables_retained(struct hc_tables *tables);
/** Number of the finding that a chunk is of; 0: of none. */
unsigned hc_tables_finding(struct hc_tables *tables, const struct hc_chunk *chunk);
/**@}*/

#endif
