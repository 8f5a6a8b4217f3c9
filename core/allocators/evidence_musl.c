/**
 * @file
 * musl's mallocng, 1.2.1 on: areas of group descriptions.
 *
 * src/malloc/mallocng/meta.h: an area is a page: secret +0, next area +8, slots i32 +16, and from
 * +24 on descriptions of 40 bytes: the group's address +16 (0: unused), masks of slots that are
 * available and freed u32 +24, +28, bits +32: last slot (5), freeable (1), size class (6), pages
 * mapped (from 12 on). A group's first word leads back to its description. A slot is in use when it
 * is in neither mask; some hold groups of smaller slots.
 *
 * A static program that never calls free() is linked with src/malloc/lite_malloc.c instead, which
 * only moves forward: three words in bss, the end of the heap twice (brk, end) and the next free
 * byte (cur).
 */
#include <elf.h>
#include <inttypes.h>
#include <stdlib.h>

#include "core/allocators/evidence.h"
#include "core/base/array.h"
#include "core/base/cleanup.h"

#define PAGE 4096u
#define AREA_SLOTS 101
#define META 40

/** Slot sizes of the classes, in units of 16 bytes. */
static const uint16_t classes[] = {
	1,   2,   3,   4,    5,    6,    7,    8,    9,    10,   12,   15,   18,   20,   25,   31,
	36,  42,  50,  63,   72,   84,   102,  127,  146,  170,  204,  255,  292,  340,  409,  511,
	584, 682, 818, 1023, 1169, 1364, 1637, 2047, 2340, 2730, 3276, 4095, 4680, 5460, 6552, 8191,
};

#define NUM_CLASSES (sizeof(classes) / sizeof(classes[0]))

struct area {
	uint64_t address, secret;
	uint32_t groups;
};

struct totals {
	struct area *areas;
	size_t num_areas;
	struct group {
		uint64_t start, size;
	} * groups;
	size_t num_groups;
	uint64_t in_use;
};

static bool is_area(const struct hc_memory *memory, uint64_t address, struct area *ret)
{
	struct hc_bytes bytes = hc_memory_view(memory, address, PAGE);

	if (bytes.size < PAGE)
		return false;
	uint64_t next = hc_read64(bytes.data + 8, memory->big_endian);
	uint32_t slots = hc_read32(bytes.data + 16, memory->big_endian);
	*ret = (struct area){address, hc_read64(bytes.data, memory->big_endian), 0};
	if (!ret->secret || next & (PAGE - 1) || !slots || slots > AREA_SLOTS)
		return false;
	for (uint32_t i = 0; i < slots; i++) {
		uint64_t group = hc_read64(bytes.data + 24 + i * META + 16, memory->big_endian),
			 back;
		if (!group)
			continue;
		if (group & 15 || !hc_memory_word(memory, group, &back) ||
		    back != address + 24 + i * META)
			return false;
		ret->groups++;
	}
	return ret->groups;
}

/** Areas in [start, end), each at the start of a page. */
static struct hc_error *find_areas_in(const struct hc_memory *memory, uint64_t start, uint64_t end,
				      struct totals *totals)
{
	struct hc_piece piece;
	struct area area;

	while (hc_memory_next_data(memory, &start, end, UINT64_MAX, &piece)) {
		for (size_t at = -piece.start & (PAGE - 1); at + 8 <= piece.bytes.size;
		     at += PAGE) {
			if (!hc_read64(piece.bytes.data + at, memory->big_endian) ||
			    !is_area(memory, piece.start + at, &area))
				continue;
			struct hc_error *err = hc_array_reserve(&totals->areas, totals->num_areas,
								sizeof(*totals->areas));
			if (err)
				return err;
			totals->areas[totals->num_areas++] = area;
		}
	}
	return NULL;
}

static struct hc_error *find_areas(const struct hc_process *process, struct totals *totals)
{
	struct hc_error *err = NULL;

	for (size_t i = 0; !err && i < process->mappings.num; i++) {
		const struct hc_mapping *mapping = &process->mappings.items[i];
		bool module = mapping->kind == HC_MAPPING_BSS || mapping->kind == HC_MAPPING_DATA;
		if (hc_evidence_may_hold(mapping) || module)
			err = find_areas_in(&process->memory, mapping->start, mapping->end, totals);
	}
	return err;
}

/** The secret of most groups; areas with another one are none. */
static void keep_one_secret(struct totals *totals)
{
	uint64_t secret = 0, most = 0;
	size_t kept = 0;

	for (size_t i = 0; i < totals->num_areas && i < 64; i++) {
		uint64_t groups = 0;
		for (size_t k = 0; k < totals->num_areas; k++)
			groups += totals->areas[k].secret == totals->areas[i].secret
					  ? totals->areas[k].groups
					  : 0;
		if (groups > most) {
			most = groups;
			secret = totals->areas[i].secret;
		}
	}
	for (size_t i = 0; i < totals->num_areas; i++)
		if (totals->areas[i].secret == secret)
			totals->areas[kept++] = totals->areas[i];
	totals->num_areas = kept;
}

static uint64_t count_all(const struct totals *totals)
{
	uint64_t groups = 0;

	for (size_t i = 0; i < totals->num_areas; i++)
		groups += totals->areas[i].groups;
	return groups;
}

