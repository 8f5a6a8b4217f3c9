/**
 * @file
 * Rows of lost chunks.
 */
#include "analyzers/leaks/leak_rows.h"
#include "core/base/array.h"

#include <stdlib.h>

void hc_leak_rows_deinit(struct hc_leak_rows *rows)
{
	free(rows->items);
	hc_hash_deinit(&rows->table);
}

static bool is_same(const struct hc_leak_rows_item *item, uint32_t group,
		    const struct hc_leak_row *row)
{
	return item->group == group && item->row.size == row->size &&
	       item->row.class_id == row->class_id && item->row.indirect == row->indirect;
}

static uint64_t hash_row(uint32_t group, const struct hc_leak_row *row)
{
	return hc_hash_mix(row->size ^ (uint64_t)group << 40 ^ (uint64_t)row->class_id << 1 ^
			   row->indirect);
}

static uint64_t hash_item(const struct hc_leak_rows_item *item)
{
	return hash_row(item->group, &item->row);
}

struct hc_error *hc_leak_rows_add(struct hc_leak_rows *rows, uint32_t group,
				  const struct hc_leak_row *row)
{
	struct hc_error *err =
		hc_hash_reserve(&rows->table, rows->num, i, hash_item(&rows->items[i]));

	if (err)
		return err;
	uint32_t *slot = hc_hash_find(&rows->table, hash_row(group, row), i,
				      is_same(&rows->items[i], group, row));

	if (*slot) {
		hc_count_add(&rows->items[*slot - 1].row.count, &row->count);
		return NULL;
	}
	err = hc_array_regrow(&rows->items, rows->num, &rows->capacity, sizeof(*rows->items));
	if (err)
		return err;
	rows->items[rows->num] = (struct hc_leak_rows_item){group, *row};
	*slot = ++rows->num;
	return NULL;
}

void hc_leak_rows_clear(struct hc_leak_rows *rows)
{
	hc_hash_clear(&rows->table, rows->num, i, hash_item(&rows->items[i]));
	rows->num = 0;
}
