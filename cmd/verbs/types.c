/**
 * @file
 * heapcore types: objects by C++ class or C struct.
 */
#include <stdlib.h>

#include "analyzers/counts/type_count.h"
#include "analyzers/counts/unlock.h"
#include "analyzers/types/types.h"
#include "cmd/render/units.h"
#include "cmd/show/sample.h"
#include "cmd/verb.h"
#include "cmd/verbs/types_structs.h"
#include "core/base/cleanup.h"

struct own {
	bool with_leaks;
	uint64_t top;
};

enum own_id { OWN_WITH_LEAKS, OWN_TOP };

static const struct hc_option own_options[] = {
	{OWN_WITH_LEAKS, 0, "with-leaks", NULL, "follow pointers, and add what is lost"},
	{OWN_TOP, 0, "top", "N", "the first N types; 0: all (default: 20 in text, else all)"},
	{0},
};

static const struct own own_defaults = {.top = HC_TOP_DEFAULT};

static struct hc_error *set(void *ctx, int id, const char *value)
{
	struct own *own = ctx;

	if (id == OWN_TOP)
		return hc_parse_count("--top", value, &own->top);
	own->with_leaks = true;
	return NULL;
}

enum column {
	CHUNKS,
	BYTES,
	SHARE,
	LEAKED_CHUNKS,
	LEAKED_BYTES,
	OBJECTS,
	OFFSET,
	SOURCE,
	ADDRESS,
	TYPE,
	NUM_COLUMNS
};

/** Names are long: they come last, and what does not fit is cut there. */
static const struct hc_column columns[NUM_COLUMNS] = {
	[CHUNKS] = {"chunks", "CHUNKS", HC_CELL_COUNT, 0, "chunks that hold one"},
	[BYTES] = {"bytes", "BYTES", HC_CELL_BYTES, 0, "of these chunks"},
	[SHARE] = {"share", "SHARE", HC_CELL_SHARE, 0,
		   "of the bytes of all chunks of the selection"},
	[LEAKED_CHUNKS] = {"leaked_chunks", "LEAKED", HC_CELL_COUNT, 0,
			   "lost chunks: definite and indirect"},
	[LEAKED_BYTES] = {"leaked_bytes", "BYTES", HC_CELL_BYTES, 0, "of lost chunks"},
	[OBJECTS] = {"objects", "OBJECTS", HC_CELL_COUNT, 0,
		     "that lie inside of these chunks; null where objects start them"},
	[OFFSET] = {"offset", "AT", HC_CELL_COUNT, HC_COLUMN_ASCENDING,
		    "of the first object in its chunk; null where it differs, or objects start "
		    "them"},
	[SOURCE] = {"known_by", "BY", HC_CELL_TEXT, 0,
		    "what tells: the typeinfo in the vtable, without typeinfos the vtable's "
		    "symbol; a magic number; the GType; the Python type; debug information and "
		    "the pointers that lead to it; a vtable inside; the vtable beside a "
		    "pointer of Rust; or a constant of a module "
		    "that all objects of the size point to"},
	[ADDRESS] = {"sample_address", "SAMPLE", HC_CELL_ADDRESS, 0, "one of the chunks"},
	[TYPE] = {"type", "TYPE", HC_CELL_NAME, HC_COLUMN_SHRINK | HC_COLUMN_CLASS,
		  "class, or struct and its tag; [] behind it: an array; + behind it: the chunk "
		  "goes on behind the object; inside: they do not start it"},
};

static const struct hc_shape types_shape = {.key = "types", HC_COLUMNS(columns)};

static void fill_table(const struct hc_session *session, const struct hc_type_table *types,
		       struct hc_table *table)
{
	if (!types->has_leaked) {
		hc_table_hide(table, LEAKED_CHUNKS);
		hc_table_hide(table, LEAKED_BYTES);
	}
	bool has_objects = false;

	for (size_t i = 0; i < types->num_rows; i++) {
		const struct hc_type_count *row = &types->rows[i];
		enum hc_type_source source = hc_type_source(session->target->types, row->type);

		hc_table_add_row(table);
		hc_table_number(table, CHUNKS, row->count.all.chunks);
		hc_table_number(table, BYTES, row->count.all.bytes);
		hc_table_share(table, SHARE, hc_share(row->count.all.bytes, types->total.bytes));
		hc_table_number(table, LEAKED_CHUNKS, row->count.leaked.chunks);
		hc_table_number(table, LEAKED_BYTES, row->count.leaked.bytes);
		if (row->objects)
			hc_table_number(table, OBJECTS, row->objects);
		if (row->objects && row->offset != UINT64_MAX)
			hc_table_number(table, OFFSET, row->offset);
		has_objects |= row->objects != 0;
		hc_table_text(table, SOURCE, hc_type_source_name(source));
		hc_table_number(table, ADDRESS, row->count.sample);
		hc_table_cell(table, TYPE, hc_type_cell(session, row->type));
	}
	if (!has_objects) {
		hc_table_hide(table, OBJECTS);
		hc_table_hide(table, OFFSET);
	}
}

