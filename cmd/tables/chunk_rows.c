/**
 * @file
 * Tables that are read as they lie in the heap: chunks, and the pointers between them.
 */
#include "analyzers/reachability/edges.h"
#include "cmd/tables/tables.h"
#include "core/base/array.h"
#include "core/base/cleanup.h"

/** @name Walking from an address on */
/**@{*/

/** The first address at which a chunk of a slice may start. */
static uint64_t slice_start(const struct hc_slice *slice)
{
	return hc_span_address(slice->span, slice->from);
}

/** Where a walk begins that is to meet every chunk from an address on. */
static void enter_slice(struct hc_reader *reader)
{
	const struct hc_tables *tables = reader->tables;
	struct hc_slice slice = tables->slices[reader->slice];
	uint64_t base = slice.span->base, from = reader->scan.from;

	reader->rank = 0;
	if (from > slice_start(&slice)) {
		uint64_t unit = hc_span_unit(slice.span, from - base);

		slice.from = unit < slice.to ? unit : slice.to;
		if (tables->has_kinds && slice.from < slice.to)
			reader->rank = hc_kind_slice_rank(&tables->kinds.slices[reader->slice],
							  slice.from);
	}
	hc_chunk_iter_slice(&reader->iter, tables->session->target->heap, slice);
	reader->in_slice = true;
}

/** The slice that holds what comes first from an address on; num_slices when nothing does. */
static void seek(struct hc_reader *reader)
{
	const struct hc_tables *tables = reader->tables;
	size_t behind = hc_lower_bound(tables->num_slices, i,
				       slice_start(&tables->slices[i]) <= reader->scan.from);

	reader->slice = behind ? behind - 1 : 0;
	reader->in_slice = false;
}

/** The next chunk into hc_reader::chunk; its rank is one less than the reader's, if in use. */
static bool next_chunk(struct hc_reader *reader)
{
	const struct hc_tables *tables = reader->tables;
	struct hc_chunk *chunk = &reader->chunk;

	while (reader->slice < tables->num_slices) {
		if (!reader->in_slice)
			enter_slice(reader);
		while (hc_chunk_iter_next(&reader->iter, chunk)) {
			reader->rank += chunk->state == HC_IN_USE;
			if (chunk->address > reader->scan.to)
				return false;
			if (chunk->address >= reader->scan.from)
				return true;
		}
		reader->slice++;
		reader->in_slice = false;
	}
	return false;
}
/**@}*/

/** @name Chunks */
/**@{*/

enum chunk_column {
	ADDRESS,
	SIZE,
	USABLE,
	STATE,
	ARENA,
	REACH,
	TYPE,
	CLASS,
	KIND,
	FINDING,
	RETAINED,
	NUM_CHUNK_COLUMNS
};

static const struct hc_column chunk_columns[NUM_CHUNK_COLUMNS] = {
	[ADDRESS] = {"address", "ADDRESS", HC_CELL_ADDRESS, 0, "what malloc returned"},
	[SIZE] = {"size", "SIZE", HC_CELL_COUNT, 0, "of the chunk, with its header, bytes"},
	[USABLE] = {"usable", "USABLE", HC_CELL_COUNT, 0, "malloc_usable_size(3)"},
	[STATE] = {"state", "STATE", HC_CELL_TEXT, 0, "in-use, or the list that it is on"},
	[ARENA] = {"arena", "ARENA", HC_CELL_ARENA, 0, "arena number, or mmap"},
	[REACH] = {"reach", "REACH", HC_CELL_TEXT, 0,
		   "of a chunk in use: reachable, possible, indirect, definite"},
	[TYPE] = {"type", "TYPE", HC_CELL_NAME, HC_COLUMN_CLASS, "C++ class or C struct"},
	[CLASS] = {"class", "CLASS", HC_CELL_NAME, HC_COLUMN_CLASS,
		   "content class of a chunk in use"},
	[KIND] = {"kind", "KIND", HC_CELL_NUMBER, 0, "its row in kinds"},
	[FINDING] = {"finding", "FINDING", HC_CELL_NUMBER, 0, "its row in findings"},
	[RETAINED] = {"retained", "RETAINED", HC_CELL_COUNT, 0,
		      "bytes that would be free without it, its own among them; export --retained"},
};

