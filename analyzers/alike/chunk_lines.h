/**
 * @file
 * The lines (tokens.h) of a chunk.
 */
#ifndef HC_ANALYZERS_ALIKE_CHUNK_LINES_H
#define HC_ANALYZERS_ALIKE_CHUNK_LINES_H

#include "analyzers/texts/tokens.h"
#include "core/heap/heap.h"

/**
 * @param address of a chunk; where none is, there are no lines
 * @param window  bytes from its start that are looked at, at most
 */
static inline void hc_chunk_lines_init(const struct hc_heap *heap, uint64_t address,
				       uint64_t window, struct hc_lines *ret)
{
	struct hc_bytes bytes = {NULL, 0};
	struct hc_chunk chunk;

	if (hc_heap_chunk_at(heap, address, &chunk))
		bytes = hc_chunk_bytes(heap, &chunk);
	if (bytes.size > window)
		bytes.size = window;
	hc_lines_init(ret, bytes, &heap->process->mappings, heap->word_size);
	ret->big_endian = heap->big_endian;
}

#endif
