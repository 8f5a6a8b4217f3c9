/**
 * @file
 * heapcore leaks: chunks that nothing points to, grouped under their root objects.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "analyzers/leaks/leaks.h"
#include "cmd/render/escape.h"
#include "cmd/render/table.h"
#include "cmd/render/text.h"
#include "cmd/render/units.h"
#include "cmd/select_options.h"
#include "cmd/show/lost.h"
#include "cmd/show/sample.h"
#include "cmd/verb.h"
#include "core/base/cleanup.h"

struct own {
	uint64_t group; /**< 0: all */
	uint64_t top;
	bool has_limit;
	uint64_t fail_above; /**< bytes */
};

enum own_id { OWN_GROUP, OWN_TOP, OWN_FAIL };

static const struct hc_option own_options[] = {
	{OWN_GROUP, 0, "group", "N", "what group N consists of, and its root objects"},
	{OWN_TOP, 0, "top", "N", "the first N groups in text; 0: all (default: 20)"},
	{OWN_FAIL, 0, "fail-if-leaked", "BYTES",
	 "exit 1 when more is lost, 2 when the core lacks what would tell; with K, M, G"},
	{0},
};

static const struct own own_defaults = {.top = 20};

static struct hc_error *set(void *ctx, int id, const char *value)
{
	struct own *own = ctx;

	switch ((enum own_id)id) {
	case OWN_GROUP:
		return hc_parse_count("--group", value, &own->group);
	case OWN_TOP:
		return hc_parse_count("--top", value, &own->top);
	case OWN_FAIL:
		own->has_limit = true;
		return hc_parse_bytes("--fail-if-leaked", value, &own->fail_above);
	}
	return NULL;
}

/** Root objects listed with --group, unless --limit says otherwise. */
#define DEFAULT_LIMIT 10

/** What run() works on. */
struct view {
	struct hc_session *session;
	const struct own *own;
	struct hc_leaks leaks;
	struct hc_sampler sampler;
};

enum group_column {
	NUMBER,
	ROOTS,
	ROOT_SIZE,
	ROOT_CLASS,
	BELOW,
	BYTES,
	SHARE,
	CONTENT,
	CONTENT_TITLE,
	ROOT_BYTES,
	BELOW_BYTES,
	CONTENT_CHUNKS,
	CONTENT_BYTES,
	ROOTS_WITH_CONTENT,
	ARENAS,
	SAMPLE_ROOT,
	SAMPLE_CONTENT,
	SAMPLE,
	ROOT_TYPE,
	NUM_GROUP_COLUMNS
};

static const struct hc_column group_columns[NUM_GROUP_COLUMNS] = {
	[NUMBER] = {"group", "GROUP", HC_COLUMN_COUNT},
	[ROOTS] = {"roots", "ROOTS", HC_COLUMN_COUNT},
	[ROOT_SIZE] = {"root_size", "SIZE", HC_COLUMN_COUNT},
	[ROOT_CLASS] = {"root_class", "", HC_COLUMN_TEXT, HC_COLUMN_DATA_ONLY},
	[BELOW] = {"below", "BELOW", HC_COLUMN_COUNT},
	[BYTES] = {"bytes", "BYTES", HC_COLUMN_BYTES},
	[SHARE] = {"share", "SHARE", HC_COLUMN_SHARE},
	[CONTENT] = {"content", "", HC_COLUMN_TEXT, HC_COLUMN_DATA_ONLY},
	[CONTENT_TITLE] = {"", "CONTENT", HC_COLUMN_TEXT, HC_COLUMN_TEXT_ONLY | HC_COLUMN_SHRINK},
	[ROOT_BYTES] = {"root_bytes", "", HC_COLUMN_BYTES, HC_COLUMN_DATA_ONLY},
	[BELOW_BYTES] = {"below_bytes", "", HC_COLUMN_BYTES, HC_COLUMN_DATA_ONLY},
	[CONTENT_CHUNKS] = {"content_chunks", "", HC_COLUMN_COUNT, HC_COLUMN_DATA_ONLY},
	[CONTENT_BYTES] = {"content_bytes", "", HC_COLUMN_BYTES, HC_COLUMN_DATA_ONLY},
	[ROOTS_WITH_CONTENT] = {"roots_with_content", "", HC_COLUMN_COUNT, HC_COLUMN_DATA_ONLY},
	[ARENAS] = {"arenas", "", HC_COLUMN_COUNT, HC_COLUMN_DATA_ONLY},
	[SAMPLE_ROOT] = {"sample_root", "", HC_COLUMN_ADDRESS, HC_COLUMN_DATA_ONLY},
	[SAMPLE_CONTENT] = {"sample_content", "", HC_COLUMN_ADDRESS, HC_COLUMN_DATA_ONLY},
	[SAMPLE] = {"sample", "", HC_COLUMN_TEXT, HC_COLUMN_DATA_ONLY},
	[ROOT_TYPE] = {"root_type", "", HC_COLUMN_TEXT, HC_COLUMN_DATA_ONLY},
};

