/**
 * @file
 * heapcore types: objects by C++ class or C struct.
 */
#include <stdlib.h>

#include "analyzers/counts/type_count.h"
#include "analyzers/types/types.h"
#include "cmd/render/table.h"
#include "cmd/render/text.h"
#include "cmd/render/units.h"
#include "cmd/verb.h"
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
	SOURCE,
	ADDRESS,
	TYPE,
	NUM_COLUMNS
};

/** Names are long: they come last, and what does not fit is cut there. */
static const struct hc_column columns[NUM_COLUMNS] = {
	[CHUNKS] = {"chunks", "CHUNKS", HC_COLUMN_COUNT},
	[BYTES] = {"bytes", "BYTES", HC_COLUMN_BYTES},
	[SHARE] = {"share", "SHARE", HC_COLUMN_SHARE},
	[LEAKED_CHUNKS] = {"leaked_chunks", "LEAKED", HC_COLUMN_COUNT},
	[LEAKED_BYTES] = {"leaked_bytes", "BYTES", HC_COLUMN_BYTES},
	[SOURCE] = {"known_by", "BY", HC_COLUMN_TEXT},
	[ADDRESS] = {"sample_address", "SAMPLE", HC_COLUMN_ADDRESS},
	[TYPE] = {"type", "TYPE", HC_COLUMN_TEXT, HC_COLUMN_SHRINK},
};

