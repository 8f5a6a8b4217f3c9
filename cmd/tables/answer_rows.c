/**
 * @file
 * Small tables of what was concluded: the verdict, findings, kinds, classes and what they name.
 */
#include <stdlib.h>

#include "cmd/tables/tables.h"
#include "core/base/cleanup.h"

/** @name The verdict */
/**@{*/

enum verdict_column {
	VERDICT,
	TOTAL,
	TOUCHED,
	LOST,
	LOST_BOUND,
	REACHABLE,
	POSSIBLE,
	FREE,
	TRIMMABLE,
	NUM_VERDICT_COLUMNS
};

static const struct hc_column verdict_columns[NUM_VERDICT_COLUMNS] = {
	[VERDICT] = {"verdict", "VERDICT", HC_CELL_TEXT, 0,
		     "leak, held, retention, stacks, outside malloc, mixed, nothing stands out, "
		     "or can't tell"},
	[TOTAL] = {"total_bytes", "TOTAL", HC_CELL_BYTES, 0, "of anonymous memory"},
	[TOUCHED] = {"touched_bytes", "TOUCHED", HC_CELL_BYTES, 0, "of these, touched"},
	[LOST] = {"lost_bytes", "LOST", HC_CELL_BYTES, 0, "of chunks that nothing points to"},
	[LOST_BOUND] = {"lost_is_bound", "AT MOST", HC_CELL_BOOL, 0,
			"at most that much is lost: the core lacks what could hold chunks"},
	[REACHABLE] = {"reachable_bytes", "REACHABLE", HC_CELL_BYTES, 0, "of reachable chunks"},
	[POSSIBLE] = {"possible_bytes", "POSSIBLE", HC_CELL_BYTES, 0,
		      "of chunks that only interior pointers hold"},
	[FREE] = {"free_bytes", "FREE", HC_CELL_BYTES, 0, "of free chunks, cached ones and top"},
	[TRIMMABLE] = {"trimmable_bytes", "TRIM", HC_CELL_BYTES, 0,
		       "that malloc_trim(3) could give back"},
};

const struct hc_shape hc_verdict_shape = {
	.key = "verdict", .name = "verdict", HC_COLUMNS(verdict_columns)};

static struct hc_error *fill_verdict(struct hc_tables *tables, struct hc_table *table)
{
	const struct hc_verdict *verdict = &tables->verdict;
	struct hc_error *err = hc_tables_verdict(tables);

	if (err)
		return err;
	hc_table_add_row(table);
	hc_table_text(table, VERDICT, hc_verdict_name(verdict->kind));
	hc_table_number(table, TOTAL, verdict->accounting.total);
	hc_table_number(table, TOUCHED, verdict->ruler.total);
	if (!verdict->heap)
		return NULL;
	hc_table_number(table, LOST, verdict->lost_bytes);
	hc_table_number(table, LOST_BOUND, hc_verdict_upper_bound(verdict));
	hc_table_number(table, REACHABLE, verdict->reachable_bytes);
	hc_table_number(table, POSSIBLE, verdict->possible_bytes);
	hc_table_number(table, FREE, verdict->free_bytes);
	hc_table_number(table, TRIMMABLE, verdict->trimmable);
	return NULL;
}

const struct hc_relation hc_verdict_relation = {
	.shape = &hc_verdict_shape,
	.help = "one row: what holds the memory",
	.fleet = true,
	.fill = fill_verdict,
};
/**@}*/

/** @name Findings */
/**@{*/

enum finding_column {
	F_FINDING,
	F_CAUSE,
	F_CHUNKS,
	F_BYTES,
	F_TOUCHED,
	F_SHARE,
	F_SIZE,
	F_MAX_SIZE,
	F_TYPE,
	F_CLASS,
	F_OWNER,
	F_GROUP,
	F_SAMPLE,
	NUM_FINDING_COLUMNS
};

