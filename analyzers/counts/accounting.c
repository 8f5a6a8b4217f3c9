/**
 * @file
 * Accounting: mappings give the total, the heap model splits what is malloc's, and the difference
 * between a heap's mapping and its chunks is either the allocator's own or was not walked.
 */
#include "analyzers/counts/accounting.h"

#include "core/heap/allocator.h"

const char *hc_part_name(enum hc_part part)
{
	static const char *const names[HC_NUM_PARTS] = {
		[HC_PART_IN_USE] = "in-use",
		[HC_PART_MMAPPED] = "mmapped",
		[HC_PART_CACHED] = "cached",
		[HC_PART_FREE] = "free",
		[HC_PART_TOP] = "top",
		[HC_PART_OVERHEAD] = "overhead",
		[HC_PART_GIVEN_BACK] = "given-back",
		[HC_PART_UNWALKED] = "unwalked",
		[HC_PART_STACK] = "stack",
		[HC_PART_TLS] = "tls",
		[HC_PART_MODULE] = "module",
		[HC_PART_OTHER] = "other",
	};
	return names[part];
}

enum hc_part hc_part_of_state(enum hc_state state)
{
	static const enum hc_part parts[HC_NUM_STATES] = {
		[HC_IN_USE] = HC_PART_IN_USE,     [HC_CACHED] = HC_PART_CACHED,
		[HC_FREE] = HC_PART_FREE,         [HC_TOP] = HC_PART_TOP,
		[HC_OVERHEAD] = HC_PART_OVERHEAD,
	};
	return parts[state];
}

enum hc_part hc_part_of_mapping(enum hc_mapping_kind kind)
{
	switch (kind) {
	case HC_MAPPING_HEAP:
	case HC_MAPPING_MAIN_HEAP:
	case HC_MAPPING_THREAD_HEAP:
	case HC_MAPPING_HEAP_RESERVE:
		return HC_PART_UNWALKED;
	case HC_MAPPING_MMAP_CHUNK:
		return HC_PART_MMAPPED;
	case HC_MAPPING_STACK:
	case HC_MAPPING_STACK_GUARD:
	case HC_MAPPING_STACK_CACHED:
	case HC_MAPPING_MAIN_STACK:
		return HC_PART_STACK;
	case HC_MAPPING_TLS:
		return HC_PART_TLS;
	case HC_MAPPING_TEXT:
	case HC_MAPPING_RODATA:
	case HC_MAPPING_DATA:
	case HC_MAPPING_BSS:
		return HC_PART_MODULE;
	default:
		return HC_PART_OTHER;
	}
}

static void count_mappings(const struct hc_process *process, struct hc_accounting *accounting)
{
	const struct hc_mappings *mappings = &process->mappings;
	bool has_resident = false;
	uint64_t resident = 0;
	for (size_t i = 0; i < mappings->num; i++) {
		const struct hc_mapping *mapping = &mappings->items[i];
		uint64_t size = mapping->end - mapping->start;
		if (!mapping->anonymous) {
			bool readable = mapping->flags != 0;
			*(readable ? &accounting->file_backed : &accounting->reserved) += size;
			continue;
		}
		accounting->parts[hc_part_of_mapping(mapping->kind)] += size;
		accounting->total += size;
		accounting->missing += size - mapping->present;
		if (hc_mapping_resident(mapping) != HC_UNKNOWN_BYTES) {
			has_resident = true;
			resident += hc_mapping_resident(mapping);
		}
	}
	accounting->resident = has_resident ? resident : HC_UNKNOWN_BYTES;
}

static void count_stacks(const struct hc_threads *threads, struct hc_accounting *accounting)
{
	for (size_t i = 0; i < threads->num; i++) {
		const struct hc_thread *thread = &threads->items[i];
		if (thread->live_start >= thread->stack_start &&
		    thread->live_start < thread->stack_end)
			accounting->stack_live += thread->stack_end - thread->live_start;
	}
}

/** Move bytes from one part to another, no more than there are. @return how many */
static uint64_t move(struct hc_accounting *accounting, enum hc_part from, enum hc_part to,
		     uint64_t bytes)
{
	/*
	 * Spans of a damaged core may reach beyond its mappings; the identity must hold all the
	 * same.
	 */
	if (bytes > accounting->parts[from])
		bytes = accounting->parts[from];
	accounting->parts[from] -= bytes;
	accounting->parts[to] += bytes;
	return bytes;
}

/**
 * Move what is on lists from the rest of a mapping to its part. One chunk that is a mapping of its
 * own may be free, too.
 */
static void count_lists(const struct hc_heap *heap, const struct hc_arena_row *row,
			enum hc_part from, struct hc_accounting *accounting)
{
	for (size_t i = 0; i < heap->num_lists; i++) {
		const struct hc_count *count = &row->lists[i];
		enum hc_part part = hc_part_of_state(heap->lists[i]->state);
		accounting->lists[i].bytes += move(accounting, from, part, count->bytes);
		accounting->lists[i].chunks += count->chunks;
		accounting->chunks[part] += count->chunks;
	}
}

static void count_state(const struct hc_arena_row *row, enum hc_state state,
			struct hc_accounting *accounting)
{
	enum hc_part part = hc_part_of_state(state);
	move(accounting, HC_PART_UNWALKED, part, row->states[state].bytes);
	accounting->chunks[part] += row->states[state].chunks;
}

/** Move what the chunks of an arena hold to their parts. */
static void count_arena(const struct hc_heap *heap, const struct hc_arena_row *row,
			struct hc_accounting *accounting)
{
	move(accounting, HC_PART_UNWALKED, HC_PART_OVERHEAD, row->arena->outside);
	move(accounting, HC_PART_UNWALKED, HC_PART_GIVEN_BACK, row->arena->given_back);
	count_state(row, HC_IN_USE, accounting);
	count_lists(heap, row, HC_PART_UNWALKED, accounting);
	count_state(row, HC_TOP, accounting);
	count_state(row, HC_OVERHEAD, accounting);
}

static void name_lists(const struct hc_heap *heap, struct hc_accounting *accounting)
{
	size_t num;
	const struct hc_allocator *first = hc_allocators(&num)[0];
	accounting->num_lists = heap ? heap->num_lists : first->num_lists;
	for (size_t i = 0; i < accounting->num_lists; i++)
		accounting->lists[i].list = heap ? heap->lists[i] : &first->lists[i];
}

void hc_accounting_run(const struct hc_target *target, const struct hc_arena_table *arenas,
		       struct hc_accounting *ret)
{
	const struct hc_process *process = target->process;
	const struct hc_heap *heap = target->heap;

	*ret = (struct hc_accounting){0};
	name_lists(heap, ret);
	count_mappings(process, ret);
	count_stacks(&process->threads, ret);
	for (size_t i = 0; heap && i < arenas->num_rows; i++) {
		const struct hc_arena_row *row = &arenas->rows[i];
		if (row->index == HC_ARENA_MMAP) {
			ret->chunks[HC_PART_MMAPPED] += row->states[HC_IN_USE].chunks;
			count_lists(heap, row, HC_PART_MMAPPED, ret);
		} else {
			count_arena(heap, row, ret);
		}
	}
}
