/**
 * @file
 * heapcore maps: every mapping and what it is for.
 *
 * Takes a core, or a saved /proc/PID/maps or smaps in its place. Text folds the many small mappings
 * of each file into one row and shows the largest first, which is what somebody with `pmap -x` open
 * is looking for; CSV and JSON have every mapping by address.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "analyzers/inspect/regions.h"
#include "analyzers/owners/owners.h"
#include "cmd/render/table.h"
#include "cmd/render/text.h"
#include "cmd/render/units.h"
#include "cmd/show/blocks.h"
#include "cmd/show/owner.h"
#include "cmd/verb.h"
#include "core/base/cleanup.h"

struct own {
	bool all;
	uint64_t top;
};

enum own_id { OWN_ALL, OWN_TOP };

static const struct hc_option own_options[] = {
	{OWN_ALL, 'a', "all", NULL, "every mapping by address, as /proc/PID/maps has them"},
	{OWN_TOP, 0, "top", "N", "the N largest in text; 0: all (default: 40)"},
	{0},
};

static const struct own own_defaults = {.top = 40};

static struct hc_error *set(void *ctx, int id, const char *value)
{
	struct own *own = ctx;

	switch ((enum own_id)id) {
	case OWN_ALL:
		own->all = true;
		return NULL;
	case OWN_TOP:
		return hc_parse_count("--top", value, &own->top);
	}
	return NULL;
}

/** A mapping, or all mappings of one file. */
struct row {
	const struct hc_mapping *first;
	uint64_t size, present, resident; /**< bytes */
	unsigned num;
	const struct hc_region_mark *mark;
};

/** What the parts of this file work on. */
struct view {
	struct hc_session *session;
	struct hc_snapshot snapshot; /**< in place of a core */
	struct hc_mappings own_mappings;
	const struct hc_mappings *mappings;
	struct hc_regions regions;
	struct hc_owners owners; /**< of a core */
	struct hc_outside outside; /**< of a core: what nobody owns */
	bool has_contents; /**< a core: "present" means something */
	bool has_resident;
	struct row *rows;
	size_t num_rows;
};

enum column {
	START,
	END,
	SIZE,
	PRESENT,
	RESIDENT,
	PERMS,
	ANONYMOUS,
	KIND,
	TITLE,
	MARK,
	NAME,
	PATH,
	OFFSET,
	NOTE,
	OWNER,
	OWNER_BYTES,
	POINTERS,
	REASON,
	NUM_COLUMNS
};

static const struct hc_column columns[NUM_COLUMNS] = {
	[START] = {"start", "START", HC_COLUMN_ADDRESS},
	[END] = {"end", "", HC_COLUMN_ADDRESS, HC_COLUMN_DATA_ONLY},
	[SIZE] = {"size", "SIZE", HC_COLUMN_BYTES},
	[PRESENT] = {"present", "", HC_COLUMN_BYTES, HC_COLUMN_DATA_ONLY},
	[RESIDENT] = {"resident", "RESIDENT", HC_COLUMN_BYTES},
	[PERMS] = {"permissions", "PERM", HC_COLUMN_TEXT},
	[ANONYMOUS] = {"anonymous", "", HC_COLUMN_BOOL, HC_COLUMN_DATA_ONLY},
	[KIND] = {"kind", "", HC_COLUMN_TEXT, HC_COLUMN_DATA_ONLY},
	[TITLE] = {"", "KIND", HC_COLUMN_TEXT, HC_COLUMN_TEXT_ONLY},
	[MARK] = {"", "", HC_COLUMN_TEXT, HC_COLUMN_TEXT_ONLY},
	[NAME] = {"", "NAME", HC_COLUMN_TEXT, HC_COLUMN_TEXT_ONLY | HC_COLUMN_SHRINK},
	[PATH] = {"path", "", HC_COLUMN_TEXT, HC_COLUMN_DATA_ONLY},
	[OFFSET] = {"offset", "", HC_COLUMN_COUNT, HC_COLUMN_DATA_ONLY},
	[NOTE] = {"note", "", HC_COLUMN_TEXT, HC_COLUMN_DATA_ONLY},
	[OWNER] = {"owner", "", HC_COLUMN_TEXT, HC_COLUMN_DATA_ONLY},
	[OWNER_BYTES] = {"owner_bytes", "", HC_COLUMN_BYTES, HC_COLUMN_DATA_ONLY},
	[POINTERS] = {"pointers", "", HC_COLUMN_COUNT, HC_COLUMN_DATA_ONLY},
	[REASON] = {"mark", "", HC_COLUMN_TEXT, HC_COLUMN_DATA_ONLY},
};

