/**
 * @file
 * A sorted array of extents, searched by bisection. Cores hold their segments by address, so that
 * adding is an append almost always.
 */
#include "core/process/memory.h"
#include "core/base/array.h"

#include <stdlib.h>

void hc_memory_init(struct hc_memory *memory, unsigned word_size)
{
	*memory = (struct hc_memory){.word_size = word_size, .hole_block = HC_HOLE_BLOCK};
}

void hc_memory_deinit(struct hc_memory *memory)
{
	free(memory->extents);
	*memory = (struct hc_memory){.word_size = memory->word_size,
				     .big_endian = memory->big_endian};
}

/** Index of the first extent that ends above @p address. */
static size_t memory_index(const struct hc_memory *memory, uint64_t address)
{
	return hc_lower_bound(memory->num_extents, i, memory->extents[i].end <= address);
}

static bool extents_join(const struct hc_extent *low, const struct hc_extent *high)
{
	return low->end == high->start && low->from_core == high->from_core &&
	       low->data + (low->end - low->start) == high->data;
}

/** Insert at @p index an extent that overlaps none. */
static struct hc_error *memory_insert(struct hc_memory *memory, size_t index,
				      struct hc_extent extent)
{
	struct hc_extent *below = index ? &memory->extents[index - 1] : NULL;
	struct hc_extent *above = index < memory->num_extents ? &memory->extents[index] : NULL;

	if (below && extents_join(below, &extent)) {
		below->end = extent.end;
		if (above && extents_join(below, above)) {
			below->end = above->end;
			memory->num_extents--;
			memmove(above, above + 1, (memory->num_extents - index) * sizeof(*above));
		}
		return NULL;
	}
	if (above && extents_join(&extent, above)) {
		above->start = extent.start;
		above->data = extent.data;
		return NULL;
	}

	struct hc_error *err =
		hc_array_reserve(&memory->extents, memory->num_extents, sizeof(*memory->extents));
	if (err)
		return err;
	struct hc_extent *at = &memory->extents[index];
	memmove(at + 1, at, (memory->num_extents - index) * sizeof(*at));
	*at = extent;
	memory->num_extents++;
	return NULL;
}

struct hc_error *hc_memory_add(struct hc_memory *memory, uint64_t start, struct hc_bytes bytes,
			       bool from_core)
{
	uint64_t end;

	if (__builtin_add_overflow(start, bytes.size, &end)) {
		return hc_error_at(HC_ERROR_FORMAT, start,
				   "bytes reach beyond the end of the address space");
	}
	/* Fill the gaps between what is there, lowest first. */
	for (uint64_t at = start; at < end;) {
		size_t index = memory_index(memory, at);
		const struct hc_extent *next =
			index < memory->num_extents ? &memory->extents[index] : NULL;
		if (next && next->start <= at) {
			at = next->end;
			continue;
		}
		uint64_t gap_end = next && next->start < end ? next->start : end;
		struct hc_error *err = memory_insert(memory, index,
						     (struct hc_extent){
							     .start = at,
							     .end = gap_end,
							     .data = bytes.data + (at - start),
							     .from_core = from_core,
						     });
		if (err)
			return err;
		at = gap_end;
	}
	return NULL;
}

const struct hc_extent *hc_memory_find_next(const struct hc_memory *memory, uint64_t address)
{
	size_t index = memory_index(memory, address);

	return index < memory->num_extents ? &memory->extents[index] : NULL;
}

const struct hc_extent *hc_memory_find(const struct hc_memory *memory, uint64_t address)
{
	const struct hc_extent *extent = hc_memory_find_next(memory, address);

	return extent && extent->start <= address ? extent : NULL;
}

bool hc_memory_next_aligned(const struct hc_memory *memory, uint64_t *pos, uint64_t end,
			    uint64_t step)
{
	uint64_t at = *pos;

	for (;;) {
		if (__builtin_add_overflow(at, step - 1, &at) || (at &= ~(step - 1)) >= end)
			return false;
		const struct hc_extent *extent = hc_memory_find_next(memory, at);
		if (!extent || extent->start >= end)
			return false;
		if (extent->start <= at)
			break;
		at = extent->start;
	}
	*pos = at;
	return true;
}

struct hc_bytes hc_memory_view(const struct hc_memory *memory, uint64_t address, uint64_t size)
{
	const struct hc_extent *extent = hc_memory_find(memory, address);

	if (!extent)
		return (struct hc_bytes){};
	uint64_t left = extent->end - address;
	return (struct hc_bytes){
		.data = extent->data + (address - extent->start),
		.size = size < left ? size : left,
	};
}

struct hc_error *hc_memory_read(const struct hc_memory *memory, uint64_t address, void *buf,
				size_t size)
{
	uint8_t *to = buf;
	uint64_t at = address, left = size;

	/* Outputs are untouched on failure, so look before copying. */
	while (left) {
		struct hc_bytes view = hc_memory_view(memory, at, left);
		if (!view.data) {
			return hc_error_at(HC_ERROR_MISSING, at,
					   "the core does not hold this address");
		}
		at += view.size;
		left -= view.size;
	}
	for (at = address, left = size; left;) {
		struct hc_bytes view = hc_memory_view(memory, at, left);
		memcpy(to, view.data, view.size);
		to += view.size;
		at += view.size;
		left -= view.size;
	}
	return NULL;
}