const struct hc_shape hc_chunks_shape = {
	.key = "chunks", .name = "chunks", HC_COLUMNS(chunk_columns)};

static bool wants(const struct hc_reader *reader, unsigned column)
{
	return reader->scan.columns >> column & 1;
}

static bool wants_kind(const struct hc_reader *reader)
{
	return wants(reader, TYPE) || wants(reader, CLASS) || wants(reader, KIND);
}

static bool wants_retained(const struct hc_reader *reader)
{
	return wants(reader, RETAINED) && reader->tables->with_retained;
}

static struct hc_error *start_chunks(struct hc_reader *reader)
{
	struct hc_tables *tables = reader->tables;
	struct hc_error *err = NULL;

	if (wants(reader, FINDING))
		err = hc_tables_verdict(tables);
	if (!err && wants_kind(reader))
		err = hc_tables_kinds(tables);
	if (!err && wants(reader, REACH))
		err = hc_target_reach(tables->session->target, NULL);
	if (!err && wants_retained(reader))
		err = hc_tables_retained(tables);
	seek(reader);
	return err;
}

/** What nothing leads to is held by nobody: it is of no vertex. */
static struct hc_cell retained_cell(const struct hc_tables *tables, const struct hc_chunk *chunk)
{
	uint32_t vertex =
		chunk->state == HC_IN_USE ? hc_retained_vertex(&tables->retained, chunk) : 0;

	return vertex ? hc_cell_count(hc_retained_bytes(&tables->retained, vertex))
		      : hc_cell_unknown();
}

static void fill_kind(struct hc_reader *reader, uint32_t number)
{
	const struct hc_tables *tables = reader->tables;
	const struct hc_target *target = tables->session->target;
	const struct hc_chunk_kind *kind = number ? &tables->kinds.kinds[number - 1] : NULL;
	struct hc_cell *cells = reader->own;

	cells[TYPE] = cells[CLASS] = cells[KIND] = hc_cell_unknown();
	if (!kind)
		return;
	cells[KIND] = hc_cell_number(number);
	if (kind->type != HC_TYPE_NONE && wants(reader, TYPE))
		cells[TYPE] = hc_cell_name(hc_type_name(target->types, kind->type));
	if (kind->class_id != HC_CLASS_NONE)
		cells[CLASS] = hc_cell_name(hc_class_of(target->classifier, kind->class_id)->name);
}

static struct hc_error *next_chunk_row(struct hc_reader *reader, bool *found_ret)
{
	struct hc_tables *tables = reader->tables;
	const struct hc_chunk *chunk = &reader->chunk;
	struct hc_cell *cells = reader->own;
	unsigned finding = 0;

	*found_ret = next_chunk(reader);
	if (!*found_ret)
		return NULL;
	bool in_use = chunk->state == HC_IN_USE;
	hc_session_wrote(tables->session, chunk);
	cells[ADDRESS] = hc_cell_address(chunk->address);
	cells[SIZE] = hc_cell_count(chunk->size);
	cells[USABLE] = hc_cell_count(chunk->usable);
	cells[STATE] = hc_cell_text(hc_chunk_state_name(chunk));
	cells[ARENA] = hc_cell_arena(chunk->span->arena);
	cells[REACH] =
		hc_cell_text(in_use && wants(reader, REACH) ? hc_reach_name(chunk->reach) : NULL);
	if (wants_kind(reader))
		fill_kind(reader, in_use ? hc_chunk_kinds_at(&tables->kinds,
							     &tables->kinds.slices[reader->slice],
							     reader->rank - 1)
					 : 0);
	if (wants(reader, FINDING))
		finding = hc_tables_finding(tables, chunk);
	cells[FINDING] = finding ? hc_cell_number(finding) : hc_cell_unknown();
	cells[RETAINED] = wants_retained(reader) ? retained_cell(tables, chunk) : hc_cell_unknown();
	return NULL;
}

static const char *const chunk_indexes[] = {"kind", "finding", NULL};

const struct hc_relation hc_chunks_relation = {
	.shape = &hc_chunks_shape,
	.help = "every chunk, by address",
	.has_key = true,
	.by_address = true,
	.needs_heap = true,
	.indexes = chunk_indexes,
	.start = start_chunks,
	.next = next_chunk_row,
};
/**@}*/

/** @name Edges */
/**@{*/

