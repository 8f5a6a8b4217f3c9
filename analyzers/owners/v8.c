/**
 * @file
 * V8's pages, checked on 11.3 (node 20).
 *
 * src/heap/basic-memory-chunk.h: a page is aligned to 256 KiB: size +0, flags +8, heap +16, begin
 * and end of its area +24 and +32, allocated bytes +40, owning space +64. All pages of one isolate
 * lead to one heap; the pages of a space lead to it.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "analyzers/owners/survey.h"
#include "core/base/array.h"
#include "core/base/cleanup.h"
#include "core/base/format.h"

/** Even an empty isolate has more. */
#define MIN_PAGES 8
#define MAX_SPACES 64

struct page {
	uint64_t address, heap, space, size;
};

static int by_heap(const void *a, const void *b)
{
	const struct page *x = a, *y = b;

	if (x->heap != y->heap)
		return x->heap < y->heap ? -1 : 1;
	return x->address < y->address ? -1 : x->address > y->address;
}

/** Distinct spaces; V8 has about a dozen, and more than MAX_SPACES are not told apart. */
static uint64_t count_spaces(const struct page *pages, size_t num)
{
	uint64_t spaces[MAX_SPACES], seen = 0;

	for (size_t i = 0; i < num && seen < MAX_SPACES; i++) {
		size_t k = 0;
		while (k < seen && spaces[k] != pages[i].space)
			k++;
		if (k == seen)
			spaces[seen++] = pages[i].space;
	}
	return seen;
}

/** All pages of one heap: an isolate. */
static struct hc_error *report(struct hc_survey *survey, const struct page *pages, size_t num)
{
	uint64_t bytes = 0, spaces = count_spaces(pages, num);
	struct hc_owner *owner;
	struct hc_error *err;

	for (size_t i = 0; i < num; i++) {
		bytes += pages[i].size;
	}
	err = hc_survey_add(survey, "v8", "V8's heap (JavaScript)",
			    hc_format("%zu pages of one isolate, which lead to %" PRIu64 " spaces",
				      num, spaces),
			    &owner);
	for (size_t i = 0; !err && i < num; i++)
		err = hc_survey_claim(survey, pages[i].address, pages[i].address + pages[i].size);
	if (err)
		return err;
	owner->heap = true;
	hc_owner_count(owner, "pages", num);
	hc_owner_count(owner, "spaces", spaces);
	hc_owner_count_bytes(owner, "bytes of pages", bytes);
	return NULL;
}

static bool read_page(const struct hc_memory *memory, uint64_t address, struct page *ret)
{
	*ret = (struct page){.address = address};
	return hc_memory_word(memory, address, &ret->size) &&
	       hc_memory_word(memory, address + 16, &ret->heap) &&
	       hc_memory_word(memory, address + 64, &ret->space);
}

struct hc_error *hc_probe_v8(struct hc_survey *survey)
{
	const struct hc_page_list *list = &survey->pages[HC_PAGE_V8];
	hc_cleanup_free struct page *pages = calloc(list->num + 1, sizeof(*pages));
	struct hc_error *err = NULL;
	size_t num = 0;

	if (!pages)
		return &hc_enomem;
	for (size_t i = 0; i < list->num; i++)
		num += read_page(survey->memory, list->items[i], &pages[num]);
	hc_sort(pages, num, by_heap);
	for (size_t i = 0, end; !err && i < num; i = end) {
		for (end = i; end < num && pages[end].heap == pages[i].heap;)
			end++;
		if (end - i >= MIN_PAGES)
			err = report(survey, pages + i, end - i);
	}
	return err;
}
