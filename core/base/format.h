/**
 * @file
 * Texts by a format, as values: asprintf(3) without its way of saying that there is no memory.
 */
#ifndef HC_CORE_BASE_FORMAT_H
#define HC_CORE_BASE_FORMAT_H

#include <stdarg.h>

/** @return freed by the caller; NULL without memory */
char *hc_format(const char *format, ...) __attribute__((format(printf, 1, 2)));
char *hc_vformat(const char *format, va_list ap) __attribute__((format(printf, 1, 0)));

#endif
