/**
 * @file
 * Memory that is given back all at once; see pool.h.
 */
#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/render/pool.h"

#define BLOCK_SIZE (size_t)(32 << 10)

struct hc_pool_block {
	struct hc_pool_block *next;
	size_t used, size;
	alignas(max_align_t) char data[];
};

static struct hc_pool_block *add_block(struct hc_pool *pool, size_t size)
{
	size_t room = size > BLOCK_SIZE ? size : BLOCK_SIZE;
	struct hc_pool_block *block = calloc(1, sizeof(*block) + room);

	if (!block)
		return NULL;
	block->size = room;
	block->next = pool->blocks;
	pool->blocks = block;
	return block;
}

void *hc_pool_alloc(struct hc_pool *pool, size_t size)
{
	struct hc_pool_block *block = pool->blocks;
	const size_t align = alignof(max_align_t);

	size = (size + align - 1) / align * align;
	if (!block || block->size - block->used < size)
		block = add_block(pool, size);
	if (!block) {
		pool->no_memory = true;
		return NULL;
	}
	block->used += size;
	return block->data + block->used - size;
}

char *hc_pool_copy(struct hc_pool *pool, const void *data, size_t size)
{
	char *ret = data ? hc_pool_alloc(pool, size + 1) : NULL;

	return ret ? memcpy(ret, data, size) : NULL;
}

void hc_pool_deinit(struct hc_pool *pool)
{
	for (struct hc_pool_block *block = pool->blocks, *next; block; block = next) {
		next = block->next;
		free(block);
	}
	pool->blocks = NULL;
}
