/**
 * @file
 * Comparing heaps; see heap_diff.h.
 */
#include "analyzers/diff/heap_diff.h"

#include <string.h>

#include "analyzers/select/tally.h"
#include "core/base/array.h"
#include "core/base/hash.h"

/** What makes a kind within one target. */
struct key {
	hc_type_id type;      /**< HC_TYPE_NONE: none */
	hc_class_id class_id; /**< HC_CLASS_NONE: it has a type */
	uint64_t size;        /**< chunk size; 0: of any size */
	uint32_t place;       /**< by place, and then alone; else 0 */
};

/** A kind of one target, counted. */
struct item {
	struct key key;
	uint64_t min_size, max_size;
	struct hc_diff_side side;
	struct hc_count stayed;
	uint64_t sample;
	unsigned sample_rank; /**< 2 for a lost chunk, and 1 for a new one */
};

struct items {
	struct item *items;
	size_t num;
	struct hc_hash table;
};

struct worker {
	struct hc_classifier_scratch *scratch;
	struct items kinds;
	struct hc_count free;
};

/** One target's pass. */
struct run {
	const struct hc_heap *heap;
	const struct hc_classifier *classifier;
	const struct hc_types *types;
	const struct hc_places *places; /**< NULL: by kind */
	const struct hc_heap *before;   /**< the core before, of the same process; or NULL */
	const struct hc_heap *first;    /**< and the one before that, where there are three */
	struct items kinds;
	struct hc_count free;
};

/** @name Kinds of one target */
/**@{*/

static uint64_t key_hash(const struct key *key)
{
	return hc_hash_mix(hc_hash_mix(hc_hash_mix(key->size) + key->place) +
			   ((uint64_t)key->type << 16 | key->class_id));
}

static bool same_key(const struct key *a, const struct key *b)
{
	return a->type == b->type && a->class_id == b->class_id && a->size == b->size &&
	       a->place == b->place;
}

static void items_deinit(struct items *kinds)
{
	free(kinds->items);
	hc_hash_deinit(&kinds->table);
}

/** Find a kind, or add it with nothing in it. */
static struct hc_error *items_find(struct items *kinds, const struct key *key, struct item **ret)
{
	struct hc_error *err;
	uint32_t *slot;

	err = hc_hash_reserve(&kinds->table, kinds->num, i, key_hash(&kinds->items[i].key));
	if (!err)
		err = hc_array_reserve(&kinds->items, kinds->num, sizeof(*kinds->items));
	if (err)
		return err;
	slot = hc_hash_find(&kinds->table, key_hash(key), i, same_key(&kinds->items[i].key, key));
	if (!*slot) {
		kinds->items[kinds->num] = (struct item){.key = *key, .min_size = UINT64_MAX};
		*slot = ++kinds->num;
	}
	*ret = &kinds->items[*slot - 1];
	return NULL;
}

static struct key place_key(uint32_t place)
{
	return (struct key){HC_TYPE_NONE, HC_CLASS_NONE, .place = place};
}

static struct key key_of(const struct run *run, struct worker *worker, const struct hc_chunk *chunk,
			 struct hc_bytes bytes)
{
	struct key key = {HC_TYPE_NONE, HC_CLASS_NONE};

	if (run->places)
		return place_key(hc_places_of(run->places, chunk));
	key.type = hc_type_of(run->types, chunk);
	if (key.type != HC_TYPE_NONE)
		return key;
	key.class_id = hc_classify(run->classifier, worker->scratch, bytes);
	if (hc_class_of(run->classifier, key.class_id)->kind == HC_SIGNATURE_CODE) {
		key.class_id = HC_CLASS_NONE;
		key.size = chunk->size;
	}
	return key;
}

static void widen(struct item *item, uint64_t min_size, uint64_t max_size)
{
	item->min_size = min_size < item->min_size ? min_size : item->min_size;
	item->max_size = max_size > item->max_size ? max_size : item->max_size;
}

/** The best sample, of those the lowest address: the same for any number of workers. */
static void offer_sample(struct item *item, uint64_t sample, unsigned rank)
{
	if (sample && (!item->sample || rank > item->sample_rank ||
		       (rank == item->sample_rank && sample < item->sample))) {
		item->sample = sample;
		item->sample_rank = rank;
	}
}
/**@}*/

/** @name One pass */
/**@{*/

static struct hc_bytes compared(struct hc_bytes bytes)
{
	if (bytes.size > HC_DIFF_COMPARED)
		bytes.size = HC_DIFF_COMPARED;
	return bytes;
}

