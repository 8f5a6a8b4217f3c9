/**
 * @file
 * Everything that heapcore does with a core, in one call, for fuzzing and for the fault matrix.
 *
 * Whatever the core holds, these calls must end soon, without a crash and without a sanitizer's
 * report. Where the parts of an answer must add up, that is asserted here too.
 */
#ifndef HC_TESTS_FUZZ_PIPELINE_H
#define HC_TESTS_FUZZ_PIPELINE_H

#include <stdbool.h>

enum pipeline_outcome {
	PIPELINE_REFUSED, /**< the core can't be opened */
	PIPELINE_NO_HEAP, /**< it can, but no heap is recognised */
	PIPELINE_PARTIAL, /**< analyzed, and called partial */
	PIPELINE_WHOLE,   /**< analyzed, nothing is said to be missing */
};

/** Open the core at @p path and run every analyzer on it. Files that it names are not looked at. */
enum pipeline_outcome pipeline_run(const char *path);

/** Open the core only: headers, notes, segments, mappings, modules, threads. */
enum pipeline_outcome pipeline_open(const char *path);

#endif
