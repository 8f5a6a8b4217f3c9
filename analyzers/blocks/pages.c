/**
 * @file
 * Pages of mappings as blocks.
 */
#include "analyzers/blocks/pages.h"

#include <elf.h>
#include <stdlib.h>

#include "core/base/array.h"

/** Halve what is kept, and from here on take half as many. */
static void thin_out(struct hc_pages *pages, uint64_t *step)
{
	struct hc_block_set *set = &pages->set;

	for (size_t i = 0; 2 * i < set->num; i++)
		set->addresses[i] = set->addresses[2 * i];
	set->num = (set->num + 1) / 2;
	*step *= 2;
}

/** A page that was touched. HC_BLOCKS_MAX is even, so that one that thins out is itself taken. */
static struct hc_error *add_page(struct hc_pages *pages, uint64_t address, uint64_t *step)
{
	struct hc_block_set *set = &pages->set;

	if (pages->touched++ % *step)
		return NULL;
	if (set->num == HC_BLOCKS_MAX)
		thin_out(pages, step);
	struct hc_error *err = hc_array_reserve(&set->addresses, set->num, sizeof(*set->addresses));
	if (!err)
		set->addresses[set->num++] = address;
	return err;
}

static struct hc_error *add_mapping(const struct hc_process *process,
				    const struct hc_mapping *mapping, struct hc_pages *pages,
				    uint64_t *step)
{
	uint64_t page = pages->set.size, pos = mapping->start, before = pages->touched;
	struct hc_piece piece;

	while (hc_memory_next_data(&process->memory, &pos, mapping->end, UINT64_MAX, &piece)) {
		uint64_t skip = -piece.start & (page - 1);

		for (; skip < piece.bytes.size && piece.bytes.size - skip >= page; skip += page) {
			struct hc_error *err =
				hc_is_zero((struct hc_bytes){piece.bytes.data + skip, page})
					? NULL
					: add_page(pages, piece.start + skip, step);

			if (err)
				return err;
		}
	}
	pages->mappings += pages->touched > before;
	return NULL;
}

struct hc_error *hc_pages_find(const struct hc_process *process, uint64_t kinds,
			       struct hc_pages *ret)
{
	struct hc_pages pages = {.set.size = hc_core_page_size(process->core)};
	uint64_t step = 1;

	for (size_t i = 0; i < process->mappings.num; i++) {
		const struct hc_mapping *mapping = &process->mappings.items[i];
		bool chosen = kinds ? kinds >> mapping->kind & 1 : mapping->flags & PF_W;
		struct hc_error *err = chosen ? add_mapping(process, mapping, &pages, &step) : NULL;

		if (err) {
			hc_pages_deinit(&pages);
			return err;
		}
	}
	pages.set.bytes = pages.set.num * pages.set.size;
	pages.set.mappings = pages.mappings;
	*ret = pages;
	return NULL;
}

void hc_pages_deinit(struct hc_pages *pages)
{
	free(pages->set.addresses);
	*pages = (struct hc_pages){0};
}
