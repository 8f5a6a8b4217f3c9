/**
 * @file
 * The Go runtime's heap, 1.18 to 1.24.
 *
 * A Go program says so in its data: "\xff Go buildinf:" (debug/buildinfo), followed, from 1.18 on,
 * by the version as a string at +32. Its heap lies from 0xc000000000 on in arenas of 64 MiB
 * (runtime/malloc.go). What is in use in it shows in the spans (runtime/mheap.go, type mspan),
 * records in mappings of the runtime's own: first address +24, pages of 8 KiB +32, and from there
 * on by release: see the layouts below. State 1: objects; 2: stacks and the like; 0: not in use.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "analyzers/owners/survey.h"
#include "core/base/array.h"
#include "core/base/cleanup.h"
#include "core/base/format.h"

#define HEAP_START UINT64_C(0xc000000000)
#define HEAP_END (HEAP_START + (UINT64_C(1) << 40))
#define GO_PAGE 8192u
#define MAGIC "\xff Go buildinf:"
/** Data of one module that is searched for the mark. */
#define MAX_SEARCH (UINT64_C(256) << 20)
#define MAX_SPANS (1u << 24)

/** Offsets in mspan, bytes. */
static const struct layout {
	const char *releases;
	unsigned num_elements, count, state, element, limit;
	bool short_elements; /**< u16, not a word */
} layouts[] = {
	{"up to 1.21", 56, 96, 99, 104, 112, false},
	{"1.22 and later", 50, 96, 99, 104, 112, true},
};

#define NUM_LAYOUTS (sizeof(layouts) / sizeof(layouts[0]))
#define SPAN_BYTES 120
/** Words that lead to spans, of an index of them at least. */
#define MIN_INDEX 16

struct span {
	uint64_t address; /**< of the record */
	uint64_t start, pages, used_bytes;
	uint32_t used;
	uint8_t state;
};

struct go {
	struct hc_survey *survey;
	char *version;
	struct span *spans[NUM_LAYOUTS];
	size_t num[NUM_LAYOUTS];
	uint64_t votes[NUM_LAYOUTS]; /**< spans whose end is where their number says */
};

static char *read_version(struct hc_bytes bytes)
{
	if (bytes.size < 33 || !(bytes.data[15] & 2))
		return NULL;
	size_t size = bytes.data[32];
	if (size > 64 || bytes.size < 33 + size || size < 3 || memcmp(bytes.data + 33, "go", 2))
		return NULL;
	return strndup((const char *)bytes.data + 33, size);
}

/** The mark is aligned to 16 bytes. */
static bool find_mark(struct go *go)
{
	const struct hc_modules *modules = &go->survey->process->modules;
	size_t size = sizeof(MAGIC) - 1;

	for (size_t i = 0; i < modules->num; i++) {
		uint64_t pos = modules->items[i].data_start;
		struct hc_piece piece;
		while (hc_memory_next_data(go->survey->memory, &pos, modules->items[i].data_end,
					   MAX_SEARCH, &piece)) {
			struct hc_bytes bytes = piece.bytes;
			for (size_t at = -piece.start & 15; at + size < bytes.size; at += 16) {
				if (memcmp(bytes.data + at, MAGIC, size))
					continue;
				go->version = read_version(
					(struct hc_bytes){bytes.data + at, bytes.size - at});
				return true;
			}
		}
	}
	return false;
}

static bool in_heap(uint64_t address)
{
	return address >= HEAP_START && address < HEAP_END;
}

