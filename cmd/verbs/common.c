/**
 * @file
 * heapcore common: what the chunks of a selection, or of each finding, have in common, or pages.
 */
#include <stdlib.h>

#include "analyzers/alike/count_lines.h"
#include "analyzers/blocks/pages.h"
#include "analyzers/verdict/verdict.h"
#include "cmd/select_options.h"
#include "cmd/render/units.h"
#include "cmd/show/common.h"
#include "cmd/show/sample.h"
#include "cmd/verb.h"
#include "core/base/cleanup.h"

struct own {
	uint64_t top;
	bool maps;
	uint64_t kinds; /**< a bit for each enum hc_mapping_kind; 0: those that are writable */
};

enum own_id { OWN_TOP, OWN_MAPS, OWN_KIND };

static const struct hc_option own_options[] = {
	{OWN_TOP, 't', "top", "N",
	 "the first N texts that repeat; 0: all (default: 20 in text, else all)"},
	{OWN_MAPS, 0, "maps", NULL, "pages of mappings instead of chunks"},
	{OWN_KIND, 0, "kind", "LIST",
	 "with --maps, mappings of these kinds: {words} (default: all that are writable)",
	 HC_VALUE_LIST, hc_mapping_kind_word},
	{0},
};

static const struct own own_defaults = {.top = HC_TOP_DEFAULT};

static struct hc_error *set(void *ctx, int id, const char *value)
{
	struct own *own = ctx;

	switch ((enum own_id)id) {
	case OWN_TOP:
		return hc_parse_count("--top", value, &own->top);
	case OWN_MAPS:
		own->maps = true;
		return NULL;
	case OWN_KIND:
		return hc_parse_names("--kind", value, hc_mapping_kind_word, &own->kinds);
	}
	return NULL;
}

static bool counts_pages(const struct hc_session *session)
{
	const struct own *own = session->options->own;

	return own->maps;
}

/** What is counted: "chunk" or "page". */
static struct hc_cell unit_word(const struct hc_session *session)
{
	return hc_cell_text(counts_pages(session) ? "page" : "chunk");
}

/** @name Repeats for people */
/**@{*/

enum repeat_column { R_SET, R_CHUNKS, R_SHARE, R_KIND, R_VALUES, R_TEXT, R_NUM };

#define REPEAT_COLUMNS(title, units)                                                               \
	{                                                                                          \
		[R_SET] = {"set", "", HC_CELL_COUNT, HC_COLUMN_DATA_ONLY | HC_COLUMN_ASCENDING,    \
			   "number among the findings with chunks, from 1"},                       \
		[R_CHUNKS] = {"chunks", title, HC_CELL_COUNT, 0, "that hold the text"},            \
		[R_SHARE] = {"share", "SHARE", HC_CELL_SHARE, 0,                                   \
			     "of the " units " in which it was counted"},                          \
		[R_KIND] = {"kind", "KIND", HC_CELL_TEXT, 0,                                       \
			    "what the text is; \"and\": it is in exactly the same " units          \
			    " as the one above"},                                                  \
		[R_VALUES] = {"values", "VALUES", HC_CELL_TEXT, 0, "distinct values of its key"},  \
		[R_TEXT] = {"text", "TEXT", HC_CELL_CONTENT, HC_COLUMN_SHRINK, "the text"},        \
	}

static const struct hc_column repeat_columns[R_NUM] = REPEAT_COLUMNS("CHUNKS", "chunks");
static const struct hc_column page_repeat_columns[R_NUM] = REPEAT_COLUMNS("PAGES", "pages");

static const struct hc_shape repeats_shape = {.name = "texts that repeat",
					      HC_COLUMNS(repeat_columns)};
static const struct hc_shape page_repeats_shape = {.name = "texts that repeat in pages",
						   HC_COLUMNS(page_repeat_columns)};

static void set_text(struct hc_table *table, struct hc_bytes bytes, bool cut)
{
	struct hc_excerpt excerpt = {.bytes = bytes};
	struct hc_cell text = hc_cell_content(&excerpt);

	if (cut)
		hc_table_phrase(table, R_TEXT, "{}...", HC_CELLS(text));
	else
		hc_table_cell(table, R_TEXT, text);
}

