/**
 * @file
 * Kinds of chunks; see kinds.h.
 *
 * Each worker numbers the kinds that it meets, and writes its own numbers into the slices that it
 * looks at. When all have ended, their numbers are replaced by common ones; the order of the kinds,
 * which is known last of all, is a table that hc_chunk_kinds_at() looks into.
 */
#include "analyzers/counts/kinds.h"

#include <string.h>

#include "analyzers/select/tally.h"
#include "core/base/array.h"
#include "core/base/cleanup.h"
#include "core/base/hash.h"

/** Kinds by the order in which they came up. */
struct table {
	struct hc_chunk_kind *items;
	size_t num;
	struct hc_hash hash;
};

static void table_deinit(struct table *table)
{
	free(table->items);
	hc_hash_deinit(&table->hash);
}

static uint64_t hash_of(const struct hc_chunk_kind *kind)
{
	return hc_hash_mix(kind->size ^ (uint64_t)kind->type << 32 ^
			   (uint64_t)kind->class_id << 56);
}

static bool same(const struct hc_chunk_kind *a, const struct hc_chunk_kind *b)
{
	return a->size == b->size && a->type == b->type && a->class_id == b->class_id;
}

/** The number of a kind; a new one has a count of nothing. */
static struct hc_error *find(struct table *table, const struct hc_chunk_kind *kind, uint32_t *ret)
{
	struct hc_error *err =
		hc_hash_reserve(&table->hash, table->num, i, hash_of(&table->items[i]));
	if (err)
		return err;
	uint32_t *slot = hc_hash_find(&table->hash, hash_of(kind), i, same(&table->items[i], kind));
	if (!*slot) {
		err = hc_array_reserve(&table->items, table->num, sizeof(*table->items));
		if (err)
			return err;
		table->items[table->num++] = (struct hc_chunk_kind){
			.size = kind->size, .type = kind->type, .class_id = kind->class_id};
		*slot = table->num;
	}
	*ret = *slot - 1;
	return NULL;
}

/** @name Workers */
/**@{*/

struct run {
	const struct hc_heap *heap;
	const struct hc_classifier *classifier; /**< NULL: by size alone */
	const struct hc_types *types;
	struct hc_kind_slice *slices;
	struct table table;
};

struct worker {
	struct hc_classifier_scratch *scratch;
	struct table table;
	uint32_t *numbers; /**< of the slice that is looked at */
	size_t num, capacity;
	size_t *slices; /**< those that it has looked at */
	size_t num_slices;
};

static struct hc_error *init(void *ctx, void *own)
{
	struct run *run = ctx;
	struct worker *worker = own;

	return run->classifier ? hc_classifier_scratch_create(run->classifier, &worker->scratch)
			       : NULL;
}

static void deinit(void *ctx __attribute__((unused)), void *own)
{
	struct worker *worker = own;

	hc_classifier_scratch_destroy(worker->scratch);
	table_deinit(&worker->table);
	free(worker->numbers);
	free(worker->slices);
}

static struct hc_error *look(void *ctx, void *own, const struct hc_chunk *chunk)
{
	const struct run *run = ctx;
	struct worker *worker = own;
	struct hc_chunk_kind kind = {
		.size = chunk->size, .type = HC_TYPE_NONE, .class_id = HC_CLASS_NONE};
	uint32_t number;

	if (run->classifier) {
		kind.class_id = hc_classify(run->classifier, worker->scratch,
					    hc_chunk_bytes(run->heap, chunk));
		kind.type = hc_type_of(run->types, chunk);
	}
	struct hc_error *err = find(&worker->table, &kind, &number);
	if (!err)
		err = hc_array_regrow(&worker->numbers, worker->num, &worker->capacity,
				      sizeof(*worker->numbers));
	if (err)
		return err;
	worker->numbers[worker->num++] = number;
	hc_kind_count_chunk(&worker->table.items[number].count, run->heap, chunk);
	return NULL;
}

/** Keep what was found out about a slice. */
static struct hc_error *keep(void *ctx, void *own, size_t slice)
{
	const struct run *run = ctx;
	struct worker *worker = own;
	struct hc_kind_slice *kept = &run->slices[slice];

	if (!worker->num)
		return NULL;
	struct hc_error *err =
		hc_array_reserve(&worker->slices, worker->num_slices, sizeof(*worker->slices));
	if (err)
		return err;
	kept->numbers = malloc(worker->num * sizeof(*kept->numbers));
	if (!kept->numbers)
		return &hc_enomem;
	memcpy(kept->numbers, worker->numbers, worker->num * sizeof(*kept->numbers));
	kept->num = worker->num;
	worker->slices[worker->num_slices++] = slice;
	worker->num = 0;
	return NULL;
}

static void renumber(struct hc_kind_slice *slice, const uint32_t *numbers)
{
	for (size_t i = 0; i < slice->num; i++)
		slice->numbers[i] = numbers[slice->numbers[i]];
}

static struct hc_error *merge(void *ctx, void *own)
{
	struct run *run = ctx;
	struct worker *worker = own;
	hc_cleanup_free uint32_t *numbers = calloc(worker->table.num + 1, sizeof(*numbers));
	struct hc_error *err = numbers ? NULL : &hc_enomem;

