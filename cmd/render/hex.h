/**
 * @file
 * Bytes in hexadecimal, as xxd(1) prints them, with addresses for offsets.
 *
 * A line begins at a multiple of 16 of the address, or where the bytes begin, so that the lines of
 * neighbouring pieces agree. `xxd -r` reads it back.
 */
#ifndef HC_CMD_RENDER_HEX_H
#define HC_CMD_RENDER_HEX_H

#include <stdio.h>

#include "core/base/bytes.h"

#define HC_HEX_LINE 16

/** Two digits a byte, and nothing else. @return freed by the caller; NULL without memory */
char *hc_hex_digits(struct hc_bytes bytes);

/** Print bytes that lie at @p address. */
void hc_hex_print(FILE *file, uint64_t address, struct hc_bytes bytes);

/** How people see bytes. */
struct hc_hex_look {
	unsigned width;     /**< columns of the screen */
	uint64_t mark;      /**< address of a field that stands in brackets */
	unsigned mark_size; /**< of it, bytes; 0: there is none */
};

/**
 * Print bytes for people, in lines that begin where the bytes do: as pairs or, with a field that is
 * marked, byte by byte with the field in brackets. A line has 16 bytes, or 8 or 4 on a narrow
 * screen.
 */
void hc_hex_view_print(FILE *file, uint64_t address, struct hc_bytes bytes,
		       struct hc_hex_look look);

#endif
