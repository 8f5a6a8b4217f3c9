/**
 * @file
 * Structs that chunks of one size may hold.
 */
#include "cmd/verbs/types_structs.h"

enum member_column { M_OFFSET, M_SIZE, M_BITS, M_MEMBER, M_BASE, M_TYPE, NUM_MEMBER_COLUMNS };

static const struct hc_column member_columns[NUM_MEMBER_COLUMNS] = {
	[M_OFFSET] = {"offset", "OFFSET", HC_CELL_COUNT, 0, "in the struct, bytes"},
	[M_SIZE] = {"size", "SIZE", HC_CELL_COUNT, 0, "bytes; null where nothing tells"},
	[M_BITS] = {"bits", "BITS", HC_CELL_COUNT, 0, "of a bit field"},
	[M_MEMBER] = {"member", "MEMBER", HC_CELL_NAME, 0, "its name; null without one"},
	[M_BASE] = {"base", "BASE", HC_CELL_BOOL, HC_COLUMN_DATA_ONLY,
		    "whether it is the part of "
		    "a base class"},
	[M_TYPE] = {"type", "TYPE", HC_CELL_NAME, HC_COLUMN_SHRINK, "what it is"},
};

static const struct hc_shape members_shape = {.key = "members", HC_COLUMNS(member_columns)};

bool hc_structs_wanted(const struct hc_options *options, struct hc_candidates_of *ret)
{
	const struct hc_selection *selection = &options->selection;

	if (selection->has_request)
		*ret = (struct hc_candidates_of){true, selection->request};
	else if (selection->has_size && selection->min_usable == selection->max_usable)
		*ret = (struct hc_candidates_of){false, selection->min_usable};
	else
		return false;
	return true;
}

static void fill_members(const struct hc_struct *item, struct hc_table *table)
{
	bool has_bits = false;

	table->indent = 2;
	for (size_t i = 0; i < item->num_members; i++) {
		const struct hc_struct_member *member = &item->members[i];
		const char *name = member->name ? member->name : member->is_base ? "(base)" : NULL;

		hc_table_add_row(table);
		hc_table_number(table, M_OFFSET, member->offset);
		if (member->size)
			hc_table_number(table, M_SIZE, member->size);
		if (member->bits)
			hc_table_number(table, M_BITS, member->bits);
		has_bits |= member->bits != 0;
		hc_table_cell(table, M_MEMBER, hc_cell_name(name));
		hc_table_cell(table, M_BASE, hc_cell_bool(member->is_base));
		hc_table_cell(table, M_TYPE, hc_cell_name(member->type));
	}
	if (!has_bits)
		hc_table_hide(table, M_BITS);
}

static const char *module_name(const struct hc_struct *item)
{
	const char *name = hc_base_name(item->module->path);

	return name ? name : "unnamed module";
}

static void describe_struct(const struct hc_struct *item, struct hc_document *doc)
{
	struct hc_cell others = hc_cell_unknown();

	hc_begin_object(doc, NULL, HC_CONTENT_CLASS);
	hc_fact(doc, "struct", NULL, hc_cell_name(item->name));
	hc_fact(doc, "namespace", NULL, hc_cell_name(item->name_space));
	hc_fact(doc, "size", NULL, hc_cell_count(item->size));
	hc_fact(doc, "module", NULL, hc_cell_name(item->module->path));
	hc_fact(doc, "modules", NULL, hc_cell_count(item->num_modules));
	if (item->num_modules > 1)
		others = HC_PHRASE(doc, " and {} more", hc_cell_count(item->num_modules - 1));
	hc_blank(doc);
	HC_LINE(doc, "{}, {} byte{} ({}{})", hc_cell_name(item->name), hc_cell_count(item->size),
		hc_cell_plural(item->size), hc_cell_name(module_name(item)), others);
	fill_members(item, hc_add_table(doc, &members_shape));
	hc_end(doc);
}

/** Why there is nothing to list. @return false: there is something */
static bool say_none(const struct hc_candidates *candidates, struct hc_candidates_of of,
		     struct hc_document *doc)
{
	if (!candidates->has_chunks)
		HC_SAY(doc,
		       "No chunk in use has {} usable byte{}, so no structs are listed; --request "
		       "{} lists those of {} byte{}.",
		       hc_cell_count(of.bytes), hc_cell_plural(of.bytes), hc_cell_number(of.bytes),
		       hc_cell_count(of.bytes), hc_cell_plural(of.bytes));
	else if (!candidates->structs.num_modules)
		HC_SAY(doc, "No structs are listed: no module's debug information was found. "
			    "--debug-dir DIR says where it is, --exe FILE and --sysroot DIR where "
			    "the program and its libraries are.");
	else
		return false;
	return true;
}

static void say_structs(const struct hc_candidates *candidates, struct hc_candidates_of of,
			struct hc_document *doc)
{
	const struct hc_structs *structs = &candidates->structs;
	uint64_t min = candidates->min, max = candidates->max;
	struct hc_cell least = hc_cell_unknown(), why = hc_cell_unknown();

	hc_blank(doc);
	if (say_none(candidates, of, doc))
		return;
	if (min != max)
		least = HC_PHRASE(doc, "{} to ", hc_cell_count(min));
	if (!of.by_request)
		why = HC_PHRASE(doc, ", for which malloc gives {} usable byte{}",
				hc_cell_count(of.bytes), hc_cell_plural(of.bytes));
	HC_SAY(doc, "Debug information has {}{} struct{} of {}{} byte{}{}.",
	       hc_cell_text(structs->stopped ? "at least " : ""), hc_cell_count(structs->num),
	       hc_cell_plural(structs->num), least, hc_cell_count(max), hc_cell_plural(max), why);
}

void hc_structs_describe(const struct hc_candidates *candidates, struct hc_candidates_of of,
			 size_t shown, struct hc_document *doc)
{
	if (!candidates) {
		hc_fact(doc, "structs", NULL, hc_cell_unknown());
		return;
	}
	const struct hc_structs *structs = &candidates->structs;

	hc_begin_object(doc, "structs", HC_CONTENT_CLASS);
	say_structs(candidates, of, doc);
	hc_fact(doc, "min_size", NULL,
		candidates->has_chunks ? hc_cell_count(candidates->min) : hc_cell_unknown());
	hc_fact(doc, "max_size", NULL,
		candidates->has_chunks ? hc_cell_count(candidates->max) : hc_cell_unknown());
	hc_fact(doc, "modules_with_debug_information", NULL,
		candidates->has_chunks ? hc_cell_count(structs->num_modules) : hc_cell_unknown());
	hc_fact(doc, "num", NULL, hc_cell_count(structs->num));
	hc_fact(doc, "stopped", NULL, hc_cell_bool(structs->stopped));
	hc_begin_array(doc, "items", HC_CONTENT_CLASS);
	for (size_t i = 0; i < structs->num && i < shown; i++)
		describe_struct(&structs->items[i], doc);
	hc_end(doc);
	if (shown < structs->num)
		HC_LINE(doc, "{} more structs; --top 0 shows all",
			hc_cell_number(structs->num - shown));
	hc_end(doc);
}
