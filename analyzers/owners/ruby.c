/**
 * @file
 * Ruby's heap pages, checked on 3.1 (16 KiB) and 3.3 (64 KiB).
 *
 * gc.c: a page is aligned to its size; its first word leads to its struct heap_page, a chunk of
 * malloc: slot size u16 +0, slots u16 +2, first slot +32. A slot's flags are its first word; the
 * low five bits say what it is (include/ruby/internal/value_type.h), 0: free.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "analyzers/owners/survey.h"
#include "core/base/array.h"
#include "core/base/cleanup.h"
#include "core/base/format.h"

/** An interpreter starts with hundreds. */
#define MIN_PAGES 8
#define NUM_TYPES 32

static const char *const type_names[NUM_TYPES] = {
	"T_NONE",    "T_OBJECT",   "T_CLASS",  "T_MODULE", "T_FLOAT", "T_STRING", "T_REGEXP",
	"T_ARRAY",   "T_HASH",     "T_STRUCT", "T_BIGNUM", "T_FILE",  "T_DATA",   "T_MATCH",
	"T_COMPLEX", "T_RATIONAL", "",         "T_NIL",    "T_TRUE",  "T_FALSE",  "T_SYMBOL",
	"T_FIXNUM",  "T_UNDEF",    "",         "",         "",        "T_IMEMO",  "T_NODE",
	"T_ICLASS",  "T_ZOMBIE",   "T_MOVED",  "",
};

struct pages {
	const struct hc_memory *memory;
	uint64_t slots, objects[NUM_TYPES], bytes[NUM_TYPES];
};

static void count_page(struct pages *pages, uint64_t page)
{
	uint64_t info, first, flags;
	uint32_t slots;

	if (!hc_memory_word(pages->memory, page, &info) ||
	    !hc_memory_u32(pages->memory, info, &slots) ||
	    !hc_memory_word(pages->memory, info + 32, &first))
		return;
	uint64_t size = slots & 0xffff, num = slots >> 16;
	pages->slots += num;
	for (uint64_t i = 0; i < num; i++) {
		if (!hc_memory_word(pages->memory, first + i * size, &flags))
			continue;
		pages->objects[flags & 31]++;
		pages->bytes[flags & 31] += size;
	}
}

static int by_bytes(const void *a, const void *b)
{
	const struct hc_owner_type *x = a, *y = b;

	return x->bytes < y->bytes ? 1 : x->bytes > y->bytes ? -1 : strcmp(x->name, y->name);
}

static struct hc_error *add_types(const struct pages *pages, struct hc_owner *owner)
{
	struct hc_owner_type types[NUM_TYPES];
	size_t num = 0;

	for (unsigned i = 1; i < NUM_TYPES; i++)
		if (pages->objects[i] && type_names[i][0])
			types[num++] = (struct hc_owner_type){(char *)type_names[i],
							      pages->objects[i], pages->bytes[i]};
	hc_sort(types, num, by_bytes);
	owner->all_types = num;
	for (size_t i = 0; i < num && i < HC_OWNER_MAX_TYPES; i++) {
		types[i].name = strdup(types[i].name);
		if (!types[i].name)
			return &hc_enomem;
		owner->types[owner->num_types++] = types[i];
	}
	return NULL;
}

static struct hc_error *probe(struct hc_survey *survey, enum hc_page_kind kind, uint64_t size)
{
	const struct hc_page_list *list = &survey->pages[kind];
	struct pages pages = {.memory = survey->memory};
	struct hc_error *err = NULL;
	struct hc_owner *owner;

	if (list->num < MIN_PAGES)
		return NULL;
	for (size_t i = 0; i < list->num; i++)
		count_page(&pages, list->items[i]);
	err = hc_survey_add(survey, "ruby", "Ruby's own heap",
			    hc_format("%zu pages of %" PRIu64
				      " KiB that lead to their descriptions",
				      list->num, size >> 10),
			    &owner);
	for (size_t i = 0; !err && i < list->num; i++)
		err = hc_survey_claim(survey, list->items[i], list->items[i] + size);
	if (err)
		return err;
	owner->heap = true;
	hc_owner_count(owner, "pages", list->num);
	hc_owner_count(owner, "slots", pages.slots);
	hc_owner_count(owner, "free slots", pages.objects[0]);
	return add_types(&pages, owner);
}

struct hc_error *hc_probe_ruby(struct hc_survey *survey)
{
	struct hc_error *err = probe(survey, HC_PAGE_RUBY_16K, 16 << 10);

	return err ? err : probe(survey, HC_PAGE_RUBY_64K, 64 << 10);
}
