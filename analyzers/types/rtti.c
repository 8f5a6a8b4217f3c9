/**
 * @file
 * Finding vtables.
 *
 * One pass over the data of all modules, word by word: where a word is 0 (offset to top) and the
 * next one is the address of a class's typeinfo, the word behind it is an address point.
 *
 * What makes a word sequence a typeinfo. Its first word points to the vtable of its *kind*, one of
 * three classes of the C++ runtime: __class_type_info (no bases), __si_class_type_info (one base),
 * __vmi_class_type_info (others). The kinds are recognised without their names, which are in the
 * runtime's file: they have typeinfos themselves, and all of these are of the kind "one base".
 * Hence "one base" is the kind whose own typeinfo is of that very kind; the base in that typeinfo
 * is that of __class_type_info; and __vmi_class_type_info is the other class with that base.
 * Classes of the program that derive from nothing but another class look the same up to this point,
 * but are none of the three, since their bases differ.
 *
 * A null word before the address of a typeinfo stands in one more place: in the typeinfo of a type
 * "pointer to class" (its qualifiers, and what it points to). Its kind is recognised by its bases,
 * too, and it does not count.
 */
#include "analyzers/types/rtti.h"

#include "analyzers/types/demangle.h"
#include "core/base/array.h"
#include "core/base/bytes.h"
#include "core/base/cleanup.h"
#include "core/base/hash.h"

/** Kinds that are remembered, in a table in which a later one replaces an earlier one. */
#define KIND_SLOTS 256

enum kind {
	KIND_NONE,
	KIND_CLASS,   /**< __class_type_info and its two subclasses */
	KIND_POINTER, /**< __pointer_type_info, __pointer_to_member_type_info */
};

struct finder {
	const struct hc_process *process;
	const struct hc_memory *memory;
	unsigned word;
	bool big_endian;
	struct hc_rtti rtti;
	struct hc_hash names; /**< of classes */
	uint64_t name_bytes;  /**< of all of them; names in a core may overlap */
	struct {
		uint64_t vtable;
		enum kind kind;
	} kinds[KIND_SLOTS];
};

/* --- Typeinfos --- */

/** A word at a multiple of the word size; false when it is missing. */
static bool load(const struct finder *finder, uint64_t address, uint64_t *ret)
{
	return address % finder->word == 0 && hc_memory_word(finder->memory, address, ret);
}

/** The typeinfo that a vtable names, by its address point. */
static bool typeinfo_of_vtable(const struct finder *finder, uint64_t vtable, uint64_t *ret)
{
	uint64_t top;

	return load(finder, vtable - 2 * finder->word, &top) && top == 0 &&
	       load(finder, vtable - finder->word, ret);
}

/** The base in the typeinfo of a class with one base. */
static bool base_of(const struct finder *finder, uint64_t typeinfo, uint64_t *ret)
{
	return load(finder, typeinfo + 2 * finder->word, ret) && *ret;
}

/** Which kind of typeinfos have this vtable; see above. */
static enum kind find_kind(const struct finder *finder, uint64_t vtable)
{
	uint64_t info, one_base, one_base_info, self, class_info, base, class_base, base_base;

	if (!typeinfo_of_vtable(finder, vtable, &info) || !load(finder, info, &one_base) ||
	    !typeinfo_of_vtable(finder, one_base, &one_base_info) ||
	    !load(finder, one_base_info, &self) || self != one_base)
		return KIND_NONE;
	if (!base_of(finder, one_base_info, &class_info) || !load(finder, class_info, &self) ||
	    self != one_base || !base_of(finder, class_info, &class_base))
		return KIND_NONE;
	if (info == one_base_info || info == class_info)
		return KIND_CLASS;
	if (!base_of(finder, info, &base))
		return KIND_NONE;
	if (base == class_info)
		return KIND_CLASS;
	/* __pointer_type_info: __pbase_type_info: what __class_type_info derives from. */
	if (load(finder, base, &self) && self == one_base && base_of(finder, base, &base_base) &&
	    base_base == class_base)
		return KIND_POINTER;
	return KIND_NONE;
}

static enum kind kind_of(struct finder *finder, uint64_t typeinfo)
{
	uint64_t vtable;

	if (!load(finder, typeinfo, &vtable) || !vtable)
		return KIND_NONE;
	size_t slot = vtable / finder->word % KIND_SLOTS;
	if (finder->kinds[slot].vtable != vtable) {
		finder->kinds[slot].vtable = vtable;
		finder->kinds[slot].kind = find_kind(finder, vtable);
	}
	return finder->kinds[slot].kind;
}

