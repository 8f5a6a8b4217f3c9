/**
 * @file
 * heapcore maps: every mapping and what it is for.
 *
 * Takes a core, or a saved /proc/PID/maps or smaps, or what pmap printed, in its place; of a
 * smaps_rollup, which has sums and no mappings, those are shown. Text folds the many small mappings
 * of each file into one row, and shows first what deserves a look, then what was touched most: the
 * address space that something reserved costs nothing. CSV and JSON have every mapping by address.
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "analyzers/inspect/regions.h"
#include "analyzers/inspect/touched.h"
#include "analyzers/owners/owners.h"
#include "analyzers/verdict/verdict.h"
#include "cmd/render/units.h"
#include "cmd/select_options.h"
#include "cmd/show/blocks.h"
#include "cmd/show/owner.h"
#include "cmd/verb.h"
#include "core/base/array.h"
#include "core/base/cleanup.h"

struct own {
	bool all;
	uint64_t top;
	uint64_t finding;     /**< 0: none */
	const char *suppress; /**< a file; NULL: none */
	uint64_t kinds;       /**< a bit for each kind; 0: all */
};

enum own_id { OWN_ALL, OWN_TOP, OWN_KIND, OWN_FINDING, OWN_SUPPRESS };

static const struct hc_option own_options[] = {
	{OWN_ALL, 'a', "all", NULL, "every mapping by address, as /proc/PID/maps has them"},
	{OWN_TOP, 0, "top", "N", "the first N; 0: all (default: 40 in text, else all)"},
	{OWN_KIND, 0, "kind", "LIST", "{words}", HC_VALUE_LIST, hc_mapping_kind_word},
	{OWN_FINDING, 0, "finding", "N",
	 "what a finding of analyze has of mappings: stacks, or memory outside of malloc"},
	{OWN_SUPPRESS, 0, "suppress", "FILE",
	 "findings have the numbers that analyze gives them with the same --suppress",
	 HC_VALUE_FILE},
	{0},
};

static const struct own own_defaults = {.top = HC_TOP_DEFAULT};

static struct hc_error *set(void *ctx, int id, const char *value)
{
	struct own *own = ctx;

	switch ((enum own_id)id) {
	case OWN_ALL:
		own->all = true;
		return NULL;
	case OWN_TOP:
		return hc_parse_count("--top", value, &own->top);
	case OWN_KIND:
		return hc_parse_names("--kind", value, hc_mapping_kind_word, &own->kinds);
	case OWN_FINDING:
		return hc_parse_finding(value, &own->finding);
	case OWN_SUPPRESS:
		own->suppress = value;
		return NULL;
	}
	return NULL;
}

/** A mapping, or all mappings of one file. */
struct row {
	const struct hc_mapping *first;
	uint64_t size, present, resident, resident_anonymous, touched; /**< bytes */
	unsigned num;
	const struct hc_region_mark *mark;
};

