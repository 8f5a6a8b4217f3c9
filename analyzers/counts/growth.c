/**
 * @file
 * Kinds of growth: a census gives the sizes, their chunks are sampled from it, and the classes of
 * the samples put sizes together.
 *
 * The chunk that stands for a kind is from the middle of its addresses. The first ones are those of
 * the program's start, of its libraries more often than of what has grown.
 */
#include "analyzers/counts/growth.h"

#include <stdlib.h>

#include "analyzers/select/chunk_sample.h"
#include "core/base/array.h"
#include "core/base/cleanup.h"
#include "core/base/parallel.h"

/** Share of a size's chunks that must be of a class for it to join other sizes. */
#define MIN_JOINED 0.5

/** A type is told if one of so many chunks of a row has it. */
#define MIN_TYPED 5

/** One size. */
struct row {
	uint64_t size;
	struct hc_count count;
	struct hc_chunk_sample sample;
	hc_class_id class_id;
	double share;     /* of the sample that is of it */
	uint64_t address; /* of such a chunk, in the middle of them */
	uint64_t first;   /* of the first one */
	hc_type_id type;
	double type_share;
};

struct run {
	struct hc_target *target;
	const struct hc_heap *heap;
	const struct hc_classifier *classifier;
	struct hc_types *types;
	struct hc_classifier_scratch **scratch; /* of each worker */
	struct row *rows;                       /* by size */
	size_t num_rows;
};

/** @name Sizes */
/**@{*/

static int most_bytes(const void *a, const void *b)
{
	const struct hc_size_count *x = a, *y = b;
	uint64_t bytes = x->chunks * x->size, other = y->chunks * y->size;

	if (bytes != other)
		return bytes < other ? 1 : -1;
	return (x->size > y->size) - (x->size < y->size);
}

static int by_size(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	return (x->size > y->size) - (x->size < y->size);
}

/** The sizes that hold the most. */
static struct hc_error *find_rows(const struct hc_census *census, struct run *run)
{
	size_t num =
		census->num_sizes < HC_GROWTH_MAX_SIZES ? census->num_sizes : HC_GROWTH_MAX_SIZES;
	hc_cleanup_free struct hc_size_count *sizes = calloc(census->num_sizes + 1, sizeof(*sizes));

	run->rows = calloc(num ? num : 1, sizeof(*run->rows));
	if (!sizes || !run->rows)
		return &hc_enomem;
	for (size_t i = 0; i < census->num_sizes; i++)
		sizes[i] = census->sizes[i];
	hc_sort(sizes, census->num_sizes, most_bytes);
	for (size_t i = 0; i < num; i++) {
		struct row *row = &run->rows[run->num_rows++];

		row->size = sizes[i].size;
		row->count = (struct hc_count){sizes[i].chunks, sizes[i].chunks * sizes[i].size};
		hc_chunk_sample_init(&row->sample, HC_GROWTH_SAMPLES);
	}
	hc_sort(run->rows, run->num_rows, by_size);
	return NULL;
}
/**@}*/

/** @name Classes */
/**@{*/

/** The row of a size; num_rows: none. */
static size_t row_of(void *ctx, uint64_t size)
{
	const struct run *run = ctx;
	size_t low = hc_lower_bound(run->num_rows, i, run->rows[i].size < size);

	return low < run->num_rows && run->rows[low].size == size ? low : run->num_rows;
}

/** The chunk of a class that so many others of it come before; there is one. */
static uint64_t nth_of_class(hc_class_id class_id, const hc_class_id *classes,
			     const uint64_t *addresses, uint64_t nth)
{
	size_t i = 0;

	for (;; i++)
		if (classes[i] == class_id && !nth--)
			return addresses[i];
}

static struct hc_error *classify_row(void *ctx, unsigned worker, size_t task)
{
	struct run *run = ctx;
	struct row *row = &run->rows[task];
	uint64_t counts[HC_MAX_CLASSES] = {0}, addresses[HC_GROWTH_SAMPLES];
	hc_class_id classes[HC_GROWTH_SAMPLES];
	hc_type_id types[HC_GROWTH_SAMPLES];
	struct hc_chunk chunk;
	size_t num = 0;