/** Type of the root objects of a group; NULL when they have none, or it does not show. */
static const char *root_type(const struct view *view, const struct hc_leak_group *group)
{
	return group->root_type != HC_TYPE_NONE && hc_session_shows_class(view->session)
		       ? hc_type_name(view->session->target->types, group->root_type)
		       : NULL;
}

static uint64_t lost_bytes(const struct hc_leaks *leaks)
{
	return leaks->definite.bytes + leaks->indirect.bytes;
}

static void add_group(const struct view *view, struct hc_table *table, size_t i)
{
	const struct hc_leak_group *group = &view->leaks.groups[i];
	uint64_t bytes = group->roots.bytes + group->below.bytes;
	hc_cleanup_free char *sample = hc_sampler_text(&view->sampler, group->sample_content, 0);

	hc_table_add_row(table);
	hc_table_number(table, NUMBER, i + 1);
	hc_table_number(table, ROOTS, group->roots.chunks);
	hc_table_number(table, ROOT_SIZE, group->root_size);
	hc_table_text(table, ROOT_CLASS, hc_class_name(view->session, group->root_class));
	hc_table_number(table, BELOW, group->below.chunks);
	hc_table_number(table, BYTES, bytes);
	hc_table_share(table, SHARE, hc_share(bytes, lost_bytes(&view->leaks)));
	hc_table_text(table, CONTENT, hc_class_name(view->session, group->content));
	hc_table_text(table, CONTENT_TITLE, hc_class_title(view->session, group->content));
	hc_table_number(table, ROOT_BYTES, group->roots.bytes);
	hc_table_number(table, BELOW_BYTES, group->below.bytes);
	if (hc_session_shows_class(view->session)) {
		hc_table_number(table, CONTENT_CHUNKS, group->content_count.chunks);
		hc_table_number(table, CONTENT_BYTES, group->content_count.bytes);
		hc_table_number(table, ROOTS_WITH_CONTENT, group->roots_with_content);
	}
	hc_table_number(table, ARENAS, group->num_arenas);
	hc_table_number(table, SAMPLE_ROOT, group->sample_root);
	hc_table_number(table, SAMPLE_CONTENT, group->sample_content);
	hc_table_text(table, SAMPLE, sample);
	hc_table_text(table, ROOT_TYPE, root_type(view, group));
}

enum row_column {
	KIND,
	ROW_SIZE,
	ROW_CLASS,
	ROW_TITLE,
	ROW_CHUNKS,
	ROW_BYTES,
	ROW_ADDRESS,
	ROW_SAMPLE_TEXT,
	ROW_SAMPLE,
	NUM_ROW_COLUMNS
};

