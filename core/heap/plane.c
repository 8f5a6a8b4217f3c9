/**
 * @file
 * One bit a unit.
 */
#include "core/heap/plane.h"

#include <stdlib.h>
#include <string.h>

#include "core/heap/build.h"

/** Words of a stretch: 4 MiB of a heap with 16-byte units. */
#define STRETCH_WORDS 4096

/** Any unit of a span may be asked for, also behind the last at which a chunk may start. */
static uint64_t span_words(const struct hc_span *span)
{
	return hc_span_unit(span, span->end - span->base) / HC_UNITS_PER_BLOCK + 1;
}

static void cut(struct hc_plane_layout *layout, size_t num_spans)
{
	for (size_t i = 0; i < num_spans; i++) {
		uint64_t words = layout->first_word[i + 1] - layout->first_word[i];

		for (uint64_t from = 0; from < words; from += STRETCH_WORDS) {
			uint64_t to = from + STRETCH_WORDS < words ? from + STRETCH_WORDS : words;

			layout->stretches[layout->num_stretches++] =
				(struct hc_stretch){i, from, to};
		}
	}
}

struct hc_error *hc_plane_layout_init(const struct hc_heap *heap, struct hc_plane_layout *ret)
{
	struct hc_plane_layout layout = {0};
	size_t num = 0;

	layout.first_word = calloc(heap->num_spans + 1, sizeof(*layout.first_word));
	if (!layout.first_word)
		return &hc_enomem;
	for (size_t i = 0; i < heap->num_spans; i++) {
		uint64_t words = span_words(&heap->spans[i]);

		layout.first_word[i + 1] = layout.first_word[i] + words;
		num += (words + STRETCH_WORDS - 1) / STRETCH_WORDS;
	}
	layout.num_words = layout.first_word[heap->num_spans];
	layout.stretches = calloc(num ? num : 1, sizeof(*layout.stretches));
	if (!layout.stretches) {
		hc_plane_layout_deinit(&layout);
		return &hc_enomem;
	}
	cut(&layout, heap->num_spans);
	*ret = layout;
	return NULL;
}

void hc_plane_layout_deinit(struct hc_plane_layout *layout)
{
	free(layout->first_word);
	free(layout->stretches);
	*layout = (struct hc_plane_layout){0};
}

struct hc_error *hc_plane_init(const struct hc_plane_layout *layout, struct hc_plane *ret)
{
	uint64_t *words = hc_zeroes_create(layout->num_words, sizeof(*words));

	if (!words)
		return &hc_enomem;
	*ret = (struct hc_plane){words, layout->num_words};
	return NULL;
}

void hc_plane_deinit(struct hc_plane *plane)
{
	hc_zeroes_destroy(plane->words, plane->num_words, sizeof(*plane->words));
	*plane = (struct hc_plane){0};
}

void hc_plane_clear(const struct hc_plane_layout *layout, struct hc_plane *plane)
{
	memset(plane->words, 0, layout->num_words * sizeof(*plane->words));
}

void hc_plane_copy(const struct hc_plane_layout *layout, struct hc_plane *plane,
		   const struct hc_plane *from)
{
	memcpy(plane->words, from->words, layout->num_words * sizeof(*plane->words));
}
