/**
 * @file
 * Numbers for people: binary units, thousands separators, shares.
 *
 * Each call returns its text by value, so that several can stand in one printf() call. JSON and CSV
 * never use these: programs get plain integers.
 */
#ifndef HC_CMD_RENDER_UNITS_H
#define HC_CMD_RENDER_UNITS_H

#include <stdint.h>

/** A short text, by value. */
struct hc_unit {
	char text[32];
};

/** "528 B", "32.1 MiB", "1.01 GiB": three significant digits above 1023 bytes. */
struct hc_unit hc_unit_bytes(uint64_t bytes);

/** "1,019,571". */
struct hc_unit hc_unit_count(uint64_t count);

/** "95 %"; "<1 %" and ">99 %" for what would round to none or all without being it. */
struct hc_unit hc_unit_share(double share);

/** "0x55d0c2a0". */
struct hc_unit hc_unit_address(uint64_t address);

/** @p part / @p whole, 0 when there is no whole. */
double hc_share(uint64_t part, uint64_t whole);

#endif
