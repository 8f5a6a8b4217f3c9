/**
 * @file
 * heapcore histogram: chunk sizes and how many there are of each.
 */
#include <stdlib.h>

#include "analyzers/counts/histogram.h"
#include "analyzers/inspect/arena_split.h"
#include "cmd/render/units.h"
#include "cmd/verb.h"
#include "core/base/array.h"
#include "core/base/cleanup.h"

struct own {
	bool log2;
	bool with_leaks;
	uint64_t top;
	unsigned by; /**< enum hc_split_by; HC_NUM_SPLITS: sizes alone */
};

enum own_id { OWN_LOG2, OWN_TOP, OWN_WITH_LEAKS, OWN_BY };

static const struct hc_option own_options[] = {
	{OWN_LOG2, 0, "log2", NULL, "powers of two instead of exact sizes"},
	{OWN_TOP, 0, "top", "N", "the first N rows; 0: all (default: 20 in text, else all)"},
	{OWN_WITH_LEAKS, 0, "with-leaks", NULL, "follow pointers, and add what is lost"},
	{OWN_BY, 0, "by", "WORD", "rows for each {words}", HC_VALUE_WORD, hc_split_name,
	 "By thread, what several threads of one arena have is in one row, and so is what no "
	 "thread "
	 "that is left has."},
	{0},
};

static const struct own own_defaults = {.top = HC_TOP_DEFAULT, .by = HC_NUM_SPLITS};

static struct hc_error *set(void *ctx, int id, const char *value)
{
	struct own *own = ctx;

	switch ((enum own_id)id) {
	case OWN_LOG2:
		own->log2 = true;
		return NULL;
	case OWN_TOP:
		return hc_parse_count("--top", value, &own->top);
	case OWN_WITH_LEAKS:
		own->with_leaks = true;
		return NULL;
	case OWN_BY:
		return hc_parse_word("--by", value, hc_split_name, &own->by);
	}
	return NULL;
}

enum column {
	PART,
	ARENA,
	MIN_SIZE,
	MAX_SIZE,
	SIZE,
	IN_USE_CHUNKS,
	IN_USE_BYTES,
	SHARE,
	BAR,
	LEAKED_CHUNKS,
	LEAKED_BYTES,
	FREE_CHUNKS,
	FREE_BYTES,
	BYTES,
	COUNT,
	NUM_COLUMNS
};

static const struct hc_column columns[NUM_COLUMNS] = {
	[PART] = {"part", "PART", HC_CELL_NAME, 0,
		  "with --by: the arena, or the threads that allocate from it"},
	[ARENA] = {"arena", "", HC_CELL_ARENA, HC_COLUMN_DATA_ONLY,
		   "with --by: its number; null where several have no thread"},
	[MIN_SIZE] = {"min_size", "", HC_CELL_COUNT, HC_COLUMN_DATA_ONLY | HC_COLUMN_ASCENDING,
		      "chunk size"},
	[MAX_SIZE] = {"max_size", "", HC_CELL_COUNT, HC_COLUMN_DATA_ONLY | HC_COLUMN_ASCENDING,
		      "chunk size, inclusive"},
	[SIZE] = {"size", "SIZE", HC_CELL_COUNT, HC_COLUMN_TEXT_ONLY | HC_COLUMN_ASCENDING,
		  "chunk size, the least of the row"},
	[IN_USE_CHUNKS] = {"in_use_chunks", "IN USE", HC_CELL_COUNT, 0, "chunks in use"},
	[IN_USE_BYTES] = {"in_use_bytes", "BYTES", HC_CELL_BYTES, 0, "of chunks in use"},
	[SHARE] = {"share", "SHARE", HC_CELL_SHARE, 0, "of the bytes in use and free"},
	[BAR] = {"bar", "", HC_CELL_BAR, 0, "the same, drawn"},
	[LEAKED_CHUNKS] = {"leaked_chunks", "LEAKED", HC_CELL_COUNT, 0,
			   "lost chunks: definite and indirect"},
	[LEAKED_BYTES] = {"leaked_bytes", "BYTES", HC_CELL_BYTES, 0, "of lost chunks"},
	[FREE_CHUNKS] = {"free_chunks", "FREE", HC_CELL_COUNT, 0, "chunks that are not in use"},
	[FREE_BYTES] = {"free_bytes", "BYTES", HC_CELL_BYTES, 0, "of chunks that are not in use"},
	[BYTES] = {"bytes", "", HC_CELL_BYTES, HC_COLUMN_EXTRA, "in use and free together"},
	[COUNT] = {"count", "", HC_CELL_COUNT, HC_COLUMN_EXTRA, "chunks in use and free together"},
};

static const struct hc_shape sizes_shape = {.key = "rows", HC_COLUMNS(columns)};

/** A row, and the part that it is of. */
struct row {
	struct hc_histogram_row sizes;
	const struct hc_split_part *part; /**< NULL: the whole heap */
};

