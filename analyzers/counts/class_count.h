/**
 * @file
 * How many chunks of each content class.
 */
#ifndef HC_ANALYZERS_COUNTS_CLASS_COUNT_H
#define HC_ANALYZERS_COUNTS_CLASS_COUNT_H

#include "analyzers/count.h"
#include "analyzers/select/selection.h"
#include "analyzers/target.h"

struct hc_class_table {
	struct hc_kind_count classes[HC_MAX_CLASSES];
	struct hc_count total;
	bool has_leaked;
};

/** Count the classes of a selection (prepared; NULL: all in use), with process->jobs threads. */
struct hc_error *hc_classify_run(struct hc_target *target, const struct hc_selection *selection,
				 struct hc_class_table *ret);

#endif
