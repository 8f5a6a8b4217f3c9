/**
 * @file
 * Some chunks in use of every size.
 */
#include "analyzers/types/size_sample.h"

#include "core/base/array.h"
#include "core/base/cleanup.h"
#include "core/base/hash.h"
#include "core/base/pick.h"

/** Sizes below SMALL are found without a hash: most chunks have one of these. */
#define SMALL 16384
#define SMALL_STEP 8

struct sampler {
	struct hc_size_sample sample;
	struct hc_hash by_size;
	uint32_t small[SMALL / SMALL_STEP]; /* index plus 1 */
};

static void sampler_destroyp(struct sampler **ptr)
{
	struct sampler *sampler = *ptr;

	if (!sampler)
		return;
	hc_size_sample_deinit(&sampler->sample);
	hc_hash_deinit(&sampler->by_size);
	free(sampler);
}

/** The sample of a size, which may be new. @param[out] ret NULL: there are too many sizes */
static struct hc_error *find_size(struct sampler *sampler, uint64_t size,
				  struct hc_sampled_size **ret)
{
	struct hc_size_sample *sample = &sampler->sample;
	struct hc_error *err = hc_hash_reserve(&sampler->by_size, sample->num, i,
					       hc_hash_mix(sample->sizes[i].size));

	if (err)
		return err;
	uint32_t *slot = hc_hash_find(&sampler->by_size, hc_hash_mix(size), i,
				      sample->sizes[i].size == size);
	*ret = NULL;
	if (!*slot) {
		if (sample->num == HC_MAX_SAMPLED_SIZES)
			return NULL;
		err = hc_array_reserve(&sample->sizes, sample->num, sizeof(*sample->sizes));
		if (err)
			return err;
		sample->sizes[sample->num++] = (struct hc_sampled_size){.size = size, .step = 1};
		*slot = sample->num;
	}
	*ret = &sample->sizes[*slot - 1];
	return NULL;
}

/** Of every two chunks that were taken one goes. */
static void thin_out(struct hc_sampled_size *size)
{
	size->num /= 2;
	size->step *= 2;
	for (size_t i = 0; i < size->num; i++)
		size->addresses[i] = size->addresses[2 * i + hc_pick_of_group(i, 2)];
}

/** Take a chunk if it is its turn: one of every step. */
static struct hc_error *take(struct hc_sampled_size *size, uint64_t address)
{
	uint64_t turn = size->total++;

	if (!(turn & (size->step - 1))) {
		if (size->num == HC_MAX_SAMPLED)
			thin_out(size);
		size->next = turn + hc_pick_of_group(turn / size->step, size->step);
	}
	if (turn != size->next)
		return NULL;
	struct hc_error *err =
		hc_array_reserve(&size->addresses, size->num, sizeof(*size->addresses));
	if (!err)
		size->addresses[size->num++] = address;
	return err;
}

/** There is a chunk in use. */
static struct hc_error *offer(struct sampler *sampler, uint64_t address, uint64_t size)
{
	struct hc_sampled_size *found;
	uint32_t *small =
		size < SMALL && size % SMALL_STEP == 0 ? &sampler->small[size / SMALL_STEP] : NULL;

	if (small && *small)
		return take(&sampler->sample.sizes[*small - 1], address);
	struct hc_error *err = find_size(sampler, size, &found);
	if (err || !found)
		return err;
	if (small)
		*small = found - sampler->sample.sizes + 1;
	return take(found, address);
}

/** All chunks of a span: the size of each is known once the next one is met. */
static struct hc_error *offer_span(struct sampler *sampler, const struct hc_heap *heap,
				   const struct hc_span *span)
{
	struct hc_error *err = NULL;
	uint64_t last = 0;
	bool in_use = false;
	struct hc_chunk chunk;

	for (uint64_t i = 0; i < span->num_blocks; i++) {
		const struct hc_block *block = &span->blocks[i];

		hc_for_each_bit (bit, block->start) {
			uint64_t unit = i * HC_UNITS_PER_BLOCK + bit;

			if (in_use && (err = offer(sampler, span->base + last * span->unit,
						   (unit - last) * span->unit)))
				return err;
			in_use = !(block->free >> bit & 1);
			last = unit;
		}
	}
	if (in_use && hc_heap_chunk_at(heap, span->base + last * span->unit, &chunk))
		err = offer(sampler, chunk.address, chunk.size);
	return err;
}

struct hc_error *hc_size_sample_take(const struct hc_heap *heap, struct hc_size_sample *ret)
{
	hc_cleanup(sampler_destroyp) struct sampler *sampler = calloc(1, sizeof(*sampler));
	struct hc_error *err = sampler ? NULL : &hc_enomem;

	for (size_t i = 0; i < heap->num_spans && !err; i++)
		err = offer_span(sampler, heap, &heap->spans[i]);
	if (err)
		return err;
	*ret = sampler->sample;
	sampler->sample = (struct hc_size_sample){0};
	return NULL;
}

void hc_size_sample_deinit(struct hc_size_sample *sample)
{
	for (size_t i = 0; i < sample->num; i++)
		free(sample->sizes[i].addresses);
	free(sample->sizes);
	*sample = (struct hc_size_sample){0};
}