/** Whether there is a module whose file was looked for and is not at hand. */
static bool lacks_files(const struct hc_process *process)
{
	const struct hc_modules *modules = &process->modules;

	for (size_t i = 0; i < modules->num; i++) {
		if (modules->items[i].status != HC_FILE_MATCHED)
			return true;
	}
	return false;
}

/** What to do when few chunks have a type. */
static const char *advice(const struct hc_session *session)
{
	if (lacks_files(session->target->process))
		return "Names of classes are in the files of the program and its libraries, of "
		       "which some were not found (heapcore info lists them): --exe FILE or "
		       "--sysroot DIR says where they are.";
	if (!hc_types_have_debuginfo(session->target->types))
		return "The program's debug information was not found. Without it only C++ classes "
		       "with virtual functions can be told; C structs need it: --debug-dir DIR "
		       "says where it is.";
	return "The others have no vtable, and no variable leads to them by pointers whose type "
	       "says what they point to. heapcore classify tells what they hold.";
}

/** Chunks whose type has a name of its own: kinds by constant have what they point to. */
static uint64_t count_named(const struct hc_session *session, const struct hc_type_table *types)
{
	uint64_t named = 0;

	for (size_t i = 0; i < types->num_rows; i++) {
		const struct hc_type_count *row = &types->rows[i];

		if (hc_type_source(session->target->types, row->type) != HC_TYPE_CONSTANT)
			named += row->count.all.chunks;
	}
	return named;
}

/** What may show from --content class on. */
static void describe_types(const struct hc_session *session, const struct hc_type_table *types,
			   struct hc_document *doc)
{
	const struct own *own = session->options->own;
	const struct hc_count *total = &types->total, *typed = &types->typed;
	size_t shown = hc_top_rows(own->top, session->options->format, types->num_rows);
	struct hc_cell leaked = hc_cell_unknown();

	if (types->has_leaked)
		leaked = HC_PHRASE(doc, "; of these, {} ({}) leaked",
				   hc_cell_count(types->typed_leaked.chunks),
				   hc_cell_bytes(types->typed_leaked.bytes));
	HC_SAY_STRONG(doc, "{} of {} chunk{}, {} of {}, hold{} an object whose type is known{}.",
		      hc_cell_count(typed->chunks), hc_cell_count(total->chunks),
		      hc_cell_plural(total->chunks), hc_cell_bytes(typed->bytes),
		      hc_cell_bytes(total->bytes), hc_cell_text(typed->chunks == 1 ? "s" : ""),
		      leaked);
	if (types->num_rows)
		hc_blank(doc);
	struct hc_table *table = hc_add_table(doc, &types_shape);
	table->limit = shown;
	fill_table(session, types, table);
	if (shown < types->num_rows)
		HC_LINE(doc, "{} more types; --top 0 shows all",
			hc_cell_number(types->num_rows - shown));
	if (hc_share(count_named(session, types), total->chunks) >= 0.5)
		return;
	hc_blank(doc);
	HC_SAY(doc, "{}", hc_cell_text(advice(session)));
}

static void describe(const struct hc_session *session, const struct hc_type_table *types,
		     struct hc_document *doc)
{
	const struct hc_count *total = &types->total, *typed = &types->typed;

	hc_count_fact(doc, "total", HC_CONTENT_NONE, total->chunks, total->bytes);
	hc_count_fact(doc, "typed", HC_CONTENT_CLASS, typed->chunks, typed->bytes);
	hc_fact(doc, "num_types", NULL,
		hc_cell_needs(HC_CONTENT_CLASS, hc_cell_count(types->num_rows)));
	hc_begin_group(doc, HC_CONTENT_NONE, HC_CONTENT_NONE);
	HC_SAY_STRONG(doc, "{} chunk{}, {}.", hc_cell_count(total->chunks),
		      hc_cell_plural(total->chunks), hc_cell_bytes(total->bytes));
	HC_LINE(doc, "--content none hides what they hold.");
	hc_end(doc);
	hc_begin_group(doc, HC_CONTENT_CLASS, HC_CONTENT_FULL);
	describe_types(session, types, doc);
	hc_end(doc);
}

