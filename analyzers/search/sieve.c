/**
 * @file
 * Looking through the core for required literals; see sieve.h.
 */
#include "analyzers/search/sieve.h"

#include <stdlib.h>

#include "core/base/array.h"

bool hc_sieve_is_for(const struct hc_pattern *pattern)
{
	return hc_pattern_literals(pattern)->num > 0;
}

/** @name Parts */
/**@{*/

/** Cut [start, end), which is in one piece. */
static struct hc_error *add_parts(struct hc_sieve *sieve, size_t *max, uint64_t start, uint64_t end)
{
	for (uint64_t from = start, to; from < end; from = to) {
		struct hc_error *err = hc_array_regrow(&sieve->parts, sieve->num_parts, max,
						       sizeof(*sieve->parts));

		if (err)
			return err;
		to = end - from > HC_SIEVE_PART_BYTES ? from + HC_SIEVE_PART_BYTES : end;
		sieve->parts[sieve->num_parts++] = (struct hc_sieve_part){from, to, 0};
		sieve->bytes += to - from;
	}
	return NULL;
}

/** Cut what the core has of a mapping. */
static struct hc_error *add_mapping(struct hc_sieve *sieve, size_t *max,
				    const struct hc_memory *memory,
				    const struct hc_mapping *mapping)
{
	uint64_t from = mapping->start;
	struct hc_error *err = NULL;

	while (from < mapping->end && !err) {
		const struct hc_extent *extent = hc_memory_find_next(memory, from);

		if (!extent || extent->start >= mapping->end)
			break;
		uint64_t start = extent->start > from ? extent->start : from;

		from = extent->end < mapping->end ? extent->end : mapping->end;
		if (extent->from_core)
			err = add_parts(sieve, max, start, from);
	}
	return err;
}

static struct hc_error *add_mappings(struct hc_sieve *sieve, const struct hc_process *process)
{
	struct hc_error *err = NULL;
	size_t max = 0;

	for (size_t i = 0; i < process->mappings.num && !err; i++)
		err = add_mapping(sieve, &max, &process->memory, &process->mappings.items[i]);
	return err;
}
/**@}*/

/** @name Looking through them */
/**@{*/

struct job {
	const struct hc_memory *memory;
	bool skips_holes; /**< no literal begins with a NUL */
	const struct hc_pattern *pattern;
	struct hc_sieve *sieve;
};

static bool may_begin_with_nul(const struct hc_literals *literals)
{
	for (size_t i = 0; i < literals->num; i++) {
		if (!literals->items[i].bytes[0])
			return true;
	}
	return false;
}

static struct hc_error *look_through(void *ctx, unsigned worker, size_t task)
{
	const struct job *job = ctx;
	struct hc_sieve_part *part = &job->sieve->parts[task];
	uint64_t size = part->end - part->start, place = 0;
	struct hc_prefilter prefilter;

	(void)worker;
	if (job->skips_holes && hc_memory_is_hole(job->memory, part->start, part->end))
		return NULL;
	/* A literal that begins at the end of the part reaches over it. */
	hc_prefilter_init(&prefilter, job->pattern,
			  hc_memory_view(job->memory, part->start, size + HC_MAX_LITERAL_SIZE - 1));
	for (; (place = hc_prefilter_next(&prefilter, place)) < size;
	     place = (place / HC_SIEVE_BLOCK_BYTES + 1) * HC_SIEVE_BLOCK_BYTES)
		part->blocks |= 1u << place / HC_SIEVE_BLOCK_BYTES;
	return NULL;
}

struct hc_error *hc_sieve_run(struct hc_target *target, const struct hc_pattern *pattern,
			      struct hc_sieve *ret)
{
	const struct hc_process *process = target->process;
	hc_cleanup(hc_sieve_deinit) struct hc_sieve sieve = {0};
	struct job job = {&process->memory, !may_begin_with_nul(hc_pattern_literals(pattern)),
			  pattern, &sieve};
	struct hc_error *err = add_mappings(&sieve, process);

	if (err)
		return err;
	hc_target_phase(target, HC_PHASE_SEARCH);
	err = hc_process_parallel(process, sieve.num_parts, look_through, &job);
	if (err)
		return err;
	for (size_t i = 0; i < sieve.num_parts; i++)
		sieve.may_match |= sieve.parts[i].blocks != 0;
	*ret = sieve;
	sieve = (struct hc_sieve){0};
	return NULL;
}

void hc_sieve_deinit(struct hc_sieve *sieve)
{
	free(sieve->parts);
	*sieve = (struct hc_sieve){0};
}
/**@}*/

/** The blocks of a part that overlap [start, end). */
static unsigned blocks_of(const struct hc_sieve_part *part, uint64_t start, uint64_t end)
{
	unsigned ret = part->blocks;

	if (start > part->start)
		ret &= ~0u << (start - part->start) / HC_SIEVE_BLOCK_BYTES;
	if (end < part->end)
		ret &= (2u << (end - 1 - part->start) / HC_SIEVE_BLOCK_BYTES) - 1;
	return ret;
}

/** Widen [*first, *last) by the blocks of a part. */
static void widen(const struct hc_sieve_part *part, unsigned blocks, uint64_t *first,
		  uint64_t *last)
{
	uint64_t low = part->start + __builtin_ctz(blocks) * (uint64_t)HC_SIEVE_BLOCK_BYTES;
	uint64_t high = part->start + (32 - __builtin_clz(blocks)) * (uint64_t)HC_SIEVE_BLOCK_BYTES;

	if (*first == UINT64_MAX)
		*first = low;
	*last = high < part->end ? high : part->end;
}

bool hc_sieve_narrow(const struct hc_sieve *sieve, uint64_t *start, uint64_t *end)
{
	uint64_t first = UINT64_MAX, last = 0, at = *start;

	if (!sieve)
		return *start < *end;
	for (size_t i = hc_lower_bound(sieve->num_parts, k, sieve->parts[k].end <= at); at < *end;
	     i++) {
		const struct hc_sieve_part *part = &sieve->parts[i];

		/* Bytes that nobody has looked at. */
		if (i == sieve->num_parts || part->start > at)
			return true;
		unsigned blocks = blocks_of(part, at, *end);
		if (blocks)
			widen(part, blocks, &first, &last);
		at = part->end;
	}
	if (first == UINT64_MAX)
		return false;
	*start = first > *start ? first : *start;
	*end = last < *end ? last : *end;
	return true;
}
