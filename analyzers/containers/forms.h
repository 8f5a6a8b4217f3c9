/**
 * @file
 * Forms: how each container of a standard library lies in memory, and the proof that a place in
 * memory is the head of one.
 *
 * A form knows where the head has its pointers and its count. The proof is a walk over all that the
 * head leads to. Nothing is believed before the walk ended where it must, after as many nodes as
 * the head counts; so a chance match needs a whole structure that agrees with itself:
 *
 * - tree: every node names its parent and has a colour; header and root name each other; the first
 *   and last of the order are what the header says; as many nodes as it counts;
 * - hash: a chain of as many nodes as the head counts; a bucket array of the size that it says,
 *   whose buckets name nodes of the chain, and exactly one of them the head;
 * - list: a ring through the head; every node names the one before it; as many nodes as it counts;
 * - deque: a map of blocks of one size, which the iterators at both ends name;
 * - vector: begin is the start of a chunk, and the end of the capacity is the end of what was asked
 *   for;
 * - string: as that, by length and capacity; NUL at its length, and none before it where the length
 *   is small;
 * - Vec: body, capacity and length in the order of the program; the body was asked for with a
 *   multiple of the capacity; where that proves little, it is full or has grown from 4 or 8;
 * - swiss table: as many control bytes of full slots as it counts; the first ones repeat behind the
 *   last.
 *
 * Nodes are chunks in use, of one size as far as the allocator's rounding lets tell. So containers
 * whose nodes come from an allocator of the program's own (a pool) are not recognised.
 *
 * Bounds. A core may say anything: every pointer is looked up before it is followed, a walk ends
 * after as many nodes as the head counts, which are at most the chunks of the heap, and all walks
 * of one reader together have a budget. A node belongs to one container: where claims are kept, a
 * walk that comes to a node of another one has failed, so that no list of lies is walked twice.
 */
#ifndef HC_ANALYZERS_CONTAINERS_FORMS_H
#define HC_ANALYZERS_CONTAINERS_FORMS_H

#include "analyzers/containers/containers.h"
#include "analyzers/types/rust.h"
#include "core/heap/plane.h"

/** Ways in which containers lie in memory. Those that both libraries share are one. */
enum hc_form {
	HC_FORM_STD_TREE,   /**< libstdc++ */
	HC_FORM_CXX_TREE,   /**< libc++ */
	HC_FORM_HASH,       /**< both */
	HC_FORM_LIST,       /**< both */
	HC_FORM_STD_DEQUE,  /**< libstdc++ */
	HC_FORM_CXX_DEQUE,  /**< libc++ */
	HC_FORM_VECTOR,     /**< both */
	HC_FORM_STD_STRING, /**< libstdc++ */
	HC_FORM_CXX_STRING, /**< libc++ */
	HC_FORM_SHORT,      /**< libstdc++: a string within its head */
	HC_FORM_SWISS,      /**< hashbrown of Rust */
	HC_FORM_VEC,        /**< Vec of Rust: from here on one for each enum hc_vec_order */
	HC_FORM_VEC_LAST = HC_FORM_VEC + HC_NUM_VEC_ORDERS - 1,
	HC_NUM_FORMS
};

/** Most words of a head. */
#define HC_HEAD_WORDS 10

/** Of hashbrown: control bytes that are read at once, so that the first ones repeat behind the
 * last. */
#define HC_SWISS_GROUP 16

/** A place that may be a head: the words from there on, and the one before it. */
struct hc_head {
	uint64_t address;
	struct hc_bytes bytes; /**< the words as they stand in memory */
	uint64_t words[HC_HEAD_WORDS];
	unsigned num; /**< words that are there, and in the same chunk, if they are in one */
	bool has_before;
	uint64_t before;
};

/** What walks share. */
struct hc_container_reader {
	const struct hc_heap *heap;
	uint64_t max_nodes; /**< chunks of the heap */
	uint64_t steps;     /**< that may still be made */
	/** @name Claims; NULL: none are kept. */
	/**@{*/
	const struct hc_plane_layout *layout;
	struct hc_plane *claimed;
	/**@}*/
	uint64_t sought;  /**< user address of a node whose place is asked for; 0: none */
	uint64_t ordinal; /**< that place, from 1 on; 0: it is no node of the container */
};

/** Take steps from the budget. @return false: it is spent, or the work is to end */
bool hc_container_step(struct hc_container_reader *reader, uint64_t steps);

/** Without claims, and with a budget that any honest heap stays below. */
void hc_container_reader_init(const struct hc_heap *heap, struct hc_container_reader *ret);

