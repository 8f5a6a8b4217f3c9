/**
 * @file
 * Footers of xz's streams (The .xz File Format, 1.2.1, section 2.1.2); see xz.h.
 */
#include "core/elf/xz.h"

#include <string.h>
#include <unistd.h>

#include "core/base/bytes.h"

/** CRC of what follows it, size of the index, flags, "YZ". */
#define FOOTER_SIZE 12u
#define MAGIC_AT 10u
/** Bytes read at once, which overlap by less than a footer. */
#define READ_SIZE 4096u

static const uint8_t header_magic[] = {0xfd, '7', 'z', 'X', 'Z', 0};

/** As in Ethernet and zlib. */
static uint32_t crc32(const uint8_t *data, size_t size)
{
	uint32_t crc = UINT32_MAX;

	while (size--) {
		crc ^= *data++;
		for (unsigned bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0xedb88320u : 0);
	}
	return ~crc;
}

/** Whether these bytes, which lie at @p at of the file, are a footer behind an index. */
static bool is_footer(int fd, const uint8_t *bytes, uint64_t at)
{
	uint8_t indicator;

	if (bytes[MAGIC_AT] != 'Y' || bytes[MAGIC_AT + 1] != 'Z' ||
	    hc_read32(bytes, false) != crc32(bytes + 4, MAGIC_AT - 4))
		return false;
	uint64_t index = (hc_read32(bytes + 4, false) + UINT64_C(1)) * 4;
	return index <= at && pread(fd, &indicator, 1, at - index) == 1 && !indicator;
}

/** Whether a stream begins at @p at, or behind zeros there. */
static bool begins_stream(int fd, uint64_t at)
{
	uint8_t bytes[READ_SIZE];
	ssize_t size = pread(fd, bytes, sizeof(bytes), at), pos = 0;

	while (pos < size && !bytes[pos])
		pos++;
	size_t left = size > pos ? size - pos : 0;
	if (left > sizeof(header_magic))
		left = sizeof(header_magic);
	return left && !memcmp(bytes + pos, header_magic, left);
}

uint64_t hc_xz_end(int fd, uint64_t size)
{
	uint64_t least = size > HC_XZ_MAX_REST ? size - HC_XZ_MAX_REST : 0, end = size;
	uint8_t bytes[READ_SIZE];

	while (end >= least + FOOTER_SIZE) {
		size_t num = end - least < READ_SIZE ? end - least : READ_SIZE;
		uint64_t start = end - num;

		if (pread(fd, bytes, num, start) != (ssize_t)num)
			return size;
		for (size_t pos = num - FOOTER_SIZE + 1; pos--;) {
			uint64_t found = start + pos + FOOTER_SIZE;
			if (is_footer(fd, bytes + pos, start + pos))
				return begins_stream(fd, found) ? size : found;
		}
		end = start + FOOTER_SIZE - 1;
	}
	return size;
}
