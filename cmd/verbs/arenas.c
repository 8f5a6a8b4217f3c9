/**
 * @file
 * heapcore arenas: what each arena got from the system, and what it did with it.
 */
#include <stdio.h>
#include <string.h>

#include "analyzers/counts/arenas.h"
#include "cmd/verb.h"
#include "core/base/cleanup.h"
#include "core/heap/allocator.h"

/** Columns that every allocator has. Those of its lists stand at three places between them. */
enum column {
	ARENA,
	ADDRESS,
	SYSTEM,
	IN_USE,
	/* Lists that have a column of their own in text, and columns that several share. */
	TOP,
	FRAGMENTATION,
	TRIMMABLE,
	THREADS,
	IN_USE_CHUNKS,
	/* Chunks of the former; bytes and chunks of the others. */
	OVERHEAD,
	OVERHEAD_CHUNKS,
	FREE,
	LARGEST_FREE,
	WALKED,
	MAX_SYSTEM,
	HEAPS,
	NUM_COLUMNS
};

#define DATA HC_COLUMN_DATA_ONLY

static const struct hc_column fixed[NUM_COLUMNS] = {
	[ARENA] = {"arena", "ARENA", HC_CELL_ARENA, 0,
		   "number, 0 is the main arena; or mmap: chunks with a mapping of their own"},
	[ADDRESS] = {"address", "", HC_CELL_ADDRESS, DATA, "of malloc_state"},
	[SYSTEM] = {"system_bytes", "SYSTEM", HC_CELL_BYTES, 0,
		    "as the allocator counts what it got"},
	[IN_USE] = {"in_use_bytes", "IN USE", HC_CELL_BYTES, 0, "of chunks in use"},
	[TOP] = {"top_bytes", "TOP", HC_CELL_BYTES, 0, "of the top chunk"},
	[FRAGMENTATION] = {"fragmentation", "FRAG", HC_CELL_SHARE, 0,
			   "1 - largest binned chunk / all binned bytes"},
	[TRIMMABLE] = {"trimmable_bytes", "TRIM", HC_CELL_BYTES, 0,
		       "that malloc_trim(3) could give back"},
	[THREADS] = {"threads", "THR", HC_CELL_COUNT, 0, "that allocate from it"},
	[IN_USE_CHUNKS] = {"in_use_chunks", "", HC_CELL_COUNT, DATA, "chunks in use"},
	[OVERHEAD] = {"overhead_bytes", "", HC_CELL_BYTES, DATA, "of the allocator's own chunks"},
	[OVERHEAD_CHUNKS] = {"overhead_chunks", "", HC_CELL_COUNT, DATA,
			     "the allocator's own chunks"},
	[FREE] = {"free_bytes", "", HC_CELL_BYTES, DATA,
		  "as malloc_info(3) counts: fastbins, bins and top; not tcache"},
	[LARGEST_FREE] = {"largest_free_bytes", "", HC_CELL_BYTES, DATA,
			  "of the largest binned chunk"},
	[WALKED] = {"walked_bytes", "", HC_CELL_BYTES, DATA, "of the chunks that were found"},
	[MAX_SYSTEM] = {"max_system_bytes", "", HC_CELL_BYTES, DATA,
			"the most that it ever had from the system"},
	[HEAPS] = {"heaps", "", HC_CELL_COUNT, DATA, "heaps that it consists of"},
};

/** What every allocator has; for help. */
static const struct hc_shape fixed_shape = {
	.key = "arenas",
	HC_COLUMNS(fixed),
	.more = "LIST_bytes and LIST_chunks, for each list of free chunks that the allocator has",
};

#define MAX_COLUMNS (NUM_COLUMNS + 3 * HC_MAX_LISTS)

/** The table's columns: the fixed ones, and those that the allocators' lists ask for. */
struct layout {
	struct hc_column columns[MAX_COLUMNS];
	unsigned num;
	unsigned at[NUM_COLUMNS];     /**< where the fixed ones are */
	unsigned bytes[HC_MAX_LISTS]; /**< by heap->lists; where its bytes are … */
	unsigned chunks[HC_MAX_LISTS];
	unsigned shared[HC_MAX_LISTS]; /**< … and the column that it shares; 0: none */
	char names[HC_MAX_LISTS][2][48];
	char help[HC_MAX_LISTS][2][64];
	struct hc_shape shape;
};

