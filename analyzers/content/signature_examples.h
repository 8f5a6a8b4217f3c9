/**
 * @file
 * Signatures against their own examples: what `heapcore signatures --test` does.
 *
 * An example must get the class of its section from the whole set, a counterexample must not.
 * Examples are padded with zeros to the size that malloc would give, and addresses from 0x10000000
 * to 0x1fffffff count as mapped. The examples of a secret must have something masked.
 */
#ifndef HC_ANALYZERS_CONTENT_SIGNATURE_EXAMPLES_H
#define HC_ANALYZERS_CONTENT_SIGNATURE_EXAMPLES_H

#include "analyzers/content/signatures.h"

/**
 * What came out of one example.
 *
 * @param got the class that it was given; NULL for a secret
 */
typedef void (*hc_signature_test_fn)(void *ctx, const struct hc_class *signature,
				     const struct hc_example *example, bool passed,
				     const struct hc_class *got);

/**
 * Try all examples of the signatures that come from @p path (NULL: of all), classes first.
 */
struct hc_error *hc_signatures_test(const struct hc_signatures *signatures, const char *path,
				    hc_signature_test_fn fn, void *ctx);

#endif
