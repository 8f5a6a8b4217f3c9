/**
 * @file
 * Entries of debug information (DIEs): what all readers of them need, and the walk over those of
 * all modules.
 *
 * For those who read debug information in this room (debuginfo.h, structs.h). libdw does not know
 * the parent of an entry, so names are put together on the way down. Nothing in a file is believed
 * without bounds: depth, names, chains of types, the number of entries.
 */
#ifndef HC_CORE_PROCESS_DWARF_WALK_H
#define HC_CORE_PROCESS_DWARF_WALK_H

#include <elfutils/libdw.h>

#include "core/process/module.h"

/** Typedefs, qualifiers, pointers and arrays around a type. */
#define HC_MAX_PEEL 32
/** Bounds of one array: many arrays and members can share a long list of them. */
#define HC_MAX_DIMENSIONS 32

/** Whether a tag is that of a struct or class. */
bool hc_die_is_struct(int tag);

/** The name of an entry; NULL when it has none that can be shown. */
const char *hc_die_name(Dwarf_Die *die);

/** A number that is a constant; false for expressions. */
bool hc_die_constant(Dwarf_Die *die, unsigned name, uint64_t *ret);

/** What an entry says is its type. */
bool hc_die_type(Dwarf_Die *die, Dwarf_Die *ret);

/**
 * What is behind typedefs and qualifiers.
 *
 * @param[in,out] die the type
 * @param[out] name_ret the name of the last typedef, or NULL
 */
bool hc_die_peel(Dwarf_Die *die, const char **name_ret);

/** Whether libdw finds the size of a type soon, which goes through all bounds of arrays. */
bool hc_die_is_measurable(Dwarf_Die type);

/** Where the walk is. */
struct hc_dwarf_scope {
	const struct hc_module *module;
	Dwarf_Addr bias;
	bool is_c;
	char prefix[1024]; /**< "app::detail::" */
	size_t prefix_size;
};

/** The name of a struct as its language writes it. @return to be freed; NULL without memory */
char *hc_dwarf_qualified_name(const struct hc_dwarf_scope *scope, const char *name);

/** Who walks. */
struct hc_dwarf_visitor {
	/** There is a module with debug information; its entries come next. */
	void (*module)(void *ctx, const struct hc_module *module);
	/**
	 * An entry.
	 *
	 * @param[out] inside_ret whether those in it are to be visited, too
	 * @return an error ends the walk
	 */
	struct hc_error *(*entry)(void *ctx, const struct hc_dwarf_scope *scope, Dwarf_Die *die,
				  bool *inside_ret);
	void *ctx;
};

/** Visit all entries of all modules, those in a scope behind it. Takes seconds for large programs.
 */
struct hc_error *hc_dwarf_walk(struct hc_modules *modules, const struct hc_dwarf_visitor *visitor);

#endif
