/**
 * @file
 * What hidden links hold; see hidden.h.
 */
#include "analyzers/reachability/hidden.h"

#include <stdlib.h>
#include <string.h>

#include "core/base/array.h"
#include "core/base/cleanup.h"

/** Remember in a plane what looks lost. */
static struct hc_error *note_lost(const struct hc_tracer *tracer, struct hc_plane *ret)
{
	struct hc_error *err = hc_plane_init(&tracer->layout, ret);

	for (size_t s = 0; !err && s < tracer->heap->num_spans; s++)
		for (uint64_t i = 0; i < tracer->heap->spans[s].num_blocks; i++)
			ret->words[tracer->layout.first_word[s] + i] =
				hc_block_lost(&tracer->heap->spans[s].blocks[i]);
	return err;
}

/** The row of a size; rows are few, and mostly the same one is asked for again. */
static struct hc_error *row_of(struct hc_heap *heap, uint64_t size, struct hc_hidden_size **ret)
{
	size_t i = hc_lower_bound(heap->num_hidden, h, heap->hidden[h].size < size);

	if (i == heap->num_hidden || heap->hidden[i].size != size) {
		struct hc_error *err =
			hc_array_reserve(&heap->hidden, heap->num_hidden, sizeof(*heap->hidden));

		if (err)
			return err;
		memmove(&heap->hidden[i + 1], &heap->hidden[i],
			(heap->num_hidden++ - i) * sizeof(*heap->hidden));
		heap->hidden[i] = (struct hc_hidden_size){.size = size};
	}
	*ret = &heap->hidden[i];
	return NULL;
}

static struct hc_error *add(struct hc_heap *heap, enum hc_hiding how, uint64_t size,
			    struct hc_hidden_count *sum)
{
	struct hc_hidden_size *row;
	struct hc_error *err = row_of(heap, size, &row);

	if (err)
		return err;
	row->by[how].chunks++;
	row->by[how].bytes += size;
	sum->chunks++;
	sum->bytes += size;
	return NULL;
}

/** Count what looked lost before and doesn't now. */
static struct hc_error *count_found(const struct hc_tracer *tracer, const struct hc_plane *before,
				    enum hc_hiding how, struct hc_hidden_count *ret)
{
	struct hc_heap *heap = tracer->heap;
	struct hc_hidden_count sum = {0};
	struct hc_error *err = NULL;
	struct hc_chunk chunk;

	for (size_t s = 0; s < heap->num_spans; s++) {
		const struct hc_span *span = &heap->spans[s];

		for (uint64_t i = 0; i < span->num_blocks; i++) {
			uint64_t bits = before->words[tracer->layout.first_word[s] + i] &
					~hc_block_lost(&span->blocks[i]);

			for (; !err && bits; bits &= bits - 1) {
				hc_span_chunk(heap, span,
					      i * HC_UNITS_PER_BLOCK + __builtin_ctzll(bits),
					      &chunk);
				err = add(heap, how, chunk.size, &sum);
			}
		}
	}
	if (!err)
		*ret = sum;
	return err;
}

struct hc_error *hc_hidden_follow(struct hc_tracer *tracer, enum hc_hiding how,
				  struct hc_hidden_count *ret)
{
	hc_cleanup(hc_plane_deinit) struct hc_plane lost = {0};
	struct hc_error *err = note_lost(tracer, &lost);

	if (!err)
		err = hc_tracer_run(tracer, HC_PASS_TAGGED, HC_SEED_ROOTS, NULL);
	if (!err)
		err = hc_tracer_run(tracer, HC_PASS_TAGGED, HC_SEED_REACHED, NULL);
	return err ? err : count_found(tracer, &lost, how, ret);
}

void hc_hidden_forget(struct hc_heap *heap)
{
	free(heap->hidden);
	heap->hidden = NULL;
	heap->num_hidden = 0;
	heap->tagged = HC_TAG_NONE;
	heap->offset_form = (struct hc_offset_form){0};
}
