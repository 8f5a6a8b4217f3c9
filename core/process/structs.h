/**
 * @file
 * Structs of a size: all structs, classes and unions whose size is in a range, of all modules that
 * have debug information, with their members.
 *
 * For chunks of which nothing tells the type but their size. Definitions that have the same name
 * and size are one struct, whichever modules and units have them; its members are those of the
 * first. Those without a name are known by their typedef; without one they are left out, as are
 * types that are only declared.
 *
 * Bounds as in dwarf_walk.h, and on structs, members, and the bytes of all texts, since these are
 * found again in a file as often as somebody wrote. Not safe from several threads.
 */
#ifndef HC_CORE_PROCESS_STRUCTS_H
#define HC_CORE_PROCESS_STRUCTS_H

#include "core/process/module.h"

/** Structs, members of one, members of all, and bytes of texts that are kept. */
#define HC_MAX_STRUCTS 65536
#define HC_MAX_STRUCT_MEMBERS 1024
#define HC_MAX_ALL_MEMBERS (1u << 20)
#define HC_MAX_STRUCT_TEXT (UINT64_C(32) << 20)

struct hc_struct_member {
	char *name; /**< untrusted, without control characters; NULL: it has none */
	char *type; /**< "const char *", "uint32_t[4]", "struct node *"; cut where it is long */
	uint64_t offset; /**< bytes; of a bit field, of its first bit */
	uint64_t size;   /**< bytes; 0: it has none, or nobody can tell */
	uint64_t bits;   /**< of a bit field; 0: it is none */
	bool is_base;    /**< the part of a base class */
};

struct hc_struct {
	char *name;                       /**< qualified: "struct record", "app::Session" */
	char *name_space;                 /**< scopes around it, "app::detail"; NULL: none */
	uint64_t size;                    /**< bytes */
	const struct hc_module *module;   /**< the first one that has it */
	size_t num_modules;               /**< that have it */
	struct hc_struct_member *members; /**< in the order of their definition */
	size_t num_members;
};

struct hc_structs {
	struct hc_struct
		*items; /**< the program's first; of a module, the largest first, then by name */
	size_t num;
	size_t num_modules; /**< that have debug information; 0: there can be no structs */
	bool stopped;       /**< a bound was met: there may be more */
};

/** Look for structs of @p min to @p max bytes. Takes seconds for large programs. */
struct hc_error *hc_structs_find(struct hc_modules *modules, uint64_t min, uint64_t max,
				 struct hc_structs *ret);
void hc_structs_deinit(struct hc_structs *structs);

#endif
