/**
 * @file
 * Characters of UTF-8, well-formed as RFC 3629 has it: no overlong forms, no surrogates.
 */
#ifndef HC_CORE_BASE_UTF8_H
#define HC_CORE_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Bytes of the character beyond ASCII at @p pos, of which there is at least one byte; 0: none. */
static inline size_t hc_utf8_size(const uint8_t *pos, const uint8_t *end)
{
	size_t size = pos[0] >= 0xf0 ? 4 : pos[0] >= 0xe0 ? 3 : 2;

	if (pos[0] < 0xc2 || pos[0] > 0xf4 || (size_t)(end - pos) < size)
		return 0;
	for (size_t i = 1; i < size; i++)
		if ((pos[i] & 0xc0) != 0x80)
			return 0;
	if ((pos[0] == 0xe0 && pos[1] < 0xa0) || (pos[0] == 0xed && pos[1] > 0x9f) ||
	    (pos[0] == 0xf0 && pos[1] < 0x90) || (pos[0] == 0xf4 && pos[1] > 0x8f))
		return 0;
	return size;
}

/** The same for any character. @param[out] ret its number */
static inline size_t hc_utf8_decode(const uint8_t *pos, const uint8_t *end, uint32_t *ret)
{
	size_t size = pos[0] < 0x80 ? 1 : hc_utf8_size(pos, end);
	uint32_t c = size > 1 ? pos[0] & (0x7f >> size) : pos[0];

	for (size_t i = 1; i < size; i++)
		c = c << 6 | (pos[i] & 0x3f);
	*ret = c;
	return size;
}

#endif
