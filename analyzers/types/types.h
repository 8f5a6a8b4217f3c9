/**
 * @file
 * Types of chunks: the class, struct or kind of the object in a chunk.
 *
 * An object of a class with virtual functions begins with a pointer into the vtable of its class,
 * wherever it was allocated and whatever it inherits (rtti.h). So the first word of a chunk tells
 * its class, also in a stripped program, and also where nothing points to the chunk any more. An
 * array from new[] has the number of its elements first; it is recognised when every element begins
 * with the same vtable. It has the name of its class with [] behind it.
 *
 * What it can't tell: a chunk that begins with an object may go on with others (the buffer of a
 * vector of such objects looks like one of them); objects of classes without virtual functions have
 * no mark. An object that stands behind something else in its chunk, as in the node of a list, or
 * one of many in a block, is known where that repeats (by_embedded.c): " inside" is behind the
 * name. A class that is being constructed or destroyed shows as one of its bases. A chunk that was
 * handed out but not written to yet may still hold what was there before.
 *
 * Where modules have debug information, chunks without a vtable are typed by the pointers that lead
 * to them, from variables on (typegraph.h). That is a conclusion, not a mark: it needs a chain of
 * typed pointers, so it has nothing to say of lost chunks, but of those below an object with a
 * vtable. Where a chunk goes on behind the object, or is larger than malloc would have given for
 * one, the name has a + behind it: that is so with base structs, with arrays that can't be told
 * from them, and with a few objects that got what was left of a larger chunk.
 *
 * An object of Rust that is behind a pointer to a trait is known by the vtable beside that pointer
 * (by_trait.c).
 *
 * Objects of C programs have marks as well: streams of the C library, GLib's and CPython's objects
 * name their type, and kinds of objects point to one table of functions, text or function of a
 * module. Each way to know a type is a provider (provider.h); the first one that knows is believed.
 *
 * Chunks that are not in use have no type.
 */
#ifndef HC_ANALYZERS_TYPES_TYPES_H
#define HC_ANALYZERS_TYPES_TYPES_H

#include "core/heap/heap.h"

/** A type, or @ref HC_TYPE_NONE. Small numbers: hc_types_num() is their bound. */
typedef uint32_t hc_type_id;

#define HC_TYPE_NONE 0

/** How a type is known. */
enum hc_type_source {
	HC_TYPE_VTABLE, /**< typeinfo in the vtable that the object points to */
	HC_TYPE_SYMBOL, /**< that vtable has no typeinfo, but a symbol */
	HC_TYPE_MAGIC,  /**< a magic number that the C library writes, and a table of its functions
			 */
	HC_TYPE_GTYPE,  /**< the GType in the class that the object points to */
	HC_TYPE_PYTHON, /**< the type that an object of CPython's points to */
	HC_TYPE_DWARF,  /**< a pointer of that type leads to it */
	HC_TYPE_EMBEDDED, /**< typeinfos in vtables that objects in the middle of it point to */
	HC_TYPE_TRAIT,    /**< a pointer of Rust leads to it that has its vtable beside it */
	HC_TYPE_CONSTANT, /**< objects of its size point to one constant of a module */
	HC_NUM_TYPE_SOURCES
};

/** "vtable", "symbol", "dwarf": for programs. */
const char *hc_type_source_name(enum hc_type_source source);
/** "C++ class, by its vtable": for people. */
const char *hc_type_source_title(enum hc_type_source source);
/**
 * Whether it is a mark that the program or its libraries put into the object and that names its
 * type: more effort would not know better.
 */
bool hc_type_source_is_mark(enum hc_type_source source);

/** All types of a process. */
struct hc_types;

/** What to look at. */
enum hc_types_effort {
	HC_TYPES_QUICK, /**< marks alone: milliseconds, and a look at the planes of the heap */
	HC_TYPES_FULL,  /**< and symbol tables and debug information: seconds for large programs */
};

/** @param process @param heap must outlive the types */
struct hc_error *hc_types_create(struct hc_process *process, const struct hc_heap *heap,
				 enum hc_types_effort effort, struct hc_types **ret);
