/**
 * @file
 * heapcore diff: what it says; see diff_view.h.
 */
#include <inttypes.h>
#include <string.h>

#include "cmd/render/units.h"
#include "cmd/show/sample.h"
#include "cmd/verbs/diff_view.h"
#include "core/base/cleanup.h"

static unsigned last_of(const struct hc_diff_view *view)
{
	return view->num - 1;
}

static const char *trend_name(enum hc_trend trend)
{
	static const char *const names[HC_NUM_TRENDS] = {
		[HC_TREND_LEAK] = "leak",
		[HC_TREND_GROWTH] = "growth",
		[HC_TREND_STEADY] = "steady",
		[HC_TREND_SHRINKING] = "shrinking",
	};
	return names[trend];
}

static const char *place_name(enum hc_diff_place place)
{
	static const char *const names[HC_NUM_DIFF_PLACES] = {
		[HC_DIFF_LOST] = "lost",
		[HC_DIFF_HELD] = "held",
		[HC_DIFF_FREE] = "free",
		[HC_DIFF_OUTSIDE] = "outside",
	};
	return names[place];
}

/** Seconds between the first and the last, by their files; 0: not known. */
static uint64_t seconds_between(const struct hc_diff_view *view)
{
	int64_t first = view->moments[0].time, last = view->moments[last_of(view)].time;

	return first && last > first ? last - first : 0;
}

/** A change in less time than this says nothing about an hour. */
#define MIN_SECONDS 60

/** Keep to --top. @param num rows that there are */
static void say_left_out(const struct hc_diff_view *view, struct hc_table *table, size_t num,
			 struct hc_document *doc)
{
	table->limit = hc_top_rows(view->top, view->session->options->format, num);
	if (!num)
		HC_LINE(doc, "None changed.");
	else if (table->limit < num)
		HC_LINE(doc, "{} more changed; --top 0 shows all",
			hc_cell_count(num - table->limit));
}

/** @name Kinds of chunks */
/**@{*/

enum kind_column {
	KIND_CHANGE,
	KIND_PER_HOUR,
	KIND_CHUNKS,
	KIND_BEFORE,
	KIND_AFTER,
	KIND_LOST,
	KIND_FRESH,
	KIND_STAYED,
	KIND_WHAT,
	KIND_TYPE,
	KIND_CLASS,
	KIND_MIN_SIZE,
	KIND_MAX_SIZE,
	KIND_BEFORE_BYTES,
	KIND_AFTER_BYTES,
	KIND_BEFORE_LOST_CHUNKS,
	KIND_BEFORE_LOST_BYTES,
	KIND_AFTER_LOST_CHUNKS,
	KIND_AFTER_LOST_BYTES,
	KIND_UNCHANGED_CHUNKS,
	KIND_ADDRESS,
	KIND_SAMPLE,
	NUM_KIND_COLUMNS
};

#define DATA HC_COLUMN_DATA_ONLY

static const struct hc_column kind_columns[NUM_KIND_COLUMNS] = {
	[KIND_CHANGE] = {"change_bytes", "CHANGE", HC_CELL_CHANGE_BYTES, 0,
			 "bytes of chunks in use, from the first core to the last"},
	[KIND_PER_HOUR] =
		{"change_per_hour", "", HC_CELL_CHANGE_BYTES, DATA,
		 "the same in an hour, about; null: less than a minute lies between, or how "
		 "much is not known"},
	[KIND_CHUNKS] = {"change_chunks", "CHUNKS", HC_CELL_CHANGE, 0, "the same in chunks"},
	[KIND_BEFORE] = {"before_chunks", "BEFORE", HC_CELL_COUNT, 0, "chunks in the first core"},
	[KIND_AFTER] = {"after_chunks", "AFTER", HC_CELL_COUNT, 0, "chunks in the last core"},
	[KIND_LOST] = {"change_lost_chunks", "LOST", HC_CELL_CHANGE, 0,
		       "chunks that nothing points to any more, from the first core to the last"},
	[KIND_FRESH] = {"fresh_chunks", "", HC_CELL_COUNT, DATA,
			"in the last core, new or written to since the core before; null when the "
			"cores are of different processes"},
	[KIND_STAYED] = {"stayed_chunks", "STAYED", HC_CELL_COUNT, 0,
			 "of three cores: chunks that came between the first two, and were "
			 "unchanged in the third"},
	[KIND_WHAT] = {"what", "WHAT", HC_CELL_PHRASE, HC_COLUMN_TEXT_ONLY | HC_COLUMN_SHRINK,
		       "type, or size and content"},
	[KIND_TYPE] = {"type", "", HC_CELL_NAME, DATA | HC_COLUMN_CLASS, "C++ class; null: none"},
	[KIND_CLASS] = {"class", "", HC_CELL_NAME, DATA | HC_COLUMN_CLASS,
			"content class; null where there is a type"},
	[KIND_MIN_SIZE] = {"min_size", "", HC_CELL_COUNT, DATA, "smallest chunk size"},
	[KIND_MAX_SIZE] = {"max_size", "", HC_CELL_COUNT, DATA, "largest chunk size"},
	[KIND_BEFORE_BYTES] = {"before_bytes", "", HC_CELL_BYTES, DATA, "in the first core"},
	[KIND_AFTER_BYTES] = {"after_bytes", "", HC_CELL_BYTES, DATA, "in the last core"},
	[KIND_BEFORE_LOST_CHUNKS] = {"before_lost_chunks", "", HC_CELL_COUNT, DATA,
				     "lost in the first core"},
	[KIND_BEFORE_LOST_BYTES] = {"before_lost_bytes", "", HC_CELL_BYTES, DATA,
				    "lost in the first core"},
	[KIND_AFTER_LOST_CHUNKS] = {"after_lost_chunks", "", HC_CELL_COUNT, DATA,
				    "lost in the last core"},
	[KIND_AFTER_LOST_BYTES] = {"after_lost_bytes", "", HC_CELL_BYTES, DATA,
				   "lost in the last core"},
	[KIND_UNCHANGED_CHUNKS] = {"unchanged_chunks", "", HC_CELL_COUNT, DATA,
				   "in the last core, as they were in the core before; null when "
				   "the cores are of different processes"},
	[KIND_ADDRESS] = {"sample_address", "", HC_CELL_ADDRESS, DATA,
			  "of a chunk in the last core: a lost one, or a new one, if there is any"},
	[KIND_SAMPLE] = {"sample", "", HC_CELL_CONTENT, DATA, HC_SAMPLE_HELP},
};

