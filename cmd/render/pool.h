/**
 * @file
 * Memory that is given back all at once: what a document is made of.
 */
#ifndef HC_CMD_RENDER_POOL_H
#define HC_CMD_RENDER_POOL_H

#include <stdbool.h>
#include <stddef.h>

struct hc_pool {
	struct hc_pool_block *blocks;
	bool no_memory; /**< something did not fit: what was made is not whole */
};

/** Zeroed memory, aligned for anything; NULL without memory, which the pool remembers. */
void *hc_pool_alloc(struct hc_pool *pool, size_t size);

/** A copy of @p size bytes with a NUL behind them; of NULL, NULL. */
char *hc_pool_copy(struct hc_pool *pool, const void *data, size_t size);

void hc_pool_deinit(struct hc_pool *pool);

#endif
