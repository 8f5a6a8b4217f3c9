/**
 * @file
 * What the parts of libheapcore share: the open core, and how calls on it begin and end.
 *
 * The library is a thin layer: it copies what analyzers say into structs that keep their shape from
 * release to release. Every function that reads the core is a *call*:
 *
 *     struct hc_call call;
 *     struct heapcore_error *failed = hc_call_begin(&call, core);
 *
 *     if (failed)
 *             return failed;
 *     return hc_call_end(&call, do_it(core, …));
 *
 * so that calls take turns, faults are the core's (guard.h), and the internal error becomes one of
 * the library's. A call within a callback of another one is fine.
 */
#ifndef HC_LIB_LIBRARY_H
#define HC_LIB_LIBRARY_H

#include <pthread.h>

#include "analyzers/count.h"
#include "analyzers/select/selection.h"
#include "analyzers/target.h"
#include "lib/guard.h"
#include "lib/heapcore.h"

struct hc_answers;

struct heapcore {
	struct hc_target *target;
	struct hc_signatures
		*signatures; /**< with files of the caller's; NULL: the built-in ones */
	struct heapcore_info info;
	struct heapcore_heap heap; /**< num_arenas and the rest, once has_heap */
	char *allocator;           /**< heap.allocator */
	bool has_heap;
	struct hc_slice *slices; /**< of the heap, by address, once has_heap */
	size_t num_slices;
	struct hc_answers *answers; /**< what was computed and is kept; answers.h */
	struct hc_guard guard;
	bool guarded;          /**< the guard is in use */
	pthread_mutex_t turn;  /**< recursive: of the call that runs */
	bool has_turn;         /**< the mutex is there */
	unsigned depth;        /**< calls within each other */
	atomic_bool cancelled; /**< the call is to end */
	char **strings;        /**< copies of what options name */
	size_t num_strings;
};

/** @name Calls */
/**@{*/

struct hc_call {
	struct heapcore *core;
	struct hc_guard_frame frame;
};

struct heapcore_error *hc_call_begin(struct hc_call *call, struct heapcore *core);
/** @param err what came of it; the call's from now on. NULL: all went well */
struct heapcore_error *hc_call_end(struct hc_call *call, struct hc_error *err);

/** An error of the library's that says what @p err does, which it takes. NULL for NULL. */
struct heapcore_error *hc_call_error(struct hc_error *err);
/**@}*/

/** @name Structs that begin with their size */
/**@{*/

/**
 * A copy of what the caller gave, as long as ours: what an older caller lacks is zero.
 *
 * @param given     begins with its size; NULL: all is zero
 * @param[out] ret  of @p size bytes
 * @return @ref HC_ERROR_ARGUMENT for a size that can be none
 */
struct hc_error *hc_take_struct(const void *given, void *ret, size_t size);

/** Copy ours to the caller's, as far as that goes; its size stays. */
struct hc_error *hc_give_struct(const void *ours, void *given, size_t size);
/**@}*/

/** @name Chunks */
/**@{*/

/** The heap, with everything in struct heapcore that is known once it is walked. */
struct hc_error *hc_core_heap(struct heapcore *core, const struct hc_heap **ret);

/** The chunk that an address is in; @ref HC_ERROR_ARGUMENT. Reachability is known then. */
struct hc_error *hc_core_chunk(struct heapcore *core, uint64_t address, struct hc_chunk *ret);

void hc_fill_chunk(const struct heapcore *core, const struct hc_chunk *chunk,
		   struct heapcore_chunk *ret);

static inline struct heapcore_count hc_public_count(struct hc_count count)
{
	return (struct heapcore_count){count.chunks, count.bytes};
}

/**
 * What the caller selects, prepared. @param[out] ret to be deinitialised, also after a failure
 */
struct hc_error *hc_core_select(struct heapcore *core, const struct heapcore_select *select,
				struct hc_selection *ret);

/** Name of a class; NULL for @ref HC_CLASS_NONE. */
const char *hc_core_class_name(const struct heapcore *core, hc_class_id class_id);
/** Name of a type; NULL for @ref HC_TYPE_NONE. */
const char *hc_core_type_name(struct hc_types *types, hc_type_id type);
/**@}*/

#endif
