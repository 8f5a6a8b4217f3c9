/**
 * @file
 * Containers: maps, hash tables, lists, deques, vectors and strings of the C++ standard libraries,
 * known by their structure in memory, in stripped programs too.
 *
 * A container is a *head*, which may lie in a variable, on a stack, in thread-local storage or in a
 * chunk, and what it leads to: *nodes*, one for each element, and *arrays* (a hash table's buckets,
 * the map and blocks of a deque, the body of a vector or a string). It is believed only when all of
 * it was walked and agrees with what the head counts (forms.h); a structure that is damaged is not
 * recognised. So counts of elements are exact. What is not told apart: map, set, multimap and
 * multiset are one structure, as are unordered ones, and list, vector and hash tables are the same
 * in libstdc++ and libc++. A program may have built the same structure by hand: a ring with a count
 * behind its first two words is a list to this. In programs that neither are C++ nor have a library
 * of it, containers of Rust alone are looked for, and of these, in programs that are not Rust's
 * (types/rust.h), hashbrown alone.
 *
 * Of Rust's Vec the order of its three words is learned from the program. String is a Vec, and so
 * to this is VecDeque, whose words go on: elements are not told where they could be either's.
 *
 * What shared_ptr counts is told beside these, by its class and not by structure (counted.h); what
 * Rc counts, by as many pointers to it as it counts (shares.h).
 *
 * The size of an element is stored nowhere. What is known is a bound: a node's chunk without the
 * node's own words; of vectors and deques, what divides all their distances. So vectors, and deques
 * of libstdc++, have no count, but the bytes that their elements take.
 *
 * Not recognised: empty containers, which own nothing (but deques of libstdc++, which own a map and
 * a block); std::list of the old ABI, which has no count; std::forward_list, vector<bool>; nodes
 * from an allocator of the program's own; short strings of libc++, which no pointer shows; strings
 * of less than 256 bytes with a NUL among them; strings of libstdc++ of up to 15 bytes in a chunk,
 * but for those that grew out of their head and became shorter; vectors beside which a fourth
 * pointer leads to the same body, as in buffers of C; Vecs of Rust with room for up to 16 elements,
 * unless they are full or have grown, where no order of their words was learned, or whose elements
 * are of more than 8 bytes and no multiple of 4.
 *
 * Cost. The pass reads every word of roots and chunks in use once, on all processors; walks visit a
 * node at most three times, and those that fail have a budget. Two heads may lead to one body,
 * since memory that was not written again keeps old heads: the first is believed, in the order
 * variables, thread-local storage, chunks, other memory, stacks.
 */
#ifndef HC_ANALYZERS_CONTAINERS_CONTAINERS_H
#define HC_ANALYZERS_CONTAINERS_CONTAINERS_H

#include "analyzers/count.h"
#include "analyzers/reachability/referrers.h"
#include "analyzers/target.h"

enum hc_container_kind {
	HC_CONTAINER_TREE,   /**< std::map, set, multimap, multiset */
	HC_CONTAINER_HASH,   /**< std::unordered_map and so on */
	HC_CONTAINER_LIST,   /**< std::list */
	HC_CONTAINER_DEQUE,  /**< std::deque */
	HC_CONTAINER_VECTOR, /**< std::vector */
	HC_CONTAINER_STRING, /**< std::string */
	HC_CONTAINER_SWISS,  /**< HashMap and HashSet of Rust */
	HC_CONTAINER_SHARED, /**< what std::shared_ptr counts: counted.h */
	HC_CONTAINER_VEC,    /**< Vec and String of Rust */
	HC_CONTAINER_RC,     /**< what Rc and Arc of Rust count: shares.h */
	HC_NUM_CONTAINER_KINDS
};

/** "map", "unordered_map", "list", …: for programs, and words that select. */
const char *hc_container_kind_name(enum hc_container_kind kind);
/** "std::map or set", "std::list": for people. */
const char *hc_container_kind_title(enum hc_container_kind kind);