static void add_repeat_rows(struct hc_table *table, const struct hc_repeat *repeat,
			    uint64_t counted, size_t set)
{
	hc_table_add_row(table);
	hc_table_number(table, R_SET, set);
	hc_table_number(table, R_CHUNKS, repeat->chunks);
	hc_table_share(table, R_SHARE, hc_share(repeat->chunks, counted));
	hc_table_text(table, R_KIND, hc_token_kind_name(repeat->token.kind));
	if (repeat->token.key_size)
		hc_table_phrase(
			table, R_VALUES, "{}{}",
			HC_CELLS(hc_cell_number(repeat->values),
				 hc_cell_text(repeat->values == HC_REPEATS_MAX_VALUES ? "+" : "")));
	set_text(table, repeat->token.text, repeat->token.cut);
	for (size_t i = 0; i < repeat->num_alike; i++) {
		hc_table_add_row(table);
		hc_table_number(table, R_SET, set);
		hc_table_text(table, R_KIND, "and");
		set_text(table, repeat->alike[i], false);
	}
}

static void fill_repeats(struct hc_table *table, const struct hc_repeats *repeats, size_t num,
			 size_t set)
{
	for (size_t i = 0; i < num; i++)
		add_repeat_rows(table, &repeats->items[i], repeats->counted, set);
}

static size_t shown_repeats(const struct hc_session *session, const struct hc_repeats *repeats)
{
	const struct own *own = session->options->own;

	return hc_top_rows(own->top, session->options->format, repeats->num);
}

static void say_repeats(const struct hc_session *session, const struct hc_repeats *repeats,
			size_t set, struct hc_document *doc)
{
	size_t num = shown_repeats(session, repeats);
	struct hc_cell sought = hc_cell_unknown(), unit = unit_word(session);

	if (!num) {
		hc_blank(doc);
		HC_LINE(doc, "No text repeats.");
		return;
	}
	HC_HEADING(doc, "Texts that repeat");
	if (repeats->searched < repeats->counted || repeats->missed)
		sought = HC_PHRASE(
			doc, " Sought in {} of them; {}.", hc_cell_count(repeats->searched),
			repeats->missed ? HC_PHRASE(doc,
						    "what is in {} or fewer of these may be "
						    "missing",
						    hc_cell_count(repeats->missed))
					: hc_cell_text("no text was left out"));
	HC_SAY_AT(doc, hc_margin("  ", 2, false),
		  "Counted in {} {}{}, once in each. \"and\": in exactly the same {}s.{}",
		  hc_cell_count(repeats->counted), unit, hc_cell_plural(repeats->counted), unit,
		  sought);
	struct hc_table *table = hc_add_text_table(doc, counts_pages(session) ? &page_repeats_shape
									      : &repeats_shape);
	table->indent = 2;
	fill_repeats(table, repeats, num, set);
	if (num < repeats->num)
		HC_LINE(doc, "  and {} more; --top 0 shows all",
			hc_cell_number(repeats->num - num));
}
/**@}*/

/** @name The template for people */
/**@{*/

enum line_column { L_CHUNKS, L_SHARE, L_TEXT, L_NUM };

#define LINE_COLUMNS(title, units)                                                                 \
	{                                                                                          \
		[L_CHUNKS] = {"chunks", title, HC_CELL_COUNT, 0, "with the line"},                 \
		[L_SHARE] = {"share", "SHARE", HC_CELL_SHARE, 0,                                   \
			     "of the " units " in which it was counted"},                          \
		[L_TEXT] = {"text", "LINE", HC_CELL_CONTENT, HC_COLUMN_SHRINK,                     \
			    "what varies is N for digits, H for hexadecimal digits, U for a "      \
			    "UUID, * for anything"},                                               \
	}

static const struct hc_column line_columns[L_NUM] = LINE_COLUMNS("CHUNKS", "chunks");
static const struct hc_column page_line_columns[L_NUM] = LINE_COLUMNS("PAGES", "pages");

static const struct hc_shape lines_shape = {.name = "lines", HC_COLUMNS(line_columns)};
static const struct hc_shape page_lines_shape = {.name = "lines", HC_COLUMNS(page_line_columns)};

/** Columns that one value of a slot may take. */
#define VALUE_WIDTH 24
/** Share from which a value is worth its share. */
#define FREQUENT_VALUE 0.05

