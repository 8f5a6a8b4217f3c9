/**
 * @file
 * Classes with virtual functions, found by the vtables that the program and its libraries hold.
 *
 * Itanium C++ ABI, chapters 2.5 and 2.9, which GCC and Clang follow on Linux: an object of such a
 * class begins with a pointer to the *address point* of the class's vtable. The word before the
 * address point is the address of the class's typeinfo, and the word before that the offset from
 * here to the top of the object: 0 in the part of the vtable that the object's first word points
 * to. A typeinfo is "vtable of its kind, mangled name, bases"; its kinds are three classes of the
 * C++ runtime. All of this is data that the program needs to run, so it is there in stripped
 * programs too.
 *
 * Vtables are looked for once, in all modules; afterwards an object's class is one probe of a hash
 * table. Where they are: in .data.rel.ro, which the dynamic linker writes when it relocates a
 * module, so that cores have it; in programs that are linked to a fixed address in .rodata, which
 * comes from the program's file; and, where such a program uses a class of a library directly, in a
 * copy at the start of .bss. The *names* are in .rodata: without the module's file there are none,
 * and then the class does not count as found.
 *
 * Classes that were compiled with -fno-rtti have a null pointer for the typeinfo. They are found by
 * the symbols of their vtables ("_ZTV…"), if the module's file still has them.
 *
 * Nothing is trusted: names and vtables are bounded, no chain of bases is followed.
 */
#ifndef HC_ANALYZERS_TYPES_RTTI_H
#define HC_ANALYZERS_TYPES_RTTI_H

#include "analyzers/types/addresses.h"
#include "core/process/process.h"

/** A class that some vtable is of. Equal names are one class, in whatever module. */
struct hc_rtti_class {
	char *mangled;  /**< name of the type, without _Z: "N3app7SessionE" */
	bool by_symbol; /**< it has no typeinfo: the name is that of a symbol */
};

struct hc_rtti {
	struct hc_rtti_class *classes; /**< in the order in which their vtables lie in memory, those
					  by symbol last */
	size_t num_classes;
	struct hc_addresses vtables; /**< address points, and the index of the class of each */
};

/** Most vtables that are remembered; the largest programs have some hundred thousand. */
#define HC_MAX_VTABLES (1u << 20)
/** Bytes of their names, mangled: no more vtables are taken once they exceed this. */
#define HC_MAX_NAME_BYTES (UINT64_C(64) << 20)

/** Vtables of a module's .bss that are copies of a library's are in so many of its first bytes. */
#define HC_COPIED_VTABLES (UINT64_C(1) << 20)

/**
 * Look for vtables.
 *
 * @param symbols modules of the process: also by their symbol tables, which takes longer, and must
 * not be done by two threads at once; NULL: without
 */
struct hc_error *hc_rtti_find(const struct hc_process *process, struct hc_modules *symbols,
			      struct hc_rtti *ret);
void hc_rtti_deinit(struct hc_rtti *rtti);

#define HC_NO_RTTI_CLASS HC_NO_ADDRESS

/** Index of the class whose objects have this word first, or HC_NO_RTTI_CLASS. */
static inline uint32_t hc_rtti_class_of(const struct hc_rtti *rtti, uint64_t word)
{
	return hc_addresses_find(&rtti->vtables, word);
}

#endif