/** Whether a chunk was in an earlier core what it is now. What is missing is no match. */
static bool is_unchanged(const struct hc_heap *before, const struct hc_chunk *chunk,
			 struct hc_bytes bytes)
{
	struct hc_chunk twin;
	struct hc_bytes old;

	if (!before || !bytes.size || !hc_heap_chunk_at(before, chunk->address, &twin) ||
	    twin.address != chunk->address || twin.size != chunk->size || twin.state != HC_IN_USE)
		return false;
	old = compared(hc_chunk_bytes(before, &twin));
	return old.size == bytes.size && !memcmp(old.data, bytes.data, bytes.size);
}

static struct hc_error *init(void *ctx, void *own)
{
	struct run *run = ctx;
	struct worker *worker = own;

	return hc_classifier_scratch_create(run->classifier, &worker->scratch);
}

static void deinit(void *ctx __attribute__((unused)), void *own)
{
	struct worker *worker = own;

	hc_classifier_scratch_destroy(worker->scratch);
	items_deinit(&worker->kinds);
}

static struct hc_error *count_in_use(const struct run *run, struct worker *worker,
				     const struct hc_chunk *chunk)
{
	struct hc_bytes bytes = hc_chunk_bytes(run->heap, chunk);
	struct key key = key_of(run, worker, chunk, bytes);
	bool lost = hc_chunk_is_lost(run->heap, chunk);
	bool unchanged = is_unchanged(run->before, chunk, compared(bytes));
	struct item *item;
	struct hc_error *err = items_find(&worker->kinds, &key, &item);

	if (err)
		return err;
	hc_count_chunk(lost ? &item->side.lost : &item->side.held, chunk);
	if (unchanged)
		hc_count_chunk(&item->side.unchanged, chunk);
	if (unchanged && run->first && !is_unchanged(run->first, chunk, compared(bytes)))
		hc_count_chunk(&item->stayed, chunk);
	widen(item, chunk->size, chunk->size);
	offer_sample(item, chunk->address, 2 * lost + (run->before && !unchanged));
	return NULL;
}

static struct hc_error *count_free(const struct run *run, struct worker *worker,
				   const struct hc_chunk *chunk)
{
	struct key key = place_key(hc_places_of(run->places, chunk));
	struct item *item;
	struct hc_error *err = items_find(&worker->kinds, &key, &item);

	if (!err)
		hc_count_chunk(&item->side.free, chunk);
	return err;
}

static struct hc_error *count(void *ctx, void *own, const struct hc_chunk *chunk)
{
	const struct run *run = ctx;
	struct worker *worker = own;

	if (chunk->state == HC_IN_USE)
		return count_in_use(ctx, worker, chunk);
	hc_count_chunk(&worker->free, chunk);
	return run->places && hc_places_of_all(run->places) ? count_free(run, worker, chunk) : NULL;
}

static void add_side(struct hc_diff_side *to, const struct hc_diff_side *more)
{
	hc_count_add(&to->held, &more->held);
	hc_count_add(&to->lost, &more->lost);
	hc_count_add(&to->unchanged, &more->unchanged);
	hc_count_add(&to->free, &more->free);
	to->other += more->other;
}

static struct hc_error *merge(void *ctx, void *own)
{
	struct run *run = ctx;
	const struct worker *worker = own;

	hc_count_add(&run->free, &worker->free);
	for (size_t i = 0; i < worker->kinds.num; i++) {
		const struct item *more = &worker->kinds.items[i];
		struct item *item;
		struct hc_error *err = items_find(&run->kinds, &more->key, &item);

		if (err)
			return err;
		add_side(&item->side, &more->side);
		hc_count_add(&item->stayed, &more->stayed);
		widen(item, more->min_size, more->max_size);
		offer_sample(item, more->sample, more->sample_rank);
	}
	return NULL;
}

static void run_deinit(struct run *run)
{
	items_deinit(&run->kinds);
}

static struct hc_error *run_target(struct hc_target *target, struct run *run)
{
	static const struct hc_tally tally = {
		.phase = HC_PHASE_COMPARE,
		.worker_size = sizeof(struct worker),
		.slice_bytes = UINT64_C(4) << 20,
		.init = init,
		.chunk = count,
		.merge = merge,
		.deinit = deinit,
	};
	struct hc_selection selection;
	struct hc_types *types;
	struct hc_error *err;