static struct hc_cell slot_value(const struct hc_template_slot *slot, size_t i, bool frequent,
				 struct hc_document *doc)
{
	const struct hc_text_count *value = &slot->values[i];
	struct hc_excerpt text = {
		.bytes = {value->text, value->size}, .max = VALUE_WIDTH, .empty = "(empty)"};

	return frequent ? HC_PHRASE(doc, "{} {}", hc_cell_content(&text),
				    hc_cell_share(hc_share(value->matches, slot->seen)))
			: HC_PHRASE(doc, "{}", hc_cell_content(&text));
}

/**
 * "4099 >99 %, (empty) <1 %", or "1,400 values, such as 1000, 1001, 1002" when none of them is
 * frequent.
 */
static struct hc_cell slot_text(const struct hc_template_slot *slot, struct hc_document *doc)
{
	bool frequent = hc_share(slot->values[0].matches, slot->seen) >= FREQUENT_VALUE;
	struct hc_cell distinct =
		HC_PHRASE(doc, "{}{} value{}", hc_cell_text(slot->exact ? "" : "more than "),
			  hc_cell_count(slot->distinct), hc_cell_plural(slot->distinct));
	struct hc_cell list = hc_cell_unknown();

	for (size_t i = 0; i < slot->num_values; i++)
		list = hc_phrase_join(doc, list, ", ", slot_value(slot, i, frequent, doc));
	if (!frequent)
		return HC_PHRASE(doc, "{}, such as {}", distinct, list);
	return slot->num_values < slot->distinct ? HC_PHRASE(doc, "{}; {}", list, distinct) : list;
}

static void add_slot_row(struct hc_table *table, const struct hc_template_slot *slot,
			 struct hc_document *doc)
{
	struct hc_excerpt name = {.bytes = slot->name, .max = VALUE_WIDTH};

	hc_table_add_row(table);
	hc_table_phrase(table, L_TEXT, "    {}{}{}",
			HC_CELLS(hc_cell_content(&name), hc_cell_text(slot->name.size ? ": " : ""),
				 slot_text(slot, doc)));
}

static void say_template(const struct hc_session *session, const struct hc_template *text_template,
			 struct hc_document *doc)
{
	struct hc_cell unit = unit_word(session);

	if (!text_template->num_lines)
		return;
	HC_HEADING(doc, "Lines of text that they share");
	HC_SAY_AT(doc, hc_margin("  ", 2, false),
		  "Counted in {} {}{}. What varies is N (digits), H (hexadecimal), U (a UUID) or "
		  "*; its values are from {} {}{}.",
		  hc_cell_count(text_template->counted), unit,
		  hc_cell_plural(text_template->counted), hc_cell_count(text_template->learned),
		  unit, hc_cell_plural(text_template->learned));
	struct hc_table *table =
		hc_add_text_table(doc, counts_pages(session) ? &page_lines_shape : &lines_shape);
	table->indent = 2;
	for (size_t i = 0; i < text_template->num_lines; i++) {
		const struct hc_template_line *line = &text_template->lines[i];
		struct hc_excerpt text = hc_template_line_excerpt(line);

		hc_table_add_row(table);
		hc_table_number(table, L_CHUNKS, line->chunks);
		hc_table_share(table, L_SHARE, hc_share(line->chunks, text_template->counted));
		hc_table_cell(table, L_TEXT, hc_cell_content(&text));
		for (size_t k = 0; k < line->num_slots; k++)
			add_slot_row(table, &line->slots[k], doc);
	}
}
/**@}*/

/** @name Bytes for people */
/**@{*/

enum field_column { F_OFFSET, F_SIZE, F_VALUES, F_HOLDS, F_NUM };

static const struct hc_column field_columns[F_NUM] = {
	[F_OFFSET] = {"offset", "OFFSET", HC_CELL_COUNT, HC_COLUMN_ASCENDING, "in the chunk"},
	[F_SIZE] = {"size", "SIZE", HC_CELL_COUNT, 0, "bytes"},
	[F_VALUES] = {"distinct", "VALUES", HC_CELL_COUNT, 0,
		      "values, in all bytes together or in the part with most"},
	[F_HOLDS] = {"text", "HOLDS", HC_CELL_NAME, HC_COLUMN_SHRINK, "what the bytes are"},
};

static const struct hc_shape fields_shape = {.name = "fields", HC_COLUMNS(field_columns)};

#define PATTERN_LINE 16

