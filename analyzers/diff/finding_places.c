/**
 * @file
 * Naming findings, and telling which one a chunk is of; see finding_places.h.
 */
#include "analyzers/diff/finding_places.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/cleanup.h"
#include "core/base/format.h"
#include "core/heap/plane.h"

/** @name Names */
/**@{*/

static void name_deinit(struct hc_finding_name *name)
{
	free(name->key);
	free(name->title);
	free(name->plain);
	*name = (struct hc_finding_name){0};
}

/** The class that says what a finding is about; NULL: none that is text. */
static const struct hc_class *class_of(const struct hc_target *target, hc_class_id class_id)
{
	const struct hc_class *class_of_it =
		class_id == HC_CLASS_NONE ? NULL : hc_class_of(target->classifier, class_id);

	return class_of_it && class_of_it->textual ? class_of_it : NULL;
}

/** @param[out] ret NULL: it has none */
static struct hc_error *type_of(const struct hc_target *target, hc_type_id type, const char **ret)
{
	*ret = type == HC_TYPE_NONE ? NULL : hc_type_name(target->types, type);
	return type == HC_TYPE_NONE || *ret ? NULL : &hc_enomem;
}

/** "lost: Session, HTTP request, 144 bytes" */
static char *title_of(const char *kind, const char *type, const struct hc_class *content,
		      uint64_t size)
{
	return hc_format("%s: %s%s%s%s%" PRIu64 " bytes", kind, type ? type : "", type ? ", " : "",
			 content ? content->title : "", content ? ", " : "", size);
}

static struct hc_error *name_lost(const struct hc_target *target, const struct hc_leak_group *group,
				  struct hc_finding_name *name)
{
	const struct hc_class *content = class_of(target, group->content);
	const char *type;
	struct hc_error *err = type_of(target, group->root_type, &type);

	if (err)
		return err;
	name->key = hc_format("lost %" PRIu64 " %s %s", group->root_size,
			      content ? content->name : "-", type ? type : "");
	name->plain = title_of("lost", NULL, NULL, group->root_size);
	name->title = title_of("lost", type, content, group->root_size);
	return NULL;
}

static struct hc_error *name_held(const struct hc_target *target, const struct hc_growth_kind *kind,
				  struct hc_finding_name *name)
{
	const char *type;
	struct hc_error *err = type_of(target, kind->type, &type);

	if (err)
		return err;
	if (kind->joined) {
		const struct hc_class *content = hc_class_of(target->classifier, kind->class_id);

		name->key = hc_format("held %s", content->name);
		name->plain = strdup("held: text");
		name->title = hc_format("held: %s", content->title);
		return NULL;
	}
	name->size = kind->size;
	name->key = hc_format("held %" PRIu64, kind->size);
	name->plain = title_of("held", NULL, NULL, kind->size);
	name->title = title_of("held", type, NULL, kind->size);
	return NULL;
}

static void name_outside(const struct hc_finding *finding, struct hc_finding_name *name)
{
	const struct hc_owner *owner = finding->owner;

	if (owner) {
		name->key = hc_format("owner %s", owner->name);
		name->title = hc_format("outside: %s", owner->title);
	} else if (finding->blocks) {
		name->key = hc_format("blocks %" PRIu64, finding->blocks->size);
		name->title =
			hc_format("outside: blocks of %" PRIu64 " bytes", finding->blocks->size);
	} else {
		name->key = strdup("outside");
		name->title = strdup("outside: all other");
	}
	name->plain = name->title ? strdup(name->title) : NULL;
}

static void name_simply(const char *key, const char *title, struct hc_finding_name *name)
{
	name->key = strdup(key);
	name->title = strdup(title);
	name->plain = strdup(title);
}

/** @param[out] name nothing in it before; to be deinitialized after an error, too */
static struct hc_error *name_finding(const struct hc_target *target,
				     const struct hc_finding *finding, struct hc_finding_name *name)
{
	struct hc_error *err = NULL;

	name->kind = finding->kind;
	switch (finding->kind) {
	case HC_FINDING_LOST:
		err = name_lost(target, finding->group, name);
		break;
	case HC_FINDING_HELD:
		err = name_held(target, finding->growth, name);
		break;
	case HC_FINDING_FREED:
		name_simply("freed", "freed: chunks that malloc keeps", name);
		break;
	case HC_FINDING_STACKS:
		name_simply("stacks", "stacks", name);
		break;
	default:
		name_outside(finding, name);
		break;
	}
	if (!err && !(name->key && name->title && name->plain))
		err = &hc_enomem;
	return err;
}

/** Place of what has this name; 0: of none. */
static uint32_t find_name(const struct hc_finding_names *names, const struct hc_finding_name *name)
{
	for (uint32_t i = 1; i < names->num; i++)
		if (!strcmp(names->items[i].key, name->key))
			return i;
	return 0;
}