/** NULL is fine. */
void hc_types_destroy(struct hc_types *types);

/** Whether a class with virtual functions was found by its typeinfo: there is C++ in the process.
 */
bool hc_types_have_typeinfo(const struct hc_types *types);
struct hc_rust;

/** Whether the program is Rust's: rust.h. */
const struct hc_rust *hc_types_rust(const struct hc_types *types);
/** Whether the debug information of the program itself was looked at. */
bool hc_types_have_debuginfo(const struct hc_types *types);

/** Every id is below this. */
size_t hc_types_num(const struct hc_types *types);

/** Type of a chunk. Safe from several threads. */
hc_type_id hc_type_of(const struct hc_types *types, const struct hc_chunk *chunk);

/**
 * Name of a type, "app::Session", "app::Session[]" or "struct header+"; "(none)" for @ref
 * HC_TYPE_NONE. Untrusted text, without control characters. Names are made when they are asked for:
 * not safe from several threads. NULL without memory.
 */
const char *hc_type_name(struct hc_types *types, hc_type_id type);

/** The same without what is default in it (short_name.h): for people. */
const char *hc_type_short_name(struct hc_types *types, hc_type_id type);

/**
 * The member of its object that an offset of a chunk is in, as debug information tells: "next",
 * "map.head". Not safe from several threads.
 *
 * @return to be freed by the caller; NULL where nothing tells
 */
char *hc_type_member(struct hc_types *types, const struct hc_chunk *chunk, uint64_t offset);

/**
 * What else an object tells of itself, as a stream does: "fd 3, in the list of open streams". Not
 * safe from several threads.
 *
 * @return to be freed by the caller; NULL where there is nothing to tell
 */
char *hc_type_remark(struct hc_types *types, const struct hc_chunk *chunk);

/** Objects that do not start their chunk. */
struct hc_type_objects {
	uint64_t offset; /**< of the first one, bytes from the start of the chunk */
	uint64_t stride; /**< bytes from one to the next; 0: there is only one */
	uint64_t places; /**< up to that of the last one, some of which may be empty */
	uint64_t count;  /**< that are there */
};

/**
 * Where the objects of a chunk lie in it, if they don't start it. Safe from several threads.
 *
 * @return false: they do, or it has no type
 */
bool hc_type_find_objects(const struct hc_types *types, const struct hc_chunk *chunk,
			  struct hc_type_objects *ret);

/** Whether the objects of chunks of this type do not start them. */
bool hc_type_is_inside(hc_type_id type);

/** The type of one object alone, whatever a chunk has around it; of @ref HC_TYPE_NONE itself. */
hc_type_id hc_type_of_object(hc_type_id type);

/**
 * Whether objects of this type are freed when the last reference to them is gone, and so never in a
 * cycle: what shared_ptr counts in, GObjects, Python's.
 */
bool hc_type_is_counted(struct hc_types *types, hc_type_id type);

/** Not of @ref HC_TYPE_NONE. */
enum hc_type_source hc_type_source(const struct hc_types *types, hc_type_id type);

/**
 * Which types have a name, in full or short: one bit per id. In a pattern, * stands for any text,
 * as does the mark of a name that was cut, and ? for any character.
 *
 * @param[out] set array of hc_types_num() bits in 64-bit words; bits are only added
 * @param[out] found_ret whether there was one
 */
struct hc_error *hc_types_find(struct hc_types *types, const char *pattern, uint64_t *set,
			       bool *found_ret);

/** The name that was meant by one that no type has (nearest.h); NULL: none comes to mind. */
struct hc_error *hc_types_nearest(struct hc_types *types, const char *text, const char **ret);

/**
 * The type that most of some chunks have, if at least @p least have it; or @ref HC_TYPE_NONE.
 *
 * @param items of the chunks, sorted by this
 * @return how many of them have it; 0 when there is none
 */
size_t hc_types_most(hc_type_id *items, size_t num, size_t least, hc_type_id *ret);

#endif