/** What the parts of this file work on. */
struct view {
	struct hc_session *session;
	struct hc_snapshot snapshot; /**< in place of a core */
	struct hc_mappings own_mappings;
	const struct hc_mappings *mappings;
	struct hc_mappings chosen; /**< of these, with --kind or --finding; notes are borrowed */
	uint64_t *chosen_touched;  /**< bytes of each */
	struct hc_regions regions;
	struct hc_owners owners;   /**< of a core */
	struct hc_outside outside; /**< of a core: what nobody owns */
	struct hc_touched touched; /**< of a core */
	bool has_contents;         /**< a core: "present" means something */
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
	RESIDENT_ANONYMOUS,
	TOUCHED,
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
	[START] = {"start", "START", HC_CELL_ADDRESS, 0, "its first byte"},
	[END] = {"end", "", HC_CELL_ADDRESS, HC_COLUMN_DATA_ONLY, "behind its last byte"},
	[SIZE] = {"size", "SIZE", HC_CELL_BYTES, 0, "address space"},
	[PRESENT] = {"present", "", HC_CELL_BYTES, HC_COLUMN_DATA_ONLY,
		     "bytes whose contents can be read; cores only"},
	[RESIDENT] = {"resident", "RESIDENT", HC_CELL_BYTES, 0,
		      "with smaps, or pmap -x and -X, only"},
	[RESIDENT_ANONYMOUS] = {"resident_anonymous", "", HC_CELL_BYTES, HC_COLUMN_DATA_ONLY,
				"of these, pages of no file; with smaps that say so only"},
	[TOUCHED] = {"touched", "TOUCHED", HC_CELL_BYTES, 0,
		     "of anonymous memory, as far as the core tells: pages that are not all zero; "
		     "with smaps what is resident"},
	[PERMS] = {"permissions", "PERM", HC_CELL_TEXT, 0, "rwxp, as in /proc/PID/maps"},
	[ANONYMOUS] = {"anonymous", "", HC_CELL_BOOL, HC_COLUMN_DATA_ONLY,
		       "private and not backed by a file: counts in the accounting"},
	[KIND] = {"kind", "", HC_CELL_TEXT, HC_COLUMN_DATA_ONLY, "what it is for"},
	[TITLE] = {"title", "KIND", HC_CELL_TEXT, HC_COLUMN_TEXT_ONLY, "the same in words"},
	[MARK] = {"marked", "", HC_CELL_TEXT, HC_COLUMN_TEXT_ONLY, "* where it deserves a look"},
	[NAME] = {"name", "NAME", HC_CELL_NAME, HC_COLUMN_TEXT_ONLY | HC_COLUMN_SHRINK,
		  "whose it is, or its file without the folder"},
	[PATH] = {"path", "", HC_CELL_NAME, HC_COLUMN_DATA_ONLY, "of its file"},
	[OFFSET] = {"offset", "", HC_CELL_COUNT, HC_COLUMN_DATA_ONLY, "into the file"},
	[NOTE] = {"note", "", HC_CELL_NAME, HC_COLUMN_DATA_ONLY, "whose it is"},
	[OWNER] = {"owner", "", HC_CELL_TEXT, HC_COLUMN_DATA_ONLY,
		   "who has most of it, when that is not malloc: a name of owners"},
	[OWNER_BYTES] = {"owner_bytes", "", HC_CELL_BYTES, HC_COLUMN_DATA_ONLY,
			 "how much of it that owner has"},
	[POINTERS] = {"pointers", "", HC_CELL_COUNT, HC_COLUMN_DATA_ONLY,
		      "of memory that nobody owns: words elsewhere that lead into it"},
	[REASON] = {"mark", "", HC_CELL_NAME, HC_COLUMN_DATA_ONLY, "why it deserves a look"},
};

static const struct hc_shape mappings_shape = {
	.key = "mappings", .name = "mappings", HC_COLUMNS(columns)};

/** @name Opening */
/**@{*/

static struct hc_error *open_snapshot(struct view *view, const struct hc_input_file *input)
{
	struct hc_error *err = hc_snapshot_read(input->fd, &view->snapshot);

	view->mappings = &view->own_mappings;
	if (!err)
		err = hc_mappings_from_snapshot(&view->snapshot, &view->own_mappings);
	if (err)
		return err;
	view->has_resident = view->snapshot.has_usage;
	hc_snapshot_remark(&view->snapshot, NULL, &view->session->remarks);
	hc_session_print_remarks(view->session);
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
	if (!err)
		err = hc_touched_run(session->target->process, &view->touched);
	hc_session_phase(session, NULL);
	return err;
}
/**@}*/

/** @name What was asked for */
/**@{*/

