/**
 * @file
 * HotSpot: the Java heap, the code cache and class memory, 11 to 25.
 *
 * libjvm.so describes itself for debuggers (src/hotspot/share/runtime/vmStructs.hpp): the exported
 * gHotSpotVMStructs leads to a table of (type, field, ..., static, offset, address), whose stride
 * and offsets within an entry are exported, too. Only fields that this table names are read, since
 * they move between releases. Needs libjvm.so's file, for its symbols.
 *
 *   Universe::_collectedHeap (static)    -> CollectedHeap::_reserved (MemRegion: start, words)
 *   CodeCache::_low_bound, _high_bound (static)
 *
 * Class memory (metaspace) has no table. A mapping is that when many of its words lead to one of
 * the vtables of libjvm.so: methods and constant pools begin with one.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "analyzers/owners/survey.h"
#include "core/base/format.h"

#define MAX_ENTRIES 8192
/** Words that lead to a vtable, of metaspace at least. */
#define MIN_VTABLES 200
/** Bytes of one mapping that are looked at for them. */
#define MAX_METASPACE (UINT64_C(8) << 20)

/** Exported variables of the table. */
enum { STRUCTS, TYPE_NAME, FIELD_NAME, IS_STATIC, OFFSET, ADDRESS, STRIDE, NUM_SYMBOLS };

static const char *const symbols[NUM_SYMBOLS] = {
	[STRUCTS] = "gHotSpotVMStructs",
	[TYPE_NAME] = "gHotSpotVMStructEntryTypeNameOffset",
	[FIELD_NAME] = "gHotSpotVMStructEntryFieldNameOffset",
	[IS_STATIC] = "gHotSpotVMStructEntryIsStaticOffset",
	[OFFSET] = "gHotSpotVMStructEntryOffsetOffset",
	[ADDRESS] = "gHotSpotVMStructEntryAddressOffset",
	[STRIDE] = "gHotSpotVMStructEntryArrayStride",
};

struct java {
	struct hc_survey *survey;
	const struct hc_memory *memory;
	const struct hc_module *module;
	uint64_t values[NUM_SYMBOLS]; /**< addresses of the symbols, then their values */
};

static struct hc_error *on_symbol(void *ctx, const struct hc_symbol *symbol)
{
	struct java *java = ctx;

	for (unsigned i = 0; i < NUM_SYMBOLS; i++)
		if (!strcmp(symbol->name, symbols[i]))
			java->values[i] = symbol->address;
	return NULL;
}

static bool text_is(const struct java *java, uint64_t address, const char *text)
{
	size_t size = strlen(text) + 1;
	struct hc_bytes bytes = hc_memory_view(java->memory, address, size);

	return bytes.size == size && !memcmp(bytes.data, text, size);
}

/** The value of a static field, or the offset of another one. */
static bool field(const struct java *java, const char *type, const char *name, uint64_t *ret)
{
	const uint64_t *at = java->values;
	uint64_t entry = at[STRUCTS], text, address;
	uint32_t is_static;

	for (unsigned i = 0; i < MAX_ENTRIES; i++, entry += at[STRIDE]) {
		if (!hc_memory_word(java->memory, entry + at[TYPE_NAME], &text) || !text)
			return false;
		if (!text_is(java, text, type) ||
		    !hc_memory_word(java->memory, entry + at[FIELD_NAME], &text) ||
		    !text_is(java, text, name))
			continue;
		if (!hc_memory_u32(java->memory, entry + at[IS_STATIC], &is_static))
			return false;
		if (!is_static)
			return hc_memory_word(java->memory, entry + at[OFFSET], ret);
		return hc_memory_word(java->memory, entry + at[ADDRESS], &address) &&
		       hc_memory_word(java->memory, address, ret);
	}
	return false;
}

/** What the exported variables hold: the table's address, and offsets. */
static bool load_table(struct java *java)
{
	for (unsigned i = 0; i < NUM_SYMBOLS; i++) {
		if (!java->values[i] ||
		    !hc_memory_word(java->memory, java->values[i], &java->values[i]))
			return false;
		if (i != STRUCTS && java->values[i] > 4096)
			return false;
	}
	return java->values[STRUCTS] && java->values[STRIDE];
}

/** Address space that was reserved at once; what of it is in use are mappings of their own. */
struct range {
	const char *name, *title;
	uint64_t start, end;
};

