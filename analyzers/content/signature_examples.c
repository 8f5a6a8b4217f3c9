/**
 * @file
 * Trying examples; see signature_examples.h.
 */
#include "analyzers/content/signature_examples.h"

#include <elf.h>
#include <stdlib.h>

#include "analyzers/content/classifier.h"
#include "analyzers/content/secrets.h"
#include "core/base/cleanup.h"

#define MAPPED_START UINT64_C(0x10000000)
#define MAPPED_END UINT64_C(0x20000000)
/** Usable bytes of the smallest chunk, and what malloc rounds to, on 64-bit machines. */
#define LEAST_USABLE 24
#define ALIGNMENT 16

struct test {
	const char *path;
	hc_signature_test_fn fn;
	void *ctx;
	struct hc_classifier *classifier;
	struct hc_classifier_scratch *scratch;
	struct hc_masker *masker;
};

static void test_deinit(struct test *test)
{
	hc_classifier_scratch_destroy(test->scratch);
	hc_classifier_destroy(test->classifier);
	hc_masker_destroy(test->masker);
}

/** Copy an example to a chunk of its own, so that reading too far is seen by a sanitizer. */
static struct hc_error *make_chunk(const struct hc_example *example, uint8_t **ret,
				   size_t *size_ret)
{
	size_t size = (example->bytes.size + 8 + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT - 8;

	if (size < LEAST_USABLE)
		size = LEAST_USABLE;
	*ret = calloc(1, size);
	if (!*ret)
		return &hc_enomem;
	memcpy(*ret, example->bytes.data, example->bytes.size);
	*size_ret = size;
	return NULL;
}

static struct hc_error *test_class(const struct test *test, const struct hc_class *class,
				   const struct hc_example *example)
{
	hc_cleanup_free uint8_t *chunk = NULL;
	size_t size;
	struct hc_error *err = make_chunk(example, &chunk, &size);

	if (err)
		return err;
	hc_class_id id =
		hc_classify(test->classifier, test->scratch, (struct hc_bytes){chunk, size});
	const struct hc_class *got = hc_class_of(test->classifier, id);

	test->fn(test->ctx, class, example, (got == class) == example->positive, got);
	return NULL;
}

static struct hc_error *test_secret(const struct test *test, const struct hc_class *secret,
				    const struct hc_example *example)
{
	struct hc_masked masked;
	struct hc_error *err = hc_masker_mask(test->masker, example->bytes, example->bytes,
					      HC_MASK_SHORT, &masked);

	if (err)
		return err;
	free(masked.bytes);
	test->fn(test->ctx, secret, example, (masked.num > 0) == example->positive, NULL);
	return NULL;
}

static struct hc_error *test_signature(const struct test *test, const struct hc_class *signature)
{
	struct hc_error *err = NULL;

	if (test->path && strcmp(test->path, signature->path))
		return NULL;
	for (size_t i = 0; !err && i < signature->num_examples; i++) {
		err = signature->kind == HC_SIGNATURE_SECRET
			      ? test_secret(test, signature, &signature->examples[i])
			      : test_class(test, signature, &signature->examples[i]);
	}
	return err;
}

struct hc_error *hc_signatures_test(const struct hc_signatures *signatures, const char *path,
				    hc_signature_test_fn fn, void *ctx)
{
	struct hc_mapping mapping = {
		.start = MAPPED_START, .end = MAPPED_END, .flags = PF_R | PF_W, .anonymous = true};
	struct hc_process process = {
		.memory.word_size = 8, .mappings = {.items = &mapping, .num = 1}, .jobs = 1};
	hc_cleanup(test_deinit) struct test test = {path, fn, ctx};
	struct hc_error *err = hc_classifier_create(&process, NULL, signatures, HC_LITERALS_AUTO,
						    &test.classifier);

	if (!err)
		err = hc_classifier_scratch_create(test.classifier, &test.scratch);
	if (!err)
		err = hc_masker_create(signatures, &test.masker);
	for (size_t i = 0; !err && i < hc_signatures_num_classes(signatures); i++)
		err = test_signature(&test, hc_signatures_class(signatures, i));
	for (size_t i = 0; !err && i < hc_signatures_num_secrets(signatures); i++)
		err = test_signature(&test, hc_signatures_secret(signatures, i));
	return err;
}
