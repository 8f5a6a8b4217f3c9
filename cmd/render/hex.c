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

/** One line in pairs of bytes, as wide as a full one. */
static void print_pairs(FILE *file, uint64_t address, struct hc_bytes line, unsigned full)
{
	fprintf(file, "%*" PRIx64 "  ", ADDRESS_WIDTH, address);
	for (size_t i = 0; i < full; i++) {
		if (i < line.size)
			fprintf(file, "%02x%s", line.data[i], i % 2 ? " " : "");
		else
			fprintf(file, "  %s", i % 2 ? " " : "");
	}
	fputc(' ', file);
}

/** One line of bytes, those of the field at fault in brackets. */
static void print_marked(FILE *file, uint64_t address, struct hc_bytes line, unsigned full,
			 const struct hc_hex_look *look)
{
	bool inside = false;

	fprintf(file, "%*" PRIx64 " ", MARKED_WIDTH, address);
	for (size_t i = 0; i < full; i++) {
		bool marked = i < line.size && address + i - look->mark < look->mark_size;
		fputc(marked && !inside ? '[' : inside && !marked ? ']' : ' ', file);
		inside = marked;
		if (i < line.size)
			fprintf(file, "%02x", line.data[i]);
		else
			fputs("  ", file);
	}
	fputs(inside ? "] " : "  ", file);
}

void hc_hex_view_print(FILE *file, uint64_t address, struct hc_bytes bytes, struct hc_hex_look look)
{
	unsigned full = line_size(&look);

	for (size_t at = 0; at < bytes.size; at += full) {
		struct hc_bytes line = {bytes.data + at,
					bytes.size - at < full ? bytes.size - at : full};

		if (look.mark_size)
			print_marked(file, address + at, line, full, &look);
		else
			print_pairs(file, address + at, line, full);
		for (size_t i = 0; i < line.size; i++)
			fputc(line.data[i] >= ' ' && line.data[i] < 0x7f ? line.data[i] : '.',
			      file);
		fputc('\n', file);
	}
}
