/**
 * @file
 * Naming places; see places.h.
 */
#include "analyzers/diff/places.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "analyzers/diff/finding_places.h"
#include "analyzers/inspect/arena_split.h"
#include "analyzers/types/demangle.h"
#include "core/base/array.h"
#include "core/base/cleanup.h"
#include "core/base/format.h"

const char *hc_diff_by_name(enum hc_diff_by by)
{
	static const char *const names[HC_NUM_DIFF_BYS] = {
		[HC_DIFF_BY_KIND] = "kind",     [HC_DIFF_BY_ARENA] = "arena",
		[HC_DIFF_BY_THREAD] = "thread", [HC_DIFF_BY_MAPPING] = "mapping",
		[HC_DIFF_BY_HOLDER] = "holder", [HC_DIFF_BY_FINDING] = "finding",
	};
	return names[by];
}

struct hc_error *hc_places_add(struct hc_places *places, char *label, uint32_t *ret)
{
	struct hc_error *err =
		label ? hc_array_reserve(&places->labels, places->num, sizeof(*places->labels))
		      : &hc_enomem;

	if (err) {
		free(label);
		return err;
	}
	*ret = places->num;
	places->labels[places->num++] = label;
	return NULL;
}

/** @name By span */
/**@{*/

/** Numbers of threads mean nothing in another process. */
static char *part_label(const struct hc_split_part *part, enum hc_diff_by by, bool one)
{
	if (one || by == HC_DIFF_BY_ARENA || part->num_threads == 0)
		return strdup(part->label);
	return part->name ? hc_format("threads (%s)", part->name) : strdup("threads");
}

static struct hc_error *split_by_arena(struct hc_target *target, enum hc_diff_by by, bool one,
				       struct hc_places *places)
{
	hc_cleanup(hc_arena_split_deinit) struct hc_arena_split split = {0};
	struct hc_error *err = hc_arena_split_run(
		target, by == HC_DIFF_BY_THREAD ? HC_SPLIT_THREAD : HC_SPLIT_ARENA, &split);
	uint32_t index;

	for (size_t i = 0; !err && i < split.num_parts; i++)
		err = hc_places_add(places, part_label(&split.parts[i], by, one), &index);
	for (size_t i = 0; !err && i < places->heap->num_spans; i++)
		places->of_span[i] = hc_arena_split_find(&split, places->heap->spans[i].arena);
	return err;
}

/** Of mmapped chunks there may be any number: they are one place. */
static char *mapping_label(const struct hc_mapping *mapping, bool one)
{
	if (!mapping)
		return strdup("no mapping");
	const char *title = hc_mapping_kind_title(mapping->kind);
	if (!one || mapping->kind == HC_MAPPING_MMAP_CHUNK)
		return strdup(title);
	return mapping->note
		       ? hc_format("0x%" PRIx64 " %s, %s", mapping->start, title, mapping->note)
		       : hc_format("0x%" PRIx64 " %s", mapping->start, title);
}

static struct hc_error *split_by_mapping(struct hc_target *target, bool one,
					 struct hc_places *places)
{
	const struct hc_mapping *last = NULL;
	struct hc_error *err = NULL;
	uint32_t index = 0;

	for (size_t i = 0; !err && i < places->heap->num_spans; i++) {
		const struct hc_mapping *mapping =
			hc_mappings_find(&target->process->mappings, places->heap->spans[i].start);

		if (!i || mapping != last)
			err = hc_places_add(places, mapping_label(mapping, one), &index);
		places->of_span[i] = index;
		last = mapping;
	}
	return err;
}
/**@}*/

/** @name By holder */
/**@{*/

enum { NOBODY, SEVERAL };

static char *variable_label(const struct hc_spot *spot, bool local)
{
	hc_cleanup_free char *name = hc_demangle_function(spot->symbol->name, false);
	const char *module = spot->module ? hc_base_name(spot->module->path) : NULL;

	if (!name)
		return NULL;
	return hc_format("%s%s%s%s%s", local ? "thread-local " : "", name, module ? " (" : "",
			 module ? module : "", module ? ")" : "");
}

static char *frame_label(const struct hc_spot *spot)
{
	hc_cleanup_free char *name =
		spot->function ? hc_demangle_function(spot->function, false) : NULL;

	if (!spot->function)
		return strdup("a stack");
	if (!name)
		return NULL;
	return spot->variable ? hc_format("%s in a frame of %s", spot->variable, name)
			      : hc_format("a frame of %s", name);
}