const struct hc_shape hc_diff_kinds_shape = {
	.key = "kinds", .name = "kinds", HC_COLUMNS(kind_columns)};

/** "528-byte", "16 to 528-byte" */
static struct hc_cell sizes_cell(const struct hc_diff_kind *kind, struct hc_document *doc)
{
	if (kind->min_size == kind->max_size)
		return HC_PHRASE(doc, "{} bytes", hc_cell_count(kind->min_size));
	return HC_PHRASE(doc, "{} to {} bytes", hc_cell_count(kind->min_size),
			 hc_cell_count(kind->max_size));
}

static struct hc_cell type_cell(const struct hc_diff_kind *kind)
{
	return hc_cell_needs(HC_CONTENT_CLASS, hc_cell_name(kind->type));
}

/** Names of arenas and the like are no content; those of findings may tell types and classes. */
static struct hc_cell what_cell(const struct hc_diff_view *view, const struct hc_diff_kind *kind,
				struct hc_document *doc)
{
	if (kind->finding)
		return hc_cell_or(HC_CONTENT_CLASS, hc_cell_name(kind->finding->title),
				  kind->finding->plain);
	if (view->by != HC_DIFF_BY_KIND)
		return hc_cell_name(kind->type);
	struct hc_cell label =
		kind->type ? type_cell(kind) : hc_class_cell(view->session, kind->class_id);

	if (label.kind == HC_CELL_UNKNOWN)
		label = hc_cell_text("chunks");
	label.instead = "chunks";
	return HC_PHRASE(doc, "{} of {}", label, sizes_cell(kind, doc));
}

/** Change of a row's bytes, as if it had gone on for an hour. */
static struct hc_cell per_hour_cell(const struct hc_diff_view *view,
				    const struct hc_diff_kind *kind)
{
	uint64_t seconds = seconds_between(view);
	int64_t change = hc_diff_row_bytes(view->by, &kind->sides[last_of(view)]) -
			 hc_diff_row_bytes(view->by, &kind->sides[0]);

	return seconds >= MIN_SECONDS ? hc_cell_change_bytes((double)change * 3600 / seconds)
				      : hc_cell_unknown();
}

static void fill_kind(const struct hc_diff_view *view, const struct hc_diff_kind *kind,
		      struct hc_sampler *sampler, struct hc_document *doc, struct hc_table *table)
{
	const struct hc_diff_side *before = &kind->sides[0], *after = &kind->sides[last_of(view)];

	hc_table_add_row(table);
	hc_table_cell(table, KIND_CHANGE,
		      hc_cell_change_bytes(hc_diff_bytes(after) - hc_diff_bytes(before)));
	hc_table_cell(table, KIND_PER_HOUR, per_hour_cell(view, kind));
	hc_table_cell(table, KIND_CHUNKS,
		      hc_cell_change(hc_diff_chunks(after) - hc_diff_chunks(before)));
	hc_table_number(table, KIND_BEFORE, hc_diff_chunks(before));
	hc_table_number(table, KIND_AFTER, hc_diff_chunks(after));
	hc_table_cell(table, KIND_LOST, hc_cell_change(after->lost.chunks - before->lost.chunks));
	if (view->heap.same_process) {
		hc_table_number(table, KIND_FRESH, hc_diff_chunks(after) - after->unchanged.chunks);
		hc_table_number(table, KIND_UNCHANGED_CHUNKS, after->unchanged.chunks);
		if (view->num > 2)
			hc_table_number(table, KIND_STAYED, kind->stayed.chunks);
	}
	hc_table_cell(table, KIND_WHAT, what_cell(view, kind, doc));
	hc_table_cell(table, KIND_TYPE, type_cell(kind));
	hc_table_cell(table, KIND_CLASS, hc_class_cell(view->session, kind->class_id));
	hc_table_number(table, KIND_MIN_SIZE, kind->min_size);
	hc_table_number(table, KIND_MAX_SIZE, kind->max_size);
	hc_table_number(table, KIND_BEFORE_BYTES, hc_diff_bytes(before));
	hc_table_number(table, KIND_AFTER_BYTES, hc_diff_bytes(after));
	hc_table_number(table, KIND_BEFORE_LOST_CHUNKS, before->lost.chunks);
	hc_table_number(table, KIND_BEFORE_LOST_BYTES, before->lost.bytes);
	hc_table_number(table, KIND_AFTER_LOST_CHUNKS, after->lost.chunks);
	hc_table_number(table, KIND_AFTER_LOST_BYTES, after->lost.bytes);
	if (kind->sample_core != last_of(view))
		return;
	hc_table_cell(table, KIND_ADDRESS, hc_cell_address(kind->sample));
	hc_table_cell(table, KIND_SAMPLE, hc_sampler_cell(sampler, kind->sample, 0));
}