/** The first list of the same allocators that has the same heading. */
static size_t first_with_heading(const struct hc_heap *heap, size_t list)
{
	size_t first = 0;

	while (strcmp(heap->lists[first]->column, heap->lists[list]->column) != 0)
		first++;
	return first;
}

static bool shares_heading(const struct hc_heap *heap, size_t list)
{
	for (size_t i = 0; i < heap->num_lists; i++)
		if (i != list && !strcmp(heap->lists[i]->column, heap->lists[list]->column))
			return true;
	return false;
}

static unsigned add_column(struct layout *layout, struct hc_column column)
{
	layout->columns[layout->num] = column;
	return layout->num++;
}

static void add_fixed(struct layout *layout, enum column from, enum column to)
{
	for (enum column i = from; i <= to; i++) {
		layout->at[i] = layout->num;
		layout->columns[layout->num++] = fixed[i];
	}
}

static void name_list(struct layout *layout, size_t i, const char *name)
{
	snprintf(layout->names[i][0], sizeof(layout->names[i][0]), "%s_bytes", name);
	snprintf(layout->names[i][1], sizeof(layout->names[i][1]), "%s_chunks", name);
	snprintf(layout->help[i][0], sizeof(layout->help[i][0]), "of chunks on list %s", name);
	snprintf(layout->help[i][1], sizeof(layout->help[i][1]), "chunks on list %s", name);
}

static struct hc_column bytes_column(const struct layout *layout, size_t i, const char *title,
				     unsigned flags)
{
	return (struct hc_column){layout->names[i][0], title, HC_CELL_BYTES, flags,
				  layout->help[i][0]};
}

/** What text shows of the lists. */
static void add_lists(struct layout *layout, const struct hc_heap *heap)
{
	for (size_t i = 0; i < heap->num_lists; i++) {
		const struct hc_list *list = heap->lists[i];
		size_t first = first_with_heading(heap, i);
		struct hc_column shared = {list->column, list->column, HC_CELL_BYTES,
					   HC_COLUMN_TEXT_ONLY, "of chunks on several lists"};

		name_list(layout, i, list->name);
		if (!shares_heading(heap, i))
			layout->bytes[i] =
				add_column(layout, bytes_column(layout, i, list->column, 0));
		else if (first == i)
			layout->shared[i] = add_column(layout, shared);
		else
			layout->shared[i] = layout->shared[first];
	}
}

/** What only data formats show of them. */
static void add_list_data(struct layout *layout, const struct hc_heap *heap, bool shared)
{
	for (size_t i = 0; i < heap->num_lists; i++) {
		struct hc_column chunks = {layout->names[i][1], "", HC_CELL_COUNT, DATA,
					   layout->help[i][1]};

		if (shares_heading(heap, i) != shared)
			continue;
		if (shared)
			layout->bytes[i] = add_column(layout, bytes_column(layout, i, "", DATA));
		layout->chunks[i] = add_column(layout, chunks);
	}
}

static void lay_out(struct layout *layout, const struct hc_heap *heap)
{
	add_fixed(layout, ARENA, IN_USE);
	add_lists(layout, heap);
	add_fixed(layout, TOP, IN_USE_CHUNKS);
	add_list_data(layout, heap, false);
	add_list_data(layout, heap, true);
	add_fixed(layout, OVERHEAD, HEAPS);
	layout->shape = (struct hc_shape){
		.key = "arenas", .columns = layout->columns, .num_columns = layout->num};
}

/** Whether an arena's allocator has such a list. */
static bool has_list(const struct hc_arena *arena, const struct hc_list *list)
{
	const struct hc_allocator *allocator = arena->backend->allocator;

	return list >= allocator->lists && list < allocator->lists + allocator->num_lists;
}

static void add_lists_of_row(struct hc_table *table, const struct layout *layout,
			     const struct hc_heap *heap, const struct hc_arena_row *row)
{
	uint64_t sums[MAX_COLUMNS] = {0};

	for (size_t i = 0; i < heap->num_lists; i++) {
		if (!has_list(row->arena, heap->lists[i]))
			continue;
		hc_table_number(table, layout->bytes[i], row->lists[i].bytes);
		hc_table_number(table, layout->chunks[i], row->lists[i].chunks);
		if (layout->shared[i]) {
			sums[layout->shared[i]] += row->lists[i].bytes;
			hc_table_number(table, layout->shared[i], sums[layout->shared[i]]);
		}
	}
}