	hc_selection_init(&selection);
	selection.states |= 1u << HC_CACHED | 1u << HC_FREE | 1u << HC_TOP;
	if ((err = hc_target_heap(target, &run->heap)) || (err = hc_target_reach(target, NULL)) ||
	    (err = hc_target_classifier(target, &run->classifier)) ||
	    (err = hc_target_types(target, HC_TYPES_QUICK, &types)))
		return err;
	run->types = types;
	return hc_tally_run(target, &selection, &tally, run);
}
/**@}*/

/** @name Putting the targets together */
/**@{*/

struct join {
	struct hc_heap_diff *diff;
	struct hc_hash table;
};

/** What makes a kind in all targets: the name of its type, or its class and maybe its size. */
struct name {
	const char *type;
	hc_class_id class_id;
	uint64_t size;
};

static struct name name_of(const struct hc_diff_kind *kind)
{
	bool any = kind->type || kind->class_id != HC_CLASS_NONE;

	return (struct name){kind->type, kind->class_id, any ? 0 : kind->min_size};
}

static uint64_t name_hash(const struct name *name)
{
	uint64_t hash = hc_hash_mix(name->size) + name->class_id;

	for (const char *p = name->type; p && *p; p++)
		hash = hc_hash_mix(hash + (unsigned char)*p);
	return hc_hash_mix(hash);
}

static bool same_name(const struct name *a, const struct name *b)
{
	return a->class_id == b->class_id && a->size == b->size && !a->type == !b->type &&
	       (!a->type || !strcmp(a->type, b->type));
}

static uint64_t kind_hash(const struct hc_diff_kind *kind)
{
	struct name name = name_of(kind);

	return name_hash(&name);
}

static bool is_of(const struct hc_diff_kind *kind, const struct name *name)
{
	struct name other = name_of(kind);

	return same_name(&other, name);
}

/** Find a kind in the answer, or add it. */
static struct hc_error *join_find(struct join *join, const struct name *name,
				  struct hc_diff_kind **ret)
{
	struct hc_heap_diff *diff = join->diff;
	struct hc_error *err;
	uint32_t *slot;

	err = hc_hash_reserve(&join->table, diff->num_kinds, i, kind_hash(&diff->kinds[i]));
	if (!err)
		err = hc_array_reserve(&diff->kinds, diff->num_kinds, sizeof(*diff->kinds));
	if (err)
		return err;
	slot = hc_hash_find(&join->table, name_hash(name), i, is_of(&diff->kinds[i], name));
	if (!*slot) {
		diff->kinds[diff->num_kinds] =
			(struct hc_diff_kind){.type = name->type,
					      .class_id = name->class_id,
					      .min_size = name->size ? name->size : UINT64_MAX};
		*slot = ++diff->num_kinds;
	}
	*ret = &diff->kinds[*slot - 1];
	return NULL;
}

static void add_item(struct hc_diff_kind *kind, unsigned core, const struct item *item)
{
	add_side(&kind->sides[core], &item->side);
	hc_count_add(&kind->stayed, &item->stayed);
	if (item->min_size < kind->min_size)
		kind->min_size = item->min_size;
	if (item->max_size > kind->max_size)
		kind->max_size = item->max_size;
	if (!item->sample)
		return;
	kind->sample = item->sample;
	kind->sample_core = core;
}

static struct hc_error *join_target(struct join *join, struct hc_target *target, unsigned core,
				    const struct run *run)
{
	struct hc_heap_diff *diff = join->diff;
	struct hc_types *types;
	struct hc_error *err = hc_target_types(target, HC_TYPES_QUICK, &types);

	for (size_t i = 0; !err && i < run->kinds.num; i++) {
		const struct item *item = &run->kinds.items[i];
		struct name name = {NULL, item->key.class_id, item->key.size};
		struct hc_diff_kind *kind;

		if (run->places)
			name.type = run->places->labels[item->key.place];
		if (item->key.type != HC_TYPE_NONE &&
		    !(name.type = hc_type_name(types, item->key.type)))
			return &hc_enomem;
		err = join_find(join, &name, &kind);
		if (err)
			break;
		if (diff->findings)
			kind->finding = &diff->findings->items[item->key.place];
		add_item(kind, core, item);
		add_side(&diff->total[core], &item->side);
		hc_count_add(&diff->stayed, &item->stayed);
	}
	diff->free[core] = run->free;
	return err;
}

