/**
 * @file
 * heapcore arenas: what each arena got from the system, and what it did with it.
 */
#include "analyzers/counts/arenas.h"
#include "cmd/render/table.h"
#include "cmd/render/text.h"
#include "cmd/render/units.h"
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

static const struct hc_column columns[NUM_COLUMNS] = {
	[ARENA] = {"arena", "ARENA", HC_COLUMN_ARENA},
	[ADDRESS] = {"address", "", HC_COLUMN_ADDRESS, HC_COLUMN_DATA_ONLY},
	[SYSTEM] = {"system_bytes", "SYSTEM", HC_COLUMN_BYTES},
	[IN_USE] = {"in_use_bytes", "IN USE", HC_COLUMN_BYTES},
	[TCACHE] = {"tcache_bytes", "TCACHE", HC_COLUMN_BYTES},
	[FASTBIN] = {"fastbin_bytes", "FASTBIN", HC_COLUMN_BYTES},
	[BINS] = {"bins", "BINS", HC_COLUMN_BYTES, HC_COLUMN_TEXT_ONLY},
	[TOP] = {"top_bytes", "TOP", HC_COLUMN_BYTES},
	[FRAGMENTATION] = {"fragmentation", "FRAG", HC_COLUMN_SHARE},
	[TRIMMABLE] = {"trimmable_bytes", "TRIM", HC_COLUMN_BYTES},
	[THREADS] = {"threads", "THR", HC_COLUMN_COUNT},
	[IN_USE_CHUNKS] = {"in_use_chunks", "", HC_COLUMN_COUNT, HC_COLUMN_DATA_ONLY},
	[TCACHE_CHUNKS] = {"tcache_chunks", "", HC_COLUMN_COUNT, HC_COLUMN_DATA_ONLY},
	[FASTBIN_CHUNKS] = {"fastbin_chunks", "", HC_COLUMN_COUNT, HC_COLUMN_DATA_ONLY},
	[UNSORTED] = {"unsorted_bytes", "", HC_COLUMN_BYTES, HC_COLUMN_DATA_ONLY},
	[UNSORTED_CHUNKS] = {"unsorted_chunks", "", HC_COLUMN_COUNT, HC_COLUMN_DATA_ONLY},
	[SMALLBIN] = {"smallbin_bytes", "", HC_COLUMN_BYTES, HC_COLUMN_DATA_ONLY},
	[SMALLBIN_CHUNKS] = {"smallbin_chunks", "", HC_COLUMN_COUNT, HC_COLUMN_DATA_ONLY},
	[LARGEBIN] = {"largebin_bytes", "", HC_COLUMN_BYTES, HC_COLUMN_DATA_ONLY},
	[LARGEBIN_CHUNKS] = {"largebin_chunks", "", HC_COLUMN_COUNT, HC_COLUMN_DATA_ONLY},
	[OVERHEAD] = {"overhead_bytes", "", HC_COLUMN_BYTES, HC_COLUMN_DATA_ONLY},
	[OVERHEAD_CHUNKS] = {"overhead_chunks", "", HC_COLUMN_COUNT, HC_COLUMN_DATA_ONLY},
	[FREE] = {"free_bytes", "", HC_COLUMN_BYTES, HC_COLUMN_DATA_ONLY},
	[LARGEST_FREE] = {"largest_free_bytes", "", HC_COLUMN_BYTES, HC_COLUMN_DATA_ONLY},
	[WALKED] = {"walked_bytes", "", HC_COLUMN_BYTES, HC_COLUMN_DATA_ONLY},
	[MAX_SYSTEM] = {"max_system_bytes", "", HC_COLUMN_BYTES, HC_COLUMN_DATA_ONLY},
	[HEAPS] = {"heaps", "", HC_COLUMN_COUNT, HC_COLUMN_DATA_ONLY},
};

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

static struct hc_error *write_text(struct hc_session *session, const struct hc_table *table,
				   const struct hc_arena_table *arenas)
{
	uint64_t system = 0, trimmable = 0, in_use = 0;

	for (size_t i = 0; i < arenas->num_rows; i++) {
		system += arenas->rows[i].system;
		trimmable += arenas->rows[i].trimmable;
		in_use += arenas->rows[i].states[HC_IN_USE].bytes;
	}
	hc_session_write_partial(session);
	hc_text_paragraph(&session->out, "", 0, true,
			  "%zu arena%s: %s from the system, %s of it in use; malloc_trim could "
			  "give back %s.",
			  session->target->heap->num_arenas,
			  hc_plural(session->target->heap->num_arenas), hc_unit_bytes(system).text,
			  hc_unit_bytes(in_use).text, hc_unit_bytes(trimmable).text);
	fputc('\n', session->out.file);
	return hc_table_write_text(table, &session->out, 0);
}

static struct hc_error *write_json(struct hc_session *session, const struct hc_table *table)
{
	hc_cleanup_json json_t *document = hc_session_json(session);
	json_t *rows;
	struct hc_error *err = hc_table_json(table, &rows);

	if (err)
		return err;
	json_object_set_new(document, "arenas", rows);
	return hc_json_write(&session->out, document);
}

static struct hc_error *run(struct hc_session *session)
{
	hc_cleanup(hc_arenas_deinit) struct hc_arena_table arenas = {0};
	hc_cleanup_table struct hc_table table;

	hc_table_init(&table, columns, NUM_COLUMNS);
	struct hc_error *err = hc_session_open(session, HC_NEED_HEAP);
	if (!err)
		err = hc_arenas_run(session->target, &arenas);
	if (err)
		return err;
	for (size_t i = 0; i < arenas.num_rows; i++)
		add_row(&table, &arenas.rows[i]);

	switch (session->options->format) {
	case HC_FORMAT_JSON:
		return write_json(session, &table);
	case HC_FORMAT_CSV:
		return hc_table_write_csv(&table, &session->out);
	default:
		return write_text(session, &table, &arenas);
	}
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
	.run = run,
};
