/**
 * @file
 * One bit a unit over the whole heap, beside the planes that spans have: sets of chunks, or marks
 * of a pass.
 *
 * All spans stand in one array; a *layout* says where each begins, and cuts the heap into stretches
 * for parallel sweeps. Planes of one heap share a layout. Only what is touched costs memory. The
 * calls below do not lock: workers that may meet in one word set bits atomically themselves.
 */
#ifndef HC_CORE_HEAP_PLANE_H
#define HC_CORE_HEAP_PLANE_H

#include "core/heap/heap.h"

/** Words of a plane that one task handles: [from, to) of one span. */
struct hc_stretch {
	uint32_t span;
	uint64_t from, to;
};

struct hc_plane_layout {
	uint64_t *first_word;         /**< of each span in a plane */
	uint64_t num_words;           /**< of a plane */
	struct hc_stretch *stretches; /**< the whole heap, by address */
	size_t num_stretches;
};

struct hc_error *hc_plane_layout_init(const struct hc_heap *heap, struct hc_plane_layout *ret);
void hc_plane_layout_deinit(struct hc_plane_layout *layout);

struct hc_plane {
	uint64_t *words;
	uint64_t num_words;
};

/** A clear plane. */
struct hc_error *hc_plane_init(const struct hc_plane_layout *layout, struct hc_plane *ret);
void hc_plane_deinit(struct hc_plane *plane);
void hc_plane_clear(const struct hc_plane_layout *layout, struct hc_plane *plane);
/** Set what @p from has, and clear the rest. */
void hc_plane_copy(const struct hc_plane_layout *layout, struct hc_plane *plane,
		   const struct hc_plane *from);

/** The word that has the bit of @p unit. */
static inline uint64_t *hc_plane_word(const struct hc_plane_layout *layout,
				      const struct hc_plane *plane, size_t span, uint64_t unit)
{
	return &plane->words[layout->first_word[span] + unit / HC_UNITS_PER_BLOCK];
}

static inline bool hc_plane_has(const struct hc_plane_layout *layout, const struct hc_plane *plane,
				size_t span, uint64_t unit)
{
	return *hc_plane_word(layout, plane, span, unit) >> unit % HC_UNITS_PER_BLOCK & 1;
}

static inline void hc_plane_set(const struct hc_plane_layout *layout, const struct hc_plane *plane,
				size_t span, uint64_t unit)
{
	*hc_plane_word(layout, plane, span, unit) |= UINT64_C(1) << unit % HC_UNITS_PER_BLOCK;
}

#endif