static struct hc_error *find_finding(const struct hc_finding_names *names, unsigned core,
				     const struct hc_finding *finding, uint32_t *ret)
{
	struct hc_finding_name name = {0};
	struct hc_error *err = name_finding(names->targets[core], finding, &name);

	if (!err)
		*ret = find_name(names, &name);
	name_deinit(&name);
	return err;
}

/** A later core says how a finding is called; there is room for all that are listed. */
static struct hc_error *add_name(struct hc_finding_names *names, unsigned core,
				 const struct hc_finding *finding)
{
	struct hc_finding_name name = {0};
	struct hc_error *err = name_finding(names->targets[core], finding, &name);

	if (err) {
		name_deinit(&name);
		return err;
	}
	uint32_t at = find_name(names, &name);
	if (at)
		name_deinit(&names->items[at]);
	else
		at = names->num++;
	names->items[at] = name;
	return NULL;
}
/**@}*/

/** @name What is no chunks */
/**@{*/

static struct hc_error *measure_others(struct hc_finding_names *names, unsigned core)
{
	const struct hc_verdict *verdict = &names->verdicts[core];
	static const enum hc_part unlisted[] = {HC_PART_OVERHEAD, HC_PART_UNWALKED, HC_PART_TLS,
						HC_PART_MODULE};
	struct hc_error *err = NULL;

	for (size_t i = 0; i < sizeof(unlisted) / sizeof(unlisted[0]); i++)
		names->items[0].others[core] += verdict->ruler.parts[unlisted[i]];
	for (size_t i = 0; !err && i < verdict->findings.num_candidates; i++) {
		const struct hc_finding *finding = &verdict->findings.candidates[i];
		uint32_t at = 0;

		if (finding->kind != HC_FINDING_STACKS && finding->kind != HC_FINDING_OUTSIDE)
			continue;
		err = find_finding(names, core, finding, &at);
		if (!err)
			names->items[at].others[core] += finding->touched;
	}
	return err;
}
/**@}*/

static struct hc_error *measure(struct hc_finding_names *names, unsigned core)
{
	struct hc_target *target = names->targets[core];
	struct hc_verdict *verdict = &names->verdicts[core];
	struct hc_types *types;
	struct hc_error *err = hc_target_types(target, HC_TYPES_FULL, &types);

	if (!err)
		err = hc_verdict_measure(target, verdict);
	for (size_t i = 0; !err && i < verdict->findings.num; i++)
		err = add_name(names, core, &verdict->findings.items[i]);
	return err;
}

struct hc_error *hc_finding_names_create(struct hc_target *const *targets, unsigned num,
					 struct hc_finding_names **ret)
{
	struct hc_finding_names *names = calloc(1, sizeof(*names));
	struct hc_error *err = NULL;

	if (!names)
		return &hc_enomem;
	names->num = 1;
	names->num_cores = num;
	for (unsigned i = 0; i < num; i++)
		names->targets[i] = targets[i];
	name_simply("", "in no finding", &names->items[0]);
	if (!names->items[0].key || !names->items[0].title || !names->items[0].plain)
		err = &hc_enomem;
	for (unsigned i = 0; !err && i < num; i++)
		err = measure(names, i);
	for (unsigned i = 0; !err && i < num; i++)
		err = measure_others(names, i);
	if (err) {
		hc_finding_names_destroy(names);
		return err;
	}
	*ret = names;
	return NULL;
}

void hc_finding_names_destroy(struct hc_finding_names *names)
{
	if (!names)
		return;
	for (unsigned i = 0; i < names->num; i++)
		name_deinit(&names->items[i]);
	for (unsigned i = 0; i < names->num_cores; i++)
		hc_verdict_deinit(&names->verdicts[i]);
	free(names);
}

/** @name Chunks of one core */
/**@{*/

/** Bits of the number of a place. */
#define PLACE_BITS 5
_Static_assert(HC_DIFF_MAX_FINDINGS <= 1 << PLACE_BITS, "all places have a number");

struct hc_finding_map {
	const struct hc_finding_names *names;
	const struct hc_verdict *verdict;
	struct hc_plane_layout layout;
	struct hc_plane lost[PLACE_BITS]; /* of each lost chunk, a bit of its place each */
	uint8_t *of_kind;                 /* place of each kind of held chunks */
	uint8_t freed;
};

void hc_finding_map_destroy(struct hc_finding_map *map)
{
	if (!map)
		return;
	for (unsigned i = 0; i < PLACE_BITS; i++)
		hc_plane_deinit(&map->lost[i]);
	hc_plane_layout_deinit(&map->layout);
	free(map->of_kind);
	free(map);
}

/** Kinds have no sizes but those that hold the most; what is of one size is told by it anywhere. */
static uint32_t place_of_size(const struct hc_finding_names *names, uint64_t size)
{
	for (uint32_t i = 1; i < names->num; i++)
		if (names->items[i].size == size)
			return i;
	return 0;
}

static uint32_t place_of_held(const struct hc_finding_map *map, uint64_t size)
{
	size_t kind = hc_growth_kind_of(&map->verdict->growth, size);

	return kind < map->verdict->growth.num_kinds ? map->of_kind[kind]
						     : place_of_size(map->names, size);
}