static char *spot_label(const struct hc_anchor *anchor, const struct hc_spot *spot)
{
	const struct hc_referrer *first = &anchor->first;

	if (spot->symbol)
		return variable_label(spot, first->root == HC_ROOT_TLS);
	if (first->root == HC_ROOT_STACK)
		return frame_label(spot);
	if (spot->module)
		return hc_format("%s+0x%" PRIx64, hc_base_name(spot->module->path),
				 anchor->start - spot->module->start);
	return strdup(first->mapping ? hc_mapping_kind_title(first->mapping->kind)
				     : hc_root_kind_name(first->root));
}

static struct hc_error *anchor_label(struct hc_spots *spots, const struct hc_anchor *anchor,
				     char **ret)
{
	const struct hc_referrer *first = &anchor->first;
	struct hc_error *err;
	struct hc_spot spot;

	*ret = NULL;
	if (!first->address) {
		*ret = strdup(first->detail && first->root != HC_ROOT_REGISTER
				      ? first->detail
				      : hc_root_kind_name(first->root));
		return *ret ? NULL : &hc_enomem;
	}
	err = hc_spots_find(spots, anchor->start, first->thread, &spot);
	if (!err && !(*ret = spot_label(anchor, &spot)))
		err = &hc_enomem;
	return err;
}

static struct hc_error *name_anchors(struct hc_spots *spots, struct hc_places *places)
{
	const struct hc_anchors *anchors = &places->retained.anchors;
	struct hc_error *err = NULL;

	for (size_t i = 0; !err && i < anchors->num; i++) {
		char *label = NULL;

		if (!anchors->items[i].vertex)
			continue;
		err = anchor_label(spots, &anchors->items[i], &label);
		if (!err)
			err = hc_places_add(places, label,
					    &places->of_vertex[anchors->items[i].vertex]);
	}
	return err;
}

/** Down from the root, whose children hold what is theirs: a holder comes before what it holds. */
static void spread(struct hc_places *places)
{
	const struct hc_retained *retained = &places->retained;

	for (uint32_t v = 1; v < retained->num; v++)
		if (retained->idom[v])
			places->of_vertex[v] = places->of_vertex[retained->idom[v]];
		else if (!hc_retained_anchor(retained, v))
			places->of_vertex[v] = SEVERAL;
}

static struct hc_error *split_by_holder(struct hc_target *target, struct hc_places *places)
{
	hc_cleanup(hc_spots_destroyp) struct hc_spots *spots = NULL;
	struct hc_error *err = hc_spots_create(target->process, &spots);
	uint32_t index;

	if (!err)
		err = hc_places_add(places, strdup("nobody: lost"), &index);
	if (!err)
		err = hc_places_add(places, strdup("several holders"), &index);
	if (!err)
		err = hc_retained_find(target, spots, NULL, &places->retained);
	if (err)
		return err;
	places->of_vertex = calloc((size_t)places->retained.num + 1, sizeof(*places->of_vertex));
	if (!places->of_vertex)
		return &hc_enomem;
	err = name_anchors(spots, places);
	if (!err)
		spread(places);
	return err;
}
/**@}*/

struct hc_error *hc_places_run(struct hc_target *target, enum hc_diff_by by, bool one,
			       struct hc_places *ret)
{
	hc_cleanup(hc_places_deinit) struct hc_places places = {0};
	struct hc_error *err = hc_target_heap(target, &places.heap);

	if (err)
		return err;
	if (by == HC_DIFF_BY_HOLDER) {
		err = split_by_holder(target, &places);
	} else {
		places.of_span = calloc(places.heap->num_spans + 1, sizeof(*places.of_span));
		if (!places.of_span)
			return &hc_enomem;
		err = by == HC_DIFF_BY_MAPPING ? split_by_mapping(target, one, &places)
					       : split_by_arena(target, by, one, &places);
	}
	if (err)
		return err;
	*ret = places;
	places = (struct hc_places){0};
	return NULL;
}

void hc_places_keep_names(struct hc_places *places)
{
	free(places->of_span);
	free(places->of_vertex);
	places->of_span = places->of_vertex = NULL;
	hc_finding_map_destroy(places->findings);
	places->findings = NULL;
	if (places->retained.heap)
		hc_retained_deinit(&places->retained);
}

void hc_places_deinit(struct hc_places *places)
{
	for (size_t i = 0; i < places->num; i++)
		free(places->labels[i]);
	free(places->labels);
	hc_places_keep_names(places);
	*places = (struct hc_places){0};
}

uint32_t hc_places_of(const struct hc_places *places, const struct hc_chunk *chunk)
{
	if (places->of_span)
		return places->of_span[chunk->span - places->heap->spans];
	if (places->findings)
		return hc_finding_map_find(places->findings, chunk);
	uint32_t vertex = hc_retained_vertex(&places->retained, chunk);

	return vertex ? places->of_vertex[vertex] : NOBODY;
}
