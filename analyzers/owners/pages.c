/**
 * @file
 * One pass over the headers of pages, for all probes. Only the first bytes of each page are read.
 *
 * The tests are necessary conditions that random content does not meet: several fields that depend
 * on each other, or on the address. Sources of the layouts: Objects/obmalloc.c (pool_header),
 * Zend/zend_alloc.c (_zend_mm_chunk), gc.c of Ruby (heap_page_header),
 * src/heap/basic-memory-chunk.h of V8, memory/unix/apr_pools.c (apr_memnode_t).
 */
#include <elf.h>
#include <stdlib.h>

#include "analyzers/owners/survey.h"
#include "core/base/array.h"
#include "core/base/cleanup.h"
#include "core/base/parallel.h"

#define PAGE 4096u
/** Bytes of one task. */
#define TASK_BYTES (UINT64_C(16) << 20)
/** Bytes of a header that tests look at. */
#define HEADER 112
/** Memory that is not writable holds only large pages of interest (V8's code). */
#define SPARSE_STEP (UINT64_C(256) << 10)

bool hc_survey_open_mapping(const struct hc_mapping *mapping)
{
	return mapping->kind == HC_MAPPING_ANON && mapping->anonymous && mapping->present;
}

struct task {
	uint64_t start, end, step;
};

struct scan {
	const struct hc_memory *memory;
	struct task *tasks;
	size_t num_tasks;
	struct hc_page_list (*found)[HC_NUM_PAGE_KINDS]; /**< of each task */
};

static struct hc_error *found(struct hc_page_list *list, uint64_t address)
{
	struct hc_error *err = hc_array_reserve(&list->items, list->num, sizeof(*list->items));

	if (!err)
		list->items[list->num++] = address;
	return err;
}

/** CPython: size class, capacity, carved bytes and free list agree with each other. */
static bool is_python_pool(const uint8_t *p, bool big, uint64_t address, uint32_t pool)
{
	uint64_t used = hc_read64(p, big), head = hc_read64(p + 8, big);
	uint32_t class_id = hc_read32(p + 36, big), next = hc_read32(p + 40, big),
		 max = hc_read32(p + 44, big);

	if (class_id >= 32)
		return false;
	uint32_t block = (class_id + 1) * 16;
	return max == pool - block && used >= 1 && used <= (pool - 48) / block && next > 48 &&
	       next <= pool && (next - 48) % block == 0 &&
	       (!head || (head > address && head < address + pool)) && hc_read64(p + 16, big) &&
	       hc_read64(p + 24, big);
}

static bool is_zend_chunk(const uint8_t *p, bool big)
{
	uint64_t heap = hc_read64(p, big), next = hc_read64(p + 8, big),
		 prev = hc_read64(p + 16, big);
	uint64_t chunk = (UINT64_C(2) << 20) - 1;

	return heap && (heap & chunk) == 64 && next && prev && !(next & chunk) && !(prev & chunk) &&
	       hc_read32(p + 24, big) < 512 && hc_read32(p + 28, big) <= 512;
}

/** Ruby: the page's struct says where its slots begin, how large and how many they are. */
static bool is_ruby_page(const struct hc_memory *memory, const uint8_t *p, uint64_t address,
			 uint64_t size)
{
	uint64_t page = hc_read64(p, memory->big_endian), first;
	uint32_t slots;

	if (page & 7 || page < PAGE || !hc_memory_u32(memory, page, &slots) ||
	    !hc_memory_word(memory, page + 32, &first) || first < address + 8 ||
	    first > address + 640)
		return false;
	/* Two shorts: the size comes first. */
	bool big = memory->big_endian;
	uint64_t slot = big ? slots >> 16 : slots & 0xffff,
		 num = big ? slots & 0xffff : slots >> 16;
	return slot >= 40 && slot <= 640 && slot % 8 == 0 && num * slot <= size &&
	       num * slot + 3 * slot + 640 > size && first + num * slot <= address + size;
}

static bool is_v8_page(const uint8_t *p, bool big, uint64_t address)
{
	uint64_t size = hc_read64(p, big), start = hc_read64(p + 24, big),
		 end = hc_read64(p + 32, big);

	return size >= PAGE && size % PAGE == 0 && size <= UINT64_C(1) << 36 &&
	       start > address + 64 && start < end && end <= address + size &&
	       hc_read64(p + 16, big) && !(hc_read64(p + 16, big) & 7) && hc_read64(p + 64, big) &&
	       !(hc_read64(p + 64, big) & 7) && hc_read64(p + 40, big) <= end - start;
}

/**
 * APR: a node is a multiple of pages whose number it holds, and who points to it is pointed to by
 * it.
 */