static bool has_changed(const struct hc_diff_view *view, const struct hc_diff_kind *kind)
{
	const struct hc_diff_side *before = &kind->sides[0], *after = &kind->sides[last_of(view)];

	return hc_diff_row_chunks(view->by, before) != hc_diff_row_chunks(view->by, after) ||
	       hc_diff_row_bytes(view->by, before) != hc_diff_row_bytes(view->by, after) ||
	       before->lost.chunks != after->lost.chunks;
}

/** @name Places of chunks, with --by */
/**@{*/

enum place_column {
	PLACE_CHANGE,
	PLACE_PER_HOUR,
	PLACE_CHUNKS,
	PLACE_BEFORE,
	PLACE_AFTER,
	PLACE_LOST,
	PLACE_STAYED,
	PLACE_TITLE,
	PLACE_HOW,
	PLACE_NAME,
	PLACE_BEFORE_CHUNKS,
	PLACE_AFTER_CHUNKS,
	PLACE_BEFORE_LOST_BYTES,
	PLACE_AFTER_LOST_BYTES,
	PLACE_FRESH,
	PLACE_BEFORE_FREE_CHUNKS,
	PLACE_BEFORE_FREE_BYTES,
	PLACE_AFTER_FREE_CHUNKS,
	PLACE_AFTER_FREE_BYTES,
	PLACE_CAUSE,
	PLACE_ADDRESS,
	NUM_PLACE_COLUMNS
};

static const struct hc_column place_columns[NUM_PLACE_COLUMNS] = {
	[PLACE_CHANGE] = {"change_bytes", "CHANGE", HC_CELL_CHANGE_BYTES, 0,
			  "bytes of chunks in use, from the first core to the last; of a finding, "
			  "of all that it has"},
	[PLACE_PER_HOUR] =
		{"change_per_hour", "AN HOUR", HC_CELL_CHANGE_BYTES, 0,
		 "the same in an hour, about; null: less than a minute lies between, or how "
		 "much is not known"},
	[PLACE_CHUNKS] = {"change_chunks", "CHUNKS", HC_CELL_CHANGE, 0, "the same in chunks"},
	[PLACE_BEFORE] = {"before_bytes", "BEFORE", HC_CELL_BYTES, 0, "in the first core"},
	[PLACE_AFTER] = {"after_bytes", "AFTER", HC_CELL_BYTES, 0, "in the last core"},
	[PLACE_LOST] = {"change_lost_bytes", "LOST", HC_CELL_CHANGE_BYTES, 0,
			"of chunks that nothing points to any more"},
	[PLACE_STAYED] = {"stayed_chunks", "STAYED", HC_CELL_COUNT, 0,
			  "of three cores: chunks that came between the first two, and were "
			  "unchanged in the third"},
	[PLACE_TITLE] = {"title", "WHERE", HC_CELL_PHRASE, HC_COLUMN_TEXT_ONLY | HC_COLUMN_SHRINK,
			 "the place, and whether it is new or gone"},
	[PLACE_HOW] = {"how", "", HC_CELL_TEXT, DATA,
		       "new: it had nothing before; gone: it has nothing any more; else grown, "
		       "shrunk or same"},
	[PLACE_NAME] = {"place", "", HC_CELL_NAME, DATA,
			"arena, thread, mapping, holder or finding, as --by says"},
	[PLACE_BEFORE_CHUNKS] = {"before_chunks", "", HC_CELL_COUNT, DATA, "in the first core"},
	[PLACE_AFTER_CHUNKS] = {"after_chunks", "", HC_CELL_COUNT, DATA, "in the last core"},
	[PLACE_BEFORE_LOST_BYTES] = {"before_lost_bytes", "", HC_CELL_BYTES, DATA,
				     "lost in the first core"},
	[PLACE_AFTER_LOST_BYTES] = {"after_lost_bytes", "", HC_CELL_BYTES, DATA,
				    "lost in the last core"},
	[PLACE_FRESH] = {"fresh_chunks", "", HC_CELL_COUNT, DATA,
			 "in the last core, new or written to since the core before; null when the "
			 "cores are of different processes"},
	[PLACE_BEFORE_FREE_CHUNKS] = {"before_free_chunks", "", HC_CELL_COUNT, DATA,
				      "free in the first core, of an arena, thread, mapping or "
				      "finding"},
	[PLACE_BEFORE_FREE_BYTES] = {"before_free_bytes", "", HC_CELL_BYTES, DATA, "the same"},
	[PLACE_AFTER_FREE_CHUNKS] = {"after_free_chunks", "", HC_CELL_COUNT, DATA,
				     "free in the last core"},
	[PLACE_AFTER_FREE_BYTES] = {"after_free_bytes", "", HC_CELL_BYTES, DATA, "the same"},
	[PLACE_CAUSE] = {"cause", "", HC_CELL_TEXT, DATA,
			 "of a finding: lost, held, freed, stacks or outside; null: of none"},
	[PLACE_ADDRESS] = {"sample_address", "", HC_CELL_ADDRESS, DATA,
			   "of a chunk in the last core: a lost one, or a new one, if there is "
			   "any"},
};