/** A C string that may reach over the end of an extent. @return its length, or 0 */
static size_t read_name(const struct finder *finder, uint64_t address,
			char name[HC_MAX_MANGLED + 1])
{
	size_t size = 0;

	while (size <= HC_MAX_MANGLED) {
		struct hc_bytes view =
			hc_memory_view(finder->memory, address + size, HC_MAX_MANGLED + 1 - size);
		const uint8_t *end = view.size ? memchr(view.data, '\0', view.size) : NULL;

		if (!view.size)
			return 0;
		memcpy(name + size, view.data, view.size);
		if (end)
			return size + (end - view.data);
		size += view.size;
	}
	return 0;
}

/** How the name of a class can begin: a length, nested, in std, local to a function, unnamed. */
static bool is_plausible(const char *name, size_t size)
{
	if (!size || !strchr("123456789NSZU", name[0]))
		return false;
	for (size_t i = 0; i < size; i++) {
		if ((uint8_t)name[i] <= ' ' || name[i] == 0x7f)
			return false;
	}
	return true;
}

/** Read the name of a class. @return whether there is a typeinfo of one */
static bool read_typeinfo(struct finder *finder, uint64_t typeinfo, char name[HC_MAX_MANGLED + 1])
{
	uint64_t address;

	if (kind_of(finder, typeinfo) != KIND_CLASS ||
	    !load(finder, typeinfo + finder->word, &address))
		return false;
	size_t size = read_name(finder, address, name);
	/* GCC's mark of a name that is not unique, since its class is local to a file. */
	if (size && name[0] == '*')
		memmove(name, name + 1, size--);
	return is_plausible(name, size);
}

/* --- The result --- */

/** The index of the class of that name, which may be new. */
static struct hc_error *intern(struct finder *finder, const char *name, bool by_symbol,
			       uint32_t *ret)
{
	struct hc_rtti *rtti = &finder->rtti;
	struct hc_error *err = hc_hash_reserve(&finder->names, rtti->num_classes, i,
					       hc_hash_string(rtti->classes[i].mangled));

	if (err)
		return err;
	uint32_t *slot = hc_hash_find(&finder->names, hc_hash_string(name), i,
				      !strcmp(rtti->classes[i].mangled, name));
	if (!*slot) {
		err = hc_array_reserve(&rtti->classes, rtti->num_classes, sizeof(*rtti->classes));
		if (err)
			return err;
		char *copy = strdup(name);
		if (!copy)
			return &hc_enomem;
		finder->name_bytes += strlen(name);
		rtti->classes[rtti->num_classes++] = (struct hc_rtti_class){copy, by_symbol};
		*slot = rtti->num_classes;
	}
	*ret = *slot - 1;
	return NULL;
}

static struct hc_error *add_vtable(struct finder *finder, uint64_t address, const char *name,
				   bool by_symbol)
{
	struct hc_rtti *rtti = &finder->rtti;
	uint32_t class_id;

	if (rtti->vtables.num == HC_MAX_VTABLES || finder->name_bytes > HC_MAX_NAME_BYTES ||
	    !address || hc_rtti_class_of(rtti, address) != HC_NO_RTTI_CLASS)
		return NULL;
	struct hc_error *err = intern(finder, name, by_symbol, &class_id);
	return err ? err : hc_addresses_add(&rtti->vtables, address, class_id);
}

/* --- Typeinfos in the data of modules --- */

/** A null word and the address of something: maybe the head of a vtable. */
static struct hc_error *consider(struct finder *finder, uint64_t at, uint64_t typeinfo)
{
	unsigned word = finder->word;
	char name[HC_MAX_MANGLED + 1];

	/* "Pointer to class" is vtable, name, qualifiers, typeinfo of the class. */
	if (!read_typeinfo(finder, typeinfo, name) ||
	    kind_of(finder, at - 3 * word) == KIND_POINTER)
		return NULL;
	return add_vtable(finder, at + word, name, false);
}

/** Bytes that lie in one piece. @param before in: the word before them, out: their last one */
static struct hc_error *scan_piece(struct finder *finder, uint64_t start, struct hc_bytes bytes,
				   uint64_t *before)
{
	unsigned word = finder->word;

	for (size_t i = 0; i + word <= bytes.size; i += word) {
		uint64_t value = hc_read_word(bytes.data + i, word, finder->big_endian);

		if (*before == 0 && value && value % word == 0) {
			struct hc_error *err = consider(finder, start + i, value);
			if (err)
				return err;
		}
		*before = value;
	}
	return NULL;
}

/**
 * What there is of [start, end).
 *
 * @param files bytes from the module's file have their final values
 */
