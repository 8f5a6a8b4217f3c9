/**
 * @file
 * Foreign bytes: a view, and a cursor that reads it with bounds first.
 *
 * The byte order of words that a process left is its machine's: it goes along as @p big_endian with
 * the word size. What is little-endian by definition (a protocol, a hash) is read without it.
 * Nothing is assumed about alignment.
 */
#ifndef HC_CORE_BASE_BYTES_H
#define HC_CORE_BASE_BYTES_H

#include <endian.h>
#include <string.h>

#include "core/base/error.h"

/** Bytes that somebody else owns. */
struct hc_bytes {
	const uint8_t *data;
	size_t size; /**< bytes */
};

static inline uint16_t hc_load16(const void *p)
{
	uint16_t v;
	memcpy(&v, p, sizeof(v));
	return le16toh(v);
}

static inline uint32_t hc_load32(const void *p)
{
	uint32_t v;
	memcpy(&v, p, sizeof(v));
	return le32toh(v);
}

static inline uint64_t hc_load64(const void *p)
{
	uint64_t v;
	memcpy(&v, p, sizeof(v));
	return le64toh(v);
}

/** @name In the byte order of a machine */
/**@{*/
static inline uint16_t hc_read16(const void *p, bool big_endian)
{
	uint16_t v = hc_load16(p);
	return big_endian ? __builtin_bswap16(v) : v;
}

static inline uint32_t hc_read32(const void *p, bool big_endian)
{
	uint32_t v = hc_load32(p);
	return big_endian ? __builtin_bswap32(v) : v;
}

static inline uint64_t hc_read64(const void *p, bool big_endian)
{
	uint64_t v = hc_load64(p);
	return big_endian ? __builtin_bswap64(v) : v;
}

/** A word of @p word_size (4 or 8) bytes. */
static inline uint64_t hc_read_word(const void *p, unsigned word_size, bool big_endian)
{
	return word_size == 8 ? hc_read64(p, big_endian) : hc_read32(p, big_endian);
}
/**@}*/

/** Whether there are bytes, and all of them are 0. */
static inline bool hc_is_zero(struct hc_bytes bytes)
{
	/* The first byte is 0 and every other equals the one before it. */
	return bytes.size && bytes.data[0] == 0 && (bytes.size < 8 || hc_load64(bytes.data) == 0) &&
	       memcmp(bytes.data, bytes.data + 1, bytes.size - 1) == 0;
}

/** The value of a hexadecimal digit in either case; 16: it is none. */
static inline unsigned hc_hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : 16;
}

/** A number of bytes in words, for messages: "1.5 MiB". */
struct hc_amount {
	char text[24];
};

struct hc_amount hc_amount(uint64_t bytes);

/** A position in foreign bytes. Invariant: pos <= end. */
struct hc_cursor {
	const uint8_t *pos;
	const uint8_t *end;
	const uint8_t *start; /**< for offsets in messages */
	uint64_t file_offset; /**< of @ref start in the file */
	const char *what;     /**< "note area", "program headers", …: for messages */
	bool big_endian;      /**< byte order of what is read; set it after hc_cursor_init() */
};

void hc_cursor_init(struct hc_cursor *cursor, struct hc_bytes bytes, uint64_t file_offset,
		    const char *what);

static inline size_t hc_cursor_left(const struct hc_cursor *cursor)
{
	return cursor->end - cursor->pos;
}

/** Read and step; @ref HC_ERROR_FORMAT naming the file offset when there are not enough bytes. */
struct hc_error *hc_cursor_u32(struct hc_cursor *cursor, uint32_t *ret);
struct hc_error *hc_cursor_u64(struct hc_cursor *cursor, uint64_t *ret);
struct hc_error *hc_cursor_word(struct hc_cursor *cursor, unsigned word_size, uint64_t *ret);
struct hc_error *hc_cursor_bytes(struct hc_cursor *cursor, size_t size, struct hc_bytes *ret);
struct hc_error *hc_cursor_skip(struct hc_cursor *cursor, size_t size);
/** A NUL-terminated string inside the view. */
struct hc_error *hc_cursor_string(struct hc_cursor *cursor, const char **ret);

#endif
