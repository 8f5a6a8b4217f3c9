/**
 * @file
 * The checked readers of the cursor: each looks at what is left before it touches anything.
 */
#include "core/base/bytes.h"

#include <inttypes.h>
#include <stdio.h>

struct hc_amount hc_amount(uint64_t bytes)
{
	static const char *const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	struct hc_amount ret;
	double value = bytes / 1024.0;
	size_t unit = 0;

	if (bytes < 1024) {
		snprintf(ret.text, sizeof(ret.text), "%u bytes", (unsigned)bytes);
		return ret;
	}
	for (; value >= 1024 && unit + 1 < sizeof(units) / sizeof(units[0]); unit++)
		value /= 1024;
	snprintf(ret.text, sizeof(ret.text), "%.1f %s", value, units[unit]);
	return ret;
}

void hc_cursor_init(struct hc_cursor *cursor, struct hc_bytes bytes, uint64_t file_offset,
		    const char *what)
{
	*cursor = (struct hc_cursor){
		.pos = bytes.data,
		.end = bytes.size ? bytes.data + bytes.size : bytes.data,
		.start = bytes.data,
		.file_offset = file_offset,
		.what = what,
	};
}

static struct hc_error *cursor_need(const struct hc_cursor *cursor, size_t size)
{
	if (size <= hc_cursor_left(cursor))
		return NULL;
	return hc_error_create(
		HC_ERROR_FORMAT,
		"%s: %zu bytes expected at file offset 0x%" PRIx64 ", but only %zu are left",
		cursor->what, size, cursor->file_offset + (uint64_t)(cursor->pos - cursor->start),
		hc_cursor_left(cursor));
}

struct hc_error *hc_cursor_u32(struct hc_cursor *cursor, uint32_t *ret)
{
	struct hc_error *err = cursor_need(cursor, sizeof(uint32_t));
	if (err)
		return err;
	*ret = hc_read32(cursor->pos, cursor->big_endian);
	cursor->pos += sizeof(uint32_t);
	return NULL;
}

struct hc_error *hc_cursor_u64(struct hc_cursor *cursor, uint64_t *ret)
{
	return hc_cursor_word(cursor, sizeof(uint64_t), ret);
}

struct hc_error *hc_cursor_word(struct hc_cursor *cursor, unsigned word_size, uint64_t *ret)
{
	struct hc_error *err = cursor_need(cursor, word_size);
	if (err)
		return err;
	*ret = hc_read_word(cursor->pos, word_size, cursor->big_endian);
	cursor->pos += word_size;
	return NULL;
}

struct hc_error *hc_cursor_bytes(struct hc_cursor *cursor, size_t size, struct hc_bytes *ret)
{
	struct hc_error *err = cursor_need(cursor, size);
	if (err)
		return err;
	*ret = (struct hc_bytes){.data = cursor->pos, .size = size};
	cursor->pos += size;
	return NULL;
}

struct hc_error *hc_cursor_skip(struct hc_cursor *cursor, size_t size)
{
	struct hc_bytes ignored;
	return hc_cursor_bytes(cursor, size, &ignored);
}

struct hc_error *hc_cursor_string(struct hc_cursor *cursor, const char **ret)
{
	size_t left = hc_cursor_left(cursor);
	const uint8_t *nul = left ? memchr(cursor->pos, '\0', left) : NULL;
	if (!nul) {
		return hc_error_create(
			HC_ERROR_FORMAT, "%s: the string at file offset 0x%" PRIx64 " has no end",
			cursor->what,
			cursor->file_offset + (uint64_t)(cursor->pos - cursor->start));
	}
	*ret = (const char *)cursor->pos;
	cursor->pos = nul + 1;
	return NULL;
}
