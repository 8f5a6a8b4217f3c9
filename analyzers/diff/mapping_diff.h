/**
 * @file
 * Mappings of two moments of a process, or of two processes of one program, side by side.
 *
 * Of one process, rows are paired by where they are: what overlaps and has the same name and
 * permissions is the same memory, which has grown, shrunk, was split or merged. What is left of
 * either moment is paired when a row of the same name, permissions and size is left of the other:
 * it has moved. The rest is new, or gone.
 *
 * Of two processes addresses say nothing (ASLR), and rows are put together by kind, name and
 * permissions instead.
 *
 * Where one moment names files without their folders, as pmap does, folders don't count.
 *
 * The measure is resident bytes where both moments have them (smaps), else mapped bytes.
 */
#ifndef HC_ANALYZERS_DIFF_MAPPING_DIFF_H
#define HC_ANALYZERS_DIFF_MAPPING_DIFF_H

#include "core/process/mapping.h"

enum hc_mapping_change {
	HC_MAPPING_SAME,
	HC_MAPPING_GROWN,
	HC_MAPPING_SHRUNK,
	HC_MAPPING_MOVED,
	HC_MAPPING_SPLIT,  /**< one became several */
	HC_MAPPING_MERGED, /**< several became one, or were cut up in another way */
	HC_MAPPING_NEW,
	HC_MAPPING_GONE,
	HC_NUM_MAPPING_CHANGES
};

/** "same", "grown", …: the names in JSON. */
const char *hc_mapping_change_name(enum hc_mapping_change change);

/** One moment of a pair. */
struct hc_mapping_side {
	const struct hc_mapping *first; /**< the row of the lowest address; NULL: there is none */
	size_t num;                     /**< rows */
	uint64_t size;                  /**< bytes mapped */
	uint64_t resident;              /**< HC_UNKNOWN_BYTES: not known */
};

struct hc_mapping_pair {
	enum hc_mapping_change change;
	struct hc_mapping_side before, after;
	int64_t growth; /**< bytes, by the measure */
};

struct hc_mapping_diff {
	struct hc_mapping_pair *pairs; /**< by growth, most first; HC_MAPPING_SAME among them */
	size_t num_pairs;
	bool has_resident;                    /**< the measure is resident bytes */
	struct hc_mapping_side before, after; /**< sums; first is NULL */
};

/**
 * Compare. Both tables must outlive the answer.
 *
 * @param same_process whether addresses mean the same in both
 */
struct hc_error *hc_mapping_diff_run(const struct hc_mappings *before,
				     const struct hc_mappings *after, bool same_process,
				     struct hc_mapping_diff *ret);
void hc_mapping_diff_deinit(struct hc_mapping_diff *diff);

/**
 * Whether two tables are of one process, as far as they can tell: files of both that are mapped at
 * one address are the same, and there is at least one.
 */
bool hc_mappings_same_process(const struct hc_mappings *a, const struct hc_mappings *b);

#endif
