/**
 * @file
 * Leaks: lost chunks, grouped so that a person can act on them.
 *
 * A *group* is the set of root objects (leak_kinds.h) of one chunk size that look alike,
 * together with everything below them. A few objects that are larger by the slack that malloc may
 * leave count with their kind. They look alike when they are objects of the same type, or all have
 * none, when their own bytes are of the same textual class, or of none, and what their trees are
 * about is of the same, too; structural classes (pointers,
 * small integers, zero…) change with the state of an object and don't tell groups apart. A lost
 * tree hangs below exactly one root object: an indirect chunk that several roots reach is counted
 * with the one at the lowest address. Groups are ordered by the bytes that they and everything
 * below them hold.
 *
 * A few objects in many look otherwise by chance: a counter whose bytes happen to be letters, a
 * buffer that is still empty. Where they have size and type in common with a group of a hundred
 * times as many, or one alone with a group of many, and that group has no textual class, they are
 * of it.
 *
 * The classes of the chunks *below* matter more than that of the root object, which usually is a
 * struct: the "content" of a group is, of the textual classes among all its chunks, the one that
 * has precedence (hc_class_precedes()): a small Redis command rather than a large JSON text that
 * answered it. Where there is no text, it is the structural class (or "other") with the most bytes.
 *
 * Needs hc_reachability_run() first.
 */
#ifndef HC_ANALYZERS_LEAKS_LEAKS_H
#define HC_ANALYZERS_LEAKS_LEAKS_H

#include "analyzers/count.h"
#include "analyzers/select/selection.h"
#include "analyzers/target.h"

/** Chunks of one (size, class, root or indirect) within a group. */
struct hc_leak_row {
	uint64_t size; /**< chunk size */
	hc_class_id class_id;
	bool indirect; /**< below a root object */
	struct hc_count count;
	uint64_t sample; /**< user address of one of them */
};

struct hc_leak_group {
	uint64_t root_size;     /**< chunk size of the root objects */
	hc_class_id root_class; /**< of most root objects */
	hc_type_id root_type;   /**< of all root objects */
	struct hc_count roots;
	struct hc_count below;
	hc_class_id content;           /**< the class that attributes the group */
	struct hc_count content_count; /**< chunks of it, roots and below */
	uint64_t roots_with_content;   /**< root objects that hold such a chunk, or are one */
	uint64_t sample_root; /**< user address of the root object with the lowest address */
	/**
	 * A chunk of @ref content: below @ref sample_root or itself, or in the first tree that has
	 * one.
	 */
	uint64_t sample_content;
	struct hc_leak_row *rows; /**< most bytes first */
	size_t num_rows;
	uint64_t num_arenas; /**< arenas that hold root objects; all mmapped chunks together count
				as one */
};

struct hc_leaks {
	struct hc_leak_group *groups; /**< most bytes first; number 1 is groups[0] */
	size_t num_groups;
	struct hc_count definite, indirect; /**< chunks of all groups, by what points to them */
	struct hc_count suppressed;         /**< lost, too, but in no group and in none of these */
	struct hc_count possible;    /**< possible chunks of the selection; not in the groups */
	struct hc_leak_index *index; /**< private: the lost chunks, classified */
	struct hc_leak_fold *folds;  /**< private: what looks otherwise by chance */
	size_t num_folds;
};

/**
 * Find the groups. Chunks are classified with process->jobs threads.
 *
 * @param classifier must outlive the result
 * @param types      the same; NULL: root objects have no types
 * @param selection only trees that are in it open or join a group, as hc_leak_trees_run() has it;
 * NULL: all. Must outlive the result
 */
struct hc_error *hc_leaks_run(struct hc_target *target, const struct hc_selection *selection,
			      struct hc_leaks *ret);
void hc_leaks_deinit(struct hc_leaks *leaks);

/** Root objects of all groups. More or fewer than definite chunks where kinds say so
 * (leak_kinds.h). */
uint64_t hc_leaks_num_roots(const struct hc_leaks *leaks);

/**
 * Call @p fn for each chunk of group @p number (from 1): first all root objects, then all chunks
 * below them, both in address order, until it returns false. @ref HC_ERROR_ARGUMENT when there is
 * no such group.
 */
typedef bool (*hc_leak_chunk_fn)(void *ctx, const struct hc_chunk *chunk, bool indirect);
struct hc_error *hc_leaks_each(const struct hc_leaks *leaks, size_t number, hc_leak_chunk_fn fn,
			       void *ctx);

/** Groups that hc_leaks_walk() can tell apart. */
#define HC_LEAKS_MAX_WALK 15

/**
 * Call @p fn for each chunk of the groups 1 to @p num (at most HC_LEAKS_MAX_WALK), in one pass over
 * all of them: tree by tree in address order of the root objects, the root object of a tree first.
 */
typedef struct hc_error *(*hc_leak_walk_fn)(void *ctx, size_t number, const struct hc_chunk *chunk,
					    hc_class_id class_id, bool indirect);
struct hc_error *hc_leaks_walk(const struct hc_leaks *leaks, size_t num, hc_leak_walk_fn fn,
			       void *ctx);

#endif
