/**
 * @file
 * heapcore signatures: the content classes and secrets that are known, and whether their examples
 * hold.
 */
#include <stdlib.h>

#include "analyzers/content/signature_examples.h"
#include "cmd/render/escape.h"
#include "cmd/render/table.h"
#include "cmd/render/text.h"
#include "cmd/render/units.h"
#include "cmd/verb.h"
#include "core/base/cleanup.h"

struct own {
	bool test;
};

enum own_id { OWN_TEST };

static const struct hc_option own_options[] = {
	{OWN_TEST, 0, "test", NULL, "try every signature on the examples in its file"},
	{0},
};

static struct hc_error *set(void *ctx, int id, const char *value)
{
	struct own *own = ctx;

	(void)value;
	own->test |= id == OWN_TEST;
	return NULL;
}

enum column { NAME, TITLE, KIND, PRIORITY, ATTRIBUTES, EXAMPLES, PATH, DESCRIPTION, NUM_COLUMNS };

static const struct hc_column columns[NUM_COLUMNS] = {
	[NAME] = {"name", "NAME", HC_COLUMN_TEXT},
	[TITLE] = {"title", "", HC_COLUMN_TEXT, HC_COLUMN_DATA_ONLY},
	[KIND] = {"kind", "KIND", HC_COLUMN_TEXT},
	[PRIORITY] = {"priority", "PRIORITY", HC_COLUMN_COUNT},
	[ATTRIBUTES] = {"attributes", "ATTRIBUTES", HC_COLUMN_LIST},
	[EXAMPLES] = {"examples", "", HC_COLUMN_COUNT, HC_COLUMN_DATA_ONLY},
	[PATH] = {"file", "FILE", HC_COLUMN_TEXT},
	[DESCRIPTION] = {"description", "WHAT IT ACCEPTS", HC_COLUMN_TEXT, HC_COLUMN_SHRINK},
};

struct view {
	struct hc_session *session;
	const char *path; /* only what is from this file; NULL: all */
	struct hc_table table;
	uint64_t passed, failed;
	json_t *failures;
	char *text; /* the same for people, one a line */
	size_t text_size;
	FILE *text_file;
};

static void view_deinit(struct view *view)
{
	hc_table_deinit(&view->table);
	json_decref(view->failures);
	if (view->text_file)
		fclose(view->text_file);
	free(view->text);
}

/** Names with commas between them. */
static void set_attributes(struct hc_table *table, const struct hc_class *class)
{
	char list[1024] = "";
	size_t used = 0;

	for (size_t i = 0; i < class->num_attributes && used < sizeof(list); i++)
		used += snprintf(list + used, sizeof(list) - used, "%s%s", i ? "," : "",
				 class->attributes[i].name);
	hc_table_text(table, ATTRIBUTES, list);
}

static void add_row(struct view *view, const struct hc_class *class)
{
	struct hc_table *table = &view->table;

	if (view->path && strcmp(view->path, class->path))
		return;
	hc_table_add_row(table);
	hc_table_text(table, NAME, class->name);
	hc_table_text(table, TITLE, class->title);
	hc_table_text(table, KIND, hc_signature_kind_name(class->kind));
	if (class->kind != HC_SIGNATURE_SECRET) {
		hc_table_number(table, PRIORITY, class->priority);
		set_attributes(table, class);
	}
	hc_table_number(table, EXAMPLES, class->num_examples);
	hc_table_text(table, PATH, class->path);
	hc_table_text(table, DESCRIPTION, class->description);
}

static void fill_table(struct view *view)
{
	const struct hc_signatures *signatures = view->session->signatures;
	size_t num = hc_signatures_num_classes(signatures);

	/* "other" is what remains. */
	for (size_t i = 1; i <= num; i++)
		add_row(view, hc_signatures_class(signatures, i % num));
	for (size_t i = 0; i < hc_signatures_num_secrets(signatures); i++)
		add_row(view, hc_signatures_secret(signatures, i));
}

