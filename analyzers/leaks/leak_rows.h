/**
 * @file
 * Counts of lost chunks by (group, size, class, root or indirect): a hash table of rows.
 *
 * One tree of lost chunks is added up in a table of its own (where the group is always 0), which is
 * emptied for the next tree; then it is added to the table of all groups. So emptying must cost no
 * more than filling did.
 */
#ifndef HC_ANALYZERS_LEAKS_LEAK_ROWS_H
#define HC_ANALYZERS_LEAKS_LEAK_ROWS_H

#include "analyzers/leaks/leaks.h"
#include "core/base/hash.h"

struct hc_leak_rows_item {
	uint32_t group;
	struct hc_leak_row row;
};

/** All zero is an empty table. */
struct hc_leak_rows {
	struct hc_leak_rows_item *items; /**< in the order in which they came up */
	size_t num, capacity;
	struct hc_hash table; /**< private */
};

void hc_leak_rows_deinit(struct hc_leak_rows *rows);

/**
 * Add counts to the row of @p row's size, class and depth; its sample is used when the row is new.
 */
struct hc_error *hc_leak_rows_add(struct hc_leak_rows *rows, uint32_t group,
				  const struct hc_leak_row *row);

/** Forget all rows, at a cost that depends on their number only. */
void hc_leak_rows_clear(struct hc_leak_rows *rows);

#endif