/** The bytes as one pattern: hexadecimal where nearly all chunks agree, ".." elsewhere. */
static void say_pattern(const struct hc_byte_profile *profile, unsigned width,
			struct hc_document *doc)
{
	unsigned full = width < 7 + 3 * PATTERN_LINE ? PATTERN_LINE / 2 : PATTERN_LINE;

	hc_begin_group(doc, HC_CONTENT_SAMPLE, HC_CONTENT_FULL);
	for (unsigned i = 0; i < profile->num_columns; i += full) {
		char line[16 + 3 * PATTERN_LINE];
		size_t used = snprintf(line, sizeof(line), "  %4u ", i);

		for (unsigned k = i; k < i + full && k < profile->num_columns; k++) {
			const struct hc_byte_column *column = &profile->columns[k];
			used += column->share >= HC_PROFILE_SHARE
					? snprintf(line + used, sizeof(line) - used, " %02x",
						   column->value)
					: snprintf(line + used, sizeof(line) - used, " ..");
		}
		HC_LINE(doc, "{}", hc_cell_text(line));
	}
	hc_blank(doc);
	hc_end(doc);
}

/** Whether text is more than half of what is not zero. */
static bool is_mostly_text(const struct hc_byte_profile *profile)
{
	unsigned text = 0, used = 0;

	for (size_t i = 0; i < profile->num_fields; i++) {
		const struct hc_byte_field *field = &profile->fields[i];

		text += field->kind == HC_FIELD_TEXT ? field->size : 0;
		used += field->kind != HC_FIELD_ZERO ? field->size : 0;
	}
	return text > used / 2;
}

static void say_profile(const struct hc_byte_profile *profile, unsigned width,
			struct hc_document *doc)
{
	/* Where it is text, its lines tell more. */
	if (!profile->usable || is_mostly_text(profile))
		return;
	HC_HEADING(doc, "Bytes by position");
	HC_SAY_AT(doc, hc_margin("  ", 2, false),
		  "Of {} chunk{} with {} usable bytes, among {} looked at.",
		  hc_cell_count(profile->chunks), hc_cell_plural(profile->chunks),
		  hc_cell_count(profile->usable), hc_cell_count(profile->looked));
	say_pattern(profile, width, doc);
	struct hc_table *table = hc_add_text_table(doc, &fields_shape);
	table->indent = 2;
	for (size_t i = 0; i < profile->num_fields; i++) {
		const struct hc_byte_field *field = &profile->fields[i];

		hc_table_add_row(table);
		hc_table_number(table, F_OFFSET, field->offset);
		hc_table_number(table, F_SIZE, field->size);
		hc_table_number(table, F_VALUES, field->distinct);
		hc_table_cell(table, F_HOLDS, hc_field_phrase(field, doc));
	}
}
/**@}*/

/** @name One set of chunks */
/**@{*/

/** Which chunks, and what they have in common. Borrowed. */
struct set {
	const struct hc_finding *finding; /**< NULL: the selection, or pages */
	const struct hc_pages *pages;     /**< NULL: chunks */
	const struct hc_common *common;
};

/** "chunks of the selection", "HTTP request chunks of lost group 1". */
static struct hc_cell set_title(const struct hc_session *session, const struct set *one,
				struct hc_document *doc)
{
	const struct hc_finding *finding = one->finding;
	struct hc_cell plural = hc_cell_plural(one->common->all.chunks);

	if (one->pages)
		return HC_PHRASE(doc, "page{} of {} mapping{}", plural,
				 hc_cell_count(one->pages->mappings),
				 hc_cell_plural(one->pages->mappings));
	if (!finding)
		return HC_PHRASE(doc, "chunk{} of the selection", plural);
	struct hc_cell class = hc_class_cell(session, finding->class_id);
	struct hc_cell size = hc_cell_count(finding->size);
	class = class.kind == HC_CELL_UNKNOWN
			? hc_cell_text("content hidden")
			: hc_cell_or(HC_CONTENT_CLASS, class, "content hidden");
	if (finding->group)
		return HC_PHRASE(doc, "chunk{} ({}) of lost group {}, {}-byte objects", plural,
				 class, hc_cell_number(finding->group_number), size);
	if (finding->max_size > finding->size)
		return HC_PHRASE(
			doc, "chunk{} (mostly {}) of {} to {} bytes, in use and still referenced",
			plural, class, size, hc_cell_count(finding->max_size));
	return HC_PHRASE(doc, "chunk{} (mostly {}) of {} bytes, in use and still referenced",
			 plural, class, size);
}