uint32_t hc_finding_map_find(const struct hc_finding_map *map, const struct hc_chunk *chunk)
{
	size_t span = chunk->span - map->verdict->heap->spans;
	uint32_t ret = 0;

	if (chunk->state != HC_IN_USE)
		return map->freed;
	if (hc_chunk_is_held(chunk))
		return place_of_held(map, chunk->size);
	for (unsigned i = 0; i < PLACE_BITS; i++)
		ret |= (uint32_t)hc_plane_has(&map->layout, &map->lost[i], span, chunk->unit) << i;
	return ret;
}

static void mark_lost(const struct hc_finding_map *map, const struct hc_chunk *chunk,
		      uint32_t place)
{
	size_t span = chunk->span - map->verdict->heap->spans;

	for (unsigned i = 0; i < PLACE_BITS; i++)
		if (place >> i & 1)
			hc_plane_set(&map->layout, &map->lost[i], span, chunk->unit);
}

/** Marking groups. */
struct marks {
	struct hc_finding_map *map;
	uint32_t first[HC_LEAKS_MAX_WALK]; /* places of the groups that one walk tells apart */
	uint32_t place;                    /* of another group */
};

static struct hc_error *mark_first(void *ctx, size_t number, const struct hc_chunk *chunk,
				   hc_class_id class_id __attribute__((unused)),
				   bool indirect __attribute__((unused)))
{
	const struct marks *marks = ctx;

	mark_lost(marks->map, chunk, marks->first[number - 1]);
	return NULL;
}

static bool mark_one(void *ctx, const struct hc_chunk *chunk, bool indirect __attribute__((unused)))
{
	const struct marks *marks = ctx;

	mark_lost(marks->map, chunk, marks->place);
	return true;
}

/** Of the first groups the places, which one walk marks; others are marked one by one. */
static struct hc_error *mark_groups(struct hc_finding_map *map, unsigned core)
{
	const struct hc_leaks *leaks = &map->verdict->leaks;
	struct marks marks = {.map = map};
	struct hc_error *err = NULL;
	size_t walk = 0;

	for (size_t i = 0; !err && i < leaks->num_groups; i++) {
		struct hc_finding finding = {.kind = HC_FINDING_LOST, .group = &leaks->groups[i]};

		err = find_finding(map->names, core, &finding, &marks.place);
		if (err || !marks.place)
			continue;
		if (i < HC_LEAKS_MAX_WALK) {
			marks.first[i] = marks.place;
			walk = i + 1;
		} else {
			err = hc_leaks_each(leaks, i + 1, mark_one, &marks);
		}
	}
	if (!err && walk)
		err = hc_leaks_walk(leaks, walk, mark_first, &marks);
	return err;
}

static struct hc_error *place_kinds(struct hc_finding_map *map, unsigned core)
{
	const struct hc_growth *growth = &map->verdict->growth;
	struct hc_error *err = NULL;

	map->of_kind = calloc(growth->num_kinds + 1, sizeof(*map->of_kind));
	if (!map->of_kind)
		return &hc_enomem;
	for (size_t i = 0; !err && i < growth->num_kinds; i++) {
		struct hc_finding finding = {.kind = HC_FINDING_HELD, .growth = &growth->kinds[i]};
		uint32_t place = 0;

		err = find_finding(map->names, core, &finding, &place);
		map->of_kind[i] = place;
	}
	return err;
}

static struct hc_error *fill_map(struct hc_finding_map *map, unsigned core)
{
	static const struct hc_finding freed = {.kind = HC_FINDING_FREED};
	struct hc_error *err = hc_plane_layout_init(map->verdict->heap, &map->layout);
	uint32_t place = 0;

	for (unsigned i = 0; !err && i < PLACE_BITS; i++)
		err = hc_plane_init(&map->layout, &map->lost[i]);
	if (!err)
		err = mark_groups(map, core);
	if (!err)
		err = place_kinds(map, core);
	if (!err)
		err = find_finding(map->names, core, &freed, &place);
	map->freed = place;
	return err;
}
/**@}*/

struct hc_error *hc_finding_places_run(const struct hc_finding_names *names, unsigned core,
				       struct hc_places *ret)
{
	hc_cleanup(hc_places_deinit) struct hc_places places = {0};
	struct hc_error *err = NULL;
	uint32_t index;

	places.heap = names->verdicts[core].heap;
	for (unsigned i = 0; !err && i < names->num; i++)
		err = hc_places_add(&places, strdup(names->items[i].key), &index);
	if (err)
		return err;
	places.findings = calloc(1, sizeof(*places.findings));
	if (!places.findings)
		return &hc_enomem;
	places.findings->names = names;
	places.findings->verdict = &names->verdicts[core];
	err = fill_map(places.findings, core);
	if (err)
		return err;
	*ret = places;
	places = (struct hc_places){0};
	return NULL;
}