/**
 * The size of chunks whose type would tell most: where pointers of known types lead to others, and
 * of the whole heap, since what a selection leaves out may be what they lead to.
 */
static struct hc_error *add_unlock(const struct hc_session *session, struct hc_document *doc)
{
	const struct hc_options *options = session->options;
	struct hc_unlock unlock = {0};

	if (hc_types_have_debuginfo(session->target->types) && !options->selection_given &&
	    options->content >= HC_CONTENT_CLASS) {
		struct hc_error *err = hc_unlock_find(session->target, &unlock);

		if (err)
			return err;
	}
	if (!unlock.size) {
		hc_fact(doc, "unlocks_most", NULL, hc_cell_unknown());
		return NULL;
	}
	hc_begin_object(doc, "unlocks_most", HC_CONTENT_CLASS);
	hc_fact(doc, "size", NULL, hc_cell_count(unlock.size));
	hc_fact(doc, "usable", NULL, hc_cell_count(unlock.usable));
	hc_count_fact(doc, "kind", HC_CONTENT_CLASS, unlock.kind.chunks, unlock.kind.bytes);
	hc_count_fact(doc, "reached", HC_CONTENT_CLASS, unlock.reached.chunks,
		      unlock.reached.bytes);
	hc_end(doc);
	hc_blank(doc);
	HC_SAY(doc,
	       "Of the chunks without a type those of {} usable bytes would tell most: {} chunk{} "
	       "with pointers to {} other{} without one, {}. types --size {} lists the structs "
	       "that "
	       "they may be.",
	       hc_cell_count(unlock.usable), hc_cell_count(unlock.kind.chunks),
	       hc_cell_plural(unlock.kind.chunks), hc_cell_count(unlock.reached.chunks),
	       hc_cell_plural(unlock.reached.chunks), hc_cell_bytes(unlock.reached.bytes),
	       hc_cell_number(unlock.usable));
	return NULL;
}

/** The structs of a size, where one was named. Nobody waits for what --content does not allow. */
static struct hc_error *add_structs(const struct hc_session *session, struct hc_document *doc)
{
	const struct hc_options *options = session->options;
	const struct own *own = options->own;
	hc_cleanup(hc_candidates_deinit) struct hc_candidates candidates = {0};
	struct hc_candidates_of of = {0};
	bool wanted = hc_structs_wanted(options, &of) && options->content >= HC_CONTENT_CLASS;

	if (wanted) {
		struct hc_error *err = hc_candidates_find(session->target->process,
							  session->target->heap, of, &candidates);

		if (err)
			return err;
	}
	hc_structs_describe(wanted ? &candidates : NULL, of,
			    hc_top_rows(own->top, options->format, candidates.structs.num), doc);
	return NULL;
}

static struct hc_error *run(struct hc_session *session)
{
	const struct hc_options *options = session->options;
	const struct own *own = options->own;
	hc_cleanup(hc_type_table_deinit) struct hc_type_table types = {0};
	hc_cleanup_document struct hc_document doc;

	hc_document_init(&doc);
	struct hc_error *err =
		hc_session_open(session, own->with_leaks ? HC_NEED_REACH : HC_NEED_HEAP);
	if (!err)
		err = hc_session_types(session, HC_TYPES_FULL);
	if (err)
		return err;
	err = hc_types_count(session->target, &options->selection, &types);
	if (err)
		return err;
	hc_session_begin(session, &doc);
	describe(session, &types, &doc);
	err = add_unlock(session, &doc);
	if (!err)
		err = add_structs(session, &doc);
	return err ? err : hc_session_write(session, &doc);
}

const struct hc_verb hc_verb_types = {
	.name = "types",
	.arguments = "CORE",
	.summary = "objects by C++ class or C struct",
	.description = "Counts chunks by the class of the C++ object that they hold, which its "
		       "vtable tells, in stripped programs too, as do marks of streams, GObjects "
		       "and Python's objects. Other classes and C structs are known where debug "
		       "information says what the pointers that lead to them point to; else by "
		       "the table of functions, text or function that all of a size point to.",
	.examples = "  heapcore types core.1234\n"
		    "  heapcore types core.1234 --leaked --top 5\n"
		    "  heapcore chunks core.1234 --type 'app::Session'\n"
		    "  heapcore grep core.1234 'user=\\w+' --type 'struct session'\n",
	.min_args = 1,
	.max_args = 1,
	.formats = HC_FORMATS_ALL,
	HC_VERB_TABLES(&types_shape),
	.selection = true,
	.counts = true,
	HC_VERB_OWN(own_options, set, struct own, &own_defaults),
	.run = run,
};