/** A part of a mapping as a mapping of its own. */
static struct hc_error *choose(struct view *view, const struct hc_mapping *mapping, uint64_t start,
			       uint64_t end)
{
	struct hc_mapping part = *mapping;
	uint64_t size = mapping->end - mapping->start;
	size_t num = view->chosen.num, index = mapping - view->mappings->items;
	struct hc_error *err =
		hc_array_reserve(&view->chosen.items, num, sizeof(*view->chosen.items));

	if (!err)
		err = hc_array_reserve(&view->chosen_touched, num, sizeof(*view->chosen_touched));
	if (err)
		return err;
	view->chosen_touched[num] = index < view->touched.num ? view->touched.bytes[index] : 0;
	part.start = start;
	part.end = end;
	part.offset += start - mapping->start;
	if (end - start < size) {
		part.present = hc_memory_present(view->mappings->memory, start, end);
		if (part.resident != HC_UNKNOWN_BYTES)
			part.resident = (double)part.resident / size * (end - start);
		if (part.resident_anonymous != HC_UNKNOWN_BYTES)
			part.resident_anonymous =
				(double)part.resident_anonymous / size * (end - start);
		view->chosen_touched[num] =
			hc_touched_range(view->session->target->process, start, end);
	}
	view->chosen.items[view->chosen.num++] = part;
	return NULL;
}

static struct hc_error *choose_finding(struct view *view, uint64_t number)
{
	struct hc_target *target = view->session->target;
	hc_cleanup(hc_verdict_deinit) struct hc_verdict verdict = {0};
	hc_cleanup_free struct hc_finding_range *ranges = NULL;
	size_t num = 0;

	if (!view->has_contents)
		return hc_error_create(HC_ERROR_ARGUMENT, "--finding needs a core");
	const struct own *own = view->session->options->own;
	struct hc_error *err = hc_session_measure(view->session, own->suppress, &verdict);
	if (!err)
		err = hc_findings_ranges(target->process, &verdict, number, &ranges, &num);
	hc_session_phase(view->session, NULL);
	for (size_t i = 0; !err && i < num; i++)
		err = choose(view, &view->mappings->items[ranges[i].mapping], ranges[i].start,
			     ranges[i].end);
	return err;
}

/** Narrow the mappings to what --kind and --finding name. */
static struct hc_error *narrow(struct view *view)
{
	const struct own *own = view->session->options->own;
	struct hc_error *err = NULL;
	size_t num = 0;

	if (!own->kinds && !own->finding)
		return NULL;
	if (own->finding)
		err = choose_finding(view, own->finding);
	for (size_t i = 0; !err && !own->finding && i < view->mappings->num; i++) {
		const struct hc_mapping *mapping = &view->mappings->items[i];

		err = choose(view, mapping, mapping->start, mapping->end);
	}
	if (err)
		return err;
	for (size_t i = 0; i < view->chosen.num; i++)
		if (!own->kinds || own->kinds >> view->chosen.items[i].kind & 1) {
			view->chosen_touched[num] = view->chosen_touched[i];
			view->chosen.items[num++] = view->chosen.items[i];
		}
	view->chosen.num = num;
	view->mappings = &view->chosen;
	return NULL;
}
/**@}*/

/** @name Rows */
/**@{*/

static const struct hc_region_mark *find_mark(const struct view *view,
					      const struct hc_mapping *mapping)
{
	for (size_t i = 0; i < view->regions.num_marks; i++) {
		const struct hc_mapping *marked = view->regions.marks[i].mapping;

		if (marked->start <= mapping->start && mapping->end <= marked->end)
			return &view->regions.marks[i];
	}
	return NULL;
}

