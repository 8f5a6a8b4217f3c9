/**
 * @file
 * Hexadecimal lines.
 */
#include "cmd/render/hex.h"

#include <inttypes.h>

/** "7f3a10: 504f 5354 …  POST…": two bytes a group, all groups as wide as a full line. */
static void print_line(FILE *file, uint64_t address, const uint8_t *bytes, size_t size)
{
	static const char digits[] = "0123456789abcdef";
	char line[HC_HEX_LINE / 2 * 5 + 1 + HC_HEX_LINE + 1];
	size_t pos = 0;

	for (size_t i = 0; i < HC_HEX_LINE; i++) {
		line[pos++] = i < size ? digits[bytes[i] >> 4] : ' ';
		line[pos++] = i < size ? digits[bytes[i] & 15] : ' ';
		if (i % 2)
			line[pos++] = ' ';
	}
	line[pos++] = ' ';
	for (size_t i = 0; i < size; i++)
		line[pos++] = bytes[i] >= ' ' && bytes[i] < 0x7f ? bytes[i] : '.';
	line[pos++] = '\n';
	fprintf(file, "%08" PRIx64 ": ", address);
	fwrite(line, 1, pos, file);
}

void hc_hex_print(FILE *file, uint64_t address, struct hc_bytes bytes)
{
	while (bytes.size && !ferror(file)) {
		size_t size = HC_HEX_LINE - address % HC_HEX_LINE;

		if (size > bytes.size)
			size = bytes.size;
		print_line(file, address, bytes.data, size);
		address += size;
		bytes.data += size;
		bytes.size -= size;
	}
}

/** One line in pairs of bytes. */
static void print_pairs(FILE *file, uint64_t address, const uint8_t *data, size_t size)
{
	fprintf(file, "%14" PRIx64 "  ", address);
	for (size_t i = 0; i < HC_HEX_LINE; i++) {
		if (i < size)
			fprintf(file, "%02x%s", data[i], i % 2 ? " " : "");
		else
			fprintf(file, "  %s", i % 2 ? " " : "");
	}
	fputc(' ', file);
}

/** One line of bytes, those of the field at fault in brackets. */
static void print_marked(FILE *file, uint64_t address, struct hc_bytes line, uint64_t mark,
			 unsigned mark_size)
{
	bool inside = false;

	fprintf(file, "%17" PRIx64 " ", address);
	for (size_t i = 0; i < HC_HEX_LINE; i++) {
		bool marked = i < line.size && address + i - mark < mark_size;
		fputc(marked && !inside ? '[' : inside && !marked ? ']' : ' ', file);
		inside = marked;
		if (i < line.size)
			fprintf(file, "%02x", line.data[i]);
		else
			fputs("  ", file);
	}
	fputs(inside ? "] " : "  ", file);
}

void hc_hex_view_print(FILE *file, uint64_t address, struct hc_bytes bytes, uint64_t mark,
		       unsigned mark_size)
{
	for (size_t at = 0; at < bytes.size; at += HC_HEX_LINE) {
		const uint8_t *data = bytes.data + at;
		size_t size = bytes.size - at < HC_HEX_LINE ? bytes.size - at : HC_HEX_LINE;

		if (mark_size)
			print_marked(file, address + at, (struct hc_bytes){data, size}, mark,
				     mark_size);
		else
			print_pairs(file, address + at, data, size);
		for (size_t i = 0; i < size; i++)
			fputc(data[i] >= ' ' && data[i] < 0x7f ? data[i] : '.', file);
		fputc('\n', file);
	}
}
