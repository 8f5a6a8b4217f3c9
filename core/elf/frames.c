/**
 * @file
 * Walking the frames of a zstd file (RFC 8878), or of lz4's; see frames.h.
 */
#include "core/elf/frames.h"

#include <unistd.h>

#define FRAME_MAGIC 0xfd2fb528u
#define LZ4_MAGIC 0x184d2204u
#define SKIPPABLE_MAGIC 0x184d2a50u
#define SKIPPABLE_MASK 0xfffffff0u
#define SKIPPABLE_HEADER 8u
#define CHECKSUM_BYTES 4u

enum block_type { BLOCK_RAW, BLOCK_RLE, BLOCK_COMPRESSED, BLOCK_RESERVED };

size_t hc_frames_skip(struct hc_bytes head)
{
	size_t pos = 0;

	while (head.size - pos >= SKIPPABLE_HEADER) {
		uint32_t magic = hc_read32(head.data + pos, false);
		uint64_t size = SKIPPABLE_HEADER + (uint64_t)hc_read32(head.data + pos + 4, false);
		if ((magic & SKIPPABLE_MASK) != SKIPPABLE_MAGIC || size > head.size - pos)
			break;
		pos += size;
	}
	return pos;
}

static bool read_at(int fd, uint64_t offset, uint8_t *buffer, size_t size)
{
	return pread(fd, buffer, size, offset) == (ssize_t)size;
}

/** Bytes of a frame's header, its magic included, by the descriptor behind that. */
static unsigned header_size(uint8_t descriptor)
{
	static const uint8_t dictionary[] = {0, 1, 2, 4}, content[] = {0, 2, 4, 8};
	bool single = descriptor >> 5 & 1;
	unsigned size = content[descriptor >> 6];

	if (single && !size)
		size = 1;
	return 4 + 1 + !single + dictionary[descriptor & 3] + size;
}

/** The end of a frame that begins at @p at; 0: it has none in the file. */
static uint64_t frame_end(int fd, uint64_t at, uint64_t size)
{
	uint8_t bytes[5];

	if (!read_at(fd, at, bytes, sizeof(bytes)))
		return 0;
	bool checksum = bytes[4] >> 2 & 1, last = false;
	for (at += header_size(bytes[4]); !last;) {
		if (!read_at(fd, at, bytes, 3))
			return 0;
		uint32_t header = bytes[0] | bytes[1] << 8 | (uint32_t)bytes[2] << 16;
		enum block_type type = header >> 1 & 3;
		if (type == BLOCK_RESERVED)
			return 0;
		last = header & 1;
		at += 3 + (type == BLOCK_RLE ? 1 : header >> 3);
	}
	at += checksum ? CHECKSUM_BYTES : 0;
	return at <= size ? at : 0;
}

/** The same for a frame of lz4 (its Frame Format, 1.6). */
static uint64_t lz4_frame_end(int fd, uint64_t at, uint64_t size)
{
	enum { DICTIONARY = 1, CHECKSUM = 4, CONTENT_SIZE = 8, BLOCK_CHECKSUM = 16 };
	uint8_t bytes[5];

	if (!read_at(fd, at, bytes, sizeof(bytes)))
		return 0;
	uint8_t flags = bytes[4];
	at += 4 + 2 + (flags & CONTENT_SIZE ? 8 : 0) + (flags & DICTIONARY ? 4 : 0) + 1;
	for (;;) {
		if (!read_at(fd, at, bytes, 4))
			return 0;
		uint32_t block = hc_read32(bytes, false);
		at += 4;
		if (!block)
			break;
		/* The highest bit: it is not compressed. */
		at += (block & 0x7fffffff) + (flags & BLOCK_CHECKSUM ? CHECKSUM_BYTES : 0);
	}
	at += flags & CHECKSUM ? CHECKSUM_BYTES : 0;
	return at <= size ? at : 0;
}

uint64_t hc_frames_end(int fd, uint64_t size)
{
	uint64_t at = 0, end;
	uint8_t bytes[SKIPPABLE_HEADER];

	while (at < size) {
		if (!read_at(fd, at, bytes, 4))
			return at;
		uint32_t magic = hc_read32(bytes, false);
		if ((magic & SKIPPABLE_MASK) == SKIPPABLE_MAGIC) {
			if (!read_at(fd, at, bytes, sizeof(bytes)))
				return at;
			end = at + SKIPPABLE_HEADER + hc_read32(bytes + 4, false);
			end = end <= size ? end : 0;
		} else if (magic == FRAME_MAGIC) {
			end = frame_end(fd, at, size);
		} else if (magic == LZ4_MAGIC) {
			end = lz4_frame_end(fd, at, size);
		} else {
			return at ? at : size;
		}
		if (!end)
			return size;
		at = end;
	}
	return size;
}

unsigned hc_frames_window(int fd, uint64_t offset)
{
	enum { SMALLEST_WINDOW = 10 }; /* log2 */
	uint8_t bytes[6];

	if (!read_at(fd, offset, bytes, sizeof(bytes)) || hc_read32(bytes, false) != FRAME_MAGIC ||
	    bytes[4] >> 5 & 1)
		return 0;
	return SMALLEST_WINDOW + (bytes[5] >> 3);
}