/** Unless another order is asked for. */
static int by_bytes(const void *a, const void *b)
{
	const struct hc_histogram_row *x = &((const struct row *)a)->sizes;
	const struct hc_histogram_row *y = &((const struct row *)b)->sizes;
	uint64_t xb = x->in_use.bytes + x->free.bytes, yb = y->in_use.bytes + y->free.bytes;

	if (xb != yb)
		return xb < yb ? 1 : -1;
	if (x->min_size != y->min_size)
		return x->min_size < y->min_size ? -1 : 1;
	/* Parts lie in one array. */
	return ((const struct row *)a)->part < ((const struct row *)b)->part ? -1 : 1;
}

/** What the verb has counted. */
struct view {
	const struct hc_session *session;
	struct hc_arena_split split; /**< of --by */
	struct row *rows;
	size_t num_rows;
	struct hc_count in_use, free, leaked; /**< all rows */
	bool has_leaked;
};

static void view_deinit(struct view *view)
{
	free(view->rows);
	hc_arena_split_deinit(&view->split);
}

static void fill_part(struct hc_table *table, const struct hc_split_part *part)
{
	hc_table_cell(table, PART, hc_cell_name(part->label));
	if (part->num_arenas <= 1)
		hc_table_number(table, ARENA, part->arena);
}

static void fill_table(struct hc_table *table, const struct view *view)
{
	uint64_t total = view->in_use.bytes + view->free.bytes;

	for (size_t i = 0; i < view->num_rows; i++) {
		const struct hc_histogram_row *row = &view->rows[i].sizes;
		uint64_t bytes = row->in_use.bytes + row->free.bytes;

		hc_table_add_row(table);
		if (view->rows[i].part)
			fill_part(table, view->rows[i].part);
		hc_table_number(table, MIN_SIZE, row->min_size);
		hc_table_number(table, MAX_SIZE, row->max_size);
		hc_table_number(table, SIZE, row->min_size);
		hc_table_number(table, IN_USE_CHUNKS, row->in_use.chunks);
		hc_table_number(table, IN_USE_BYTES, row->in_use.bytes);
		hc_table_share(table, SHARE, hc_share(bytes, total));
		hc_table_share(table, BAR, hc_share(bytes, total));
		hc_table_number(table, FREE_CHUNKS, row->free.chunks);
		hc_table_number(table, FREE_BYTES, row->free.bytes);
		hc_table_number(table, BYTES, bytes);
		hc_table_number(table, COUNT, row->in_use.chunks + row->free.chunks);
		hc_table_number(table, LEAKED_CHUNKS, row->leaked.chunks);
		hc_table_number(table, LEAKED_BYTES, row->leaked.bytes);
	}
	if (!view->split.num_parts) {
		hc_table_hide(table, PART);
		hc_table_hide(table, ARENA);
	}
	if (!view->has_leaked) {
		hc_table_hide(table, LEAKED_CHUNKS);
		hc_table_hide(table, LEAKED_BYTES);
	}
}

static void describe(const struct view *view, struct hc_document *doc)
{
	const struct own *own = view->session->options->own;
	const struct hc_count *in_use = &view->in_use, *free = &view->free;
	const struct hc_count *lost = &view->leaked;
	size_t num = view->num_rows;
	size_t shown = hc_top_rows(own->top, view->session->options->format, num);
	struct hc_cell leaked = hc_cell_unknown();

	if (view->has_leaked)
		leaked = HC_PHRASE(doc, ", {} chunk{} leaked ({})", hc_cell_count(lost->chunks),
				   hc_cell_plural(lost->chunks), hc_cell_bytes(lost->bytes));
	hc_count_fact(doc, "in_use", HC_CONTENT_NONE, in_use->chunks, in_use->bytes);
	hc_count_fact(doc, "free", HC_CONTENT_NONE, free->chunks, free->bytes);
	if (view->has_leaked)
		hc_count_fact(doc, "leaked", HC_CONTENT_NONE, lost->chunks, lost->bytes);
	else
		hc_fact(doc, "leaked", NULL, hc_cell_unknown());
	hc_fact(doc, "sizes", NULL, hc_cell_count(num));
	if (view->split.num_parts)
		hc_fact(doc, "by", NULL, hc_cell_text(hc_split_name(own->by)));
	HC_SAY_STRONG(doc, "{} chunk{} in use ({}), {} free ({}){}.", hc_cell_count(in_use->chunks),
		      hc_cell_plural(in_use->chunks), hc_cell_bytes(in_use->bytes),
		      hc_cell_count(free->chunks), hc_cell_bytes(free->bytes), leaked);
	HC_LINE(doc, "Sizes are chunk sizes: header included. SHARE: in use and free together.");
	hc_blank(doc);
	struct hc_table *table = hc_add_table(doc, &sizes_shape);
	table->limit = shown;
	fill_table(table, view);
	if (shown < num)
		HC_LINE(doc, "{} more size{}; --top 0 shows all", hc_cell_number(num - shown),
			hc_cell_plural(num - shown));
}

