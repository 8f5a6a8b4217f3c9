/**
 * @file
 * Names of C++ and Rust as people write them, from mangled names of a foreign process. Those of
 * Rust are translated by rust_name.h.
 *
 * Of C++, the work is done by __cxa_demangle() of the C++ runtime, which trusts what it reads: a
 * few hundred bytes of nested back references can stand for gigabytes of text. So it is called only
 * for names that are short, and that have few back references; every other name stays as it is.
 */
#ifndef HC_ANALYZERS_TYPES_DEMANGLE_H
#define HC_ANALYZERS_TYPES_DEMANGLE_H

#include <stdbool.h>

/** Longest mangled name that is kept at all, bytes. */
#define HC_MAX_MANGLED 4096

/** Longest mangled name that is translated, bytes. */
#define HC_MAX_DEMANGLED_FROM 1024

/** Longest translation that is used, bytes; a longer one would tell a reader nothing. */
#define HC_MAX_DEMANGLED 4096

/**
 * Back references that a name may have. Each level of nesting that doubles or triples the text
 * takes two or three of them, so that n of them make it at most about 3^(n/3) times as long. Of the
 * 34,000 vtables that the libraries of a Debian system export, none has more than 16 in its name.
 */
#define HC_MAX_BACK_REFERENCES 24

/** Whether it is safe to translate a mangled name. */
bool hc_demangle_is_safe(const char *mangled);

/**
 * Translate the mangled name of a type ("N3app7SessionE", without _Z): "app::Session". What can't
 * be translated is returned unchanged.
 *
 * @return to be freed by the caller; NULL without memory
 */
char *hc_demangle_type(const char *mangled);

/**
 * The same for a symbol ("_ZN3app5cacheE"), also one of Rust; names of C stay as they are.
 *
 * @param full leave it as the compiler spells it; else it is short_name.h's
 */
char *hc_demangle_symbol(const char *symbol, bool full);

/**
 * The same without the version that a dynamic symbol carries: "pause", not "pause@@GLIBC_2.2.5".
 */
char *hc_demangle_function(const char *symbol, bool full);

#endif