/** @name Opening */
/**@{*/

static struct hc_error *open_snapshot(struct view *view, const struct hc_input_file *input)
{
	struct hc_error *err = hc_snapshot_read(input->fd, &view->snapshot);

	if (!err)
		err = hc_mappings_from_snapshot(&view->snapshot, &view->own_mappings);
	if (err)
		return err;
	view->mappings = &view->own_mappings;
	view->has_resident = view->snapshot.has_usage;
	view->session->partial = view->snapshot.truncated;
	return NULL;
}

static struct hc_error *open_core(struct view *view)
{
	struct hc_session *session = view->session;
	struct hc_error *err = hc_session_open(session, HC_NEED_HEAP_IF_ANY);

	if (err)
		return err;
	view->mappings = &session->target->process->mappings;
	view->has_contents = true;
	view->has_resident = session->target->process->smaps.has_usage;
	hc_session_phase(session, "looking at mappings");
	err = hc_owners_run(session->target->process, session->target->heap, &view->owners);
	if (!err)
		err = hc_outside_run(session, &view->owners, &view->outside);
	if (!err)
		err = hc_regions_run(session->target, &view->owners, &view->regions);
	hc_session_phase(session, NULL);
	return err;
}
/**@}*/

/** @name Rows */
/**@{*/

static const struct hc_region_mark *find_mark(const struct view *view,
					      const struct hc_mapping *mapping)
{
	for (size_t i = 0; i < view->regions.num_marks; i++) {
		if (view->regions.marks[i].mapping == mapping)
			return &view->regions.marks[i];
	}
	return NULL;
}

/** The reason of a mark; one that comes from the heap's content is hidden when content is. */
static const char *mark_reason(const struct view *view, const struct hc_region_mark *mark)
{
	if (!mark)
		return NULL;
	if (mark->class != HC_CLASS_NONE && !hc_session_shows_class(view->session))
		return "one content class holds most of it";
	return mark->reason;
}

static bool is_module_page(const struct hc_mapping *mapping)
{
	return mapping->kind == HC_MAPPING_TEXT || mapping->kind == HC_MAPPING_RODATA ||
	       mapping->kind == HC_MAPPING_DATA || mapping->kind == HC_MAPPING_BSS;
}

/** Whether a mapping is shown with the row before it: another page range of the same file. */
static bool same_file(const struct row *row, const struct hc_mapping *mapping)
{
	const struct hc_mapping *first = row->first;

	if (row->mark || !is_module_page(first) || !is_module_page(mapping) || !first->path)
		return false;
	return mapping->path ? !strcmp(first->path, mapping->path)
			     : mapping->kind == HC_MAPPING_BSS;
}

static void add_mapping(struct row *row, const struct hc_mapping *mapping)
{
	row->num++;
	row->size += mapping->end - mapping->start;
	row->present += mapping->present;
	if (mapping->resident != HC_UNKNOWN_BYTES)
		row->resident += mapping->resident;
}

static int by_size(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	if (x->size != y->size)
		return x->size < y->size ? 1 : -1;
	return x->first->start < y->first->start ? -1 : 1;
}

static struct hc_error *build_rows(struct view *view, bool fold)
{
	const struct hc_mappings *mappings = view->mappings;

