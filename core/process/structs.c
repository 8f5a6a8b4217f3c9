/**
 * @file
 * Structs of a size, read with libdw.
 */
#include "core/process/structs.h"

#include <dwarf.h>

#include "core/base/array.h"
#include "core/base/cleanup.h"
#include "core/base/format.h"
#include "core/base/hash.h"
#include "core/process/dwarf_walk.h"

/** Longest text of a type. */
#define MAX_TYPE 512

struct search {
	uint64_t min, max;
	struct hc_structs found;
	struct hc_hash by_name;
	uint64_t *hashes;                /* of names and sizes, by index */
	const struct hc_module **latest; /* module that had it last, by index */
	size_t num_members;              /* of all */
	uint64_t text;                   /* bytes of all */
};

static void search_deinit(struct search *search)
{
	hc_structs_deinit(&search->found);
	hc_hash_deinit(&search->by_name);
	free(search->hashes);
	free(search->latest);
}

void hc_structs_deinit(struct hc_structs *structs)
{
	for (size_t i = 0; i < structs->num; i++) {
		struct hc_struct *item = &structs->items[i];

		for (size_t k = 0; k < item->num_members; k++) {
			free(item->members[k].name);
			free(item->members[k].type);
		}
		free(item->members);
		free(item->name);
		free(item->name_space);
	}
	free(structs->items);
	*structs = (struct hc_structs){0};
}

/** A copy that counts. @return NULL without memory */
static char *keep(struct search *search, const char *text)
{
	search->text += strlen(text) + 1;
	return strdup(text);
}

/* --- Names of types --- */

/** A text that grows up to a bound. */
struct text {
	char data[MAX_TYPE];
	size_t size;
};

static void append(struct text *text, const char *more)
{
	while (*more && text->size < sizeof(text->data) - 1)
		text->data[text->size++] = *more++;
	text->data[text->size] = '\0';
}

/** "[4][2]" */
static void append_bounds(struct text *text, Dwarf_Die *array)
{
	Dwarf_Die range;

	if (dwarf_child(array, &range))
		return;
	for (unsigned i = 0; i < HC_MAX_DIMENSIONS; i++) {
		uint64_t count = 0;
		char bound[32] = "[]";

		if (dwarf_tag(&range) == DW_TAG_subrange_type) {
			if (hc_die_constant(&range, DW_AT_upper_bound, &count) &&
			    count != UINT64_MAX)
				count++;
			else if (!hc_die_constant(&range, DW_AT_count, &count))
				count = 0;
			if (count)
				snprintf(bound, sizeof(bound), "[%llu]", (unsigned long long)count);
			append(text, bound);
		}
		if (dwarf_siblingof(&range, &range))
			return;
	}
}

/** What is around a type goes behind it, but for qualifiers of what is no pointer. */
static void append_around(struct text *text, Dwarf_Die *around)
{
	bool is_pointer = text->size && strchr("*&", text->data[text->size - 1]);

	switch (dwarf_tag(around)) {
	case DW_TAG_pointer_type:
		append(text, is_pointer ? "*" : " *");
		break;
	case DW_TAG_reference_type:
		append(text, is_pointer ? "&" : " &");
		break;
	case DW_TAG_rvalue_reference_type:
		append(text, is_pointer ? "&&" : " &&");
		break;
	case DW_TAG_array_type:
		append_bounds(text, around);
		break;
	default:
		break;
	}
}

static const char *word_of(int tag)
{
	switch (tag) {
	case DW_TAG_structure_type:
	case DW_TAG_class_type:
		return "struct ";
	case DW_TAG_union_type:
		return "union ";
	case DW_TAG_enumeration_type:
		return "enum ";
	default:
		return "";
	}
}

/** What a type is without what is around it. @param const_of whether it is constant */
static void append_core(struct text *text, const struct hc_dwarf_scope *scope, Dwarf_Die *type,
			bool const_of)
{
	int tag = dwarf_tag(type);
	const char *name = hc_die_name(type);

	if (const_of)
		append(text, "const ");
	if (scope->is_c || !name)
		append(text, word_of(tag));
	if (tag == DW_TAG_subroutine_type)
		append(text, "function");
	else
		append(text, name ? name : "(unnamed)");
}

/**
 * A type as a language of C's family writes it, nearly: "char *[4]", "function *".
 *
 * Qualifiers but const are left out, and const of pointers.
 */
static void append_type(struct text *text, const struct hc_dwarf_scope *scope, Dwarf_Die type)
{
	Dwarf_Die around[HC_MAX_PEEL];
	unsigned num = 0;
	bool const_of = false, is_void = false;

	for (;;) {
		int tag = dwarf_tag(&type);
		bool is_around = tag == DW_TAG_pointer_type || tag == DW_TAG_reference_type ||
				 tag == DW_TAG_rvalue_reference_type || tag == DW_TAG_array_type;
		bool is_qualifier = tag == DW_TAG_const_type || tag == DW_TAG_volatile_type ||
				    tag == DW_TAG_restrict_type || tag == DW_TAG_atomic_type;

		if (!is_around && !is_qualifier)
			break;
		if (num == HC_MAX_PEEL) {
			append(text, "...");
			return;
		}
		const_of = tag == DW_TAG_const_type || (const_of && tag == DW_TAG_array_type);
		around[num++] = type;
		if (!hc_die_type(&type, &type)) {
			is_void = true;
			break;
		}
	}
	if (is_void)
		append(text, const_of ? "const void" : "void");
	else
		append_core(text, scope, &type, const_of);
	while (num)
		append_around(text, &around[--num]);
}