/** Without --state, free chunks are in it too: the histogram has a column for them. */
static struct hc_selection select_chunks(const struct hc_options *options)
{
	struct hc_selection selection = options->selection;

	if (!options->states_given && !hc_selection_needs_reach(&selection))
		selection.states = (1u << HC_NUM_STATES) - 1;
	return selection;
}

/** Count what is chosen, as rows of a part; NULL: of the whole heap. */
static struct hc_error *count(struct view *view, const struct hc_selection *selection,
			      const struct hc_split_part *part)
{
	const struct own *own = view->session->options->own;
	hc_cleanup(hc_histogram_deinit) struct hc_histogram histogram = {0};
	struct hc_error *err =
		hc_histogram_run(view->session->target, selection, own->log2, &histogram);

	for (size_t i = 0; !err && i < histogram.num_rows; i++) {
		err = hc_array_reserve(&view->rows, view->num_rows, sizeof(*view->rows));
		if (!err)
			view->rows[view->num_rows++] = (struct row){histogram.rows[i], part};
	}
	hc_count_add(&view->in_use, &histogram.in_use);
	hc_count_add(&view->free, &histogram.free);
	hc_count_add(&view->leaked, &histogram.leaked);
	view->has_leaked = histogram.has_leaked;
	return err;
}

/** Arena by arena: what is not of it costs nothing. */
static struct hc_error *count_parts(struct view *view, struct hc_selection *selection)
{
	const struct hc_arena_split *split = &view->split;
	struct hc_error *err = NULL;

	for (size_t i = 0; !err && i <= split->num_arenas; i++) {
		uint32_t arena = i < split->num_arenas ? i : HC_ARENA_MMAP;

		if (!hc_selection_has_arena(selection, arena))
			continue;
		struct hc_selection one = *selection;
		one.has_arena = true;
		one.arena = arena;
		err = count(view, &one, &split->parts[split->part_of[i]]);
	}
	return err;
}

static int by_part(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	if (x->part != y->part)
		return x->part < y->part ? -1 : 1;
	return x->sizes.min_size < y->sizes.min_size ? -1 : x->sizes.min_size > y->sizes.min_size;
}

/** Arenas that are one part have had rows of their own. */
static void join_rows(struct view *view)
{
	size_t kept = 0;

	hc_sort(view->rows, view->num_rows, by_part);
	for (size_t i = 0; i < view->num_rows; i++) {
		struct row *last = kept ? &view->rows[kept - 1] : NULL;
		const struct hc_histogram_row *sizes = &view->rows[i].sizes;

		if (!last || by_part(last, &view->rows[i])) {
			view->rows[kept++] = view->rows[i];
			continue;
		}
		hc_count_add(&last->sizes.in_use, &sizes->in_use);
		hc_count_add(&last->sizes.free, &sizes->free);
		hc_count_add(&last->sizes.leaked, &sizes->leaked);
	}
	view->num_rows = kept;
}

static struct hc_error *count_by(struct view *view, struct hc_selection *selection,
				 enum hc_split_by by)
{
	struct hc_error *err = hc_arena_split_run(view->session->target, by, &view->split);

	if (!err)
		err = count_parts(view, selection);
	if (!err)
		join_rows(view);
	return err;
}

static struct hc_error *run(struct hc_session *session)
{
	const struct hc_options *options = session->options;
	const struct own *own = options->own;
	hc_cleanup(view_deinit) struct view view = {session};
	hc_cleanup_document struct hc_document doc;

	hc_document_init(&doc);
	struct hc_error *err =
		hc_session_open(session, own->with_leaks ? HC_NEED_REACH : HC_NEED_HEAP);
	if (err)
		return err;
	struct hc_selection selection = select_chunks(options);
	err = own->by < HC_NUM_SPLITS ? count_by(&view, &selection, own->by)
				      : count(&view, &selection, NULL);
	if (err)
		return err;

	/* Rows come by size, and so do those that another order has as equal. */
	if (!options->choice.sort)
		hc_sort(view.rows, view.num_rows, by_bytes);
	hc_session_begin(session, &doc);
	describe(&view, &doc);
	return hc_session_write(session, &doc);
}

const struct hc_verb hc_verb_histogram = {
	.name = "histogram",
	.arguments = "CORE",
	.summary = "chunk sizes, and how many there are of each",
	.description = "Counts chunks by size: in use, free and, with --with-leaks, --leaked or "
		       "--reach, lost. "
		       "Counts chunks of every state unless --state or a reachability option says "
		       "otherwise.",
	.examples = "  heapcore histogram core.1234\n"
		    "  heapcore histogram core.1234 --log2 --sort size\n"
		    "  heapcore histogram core.1234 --with-leaks --top 5\n"
		    "  heapcore histogram core.1234 --by thread --log2\n",
	.min_args = 1,
	.max_args = 1,
	.formats = HC_FORMATS_ALL,
	HC_VERB_TABLES(&sizes_shape),
	.selection = true,
	.counts = true,
	HC_VERB_OWN(own_options, set, struct own, &own_defaults),
	.run = run,
};