static const struct hc_column finding_columns[NUM_FINDING_COLUMNS] = {
	[F_FINDING] = {"finding", "FINDING", HC_CELL_NUMBER, 0, "number, as analyze shows it"},
	[F_CAUSE] = {"cause", "CAUSE", HC_CELL_TEXT, 0, "lost, held, freed, stacks, or outside"},
	[F_CHUNKS] = {"chunks", "CHUNKS", HC_CELL_COUNT, 0, "that it consists of; 0: none"},
	[F_BYTES] = {"bytes", "BYTES", HC_CELL_BYTES, 0, "that it holds"},
	[F_TOUCHED] = {"touched_bytes", "TOUCHED", HC_CELL_BYTES, 0, "of these, touched"},
	[F_SHARE] = {"share", "SHARE", HC_CELL_SHARE, 0, "of all touched bytes, 0 to 1"},
	[F_SIZE] = {"size", "SIZE", HC_CELL_COUNT, 0, "chunk size of root objects, or the least"},
	[F_MAX_SIZE] = {"max_size", "UP TO", HC_CELL_COUNT, 0, "the largest of its chunks"},
	[F_TYPE] = {"type", "TYPE", HC_CELL_NAME, HC_COLUMN_CLASS,
		    "of its root objects, or of most chunks"},
	[F_CLASS] = {"class", "CLASS", HC_CELL_NAME, HC_COLUMN_CLASS,
		     "content class that says most"},
	[F_OWNER] = {"owner", "OWNER", HC_CELL_TEXT, 0, "of memory outside of malloc"},
	[F_GROUP] = {"leak_group", "GROUP", HC_CELL_NUMBER, 0,
		     "of lost chunks: number for leaks --group"},
	[F_SAMPLE] = {"sample_address", "SAMPLE", HC_CELL_ADDRESS, 0, "one of its chunks"},
};

const struct hc_shape hc_findings_shape = {
	.key = "findings", .name = "findings", HC_COLUMNS(finding_columns)};

static void put_class(const struct hc_tables *tables, struct hc_table *table, unsigned column,
		      hc_class_id class_id)
{
	if (class_id != HC_CLASS_NONE)
		hc_table_text(table, column,
			      hc_class_of(tables->session->target->classifier, class_id)->name);
}

static void put_type(const struct hc_tables *tables, struct hc_table *table, unsigned column,
		     hc_type_id type)
{
	if (type != HC_TYPE_NONE)
		hc_table_text(table, column, hc_type_name(tables->session->target->types, type));
}

static void put_chunks_of(const struct hc_tables *tables, struct hc_table *table,
			  const struct hc_finding *finding)
{
	hc_table_number(table, F_SIZE, finding->size);
	hc_table_number(table, F_MAX_SIZE, finding->max_size);
	put_type(tables, table, F_TYPE, finding->type);
	put_class(tables, table, F_CLASS, finding->class_id);
	if (finding->group)
		hc_table_number(table, F_GROUP, finding->group_number);
	if (finding->sample)
		hc_table_number(table, F_SAMPLE, finding->sample);
}

static struct hc_error *fill_findings(struct hc_tables *tables, struct hc_table *table)
{
	const struct hc_findings *findings = &tables->verdict.findings;
	struct hc_error *err = hc_tables_verdict(tables);

	for (size_t i = 0; !err && i < findings->num; i++) {
		const struct hc_finding *finding = &findings->items[i];

		hc_table_add_row(table);
		hc_table_number(table, F_FINDING, i + 1);
		hc_table_text(table, F_CAUSE, hc_finding_kind_name(finding->kind));
		hc_table_number(table, F_CHUNKS, finding->count.chunks);
		hc_table_number(table, F_BYTES, finding->count.bytes);
		hc_table_number(table, F_TOUCHED, finding->touched);
		hc_table_share(table, F_SHARE, finding->share);
		if (finding->kind == HC_FINDING_LOST || finding->kind == HC_FINDING_HELD)
			put_chunks_of(tables, table, finding);
		hc_table_text(table, F_OWNER, finding->owner ? finding->owner->name : NULL);
	}
	return err;
}

const struct hc_relation hc_findings_relation = {
	.shape = &hc_findings_shape,
	.help = "what holds the most, the largest first, as analyze has it",
	.has_key = true,
	.fleet = true,
	.fill = fill_findings,
};
/**@}*/

/** @name Kinds */
/**@{*/

enum kind_column {
	K_KIND,
	K_SIZE,
	K_TYPE,
	K_CLASS,
	K_CHUNKS,
	K_BYTES,
	K_LOST_CHUNKS,
	K_LOST_BYTES,
	K_SAMPLE,
	NUM_KIND_COLUMNS
};

