/**
 * @file
 * Selection: which chunks a verb works on. Parsed once, the same options for every verb.
 *
 * A selection is a conjunction: a chunk is in it when it passes every filter that was set. --class
 * and --match look into the chunk's bytes and come last. Parsing never prints; a bad value is an
 * error with
 * @ref HC_ERROR_ARGUMENT whose message names the option and what it takes.
 *
 * The order of calls: hc_selection_init(), the parse functions, then, once the heap is open,
 * hc_selection_prepare(); from there on the selection is read-only and may be shared by threads.
 */
#ifndef HC_ANALYZERS_SELECT_SELECTION_H
#define HC_ANALYZERS_SELECT_SELECTION_H

#include "core/heap/heap.h"

struct hc_classifier;
struct hc_pattern;
struct hc_signatures;
struct hc_target;
struct hc_types;

/** Most classes that can be named. */
#define HC_MAX_SELECTED_CLASSES 64
/** Most types that can be named. */
#define HC_MAX_SELECTED_TYPES 64

struct hc_selection {
	uint32_t states;                           /**< bit per hc_state; default: HC_IN_USE only */
	const struct hc_list *lists[HC_MAX_LISTS]; /**< and what is on these */
	unsigned num_lists;
	uint32_t reaches; /**< bit per hc_reach; 0: no filter */
	bool has_size;
	uint64_t min_usable, max_usable; /**< bytes, inclusive */
	bool has_request;
	uint64_t request; /**< bytes: chunks that malloc(request) may have returned */
	bool has_arena;
	uint32_t arena;      /**< index, or HC_ARENA_MMAP */
	const char *thread;  /**< of --thread: a number of the kernel's, or the function that
				threads began in; NULL: no filter; not owned */
	uint64_t *arena_set; /**< bit per arena that such threads allocate from, from
				hc_selection_prepare(); owned */
	bool has_range;
	uint64_t start, end; /**< user addresses in [start, end) */
	bool has_holder;
	uint64_t holder; /**< address: the one chunk whose bytes, header included, hold it */
	const char *class_names[HC_MAX_SELECTED_CLASSES]; /**< of --class; not owned */
	unsigned num_classes;                             /**< 0: no filter */
	uint64_t classes[2];                    /**< bit per class, from hc_selection_prepare() */
	const struct hc_classifier *classifier; /**< the same; not owned */
	const char *type_names[HC_MAX_SELECTED_TYPES]; /**< of --type; not owned */
	unsigned num_types;                            /**< 0: no filter */
	uint64_t *type_set;           /**< bit per hc_type_id, from hc_selection_prepare(); owned */
	const struct hc_types *types; /**< the same; not owned */
	struct hc_pattern *match;     /**< search.h; NULL: no filter; owned */
	const struct hc_pattern *unmatch; /**< chunks with a match of it are out, and those in which
					     it gives up; NULL: no filter; not owned */
	uint64_t *sizes;                  /**< chunk sizes, ascending; owned */
	size_t num_sizes;                 /**< 0: no filter */
	bool by_member;
	uint64_t *members; /**< with by_member: user addresses of these chunks alone, ascending;
			      owned */
	size_t num_members;
	uint64_t limit; /**< chunks to show at most; 0: all. Not a filter: verbs apply it */
};

/** The default: every chunk in use. */
void hc_selection_init(struct hc_selection *selection);
void hc_selection_deinit(struct hc_selection *selection);

/** Whether all classes that were named are in a set of signatures; else @ref HC_ERROR_ARGUMENT. */
struct hc_error *hc_selection_check_classes(const struct hc_selection *selection,
					    const struct hc_signatures *signatures);

/**
 * Give the filters by class, type, reach and arena what they need from the target, once, after all
 * options and before any scratch. Without such a filter there is nothing to do, and no need to call
 * it.
 *
 * @param target must outlive the selection
 * @return also @ref HC_ERROR_ARGUMENT when a name is of no class, or of no type of the process, or
 * when there is no such arena or thread, or when nothing tells which arena a thread has
 */
struct hc_error *hc_selection_prepare(struct hc_selection *selection, struct hc_target *target);

/** --leaked: definite and indirect. */
#define HC_REACH_LEAKED (1u << HC_DEFINITE | 1u << HC_INDIRECT)

/** Whether chunks are filtered by reach. */
static inline bool hc_selection_needs_reach(const struct hc_selection *selection)
{
	return selection->reaches != 0;
}

/**
 * Whether chunks of an arena, or HC_ARENA_MMAP, may be selected. A thread's are those of the arena
 * that its own pointer to one names, whoever allocated them; what it keeps of freed chunks in its
 * cache is there, too, but for what it freed of another arena. Mmapped chunks are no thread's.
 */
static inline bool hc_selection_has_arena(const struct hc_selection *selection, uint32_t arena)
{
	if (selection->has_arena && arena != selection->arena)
		return false;
	if (!selection->thread)
		return true;
	return selection->arena_set && arena != HC_ARENA_MMAP &&
	       selection->arena_set[arena / 64] >> arena % 64 & 1;
}

/** Kinds of chunks of which some may be selected: bits of enum hc_kinds. NULL: all. */
unsigned hc_selection_kinds(const struct hc_selection *selection, const struct hc_heap *heap);

/**
 * Whether all chunks of these kinds are selected and no others, so that the planes decide. Of those
 * not in use, whether the allocator's own are among them is left open. NULL: yes.
 *
 * @param kinds from hc_selection_kinds()
 */
bool hc_selection_is_by_kind(const struct hc_selection *selection, unsigned kinds);

/** Whether a match needs a scratch, for it costs a long look at the chunk's bytes. */
static inline bool hc_selection_needs_content(const struct hc_selection *selection)
{
	return selection->num_classes || selection->match || selection->unmatch;
}

/**
 * Per-thread scratch for content filters; create one per worker. Without content filters (or for a
 * NULL selection) it is NULL, which hc_selection_has() and the destroy function take.
 */
struct hc_selection_scratch;
struct hc_error *hc_selection_scratch_create(const struct hc_selection *selection,
					     struct hc_selection_scratch **ret);
void hc_selection_scratch_destroy(struct hc_selection_scratch *scratch);

/**
 * Whether a chunk is selected. Bytes that --match gives up at PCRE2's limit have no match. With a
 * filter by reach, chunks that are not in use are never selected. Safe from several threads, each
 * with its own scratch.
 */
bool hc_selection_has(const struct hc_selection *selection, const struct hc_heap *heap,
		      const struct hc_chunk *chunk, struct hc_selection_scratch *scratch);

/** Walk the chunks of a slice that are selected. Those that the planes rule out are not visited. */
struct hc_selected_iter {
	struct hc_chunk_iter chunks;
	const struct hc_selection *selection; /**< NULL: kinds decide alone */
	struct hc_selection_scratch *scratch;
};

/**
 * @param selection prepared; NULL: every chunk, whatever its state
 * @param scratch as for hc_selection_has()
 */
void hc_selected_iter_slice(struct hc_selected_iter *iter, const struct hc_heap *heap,
			    struct hc_slice slice, const struct hc_selection *selection,
			    struct hc_selection_scratch *scratch);
bool hc_selected_iter_next(struct hc_selected_iter *iter, struct hc_chunk *ret);

#endif
