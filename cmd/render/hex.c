/**
 * @file
 * Hexadecimal lines.
 */
#include "cmd/render/hex.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static void put_byte(char *to, uint8_t byte)
{
	static const char digits[] = "0123456789abcdef";

	to[0] = digits[byte >> 4];
	to[1] = digits[byte & 15];
}

char *hc_hex_digits(struct hc_bytes bytes)
{
	char *ret = malloc(2 * bytes.size + 1);

	if (!ret)
		return NULL;
	for (size_t i = 0; i < bytes.size; i++)
		put_byte(ret + 2 * i, bytes.data[i]);
	ret[2 * bytes.size] = '\0';
	return ret;
}

/** A byte in the column of text. */
static char as_text(uint8_t byte)
{
	return byte >= ' ' && byte < 0x7f ? byte : '.';
}

/** "504f 5354 …  POST…": two bytes a group, as wide as a line of @p full bytes. */
static void print_line(FILE *file, struct hc_bytes bytes, unsigned full)
{
	char line[HC_HEX_LINE / 2 * 5 + 1 + HC_HEX_LINE + 1];
	size_t pos = 0;

	for (size_t i = 0; i < full; i++, pos += 2) {
		if (i < bytes.size)
			put_byte(line + pos, bytes.data[i]);
		else
			memset(line + pos, ' ', 2);
		if (i % 2)
			line[2 + pos++] = ' ';
	}
	line[pos++] = ' ';
	for (size_t i = 0; i < bytes.size; i++)
		line[pos++] = as_text(bytes.data[i]);
	line[pos++] = '\n';
	fwrite(line, 1, pos, file);
}

void hc_hex_print(FILE *file, uint64_t address, struct hc_bytes bytes)
{
	while (bytes.size && !ferror(file)) {
		size_t size = HC_HEX_LINE - address % HC_HEX_LINE;

		if (size > bytes.size)
			size = bytes.size;
		fprintf(file, "%08" PRIx64 ": ", address);
		print_line(file, (struct hc_bytes){bytes.data, size}, HC_HEX_LINE);
		address += size;
		bytes.data += size;
		bytes.size -= size;
	}
}

/** Columns of an address: enough for those of user space. */
#define ADDRESS_WIDTH 14
#define MARKED_WIDTH 13

/** Bytes of a line that fits. */
static unsigned line_size(const struct hc_hex_look *look)
{
	unsigned used = look->mark_size ? MARKED_WIDTH + 3 : ADDRESS_WIDTH + 3;

	for (unsigned size = HC_HEX_LINE; size > 4; size /= 2) {
		unsigned bytes = look->mark_size ? size * 3 : size / 2 * 5;

		if (used + bytes + size <= look->width)
			return size;
	}
	return 4;
}

/** The same byte by byte, those of the field at fault in brackets. */
static void print_marked(FILE *file, uint64_t address, struct hc_bytes line, unsigned full,
			 const struct hc_hex_look *look)
{
	bool inside = false;

	for (size_t i = 0; i < full; i++) {
		bool marked = i < line.size && address + i - look->mark < look->mark_size;
		char digits[] = "  ";

		if (i < line.size)
			put_byte(digits, line.data[i]);
		fputc(marked && !inside ? '[' : inside && !marked ? ']' : ' ', file);
		fputs(digits, file);
		inside = marked;
	}
	fputs(inside ? "] " : "  ", file);
	for (size_t i = 0; i < line.size; i++)
		fputc(as_text(line.data[i]), file);
	fputc('\n', file);
}

void hc_hex_view_print(FILE *file, uint64_t address, struct hc_bytes bytes, struct hc_hex_look look)
{
	unsigned full = line_size(&look);

	for (size_t at = 0; at < bytes.size; at += full) {
		struct hc_bytes line = {bytes.data + at,
					bytes.size - at < full ? bytes.size - at : full};

		if (look.mark_size) {
			fprintf(file, "%*" PRIx64 " ", MARKED_WIDTH, address + at);
			print_marked(file, address + at, line, full, &look);
		} else {
			fprintf(file, "%*" PRIx64 "  ", ADDRESS_WIDTH, address + at);
			print_line(file, line, full);
		}
	}
}