	for (size_t i = 0; i < row->sample.num; i++) {
		if (!hc_heap_chunk_at(run->heap, row->sample.addresses[i], &chunk))
			continue;
		hc_class_id class_id = hc_classify(run->classifier, run->scratch[worker],
						   hc_chunk_bytes(run->heap, &chunk));
		counts[class_id]++;
		classes[num] = class_id;
		addresses[num] = chunk.address;
		types[num++] = hc_type_of(run->types, &chunk);
	}
	row->class_id = HC_CLASS_OTHER;
	for (hc_class_id i = 0; i < HC_MAX_CLASSES; i++)
		row->class_id = counts[i] > counts[row->class_id] ? i : row->class_id;
	if (!num)
		return NULL;
	row->first = nth_of_class(row->class_id, classes, addresses, 0);
	row->address = nth_of_class(row->class_id, classes, addresses, counts[row->class_id] / 2);
	row->share = (double)counts[row->class_id] / num;
	size_t least = (num + MIN_TYPED - 1) / MIN_TYPED;
	row->type_share = (double)hc_types_most(types, num, least, &row->type) / num;
	return NULL;
}

static struct hc_error *classify_rows(struct run *run)
{
	unsigned jobs = run->target->process->jobs;
	struct hc_error *err = NULL;

	run->scratch = calloc(jobs, sizeof(struct hc_classifier_scratch *));
	if (!run->scratch)
		return &hc_enomem;
	for (unsigned i = 0; !err && i < jobs; i++)
		err = hc_classifier_scratch_create(run->classifier, &run->scratch[i]);
	if (!err)
		err = hc_process_parallel(run->target->process, run->num_rows, classify_row, run);
	for (unsigned i = 0; i < jobs; i++)
		hc_classifier_scratch_destroy(run->scratch[i]);
	free(run->scratch);
	return err;
}

/** The samples of all rows are taken together. */
static struct hc_error *sample_rows(const struct hc_census *census, struct run *run)
{
	hc_cleanup_free struct hc_chunk_sample *samples =
		calloc(run->num_rows ? run->num_rows : 1, sizeof(*samples));

	if (!samples)
		return &hc_enomem;
	for (size_t i = 0; i < run->num_rows; i++)
		samples[i] = run->rows[i].sample;
	const struct hc_census_sorting sorting = {samples, run->num_rows, row_of, run};
	struct hc_error *err = hc_census_sample(census, run->target, &sorting);
	for (size_t i = 0; i < run->num_rows; i++)
		run->rows[i].sample = samples[i];
	return err;
}
/**@}*/

/** @name Kinds */
/**@{*/

static bool can_join(const struct run *run, const struct row *row)
{
	return row->share >= MIN_JOINED && hc_class_of(run->classifier, row->class_id)->textual;
}

/** A share of the sample, put in proportion to all chunks. */
static uint64_t extrapolate(double share, const struct row *row)
{
	return share * row->count.chunks + 0.5;
}

static void add_row(struct hc_growth_kind *kind, const struct row *row)
{
	uint64_t chunks = extrapolate(row->share, row);

	if (!kind->count.chunks) {
		kind->size = row->size;
		kind->class_id = row->class_id;
		kind->type = row->type;
	}
	if (row->count.chunks > kind->sample_chunks) {
		kind->sample = row->address;
		kind->first = row->first;
		kind->sample_chunks = row->count.chunks;
	}
	if (kind->type != row->type)
		kind->type = HC_TYPE_NONE;
	if (kind->type == HC_TYPE_NONE)
		kind->type_chunks = 0;
	else
		kind->type_chunks += extrapolate(row->type_share, row);
	kind->max_size = row->size;
	kind->count.chunks += row->count.chunks;
	kind->count.bytes += row->count.bytes;
	kind->looked_at += row->sample.num;
	kind->class_count.chunks += chunks;
	kind->class_count.bytes += chunks * row->size;
}

/** Of the chunks at either end of the sizes so many say nothing of a kind: one in a hundred. */
#define STRAY_SHARE 100

/** Whether of two sizes the larger is of another kind of size: more than half as large again. */
static bool is_far(uint64_t smaller, uint64_t larger)
{
	return larger > smaller + smaller / 2;
}

/** The sizes of the bulk of each kind, of which @p kind has all sizes so far. */
static void find_bulk(const struct run *run, const struct hc_growth *growth, size_t number,
		      struct hc_growth_kind *kind)
{
	uint64_t stray = kind->count.chunks / STRAY_SHARE, below = 0, low = 0, high = 0;

	for (size_t i = 0; i < run->num_rows; i++) {
		uint64_t chunks = run->rows[i].count.chunks;

		if (growth->sizes[i].kind != number)
			continue;
		/* In front of it and behind it, no more than the strays. */
		if (below + chunks > stray && below < kind->count.chunks - stray) {
			low = low ? low : run->rows[i].size;
			high = run->rows[i].size;
		}
		below += chunks;
	}
	if (is_far(kind->size, low))
		kind->size = low;
	if (is_far(high, kind->max_size))
		kind->max_size = high;
	for (size_t i = 0; i < run->num_rows; i++)
		if (growth->sizes[i].kind == number && run->rows[i].size >= kind->size &&
		    run->rows[i].size <= kind->max_size)
			kind->bulk += run->rows[i].count.chunks;
}

