/**
 * @file
 * PHP's Zend MM, 7.0 to 8.4.
 *
 * Zend/zend_alloc.c: chunks of 2 MiB, aligned to it, in a ring. A chunk's header: heap +0, next +8,
 * previous +16, free pages u32 +24. The heap (struct _zend_mm_heap) is the main chunk's heap_slot,
 * at +64 of it: that is what every chunk's first word leads to. Of the heap: size +16, peak +24;
 * main_chunk at +328 (8.2) or +336 (8.4) and nearby in others, found by its value; before it the
 * list of huge blocks (address +0, size +8, next +16 of each), behind it the cached chunks and the
 * number of chunks, and 56 bytes before it the bytes that were mapped.
 */
#include <inttypes.h>

#include "analyzers/owners/survey.h"
#include "core/base/array.h"
#include "core/base/format.h"

#define CHUNK (UINT64_C(2) << 20)
#define MAX_HUGE 1000000

struct zend {
	struct hc_survey *survey;
	const struct hc_memory *memory;
	uint64_t heap, main;
	uint64_t chunks, cached, huge, huge_bytes;
	uint64_t at_main; /**< address of heap->main_chunk; 0: not found */
};

static bool in_list(const struct hc_page_list *list, uint64_t address)
{
	size_t low = hc_lower_bound(list->num, i, list->items[i] < address);

	return low < list->num && list->items[low] == address;
}

/** The ring of chunks leads from the main chunk to itself, and back over the same. */
static bool count_ring(struct zend *zend)
{
	const struct hc_page_list *list = &zend->survey->pages[HC_PAGE_ZEND];
	uint64_t chunk = zend->main, next, prev, heap;

	for (size_t i = 0; i <= list->num; i++) {
		if (!in_list(list, chunk) || !hc_memory_word(zend->memory, chunk, &heap) ||
		    heap != zend->heap || !hc_memory_word(zend->memory, chunk + 8, &next) ||
		    !hc_memory_word(zend->memory, next + 16, &prev) || prev != chunk)
			return false;
		zend->chunks++;
		chunk = next;
		if (chunk == zend->main)
			return true;
	}
	return false;
}

static void find_main_field(struct zend *zend)
{
	uint64_t word;

	for (uint64_t offset = 200; offset <= 400 && !zend->at_main; offset += 8)
		if (hc_memory_word(zend->memory, zend->heap + offset, &word) && word == zend->main)
			zend->at_main = zend->heap + offset;
}

static struct hc_error *claim_ring(struct zend *zend)
{
	uint64_t chunk = zend->main;
	struct hc_error *err = NULL;

	for (uint64_t i = 0; !err && i < zend->chunks; i++) {
		err = hc_survey_claim(zend->survey, chunk, chunk + CHUNK);
		if (!hc_memory_word(zend->memory, chunk + 8, &chunk))
			break;
	}
	return err;
}

static struct hc_error *claim_cached(struct zend *zend)
{
	uint64_t chunk = 0;
	struct hc_error *err = NULL;

	if (zend->at_main)
		hc_memory_word(zend->memory, zend->at_main + 8, &chunk);
	for (; !err && chunk && !(chunk & (CHUNK - 1)) && zend->cached < 4096; zend->cached++) {
		err = hc_survey_claim(zend->survey, chunk, chunk + CHUNK);
		if (!hc_memory_word(zend->memory, chunk + 8, &chunk))
			break;
	}
	return err;
}

static struct hc_error *claim_huge(struct zend *zend)
{
	uint64_t block = 0, address, size;
	struct hc_error *err = NULL;

	if (zend->at_main)
		hc_memory_word(zend->memory, zend->at_main - 8, &block);
	while (!err && block && zend->huge < MAX_HUGE &&
	       hc_memory_word(zend->memory, block, &address) &&
	       hc_memory_word(zend->memory, block + 8, &size) && !(address & (CHUNK - 1)) && size &&
	       size < UINT64_C(1) << 46 && address + size > address) {
		err = hc_survey_claim(zend->survey, address, address + size);
		zend->huge++;
		zend->huge_bytes += size;
		if (!hc_memory_word(zend->memory, block + 16, &block))
			break;
	}
	return err;
}

static struct hc_error *report(struct zend *zend)
{
	struct hc_owner *owner;
	uint64_t size = 0, real = 0;
	struct hc_error *err = hc_survey_add(zend->survey, "php", "PHP's own heap (Zend MM)",
					     hc_format("a ring of %" PRIu64
						       " chunks of 2 MiB, each naming its heap",
						       zend->chunks),
					     &owner);

	if (err)
		return err;
	find_main_field(zend);
	if ((err = claim_ring(zend)) || (err = claim_cached(zend)) || (err = claim_huge(zend)))
		return err;
	owner->heap = true;
	hc_owner_count(owner, "chunks", zend->chunks);
	hc_owner_count(owner, "cached chunks", zend->cached);
	hc_owner_count(owner, "huge blocks", zend->huge);
	hc_owner_count_bytes(owner, "bytes in huge blocks", zend->huge_bytes);
	if (zend->at_main && hc_memory_word(zend->memory, zend->heap + 16, &size))
		hc_owner_count_bytes(owner, "bytes in use", size);
	if (zend->at_main && hc_memory_word(zend->memory, zend->at_main - 56, &real))
		hc_owner_count_bytes(owner, "bytes from the system", real);
	return NULL;
}

struct hc_error *hc_probe_zend(struct hc_survey *survey)
{
	const struct hc_page_list *list = &survey->pages[HC_PAGE_ZEND];
	struct hc_error *err = NULL;

	for (size_t i = 0; !err && i < list->num; i++) {
		struct zend zend = {.survey = survey, .memory = survey->memory};
		zend.main = list->items[i];
		/* The main chunk holds the heap; thread-safe builds have one a thread. */
		if (!hc_memory_word(survey->memory, zend.main, &zend.heap) ||
		    zend.heap != zend.main + 64 || !count_ring(&zend))
			continue;
		err = report(&zend);
	}
	return err;
}
