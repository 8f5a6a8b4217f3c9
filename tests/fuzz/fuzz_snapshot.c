/**
 * @file
 * Fuzz target: saved maps and smaps files and outputs of pmap, and the table of mappings that is made of them.
 */
#include "fuzz.h"

#include <stdlib.h>

#include "core/process/mapping.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hc_bytes file = {.data = data, .size = size};
	struct hc_snapshot snapshot;
	struct hc_mappings mappings;

	hc_snapshot_recognise(file);
	struct hc_error *err = hc_snapshot_parse(file, NULL, &snapshot);
	if (err) {
		hc_error_destroy(err);
		return 0;
	}
	uint64_t end = 0;
	for (size_t i = 0; i < snapshot.num_vmas; i++) {
		if (snapshot.vmas[i].start < end || snapshot.vmas[i].end <= snapshot.vmas[i].start)
			abort(); /* out of order */
		end = snapshot.vmas[i].end;
	}
	err = hc_mappings_from_snapshot(&snapshot, &mappings);
	if (!err) {
		/* As if it were another snapshot of the same process. */
		hc_error_destroy(hc_mappings_annotate(&mappings, &snapshot));
		hc_mappings_deinit(&mappings);
	}
	hc_error_destroy(err);
	hc_snapshot_deinit(&snapshot);
	return 0;
}
