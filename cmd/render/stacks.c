/**
 * @file
 * Stacks; see stacks.h.
 */
#include "cmd/render/stacks.h"

#include <stdlib.h>

void hc_stacks_deinit(struct hc_stacks *stacks)
{
	free(stacks->items);
	*stacks = (struct hc_stacks){0};
}

size_t hc_stack_of(const struct hc_stacks *stacks, size_t frame, uint32_t *ret)
{
	size_t num = 0;

	for (uint32_t at = frame + 1; at; at = stacks->items[at - 1].caller)
		num++;
	if (ret)
		for (uint32_t at = frame + 1, i = num; at; at = stacks->items[at - 1].caller)
			ret[--i] = at - 1;
	return num;
}

char *hc_stack_name(const struct hc_stacks *stacks, size_t frame, const struct hc_look *look)
{
	struct hc_look plain = *look;

	plain.color = false;
	return hc_cell_to_text(&plain, &stacks->items[frame].name, 0);
}

struct hc_error *hc_stacks_rows_begin(struct hc_rows *rows, const struct hc_document *head)
{
	(void)rows;
	(void)head;
	return NULL;
}

void hc_stacks_row(struct hc_rows *rows, const struct hc_cell *cells)
{
	(void)rows;
	(void)cells;
}

struct hc_error *hc_stacks_rows_end(struct hc_rows *rows, const struct hc_document *foot)
{
	(void)rows;
	(void)foot;
	return NULL;
}
