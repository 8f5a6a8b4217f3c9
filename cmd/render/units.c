/**
 * @file
 * Numbers for people; see units.h.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cmd/render/units.h"

struct hc_unit hc_unit_bytes(uint64_t bytes)
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	struct hc_unit ret;
	double value = bytes;
	unsigned unit = 0;

	/* 1023.5 would print as "1024": step up before the rounding does. */
	while (value >= 1023.5 && unit < sizeof(units) / sizeof(units[0]) - 1) {
		value /= 1024;
		unit++;
	}
	int decimals = unit == 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
	snprintf(ret.text, sizeof(ret.text), "%.*f %s", decimals, value, units[unit]);
	return ret;
}

struct hc_unit hc_unit_count(uint64_t count)
{
	char digits[24];
	int len = snprintf(digits, sizeof(digits), "%" PRIu64, count);
	struct hc_unit ret;
	size_t out = 0;

	for (int i = 0; i < len; i++) {
		if (i && (len - i) % 3 == 0)
			ret.text[out++] = ',';
		ret.text[out++] = digits[i];
	}
	ret.text[out] = '\0';
	return ret;
}

struct hc_unit hc_unit_share(double share)
{
	struct hc_unit ret;
	double percent = share * 100;

	if (percent > 0 && percent < 0.5)
		strcpy(ret.text, "<1 %");
	else if (percent > 99.5 && percent < 100)
		strcpy(ret.text, ">99 %");
	else
		snprintf(ret.text, sizeof(ret.text), "%.0f %%", percent);
	return ret;
}

struct hc_unit hc_unit_address(uint64_t address)
{
	struct hc_unit ret;

	snprintf(ret.text, sizeof(ret.text), "0x%" PRIx64, address);
	return ret;
}

double hc_share(uint64_t part, uint64_t whole)
{
	return whole ? (double)part / whole : 0;
}