/** The reason of a mark; one that comes from the heap's content is hidden when content is. */
static struct hc_cell mark_reason(const struct hc_region_mark *mark)
{
	if (!mark)
		return hc_cell_unknown();
	if (mark->class_id == HC_CLASS_NONE)
		return hc_cell_name(mark->reason);
	return hc_cell_or(HC_CONTENT_CLASS, hc_cell_name(mark->reason),
			  "one content class holds most of it");
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

/** Bytes of a mapping that cost memory of its own, as far as anything tells. */
static uint64_t touched_bytes(const struct view *view, const struct hc_mapping *mapping)
{
	bool chosen = view->mappings == &view->chosen;
	size_t i = mapping - view->mappings->items;

	if (mapping->resident != HC_UNKNOWN_BYTES)
		return mapping->resident;
	if (!mapping->anonymous || i >= (chosen ? view->chosen.num : view->touched.num))
		return 0;
	return chosen ? view->chosen_touched[i] : view->touched.bytes[i];
}

static void add_mapping(const struct view *view, struct row *row, const struct hc_mapping *mapping)
{
	row->touched += touched_bytes(view, mapping);
	row->num++;
	row->size += mapping->end - mapping->start;
	row->present += mapping->present;
	if (mapping->resident != HC_UNKNOWN_BYTES)
		row->resident += mapping->resident;
	if (mapping->resident_anonymous != HC_UNKNOWN_BYTES)
		row->resident_anonymous += mapping->resident_anonymous;
}

/** What deserves a look, then what was touched most, then what is largest. */
static int by_interest(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	if (!x->mark != !y->mark)
		return x->mark ? -1 : 1;
	if (x->touched != y->touched)
		return x->touched < y->touched ? 1 : -1;
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
		add_mapping(view, last, mapping);
	}
	if (fold)
		hc_sort(view->rows, view->num_rows, by_interest);
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
	hc_cleanup_free char *path = hc_session_mask(view->session, mapping->path);
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
	if (mapping->resident_anonymous != HC_UNKNOWN_BYTES)
		hc_table_number(table, RESIDENT_ANONYMOUS, row->resident_anonymous);
	char permissions[5];
	if (view->has_contents && mapping->anonymous)
		hc_table_number(table, TOUCHED, row->touched);
	hc_table_text(table, PERMS, folded ? NULL : hc_mapping_permissions(mapping, permissions));
	hc_table_number(table, ANONYMOUS, mapping->anonymous);
	hc_table_text(table, KIND, hc_mapping_kind_name(mapping->kind));
	hc_table_text(table, TITLE, folded ? "executable/library" : short_title(mapping));
	hc_table_text(table, MARK, row->mark ? "*" : "");
	hc_table_text(table, PATH, path);
	hc_table_text(table, NOTE, mapping->note);
	hc_table_text(table, OWNER, owner ? owner->name : NULL);
	hc_table_number(table, OWNER_BYTES, owner_bytes);
	const struct hc_held_mapping *held = hc_held_find(&view->outside.held, mapping->start);
	if (held)
		hc_table_number(table, POINTERS,
				held->from_roots + held->from_chunks + held->from_others);
	hc_table_number(table, OFFSET, mapping->offset);
	hc_table_cell(table, REASON, mark_reason(row->mark));
	/* The end of a path says more than its beginning, and has to fit. */
	const char *base = hc_base_name(path);
	hc_table_text(table, NAME,
		      owner           ? owner->title
		      : mapping->note ? mapping->note
		      : base          ? base
				      : "");
}

static void fill_table(const struct view *view, struct hc_table *table)
{
	for (size_t i = 0; i < view->num_rows; i++)
		add_row(view, table, &view->rows[i]);
	if (!view->has_resident) {
		hc_table_hide(table, RESIDENT);
		hc_table_hide(table, RESIDENT_ANONYMOUS);
	} else {
		hc_table_hide(table, TOUCHED);
	}
	if (!view->has_contents) {
		hc_table_hide(table, PRESENT);
		hc_table_hide(table, TOUCHED);
	}
}
/**@}*/

/** @name Of a rollup */
/**@{*/

static void total_fact(struct hc_document *doc, const char *key, const char *label, uint64_t bytes)
{
	if (bytes != HC_UNKNOWN_BYTES)
		hc_fact(doc, key, label, hc_cell_bytes(bytes));
}