static struct hc_error *add_range(struct java *java, char *evidence, struct range range)
{
	struct hc_owner *owner;
	struct hc_error *err =
		hc_survey_add(java->survey, range.name, range.title, evidence, &owner);

	if (err)
		return err;
	owner->heap = true;
	hc_owner_count_bytes(owner, "bytes reserved", range.end - range.start);
	return hc_survey_claim(java->survey, range.start, range.end);
}

static struct hc_error *add_heap(struct java *java)
{
	uint64_t heap, offset, start, words;

	if (!field(java, "Universe", "_collectedHeap", &heap) ||
	    !field(java, "CollectedHeap", "_reserved", &offset) ||
	    !hc_memory_word(java->memory, heap + offset, &start) ||
	    !hc_memory_word(java->memory, heap + offset + 8, &words) || !start || !words ||
	    words > UINT64_C(1) << 44)
		return NULL;
	return add_range(java, hc_format("libjvm.so's own description: Universe::_collectedHeap"),
			 (struct range){"java-heap", "the Java heap", start, start + words * 8});
}

static struct hc_error *add_code_cache(struct java *java)
{
	uint64_t low, high;

	if (!field(java, "CodeCache", "_low_bound", &low) ||
	    !field(java, "CodeCache", "_high_bound", &high) || low >= high ||
	    high - low > UINT64_C(1) << 40)
		return NULL;
	return add_range(java, hc_format("libjvm.so's own description: CodeCache::_low_bound"),
			 (struct range){"java-code", "compiled Java code (code cache)", low, high});
}

/* Metaspace. */

/** Whether a word may be a vtable's address: in libjvm.so's data, and what it leads to in its text.
 */
static bool is_vtable(const struct java *java, uint64_t word)
{
	uint64_t function;

	return word - java->module->data_start <
		       java->module->data_end - java->module->data_start &&
	       !(word & 7) && hc_memory_word(java->memory, word, &function) &&
	       function - java->module->start < java->module->data_start - java->module->start;
}

static uint64_t count_vtables(const struct java *java, const struct hc_mapping *mapping)
{
	uint64_t most = mapping->start + MAX_METASPACE;
	uint64_t stop = most < mapping->end ? most : mapping->end;
	uint64_t pos = mapping->start, num = 0;
	struct hc_piece piece;

	while (hc_memory_next_piece(java->memory, &pos, stop, MAX_METASPACE, &piece))
		for (size_t at = -piece.start & 7; at + 8 <= piece.bytes.size; at += 8)
			num += is_vtable(
				java, hc_read64(piece.bytes.data + at, java->memory->big_endian));
	return num;
}

static struct hc_error *add_metaspace(struct java *java)
{
	const struct hc_mappings *mappings = &java->survey->process->mappings;
	struct hc_owner *owner = NULL;
	uint64_t vtables = 0;
	struct hc_error *err = NULL;

	for (size_t i = 0; !err && i < mappings->num; i++) {
		const struct hc_mapping *mapping = &mappings->items[i];
		uint64_t num = hc_survey_open_mapping(mapping) ? count_vtables(java, mapping) : 0;
		if (num < MIN_VTABLES)
			continue;
		vtables += num;
		if (!owner)
			err = hc_survey_add(java->survey, "java-metaspace",
					    "Java classes (metaspace)",
					    hc_format("methods and constant pools, which "
						      "begin with vtables of libjvm.so"),
					    &owner);
		if (!err)
			err = hc_survey_claim(java->survey, mapping->start, mapping->end);
	}
	if (!err && owner) {
		owner->heap = true;
		hc_owner_count(owner, "words that lead to vtables", vtables);
	}
	return err;
}

struct hc_error *hc_probe_hotspot(struct hc_survey *survey)
{
	struct java java = {.survey = survey, .memory = survey->memory};
	const struct hc_modules *modules = &survey->process->modules;
	struct hc_error *err;

	for (size_t i = 0; i < modules->num; i++) {
		if (!strcmp(hc_base_name(modules->items[i].path), "libjvm.so"))
			java.module = &modules->items[i];
	}
	/* Reading symbols is slow, so the name is asked first; the table then has to be right. */
	if (!java.module)
		return NULL;
	err = hc_modules_each_symbol(&survey->process->modules, "gHotSpotVMStruct", on_symbol,
				     &java);
	if (err || !load_table(&java))
		return err;
	if ((err = add_heap(&java)) || (err = add_code_cache(&java)))
		return err;
	return add_metaspace(&java);
}
