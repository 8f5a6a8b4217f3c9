/**
 * @file
 * Fuzz target: symbols of Rust and C++, one a line.
 */
#include "fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "analyzers/types/demangle.h"
#include "core/base/cleanup.h"

static void translate(const char *symbol, bool full)
{
	hc_cleanup_free char *name = hc_demangle_symbol(symbol, full);

	if (name && strcmp(name, symbol) && strlen(name) > HC_MAX_DEMANGLED)
		abort(); /* longer than it may be */
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	hc_cleanup_free char *text = strndup((const char *)data, size);
	char *rest = text;

	for (char *symbol; text && (symbol = strsep(&rest, "\n"));) {
		translate(symbol, true);
		translate(symbol, false);
	}
	return 0;
}