enum edge_column { SOURCE, SOURCE_OFFSET, TARGET, TARGET_OFFSET, EXACT, NUM_EDGE_COLUMNS };

static const struct hc_column edge_columns[NUM_EDGE_COLUMNS] = {
	[SOURCE] = {"source", "SOURCE", HC_CELL_ADDRESS, 0, "chunk in use that holds the pointer"},
	[SOURCE_OFFSET] = {"source_offset", "OFFSET", HC_CELL_COUNT, 0,
			   "of the pointer in that chunk"},
	[TARGET] = {"target", "TARGET", HC_CELL_ADDRESS, 0, "chunk in use that it points into"},
	[TARGET_OFFSET] = {"target_offset", "INTO", HC_CELL_COUNT, 0,
			   "where in that chunk; NULL for a hidden link"},
	[EXACT] = {"exact", "EXACT", HC_CELL_BOOL, 0,
		   "to its start, or by a convention as good as that"},
};

const struct hc_shape hc_edges_shape = {.key = "edges", .name = "edges", HC_COLUMNS(edge_columns)};

/** Bytes of a chunk whose pointers are kept at a time. */
#define EDGE_WINDOW (UINT64_C(1) << 20)

static struct hc_error *start_edges(struct hc_reader *reader)
{
	/* It finds out how this program hides links, and which interior pointers it means. */
	struct hc_error *err = hc_target_reach(reader->tables->session->target, NULL);

	seek(reader);
	return err;
}

static bool keep_edge(void *ctx, const struct hc_edge *edge)
{
	struct hc_reader *reader = ctx;

	reader->failed = hc_array_regrow(&reader->edges, reader->num_edges, &reader->max_edges,
					 sizeof(*reader->edges));
	if (reader->failed)
		return false;
	reader->edges[reader->num_edges++] = (struct hc_edge_row){
		.at = edge->at,
		.target = hc_span_address(edge->span, edge->unit),
		.value = edge->value,
		.exact = edge->exact,
	};
	return true;
}

/** The pointers of the next window of the chunk. */
static struct hc_error *read_window(struct hc_reader *reader)
{
	const struct hc_heap *heap = reader->tables->session->target->heap;
	uint64_t end = reader->chunk.address + reader->chunk.usable;
	uint64_t to = end - reader->done > EDGE_WINDOW ? reader->done + EDGE_WINDOW : end;

	reader->num_edges = reader->next_edge = 0;
	hc_edges_of_range(heap, reader->done, to, keep_edge, reader);
	reader->done = to < end ? to : 0;
	return hc_steal(reader->failed);
}

static void fill_edge(struct hc_reader *reader, const struct hc_edge_row *edge)
{
	const struct hc_heap *heap = reader->tables->session->target->heap;
	struct hc_cell *cells = reader->own;
	bool plain = hc_heap_span(heap, edge->value) && edge->value >= edge->target;

	cells[SOURCE] = hc_cell_address(reader->chunk.address);
	cells[SOURCE_OFFSET] = hc_cell_count(edge->at - reader->chunk.address);
	cells[TARGET] = hc_cell_address(edge->target);
	cells[TARGET_OFFSET] =
		plain ? hc_cell_count(edge->value - edge->target) : hc_cell_unknown();
	cells[EXACT] = hc_cell_bool(edge->exact);
}

static struct hc_error *next_edge_row(struct hc_reader *reader, bool *found_ret)
{
	struct hc_error *err = NULL;

	while (!err && reader->next_edge == reader->num_edges) {
		if (!reader->done) {
			if (!next_chunk(reader))
				return NULL;
			hc_session_wrote(reader->tables->session, &reader->chunk);
			if (reader->chunk.state == HC_IN_USE && reader->chunk.usable)
				reader->done = reader->chunk.address;
		}
		if (reader->done)
			err = read_window(reader);
	}
	if (err)
		return err;
	fill_edge(reader, &reader->edges[reader->next_edge++]);
	*found_ret = true;
	return NULL;
}

static const char *const edge_indexes[] = {"source", "target", NULL};

const struct hc_relation hc_edges_relation = {
	.shape = &hc_edges_shape,
	.help = "every pointer from one chunk in use to another",
	.by_address = true,
	.on_request = true,
	.needs_heap = true,
	.indexes = edge_indexes,
	.start = start_edges,
	.next = next_edge_row,
};
/**@}*/