	for (size_t i = 0; !err && i < worker->table.num; i++) {
		err = find(&run->table, &worker->table.items[i], &numbers[i]);
		if (!err)
			hc_kind_count_add(&run->table.items[numbers[i]].count,
					  &worker->table.items[i].count);
	}
	for (size_t i = 0; !err && i < worker->num_slices; i++)
		renumber(&run->slices[worker->slices[i]], numbers);
	return err;
}
/**@}*/

/** @name The order */
/**@{*/

/** A kind, and the number that it had. */
struct place {
	const struct hc_chunk_kind *kind;
	uint32_t number;
};

static int compare(uint64_t x, uint64_t y)
{
	return (x > y) - (x < y);
}

static int compare_places(const void *a, const void *b)
{
	const struct hc_chunk_kind *x = ((const struct place *)a)->kind;
	const struct hc_chunk_kind *y = ((const struct place *)b)->kind;
	int ret = compare(y->count.all.bytes, x->count.all.bytes);

	/* No two of them have all of these in common. */
	if (!ret)
		ret = compare(x->size, y->size);
	if (!ret)
		ret = compare(x->class_id, y->class_id);
	return ret ? ret : compare(x->type, y->type);
}

static struct hc_error *put_in_order(const struct table *table, struct hc_chunk_kinds *kinds)
{
	hc_cleanup_free struct place *places = calloc(table->num + 1, sizeof(*places));

	kinds->kinds = calloc(table->num + 1, sizeof(*kinds->kinds));
	kinds->order = calloc(table->num + 1, sizeof(*kinds->order));
	if (!places || !kinds->kinds || !kinds->order)
		return &hc_enomem;
	for (size_t i = 0; i < table->num; i++)
		places[i] = (struct place){&table->items[i], i};
	hc_sort(places, table->num, compare_places);
	for (size_t i = 0; i < table->num; i++) {
		kinds->kinds[i] = *places[i].kind;
		kinds->order[places[i].number] = i + 1;
	}
	kinds->num = table->num;
	return NULL;
}
/**@}*/

static struct hc_error *cut(const struct hc_heap *heap, struct hc_chunk_kinds *kinds)
{
	hc_cleanup_free struct hc_slice *slices = NULL;
	struct hc_error *err =
		hc_heap_slices(heap, HC_KIND_SLICE_BYTES, &slices, &kinds->num_slices);

	if (err)
		return err;
	kinds->slices = calloc(kinds->num_slices + 1, sizeof(*kinds->slices));
	if (!kinds->slices)
		return &hc_enomem;
	for (size_t i = 0; i < kinds->num_slices; i++)
		kinds->slices[i].slice = slices[i];
	return NULL;
}

static void run_deinit(struct run *run)
{
	table_deinit(&run->table);
}

static struct hc_error *prepare(struct hc_target *target, bool by_content, struct run *run)
{
	struct hc_types *types;
	struct hc_error *err = hc_target_heap(target, &run->heap);

	if (!err && by_content)
		err = hc_target_classifier(target, &run->classifier);
	if (!err && by_content)
		err = hc_target_types(target, HC_TYPES_FULL, &types);
	if (!err && by_content)
		run->types = types;
	return err;
}

struct hc_error *hc_chunk_kinds_run(struct hc_target *target, bool by_content,
				    struct hc_chunk_kinds *ret)
{
	static const struct hc_tally tally = {
		.phase = HC_PHASE_CLASSIFY,
		.worker_size = sizeof(struct worker),
		.slice_bytes = HC_KIND_SLICE_BYTES,
		.init = init,
		.chunk = look,
		.slice = keep,
		.merge = merge,
		.deinit = deinit,
	};
	hc_cleanup(hc_chunk_kinds_deinit) struct hc_chunk_kinds kinds = {0};
	hc_cleanup(run_deinit) struct run run = {0};
	struct hc_selection in_use;

	hc_selection_init(&in_use);
	struct hc_error *err = prepare(target, by_content, &run);
	if (!err)
		err = cut(run.heap, &kinds);
	if (err)
		return err;
	run.slices = kinds.slices;
	err = hc_tally_run(target, &in_use, &tally, &run);
	if (!err)
		err = put_in_order(&run.table, &kinds);
	if (err)
		return err;
	*ret = kinds;
	kinds = (struct hc_chunk_kinds){0};
	return NULL;
}

void hc_chunk_kinds_deinit(struct hc_chunk_kinds *kinds)
{
	for (size_t i = 0; i < kinds->num_slices && kinds->slices; i++)
		free(kinds->slices[i].numbers);
	free(kinds->slices);
	free(kinds->kinds);
	free(kinds->order);
	*kinds = (struct hc_chunk_kinds){0};
}

size_t hc_kind_slice_rank(const struct hc_kind_slice *slice, uint64_t unit)
{
	const struct hc_block *blocks = slice->slice.span->blocks;
	uint64_t from = slice->slice.from;
	size_t ret = 0;

	for (uint64_t i = from / HC_UNITS_PER_BLOCK; i * HC_UNITS_PER_BLOCK < unit; i++)
		ret += __builtin_popcountll(hc_block_in_use(&blocks[i]) &
					    hc_block_units(i, from, unit));
	return ret;
}