static struct hc_error *scan(struct finder *finder, uint64_t start, uint64_t end, bool files)
{
	uint64_t pos = start, before = 1;
	struct hc_error *err = NULL;

	while (pos < end && !err) {
		const struct hc_extent *extent = hc_memory_find_next(finder->memory, pos);

		if (!extent || extent->start >= end)
			break;
		uint64_t from = extent->start > pos ? extent->start : pos;
		uint64_t to = extent->end < end ? extent->end : end;
		uint64_t misaligned = from % finder->word;

		if (from > pos || misaligned)
			before = 1;
		pos = to;
		if (misaligned)
			from += finder->word - misaligned;
		if (from >= to || !(extent->from_core || files))
			continue;
		struct hc_bytes bytes = {extent->data + (from - extent->start), to - from};
		err = scan_piece(finder, from, bytes, &before);
	}
	return err;
}

/**
 * How much of a row of mappings can hold vtables: of code nothing, unless the linker has put
 * constants and code into one segment, which then begins with the ELF header; of .bss the
 * beginning.
 */
static uint64_t scanned_end(const struct hc_module *module, const struct hc_mapping *row)
{
	switch (row->kind) {
	case HC_MAPPING_TEXT:
		return row->start == module->start && !module->bias ? row->end : row->start;
	case HC_MAPPING_RODATA:
	case HC_MAPPING_DATA:
		return row->end;
	case HC_MAPPING_BSS:
		return row->end - row->start > HC_COPIED_VTABLES ? row->start + HC_COPIED_VTABLES
								 : row->end;
	default:
		return row->start;
	}
}

static struct hc_error *scan_module(struct finder *finder, const struct hc_module *module)
{
	const struct hc_mappings *mappings = &finder->process->mappings;
	const struct hc_mapping *end = mappings->items + mappings->num;
	const struct hc_mapping *row = hc_mappings_find(mappings, module->start);
	struct hc_error *err = NULL;

	for (; row && row < end && row->start < module->end && !err; row++)
		err = scan(finder, row->start, scanned_end(module, row), !module->bias);
	return err;
}

/* --- Symbols --- */

/** Words of a vtable that may stand before the address point: offsets of virtual bases. */
#define MAX_OFFSETS 64

/** Called for each symbol "_ZTV…": "offset to top, no typeinfo, functions" is what is looked for.
 */
static struct hc_error *consider_symbol(void *ctx, const struct hc_symbol *symbol)
{
	struct finder *finder = ctx;
	const char *name = symbol->name + strlen("_ZTV");
	unsigned word = finder->word;
	uint64_t num = symbol->size / word < MAX_OFFSETS ? symbol->size / word : MAX_OFFSETS;
	uint64_t top, info, slot;
	size_t length = strcspn(name, "@");

	if (name[length] || length > HC_MAX_MANGLED || !is_plausible(name, length))
		return NULL;
	for (uint64_t i = 0; i == 0 || i + 2 < num; i++) {
		uint64_t at = symbol->address + i * word;

		if (!load(finder, at, &top) || !load(finder, at + word, &info) ||
		    !load(finder, at + 2 * word, &slot))
			return NULL;
		if (!top && !info && hc_mappings_is_code(&finder->process->mappings, slot))
			return add_vtable(finder, at + 2 * word, name, true);
	}
	return NULL;
}

/* --- The whole --- */

static void finder_deinit(struct finder *finder)
{
	hc_rtti_deinit(&finder->rtti);
	hc_hash_deinit(&finder->names);
}

struct hc_error *hc_rtti_find(const struct hc_process *process, struct hc_modules *symbols,
			      struct hc_rtti *ret)
{
	hc_cleanup(finder_deinit) struct finder finder = {
		.process = process,
		.memory = &process->memory,
		.word = process->memory.word_size,
		.big_endian = process->memory.big_endian,
	};
	struct hc_error *err = NULL;

	for (size_t i = 0; i < process->modules.num && !err; i++)
		err = scan_module(&finder, &process->modules.items[i]);
	if (!err && symbols)
		err = hc_modules_each_symbol(symbols, "_ZTV", consider_symbol, &finder);
	if (err)
		return err;
	*ret = finder.rtti;
	finder.rtti = (struct hc_rtti){};
	return NULL;
}

void hc_rtti_deinit(struct hc_rtti *rtti)
{
	for (size_t i = 0; i < rtti->num_classes; i++)
		free(rtti->classes[i].mangled);
	free(rtti->classes);
	hc_addresses_deinit(&rtti->vtables);
	*rtti = (struct hc_rtti){};
}
