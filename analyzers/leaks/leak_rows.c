/**
 * @file
 * Rows of lost chunks: open addressing, at most half full.
 */
#include "analyzers/leaks/leak_rows.h"

#include <stdlib.h>

void hc_leak_rows_deinit(struct hc_leak_rows *rows)
{
	free(rows->items);
	free(rows->slots);
}

static bool is_same(const struct hc_leak_rows_item *item, uint32_t group,
		    const struct hc_leak_row *row)
{
	return item->group == group && item->row.size == row->size &&
	       item->row.class == row->class && item->row.indirect == row->indirect;
}

/** The slot of a row: where it is, or the empty one where it belongs. */
static uint32_t find_slot(const struct hc_leak_rows *rows, uint32_t group,
			  const struct hc_leak_row *row)
{
	uint32_t mask = rows->capacity * 2 - 1;
	uint64_t key =
		row->size ^ (uint64_t)group << 40 ^ (uint64_t)row->class << 1 ^ row->indirect;
	uint32_t slot = (key * UINT64_C(0x9e3779b97f4a7c15) >> 32) & mask;

	while (rows->slots[slot] && !is_same(&rows->items[rows->slots[slot] - 1], group, row))
		slot = (slot + 1) & mask;
	return slot;
}

static struct hc_error *grow(struct hc_leak_rows *rows)
{
	size_t capacity = rows->capacity ? rows->capacity * 2 : 32;
	struct hc_leak_rows_item *items = reallocarray(rows->items, capacity, sizeof(*items));

	if (!items)
		return &hc_enomem;
	rows->items = items;
	uint32_t *slots = calloc(capacity * 2, sizeof(*slots));

	if (!slots)
		return &hc_enomem;
	free(rows->slots);
	rows->slots = slots;
	rows->capacity = capacity;
	for (size_t i = 0; i < rows->num; i++) {
		items[i].slot = find_slot(rows, items[i].group, &items[i].row);
		slots[items[i].slot] = i + 1;
	}
	return NULL;
}

struct hc_error *hc_leak_rows_add(struct hc_leak_rows *rows, uint32_t group,
				  const struct hc_leak_row *row)
{
	if (rows->num == rows->capacity) {
		struct hc_error *err = grow(rows);

		if (err)
			return err;
	}
	uint32_t slot = find_slot(rows, group, row);

	if (rows->slots[slot]) {
		struct hc_count *count = &rows->items[rows->slots[slot] - 1].row.count;

		count->chunks += row->count.chunks;
		count->bytes += row->count.bytes;
		return NULL;
	}
	rows->items[rows->num] = (struct hc_leak_rows_item){group, slot, *row};
	rows->slots[slot] = ++rows->num;
	return NULL;
}

void hc_leak_rows_clear(struct hc_leak_rows *rows)
{
	for (size_t i = 0; i < rows->num; i++)
		rows->slots[rows->items[i].slot] = 0;
	rows->num = 0;
}