/* --- Members --- */

/**
 * Bits from the start of a word in which a bit field lies, as DWARF 3 tells: counted from the most
 * significant one, to that of the field.
 */
static uint64_t old_bit_offset(Dwarf_Die *die, const struct hc_struct_member *member)
{
	Elf *elf = dwarf_getelf(dwarf_cu_getdwarf(die->cu));
	const char *ident = elf ? elf_getident(elf, NULL) : NULL;
	uint64_t offset, size = member->size;

	if (!ident || !hc_die_constant(die, DW_AT_bit_offset, &offset))
		return 0;
	if (!hc_die_constant(die, DW_AT_byte_size, &size))
		size = member->size;
	if (ident[EI_DATA] != ELFDATA2LSB)
		return offset;
	/* Before the word, it would be of another one. */
	if (size > 8 || member->bits > 8 * size || offset > 8 * size - member->bits)
		return 0;
	return 8 * size - member->bits - offset;
}

/** Where a member is: false when that is known at run time only. */
static bool find_place(Dwarf_Die *die, struct hc_struct_member *member)
{
	uint64_t bits;

	if (hc_die_constant(die, DW_AT_data_bit_offset, &bits)) {
		member->offset = bits / 8;
		return true;
	}
	if (dwarf_hasattr(die, DW_AT_data_member_location) &&
	    !hc_die_constant(die, DW_AT_data_member_location, &member->offset))
		return false;
	member->offset += old_bit_offset(die, member) / 8;
	return true;
}

static struct hc_error *add_member(struct search *search, const struct hc_dwarf_scope *scope,
				   struct hc_struct *item, Dwarf_Die *die)
{
	struct hc_struct_member member = {.is_base = dwarf_tag(die) == DW_TAG_inheritance};
	struct text text = {.size = 0};
	const char *name = hc_die_name(die);
	Dwarf_Word size;
	Dwarf_Die type;

	if (dwarf_hasattr(die, DW_AT_external) || dwarf_hasattr(die, DW_AT_declaration) ||
	    !hc_die_type(die, &type))
		return NULL;
	if (!hc_die_constant(die, DW_AT_bit_size, &member.bits))
		member.bits = 0;
	if (hc_die_is_measurable(type) && !dwarf_aggregate_size(&type, &size))
		member.size = size;
	if (!find_place(die, &member))
		return NULL;
	append_type(&text, scope, type);
	struct hc_error *err =
		hc_array_reserve(&item->members, item->num_members, sizeof(*item->members));
	if (err)
		return err;
	member.name = name ? keep(search, name) : NULL;
	member.type = keep(search, text.data);
	item->members[item->num_members++] = member;
	search->num_members++;
	return (name && !member.name) || !member.type ? &hc_enomem : NULL;
}

static bool is_full(const struct search *search)
{
	return search->found.num >= HC_MAX_STRUCTS || search->num_members >= HC_MAX_ALL_MEMBERS ||
	       search->text >= HC_MAX_STRUCT_TEXT;
}

static struct hc_error *add_members(struct search *search, const struct hc_dwarf_scope *scope,
				    struct hc_struct *item, Dwarf_Die *die)
{
	struct hc_error *err = NULL;
	const void *last = NULL;
	Dwarf_Die child;

	if (dwarf_child(die, &child))
		return NULL;
	do {
		int tag = dwarf_tag(&child);

		/* Each lies behind the one before, whatever a DW_AT_sibling says. */
		if ((uintptr_t)child.addr <= (uintptr_t)last)
			break;
		last = child.addr;
		if (tag != DW_TAG_member && tag != DW_TAG_inheritance)
			continue;
		if (item->num_members == HC_MAX_STRUCT_MEMBERS || is_full(search)) {
			search->found.stopped = true;
			break;
		}
		err = add_member(search, scope, item, &child);
	} while (!err && !dwarf_siblingof(&child, &child));
	return err;
}

/* --- Structs --- */

static uint64_t hash_of(const char *name, uint64_t size)
{
	return hc_hash_mix(hc_hash_string(name) ^ size);
}

