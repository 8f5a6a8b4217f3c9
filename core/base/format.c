/**
 * @file
 * Texts by a format, as values.
 */
#include "core/base/format.h"

#include <stdio.h>

char *hc_vformat(const char *format, va_list ap)
{
	char *text;

	return vasprintf(&text, format, ap) < 0 ? NULL : text;
}

char *hc_format(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	char *text = hc_vformat(format, ap);
	va_end(ap);
	return text;
}
