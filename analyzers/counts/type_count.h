/**
 * @file
 * How many chunks of each type.
 */
#ifndef HC_ANALYZERS_COUNTS_TYPE_COUNT_H
#define HC_ANALYZERS_COUNTS_TYPE_COUNT_H

#include "analyzers/count.h"
#include "analyzers/select/selection.h"
#include "analyzers/target.h"

/** Chunks of one type. */
struct hc_type_count {
	hc_type_id type;
	struct hc_kind_count count;
	/** @name Of types whose objects do not start their chunk (hc_type_find_objects()) */
	/**@{*/
	uint64_t objects; /**< in all of these; 0: it is another type */
	uint64_t offset;  /**< of the first one in its chunk; UINT64_MAX: it differs */
			  /**@}*/
};

struct hc_type_table {
	struct hc_type_count *rows; /**< most bytes first, then by name; without HC_TYPE_NONE */
	size_t num_rows;
	struct hc_count total; /**< of the selection */
	struct hc_count typed; /**< of these, with a type */
	struct hc_count typed_leaked;
	bool has_leaked;
};

/** Count the types of a selection (prepared; NULL: all in use), with process->jobs threads. */
struct hc_error *hc_types_count(struct hc_target *target, const struct hc_selection *selection,
				struct hc_type_table *ret);
void hc_type_table_deinit(struct hc_type_table *table);

#endif
