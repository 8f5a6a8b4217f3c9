/**
 * @file
 * The table of owners, and who has which range.
 */
#include "analyzers/owners/owners.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "analyzers/owners/survey.h"
#include "core/base/array.h"
#include "core/base/cleanup.h"

/**
 * Owners in the order in which they may claim. Those that describe each byte come before those that
 * take what is left.
 */
static const struct {
	const char *what;
	bool any_word_size;
	struct hc_error *(*probe)(struct hc_survey *survey);
} table[] = {
	{"CPython", false, hc_probe_python},
	{"PHP", false, hc_probe_zend},
	{"Ruby", false, hc_probe_ruby},
	{"HotSpot", false, hc_probe_hotspot},
	{"V8", false, hc_probe_v8},
	{"Go", false, hc_probe_go},
	{"APR", false, hc_probe_apr},
	{"the dynamic linker", true, hc_probe_linker},
	{"drivers and shared memory", true, hc_probe_files},
	{"other allocators", false, hc_probe_allocators},
};

struct hc_error *hc_survey_add(struct hc_survey *survey, const char *name, const char *title,
			       char *evidence, struct hc_owner **ret)
{
	struct hc_owners *owners = &survey->owners;
	struct hc_error *err =
		evidence ? hc_array_reserve(&owners->items, owners->num, sizeof(*owners->items))
			 : &hc_enomem;

	if (err) {
		free(evidence);
		return err;
	}
	*ret = &owners->items[owners->num++];
	**ret = (struct hc_owner){.name = name, .title = title, .evidence = evidence};
	return NULL;
}

struct hc_error *hc_survey_claim(struct hc_survey *survey, uint64_t start, uint64_t end)
{
	struct hc_owners *owners = &survey->owners;

	if (start >= end || !owners->num)
		return NULL;
	struct hc_error *err =
		hc_array_reserve(&owners->ranges, owners->num_ranges, sizeof(*owners->ranges));
	if (err)
		return err;
	owners->ranges[owners->num_ranges++] =
		(struct hc_owner_range){start, end, (uint32_t)(owners->num - 1)};
	return NULL;
}

static void add_count(struct hc_owner *owner, struct hc_owner_count count)
{
	if (owner->num_counts < HC_OWNER_MAX_COUNTS)
		owner->counts[owner->num_counts++] = count;
}

void hc_owner_count(struct hc_owner *owner, const char *name, uint64_t value)
{
	add_count(owner, (struct hc_owner_count){name, value, false});
}

void hc_owner_count_bytes(struct hc_owner *owner, const char *name, uint64_t value)
{
	add_count(owner, (struct hc_owner_count){name, value, true});
}

/* Ranges. */

/** An end of a range: ranges become disjoint in one sweep over their ends. */
struct edge {
	uint64_t address;
	uint32_t owner;
	bool start;
};

static int compare_edges(const void *a, const void *b)
{
	const struct edge *x = a, *y = b;

	return x->address < y->address ? -1 : x->address > y->address;
}

static struct hc_error *append_range(struct hc_owners *owners, struct hc_owner_range range)
{
	struct hc_owner_range *last =
		owners->num_ranges ? &owners->ranges[owners->num_ranges - 1] : NULL;

	if (last && last->end == range.start && last->owner == range.owner) {
		last->end = range.end;
		return NULL;
	}
	struct hc_error *err =
		hc_array_reserve(&owners->ranges, owners->num_ranges, sizeof(*owners->ranges));
	if (!err)
		owners->ranges[owners->num_ranges++] = range;
	return err;
}

static struct hc_error *sweep(struct hc_owners *owners, const struct edge *edges, size_t num)
{
	hc_cleanup_free uint32_t *open = calloc(owners->num + 1, sizeof(*open));

	if (!open)
		return &hc_enomem;
	for (size_t i = 0; i + 1 < num; i++) {
		open[edges[i].owner] += edges[i].start ? 1 : -1;
		if (edges[i].address == edges[i + 1].address)
			continue;
		size_t owner = 0;
		while (owner < owners->num && !open[owner])
			owner++;
		if (owner == owners->num)
			continue;
		struct hc_error *err = append_range(
			owners, (struct hc_owner_range){edges[i].address, edges[i + 1].address,
							(uint32_t)owner});
		if (err)
			return err;
	}
	return NULL;
}

/** Sort, and give what several claimed to the first of them. */
static struct hc_error *make_disjoint(struct hc_owners *owners)
{
	size_t num = owners->num_ranges * 2;
	hc_cleanup_free struct edge *edges = calloc(num + 1, sizeof(*edges));

	if (!edges)
		return &hc_enomem;
	for (size_t i = 0; i < owners->num_ranges; i++) {
		const struct hc_owner_range *range = &owners->ranges[i];
		edges[2 * i] = (struct edge){range->start, range->owner, true};
		edges[2 * i + 1] = (struct edge){range->end, range->owner, false};
	}
	hc_sort(edges, num, compare_edges);
	free(owners->ranges);
	owners->ranges = NULL;
	owners->num_ranges = 0;
	return sweep(owners, edges, num);
}

