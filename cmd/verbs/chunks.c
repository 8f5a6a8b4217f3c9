/**
 * @file
 * heapcore chunks: the chunks themselves, in address order.
 *
 * There may be hundreds of millions of rows, so each is written as it is found (rows.h).
 */
#include "cmd/render/rows.h"
#include "cmd/verb.h"
#include "core/base/cleanup.h"

enum column { ADDRESS, CHUNK_SIZE, USABLE_SIZE, STATE, ARENA, REACH, NUM_COLUMNS };

static const struct hc_column columns[NUM_COLUMNS] = {
	[ADDRESS] = {"address", "ADDRESS", HC_CELL_ADDRESS, 0, "what malloc returned", 18},
	[CHUNK_SIZE] = {"chunk_size", "CHUNK", HC_CELL_COUNT, 0, "with header", 14},
	[USABLE_SIZE] = {"usable_size", "USABLE", HC_CELL_COUNT, 0, "malloc_usable_size(3)", 14},
	[STATE] = {"state", "STATE", HC_CELL_TEXT, 0, "in use, or the list that it is on", 9},
	[ARENA] = {"arena", "ARENA", HC_CELL_ARENA, 0,
		   "arena number, 0 is the main arena; \"mmap\" for mmapped chunks", 5},
	[REACH] = {"reach", "REACH", HC_CELL_TEXT, 0,
		   "only with --reach or --leaked, of chunks in use"},
};

static const struct hc_shape chunks_shape = {HC_COLUMNS(columns)};

static void fill_cells(struct hc_cell cells[], const struct hc_chunk *chunk, bool reach)
{
	cells[ADDRESS] = hc_cell_address(chunk->address);
	cells[CHUNK_SIZE] = hc_cell_count(chunk->size);
	cells[USABLE_SIZE] = hc_cell_count(chunk->usable);
	cells[STATE] = hc_cell_text(hc_chunk_state_name(chunk));
	cells[ARENA] = hc_cell_arena(chunk->span->arena);
	cells[REACH] = hc_cell_text(reach && chunk->state == HC_IN_USE ? hc_reach_name(chunk->reach)
								       : NULL);
}

/** Chunks of a finding that people are shown, unless --limit says otherwise. */
#define SHOWN 40

/** What there is, and what has been written of it. */
struct written {
	uint64_t chunks, bytes, shown;
	bool limited;
};

/** What comes behind the rows: how many there were. */
static struct hc_error *end_rows(struct hc_rows *rows, const struct written *count)
{
	hc_cleanup_document struct hc_document foot;

	hc_document_init(&foot);
	hc_begin_object(&foot, "summary", HC_CONTENT_NONE);
	hc_fact(&foot, "chunks", NULL, hc_cell_count(count->chunks));
	hc_fact(&foot, "bytes", NULL, hc_cell_bytes(count->bytes));
	hc_fact(&foot, "limited", NULL, hc_cell_bool(count->limited));
	hc_end(&foot);
	if (count->shown < count->chunks)
		HC_LINE(&foot, "{} of {} shown; --limit N shows more", hc_cell_count(count->shown),
			hc_cell_count(count->chunks));
	HC_LINE(&foot, "{} chunk{}, {}{}", hc_cell_count(count->chunks),
		hc_cell_plural(count->chunks), hc_cell_bytes(count->bytes),
		hc_cell_text(count->limited ? "; stopped at --limit" : ""));
	return hc_rows_end(rows, &foot);
}

/** Write the rows, until the selection, --limit or the reader ends. */
static struct hc_error *write_rows(struct hc_session *session, struct hc_rows *rows, bool reach)
{
	const struct hc_options *options = session->options;
	const struct hc_selection *selection = &options->selection;
	bool few =
		options->finding && !selection->limit && hc_format_is_for_people(options->format);
	hc_cleanup(hc_selection_scratch_destroyp) struct hc_selection_scratch *scratch = NULL;
	struct hc_error *err = hc_selection_scratch_create(selection, &scratch);
	struct hc_cell cells[NUM_COLUMNS];
	struct written count = {0};
	struct hc_chunk_iter iter;
	struct hc_chunk chunk;

	if (err)
		return err;
	hc_chunk_iter_heap(&iter, session->target->heap);
	while (hc_chunk_iter_next(&iter, &chunk)) {
		hc_session_wrote(session, &chunk);
		if (!hc_selection_has(selection, session->target->heap, &chunk, scratch))
			continue;
		if (selection->limit && count.chunks == selection->limit) {
			count.limited = true;
			break;
		}
		if (!few || count.shown < SHOWN) {
			fill_cells(cells, &chunk, reach);
			if (!hc_rows_add(rows, cells))
				break;
			count.shown++;
		}
		count.chunks++;
		count.bytes += chunk.size;
	}
	return end_rows(rows, &count);
}

static struct hc_error *run(struct hc_session *session)
{
	bool reach = hc_selection_needs_reach(&session->options->selection);
	hc_cleanup_document struct hc_document head;
	hc_cleanup_rows struct hc_rows rows = {0};
	struct hc_view view;

	hc_document_init(&head);
	struct hc_error *err = hc_session_open(session, HC_NEED_HEAP);
	if (err)
		return err;
	hc_session_begin(session, &head);
	hc_session_view(session, &view);
	hc_session_begin_rows(session);
	err = hc_rows_begin(&rows, &view, &chunks_shape, reach ? 0 : 1 << REACH, &head);
	return err ? err : write_rows(session, &rows, reach);
}

const struct hc_verb hc_verb_chunks = {
	.name = "chunks",
	.arguments = "CORE",
	.summary = "the chunks themselves",
	.description =
		"Lists chunks by address: chunk size, usable size, state, arena and, with --reach "
		"or "
		"--leaked, reachability. JSON is JSON Lines: a head, a line per chunk, a summary.",
	.examples = "  heapcore chunks core.1234 --request 512 --limit 10\n"
		    "  heapcore chunks core.1234 --leaked --format csv -o lost.csv\n"
		    "  heapcore chunks core.1234 --class json --size 1K-\n",
	.min_args = 1,
	.max_args = 1,
	.formats = HC_FORMATS_ALL,
	HC_VERB_TABLES(&chunks_shape),
	.selection = true,
	.run = run,
};
