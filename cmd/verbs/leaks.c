/**
 * @file
 * heapcore leaks: chunks that nothing points to, grouped under their root objects.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "analyzers/leaks/leak_split.h"
#include "analyzers/leaks/leaks.h"
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
	uint64_t fail_above;  /**< bytes */
	const char *suppress; /**< a file; NULL: none */
	unsigned by;          /**< enum hc_split_by; HC_NUM_SPLITS: groups */
};

enum own_id { OWN_GROUP, OWN_TOP, OWN_FAIL, OWN_BY, OWN_SUPPRESS };

static const struct hc_option own_options[] = {
	{OWN_GROUP, 0, "group", "N", "what group N consists of, and its root objects"},
	{OWN_TOP, 0, "top", "N", "the first N groups; 0: all (default: 20 in text, else all)"},
	{OWN_FAIL, 0, "fail-if-leaked", "BYTES",
	 "exit 1 when more is lost, 2 when the core lacks what would tell; with K, M, G"},
	{OWN_SUPPRESS, 0, "suppress", "FILE",
	 "leave out what lines of leak:PATTERN name, as LeakSanitizer has them", HC_VALUE_FILE,
	 .more = "A pattern is found anywhere in the type of a root object, the content class of "
		 "it "
		 "or its tree, or the module that its first word points into; ^ and $ are the ends "
		 "of the name, * is any text. --fail-if-leaked counts what is left."},
	{OWN_BY, 0, "by", "WORD", "what is lost in each {words}, in place of groups", HC_VALUE_WORD,
	 hc_split_name,
	 "What is below a root object counts where that is. What several threads of one arena "
	 "have lost can't be told apart."},
	{0},
};

static const struct own own_defaults = {.top = HC_TOP_DEFAULT, .by = HC_NUM_SPLITS};

static struct hc_error *parse_group(const char *value, uint64_t *ret)
{
	struct hc_error *err = hc_parse_count("--group", value, ret);

	if (!err && !*ret)
		err = hc_error_create(HC_ERROR_ARGUMENT,
				      "--group takes a number from 1 on, as leaks shows it");
	return err;
}

static struct hc_error *set(void *ctx, int id, const char *value)
{
	struct own *own = ctx;

