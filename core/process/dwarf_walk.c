/**
 * @file
 * Entries of debug information, read with libdw.
 */
#include "core/process/dwarf_walk.h"

#include <dwarf.h>
#include <elfutils/libdwfl.h>
#include <stdio.h>

#include "core/base/format.h"

/** Nesting of scopes that is looked into: namespaces, classes, functions, blocks. */
#define MAX_DEPTH 24
/** Longest name that is taken, bytes: names can overlap, so that a file has more of them than
 * bytes. */
#define MAX_NAME 4096
/** Entries that are looked at in all; a program of a million lines has some ten million. */
#define MAX_ENTRIES (UINT64_C(1) << 30)

bool hc_die_is_struct(int tag)
{
	return tag == DW_TAG_structure_type || tag == DW_TAG_class_type;
}

const char *hc_die_name(Dwarf_Die *die)
{
	const char *name = dwarf_diename(die);
	size_t size = name ? strnlen(name, MAX_NAME + 1) : 0;

	if (!size || size > MAX_NAME)
		return NULL;
	for (size_t i = 0; i < size; i++) {
		if ((uint8_t)name[i] < ' ' || name[i] == 0x7f)
			return NULL;
	}
	return name;
}

bool hc_die_constant(Dwarf_Die *die, unsigned name, uint64_t *ret)
{
	Dwarf_Attribute attr;
	Dwarf_Word value;

	if (!dwarf_attr_integrate(die, name, &attr) || dwarf_formudata(&attr, &value))
		return false;
	*ret = value;
	return true;
}

bool hc_die_type(Dwarf_Die *die, Dwarf_Die *ret)
{
	Dwarf_Attribute attr;

	return dwarf_attr_integrate(die, DW_AT_type, &attr) && dwarf_formref_die(&attr, ret);
}

bool hc_die_peel(Dwarf_Die *die, const char **name_ret)
{
	*name_ret = NULL;
	for (unsigned i = 0; i < HC_MAX_PEEL; i++) {
		Dwarf_Die next;

		switch (dwarf_tag(die)) {
		case DW_TAG_typedef:
			*name_ret = hc_die_name(die);
			break;
		case DW_TAG_const_type:
		case DW_TAG_volatile_type:
		case DW_TAG_restrict_type:
		case DW_TAG_atomic_type:
			break;
		default:
			return true;
		}
		if (!hc_die_type(die, &next))
			return false;
		*die = next;
	}
	return false;
}

static unsigned count_dimensions(Dwarf_Die *array)
{
	unsigned ret = 0;
	Dwarf_Die range;

	if (dwarf_child(array, &range))
		return 0;
	do {
		ret++;
	} while (ret <= HC_MAX_DIMENSIONS && !dwarf_siblingof(&range, &range));
	return ret;
}

bool hc_die_is_measurable(Dwarf_Die type)
{
	const char *name;

	for (unsigned i = 0; i < HC_MAX_PEEL; i++) {
		Dwarf_Die element;

		if (!hc_die_peel(&type, &name) || dwarf_tag(&type) != DW_TAG_array_type)
			return true;
		if (count_dimensions(&type) > HC_MAX_DIMENSIONS)
			return false;
		if (!hc_die_type(&type, &element))
			return true;
		type = element;
	}
	return false;
}

char *hc_dwarf_qualified_name(const struct hc_dwarf_scope *scope, const char *name)
{
	return scope->is_c ? hc_format("struct %s", name)
			   : hc_format("%.*s%s", (int)scope->prefix_size, scope->prefix, name);
}

/* --- The walk --- */

/** An entry, and the length of the qualified name that its scope has. */
struct level {
	Dwarf_Die die;
	size_t prefix;
};

struct walk {
	const struct hc_modules *modules;
	const struct hc_dwarf_visitor *visitor;
	struct hc_dwarf_scope scope;
	uint64_t seen; /* entries */
	struct hc_error *err;
};

