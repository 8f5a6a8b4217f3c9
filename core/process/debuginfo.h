/**
 * @file
 * Debug information, as far as it helps to follow pointers: which variables a program has, and at
 * which offsets of which structs there are pointers to which others.
 *
 * Everything is boiled down to *layouts*: a name, a size, and a list of slots. A slot is a pointer
 * at an offset, with the layout of what it points to. Embedded structs, base classes and arrays are
 * flattened into their slots. A pointer is a layout, too, with one slot, for pointers to pointers.
 *
 * Left out, since they don't say what a pointer points to: void, characters, numbers, functions;
 * members of unions, of which only the program knows the one that counts; base classes that are
 * virtual, whose place is known at run time only; bit fields. Variables are those at a fixed
 * address: global ones and static ones, also of functions. Those in registers, on stacks and in
 * thread-local storage are left out.
 *
 * A struct that several compilation units define is taken from the first one; units that only
 * declare it get that definition, by its name. Two different structs of one name are taken for one.
 *
 * Read by libdw, from modules whose file was found (module.h), with --debug-dir in the search path.
 * These are files of the user, not of the core; still nothing in them is believed without bounds: a
 * struct has no more slots than words, variables end with their module and do not all share its
 * bytes, and names that are long or have control characters are none.
 * Not safe from several threads.
 */
#ifndef HC_CORE_PROCESS_DEBUGINFO_H
#define HC_CORE_PROCESS_DEBUGINFO_H

#include "core/process/module.h"

/** Index of a layout. */
typedef uint32_t hc_layout_id;

#define HC_NO_LAYOUT UINT32_MAX

/** Slots of one layout that are kept, and the size that a struct may have to be looked at, bytes.
 */
#define HC_MAX_SLOTS 4096
#define HC_MAX_LAYOUT_SIZE (UINT64_C(64) << 20)

struct hc_slot {
	uint64_t offset; /**< bytes */
	hc_layout_id target;
};

struct hc_layout {
	const char *name; /**< "struct node", "app::Session", "struct node*" */
	uint64_t size;    /**< bytes, not 0 */
	bool is_pointer;  /**< not a struct or class */
	bool open_ended;  /**< ends in an array without a size of its own */
	const struct hc_slot *slots;
	size_t num_slots;
};

struct hc_debuginfo;

/** Read the debug information of all modules. Takes seconds for large programs. */
struct hc_error *hc_debuginfo_open(struct hc_modules *modules, unsigned word_size,
				   struct hc_debuginfo **ret);
/** NULL is fine. */
void hc_debuginfo_close(struct hc_debuginfo *info);

/** Modules that have debug information. */
size_t hc_debuginfo_num_modules(const struct hc_debuginfo *info);
/** Whether the program itself is one of them. */
bool hc_debuginfo_of_program(const struct hc_debuginfo *info);

/** @param[out] ret its name and slots live as long as the debug information */
struct hc_error *hc_debuginfo_layout(struct hc_debuginfo *info, hc_layout_id id,
				     struct hc_layout *ret);

/**
 * The member of a struct that an offset is in: "next", "map.head", "slots[3]".
 *
 * @param[out] buf text of at most @p size bytes, cut where it is longer
 * @return false when there is none
 */
bool hc_debuginfo_member(struct hc_debuginfo *info, hc_layout_id id, uint64_t offset, char *buf,
			 size_t size);

/** The class or struct of a name, or HC_NO_LAYOUT. */
hc_layout_id hc_debuginfo_find(const struct hc_debuginfo *info, const char *name);

/** A variable: @ref count objects of one layout, one after the other. */
struct hc_variable {
	uint64_t address; /**< in the process */
	hc_layout_id layout;
	uint64_t count;
};

/** All variables that have a layout, module by module. Valid as long as the debug information. */
const struct hc_variable *hc_debuginfo_variables(const struct hc_debuginfo *info, size_t *num_ret);

#endif
