/**
 * @file
 * Calling the demangler of libstdc++, and that of Rust's names; see demangle.h for what the first
 * must be spared.
 */
#include "analyzers/types/demangle.h"

#include <stdlib.h>
#include <string.h>

#include "analyzers/types/rust_name.h"
#include "analyzers/types/short_name.h"
#include "core/base/cleanup.h"

/** From <cxxabi.h>, which only C++ can include. */
extern char *__cxa_demangle(const char *mangled, char *buf, size_t *size, int *status);

enum { DEMANGLE_OK = 0, DEMANGLE_NO_MEMORY = -1 };

/** S_, S0_, SA_, T_, T0_…: a reference to an earlier part; St, Sa, Ss… are abbreviations. */
static bool is_back_reference(const char *text)
{
	if (text[0] != 'S' && text[0] != 'T')
		return false;
	return text[1] == '_' || (text[1] >= '0' && text[1] <= '9') ||
	       (text[0] == 'S' && text[1] >= 'A' && text[1] <= 'Z');
}

bool hc_demangle_is_safe(const char *mangled)
{
	size_t size = strnlen(mangled, HC_MAX_DEMANGLED_FROM + 1), references = 0;

	if (size > HC_MAX_DEMANGLED_FROM)
		return false;
	for (const char *pos = mangled; *pos; pos++)
		references += is_back_reference(pos);
	return references <= HC_MAX_BACK_REFERENCES;
}

char *hc_demangle_type(const char *mangled)
{
	int status = DEMANGLE_OK;
	hc_cleanup_free char *text =
		hc_demangle_is_safe(mangled) ? __cxa_demangle(mangled, NULL, NULL, &status) : NULL;

	if (status == DEMANGLE_NO_MEMORY)
		return NULL;
	if (!text || strnlen(text, HC_MAX_DEMANGLED + 1) > HC_MAX_DEMANGLED)
		return strdup(mangled);
	return hc_steal(text);
}

/** @return to be freed by the caller; NULL without memory */
static char *demangle(const char *symbol)
{
	char *text;
	hc_cleanup_error struct hc_error *err = hc_rust_demangle(symbol, &text);

	if (err || text)
		return text;
	return strncmp(symbol, "_Z", 2) ? strdup(symbol) : hc_demangle_type(symbol);
}

char *hc_demangle_symbol(const char *symbol, bool full)
{
	char *text = demangle(symbol);

	if (!text || full)
		return text;
	hc_cleanup_free char *name = text;
	return hc_short_type_name(name);
}

char *hc_demangle_function(const char *symbol, bool full)
{
	hc_cleanup_free char *bare = strndup(symbol, strcspn(symbol, "@"));

	return bare ? hc_demangle_symbol(bare, full) : NULL;
}