const struct hc_shape hc_diff_places_shape = {
	.key = "places", .name = "with --by", HC_COLUMNS(place_columns)};

static const char *how_word(uint64_t before, uint64_t after)
{
	if (before == after)
		return "same";
	if (!before || !after)
		return before ? "gone" : "new";
	return before < after ? "grown" : "shrunk";
}

/** "new, lost: HTTP request, 336 bytes" */
static struct hc_cell title_cell(const char *how, struct hc_cell what, struct hc_document *doc)
{
	if (!strcmp(how, "new") || !strcmp(how, "gone"))
		return HC_PHRASE(doc, "{}, {}", hc_cell_text(how), what);
	return what;
}

static void fill_free(const struct hc_diff_side *before, const struct hc_diff_side *after,
		      struct hc_table *table)
{
	hc_table_number(table, PLACE_BEFORE_FREE_CHUNKS, before->free.chunks);
	hc_table_number(table, PLACE_BEFORE_FREE_BYTES, before->free.bytes);
	hc_table_number(table, PLACE_AFTER_FREE_CHUNKS, after->free.chunks);
	hc_table_number(table, PLACE_AFTER_FREE_BYTES, after->free.bytes);
}

static void fill_place(const struct hc_diff_view *view, const struct hc_diff_kind *place,
		       struct hc_document *doc, struct hc_table *table)
{
	const struct hc_diff_side *before = &place->sides[0], *after = &place->sides[last_of(view)];
	uint64_t bytes_before = hc_diff_row_bytes(view->by, before);
	uint64_t bytes_after = hc_diff_row_bytes(view->by, after);
	uint64_t chunks_before = hc_diff_row_chunks(view->by, before);
	uint64_t chunks_after = hc_diff_row_chunks(view->by, after);
	const char *how = how_word(bytes_before, bytes_after);

	hc_table_add_row(table);
	hc_table_cell(table, PLACE_CHANGE, hc_cell_change_bytes(bytes_after - bytes_before));
	hc_table_cell(table, PLACE_PER_HOUR, per_hour_cell(view, place));
	hc_table_cell(table, PLACE_CHUNKS, hc_cell_change(chunks_after - chunks_before));
	hc_table_number(table, PLACE_BEFORE, bytes_before);
	hc_table_number(table, PLACE_AFTER, bytes_after);
	hc_table_cell(table, PLACE_LOST,
		      hc_cell_change_bytes(after->lost.bytes - before->lost.bytes));
	hc_table_text(table, PLACE_HOW, how);
	hc_table_cell(table, PLACE_TITLE, title_cell(how, what_cell(view, place, doc), doc));
	hc_table_cell(table, PLACE_NAME, what_cell(view, place, doc));
	hc_table_number(table, PLACE_BEFORE_CHUNKS, chunks_before);
	hc_table_number(table, PLACE_AFTER_CHUNKS, chunks_after);
	if (hc_diff_has_free(view->by))
		fill_free(before, after, table);
	if (place->finding && *place->finding->key)
		hc_table_text(table, PLACE_CAUSE, hc_finding_kind_name(place->finding->kind));
	hc_table_number(table, PLACE_BEFORE_LOST_BYTES, before->lost.bytes);
	hc_table_number(table, PLACE_AFTER_LOST_BYTES, after->lost.bytes);
	if (view->heap.same_process) {
		hc_table_number(table, PLACE_FRESH,
				hc_diff_chunks(after) - after->unchanged.chunks);
		if (view->num > 2)
			hc_table_number(table, PLACE_STAYED, place->stayed.chunks);
	}
	if (place->sample_core == last_of(view))
		hc_table_cell(table, PLACE_ADDRESS, hc_cell_address(place->sample));
}

static void describe_places(const struct hc_diff_view *view, struct hc_document *doc)
{
	enum hc_format format = view->session->options->format;
	struct hc_table *table;
	size_t shown = 0;

	if (view->by == HC_DIFF_BY_FINDING)
		HC_HEADING(doc, "Findings");
	else
		HC_HEADING(doc, "Chunks in use by {}", hc_cell_text(hc_diff_by_name(view->by)));
	table = hc_add_table(doc, &hc_diff_places_shape);
	hc_document_main(doc, table);
	if (view->num < 3 || !view->heap.same_process)
		hc_table_hide(table, PLACE_STAYED);
	for (size_t i = 0; i < view->heap.num_kinds; i++) {
		const struct hc_diff_kind *place = &view->heap.kinds[i];

		if (hc_format_is_for_people(format) && !has_changed(view, place))
			continue;
		fill_place(view, place, doc, table);
		shown++;
	}
	say_left_out(view, table, shown, doc);
}
/**@}*/

/** In data every kind, in text those that changed. */
static void describe_kinds(const struct hc_diff_view *view, struct hc_sampler *sampler,
			   struct hc_document *doc)
{
	enum hc_format format = view->session->options->format;
	struct hc_table *table;
	size_t shown = 0;

	HC_HEADING(doc, "Kinds of chunks in use");
	table = hc_add_table(doc, &hc_diff_kinds_shape);
	hc_document_main(doc, table);
	if (view->num < 3 || !view->heap.same_process)
		hc_table_hide(table, KIND_STAYED);
	for (size_t i = 0; i < view->heap.num_kinds; i++) {
		const struct hc_diff_kind *kind = &view->heap.kinds[i];

		if (hc_format_is_for_people(format) && !has_changed(view, kind))
			continue;
		fill_kind(view, kind, sampler, doc, table);
		shown++;
	}
	say_left_out(view, table, shown, doc);
}
/**@}*/

