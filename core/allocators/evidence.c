/**
 * @file
 * The table of allocators that are known by what they leave, and what its rows share.
 */
#include "core/allocators/evidence.h"

#include <elf.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/array.h"
#include "core/base/format.h"
#include "core/heap/allocator.h"

typedef struct hc_error *(*find_fn)(const struct hc_process *process,
				    struct hc_allocator_evidence *ret, bool *found);

static const find_fn table[] = {
	hc_evidence_jemalloc,
	hc_evidence_tcmalloc,
	hc_evidence_mimalloc,
	hc_evidence_musl,
};

#define NUM_ROWS (sizeof(table) / sizeof(table[0]))

static void evidence_deinit(struct hc_allocator_evidence *evidence)
{
	free(evidence->how);
	free(evidence->ranges);
}

void hc_allocator_evidence_free(struct hc_allocator_evidence *items, size_t num)
{
	for (size_t i = 0; i < num; i++)
		evidence_deinit(&items[i]);
	free(items);
}

static struct hc_error *find_all(const struct hc_process *process,
				 struct hc_allocator_evidence *items, size_t *num_ret)
{
	struct hc_error *err = NULL;

	for (size_t i = 0; !err && i < NUM_ROWS; i++) {
		bool found = false;
		err = table[i](process, &items[*num_ret], &found);
		if (!err && found) {
			++*num_ret;
			continue;
		}
		evidence_deinit(&items[*num_ret]);
		items[*num_ret] = (struct hc_allocator_evidence){0};
	}
	return err;
}

struct hc_error *hc_allocator_evidence_find(const struct hc_process *process,
					    struct hc_allocator_evidence **ret, size_t *num_ret)
{
	struct hc_allocator_evidence *items = calloc(NUM_ROWS, sizeof(*items));
	struct hc_error *err = items ? NULL : &hc_enomem;
	size_t num = 0;

	if (!err && process->memory.word_size == 8)
		err = find_all(process, items, &num);
	if (err) {
		if (items)
			hc_allocator_evidence_free(items, num);
		return err;
	}
	*ret = items;
	*num_ret = num;
	return NULL;
}

struct hc_error *hc_evidence_how(struct hc_allocator_evidence *evidence, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	evidence->how = hc_vformat(format, ap);
	va_end(ap);
	return evidence->how ? NULL : &hc_enomem;
}

void hc_evidence_count(struct hc_allocator_evidence *evidence, const char *name, uint64_t value,
		       bool bytes)
{
	if (evidence->num_counts < HC_ALLOCATOR_MAX_COUNTS)
		evidence->counts[evidence->num_counts++] =
			(struct hc_allocator_count){name, value, bytes};
}

struct hc_error *hc_evidence_range(struct hc_allocator_evidence *evidence, uint64_t start,
				   uint64_t end)
{
	struct hc_allocator_range *last =
		evidence->num_ranges ? &evidence->ranges[evidence->num_ranges - 1] : NULL;

	if (start >= end)
		return NULL;
	if (last && last->end == start) {
		last->end = end;
		return NULL;
	}
	struct hc_error *err = hc_array_reserve(&evidence->ranges, evidence->num_ranges,
						sizeof(*evidence->ranges));
	if (!err)
		evidence->ranges[evidence->num_ranges++] = (struct hc_allocator_range){start, end};
	return err;
}

bool hc_evidence_may_hold(const struct hc_mapping *mapping)
{
	return mapping->kind == HC_MAPPING_ANON && mapping->flags & PF_W && mapping->present;
}

struct hc_error *hc_allocator_evident(const struct hc_process *process, char **ret)
{
	struct hc_allocator_evidence *items;
	size_t num;
	struct hc_error *err = hc_allocator_evidence_find(process, &items, &num);

	if (err)
		return err;
	*ret = NULL;
	if (num && !(*ret = hc_format("%s (%s)", items[0].name, items[0].how)))
		err = &hc_enomem;
	hc_allocator_evidence_free(items, num);
	return err;
}