/** The struct of a name and size, which may be new. @param[out] ret its index plus 1 in a slot */
static struct hc_error *find_slot(struct search *search, const char *name, uint64_t size,
				  uint32_t **ret)
{
	struct hc_structs *found = &search->found;
	uint64_t hash = hash_of(name, size);
	struct hc_error *err = hc_hash_reserve(&search->by_name, found->num, i, search->hashes[i]);

	if (!err)
		err = hc_array_reserve(&found->items, found->num, sizeof(*found->items));
	if (!err)
		err = hc_array_reserve(&search->hashes, found->num, sizeof(*search->hashes));
	if (!err)
		err = hc_array_reserve(&search->latest, found->num, sizeof(*search->latest));
	if (err)
		return err;
	*ret = hc_hash_find(&search->by_name, hash, i,
			    search->hashes[i] == hash && found->items[i].size == size &&
				    !strcmp(found->items[i].name, name));
	return NULL;
}

static struct hc_error *add_struct(struct search *search, const struct hc_dwarf_scope *scope,
				   const char *name, Dwarf_Die *die)
{
	struct hc_structs *found = &search->found;
	size_t around = scope->is_c || scope->prefix_size < 2 ? 0 : scope->prefix_size - 2;
	hc_cleanup_free char *name_space =
		around ? hc_format("%.*s", (int)around, scope->prefix) : NULL;
	size_t at = found->num++;
	struct hc_struct *item = &found->items[at];

	*item = (struct hc_struct){
		.name = keep(search, name),
		.module = scope->module,
		.num_modules = 1,
	};
	search->latest[at] = scope->module;
	if (!item->name || (around && !name_space))
		return &hc_enomem;
	item->name_space = hc_steal(name_space);
	search->text += around;
	return add_members(search, scope, item, die);
}

/** As its language writes it; @p name may be that of a typedef. */
static char *qualified_name(const struct hc_dwarf_scope *scope, const char *name, Dwarf_Die *die)
{
	const char *word = scope->is_c && hc_die_name(die) ? word_of(dwarf_tag(die)) : "";

	return hc_format("%.*s%s%s", scope->is_c ? 0 : (int)scope->prefix_size, scope->prefix, word,
			 name);
}

/** There is a struct; @p name may be that of a typedef. */
static struct hc_error *offer(struct search *search, const struct hc_dwarf_scope *scope,
			      const char *name, Dwarf_Die *die)
{
	uint64_t size;
	uint32_t *slot;

	if (!name || dwarf_hasattr(die, DW_AT_declaration) ||
	    !hc_die_constant(die, DW_AT_byte_size, &size) || size < search->min ||
	    size > search->max)
		return NULL;
	hc_cleanup_free char *qualified = qualified_name(scope, name, die);
	struct hc_error *err = qualified ? find_slot(search, qualified, size, &slot) : &hc_enomem;
	if (err)
		return err;
	if (*slot) {
		struct hc_struct *item = &search->found.items[*slot - 1];

		item->num_modules += search->latest[*slot - 1] != scope->module;
		search->latest[*slot - 1] = scope->module;
		return NULL;
	}
	if (is_full(search)) {
		search->found.stopped = true;
		return NULL;
	}
	size_t at = search->found.num;
	err = add_struct(search, scope, qualified, die);
	search->found.items[at].size = size;
	search->hashes[at] = hash_of(qualified, size);
	*slot = at + 1;
	return err;
}

static void note_module(void *ctx, const struct hc_module *module __attribute__((unused)))
{
	struct search *search = ctx;

	search->found.num_modules++;
}

static struct hc_error *look_at(void *ctx, const struct hc_dwarf_scope *scope, Dwarf_Die *die,
				bool *inside_ret)
{
	struct search *search = ctx;
	Dwarf_Die type;

	switch (dwarf_tag(die)) {
	case DW_TAG_structure_type:
	case DW_TAG_class_type:
	case DW_TAG_union_type:
		*inside_ret = !scope->is_c;
		return offer(search, scope, hc_die_name(die), die);
	case DW_TAG_typedef:
		if (!hc_die_type(die, &type) || hc_die_name(&type) ||
		    (!hc_die_is_struct(dwarf_tag(&type)) && dwarf_tag(&type) != DW_TAG_union_type))
			return NULL;
		return offer(search, scope, hc_die_name(die), &type);
	case DW_TAG_namespace:
	case DW_TAG_subprogram:
	case DW_TAG_lexical_block:
		*inside_ret = true;
		return NULL;
	default:
		return NULL;
	}
}

static int compare(const void *a, const void *b)
{
	const struct hc_struct *x = a, *y = b;

	if (x->module->executable != y->module->executable)
		return x->module->executable ? -1 : 1;
	if (x->module->start != y->module->start)
		return x->module->start < y->module->start ? -1 : 1;
	if (x->size != y->size)
		return x->size > y->size ? -1 : 1;
	return strcmp(x->name, y->name);
}

struct hc_error *hc_structs_find(struct hc_modules *modules, uint64_t min, uint64_t max,
				 struct hc_structs *ret)
{
	hc_cleanup(search_deinit) struct search search = {.min = min, .max = max};
	const struct hc_dwarf_visitor visitor = {note_module, look_at, &search};
	struct hc_error *err = hc_dwarf_walk(modules, &visitor);

	if (err)
		return err;
	hc_sort(search.found.items, search.found.num, compare);
	*ret = search.found;
	search.found = (struct hc_structs){0};
	return NULL;
}