	view->rows = calloc(mappings->num ? mappings->num : 1, sizeof(*view->rows));
	if (!view->rows)
		return &hc_enomem;
	for (size_t i = 0; i < mappings->num; i++) {
		const struct hc_mapping *mapping = &mappings->items[i];
		const struct hc_region_mark *mark = find_mark(view, mapping);
		struct row *last = view->num_rows ? &view->rows[view->num_rows - 1] : NULL;
		if (!fold || mark || !last || !same_file(last, mapping)) {
			last = &view->rows[view->num_rows++];
			last->first = mapping;
			last->mark = mark;
		}
		add_mapping(last, mapping);
	}
	if (fold)
		qsort(view->rows, view->num_rows, sizeof(*view->rows), by_size);
	return NULL;
}

/** What a mapping is for, without "executable/library": the name beside it tells. */
static const char *short_title(const struct hc_mapping *mapping)
{
	const char *title = hc_mapping_kind_title(mapping->kind);
	const char *blank = strchr(title, ' ');

	return is_module_page(mapping) && blank ? blank + 1 : title;
}

static void add_row(const struct view *view, struct hc_table *table, const struct row *row)
{
	const struct hc_mapping *mapping = row->first;
	bool folded = row->num > 1;
	uint64_t owner_bytes = 0;
	const struct hc_owner *owner =
		hc_owners_main(&view->owners, mapping->start, mapping->end, &owner_bytes);

	hc_table_add_row(table);
	hc_table_number(table, START, mapping->start);
	hc_table_number(table, END, mapping->end);
	hc_table_number(table, SIZE, row->size);
	if (view->has_contents)
		hc_table_number(table, PRESENT, row->present);
	if (mapping->resident != HC_UNKNOWN_BYTES)
		hc_table_number(table, RESIDENT, row->resident);
	if (!folded)
		hc_table_format(table, PERMS, "%c%c%c%c", mapping->flags & PF_R ? 'r' : '-',
				mapping->flags & PF_W ? 'w' : '-',
				mapping->flags & PF_X ? 'x' : '-', mapping->shared ? 's' : 'p');
	hc_table_number(table, ANONYMOUS, mapping->anonymous);
	hc_table_text(table, KIND, hc_mapping_kind_name(mapping->kind));
	hc_table_text(table, TITLE, folded ? "executable/library" : short_title(mapping));
	hc_table_text(table, MARK, row->mark ? "*" : "");
	hc_table_text(table, PATH, mapping->path);
	hc_table_text(table, NOTE, mapping->note);
	hc_table_text(table, OWNER, owner ? owner->name : NULL);
	hc_table_number(table, OWNER_BYTES, owner_bytes);
	const struct hc_held_mapping *held = hc_held_find(&view->outside.held, mapping->start);
	if (held)
		hc_table_number(table, POINTERS,
				held->from_roots + held->from_chunks + held->from_others);
	hc_table_number(table, OFFSET, mapping->offset);
	hc_table_text(table, REASON, mark_reason(view, row->mark));
	/* The end of a path says more than its beginning, and has to fit. */
	const char *base = mapping->path ? strrchr(mapping->path, '/') : NULL;
	hc_table_text(table, NAME,
		      owner           ? owner->title
		      : mapping->note ? mapping->note
		      : base          ? base + 1
		      : mapping->path ? mapping->path
				      : "");
}

static void fill_table(const struct view *view, struct hc_table *table, size_t num)
{
	for (size_t i = 0; i < num; i++)
		add_row(view, table, &view->rows[i]);
	if (!view->has_resident)
		hc_table_hide(table, RESIDENT);
	if (!view->has_contents)
		hc_table_hide(table, PRESENT);
}
/**@}*/

/** @name Totals by kind */
/**@{*/

enum kind_column {
	KIND_NAME,
	KIND_TITLE,
	KIND_NUM,
	KIND_SIZE,
	KIND_SHARE,
	KIND_PRESENT,
	KIND_RESIDENT,
	KIND_ANONYMOUS,
	NUM_KIND_COLUMNS
};