static void describe_totals(const struct hc_snapshot *snapshot, struct hc_document *doc)
{
	const struct hc_vma *totals = &snapshot->totals;

	HC_SAY(doc, "Sums over all mappings, which a smaps_rollup doesn't tell apart:");
	hc_begin_object(doc, "totals", HC_CONTENT_NONE);
	total_fact(doc, "resident", "resident", totals->rss);
	total_fact(doc, "proportional", "share (PSS)", totals->pss);
	total_fact(doc, "private_dirty", "private dirty", totals->private_dirty);
	total_fact(doc, "resident_anonymous", "anonymous", totals->anonymous);
	total_fact(doc, "swap", "swapped", totals->swap);
	hc_end(doc);
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
	[KIND_NAME] = {"kind", "", HC_CELL_TEXT, HC_COLUMN_DATA_ONLY, "what the mappings are for"},
	[KIND_TITLE] = {"title", "KIND", HC_CELL_TEXT, HC_COLUMN_SHRINK, "the same in words"},
	[KIND_NUM] = {"mappings", "MAPPINGS", HC_CELL_COUNT, 0, "how many"},
	[KIND_SIZE] = {"size", "SIZE", HC_CELL_BYTES, 0, "address space"},
	[KIND_SHARE] = {"share", "SHARE", HC_CELL_SHARE, 0, "of all address space"},
	[KIND_PRESENT] = {"present", "IN CORE", HC_CELL_BYTES, 0,
			  "bytes whose contents can be read; cores only"},
	[KIND_RESIDENT] = {"resident", "RESIDENT", HC_CELL_BYTES, 0,
			   "with smaps, or pmap -x and -X, only"},
	[KIND_ANONYMOUS] = {"anonymous", "ANONYMOUS", HC_CELL_BYTES, 0,
			    "private and not backed by a file"},
};

static const struct hc_shape kinds_shape = {.key = "kinds", HC_COLUMNS(kind_columns)};

struct kind_total {
	enum hc_mapping_kind kind;
	uint64_t num, size, present, resident, anonymous, touched;
};