/** @name Mappings */
/**@{*/

enum mapping_column {
	MAP_CHANGE,
	MAP_HOW,
	MAP_BEFORE,
	MAP_AFTER,
	MAP_KIND,
	MAP_TITLE,
	MAP_START,
	MAP_NAME,
	MAP_BEFORE_START,
	MAP_BEFORE_RESIDENT,
	MAP_AFTER_RESIDENT,
	MAP_BEFORE_NUM,
	MAP_AFTER_NUM,
	MAP_NOTE,
	MAP_PATH,
	NUM_MAP_COLUMNS
};

static const struct hc_column mapping_columns[NUM_MAP_COLUMNS] = {
	[MAP_CHANGE] = {"change_bytes", "CHANGE", HC_CELL_CHANGE_BYTES, 0,
			"resident bytes where both files have them, else mapped ones"},
	[MAP_HOW] = {"how", "HOW", HC_CELL_TEXT, 0,
		     "same, grown, shrunk, moved, split, merged, new or gone"},
	[MAP_BEFORE] = {"before_size", "BEFORE", HC_CELL_BYTES, 0, "address space, before"},
	[MAP_AFTER] = {"after_size", "AFTER", HC_CELL_BYTES, 0, "and after"},
	[MAP_KIND] = {"kind", "", HC_CELL_TEXT, DATA, "what it is for"},
	[MAP_TITLE] = {"title", "KIND", HC_CELL_TEXT, HC_COLUMN_TEXT_ONLY, "the same in words"},
	[MAP_START] = {"start", "START", HC_CELL_ADDRESS, 0, "after; before, where it is gone"},
	[MAP_NAME] = {"name", "NAME", HC_CELL_NAME, HC_COLUMN_TEXT_ONLY | HC_COLUMN_SHRINK,
		      "whose it is, or its file without the folder"},
	[MAP_BEFORE_START] = {"before_start", "", HC_CELL_ADDRESS, DATA, "null: it is new"},
	[MAP_BEFORE_RESIDENT] = {"before_resident", "", HC_CELL_BYTES, DATA, "smaps and pmap only"},
	[MAP_AFTER_RESIDENT] = {"after_resident", "", HC_CELL_BYTES, DATA, "smaps and pmap only"},
	[MAP_BEFORE_NUM] = {"before_mappings", "", HC_CELL_COUNT, DATA, "how many it was"},
	[MAP_AFTER_NUM] = {"after_mappings", "", HC_CELL_COUNT, DATA, "how many it is"},
	[MAP_NOTE] = {"note", "", HC_CELL_NAME, DATA, "whose it is"},
	[MAP_PATH] = {"path", "", HC_CELL_NAME, DATA, "of its file"},
};

const struct hc_shape hc_diff_mappings_shape = {
	.key = "mappings", .name = "mappings", HC_COLUMNS(mapping_columns)};

static const struct hc_mapping *shown_mapping(const struct hc_mapping_pair *pair)
{
	return pair->after.num ? pair->after.first : pair->before.first;
}

static struct hc_cell resident_cell(const struct hc_mapping_side *side)
{
	return side->num && side->resident != HC_UNKNOWN_BYTES ? hc_cell_bytes(side->resident)
							       : hc_cell_unknown();
}

static struct hc_cell name_cell(const struct hc_mapping *mapping)
{
	return hc_cell_name(mapping->note ? mapping->note : hc_base_name(mapping->path));
}

static void fill_mapping(struct hc_table *table, const struct hc_mapping_pair *pair)
{
	const struct hc_mapping *mapping = shown_mapping(pair);

	hc_table_add_row(table);
	hc_table_cell(table, MAP_CHANGE, hc_cell_change_bytes(pair->growth));
	hc_table_text(table, MAP_HOW, hc_mapping_change_name(pair->change));
	hc_table_number(table, MAP_BEFORE, pair->before.size);
	hc_table_number(table, MAP_AFTER, pair->after.size);
	hc_table_text(table, MAP_KIND, hc_mapping_kind_name(mapping->kind));
	hc_table_text(table, MAP_TITLE, hc_mapping_kind_title(mapping->kind));
	hc_table_number(table, MAP_START, mapping->start);
	hc_table_cell(table, MAP_NAME, name_cell(mapping));
	if (pair->before.num)
		hc_table_number(table, MAP_BEFORE_START, pair->before.first->start);
	hc_table_cell(table, MAP_BEFORE_RESIDENT, resident_cell(&pair->before));
	hc_table_cell(table, MAP_AFTER_RESIDENT, resident_cell(&pair->after));
	hc_table_number(table, MAP_BEFORE_NUM, pair->before.num);
	hc_table_number(table, MAP_AFTER_NUM, pair->after.num);
	hc_table_cell(table, MAP_NOTE, hc_cell_name(mapping->note));
	hc_table_cell(table, MAP_PATH, hc_cell_name(mapping->path));
}