static const struct hc_column kind_columns[NUM_KIND_COLUMNS] = {
	[K_KIND] = {"kind", "KIND", HC_CELL_NUMBER, 0, "number, the largest first"},
	[K_SIZE] = {"size", "SIZE", HC_CELL_COUNT, 0, "of each chunk, bytes"},
	[K_TYPE] = {"type", "TYPE", HC_CELL_NAME, HC_COLUMN_CLASS, "C++ class or C struct"},
	[K_CLASS] = {"class", "CLASS", HC_CELL_NAME, HC_COLUMN_CLASS, "content class"},
	[K_CHUNKS] = {"chunks", "CHUNKS", HC_CELL_COUNT, 0, "in use"},
	[K_BYTES] = {"bytes", "BYTES", HC_CELL_BYTES, 0, "of these chunks"},
	[K_LOST_CHUNKS] = {"lost_chunks", "LOST", HC_CELL_COUNT, 0,
			   "of these, definite or indirect"},
	[K_LOST_BYTES] = {"lost_bytes", "BYTES", HC_CELL_BYTES, 0, "of lost chunks"},
	[K_SAMPLE] = {"sample_address", "SAMPLE", HC_CELL_ADDRESS, 0,
		      "the one with the lowest address"},
};

const struct hc_shape hc_kinds_shape = {.key = "kinds", .name = "kinds", HC_COLUMNS(kind_columns)};

static struct hc_error *fill_kinds(struct hc_tables *tables, struct hc_table *table)
{
	const struct hc_chunk_kinds *kinds = &tables->kinds;
	struct hc_error *err = hc_tables_kinds(tables);

	for (size_t i = 0; !err && i < kinds->num; i++) {
		const struct hc_chunk_kind *kind = &kinds->kinds[i];

		hc_table_add_row(table);
		hc_table_number(table, K_KIND, i + 1);
		hc_table_number(table, K_SIZE, kind->size);
		put_type(tables, table, K_TYPE, kind->type);
		put_class(tables, table, K_CLASS, kind->class_id);
		hc_table_number(table, K_CHUNKS, kind->count.all.chunks);
		hc_table_number(table, K_BYTES, kind->count.all.bytes);
		hc_table_number(table, K_LOST_CHUNKS, kind->count.leaked.chunks);
		hc_table_number(table, K_LOST_BYTES, kind->count.leaked.bytes);
		hc_table_number(table, K_SAMPLE, kind->count.sample);
	}
	return err;
}

const struct hc_relation hc_kinds_relation = {
	.shape = &hc_kinds_shape,
	.help = "chunks in use that have size, type and class in common",
	.has_key = true,
	.needs_heap = true,
	.fleet = true,
	.fill = fill_kinds,
};
/**@}*/

/** @name Classes */
/**@{*/

enum class_column {
	C_CLASS,
	C_TITLE,
	C_CHUNKS,
	C_BYTES,
	C_LOST_CHUNKS,
	C_LOST_BYTES,
	C_SAMPLE,
	NUM_CLASS_COLUMNS
};

static const struct hc_column class_columns[NUM_CLASS_COLUMNS] = {
	[C_CLASS] = {"class", "CLASS", HC_CELL_NAME, HC_COLUMN_CLASS, "what --class takes"},
	[C_TITLE] = {"title", "TITLE", HC_CELL_NAME, HC_COLUMN_CLASS, "the class in words"},
	[C_CHUNKS] = {"chunks", "CHUNKS", HC_CELL_COUNT, HC_COLUMN_CLASS, "in use"},
	[C_BYTES] = {"bytes", "BYTES", HC_CELL_BYTES, HC_COLUMN_CLASS, "of these chunks"},
	[C_LOST_CHUNKS] = {"lost_chunks", "LOST", HC_CELL_COUNT, HC_COLUMN_CLASS,
			   "of these, definite or indirect"},
	[C_LOST_BYTES] = {"lost_bytes", "BYTES", HC_CELL_BYTES, HC_COLUMN_CLASS, "of lost chunks"},
	[C_SAMPLE] = {"sample_address", "SAMPLE", HC_CELL_ADDRESS, HC_COLUMN_CLASS,
		      "the one with the lowest address"},
};

const struct hc_shape hc_classes_shape = {
	.key = "classes", .name = "classes", HC_COLUMNS(class_columns)};