/** Append the name of a scope; what is too long stays as it is. */
static void enter_scope(struct hc_dwarf_scope *scope, Dwarf_Die *die)
{
	int tag = dwarf_tag(die);
	const char *name = hc_die_name(die);
	size_t room = sizeof(scope->prefix) - scope->prefix_size;

	if (tag != DW_TAG_namespace && !hc_die_is_struct(tag) && tag != DW_TAG_union_type)
		return;
	int size = snprintf(scope->prefix + scope->prefix_size, room,
			    "%s::", name ? name : "(anonymous namespace)");
	if (size > 0 && (size_t)size < room)
		scope->prefix_size += size;
}

/** All of one unit, with a stack of its own. */
static struct hc_error *walk_unit(struct walk *walk, Dwarf_Die *unit)
{
	const struct hc_dwarf_visitor *visitor = walk->visitor;
	struct hc_dwarf_scope *scope = &walk->scope;
	struct level levels[MAX_DEPTH];
	unsigned depth = 0;
	const void *last = NULL;

	scope->prefix_size = 0;
	if (dwarf_child(unit, &levels[0].die))
		return NULL;
	levels[0].prefix = 0;
	while (walk->seen++ < MAX_ENTRIES) {
		Dwarf_Die *die = &levels[depth].die;
		bool inside = false;

		/*
		 * Each entry lies behind the one before. A DW_AT_sibling that leads among children
		 * would have them walked twice, theirs four times, and so on.
		 */
		if ((uintptr_t)die->addr <= (uintptr_t)last)
			break;
		last = die->addr;
		struct hc_error *err = visitor->entry(visitor->ctx, scope, die, &inside);

		if (err)
			return err;
		if (inside && depth + 1 < MAX_DEPTH && !dwarf_child(die, &levels[depth + 1].die)) {
			enter_scope(scope, die);
			levels[++depth].prefix = scope->prefix_size;
			continue;
		}
		while (dwarf_siblingof(&levels[depth].die, &levels[depth].die)) {
			if (!depth--)
				return NULL;
			scope->prefix_size = levels[depth].prefix;
		}
	}
	return NULL;
}

/** Of the list that continues that of DWARF 5; older headers lack it. */
#define LANG_C17 0x2c

static bool is_c(Dwarf_Die *unit)
{
	switch (dwarf_srclang(unit)) {
	case DW_LANG_C:
	case DW_LANG_C89:
	case DW_LANG_C99:
	case DW_LANG_C11:
	case LANG_C17:
		return true;
	default:
		return false;
	}
}

/** Called for each module. */
static int walk_module(Dwfl_Module *dwfl_module, void **user_data __attribute__((unused)),
		       const char *name __attribute__((unused)), Dwarf_Addr start, void *ctx)
{
	struct walk *walk = ctx;
	struct hc_dwarf_scope *scope = &walk->scope;
	Dwarf *dwarf = dwfl_module_getdwarf(dwfl_module, &scope->bias);
	Dwarf_CU *unit = NULL;
	Dwarf_Die die;

	scope->module = hc_modules_find(walk->modules, start);
	if (!dwarf || !scope->module)
		return DWARF_CB_OK;
	walk->visitor->module(walk->visitor->ctx, scope->module);
	while (!walk->err && !dwarf_get_units(dwarf, unit, &unit, NULL, NULL, &die, NULL)) {
		scope->is_c = is_c(&die);
		walk->err = walk_unit(walk, &die);
	}
	return walk->err ? DWARF_CB_ABORT : DWARF_CB_OK;
}

struct hc_error *hc_dwarf_walk(struct hc_modules *modules, const struct hc_dwarf_visitor *visitor)
{
	struct walk walk = {.modules = modules, .visitor = visitor};
	Dwfl *dwfl = hc_modules_dwfl(modules);

	if (dwfl)
		dwfl_getmodules(dwfl, walk_module, &walk, 0);
	return walk.err;
}
