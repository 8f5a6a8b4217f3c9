/**
 * @file
 * Counting chunks by type.
 */
#include "analyzers/counts/type_count.h"

#include "analyzers/select/tally.h"
#include "core/base/array.h"
#include "core/base/cleanup.h"

struct run {
	const struct hc_types *types;
	const struct hc_heap *heap;
	struct hc_type_count *sums; /**< by id */
};

static void run_deinit(struct run *run)
{
	free(run->sums);
}

/** A worker's table is an array of all types: those of a process are known before. */
static struct hc_error *init(void *ctx, void *own)
{
	const struct run *run = ctx;
	struct hc_type_count **counts = own;

	*counts = calloc(hc_types_num(run->types), sizeof(**counts));
	return *counts ? NULL : &hc_enomem;
}

static void deinit(void *ctx __attribute__((unused)), void *own)
{
	struct hc_type_count **counts = own;

	free(*counts);
}

static void add_objects(struct hc_type_count *count, uint64_t objects, uint64_t offset)
{
	count->offset = count->objects && count->offset != offset ? UINT64_MAX : offset;
	count->objects += objects;
}

static struct hc_error *count(void *ctx, void *own, const struct hc_chunk *chunk)
{
	const struct run *run = ctx;
	hc_type_id type = hc_type_of(run->types, chunk);
	struct hc_type_count **counts = own, *count = *counts + type;
	struct hc_type_objects objects;

	hc_kind_count_chunk(&count->count, run->heap, chunk);
	if (hc_type_is_inside(type) && hc_type_find_objects(run->types, chunk, &objects))
		add_objects(count, objects.count, objects.offset);
	return NULL;
}

static struct hc_error *merge(void *ctx, void *own)
{
	struct run *run = ctx;
	struct hc_type_count *const *counts = own;

	for (hc_type_id type = 0; type < hc_types_num(run->types); type++) {
		const struct hc_type_count *more = &(*counts)[type];

		hc_kind_count_add(&run->sums[type].count, &more->count);
		if (more->objects)
			add_objects(&run->sums[type], more->objects, more->offset);
	}
	return NULL;
}

/** Ids are in the order in which vtables lie in memory, which is that of no reader. */
static int compare_rows(const void *a, const void *b, void *ctx)
{
	const struct hc_type_count *x = a, *y = b;

	if (x->count.all.bytes != y->count.all.bytes)
		return x->count.all.bytes < y->count.all.bytes ? 1 : -1;
	const char *x_name = hc_type_name(ctx, x->type), *y_name = hc_type_name(ctx, y->type);
	int order = x_name && y_name ? strcmp(x_name, y_name) : 0;
	return order ? order : x->type < y->type ? -1 : x->type > y->type;
}

static struct hc_error *gather(const struct run *run, struct hc_types *types,
			       struct hc_type_table *table)
{
	for (hc_type_id type = 0; type < hc_types_num(types); type++) {
		const struct hc_kind_count *sum = &run->sums[type].count;

		run->sums[type].type = type;
		hc_count_add(&table->total, &sum->all);
		if (type == HC_TYPE_NONE || !sum->all.chunks)
			continue;
		struct hc_error *err =
			hc_array_reserve(&table->rows, table->num_rows, sizeof(*table->rows));
		if (err)
			return err;
		table->rows[table->num_rows++] = run->sums[type];
		hc_count_add(&table->typed, &sum->all);
		hc_count_add(&table->typed_leaked, &sum->leaked);
	}
	if (table->num_rows)
		qsort_r(table->rows, table->num_rows, sizeof(*table->rows), compare_rows, types);
	return NULL;
}

struct hc_error *hc_types_count(struct hc_target *target, const struct hc_selection *selection,
				struct hc_type_table *ret)
{
	static const struct hc_tally tally = {
		.phase = HC_PHASE_TYPE,
		.worker_size = sizeof(struct hc_kind_count *),
		.slice_bytes = UINT64_C(16) << 20,
		.init = init,
		.chunk = count,
		.merge = merge,
		.deinit = deinit,
	};
	struct hc_selection in_use;
	hc_cleanup(run_deinit) struct run run = {0};
	hc_cleanup(hc_type_table_deinit) struct hc_type_table table = {0};
	struct hc_types *types;

	hc_selection_init(&in_use);
	struct hc_error *err = hc_target_heap(target, &run.heap);
	if (!err)
		err = hc_target_types(target, HC_TYPES_FULL, &types);
	if (err)
		return err;
	run.types = types;
	run.sums = calloc(hc_types_num(types), sizeof(*run.sums));
	if (!run.sums)
		return &hc_enomem;
	table.has_leaked = run.heap->reach_known;
	err = hc_tally_run(target, selection ? selection : &in_use, &tally, &run);
	if (!err)
		err = gather(&run, types, &table);
	if (err)
		return err;
	*ret = table;
	table = (struct hc_type_table){};
	return NULL;
}

void hc_type_table_deinit(struct hc_type_table *table)
{
	free(table->rows);
	*table = (struct hc_type_table){};
}