static struct hc_error *count_group(struct totals *totals, struct hc_allocator_evidence *evidence,
				    const uint8_t *meta, bool big)
{
	uint64_t group = hc_read64(meta + 16, big), bits = hc_read64(meta + 32, big),
		 pages = bits >> 12;
	uint32_t free = hc_read32(meta + 24, big) | hc_read32(meta + 28, big);
	unsigned slots = (bits & 31) + 1, class_id = bits >> 6 & 63;

	if (!group)
		return NULL;
	for (unsigned i = 0; i < slots; i++)
		totals->in_use += !(free >> i & 1);
	struct hc_error *err =
		hc_array_reserve(&totals->groups, totals->num_groups, sizeof(*totals->groups));
	if (err)
		return err;
	uint64_t size = pages                    ? pages * PAGE
			: class_id < NUM_CLASSES ? 16 + slots * UINT64_C(16) * classes[class_id]
						 : 0;
	totals->groups[totals->num_groups++] = (struct group){group, size};
	return size < UINT64_C(1) << 46 ? hc_evidence_range(evidence, group, group + size) : NULL;
}

static struct hc_error *count_groups(const struct hc_memory *memory, struct totals *totals,
				     struct hc_allocator_evidence *evidence)
{
	for (size_t i = 0; i < totals->num_areas; i++) {
		uint64_t address = totals->areas[i].address;
		struct hc_bytes bytes = hc_memory_view(memory, address, PAGE);
		struct hc_error *err = hc_evidence_range(evidence, address, address + PAGE);
		uint32_t slots = hc_read32(bytes.data + 16, memory->big_endian);
		for (uint32_t k = 0; !err && k < slots; k++)
			err = count_group(totals, evidence, bytes.data + 24 + k * META,
					  memory->big_endian);
		if (err)
			return err;
	}
	return NULL;
}

static int compare_groups(const void *a, const void *b)
{
	const struct group *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

/** Groups that lie in a slot of another one. */
static uint64_t count_nested(const struct totals *totals)
{
	uint64_t nested = 0, end = 0;

	hc_sort(totals->groups, totals->num_groups, compare_groups);
	for (size_t i = 0; i < totals->num_groups; i++) {
		const struct group *group = &totals->groups[i];
		nested += group->start < end;
		if (group->start + group->size > end)
			end = group->start + group->size;
	}
	return nested;
}

static struct hc_error *finish(const struct totals *totals, struct hc_allocator_evidence *ret)
{
	uint64_t nested = count_nested(totals);

	ret->name = "musl";
	ret->title = "musl's heap";
	hc_evidence_count(ret, "areas", totals->num_areas, false);
	hc_evidence_count(ret, "groups", totals->num_groups, false);
	hc_evidence_count(ret, "groups in slots", nested, false);
	hc_evidence_count(ret, "allocated", totals->in_use - nested, false);
	return hc_evidence_how(ret, "%zu area%s with one secret, %zu groups that lead back to them",
			       totals->num_areas, totals->num_areas == 1 ? "" : "s",
			       totals->num_groups);
}

/* Programs that never free. */

/** What lies directly above a static program: memory from brk(). NULL: it is no such program. */
static const struct hc_mapping *find_brk(const struct hc_process *process,
					 const struct hc_module **module_ret)
{
	const struct hc_modules *modules = &process->modules;

	*module_ret = NULL;
	for (size_t i = 0; i < modules->num; i++) {
		if (modules->items[i].executable)
			*module_ret = &modules->items[i];
		else if (modules->items[i].path[0] == '/')
			return NULL;
	}
	for (size_t i = 0; *module_ret && i < process->mappings.num; i++) {
		const struct hc_mapping *mapping = &process->mappings.items[i];
		/* It need not have been written to, and then it is not in the core. */
		if (mapping->start >= (*module_ret)->end && mapping->kind == HC_MAPPING_ANON &&
		    mapping->flags & PF_W)
			return mapping;
	}
	return NULL;
}

/** Two of three neighbouring words are the end of the heap, the third one is near it. */
static uint64_t next_free(const struct hc_mapping *heap, const uint64_t words[3])
{
	for (unsigned i = 0; i < 3; i++) {
		uint64_t next = words[i];
		if (words[(i + 1) % 3] == heap->end && words[(i + 2) % 3] == heap->end &&
		    next > heap->start && next <= heap->end)
			return next;
	}
	return 0;
}

static struct hc_error *find_lite(const struct hc_process *process,
				  struct hc_allocator_evidence *ret, bool *found)
{
	const struct hc_module *module;
	const struct hc_mapping *heap = find_brk(process, &module);

	for (uint64_t at = heap ? module->data_start : 0; heap && at + 24 <= module->data_end;
	     at += 8) {
		uint64_t words[3], next;
		if (!hc_memory_word(&process->memory, at, &words[0]) ||
		    !hc_memory_word(&process->memory, at + 8, &words[1]) ||
		    !hc_memory_word(&process->memory, at + 16, &words[2]))
			break;
		if (!(next = next_free(heap, words)))
			continue;
		*found = true;
		ret->name = "musl";
		ret->title = "musl's heap (of a program that never frees)";
		hc_evidence_count(ret, "bytes handed out", next - heap->start, true);
		struct hc_error *err = hc_evidence_range(ret, heap->start, heap->end);
		return err ? err
			   : hc_evidence_how(
				     ret,
				     "a static program with musl's forward allocator: its end "
				     "and next free byte at 0x%" PRIx64,
				     at);
	}
	return NULL;
}

struct hc_error *hc_evidence_musl(const struct hc_process *process,
				  struct hc_allocator_evidence *ret, bool *found)
{
	struct totals totals = {0};
	struct hc_error *err = find_areas(process, &totals);

	if (!err && totals.num_areas) {
		keep_one_secret(&totals);
		*found = totals.num_areas && count_all(&totals) > 1;
		if (*found)
			err = count_groups(&process->memory, &totals, ret);
		if (!err && *found)
			err = finish(&totals, ret);
	}
	free(totals.areas);
	free(totals.groups);
	return err || *found ? err : find_lite(process, ret, found);
}
