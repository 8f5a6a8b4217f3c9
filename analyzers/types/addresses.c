/**
 * @file
 * Addresses that mark objects: adding one.
 */
#include "analyzers/types/addresses.h"

/** Make room for one more; the table is at most a quarter full, since most probes miss. */
static struct hc_error *grow(struct hc_addresses *table)
{
	struct hc_addresses old = *table;
	size_t num = old.num_slots ? old.num_slots * 2 : 64;

	if (old.num * 4 < old.num_slots)
		return NULL;
	table->slots = calloc(num, sizeof(*table->slots));
	if (!table->slots) {
		table->slots = old.slots;
		return &hc_enomem;
	}
	table->shift = 64 - __builtin_ctzll(num);
	table->num_slots = num;
	for (size_t i = 0; i < old.num_slots; i++) {
		if (old.slots[i].address)
			*hc_addresses_slot(table, old.slots[i].address) = old.slots[i];
	}
	free(old.slots);
	return NULL;
}

struct hc_error *hc_addresses_add(struct hc_addresses *table, uint64_t address, uint32_t value)
{
	struct hc_error *err = grow(table);

	if (err)
		return err;
	struct hc_address_slot *slot = hc_addresses_slot(table, address);
	if (slot->address)
		return NULL;
	*slot = (struct hc_address_slot){address, value};
	table->low = table->num && table->low < address ? table->low : address;
	table->high = table->high > address ? table->high : address + 1;
	table->num++;
	return NULL;
}