static int kind_by_touched(const void *a, const void *b)
{
	const struct kind_total *x = a, *y = b;

	if (x->touched != y->touched)
		return x->touched < y->touched ? 1 : -1;
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
		total->touched += touched_bytes(view, mapping);
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
	hc_sort(totals, HC_NUM_MAPPING_KINDS, kind_by_touched);
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

static void describe_marks(const struct view *view, struct hc_document *doc)
{
	if (!view->regions.num_marks)
		return;
	HC_HEADING(doc, "* deserves a look");
	for (size_t i = 0; i < view->regions.num_marks; i++) {
		const struct hc_region_mark *mark = &view->regions.marks[i];
		char first[32];
		snprintf(first, sizeof(first), "  0x%-14" PRIx64 "  ", mark->mapping->start);
		HC_SAY_AT(doc, hc_margin(first, strlen(first), false), "{}: {}",
			  hc_cell_bytes(mark->mapping->end - mark->mapping->start),
			  mark_reason(mark));
	}
}

/** More rows than other verbs show: a program has many mappings, and most are worth a glance. */
#define DEFAULT_ROWS 40

static size_t shown_rows(const struct view *view, bool fold)
{
	const struct own *own = view->session->options->own;
	size_t num = view->num_rows;
	uint64_t top = own->top != HC_TOP_DEFAULT ? own->top : fold ? DEFAULT_ROWS : 0;

	return top && top < num ? top : num;
}

/** In which order rows are, unless the user says so. */
static void say_order(const struct view *view, bool fold, struct hc_document *doc)
{
	const char *by = view->has_resident   ? "Most resident"
			 : view->has_contents ? "Most touched"
					      : "Largest";

	if (!fold || view->session->options->choice.sort)
		return;
	HC_SAY(doc, "{} first{}; by address: --sort address", hc_cell_text(by),
	       hc_cell_text(view->regions.num_marks ? ", after what deserves a look (*)" : ""));
}

static void describe(const struct view *view, bool fold, struct hc_document *doc)
{
	size_t num = view->num_rows, shown = shown_rows(view, fold);

	if (hc_session_no_heap(view->session))
		HC_SAY(doc, "Heap: {}.", hc_cell_name(hc_session_no_heap(view->session)));
	fill_kinds(view, hc_add_table(doc, &kinds_shape));
	hc_blank(doc);
	say_order(view, fold, doc);
	hc_fact(doc, "no_heap", NULL, hc_cell_name(hc_session_no_heap(view->session)));
	hc_fact(doc, "no_heap_reason", NULL, hc_cell_text(hc_session_absence(view->session)));
	struct hc_table *table = hc_add_table(doc, &mappings_shape);
	hc_document_main(doc, table);
	fill_table(view, table);
	table->limit = shown;
	if (shown < num)
		HC_LINE(doc, "{} more; --top 0 shows all", hc_cell_count(num - shown));
	if (view->mappings != &view->chosen) {
		describe_marks(view, doc);
		hc_outside_say(view->session, &view->outside, doc);
		hc_owners_say(view->session, &view->owners, doc);
	}
	hc_owners_describe(&view->owners, doc);
	hc_outside_describe(view->session, &view->outside, doc);
}

static struct hc_error *render(struct view *view)
{
	const struct hc_options *options = view->session->options;
	const struct own *own = options->own;
	bool fold = hc_format_is_for_people(options->format) && !own->all;
	hc_cleanup_document struct hc_document doc;

	hc_document_init(&doc);
	hc_session_begin(view->session, &doc);
	struct hc_error *err = hc_session_signatures(view->session);
	if (!err)
		err = narrow(view);
	if (!err)
		err = build_rows(view, fold);
	if (err)
		return err;
	if (view->snapshot.rollup)
		describe_totals(&view->snapshot, &doc);
	describe(view, fold, &doc);
	return hc_session_write(view->session, &doc);
}

static void view_deinit(struct view *view)
{
	free(view->rows);
	free(view->chosen.items);
	free(view->chosen_touched);
	hc_regions_deinit(&view->regions);
	hc_outside_deinit(&view->outside);
	hc_owners_deinit(&view->owners);
	hc_touched_deinit(&view->touched);
	hc_mappings_deinit(&view->own_mappings);
	hc_snapshot_deinit(&view->snapshot);
}

static struct hc_error *run(struct hc_session *session)
{
	hc_cleanup(view_deinit) struct view view = {session};
	hc_cleanup(hc_input_close) struct hc_input_file input = {.fd = -1};
	struct hc_process_options *options = &session->options->process;
	struct hc_error *err;

	/* For a report the core is open already. */
	if (session->target) {
		err = open_core(&view);
		return err ? err : render(&view);
	}
	err = hc_input_open(session->options->core, &options->decompress, &input);
	if (!err)
		err = hc_input_unpack_snapshot(&input, &options->decompress, &session->remarks);
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
	.arguments = "CORE|MAPS|SMAPS|PMAP",
	.summary = "every mapping and what it is for",
	.description =
		"Shows what each mapping is for: heap, arena, stack, library and so on. What "
		"deserves a look comes first, then what was touched most. Reads a core, or "
		"a saved /proc/PID/maps or /proc/PID/smaps, or the output of pmap.",
	.examples = "  heapcore maps core.1234\n"
		    "  heapcore maps core.1234 --smaps smaps.1234\n"
		    "  heapcore maps core.1234 --kind stack,stack-cached\n"
		    "  cp /proc/1234/smaps saved && heapcore maps saved\n"
		    "  heapcore maps pmap.1234\n",
	.min_args = 1,
	.max_args = 1,
	.formats = HC_FORMATS_ALL,
	HC_VERB_TABLES(&mappings_shape, &kinds_shape),
	HC_VERB_OWN(own_options, set, struct own, &own_defaults),
	.run = run,
};