/** Read the words at an address. @return false: there is not one */
bool hc_head_read(const struct hc_heap *heap, uint64_t address, struct hc_head *ret);

/**
 * The forms that there can be, a bit for each. Those of C++, unless the program is known and
 * neither it nor a library has a class with virtual functions, as the C++ library has: then what
 * looks like one is chance. Vec in the order that the program has, if it is Rust's.
 */
struct hc_error *hc_forms_of(struct hc_target *target, uint32_t *ret);

/** Those of C++. */
#define HC_FORMS_OF_CXX ((UINT32_C(1) << HC_FORM_SWISS) - 1)

/** Words that a head of a form has at least. */
unsigned hc_form_words(enum hc_form form);

/**
 * Whether words are such as a head of a form has, as far as they tell by themselves: nothing is
 * looked up, so this can be asked of every word in memory. No proof holds of what it refuses.
 *
 * @param bytes what is there from @p address on, as far as it is in the same chunk
 */
bool hc_form_fits(enum hc_form form, const struct hc_heap *heap, uint64_t address,
		  struct hc_bytes bytes);

/**
 * Whether it fits and is worth a walk: everything that can be told by following one pointer at
 * most. Safe from several threads.
 */
bool hc_form_likely(enum hc_form form, const struct hc_heap *heap, const struct hc_head *head);

/**
 * Walk it. Where claims are kept, all chunks of a container are claimed when it is one, and none
 * when it isn't.
 *
 * @return false: it is not a container of that form, or the budget is spent
 */
bool hc_form_prove(enum hc_form form, struct hc_container_reader *reader,
		   const struct hc_head *head, struct hc_container *ret);

/** @name For the walks: a chunk that something of a container must start */
/**@{*/

struct hc_part {
	struct hc_chunk chunk;
	struct hc_bytes bytes;
	uint64_t min, max; /**< bytes that were asked for, at least and at most */
};

/** The chunk in use that starts at an address, with at least @p size bytes. */
bool hc_part_read(const struct hc_heap *heap, uint64_t address, uint64_t size, struct hc_part *ret);

/** A word of it; @p index below its size in words. */
uint64_t hc_part_word(const struct hc_heap *heap, const struct hc_part *part, size_t index);

/** Whether exactly so many bytes may have been asked for. */
static inline bool hc_part_asked(const struct hc_part *part, uint64_t bytes)
{
	return bytes >= part->min && bytes <= part->max;
}

/** Claim a chunk. @return false: another container has it */
bool hc_claim(const struct hc_container_reader *reader, const struct hc_chunk *chunk);
void hc_unclaim(const struct hc_container_reader *reader, const struct hc_chunk *chunk);
bool hc_is_claimed(const struct hc_container_reader *reader, const struct hc_chunk *chunk);
/**@}*/

/** @name The proofs; nodes.c and bodies.c */
/**@{*/
typedef bool (*hc_prove_fn)(struct hc_container_reader *reader, const struct hc_head *head,
			    struct hc_container *ret);

bool hc_prove_std_tree(struct hc_container_reader *reader, const struct hc_head *head,
		       struct hc_container *ret);
bool hc_prove_cxx_tree(struct hc_container_reader *reader, const struct hc_head *head,
		       struct hc_container *ret);
bool hc_prove_hash(struct hc_container_reader *reader, const struct hc_head *head,
		   struct hc_container *ret);
bool hc_prove_list(struct hc_container_reader *reader, const struct hc_head *head,
		   struct hc_container *ret);
bool hc_prove_std_deque(struct hc_container_reader *reader, const struct hc_head *head,
			struct hc_container *ret);
bool hc_prove_cxx_deque(struct hc_container_reader *reader, const struct hc_head *head,
			struct hc_container *ret);
bool hc_prove_vector(struct hc_container_reader *reader, const struct hc_head *head,
		     struct hc_container *ret);
bool hc_prove_std_string(struct hc_container_reader *reader, const struct hc_head *head,
			 struct hc_container *ret);
bool hc_prove_cxx_string(struct hc_container_reader *reader, const struct hc_head *head,
			 struct hc_container *ret);
bool hc_prove_short(struct hc_container_reader *reader, const struct hc_head *head,
		    struct hc_container *ret);
bool hc_prove_vec(struct hc_container_reader *reader, const struct hc_head *head,
		  enum hc_vec_order order, struct hc_container *ret);
bool hc_prove_swiss(struct hc_container_reader *reader, const struct hc_head *head,
		    struct hc_container *ret);
/**@}*/

#endif
