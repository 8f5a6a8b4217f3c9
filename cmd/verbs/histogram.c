/**
 * @file
 * heapcore histogram: chunk sizes and how many there are of each.
 */
#include <stdlib.h>

#include "analyzers/counts/histogram.h"
#include "cmd/render/table.h"
#include "cmd/render/text.h"
#include "cmd/render/units.h"
#include "cmd/verb.h"
#include "core/base/cleanup.h"

enum sort { SORT_BYTES, SORT_COUNT, SORT_SIZE };

struct own {
	bool log2;
	bool with_leaks;
	enum sort sort;
	uint64_t top;
};

enum own_id { OWN_LOG2, OWN_SORT, OWN_TOP, OWN_WITH_LEAKS };

/** In the order of enum sort. */
HC_WORDS(sort_word, "bytes", "count", "size")

static const struct hc_option own_options[] = {
	{OWN_LOG2, 0, "log2", NULL, "powers of two instead of exact sizes"},
	{OWN_SORT, 0, "sort", "KEY", "bytes, count or size (default: bytes)", HC_VALUE_WORD,
	 sort_word},
	{OWN_TOP, 0, "top", "N", "the first N rows; 0: all (default: 20 in text, else all)"},
	{OWN_WITH_LEAKS, 0, "with-leaks", NULL, "follow pointers, and add what is lost"},
	{0},
};

static const struct own own_defaults = {.top = HC_TOP_DEFAULT};

static struct hc_error *set(void *ctx, int id, const char *value)
{
	struct own *own = ctx;

	switch ((enum own_id)id) {
	case OWN_LOG2:
		own->log2 = true;
		return NULL;
	case OWN_SORT:
		return hc_parse_word("--sort", value, sort_word, &own->sort);
	case OWN_TOP:
		return hc_parse_count("--top", value, &own->top);
	case OWN_WITH_LEAKS:
		own->with_leaks = true;
		return NULL;
	}
	return NULL;
}

enum column {
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
	NUM_COLUMNS
};

static const struct hc_column columns[NUM_COLUMNS] = {
	[MIN_SIZE] = {"min_size", "", HC_COLUMN_COUNT, HC_COLUMN_DATA_ONLY},
	[MAX_SIZE] = {"max_size", "", HC_COLUMN_COUNT, HC_COLUMN_DATA_ONLY},
	[SIZE] = {"size", "SIZE", HC_COLUMN_COUNT, HC_COLUMN_TEXT_ONLY},
	[IN_USE_CHUNKS] = {"in_use_chunks", "IN USE", HC_COLUMN_COUNT},
	[IN_USE_BYTES] = {"in_use_bytes", "BYTES", HC_COLUMN_BYTES},
	[SHARE] = {"share", "SHARE", HC_COLUMN_SHARE},
	[BAR] = {"bar", "", HC_COLUMN_BAR},
	[LEAKED_CHUNKS] = {"leaked_chunks", "LEAKED", HC_COLUMN_COUNT},
	[LEAKED_BYTES] = {"leaked_bytes", "BYTES", HC_COLUMN_BYTES},
	[FREE_CHUNKS] = {"free_chunks", "FREE", HC_COLUMN_COUNT},
	[FREE_BYTES] = {"free_bytes", "BYTES", HC_COLUMN_BYTES},
};

static int by_bytes(const void *a, const void *b)
{
	const struct hc_histogram_row *x = a, *y = b;
	uint64_t xb = x->in_use.bytes + x->free.bytes, yb = y->in_use.bytes + y->free.bytes;

	return xb != yb ? (xb < yb ? 1 : -1) : x->min_size < y->min_size ? -1 : 1;
}

static int by_count(const void *a, const void *b)
{
	const struct hc_histogram_row *x = a, *y = b;
	uint64_t xc = x->in_use.chunks + x->free.chunks, yc = y->in_use.chunks + y->free.chunks;

	return xc != yc ? (xc < yc ? 1 : -1) : x->min_size < y->min_size ? -1 : 1;
}

/** Rows come by size. */
static void sort_rows(struct hc_histogram *histogram, enum sort sort)
{
	if (sort != SORT_SIZE)
		qsort(histogram->rows, histogram->num_rows, sizeof(*histogram->rows),
		      sort == SORT_BYTES ? by_bytes : by_count);
}

