/**
 * @file
 * heapcore diff: what its two files share.
 */
#ifndef HC_CMD_VERBS_DIFF_VIEW_H
#define HC_CMD_VERBS_DIFF_VIEW_H

#include "analyzers/diff/heap_diff.h"
#include "analyzers/diff/mapping_diff.h"
#include "analyzers/diff/mapping_names.h"
#include "cmd/session.h"

/** What the verdict on two moments is: words of the output contract. */
enum hc_trend {
	HC_TREND_LEAK,
	HC_TREND_GROWTH,
	HC_TREND_STEADY,
	HC_TREND_SHRINKING,
	HC_NUM_TRENDS
};

/** Where memory is, from one moment to the other. */
enum hc_diff_place {
	HC_DIFF_LOST,
	HC_DIFF_HELD,
	HC_DIFF_FREE,
	HC_DIFF_OUTSIDE,
	HC_NUM_DIFF_PLACES
};

/** One of the files. */
struct hc_moment {
	const char *path;
	struct hc_target *target;    /**< of a core; else NULL */
	struct hc_snapshot snapshot; /**< in place of a core */
	struct hc_mappings own;      /**< of the snapshot */
	const struct hc_mappings *mappings;
	struct hc_mapping_names names; /**< of @ref own, with --core */
	int64_t time; /**< of the file's last change, seconds; 0: a pipe, not known */
};

struct hc_diff_view {
	struct hc_session *session;
	struct hc_moment moments[HC_DIFF_MAX_CORES]; /**< oldest first */
	unsigned num;
	bool cores; /**< all are; then heap is filled in */
	bool same_process;
	bool sums; /**< one is a smaps_rollup, at least: mappings can't be told apart */
	struct hc_heap_diff heap;
	struct hc_mapping_diff mappings; /**< of the first and the last */
	uint64_t top;
	enum hc_diff_by by; /**< how heaps are put together */
	/** Bytes of each place in the first moment and in the last. */
	uint64_t places[HC_NUM_DIFF_PLACES][2];
	int64_t growth; /**< bytes: chunks in use of cores, anonymous memory of snapshots */
	enum hc_trend trend;
	enum hc_diff_place cause; /**< what grew most, where something did */
};

/** Put it all in a document. */
struct hc_error *hc_diff_describe(const struct hc_diff_view *view, struct hc_document *doc);

extern const struct hc_shape hc_diff_kinds_shape, hc_diff_places_shape, hc_diff_mappings_shape;

#endif
