/**
 * @file
 * Dense numbers of chunks.
 */
#include "core/heap/number.h"

#include <stdlib.h>

#include "core/heap/build.h"

static struct hc_error *count_span(struct hc_numbers *numbers, size_t index)
{
	const struct hc_span *span = &numbers->heap->spans[index];
	uint64_t *before = hc_zeroes_create(span->num_blocks + 1, sizeof(*before));

	if (!before)
		return &hc_enomem;
	numbers->before[index] = before;
	for (uint64_t i = 0; i < span->num_blocks; i++) {
		before[i] = numbers->num;
		numbers->num += (uint64_t)__builtin_popcountll(span->blocks[i].start);
	}
	return NULL;
}

struct hc_error *hc_numbers_init(const struct hc_heap *heap, struct hc_numbers *ret)
{
	struct hc_numbers numbers = {.heap = heap};
	struct hc_error *err = NULL;

	numbers.before = calloc(heap->num_spans + 1, sizeof(*numbers.before));
	if (!numbers.before)
		return &hc_enomem;
	for (size_t i = 0; i < heap->num_spans && !err; i++)
		err = count_span(&numbers, i);
	if (err) {
		hc_numbers_deinit(&numbers);
		return err;
	}
	*ret = numbers;
	return NULL;
}

void hc_numbers_deinit(struct hc_numbers *numbers)
{
	for (size_t i = 0; numbers->before && i < numbers->heap->num_spans; i++)
		hc_zeroes_destroy(numbers->before[i], numbers->heap->spans[i].num_blocks + 1,
				  sizeof(**numbers->before));
	free(numbers->before);
	*numbers = (struct hc_numbers){0};
}
