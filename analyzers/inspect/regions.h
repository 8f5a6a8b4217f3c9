/**
 * @file
 * Mappings that deserve a look, with the reason.
 *
 * A mapping is looked at when it is anonymous and large: 64 MiB, or 5 % of the anonymous bytes and
 * 1 MiB. It is marked when nobody explains it, or when it is a heap and one chunk size or one
 * content class holds at least half of it. What holds a heap is estimated from addresses spread
 * over it (each hits a chunk with a probability that is its share of the bytes), so that this costs
 * milliseconds whatever the size.
 */
#ifndef HC_ANALYZERS_INSPECT_REGIONS_H
#define HC_ANALYZERS_INSPECT_REGIONS_H

#include "analyzers/owners/owners.h"
#include "analyzers/target.h"

struct hc_region_mark {
	const struct hc_mapping *mapping;
	char *reason; /**< "about 98 % of it is chunks of 528 bytes"; "64.0 MiB that no known owner
			 explains" */
	uint64_t chunk_size;  /**< when one chunk size holds most of it, else 0 */
	hc_class_id class_id; /**< when one content class holds most of it, else HC_CLASS_NONE */
};

struct hc_regions {
	struct hc_region_mark *marks; /**< by address */
	size_t num_marks;
};

/** @param owners of memory outside of malloc; NULL: nobody is known */
struct hc_error *hc_regions_run(struct hc_target *target, const struct hc_owners *owners,
				struct hc_regions *ret);
void hc_regions_deinit(struct hc_regions *regions);

#endif
