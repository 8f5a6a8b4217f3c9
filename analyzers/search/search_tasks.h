/**
 * @file
 * Cutting what is to be searched into tasks, the same way whatever the number of jobs.
 *
 * A task is a slice of the heap, searched chunk by chunk; or a *window*, a part of one long
 * subject: of a contiguous piece of a mapping, or of a chunk so large that one thread would search
 * it while the others wait. A window of a mapping sees HC_SEARCH_OVERLAP bytes on both sides; a
 * window of a chunk sees all of the chunk, whose matches must be those that one pass over it would
 * find.
 *
 * Tasks are in the order of addresses. Within a slice only its last chunk can be larger than the
 * slice; when it is of windows, the slice ends before it.
 */
#ifndef HC_ANALYZERS_SEARCH_SEARCH_TASKS_H
#define HC_ANALYZERS_SEARCH_SEARCH_TASKS_H

#include "analyzers/search/search.h"
#include "analyzers/select/selection.h"

/** Bytes of a slice or a window. */
#define HC_SEARCH_TASK_BYTES (1u << 20)
/** Usable bytes from which on a chunk is searched in windows. */
#define HC_SEARCH_LARGE_CHUNK (4u << 20)

/** A part of a subject: matches that are tried in [start, end) are its own. */
struct hc_search_window {
	const struct hc_mapping *mapping; /**< NULL: a chunk */
	struct hc_chunk chunk;            /**< unless in a mapping */
	uint64_t address;                 /**< of the subject's first byte */
	struct hc_bytes subject;
	uint64_t start, end; /**< addresses */
	bool continues;      /**< the task before is a window of the same piece or chunk */
	bool last;           /**< of a chunk: a match of nothing may also be tried at its end */
};

struct hc_search_task {
	bool is_slice;
	union {
		struct hc_slice slice;
		struct hc_search_window window;
	};
};

/** What is to be cut. */
struct hc_search_cutting {
	const struct hc_process *process;
	const struct hc_heap *heap; /**< NULL: none, unless the scope is HC_SEARCH_CHUNKS */
	/** The scope; with an attribute, which lies at the beginning of a chunk, no chunk is cut.
	 */
	const struct hc_search_options *options;
	/** Of chunks, prepared; large chunks that are not in it get no windows. */
	const struct hc_selection *selection;
};

/** Cut. @param[out] ret array, freed by the caller */
struct hc_error *hc_search_cut(const struct hc_search_cutting *cutting, struct hc_search_task **ret,
			       size_t *num_ret);

#endif