static const struct hc_column row_columns[NUM_ROW_COLUMNS] = {
	[KIND] = {"kind", "KIND", HC_COLUMN_TEXT},
	[ROW_SIZE] = {"size", "SIZE", HC_COLUMN_COUNT},
	[ROW_CLASS] = {"class", "", HC_COLUMN_TEXT, HC_COLUMN_DATA_ONLY},
	[ROW_TITLE] = {"", "CONTENT", HC_COLUMN_TEXT, HC_COLUMN_TEXT_ONLY},
	[ROW_CHUNKS] = {"chunks", "CHUNKS", HC_COLUMN_COUNT},
	[ROW_BYTES] = {"bytes", "BYTES", HC_COLUMN_BYTES},
	[ROW_ADDRESS] = {"sample_address", "", HC_COLUMN_ADDRESS, HC_COLUMN_DATA_ONLY},
	[ROW_SAMPLE_TEXT] = {"", "SAMPLE", HC_COLUMN_TEXT,
			     HC_COLUMN_TEXT_ONLY | HC_COLUMN_SHRINK | HC_COLUMN_ESCAPED},
	[ROW_SAMPLE] = {"sample", "", HC_COLUMN_TEXT, HC_COLUMN_DATA_ONLY},
};

static void add_row(const struct view *view, struct hc_table *table, const struct hc_leak_row *row)
{
	hc_cleanup_free char *text =
		hc_sampler_text(&view->sampler, row->sample, view->session->out.width);
	hc_cleanup_free char *sample = hc_sampler_text(&view->sampler, row->sample, 0);

	hc_table_add_row(table);
	hc_table_text(table, KIND, row->indirect ? "indirect" : "definite");
	hc_table_number(table, ROW_SIZE, row->size);
	hc_table_text(table, ROW_CLASS, hc_class_name(view->session, row->class));
	hc_table_text(table, ROW_TITLE, hc_class_title(view->session, row->class));
	hc_table_number(table, ROW_CHUNKS, row->count.chunks);
	hc_table_number(table, ROW_BYTES, row->count.bytes);
	if (row->sample)
		hc_table_number(table, ROW_ADDRESS, row->sample);
	hc_table_text(table, ROW_SAMPLE_TEXT, text);
	hc_table_text(table, ROW_SAMPLE, sample);
}

enum chunk_column {
	CHUNK_ADDRESS,
	CHUNK_KIND,
	CHUNK_SIZE,
	CHUNK_USABLE,
	CHUNK_ARENA,
	CHUNK_SAMPLE_TEXT,
	CHUNK_SAMPLE,
	NUM_CHUNK_COLUMNS
};

static const struct hc_column chunk_columns[NUM_CHUNK_COLUMNS] = {
	[CHUNK_ADDRESS] = {"address", "ADDRESS", HC_COLUMN_ADDRESS},
	[CHUNK_KIND] = {"kind", "KIND", HC_COLUMN_TEXT},
	[CHUNK_SIZE] = {"chunk_size", "SIZE", HC_COLUMN_COUNT},
	[CHUNK_USABLE] = {"usable_size", "", HC_COLUMN_COUNT, HC_COLUMN_DATA_ONLY},
	[CHUNK_ARENA] = {"arena", "ARENA", HC_COLUMN_ARENA},
	[CHUNK_SAMPLE_TEXT] = {"", "SAMPLE", HC_COLUMN_TEXT,
			       HC_COLUMN_TEXT_ONLY | HC_COLUMN_SHRINK | HC_COLUMN_ESCAPED},
	[CHUNK_SAMPLE] = {"sample", "", HC_COLUMN_TEXT, HC_COLUMN_DATA_ONLY},
};

/** A table of chunks that is filled by a callback, up to a limit. */
struct chunk_list {
	const struct view *view;
	struct hc_table *table;
	uint64_t limit;
};