static const struct hc_column kind_columns[NUM_KIND_COLUMNS] = {
	[KIND_NAME] = {"kind", "", HC_COLUMN_TEXT, HC_COLUMN_DATA_ONLY},
	[KIND_TITLE] = {"title", "KIND", HC_COLUMN_TEXT, HC_COLUMN_SHRINK},
	[KIND_NUM] = {"mappings", "MAPPINGS", HC_COLUMN_COUNT},
	[KIND_SIZE] = {"size", "SIZE", HC_COLUMN_BYTES},
	[KIND_SHARE] = {"share", "SHARE", HC_COLUMN_SHARE},
	[KIND_PRESENT] = {"present", "IN CORE", HC_COLUMN_BYTES},
	[KIND_RESIDENT] = {"resident", "RESIDENT", HC_COLUMN_BYTES},
	[KIND_ANONYMOUS] = {"anonymous", "ANONYMOUS", HC_COLUMN_BYTES},
};

struct kind_total {
	enum hc_mapping_kind kind;
	uint64_t num, size, present, resident, anonymous;
};

static int kind_by_size(const void *a, const void *b)
{
	const struct kind_total *x = a, *y = b;

	if (x->size != y->size)
		return x->size < y->size ? 1 : -1;
	return (int)x->kind - (int)y->kind;
}

static void count_kinds(const struct view *view, struct kind_total totals[], uint64_t *all)
{
	*all = 0;
	for (enum hc_mapping_kind kind = 0; kind < HC_NUM_MAPPING_KINDS; kind++)
		totals[kind] = (struct kind_total){.kind = kind};
	for (size_t i = 0; i < view->mappings->num; i++) {
		const struct hc_mapping *mapping = &view->mappings->items[i];
		struct kind_total *total = &totals[mapping->kind];
		uint64_t size = mapping->end - mapping->start;
		total->num++;
		total->size += size;
		total->present += mapping->present;
		total->anonymous += mapping->anonymous ? size : 0;
		if (mapping->resident != HC_UNKNOWN_BYTES)
			total->resident += mapping->resident;
		*all += size;
	}
}

static void fill_kinds(const struct view *view, struct hc_table *table)
{
	struct kind_total totals[HC_NUM_MAPPING_KINDS];
	uint64_t all;

	count_kinds(view, totals, &all);
	qsort(totals, HC_NUM_MAPPING_KINDS, sizeof(*totals), kind_by_size);
	for (size_t i = 0; i < HC_NUM_MAPPING_KINDS; i++) {
		const struct kind_total *total = &totals[i];
		if (!total->num)
			continue;
		hc_table_add_row(table);
		hc_table_text(table, KIND_NAME, hc_mapping_kind_name(total->kind));
		hc_table_text(table, KIND_TITLE, hc_mapping_kind_title(total->kind));
		hc_table_number(table, KIND_NUM, total->num);
		hc_table_number(table, KIND_SIZE, total->size);
		hc_table_share(table, KIND_SHARE, hc_share(total->size, all));
		hc_table_number(table, KIND_PRESENT, total->present);
		hc_table_number(table, KIND_RESIDENT, total->resident);
		hc_table_number(table, KIND_ANONYMOUS, total->anonymous);
	}
	if (!view->has_resident)
		hc_table_hide(table, KIND_RESIDENT);
	if (!view->has_contents)
		hc_table_hide(table, KIND_PRESENT);
}
/**@}*/

static void write_marks(struct view *view)
{
	struct hc_output *out = &view->session->out;

	if (!view->regions.num_marks)
		return;
	hc_text_heading(out, "* deserves a look");
	for (size_t i = 0; i < view->regions.num_marks; i++) {
		const struct hc_region_mark *mark = &view->regions.marks[i];
		char first[32];
		snprintf(first, sizeof(first), "  0x%-14" PRIx64 "  ", mark->mapping->start);
		hc_text_paragraph(out, first, strlen(first), false, "%s: %s",
				  hc_unit_bytes(mark->mapping->end - mark->mapping->start).text,
				  mark_reason(view, mark));
	}
}

