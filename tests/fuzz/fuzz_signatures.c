/**
 * @file
 * Fuzz target: signature files. What is accepted must have an order of precedence and names that
 * lead to their classes, and is tried on its own examples, whatever comes out of that.
 */
#include "fuzz.h"

#include <stdlib.h>

#include "analyzers/content/signature_examples.h"

static void on_example(void *ctx, const struct hc_class *signature,
		       const struct hc_example *example, bool passed, const struct hc_class *got)
{
	(void)ctx;
	(void)passed;
	if (!signature->name || (example->bytes.size && !example->bytes.data))
		abort();
	if (got && !got->description)
		abort();
}

static void check(const struct hc_signatures *signatures)
{
	size_t num = hc_signatures_num_classes(signatures);

	if (!num || num > HC_MAX_CLASSES)
		abort();
	for (hc_class_id i = 0; i < num; i++) {
		const struct hc_class *class = hc_signatures_class(signatures, i);

		if (hc_signatures_find(signatures, class->name) != i)
			abort(); /* two of one name */
		if (i > 1 && class->priority > hc_signatures_class(signatures, i - 1)->priority)
			abort(); /* out of order */
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hc_signatures *signatures;
	struct hc_error *err =
		hc_signatures_parse("fuzz.ini", (struct hc_bytes){data, size}, &signatures);

	if (!err) {
		check(signatures);
		err = hc_signatures_test(signatures, NULL, on_example, NULL);
		hc_signatures_destroy(signatures);
	}
	hc_error_destroy(err);
	return 0;
}