/** A span in one layout, without its address; false when it is none. */
static bool read_span(const uint8_t *p, bool big, const struct layout *layout, struct span *ret,
		      bool *exact_ret)
{
	uint64_t start = hc_read64(p + 24, big), pages = hc_read64(p + 32, big);
	uint64_t num = layout->short_elements ? hc_read16(p + layout->num_elements, big)
					      : hc_read64(p + layout->num_elements, big);
	uint64_t element = hc_read64(p + layout->element, big),
		 limit = hc_read64(p + layout->limit, big);
	uint32_t used = hc_read16(p + layout->count, big);
	uint8_t state = p[layout->state];

	if (start % GO_PAGE || !pages || pages > (HEAP_END - start) / GO_PAGE || state < 1 ||
	    state > 2)
		return false;
	uint64_t size = pages * GO_PAGE;
	if (limit <= start || limit > start + size)
		return false;
	if (state == 1 &&
	    (!element || element > size || !num || num > size / element || used > num))
		return false;
	*ret = (struct span){0, start, pages, used * element, used, state};
	*exact_ret = state == 1 && num > 1 && limit == start + num * element;
	return true;
}

static struct hc_error *look_at(struct go *go, const uint8_t *p, uint64_t address)
{
	struct span span;
	bool exact;

	for (size_t i = 0; i < NUM_LAYOUTS; i++) {
		if (!read_span(p, go->survey->memory->big_endian, &layouts[i], &span, &exact) ||
		    go->num[i] == MAX_SPANS)
			continue;
		struct hc_error *err =
			hc_array_reserve(&go->spans[i], go->num[i], sizeof(*go->spans[i]));
		if (err)
			return err;
		span.address = address;
		go->spans[i][go->num[i]++] = span;
		go->votes[i] += exact;
	}
	return NULL;
}

/** Spans in one mapping. @param[out] found_ret whether there is any */
static struct hc_error *search_mapping(struct go *go, const struct hc_mapping *mapping,
				       bool *found_ret)
{
	const struct hc_memory *memory = go->survey->memory;
	uint64_t pos = mapping->start;
	struct hc_piece piece;
	size_t before = go->num[0] + go->num[1];

	while (hc_memory_next_data(memory, &pos, mapping->end, UINT64_MAX, &piece)) {
		const uint8_t *data = piece.bytes.data;
		for (size_t at = -piece.start & 7; at + SPAN_BYTES <= piece.bytes.size; at += 8) {
			if (!in_heap(hc_read64(data + at + 24, memory->big_endian)))
				continue;
			struct hc_error *err = look_at(go, data + at, piece.start + at);
			if (err)
				return err;
		}
	}
	*found_ret = go->num[0] + go->num[1] > before;
	return NULL;
}