static bool is_apr_node(const struct hc_memory *memory, const uint8_t *p, uint64_t address)
{
	uint64_t ref = hc_read64(p + 8, memory->big_endian),
		 first = hc_read64(p + 24, memory->big_endian),
		 end = hc_read64(p + 32, memory->big_endian), back;
	uint32_t index = hc_read32(p + 16, memory->big_endian);

	return index >= 1 && index < 1u << 20 && end == address + (index + UINT64_C(1)) * PAGE &&
	       first >= address + 40 && first <= end && ref && !(ref & 7) &&
	       hc_memory_word(memory, ref, &back) && back == address;
}

static struct hc_error *look(const struct scan *scan, struct hc_page_list lists[], const uint8_t *p,
			     uint64_t address)
{
	const struct hc_memory *memory = scan->memory;
	bool big = memory->big_endian;
	bool is[HC_NUM_PAGE_KINDS] = {
		[HC_PAGE_PYTHON_4K] = is_python_pool(p, big, address, 4 << 10),
		[HC_PAGE_PYTHON_16K] =
			!(address & 0x3fff) && is_python_pool(p, big, address, 16 << 10),
		[HC_PAGE_ZEND] = !(address & 0x1fffff) && is_zend_chunk(p, big),
		[HC_PAGE_RUBY_16K] =
			!(address & 0x3fff) && is_ruby_page(memory, p, address, 16 << 10),
		[HC_PAGE_RUBY_64K] =
			!(address & 0xffff) && is_ruby_page(memory, p, address, 64 << 10),
		[HC_PAGE_V8] = !(address & (SPARSE_STEP - 1)) && is_v8_page(p, big, address),
		[HC_PAGE_APR] = is_apr_node(memory, p, address),
	};
	struct hc_error *err = NULL;

	for (unsigned kind = 0; !err && kind < HC_NUM_PAGE_KINDS; kind++)
		if (is[kind])
			err = found(&lists[kind], address);
	return err;
}

static struct hc_error *run_task(void *ctx, unsigned worker, size_t index)
{
	struct scan *scan = ctx;
	const struct task *task = &scan->tasks[index];
	uint64_t pos = task->start;
	struct hc_piece piece;
	struct hc_error *err = NULL;

	(void)worker;
	while (!err && hc_memory_next_data(scan->memory, &pos, task->end, TASK_BYTES, &piece)) {
		uint64_t first = (piece.start + task->step - 1) / task->step * task->step;
		for (uint64_t at = first; !err && at < piece.end; at += task->step) {
			if (piece.end - at < HEADER)
				break;
			const uint8_t *p = piece.bytes.data + (at - piece.start);
			if (hc_load64(p))
				err = look(scan, scan->found[index], p, at);
		}
	}
	return err;
}

static struct hc_error *cut(const struct hc_process *process, struct scan *scan)
{
	for (size_t i = 0; i < process->mappings.num; i++) {
		const struct hc_mapping *mapping = &process->mappings.items[i];
		bool sparse = !(mapping->flags & PF_W);
		uint64_t most = sparse ? TASK_BYTES * 64 : TASK_BYTES;

		if (!hc_survey_open_mapping(mapping))
			continue;
		for (uint64_t at = mapping->start;
		     hc_memory_next_aligned(scan->memory, &at, mapping->end, PAGE);) {
			uint64_t end = mapping->end - at > most ? at + most : mapping->end;
			struct hc_error *err = hc_array_reserve(&scan->tasks, scan->num_tasks,
								sizeof(*scan->tasks));
			if (err)
				return err;
			scan->tasks[scan->num_tasks++] =
				(struct task){at, end, sparse ? SPARSE_STEP : PAGE};
			at = end;
		}
	}
	return NULL;
}

/** Tasks are in the order of addresses, and so are their lists when they are joined. */
static struct hc_error *join(const struct scan *scan, struct hc_page_list pages[])
{
	for (unsigned kind = 0; kind < HC_NUM_PAGE_KINDS; kind++)
		for (size_t i = 0; i < scan->num_tasks; i++)
			for (size_t k = 0; k < scan->found[i][kind].num; k++) {
				struct hc_error *err =
					found(&pages[kind], scan->found[i][kind].items[k]);
				if (err)
					return err;
			}
	return NULL;
}

struct hc_error *hc_survey_pages(struct hc_survey *survey)
{
	struct scan scan = {.memory = survey->memory};
	struct hc_error *err = cut(survey->process, &scan);

	if (!err) {
		scan.found = calloc(scan.num_tasks + 1, sizeof(*scan.found));
		err = scan.found ? hc_parallel_for(survey->process->jobs, scan.num_tasks, run_task,
						   &scan)
				 : &hc_enomem;
	}
	if (!err)
		err = join(&scan, survey->pages);
	for (size_t i = 0; scan.found && i < scan.num_tasks; i++)
		for (unsigned kind = 0; kind < HC_NUM_PAGE_KINDS; kind++)
			free(scan.found[i][kind].items);
	free(scan.found);
	free(scan.tasks);
	return err;
}