/** In data every pair, in text those that changed: both ends of the order, which is by growth. */
static void describe_mappings(const struct hc_diff_view *view, struct hc_document *doc)
{
	const struct hc_mapping_diff *diff = &view->mappings;
	bool people = hc_format_is_for_people(view->session->options->format);
	struct hc_table *table;
	size_t shown = 0;

	if (!view->sums)
		HC_HEADING(doc, "{}",
			   hc_cell_text(diff->has_resident ? "Mappings, by resident bytes"
							   : "Mappings, by address space"));
	table = hc_add_table(doc, &hc_diff_mappings_shape);
	for (size_t i = 0; i < diff->num_pairs; i++) {
		if (people && diff->pairs[i].change == HC_MAPPING_SAME)
			continue;
		fill_mapping(table, &diff->pairs[i]);
		shown++;
	}
	if (!view->cores)
		hc_document_main(doc, table);
	if (!view->sums)
		say_left_out(view, table, shown, doc);
}
/**@}*/

/** @name The sentence */
/**@{*/

/** "58 minutes", "3.5 hours" */
static struct hc_cell time_cell(uint64_t seconds, struct hc_document *doc)
{
	static const struct {
		uint64_t seconds;
		const char *unit;
	} units[] = {{86400, "day"}, {3600, "hour"}, {60, "minute"}, {1, "second"}};

	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		uint64_t num = (seconds + units[i].seconds / 2) / units[i].seconds;
		/* Two of a unit at least, so that rounding costs no more than a quarter. */
		if (seconds >= 2 * units[i].seconds || units[i].seconds == 1)
			return HC_PHRASE(doc, "{} {}{}", hc_cell_count(num),
					 hc_cell_text(units[i].unit), hc_cell_plural(num));
	}
	return hc_cell_unknown();
}

/** " in 58 minutes", or nothing */
static struct hc_cell during_cell(const struct hc_diff_view *view, struct hc_document *doc)
{
	uint64_t seconds = seconds_between(view);

	return seconds ? HC_PHRASE(doc, " in {}", time_cell(seconds, doc)) : hc_cell_unknown();
}

/** The kind that the verdict is about: of a leak, the one of which most was lost. */
static const struct hc_diff_kind *main_kind(const struct hc_diff_view *view)
{
	const struct hc_diff_kind *best = NULL;
	int64_t most = 0;

	for (size_t i = 0; i < view->heap.num_kinds; i++) {
		const struct hc_diff_kind *kind = &view->heap.kinds[i];
		const struct hc_diff_side *before = &kind->sides[0];
		const struct hc_diff_side *after = &kind->sides[last_of(view)];
		int64_t change = view->cause == HC_DIFF_LOST
					 ? after->lost.bytes - before->lost.bytes
					 : after->held.bytes - before->held.bytes;

		/* What is in no finding is no kind. */
		if (change > most && !(kind->finding && !*kind->finding->key)) {
			most = change;
			best = kind;
		}
	}
	return best;
}

static const char *growth_words(const struct hc_diff_view *view)
{
	if (!view->cores)
		return view->mappings.has_resident ? "Resident anonymous memory"
						   : "Anonymous address space";
	switch (view->cause) {
	case HC_DIFF_LOST:
		return "What nothing points to any more";
	case HC_DIFF_HELD:
		return "What the program still points to";
	case HC_DIFF_FREE:
		return "Freed memory that the allocator keeps";
	default:
		return "Memory outside of malloc";
	}
}

static void say_kind(const struct hc_diff_view *view, const struct hc_diff_kind *kind,
		     struct hc_document *doc)
{
	const struct hc_diff_side *before = &kind->sides[0], *after = &kind->sides[last_of(view)];
	bool lost = view->cause == HC_DIFF_LOST;
	uint64_t chunks = lost ? after->lost.chunks - before->lost.chunks
			       : after->held.chunks - before->held.chunks;
	uint64_t bytes = lost ? after->lost.bytes - before->lost.bytes
			      : after->held.bytes - before->held.bytes;

	/* Chunks may be fewer and larger. */
	if ((int64_t)chunks > 0)
		HC_SAY(doc, "Most of it: {}; {} more are {}, {} ({} by now).",
		       what_cell(view, kind, doc), hc_cell_count(chunks),
		       hc_cell_text(lost ? "lost" : "held"), hc_cell_bytes(bytes),
		       hc_cell_count(lost ? after->lost.chunks : after->held.chunks));
	if (view->num > 2 && view->heap.same_process && kind->stayed.chunks)
		HC_SAY(doc,
		       "{} of them came before the second core and were unchanged in the third.",
		       hc_cell_count(kind->stayed.chunks));
}

/** A mapping that grew by less than this share of the first of its kind is no part of the story. */
#define GROWTH_SHARE 10

/** What grew most of the mappings: one kind of them, and whose they are if they are all alike. */
struct mapping_growth {
	enum hc_mapping_kind kind;
	uint64_t num, bytes, most; /**< most: of one mapping */
	const char *name; /**< what the threads are called; NULL: not known, or several names */
};

static const char *thread_name(const struct hc_diff_view *view, const struct hc_mapping *mapping)
{
	const struct hc_moment *moment = &view->moments[last_of(view)];

	return moment->names.items ? moment->names.items[mapping - moment->own.items] : NULL;
}

static void add_growth(const struct hc_diff_view *view, const struct hc_mapping_pair *pair,
		       struct mapping_growth *growth)
{
	const char *name = thread_name(view, pair->after.first);