/** Whose form it is; the forms of some kinds are the same in libstdc++ and libc++. */
enum hc_container_library {
	HC_LIBRARY_EITHER,
	HC_LIBRARY_STDCXX,
	HC_LIBRARY_CXX,
	HC_LIBRARY_RUST,
};

/** "libstdc++", "libc++", "Rust"; NULL: it may be either of the first two. */
const char *hc_container_library_name(enum hc_container_library library);

/** Whether it is an object whose owners are counted. */
static inline bool hc_container_is_counted(enum hc_container_kind kind)
{
	return kind == HC_CONTAINER_SHARED || kind == HC_CONTAINER_RC;
}

#define HC_UNKNOWN_ELEMENTS UINT64_MAX

struct hc_container {
	enum hc_container_kind kind;
	enum hc_container_library library;
	uint64_t head;     /**< address */
	uint64_t elements; /**< of strings, characters; HC_UNKNOWN_ELEMENTS: see above */
	/**
	 * Bytes of the elements in arrays; of strings, characters; HC_UNKNOWN_ELEMENTS where that
	 * is not known, either. 0: they are in nodes
	 */
	uint64_t used;
	uint64_t element_max;     /**< bytes that one element has at most; 0: nothing tells */
	struct hc_count nodes;    /**< chunks, one for each element */
	struct hc_count arrays;   /**< other chunks */
	uint64_t uses, weak;      /**< of HC_CONTAINER_SHARED and RC: owners, and weak pointers */
	struct hc_referrer place; /**< where the head lies, in terms of a pointer at its start */
};

static inline uint64_t hc_container_bytes(const struct hc_container *container)
{
	return container->nodes.bytes + container->arrays.bytes;
}

/** All containers of one kind. */
struct hc_container_total {
	uint64_t containers;
	uint64_t inline_strings; /**< of these: strings that have no chunk */
	struct hc_count chunks;  /**< of all: nodes and arrays */
};

struct hc_containers {
	struct hc_container *items; /**< that were kept: those of the most bytes, these first */
	size_t num;
	uint64_t total; /**< of the kinds that were asked for, with at least one chunk */
	struct hc_container_total kinds[HC_NUM_CONTAINER_KINDS];
	bool stopped; /**< the budget of walks was spent: there may be more */
};

/**
 * Find all of a process.
 *
 * @param kinds bit per enum hc_container_kind that are kept; all are counted
 * @param max   containers that are kept
 */
struct hc_error *hc_containers_find(struct hc_target *target, unsigned kinds, size_t max,
				    struct hc_containers *ret);
void hc_containers_deinit(struct hc_containers *containers);

/** What an address is of a container. */
enum hc_container_part {
	HC_PART_HEAD,  /**< it is in the head */
	HC_PART_NODE,  /**< it is in the chunk of a node */
	HC_PART_ARRAY, /**< it is in the chunk of an array */
};

/** The container that an address has to do with. */
struct hc_containment {
	bool found;
	enum hc_container_part part;
	/**
	 * Of a node: which element it has in the order of a tree, or of a hash table's chain, from
	 * 1 on. 0 of lists: which end is the first, libstdc++ and libc++ have the other way round.
	 */
	uint64_t ordinal;
	struct hc_container container;
};

/**
 * The container whose node or array a chunk is, or whose head an address is in. Goes up from the
 * chunk by its own links, or from those who point to it; makes no pass over memory.
 *
 * @param target   whose heap is there
 * @param address  that was asked for
 * @param chunk    that holds it, in use; NULL: it is in none
 * @param referrers of the chunk, as far as they are known
 */
struct hc_error *hc_containers_of(struct hc_target *target, uint64_t address,
				  const struct hc_chunk *chunk,
				  const struct hc_referrers *referrers, struct hc_containment *ret);

/**
 * The same for a chunk in use that shared_ptr counts, by its type, or Rc, by its owners: asks for
 * types, and may look through memory.
 */
struct hc_error *hc_containers_counted(struct hc_target *target, const struct hc_chunk *chunk,
				       struct hc_containment *ret);

#endif