static struct hc_error *write_text(struct view *view, const struct hc_table *kinds,
				   const struct hc_table *table)
{
	struct hc_output *out = &view->session->out;

	hc_session_write_partial(view->session);
	if (hc_session_no_heap(view->session))
		hc_text_paragraph(out, "", 0, false, "Heap: %s.",
				  hc_session_no_heap(view->session));
	struct hc_error *err = hc_table_write_text(kinds, out, 0);
	fputc('\n', out->file);
	if (!err)
		err = hc_table_write_text(table, out, 0);
	if (err)
		return err;
	if (table->num_rows < view->num_rows)
		fprintf(out->file, "%zu smaller ones; --top 0 shows them\n",
			view->num_rows - table->num_rows);
	write_marks(view);
	hc_outside_write(view->session, &view->outside);
	hc_owners_write(view->session, &view->owners);
	return NULL;
}

static struct hc_error *write_json(struct view *view, const struct hc_table *kinds,
				   const struct hc_table *table)
{
	hc_cleanup_json json_t *document = hc_session_json(view->session);
	json_t *array;
	struct hc_error *err = hc_table_json(kinds, &array);

	if (!err) {
		json_object_set_new(document, "kinds", array);
		err = hc_table_json(table, &array);
	}
	if (err)
		return err;
	json_object_set_new(document, "no_heap", hc_json_text(hc_session_no_heap(view->session)));
	json_object_set_new(document, "mappings", array);
	json_object_set_new(document, "owners", hc_owners_json(view->session, &view->owners));
	json_object_set_new(document, "blocks",
			    hc_outside_blocks_json(view->session, &view->outside));
	json_object_set_new(document, "outside", hc_outside_json(&view->outside));
	return hc_json_write(&view->session->out, document);
}

static struct hc_error *render(struct view *view)
{
	const struct hc_options *options = view->session->options;
	const struct own *own = options->own;
	bool fold = options->format == HC_FORMAT_TEXT && !own->all;
	hc_cleanup_table struct hc_table table, kinds;

	hc_table_init(&table, columns, NUM_COLUMNS);
	hc_table_init(&kinds, kind_columns, NUM_KIND_COLUMNS);
	struct hc_error *err = build_rows(view, fold);
	if (err)
		return err;
	fill_kinds(view, &kinds);
	fill_table(view, &table,
		   fold && own->top && own->top < view->num_rows ? own->top : view->num_rows);
	switch (options->format) {
	case HC_FORMAT_JSON:
		return write_json(view, &kinds, &table);
	case HC_FORMAT_CSV:
		return hc_table_write_csv(&table, &view->session->out);
	default:
		return write_text(view, &kinds, &table);
	}
}

static void view_deinit(struct view *view)
{
	free(view->rows);
	hc_regions_deinit(&view->regions);
	hc_outside_deinit(&view->outside);
	hc_owners_deinit(&view->owners);
	hc_mappings_deinit(&view->own_mappings);
	hc_snapshot_deinit(&view->snapshot);
}

static struct hc_error *run(struct hc_session *session)
{
	hc_cleanup(view_deinit) struct view view = {session};
	hc_cleanup(hc_input_close) struct hc_input_file input = {.fd = -1};
	struct hc_process_options *options = &session->options->process;

	struct hc_error *err = hc_input_open(session->options->core, &options->decompress, &input);
	if (err)
		return err;
	/* Standard input can be read only once. */
	options->input = &input;
	err = hc_input_is_snapshot(&input) ? open_snapshot(&view, &input) : open_core(&view);
	options->input = NULL;
	return err ? err : render(&view);
}

const struct hc_verb hc_verb_maps = {
	.name = "maps",
	.arguments = "CORE|MAPS|SMAPS",
	.summary = "every mapping and what it is for",
	.description = "Shows what each mapping is for: heap, arena, stack, library and so on, the "
		       "largest "
		       "first. Reads a core, or a saved /proc/PID/maps or /proc/PID/smaps.",
	.examples = "  heapcore maps core.1234\n"
		    "  heapcore maps core.1234 --smaps smaps.1234\n"
		    "  cp /proc/1234/smaps saved && heapcore maps saved\n",
	.min_args = 1,
	.max_args = 1,
	.formats = HC_FORMATS_ALL,
	HC_VERB_OWN(own_options, set, struct own, &own_defaults),
	.run = run,
};