	if (!growth->num) {
		growth->name = name;
		growth->most = pair->growth;
	} else if ((uint64_t)pair->growth < growth->most / GROWTH_SHARE) {
		return;
	} else if (!name || !growth->name || strcmp(name, growth->name) != 0) {
		growth->name = NULL;
	}
	growth->num++;
	growth->bytes += pair->growth;
}

static struct mapping_growth main_growth(const struct hc_diff_view *view)
{
	const struct hc_mapping_diff *diff = &view->mappings;
	struct mapping_growth growths[HC_NUM_MAPPING_KINDS] = {0}, best = {0};

	for (size_t i = 0; i < diff->num_pairs; i++)
		if (diff->pairs[i].growth > 0 && diff->pairs[i].after.num)
			add_growth(view, &diff->pairs[i],
				   &growths[diff->pairs[i].after.first->kind]);
	for (unsigned i = 0; i < HC_NUM_MAPPING_KINDS; i++) {
		growths[i].kind = i;
		if (growths[i].bytes > best.bytes)
			best = growths[i];
	}
	return best;
}

static void say_mappings(const struct hc_diff_view *view, struct hc_document *doc)
{
	const struct mapping_growth growth = main_growth(view);
	struct hc_cell whose = hc_cell_unknown();

	if (!growth.bytes)
		return;
	if (growth.name)
		whose = HC_PHRASE(doc, ", of threads that began in {}", hc_cell_name(growth.name));
	HC_SAY(doc, "Most of it is in {} mapping{} of one kind, {}{}: {} more.",
	       hc_cell_count(growth.num), hc_cell_plural(growth.num),
	       hc_cell_text(hc_mapping_kind_title(growth.kind)), whose,
	       hc_cell_bytes(growth.bytes));
}

static void say_growth(const struct hc_diff_view *view, struct hc_document *doc)
{
	uint64_t seconds = seconds_between(view);
	uint64_t bytes = view->places[view->cause][1] - view->places[view->cause][0];
	const struct hc_diff_kind *kind = main_kind(view);
	struct hc_cell rate = hc_cell_unknown();

	if (seconds >= MIN_SECONDS)
		rate = HC_PHRASE(doc, ", about {} an hour",
				 hc_cell_bytes((double)bytes * 3600 / seconds));
	HC_SAY_STRONG(doc, "{}. {} grew by {}{}{}.",
		      hc_cell_text(view->trend == HC_TREND_LEAK ? "Leak" : "Growth"),
		      hc_cell_text(growth_words(view)), hc_cell_bytes(bytes),
		      during_cell(view, doc), rate);
	if (kind && (view->cause == HC_DIFF_LOST || view->cause == HC_DIFF_HELD))
		say_kind(view, kind, doc);
	if (!view->cores)
		say_mappings(view, doc);
}

static void say_verdict(const struct hc_diff_view *view, struct hc_document *doc)
{
	struct hc_cell during = during_cell(view, doc);

	if (view->trend == HC_TREND_LEAK || view->trend == HC_TREND_GROWTH)
		say_growth(view, doc);
	else if (view->trend == HC_TREND_SHRINKING)
		HC_SAY_STRONG(doc, "Shrinking: less memory is in use than before{}.", during);
	else
		HC_SAY_STRONG(doc,
			      "Steady: no kind of memory changed by more than a hundredth of the "
			      "whole{}.",
			      during);
	if (view->sums)
		HC_SAY(doc, "These are sums over all mappings, which a smaps_rollup doesn't tell "
			    "apart.");
	else if (!view->same_process)
		HC_SAY(doc, "The two are of different processes: addresses are not compared, and "
			    "mappings are put together by name.");
}
/**@}*/

/** @name The totals */
/**@{*/

enum total_column { TOTAL_LABEL, TOTAL_BEFORE, TOTAL_AFTER, TOTAL_CHANGE, NUM_TOTAL_COLUMNS };

static const struct hc_column total_columns[NUM_TOTAL_COLUMNS] = {
	[TOTAL_LABEL] = {"part", " ", HC_CELL_TEXT, 0, "where memory is"},
	[TOTAL_BEFORE] = {"before", "BEFORE", HC_CELL_BYTES, 0, "in the first file"},
	[TOTAL_AFTER] = {"after", "AFTER", HC_CELL_BYTES, 0, "in the last one"},
	[TOTAL_CHANGE] = {"change", "CHANGE", HC_CELL_CHANGE_BYTES, 0, "bytes"},
};

static const struct hc_shape totals_shape = {HC_COLUMNS(total_columns)};

static const char *place_title(const struct hc_diff_view *view, enum hc_diff_place place)
{
	static const char *const titles[HC_NUM_DIFF_PLACES] = {
		[HC_DIFF_LOST] = "in use, lost",
		[HC_DIFF_HELD] = "in use, held",
		[HC_DIFF_FREE] = "free",
		[HC_DIFF_OUTSIDE] = "other anonymous",
	};
	if (place == HC_DIFF_OUTSIDE && !view->cores)
		return view->mappings.has_resident ? "anonymous, resident" : "anonymous";
	return titles[place];
}

static void describe_totals(const struct hc_diff_view *view, struct hc_document *doc)
{
	struct hc_table *table = hc_add_text_table(doc, &totals_shape);

	table->indent = 2;
	for (enum hc_diff_place i = 0; i < HC_NUM_DIFF_PLACES; i++) {
		uint64_t before = view->places[i][0], after = view->places[i][1];

		if (!view->cores && i != HC_DIFF_OUTSIDE)
			continue;
		hc_table_add_row(table);
		hc_table_text(table, TOTAL_LABEL, place_title(view, i));
		hc_table_number(table, TOTAL_BEFORE, before);
		hc_table_number(table, TOTAL_AFTER, after);
		hc_table_cell(table, TOTAL_CHANGE, hc_cell_change_bytes(after - before));
	}
}