static void add_class(const struct hc_tables *tables, struct hc_table *table, hc_class_id class_id,
		      const struct hc_kind_count *count)
{
	hc_table_add_row(table);
	put_class(tables, table, C_CLASS, class_id);
	hc_table_text(table, C_TITLE,
		      hc_class_of(tables->session->target->classifier, class_id)->title);
	hc_table_number(table, C_CHUNKS, count->all.chunks);
	hc_table_number(table, C_BYTES, count->all.bytes);
	hc_table_number(table, C_LOST_CHUNKS, count->leaked.chunks);
	hc_table_number(table, C_LOST_BYTES, count->leaked.bytes);
	hc_table_number(table, C_SAMPLE, count->sample);
}

/** Classes are sums of kinds. */
static struct hc_error *fill_classes(struct hc_tables *tables, struct hc_table *table)
{
	hc_cleanup_free struct hc_kind_count *sums = calloc(HC_MAX_CLASSES, sizeof(*sums));
	const struct hc_chunk_kinds *kinds = &tables->kinds;
	struct hc_error *err = sums ? hc_tables_kinds(tables) : &hc_enomem;

	for (size_t i = 0; !err && i < kinds->num; i++)
		if (kinds->kinds[i].class_id < HC_MAX_CLASSES)
			hc_kind_count_add(&sums[kinds->kinds[i].class_id], &kinds->kinds[i].count);
	for (hc_class_id i = 0; !err && i < HC_MAX_CLASSES; i++)
		if (sums[i].all.chunks)
			add_class(tables, table, i, &sums[i]);
	return err;
}

const struct hc_relation hc_classes_relation = {
	.shape = &hc_classes_shape,
	.help = "content classes of chunks in use",
	.needs_heap = true,
	.fill = fill_classes,
};
/**@}*/

/** @name Attributes */
/**@{*/

enum attribute_column { A_CLASS, A_ATTRIBUTE, A_VALUE, A_CHUNKS, A_ERROR, NUM_ATTRIBUTE_COLUMNS };

static const struct hc_column attribute_columns[NUM_ATTRIBUTE_COLUMNS] = {
	[A_CLASS] = {"class", "CLASS", HC_CELL_NAME, HC_COLUMN_CLASS, "content class"},
	[A_ATTRIBUTE] = {"attribute", "ATTRIBUTE", HC_CELL_NAME, HC_COLUMN_CLASS,
			 "what the value is"},
	[A_VALUE] = {"value", "VALUE", HC_CELL_CONTENT, 0,
		     "normalised: N for digits, H for hexadecimal words, U for UUIDs"},
	[A_CHUNKS] = {"chunks", "CHUNKS", HC_CELL_COUNT, HC_COLUMN_CLASS, "with the value"},
	[A_ERROR] = {"error", "ERROR", HC_CELL_COUNT, HC_COLUMN_CLASS,
		     "the true count is in chunks - error to chunks"},
};

const struct hc_shape hc_attributes_shape = {
	.key = "attributes", .name = "attributes", HC_COLUMNS(attribute_columns)};

/** Values of an attribute: what more of them would say is seldom asked. */
#define MAX_VALUES 1000

static void add_values(const struct hc_tables *tables, struct hc_table *table,
		       const struct hc_attribute_row *row)
{
	for (size_t i = 0; i < row->num_values; i++) {
		const struct hc_text_count *value = &row->values[i];
		const struct hc_excerpt excerpt = {.bytes = {value->text, value->size},
						   .max_data = HC_EXCERPT_DATA};

		hc_table_add_row(table);
		put_class(tables, table, A_CLASS, row->class_id);
		hc_table_text(table, A_ATTRIBUTE, row->attribute->name);
		hc_table_cell(table, A_VALUE, hc_cell_content(&excerpt));
		hc_table_number(table, A_CHUNKS, value->matches);
		hc_table_number(table, A_ERROR, value->error);
	}
}

static struct hc_error *fill_attributes(struct hc_tables *tables, struct hc_table *table)
{
	struct hc_error *err = NULL;

	/* Below that there is nothing to show. */
	if (!hc_session_shows_class(tables->session))
		return NULL;
	err = hc_attributes_run(tables->session->target, NULL, MAX_VALUES, &tables->attributes);
	for (size_t i = 0; !err && i < tables->attributes.num; i++)
		add_values(tables, table, &tables->attributes.rows[i]);
	return err;
}

const struct hc_relation hc_attributes_relation = {
	.shape = &hc_attributes_shape,
	.help = "what contents name, by value: the 1000 most frequent of each",
	.needs_heap = true,
	.fleet = true,
	.fill = fill_attributes,
};
/**@}*/
