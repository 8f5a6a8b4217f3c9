/**
 * @file
 * heapcore signatures: the content classes and secrets that are known, and whether their examples
 * hold.
 */
#include <stdlib.h>

#include "analyzers/content/signature_examples.h"
#include "cmd/render/escape.h"
#include "cmd/verb.h"
#include "core/base/array.h"
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
	[NAME] = {"name", "NAME", HC_CELL_NAME, 0, "what --class takes, as it takes the title"},
	[TITLE] = {"title", "", HC_CELL_NAME, HC_COLUMN_DATA_ONLY, "the class in words"},
	[KIND] = {"kind", "KIND", HC_CELL_TEXT, 0, "secret: no class, masked in samples"},
	[PRIORITY] = {"priority", "PRIORITY", HC_CELL_COUNT, 0,
		      "the highest is tried first; null for a secret"},
	[ATTRIBUTES] = {"attributes", "", HC_CELL_LIST, HC_COLUMN_DATA_ONLY,
			"what of the contents classify --attributes counts"},
	[EXAMPLES] = {"examples", "", HC_CELL_COUNT, HC_COLUMN_DATA_ONLY,
		      "examples and counterexamples in its file"},
	[PATH] = {"file", "FILE", HC_CELL_NAME, 0, "where it is from; built-in"},
	[DESCRIPTION] = {"description", "WHAT IT ACCEPTS", HC_CELL_NAME, HC_COLUMN_SHRINK,
			 "what it accepts"},
};

static const struct hc_shape signatures_shape = {
	.key = "signatures", .name = "signatures", HC_COLUMNS(columns)};

enum failure_column { F_FILE, F_LINE, F_NAME, F_KIND, F_FOUND, F_BYTES, F_NUM_COLUMNS };

static const struct hc_column failure_columns[F_NUM_COLUMNS] = {
	[F_FILE] = {"file", "", HC_CELL_NAME, 0, "signature file"},
	[F_LINE] = {"line", "", HC_CELL_NUMBER, 0, "of the example"},
	[F_NAME] = {"name", "", HC_CELL_NAME, 0, "signature"},
	[F_KIND] = {"kind", "", HC_CELL_TEXT, 0, "example or counterexample"},
	[F_FOUND] = {"found", "", HC_CELL_NAME, 0,
		     "the class that it was given; nothing, or a secret"},
	[F_BYTES] = {"bytes", "", HC_CELL_NAME, 0, "the example, quoted and escaped"},
};

static const struct hc_shape failures_shape = {.key = "failures", HC_COLUMNS(failure_columns)};

/** An example that failed. */
struct failure {
	const struct hc_class *signature;
	const struct hc_example *example;
	const char *found;
};

struct view {
	struct hc_session *session;
	const char *path; /* only what is from this file; NULL: all */
	size_t shown;
	uint64_t passed, failed;
	struct failure *failures;
	size_t num_failures;
	struct hc_error *err;
};

static void view_deinit(struct view *view)
{
	free(view->failures);
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

static void add_row(struct view *view, struct hc_table *table, const struct hc_class *class)
{
	if (view->path && strcmp(view->path, class->path))
		return;
	view->shown++;
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

static void fill_table(struct view *view, struct hc_table *table)
{
	const struct hc_signatures *signatures = view->session->signatures;
	size_t num = hc_signatures_num_classes(signatures);

	/* "other" is what remains. */
	for (size_t i = 1; i <= num; i++)
		add_row(view, table, hc_signatures_class(signatures, i % num));
	for (size_t i = 0; i < hc_signatures_num_secrets(signatures); i++)
		add_row(view, table, hc_signatures_secret(signatures, i));
}

static const char *example_kind(const struct hc_example *example)
{
	return example->positive ? "example" : "counterexample";
}

static void on_example(void *ctx, const struct hc_class *signature,
		       const struct hc_example *example, bool passed, const struct hc_class *got)
{
	struct view *view = ctx;

	view->passed += passed;
	view->failed += !passed;
	if (passed || view->err)
		return;
	view->err = hc_array_reserve(&view->failures, view->num_failures, sizeof(*view->failures));
	if (view->err)
		return;
	view->failures[view->num_failures++] = (struct failure){signature, example,
								got                 ? got->name
								: example->positive ? "nothing"
										    : "a secret"};
}

/** For programs a row, for people a line as compilers write them. */
static void add_failure(const struct failure *failure, struct hc_table *table,
			struct hc_document *doc)
{
	const struct hc_example *example = failure->example;
	const char *kind = example_kind(example);
	hc_cleanup_free char *text = hc_escape(example->bytes, 60, HC_ESCAPE_QUOTE);

	hc_table_add_row(table);
	hc_table_text(table, F_FILE, failure->signature->path);
	hc_table_number(table, F_LINE, example->line);
	hc_table_text(table, F_NAME, failure->signature->name);
	hc_table_text(table, F_KIND, kind);
	hc_table_text(table, F_FOUND, failure->found);
	hc_table_text(table, F_BYTES, text);
	HC_LINE(doc, "{}:{}: [{}] {} is {}: {}", hc_cell_name(failure->signature->path),
		hc_cell_number(example->line), hc_cell_name(failure->signature->name),
		hc_cell_text(kind), hc_cell_name(failure->found), hc_cell_text(text));
}

static void describe_test(const struct view *view, struct hc_document *doc)
{
	hc_begin_object(doc, "test", HC_CONTENT_NONE);
	hc_fact(doc, "passed", NULL, hc_cell_count(view->passed));
	hc_fact(doc, "failed", NULL, hc_cell_count(view->failed));
	struct hc_table *table = hc_add_data_table(doc, &failures_shape);
	for (size_t i = 0; i < view->num_failures; i++)
		add_failure(&view->failures[i], table, doc);
	hc_end(doc);
	HC_LINE(doc, "{} signature{}: {} example{} passed, {} failed", hc_cell_number(view->shown),
		hc_cell_plural(view->shown), hc_cell_count(view->passed),
		hc_cell_plural(view->passed), hc_cell_count(view->failed));
}

static void describe(struct view *view, struct hc_document *doc)
{
	const struct own *own = view->session->options->own;

	fill_table(view, own->test ? hc_add_data_table(doc, &signatures_shape)
				   : hc_add_table(doc, &signatures_shape));
	if (own->test)
		describe_test(view, doc);
	else
		hc_fact(doc, "test", NULL, hc_cell_unknown());
}

static struct hc_error *run_tests(struct view *view)
{
	struct hc_error *err =
		hc_signatures_test(view->session->signatures, view->path, on_example, view);

	if (err || view->err)
		return err ? err : view->err;
	view->session->status = view->failed > 0;
	return NULL;
}

static struct hc_error *run(struct hc_session *session)
{
	const struct own *own = session->options->own;
	hc_cleanup(view_deinit) struct view view = {session, session->options->core};
	hc_cleanup_document struct hc_document doc;

	hc_document_init(&doc);
	struct hc_error *err =
		view.path ? hc_options_add_signatures(session->options, view.path) : NULL;
	if (!err)
		err = hc_session_signatures(session);
	if (!err && own->test)
		err = run_tests(&view);
	if (err)
		return err;
	hc_session_begin(session, &doc);
	describe(&view, &doc);
	return hc_session_write(session, &doc);
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
	HC_VERB_TABLES(&signatures_shape, &failures_shape),
	HC_VERB_OWN(own_options, set, struct own, NULL),
	.run = run,
};
