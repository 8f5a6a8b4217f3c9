/**
 * @file
 * Holders; see holders.h. Every question is a pass over all vertices in order, in which whoever
 * holds comes before what is held.
 */
#include "analyzers/retained/holders.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/array.h"
#include "core/base/cleanup.h"
#include "core/base/hash.h"

enum {
	MAX_STEPS = 32,        /* from a holder to its accumulation point */
	KEEPS = 70,            /* per cent that one has to retain to be gone down to */
	CHECK_EVERY = 1 << 20, /* vertices between two looks at whether to go on */
};

/** @name The largest */
/**@{*/

static int by_bytes(const void *a, const void *b)
{
	const struct hc_holder *x = a, *y = b;

	if (x->bytes != y->bytes)
		return x->bytes < y->bytes ? 1 : -1;
	return (x->vertex > y->vertex) - (x->vertex < y->vertex);
}

static struct hc_holder holder_of(const struct hc_retained *retained, uint32_t vertex)
{
	uint64_t bytes = hc_retained_bytes(retained, vertex);

	return (struct hc_holder){
		.vertex = vertex,
		.bytes = bytes,
		.own = retained->kinds[retained->kind[vertex]].size,
		.point = vertex,
		.point_bytes = bytes,
	};
}

/** Twice as many as are wanted are collected before the lesser half is dropped. */
static struct hc_error *choose(const struct hc_retained *retained, uint32_t of, size_t max,
			       struct hc_holders *holders)
{
	struct hc_error *err = NULL;

	for (uint32_t v = 1; !err && v < retained->num; v++) {
		if (retained->idom[v] != of)
			continue;
		struct hc_holder holder = holder_of(retained, v);

		if (!holder.bytes)
			continue;
		holders->total++;
		holders->total_bytes += holder.bytes;
		err = hc_array_reserve(&holders->items, holders->num, sizeof(*holders->items));
		if (err)
			return err;
		holders->items[holders->num++] = holder;
		if (holders->num / 2 > max) {
			hc_sort(holders->items, holders->num, by_bytes);
			holders->num = max;
		}
	}
	hc_sort(holders->items, holders->num, by_bytes);
	if (holders->num > max)
		holders->num = max;
	return hc_watch_check(retained->heap->process->watch);
}
/**@}*/

/** @name Accumulation points */
/**@{*/

/** Where a way down has come to. */
struct way {
	uint32_t at;
	uint32_t best; /* of what that holds at once */
	uint64_t best_bytes;
	struct hc_holder *holder;
};

static int by_place(const void *a, const void *b)
{
	const struct way *x = a, *y = b;

	return (x->at > y->at) - (x->at < y->at);
}

/** Ways from every holder, and a bit for each vertex where one of them is. */
struct ways {
	struct way *items; /* by vertex */
	size_t num;
	uint64_t *here;
};

static struct way *way_at(const struct ways *ways, uint32_t vertex)
{
	if (!(ways->here[vertex / 64] >> vertex % 64 & 1))
		return NULL;
	return &ways->items[hc_lower_bound(ways->num, k, ways->items[k].at < vertex)];
}

/** One pass: what retains the most below the places of all ways. */
static void look_below(const struct hc_retained *retained, const struct ways *ways)
{
	for (uint32_t v = 1; v < retained->num; v++) {
		struct way *way = way_at(ways, retained->idom[v]);

		if (way && hc_retained_bytes(retained, v) > way->best_bytes) {
			way->best_bytes = hc_retained_bytes(retained, v);
			way->best = v;
		}
	}
}

/** Go down on those ways that go on, and forget the others. */
static void step(const struct hc_retained *retained, struct ways *ways)
{
	size_t num = 0;

	for (size_t i = 0; i < ways->num; i++) {
		struct way way = ways->items[i];

		ways->here[way.at / 64] &= ~(UINT64_C(1) << way.at % 64);
		if (!way.best || retained->kind[way.best] == retained->kind[way.at] ||
		    (double)way.best_bytes * 100 <=
			    (double)hc_retained_bytes(retained, way.at) * KEEPS)
			continue;
		way.holder->point = way.best;
		way.holder->point_bytes = way.best_bytes;
		ways->items[num++] = (struct way){.at = way.best, .holder = way.holder};
	}
	ways->num = num;
}

static struct hc_error *find_points(const struct hc_retained *retained, struct hc_holders *holders)
{
	hc_cleanup_free uint64_t *here = calloc(retained->num / 64 + 1, sizeof(*here));
	hc_cleanup_free struct way *items = calloc(holders->num + 1, sizeof(*items));
	struct ways ways = {items, holders->num, here};
	struct hc_error *err = NULL;