static int compare_spans(const void *a, const void *b)
{
	const struct span *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

struct totals {
	uint64_t spans, objects, object_bytes, in_use, stacks;
};

/** Spans do not overlap; one that does is a stale copy. */
static struct totals add_up(struct span *spans, size_t num)
{
	struct totals totals = {0};
	uint64_t end = 0;

	hc_sort(spans, num, compare_spans);
	for (size_t i = 0; i < num; i++) {
		if (spans[i].start < end)
			continue;
		uint64_t size = spans[i].pages * GO_PAGE;
		end = spans[i].start + size;
		totals.spans++;
		*(spans[i].state == 1 ? &totals.in_use : &totals.stacks) += size;
		if (spans[i].state == 1) {
			totals.objects += spans[i].used;
			totals.object_bytes += spans[i].used_bytes;
		}
	}
	return totals;
}

static int compare_addresses(const void *a, const void *b)
{
	const struct span *x = a, *y = b;

	return x->address < y->address ? -1 : x->address > y->address;
}

/** Whether many words of a mapping lead to spans: the runtime's index of them. */
static bool leads_to_spans(const struct go *go, const struct hc_mapping *mapping,
			   const struct span *spans, size_t num)
{
	const struct hc_memory *memory = go->survey->memory;
	uint64_t pos = mapping->start, found = 0;
	struct hc_piece piece;

	while (hc_memory_next_data(memory, &pos, mapping->end, UINT64_MAX, &piece)) {
		for (size_t at = -piece.start & 7; at + 8 <= piece.bytes.size; at += 8) {
			uint64_t word = hc_read64(piece.bytes.data + at, memory->big_endian);
			if (word < spans[0].address || word > spans[num - 1].address)
				continue;
			size_t i = hc_lower_bound(num, k, spans[k].address < word);
			if (i < num && spans[i].address == word && ++found == MIN_INDEX)
				return true;
		}
	}
	return false;
}

/** What the runtime keeps about its heap. */
static struct hc_error *claim_index(struct go *go)
{
	const struct hc_mappings *mappings = &go->survey->process->mappings;
	size_t best = go->votes[1] > go->votes[0], num = go->num[best];
	struct span *spans = go->spans[best];
	struct hc_error *err = NULL;

	if (!num)
		return NULL;
	hc_sort(spans, num, compare_addresses);
	for (size_t i = 0; !err && i < mappings->num; i++) {
		const struct hc_mapping *mapping = &mappings->items[i];
		if (hc_survey_open_mapping(mapping) && leads_to_spans(go, mapping, spans, num))
			err = hc_survey_claim(go->survey, mapping->start, mapping->end);
	}
	return err;
}

static struct hc_error *report(struct go *go, uint64_t mapped)
{
	size_t best = go->votes[1] > go->votes[0];
	struct totals totals = add_up(go->spans[best], go->num[best]);
	struct hc_owner *owner = &go->survey->owners.items[go->survey->owners.num - 1];

	free(owner->evidence);
	owner->evidence = hc_format("the program is a Go program%s%s; its heap at 0x%" PRIx64
				    ", %" PRIu64 " spans in use",
				    go->version ? ": " : "", go->version ? go->version : "",
				    HEAP_START, totals.spans);
	if (!owner->evidence)
		return &hc_enomem;
	owner->version = hc_steal(go->version);
	owner->heap = owner->holds_stacks = true;
	hc_owner_count_bytes(owner, "bytes mapped", mapped);
	if (!totals.spans)
		return NULL;
	hc_owner_count(owner, "spans", totals.spans);
	hc_owner_count_bytes(owner, "bytes in use", totals.in_use);
	hc_owner_count(owner, "objects", totals.objects);
	hc_owner_count_bytes(owner, "bytes of objects", totals.object_bytes);
	hc_owner_count_bytes(owner, "bytes of stacks", totals.stacks);
	return NULL;
}

static struct hc_error *claim(struct go *go, uint64_t *mapped_ret)
{
	const struct hc_mappings *mappings = &go->survey->process->mappings;
	struct hc_error *err = NULL;

	*mapped_ret = 0;
	for (size_t i = 0; !err && i < mappings->num; i++) {
		const struct hc_mapping *mapping = &mappings->items[i];
		bool holds_spans = false;
		if (in_heap(mapping->start)) {
			/* Goroutines have their stacks there, and so have threads that run them. */
			*mapped_ret += mapping->anonymous ? mapping->end - mapping->start : 0;
			holds_spans = true;
		} else if (hc_survey_open_mapping(mapping)) {
			err = search_mapping(go, mapping, &holds_spans);
		}
		if (!err && holds_spans)
			err = hc_survey_claim(go->survey, mapping->start, mapping->end);
	}
	return err;
}

struct hc_error *hc_probe_go(struct hc_survey *survey)
{
	const struct hc_mapping *heap = hc_mappings_find(&survey->process->mappings, HEAP_START);
	struct go go = {.survey = survey};
	struct hc_owner *owner;
	uint64_t mapped;

	if (!heap || heap->path || !find_mark(&go))
		return NULL;
	struct hc_error *err = hc_survey_add(survey, "go", "the Go runtime's heap",
					     hc_format("a Go program"), &owner);
	if (!err)
		err = claim(&go, &mapped);
	if (!err)
		err = claim_index(&go);
	if (!err)
		err = report(&go, mapped);
	for (size_t i = 0; i < NUM_LAYOUTS; i++)
		free(go.spans[i]);
	free(go.version);
	return err;
}
