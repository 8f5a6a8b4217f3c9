/**
 * @file
 * CSV; see csv.h.
 */
#include <string.h>

#include "cmd/render/csv.h"

void hc_csv_field(FILE *file, const char *text)
{
	if (!strpbrk(text, ",\"\r\n")) {
		fputs(text, file);
		return;
	}
	fputc('"', file);
	for (const char *p = text; *p; p++) {
		if (*p == '"')
			fputc('"', file);
		fputc(*p, file);
	}
	fputc('"', file);
}