	if (!here || !items)
		return &hc_enomem;
	for (size_t i = 0; i < holders->num; i++)
		items[i] =
			(struct way){.at = holders->items[i].vertex, .holder = &holders->items[i]};
	for (unsigned i = 0; !err && ways.num && i < MAX_STEPS; i++) {
		hc_sort(ways.items, ways.num, by_place);
		for (size_t k = 0; k < ways.num; k++)
			here[items[k].at / 64] |= UINT64_C(1) << items[k].at % 64;
		look_below(retained, &ways);
		step(retained, &ways);
		err = hc_watch_check(retained->heap->process->watch);
	}
	return err;
}
/**@}*/

/** @name Groups */
/**@{*/

/** A pass that sorts what is below some holders into groups. */
struct grouping {
	const struct hc_retained *retained;
	struct hc_holders *holders;
	uint32_t *group; /* of each vertex, counted from 1; 0: none */
	struct hc_hash hash;
};

static uint64_t hash_group(const struct hc_holder_group *group)
{
	return hc_hash_mix((uint64_t)group->parent << 32 | group->kind);
}

static struct hc_error *add_group(struct grouping *grouping, const struct hc_holder_group *group)
{
	struct hc_holders *holders = grouping->holders;
	struct hc_error *err =
		hc_array_reserve(&holders->groups, holders->num_groups, sizeof(*holders->groups));

	if (!err)
		holders->groups[holders->num_groups++] = *group;
	return err;
}

/** The group of a vertex that is held by one of another kind. */
static struct hc_error *find_group(struct grouping *grouping, uint32_t parent, uint32_t vertex,
				   uint32_t *ret)
{
	struct hc_holders *holders = grouping->holders;
	const struct hc_holder_group look = {
		.parent = parent,
		.kind = grouping->retained->kind[vertex],
		.depth = holders->groups[parent].depth + 1,
		.sample = vertex,
	};
	struct hc_error *err = hc_hash_reserve(&grouping->hash, holders->num_groups, i,
					       hash_group(&holders->groups[i]));

	if (err)
		return err;
	uint32_t *slot = hc_hash_find(&grouping->hash, hash_group(&look), i,
				      holders->groups[i].parent == parent &&
					      holders->groups[i].kind == look.kind &&
					      holders->groups[i].depth == look.depth);

	if (!*slot &&
	    (holders->num_groups >= HC_MAX_HOLDER_GROUPS || look.depth > HC_MAX_HOLDER_DEPTH)) {
		*ret = parent;
		return NULL;
	}
	if (!*slot) {
		err = add_group(grouping, &look);
		*slot = holders->num_groups;
	}
	*ret = *slot - 1;
	return err;
}

/** The first group of a holder. */
static struct hc_error *start_group(struct grouping *grouping, struct hc_holder *holder)
{
	uint32_t index = grouping->holders->num_groups;
	const struct hc_holder_group group = {
		.parent = index,
		.kind = grouping->retained->kind[holder->vertex],
		.sample = holder->vertex,
	};
	struct hc_error *err = hc_hash_reserve(&grouping->hash, index, i,
					       hash_group(&grouping->holders->groups[i]));

	if (!err)
		err = add_group(grouping, &group);
	if (err)
		return err;
	*hc_hash_find(&grouping->hash, hash_group(&group), i, i == index) = index + 1;
	holder->group = index;
	grouping->group[holder->vertex] = index + 1;
	return NULL;
}

static void count(const struct grouping *grouping, uint32_t vertex, uint32_t index)
{
	const struct hc_retained *retained = grouping->retained;
	struct hc_count *own = &grouping->holders->groups[index].own;
	uint64_t size = retained->kinds[retained->kind[vertex]].size;

	own->chunks += size != 0;
	own->bytes += size;
}

/** Give everything below the holders its group. */
static struct hc_error *group_all(struct grouping *grouping, uint32_t from)
{
	const struct hc_retained *retained = grouping->retained;
	struct hc_error *err = NULL;

	for (uint32_t v = from; !err && v < retained->num; v++) {
		uint32_t holder = retained->idom[v], index;

		if (!grouping->group[v]) {
			if (!grouping->group[holder] || holder == v)
				continue;
			index = grouping->group[holder] - 1;
			if (retained->kind[v] != retained->kind[holder])
				err = find_group(grouping, index, v, &index);
			grouping->group[v] = index + 1;
		}
		count(grouping, v, grouping->group[v] - 1);
		if (v % CHECK_EVERY == 0 && !err)
			err = hc_watch_check(retained->heap->process->watch);
	}
	return err;
}

/** Groups of some holders, of which none holds another. */
static struct hc_error *group_holders(struct grouping *grouping, struct hc_holder *items,
				      size_t num)
{
	uint32_t first = UINT32_MAX;
	struct hc_error *err = NULL;

	memset(grouping->group, 0, grouping->retained->num * sizeof(*grouping->group));
	for (size_t i = 0; !err && i < num; i++) {
		if (items[i].vertex < first)
			first = items[i].vertex;
		err = start_group(grouping, &items[i]);
	}
	return err || !num ? err : group_all(grouping, first);
}