static void on_example(void *ctx, const struct hc_class *signature,
		       const struct hc_example *example, bool passed, const struct hc_class *got)
{
	struct view *view = ctx;
	const char *kind = example->positive ? "example" : "counterexample";
	const char *found = got ? got->name : example->positive ? "nothing" : "a secret";

	view->passed += passed;
	view->failed += !passed;
	if (passed)
		return;
	hc_cleanup_free char *path = hc_escape_string(signature->path, HC_ESCAPE_PLAIN);
	hc_cleanup_free char *text = hc_escape(example->bytes, 60, HC_ESCAPE_QUOTE);

	fprintf(view->text_file, "%s:%u: [%s] %s is %s: %s\n", path ? path : "", example->line,
		signature->name, kind, found, text ? text : "");
	json_array_append_new(view->failures,
			      json_pack("{so si ss ss ss so}", "file",
					hc_json_text(signature->path), "line", (int)example->line,
					"name", signature->name, "kind", kind, "found", found,
					"bytes", hc_json_text(text)));
}

static struct hc_error *write_json(const struct view *view)
{
	const struct own *own = view->session->options->own;
	hc_cleanup_json json_t *document = hc_session_json(view->session);
	json_t *rows;
	struct hc_error *err = hc_table_json(&view->table, &rows);

	if (err)
		return err;
	json_object_set_new(document, "signatures", rows);
	json_object_set_new(
		document, "test",
		own->test
			? json_pack("{so so sO}", "passed", hc_json_number(view->passed), "failed",
				    hc_json_number(view->failed), "failures", view->failures)
			: json_null());
	return hc_json_write(&view->session->out, document);
}

static struct hc_error *write_text(const struct view *view)
{
	const struct own *own = view->session->options->own;
	struct hc_output *out = &view->session->out;

	if (!own->test)
		return hc_table_write_text(&view->table, out, 0);
	fputs(view->text, out->file);
	fprintf(out->file, "%zu signature%s: %s example%s passed, %s failed\n",
		view->table.num_rows, hc_plural(view->table.num_rows),
		hc_unit_count(view->passed).text, hc_plural(view->passed),
		hc_unit_count(view->failed).text);
	return NULL;
}

static struct hc_error *run_tests(struct view *view)
{
	view->failures = json_array();
	view->text_file = open_memstream(&view->text, &view->text_size);
	if (!view->failures || !view->text_file)
		return &hc_enomem;
	struct hc_error *err =
		hc_signatures_test(view->session->signatures, view->path, on_example, view);

	if (err)
		return err;
	if (fclose(hc_steal(view->text_file)))
		return &hc_enomem;
	view->session->status = view->failed > 0;
	return NULL;
}

static struct hc_error *run(struct hc_session *session)
{
	const struct own *own = session->options->own;
	hc_cleanup(view_deinit) struct view view = {session, session->options->core};

	hc_table_init(&view.table, columns, NUM_COLUMNS);
	struct hc_error *err =
		view.path ? hc_options_add_signatures(session->options, view.path) : NULL;
	if (!err)
		err = hc_session_signatures(session);
	if (!err && own->test)
		err = run_tests(&view);
	if (err)
		return err;

	fill_table(&view);
	switch (session->options->format) {
	case HC_FORMAT_JSON:
		return write_json(&view);
	case HC_FORMAT_CSV:
		return hc_table_write_csv(&view.table, &session->out);
	default:
		return write_text(&view);
	}
}

const struct hc_verb hc_verb_signatures = {
	.name = "signatures",
	.arguments = "[FILE]",
	.summary = "the content classes that chunks are told apart by",
	.description = "Lists the signatures in force: those that are built in, and those of "
		       "--signatures. "
		       "With FILE, only what that signature file has. --test tries each on the "
		       "examples that "
		       "its file gives; the exit status is 1 when one fails.",
	.status_1 = "With --test: a signature fails on an example",
	.examples = "  heapcore signatures\n"
		    "  heapcore signatures --test mine.ini\n"
		    "  heapcore classify core.1234 --signatures mine.ini\n",
	.min_args = 0,
	.max_args = 1,
	.formats = HC_FORMATS_ALL,
	HC_VERB_OWN(own_options, set, struct own, NULL),
	.run = run,
};
