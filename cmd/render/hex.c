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