/** Growth first; of what did not grow, what shrank most comes last. */
static int compare_kinds(const void *a, const void *b, void *ctx)
{
	const struct hc_heap_diff *diff = ctx;
	const struct hc_diff_kind *x = a, *y = b;
	unsigned last = diff->num_cores - 1;
	uint64_t ax = hc_diff_row_bytes(diff->by, &x->sides[last]);
	uint64_t ay = hc_diff_row_bytes(diff->by, &y->sides[last]);
	int64_t dx = ax - hc_diff_row_bytes(diff->by, &x->sides[0]);
	int64_t dy = ay - hc_diff_row_bytes(diff->by, &y->sides[0]);

	if (dx != dy)
		return dx < dy ? 1 : -1;
	if (ax != ay)
		return ax < ay ? 1 : -1;
	if (x->min_size != y->min_size)
		return x->min_size < y->min_size ? -1 : 1;
	if (x->class_id != y->class_id)
		return x->class_id < y->class_id ? -1 : 1;
	return x->type && y->type ? strcmp(x->type, y->type) : 0;
}
/**@}*/

/** Whether two modules may be one; of a core that is cut short, the build-id may be unknown. */
static bool same_module(const struct hc_module *a, const struct hc_module *b)
{
	if (a->start != b->start)
		return false;
	return !a->build_id_size || !b->build_id_size ||
	       (a->build_id_size == b->build_id_size &&
		!memcmp(a->build_id, b->build_id, a->build_id_size));
}

bool hc_diff_same_process(const struct hc_target *a, const struct hc_target *b)
{
	const struct hc_process *x = a->process, *y = b->process;

	if (x->core->prpsinfo.pid != y->core->prpsinfo.pid)
		return false;
	/* Libraries that were loaded in between may stand anywhere; the program does not move. */
	for (size_t i = 0; i < x->modules.num && i < y->modules.num; i++)
		if (same_module(&x->modules.items[i], &y->modules.items[i]))
			return true;
	return false;
}

/** What a finding has that is no chunks. */
static struct hc_error *add_others(const struct hc_finding_names *findings, unsigned core,
				   struct run *run)
{
	struct hc_error *err = NULL;

	for (uint32_t i = 0; !err && i < findings->num; i++) {
		struct key key = place_key(i);
		struct item *item;

		err = items_find(&run->kinds, &key, &item);
		if (!err)
			item->side.other += findings->items[i].others[core];
	}
	return err;
}

/** Of a place only its names are kept. */
static struct hc_error *diff_target(struct join *join, struct hc_target *target, unsigned core,
				    struct run *run)
{
	struct hc_heap_diff *diff = join->diff;
	struct hc_places *places = &diff->places[core];
	struct hc_error *err = NULL;

	if (diff->by == HC_DIFF_BY_FINDING)
		err = hc_finding_places_run(diff->findings, core, places);
	else if (diff->by != HC_DIFF_BY_KIND)
		err = hc_places_run(target, diff->by, diff->same_process, places);
	if (diff->by != HC_DIFF_BY_KIND)
		run->places = places;
	if (!err)
		err = run_target(target, run);
	if (!err && diff->by == HC_DIFF_BY_FINDING)
		err = add_others(diff->findings, core, run);
	if (!err)
		err = join_target(join, target, core, run);
	hc_places_keep_names(places);
	return err;
}

struct hc_error *hc_heap_diff_run(struct hc_target *const *targets, unsigned num,
				  enum hc_diff_by by, struct hc_heap_diff *ret)
{
	struct hc_heap_diff diff = {.num_cores = num, .by = by, .same_process = true};
	struct join join = {.diff = &diff};
	struct hc_error *err = NULL;

	for (unsigned i = 1; i < num; i++)
		diff.same_process &= hc_diff_same_process(targets[0], targets[i]);
	if (by == HC_DIFF_BY_FINDING)
		err = hc_finding_names_create(targets, num, &diff.findings);
	for (unsigned i = 0; !err && i < num; i++) {
		hc_cleanup(run_deinit) struct run run = {0};

		if (diff.same_process && i)
			run.before = targets[i - 1]->heap;
		if (diff.same_process && i > 1)
			run.first = targets[i - 2]->heap;
		err = diff_target(&join, targets[i], i, &run);
	}
	hc_hash_deinit(&join.table);
	if (err) {
		hc_heap_diff_deinit(&diff);
		return err;
	}
	if (diff.num_kinds)
		qsort_r(diff.kinds, diff.num_kinds, sizeof(*diff.kinds), compare_kinds, &diff);
	*ret = diff;
	return NULL;
}

void hc_heap_diff_deinit(struct hc_heap_diff *diff)
{
	free(diff->kinds);
	for (unsigned i = 0; i < HC_DIFF_MAX_CORES; i++)
		hc_places_deinit(&diff->places[i]);
	hc_finding_names_destroy(diff->findings);
	*diff = (struct hc_heap_diff){0};
}