static bool add_chunk(void *ctx, const struct hc_chunk *chunk, bool indirect)
{
	struct chunk_list *list = ctx;
	const struct view *view = list->view;

	if (list->table->num_rows >= list->limit)
		return false;
	hc_cleanup_free char *text =
		hc_sampler_text(&view->sampler, chunk->address, view->session->out.width);
	hc_cleanup_free char *sample = hc_sampler_text(&view->sampler, chunk->address, 0);
	hc_table_add_row(list->table);
	hc_table_number(list->table, CHUNK_ADDRESS, chunk->address);
	hc_table_text(list->table, CHUNK_KIND, indirect ? "indirect" : "definite");
	hc_table_number(list->table, CHUNK_SIZE, chunk->size);
	hc_table_number(list->table, CHUNK_USABLE, chunk->usable);
	hc_table_number(list->table, CHUNK_ARENA, chunk->span->arena);
	hc_table_text(list->table, CHUNK_SAMPLE_TEXT, text);
	hc_table_text(list->table, CHUNK_SAMPLE, sample);
	return true;
}

static void write_totals(struct view *view)
{
	const struct hc_leaks *leaks = &view->leaks;
	struct hc_output *out = &view->session->out;

	hc_session_write_partial(view->session);
	hc_text_paragraph(
		out, "", 0, true,
		"%s lost: %s chunk%s that nothing points to (%s), and %s that only they "
		"lead to (%s).",
		hc_unit_bytes(lost_bytes(leaks)).text, hc_unit_count(leaks->definite.chunks).text,
		hc_plural(leaks->definite.chunks), hc_unit_bytes(leaks->definite.bytes).text,
		hc_unit_count(leaks->indirect.chunks).text,
		hc_unit_bytes(leaks->indirect.bytes).text);
	if (leaks->possible.chunks)
		hc_text_paragraph(out, "", 0, false,
				  "Possibly lost, and in no group: %s chunk%s (%s) that only "
				  "pointers into the interior%s lead to.",
				  hc_unit_count(leaks->possible.chunks).text,
				  hc_plural(leaks->possible.chunks),
				  hc_unit_bytes(leaks->possible.bytes).text,
				  view->session->target->reach.tagged.chunks ? " or tagged ones"
									     : "");
	const struct hc_tagged *tagged = &view->session->target->reach.tagged;

	if (tagged->chunks)
		hc_text_paragraph(out, "", 0, false,
				  "%s chunk%s (%s) are held, but only by pointers with a tag in "
				  "their top 16 bits or below such pointers.",
				  hc_unit_count(tagged->chunks).text, hc_plural(tagged->chunks),
				  hc_unit_bytes(tagged->bytes).text);
	hc_cleanup_free char *missing = hc_lost_missing_text(&view->session->target->reach.missing);

	if (missing)
		hc_text_paragraph(out, "", 0, false,
				  "Can't tell what of this is lost; at most all of it is: the core "
				  "lacks %s, which could hold it.",
				  missing);
}

/** Below the table, since a column of it would have room for a few characters only. */
static void write_samples(struct view *view, size_t num)
{
	struct hc_output *out = &view->session->out;

	if (!hc_session_shows_bytes(view->session))
		return;
	hc_text_heading(out, "Samples");
	for (size_t i = 0; i < num; i++) {
		uint64_t address = view->leaks.groups[i].sample_content;
		int used = fprintf(out->file, "%5zu  %s  ", i + 1, hc_unit_address(address).text);
		hc_cleanup_free char *text = hc_sampler_text(
			&view->sampler, address, out->width > used + 10 ? out->width - used : 10);
		fprintf(out->file, "%s\n", text ? text : "-");
	}
}

/** The types of root objects, where they are known. */
static void write_types(struct view *view, size_t num)
{
	struct hc_output *out = &view->session->out;
	bool headed = false;

	for (size_t i = 0; i < num; i++) {
		const struct hc_leak_group *group = &view->leaks.groups[i];
		const char *type = root_type(view, group);
		char first[24];

		if (!type)
			continue;
		hc_cleanup_free char *name =
			hc_escape_string(type, HC_ESCAPE_PLAIN | (out->utf8 ? HC_ESCAPE_UTF8 : 0));
		if (!headed)
			hc_text_heading(out, "Types of root objects");
		headed = true;
		snprintf(first, sizeof(first), "%5zu  ", i + 1);
		hc_text_paragraph(out, first, 7, false, "%s", name ? name : "");
	}
}

