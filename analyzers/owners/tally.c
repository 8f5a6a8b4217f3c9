/**
 * @file
 * Objects counted by type, for runtimes whose objects point to their type.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "analyzers/owners/survey.h"
#include "core/base/cleanup.h"

struct hc_error *hc_type_tally_init(struct hc_type_tally *tally)
{
	*tally = (struct hc_type_tally){.mask = 2 * HC_TYPE_TALLY_MAX - 1};
	tally->slots = calloc(tally->mask + 1, sizeof(*tally->slots));
	return tally->slots ? NULL : &hc_enomem;
}

void hc_type_tally_deinit(struct hc_type_tally *tally)
{
	free(tally->slots);
}

struct hc_type_tally_slot *hc_type_tally_slot(struct hc_type_tally *tally, uint64_t type,
					      bool *new_ret)
{
	uint32_t i = (uint32_t)(type * UINT64_C(0x9e3779b97f4a7c15) >> 40) & tally->mask;

	*new_ret = false;
	if (!type)
		return NULL;
	while (tally->slots[i].type && tally->slots[i].type != type)
		i = (i + 1) & tally->mask;
	if (!tally->slots[i].type) {
		if (tally->num == HC_TYPE_TALLY_MAX)
			return NULL;
		tally->num++;
		tally->slots[i].type = type;
		*new_ret = true;
	}
	return &tally->slots[i];
}

static int by_bytes(const void *a, const void *b)
{
	const struct hc_type_tally_slot *x = a, *y = b;

	if (x->bytes != y->bytes)
		return x->bytes < y->bytes ? 1 : -1;
	return x->type < y->type ? -1 : x->type > y->type;
}

struct hc_error *hc_type_tally_finish(const struct hc_survey *survey, struct hc_type_tally *tally,
				      hc_type_name_fn name, struct hc_owner *owner)
{
	qsort(tally->slots, tally->mask + (size_t)1, sizeof(*tally->slots), by_bytes);
	for (uint32_t i = 0; i <= tally->mask && tally->slots[i].objects; i++) {
		const struct hc_type_tally_slot *slot = &tally->slots[i];
		owner->all_types++;
		if (owner->num_types == HC_OWNER_MAX_TYPES)
			continue;
		char *text = name(survey->memory, slot->type);
		if (!text)
			text = hc_survey_print("type at 0x%llx", (unsigned long long)slot->type);
		if (!text)
			return &hc_enomem;
		owner->types[owner->num_types++] =
			(struct hc_owner_type){text, slot->objects, slot->bytes};
	}
	return NULL;
}

char *hc_survey_text(const struct hc_memory *memory, uint64_t address, size_t max)
{
	struct hc_bytes bytes = hc_memory_view(memory, address, max);
	size_t size = 0;

	while (size < bytes.size && bytes.data[size]) {
		if (!isprint(bytes.data[size]))
			return NULL;
		size++;
	}
	return size ? strndup((const char *)bytes.data, size) : NULL;
}
