/**
 * @file
 * Splitting a heap; see arena_split.h.
 */
#include "analyzers/inspect/arena_split.h"

#include <inttypes.h>
#include <stdlib.h>

#include "core/base/cleanup.h"
#include "core/base/format.h"

/** Not a part yet. */
#define NO_PART UINT32_MAX

const char *hc_split_name(unsigned by)
{
	static const char *const names[HC_NUM_SPLITS] = {
		[HC_SPLIT_ARENA] = "arena",
		[HC_SPLIT_THREAD] = "thread",
	};

	return by < HC_NUM_SPLITS ? names[by] : NULL;
}

static void count_threads(const struct hc_process *process, const struct hc_heap *heap,
			  struct hc_split_part *part)
{
	for (size_t i = 0; heap->thread_arena && i < process->threads.num; i++)
		if (heap->thread_arena[i] == part->arena && !part->num_threads++)
			part->lwp = process->threads.items[i].lwp;
}

static char *arena_label(const struct hc_split_part *part)
{
	return part->arena ? hc_format("arena %" PRIu32, part->arena) : strdup("main arena");
}

/** "thread 4711 (handler)", "3 threads (handler)", "3 threads of arena 2" */
static char *thread_label(const struct hc_split_part *part)
{
	if (!part->num_threads)
		return strdup("no thread that is left");
	if (part->num_threads == 1)
		return part->name ? hc_format("thread %d (%s)", part->lwp, part->name)
				  : hc_format("thread %d", part->lwp);
	return part->name
		       ? hc_format("%u threads (%s)", part->num_threads, part->name)
		       : hc_format("%u threads of arena %" PRIu32, part->num_threads, part->arena);
}

static struct hc_error *label(struct hc_split_part *part, enum hc_split_by by)
{
	if (!part->num_arenas)
		part->label = strdup("mmapped chunks");
	else
		part->label = by == HC_SPLIT_ARENA ? arena_label(part) : thread_label(part);
	return part->label ? NULL : &hc_enomem;
}

/** @p orphans the part of arenas without threads, by thread */
static void add_arena(struct hc_arena_split *split, const struct hc_split_part *part,
		      uint32_t *orphans)
{
	bool orphan = orphans && !part->num_threads;

	if (orphan && *orphans != NO_PART) {
		split->parts[*orphans].num_arenas++;
		split->part_of[part->arena] = *orphans;
		return;
	}
	if (orphan)
		*orphans = split->num_parts;
	split->part_of[part->arena] = split->num_parts;
	split->parts[split->num_parts++] = *part;
}

static struct hc_error *make_parts(struct hc_target *target, const struct hc_heap *heap,
				   enum hc_split_by by, struct hc_arena_split *split)
{
	struct hc_error *err = NULL;
	uint32_t orphans = NO_PART;

	split->num_arenas = heap->num_arenas;
	split->parts = calloc(heap->num_arenas + 1, sizeof(*split->parts));
	split->part_of = calloc(heap->num_arenas + 1, sizeof(*split->part_of));
	if (!split->parts || !split->part_of)
		return &hc_enomem;
	for (uint32_t i = 0; i < heap->num_arenas; i++) {
		struct hc_split_part part = {.arena = i, .num_arenas = 1};

		count_threads(target->process, heap, &part);
		part.name = hc_thread_names_of_arena(&split->names, heap, i);
		add_arena(split, &part, by == HC_SPLIT_THREAD ? &orphans : NULL);
	}
	split->part_of[heap->num_arenas] = split->num_parts;
	split->parts[split->num_parts++] = (struct hc_split_part){.arena = HC_ARENA_MMAP};
	for (size_t i = 0; !err && i < split->num_parts; i++)
		err = label(&split->parts[i], by);
	return err;
}

struct hc_error *hc_arena_split_run(struct hc_target *target, enum hc_split_by by,
				    struct hc_arena_split *ret)
{
	hc_cleanup(hc_arena_split_deinit) struct hc_arena_split split = {0};
	const struct hc_heap *heap;
	struct hc_error *err = hc_target_heap(target, &heap);

	if (!err)
		err = hc_thread_names_run(target, &split.names);
	if (!err)
		err = make_parts(target, heap, by, &split);
	if (err)
		return err;
	*ret = split;
	split = (struct hc_arena_split){0};
	return NULL;
}

void hc_arena_split_deinit(struct hc_arena_split *split)
{
	for (size_t i = 0; i < split->num_parts; i++)
		free(split->parts[i].label);
	free(split->parts);
	free(split->part_of);
	hc_thread_names_deinit(&split->names);
	*split = (struct hc_arena_split){0};
}