static void add_row(struct hc_table *table, const struct layout *layout, const struct hc_heap *heap,
		    const struct hc_arena_row *row)
{
	const struct hc_count *states = row->states;
	const unsigned *at = layout->at;

	hc_table_add_row(table);
	hc_table_number(table, at[ARENA], row->index);
	hc_table_number(table, at[SYSTEM], row->system);
	hc_table_number(table, at[WALKED], row->walked);
	hc_table_number(table, at[IN_USE], states[HC_IN_USE].bytes);
	hc_table_number(table, at[IN_USE_CHUNKS], states[HC_IN_USE].chunks);
	if (!row->arena)
		return; /* mmapped chunks are on no list and belong to no thread */
	if (row->arena->address)
		hc_table_number(table, at[ADDRESS], row->arena->address);
	hc_table_number(table, at[MAX_SYSTEM], row->arena->max_system);
	hc_table_number(table, at[HEAPS], row->arena->num_heaps);
	add_lists_of_row(table, layout, heap, row);
	hc_table_number(table, at[OVERHEAD], states[HC_OVERHEAD].bytes);
	hc_table_number(table, at[OVERHEAD_CHUNKS], states[HC_OVERHEAD].chunks);
	hc_table_number(table, at[TOP], states[HC_TOP].bytes);
	hc_table_share(table, at[FRAGMENTATION], row->fragmentation);
	hc_table_number(table, at[TRIMMABLE], row->trimmable);
	hc_table_number(table, at[THREADS], row->num_threads);
	hc_table_number(table, at[FREE], row->free_bytes);
	hc_table_number(table, at[LARGEST_FREE], row->largest_free);
}

static void say_totals(const struct hc_session *session, const struct hc_arena_table *arenas,
		       struct hc_document *doc)
{
	const struct hc_advice *advice = &session->target->heap->backends[0]->allocator->advice;
	uint64_t system = 0, trimmable = 0, in_use = 0;

	for (size_t i = 0; i < arenas->num_rows; i++) {
		system += arenas->rows[i].system;
		trimmable += arenas->rows[i].trimmable;
		in_use += arenas->rows[i].states[HC_IN_USE].bytes;
	}
	HC_SAY_STRONG(doc,
		      "{} arena{}: {} from the system, {} of it in use; {} could give back {}.",
		      hc_cell_number(session->target->heap->num_arenas),
		      hc_cell_plural(session->target->heap->num_arenas), hc_cell_bytes(system),
		      hc_cell_bytes(in_use),
		      hc_cell_text(advice->give_back ? advice->give_back : "the allocator"),
		      hc_cell_bytes(trimmable));
	hc_blank(doc);
}

static struct hc_error *run(struct hc_session *session)
{
	hc_cleanup(hc_arenas_deinit) struct hc_arena_table arenas = {0};
	struct layout layout = {0};
	hc_cleanup_document struct hc_document doc;

	hc_document_init(&doc);
	struct hc_error *err = hc_session_open(session, HC_NEED_HEAP);
	if (!err)
		err = hc_arenas_run(session->target, &arenas);
	if (err)
		return err;
	hc_session_begin(session, &doc);
	say_totals(session, &arenas, &doc);
	lay_out(&layout, session->target->heap);
	struct hc_table *table = hc_add_table(&doc, &layout.shape);
	for (size_t i = 0; i < arenas.num_rows; i++)
		add_row(table, &layout, session->target->heap, &arenas.rows[i]);
	return hc_session_write(session, &doc);
}

const struct hc_verb hc_verb_arenas = {
	.name = "arenas",
	.arguments = "CORE",
	.summary = "per arena: got from the system, in use, free, fragmentation",
	.description =
		"Shows for each arena what it got from the system, what is in use, what lies free "
		"on "
		"which list, how fragmented that is, and how much the allocator could give back.",
	.examples = "  heapcore arenas core.1234\n"
		    "  heapcore arenas core.1234 --format json | jq '.arenas[].trimmable_bytes'\n",
	.min_args = 1,
	.max_args = 1,
	.formats = HC_FORMATS_ALL,
	HC_VERB_TABLES(&fixed_shape),
	.run = run,
};