static struct hc_error *write_overview(struct view *view, const struct hc_table *groups)
{
	struct hc_output *out = &view->session->out;

	write_totals(view);
	if (!groups->num_rows)
		return NULL;
	fputc('\n', out->file);
	struct hc_error *err = hc_table_write_text(groups, out, 0);
	if (err)
		return err;
	if (groups->num_rows < view->leaks.num_groups)
		fprintf(out->file, "%zu more groups; --top 0 shows all\n",
			view->leaks.num_groups - groups->num_rows);
	write_types(view, groups->num_rows);
	write_samples(view, groups->num_rows);
	fprintf(out->file,
		"\nROOTS are chunks that nothing points to, BELOW what only they lead to.\n"
		"More: --group N\n");
	return NULL;
}

static struct hc_error *write_group(struct view *view, const struct hc_table *rows,
				    const struct hc_table *chunks)
{
	const struct hc_leak_group *group = &view->leaks.groups[view->own->group - 1];
	struct hc_output *out = &view->session->out;

	hc_session_write_partial(view->session);
	hc_text_paragraph(out, "", 0, true,
			  "Group %" PRIu64 ": %s root object%s of %s bytes and %s chunk%s below, "
			  "%s, in %" PRIu64 " arena%s.",
			  view->own->group, hc_unit_count(group->roots.chunks).text,
			  hc_plural(group->roots.chunks), hc_unit_count(group->root_size).text,
			  hc_unit_count(group->below.chunks).text, hc_plural(group->below.chunks),
			  hc_unit_bytes(group->roots.bytes + group->below.bytes).text,
			  group->num_arenas, hc_plural(group->num_arenas));
	const char *type = root_type(view, group);
	hc_cleanup_free char *name =
		type ? hc_escape_string(type, HC_ESCAPE_PLAIN | (out->utf8 ? HC_ESCAPE_UTF8 : 0))
		     : NULL;
	if (name)
		hc_text_paragraph(out, "", 0, false, "Type of the root objects: %s.", name);
	fputc('\n', out->file);
	struct hc_error *err = hc_table_write_text(rows, out, 0);
	if (err)
		return err;
	hc_text_heading(out, "Chunks, roots first");
	err = hc_table_write_text(chunks, out, 0);
	uint64_t all = group->roots.chunks + group->below.chunks;
	if (!err && chunks->num_rows < all)
		fprintf(out->file, "%s more; --limit N shows more\n",
			hc_unit_count(all - chunks->num_rows).text);
	return err;
}

static struct hc_error *add_array(json_t *document, const char *key, const struct hc_table *table)
{
	json_t *array;
	struct hc_error *err = hc_table_json(table, &array);

	if (!err)
		json_object_set_new(document, key, array);
	return err;
}

static json_t *totals_json(const struct view *view)
{
	json_t *document = hc_session_json(view->session);

	json_object_set_new(document, "definite", hc_json_count(&view->leaks.definite));
	json_object_set_new(document, "indirect", hc_json_count(&view->leaks.indirect));
	json_object_set_new(document, "possible", hc_json_count(&view->leaks.possible));
	json_object_set_new(document, "root_bytes_missing",
			    hc_json_number(view->session->target->reach.root_bytes_missing));
	hc_lost_add_json(document, view->session->target->heap, &view->session->target->reach);
	json_object_set_new(document, "num_groups", hc_json_number(view->leaks.num_groups));
	return document;
}

/** All groups. */
static struct hc_error *show_groups(struct view *view)
{
	const struct hc_options *options = view->session->options;
	hc_cleanup_table struct hc_table groups;
	size_t num = view->leaks.num_groups;

	hc_table_init(&groups, group_columns, NUM_GROUP_COLUMNS);
	if (options->format == HC_FORMAT_TEXT && view->own->top && view->own->top < num)
		num = view->own->top;
	for (size_t i = 0; i < num; i++)
		add_group(view, &groups, i);
	if (options->format == HC_FORMAT_CSV)
		return hc_table_write_csv(&groups, &view->session->out);
	if (options->format == HC_FORMAT_TEXT)
		return write_overview(view, &groups);
	hc_cleanup_json json_t *document = totals_json(view);
	struct hc_error *err = add_array(document, "groups", &groups);
	return err ? err : hc_json_write(&view->session->out, document);
}

