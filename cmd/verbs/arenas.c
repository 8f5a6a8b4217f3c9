/**
 * @file
 * heapcore arenas: what each arena got from the system, and what it did with it.
 */
#include "analyzers/counts/arenas.h"
#include "cmd/verb.h"
#include "core/base/cleanup.h"

enum column {
	ARENA,
	ADDRESS,
	SYSTEM,
	IN_USE,
	TCACHE,
	FASTBIN,
	BINS,
	TOP,
	FRAGMENTATION,
	TRIMMABLE,
	THREADS,
	IN_USE_CHUNKS,
	TCACHE_CHUNKS,
	FASTBIN_CHUNKS,
	UNSORTED,
	UNSORTED_CHUNKS,
	SMALLBIN,
	SMALLBIN_CHUNKS,
	LARGEBIN,
	LARGEBIN_CHUNKS,
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

static const struct hc_column columns[NUM_COLUMNS] = {
	[ARENA] = {"arena", "ARENA", HC_CELL_ARENA, 0,
		   "number, 0 is the main arena; or mmap: chunks with a mapping of their own"},
	[ADDRESS] = {"address", "", HC_CELL_ADDRESS, DATA, "of malloc_state"},
	[SYSTEM] = {"system_bytes", "SYSTEM", HC_CELL_BYTES, 0,
		    "as the allocator counts what it got"},
	[IN_USE] = {"in_use_bytes", "IN USE", HC_CELL_BYTES, 0, "of chunks in use"},
	[TCACHE] = {"tcache_bytes", "TCACHE", HC_CELL_BYTES, 0, "of chunks in caches of threads"},
	[FASTBIN] = {"fastbin_bytes", "FASTBIN", HC_CELL_BYTES, 0, "of chunks in fastbins"},
	[BINS] = {"bins", "BINS", HC_CELL_BYTES, HC_COLUMN_TEXT_ONLY,
		  "of chunks in the unsorted, small and large bins"},
	[TOP] = {"top_bytes", "TOP", HC_CELL_BYTES, 0, "of the top chunk"},
	[FRAGMENTATION] = {"fragmentation", "FRAG", HC_CELL_SHARE, 0,
			   "1 - largest binned chunk / all binned bytes"},
	[TRIMMABLE] = {"trimmable_bytes", "TRIM", HC_CELL_BYTES, 0,
		       "that malloc_trim(3) could give back"},
	[THREADS] = {"threads", "THR", HC_CELL_COUNT, 0, "that allocate from it"},
	[IN_USE_CHUNKS] = {"in_use_chunks", "", HC_CELL_COUNT, DATA, "chunks in use"},
	[TCACHE_CHUNKS] = {"tcache_chunks", "", HC_CELL_COUNT, DATA, "chunks in caches of threads"},
	[FASTBIN_CHUNKS] = {"fastbin_chunks", "", HC_CELL_COUNT, DATA, "chunks in fastbins"},
	[UNSORTED] = {"unsorted_bytes", "", HC_CELL_BYTES, DATA, "of chunks in the unsorted bin"},
	[UNSORTED_CHUNKS] = {"unsorted_chunks", "", HC_CELL_COUNT, DATA,
			     "chunks in the unsorted bin"},
	[SMALLBIN] = {"smallbin_bytes", "", HC_CELL_BYTES, DATA, "of chunks in small bins"},
	[SMALLBIN_CHUNKS] = {"smallbin_chunks", "", HC_CELL_COUNT, DATA, "chunks in small bins"},
	[LARGEBIN] = {"largebin_bytes", "", HC_CELL_BYTES, DATA, "of chunks in large bins"},
	[LARGEBIN_CHUNKS] = {"largebin_chunks", "", HC_CELL_COUNT, DATA, "chunks in large bins"},
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

static const struct hc_shape arenas_shape = {.key = "arenas", HC_COLUMNS(columns)};

/** Both numbers of one state. */
static void set_state(struct hc_table *table, const struct hc_count *count, enum column bytes,
		      enum column chunks)
{
	hc_table_number(table, bytes, count->bytes);
	hc_table_number(table, chunks, count->chunks);
}

static void add_row(struct hc_table *table, const struct hc_arena_row *row)
{
	const struct hc_count *states = row->states;
	bool mmapped = row->index == HC_ARENA_MMAP;

	hc_table_add_row(table);
	hc_table_number(table, ARENA, row->index);
	hc_table_number(table, SYSTEM, row->system);
	hc_table_number(table, WALKED, row->walked);
	set_state(table, &states[HC_IN_USE], IN_USE, IN_USE_CHUNKS);
	if (mmapped)
		return; /* mmapped chunks are on no list and belong to no thread */
	if (row->arena) {
		if (row->arena->address)
			hc_table_number(table, ADDRESS, row->arena->address);
		hc_table_number(table, MAX_SYSTEM, row->arena->max_system);
		hc_table_number(table, HEAPS, row->arena->num_heaps);
	}
	set_state(table, &states[HC_TCACHE], TCACHE, TCACHE_CHUNKS);
	set_state(table, &states[HC_FASTBIN], FASTBIN, FASTBIN_CHUNKS);
	set_state(table, &states[HC_UNSORTED], UNSORTED, UNSORTED_CHUNKS);
	set_state(table, &states[HC_SMALLBIN], SMALLBIN, SMALLBIN_CHUNKS);
	set_state(table, &states[HC_LARGEBIN], LARGEBIN, LARGEBIN_CHUNKS);
	set_state(table, &states[HC_OVERHEAD], OVERHEAD, OVERHEAD_CHUNKS);
	hc_table_number(table, BINS,
			states[HC_UNSORTED].bytes + states[HC_SMALLBIN].bytes +
				states[HC_LARGEBIN].bytes);
	hc_table_number(table, TOP, states[HC_TOP].bytes);
	hc_table_share(table, FRAGMENTATION, row->fragmentation);
	hc_table_number(table, TRIMMABLE, row->trimmable);
	hc_table_number(table, THREADS, row->num_threads);
	hc_table_number(table, FREE, row->free_bytes);
	hc_table_number(table, LARGEST_FREE, row->largest_free);
}

static void describe(const struct hc_session *session, const struct hc_arena_table *arenas,
		     struct hc_document *doc)
{
	uint64_t system = 0, trimmable = 0, in_use = 0;

	for (size_t i = 0; i < arenas->num_rows; i++) {
		system += arenas->rows[i].system;
		trimmable += arenas->rows[i].trimmable;
		in_use += arenas->rows[i].states[HC_IN_USE].bytes;
	}
	HC_SAY_STRONG(doc,
		      "{} arena{}: {} from the system, {} of it in use; malloc_trim could give back {}.",
		      hc_cell_number(session->heap->num_arenas),
		      hc_cell_plural(session->heap->num_arenas), hc_cell_bytes(system),
		      hc_cell_bytes(in_use), hc_cell_bytes(trimmable));
	hc_blank(doc);
	struct hc_table *table = hc_add_table(doc, &arenas_shape);
	for (size_t i = 0; i < arenas->num_rows; i++)
		add_row(table, &arenas->rows[i]);
}

static struct hc_error *run(struct hc_session *session)
{
	hc_cleanup(hc_arenas_deinit) struct hc_arena_table arenas = {0};
	hc_cleanup_document struct hc_document doc;

	hc_document_init(&doc);
	struct hc_error *err = hc_session_open(session, HC_NEED_HEAP);
	if (!err)
		err = hc_arenas_run(session->process, session->heap, &arenas);
	if (err)
		return err;
	hc_session_begin(session, &doc);
	describe(session, &arenas, &doc);
	return hc_session_write(session, &doc);
}

const struct hc_verb hc_verb_arenas = {
	.name = "arenas",
	.arguments = "CORE",
	.summary = "per arena: got from the system, in use, free, fragmentation",
	.description =
		"Shows for each arena what it got from the system, what is in use, what lies free "
		"on "
		"which list, how fragmented that is, and how much malloc_trim could give back.",
	.examples = "  heapcore arenas core.1234\n"
		    "  heapcore arenas core.1234 --format json | jq '.arenas[].trimmable_bytes'\n",
	.min_args = 1,
	.max_args = 1,
	.formats = HC_FORMATS_ALL,
	HC_VERB_TABLES(&arenas_shape),
	.run = run,
};