/** Sums over what is below each group. */
static void sum_groups(struct hc_holders *holders)
{
	struct hc_holder_group *groups = holders->groups;

	for (size_t i = 0; i < holders->num_groups; i++)
		groups[i].all = groups[i].own;
	for (size_t i = holders->num_groups; i-- > 0;)
		if (groups[i].parent != i)
			hc_count_add(&groups[groups[i].parent].all, &groups[i].all);
	for (size_t i = 0; i < holders->num; i++)
		holders->items[i].chunks = groups[holders->items[i].group].all.chunks;
	if (holders->of.vertex)
		holders->of.chunks = groups[holders->of.group].all.chunks;
}

struct order {
	uint32_t group;
	uint64_t bytes;
};

static int by_all(const void *a, const void *b)
{
	const struct order *x = a, *y = b;

	if (x->bytes != y->bytes)
		return x->bytes < y->bytes ? -1 : 1;
	return (x->group < y->group) - (x->group > y->group);
}

/** Put the largest of each group first: the least is put there first, and then pushed back. */
static struct hc_error *link_groups(struct hc_holders *holders)
{
	hc_cleanup_free struct order *order = calloc(holders->num_groups + 1, sizeof(*order));

	if (!order)
		return &hc_enomem;
	for (size_t i = 0; i < holders->num_groups; i++)
		order[i] = (struct order){i, holders->groups[i].all.bytes};
	hc_sort(order, holders->num_groups, by_all);
	for (size_t i = 0; i < holders->num_groups; i++) {
		struct hc_holder_group *group = &holders->groups[order[i].group];
		struct hc_holder_group *parent = &holders->groups[group->parent];

		if (group == parent)
			continue;
		group->next = parent->first;
		parent->first = order[i].group;
	}
	return NULL;
}

static struct hc_error *find_groups(struct hc_retained *retained, struct hc_holders *holders)
{
	/* The sums are not needed any more. */
	struct grouping grouping = {retained, holders, retained->low, {0}};
	struct hc_error *err = NULL;

	if (holders->of.vertex)
		err = group_holders(&grouping, &holders->of, 1);
	if (!err)
		err = group_holders(&grouping, holders->items, holders->num);
	hc_hash_deinit(&grouping.hash);
	sum_groups(holders);
	return err ? err : link_groups(holders);
}
/**@}*/

/** The chunks of holders, of accumulation points and of samples, all in one pass. */
static struct hc_error *find_chunks(const struct hc_retained *retained, struct hc_holders *holders)
{
	size_t num = 2 * holders->num + 1 + holders->num_groups, n = 0;
	hc_cleanup_free uint32_t *vertices = calloc(num, sizeof(*vertices));
	hc_cleanup_free struct hc_chunk *chunks = calloc(num, sizeof(*chunks));

	if (!vertices || !chunks)
		return &hc_enomem;
	for (size_t i = 0; i < holders->num; i++) {
		vertices[n++] = holders->items[i].vertex;
		vertices[n++] = holders->items[i].point;
	}
	vertices[n++] = holders->of.vertex;
	for (size_t i = 0; i < holders->num_groups; i++)
		vertices[n++] = holders->groups[i].sample;
	struct hc_error *err = hc_retained_chunks(retained, vertices, num, chunks);

	n = 0;
	for (size_t i = 0; !err && i < holders->num; i++) {
		holders->items[i].chunk = chunks[n++];
		holders->items[i].point_chunk = chunks[n++];
	}
	if (!err)
		holders->of.chunk = chunks[n++];
	for (size_t i = 0; !err && i < holders->num_groups; i++)
		holders->groups[i].sample_chunk = chunks[n++];
	return err;
}

struct hc_error *hc_holders_find(struct hc_retained *retained, uint32_t of, size_t max,
				 struct hc_holders *ret)
{
	struct hc_holders holders = {0};
	hc_target_phase(retained->target, HC_PHASE_RETAIN);
	struct hc_error *err = choose(retained, of, max, &holders);

	if (of)
		holders.of = holder_of(retained, of);
	if (!err)
		err = find_points(retained, &holders);
	if (!err)
		err = find_groups(retained, &holders);
	if (!err)
		err = find_chunks(retained, &holders);
	if (err) {
		hc_holders_deinit(&holders);
		return err;
	}
	*ret = holders;
	return NULL;
}

void hc_holders_deinit(struct hc_holders *holders)
{
	free(holders->items);
	free(holders->groups);
	*holders = (struct hc_holders){0};
}