/** A value that is read far more often than it straddles two extents. */
static bool memory_value(const struct hc_memory *memory, uint64_t address, unsigned size,
			 uint64_t *ret)
{
	struct hc_bytes view = hc_memory_view(memory, address, size);
	uint8_t pieces[8];

	if (view.size < size) {
		for (unsigned i = 0; i < size; i++) {
			struct hc_bytes byte = hc_memory_view(memory, address + i, 1);
			if (!byte.data)
				return false;
			pieces[i] = *byte.data;
		}
		view.data = pieces;
	}
	*ret = hc_read_word(view.data, size, memory->big_endian);
	return true;
}

bool hc_memory_word(const struct hc_memory *memory, uint64_t address, uint64_t *ret)
{
	return memory_value(memory, address, memory->word_size, ret);
}

bool hc_memory_u32(const struct hc_memory *memory, uint64_t address, uint32_t *ret)
{
	uint64_t value;

	if (!memory_value(memory, address, sizeof(*ret), &value))
		return false;
	*ret = value;
	return true;
}

bool hc_memory_next_piece(const struct hc_memory *memory, uint64_t *pos, uint64_t end,
			  uint64_t most, struct hc_piece *ret)
{
	const struct hc_extent *extent = *pos < end ? hc_memory_find_next(memory, *pos) : NULL;

	if (!extent || extent->start >= end)
		return false;
	uint64_t start = extent->start > *pos ? extent->start : *pos;
	uint64_t left = (extent->end < end ? extent->end : end) - start;
	if (left > most)
		left = most;
	*ret = (struct hc_piece){
		start, start + left, {extent->data + (start - extent->start), left}};
	*pos = ret->end;
	return true;
}

/** How much of a piece at its beginning is holes, in whole blocks. Bytes. */
static uint64_t hole_before(const struct hc_memory *memory, const struct hc_piece *piece)
{
	uint64_t offset = piece->bytes.data - memory->file.data;
	uint64_t next = hc_data_map_next(memory->data, offset);

	if (next - offset >= piece->bytes.size)
		return piece->bytes.size;
	uint64_t start = (piece->start + (next - offset)) & ~(memory->hole_block - 1);
	return start > piece->start ? start - piece->start : 0;
}

/** How much of a piece that begins with data is to be read before the next hole. Bytes. */
static uint64_t data_before(const struct hc_memory *memory, const struct hc_piece *piece)
{
	uint64_t offset = piece->bytes.data - memory->file.data, size = piece->bytes.size;
	uint64_t at = hc_data_map_next(memory->data, offset) - offset;

	while (at < size) {
		uint64_t end = hc_data_map_end(memory->data, offset + at) - offset;
		if (end >= size)
			break;
		/* To the end of the block; go on unless the next data begins behind it. */
		uint64_t stop =
			(piece->start + end + memory->hole_block - 1) & ~(memory->hole_block - 1);
		if (stop - piece->start >= size)
			break;
		at = hc_data_map_next(memory->data, offset + end) - offset;
		if (at > stop - piece->start)
			return stop - piece->start;
	}
	return size;
}

/** Whether it lies in the core's file, of which holes are known. */
static bool may_have_holes(const struct hc_memory *memory, const struct hc_piece *piece)
{
	return memory->data && memory->data->known && piece->bytes.data >= memory->file.data &&
	       (size_t)(piece->bytes.data - memory->file.data) < memory->file.size;
}

bool hc_memory_next_data(const struct hc_memory *memory, uint64_t *pos, uint64_t end, uint64_t most,
			 struct hc_piece *ret)
{
	struct hc_piece piece;
	uint64_t at = *pos;

	while (hc_memory_next_piece(memory, &at, end, UINT64_MAX, &piece)) {
		uint64_t size = piece.bytes.size;

		if (may_have_holes(memory, &piece)) {
			uint64_t skip = hole_before(memory, &piece);
			piece.start += skip;
			piece.bytes.data += skip;
			piece.bytes.size -= skip;
			if (piece.bytes.size > most)
				piece.bytes.size = most;
			size = piece.bytes.size ? data_before(memory, &piece) : 0;
		}
		if (!size)
			continue;
		piece.bytes.size = size < most ? size : most;
		piece.end = piece.start + piece.bytes.size;
		*pos = piece.end;
		*ret = piece;
		return true;
	}
	return false;
}

bool hc_memory_is_hole(const struct hc_memory *memory, uint64_t start, uint64_t end)
{
	struct hc_piece unused;

	return !hc_memory_next_data(memory, &start, end, 1, &unused);
}

uint64_t hc_memory_present(const struct hc_memory *memory, uint64_t start, uint64_t end)
{
	uint64_t present = 0;

	for (size_t i = memory_index(memory, start); i < memory->num_extents; i++) {
		const struct hc_extent *extent = &memory->extents[i];
		if (extent->start >= end)
			break;
		uint64_t from = extent->start > start ? extent->start : start;
		uint64_t to = extent->end < end ? extent->end : end;
		present += to - from;
	}
	return present;
}