	switch ((enum own_id)id) {
	case OWN_GROUP:
		return parse_group(value, &own->group);
	case OWN_TOP:
		return hc_parse_count("--top", value, &own->top);
	case OWN_FAIL:
		own->has_limit = true;
		return hc_parse_bytes("--fail-if-leaked", value, &own->fail_above);
	case OWN_SUPPRESS:
		own->suppress = value;
		return NULL;
	case OWN_BY:
		return hc_parse_word("--by", value, hc_split_name, &own->by);
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
	struct hc_suppressions suppressions; /**< of --suppress */
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

#define DATA HC_COLUMN_DATA_ONLY

static const struct hc_column group_columns[NUM_GROUP_COLUMNS] = {
	[NUMBER] = {"group", "GROUP", HC_CELL_COUNT, HC_COLUMN_ASCENDING, "number for --group"},
	[ROOTS] = {"roots", "ROOTS", HC_CELL_COUNT, 0,
		   "root objects: chunks that nothing points to"},
	[ROOT_SIZE] = {"root_size", "SIZE", HC_CELL_COUNT, 0, "chunk size"},
	[ROOT_CLASS] = {"root_class", "", HC_CELL_NAME, DATA | HC_COLUMN_CLASS, "content class"},
	[BELOW] = {"below", "BELOW", HC_CELL_COUNT, 0, "chunks that only they lead to"},
	[BYTES] = {"bytes", "BYTES", HC_CELL_BYTES, 0, "roots and below"},
	[SHARE] = {"share", "SHARE", HC_CELL_SHARE, 0, "of all that is lost"},
	[CONTENT] = {"content", "CONTENT", HC_CELL_NAME, HC_COLUMN_SHRINK | HC_COLUMN_CLASS,
		     "the class that says most about the group"},
	[ROOT_BYTES] = {"root_bytes", "", HC_CELL_BYTES, DATA, "of the root objects"},
	[BELOW_BYTES] = {"below_bytes", "", HC_CELL_BYTES, DATA, "of the chunks below"},
	[CONTENT_CHUNKS] = {"content_chunks", "", HC_CELL_COUNT, DATA | HC_COLUMN_CLASS,
			    "chunks of that class"},
	[CONTENT_BYTES] = {"content_bytes", "", HC_CELL_BYTES, DATA | HC_COLUMN_CLASS,
			   "of the chunks of that class"},
	[ROOTS_WITH_CONTENT] = {"roots_with_content", "", HC_CELL_COUNT, DATA | HC_COLUMN_CLASS,
				"root objects that hold, or are, such a chunk"},
	[ARENAS] = {"arenas", "", HC_CELL_COUNT, DATA, "that hold root objects"},
	[SAMPLE_ROOT] = {"sample_root", "", HC_CELL_ADDRESS, DATA, "one of the root objects"},
	[SAMPLE_CONTENT] = {"sample_content", "", HC_CELL_ADDRESS, DATA,
			    "one of the chunks of that class"},
	[SAMPLE] = {"sample", "", HC_CELL_CONTENT, DATA, HC_SAMPLE_HELP},
	[ROOT_TYPE] = {"root_type", "", HC_CELL_NAME, DATA | HC_COLUMN_CLASS,
		       "C++ class of the objects in all root objects; without one, they are not "
		       "such objects"},
};

static const struct hc_shape groups_shape = {
	.key = "groups", .name = "groups", HC_COLUMNS(group_columns)};

static uint64_t lost_bytes(const struct hc_leaks *leaks)
{
	return leaks->definite.bytes + leaks->indirect.bytes;
}

static void add_group(struct view *view, struct hc_table *table, size_t i)
{
	const struct hc_leak_group *group = &view->leaks.groups[i];
	uint64_t bytes = group->roots.bytes + group->below.bytes;

	hc_table_add_row(table);
	hc_table_number(table, NUMBER, i + 1);
	hc_table_number(table, ROOTS, group->roots.chunks);
	hc_table_number(table, ROOT_SIZE, group->root_size);
	hc_table_cell(table, ROOT_CLASS, hc_class_cell(view->session, group->root_class));
	hc_table_number(table, BELOW, group->below.chunks);
	hc_table_number(table, BYTES, bytes);
	hc_table_share(table, SHARE, hc_share(bytes, lost_bytes(&view->leaks)));
	hc_table_cell(table, CONTENT, hc_class_cell(view->session, group->content));
	hc_table_number(table, ROOT_BYTES, group->roots.bytes);
	hc_table_number(table, BELOW_BYTES, group->below.bytes);
	hc_table_number(table, CONTENT_CHUNKS, group->content_count.chunks);
	hc_table_number(table, CONTENT_BYTES, group->content_count.bytes);
	hc_table_number(table, ROOTS_WITH_CONTENT, group->roots_with_content);
	hc_table_number(table, ARENAS, group->num_arenas);
	hc_table_number(table, SAMPLE_ROOT, group->sample_root);
	hc_table_number(table, SAMPLE_CONTENT, group->sample_content);
	hc_table_cell(table, SAMPLE, hc_sampler_cell(&view->sampler, group->sample_content, 0));
	hc_table_cell(table, ROOT_TYPE, hc_type_cell(view->session, group->root_type));
}

enum row_column {
	KIND,
	ROW_SIZE,
	ROW_CLASS,
	ROW_CHUNKS,
	ROW_BYTES,
	ROW_ADDRESS,
	ROW_SAMPLE,
	NUM_ROW_COLUMNS
};

static const struct hc_column row_columns[NUM_ROW_COLUMNS] = {
	[KIND] = {"kind", "KIND", HC_CELL_TEXT, 0, "definite or indirect"},
	[ROW_SIZE] = {"size", "SIZE", HC_CELL_COUNT, 0, "chunk size"},
	[ROW_CLASS] = {"class", "CONTENT", HC_CELL_NAME, HC_COLUMN_CLASS, "content class"},
	[ROW_CHUNKS] = {"chunks", "CHUNKS", HC_CELL_COUNT, 0, "how many"},
	[ROW_BYTES] = {"bytes", "BYTES", HC_CELL_BYTES, 0, "of these chunks"},
	[ROW_ADDRESS] = {"sample_address", "", HC_CELL_ADDRESS, DATA, "one of the chunks"},
	[ROW_SAMPLE] = {"sample", "SAMPLE", HC_CELL_CONTENT, HC_COLUMN_SHRINK, HC_SAMPLE_HELP},
};

static const struct hc_shape rows_shape = {
	.key = "rows", .name = "one group, with --group", HC_COLUMNS(row_columns)};

static void add_row(struct view *view, struct hc_table *table, const struct hc_leak_row *row)
{
	hc_table_add_row(table);
	hc_table_text(table, KIND, row->indirect ? "indirect" : "definite");
	hc_table_number(table, ROW_SIZE, row->size);
	hc_table_cell(table, ROW_CLASS, hc_class_cell(view->session, row->class_id));
	hc_table_number(table, ROW_CHUNKS, row->count.chunks);
	hc_table_number(table, ROW_BYTES, row->count.bytes);
	if (row->sample)
		hc_table_number(table, ROW_ADDRESS, row->sample);
	hc_table_cell(table, ROW_SAMPLE, hc_sampler_cell(&view->sampler, row->sample, 0));
}

enum chunk_column {
	CHUNK_ADDRESS,
	CHUNK_KIND,
	CHUNK_SIZE,
	CHUNK_USABLE,
	CHUNK_ARENA,
	CHUNK_SAMPLE,
	NUM_CHUNK_COLUMNS
};

static const struct hc_column chunk_columns[NUM_CHUNK_COLUMNS] = {
	[CHUNK_ADDRESS] = {"address", "ADDRESS", HC_CELL_ADDRESS, 0, "what malloc returned"},
	[CHUNK_KIND] = {"kind", "KIND", HC_CELL_TEXT, 0, "definite or indirect"},
	[CHUNK_SIZE] = {"chunk_size", "SIZE", HC_CELL_COUNT, 0, "with header"},
	[CHUNK_USABLE] = {"usable_size", "", HC_CELL_COUNT, DATA, "malloc_usable_size(3)"},
	[CHUNK_ARENA] = {"arena", "ARENA", HC_CELL_ARENA, 0, "arena of the chunk"},
	[CHUNK_SAMPLE] = {"sample", "SAMPLE", HC_CELL_CONTENT, HC_COLUMN_SHRINK, HC_SAMPLE_HELP},
};

static const struct hc_shape chunks_shape = {
	.key = "chunks", .name = "its chunks", HC_COLUMNS(chunk_columns)};

/** A table of chunks that is filled by a callback, up to a limit. */
struct chunk_list {
	struct view *view;
	struct hc_table *table;
	uint64_t limit;
};

static bool add_chunk(void *ctx, const struct hc_chunk *chunk, bool indirect)
{
	struct chunk_list *list = ctx;

	if (list->table->num_rows >= list->limit)
		return false;
	hc_table_add_row(list->table);
	hc_table_number(list->table, CHUNK_ADDRESS, chunk->address);
	hc_table_text(list->table, CHUNK_KIND, indirect ? "indirect" : "definite");
	hc_table_number(list->table, CHUNK_SIZE, chunk->size);
	hc_table_number(list->table, CHUNK_USABLE, chunk->usable);
	hc_table_number(list->table, CHUNK_ARENA, chunk->span->arena);
	hc_table_cell(list->table, CHUNK_SAMPLE,
		      hc_sampler_cell(&list->view->sampler, chunk->address, 0));
	return true;
}

static void add_totals(const struct view *view, struct hc_document *doc)
{
	const struct hc_leaks *leaks = &view->leaks;

	hc_count_fact(doc, "definite", HC_CONTENT_NONE, leaks->definite.chunks,
		      leaks->definite.bytes);
	hc_count_fact(doc, "indirect", HC_CONTENT_NONE, leaks->indirect.chunks,
		      leaks->indirect.bytes);
	hc_count_fact(doc, "possible", HC_CONTENT_NONE, leaks->possible.chunks,
		      leaks->possible.bytes);
	hc_fact(doc, "root_bytes_missing", NULL,
		hc_cell_bytes(view->session->target->reach.root_bytes_missing));
	hc_lost_describe(doc, view->session->target->heap, &view->session->target->reach);
	hc_fact(doc, "num_groups", NULL, hc_cell_count(leaks->num_groups));
}

static void say_totals(const struct view *view, struct hc_document *doc)
{
	const struct hc_leaks *leaks = &view->leaks;
	const struct hc_reach_stats *reach = &view->session->target->reach;
	struct hc_cell missing = hc_lost_missing_phrase(doc, &reach->missing);
	const struct hc_tagged *tagged = &reach->tagged;
	const struct hc_offsets *offsets = &reach->offsets;

	if (!leaks->num_groups)
		HC_SAY_STRONG(doc, view->session->options->selection_given
					   ? "None of the chosen chunks is lost."
					   : "Nothing is lost.");
	else
		HC_SAY_STRONG(
			doc,
			"{} lost: {} chunk{} that nothing points to ({}), and {} that only they "
			"lead to ({}).",
			hc_cell_bytes(lost_bytes(leaks)), hc_cell_count(leaks->definite.chunks),
			hc_cell_plural(leaks->definite.chunks),
			hc_cell_bytes(leaks->definite.bytes), hc_cell_count(leaks->indirect.chunks),
			hc_cell_bytes(leaks->indirect.bytes));
	hc_lost_say_suppressed(view->session, &leaks->suppressed, doc);
	if (leaks->possible.chunks)
		HC_SAY(doc,
		       "Possibly lost, and in no group: {} chunk{} ({}) that only pointers into "
		       "the interior{} lead to.",
		       hc_cell_count(leaks->possible.chunks),
		       hc_cell_plural(leaks->possible.chunks), hc_cell_bytes(leaks->possible.bytes),
		       hc_cell_text(tagged->chunks || offsets->chunks ? " or hidden ones" : ""));
	if (tagged->chunks)
		HC_SAY(doc, "{} chunk{} ({}) are held, but only by {} or below such pointers.",
		       hc_cell_count(tagged->chunks), hc_cell_plural(tagged->chunks),
		       hc_cell_bytes(tagged->bytes), hc_cell_text(hc_lost_tagged(tagged->place)));
	if (offsets->chunks)
		HC_SAY(doc,
		       "{} chunk{} ({}) are held, but only by 32-bit offsets from {}{} or below "
		       "such "
		       "links.",
		       hc_cell_count(offsets->chunks), hc_cell_plural(offsets->chunks),
		       hc_cell_bytes(offsets->bytes), hc_cell_address(offsets->base),
		       hc_cell_text(offsets->shift ? ", in units of 8 bytes," : ""));
	if (missing.kind != HC_CELL_UNKNOWN)
		HC_SAY(doc,
		       "Can't tell what of this is lost; at most all of it is: the core lacks {}, "
		       "which could hold it.",
		       missing);
}

/** Below the table, since a column of it would have room for a few characters only. */
static void say_samples(struct view *view, size_t num, struct hc_document *doc)
{
	unsigned width = view->session->out.width;

	hc_begin_group(doc, HC_CONTENT_SAMPLE, HC_CONTENT_FULL);
	HC_HEADING(doc, "Samples");
	for (size_t i = 0; i < num; i++) {
		struct hc_cell address = hc_cell_address(view->leaks.groups[i].sample_content);
		char first[24];
		unsigned used = snprintf(first, sizeof(first), "%5zu  ", i + 1) +
				strlen(hc_unit_address(address.number).text) + 2;
		struct hc_cell sample = hc_sampler_cell(&view->sampler, address.number,
							width > used + 10 ? width - used : 10);

		HC_LINE(doc, "{}{}  {}", hc_cell_text(first), address,
			sample.kind == HC_CELL_UNKNOWN ? hc_cell_text("-") : sample);
	}
	hc_end(doc);
}

enum type_column { TYPE_GROUP, TYPE_NAME, NUM_TYPE_COLUMNS };

static const struct hc_column type_columns[NUM_TYPE_COLUMNS] = {
	[TYPE_GROUP] = {"group", "GROUP", HC_CELL_COUNT, HC_COLUMN_ASCENDING,
			"number of the group"},
	[TYPE_NAME] = {"root_type", "TYPE OF THE ROOT OBJECTS", HC_CELL_NAME,
		       HC_COLUMN_SHRINK | HC_COLUMN_CLASS, "C++ class"},
};

static const struct hc_shape types_shape = {.name = "types", HC_COLUMNS(type_columns)};

/** The types of root objects, where they are known. */
static void say_types(const struct view *view, size_t num, struct hc_document *doc)
{
	struct hc_table *table = NULL;

	hc_begin_group(doc, HC_CONTENT_CLASS, HC_CONTENT_FULL);
	for (size_t i = 0; i < num; i++) {
		struct hc_cell type = hc_type_cell(view->session, view->leaks.groups[i].root_type);

		if (type.kind == HC_CELL_UNKNOWN)
			continue;
		if (!table) {
			hc_blank(doc);
			table = hc_add_text_table(doc, &types_shape);
		}
		hc_table_add_row(table);
		hc_table_number(table, TYPE_GROUP, i + 1);
		hc_table_cell(table, TYPE_NAME, type);
	}
	hc_end(doc);
}

/** "528 bytes, HTTP request". */
static struct hc_cell frame_name(const struct view *view, struct hc_document *doc,
				 struct hc_cell kind, hc_class_id class_id)
{
	bool has_class = class_id != HC_CLASS_NONE;

	return HC_PHRASE(doc, "{}{}{}", kind,
			 hc_cell_needs(HC_CONTENT_CLASS, hc_cell_text(has_class ? ", " : "")),
			 has_class ? hc_class_cell(view->session, class_id) : hc_cell_text(""));
}

/** The kind of the root objects of a group, and below it the kinds that they lead to. */
static void add_group_frames(const struct view *view, struct hc_document *doc,
			     const struct hc_leak_group *group)
{
	struct hc_cell kind = hc_kind_cell(view->session, group->root_type, group->root_size, doc);
	uint32_t root =
		hc_add_frame(doc, 0, frame_name(view, doc, kind, group->content),
			     (struct hc_stack_value){group->roots.chunks, group->roots.bytes});

	for (size_t i = 0; i < group->num_rows; i++) {
		const struct hc_leak_row *row = &group->rows[i];

		if (row->indirect)
			hc_add_frame(doc, root,
				     frame_name(view, doc,
						hc_kind_cell(view->session, HC_TYPE_NONE, row->size,
							     doc),
						row->class_id),
				     (struct hc_stack_value){row->count.chunks, row->count.bytes});
	}
}

static void add_frames(const struct view *view, struct hc_document *doc, size_t shown)
{
	const struct hc_leaks *leaks = &view->leaks;
	struct hc_stack_value others = {0};

	for (size_t i = 0; i < shown; i++)
		add_group_frames(view, doc, &leaks->groups[i]);
	for (size_t i = shown; i < leaks->num_groups; i++) {
		others.chunks += leaks->groups[i].roots.chunks + leaks->groups[i].below.chunks;
		others.bytes += leaks->groups[i].roots.bytes + leaks->groups[i].below.bytes;
	}
	if (others.chunks)
		hc_add_frame(
			doc, 0,
			HC_PHRASE(doc, "{} other groups", hc_cell_count(leaks->num_groups - shown)),
			others);
}

/** Root objects by kind are not just those that nothing points to (leak_kinds.h). */
static void say_what_roots_are(const struct hc_leaks *leaks, struct hc_document *doc)
{
	if (hc_leaks_num_roots(leaks) == leaks->definite.chunks)
		HC_LINE(doc,
			"ROOTS are chunks that nothing points to, BELOW what only they lead to.");
	else
		HC_LINE(doc, "ROOTS are what was lost as a whole, also where another lost chunk "
			     "points to it; BELOW is what they lead to.");
}

/** All groups. */
static struct hc_error *show_groups(struct view *view, struct hc_document *doc)
{
	size_t num = view->leaks.num_groups;
	size_t shown = hc_top_rows(view->own->top, view->session->options->format, num);

	say_totals(view, doc);
	if (num)
		hc_blank(doc);
	struct hc_table *groups = hc_add_table(doc, &groups_shape);
	groups->limit = shown;
	for (size_t i = 0; i < num; i++)
		add_group(view, groups, i);
	if (hc_format_is_of_stacks(view->session->options->format))
		add_frames(view, doc, shown);
	if (!num)
		return NULL;
	if (shown < num)
		HC_LINE(doc, "{} more group{}; --top 0 shows all", hc_cell_count(num - shown),
			hc_cell_plural(num - shown));
	say_types(view, shown, doc);
	say_samples(view, shown, doc);
	hc_blank(doc);
	say_what_roots_are(&view->leaks, doc);
	HC_LINE(doc, "More: --group N");
	return NULL;
}

static void say_group(const struct view *view, const struct hc_leak_group *group,
		      struct hc_document *doc)
{
	struct hc_cell type = hc_type_cell(view->session, group->root_type);

	HC_SAY_STRONG(doc,
		      "Group {}: {} root object{} of {} bytes and {} chunk{} below, {}, in {} "
		      "arena{}.",
		      hc_cell_number(view->own->group), hc_cell_count(group->roots.chunks),
		      hc_cell_plural(group->roots.chunks), hc_cell_count(group->root_size),
		      hc_cell_count(group->below.chunks), hc_cell_plural(group->below.chunks),
		      hc_cell_bytes(group->roots.bytes + group->below.bytes),
		      hc_cell_number(group->num_arenas), hc_cell_plural(group->num_arenas));
	hc_begin_group(doc, HC_CONTENT_CLASS, HC_CONTENT_FULL);
	if (type.kind != HC_CELL_UNKNOWN)
		HC_SAY(doc, "Type of the root objects: {}.", type);
	hc_end(doc);
	hc_blank(doc);
}

/** One group, with what it consists of. */
static struct hc_error *show_group(struct view *view, struct hc_document *doc)
{
	const struct hc_selection *selection = &view->session->options->selection;
	uint64_t number = view->own->group;
	size_t num = view->leaks.num_groups;

	if (number > num)
		return hc_error_create(HC_ERROR_ARGUMENT,
				       "--group %" PRIu64 ": there %s %zu group%s", number,
				       num == 1 ? "is" : "are", num, hc_plural(num));
	const struct hc_leak_group *group = &view->leaks.groups[number - 1];
	if (hc_format_is_of_stacks(view->session->options->format))
		add_group_frames(view, doc, group);
	say_group(view, group, doc);
	add_group(view, hc_add_data_table(doc, &groups_shape), number - 1);
	struct hc_table *rows = hc_add_table(doc, &rows_shape);
	hc_document_main(doc, rows);
	for (size_t i = 0; i < group->num_rows; i++)
		add_row(view, rows, &group->rows[i]);
	HC_HEADING(doc, "Chunks, roots first");
	struct hc_table *chunks = hc_add_table(doc, &chunks_shape);
	struct chunk_list list = {view, chunks,
				  selection->limit ? selection->limit : DEFAULT_LIMIT};
	struct hc_error *err = hc_leaks_each(&view->leaks, number, add_chunk, &list);
	uint64_t all = group->roots.chunks + group->below.chunks;
	if (chunks->num_rows < all)
		HC_LINE(doc, "{} more; --limit N shows more",
			hc_cell_count(all - chunks->num_rows));
	return err;
}

enum part_column {
	PART_LABEL,
	PART_ARENA,
	PART_THREAD,
	PART_THREADS,
	PART_ROOTS,
	PART_BYTES,
	PART_SHARE,
	PART_DEFINITE_CHUNKS,
	PART_DEFINITE_BYTES,
	PART_INDIRECT_CHUNKS,
	PART_INDIRECT_BYTES,
	NUM_PART_COLUMNS
};

static const struct hc_column part_columns[NUM_PART_COLUMNS] = {
	[PART_LABEL] = {"part", "PART", HC_CELL_NAME, HC_COLUMN_SHRINK,
			"the arena, or the threads that allocate from it"},
	[PART_ARENA] = {"arena", "", HC_CELL_ARENA, DATA,
			"its number; null where several have no thread"},
	[PART_THREAD] = {"thread", "", HC_CELL_NUMBER, DATA,
			 "number of the thread; null: there are none, or several"},
	[PART_THREADS] = {"threads", "THREADS", HC_CELL_COUNT, 0, "that allocate from it"},
	[PART_ROOTS] = {"roots", "ROOTS", HC_CELL_COUNT, 0, "root objects"},
	[PART_BYTES] = {"bytes", "BYTES", HC_CELL_BYTES, 0, "roots and below"},
	[PART_SHARE] = {"share", "SHARE", HC_CELL_SHARE, 0, "of all that is lost"},
	[PART_DEFINITE_CHUNKS] = {"definite_chunks", "DEFINITE", HC_CELL_COUNT, 0,
				  "chunks that nothing points to"},
	[PART_DEFINITE_BYTES] = {"definite_bytes", "", HC_CELL_BYTES, DATA, "of these"},
	[PART_INDIRECT_CHUNKS] = {"indirect_chunks", "INDIRECT", HC_CELL_COUNT, 0,
				  "chunks that only lost ones lead to"},
	[PART_INDIRECT_BYTES] = {"indirect_bytes", "", HC_CELL_BYTES, DATA, "of these"},
};

static const struct hc_shape parts_shape = {
	.key = "parts", .name = "with --by", HC_COLUMNS(part_columns)};

static void add_part(const struct view *view, struct hc_table *table,
		     const struct hc_split_part *part, const struct hc_leak_part *lost)
{
	uint64_t bytes = lost->definite.bytes + lost->indirect.bytes;

	hc_table_add_row(table);
	hc_table_cell(table, PART_LABEL, hc_cell_name(part->label));
	if (part->num_arenas <= 1)
		hc_table_number(table, PART_ARENA, part->arena);
	if (part->num_threads == 1)
		hc_table_number(table, PART_THREAD, part->lwp);
	hc_table_number(table, PART_THREADS, part->num_threads);
	hc_table_number(table, PART_ROOTS, lost->roots);
	hc_table_number(table, PART_BYTES, bytes);
	hc_table_share(table, PART_SHARE, hc_share(bytes, lost_bytes(&view->leaks)));
	hc_table_number(table, PART_DEFINITE_CHUNKS, lost->definite.chunks);
	hc_table_number(table, PART_DEFINITE_BYTES, lost->definite.bytes);
	hc_table_number(table, PART_INDIRECT_CHUNKS, lost->indirect.chunks);
	hc_table_number(table, PART_INDIRECT_BYTES, lost->indirect.bytes);
}

/** Most bytes first. */
static int compare_parts(const void *a, const void *b, void *ctx)
{
	const struct hc_leak_part *parts = ctx;
	uint32_t i = *(const uint32_t *)a, k = *(const uint32_t *)b;
	uint64_t x = parts[i].definite.bytes + parts[i].indirect.bytes;
	uint64_t y = parts[k].definite.bytes + parts[k].indirect.bytes;

	return x != y ? (x < y ? 1 : -1) : i < k ? -1 : i > k;
}

/** In data groups are there as always. */
static void add_groups(struct view *view, struct hc_document *doc)
{
	size_t num = view->leaks.num_groups;
	struct hc_table *groups = hc_add_data_table(doc, &groups_shape);

	groups->limit = hc_top_rows(view->own->top, view->session->options->format, num);
	for (size_t i = 0; i < num; i++)
		add_group(view, groups, i);
}

/** In place of groups: what is lost in each arena, or of each thread. */
static struct hc_error *show_parts(struct view *view, struct hc_document *doc)
{
	hc_cleanup(hc_arena_split_deinit) struct hc_arena_split split = {0};
	hc_cleanup_free struct hc_leak_part *parts = NULL;
	hc_cleanup_free uint32_t *order = NULL;
	size_t num = 0;
	struct hc_error *err = hc_arena_split_run(view->session->target, view->own->by, &split);

	if (!err)
		err = hc_leak_split_run(&view->leaks, &split, &parts);
	if (err)
		return err;
	order = calloc(split.num_parts, sizeof(*order));
	if (!order)
		return &hc_enomem;
	for (size_t i = 0; i < split.num_parts; i++)
		if (parts[i].roots)
			order[num++] = i;
	if (num)
		qsort_r(order, num, sizeof(*order), compare_parts, parts);
	say_totals(view, doc);
	hc_fact(doc, "by", NULL, hc_cell_text(hc_split_name(view->own->by)));
	add_groups(view, doc);
	hc_blank(doc);
	struct hc_table *table = hc_add_table(doc, &parts_shape);
	hc_document_main(doc, table);
	table->limit = hc_top_rows(view->own->top, view->session->options->format, num);
	for (size_t i = 0; i < num; i++)
		add_part(view, table, &split.parts[order[i]], &parts[order[i]]);
	if (table->limit < num)
		HC_LINE(doc, "{} more; --top 0 shows all", hc_cell_count(num - table->limit));
	return NULL;
}

static void view_deinit(struct view *view)
{
	hc_leaks_deinit(&view->leaks);
	hc_sampler_deinit(&view->sampler);
	hc_lost_unsuppress(view->session, &view->suppressions);
}

static struct hc_error *check_options(const struct hc_options *options)
{
	const struct own *own = options->own;

	if (options->selection.limit && !own->group)
		return hc_error_create(HC_ERROR_ARGUMENT,
				       "--limit is about chunks, which leaks lists with --group N; "
				       "--top N shows fewer groups");
	if (own->group && own->by < HC_NUM_SPLITS)
		return hc_error_create(HC_ERROR_ARGUMENT,
				       "--by is in place of groups; it does not go with --group");
	if (own->by < HC_NUM_SPLITS && hc_format_is_of_stacks(options->format))
		return hc_error_create(HC_ERROR_ARGUMENT,
				       "--by makes a table, which is none of stacks; leave it out "
				       "with this --format");
	if (own->group && own->top != HC_TOP_DEFAULT)
		return hc_error_create(HC_ERROR_ARGUMENT,
				       "--top is about groups; --limit N lists more chunks of one");
	return NULL;
}

static struct hc_error *run(struct hc_session *session)
{
	hc_cleanup(view_deinit) struct view view = {session, session->options->own};
	hc_cleanup_document struct hc_document doc;

	hc_document_init(&doc);
	struct hc_error *err = check_options(session->options);
	/* --finding counts without what is left out, too. */
	session->options->suppress = view.own->suppress;
	if (!err)
		err = hc_session_open(session, HC_NEED_REACH);
	if (err)
		return err;
	err = hc_lost_suppress(session, view.own->suppress, &view.suppressions);
	if (!err)
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
	hc_session_begin(session, &doc);
	add_totals(&view, &doc);
	err = view.own->by < HC_NUM_SPLITS ? show_parts(&view, &doc)
	      : view.own->group            ? show_group(&view, &doc)
					   : show_groups(&view, &doc);
	return err ? err : hc_session_write(session, &doc);
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
		    "  heapcore leaks core.1234 --by thread\n"
		    "  heapcore leaks core.1234 --fail-if-leaked 64K\n"
		    "  heapcore leaks core.1234 --format collapsed | flamegraph.pl > lost.svg\n",
	.min_args = 1,
	.max_args = 1,
	.formats = HC_FORMATS_ALL | HC_FORMATS_STACKS,
	HC_VERB_TABLES(&groups_shape, &rows_shape, &chunks_shape, &parts_shape),
	.selection = true,
	.suppresses = true,
	HC_VERB_OWN(own_options, set, struct own, &own_defaults),
	.run = run,
};
