/**
 * @file
 * Names of Rust as people write them, from symbols of a foreign process.
 *
 * rustc has two ways to make symbols. The older one borrows that of C++ and ends in a hash:
 * "_ZN3app5cache17h0123456789abcdefE" is "app::cache". The other, "v0" (RFC 2603), has a grammar of
 * its own that tells types, too: "_RNvCs1234_3app5cache". What tells one build of a name from
 * another, hashes and disambiguators of crates, is left out, as are the types of constants.
 *
 * Back references of v0 may stand for more text than there is memory, and nest: so text, steps and
 * depth are bounded, and what exceeds them is no name. Identifiers beyond ASCII stay as they are
 * encoded: "punycode{mnchen-3ya}".
 */
#ifndef HC_ANALYZERS_TYPES_RUST_NAME_H
#define HC_ANALYZERS_TYPES_RUST_NAME_H

#include "core/base/error.h"

/**
 * Translate.
 *
 * @param[out] ret to be freed by the caller; NULL: the symbol is no name of Rust's, or one that
 * exceeds a bound
 */
struct hc_error *hc_rust_demangle(const char *symbol, char **ret);

#endif
