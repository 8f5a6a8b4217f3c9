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

/** Print bytes that lie at @p address. */
void hc_hex_print(FILE *file, uint64_t address, struct hc_bytes bytes);

#endif
