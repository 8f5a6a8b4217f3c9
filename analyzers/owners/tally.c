/**
 * @file
 * Objects counted by type, for runtimes whose objects point to their type.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#include "analyzers/owners/survey.h"
#include "core/base/array.h"
#include "core/base/cleanup.h"
#include "core/base/format.h"

struct hc_error *hc_type_tally_init(struct hc_type_tally *tally)
{
	*tally = (struct hc_type_tally){.table.num = 2 * HC_TYPE_TALLY_MAX};
	tally->items = calloc(HC_TYPE_TALLY_MAX, sizeof(*tally->items));
	tally->table.slots = calloc(tally->table.num, sizeof(*tally->table.slots));
	return tally->items && tally->table.slots ? NULL : &hc_enomem;
}

void hc_type_tally_deinit(struct hc_type_tally *tally)
{
	free(tally->items);
	hc_hash_deinit(&tally->table);
}

struct hc_type_tally_slot *hc_type_tally_slot(struct hc_type_tally *tally, uint64_t type,
					      bool *new_ret)
{
	uint32_t *slot =
		hc_hash_find(&tally->table, hc_hash_mix(type), i, tally->items[i].type == type);

	*new_ret = false;
	if (!type || (!*slot && tally->num == HC_TYPE_TALLY_MAX))
		return NULL;
	if (!*slot) {
		tally->items[tally->num].type = type;
		*slot = ++tally->num;
		*new_ret = true;
	}
	return &tally->items[*slot - 1];
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
	hc_sort(tally->items, tally->num, by_bytes);
	for (uint32_t i = 0; i < tally->num && tally->items[i].objects; i++) {
		const struct hc_type_tally_slot *slot = &tally->items[i];
		owner->all_types++;
		if (owner->num_types == HC_OWNER_MAX_TYPES)
			continue;
		char *text = name(survey->memory, slot->type);
		if (!text)
			text = hc_format("type at 0x%llx", (unsigned long long)slot->type);
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