static struct hc_error *write_group_json(struct view *view, const struct hc_table *rows,
					 const struct hc_table *chunks)
{
	hc_cleanup_json json_t *document = totals_json(view);
	hc_cleanup_table struct hc_table group;

	hc_table_init(&group, group_columns, NUM_GROUP_COLUMNS);
	add_group(view, &group, view->own->group - 1);
	struct hc_error *err = add_array(document, "groups", &group);
	if (!err)
		err = add_array(document, "rows", rows);
	if (!err)
		err = add_array(document, "chunks", chunks);
	return err ? err : hc_json_write(&view->session->out, document);
}

/** One group, with what it consists of. */
static struct hc_error *show_group(struct view *view)
{
	const struct hc_options *options = view->session->options;
	hc_cleanup_table struct hc_table rows, chunks;

	hc_table_init(&rows, row_columns, NUM_ROW_COLUMNS);
	hc_table_init(&chunks, chunk_columns, NUM_CHUNK_COLUMNS);
	if (view->own->group > view->leaks.num_groups)
		return hc_error_create(HC_ERROR_ARGUMENT,
				       "--group %" PRIu64 ": there %s %zu group%s",
				       view->own->group, view->leaks.num_groups == 1 ? "is" : "are",
				       view->leaks.num_groups, hc_plural(view->leaks.num_groups));
	const struct hc_leak_group *group = &view->leaks.groups[view->own->group - 1];
	for (size_t i = 0; i < group->num_rows; i++)
		add_row(view, &rows, &group->rows[i]);
	if (options->format == HC_FORMAT_CSV)
		return hc_table_write_csv(&rows, &view->session->out);

	struct chunk_list list = {
		view, &chunks, options->selection.limit ? options->selection.limit : DEFAULT_LIMIT};
	struct hc_error *err = hc_leaks_each(&view->leaks, view->own->group, add_chunk, &list);
	if (err)
		return err;
	return options->format == HC_FORMAT_TEXT ? write_group(view, &rows, &chunks)
						 : write_group_json(view, &rows, &chunks);
}

static void view_deinit(struct view *view)
{
	hc_leaks_deinit(&view->leaks);
	hc_sampler_deinit(&view->sampler);
}

static struct hc_error *run(struct hc_session *session)
{
	hc_cleanup(view_deinit) struct view view = {session, session->options->own};

	struct hc_error *err = hc_session_open(session, HC_NEED_REACH);
	if (err)
		return err;
	err = hc_session_types(session, HC_TYPES_QUICK);
	if (err)
		return err;
	err = hc_leaks_run(session->target, &session->options->selection, &view.leaks);
	if (!err)
		err = hc_sampler_init(&view.sampler, session);
	if (err)
		return err;

	if (view.own->has_limit)
		hc_lost_judge(session, &session->target->reach, lost_bytes(&view.leaks),
			      view.own->fail_above);
	return view.own->group ? show_group(&view) : show_groups(&view);
}

const struct hc_verb hc_verb_leaks = {
	.name = "leaks",
	.arguments = "CORE",
	.summary = "what nothing points to, grouped under its root objects",
	.description = "Finds chunks in use that no pointer leads to any more, and groups them by "
		       "the size, "
		       "the content and the shape of the objects on top.",
	.status_1 = "More is lost than --fail-if-leaked allows",
	.examples = "  heapcore leaks core.1234\n"
		    "  heapcore leaks core.1234 --group 1 --limit 100\n"
		    "  heapcore leaks core.1234 --fail-if-leaked 64K\n",
	.min_args = 1,
	.max_args = 1,
	.formats = HC_FORMATS_ALL,
	.selection = true,
	HC_VERB_OWN(own_options, set, struct own, &own_defaults),
	.run = run,
};