static struct hc_error *fill_table(struct hc_session *session, const struct hc_type_table *types,
				   size_t num_rows, struct hc_table *table)
{
	if (!types->has_leaked) {
		hc_table_hide(table, LEAKED_CHUNKS);
		hc_table_hide(table, LEAKED_BYTES);
	}
	for (size_t i = 0; i < num_rows; i++) {
		const struct hc_type_count *row = &types->rows[i];
		enum hc_type_source source = hc_type_source(session->target->types, row->type);
		const char *name = hc_type_name(session->target->types, row->type);

		if (!name)
			return &hc_enomem;
		hc_table_add_row(table);
		hc_table_number(table, CHUNKS, row->all.chunks);
		hc_table_number(table, BYTES, row->all.bytes);
		hc_table_share(table, SHARE, hc_share(row->all.bytes, types->total.bytes));
		hc_table_number(table, LEAKED_CHUNKS, row->leaked.chunks);
		hc_table_number(table, LEAKED_BYTES, row->leaked.bytes);
		hc_table_text(table, SOURCE, hc_type_source_name(source));
		hc_table_number(table, ADDRESS, row->sample);
		hc_table_text(table, TYPE, name);
	}
	return NULL;
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
static void write_advice(struct hc_session *session, const struct hc_type_table *types)
{
	struct hc_output *out = &session->out;

	if (hc_share(types->typed.chunks, types->total.chunks) >= 0.5)
		return;
	fputc('\n', out->file);
	if (lacks_files(session->target->process))
		hc_text_paragraph(out, "", 0, false,
				  "Names of classes are in the files of the program and its "
				  "libraries, of which some were not found (heapcore info lists "
				  "them): --exe FILE or --sysroot DIR says where they are.");
	else if (!hc_types_have_debuginfo(session->target->types))
		hc_text_paragraph(
			out, "", 0, false,
			"The program's debug information was not found. Without it only C++ "
			"classes with "
			"virtual functions can be told; C structs need it: --debug-dir DIR "
			"says where it is.");
	else
		hc_text_paragraph(out, "", 0, false,
				  "The others have no vtable, and no variable leads to them by "
				  "pointers whose type says what they point to. heapcore classify "
				  "tells what they hold.");
}

static struct hc_error *write_text(struct hc_session *session, const struct hc_type_table *types,
				   const struct hc_table *table)
{
	struct hc_output *out = &session->out;
	hc_cleanup_free char *leaked = NULL;
	bool shown = hc_session_shows_class(session);

	if (types->has_leaked && asprintf(&leaked, "; of these, %s (%s) leaked",
					  hc_unit_count(types->typed_leaked.chunks).text,
					  hc_unit_bytes(types->typed_leaked.bytes).text) < 0)
		return &hc_enomem;
	hc_session_write_partial(session);
	if (!shown) {
		hc_text_paragraph(out, "", 0, true, "%s chunk%s, %s.",
				  hc_unit_count(types->total.chunks).text,
				  hc_plural(types->total.chunks),
				  hc_unit_bytes(types->total.bytes).text);
		fputs("--content none hides what they hold.\n", out->file);
		return NULL;
	}
	hc_text_paragraph(out, "", 0, true,
			  "%s of %s chunk%s, %s of %s, hold%s an object whose type is known%s.",
			  hc_unit_count(types->typed.chunks).text,
			  hc_unit_count(types->total.chunks).text, hc_plural(types->total.chunks),
			  hc_unit_bytes(types->typed.bytes).text,
			  hc_unit_bytes(types->total.bytes).text,
			  types->typed.chunks == 1 ? "s" : "", leaked ? leaked : "");
	if (table->num_rows)
		fputc('\n', out->file);
	struct hc_error *err = hc_table_write_text(table, out, 0);
	if (!err && table->num_rows < types->num_rows)
		fprintf(out->file, "%zu more types; --top 0 shows all\n",
			types->num_rows - table->num_rows);
	if (!err)
		write_advice(session, types);
	return err;
}

static struct hc_error *write_json(struct hc_session *session, const struct hc_type_table *types,
				   const struct hc_table *table)
{
	hc_cleanup_json json_t *document = hc_session_json(session);
	bool shown = hc_session_shows_class(session);
	json_t *rows;
	struct hc_error *err = hc_table_json(table, &rows);

	if (err)
		return err;
	json_object_set_new(document, "total", hc_json_count(&types->total));
	json_object_set_new(document, "typed", shown ? hc_json_count(&types->typed) : json_null());
	json_object_set_new(document, "num_types",
			    shown ? hc_json_number(types->num_rows) : json_null());
	json_object_set_new(document, "types", rows);
	return hc_json_write(&session->out, document);
}

static struct hc_error *run(struct hc_session *session)
{
	const struct hc_options *options = session->options;
	const struct own *own = options->own;
	hc_cleanup(hc_type_table_deinit) struct hc_type_table types = {0};
	hc_cleanup_table struct hc_table table;

	hc_table_init(&table, columns, NUM_COLUMNS);
	struct hc_error *err =
		hc_session_open(session, own->with_leaks ? HC_NEED_REACH : HC_NEED_HEAP);
	if (!err)
		err = hc_session_types(session, HC_TYPES_FULL);
	if (err)
		return err;
	err = hc_types_count(session->target, &options->selection, &types);
	if (err)
		return err;

	size_t num = hc_top_rows(own->top, options->format, types.num_rows);
	err = fill_table(session, &types, hc_session_shows_class(session) ? num : 0, &table);
	if (err)
		return err;
	switch (options->format) {
	case HC_FORMAT_JSON:
		return write_json(session, &types, &table);
	case HC_FORMAT_CSV:
		return hc_table_write_csv(&table, &session->out);
	default:
		return write_text(session, &types, &table);
	}
}

const struct hc_verb hc_verb_types = {
	.name = "types",
	.arguments = "CORE",
	.summary = "objects by C++ class or C struct",
	.description = "Counts chunks by the class of the C++ object that they hold, which its "
		       "vtable tells, in stripped programs too. Other classes and C structs are "
		       "known where debug information says what the pointers that lead to them "
		       "point to.",
	.examples = "  heapcore types core.1234\n"
		    "  heapcore types core.1234 --leaked --top 5\n"
		    "  heapcore chunks core.1234 --type 'app::Session'\n"
		    "  heapcore grep core.1234 'user=\\w+' --type 'struct session'\n",
	.min_args = 1,
	.max_args = 1,
	.formats = HC_FORMATS_ALL,
	.selection = true,
	HC_VERB_OWN(own_options, set, struct own, &own_defaults),
	.run = run,
};
