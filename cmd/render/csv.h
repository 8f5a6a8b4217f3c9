/**
 * @file
 * CSV as RFC 4180 has it, with plain newlines: a field with a comma, a quote or a line break is
 * quoted.
 */
#ifndef HC_CMD_RENDER_CSV_H
#define HC_CMD_RENDER_CSV_H

#include <stdio.h>

/** Write one field, quoted when it must be. */
void hc_csv_field(FILE *file, const char *text);

#endif
