/**
 * @file
 * What threads are called: by the function that each began in, since a core has no other names.
 *
 * That is what was given to pthread_create(), or main(), as thread_table.h finds it; of C++ without
 * its parameters' allocators and the like (short_name.h).
 */
#ifndef HC_ANALYZERS_INSPECT_THREAD_NAMES_H
#define HC_ANALYZERS_INSPECT_THREAD_NAMES_H

#include "analyzers/target.h"

struct hc_thread_names {
	char **items; /**< of each thread of the process, in its order; NULL: not known. Untrusted
		       */
	size_t num;
};

/** As slow as hc_thread_table_run(). */
struct hc_error *hc_thread_names_run(struct hc_target *target, struct hc_thread_names *ret);
void hc_thread_names_deinit(struct hc_thread_names *names);

/**
 * Whether a thread is meant by a number of the kernel's, or by a name. Of a C++ function also
 * without its parameters.
 */
bool hc_thread_names_match(const struct hc_thread_names *names, const struct hc_threads *threads,
			   size_t i, const char *text);

/** What all threads that use an arena are called; NULL: there are none, or several names. */
const char *hc_thread_names_of_arena(const struct hc_thread_names *names,
				     const struct hc_heap *heap, uint32_t arena);

#endif