/** Whether a row may have another owner: not a chunk, a stack, a module. */
static bool may_be_owned(const struct hc_mapping *mapping, const struct hc_owner *owner)
{
	switch (mapping->kind) {
	case HC_MAPPING_ANON:
	case HC_MAPPING_SHARED:
	case HC_MAPPING_FILE:
	case HC_MAPPING_RESERVED:
		return true;
	case HC_MAPPING_STACK:
	case HC_MAPPING_TLS:
		return owner->holds_stacks;
	default:
		return false;
	}
}

/** Keep of the claims what lies in mappings that can have an owner, and count it. */
static struct hc_error *cut_to_mappings(const struct hc_process *process, struct hc_owners *owners)
{
	struct hc_owner_range *old = owners->ranges;
	size_t num = owners->num_ranges, k = 0;
	struct hc_error *err = NULL;

	owners->ranges = NULL;
	owners->num_ranges = 0;
	for (size_t i = 0; !err && i < process->mappings.num; i++) {
		const struct hc_mapping *mapping = &process->mappings.items[i];
		while (k < num && old[k].end <= mapping->start)
			k++;
		for (size_t j = k; !err && j < num && old[j].start < mapping->end; j++) {
			struct hc_owner_range range = old[j];
			if (range.start < mapping->start)
				range.start = mapping->start;
			if (range.end > mapping->end)
				range.end = mapping->end;
			struct hc_owner *owner = &owners->items[range.owner];
			if (!may_be_owned(mapping, owner))
				continue;
			bool is_reserved = mapping->kind == HC_MAPPING_RESERVED;
			*(is_reserved ? &owner->reserved : &owner->bytes) +=
				range.end - range.start;
			if (mapping->anonymous && mapping->kind == HC_MAPPING_ANON)
				owner->anonymous += range.end - range.start;
			err = append_range(owners, range);
		}
	}
	free(old);
	return err;
}

/* Running. */

static void owner_deinit(struct hc_owner *owner)
{
	for (size_t i = 0; i < owner->num_types; i++)
		free(owner->types[i].name);
	free(owner->evidence);
	free(owner->version);
}

void hc_owners_deinit(struct hc_owners *owners)
{
	for (size_t i = 0; i < owners->num; i++)
		owner_deinit(&owners->items[i]);
	free(owners->items);
	free(owners->ranges);
	*owners = (struct hc_owners){0};
}

static struct hc_error *ask_all(struct hc_survey *survey)
{
	bool wide = survey->memory->word_size == 8;
	struct hc_error *err = wide ? hc_survey_pages(survey) : NULL;

	for (size_t i = 0; !err && i < sizeof(table) / sizeof(table[0]); i++)
		if (wide || table[i].any_word_size)
			err = table[i].probe(survey);
	return err;
}

struct hc_error *hc_owners_run(struct hc_process *process, const struct hc_heap *heap,
			       struct hc_owners *ret)
{
	struct hc_survey survey = {.process = process, .heap = heap, .memory = &process->memory};
	struct hc_error *err = ask_all(&survey);

	for (unsigned kind = 0; kind < HC_NUM_PAGE_KINDS; kind++)
		free(survey.pages[kind].items);
	if (!err)
		err = make_disjoint(&survey.owners);
	if (!err)
		err = cut_to_mappings(process, &survey.owners);
	if (err) {
		hc_owners_deinit(&survey.owners);
		return err;
	}
	*ret = survey.owners;
	return NULL;
}

/* Asking. */

static size_t first_range(const struct hc_owners *owners, uint64_t address)
{
	return hc_lower_bound(owners->num_ranges, i, owners->ranges[i].end <= address);
}

const struct hc_owner *hc_owners_at(const struct hc_owners *owners, uint64_t address)
{
	size_t i = first_range(owners, address);

	if (i == owners->num_ranges || owners->ranges[i].start > address)
		return NULL;
	return &owners->items[owners->ranges[i].owner];
}

static uint64_t overlap(const struct hc_owner_range *range, uint64_t start, uint64_t end)
{
	uint64_t low = range->start > start ? range->start : start;
	uint64_t high = range->end < end ? range->end : end;

	return high > low ? high - low : 0;
}

const struct hc_owner *hc_owners_main(const struct hc_owners *owners, uint64_t start, uint64_t end,
				      uint64_t *bytes_ret)
{
	const struct hc_owner *best = NULL;
	uint64_t most = 0;

	for (size_t owner = 0; owner < owners->num; owner++) {
		uint64_t bytes = 0;
		for (size_t i = first_range(owners, start);
		     i < owners->num_ranges && owners->ranges[i].start < end; i++)
			if (owners->ranges[i].owner == owner)
				bytes += overlap(&owners->ranges[i], start, end);
		if (bytes > most) {
			most = bytes;
			best = &owners->items[owner];
		}
	}
	if (bytes_ret)
		*bytes_ret = most;
	return best;
}

uint64_t hc_owners_claimed(const struct hc_owners *owners, uint64_t start, uint64_t end)
{
	uint64_t bytes = 0;

	for (size_t i = first_range(owners, start);
	     i < owners->num_ranges && owners->ranges[i].start < end; i++)
		bytes += overlap(&owners->ranges[i], start, end);
	return bytes;
}
