/**
 * @file
 * Surroundings of damage; see damage.h.
 */
#include <string.h>

#include "analyzers/inspect/damage.h"

/** Shortest run that is believed: bytes on either side of the border together. */
#define MIN_RUN 8

const char *hc_spill_name(enum hc_spill spill)
{
	static const char *const names[] = {"none", "text", "repeat"};
	return names[spill];
}

static bool is_text(uint8_t byte)
{
	return (byte >= 0x20 && byte < 0x7f) || byte == '\t' || byte == '\n' || byte == '\r';
}

/** Bytes around an address: those before it and those from it on, in one piece. */
struct around {
	struct hc_bytes bytes;
	size_t at; /**< index of the address */
};

static struct around look_around(const struct hc_memory *memory, uint64_t address)
{
	const struct hc_extent *extent = hc_memory_find(memory, address);
	struct around ret = {0};
	if (!extent)
		return ret;
	ret.at = address - extent->start;
	ret.at = ret.at < HC_DAMAGE_MAX_RUN ? ret.at : HC_DAMAGE_MAX_RUN;
	ret.bytes = hc_memory_view(memory, address - ret.at, ret.at + HC_DAMAGE_MAX_RUN);
	return ret;
}

/** The run of text, or of one repeated byte, around index @p at. */
static enum hc_spill find_run(struct hc_bytes bytes, size_t at, size_t *start, size_t *end)
{
	uint8_t byte = bytes.data[at];
	bool text = is_text(byte);
	*start = at;
	*end = at + 1;
	while (*start && (text ? is_text(bytes.data[*start - 1]) : bytes.data[*start - 1] == byte))
		--*start;
	while (*end < bytes.size && (text ? is_text(bytes.data[*end]) : bytes.data[*end] == byte))
		++*end;
	if (*end - *start < MIN_RUN)
		return HC_SPILL_NONE;
	for (size_t i = *start; text && i < *end; i++) {
		if (bytes.data[i] != byte)
			return HC_SPILL_TEXT;
	}
	return HC_SPILL_REPEAT;
}

/** Look for a run that begins in the suspect and covers the first byte of the field at fault. */
static void find_spill(const struct hc_heap *heap, struct hc_damage *damage)
{
	uint64_t address = damage->fault->address;
	struct around around = look_around(&heap->process->memory, address);
	size_t start, end;
	if (!damage->has_suspect || damage->fault->fault > HC_FAULT_TOP ||
	    around.bytes.size <= around.at)
		return;
	/* A header that was zeroed may as well belong to memory that was never used. */
	if (!around.bytes.data[around.at])
		return;
	enum hc_spill spill = find_run(around.bytes, around.at, &start, &end);
	if (spill == HC_SPILL_NONE)
		return;
	uint64_t from = address - (around.at - start);
	uint64_t suspect_end = damage->suspect.address + damage->suspect.usable;
	/*
	 * What a header shares with the chunk before is the suspect's last, but part of the header
	 * too: what begins only there may as well be an underflow.
	 */
	if (from >= suspect_end - damage->suspect.span->zone->shared)
		return;
	if (from < damage->suspect.address) {
		start += damage->suspect.address - from;
		from = damage->suspect.address;
	}
	damage->spill = spill;
	damage->spill_start = from;
	damage->spill_end = from + (end - start);
	damage->run = (struct hc_bytes){around.bytes.data + start, end - start};
}

static void find_view(const struct hc_heap *heap, struct hc_damage *damage)
{
	const struct hc_memory *memory = &heap->process->memory;
	uint64_t address = damage->fault->address, center = address & -UINT64_C(16);
	uint64_t start = center > HC_DAMAGE_CONTEXT ? center - HC_DAMAGE_CONTEXT : 0;
	uint64_t end = center + 16 + HC_DAMAGE_CONTEXT;
	const struct hc_extent *extent = hc_memory_find(memory, address);
	if (!extent)
		return;
	/* Where the lines before are missing, begin with the first that is there. */
	if (!hc_memory_view(memory, start, 1).size)
		start = extent->start & -UINT64_C(16);
	damage->view_start = start;
	damage->view = hc_memory_view(memory, start, end - start);
}

void hc_damage_look(struct hc_target *target, const struct hc_inconsistency *fault,
		    struct hc_classifier_scratch *scratch, struct hc_damage *ret)
{
	const struct hc_heap *heap = target->heap;
	const struct hc_classifier *classifier = target->classifier;
	struct hc_damage damage = {
		.fault = fault, .class_id = HC_CLASS_NONE, .run_class = HC_CLASS_NONE};
	damage.has_suspect =
		fault->last_good && hc_heap_chunk_at(heap, fault->last_good, &damage.suspect);
	if (damage.has_suspect)
		damage.class_id =
			hc_classify(classifier, scratch, hc_chunk_bytes(heap, &damage.suspect));
	find_spill(heap, &damage);
	if (damage.spill != HC_SPILL_NONE)
		damage.run_class = hc_classify(classifier, scratch, damage.run);
	find_view(heap, &damage);
	*ret = damage;
}

bool hc_damage_explains_abort(const struct hc_heap *heap, const struct hc_inconsistency *fault)
{
	if (!heap->abort_message)
		return false;
	for (unsigned i = 0; i < HC_MAX_MESSAGES && fault->messages[i]; i++) {
		if (strstr(heap->abort_message, fault->messages[i]))
			return true;
	}
	return false;
}