/** A set for people. */
static void say_set(const struct hc_session *session, const struct set *one, size_t number,
		    struct hc_cell title, struct hc_document *doc)
{
	const struct hc_common *common = one->common;
	struct hc_cell sample = hc_cell_unknown();

	if (number > 1)
		hc_blank(doc);
	if (common->kept < common->all.chunks)
		sample = HC_PHRASE(doc, " What follows is about an even sample of {}.",
				   hc_cell_count(common->kept));
	HC_SAY_STRONG(doc, "{} {}: {}.{}", hc_cell_count(common->all.chunks), title,
		      hc_cell_bytes(common->all.bytes), sample);
	if (!common->all.chunks)
		return;
	hc_begin_group(doc, HC_CONTENT_NONE, HC_CONTENT_CLASS);
	HC_LINE(doc, "--content hides the texts that they share.");
	hc_end(doc);
	hc_begin_group(doc, HC_CONTENT_SAMPLE, HC_CONTENT_FULL);
	say_repeats(session, &common->repeats, number, doc);
	say_template(session, &common->text_template, doc);
	hc_end(doc);
	hc_begin_group(doc, HC_CONTENT_CLASS, HC_CONTENT_FULL);
	say_profile(&common->profile, session->out.width, doc);
	hc_end(doc);
}

static void describe_set(const struct hc_session *session, const struct set *one, size_t number,
			 struct hc_document *doc)
{
	const struct hc_finding *finding = one->finding;
	struct hc_cell title = set_title(session, one, doc), unknown = hc_cell_unknown();
	bool group = finding && finding->group;

	hc_begin_object(doc, NULL, HC_CONTENT_NONE);
	say_set(session, one, number, title, doc);
	struct hc_common data = *one->common;
	data.repeats.num = shown_repeats(session, &data.repeats);
	hc_common_describe(&data, true, doc);
	hc_fact(doc, "unit", NULL, unit_word(session));
	hc_fact(doc, "title", NULL, title);
	hc_fact(doc, "group", NULL, group ? hc_cell_count(finding->group_number) : unknown);
	hc_fact(doc, "size", NULL, finding ? hc_cell_count(finding->size) : unknown);
	hc_fact(doc, "max_size", NULL, finding ? hc_cell_count(finding->max_size) : unknown);
	hc_fact(doc, "class", NULL, finding ? hc_class_cell(session, finding->class_id) : unknown);
	hc_end(doc);
}

/** In CSV, the repeats of all sets are one table. */
static void add_all_repeats(const struct hc_session *session, const struct set *sets, size_t num,
			    struct hc_document *doc)
{
	struct hc_table *table;

	hc_begin_group(doc, HC_CONTENT_SAMPLE, HC_CONTENT_FULL);
	table = hc_add_data_table(doc, &repeats_shape);
	for (size_t i = 0; i < num; i++)
		fill_repeats(table, &sets[i].common->repeats,
			     shown_repeats(session, &sets[i].common->repeats), i + 1);
	hc_end(doc);
	hc_document_main(doc, table);
}

static struct hc_error *write_sets(struct hc_session *session, const struct set *sets, size_t num)
{
	hc_cleanup_document struct hc_document doc;

	hc_document_init(&doc);
	hc_session_begin(session, &doc);
	if (!num)
		HC_LINE(&doc, "Nothing is suspicious. To look at other chunks, choose them: "
			      "--size, --class…");
	hc_begin_array(&doc, "sets", HC_CONTENT_NONE);
	for (size_t i = 0; i < num; i++)
		describe_set(session, &sets[i], i + 1, &doc);
	hc_end(&doc);
	add_all_repeats(session, sets, num, &doc);
	return hc_session_write(session, &doc);
}
/**@}*/

static struct hc_error *run_selection(struct hc_session *session)
{
	hc_cleanup(hc_common_deinit) struct hc_common common = {0};
	struct hc_chunk_sample sample;

	struct hc_error *err = hc_session_open(session, HC_NEED_HEAP);
	if (err)
		return err;
	hc_chunk_sample_init(&sample, HC_COMMON_MAX_CHUNKS);
	err = hc_chunk_sample_select(&sample, session->target, &session->options->selection);
	if (!err)
		err = hc_common_run(session->target, &sample, &common);
	hc_chunk_sample_deinit(&sample);
	struct set one = {.common = &common};
	return err ? err : write_sets(session, &one, 1);
}