struct order {
	struct hc_growth_kind kind;
	size_t number; /* before they were sorted */
};

static int compare_kinds(const void *a, const void *b)
{
	const struct order *x = a, *y = b;

	if (x->kind.count.bytes != y->kind.count.bytes)
		return x->kind.count.bytes < y->kind.count.bytes ? 1 : -1;
	return (x->kind.size > y->kind.size) - (x->kind.size < y->kind.size);
}

/** Put the kinds in order; sizes go on leading to their own. */
static void sort_kinds(struct order *order, struct hc_growth *growth)
{
	size_t places[HC_GROWTH_MAX_SIZES];

	hc_sort(order, growth->num_kinds, compare_kinds);
	for (size_t i = 0; i < growth->num_kinds; i++) {
		growth->kinds[i] = order[i].kind;
		places[order[i].number] = i;
	}
	for (size_t i = 0; i < growth->num_sizes; i++)
		growth->sizes[i].kind = places[growth->sizes[i].kind];
}

static struct hc_error *make_kinds(const struct run *run, struct hc_growth *growth)
{
	hc_cleanup_free struct order *order = calloc(run->num_rows + 1, sizeof(*order));
	size_t joined[HC_MAX_CLASSES]; /* kind of each textual class */

	growth->kinds = calloc(run->num_rows + 1, sizeof(*growth->kinds));
	growth->sizes = calloc(run->num_rows + 1, sizeof(*growth->sizes));
	if (!order || !growth->kinds || !growth->sizes)
		return &hc_enomem;
	for (size_t i = 0; i < HC_MAX_CLASSES; i++)
		joined[i] = SIZE_MAX;
	for (size_t i = 0; i < run->num_rows; i++) {
		const struct row *row = &run->rows[i];
		bool joins = can_join(run, row);
		size_t kind = joins && joined[row->class_id] != SIZE_MAX ? joined[row->class_id]
									 : growth->num_kinds;

		if (joins)
			joined[row->class_id] = kind;
		if (kind == growth->num_kinds)
			order[growth->num_kinds++].number = kind;
		add_row(&order[kind].kind, row);
		order[kind].kind.joined = joins;
		growth->sizes[growth->num_sizes++] = (struct hc_growth_size){row->size, kind};
	}
	for (size_t i = 0; i < growth->num_kinds; i++)
		find_bulk(run, growth, order[i].number, &order[i].kind);
	sort_kinds(order, growth);
	return NULL;
}
/**@}*/

static struct hc_error *run_all(struct run *run, struct hc_growth *growth)
{
	struct hc_watch *watch = &run->target->watch;

	hc_target_phase(run->target, HC_PHASE_GROWTH);
	hc_watch_part(watch, 0, 0.5);
	struct hc_error *err =
		hc_census_run(run->target, 1u << HC_REACHABLE | 1u << HC_POSSIBLE, &growth->census);
	if (!err)
		err = find_rows(&growth->census, run);
	hc_watch_part(watch, 0.5, 0.7);
	if (!err)
		err = sample_rows(&growth->census, run);
	hc_watch_part(watch, 0.7, 1);
	if (!err)
		err = classify_rows(run);
	return err ? err : make_kinds(run, growth);
}

struct hc_error *hc_growth_run(struct hc_target *target, struct hc_growth *ret)
{
	struct run run = {.target = target};
	struct hc_growth growth = {0};
	struct hc_error *err = hc_target_reach(target, NULL);

	if (!err)
		err = hc_target_heap(target, &run.heap);
	if (!err)
		err = hc_target_classifier(target, &run.classifier);
	if (!err)
		err = hc_target_types(target, HC_TYPES_QUICK, &run.types);
	if (err)
		return err;
	err = run_all(&run, &growth);
	for (size_t i = 0; i < run.num_rows; i++)
		hc_chunk_sample_deinit(&run.rows[i].sample);
	free(run.rows);
	if (err) {
		hc_growth_deinit(&growth);
		return err;
	}
	*ret = growth;
	return NULL;
}

void hc_growth_deinit(struct hc_growth *growth)
{
	free(growth->kinds);
	free(growth->sizes);
	hc_census_deinit(&growth->census);
	*growth = (struct hc_growth){0};
}

size_t hc_growth_kind_of(const struct hc_growth *growth, uint64_t size)
{
	size_t low = hc_lower_bound(growth->num_sizes, i, growth->sizes[i].size < size);

	return low < growth->num_sizes && growth->sizes[low].size == size ? growth->sizes[low].kind
									  : growth->num_kinds;
}
