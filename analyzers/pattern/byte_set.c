/**
 * @file
 * Finding bytes of a set: sixteen at a time where the set is a few ranges, else by table.
 */
#include "analyzers/pattern/byte_set.h"

typedef uint8_t bytes_vec __attribute__((vector_size(16)));
typedef uint64_t words_vec __attribute__((vector_size(16)));

#define STEP 64

void hc_byte_set_finish(struct hc_byte_set *set)
{
	bool too_many = false;

	set->num = set->num_ranges = 0;
	for (unsigned i = 0; i < 256; i++) {
		if (!set->has[i])
			continue;
		set->num++;
		if (!i || !set->has[i - 1]) {
			if (set->num_ranges == HC_BYTE_SET_RANGES) {
				too_many = true;
				continue;
			}
			set->ranges[set->num_ranges++] = (struct hc_byte_range){i, 0};
		} else if (!too_many) {
			set->ranges[set->num_ranges - 1].width++;
		}
	}
	if (too_many)
		set->num_ranges = 0;
}

/** Whether any of STEP bytes is in one of @p num ranges; a constant @p num unrolls. */
static inline bool any_member(const struct hc_byte_range *ranges, unsigned num, const uint8_t *pos)
{
	bytes_vec any = {};

	for (size_t i = 0; i < STEP; i += sizeof(bytes_vec)) {
		bytes_vec bytes;

		memcpy(&bytes, pos + i, sizeof(bytes));
		for (unsigned k = 0; k < num; k++)
			any |= (bytes_vec)((bytes_vec)(bytes - ranges[k].low) <= ranges[k].width);
	}
	words_vec words = (words_vec)any;
	return words[0] | words[1];
}

static bool has_member(const struct hc_byte_set *set, const uint8_t *pos)
{
	switch (set->num_ranges) {
	case 1:
		return any_member(set->ranges, 1, pos);
	case 2:
		return any_member(set->ranges, 2, pos);
	case 3:
		return any_member(set->ranges, 3, pos);
	default:
		return any_member(set->ranges, 4, pos);
	}
}

size_t hc_byte_set_find(const struct hc_byte_set *set, struct hc_bytes bytes, size_t from)
{
	if (from >= bytes.size)
		return SIZE_MAX;

	/* Members that are frequent are near: look at some bytes first. */
	size_t pos = from, near = bytes.size - from < 16 ? bytes.size : from + 16;

	for (; pos < near; pos++) {
		if (set->has[bytes.data[pos]])
			return pos;
	}
	while (set->num_ranges && bytes.size - pos >= STEP && !has_member(set, bytes.data + pos))
		pos += STEP;
	for (; pos < bytes.size; pos++) {
		if (set->has[bytes.data[pos]])
			return pos;
	}
	return SIZE_MAX;
}
