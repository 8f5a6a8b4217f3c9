/**
 * @file
 * Accounting: mappings give the total, the heap model splits what is malloc's, and the difference
 * between a heap's mapping and its chunks is either the allocator's own or was not walked.
 */
#include "analyzers/counts/accounting.h"

const char *hc_part_name(enum hc_part part)
{
	static const char *const names[HC_NUM_PARTS] = {
		[HC_PART_IN_USE] = "in-use",     [HC_PART_MMAPPED] = "mmapped",
		[HC_PART_TCACHE] = "tcache",     [HC_PART_FASTBIN] = "fastbin",
		[HC_PART_UNSORTED] = "unsorted", [HC_PART_SMALLBIN] = "smallbin",
		[HC_PART_LARGEBIN] = "largebin", [HC_PART_TOP] = "top",
		[HC_PART_OVERHEAD] = "overhead", [HC_PART_GIVEN_BACK] = "given-back",
		[HC_PART_UNWALKED] = "unwalked", [HC_PART_STACK] = "stack",
		[HC_PART_TLS] = "tls",           [HC_PART_MODULE] = "module",
		[HC_PART_OTHER] = "other",
	};
	return names[part];
}

static enum hc_part part_of(enum hc_state state)
{
	switch (state) {
	case HC_IN_USE:
		return HC_PART_IN_USE;
	case HC_TCACHE:
		return HC_PART_TCACHE;
	case HC_FASTBIN:
		return HC_PART_FASTBIN;
	case HC_UNSORTED:
		return HC_PART_UNSORTED;
	case HC_SMALLBIN:
		return HC_PART_SMALLBIN;
	case HC_LARGEBIN:
		return HC_PART_LARGEBIN;
	case HC_TOP:
		return HC_PART_TOP;
	case HC_OVERHEAD:
	case HC_NUM_STATES:
		break;
	}
	return HC_PART_OVERHEAD;
}

/** Where the anonymous bytes of a mapping go; heap mappings are split later. */
static enum hc_part part_of_mapping(enum hc_mapping_kind kind)
{
	switch (kind) {
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
		accounting->parts[part_of_mapping(mapping->kind)] += size;
		accounting->total += size;
		accounting->missing += size - mapping->present;
		if (mapping->resident != HC_UNKNOWN_BYTES) {
			has_resident = true;
			resident += mapping->resident;
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

/** Move bytes from a heap mapping's rest to the part that they belong to. */
static void claim(struct hc_accounting *accounting, enum hc_part part, uint64_t bytes)
{
	uint64_t *rest = &accounting->parts[HC_PART_UNWALKED];
	/*
	 * Spans of a damaged core may reach beyond its mappings; the identity must hold all the
	 * same.
	 */
	if (bytes > *rest)
		bytes = *rest;
	*rest -= bytes;
	accounting->parts[part] += bytes;
}

/** An mmapped chunk that sits in a tcache is free, although it is a mapping of its own. */
static void count_mmapped(const struct hc_arena_row *row, struct hc_accounting *accounting)
{
	uint64_t cached = row->states[HC_TCACHE].bytes;
	accounting->chunks[HC_PART_MMAPPED] = row->states[HC_IN_USE].chunks;
	accounting->chunks[HC_PART_TCACHE] += row->states[HC_TCACHE].chunks;
	if (cached > accounting->parts[HC_PART_MMAPPED])
		cached = accounting->parts[HC_PART_MMAPPED];
	accounting->parts[HC_PART_MMAPPED] -= cached;
	accounting->parts[HC_PART_TCACHE] += cached;
}

/** Move what the chunks of an arena hold to their parts. */
static void count_arena(const struct hc_arena_row *row, struct hc_accounting *accounting)
{
	claim(accounting, HC_PART_OVERHEAD, row->arena->outside);
	claim(accounting, HC_PART_GIVEN_BACK, row->arena->given_back);
	for (int state = 0; state < HC_NUM_STATES; state++) {
		enum hc_part part = part_of(state);
		claim(accounting, part, row->states[state].bytes);
		accounting->chunks[part] += row->states[state].chunks;
	}
}

void hc_accounting_run(const struct hc_target *target, const struct hc_arena_table *arenas,
		       struct hc_accounting *ret)
{
	const struct hc_process *process = target->process;

	*ret = (struct hc_accounting){0};
	count_mappings(process, ret);
	count_stacks(&process->threads, ret);
	for (size_t i = 0; arenas && i < arenas->num_rows; i++) {
		const struct hc_arena_row *row = &arenas->rows[i];
		if (row->index == HC_ARENA_MMAP)
			count_mmapped(row, ret);
		else
			count_arena(row, ret);
	}
}