static void add_moment(const struct hc_diff_view *view, unsigned i, struct hc_document *doc)
{
	const struct hc_moment *moment = &view->moments[i];
	const struct hc_diff_side *side = &view->heap.total[i];

	hc_begin_object(doc, NULL, HC_CONTENT_NONE);
	hc_fact(doc, "file", NULL, hc_cell_name(moment->path));
	hc_fact(doc, "time", NULL, moment->time ? hc_cell_number(moment->time) : hc_cell_unknown());
	hc_fact(doc, "pid", NULL,
		moment->target ? hc_cell_number(moment->target->process->core->prpsinfo.pid)
			       : hc_cell_unknown());
	if (view->cores) {
		hc_count_fact(doc, "held", HC_CONTENT_NONE, side->held.chunks, side->held.bytes);
		hc_count_fact(doc, "lost", HC_CONTENT_NONE, side->lost.chunks, side->lost.bytes);
		hc_count_fact(doc, "free", HC_CONTENT_NONE, view->heap.free[i].chunks,
			      view->heap.free[i].bytes);
	}
	hc_end(doc);
}

static void add_facts(const struct hc_diff_view *view, struct hc_document *doc)
{
	bool grew = view->trend == HC_TREND_LEAK || view->trend == HC_TREND_GROWTH;
	uint64_t seconds = seconds_between(view);

	hc_fact(doc, "compared", NULL, hc_cell_text(view->cores ? "heaps" : "mappings"));
	if (view->cores)
		hc_fact(doc, "by", NULL, hc_cell_text(hc_diff_by_name(view->by)));
	hc_fact(doc, "same_process", NULL, hc_cell_bool(view->same_process));
	hc_fact(doc, "seconds", NULL, seconds ? hc_cell_number(seconds) : hc_cell_unknown());
	hc_fact(doc, "verdict", NULL, hc_cell_text(trend_name(view->trend)));
	hc_fact(doc, "cause", NULL, hc_cell_text(grew ? place_name(view->cause) : NULL));
	hc_fact(doc, "growth_bytes", NULL, hc_cell_change_bytes(view->growth));
	hc_begin_array(doc, "moments", HC_CONTENT_NONE);
	for (unsigned i = 0; i < view->num; i++)
		add_moment(view, i, doc);
	hc_end(doc);
	hc_begin_object(doc, "change", HC_CONTENT_NONE);
	for (enum hc_diff_place i = 0; i < HC_NUM_DIFF_PLACES; i++)
		hc_fact(doc, place_name(i), NULL,
			view->cores || i == HC_DIFF_OUTSIDE
				? hc_cell_change_bytes(view->places[i][1] - view->places[i][0])
				: hc_cell_unknown());
	hc_end(doc);
}
/**@}*/

static void say_names(const struct hc_diff_view *view, struct hc_document *doc)
{
	struct hc_cell names = hc_cell_unknown();

	for (unsigned i = 0; i < view->num; i++)
		names = hc_phrase_join(doc, names, " -> ", hc_cell_name(view->moments[i].path));
	HC_SAY(doc, "{}", names);
	for (unsigned i = 0; i < view->num; i++)
		if (view->moments[i].target && view->moments[i].target->no_heap)
			HC_SAY(doc, "{}: {}; mappings are compared.",
			       hc_cell_name(view->moments[i].path),
			       hc_cell_name(view->moments[i].target->no_heap));
	hc_blank(doc);
}

/** What leads on from a kind that grew. */
static void say_next(const struct hc_diff_view *view, struct hc_document *doc)
{
	const struct hc_diff_kind *kind = main_kind(view);
	const char *path = view->moments[last_of(view)].path;

	if (!kind || kind->sample_core != last_of(view))
		return;
	hc_blank(doc);
	HC_SAY(doc, "Next: look at one of them, and at what is lost or held in the last core:");
	HC_LINE(doc, "      heapcore what {} {}", hc_cell_name(path),
		hc_cell_address(kind->sample));
	HC_LINE(doc, "      heapcore analyze {}", hc_cell_name(path));
}

static struct hc_error *describe_heaps(const struct hc_diff_view *view, struct hc_document *doc)
{
	hc_cleanup_sampler struct hc_sampler sampler = {0};
	struct hc_error *err = NULL;

	if (view->by == HC_DIFF_BY_KIND)
		err = hc_sampler_init(&sampler, view->session);
	else
		describe_places(view, doc);
	if (err || view->by != HC_DIFF_BY_KIND)
		return err;
	describe_kinds(view, &sampler, doc);
	return NULL;
}

struct hc_error *hc_diff_describe(const struct hc_diff_view *view, struct hc_document *doc)
{
	struct hc_error *err = NULL;

	say_names(view, doc);
	add_facts(view, doc);
	say_verdict(view, doc);
	hc_blank(doc);
	describe_totals(view, doc);
	if (view->cores)
		err = describe_heaps(view, doc);
	if (err)
		return err;
	describe_mappings(view, doc);
	if (view->cores && (view->trend == HC_TREND_LEAK || view->trend == HC_TREND_GROWTH))
		say_next(view, doc);
	return NULL;
}