static void fill_table(struct hc_table *table, const struct hc_histogram *histogram,
		       size_t num_rows)
{
	uint64_t total = histogram->in_use.bytes + histogram->free.bytes;
	uint64_t most = 0;

	for (size_t i = 0; i < num_rows; i++) {
		const struct hc_histogram_row *row = &histogram->rows[i];
		if (row->in_use.bytes + row->free.bytes > most)
			most = row->in_use.bytes + row->free.bytes;
	}
	for (size_t i = 0; i < num_rows; i++) {
		const struct hc_histogram_row *row = &histogram->rows[i];
		uint64_t bytes = row->in_use.bytes + row->free.bytes;

		hc_table_add_row(table);
		hc_table_number(table, MIN_SIZE, row->min_size);
		hc_table_number(table, MAX_SIZE, row->max_size);
		hc_table_number(table, SIZE, row->min_size);
		hc_table_number(table, IN_USE_CHUNKS, row->in_use.chunks);
		hc_table_number(table, IN_USE_BYTES, row->in_use.bytes);
		hc_table_share(table, SHARE, hc_share(bytes, total));
		hc_table_share(table, BAR, hc_share(bytes, most));
		hc_table_number(table, FREE_CHUNKS, row->free.chunks);
		hc_table_number(table, FREE_BYTES, row->free.bytes);
		hc_table_number(table, LEAKED_CHUNKS, row->leaked.chunks);
		hc_table_number(table, LEAKED_BYTES, row->leaked.bytes);
	}
	if (!histogram->has_leaked) {
		hc_table_hide(table, LEAKED_CHUNKS);
		hc_table_hide(table, LEAKED_BYTES);
	}
}

static struct hc_error *write_text(struct hc_session *session, const struct hc_histogram *histogram,
				   const struct hc_table *table)
{
	struct hc_output *out = &session->out;
	hc_cleanup_free char *leaked = NULL;

	if (histogram->has_leaked && asprintf(&leaked, ", %s chunk%s leaked (%s)",
					      hc_unit_count(histogram->leaked.chunks).text,
					      hc_plural(histogram->leaked.chunks),
					      hc_unit_bytes(histogram->leaked.bytes).text) < 0)
		return &hc_enomem;
	hc_session_write_partial(session);
	hc_text_paragraph(out, "", 0, true, "%s chunk%s in use (%s), %s free (%s)%s.",
			  hc_unit_count(histogram->in_use.chunks).text,
			  hc_plural(histogram->in_use.chunks),
			  hc_unit_bytes(histogram->in_use.bytes).text,
			  hc_unit_count(histogram->free.chunks).text,
			  hc_unit_bytes(histogram->free.bytes).text, leaked ? leaked : "");
	fprintf(out->file,
		"Sizes are chunk sizes: header included. SHARE: in use and free together.\n\n");
	struct hc_error *err = hc_table_write_text(table, out, 0);
	if (!err && table->num_rows < histogram->num_rows)
		fprintf(out->file, "%zu more size%s; --top 0 shows all\n",
			histogram->num_rows - table->num_rows,
			hc_plural(histogram->num_rows - table->num_rows));
	return err;
}

static struct hc_error *write_json(struct hc_session *session, const struct hc_histogram *histogram,
				   const struct hc_table *table)
{
	hc_cleanup_json json_t *document = hc_session_json(session);
	json_t *rows;
	struct hc_error *err = hc_table_json(table, &rows);

	if (err)
		return err;
	json_object_set_new(document, "in_use", hc_json_count(&histogram->in_use));
	json_object_set_new(document, "free", hc_json_count(&histogram->free));
	json_object_set_new(document, "leaked",
			    histogram->has_leaked ? hc_json_count(&histogram->leaked)
						  : json_null());
	json_object_set_new(document, "sizes", hc_json_number(histogram->num_rows));
	json_object_set_new(document, "rows", rows);
	return hc_json_write(&session->out, document);
}

/** Without --state, free chunks are in it too: the histogram has a column for them. */
static struct hc_selection select_chunks(const struct hc_options *options)
{
	struct hc_selection selection = options->selection;

	if (!options->states_given && !hc_selection_needs_reach(&selection))
		selection.states = (1u << HC_NUM_STATES) - 1;
	return selection;
}

static struct hc_error *run(struct hc_session *session)
{
	const struct hc_options *options = session->options;
	const struct own *own = options->own;
	hc_cleanup(hc_histogram_deinit) struct hc_histogram histogram = {0};
	hc_cleanup_table struct hc_table table;

	hc_table_init(&table, columns, NUM_COLUMNS);
	struct hc_error *err =
		hc_session_open(session, own->with_leaks ? HC_NEED_REACH : HC_NEED_HEAP);
	if (err)
		return err;
	struct hc_selection selection = select_chunks(options);
	err = hc_histogram_run(session->target, &selection, own->log2, &histogram);
	if (err)
		return err;

	sort_rows(&histogram, own->sort);
	fill_table(&table, &histogram, hc_top_rows(own->top, options->format, histogram.num_rows));
	switch (options->format) {
	case HC_FORMAT_JSON:
		return write_json(session, &histogram, &table);
	case HC_FORMAT_CSV:
		return hc_table_write_csv(&table, &session->out);
	default:
		return write_text(session, &histogram, &table);
	}
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
		    "  heapcore histogram core.1234 --with-leaks --top 5\n",
	.min_args = 1,
	.max_args = 1,
	.formats = HC_FORMATS_ALL,
	.selection = true,
	HC_VERB_OWN(own_options, set, struct own, &own_defaults),
	.run = run,
};
