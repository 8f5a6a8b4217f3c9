/**
 * @file
 * Radix trees from pages to what describes them, whose root is an array in some module's bss.
 *
 * The root's place is not known, but its entries are: entry i leads to a leaf only where the
 * process has memory at i << root_shift. So each pointer in bss, and each such i, is a guess where
 * the root starts; a guess holds when every entry is 0 or a leaf, and leaves fit their pages.
 */
#include <stdlib.h>

#include "core/allocators/evidence.h"
#include "core/base/array.h"
#include "core/base/cleanup.h"

/** Guesses that are tried in one process. */
#define MAX_GUESSES 2000
/** Of these, guesses whose first leaf fits, and whose other entries are looked at. */
#define MAX_ROOTS 64
/** Entries of a root that are not 0: each is a leaf, which costs megabytes. */
#define MAX_LEAVES 4096
/** Different top bits of addresses that the process has. */
#define MAX_SLOTS 256
/** Words of leaves that must fit, and that are looked at in one leaf. */
#define MIN_FIT 3
#define MAX_LOOKED 4096
/** Bytes of a leaf that are passed over at once where they are 0. */
#define STEP 4096

struct slots {
	uint64_t items[MAX_SLOTS];
	size_t num;
};

static void collect_slots(const struct hc_process *process, unsigned shift, struct slots *slots)
{
	slots->num = 0;
	for (size_t i = 0; i < process->mappings.num; i++) {
		const struct hc_mapping *mapping = &process->mappings.items[i];
		if (!hc_evidence_may_hold(mapping))
			continue;
		for (uint64_t slot = mapping->start >> shift;
		     slot <= (mapping->end - 1) >> shift && slots->num < MAX_SLOTS; slot++)
			if (!slots->num || slots->items[slots->num - 1] != slot)
				slots->items[slots->num++] = slot;
	}
}

static bool has_slot(const struct slots *slots, uint64_t slot)
{
	size_t i = hc_lower_bound(slots->num, k, slots->items[k] < slot);

	return i < slots->num && slots->items[i] == slot;
}

/** The words of a leaf, which lies in one mapping that an allocator may have made; else nothing. */
static struct hc_bytes view_leaf(const struct hc_process *process, const struct hc_radix *radix,
				 uint64_t leaf)
{
	uint64_t size = UINT64_C(8) << radix->leaf_bits;
	const struct hc_mapping *mapping = hc_mappings_find(&process->mappings, leaf);

	if (leaf & 7 || !mapping || !hc_evidence_may_hold(mapping) || mapping->end - leaf < size)
		return (struct hc_bytes){NULL, 0};
	struct hc_bytes bytes = hc_memory_view(&process->memory, leaf, size);
	return bytes.size == size ? bytes : (struct hc_bytes){NULL, 0};
}

/** How many words of the leaf of @p slot fit; UINT64_MAX when too few of them do. */
static uint64_t fit_leaf(const struct hc_process *process, const struct hc_radix *radix,
			 uint64_t leaf, uint64_t slot)
{
	struct hc_bytes bytes = view_leaf(process, radix, leaf);
	uint64_t fit = 0, looked = 0;

	if (!bytes.data)
		return UINT64_MAX;
	for (uint64_t at = 0; at < bytes.size && looked < MAX_LOOKED; at += 8) {
		if (!(at & (STEP - 1)) && hc_is_zero((struct hc_bytes){bytes.data + at, STEP})) {
			at += STEP - 8;
			continue;
		}
		uint64_t word = hc_read64(bytes.data + at, process->memory.big_endian);
		if (!word)
			continue;
		looked++;
		fit += radix->fits(&process->memory, word,
				   (slot << radix->root_shift) + (at / 8 << radix->leaf_shift));
		if (looked > 8 * (fit + 1))
			return UINT64_MAX;
	}
	return fit;
}

/** Whether all of an array in bss is 0 or a leaf, and leaves fit. */
static bool is_root(const struct hc_process *process, const struct hc_radix *radix,
		    const struct slots *slots, uint64_t root)
{
	uint64_t size = UINT64_C(8) << radix->root_bits, fit = 0, leaves = 0;
	struct hc_bytes bytes = hc_memory_view(&process->memory, root, size);

	if (bytes.size < size)
		return false;
	for (uint64_t i = 0; i < size / 8; i++) {
		uint64_t leaf = hc_read64(bytes.data + 8 * i, process->memory.big_endian);
		if (!leaf)
			continue;
		if (++leaves > MAX_LEAVES || !view_leaf(process, radix, leaf).data)
			return false;
		/* A leaf may be left of memory that was given back. */
		if (!has_slot(slots, i))
			continue;
		uint64_t num = fit_leaf(process, radix, leaf, i);
		if (num == UINT64_MAX)
			return false;
		fit += num;
	}
	return fit >= MIN_FIT;
}

