/**
 * @file
 * Some chunks in use of every size.
 */
#include "analyzers/types/size_sample.h"

#include "core/base/array.h"
#include "core/base/cleanup.h"
#include "core/base/hash.h"

struct sampler {
	struct hc_size_sample sample;
	struct hc_hash by_size;
};

static void sampler_deinit(struct sampler *sampler)
{
	hc_size_sample_deinit(&sampler->sample);
	hc_hash_deinit(&sampler->by_size);
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

/** Take a chunk if it is its turn; where there is no room, every second one goes. */
static struct hc_error *take(struct hc_sampled_size *size, uint64_t address)
{
	if (size->total++ & (size->step - 1))
		return NULL;
	if (size->num == HC_MAX_SAMPLED) {
		size->num /= 2;
		size->step *= 2;
		for (size_t i = 0; i < size->num; i++)
			size->addresses[i] = size->addresses[2 * i];
	}
	struct hc_error *err =
		hc_array_reserve(&size->addresses, size->num, sizeof(*size->addresses));
	if (!err)
		size->addresses[size->num++] = address;
	return err;
}

struct hc_error *hc_size_sample_take(const struct hc_heap *heap, struct hc_size_sample *ret)
{
	hc_cleanup(sampler_deinit) struct sampler sampler = {0};
	struct hc_chunk_iter iter;
	struct hc_chunk chunk;
	struct hc_sampled_size *size = NULL;

	hc_chunk_iter_heap(&iter, heap);
	iter.kinds = HC_KINDS_IN_USE;
	while (hc_chunk_iter_next(&iter, &chunk)) {
		struct hc_error *err = NULL;

		if (!size || size->size != chunk.size)
			err = find_size(&sampler, chunk.size, &size);
		if (!err && size)
			err = take(size, chunk.address);
		if (err)
			return err;
	}
	*ret = sampler.sample;
	sampler.sample = (struct hc_size_sample){0};
	return NULL;
}

void hc_size_sample_deinit(struct hc_size_sample *sample)
{
	for (size_t i = 0; i < sample->num; i++)
		free(sample->sizes[i].addresses);
	free(sample->sizes);
	*sample = (struct hc_size_sample){0};
}
