/**
 * @file
 * What a core knows of the mappings of a snapshot of the same process.
 *
 * Of a snapshot alone, what is a thread's arena or stack is a guess, and whose it is nobody knows.
 * A core that was taken before or after tells: rows get its kind and its note ("arena 3 (thread
 * 4711)"), by most overlap, and those of threads the function that these began in.
 */
#ifndef HC_ANALYZERS_DIFF_MAPPING_NAMES_H
#define HC_ANALYZERS_DIFF_MAPPING_NAMES_H

#include "analyzers/inspect/thread_names.h"
#include "core/process/mapping.h"

struct hc_mapping_names {
	/** Of each row: what the threads that it belongs to are called; NULL: not known, or none */
	const char **items;
	struct hc_thread_names threads;
};

/**
 * @param target a core of the same process, with its heap if there is one
 * @param[in,out] mappings from a snapshot; rows are not split
 */
struct hc_error *hc_mapping_names_run(struct hc_target *target, struct hc_mappings *mappings,
				      struct hc_mapping_names *ret);
void hc_mapping_names_deinit(struct hc_mapping_names *names);

#endif