/** A search for a root. */
struct search {
	const struct hc_process *process;
	const struct hc_radix *radix;
	struct slots slots;
	unsigned guesses, roots;
};

/** The root whose entry of some slot is the word at @p address; 0: none in [low, high). */
static uint64_t guess(struct search *search, uint64_t address, uint64_t word, uint64_t low,
		      uint64_t high)
{
	const struct hc_radix *radix = search->radix;
	const struct slots *slots = &search->slots;

	for (size_t i = 0; i < slots->num; i++) {
		uint64_t root = address - 8 * slots->items[i];
		if (root < low || root > high - (UINT64_C(8) << radix->root_bits) ||
		    slots->items[i] >> radix->root_bits)
			continue;
		if (++search->guesses > MAX_GUESSES || search->roots > MAX_ROOTS)
			return 0;
		uint64_t fit = fit_leaf(search->process, radix, word, slots->items[i]);
		if (!fit || fit == UINT64_MAX)
			continue;
		search->roots++;
		if (is_root(search->process, radix, slots, root))
			return root;
	}
	return 0;
}

static uint64_t find_in(struct search *search, uint64_t low, uint64_t high)
{
	const struct hc_memory *memory = &search->process->memory;
	uint64_t pos = (low + 7) & ~UINT64_C(7);
	struct hc_piece piece;

	if (high - low < UINT64_C(8) << search->radix->root_bits)
		return 0;
	while (hc_memory_next_data(memory, &pos, high, UINT64_MAX, &piece)) {
		for (size_t at = -piece.start & 7; at + 8 <= piece.bytes.size; at += 8) {
			uint64_t word = hc_read64(piece.bytes.data + at, memory->big_endian);
			if (word < 4096 || word & 63 ||
			    !view_leaf(search->process, search->radix, word).data)
				continue;
			uint64_t root = guess(search, piece.start + at, word, low, high);
			if (root)
				return root;
		}
	}
	return 0;
}

uint64_t hc_radix_find(const struct hc_process *process, const struct hc_radix *radix)
{
	struct search search = {.process = process, .radix = radix};
	uint64_t root = 0;

	collect_slots(process, radix->root_shift, &search.slots);
	for (size_t i = 0; i < process->modules.num && !root; i++) {
		const struct hc_module *module = &process->modules.items[i];
		if (module->data_end > module->data_start)
			root = find_in(&search, module->data_start, module->data_end);
	}
	return root;
}

/** What is done with each word. */
struct walk {
	const struct hc_memory *memory;
	const struct hc_radix *radix;
	hc_radix_fn fn;
	void *ctx;
};

/** @param base first address that the leaf is of */
static struct hc_error *each_of_leaf(const struct walk *walk, uint64_t leaf, uint64_t base)
{
	uint64_t pos = leaf, stop = leaf + (UINT64_C(8) << walk->radix->leaf_bits);
	struct hc_piece piece;

	while (hc_memory_next_data(walk->memory, &pos, stop, UINT64_MAX, &piece)) {
		for (size_t at = 0; at + 8 <= piece.bytes.size; at += 8) {
			uint64_t word = hc_read64(piece.bytes.data + at, walk->memory->big_endian);
			if (!word)
				continue;
			uint64_t index = (piece.start + at - leaf) / 8;
			struct hc_error *err = walk->fn(
				walk->ctx, base + (index << walk->radix->leaf_shift), word);
			if (err)
				return err;
		}
	}
	return NULL;
}

struct hc_error *hc_radix_each(const struct hc_process *process, const struct hc_radix *radix,
			       uint64_t root, hc_radix_fn fn, void *ctx)
{
	const struct walk walk = {&process->memory, radix, fn, ctx};
	struct hc_error *err = NULL;
	struct slots slots;
	uint64_t leaf;

	collect_slots(process, radix->root_shift, &slots);
	for (size_t i = 0; !err && i < slots.num; i++) {
		uint64_t slot = slots.items[i];
		if (!(slot >> radix->root_bits) &&
		    hc_memory_word(&process->memory, root + 8 * slot, &leaf) && leaf)
			err = each_of_leaf(&walk, leaf, slot << radix->root_shift);
	}
	return err;
}