static struct hc_error *run_findings(struct hc_session *session)
{
	hc_cleanup(hc_verdict_deinit) struct hc_verdict verdict = {0};
	struct set sets[HC_MAX_FINDINGS];
	size_t num = 0;

	struct hc_error *err = hc_session_open(session, HC_NEED_HEAP);
	if (err)
		return err;
	/* Groups of lost objects are numbered as those of analyze. */
	err = hc_session_types(session, HC_TYPES_QUICK);
	if (err)
		return err;
	err = hc_verdict_run(session->target, &verdict);
	if (err)
		return err;
	for (size_t i = 0; i < verdict.findings.num; i++) {
		const struct hc_finding *finding = &verdict.findings.items[i];

		if (finding->group || finding->growth)
			sets[num++] = (struct set){.finding = finding, .common = &finding->common};
	}
	return write_sets(session, sets, num);
}

/** The texts of pages; a page's bytes by position would say nothing. */
static struct hc_error *compare_pages(struct hc_target *target, const struct hc_pages *pages,
				      struct hc_common *ret)
{
	hc_cleanup(hc_heap_closep) struct hc_heap *heap = NULL;
	hc_cleanup(hc_target_closep) struct hc_target *blocks = NULL;
	const struct hc_target_options options = {0};
	struct hc_chunk_sample sample;

	struct hc_error *err = hc_blocks_heap(target->process, &pages->set, &heap);
	if (!err)
		err = hc_target_of(target->process, heap, &options, &blocks);
	if (err)
		return err;
	hc_chunk_sample_init(&sample, HC_COMMON_MAX_CHUNKS);
	err = hc_chunk_sample_select(&sample, blocks, NULL);
	ret->all = (struct hc_count){pages->touched, pages->touched * pages->set.size};
	ret->kept = sample.num;
	if (!err)
		err = hc_count_lines(blocks, &sample, &ret->repeats, &ret->text_template);
	hc_chunk_sample_deinit(&sample);
	return err;
}

static struct hc_error *run_pages(struct hc_session *session)
{
	const struct own *own = session->options->own;
	hc_cleanup(hc_common_deinit) struct hc_common common = {0};
	hc_cleanup(hc_pages_deinit) struct hc_pages pages = {0};

	if (session->options->selection_given)
		return hc_error_create(HC_ERROR_ARGUMENT, "--maps compares pages of mappings; "
							  "options that choose chunks don't go "
							  "with it");
	/* Where there is a heap, it tells what its mappings are. */
	struct hc_error *err = hc_session_open(session, HC_NEED_HEAP_IF_ANY);
	if (!err)
		err = hc_pages_find(session->target->process, own->kinds, &pages);
	if (!err)
		err = compare_pages(session->target, &pages, &common);
	struct set one = {.pages = &pages, .common = &common};
	return err ? err : write_sets(session, &one, 1);
}

static struct hc_error *run(struct hc_session *session)
{
	const struct own *own = session->options->own;

	if (own->maps)
		return run_pages(session);
	if (own->kinds)
		return hc_error_create(HC_ERROR_ARGUMENT,
				       "--kind chooses mappings; give --maps, too");
	return session->options->selection_given ? run_selection(session) : run_findings(session);
}

const struct hc_verb hc_verb_common = {
	.name = "common",
	.arguments = "CORE",
	.summary = "what the chunks of each finding share: texts, lines, bytes",
	.description = "Finds, without a pattern, the key=value pairs and words that most chunks "
		       "share, the template of their lines, and what each byte position holds: of "
		       "each finding of analyze, of the chunks that are chosen, or of pages.",
	.examples = "  heapcore common core.1234\n"
		    "  heapcore common core.1234 --leaked --class http-request\n"
		    "  heapcore common core.1234 --request 20\n"
		    "  heapcore common core.1234 --maps --kind anonymous,shared\n",
	.min_args = 1,
	.max_args = 1,
	.formats = HC_FORMATS_ALL,
	HC_VERB_TABLES(&repeats_shape),
	.selection = true,
	.counts = true,
	HC_VERB_OWN(own_options, set, struct own, &own_defaults),
	.run = run,
};
